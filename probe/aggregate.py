"""One stretch of windows: frames of xDR rows to the tables of each grain, by the kernels of `group` and `quantile`.

For each grain the rows are brought into the order of their groups once; then stretches of groups (`Piece`) are
finished one by one, on as many threads as there are, each with memory for itself alone.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats.kpi import Counter, Key, Ratio, fractional
from kernels.group import (
    MATCHED,
    add_by_group,
    count_distinct,
    keep_codes,
    keep_values,
    last_by_group,
    mark_keys,
    order_rows,
    place_keys,
    take,
    window_of,
)
from kernels.quantile import quantiles_by_group
from probe.facts import Classes, Domains, Frame, classify, met, number, summands
from probe.kpi_domain import Domain
from probe.kpi_plan import FactPlan, GrainPlan, Plan, TablePlan
from probe.kpi_target import met as target_met

__all__ = ["Finished", "Groups", "Piece", "Span"]

GROUPS_AT_ONCE = 1 << 16
ROWS_AT_ONCE = 1 << 20
_LARGEST = 2**62
_ALL = np.empty(0, np.bool_)


class Fact:
    """The rows of a table that count by one of its time columns, and what they count as; the same for every grain."""

    def __init__(self, frame: Frame, plan: FactPlan, span: "Span") -> None:
        self.frame, self.plan, self.table, self.time = frame, plan, plan.table, plan.time
        self.times, there = frame.numbers(plan.time)
        self.windows = np.empty(self.times.size, np.int64)
        bounds = np.array([span.first, span.end, span.plan.window])
        window_of(self.times, _ALL if there is None else there, bounds, self.windows, span.seen[plan.table])

    def prepare(self, table: TablePlan, classes: Classes, sums: list[np.ndarray]) -> None:
        """Work out in which classes rows count for each counter."""
        self.classes, self.sums, self.sum_columns = classes.of_row, sums, table.sums
        places = table.places()
        every = (*self.plan.added, *self.plan.listed, *self.plan.distinct)
        self.matched = {c.name: met(classes, c.where, places) for c in every}

    def values(self, counter: Counter) -> np.ndarray:
        """float64[n]: the values of a listed counter, NaN for none."""
        values, there = self.frame.numbers(counter.columns[0])
        if values.dtype != np.float64:
            values = values.astype(np.float64)
            if there is not None:
                values[~there] = np.nan
        return values

    def codes(self, key: Key) -> np.ndarray:
        """int32[n] codes of a key, -1 where the table does not tell."""
        return self.frame.codes(key.column_of(self.table))


class Span:
    """The frames of first <= time < end (ns), prepared once for all grains."""

    def __init__(self, frames: dict[str, Frame], first: int, end: int, plan: Plan, domains: Domains,
                 seen: Iterable[str] = ()) -> None:  # fmt: skip
        """`seen`: tables that are known to have rows in every window, in these frames or not."""
        self.first, self.end, self.plan, self.domains = first, end, plan, domains
        self.facts: list[Fact] = []
        self.seen: dict[str, np.ndarray] = {}
        for table, frame in frames.items():
            told = plan.tables[table]
            self.seen[table] = np.zeros((end - first) // plan.window, np.bool_)
            facts = [Fact(frame, fact, self) for fact in told.facts]
            classes, sums = classify(frame, told.conditions), summands(frame, told.sums)
            for fact in facts:
                fact.prepare(told, classes, sums)
            self.facts += facts
            self._touch(frame, table)
        for table in seen:
            self.seen[table] = np.ones((end - first) // plan.window, np.bool_)
        self._own = threading.local()

    def _touch(self, frame: Frame, table: str) -> None:
        """Make the columns that grains will ask for, before threads share them."""
        for plan in self.plan.grains:
            for key in (*plan.grain.keys, *plan.grain.carried):
                frame.codes(key.column_of(table))
            for counter in plan.counters:
                if table in counter.tables and counter.kind == "distinct":
                    frame.codes(counter.columns[0])
                elif table in counter.tables and counter.kind == "values":
                    frame.numbers(counter.columns[0])

    def stamps(self, domain: Domain, marks: int) -> tuple[np.ndarray, int]:
        """This thread's int32[codes] for `count_distinct`, and the first of so many marks that none of it holds."""
        known = self._own.__dict__.setdefault("stamps", {})
        stamps, mark = known.get(id(domain), (np.empty(0, np.int32), 1))
        if stamps.size < len(domain) or mark + marks >= 2**31:
            stamps, mark = np.zeros(len(domain), np.int32), 1
        known[id(domain)] = stamps, mark + marks
        return stamps, mark


