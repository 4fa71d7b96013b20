"""Procedures of S1AP and NGAP with their outcome: what is asked, by which key, and what answers it.

Elementary procedures are paired by connection (by association where there is none) and, where several may run at once,
by the least identity of the bearers that they are about: an answer tells of the same bearers as its request. What
messages tell together has rows of its own: a connection, each bearer that is set up, the execution of a handover, a
paging.
"""

import numpy as np

from formats.ran import INITIATING, SUCCESSFUL, Kind
from formats.ran_procedures import Op, operations
from formats.xdr import PROCEDURES
from kernels import gtp_context, ran_bearers, ran_contexts, ran_transactions, transactions
from kernels import shard as own
from kernels.heard import ran_bearers as items
from kernels.jit import part
from kernels.ran_transactions import FAILURE, SUCCESS
from kernels.shard import SECOND
from kernels.transactions import TIMEOUT

_, PROCEDURE, _ = operations()
(
    CONNECTION, E_RAB_INITIAL, E_RAB_ADDED, PDU_SESSION, EXECUTION, PAGE, PREPARE, INITIAL_CONTEXT, ERROR_INDICATION,
) = (
    PROCEDURES.index(name)
    for name in (
        "signalling_connection", "e_rab_establishment_initial", "e_rab_establishment_added",
        "pdu_session_resource_establishment", "handover_execution", "paging", "handover_preparation",
        "initial_context_setup", "error_indication",
    )
)  # fmt: skip
BEARER_SETUP, BEARER_MODIFY, BEARER_RELEASE = int(Op.BEARER_SETUP), int(Op.BEARER_MODIFY), int(Op.BEARER_RELEASE)
BEARER_RELEASED, RELEASE_REQUEST = int(Op.BEARER_RELEASED), int(Op.RELEASE_REQUEST)
CONTEXT_RELEASE, PATH_SWITCH = int(Op.CONTEXT_RELEASE), int(Op.PATH_SWITCH)
K_SETUP_RESPONSE, K_SETUP_FAILED = int(Kind.SETUP_RESPONSE), int(Kind.SETUP_FAILED)
K_MODIFY_RESPONSE, K_MODIFY_FAILED = int(Kind.MODIFY_RESPONSE), int(Kind.MODIFY_FAILED)
NO_BEARER = 1 << 16
BY_UE, BY_CORE_ID, BY_CONTEXT = range(3)
PAGING_WAIT = 10 * SECOND
"""A paging is over when its last message is this old; the device may be paged anew then."""
MT_ACCESS = 2  # establishment cause of a device that was paged, in both protocols
EUTRAN, NR = ran_contexts.EUTRAN, ran_contexts.NR


@part
def least_bearer(heard, m, op):  # type: ignore[no-untyped-def]
    """Least identity of the bearers that `m` is about, where procedures of its kind may run at once."""
    least = np.int64(NO_BEARER)
    if op == BEARER_SETUP or op == BEARER_MODIFY or op == BEARER_RELEASE:
        for k in range(m.first_bearer, m.first_bearer + m.bearer_count):
            least = min(least, np.int64(items(heard, 0)[k].id))
    return least


@part
def pair_key(shard, m, row, procedure, bearer):  # type: ignore[no-untyped-def]
    """Key of an elementary procedure: by context, else by association, who asks, and the ids that it tells."""
    if row >= 0:
        return ran_transactions.key(own.rans(shard, 0)[row].serial, bearer, procedure)
    asker = np.int64(m.src_lo & np.uint64(0xFFFF_FFFF) if m.pdu == INITIATING else m.dst_lo & np.uint64(0xFFFF_FFFF))
    return ran_transactions.key(-1 - m.association, (m.core_ue_id + 1) ^ (asker << 31), procedure)


@part
def all_failed(heard, m):  # type: ignore[no-untyped-def]
    """Row of the first bearer that failed where an answer tells of no other outcome, else -1."""
    first = np.int64(-1)
    for k in range(m.first_bearer, m.first_bearer + m.bearer_count):
        kind = items(heard, 0)[k].kind
        if kind == K_SETUP_RESPONSE or kind == K_MODIFY_RESPONSE:
            return np.int64(-1)
        if first < 0 and (kind == K_SETUP_FAILED or kind == K_MODIFY_FAILED):
            first = np.int64(k)
    return first


