"""What the path makes of a generated capture equals what the generator knows to have happened in it.

The meanings are those of `tools.scenario.truth`; where the probe can say less, the comparison says so.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kernels.shard import SWEEP_NOW
from tests import pipeline_tools as tools
from tests.pipeline_tools import SECOND, key
from tools.scenario import PRESETS, CaptureOptions, Truth, demo_scenario, generate

pytestmark = pytest.mark.compiled

WINDOW_S = 10
FIVE_TUPLE = ("ue_ip", "ue_port", "server_ip", "server_port", "ip_protocol")
Row = dict[str, Any]


class Made:
    """A preset's truth and what a run over its capture gave."""

    def __init__(self, name: str, window_s: int) -> None:
        with TemporaryDirectory() as folder:
            options = CaptureOptions()
            scenario = demo_scenario() if name == "demo" else PRESETS[name]
            self.truth: Truth = generate(replace(scenario, window_s=window_s), Path(folder), options)
            paths = [Path(folder) / name for name in self.truth.files]
            self.run = tools.run(paths, window_s=window_s, limits=tools.LARGE if name == "demo" else tools.SMALL)
        self.window_ns = window_s * SECOND
        self.dict = self.truth.as_dict()
        self.sessions = {s["number"]: s for s in self.dict["sessions"]}
        by_start = {(s["imsi"], s["start"]): s["number"] for s in self.dict["sessions"] if s["captured"]}
        self.number = {
            row["session_id"]: by_start.get(key(row, "subscriber", "start_time")) for row in self.run.session
        }

    def window(self, ts: int) -> int:
        return ts - ts % self.window_ns


@lru_cache(maxsize=4)
def made(name: str, window_s: int = WINDOW_S) -> Made:
    return Made(name, window_s)


@pytest.fixture(params=sorted(PRESETS))
def preset(request: pytest.FixtureRequest) -> Made:
    return made(request.param)


def differences(told: dict[Any, Any], true: dict[Any, Any]) -> list[str]:
    """What two dicts do not agree on, in words; empty when they are equal."""
    out = [f"only in the run: {k} = {told[k]}" for k in told if k not in true]
    out += [f"missing in the run: {k} = {true[k]}" for k in true if k not in told]
    for k in true:
        if k in told and told[k] != true[k]:
            if isinstance(true[k], dict):
                parts = {n: (told[k].get(n), v) for n, v in true[k].items() if told[k].get(n) != v}
                out.append(f"{k}: run, truth = {parts}")
            else:
                out.append(f"{k}: run {told[k]}, truth {true[k]}")
    return out


def check(told: dict[Any, Any], true: dict[Any, Any]) -> None:
    found = differences(told, true)
    assert not found, f"{len(found)} of {len(true)}:\n" + "\n".join(found[:12])


# --- sessions ----------------------------------------------------------------------------------------------------


def session_told(row: Row) -> Row:
    names = ("subscriber", "home_plmn", "apn", "rat", "start_time", "end_reason", "cause_code", "dropped", "gateway",
             "bytes_up", "bytes_down", "packets_up", "packets_down", "cell_first", "cell_last",
             "qos_class")  # fmt: skip
    told = {name: row[name] for name in names}
    told["device_tac"] = row["device_tac"]
    told["addresses"] = (row["ue_ip"], row["ue_ipv6"])
    told["end_time"] = row["end_time"] if row["end_reason"] != "drained" else None
    told["setup_ms"] = row["setup_ms"]
    return told


def session_true(s: Row) -> Row:
    v4, v6 = s["ue_ipv4"], s["ue_ipv6"]
    return {
        "subscriber": s["imsi"], "home_plmn": s["home_plmn"], "apn": s["apn"], "rat": s["rat"],
        "start_time": s["start"], "end_reason": s["end_reason"] or "drained", "cause_code": s["cause_code"],
        "dropped": s["dropped"], "gateway": s["gateway"],
        "bytes_up": s["bytes_up"], "bytes_down": s["bytes_down"], "packets_up": s["packets_up"],
        "packets_down": s["packets_down"], "cell_first": s["cells"][0], "cell_last": s["cells"][-1],
        "qos_class": s["qci"], "device_tac": s["imeisv"][:8], "end_time": s["end"],
        "addresses": (v4 or v6, v6 if v4 else None), "setup_ms": max(0.0, s["setup_ms"]),
    }  # fmt: skip


