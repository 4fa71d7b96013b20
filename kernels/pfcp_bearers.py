"""What PFCP rules tell of tunnel endpoints: a PDR of the user plane's own, a FAR of the far end (TS 29.244 §5.2).

A PDR towards which the device sends has Source Interface Access; a FAR towards the device Destination Interface Access.
What kind of endpoint that is: 3GPP Interface Type (§8.2.118) where it is sent; else on N4 that of N3 on the access
side and of N9 on the core side; on Sx that of the PGW-U where the session has the UE's address, else of the SGW-U.
An endpoint that is bound already keeps the kind that it was told with. `p` is a PFCP_SESSION row.
"""

import numpy as np

from formats.pfcp import APPLY_BUFFER, APPLY_DROP, APPLY_FORWARD, INTERFACE_ACCESS, INTERFACE_CORE
from formats.pfcp_rows import CREATE, CREATED, REMOVE
from formats.records import FTEID_GN_GGSN_U, FTEID_GN_SGSN_U, FTEID_N3_RAN, FTEID_N3_UPF
from formats.state import ENDED, ESTABLISHED, PENDING, PFCP_CHOICES, PFCP_FARS, SESSION_BEARERS
from formats.xdr import END_REASONS, INTERFACES
from kernels import gtp_setup, presence, sessions, tunnels
from kernels import shard as own
from kernels.adoption import PFCP_SOURCE
from kernels.heard import fars, pdrs
from kernels.jit import part
from kernels.pfcp_sessions import live_bearer_at, tunnel_at
from kernels.shard import REQUEST_TIMEOUT

N4 = INTERFACES.index("n4")
REPLACED = END_REASONS.index("replaced")
S1U_ENB, S1U_SGW, S5_SGW, S5_PGW = 0, 1, 4, 5
NO_KIND = 255
ENDPOINT_IDS = 1 << 20
"""Added to a Traffic Endpoint ID, to tell it from a PDR ID."""


def _kinds() -> np.ndarray:
    """By [towards: 0 the user plane from access, 1 from core, 2 the far end at access, 3 at core; 3GPP type]: kind."""
    table = np.full((4, 256), NO_KIND, np.uint8)
    s1u, s5, gn, n3, n9 = (0,), (1, 19), (5, 20), (11, 12, 13), (15,)
    table[0, list(s1u)], table[2, list(s1u)] = S1U_SGW, S1U_ENB
    table[0, list(s5)], table[1, list(s5)], table[2, list(s5)], table[3, list(s5)] = S5_PGW, S5_SGW, S5_SGW, S5_PGW
    table[0, list(gn)], table[2, list(gn)] = FTEID_GN_GGSN_U, FTEID_GN_SGSN_U
    table[0, list(n3)], table[2, list(n3)] = FTEID_N3_UPF, FTEID_N3_RAN
    table[0, list(n9)], table[1, list(n9)], table[2, list(n9)], table[3, list(n9)] = S5_PGW, S5_SGW, S5_SGW, S5_PGW
    return table


KIND = _kinds()


@part
def kind_of(p, towards, side, told):  # type: ignore[no-untyped-def]
    """Kind of an endpoint: TS 29.274 §8.22 or FTEID_*; NO_KIND for one that is not followed (forwarding, N6, ...).

    towards: 0 the user plane's own, 2 the far end; side: INTERFACE_*; told: 3GPP Interface Type, -1 none
    """
    if side != INTERFACE_ACCESS and side != INTERFACE_CORE:
        return np.int64(NO_KIND)
    if told >= 0:
        return np.int64(KIND[towards + side, told])
    if side == INTERFACE_CORE:
        return np.int64(S5_SGW if towards == 0 else S5_PGW)
    if p.interface == N4:
        return np.int64(FTEID_N3_UPF if towards == 0 else FTEID_N3_RAN)
    if p.gateway:
        return np.int64(S5_PGW if towards == 0 else S5_SGW)
    return np.int64(S1U_SGW if towards == 0 else S1U_ENB)


@part
def rule_id(rule):  # type: ignore[no-untyped-def]
    """Number of a PDR, or of a traffic endpoint."""
    return np.int64(rule.pdr_id) if rule.pdr_id >= 0 else np.int64(rule.endpoint_id) + ENDPOINT_IDS


