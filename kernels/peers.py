"""GTP-C nodes and their restart counters (TS 23.007 §17)."""

import numpy as np

from kernels.jit import kernel
from kernels.table import candidate, link, tag_of, take


@kernel
def find(pool, hi, lo, hashed):  # type: ignore[no-untyped-def]
    """Row of the node at this address, or -1."""
    tag = tag_of(hashed)
    mask = len(pool.index) - 1
    slot, row = candidate(pool.index, tag, tag & mask)
    while row >= 0:
        if pool.rows[row].lo == lo and pool.rows[row].hi == hi and pool.rows[row].hash == hashed:
            return row
        slot, row = candidate(pool.index, tag, (slot + 1) & mask)
    return np.int64(-1)


@kernel
def enter(pool, m, hashed):  # type: ignore[no-untyped-def]
    """Remember the node that sent `m`; a full table remembers no more nodes."""
    row = take(pool)
    if row >= 0:
        peer = pool.rows[row]
        peer.hi, peer.lo, peer.hash, peer.used = m.src_hi, m.src_lo, hashed, 1
        peer.recovery, peer.checked_ts = m.recovery, m.ts
        link(pool.index, hashed, row)
