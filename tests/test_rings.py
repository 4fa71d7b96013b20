"""The walks over the rings of packet sockets and AF_XDP sockets, on rings made here: what lies in them, and damage."""

import struct
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.packet_socket import BLOCK_HEADER_OCTETS, BLOCK_STATUS, STATUS_USER
from formats.records import RECORD
from kernels.packet_ring import give_back, ready_blocks, walk_block
from kernels.xdp_ring import refill, waiting, walk_frames

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
