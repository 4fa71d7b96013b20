"""PFCP sessions: found by the SEID that either side gave (TS 29.244 §7.2.2.4.2), joined to the session they serve.

The SEID of the control plane is that of its F-SEID in the establishment request, the user plane's that of the answer.
Which session that is, the endpoints tell: where the first one that the user plane was given is bound, there it is.
"""

import numpy as np

from formats.state import NO_ROW, PFCP_CHOICES, PFCP_FARS
from kernels import adoption, identities, tunnels
from kernels import shard as own
from kernels.hashing import mix, tunnel_hash
from kernels.jit import part
from kernels.shard import PFCP_HAND
from kernels.table import HIGH, candidate, give, index_of, link, tag_of, take, unlink

EVICTION_LOOK = 8
_NONE = np.uint64(0)
_SEID = 8805


@part
def seid_hash(hi, lo, seid):  # type: ignore[no-untyped-def]
    """Hash of a SEID (uint64) and the address of the node that gave it."""
    return tunnel_hash(mix(hi, seid), lo, _SEID)


@part
def given_hash(m):  # type: ignore[no-untyped-def]
    """Hash of the F-SEID that `m` tells, by its address in the family that `m` came in; 0 for none."""
    if m.fseid_side == 0:
        return _NONE
    hi, lo = m.fseid_hi, m.fseid_lo
    if m.src_hi != _NONE and (m.fseid_v6_hi | m.fseid_v6_lo) != _NONE:
        hi, lo = m.fseid_v6_hi, m.fseid_v6_lo
    if (hi | lo) == _NONE:
        hi, lo = m.src_hi, m.src_lo
    return seid_hash(hi, lo, m.fseid)


@part
def seid_row(shard, hashed):  # type: ignore[no-untyped-def]
    """Row of PFCP_SEID with this hash, or -1: 64 bits of hash are taken for the key."""
    tag = tag_of(hashed)
    index = index_of(shard, own.PFCP_SEIDS)
    slot, row = candidate(index, tag, tag & (len(index) - 1))
    while row >= 0:
        if own.pfcp_seids(shard, 0)[row].hash == hashed:
            return row
        slot, row = candidate(index, tag, (slot + 1) & (len(index) - 1))
    return np.int64(-1)


@part
def find(shard, hashed):  # type: ignore[no-untyped-def]
    """Row of the PFCP session that a SEID names, or -1."""
    row = seid_row(shard, hashed) if hashed != _NONE else np.int64(-1)
    return np.int64(own.pfcp_seids(shard, 0)[row].row) if row >= 0 else row


@part
def addressed(shard, m):  # type: ignore[no-untyped-def]
    """Row of the PFCP session that `m` is sent to, or -1."""
    if m.has_seid == 0 or m.seid == _NONE:
        return np.int64(-1)
    return find(shard, seid_hash(m.dst_hi, m.dst_lo, m.seid))


@part
def drop_seid(shard, row, hashed):  # type: ignore[no-untyped-def]
    """The SEID names this session no longer."""
    found = seid_row(shard, hashed) if hashed != _NONE else np.int64(-1)
    if found >= 0 and own.pfcp_seids(shard, 0)[found].row == row:
        unlink(shard, own.PFCP_SEIDS, hashed, found)
        own.pfcp_seids(shard, 0)[found].used = 0
        give(shard, own.PFCP_SEIDS, found)


@part
def enter_seid(shard, row, hashed):  # type: ignore[no-untyped-def]
    """The SEID names this session from here on."""
    found = seid_row(shard, hashed)
    if found < 0:
        found = take(shard, own.PFCP_SEIDS)
        if found < 0:
            return
        own.pfcp_seids(shard, 0)[found].hash, own.pfcp_seids(shard, 0)[found].used = hashed, 1
        link(shard, own.PFCP_SEIDS, hashed, found)
    own.pfcp_seids(shard, 0)[found].row = row


@part
def name_cp(shard, row, hashed):  # type: ignore[no-untyped-def]
    """The control plane's SEID."""
    p = own.pfcps(shard, 0)[row]
    if hashed != _NONE and p.cp_hash != hashed:
        drop_seid(shard, row, p.cp_hash)
        p.cp_hash = hashed
        enter_seid(shard, row, hashed)


