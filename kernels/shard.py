"""What one shard owns: its tables, its clock, the rows it has ready to be written.

Every shard sees every packet and applies all signalling, so its sessions and tunnels are the same as any other's;
flows are kept by the shard that owns their inner addresses, and a session's, bearer's or transaction's rows are
written by the shard that its row number falls to. So one worker or sixty-four write the same rows.

To kernels a shard is one int64 array: configuration, clock, a pool per table, and where its other arrays lie. The
functions here that are named like tables give their rows.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from formats import state, xdr
from kernels import table
from kernels.jit import inlined, part
from kernels.memory import view
from kernels.table import POOL_WORDS

# Configuration
WINDOW, LATENESS, IDLE_TCP, IDLE_OTHER, REQUEST_TIMEOUT, SHARD, SHARDS = range(7)

# Clock and counters
WATERMARK, PREVIOUS, SWEEP_AT, SWEEP_STAGE, SWEEP_ROW, SWEEP_NOW = range(16, 22)
CONTEXTS, DRAINING, LAST_LEDGER, LEDGER_USED, EVENT_AT, RESET_AT = range(22, 28)
HAND, TRANSACTION_HAND, RAN_HAND, TMSI_HAND, PFCP_HAND, IDENTITY_HAND = range(47, 53)
"""Where the search for a row to be evicted goes on, by table; `HAND` is that of connections."""

# Rows ready to be written, per table; room for them; where they lie
FLOW_ROWS, SESSION_ROWS, PRESENCE_ROWS, PROCEDURE_ROWS = range(32, 36)
OUT_ROOM = 36
OUT_FLOW, OUT_SESSION, OUT_PRESENCE, OUT_PROCEDURE = range(37, 41)
APN_TEXT, ASSEMBLY, ASSEMBLY_DATA, ASSEMBLY_SLOTS, LEDGER, LEDGER_SLOTS = range(41, 47)

# Pools
POOLS = 15
(
    FLOWS, UES, SESSIONS, BEARERS, TUNNELS, CONTROLS, TRANSACTIONS, PEERS, APNS, RANS, RAN_CORES, TMSIS, PFCPS,
    PFCP_SEIDS, IDENTITIES,
) = (64 + POOL_WORDS * k for k in range(POOLS))  # fmt: skip
HINTS = 32
"""Packets ahead whose rows are remembered once they were asked for."""
FLOW_HINTS = 64 + POOL_WORDS * POOLS
TUNNEL_HINTS = FLOW_HINTS + HINTS
WORDS = TUNNEL_HINTS + HINTS

SECOND = 1_000_000_000
LINGER = 5 * SECOND  # late packets of a tunnel, session or closed connection still belong to it
SWEEP_EVERY = 30 * SECOND
ORPHAN = 2 * SECOND  # an answer captured this long before its request still belongs to it
SESSION_IDLE = 24 * 3600 * SECOND
ACTIVE_TAIL = SECOND // 10
NONE = -(2**62)  # no time yet

PAGE = 4096
APN_OCTETS = 104
LEDGER_ENTRIES = 4096
ASSEMBLIES = 64
MARGIN = 2048  # rows that a few packets or one swept row may add at most, per table
# The most: 32 packets, each of another bearer that has `presence.ROLLS` windows to catch up with.

_APN_ROW = np.dtype([("hash", "u8")], align=True)


class Limits(NamedTuple):
    """How many rows each table may hold."""

    flows: int = 1 << 20
    sessions: int = 1 << 18
    transactions: int = 1 << 18
    apns: int = 4096


class Shard:
    """Keeps alive what the words of a shard point to; `words` int64[WORDS] is what kernels take."""

    def __init__(
        self,
        window_ns: int,
        limits: Limits | None = None,
        shard: int = 0,
        shards: int = 1,
        lateness_ns: int = 2 * SECOND,
        rows: int = 1 << 14,
    ) -> None:
        """A fresh shard. `window_ns`, `lateness_ns` in ns; `rows`: how many rows wait per table before a write."""
        limits = limits or Limits()
        words = self.words = np.zeros(WORDS, np.int64)
        words[WINDOW], words[LATENESS] = window_ns, lateness_ns
        words[IDLE_TCP], words[IDLE_OTHER], words[REQUEST_TIMEOUT] = 300 * SECOND, 60 * SECOND, 30 * SECOND
        words[SHARD], words[SHARDS] = shard, shards
        words[WATERMARK] = words[PREVIOUS] = words[SWEEP_AT] = NONE
        bearers = limits.sessions + limits.sessions // 4
        by_word = {
            at: table.allocate(words[at : at + POOL_WORDS], dtype, capacity, indexed)
            for at, dtype, capacity, indexed in (
                (FLOWS, state.FLOW, max(16, -(-limits.flows // shards)), True),
                (UES, state.UE, limits.sessions, True),
                (SESSIONS, state.SESSION, limits.sessions, False),
                (BEARERS, state.BEARER, bearers, False),
                (TUNNELS, state.TUNNEL, 4 * bearers, True),
                (CONTROLS, state.CONTROL, 4 * limits.sessions, True),
                (TRANSACTIONS, state.TRANSACTION, limits.transactions, True),
                (PEERS, state.PEER, 4096, True),
                (APNS, _APN_ROW, limits.apns, True),
                (RANS, state.RAN_CONTEXT, limits.sessions, True),
                (RAN_CORES, state.RAN_CORE, limits.sessions, True),
                (PFCPS, state.PFCP_SESSION, limits.sessions, False),
                (PFCP_SEIDS, state.PFCP_SEID, 2 * limits.sessions, True),
                (IDENTITIES, state.IDENTITY, 2 * limits.sessions, True),
                (TMSIS, state.TMSI, 4 * limits.sessions, True),
            )
        }
        self._pools = [by_word[FLOWS + POOL_WORDS * k] for k in range(POOLS)]
        room = max(rows, 4 * MARGIN)
        self.flow, self.session = np.zeros(room, xdr.FLOW.dtype), np.zeros(room, xdr.SESSION.dtype)
        self.presence = np.zeros(room, xdr.PRESENCE.dtype)
        self.procedure = np.zeros(room, xdr.PROCEDURE.dtype)
        self.apn_text = np.zeros((limits.apns, APN_OCTETS), np.uint8)
        self.assemblies = np.zeros(ASSEMBLIES, state.ASSEMBLY)
        self.assembly_data = np.zeros((ASSEMBLIES, state.ASSEMBLY_OCTETS), np.uint8)
        self.ledger = np.zeros(LEDGER_ENTRIES, state.LEDGER)
        words[OUT_ROOM], words[ASSEMBLY_SLOTS], words[LEDGER_SLOTS] = room, ASSEMBLIES, LEDGER_ENTRIES
        for word, array in (
            (OUT_FLOW, self.flow), (OUT_SESSION, self.session), (OUT_PRESENCE, self.presence),
            (OUT_PROCEDURE, self.procedure), (APN_TEXT, self.apn_text), (ASSEMBLY, self.assemblies),
            (ASSEMBLY_DATA, self.assembly_data), (LEDGER, self.ledger),
        ):  # fmt: skip
            words[word] = array.ctypes.data

    def touch(self) -> None:
        """Ask the system for every page of the tables now, so that no packet waits for one."""
        for array in (array for pool in self._pools for array in pool):
            array.view(np.uint8)[::PAGE] = 0

    def pool(self, at: int) -> tuple[np.ndarray, ...]:
        """The arrays of the pool at word `at`: rows, index, free list, spare room."""
        return self._pools[(at - FLOWS) // POOL_WORDS]

    def tables(self) -> Iterator[tuple[str, int, np.ndarray]]:
        """(name, word, rows) of every table but that of connections: what signalling has told."""
        for at in (UES, SESSIONS, BEARERS, TUNNELS, CONTROLS, TRANSACTIONS, PEERS, APNS, RANS, RAN_CORES, TMSIS, PFCPS,
                   PFCP_SEIDS, IDENTITIES):  # fmt: skip
            yield f"pool_{(at - FLOWS) // POOL_WORDS}", at, self.pool(at)[0]

    @property
    def octets(self) -> int:
        """Memory of all tables, when all of their rows are in use."""
        outs = (self.flow, self.session, self.presence, self.procedure, self.apn_text, self.assembly_data)
        return sum(array.nbytes for pool in self._pools for array in pool) + sum(array.nbytes for array in outs)

    def apns(self) -> list[str]:
        """The access point names met so far, by their row."""
        rows = self.apn_text[: self.words[APNS]]
        return [bytes(row[1 : 1 + row[0]]).decode("utf-8", "replace") for row in rows]


# Each is a function (shard, 0) -> the rows of that table.
flows = view(state.FLOW, FLOWS + table.ROWS, FLOWS + table.CAPACITY)
ues = view(state.UE, UES + table.ROWS, UES + table.CAPACITY)
sessions = view(state.SESSION, SESSIONS + table.ROWS, SESSIONS + table.CAPACITY)
bearers = view(state.BEARER, BEARERS + table.ROWS, BEARERS + table.CAPACITY)
tunnels = view(state.TUNNEL, TUNNELS + table.ROWS, TUNNELS + table.CAPACITY)
controls = view(state.CONTROL, CONTROLS + table.ROWS, CONTROLS + table.CAPACITY)
transactions = view(state.TRANSACTION, TRANSACTIONS + table.ROWS, TRANSACTIONS + table.CAPACITY)
peers = view(state.PEER, PEERS + table.ROWS, PEERS + table.CAPACITY)
rans = view(state.RAN_CONTEXT, RANS + table.ROWS, RANS + table.CAPACITY)
ran_cores = view(state.RAN_CORE, RAN_CORES + table.ROWS, RAN_CORES + table.CAPACITY)
pfcps = view(state.PFCP_SESSION, PFCPS + table.ROWS, PFCPS + table.CAPACITY)
pfcp_seids = view(state.PFCP_SEID, PFCP_SEIDS + table.ROWS, PFCP_SEIDS + table.CAPACITY)
identities = view(state.IDENTITY, IDENTITIES + table.ROWS, IDENTITIES + table.CAPACITY)
tmsis = view(state.TMSI, TMSIS + table.ROWS, TMSIS + table.CAPACITY)
apns = view(np.dtype(np.uint8), APN_TEXT, APNS + table.CAPACITY, APN_OCTETS)
"""Access point names: length, octets."""
assemblies = view(state.ASSEMBLY, ASSEMBLY, ASSEMBLY_SLOTS)
assembly_data = view(np.dtype(np.uint8), ASSEMBLY_DATA, ASSEMBLY_SLOTS, state.ASSEMBLY_OCTETS)
ledger = view(state.LEDGER, LEDGER, LEDGER_SLOTS)
out_flow = view(xdr.FLOW.dtype, OUT_FLOW, OUT_ROOM)
out_session = view(xdr.SESSION.dtype, OUT_SESSION, OUT_ROOM)
out_presence = view(xdr.PRESENCE.dtype, OUT_PRESENCE, OUT_ROOM)
out_procedure = view(xdr.PROCEDURE.dtype, OUT_PROCEDURE, OUT_ROOM)


@inlined
def owns(shard, row):  # type: ignore[no-untyped-def]
    """Whether this shard writes what row number `row` of a replicated table gives rise to."""
    return shard[SHARDS] == 1 or row % shard[SHARDS] == shard[SHARD]


@inlined
def window_of(shard, ts):  # type: ignore[no-untyped-def]
    """Start of the window that `ts` (ns) lies in, ns."""
    size = shard[WINDOW]
    return (ts // size) * size


@inlined
def full(shard):  # type: ignore[no-untyped-def]
    """Whether rows must be written before another packet is taken."""
    most = max(max(shard[FLOW_ROWS], shard[SESSION_ROWS]), max(shard[PRESENCE_ROWS], shard[PROCEDURE_ROWS]))
    return most + MARGIN > shard[OUT_ROOM]


@part
def next_context(shard):  # type: ignore[no-untyped-def]
    """A number that names a state of a bearer; 0 is none."""
    shard[CONTEXTS] += 1
    return shard[CONTEXTS]
