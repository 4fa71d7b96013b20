"""Fragments of signalling put together, in any order, with duplicates, overlaps, gaps and floods."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.records import PIECE, PIECE_OCTETS
from formats.state import ASSEMBLY_OCTETS, ASSEMBLY_PIECES
from kernels import reassembly
from kernels.jit import part
from kernels.reassembly import COMPLETE, KEPT, OTHER
from kernels.shard import ASSEMBLIES, Shard
from tests.rows import EPOCH, SECOND, TINY, V4, examples

SHARD = Shard(60 * SECOND, TINY, rows=1)


class Fragment(NamedTuple):
    """Octets [offset, offset + len(data)) of a datagram; `more` follow."""

    offset: int
    data: bytes
    more: bool
    identification: int = 1
    ts: int = EPOCH
    source: int = 7


@part
def add_all(words, pieces, states, slots):  # type: ignore[no-untyped-def]
    """Add pieces until one completes a datagram; returns how many were added."""
    for k in range(len(pieces)):
        states[k], slots[k] = reassembly.add(words, pieces[k])
        if states[k] == COMPLETE:
            return k + 1
    return len(pieces)


def add(fragments: Sequence[Fragment]) -> tuple[list[int], list[bytes]]:
    """State after each fragment, and the datagrams that were completed."""
    pieces = np.zeros(len(fragments), PIECE).view(np.recarray)
    for piece, f in zip(pieces, fragments, strict=True):
        piece["src_lo"], piece["dst_lo"], piece["ip_protocol"] = V4 | f.source, V4 | 9, 17
        piece["ts"], piece["identification"], piece["offset"] = f.ts, f.identification, f.offset
        piece["length"], piece["more"] = len(f.data), f.more
        piece["data"][: len(f.data)] = np.frombuffer(f.data, np.uint8)
    states, slots = np.zeros(len(pieces), np.int64), np.zeros(len(pieces), np.int64)
    done, whole = 0, []
    while done < len(pieces):
        done += add_all(SHARD.words, pieces[done:], states[done:], slots[done:])
        if states[done - 1] == COMPLETE:
            slot = slots[done - 1]
            whole.append(SHARD.assembly_data[slot][: SHARD.assemblies[slot]["length"]].tobytes())
    return states.tolist(), whole


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget()


def forget() -> None:
    SHARD.assemblies[:] = np.zeros(1, SHARD.assemblies.dtype)
    SHARD.assembly_data[:] = 0xAA


def datagram(size: int, port: int = 2123) -> bytes:
    """A UDP datagram of which every octet is told from its neighbours."""
    header = (40000).to_bytes(2, "big") + port.to_bytes(2, "big") + size.to_bytes(2, "big") + b"\0\0"
    return (header + bytes((k * 7 + k // 256) % 251 for k in range(size)))[:size]


def cut(whole: bytes, places: Sequence[int], **fields: int) -> list[Fragment]:
    """The datagram cut at multiples of 8 octets."""
    edges = sorted({0, *(8 * p for p in places if 0 < 8 * p < len(whole)), len(whole)})
    return [Fragment(a, whole[a:b], b < len(whole), **fields) for a, b in pairwise(edges)]


PLACES = st.lists(st.integers(1, 12), max_size=6)


@examples(150)
@given(st.integers(8, 100), PLACES, st.randoms(), st.lists(st.integers(0, 9), max_size=5))
def test_any_order_with_duplicates(size: int, places: list[int], random, again: list[int]) -> None:  # type: ignore[no-untyped-def]
    forget()
    fragments = cut(datagram(size), places)
    order = list(range(len(fragments)))
    random.shuffle(order)
    for k in again:  # a copy of one that has been seen, before the last one has
        at = k % len(order)
        order.insert(random.randint(at, len(order) - 1) if at < len(order) - 1 else at, order[at])
    seen: set[int] = set()
    before_last = [k for i, k in enumerate(order) if len(set(order[:i])) < len(fragments)]
    states, whole = add([fragments[k] for k in before_last])
    assert whole == [datagram(size)]
    for k, state in zip(before_last, states, strict=True):
        seen.add(k)
        expected = COMPLETE if len(seen) == len(fragments) else KEPT if 0 in seen else OTHER
        assert state == expected


@examples(150)
@given(st.integers(16, 100), PLACES, st.integers(0, 9), st.randoms())
def test_a_missing_fragment_is_never_made_up(size: int, places: list[int], missing: int, random) -> None:  # type: ignore[no-untyped-def]
    forget()
    fragments = cut(datagram(size), [*places, 1])
    del fragments[missing % len(fragments)]
    random.shuffle(fragments)
    assert add(fragments * 3)[1] == []


@examples(300)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(1, 64), st.booleans(), st.integers(0, 3)), max_size=14),
)
def test_what_is_completed_was_all_there(shapes: list[tuple[int, int, bool, int]]) -> None:
    """Overlapping and contradicting fragments: never an octet that no fragment brought, nor one of an overlap."""
    forget()
    fragments = [Fragment(8 * at, bytes([0x10 * salt + 1]) * 2 + b"\x08\x4b" + bytes([salt + 1]) * (n - 1), more)
                 for at, n, more, salt in shapes]  # fmt: skip
    _, whole = add(fragments)
    for datagram_ in whole:
        for k, octet in enumerate(datagram_):
            brought = {f.data[k - f.offset] for f in fragments if f.offset <= k < f.offset + len(f.data)}
            assert octet in brought


def test_overlap_does_not_stand_in_for_a_gap() -> None:
    """The lengths add up to that of the whole, but octets 16 to 23 are missing."""
    data = datagram(32)
    assert add([Fragment(0, data[:16], True), Fragment(8, data[8:16], True), Fragment(24, data[24:], False)])[1] == []
    forget()
    assert add([Fragment(0, data[:8], True), Fragment(16, data[16:24], False), Fragment(32, data[:8], True)])[1] == []


def test_an_overlap_gives_the_datagram_up() -> None:
    data = datagram(32)
    states, whole = add([Fragment(0, data[:16], True), Fragment(8, b"x" * 8, True), Fragment(16, data[16:], False)])
    assert (states, whole) == ([KEPT, OTHER, OTHER], [])


def test_other_ports_are_not_signalling() -> None:
    assert add(cut(datagram(64, port=2152), [2, 4]))[0] == [OTHER] * 3


def test_too_large_or_empty_is_refused() -> None:
    data = datagram(ASSEMBLY_OCTETS + 8)
    fragments = cut(data, range(0, len(data) // 8, 128))
    states, whole = add(fragments)
    assert whole == []
    assert states[-1] == OTHER
    assert add([Fragment(8, b"", False)])[0] == [OTHER]


def test_the_largest_that_fits() -> None:
    data = datagram(ASSEMBLY_OCTETS)
    states, whole = add(cut(data, range(0, len(data) // 8, PIECE_OCTETS // 8)))
    assert (states[-1], whole) == (COMPLETE, [data])


def test_as_many_pieces_as_fit_and_one_more() -> None:
    assert add(cut(datagram(8 * ASSEMBLY_PIECES), range(ASSEMBLY_PIECES)))[1] == [datagram(8 * ASSEMBLY_PIECES)]
    assert add(cut(datagram(8 * ASSEMBLY_PIECES + 8), range(ASSEMBLY_PIECES + 1), identification=2))[1] == []


def test_a_flood_pushes_out_the_oldest_only() -> None:
    first, last = cut(datagram(32), [2], identification=5, ts=EPOCH + 10)
    flood = [Fragment(8, b"x" * 8, True, identification=100 + k, ts=EPOCH + 11 + k) for k in range(ASSEMBLIES - 1)]
    assert add([first, *flood, last])[1] == [datagram(32)]
    forget()
    assert add([first, *flood, flood[0]._replace(identification=99, ts=EPOCH + 999), last])[1] == []


def test_identifications_and_addresses_are_told_apart() -> None:
    one, two = datagram(24), datagram(32)
    parts = [*cut(one, [1]), *cut(two, [2], identification=2), *cut(one, [2], source=8)]
    assert sorted(add([parts[k] for k in (1, 3, 5, 0, 2, 4)])[1]) == sorted([one, two, one])


def test_fragments_of_long_ago_are_of_another_datagram() -> None:
    one, two = datagram(24), bytes(datagram(24)[:8]) + b"z" * 16
    stale = cut(one, [1])[0]
    fresh = [f._replace(ts=EPOCH + 31 * SECOND) for f in cut(two, [1])]
    assert add([stale, *fresh])[1] == [two]