def test_sessions(preset: Made) -> None:
    told = {preset.number[row["session_id"]]: session_told(row) for row in preset.run.session if row["subscriber"]}
    true = {number: session_true(s) for number, s in preset.sessions.items() if s["captured"]}
    check(told, true)
    strangers = [row for row in preset.run.session if not row["subscriber"]]
    assert len(strangers) <= sum(not s["captured"] for s in preset.sessions.values())


# --- procedures --------------------------------------------------------------------------------------------------


def procedure_told(preset: Made, row: Row) -> Row:
    return {
        "outcome": row["outcome"], "cause_code": row["cause_code"], "attempts": row["attempts"],
        "latency_ms": row["latency_ms"], "imsi": row["subscriber"], "cell": row["cell"], "apn": row["apn"],
        "session": preset.number.get(row["session_id"]),
    }  # fmt: skip


REQUEST_TIMEOUT = 30 * SECOND
ANSWER_TIME = 10 * SECOND  # of a SYN or SYN-ACK


def procedure_true(preset: Made, p: Row) -> Row:
    """A request that waits when the capture ends has no outcome."""
    names = ("outcome", "cause_code", "attempts", "imsi", "cell", "apn", "session")
    true = {name: p[name] for name in names}
    true["latency_ms"] = None if p["latency_ms"] is None else max(0.0, p["latency_ms"])
    if waits(preset, p):
        true["outcome"] = None
    return true


def waits(preset: Made, p: Row) -> bool:
    """Whether the capture ended before the probe gave the procedure up."""
    return bool(p["outcome"] == "timeout" and preset.run.end - p["start"] <= REQUEST_TIMEOUT)


def interface_true(p: Row) -> str:
    """Nothing in an echo says which interface it is on, nor does a deletion in a tunnel that was never set up."""
    if p["procedure"] == "echo" or (p["procedure"].startswith("delete") and p["imsi"] is None):
        return "gtpc"
    return str(p["interface"])


def test_procedures(preset: Made) -> None:
    """GTP-U echo is counted in the ledger, not paired."""
    which = ("interface", "procedure", "start", "requester", "responder")
    rows = [row | {"start": row["start_time"]} for row in preset.run.procedure]
    assert max(Counter(key(row, *which) for row in rows).values(), default=1) == 1
    told = {key(row, *which): procedure_told(preset, row) for row in rows}
    true = {
        key(p | {"interface": interface_true(p)}, *which): procedure_true(preset, p)
        for p in preset.dict["procedures"]
        if p["procedure"] != "gtpu_echo"
    }
    check(told, true)


def test_procedures_seen_on_two_interfaces_count_once(preset: Made) -> None:
    for row in preset.run.procedure:
        if row["subscriber"] and row["interface"] in ("s11", "gn"):
            assert row["counted"], row
        elif row["subscriber"]:
            assert not row["counted"], row


# --- flows -------------------------------------------------------------------------------------------------------

COUNTED = {
    "bytes": "bytes", "packets": "packets", "tcp_packets": "tcp_packets", "out_of_order": "tcp_out_of_order",
    "duplicate": "tcp_duplicate", "holes": "tcp_holes", "zero_window": "tcp_zero_window", "resets": "tcp_resets",
    "retransmitted": "tcp_retransmitted_packets",
}  # fmt: skip


def tuple_told(row: Row) -> tuple[Any, ...]:
    return (row["ue_ip"], row["ue_port"] or 0, row["server_ip"], row["server_port"] or 0, row["ip_protocol"])


def tuple_true(flow: Row) -> tuple[Any, ...]:
    return (flow["ue_ip"], flow["ue_port"], flow["server_ip"], flow["server_port"], flow["protocol"])