@part
def side_of(heard, m, rule):  # type: ignore[no-untyped-def]
    """(Source Interface, 3GPP type) of a PDR; of a traffic endpoint those of the first PDR of `m` that names it."""
    if rule.pdr_id < 0 and rule.source_interface < 0:
        for k in range(m.first_pdr, m.first_pdr + m.pdr_count):
            other = pdrs(heard, 0)[k]
            if other.pdr_id >= 0 and other.endpoint_id == rule.endpoint_id:
                return np.int64(other.source_interface), np.int64(other.source_type)
    return np.int64(rule.source_interface), np.int64(rule.source_type)


@part
def choose(p, rule, kind):  # type: ignore[no-untyped-def]
    """Remember what kind of endpoint the user plane is asked to choose."""
    for k in range(PFCP_CHOICES):
        if p.choice[k] < 0 or p.choice[k] == rule_id(rule):
            p.choice[k], p.choice_kind[k] = rule_id(rule), kind
            return


@part
def chosen(p, rule):  # type: ignore[no-untyped-def]
    """Kind of the endpoint that the user plane has chosen."""
    for k in range(PFCP_CHOICES):
        if p.choice[k] == rule_id(rule):
            return np.int64(p.choice_kind[k])
    return np.int64(NO_KIND)


@part
def local_kind(heard, m, p, rule):  # type: ignore[no-untyped-def]
    """Kind of the user plane's endpoint that PDR row `rule` of `m` is about."""
    if rule.action == CREATED and rule.source_interface < 0:
        return chosen(p, rule)
    side, told = side_of(heard, m, rule)
    return kind_of(p, 0, side, told)


@part
def is_down(p, far_id):  # type: ignore[no-untyped-def]
    """Place of a FAR among those known to forward towards the device, or -1."""
    for k in range(PFCP_FARS):
        if far_id >= 0 and p.far_id[k] == far_id:
            return k
    return -1


@part
def note_down(p, far_id):  # type: ignore[no-untyped-def]
    """A FAR forwards towards the device: a PDR of the core side names it, or its destination tells."""
    if far_id < 0 or is_down(p, far_id) >= 0:
        return
    for k in range(PFCP_FARS):
        if p.far_id[k] < 0:
            p.far_id[k] = far_id
            return


@part
def same_session(shard, rule, kind, ts):  # type: ignore[no-untyped-def]
    """Row of the live bearer that the user plane's own endpoint is bound to, if that is no older session's; else -1.

    A session that begins has endpoints of its own: where one is bound by PFCP as the same kind, or since long ago, it
    is used again and the end of the other session was not seen.
    """
    row = tunnel_at(shard, rule.hi, rule.lo, rule.teid, ts)
    if row < 0:
        return row
    t = own.tunnels(shard, 0)[row]
    bearer_row = np.int64(t.bearer)
    b = own.bearers(shard, 0)[bearer_row]
    s = own.sessions(shard, 0)[b.session]
    if b.ended or s.phase == ENDED:
        return np.int64(-1)
    if s.source != PFCP_SOURCE:
        return bearer_row if ts - s.start <= shard[REQUEST_TIMEOUT] else np.int64(-1)
    if t.interface != kind:
        return bearer_row
    sessions.end_session(shard, np.int64(b.session), ts, REPLACED, 0, -1, -1)
    return np.int64(-1)


@part
def joined_bearer(shard, heard, m, p):  # type: ignore[no-untyped-def]
    """Row of the live bearer of another session that an endpoint of `m`, which begins `p`, belongs to; or -1."""
    bearer_row = far_bearer(shard, heard, m, p)
    return bearer_row if bearer_row >= 0 else chosen_bearer(shard, heard, m, p)


@part
def far_bearer(shard, heard, m, p):  # type: ignore[no-untyped-def]
    """As `joined_bearer`, by the far ends on the core side."""
    for k in range(m.first_far, m.first_far + m.far_count):
        rule = fars(heard, 0)[k]
        kind = kind_of(p, 2, np.int64(rule.destination_interface), np.int64(rule.destination_type))
        if rule.teid >= 0 and kind != NO_KIND and tunnels.RADIO_SIDE[kind] == 0:
            bearer_row = live_bearer_at(shard, rule.hi, rule.lo, rule.teid, m.ts)
            if bearer_row >= 0:
                return bearer_row
    return np.int64(-1)


