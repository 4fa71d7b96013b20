"""Requests of the radio side with their outcome: rows of the TRANSACTION table, found by a hash of what they are about.

Elementary procedures of class 1 (TS 36.413 §8.1, TS 38.413 §8.1) are paired by connection and procedure; what several
messages tell together (a connection that is set up, a handover that is carried out) is asked and answered here too.
"""

import numpy as np

from formats.ran_procedures import CAUSE_FAMILIES as FAMILIES
from formats.xdr import CAUSE_FAMILIES, INTERFACES, OUTCOMES
from kernels import gtp_context, ran_contexts, transactions
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part
from kernels.table import candidate, index_of, link, tag_of, take

SUCCESS, FAILURE = OUTCOMES.index("success"), OUTCOMES.index("failure")
S1MME, N2 = INTERFACES.index("s1mme"), INTERFACES.index("n2")
RAN_VERSION = 3
"""`version` of these rows: GTP-C has 1 and 2."""


def _families() -> np.ndarray:
    """By [protocol, cause group]: index of xdr.CAUSE_FAMILIES."""
    table = np.zeros((3, 5), np.uint8)
    for protocol, names in FAMILIES.items():
        table[protocol] = [CAUSE_FAMILIES.index(name) for name in names]
    return table


FAMILY = _families()


@part
def told_cause(m):  # type: ignore[no-untyped-def]
    """(family, code) of the cause of message `m`, (0, -1) where it tells none."""
    return cause_of(np.int64(m.protocol), np.int64(m.cause_group), np.int64(m.cause))


@part
def item_cause(m, item):  # type: ignore[no-untyped-def]
    """(family, code) of the cause of an item of message `m`, else that of the message."""
    if item.cause < 0:
        return told_cause(m)
    return cause_of(np.int64(m.protocol), np.int64(item.cause_group), np.int64(item.cause))


@part
def cause_of(protocol, group, code):  # type: ignore[no-untyped-def]
    """(family, code) of a cause, (0, -1) where there is none."""
    if code < 0 or group < 0 or group > 4:
        return np.int64(0), np.int64(-1)
    return np.int64(FAMILY[protocol, group]), np.int64(code)


@part
def key(first, second, procedure):  # type: ignore[no-untyped-def]
    """Hash of what a request is about: two int64 and a procedure."""
    return tunnel_hash(np.uint64(first), np.uint64(second) ^ np.uint64(0x5A17), procedure)


@part
def find(shard, hashed):  # type: ignore[no-untyped-def]
    """Row of the request with this key, or -1: 64 bits of hash are taken for the key."""
    tag = tag_of(hashed)
    index = index_of(shard, own.TRANSACTIONS)
    slot, row = candidate(index, tag, tag & (len(index) - 1))
    while row >= 0:
        t = own.transactions(shard, 0)[row]
        if t.hash == hashed and t.version == RAN_VERSION:
            return row
        slot, row = candidate(index, tag, (slot + 1) & (len(index) - 1))
    return np.int64(-1)


@part
def ask(shard, hashed, procedure, m):  # type: ignore[no-untyped-def]
    """As `ask_on`, of an S1AP or NGAP message `m`."""
    return ask_on(shard, hashed, procedure, interface_of(np.int64(m.protocol)), m)


@part
def ask_on(shard, hashed, procedure, interface, m):  # type: ignore[no-untyped-def]
    """Row of the request that message `m` makes; one seen again, and not answered, is one attempt more."""
    row = find(shard, hashed)
    if row >= 0:
        t = own.transactions(shard, 0)[row]
        if t.answered == 0 and t.answer_first == 0 and not transactions.expired(shard, t, m.ts):
            t.attempts += 1
            return row
        transactions.expire(shard, row, m.ts)
        transactions.begin(t, m.ts)
        t.answer_first = 0
    else:
        row = take(shard, own.TRANSACTIONS)
        if row < 0:
            transactions.evict(shard, m.ts)
            row = take(shard, own.TRANSACTIONS)
        t = own.transactions(shard, 0)[row]
        t.used, t.hash, t.version, t.procedure, t.sequence = 1, hashed, RAN_VERSION, procedure, 0
        t.answer_first, t.port = 0, 0
        link(shard, own.TRANSACTIONS, hashed, row)
        transactions.begin(t, m.ts)
    t = own.transactions(shard, 0)[row]
    t.procedure, t.interface = procedure, interface
    t.requester_hi, t.requester_lo, t.responder_hi, t.responder_lo = m.src_hi, m.src_lo, m.dst_hi, m.dst_lo
    return row


@part
def answer(shard, hashed, ts, outcome, family, code):  # type: ignore[no-untyped-def]
    """The request with this key has its outcome; its row, or -1 where there is none that waits."""
    row = find(shard, hashed)
    if row < 0:
        return row
    t = own.transactions(shard, 0)[row]
    if t.answered or transactions.expired(shard, t, ts):
        return np.int64(-1)
    t.answered = 1
    t.end = ts
    transactions.write(shard, row, outcome, code, family)
    return row


@part
def asked_cause(shard, hashed):  # type: ignore[no-untyped-def]
    """(family, code) of the cause that the request with this key told: family << 16 | code; (0, -1) for none."""
    row = find(shard, hashed)
    cause = np.int64(own.transactions(shard, 0)[row].cause) if row >= 0 else np.int64(-1)
    if cause < 0:
        return np.int64(0), np.int64(-1)
    return cause >> 16, cause & 0xFFFF


@part
def note(shard, row, context_row):  # type: ignore[no-untyped-def]
    """Who, where and through which core node the request is about, as far as its context knows."""
    t, c = own.transactions(shard, 0)[row], own.rans(shard, 0)[context_row]
    ue_row = ran_contexts.ue_of(shard, c)
    t.imsi, t.imei = c.imsi, c.imei
    gtp_context.note_transaction(
        shard, t, ue_row, gtp_context.only_session(shard, ue_row) if ue_row >= 0 else np.int64(-1)
    )
    if t.imsi == ran_contexts.NO_IDENTITY:
        t.imsi = c.imsi
    if c.cell != 0 or (
        ue_row >= 0 and own.ues(shard, 0)[ue_row].serving != context_row and own.ues(shard, 0)[ue_row].serving >= 0
    ):
        t.cell = c.cell
    t.rat = ran_contexts.rat_of(c)
    t.core_hi, t.core_lo = c.core_hi, c.core_lo
    if t.slice < 0:
        t.slice = c.slice


@part
def interface_of(protocol):  # type: ignore[no-untyped-def]
    """The reference point of a protocol, index of xdr.INTERFACES."""
    return S1MME if protocol == 1 else N2
