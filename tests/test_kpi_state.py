"""States of groups: however rows are split, merged they give what all rows give; sketches keep bounds."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.sketch import (
    ACCURACY,
    DISTINCT_ERROR,
    PRECISION,
    bins_of,
    distinct_estimate,
    register_hashes,
    value_of_bin,
)
from probe.catalogue import shipped_catalogue
from probe.kpi import compute
from probe.kpi_domain import Domain
from probe.kpi_estimate import add_bins, bounded_lists, bounded_sets, distinct_counts, quantiles
from probe.kpi_rows import Held
from tests.kpi_tools import make, read, write

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")


def tables(folder):
    return {g.table: read(folder, g.table, caveats=True) for g in shipped_catalogue().grains}


@pytest.mark.parametrize("exact", [(4, 2), pytest.param((1, 1), marks=pytest.mark.slow)])
def test_sketches_too_do_not_depend_on_the_split(tmp_path, monkeypatch, exact):
    monkeypatch.setattr("probe.kpi_estimate.EXACT_VALUES", exact[0])
    monkeypatch.setattr("probe.kpi_estimate.EXACT_DISTINCT", exact[1])
    write(tmp_path / "whole", make(60, seed=3))
    compute([tmp_path / "whole"], tmp_path / "kpi", 900)
    write(tmp_path / "split", make(60, seed=3), rows_per_part=7)
    compute([tmp_path / "split"], tmp_path / "again", 900, held=Held(1, 1))
    assert tables(tmp_path / "kpi") == tables(tmp_path / "again")


def rank_of(values, q):
    """The two values between which the quantile lies, and how far from the first."""
    rank = q * (len(values) - 1)
    low = math.floor(rank)
    ordered = sorted(values)
    return ordered[low], ordered[min(low + 1, len(values) - 1)], rank - low


numbers = st.floats(-1e9, 1e9).map(lambda v: round(v, 6))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(numbers, min_size=1, max_size=60), st.integers(1, 50), st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))
def test_a_quantile_beyond_the_bound_is_within_its_accuracy(monkeypatch, values, at, q):
    monkeypatch.setattr("probe.kpi_estimate.EXACT_VALUES", 0)
    array = np.array(values)
    lists = bounded_lists(np.array([0, array.size]), array)
    out = np.empty((1, 1))
    quantiles(lists, [q], out)
    low, high, share = rank_of(values, q)
    bound = ACCURACY * ((1 - share) * abs(low) + share * abs(high)) * (1 + 1e-9)
    assert abs(out[0, 0] - (low + (high - low) * share)) <= bound + 1e-9
    parts = [bounded_lists(np.array([0, p.size]), p).binned[0] for p in (array[:at], array[at:]) if p.size]
    merged = parts[0] if len(parts) == 1 else add_bins(parts[1], parts[0])
    assert all((a == b).all() for a, b in zip(merged, lists.binned[0], strict=True))


def test_bins_sort_as_their_values_do():
    values = np.sort(np.concatenate([np.array([0.0, -1e-300, 1e-300, 5e299, -1e308]), np.linspace(-5, 5, 400)]))
    bins = np.empty(values.size, np.int32)
    bins_of(values, bins)
    assert (np.diff(bins) >= 0).all()
    assert value_of_bin(np.array([0], np.int32))[0] == 0


@pytest.mark.parametrize("count", [0, 1, 30, 5_000, 40_000])
def test_registers_count_within_four_standard_errors(count):
    hashes = np.random.default_rng(count).integers(0, 2**63, count).astype(np.uint64)
    whole, half, rest = (np.zeros(1 << PRECISION, np.uint8) for _ in range(3))
    register_hashes(hashes, whole)
    assert abs(distinct_estimate(whole) - count) <= 4 * DISTINCT_ERROR * count + 0.5
    register_hashes(hashes[: count // 2], half)
    register_hashes(hashes[count // 3 :], rest)
    assert (np.maximum(half, rest) == whole).all()


def test_texts_of_other_numbers_fill_the_same_registers(monkeypatch):
    monkeypatch.setattr("probe.kpi_estimate.EXACT_DISTINCT", 10)
    texts = [f"26201{n:010d}" for n in range(300)]
    found = []
    for order in (texts, texts[::-1], [t for t in texts for _ in range(2)]):
        domain = Domain()
        codes = np.unique(domain.codes_of(order))
        sets = bounded_sets(np.array([0, 300]), codes, np.array([300]), np.ones(1, bool), domain)
        found.append(sets.registers[0])
    assert all((f == found[0]).all() for f in found)
    assert abs(int(distinct_counts(sets)[0]) - 300) < 10
