"""What a GTP-C message is about: reference point, subscriber, session and bearers, causes and endpoints.

`m` is a MESSAGE row, `sig` the Signalling that it points into, `t` the TRANSACTION row of the request that it
belongs to.
"""

import numpy as np

from formats.causes import PROTOCOL_FAMILIES, S1AP_FAMILIES
from formats.procedures import MODIFY_ACCESS, PAGING, RELEASE_ACCESS
from formats.records import FTEID_GN_GGSN_C
from formats.state import ENDED, ESTABLISHED
from formats.xdr import CAUSE_FAMILIES, INTERFACES
from kernels import apn, presence, sessions, tunnels
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part

GN, S11, S5S8, GTPC = (INTERFACES.index(name) for name in ("gn", "s11", "s5s8", "gtpc"))
SOURCE_V1, SOURCE_V2 = 1, 2  # indices of xdr.SOURCES
NO_DIGITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
RAN_FAMILY = np.array([CAUSE_FAMILIES.index(name) for name in S1AP_FAMILIES], np.uint8)
"""By group of an S1AP cause: index of xdr.CAUSE_FAMILIES."""
NAS_FAMILY = np.array([CAUSE_FAMILIES.index(PROTOCOL_FAMILIES.get(k, "")) for k in range(6)], np.uint8)
"""By protocol of a RAN/NAS cause: index of xdr.CAUSE_FAMILIES."""


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
        row = tunnels.find(
            shard,
            own.CONTROLS,
            own.controls(shard, 0),
            m.dst_hi,
            m.dst_lo,
            m.teid,
            tunnel_hash(m.dst_hi, m.dst_lo, m.teid),
        )
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
def gateway_of(sig, m):  # type: ignore[no-untyped-def]
    """Control-plane address of the PGW or GGSN that `m` names, else 0, 0."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        e = sig.fteids[k]
        if e.bearer < 0 and (
            e.interface == 7 or e.interface == 32 or e.interface == 36 or e.interface == FTEID_GN_GGSN_C
        ):
            return e.hi, e.lo
    return np.uint64(0), np.uint64(0)


@part
def bind_all(shard, sig, m, ordinal, bearer_row):  # type: ignore[no-untyped-def]
    """Bind the user-plane F-TEIDs of bearer context `ordinal` of `m`; the radio side makes the bearer connected."""
    bearer = own.bearers(shard, 0)[bearer_row]
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        endpoint = sig.fteids[k]
        if endpoint.bearer == ordinal and tunnels.DIRECTION[endpoint.interface] < 2 and bearer.ended == 0:
            tunnels.bind(shard, bearer_row, endpoint.hi, endpoint.lo, endpoint.teid, np.int64(endpoint.interface), m.ts)
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
def tie_controls(shard, sig, m, row):  # type: ignore[no-untyped-def]
    """The S5/S8 control endpoints that `m` names are about this one session (TS 29.274 §8.22: one a PDN connection)."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        e = sig.fteids[k]
        if e.bearer < 0 and e.teid > 0 and (e.interface == 6 or e.interface == 7):
            found = tunnels.find(
                shard, own.CONTROLS, own.controls(shard, 0), e.hi, e.lo, e.teid, tunnel_hash(e.hi, e.lo, e.teid)
            )
            if found >= 0:
                c = own.controls(shard, 0)[found]
                c.session, c.session_id = row, own.sessions(shard, 0)[row].id


@part
def bound_bearer(shard, sig, m, ordinal):  # type: ignore[no-untyped-def]
    """Row of the live bearer that one of the F-TEIDs of bearer context `ordinal` is bound to already, or -1."""
    for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
        e = sig.fteids[k]
        if e.bearer == ordinal and tunnels.DIRECTION[e.interface] < 2:
            row = tunnels.find(
                shard, own.TUNNELS, own.tunnels(shard, 0), e.hi, e.lo, e.teid, tunnel_hash(e.hi, e.lo, e.teid)
            )
            if row >= 0 and own.tunnels(shard, 0)[row].closed_ts > m.ts:
                bearer_row = np.int64(own.tunnels(shard, 0)[row].bearer)
                if own.bearers(shard, 0)[bearer_row].ended == 0:
                    return bearer_row
    return np.int64(-1)


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
    """Row of the session that `m` is about though it names no bearer: by its endpoint, or the only one."""
    if m.teid > 0:
        row = tunnels.find(
            shard,
            own.CONTROLS,
            own.controls(shard, 0),
            m.dst_hi,
            m.dst_lo,
            m.teid,
            tunnel_hash(m.dst_hi, m.dst_lo, m.teid),
        )
        if row >= 0 and own.controls(shard, 0)[row].session >= 0:
            c = own.controls(shard, 0)[row]
            s = own.sessions(shard, 0)[c.session]
            if s.used and s.id == c.session_id and s.phase != ENDED:
                return np.int64(c.session)
    return only_session(shard, ue_row)


@part
def session_identity(m):  # type: ignore[no-untyped-def]
    """A number that names the session by the message it began with: the same on every run."""
    h = tunnel_hash(m.src_hi ^ np.uint64(m.ts), m.src_lo, (np.int64(m.sequence) << 4) | np.int64(m.version))
    return np.int64(h >> np.uint64(1)) | 1


@part
def session_of(shard, t):  # type: ignore[no-untyped-def]
    """Row of the transaction's session if it still is the one that it was, else -1."""
    row = np.int64(t.session)
    if row >= 0 and own.sessions(shard, 0)[row].used and own.sessions(shard, 0)[row].id == t.session_id:
        return row
    return np.int64(-1)


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
def note_access(shard, row, interface):  # type: ignore[no-untyped-def]
    """The access side of the session was seen: its procedures count, those of S5/S8 repeat them."""
    if interface == S11 or interface == GN:
        own.sessions(shard, 0)[row].access_seen = 1


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
def superseded(shard, m):  # type: ignore[no-untyped-def]
    """Whether `m` is sent to a node whose role another has taken over."""
    row = tunnels.find(
        shard, own.CONTROLS, own.controls(shard, 0), m.dst_hi, m.dst_lo, m.teid, tunnel_hash(m.dst_hi, m.dst_lo, m.teid)
    )
    return row >= 0 and own.controls(shard, 0)[row].superseded == 1
