"""Tunnel endpoints, (address, TEID): of the user plane -> bearer, of the control plane -> UE (TS 29.274 §8.22).

An endpoint is bound from a message on, rebound when a later message names it for another bearer (a TEID is re-used),
and unbound at release, handover or deletion; late packets of an unbound endpoint still belong to it for a few seconds.
"""

import numpy as np

from formats.records import (
    FTEID_GN_GGSN_C,
    FTEID_GN_GGSN_U,
    FTEID_GN_SGSN_C,
    FTEID_GN_SGSN_U,
    FTEID_N3_RAN,
    FTEID_N3_UPF,
)
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
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import inlined, part
from kernels.shard import LINGER
from kernels.table import candidate, give, index_of, link, tag_of, take, unlink


def _interfaces() -> tuple[np.ndarray, np.ndarray]:
    """By F-TEID interface type: direction of packets sent to the endpoint (2: none), and leg."""
    direction = np.full(256, 2, np.uint8)
    leg = np.full(256, LEG_FORWARDING, np.uint8)
    for side, types in (
        (DOWN, (0, 2, 4, 15, 29, 31, 34, 38, FTEID_GN_SGSN_U, FTEID_N3_RAN)),
        (UP, (1, 3, 5, 16, 33, 37, 39, FTEID_GN_GGSN_U, FTEID_N3_UPF)),
    ):
        direction[list(types)] = side
    leg[[0, 1, 2, 3, 15, 16, 29, 38, 39, FTEID_GN_SGSN_U, FTEID_GN_GGSN_U, FTEID_N3_RAN, FTEID_N3_UPF]] = LEG_ACCESS
    leg[[4, 5, 31, 33, 34, 37]] = LEG_CORE
    return direction, leg


DIRECTION, LEG = _interfaces()
RADIO_SIDE = np.zeros(256, np.uint8)
RADIO_SIDE[[0, 2, 15, 38, FTEID_GN_SGSN_U, FTEID_N3_RAN]] = 1
CONTROL_PLANE = np.zeros(256, np.uint8)
CONTROL_PLANE[[6, 7, 10, 11, 12, 13, 14, 17, 18, 30, 32, 35, 36, 40, FTEID_GN_SGSN_C, FTEID_GN_GGSN_C]] = 1


@inlined
def is_endpoint(r, hi, lo, teid):  # type: ignore[no-untyped-def]
    """Whether the live row `r` (TUNNEL or CONTROL) is that of an endpoint."""
    return r.teid == teid and r.lo == lo and r.hi == hi and r.used != 0


@part
def find(shard, base, rows, hi, lo, teid, hashed):  # type: ignore[no-untyped-def]
    """Row of the endpoint (TUNNEL or CONTROL table), or -1."""
    tag = tag_of(hashed)
    index = index_of(shard, base)
    mask = len(index) - 1
    slot, row = candidate(index, tag, tag & mask)
    while row >= 0:
        if is_endpoint(rows[row], hi, lo, teid):
            return row
        slot, row = candidate(index, tag, (slot + 1) & mask)
    return np.int64(-1)


@part
def free(shard, base, rows, row):  # type: ignore[no-untyped-def]
    """Forget an endpoint."""
    r = rows[row]
    unlink(shard, base, r.hash, row)
    r.used = 0
    give(shard, base, row)


@part
def enter(shard, base, rows, hi, lo, teid, hashed):  # type: ignore[no-untyped-def]
    """Row of an endpoint that is new; -1 when the table is full."""
    row = take(shard, base)
    if row >= 0:
        r = rows[row]
        r.hi, r.lo, r.teid, r.hash, r.used = hi, lo, teid, hashed, 1
        link(shard, base, hashed, row)
    return row


@part
def release_slot(shard, bearer, bearer_row, k):  # type: ignore[no-untyped-def]
    """Forget what slot `k` of the bearer holds, unless the endpoint is another's by now."""
    row = np.int64(bearer.tunnel[k])
    bearer.tunnel[k] = NO_ROW
    if row >= 0:
        t = own.tunnels(shard, 0)[row]
        if t.used and t.bearer == bearer_row:
            free(shard, own.TUNNELS, own.tunnels(shard, 0), row)


