"""What is known of groups before it becomes KPIs, in a form that is written, sent and merged: states.

A state is a row of an Arrow table: window, keys, the counters that are not 0, values (or bins) of quantiles, distinct
texts (or registers), the latest carried texts. States of the same group add up to what all its rows at once would
give, in any order and any split. So rows that are too many for memory, or lie on many machines, become states first.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats.kpi import Counter, Key
from kernels.group import add_entries, count_distinct, last_by_group
from kernels.intern import share_texts
from probe.aggregate import cut, grouped
from probe.kpi_domain import Domain, text_parts
from probe.kpi_estimate import Lists, Sets, add_bins, bounded_lists, bounded_sets
from probe.kpi_plan import GrainPlan
from probe.kpi_tables import Measures

__all__ = ["Merged", "MergedPiece", "Seen", "StateKey", "key_of", "see", "shares_of", "state_of"]

Seen = dict[tuple[str, int], set[int]]
"""Of each table and length of window (s) the windows (start in ns) in which it has rows."""
StateKey = tuple[str, int]
"""The name of a grain, and a length of window (s)."""


def key_of(plan: GrainPlan) -> StateKey:
    """What the states of a grain go by."""
    return plan.grain.name, plan.window_s


def see(seen: Seen, more: Seen) -> None:
    """Add windows that have rows."""
    for table, starts in more.items():
        seen.setdefault(table, set()).update(starts)


_BIN = pa.struct([("bin", pa.int32()), ("count", pa.int64())])


def _lists(begins: np.ndarray, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(begins.astype(np.int32)), values)


def _some(number: int, told: Mapping[int, Any], kind: pa.DataType) -> pa.Array:
    """What is told of a few groups, null for all others."""
    return pa.array([told.get(k) for k in range(number)], kind) if told else pa.nulls(number, kind)


def _entries(sums: np.ndarray, flags: np.ndarray) -> pa.ListArray:
    """Of each group (counter, sum, flag) where there is one."""
    group, counter = np.nonzero(((sums != 0) | (flags != 0)).T)
    begins = np.zeros(sums.shape[1] + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=sums.shape[1]), out=begins[1:])
    parts = [pa.array(counter.astype(np.int16)), pa.array(sums[counter, group]), pa.array(flags[counter, group])]
    return _lists(begins, pa.StructArray.from_arrays(parts, ["counter", "sum", "flag"]))


def state_of(groups: Measures, domain_of: Any) -> pa.Table:
    """The states of some groups. domain_of: the domain of a column, for the texts that are counted."""
    plan, grain = groups.plan, groups.plan.grain
    columns: dict[str, pa.Array] = {"start": pa.array(groups.starts)}
    for at, (key, codes) in enumerate(zip(grain.keys, groups.keys, strict=True)):
        columns[f"key {at}"] = groups.domains[key.name].texts_or_null(codes)
    for at, key in enumerate(grain.carried):
        times, codes = groups.carried(key)
        columns[f"time {at}"], columns[f"carried {at}"] = pa.array(times), groups.domains[key.name].texts_or_null(codes)
    columns["sums"] = _entries(*groups.sums())
    for name in plan.quantiles:
        lists = groups.values(plan.by_name[name])
        columns[f"values {name}"] = _lists(lists.begins, pa.array(lists.values))
        bins = {k: [{"bin": b, "count": c} for b, c in zip(*map(np.ndarray.tolist, told), strict=True)]
                for k, told in lists.binned.items()}  # fmt: skip
        columns[f"bins {name}"] = _some(groups.number, bins, pa.list_(_BIN))
    for counter in plan.told:
        if counter.kind == "distinct":
            sets = groups.distinct(counter)
            begins = np.concatenate([[0], np.cumsum(sets.counts)])
            codes = sets.codes[np.repeat(sets.begins[:-1] - begins[:-1], sets.counts) + np.arange(begins[-1])]
            columns[f"texts {counter.name}"] = _lists(begins, domain_of(counter.columns[0]).texts(codes))
            registers = {k: told.tobytes() for k, told in sets.registers.items()}
            columns[f"registers {counter.name}"] = _some(groups.number, registers, pa.binary())
            columns[f"seen {counter.name}"] = pa.array(sets.seen)
    return pa.table(columns)


def shares_of(states: pa.Table, keys: int, shares: int) -> np.ndarray:
    """int32[n]: which of `shares` shares each state belongs to, by its keys alone."""
    names = [f"key {at}" for at in range(keys)]
    joined = states.column(names[0])
    if keys > 1:
        columns = [states.column(name) for name in names]
        joined = pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace", null_replacement="")
    ids, done = np.empty(states.num_rows, np.int32), 0
    for chunk in joined.chunks:
        share_texts(*text_parts(chunk), shares, ids[done : done + len(chunk)])
        done += len(chunk)
    return ids


def _gathered(begins: np.ndarray, values: np.ndarray, rows: np.ndarray, starts: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Lists of some states, joined by group: where those of each group begin, and the values."""
    sizes = begins[rows + 1] - begins[rows]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    at = np.repeat(begins[rows] - ends[:-1], sizes) + np.arange(ends[-1])
    return ends[starts], values[at]


