"""Several captures as one stream in order of time.

One source at a time is passed on block by block, untouched. Where sources overlap in time their packets are copied into
blocks of their own, in order. Within a source, file order holds: a packet counts as no earlier than those before it.
Packets of the same time are never split between two batches (unless there are more than a batch can hold), so that they
can be put into one order (`kernels.order`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from formats.capture import TS_MAX
from formats.records import RECORD
from kernels.gather import gather
from probe.sources import Block, Source

__all__ = ["Batch", "batches"]

MERGED_RECORDS = 1 << 16


class Batch(NamedTuple):
    """Packets in order of time; `release` when nothing needs `data` any more."""

    data: np.ndarray
    records: np.ndarray
    release: Callable[[], None]


class _Cursor:
    """One source, its present block, and the block after it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.floor = -(2**63)
        self.block: Block | None = None
        self.after = source.read()
        self.advance()

    def advance(self) -> None:
        """Go on to the next block; the one before stays valid until it is released."""
        self.block, self.after = self.after, None
        self.at = 0
        if self.block is not None:
            self.keys = np.maximum.accumulate(self.block.records["ts"])
            np.maximum(self.keys, self.floor, out=self.keys)
            self.floor = int(self.keys[-1])
            self.after = self.source.read()

    @property
    def last(self) -> int:
        """Time up to which this source is known."""
        return int(self.keys[-1])

    def continues(self) -> bool:
        """Whether the next block begins at the time at which this one ends."""
        return self.after is not None and int(self.after.records["ts"][0]) <= self.last


def _nothing() -> None:
    pass


def _join(pieces: Sequence[tuple[Block, np.ndarray, int, int]]) -> Batch:
    """Copy records [begin, end) of several blocks into one batch, by time, then by the order of the pieces."""
    keys = np.concatenate([keys[begin:end] for _, keys, begin, end in pieces])
    place = np.empty(len(keys), np.int64)
    place[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    sizes = np.concatenate([block.records["captured"][begin:end] for block, _, begin, end in pieces]).astype(np.int64)
    placed = np.empty(len(keys), np.int64)
    placed[place] = sizes
    records = np.zeros(len(keys), RECORD)
    records["offset"] = np.cumsum(placed) - placed
    data = np.empty(int(sizes.sum()), np.uint8)
    at = 0
    for block, _, begin, end in pieces:
        gather(block.data, block.records, begin, end, data, records, place[at : at + end - begin])
        at += end - begin
    return Batch(data, records, _nothing)


def _whole(cursor: _Cursor) -> Batch:
    """The rest of a block, as it lies."""
    block = cursor.block
    assert block is not None
    return Batch(block.data, block.records[cursor.at :], lambda: cursor.source.release(block))


def _take(cursors: list[_Cursor], horizon: int) -> tuple[Batch | None, list[_Cursor]]:
    """All packets up to and at `horizon`, joined; and the cursors that go on."""
    pieces: list[tuple[Block, np.ndarray, int, int]] = []
    done: list[tuple[Source, Block]] = []
    taken = 0
    for cursor in cursors:
        while cursor.block is not None:
            end = int(np.searchsorted(cursor.keys, horizon, side="right"))
            if end > cursor.at:
                pieces.append((cursor.block, cursor.keys, cursor.at, end))
                taken += end - cursor.at
            cursor.at = end
            if end < len(cursor.keys) or not (cursor.continues() or cursor.after is None):
                break
            done.append((cursor.source, cursor.block))
            cursor.advance()
            if taken > MERGED_RECORDS:
                break
    batch = _join(pieces) if pieces else None
    for source, block in done:
        source.release(block)
    return batch, [cursor for cursor in cursors if cursor.block is not None]


def _spent(cursors: list[_Cursor]) -> None:
    """Go on from blocks that have been taken whole."""
    for cursor in cursors:
        while cursor.block is not None and cursor.at >= len(cursor.keys):
            block = cursor.block
            cursor.advance()
            cursor.source.release(block)


def batches(sources: Sequence[Source]) -> Iterator[Batch]:
    """The packets of all sources in order of time. Memory: two blocks for each source that is open at a time."""
    waiting = sorted((s for s in sources if s.first_ts < TS_MAX), key=lambda s: (s.first_ts, s.index))
    waiting += [s for s in sources if s.first_ts >= TS_MAX]
    cursors: list[_Cursor] = []
    while waiting or cursors:
        horizon = min((cursor.last for cursor in cursors), default=-(2**63))
        if waiting and (not cursors or waiting[0].first_ts <= horizon):
            cursor = _Cursor(waiting.pop(0))
            if cursor.block is not None:
                cursors.append(cursor)
                cursors.sort(key=lambda c: c.source.index)
            continue
        if len(cursors) == 1 and not cursors[0].continues():
            cursor = cursors[0]
            batch = _whole(cursor)
            cursor.advance()
            cursors = [cursor] if cursor.block is not None else []
            yield batch
            continue
        batch_or_none, cursors = _take(cursors, horizon)
        _spent(cursors)
        cursors = [cursor for cursor in cursors if cursor.block is not None]
        if batch_or_none is not None:
            yield batch_or_none
