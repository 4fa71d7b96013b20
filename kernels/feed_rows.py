"""Columns of a feed to rows in one pass: a row is written while its line is in a cache."""

import numpy as np

from formats.xdr import NEVER
from kernels.hashing import fold
from kernels.jit import kernel

__all__ = ["fill_rows", "finish_sessions"]

_U8 = np.uint64
_SEED = np.uint64(0x9E37_79B9_7F4A_7C15)
_SIGN = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
_NEVER = np.int64(NEVER)
SECOND, MILLISECOND = 10**9, 10**6


@kernel
def fill_rows(blank, places, columns, out):  # type: ignore[no-untyped-def]
    """out: int64[n, w], `blank` int64[w] with columns[c] (int64[c, n]) at places[c]."""
    for i in range(len(out)):
        for k in range(len(blank)):
            out[i, k] = blank[k]
        for c in range(len(places)):
            out[i, places[c]] = columns[c, i]


@kernel
def finish_sessions(columns, kind, container_kind, blank, records, out):  # type: ignore[no-untyped-def]
    """Make records (SESSION_RECORD[n]) of rows of sessions whole, and `out` (VOLUME[n]) their one container each.

    columns: int64[c, n], of which the digest of a row is made; kind, container_kind: what both are; blank: VOLUME[1].
    A record comes with its end in `started`, its volumes in `up` and `down`.
    """
    for i in range(len(records)):
        r = records[i]
        value = _SEED
        for c in range(len(columns)):
            value = fold(value ^ _U8(columns[c, i]), _SEED + _U8(c))
        r.digest = np.int64(max(value & _SIGN, _U8(1)))
        end = max(r.started, r.opened)
        r.duration, r.ended_ms = (end - r.opened) // SECOND, (end - r.opened) % SECOND // MILLISECOND
        r.type, r.started = kind, _NEVER
        r.first, r.containers = i, 1
        out[i] = blank[0]
        container = out[i]
        container.kind = container_kind
        container.first, container.last, container.time = r.opened, end, end
        container.up, container.down = r.up, r.down
        r.up, r.down = -1, -1