class _Order(NamedTuple):
    """The rows of a fact in order of group: group k has rows[starts[k]:starts[k + 1]]."""

    rows: np.ndarray
    starts: np.ndarray


def _ordered(keys: np.ndarray, places: np.ndarray, number_of_groups: int) -> _Order:
    ids, starts = np.empty(keys.size, np.int32), np.zeros(number_of_groups + 1, np.int64)
    place_keys(keys, places, ids, starts)
    np.cumsum(starts, out=starts)
    rows = np.empty(int(starts[-1]), np.int32)
    order_rows(ids, starts[:-1].copy(), rows)
    return _Order(rows, starts)


class Groups:
    """The groups of a grain: window and keys of each, in order, and the rows of each fact that are theirs."""

    def __init__(self, span: Span, plan: GrainPlan) -> None:
        self.span, self.plan, grain = span, plan, plan.grain
        self.facts = [f for f in span.facts if (f.table, f.time) in plan.times]
        self.domains = {key.name: span.domains.of(key.column) for key in (*grain.keys, *grain.carried)}
        codes = [[fact.codes(key) for fact in self.facts] for key in grain.keys]
        sizes = [len(self.domains[key.name]) for key in grain.keys]
        packed = _Packed([fact.windows for fact in self.facts])
        for column, size in zip(codes, sizes, strict=True):
            packed.add(column, size)
        places, found = packed.groups()
        windows, keys = packed.split(found)
        order = _sorted(windows, keys, [self.domains[key.name] for key in grain.keys])
        rank = np.empty(order.size, np.int32)
        rank[order] = np.arange(order.size, dtype=np.int32)
        self.number = order.size
        self.windows, self.keys = windows[order], [key[order] for key in keys]
        if places is None:
            places = rank  # the rows hold numbers of groups already
        else:
            places[found] = rank
        self.orders = [_ordered(keys, places, self.number) for keys in packed.keys]

    def pieces(self, base: int = 0) -> Iterator["Piece"]:
        """Stretches of groups: some whole windows, or a part of one; parts are numbered from `base`."""
        if not self.number:
            return
        rows = np.add.reduce([o.starts for o in self.orders])
        edges = np.append(np.flatnonzero(np.diff(self.windows, prepend=-1)), self.number).tolist()
        first = 0
        for low, high in pairwise(edges):
            if first < low and (high - first > GROUPS_AT_ONCE or rows[high] - rows[first] > ROWS_AT_ONCE):
                yield Piece(self, first, low, base)
                first = low
            part = base
            while high - first > GROUPS_AT_ONCE or (high - first > 1 and rows[high] - rows[first] > ROWS_AT_ONCE):
                by_rows = int(np.searchsorted(rows, rows[first] + ROWS_AT_ONCE, "right")) - 1
                end = min(max(by_rows, first + 1), first + GROUPS_AT_ONCE, high)
                if end == high:
                    break
                yield Piece(self, first, end, part)
                first, part = end, part + 1
            if part > base:
                yield Piece(self, first, high, part)
                first = high
        if first < self.number:
            yield Piece(self, first, self.number, base)


