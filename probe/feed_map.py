"""Rows of a feed to kernel rows of its xDR table, column by column; what cannot be read is told with its value."""

import ast
import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import reduce
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats import xdr
from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI, NO_DIGITS
from formats.cdr import FEED_TYPE
from formats.cdr_rows import CONTAINER_BLANK, RECORD_BLANK, SERVICE, SESSION_RECORD, VOLUME, first_words
from formats.feed import BYTES, MILLISECONDS, Feed, Source
from kernels.feed_rows import fill_rows, finish_sessions
from kernels.feed_text import addresses_of, cells_of, digits_of, identities_of, integers_of
from probe.archive_files import Names
from probe.archive_rows import blank_row
from probe.feed import feed_columns

__all__ = ["Flaw", "Mapped", "Mapper", "repeated"]

_NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
_EPOCHS = {"epoch_s": 1e9, "epoch_ms": 1e6, "epoch_us": 1e3, "epoch_ns": 1.0}
_PLACES = {"epoch_s": 9, "epoch_ms": 6, "epoch_us": 3, "epoch_ns": 0}
"""Decimal places that make the unit ns."""
_TRUE, _FALSE = {"1", "true", "yes", "y", "t"}, {"0", "false", "no", "n", "f"}


class Flaw(NamedTuple):
    """A value that cannot be what its column asks for: row of the batch, column, value, what was expected."""

    row: int
    column: str
    value: str
    expected: str


_OF_RECORDS = {
    "start_time": "opened", "end_time": "started", "ue_ip": "ue", "session_id": "charging_id", "cause_code": "cause",
    "bytes_up": "up", "bytes_down": "down",
}  # fmt: skip
"""Rows of sessions are records that are put together: where the columns of a feed stand in a SESSION_RECORD."""


class Mapped(NamedTuple):
    """Rows of a batch that are whole (of sessions SESSION_RECORD), which rows they are, and what could not be read."""

    rows: np.ndarray
    kept: np.ndarray
    flaws: list[Flaw]
    volumes: np.ndarray | None = None
    """of sessions the container of each"""


Values = tuple[np.ndarray, np.ndarray]
"""Values, and bool[n] where one is known."""


def _text(array: Any) -> pa.Array:
    """A column as strings."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def _told(array: Any) -> np.ndarray:
    """bool[n]: where an array has a value."""
    if not array.null_count:
        return np.ones(len(array), bool)
    told: np.ndarray = array.is_valid().to_numpy(zero_copy_only=False)
    return told


def _plain(array: pa.Array, null: Any, kind: Any) -> Values:
    there = _told(array)
    if not array.null_count:
        return array.to_numpy(zero_copy_only=False).astype(kind, copy=False), there
    return array.fill_null(null).to_numpy(zero_copy_only=False).astype(kind, copy=False), there


def _numbers(array: Any) -> pa.Array:
    """float64, null where the text is no number."""
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return array.cast(pa.float64())
    text = _text(array)
    good = pc.match_substring_regex(text, _NUMBER)
    return pc.utf8_trim_whitespace(pc.if_else(good, text, pa.scalar(None, pa.string()))).cast(pa.float64())


def _each(array: Any, read: Callable[[str], Any], null: Any, kind: Any) -> Values:
    """Read each distinct text once; `read` raises ValueError for what it cannot."""
    codes = _text(array).dictionary_encode()
    table, known = [], []
    for text in codes.dictionary.to_pylist():
        try:
            table.append(read(text))
            known.append(True)
        except ValueError:
            table.append(null)
            known.append(False)
    at, there = _plain(codes.indices, -1, np.int64)
    values = np.array([*table, null], dtype=kind)
    return values[at], np.array([*known, False])[at] & there


def _decimals(array: pa.Array) -> Values:
    """The digits of decimals without their point, as int64: exact where a double is not."""
    there = _told(array)
    low = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset :: 2][: len(array)]
    return np.where(there, low, 0), there


def _time(array: Any, source: Source) -> Values:
    """ns since 1970."""
    if pa.types.is_timestamp(array.type):
        return _plain(array.cast(pa.timestamp("ns", array.type.tz)).cast(pa.int64()), 0, np.int64)
    if source.time in _EPOCHS:
        if pa.types.is_integer(array.type):
            values, there = _plain(array.cast(pa.int64()), 0, np.int64)
            return values * int(_EPOCHS[source.time]), there
        values, there = _integers(array)
        if values.dtype == np.int64:
            return values * int(_EPOCHS[source.time]), there
        digits = _PLACES[source.time]
        exact = pc.match_substring_regex(_text(array), rf"^\d{{1,{19 - digits}}}(\.\d{{0,{digits}}})?$")
        if pc.all(exact).as_py():
            return _decimals(_text(array).cast(pa.decimal128(38, digits)))
        values, there = _plain(_numbers(array), 0.0, np.float64)
        return np.rint(values * _EPOCHS[source.time]).astype(np.int64), there
    if source.time == "iso":
        zone = ZoneInfo(source.zone)
        return _each(array, lambda text: _iso(text, zone), 0, np.int64)
    naive = pc.strptime(_text(array), format=source.time, unit="ns", error_is_null=True)
    if source.zone != "UTC":
        naive = pc.assume_timezone(naive, source.zone, ambiguous="earliest", nonexistent="latest")
    return _plain(naive.cast(pa.int64()), 0, np.int64)


def _iso(text: str, zone: ZoneInfo) -> int:
    """ns of an ISO 8601 text; a time without offset is of `zone`."""
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000


def _octets(text: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and octets of an array of strings; null is empty."""
    if text.null_count:
        text = text.fill_null("")
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    buffer = text.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None and buffer.size else np.zeros(1, np.uint8)
    return offsets, data


