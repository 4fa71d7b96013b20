"""SCTP: what was sent comes out, whatever way it was cut, bundled, reordered, repeated and routed."""

import random
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.sctp import DECODED, MALFORMED, MESSAGE_OCTETS, SCTP_MESSAGE, STRANGE_RUN, TRUNCATED, WINDOW
from kernels import sctp, sctp_state, table
from tests.naive_sctp import Message, Packet, Reader
from tests.rows import examples

HEAD = np.dtype([("ts", "i8"), ("src_hi", "u8"), ("src_lo", "u8"), ("dst_hi", "u8"), ("dst_lo", "u8")])
BASE = 5  # the state lies somewhere within an array of words


class State:
    """A small SCTP state of its own."""

    def __init__(self, **room: int) -> None:
        self.words = np.zeros(BASE + sctp_state.SCTP_WORDS + 3, np.int64)
        self.words[-3:] = -7
        self.kept = sctp_state.allocate(self.words, BASE, **room)
        self.out = np.zeros(64, SCTP_MESSAGE).view(np.recarray)
        self.ts = 0
        self.fragments_joined = 0

    def count(self, counter: int) -> int:
        return int(self.words[BASE + counter])

    def packet(self, packet: Packet, cut: bool = False, hi: int | None = None) -> tuple[int, list[Message]]:
        """(code, messages); the packet lies in the middle of its buffer, up to `hi` octets of it."""
        size = len(packet.data) if hi is None else hi
        data = np.frombuffer(b"\x55" * 7 + packet.data[:size], np.uint8)
        head = np.zeros(1, HEAD).view(np.recarray)[0]
        self.ts += 1
        head.ts, head.src_lo, head.dst_lo = self.ts, packet.src, packet.dst
        many, code = sctp.packet(self.words, BASE, data, 7, len(data), cut, head, self.out)
        return int(code), [self.message(row, data) for row in self.out[:many]]

    def message(self, row: Any, data: np.ndarray) -> Message:
        assert row.ts == self.ts
        where = self.kept.joined if row.joined else data
        assert bool(row.joined) == (row.pieces > 1)
        self.fragments_joined += row.pieces if row.joined else 0
        octets = bytes(where[row.at : row.at + row.octets])
        assert len(octets) == row.octets
        fields = (row.association, row.side, row.stream, row.sequence, bool(row.unordered), row.ppid, row.tsn)
        return Message(*map(int, fields[:4]), fields[4], *map(int, fields[5:]), octets)  # type: ignore[arg-type]


def chunk(kind: int, flags: int, value: bytes) -> bytes:
    return struct.pack("!BBH", kind, flags, 4 + len(value)) + value + bytes(-len(value) % 4)


def data_chunk(tsn: int, flags: int, value: bytes, stream: int = 1, sequence: int = 0, ppid: int = 18) -> bytes:
    return chunk(0, flags, struct.pack("!IHHI", tsn % 2**32, stream, sequence, ppid) + value)


def packet(
    *parts: bytes, ports: tuple[int, int] = (40000, 36412), tag: int = 7, path: tuple[int, int] = (1, 2)
) -> Packet:
    return Packet(*path, struct.pack("!HHII", *ports, tag, 0) + b"".join(parts))


def init_ack(tag: int, own: int, ports: tuple[int, int] = (36412, 40000), path: tuple[int, int] = (2, 1)) -> Packet:
    return packet(chunk(2, 0, struct.pack("!IIHHI", own, 9999, 4, 4, 1)), ports=ports, tag=tag, path=path)


def texts(messages: Sequence[Message]) -> list[bytes]:
    return [m.data for m in messages]


# --- plain cases --------------------------------------------------------------------------------------------------


def test_bundled_messages_lie_where_they_are() -> None:
    state = State()
    code, messages = state.packet(packet(data_chunk(1, 3, b"one"), data_chunk(2, 7, b"other", stream=4, ppid=60)))
    assert code == DECODED
    assert messages == [Message(1, 0, 1, 0, False, 18, 1, b"one"), Message(1, 0, 4, 0, True, 60, 2, b"other")]
    assert state.count(sctp_state.MESSAGES) == state.count(sctp_state.CHUNKS) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_fragments_in_any_order(order: tuple[int, ...]) -> None:
    parts = [data_chunk(2**32 - 1, 2, b"be"), data_chunk(0, 0, b"gin"), data_chunk(1, 1, b"ning")]
    state = State()
    got = [m for k in order for m in state.packet(packet(parts[k]))[1]]
    assert got == [Message(1, 0, 1, 0, False, 18, 2**32 - 1, b"beginning")]
    assert state.count(sctp_state.FRAGMENTS) == 3
    assert state.count(sctp_state.PIECES + table.LIVE) == 0


