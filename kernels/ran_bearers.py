"""E-RABs and PDU sessions as the radio side tells of them: bound to the sessions that are known, else to their own.

`item` is a RAN_BEARER row, `c` the RAN_CONTEXT of the message. An E-RAB ID is the EPS bearer identity (TS 36.413
§9.2.1.2); of PDU session identities those from 1 to 15 are used (TS 24.007 §11.2.3.1b).
"""

import numpy as np

from formats.ran import Tunnel
from formats.records import FTEID_N3_RAN, FTEID_N3_UPF
from formats.state import ESTABLISHED, RAN_PENDING
from formats.xdr import SOURCES
from kernels import adoption, gtp_context, gtp_setup, presence, ran_contexts, sessions, tunnels
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part

S1AP_SOURCE, NGAP_SOURCE = SOURCES.index("s1ap"), SOURCES.index("ngap")
S1U_ENB, S1U_SGW = 0, 1
_UP, _DOWN = np.int64(Tunnel.UP), np.int64(Tunnel.DOWN)


@part
def interface_of(protocol, up):  # type: ignore[no-untyped-def]
    """Kind of a user-plane endpoint: of the core (`up`) or of the RAN."""
    if protocol == 1:
        return np.int64(S1U_SGW) if up else np.int64(S1U_ENB)
    return np.int64(FTEID_N3_UPF) if up else np.int64(FTEID_N3_RAN)


@part
def bound(shard, item, ts):  # type: ignore[no-untyped-def]
    """Row of the live bearer that the item's endpoint belongs to, or -1."""
    if item.teid < 0:
        return np.int64(-1)
    hashed = tunnel_hash(item.hi, item.lo, item.teid)
    row = tunnels.find(shard, own.TUNNELS, own.tunnels(shard, 0), item.hi, item.lo, item.teid, hashed)
    if row < 0 or own.tunnels(shard, 0)[row].closed_ts <= ts:
        return np.int64(-1)
    bearer_row = np.int64(own.tunnels(shard, 0)[row].bearer)
    return bearer_row if own.bearers(shard, 0)[bearer_row].ended == 0 else np.int64(-1)


@part
def known(shard, c, item):  # type: ignore[no-untyped-def]
    """Row of the live bearer that the item names by its identity, or -1."""
    return gtp_context.live_bearer(shard, ran_contexts.ue_of(shard, c), np.int64(item.id))


