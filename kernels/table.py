"""Tables of a fixed size: rows in a pool, found through an open-addressing index of 8-octet slots.

The index grows with what is live (up to its fixed room), so it stays small enough for the cache while rows are
wide: a lookup costs one slot (L2 or L3) and one row (DRAM when cold), and both can be prefetched. A slot holds 31
bits of the hash and the row number, so most mismatches never touch a row, and removal can shift slots back without
asking rows for their hash. Rows are handed out densely and reused last in, first out: the memory in use is that of
the most rows ever live, whatever the capacity.

A pool is POOL_WORDS of an int64 array (`words`, from `base` on): its counters and the addresses of its arrays.
"""

import numpy as np

from kernels.jit import inlined, part
from kernels.memory import view

HIGH, FREE, LIVE, REFUSED, CAPACITY, ROWS, INDEX, SLOTS, FREE_LIST, MOST_SLOTS, SPARE = range(11)
"""Words of a pool: rows ever used, rows in the free list, rows live, rows refused because the table was full, rows
there are, address of the rows, address and length of the index, address of the free list, the most slots that the index
may have, address of the room in which it is rebuilt."""
POOL_WORDS = 16
LINE = 64
FEWEST_SLOTS = 1 << 12

ROW_MASK = 0xFFFF_FFFF

index_of = view(np.dtype(np.int64), INDEX, SLOTS)
"""(words, base): the index of the pool at `base`, int64[2^k]."""
free_list = view(np.dtype(np.int32), FREE_LIST, CAPACITY)
"""(words, base): the free list of the pool at `base`, int32[capacity]."""
spare_of = view(np.dtype(np.int64), SPARE, SLOTS)
"""(words, base): room for a copy of the index, int64[slots]."""


def aligned(count: int, dtype: np.dtype) -> np.ndarray:
    """Zeros that begin at a cache line, so that a row of whole lines lies in no more than it has to."""
    memory = np.zeros(count * dtype.itemsize + LINE, np.uint8)
    skip = -memory.ctypes.data % LINE
    return memory[skip : skip + count * dtype.itemsize].view(dtype)


def allocate(words: np.ndarray, dtype: np.dtype, capacity: int, indexed: bool = True) -> tuple[np.ndarray, ...]:
    """Make the pool that `words` (int64[POOL_WORDS]) describes; returns its arrays, rows first, to be kept alive.

    Untouched pages cost no memory.
    """
    slots = 1 << max(1, (2 * capacity - 1).bit_length()) if indexed else 1
    rows, index, free = aligned(capacity, dtype), aligned(slots, np.dtype(np.int64)), np.zeros(capacity, np.int32)
    spare = np.zeros(slots // 2 + 1, np.int64)
    words[:] = 0
    words[CAPACITY], words[SLOTS], words[MOST_SLOTS] = capacity, min(slots, FEWEST_SLOTS), slots
    words[SPARE] = spare.ctypes.data
    words[ROWS], words[INDEX], words[FREE_LIST] = rows.ctypes.data, index.ctypes.data, free.ctypes.data
    return rows, index, free, spare


@inlined
def tag_of(hashed):  # type: ignore[no-untyped-def]
    """The 31 bits of a uint64 hash that a slot keeps, as int64; they also give the home slot."""
    return np.int64(hashed >> np.uint64(33))


@part
def take(words, base):  # type: ignore[no-untyped-def]
    """A row number that is not live, or -1 when the table is full (counted)."""
    if words[base + FREE] > 0:
        words[base + FREE] -= 1
        words[base + LIVE] += 1
        return np.int64(free_list(words, base)[words[base + FREE]])
    if words[base + HIGH] < words[base + CAPACITY]:
        words[base + HIGH] += 1
        words[base + LIVE] += 1
        return words[base + HIGH] - 1
    words[base + REFUSED] += 1
    return np.int64(-1)


@part
def give(words, base, row):  # type: ignore[no-untyped-def]
    """Hand a row back."""
    free_list(words, base)[words[base + FREE]] = row
    words[base + FREE] += 1
    words[base + LIVE] -= 1


@part
def grow(words, base):  # type: ignore[no-untyped-def]
    """Double the index: it is no larger than what is live asks for, so that it stays in the cache."""
    old = spare_of(words, base)
    index = index_of(words, base)
    for slot in range(len(old)):
        old[slot] = index[slot]
    words[base + SLOTS] *= 2
    index = index_of(words, base)
    mask = len(index) - 1
    for slot in range(len(index)):
        index[slot] = 0
    for k in range(len(old)):
        if old[k] != 0:
            slot = (old[k] >> 32) & mask
            while index[slot] != 0:
                slot = (slot + 1) & mask
            index[slot] = old[k]


@part
def link(words, base, hashed, row):  # type: ignore[no-untyped-def]
    """Enter `row` under its hash. The index is at most half full, so the loop ends."""
    if 2 * words[base + LIVE] > words[base + SLOTS] and words[base + SLOTS] < words[base + MOST_SLOTS]:
        grow(words, base)
    index = index_of(words, base)
    mask = len(index) - 1
    tag = tag_of(hashed)
    slot = tag & mask
    while index[slot] != 0:
        slot = (slot + 1) & mask
    index[slot] = (tag << 32) | (row + 1)


@part
def unlink(words, base, hashed, row):  # type: ignore[no-untyped-def]
    """Remove `row`; later slots of the same run move back, so no tombstones are left."""
    index = index_of(words, base)
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


@inlined
def candidate(index, tag, slot):  # type: ignore[no-untyped-def]
    """The next slot at or after `slot` that holds `tag`: (slot, row), row -1 where the run ends."""
    mask = len(index) - 1
    while index[slot] != 0:
        entry = index[slot]
        if (entry >> 32) == tag:
            return slot, (entry & ROW_MASK) - 1
        slot = (slot + 1) & mask
    return slot, np.int64(-1)
