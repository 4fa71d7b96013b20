"""Files of text and columns as Arrow record batches of strings (text) or of what they hold (columns)."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

from formats.feed import Feed
from probe.archive_files import open_packed
from probe.reading import Stream

__all__ = ["FeedFile", "layout_of", "lines_before", "read_batches"]

BLOCK = 8 << 20


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
    """An open file, unpacked, and the rows of it that could not be split into fields."""

    def __init__(self, path: str, comment: str = "") -> None:
        self.path, self.comment = path, comment
        self.refused: list[tuple[int, str, str]] = []
        self._stream = open_packed(path)

    def file(self) -> io.BufferedReader:
        """The octets."""
        return io.BufferedReader(_File(self._stream), 1 << 20)

    def refuse(self, row: Any) -> str:
        """Note a line with too few or too many fields and go on."""
        if self.comment and str(row.text).startswith(self.comment):
            return "skip"
        words = f"{row.actual_columns} fields, expected {row.expected_columns}"
        self.refused.append((int(row.number or 0), words, str(row.text)))
        return "skip"


def _csv(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    head, skip, names = layout_of(feed, opened.path), feed.skip, list(feed.columns) or None
    opened.comment = feed.comment
    if feed.comment:
        skip, names = _comments(feed, opened.path)[0], head
    named = bool(feed.comment) or not feed.header
    reading = pacsv.ReadOptions(
        use_threads=False, block_size=BLOCK, skip_rows=skip, encoding=feed.encoding,
        column_names=names if named else None, autogenerate_column_names=named and names is None,
    )  # fmt: skip
    parsing = pacsv.ParseOptions(
        delimiter=feed.delimiter, quote_char=feed.quote or False, invalid_row_handler=opened.refuse,
        newlines_in_values=bool(feed.quote),
    )  # fmt: skip
    converting = pacsv.ConvertOptions(
        column_types=dict.fromkeys(head, pa.string()), strings_can_be_null=True, null_values=list(feed.nulls),
        quoted_strings_can_be_null=True,
    )  # fmt: skip
    yield from pacsv.open_csv(pa.PythonFile(opened.file(), "r"), reading, parsing, converting)


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
    """The names of a text file's fields: its header, the feed's columns, or f0, f1, ..."""
    if feed.comment:
        return _comments(feed, path)[1]
    if feed.columns and not feed.header:
        return list(feed.columns)
    opened = FeedFile(path)
    with opened.file() as file:
        for _ in range(feed.skip):
            file.readline(1 << 20)
        line = file.readline(1 << 20)
    text = line.decode("utf-8" if feed.encoding == "utf8" else feed.encoding, "replace").rstrip("\r\n")
    options = pacsv.ParseOptions(delimiter=feed.delimiter, quote_char=feed.quote or False)
    if not text:
        return []
    reading = pacsv.ReadOptions(autogenerate_column_names=True)
    strings = pacsv.ConvertOptions(column_types={f"f{i}": pa.string() for i in range(4096)})
    row = pacsv.read_csv(io.BytesIO(text.encode() + b"\n"), reading, options, strings)
    return [str(c[0]) for c in row.columns] if feed.header else row.column_names


def _fixed(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    reading = pacsv.ReadOptions(use_threads=False, block_size=BLOCK, skip_rows=feed.skip + feed.header,
                                column_names=["line"], encoding=feed.encoding)  # fmt: skip
    parsing = pacsv.ParseOptions(delimiter="\x01", quote_char=False)
    converting = pacsv.ConvertOptions(column_types={"line": pa.string()}, strings_can_be_null=False)
    for batch in pacsv.open_csv(pa.PythonFile(opened.file(), "r"), reading, parsing, converting):
        columns, at = [], 0
        for width in feed.widths:
            field = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(batch.column(0), at, at + width))
            columns.append(pc.if_else(pc.is_in(field, pa.array(feed.nulls)), pa.scalar(None, pa.string()), field))
            at += width
        yield pa.RecordBatch.from_arrays(columns, names=list(feed.columns))


def _json(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    with opened.file() as file:
        while lines := file.readlines(BLOCK):
            try:
                table = pajson.read_json(io.BytesIO(b"".join(lines)), pajson.ReadOptions(use_threads=False))
                yield from table.to_batches()
            except pa.ArrowInvalid:
                yield from _json_by_line(lines, opened)


def _json_by_line(lines: list[bytes], opened: FeedFile) -> Iterator[pa.RecordBatch]:
    good = []
    for number, line in enumerate(lines, 1):
        try:
            pajson.read_json(io.BytesIO(line))
            good.append(line)
        except pa.ArrowInvalid as problem:
            opened.refused.append((number, f"not JSON: {problem}", line.decode("utf-8", "replace")))
    if good:
        yield from pajson.read_json(io.BytesIO(b"".join(good))).to_batches()


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


_READERS: dict[str, Callable[[Feed, FeedFile], Iterator[pa.RecordBatch]]] = {
    "csv": _csv, "fixed": _fixed, "jsonl": _json, "parquet": _parquet, "arrow": _arrow, "orc": _orc,
}  # fmt: skip


def read_batches(feed: Feed, opened: FeedFile) -> Iterator[pa.RecordBatch]:
    """The rows of a file as the feed says; lines that do not split into fields go to `opened.refused`."""
    yield from _READERS[feed.format](feed, opened)
