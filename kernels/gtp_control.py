"""GTP-C messages in order: requests and answers are paired, and each does what it says (`gtp_setup`, `gtp_change`)."""

import numpy as np

from formats.procedures import (
    COMMANDS,
    CREATE_BEARER,
    CREATE_PDP,
    CREATE_SESSION,
    DELETE_BEARER,
    DELETE_COMMAND,
    DELETE_PDP,
    DELETE_SESSION,
    ECHO,
    MODIFY,
    MODIFY_ACCESS,
    RELEASE_ACCESS,
    ROLE_NONE,
    ROLE_REQUEST,
    UPDATE_BEARER,
    UPDATE_PDP,
    roles,
)
from kernels import gtp_change, gtp_context, gtp_paths, gtp_setup, sessions, transactions
from kernels import shard as own
from kernels.gtp_context import NO_DIGITS
from kernels.jit import part

ROLE, PROCEDURE = roles()


@part
def apply_request(shard, sig, m, t):  # type: ignore[no-untyped-def]
    """What a request does when it is first seen."""
    procedure = t.procedure
    if procedure == CREATE_SESSION or procedure == CREATE_PDP:
        gtp_setup.create_request(shard, sig, m, t)
    elif procedure == MODIFY or procedure == MODIFY_ACCESS or procedure == UPDATE_PDP:
        gtp_change.modify_request(shard, sig, m, t)
    elif procedure == DELETE_SESSION or procedure == DELETE_PDP:
        gtp_change.delete_request(shard, m, t)
    elif procedure == DELETE_BEARER:
        gtp_change.delete_bearers(shard, sig, m, t)
    elif procedure == CREATE_BEARER:
        gtp_change.create_bearers(shard, sig, m, t)
    elif procedure == UPDATE_BEARER:
        gtp_change.update_bearers(shard, sig, m, t)
    elif procedure == RELEASE_ACCESS:
        gtp_change.release_access(shard, m, t)
    elif procedure == DELETE_COMMAND:
        gtp_change.delete_command(shard, sig, m, t)
    elif procedure != ECHO:
        gtp_change.note_only(shard, m, t)


@part
def apply_answer(shard, sig, m, t, accepted):  # type: ignore[no-untyped-def]
    """What an answer does."""
    procedure = t.procedure
    if procedure == CREATE_SESSION or procedure == CREATE_PDP:
        gtp_setup.create_answer(shard, sig, m, t, accepted)
    elif procedure == CREATE_BEARER:
        gtp_change.created_bearers(shard, sig, m, accepted)
    elif accepted and (procedure == MODIFY or procedure == MODIFY_ACCESS or procedure == UPDATE_PDP):
        gtp_change.modify_answer(shard, sig, m, t)


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
    t = own.transactions(shard, 0)[row]
    t.interface = gtp_context.interface_of(shard, sig, m, procedure)
    t.qos, t.cell, t.rat = m.qci, m.cell, sessions.RAT[m.rat & 255]
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
    t.interface = gtp_context.interface_of(shard, sig, m, np.int64(t.procedure))
    if t.procedure == CREATE_SESSION or t.procedure == CREATE_PDP:
        if gtp_context.session_of(shard, t) >= 0:
            gtp_setup.adopt(shard, sig, m, t)
        else:
            apply_request(shard, sig, m, t)
            refused = gtp_context.session_of(shard, t)
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
    t = own.transactions(shard, 0)[row]
    t.answer_first = 1
    t.interface = gtp_context.interface_of(shard, sig, m, procedure)
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
    interface = gtp_context.interface_of(shard, sig, m, procedure)
    joined = np.int64(0)
    if role != ROLE_NONE:
        if m.recovery >= 0:
            gtp_paths.note_restart(shard, m)
        if role == ROLE_REQUEST:
            joined = request(shard, sig, m, procedure)
        else:
            joined = response(shard, sig, m, procedure)
    return interface, joined
