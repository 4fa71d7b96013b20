"""Rows of one key counted within a period that slides over their time: alerts that open, are updated and close.

The rows of a key are a list in order of time. What a row does (open an alert, close it) follows from the row before it
and the rows within its period, so a row that comes late has those after it worked out again, until one is as it was:
the outcome is that of the set of rows, whatever their order and however they are cut into blocks.

A row that comes in order costs about 30 ns where its key is at hand in the cache, 150 ns where not.
"""

import numpy as np

from formats.alert import CLOSED, OPENED, UPDATED
from kernels.jit import inlined, kernel, part

__all__ = ["CLOCK", "DIRTY", "FLOOR", "NEXT", "REFUSED", "USED", "WORDS", "absorb", "collect", "compact", "evidence",
           "pass_time"]  # fmt: skip

USED, DIRTY, NEXT, CLOCK, FLOOR, REFUSED, WORDS = range(7)
"""In `state`: rows in use, rows that have something to tell, the first time (ns) at which an open alert closes, the
time up to which rows are known, the time before which a row comes too late, how many came too late."""
NEVER = 2**62


@inlined
def _later(rows, i, time, mark):  # type: ignore[no-untyped-def]
    """Whether row i stands after (time, mark)."""
    return rows[i].time > time or (rows[i].time == time and rows[i].mark > mark)


@part
def _link(rows, heads, fingers, i, key, time, mark):  # type: ignore[no-untyped-def]
    """Put row i into its key's list; fingers[key] is the row that was put in last, which stands after it."""
    finger = fingers[key]
    before = heads[key] if finger < 0 else rows[finger].before
    after = np.int64(-1) if finger < 0 else np.int64(finger)
    while before >= 0 and _later(rows, before, time, mark):
        after, before = np.int64(before), rows[before].before
    rows[i].before, rows[i].after = before, after
    if before >= 0:
        rows[before].after = i
    if after >= 0:
        rows[after].before = i
    else:
        heads[key] = i
    fingers[key] = i


@part
def _count(rows, i, within):  # type: ignore[no-untyped-def]
    """The rows within the period at row i; its tail and count are set."""
    p, low = np.int64(rows[i].before), rows[i].time - within
    if p >= 0 and rows[p].tail >= 0:
        tail, count = np.int64(rows[p].tail), np.int64(rows[p].count) + 1
        while rows[tail].time <= low:
            tail = np.int64(rows[tail].after)
            count -= 1
    else:
        tail, count = np.int64(i), np.int64(1)
        while p >= 0 and rows[p].time > low:
            tail, p = p, np.int64(rows[p].before)
            count += 1
    rows[i].tail, rows[i].count = tail, count


@inlined
def _edge(rows, i, carried, close):  # type: ignore[no-untyped-def]
    """The row that stands `close` rows before row i: with the end of its period no more than so many are left."""
    if carried and rows[rows[i].before].edge >= 0:
        return np.int64(rows[rows[rows[i].before].edge].after)
    edge = np.int64(i)
    for _ in range(close):
        if rows[edge].before < 0:  # what stood before was too much to keep
            break
        edge = np.int64(rows[edge].before)
    return edge


@part
def _judge(rows, i, rule):  # type: ignore[no-untyped-def]
    """What row i does to the alert of its key; rule: int64[3], see `absorb`."""
    least, within, close = rule[0], rule[1], rule[2]
    _count(rows, i, within)
    p, what, told = np.int64(rows[i].before), 0, np.int64(0)
    count = np.int64(rows[i].count)
    carried = p >= 0 and rows[p].open == 1 and rows[p].close_at > rows[i].time
    if carried:
        rows[i].opened = rows[p].opened
        told = np.int64(rows[p].told)
        if count >= 2 * told:
            what, told = UPDATED, count
    elif count >= least:
        rows[i].opened = rows[i].time
        what, told = OPENED, count
    is_open = carried or what == OPENED
    rows[i].open = 1 if is_open else 0
    rows[i].told = told
    rows[i].edge, rows[i].close_at = -1, NEVER
    if is_open:
        edge = _edge(rows, i, carried, close)
        rows[i].edge, rows[i].close_at = edge, rows[edge].time + within
    rows[i].what = what


