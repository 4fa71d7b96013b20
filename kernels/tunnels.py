"""Tunnel endpoints: user plane (address, TEID) -> bearer, control plane (address, TEID) -> UE (TS 29.274 §8.22, TS 29.060).

An endpoint is bound from a message on, rebound when a later message names it for another bearer (a TEID is re-used), and
unbound at release, handover or deletion; late packets of an unbound endpoint still belong to it for a few seconds.
"""

import numpy as np

from formats.records import FTEID_GN_GGSN_C, FTEID_GN_GGSN_U, FTEID_GN_SGSN_C, FTEID_GN_SGSN_U
from formats.state import (
    BEARER_TUNNELS,
    DOWN,
    LEG_ACCESS,
    LEG_CORE,
    LEG_FORWARDING,
    NEVER_CLOSED,
    NO_ROW,
    UE_CONTROLS,
    UP,
)
from kernels.hashing import tunnel_hash
from kernels.jit import kernel
from kernels.shard import LINGER
from kernels.table import candidate, give, link, tag_of, take, unlink


def _interfaces() -> tuple[np.ndarray, np.ndarray]:
    """By F-TEID interface type: direction of packets sent to the endpoint (2: none), and leg."""
    direction = np.full(256, 2, np.uint8)
    leg = np.full(256, LEG_FORWARDING, np.uint8)
    for side, types in ((DOWN, (0, 2, 4, 15, 29, 31, 34, 38, FTEID_GN_SGSN_U)), (UP, (1, 3, 5, 16, 33, 37, 39, FTEID_GN_GGSN_U))):
        direction[list(types)] = side
    leg[[0, 1, 2, 3, 15, 16, 29, 38, 39, FTEID_GN_SGSN_U, FTEID_GN_GGSN_U]] = LEG_ACCESS
    leg[[4, 5, 31, 33, 34, 37]] = LEG_CORE
    return direction, leg


DIRECTION, LEG = _interfaces()
RADIO_SIDE = np.zeros(256, np.uint8)
RADIO_SIDE[[0, 2, 15, 38, FTEID_GN_SGSN_U]] = 1
CONTROL_PLANE = np.zeros(256, np.uint8)
CONTROL_PLANE[[6, 7, 10, 11, 12, 13, 14, 17, 18, 30, 32, 35, 36, 40, FTEID_GN_SGSN_C, FTEID_GN_GGSN_C]] = 1


@kernel
def find(pool, hi, lo, teid, hashed):  # type: ignore[no-untyped-def]
    """Row of the endpoint (TUNNEL or CONTROL table), or -1."""
    tag = tag_of(hashed)
    mask = len(pool.index) - 1
    slot, row = candidate(pool.index, tag, tag & mask)
    while row >= 0:
        r = pool.rows[row]
        if r.teid == teid and r.lo == lo and r.hi == hi:
            return row
        slot, row = candidate(pool.index, tag, (slot + 1) & mask)
    return np.int64(-1)


@kernel
def free(pool, row):  # type: ignore[no-untyped-def]
    """Forget an endpoint."""
    r = pool.rows[row]
    unlink(pool.index, r.hash, row)
    r.used = 0
    give(pool, row)


@kernel
def enter(pool, hi, lo, teid, hashed):  # type: ignore[no-untyped-def]
    """Row of the endpoint, made where it is new; -1 when the table is full."""
    row = find(pool, hi, lo, teid, hashed)
    if row >= 0:
        return row
    row = take(pool)
    if row >= 0:
        r = pool.rows[row]
        r.hi, r.lo, r.teid, r.hash, r.used = hi, lo, teid, hashed, 1
        link(pool.index, hashed, row)
    return row


@kernel
def release_slot(shard, bearer, bearer_row, k):  # type: ignore[no-untyped-def]
    """Forget what slot `k` of the bearer holds, unless the endpoint is another's by now."""
    row = np.int64(bearer.tunnel[k])
    bearer.tunnel[k] = NO_ROW
    if row >= 0:
        t = shard.tunnels.rows[row]
        if t.used and t.bearer == bearer_row:
            free(shard.tunnels, row)


@kernel
def slot_for(shard, bearer, bearer_row):  # type: ignore[no-untyped-def]
    """A slot of the bearer for another endpoint: an empty one, else that of the endpoint unbound longest ago."""
    best = 0
    oldest = NEVER_CLOSED
    for k in range(BEARER_TUNNELS):
        row = np.int64(bearer.tunnel[k])
        if row < 0:
            return k
        t = shard.tunnels.rows[row]
        if t.used == 0 or t.bearer != bearer_row:
            return k
        if t.closed_ts < oldest:
            best, oldest = k, t.closed_ts
    release_slot(shard, bearer, bearer_row, best)
    return best


