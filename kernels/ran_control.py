"""S1AP and NGAP messages in order: contexts, bearers and cells follow, procedures get their outcome.

Set-ups take effect with the message that tells of an endpoint, releases with the command (or with the request of the
RAN, if the core's side of it is seen first), a path switch with its request, a handover with its Notify.
"""

import numpy as np

from formats.ran import INITIATING, RESET_ALL, SUCCESSFUL, Kind
from formats.ran_procedures import SUCCESSFUL_HANDOVER, Op, operations
from formats.state import TMSI_NEW
from formats.xdr import PROCEDURES
from kernels import gtp_context, ran_bearers, ran_contexts, ran_identity, ran_nas, ran_transactions
from kernels import shard as own
from kernels.causes import abnormal
from kernels.heard import ran_bearers as items
from kernels.jit import part
from kernels.ran_transactions import FAILURE, SUCCESS
from kernels.shard import RESET_AT, SECOND
from kernels.table import HIGH

OP, PROCEDURE, BY_CORE = operations()

(
    CONNECTION, E_RAB_INITIAL, E_RAB_ADDED, PDU_SESSION, EXECUTION, PAGE,
) = (
    PROCEDURES.index(name)
    for name in (
        "signalling_connection", "e_rab_establishment_initial", "e_rab_establishment_added",
        "pdu_session_resource_establishment", "handover_execution", "paging",
    )
)  # fmt: skip

INITIAL_UE, NAS, CONTEXT_SETUP, BEARER_SETUP, BEARER_MODIFY, BEARER_RELEASE, BEARER_RELEASED, BEARER_MOVED = (
    int(op) for op in list(Op)[1:9]
)
(
    RELEASE_REQUEST,
    CONTEXT_RELEASE,
    CONTEXT_MODIFY,
    PATH_SWITCH,
    PREPARATION,
    ALLOCATION,
    NOTIFY,
    CANCEL,
    PAGING,
    RESET,
) = (int(op) for op in list(Op)[9:19])
NODE, LOCATION = int(Op.NODE), int(Op.LOCATION)
(
    K_SETUP, K_SETUP_RESPONSE, K_SETUP_FAILED, K_MODIFY_RESPONSE, K_RELEASE, K_RELEASED, K_SWITCH, K_SWITCH_UP,
    K_REQUEST, K_ADMITTED, K_MOVED, K_MODIFY,
) = (
    int(kind)
    for kind in (
        Kind.SETUP_REQUEST, Kind.SETUP_RESPONSE, Kind.SETUP_FAILED, Kind.MODIFY_RESPONSE, Kind.RELEASE_COMMAND,
        Kind.RELEASED, Kind.SWITCH_DOWN, Kind.SWITCH_UP, Kind.HANDOVER_REQUEST, Kind.ADMITTED, Kind.MODIFY_INDICATION,
        Kind.MODIFY_REQUEST,
    )
)  # fmt: skip


@part
def context_of(shard, m, op, by_core):  # type: ignore[no-untyped-def]
    """Row of the context that `m` is about, begun where it is not known; -1 for a message about none."""
    if op == INITIAL_UE:
        row = ran_contexts.find_ran(shard, m.association, m.ran_ue_id)
        if row >= 0:
            ran_contexts.forget(shard, row)
        return ran_contexts.create(shard, m, False) if m.ran_ue_id >= 0 else np.int64(-1)
    core_hi, core_lo = (m.src_hi, m.src_lo) if by_core else (m.dst_hi, m.dst_lo)
    if op == PATH_SWITCH and m.pdu == INITIATING:
        row = ran_contexts.find_core(shard, core_hi, core_lo, np.int64(m.protocol), m.other_core_ue_id)
        if row >= 0:
            ran_contexts.rename_ran(shard, row, m)
            return row
    row = ran_contexts.find_ran(shard, m.association, m.ran_ue_id)
    if row < 0 and m.ran_ue_id < 0:
        row = ran_contexts.find_core(shard, core_hi, core_lo, np.int64(m.protocol), m.core_ue_id)
    if row < 0 and m.ran_ue_id >= 0 and m.core_ue_id + m.other_core_ue_id > -2:
        row = ran_contexts.create(shard, m, by_core)
    if row >= 0 and m.core_ue_id >= 0 and m.ran_ue_id >= 0:
        ran_contexts.name_core(shard, row, m.core_ue_id)
    return row


