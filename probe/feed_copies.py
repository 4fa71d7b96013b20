"""Rows of feeds that stand in several files, found by a digest of all their fields.

The rule. Of rows that are alike in every field as many count as the file has that has most of them: two lines of one
file may well say the same of two things, a line that another file has too is the same one again. It does not depend on
the order of the files. Looked at are the first MOST rows of a run with several files of feeds.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernels.feed_text import count_copies, put_digests
from probe.feed_values import octets

__all__ = ["MOST", "Copies", "digests"]

MOST = 1 << 23
"""Rows that are remembered, in 40 octets each at most."""
FIRST = 1 << 12


def _texts(column: Any) -> pa.Array:
    if pa.types.is_nested(column.type):
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return pc.fill_null(column if pa.types.is_string(column.type) else column.cast(pa.string()), "\0")


def digests(batch: pa.RecordBatch) -> np.ndarray:
    """int64[n]: of all fields of each row, never 0."""
    out = np.ones(batch.num_rows, np.int64)
    for column in batch.columns:
        put_digests(*octets(_texts(column)), out)
    return out


class Copies:
    """The rows of the files so far."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self.full = most, False
        self._keys, self._counts = np.zeros(FIRST, np.int64), np.zeros((FIRST, 3), np.int32)
        self._used = np.zeros(1, np.int64)

    def mark(self, batch: pa.RecordBatch, number: int) -> np.ndarray:
        """bool[n]: rows of file `number` that are copies."""
        found, out, at = digests(batch), np.zeros(batch.num_rows, np.uint8), 0
        while True:
            at += count_copies(found[at:], number, self._keys, self._counts, self._used, out[at:])
            if at == found.size:
                return out.astype(bool)
            if int(self._used[0]) >= self._most:
                self.full = True
                return out.astype(bool)
            self._grow()

    def _grow(self) -> None:
        there = np.flatnonzero(self._keys)
        keys, counts = np.zeros(4 * self._keys.size, np.int64), np.zeros((4 * self._keys.size, 3), np.int32)
        used, old, kept = np.zeros(1, np.int64), self._keys[there], self._counts[there]
        count_copies(old, 0, keys, counts, used, np.zeros(old.size, np.uint8))
        order = np.argsort(keys)[keys.size - old.size :]
        counts[order] = kept[np.argsort(old)]
        self._keys, self._counts, self._used = keys, counts, used