@part
def pair(shard, heard, m, row, op, procedure):  # type: ignore[no-untyped-def]
    """The request, or the outcome, of the elementary procedure that `m` is part of."""
    hashed = pair_key(shard, m, row, procedure, least_bearer(heard, m, op))
    family, code = ran_transactions.told_cause(m)
    if m.pdu != INITIATING:
        outcome = np.int64(SUCCESS if m.pdu == SUCCESSFUL else FAILURE)
        if op == CONTEXT_RELEASE or op == BEARER_RELEASE:  # the command tells the cause
            family, code = ran_transactions.asked_cause(shard, hashed)
        elif outcome == SUCCESS and (op == BEARER_SETUP or op == BEARER_MODIFY):
            row_failed = all_failed(heard, m)
            if row_failed >= 0:
                outcome = np.int64(FAILURE)
                family, code = ran_transactions.item_cause(m, items(heard, 0)[row_failed])
        elif outcome == FAILURE and op == PATH_SWITCH and code < 0 and m.bearer_count > 0:  # N2 tells it by session
            family, code = ran_transactions.item_cause(m, items(heard, 0)[m.first_bearer])
        ran_transactions.answer(shard, hashed, m.ts, outcome, family, code)
        return
    asked = ran_transactions.ask(shard, hashed, procedure, m)
    if op == BEARER_RELEASE and code < 0 and m.bearer_count > 0:
        family, code = ran_transactions.item_cause(m, items(heard, 0)[m.first_bearer])
    if (op == CONTEXT_RELEASE or op == BEARER_RELEASE) and code >= 0:
        own.transactions(shard, 0)[asked].cause = family << 16 | code
    if row >= 0:
        ran_transactions.note(shard, asked, row)
    if op == RELEASE_REQUEST or op == BEARER_RELEASED:  # no answer: the row tells the cause
        if op == BEARER_RELEASED and m.bearer_count > 0:
            family, code = ran_transactions.item_cause(m, items(heard, 0)[m.first_bearer])
        ran_transactions.answer(shard, hashed, m.ts, SUCCESS, family, code)
    elif procedure == ERROR_INDICATION:
        ran_transactions.answer(shard, hashed, m.ts, FAILURE, family, code)


@part
def connection_key(shard, row):  # type: ignore[no-untyped-def]
    """Key of the set-up of a connection."""
    return ran_transactions.key(own.rans(shard, 0)[row].serial, np.int64(0), CONNECTION)


@part
def connect(shard, m, row):  # type: ignore[no-untyped-def]
    """Initial UE Message: a connection is asked for, and a paging may be answered by it."""
    if m.s_tmsi >= 0:
        found = ran_transactions.find(shard, page_key(m))
        if (
            found >= 0
            and paged_lately(shard, found, m.ts)
            and (m.establishment_cause < 0 or m.establishment_cause == MT_ACCESS)
        ):
            own.transactions(shard, 0)[found].cell = own.rans(shard, 0)[row].cell
            ran_transactions.answer(shard, page_key(m), m.ts, SUCCESS, 0, -1)
    ran_transactions.note(shard, ran_transactions.ask(shard, connection_key(shard, row), CONNECTION, m), row)


@part
def connected(shard, row, ts):  # type: ignore[no-untyped-def]
    """The core has answered (TS 32.425 §4.6.1.2: the first message that it sends)."""
    ran_transactions.answer(shard, connection_key(shard, row), ts, SUCCESS, 0, -1)


@part
def established(protocol, initial):  # type: ignore[no-untyped-def]
    """The procedure that a row per bearer is of."""
    if protocol == 2:
        return PDU_SESSION
    return E_RAB_INITIAL if initial else E_RAB_ADDED


@part
def ask_bearer(shard, m, row, item, initial, bearer_row):  # type: ignore[no-untyped-def]
    """One bearer is to be set up; `initial`: with the context."""
    c = own.rans(shard, 0)[row]
    procedure = established(c.protocol, initial)
    hashed = ran_transactions.key(c.serial, np.int64(item.id), procedure)
    asked = ran_transactions.ask(shard, hashed, procedure, m)
    ran_transactions.note(shard, asked, row)
    if 0 <= item.id < 16:
        c.asked = np.int64(c.asked) | (1 << (np.int64(item.id) + (0 if initial else 16)))
    t = own.transactions(shard, 0)[asked]
    if bearer_row >= 0:
        ue_row = ran_contexts.ue_of(shard, c)
        cell, rat = t.cell, t.rat
        gtp_context.note_transaction(shard, t, ue_row, np.int64(own.bearers(shard, 0)[bearer_row].session))
        t.rat = rat
        if cell != 0:
            t.cell = cell
    t.qos = item.qci
    if item.sst >= 0:
        t.slice = ran_bearers.slice_of(item)


@part
def settle_bearer(shard, ts, row, ebi, outcome, family, code):  # type: ignore[no-untyped-def]
    """One bearer has been set up, or not."""
    c = own.rans(shard, 0)[row]
    for initial in range(2):
        procedure = established(c.protocol, initial)
        ran_transactions.answer(
            shard, ran_transactions.key(c.serial, np.int64(ebi), procedure), ts, outcome, family, code
        )
    if 0 <= ebi < 16:
        c.asked = np.int64(c.asked) & ~(np.int64(0x1_0001) << ebi) & 0xFFFF_FFFF


@part
def end_setup(shard, row, m, family, code):  # type: ignore[no-untyped-def]
    """The context is released while its set-up waits for an answer."""
    hashed = pair_key(shard, m, row, np.int64(INITIAL_CONTEXT), np.int64(NO_BEARER))
    ran_transactions.answer(shard, hashed, m.ts, FAILURE, family, code)


