"""A bearer's stay in a cell within a window: what session time and retainability are made of (TS 32.425 §4.2.4).

A presence row opens with the bearer, is cut where the cell, RAT or window changes, and closes when the radio side is
released or the bearer ends. Packets of a bearer that is released open one of their own (`connected_ms` 0).
"""

import numpy as np

from formats.state import PENDING
from formats.xdr import END_REASONS
from kernels import shard as own
from kernels.jit import part
from kernels.shard import ACTIVE_TAIL, PRESENCE_ROWS, WINDOW, owns, window_of

WINDOW_END = END_REASONS.index("window")
LATE = END_REASONS.index("late")
ROLLS = 32  # windows without a packet that are written one by one; a longer silence is a gap in the capture


@part
def write(shard, bearer, start, end, window, reason):  # type: ignore[no-untyped-def]
    """Number of a fresh presence row of `bearer`, without measures."""
    at = shard[PRESENCE_ROWS]
    shard[PRESENCE_ROWS] = at + 1
    session = own.sessions(shard, 0)[bearer.session]
    r = own.out_presence(shard, 0)[at]
    r.start_time, r.end_time, r.window, r.end_reason = start, end, window, reason
    r.imsi, r.imei, r.cell, r.rat = session.imsi, session.imei, bearer.cell, bearer.rat
    r.apn, r.qos_class, r.session_id = session.apn, bearer.qos, session.id
    r.gateway_hi, r.gateway_lo, r.slice = session.gateway_hi, session.gateway_lo, session.slice
    serving = np.int64(own.ues(shard, 0)[bearer.ue].serving)
    r.core_node_hi, r.core_node_lo = 0, 0
    if serving >= 0:
        r.core_node_hi, r.core_node_lo = own.rans(shard, 0)[serving].core_hi, own.rans(shard, 0)[serving].core_lo
    r.ebi = np.int64(bearer.ebi)
    r.connected_ms, r.active_ms = -1, -1
    r.bytes_up, r.bytes_down, r.packets_up, r.packets_down = 0, 0, 0, 0
    r.dropped, r.cause_code, r.cause_family = -1, -1, 0
    return at


@part
def open_row(shard, bearer, ts):  # type: ignore[no-untyped-def]
    """Start a presence row at `ts`."""
    bearer.present = 1
    bearer.presence_start = ts
    bearer.window = window_of(shard, ts)
    bearer.active = 0
    bearer.connected_time = 0
    bearer.connected_since = ts
    for k in range(2):
        bearer.bytes[k] = 0
        bearer.packets[k] = 0


@part
def close_row(shard, bearer, ts, reason):  # type: ignore[no-untyped-def]
    """End the presence row at `ts` and add it to its session; returns the number of the xDR row, -1 if not ours."""
    if bearer.present == 0:
        return np.int64(-1)
    bearer.present = 0
    if not owns(shard, bearer.session):
        return np.int64(-1)
    until = min(ts, bearer.end) if bearer.ended else ts
    if bearer.connected and until > bearer.connected_since:
        bearer.connected_time += until - bearer.connected_since
    if bearer.packets[0] + bearer.packets[1] > 0:
        bearer.active += max(0, min(ts - bearer.last_ts, ACTIVE_TAIL))
    session = own.sessions(shard, 0)[bearer.session]
    for k in range(2):
        session.bytes[k] += bearer.bytes[k]
        session.packets[k] += np.int64(bearer.packets[k])
    at = write(shard, bearer, bearer.presence_start, max(ts, bearer.presence_start), bearer.window, reason)
    r = own.out_presence(shard, 0)[at]
    r.connected_ms = bearer.connected_time if bearer.radio_known else np.int64(-1)
    r.active_ms = bearer.active
    r.bytes_up, r.bytes_down = bearer.bytes[0], bearer.bytes[1]
    r.packets_up, r.packets_down = np.int64(bearer.packets[0]), np.int64(bearer.packets[1])
    return at


@part
def roll(shard, bearer, ts):  # type: ignore[no-untyped-def]
    """Cut the presence row at each window boundary up to `ts`."""
    size = shard[WINDOW]
    rolls = 0
    while bearer.present and ts >= bearer.window + size:
        boundary = bearer.window + size
        close_row(shard, bearer, boundary, WINDOW_END)
        rolls += 1
        if rolls > ROLLS:
            boundary = window_of(shard, ts)
        open_row(shard, bearer, boundary)


@part
def late(shard, bearer, p, direction):  # type: ignore[no-untyped-def]
    """A packet of a window that its bearer has left."""
    at = write(shard, bearer, p.ts, p.ts, window_of(shard, p.ts), LATE)
    r = own.out_presence(shard, 0)[at]
    session = own.sessions(shard, 0)[bearer.session]
    session.bytes[direction] += np.int64(p.length)
    session.packets[direction] += 1
    if direction == 0:
        r.bytes_up, r.packets_up = p.length, 1
    else:
        r.bytes_down, r.packets_down = p.length, 1


@part
def account(shard, bearer, p, direction):  # type: ignore[no-untyped-def]
    """Count user packet `p` of `direction` (UP, DOWN) on its bearer, whose `last_ts` is that of the packet before."""
    ts = p.ts
    if bearer.present == 0:
        open_row(shard, bearer, ts)
    elif ts >= bearer.window + shard[WINDOW]:
        roll(shard, bearer, ts)
    if ts < bearer.window:
        late(shard, bearer, p, direction)
        return
    first = bearer.packets[0] + bearer.packets[1] == 0
    bearer.bytes[direction] += np.int64(p.length)
    bearer.packets[direction] += 1
    if (first or ts < bearer.last_ts) and ts < bearer.presence_start:
        bearer.presence_start = ts
    if not first and ts > bearer.last_ts:
        bearer.active += min(ts - bearer.last_ts, ACTIVE_TAIL)


@part
def connect(shard, bearer, ts):  # type: ignore[no-untyped-def]
    """The radio side of the bearer is there."""
    if bearer.connected == 0:
        roll(shard, bearer, ts)
        bearer.connected = 1
        bearer.connected_since = ts
    bearer.radio_known = 1
    if bearer.present == 0 and own.sessions(shard, 0)[bearer.session].phase != PENDING:
        open_row(shard, bearer, ts)