def flow_rows_told(preset: Made) -> dict[Any, Row]:
    out: dict[Any, Row] = {}
    for row in preset.run.flow:
        if row["packets_up"] + row["packets_down"] == 0:
            continue
        where = (tuple_told(row), preset.window(row["start_time"]), row["cell"])
        sums = out.setdefault(where, {"imsi": row["subscriber"], "start": row["start_time"], "end": row["end_time"]})
        sums["start"], sums["end"] = min(sums["start"], row["start_time"]), max(sums["end"], row["end_time"])
        assert sums["imsi"] == row["subscriber"]
        assert preset.window(row["start_time"]) == preset.window(row["end_time"])
        for way in ("up", "down"):
            for name, column in COUNTED.items():
                sums[f"{name}_{way}"] = sums.get(f"{name}_{way}", 0) + (row[f"{column}_{way}"] or 0)
            sums[f"active_ns_{way}"] = sums.get(f"active_ns_{way}", 0) + round((row[f"active_{way}"] or 0) * 1e6)
    return out


def flow_rows_true(preset: Made) -> dict[Any, Row]:
    out: dict[Any, Row] = {}
    for flow in preset.dict["flows"]:
        for row in flow["rows"]:
            true = {"imsi": flow["imsi"], "start": row["start"], "end": row["end"]}
            for way in ("up", "down"):
                for name in COUNTED:
                    if name != "retransmitted":
                        true[f"{name}_{way}"] = row[f"{name}_{way}"]
                seen = row[f"retransmitted_seen_{way}"]
                true[f"retransmitted_{way}"] = seen + row[f"retransmitted_unseen_{way}"]
                true[f"active_ns_{way}"] = row[f"active_ns_{way}"]
            out[tuple_true(flow), row["window_start"], row["cell"]] = true
    return out


def test_flow_rows(preset: Made) -> None:
    check(flow_rows_told(preset), flow_rows_true(preset))


CONNECT = ("connect", "connect_ts", "rtt_client_ms", "rtt_server_ms", "first_byte_ms")


def test_connections(preset: Made) -> None:
    """Connect outcome, round trips, first byte: told once each, in whichever row of the flow."""
    columns = ("connect_outcome", "connect_time", "rtt_client_ms", "rtt_server_ms", "first_byte_ms")
    told: dict[Any, Row] = defaultdict(lambda: dict.fromkeys(CONNECT) | {"begun": 0})
    for row in preset.run.flow:
        flow = told[tuple_told(row)]
        flow["begun"] += row["begun"]
        for name, column in zip(CONNECT, columns, strict=True):
            if row[column] is not None:
                assert flow[name] is None, f"{column} told twice for {tuple_told(row)}"
                flow[name] = row[column]
    true = {tuple_true(flow): {name: flow[name] for name in CONNECT} | {"begun": 1} for flow in preset.dict["flows"]}
    for flow in preset.dict["flows"]:
        if open_at_end(preset, flow):
            true[tuple_true(flow)] |= {"connect": None, "connect_ts": None}
    check(told, true)


def open_at_end(preset: Made, flow: Row) -> bool:
    """Whether the capture ended before the probe gave the handshake up."""
    last = max(row["end"] for row in flow["rows"])
    return flow["connect"] in ("no_answer", "half_open") and preset.run.end - last < ANSWER_TIME


def test_a_connect_counts_in_its_window_and_cell(preset: Made) -> None:
    told = Counter(
        (preset.window(row["connect_time"]), row["cell"]) for row in preset.run.flow if row["connect_outcome"]
    )
    true = Counter(
        (preset.window(flow.connect_ts), flow.first[1])
        for flow, row in zip(preset.truth.flows, preset.dict["flows"], strict=True)
        if flow.connect_ts is not None and flow.first is not None and not open_at_end(preset, row)
    )
    check(told, true)


# --- presence ----------------------------------------------------------------------------------------------------


