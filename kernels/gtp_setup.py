"""Setting sessions up: Create Session (TS 29.274 §7.2.1), Create PDP Context (TS 29.060 §7.3.1).

A session is pending from its request on and established by the answer; seen on S11 and on S5/S8 it is one. An
answer whose request was not seen makes a session without identity, and the request, if it comes late, gives it one.
"""

import numpy as np

from formats.state import ENDED, ESTABLISHED, PENDING, SESSION_BEARERS
from formats.xdr import END_REASONS
from kernels import gtp_context, presence, sessions
from kernels import shard as own
from kernels.gtp_context import NO_DIGITS, SOURCE_V1, SOURCE_V2
from kernels.jit import part
from kernels.shard import REQUEST_TIMEOUT

REPLACED = END_REASONS.index("replaced")
HANDOVER_INDICATIONS = 0x0800_0000  # Indication octet 5 (TS 29.274 §8.12): OI, operation indication


@part
def set_up(shard, sig, m, ue_row, interface, phase):  # type: ignore[no-untyped-def]
    """A session that `m` begins, with the bearers that `m` names; row, or -1 when a table is full."""
    source = SOURCE_V2 if m.version == 2 else SOURCE_V1
    row = sessions.create_session(shard, ue_row, gtp_context.session_identity(m), m.ts, phase, source)
    if row < 0:
        return row
    s = own.sessions(shard, 0)[row]
    s.interface = interface
    s.ebi = gtp_context.ebi_of(sig, m)
    gtp_context.note_session(shard, sig, m, row)
    for k in range(m.bearer_count):
        add_bearer(shard, sig, m, k, row, ue_row)
    if m.bearer_count == 0:
        sessions.create_bearer(shard, row, ue_row, s.ebi, np.int64(m.qci), m.ts)
    return row


@part
def add_bearer(shard, sig, m, ordinal, session_row, ue_row):  # type: ignore[no-untyped-def]
    """A bearer that bearer context `ordinal` of `m` begins; row or -1."""
    part = sig.bearers[m.first_bearer + ordinal]
    ebi = np.int64(part.ebi) if part.ebi > 0 else np.int64(-1)
    qos = np.int64(part.qci) if part.qci >= 0 else np.int64(m.qci)
    row = sessions.create_bearer(shard, session_row, ue_row, ebi, qos, m.ts)
    if row >= 0:
        s = own.sessions(shard, 0)[session_row]
        if s.qos < 0:
            s.qos = qos
        gtp_context.bind_all(shard, sig, m, ordinal, row)
        if s.phase == ESTABLISHED:
            open_presence(shard, row, m.ts)
    return row


@part
def open_presence(shard, row, ts):  # type: ignore[no-untyped-def]
    """A bearer of an established session is present."""
    b = own.bearers(shard, 0)[row]
    if b.present == 0 and b.ended == 0:
        presence.open_row(shard, b, ts)


@part
def establish(shard, row, ts):  # type: ignore[no-untyped-def]
    """The session of the bearer is established: it is present, and connected if its radio side was told before."""
    b = own.bearers(shard, 0)[row]
    open_presence(shard, row, ts)
    if b.radio_known and b.ended == 0:
        presence.connect(shard, b, ts)


