"""NAS procedures over S1AP and NGAP: asked for, answered, and where an answer is ciphered, inferred.

A procedure belongs to the connection (context) that carries it, and moves with it in a handover. A request seen again
before its outcome is one attempt. What the messages are to their procedures: `formats.nas_procedures`.

Outcomes that messages in plain tell come first. An attach whose accept is read is successful with its Attach Complete;
a registration, update or service request with the accept; an authentication when something other than a reject
follows its response; a PDU session with its accept, or, if that comes with the set-up of resources, with these.

Under ciphering (rules of this probe, after TS 24.301 §5.5, TS 24.501 §5.5):

- Initial Context Setup answers what waits: attach, registration, update, service request, by its outcome. So does a
  UE Context Modification a service request (CS fallback, TS 23.272 §6.2).
- A ciphered downlink message while an update, a registration or a service request in 5GS waits is taken for its
  answer, and for an accept if a ciphered uplink message follows (the complete), or a release with a normal cause; of a
  registration only a mobility or periodic one, for an initial one is always completed. A reject under ciphering of an
  update that is then released normally looks the same.
- The release of the connection ends what still waits: detach and deregistration successfully if its cause is normal,
  a service request if it moves the device on (CS fallback, redirection), all else as a failure with its cause.
- The security header of a Security Mode Complete tells it (type 4).
- A PDU session whose request was not readable begins with the set-up of resources that carries a NAS message; one that
  the core refuses is not seen.
"""

import numpy as np

from formats.nas import ATTACH_REQUEST, CIPHERING_NEW, DEFAULT_BEARER_REQUEST, EPS, FIVE_GS
from formats.nas_procedures import (
    ACCEPTED,
    ANSWERED,
    DOWN,
    MOBILITY,
    RESPONDED,
    SESSION,
    UP,
    Role,
    Waiting,
    roles,
    slots,
)
from formats.nas_procedures import SLOTS as SLOT_NAMES
from formats.ran import INITIATING, SUCCESSFUL, Kind
from formats.ran_procedures import SUCCESSFUL_HANDOVER, Op
from formats.xdr import CAUSE_FAMILIES, INTERFACES, PROCEDURES
from kernels import apn, gtp_context, ledger, ran_bearers, ran_contexts, ran_identity, ran_transactions
from kernels import shard as own
from kernels.causes import abnormal
from kernels.heard import nas as nas_rows
from kernels.heard import nas_pdus, nas_text
from kernels.heard import ran_bearers as items
from kernels.jit import part
from kernels.ran_contexts import NO_IDENTITY
from kernels.ran_transactions import FAILURE, SUCCESS
from kernels.shard import LAST_LEDGER, OUT_ROOM, PROCEDURE_ROWS, REQUEST_TIMEOUT, SHARD

ROLE, PROCEDURE = roles()
SLOT = slots()
SLOT_PROCEDURE = np.array([PROCEDURES.index(name) for name in SLOT_NAMES], np.int64)
"""By Waiting."""
ASK, GO_ON, WON, LOST, RESPOND, ACCEPT = (int(role) for role in list(Role)[1:])
(
    ATTACH, UPDATE, SERVICE, AUTHENTICATION, SECURITY_MODE, IDENTITY, DETACH, REGISTRATION, DEREGISTRATION,
) = (int(slot) for slot in Waiting)  # fmt: skip
PDN_CONNECTIVITY, DEFAULT_BEARER, DEDICATED_BEARER, PDU_SESSION = (
    PROCEDURES.index(name)
    for name in (
        "pdn_connectivity", "default_bearer_activation", "dedicated_bearer_activation", "pdu_session_establishment"
    )
)  # fmt: skip
FAMILY = np.array(
    [[0, 0], [CAUSE_FAMILIES.index("emm"), CAUSE_FAMILIES.index("esm")],
     [CAUSE_FAMILIES.index("fgmm"), CAUSE_FAMILIES.index("fgsm")]], np.int64
)  # fmt: skip
"""By [protocol, layer]: the family of a NAS cause."""
S1AP_RADIO, S1AP_NAS, NGAP_RADIO, NGAP_NAS = (
    CAUSE_FAMILIES.index(name) for name in ("s1ap_radio", "s1ap_nas", "ngap_radio", "ngap_nas")
)
AUTHENTICATION_FAILURE = 1  # of the group NAS, in both
USER_INACTIVITY = 20  # of the group radio, in both
PLAIN_NAS, CIPHERED_NAS = INTERFACES.index("nas"), INTERFACES.index("nas_ciphered")
CONTEXT_SETUP, BEARER_SETUP, CONTEXT_MODIFY, CONTEXT_RELEASE = (
    int(op) for op in (Op.CONTEXT_SETUP, Op.BEARER_SETUP, Op.CONTEXT_MODIFY, Op.CONTEXT_RELEASE)
)
K_SETUP, K_SETUP_RESPONSE, K_SETUP_FAILED = (
    int(kind) for kind in (Kind.SETUP_REQUEST, Kind.SETUP_RESPONSE, Kind.SETUP_FAILED)
)
MOST_MESSAGES = 32
"""NAS messages that are read of a message: one, and one for each of its bearers."""
MESSAGE_ROWS = 768
"""Rows that a message may add: of each session one, of each NAS message a few."""
MOST_SESSIONS = 512
"""Items of lists of PDU sessions that are read of a message: two for each identity."""
INITIAL_TYPES = (1, 4, 6)
"""Registration types that an accept is always completed of: initial, emergency, onboarding (TS 24.501 §9.11.3.7)."""


