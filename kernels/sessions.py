"""Subscribers' contexts, their sessions and bearers: making, locating, ending, writing.

A session is a PDN connection or PDP context; it is pending from its set-up request, established by the answer, and
ended by deletion, error indication, a peer's restart, replacement or silence. Its row is written a few seconds
after its end, when no late packet can belong to it any more.
"""

import numpy as np

from formats.state import (
    BEARER_TUNNELS,
    ENDED,
    NO_ROW,
    PENDING,
    SESSION_BEARERS,
    UE_CONTROLS,
)
from formats.xdr import END_REASONS, RATS
from kernels import presence, tunnels
from kernels import shard as own
from kernels.causes import abnormal
from kernels.jit import part
from kernels.shard import SESSION_ROWS, next_context, owns, window_of
from kernels.table import candidate, give, index_of, link, tag_of, take, unlink

NO_DIGITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
CELL_CHANGE = END_REASONS.index("cell_change")
DELETED = END_REASONS.index("deleted")
RELEASED = END_REASONS.index("released")
REPLACED = END_REASONS.index("replaced")
NOT_ANSWERED = END_REASONS.index("not_answered")
ALL_INTERFACES = 255


def _rats() -> np.ndarray:
    """By RAT type as sent (TS 29.274 §8.17): index of xdr.RATS, 0 for what is not in the table."""
    known = np.zeros(256, np.uint8)
    known[: len(RATS)] = range(len(RATS))
    for first, name in ((11, "eutran"), (15, "nb_iot"), (19, "lte_m")):  # LEO, MEO, GEO and other satellites
        known[first : first + 4] = RATS.index(name)
    return known


RAT = _rats()


@part
def digits_hash(digits):  # type: ignore[no-untyped-def]
    """Hash of an identity (murmur3's 64-bit finaliser), uint64."""
    h = digits
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@part
def find_imsi(shard, imsi):  # type: ignore[no-untyped-def]
    """Row of the UE with this IMSI, or -1."""
    if imsi == NO_DIGITS:
        return np.int64(-1)
    tag = tag_of(digits_hash(imsi))
    index = index_of(shard, own.UES)
    mask = len(index) - 1
    slot, row = candidate(index, tag, tag & mask)
    while row >= 0:
        if own.ues(shard, 0)[row].imsi == imsi:
            return row
        slot, row = candidate(index, tag, (slot + 1) & mask)
    return np.int64(-1)


@part
def name_ue(shard, row, imsi):  # type: ignore[no-untyped-def]
    """Give an anonymous UE its IMSI."""
    ue = own.ues(shard, 0)[row]
    if imsi == NO_DIGITS or ue.imsi != NO_DIGITS:
        return
    ue.imsi = imsi
    ue.hash = digits_hash(imsi)
    link(shard, own.UES, ue.hash, row)
    for k in range(16):
        bearer_row = np.int64(ue.bearer[k])
        if bearer_row >= 0:
            session = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session]
            session.imsi = imsi
    renew_contexts(shard, ue)


@part
def create_ue(shard, imsi, ts):  # type: ignore[no-untyped-def]
    """A UE without sessions; row, or -1 when the table is full."""
    row = take(shard, own.UES)
    if row < 0:
        return row
    ue = own.ues(shard, 0)[row]
    ue.used, ue.imsi, ue.imei, ue.cell, ue.rat, ue.sessions = 1, NO_DIGITS, NO_DIGITS, 0, 0, 0
    ue.hash = 0
    ue.last_ts = ts
    ue.serving, ue.serial = NO_ROW, next_context(shard)
    for k in range(16):
        ue.bearer[k] = NO_ROW
    for k in range(UE_CONTROLS):
        ue.control[k] = NO_ROW
    name_ue(shard, row, imsi)
    return row


@part
def free_ue(shard, row):  # type: ignore[no-untyped-def]
    """Forget a UE and its control endpoints."""
    ue = own.ues(shard, 0)[row]
    for k in range(UE_CONTROLS):
        tunnels.drop_control(shard, ue, row, k)
    if ue.imsi != NO_DIGITS:
        unlink(shard, own.UES, ue.hash, row)
    ue.used = 0
    give(shard, own.UES, row)


@part
def renew_contexts(shard, ue):  # type: ignore[no-untyped-def]
    """The sessions of the UE are in a new state: flow rows will be cut."""
    context = next_context(shard)
    for k in range(16):
        if ue.bearer[k] >= 0 and own.bearers(shard, 0)[ue.bearer[k]].ended == 0:
            own.bearers(shard, 0)[ue.bearer[k]].context = (
                context + np.int64(own.bearers(shard, 0)[ue.bearer[k]].session) * 0x1_0000_0000
            )


