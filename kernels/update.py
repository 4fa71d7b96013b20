"""The stage that remembers: packets in order of time, each shard its own share.

For each packet: the clock, the ledger, and by kind either the signalling it carries is applied, or its tunnel is looked
up, the packet credited to its bearer and to its connection. Table lines of the packets to come are fetched ahead.
"""

import numpy as np

from formats.reasons import GTPC_FRAGMENT, SECOND_LEG
from formats.records import KIND_MESSAGES, KIND_PIECE, KIND_TUNNEL, KIND_USER
from formats.state import FLOW, LEG_FORWARDING
from kernels import (
    flow,
    gtp_control,
    gtp_paths,
    gtpc,
    ledger,
    presence,
    reassembly,
    sessions,
    sweep,
    transactions,
    tunnels,
)
from kernels import shard as own
from kernels.flow import TCP
from kernels.gtp_context import NO_DIGITS
from kernels.hashing import tunnel_hash
from kernels.jit import inlined, part
from kernels.octets import be16
from kernels.prefetch import prefetch_row, prefetch_rows_line
from kernels.shard import HINTS, LINGER, NONE, PREVIOUS, SHARD, SWEEP_AT, SWEEP_STAGE, WATERMARK, full, owns
from kernels.table import CAPACITY, FREE, HIGH, LINE, candidate, free_list, index_of, tag_of

AHEAD_SLOT, AHEAD_ROW, AHEAD_NEXT, AHEAD_LAST = 32, 16, 8, 4  # packets between asking for it and its use
FLOW_LINES, TCP_LINES, ALL_LINES = 3, 4, FLOW.itemsize // LINE  # of a FLOW row that packets touch
TRANSACTION_LINES, UE_LINES, BEARER_LINES = 2, 2, 3
USUAL_EBI = 5  # the first that is given out (TS 24.007 §11.2.3.1.5)
LAST_HINT = HINTS - 1
NO_ROW, ANOTHERS = -1, -2  # hints: a connection that is not there yet, one that another shard owns
CHECK = 31  # rows to be written are looked at every 32 packets
END_MARKER, ERROR_INDICATION = 254, 26


@inlined
def fetch_slot(shard, base, hashed):  # type: ignore[no-untyped-def]
    """Fetch the index slot in which a search for `hashed` begins."""
    index = index_of(shard, base)
    prefetch_row(index, tag_of(hashed) & (len(index) - 1))


@inlined
def likely_row(shard, base, hashed):  # type: ignore[no-untyped-def]
    """The row that a search for `hashed` will most likely find, -1 for none."""
    index = index_of(shard, base)
    tag = tag_of(hashed)
    _, row = candidate(index, tag, tag & (len(index) - 1))
    return row


@inlined
def fetch_slots(shard, sig, p):  # type: ignore[no-untyped-def]
    """Fetch the index slots that `p` will ask for."""
    if p.kind == KIND_MESSAGES:
        m = sig.messages[p.payload]
        fetch_slot(shard, own.TRANSACTIONS, transactions.hash_seen(m))
        fetch_slot(shard, own.CONTROLS, tunnel_hash(m.dst_hi, m.dst_lo, m.teid))
        if m.imsi != NO_DIGITS:
            fetch_slot(shard, own.UES, sessions.digits_hash(m.imsi))
        for k in range(m.first_fteid, m.first_fteid + m.fteid_count):
            e = sig.fteids[k]
            base = own.CONTROLS if tunnels.CONTROL_PLANE[e.interface] else own.TUNNELS
            fetch_slot(shard, base, tunnel_hash(e.hi, e.lo, e.teid))
    else:
        if owns(shard, np.int64(p.shard_hash)):
            fetch_slot(shard, own.FLOWS, p.flow_hash)
        if p.tunnel_hash != 0:
            fetch_slot(shard, own.TUNNELS, p.tunnel_hash)


@inlined
def fetch_fresh(shard):  # type: ignore[no-untyped-def]
    """Fetch the row that the next connection will be given: it is written from end to end."""
    free = shard[own.FLOWS + FREE]
    row = np.int64(free_list(shard, own.FLOWS)[free - 1]) if free > 0 else shard[own.FLOWS + HIGH]
    if row < shard[own.FLOWS + CAPACITY]:
        for line in range(ALL_LINES):
            prefetch_rows_line(own.flows(shard, 0), row, line)


