"""Who is meant by a name that carries no identity: a Diameter Session-Id, the address of a device, a pair of nodes.

Rows are found by a hash of the name (64 bits of it are taken for the name) and bounded: the most silent of the next few
makes room. What they tell of a session holds while that session is the one that it was.
"""

import numpy as np

from formats.addresses import NO_DIGITS
from formats.state import ENDED, NO_ROW
from kernels import sessions
from kernels import shard as own
from kernels.hashing import mix, tunnel_hash
from kernels.jit import part
from kernels.shard import IDENTITY_HAND
from kernels.table import HIGH, candidate, give, index_of, link, tag_of, take, unlink

NO_IDENTITY = np.uint64(NO_DIGITS)
EVICTION_LOOK = 8
_V4 = np.uint64(0x0000_FFFF_0000_0000)
_NONE = np.uint64(0)
_DIALOGUE, _ADDRESS, _NODES = 1, 2, 3


@part
def dialogue_hash(session_hash):  # type: ignore[no-untyped-def]
    """Key of a Diameter Session-Id."""
    return tunnel_hash(session_hash, session_hash, _DIALOGUE)


@part
def nodes_hash(m):  # type: ignore[no-untyped-def]
    """Key of the two nodes that `m` goes between, the same both ways."""
    return tunnel_hash(m.src_hi ^ m.dst_hi, mix(min(m.src_lo, m.dst_lo), max(m.src_lo, m.dst_lo)), _NODES)


@part
def address_of(m):  # type: ignore[no-untyped-def]
    """(hi, lo) of the UE's address that `m` tells: IPv4, else IPv6 prefix; 0, 0 for none."""
    if m.ue_ipv4 > 0:
        return _NONE, _V4 | np.uint64(m.ue_ipv4)
    return m.ue_ipv6_hi, _NONE


@part
def address_hash(hi, lo):  # type: ignore[no-untyped-def]
    """Key of a UE's address."""
    return tunnel_hash(hi, lo, _ADDRESS)


@part
def find(shard, hashed):  # type: ignore[no-untyped-def]
    """Row, or -1."""
    tag = tag_of(hashed)
    index = index_of(shard, own.IDENTITIES)
    slot, row = candidate(index, tag, tag & (len(index) - 1))
    while row >= 0:
        if own.identities(shard, 0)[row].hash == hashed:
            return row
        slot, row = candidate(index, tag, (slot + 1) & (len(index) - 1))
    return np.int64(-1)


@part
def enter(shard, hashed, ts):  # type: ignore[no-untyped-def]
    """Row of the name, made where it is new."""
    row = find(shard, hashed)
    if row < 0:
        row = take(shard, own.IDENTITIES)
        if row < 0:
            evict(shard)
            row = take(shard, own.IDENTITIES)
        d = own.identities(shard, 0)[row]
        d.used, d.hash, d.imsi, d.imei, d.cell, d.rat = 1, hashed, NO_IDENTITY, NO_IDENTITY, 0, 0
        d.session, d.session_id, d.apn, d.end_to_end, d.request_hash, d.interface = NO_ROW, 0, -1, -1, 0, 0
        link(shard, own.IDENTITIES, hashed, row)
    own.identities(shard, 0)[row].last_ts = ts
    return row


@part
def evict(shard):  # type: ignore[no-untyped-def]
    """The table is full: forget the most silent of the next few."""
    high = shard[own.IDENTITIES + HIGH]
    hand = shard[IDENTITY_HAND]
    victim = hand % high
    for k in range(EVICTION_LOOK):
        row = (hand + k) % high
        if own.identities(shard, 0)[row].last_ts < own.identities(shard, 0)[victim].last_ts:
            victim = row
    shard[IDENTITY_HAND] = (hand + EVICTION_LOOK) % high
    forget(shard, victim)


@part
def forget(shard, row):  # type: ignore[no-untyped-def]
    """Free the row."""
    d = own.identities(shard, 0)[row]
    unlink(shard, own.IDENTITIES, d.hash, row)
    d.used = 0
    give(shard, own.IDENTITIES, row)


@part
def session_of(shard, d):  # type: ignore[no-untyped-def]
    """Row of the live session that `d` (IDENTITY, PFCP_SESSION) belongs to, or -1."""
    row = np.int64(d.session)
    if row < 0 or d.session_id == 0:
        return np.int64(-1)
    s = own.sessions(shard, 0)[row]
    return row if s.used and s.id == d.session_id and s.phase != ENDED else np.int64(-1)


@part
def last_session(shard, d):  # type: ignore[no-untyped-def]
    """As `session_of`, one that has ended but is not forgotten included."""
    row = np.int64(d.session)
    if row < 0 or d.session_id == 0:
        return np.int64(-1)
    s = own.sessions(shard, 0)[row]
    return row if s.used and s.id == d.session_id else np.int64(-1)


@part
def tie(shard, d, session_row):  # type: ignore[no-untyped-def]
    """`d` (IDENTITY, PFCP_SESSION) belongs to the session."""
    d.session, d.session_id = session_row, own.sessions(shard, 0)[session_row].id


@part
def of_ue(shard, ue_row, hi, lo, apn):  # type: ignore[no-untyped-def]
    """Row of the one live session of the UE with this address, else with this APN; -1 for none, or for several."""
    found, several = np.int64(-1), False
    for k in range(16):
        bearer_row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if bearer_row < 0 or own.bearers(shard, 0)[bearer_row].ended:
            continue
        row = np.int64(own.bearers(shard, 0)[bearer_row].session)
        s = own.sessions(shard, 0)[row]
        told = (hi | lo) != _NONE and (s.ue_hi | s.ue_lo) != _NONE
        if told:
            if s.ue_hi == hi and s.ue_lo == lo:
                return row
        elif apn >= 0 and s.apn == apn and row != found:
            if found >= 0:
                several = True
            found = row
    return np.int64(-1) if several else found


@part
def name(shard, session_row, imsi, imei):  # type: ignore[no-untyped-def]
    """Give a session, and its UE, the identities that they lack."""
    s = own.sessions(shard, 0)[session_row]
    ue_row = np.int64(s.ue)
    ue = own.ues(shard, 0)[ue_row]
    if imei != NO_IDENTITY and s.imei == NO_IDENTITY:
        s.imei = imei
        if ue.imei == NO_IDENTITY:
            ue.imei = imei
    if imsi == NO_IDENTITY or s.imsi != NO_IDENTITY:
        return
    if ue.imsi == NO_IDENTITY and sessions.find_imsi(shard, imsi) < 0:
        sessions.name_ue(shard, ue_row, imsi)
    s.imsi = imsi
    renew(shard, session_row)


@part
def renew(shard, session_row):  # type: ignore[no-untyped-def]
    """The session is in a new state: flow rows will be cut."""
    s = own.sessions(shard, 0)[session_row]
    context = own.next_context(shard) + session_row * 0x1_0000_0000
    for k in range(len(s.bearer)):
        if s.bearer[k] >= 0 and own.bearers(shard, 0)[s.bearer[k]].ended == 0:
            own.bearers(shard, 0)[s.bearer[k]].context = context
