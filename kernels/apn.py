"""Access point names, kept once each: a row number stands for the text."""

import numpy as np

from kernels import shard as own
from kernels.jit import part
from kernels.shard import APN_OCTETS
from kernels.table import candidate, index_of, link, tag_of, take


@part
def same(kept, text, offset, length):  # type: ignore[no-untyped-def]
    """Whether row `kept` (length, octets) holds text[offset : offset + length]."""
    if kept[0] != length:
        return False
    for k in range(length):
        if kept[1 + k] != text[offset + k]:
            return False
    return True


@part
def intern(shard, text, m):  # type: ignore[no-untyped-def]
    """Row of the name that message `m` carries, -1 when the table is full or the name too long."""
    length = np.int64(m.apn_length)
    offset = np.int64(m.apn_offset)
    if length <= 0 or length >= APN_OCTETS:
        return np.int64(-1)
    tag = tag_of(m.apn_hash)
    index = index_of(shard, own.APNS)
    mask = len(index) - 1
    slot, row = candidate(index, tag, tag & mask)
    while row >= 0:
        if same(own.apns(shard, 0)[row], text, offset, length):
            return row
        slot, row = candidate(index, tag, (slot + 1) & mask)
    row = take(shard, own.APNS)
    if row >= 0:
        kept = own.apns(shard, 0)[row]
        kept[0] = length
        for k in range(length):
            kept[1 + k] = text[offset + k]
        link(shard, own.APNS, m.apn_hash, row)
    return row
