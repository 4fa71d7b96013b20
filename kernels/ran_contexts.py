"""UE-associated connections of S1AP and NGAP: found, named, joined to a UE, forgotten.

A context is found by its association and the UE id that the RAN gave it, or by the core node and the id that this
gave (TS 36.413 §9.2.3.3, TS 38.413 §9.3.3.1). Its UE is the one whose bearer a user-plane endpoint in it belongs to,
or whose identity NAS told; without either, one of its own.
"""

import numpy as np

from formats.addresses import NO_DIGITS
from formats.state import NO_ROW, TMSI_NEW
from formats.xdr import RATS
from kernels import sessions
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part
from kernels.shard import RAN_HAND, next_context
from kernels.table import HIGH, candidate, give, index_of, link, tag_of, take, unlink

NO_IDENTITY = np.uint64(NO_DIGITS)
EUTRAN, NR = RATS.index("eutran"), RATS.index("nr")
EVICTION_LOOK = 8


@part
def ran_hash(association, ran_ue_id):  # type: ignore[no-untyped-def]
    """Hash of the id that the RAN gave."""
    return tunnel_hash(np.uint64(association), np.uint64(1), ran_ue_id)


@part
def core_hash(core_hi, core_lo, protocol, core_ue_id):  # type: ignore[no-untyped-def]
    """Hash of the id that the core gave."""
    return tunnel_hash(core_hi ^ np.uint64(protocol), core_lo, core_ue_id)


@part
def find_ran(shard, association, ran_ue_id):  # type: ignore[no-untyped-def]
    """Row of the context, or -1."""
    if ran_ue_id < 0:
        return np.int64(-1)
    tag = tag_of(ran_hash(association, ran_ue_id))
    index = index_of(shard, own.RANS)
    slot, row = candidate(index, tag, tag & (len(index) - 1))
    while row >= 0:
        c = own.rans(shard, 0)[row]
        if c.association == association and c.ran_ue_id == ran_ue_id:
            return row
        slot, row = candidate(index, tag, (slot + 1) & (len(index) - 1))
    return np.int64(-1)


@part
def core_row(shard, hashed):  # type: ignore[no-untyped-def]
    """Row of RAN_CORE with this hash, or -1: 64 bits of hash are taken for the key."""
    tag = tag_of(hashed)
    index = index_of(shard, own.RAN_CORES)
    slot, row = candidate(index, tag, tag & (len(index) - 1))
    while row >= 0:
        if own.ran_cores(shard, 0)[row].hash == hashed:
            return row
        slot, row = candidate(index, tag, (slot + 1) & (len(index) - 1))
    return np.int64(-1)


@part
def find_core(shard, core_hi, core_lo, protocol, core_ue_id):  # type: ignore[no-untyped-def]
    """Row of the context that the core's id names, or -1."""
    if core_ue_id < 0:
        return np.int64(-1)
    row = core_row(shard, core_hash(core_hi, core_lo, protocol, core_ue_id))
    return np.int64(own.ran_cores(shard, 0)[row].context) if row >= 0 else row


@part
def find(shard, m, by_core):  # type: ignore[no-untyped-def]
    """Row of the context that both ids of `m`, or the one that it tells, name; -1 where there is none.

    by_core: whether the core sent `m`. Several associations may join the same two nodes (TS 38.412 §7): an id of the
    RAN that is not known on this one is looked for by the id of the core.
    """
    row = find_ran(shard, m.association, m.ran_ue_id)
    if row >= 0:
        return row
    core_hi, core_lo = (m.src_hi, m.src_lo) if by_core else (m.dst_hi, m.dst_lo)
    ran_hi, ran_lo = (m.dst_hi, m.dst_lo) if by_core else (m.src_hi, m.src_lo)
    if m.core_ue_id < 0:
        return np.int64(-1)
    found = core_row(shard, core_hash(core_hi, core_lo, np.int64(m.protocol), m.core_ue_id))
    if found < 0:
        return found
    k = own.ran_cores(shard, 0)[found]
    if at_node(shard, np.int64(k.context), m, ran_hi, ran_lo):
        return np.int64(k.context)
    return np.int64(k.before) if at_node(shard, np.int64(k.before), m, ran_hi, ran_lo) else np.int64(-1)


