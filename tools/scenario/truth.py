"""What subscribers and cells experienced, kept by the model itself as it sends: no packet is decoded for it.

Meanings (times int64 ns since 1970 UTC, as the capture shows them; `up` towards the core):

- Location and radio-side endpoint of a Modify Bearer or Update PDP Request take effect when the REQUEST is seen. No
  user packet is sent from 2 ms before such a request until 2 ms after its answer.
- A user packet counts once, at its first leg, by its own IP total length; the copy on the other side of the SGW is
  `second_leg` in the ledger. A packet sent in two outer fragments counts once, its second fragment as `fragment`.
- User packets of sessions whose set-up was not captured have no subscriber (`imsi` null), and no cell unless S1-MME
  told the endpoint that they go to.
- A session is `named` where the signalling of its set-up told whose it is; that of 5G may conceal it.
- A later fragment of a fragmented subscriber packet has no ports: it is in a flow of its own with ports 0.
- `retransmitted` = `retransmitted_seen` (bytes that the probe saw before) + `retransmitted_unseen` (bytes lost before
  the probe: they fill a hole later than the handshake RTT). `out_of_order` fills a hole within 1 ms. `duplicate` is the
  very same packet again. SYN repeats are in `syn_repeated`, not in these. Segments with payload only.
- `rtt_*_ms` follow Karn: null where SYN (server leg) or SYN-ACK (client leg) were repeated.
- A procedure's `attempts` is how often its request was captured until its first answer; latency is first request to
  first answer, which is slightly below 0 where the capture swapped the two.
- `stays` of a session: [cell, from, until] for each time that its default bearer was connected in a cell: from the
  Modify Bearer Request (3G: the answer to Create, the request of Update) until the next one, the request of the release
  to idle, or the end; until null: longer than the capture. A device is in one cell: the first of several requests moves
  all its sessions.
- A session ends (`end`) when the request of its release is seen; the last user packet is at least 2 ms older.
- A TCP connect and a session set-up count in window and cell of their first packet; a drop in those of its release
  (`drops`) and, apart, in the window and first cell of its session (`drops_by_start`).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.scenario import radio_truth
from tools.scenario.radio_truth import RadioTruth

PER_DIRECTION = (
    "bytes",
    "packets",
    "tcp_packets",
    "retransmitted_seen",
    "retransmitted_unseen",
    "out_of_order",
    "duplicate",
    "holes",
    "zero_window",
    "resets",
    "syn_repeated",
    "active_ns",
)
COUNTERS = len(PER_DIRECTION)
START, END, LAST_UP, LAST_DOWN = (2 * COUNTERS + i for i in range(4))
"""A row is a list: counter c of direction d (0 up, 1 down) at 2 * c + d, then these times."""
ACTIVE_GAP = 1_000_000_000

# Marks of a packet, the bits from 0 on being counters 3, 4, ... of PER_DIRECTION.
RETRANSMITTED_SEEN, RETRANSMITTED_UNSEEN, OUT_OF_ORDER, DUPLICATE, HOLE, ZERO_WINDOW, RESET, SYN_REPEATED = (
    1 << i for i in range(8)
)
FIRST_MARK = 3

LEDGER = ("user_plane", "second_leg", "gtpc", "gtpu_control", "fragment", "gtpc_fragment", "not_ip")
"""What packets of the capture are, by the names of the probe's reasons."""

RowKey = tuple[int, str | None]


def new_row() -> list[int]:
    """A row of counters without packets."""
    return [0] * (2 * COUNTERS + 4)


@dataclass
class Flow:
    """A connection: who, five-tuple, outcome, and a row of counters for each (window start, cell)."""

    imsi: str | None
    session: int | None
    ue_ip: str
    ue_port: int
    server_ip: str
    server_port: int
    protocol: int
    connect: str | None = None
    connect_ts: int | None = None
    rtt_client_ns: int | None = None
    rtt_server_ns: int | None = None
    first_byte_ns: int | None = None
    rows: dict[RowKey, list[int]] = field(default_factory=dict)
    first: RowKey | None = None
    first_ts: int | None = None

    def row(self, key: RowKey, ts: int) -> list[int]:
        """The row of a window and cell, made when first asked for."""
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = new_row()
            row[START] = ts
            if self.first is None:
                self.first, self.first_ts = key, ts
        return row


