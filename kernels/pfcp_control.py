"""PFCP messages in order: requests and answers are paired, sessions get their endpoints, names and ends.

A request is found by the two addresses, the sender's port and the sequence number (TS 29.244 §6.4, §7.2.2.2). The
reference point is n4 where a session has a QoS flow, an S-NSSAI, New Radio or a 5G interface type, sx where it has one
of 4G; where neither is told, sx if GTP-C was seen, else n4. Node messages are of the reference point that the latest
session between the two nodes is of, n4 where there was none.

A session establishment begins a session, unless one of its endpoints, or the subscriber with the UE's address or APN,
tells that it is known: then that one takes over what it tells. One that is begun here is taken over by NGAP, S1AP or
GTP-C when they name its endpoint. Without User ID its subscriber stays unknown and the UE's address is all that names
it. A modification that moves the far end moves the bearer; a deletion ends the session that PFCP or the radio side
began. The radio side's own messages, where seen, come first: they know the cause.
"""

import numpy as np

from formats.core_procedures import pfcp_procedures
from formats.pfcp import (
    DIRECTION,
    REPORT_ERROR_INDICATION,
    SESSION_DELETION_REQUEST,
    SESSION_ESTABLISHMENT_REQUEST,
    SESSION_MODIFICATION_REQUEST,
    SESSION_REPORT_REQUEST,
)
from formats.state import ENDED, PENDING
from formats.xdr import CAUSE_FAMILIES, END_REASONS, INTERFACES, PROCEDURES, RATS, SOURCES
from kernels import (
    adoption,
    apn,
    exchanges,
    gtp_context,
    identities,
    pfcp_bearers,
    pfcp_nodes,
    pfcp_sessions,
    sessions,
)
from kernels import shard as own
from kernels.causes import abnormal
from kernels.hashing import tunnel_hash
from kernels.heard import fars, pdrs, pfcp_text, qers, usages
from kernels.identities import NO_IDENTITY
from kernels.jit import part
from kernels.ran_transactions import FAILURE, SUCCESS
from kernels.shard import REQUEST_TIMEOUT
from kernels.table import HIGH

PROCEDURE = pfcp_procedures()
ESTABLISHMENT, MODIFICATION, DELETION, REPORT = (
    PROCEDURES.index(f"pfcp_session_{name}") for name in ("establishment", "modification", "deletion", "report")
)
N4, SX = INTERFACES.index("n4"), INTERFACES.index("sx")
NR = RATS.index("nr")
PFCP_SOURCE, S1AP_SOURCE, NGAP_SOURCE = (SOURCES.index(name) for name in ("pfcp", "s1ap", "ngap"))
FAMILY = CAUSE_FAMILIES.index("pfcp")
DELETED, ERROR_INDICATION = END_REASONS.index("deleted"), END_REASONS.index("error_indication")
_NONE = np.uint64(0)


def _types() -> np.ndarray:
    """By 3GPP Interface Type (TS 29.244 §8.2.118): index of xdr.INTERFACES that it tells, 0 for none."""
    table = np.zeros(256, np.uint8)
    table[:11] = table[[16, 19, 20]] = SX
    table[11:16] = table[[17, 18]] = N4
    return table


TYPES = _types()


@part
def interface_told(heard, m):  # type: ignore[no-untyped-def]
    """The reference point that `m` tells, index of xdr.INTERFACES; 0 for none."""
    if m.sst >= 0 or m.rat == NR:
        return np.int64(N4)
    for k in range(m.first_qer, m.first_qer + m.qer_count):
        if qers(heard, 0)[k].qfi > 0:
            return np.int64(N4)
    for k in range(m.first_pdr, m.first_pdr + m.pdr_count):
        rule = pdrs(heard, 0)[k]
        if rule.qfi > 0:
            return np.int64(N4)
        if rule.source_type >= 0 and TYPES[rule.source_type] != 0:
            return np.int64(TYPES[rule.source_type])
    for k in range(m.first_far, m.first_far + m.far_count):
        rule = fars(heard, 0)[k]
        if rule.destination_type >= 0 and TYPES[rule.destination_type] != 0:
            return np.int64(TYPES[rule.destination_type])
    return np.int64(0)


