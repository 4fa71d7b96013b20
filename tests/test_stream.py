"""Diameter messages out of TCP segments and SCTP user messages, against the naive twin and what was sent."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.records import PACKET
from formats.stream import HELD_PIECES, HOLD_NS, MESSAGE_OCTETS
from kernels import stream
from kernels.stream import BROKEN, ENTERED, EVICTED, FOUND, LOST, REPEATED, RESTARTED, SKIPPED, TOO_LONG
from tests import naive_stream

SYN = 2
Found = list[tuple[int, bytes]]


class Wire:
    """Streams, and segments for them."""

    def __init__(self, connections: int = 4, first: int = 1000) -> None:
        made = stream.allocate(connections)
        self.streams = stream.Streams(made.rows.view(np.recarray), made.octets, made.counts)
        out = stream.allocate_spans()
        self.out = stream.Spans(out.spans.view(np.recarray), out.octets, out.used)
        self.first = first

    def send(self, at: int, payload: bytes, ts: int = 0, flags: int = 0, port: int = 40000) -> Found:
        """A segment whose payload begins at octet `at` of the stream; the messages that it completes."""
        packet = np.zeros(1, PACKET).view(np.recarray)[0]
        packet.ts, packet.tcp_flags, packet.src_port, packet.dst_port = ts, flags, port, 3868
        packet.src_lo, packet.dst_lo = 1, 2
        packet.seq = (self.first + at - (1 if flags & SYN else 0)) % (1 << 32)
        data = np.frombuffer(b"\xff\xff" + payload + b"\xff", np.uint8)
        count = stream.accept(self.streams, packet, data, 2, 2 + len(payload), self.out)
        found = []
        for span in self.out.spans[:count]:
            octets = self.out.octets if span.copied else data
            found.append((int(span.ts), bytes(octets[span.offset : span.offset + span.length])))
        return found

    def count(self, which: int) -> int:
        return int(self.streams.counts[which])


def message(size: int, draw: random.Random) -> bytes:
    """A Device-Watchdog-Request with one AVP of text: `size` octets, a multiple of 4."""
    header = b"\x01" + size.to_bytes(3, "big") + b"\x80\x00\x01\x18" + bytes(4) + draw.randbytes(8)
    if size == 20:
        return header
    text = bytes(draw.choice(b"abcdefgh") for _ in range(size - 28))
    return header + (264).to_bytes(4, "big") + b"\x40" + (size - 20).to_bytes(3, "big") + text


def conversation(draw: random.Random, count: int) -> list[bytes]:
    return [message(4 * draw.choice([5, 7, 8, 20, 60, 200]), draw) for _ in range(count)]


def cut(octets: bytes, draw: random.Random) -> list[tuple[int, bytes]]:
    pieces, at = [], 0
    while at < len(octets):
        size = draw.choice([1, 3, 19, 30, 90, 400, 1400])
        pieces.append((at, octets[at : at + size]))
        at += size
    return pieces


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([0, 1000, 2**32 - 300, 2**31 - 50]))
def test_any_cut_order_and_repetition_gives_the_same_messages(seed: int, first: int) -> None:
    draw = random.Random(seed)
    sent = conversation(draw, draw.randint(1, 25))
    pieces = cut(b"".join(sent), draw)
    for _ in range(draw.randint(0, 6)):  # come again, whole, in part, or joined with what follows
        at = draw.randrange(len(b"".join(sent)))
        pieces.append((at, b"".join(sent)[at : at + draw.randint(1, 500)]))
    order = sorted(range(len(pieces)), key=lambda k: (k if k < len(pieces) else 0) + draw.uniform(0, 8))
    wire = Wire(first=first)
    assert wire.send(0, b"", flags=SYN) == []
    segments = [(pieces[k][0], pieces[k][1], ts) for ts, k in enumerate(order)]
    found = [told for at, payload, ts in segments for told in wire.send(at, payload, ts)]
    assert [octets for _, octets in found] == sent
    assert found == naive_stream.messages(segments, 0)
    assert (wire.count(LOST), wire.count(SKIPPED), wire.count(BROKEN)) == (0, 0, 0)
    assert wire.count(REPEATED) == sum(len(p) for _, p in pieces) - len(b"".join(sent))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_what_lost_nothing_is_found(seed: int) -> None:
    """Segments are lost; after the gap is given up every message that is whole is told, once, in order."""
    draw = random.Random(seed)
    sent = conversation(draw, draw.randint(2, 25))
    pieces = [piece for piece in cut(b"".join(sent), draw) if draw.random() > 0.1]
    wire = Wire()
    wire.send(0, b"", flags=SYN)
    found, end = [], len(b"".join(sent))
    segments = [(at, payload, 2 * HOLD_NS * k) for k, (at, payload) in enumerate(pieces)]
    for at, payload, ts in segments:  # each gap is given up when the segment after the next comes
        found += wire.send(at, payload, ts)
    last = message(28, draw)
    later = 2 * HOLD_NS * len(pieces)
    found += wire.send(end, last, later) + wire.send(end + 28, last, later + 2 * HOLD_NS)
    segments += [(end, last, later), (end + 28, last, later + 2 * HOLD_NS)]
    assert found == naive_stream.messages(segments, 0)
    assert wire.count(LOST) == end - sum(len(payload) for _, payload in pieces)


def test_whole_messages_in_order_are_not_copied() -> None:
    wire, draw = Wire(), random.Random(1)
    sent = conversation(draw, 5)
    wire.send(0, b"", flags=SYN)
    assert wire.send(0, b"".join(sent), 7) == [(7, octets) for octets in sent]
    assert not wire.out.spans[:5].copied.any()
    assert wire.out.used[stream.OCTETS] == 0


def test_a_stream_is_entered_amid() -> None:
    wire, draw = Wire(), random.Random(2)
    first, second = message(100, draw), message(200, draw)
    assert wire.send(40, first[40:] + second, 9) == [(9, second)]
    assert (wire.count(ENTERED), wire.count(SKIPPED)) == (1, 60)


def test_a_gap_is_given_up_when_too_much_waits() -> None:
    wire, draw = Wire(), random.Random(3)
    sent = [message(100, draw) for _ in range(HELD_PIECES + 3)]
    wire.send(0, b"", flags=SYN)
    found = []
    for k in range(1, len(sent)):
        found += wire.send(100 * k, sent[k], k)
    assert found == [(k, sent[k]) for k in range(1, len(sent))]
    assert wire.count(LOST) == 100
    assert wire.send(0, sent[0], 99) == []  # too late
    assert wire.count(REPEATED) == 100


def test_a_message_that_is_too_long_is_passed_over() -> None:
    wire, draw = Wire(), random.Random(4)
    long, after = message(MESSAGE_OCTETS + 4, draw), message(100, draw)
    wire.send(0, b"", flags=SYN)
    octets, found = long + after, []
    for at in range(0, len(octets), 30_000):
        found += wire.send(at, octets[at : at + 30_000], at)
    assert [told for _, told in found] == [after]
    assert wire.count(TOO_LONG) == 1
    longest = message(MESSAGE_OCTETS, draw)
    found = []
    for at in range(0, len(longest), 50_000):
        found += wire.send(len(octets) + at, longest[at : at + 50_000], at)
    assert [told for _, told in found] == [longest]


def test_what_is_no_header_is_left_behind() -> None:
    wire, draw = Wire(), random.Random(5)
    good = message(60, draw)
    wire.send(0, b"", flags=SYN)
    assert wire.send(0, good + b"rubbish!" + good, 1) == [(1, good), (1, good)]
    assert (wire.count(BROKEN), wire.count(ENTERED)) == (1, 1)


def test_a_new_connection_on_the_same_ports() -> None:
    wire, draw = Wire(), random.Random(6)
    good = message(60, draw)
    wire.send(0, b"", flags=SYN)
    assert wire.send(0, good[:30], 1) == []
    wire.send(0, b"", flags=SYN)  # come again
    assert wire.send(30, good[30:], 2) == [(2, good)]
    wire.send(77_000, b"", flags=SYN)
    assert wire.send(77_000, good, 3) == [(3, good)]
    assert wire.count(RESTARTED) == 1
    far = 77_000 - 900_000_000
    assert wire.send(far, good, 4) == [(4, good)]  # its SYN was not seen
    assert wire.count(RESTARTED) == 2
    assert wire.send(far + 500_000, good, 5) == [(5, good)]


def test_keep_alive_is_a_repetition() -> None:
    wire, draw = Wire(), random.Random(7)
    good = message(60, draw)
    wire.send(0, b"", flags=SYN)
    wire.send(0, good, 1)
    assert wire.send(59, b"\0", 2) == []
    assert wire.send(60, good, 3) == [(3, good)]


def test_the_stream_quiet_for_longest_makes_room() -> None:
    wire, draw = Wire(connections=4), random.Random(8)
    for port in range(9):
        assert wire.send(0, message(60, draw), port, port=port)
    assert wire.count(EVICTED) == 1
    assert len(wire.send(60, message(60, draw), 20, port=8)) == 1
    assert wire.count(FOUND) == 10


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 2**32), st.binary(max_size=200), st.integers(0, 40), st.sampled_from([0, 2]))))
def test_hostile_segments(segments: list[tuple[int, bytes, int, int]]) -> None:
    """Anything at all: octets that come are told, kept, passed over or repeated, none twice."""
    wire = Wire(connections=1)
    came = told = 0
    for at, payload, ts, flags in segments:
        told += sum(len(octets) for _, octets in wire.send(at % 700 if at & 1 else at, payload, ts * 10**8, flags))
        came += len(payload)
    row = next(r for r in wire.streams.rows if r.used) if segments else None
    kept = int(row.front) + int((row.end - row.start)[: row.pieces].sum()) if row is not None else 0
    assert came == told + kept + wire.count(SKIPPED) + wire.count(REPEATED)


@pytest.mark.parametrize("seed", range(8))
def test_hostile_flipped_bits(seed: int) -> None:
    draw = random.Random(seed)
    octets = bytearray(b"".join(conversation(draw, 20)))
    for _ in range(10):
        octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
    wire, told = Wire(), 0
    wire.send(0, b"", flags=SYN)
    for at, payload in cut(bytes(octets), draw):
        told += sum(len(o) for _, o in wire.send(at, payload, at))
    row = next(r for r in wire.streams.rows if r.used)
    assert told + wire.count(SKIPPED) + int(row.front) == len(octets)


def split(payload: bytes) -> Found:
    out = Wire().out
    data = np.frombuffer(b"\x01" + payload + b"\x01", np.uint8)
    count = stream.split(data, 1, 1 + len(payload), 5, out)
    return [(int(s.ts), bytes(data[s.offset : s.offset + s.length])) for s in out.spans[:count]]


def test_user_messages_of_sctp() -> None:
    draw = random.Random(9)
    one, two = message(60, draw), message(20, draw)
    assert split(one) == [(5, one)]
    assert split(one + two + one) == [(5, one), (5, two), (5, one)]
    assert split(one + two[:10]) == [(5, one), (5, two[:10])]
    assert split(b"") == []
    assert split(one[:30]) == [(5, one[:30])]
