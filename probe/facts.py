"""What the KPI kernels are fed: codes for text, integers for sums, classes for conditions.

A `Frame` is the rows of one xDR table in one stretch of time; its columns become numpy when first asked for. `Domains`
says which columns hold texts of the same kind (all cells, say): those are numbered alike in all tables and stretches.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats.kpi import Condition, Key, Segment, Where
from formats.xdr import TABLES
from kernels.group import NULL, add_code_bits, add_mask_bits, number_keys
from probe.kpi_domain import Domain
from probe.kpi_formula import compiled
from probe.segment import join_keys
from probe.segment_join import Lookup, lookups

__all__ = ["Classes", "Domains", "Frame", "classify", "met", "number", "summands"]

_BITS = 40
"""Conditions at once in a word; what is left of it holds the class of those before."""


class Domains:
    """The domain of each text column; columns that one key is read from share theirs. What segments tell of them."""

    def __init__(self, keys: Iterable[Key], tables: Sequence[str], segments: Sequence[Segment] = ()) -> None:
        self._same: dict[str, str] = {}
        self._known: dict[str, Domain] = {}
        self._segments, self._lookups = segments, dict[str, Lookup]()
        for key in (*keys, *join_keys(segments)):
            for table in tables:
                column = key.column_of(table)
                if column and self._root(column) != self._root(key.column):
                    self._same[self._root(column)] = self._root(key.column)

    def _root(self, column: str) -> str:
        while column in self._same:
            column = self._same[column]
        return column

    @property
    def texts(self) -> int:
        """How many texts have a code."""
        return sum(len(domain) for domain in self._known.values())

    def of(self, column: str) -> Domain:
        """The domain of a column."""
        return self._known.setdefault(self._root(column), Domain())

    def joined(self, column: str, codes: np.ndarray) -> np.ndarray:
        """int32[n]: the codes of a segment's column for codes of the column that it is joined on."""
        self._lookups = self._lookups or lookups(self._segments, self.of)
        return self._lookups[column].codes(column, codes)


