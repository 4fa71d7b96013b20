"""E-RABs and PDU sessions as the radio side tells of them: bound to the sessions that are known, else to their own.

`item` is a RAN_BEARER row, `c` the RAN_CONTEXT of the message. An E-RAB ID is the EPS bearer identity (TS 36.413
§9.2.1.2); of PDU session identities those from 1 to 15 are used (TS 24.007 §11.2.3.1b). A session of which only the
radio side was seen is pending until the RAN has set up one of its bearers.
"""

import numpy as np

from formats.ran import Tunnel
from formats.records import FTEID_N3_RAN, FTEID_N3_UPF
from formats.state import BEARER_TUNNELS, ESTABLISHED, NEVER_CLOSED, PENDING
from formats.xdr import SOURCES
from kernels import adoption, gtp_context, gtp_setup, presence, ran_contexts, sessions, tunnels
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part
from kernels.shard import OUT_ROOM, PRESENCE_ROWS, PROCEDURE_ROWS

S1AP_SOURCE, NGAP_SOURCE = SOURCES.index("s1ap"), SOURCES.index("ngap")
S1U_ENB, S1U_SGW = 0, 1
MESSAGE_ROWS = 640
"""Rows of a table that one message may add at most: of 16 bearers with `presence.ROLLS` windows to catch up with each,
or of 256 items whose earlier requests expire."""
_UP, _DOWN = np.int64(Tunnel.UP), np.int64(Tunnel.DOWN)


@part
def room(shard):  # type: ignore[no-untyped-def]
    """Whether the rows that one more message may add find room."""
    return max(shard[PRESENCE_ROWS], shard[PROCEDURE_ROWS]) + MESSAGE_ROWS <= shard[OUT_ROOM]


@part
def interface_of(protocol, up):  # type: ignore[no-untyped-def]
    """Kind of a user-plane endpoint: of the core (`up`) or of the RAN."""
    if protocol == 1:
        return np.int64(S1U_SGW) if up else np.int64(S1U_ENB)
    return np.int64(FTEID_N3_UPF) if up else np.int64(FTEID_N3_RAN)


@part
def of_radio(shard, bearer_row):  # type: ignore[no-untyped-def]
    """Whether only the radio side told of the bearer's session."""
    source = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session].source
    return source == S1AP_SOURCE or source == NGAP_SOURCE


@part
def bound_at(shard, hi, lo, teid, ts):  # type: ignore[no-untyped-def]
    """Row of the live bearer that an endpoint belongs to, or -1."""
    if teid < 0 or (hi | lo) == 0:
        return np.int64(-1)
    row = tunnels.find(shard, own.TUNNELS, own.tunnels(shard, 0), hi, lo, teid, tunnel_hash(hi, lo, teid))
    if row < 0 or own.tunnels(shard, 0)[row].closed_ts <= ts:
        return np.int64(-1)
    bearer_row = np.int64(own.tunnels(shard, 0)[row].bearer)
    return bearer_row if own.bearers(shard, 0)[bearer_row].ended == 0 else np.int64(-1)


@part
def bound(shard, item, ts):  # type: ignore[no-untyped-def]
    """Row of the live bearer that the item's endpoint belongs to, by either of its addresses; or -1."""
    row = bound_at(shard, item.hi, item.lo, np.int64(item.teid), ts)
    return row if row >= 0 else bound_at(shard, item.v6_hi, item.v6_lo, np.int64(item.teid), ts)


@part
def known(shard, c, item):  # type: ignore[no-untyped-def]
    """Row of the live bearer that the item names by its identity, or -1."""
    return gtp_context.live_bearer(shard, ran_contexts.ue_of(shard, c), np.int64(item.id))


@part
def bearer_of(shard, ue_row, k):  # type: ignore[no-untyped-def]
    """Row of the UE's live bearer with identity `k`, or -1; an unknown UE has none."""
    return gtp_context.live_bearer(shard, ue_row, np.int64(k))


