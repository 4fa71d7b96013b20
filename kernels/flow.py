"""User-plane connections: find, account, cut, emit.

A connection is found by its inner addresses, ports and protocol, the same both ways. Its rows are cut where the
window, or the context (session, cell, RAT, QoS class) changes, so that each row belongs to one of each; TCP state
lives on across cuts. A packet of a window that its flow has left makes a row of its own (`late`), so that nothing
is credited to the wrong period. All times are those of packets: what a flow row says does not depend on when tables
are swept.
"""

import numpy as np

from formats.state import (
    ASK_DONE,
    ASK_NOTHING,
    ASK_SENT,
    CLOSED_FIN,
    CLOSED_RST,
    DOWN,
    HANDSHAKE_DONE,
    HANDSHAKE_NONE,
    HANDSHAKE_SYN,
    HANDSHAKE_SYN_ACK,
    UP,
)
from formats.xdr import END_REASONS, NEVER
from kernels import shard as own
from kernels import tcp
from kernels.jit import part
from kernels.shard import (
    FLOW_ROWS,
    HAND,
    IDLE_OTHER,
    IDLE_TCP,
    LINGER,
    NONE,
    SECOND,
    WATERMARK,
    WINDOW,
    window_of,
)
from kernels.table import HIGH, candidate, give, index_of, link, tag_of, take, unlink

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
IDLE = END_REASONS.index("idle")
FIN = END_REASONS.index("fin")
RST = END_REASONS.index("rst")
WINDOW_END = END_REASONS.index("window")
CELL_CHANGE = END_REASONS.index("cell_change")
SESSION_CHANGE = END_REASONS.index("session")
EVICTED = END_REASONS.index("evicted")
LATE = END_REASONS.index("late")

ANSWER_TIME = 10 * SECOND  # a SYN or SYN-ACK that is not answered for this long has no answer
THROUGHPUT_BYTES = 100_000
THROUGHPUT_TIME = SECOND // 10
PAIR = 2
EVICTION_LOOK = 8


@part
def a_first(p):  # type: ignore[no-untyped-def]
    """Whether the packet's source is endpoint a, the lower of (address, port)."""
    if p.src_hi != p.dst_hi:
        return p.src_hi < p.dst_hi
    if p.src_lo != p.dst_lo:
        return p.src_lo < p.dst_lo
    return p.src_port <= p.dst_port


@part
def same(f, p, forward):  # type: ignore[no-untyped-def]
    """Whether packet `p` belongs to flow `f`; `forward` as of `a_first`."""
    if f.protocol != p.ip_protocol:
        return False
    if forward:
        return (
            f.a_lo == p.src_lo
            and f.b_lo == p.dst_lo
            and f.a_port == p.src_port
            and f.b_port == p.dst_port
            and f.a_hi == p.src_hi
            and f.b_hi == p.dst_hi
        )
    return (
        f.a_lo == p.dst_lo
        and f.b_lo == p.src_lo
        and f.a_port == p.dst_port
        and f.b_port == p.src_port
        and f.a_hi == p.dst_hi
        and f.b_hi == p.src_hi
    )


@part
def find(shard, p, forward, hint):  # type: ignore[no-untyped-def]
    """Row of the flow that `p` belongs to, or -1; hint: the row that it most likely is, -1 where none is known."""
    rows = own.flows(shard, 0)
    if hint >= 0 and rows[hint].used and same(rows[hint], p, forward):
        return hint
    index = index_of(shard, own.FLOWS)
    tag = tag_of(p.flow_hash)
    mask = len(index) - 1
    slot, row = candidate(index, tag, tag & mask)
    while row >= 0:
        if same(rows[row], p, forward):
            return row
        slot, row = candidate(index, tag, (slot + 1) & mask)
    return np.int64(-1)


