"""Files of text and columns in a run: which feed they are of, and their rows as xDR rows."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats import cdr, xdr
from formats.cdr_rows import CALL_RECORD, CONTAINER_BLANK, RECORD_BLANK, SERVICE, SESSION_RECORD, VOLUME, first_words
from formats.feed import Feed
from probe.archive_files import Batch, Names, Reject
from probe.errors import WiregaugeError
from probe.feed import shipped_feeds
from probe.feed_map import Flaw, Mapper
from probe.feed_read import FeedFile, layout_of, lines_before, read_batches

__all__ = ["FeedSource", "find_feed", "read_feed"]

SECOND, MILLISECOND = 10**9, 10**6
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
    return [] if first is None else list(first.schema.names)


def _fits(feed: Feed, path: str) -> bool:
    """Whether a file looks as the feed says, and its first rows can be read."""
    columns = _columns_of(feed, path)
    if feed.match_header and not set(feed.match_header) <= {c.strip() for c in columns}:
        return False
    if feed.match_header:
        return True
    wanted = feed.match_columns if feed.format == "csv" else 0
    if wanted and len(layout_of(feed._replace(columns=()), path)) != wanted:
        return False
    first = next(iter(read_batches(feed, FeedFile(path))), None)
    if first is None:
        return False
    some = first.slice(0, 100)
    return Mapper(feed, Names(1 << 10), SECOND).map(some).kept.size * 2 > some.num_rows


def find_feed(path: str, own: Sequence[Feed] = ()) -> Feed | None:
    """The feed that a file is of, the user's own ones first; None for none."""
    if not os.path.getsize(path):
        return None
    for feed in (*own, *shipped_feeds()):
        try:
            if _fits(feed, path):
                return feed
        except (OSError, pa.ArrowInvalid, UnicodeDecodeError, StopIteration):
            continue
    return None


class FeedRows(NamedTuple):
    """What one batch of a feed gives: kernel rows of its table, or records to be put together; what was refused."""

    rows: np.ndarray
    records: Batch | None
    read: int
    windows: np.ndarray
    rejects: list[Reject]


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


def _sessions(rows: np.ndarray) -> Batch:
    """Session rows as records of one container each, so that partial ones are put together and volumes laid out."""
    records = first_words(RECORD_BLANK, SESSION_RECORD).repeat(rows.size)
    containers = first_words(CONTAINER_BLANK, VOLUME).repeat(rows.size)
    end = np.where(rows["end_time"] == xdr.NEVER, rows["start_time"], np.maximum(rows["end_time"], rows["start_time"]))
    records["type"], records["opened"] = cdr.FEED_TYPE, rows["start_time"]
    records["duration"] = (end - rows["start_time"]) // SECOND
    records["ended_ms"] = (end - rows["start_time"]) % SECOND // MILLISECOND
    for name in ("imsi", "imei", "apn", "cell", "gateway_hi", "gateway_lo", "qos_class"):
        records[name] = rows[name]
    records["rat"] = np.where(rows["rat"] == 0, -1, rows["rat"].astype(np.int64))
    records["ue_hi"], records["ue_lo"] = rows["ue_ip_hi"], rows["ue_ip_lo"]
    records["charging_id"] = np.where(rows["session_id"] == 0, -1, rows["session_id"])
    records["cause"] = rows["cause_code"]
    records["digest"] = np.arange(1, rows.size + 1)
    records["first"], records["containers"] = np.arange(rows.size), 1
    containers["kind"] = SERVICE
    containers["first"], containers["last"], containers["time"] = rows["start_time"], end, end
    containers["up"], containers["down"] = rows["bytes_up"], rows["bytes_down"]
    return Batch(records, containers, np.empty(0, CALL_RECORD), [], 0)


def read_feed(source: FeedSource, names: Names, window_ns: int) -> Iterator[FeedRows]:
    """The batches of a file of a feed. A row that lacks a column it cannot be without is refused with its line."""
    feed, opened, line = source.feed, FeedFile(source.name), lines_before(source.feed, source.name)
    mapper = Mapper(feed, names, window_ns)
    try:
        for batch in read_batches(feed, opened):
            mapped = mapper.map(batch)
            lost = np.ones(batch.num_rows, bool)
            lost[mapped.kept] = False
            refused = np.flatnonzero(lost)
            why = {flaw.row: flaw for flaw in reversed(mapped.flaws) if lost[flaw.row]}
            rejects = [_reject(batch, row, line, why) for row in refused.tolist()]
            line += batch.num_rows
            rejects += [Reject(number, words, text.encode()) for number, words, text in opened.refused]
            opened.refused.clear()
            rows, records = mapped.rows, None
            if feed.table == "call":
                _calls(rows)
            elif feed.table == "event":
                _events(rows)
            elif feed.table == "flow":
                rows = _cut_flows(rows, window_ns)
            elif feed.table == "session":
                records = _sessions(rows)
            yield FeedRows(rows, records, mapped.kept.size, mapped.rows["window"], rejects)
    except (pa.ArrowInvalid, pa.ArrowException) as problem:
        words = " ".join(str(problem).split())[:200]
        raise WiregaugeError(f"{source.name}: after line {line:,}: {words}.\nSee `wiregauge feed check`.") from problem


def _reject(batch: pa.RecordBatch, row: int, line: int, why: dict[int, Flaw]) -> Reject:
    flaw = why.get(row)
    words = "a field that it cannot be without is empty"
    if flaw is not None:
        words = f"{flaw.column}: {flaw.value!r}, expected {flaw.expected}"
    text = "\t".join("" if v is None else str(v) for v in batch.slice(row, 1).to_pylist()[0].values())
    return Reject(line + row + 1, words, text.encode())