class Merged:
    """The groups of a grain that some states are of."""

    def __init__(self, plan: GrainPlan, states: Sequence[pa.Table], seen: Seen) -> None:
        """seen: the windows in which each table has rows, in these states or not."""
        self.plan = plan
        self.table = pa.concat_tables(states).combine_chunks()
        self.seen = {
            table: np.array(sorted(starts), np.int64)
            for (table, window_s), starts in seen.items()
            if window_s == plan.window_s
        }
        grain = plan.grain
        starts = self.column("start").to_numpy()
        self.first = int(starts.min(initial=2**62))
        windows = (starts - self.first) // (plan.window_s * 10**9)
        self.domains = {key.name: Domain() for key in (*grain.keys, *grain.carried)}
        codes = [[self.domains[k.name].codes([self.column(f"key {at}")])] for at, k in enumerate(grain.keys)]
        domains = [self.domains[key.name] for key in grain.keys]
        self.windows, self.keys, orders = grouped([windows], codes, domains)
        self.order = orders[0]
        self.carried = [
            (self.column(f"time {at}").to_numpy(), self.domains[k.name].codes([self.column(f"carried {at}")]))
            for at, k in enumerate(grain.carried)
        ]
        lists = [name for name in self.table.column_names if name.split(" ")[0] in ("sums", "values", "texts")]
        self.begins = {name: self._begins(name) for name in lists}
        self.flat = {name: self.column(name).flatten() for name in lists}
        self.texts = {c.name: Domain() for c in plan.told if c.kind == "distinct"}
        self.codes = {name: domain.codes([self.flat[f"texts {name}"]]) for name, domain in self.texts.items()}
        self.measured = {name: self.column(f"seen {name}").to_numpy(zero_copy_only=False) for name in self.texts}

    def column(self, name: str) -> pa.Array:
        """A column as one array."""
        column = self.table.column(name)
        return column.chunk(0) if column.num_chunks else pa.array([], column.type)

    def _begins(self, name: str) -> np.ndarray:
        """int64[states + 1]: where the list of each state begins in `flat`."""
        offsets: np.ndarray = self.column(name).offsets.to_numpy().astype(np.int64)
        return offsets - offsets[0] if offsets.size else np.zeros(1, np.int64)

    def pieces(self, base: int = 0) -> Iterator["MergedPiece"]:
        """Stretches of groups; parts of a window are numbered from `base`."""
        if not self.windows.size:
            return
        sizes = np.add.reduce([np.diff(begins) for begins in self.begins.values()])
        weights = np.concatenate([[0], np.cumsum(sizes[self.order.rows])])[self.order.starts]
        for first, end, part in cut(self.windows, weights, base):
            yield MergedPiece(self, first, end, part)


class MergedPiece:
    """Some groups of merged states, and what is known of them; see `probe.kpi_tables.Measures`."""

    def __init__(self, merged: Merged, first: int, end: int, part: int) -> None:
        self.merged, self.plan, self.number, self.part = merged, merged.plan, end - first, part
        self.starts = merged.first + merged.windows[first:end] * (merged.plan.window_s * 10**9)
        self.keys, self.domains = [codes[first:end] for codes in merged.keys], merged.domains
        begins = merged.order.starts[first : end + 1]
        self._rows, self._begins = merged.order.rows[begins[0] : begins[-1]].astype(np.int64), begins - begins[0]

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Counts and sums, added up."""
        sums = np.zeros((len(self.plan.added), self.number), np.int64)
        flags = np.zeros(sums.shape, np.uint8)
        entries = self.merged.flat["sums"]
        counter, added, flag = (entries.field(name).to_numpy() for name in ("counter", "sum", "flag"))
        add_entries(self._begins, self._rows, self.merged.begins["sums"], counter, added, flag, sums, flags)
        return sums, flags

    def values(self, counter: Counter) -> Lists:
        """Values of all states of a group."""
        name, merged = counter.name, self.merged
        values = merged.flat[f"values {name}"].to_numpy()
        joined = _gathered(merged.begins[f"values {name}"], values, self._rows, self._begins)
        known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for k, told in self._told(f"bins {name}"):
            bins = np.array([b["bin"] for b in told], np.int32), np.array([b["count"] for b in told], np.int64)
            known[k] = add_bins(known[k], bins) if k in known else bins
        return bounded_lists(*joined, known)

    def _told(self, column: str) -> Iterator[tuple[int, Any]]:
        """(group, value) of the few states that have one."""
        values = self.merged.column(column)
        if values.null_count < len(values):
            there = values.is_valid().to_numpy(zero_copy_only=False)[self._rows]
            for at in np.flatnonzero(there).tolist():
                group = int(np.searchsorted(self._begins, at, "right")) - 1
                yield group, values[int(self._rows[at])].as_py()

    def distinct(self, counter: Counter) -> Sets:
        """Distinct texts of all states of a group."""
        name, merged = counter.name, self.merged
        begins, codes = _gathered(merged.begins[f"texts {name}"], merged.codes[name], self._rows, self._begins)
        domain, counts = merged.texts[name], np.zeros(self.number, np.int64)
        count_distinct(begins, codes, 1, np.zeros(len(domain), np.int32), counts)
        seen = merged.measured[name][self._rows]
        known: dict[int, np.ndarray] = {}
        for k, octets in self._told(f"registers {name}"):
            told = np.frombuffer(octets, np.uint8)
            known[k] = np.maximum(known[k], told) if k in known else told
        return bounded_sets(begins, codes, counts, np.logical_or.reduceat(seen, self._begins[:-1]), domain, known)

    def carried(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """The latest of all states of a group."""
        times, codes = self.merged.carried[self.plan.grain.carried.index(key)]
        out = np.zeros(self.number, np.int64), np.full(self.number, -1, np.int32)
        ranks = self.domains[key.name].ranks()
        last_by_group(self._begins, times[self._rows], codes[self._rows], ranks, *out)
        return out

    def seen(self, table: str) -> np.ndarray | None:
        """bool[g]: whether the table has rows in the window of each group."""
        starts = self.merged.seen.get(table)
        return None if starts is None else np.isin(self.starts, starts)