@part
def locate(shard, row, m):  # type: ignore[no-untyped-def]
    """What `m` tells of where the device is."""
    c = own.rans(shard, 0)[row]
    c.last_ts = m.ts
    if m.s_tmsi >= 0 and m.s_tmsi != c.s_tmsi:
        c.s_tmsi, c.tmsi_state = m.s_tmsi, TMSI_NEW
    if m.cell != 0 and m.cell != c.cell:
        c.cell = m.cell
        ue_row = ran_contexts.ue_of(shard, c)
        if ue_row >= 0 and own.ues(shard, 0)[ue_row].serving == row:
            ran_contexts.serve(shard, row, m.ts)


@part
def pair_key(m, row, procedure):  # type: ignore[no-untyped-def]
    """Key of an elementary procedure: by context, else by association and the ids it tells."""
    if row >= 0:
        return ran_transactions.key(np.int64(row), m.association, procedure)
    return ran_transactions.key(-1 - m.association, m.core_ue_id + 1, procedure)


@part
def pair(shard, m, row, op, procedure):  # type: ignore[no-untyped-def]
    """The request, or the outcome, of the elementary procedure that `m` is part of."""
    hashed = pair_key(m, row, procedure)
    if m.pdu != INITIATING:
        outcome = SUCCESS if m.pdu == SUCCESSFUL else FAILURE
        family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
        ran_transactions.answer(shard, hashed, m.ts, outcome, family, code)
        return
    asked = ran_transactions.ask(shard, hashed, procedure, ran_transactions.interface_of(m.protocol), m)
    if row >= 0:
        ran_transactions.note(shard, asked, row)
    if op == RELEASE_REQUEST or op == BEARER_RELEASED:  # no answer: the row tells the cause
        family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
        ran_transactions.answer(shard, hashed, m.ts, SUCCESS, family, code)


@part
def established(op, protocol):  # type: ignore[no-untyped-def]
    """The procedure that a row per bearer is of."""
    if protocol == 2:
        return PDU_SESSION
    return E_RAB_INITIAL if op == CONTEXT_SETUP else E_RAB_ADDED


@part
def bearer_key(row, item, procedure):  # type: ignore[no-untyped-def]
    """Key of the establishment of one bearer."""
    return ran_transactions.key(np.int64(row), np.int64(item.id) - 1000, procedure)


@part
def ask_bearer(shard, m, row, item, op):  # type: ignore[no-untyped-def]
    """One bearer is to be set up."""
    bearer_row = ran_bearers.ask(shard, row, item, m.ts)
    procedure = established(op, m.protocol)
    interface = ran_transactions.interface_of(m.protocol)
    asked = ran_transactions.ask(shard, bearer_key(row, item, procedure), procedure, interface, m)
    ran_transactions.note(shard, asked, row)
    t = own.transactions(shard, 0)[asked]
    t.qos, t.slice = item.qci, ran_bearers.slice_of(item)
    if bearer_row >= 0:
        gtp_context.note_transaction(
            shard, t, ran_contexts.ue_of(shard, own.rans(shard, 0)[row]),
            np.int64(own.bearers(shard, 0)[bearer_row].session),
        )  # fmt: skip
        t.qos = item.qci
        if own.rans(shard, 0)[row].cell != 0:
            t.cell = own.rans(shard, 0)[row].cell