@inlined
def fetch_user_rows(shard, p, hint):  # type: ignore[no-untyped-def]
    """Fetch the rows of the connection and the tunnel of user packet `p`, and remember them at `hint`."""
    row = np.int64(ANOTHERS)
    if owns(shard, np.int64(p.shard_hash)):
        row = likely_row(shard, own.FLOWS, p.flow_hash)
        if row >= 0:
            for line in range(TCP_LINES if p.ip_protocol == TCP else FLOW_LINES):
                prefetch_rows_line(own.flows(shard, 0), row, line)
        else:
            fetch_fresh(shard)
    shard[own.FLOW_HINTS + hint] = row
    if p.tunnel_hash != 0:
        row = likely_row(shard, own.TUNNELS, p.tunnel_hash)
        shard[own.TUNNEL_HINTS + hint] = row
        if row >= 0:
            prefetch_row(own.tunnels(shard, 0), row)


@inlined
def fetch_message_rows(shard, m, hint):  # type: ignore[no-untyped-def]
    """Fetch the rows of the transaction and of the control endpoint of message `m`; remember the latter at `hint`."""
    row = likely_row(shard, own.TRANSACTIONS, transactions.hash_seen(m))
    if row >= 0:
        for line in range(TRANSACTION_LINES):
            prefetch_rows_line(own.transactions(shard, 0), row, line)
    row = likely_row(shard, own.CONTROLS, tunnel_hash(m.dst_hi, m.dst_lo, m.teid))
    shard[own.FLOW_HINTS + hint] = row
    if row >= 0:
        prefetch_row(own.controls(shard, 0), row)


@inlined
def fetch_rows(shard, sig, p, hint):  # type: ignore[no-untyped-def]
    """Fetch the rows that `p` will most likely ask for."""
    shard[own.FLOW_HINTS + hint] = -1
    shard[own.TUNNEL_HINTS + hint] = -1
    if p.kind == KIND_USER:
        fetch_user_rows(shard, p, hint)
    elif p.kind == KIND_MESSAGES:
        fetch_message_rows(shard, sig.messages[p.payload], hint)


@inlined
def fetch_next(shard, p, hint):  # type: ignore[no-untyped-def]
    """Fetch what those rows lead to: the bearer of a tunnel, the UE of a control endpoint."""
    row = shard[own.TUNNEL_HINTS + hint]
    if row >= 0:
        bearer = np.int64(own.tunnels(shard, 0)[row].bearer)
        prefetch_row(own.bearers(shard, 0), bearer)
        if shard[own.FLOW_HINTS + hint] == NO_ROW:
            prefetch_rows_line(own.bearers(shard, 0), bearer, 1)
    elif p.kind == KIND_MESSAGES and shard[own.FLOW_HINTS + hint] >= 0:
        ue = np.int64(own.controls(shard, 0)[shard[own.FLOW_HINTS + hint]].ue)
        for line in range(UE_LINES):
            prefetch_rows_line(own.ues(shard, 0), ue, line)


@inlined
def fetch_last(shard, p, hint):  # type: ignore[no-untyped-def]
    """Fetch what those lead to: the session that a new connection copies from, the first bearer of a UE."""
    row = shard[own.TUNNEL_HINTS + hint]
    if row >= 0:
        if shard[own.FLOW_HINTS + hint] == NO_ROW:
            bearer = own.bearers(shard, 0)[own.tunnels(shard, 0)[row].bearer]
            prefetch_row(own.sessions(shard, 0), np.int64(bearer.session))
    elif p.kind == KIND_MESSAGES and shard[own.FLOW_HINTS + hint] >= 0:
        ue = own.ues(shard, 0)[own.controls(shard, 0)[shard[own.FLOW_HINTS + hint]].ue]
        bearer = np.int64(ue.bearer[USUAL_EBI])
        if bearer >= 0:
            for line in range(BEARER_LINES):
                prefetch_rows_line(own.bearers(shard, 0), bearer, line)


