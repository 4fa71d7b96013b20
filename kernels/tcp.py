"""TCP as seen by a probe in the middle: handshake, sequence, acknowledgement (RFC 9293, RFC 6298 §3 for Karn's rule).

`f` is a FLOW row, `d` the direction of the packet `p` (0: a -> b), `o` the other one. Sequence numbers wrap: they are
compared by their signed 32-bit difference. A capture may start mid-flow and may hold one direction only.

A segment that starts below what was already seen is one of
- keep-alive: at most one octet, just below the next sequence number;
- out of order: fills a hole younger than the reordering time (the handshake's round trip, 3 ms where unknown);
- retransmitted: fills an older hole (lost before the probe) or repeats bytes that the probe saw (lost behind it);
- duplicate: the same segment with the same IP identification (copied by the network or by the tap).
"""

import numpy as np

from formats.state import (
    CLOSED_FIN,
    CLOSED_RST,
    HANDSHAKE_DONE,
    HANDSHAKE_NONE,
    HANDSHAKE_SYN,
    HANDSHAKE_SYN_ACK,
    HOLES,
)
from kernels.jit import part

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
REORDERING = 3_000_000  # ns
BEFORE = 0x10_0000  # octets before the first one seen that may still come, where a capture starts mid-flow
REPEATED = 0x100_0000  # octets after a SYN, up to which the same SYN may come again
SUCCESS, REFUSED, NO_ANSWER, CLIENT_ABORT, HALF_OPEN = 1, 2, 3, 4, 5  # indices of xdr.CONNECT_OUTCOMES
ONE = 0xFFFF_FFFF


@part
def ahead(a, b):  # type: ignore[no-untyped-def]
    """How far sequence number `a` lies ahead of `b`, -2^31 .. 2^31 - 1."""
    distance = (np.int64(a) - np.int64(b)) & ONE
    return distance - 0x1_0000_0000 if distance >= 0x8000_0000 else distance


@part
def open_hole(f, d, start, end, ts):  # type: ignore[no-untyped-def]
    """Remember that [start, end) was passed over at `ts`; the oldest hole makes room."""
    base = d * HOLES
    count = np.int64(f.hole_count[d])
    if count == HOLES:
        for k in range(HOLES - 1):
            f.hole_start[base + k] = f.hole_start[base + k + 1]
            f.hole_end[base + k] = f.hole_end[base + k + 1]
            f.hole_ts[base + k] = f.hole_ts[base + k + 1]
        count -= 1
    f.hole_start[base + count] = start & ONE
    f.hole_end[base + count] = end & ONE
    f.hole_ts[base + count] = ts
    f.hole_count[d] = count + 1


@part
def drop_hole(f, d, at):  # type: ignore[no-untyped-def]
    """Forget hole `at` of direction `d`."""
    base = d * HOLES
    count = np.int64(f.hole_count[d]) - 1
    for k in range(at, count):
        f.hole_start[base + k] = f.hole_start[base + k + 1]
        f.hole_end[base + k] = f.hole_end[base + k + 1]
        f.hole_ts[base + k] = f.hole_ts[base + k + 1]
    f.hole_count[d] = count


@part
def fill_hole(f, d, start, end):  # type: ignore[no-untyped-def]
    """When the hole that [start, end) falls into was opened, or -1. The hole shrinks by what was filled."""
    base = d * HOLES
    for k in range(np.int64(f.hole_count[d])):
        low, high = np.int64(f.hole_start[base + k]), np.int64(f.hole_end[base + k])
        if ahead(start, low) >= 0 and ahead(high, start) > 0:
            opened = f.hole_ts[base + k]
            head, tail = ahead(start, low), ahead(high, end)
            if head == 0 and tail <= 0:
                drop_hole(f, d, k)
            elif head == 0:
                f.hole_start[base + k] = end & ONE
            else:
                f.hole_end[base + k] = start & ONE
                if tail > 0:
                    open_hole(f, d, end, high, opened)
            return opened
    return np.int64(-1)


@part
def below(f, d, p, end):  # type: ignore[no-untyped-def]
    """A segment with octets that starts below the next sequence number: what was it?"""
    opened = fill_hole(f, d, np.int64(p.seq), end)
    if opened >= 0 and p.ts - opened < f.reordering:
        f.out_of_order[d] += 1
    elif (
        opened < 0
        and p.ip_id != 0
        and p.ip_id == f.last_id[d]
        and p.seq == f.last_seq[d]
        and p.payload == f.last_payload[d]
    ):
        f.duplicate[d] += 1
    else:
        f.retransmitted[d] += 1
        f.retransmitted_bytes[d] += np.int64(p.payload)
    if f.probe_ts[d] != 0 and ahead(p.seq, f.probe_seq[d]) < 0:
        f.probe_ts[d] = 0  # Karn: an acknowledgement would be ambiguous