# --- rows ---------------------------------------------------------------------------------------------------------


@part
def find(shard, c, procedure, other):  # type: ignore[no-untyped-def]
    """Row of the context's request, or -1. `other` tells several of a procedure apart: an identity + 1, else 0."""
    return ran_transactions.find(shard, ran_transactions.key(c.nas_serial, other, procedure))


@part
def ask(shard, m, row, procedure, other):  # type: ignore[no-untyped-def]
    """A request of context `row`; its row."""
    c = own.rans(shard, 0)[row]
    hashed = ran_transactions.key(c.nas_serial, other, procedure)
    asked = ran_transactions.ask(shard, hashed, procedure, m)
    ran_transactions.note(shard, asked, row)
    slot = SLOT[procedure]
    if slot >= 0:
        c.nas_waiting = (c.nas_waiting | (1 << slot)) & ~ANSWERED
        if slot == AUTHENTICATION:
            c.nas_waiting &= ~RESPONDED
        elif slot == ATTACH:
            c.nas_waiting &= ~ACCEPTED
    return asked


@part
def settle(shard, row, procedure, other, ts, outcome, family, code):  # type: ignore[no-untyped-def]
    """The request of context `row` has its outcome, if it waits for one."""
    c = own.rans(shard, 0)[row]
    found = find(shard, c, procedure, other)
    slot = SLOT[procedure]
    if slot >= 0:
        c.nas_waiting &= ~(1 << slot)
    if found < 0:
        return
    t = own.transactions(shard, 0)[found]
    if t.imsi == NO_IDENTITY:
        t.imsi = c.imsi
    if t.imei == NO_IDENTITY:
        t.imei = c.imei
    if code < 0 and t.cause >= 0 and outcome == SUCCESS:  # of the request, or the accept
        family, code = FAMILY[c.protocol, MOBILITY], np.int64(t.cause)
    if code < 0:
        family = np.int64(0)
    ran_transactions.answer(shard, t.hash, ts, outcome, family, code)


@part
def waits(c, slot):  # type: ignore[no-untyped-def]
    """Whether the procedure has no outcome yet."""
    return c.nas_waiting & (1 << slot) != 0


@part
def conclude(shard, row, slot, ts, outcome, family, code):  # type: ignore[no-untyped-def]
    """The outcome of a procedure that waits."""
    if waits(own.rans(shard, 0)[row], slot):
        settle(shard, row, SLOT_PROCEDURE[slot], np.int64(0), ts, outcome, family, code)


@part
def heard_at(shard, row, slot, ts):  # type: ignore[no-untyped-def]
    """When the message that is taken for the procedure's answer was heard, `ts` where none was."""
    found = find(shard, own.rans(shard, 0)[row], SLOT_PROCEDURE[slot], np.int64(0))
    return own.transactions(shard, 0)[found].end if found >= 0 else ts


