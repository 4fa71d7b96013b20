"""What was measured of some groups, as rows of a KPI table."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from formats.kpi import WINDOW, Counter, Key, Kpi, Ratio, bases, fractional
from kernels.group import MATCHED
from kernels.sketch import ACCURACY, DISTINCT_ERROR
from probe.caveats import Caveats, Unseen, quantile_bounds, ratio_bounds, unseen_of
from probe.formula_bounds import Bounds, Known, formula_bounds
from probe.kpi_domain import Domain
from probe.kpi_estimate import Lists, Sets, distinct_counts, quantiles, sizes_of
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
    """A counter of some groups: values[g], where they are null (None: nowhere), and which groups' are estimates."""

    values: np.ndarray
    null: np.ndarray | None
    estimated: Sequence[int] = ()


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
        estimated: list[int] = []
        if counter.kind == "distinct":
            sets = groups.distinct(counter)
            estimated = list(sets.registers)
            values = distinct_counts(sets)
            null = sets.seen & (values == 0)
        else:
            at = groups.plan.added[counter.name]
            values, null = sums[at], flags[at] == MATCHED if counter.kind == "sum" else None
        other = missing[counter.tables]
        null = other if null is None else null if other is None else null | other
        out[counter.name] = _Counted(values, null, estimated)
    return out


def _natural(counter: Counter, counted: _Counted) -> np.ndarray:
    """Values in the counter's unit: sums of ms are kept in ns until here."""
    return counted.values / 1e6 if fractional(counter) else counted.values