@part
def adopt(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """Row of the bearer that the core asks to be set up by `item`, with the context joined to its UE; -1 when full."""
    c = own.rans(shard, 0)[row]
    bearer_row = bound(shard, item, ts)
    if bearer_row >= 0:
        ue_row = ran_contexts.ue_of(shard, c)
        if ue_row >= 0 and adoption.adoptable(shard, bearer_row, ue_row):
            adoption.adopt(shard, bearer_row, ue_row, ts)
        ran_contexts.join(shard, row, np.int64(own.bearers(shard, 0)[bearer_row].ue), ts)
        sessions.name_bearer(shard, bearer_row, np.int64(item.id))
        return bearer_row
    bearer_row = known(shard, c, item)
    return bearer_row if bearer_row >= 0 else begin(shard, row, item, ts)


@part
def begin(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """A bearer of which only the radio side is seen, in a session of its own; row, or -1 when a table is full."""
    c = own.rans(shard, 0)[row]
    if item.id < 0 or item.id > 15:
        return np.int64(-1)
    ue_row = ran_contexts.ue_for(shard, row, ts)
    if ue_row < 0:
        return ue_row
    session_row = gtp_context.only_session(shard, ue_row) if c.protocol == 1 else np.int64(-1)
    if session_row < 0:
        identity = tunnel_hash(item.hi ^ np.uint64(ts), item.lo, (np.int64(item.teid) << 4) | np.int64(item.id))
        source = S1AP_SOURCE if c.protocol == 1 else NGAP_SOURCE
        name = np.int64(identity >> np.uint64(1)) | 1
        session_row = sessions.create_session(shard, ue_row, name, ts, ESTABLISHED, source)
        if session_row < 0:
            return session_row
        s = own.sessions(shard, 0)[session_row]
        s.ebi, s.qos, s.slice, s.rat = item.id, item.qci, slice_of(item), ran_contexts.rat_of(c)
        s.imsi, s.imei = own.ues(shard, 0)[ue_row].imsi, own.ues(shard, 0)[ue_row].imei
        s.cell_first = s.cell_last = c.cell
    return sessions.create_bearer(shard, session_row, ue_row, np.int64(item.id), np.int64(item.qci), ts)


@part
def slice_of(item):  # type: ignore[no-untyped-def]
    """SST << 24 | SD of the item, -1 where it tells none."""
    if item.sst < 0:
        return np.int64(-1)
    return (np.int64(item.sst) << 24) | (np.int64(item.sd) if item.sd >= 0 else np.int64(0xFF_FFFF))


@part
def bind(shard, c, bearer_row, hi, lo, teid, up, ts):  # type: ignore[no-untyped-def]
    """An endpoint of the bearer; one of the RAN connects it."""
    if bearer_row < 0 or teid < 0:
        return
    tunnels.bind(shard, bearer_row, hi, lo, teid, interface_of(np.int64(c.protocol), up), ts)
    if not up:
        b = own.bearers(shard, 0)[bearer_row]
        b.cause, b.cause_family = -1, 0
        gtp_setup.open_presence(shard, bearer_row, ts)
        presence.connect(shard, b, ts)


@part
def ask(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """The core asks for a bearer: row of it, bound to the core's endpoint; -1 when a table is full."""
    bearer_row = adopt(shard, row, item, ts)
    if bearer_row >= 0:
        c, b = own.rans(shard, 0)[row], own.bearers(shard, 0)[bearer_row]
        s = own.sessions(shard, 0)[b.session]
        if item.qci >= 0:
            b.qos = item.qci
        if item.sst >= 0:
            s.slice = slice_of(item)
            c.slice = s.slice
        there = bound(shard, item, ts)
        if item.tunnel == _UP and (there < 0 or there == bearer_row):  # PFCP may have told it as another kind
            bind(shard, c, bearer_row, item.hi, item.lo, np.int64(item.teid), True, ts)
    return bearer_row


@part
def grant(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """The RAN has set a bearer up, or moved its endpoint."""
    c = own.rans(shard, 0)[row]
    if item.tunnel == _DOWN:
        bind(shard, c, known(shard, c, item), item.hi, item.lo, np.int64(item.teid), False, ts)


@part
def refuse(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """The RAN could not set a bearer up: one that only the radio side told of is over."""
    c = own.rans(shard, 0)[row]
    bearer_row = known(shard, c, item)
    if bearer_row >= 0:
        b = own.bearers(shard, 0)[bearer_row]
        source = own.sessions(shard, 0)[b.session].source
        if (source == S1AP_SOURCE or source == NGAP_SOURCE) and b.connected == 0:
            sessions.end_bearer(shard, bearer_row, ts)


@part
def hold(c, item):  # type: ignore[no-untyped-def]
    """Keep the endpoint of a handover's target until the device has arrived there."""
    if item.tunnel == _DOWN and c.pending < RAN_PENDING and 0 <= item.id < 16:
        k = np.int64(c.pending)
        c.pending_id[k], c.pending_hi[k], c.pending_lo[k] = item.id, item.hi, item.lo
        c.pending_teid[k] = item.teid
        c.pending = k + 1


@part
def arrive(shard, row, ts):  # type: ignore[no-untyped-def]
    """The device has arrived at the target: its endpoints are in use."""
    c = own.rans(shard, 0)[row]
    ue_row = ran_contexts.ue_of(shard, c)
    for k in range(c.pending):
        bearer_row = gtp_context.live_bearer(shard, ue_row, np.int64(c.pending_id[k]))
        bind(shard, c, bearer_row, c.pending_hi[k], c.pending_lo[k], c.pending_teid[k], False, ts)
    c.pending = 0


@part
def lose(shard, row, item, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """One bearer is released by the RAN or the core."""
    bearer_row = known(shard, own.rans(shard, 0)[row], item)
    if bearer_row >= 0:
        sessions.release(shard, bearer_row, ts, family, code, dropped)
        source = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session].source
        if source == S1AP_SOURCE or source == NGAP_SOURCE:
            sessions.end_bearer(shard, bearer_row, ts)


@part
def tell_cause(shard, c, family, code):  # type: ignore[no-untyped-def]
    """The RAN asks for a release: the cause of that of each bearer, whoever carries it out first."""
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row < 0:
        return
    for k in range(16):
        bearer_row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if bearer_row >= 0:
            b = own.bearers(shard, 0)[bearer_row]
            b.cause, b.cause_family = code, family


@part
def release_all(shard, row, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """The radio side of every bearer is released, if the context is the one that serves the UE."""
    c = own.rans(shard, 0)[row]
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row < 0 or own.ues(shard, 0)[ue_row].serving != row:
        return
    for k in range(16):
        bearer_row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if bearer_row >= 0:
            sessions.release(shard, bearer_row, ts, family, code, dropped)