@part
def named_before(shard, c):  # type: ignore[no-untyped-def]
    """Row of the context that the core's id of `c` named before it, or -1."""
    found = core_row(shard, c.core_hash) if c.core_ue_id >= 0 else np.int64(-1)
    return np.int64(own.ran_cores(shard, 0)[found].before) if found >= 0 else found


@part
def at_node(shard, row, m, ran_hi, ran_lo):  # type: ignore[no-untyped-def]
    """Whether the context in `row` (-1: none) is at the RAN node of `m`, under the id of it that `m` tells, if any."""
    if row < 0:
        return False
    c = own.rans(shard, 0)[row]
    same_node = c.association == m.association or (c.ran_hi == ran_hi and c.ran_lo == ran_lo)
    return same_node and (m.ran_ue_id < 0 or c.ran_ue_id == m.ran_ue_id)


@part
def create(shard, m, by_core):  # type: ignore[no-untyped-def]
    """A context that message `m` begins; row."""
    row = take(shard, own.RANS)
    if row < 0:
        evict(shard)
        row = take(shard, own.RANS)
    c = own.rans(shard, 0)[row]
    c.used, c.association, c.ran_ue_id, c.core_ue_id, c.protocol = 1, m.association, m.ran_ue_id, -1, m.protocol
    c.ran_hi, c.ran_lo, c.core_hi, c.core_lo = m.src_hi, m.src_lo, m.dst_hi, m.dst_lo
    if by_core:
        c.ran_hi, c.ran_lo, c.core_hi, c.core_lo = m.dst_hi, m.dst_lo, m.src_hi, m.src_lo
    c.ue, c.ue_serial, c.s_tmsi, c.imsi, c.imei = NO_ROW, 0, -1, NO_IDENTITY, NO_IDENTITY
    c.cell, c.slice, c.cause, c.cause_family, c.pending, c.asked, c.left = 0, -1, -1, 0, 0, 0, 0
    c.serial = next_context(shard)
    c.nas_serial, c.nas_waiting, c.nas_pti, c.nas_type, c.tmsi_state = next_context(shard), 0, -1, -1, TMSI_NEW
    c.last_ts = m.ts
    c.core_hash = 0
    c.hash = ran_hash(c.association, c.ran_ue_id)
    link(shard, own.RANS, c.hash, row)
    return row


@part
def evict(shard):  # type: ignore[no-untyped-def]
    """The table is full: forget the most silent of the next few."""
    high = shard[own.RANS + HIGH]
    hand = shard[RAN_HAND]
    victim = hand % high
    for k in range(EVICTION_LOOK):
        row = (hand + k) % high
        if own.rans(shard, 0)[row].last_ts < own.rans(shard, 0)[victim].last_ts:
            victim = row
    shard[RAN_HAND] = (hand + EVICTION_LOOK) % high
    forget(shard, victim)


@part
def forget_core(shard, c, row):  # type: ignore[no-untyped-def]
    """The core's id names this context no longer; it names the one before it again, if that is still there."""
    if c.core_ue_id < 0:
        return
    found = core_row(shard, c.core_hash)
    c.core_ue_id = -1
    if found < 0:
        return
    k = own.ran_cores(shard, 0)[found]
    if k.before == row:
        k.before = NO_ROW
    elif k.context == row:
        k.context, k.before = k.before, NO_ROW
        if k.context < 0:
            unlink(shard, own.RAN_CORES, c.core_hash, found)
            give(shard, own.RAN_CORES, found)


@part
def name_core(shard, row, core_ue_id):  # type: ignore[no-untyped-def]
    """The core's id names this context from here on."""
    c = own.rans(shard, 0)[row]
    if core_ue_id < 0 or c.core_ue_id == core_ue_id:
        return
    forget_core(shard, c, row)
    hashed = core_hash(c.core_hi, c.core_lo, np.int64(c.protocol), core_ue_id)
    found = core_row(shard, hashed)
    if found < 0:
        found = take(shard, own.RAN_CORES)
        if found < 0:
            return
        own.ran_cores(shard, 0)[found].hash = hashed
        own.ran_cores(shard, 0)[found].before = NO_ROW
        link(shard, own.RAN_CORES, hashed, found)
    else:
        leave_name(shard, np.int64(own.ran_cores(shard, 0)[found].before))
        own.ran_cores(shard, 0)[found].before = own.ran_cores(shard, 0)[found].context
    own.ran_cores(shard, 0)[found].context = row
    c.core_ue_id, c.core_hash = core_ue_id, hashed


