"""Records of a run until all are read: in memory, and where they are many in a file, apart by session or call.

The rule. Records lie in memory up to HELD octets of rows. Beyond that all of them go to one temporary file in the
folder of the output, in parts by a hash of what makes records one session or one call, and each part is put together
alone. A part has all records of its sessions and all copies of a record, in whatever file and order they came, so
the rows are the same; only the files that they stand in differ. Memory: HELD and one part; a session is never cut.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from formats.cdr_rows import CALL_RECORD, SESSION_RECORD, VOLUME
from kernels.cdr_sessions import group_keys
from probe.archive_files import Batch
from probe.writer import cannot_write

__all__ = ["HELD", "Collected", "Store", "collect", "parts_for"]

HELD = 256 << 20
"""Octets of rows that lie in memory: of some 600,000 PGW-CDRs."""
PARTS, MOST_PARTS = 32, 4096
OCTETS_PER_PART = 48 << 20
"""Octets of input whose rows make one part; rows take about one and a half times as much."""

_DTYPES = (SESSION_RECORD, VOLUME, CALL_RECORD)


class Collected(NamedTuple):
    """Records of a part: those of sessions with their containers, and all others."""

    sessions: np.ndarray
    containers: np.ndarray
    others: np.ndarray


class _Chunk(NamedTuple):
    """What was written at once: where each table of it begins in the file, and the first row of each part in it."""

    at: tuple[int, int, int]
    first: tuple[np.ndarray, np.ndarray, np.ndarray]


def collect(batches: list[Batch]) -> Collected:
    """All batches as one; `first` points into the whole. Takes the batches, so that no row is held twice."""
    sizes = np.array([(b.sessions.size, b.containers.size, b.others.size) for b in batches], np.int64).reshape(-1, 3)
    whole = Collected(*(np.empty(n, d) for n, d in zip(sizes.sum(axis=0), _DTYPES, strict=True)))
    at = np.zeros(3, np.int64)
    batches.reverse()
    for size in sizes:
        batch = batches.pop()
        batch.sessions["first"] += at[1]
        for into, rows, first in zip(whole, batch[:3], at, strict=True):
            into[first : first + rows.size] = rows
        at += size
    return whole


def parts_for(octets: int) -> int:
    """Parts for an input of some octets, should it not fit in memory."""
    return min(max(PARTS, octets // OCTETS_PER_PART), MOST_PARTS)


def _moved(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """rows[order], whole rows at a time."""
    return rows.view(f"V{rows.dtype.itemsize}")[order].view(rows.dtype)


def _ranges(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """int64[sum(counts)]: first, first + 1, ... of each row."""
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts)


class Store:
    """Takes batches of records, and gives them back part by part."""

    def __init__(self, folder: Path, keys_of: Callable[[np.ndarray], np.ndarray], parts: int, held: int = HELD) -> None:
        """keys_of: uint64[n], the call of each CALL_RECORD."""
        self._folder, self._keys_of, self._parts, self._most = folder, keys_of, parts, held
        self._batches: list[Batch] = []
        self._held = 0
        self._chunks: list[_Chunk] = []
        self._file: Any = None

    def add(self, batch: Batch) -> None:
        """Take the records of a batch."""
        self._batches.append(batch)
        self._held += sum(rows.nbytes for rows in batch[:3])
        if self._held > self._most:
            self._spill()

    def parts(self) -> Iterator[Collected]:
        """Each part once; the store is empty then."""
        if not self._chunks:
            yield collect(self._batches)
            return
        self._spill()
        try:
            for part in range(self._parts):
                yield collect([self._read(chunk, part) for chunk in self._chunks])
        finally:
            self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        """Write what is held, ordered by part."""
        whole = collect(self._batches)
        self._held = 0
        keys = np.empty(whole.sessions.size, np.uint64)
        group_keys(whole.sessions.view(np.recarray), keys)
        sessions, first = self._by_part(whole.sessions, keys)
        containers = _moved(whole.containers, _ranges(sessions["first"], sessions["containers"]))
        begins = np.cumsum(sessions["containers"]) - sessions["containers"]
        of_part = np.append(begins, containers.size)[first]
        sessions["first"] = begins - np.repeat(of_part[:-1], np.diff(first))
        others, first_other = self._by_part(whole.others, self._keys_of(whole.others))
        at = self._write(sessions, containers, others)
        self._chunks.append(_Chunk(at, (first, of_part, first_other)))

    def _by_part(self, rows: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows ordered by part, and int64[parts + 1] where each begins."""
        part = ((keys >> np.uint64(33)) % np.uint64(self._parts)).astype(np.uint16)
        edges = np.cumsum(np.bincount(part, minlength=self._parts))
        return _moved(rows, np.argsort(part, kind="stable")), np.concatenate([[0], edges])

    def _write(self, *tables: np.ndarray) -> tuple[int, int, int]:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix=".records.", dir=self._folder, buffering=0)  # noqa: SIM115
            at = []
            for rows in tables:
                at.append(self._file.seek(0, os.SEEK_END))
                rows.tofile(self._file)
        except OSError as problem:
            raise cannot_write(self._folder / "temporary file of records", problem) from problem
        return at[0], at[1], at[2]

    def _read(self, chunk: _Chunk, part: int) -> Batch:
        tables = []
        for at, first, dtype in zip(chunk.at, chunk.first, _DTYPES, strict=True):
            self._file.seek(at + int(first[part]) * dtype.itemsize)
            tables.append(np.fromfile(self._file, dtype, int(first[part + 1] - first[part])))
        sessions, containers, others = tables
        return Batch(sessions, containers, others, [], 0)
