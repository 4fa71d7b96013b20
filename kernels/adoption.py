"""A session that the core's user plane told of before its subscriber was known, taken over by who knows it."""

import numpy as np

from formats.addresses import NO_DIGITS
from formats.state import NO_ROW, SESSION_BEARERS
from formats.xdr import SOURCES
from kernels import sessions, tunnels
from kernels import shard as own
from kernels.jit import part

NO_IDENTITY = np.uint64(NO_DIGITS)
PFCP_SOURCE = SOURCES.index("pfcp")


@part
def adoptable(shard, bearer_row, ue_row):  # type: ignore[no-untyped-def]
    """Whether the bearer's session stands alone under a UE made for it, and `ue_row` may be whose it is."""
    b = own.bearers(shard, 0)[bearer_row]
    s, lone, ue = own.sessions(shard, 0)[b.session], own.ues(shard, 0)[b.ue], own.ues(shard, 0)[ue_row]
    if s.source != PFCP_SOURCE or b.ue == ue_row or lone.sessions != 1:
        return False
    return lone.imsi == NO_IDENTITY or ue.imsi == NO_IDENTITY or lone.imsi == ue.imsi


@part
def adopt(shard, bearer_row, ue_row, ts):  # type: ignore[no-untyped-def]
    """The bearer's session, `adoptable`, becomes one of `ue_row`; the UE that was made for it is forgotten."""
    session_row = np.int64(own.bearers(shard, 0)[bearer_row].session)
    s = own.sessions(shard, 0)[session_row]
    lone_row = np.int64(s.ue)
    lone, ue = own.ues(shard, 0)[lone_row], own.ues(shard, 0)[ue_row]
    imsi, imei = lone.imsi, lone.imei
    s.ue = ue_row
    ue.sessions += 1
    lone.sessions -= 1
    for k in range(SESSION_BEARERS):
        row = np.int64(s.bearer[k])
        if row >= 0:
            b = own.bearers(shard, 0)[row]
            if 0 <= b.ebi < 16 and lone.bearer[b.ebi] == row:
                lone.bearer[b.ebi] = NO_ROW
            b.ue = ue_row
            sessions.name_bearer(shard, row, np.int64(b.ebi))
            if b.ended == 0 and (b.cell != ue.cell or b.rat != ue.rat):
                sessions.move_bearer(shard, b, ue.cell, np.int64(ue.rat), ts)
    sessions.free_ue(shard, lone_row)
    if ue.imsi == NO_IDENTITY and imsi != NO_IDENTITY:
        sessions.name_ue(shard, ue_row, imsi)
    if ue.imei == NO_IDENTITY:
        ue.imei = imei
    if ue.imsi != NO_IDENTITY:
        s.imsi = ue.imsi
    if s.imei == NO_IDENTITY:
        s.imei = ue.imei


@part
def absorb(shard, session_row, bearer_row, ts):  # type: ignore[no-untyped-def]
    """A session that proved to be that of `bearer_row`: what is left of its endpoints goes there, it leaves no row."""
    s = own.sessions(shard, 0)[session_row]
    for k in range(SESSION_BEARERS):
        row = np.int64(s.bearer[k])
        if row < 0:
            continue
        b = own.bearers(shard, 0)[row]
        for slot in range(len(b.tunnel)):
            at = np.int64(b.tunnel[slot])
            if at >= 0 and own.tunnels(shard, 0)[at].used and own.tunnels(shard, 0)[at].closed_ts > ts:
                t = own.tunnels(shard, 0)[at]
                if t.bearer == row:
                    tunnels.bind(shard, bearer_row, t.hi, t.lo, t.teid, np.int64(t.interface), ts)
    take_facts(s, own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session])
    sessions.end_session(shard, session_row, ts, sessions.NOT_ANSWERED, 0, -1, -1)


@part
def take_facts(told, s):  # type: ignore[no-untyped-def]
    """What session row `told` knows and session row `s` does not."""
    if s.apn < 0:
        s.apn = told.apn
    if s.slice < 0:
        s.slice = told.slice
    if (s.ue_hi | s.ue_lo) == np.uint64(0):
        s.ue_hi, s.ue_lo, s.ue6_hi, s.ue6_lo = told.ue_hi, told.ue_lo, told.ue6_hi, told.ue6_lo
    if (s.gateway_hi | s.gateway_lo) == np.uint64(0):
        s.gateway_hi, s.gateway_lo = told.gateway_hi, told.gateway_lo