@part
def interface_of(shard, heard, m):  # type: ignore[no-untyped-def]
    """The reference point of `m`: of its session, by itself, or of the sessions between its two nodes."""
    row = pfcp_sessions.addressed(shard, m)
    if row >= 0 and own.pfcps(shard, 0)[row].interface != 0:
        return np.int64(own.pfcps(shard, 0)[row].interface)
    told = interface_told(heard, m)
    if told == 0 and m.type == SESSION_ESTABLISHMENT_REQUEST:
        told = np.int64(SX) if shard[own.CONTROLS + HIGH] > 0 else np.int64(N4)
    if told != 0:
        return told
    found = identities.find(shard, identities.nodes_hash(m))
    return np.int64(own.identities(shard, 0)[found].interface) if found >= 0 else np.int64(N4)


@part
def key(m, request):  # type: ignore[no-untyped-def]
    """Key of the request that `m` is, or answers."""
    if request:
        return exchanges.pairing(m.src_hi, m.src_lo, m.dst_hi, m.dst_lo, m.src_port, np.int64(m.sequence))
    return exchanges.pairing(m.dst_hi, m.dst_lo, m.src_hi, m.src_lo, m.dst_port, np.int64(m.sequence))


@part
def accepts(cause):  # type: ignore[no-untyped-def]
    """Whether a cause accepts (TS 29.244 §8.2.1: 1 to 63); an answer without one does."""
    return cause < 64


@part
def begin(shard, m, p, apn_row):  # type: ignore[no-untyped-def]
    """A session, pending, with one bearer, that the establishment request `m` begins; row, or -1 when full."""
    ue_row = sessions.find_imsi(shard, m.imsi)
    if ue_row < 0:
        ue_row = sessions.create_ue(shard, m.imsi, m.ts)
    if ue_row < 0:
        return ue_row
    h = tunnel_hash(m.src_hi ^ np.uint64(m.ts), m.src_lo, (np.int64(m.sequence) << 4) | 9)
    row = sessions.create_session(shard, ue_row, np.int64(h >> np.uint64(1)) | 1, m.ts, PENDING, PFCP_SOURCE)
    if row >= 0:
        own.sessions(shard, 0)[row].interface = p.interface
        own.sessions(shard, 0)[row].apn = apn_row
        sessions.create_bearer(shard, row, ue_row, np.int64(-1), np.int64(-1), m.ts)
        p.owner = 1
    elif own.ues(shard, 0)[ue_row].sessions <= 0:
        sessions.free_ue(shard, ue_row)
    return row


@part
def known_session(shard, heard, m, p, apn_row):  # type: ignore[no-untyped-def]
    """Row of the session that an establishment request is about though PFCP did not begin it, or -1."""
    bearer_row = pfcp_bearers.joined_bearer(shard, heard, m, p)
    if bearer_row >= 0:
        return np.int64(own.bearers(shard, 0)[bearer_row].session)
    ue_row = sessions.find_imsi(shard, m.imsi)
    if ue_row < 0:
        return np.int64(-1)
    hi, lo = identities.address_of(m)
    row = identities.of_ue(shard, ue_row, hi, lo, apn_row)
    if row >= 0 and m.ts - own.sessions(shard, 0)[row].start > shard[REQUEST_TIMEOUT]:
        return np.int64(-1)
    return row


