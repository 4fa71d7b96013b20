"""Rows of a feed to kernel rows of its xDR table, column by column; what cannot be read is told with its value."""

import ast
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats import xdr
from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI
from formats.cdr import FEED_TYPE
from formats.cdr_rows import CONTAINER_BLANK, RECORD_BLANK, SERVICE, SESSION_RECORD, VOLUME, first_words
from formats.feed import MILLISECONDS, Feed, Source
from kernels.feed_rows import fill_rows, finish_sessions
from kernels.feed_text import cells_of
from probe.archive_files import Names
from probe.archive_rows import blank_row
from probe.feed import feed_columns
from probe.feed_values import (
    Values,
    addresses,
    based,
    cell_of,
    digits,
    each,
    fast,
    flag_of,
    identities,
    integers,
    plain,
    plmn_of,
    reals,
    scale_of,
    slice_of,
    text_of,
    times,
    told_of,
    translated,
    word_of,
)

__all__ = ["Flaw", "Mapped", "Mapper", "repeated"]


class Flaw(NamedTuple):
    """A value that cannot be what its column asks for: row of the batch, column, value, what was expected."""

    row: int
    column: str
    value: str
    expected: str


_OF_RECORDS = {
    "start_time": "opened", "end_time": "started", "ue_ip": "ue", "session_id": "charging_id", "cause_code": "cause",
    "bytes_up": "up", "bytes_down": "down", "setup_ms": "setup",
}  # fmt: skip
"""Rows of sessions are records that are put together: where the columns of a feed stand in a SESSION_RECORD."""


class Mapped(NamedTuple):
    """Rows of a batch that are whole (of sessions SESSION_RECORD), which rows they are, and what could not be read."""

    rows: np.ndarray
    kept: np.ndarray
    flaws: list[Flaw]
    volumes: np.ndarray | None = None
    """of sessions the container of each"""