@dataclass
class Session:
    """A PDN connection or PDP context that was accepted. `captured` says whether the probe saw its set-up."""

    number: int
    imsi: str
    msisdn: str
    imeisv: str
    home_plmn: str
    apn: str
    rat: str
    gateway: str
    ue_ipv4: str | None
    ue_ipv6: str | None
    start: int
    setup_ns: int
    captured: bool
    cells: list[str]
    end: int | None = None
    end_reason: str | None = None
    cause_family: str | None = None
    cause_code: int | None = None
    dropped: bool | None = None
    bytes_up: int = 0
    bytes_down: int = 0
    packets_up: int = 0
    packets_down: int = 0
    qci: int = 0
    stays: list[list[Any]] = field(default_factory=list)
    named: bool = True

    def stay(self, cell: str, ts: int) -> None:
        """From `ts` on the default bearer is connected in `cell`."""
        self.leave(ts)
        self.stays.append([cell, ts, None])
        if self.cells[-1] != cell:
            self.cells.append(cell)

    def move(self, cell: str, ts: int) -> None:
        """From `ts` on the device is in `cell`; what was connected stays so."""
        if self.stays and self.stays[-1][2] is None:
            self.stay(cell, ts)
        elif self.cells[-1] != cell:
            self.cells.append(cell)

    def leave(self, ts: int) -> None:
        """From `ts` on it is not connected."""
        if self.stays and self.stays[-1][2] is None:
            self.stays[-1][2] = ts


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e6


