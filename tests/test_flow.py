"""The flow stage against its twin: connections, windows, outcomes, eviction."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from formats.xdr import CONNECT_OUTCOMES, END_REASONS
from kernels.shard import Limits
from tests import naive_flow
from tests.rows import ACK, EPOCH, FIN, RST, SECOND, SYN, TINY, V4, Machine, Packet, examples, flow_rows, packet_rows
from tests.talk import CONNECTIONS, EVENTS, MILLI, Connection, Event, spoken

WINDOWS = st.sampled_from((SECOND // 2, 5 * SECOND, 60 * SECOND, 900 * SECOND))
UE, SERVER = (V4 | 7, 40000), (V4 | 9, 443)


def comparable(rows: Iterable[Any], columns: Iterable[str]) -> Counter[tuple[tuple[str, Any], ...]]:
    """Rows as a multiset; NaN is equal to itself here."""

    def value(x: Any) -> Any:
        x = x.item() if isinstance(x, np.generic) else x
        return ("nan" if math.isnan(x) else round(x, 3)) if isinstance(x, float) else x

    return Counter(tuple((name, value(row[name])) for name in columns) for row in rows)


def told(row: Any) -> dict[str, Any]:
    """A kernel row under the names of the twin."""
    out = {name: row[name] for name in row.dtype.names}
    for side in ("ue_ip", "server_ip"):
        out[side] = int(row[f"{side}_hi"]) << 64 | int(row[f"{side}_lo"])
    return out


def assert_same(packets: list[Packet], window: int) -> None:
    ref = naive_flow.flow_rows(packets, window)
    comp = [told(row) for row in flow_rows(packets, window)]
    columns = list(ref[0]) if ref else []
    expected, got = comparable(ref, columns), comparable(comp, columns)
    if expected != got:
        missing, extra = [dict(r) for r in expected - got], [dict(r) for r in got - expected]
        differ = {
            k: (missing[0][k], extra[0][k]) for k in columns if missing and extra and missing[0][k] != extra[0][k]
        }
        pytest.fail(f"{len(missing)} rows of the twin are missing, {len(extra)} are not its own; first: {differ}")


@examples(150)
@given(CONNECTIONS, EVENTS, st.booleans(), WINDOWS)
def test_random_conversations_equal_the_twin(
    connections: list[Connection], events: list[Event], opened: bool, window: int
) -> None:
    assert_same(spoken(connections, events, opened), window)


@examples(60)
@given(CONNECTIONS, EVENTS, st.integers(0, 1), WINDOWS)
def test_one_direction_only_equals_the_twin(
    connections: list[Connection], events: list[Event], side: int, window: int
) -> None:
    packets = spoken(connections, events, True)
    kept = [p for p in packets if any(p.src == c.ends[side] or p.src == (c.ends[side][0], 0) for c in connections)]
    assert_same(kept, window)


@examples(60)
@given(CONNECTIONS, EVENTS, WINDOWS, st.integers(0, 10**9), st.integers(1, 7))
def test_any_time_stamps_lose_and_double_nothing(
    connections: list[Connection], events: list[Event], window: int, seed: int, capacity: int
) -> None:
    """Hostile times, in a table that is too small: sums are kept, and every byte is in its own window."""
    random = np.random.default_rng(seed)
    packets = [
        p._replace(ts=int(p.ts + random.choice((0, -(10**12), 10**12, 10**15))))
        for p in spoken(connections, events, True)
    ]
    many = [p._replace(src=(p.src[0], p.src[1] + k), dst=p.dst) for k, p in enumerate(packets)] + packets
    rows = flow_rows(many, window, limits=TINY._replace(flows=capacity))
    for volume, each in (("bytes", lambda p: p.length), ("packets", lambda p: 1)):
        expected: Counter[int] = Counter()
        for p in many:
            expected[p.ts - p.ts % window] += each(p)
        got: Counter[int] = Counter()
        for row in rows:
            got[int(row["window"])] += int(row[f"{volume}_up"] + row[f"{volume}_down"])
        assert +got == +expected


def handshake(
    syns: list[float], answers: list[float], acks: list[float], rest: list[Packet] | None = None
) -> list[Packet]:
    """A connection whose steps are taken at these seconds."""
    at = lambda s: EPOCH + int(s * SECOND)  # noqa: E731
    out = [Packet(at(s), UE, SERVER, flags=SYN, seq=99) for s in syns]
    out += [Packet(at(s), SERVER, UE, flags=SYN | ACK, seq=499, ack=100) for s in answers]
    out += [Packet(at(s), UE, SERVER, flags=ACK, seq=100, ack=500) for s in acks]
    return sorted(out + (rest or []), key=lambda p: p.ts)


CLOCK = [Packet(EPOCH + k * SECOND, (V4 | 1, 5000), (V4 | 2, 5001), 17, payload=1) for k in range(0, 900, 9)]


@pytest.mark.parametrize(
    "packets, outcome, at",
    [
        (handshake([1], [1.05], [1.08]), "success", 1),
        (handshake([1, 4], [4.05], [4.08]), "success", 1),
        (handshake([59], [61], [62]), "success", 59),
        (handshake([59], [], []), "no_answer", 59),
        (handshake([1, 2, 4], [], []), "no_answer", 1),
        (handshake([1], [1.05, 2.05], []), "half_open", 1),
        (handshake([59], [59.5], []), "half_open", 59),
        (handshake([1], [], [1.1]), "success", 1),
        (handshake([1], [], [], [Packet(EPOCH + 2 * SECOND, SERVER, UE, flags=RST | ACK)]), "refused", 1),
        (handshake([1], [1.05], [], [Packet(EPOCH + 2 * SECOND, UE, SERVER, flags=RST)]), "client_abort", 1),
    ],
)
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("window", [SECOND // 2, 60 * SECOND, 900 * SECOND])
def test_outcome_is_told_once_in_the_window_of_its_attempt(
    packets: list[Packet], outcome: str, at: float, busy: bool, window: int
) -> None:
    """However windows fall, and whether or not other traffic makes them close before the outcome is known."""
    closing = [Packet(EPOCH + 2000 * SECOND, (V4 | 1, 5000), (V4 | 2, 5001), 17)]
    stream = sorted(packets + (CLOCK if busy else []), key=lambda p: p.ts) + closing
    rows = [r for r in flow_rows(stream, window) if r["connect_outcome"]]
    assert [CONNECT_OUTCOMES[r["connect_outcome"]] for r in rows] == [outcome]
    assert rows[0]["connect_time"] == EPOCH + at * SECOND
    assert rows[0]["window"] <= rows[0]["connect_time"] < rows[0]["window"] + window
    assert_same(stream, window)


@examples(40)
@given(CONNECTIONS, EVENTS, WINDOWS, st.lists(st.integers(0, 600), max_size=40))
@example(
    [Connection((UE, SERVER), 6, (0, 0))],
    [Event(0, s, "fin", 58 * SECOND, 0, 1) for s in (0, 1)],
    60 * SECOND,
    [0, 60, 70],
)
def test_rows_do_not_depend_on_other_traffic(
    connections: list[Connection], events: list[Event], window: int, clock: list[int]
) -> None:
    """Other packets move the clock, so tables are swept at other times: the rows of these connections are the same."""
    packets = spoken(connections, events, True)
    end = max(p.ts for p in packets) + 5000 * SECOND
    closing = [Packet(end + k, (V4 | 1, 5000), (V4 | 2, 5001), 17) for k in range(2)]
    # a packet is late against its own stream only
    ticks = [Packet(EPOCH + s * SECOND - 2 * SECOND, (V4 | 1, 5000), (V4 | 2, 5001), 17) for s in sorted(clock)]
    latest, mixed = EPOCH, []
    for p in packets:
        latest = max(latest, p.ts)
        while ticks and ticks[0].ts <= latest:
            mixed.append(ticks.pop(0))
        mixed.append(p)
    columns = [n for n in naive_flow.flow_rows(packets + closing, window)[0] if n != "ue_ip"]
    mine = lambda rows: [told(r) for r in rows if r["ue_port"] != 5000]  # noqa: E731
    alone, among = flow_rows(packets + closing, window), flow_rows(mixed + closing, window)
    assert comparable(mine(alone), columns) == comparable(mine(among), columns)


def test_the_row_of_a_closed_connection_says_how() -> None:
    packets = handshake([1], [1.1], [1.2])
    packets += [
        Packet(
            EPOCH + 58 * SECOND + k,
            *((UE, SERVER) if k % 2 else (SERVER, UE)),
            flags=FIN | ACK,
            seq=100 + 400 * (1 - k % 2),
        )
        for k in range(2)
    ]
    rows = [r for r in flow_rows(packets + CLOCK, 60 * SECOND) if r["ip_protocol"] == 6]
    assert [END_REASONS[r["end_reason"]] for r in rows] == ["fin"]


def test_a_port_used_again_after_close_is_another_connection() -> None:
    first = handshake([1], [1.1], [1.2], [Packet(EPOCH + 2 * SECOND, SERVER, UE, flags=RST)])
    rows = flow_rows(first + handshake([3], [3.1], [3.3]), 60 * SECOND)
    assert rows["begun"].tolist() == [1, 1]
    assert [END_REASONS[r] for r in rows["end_reason"]] == ["rst", "drained"]
    assert rows["rtt_client_ms"].tolist() == [SECOND // 10, 2 * SECOND // 10]


def test_a_packet_of_a_window_left_behind_is_a_row_of_its_own() -> None:
    times = (59.0, 60.5, 59.9)
    packets = [
        Packet(EPOCH + int(t * SECOND), UE, SERVER, flags=ACK, seq=k * 10, payload=10) for k, t in enumerate(times)
    ]
    rows = flow_rows(packets, 60 * SECOND)
    said = [(END_REASONS[r["end_reason"]], int(r["window"] - EPOCH) // SECOND, int(r["packets_up"])) for r in rows]
    assert sorted(said) == [("drained", 60, 1), ("late", 0, 1), ("window", 0, 1)]


def test_first_byte_is_told_in_the_row_of_the_answer() -> None:
    ask = Packet(EPOCH + 59 * SECOND, UE, SERVER, flags=ACK, seq=1, payload=10)
    answer = Packet(EPOCH + 61 * SECOND, SERVER, UE, flags=ACK, seq=1, payload=10)
    late = Packet(EPOCH + 59 * SECOND + 1, UE, SERVER, flags=ACK, seq=11, payload=10)
    assert flow_rows([ask, answer, late, answer], 60 * SECOND)["first_byte_ms"].tolist() == [-1, -1, 2 * SECOND]


def test_a_full_table_ends_connections_and_says_so() -> None:
    packets = [Packet(EPOCH + k * MILLI, (V4 | 7, 1024 + k), SERVER, 17, payload=1) for k in range(100)]
    machine = Machine(60 * SECOND, Limits(flows=16, sessions=32, transactions=32, apns=8), room=3)
    machine.take(packet_rows(packets))
    rows = machine.finish()["flow"]
    assert Counter(END_REASONS[r] for r in rows["end_reason"]) == {"evicted": 84, "drained": 16}
    assert sorted(rows["ue_port"]) == list(range(1024, 1124))
    assert machine.writes > 3


def test_equal_hashes_are_told_apart() -> None:
    packets = [Packet(EPOCH + k * MILLI, (V4 | 7, 2000 + k % 20), SERVER, 17, payload=k) for k in range(100)]
    machine = Machine(60 * SECOND)
    machine.take(packet_rows(packets, hashing=lambda *parts: 0xFFFF_FFFF_FFFF_FFFF))
    rows = machine.finish()["flow"]
    assert sorted(rows["ue_port"]) == list(range(2000, 2020))
    assert (rows["packets_up"] == 5).all()


@examples(30)
@given(CONNECTIONS, EVENTS, WINDOWS, st.integers(1, 3), st.integers(1, 30))
def test_shards_and_room_change_nothing(
    connections: list[Connection], events: list[Event], window: int, shards: int, room: int
) -> None:
    packets = spoken(connections, events, True)
    rows = packet_rows(packets)
    machines = [Machine(window, room=room, shard=k, shards=shards) for k in range(shards)]
    for machine in machines:
        machine.take(rows)
    split = np.concatenate([machine.finish()["flow"] for machine in machines])
    columns = split.dtype.names
    assert comparable(split, columns) == comparable(flow_rows(packets, window), columns)