def connected_true(preset: Made) -> dict[Any, int]:
    """ns connected by (session, window, cell), of default bearers; sessions still there at the end last until then."""
    out: Counter[Any] = Counter()
    for number, s in preset.sessions.items():
        for cell, since, until in s["stays"] if s["captured"] else ():
            until = preset.run.end if until is None else until
            while since < until:
                cut = min(until, preset.window(since) + preset.window_ns)
                out[number, preset.window(since), cell] += cut - since
                since = cut
    return {k: v for k, v in out.items() if v}


def test_connected_time(preset: Made) -> None:
    told: Counter[Any] = Counter()
    for row in preset.run.presence:
        assert preset.window(row["start_time"]) + preset.window_ns >= row["end_time"]
        if row["subscriber"] and row["connected_ms"] and row["ebi"] < 7:
            where = (preset.number[row["session_id"]], preset.window(row["start_time"]), row["cell"])
            told[where] += round(row["connected_ms"] * 1e6)
    check(told, connected_true(preset))


def test_volume_by_bearer(preset: Made) -> None:
    """Presence rows hold the same bytes and packets as the flow rows of their session, window and cell."""
    names = ("bytes_up", "bytes_down", "packets_up", "packets_down")
    sums: dict[str, dict[Any, Row]] = {"presence": {}, "flow": {}}
    for table, out in sums.items():
        for row in preset.run.tables[table]:
            where = (row["session_id"], preset.window(row["start_time"]), row["cell"])
            if row["session_id"] and row["packets_up"] + row["packets_down"]:
                total = out.setdefault(where, dict.fromkeys(names, 0))
                for name in names:
                    total[name] += row[name]
    check(sums["presence"], sums["flow"])


def test_dropped_presence(preset: Made) -> None:
    """Each dropped session ends with a dropped row of its default bearer, in the cell and window of the release."""
    told = Counter(
        (preset.number[row["session_id"]], row["end_time"], row["cell"])
        for row in preset.run.presence
        if row["dropped"] and row["ebi"] < 7 and row["subscriber"]
    )
    true = Counter(
        (number, s["end"], s["cells"][-1]) for number, s in preset.sessions.items() if s["dropped"] and s["captured"]
    )
    check(told, true)


# --- ledger ------------------------------------------------------------------------------------------------------


def test_ledger(preset: Made) -> None:
    entries = list(preset.run.accounts.entries(preset.run.sources))
    total: Counter[str] = Counter()
    stage: Counter[str] = Counter()
    octets = 0
    for entry in entries:
        if entry.packets is not None:
            stage[entry.stage] += entry.packets
            if entry.stage in ("decoded", "rejected", "dropped", "duplicate"):
                total[entry.reason] += entry.packets
            if entry.stage == "in":
                octets += entry.bytes or 0
    true = {name: count for name, count in preset.truth.ledger.items() if count and not name.startswith("in")}
    check(dict(total), true)
    assert stage["in"] == preset.truth.ledger["in"] == preset.run.packets
    assert octets == preset.truth.ledger["in_bytes"]
    assert stage["in"] == stage["decoded"] + stage["rejected"] + stage["dropped"] + stage["duplicate"]
    assert stage["joined"] + stage["unjoined"] == total["user_plane"]
    joined = sum(row["packets_up"] + row["packets_down"] for row in preset.run.flow if row["session_id"])
    assert stage["joined"] == joined
    known = sum(s["packets_up"] + s["packets_down"] for s in preset.sessions.values() if s["captured"])
    assert stage["joined"] >= known


# --- KPI tables --------------------------------------------------------------------------------------------------

SUMMED = {
    "flows": "flows_begun", "tcp_connect_attempts": "tcp_connect_attempts",
    "tcp_connect_successes": "tcp_connect_successes", "session_setup_attempts": "setup_attempts",
    "session_setup_successes": "setup_successes", "session_setup_failures": "setup_failures",
    "session_setup_timeouts": "setup_timeouts",
}  # fmt: skip
SUMMED |= {f"{name}_{way}": f"{name}_{way}" for name in ("bytes", "packets", "tcp_packets") for way in ("up", "down")}
"""Counter of the KPI tables: counter of the truth."""
LISTED = ("session_setup", "rtt_client", "rtt_server", "first_byte")
SESSIONS = ("sessions", "sessions_started", "sessions_dropped", "presence_drops", "connected_ms", "subscribers")


