"""Alerts over tables on disk: all at once, window by window, with rows that come late, and across restarts."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import xdr
from formats.alert import CountRule
from formats.expression import where
from probe.alert_live import LiveAlerts, likely
from probe.alert_match import Matching
from probe.alert_out import AlertOptions, Outputs
from probe.alert_store import AlertStore
from probe.alerts import evaluate
from probe.catalogue import load_catalogue
from probe.identity import Identities
from probe.kpi import compute, kpi_command
from probe.tables import to_arrow
from tests import xdr_rows
from tests.naive_alerts import counted
from tests.test_kpi import FACTS, NAMES, as_dicts, write
from tests.xdr_rows import SECOND, WINDOW

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python
WINDOWS = 5
REGIONS = {"262-01-256000": "north", "262-01-256001": "south"}
PREMIUM = {"262010000000001": "gold", "262010000000002": "gold", "310260123456789": "silver"}
RULES = """
[[segment]]
name = "sites"
on = "cell"
columns = ["region"]
rows = { 262-01-256000 = "north", 262-01-256001 = "south" }

[[segment]]
name = "premium"
on = "subscriber"
columns = ["contract"]
rows = { 262010000000001 = "gold", 262010000000002 = "gold", 310260123456789 = "silver" }

[[alert]]
id = "premium_dropping"
table = "session"
where = "dropped and in_premium == 'yes' and (region is null or region != 'south')"
key = ["contract", "subscriber"]
time = "end_time"
count = 2
within = "20m"

[[alert]]
id = "region_failing"
table = "procedure"
where = "outcome != 'success' and contract in ('gold', 'silver') and latency_ms + attempts > 600"
key = ["region", "in_premium", "procedure"]
count = 2
within = "20m"
close = 1

[[alert]]
id = "dropping"
table = "session"
where = "dropped == true and apn in ('internet', 'ims')"
key = "subscriber"
time = "end_time"
count = 3
within = "20m"
close = 1

[[alert]]
id = "failing"
severity = "major"
table = "procedure"
where = "outcome != 'success' and latency_ms > 500 or cause_code == 16"
key = ["cell", "procedure"]
count = 2
within = "10m"

[[alert]]
id = "setup"
kpi = "tcp_connect_success_pct"
grain = "cell"
open = "value < 15"
close = "value > 20"
min_sample = 2

[[alert]]
id = "traffic"
kpi = "bytes_total"
grain = "subscriber"
open = "change < -30 and bytes_up > 0"
against = "previous"
for = "2 windows"
close_for = "15m"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def made(number: int = 150, seed: int = 0) -> dict[str, np.ndarray]:
    return {table.name: xdr_rows.rows(table, number, seed, WINDOWS) for table in FACTS}


def table(out: Path) -> list[tuple[object, ...]]:
    found = ds.dataset(out / "alert").to_table()
    for at, field in enumerate(found.schema):
        if pa.types.is_timestamp(field.type):
            found = found.set_column(at, field.name, found.column(at).cast(pa.int64()))
    return sorted((tuple(row.values()) for row in found.to_pylist()), key=str)


def net(file: Path) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for line in file.read_text().splitlines():
        told = json.loads(line)
        found[told["alert_id"], told.get("withdraws", told["state"]), told["time"]] += -1 if "withdraws" in told else 1
        assert set(found.values()) <= {0, 1}, line
    return +found


