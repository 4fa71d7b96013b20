"""What the path makes of generated signalling between radio and core equals what the generator knows.

The meanings are those of `tools.scenario.radio_truth`; where the probe can say less, the comparison says so. Ids that
the messages do not tell (a subscriber whose identity is ciphered) may be null in a row, never another one's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from formats.causes import CAUSES
from formats.xdr import INTERFACES
from tests import pipeline_tools as tools
from tests.pipeline_tools import SECOND
from tests.test_end_to_end import REQUEST_TIMEOUT, check, flow_rows_told, flow_rows_true, tuple_true
from tools.scenario import RADIO_PRESETS, Truth, generate

pytestmark = pytest.mark.compiled

WINDOW_S = 10
Row = dict[str, Any]
RADIO = ("s1mme", "n2")
NODES = {"reset", "s1_setup", "ng_setup"}
PROCEDURES = NODES | {
    "signalling_connection", "initial_context_setup", "e_rab_setup", "e_rab_modify", "e_rab_release",
    "e_rab_release_indication", "pdu_session_resource_setup", "pdu_session_resource_modify",
    "pdu_session_resource_release", "ue_context_release_request", "ue_context_release", "path_switch_request",
    "handover_preparation", "handover_resource_allocation", "handover_cancel", "handover_execution", "paging",
    "e_rab_establishment_initial", "e_rab_establishment_added", "pdu_session_resource_establishment",
}  # fmt: skip
"""Of S1AP and NGAP themselves, and what their messages tell together."""


class Made:
    """A preset's truth and what a run over its capture gave."""

    def __init__(self, name: str, window_s: int) -> None:
        with TemporaryDirectory() as folder:
            self.truth: Truth = generate(replace(RADIO_PRESETS[name], window_s=window_s), Path(folder))
            paths = [Path(folder) / name for name in self.truth.files]
            self.run = tools.run(paths, window_s=window_s)
        self.name, self.window_ns = name, window_s * SECOND
        self.dict = self.truth.as_dict()
        self.hidden = RADIO_PRESETS[name].unseen.split()
        self.mid_start = RADIO_PRESETS[name].signalling_from_s > 0

    def window(self, ts: int) -> int:
        return ts - ts % self.window_ns


@lru_cache(maxsize=2)
def made(name: str, window_s: int = WINDOW_S) -> Made:
    return Made(name, window_s)


@pytest.fixture(params=sorted(RADIO_PRESETS), scope="module")
def preset(request: pytest.FixtureRequest) -> Made:
    return made(request.param)


def words(family: str | None, code: int | None) -> str | None:
    """A cause as the tables tell it."""
    return None if family is None or code is None else CAUSES[family][code]


# --- procedures --------------------------------------------------------------------------------------------------


def procedures_told(preset: Made) -> Iterator[tuple[Any, Row]]:
    for row in preset.run.procedure:
        if row["interface"] in RADIO and row["procedure"] in PROCEDURES:
            told = {name: row[name] for name in ("outcome", "cause_code", "cause", "cell", "attempts", "latency_ms")}
            told["attempts"] = min(row["attempts"], PAGED.get(row["procedure"], row["attempts"]))
            yield (row["interface"], row["procedure"], row["start_time"]), told


def procedures_true(preset: Made) -> Iterator[tuple[Any, Row]]:
    for p in preset.dict["procedures"]:
        if p["interface"] not in RADIO or p["procedure"] not in PROCEDURES:
            continue
        waits = p["outcome"] == "timeout" and preset.run.end - p["start"] <= REQUEST_TIMEOUT
        latency = 0.0 if p["procedure"] in UNANSWERED else p["latency_ms"]
        yield (p["interface"], p["procedure"], p["start"]), {
            "outcome": None if waits else p["outcome"], "cause_code": p["cause_code"],
            "cause": words(p["cause_family"], p["cause_code"]),
            "cell": None if p["procedure"] in NO_CELL else p["cell"],
            "attempts": min(p["attempts"], PAGED.get(p["procedure"], p["attempts"])), "latency_ms": latency,
        }  # fmt: skip


NO_CELL = {"reset"}
"""Of nodes: their rows tell none."""
UNANSWERED = {"ue_context_release_request", "e_rab_release_indication"}
"""Messages without an answer: their row tells of them, and why."""


PAGED = {"paging": 1}
"""Attempts told of procedures whose requests go to several nodes: each copy is one, which the truth counts once."""


def grouped(rows: Iterator[tuple[Any, Row]]) -> dict[Any, list[Row]]:
    out: dict[Any, list[Row]] = defaultdict(list)
    for key, row in rows:
        out[key].append(row)
    return {key: sorted(rows, key=str) for key, rows in out.items()}


def test_procedures(preset: Made) -> None:
    told, true = grouped(procedures_told(preset)), grouped(procedures_true(preset))
    if preset.mid_start:  # the cell of a connection that began before the capture is not told by every message
        for key, rows in told.items():
            if [row["cell"] for row in rows] == [None]:
                true[key][0]["cell"] = None
    check(told, true)


def test_a_procedure_is_never_another_ones(preset: Made) -> None:
    """Who asked is known or null; where the identity can be read or the core's side is seen, it mostly is known."""
    true = defaultdict(set)
    for p in preset.dict["procedures"]:
        true[p["interface"], p["procedure"], p["start"]].add(p["imsi"])
    wrong = [
        (row["interface"], row["procedure"], row["start_time"], row["subscriber"])
        for row in preset.run.procedure
        if row["procedure"] in PROCEDURES
        and row["subscriber"]
        and row["subscriber"] not in true[row["interface"], row["procedure"], row["start_time"]]
    ]
    assert not wrong, f"{len(wrong)}: {wrong[:12]}"