def test_a_retransmission_is_one_message() -> None:
    state = State()
    sent = packet(data_chunk(5, 3, b"x"), data_chunk(6, 2, b"y"))
    assert texts(state.packet(sent)[1]) == [b"x"]
    assert state.packet(sent)[1] == []
    assert texts(state.packet(packet(data_chunk(6, 2, b"y"), data_chunk(7, 1, b"z")))[1]) == [b"yz"]
    assert state.count(sctp_state.DUPLICATES) == 3


def test_both_directions_are_one_association() -> None:
    state = State()
    state.packet(packet(chunk(1, 0, struct.pack("!IIHHI", 11, 9999, 4, 4, 1)), tag=0))
    state.packet(init_ack(11, 22))
    up = state.packet(packet(data_chunk(1, 3, b"up"), tag=22, path=(8, 9)))[1]
    down = state.packet(packet(data_chunk(1, 3, b"down"), tag=11, ports=(36412, 40000), path=(4, 5)))[1]
    assert [(m.association, m.side) for m in up + down] == [(1, 0), (1, 1)]


def test_capture_that_begins_within() -> None:
    state = State()
    up = state.packet(packet(data_chunk(1, 3, b"up"), tag=22))[1]
    other = state.packet(packet(data_chunk(1, 3, b"else"), tag=33, ports=(40001, 36412)))[1]
    down = state.packet(packet(data_chunk(1, 3, b"down"), tag=11, ports=(36412, 40000), path=(2, 1)))[1]
    elsewhere = state.packet(packet(data_chunk(2, 3, b"up"), tag=22, path=(70, 80)))[1]
    assert [(m.association, m.side) for m in up + other + down + elsewhere] == [(1, 0), (2, 0), (1, 1), (1, 0)]


@pytest.mark.parametrize("kind, reflected", [(6, 0), (6, 1), (14, 0), (14, 1)])
def test_an_end_frees_both_directions(kind: int, reflected: int) -> None:
    state = State()
    state.packet(init_ack(11, 22))
    state.packet(packet(data_chunk(1, 3, b"up"), tag=22))
    ending = packet(chunk(kind, reflected, b""), tag=11 if reflected else 22)
    state.packet(ending)
    assert state.count(sctp_state.DIRECTIONS + table.LIVE) == 0
    assert state.count(sctp_state.ADDRESSES + table.LIVE) == 0
    assert state.count(sctp_state.ASSOCIATIONS_ENDED) == 1
    assert state.packet(packet(data_chunk(1, 3, b"up"), tag=22))[1][0].association == 2


def test_an_association_that_is_set_up_again() -> None:
    """INIT ACK repeated changes nothing; one with other tags is another association."""
    state = State()
    for _ in range(2):
        state.packet(init_ack(11, 22))
    state.packet(packet(data_chunk(1, 3, b"up"), tag=22))
    state.packet(init_ack(11, 22))
    assert state.packet(packet(data_chunk(1, 3, b"up"), tag=22))[1] == []
    assert state.count(sctp_state.ASSOCIATIONS) == 1
    state.packet(init_ack(33, 44))
    up = state.packet(packet(data_chunk(1, 3, b"up"), tag=44))[1]
    down = state.packet(packet(data_chunk(1, 3, b"down"), tag=33, ports=(36412, 40000), path=(2, 1)))[1]
    assert [(m.association, m.side) for m in up + down] == [(2, 0), (2, 1)]
    state.packet(init_ack(33, 55))  # the answer to an INIT that was sent twice
    again = state.packet(packet(data_chunk(2, 3, b"up"), tag=55))[1]
    back = state.packet(packet(data_chunk(2, 3, b"down"), tag=33, ports=(36412, 40000), path=(2, 1)))[1]
    assert [(m.association, m.side) for m in again + back] == [(3, 0), (3, 1)]