@part
def slot_for(shard, bearer, bearer_row):  # type: ignore[no-untyped-def]
    """A slot of the bearer for another endpoint: an empty one, else that of the endpoint unbound longest ago."""
    best = 0
    oldest = NEVER_CLOSED
    for k in range(BEARER_TUNNELS):
        row = np.int64(bearer.tunnel[k])
        if row < 0:
            return k
        t = own.tunnels(shard, 0)[row]
        if t.used == 0 or t.bearer != bearer_row:
            return k
        if t.closed_ts < oldest:
            best, oldest = k, t.closed_ts
    release_slot(shard, bearer, bearer_row, best)
    return best


@part
def unbind(shard, bearer, bearer_row, interface, ts):  # type: ignore[no-untyped-def]
    """Unbind the bearer's endpoints of one interface type (255: of all) at `ts`."""
    for k in range(BEARER_TUNNELS):
        row = np.int64(bearer.tunnel[k])
        if row >= 0:
            t = own.tunnels(shard, 0)[row]
            meant = interface == 255 or t.interface == interface
            if t.bearer == bearer_row and t.closed_ts == NEVER_CLOSED and meant:
                t.closed_ts = ts


@part
def unbind_radio(shard, bearer, bearer_row, ts):  # type: ignore[no-untyped-def]
    """Unbind the radio-side endpoints of the bearer at `ts`."""
    for k in range(BEARER_TUNNELS):
        row = np.int64(bearer.tunnel[k])
        if row >= 0:
            t = own.tunnels(shard, 0)[row]
            if t.bearer == bearer_row and t.closed_ts == NEVER_CLOSED and RADIO_SIDE[t.interface]:
                t.closed_ts = ts


@part
def leave_bearer(shard, row, bearer_row):  # type: ignore[no-untyped-def]
    """The endpoint goes over to `bearer_row`: the bearer that had it forgets it, or would free it as its own."""
    before = np.int64(own.tunnels(shard, 0)[row].bearer)
    if before != bearer_row:
        b = own.bearers(shard, 0)[before]
        for k in range(BEARER_TUNNELS):
            if b.tunnel[k] == row:
                b.tunnel[k] = NO_ROW


@part
def bind(shard, bearer_row, hi, lo, teid, interface, ts):  # type: ignore[no-untyped-def]
    """Bind an endpoint to the bearer from `ts` on; an earlier endpoint of the same kind is unbound.

    interface: TS 29.274 §8.22, or FTEID_*.
    """
    hashed = tunnel_hash(hi, lo, teid)
    row = find(shard, own.TUNNELS, own.tunnels(shard, 0), hi, lo, teid, hashed)
    if row >= 0:
        leave_bearer(shard, row, bearer_row)
    else:
        row = enter(shard, own.TUNNELS, own.tunnels(shard, 0), hi, lo, teid, hashed)
        if row < 0:
            return
    t = own.tunnels(shard, 0)[row]
    bearer = own.bearers(shard, 0)[bearer_row]
    held = False
    for k in range(BEARER_TUNNELS):
        held = held or bearer.tunnel[k] == row
    if not held or t.bearer != bearer_row or t.closed_ts != NEVER_CLOSED:
        unbind(shard, bearer, bearer_row, interface, ts)
    if not held:
        bearer.tunnel[slot_for(shard, bearer, bearer_row)] = row
    t.bearer = bearer_row
    t.interface = interface
    t.direction = DIRECTION[interface]
    t.leg = LEG[interface]
    t.closed_ts = NEVER_CLOSED