@inlined
def _as_said(rows, i):  # type: ignore[no-untyped-def]
    """Whether opening and count of row i are those that were made known."""
    return rows[i].said_opened == rows[i].opened and rows[i].said_count == rows[i].count


@inlined
def _soil(rows, i, dirty, state):  # type: ignore[no-untyped-def]
    """Row i has perhaps something to tell."""
    if rows[i].dirty == 0:
        rows[i].dirty = 1
        dirty[state[DIRTY]] = i
        state[DIRTY] += 1


@part
def _settle(rows, i, dirty, state):  # type: ignore[no-untyped-def]
    """Whether the alert closes between row i and the next, or by now."""
    end = state[CLOCK] if rows[i].after < 0 else rows[rows[i].after].time
    closed = rows[i].open == 1 and rows[i].close_at <= end
    what = np.int64(rows[i].what) & (OPENED | UPDATED)
    rows[i].what = what | CLOSED if closed else what
    other = rows[i].what != 0 and not _as_said(rows, i)
    other = other or (closed and rows[i].said_close != rows[i].close_at)
    if rows[i].what != rows[i].said or other:
        _soil(rows, i, dirty, state)
    if rows[i].after < 0 and rows[i].open == 1 and not closed:
        state[NEXT] = min(state[NEXT], rows[i].close_at)


@part
def _rework(rows, first, fresh, rule, dirty, state):  # type: ignore[no-untyped-def]
    """Work out rows from `first` on, `fresh` of which are new, until one after them is as it was."""
    if rows[first].before >= 0:
        _settle(rows, np.int64(rows[first].before), dirty, state)
    i, newest = np.int64(first), rows[first].time
    while i >= 0:
        was_open, opened, told = rows[i].open, rows[i].opened, rows[i].told
        close_at, what = rows[i].close_at, np.int64(rows[i].what) & (OPENED | UPDATED)
        _judge(rows, i, rule)
        same = was_open == rows[i].open and told == rows[i].told and what == rows[i].what
        if was_open == 1:
            same = same and opened == rows[i].opened and close_at == rows[i].close_at
        _settle(rows, i, dirty, state)
        if rows[i].fresh == 1:
            rows[i].fresh, newest = 0, rows[i].time
            fresh -= 1
        elif fresh == 0 and same and newest <= rows[i].time - rule[1]:
            return
        i = np.int64(rows[i].after)


@kernel
def absorb(times, marks, keys, rule, tables, state):  # type: ignore[no-untyped-def]
    """Take in rows, in order of time and mark; there must be room for them.

    times: int64[n] ns;  marks: int64[n];  keys: int32[n]
    rule: int64[3], how many open an alert, the period in ns, how many are left when it closes (fewer than open it)
    tables: rows HAPPENING[c], heads int32[k] the last row of each key or -1, fingers int32[k] of -1,
    news int32[k] of 0, opens uint8[k] whether an alert is open at the last row, dirty int32[c];  state: int64[WORDS]
    """
    rows, heads, fingers, news, opens, dirty = tables
    for k in range(times.size - 1, -1, -1):
        if times[k] < state[FLOOR]:
            state[REFUSED] += 1
            continue
        i, key = state[USED], keys[k]
        rows[i].time, rows[i].mark, rows[i].key = times[k], marks[k], key
        rows[i].opened, rows[i].close_at, rows[i].said_opened, rows[i].said_close = 0, NEVER, 0, 0
        rows[i].open, rows[i].what, rows[i].said, rows[i].fresh, rows[i].dirty = 0, 0, 0, 1, 0
        rows[i].told, rows[i].said_count = 0, 0
        _link(rows, heads, fingers, i, key, times[k], marks[k])
        news[key] += 1
        state[USED] += 1
    for k in range(times.size):
        key = keys[k]
        if news[key] > 0:
            _rework(rows, np.int64(fingers[key]), np.int64(news[key]), rule, dirty, state)
            opens[key] = rows[heads[key]].open
            fingers[key], news[key] = -1, 0


