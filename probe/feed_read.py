"""Files of text and columns as Arrow record batches of strings (text) or of what they hold (columns)."""

import csv
import io
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson
import pyarrow.parquet as pq

from formats.feed import Feed
from probe.archive_files import open_packed
from probe.feed_csv import Line, Rows, blocks, csv_batches, lines_in, quoting, salvage
from probe.reading import Stream

__all__ = ["FeedFile", "layout_of", "lines_before", "read_ahead", "read_batches"]


AHEAD = 2
"""Batches that are read before they are asked for."""


class _File(io.RawIOBase):
    """A stream as Python's files are."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._stream.fill(memoryview(buffer))

    def close(self) -> None:
        self._stream.close()
        super().close()


class FeedFile:
    """An open file, unpacked, and the lines of it that could not be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.refused: list[Line] = []
        self._stream = open_packed(path)

    @property
    def trouble(self) -> str:
        """Why the file ended before its time, if it did."""
        return self._stream.trouble

    def file(self) -> io.BufferedReader:
        """The octets."""
        return io.BufferedReader(_File(self._stream), 1 << 20)


def _csv(feed: Feed, opened: FeedFile) -> Iterator[Rows]:
    names = layout_of(feed, opened.path)
    return csv_batches(feed, opened.file(), names, lines_before(feed, opened.path), opened.refused)


def _comments(feed: Feed, path: str) -> tuple[int, list[str]]:
    """How many lines of comment a text file begins with, and the names of the fields that one of them tells."""
    count, names = 0, []
    with FeedFile(path).file() as file:
        while (line := file.readline(1 << 20).decode("utf-8", "replace")).startswith(feed.comment):
            words = line[len(feed.comment) :].rstrip("\r\n").split(feed.delimiter)
            if words[0] == "fields":
                names = words[1:]
            count += 1
    return count, names


def lines_before(feed: Feed, path: str) -> int:
    """Lines of a file before its first row."""
    return _comments(feed, path)[0] if feed.comment else feed.skip + feed.header


def layout_of(feed: Feed, path: str) -> list[str]:
    """The names of a text file's fields: its header, the feed's columns (of which a file may lack the last), or f0, f1,
    ..."""
    if feed.comment:
        return _comments(feed, path)[1]
    if feed.columns and not feed.header and len(feed.match_columns) < 2:
        return list(feed.columns)
    opened = FeedFile(path)
    with opened.file() as file:
        for _ in range(feed.skip):
            file.readline(1 << 20)
        line = file.readline(1 << 20)
    text = line.decode("utf-8" if feed.encoding == "utf8" else feed.encoding, "replace").rstrip("\r\n")
    if not text:
        return []
    row = next(csv.reader([text], **quoting(feed)))
    if feed.header:
        return row
    return list(feed.columns[: len(row)]) if feed.columns else [f"f{i}" for i in range(len(row))]


def _fixed(feed: Feed, opened: FeedFile) -> Iterator[Rows]:
    plain = feed._replace(delimiter="\x01", quote="", nulls=(), comment="")
    for rows in csv_batches(plain, opened.file(), ["line"], feed.skip + feed.header, opened.refused):
        columns, at = [], 0
        for width in feed.widths:
            field = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(rows.batch.column(0), at, at + width))
            columns.append(pc.if_else(pc.is_in(field, pa.array(feed.nulls)), pa.scalar(None, pa.string()), field))
            at += width
        yield rows._replace(batch=pa.RecordBatch.from_arrays(columns, names=list(feed.columns)))


def _read_json(block: bytes) -> pa.Table:
    if block.isspace():
        return pa.table({})
    return pajson.read_json(io.BytesIO(block), pajson.ReadOptions(use_threads=False, block_size=len(block) + 1))


def _json(feed: Feed, opened: FeedFile) -> Iterator[Rows]:
    """Lines of JSON; where a field is a number in one line and a text in another, in several batches."""
    line = 1
    for block in blocks(opened.file(), feed.encoding):
        try:
            made = [(line, _read_json(block), block)]
        except pa.ArrowInvalid:
            runs = salvage(block.splitlines(True), line, _read_json, opened.refused)
            made = [(number, table, b"") for number, table in runs]
        for number, table, octets in made:
            if table.num_rows:
                yield Rows(table.combine_chunks().to_batches()[0], number - 1, texts=octets)
        line += lines_in(block)


def _counted(batches: Iterable[pa.RecordBatch]) -> Iterator[Rows]:
    """Batches of columns; a row's number stands for its line."""
    before = 0
    for batch in batches:
        yield Rows(batch, before)
        before += batch.num_rows


def _parquet(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(opened.path).iter_batches()


def _arrow(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    source = pa.memory_map(opened.path)
    try:
        reader = pa.ipc.open_file(source)
        yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
    except pa.ArrowInvalid:
        source.seek(0)
        yield from pa.ipc.open_stream(source)


def _orc(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    import pyarrow.orc as orc

    file = orc.ORCFile(opened.path)
    for stripe in range(file.nstripes):
        yield file.read_stripe(stripe)


_LINES: dict[str, Callable[[Feed, FeedFile], Iterator[Rows]]] = {"csv": _csv, "fixed": _fixed, "jsonl": _json}
_COLUMNS: dict[str, Callable[[Feed, FeedFile], Iterator[pa.RecordBatch]]] = {
    "parquet": _parquet, "arrow": _arrow, "orc": _orc,
}  # fmt: skip


def read_batches(feed: Feed, opened: FeedFile) -> Iterator[Rows]:
    """The rows of a file as the feed says; lines that cannot be read go to `opened.refused`."""
    if feed.format in _LINES:
        return _LINES[feed.format](feed, opened)
    return _counted(_COLUMNS[feed.format](feed, opened))


def read_ahead(feed: Feed, opened: FeedFile) -> Iterator[tuple[Rows | None, list[Line]]]:
    """The rows of a file and the lines that were refused before them; a thread reads while the caller is at work."""
    waiting: queue.Queue[Any] = queue.Queue(AHEAD)
    wanted = threading.Event()
    wanted.set()

    def offer(item: Any) -> None:
        while wanted.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for rows in read_batches(feed, opened):
                refused = opened.refused[:]
                opened.refused.clear()
                offer((rows, refused))
                if not wanted.is_set():
                    return
            offer((None, opened.refused))
        except BaseException as error:
            offer(error)

    threading.Thread(target=work, name="feed", daemon=True).start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if item[0] is None:
                return
    finally:
        wanted.clear()