def test_more_messages_than_there_is_room_for() -> None:
    state = State(joined=100)
    state.out = state.out[:2]
    bundle = [data_chunk(k, 3, bytes([k])) for k in range(5)]
    assert texts(state.packet(packet(*bundle))[1]) == [b"\0", b"\1"]
    assert state.count(sctp_state.MESSAGES_LOST) == 3
    assert state.packet(packet(data_chunk(5, 2, bytes(80)), data_chunk(6, 1, bytes(80))))[1] == []
    assert state.count(sctp_state.FRAGMENTS_LOST) == 2
    assert texts(state.packet(packet(data_chunk(7, 2, b"a"), data_chunk(8, 1, b"b")))[1]) == [b"ab"]


def test_other_chunks_are_passed_over() -> None:
    state = State()
    code, messages = state.packet(
        packet(chunk(3, 0, bytes(12)), chunk(64, 3, bytes(17)), chunk(4, 0, b"beat"), chunk(250, 0, b"?"),
               data_chunk(1, 3, b"last"))
    )  # fmt: skip
    assert (code, texts(messages)) == (DECODED, [b"last"])
    assert state.count(sctp_state.I_DATAS) == 1


def test_payload_protocol() -> None:
    row = np.zeros(1, SCTP_MESSAGE).view(np.recarray)[0]
    cases = [
        (18, 1, 2, 18),
        (60 << 24, 1, 2, 60),
        (0, 9, 36412, 18),
        (0, 38412, 9, 60),
        (0, 9, 8, 0),
        (999, 9, 36412, 999),
    ]
    for ppid, src, dst, wanted in cases:
        row.ppid, row.src_port, row.dst_port = ppid, src, dst
        assert sctp.payload_protocol(row) == wanted


# --- what is out of bounds ----------------------------------------------------------------------------------------


def test_bad_lengths_are_counted() -> None:
    state = State()
    for wrong in (
        packet(b"\0\3\0\3"), packet(b"\0\3\0"), packet(data_chunk(1, 3, b"")), packet(data_chunk(1, 3, b"x"), tag=0),
        packet(b"\0\3\xff\xff"), Packet(1, 2, b"short"), packet(chunk(2, 0, b"none")),
    ):  # fmt: skip
        assert state.packet(wrong) == (MALFORMED, [])
    assert state.count(sctp_state.PACKETS_MALFORMED) == 7
    assert state.packet(packet(data_chunk(1, 3, b"fine"), data_chunk(2, 3, b"cut")), cut=True, hi=40) == (
        TRUNCATED,
        [Message(1, 0, 1, 0, False, 18, 1, b"fine")],
    )
    assert texts(state.packet(packet(data_chunk(2, 3, b"cut")))[1]) == [b"cut"]


def test_the_oldest_fragments_make_room() -> None:
    state = State(pieces=8, arena=4000)
    for k in range(30):
        assert state.packet(packet(data_chunk(3 * k, 2, bytes([k]) * 500)))[1] == []
    assert state.count(sctp_state.FRAGMENTS_LOST) == 30 - state.count(sctp_state.PIECES + table.LIVE)
    assert state.count(sctp_state.PIECES + table.LIVE) in (7, 8)
    assert texts(state.packet(packet(data_chunk(3 * 29 + 1, 1, b"!")))[1]) == [bytes([29]) * 500 + b"!"]
    assert state.packet(packet(data_chunk(1, 1, b"!")))[1] == []


def test_a_message_that_is_too_long_is_given_up() -> None:
    state = State()
    size, count = 9000, MESSAGE_OCTETS // 9000 + 2
    for k in range(count):
        flags = (2 if k == 0 else 0) | (1 if k == count - 1 else 0)
        assert state.packet(packet(data_chunk(k, flags, bytes(size))))[1] == []
    assert state.count(sctp_state.FRAGMENTS_LOST) == count
    assert texts(state.packet(packet(data_chunk(count, 3, b"next")))[1]) == [b"next"]


def test_the_silent_association_makes_room() -> None:
    state = State(associations=4)
    for k in range(100):
        assert len(state.packet(packet(data_chunk(1, 3, b"x"), tag=k + 1))[1]) == 1
        assert len(state.packet(packet(data_chunk(k + 2, 3, b"y"), tag=1))[1]) == 1
    assert state.count(sctp_state.DIRECTIONS + table.LIVE) == 8
    assert state.count(sctp_state.DIRECTIONS_EVICTED) == 92
    assert state.count(sctp_state.ASSOCIATIONS) == 100