class Tables:
    """The KPI tables of a preset, and what the truth says that they should hold."""

    def __init__(self, name: str, window_s: int, rows_s: int, folder: Path) -> None:
        """window_s, rows_s: length of a window of the KPIs, and of the run that wrote the rows."""
        self.truth = generate(replace(PRESETS[name], window_s=window_s), folder)
        paths = [folder / file for file in self.truth.files]
        line = tools.write(paths, folder / "xdr", window_s=rows_s)
        self.end = int(line.workers[0].shard.words[SWEEP_NOW])
        tools.kpis(folder / "xdr", folder / "kpi", window_s, ["cell", "subscriber"])
        self.folder, self.window_ns = folder / "kpi", window_s * SECOND
        self.dict = self.truth.as_dict()
        self.captured = [s for s in self.dict["sessions"] if s["captured"]]

    def window(self, ts: int) -> int:
        return ts - ts % self.window_ns

    def rows(self, grain: str) -> dict[Any, Row]:
        return {(row["window_start"], row[grain]): row for row in tools.read(self.folder, f"kpi_{grain}")}

    def summed(self, grain: str) -> dict[Any, Row]:
        """The counters of the truth that are sums, set-ups that still waited at the end taken out of the timeouts."""
        rows = self.truth.by_cell() if grain == "cell" else self.truth.by_subscriber()
        who = "cell" if grain == "cell" else "imsi"
        out = {(row["window_start"], row[who]): {k: row[v] for k, v in SUMMED.items()} for row in rows}
        for where, row in zip(out, rows, strict=True):
            for way in ("up", "down"):
                seen = row[f"retransmitted_seen_{way}"]
                out[where][f"tcp_retransmitted_packets_{way}"] = seen + row[f"retransmitted_unseen_{way}"]
        for p in self.dict["procedures"]:
            if p["setup"] and p["outcome"] == "timeout" and self.end - p["start"] <= REQUEST_TIMEOUT:
                out[self.window(p["start"]), p[who]]["session_setup_timeouts"] -= 1
        for flow, true in zip(self.truth.flows, self.dict["flows"], strict=True):
            last = max(row["end"] for row in true["rows"])
            if flow.connect in ("no_answer", "half_open") and self.end - last < ANSWER_TIME:
                assert flow.first is not None
                out[flow.first[0], flow.first[1] if grain == "cell" else flow.imsi]["tcp_connect_attempts"] -= 1
        return out

    def listed(self, grain: str) -> dict[Any, dict[str, list[float]]]:
        """The values behind the quantiles, each in the window and cell of the flow row or set-up that it belongs to."""
        out: dict[Any, dict[str, list[float]]] = defaultdict(lambda: {name: [] for name in LISTED})
        for p in self.dict["procedures"]:
            if p["setup"] and p["outcome"] == "success":
                who = p["cell"] if grain == "cell" else p["imsi"]
                out[self.window(p["start"]), who]["session_setup"].append(max(0.0, p["latency_ms"]))
        return out

    def sessions(self, grain: str) -> dict[Any, Row]:
        out: dict[Any, Row] = defaultdict(lambda: dict.fromkeys(SESSIONS[:4], 0))
        for s in self.captured:
            row = out[self.window(s["start"]), s["cells"][-1] if grain == "cell" else s["imsi"]]
            row["sessions"] += 1
            row["sessions_started"] += 1
            row["sessions_dropped"] += bool(s["dropped"])
            if s["dropped"]:
                out[self.window(s["end"]), s["cells"][-1] if grain == "cell" else s["imsi"]]["presence_drops"] += 1
        return out


def without_zeros(rows: dict[Any, Row]) -> dict[Any, Row]:
    return {where: row for where, row in rows.items() if any(row.values())}


