"""Tables of a fixed size: rows in a pool, found through an open-addressing index of 8-octet slots.

The index stays small enough for the cache while rows are wide: a lookup costs one slot (L2 or L3) and one row (DRAM when
cold), and both can be prefetched. A slot holds 31 bits of the hash and the row number, so most mismatches never touch a
row, and removal can shift slots back without asking rows for their hash. Rows are handed out densely and reused last
in, first out: the memory in use is that of the most rows ever live, whatever the capacity.
"""

from typing import NamedTuple

import numpy as np

from kernels.jit import kernel

HIGH, FREE, LIVE, REFUSED = range(4)
"""Cursors in `Pool.meta`: rows ever used, rows in the free list, rows live, rows refused because the table was full."""

ROW_MASK = 0xFFFF_FFFF


class Pool(NamedTuple):
    """`rows` structured[n], `index` int64[2^k >= 2 n], `free` int32[n], `meta` int64[4]."""

    rows: np.ndarray
    index: np.ndarray
    free: np.ndarray
    meta: np.ndarray


def allocate(dtype: np.dtype, capacity: int, indexed: bool = True) -> Pool:
    """An empty pool of `capacity` rows; untouched pages cost no memory."""
    slots = 1 << max(1, (2 * capacity - 1).bit_length()) if indexed else 1
    return Pool(np.zeros(capacity, dtype), np.zeros(slots, np.int64), np.zeros(capacity, np.int32), np.zeros(4, np.int64))


@kernel
def tag_of(hashed):  # type: ignore[no-untyped-def]
    """The 31 bits of a uint64 hash that a slot keeps, as int64; they also give the home slot."""
    return np.int64(hashed >> np.uint64(33))


@kernel
def take(pool):  # type: ignore[no-untyped-def]
    """A row number that is not live, or -1 when the table is full (counted)."""
    meta = pool.meta
    if meta[FREE] > 0:
        meta[FREE] -= 1
        meta[LIVE] += 1
        return np.int64(pool.free[meta[FREE]])
    if meta[HIGH] < len(pool.rows):
        meta[HIGH] += 1
        meta[LIVE] += 1
        return meta[HIGH] - 1
    meta[REFUSED] += 1
    return np.int64(-1)


@kernel
def give(pool, row):  # type: ignore[no-untyped-def]
    """Hand a row back."""
    pool.free[pool.meta[FREE]] = row
    pool.meta[FREE] += 1
    pool.meta[LIVE] -= 1


@kernel
def link(index, hashed, row):  # type: ignore[no-untyped-def]
    """Enter `row` under its hash. The index is at most half full, so the loop ends."""
    mask = len(index) - 1
    tag = tag_of(hashed)
    slot = tag & mask
    while index[slot] != 0:
        slot = (slot + 1) & mask
    index[slot] = (tag << 32) | (row + 1)


@kernel
def unlink(index, hashed, row):  # type: ignore[no-untyped-def]
    """Remove `row`; later slots of the same run move back, so no tombstones are left."""
    mask = len(index) - 1
    slot = tag_of(hashed) & mask
    while index[slot] != 0 and (index[slot] & ROW_MASK) != row + 1:
        slot = (slot + 1) & mask
    if index[slot] == 0:
        return
    hole = slot
    slot = (slot + 1) & mask
    while index[slot] != 0:
        home = (index[slot] >> 32) & mask
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            index[hole] = index[slot]
            hole = slot
        slot = (slot + 1) & mask
    index[hole] = 0


@kernel
def candidate(index, tag, slot):  # type: ignore[no-untyped-def]
    """The next slot at or after `slot` that holds `tag`: (slot, row), row -1 where the run ends."""
    mask = len(index) - 1
    while index[slot] != 0:
        entry = index[slot]
        if (entry >> 32) == tag:
            return slot, (entry & ROW_MASK) - 1
        slot = (slot + 1) & mask
    return slot, np.int64(-1)