@part
def counts_here(bearer, leg, ts):  # type: ignore[no-untyped-def]
    """Whether this side of the gateway is the one that counts: that of the first packet, until it falls silent."""
    if bearer.leg == leg or bearer.leg < 0 or ts - bearer.last_ts > LINGER:
        bearer.leg = leg
        return True
    return False


@part
def user(shard, p, first, hint):  # type: ignore[no-untyped-def]
    """A packet of the user plane; its rows are most likely those remembered at `hint`."""
    bearer_row, direction = np.int64(-1), np.int64(-1)
    reason = np.int64(p.reason)
    if p.tunnel_hash != 0:
        row = tunnels.lookup(shard, p, shard[own.TUNNEL_HINTS + hint])
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
        flow.update(shard, p, bearer_row, direction, shard[own.FLOW_HINTS + hint])


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
def packet(shard, sig, scratch, p, hint):  # type: ignore[no-untyped-def]
    """One packet of any kind, whose rows were remembered at `hint`."""
    first = shard[SHARD] == 0
    if p.kind == KIND_USER:
        user(shard, p, first, hint)
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
def fetch_first(shard, packets, order, begin, end, sig):  # type: ignore[no-untyped-def]
    """Ask for the rows of the first packets of a stretch; the others are asked for as it goes on."""
    for i in range(begin, min(begin + AHEAD_ROW, end)):
        fetch_rows(shard, sig, packets[order[i]], i & LAST_HINT)


@part
def step(shard, packets, order, i, end, sig, scratch):  # type: ignore[no-untyped-def]
    """Take packets[order[i]]; False where rows must be written first."""
    if i + AHEAD_SLOT < end:
        fetch_slots(shard, sig, packets[order[i + AHEAD_SLOT]])
    if i + AHEAD_ROW < end:
        fetch_rows(shard, sig, packets[order[i + AHEAD_ROW]], (i + AHEAD_ROW) & LAST_HINT)
        fetch_next(shard, packets[order[i + AHEAD_NEXT]], (i + AHEAD_NEXT) & LAST_HINT)
        fetch_last(shard, packets[order[i + AHEAD_LAST]], (i + AHEAD_LAST) & LAST_HINT)
    p = packets[order[i]]
    if (i & CHECK == 0 or p.kind != KIND_USER) and full(shard):
        return False
    if sweep.tick(shard, p.ts):
        sweep.start(shard, 0)
        if not sweep.go_on(shard):
            # the clock has moved: this packet is taken when the sweep is done
            return False
    packet(shard, sig, scratch, p, i & LAST_HINT)
    return True


@part
def update(shard, packets, order, begin, end, sig, scratch):  # type: ignore[no-untyped-def]
    """Take packets[order[begin:end]]; returns the first not taken: rows must be written before it.

    shard: Shard; packets: PACKET[n]; order: int32[n], by time; sig: Signalling that their rows point into;
    scratch: Signalling in which reassembled datagrams are decoded.
    """
    if shard[SWEEP_STAGE] != 0 and not sweep.go_on(shard):
        return begin
    fetch_first(shard, packets, order, begin, end, sig)
    for i in range(begin, end):
        if not step(shard, packets, order, i, end, sig, scratch):
            return i
    return end


@part
def drain(shard):  # type: ignore[no-untyped-def]
    """End of input: end everything. False: rows must be written first, then call again."""
    if shard[SWEEP_STAGE] == 0:
        sweep.start(shard, 1)
    return sweep.go_on(shard)


@part
def advance(shard, now):  # type: ignore[no-untyped-def]
    """Time goes on without packets (a silent link): the clock is at least `now` ns. False: rows must be written first,
    then call again."""
    if shard[SWEEP_STAGE] == 0:
        if now <= shard[WATERMARK] or shard[WATERMARK] == NONE:
            return True
        shard[PREVIOUS] = shard[WATERMARK] = now
        if shard[SWEEP_AT] == NONE or now < shard[SWEEP_AT]:
            return True
        sweep.start(shard, 0)
    return sweep.go_on(shard)