@part
def create_bearer(shard, session_row, ue_row, ebi, qos, ts):  # type: ignore[no-untyped-def]
    """A bearer of the session; row, or -1 when a table or the session is full. `ebi` -1: not known yet."""
    session = own.sessions(shard, 0)[session_row]
    place = -1
    for k in range(SESSION_BEARERS):
        if session.bearer[k] == NO_ROW:
            place = k
            break
    row = take(shard, own.BEARERS) if place >= 0 else np.int64(-1)
    if row < 0:
        return np.int64(-1)
    session.bearer[place] = row
    b = own.bearers(shard, 0)[row]
    ue = own.ues(shard, 0)[ue_row]
    b.used, b.session, b.ue, b.ebi, b.qos = 1, session_row, ue_row, ebi, qos
    b.cell, b.rat = ue.cell, ue.rat
    b.leg, b.last_ts, b.present, b.connected, b.radio_known, b.ended = -1, 0, 0, 0, 0, 0
    b.end, b.lost_ts = 0, 0
    b.cause, b.cause_family, b.dropped = -1, 0, -1
    for k in range(BEARER_TUNNELS):
        b.tunnel[k] = NO_ROW
    b.context = next_context(shard) + np.int64(session_row) * 0x1_0000_0000
    for k in range(SESSION_BEARERS):
        if k != place and session.bearer[k] >= 0:
            b.context = own.bearers(shard, 0)[session.bearer[k]].context
            break
    name_bearer(shard, row, ebi)
    return row


@part
def name_bearer(shard, row, ebi):  # type: ignore[no-untyped-def]
    """Give a bearer its EPS bearer identity; whoever had it is no longer found by it."""
    if 0 <= ebi < 16:
        b = own.bearers(shard, 0)[row]
        if 0 <= b.ebi < 16 and own.ues(shard, 0)[b.ue].bearer[b.ebi] == row:
            own.ues(shard, 0)[b.ue].bearer[b.ebi] = NO_ROW
        b.ebi = ebi
        own.ues(shard, 0)[b.ue].bearer[ebi] = row


@part
def create_session(shard, ue_row, identity, ts, phase, source):  # type: ignore[no-untyped-def]
    """A session of the UE without bearers; row, or -1 when the table is full."""
    row = take(shard, own.SESSIONS)
    if row < 0:
        return row
    ue = own.ues(shard, 0)[ue_row]
    ue.sessions += 1
    s = own.sessions(shard, 0)[row]
    s.used, s.id, s.ue, s.phase, s.source = 1, identity, ue_row, phase, source
    s.apn, s.ebi, s.qos, s.rat = -1, -1, -1, ue.rat
    s.start, s.end, s.last_ts, s.setup = ts, ts, ts, -1
    s.ue_hi, s.ue_lo, s.ue6_hi, s.ue6_lo = 0, 0, 0, 0
    s.cell_first, s.cell_last = ue.cell, ue.cell
    s.gateway_hi, s.gateway_lo = 0, 0
    s.imsi, s.imei = ue.imsi, ue.imei
    s.cause, s.ran_cause, s.ran_family, s.cause_family = -1, -1, 0, 0
    s.end_reason, s.dropped, s.interface, s.access_seen = 0, -1, 0, 0
    s.slice = -1
    for k in range(2):
        s.bytes[k] = 0
        s.packets[k] = 0
    for k in range(SESSION_BEARERS):
        s.bearer[k] = NO_ROW
    return row


@part
def locate(shard, ue_row, cell, rat, ts):  # type: ignore[no-untyped-def]
    """As `place`; `rat` as TS 29.274 §8.17 counts."""
    place(shard, ue_row, cell, np.int64(RAT[rat & 255]), ts)


@part
def place(shard, ue_row, cell, rat, ts):  # type: ignore[no-untyped-def]
    """The UE is in `cell` (0: not told) on `rat` (xdr.RATS, 0: not told) from `ts` on: its rows are cut."""
    ue = own.ues(shard, 0)[ue_row]
    if cell == 0:
        cell = ue.cell
    if rat == 0:
        rat = ue.rat
    if cell == ue.cell and rat == ue.rat:
        return
    ue.cell, ue.rat = cell, rat
    for k in range(16):
        if ue.bearer[k] >= 0:
            b = own.bearers(shard, 0)[ue.bearer[k]]
            if b.ended == 0:
                move_bearer(shard, b, cell, rat, ts)
    renew_contexts(shard, ue)


@part
def move_bearer(shard, b, cell, rat, ts):  # type: ignore[no-untyped-def]
    """The bearer's presence in the old cell ends at `ts`, and goes on in the new one."""
    open_before = b.present
    presence.roll(shard, b, ts)
    presence.close_row(shard, b, ts, CELL_CHANGE)
    b.cell, b.rat = cell, rat
    if open_before:
        presence.open_row(shard, b, ts)
    s = own.sessions(shard, 0)[b.session]
    s.cell_last, s.rat = cell, rat
    if s.cell_first == 0:
        s.cell_first = cell


@part
def end_bearer(shard, row, ts):  # type: ignore[no-untyped-def]
    """The bearer ends at `ts`; its rows wait for late packets, and for a sweep: many bearers may end by one message."""
    b = own.bearers(shard, 0)[row]
    if b.ended:
        return
    tunnels.unbind(shard, b, row, ALL_INTERFACES, ts)
    b.ended, b.end = 1, ts


