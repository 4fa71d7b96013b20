"""One stretch of windows: frames of xDR rows to groups of each grain, and what is measured of them.

For each grain the rows are brought into the order of their groups once; then stretches of groups (`Piece`) are
measured one by one, on as many threads as there are, each with memory for itself alone.
"""

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from formats.kpi import Counter, Key
from kernels.group import (
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
from probe.facts import Classes, Domains, Frame, classify, met, number, summands
from probe.kpi_domain import Domain
from probe.kpi_estimate import Lists, Sets, bounded_lists, bounded_sets
from probe.kpi_plan import FactPlan, GrainPlan, Plan, TablePlan

__all__ = ["Grouped", "Groups", "Order", "Piece", "Span", "cut", "grouped", "ordered"]

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

    def take_over(self, other: "Fact") -> None:
        """The same classes as those of a fact of the same rows."""
        self.classes, self.sums, self.sum_columns = other.classes, other.sums, other.sum_columns
        self.matched = other.matched

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
                 like: "Span | None" = None) -> None:  # fmt: skip
        """`like`: a span of the same frames and catalogue with other windows, whose work on the rows is taken over."""
        self.first, self.end, self.plan, self.domains = first, end, plan, domains
        self.facts: list[Fact] = []
        self.seen: dict[str, np.ndarray] = {}
        for table, frame in frames.items():
            told = plan.tables[table]
            self.seen[table] = np.zeros((end - first) // plan.window, np.bool_)
            facts = [Fact(frame, fact, self) for fact in told.facts]
            self.facts += facts
            if like is not None:
                before = [fact for fact in like.facts if fact.table == table]
                for fact, known in zip(facts, before, strict=True):
                    fact.take_over(known)
                continue
            classes, sums = classify(frame, told.conditions), summands(frame, told.sums)
            for fact in facts:
                fact.prepare(told, classes, sums)
            self._touch(frame, table)
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


class Order(NamedTuple):
    """The rows of a fact in order of group: group k has rows[starts[k]:starts[k + 1]]."""

    rows: np.ndarray
    starts: np.ndarray


def ordered(keys: np.ndarray, groups: int, places: np.ndarray | None = None) -> Order:
    """Rows in order of group. keys: int[n], negative for none; places: the group of each key, None: it is its key."""
    ids, starts = np.empty(keys.size, np.int32), np.zeros(groups + 1, np.int64)
    place_keys(keys, np.arange(groups, dtype=np.int32) if places is None else places, ids, starts)
    np.cumsum(starts, out=starts)
    rows = np.empty(int(starts[-1]), np.int32)
    order_rows(ids, starts[:-1].copy(), rows)
    return Order(rows, starts)


class Grouped(NamedTuple):
    """Groups in order of window and of the texts of their keys, and the rows of each source that are theirs."""

    windows: np.ndarray
    keys: list[np.ndarray]
    orders: list[Order]


def grouped(windows: Sequence[np.ndarray], codes: Sequence[Sequence[np.ndarray]], domains: Sequence[Domain]) -> Grouped:
    """The groups of some sources of rows: windows[s] int64 (negative: left out), codes[key][s] int32."""
    packed = _Packed(windows)
    for column, domain in zip(codes, domains, strict=True):
        packed.add(column, len(domain))
    places, found = packed.groups()
    started, keys = packed.split(found)
    order = _sorted(started, keys, domains)
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    if places is None:
        places = rank  # the rows hold numbers of groups already
    else:
        places[found] = rank
    return Grouped(started[order], [k[order] for k in keys], [ordered(k, order.size, places) for k in packed.keys])


def cut(windows: np.ndarray, rows: np.ndarray, base: int = 0) -> Iterator[tuple[int, int, int]]:
    """Stretches of groups (first, end, part): some whole windows, or a part of one, numbered from `base`.

    windows: int64[g], in order;  rows: int64[g + 1], how many rows the groups before have
    """
    edges = np.append(np.flatnonzero(np.diff(windows, prepend=-1)), windows.size).tolist()
    first = 0
    for low, high in pairwise(edges):
        if first < low and (high - first > GROUPS_AT_ONCE or rows[high] - rows[first] > ROWS_AT_ONCE):
            yield first, low, base
            first = low
        part = base
        while high - first > GROUPS_AT_ONCE or (high - first > 1 and rows[high] - rows[first] > ROWS_AT_ONCE):
            by_rows = int(np.searchsorted(rows, rows[first] + ROWS_AT_ONCE, "right")) - 1
            end = min(max(by_rows, first + 1), first + GROUPS_AT_ONCE, high)
            if end == high:
                break
            yield first, end, part
            first, part = end, part + 1
        if part > base:
            yield first, high, part
            first = high
    if first < windows.size:
        yield first, windows.size, base


class Groups:
    """The groups of a grain in a span of rows."""

    def __init__(self, span: Span, plan: GrainPlan) -> None:
        self.span, self.plan, grain = span, plan, plan.grain
        self.facts = [f for f in span.facts if (f.table, f.time) in plan.times]
        self.domains = {key.name: span.domains.of(key.column) for key in (*grain.keys, *grain.carried)}
        codes = [[fact.codes(key) for fact in self.facts] for key in grain.keys]
        domains = [self.domains[key.name] for key in grain.keys]
        self.windows, self.keys, self.orders = grouped([f.windows for f in self.facts], codes, domains)

    def pieces(self, base: int = 0) -> Iterator["Piece"]:
        """Stretches of groups: some whole windows, or a part of one; parts are numbered from `base`."""
        if self.windows.size:
            rows = np.add.reduce([o.starts for o in self.orders])
            for first, end, part in cut(self.windows, rows, base):
                yield Piece(self, first, end, part)


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


class _Rows:
    """The rows of a fact that are in a piece, in order of group: group k has those from starts[k] to starts[k + 1]."""

    def __init__(self, piece: "Piece", fact: Fact, order: Order) -> None:
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
    """Some groups of a grain, one after another, and what is measured of them; see `probe.kpi_tables.Measures`."""

    def __init__(self, groups: Groups, first: int, end: int, part: int) -> None:
        self.groups, self.plan, self.span, self.part = groups, groups.plan, groups.span, part
        self.first, self.end, self.number = first, end, end - first
        self.windows = groups.windows[first:end]
        self.starts = self.span.first + self.windows * self.span.plan.window
        self.keys = [codes[first:end] for codes in groups.keys]
        self.domains = groups.domains
        self._rows: list[_Rows] = []

    def rows(self) -> list[_Rows]:
        """The rows of each fact."""
        if not self._rows:
            pairs = zip(self.groups.facts, self.groups.orders, strict=True)
            self._rows = [_Rows(self, fact, order) for fact, order in pairs]
        return self._rows

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts and sums of all facts: int64[c, g], and how they are known: uint8[c, g]."""
        sums = np.zeros((len(self.plan.added), self.number), np.int64)
        flags = np.zeros(sums.shape, np.uint8)
        for rows in self.rows():
            lists = self.plan.lists(rows.fact.plan, rows.fact.matched, rows.fact.sum_columns)
            if lists[1].size:
                add_by_group(rows.starts, rows.classes, lists, rows.sums(), sums, flags)
        return sums, flags

    def distinct(self, counter: Counter) -> Sets:
        """The distinct texts of each group, over all tables of the counter."""
        key = Key(counter.columns[0], counter.columns[0], "", "")
        domain = self.span.domains.of(key.column)
        parts, seen = [], np.zeros(self.number, bool)
        for rows in self.rows():
            fact = rows.fact
            if fact.table in counter.tables and fact.time == counter.time:
                begins, codes = np.empty(self.number + 1, np.int64), rows.take(fact.codes(key))
                end = keep_codes(rows.starts, rows.classes, fact.matched[counter.name], codes, begins)
                parts.append((begins, codes[:end]))
                seen |= np.diff(rows.starts) > 0
        counts = np.zeros(self.number, np.int64)
        if not parts:
            return Sets(np.zeros(self.number + 1, np.int64), np.empty(0, np.int32), counts, seen, {})
        begins, codes = parts[0] if len(parts) == 1 else _joined(parts)
        stamps, mark = self.span.stamps(domain, self.number)
        count_distinct(begins, codes, mark, stamps, counts)
        return bounded_sets(begins, codes, counts, seen, domain)

    def values(self, counter: Counter) -> Lists:
        """The values of each group."""
        for rows in self.rows():  # a list is of one table and time: at most one fact has it
            if counter in rows.fact.plan.listed and rows.fact.matched[counter.name].any():
                begins, values = np.empty(self.number + 1, np.int64), rows.take(rows.fact.values(counter))
                keep_values(rows.starts, rows.classes, rows.fact.matched[counter.name], values, begins)
                return bounded_lists(begins, values)
        return Lists(np.zeros(self.number + 1, np.int64), np.empty(0), {})

    def carried(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """Time and code of the latest row of each group that has one: int64[g], int32[g] (-1 for none)."""
        times, codes = np.zeros(self.number, np.int64), np.full(self.number, -1, np.int32)
        ranks = self.domains[key.name].ranks()
        for rows in self.rows():
            if rows.fact.time == "start_time" and key.column_of(rows.fact.table):
                told = rows.take(rows.fact.codes(key))
                last_by_group(rows.starts, rows.take(rows.fact.times), told, ranks, times, codes)
        return times, codes

    def seen(self, table: str) -> np.ndarray | None:
        """bool[g]: whether the table has rows in the window of each group, be they of which group they will."""
        seen = self.span.seen.get(table)
        return None if seen is None else seen[self.windows]


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Several lists a group as one."""
    ids = np.concatenate([np.repeat(np.arange(b.size - 1, dtype=np.int32), np.diff(b)) for b, _ in parts])
    values = np.concatenate([v for _, v in parts])
    order = ordered(ids, parts[0][0].size - 1)
    return order.starts, values[order.rows]
