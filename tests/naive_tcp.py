"""TCP at a probe, told plainly: the twin of `kernels.tcp`, from the rules in its docstring and from RFC 9293.

A connection keeps for each direction what was seen; each packet adds to the counts of the row that it falls into.
"""

from dataclasses import dataclass, field

from tests.rows import ACK, FIN, RST, SYN, Packet

MOD = 2**32
UNKNOWN_REORDERING = 3_000_000
MOST_HOLES = 4
BEFORE = 2**20  # octets that may still come before the first one seen of a connection in progress
REPEATED = 2**24  # octets after which the same SYN may still come again
OUTCOMES = ("", "success", "refused", "no_answer", "client_abort", "half_open")


def diff(a: int, b: int) -> int:
    """a - b on the circle of sequence numbers."""
    return (a - b + MOD // 2) % MOD - MOD // 2


@dataclass
class Counts:
    """What a row tells of one direction."""

    retransmitted: int = 0
    retransmitted_bytes: int = 0
    out_of_order: int = 0
    duplicate: int = 0
    holes: int = 0
    zero_window: int = 0
    resets: int = 0
    round_trips: list[int] = field(default_factory=list)


@dataclass
class Side:
    """What was seen of one direction."""

    next: int | None = None
    acknowledged: int | None = None
    missing: list[tuple[int, int, int]] = field(default_factory=list)  # start, end, when it was passed over
    timed: tuple[int, int] | None = None  # end of a segment whose acknowledgement is awaited, and its time
    last: tuple[int, int, int] | None = None  # IP identification, sequence number, payload
    fin: bool = False


@dataclass
class Handshake:
    """How far the opening of the connection is."""

    state: str = "none"  # none, syn, syn_ack, done
    syns: list[int] = field(default_factory=list)
    syn_acks: list[int] = field(default_factory=list)


class Tcp:
    """One connection; `counts` are those of the row in the making, put there by whoever cuts rows."""

    def __init__(self, initiator: int) -> None:
        self.initiator = initiator
        self.sides = (Side(), Side())
        self.handshake = Handshake()
        self.reordering = UNKNOWN_REORDERING
        self.closed = ""
        self.outcome = ""  # known, and not yet written
        self.legs: list[int | None] = [None, None]  # of the row: SYN to SYN-ACK, SYN-ACK to ACK
        self.counts = (Counts(), Counts())

    @property
    def connect_time(self) -> int:
        return self.handshake.syns[0]

    def new_row(self) -> None:
        """Counts start anew; the connection lives on."""
        self.counts = (Counts(), Counts())
        self.legs = [None, None]
        self.outcome = ""

    def decide(self, outcome: str) -> None:
        self.handshake.state, self.outcome = "done", outcome

    def give_up(self, now: int, patience: int) -> None:
        """Nobody waits for an answer for ever."""
        if self.handshake.state == "syn" and now - self.handshake.syns[-1] >= patience:
            self.decide("no_answer")
        elif self.handshake.state == "syn_ack" and now - self.handshake.syn_acks[-1] >= patience:
            self.decide("half_open")

    def packet(self, d: int, p: Packet) -> None:
        """One packet of direction `d`."""
        if p.flags & SYN:
            self._opening(d, p)
        else:
            self._answer_to_opening(d, p)
            if p.payload or p.flags & FIN:
                self._octets(d, p)
            if p.window == 0 and not p.flags & (RST | FIN):
                self.counts[d].zero_window += 1
        if p.flags & ACK:
            self._acknowledge(d, p)
        if p.payload:
            self.sides[d].last = (p.ip_id, p.seq, p.payload)
        if p.flags & RST:
            self.counts[d].resets += 1
            self.closed = "rst"
        elif p.flags & FIN and not p.flags & RST:
            self.sides[d].fin = True
            if self.sides[1 - d].fin and not self.closed:
                self.closed = "fin"

    def _opening(self, d: int, p: Packet) -> None:
        side, start = self.sides[d], (p.seq + 1 + p.payload) % MOD
        if side.next is None or not 0 <= diff(side.next, start) < REPEATED:
            side.next, side.missing = start, []
        h = self.handshake
        if not p.flags & ACK:
            if h.state == "none":
                h.state, self.initiator = "syn", d
            if h.state == "syn" and d == self.initiator:
                h.syns.append(p.ts)
        elif d != self.initiator and h.state in ("syn", "syn_ack"):
            if h.state == "syn" and len(h.syns) == 1 and p.ts >= h.syns[0]:
                self.legs[0] = p.ts - h.syns[0]
            h.state = "syn_ack"
            h.syn_acks.append(p.ts)

    def _answer_to_opening(self, d: int, p: Packet) -> None:
        h = self.handshake
        if h.state not in ("syn", "syn_ack"):
            return
        if p.flags & RST:
            self.decide("client_abort" if d == self.initiator else "refused")
        elif p.flags & ACK and d == self.initiator:
            # an acknowledgement of the opener shows that it was answered, seen or not
            if len(h.syn_acks) == 1 and p.ts >= h.syn_acks[0]:
                self.legs[1] = p.ts - h.syn_acks[0]
                if len(h.syns) == 1 and h.syn_acks[0] >= h.syns[0]:
                    self.reordering = p.ts - h.syns[0]
            self.decide("success")

    def _octets(self, d: int, p: Packet) -> None:
        side, counts = self.sides[d], self.counts[d]
        end = (p.seq + p.payload + (1 if p.flags & FIN else 0)) % MOD
        if side.next is None:
            side.next = end
            self._remember(side, ((p.seq - BEFORE) % MOD, p.seq, p.ts))
            return
        step = diff(p.seq, side.next)
        if step >= 0:
            if step > 0:
                counts.holes += 1
                self._remember(side, (side.next, p.seq, p.ts))
            side.next = end
            if side.timed is None and p.payload:
                side.timed = (end, p.ts)
            return
        keep_alive = p.payload == 0 or (p.payload == 1 and step == -1)
        if keep_alive:
            return
        self._repeated(side, counts, p, end)
        if diff(end, side.next) > 0:
            side.next = end

    def _repeated(self, side: Side, counts: Counts, p: Packet, end: int) -> None:
        opened = self._fill(side, p.seq, end)
        if opened is not None and p.ts - opened < self.reordering:
            counts.out_of_order += 1
        elif opened is None and p.ip_id and side.last == (p.ip_id, p.seq, p.payload):
            counts.duplicate += 1
        else:
            counts.retransmitted += 1
            counts.retransmitted_bytes += p.payload
        if side.timed is not None and diff(p.seq, side.timed[0]) < 0:
            side.timed = None  # Karn's rule

    @staticmethod
    def _remember(side: Side, hole: tuple[int, int, int]) -> None:
        side.missing.append(hole)
        if len(side.missing) > MOST_HOLES:
            del side.missing[0]

    def _fill(self, side: Side, start: int, end: int) -> int | None:
        """When the hole that `start` lies in was opened; what [start, end) does not fill of it stays."""
        for hole in side.missing:
            low, high, opened = hole
            inside = diff(start, low)
            if inside < 0 or diff(high, start) <= 0:
                continue
            left = diff(high, end) > 0
            at = side.missing.index(hole)
            if inside > 0:
                side.missing[at] = (low, start, opened)
                if left:
                    self._remember(side, (end, high, opened))
            elif left:
                side.missing[at] = (end, high, opened)
            else:
                del side.missing[at]
            return opened
        return None

    def _acknowledge(self, d: int, p: Packet) -> None:
        mine, other = self.sides[d], self.sides[1 - d]
        if mine.acknowledged is not None and diff(p.ack, mine.acknowledged) <= 0:
            return
        mine.acknowledged = p.ack
        if other.timed is not None and diff(p.ack, other.timed[0]) >= 0:
            if p.ts >= other.timed[1]:
                self.counts[1 - d].round_trips.append(p.ts - other.timed[1])
            other.timed = None