def _digits(array: Any) -> Values:
    text = _text(array)
    out = np.empty(len(text), np.uint64)
    digits_of(*_octets(text), out)
    return out, out != NO_DIGITS


def _fast(array: Any, read: Callable[..., None], slow: Callable[[pa.Array], Values], kind: Any) -> Values:
    """Read texts by a kernel, and by `slow` those that it cannot."""
    text = _text(array)
    told = _told(text)
    out, good = np.empty(len(text), kind), np.empty(len(text), np.uint8)
    read(*_octets(text), out, good)
    there = good.astype(bool) & told
    if (rest := np.flatnonzero(told & ~there)).size:
        values, known = slow(text.take(pa.array(rest)))
        out[rest], there[rest] = values, known
    return out, there


def _integers(array: Any) -> Values:
    """float64 or int64 of numbers: plain digits by a kernel."""
    if not pa.types.is_string(array.type):
        return _plain(_numbers(array), 0.0, np.float64)
    text = _text(array)
    told = _told(text)
    out, good = np.empty(len(text), np.int64), np.empty(len(text), np.uint8)
    integers_of(*_octets(text), out, good)
    if (good.astype(bool) | ~told).all():
        return out, told
    return _plain(_numbers(text), 0.0, np.float64)


def _based(array: Any, base: int) -> Values:
    """int64 of whole numbers to a base."""
    if base == 10 and pa.types.is_string(array.type):
        values, there = _integers(array)
        return values.astype(np.int64), there & (values == np.trunc(values))
    return _each(array, lambda text: int(text, base), 0, np.int64)


def _identities(array: Any) -> Values:
    text = _text(array)
    out = np.empty(len(text), np.int64)
    identities_of(*_octets(text), out)
    return out, _told(text)