@part
def clear_row(f):  # type: ignore[no-untyped-def]
    """Zero what is counted per row."""
    for d in range(PAIR):
        f.bytes[d] = 0
        f.packets[d] = 0
        f.data_packets[d] = 0
        f.last_data_ts[d] = 0
        f.active[d] = 0
        f.first_bytes[d] = 0
        f.retransmitted[d] = 0
        f.retransmitted_bytes[d] = 0
        f.out_of_order[d] = 0
        f.duplicate[d] = 0
        f.holes[d] = 0
        f.zero_window[d] = 0
        f.resets[d] = 0
        f.rtt_sum[d] = 0
        f.rtt_count[d] = 0
        f.rtt_handshake[d] = -1
    f.outcome = 0
    f.first_byte = -1
    f.begun = 0
    f.noted = 0


@part
def clear_connection(f, p, forward):  # type: ignore[no-untyped-def]
    """A connection begins with packet `p`: nothing is known of it yet."""
    clear_row(f)
    for d in range(PAIR):
        f.seen[d] = 0
        f.acked[d] = 0
        f.fin[d] = 0
        f.hole_count[d] = 0
        f.probe_ts[d] = 0
        f.last_payload[d] = 0
        f.last_id[d] = 0
        f.teid[d] = -1
        f.outer_hi[d] = 0
        f.outer_lo[d] = 0
    f.handshake = HANDSHAKE_NONE
    f.closed = 0
    f.reordering = tcp.REORDERING
    f.syn_count = 0
    f.syn_ack_count = 0
    f.quic = 0
    f.begun = 1
    f.asked = ASK_NOTHING
    f.context = 0
    f.tunnelled = 0
    f.initiator = np.int64(not forward)
    f.ue_side = f.initiator


@part
def clear_context(f):  # type: ignore[no-untyped-def]
    """The row in the making belongs to no session."""
    f.imsi = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
    f.imei = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
    f.cell = 0
    f.session_id = 0
    f.gateway_hi = 0
    f.gateway_lo = 0
    f.apn = -1
    f.qos = -1
    f.rat = 0


@part
def copy_context(f, bearer, session):  # type: ignore[no-untyped-def]
    """The row in the making belongs to `bearer` of `session`."""
    f.imsi = session.imsi
    f.imei = session.imei
    f.cell = bearer.cell
    f.session_id = session.id
    f.gateway_hi = session.gateway_hi
    f.gateway_lo = session.gateway_lo
    f.apn = session.apn
    f.qos = bearer.qos
    f.rat = bearer.rat


@part
def write_identity(r, f):  # type: ignore[no-untyped-def]
    """The columns of an xDR row that say who, where and which connection."""
    ue = np.int64(f.ue_side)
    a = ue == 0
    r.imsi, r.imei, r.cell, r.rat = f.imsi, f.imei, f.cell, f.rat
    r.apn, r.qos_class, r.session_id = f.apn, f.qos, f.session_id
    r.gateway_hi, r.gateway_lo = f.gateway_hi, f.gateway_lo
    r.ue_ip_hi, r.ue_ip_lo = (f.a_hi, f.a_lo) if a else (f.b_hi, f.b_lo)
    r.server_ip_hi, r.server_ip_lo = (f.b_hi, f.b_lo) if a else (f.a_hi, f.a_lo)
    ports = f.protocol == TCP or f.protocol == UDP or f.protocol == 132
    r.ue_port = np.int64(f.a_port if a else f.b_port) if ports else np.int64(-1)
    r.server_port = np.int64(f.b_port if a else f.a_port) if ports else np.int64(-1)
    r.ip_protocol = f.protocol
    r.teid_up, r.teid_down = f.teid[ue], f.teid[1 - ue]
    r.ran_ip_hi, r.ran_ip_lo = f.outer_hi[ue], f.outer_lo[ue]
    r.core_ip_hi, r.core_ip_lo = f.outer_hi[1 - ue], f.outer_lo[1 - ue]
    r.qfi = np.int64(f.qfi)
    r.quic = f.quic
    r.begun = 0