@part
def end_session(shard, row, ts, reason, family, cause, dropped):  # type: ignore[no-untyped-def]
    """The session ends at `ts` for `reason` (xdr.END_REASONS); `dropped` 1 abnormal, 0 normal, -1 not known."""
    s = own.sessions(shard, 0)[row]
    if s.phase == ENDED:
        return
    s.phase, s.end, s.end_reason = ENDED, ts, reason
    s.cause_family, s.cause, s.dropped = family, cause, dropped
    for k in range(SESSION_BEARERS):
        if s.bearer[k] >= 0:
            end_bearer(shard, np.int64(s.bearer[k]), ts)


@part
def release(shard, row, ts, family, cause, dropped):  # type: ignore[no-untyped-def]
    """The radio side of a bearer is released at `ts` (to idle, or lost: `dropped`); the session lives on."""
    b = own.bearers(shard, 0)[row]
    if b.ended or b.connected == 0:
        return
    if family == 0 and b.cause >= 0:  # told ahead, by the radio side
        family, cause = np.int64(b.cause_family), np.int64(b.cause)
        dropped = abnormal(family, cause)
    presence.roll(shard, b, ts)
    at = presence.close_row(shard, b, ts, RELEASED)
    b.connected = 0
    tunnels.unbind_radio(shard, b, row, ts)
    if at >= 0:
        r = own.out_presence(shard, 0)[at]
        r.dropped, r.cause_family, r.cause_code = dropped, family, cause


@part
def finish_bearer(shard, row, reason):  # type: ignore[no-untyped-def]
    """Write the bearer's last presence row and forget it."""
    b = own.bearers(shard, 0)[row]
    s = own.sessions(shard, 0)[b.session]
    end = b.end if b.ended else max(s.last_ts, b.last_ts)
    presence.roll(shard, b, end)
    at = presence.close_row(shard, b, end, DELETED if b.dropped >= 0 else reason)
    if at >= 0 and b.dropped >= 0:
        r = own.out_presence(shard, 0)[at]
        r.dropped, r.cause_family, r.cause_code = b.dropped, b.cause_family, b.cause
    elif at >= 0 and s.dropped >= 0:
        r = own.out_presence(shard, 0)[at]
        r.dropped, r.cause_family, r.cause_code = s.dropped, s.cause_family, s.cause
    for k in range(BEARER_TUNNELS):
        tunnels.release_slot(shard, b, row, k)
    ue = own.ues(shard, 0)[b.ue]
    if b.ebi >= 0 and ue.bearer[b.ebi] == row:
        ue.bearer[b.ebi] = NO_ROW
    for k in range(SESSION_BEARERS):
        if s.bearer[k] == row:
            s.bearer[k] = NO_ROW
    b.used = 0
    give(shard, own.BEARERS, row)


@part
def write_session(shard, s):  # type: ignore[no-untyped-def]
    """The session's xDR row."""
    at = shard[SESSION_ROWS]
    shard[SESSION_ROWS] = at + 1
    r = own.out_session(shard, 0)[at]
    r.session_id, r.source, r.imsi, r.imei, r.apn, r.rat = s.id, s.source, s.imsi, s.imei, s.apn, s.rat
    r.ue_ip_hi, r.ue_ip_lo = s.ue_hi, s.ue_lo
    r.ue_ipv6_hi, r.ue_ipv6_lo = s.ue6_hi, s.ue6_lo
    r.cell_first, r.cell_last = s.cell_first, s.cell_last
    r.start_time, r.end_time, r.end_reason = s.start, max(s.end, s.start), s.end_reason
    r.cause_code, r.cause_family = s.cause, s.cause_family
    r.setup_ms, r.dropped = s.setup, s.dropped
    r.bytes_up, r.bytes_down = s.bytes[0], s.bytes[1]
    r.packets_up, r.packets_down = s.packets[0], s.packets[1]
    r.qos_class, r.slice = s.qos, s.slice
    r.gateway_hi, r.gateway_lo = s.gateway_hi, s.gateway_lo
    r.window = window_of(shard, s.start)


@part
def finish_session(shard, row):  # type: ignore[no-untyped-def]
    """Write what is left of the session and forget it; a set-up without success leaves no row, unless data flowed."""
    s = own.sessions(shard, 0)[row]
    for k in range(SESSION_BEARERS):
        if s.bearer[k] >= 0:
            finish_bearer(shard, np.int64(s.bearer[k]), np.int64(s.end_reason))
    if owns(shard, row) and (s.end_reason != NOT_ANSWERED or s.packets[0] + s.packets[1] > 0):
        write_session(shard, s)
    ue_row = np.int64(s.ue)
    ue = own.ues(shard, 0)[ue_row]
    ue.sessions -= 1
    s.used = 0
    give(shard, own.SESSIONS, row)
    if ue.sessions <= 0:
        free_ue(shard, ue_row)


@part
def discard_session(shard, row, ts):  # type: ignore[no-untyped-def]
    """A set-up was refused, or its answer was not seen."""
    if own.sessions(shard, 0)[row].phase == PENDING:
        end_session(shard, row, ts, NOT_ANSWERED, 0, -1, -1)