@part
def name_up(shard, row, hashed):  # type: ignore[no-untyped-def]
    """The user plane's SEID."""
    p = own.pfcps(shard, 0)[row]
    if hashed != _NONE and p.up_hash != hashed:
        drop_seid(shard, row, p.up_hash)
        p.up_hash = hashed
        enter_seid(shard, row, hashed)


@part
def create(shard, ts):  # type: ignore[no-untyped-def]
    """Row of a PFCP session of which nothing is known yet."""
    row = take(shard, own.PFCPS)
    if row < 0:
        evict(shard)
        row = take(shard, own.PFCPS)
    p = own.pfcps(shard, 0)[row]
    p.used, p.cp_hash, p.up_hash, p.session, p.session_id, p.last_ts = 1, 0, 0, NO_ROW, 0, ts
    p.hi, p.lo, p.teid, p.urr, p.nodes = 0, 0, -1, -1, 0
    p.interface, p.owner, p.gateway, p.failed = 0, 0, 0, 0
    for k in range(2):
        p.bytes[k] = 0
        p.packets[k] = 0
    for k in range(PFCP_FARS):
        p.far_id[k] = -1
    for k in range(PFCP_CHOICES):
        p.choice[k] = -1
    return row


@part
def evict(shard):  # type: ignore[no-untyped-def]
    """The table is full: forget the most silent of the next few."""
    high = shard[own.PFCPS + HIGH]
    hand = shard[PFCP_HAND]
    victim, oldest = np.int64(-1), np.int64(0)
    for k in range(EVICTION_LOOK):
        row = (hand + k) % high
        p = own.pfcps(shard, 0)[row]
        if p.used and (victim < 0 or p.last_ts < oldest):
            victim, oldest = row, p.last_ts
    shard[PFCP_HAND] = (hand + EVICTION_LOOK) % high
    forget(shard, victim)


@part
def forget(shard, row):  # type: ignore[no-untyped-def]
    """Free the row; the session that it served is not touched."""
    p = own.pfcps(shard, 0)[row]
    drop_seid(shard, row, p.cp_hash)
    drop_seid(shard, row, p.up_hash)
    p.used = 0
    give(shard, own.PFCPS, row)


@part
def resolve(shard, p, ts):  # type: ignore[no-untyped-def]
    """Row of the live session that PFCP_SESSION `p` serves, -1 for none; one told of twice becomes one."""
    row = identities.session_of(shard, p)
    bearer_row = live_bearer_at(shard, p.hi, p.lo, p.teid, ts)
    if bearer_row < 0:
        return row
    there = np.int64(own.bearers(shard, 0)[bearer_row].session)
    if there != row:
        if row >= 0 and own.sessions(shard, 0)[row].source == adoption.PFCP_SOURCE and p.owner:
            adoption.absorb(shard, row, bearer_row, ts)
        p.owner = p.gateway
        identities.tie(shard, p, there)
    return there


@part
def live_bearer_at(shard, hi, lo, teid, ts):  # type: ignore[no-untyped-def]
    """Row of the live bearer that an endpoint is bound to at `ts`, or -1."""
    row = tunnel_at(shard, hi, lo, teid, ts)
    if row < 0:
        return row
    bearer_row = np.int64(own.tunnels(shard, 0)[row].bearer)
    return bearer_row if own.bearers(shard, 0)[bearer_row].ended == 0 else np.int64(-1)


@part
def tunnel_at(shard, hi, lo, teid, ts):  # type: ignore[no-untyped-def]
    """Row of TUNNEL of an endpoint that is bound at `ts`, or -1."""
    if teid < 0:
        return np.int64(-1)
    row = tunnels.find(shard, own.TUNNELS, own.tunnels(shard, 0), hi, lo, teid, tunnel_hash(hi, lo, teid))
    return row if row >= 0 and own.tunnels(shard, 0)[row].closed_ts > ts else np.int64(-1)