class Frame:
    """The rows of one xDR table, taken in file by file: text as codes, everything else as numpy."""

    def __init__(
        self, text: Sequence[str], keys: Iterable[str], domains: Domains, joined: Mapping[str, str] | None = None
    ) -> None:
        """`text`: the columns of text, `keys`: those that some grain has as a key, be they text or not.

        joined: columns of segments, and the column that each is joined on.
        """
        self.rows = 0
        self._joined = joined or {}
        self._text, self._coded, self._domains = frozenset(text), frozenset(text) | frozenset(keys), domains
        self._parts: dict[str, list[tuple[np.ndarray, np.ndarray | None]]] = {}
        self._code_parts: dict[str, list[np.ndarray]] = {}
        self._codes: dict[str, np.ndarray] = {}
        self._numbers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}

    def add(self, table: pa.Table, workers: Executor) -> None:
        """Take in some rows; texts of different domains are coded side by side."""
        by_domain: dict[int, list[str]] = {}
        for name in table.column_names:
            if name in self._coded:
                by_domain.setdefault(id(self._domains.of(name)), []).append(name)
        coding = [workers.submit(self._code, table, names) for names in by_domain.values()]
        for name in table.column_names:
            if name not in self._text:
                self._parts.setdefault(name, []).extend(map(_number, table.column(name).chunks))
        self.rows += table.num_rows
        for job in coding:
            job.result()

    def _code(self, table: pa.Table, names: Sequence[str]) -> None:
        for name in names:
            codes = self._domains.of(name).codes(table.column(name).chunks)
            self._code_parts.setdefault(name, []).append(codes)

    def codes(self, column: str) -> np.ndarray:
        """int32[n] codes in the column's domain, -1 null; all null for a table without the column."""
        if column not in self._codes and column in self._joined:
            self._codes[column] = self._domains.joined(column, self.codes(self._joined[column]))
        if column not in self._codes:
            parts = self._code_parts.pop(column, None)
            self._codes[column] = np.full(self.rows, -1, np.int32) if parts is None else _whole(parts)
        return self._codes[column]

    def domain(self, column: str) -> Domain:
        """The domain of a text column."""
        return self._domains.of(column)

    def numbers(self, column: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Values, and bool[n] where there is one (None for everywhere); times as int64 ns, flags as 0 and 1.

        Under a null a float is NaN, everything else 0.
        """
        if column not in self._numbers:
            parts = self._parts.pop(column)
            there = None
            if any(t is not None for _, t in parts):
                there = _whole([np.ones(p.size, bool) if t is None else t for p, t in parts])
            self._numbers[column] = _whole([p for p, _ in parts]), there
        return self._numbers[column]

    def is_time(self, column: str) -> bool:
        """Whether the column is a time: its numbers are ns."""
        return column in _TIMES

    def is_text(self, column: str) -> bool:
        """Whether the column is text."""
        return column in self._text or column in self._joined


_TIMES = {column.name for table in TABLES for column in table.columns if column.kind == "time"}


def _whole(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _number(array: pa.Array) -> tuple[np.ndarray, np.ndarray | None]:
    if pa.types.is_timestamp(array.type):
        array = array.view(pa.int64())
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if not array.null_count:
        return array.to_numpy(zero_copy_only=False), None
    there = array.is_valid().to_numpy(zero_copy_only=False)
    if not pa.types.is_floating(array.type):
        array = array.fill_null(0)
    return array.to_numpy(zero_copy_only=False), there


# --- conditions --------------------------------------------------------------------------------------------------


def _holds(frame: Frame, condition: Condition) -> np.ndarray:
    """bool[n]: where one condition on a column of numbers, or on whether there is a text, holds."""
    column, op, value = condition
    if op == "holds":
        return _true(frame, column)
    if frame.is_text(column):
        return (frame.codes(column) >= 0) == (op == "not_null")
    numbers, there = frame.numbers(column)
    if op in ("is_null", "not_null"):
        known = np.ones(frame.rows, bool) if there is None else there
        return known if op == "not_null" else ~known
    found = _compared(numbers, op, value)
    return found if there is None else found & there


def _true(frame: Frame, expression: str) -> np.ndarray:
    """bool[n]: where an expression over columns of numbers is true, neither false nor null."""
    program = compiled([("", expression, None)])
    inputs = np.empty((len(program.inputs), frame.rows))
    for line, name in zip(inputs, program.inputs, strict=True):
        numbers, there = frame.numbers(name)
        if frame.is_time(name):
            np.divide(numbers, 1e6, out=line)
        else:
            line[:] = numbers
        if there is not None:
            line[~there] = np.nan
    found = program.run(inputs)[0]
    return np.asarray((found != 0) & (found == found))


def _compared(numbers: np.ndarray, op: str, value: object) -> np.ndarray:
    wanted = np.array(value)
    if op in ("in", "not_in"):
        found = np.zeros(numbers.size, bool)
        for one in wanted.tolist():
            found |= numbers == one
        return ~found if op == "not_in" else found
    made: dict[str, np.ufunc] = {
        "eq": np.equal, "ne": np.not_equal, "at_least": np.greater_equal, "gt": np.greater, "lt": np.less,
        "le": np.less_equal,
    }  # fmt: skip
    if op in ("is_true", "is_false"):
        return np.asarray((numbers != 0) == (op == "is_true"))
    result: np.ndarray = made[op](numbers, wanted)
    return result


def _text_bits(frame: Frame, column: str, conditions: Sequence[tuple[int, Condition]]) -> np.ndarray:
    """int64[codes + 1] for `add_code_bits`: (bit, condition) on one text column."""
    domain = frame.domain(column)
    frame.codes(column)
    told = [(bit, c.op, domain.codes_of(_texts(c.value))) for bit, c in conditions]
    table = np.zeros(len(domain) + 1, np.int64)
    for bit, op, codes in told:
        one = np.int64(1) << np.int64(bit)
        if op in ("eq", "in"):
            table[codes + 1] |= one
        elif op in ("ne", "not_in"):
            table[1:] |= one
            table[codes + 1] &= ~one
        elif op == "not_null":
            table[1:] |= one
        else:
            table[0] |= one
    return table


def _texts(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, tuple) else [value] if isinstance(value, str) else []


class Classes(NamedTuple):
    """Rows of one class meet the same conditions: of_row int32[n]; holds bool[classes, conditions]."""

    of_row: np.ndarray
    holds: np.ndarray


def number(keys: np.ndarray, slots: int = 1 << 12) -> tuple[np.ndarray, np.ndarray]:
    """Codes (int32[n]) and the distinct keys in order of first appearance; int64, a negative key is coded -1."""
    ids, done, count = np.empty(keys.size, np.int32), 0, 0
    found = np.empty(slots // 2 + 1, np.int64)
    table = np.full(slots, -1, np.int32)
    while True:
        done, count = number_keys(keys, done, table, count, ids, found)
        if done == keys.size:
            return ids, found[:count].copy()
        known, slots = found[:count], 8 * slots
        table, found = np.full(slots, -1, np.int32), np.empty(slots // 2 + 1, np.int64)
        number_keys(known, 0, table, 0, np.empty(count, np.int32), found)


def classify(frame: Frame, conditions: Sequence[Condition]) -> Classes:
    """Which class each row is in, and what the rows of each meet."""
    of_row, holds = np.zeros(frame.rows, np.int32), np.zeros((1, len(conditions)), bool)
    for first in range(0, len(conditions), _BITS):
        some = list(enumerate(conditions[first : first + _BITS]))
        words = of_row.astype(np.int64) << _BITS
        by_text: dict[str, list[tuple[int, Condition]]] = {}
        for bit, condition in some:
            null_only = condition.op in ("is_null", "not_null")
            if frame.is_text(condition.column) and not null_only:
                by_text.setdefault(condition.column, []).append((bit, condition))
            else:
                add_mask_bits(_holds(frame, condition), bit, words)
        for column, those in by_text.items():
            add_code_bits(frame.codes(column), _text_bits(frame, column, those), words)
        of_row, found = number(words)
        holds = holds[found >> _BITS]
        for bit, _ in some:
            holds[:, first + bit] = (found >> bit) & 1
    return Classes(of_row, holds)


def met(classes: Classes, where: Where, places: dict[Condition, int]) -> np.ndarray:
    """bool[classes] in which rows count, `places` being the condition's columns in `holds`."""
    if not where:
        return np.ones(classes.holds.shape[0], bool)
    alternatives = [classes.holds[:, [places[c] for c in each]].all(axis=1) for each in where]
    return np.logical_or.reduce(alternatives)


def summands(frame: Frame, columns: Sequence[tuple[str, ...]]) -> list[np.ndarray]:
    """int64[n] of what each sum is made of: added-up columns, ms as whole ns, NULL where one is null."""
    return [_summand([frame.numbers(name) for name in names]) for names in columns]


def _summand(parts: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> np.ndarray:
    out = None
    for values, there in parts:
        if values.dtype == np.float64:
            values = np.rint(values * 1e6)
            values = (values if there is None else np.where(there, values, 0)).astype(np.int64)
        out = values if out is None else out + values
    assert out is not None
    out = out.astype(np.int64, copy=all(there is None for _, there in parts) is False)
    for _, there in parts:
        if there is not None:
            out[~there] = NULL
    return out
