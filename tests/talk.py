"""Conversations made of small events, so that hypothesis can make and shrink them."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from tests.rows import ACK, EPOCH, FIN, RST, SECOND, SYN, V4, Packet

MILLI = SECOND // 1000
MOD = 2**32
GAPS = (0, 0, 1, MILLI, 2 * MILLI, 40 * MILLI, 700 * MILLI, SECOND, 3 * SECOND, 6 * SECOND, 11 * SECOND, 45 * SECOND,
        70 * SECOND, 310 * SECOND)  # fmt: skip
BACK = (0, 0, 0, 0, MILLI, 500 * MILLI, 1900 * MILLI)
ACTIONS = ("syn", "syn_ack", "ack", "data", "data", "data", "again", "copy", "jump", "fill", "part", "fin", "rst",
           "alive", "shut", "both")  # fmt: skip
STARTS = (0, 1000, MOD - 3, MOD // 2 - 2, MOD - 2000)

OPENING = [(0, "syn"), (1, "syn_ack"), (0, "ack")]


class Event(NamedTuple):
    """What one end does next: `connection`, `side`, one of ACTIONS, time since the last event, how late it is taken."""

    connection: int
    side: int
    action: str
    gap: int
    back: int
    size: int


class End:
    """One end of a TCP connection, as honest as its events let it be."""

    def __init__(self, start: int) -> None:
        self.start, self.next, self.skipped = start, start, start
        self.segments: list[tuple[int, int, int]] = []  # seq, payload, IP identification


def _segment(end: End, other: End, action: str, size: int, number: int) -> tuple[int, int, int, int, int, int]:
    """(flags, seq, ack, payload, window, ip_id) of one TCP packet."""
    flags, seq, payload, window, ip_id = ACK, end.next, 0, 1000, number
    if action == "syn":
        flags, seq = SYN, end.start
        end.next = end.skipped = (seq + 1) % MOD
    elif action == "syn_ack":
        flags, seq = SYN | ACK, end.start
        end.next = end.skipped = (seq + 1) % MOD
    elif action == "data":
        payload = size
    elif action in ("jump", "fill"):
        if action == "fill":
            seq = end.skipped
        else:
            end.skipped = end.next
            seq = (end.next + size) % MOD
        payload = size
    elif action in ("again", "copy", "part") and end.segments:
        seq, payload, old = end.segments[-1 if action == "copy" else size % len(end.segments)]
        if action == "copy":
            ip_id = old
        elif action == "part":
            seq, payload = (seq + payload // 2) % MOD, payload + size
    elif action == "fin":
        flags = FIN | ACK
        end.next = (end.next + 1) % MOD
    elif action == "rst":
        flags = RST | (ACK if size % 2 else 0)
    elif action == "alive":
        seq, payload = (end.next - 1) % MOD, size % 3
    elif action == "shut":
        window = 0
    elif action == "both":
        flags, payload = FIN | ACK, size
        end.next = (end.next + 1) % MOD
    if payload:
        end.segments.append((seq, payload, ip_id))
        if action in ("data", "jump", "both"):
            end.next = (seq + payload + (flags & FIN)) % MOD
    return flags, seq, other.next, payload, window, ip_id


class Connection(NamedTuple):
    """The two ends' addresses and ports, protocol and first sequence numbers."""

    ends: tuple[tuple[int, int], tuple[int, int]]
    protocol: int
    starts: tuple[int, int]


CONNECTIONS = st.lists(
    st.builds(
        lambda low, port, protocol, start, other: Connection(
            ((V4 | low, port), (V4 | 9, 443)), protocol, (start, other)
        ),
        st.integers(7, 11), st.sampled_from((80, 443, 1023, 1024, 40000)), st.sampled_from((6, 6, 6, 17, 1)),
        st.sampled_from(STARTS), st.sampled_from(STARTS),
    ),
    min_size=1, max_size=3, unique_by=lambda c: (c.ends, c.protocol),
)  # fmt: skip

EVENTS = st.lists(
    st.builds(
        Event, st.integers(0, 2), st.integers(0, 1), st.sampled_from(ACTIONS), st.sampled_from(GAPS),
        st.sampled_from(BACK), st.sampled_from((1, 2, 7, 100, 1400, 60000)),
    ),
    max_size=40,
)  # fmt: skip


def spoken(connections: Sequence[Connection], events: Sequence[Event], opened: bool) -> list[Packet]:
    """Packets in the order of their capture; `opened`: each connection begins with a whole handshake."""
    ends = [tuple(End(start) for start in c.starts) for c in connections]
    if opened:
        first = [Event(k, side, what, MILLI, 0, 1) for k in range(len(connections)) for side, what in OPENING]
        events = [*first, *events]
    now, out = EPOCH, []
    for number, e in enumerate(events, 1):
        now += e.gap
        k = e.connection % len(connections)
        c, pair = connections[k], ends[k]
        src, dst = c.ends[e.side], c.ends[1 - e.side]
        if c.protocol == 6:
            tcp = _segment(pair[e.side], pair[1 - e.side], e.action, e.size, number)
            out.append(Packet(now - e.back, src, dst, 6, *tcp))
        else:
            if c.protocol == 1:
                src, dst = (src[0], 0), (dst[0], 0)
            payload = 0 if e.action == "ack" else e.size
            out.append(Packet(now - e.back, src, dst, c.protocol, payload=payload, quic=int(c.protocol == 17)))
    return out
