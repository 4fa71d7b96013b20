"""S1AP and NGAP messages in order: contexts, bearers and cells follow, procedures get their outcome.

Set-ups take effect with the message that tells of an endpoint, releases with the command, a path switch with its
request, a handover with its Notify. The cause of a release is that of the RAN's request where there was one (TS 32.425
§4.2.2.6), whoever carries it out first.
"""

import numpy as np

from formats.ran import ASSOCIATION_ABORTED, INITIATING, RESET_ALL, SUCCESSFUL, UNSUCCESSFUL, Kind
from formats.ran import S1AP as PROTOCOL_S1AP
from formats.ran_procedures import LEAVES, SUCCESSFUL_HANDOVER, Op, operations
from formats.state import TMSI_NEW
from formats.xdr import END_REASONS, PROCEDURES
from kernels import ran_bearers, ran_contexts, ran_identity, ran_moves, ran_nas, ran_procedures
from kernels import shard as own
from kernels.causes import abnormal
from kernels.heard import connections
from kernels.heard import ran_bearers as items
from kernels.jit import part
from kernels.ran_transactions import FAILURE, SUCCESS, interface_of, item_cause, told_cause
from kernels.shard import RESET_AT, SECOND
from kernels.table import HIGH

OP, PROCEDURE, BY_CORE = operations()
DELETED = END_REASONS.index("deleted")
CAUSE_NAS = 2
RESETS = 64
"""Resets of whole associations that may come at once: each reads all contexts. Beyond them one a second."""
ITEMS = 512
CONNECTIONS = 4096
"""Connections that one reset of a part may name."""

(
    INITIAL_UE, CONTEXT_SETUP, BEARER_SETUP, BEARER_MODIFY, BEARER_RELEASE, BEARER_RELEASED, BEARER_MOVED,
    RELEASE_REQUEST, CONTEXT_RELEASE, PATH_SWITCH, PREPARATION, ALLOCATION, NOTIFY, CANCEL, PAGING, RESET, NODE,
) = (
    int(op)
    for op in (
        Op.INITIAL_UE, Op.CONTEXT_SETUP, Op.BEARER_SETUP, Op.BEARER_MODIFY, Op.BEARER_RELEASE, Op.BEARER_RELEASED,
        Op.BEARER_MOVED, Op.RELEASE_REQUEST, Op.CONTEXT_RELEASE, Op.PATH_SWITCH, Op.HANDOVER_PREPARATION,
        Op.HANDOVER_ALLOCATION, Op.HANDOVER_NOTIFY, Op.HANDOVER_CANCEL, Op.PAGING, Op.RESET, Op.NODE,
    )
)  # fmt: skip
(
    K_SETUP, K_SETUP_RESPONSE, K_SETUP_FAILED, K_MODIFY_RESPONSE, K_RELEASE, K_RELEASED, K_SWITCH, K_SWITCH_UP,
    K_SWITCH_FAILED, K_SWITCH_RELEASED, K_REQUEST, K_ADMITTED, K_NOT_ADMITTED, K_MOVED, K_MODIFY,
) = (
    int(kind)
    for kind in (
        Kind.SETUP_REQUEST, Kind.SETUP_RESPONSE, Kind.SETUP_FAILED, Kind.MODIFY_RESPONSE, Kind.RELEASE_COMMAND,
        Kind.RELEASED, Kind.SWITCH_DOWN, Kind.SWITCH_UP, Kind.SWITCH_FAILED, Kind.SWITCH_RELEASED,
        Kind.HANDOVER_REQUEST, Kind.ADMITTED, Kind.NOT_ADMITTED, Kind.MODIFY_INDICATION, Kind.MODIFY_REQUEST,
    )
)  # fmt: skip
SETUP_CODES = np.array([255, 17, 21], np.int64)
"""By protocol: the procedure code of S1 Setup, NG Setup."""
SETUPS = (PROCEDURES.index("s1_setup"), PROCEDURES.index("ng_setup"))