@part
def settle_bearer(shard, m, row, item, op, outcome):  # type: ignore[no-untyped-def]
    """One bearer has been set up, or not."""
    group, value = np.int64(item.cause_group), np.int64(item.cause)
    if outcome == FAILURE and value < 0:
        group, value = np.int64(m.cause_group), np.int64(m.cause)
    family, code = ran_transactions.cause_of(np.int64(m.protocol), group, value)
    for initial in range(2):
        procedure = established(CONTEXT_SETUP if initial else BEARER_SETUP, m.protocol)
        ran_transactions.answer(shard, bearer_key(row, item, procedure), m.ts, outcome, family, code)
    if outcome == SUCCESS:
        ran_bearers.grant(shard, row, item, m.ts)
    else:
        ran_bearers.refuse(shard, row, item, m.ts)


@part
def set_up(shard, heard, m, row, op):  # type: ignore[no-untyped-def]
    """Initial Context Setup, E-RAB Setup, PDU Session Resource Setup: bearers asked for, granted, refused."""
    for k in range(m.first_bearer, m.first_bearer + m.bearer_count):
        item = items(heard, 0)[k]
        if item.kind == K_SETUP:
            if item.more == 0:
                ask_bearer(shard, m, row, item, op)
        elif item.kind == K_SETUP_RESPONSE and item.more == 0:
            settle_bearer(shard, m, row, item, op, SUCCESS)
        elif item.kind == K_SETUP_FAILED:
            settle_bearer(shard, m, row, item, op, FAILURE)
    ran_contexts.serve(shard, row, m.ts)