@kernel
def pass_time(clock, tables, state):  # type: ignore[no-untyped-def]
    """Time has come to `clock` (ns): alerts whose period is over are closed. tables, state: see `absorb`."""
    rows, heads, _, _, opens, dirty = tables
    state[CLOCK] = max(state[CLOCK], clock)
    if state[CLOCK] < state[NEXT]:
        return
    state[NEXT] = NEVER
    for key in range(heads.size):
        if opens[key] == 1:
            i = np.int64(heads[key])
            _settle(rows, i, dirty, state)
            if rows[i].what & CLOSED:
                opens[key] = 0


@inlined
def _tell(rows, i, sign, what, out, at):  # type: ignore[no-untyped-def]
    """One change, of what is (sign 1) or what was said (-1)."""
    out[at].sign, out[at].what, out[at].key, out[at].row = sign, what, rows[i].key, i
    opened, count, closed = rows[i].opened, np.int64(rows[i].count), rows[i].close_at
    if sign < 0:
        opened, count, closed = rows[i].said_opened, np.int64(rows[i].said_count), rows[i].said_close
    out[at].opened, out[at].count = opened, count
    out[at].time = closed if what == CLOSED else rows[i].time
    return at + 1


@kernel
def collect(tables, state, out_changes):  # type: ignore[no-untyped-def]
    """What is to be made known since the last time; how many changes there are. What was wrong is withdrawn first.

    tables, state: see `absorb`;  out_changes: CHANGE[6 state[DIRTY]]
    """
    rows, dirty = tables[0], tables[5]
    at = np.int64(0)
    for sign in (-1, 1):
        for k in range(state[DIRTY]):
            i = np.int64(dirty[k])
            for what in (OPENED, UPDATED, CLOSED):
                kept = (rows[i].said & rows[i].what & what) != 0 and _as_said(rows, i)
                kept = kept and (what != CLOSED or rows[i].said_close == rows[i].close_at)
                told = rows[i].said if sign < 0 else rows[i].what
                if not kept and (told & what) != 0:
                    at = _tell(rows, i, sign, what, out_changes, at)
    for k in range(state[DIRTY]):
        i = np.int64(dirty[k])
        rows[i].dirty, rows[i].said, rows[i].said_count = 0, rows[i].what, rows[i].count
        rows[i].said_opened, rows[i].said_close = rows[i].opened, rows[i].close_at
    state[DIRTY] = 0
    return at


@kernel
def evidence(rows, which, within, out_times, out_marks):  # type: ignore[no-untyped-def]
    """The latest rows within the period at each of `which`, from the newest back.

    rows: HAPPENING[c];  which: int32[n];  out_times, out_marks: int64[n, m], where there is none -1
    """
    for k in range(which.size):
        i, low = np.int64(which[k]), rows[which[k]].time - within
        for m in range(out_times.shape[1]):
            there = i >= 0 and rows[i].time > low
            out_times[k, m] = rows[i].time if there else -1
            out_marks[k, m] = rows[i].mark if there else -1
            i = np.int64(rows[i].before) if there else np.int64(-1)


@kernel
def compact(cutoff, tables, state, scratch_places):  # type: ignore[no-untyped-def]
    """Forget rows before `cutoff` (ns), but for the last one of a key whose alert is open; nothing may be left to tell.

    scratch_places: int32[state[USED]]
    """
    rows, heads, opens = tables[0], tables[1], tables[4]
    used = np.int64(0)
    for i in range(state[USED]):
        keep = rows[i].time >= cutoff or (heads[rows[i].key] == i and opens[rows[i].key] == 1)
        scratch_places[i] = used if keep else -1
        if keep:
            rows[used] = rows[i]
            used += 1
    for i in range(used):
        if rows[i].before >= 0:
            rows[i].before = scratch_places[rows[i].before]
        if rows[i].after >= 0:
            rows[i].after = scratch_places[rows[i].after]
        if rows[i].tail >= 0:
            rows[i].tail = scratch_places[rows[i].tail]
        if rows[i].edge >= 0:
            rows[i].edge = scratch_places[rows[i].edge]
    for key in range(heads.size):
        if heads[key] >= 0:
            heads[key] = scratch_places[heads[key]]
    state[USED] = used
