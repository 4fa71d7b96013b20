"""Temporary identities and the IMSI behind them: what lets a connection that tells only an S-TMSI have a subscriber.

An S-TMSI is unique in one network and system (TS 23.003 §2.8, §2.11): the network is that of the cell. A binding that
was not seen for LIFE is forgotten, for under ciphering the core may give the identity to another device unseen; one
that turns out wrong is replaced by what the user plane or NAS says.
"""

import numpy as np

from formats.addresses import NO_DIGITS
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part
from kernels.shard import SECOND, TMSI_HAND
from kernels.table import HIGH, candidate, give, index_of, link, tag_of, take, unlink

LIFE = 4 * 3600 * SECOND
"""Above the periodic update of 54 minutes (TS 24.301 §10.2, T3412), after which a silent device is detached."""
EVICTION_LOOK = 8
_NO_IDENTITY = np.uint64(NO_DIGITS)
_PLMN_SHIFT, _PLMN_MASK = np.uint64(36), np.uint64(0xFF_FFFF)


@part
def network_of(cell):  # type: ignore[no-untyped-def]
    """PLMN of a cell, six nibbles as in `formats.addresses`; 0 where the cell is not known."""
    return np.int64((np.uint64(cell) >> _PLMN_SHIFT) & _PLMN_MASK)


@part
def hash_of(protocol, cell, s_tmsi):  # type: ignore[no-untyped-def]
    """Hash of an S-TMSI in the network of `cell`."""
    return tunnel_hash(np.uint64(network_of(cell)), np.uint64(s_tmsi), np.int64(protocol))


@part
def find(shard, hashed):  # type: ignore[no-untyped-def]
    """Row of the binding, or -1: 64 bits of hash are taken for the key."""
    tag = tag_of(hashed)
    index = index_of(shard, own.TMSIS)
    slot, row = candidate(index, tag, tag & (len(index) - 1))
    while row >= 0:
        if own.tmsis(shard, 0)[row].hash == hashed:
            return row
        slot, row = candidate(index, tag, (slot + 1) & (len(index) - 1))
    return np.int64(-1)


@part
def imsi_of(shard, hashed, ts):  # type: ignore[no-untyped-def]
    """The IMSI behind the identity at `ts`, NO_DIGITS where it is not known."""
    row = find(shard, hashed)
    if row < 0:
        return _NO_IDENTITY
    t = own.tmsis(shard, 0)[row]
    if ts - t.last_ts > LIFE:
        return _NO_IDENTITY
    t.last_ts = max(t.last_ts, ts)
    return t.imsi


@part
def bind(shard, hashed, imsi, ts):  # type: ignore[no-untyped-def]
    """The identity stands for `imsi` from here on; a full table forgets the one of the next few least lately seen."""
    row = find(shard, hashed)
    if row < 0:
        row = take(shard, own.TMSIS)
        if row < 0:
            evict(shard)
            row = take(shard, own.TMSIS)
        t = own.tmsis(shard, 0)[row]
        t.used, t.hash = 1, hashed
        link(shard, own.TMSIS, hashed, row)
    t = own.tmsis(shard, 0)[row]
    t.imsi, t.last_ts = imsi, ts


@part
def evict(shard):  # type: ignore[no-untyped-def]
    """Make room."""
    high = shard[own.TMSIS + HIGH]
    hand = shard[TMSI_HAND]
    victim = hand % high
    for k in range(EVICTION_LOOK):
        row = (hand + k) % high
        if own.tmsis(shard, 0)[row].last_ts < own.tmsis(shard, 0)[victim].last_ts:
            victim = row
    shard[TMSI_HAND] = (hand + EVICTION_LOOK) % high
    t = own.tmsis(shard, 0)[victim]
    unlink(shard, own.TMSIS, t.hash, victim)
    t.used = 0
    give(shard, own.TMSIS, victim)
