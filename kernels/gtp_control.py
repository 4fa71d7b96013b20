"""What GTP-C messages do to subscribers, sessions, bearers and endpoints (TS 29.274 §7.2, TS 29.060 §7.3).

Locations and endpoints of a request take effect when the request is seen, those of an answer when the answer is; a deletion
takes effect with its request, since a lost answer must not keep a session alive.
"""

import numpy as np

from formats.causes import NORMAL
from formats.procedures import COMMANDS, ROLE_NONE, ROLE_REQUEST, roles
from formats.records import FTEID_GN_GGSN_C
from formats.state import ENDED, ESTABLISHED, LEG_ACCESS, LEG_CORE, PENDING, SESSION_BEARERS
from formats.xdr import CAUSE_FAMILIES, END_REASONS, INTERFACES, PROCEDURES
from kernels import apn, peers, presence, sessions, transactions, tunnels
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part
from kernels.shard import REQUEST_TIMEOUT

ROLE, PROCEDURE = roles()
GN, S11, S5S8, GTPC = (INTERFACES.index(name) for name in ("gn", "s11", "s5s8", "gtpc"))
(
    CREATE_SESSION, CREATE_PDP, MODIFY, MODIFY_ACCESS, UPDATE_PDP, DELETE_SESSION, DELETE_PDP, DELETE_BEARER, CREATE_BEARER,
    UPDATE_BEARER, RELEASE_ACCESS, CHANGE_NOTIFICATION, DELETE_COMMAND, ECHO, PAGING, INFO_CHANGE,
) = (
    PROCEDURES.index(name)
    for name in (
        "create_session", "create_pdp_context", "modify_bearer", "modify_access_bearers", "update_pdp_context",
        "delete_session", "delete_pdp_context", "delete_bearer", "create_bearer", "update_bearer",
        "release_access_bearers", "change_notification", "delete_bearer_command", "echo", "downlink_data_notification",
        "ms_info_change",
    )
)  # fmt: skip
DELETED, REPLACED, PEER_RESTART, ERROR_INDICATION = (
    END_REASONS.index(name) for name in ("deleted", "replaced", "peer_restart", "error_indication")
)
ABNORMAL_RELEASE = 0x0040_0000 >> 16  # Indication octet 8 (TS 29.274 §8.12): ARRL, abnormal release of radio link
HANDOVER_INDICATIONS = 0x0800_0000  # OI: operation indication


def _normal() -> np.ndarray:
    """By [cause family, code]: 1 where the cause is that of a normal end."""
    table = np.zeros((len(CAUSE_FAMILIES), 256), np.uint8)
    for family, codes in NORMAL.items():
        table[CAUSE_FAMILIES.index(family), [code for code in codes if code < 256]] = 1
    return table


NORMAL_CAUSE = _normal()
NO_DIGITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
SOURCE_V1, SOURCE_V2 = 1, 2
RAN_FAMILY = np.array([3, 4, 5, 6, 7], np.uint8)  # S1AP groups -> xdr.CAUSE_FAMILIES
NAS_FAMILY = np.array([0, 0, 8, 9, 10, 11], np.uint8)  # EMM, ESM, Diameter, IKEv2


@part
def interface_of(shard, sig, m, procedure):  # type: ignore[no-untyped-def]
    """The reference point that `m` was seen on: by its F-TEIDs, by its endpoint, by its procedure."""
    if m.version == 1:
        return GN
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        kind = sig.fteids[k].interface
        if sig.fteids[k].bearer < 0:
            if kind == 10 or kind == 11:
                return S11
            if (kind == 6 or kind == 7) and sig.fteids[k].instance == 0:
                return S5S8
    if m.teid > 0:
        row = tunnels.find(shard, own.CONTROLS, own.controls(shard, 0), m.dst_hi, m.dst_lo, m.teid, tunnel_hash(m.dst_hi, m.dst_lo, m.teid))
        if row >= 0:
            kind = own.controls(shard, 0)[row].interface
            if kind == 10 or kind == 11:
                return S11
            if kind == 6 or kind == 7:
                return S5S8
    if procedure == RELEASE_ACCESS or procedure == PAGING or procedure == MODIFY_ACCESS:
        return S11
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        kind = sig.fteids[k].interface
        if kind == 0 or kind == 1:
            return S11
        if kind == 4 or kind == 5 or kind == 7:
            return S5S8
    return GTPC