@part
def keep_waiting(shard, row, slot, ts):  # type: ignore[no-untyped-def]
    """What may be the procedure's answer has come: its time is kept, the wait begins anew."""
    found = find(shard, own.rans(shard, 0)[row], SLOT_PROCEDURE[slot], np.int64(0))
    if found >= 0 and own.transactions(shard, 0)[found].answered == 0:
        t = own.transactions(shard, 0)[found]
        t.end, t.last_ts = ts, ts + shard[REQUEST_TIMEOUT]


@part
def settle_attach(shard, row, ts, outcome, family, code):  # type: ignore[no-untyped-def]
    """The attach has its outcome, and so has the PDN connectivity request in it where it has none yet."""
    c = own.rans(shard, 0)[row]
    if waits(c, ATTACH):
        if c.nas_pti >= 0:
            settle(shard, row, PDN_CONNECTIVITY, np.int64(c.nas_pti) + 1, ts, outcome, family, code)
            c.nas_pti = -1
        conclude(shard, row, ATTACH, ts, outcome, family, code)


@part
def prove(shard, row):  # type: ignore[no-untyped-def]
    """The network goes on after the response: the device is authentic."""
    c = own.rans(shard, 0)[row]
    if c.nas_waiting & RESPONDED:
        c.nas_waiting &= ~RESPONDED
        conclude(shard, row, AUTHENTICATION, heard_at(shard, row, AUTHENTICATION, 0), SUCCESS, 0, -1)


# --- messages in plain --------------------------------------------------------------------------------------------


@part
def mobility(shard, m, row, n, way):  # type: ignore[no-untyped-def]
    """An EMM or 5GMM message."""
    c = own.rans(shard, 0)[row]
    kind = np.int64(n.type) & 255
    role, procedure = ROLE[n.protocol, MOBILITY, way, kind], np.int64(PROCEDURE[n.protocol, MOBILITY, way, kind])
    slot = SLOT[procedure]
    family, code = FAMILY[n.protocol, MOBILITY], np.int64(n.cause)
    if way == DOWN and not (slot == AUTHENTICATION and role == LOST):
        prove(shard, row)
    if role == ASK:
        asked = ask(shard, m, row, procedure, np.int64(0))
        own.transactions(shard, 0)[asked].cause = code
        if slot == ATTACH or slot == UPDATE or slot == REGISTRATION:
            c.nas_type = n.request_type
        if n.switch_off == 1:  # nobody answers
            settle(shard, row, procedure, np.int64(0), m.ts, SUCCESS, family, code)
    elif role == RESPOND:
        if waits(c, AUTHENTICATION):
            keep_waiting(shard, row, AUTHENTICATION, m.ts)
            c.nas_waiting |= RESPONDED
    elif role == ACCEPT:
        c.nas_waiting |= ACCEPTED
        found = find(shard, c, procedure, np.int64(0))
        if found >= 0:
            own.transactions(shard, 0)[found].cause = code
    elif role == WON:
        conclude(shard, row, slot, m.ts, SUCCESS, family, code)
    elif role == LOST and slot == ATTACH and n.session_type < 0:
        settle_attach(shard, row, m.ts, FAILURE, family, code)
    elif role == LOST:
        conclude(shard, row, slot, m.ts, FAILURE, family, code)


@part
def other_of(n, procedure):  # type: ignore[no-untyped-def]
    """What tells requests of a session management procedure apart: transaction, bearer or PDU session, + 1."""
    if procedure == PDN_CONNECTIVITY:
        return np.int64(n.pti) + 1
    if n.protocol == EPS:
        return np.int64(n.ebi) + 1
    return np.int64(n.session_id) + 1


@part
def describe(shard, heard, row, n, asked):  # type: ignore[no-untyped-def]
    """What session message `n` tells of the request in row `asked`: name, slice, QoS class, its session."""
    t, c = own.transactions(shard, 0)[asked], own.rans(shard, 0)[row]
    if n.apn_length > 0:
        t.apn = apn.intern(shard, nas_text(heard, 0), n)
    if n.slice >= 0:
        t.slice = n.slice
    if n.qci >= 0:
        t.qos = n.qci
    identity = np.int64(n.ebi) if n.protocol == EPS else np.int64(n.session_id)
    bearer_row = gtp_context.live_bearer(shard, ran_contexts.ue_of(shard, c), identity)
    if bearer_row >= 0:
        s = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session]
        t.session_id, t.gateway_hi, t.gateway_lo = s.id, s.gateway_hi, s.gateway_lo


