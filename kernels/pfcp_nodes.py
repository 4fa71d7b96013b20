"""PFCP nodes that restart or part: their sessions are gone (TS 23.527 §4.2, TS 29.244 §6.2.8, §8.2.65).

A node tells when it started with each Heartbeat and Association Setup. A later time than before means that it has lost
its sessions; those between it and the node that it tells end. So do those of an association that is released.
"""

import numpy as np

from formats.pfcp import ASSOCIATION_RELEASE_RESPONSE
from formats.xdr import END_REASONS, SOURCES
from kernels import identities, pfcp_sessions, sessions
from kernels import shard as own
from kernels.hashing import mix, tunnel_hash
from kernels.jit import part
from kernels.shard import RESET_AT, SECOND
from kernels.table import HIGH

DELETED, PEER_RESTART = END_REASONS.index("deleted"), END_REASONS.index("peer_restart")
PFCP_SOURCE, S1AP_SOURCE, NGAP_SOURCE = (SOURCES.index(name) for name in ("pfcp", "s1ap", "ngap"))
_STARTED = 4
RESETS = 64
"""Nodes that may be lost at once: each reads all sessions of PFCP. Beyond them one a second."""


@part
def started_hash(m):  # type: ignore[no-untyped-def]
    """Key of when the sender of `m` started, as told to its receiver: each pair hears it for itself."""
    return tunnel_hash(mix(m.src_hi, m.dst_hi), mix(m.src_lo, m.dst_lo), _STARTED)


@part
def hear_of_node(shard, m):  # type: ignore[no-untyped-def]
    """What `m` tells of the node that sent it."""
    if m.recovery >= 0:
        d = own.identities(shard, 0)[identities.enter(shard, started_hash(m), m.ts)]
        before = np.int64(d.session_id)
        d.session_id = max(before, np.int64(m.recovery))
        if 0 < before < m.recovery:
            end_all(shard, m, np.int64(PEER_RESTART), np.int64(1))
    if m.type == ASSOCIATION_RELEASE_RESPONSE and m.cause < 64:
        end_all(shard, m, np.int64(DELETED), np.int64(0))


@part
def end_all(shard, m, reason, dropped):  # type: ignore[no-untyped-def]
    """The sessions between the two nodes of `m` end, if PFCP or the radio side began them."""
    if shard[RESET_AT] - m.ts > RESETS * SECOND:
        return
    shard[RESET_AT] = max(shard[RESET_AT], m.ts) + SECOND
    nodes = identities.nodes_hash(m)
    for row in range(shard[own.PFCPS + HIGH]):
        p = own.pfcps(shard, 0)[row]
        if p.used and p.nodes == nodes:
            session_row = identities.session_of(shard, p)
            if session_row >= 0 and p.owner:
                source = own.sessions(shard, 0)[session_row].source
                if source == PFCP_SOURCE or source == NGAP_SOURCE or source == S1AP_SOURCE:
                    sessions.end_session(shard, session_row, m.ts, reason, 0, -1, dropped)
            pfcp_sessions.forget(shard, row)
