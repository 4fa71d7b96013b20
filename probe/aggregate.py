"""One stretch of windows: frames of xDR rows to the tables of each grain, by the kernels of `group` and `quantile`."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats.kpi import Catalogue, Counter, Grain, Key, Kpi, Quantile
from formats.schema import kpi_schema
from kernels.group import MATCHED, add_to_groups, count_distinct, last_by_group, slots_for
from kernels.quantile import gather_by_group, quantile_by_group
from probe.facts import Domain, Frame, counter_values, rows_where, share_domain
from probe.tables import distinct

__all__ = ["Span", "grain_windows"]

SECOND = 10**9
_ADDED = ("count", "sum")


class _Values(NamedTuple):
    """A counter of kind `values`: the fact's rows that have one in order of value, and the values."""

    rows: np.ndarray
    values: np.ndarray


class _Fact:
    """The rows of a table that count by one of its time columns, and what they count as; the same for every grain."""

    def __init__(self, frame: Frame, table: str, time: str, counters: Sequence[Counter], span: "Span") -> None:
        self.frame, self.table, self.time = frame, table, time
        times, there = frame.numbers(time)
        there = there & (times >= span.first) & (times < span.end)
        self.rows = slice(None) if there.all() else np.flatnonzero(there)
        self.times = times[self.rows]
        self.windows = (self.times - span.first) // (span.window_s * SECOND)
        mine = [c for c in counters if table in c.tables and c.time == time]
        self.added = [c for c in mine if c.kind in _ADDED]
        self.listed = [c for c in mine if c.kind == "values"]
        self._conditions = rows_where(frame)

    @cached_property
    def matrix(self) -> np.ndarray:
        """int64[n, counters] for `add_to_groups`."""
        out = np.empty((self.times.size, len(self.added)), np.int64)
        for i, counter in enumerate(self.added):
            out[:, i] = counter_values(self.frame, counter, self._conditions.rows(counter.where))[self.rows]
        return out

    @cached_property
    def values(self) -> dict[str, _Values]:
        """The rows and values of each counter of kind `values`."""
        out = {}
        for counter in self.listed:
            numbers, there = self.frame.numbers(counter.columns[0])
            mask = self._conditions.rows(counter.where)
            there = (there if mask is None else there & mask)[self.rows]
            rows = np.flatnonzero(there)
            values = numbers[self.rows][rows].astype(np.float64)
            order = np.argsort(values)
            out[counter.name] = _Values(rows[order], values[order])
        return out

    def codes(self, key: Key) -> np.ndarray:
        """int32[n] codes of a key, -1 where the table does not tell."""
        return self.frame.codes(key.column_of(self.table))[self.rows]


class Span:
    """The frames of first <= time < end (ns), prepared once for all grains."""

    def __init__(self, frames: dict[str, Frame], first: int, end: int, window_s: int, catalogue: Catalogue,
                 grains: Sequence[Grain]) -> None:  # fmt: skip
        self.first, self.end, self.window_s, self.catalogue = first, end, window_s, catalogue
        self.domains = self._share_domains(frames, grains)
        counters = catalogue.counters
        self.facts = [
            _Fact(frame, table, time, counters, self)
            for table, frame in frames.items()
            for time in sorted({c.time for c in counters if table in c.tables} | {"start_time"})
        ]
        self.seen = {
            table: np.unique(np.concatenate([distinct(f.windows.view(np.uint64))[1] for f in self.facts_of(table)]))
            for table in frames
        }

    def _share_domains(self, frames: dict[str, Frame], grains: Sequence[Grain]) -> dict[str, Domain]:
        keys = [key for grain in grains for key in (*grain.keys, *grain.carried)]
        keys += [Key(c.columns[0], c.columns[0], "", "") for c in self.catalogue.counters if c.kind == "distinct"]
        columns: dict[str, set[tuple[str, str]]] = {}
        for key in keys:
            places = {(table, key.column_of(table)) for table in frames}
            columns.setdefault(key.column, set()).update((t, c) for t, c in places if c in frames[t].table.column_names)
        return {
            name: share_domain((frames[table], column) for table, column in sorted(places))
            for name, places in columns.items()
        }

    def facts_of(self, table: str) -> list[_Fact]:
        """The facts of one table."""
        return [f for f in self.facts if f.table == table]


