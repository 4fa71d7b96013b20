"""Ageing: what has ended or waited too long is written and forgotten, and windows that have closed are cut.

A sweep begins at the packet that moves the clock past its time, so it falls at the same place whatever the block size.
It stops when the rows to be written are full and goes on from there. The clock follows the packets, and moves only as
far as two of them in a row say: one absurd time stamp does not end everything.
"""

from formats.state import ENDED, FLOW, PENDING, SESSION_BEARERS
from formats.xdr import END_REASONS
from kernels import flow, presence, ran_bearers, sessions, transactions
from kernels import shard as own
from kernels.jit import part
from kernels.prefetch import prefetch_row, prefetch_rows_line
from kernels.shard import (
    DRAINING,
    LATENESS,
    LINGER,
    NONE,
    PREVIOUS,
    REQUEST_TIMEOUT,
    SESSION_IDLE,
    SWEEP_AT,
    SWEEP_EVERY,
    SWEEP_NOW,
    SWEEP_ROW,
    SWEEP_STAGE,
    WATERMARK,
    WINDOW,
    full,
    window_of,
)
from kernels.table import HIGH, LINE, index_of, tag_of

IDLE = END_REASONS.index("idle")
DRAINED = END_REASONS.index("drained")
AHEAD, NEAR, LINES = 16, 4, FLOW.itemsize // LINE
AT_REST, FLOWS, TRANSACTIONS, BEARERS, SESSIONS = range(5)


@part
def tick(shard, ts):  # type: ignore[no-untyped-def]
    """Move the clock by a packet at `ts`; True when a sweep is due."""
    clock = shard
    steady = min(ts, clock[PREVIOUS])
    clock[PREVIOUS] = ts
    if steady <= clock[WATERMARK]:
        return False
    clock[WATERMARK] = steady
    if clock[SWEEP_AT] == NONE:
        plan(shard, steady)
        return False
    return steady >= clock[SWEEP_AT]


@part
def plan(shard, now):  # type: ignore[no-untyped-def]
    """When the next sweep is due: after a while, or when the window closes."""
    closing = window_of(shard, now) + shard[WINDOW] + shard[LATENESS]
    late_closing = window_of(shard, now) + shard[LATENESS]
    due = now + SWEEP_EVERY
    if late_closing > now:
        due = min(due, late_closing)
    shard[SWEEP_AT] = min(due, closing)


@part
def start(shard, draining):  # type: ignore[no-untyped-def]
    """Begin a sweep at the clock's time."""
    clock = shard
    clock[SWEEP_STAGE] = FLOWS
    clock[SWEEP_ROW] = 0
    clock[SWEEP_NOW] = max(clock[WATERMARK], clock[PREVIOUS]) if draining else clock[WATERMARK]
    clock[DRAINING] = draining
    plan(shard, clock[SWEEP_NOW])


@part
def fetch_flows(shard, row):  # type: ignore[no-untyped-def]
    """Fetch what will be asked of rows to come: of the next whether they are idle, of one that is nearer all of it."""
    rows = own.flows(shard, 0)
    if row + AHEAD < len(rows):
        prefetch_row(rows, row + AHEAD)
    if row + NEAR < len(rows):
        f = rows[row + NEAR]
        if f.used and shard[SWEEP_NOW] - f.last_ts > flow.idle_time(shard, f):
            for line in range(LINES):
                prefetch_rows_line(rows, row + NEAR, line)
            index = index_of(shard, own.FLOWS)
            prefetch_row(index, tag_of(f.hash) & (len(index) - 1))


@part
def sweep_flow(shard, row, now, draining):  # type: ignore[no-untyped-def]
    """One row of the FLOW table."""
    fetch_flows(shard, row)
    f = own.flows(shard, 0)[row]
    if f.used == 0:
        return
    safe = now - shard[LATENESS]
    idle = safe - f.last_ts > flow.idle_time(shard, f)
    if not idle and f.window + shard[WINDOW] <= safe and f.packets[0] + f.packets[1] > 0:
        flow.cut(shard, f)
    if idle or draining:
        flow.finish(shard, f, now, IDLE if idle else DRAINED)
        flow.remove(shard, row)


@part
def sweep_transaction(shard, row, now, draining):  # type: ignore[no-untyped-def]
    """One row of the TRANSACTION table."""
    t = own.transactions(shard, 0)[row]
    if t.used and (draining or transactions.due(shard, t, now)):
        transactions.expire(shard, row, now)
        transactions.forget(shard, row)


@part
def sweep_bearer(shard, row, now):  # type: ignore[no-untyped-def]
    """One row of the BEARER table."""
    b = own.bearers(shard, 0)[row]
    if b.used == 0:
        return
    safe = now - shard[LATENESS]
    if b.lost_ts != 0:
        ran_bearers.settle_loss(shard, row)
    if b.ended == 0:
        presence.roll(shard, b, safe)
    elif safe - b.end > LINGER and own.sessions(shard, 0)[b.session].phase != ENDED:
        sessions.finish_bearer(shard, row, sessions.DELETED)


@part
def last_sign(shard, s):  # type: ignore[no-untyped-def]
    """When the session was last heard of, in signalling or user plane."""
    last = s.last_ts
    for k in range(SESSION_BEARERS):
        if s.bearer[k] >= 0:
            last = max(last, own.bearers(shard, 0)[s.bearer[k]].last_ts)
    return last


@part
def sweep_session(shard, row, now, draining):  # type: ignore[no-untyped-def]
    """One row of the SESSION table."""
    s = own.sessions(shard, 0)[row]
    if s.used == 0:
        return
    safe = now - shard[LATENESS]
    if s.phase == PENDING and (draining or safe - s.start > shard[REQUEST_TIMEOUT]):
        sessions.discard_session(shard, row, now)
    elif s.phase != ENDED:
        last = last_sign(shard, s)
        if safe - last > SESSION_IDLE:
            sessions.end_session(shard, row, last, IDLE, 0, -1, -1)
        elif draining:
            sessions.end_session(shard, row, max(last, now), DRAINED, 0, -1, -1)
    if s.phase == ENDED and (draining or safe - s.end > LINGER):
        sessions.finish_session(shard, row)


@part
def rows_of(shard, stage):  # type: ignore[no-untyped-def]
    """How many rows the table of a stage has ever used."""
    if stage == FLOWS:
        return shard[own.FLOWS + HIGH]
    if stage == TRANSACTIONS:
        return shard[own.TRANSACTIONS + HIGH]
    if stage == BEARERS:
        return shard[own.BEARERS + HIGH]
    return shard[own.SESSIONS + HIGH]


@part
def go_on(shard):  # type: ignore[no-untyped-def]
    """Sweep until done (True) or until rows must be written first (False)."""
    clock = shard
    now = clock[SWEEP_NOW]
    draining = clock[DRAINING] != 0
    while clock[SWEEP_STAGE] != AT_REST:
        stage = clock[SWEEP_STAGE]
        end = rows_of(shard, stage)
        for row in range(clock[SWEEP_ROW], end):
            if full(shard):
                clock[SWEEP_ROW] = row
                return False
            if stage == FLOWS:
                sweep_flow(shard, row, now, draining)
            elif stage == TRANSACTIONS:
                sweep_transaction(shard, row, now, draining)
            elif stage == BEARERS:
                sweep_bearer(shard, row, now)
            else:
                sweep_session(shard, row, now, draining)
        clock[SWEEP_ROW] = 0
        clock[SWEEP_STAGE] = stage + 1 if stage < SESSIONS else AT_REST
    return True