def test_a_strange_number_does_not_stop_the_rest() -> None:
    state = State()
    state.packet(packet(data_chunk(100, 3, b"a")))
    assert state.packet(packet(data_chunk(100 + 2**31, 3, b"flipped")))[1] == []
    assert texts(state.packet(packet(data_chunk(101, 3, b"b")))[1]) == [b"b"]
    got = [texts(state.packet(packet(data_chunk(10**9 + k, 3, b"anew")))[1]) for k in range(STRANGE_RUN + 1)]
    assert got == [[]] * (STRANGE_RUN - 1) + [[b"anew"]] * 2
    assert state.count(sctp_state.STRANGE) == STRANGE_RUN


def test_window_of_what_is_remembered() -> None:
    state = State()
    state.packet(packet(data_chunk(1000, 3, b"a")))
    for gap in (WINDOW - 1, 3 * WINDOW):
        assert len(state.packet(packet(data_chunk(1000 + gap, 3, b"b")))[1]) == 1
    assert state.packet(packet(data_chunk(1000 + 3 * WINDOW, 3, b"b")))[1] == []
    assert len(state.packet(packet(data_chunk(1001 + 2 * WINDOW, 3, b"late")))[1]) == 1
    assert state.packet(packet(data_chunk(1001 + 2 * WINDOW, 3, b"late")))[1] == []


# --- any traffic --------------------------------------------------------------------------------------------------


class Sender:
    """One direction: messages into chunks, chunks into packets, as a stack might."""

    def __init__(self, draw: random.Random, tag: int, ports: tuple[int, int], paths: list[tuple[int, int]]) -> None:
        self.draw, self.tag, self.ports, self.paths = draw, tag, ports, paths
        self.tsn = draw.choice([0, 2**32 - 5, draw.getrandbits(32)])
        self.sequences: dict[int, int] = {}

    def chunks(self, count: int) -> tuple[list[bytes], list[bytes]]:
        sent, made = [], []
        for _ in range(count):
            draw = self.draw
            message = draw.randbytes(draw.choice([1, 3, 40, 300]))
            stream, unordered = draw.randrange(3), draw.random() < 0.3
            sequence = self.sequences.get(stream, 0)
            if not unordered:
                self.sequences[stream] = (sequence + 1) % 65536
            cuts = (
                sorted({draw.randrange(1, len(message)) for _ in range(draw.randrange(5))}) if len(message) > 1 else []
            )
            edges = [0, *cuts, len(message)]
            for k, (start, stop) in enumerate(pairwise(edges)):
                flags = (2 if k == 0 else 0) | (1 if stop == len(message) else 0) | (4 if unordered else 0)
                made.append(data_chunk(self.tsn, flags, message[start:stop], stream, sequence, draw.choice([18, 60])))
                self.tsn = (self.tsn + 1) % 2**32
            sent.append(message)
        return sent, made

    def packets(self, made: list[bytes]) -> list[Packet]:
        """Reordered a little, repeated, bundled, each on any path; the first on the first."""
        draw, path = self.draw, self.paths[0]
        keyed = sorted((k + draw.random() * draw.choice([0, 0, 6]), c) for k, c in enumerate(made))
        line = [c for _, c in keyed for _ in range(draw.choice([1, 1, 1, 2]))]
        found = []
        while line:
            many = draw.randint(1, 4)
            others = [chunk(3, 0, bytes(12))] if draw.random() < 0.3 else []
            found.append(packet(*others, *line[:many], ports=self.ports, tag=self.tag, path=path))
            line, path = line[many:], draw.choice(self.paths)
        return found


