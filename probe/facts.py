"""What the KPI kernels are fed: codes for text, integers for values, yes or no for conditions.

A `Frame` is the rows of one xDR table in one stretch of time. Text of the same domain (all cells, say) is numbered
alike in all frames, in order of the text, so that numbers sort as text does.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats.kpi import Condition, Counter, Where
from kernels.group import NULL, SKIP

__all__ = ["Domain", "Frame", "counter_values", "rows_where", "share_domain"]


class Domain(NamedTuple):
    """Text values in order; a code is a position, -1 null."""

    values: pa.Array


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Indices (int32[n], -1 null) of a dictionary column whose chunks share one dictionary."""
    parts = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(parts).astype(np.int32, copy=False) if parts else np.empty(0, np.int32)


class Frame:
    """The rows of one xDR table: columns as numpy, each made when first asked for."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.rows = table, table.num_rows
        self._codes: dict[str, np.ndarray] = {}
        self._numbers: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._texts: dict[str, tuple[np.ndarray, list[str]]] = {}

    def set_codes(self, column: str, codes: np.ndarray) -> None:
        """Keep the codes of a column in its domain."""
        self._codes[column] = codes

    def codes(self, column: str) -> np.ndarray:
        """int32[n] codes in the column's domain, -1 null; all null for a table without the column."""
        known = self._codes.get(column)
        return np.full(self.rows, -1, np.int32) if known is None else known

    def numbers(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Values (0 under a null) and bool[n] where there is one; times as int64 ns, flags as 0 and 1."""
        if column not in self._numbers:
            array = self.table.column(column).combine_chunks()
            if isinstance(array, pa.ChunkedArray):
                array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
            if pa.types.is_timestamp(array.type):
                array = array.view(pa.int64())
            if pa.types.is_boolean(array.type):
                array = array.cast(pa.int8())
            there = (
                np.ones(len(array), bool) if not array.null_count else array.is_valid().to_numpy(zero_copy_only=False)
            )
            values = (array.fill_null(0) if array.null_count else array).to_numpy(zero_copy_only=False)
            self._numbers[column] = values, there
        return self._numbers[column]

    def texts(self, column: str) -> tuple[np.ndarray, list[str]]:
        """int32[n] codes, -1 null, and the texts that they stand for."""
        if column not in self._texts:
            shared = self.table.column(column).unify_dictionaries()
            values = shared.chunk(0).dictionary.to_pylist() if shared.num_chunks else []
            self._texts[column] = _codes(shared), values
        return self._texts[column]

    def there(self, column: str) -> np.ndarray:
        """bool[n]: where the column is not null."""
        if not self.is_text(column):
            return self.numbers(column)[1]
        known = self._codes.get(column)
        return (self.texts(column)[0] if known is None else known) >= 0

    def is_text(self, column: str) -> bool:
        """Whether the column is text."""
        return bool(pa.types.is_dictionary(self.table.schema.field(column).type))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as a dictionary of texts; numbers in decimal."""
    if pa.types.is_dictionary(column.type):
        return column
    return pc.dictionary_encode(column.cast(pa.string()))


def share_domain(frames: Iterable[tuple[Frame, str]]) -> Domain:
    """Number the texts of the given columns alike, in order of the text."""
    frames = [(frame, column) for frame, column in frames if frame.rows]
    chunks = [chunk for frame, column in frames for chunk in _as_text(frame.table.column(column)).chunks]
    if not chunks:
        return Domain(pa.array([], pa.string()))
    shared = pa.chunked_array(chunks).unify_dictionaries()
    values = shared.chunk(0).dictionary
    order = pc.sort_indices(values).to_numpy()
    rank = np.empty(len(values) + 1, np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    rank[-1] = -1
    codes, at = rank[_codes(shared)], 0
    for frame, column in frames:
        frame.set_codes(column, codes[at : at + frame.rows])
        at += frame.rows
    return Domain(values.take(pa.array(order)))


def _holds(frame: Frame, condition: Condition) -> np.ndarray:
    """bool[n]: where one condition holds."""
    column, op, value = condition
    if op in ("is_null", "not_null"):
        return frame.there(column) == (op == "not_null")
    if frame.is_text(column):
        codes, texts = frame.texts(column)
        there = codes >= 0
        wanted = value if isinstance(value, tuple) else (value,)
        found = np.array([text in wanted for text in texts] + [False])[codes]
    else:
        numbers, there = frame.numbers(column)
        if op in ("in", "not_in"):
            found = np.isin(numbers, np.array(value))
        elif op == "at_least":
            found = numbers >= value
        else:
            found = numbers != 0 if op == "is_true" else numbers == value
    return there & (~found if op in ("ne", "not_in") else found)


class _Conditions:
    """Conditions of one frame, each evaluated once."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._known: dict[Condition, np.ndarray] = {}

    def rows(self, where: Where) -> np.ndarray | None:
        """bool[n] of the rows that meet `where`; None for all."""
        if not where:
            return None
        out = None
        for alternative in where:
            mask = None
            for condition in alternative:
                if condition not in self._known:
                    self._known[condition] = _holds(self._frame, condition)
                mask = self._known[condition] if mask is None else mask & self._known[condition]
            out = mask if out is None else out | mask
        return out


def rows_where(frame: Frame) -> _Conditions:
    """What evaluates the `where` of counters on `frame`."""
    return _Conditions(frame)


def counter_values(frame: Frame, counter: Counter, rows: np.ndarray | None) -> np.ndarray:
    """int64[n] for `kernels.group.add_to_groups`: 1 or the sum of the counter's columns, SKIP and NULL.

    Milliseconds become whole nanoseconds.
    """
    if counter.kind == "count":
        return np.ones(frame.rows, np.int64) if rows is None else np.where(rows, 1, SKIP)
    total, measured = np.zeros(frame.rows, np.int64), np.ones(frame.rows, bool)
    for column in counter.columns:
        numbers, there = frame.numbers(column)
        total += np.rint(numbers * 1e6).astype(np.int64) if numbers.dtype == np.float64 else numbers
        measured &= there
    if not measured.all():
        total[~measured] = NULL
    if rows is not None:
        total[~rows] = SKIP
    return total
