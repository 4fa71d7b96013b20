"""Alerts: any order and any split of the rows give the same; the twin by plain loops and DuckDB agree."""

import json

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.alert import CountRule, KpiRule
from probe import alert_count
from probe.alert_count import Counting, Matched
from probe.alert_kpi import Thresholding, WindowRows
from probe.catalogue import shipped_catalogue
from tests.naive_alerts import Told, counted, judged

SECOND = 10**9
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python


def rule(least=3, within_s=10, close=0):
    return CountRule(
        "often",
        "often",
        "major",
        "",
        "session",
        (),
        "",
        ("subscriber",),
        "end_time",
        least,
        within_s,
        close,
        "session_id",
    )


def rows_of(block, clock=None):
    times = np.array([time for time, _, _ in block], np.int64)
    return Matched(
        times, np.array([mark for _, mark, _ in block], np.int64), pa.array([key for _, _, key in block], pa.string()),
        int(times.max(initial=-(2**62))) if clock is None else clock,
    )  # fmt: skip


def told(event):
    return Told(event.state, event.time, event.opened_time, event.key.removeprefix("subscriber="), event.value)


def net(changes):
    """What is left when what was withdrawn is taken away; nothing is withdrawn that was not told."""
    there = {}
    for sign, event in changes:
        key = told(event)
        assert (key in there) == (sign < 0), (sign, key)
        if sign > 0:
            there[key] = event
        else:
            del there[key]
    return there


def fed(blocks, with_rule, forget=None):
    state, changes = Counting(with_rule), []
    for block in blocks:
        state.take(rows_of(block))
        changes += state.changes()
        if forget is not None:
            state.forget(forget(state))
    return changes


