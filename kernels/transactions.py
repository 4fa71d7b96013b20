"""Requests and their answers (TS 29.274 §7.6, TS 29.060 §7.6).

A transaction is found by initiator, responder, the initiator's port, GTP version, sequence number and procedure. A
request seen again is one attempt more of the same; silence becomes a timeout; an answer captured shortly before its
request is paired with it.
"""

import numpy as np

from formats.procedures import COMMANDS, ROLE_REQUEST, roles
from formats.xdr import INTERFACES, OUTCOMES
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import inlined, part
from kernels.shard import LATENESS, ORPHAN, PROCEDURE_ROWS, REQUEST_TIMEOUT, TRANSACTION_HAND, owns, window_of
from kernels.table import HIGH, candidate, give, index_of, link, tag_of, take, unlink

SUCCESS = OUTCOMES.index("success")
FAILURE = OUTCOMES.index("failure")
TIMEOUT = OUTCOMES.index("timeout")
GTPV1C, GTPV2C = 1, 2  # indices of xdr.CAUSE_FAMILIES
S5S8 = INTERFACES.index("s5s8")
EVICTION_LOOK = 8
ROLE, PROCEDURE = roles()
NO_DIGITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def _any_port() -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[list(COMMANDS)] = 1
    return table


ANY_PORT = _any_port()
"""By procedure: 1 for commands. The request that one triggers goes to the registered port, not to the command's."""


@part
def port_of(procedure, port):  # type: ignore[no-untyped-def]
    """The initiator's port as far as it tells transactions of `procedure` apart."""
    return np.int64(0) if ANY_PORT[procedure] else np.int64(port)


@part
def hash_of(requester_hi, requester_lo, responder_hi, responder_lo, port, sequence, procedure):  # type: ignore[no-untyped-def]
    """Hash of a transaction's key, uint64."""
    first = tunnel_hash(requester_hi, requester_lo, (np.int64(sequence) << 8) | np.int64(procedure))
    return first ^ (tunnel_hash(responder_hi, responder_lo, np.int64(port)) << np.uint64(1))


@inlined
def hash_seen(m):  # type: ignore[no-untyped-def]
    """Hash of the transaction that message `m` most likely belongs to, by its type: to fetch it ahead."""
    procedure = np.int64(PROCEDURE[m.version, m.type])
    if ROLE[m.version, m.type] == ROLE_REQUEST:
        port = port_of(procedure, m.src_port)
        return hash_of(m.src_hi, m.src_lo, m.dst_hi, m.dst_lo, port, m.sequence, procedure)
    port = port_of(procedure, m.dst_port)
    return hash_of(m.dst_hi, m.dst_lo, m.src_hi, m.src_lo, port, m.sequence, procedure)


@part
def find(shard, requester_hi, requester_lo, responder_hi, responder_lo, port, m, procedure, hashed):  # type: ignore[no-untyped-def]
    """Row of the transaction that message `m` belongs to, or -1."""
    tag = tag_of(hashed)
    index = index_of(shard, own.TRANSACTIONS)
    mask = len(index) - 1
    slot, row = candidate(index, tag, tag & mask)
    while row >= 0:
        t = own.transactions(shard, 0)[row]
        if (
            t.sequence == m.sequence
            and t.version == m.version
            and t.procedure == procedure
            and t.port == port
            and t.requester_lo == requester_lo
            and t.responder_lo == responder_lo
            and t.requester_hi == requester_hi
            and t.responder_hi == responder_hi
        ):
            return row
        slot, row = candidate(index, tag, (slot + 1) & mask)
    return np.int64(-1)


@part
def of_request(shard, m, procedure):  # type: ignore[no-untyped-def]
    """(row or -1, hash) of the transaction that request `m` belongs to."""
    port = port_of(procedure, m.src_port)
    hashed = hash_of(m.src_hi, m.src_lo, m.dst_hi, m.dst_lo, port, m.sequence, procedure)
    return find(shard, m.src_hi, m.src_lo, m.dst_hi, m.dst_lo, port, m, procedure, hashed), hashed


@part
def of_answer(shard, m, procedure):  # type: ignore[no-untyped-def]
    """(row or -1, hash) of the transaction that answer `m` belongs to."""
    port = port_of(procedure, m.dst_port)
    hashed = hash_of(m.dst_hi, m.dst_lo, m.src_hi, m.src_lo, port, m.sequence, procedure)
    return find(shard, m.dst_hi, m.dst_lo, m.src_hi, m.src_lo, port, m, procedure, hashed), hashed


@part
def evict(shard, now):  # type: ignore[no-untyped-def]
    """The table is full: forget the oldest of the next few, those that have their answer first."""
    count = shard[own.TRANSACTIONS + HIGH]
    hand = shard[TRANSACTION_HAND]
    victim = hand % count
    for k in range(EVICTION_LOOK):
        row = (hand + k) % count
        t, best = own.transactions(shard, 0)[row], own.transactions(shard, 0)[victim]
        if t.answered > best.answered or (t.answered == best.answered and t.last_ts < best.last_ts):
            victim = row
    shard[TRANSACTION_HAND] = (hand + EVICTION_LOOK) % count
    expire(shard, victim, now)
    forget(shard, victim)