@part
def lookup(shard, p, hint):  # type: ignore[no-untyped-def]
    """Row of the endpoint that `p` is sent to, if it is bound or was until a few seconds before; else -1.

    hint: the row that it most likely is, -1 where none is known.
    """
    rows = own.tunnels(shard, 0)
    row = hint
    if row < 0 or not is_endpoint(rows[row], p.outer_dst_hi, p.outer_dst_lo, p.teid):
        row = find(shard, own.TUNNELS, rows, p.outer_dst_hi, p.outer_dst_lo, p.teid, p.tunnel_hash)
    if row >= 0 and rows[row].closed_ts < p.ts - LINGER:
        return np.int64(-1)
    return row


@part
def find_ue(shard, hi, lo, teid):  # type: ignore[no-untyped-def]
    """Row of the UE that a control endpoint belongs to, or -1."""
    if teid <= 0:
        return np.int64(-1)
    row = find(shard, own.CONTROLS, own.controls(shard, 0), hi, lo, teid, tunnel_hash(hi, lo, teid))
    return np.int64(own.controls(shard, 0)[row].ue) if row >= 0 else row


@part
def leave_ue(shard, row, ue_row):  # type: ignore[no-untyped-def]
    """The control endpoint goes over to `ue_row`: the UE that had it forgets it."""
    c = own.controls(shard, 0)[row]
    if c.ue != ue_row:
        before = own.ues(shard, 0)[c.ue]
        for k in range(UE_CONTROLS):
            if before.control[k] == row:
                before.control[k] = NO_ROW
        c.session, c.session_id = NO_ROW, 0


@part
def control_for(shard, hi, lo, teid, ue_row):  # type: ignore[no-untyped-def]
    """Row of the control endpoint, made where it is new; now the UE's. -1 when the table is full."""
    hashed = tunnel_hash(hi, lo, teid)
    row = find(shard, own.CONTROLS, own.controls(shard, 0), hi, lo, teid, hashed)
    if row >= 0:
        leave_ue(shard, row, ue_row)
    else:
        row = enter(shard, own.CONTROLS, own.controls(shard, 0), hi, lo, teid, hashed)
        if row < 0:
            return row
        c = own.controls(shard, 0)[row]
        c.session, c.session_id = NO_ROW, 0
    own.controls(shard, 0)[row].ue = ue_row
    return row


@part
def control_slot(shard, ue, row):  # type: ignore[no-untyped-def]
    """The slot of the UE that holds control endpoint `row`, else an empty one, else that named longest ago."""
    best = 0
    oldest = np.int64(NEVER_CLOSED)
    for k in range(UE_CONTROLS):
        held = np.int64(ue.control[k])
        if held == row:
            return k
        when = own.controls(shard, 0)[held].bound_ts if held >= 0 else np.int64(-1)
        if when < oldest:
            best, oldest = k, when
    return best


@part
def bind_control(shard, ue_row, endpoint, ts):  # type: ignore[no-untyped-def]
    """A control endpoint belongs to the UE; a new node in a role supersedes the one before."""
    row = control_for(shard, endpoint.hi, endpoint.lo, endpoint.teid, ue_row)
    if row < 0:
        return
    c = own.controls(shard, 0)[row]
    ue = own.ues(shard, 0)[ue_row]
    c.interface, c.superseded, c.bound_ts = endpoint.interface, 0, ts
    for k in range(UE_CONTROLS):
        other = np.int64(ue.control[k])
        if other >= 0 and other != row:
            o = own.controls(shard, 0)[other]
            if o.interface == endpoint.interface and (o.hi != c.hi or o.lo != c.lo):
                o.superseded = 1
    k = control_slot(shard, ue, row)
    if ue.control[k] != row:
        drop_control(shard, ue, ue_row, k)
        ue.control[k] = row


@part
def drop_control(shard, ue, ue_row, k):  # type: ignore[no-untyped-def]
    """Forget what slot `k` of the UE holds, unless the endpoint is another's by now."""
    row = np.int64(ue.control[k])
    ue.control[k] = NO_ROW
    if row >= 0:
        c = own.controls(shard, 0)[row]
        if c.used and c.ue == ue_row:
            free(shard, own.CONTROLS, own.controls(shard, 0), row)