@part
def establish_request(shard, heard, m, interface):  # type: ignore[no-untyped-def]
    """Session Establishment Request; row of the session that it is about, -1 when a table is full."""
    hashed = pfcp_sessions.given_hash(m)
    before = pfcp_sessions.find(shard, hashed)
    if before >= 0:
        pfcp_sessions.forget(shard, before)
    p_row = pfcp_sessions.create(shard, m.ts)
    p = own.pfcps(shard, 0)[p_row]
    pfcp_sessions.name_cp(shard, p_row, hashed)
    p.interface = interface
    p.nodes = identities.nodes_hash(m)
    own.identities(shard, 0)[identities.enter(shard, p.nodes, m.ts)].interface = interface
    hi, lo = identities.address_of(m)
    p.gateway = 1 if (hi | lo) != _NONE else 0
    apn_row = apn.intern(shard, pfcp_text(heard, 0), m) if m.apn_length > 0 else np.int64(-1)
    row = known_session(shard, heard, m, p, apn_row)
    if row < 0:
        row = begin(shard, m, p, apn_row)
    if row >= 0:
        identities.tie(shard, p, row)
    learn(shard, heard, m, p, row, apn_row)
    return row


@part
def learn(shard, heard, m, p, row, apn_row):  # type: ignore[no-untyped-def]
    """Take over what `m` tells of endpoints and of the session in row `row` (-1: none)."""
    pfcp_bearers.bind_local(shard, heard, m, p, row)
    if row < 0:
        return
    pfcp_bearers.bind_far(shard, heard, m, p, row)
    s = own.sessions(shard, 0)[row]
    s.last_ts = m.ts
    if s.apn < 0:
        s.apn = apn_row
    if s.slice < 0 and m.sst >= 0:
        s.slice = (np.int64(m.sst) << 24) | (np.int64(m.sd) if m.sd >= 0 else np.int64(0xFF_FFFF))
    if s.rat == 0 and m.rat > 0:
        s.rat = sessions.RAT[m.rat & 255]
    identities.name(shard, row, m.imsi, m.imei)
    address(shard, m, p, row)


@part
def address(shard, m, p, row):  # type: ignore[no-untyped-def]
    """The UE's address: it names the session to Diameter, and Gx may have told whose it is shortly before."""
    hi, lo = identities.address_of(m)
    if (hi | lo) == _NONE:
        return
    s = own.sessions(shard, 0)[row]
    p.gateway, p.owner = 1, 1
    if (s.ue_hi | s.ue_lo) == _NONE:
        s.ue_hi, s.ue_lo = hi, lo
        if m.ue_ipv4 > 0:
            s.ue6_hi = m.ue_ipv6_hi
    if (s.gateway_hi | s.gateway_lo) == _NONE and m.request:
        s.gateway_hi, s.gateway_lo = m.src_hi, m.src_lo
    found = identities.find(shard, identities.address_hash(hi, lo))
    if found >= 0:
        a = own.identities(shard, 0)[found]
        same_name = s.apn < 0 or a.apn < 0 or s.apn == a.apn
        if same_name and m.ts - a.last_ts <= shard[REQUEST_TIMEOUT] and identities.session_of(shard, a) < 0:
            identities.name(shard, row, a.imsi, a.imei)
    a = own.identities(shard, 0)[identities.enter(shard, identities.address_hash(hi, lo), m.ts)]
    identities.tie(shard, a, row)
    a.apn = s.apn
    if s.imsi != NO_IDENTITY:
        a.imsi, a.imei = s.imsi, s.imei


@part
def modify_request(shard, heard, m, p_row):  # type: ignore[no-untyped-def]
    """Session Modification Request; row of the session that it is about, or -1."""
    if p_row < 0:
        return np.int64(-1)
    p = own.pfcps(shard, 0)[p_row]
    row = pfcp_sessions.resolve(shard, p, m.ts)
    if row >= 0 and own.sessions(shard, 0)[row].source == PFCP_SOURCE and p.owner:
        bearer_row = pfcp_bearers.far_bearer(shard, heard, m, p)
        if bearer_row >= 0:
            there = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session]
            if there.source != PFCP_SOURCE:
                row = meet(shard, p, row, bearer_row, m.ts)
    pfcp_sessions.name_cp(shard, p_row, pfcp_sessions.given_hash(m))
    if interface_told(heard, m) == N4 or (row >= 0 and own.sessions(shard, 0)[row].rat == NR):
        p.interface = N4
    apn_row = apn.intern(shard, pfcp_text(heard, 0), m) if m.apn_length > 0 else np.int64(-1)
    learn(shard, heard, m, p, row, apn_row)
    return row


