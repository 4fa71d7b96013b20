"""Records put together by the kernels alone: sessions, stays, volumes and calls as the generator knows them."""

from collections import defaultdict

import numpy as np
import pytest
from numba import config

from formats import cdr
from formats.addresses import NO_DIGITS
from formats.cdr_rows import CALL_RECORD, CONTAINER_BLANK, RECORD_BLANK, SESSION_RECORD, VOLUME, first_words
from formats.xdr import NEVER
from kernels.cdr_finish import finish
from kernels.cdr_spread import MOST_WINDOWS
from probe.archive_files import Names
from probe.archive_rows import write_calls, write_messages, write_sessions
from probe.archive_store import Collected
from tests.cdr_tools import scan
from tools.cdr.simulate import Scenario, told, written

SCENARIO = Scenario(sessions=12, calls=8, seed=11)
SECOND = 10**9
WINDOW = 900 * SECOND


class Tray:
    """Keeps the rows that were put."""

    def __init__(self) -> None:
        self.rows: dict[str, list[np.ndarray]] = defaultdict(list)

    def put(self, table: str, rows: np.ndarray, texts: list[str]) -> None:
        self.rows[table].append(np.asarray(rows).copy())

    def __getitem__(self, table: str) -> np.ndarray:
        return np.concatenate(self.rows[table])


def read(octets: bytes) -> Collected:
    records, containers, rejects, _ = scan(octets)
    assert not len(rejects)
    names = Names(64)
    finish(
        np.frombuffer(octets, np.uint8), records.view(np.recarray), len(records), names.octets, names.slots, names.used
    )
    session = cdr.FAMILY_OF[records["type"]] == cdr.FAMILIES.index("session")
    return kept(records[session], containers, records[~session])


def kept(sessions: np.ndarray, containers: np.ndarray, others: np.ndarray) -> Collected:
    return Collected(
        first_words(sessions, SESSION_RECORD), first_words(containers, VOLUME), first_words(others, CALL_RECORD)
    )


@pytest.fixture(scope="module")
def tray() -> Tray:
    tray, collected = Tray(), read(b"".join(written(SCENARIO)))
    twice = write_sessions(collected.sessions, collected.containers, WINDOW, [], tray.put)
    assert not twice.any()
    write_calls(collected.others, WINDOW, Names(64), tray.put)
    return tray


def test_sessions(tray: Tray) -> None:
    found = [
        (s["start_time"] // SECOND, s["end_time"] // SECOND, s["bytes_up"], s["bytes_down"], s["dropped"], s["slice"])
        for s in tray["session"]
    ]
    truth = [
        (*times, -1 if ended is None else int(ended), -1) for *times, ended in told(SCENARIO).sessions.values()
    ]  # fmt: skip
    assert sorted(found) == sorted(truth)


@pytest.mark.parametrize("table", ["presence", "flow"])
def test_volumes_by_window_and_cell(tray: Tray, table: str) -> None:
    found: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for row in tray[table]:
        cell = found[int(row["window"]) // SECOND, int(row["cell"]) & 0xFFF_FFFF]
        cell[0] += int(row["bytes_up"])
        cell[1] += int(row["bytes_down"])
        assert row["window"] <= row["start_time"] <= row["end_time"] <= row["window"] + WINDOW
    truth = told(SCENARIO).octets
    assert found.keys() == truth.keys()
    for key, (up, down) in truth.items():
        assert abs(found[key][0] - up) < 20
        assert abs(found[key][1] - down) < 20


def test_calls(tray: Tray) -> None:
    found = sorted((c["start_time"] // SECOND, c["end_time"] // SECOND, c["cause_code"]) for c in tray["call"])
    assert found == sorted((c.seized, c.released, c.diagnostic) for c in told(SCENARIO).calls)


def a_record(**columns: int) -> Collected:
    """A PGW-CDR of one container."""
    records, containers = RECORD_BLANK.copy(), CONTAINER_BLANK.copy()
    records["type"] = next(i for i, root in enumerate(cdr.ROOTS) if root.name == "pGWRecord")
    records["containers"], records["charging_id"], records["imsi"] = 1, 7, NO_DIGITS
    containers["kind"], containers["up"], containers["down"] = 2, 1000, 2000
    for name, value in columns.items():
        records[name] = value
    return kept(records, containers, records)


def test_a_record_that_was_sent_twice_counts_once() -> None:
    one, tray = a_record(opened=0, duration=10, cause=0, digest=1), Tray()
    records = np.concatenate([one.sessions, one.sessions])
    records["digest"] = 1, 2
    twice = write_sessions(records, one.containers, WINDOW, [], tray.put)
    assert twice.tolist() == [False, True]
    assert tray["session"]["bytes_down"].tolist() == [2000]


def test_a_message_is_an_event() -> None:
    kind = next(i for i, root in enumerate(cdr.ROOTS) if root.name == "moSMSRecord")
    one, tray = a_record(opened=WINDOW + 5, type=kind), Tray()
    write_messages(one.others, WINDOW, Names(64), tray.put)
    (row,) = tray["event"]
    assert (row["start_time"], row["end_time"], row["window"]) == (WINDOW + 5, NEVER, WINDOW)


def test_a_mobility_context_is_an_event_that_lasts() -> None:
    kind = next(i for i, root in enumerate(cdr.ROOTS) if root.name == "sgsnMMRecord")
    tray = Tray()
    for cause in (0, 4, 17):
        one = a_record(opened=WINDOW, duration=60, cause=cause, type=kind, digest=cause)
        write_messages(one.others, WINDOW, Names(64), tray.put)
    assert tray["event"]["outcome"].tolist() == [1, 2, 0]
    assert set(tray["event"]["event_ms"].tolist()) == {60 * SECOND}
    assert set(tray["event"]["end_time"].tolist()) == {WINDOW + 60 * SECOND}


def test_a_record_makes_a_bounded_number_of_rows() -> None:
    one, tray = a_record(opened=0, duration=5_000_000, cause=0, digest=1), Tray()
    write_sessions(one.sessions, one.containers, 1000 * SECOND if config.DISABLE_JIT else SECOND, [], tray.put)
    assert len(tray["presence"]) == (5000 if config.DISABLE_JIT else MOST_WINDOWS)
    assert tray["presence"]["bytes_down"].sum() == 2000
