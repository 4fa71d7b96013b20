"""The stage that remembers: packets in order of time, each shard its own share.

For each packet: the clock, the ledger, and by kind either the signalling it carries is applied, or its tunnel is looked
up, the packet credited to its bearer and to its connection. Table lines of the packets to come are fetched ahead.
"""

import numpy as np

from formats.reasons import GTPC_FRAGMENT, SECOND_LEG
from formats.records import KIND_MESSAGES, KIND_PIECE, KIND_TUNNEL, KIND_USER
from formats.state import LEG_FORWARDING
from kernels import flow, gtp_control, gtp_paths, gtpc, ledger, presence, reassembly, sweep, tunnels
from kernels import shard as own
from kernels.jit import inlined, part
from kernels.octets import be16
from kernels.prefetch import prefetch_row, prefetch_rows_line
from kernels.shard import LINGER, SHARD, SWEEP_STAGE, full, owns
from kernels.table import ROW_MASK, index_of, tag_of

AHEAD_SLOT, AHEAD_ROW, AHEAD_BEARER, AHEAD_SESSION = 32, 16, 8, 4  # packets between asking for it and its use
FLOW_LINES = 3  # of a FLOW row that most packets touch
CHECK = 31  # rows to be written are looked at every 32 packets
END_MARKER, ERROR_INDICATION = 254, 26


@inlined
def fetch_slots(shard, p):  # type: ignore[no-untyped-def]
    """Fetch the index slots that `p` will ask for."""
    index = index_of(shard, own.FLOWS)
    prefetch_row(index, tag_of(p.flow_hash) & (len(index) - 1))
    if p.tunnel_hash != 0:
        index = index_of(shard, own.TUNNELS)
        prefetch_row(index, tag_of(p.tunnel_hash) & (len(index) - 1))


@inlined
def home_row(index, hashed):  # type: ignore[no-untyped-def]
    """The row that the home slot of a hash names, -1 where it is empty; most lookups end there."""
    return (index[tag_of(hashed) & (len(index) - 1)] & ROW_MASK) - 1


@inlined
def fetch_rows(shard, p):  # type: ignore[no-untyped-def]
    """Fetch the rows that `p` will most likely ask for."""
    row = home_row(index_of(shard, own.FLOWS), p.flow_hash)
    if row >= 0:
        for line in range(FLOW_LINES):
            prefetch_rows_line(own.flows(shard, 0), row, line)
    if p.tunnel_hash != 0:
        row = home_row(index_of(shard, own.TUNNELS), p.tunnel_hash)
        if row >= 0:
            prefetch_row(own.tunnels(shard, 0), row)


@inlined
def fetch_bearer(shard, p):  # type: ignore[no-untyped-def]
    """Fetch the bearer that the tunnel of `p` leads to."""
    if p.tunnel_hash != 0:
        row = home_row(index_of(shard, own.TUNNELS), p.tunnel_hash)
        if row >= 0:
            bearer = np.int64(own.tunnels(shard, 0)[row].bearer)
            prefetch_row(own.bearers(shard, 0), bearer)


@inlined
def fetch_session(shard, p):  # type: ignore[no-untyped-def]
    """Fetch the session that a connection will copy from if `p` begins one."""
    if p.tunnel_hash != 0 and home_row(index_of(shard, own.FLOWS), p.flow_hash) < 0:
        row = home_row(index_of(shard, own.TUNNELS), p.tunnel_hash)
        if row >= 0:
            bearer = own.bearers(shard, 0)[own.tunnels(shard, 0)[row].bearer]
            prefetch_row(own.sessions(shard, 0), np.int64(bearer.session))


@part
def counts_here(bearer, leg, ts):  # type: ignore[no-untyped-def]
    """Whether this side of the gateway is the one that counts: that of the first packet, until it falls silent."""
    if bearer.leg == leg or bearer.leg < 0 or ts - bearer.last_ts > LINGER:
        bearer.leg = leg
        return True
    return False