@part
def move(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Endpoints that change: modification, path switch."""
    for k in range(m.first_bearer, m.first_bearer + m.bearer_count):
        item = items(heard, 0)[k]
        c = own.rans(shard, 0)[row]
        if item.more == 0 and (item.kind == K_SWITCH or item.kind == K_MOVED or item.kind == K_MODIFY_RESPONSE):
            if ran_contexts.ue_of(shard, c) < 0:
                ran_bearers.begin(shard, row, item, m.ts)
            ran_bearers.grant(shard, row, item, m.ts)
        elif item.more == 0 and item.kind == K_SWITCH_UP and item.teid >= 0:
            bearer_row = ran_bearers.known(shard, c, item)
            ran_bearers.bind(shard, c, bearer_row, item.hi, item.lo, np.int64(item.teid), True, m.ts)
        elif item.kind == K_MODIFY and item.qci >= 0:
            bearer_row = ran_bearers.known(shard, c, item)
            if bearer_row >= 0:
                own.bearers(shard, 0)[bearer_row].qos = item.qci


@part
def release_bearers(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Bearers that the core (command) or the RAN (indication) releases while the context lives on."""
    for k in range(m.first_bearer, m.first_bearer + m.bearer_count):
        item = items(heard, 0)[k]
        if item.kind == K_RELEASE or item.kind == K_RELEASED:
            group, value = np.int64(item.cause_group), np.int64(item.cause)
            if value < 0:
                group, value = np.int64(m.cause_group), np.int64(m.cause)
            family, code = ran_transactions.cause_of(np.int64(m.protocol), group, value)
            ran_bearers.lose(shard, row, item, m.ts, family, code, abnormal(family, code))


@part
def ask_release(shard, m, row):  # type: ignore[no-untyped-def]
    """The RAN asks for the release of the context: its cause is that of the release to come."""
    c = own.rans(shard, 0)[row]
    family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
    c.cause_family, c.cause = family, code
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row >= 0 and own.ues(shard, 0)[ue_row].serving == row:
        ran_bearers.tell_cause(shard, c, family, code)


@part
def execution_key(c):  # type: ignore[no-untyped-def]
    """Key of the handover that is being carried out: by the UE, which both contexts share, else by context."""
    if c.ue >= 0:
        return ran_transactions.key(np.int64(c.ue), c.ue_serial, EXECUTION)
    return ran_transactions.key(c.association, c.ran_ue_id, EXECUTION)


@part
def release(shard, m, row):  # type: ignore[no-untyped-def]
    """UE Context Release: with the command the radio side is given up, with its completion the context."""
    if m.pdu != INITIATING:
        ran_contexts.forget(shard, row)
        return
    c = own.rans(shard, 0)[row]
    family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
    moved = m.cause_group == 0 and m.cause == SUCCESSFUL_HANDOVER
    if not moved:
        ran_transactions.answer(shard, execution_key(c), m.ts, FAILURE, family, code)
        if c.cause >= 0:
            family, code = np.int64(c.cause_family), np.int64(c.cause)
        ran_bearers.release_all(shard, row, m.ts, family, code, abnormal(family, code))


@part
def prepare(shard, m, row):  # type: ignore[no-untyped-def]
    """Handover Command: the device is sent to the target."""
    if m.pdu == SUCCESSFUL:
        c = own.rans(shard, 0)[row]
        asked = ran_transactions.ask(shard, execution_key(c), EXECUTION, ran_transactions.interface_of(m.protocol), m)
        ran_transactions.note(shard, asked, row)


@part
def allocate(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Handover Request and its answer: at the target, a context for a UE that the core's endpoints tell."""
    asked = pair_key(m, np.int64(-1), np.int64(PROCEDURE[m.protocol, m.procedure]))
    for k in range(m.first_bearer, m.first_bearer + m.bearer_count):
        item = items(heard, 0)[k]
        if item.kind == K_REQUEST and item.more == 0 and row < 0:
            bearer_row = ran_bearers.bound(shard, item, m.ts)
            if bearer_row >= 0:
                found = ran_transactions.find(shard, asked)
                if found >= 0:
                    own.transactions(shard, 0)[found].ue = own.bearers(shard, 0)[bearer_row].ue
        elif item.kind == K_ADMITTED and item.more == 0 and row >= 0:
            ran_bearers.hold(own.rans(shard, 0)[row], item)


@part
def answer_allocation(shard, m, row):  # type: ignore[no-untyped-def]
    """The target has answered: the request was about no context yet, this one is its."""
    procedure = np.int64(PROCEDURE[m.protocol, m.procedure])
    hashed = pair_key(m, np.int64(-1), procedure)
    family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
    outcome = SUCCESS if m.pdu == SUCCESSFUL else FAILURE
    found = ran_transactions.find(shard, hashed)
    if found >= 0 and row >= 0:
        ue_row = np.int64(own.transactions(shard, 0)[found].ue)
        if ue_row >= 0 and own.ues(shard, 0)[ue_row].used:
            ran_contexts.join(shard, row, ue_row, m.ts)
    ran_transactions.answer(shard, hashed, m.ts, outcome, family, code)


@part
def notify(shard, m, row):  # type: ignore[no-untyped-def]
    """Handover Notify: the device is at the target."""
    c = own.rans(shard, 0)[row]
    ran_transactions.answer(shard, execution_key(c), m.ts, SUCCESS, 0, -1)
    ran_nas.inherit(shard, row)
    ran_contexts.serve(shard, row, m.ts)
    ran_bearers.arrive(shard, row, m.ts)


@part
def page_key(m):  # type: ignore[no-untyped-def]
    """Key of a paging: by S-TMSI, else by IMSI."""
    return ran_transactions.key(m.s_tmsi, np.int64(m.imsi) if m.s_tmsi < 0 else np.int64(m.protocol), PAGE)


@part
def page(shard, m):  # type: ignore[no-untyped-def]
    """Paging, of one device through many nodes: one request until the device answers."""
    row = ran_transactions.find(shard, page_key(m))
    asked = ran_transactions.ask(shard, page_key(m), PAGE, ran_transactions.interface_of(m.protocol), m)
    t = own.transactions(shard, 0)[asked]
    if asked != row or t.attempts == 1:
        t.core_hi, t.core_lo, t.cell = m.src_hi, m.src_lo, m.area
        t.rat = 6 if m.protocol == 1 else 10
        if m.imsi != ran_contexts.NO_IDENTITY:
            t.imsi = m.imsi


@part
def connect(shard, m, row):  # type: ignore[no-untyped-def]
    """Initial UE Message: a connection is asked for, and a paging may be answered by it."""
    hashed = ran_transactions.key(np.int64(row), m.association, CONNECTION)
    if m.s_tmsi >= 0:
        found = ran_transactions.find(shard, page_key(m))
        if found >= 0 and own.transactions(shard, 0)[found].answered == 0:
            own.transactions(shard, 0)[found].cell = own.rans(shard, 0)[row].cell
            ran_transactions.answer(shard, page_key(m), m.ts, SUCCESS, 0, -1)
    asked = ran_transactions.ask(shard, hashed, CONNECTION, ran_transactions.interface_of(m.protocol), m)
    ran_transactions.note(shard, asked, row)


@part
def reset(shard, m):  # type: ignore[no-untyped-def]
    """A reset of all connections of an association: their radio side is lost. At most once a second: it reads all."""
    if m.pdu != INITIATING or m.reset_type != RESET_ALL or m.ts - shard[RESET_AT] < SECOND:
        return
    shard[RESET_AT] = m.ts
    family, code = ran_transactions.cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))
    for row in range(shard[own.RANS + HIGH]):
        c = own.rans(shard, 0)[row]
        if c.used and c.association == m.association:
            ran_bearers.release_all(shard, row, m.ts, family, code, abnormal(family, code))
            ran_contexts.forget(shard, row)


