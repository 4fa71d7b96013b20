"""Packets of the same time, put into one order whatever order they were captured or merged in.

Time stamps of a capture can be coarse, files can be split and merged, ports mirrored through several queues: equal
stamps say nothing of order. So that results do not depend on it, signalling goes before user packets (a tunnel is bound
before it is used), requests before answers, and the segments of a TCP connection in the order that its sequence and
acknowledgement numbers give: each end's octets advance one of the two, so their sum grows along the connection.
"""

import numpy as np

from formats.procedures import roles
from formats.records import KIND_MESSAGES, KIND_NONE, KIND_PIECE, KIND_SIGNALLING, KIND_USER
from kernels.jit import part
from kernels.tcp import ACK, RST, SYN, ahead

ROLE, _ = roles()
TCP = 6
INSERTION = 32


@part
def rank(p):  # type: ignore[no-untyped-def]
    """Kinds in the order in which they are taken."""
    if p.kind == KIND_MESSAGES:
        return 0
    if p.kind == KIND_PIECE:
        return 1
    return 4 if p.kind == KIND_NONE else 3 if p.kind == KIND_USER else 2


@part
def opening(p):  # type: ignore[no-untyped-def]
    """SYN, SYN-ACK, all else, RST."""
    if p.tcp_flags & SYN:
        return 1 if p.tcp_flags & ACK else 0
    return 3 if p.tcp_flags & RST else 2


@part
def sign(a, b):  # type: ignore[no-untyped-def]
    """-1, 0 or 1 as `a` is below, equal to or above `b`."""
    return np.int64(-1) if a < b else np.int64(1) if a > b else np.int64(0)


@part
def compare_segments(p, q):  # type: ignore[no-untyped-def]
    """Two packets of one connection."""
    if p.ip_protocol == TCP:
        c = sign(opening(p), opening(q))
        if c == 0:
            c = sign(ahead(np.int64(p.seq) + np.int64(p.ack), np.int64(q.seq) + np.int64(q.ack)), 0)
        if c == 0:
            c = sign(p.payload, q.payload)
        if c != 0:
            return c
    c = sign(p.src_lo, q.src_lo)
    if c == 0:
        c = sign(p.src_port, q.src_port)
    if c == 0:
        c = sign(p.ip_id, q.ip_id)
    return c if c != 0 else sign(p.length, q.length)


@part
def compare_messages(p, q, sig):  # type: ignore[no-untyped-def]
    """Two datagrams of signalling."""
    m, n = sig.messages[p.payload], sig.messages[q.payload]
    c = sign(ROLE[m.version, m.type], ROLE[n.version, n.type])
    if c == 0:
        c = sign(m.type, n.type)
    if c == 0:
        c = sign(m.src_lo, n.src_lo)
    if c == 0:
        c = sign(m.sequence, n.sequence)
    return c if c != 0 else sign(m.teid, n.teid)


@part
def compare(p, q, sig):  # type: ignore[no-untyped-def]
    """Which of two packets of the same time is taken first."""
    c = sign(rank(p), rank(q))
    if c != 0:
        return c
    if p.kind == KIND_SIGNALLING and q.kind == KIND_SIGNALLING:
        return c  # an association has an order of its own: as captured
    if p.kind == KIND_MESSAGES:
        c = compare_messages(p, q, sig)
    elif p.kind == KIND_USER:
        c = sign(p.flow_hash, q.flow_hash)
        if c == 0:
            c = compare_segments(p, q)
    if c == 0:
        c = sign(p.tunnel_hash, q.tunnel_hash)
    return c if c != 0 else sign(p.wire, q.wire)


@part
def insertion(packets, order, begin, end, sig):  # type: ignore[no-untyped-def]
    """Sort a short run."""
    for i in range(begin + 1, end):
        held = order[i]
        k = i
        while k > begin and compare(packets[held], packets[order[k - 1]], sig) < 0:
            order[k] = order[k - 1]
            k -= 1
        order[k] = held


@part
def merge(packets, order, spare, begin, middle, end, sig):  # type: ignore[no-untyped-def]
    """Merge two sorted neighbours."""
    for i in range(begin, end):
        spare[i] = order[i]
    left, right = begin, middle
    for i in range(begin, end):
        if left < middle and (right >= end or compare(packets[spare[left]], packets[spare[right]], sig) <= 0):
            order[i] = spare[left]
            left += 1
        else:
            order[i] = spare[right]
            right += 1


@part
def sort_run(packets, order, spare, begin, end, sig):  # type: ignore[no-untyped-def]
    """Sort order[begin:end], packets of one time."""
    for low in range(begin, end, INSERTION):
        insertion(packets, order, low, min(low + INSERTION, end), sig)
    width = np.int64(INSERTION)
    while width < end - begin:
        for low in range(begin, end - width, 2 * width):
            merge(packets, order, spare, low, low + width, min(low + 2 * width, end), sig)
        width *= 2


@part
def arrange(packets, begin, end, sig, order, spare):  # type: ignore[no-untyped-def]
    """Fill order[begin:end] (int32) with begin .. end - 1, runs of equal time sorted; `spare` int32[n] is scratch."""
    if end <= begin:
        return
    start = begin
    ts = packets[begin].ts
    order[begin] = begin
    for i in range(begin + 1, end):
        order[i] = i
        now = packets[i].ts
        if now != ts:
            if i - start > 1:
                sort_run(packets, order, spare, start, i, sig)
            start = i
            ts = now
    if end - start > 1:
        sort_run(packets, order, spare, start, end, sig)
