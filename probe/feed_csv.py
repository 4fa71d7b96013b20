"""Delimited text as Arrow record batches, block by block of whole lines, so that damage stays where it is.

pyarrow's reader splits a block into fields. Where it refuses one, the block is read again in halves until the lines
that are to blame stand alone; and where a quote that is never closed swallows lines, each of them is tried alone. So
a good line is read whatever stands before it.
"""

import codecs
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from formats.feed import Feed

__all__ = ["Line", "Rows", "blocks", "csv_batches", "lines_in", "salvage"]

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
    octets: bytes = b""
    """the lines, where they are text"""

    def raw(self, row: int) -> bytes:
        """The octets of a row as they stand in the file; its fields between tabs where lines do not tell rows."""
        lines = self.octets.splitlines()
        at = self.line(row) - self.before - 1
        if at < len(lines) and len(lines) == self.batch.num_rows + len(self.gaps):
            return lines[at]
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
        if mark and mark in held and held.count(mark, 0, end) % 2 and len(held) < BLOCK + LONGEST_ROW:
            end = _even(held, mark, end)
        if end:
            yield held[:end]
            held = held[end:]
    if held:
        yield held


def _even(held: bytes, mark: bytes, end: int) -> int:
    """The last line end before `end` at which every quote is closed; `end` where there is none near."""
    at, open_ = end, True
    while open_ and (line := held.rfind(b"\n", 0, at - 1) + 1) and end - line < LONGEST_ROW:
        open_ ^= held.count(mark, line, at) % 2 == 1
        at = line
    return end if open_ else at


def salvage(
    lines: Sequence[bytes], first: int, parse: Callable[[bytes], Any], refused: list[Line]
) -> Iterator[tuple[int, Any]]:
    """(number of its first line, what `parse` makes) of runs of lines; those that it raises ArrowInvalid for are refused.

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


class _Reader:
    """Splits blocks into the fields of a feed."""

    def __init__(self, feed: Feed, names: Sequence[str], refused: list[Line]) -> None:
        self._names, self._comment, self._refused = list(names), feed.comment, refused
        self._odd: list[tuple[int, str, str]] = []
        self._reading = pacsv.ReadOptions(use_threads=False, block_size=BLOCK + LONGEST_ROW + 1, column_names=names)
        self._quote = feed.quote.encode()
        self._plain = pacsv.ParseOptions(
            delimiter=feed.delimiter, quote_char=False, double_quote=False, invalid_row_handler=self._note
        )
        self._parsing = pacsv.ParseOptions(
            delimiter=feed.delimiter, quote_char=feed.quote or False, newlines_in_values=True,
            invalid_row_handler=self._note,
        )  # fmt: skip
        self._converting = pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=list(feed.nulls),
            quoted_strings_can_be_null=True,
        )  # fmt: skip

    def _note(self, row: Any) -> str:
        words = f"{row.actual_columns} fields, expected {row.expected_columns}"
        self._odd.append((int(row.number or 1), words, str(row.text)))
        return "skip"

    def _parse(self, block: bytes) -> pa.Table:
        self._odd.clear()
        if block.isspace():
            return pa.table([pa.array([], pa.string())] * len(self._names), self._names)
        parsing = self._parsing if self._quote and self._quote in block else self._plain
        return pacsv.read_csv(io.BytesIO(block), self._reading, parsing, self._converting)

    def read(self, block: bytes, first: int) -> Iterator[Rows]:
        """The rows of a block whose first line has number `first`."""
        try:
            runs = [(first, self._parse(block), list(self._odd), block)]
        except pa.ArrowInvalid:
            made = salvage(block.splitlines(True), first, self._parse, self._refused)
            runs = [(number, table, list(self._odd), b"") for number, table in made]
        for number, table, odd, octets in runs:
            gaps = [number + row - 1 for row, _, _ in odd]
            if table.num_rows:
                yield Rows(table.combine_chunks().to_batches()[0], number - 1, gaps, octets)
            for gap, (_, words, text) in zip(gaps, odd, strict=True):
                yield from self._again(gap, words, text)

    def _again(self, number: int, words: str, text: str) -> Iterator[Rows]:
        """The lines of a row that has not the fields that it should have: one by one, where they are several."""
        if self._comment and text.startswith(self._comment):
            return
        lines = text.encode().splitlines(True)
        if len(lines) < 2:
            self._refused.append(Line(number, words, text.encode()))
            return
        for at, line in enumerate(lines, number):
            for _, table in salvage([line], at, self._parse, self._refused):
                self._refused.extend(Line(at, why, line.rstrip(b"\r\n")) for _, why, _ in self._odd)
                if table.num_rows:
                    yield Rows(table.to_batches()[0], at - 1)


def csv_batches(feed: Feed, file: BinaryIO, names: Sequence[str], skip: int, refused: list[Line]) -> Iterator[Rows]:
    """The rows of a file, of which `skip` lines come before the first row.

    names: of the fields. What cannot be read is added to `refused`.
    """
    reader, line = _Reader(feed, names, refused), 1
    for block in blocks(file, feed.encoding, feed.quote):
        while skip and block:
            _, _, block = block.partition(b"\n")
            skip, line = skip - 1, line + 1
        yield from reader.read(block, line)
        line += lines_in(block)