@part
def execution_key(c, by):  # type: ignore[no-untyped-def]
    """Key of the handover that is being carried out: by the UE or the core's id, which both contexts share, else alone.

    by: BY_UE, BY_CORE_ID, BY_CONTEXT
    """
    if by == BY_UE:
        return ran_transactions.key(np.int64(c.ue), c.ue_serial, EXECUTION)
    if by == BY_CORE_ID:
        return ran_transactions.key(np.int64(c.core_hash), np.int64(-2), EXECUTION)
    return ran_transactions.key(c.serial, np.int64(-1), EXECUTION)


@part
def has_key(shard, c, by):  # type: ignore[no-untyped-def]
    """Whether the context has what `execution_key` asks for."""
    return (
        by == BY_CONTEXT
        or (by == BY_UE and ran_contexts.ue_of(shard, c) >= 0)
        or (by == BY_CORE_ID and c.core_ue_id >= 0)
    )


@part
def execute(shard, m, row):  # type: ignore[no-untyped-def]
    """Handover Command: the device is sent to the target."""
    c = own.rans(shard, 0)[row]
    by = np.int64(BY_UE)
    while not has_key(shard, c, by):
        by += 1
    asked = ran_transactions.ask(shard, execution_key(c, by), EXECUTION, m)
    ran_transactions.note(shard, asked, row)


@part
def end_execution(shard, c, ts, outcome, family, code):  # type: ignore[no-untyped-def]
    """The handover that is being carried out, if there is one, has its outcome; whether there is one."""
    for by in range(3):
        if has_key(shard, c, by):
            if ran_transactions.answer(shard, execution_key(c, by), ts, outcome, family, code) >= 0:
                return True
    return False


@part
def cancel(shard, m, row):  # type: ignore[no-untyped-def]
    """Handover Cancel: what of the handover waits has failed."""
    family, code = ran_transactions.told_cause(m)
    hashed = pair_key(shard, m, row, np.int64(PREPARE), np.int64(NO_BEARER))
    ran_transactions.answer(shard, hashed, m.ts, FAILURE, family, code)
    end_execution(shard, own.rans(shard, 0)[row], m.ts, FAILURE, family, code)


@part
def ask_allocation(shard, m, ue_row):  # type: ignore[no-untyped-def]
    """Handover Request: in the target cell, if the container in it could be read."""
    procedure = np.int64(PROCEDURE[m.protocol, m.procedure])
    hashed = pair_key(shard, m, np.int64(-1), procedure, np.int64(NO_BEARER))
    t = own.transactions(shard, 0)[ran_transactions.ask(shard, hashed, procedure, m)]
    session_row = gtp_context.only_session(shard, ue_row) if ue_row >= 0 else np.int64(-1)
    gtp_context.note_transaction(shard, t, ue_row, session_row)
    t.cell, t.rat = m.target_cell, EUTRAN if m.protocol == 1 else NR
    t.core_hi, t.core_lo = m.src_hi, m.src_lo


@part
def answer_allocation(shard, m):  # type: ignore[no-untyped-def]
    """The target has answered; row of the UE that the request was about, -1 where it is not known, and its cell."""
    procedure = np.int64(PROCEDURE[m.protocol, m.procedure])
    hashed = pair_key(shard, m, np.int64(-1), procedure, np.int64(NO_BEARER))
    family, code = ran_transactions.told_cause(m)
    found = ran_transactions.answer(shard, hashed, m.ts, SUCCESS if m.pdu == SUCCESSFUL else FAILURE, family, code)
    if found < 0:
        return np.int64(-1), np.uint64(0)
    t = own.transactions(shard, 0)[found]
    ue_row = np.int64(t.ue)
    return (ue_row if ue_row >= 0 and own.ues(shard, 0)[ue_row].used else np.int64(-1)), np.uint64(t.cell)


@part
def page_key(m):  # type: ignore[no-untyped-def]
    """Key of a paging: by S-TMSI, else by IMSI."""
    return ran_transactions.key(m.s_tmsi, np.int64(m.imsi) if m.s_tmsi < 0 else np.int64(m.protocol), PAGE)


@part
def paged_lately(shard, row, ts):  # type: ignore[no-untyped-def]
    """Whether the paging in `row`, that waits for its answer, was sent lately: `end` is then its last message."""
    return ts - own.transactions(shard, 0)[row].end <= PAGING_WAIT


@part
def page(shard, m):  # type: ignore[no-untyped-def]
    """Paging, of one device through many nodes: one request until the device answers, which tells its cell."""
    found = ran_transactions.find(shard, page_key(m))
    if found >= 0 and own.transactions(shard, 0)[found].answered == 0 and not paged_lately(shard, found, m.ts):
        transactions.write(shard, found, TIMEOUT, -1, 0)
        own.transactions(shard, 0)[found].answered = 1
    asked = ran_transactions.ask(shard, page_key(m), PAGE, m)
    t = own.transactions(shard, 0)[asked]
    t.end = m.ts
    if t.attempts == 1:
        t.core_hi, t.core_lo = m.src_hi, m.src_lo
        t.rat = EUTRAN if m.protocol == 1 else NR
        t.imsi = m.imsi