@part
def fill_session(shard, row, n, asked):  # type: ignore[no-untyped-def]
    """The network has told name, slice and address of a session: it has them where GTP-C or PFCP told none."""
    t, c = own.transactions(shard, 0)[asked], own.rans(shard, 0)[row]
    identity = np.int64(n.ebi) if n.protocol == EPS else np.int64(n.session_id)
    bearer_row = gtp_context.live_bearer(shard, ran_contexts.ue_of(shard, c), identity)
    if bearer_row < 0:
        return
    s = own.sessions(shard, 0)[own.bearers(shard, 0)[bearer_row].session]
    if s.apn < 0:
        s.apn = t.apn
    if s.slice < 0:
        s.slice = t.slice
    if (s.ue_hi | s.ue_lo) == 0 and n.ue_ipv4 > 0:
        s.ue_lo = np.uint64(0x0000_FFFF_0000_0000) | np.uint64(n.ue_ipv4)


@part
def begin_default_bearer(shard, heard, m, row, n):  # type: ignore[no-untyped-def]
    """Activate Default EPS Bearer Context Request: a request of its own, beside the answer that it is."""
    asked = ask(shard, m, row, DEFAULT_BEARER, np.int64(n.ebi) + 1)
    describe(shard, heard, row, n, asked)
    fill_session(shard, row, n, asked)


@part
def not_forwarded(shard, m, row, n):  # type: ignore[no-untyped-def]
    """DL NAS Transport with a cause returns what it could not forward (TS 24.501 §5.4.5.3.1)."""
    procedure = np.int64(PROCEDURE[n.protocol, SESSION, UP, np.int64(n.session_type) & 255])
    if procedure != 0:
        settle(
            shard, row, procedure, other_of(n, procedure), m.ts, FAILURE, FAMILY[n.protocol, MOBILITY],
            np.int64(n.cause),
        )  # fmt: skip


@part
def session(shard, heard, m, row, n, way, with_resources):  # type: ignore[no-untyped-def]
    """An ESM or 5GSM message; `with_resources`: it comes with the request to set up those of its session."""
    kind = np.int64(n.session_type) & 255
    role, procedure = ROLE[n.protocol, SESSION, way, kind], np.int64(PROCEDURE[n.protocol, SESSION, way, kind])
    other = other_of(n, procedure)
    if way == DOWN and n.protocol == FIVE_GS and n.cause >= 0:
        not_forwarded(shard, m, row, n)
        return
    found = find(shard, own.rans(shard, 0)[row], procedure, other) if procedure != 0 else np.int64(-1)
    waiting = found >= 0 and own.transactions(shard, 0)[found].answered == 0
    if role == ASK or (role == GO_ON and not waiting):
        found = ask(shard, m, row, procedure, other)
        waiting = True
        if n.type == ATTACH_REQUEST and n.protocol == EPS:
            own.rans(shard, 0)[row].nas_pti = n.pti
    if waiting:
        describe(shard, heard, row, n, found)
    if role == WON and waiting and n.protocol == FIVE_GS and way == DOWN:
        fill_session(shard, row, n, found)
    family, code = FAMILY[n.protocol, SESSION], np.int64(n.session_cause)
    if role == LOST or (role == WON and not (procedure == PDU_SESSION and with_resources)):
        settle(shard, row, procedure, other, m.ts, SUCCESS if role == WON else FAILURE, family, code)
    if way == DOWN and n.protocol == EPS and kind == DEFAULT_BEARER_REQUEST:
        begin_default_bearer(shard, heard, m, row, n)


# --- messages that cannot be read ---------------------------------------------------------------------------------