@part
def write_nothing(r, f):  # type: ignore[no-untyped-def]
    """The measures of a row that stands for no packets."""
    tcp_counts = np.int64(0) if f.protocol == TCP else np.int64(-1)
    r.bytes_up, r.bytes_down, r.packets_up, r.packets_down = 0, 0, 0, 0
    r.connect_time, r.connect_outcome = NEVER, 0
    r.rtt_client_ms, r.rtt_server_ms, r.rtt_data_client_ms, r.rtt_data_server_ms = -1, -1, -1, -1
    r.first_byte_ms = -1
    r.tcp_packets_up, r.tcp_packets_down = tcp_counts, tcp_counts
    r.tcp_retransmitted_packets_up, r.tcp_retransmitted_packets_down = tcp_counts, tcp_counts
    r.tcp_retransmitted_bytes_up, r.tcp_retransmitted_bytes_down = tcp_counts, tcp_counts
    r.tcp_out_of_order_up, r.tcp_out_of_order_down = tcp_counts, tcp_counts
    r.tcp_duplicate_up, r.tcp_duplicate_down = tcp_counts, tcp_counts
    r.tcp_holes_up, r.tcp_holes_down = tcp_counts, tcp_counts
    r.tcp_zero_window_up, r.tcp_zero_window_down = tcp_counts, tcp_counts
    r.tcp_resets_up, r.tcp_resets_down = tcp_counts, tcp_counts
    r.active_up, r.active_down = 0, 0
    r.throughput_up, r.throughput_down = np.nan, np.nan


@part
def throughput(f, d):  # type: ignore[no-untyped-def]
    """kbit/s of direction `d` over its active time, NaN for a row too small to tell."""
    if f.bytes[d] < THROUGHPUT_BYTES or f.active[d] < THROUGHPUT_TIME:
        return np.nan
    return (f.bytes[d] - f.first_bytes[d]) * 8e6 / f.active[d]


@part
def mean_rtt(f, d):  # type: ignore[no-untyped-def]
    """Mean round trip of data sent in direction `d`, ns, -1 where there is none."""
    return f.rtt_sum[d] // f.rtt_count[d] if f.rtt_count[d] > 0 else np.int64(-1)


@part
def write_counters(r, f):  # type: ignore[no-untyped-def]
    """The measures of the row in the making."""
    up = np.int64(f.ue_side)
    down = 1 - up
    r.bytes_up, r.bytes_down = f.bytes[up], f.bytes[down]
    r.packets_up, r.packets_down = f.packets[up], f.packets[down]
    r.begun = f.begun
    r.active_up, r.active_down = f.active[up], f.active[down]
    r.throughput_up, r.throughput_down = throughput(f, up), throughput(f, down)
    r.first_byte_ms = f.first_byte
    if f.protocol != TCP:
        return
    r.rtt_data_server_ms, r.rtt_data_client_ms = mean_rtt(f, up), mean_rtt(f, down)
    far, near = (0, 1) if f.initiator == up else (1, 0)
    r.rtt_server_ms, r.rtt_client_ms = f.rtt_handshake[far], f.rtt_handshake[near]
    r.tcp_packets_up, r.tcp_packets_down = f.data_packets[up], f.data_packets[down]
    r.tcp_retransmitted_packets_up, r.tcp_retransmitted_packets_down = f.retransmitted[up], f.retransmitted[down]
    r.tcp_retransmitted_bytes_up, r.tcp_retransmitted_bytes_down = (
        f.retransmitted_bytes[up],
        f.retransmitted_bytes[down],
    )
    r.tcp_out_of_order_up, r.tcp_out_of_order_down = f.out_of_order[up], f.out_of_order[down]
    r.tcp_duplicate_up, r.tcp_duplicate_down = f.duplicate[up], f.duplicate[down]
    r.tcp_holes_up, r.tcp_holes_down = f.holes[up], f.holes[down]
    r.tcp_zero_window_up, r.tcp_zero_window_down = f.zero_window[up], f.zero_window[down]
    r.tcp_resets_up, r.tcp_resets_down = f.resets[up], f.resets[down]


@part
def new_row(shard, f, start, end, window, reason):  # type: ignore[no-untyped-def]
    """Number of a fresh xDR row of `f` without measures."""
    at = shard[FLOW_ROWS]
    shard[FLOW_ROWS] = at + 1
    r = own.out_flow(shard, 0)[at]
    write_identity(r, f)
    write_nothing(r, f)
    r.start_time, r.end_time, r.window, r.end_reason = start, end, window, reason
    return at