def whole(folder: Path, rows: dict[str, np.ndarray], rules: Path) -> Path:
    """All at once, by the command."""
    write(folder / "xdr", rows)
    words = [str(folder / "xdr"), "--out", str(folder / "all"), "--by", "cell,subscriber", "--catalogue", str(rules),
             "--alerts", str(folder / "all.jsonl")]  # fmt: skip
    done = CliRunner().invoke(kpi_command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder / "all"


def test_count_rules_are_those_of_plain_loops(tmp_path: Path, rules: Path) -> None:
    rows = made(600)
    out = whole(tmp_path, rows, rules)
    found = sorted((*row[:6], row[7], row[10]) for row in table(out) if row[2] in ("dropping", "failing"))
    told = as_dicts(rows)
    dropped = [
        (row["end_time"], row["session_id"] or 0, row["subscriber"]) for row in told["session"]
        if row["dropped"] and row["apn"] in ("internet", "ims") and row["end_time"] is not None and row["subscriber"]
    ]  # fmt: skip
    failed = [
        (row["start_time"], row["session_id"] or 0, f"{row['cell']}; procedure={row['procedure']}")
        for row in told["procedure"]
        if ((row["outcome"] not in (None, "success") and (row["latency_ms"] or 0) > 500) or row["cause_code"] == 16)
        and row["cell"] and row["procedure"]
    ]  # fmt: skip
    clocks = [
        max(row[name] or 0 for row in told[t]) for t, name in (("session", "end_time"), ("procedure", "start_time"))
    ]
    expected = counted(dropped, 3, 1200 * SECOND, 1, clocks[0]), counted(failed, 2, 600 * SECOND, 0, clocks[1])
    for rule, key, each in (("dropping", "subscriber=", expected[0]), ("failing", "cell=", expected[1])):
        mine = sorted((state, time, opened, k, v) for time, _, r, _, state, opened, k, v in found if r == rule)
        assert mine == [(t.state, t.time, t.opened, key + t.key, t.value) for t in each]
        assert len(mine) > 10


def test_count_rules_of_segments_are_those_of_plain_loops(tmp_path: Path, rules: Path) -> None:
    """As filters and as keys; of a session the cell is its last one."""
    rows = made(900)
    found = sorted((*row[:6], row[7], row[10]) for row in table(whole(tmp_path, rows, rules)))
    told = as_dicts(rows)
    dropped = [
        (row["end_time"], row["session_id"] or 0, f"{PREMIUM[row['subscriber']]}; subscriber={row['subscriber']}")
        for row in told["session"]
        if row["dropped"] and row["subscriber"] in PREMIUM and row["end_time"] is not None
        and REGIONS.get(row["cell_last"]) != "south"
    ]  # fmt: skip
    failed = [
        (
            row["start_time"], row["session_id"] or 0,
            f"{REGIONS[row['cell']]}; in_premium=yes; procedure={row['procedure']}",
        )
        for row in told["procedure"]
        if row["outcome"] not in (None, "success") and row["subscriber"] in PREMIUM and row["cell"] in REGIONS
        and row["procedure"] and None not in (row["latency_ms"], row["attempts"])
        and row["latency_ms"] + row["attempts"] > 600
    ]  # fmt: skip
    clocks = [
        max(row[name] or 0 for row in told[t]) for t, name in (("session", "end_time"), ("procedure", "start_time"))
    ]
    wanted = counted(dropped, 2, 1200 * SECOND, 0, clocks[0]), counted(failed, 2, 1200 * SECOND, 1, clocks[1])
    for rule, key, each in (
        ("premium_dropping", "contract=", wanted[0]),
        ("region_failing", "region=", wanted[1]),
    ):
        mine = sorted((state, time, opened, k, v) for time, _, r, _, state, opened, k, v in found if r == rule)
        assert mine == [(t.state, t.time, t.opened, key + t.key, t.value) for t in each]
        assert mine


def test_another_segment_has_its_rows_counted_anew(tmp_path: Path, rules: Path) -> None:
    """A state that was made with other rows of a segment is of no use."""
    rows = made(600)
    out, before = whole(tmp_path, rows, rules), load_catalogue(rules)
    there = [row for row in table(out) if row[2] == "premium_dropping"]
    rules.write_text(RULES.replace('262010000000002 = "gold"', '262010000000003 = "gold"'))
    catalogue, last = load_catalogue(rules), max(int(some["window"].max()) for some in rows.values())
    evaluate([tmp_path / "xdr"], out, 900, before, last)
    assert [row for row in table(out) if row[2] == "premium_dropping"] == there
    evaluate([tmp_path / "xdr"], out, 900, catalogue, last)
    changed = [row for row in table(out) if row[2] == "premium_dropping"]
    assert {str(row[7])[-1] for row in there} > {"1", "2"} - {"9"}
    assert "2" not in {str(row[7])[-1] for row in changed}


def test_texts_of_segments_are_not_kept_for_ever(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told block by block with few texts kept is what all rows at once tell."""
    catalogue, (declared, rows) = load_catalogue(rules), (xdr.SESSION, xdr_rows.rows(xdr.SESSION, 200, 3))
    (rule,) = [one for one in catalogue.alerts if one.id == "premium_dropping"]
    assert isinstance(rule, CountRule)
    whole = Matching([rule], catalogue.segments).matched(rule, to_arrow(declared, rows, NAMES))
    monkeypatch.setattr("probe.alert_match.MOST_TEXTS", 2)
    apart = Matching([rule], catalogue.segments)
    parts = [apart.matched(rule, to_arrow(declared, some, NAMES)) for some in np.array_split(rows, 7)]
    assert [key for part in parts for key in part.keys.to_pylist()] == whole.keys.to_pylist()
    assert whole.keys.to_pylist()


def test_a_second_time_says_nothing_new(tmp_path: Path, rules: Path) -> None:
    out = whole(tmp_path, made(600), rules)
    before, lines = table(out), (tmp_path / "all.jsonl").read_text()
    assert len(before) == len(lines.splitlines()) == sum(net(tmp_path / "all.jsonl").values())
    assert {row[2] for row in before} == {one.id for one in load_catalogue(rules).alerts}
    assert {row[4] for row in before} == {"opened", "updated", "closed"}
    again = whole(tmp_path, made(600), rules)
    assert table(again) == before
    assert (tmp_path / "all.jsonl").read_text() == lines


def arrivals(rows: dict[str, np.ndarray], late: float, seed: int) -> list[dict[str, np.ndarray]]:
    """The rows by the window at whose end they are there, some of them one or two later."""
    rng = np.random.default_rng(seed)
    first = min(int(some["window"].min()) for some in rows.values())
    out: list[dict[str, np.ndarray]] = [{} for _ in range(WINDOWS)]
    for name, some in rows.items():
        by = some["window"] if name != "session" else np.maximum(some["window"], some["end_time"] // WINDOW * WINDOW)
        step = (by - first) // WINDOW
        step = np.minimum(step + np.where(rng.random(some.size) < late, rng.integers(1, 3, some.size), 0), WINDOWS - 1)
        for number, place in enumerate(out):
            place[name] = some[step == number]
    return out


def touched(rows: dict[str, np.ndarray]) -> list[int]:
    """Windows that these rows count in."""
    found = {int(window) for some in rows.values() for window in some["window"]}
    ends = rows["session"]["end_time"]
    return sorted(found | {int(end) // WINDOW * WINDOW for end in ends[ends != xdr.NEVER]})


@pytest.mark.compiled
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("late", [0.0, 0.3])
@pytest.mark.parametrize("quick", [False, True])
def test_window_by_window_gives_the_same(late: float, restart: bool, quick: bool, tmp_path: Path, rules: Path) -> None:
    """As a live probe does it: rows looked at in any order as they come, windows evaluated as they are written."""
    rows, catalogue, out = made(120, 3), load_catalogue(rules), tmp_path / "steps"
    expected = whole(tmp_path, rows, rules)
    rng = np.random.default_rng(5)
    first = min(int(some["window"].min()) for some in rows.values())
    outputs = live = None
    for number, there in enumerate(arrivals(rows, late, 8)):
        if outputs is None or restart:
            outputs = Outputs(out, AlertOptions(str(tmp_path / "steps.jsonl")))
            live = LiveAlerts(out, 900, catalogue, outputs, Identities("clear"), 10_000)
        assert live is not None
        if quick:
            for name, some in there.items():
                for block in np.array_split(rng.permutation(some), 3):
                    live.put(name, block, xdr_rows.APNS)
        write(out, there, f"r{number}")
        windows = touched(there)
        before = first + (number + 1) * WINDOW if number < WINDOWS - 1 else 1 << 62
        windows = [window for window in windows if window < before]
        compute([out], out, 900, ["cell", "subscriber"], catalogue, between=(windows[0], windows[-1] + WINDOW))
        if restart or number == WINDOWS - 1:
            live.close()
        live.evaluate(windows[0], before)
        if restart or number == WINDOWS - 1:
            outputs.close()
    assert table(out) == table(expected)
    assert net(tmp_path / "steps.jsonl") == net(tmp_path / "all.jsonl")
    if not late and not quick:
        assert "withdrawn" not in (tmp_path / "steps.jsonl").read_text()


def test_states_that_are_of_no_use_are_passed_over(tmp_path: Path, rules: Path) -> None:
    """Damaged, of other rules, or gone: everything is looked at from the beginning."""
    out = whole(tmp_path, made(), rules)
    before, states = table(out), sorted((out / ".alerts").glob("*.npz"))
    assert len(states) >= 2
    for number, path in enumerate(states):
        path.write_bytes([b"", b"not a zip", path.read_bytes()[:100], path.read_bytes()[:-30]][number % 4])
    catalogue = load_catalogue(rules)
    last = max(row[0] for row in before)
    evaluate([tmp_path / "xdr"], out, 900, catalogue, last // WINDOW * WINDOW)
    assert table(out) == before
    fewer = catalogue._replace(alerts=tuple(rule for rule in catalogue.alerts if rule.id != "failing"))
    evaluate([tmp_path / "xdr"], out, 900, fewer, last // WINDOW * WINDOW)
    assert table(out) == [row for row in before if row[2] != "failing"]


@pytest.mark.parametrize("place", ["save", "tell", "replace", "commit"])
def test_a_kill_at_any_step_loses_nothing(
    place: str, tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evaluation of the second window ends there; that of the third goes on from what is left of it."""
    rows, catalogue, out = made(120, 3), load_catalogue(rules), tmp_path / "steps"
    expected = whole(tmp_path, rows, rules)
    first = min(int(some["window"].min()) for some in rows.values())
    where_it_is = {"tell": Outputs}.get(place, AlertStore)
    for number, there in enumerate(arrivals(rows, 0, 8)):
        write(out, there, f"r{number}")
        windows, before = touched(there), first + (number + 1) * WINDOW if number < WINDOWS - 1 else 1 << 62
        windows = [window for window in windows if window < before]
        compute([out], out, 900, ["cell", "subscriber"], catalogue, between=(windows[0], windows[-1] + WINDOW))
        outputs = Outputs(out, AlertOptions(str(tmp_path / "steps.jsonl")))
        with monkeypatch.context() as patched:
            if number == 1:
                patched.setattr(where_it_is, place, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
                with pytest.raises(KeyboardInterrupt):
                    evaluate([out], out, 900, catalogue, windows[0], before, outputs)
            else:
                evaluate([out], out, 900, catalogue, windows[0], before, outputs)
        outputs.close()
    assert table(out) == table(expected)
    assert net(tmp_path / "steps.jsonl") == net(tmp_path / "all.jsonl")


def test_an_old_archive_is_not_sent_when_a_new_window_is(tmp_path: Path, rules: Path) -> None:
    """Rules that are new to a folder look at all of it; those who listen hear of what is new."""
    rows = made()
    expected = whole(tmp_path, rows, rules)
    out, catalogue = tmp_path / "new", load_catalogue(rules)
    compute([tmp_path / "xdr"], out, 900, ["cell", "subscriber"], catalogue)
    outputs = Outputs(out, AlertOptions(str(tmp_path / "new.jsonl")))
    first = max(int(some["window"].max()) for some in rows.values())
    evaluate([tmp_path / "xdr"], out, 900, catalogue, first, outputs=outputs)
    outputs.close()
    assert table(out) == table(expected)
    assert sum(net(tmp_path / "new.jsonl").values()) == sum(row[0] >= first for row in table(out)) > 0


FILTERS = st.sampled_from([
    "", "dropped == true", "not (dropped == false)", "dropped is null", "dropped is not null", "dropped",
    "outcome == 'success'", "outcome != 'failure'", "outcome in ('timeout', 'success')", "outcome not in ('timeout')",
    "outcome is null", "latency_ms > 500", "latency_ms <= 12.5", "latency_ms == 3", "attempts >= 5000", "attempts < 17",
    "attempts != 3", "attempts in (1, 2, 3)", "cause_code == 16", "cause_code is not null", "cell == '262-01-256000'",
    "cause == 'x'", "session_id == 2", "counted", "interface == 's11' and outcome == 'failure'",
    "subscriber is not null or apn == 'ims'", "latency_ms + attempts > 600", "qos_class not in (1, 9)",
    "slice == '1-000001'",
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(FILTERS, min_size=1, max_size=2), st.booleans(), st.integers(0, 5))
def test_the_quick_look_passes_over_nothing_that_counts(filters: list[str], both: bool, seed: int) -> None:
    text = (" and " if both else " or ").join(f"({one})" for one in filters if one)
    declared = xdr.PROCEDURE
    names = {column.name for column in declared.columns}
    conditions = where(text)
    if not {name for alternative in conditions for c in alternative for name in c.columns} <= names:
        return
    rule = CountRule(
        "r", "r", "major", "", "procedure", conditions, text, ("cell",), "end_time", 2, 60, 0, "session_id"
    )
    rows = xdr_rows.rows(declared, 80, seed)
    keep = likely(rule, declared, rows)
    every, some = (Matching([rule]).matched(rule, to_arrow(declared, part, NAMES)) for part in (rows, rows[keep]))
    assert every.times.tolist() == some.times.tolist()
    assert every.keys.to_pylist() == some.keys.to_pylist()
