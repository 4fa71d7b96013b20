"""Delimited text as Arrow record batches, block by block of whole lines, so that damage stays where it is.

pyarrow's reader splits a block into fields. Where it refuses one, or finds fewer rows than there are lines, the lines
are looked at one by one: one that has not the fields that it should have, is no UTF-8 or opens a quote that no line
after it closes well is refused alone, and the rest is split. So a good line is read whatever stands before it.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from formats.feed import Feed

__all__ = ["Line", "Rows", "blocks", "csv_batches", "lines_in", "quoting", "salvage"]

BLOCK = 2 << 20
LONGEST_ROW = 1 << 20
"""Octets that a row with line breaks in quotes may go on after the end of a block."""
_UTF8 = ("utf8", "utf-8", "utf-8-sig", "ascii")


class Line(NamedTuple):
    """A line that was refused: its number in the file from 1, why, its octets."""

    number: int
    reason: str
    text: bytes


class Rows(NamedTuple):
    """Rows of a file, one a line as far as lines tell rows."""

    batch: pa.RecordBatch
    before: int = 0
    """lines of the file before the first row"""
    gaps: Sequence[int] = ()
    """numbers of lines among them that are no rows, in order"""
    texts: "bytes | Sequence[bytes]" = b""
    """of text: each row as it stands in the file, or the lines that they are"""

    def raw(self, row: int) -> bytes:
        """The octets of a row as they stand in the file; its fields between tabs where it is of columns."""
        texts = self.texts.split(b"\n") if isinstance(self.texts, bytes) else self.texts
        if len(texts) >= self.batch.num_rows:
            return texts[row].rstrip(b"\r\n")
        fields = self.batch.slice(row, 1).to_pylist()[0].values()
        return "\t".join("" if v is None else str(v) for v in fields).encode()

    def line(self, row: int) -> int:
        """The number of the line that a row stands in."""
        number = self.before + row + 1
        for gap in self.gaps:
            if gap > number:
                break
            number += 1
        return number


def lines_in(block: bytes) -> int:
    """How many lines end in a block."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))


def _recoded(file: BinaryIO, encoding: str) -> Callable[[int], bytes]:
    """`read` of a file as UTF-8; what its encoding does not know becomes U+FFFD."""
    if encoding.lower() in _UTF8:
        return file.read
    decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(size: int) -> bytes:
        while octets := file.read(size):
            if text := decoder.decode(octets).encode():
                return text
        return decoder.decode(b"", final=True).encode()

    return read


def blocks(file: BinaryIO, encoding: str = "utf8", quote: str = "") -> Iterator[bytes]:
    """Whole lines, some MiB at a time; a row with line breaks in quotes is not cut, if it is not too long."""
    read, mark, held, first = _recoded(file, encoding), quote.encode(), b"", True
    while got := read(BLOCK):
        if first:
            got, first = got.removeprefix(codecs.BOM_UTF8), False
        held += got
        end = held.rfind(b"\n") + 1
        if mark and mark in held and held.count(mark, 0, end) % 2:
            end = _even(held, mark, end) or (end if len(held) >= BLOCK + LONGEST_ROW else 0)
        if end:
            yield held[:end]
            held = held[end:]
    if held:
        yield held


def _even(held: bytes, mark: bytes, end: int) -> int:
    """The last line end before `end` at which every quote is closed, 0 for none near."""
    at = end
    while end - at < LONGEST_ROW:
        line = held.rfind(b"\n", 0, at - 1) + 1
        odd = held.count(mark, line, at) % 2
        at = line
        if odd or not at:
            return at
    return 0


def salvage(
    lines: Sequence[bytes], first: int, parse: Callable[[bytes], Any], refused: list[Line]
) -> Iterator[tuple[int, Any]]:
    """(number of its first line, what `parse` makes) of runs of lines; where it raises ArrowInvalid, a line is refused.

    first: the number of the first line.
    """
    waiting = [(0, len(lines))]
    while waiting:
        low, high = waiting.pop()
        try:
            made = parse(b"".join(lines[low:high]))
        except pa.ArrowInvalid as problem:
            if high - low == 1:
                words = " ".join(str(problem).split())[:200]
                refused.append(Line(first + low, words, lines[low].rstrip(b"\r\n")))
                continue
            middle = (low + high) // 2
            waiting += [(middle, high), (low, middle)]
            continue
        yield first + low, made


def quoting(feed: Feed) -> dict[str, Any]:
    """How Python's `csv.reader` is told to split a line of a feed."""
    how = csv.QUOTE_MINIMAL if feed.quote else csv.QUOTE_NONE
    return {"delimiter": feed.delimiter, "quotechar": feed.quote or None, "quoting": how}