@examples(60)
@given(st.integers(0, 2**32), st.booleans(), st.integers(1, 3))
def test_what_is_sent_comes_out(seed: int, handshake: bool, associations: int) -> None:
    draw = random.Random(seed)
    state, twin = State(associations=16, pieces=256, arena=1 << 16), Reader()
    lines: list[list[Packet]] = []
    sent: dict[tuple[int, int], list[bytes]] = {}
    for k in range(associations):
        ports, paths = (40000 + k, 36412), [(1, 2), (3, 4)]
        back = [(b, a) for a, b in paths]
        up, down = Sender(draw, 2 * k + 1, ports, paths), Sender(draw, 2 * k + 2, ports[::-1], back)
        for sender in (up, down):
            messages, made = sender.chunks(draw.randint(1, 8))
            sent[sender.tag, sender.ports[0]] = sorted(messages)
            lines.append(sender.packets(made))
        if handshake:
            opening = init_ack(down.tag, up.tag, ports[::-1], (2, 1))
            assert state.packet(opening) == (DECODED, twin.packet(opening))
    got: dict[tuple[int, int], list[bytes]] = {}
    owners: dict[int, set[int]] = {}
    while any(lines):
        line = draw.choice([line for line in lines if line])
        p = line.pop(0)
        code, messages = state.packet(p)
        assert code == DECODED
        assert messages == twin.packet(p)
        sport, _, tag = struct.unpack("!HHI", p.data[:8])
        for m in messages:
            got.setdefault((tag, sport), []).append(m.data)
            owners.setdefault(m.association, set()).add((tag - 1) // 2)
    assert {key: sorted(messages) for key, messages in got.items()} == sent
    assert all(len(tags) == 1 for tags in owners.values())
    assert len(owners) == associations
    assert state.count(sctp_state.FRAGMENTS_LOST) == state.count(sctp_state.STRANGE) == 0
    assert state.count(sctp_state.PIECES + table.LIVE) == 0


# --- hostile ------------------------------------------------------------------------------------------------------


def traffic(draw: random.Random) -> list[Packet]:
    up = Sender(draw, 22, (40000, 36412), [(1, 2)])
    down = Sender(draw, 11, (36412, 40000), [(2, 1)])
    packets = [init_ack(11, 22), *up.packets(up.chunks(6)[1]), *down.packets(down.chunks(6)[1])]
    return [*packets, packet(chunk(7, 0, bytes(4)), chunk(6, 0, b"why?"), tag=22)]


def settled(state: State) -> None:
    """Nothing is lost without a count, no table beyond its room, no word beside the state touched."""
    assert state.words[:BASE].tolist() == [0] * BASE
    assert state.words[-3:].tolist() == [-7] * 3
    for pool in (sctp_state.DIRECTIONS, sctp_state.PIECES):
        used = int((state.kept.pools[0 if pool == sctp_state.DIRECTIONS else 2][0]["used"] == 1).sum())
        assert state.count(pool + table.LIVE) == used
        index = state.kept.pools[0 if pool == sctp_state.DIRECTIONS else 2][1]
        assert int((index != 0).sum()) == used
    assert state.count(sctp_state.DIRECTIONS + table.LIVE) == state.count(sctp_state.ADDRESSES + table.LIVE)
    waiting = state.count(sctp_state.PIECES + table.LIVE)
    fragments = state.fragments_joined + waiting + state.count(sctp_state.FRAGMENTS_LOST)
    assert state.count(sctp_state.FRAGMENTS) == fragments
    single = state.count(sctp_state.CHUNKS) - state.count(sctp_state.DUPLICATES) - state.count(sctp_state.STRANGE)
    assert single >= state.count(sctp_state.MESSAGES)


def test_hostile_truncation_at_each_octet() -> None:
    for cut in (False, True):
        state = State(associations=4, pieces=16, arena=2048)
        for p in traffic(random.Random(1))[:6]:
            for size in range(len(p.data) + 1):
                code, _ = state.packet(p, cut, size)
                assert code == TRUNCATED if cut else code in (DECODED, MALFORMED)
        settled(state)


def test_hostile_flipped_bits() -> None:
    draw = random.Random(2)
    state = State(associations=4, pieces=16, arena=2048)
    for p in traffic(draw):
        for _ in range(40):
            octets = bytearray(p.data)
            for _ in range(draw.randint(1, 3)):
                octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
            state.packet(Packet(p.src, p.dst, bytes(octets)), draw.random() < 0.3)
    settled(state)


def test_hostile_random_octets() -> None:
    draw = random.Random(3)
    state = State(associations=2, pieces=4, arena=512, joined=300)
    for _ in range(400):
        ports = (draw.randrange(3), draw.randrange(3))
        body = b"".join(
            chunk(draw.choice([0, 0, 0, 2, 6, 14, 64, 255]), draw.randrange(8), draw.randbytes(draw.randrange(60)))
            if draw.random() < 0.5
            else data_chunk(draw.randrange(12), draw.randrange(8), draw.randbytes(draw.randrange(1, 200)), 0)
            for _ in range(draw.randrange(5))
        )
        state.packet(packet(body, draw.randbytes(draw.randrange(6)), ports=ports, tag=draw.randrange(4)))
    settled(state)
    assert state.count(sctp_state.PACKETS) == 400
