"""Flow rows, told plainly: the twin of `kernels.flow` for a link without tunnels.

A connection is silent too long, or closed and opened anew: then the next packet begins another one. Rows are cut where
the window changes; a packet of a window that the connection has left is a row of its own. Rows are dicts of the columns
of the flow table, null as in kernel rows, so that both can be compared as sets.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from formats.xdr import CONNECT_OUTCOMES, END_REASONS, NEVER
from tests.naive_tcp import Tcp
from tests.rows import ACK, SECOND, SYN, Packet

TCP, UDP, ICMP = 6, 17, 1
IDLE = {TCP: 300 * SECOND}
IDLE_OTHER = 60 * SECOND
AFTER_CLOSE = 5 * SECOND
PATIENCE = 10 * SECOND
LATENESS = 2 * SECOND


@dataclass
class Way:
    """What a row counts in one direction."""

    bytes: int = 0
    packets: int = 0
    data: list[int] = field(default_factory=list)  # times of packets with payload
    first_length: int = 0

    def active(self) -> int:
        """Sum of the gaps of at most a second between one packet with payload and the latest before it."""
        total, latest = 0, None
        for ts in self.data:
            if latest is not None and 0 < ts - latest <= SECOND:
                total += ts - latest
            latest = ts if latest is None else max(latest, ts)
        return total

    def throughput(self) -> float:
        """kbit/s, NaN where there is too little to tell."""
        active = self.active()
        if self.bytes < 100_000 or active < SECOND // 10:
            return math.nan
        return (self.bytes - self.first_length) * 8 / 1000 / (active / SECOND)


class Row:
    """A row in the making: one window of a connection."""

    def __init__(self, window: int, begun: bool) -> None:
        self.window, self.begun = window, begun
        self.times: list[int] = []
        self.ways = (Way(), Way())
        self.first_byte = -1


class Connection:
    """All that is remembered between the packets of one connection."""

    def __init__(self, a: tuple[int, int], b: tuple[int, int], first: Packet) -> None:
        self.ends, self.protocol, self.last = (a, b), first.protocol, first.ts
        self.opener = self._opener(first)
        self.device = self.opener
        self.tcp = Tcp(self.opener)
        self.request: int | None = None  # time of the opener's first payload
        self.first_byte_known = False
        self.quic = False
        self.row: Row | None = None

    def _opener(self, p: Packet) -> int:
        """Sender of the SYN; where that was missed the side with the port that is not well known; else the first."""
        d = self.direction(p)
        if self.protocol in (TCP, UDP):
            if p.flags & SYN:
                return 1 - d if p.flags & ACK else d
            ports = (self.ends[0][1], self.ends[1][1])
            if min(ports) < 1024 <= max(ports):
                return ports.index(max(ports))
        return d

    def direction(self, p: Packet) -> int:
        return 0 if p.src == self.ends[0] else 1

    def silence(self) -> int:
        """How long it may be silent."""
        return AFTER_CLOSE if self.tcp.closed else IDLE.get(self.protocol, IDLE_OTHER)


class Flows:
    """Feed it packets in the order of their arrival; `rows` fills."""

    def __init__(self, window_ns: int) -> None:
        self.window_ns = window_ns
        self.live: dict[tuple[object, ...], Connection] = {}
        self.rows: list[dict[str, Any]] = []
        self.latest = 0

    def window(self, ts: int) -> int:
        return ts - ts % self.window_ns

    def packet(self, p: Packet) -> None:
        self.latest = p.ts
        a, b = sorted((p.src, p.dst))
        key = (a, b, p.protocol)
        c = self.live.get(key)
        if c is not None and self._over(c, p):
            self._end(c, "idle", p.ts)
            c = None
        if c is None:
            c = self.live[key] = Connection(a, b, p)
            c.row = Row(self.window(p.ts), begun=True)
        self._place(c, p)

    def _over(self, c: Connection, p: Packet) -> bool:
        opens = c.protocol == TCP and p.flags & SYN and not p.flags & ACK
        return p.ts - c.last > c.silence() or bool(c.tcp.closed and opens)

    def _place(self, c: Connection, p: Packet) -> None:
        assert c.row is not None
        d, window = c.direction(p), self.window(p.ts)
        if window < c.row.window:
            self._late(c, p, d)
        else:
            if window > c.row.window:
                self._window_ends(c, c.row)
                c.row = Row(window, begun=False)
            self._count(c, c.row, p, d)
        if c.protocol == TCP:
            c.tcp.give_up(p.ts, PATIENCE)
            c.tcp.packet(d, p)
            if c.tcp.outcome and self.window(c.tcp.connect_time) != c.row.window:
                self._outcome_alone(c)
        elif p.quic:
            c.quic = True

    def _count(self, c: Connection, row: Row, p: Packet, d: int) -> None:
        row.times.append(p.ts)
        c.last = max(c.last, p.ts)
        way = row.ways[d]
        way.bytes += p.length
        way.packets += 1
        if p.payload and c.protocol != ICMP:
            if not way.data:
                way.first_length = p.length
            way.data.append(p.ts)
            if c.request is None and not c.first_byte_known:
                if d == c.tcp.initiator:
                    c.request = p.ts
                else:
                    c.first_byte_known = True
            elif c.request is not None and d != c.tcp.initiator:
                row.first_byte = p.ts - c.request if p.ts >= c.request else -1
                c.request, c.first_byte_known = None, True

    def finish(self) -> list[dict[str, Any]]:
        """End of input."""
        for c in self.live.values():
            safe = self.latest - LATENESS
            idle = safe - c.last > c.silence()
            self._end(c, "idle" if idle else "drained", self.latest)
        self.live.clear()
        return self.rows

    def _window_ends(self, c: Connection, row: Row) -> None:
        """The window of the row is over, the connection is not."""
        c.tcp.give_up(row.window + self.window_ns, PATIENCE)
        self._write(c, "window")
        c.row = Row(row.window, begun=False)
        c.tcp.new_row()

    def _end(self, c: Connection, reason: str, now: int) -> None:
        """The connection is over; where it was alive when the window of its row ended, that is why the row ended."""
        assert c.row is not None
        window_end = c.row.window + self.window_ns
        if (reason == "idle" and window_end - c.last <= c.silence()) or (
            reason == "drained" and window_end <= now - LATENESS
        ):
            self._window_ends(c, c.row)
        c.tcp.give_up(min(now, c.last + c.silence()), PATIENCE)
        self._write(c, reason)

    def _identity(self, c: Connection) -> dict[str, Any]:
        ue, server = c.ends[c.device], c.ends[1 - c.device]
        ports = c.protocol in (TCP, UDP, 132)
        return {
            "ue_ip": ue[0], "server_ip": server[0], "ip_protocol": c.protocol, "quic": int(c.quic),
            "ue_port": ue[1] if ports else -1, "server_port": server[1] if ports else -1,
        }  # fmt: skip

    def _empty(self, c: Connection, start: int, end: int, reason: str) -> dict[str, Any]:
        nothing = 0 if c.protocol == TCP else -1
        row: dict[str, Any] = {
            **self._identity(c), "start_time": start, "end_time": end, "window": self.window(start), "begun": 0,
            "end_reason": END_REASONS.index(reason), "connect_time": NEVER, "connect_outcome": 0, "first_byte_ms": -1,
        }  # fmt: skip
        for side in ("up", "down"):
            row |= {f"bytes_{side}": 0, f"packets_{side}": 0, f"active_{side}": 0, f"throughput_{side}": math.nan}
            row |= {f"tcp_{name}_{side}": nothing for name in (
                "packets", "retransmitted_packets", "retransmitted_bytes", "out_of_order", "duplicate", "holes",
                "zero_window", "resets")}  # fmt: skip
        row |= dict.fromkeys(("rtt_client_ms", "rtt_server_ms", "rtt_data_client_ms", "rtt_data_server_ms"), -1)
        return row

    def _late(self, c: Connection, p: Packet, d: int) -> None:
        row = self._empty(c, p.ts, p.ts, "late")
        side = "up" if d == c.device else "down"
        row[f"bytes_{side}"], row[f"packets_{side}"] = p.length, 1
        if c.protocol == TCP and p.payload:
            row[f"tcp_packets_{side}"] = 1
        self.rows.append(row)

    def _outcome_alone(self, c: Connection) -> None:
        """The outcome of an attempt of another window: a row without packets, in the window of the attempt."""
        row = self._empty(c, c.tcp.connect_time, c.tcp.connect_time, "late")
        row["connect_time"], row["connect_outcome"] = c.tcp.connect_time, CONNECT_OUTCOMES.index(c.tcp.outcome)
        c.tcp.outcome = ""
        self.rows.append(row)

    def _write(self, c: Connection, reason: str) -> None:
        made = c.row
        assert made is not None
        if c.tcp.closed:
            reason = c.tcp.closed
        if c.tcp.outcome and (not made.times or self.window(c.tcp.connect_time) != made.window):
            self._outcome_alone(c)
        if not made.times:
            return
        row = self._empty(c, min(made.times), max(made.times), reason)
        row["begun"], row["first_byte_ms"] = int(made.begun), made.first_byte
        if c.tcp.outcome:
            row["connect_time"], row["connect_outcome"] = c.tcp.connect_time, CONNECT_OUTCOMES.index(c.tcp.outcome)
            c.tcp.outcome = ""
        for side, d in (("up", c.device), ("down", 1 - c.device)):
            way = made.ways[d]
            row |= {f"bytes_{side}": way.bytes, f"packets_{side}": way.packets, f"active_{side}": way.active(),
                    f"throughput_{side}": way.throughput()}  # fmt: skip
            if c.protocol == TCP:
                self._tcp_columns(row, c, side, d, len(way.data))
        self.rows.append(row)

    @staticmethod
    def _tcp_columns(row: dict[str, Any], c: Connection, side: str, d: int, data_packets: int) -> None:
        counts = c.tcp.counts[d]
        row[f"tcp_packets_{side}"] = data_packets
        row[f"tcp_retransmitted_packets_{side}"] = counts.retransmitted
        for name in ("retransmitted_bytes", "out_of_order", "duplicate", "holes", "zero_window", "resets"):
            row[f"tcp_{name}_{side}"] = getattr(counts, name)
        trips = counts.round_trips
        toward = "server" if side == "up" else "client"  # data sent up is acknowledged by the server
        row[f"rtt_data_{toward}_ms"] = sum(trips) // len(trips) if trips else -1
        far = c.tcp.legs[0 if c.tcp.initiator == c.device else 1]
        near = c.tcp.legs[1 if c.tcp.initiator == c.device else 0]
        row["rtt_server_ms"] = -1 if far is None else far
        row["rtt_client_ms"] = -1 if near is None else near


def flow_rows(packets: list[Packet], window_ns: int) -> list[dict[str, Any]]:
    """The flow rows that `packets` give."""
    flows = Flows(window_ns)
    for p in packets:
        flows.packet(p)
    return flows.finish()