@part
def emit_outcome(shard, f):  # type: ignore[no-untyped-def]
    """The outcome of a connect attempt of an earlier window or cell: a row without packets in those of the attempt."""
    at = new_row(shard, f, f.connect_ts, f.connect_ts, window_of(shard, f.connect_ts), LATE)
    r = own.out_flow(shard, 0)[at]
    r.connect_time, r.connect_outcome = f.connect_ts, f.outcome
    r.cell, r.rat = f.connect_cell, f.connect_rat
    f.outcome = 0


@part
def emit(shard, f, reason):  # type: ignore[no-untyped-def]
    """Write the row in the making, if it holds packets. Once the connection is closed its rows say how."""
    empty = f.packets[0] + f.packets[1] == 0
    if f.outcome != 0 and (empty or f.connect_cell != f.cell or window_of(shard, f.connect_ts) != f.window):
        emit_outcome(shard, f)
    if empty:
        return
    if f.closed == CLOSED_FIN:
        reason = FIN
    elif f.closed == CLOSED_RST:
        reason = RST
    at = new_row(shard, f, f.row_start, max(f.row_start, f.last_ts), f.window, reason)
    r = own.out_flow(shard, 0)[at]
    write_counters(r, f)
    if f.outcome != 0:
        r.connect_time, r.connect_outcome = f.connect_ts, f.outcome
        f.outcome = 0


@part
def begin_row(shard, f, ts):  # type: ignore[no-untyped-def]
    """Start the next row of a connection."""
    clear_row(f)
    f.row_start = ts
    f.window = window_of(shard, ts)


@part
def give_up(f, now):  # type: ignore[no-untyped-def]
    """A handshake that has waited long enough has its outcome."""
    if f.handshake == HANDSHAKE_SYN and now - f.syn_ts >= ANSWER_TIME:
        tcp.decide(f, tcp.NO_ANSWER)
    elif f.handshake == HANDSHAKE_SYN_ACK and now - f.syn_ack_ts >= ANSWER_TIME:
        tcp.decide(f, tcp.HALF_OPEN)


@part
def idle_time(shard, f):  # type: ignore[no-untyped-def]
    """How long the connection may be silent before it has ended, ns."""
    if f.closed:
        return np.int64(LINGER)
    return shard[IDLE_TCP] if f.protocol == TCP else shard[IDLE_OTHER]


@part
def cut(shard, f):  # type: ignore[no-untyped-def]
    """The window of the row in the making ends, the connection goes on: write the row, and begin none yet."""
    give_up(f, f.window + shard[WINDOW])
    emit(shard, f, WINDOW_END)
    clear_row(f)
    f.row_start = -NONE


@part
def finish(shard, f, now, reason):  # type: ignore[no-untyped-def]
    """The connection ends: its last row."""
    silence = idle_time(shard, f)
    if reason == IDLE and f.window + shard[WINDOW] - f.last_ts <= silence:
        cut(shard, f)  # it was not yet silent for so long when its window ended
    give_up(f, min(now, f.last_ts + silence))
    emit(shard, f, reason)


@part
def remove(shard, row):  # type: ignore[no-untyped-def]
    """Free the row of a connection whose last xDR row is written."""
    f = own.flows(shard, 0)[row]
    unlink(shard, own.FLOWS, f.hash, row)
    f.used = 0
    give(shard, own.FLOWS, row)


@part
def evict(shard):  # type: ignore[no-untyped-def]
    """The table is full: end the most silent of the next few connections, and say so in its row."""
    high = shard[own.FLOWS + HIGH]
    hand = shard[HAND]
    victim = hand % high
    for k in range(EVICTION_LOOK):
        row = (hand + k) % high
        if own.flows(shard, 0)[row].last_ts < own.flows(shard, 0)[victim].last_ts:
            victim = row
    shard[HAND] = (hand + EVICTION_LOOK) % high
    f = own.flows(shard, 0)[victim]
    finish(shard, f, shard[WATERMARK], EVICTED)
    remove(shard, victim)