@part
def context_of(shard, m, op, by_core):  # type: ignore[no-untyped-def]
    """Row of the context that `m` is about, begun where it is not known; -1 for a message about none."""
    if op == RESET or op == NODE or (op == ALLOCATION and m.pdu == INITIATING):
        return np.int64(-1)
    if op == INITIAL_UE or (op == ALLOCATION and m.pdu == SUCCESSFUL):  # an id that the RAN has just given
        row = ran_contexts.find_ran(shard, m.association, m.ran_ue_id)
        if row >= 0:
            ran_contexts.forget(shard, row)
        row = ran_contexts.create(shard, m, by_core) if m.ran_ue_id >= 0 else np.int64(-1)
    else:
        row = np.int64(-1)
        if op == PATH_SWITCH and m.pdu == INITIATING:
            row = ran_contexts.find_core(shard, m.dst_hi, m.dst_lo, np.int64(m.protocol), m.other_core_ue_id)
            if row >= 0 and m.ran_ue_id >= 0:
                ran_contexts.rename_ran(shard, row, m)
        if row < 0:
            row = ran_contexts.find(shard, m, by_core)
        if row < 0 and m.ran_ue_id >= 0 and (m.core_ue_id >= 0 or m.other_core_ue_id >= 0):
            row = ran_contexts.create(shard, m, by_core)
    if row >= 0 and m.core_ue_id >= 0 and m.ran_ue_id >= 0:
        ran_contexts.name_core(shard, row, m.core_ue_id)
    return row


@part
def locate(shard, row, m):  # type: ignore[no-untyped-def]
    """What `m` tells of where the device is."""
    c = own.rans(shard, 0)[row]
    c.last_ts = m.ts
    cell = np.uint64(m.cell)
    if cell == 0 and c.cell == 0:  # a handover asked for in a connection whose begin was not seen
        cell = np.uint64(m.source_cell)
    if m.s_tmsi >= 0 and m.s_tmsi != c.s_tmsi:
        c.s_tmsi, c.tmsi_state = m.s_tmsi, TMSI_NEW
    if cell != 0 and cell != c.cell:
        c.cell = cell
        ue_row = ran_contexts.ue_of(shard, c)
        if ue_row >= 0 and own.ues(shard, 0)[ue_row].serving == row:
            ran_contexts.serve(shard, row, m.ts)


@part
def end_of(m):  # type: ignore[no-untyped-def]
    """First row behind the bearers of `m`, of which no more are read than there may be identities of both protocols."""
    return m.first_bearer + min(np.int64(m.bearer_count), ITEMS)


@part
def set_up(shard, heard, m, row, op):  # type: ignore[no-untyped-def]
    """Initial Context Setup, E-RAB Setup, PDU Session Resource Setup: bearers asked for, granted, refused."""
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.more:
            continue
        if item.kind == K_SETUP:
            bearer_row = ran_bearers.ask(shard, row, item, m.ts)
            ran_procedures.ask_bearer(shard, m, row, item, op == CONTEXT_SETUP, bearer_row)
        elif item.kind == K_SETUP_RESPONSE:
            ran_procedures.settle_bearer(shard, m.ts, row, item.id, SUCCESS, 0, -1)
            ran_bearers.grant(shard, row, item, m.ts)
        elif item.kind == K_SETUP_FAILED:
            family, code = item_cause(m, item)
            ran_procedures.settle_bearer(shard, m.ts, row, item.id, FAILURE, family, code)
            ran_bearers.refuse(shard, row, item.id, m.ts)
    if m.pdu == INITIATING:
        ran_moves.displace(shard, row, m.ts)
    elif m.pdu == UNSUCCESSFUL:
        family, code = told_cause(m)
        fail_all(shard, row, m.ts, family, code)
    ran_contexts.serve(shard, row, m.ts)


