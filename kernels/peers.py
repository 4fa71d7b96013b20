"""GTP-C nodes and their restart counters (TS 23.007 §17)."""

import numpy as np

from kernels import shard as own
from kernels.jit import part
from kernels.table import candidate, index_of, link, tag_of, take


@part
def find(shard, hi, lo, hashed):  # type: ignore[no-untyped-def]
    """Row of the node at this address, or -1."""
    tag = tag_of(hashed)
    index = index_of(shard, own.PEERS)
    mask = len(index) - 1
    slot, row = candidate(index, tag, tag & mask)
    while row >= 0:
        peer = own.peers(shard, 0)[row]
        if peer.lo == lo and peer.hi == hi and peer.hash == hashed:
            return row
        slot, row = candidate(index, tag, (slot + 1) & mask)
    return np.int64(-1)


@part
def enter(shard, m, hashed):  # type: ignore[no-untyped-def]
    """Remember the node that sent `m`; a full table remembers no more nodes."""
    row = take(shard, own.PEERS)
    if row >= 0:
        peer = own.peers(shard, 0)[row]
        peer.hi, peer.lo, peer.hash, peer.used = m.src_hi, m.src_lo, hashed, 1
        peer.recovery, peer.checked_ts = m.recovery, m.ts
        link(shard, own.PEERS, hashed, row)
