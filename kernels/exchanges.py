"""Requests and answers of PFCP and Diameter: rows of the TRANSACTION table, found by a hash of what pairs them.

A request seen again, while it waits or after its answer, is the same; within COPY it is the same packet, captured
twice. An answer without its request changes no row.
"""

import numpy as np

from kernels import ran_transactions, transactions
from kernels import shard as own
from kernels.hashing import mix, tunnel_hash
from kernels.jit import part
from kernels.table import link, unlink

COPY = 10_000_000


@part
def pairing(hi, lo, peer_hi, peer_lo, ports, number):  # type: ignore[no-untyped-def]
    """Hash of the requester's and the responder's address, a number of their ports, and the request's number."""
    return tunnel_hash(mix(hi, peer_hi), mix(lo, peer_lo) ^ np.uint64(ports), number)


@part
def ask(shard, hashed, procedure, interface, m):  # type: ignore[no-untyped-def]
    """(row, True if it is new) of the request that message `m` makes."""
    row = ran_transactions.find(shard, hashed)
    if row >= 0:
        t = own.transactions(shard, 0)[row]
        if t.procedure == procedure and not transactions.expired(shard, t, m.ts):
            if t.answered == 0 and m.ts - t.last_ts > COPY:
                t.attempts += 1
            return row, False
        transactions.expire(shard, row, m.ts)
    return ran_transactions.ask_on(shard, hashed, procedure, interface, m), True


@part
def waiting(shard, hashed, ts):  # type: ignore[no-untyped-def]
    """Row of the request with this key that waits for its answer at `ts`, else -1."""
    row = ran_transactions.find(shard, hashed)
    if row < 0:
        return row
    t = own.transactions(shard, 0)[row]
    return row if t.answered == 0 and not transactions.expired(shard, t, ts) else np.int64(-1)


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