class _Packed:
    """Windows and codes (from -1 up) of the rows of some facts as one int64 a row, negative for rows left out."""

    def __init__(self, windows: Sequence[np.ndarray]) -> None:
        self.keys = list(windows)
        self.size = max((int(w.max(initial=-1)) for w in windows), default=-1) + 1
        self._steps: list[tuple[int, np.ndarray | None]] = []

    def add(self, columns: Sequence[np.ndarray], values: int) -> None:
        """Pack one more key; what is packed already is renumbered where it would not fit."""
        table = None
        if self.size * (values + 1) >= _LARGEST:
            table = self._renumber()
        out = []
        for key, column in zip(self.keys, columns, strict=True):
            packed = key * (values + 1) + (column + 1)
            packed[key < 0] = -1
            out.append(packed)
        self.keys, self.size = out, self.size * (values + 1)
        self._steps.append((values + 1, table))

    def _renumber(self) -> np.ndarray:
        ids, found = number(np.concatenate(self.keys))
        ends = np.cumsum([k.size for k in self.keys])
        self.keys, self.size = [part.astype(np.int64) for part in np.split(ids, ends[:-1])], found.size
        return found

    def groups(self) -> tuple[np.ndarray | None, np.ndarray]:
        """(int32 by key whether it occurs, the keys that do), or (None, the keys) and rows hold numbers of them."""
        rows = sum(k.size for k in self.keys)
        if self.size <= max(1 << 16, 4 * rows):
            places = np.full(self.size, -1, np.int32)
            for keys in self.keys:
                mark_keys(keys, places)
            return places, np.flatnonzero(places >= 0)
        return None, self._renumber()

    def split(self, keys: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Windows and codes of packed keys."""
        codes = []
        for size, table in reversed(self._steps):
            keys, code = np.divmod(keys, size)
            codes.append((code - 1).astype(np.int32))
            if table is not None:
                keys = table[keys]
        return keys, codes[::-1]


def _sorted(windows: np.ndarray, keys: Sequence[np.ndarray], domains: Sequence[Domain]) -> np.ndarray:
    """int64[g]: what sorts groups by window, then by the texts of their keys, null first."""
    columns = [windows]
    for codes, domain in zip(keys, domains, strict=True):
        ranks = np.append(domain.ranks(), np.int32(-1))
        columns.append(ranks[codes])
    if len(columns) == 2:
        return np.argsort(columns[0] * (len(domains[0]) + 1) + columns[1] + 1, kind="stable")
    return np.lexsort(columns[::-1])


class _Measured(NamedTuple):
    """A counter of some groups: values[g], and where they are null (None: nowhere)."""

    values: np.ndarray
    null: np.ndarray | None


class Finished(NamedTuple):
    """Rows of a KPI table: those of the window that starts at `start` ns, number `part` of them."""

    start: int
    part: int
    rows: pa.Table


class _Rows:
    """The rows of a fact that are in a piece, in order of group: group k has those from starts[k] to starts[k + 1]."""

    def __init__(self, piece: "Piece", fact: Fact, order: _Order) -> None:
        starts = order.starts[piece.first : piece.end + 1]
        self.fact, self._rows = fact, order.rows[starts[0] : starts[-1]]
        self.starts = starts - starts[0]
        self.classes = self.take(fact.classes) if self._rows.size else np.empty(0, np.int32)

    def take(self, values: np.ndarray) -> np.ndarray:
        """A column of the fact for these rows."""
        out = np.empty(self._rows.size, values.dtype)
        take(values, self._rows, out)
        return out

    def sums(self) -> np.ndarray:
        """int64[s, m] summands."""
        out = np.empty((len(self.fact.sums), self._rows.size), np.int64)
        for line, values in zip(out, self.fact.sums, strict=True):
            take(values, self._rows, line)
        return out


class Piece:
    """Some groups of a grain, one after another: first <= group < end."""

    def __init__(self, groups: Groups, first: int, end: int, part: int) -> None:
        self.groups, self.first, self.end, self.part = groups, first, end, part
        self.number, self.plan, self.span = end - first, groups.plan, groups.span
        self.windows = groups.windows[first:end]
        self._rows: list[_Rows] = []

    def rows(self) -> list[_Rows]:
        """The rows of each fact."""
        if not self._rows:
            pairs = zip(self.groups.facts, self.groups.orders, strict=True)
            self._rows = [_Rows(self, fact, order) for fact, order in pairs]
        return self._rows

    def finish(self) -> list[Finished]:
        """The rows of each window, null columns and all."""
        return list(_tables(self, _counters(self)))


def _sums(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Counts and sums of all facts: int64[c, g] and uint8[c, g]."""
    sums = np.zeros((len(piece.plan.added), piece.number), np.int64)
    flags = np.zeros(sums.shape, np.uint8)
    for rows in piece.rows():
        lists = piece.plan.lists(rows.fact.plan, rows.fact.matched, rows.fact.sum_columns)
        if lists[1].size:
            add_by_group(rows.starts, rows.classes, lists, rows.sums(), sums, flags)
    return sums, flags


def _distinct(piece: Piece, counter: Counter) -> _Measured:
    """Exact number of distinct values in each group, over all tables of the counter."""
    key = Key(counter.columns[0], counter.columns[0], "", "")
    domain = piece.span.domains.of(key.column)
    parts, seen = [], np.zeros(piece.number, bool)
    for rows in piece.rows():
        fact = rows.fact
        if fact.table in counter.tables and fact.time == counter.time:
            begins, codes = np.empty(piece.number + 1, np.int64), rows.take(fact.codes(key))
            end = keep_codes(rows.starts, rows.classes, fact.matched[counter.name], codes, begins)
            parts.append((begins, codes[:end]))
            seen |= np.diff(rows.starts) > 0
    counts = np.zeros(piece.number, np.int64)
    if parts:
        begins, codes = parts[0] if len(parts) == 1 else _joined(parts)
        stamps, mark = piece.span.stamps(domain, piece.number)
        count_distinct(begins, codes, mark, stamps, counts)
    return _Measured(counts, seen & (counts == 0))


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Several lists a group as one."""
    ids = np.concatenate([np.repeat(np.arange(b.size - 1, dtype=np.int32), np.diff(b)) for b, _ in parts])
    values = np.concatenate([v for _, v in parts])
    starts = np.zeros(parts[0][0].size, np.int64)
    np.cumsum(np.bincount(ids, minlength=starts.size - 1), out=starts[1:])
    order = np.empty(ids.size, np.int32)
    order_rows(ids, starts[:-1].copy(), order)
    return starts, values[order]


def _quantiles(piece: Piece) -> dict[str, np.ndarray]:
    """float64[g] of each KPI that is a quantile, NaN for none."""
    out: dict[str, np.ndarray] = {}
    for name, asked in piece.plan.quantiles.items():
        counter = piece.plan.by_name[name]
        found = np.full((len(asked), piece.number), np.nan)
        for rows in piece.rows():  # a list is of one table and time: at most one fact has it
            if counter in rows.fact.plan.listed and rows.fact.matched[name].any():
                begins, values = np.empty(piece.number + 1, np.int64), rows.take(rows.fact.values(counter))
                keep_values(rows.starts, rows.classes, rows.fact.matched[name], values, begins)
                quantiles_by_group(begins, values, np.array([q for _, q in asked]), found)
        out.update((kpi.id, line) for (kpi, _), line in zip(asked, found, strict=True))
    return out


def _unmeasured(piece: Piece, counter: Counter) -> np.ndarray | None:
    """bool[g]: groups of windows in which none of the counter's tables has a row; None for no such group."""
    seen = [piece.span.seen[table] for table in counter.tables if table in piece.span.seen]
    if not seen:
        return np.ones(piece.number, bool)
    missing = ~np.logical_or.reduce(seen)[piece.windows]
    return missing if missing.any() else None


def _counters(piece: Piece) -> dict[str, _Measured]:
    sums, flags = _sums(piece)
    out, missing = {}, {}
    for counter in piece.plan.told:
        if counter.tables not in missing:
            missing[counter.tables] = _unmeasured(piece, counter)
        if counter.kind == "distinct":
            values, null = _distinct(piece, counter)
        else:
            at = piece.plan.added[counter.name]
            values, null = sums[at], flags[at] == MATCHED if counter.kind == "sum" else None
        other = missing[counter.tables]
        null = other if null is None else null if other is None else null | other
        out[counter.name] = _Measured(values, null)
    return out


def _natural(counter: Counter, measured: _Measured) -> np.ndarray:
    """Values in the counter's unit: sums of ms are kept in ns until here."""
    return measured.values / 1e6 if fractional(counter) else measured.values


def _kpis(piece: Piece, counted: dict[str, _Measured]) -> dict[str, np.ndarray]:
    """float64[g] a KPI, NaN null."""
    plan, out = piece.plan, _quantiles(piece)
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
        out[kpi.id] = np.divide(kpi.formula.scale * top, bottom, out=np.full(piece.number, np.nan), where=there)
    out.update((kpi.id, np.full(piece.number, np.nan)) for kpi in plan.lagged)  # filled in when they are written
    if plan.formulas:
        inputs = np.empty((len(plan.program.inputs), piece.number))
        for line, name in zip(inputs, plan.program.inputs, strict=True):
            line[:] = out[name] if name in out else _natural(plan.by_name[name], counted[name])
            null = None if name in out else counted[name].null
            if null is not None:
                line[null] = np.nan
        out.update(zip((kpi.id for kpi in plan.formulas), plan.program.run(inputs), strict=True))
    return out


def _carried(piece: Piece, key: Key) -> np.ndarray:
    """int32[g]: the code of the latest row of each group that has one, -1 for none."""
    times, codes = np.zeros(piece.number, np.int64), np.full(piece.number, -1, np.int32)
    ranks = piece.groups.domains[key.name].ranks()
    for rows in piece.rows():
        if rows.fact.time == "start_time" and key.column_of(rows.fact.table):
            last_by_group(rows.starts, rows.take(rows.fact.times), rows.take(rows.fact.codes(key)), ranks, times, codes)
    return codes


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


def _fits(domains: dict[str, Domain], texts: dict[str, np.ndarray], column: str, value: str) -> np.ndarray | None:
    """bool[g]: groups whose key or carried column is this text."""
    return np.equal(texts[column], domains[column].codes_of([value])[0]) if column in texts else None


def _tables(piece: Piece, counted: dict[str, _Measured]) -> Iterator[Finished]:
    """The rows of the piece, window by window."""
    plan, span, grain = piece.plan, piece.span, piece.plan.grain
    kpis, schema = _kpis(piece, counted), plan.schema
    keys = [codes[piece.first : piece.end] for codes in piece.groups.keys]
    texts = [*zip(grain.keys, keys, strict=True), *((k, _carried(piece, k)) for k in grain.carried)]
    keep = np.ones(piece.number, bool)
    if grain.sparse:
        keep = np.any([m.values != 0 for m in counted.values()], axis=0)
    numbers = [(_natural(c, counted[c.name]), counted[c.name].null) for c in plan.told]
    edges = np.flatnonzero(np.diff(piece.windows, prepend=-1, append=-1))
    for low, high in pairwise(edges.tolist()):
        rows = slice(low, high) if keep[low:high].all() else np.flatnonzero(keep[low:high]) + low
        count = int(keep[low:high].sum())
        if not count:
            continue
        start = span.first + int(piece.windows[low]) * span.plan.window
        arrays = [pa.array(np.full(count, start)).view(schema.field(0).type)]
        arrays.append(pa.array(np.full(count, span.plan.window_s, np.int32)))
        arrays += [_told(codes[rows], piece.groups.domains[key.name], key) for key, codes in texts]
        arrays += [pa.array(values[rows], mask=None if null is None else null[rows]) for values, null in numbers]
        arrays += [pa.array(kpis[k.id][rows], from_pandas=True) for k in plan.kpis]
        fits = partial(_fits, piece.groups.domains, {key.name: codes[rows] for key, codes in texts})
        arrays += [target_met(k, kpis[k.id][rows], fits) for k in plan.judged]
        yield Finished(start, piece.part, pa.Table.from_arrays(arrays, schema=schema))