@part
def octets(f, d, p):  # type: ignore[no-untyped-def]
    """Sequence accounting of a segment with payload or FIN."""
    fin = np.int64(p.tcp_flags & FIN)
    end = (np.int64(p.seq) + np.int64(p.payload) + fin) & ONE
    if f.seen[d] == 0:
        f.seen[d] = 1
        f.next_seq[d] = end
        open_hole(f, d, np.int64(p.seq) - BEFORE, np.int64(p.seq), p.ts)
        return
    distance = ahead(p.seq, f.next_seq[d])
    if distance >= 0:
        if distance > 0:
            f.holes[d] += 1
            open_hole(f, d, np.int64(f.next_seq[d]), np.int64(p.seq), p.ts)
        f.next_seq[d] = end
        if f.probe_ts[d] == 0 and p.payload > 0:
            f.probe_seq[d] = end
            f.probe_ts[d] = p.ts
    elif p.payload > 1 or (p.payload == 1 and distance != -1):
        below(f, d, p, end)
        if ahead(end, f.next_seq[d]) > 0:
            f.next_seq[d] = end


@part
def acknowledgement(f, d, o, p):  # type: ignore[no-untyped-def]
    """An ACK of side `d` closes the round trip of a segment that side `o` sent."""
    if f.acked[d] == 0 or ahead(p.ack, f.last_ack[d]) > 0:
        f.acked[d] = 1
        f.last_ack[d] = p.ack
        if f.probe_ts[o] != 0 and ahead(p.ack, f.probe_seq[o]) >= 0:
            if p.ts >= f.probe_ts[o]:
                f.rtt_sum[o] += p.ts - f.probe_ts[o]
                f.rtt_count[o] += 1
            f.probe_ts[o] = 0


@part
def decide(f, outcome):  # type: ignore[no-untyped-def]
    """The handshake's outcome is known: it goes with its first SYN."""
    f.handshake = HANDSHAKE_DONE
    f.outcome = outcome
    f.connect_ts = f.first_syn_ts


@part
def syn(f, d, p):  # type: ignore[no-untyped-def]
    """SYN and SYN-ACK: sequence start (unless repeated behind octets that followed it), times of both legs."""
    start = (np.int64(p.seq) + 1 + np.int64(p.payload)) & ONE
    if f.seen[d] == 0 or not 0 <= ahead(f.next_seq[d], start) < REPEATED:
        f.seen[d] = 1
        f.next_seq[d] = start
        f.hole_count[d] = 0
    if p.tcp_flags & ACK == 0:
        if f.handshake == HANDSHAKE_NONE:
            f.handshake = HANDSHAKE_SYN
            f.first_syn_ts = p.ts
            f.connect_cell, f.connect_rat = f.cell, f.rat
            f.initiator = d
        if f.handshake == HANDSHAKE_SYN and d == f.initiator:
            f.syn_ts = p.ts
            f.syn_count = min(np.int64(f.syn_count) + 1, 255)
    elif d != f.initiator and (f.handshake == HANDSHAKE_SYN or f.handshake == HANDSHAKE_SYN_ACK):
        if f.handshake == HANDSHAKE_SYN and f.syn_count == 1 and p.ts >= f.syn_ts:
            f.rtt_handshake[0] = p.ts - f.syn_ts
        f.handshake = HANDSHAKE_SYN_ACK
        f.syn_ack_ts = p.ts
        f.syn_ack_count = min(np.int64(f.syn_ack_count) + 1, 255)


@part
def handshake(f, d, p):  # type: ignore[no-untyped-def]
    """Packets without SYN while the handshake is open: its third step, or its failure.

    An ACK of the initiator shows that it was answered, even where the answer was not captured.
    """
    if p.tcp_flags & RST:
        decide(f, CLIENT_ABORT if d == f.initiator else REFUSED)
    elif d == f.initiator and p.tcp_flags & ACK:
        if f.syn_ack_count == 1 and p.ts >= f.syn_ack_ts:
            f.rtt_handshake[1] = p.ts - f.syn_ack_ts
            if f.syn_count == 1 and f.syn_ack_ts >= f.syn_ts:
                f.reordering = p.ts - f.syn_ts
        decide(f, SUCCESS)


@part
def segment(f, d, p):  # type: ignore[no-untyped-def]
    """Account one TCP packet `p` of direction `d` to its flow. About 12 ns when the row is in the cache."""
    o = 1 - d
    flags = np.int64(p.tcp_flags)
    if flags & SYN:
        syn(f, d, p)
    else:
        if f.handshake == HANDSHAKE_SYN or f.handshake == HANDSHAKE_SYN_ACK:
            handshake(f, d, p)
        if p.payload > 0 or flags & FIN:
            octets(f, d, p)
        if p.window == 0 and flags & (RST | FIN) == 0:
            f.zero_window[d] += 1
    if flags & ACK:
        acknowledgement(f, d, o, p)
    if p.payload > 0:
        f.last_id[d] = p.ip_id
        f.last_seq[d] = p.seq
        f.last_payload[d] = min(np.int64(p.payload), 0xFFFF)
    if flags & RST:
        f.resets[d] += 1
        f.closed = CLOSED_RST
    elif flags & FIN:
        f.fin[d] = 1
        if f.fin[o] and f.closed == 0:
            f.closed = CLOSED_FIN