@part
def end_cause(m):  # type: ignore[no-untyped-def]
    """(family, code) of the cause that ends something: the RAN/NAS cause where there is one, else the message's own."""
    if m.ran_cause >= 0 and m.ran_cause_protocol == 1 and 0 <= m.ran_cause_group < 5:
        return np.int64(RAN_FAMILY[m.ran_cause_group]), np.int64(m.ran_cause)
    if m.ran_cause >= 0 and 2 <= m.ran_cause_protocol < 6:
        return np.int64(NAS_FAMILY[m.ran_cause_protocol]), np.int64(m.ran_cause)
    if m.cause >= 0:
        return np.int64(2 if m.version == 2 else 1), np.int64(m.cause)
    return np.int64(0), np.int64(-1)


@part
def abnormal(family, code):  # type: ignore[no-untyped-def]
    """1 if an end with this cause is a drop, 0 if it is normal; no cause is normal."""
    if family == 0 or code < 0:
        return np.int64(0)
    return np.int64(1) if code > 255 else np.int64(1) - np.int64(NORMAL_CAUSE[family, code])


@part
def bind_all(shard, sig, m, ordinal, bearer_row):  # type: ignore[no-untyped-def]
    """Bind the user-plane F-TEIDs of bearer context `ordinal` of `m`; the radio side makes the bearer connected."""
    bearer = own.bearers(shard, 0)[bearer_row]
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        endpoint = sig.fteids[k]
        if endpoint.bearer == ordinal and tunnels.DIRECTION[endpoint.interface] < 2 and bearer.ended == 0:
            tunnels.bind(shard, bearer_row, endpoint, m.ts)
            if tunnels.RADIO_SIDE[endpoint.interface]:
                bearer.radio_known = 1
                if own.sessions(shard, 0)[bearer.session].phase == ESTABLISHED:
                    presence.connect(shard, bearer, m.ts)


@part
def bind_controls(shard, sig, m, ue_row):  # type: ignore[no-untyped-def]
    """Bind the control-plane F-TEIDs of `m` to the UE."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        endpoint = sig.fteids[k]
        if endpoint.bearer < 0 and endpoint.teid > 0 and tunnels.CONTROL_PLANE[endpoint.interface]:
            tunnels.bind_control(shard, ue_row, endpoint, m.ts)


@part
def bound_bearer(shard, sig, m, ordinal):  # type: ignore[no-untyped-def]
    """Row of the live bearer that one of the F-TEIDs of bearer context `ordinal` is bound to already, or -1."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        e = sig.fteids[k]
        if e.bearer == ordinal and tunnels.DIRECTION[e.interface] < 2:
            row = tunnels.find(shard, own.TUNNELS, own.tunnels(shard, 0), e.hi, e.lo, e.teid, tunnel_hash(e.hi, e.lo, e.teid))
            if row >= 0 and own.tunnels(shard, 0)[row].closed_ts > m.ts:
                bearer_row = np.int64(own.tunnels(shard, 0)[row].bearer)
                if own.bearers(shard, 0)[bearer_row].ended == 0:
                    return bearer_row
    return np.int64(-1)


@part
def gateway_of(sig, m):  # type: ignore[no-untyped-def]
    """Control-plane address of the PGW or GGSN that `m` names, else 0, 0."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        e = sig.fteids[k]
        if e.bearer < 0 and (e.interface == 7 or e.interface == 32 or e.interface == 36 or e.interface == FTEID_GN_GGSN_C):
            return e.hi, e.lo
    return np.uint64(0), np.uint64(0)


@part
def ue_of(shard, m):  # type: ignore[no-untyped-def]
    """Row of the UE that `m` is about: by the endpoint it is sent to, by IMSI; -1 where neither is known."""
    row = tunnels.find_ue(shard, m.dst_hi, m.dst_lo, m.teid)
    named = sessions.find_imsi(shard, m.imsi)
    if named >= 0:
        return named
    if row >= 0:
        known = own.ues(shard, 0)[row].imsi
        if m.imsi == NO_DIGITS or known == NO_DIGITS:
            sessions.name_ue(shard, row, m.imsi)
            return row
        return np.int64(-1)
    return row


@part
def ue_for(shard, m):  # type: ignore[no-untyped-def]
    """As `ue_of`, and a new UE where it is not known; with the identities of `m`."""
    row = ue_of(shard, m)
    if row < 0:
        row = sessions.create_ue(shard, m.imsi, m.ts)
    if row >= 0:
        ue = own.ues(shard, 0)[row]
        ue.last_ts = m.ts
        if m.imei != NO_DIGITS:
            ue.imei = m.imei
    return row


@part
def ebi_of(sig, m):  # type: ignore[no-untyped-def]
    """EBI or NSAPI that a set-up is about: of its first bearer context, else of the message; -1 where none."""
    if m.bearer_count > 0 and sig.bearers[m.first_bearer].ebi > 0:
        return np.int64(sig.bearers[m.first_bearer].ebi)
    return np.int64(m.ebi)


@part
def known_bearer(shard, ue_row, ebi):  # type: ignore[no-untyped-def]
    """Row of the UE's bearer `ebi`, one that has ended but is not forgotten included; or -1."""
    if ue_row < 0 or ebi < 0 or ebi > 15:
        return np.int64(-1)
    return np.int64(own.ues(shard, 0)[ue_row].bearer[ebi])