def quantile(values: list[float], q: float) -> float | None:
    """Linear interpolation between ranks."""
    if not values:
        return None
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def check_kpis(made: Tables, grain: str, dedicated: bool, strangers: bool) -> None:
    told = made.rows(grain)
    counters = [*SUMMED, "tcp_retransmitted_packets_up", "tcp_retransmitted_packets_down"]
    sums = {where: {name: row[name] or 0 for name in counters} for where, row in told.items()}
    check(without_zeros(sums), without_zeros(made.summed(grain)))
    if not strangers:
        names = [n for n in SESSIONS[:4] if not (dedicated and n == "presence_drops")]
        held = {where: {name: row[name] or 0 for name in names} for where, row in told.items()}
        true = {where: {name: row[name] for name in names} for where, row in made.sessions(grain).items()}
        check(without_zeros(held), without_zeros(true))
    for where, true in made.listed(grain).items():
        for q in (50, 95):
            assert told[where][f"session_setup_p{q}_ms"] == pytest.approx(quantile(true["session_setup"], q / 100))
    for row in told.values():
        check_ratios(row)


def check_ratios(row: Row) -> None:
    for kpi, numerator, denominator in (
        ("session_setup_success_pct", "session_setup_successes", "session_setup_attempts"),
        ("session_drop_pct", "sessions_dropped", "sessions_ended"),
        ("tcp_connect_success_pct", "tcp_connect_successes", "tcp_connect_attempts"),
        ("tcp_retransmission_up_pct", "tcp_retransmitted_packets_up", "tcp_packets_up"),
        ("tcp_retransmission_down_pct", "tcp_retransmitted_packets_down", "tcp_packets_down"),
    ):
        true = 100 * row[numerator] / row[denominator] if row[denominator] else None
        assert row[kpi] == (None if true is None else pytest.approx(true))


def has_dedicated(name: str) -> bool:
    return PRESETS[name].dedicated_share > 0


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_kpi_tables(name: str, tmp_path: Path) -> None:
    made = Tables(name, 10, 10, tmp_path)
    for grain in ("cell", "subscriber"):
        check_kpis(made, grain, has_dedicated(name), PRESETS[name].signalling_from_s > 0)


@pytest.mark.parametrize("name, window_s, rows_s", [("loss", 900, 900), ("handover", 60, 60), ("failures", 60, 10)])
def test_kpi_tables_of_other_windows(name: str, window_s: int, rows_s: int, tmp_path: Path) -> None:
    """Rows cut at shorter windows give the KPIs of longer ones too."""
    made = Tables(name, window_s, rows_s, tmp_path)
    for grain in ("cell", "subscriber"):
        check_kpis(made, grain, has_dedicated(name), False)


def test_volume_and_session_time_of_subscribers(tmp_path: Path) -> None:
    """Session time of each subscriber and window, and how many subscribers a cell had."""
    made = Tables("handover", 10, 10, tmp_path)
    true: Counter[Any] = Counter()
    cells: dict[Any, set[str]] = defaultdict(set)
    for s in made.captured:
        for cell, since, until in s["stays"]:
            until = made.end if until is None else until
            while since < until:
                cut = min(until, made.window(since) + made.window_ns)
                true[made.window(since), s["imsi"]] += cut - since
                cells[made.window(since), cell].add(s["imsi"])
                since = cut
    told = {where: round((row["connected_ms"] or 0) * 1e6) for where, row in made.rows("subscriber").items()}
    check({k: v for k, v in told.items() if v}, dict(true))
    for where, subscribers in cells.items():
        assert made.rows("cell")[where]["subscribers"] >= len(subscribers)


# --- the demonstration -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.xfail(
    reason="one session of 2291: a 3G set-up answer captured before its request, sent to an endpoint that another "
    "subscriber had before, is taken for that subscriber's"
)
def test_demo(tmp_path: Path) -> None:
    """The demonstration traffic: every table against its truth, and its faults stand out."""
    preset = Made("demo", 60)
    for compare in (test_sessions, test_procedures, test_flow_rows, test_connections, test_connected_time, test_ledger,
                    test_a_connect_counts_in_its_window_and_cell, test_volume_by_bearer):  # fmt: skip
        compare(preset)