def _addresses(array: Any) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Both halves of addresses: IPv4 by a kernel."""
    text = _text(array)
    told = _told(text)
    high, low, good = np.zeros(len(text), np.uint64), np.empty(len(text), np.uint64), np.empty(len(text), np.uint8)
    addresses_of(*_octets(text), low, good)
    there = good.astype(bool) & told
    if (rest := np.flatnonzero(told & ~there)).size:
        others = text.take(pa.array(rest))
        high[rest], there[rest] = _each(others, lambda text: _ip(text)[0], 0, np.uint64)
        low[rest], _ = _each(others, lambda text: _ip(text)[1], 0, np.uint64)
    return (high, low), there


def _plmn(text: str) -> int:
    """Six nibbles of MCC-MNC, MCCMNC."""
    digits = text.replace("-", "").strip()
    if not digits.isdigit() or len(digits) not in (5, 6):
        raise ValueError(text)
    return int(digits.ljust(6, "f"), 16)


def _cell(text: str) -> int:
    """A coded cell of MCC-MNC-ECI, MCC-MNC-NCI (beyond 28 bits) or MCC-MNC-LAC-CI."""
    parts = text.strip().split("-")
    if len(parts) not in (3, 4):
        raise ValueError(text)
    network, numbers = _plmn(parts[0] + parts[1]), [int(p) for p in parts[2:]]
    if len(numbers) == 2 and max(numbers) < 1 << 16:
        return CELL_CGI << 60 | network << 36 | numbers[0] << 16 | numbers[1]
    if len(numbers) != 1 or not 0 <= numbers[0] < 1 << 36:
        raise ValueError(text)
    return (CELL_ECGI if numbers[0] < 1 << 28 else CELL_NCGI) << 60 | network << 36 | numbers[0]


def _ip(text: str) -> tuple[int, int]:
    address = ipaddress.ip_address(text.strip())
    number = int(address)
    return (0, number | 0xFFFF_0000_0000) if address.version == 4 else (number >> 64, number & (1 << 64) - 1)


def _flag(text: str) -> int:
    word = text.strip().lower()
    if word in _TRUE:
        return 1
    if word in _FALSE:
        return 0
    raise ValueError(text)


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
                told = _told(text)
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
        for name, each in parts:
            if isinstance(rows, _Records):
                rows.put(name, each, there)
            elif there.all():
                rows[name] = each
            else:
                rows[name][there] = each[there]

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
            values = _evaluate(source.expression, lambda name: _numbers(self._array(batch, name)))
            numbers, there = _plain(values, 0.0, np.float64)
            return np.rint(numbers * _scale(kind, source)), there, None, "a number"
        if source.constant:
            array = pa.repeat(pa.scalar(source.constant), batch.num_rows)
        else:
            array = self._array(batch, source.field)
        if source.values:
            array = _translated(array, source)
        if kind == "cell" and source.form != "text":
            (values, there), expected = self._cell_parts(batch, source), f"a cell as {source.form}"
        else:
            (values, there), expected = self._read(array, column, kind, source)
        for name, wanted in source.when:
            same = pc.equal(_text(self._array(batch, name)), wanted).fill_null(False)
            there = there & same.to_numpy(zero_copy_only=False)
            array = pc.if_else(same, array, pa.scalar(None, array.type))
        if source.after:
            base = rows[self.fields.get(source.after, source.after)]
            there = there & (base != xdr.NEVER)
            values = base + values
        return values, there, (_text(array) if not pa.types.is_timestamp(array.type) else array), expected

    def _cell_parts(self, batch: pa.RecordBatch, source: Source) -> Values:
        """Coded cells of fields for the network, the area (where the form has one) and the cell."""
        network, there = _each(self._array(batch, source.plmn), _plmn, 0, np.uint64)
        number, known = _based(self._array(batch, source.field), source.base)
        there = there & known & (number >= 0)
        if source.form == "cgi":
            area, told = _based(self._array(batch, source.area), source.base)
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
                values, there = _plain(_numbers(array), 0.0, np.float64)
                factor = MILLISECONDS[source.unit or "s"] * 1e6
                return (np.rint(values * factor).astype(np.int64), there), "a number"
            return _time(array, source), f"a time as {source.time}"
        if kind == "digits":
            return _digits(array), "digits"
        if kind in ("count", "small", "ms", "kbps"):
            values, there = _integers(array)
            scale = _scale(kind, source)
            return (values if scale == 1 and values.dtype == np.int64 else np.rint(values * scale), there), "a number"
        if kind == "enum":
            words = self.declared[column].values
            return _each(array, lambda t: _word(words, t), 0, np.int64), f"one of {', '.join(words[1:])}"
        if kind == "apn":
            return _each(array, lambda text: self.names.add(text.strip()[:99]), -1, np.int64), "text"
        if kind == "cell":
            slow = lambda text: _each(text, _cell, 0, np.uint64)  # noqa: E731
            return _fast(array, cells_of, slow, np.uint64), "MCC-MNC-ECI, MCC-MNC-NCI or MCC-MNC-LAC-CI"
        if kind == "ip":
            return _addresses(array), "an IP address"
        if kind == "flag":
            return _each(array, _flag, -1, np.int64), "true or false"
        return _identities(array), "text"


def _word(words: tuple[str, ...], text: str) -> int:
    if text not in words[1:]:
        raise ValueError(text)
    return words.index(text)


def _scale(kind: str, source: Source) -> float:
    """What a number is multiplied with: to octets, to ns."""
    if kind == "ms":
        return MILLISECONDS[source.unit or "ms"] * 1e6
    return BYTES[source.unit] if source.unit else 1.0


def _translated(array: Any, source: Source) -> pa.Array:
    """A column through its value table; a value that the table does not name is `other`, or stays."""
    table = dict(source.values)
    codes = _text(array).dictionary_encode()
    texts = [
        table.get(t.strip(), source.other if source.other is not None else t) or None
        for t in codes.dictionary.to_pylist()
    ]
    return pa.DictionaryArray.from_arrays(codes.indices, pa.array(texts, pa.string())).dictionary_decode()


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