@part
def unread_up(shard, m, row, n):  # type: ignore[no-untyped-def]
    """A ciphered message of the device: the complete of what it has an answer to."""
    c = own.rans(shard, 0)[row]
    if n.security == CIPHERING_NEW:
        conclude(shard, row, SECURITY_MODE, m.ts, SUCCESS, 0, -1)
    elif c.nas_waiting & ACCEPTED:
        settle_attach(shard, row, m.ts, SUCCESS, 0, -1)
    elif c.nas_waiting & ANSWERED:
        for slot in (UPDATE, REGISTRATION):
            if waits(c, slot):
                conclude(shard, row, slot, heard_at(shard, row, slot, m.ts), SUCCESS, 0, -1)


@part
def unread_down(shard, m, row, n):  # type: ignore[no-untyped-def]
    """A ciphered message of the network: taken for the answer to what waits for one."""
    prove(shard, row)
    c = own.rans(shard, 0)[row]
    if c.nas_waiting & ANSWERED:
        return
    for slot in (UPDATE, REGISTRATION, SERVICE):
        if waits(c, slot) and (slot != SERVICE or n.protocol == FIVE_GS):
            c.nas_waiting |= ANSWERED
            keep_waiting(shard, row, slot, m.ts)


@part
def begin_unread_session(shard, m, row, item):  # type: ignore[no-untyped-def]
    """Resources of a PDU session are asked for with a message to the device: the core has accepted it."""
    asked = find(shard, own.rans(shard, 0)[row], PDU_SESSION, np.int64(item.id) + 1)
    if asked < 0 or own.transactions(shard, 0)[asked].answered:
        asked = ask(shard, m, row, PDU_SESSION, np.int64(item.id) + 1)
    t = own.transactions(shard, 0)[asked]
    t.qos = item.qci
    if item.sst >= 0:
        t.slice = ran_bearers.slice_of(item)


@part
def message(shard, heard, m, row, k, way):  # type: ignore[no-untyped-def]
    """NAS message `k` of RAN message `m`."""
    n, pdu = nas_rows(heard, 0)[k], nas_pdus(heard, 0)[k]
    with_resources = pdu.bearer >= 0 and items(heard, 0)[pdu.bearer].kind == K_SETUP
    if n.ciphered == 0:
        if n.type >= 0:
            mobility(shard, m, row, n, way)
        if n.session_type >= 0:
            session(shard, heard, m, row, n, way, with_resources)
    elif way == UP:
        unread_up(shard, m, row, n)
    else:
        unread_down(shard, m, row, n)
        if with_resources and n.protocol == FIVE_GS:
            begin_unread_session(shard, m, row, items(heard, 0)[pdu.bearer])


# --- what S1AP and NGAP tell --------------------------------------------------------------------------------------


@part
def context_set_up(shard, m, row):  # type: ignore[no-untyped-def]
    """Initial Context Setup has its outcome, and so has what waited for it."""
    c = own.rans(shard, 0)[row]
    outcome = SUCCESS if m.pdu == SUCCESSFUL else FAILURE
    family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
    if outcome == FAILURE or c.nas_waiting & ACCEPTED == 0:
        settle_attach(shard, row, m.ts, outcome, family, code)
    for slot in (UPDATE, REGISTRATION, SERVICE):
        conclude(shard, row, slot, m.ts, outcome, family, code)