class _Reader:
    """Splits blocks into the fields of a feed."""

    def __init__(self, feed: Feed, names: Sequence[str], refused: list[Line]) -> None:
        self._names, self._refused = list(names), refused
        self._comment, self._quote, self._delimiter = (
            feed.comment.encode(),
            feed.quote.encode(),
            feed.delimiter.encode(),
        )
        self._strict = quoting(feed) | {"strict": True}
        self._reading = pacsv.ReadOptions(use_threads=False, block_size=BLOCK + LONGEST_ROW + 1, column_names=names)
        self._plain = pacsv.ParseOptions(delimiter=feed.delimiter, quote_char=False, double_quote=False)
        self._quoted = pacsv.ParseOptions(
            delimiter=feed.delimiter, quote_char=feed.quote or False, newlines_in_values=True
        )
        self._converting = pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=list(feed.nulls),
            quoted_strings_can_be_null=True,
        )  # fmt: skip

    def _parse(self, block: bytes) -> pa.Table:
        if not block or block.isspace():
            return pa.table([pa.array([], pa.string())] * len(self._names), self._names)
        parsing = self._quoted if self._quote and self._quote in block else self._plain
        return pacsv.read_csv(io.BytesIO(block), self._reading, parsing, self._converting)

    def read(self, block: bytes, first: int, lines: int) -> Iterator[Rows]:
        """The rows of a block of some lines, of which the first has number `first`."""
        gaps: list[int] = []
        texts: Any = block
        try:
            table = self._parse(block)
            whole = table.num_rows == lines
        except pa.ArrowInvalid:
            whole = False
        if not whole:
            texts, gaps = self._sorted_out(block, first)
            made = list(salvage(texts, 0, self._parse, []))
            table = pa.concat_tables([each for _, each in made]) if made else self._parse(b"")
        if table.num_rows:
            yield Rows(table.combine_chunks().to_batches()[0], first - 1, gaps, texts)

    def _sorted_out(self, block: bytes, first: int) -> tuple[list[bytes], list[int]]:
        """Rows that are whole, each of one line or more, and the numbers of the lines with which none begins."""
        lines = block.split(b"\n")
        rows, gaps, at = [], [], 0
        while at < len(lines):
            line = lines[at]
            if not line.strip(b"\r") or (self._comment and line.startswith(self._comment)):
                gaps.append(first + at)
                at += 1
                continue
            end, why = self._row_end(lines, at)
            if why:
                self._refused.append(Line(first + at, why, line.rstrip(b"\r")))
                gaps.append(first + at)
            else:
                rows.append(b"\n".join(lines[at:end]) + b"\n")
                gaps += range(first + at + 1, first + end)
            at = end
        return rows, gaps

    def _row_end(self, lines: list[bytes], at: int) -> tuple[int, str]:
        """The line after the row that begins with lines[at], and why it is none: then only that line is passed over."""
        end, row = at + 1, lines[at]
        if self._quote and row.count(self._quote) % 2:
            octets = len(row)
            while end < len(lines) and octets < LONGEST_ROW and not lines[end].count(self._quote) % 2:
                octets += len(lines[end])
                end += 1
            end = min(end + 1, len(lines))
            row = b"\n".join(lines[at:end])
        why = self._flaw(row)
        return (at + 1, why) if why else (end, "")

    def _flaw(self, row: bytes) -> str:
        """What is wrong with a row, nothing where it is whole."""
        try:
            text = row.decode()
        except UnicodeDecodeError as problem:
            return f"no UTF-8: octet {problem.start + 1} of the line is {row[problem.start]:02x}"
        count = row.count(self._delimiter) + 1
        if self._quote and self._quote in row:
            try:
                fields = list(csv.reader(io.StringIO(text.rstrip("\r"), newline=""), **self._strict))
            except csv.Error as problem:
                return f"quotes that do not match: {problem}"
            count = len(fields[0]) if len(fields) == 1 else 0
        return "" if count == len(self._names) else f"{count or 'several rows of'} fields, expected {len(self._names)}"


def csv_batches(feed: Feed, file: BinaryIO, names: Sequence[str], skip: int, refused: list[Line]) -> Iterator[Rows]:
    """The rows of a file, of which `skip` lines come before the first row.

    names: of the fields. What cannot be read is added to `refused`.
    """
    reader, line = _Reader(feed, names, refused), 1
    for block in blocks(file, feed.encoding, feed.quote):
        while skip and block:
            _, _, block = block.partition(b"\n")
            skip, line = skip - 1, line + 1
        if block:
            lines = lines_in(block) + (not block.endswith(b"\n"))
            yield from reader.read(block, line, lines)
            line += lines
