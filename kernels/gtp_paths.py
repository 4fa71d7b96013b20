"""What ends sessions without a deletion.

A node that restarted (TS 23.007 §17), a user-plane endpoint that is gone (TS 29.281 §7.3.1).
"""

import numpy as np

from formats.records import FTEID_GN_GGSN_C
from formats.state import LEG_ACCESS, LEG_CORE
from formats.xdr import END_REASONS
from kernels import peers, sessions, tunnels
from kernels import shard as own
from kernels.hashing import tunnel_hash
from kernels.jit import part

PEER_RESTART, ERROR_INDICATION = END_REASONS.index("peer_restart"), END_REASONS.index("error_indication")


@part
def note_restart(shard, m):  # type: ignore[no-untyped-def]
    """A node whose restart counter changed has lost its sessions (TS 23.007 §17)."""
    hashed = tunnel_hash(m.src_hi, m.src_lo, np.int64(m.version))
    row = peers.find(shard, m.src_hi, m.src_lo, hashed)
    if row < 0:
        peers.enter(shard, m, hashed)
        return
    peer = own.peers(shard, 0)[row]
    if peer.recovery == m.recovery or m.ts < peer.checked_ts:
        return
    peer.recovery = m.recovery
    if m.ts - peer.checked_ts > 1_000_000_000:
        restart(shard, m.src_hi, m.src_lo, m.ts)
    peer.checked_ts = m.ts


@part
def restart(shard, hi, lo, ts):  # type: ignore[no-untyped-def]
    """End the sessions of UEs that have a control endpoint at the node."""
    for row in range(shard[own.CONTROLS + 0]):
        c = own.controls(shard, 0)[row]
        if c.used and c.hi == hi and c.lo == lo and c.superseded == 0:
            end_all(shard, np.int64(c.ue), hi, lo, c.interface == 7 or c.interface == FTEID_GN_GGSN_C, ts)


@part
def end_all(shard, ue_row, hi, lo, gateway_only, ts):  # type: ignore[no-untyped-def]
    """End the UE's sessions, or those at one gateway."""
    for k in range(16):
        row = np.int64(own.ues(shard, 0)[ue_row].bearer[k])
        if row >= 0:
            session_row = np.int64(own.bearers(shard, 0)[row].session)
            s = own.sessions(shard, 0)[session_row]
            if s.start < ts and (not gateway_only or (s.gateway_hi == hi and s.gateway_lo == lo)):
                sessions.end_session(shard, session_row, ts, PEER_RESTART, 0, -1, 1)


@part
def error_indication(shard, p):  # type: ignore[no-untyped-def]
    """GTP-U Error Indication (TS 29.281 §7.3.1): the endpoint (src, teid) of packet row `p` does not exist any more."""
    row = tunnels.find(
        shard, own.TUNNELS, own.tunnels(shard, 0), p.src_hi, p.src_lo, p.teid, tunnel_hash(p.src_hi, p.src_lo, p.teid)
    )
    if row < 0 or own.tunnels(shard, 0)[row].closed_ts <= p.ts:
        return
    t = own.tunnels(shard, 0)[row]
    bearer_row = np.int64(t.bearer)
    b = own.bearers(shard, 0)[bearer_row]
    if b.ended:
        return
    if tunnels.RADIO_SIDE[t.interface] and t.leg == LEG_ACCESS and t.interface < 200:
        sessions.release(shard, bearer_row, p.ts, 0, -1, 1)
    elif t.leg == LEG_ACCESS or t.leg == LEG_CORE:
        sessions.end_session(shard, np.int64(b.session), p.ts, ERROR_INDICATION, 0, -1, 1)