class _Told:
    """KPIs and caveats of some groups in the making."""

    def __init__(self, groups: Measures, counted: dict[str, _Counted]) -> None:
        self.groups, self.plan, self.counted = groups, groups.plan, counted
        self.kpis: dict[str, np.ndarray] = {}
        self.caveats = Caveats(groups.number)
        self.bounds: dict[str, Bounds] = {}
        self.unseen = unseen_of(groups.starts, groups.keys, groups.plan.grain, groups.plan.lost)

    def quantiles(self) -> None:
        """Those that are quantiles, NaN for none."""
        for name, asked in self.plan.quantiles.items():
            counter, found = self.plan.by_name[name], np.full((len(asked), self.groups.number), np.nan)
            lists = self.groups.values(counter)
            quantiles(lists, [q for _, q in asked], found)
            for (kpi, q), line in zip(asked, found, strict=True):
                self.kpis[kpi.id] = line
                self._withheld(kpi, line, sizes_of(lists))
                self._estimated(kpi.id, list(lists.binned), line, ACCURACY)
                if self.unseen is not None:
                    unseen = self.unseen.of(counter.tables)
                    self._between(kpi, line, quantile_bounds(lists, q, unseen), unseen)

    def _between(self, kpi: Kpi, values: np.ndarray, told: tuple[np.ndarray, np.ndarray], unseen: np.ndarray) -> None:
        """Where something was missed, the interval of a KPI."""
        self.bounds[kpi.id] = Bounds.of(values, told, unseen)
        self.caveats.add((unseen > 0) & ~np.isnan(values), kpi.id, "interval", told)

    def _withheld(self, kpi: Kpi, values: np.ndarray, samples: np.ndarray | None = None) -> None:
        """Take away values of fewer samples than the KPI asks for; samples: int64[g], None for those of its counter."""
        if kpi.min_sample:
            counted = self.counted[kpi.sampled].values if samples is None or kpi.sample else samples
            few = (counted < kpi.min_sample) & ~np.isnan(values)
            values[few] = np.nan
            self.caveats.add(few, kpi.id, "withheld")

    def _estimated(self, name: str, groups: Sequence[int], values: np.ndarray, error: float) -> None:
        if groups:
            where = np.zeros(self.groups.number, bool)
            where[groups] = True
            where &= ~np.isnan(values)
            self.caveats.add(where, name, "estimate", (values - error * abs(values), values + error * abs(values)))

    def distinct(self) -> None:
        """Counters of distinct texts that are estimates, within two standard errors."""
        for counter in self.plan.told:
            if counted := self.counted[counter.name].estimated:
                values = self.counted[counter.name].values.astype(float)
                self._estimated(counter.name, counted, values, 2 * DISTINCT_ERROR)

    def ratios(self) -> None:
        """Those that are ratios."""
        for kpi in self.plan.kpis:
            if not isinstance(kpi.formula, Ratio):
                continue
            counters = self.plan.by_name[kpi.formula.numerator], self.plan.by_name[kpi.formula.denominator]
            over, under = (self.counted[c.name] for c in counters)
            top, bottom = (_natural(c, self.counted[c.name]) for c in counters)
            there = bottom != 0
            for null in (over.null, under.null):
                if null is not None:
                    there &= ~null
            nothing = np.full(self.groups.number, np.nan)
            self.kpis[kpi.id] = np.divide(kpi.formula.scale * top, bottom, out=nothing, where=there)
            self._withheld(kpi, self.kpis[kpi.id])
            if self.unseen is not None:
                unseen = self.unseen.of((*counters[0].tables, *counters[1].tables))
                share = kpi.unit == "%" and all(c.kind == "count" for c in counters)
                self._between(kpi, self.kpis[kpi.id], ratio_bounds(kpi, top, bottom, unseen, share), unseen)

    def formulas(self) -> None:
        """Those that are formulas of counters and other KPIs; those that look back come when they are written."""
        nothing = np.full(self.groups.number, np.nan)
        self.kpis.update((kpi.id, nothing.copy()) for kpi in self.plan.lagged)
        if not self.plan.formulas:
            return
        program = self.plan.program
        inputs = np.empty((len(program.inputs), self.groups.number))
        for line, name in zip(inputs, program.inputs, strict=True):
            if name == WINDOW:
                line[:] = self.plan.window_s
                continue
            of_kpi = name in self.kpis
            line[:] = self.kpis[name] if of_kpi else _natural(self.plan.by_name[name], self.counted[name])
            null = None if of_kpi else self.counted[name].null
            if null is not None:
                line[null] = np.nan
        for kpi, values in zip(self.plan.formulas, program.run(inputs), strict=True):
            self.kpis[kpi.id] = values
            self._withheld(kpi, values)
            if self.unseen is not None:
                self._bounded(kpi, values, self.unseen)

    def _bounded(self, kpi: Kpi, values: np.ndarray, unseen: Unseen) -> None:
        """The interval of a formula."""
        names = [name for name in bases(kpi) if name in self.counted]
        told = {n: (self.plan.by_name[n], self.counted[n]) for n in names}
        known = {n: Known(counter, _natural(counter, each), each.null) for n, (counter, each) in told.items()}
        found = formula_bounds(kpi, known, self.bounds, self.plan.window_s, unseen)
        self.bounds[kpi.id] = found
        low, high = (np.where(np.isinf(each), np.nan, each) for each in (found.low, found.high))
        self.caveats.add((found.unseen > 0) & ~np.isnan(values), kpi.id, "interval", (low, high))


def _kpis(groups: Measures, counted: dict[str, _Counted]) -> tuple[dict[str, np.ndarray], pa.Array]:
    """float64[g] a KPI, NaN null; and what to keep in mind of them."""
    told = _Told(groups, counted)
    told.quantiles()
    told.distinct()
    told.ratios()
    told.formulas()
    return told.kpis, told.caveats.array()


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
    (kpis, caveats), schema = _kpis(groups, counted), plan.schema
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
        told = {key.name: arrays[3 + at] for at, (key, _) in enumerate(texts)}
        arrays += [met(k, kpis[k.id][rows], told) for k in plan.judged]
        arrays.append(caveats[rows] if isinstance(rows, slice) else caveats.take(pa.array(rows)))
        yield Finished(int(groups.starts[low]), groups.part, pa.Table.from_arrays(arrays, schema=schema))
