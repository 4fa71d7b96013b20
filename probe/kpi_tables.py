"""What was measured of some groups, as rows of a KPI table."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from formats.kpi import Counter, Key, Ratio, fractional
from kernels.group import MATCHED
from probe.kpi_domain import Domain
from probe.kpi_estimate import Lists, Sets, distinct_counts, quantiles
from probe.kpi_plan import GrainPlan
from probe.kpi_target import met

__all__ = ["Finished", "Measures", "finish"]


class Measures(Protocol):
    """Some groups, in order of window and key: of rows (`aggregate.Piece`) or of states (`kpi_state.Merged`)."""

    plan: GrainPlan
    number: int
    part: int
    starts: np.ndarray
    """int64[g], ns: the window's start"""
    keys: list[np.ndarray]
    """for each key of the grain int32[g] codes, -1 null"""
    domains: dict[str, Domain]
    """of each key and carried column"""

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """int64[c, g] counts and sums in the order of `plan.added`; uint8[c, g] 0, MATCHED or MEASURED."""

    def distinct(self, counter: Counter) -> Sets:
        """The distinct texts of each group."""

    def values(self, counter: Counter) -> Lists:
        """The values of each group."""

    def carried(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """Time (int64[g], ns) and code (int32[g], -1 for none) of the latest row of each group."""

    def seen(self, table: str) -> np.ndarray | None:
        """bool[g]: whether the table has rows in the window of each group; None for nowhere."""


class Finished(NamedTuple):
    """Rows of a KPI table: those of the window that starts at `start` ns, number `part` of them."""

    start: int
    part: int
    rows: pa.Table


class _Counted(NamedTuple):
    """A counter of some groups: values[g], and where they are null (None: nowhere)."""

    values: np.ndarray
    null: np.ndarray | None


def _unmeasured(groups: Measures, counter: Counter) -> np.ndarray | None:
    """bool[g]: groups of windows in which none of the counter's tables has a row; None for no such group."""
    seen = [found for table in counter.tables if (found := groups.seen(table)) is not None]
    if not seen:
        return np.ones(groups.number, bool)
    missing = ~np.logical_or.reduce(seen)
    return missing if missing.any() else None


def _counters(groups: Measures) -> dict[str, _Counted]:
    sums, flags = groups.sums()
    out, missing = {}, {}
    for counter in groups.plan.told:
        if counter.tables not in missing:
            missing[counter.tables] = _unmeasured(groups, counter)
        if counter.kind == "distinct":
            sets = groups.distinct(counter)
            values = distinct_counts(sets)
            null = sets.seen & (values == 0)
        else:
            at = groups.plan.added[counter.name]
            values, null = sums[at], flags[at] == MATCHED if counter.kind == "sum" else None
        other = missing[counter.tables]
        null = other if null is None else null if other is None else null | other
        out[counter.name] = _Counted(values, null)
    return out


def _natural(counter: Counter, counted: _Counted) -> np.ndarray:
    """Values in the counter's unit: sums of ms are kept in ns until here."""
    return counted.values / 1e6 if fractional(counter) else counted.values


def _quantiles(groups: Measures) -> dict[str, np.ndarray]:
    """float64[g] of each KPI that is a quantile, NaN for none."""
    out: dict[str, np.ndarray] = {}
    for name, asked in groups.plan.quantiles.items():
        found = np.full((len(asked), groups.number), np.nan)
        quantiles(groups.values(groups.plan.by_name[name]), [q for _, q in asked], found)
        out.update((kpi.id, line) for (kpi, _), line in zip(asked, found, strict=True))
    return out


def _kpis(groups: Measures, counted: dict[str, _Counted]) -> dict[str, np.ndarray]:
    """float64[g] a KPI, NaN null."""
    plan, out = groups.plan, _quantiles(groups)
    for kpi in plan.kpis:
        if not isinstance(kpi.formula, Ratio):
            continue
        over, under = counted[kpi.formula.numerator], counted[kpi.formula.denominator]
        top = _natural(plan.by_name[kpi.formula.numerator], over)
        bottom = _natural(plan.by_name[kpi.formula.denominator], under)
        there = bottom != 0
        for null in (over.null, under.null):
            if null is not None:
                there &= ~null
        out[kpi.id] = np.divide(kpi.formula.scale * top, bottom, out=np.full(groups.number, np.nan), where=there)
    out.update((kpi.id, np.full(groups.number, np.nan)) for kpi in plan.lagged)  # filled in when they are written
    if plan.formulas:
        inputs = np.empty((len(plan.program.inputs), groups.number))
        for line, name in zip(inputs, plan.program.inputs, strict=True):
            line[:] = out[name] if name in out else _natural(plan.by_name[name], counted[name])
            null = None if name in out else counted[name].null
            if null is not None:
                line[null] = np.nan
        out.update(zip((kpi.id for kpi in plan.formulas), plan.program.run(inputs), strict=True))
    return out


def _text(codes: np.ndarray, domain: Domain) -> pa.DictionaryArray:
    """Codes (-1 null) as text, with only the values that occur, in order of the text."""
    used, at = np.unique(codes, return_inverse=True)
    nulls = int(used.size > 0 and used[0] < 0)
    order = domain.order(used[nulls:])
    rank = np.empty(used.size, np.int32)
    rank[nulls:][order] = np.arange(order.size, dtype=np.int32)
    indices = pa.array(rank[at], mask=codes < 0) if nulls else pa.array(rank[at])
    return pa.DictionaryArray.from_arrays(indices, domain.texts(used[nulls:][order]))


def _told(codes: np.ndarray, domain: Domain, key: Key) -> pa.Array:
    """Codes (-1 null) as what the key is declared to be."""
    text = _text(codes, domain)
    return text.cast(pa.string()).cast(pa.int32()) if key.number else text


def finish(groups: Measures) -> list[Finished]:
    """The rows of each window."""
    return list(_tables(groups, _counters(groups)))


def _tables(groups: Measures, counted: dict[str, _Counted]) -> Iterator[Finished]:
    plan, grain = groups.plan, groups.plan.grain
    kpis, schema = _kpis(groups, counted), plan.schema
    texts = [*zip(grain.keys, groups.keys, strict=True), *((k, groups.carried(k)[1]) for k in grain.carried)]
    keep = np.ones(groups.number, bool)
    if grain.sparse:
        keep = np.any([m.values != 0 for m in counted.values()], axis=0)
    numbers = [(_natural(c, counted[c.name]), counted[c.name].null) for c in plan.told]
    edges = np.flatnonzero(np.diff(groups.starts, prepend=-(2**62), append=2**62))
    for low, high in pairwise(edges.tolist()):
        rows = slice(low, high) if keep[low:high].all() else np.flatnonzero(keep[low:high]) + low
        count = int(keep[low:high].sum())
        if not count:
            continue
        arrays = [pa.array(np.full(count, groups.starts[low])).view(schema.field(0).type)]
        arrays.append(pa.array(np.full(count, plan.window_s, np.int32)))
        lost = plan.lost.get(int(groups.starts[low]))
        arrays.append(pa.array([lost and lost.complete_pct] * count, pa.float64()))
        arrays += [_told(codes[rows], groups.domains[key.name], key) for key, codes in texts]
        arrays += [pa.array(values[rows], mask=None if null is None else null[rows]) for values, null in numbers]
        arrays += [pa.array(kpis[k.id][rows], from_pandas=True) for k in plan.kpis]
        told = {key.name: arrays[2 + at] for at, (key, _) in enumerate(texts)}
        arrays += [met(k, kpis[k.id][rows], told) for k in plan.judged]
        yield Finished(int(groups.starts[low]), groups.part, pa.Table.from_arrays(arrays, schema=schema))