@part
def create(shard, p, forward):  # type: ignore[no-untyped-def]
    """A row for the connection that `p` begins."""
    row = take(shard, own.FLOWS)
    if row < 0:
        evict(shard)
        row = take(shard, own.FLOWS)
    f = own.flows(shard, 0)[row]
    f.used = 1
    f.hash = p.flow_hash
    f.protocol = p.ip_protocol
    if forward:
        f.a_hi, f.a_lo, f.b_hi, f.b_lo = p.src_hi, p.src_lo, p.dst_hi, p.dst_lo
        f.a_port, f.b_port = p.src_port, p.dst_port
    else:
        f.a_hi, f.a_lo, f.b_hi, f.b_lo = p.dst_hi, p.dst_lo, p.src_hi, p.src_lo
        f.a_port, f.b_port = p.dst_port, p.src_port
    link(shard, own.FLOWS, f.hash, row)
    return row


@part
def orient(f, p, d, direction):  # type: ignore[no-untyped-def]
    """Which side is the device: by the tunnel, else by the PDU session container, else who opened the connection."""
    if direction == UP or (direction < 0 and p.pdu_type == 1):
        f.ue_side = d
    elif direction == DOWN or (direction < 0 and p.pdu_type == 0):
        f.ue_side = 1 - d
    elif f.context == 0:
        f.ue_side = opener(f, p, d)


@part
def opener(f, p, d):  # type: ignore[no-untyped-def]
    """The side that opened the connection: sender of the SYN; mid-flow that of the higher port, else the first."""
    if f.handshake != HANDSHAKE_NONE:
        return np.int64(f.initiator)
    if p.ip_protocol == TCP or p.ip_protocol == UDP:
        if p.tcp_flags & (tcp.SYN | tcp.ACK) == tcp.SYN:
            return d
        if p.tcp_flags & tcp.SYN:
            return 1 - d
        low, high = min(f.a_port, f.b_port), max(f.a_port, f.b_port)
        if low < 1024 <= high:
            return np.int64(0 if f.a_port > f.b_port else 1)
    return np.int64(f.initiator)


@part
def enter_context(shard, f, p, d, direction, bearer_row):  # type: ignore[no-untyped-def]
    """Set what the row in the making belongs to."""
    if bearer_row >= 0:
        bearer = own.bearers(shard, 0)[bearer_row]
        f.context = bearer.context
        copy_context(f, bearer, own.sessions(shard, 0)[bearer.session])
    else:
        f.context = 0
        clear_context(f)
    f.qfi = p.qfi
    orient(f, p, d, direction)


@part
def change_context(shard, f, p, d, direction, bearer_row):  # type: ignore[no-untyped-def]
    """The bearer is not in the state that the row in the making began in: cut."""
    bearer = own.bearers(shard, 0)[bearer_row]
    other = own.sessions(shard, 0)[bearer.session].id != f.session_id
    emit(shard, f, SESSION_CHANGE if other else CELL_CHANGE)
    begin_row(shard, f, p.ts)
    enter_context(shard, f, p, d, direction, bearer_row)


@part
def note_tunnel(f, p, d):  # type: ignore[no-untyped-def]
    """Remember the tunnel of the row's first packet of direction `d`: endpoint and outermost addresses."""
    f.noted |= 1 << d
    if p.gtpu_type != 0:
        f.teid[d] = p.teid
        f.outer_hi[d], f.outer_lo[d] = p.outer_src_hi, p.outer_src_lo
        f.outer_hi[1 - d], f.outer_lo[1 - d] = p.outer_dst_hi, p.outer_dst_lo
        f.tunnelled = 1