@part
def user(shard, p, first):  # type: ignore[no-untyped-def]
    """A packet of the user plane."""
    bearer_row, direction = np.int64(-1), np.int64(-1)
    reason = np.int64(p.reason)
    if p.tunnel_hash != 0:
        row = tunnels.lookup(shard, p.outer_dst_hi, p.outer_dst_lo, p.teid, p.tunnel_hash, p.ts)
        if row >= 0:
            t = own.tunnels(shard, 0)[row]
            bearer_row, direction = np.int64(t.bearer), np.int64(t.direction)
            if t.leg == LEG_FORWARDING or not counts_here(own.bearers(shard, 0)[bearer_row], np.int64(t.leg), p.ts):
                reason = np.int64(SECOND_LEG)
    if first:
        entry = ledger.count(shard, p, reason)
        if reason != SECOND_LEG:
            ledger.count_join(shard, entry, p, bearer_row >= 0)
    if reason == SECOND_LEG:
        return
    if bearer_row >= 0:
        bearer = own.bearers(shard, 0)[bearer_row]
        if owns(shard, bearer.session):
            presence.account(shard, bearer, p, direction)
        bearer.last_ts = max(bearer.last_ts, p.ts)
    if owns(shard, np.int64(p.shard_hash)):
        flow.update(shard, p, bearer_row, direction)


@part
def messages(shard, sig, p, begin, count, first, entry):  # type: ignore[no-untyped-def]
    """Apply the GTP-C messages of one datagram."""
    for k in range(begin, begin + count):
        interface, joined = gtp_control.apply(shard, sig, sig.messages[k])
        if first:
            ledger.count_message(shard, entry, joined, interface)


@part
def reassembled(shard, p, slot, out):  # type: ignore[no-untyped-def]
    """Decode a datagram put together from fragments; returns the number of its messages."""
    a = own.assemblies(shard, 0)[slot]
    data = own.assembly_data(shard, 0)[slot]
    for k in range(len(out.used)):
        out.used[k] = 0
    gtpc.decode_datagram(
        data, 8, np.int64(a.length), 0, p.ts, a.src_hi, a.src_lo, a.dst_hi, a.dst_lo, be16(data, 0), be16(data, 2), out
    )
    return out.used[0]


@part
def piece(shard, sig, scratch, p, first):  # type: ignore[no-untyped-def]
    """A fragment that may be signalling."""
    state, slot = reassembly.add(shard, sig.pieces[p.payload])
    reason = np.int64(p.reason) if state == reassembly.OTHER else np.int64(GTPC_FRAGMENT)
    entry = ledger.count(shard, p, reason) if first else np.int64(0)
    if state == reassembly.COMPLETE:
        count = reassembled(shard, p, slot, scratch)
        messages(shard, scratch, p, 0, count, first, entry)


@part
def packet(shard, sig, scratch, p):  # type: ignore[no-untyped-def]
    """One packet of any kind."""
    first = shard[SHARD] == 0
    if p.kind == KIND_USER:
        user(shard, p, first)
    elif p.kind == KIND_MESSAGES:
        entry = ledger.count(shard, p, np.int64(p.reason)) if first else np.int64(0)
        messages(shard, sig, p, np.int64(p.payload), np.int64(p.window), first, entry)
    elif p.kind == KIND_PIECE:
        piece(shard, sig, scratch, p, first)
    else:
        if first:
            ledger.count(shard, p, np.int64(p.reason))
        if p.kind == KIND_TUNNEL and p.gtpu_type == ERROR_INDICATION:
            gtp_paths.error_indication(shard, p)


@part
def update(shard, packets, order, begin, end, sig, scratch):  # type: ignore[no-untyped-def]
    """Take packets[order[begin:end]]; returns the first not taken: rows must be written before it.

    shard: Shard; packets: PACKET[n]; order: int32[n], by time; sig: Signalling that their rows point into;
    scratch: Signalling in which reassembled datagrams are decoded.
    """
    if shard[SWEEP_STAGE] != 0 and not sweep.go_on(shard):
        return begin
    for i in range(begin, end):
        if i + AHEAD_SLOT < end:
            fetch_slots(shard, packets[order[i + AHEAD_SLOT]])
            fetch_rows(shard, packets[order[i + AHEAD_ROW]])
            fetch_bearer(shard, packets[order[i + AHEAD_BEARER]])
            fetch_session(shard, packets[order[i + AHEAD_SESSION]])
        p = packets[order[i]]
        if (i & CHECK == 0 or p.kind != KIND_USER) and full(shard):
            return i
        if sweep.tick(shard, p.ts):
            sweep.start(shard, 0)
            if not sweep.go_on(shard):
                # the clock has moved: this packet is taken when the sweep is done
                return i
        packet(shard, sig, scratch, p)
    return end


@part
def drain(shard):  # type: ignore[no-untyped-def]
    """End of input: end everything. False: rows must be written first, then call again."""
    if shard[SWEEP_STAGE] == 0:
        sweep.start(shard, 1)
    return sweep.go_on(shard)