@part
def sessions_set_up(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """PDU sessions whose resources are, or are not, set up."""
    for k in range(m.first_bearer, m.first_bearer + min(np.int64(m.bearer_count), MOST_SESSIONS)):
        item = items(heard, 0)[k]
        if item.more == 0 and (item.kind == K_SETUP_RESPONSE or item.kind == K_SETUP_FAILED):
            family, code = ran_transactions.cause_of(
                np.int64(m.protocol), np.int64(item.cause_group), np.int64(item.cause)
            )
            outcome = SUCCESS if item.kind == K_SETUP_RESPONSE else FAILURE
            settle(shard, row, PDU_SESSION, np.int64(item.id) + 1, m.ts, outcome, family, code)


@part
def moves_on(family, code):  # type: ignore[no-untyped-def]
    """Whether a normal cause of release sends the device elsewhere (CS fallback, redirection, another system)."""
    return (family == S1AP_RADIO or family == NGAP_RADIO) and code != USER_INACTIVITY


@part
def succeeds(c, slot, family, code):  # type: ignore[no-untyped-def]
    """Whether the release of the connection, with this cause, leaves procedure `slot` a success."""
    if slot == AUTHENTICATION:
        refused = (family == S1AP_NAS or family == NGAP_NAS) and code == AUTHENTICATION_FAILURE
        return c.nas_waiting & RESPONDED != 0 and not refused
    if abnormal(family, code):
        return False
    answered = c.nas_waiting & ANSWERED != 0
    if slot == DETACH or slot == DEREGISTRATION:
        return True
    if slot == SERVICE:
        return moves_on(family, code) or (answered and c.protocol == FIVE_GS)
    if slot == REGISTRATION:
        return answered and c.nas_type != INITIAL_TYPES[0] and c.nas_type != INITIAL_TYPES[1] and (
            c.nas_type != INITIAL_TYPES[2])  # fmt: skip
    return slot == UPDATE and answered


@part
def released(shard, m, row):  # type: ignore[no-untyped-def]
    """The connection is released: nothing more can answer what waits. After a handover the target goes on with it."""
    c = own.rans(shard, 0)[row]
    if m.cause_group == 0 and m.cause == SUCCESSFUL_HANDOVER:
        return
    family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
    if c.cause >= 0:
        family, code = np.int64(c.cause_family), np.int64(c.cause)
    settle_attach(shard, row, m.ts, FAILURE, family, code)
    for slot in range(UPDATE, DEREGISTRATION + 1):
        if waits(c, slot):
            if succeeds(c, slot, family, code):
                kept = slot == AUTHENTICATION or slot == UPDATE or slot == REGISTRATION
                at = heard_at(shard, row, slot, m.ts) if kept else m.ts
                conclude(shard, row, slot, at, SUCCESS, np.int64(0), np.int64(-1))
            else:
                conclude(shard, row, slot, m.ts, FAILURE, family, code)
    c.nas_waiting = 0


@part
def inherit(shard, row):  # type: ignore[no-untyped-def]
    """The device has arrived at a target: what it had begun at the source goes on in context `row`."""
    c = own.rans(shard, 0)[row]
    ue_row = ran_contexts.ue_of(shard, c)
    source = np.int64(own.ues(shard, 0)[ue_row].serving) if ue_row >= 0 else np.int64(-1)
    if source >= 0 and source != row and own.rans(shard, 0)[source].used:
        old = own.rans(shard, 0)[source]
        c.nas_serial, c.nas_waiting, c.nas_pti, c.nas_type = old.nas_serial, old.nas_waiting, old.nas_pti, old.nas_type
        c.s_tmsi, c.tmsi_state, old.nas_waiting = old.s_tmsi, old.tmsi_state, 0


@part
def apply(shard, heard, m, row, op, by_core):  # type: ignore[no-untyped-def]
    """Apply what RAN message `m` of context `row` tells of NAS procedures.

    The context may just have been released: its row still tells what it was. Where rows would find no room nothing is
    applied: only a packet of dozens of messages comes to that.
    """
    c = own.rans(shard, 0)[row]
    if shard[PROCEDURE_ROWS] + MESSAGE_ROWS > shard[OUT_ROOM]:
        return
    if ran_identity.carries(m, op):
        joined = np.int64(ran_contexts.ue_of(shard, c) >= 0)
        for k in range(m.first_nas, m.first_nas + min(np.int64(m.nas_count), MOST_MESSAGES)):
            if shard[SHARD] == 0:
                interface = CIPHERED_NAS if nas_rows(heard, 0)[k].ciphered else PLAIN_NAS
                ledger.count_message(shard, shard[LAST_LEDGER], joined, interface)
            message(shard, heard, m, row, k, DOWN if by_core else UP)
    if m.pdu != INITIATING:
        if m.protocol == FIVE_GS and (op == CONTEXT_SETUP or op == BEARER_SETUP):
            sessions_set_up(shard, heard, m, row)
        if op == CONTEXT_SETUP:
            context_set_up(shard, m, row)
        elif op == CONTEXT_MODIFY and m.pdu == SUCCESSFUL and m.protocol == EPS:
            conclude(shard, row, SERVICE, m.ts, SUCCESS, np.int64(0), np.int64(-1))
    if op == CONTEXT_RELEASE and c.nas_waiting != 0:
        released(shard, m, row)
