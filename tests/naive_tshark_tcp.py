"""A plain twin of the TCP rules, over one connection: sets of octets instead of a few remembered holes.

A segment that starts below what was seen is a keep-alive (at most one octet, just below), out of order (its first octet
was not seen, in a gap younger than the reordering time), a duplicate (the last segment again, same IP identification),
or a retransmission.
"""

from collections import Counter

REORDERING = 3_000_000
BEFORE = 1 << 20
Gap = tuple[int, int, int]
"""First octet, octet behind the last, time since when."""


def ahead(a: int, b: int) -> int:
    """How far sequence number `a` lies ahead of `b`, both modulo 2^32."""
    distance = (a - b) & 0xFFFFFFFF
    return distance - (1 << 32) if distance >= 1 << 31 else distance


class Side:
    """What one end has sent, its octets numbered from the first one seen."""

    def __init__(self) -> None:
        self.base: int | None = None
        self.next = 0
        self.gaps: list[Gap] = []
        self.sent: list[tuple[int, int]] = []
        self.last: tuple[int, int, int] | None = None
        self.acknowledged: int | None = None
        self.counts: Counter[str] = Counter()

    def first_seen(self, start: int) -> bool:
        """Whether octet `start` is in none of the segments so far."""
        return not any(low <= start < high for low, high in self.sent)


class Connection:
    """One connection: feed its packets to `take` in order."""

    def __init__(self, now: int) -> None:
        self.sides: dict[object, Side] = {}
        self.last_ts = now
        self.closed = ""
        self.reordering = REORDERING
        self.state, self.opener = "", None
        self.syns: list[int] = []
        self.syn_acks: list[int] = []
        self.outcome = ""
        self.legs: tuple[int, int] | None = None
        self.finished: set[object] = set()

    def over(self, now: int, flags: int) -> bool:
        """Whether the connection had ended before a packet: silent too long, or closed and opened anew."""
        silence = now - self.last_ts
        return silence > (5 if self.closed else 300) * 10**9 or bool(self.closed and flags & 0x12 == 2)

    def take(
        self, me: object, you: object, ts: int, flags: int, seq: int, ack: int, length: int, window: int, ident: int
    ) -> str:
        """What this packet is: "", syn, keep, out_of_order, duplicate or retransmitted."""
        side, other = self.sides.setdefault(me, Side()), self.sides.setdefault(you, Side())
        kind = ""
        if flags & 2:
            kind = "syn"
            self._syn(side, me, ts, flags, seq, length)
        else:
            self._handshake(me, ts, flags)
            if length or flags & 1:
                kind = self._octets(side, ts, seq, length, flags & 1, ident)
            if window == 0 and not flags & 5:
                side.counts["zero_window"] += 1
        if length:
            side.last = (ident, seq, length)
        if flags & 16:
            other.acknowledged = (
                ack if other.acknowledged is None or ahead(ack, other.acknowledged) > 0 else other.acknowledged
            )
        if flags & 4:
            side.counts["resets"] += 1
            self.closed = "rst"
        elif flags & 1:
            self.finished.add(me)
            if len(self.finished) == 2:
                self.closed = self.closed or "fin"
        side.counts[kind] += 1
        self.last_ts = max(ts, self.last_ts)
        return kind

    def _syn(self, side: Side, me: object, ts: int, flags: int, seq: int, length: int) -> None:
        if side.base is None or not 0 <= ahead(side.base + side.next, seq + 1 + length) < 1 << 24:
            side.base, side.next, side.gaps, side.sent = seq + 1 + length, 0, [], []
        if not flags & 16:
            if not self.state:
                self.state, self.opener = "syn", me
            if self.state == "syn" and me == self.opener:
                self.syns.append(ts)
        elif me != self.opener and self.state in ("syn", "syn_ack"):
            self.state = "syn_ack"
            self.syn_acks.append(ts)

    def _handshake(self, me: object, ts: int, flags: int) -> None:
        if self.state in ("syn", "syn_ack") and flags & 4:
            self.outcome, self.state = "client_abort" if me == self.opener else "refused", "done"
        elif self.state in ("syn", "syn_ack") and me == self.opener and flags & 16:
            self.outcome, self.state = "success", "done"
            if len(self.syns) == len(self.syn_acks) == 1:
                self.legs = self.syn_acks[0] - self.syns[0], ts - self.syn_acks[0]
                self.reordering = sum(self.legs) if min(self.legs) >= 0 else self.reordering

    def _octets(self, side: Side, ts: int, seq: int, length: int, fin: int, ident: int) -> str:
        if side.base is None:
            side.base = seq
            side.gaps.append((-BEFORE, 0, ts))
        start = side.next + ahead(seq, side.base + side.next)
        end = start + length + fin
        new = side.first_seen(start)
        side.sent.append((start, end))
        if start >= side.next:
            if start > side.next:
                side.gaps.append((side.next, start, ts))
                side.counts["holes"] += 1
            side.next = end
            return ""
        if length == 0 or (length == 1 and start == side.next - 1):
            return "keep"
        gap = next((gap for gap in side.gaps if gap[0] <= start < gap[1]), None) if new else None
        side.next = max(side.next, end)
        if gap is not None and ts - gap[2] < self.reordering:
            return "out_of_order"
        if gap is None and ident and side.last == (ident, seq, length):
            return "duplicate"
        return "retransmitted"