@part
def told_ahead(shard, s):  # type: ignore[no-untyped-def]
    """(family, code) of the cause of a release that the RAN has asked for and that is under way; (0, -1) for none."""
    for k in range(len(s.bearer)):
        if s.bearer[k] >= 0:
            b = own.bearers(shard, 0)[s.bearer[k]]
            if b.ended == 0 and b.connected and b.cause >= 0:
                return np.int64(b.cause_family), np.int64(b.cause)
    return np.int64(0), np.int64(-1)


@part
def delete_request(shard, m, p_row):  # type: ignore[no-untyped-def]
    """Session Deletion Request; row of the session that it is about, or -1."""
    if p_row < 0:
        return np.int64(-1)
    p = own.pfcps(shard, 0)[p_row]
    row = pfcp_sessions.resolve(shard, p, m.ts)
    if row >= 0:
        s = own.sessions(shard, 0)[row]
        begun = s.source == PFCP_SOURCE or s.source == NGAP_SOURCE or s.source == S1AP_SOURCE
        if p.owner and begun:
            reason = ERROR_INDICATION if p.failed else DELETED
            family, code = told_ahead(shard, s)
            dropped = np.int64(1) if p.failed else abnormal(family, code)
            sessions.end_session(shard, row, m.ts, reason, family, code, dropped)
        return row
    return identities.last_session(shard, p)


@part
def report_request(shard, m, p_row):  # type: ignore[no-untyped-def]
    """Session Report Request; row of the session that it is about, or -1."""
    row = np.int64(-1)
    if p_row >= 0:
        row = pfcp_sessions.resolve(shard, own.pfcps(shard, 0)[p_row], m.ts)
    if m.report_type >= 0 and m.report_type & REPORT_ERROR_INDICATION:
        core_side, bearer_row = pfcp_bearers.lost(shard, m)
        if core_side and p_row >= 0:
            own.pfcps(shard, 0)[p_row].failed = 1
        if row < 0 and bearer_row >= 0:
            row = np.int64(own.bearers(shard, 0)[bearer_row].session)
    return row


@part
def add_usage(shard, heard, m, p):  # type: ignore[no-untyped-def]
    """Add up the reported volumes of one rule: several may measure the same traffic."""
    for k in range(m.first_usage, m.first_usage + m.usage_count):
        u = usages(heard, 0)[k]
        if u.bytes_up < 0 and u.bytes_down < 0:
            continue
        if p.urr < 0:
            p.urr = u.urr_id
        if u.urr_id == p.urr:
            p.bytes[0] += max(u.bytes_up, 0)
            p.bytes[1] += max(u.bytes_down, 0)
            p.packets[0] += max(u.packets_up, 0)
            p.packets[1] += max(u.packets_down, 0)


@part
def tell_usage(shard, p):  # type: ignore[no-untyped-def]
    """The last report is there: it tells the volume of a session that ended, of which no user packet was seen."""
    row = np.int64(p.session)
    if row < 0 or not p.owner:
        return
    s = own.sessions(shard, 0)[row]
    if s.used == 0 or s.id != p.session_id or s.phase != ENDED or s.source != PFCP_SOURCE:
        return
    seen = s.packets[0] + s.packets[1]
    for k in range(len(s.bearer)):
        if s.bearer[k] >= 0:
            b = own.bearers(shard, 0)[s.bearer[k]]
            seen += b.packets[0] + b.packets[1]
    if seen == 0:
        for k in range(2):
            s.bytes[k], s.packets[k] = p.bytes[k], p.packets[k]


