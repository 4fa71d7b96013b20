"""Files of charging records as stretches of octets, and the rows that the BER kernel makes of them.

A stretch is read into a buffer of fixed size; what begins in its last MiB waits for the next, so that no record is
cut. Memory does not grow with the file.
"""

import bz2
import lzma
import os
from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np

from formats.cdr import FAMILIES, FAMILY_OF, PLAN, TAP_PLAN
from formats.cdr_file import BARE, ENDLESS, TAP, Framing, Roots, recognise
from formats.cdr_rows import CALL_RECORD, CONTAINER, RECORD, SESSION_RECORD, VOLUME, first_words
from kernels import cdr_scan as scanner
from kernels.ber import DAMAGE, new_stack
from kernels.cdr_finish import NAME_OCTETS, finish
from probe.reading import GzipStream, Raw, Stream, ZstdStream, _Packed, open_stream

__all__ = ["Batch", "Names", "Reject", "Scanner", "is_packed", "open_packed", "recognise_file"]

STRETCH = 8 << 20
MARGIN = scanner.LONGEST_RECORD
HEAD = 64 << 10
RECORDS, CONTAINERS, REJECTS = 1 << 12, 1 << 16, 1 << 10
"""Rows at once: records of some octets are filled and copied while they are in a cache."""

REASONS = {
    **DAMAGE,
    scanner.NO_RECORD: "no record begins here",
    scanner.SEARCH_LIMIT: "damaged so often that the search for good records was given up",
}


class _Unpacked(_Packed):
    """A stream that a decompressor of the standard library unpacks; several members follow one another."""

    def __init__(self, raw: Raw, kind: str) -> None:
        self._kind = kind
        super().__init__(raw)

    def _new(self) -> "bz2.BZ2Decompressor | lzma.LZMADecompressor":
        return bz2.BZ2Decompressor() if self._kind == "bz2" else lzma.LZMADecompressor()

    def _unpack(self) -> Generator[bytes, None, None]:
        member, packed = self._new(), b""
        while packed := packed or self._raw.read(1 << 16):
            try:
                yield member.decompress(packed, 1 << 16)
                while not member.eof and not member.needs_input:
                    yield member.decompress(b"", 1 << 16)
            except (OSError, EOFError, lzma.LZMAError) as error:
                self._fail(f"{self._kind} data damaged: {error}")
                return
            packed = member.unused_data.lstrip(b"\0") if member.eof else b""
            if member.eof:
                member = self._new()