@part
def apply_bearers(shard, heard, m, row, op):  # type: ignore[no-untyped-def]
    """What `m` does to the bearers of its context."""
    if op == CONTEXT_SETUP or op == BEARER_SETUP:
        set_up(shard, heard, m, row, op)
    elif op == BEARER_MODIFY or op == BEARER_MOVED:
        move(shard, heard, m, row)
    elif op == BEARER_RELEASE or op == BEARER_RELEASED:
        release_bearers(shard, heard, m, row)
    elif op == PATH_SWITCH:
        move(shard, heard, m, row)
        if m.pdu == INITIATING:
            ran_contexts.serve(shard, row, m.ts)
    elif op == RELEASE_REQUEST:
        ask_release(shard, m, row)
    elif op == CONTEXT_RELEASE:
        release(shard, m, row)
    elif op == PREPARATION:
        prepare(shard, m, row)
    elif op == NOTIFY:
        notify(shard, m, row)


@part
def apply(shard, heard, m):  # type: ignore[no-untyped-def]
    """Apply one S1AP or NGAP message `m`; returns (xdr.INTERFACES index, 1 if its session is known)."""
    op, by_core = np.int64(OP[m.protocol, m.procedure]), BY_CORE[m.protocol, m.procedure] != 0
    by_core = by_core == (m.pdu == INITIATING)
    interface = ran_transactions.interface_of(m.protocol)
    procedure = np.int64(PROCEDURE[m.protocol, m.procedure])
    if op == PAGING:
        page(shard, m)
        return interface, np.int64(0)
    if op == RESET:
        reset(shard, m)
    row = np.int64(-1)
    if op != RESET and op != NODE and not (op == ALLOCATION and m.pdu == INITIATING):
        row = context_of(shard, m, op, by_core)
    if row >= 0:
        locate(shard, row, m)
        ran_identity.identify(shard, heard, m, row, op, by_core)
        if by_core:
            hashed = ran_transactions.key(np.int64(row), m.association, CONNECTION)
            ran_transactions.answer(shard, hashed, m.ts, SUCCESS, 0, -1)
    if op == INITIAL_UE and row >= 0:
        connect(shard, m, row)
    elif op == ALLOCATION:
        if m.pdu == INITIATING:
            pair(shard, m, np.int64(-1), op, procedure)
        else:
            answer_allocation(shard, m, row)
        allocate(shard, heard, m, row)
    elif procedure != 0 and op != INITIAL_UE:
        pair(shard, m, row, op, procedure)
    if row < 0:
        return interface, np.int64(0)
    ue_row = ran_contexts.ue_of(shard, own.rans(shard, 0)[row])
    apply_bearers(shard, heard, m, row, op)
    ran_nas.apply(shard, heard, m, row, op, by_core)
    return interface, np.int64(ue_row >= 0)