@part
def live_bearer(shard, ue_row, ebi):  # type: ignore[no-untyped-def]
    """Row of the UE's bearer `ebi`, or -1."""
    row = known_bearer(shard, ue_row, ebi)
    return row if row >= 0 and own.bearers(shard, 0)[row].ended == 0 else np.int64(-1)


@part
def session_identity(m):  # type: ignore[no-untyped-def]
    """A number that names the session by the message it began with: the same on every run."""
    h = tunnel_hash(m.src_hi ^ np.uint64(m.ts), m.src_lo, (np.int64(m.sequence) << 4) | np.int64(m.version))
    return np.int64(h >> np.uint64(1)) | 1


@part
def note_session(shard, sig, m, row):  # type: ignore[no-untyped-def]
    """Take over what `m` says of a session: APN, addresses, gateway."""
    s = own.sessions(shard, 0)[row]
    if m.apn_length > 0:
        s.apn = apn.intern(shard, sig.text, m)
    if m.ue_ipv4 > 0:
        s.ue_hi, s.ue_lo = np.uint64(0), np.uint64(0x0000_FFFF_0000_0000) | np.uint64(m.ue_ipv4)
        s.ue6_hi, s.ue6_lo = m.ue_ipv6_hi, m.ue_ipv6_lo
    elif (m.ue_ipv6_hi | m.ue_ipv6_lo) != 0:
        s.ue_hi, s.ue_lo = m.ue_ipv6_hi, m.ue_ipv6_lo
    hi, lo = gateway_of(sig, m)
    if (hi | lo) != 0:
        s.gateway_hi, s.gateway_lo = hi, lo
    if own.ues(shard, 0)[s.ue].imei != NO_DIGITS:
        s.imei = own.ues(shard, 0)[s.ue].imei
    s.imsi = own.ues(shard, 0)[s.ue].imsi
    s.last_ts = m.ts
    tie_controls(shard, sig, m, row)


@part
def tie_controls(shard, sig, m, row):  # type: ignore[no-untyped-def]
    """The S5/S8 control endpoints that `m` names are about this one session (TS 29.274 §8.22: one a PDN connection)."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        e = sig.fteids[k]
        if e.bearer < 0 and e.teid > 0 and (e.interface == 6 or e.interface == 7):
            found = tunnels.find(shard, own.CONTROLS, own.controls(shard, 0), e.hi, e.lo, e.teid, tunnel_hash(e.hi, e.lo, e.teid))
            if found >= 0:
                c = own.controls(shard, 0)[found]
                c.session, c.session_id = row, own.sessions(shard, 0)[row].id


@part
def set_up(shard, sig, m, ue_row, interface, phase):  # type: ignore[no-untyped-def]
    """A session that `m` begins, with the bearers that `m` names; row, or -1 when a table is full."""
    source = SOURCE_V2 if m.version == 2 else SOURCE_V1
    row = sessions.create_session(shard, ue_row, session_identity(m), m.ts, phase, source)
    if row < 0:
        return row
    s = own.sessions(shard, 0)[row]
    s.interface = interface
    s.ebi = ebi_of(sig, m)
    note_session(shard, sig, m, row)
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
        bind_all(shard, sig, m, ordinal, row)
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
def note_access(shard, row, interface):  # type: ignore[no-untyped-def]
    """The access side of the session was seen: its procedures count, those of S5/S8 repeat them."""
    if interface == S11 or interface == GN:
        own.sessions(shard, 0)[row].access_seen = 1


@part
def create_request(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Create Session Request, Create PDP Context Request."""
    ue_row = ue_for(shard, m)
    if ue_row < 0:
        return
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    bind_controls(shard, sig, m, ue_row)
    held = live_bearer(shard, ue_row, ebi_of(sig, m))
    if m.version == 1 and m.linked_ebi >= 0:
        secondary = live_bearer(shard, ue_row, np.int64(m.linked_ebi))
        if secondary >= 0:
            session_row = np.int64(own.bearers(shard, 0)[secondary].session)
            if m.bearer_count > 0:
                t.bearer = add_bearer(shard, sig, m, 0, session_row, ue_row)
            note_transaction(shard, t, ue_row, session_row)
            return
    if held >= 0:
        session_row = np.int64(own.bearers(shard, 0)[held].session)
        s = own.sessions(shard, 0)[session_row]
        other_leg = s.phase == PENDING and s.interface != t.interface and m.ts - s.start <= shard[REQUEST_TIMEOUT]
        if other_leg or handed_over(sig, m, s):
            for k in range(m.bearer_count):
                part_row = live_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
                if part_row >= 0:
                    bind_all(shard, sig, m, k, part_row)
            note_session(shard, sig, m, session_row)
            note_access(shard, session_row, t.interface)
            note_transaction(shard, t, ue_row, session_row)
            t.counted = 0
            return
        if s.phase == PENDING:
            sessions.discard_session(shard, session_row, m.ts)
        sessions.end_session(shard, session_row, m.ts, REPLACED, 0, -1, -1)
    row = set_up(shard, sig, m, ue_row, t.interface, PENDING)
    if row >= 0:
        note_access(shard, row, t.interface)
        t.bearer = own.sessions(shard, 0)[row].bearer[0]
    note_transaction(shard, t, ue_row, row)


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
def note_transaction(shard, t, ue_row, session_row):  # type: ignore[no-untyped-def]
    """Who and what the transaction is about."""
    t.ue = ue_row
    t.session = session_row
    if ue_row >= 0:
        ue = own.ues(shard, 0)[ue_row]
        t.imsi, t.imei = ue.imsi, ue.imei
        t.cell, t.rat = ue.cell, ue.rat
    if session_row >= 0:
        s = own.sessions(shard, 0)[session_row]
        t.session_id, t.apn, t.qos = s.id, s.apn, s.qos
        t.gateway_hi, t.gateway_lo = s.gateway_hi, s.gateway_lo
        if t.interface == S5S8 and s.access_seen:
            t.counted = 0


