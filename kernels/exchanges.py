"""Requests and answers of PFCP and Diameter: rows of the TRANSACTION table, found by a hash of what pairs them.

A request seen again, while it waits or after its answer, is the same; within COPY it is the same packet, captured
twice. An answer that was captured shortly before its request waits for it.
"""

import numpy as np

from kernels import ran_transactions, transactions
from kernels import shard as own
from kernels.hashing import mix, tunnel_hash
from kernels.jit import part
from kernels.table import link, unlink

COPY = 10_000_000
ANSWER, MET = 1, 2
"""`answer_first`: the answer waits for its request; the request has come and is being applied."""
NO_CODE = 0xFFFF


@part
def pairing(hi, lo, peer_hi, peer_lo, ports, number):  # type: ignore[no-untyped-def]
    """Hash of the requester's and the responder's address, a number of their ports, and the request's number."""
    return tunnel_hash(mix(hi, peer_hi), mix(lo, peer_lo) ^ np.uint64(ports), number)


@part
def ask(shard, hashed, procedure, interface, m):  # type: ignore[no-untyped-def]
    """(row, True if it is new) of the request that message `m` makes."""
    row = ran_transactions.find(shard, hashed)
    if row >= 0 and own.transactions(shard, 0)[row].answer_first:
        if meet(shard, row, procedure, interface, m):
            return row, True
    elif row >= 0:
        t = own.transactions(shard, 0)[row]
        if t.procedure == procedure and not transactions.expired(shard, t, m.ts):
            if t.answered == 0 and m.ts - t.last_ts > COPY:
                t.attempts += 1
            return row, False
        transactions.expire(shard, row, m.ts)
    return ran_transactions.ask_on(shard, hashed, procedure, interface, m), True


@part
def keep(shard, hashed, procedure, interface, m, outcome, family, code):  # type: ignore[no-untyped-def]
    """Row of an answer whose request was not seen, for which it waits; -1 where the request has its answer."""
    if ran_transactions.find(shard, hashed) >= 0:
        return np.int64(-1)
    row = ran_transactions.ask_on(shard, hashed, procedure, interface, m)
    t = own.transactions(shard, 0)[row]
    t.answer_first, t.cause = ANSWER, np.int64(outcome) << 24 | np.int64(family) << 16 | (np.int64(code) & NO_CODE)
    return row


@part
def meet(shard, row, procedure, interface, m):  # type: ignore[no-untyped-def]
    """Request `m` of the answer in `row` has come, whether in time; `write_kept` is to follow when it is applied."""
    t = own.transactions(shard, 0)[row]
    in_time, kept, given = not transactions.expired(shard, t, m.ts), np.int64(t.cause), t.core_hi
    transactions.begin(t, m.ts)
    t.answer_first = MET if in_time else 0
    if not in_time:
        t.answered = 1
        return False
    t.cause, t.core_hi, t.procedure, t.interface = kept, given, procedure, interface
    t.requester_hi, t.requester_lo, t.responder_hi, t.responder_lo = m.src_hi, m.src_lo, m.dst_hi, m.dst_lo
    return True


@part
def kept_outcome(t):  # type: ignore[no-untyped-def]
    """The outcome (xdr.OUTCOMES) that the answer before its request told; 0 where there is none."""
    return np.int64(t.cause) >> 24 if t.answer_first == MET else np.int64(0)


@part
def write_kept(shard, row):  # type: ignore[no-untyped-def]
    """The request is applied: the row of one whose answer was there before it can be written."""
    t = own.transactions(shard, 0)[row]
    if t.answer_first != MET:
        return
    kept = np.int64(t.cause)
    code = kept & NO_CODE
    t.answer_first, t.answered, t.cause, t.core_hi, t.end = 0, 1, -1, 0, t.start
    transactions.write(shard, row, kept >> 24, np.int64(-1) if code == NO_CODE else code, (kept >> 16) & 0xFF)


@part
def waiting(shard, hashed, ts):  # type: ignore[no-untyped-def]
    """Row of the request with this key that waits for its answer at `ts`, else -1."""
    row = ran_transactions.find(shard, hashed)
    if row < 0:
        return row
    t = own.transactions(shard, 0)[row]
    return row if t.answered == 0 and t.answer_first == 0 and not transactions.expired(shard, t, ts) else np.int64(-1)


@part
def answer(shard, row, ts, outcome, family, code):  # type: ignore[no-untyped-def]
    """A request that waits has its outcome: its row is written."""
    t = own.transactions(shard, 0)[row]
    t.answered = 1
    t.end = ts
    transactions.write(shard, row, outcome, code, family)


@part
def rename(shard, row, hashed):  # type: ignore[no-untyped-def]
    """The request goes by another key: it was sent again under another number."""
    t = own.transactions(shard, 0)[row]
    unlink(shard, own.TRANSACTIONS, t.hash, row)
    t.hash = hashed
    link(shard, own.TRANSACTIONS, hashed, row)
