"""Files of text and columns in a run: which feed they are of, and their rows as xDR rows."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats import xdr
from formats.cdr_rows import CALL_RECORD
from formats.feed import Feed
from probe.archive_files import Batch, Names, Reject
from probe.feed import shipped_feeds
from probe.feed_copies import Copies
from probe.feed_csv import Rows
from probe.feed_map import Mapped, Mapper
from probe.feed_read import FeedFile, layout_of, read_ahead, read_batches

__all__ = ["FeedSource", "find_feed", "read_feed"]

SECOND = 10**9
_NONE = np.empty(0, np.int64)
LONGEST_FLOW = 1 << 12
"""Windows that one flow row of a feed may span; a longer one stands in the window of its start."""


class FeedSource(NamedTuple):
    """A file and the feed that it is of."""

    name: str
    feed: Feed


def _columns_of(feed: Feed, path: str) -> list[str]:
    if feed.format in ("csv", "fixed"):
        return layout_of(feed, path)
    first = next(iter(read_batches(feed, FeedFile(path))), None)
    return [] if first is None else list(first.batch.schema.names)


def _begins_json(path: str) -> bool:
    with FeedFile(path).file() as file:
        return file.read(1 << 10).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _fits(feed: Feed, path: str) -> bool:
    """Whether a file looks as the feed says, and its first rows can be read."""
    if feed.format == "jsonl" and not _begins_json(path):
        return False
    if feed.match_header:
        return set(feed.match_header) <= {c.strip() for c in _columns_of(feed, path)}
    wanted = feed.match_columns if feed.format == "csv" else ()
    if wanted and len(layout_of(feed._replace(columns=()), path)) not in wanted:
        return False
    first = next(iter(read_batches(feed, FeedFile(path))), None)
    if first is None:
        return False
    some = first.batch.slice(0, 100)
    return Mapper(feed, Names(1 << 10), SECOND).map(some).kept.size * 2 > some.num_rows


def find_feed(path: str, own: Sequence[Feed] = ()) -> Feed | None:
    """The feed that a file is of, the user's own ones first; None for none."""
    if not os.path.getsize(path):
        return None
    for feed in (*own, *shipped_feeds()):
        try:
            if _fits(feed, path):
                return feed
        except (OSError, pa.ArrowInvalid, UnicodeDecodeError, StopIteration, csv.Error):
            continue
    return None


class FeedRows(NamedTuple):
    """What one batch of a feed gives: kernel rows of its table, or records to be put together; what was refused."""

    rows: np.ndarray
    records: Batch | None
    read: int
    windows: np.ndarray
    """int64[n]: of each row that counts, before it was cut"""
    again: np.ndarray
    """int64[m]: of each that another file has too"""
    rejects: list[Reject]
    trouble: str = ""
    """why the file ended before its time"""


def _events(rows: np.ndarray) -> None:
    there = rows["end_time"] != xdr.NEVER
    lasted = np.where(there, np.maximum(rows["end_time"] - rows["start_time"], 0), -1)
    rows["event_ms"] = np.where(rows["event_ms"] < 0, lasted, rows["event_ms"])


def _calls(rows: np.ndarray) -> None:
    rows["source"] = xdr.CALL_SOURCES.index("feed")
    answered = rows["outcome"] == xdr.CALL_OUTCOMES.index("answered")
    rows["answer_time"][~answered & (rows["outcome"] > 0)] = xdr.NEVER
    there = rows["answer_time"] != xdr.NEVER
    ends = there & (rows["end_time"] != xdr.NEVER)
    setup = np.where(there, np.maximum(rows["answer_time"] - rows["start_time"], 0), -1)
    talk = np.where(ends, np.maximum(rows["end_time"] - rows["answer_time"], 0), -1)
    rows["setup_ms"] = np.where(rows["setup_ms"] < 0, setup, rows["setup_ms"])
    rows["talk_ms"] = np.where(rows["talk_ms"] < 0, talk, rows["talk_ms"])