@part
def adopt(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """Row of the bearer that the core asks to be set up by `item`, with the context joined to its UE; -1 when full."""
    c = own.rans(shard, 0)[row]
    bearer_row = bound(shard, item, ts)
    if bearer_row >= 0:
        sessions.name_bearer(shard, bearer_row, np.int64(item.id))
        ue_row = ran_contexts.ue_of(shard, c)
        if ue_row < 0:
            ue_row = sessions.find_imsi(shard, c.imsi)
        if ue_row >= 0 and adoption.adoptable(shard, bearer_row, ue_row):
            adoption.adopt(shard, bearer_row, ue_row, ts)
        ran_contexts.join(shard, row, np.int64(own.bearers(shard, 0)[bearer_row].ue), ts)
        return bearer_row
    bearer_row = known(shard, c, item)
    if bearer_row >= 0:
        return bearer_row
    return begin(shard, row, item.hi, item.lo, np.int64(item.teid), np.int64(item.id), ts, PENDING)


@part
def begin(shard, row, hi, lo, teid, ebi, ts, phase):  # type: ignore[no-untyped-def]
    """A bearer of which only the radio side is seen, in a session of its own; row, or -1 when a table is full."""
    c = own.rans(shard, 0)[row]
    if ebi < 0 or ebi > 15:
        return np.int64(-1)
    ue_row = ran_contexts.ue_for(shard, row, ts)
    if ue_row < 0:
        return ue_row
    session_row = gtp_context.only_session(shard, ue_row) if c.protocol == 1 else np.int64(-1)
    if session_row < 0:
        name = np.int64(tunnel_hash(hi ^ np.uint64(ts), lo, (teid << 4) | ebi) >> np.uint64(1)) | 1
        source = S1AP_SOURCE if c.protocol == 1 else NGAP_SOURCE
        session_row = sessions.create_session(shard, ue_row, name, ts, phase, source)
        if session_row < 0:
            if own.ues(shard, 0)[ue_row].sessions == 0:
                sessions.free_ue(shard, ue_row)
            return session_row
        s = own.sessions(shard, 0)[session_row]
        s.ebi, s.rat = ebi, ran_contexts.rat_of(c)
        if c.cell != 0:
            s.cell_first = s.cell_last = c.cell
    bearer_row = sessions.create_bearer(shard, session_row, ue_row, ebi, np.int64(-1), ts)
    if bearer_row >= 0 and c.cell != 0:
        b = own.bearers(shard, 0)[bearer_row]
        b.cell, b.rat = c.cell, ran_contexts.rat_of(c)
    return bearer_row


@part
def slice_of(item):  # type: ignore[no-untyped-def]
    """SST << 24 | SD of the item, -1 where it tells none."""
    if item.sst < 0:
        return np.int64(-1)
    return (np.int64(item.sst) << 24) | (np.int64(item.sd) if item.sd >= 0 else np.int64(0xFF_FFFF))


@part
def bind_beside(shard, bearer_row, hi, lo, teid, interface, ts):  # type: ignore[no-untyped-def]
    """An endpoint that leaves the others of its kind in use: another address, the target of a handover."""
    bearer = own.bearers(shard, 0)[bearer_row]
    in_use = np.int64(0)
    for k in range(BEARER_TUNNELS):
        held = np.int64(bearer.tunnel[k])
        if held >= 0 and own.tunnels(shard, 0)[held].closed_ts == NEVER_CLOSED:
            in_use |= 1 << k
    tunnels.bind(shard, bearer_row, hi, lo, teid, interface, ts)
    for k in range(BEARER_TUNNELS):
        held = np.int64(bearer.tunnel[k])
        if (in_use >> k) & 1 and held >= 0 and own.tunnels(shard, 0)[held].bearer == bearer_row:
            own.tunnels(shard, 0)[held].closed_ts = NEVER_CLOSED


@part
def bind(shard, c, bearer_row, hi, lo, hi6, lo6, teid, up, ts):  # type: ignore[no-untyped-def]
    """An endpoint of the bearer, (hi6, lo6) its second address or 0; one of the RAN connects it."""
    if bearer_row < 0 or teid < 0 or (hi | lo) == 0:
        return
    b = own.bearers(shard, 0)[bearer_row]
    if b.lost_ts != 0:
        settle_loss(shard, bearer_row)
    interface = interface_of(np.int64(c.protocol), up)
    tunnels.bind(shard, bearer_row, hi, lo, teid, interface, ts)
    if (hi6 | lo6) != 0:
        bind_beside(shard, bearer_row, hi6, lo6, teid, interface, ts)
    s = own.sessions(shard, 0)[b.session]
    s.last_ts = max(s.last_ts, ts)
    if not up:
        b.cause, b.cause_family = -1, 0
        if s.phase == PENDING and of_radio(shard, bearer_row):
            s.phase = ESTABLISHED
        gtp_setup.open_presence(shard, bearer_row, ts)
        presence.connect(shard, b, ts)


@part
def bind_item(shard, c, bearer_row, item, up, ts):  # type: ignore[no-untyped-def]
    """As `bind`, the endpoint that `item` tells."""
    bind(shard, c, bearer_row, item.hi, item.lo, item.v6_hi, item.v6_lo, np.int64(item.teid), up, ts)


@part
def ask(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """The core asks for a bearer: row of it, bound to the core's endpoint; -1 when a table is full."""
    bearer_row = adopt(shard, row, item, ts)
    if bearer_row >= 0:
        c, b = own.rans(shard, 0)[row], own.bearers(shard, 0)[bearer_row]
        s = own.sessions(shard, 0)[b.session]
        s.last_ts = max(s.last_ts, ts)
        if item.qci >= 0:
            b.qos = item.qci
            if s.qos < 0 or s.ebi == item.id:
                s.qos = item.qci
        if item.sst >= 0:
            s.slice = slice_of(item)
            c.slice = s.slice
        there = bound(shard, item, ts)
        if item.tunnel == _UP and (there < 0 or there == bearer_row):  # PFCP may have told it as another kind
            bind_item(shard, c, bearer_row, item, True, ts)
    return bearer_row


@part
def grant(shard, row, item, ts):  # type: ignore[no-untyped-def]
    """The RAN has set a bearer up, or moved its endpoint."""
    c = own.rans(shard, 0)[row]
    if item.tunnel == _DOWN:
        bind_item(shard, c, known(shard, c, item), item, False, ts)


@part
def refuse(shard, row, ebi, ts):  # type: ignore[no-untyped-def]
    """The RAN could not set a bearer up: one that only the radio side told of is over."""
    bearer_row = bearer_of(shard, ran_contexts.ue_of(shard, own.rans(shard, 0)[row]), ebi)
    if bearer_row >= 0 and of_radio(shard, bearer_row) and own.bearers(shard, 0)[bearer_row].radio_known == 0:
        sessions.end_bearer(shard, bearer_row, ts)


@part
def give_up(shard, bearer_row, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """The radio side of one of many bearers is lost by one message: it is released now, or by the next sweep."""
    b = own.bearers(shard, 0)[bearer_row]
    if room(shard):
        sessions.release(shard, bearer_row, ts, family, code, dropped)
    elif b.connected and b.lost_ts == 0:
        b.lost_ts, b.lost_family, b.lost_cause, b.lost_dropped = ts, family, code, dropped


@part
def settle_loss(shard, bearer_row):  # type: ignore[no-untyped-def]
    """Release the radio side that was lost when there was no room for the row."""
    b = own.bearers(shard, 0)[bearer_row]
    ts, family, code, dropped = b.lost_ts, np.int64(b.lost_family), np.int64(b.lost_cause), np.int64(b.lost_dropped)
    b.lost_ts = 0
    if b.ended:
        b.dropped, b.cause_family, b.cause = dropped, family, code
    else:
        sessions.release(shard, bearer_row, ts, family, code, dropped)


@part
def lose(shard, row, item, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """The radio side of one bearer is released by the RAN or the core; row of the bearer, or -1."""
    bearer_row = known(shard, own.rans(shard, 0)[row], item)
    if bearer_row >= 0:
        sessions.release(shard, bearer_row, ts, family, code, dropped)
    return bearer_row


@part
def delete(shard, bearer_row, reason, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """A bearer is deactivated; with its default bearer a session that only the radio side told of ends."""
    b = own.bearers(shard, 0)[bearer_row]
    if not of_radio(shard, bearer_row):
        return
    session_row = np.int64(b.session)
    if own.sessions(shard, 0)[session_row].ebi == b.ebi:
        sessions.end_session(shard, session_row, ts, reason, family, code, dropped)
    else:
        sessions.end_bearer(shard, bearer_row, ts)


@part
def tell_cause(shard, c, family, code):  # type: ignore[no-untyped-def]
    """The RAN asks for a release: the cause of that of each bearer, whoever carries it out first."""
    ue_row = ran_contexts.ue_of(shard, c)
    for k in range(16):
        bearer_row = bearer_of(shard, ue_row, k)
        if bearer_row >= 0:
            b = own.bearers(shard, 0)[bearer_row]
            b.cause, b.cause_family = code, family


@part
def release_all(shard, row, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """The radio side of every bearer is released, if the context is the one that serves the UE."""
    ue_row = ran_contexts.ue_of(shard, own.rans(shard, 0)[row])
    if ue_row < 0 or own.ues(shard, 0)[ue_row].serving != row:
        return
    for k in range(16):
        bearer_row = bearer_of(shard, ue_row, k)
        if bearer_row >= 0:
            give_up(shard, bearer_row, ts, family, code, dropped)


@part
def end_all(shard, row, reason, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """The device has left the network: sessions that only the radio side told of end."""
    ue_row = ran_contexts.ue_of(shard, own.rans(shard, 0)[row])
    if ue_row < 0 or own.ues(shard, 0)[ue_row].serving != row:
        return
    for k in range(16):
        bearer_row = bearer_of(shard, ue_row, k)
        if bearer_row >= 0 and of_radio(shard, bearer_row):
            session_row = np.int64(own.bearers(shard, 0)[bearer_row].session)
            sessions.end_session(shard, session_row, ts, reason, family, code, dropped)
