"""The walks over the rings of packet sockets and AF_XDP sockets, on rings made here: what lies in them, and damage;
several rings as one stream."""

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.packet_socket import BLOCK_HEADER_OCTETS, BLOCK_STATUS, STATUS_USER
from formats.records import RECORD
from kernels.packet_ring import give_back, ready_blocks, walk_block
from kernels.xdp_ring import refill, waiting, walk_frames
from probe.packet_socket import RingBlock, RingOptions, RingStats
from probe.rings import SLACK_MS, Rings

SIZE, COUNT = 4096, 4
MAC = 82  # where a frame begins after its header, as seen on Ethernet


class Packet(NamedTuple):
    ts: int
    octets: bytes
    wire: int


def block(packets: list[Packet], status: int = STATUS_USER) -> bytes:
    """A block as the kernel fills it, by struct."""
    body, at = b"", BLOCK_HEADER_OCTETS
    for number, packet in enumerate(packets):
        length = -(-(MAC + len(packet.octets)) // 16) * 16
        following = length if number < len(packets) - 1 else 0
        header = struct.pack(
            "=IIIIIIHH", following, *divmod(packet.ts, 10**9), len(packet.octets), packet.wire, 1, MAC, 96
        )
        body += (header.ljust(MAC, b"\xee") + packet.octets).ljust(length, b"\xee")
        at += length
    head = struct.pack("=IIIIIIQ", 1, 48, status, len(packets), BLOCK_HEADER_OCTETS, at, 7).ljust(
        BLOCK_HEADER_OCTETS, b"\0"
    )
    return (head + body).ljust(SIZE, b"\xdd")


def ring(blocks: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(blocks), np.uint32).copy()


PACKETS = [Packet(1_700_000_000_123_456_789 + k, bytes([k]) * (20 + 7 * k), 100 + k) for k in range(9)]


def test_packets_of_a_block_are_where_they_lie() -> None:
    words = ring([block([]), block(PACKETS)])
    records = np.zeros(16, RECORD)
    assert walk_block(words, SIZE, SIZE, 1, 5, records, 2) == 2 + len(PACKETS)
    data = words.view(np.uint8)
    for row, packet in zip(records[2:], PACKETS, strict=False):
        assert data[row["offset"] : row["offset"] + row["captured"]].tobytes() == packet.octets
        assert (row["ts"], row["wire"], row["link"], row["source"]) == (packet.ts, packet.wire, 1, 5)


def test_no_more_rows_than_there_is_room_for() -> None:
    records = np.zeros(4, RECORD)
    assert walk_block(ring([block(PACKETS)]), 0, SIZE, 1, 0, records, 0) == 4


def test_blocks_are_ready_in_a_row_and_given_back() -> None:
    """From any block on, around the end; up to the first that the kernel still has."""
    states = [STATUS_USER, 0, STATUS_USER | 0x20, STATUS_USER]
    words = ring([block(PACKETS[: k + 1], status) for k, status in enumerate(states)])
    assert ready_blocks(words, 2, SIZE, COUNT, COUNT) == (3, 3 + 4 + 1)
    assert ready_blocks(words, 2, SIZE, COUNT, 2) == (2, 7)
    assert ready_blocks(words, 1, SIZE, COUNT, COUNT) == (0, 0)
    give_back(words, 3, SIZE, COUNT, 2)
    assert [int(words[(k * SIZE + BLOCK_STATUS) >> 2]) for k in range(COUNT)] == [0, 0, STATUS_USER | 0x20, 0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, SIZE // 4 - 1), st.integers(0, 2**32 - 1)), max_size=8))
def test_hostile_block(edits: list[tuple[int, int]]) -> None:
    """Whatever a block says, every row lies within it."""
    words = ring([block(PACKETS), block(PACKETS)])
    for at, value in edits:
        words[SIZE // 4 + at] = value
    records = np.zeros(64, RECORD)
    found = records[: walk_block(words, SIZE, SIZE, 1, 0, records, 0)]
    assert (found["offset"] >= SIZE).all()
    assert (found["captured"] >= 0).all()
    assert (found["offset"] + found["captured"] <= 2 * SIZE).all()


@pytest.mark.parametrize("first", [0, 5, 2**32 - 3])
def test_frames_go_round(first: int) -> None:
    """Counters wrap; chunks come back by their beginning, in the order in which they were read."""
    entries, chunk, count = 8, 2048, 6
    descs, fill = np.zeros(2 * entries, np.uint64), np.zeros(entries, np.uint64)
    for k in range(count):
        descs[2 * ((first + k) % entries)] = k * chunk + 256
        descs[2 * ((first + k) % entries) + 1] = (9 << 32) | (60 + k)
    words = np.array([(first + count) % 2**32, first % 2**32, 11], np.uint32)
    assert waiting(words, 0, 1) == count
    records = np.zeros(count, RECORD)
    walk_frames(descs, first, count, 42, 1, 3, records)
    assert records["offset"].tolist() == [k * chunk + 256 for k in range(count)]
    assert records["captured"].tolist() == records["wire"].tolist() == [60 + k for k in range(count)]
    assert set(records["ts"]) == {42}
    refill(descs, first, count, chunk, fill, words, 2)
    assert int(words[2]) == 11 + count
    assert [int(fill[(11 + k) % entries]) for k in range(count)] == [k * chunk for k in range(count)]


# --- several rings as one stream ----------------------------------------------------------------------------------

ROOM = 64
MOMENTS = st.lists(st.integers(0, 40), max_size=4)
DELAY = (SLACK_MS + RingOptions().retire_ms) * 10**6
START = 1_700_000_000 * 10**9


class Given:
    """A ring whose blocks are given here; each packet's octet is its number, spoiled when its block goes back."""

    unread, fill_share = 0, 0.0
    options, stats = RingOptions(), RingStats(5, 2, 1)

    def __init__(self, index: int, stamped: bool = True) -> None:
        self.interface, self.index, self.stamped = f"eth{index // 2}", index // 2, stamped
        self.data = np.zeros(ROOM, np.uint8)
        self.socket = socket.socket()
        self.coming: list[RingBlock] = []
        self.read_so_far = self.given_back = self.used = 0

    def gives(self, times: Sequence[int], first: int) -> None:
        """A block of packets, whose numbers go on from `first`."""
        records = np.zeros(len(times), RECORD)
        records["ts"], records["captured"], records["source"] = times, 1, self.index
        records["offset"] = self.used + np.arange(len(times))
        self.data[self.used : self.used + len(times)] = first + np.arange(len(times))
        self.coming.append(RingBlock(self.data, records, self.used, len(times)))
        self.used += len(times)

    def read(self, most: int = 1) -> RingBlock | None:
        assert most == 1
        self.read_so_far += 1 if self.coming else 0
        return self.coming.pop(0) if self.coming else None

    def release(self, block: RingBlock) -> None:
        assert block.first == self.given_back, "blocks go back in their order"
        self.given_back += block.blocks
        self.data[block.first : block.first + block.blocks] = 255


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [START]
    monkeypatch.setattr("probe.rings.time.time_ns", lambda: now[0])
    return now


def taken(stream: Rings, last: bool = False) -> list[int]:
    """The numbers of the packets of one batch."""
    batch = stream.batch(last)
    if batch is None:
        return []
    found = batch.data[batch.records["offset"]].tolist()
    assert (np.diff(batch.records["ts"]) >= 0).all()
    assert stream.last == batch.records["ts"][-1]
    batch.release()
    return [int(number) for number in found]


def test_packets_wait_for_the_ring_that_is_behind(clock: list[int]) -> None:
    a, b = Given(0), Given(1)
    stream = Rings([a, b])  # type: ignore[list-item]
    a.gives([START - 9, START - 5, START - 3], 0)
    b.gives([START - 7], 10)
    assert taken(stream) == [0, 10]
    assert (a.given_back, b.given_back) == (0, 1)
    b.gives([START - 4, START - 2], 11)
    assert taken(stream) == [1, 11, 2]  # b may bring more of the time of its own last one
    assert (a.given_back, b.given_back) == (3, 1)
    assert taken(stream) == []
    clock[0] += DELAY  # both are silent: nothing earlier can come
    assert taken(stream) == [12]
    assert (a.given_back, b.given_back) == (3, 3)


def test_a_ring_half_full_waits_for_nobody(clock: list[int]) -> None:
    a, b = Given(0), Given(1)
    stream = Rings([a, b])  # type: ignore[list-item]
    a.gives([START - 9, START - 3], 0)
    assert taken(stream) == []
    a.fill_share = 0.5
    assert taken(stream) == [0, 1]
    assert a.given_back == 2


def test_frames_stamped_when_read_wait_for_nobody_of_their_kind(clock: list[int]) -> None:
    a, b = Given(0, stamped=False), Given(1, stamped=False)
    stream = Rings([a, b])  # type: ignore[list-item]
    a.gives([START + 1, START + 1], 0)
    assert taken(stream) == [0, 1]


def test_a_queue_is_not_read_again_before_its_block_is_back(clock: list[int]) -> None:
    """As AF_XDP has one block at a time."""
    a, b = Given(0, stamped=False), Given(2)
    stream = Rings([a, b])  # type: ignore[list-item]
    a.gives([START], 0)
    a.gives([START], 1)
    assert taken(stream) == taken(stream) == []
    assert a.read_so_far == 1
    clock[0] += DELAY
    assert taken(stream) == [0]
    assert taken(stream) == [1]


def test_rings_of_an_interface_are_told_together() -> None:
    rings = [Given(2), Given(0), Given(1)]
    stream = Rings(rings)  # type: ignore[arg-type]
    assert list(stream.interfaces) == ["eth0", "eth1"]
    assert stream.stats() == {"eth0": RingStats(10, 4, 2), "eth1": RingStats(5, 2, 1)}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 3), MOMENTS), max_size=4), max_size=4))
def test_every_packet_once_in_order(rounds: list[list[tuple[int, list[int]]]]) -> None:
    """Whatever comes when: all packets, each with its own octet, by time and then by ring."""
    rings = [Given(k) for k in range(4)]
    stream = Rings(rings)  # type: ignore[arg-type]
    told: list[tuple[int, int]] = []
    found: list[int] = []
    latest = [START] * 4
    with pytest.MonkeyPatch.context() as patch:
        for number, blocks in enumerate(rounds):
            now = START + 60 * (number + 1)
            patch.setattr("probe.rings.time.time_ns", lambda now=now: now + DELAY)
            for k, times in blocks:
                moments = sorted(max(latest[k], now + each) for each in times)
                if rings[k].used + len(moments) <= ROOM and moments:
                    rings[k].gives(moments, len(told))
                    told += [(moment, len(told) + at) for at, moment in enumerate(moments)]
                    latest[k] = moments[-1]
            found += taken(stream)
        while part := taken(stream, last=True):
            found += part
    assert sorted(found) == list(range(len(told)))
    assert [told[number][0] for number in found] == sorted(moment for moment, _ in told)
    assert all(ring.given_back == ring.used for ring in rings)
