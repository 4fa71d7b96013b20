"""Values and distinct texts by group: exact up to a bound, above it a sketch, whichever way the rows were split.

Which of the two it is depends on how many values a group has in all, so states that were merged from parts and those
that saw everything at once are the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kernels.quantile import quantiles_by_group, values_at_ranks
from kernels.sketch import PRECISION, bins_of, distinct_estimate, register_hashes, value_of_bin
from probe.kpi_domain import Domain

__all__ = [
    "EXACT_DISTINCT", "EXACT_VALUES", "Lists", "Sets", "add_bins", "at_ranks", "bounded_lists", "bounded_sets",
    "distinct_counts", "quantiles", "sizes_of",
]  # fmt: skip

EXACT_VALUES = 1 << 22
"""Values of a group of which quantiles are exact."""
EXACT_DISTINCT = 1 << 20
"""Distinct texts of a group that are counted exactly."""


class Lists(NamedTuple):
    """Values of each group k: exact ones at values[begins[k]:begins[k + 1]], or bins by number of the group."""

    begins: np.ndarray
    values: np.ndarray
    binned: dict[int, tuple[np.ndarray, np.ndarray]]
    """Bins in order and how many values each has: int32[b], int64[b]"""


class Sets(NamedTuple):
    """Distinct texts of each group k: codes[begins[k]:begins[k] + counts[k]], or registers by number of the group."""

    begins: np.ndarray
    codes: np.ndarray
    counts: np.ndarray
    seen: np.ndarray
    """bool[g]: whether the group has rows of the counter's tables"""
    registers: dict[int, np.ndarray]


def _binned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bins = np.empty(values.size, np.int32)
    bins_of(values, bins)
    found, counts = np.unique(bins, return_counts=True)
    return found, counts.astype(np.int64)


def add_bins(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
             ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Two lots of bins as one."""
    found, at = np.unique(np.concatenate([first[0], second[0]]), return_inverse=True)
    counts = np.zeros(found.size, np.int64)
    np.add.at(counts, at, np.concatenate([first[1], second[1]]))
    return found, counts


def bounded_lists(begins: np.ndarray, values: np.ndarray, known: dict[int, tuple[np.ndarray, np.ndarray]] | None = None
                  ) -> Lists:  # fmt: skip
    """Lists of which those above EXACT_VALUES are bins; `known`: groups of which a part is bins already."""
    binned, sizes, values = dict(known or {}), np.diff(begins), values[: begins[-1]]
    for k in {*np.flatnonzero(sizes > EXACT_VALUES).tolist(), *binned}:
        more = _binned(values[begins[k] : begins[k + 1]])
        binned[k] = add_bins(binned[k], more) if k in binned else more
    if binned:
        keep = np.ones(sizes.size, bool)
        keep[list(binned)] = False
        values = values[np.repeat(keep, sizes)]
        begins = np.concatenate([[0], np.cumsum(np.where(keep, sizes, 0))])
    return Lists(begins, values, binned)


def quantiles(lists: Lists, asked: Sequence[float], out: np.ndarray) -> None:
    """float64[q, g] quantiles of each group, NaN for an empty one; the values of a group change places."""
    quantiles_by_group(lists.begins, lists.values, np.array(asked), out)
    for k, (bins, counts) in lists.binned.items():
        ends, values = np.cumsum(counts), value_of_bin(bins)
        for line, q in enumerate(asked):
            rank = q * (int(ends[-1]) - 1)
            low = int(rank)
            below, above = (
                float(values[np.searchsorted(ends, at, "right")]) for at in (low, min(low + 1, ends[-1] - 1))
            )
            out[line, k] = below + (above - below) * (rank - low)


def sizes_of(lists: Lists) -> np.ndarray:
    """int64[g]: how many values each group has."""
    sizes = np.diff(lists.begins)
    for k, (_, counts) in lists.binned.items():
        sizes[k] = counts.sum()
    return sizes


def at_ranks(lists: Lists, ranks: np.ndarray) -> np.ndarray:
    """float64[g]: the value of one rank (int64[g], from 0) of each group, NaN where there is no such rank."""
    out = np.empty(ranks.size)
    values_at_ranks(lists.begins, lists.values, ranks, out)
    for k, (bins, counts) in lists.binned.items():
        ends = np.cumsum(counts)
        if 0 <= ranks[k] < ends[-1]:
            out[k] = value_of_bin(bins)[np.searchsorted(ends, ranks[k], "right")]
    return out


def bounded_sets(begins: np.ndarray, codes: np.ndarray, counts: np.ndarray, seen: np.ndarray, domain: Domain,
                 known: dict[int, np.ndarray] | None = None) -> Sets:  # fmt: skip
    """Sets of which those above EXACT_DISTINCT are registers; `known`: groups of which a part is registers already."""
    registers = {k: told.copy() for k, told in (known or {}).items()}
    for k in {*np.flatnonzero(counts > EXACT_DISTINCT).tolist(), *registers}:
        told = registers.setdefault(k, np.zeros(1 << PRECISION, np.uint8))
        register_hashes(domain.hashes(codes[begins[k] : begins[k] + counts[k]]), told)
        counts[k] = 0
    return Sets(begins, codes, counts, seen, registers)


def distinct_counts(sets: Sets) -> np.ndarray:
    """int64[g]: how many distinct texts each group has."""
    counts = sets.counts.copy()
    for k, told in sets.registers.items():
        counts[k] = distinct_estimate(told)
    return counts