class _Groups:
    """The rows of a grain: which group each row of each fact is in, and the keys of each group, in order."""

    def __init__(self, span: Span, grain: Grain, counters: Sequence[Counter]) -> None:
        tables = {table for c in counters for table in c.tables}
        times = {(table, c.time) for c in counters for table in c.tables}
        self.facts = [f for f in span.facts if f.table in tables and ((f.table, f.time) in times)]
        columns = [np.concatenate([f.windows for f in self.facts])] if self.facts else [np.empty(0, np.int64)]
        columns += [np.concatenate([f.codes(k) for f in self.facts] or [np.empty(0, np.int32)]) for k in grain.keys]
        sizes = [(span.end - span.first) // (span.window_s * SECOND)]
        sizes += [len(span.domains[k.column].values) for k in grain.keys]
        codes, found = distinct(_packed(columns, sizes))
        example = np.zeros(found.size, np.int64)  # a row of each group
        example[codes] = np.arange(codes.size)
        keys = [column[example] for column in columns]
        order = np.lexsort(keys[::-1])
        rank = np.empty(order.size, np.int32)
        rank[order] = np.arange(order.size, dtype=np.int32)
        self.number = order.size
        self.windows, self.keys = keys[0][order], [key[order] for key in keys[1:]]
        ends = np.cumsum([f.times.size for f in self.facts])
        self.of_fact = (
            dict(zip(map(id, self.facts), np.split(rank[codes], ends[:-1]), strict=True)) if self.facts else {}
        )

    def of(self, fact: _Fact) -> np.ndarray:
        """int32[n]: the group of each row of a fact."""
        return self.of_fact[id(fact)]


def _packed(columns: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    """Several codes (from -1 up) as one uint64 key a row; what is packed is renumbered where it would not fit."""
    key, size = np.zeros(columns[0].size, np.uint64), 1
    for column, values in zip(columns, sizes, strict=True):
        if size * (values + 1) >= 2**63:
            codes, found = distinct(key)
            key, size = codes.astype(np.uint64), found.size
        key = key * np.uint64(values + 1) + (column + 1).astype(np.uint64)
        size *= values + 1
    return key


class _Measured(NamedTuple):
    """A counter of a grain: values[g], and where they are null."""

    values: np.ndarray
    null: np.ndarray


def _added(span: Span, groups: _Groups) -> dict[str, _Measured]:
    """Counts and sums of all facts."""
    out: dict[str, _Measured] = {}
    for fact in groups.facts:
        if not fact.added:
            continue
        sums = np.zeros((groups.number, len(fact.added)), np.int64)
        flags = np.zeros(sums.shape, np.uint8)
        add_to_groups(groups.of(fact), fact.matrix, sums, flags)
        for i, counter in enumerate(fact.added):
            out[counter.name] = _Measured(sums[:, i], flags[:, i] == MATCHED)
    return out


def _distinct(span: Span, groups: _Groups, counter: Counter) -> _Measured:
    """Exact number of distinct values in each group, over all tables of the counter."""
    facts = [f for f in groups.facts if f.table in counter.tables and f.time == counter.time]
    key = Key(counter.columns[0], counter.columns[0], "", "")
    counts = np.zeros(groups.number, np.int64)
    if facts:
        codes = np.concatenate([f.codes(key) for f in facts])
        group = np.concatenate([groups.of(f) for f in facts])
        number = max(1, len(span.domains[key.column].values))
        count_distinct(group, codes, number, np.full(slots_for(codes.size), -1, np.int64), counts)
    seen = np.zeros(groups.number, bool)
    for fact in facts:
        seen[groups.of(fact)] = True
    return _Measured(counts, seen & (counts == 0))


def _quantiles(groups: _Groups, counter: Counter, kpis: Sequence[Kpi]) -> dict[str, np.ndarray]:
    """float64[g] a KPI over the values of one counter, NaN for none."""
    starts, gathered = np.zeros(groups.number + 1, np.int64), np.empty(0)
    for fact in groups.facts:  # a list is of one table and time: at most one fact has it
        if counter.name in fact.values:
            listed = fact.values[counter.name]
            gathered = np.empty(listed.values.size)
            gather_by_group(groups.of(fact)[listed.rows], listed.values, starts, gathered)
    out = {}
    for kpi in kpis:
        assert isinstance(kpi.formula, Quantile)
        out[kpi.id] = np.empty(groups.number)
        quantile_by_group(starts, gathered, kpi.formula.q, out[kpi.id])
    return out


def _unmeasured(span: Span, groups: _Groups, counter: Counter) -> np.ndarray:
    """bool[g]: groups of windows in which none of the counter's tables has a row."""
    seen = [span.seen[table] for table in counter.tables if table in span.seen]
    return ~np.isin(groups.windows, np.concatenate(seen).astype(np.int64)) if seen else np.ones(groups.number, bool)


def _counters(span: Span, groups: _Groups, counters: Sequence[Counter]) -> dict[str, _Measured]:
    added = _added(span, groups)
    out = {}
    for counter in counters:
        if counter.kind == "values":
            continue
        if counter.kind == "distinct":
            values, null = _distinct(span, groups, counter)
        else:
            zero = np.zeros(groups.number, np.int64)
            values, null = added.get(counter.name, _Measured(zero, zero.astype(bool)))
        out[counter.name] = _Measured(values, null | _unmeasured(span, groups, counter))
    return out


def _natural(counter: Counter, measured: _Measured) -> np.ndarray:
    """Values in the counter's unit: sums of ms are kept in ns until here."""
    return measured.values / 1e6 if counter.unit == "ms" else measured.values


def _kpis(span: Span, groups: _Groups, grain: Grain, counted: dict[str, _Measured]) -> dict[str, np.ndarray]:
    """float64[g] a KPI, NaN null."""
    declared = {c.name: c for c in span.catalogue.counters}
    kpis = span.catalogue.kpis_of(grain)
    out: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(k.formula.values for k in kpis if isinstance(k.formula, Quantile)):
        mine = [k for k in kpis if isinstance(k.formula, Quantile) and k.formula.values == name]
        out.update(_quantiles(groups, declared[name], mine))
    for kpi in kpis:
        if isinstance(kpi.formula, Quantile):
            continue
        over, under = counted[kpi.formula.numerator], counted[kpi.formula.denominator]
        top = _natural(declared[kpi.formula.numerator], over)
        bottom = _natural(declared[kpi.formula.denominator], under)
        there = ~over.null & ~under.null & (bottom != 0)
        out[kpi.id] = np.divide(kpi.formula.scale * top, bottom, out=np.full(groups.number, np.nan), where=there)
    return out


def _carried(groups: _Groups, key: Key) -> np.ndarray:
    """int32[g]: the code of the latest row of each group that has one, -1 for none."""
    times, codes = np.zeros(groups.number, np.int64), np.full(groups.number, -1, np.int32)
    for fact in groups.facts:
        if fact.time == "start_time" and key.column_of(fact.table):
            last_by_group(groups.of(fact), fact.times, fact.codes(key), times, codes)
    return codes


def _text(codes: np.ndarray, domain: Domain) -> pa.DictionaryArray:
    """Codes (-1 null) as text, with only the values that occur."""
    used, at = np.unique(codes, return_inverse=True)
    nulls = int(used.size > 0 and used[0] < 0)
    indices = pa.array(at.astype(np.int32) - nulls, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, domain.values.take(pa.array(used[nulls:])))


def _told(codes: np.ndarray, domain: Domain, key: Key) -> pa.Array:
    """Codes (-1 null) as what the key is declared to be."""
    text = _text(codes, domain)
    return text.cast(pa.string()).cast(pa.int32()) if key.number else text


def grain_windows(span: Span, grain: Grain) -> Iterator[tuple[int, pa.Table]]:
    """The rows of one grain, window by window: (start of the window in ns, table of `kpi_schema`)."""
    counters = span.catalogue.counters_of(grain)
    groups = _Groups(span, grain, counters)
    counted = _counters(span, groups, counters)
    kpis = _kpis(span, groups, grain, counted)
    texts = list(zip(grain.keys, groups.keys, strict=True)) + [(k, _carried(groups, k)) for k in grain.carried]
    keep = np.ones(groups.number, bool)
    if grain.sparse:
        keep = np.any([m.values != 0 for m in counted.values()], axis=0)
    schema = kpi_schema(grain, span.catalogue)
    edges = np.flatnonzero(np.diff(groups.windows, prepend=-1, append=-1)) if groups.number else np.empty(0, np.int64)
    for low, high in pairwise(edges.tolist()):
        rows = np.flatnonzero(keep[low:high]) + low
        if not rows.size:
            continue
        start = span.first + int(groups.windows[low]) * span.window_s * SECOND
        columns = [np.full(rows.size, start), np.full(rows.size, span.window_s, np.int32)]
        arrays = [pa.array(c) for c in columns]
        arrays[0] = arrays[0].view(schema.field(0).type)
        arrays += [_told(codes[rows], span.domains[key.column], key) for key, codes in texts]
        for counter in counters:
            if counter.kind != "values":
                measured = counted[counter.name]
                arrays.append(pa.array(_natural(counter, measured)[rows], mask=measured.null[rows]))
        arrays += [pa.array(kpis[k.id][rows], from_pandas=True) for k in span.catalogue.kpis_of(grain)]
        yield start, pa.Table.from_arrays(arrays, schema=schema)
