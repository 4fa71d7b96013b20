"""xDR Parquet files to be read: which there are, what time they span, and the rows of one stretch of time.

Files are chosen by the time span in their footers, so one stretch of windows is in memory at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from formats.schema import TIME
from probe.errors import WiregaugeError

__all__ = ["ROWS_AT_ONCE", "Group", "Stretch", "groups_of", "lots", "overlapping", "read", "table_files"]

_FIRST, _LAST = -(2**62), 2**62
_PLAIN_OCTETS = 4
ROWS_AT_ONCE = 1 << 20
"""Rows of one table in memory, where nobody asks for fewer."""
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class Group(NamedTuple):
    """A row group of a file: its rows, and the first and last time (ns) in any of the time columns asked for."""

    path: Path
    number: int
    rows: int
    first: int
    last: int
    names: frozenset[str] = frozenset()
    """the columns that the file has"""
    plain: frozenset[str] = frozenset()
    """of those, the text columns whose values are written out one by one"""


def table_files(directory: Path, table: str) -> list[Path]:
    """The Parquet files of `table` under `directory`, in order of name; hidden (unfinished) ones left out."""
    found = sorted((directory / table).glob("**/*.parquet"))
    return [p for p in found if not p.name.startswith((".", "_"))]


def _open(path: Path, text: Sequence[str] = ()) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, read_dictionary=list(text))
    except (OSError, pa.ArrowInvalid) as problem:
        raise WiregaugeError(
            f"{path}: not a readable Parquet file: {problem}.\nRemove it, or write it again."
        ) from problem


def _span(file: pq.ParquetFile, index: int, times: Sequence[str], columns: Sequence[str]) -> tuple[int, int]:
    """First and last time of a row group, read from the column where the footer does not tell."""
    meta = file.metadata.row_group(index)
    first, last = _LAST, _FIRST
    for name in times:
        if name not in columns:
            continue
        chunk = meta.column(columns.index(name))
        unit = _UNITS[getattr(file.schema_arrow.field(name).type, "unit", "ns")]
        known = chunk.statistics
        if known is not None and known.has_min_max:
            low, high = known.min_raw, known.max_raw
        else:
            # as integers: Python's datetime holds no nanoseconds
            column = file.read_row_group(index, [name]).column(0).cast(pa.int64())
            low, high = (pc.min_max(column)[end].as_py() for end in ("min", "max"))
        if low is not None:
            first, last = min(first, low * unit), max(last, high * unit)
    return first, last


def groups_of(directories: Iterable[Path], table: str, times: Sequence[str]) -> list[Group]:
    """The row groups of `table` in all directories that hold rows, with their span over the columns `times`."""
    found: list[Group] = []
    for directory in directories:
        for path in table_files(directory, table):
            told = path.stat()
            found += _groups_of_file(path, told.st_mtime_ns, told.st_ino, tuple(times))
    return found


@lru_cache(1 << 16)
def _groups_of_file(path: Path, changed_ns: int, inode: int, times: tuple[str, ...]) -> tuple[Group, ...]:
    """Those of one file, kept until another takes its place: a probe that runs for weeks reads each footer once."""
    found = []
    with _open(path) as file:
        names = file.schema_arrow.names
        shared = frozenset(names)
        for index in range(file.metadata.num_row_groups):
            meta = file.metadata.row_group(index)
            if meta.num_rows:
                span = _span(file, index, times, names)
                found.append(Group(path, index, meta.num_rows, *span, shared, _plain(meta, names)))
    return tuple(found)


def _plain(meta: pq.RowGroupMetaData, names: Sequence[str]) -> frozenset[str]:
    """Columns of octets whose values take as much as if each were written out."""
    if meta.num_columns != len(names):  # nested columns: not ours
        return frozenset()
    out = []
    for at, name in enumerate(names):
        column = meta.column(at)
        if column.physical_type == "BYTE_ARRAY" and column.total_uncompressed_size > _PLAIN_OCTETS * meta.num_rows:
            out.append(name)
    return frozenset(out)


class Stretch(NamedTuple):
    """Rows are wanted of which one of the `times` columns lies in first <= time < end (ns)."""

    times: tuple[str, ...]
    first: int
    end: int


def read(groups: Sequence[Group], columns: Sequence[str], text: Sequence[str], stretch: Stretch
         ) -> Iterator[pa.Table]:  # fmt: skip
    """The rows of `groups` in `stretch`, a table a file: `columns`, a missing one null, those in `text` as strings.

    Strings are dictionary-encoded where they are in the file: where most are distinct that would only cost.
    """
    by_path: dict[Path, list[Group]] = {}
    for group in groups:
        by_path.setdefault(group.path, []).append(group)
    for path, some in by_path.items():
        with _open(path, [name for name in text if name in some[0].names - some[0].plain]) as file:
            there = [c for c in columns if c in some[0].names]
            for batch in lots(some):
                try:
                    read = file.read_row_groups([g.number for g in batch], there)
                except (OSError, pa.ArrowInvalid) as problem:
                    raise WiregaugeError(f"{path}: damaged: {problem}.\nRemove it, or write it again.") from problem
                table = _complete(read, columns, text)
                if any(g.first < stretch.first or g.last >= stretch.end for g in batch):
                    table = _within(table, stretch)
                if table.num_rows:
                    yield table


def overlapping(groups: Iterable[Group], first: int, end: int) -> list[Group]:
    """The row groups that may have rows in first <= time < end (ns)."""
    return [g for g in groups if g.first < end and g.last >= first]


def lots(groups: Iterable[Group], rows: int = ROWS_AT_ONCE) -> Iterator[list[Group]]:
    """Row groups, about so many rows at a time; one alone may have more."""
    lot: list[Group] = []
    held = 0
    for group in groups:
        if lot and held + group.rows > rows:
            yield lot
            lot, held = [], 0
        lot.append(group)
        held += group.rows
    if lot:
        yield lot


def _within(table: pa.Table, stretch: Stretch) -> pa.Table:
    """The rows of `table` that `stretch` asks for."""
    wanted = np.zeros(table.num_rows, bool)
    for name in stretch.times:
        column = table.column(name).cast(pa.int64())
        times = column.fill_null(_FIRST).to_numpy()
        wanted |= (times >= stretch.first) & (times < stretch.end)
        if wanted.all():
            return table
    return table.filter(pa.array(wanted))


def _complete(table: pa.Table, columns: Sequence[str], text: Sequence[str]) -> pa.Table:
    """`table` with all `columns`, in order, the text ones as strings or dictionaries of them."""
    out = []
    for name in columns:
        if name not in table.column_names:
            kind = pa.string() if name in text else pa.int64()
            out.append(pa.chunked_array([pa.nulls(table.num_rows, kind)]))
            continue
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(TIME)
        elif pa.types.is_dictionary(column.type) and name not in text:
            column = pc.cast(column, column.type.value_type)
        elif name in text and not (pa.types.is_dictionary(column.type) or pa.types.is_string(column.type)):
            column = column.cast(pa.string())
        out.append(column)
    return pa.Table.from_arrays(out, names=list(columns))