@part
def note(shard, t, m, session_row):  # type: ignore[no-untyped-def]
    """Who and what a request is about. Of a session that GTP-C may yet tell to be another's, only what is certain."""
    if session_row < 0:
        if m.imsi != NO_IDENTITY:
            t.imsi = m.imsi
        return
    s = own.sessions(shard, 0)[session_row]
    gtp_context.note_transaction(shard, t, np.int64(s.ue), session_row)
    t.imsi, t.imei, t.slice = s.imsi, s.imei, s.slice
    if s.rat != 0:
        t.rat = s.rat
    if t.interface == SX and s.source == PFCP_SOURCE and shard[own.CONTROLS + HIGH] > 0:
        t.session_id = 0


@part
def apply_request(shard, heard, m, p_row, interface):  # type: ignore[no-untyped-def]
    """What a request does when it is first seen; row of the session that it is about, or -1."""
    if m.type == SESSION_ESTABLISHMENT_REQUEST:
        return establish_request(shard, heard, m, interface)
    if m.type == SESSION_MODIFICATION_REQUEST:
        return modify_request(shard, heard, m, p_row)
    if m.type == SESSION_DELETION_REQUEST:
        return delete_request(shard, m, p_row)
    if m.type == SESSION_REPORT_REQUEST:
        return report_request(shard, m, p_row)
    return np.int64(-1)


@part
def apply_kept(shard, m, asked, row):  # type: ignore[no-untyped-def]
    """The answer to an establishment, captured before request `m`: accepted or refused, and the user plane's SEID.

    The endpoints that such an answer told are not kept.
    """
    t = own.transactions(shard, 0)[asked]
    outcome = exchanges.kept_outcome(t)
    if outcome != 0 and m.type == SESSION_ESTABLISHMENT_REQUEST:
        p_row = pfcp_sessions.find(shard, pfcp_sessions.given_hash(m))
        if outcome == SUCCESS and p_row >= 0:
            pfcp_sessions.name_up(shard, p_row, t.core_hi)
            if row >= 0:
                pfcp_bearers.establish(shard, row, t, m.ts)
        elif outcome == FAILURE and row >= 0 and own.sessions(shard, 0)[row].source == PFCP_SOURCE:
            sessions.discard_session(shard, row, m.ts)
    exchanges.write_kept(shard, asked)


@part
def request(shard, heard, m, interface):  # type: ignore[no-untyped-def]
    """A request, new or seen again; 1 if its session is known."""
    asked, fresh = exchanges.ask(shard, key(m, True), np.int64(PROCEDURE[m.type]), interface, m)
    if fresh:
        p_row = pfcp_sessions.addressed(shard, m)
        if p_row >= 0:
            own.pfcps(shard, 0)[p_row].last_ts = m.ts
            add_usage(shard, heard, m, own.pfcps(shard, 0)[p_row])
        row = apply_request(shard, heard, m, p_row, interface)
        note(shard, own.transactions(shard, 0)[asked], m, row)
        apply_kept(shard, m, asked, row)
    return np.int64(own.transactions(shard, 0)[asked].session_id != 0)


@part
def establish_answer(shard, heard, m, p_row, t):  # type: ignore[no-untyped-def]
    """Session Establishment Response."""
    p = own.pfcps(shard, 0)[p_row]
    row = pfcp_sessions.resolve(shard, p, m.ts)
    if not accepts(m.cause):
        if row >= 0 and own.sessions(shard, 0)[row].source == PFCP_SOURCE and p.owner:
            sessions.discard_session(shard, row, m.ts)
        pfcp_sessions.forget(shard, p_row)
        return
    pfcp_sessions.name_up(shard, p_row, pfcp_sessions.given_hash(m))
    before = row
    bearer_row = pfcp_bearers.chosen_bearer(shard, heard, m, p)
    if bearer_row >= 0 and own.bearers(shard, 0)[bearer_row].session != row:
        row = meet(shard, p, row, bearer_row, m.ts)
    learn(shard, heard, m, p, row, np.int64(-1))
    if row >= 0:
        pfcp_bearers.establish(shard, row, t, m.ts)
    if (row >= 0 and row != before) or m.ue_ipv4 > 0:
        note(shard, t, m, row)