def _cut_flows(rows: np.ndarray, window_ns: int) -> np.ndarray:
    """Flow rows cut at window boundaries; octets and packets are spread by overlap, the last piece takes the rest."""
    end = np.where(rows["end_time"] == xdr.NEVER, rows["start_time"], np.maximum(rows["end_time"], rows["start_time"]))
    last = np.maximum(end - 1, rows["start_time"])
    pieces = last // window_ns - rows["start_time"] // window_ns + 1
    pieces[pieces > LONGEST_FLOW] = 1
    at = np.repeat(np.arange(rows.size), pieces)
    number = np.arange(at.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    out, start = rows[at], rows["start_time"][at]
    first = start // window_ns * window_ns
    single = pieces[at] == 1
    out["window"] = first + number * window_ns
    out["start_time"] = np.where(number == 0, start, out["window"])
    out["end_time"] = np.where(single, rows["end_time"][at], np.minimum(end[at], out["window"] + window_ns))
    out["end_reason"] = np.where(number + 1 < pieces[at], xdr.END_REASONS.index("window"), out["end_reason"])
    out["begun"] = np.where(number == 0, out["begun"], 0)
    whole = np.maximum(end - rows["start_time"], 1)[at]
    before, after = out["start_time"] - start, np.where(single, whole, out["end_time"] - start)
    for name in ("bytes_up", "bytes_down", "packets_up", "packets_down"):
        value = rows[name][at]
        share = np.floor(value * (after / whole)).astype(np.int64) - np.floor(value * (before / whole)).astype(np.int64)
        out[name] = np.where(value < 0, -1, np.where(single, value, share))
    return out


_FINISH: dict[str, Callable[[np.ndarray], None]] = {"call": _calls, "event": _events}


def _refused(mapped: Mapped, rows: Rows) -> list[Reject]:
    """The rows that lack what they cannot be without."""
    if mapped.kept.size == rows.batch.num_rows:
        return []
    lost = np.ones(rows.batch.num_rows, bool)
    lost[mapped.kept] = False
    why = {flaw.row: flaw for flaw in reversed(mapped.flaws) if lost[flaw.row]}
    out = []
    for row in np.flatnonzero(lost).tolist():
        flaw, words = why.get(row), "a field that it cannot be without is empty"
        if flaw is not None:
            words = f"{flaw.column}: {flaw.value!r}, expected {flaw.expected}"
        out.append(Reject(rows.line(row), words, rows.raw(row)))
    return out


def read_feed(
    source: FeedSource, names: Names, window_ns: int, copies: Copies | None = None, number: int = 0
) -> Iterator[FeedRows]:
    """The batches of a file of a feed. A row that lacks a column it cannot be without is refused with its line.

    copies: where rows of several files are compared (of sessions their records are); number: of this file.
    """
    feed, opened = source.feed, FeedFile(source.name)
    mapper, line = Mapper(feed, names, window_ns), 0
    try:
        for rows, refused in read_ahead(feed, opened):
            told = [Reject(*each) for each in refused]
            if rows is None:
                yield FeedRows(np.empty(0, mapper.table.dtype), None, 0, _NONE, _NONE, told, opened.trouble)
                return
            mapped, line = mapper.map(rows.batch), rows.before + rows.batch.num_rows
            rejects = [*_refused(mapped, rows), *told]
            if mapped.volumes is not None:
                records = Batch(mapped.rows, mapped.volumes, np.empty(0, CALL_RECORD), [], 0)
                yield FeedRows(mapped.rows, records, mapped.kept.size, _NONE, _NONE, rejects)
                continue
            again = copies.mark(rows.batch, number)[mapped.kept] if copies else np.zeros(mapped.kept.size, bool)
            once = mapped.rows[~again] if again.any() else mapped.rows
            windows = mapped.rows["window"][~again], mapped.rows["window"][again]
            if feed.table in _FINISH:
                _FINISH[feed.table](once)
            elif feed.table == "flow":
                once = _cut_flows(once, window_ns)
            yield FeedRows(once, None, mapped.kept.size, *windows, rejects)
    except pa.ArrowException as problem:
        words = " ".join(str(problem).split())[:200]
        yield FeedRows(
            np.empty(0, mapper.table.dtype), None, 0, _NONE, _NONE, [], f"cannot be read after row {line:,}: {words}"
        )