@part
def leave_name(shard, row):  # type: ignore[no-untyped-def]
    """The context in `row` (-1: none), two others ago under its core's id, has that id no longer."""
    if row >= 0:
        own.rans(shard, 0)[row].core_ue_id = -1


@part
def rename_ran(shard, row, m):  # type: ignore[no-untyped-def]
    """The context is at another node: that which sent `m`."""
    c = own.rans(shard, 0)[row]
    unlink(shard, own.RANS, c.hash, row)
    other = find_ran(shard, m.association, m.ran_ue_id)
    if other >= 0:
        forget(shard, other)
    c.association, c.ran_ue_id, c.ran_hi, c.ran_lo = m.association, m.ran_ue_id, m.src_hi, m.src_lo
    c.hash = ran_hash(c.association, c.ran_ue_id)
    link(shard, own.RANS, c.hash, row)


@part
def forget(shard, row):  # type: ignore[no-untyped-def]
    """Free the context."""
    c = own.rans(shard, 0)[row]
    ue_row = ue_of(shard, c)
    if ue_row >= 0 and own.ues(shard, 0)[ue_row].serving == row:
        own.ues(shard, 0)[ue_row].serving = NO_ROW
    forget_core(shard, c, row)
    unlink(shard, own.RANS, c.hash, row)
    c.used = 0
    give(shard, own.RANS, row)


@part
def ue_of(shard, c):  # type: ignore[no-untyped-def]
    """Row of the context's UE if it still is the one that it was, else -1."""
    row = np.int64(c.ue)
    if row >= 0 and own.ues(shard, 0)[row].used and own.ues(shard, 0)[row].serial == c.ue_serial:
        return row
    return np.int64(-1)


@part
def rat_of(c):  # type: ignore[no-untyped-def]
    """The radio access of the context, index of xdr.RATS."""
    return EUTRAN if c.protocol == 1 else NR


@part
def join(shard, row, ue_row, ts):  # type: ignore[no-untyped-def]
    """The context is that of a UE, and where its radio side is."""
    c = own.rans(shard, 0)[row]
    ue = own.ues(shard, 0)[ue_row]
    c.ue, c.ue_serial = ue_row, ue.serial
    ue.last_ts = ts
    if ue.imsi == NO_IDENTITY and c.imsi != NO_IDENTITY and sessions.find_imsi(shard, c.imsi) < 0:
        sessions.name_ue(shard, ue_row, c.imsi)
    elif ue.imsi != NO_IDENTITY:
        c.imsi = ue.imsi
    if c.imei != NO_IDENTITY and ue.imei == NO_IDENTITY:
        ue.imei = c.imei


@part
def serve(shard, row, ts):  # type: ignore[no-untyped-def]
    """The context is the one that serves its UE from `ts` on: the UE is in its cell."""
    c = own.rans(shard, 0)[row]
    ue_row = ue_of(shard, c)
    if ue_row >= 0:
        own.ues(shard, 0)[ue_row].serving = row
        sessions.place(shard, ue_row, c.cell, rat_of(c), ts)


@part
def ue_for(shard, row, ts):  # type: ignore[no-untyped-def]
    """Row of the context's UE, found by the IMSI that NAS told or made where none is known; -1 when full."""
    c = own.rans(shard, 0)[row]
    ue_row = ue_of(shard, c)
    if ue_row >= 0:
        return ue_row
    ue_row = sessions.find_imsi(shard, c.imsi)
    if ue_row < 0:
        ue_row = sessions.create_ue(shard, c.imsi, ts)
    if ue_row >= 0:
        join(shard, row, ue_row, ts)
    return ue_row
