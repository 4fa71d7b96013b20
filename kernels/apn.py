"""Access point names, kept once each: a row number stands for the text."""

import numpy as np

from kernels.jit import kernel
from kernels.shard import APN_OCTETS
from kernels.table import candidate, link, tag_of, take


@kernel
def same(kept, text, offset, length):  # type: ignore[no-untyped-def]
    """Whether row `kept` (length, octets) holds text[offset : offset + length]."""
    if kept[0] != length:
        return False
    for k in range(length):
        if kept[1 + k] != text[offset + k]:
            return False
    return True


@kernel
def intern(shard, text, m):  # type: ignore[no-untyped-def]
    """Row of the name that message `m` carries, -1 when the table is full or the name too long."""
    pool = shard.apn_index
    length = np.int64(m.apn_length)
    offset = np.int64(m.apn_offset)
    if length <= 0 or length >= APN_OCTETS:
        return np.int64(-1)
    tag = tag_of(m.apn_hash)
    mask = len(pool.index) - 1
    slot, row = candidate(pool.index, tag, tag & mask)
    while row >= 0:
        if same(shard.apns[row], text, offset, length):
            return row
        slot, row = candidate(pool.index, tag, (slot + 1) & mask)
    row = take(pool)
    if row >= 0:
        kept = shard.apns[row]
        kept[0] = length
        for k in range(length):
            kept[1 + k] = text[offset + k]
        link(pool.index, m.apn_hash, row)
    return row
