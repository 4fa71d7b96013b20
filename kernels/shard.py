"""What one shard owns: its tables, its clock, the rows it has ready to be written.

Every shard sees every packet and applies all signalling, so its sessions and tunnels are the same as any other's; flows
are kept by the shard that owns their inner addresses, and a session's, bearer's or transaction's rows are written by the
shard that its row number falls to. So one worker or sixty-four write the same rows.
"""

from typing import NamedTuple

import numpy as np

from formats import state, xdr
from kernels import table
from kernels.jit import kernel
from kernels.signalling import Signalling
from kernels.signalling import allocate as allocate_signalling

# Shard.config
WINDOW, LATENESS, IDLE_TCP, IDLE_OTHER, REQUEST_TIMEOUT, SHARD, SHARDS = range(7)

# Shard.clock
WATERMARK, PREVIOUS, SWEEP_AT, SWEEP_STAGE, SWEEP_ROW, SWEEP_NOW, CONTEXTS, DRAINING, LAST_LEDGER, LEDGER_USED, HAND = range(11)

SECOND = 1_000_000_000
LINGER = 5 * SECOND  # late packets of a tunnel, session or closed connection still belong to it
SWEEP_EVERY = 30 * SECOND
ORPHAN = 2 * SECOND  # an answer captured this long before its request still belongs to it
SESSION_IDLE = 24 * 3600 * SECOND
PRESENCE_IDLE = 3600 * SECOND
ACTIVE_TAIL = SECOND // 10
NONE = -(2**62)  # no time yet

APN_OCTETS = 104
LEDGER_ROWS = 4096
ASSEMBLIES = 64

FLOW_ROWS, SESSION_ROWS, PRESENCE_ROWS, PROCEDURE_ROWS = range(4)
MARGIN = 512  # rows that one packet or one swept row may add at most, per table


class Limits(NamedTuple):
    """How many rows each table may hold."""

    flows: int = 1 << 20
    sessions: int = 1 << 18
    transactions: int = 1 << 16
    apns: int = 4096


class Out(NamedTuple):
    """Rows ready to be written: one array per xDR table, and `used` int64[4]."""

    flow: np.ndarray
    session: np.ndarray
    presence: np.ndarray
    procedure: np.ndarray
    used: np.ndarray


class Shard(NamedTuple):
    """All state of one shard; arrays only, so that kernels take it as it is."""

    config: np.ndarray
    clock: np.ndarray
    flows: table.Pool
    ues: table.Pool
    sessions: table.Pool
    bearers: table.Pool
    tunnels: table.Pool
    controls: table.Pool
    transactions: table.Pool
    peers: table.Pool
    assemblies: np.ndarray
    """ASSEMBLY[n]"""
    assembly_data: np.ndarray
    """uint8[n, ASSEMBLY_OCTETS]"""
    apns: np.ndarray
    """uint8[n, APN_OCTETS]: length in octet 0"""
    apn_index: table.Pool
    ledger: np.ndarray
    scratch: Signalling
    """where reassembled datagrams are decoded"""
    out: Out


def allocate(
    window_ns: int,
    limits: Limits | None = None,
    shard: int = 0,
    shards: int = 1,
    lateness_ns: int = 2 * SECOND,
    rows: int = 1 << 14,
) -> Shard:
    """A fresh shard. `window_ns` and `lateness_ns` in ns; `rows` is how many rows wait per table before a write."""
    limits = limits or Limits()
    config = np.zeros(8, np.int64)
    config[WINDOW], config[LATENESS] = window_ns, lateness_ns
    config[IDLE_TCP], config[IDLE_OTHER] = 300 * SECOND, 60 * SECOND
    config[REQUEST_TIMEOUT] = 30 * SECOND
    config[SHARD], config[SHARDS] = shard, shards
    clock = np.zeros(16, np.int64)
    clock[WATERMARK], clock[PREVIOUS], clock[SWEEP_AT] = NONE, NONE, NONE
    rows = max(rows, 4 * MARGIN)
    bearers = limits.sessions + limits.sessions // 4
    return Shard(
        config,
        clock,
        table.allocate(state.FLOW, max(16, -(-limits.flows // shards))),
        table.allocate(state.UE, limits.sessions),
        table.allocate(state.SESSION, limits.sessions, indexed=False),
        table.allocate(state.BEARER, bearers, indexed=False),
        table.allocate(state.TUNNEL, 4 * bearers),
        table.allocate(state.CONTROL, 4 * limits.sessions),
        table.allocate(state.TRANSACTION, limits.transactions),
        table.allocate(state.PEER, 4096),
        np.zeros(ASSEMBLIES, state.ASSEMBLY),
        np.zeros((ASSEMBLIES, state.ASSEMBLY_OCTETS), np.uint8),
        np.zeros((limits.apns, APN_OCTETS), np.uint8),
        table.allocate(np.dtype([("hash", "u8")], align=True), limits.apns),
        np.zeros(LEDGER_ROWS, state.LEDGER),
        allocate_signalling(8),
        Out(
            np.zeros(rows, xdr.FLOW.dtype),
            np.zeros(rows, xdr.SESSION.dtype),
            np.zeros(rows, xdr.PRESENCE.dtype),
            np.zeros(rows, xdr.PROCEDURE.dtype),
            np.zeros(4, np.int64),
        ),
    )


@kernel
def owns(shard, row):  # type: ignore[no-untyped-def]
    """Whether this shard writes what row number `row` of a replicated table gives rise to."""
    return row % shard.config[SHARDS] == shard.config[SHARD]


@kernel
def window_of(shard, ts):  # type: ignore[no-untyped-def]
    """Start of the window that `ts` (ns) lies in, ns."""
    size = shard.config[WINDOW]
    return (ts // size) * size


@kernel
def full(shard):  # type: ignore[no-untyped-def]
    """Whether rows must be written before another packet is taken."""
    used = shard.out.used
    return (
        used[FLOW_ROWS] + MARGIN > len(shard.out.flow)
        or used[SESSION_ROWS] + MARGIN > len(shard.out.session)
        or used[PRESENCE_ROWS] + MARGIN > len(shard.out.presence)
        or used[PROCEDURE_ROWS] + MARGIN > len(shard.out.procedure)
    )


@kernel
def next_context(shard):  # type: ignore[no-untyped-def]
    """A number that names a state of a bearer; 0 is none."""
    shard.clock[CONTEXTS] += 1
    return shard.clock[CONTEXTS]