@part
def chosen_bearer(shard, heard, m, p):  # type: ignore[no-untyped-def]
    """As `joined_bearer`, by the user plane's own endpoints."""
    for k in range(m.first_pdr, m.first_pdr + m.pdr_count):
        rule = pdrs(heard, 0)[k]
        if rule.teid >= 0 and rule.action != REMOVE:
            bearer_row = same_session(shard, rule, local_kind(heard, m, p, rule), m.ts)
            if bearer_row >= 0:
                return bearer_row
    return np.int64(-1)


@part
def nth_bearer(shard, session_row, number):  # type: ignore[no-untyped-def]
    """Row of the live bearer of that number of a session, or -1."""
    s = own.sessions(shard, 0)[session_row]
    for k in range(SESSION_BEARERS):
        if s.bearer[k] >= 0 and own.bearers(shard, 0)[s.bearer[k]].ended == 0:
            if number == 0:
                return np.int64(s.bearer[k])
            number -= 1
    return np.int64(-1)


@part
def free_bearer(shard, session_row, kind, ts):  # type: ignore[no-untyped-def]
    """Row of a live bearer of a session that has no endpoint of this kind, made where there is none; or -1."""
    for number in range(SESSION_BEARERS):
        row = nth_bearer(shard, session_row, number)
        if row < 0:
            break
        b = own.bearers(shard, 0)[row]
        taken = False
        for k in range(len(b.tunnel)):
            at = np.int64(b.tunnel[k])
            if at >= 0:
                t = own.tunnels(shard, 0)[at]
                taken = taken or (t.used and t.bearer == row and t.interface == kind and t.closed_ts > ts)
        if not taken:
            return row
    s = own.sessions(shard, 0)[session_row]
    return sessions.create_bearer(shard, session_row, np.int64(s.ue), np.int64(-1), np.int64(-1), ts)


@part
def bind(shard, bearer_row, rule, kind, ts):  # type: ignore[no-untyped-def]
    """Bind an endpoint to the bearer, unless it is there already; one of the radio side connects it."""
    if bearer_row < 0 or live_bearer_at(shard, rule.hi, rule.lo, rule.teid, ts) == bearer_row:
        return
    b = own.bearers(shard, 0)[bearer_row]
    tunnels.bind(shard, bearer_row, rule.hi, rule.lo, rule.teid, kind, ts)
    if tunnels.RADIO_SIDE[kind]:
        b.radio_known = 1
        if own.sessions(shard, 0)[b.session].phase == ESTABLISHED:
            b.cause, b.cause_family = -1, 0
            gtp_setup.open_presence(shard, bearer_row, ts)
            presence.connect(shard, b, ts)


@part
def bind_local(shard, heard, m, p, session_row):  # type: ignore[no-untyped-def]
    """The user plane's own endpoints; those that are still to be chosen are remembered."""
    source = own.sessions(shard, 0)[session_row].source if session_row >= 0 else 0
    for k in range(m.first_pdr, m.first_pdr + m.pdr_count):
        rule = pdrs(heard, 0)[k]
        if rule.action == REMOVE:
            continue
        kind = local_kind(heard, m, p, rule)
        side, _ = side_of(heard, m, rule)
        if side > INTERFACE_ACCESS:
            note_down(p, np.int64(rule.far_id))
        if kind == NO_KIND:
            continue
        if rule.to_choose:
            choose(p, rule, kind)
        if rule.teid < 0 or session_row < 0:
            continue
        if p.teid < 0:
            p.hi, p.lo, p.teid = rule.hi, rule.lo, rule.teid
        if live_bearer_at(shard, rule.hi, rule.lo, rule.teid, m.ts) < 0 or source == PFCP_SOURCE:
            place_local(shard, rule, kind, session_row, m.ts)