@part
def session_of(shard, t):  # type: ignore[no-untyped-def]
    """Row of the transaction's session if it still is the one that it was, else -1."""
    row = np.int64(t.session)
    if row >= 0 and own.sessions(shard, 0)[row].used and own.sessions(shard, 0)[row].id == t.session_id:
        return row
    return np.int64(-1)


@part
def create_answer(shard, sig, m, t, accepted):  # type: ignore[no-untyped-def]
    """Create Session Response, Create PDP Context Response."""
    row = session_of(shard, t)
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
    bind_controls(shard, sig, m, ue_row)
    note_session(shard, sig, m, row)
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
    ue_row = ue_for(shard, m)
    if ue_row < 0:
        return np.int64(-1)
    held = live_bearer(shard, ue_row, ebi_of(sig, m))
    if held >= 0:
        row = np.int64(own.bearers(shard, 0)[held].session)
    else:
        row = set_up(shard, sig, m, ue_row, t.interface, ESTABLISHED)
    if row >= 0:
        note_access(shard, row, t.interface)
        t.bearer = own.sessions(shard, 0)[row].bearer[0]
    note_transaction(shard, t, ue_row, row)
    return row


@part
def settle_bearers(shard, sig, m, session_row, ue_row, asked):  # type: ignore[no-untyped-def]
    """Bearers as the answer grants them; `asked`: row of the bearer that the request was about, for answers without EBI."""
    for k in range(m.bearer_count):
        part = sig.bearers[m.first_bearer + k]
        if part.instance != 0:
            continue
        row = live_bearer(shard, ue_row, np.int64(part.ebi)) if part.ebi >= 0 else asked
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
    bind_all(shard, sig, m, ordinal, row)


