"""Time connected and time active against intervals, over random events; the windows that a stay is cut at."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.records import PACKET
from formats.state import ESTABLISHED
from formats.xdr import END_REASONS
from kernels import presence, sessions
from kernels import shard as own
from kernels.jit import part
from kernels.shard import PRESENCE_ROWS, Limits, Shard
from tests.rows import EPOCH, SECOND, examples

UP, DOWN, CONNECT, RELEASE, MOVE, ROLL = range(6)
NO_DIGITS = 2**64 - 1
TAIL = SECOND // 10
MILLI = SECOND // 1000


@part
def play(words, rows, actions, cells, end, held):  # type: ignore[no-untyped-def]
    """One bearer of one session lives through events until `end`; held: presence rows waiting before it is finished."""
    ue = sessions.create_ue(words, np.uint64(NO_DIGITS), rows[0].ts)
    session = sessions.create_session(words, ue, 77, rows[0].ts, ESTABLISHED, 2)
    row = sessions.create_bearer(words, session, ue, 5, 9, rows[0].ts)
    for k in range(len(rows)):
        p = rows[k]
        bearer = own.bearers(words, 0)[row]
        if actions[k] == UP or actions[k] == DOWN:
            presence.account(words, bearer, p, actions[k])
            bearer.last_ts = max(bearer.last_ts, p.ts)
        elif actions[k] == CONNECT:
            presence.connect(words, bearer, p.ts)
        elif actions[k] == RELEASE:
            sessions.release(words, row, p.ts, 0, -1, 0)
        elif actions[k] == MOVE:
            sessions.locate(words, ue, np.uint64(cells[k]), 6, p.ts)
        else:
            presence.roll(words, bearer, p.ts)
    held[0] = words[PRESENCE_ROWS]
    sessions.end_session(words, session, end, 10, 0, -1, -1)
    held[1] = words[PRESENCE_ROWS]
    sessions.finish_session(words, session)


class Event(NamedTuple):
    """At `ts`, one of UP ... ROLL; the cell moved to, or octets of the packet."""

    ts: int
    action: int
    number: int


def lived(events: list[Event], window: int, end: int) -> np.ndarray:
    """The presence rows of a bearer, also checking that the end alone writes none."""
    shard = Shard(window, Limits(64, 32, 32, 8), rows=1)
    rows = np.zeros(len(events), PACKET).view(np.recarray)
    rows["ts"], rows["length"] = [e.ts for e in events], [e.number for e in events]
    held = np.zeros(2, np.int64)
    play(shard.words, rows, np.array([e.action for e in events]), np.array([e.number for e in events]), end, held)
    assert held[0] == held[1], "a session's end may end many: their rows wait for a sweep"
    assert shard.words[own.SESSION_ROWS] == 1
    out = shard.presence[: shard.words[PRESENCE_ROWS]].copy()
    for side in ("up", "down"):
        assert shard.session[0][f"bytes_{side}"] == out[f"bytes_{side}"].sum()
        assert shard.session[0][f"packets_{side}"] == out[f"packets_{side}"].sum()
    return out


def inside(spans: list[tuple[int, int]], start: int, end: int) -> int:
    """How much of [start, end) the spans cover together."""
    clipped = sorted((max(a, start), min(b, end)) for a, b in spans)
    total, reach = 0, start
    for a, b in clipped:
        if b > max(a, reach):
            total += b - max(a, reach)
            reach = b
    return total


class Stay(NamedTuple):
    """What a presence row says."""

    start: int
    end: int
    window: int
    cell: int
    connected: int
    active: int
    octets: tuple[int, int]
    packets: tuple[int, int]


def naive(events: list[Event], window: int, end: int) -> list[Stay]:
    """Stays from spans of time: there, connected, in a cell; cut at windows and moves."""
    spans: list[tuple[int, int, bool]] = []  # there from, until, closed by a release
    connected: list[tuple[int, int]] = []
    there = linked = None
    for e in events:
        if e.action in (UP, DOWN, CONNECT) and there is None:
            there = e.ts
        if e.action == CONNECT and linked is None:
            linked = e.ts
        if e.action == RELEASE and linked is not None:
            assert there is not None
            spans.append((there, e.ts, True))
            connected.append((linked, e.ts))
            there = linked = None
    if there is not None:
        spans.append((there, end, False))
    if linked is not None:
        connected.append((linked, end))
    first_link = min((e.ts for e in events if e.action == CONNECT), default=None)
    cells, moves = [(-1, 0)], []
    for e in events:
        if e.action == MOVE and e.number != cells[-1][1]:
            cells.append((e.ts, e.number))
            moves.append(e.ts)
    out = []
    for start, stop, _ in spans:
        inner = {t for t in moves if start <= t <= stop}
        inner |= set(range(start - start % window + window, stop + 1, window))
        edges = sorted({start, stop} | inner) if stop > start else [start, stop]
        for a, b in pairwise(edges):
            out.append(_stay(a, b, events, window, connected, cells, first_link, b == stop))
    return out


def _stay(a, b, events, window, connected, cells, first_link, last):  # type: ignore[no-untyped-def]
    mine = [e for e in events if e.action in (UP, DOWN) and (a <= e.ts < b or (last and e.ts == b))]
    cell = max((t, c) for t, c in cells if t <= a)[1]
    active = inside([(e.ts, e.ts + TAIL) for e in mine], a, b)
    known = first_link is not None and first_link < b
    time = inside(connected, a, b) if known else -1
    octets = tuple(sum(e.number for e in mine if e.action == d) for d in (UP, DOWN))
    packets = tuple(sum(e.action == d for e in mine) for d in (UP, DOWN))
    return Stay(a, b, a - a % window, cell, time, active, octets, packets)


def told(rows: np.ndarray) -> list[Stay]:
    return [
        Stay(
            int(r["start_time"]), int(r["end_time"]), int(r["window"]), int(r["cell"]), int(r["connected_ms"]),
            int(r["active_ms"]), (int(r["bytes_up"]), int(r["bytes_down"])),
            (int(r["packets_up"]), int(r["packets_down"])),
        )
        for r in rows
    ]  # fmt: skip


GAPS = st.sampled_from((1, MILLI, 60 * MILLI, 99 * MILLI, 150 * MILLI, SECOND, 7 * SECOND))


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Event], int, int]:
    """Events at odd times, so that none falls on the edge of a window."""
    now, out = EPOCH + 1, []
    for action, gap, number in draw(
        st.lists(st.tuples(st.sampled_from((UP, UP, DOWN, CONNECT, RELEASE, MOVE, ROLL)), GAPS, st.integers(1, 4)),
                 min_size=1, max_size=25)
    ):  # fmt: skip
        now += gap + (gap + 1) % 2 + 1
        out.append(Event(now, action, number))
    return out, draw(st.sampled_from((4 * SECOND, 10 * SECOND, 60 * SECOND))), now + draw(GAPS) * 2


@examples(200)
@given(lives())
def test_random_lives_equal_their_intervals(life: tuple[list[Event], int, int]) -> None:
    events, window, end = life
    assert told(lived(events, window, end)) == naive(events, window, end)


def test_connected_in_a_later_window_counts_from_then() -> None:
    """A packet for an idle device opened the stay in one window; the radio side came in the next."""
    events = [Event(EPOCH + 55 * SECOND, DOWN, 100), Event(EPOCH + 70 * SECOND, CONNECT, 0)]
    rows = lived(events, 60 * SECOND, EPOCH + 90 * SECOND)
    assert rows["connected_ms"].tolist() == [-1, 20 * SECOND]


def test_packets_after_the_end_add_no_time() -> None:
    events = [Event(EPOCH + 59 * SECOND, CONNECT, 0), Event(EPOCH + 60 * SECOND, UP, 50)]
    rows = lived(events, 60 * SECOND, EPOCH + 59 * SECOND + 500 * MILLI)
    assert rows["connected_ms"].sum() == pytest.approx(SECOND, abs=500 * MILLI)
    assert rows["bytes_up"].sum() == 50


def test_a_packet_of_a_window_left_behind_is_a_row_of_its_own() -> None:
    events = [Event(EPOCH + s * SECOND, UP, s) for s in (50, 61, 59)]
    rows = lived(events, 60 * SECOND, EPOCH + 62 * SECOND)
    assert [(END_REASONS[r["end_reason"]], int(r["bytes_up"]), int(r["window"] - EPOCH) // SECOND) for r in rows] == [
        ("window", 50, 0), ("late", 59, 0), ("deleted", 61, 60),
    ]  # fmt: skip


def test_a_gap_in_the_capture_is_not_written_window_by_window() -> None:
    events = [Event(EPOCH + 1, CONNECT, 0), Event(EPOCH + 1000 * SECOND + 1, UP, 7)]
    rows = lived(events, SECOND, EPOCH + 1000 * SECOND + 2)
    assert len(rows) == presence.ROLLS + 2
    assert rows["connected_ms"].sum() == (presence.ROLLS + 1) * SECOND - 1 + 2
    assert rows[-1]["window"] == EPOCH + 1000 * SECOND