# --- drops and time ----------------------------------------------------------------------------------------------


def drops_true(preset: Made) -> Iterator[tuple[int, str, str | None]]:
    """Bearers lost: time of the message that told it, cell and cause."""
    connections = {c["number"]: c for c in preset.dict["connections"]}
    for b in preset.dict["bearers"]:
        c = connections[b["connection"]]
        if b["abnormal"] and c["captured"]:
            ts = b["end"] if b["end"] != c["end"] else c["release_requested"] or c["release_commanded"]
            yield ts, [stay[0] for stay in c["stays"] if stay[1] <= ts][-1], words(b["cause_family"], b["cause_code"])


def test_drops(preset: Made) -> None:
    """Per window, cell and cause. One that a GTP-U Error Indication told of before has no cause."""
    told = Counter(
        (preset.window(row["end_time"]), row["cell"], row["cause"]) for row in preset.run.presence if row["dropped"]
    )
    true = Counter((preset.window(ts), cell, cause) for ts, cell, cause in drops_true(preset))
    errors = [row for row in preset.run.presence if row["dropped"] and row["end_reason"] == "error_indication"]
    for row in errors:
        where = preset.window(row["end_time"]), row["cell"]
        cause = next(key[2] for key in true if key[:2] == where and told[key] < true[key])
        told[(*where, None)] -= 1
        told[(*where, cause)] += 1
    check(+told, true)


def given_up(preset: Made, bearer: Row, connection: Row) -> int:
    """When the radio side of a bearer was told to be given up: the command, or the Reset, that ended its connection."""
    if bearer["end"] is None:
        return preset.run.end
    if bearer["end"] != connection["end"]:
        return int(bearer["end"])
    by_reset = connection["release_commanded"] == connection["end"]
    return int(connection["release_requested" if by_reset else "release_commanded"])


def time_true(preset: Made) -> dict[Any, list[int]]:
    """By window and cell: the spans of bearers in it, ns."""
    connections = {c["number"]: c for c in preset.dict["connections"]}
    out: dict[Any, list[int]] = defaultdict(list)
    for b in preset.dict["bearers"]:
        c = connections[b["connection"]]
        end = given_up(preset, b, c)
        for cell, since, until in c["stays"]:
            low, high = max(b["start"], since), min(end, end if until is None else until)
            while low < high:
                stop = min(high, preset.window(low) + preset.window_ns)
                out[preset.window(low), cell].append(stop - low)
                low = stop
    return out


OTHER_PLANE = SECOND // 2
"""GTP-C and PFCP tell that a bearer is given up some time before S1AP and NGAP do: then it counts no longer."""


def test_session_time(preset: Made) -> None:
    """What retainability is divided by: connected time per window and cell, to the ns where N2 or S1 stands alone."""
    if preset.mid_start:
        return
    told: Counter[Any] = Counter()
    for row in preset.run.presence:
        if row["connected_ms"]:
            told[preset.window(row["start_time"]), row["cell"]] += round(row["connected_ms"] * 1e6)
    true = time_true(preset)
    if preset.name.endswith("_alone"):
        check(+told, {where: sum(spans) for where, spans in true.items()})
        return
    assert set(+told) <= set(true)
    for where, spans in true.items():
        assert 0 <= sum(spans) - told[where] <= OTHER_PLANE * len(spans), where


# --- flows -------------------------------------------------------------------------------------------------------


def test_flow_rows(preset: Made) -> None:
    """A subscriber is told or, of a session whose set-up did not name it, may be unknown."""
    if "user" in preset.hidden:
        return
    told, true = flow_rows_told(preset), flow_rows_true(preset)  # type: ignore[arg-type]
    named = {s["number"]: s["named"] for s in preset.dict["sessions"]}
    for flow in preset.dict["flows"]:
        if flow["session"] is not None and not named[flow["session"]]:
            for row in flow["rows"]:
                key = tuple_true(flow), row["window_start"], row["cell"]
                if key in told and told[key]["imsi"] is None:
                    true[key]["imsi"] = None
    check(told, true)


# --- ledger ------------------------------------------------------------------------------------------------------


def test_ledger(preset: Made) -> None:
    total: Counter[str] = Counter()
    for reasons in preset.run.accounts.by_reason().values():
        total.update(reasons)
    true = {name: count for name, count in preset.truth.ledger.items() if count and not name.startswith("in")}
    check(dict(total), true)
    assert sum(total.values()) == preset.truth.ledger["in"] == preset.run.packets


MESSAGES = {"s1mme": "s1ap", "n2": "ngap", "n4": "pfcp"}


def test_messages_in_the_ledger(preset: Made) -> None:
    """Every message is joined to a session or not, each once, by its interface.

    Those of set-ups, pagings and connections without a session are not; of S1 and N2 as many are as rows tell of.
    """
    told = {name: preset.run.accounts.total("messages")[:, INTERFACES.index(name)] for name in MESSAGES}
    true: Counter[str] = Counter()
    for kind, count in preset.truth.messages.items():
        true[kind.split("-")[0]] += count
    assert {name: told[name].sum() for name in MESSAGES} == {name: true[kind] for name, kind in MESSAGES.items()}
    for name in MESSAGES:
        about = {row["start_time"] for row in preset.run.procedure if row["interface"] == name and row["session_id"]}
        assert (told[name][1] > 0) == (true[MESSAGES[name]] > 0)
        assert told[name][1] >= len(about)
