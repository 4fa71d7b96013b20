"""Fragments of GTP-C datagrams put together (RFC 791 §3.2, RFC 8200 §4.5), in bounded memory.

A later fragment does not say what it belongs to, so fragments of any UDP datagram are kept for a while; the first one
tells whether the datagram is signalling. The slot used longest ago makes room. A datagram whose fragments overlap,
other than by being the same, is given up (RFC 8200 §4.5, RFC 5722).
"""

import numpy as np

from formats.state import ASSEMBLY_OCTETS, ASSEMBLY_PIECES
from kernels import shard as own
from kernels.jit import part
from kernels.octets import be16
from kernels.shard import ASSEMBLIES, SECOND

TIMEOUT = 30 * SECOND
GTPC_PORT = 2123

NOTHING, SAME, PARTS = 0, 1, 2
OTHER, KEPT, COMPLETE = 0, 1, 2
"""What `add` says of a fragment: not known to be signalling, part of a signalling datagram, the last missing part."""


@part
def slot_of(shard, piece):  # type: ignore[no-untyped-def]
    """The slot of the datagram that `piece` belongs to, a fresh one where it is the first seen."""
    oldest = 0
    for k in range(ASSEMBLIES):
        a = own.assemblies(shard, 0)[k]
        if (
            a.used
            and a.identification == piece.identification
            and a.src_lo == piece.src_lo
            and a.dst_lo == piece.dst_lo
            and a.src_hi == piece.src_hi
            and a.dst_hi == piece.dst_hi
            and piece.ts - a.ts <= TIMEOUT
        ):
            return k
    for k in range(ASSEMBLIES):
        if own.assemblies(shard, 0)[k].used == 0:
            oldest = k
            break
        if own.assemblies(shard, 0)[k].ts < own.assemblies(shard, 0)[oldest].ts:
            oldest = k
    a = own.assemblies(shard, 0)[oldest]
    a.used, a.identification, a.ts = 1, piece.identification, piece.ts
    a.src_hi, a.src_lo, a.dst_hi, a.dst_lo = piece.src_hi, piece.src_lo, piece.dst_hi, piece.dst_lo
    a.length, a.received, a.pieces, a.signalling = -1, 0, 0, 0
    return oldest


@part
def known(a, start, end):  # type: ignore[no-untyped-def]
    """What of [start, end) was kept before: NOTHING, the SAME fragment, or PARTS of it."""
    for k in range(a.pieces):
        if a.start[k] == start and a.end[k] == end:
            return SAME
        if start < a.end[k] and a.start[k] < end:
            return PARTS
    return NOTHING


@part
def whole(a):  # type: ignore[no-untyped-def]
    """Whether no octet is missing. Kept fragments do not overlap, so it is enough that none lies beyond the last."""
    if a.length < 8 or a.received != a.length:
        return False
    for k in range(a.pieces):
        if a.end[k] > a.length:
            return False
    return True


@part
def keep(shard, slot, piece, offset, length):  # type: ignore[no-untyped-def]
    """Copy a fragment to its place."""
    a = own.assemblies(shard, 0)[slot]
    data = own.assembly_data(shard, 0)[slot]
    octets = piece["data"]
    for k in range(length):
        data[offset + k] = octets[k]
    a.start[a.pieces], a.end[a.pieces] = offset, offset + length
    a.pieces += 1
    a.received += length
    if piece.more == 0:
        a.length = offset + length
    if offset == 0 and length >= 8:
        a.signalling = be16(data, 0) == GTPC_PORT or be16(data, 2) == GTPC_PORT


@part
def add(shard, piece):  # type: ignore[no-untyped-def]
    """Keep a fragment; returns (OTHER, KEPT or COMPLETE, slot)."""
    slot = slot_of(shard, piece)
    a = own.assemblies(shard, 0)[slot]
    offset, length = np.int64(piece.offset), np.int64(piece.length)
    if a.pieces >= ASSEMBLY_PIECES or offset + length > ASSEMBLY_OCTETS or length <= 0:
        return np.int64(OTHER), slot
    before = known(a, offset, offset + length)
    if before == PARTS:
        a.pieces, a.signalling = ASSEMBLY_PIECES, 0  # takes no more
    elif before == NOTHING:
        keep(shard, slot, piece, offset, length)
    if a.signalling == 0:
        return np.int64(OTHER), slot
    if whole(a):
        a.used = 0
        return np.int64(COMPLETE), slot
    return np.int64(KEPT), slot