@part
def meet(shard, p, row, bearer_row, ts):  # type: ignore[no-untyped-def]
    """The user plane has chosen an endpoint that is known: row of the session that it belongs to, now that of `p`."""
    if row >= 0 and own.sessions(shard, 0)[row].source == PFCP_SOURCE and p.owner:
        adoption.absorb(shard, row, bearer_row, ts)
    there = np.int64(own.bearers(shard, 0)[bearer_row].session)
    p.owner = p.gateway
    identities.tie(shard, p, there)
    return there


@part
def apply_answer(shard, heard, m, p_row, t):  # type: ignore[no-untyped-def]
    """What an answer to the waiting request `t` does."""
    p = own.pfcps(shard, 0)[p_row]
    p.last_ts = m.ts
    add_usage(shard, heard, m, p)
    if t.procedure == ESTABLISHMENT:
        establish_answer(shard, heard, m, p_row, t)
    elif t.procedure == MODIFICATION and accepts(m.cause):
        learn(shard, heard, m, p, pfcp_sessions.resolve(shard, p, m.ts), np.int64(-1))
    elif t.procedure == DELETION and accepts(m.cause):
        tell_usage(shard, p)
        pfcp_sessions.forget(shard, p_row)


@part
def response(shard, heard, m):  # type: ignore[no-untyped-def]
    """An answer: to a request that waits, else to none; 1 if its session is known."""
    asked = exchanges.waiting(shard, key(m, False), m.ts)
    p_row = pfcp_sessions.addressed(shard, m)
    outcome = FAILURE if m.cause >= 64 or PROCEDURE[m.type] == 0 else SUCCESS
    family = FAMILY if m.cause >= 0 else 0
    if asked < 0:
        kept = exchanges.keep(shard, key(m, False), np.int64(0), np.int64(N4), m, outcome, family, np.int64(m.cause))
        if kept >= 0:
            own.transactions(shard, 0)[kept].core_hi = pfcp_sessions.given_hash(m)
        return np.int64(p_row >= 0 and identities.session_of(shard, own.pfcps(shard, 0)[p_row]) >= 0)
    t = own.transactions(shard, 0)[asked]
    if p_row < 0 and t.session >= 0 and t.procedure == ESTABLISHMENT:  # refused: an answer without SEID
        refuse(shard, t, m)
    elif p_row >= 0:
        apply_answer(shard, heard, m, p_row, t)
    exchanges.answer(shard, asked, m.ts, outcome, family, np.int64(m.cause))
    return np.int64(t.session_id != 0)


@part
def refuse(shard, t, m):  # type: ignore[no-untyped-def]
    """An establishment is refused by a node that keeps no SEID of it."""
    row = gtp_context.session_of(shard, t)
    if row >= 0 and own.sessions(shard, 0)[row].source == PFCP_SOURCE and not accepts(m.cause):
        sessions.discard_session(shard, row, m.ts)


@part
def apply(shard, heard, m):  # type: ignore[no-untyped-def]
    """Apply PFCP message `m`; returns (xdr.INTERFACES index, 1 if its session is known)."""
    interface = interface_of(shard, heard, m)
    pfcp_nodes.hear_of_node(shard, m)
    if DIRECTION[m.type] == 1:
        return interface, request(shard, heard, m, interface)
    if DIRECTION[m.type] == 0:
        return interface, response(shard, heard, m)
    return interface, np.int64(0)