@part
def create(shard, m, procedure, hashed, answer):  # type: ignore[no-untyped-def]
    """Row of a transaction that message `m` (a request, or an answer without one) begins."""
    row = take(shard, own.TRANSACTIONS)
    if row < 0:
        evict(shard, m.ts)
        row = take(shard, own.TRANSACTIONS)
    t = own.transactions(shard, 0)[row]
    t.used, t.hash, t.procedure, t.version, t.sequence = 1, hashed, procedure, m.version, m.sequence
    if answer:
        t.requester_hi, t.requester_lo, t.responder_hi, t.responder_lo = m.dst_hi, m.dst_lo, m.src_hi, m.src_lo
        t.port = port_of(procedure, m.dst_port)
    else:
        t.requester_hi, t.requester_lo, t.responder_hi, t.responder_lo = m.src_hi, m.src_lo, m.dst_hi, m.dst_lo
        t.port = port_of(procedure, m.src_port)
    t.answer_first = answer
    link(shard, own.TRANSACTIONS, hashed, row)
    begin(t, m.ts)
    return row


@part
def begin(t, ts):  # type: ignore[no-untyped-def]
    """The transaction starts with the message at `ts`."""
    t.start, t.last_ts, t.end, t.attempts = ts, ts, ts, 1
    t.answered, t.counted, t.interface = 0, 1, 0
    t.imsi, t.imei, t.cell, t.rat = NO_DIGITS, NO_DIGITS, 0, 0
    t.gateway_hi, t.gateway_lo = 0, 0
    t.session_id, t.session, t.bearer, t.ue, t.apn, t.qos = 0, -1, -1, -1, -1, -1
    t.cause, t.slice, t.core_hi, t.core_lo = -1, -1, 0, 0


@part
def write(shard, row, outcome, cause, family):  # type: ignore[no-untyped-def]
    """The procedure's xDR row."""
    if not owns(shard, row):
        return
    t = own.transactions(shard, 0)[row]
    at = shard[PROCEDURE_ROWS]
    shard[PROCEDURE_ROWS] = at + 1
    r = own.out_procedure(shard, 0)[at]
    timed_out = outcome == TIMEOUT or outcome == 0
    r.start_time = t.start
    r.end_time = -(2**63) if timed_out else max(t.end, t.start)
    r.interface, r.procedure, r.outcome = t.interface, t.procedure, outcome
    r.cause_code, r.cause_family = cause, family
    r.latency_ms = -1 if timed_out else max(t.end - t.start, 0)
    r.attempts = t.attempts
    r.imsi, r.imei, r.cell, r.rat, r.apn, r.qos_class = t.imsi, t.imei, t.cell, t.rat, t.apn, t.qos
    r.requester_hi, r.requester_lo = t.requester_hi, t.requester_lo
    r.responder_hi, r.responder_lo = t.responder_hi, t.responder_lo
    r.session_id = t.session_id
    r.gateway_hi, r.gateway_lo = t.gateway_hi, t.gateway_lo
    r.counted, r.slice = t.counted, t.slice
    r.core_node_hi, r.core_node_lo = t.core_hi, t.core_lo
    r.window = window_of(shard, t.start)


@part
def accepts(version, cause):  # type: ignore[no-untyped-def]
    """Whether a cause accepts (TS 29.274 table 8.4-1: 16-63; TS 29.060 §7.7.1: 128-191); no cause element does."""
    if cause < 0:
        return True
    return 16 <= cause < 64 if version == 2 else 128 <= cause < 192


@part
def answer(shard, row, m):  # type: ignore[no-untyped-def]
    """The transaction has its answer `m`: its row can be written."""
    t = own.transactions(shard, 0)[row]
    t.answered = 1
    t.end = m.ts
    family = GTPV2C if m.version == 2 else GTPV1C
    outcome = SUCCESS if accepts(m.version, m.cause) else FAILURE
    write(shard, row, outcome, np.int64(m.cause), family if m.cause >= 0 else 0)


@part
def keep(t, m):  # type: ignore[no-untyped-def]
    """Remember answer `m` until its request comes."""
    t.end = m.ts
    t.cause = m.cause


@part
def write_kept(shard, row):  # type: ignore[no-untyped-def]
    """The request of an answer seen before it has come: the transaction's row can be written."""
    t = own.transactions(shard, 0)[row]
    t.answered = 1
    version, cause = np.int64(t.version), np.int64(t.cause)
    family = np.int64(0) if cause < 0 else np.int64(GTPV2C if version == 2 else GTPV1C)
    write(shard, row, SUCCESS if accepts(version, cause) else FAILURE, cause, family)


@part
def conclude(shard, row, ts):  # type: ignore[no-untyped-def]
    """A command is answered at `ts` by the request that it triggered."""
    t = own.transactions(shard, 0)[row]
    t.answered = 1
    t.end = ts
    write(shard, row, SUCCESS, -1, 0)


@part
def expired(shard, t, now):  # type: ignore[no-untyped-def]
    """Whether nothing more can belong to the transaction at `now`."""
    if t.answer_first:
        return now - t.last_ts > ORPHAN
    return now - t.last_ts > shard[REQUEST_TIMEOUT]


@part
def expire(shard, row, now):  # type: ignore[no-untyped-def]
    """The wait is over: a request without an answer is a timeout, or unknown if the capture ended too soon."""
    t = own.transactions(shard, 0)[row]
    if t.answered == 0 and t.answer_first == 0:
        write(shard, row, TIMEOUT if expired(shard, t, now) else 0, -1, 0)
        t.answered = 1


@part
def forget(shard, row):  # type: ignore[no-untyped-def]
    """Free the row."""
    t = own.transactions(shard, 0)[row]
    unlink(shard, own.TRANSACTIONS, t.hash, row)
    t.used = 0
    give(shard, own.TRANSACTIONS, row)


@part
def due(shard, t, now):  # type: ignore[no-untyped-def]
    """Whether a sweep at `now` may free the row: expired, with the lateness that packets may have."""
    return expired(shard, t, now - shard[LATENESS])
