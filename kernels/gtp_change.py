"""Changing and ending sessions and bearers (TS 29.274 §7.2.3-7.2.22, TS 29.060 §7.3.3-7.3.6).

Locations and endpoints of a request take effect when the request is seen, those of an answer when the answer is; a
deletion takes effect with its request, since a lost answer must not keep a session alive.
"""

import numpy as np

from formats.procedures import CHANGE_NOTIFICATION, INFO_CHANGE
from formats.records import FTEID_GN_GGSN_C
from formats.state import ESTABLISHED
from formats.xdr import END_REASONS
from kernels import gtp_context, gtp_setup, sessions, tunnels
from kernels import shard as own
from kernels.causes import abnormal
from kernels.gtp_context import SOURCE_V1, SOURCE_V2
from kernels.jit import part

DELETED = END_REASONS.index("deleted")


@part
def modify_request(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Modify Bearer Request, Modify Access Bearers Request, Update PDP Context Request: location and endpoints move."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        ue_row = stranger(shard, sig, m)
    if ue_row < 0:
        return
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    gtp_context.bind_controls(shard, sig, m, ue_row)
    session_row = np.int64(-1)
    for k in range(m.bearer_count):
        part = sig.bearers[m.first_bearer + k]
        row = gtp_context.live_bearer(shard, ue_row, np.int64(part.ebi))
        if row < 0 and part.ebi > 0:
            row = late_bearer(shard, sig, m, k, ue_row, t)
        if row < 0:
            continue
        session_row = np.int64(own.bearers(shard, 0)[row].session)
        t.bearer = row
        if part.instance == 1:
            sessions.end_bearer(shard, row, m.ts)
        else:
            gtp_setup.grant(shard, sig, m, k, row)
    if session_row < 0:
        session_row = gtp_context.session_meant(shard, m, ue_row)
    if session_row >= 0:
        gtp_context.note_access(shard, session_row, t.interface)
        gtp_context.note_session(shard, sig, m, session_row)
    gtp_context.note_transaction(shard, t, ue_row, session_row)


@part
def stranger(shard, sig, m):  # type: ignore[no-untyped-def]
    """A UE whose set-up was not seen, known from here on by the endpoint that `m` is sent to; row or -1."""
    if m.teid <= 0 or m.bearer_count == 0:
        return np.int64(-1)
    ue_row = sessions.create_ue(shard, m.imsi, m.ts)
    if ue_row < 0:
        return ue_row
    row = tunnels.control_for(shard, m.dst_hi, m.dst_lo, m.teid, ue_row)
    if row >= 0:
        c = own.controls(shard, 0)[row]
        c.superseded, c.bound_ts = 0, m.ts
        c.interface = FTEID_GN_GGSN_C if m.version == 1 else 11
        for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
            if sig.fteids[k].interface == 4:
                c.interface = 7
        ue = own.ues(shard, 0)[ue_row]
        ue.control[0] = row
    return ue_row


@part
def late_bearer(shard, sig, m, ordinal, ue_row, t):  # type: ignore[no-untyped-def]
    """A bearer whose set-up was not seen: with a session of its own, unless the UE has one that may be its."""
    session_row = set_up_empty(shard, sig, m, ue_row, t.interface)
    if session_row < 0:
        return session_row
    return gtp_setup.add_bearer(shard, sig, m, ordinal, session_row, ue_row)


@part
def set_up_empty(shard, sig, m, ue_row, interface):  # type: ignore[no-untyped-def]
    """The UE's only session, else one that is known from `m` on; row or -1."""
    row = gtp_context.only_session(shard, ue_row)
    if row >= 0:
        return row
    source = SOURCE_V2 if m.version == 2 else SOURCE_V1
    row = sessions.create_session(shard, ue_row, gtp_context.session_identity(m), m.ts, ESTABLISHED, source)
    if row >= 0:
        own.sessions(shard, 0)[row].interface = interface
        gtp_context.note_session(shard, sig, m, row)
    return row


@part
def modify_answer(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Answers that may name new endpoints of the core side."""
    ue_row = np.int64(t.ue)
    if ue_row < 0 or own.ues(shard, 0)[ue_row].used == 0 or own.ues(shard, 0)[ue_row].imsi != t.imsi:
        return
    gtp_context.bind_controls(shard, sig, m, ue_row)
    for k in range(m.bearer_count):
        ebi = np.int64(sig.bearers[m.first_bearer + k].ebi)
        row = gtp_context.live_bearer(shard, ue_row, ebi) if ebi >= 0 else np.int64(t.bearer)
        if row >= 0:
            gtp_context.bind_all(shard, sig, m, k, row)


@part
def delete_request(shard, m, t):  # type: ignore[no-untyped-def]
    """Delete Session Request, Delete PDP Context Request."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    bearer_row = gtp_context.known_bearer(shard, ue_row, np.int64(m.ebi))
    session_row = np.int64(-1)
    if bearer_row >= 0:
        session_row = np.int64(own.bearers(shard, 0)[bearer_row].session)
    elif m.ebi < 0:
        session_row = gtp_context.session_meant(shard, m, ue_row)
    gtp_context.note_transaction(shard, t, ue_row, session_row)
    if session_row < 0 or gtp_context.superseded(shard, m):
        return
    s = own.sessions(shard, 0)[session_row]
    if m.version == 1 and m.teardown != 1 and bearer_row >= 0 and m.ebi != s.ebi:
        sessions.end_bearer(shard, bearer_row, m.ts)
        return
    end_with_cause(shard, m, session_row)


@part
def end_with_cause(shard, m, session_row):  # type: ignore[no-untyped-def]
    """The session ends by deletion: normal or dropped by the cause told with it, or told ahead of it."""
    s = own.sessions(shard, 0)[session_row]
    family, code = gtp_context.end_cause(m)
    if family <= 2 and s.ran_cause >= 0:
        family, code = np.int64(s.ran_family), np.int64(s.ran_cause)
    sessions.end_session(shard, session_row, m.ts, DELETED, family, code, abnormal(family, code))


@part
def delete_bearers(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Delete Bearer Request: a linked EBI ends the session, else the listed bearers end."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    session_row = np.int64(-1)
    linked = gtp_context.known_bearer(shard, ue_row, np.int64(m.ebi))
    if linked >= 0:
        session_row = np.int64(own.bearers(shard, 0)[linked].session)
        gtp_context.note_transaction(shard, t, ue_row, session_row)
        end_with_cause(shard, m, session_row)
        return
    for k in range(m.bearer_count):
        row = gtp_context.known_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            gtp_context.note_transaction(shard, t, ue_row, session_row)
            if own.sessions(shard, 0)[session_row].ebi == sig.bearers[m.first_bearer + k].ebi:
                end_with_cause(shard, m, session_row)
            else:
                end_alone(shard, m, row)
    if session_row < 0:
        gtp_context.note_transaction(shard, t, ue_row, gtp_context.session_meant(shard, m, ue_row))


@part
def end_alone(shard, m, row):  # type: ignore[no-untyped-def]
    """A dedicated bearer ends by deletion while its session lives on, normally or dropped."""
    b = own.bearers(shard, 0)[row]
    if b.ended:
        return
    family, code = gtp_context.end_cause(m)
    if family <= 2 and b.cause >= 0:
        family, code = np.int64(b.cause_family), np.int64(b.cause)
    b.cause_family, b.cause, b.dropped = family, code, abnormal(family, code)
    sessions.end_bearer(shard, row, m.ts)


@part
def delete_command(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Delete Bearer Command: tells the cause of a deletion to come."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    family, code = gtp_context.end_cause(m)
    for k in range(m.bearer_count):
        row = gtp_context.live_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            s = own.sessions(shard, 0)[session_row]
            own.bearers(shard, 0)[row].cause, own.bearers(shard, 0)[row].cause_family = code, family
            if s.ebi == sig.bearers[m.first_bearer + k].ebi:
                s.ran_cause, s.ran_family = code, family
            gtp_context.note_transaction(shard, t, ue_row, session_row)


@part
def create_bearers(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Create Bearer Request: dedicated bearers, known by their core-side endpoints until they have an EBI."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    linked = gtp_context.live_bearer(shard, ue_row, np.int64(m.ebi))
    session_row = (
        np.int64(own.bearers(shard, 0)[linked].session) if linked >= 0 else gtp_context.session_meant(shard, m, ue_row)
    )
    gtp_context.note_transaction(shard, t, ue_row, session_row)
    if session_row < 0:
        return
    for k in range(m.bearer_count):
        row = gtp_context.bound_bearer(shard, sig, m, k)
        if row >= 0 and own.bearers(shard, 0)[row].session == session_row:
            gtp_setup.grant(shard, sig, m, k, row)
        else:
            gtp_setup.add_bearer(shard, sig, m, k, session_row, ue_row)
    if m.bearer_count > 0:
        t.qos = sig.bearers[m.first_bearer].qci


@part
def created_bearers(shard, sig, m, accepted):  # type: ignore[no-untyped-def]
    """Create Bearer Response: EBI and radio-side endpoints, or refusal, per bearer."""
    for k in range(m.bearer_count):
        part = sig.bearers[m.first_bearer + k]
        row = gtp_context.bound_bearer(shard, sig, m, k)
        if row < 0:
            continue
        if not accepted or part.cause >= 64:
            if own.bearers(shard, 0)[row].ebi < 0:
                sessions.end_bearer(shard, row, m.ts)
            continue
        if part.ebi > 0:
            sessions.name_bearer(shard, row, np.int64(part.ebi))
        gtp_context.bind_all(shard, sig, m, k, row)


@part
def update_bearers(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Update Bearer Request: QoS of bearers."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    session_row = gtp_context.session_meant(shard, m, ue_row)
    for k in range(m.bearer_count):
        row = gtp_context.live_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            gtp_setup.grant(shard, sig, m, k, row)
    gtp_context.note_transaction(shard, t, ue_row, session_row)


@part
def release_access(shard, m, t):  # type: ignore[no-untyped-def]
    """Release Access Bearers Request: the UE goes idle, or its radio link was lost (ARRL)."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    gtp_context.note_transaction(shard, t, ue_row, gtp_context.only_session(shard, ue_row))
    family, code = gtp_context.end_cause(m)
    lost = abnormal(family, code) if family > 2 else np.int64((m.indication >> 6) & 1)
    for k in range(16):
        row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if row >= 0:
            sessions.release(shard, row, m.ts, family, code, lost)


@part
def note_only(shard, m, t):  # type: ignore[no-untyped-def]
    """Messages that change no bearer: who they are about, and where that is."""
    ue_row = gtp_context.ue_of(shard, m)
    if ue_row < 0:
        return
    if t.procedure == CHANGE_NOTIFICATION or t.procedure == INFO_CHANGE:
        sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    bearer_row = gtp_context.live_bearer(shard, ue_row, np.int64(m.ebi))
    session_row = (
        np.int64(own.bearers(shard, 0)[bearer_row].session)
        if bearer_row >= 0
        else gtp_context.session_meant(shard, m, ue_row)
    )
    gtp_context.note_transaction(shard, t, ue_row, session_row)