@part
def adopt(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """The set-up request behind an answer that was seen before it: give the session its identity."""
    row = session_of(shard, t)
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
    bind_controls(shard, sig, m, ue_row)
    note_session(shard, sig, m, row)
    if ue.imsi == NO_DIGITS:
        s.imsi = m.imsi
    if s.cell_first == 0:
        s.cell_first = ue.cell
    s.setup = 0
    s.start = m.ts
    if t.bearer >= 0 and s.ebi < 0:
        s.ebi = ebi_of(sig, m)
        sessions.name_bearer(shard, np.int64(t.bearer), s.ebi)
    settle_bearers(shard, sig, m, row, ue_row, np.int64(t.bearer))
    sessions.renew_contexts(shard, ue)
    note_transaction(shard, t, ue_row, row)
    t.imsi = s.imsi


@part
def modify_request(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Modify Bearer Request, Modify Access Bearers Request, Update PDP Context Request: location and endpoints move."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        ue_row = stranger(shard, sig, m)
    if ue_row < 0:
        return
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    bind_controls(shard, sig, m, ue_row)
    session_row = np.int64(-1)
    for k in range(m.bearer_count):
        part = sig.bearers[m.first_bearer + k]
        row = live_bearer(shard, ue_row, np.int64(part.ebi))
        if row < 0 and part.ebi > 0:
            row = late_bearer(shard, sig, m, k, ue_row, t)
        if row < 0:
            continue
        session_row = np.int64(own.bearers(shard, 0)[row].session)
        t.bearer = row
        if part.instance == 1:
            sessions.end_bearer(shard, row, m.ts)
        else:
            grant(shard, sig, m, k, row)
    if session_row < 0:
        session_row = session_meant(shard, m, ue_row)
    if session_row >= 0:
        note_access(shard, session_row, t.interface)
        note_session(shard, sig, m, session_row)
    note_transaction(shard, t, ue_row, session_row)


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
    return add_bearer(shard, sig, m, ordinal, session_row, ue_row)


@part
def set_up_empty(shard, sig, m, ue_row, interface):  # type: ignore[no-untyped-def]
    """The UE's only session, else one that is known from `m` on; row or -1."""
    row = only_session(shard, ue_row)
    if row >= 0:
        return row
    source = SOURCE_V2 if m.version == 2 else SOURCE_V1
    row = sessions.create_session(shard, ue_row, session_identity(m), m.ts, ESTABLISHED, source)
    if row >= 0:
        own.sessions(shard, 0)[row].interface = interface
        note_session(shard, sig, m, row)
    return row


@part
def only_session(shard, ue_row):  # type: ignore[no-untyped-def]
    """Row of the one live session of the UE, -1 if there is none or more than one."""
    found = np.int64(-1)
    for k in range(16):
        row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if row >= 0 and own.bearers(shard, 0)[row].ended == 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            if found >= 0 and session_row != found:
                return np.int64(-1)
            found = session_row
    return found


@part
def session_meant(shard, m, ue_row):  # type: ignore[no-untyped-def]
    """Row of the session that `m` is about though it names no bearer: by the endpoint it is sent to, else the only one."""
    if m.teid > 0:
        row = tunnels.find(shard, own.CONTROLS, own.controls(shard, 0), m.dst_hi, m.dst_lo, m.teid, tunnel_hash(m.dst_hi, m.dst_lo, m.teid))
        if row >= 0 and own.controls(shard, 0)[row].session >= 0:
            c = own.controls(shard, 0)[row]
            s = own.sessions(shard, 0)[c.session]
            if s.used and s.id == c.session_id and s.phase != ENDED:
                return np.int64(c.session)
    return only_session(shard, ue_row)


@part
def modify_answer(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Answers that may name new endpoints of the core side."""
    ue_row = np.int64(t.ue)
    if ue_row < 0 or own.ues(shard, 0)[ue_row].used == 0 or own.ues(shard, 0)[ue_row].imsi != t.imsi:
        return
    bind_controls(shard, sig, m, ue_row)
    for k in range(m.bearer_count):
        ebi = np.int64(sig.bearers[m.first_bearer + k].ebi)
        row = live_bearer(shard, ue_row, ebi) if ebi >= 0 else np.int64(t.bearer)
        if row >= 0:
            bind_all(shard, sig, m, k, row)


@part
def delete_request(shard, m, t):  # type: ignore[no-untyped-def]
    """Delete Session Request, Delete PDP Context Request."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    bearer_row = known_bearer(shard, ue_row, np.int64(m.ebi))
    session_row = np.int64(-1)
    if bearer_row >= 0:
        session_row = np.int64(own.bearers(shard, 0)[bearer_row].session)
    elif m.ebi < 0:
        session_row = session_meant(shard, m, ue_row)
    note_transaction(shard, t, ue_row, session_row)
    if session_row < 0 or superseded(shard, m):
        return
    s = own.sessions(shard, 0)[session_row]
    if m.version == 1 and m.teardown != 1 and bearer_row >= 0 and m.ebi != s.ebi:
        sessions.end_bearer(shard, bearer_row, m.ts)
        return
    end_with_cause(shard, m, session_row)


@part
def superseded(shard, m):  # type: ignore[no-untyped-def]
    """Whether `m` is sent to a node whose role another has taken over."""
    row = tunnels.find(shard, own.CONTROLS, own.controls(shard, 0), m.dst_hi, m.dst_lo, m.teid, tunnel_hash(m.dst_hi, m.dst_lo, m.teid))
    return row >= 0 and own.controls(shard, 0)[row].superseded == 1


@part
def end_with_cause(shard, m, session_row):  # type: ignore[no-untyped-def]
    """The session ends by deletion: normal or dropped by the cause told with it, or told ahead of it."""
    s = own.sessions(shard, 0)[session_row]
    family, code = end_cause(m)
    if family <= 2 and s.ran_cause >= 0:
        family, code = np.int64(s.ran_family), np.int64(s.ran_cause)
    sessions.end_session(shard, session_row, m.ts, DELETED, family, code, abnormal(family, code))


@part
def delete_bearers(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Delete Bearer Request: a linked EBI ends the session, else the listed bearers end."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    session_row = np.int64(-1)
    linked = known_bearer(shard, ue_row, np.int64(m.ebi))
    if linked >= 0:
        session_row = np.int64(own.bearers(shard, 0)[linked].session)
        note_transaction(shard, t, ue_row, session_row)
        end_with_cause(shard, m, session_row)
        return
    for k in range(m.bearer_count):
        row = known_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            note_transaction(shard, t, ue_row, session_row)
            if own.sessions(shard, 0)[session_row].ebi == sig.bearers[m.first_bearer + k].ebi:
                end_with_cause(shard, m, session_row)
            else:
                end_alone(shard, m, row)
    if session_row < 0:
        note_transaction(shard, t, ue_row, session_meant(shard, m, ue_row))


@part
def end_alone(shard, m, row):  # type: ignore[no-untyped-def]
    """A dedicated bearer ends by deletion while its session lives on, normally or dropped."""
    b = own.bearers(shard, 0)[row]
    if b.ended:
        return
    family, code = end_cause(m)
    if family <= 2 and b.cause >= 0:
        family, code = np.int64(b.cause_family), np.int64(b.cause)
    b.cause_family, b.cause, b.dropped = family, code, abnormal(family, code)
    sessions.end_bearer(shard, row, m.ts)


@part
def delete_command(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Delete Bearer Command: tells the cause of a deletion to come."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    family, code = end_cause(m)
    for k in range(m.bearer_count):
        row = live_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            s = own.sessions(shard, 0)[session_row]
            own.bearers(shard, 0)[row].cause, own.bearers(shard, 0)[row].cause_family = code, family
            if s.ebi == sig.bearers[m.first_bearer + k].ebi:
                s.ran_cause, s.ran_family = code, family
            note_transaction(shard, t, ue_row, session_row)


@part
def create_bearers(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Create Bearer Request: dedicated bearers, known by their core-side endpoints until they have an EBI."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    linked = live_bearer(shard, ue_row, np.int64(m.ebi))
    session_row = np.int64(own.bearers(shard, 0)[linked].session) if linked >= 0 else session_meant(shard, m, ue_row)
    note_transaction(shard, t, ue_row, session_row)
    if session_row < 0:
        return
    for k in range(m.bearer_count):
        row = bound_bearer(shard, sig, m, k)
        if row >= 0 and own.bearers(shard, 0)[row].session == session_row:
            grant(shard, sig, m, k, row)
        else:
            add_bearer(shard, sig, m, k, session_row, ue_row)
    if m.bearer_count > 0:
        t.qos = sig.bearers[m.first_bearer].qci


@part
def created_bearers(shard, sig, m, accepted):  # type: ignore[no-untyped-def]
    """Create Bearer Response: EBI and radio-side endpoints, or refusal, per bearer."""
    for k in range(m.bearer_count):
        part = sig.bearers[m.first_bearer + k]
        row = bound_bearer(shard, sig, m, k)
        if row < 0:
            continue
        if not accepted or part.cause >= 64:
            if own.bearers(shard, 0)[row].ebi < 0:
                sessions.end_bearer(shard, row, m.ts)
            continue
        if part.ebi > 0:
            sessions.name_bearer(shard, row, np.int64(part.ebi))
        bind_all(shard, sig, m, k, row)


@part
def update_bearers(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """Update Bearer Request: QoS of bearers."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    session_row = session_meant(shard, m, ue_row)
    for k in range(m.bearer_count):
        row = live_bearer(shard, ue_row, np.int64(sig.bearers[m.first_bearer + k].ebi))
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            grant(shard, sig, m, k, row)
    note_transaction(shard, t, ue_row, session_row)


@part
def release_access(shard, m, t):  # type: ignore[no-untyped-def]
    """Release Access Bearers Request: the UE goes idle, or its radio link was lost (ARRL)."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    note_transaction(shard, t, ue_row, only_session(shard, ue_row))
    family, code = end_cause(m)
    lost = abnormal(family, code) if family > 2 else np.int64((m.indication >> 6) & 1)
    for k in range(16):
        row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if row >= 0:
            sessions.release(shard, row, m.ts, family, code, lost)


@part
def note_only(shard, m, t):  # type: ignore[no-untyped-def]
    """Messages that change no bearer: who they are about, and where that is."""
    ue_row = ue_of(shard, m)
    if ue_row < 0:
        return
    if t.procedure == CHANGE_NOTIFICATION or t.procedure == INFO_CHANGE:
        sessions.locate(shard, ue_row, m.cell, np.int64(m.rat), m.ts)
    bearer_row = live_bearer(shard, ue_row, np.int64(m.ebi))
    session_row = np.int64(own.bearers(shard, 0)[bearer_row].session) if bearer_row >= 0 else session_meant(shard, m, ue_row)
    note_transaction(shard, t, ue_row, session_row)


@part
def apply_request(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """What a request does when it is first seen."""
    procedure = t.procedure
    if procedure == CREATE_SESSION or procedure == CREATE_PDP:
        create_request(shard, sig, m, t)
    elif procedure == MODIFY or procedure == MODIFY_ACCESS or procedure == UPDATE_PDP:
        modify_request(shard, sig, m, t)
    elif procedure == DELETE_SESSION or procedure == DELETE_PDP:
        delete_request(shard, m, t)
    elif procedure == DELETE_BEARER:
        delete_bearers(shard, sig, m, t)
    elif procedure == CREATE_BEARER:
        create_bearers(shard, sig, m, t)
    elif procedure == UPDATE_BEARER:
        update_bearers(shard, sig, m, t)
    elif procedure == RELEASE_ACCESS:
        release_access(shard, m, t)
    elif procedure == DELETE_COMMAND:
        delete_command(shard, sig, m, t)
    elif procedure != ECHO:
        note_only(shard, m, t)


@part
def apply_answer(shard, sig, m, t, accepted):  # type: ignore[no-untyped-def]
    """What an answer does."""
    procedure = t.procedure
    if procedure == CREATE_SESSION or procedure == CREATE_PDP:
        create_answer(shard, sig, m, t, accepted)
    elif procedure == CREATE_BEARER:
        created_bearers(shard, sig, m, accepted)
    elif accepted and (procedure == MODIFY or procedure == MODIFY_ACCESS or procedure == UPDATE_PDP):
        modify_answer(shard, sig, m, t)


@part
def forget_idle(shard, t):  # type: ignore[no-untyped-def]
    """Forget a UE that was made for a session for which there was no room, or no bearer: nothing else would."""
    row = np.int64(t.ue)
    if row >= 0 and own.ues(shard, 0)[row].used and own.ues(shard, 0)[row].sessions <= 0:
        sessions.free_ue(shard, row)
        t.ue = -1


@part
def request(shard, sig, m, procedure):  # type: ignore[no-untyped-def]
    """A request: new, seen again, or that of an answer seen before it."""
    row, hashed = transactions.of_request(shard, m, procedure)
    if row >= 0:
        t = own.transactions(shard, 0)[row]
        if not transactions.expired(shard, t, m.ts):
            if t.answer_first:
                late_request(shard, sig, m, row)
            else:
                t.attempts += 1
            return np.int64(t.session_id != 0)
        transactions.expire(shard, row, m.ts)
        transactions.begin(t, m.ts)
        t.answer_first = 0
    else:
        row = transactions.create(shard, m, procedure, hashed, 0)
        if row < 0:
            return np.int64(0)
    t = own.transactions(shard, 0)[row]
    t.interface = interface_of(shard, sig, m, procedure)
    t.qos, t.cell, t.rat = m.qci, m.cell, m.rat
    if m.imsi != NO_DIGITS:
        t.imsi = m.imsi
    apply_request(shard, sig, m, t)
    forget_idle(shard, t)
    answer_command(shard, m, procedure)
    return np.int64(t.session_id != 0)


@part
def late_request(shard, sig, m, row):  # type: ignore[no-untyped-def]
    """The request of a transaction whose answer was captured first."""
    t = own.transactions(shard, 0)[row]
    t.answer_first = 0
    t.start = m.ts
    t.interface = interface_of(shard, sig, m, np.int64(t.procedure))
    if t.procedure == CREATE_SESSION or t.procedure == CREATE_PDP:
        if session_of(shard, t) >= 0:
            adopt(shard, sig, m, t)
        else:
            apply_request(shard, sig, m, t)
            refused = session_of(shard, t)
            if refused >= 0:
                sessions.discard_session(shard, refused, m.ts)
    else:
        apply_request(shard, sig, m, t)
    forget_idle(shard, t)
    transactions.write_kept(shard, row)


@part
def answer_command(shard, m, procedure):  # type: ignore[no-untyped-def]
    """A bearer request may be what a command asked for: then the command has its answer."""
    if procedure != DELETE_BEARER and procedure != UPDATE_BEARER and procedure != CREATE_BEARER:
        return
    for k in range(len(COMMANDS)):
        row, _ = transactions.of_answer(shard, m, COMMANDS[k])
        if row >= 0 and own.transactions(shard, 0)[row].answered == 0:
            transactions.conclude(shard, row, m.ts)


@part
def response(shard, sig, m, procedure):  # type: ignore[no-untyped-def]
    """An answer: to a request seen, seen again, or before its request."""
    row, hashed = transactions.of_answer(shard, m, procedure)
    accepted = transactions.accepts(m.version, m.cause)
    if row >= 0 and not transactions.expired(shard, own.transactions(shard, 0)[row], m.ts):
        t = own.transactions(shard, 0)[row]
        if t.answered == 0 and t.answer_first == 0:
            apply_answer(shard, sig, m, t, accepted)
            transactions.answer(shard, row, m)
        return np.int64(t.session_id != 0)
    if row >= 0:
        transactions.expire(shard, row, m.ts)
        transactions.begin(own.transactions(shard, 0)[row], m.ts)
    else:
        row = transactions.create(shard, m, procedure, hashed, 1)
        if row < 0:
            return np.int64(0)
    t = own.transactions(shard, 0)[row]
    t.answer_first = 1
    t.interface = interface_of(shard, sig, m, procedure)
    transactions.keep(t, m)
    apply_answer(shard, sig, m, t, accepted)
    forget_idle(shard, t)
    return np.int64(t.session_id != 0)


@part
def apply(shard, sig, m):  # type: ignore[no-untyped-def]
    """Apply one GTP-C message `m`; returns (xdr.INTERFACES index, 1 if its session is known)."""
    version = np.int64(m.version)
    role = ROLE[version, m.type]
    procedure = np.int64(PROCEDURE[version, m.type])
    interface = interface_of(shard, sig, m, procedure)
    joined = np.int64(0)
    if role != ROLE_NONE:
        if m.recovery >= 0:
            note_restart(shard, m)
        if role == ROLE_REQUEST:
            joined = request(shard, sig, m, procedure)
        else:
            joined = response(shard, sig, m, procedure)
    return interface, joined


@part
def note_restart(shard, m):  # type: ignore[no-untyped-def]
    """A node whose restart counter changed has lost its sessions (TS 23.007 §17)."""
    hashed = tunnel_hash(m.src_hi, m.src_lo, np.int64(m.version))
    row = peers.find(shard, m.src_hi, m.src_lo, hashed)
    if row < 0:
        peers.enter(shard, m, hashed)
        return
    peer = own.peers(shard, 0)[row]
    if peer.recovery == m.recovery or m.ts < peer.checked_ts:
        return
    peer.recovery = m.recovery
    if m.ts - peer.checked_ts > 1_000_000_000:
        restart(shard, m.src_hi, m.src_lo, m.ts)
    peer.checked_ts = m.ts


@part
def restart(shard, hi, lo, ts):  # type: ignore[no-untyped-def]
    """End the sessions of UEs that have a control endpoint at the node."""
    for row in range(shard[own.CONTROLS + 0]):
        c = own.controls(shard, 0)[row]
        if c.used and c.hi == hi and c.lo == lo and c.superseded == 0:
            end_all(shard, np.int64(c.ue), hi, lo, c.interface == 7 or c.interface == FTEID_GN_GGSN_C, ts)


@part
def end_all(shard, ue_row, hi, lo, gateway_only, ts):  # type: ignore[no-untyped-def]
    """End the UE's sessions, or those at one gateway."""
    for k in range(16):
        row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            s = own.sessions(shard, 0)[session_row]
            if s.start < ts and (not gateway_only or (s.gateway_hi == hi and s.gateway_lo == lo)):
                sessions.end_session(shard, session_row, ts, PEER_RESTART, 0, -1, 1)


@part
def error_indication(shard, p):  # type: ignore[no-untyped-def]
    """GTP-U Error Indication (TS 29.281 §7.3.1): the endpoint (src, teid) of packet row `p` does not exist any more."""
    row = tunnels.find(shard, own.TUNNELS, own.tunnels(shard, 0), p.src_hi, p.src_lo, p.teid, tunnel_hash(p.src_hi, p.src_lo, p.teid))
    if row < 0 or own.tunnels(shard, 0)[row].closed_ts <= p.ts:
        return
    t = own.tunnels(shard, 0)[row]
    bearer_row = np.int64(t.bearer)
    b = own.bearers(shard, 0)[bearer_row]
    if b.ended:
        return
    if tunnels.RADIO_SIDE[t.interface] and t.leg == LEG_ACCESS and t.interface < 200:
        sessions.release(shard, bearer_row, p.ts, 0, -1, 1)
    elif t.leg == LEG_ACCESS or t.leg == LEG_CORE:
        sessions.end_session(shard, np.int64(b.session), p.ts, ERROR_INDICATION, 0, -1, 1)
