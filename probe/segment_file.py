"""The files of segments: CSV, TSV, Parquet and Arrow, told apart by their first octets, all cells as text.

Every input is hostile: what cannot be meant is one message with file and line (of Parquet and Arrow the row).
"""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from probe.errors import WiregaugeError

__all__ = ["MOST_OCTETS", "SegmentFile", "read_segment"]

MOST_OCTETS = 2 << 30
"""Of text in a segment."""
_LONGEST_LINE = 1 << 20
_MARKS = ((b"PAR1", "Parquet"), (b"ARROW1", "Arrow"), (b"\xff\xff\xff\xff", "Arrow stream"))
_DELIMITERS = ",;\t|"


class SegmentFile(NamedTuple):
    """The columns that were asked for, as text, and where each row stands."""

    path: Path
    rows: pa.Table
    has_lines: bool

    def place(self, row: int) -> str:
        """`FILE:LINE` of a row, or `FILE, row N`."""
        if not self.has_lines:
            return f"{self.path}, row {row + 1:,}"
        with pa.input_stream(str(self.path)) as file:
            for number, line in enumerate(_lines(file), 1):
                row -= bool(line.strip(b"\r\n"))
                if row < -1:  # the first line names the columns
                    return f"{self.path}:{number}"
        return str(self.path)


def _lines(file: pa.NativeFile) -> Iterator[bytes]:
    """The lines of a file; a bounded piece of one that is too long."""
    rest = b""
    while block := file.read(_LONGEST_LINE):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > 2 * _LONGEST_LINE:
            yield rest
            rest = b""
    yield rest


def read_segment(path: Path, wanted: Sequence[str] | None) -> SegmentFile:
    """The columns `wanted` of a file (None for all) as text, "" as null; WiregaugeError in words."""
    try:
        with open(path, "rb") as file:
            first = file.read(8)
        kind = next((kind for mark, kind in _MARKS if first.startswith(mark)), "text")
        if not first:
            raise WiregaugeError(f"{path}: empty: the first line must name its columns.")
        found = SegmentFile(
            path, _text(path, wanted) if kind == "text" else _columnar(path, kind, wanted), kind == "text"
        )
    except (OSError, pa.ArrowException, ValueError, csv.Error) as problem:
        words = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise WiregaugeError(f"{path}: not a readable segment: {words}.") from problem
    columns = [_strings(found, name) for name in found.rows.column_names]
    return found._replace(rows=pa.Table.from_arrays(columns, names=found.rows.column_names))


def _missing(path: Path, names: Sequence[str], wanted: Sequence[str] | None, line: str) -> list[str]:
    """The names of the columns to read; an error for one that is not there, or there twice."""
    for name in wanted or names:
        if name not in names:
            shown = ", ".join(repr(n[:40]) for n in names[:12])
            raise WiregaugeError(f"{path}{line}: no column {name!r}: there are {shown}.")
        if list(names).count(name) > 1:
            raise WiregaugeError(f"{path}{line}: two columns are called {name!r}.")
    return list(wanted or names)


# --- text ----------------------------------------------------------------------------------------------------------


def _head(path: Path) -> tuple[list[str], str]:
    """The names of the columns, and what stands between them."""
    with pa.input_stream(str(path)) as file:
        start = file.read(_LONGEST_LINE)
    line = start.split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").rstrip(b"\r")
    if len(line) >= _LONGEST_LINE:
        raise WiregaugeError(f"{path}:1: a line of more than {_LONGEST_LINE:,} octets.")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise WiregaugeError(f"{path}:1: octet {problem.start + 1} is not UTF-8.") from problem
    if "\0" in text:
        raise WiregaugeError(f"{path}:1: not text: write CSV, TSV, Parquet or Arrow.")
    delimiter = max(_DELIMITERS, key=text.count)
    return [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])], delimiter


def _text(path: Path, wanted: Sequence[str] | None) -> pa.Table:
    names, delimiter = _head(path)
    take = _missing(path, names, wanted, ":1")
    read = pa_csv.ReadOptions(use_threads=False, block_size=2 * _LONGEST_LINE, column_names=names, skip_rows=1)
    parse = pa_csv.ParseOptions(delimiter=delimiter)
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()), include_columns=take, null_values=[""], strings_can_be_null=True
    )
    batches, octets = [], 0
    try:
        with pa.input_stream(str(path)) as file, pa_csv.open_csv(file, read, parse, convert) as reader:
            for batch in reader:
                batches.append(batch)
                octets += batch.nbytes
                if octets > MOST_OCTETS:
                    raise WiregaugeError(f"{path}: more than {MOST_OCTETS >> 20:,} MiB: too much for a segment.")
    except pa.ArrowInvalid as problem:
        odd = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", str(problem))
        if odd:
            row, expected, found = odd.groups()
            place = SegmentFile(path, pa.table({}), True).place(int(row) - 2) if row else str(path)
            raise WiregaugeError(f"{place}: {found} columns, expected {expected}.") from problem
        if "Empty CSV" in str(problem):
            batches = []
        elif "straddling" in str(problem):
            raise WiregaugeError(f"{path}: a line of more than {_LONGEST_LINE:,} octets.") from problem
        else:
            raise
    schema = pa.schema([(name, pa.binary()) for name in take])
    return pa.Table.from_batches(batches, schema)


# --- columns -------------------------------------------------------------------------------------------------------


def _columnar(path: Path, kind: str, wanted: Sequence[str] | None) -> pa.Table:
    if kind == "Parquet":
        with pq.ParquetFile(path) as file:
            take = _missing(path, file.schema_arrow.names, wanted, "")
            batches, octets = [], 0
            for batch in file.iter_batches(columns=take):
                batches.append(batch)
                octets += batch.nbytes
                _small_enough(path, octets)
            return pa.Table.from_batches(batches, pa.schema([file.schema_arrow.field(name) for name in take]))
    with pa.memory_map(str(path)) as source:
        opened = pa.ipc.open_file(source) if kind == "Arrow" else pa.ipc.open_stream(source)
        take = _missing(path, opened.schema.names, wanted, "")
        table = opened.read_all().select(take)
        table.validate(full=True)
        _small_enough(path, table.nbytes)
        return table


def _small_enough(path: Path, octets: int) -> None:
    if octets > MOST_OCTETS:
        raise WiregaugeError(f"{path}: more than {MOST_OCTETS >> 20:,} MiB: too much for a segment.")


# --- cells as text -------------------------------------------------------------------------------------------------


def _strings(file: SegmentFile, name: str) -> pa.Array:
    """A column as strings without spaces around them, nothing as null."""
    column = file.rows.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind):
        raise WiregaugeError(f"{file.path}: column {name!r} is {kind}: a segment has texts and whole numbers.")
    if pa.types.is_floating(kind):  # whole numbers that had nulls among them
        column = column.cast(pa.int64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):  # not checked by those who read columns
        column = column.cast(pa.large_binary())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        _check_utf8(file, column)
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    whole: pa.Array = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    return whole


def _check_utf8(file: SegmentFile, column: pa.ChunkedArray) -> None:
    """An error with the line of the first cell that is not UTF-8."""

    def bad(first: int, end: int) -> bool:
        try:
            column.slice(first, end - first).cast(pa.string())
        except pa.ArrowInvalid:
            return True
        return False

    first, end = 0, len(column)
    if not bad(first, end):
        return
    while end - first > 1:
        middle = (first + end) // 2
        first, end = (first, middle) if bad(first, middle) else (middle, end)
    raise WiregaugeError(f"{file.place(first)}: not UTF-8.")