@part
def place_local(shard, rule, kind, session_row, ts):  # type: ignore[no-untyped-def]
    """Bind one of the user plane's own endpoints: to the bearer that has it, else to one that has none of its kind."""
    bearer_row = live_bearer_at(shard, rule.hi, rule.lo, rule.teid, ts)
    if bearer_row >= 0 and own.bearers(shard, 0)[bearer_row].session == session_row:
        return
    if kind == FTEID_N3_UPF:
        bind(shard, nth_bearer(shard, session_row, 0), rule, kind, ts)
    else:
        bind(shard, free_bearer(shard, session_row, kind, ts), rule, kind, ts)


@part
def bind_far(shard, heard, m, p, session_row):  # type: ignore[no-untyped-def]
    """The far ends that FARs forward to; one that only buffers leaves the device idle."""
    for k in range(m.first_far, m.first_far + m.far_count):
        rule = fars(heard, 0)[k]
        if rule.action == REMOVE:
            continue
        side = np.int64(rule.destination_interface)
        place = is_down(p, np.int64(rule.far_id))
        if side == INTERFACE_ACCESS and place < 0:
            note_down(p, np.int64(rule.far_id))
            place = is_down(p, np.int64(rule.far_id))
        if side < 0 and place >= 0:
            side = np.int64(INTERFACE_ACCESS)
        number = np.int64(place) if p.interface != N4 and place > 0 else np.int64(0)
        bearer_row = nth_bearer(shard, session_row, number)
        if rule.teid >= 0:
            kind = kind_of(p, 2, side, np.int64(rule.destination_type))
            if kind != NO_KIND:
                meet(shard, bearer_row, rule, kind, m.ts)
        elif side == INTERFACE_ACCESS and rule.action != CREATE and rule.apply_action >= 0:
            if rule.apply_action & (APPLY_BUFFER | APPLY_DROP) and not rule.apply_action & APPLY_FORWARD:
                idle(shard, bearer_row, m.ts)


@part
def meet(shard, bearer_row, rule, kind, ts):  # type: ignore[no-untyped-def]
    """The far end of a tunnel: bound to the bearer, but for one of the core that is known to be another bearer's."""
    there = live_bearer_at(shard, rule.hi, rule.lo, rule.teid, ts)
    if there >= 0 and bearer_row >= 0 and there != bearer_row:
        same = own.bearers(shard, 0)[there].session == own.bearers(shard, 0)[bearer_row].session
        if same or tunnels.RADIO_SIDE[kind] == 0:
            return
    bind(shard, bearer_row, rule, kind, ts)


@part
def idle(shard, bearer_row, ts):  # type: ignore[no-untyped-def]
    """The radio side is given up, why is not told. Where S1AP, NGAP or GTP-C are seen, they tell of it."""
    if bearer_row < 0:
        return
    b = own.bearers(shard, 0)[bearer_row]
    s = own.sessions(shard, 0)[b.session]
    if s.source == PFCP_SOURCE and own.ues(shard, 0)[b.ue].serving < 0:
        sessions.release(shard, bearer_row, ts, 0, -1, -1)


@part
def establish(shard, session_row, t, ts):  # type: ignore[no-untyped-def]
    """A session that PFCP began is accepted; the radio side, if told already, is there."""
    s = own.sessions(shard, 0)[session_row]
    if s.source != PFCP_SOURCE or s.phase != PENDING:
        return
    s.phase = ESTABLISHED
    s.setup = max(ts - t.start, 0)
    for k in range(SESSION_BEARERS):
        if s.bearer[k] >= 0 and own.bearers(shard, 0)[s.bearer[k]].radio_known:
            gtp_setup.establish(shard, np.int64(s.bearer[k]), ts)


@part
def lost(shard, m):  # type: ignore[no-untyped-def]
    """Error Indication Report: a far end does not know its endpoint. (1 if of the core side, bearer row or -1)."""
    bearer_row = live_bearer_at(shard, m.remote_hi, m.remote_lo, m.remote_teid, m.ts)
    if bearer_row < 0:
        return np.int64(0), bearer_row
    t = own.tunnels(shard, 0)[tunnel_at(shard, m.remote_hi, m.remote_lo, m.remote_teid, m.ts)]
    if tunnels.RADIO_SIDE[t.interface] == 0:
        return np.int64(1), bearer_row
    sessions.release(shard, bearer_row, m.ts, 0, -1, 1)
    return np.int64(0), bearer_row
