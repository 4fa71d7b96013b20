"""Intervals hold whatever was missed, caveats stand in the rows that they are of."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.expression import parse
from formats.kpi import Counter, Formula, Kpi, Ratio
from formats.schema import CAVEATS
from kernels.bounds import ALWAYS
from probe.catalogue import load_catalogue
from probe.caveats import Caveats, Unseen, quantile_bounds, ratio_bounds, unseen_of
from probe.errors import WiregaugeError
from probe.formula_bounds import Known, formula_bounds
from probe.kpi import compute, kpi_command
from probe.kpi_estimate import bounded_lists, quantiles
from probe.kpi_rows import Held
from probe.losses import Losses
from tests.kpi_tools import make, write
from tests.naive_formula import plain
from tests.test_losses import write_ledger
from tests.xdr_rows import START

PCT = Kpi("good_pct", "%", Ratio("good", "all", 100), "own", "higher", "")
TIGHT = 1e-9


@settings(deadline=None, max_examples=200)
@given(st.lists(st.booleans(), min_size=2, max_size=40), st.data())
def test_a_percentage_lies_within_its_interval_whatever_was_missed(events, data):
    missed = data.draw(st.sets(st.integers(0, len(events) - 1), max_size=len(events) - 1))
    seen = np.array([e for i, e in enumerate(events) if i not in missed])
    unseen = np.array([len(missed) / len(events)])
    over, under = np.array([seen.sum()]), np.array([seen.size])
    low, high = ratio_bounds(PCT, over, under, unseen, share=True)
    assert low[0] - TIGHT <= 100 * sum(events) / len(events) <= high[0] + TIGHT
    assert 0 <= low[0] <= high[0] <= 100 + TIGHT


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40), st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0]), st.data())
def test_a_quantile_lies_within_its_interval_whatever_was_missed(values, q, data):
    missed = data.draw(st.sets(st.integers(0, len(values) - 1), max_size=len(values) - 1))
    seen = np.array([v for i, v in enumerate(values) if i not in missed], float)
    unseen = np.array([len(missed) / len(values)])
    low, high = quantile_bounds(bounded_lists(np.array([0, seen.size]), seen), q, unseen)
    true = np.quantile(values, q)
    assert np.isnan(low[0]) or low[0] <= true + TIGHT
    assert np.isnan(high[0]) or high[0] >= true - TIGHT


FORMULAS = [
    "100 * good / (good + bad)", "100 - 100 * bad / all", "if(all >= 3, bad, 0)", "abs(good - bad)", "octets / all",
    "octets / max(all - good, 1)", "coalesce(bad / (all - good), 5)", "all * 60 / window_s", "(bad > 2) + (good == 0)",
    "min(good, bad, 2) - octets", "if(bad is null, 1, bad / all)",
]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(st.booleans(), min_size=2, max_size=40), st.sampled_from(FORMULAS), st.data())
def test_a_formula_lies_within_its_interval_whatever_was_missed(events, text, data):
    """Of events that are good or bad; the octets are as many for each. Each formula tells of how many there were."""
    missed = data.draw(st.sets(st.integers(0, len(events) - 1), max_size=len(events) - 1))
    seen = [e for i, e in enumerate(events) if i not in missed]
    unseen = Unseen(*np.full((2, 1), len(missed) / len(events)))

    def counted(some):
        return {"good": sum(some), "bad": len(some) - sum(some), "all": len(some), "octets": 7 * len(some)}

    known = {
        name: Known(Counter(name, "sum" if name == "octets" else "count", ("session",), (), "", ""),
                    np.array([float(value)]), None)
        for name, value in counted(seen).items()
    }  # fmt: skip
    kpi = Kpi("k", "", Formula(text, ()), "own", "neutral", "")
    found = formula_bounds(kpi, known, {}, 900, unseen)
    for told in (seen, events):
        true = plain(parse(text), counted(told) | {"window_s": 900})
        assert true is None or found.low[0] - TIGHT <= true <= found.high[0] + TIGHT
        assert found.null[0] if true is None else found.null[0] != ALWAYS
    if not missed and true is not None:
        assert found.low[0] == found.high[0] == pytest.approx(true)


OF_ALL = """
[[kpi]]
id = "bad_pct"
formula = "100 - 100 * session_setup_successes / max(session_setup_attempts, 1)"
valid = [0, 100]
[[kpi]]
id = "twice"
formula = "2 * session_setup_success_pct + coalesce(bad_pct, 0)"
[[kpi]]
id = "rate"
formula = "bytes_total / window_s"
[[kpi]]
id = "unbounded"
formula = "1 / (flows - session_setup_attempts + 1)"
[[kpi]]
id = "waits"
formula = "if(rtt_client_p95_ms > rtt_client_p50_ms, rtt_client_p95_ms - rtt_client_p50_ms, null)"
"""


def test_intervals_of_formulas_stand_in_the_rows(tmp_path):
    write(tmp_path / "xdr", make(400, seed=3))
    (tmp_path / "own.toml").write_text(OF_ALL)
    catalogue = load_catalogue(tmp_path / "own.toml")
    write_ledger(tmp_path / "xdr", [(START, "in", "captured", 900), (START, "dropped", "kernel_ring", 100)])
    compute([tmp_path / "xdr"], tmp_path / "out", 900, ["cell"], catalogue)
    compute([tmp_path / "xdr"], tmp_path / "small", 900, ["cell"], catalogue, held=Held(1, 1))
    rows, through_files = (ds.dataset(tmp_path / name / "kpi_cell").to_table() for name in ("out", "small"))
    names = {kpi.id for kpi in catalogue.kpis if isinstance(kpi.formula, Formula)}
    found = dict.fromkeys(["bad_pct", "twice", "rate", "unbounded", "waits"], 0)
    kept = [name for name in rows.column_names if name != "window_start"]
    for row in rows.select(kept).to_pylist():
        for told in row["caveats"] or ():
            if told["name"] in names and told["kind"] == "interval":
                low, high = told["low"], told["high"]
                assert low is None or low <= row[told["name"]] + TIGHT
                assert high is None or high >= row[told["name"]] - TIGHT
                found[told["name"]] = found.get(told["name"], 0) + (None not in (low, high) and low < high)
    assert all(found[name] for name in ("bad_pct", "twice", "rate")), found
    assert sorted(map(str, rows.select(kept).to_pylist())) == sorted(map(str, through_files.select(kept).to_pylist()))


def test_without_loss_a_quantile_lies_between_its_neighbours():
    seen = np.arange(10.0)
    lists = bounded_lists(np.array([0, 10]), seen.copy())
    low, high = quantile_bounds(lists, 0.5, np.zeros(1))
    assert (low[0], high[0]) == (4, 5)


def test_the_interval_of_a_sketch(monkeypatch):
    values = np.arange(1.0, 101.0)
    exact = quantile_bounds(bounded_lists(np.array([0, 100]), values.copy()), 0.5, np.array([0.1]))
    monkeypatch.setattr("probe.kpi_estimate.EXACT_VALUES", 10)
    lists = bounded_lists(np.array([0, 100]), values.copy())
    assert lists.binned
    low, high = quantile_bounds(lists, 0.5, np.array([0.1]))
    assert low[0] == pytest.approx(exact[0][0], rel=0.011)
    assert high[0] == pytest.approx(exact[1][0], rel=0.011)
    found = np.empty((1, 1))
    quantiles(lists, [0.5], found)
    assert low[0] <= found[0, 0] <= high[0]


class _Key:
    def __init__(self, column):
        self.column = column


class _Grain:
    def __init__(self, *columns):
        self.keys = tuple(map(_Key, columns))


LOST = {0: Losses(1000, {"kernel_ring": 100}, {}, 300, 100), 900: Losses(1000, {}, {}, 400, 0)}


def test_what_groups_lack():
    starts, codes = np.array([0, 0, 900, 1800]), np.array([0, -1, 0, 0], np.int32)
    unseen = unseen_of(starts, [codes], _Grain("cell"), LOST)
    assert unseen.lost.tolist() == pytest.approx([0.1, 0.1, 0, 0])
    assert unseen.user.tolist() == pytest.approx([1 - 0.9 * 0.75, 0.1, 0, 0])
    assert unseen.of(("flow",)) is unseen.user
    assert unseen.of(("procedure",)) is unseen.lost
    assert unseen.of(("flow", "procedure")) is unseen.lost
    unseen = unseen_of(starts, [codes], _Grain("service"), LOST)
    assert unseen.user.tolist() == unseen.lost.tolist(), "packets tell their service without a session"
    assert unseen_of(starts[2:], [codes[2:]], _Grain("cell"), LOST) is None


def test_caveats_by_row():
    caveats = Caveats(4)
    caveats.add(np.array([True, False, False, True]), "a", "interval", (np.arange(4.0), np.array([5, 6, 7, np.nan])))
    caveats.add(np.array([True, False, False, False]), "b", "withheld")
    caveats.add(np.zeros(4, bool), "c", "withheld")
    found = caveats.array()
    assert found.type == CAVEATS
    assert found.to_pylist() == [
        [
            {"name": "a", "kind": "interval", "low": 0, "high": 5},
            {"name": "b", "kind": "withheld", "low": None, "high": None},
        ],
        None,
        None,
        [{"name": "a", "kind": "interval", "low": 3, "high": None}],
    ]
    assert Caveats(2).array().equals(pa.nulls(2, CAVEATS))


OWN = """
[[kpi]]
id = "down_rate"
formula = "bytes_down / flows"
min_sample = 3
sample = "flows"
"""


def test_withheld_below_a_least_sample(tmp_path):
    write(tmp_path / "xdr", make(60, seed=3))
    (tmp_path / "own.toml").write_text(OWN)
    words = [str(tmp_path / "xdr"), "--by", "cell", "--catalogue", str(tmp_path / "own.toml"), "--out"]
    for name, more in (("all", []), ("enough", ["--min-sample", "2"])):
        result = CliRunner().invoke(kpi_command, [*words, str(tmp_path / name), *more])
        assert result.exit_code == 0, result.output
    a, b = (f"read_parquet('{tmp_path}/{name}/kpi_cell/**/*.parquet')" for name in ("all", "enough"))
    pairs = duckdb.sql(
        "SELECT x.session_setup_attempts, x.session_setup_success_pct, y.session_setup_success_pct, y.flows,"
        f" y.down_rate, x.bytes_down, y.caveats FROM {a} x JOIN {b} y ON x.window_start = y.window_start"
        " AND x.cell IS NOT DISTINCT FROM y.cell"
    ).fetchall()
    withheld = 0
    for attempts, before, after, flows, rate, octets, caveats in pairs:
        told = {c["name"] for c in caveats or () if c["kind"] == "withheld"}
        few = attempts is not None and attempts < 2 and before is not None
        assert after == (None if few else before)
        assert ("session_setup_success_pct" in told) == few
        assert rate == (octets / flows if flows and flows >= 3 and octets is not None else None)
        assert ("down_rate" in told) == bool(flows and flows < 3 and octets is not None)
        withheld += few
    assert 0 < withheld < len(pairs)


@pytest.mark.parametrize(
    "was, now, told",
    [
        ("min_sample = 3", "min_sample = -1", "own.toml:5: kpi down_rate: min_sample is a number of samples"),
        ("min_sample = 3", 'min_sample = "few"', "min_sample is a number of samples"),
        ('sample = "flows"', "valid = [0, 1e9]", "say which counter counts its samples"),
        ('sample = "flows"', 'sample = "bytes_down"', "'bytes_down' is no counter that counts"),
        ("bytes_down / flows", "flows - previous(flows)", "not of a KPI that looks back"),
        (
            OWN.strip(),
            '[[kpi]]\nid = "change"\nformula = "flows - previous(flows)"\n'
            + OWN.replace("bytes_down / flows", "2 * change"),
            "KPI down_rate: min_sample: not of a KPI that looks back",
        ),
    ],
)
def test_a_least_sample_that_cannot_be_meant(tmp_path, was, now, told):
    (tmp_path / "own.toml").write_text(OWN.replace(was, now))
    with pytest.raises(WiregaugeError) as caught:
        load_catalogue(tmp_path / "own.toml")
    assert told in str(caught.value)