@part
def create_request(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Create Session Request, Create PDP Context Request."""
    ue_row = gtp_context.ue_for(shard, m)
    if ue_row < 0:
        return
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    gtp_context.bind_controls(shard, sig, m, ue_row)
    held = gtp_context.live_bearer(shard, ue_row, gtp_context.ebi_of(sig, m))
    if m.version == 1 and m.linked_ebi >= 0:
        secondary = gtp_context.live_bearer(shard, ue_row, np.int64(m.linked_ebi))
        if secondary >= 0:
            session_row = np.int64(own.bearers(shard, 0)[secondary].session)
            if m.bearer_count > 0:
                t.bearer = add_bearer(shard, sig, m, 0, session_row, ue_row)
            gtp_context.note_transaction(shard, t, ue_row, session_row)
            return
    if held >= 0:
        session_row = np.int64(own.bearers(shard, 0)[held].session)
        s = own.sessions(shard, 0)[session_row]
        other_leg = s.phase == PENDING and s.interface != t.interface and m.ts - s.start <= shard[REQUEST_TIMEOUT]
        if other_leg or handed_over(sig, m, s):
            for k in range(m.bearer_count):
                part_row = gtp_context.live_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
                if part_row >= 0:
                    gtp_context.bind_all(shard, sig, m, k, part_row)
            gtp_context.note_session(shard, sig, m, session_row)
            gtp_context.note_access(shard, session_row, t.interface)
            gtp_context.note_transaction(shard, t, ue_row, session_row)
            t.counted = 0
            return
        if s.phase == PENDING:
            sessions.discard_session(shard, session_row, m.ts)
        sessions.end_session(shard, session_row, m.ts, REPLACED, 0, -1, -1)
    row = set_up(shard, sig, m, ue_row, t.interface, PENDING)
    if row >= 0:
        gtp_context.note_access(shard, row, t.interface)
        t.bearer = own.sessions(shard, 0)[row].bearer[0]
    gtp_context.note_transaction(shard, t, ue_row, row)


@part
def handed_over(sig, m, s):  # type: ignore[no-untyped-def]
    """Whether a set-up request moves an established session to another gateway rather than begin one anew."""
    if s.phase != ESTABLISHED or m.version == 1:
        return False
    if m.indication & HANDOVER_INDICATIONS:
        return True
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        if sig.fteids[k].bearer >= 0 and sig.fteids[k].interface == 0:
            return True
    return False


@part
def create_answer(shard, sig, m, t, accepted):  # type: ignore[no-untyped-def]
    """Create Session Response, Create PDP Context Response."""
    row = gtp_context.session_of(shard, t)
    if row < 0:
        if not accepted or t.answer_first == 0:
            return
        row = create_unasked(shard, sig, m, t)
        if row < 0:
            return
    s = own.sessions(shard, 0)[row]
    if s.phase == ENDED:
        return
    if not accepted:
        if s.phase == ESTABLISHED and t.bearer >= 0:
            sessions.end_bearer(shard, np.int64(t.bearer), m.ts)
        elif s.interface == t.interface:
            sessions.discard_session(shard, row, m.ts)
        return
    ue_row = np.int64(s.ue)
    gtp_context.bind_controls(shard, sig, m, ue_row)
    gtp_context.note_session(shard, sig, m, row)
    sessions.locate(shard, ue_row, np.uint64(0), np.int64(m.rat), m.ts)
    settle_bearers(shard, sig, m, row, ue_row, np.int64(t.bearer))
    if s.interface == t.interface and s.phase == PENDING:
        s.phase = ESTABLISHED
        if t.answer_first == 0:
            s.setup = max(m.ts - t.start, 0)
    for k in range(SESSION_BEARERS):
        if s.phase == ESTABLISHED and s.bearer[k] >= 0:
            establish(shard, np.int64(s.bearer[k]), m.ts)
    t.gateway_hi, t.gateway_lo, t.apn, t.qos = s.gateway_hi, s.gateway_lo, s.apn, s.qos


@part
def create_unasked(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """A set-up answer whose request was not seen (yet): the session is known from here on, without identity."""
    ue_row = gtp_context.ue_for(shard, m)
    if ue_row < 0:
        return np.int64(-1)
    held = gtp_context.live_bearer(shard, ue_row, gtp_context.ebi_of(sig, m))
    if held >= 0:
        row = np.int64(own.bearers(shard, 0)[held].session)
    else:
        row = set_up(shard, sig, m, ue_row, t.interface, ESTABLISHED)
    if row >= 0:
        gtp_context.note_access(shard, row, t.interface)
        t.bearer = own.sessions(shard, 0)[row].bearer[0]
    gtp_context.note_transaction(shard, t, ue_row, row)
    return row


@part
def settle_bearers(shard, sig, m, session_row, ue_row, asked):  # type: ignore[no-untyped-def]
    """Bearers as the answer grants them; `asked`: row of the bearer of the request, for answers without EBI."""
    for k in range(m.bearer_count):
        part = sig.bearers[m.first_bearer + k]
        if part.instance != 0:
            continue
        row = gtp_context.live_bearer(shard, ue_row, np.int64(part.ebi)) if part.ebi >= 0 else asked
        if row < 0 or own.bearers(shard, 0)[row].session != session_row or own.bearers(shard, 0)[row].ended:
            continue
        if part.cause >= 64 and m.version == 2:
            sessions.end_bearer(shard, row, m.ts)
            continue
        grant(shard, sig, m, k, row)


@part
def grant(shard, sig, m, ordinal, row):  # type: ignore[no-untyped-def]
    """QoS and endpoints that bearer context `ordinal` grants."""
    part = sig.bearers[m.first_bearer + ordinal]
    b = own.bearers(shard, 0)[row]
    qos = np.int64(part.qci) if part.qci >= 0 else np.int64(m.qci)
    if qos >= 0:
        b.qos = qos
        s = own.sessions(shard, 0)[b.session]
        if s.bearer[0] == row:
            s.qos = qos
    gtp_context.bind_all(shard, sig, m, ordinal, row)


@part
def adopt(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """The set-up request behind an answer that was seen before it: give the session its identity."""
    row = gtp_context.session_of(shard, t)
    if row < 0:
        return
    s = own.sessions(shard, 0)[row]
    ue_row = np.int64(s.ue)
    if sessions.find_imsi(shard, m.imsi) < 0:
        sessions.name_ue(shard, ue_row, m.imsi)
    ue = own.ues(shard, 0)[ue_row]
    if m.imei != NO_DIGITS:
        ue.imei = m.imei
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    gtp_context.bind_controls(shard, sig, m, ue_row)
    gtp_context.note_session(shard, sig, m, row)
    if ue.imsi == NO_DIGITS:
        s.imsi = m.imsi
    if s.cell_first == 0:
        s.cell_first = ue.cell
    s.setup = 0
    s.start = m.ts
    if t.bearer >= 0 and s.ebi < 0:
        s.ebi = gtp_context.ebi_of(sig, m)
        sessions.name_bearer(shard, np.int64(t.bearer), s.ebi)
    settle_bearers(shard, sig, m, row, ue_row, np.int64(t.bearer))
    sessions.renew_contexts(shard, ue)
    gtp_context.note_transaction(shard, t, ue_row, row)
    t.imsi = s.imsi