def open_packed(path: str) -> Stream:
    """The octets of a file, unpacked from gzip, zstd, bzip2 or xz."""
    raw = Raw(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    head = raw.peek(6)
    if head.startswith(b"BZh"):
        return _Unpacked(raw, "bz2")
    return _Unpacked(raw, "xz") if head == b"\xfd7zXZ\x00" else open_stream(raw)


def size_of(stream: Stream) -> int:
    """Octets of the file where it is not packed, ENDLESS where it is."""
    packed = isinstance(stream, GzipStream | ZstdStream | _Unpacked)
    return ENDLESS if packed or getattr(stream, "size", None) is None else int(stream.size)  # type: ignore[attr-defined]


def is_packed(path: str) -> bool:
    """Whether a file is gzip, zstd, bzip2 or xz."""
    stream = open_packed(path)
    try:
        return size_of(stream) == ENDLESS
    finally:
        stream.close()


def recognise_file(path: str, roots: Roots) -> Framing | None:
    """How the charging records in a file are framed; None where it holds none."""
    stream = open_packed(path)
    try:
        return recognise(stream.peek(HEAD), size_of(stream), roots)
    finally:
        stream.close()


class Reject(NamedTuple):
    """A stretch that was refused: octet of the (unpacked) file, why, its octets."""

    offset: int
    reason: str
    data: bytes


class Batch(NamedTuple):
    """Rows of some thousand records, whole and of their own."""

    sessions: np.ndarray
    """SESSION_RECORD[n]: those of the family `session`; `first` is a row of `containers`"""
    containers: np.ndarray
    """VOLUME[m]"""
    others: np.ndarray
    """CALL_RECORD[k]: all others"""
    rejects: list[Reject]
    filler: int
    """octets of framing and filler among them"""
    unknown: int = 0
    """fields of which no table knows"""
    unreadable: int = 0
    """fields that cannot be what their table says: null"""


class Names:
    """Names that records refer to by number, one table for the run."""

    def __init__(self, capacity: int = 1 << 16) -> None:
        self.octets = np.zeros((capacity, NAME_OCTETS + 1), np.uint8)
        self.slots = np.full(4 * capacity, -1, np.int32)
        self.used = np.zeros(1, np.int64)
        self._added: dict[str, int] = {}
        self._texts: list[str] = []

    @property
    def full(self) -> bool:
        """Whether there was room for no more names; one that found none is null."""
        return int(self.used[0]) == len(self.octets)

    def add(self, text: str) -> int:
        """The number of a name that no record tells, -1 for the empty one and where there is no room."""
        number = self._added.get(text, -1)
        if number >= 0 or not text or self.full:
            return number
        octets = text.encode()[:NAME_OCTETS]
        number = int(self.used[0])
        self.octets[number, : 1 + len(octets)] = [len(octets), *octets]
        self.used[0] += 1  # not in `slots`: a record with the same name has a number of its own
        self._added[text] = number
        return number

    def texts(self) -> list[str]:
        """All names so far, by number."""
        for row in self.octets[len(self._texts) : self.used[0]]:
            self._texts.append(row[1 : 1 + row[0]].tobytes().decode("utf-8", "replace").lower())
        return list(self._texts)


class Scanner:
    """Reads files one after the other into the same buffers."""

    def __init__(self, names: Names, stretch: int = STRETCH, margin: int = MARGIN) -> None:
        self.names, self.stretch, self.margin, self._plan = names, stretch, margin, PLAN
        self._buffer = np.empty(stretch + 2 * margin, np.uint8)
        self._stack = new_stack()
        self._records, self._containers = np.zeros(RECORDS, RECORD), np.zeros(CONTAINERS, CONTAINER)
        self._rejects = np.zeros(REJECTS, scanner.REJECT)
        self.trouble = ""

    def read(self, path: str, framing: Framing, source: int) -> Iterator[Batch]:
        """The batches of one file, in order; `trouble` says afterwards why it ended before its time, if it did."""
        stream = open_packed(path)
        self.trouble, self._plan = "", TAP_PLAN if framing.kind == TAP else PLAN
        state = np.zeros(scanner.STATE_WORDS, np.int64)
        state[scanner.AT] = framing.first
        base = held = 0
        try:
            while True:
                room = self._buffer.data[held : self.stretch + self.margin]
                got = _fill(stream, room)
                end, final = held + got, got < len(room)
                stop = end if final else end - self.margin
                state[scanner.WASTED] = 0
                while state[scanner.AT] < stop:
                    yield self._batch(stop, end, framing, source, base, state)
                if final:
                    self.trouble = stream.trouble
                    return
                at = int(state[scanner.AT])
                held = max(end - at, 0)
                self._buffer[:held] = self._buffer[at : at + held].copy()
                state[scanner.AT], base = max(at - end, 0), base + at
        finally:
            stream.close()

    def _batch(self, stop: int, end: int, framing: Framing, source: int, base: int, state: np.ndarray) -> Batch:
        """The next rows that the kernel makes."""
        filler = int(state[scanner.FILLER])
        state[[scanner.RECORDS, scanner.CONTAINERS, scanner.REJECTS]] = 0
        scanner.scan(self._buffer, stop, end, framing.kind, framing.extra if framing.kind != BARE else 0, self._plan,
                     state, self._stack, self._records.view(np.int64).reshape(RECORDS, -1),
                     self._containers.view(np.int64).reshape(CONTAINERS, -1), self._rejects)  # fmt: skip
        rows, containers = int(state[scanner.RECORDS]), int(state[scanner.CONTAINERS])
        finish(self._buffer, self._records, rows, self.names.octets, self.names.slots, self.names.used)
        records = self._records[:rows]
        records["offset"] += base
        records["source"] = source
        rejects = [self._reject(row, base) for row in self._rejects[: state[scanner.REJECTS]]]
        of_session = FAMILY_OF[records["type"]] == FAMILIES.index("session")
        sessions = records if of_session.all() else records[of_session]
        return Batch(
            first_words(sessions, SESSION_RECORD), first_words(self._containers[:containers], VOLUME),
            first_words(records[~of_session], CALL_RECORD), rejects, int(state[scanner.FILLER]) - filler,
            int(records["unknown"].sum()), int(records["unreadable"].sum()),
        )  # fmt: skip

    def _reject(self, row: np.ndarray, base: int) -> Reject:
        first, octets = int(row["offset"]), int(row["octets"])
        words = REASONS[int(row["reason"])]
        if int(row["at"]) != first:
            words += f" (octet {base + int(row['at'])})"
        return Reject(base + first, words, self._buffer[first : first + octets].tobytes())


def _fill(stream: Stream, view: memoryview) -> int:
    """Fill `view`, less only at the end."""
    got = 0
    while got < len(view):
        step = stream.fill(view[got:])
        if not step:
            break
        got += step
    return got
