"""Intervals hold whatever was missed, caveats stand in the rows that they are of."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.kpi import Kpi, Ratio
from formats.schema import CAVEATS
from probe.catalogue import load_catalogue
from probe.caveats import Caveats, quantile_bounds, ratio_bounds, unseen_of
from probe.errors import WiregaugeError
from probe.kpi import kpi_command
from probe.kpi_estimate import bounded_lists, quantiles
from probe.losses import Losses
from tests.kpi_tools import make, write

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
    ],
)
def test_a_least_sample_that_cannot_be_meant(tmp_path, was, now, told):
    (tmp_path / "own.toml").write_text(OWN.replace(was, now))
    with pytest.raises(WiregaugeError) as caught:
        load_catalogue(tmp_path / "own.toml")
    assert told in str(caught.value)