@part
def fail_all(shard, row, ts, family, code):  # type: ignore[no-untyped-def]
    """Bearers that wait to be set up will not be."""
    asked = np.int64(own.rans(shard, 0)[row].asked)
    for k in range(16):
        if ((asked | (asked >> 16)) >> k) & 1:
            ran_procedures.settle_bearer(shard, ts, row, k, FAILURE, family, code)
            ran_bearers.refuse(shard, row, k, ts)


@part
def move(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Endpoints that change: modification, and its indication by the RAN."""
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.more:
            continue
        if item.kind == K_MOVED or item.kind == K_MODIFY_RESPONSE:
            ran_bearers.grant(shard, row, item, m.ts)
        elif item.kind == K_MODIFY:
            bearer_row = ran_bearers.known(shard, own.rans(shard, 0)[row], item)
            if bearer_row >= 0 and item.qci >= 0:
                own.bearers(shard, 0)[bearer_row].qos = item.qci
            ran_bearers.bind_item(shard, own.rans(shard, 0)[row], bearer_row, item, True, m.ts)


@part
def switch(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Path switch: with the request the device is in the new cell, with the answer endpoints of the core may change.

    Bearers of a request that fails are lost, where it was asked for (TS 32.425 §4.2.2.6).
    A device that is not known yet may be told by GTP-C before the answer.
    """
    c = own.rans(shard, 0)[row]
    if m.pdu == INITIATING:
        ran_contexts.serve(shard, row, m.ts)
        c.pending = 0
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.more:
            continue
        family, code = item_cause(m, item)
        if item.kind == K_SWITCH:
            ran_moves.hold(c, item)
        elif item.kind == K_SWITCH_FAILED:
            ran_moves.hold_refusal(c, item, family, code)
        elif item.kind == K_SWITCH_RELEASED:
            ran_bearers.lose(shard, row, item, m.ts, family, code, abnormal(family, code))
    if m.pdu == INITIATING and ran_contexts.ue_of(shard, c) < 0:
        return
    if m.pdu == UNSUCCESSFUL:
        c.pending = 0
        family, code = told_cause(m)
        ran_bearers.release_all(shard, row, m.ts, family, code, np.int64(1))
        return
    ran_moves.arrive(shard, row, m.ts)
    ran_contexts.serve(shard, row, m.ts)
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.more == 0 and item.kind == K_SWITCH_UP:
            ran_bearers.bind_item(shard, c, ran_bearers.known(shard, c, item), item, True, m.ts)


@part
def release_bearers(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Bearers that the core (command) or the RAN (indication) releases while the context lives on.

    A command with a NAS message deactivates the bearer; one without takes its radio side only (TS 23.502 §4.3.7).
    """
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.kind == K_RELEASE or item.kind == K_RELEASED:
            family, code = item_cause(m, item)
            dropped = abnormal(family, code)
            bearer_row = ran_bearers.lose(shard, row, item, m.ts, family, code, dropped)
            if bearer_row >= 0 and item.kind == K_RELEASE and m.nas_count > 0:
                ran_bearers.delete(shard, bearer_row, DELETED, m.ts, family, code, dropped)


@part
def ask_release(shard, m, row):  # type: ignore[no-untyped-def]
    """The RAN asks for the release of the context: its cause is that of the release to come."""
    c = own.rans(shard, 0)[row]
    c.cause_family, c.cause = told_cause(m)
    ran_procedures.end_execution(shard, c, m.ts, FAILURE, np.int64(c.cause_family), np.int64(c.cause))
    ue_row = ran_contexts.ue_of(shard, c)
    if ue_row >= 0 and own.ues(shard, 0)[ue_row].serving == row:
        ran_bearers.tell_cause(shard, c, np.int64(c.cause_family), np.int64(c.cause))


@part
def release(shard, m, row):  # type: ignore[no-untyped-def]
    """UE Context Release: with the command the radio side is given up, with its completion the context."""
    if m.pdu != INITIATING:
        ran_contexts.forget(shard, row)
        return
    c = own.rans(shard, 0)[row]
    family, code = told_cause(m)
    if c.cause >= 0:
        family, code = np.int64(c.cause_family), np.int64(c.cause)
    moved = m.cause_group == 0 and m.cause == SUCCESSFUL_HANDOVER
    if moved:
        family, code = told_cause(m)
    outcome = SUCCESS if moved else FAILURE
    ran_procedures.end_execution(shard, c, m.ts, outcome, family, code)
    ran_procedures.end_setup(shard, row, m, family, code)
    fail_all(shard, row, m.ts, family, code)
    ran_bearers.release_all(shard, row, m.ts, family, code, abnormal(family, code))
    ran_moves.tell_late(shard, row, m.ts, family, code, abnormal(family, code))
    if m.cause_group == CAUSE_NAS and m.cause == LEAVES:
        family, code = told_cause(m)
        ran_bearers.end_all(shard, row, DELETED, m.ts, family, code, abnormal(family, code))


@part
def offer(shard, heard, m):  # type: ignore[no-untyped-def]
    """Handover Request: row of the UE, by the core's endpoints, else by the id that the core kept; -1 for none."""
    ue_row = np.int64(-1)
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.kind == K_REQUEST and item.more == 0 and ue_row < 0:
            bearer_row = ran_bearers.bound(shard, item, m.ts)
            if bearer_row >= 0:
                ue_row = np.int64(own.bearers(shard, 0)[bearer_row].ue)
    if ue_row < 0:
        row = ran_contexts.find_core(shard, m.src_hi, m.src_lo, np.int64(m.protocol), m.core_ue_id)
        if row >= 0:
            ue_row = ran_contexts.ue_of(shard, own.rans(shard, 0)[row])
    if ue_row < 0:
        return ue_row
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        bearer_row = ran_bearers.bearer_of(shard, ue_row, item.id)
        fresh = item.kind == K_REQUEST and item.teid >= 0 and bearer_row >= 0
        if fresh and (item.hi | item.lo) != 0 and ran_bearers.bound(shard, item, m.ts) < 0:
            up = ran_bearers.interface_of(np.int64(m.protocol), True)
            ran_bearers.bind_beside(shard, bearer_row, item.hi, item.lo, np.int64(item.teid), up, m.ts)
    return ue_row


@part
def allocate(shard, heard, m, row):  # type: ignore[no-untyped-def]
    """Handover Request and its answer: at the target, a context for the UE that the request was about."""
    if m.pdu == INITIATING:
        ran_procedures.ask_allocation(shard, m, offer(shard, heard, m))
        return
    ue_row, cell = ran_procedures.answer_allocation(shard, m)
    if row < 0 or m.pdu != SUCCESSFUL:
        return
    if own.rans(shard, 0)[row].cell == 0:
        own.rans(shard, 0)[row].cell = cell
    if ue_row >= 0:
        ran_contexts.join(shard, row, ue_row, m.ts)
    c = own.rans(shard, 0)[row]
    for k in range(m.first_bearer, end_of(m)):
        item = items(heard, 0)[k]
        if item.kind == K_ADMITTED and item.more == 0:
            ran_moves.hold(c, item)
        elif item.kind == K_NOT_ADMITTED:
            family, code = item_cause(m, item)
            ran_moves.hold_refusal(c, item, family, code)


@part
def notify(shard, m, row):  # type: ignore[no-untyped-def]
    """Handover Notify: the device is at the target."""
    c = own.rans(shard, 0)[row]
    if not ran_procedures.end_execution(shard, c, m.ts, SUCCESS, 0, -1):
        source = ran_contexts.named_before(shard, c)
        if source >= 0:
            ran_procedures.end_execution(shard, own.rans(shard, 0)[source], m.ts, SUCCESS, 0, -1)
    ran_nas.inherit(shard, row)
    ran_contexts.serve(shard, row, m.ts)
    ran_moves.arrive(shard, row, m.ts)
    ran_contexts.serve(shard, row, m.ts)


@part
def lose_context(shard, row, ts, family, code, dropped):  # type: ignore[no-untyped-def]
    """A connection is gone without a release. Of thousands at once, set-ups that find no room for a row time out."""
    if ran_bearers.room(shard):
        fail_all(shard, row, ts, family, code)
    ran_bearers.release_all(shard, row, ts, family, code, dropped)
    ran_contexts.forget(shard, row)


@part
def between(c, m):  # type: ignore[no-untyped-def]
    """Whether context `c` is between the two nodes of `m` on an association that a set-up of `m` has replaced."""
    if m.procedure != SETUP_CODES[m.protocol] or c.protocol != m.protocol:
        return False
    return c.ran_lo == m.src_lo and c.ran_hi == m.src_hi and c.core_lo == m.dst_lo and c.core_hi == m.dst_hi


@part
def reset_all(shard, m, family, code, dropped):  # type: ignore[no-untyped-def]
    """All connections of an association are gone. Each such message reads all contexts: their number is limited."""
    if shard[RESET_AT] - m.ts > RESETS * SECOND:
        return
    shard[RESET_AT] = max(shard[RESET_AT], m.ts) + SECOND
    for row in range(shard[own.RANS + HIGH]):
        c = own.rans(shard, 0)[row]
        if c.used and (c.association == m.association or between(c, m)):
            lose_context(shard, row, m.ts, family, code, dropped)


@part
def shared(shard, association):  # type: ignore[no-untyped-def]
    """Whether connections of NGAP between the nodes of an association also use another: then they outlive it.

    Several associations may join an NG-RAN node and an AMF (TS 38.412 §7), but one an eNodeB and an MME (TS 36.412 §7).
    """
    mine = np.int64(-1)
    for row in range(shard[own.RANS + HIGH]):
        if own.rans(shard, 0)[row].used and own.rans(shard, 0)[row].association == association:
            mine = np.int64(row)
    if mine < 0 or own.rans(shard, 0)[mine].protocol == PROTOCOL_S1AP:
        return False
    a = own.rans(shard, 0)[mine]
    for row in range(shard[own.RANS + HIGH]):
        c = own.rans(shard, 0)[row]
        if c.used and c.association != association and c.ran_lo == a.ran_lo and c.core_lo == a.core_lo:
            if c.ran_hi == a.ran_hi and c.core_hi == a.core_hi and c.protocol == a.protocol:
                return True
    return False


@part
def end_association(shard, m):  # type: ignore[no-untyped-def]
    """The SCTP association is no more, and no connection on it: aborted it drops their bearers, shut down it does not.

    No cause is told. Each reads all contexts: their number is limited as that of resets.
    """
    if not ran_bearers.room(shard) or shard[RESET_AT] - m.ts > RESETS * SECOND:
        return
    if shared(shard, m.association):
        shard[RESET_AT] = max(shard[RESET_AT], m.ts) + SECOND
        return
    reset_all(shard, m, np.int64(0), np.int64(-1), np.int64(m.pdu == ASSOCIATION_ABORTED))


@part
def reset_part(shard, heard, m, family, code, dropped):  # type: ignore[no-untyped-def]
    """The connections that the message names are gone."""
    for k in range(m.first_connection, m.first_connection + min(np.int64(m.connection_count), CONNECTIONS)):
        named = connections(heard, 0)[k]
        row = ran_contexts.find_ran(shard, m.association, named.ran_ue_id)
        if row < 0:
            row = ran_contexts.find_core(shard, m.src_hi, m.src_lo, np.int64(m.protocol), named.core_ue_id)
        if row < 0:
            row = ran_contexts.find_core(shard, m.dst_hi, m.dst_lo, np.int64(m.protocol), named.core_ue_id)
        if row >= 0 and own.rans(shard, 0)[row].association == m.association:
            lose_context(shard, row, m.ts, family, code, dropped)


@part
def reset(shard, heard, m, procedure):  # type: ignore[no-untyped-def]
    """Reset, and set-up of a node, which resets too (TS 36.413 §8.7.3.1, TS 38.413 §8.7.1.1)."""
    if m.pdu != INITIATING:
        return
    if procedure == SETUPS[0] or procedure == SETUPS[1]:
        reset_all(shard, m, np.int64(0), np.int64(-1), np.int64(1))
        return
    family, code = told_cause(m)
    if m.reset_type == RESET_ALL:
        reset_all(shard, m, family, code, abnormal(family, code))
    else:
        reset_part(shard, heard, m, family, code, abnormal(family, code))


@part
def apply_bearers(shard, heard, m, row, op):  # type: ignore[no-untyped-def]
    """What `m` does to its context and its bearers."""
    if op == CONTEXT_SETUP or op == BEARER_SETUP:
        set_up(shard, heard, m, row, op)
    elif op == BEARER_MODIFY or op == BEARER_MOVED:
        move(shard, heard, m, row)
    elif op == BEARER_RELEASE or op == BEARER_RELEASED:
        release_bearers(shard, heard, m, row)
    elif op == PATH_SWITCH:
        switch(shard, heard, m, row)
    elif op == RELEASE_REQUEST:
        ask_release(shard, m, row)
    elif op == CONTEXT_RELEASE:
        release(shard, m, row)
    elif op == NOTIFY:
        notify(shard, m, row)


@part
def apply_context(shard, heard, m, row, op, procedure, by_core):  # type: ignore[no-untyped-def]
    """A message about the connection of one UE."""
    locate(shard, row, m)
    ran_identity.identify(shard, heard, m, row, op, by_core)
    if by_core:
        ran_procedures.connected(shard, row, m.ts)
    if op == INITIAL_UE:
        ran_procedures.connect(shard, m, row)
    elif op == ALLOCATION:
        allocate(shard, heard, m, row)
    elif procedure != 0:
        ran_procedures.pair(shard, heard, m, row, op, procedure)
    if op == PREPARATION and m.pdu == SUCCESSFUL:
        ran_procedures.execute(shard, m, row)
    elif op == CANCEL and m.pdu == INITIATING:
        ran_procedures.cancel(shard, m, row)
    apply_bearers(shard, heard, m, row, op)
    ran_nas.apply(shard, heard, m, row, op, by_core)


@part
def apply(shard, heard, m):  # type: ignore[no-untyped-def]
    """Apply one S1AP or NGAP message `m`; returns (xdr.INTERFACES index, 1 if its session is known).

    A message whose rows would find no room is not applied: only a packet of dozens of messages comes to that.
    """
    interface = interface_of(m.protocol)
    if not ran_bearers.room(shard):
        return interface, np.int64(0)
    op, procedure = np.int64(OP[m.protocol, m.procedure]), np.int64(PROCEDURE[m.protocol, m.procedure])
    by_core = (BY_CORE[m.protocol, m.procedure] != 0) == (m.pdu == INITIATING)
    if op == PAGING:
        ran_procedures.page(shard, m)
        return interface, np.int64(0)
    row = context_of(shard, m, op, by_core)
    if row < 0:
        if op == ALLOCATION:
            allocate(shard, heard, m, row)
        elif procedure != 0 and op != INITIAL_UE:
            ran_procedures.pair(shard, heard, m, row, op, procedure)
        if op == RESET or op == NODE:
            reset(shard, heard, m, procedure)
        return interface, np.int64(0)
    before = ran_contexts.ue_of(shard, own.rans(shard, 0)[row])
    apply_context(shard, heard, m, row, op, procedure, by_core)
    c = own.rans(shard, 0)[row]
    joined = before >= 0 or (c.used != 0 and ran_contexts.ue_of(shard, c) >= 0)
    return interface, np.int64(joined)