ROWS = st.lists(
    st.tuples(
        st.integers(0, 60).map(lambda s: s * SECOND // 2), st.integers(1, 6), st.sampled_from(["a", "b", "c\nd"])
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.integers(1, 5), st.integers(1, 12), st.integers(0, 4), st.data())
def test_any_order_and_split_gives_what_plain_loops_give(rows, least, within_s, close, data):
    close = min(close, least - 1)
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    blocks = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    found = net(fed(blocks, rule(least, within_s, close)))
    expected = counted(rows, least, within_s * SECOND, close)
    assert sorted(found) == expected
    whole = net(fed([sorted(rows)], rule(least, within_s, close)))
    assert found == whole  # evidence too


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(1, 4), st.integers(1, 8), st.integers(0, 3), st.integers(1, 5), st.integers(0, 20))
def test_what_is_forgotten_changes_nothing(rows, least, within_s, close, size, late):
    """Rows in order but for `late` half seconds; nothing older than that is kept, and a saved state goes on as well."""
    close, by_time = min(close, least - 1), sorted(rows)
    arrival = sorted(by_time, key=lambda row: row[0] + (hash(row) % (late + 1)) * SECOND // 2)
    blocks = [arrival[at : at + size] for at in range(0, len(arrival), size)]
    with_rule = rule(least, within_s, close)

    def floor(state):
        return state.clock - late * SECOND // 2

    changes = fed(blocks, with_rule, floor)
    assert sorted(net(changes)) == counted(rows, least, within_s * SECOND, close)
    again: list = []
    state = Counting(with_rule)
    for block in blocks:
        state.take(rows_of(block))
        again += state.changes()
        state.forget(floor(state))
        kept, state = state.saved(), Counting(with_rule)
        state.resume(kept)
    assert again == changes


def test_counts_are_those_of_a_window_function():
    """Openings with `close` just below `least`, so that each row that reaches it from below opens."""
    rng = np.random.default_rng(7)
    number, within = 4000, 60
    times = rng.choice(3000 * 1000, number, replace=False).astype(np.int64) * (SECOND // 1000)  # none twice
    keys = pa.array(rng.integers(0, 40, number)).cast(pa.string())
    block = Matched(times, np.arange(number), keys, int(times.max()))
    state = Counting(rule(4, within, 3))
    state.take(block)
    found = {(e.key.removeprefix("subscriber="), e.time, e.value) for s, e in state.changes() if e.state == "opened"}
    rows = pa.table({"key": keys, "time_ns": times})
    assert rows.num_rows == number
    query = f"""
        select key, time_ns, number from (select key, time_ns, count(*) over (partition by key order by time_ns
            range between {within * SECOND - 1} preceding and current row) number from rows) where number >= 4"""
    reached = duckdb.sql(query).fetchall()
    opened = {(key, at, float(number)) for key, at, number in reached if number == 4}
    # a row at which the count is 4 opens unless the one before it had left 4 or more: then it stayed open
    ends = duckdb.sql(f"select key, time_ns + {within * SECOND} from rows").fetchall()
    by_key: dict = {}
    for key, end in ends:
        by_key.setdefault(key, []).append(end)
    counts = {(key, at): number for key, at, number in reached}
    times_of: dict = {}
    for key, at in zip(keys.to_pylist(), times.tolist(), strict=True):
        times_of.setdefault(key, []).append(at)
    fresh = set()
    for key, at, number in opened:
        earlier = sorted(t for t in times_of[key] if t < at)
        before = counts.get((key, earlier[-1]), 0) if earlier else 0
        ended = sum(1 for end in by_key[key] if earlier and earlier[-1] < end <= at)
        if before < 4 or before - ended <= 3:
            fresh.add((key, at, number))
    assert found == fresh
    assert len(found) > 100


def test_evidence_names_the_rows_that_were_counted():
    rows = [(at * SECOND, mark, "a") for at, mark in ((1, 11), (5, 12), (8, 13))]
    (change,) = fed([rows], rule())
    assert change[1].evidence.split(", ") == [
        "1970-01-01T00:00:01.000000000Z session_id 11", "1970-01-01T00:00:05.000000000Z session_id 12",
        "1970-01-01T00:00:08.000000000Z session_id 13",
    ]  # fmt: skip
    assert (change[1].value, change[1].threshold, change[1].subscriber) == (3, 3, "a")


@pytest.mark.compiled
def test_a_key_that_has_gone_leaves_no_memory():
    state = Counting(rule(2, 10))
    for at in range(0, 400_000, 4000):
        block = [(s * SECOND, 1, f"subscriber-{s}") for s in range(at, at + 4000)]
        state.take(rows_of(block))
        assert not state.changes()
        state.forget(state.clock - 10 * SECOND)
    assert state.rows < 100
    assert len(state._domain) < 10_000


def test_a_rule_that_holds_too_many_forgets_the_oldest(monkeypatch):
    """And says so; an alert that is open stays, and closes in its time."""
    monkeypatch.setattr(alert_count, "MOST_HELD", 500)
    state, changes = Counting(rule(2, 10_000)), []
    state.take(rows_of([(1 * SECOND, 1, "first"), (2 * SECOND, 2, "first")]))
    for at in range(3, 5000, 20):
        state.take(rows_of([(s * SECOND, s, f"k{s}") for s in range(at, at + 20)]))
        changes += state.changes()
        state.forget_often(0, SECOND)
    assert state.rows < 600
    assert state.forgotten > 4000
    state.take(rows_of([(20_000 * SECOND, 9, "last")]))
    changes += state.changes()
    assert [(e.state, e.key, e.time) for _, e in changes] == [
        ("opened", "subscriber=first", 2 * SECOND), ("closed", "subscriber=first", 10_002 * SECOND),
    ]  # fmt: skip


def test_an_open_alert_of_which_only_the_last_row_is_left_goes_on(monkeypatch):
    """Of what was forgotten nothing is looked at, though `close` rows before the last one would be asked for."""
    monkeypatch.setattr(alert_count, "MOST_HELD", 20)
    state, changes = Counting(rule(5, 10_000, 4)), []
    state.take(rows_of([(s * SECOND, s, "first") for s in range(1, 6)]))
    state.take(rows_of([(s * SECOND, s, f"k{s}") for s in range(6, 60)]))
    changes += state.changes()
    state.forget_often(0, SECOND)
    state.take(rows_of([(s * SECOND, s, "first") for s in (100, 200)]))
    changes += state.changes()
    state.take(rows_of([(50_000 * SECOND, 9, "last")]))
    changes += state.changes()
    assert [(sign, e.state, e.time // SECOND) for sign, e in changes] == [(1, "opened", 5), (1, "closed", 10_100)]


def test_a_line_has_no_number_that_json_has_not():
    (event,) = stepped(kpi_rule(open="value > 5", close="", lower=False), {0: {"x": float("inf")}})
    assert (event.value, json.loads(event.line(), parse_constant=pytest.fail)["value"]) == (float("inf"), None)


def test_a_rule_that_opens_too_often_tells_the_first(monkeypatch):
    monkeypatch.setattr(alert_count, "MOST_TOLD", 10)
    state = Counting(rule(1, 1))
    state.take(rows_of([(s * SECOND, s, f"k{s}") for s in range(50)], clock=0))
    assert [event.time // SECOND for _, event in state.changes()] == list(range(10))
    assert state.untold == 40


# --- thresholds ----------------------------------------------------------------------------------------------------

WINDOW = 900


def kpi_rule(**more):
    base = KpiRule("low", "low", "minor", "", "session_setup_success_pct", "cell", "value < 90", "value >= 95", "value",
                   90.0, True)  # fmt: skip
    return base._replace(**more)


def window_rows(values, samples=None):
    keys = list(values)
    numbers = np.array([np.nan if values[k] is None else values[k] for k in keys], np.float64)
    sample = np.array([(samples or {}).get(k, 100) for k in keys], np.float64)
    return WindowRows(pa.array(keys, pa.string()), {
        "session_setup_success_pct": numbers, "session_setup_attempts": sample, "session_setup_successes": sample,
    })  # fmt: skip


def stepped(with_rule, windows, samples=None, resume=False):
    state, out = Thresholding(with_rule, shipped_catalogue(), WINDOW), []
    made = {start: window_rows(values, (samples or {}).get(start)) for start, values in windows.items()}
    for start in sorted(made):
        out += state.step(start, made[start], made.get)
        if resume:
            kept, state = state.saved(), Thresholding(with_rule, shipped_catalogue(), WINDOW)
            state.resume(kept)
    return out


def plainly(events):
    made = [
        Told(e.state, e.time, e.opened_time, e.key.removeprefix("cell="), None if e.value is None else e.value)
        for e in events
    ]
    return sorted(made, key=lambda t: (t.time, t.key, t.state))


VALUES = st.none() | st.sampled_from([80.0, 85.0, 89.0, 92.0, 95.0, 99.0])
WINDOWS = st.dictionaries(
    st.integers(0, 14).map(lambda n: n * WINDOW * SECOND),
    st.dictionaries(st.sampled_from(["x", "y", "z\n"]), VALUES, min_size=1),
)


@settings(max_examples=200, deadline=None)
@given(WINDOWS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.booleans())
def test_hysteresis_and_duration_are_those_of_plain_loops(windows, need_open, need_close, silence, resume):
    with_rule = kpi_rule(open_for=(need_open, 0), close_for=(0, need_close * WINDOW), silence_s=silence * WINDOW)
    found = plainly(stepped(with_rule, windows, resume=resume))
    assert found == judged(windows, WINDOW * SECOND, lambda v: v < 90, lambda v: v >= 95, need_open, need_close,
                           silence=silence * WINDOW * SECOND)  # fmt: skip


def test_a_small_sample_judges_nothing():
    windows = {n * WINDOW * SECOND: {"x": 50.0} for n in range(4)}
    samples = {0: {"x": 10}, WINDOW * SECOND: {"x": 49}, 2 * WINDOW * SECOND: {"x": 50}}
    (first,) = stepped(kpi_rule(min_sample=50), windows, samples)
    assert first.time == 3 * WINDOW * SECOND
    assert (first.sample, first.value, first.threshold) == (50, 50, 90)
    assert "session_setup_attempts 50" in first.evidence


def test_a_cell_that_falls_silent_is_far_below_what_it_was():
    """It has no row any more, which of a counter means 0; of a ratio it means nothing."""
    both = {"x": 100.0, "y": 100.0}
    windows = {0: both, WINDOW * SECOND: {"x": 100.0}, 2 * WINDOW * SECOND: {"x": 100.0}}
    counter = kpi_rule(kpi="session_setup_attempts", open="change < -50", close="change > -10", level="change",
                       threshold=-50.0, against="previous")  # fmt: skip
    (opened,) = stepped(counter, windows)
    assert (opened.state, opened.time, opened.key, opened.value) == ("opened", 2 * WINDOW * SECOND, "cell=y", -100)
    assert opened.evidence == "session_setup_attempts 0, baseline 100, change -100, difference -100"
    assert not stepped(counter._replace(kpi="session_setup_success_pct"), windows)


def test_change_against_earlier_days():
    """The median of the seven days before, of which at least four must be there."""
    day, windows = 86_400 * SECOND, {}
    for number, value in enumerate([98.0, None, 96.0, 97.0, None, 99.0, 20.0, 40.0, 97.0]):
        windows[number * day] = {"x": value}
    with_rule = kpi_rule(open="change < -50", close="", level="change", threshold=-50.0, against="days")
    opened, closed = stepped(with_rule, windows)
    assert (opened.time, opened.state) == (6 * day + WINDOW * SECOND, "opened")
    assert opened.value == pytest.approx(100 * (20 - 97.5) / 97.5)  # of 98 96 97 99
    assert "baseline 97.5" in opened.evidence
    assert (closed.state, closed.time) == ("closed", 8 * day + WINDOW * SECOND)
