"""Segments: subscribers, cells, ... with what is known of them beyond the xDR rows, joined on an xDR column.

An entry of a catalogue becomes a `Segment` (`segment_of`), the rows in memory; `probe.segment_join` joins them to rows.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats import xdr
from formats.expression import Mistake
from formats.kpi import Catalogue, Condition, Counter, Key, Kpi, Ratio, Segment
from probe.errors import WiregaugeError
from probe.identity import DEFAULT_KEY, NONE, PSEUDONYM, Identities
from probe.segment_file import SegmentFile, read_segment

__all__ = [
    "KEYS", "NO", "YES", "join_keys", "joined_columns", "known_by", "named_alike", "segment_columns",
    "segment_key", "segment_kpis", "segment_of",
]  # fmt: skip

KEYS = {"name", "on", "file", "key", "columns", "rows", "identities", "meaning"}
"""What an entry may say."""
MOST_COLUMNS = 32
YES, NO = "yes", "no"
_NAME = re.compile(r"[A-Za-z_]\w{0,59}")
_IMSI = r"^[0-9]{5,15}$"


def _names(told: Any) -> dict[str, str]:
    """{column: what it is called in the file}."""
    if isinstance(told, list) and all(isinstance(name, str) for name in told):
        return {name: name for name in told}
    if isinstance(told, dict) and all(isinstance(name, str) for name in told.values()):
        return dict(told)
    raise Mistake('columns is ["region", "vendor"], or { region = "Name in the file" }')


def segment_of(entry: Mapping[str, Any], folder: Path) -> Segment:
    """The segment that an entry of a catalogue in `folder` declares; Mistake or WiregaugeError in words."""
    name, on = str(entry["name"]), str(entry["on"])
    if not _NAME.fullmatch(name):
        raise Mistake(f"name is letters, digits and _, not {name!r}")
    if not any(on == column.name for table in xdr.STARTED_TABLES for column in table.columns):
        raise Mistake(f"on names a column of xDR tables, as cell or subscriber, not {on!r}")
    identities = entry.get("identities", "as_written")
    if identities not in ("as_written", "clear") or (identities == "clear" and on != "subscriber"):
        raise Mistake('identities is "as_written", or for subscribers "clear"')
    if ("file" in entry) == ("rows" in entry):
        raise Mistake("file or rows is wanted, one of the two")
    clear, meaning = identities == "clear", str(entry.get("meaning", ""))
    if "rows" in entry:
        rows, source = _inline(entry, on), "rows of the catalogue"
        return Segment(name, on, tuple(rows.column_names[1:]), meaning, source, rows, clear)
    path = folder / str(entry["file"])
    columns = _names(entry["columns"]) if "columns" in entry else None
    file, columns = _read(path, str(entry.get("key", on)), columns)
    for column in columns:
        if not _NAME.fullmatch(column):
            raise Mistake(f'columns: {column!r} is no name: write columns = {{ region = "{column}" }}')
    return Segment(name, on, tuple(columns), meaning, str(path), _checked(file, clear), clear)


def _read(path: Path, key: str, columns: dict[str, str] | None) -> tuple[SegmentFile, dict[str, str]]:
    """The rows of a file with the key first, and its columns by their new names."""
    wanted = None if columns is None else list(dict.fromkeys([key, *columns.values()]))
    file = read_segment(path, wanted)
    there = file.rows.column_names
    if key not in there:
        shown = ", ".join(repr(name[:40]) for name in there[:12])
        raise WiregaugeError(f"{path}:1: no column {key!r}: there are {shown}; `key` names another.")
    columns = {name: name for name in there if name != key} if columns is None else columns
    if len(columns) > MOST_COLUMNS:
        raise WiregaugeError(f"{path}: {len(columns)} columns: `columns` names those to take, {MOST_COLUMNS} at most.")
    arrays = [file.rows.column(key), *(file.rows.column(told) for told in columns.values())]
    return file._replace(rows=pa.table(arrays, names=["key of it", *columns])), columns


def _inline(entry: Mapping[str, Any], on: str) -> pa.Table:
    """`rows = { key = text }` for one column, `{ key = { column = text } }` for several."""
    told = entry["rows"]
    if not isinstance(told, dict) or not told:
        raise Mistake("rows is { key = value } or { key = { column = value } }")
    columns = list(_names(entry.get("columns", [])))
    if not columns:
        columns = list(dict.fromkeys(c for each in told.values() if isinstance(each, dict) for c in each))
    lines: list[dict[str, Any]] = []
    for each in told.values():
        if not isinstance(each, dict) and len(columns) != 1:
            raise Mistake("rows of one value each need `columns` with the one name of it")
        lines.append(each if isinstance(each, dict) else {columns[0]: each})
        if odd := [c for c in lines[-1] if c not in columns or not _NAME.fullmatch(c)]:
            raise Mistake(f"rows: {odd[0]!r} is none of its columns")
    texts = [[None if c not in line else str(line[c]) for line in lines] for c in columns]
    return pa.table([pa.array(list(told), pa.string()), *(pa.array(t, pa.string()) for t in texts)],
                    names=["key of it", *columns])  # fmt: skip


# --- what rows may not be --------------------------------------------------------------------------------------------


def _checked(file: SegmentFile, clear: bool) -> pa.Table:
    """The rows with keys that are distinct; an error with the line for a row without one, or one told twice."""
    rows = file.rows
    keys = rows.column(0).combine_chunks()
    if keys.null_count:
        if rows.num_columns > 1:
            raise WiregaugeError(f"{file.place(_first(keys.is_null()))}: no key.")
        rows = rows.filter(keys.is_valid())
        keys = rows.column(0).combine_chunks()
    if clear and len(keys):
        keys = pc.replace_substring_regex(keys, "^imsi-", "")
        good = pc.match_substring_regex(keys, _IMSI)
        if not pc.all(good).as_py():
            raise WiregaugeError(f"{file.place(_first(pc.invert(good)))}: not an IMSI: 5 to 15 digits.")
        rows = rows.set_column(0, rows.field(0), keys)
    codes = np.asarray(pc.dictionary_encode(keys).indices)
    _, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
    if first.size == codes.size:
        return rows
    for column in rows.columns[1:]:
        values = np.asarray(pc.dictionary_encode(column.combine_chunks(), null_encoding="encode").indices)
        different = np.flatnonzero(values != values[first[of_row]])
        if different.size:
            again = int(different[0])
            before = file.place(int(first[of_row[again]])).rpartition(":")[2].rpartition(", ")[2]
            raise WiregaugeError(f"{file.place(again)}: told otherwise before ({before}): a key stands for one thing.")
    return rows.take(pa.array(np.sort(first)))


def _first(flags: pa.Array) -> int:
    return int(np.flatnonzero(np.asarray(flags.fill_null(False)))[0])


def named_alike(segment: Segment, others: Iterable[Segment]) -> str:
    """The column of a segment that xDR tables, or one of the others, have already; "" for none."""
    taken = {column.name for table in xdr.TABLES for column in table.columns}
    taken |= {"window_start", "window_s"}.union(*((other.member, *other.columns) for other in others))
    names = [segment.member, *segment.columns]
    return next((n for n in names if n in taken or names.count(n) > 1), "")


# --- what a catalogue gets of it -------------------------------------------------------------------------------------


def segment_columns(segments: Iterable[Segment]) -> dict[str, dict[str, xdr.Column]]:
    """{table: {name: column}} that segments add."""
    out: dict[str, dict[str, xdr.Column]] = {}
    for table in xdr.STARTED_TABLES:
        names = {column.name for column in table.columns}
        out[table.name] = {
            name: xdr.Column(name, "derived", "", _meaning(segment, name))
            for segment in segments if segment.on_in(names) for name in (segment.member, *segment.columns)
        }  # fmt: skip
    return out


def _meaning(segment: Segment, name: str) -> str:
    if name == segment.member:
        return f"whether the {segment.on} is in {segment.name}: {YES} or {NO}; null: {segment.on} not known"
    told = f", {segment.meaning}" if segment.meaning else ""
    return f"of the {segment.on}, as {segment.name} tells{told}; null: not in it"


def segment_key(segments: Iterable[Segment], name: str) -> Key | None:
    """The key of a grain that is a column of a segment; None if it is none."""
    for segment in segments:
        if name in (segment.member, *segment.columns):
            return Key(name, name, "", _meaning(segment, name))
    return None


def join_keys(segments: Iterable[Segment]) -> list[Key]:
    """The join columns as keys: those that stand for it in some table share its texts."""
    return [Key(s.on, s.on, "", "", (("session", s.on_in(("cell_last",)) or s.on),)) for s in segments]


def segment_kpis(segment: Segment) -> tuple[tuple[Counter, ...], tuple[Kpi, ...]]:
    """What publishes how much of the rows a segment knows."""
    tables = tuple(t.name for t in xdr.STARTED_TABLES if segment.on_in({c.name for c in t.columns}))
    asked, found = f"{segment.name}_rows", f"{segment.name}_matched_rows"
    counters = (
        Counter(asked, "count", tables, (), "", f"xDR rows whose {segment.on} is known",
                ((Condition(segment.member, "not_null"),),)),
        Counter(found, "count", tables, (), "", f"of those, found in {segment.name}",
                ((Condition(segment.member, "eq", YES),),)),
    )  # fmt: skip
    kpi = Kpi(f"{segment.name}_matched_pct", "%", Ratio(found, asked, 100.0), "wiregauge", "higher",
              f"xDR rows found in {segment.name}, of those whose {segment.on} is known", "")  # fmt: skip
    return counters, (kpi,)


def joined_columns(segments: Iterable[Segment], table: xdr.Table) -> dict[str, str]:
    """{column of a segment: the column of `table` that it is joined on}."""
    names = {column.name for column in table.columns}
    return {
        column: segment.on_in(names)
        for segment in segments if segment.on_in(names) for column in (segment.member, *segment.columns)
    }  # fmt: skip


# --- identities ------------------------------------------------------------------------------------------------------


def known_by(catalogue: Catalogue, identities: Identities | None, key: Path = DEFAULT_KEY) -> Catalogue:
    """The catalogue with the IMSIs of segments as the tables name subscribers.

    identities: None where it is not known how the tables name them: then both by IMSI and by pseudonym of `key`.
    """
    if not any(segment.clear for segment in catalogue.segments):
        return catalogue
    if identities is None and not Path(key).expanduser().exists():
        raise WiregaugeError(
            f"{key}: no such identity key: segments of IMSIs need the one that the tables' pseudonyms were made with.\n"
            "Name it with --identity-key."
        )
    both = identities is None
    identities = Identities.from_option(PSEUDONYM, key) if identities is None else identities
    segments = tuple(_renamed(s, identities, both) if s.clear else s for s in catalogue.segments)
    return catalogue._replace(segments=segments)


def _renamed(segment: Segment, identities: Identities, both: bool) -> Segment:
    rows = segment.rows
    parts = [rows.slice(0, 0 if identities.mode == NONE else None)] if both or identities.mode != PSEUDONYM else []
    if identities.mode == PSEUDONYM:
        names = identities.pseudonyms(rows.column(0).to_pylist())
        parts.append(rows.set_column(0, rows.field(0), pa.array(names, pa.string())))
    return segment._replace(rows=pa.concat_tables(parts), clear=False)