@dataclass
class Truth:
    """All that is known of a generated capture. `as_dict` is what truth.json holds."""

    seed: int
    start: int
    end: int
    window_ns: int
    sessions: list[Session] = field(default_factory=list)
    procedures: list[dict[str, Any]] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    ledger: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEDGER, 0))
    messages: dict[str, int] = field(default_factory=dict)
    faults: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    radio: RadioTruth | None = None

    def count(self, reason: str, packets: int = 1) -> None:
        """Adds captured packets to a row of the ledger (`formats.reasons` names)."""
        self.ledger[reason] += packets

    def count_message(self, version: int, kind: int) -> None:
        """Counts a captured GTP-C message; a datagram with a piggybacked one holds two."""
        key = f"gtpv{version}-{kind}"
        self.messages[key] = self.messages.get(key, 0) + 1

    def window(self, ts: int) -> int:
        """Start of the window that holds `ts`."""
        return ts - ts % self.window_ns

    def by_cell(self) -> list[dict[str, Any]]:
        """Counters of each (window, cell)."""
        return self._grouped("cell")

    def by_subscriber(self) -> list[dict[str, Any]]:
        """Counters of each (window, subscriber)."""
        return self._grouped("imsi")

    def _grouped(self, grain: str) -> list[dict[str, Any]]:
        groups: dict[tuple[int, str], dict[str, Any]] = {}

        def group(ts: int, who: str | None) -> dict[str, Any]:
            key = (self.window(ts), who or "")
            if key not in groups:
                groups[key] = {"window_start": key[0], grain: who} | dict.fromkeys(GROUP_COUNTERS, 0)
            return groups[key]

        for flow in self.flows:
            self._add_flow(flow, group, grain)
        for p in self.procedures:
            if p["setup"]:
                row = group(p["start"], p[grain])
                row["setup_attempts"] += 1
                row["setup_successes"] += p["outcome"] == "success"
                row["setup_failures"] += p["outcome"] == "failure"
                row["setup_timeouts"] += p["outcome"] == "timeout"
        for s in self.sessions:
            if s.dropped and s.end is not None and s.captured:
                group(s.end, s.imsi if grain == "imsi" else s.cells[-1])["drops"] += 1
                group(s.start, s.imsi if grain == "imsi" else s.cells[0])["drops_by_start"] += 1
        return [groups[key] for key in sorted(groups)]

    def _add_flow(self, flow: Flow, group: Any, grain: str) -> None:
        for (window, cell), counters in flow.rows.items():
            row = group(window, flow.imsi if grain == "imsi" else cell)
            for c, name in enumerate(PER_DIRECTION[:-1]):
                row[f"{name}_up"] += counters[2 * c]
                row[f"{name}_down"] += counters[2 * c + 1]
        if flow.first is not None:
            row = group(flow.first[0], flow.imsi if grain == "imsi" else flow.first[1])
            row["flows_begun"] += 1
            if flow.connect_ts is not None:
                row["tcp_connect_attempts"] += 1
                row["tcp_connect_successes"] += flow.connect == "success"

    def procedure_summary(self) -> list[dict[str, Any]]:
        """Attempts, outcomes and latencies of each interface, procedure and cause."""
        groups: dict[tuple[str, str, str, int], dict[str, Any]] = {}
        for p in self.procedures:
            key = (p["interface"], p["procedure"], p["outcome"], -1 if p["cause_code"] is None else p["cause_code"])
            names = ("interface", "procedure", "outcome", "cause_code")
            row = groups.setdefault(
                key, dict(zip(names, key, strict=True)) | {"count": 0, "requests": 0, "latency_ms": []}
            )
            row["count"] += 1
            row["requests"] += p["attempts"]
            if p["latency_ms"] is not None:
                row["latency_ms"].append(round(p["latency_ms"], 6))
        return [groups[key] for key in sorted(groups)]

    def as_dict(self) -> dict[str, Any]:
        """The whole truth as plain types."""
        return self._radio_as_dict() | {
            "doc": __doc__,
            "seed": self.seed,
            "start": self.start,
            "end": self.end,
            "window_s": self.window_ns / 1e9,
            "files": self.files,
            "faults": self.faults,
            "ledger": dict(sorted(self.ledger.items())),
            "messages": dict(sorted(self.messages.items())),
            "sessions": [_session(s) for s in self.sessions],
            "procedures": self.procedures,
            "procedure_summary": self.procedure_summary(),
            "flows": [_flow(f) for f in self.flows],
            "cells": self.by_cell(),
            "subscribers": self.by_subscriber(),
        }

    def _radio_as_dict(self) -> dict[str, Any]:
        if self.radio is None:
            return {}
        return {
            "radio_doc": radio_truth.__doc__,
            "connections": [vars(c) for c in self.radio.connections],
            "bearers": [vars(b) for b in self.radio.bearers],
            "radio_cells": self.radio.by_cell(self.procedures, self.end),
        }

    def write(self, path: Path) -> None:
        """Writes truth.json."""
        path.write_text(json.dumps(self.as_dict(), indent=None, separators=(",", ":")) + "\n")


GROUP_COUNTERS = (
    *(f"{name}_{way}" for name in PER_DIRECTION[:-1] for way in ("up", "down")),
    "flows_begun",
    "tcp_connect_attempts",
    "tcp_connect_successes",
    "setup_attempts",
    "setup_successes",
    "setup_failures",
    "setup_timeouts",
    "drops",
    "drops_by_start",
)


def _session(session: Session) -> dict[str, Any]:
    row = dict(vars(session))
    row["setup_ms"] = _ms(row.pop("setup_ns"))
    return row


def _flow(flow: Flow) -> dict[str, Any]:
    rows = []
    for (window, cell), counters in sorted(flow.rows.items(), key=lambda item: item[1][START]):
        row: dict[str, Any] = {"window_start": window, "cell": cell, "start": counters[START], "end": counters[END]}
        for c, name in enumerate(PER_DIRECTION):
            row[f"{name}_up"], row[f"{name}_down"] = counters[2 * c], counters[2 * c + 1]
        rows.append(row)
    return {
        "imsi": flow.imsi,
        "session": flow.session,
        "ue_ip": flow.ue_ip,
        "ue_port": flow.ue_port,
        "server_ip": flow.server_ip,
        "server_port": flow.server_port,
        "protocol": flow.protocol,
        "connect": flow.connect,
        "connect_ts": flow.connect_ts,
        "rtt_client_ms": _ms(flow.rtt_client_ns),
        "rtt_server_ms": _ms(flow.rtt_server_ns),
        "first_byte_ms": _ms(flow.first_byte_ns),
        "rows": rows,
    }
