"""A device that goes from one RAN context to another: handover, path switch, a connection made anew.

The endpoints of a handover's target are held in its context until the device has arrived there; what the target did not
admit is lost on arrival.
"""

import numpy as np

from formats.ran import Tunnel
from formats.state import ESTABLISHED, RAN_PENDING
from formats.xdr import END_REASONS
from kernels import gtp_context, presence, ran_bearers, ran_contexts, sessions
from kernels import shard as own
from kernels.jit import part
from kernels.shard import owns

LATE = END_REASONS.index("late")
_DOWN = np.int64(Tunnel.DOWN)


@part
def hold(c, item):  # type: ignore[no-untyped-def]
    """Keep the endpoint of a handover's target until the device has arrived there."""
    if item.tunnel == _DOWN and item.teid >= 0 and c.pending < RAN_PENDING and 0 <= item.id < 16:
        k = np.int64(c.pending)
        c.pending_id[k], c.pending_teid[k] = item.id, item.teid
        c.pending_hi[k], c.pending_lo[k] = item.hi, item.lo
        c.pending6_hi[k], c.pending6_lo[k] = item.v6_hi, item.v6_lo
        c.pending = k + 1


@part
def hold_refusal(c, item, family, code):  # type: ignore[no-untyped-def]
    """Remember a bearer that the target did not admit."""
    if c.pending < RAN_PENDING and 0 <= item.id < 16:
        k = np.int64(c.pending)
        c.pending_id[k], c.pending_teid[k], c.pending_family[k], c.pending_cause[k] = item.id, -1, family, code
        c.pending = k + 1


@part
def find_ue(shard, row, ts):  # type: ignore[no-untyped-def]
    """Join the context to the UE that one of the endpoints it holds is bound to by now."""
    c = own.rans(shard, 0)[row]
    for k in range(c.pending):
        bearer_row = ran_bearers.bound_at(shard, c.pending_hi[k], c.pending_lo[k], c.pending_teid[k], ts)
        if bearer_row >= 0 and ran_contexts.ue_of(shard, c) < 0:
            ran_contexts.join(shard, row, np.int64(own.bearers(shard, 0)[bearer_row].ue), ts)


@part
def arrive(shard, row, ts):  # type: ignore[no-untyped-def]
    """The device is where the context is: the endpoints it holds are in use, bearers without one are lost."""
    c = own.rans(shard, 0)[row]
    if c.pending == 0:
        return
    find_ue(shard, row, ts)
    admitted, refused = np.int64(0), np.int64(0)
    for k in range(c.pending):
        ebi, teid = np.int64(c.pending_id[k]), c.pending_teid[k]
        bearer_row = ran_bearers.bearer_of(shard, ran_contexts.ue_of(shard, c), ebi)
        if teid < 0:
            refused |= 1 << k
            continue
        admitted |= 1 << ebi
        if bearer_row < 0:
            bearer_row = ran_bearers.begin(shard, row, c.pending_hi[k], c.pending_lo[k], teid, ebi, ts, ESTABLISHED)
        ran_bearers.bind(
            shard, c, bearer_row, c.pending_hi[k], c.pending_lo[k], c.pending6_hi[k], c.pending6_lo[k], teid, False, ts
        )
    whole = c.pending < RAN_PENDING
    lose_refused(shard, c, refused, ts)
    if whole:
        lose_others(shard, c, admitted, ts)
    c.pending = 0


@part
def lose_refused(shard, c, refused, ts):  # type: ignore[no-untyped-def]
    """Bearers that the target did not admit, told in the entries `refused` of what the context holds."""
    for k in range(c.pending):
        if (refused >> k) & 1:
            bearer_row = ran_bearers.bearer_of(shard, ran_contexts.ue_of(shard, c), np.int64(c.pending_id[k]))
            if bearer_row >= 0:
                family, code = np.int64(c.pending_family[k]), np.int64(c.pending_cause[k])
                sessions.release(shard, bearer_row, ts, family, code, np.int64(1))


@part
def lose_others(shard, c, kept, ts):  # type: ignore[no-untyped-def]
    """Bearers that did not come along (TS 36.413 §8.4.4.2: implicitly released); `kept`: a bit for each that did."""
    ue_row = ran_contexts.ue_of(shard, c)
    for k in range(16):
        bearer_row = ran_bearers.bearer_of(shard, ue_row, k)
        if bearer_row >= 0 and (kept >> k) & 1 == 0:
            sessions.release(shard, bearer_row, ts, np.int64(0), np.int64(-1), np.int64(1))


@part
def displace(shard, row, ts):  # type: ignore[no-untyped-def]
    """The UE has connected anew through context `row`: where it was before its radio side is gone, why is not known."""
    ue_row = ran_contexts.ue_of(shard, own.rans(shard, 0)[row])
    if ue_row < 0:
        return
    before = np.int64(own.ues(shard, 0)[ue_row].serving)
    if before < 0 or before == row:
        return
    for k in range(16):
        bearer_row = ran_bearers.bearer_of(shard, ue_row, k)
        if bearer_row >= 0 and own.bearers(shard, 0)[bearer_row].connected:
            b = own.bearers(shard, 0)[bearer_row]
            b.cause, b.cause_family = -1, 0
            sessions.release(shard, bearer_row, ts, np.int64(0), np.int64(-1), np.int64(-1))
            own.rans(shard, 0)[before].left = np.int64(own.rans(shard, 0)[before].left) | (1 << k)


@part
def tell_late(shard, row, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """The context that its UE has left tells why: a row without time or bytes for each bearer, where it was lost."""
    c = own.rans(shard, 0)[row]
    ue_row, left = ran_contexts.ue_of(shard, c), np.int64(c.left)
    c.left = 0
    if ue_row < 0 or left == 0 or dropped != 1:
        return
    for k in range(16):
        bearer_row = gtp_context.known_bearer(shard, ue_row, np.int64(k))
        if (left >> k) & 1 and bearer_row >= 0 and owns(shard, own.bearers(shard, 0)[bearer_row].session):
            b = own.bearers(shard, 0)[bearer_row]
            at = presence.write(shard, b, ts, ts, own.window_of(shard, ts), LATE)
            r = own.out_presence(shard, 0)[at]
            r.cell, r.rat, r.core_node_hi, r.core_node_lo = c.cell, ran_contexts.rat_of(c), c.core_hi, c.core_lo
            r.dropped, r.cause_family, r.cause_code = 1, family, code
