"""A TCP connection as a probe between device and server sees it, with what happened to it known.

A simplified sender: rounds of a window that doubles without loss and halves with it, a cumulative ACK for every second
segment, duplicate ACKs for a hole, one recovery a round by fast retransmission or timeout. What it
yields are events at the probe on the subscriber's own clock (see `tools.scenario.clock`); encoding and counting come
later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tools.scenario.encode_ip import ACK, FIN, PSH, RST, SYN
from tools.scenario.truth import (
    DUPLICATE,
    HOLE,
    OUT_OF_ORDER,
    RESET,
    RETRANSMITTED_SEEN,
    RETRANSMITTED_UNSEEN,
    SYN_REPEATED,
    ZERO_WINDOW,
)

MS = 1_000_000
SECOND = 1_000_000_000
WINDOW = 502  # as sent, shifted by 7: 64256
MASK = 0xFFFFFFFF


class Profile(NamedTuple):
    """What the path does: round trips from the probe (ns), rate (bit/s), and shares of segments or connections."""

    client_rtt: int
    server_rtt: int
    rate: float
    loss_before: float = 0.0
    loss_after: float = 0.0
    out_of_order: float = 0.0
    duplicate: float = 0.0
    zero_window: float = 0.0
    reset: float = 0.0
    syn_repeated: float = 0.0
    wrap: float = 0.0
    refused: float = 0.0
    no_answer: float = 0.0
    half_open: float = 0.0
    client_abort: float = 0.0


Event = tuple[int, int, bool, int, int, int, int, int, int, int]
"""A segment at the probe: local time, order, sent by the device, flags, seq, ack, octets of payload, window, IP
identification, marks (bits of `truth`). Sequence numbers are absolute."""


@dataclass
class Connection:
    """Events and the local times that outcome and round trips are told from."""

    events: list[Event] = field(default_factory=list)
    outcome: str = "success"
    syns: list[int] = field(default_factory=list)
    syn_acks: list[int] = field(default_factory=list)
    answered: int = 0

    @property
    def settled(self) -> int:
        """Local time from which the outcome of the connect is known."""
        return self.answered or self.events[-1][0]


class _Builder:
    """Makes one connection. Direction 0 is up (sent by the device), 1 down."""

    def __init__(self, rng: Random, profile: Profile, unbroken: Callable[[int, int], bool], ids: bool) -> None:
        self.rng, self.profile, self.unbroken = rng, profile, unbroken
        # Half of the range in front of the wrap, so that a few segments on the sequence passes 2^32.
        wrap = rng.random() < profile.wrap
        self.start_seq = [(MASK - rng.randrange(2000)) if wrap else rng.getrandbits(31) for _ in range(2)]
        self.sent = [0, 0]
        self.last_ack = 0  # local time of the receiver's last ACK
        self.ident = [rng.getrandbits(16), rng.getrandbits(16)]
        self.has_ids = ids
        self.out = Connection()
        self.leg = (profile.client_rtt, profile.server_rtt)  # from the probe to the sender of direction 0, 1 and back

    def jitter(self, rtt: int) -> int:
        return int(rtt * (1 + 0.1 * self.rng.random()))

    def next_ident(self, way: int) -> int:
        self.ident[way] = (self.ident[way] + 1) & 0xFFFF
        return self.ident[way]

    def add(self, time: int, way: int, flags: int, offset: int, acked: int, size: int = 0, window: int = WINDOW,
            marks: int = 0, ident: int = -1) -> None:  # fmt: skip
        """One segment: `offset` and `acked` count from the initial sequence numbers."""
        if ident < 0:
            ident = self.next_ident(way)
        seq = (self.start_seq[way] + offset) & MASK
        ack = (self.start_seq[1 - way] + acked) & MASK if flags & ACK else 0
        events = self.out.events
        events.append((time, len(events), way == 0, flags, seq, ack, size, window, ident, marks))

    def handshake(self, start: int) -> int:
        """Sends SYN and what follows it; the local time of the client's ACK, or 0 if there is no connection."""
        rng, profile, out = self.rng, self.profile, self.out
        draw = rng.random()
        for share, name in (
            (profile.refused, "refused"),
            (profile.no_answer, "no_answer"),
            (profile.half_open, "half_open"),
            (profile.client_abort, "client_abort"),
        ):
            if draw < share:
                out.outcome = name
                break
            draw -= share
        tries = [start]
        if out.outcome == "no_answer":
            tries += [start + SECOND, start + 3 * SECOND]
        elif rng.random() < profile.syn_repeated:
            tries.append(start + SECOND)
        for number, time in enumerate(tries):
            self.add(time, 0, SYN, 0, 0, window=64240, marks=SYN_REPEATED if number else 0)
        out.syns = tries
        answer = tries[-1] + self.jitter(profile.server_rtt)
        if out.outcome == "no_answer":
            return 0
        if out.outcome == "refused":
            self.add(answer, 1, RST | ACK, 0, 1, window=0, marks=RESET)
            return 0
        return self.answered(answer)

    def answered(self, time: int) -> int:
        rng, profile, out = self.rng, self.profile, self.out
        answers = [time]
        if out.outcome == "half_open":
            answers += [time + SECOND, time + 3 * SECOND]
        elif rng.random() < profile.syn_repeated:
            answers.append(time + SECOND)
        for number, when in enumerate(answers):
            self.add(when, 1, SYN | ACK, 0, 1, window=65160, marks=SYN_REPEATED if number else 0)
        out.syn_acks = answers
        if out.outcome == "half_open":
            return 0
        done = answers[-1] + self.jitter(profile.client_rtt)
        if out.outcome == "client_abort":
            self.add(done, 0, RST, 1, 1, window=0, marks=RESET)
            return 0
        self.add(done, 0, ACK, 1, 1)
        out.answered = done
        self.sent = [1, 1]
        return done

    def transfer(self, way: int, time: int, sizes: list[int]) -> int:
        """Sends segments in direction `way` from local time `time`; when the sender knows that all have arrived."""
        cwnd, at = 6, 0
        while at < len(sizes):
            count = min(cwnd, len(sizes) - at)
            done, lost = _Round(self, way, time, sizes[at : at + count]).send()
            cwnd = max(4, cwnd // 2) if lost else min(32, cwnd * 2)
            at += count
            if at < len(sizes) and self.rng.random() < self.profile.zero_window:
                done = self.pause(way, done)
            self.last_ack = done
            time = done + self.jitter(self.leg[way])
        return time

    def pause(self, way: int, time: int) -> int:
        """The receiver closes its window and opens it again."""
        back = 1 - way
        shut = time + MS
        self.add(shut, back, ACK, self.sent[back], self.sent[way], window=0, marks=ZERO_WINDOW)
        opened = shut + self.rng.randrange(100 * MS, 400 * MS)
        self.add(opened, back, ACK, self.sent[back], self.sent[way])
        return opened

    def close(self, time: int) -> None:
        """FIN from one side, then the other; or a reset."""
        way = self.rng.randrange(2)
        back = 1 - way
        if self.rng.random() < self.profile.reset:
            self.add(time, way, RST | ACK, self.sent[way], self.sent[back], window=0, marks=RESET)
            return
        self.add(time, way, FIN | ACK, self.sent[way], self.sent[back])
        time += self.jitter(self.leg[back])
        self.add(time, back, FIN | ACK, self.sent[back], self.sent[way] + 1)
        time += self.jitter(self.leg[way])
        self.add(time, way, ACK, self.sent[way] + 1, self.sent[back] + 1)


class _Round:
    """One window of segments in direction `way`, with its losses and their repair."""

    def __init__(self, b: _Builder, way: int, time: int, sizes: list[int]) -> None:
        self.b, self.way, self.time, self.sizes = b, way, time, sizes
        self.gap = max(120_000, int(sum(sizes) / len(sizes) * 8e9 / b.profile.rate))
        self.offsets = [b.sent[way]]
        for size in sizes:
            self.offsets.append(self.offsets[-1] + size)
        self.arrivals: list[tuple[int, int]] = []  # local time at the probe, segment

    def fates(self) -> list[str]:
        """What happens to each segment. A loss before the probe needs followers that show it, a swap two sound ones."""
        p, random, count = self.b.profile, self.b.rng.random, len(self.sizes)
        fates = [""] * count
        for i in range(count):
            if fates[i]:
                continue
            draw = random()
            if draw < p.loss_before:
                if i < count - 3 and (i == 0 or fates[i - 1] in ("", "before")):
                    fates[i] = "before"
            elif draw < p.loss_before + p.loss_after:
                fates[i] = "after" if i == 0 or fates[i - 1] != "before" else ""
            elif draw < p.loss_before + p.loss_after + p.out_of_order:
                when = self.time + i * self.gap
                sound = i == 0 or fates[i - 1] == ""
                if sound and i < count - 1 and self.b.unbroken(when, when + 2 * self.gap + 2 * MS):
                    fates[i], fates[i + 1] = "late", "early"
            elif draw < p.loss_before + p.loss_after + p.out_of_order + p.duplicate and self.b.has_ids:
                fates[i] = "twice" if i == 0 or fates[i - 1] == "" else ""
        return fates

    def send(self) -> tuple[int, int]:
        """Adds the round's events; local time of its last ACK, and the number of segments lost."""
        b, way, gap = self.b, self.way, self.gap
        fates = self.fates()
        lost: list[int] = []
        hole = False
        for i, fate in enumerate(fates):
            time = self.time + i * gap
            if fate == "before":
                b.next_ident(way)
                lost.append(i)
                hole = True
                continue
            marks = HOLE if hole else 0
            if fate == "late":
                # Overtaken by the next one: passes half a gap, at most 0.8 ms, after it.
                time += gap + min(gap // 2, 800_000)
                marks = OUT_OF_ORDER
            elif fate == "early":
                marks = HOLE
            hole = False
            self.data(time, i, marks)
            if fate == "after":
                lost.append(i)
            else:
                self.arrivals.append((time, i))
            if fate == "twice":
                self.data(time + 20_000, i, DUPLICATE, b.ident[way])
        self.repair(lost, fates)
        done = self.acknowledge()
        b.sent[way] = self.offsets[-1]
        return done, len(lost)

    def data(self, time: int, i: int, marks: int, ident: int = -1) -> None:
        b, way = self.b, self.way
        flags = ACK | PSH if i == len(self.sizes) - 1 else ACK
        b.add(time, way, flags, self.offsets[i], b.sent[1 - way], self.sizes[i], marks=marks, ident=ident)

    def repair(self, lost: list[int], fates: list[str]) -> None:
        """Retransmits what was lost: by the third duplicate ACK where three segments follow, else by timeout."""
        b, p = self.b, self.b.profile
        both = p.client_rtt + p.server_rtt
        again = 0
        for i in lost:
            followers = [t for t, j in self.arrivals if j > i and t < self.time + len(self.sizes) * self.gap + MS]
            shown = next((j for j in range(i + 1, len(fates)) if fates[j] != "before"), i)
            opened = self.time + (shown + 1) * self.gap
            if len(followers) >= 3:
                when = max(sorted(followers)[2] + b.jitter(both), opened + int(both * 1.2) + 5 * MS)
            else:
                when = opened + max(200 * MS, 2 * both)
            again = max(when, again + self.gap)
            self.data(again, i, RETRANSMITTED_UNSEEN if fates[i] == "before" else RETRANSMITTED_SEEN)
            self.arrivals.append((again, i))

    def acknowledge(self) -> int:
        """The receiver's ACKs: each second segment in order, each one out of order, and the last."""
        b, way = self.b, self.way
        back = 1 - way
        leg = b.jitter(b.leg[back])
        arrived: set[int] = set()
        expected, unacknowledged, done = 0, 0, 0
        self.arrivals.sort()
        last = len(self.arrivals) - 1
        for number, (time, i) in enumerate(self.arrivals):
            arrived.add(i)
            in_order = i == expected
            before = expected
            while expected in arrived:
                expected += 1
            unacknowledged += 1
            filled = expected - before > 1
            if in_order and not filled and unacknowledged < 2 and number < last:
                continue
            unacknowledged = 0
            done = time + leg
            b.add(done, back, ACK, b.sent[back], self.offsets[expected])
        return done


def connection(rng: Random, profile: Profile, start: int, exchanges: list[tuple[int, int]],
               unbroken: Callable[[int, int], bool], ids: bool, close: bool = True) -> Connection:  # fmt: skip
    """One connection from its SYN at local time `start`.

    exchanges: (octets up, octets down) of each request and response. unbroken(a, b): the local clock is not stopped
    between a and b. ids: the packets carry an IP identification, so that duplicates can be told.
    """
    builder = _Builder(rng, profile, unbroken, ids)
    time = builder.handshake(start)
    out = builder.out
    if time:
        time += MS
        for up, down in exchanges:
            time = builder.transfer(0, time, segments(up))
            if down:
                # The server thinks, then answers, from its last ACK on.
                time = builder.last_ack + rng.randrange(1 * MS, 8 * MS)
                time = builder.transfer(1, time, segments(down)) + rng.randrange(1 * MS, 20 * MS)
        if close:
            builder.close(time + rng.randrange(1 * MS, 50 * MS))
    out.events.sort()
    return out


def segments(octets: int, mss: int = 1360) -> list[int]:
    """Segment sizes of a message."""
    full, rest = divmod(octets, mss)
    return [mss] * full + ([rest] if rest else [])