def repeated(row: np.ndarray, count: int) -> np.ndarray:
    """`row` (one structured row) `count` times, copied a word at a time."""
    octets = row.dtype.itemsize
    word = np.int64 if octets % 8 == 0 else np.uint8
    rows = np.empty((count, octets // np.dtype(word).itemsize), word)
    rows[:] = row.view(word)
    return rows.reshape(-1).view(row.dtype)


class _Records:
    """Columns of SESSION_RECORD on their way to rows."""

    names = SESSION_RECORD.names or ()
    blank = first_words(RECORD_BLANK, SESSION_RECORD)

    def __init__(self, count: int, fields: int) -> None:
        self.size = count
        self._places: list[int] = []
        self._columns = np.empty((fields, count), np.int64)

    def __getitem__(self, field: str) -> np.ndarray:
        """A column that was put before."""
        place = self.names.index(field)
        if place not in self._places:
            return np.full(self.size, self.blank[field][0])
        return self._columns[self._places.index(place)]

    def put(self, field: str, values: np.ndarray, there: np.ndarray) -> None:
        """Take a column, null where it is not there."""
        column = self._columns[len(self._places)]
        column[:] = values.view(np.int64) if values.dtype == np.uint64 else values
        if not there.all():
            column[~there] = self.blank[field].view(np.int64)[0]
        self._places.append(self.names.index(field))

    def rows(self, kept: np.ndarray) -> "Sessions":
        """The rows that are kept, whole."""
        used = len(self._places)
        columns = self._columns[:used] if kept.size == self.size else self._columns[:used, kept]
        columns = np.ascontiguousarray(columns)
        words = np.empty((kept.size, len(self.names)), np.int64)
        fill_rows(self.blank.view(np.int64), np.array(self._places, np.int64), columns, words)
        rows, volumes = words.reshape(-1).view(SESSION_RECORD), np.empty(kept.size, VOLUME)
        blank = first_words(CONTAINER_BLANK, VOLUME).view(np.recarray)
        finish_sessions(columns, FEED_TYPE, SERVICE, blank, rows.view(np.recarray), volumes.view(np.recarray))
        return Sessions(rows, volumes)


class Sessions(NamedTuple):
    """SESSION_RECORD[n] and the one container of each, VOLUME[n]: partial ones are put together, volumes laid out."""

    records: np.ndarray
    volumes: np.ndarray


class Mapper:
    """Maps the batches of one feed; names of access points and the like go to a table of the run."""

    def __init__(self, feed: Feed, names: Names, window_ns: int) -> None:
        self.feed, self.names, self.window_ns = feed, names, window_ns
        self.table = next(t for t in xdr.TABLES if t.name == feed.table)
        self.kinds = feed_columns(feed.table)
        self.declared = {c.name: c for c in self.table.columns}
        self.fields = {"subscriber": "imsi", "device_tac": "imei"}
        self.blank = blank_row(self.table)
        if feed.table == "session":
            self.fields |= _OF_RECORDS

    def map(self, batch: pa.RecordBatch) -> Mapped:
        """Kernel rows of a batch."""
        keep, flaws = np.ones(batch.num_rows, bool), []
        session = self.feed.table == "session"
        count = batch.num_rows
        rows: Any = _Records(count, 2 * len(self.feed.map)) if session else repeated(self.blank, count)
        for column, source in self.feed.map:
            values, there, text, expected = self._column(batch, column, source, rows)
            required = source.required or column == "start_time"
            if text is not None and not there.all():
                told = told_of(text)
                wrong = told & ~there if not required else ~there
                for row in np.flatnonzero(wrong)[:1000].tolist():
                    flaws.append(Flaw(row, column, str(text[row].as_py()) if told[row] else "", expected))
            if required:
                keep &= there
            self._put(rows, column, values, there)
        kept = np.flatnonzero(keep)
        if isinstance(rows, _Records):
            sessions = rows.rows(kept)
            return Mapped(sessions.records, kept, flaws, sessions.volumes)
        rows["window"] = rows["start_time"] // self.window_ns * self.window_ns
        return Mapped(rows if kept.size == rows.size else rows[kept], kept, flaws)

    def _put(self, rows: Any, column: str, values: Any, there: np.ndarray) -> None:
        field = self.fields.get(column, column)
        parts = [(field, values)]
        if self.kinds[column] == "ip":
            parts = [(f"{field}_hi", values[0]), (f"{field}_lo", values[1])]
        for name, column_values in parts:
            if isinstance(rows, _Records):
                rows.put(name, column_values, there)
            elif there.all():
                rows[name] = column_values
            else:
                rows[name][there] = column_values[there]

    def _array(self, batch: pa.RecordBatch, name: str) -> Any:
        """A source field by name, or by position from 1."""
        if name in batch.schema.names:
            return batch.column(batch.schema.names.index(name))
        if name.isdigit() and 1 <= int(name) <= batch.num_columns:
            return batch.column(int(name) - 1)
        return pa.nulls(batch.num_rows, pa.string())

    def _column(self, batch: pa.RecordBatch, column: str, source: Source, rows: np.ndarray) -> Any:
        """Values, where known, the text they were read from (None for none), and what was expected."""
        kind = self.kinds[column]
        if source.expression:
            values = _evaluate(source.expression, lambda name: reals(self._array(batch, name)))
            numbers, there = plain(values, 0.0, np.float64)
            return np.rint(numbers * scale_of(kind, source)), there, None, "a number"
        if source.constant:
            array = pa.repeat(pa.scalar(source.constant), batch.num_rows)
        else:
            array = self._array(batch, source.field)
        if source.values:
            array = translated(array, source)
        if kind == "cell" and source.form != "text":
            (values, there), expected = self._cell_parts(batch, source), f"a cell as {source.form}"
        else:
            (values, there), expected = self._read(array, column, kind, source)
        for name, wanted in source.when:
            same = pc.equal(text_of(self._array(batch, name)), wanted).fill_null(False)
            there = there & same.to_numpy(zero_copy_only=False)
            array = pc.if_else(same, array, pa.scalar(None, array.type))
        if source.after:
            base = rows[self.fields.get(source.after, source.after)]
            there = there & (base != xdr.NEVER)
            values = base + values
        return values, there, (text_of(array) if not pa.types.is_timestamp(array.type) else array), expected

    def _cell_parts(self, batch: pa.RecordBatch, source: Source) -> Values:
        """Coded cells of fields for the network, the area (where the form has one) and the cell."""
        network, there = each(self._array(batch, source.plmn), plmn_of, 0, np.uint64)
        number, known = based(self._array(batch, source.field), source.base)
        there = there & known & (number >= 0)
        if source.form == "cgi":
            area, told = based(self._array(batch, source.area), source.base)
            there &= told & (area >= 0) & (area < 1 << 16) & (number < 1 << 16)
            kind = np.full(number.size, CELL_CGI, np.uint64)
            number = area << 16 | number
        else:
            there &= number < 1 << 36
            kind = np.where(number < 1 << 28, CELL_ECGI, CELL_NCGI).astype(np.uint64)
        return kind << np.uint64(60) | network << np.uint64(36) | number.astype(np.uint64), there

    def _read(self, array: Any, column: str, kind: str, source: Source) -> tuple[Any, str]:
        if kind == "time":
            if source.after:
                values, there = plain(reals(array), 0.0, np.float64)
                factor = MILLISECONDS[source.unit or "s"] * 1e6
                return (np.rint(values * factor).astype(np.int64), there), "a number"
            return times(array, source), f"a time as {source.time}"
        if kind == "digits":
            return digits(array), "digits"
        if kind in ("count", "small", "ms", "kbps"):
            values, there = integers(array)
            scale = scale_of(kind, source)
            return (values if scale == 1 and values.dtype == np.int64 else np.rint(values * scale), there), "a number"
        if kind == "enum":
            words = self.declared[column].values
            return each(array, lambda t: word_of(words, t), 0, np.int64), f"one of {', '.join(words[1:])}"
        if kind == "apn":
            return each(array, lambda text: self.names.add(text.strip()[:99]), -1, np.int64), "text"
        if kind == "slice":
            return each(array, slice_of, -1, np.int64), "SST, or SST-SD with the slice differentiator in hexadecimal"
        if kind == "cell":
            slow = lambda text: each(text, cell_of, 0, np.uint64)  # noqa: E731
            return fast(array, cells_of, slow, np.uint64), "MCC-MNC-ECI, MCC-MNC-NCI or MCC-MNC-LAC-CI"
        if kind == "ip":
            return addresses(array), "an IP address"
        if kind == "flag":
            return each(array, flag_of, -1, np.int64), "true or false"
        return identities(array), "text"


_OPERATIONS: dict[type, Callable[..., Any]] = {
    ast.Add: pc.add, ast.Sub: pc.subtract, ast.Mult: pc.multiply, ast.Div: pc.divide,
}  # fmt: skip


def _evaluate(expression: str, field: Callable[[str], Any]) -> Any:
    """Sums, differences, products and quotients of fields and numbers; null where one of them is."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            return _OPERATIONS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return pa.scalar(float(node.value))
        if isinstance(node, ast.Name):
            return field(node.id)
        raise ValueError(expression)

    return value(ast.parse(expression, mode="eval").body)


def names_in(expression: str) -> Iterator[str]:
    """The fields that an expression names."""
    yield from (node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name))


def used_fields(feed: Feed) -> set[str]:
    """The source fields that a feed reads."""
    used = [
        {s.field, s.plmn, s.area, *dict(s.when), *(names_in(s.expression) if s.expression else ())} for _, s in feed.map
    ]
    return reduce(set.union, used, set()) - {""}