@kernel
def unbind(shard, bearer, bearer_row, interface, ts):  # type: ignore[no-untyped-def]
    """Unbind the bearer's endpoints of one interface type (255: of all) at `ts`."""
    for k in range(BEARER_TUNNELS):
        row = np.int64(bearer.tunnel[k])
        if row >= 0:
            t = shard.tunnels.rows[row]
            if t.bearer == bearer_row and t.closed_ts == NEVER_CLOSED and (interface == 255 or t.interface == interface):
                t.closed_ts = ts


@kernel
def unbind_radio(shard, bearer, bearer_row, ts):  # type: ignore[no-untyped-def]
    """Unbind the radio-side endpoints of the bearer at `ts`."""
    for k in range(BEARER_TUNNELS):
        row = np.int64(bearer.tunnel[k])
        if row >= 0:
            t = shard.tunnels.rows[row]
            if t.bearer == bearer_row and t.closed_ts == NEVER_CLOSED and RADIO_SIDE[t.interface]:
                t.closed_ts = ts


@kernel
def bind(shard, bearer_row, endpoint, ts):  # type: ignore[no-untyped-def]
    """Bind F-TEID `endpoint` to the bearer from `ts` on; an earlier endpoint of the same kind is unbound."""
    hashed = tunnel_hash(endpoint.hi, endpoint.lo, endpoint.teid)
    row = enter(shard.tunnels, endpoint.hi, endpoint.lo, endpoint.teid, hashed)
    if row < 0:
        return
    t = shard.tunnels.rows[row]
    bearer = shard.bearers.rows[bearer_row]
    held = False
    for k in range(BEARER_TUNNELS):
        held = held or bearer.tunnel[k] == row
    if not held or t.bearer != bearer_row or t.closed_ts != NEVER_CLOSED:
        unbind(shard, bearer, bearer_row, np.int64(endpoint.interface), ts)
    if not held:
        bearer.tunnel[slot_for(shard, bearer, bearer_row)] = row
    t.bearer = bearer_row
    t.interface = endpoint.interface
    t.direction = DIRECTION[endpoint.interface]
    t.leg = LEG[endpoint.interface]
    t.closed_ts = NEVER_CLOSED


@kernel
def lookup(shard, hi, lo, teid, hashed, ts):  # type: ignore[no-untyped-def]
    """Row of the endpoint that is bound at `ts` or was until a few seconds before; -1 where there is none."""
    row = find(shard.tunnels, hi, lo, teid, hashed)
    if row >= 0 and shard.tunnels.rows[row].closed_ts < ts - LINGER:
        return np.int64(-1)
    return row


@kernel
def find_ue(shard, hi, lo, teid):  # type: ignore[no-untyped-def]
    """Row of the UE that a control endpoint belongs to, or -1."""
    if teid <= 0:
        return np.int64(-1)
    row = find(shard.controls, hi, lo, teid, tunnel_hash(hi, lo, teid))
    return np.int64(shard.controls.rows[row].ue) if row >= 0 else row


@kernel
def bind_control(shard, ue_row, endpoint):  # type: ignore[no-untyped-def]
    """A control endpoint belongs to the UE; a new node in a role supersedes the one before."""
    hashed = tunnel_hash(endpoint.hi, endpoint.lo, endpoint.teid)
    row = enter(shard.controls, endpoint.hi, endpoint.lo, endpoint.teid, hashed)
    if row < 0:
        return
    c = shard.controls.rows[row]
    ue = shard.ues.rows[ue_row]
    held = False
    for k in range(UE_CONTROLS):
        other = np.int64(ue.control[k])
        if other == row:
            held = True
        elif other >= 0:
            o = shard.controls.rows[other]
            if o.ue == ue_row and o.interface == endpoint.interface and (o.hi != c.hi or o.lo != c.lo):
                o.superseded = 1
    if not held:
        k = np.int64(ue.control_next) % UE_CONTROLS
        drop_control(shard, ue, ue_row, k)
        ue.control[k] = row
        ue.control_next = k + 1
    c.ue = ue_row
    c.interface = endpoint.interface
    c.superseded = 0


@kernel
def drop_control(shard, ue, ue_row, k):  # type: ignore[no-untyped-def]
    """Forget what slot `k` of the UE holds, unless the endpoint is another's by now."""
    row = np.int64(ue.control[k])
    ue.control[k] = NO_ROW
    if row >= 0:
        c = shard.controls.rows[row]
        if c.used and c.ue == ue_row:
            free(shard.controls, row)