@part
def account(f, p, d):  # type: ignore[no-untyped-def]
    """Count packet `p` in the row in the making."""
    ts = p.ts
    if (ts < f.last_ts or f.packets[0] + f.packets[1] == 0) and ts < f.row_start:
        f.row_start = ts
    f.bytes[d] += np.int64(p.length)
    f.packets[d] += 1
    if ts > f.last_ts:
        f.last_ts = ts
    if p.payload > 0 and p.ip_protocol != ICMP and p.ip_protocol != ICMPV6:
        f.data_packets[d] += 1
        last = f.last_data_ts[d]
        if last == 0:
            f.first_bytes[d] = p.length
        elif 0 < ts - last <= SECOND:
            f.active[d] += ts - last
        if ts > last:
            f.last_data_ts[d] = ts
        if f.asked != ASK_DONE:
            first_byte(f, d, ts)


@part
def first_byte(f, d, ts):  # type: ignore[no-untyped-def]
    """First payload of the opener to first payload of the other side."""
    if f.asked == ASK_NOTHING:
        f.asked = ASK_SENT if d == f.initiator else ASK_DONE
        f.request_ts = ts
    elif d != f.initiator:
        f.first_byte = ts - f.request_ts if ts >= f.request_ts else -1
        f.asked = ASK_DONE


@part
def late(shard, f, p, d):  # type: ignore[no-untyped-def]
    """A packet of a window that its flow has left: a row of its own, in its own window."""
    at = new_row(shard, f, p.ts, p.ts, window_of(shard, p.ts), LATE)
    r = own.out_flow(shard, 0)[at]
    if d == f.ue_side:
        r.bytes_up, r.packets_up = p.length, 1
    else:
        r.bytes_down, r.packets_down = p.length, 1
    if f.protocol == TCP and p.payload > 0:
        if d == f.ue_side:
            r.tcp_packets_up = 1
        else:
            r.tcp_packets_down = 1


@part
def begin(shard, row, p, forward, direction, bearer_row):  # type: ignore[no-untyped-def]
    """A connection begins in `row`."""
    f = own.flows(shard, 0)[row]
    clear_connection(f, p, forward)
    begin_row(shard, f, p.ts)
    f.begun = 1
    f.last_ts = p.ts
    d = np.int64(not forward)
    f.initiator = opener(f, p, d)
    enter_context(shard, f, p, d, direction, bearer_row)


@part
def over(shard, f, p):  # type: ignore[no-untyped-def]
    """Whether the connection had ended before `p`: silent too long, or closed and opened anew."""
    if p.ts - f.last_ts > idle_time(shard, f):
        return True
    return f.protocol == TCP and f.closed != 0 and p.tcp_flags & (tcp.SYN | tcp.ACK) == tcp.SYN


@part
def update(shard, p, bearer_row, direction, hint):  # type: ignore[no-untyped-def]
    """Account user packet `p` to its connection.

    bearer_row: row of the bearer that its tunnel is bound to, or -1; direction: UP, DOWN, or -1 where no tunnel tells;
    hint: the row that its connection most likely has, -1 where none is known.
    """
    forward = a_first(p)
    d = np.int64(not forward)
    row = find(shard, p, forward, hint)
    if row < 0:
        row = create(shard, p, forward)
        begin(shard, row, p, forward, direction, bearer_row)
    f = own.flows(shard, 0)[row]
    if over(shard, f, p):
        finish(shard, f, p.ts, IDLE)
        begin(shard, row, p, forward, direction, bearer_row)
    elif bearer_row >= 0 and own.bearers(shard, 0)[bearer_row].context != f.context:
        change_context(shard, f, p, d, direction, bearer_row)
    if p.ts < f.window:
        late(shard, f, p, d)
    else:
        if p.ts >= f.window + shard[WINDOW]:
            cut(shard, f)
            begin_row(shard, f, p.ts)
        if (f.noted >> d) & 1 == 0:
            note_tunnel(f, p, d)
        account(f, p, d)
    if f.protocol == TCP and p.fragment == 0:
        undecided = f.handshake != HANDSHAKE_DONE
        give_up(f, p.ts)
        tcp.segment(f, d, p)
        if undecided and f.outcome != 0 and window_of(shard, f.connect_ts) != f.window:
            emit_outcome(shard, f)
    elif p.quic:
        f.quic = 1
