"""Aligned PER: what a plain writer of bits puts down, the reader finds again; nothing is read behind the end."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.per import READER
from kernels import per
from tests.naive_per import Writer
from tests.rows import examples

MARGIN = b"\xff\xa5"


def reader_of(octets: bytes) -> tuple[np.ndarray, Any]:
    """The octets between others, and a reader on them."""
    data = np.frombuffer(MARGIN + octets + MARGIN, np.uint8).copy()
    r = np.full(READER.itemsize, 0xEE, np.uint8).view(READER).view(np.recarray)[0]
    per.begin(r, len(MARGIN), len(MARGIN) + len(octets))
    return data, r


WIDTHS = st.integers(1, 48)
STEP = st.one_of(
    WIDTHS.flatmap(lambda w: st.tuples(st.just("bits"), st.just(w), st.integers(0, 2**w - 1))),
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.just("number"), st.just(n), st.integers(0, 256**n - 1))),
    st.sampled_from([2, 3]).flatmap(
        lambda w: st.tuples(st.just("long_integer"), st.just(w), st.integers(0, 256 ** min(2**w, 7) - 1))
    ),
    st.tuples(st.just("length"), st.just(0), st.one_of(st.integers(0, 300), st.integers(0, 16383))),
    st.tuples(st.just("unconstrained"), st.just(0), st.integers(-(2**47), 2**47 - 1)),
    st.tuples(st.just("small_number"), st.just(0), st.one_of(st.integers(0, 70), st.integers(0, 2**31))),
    st.tuples(st.just("enumerated"), st.just(5), st.integers(0, 80)),
)


def write(w: Writer, step: tuple[str, int, int]) -> None:
    kind, width, value = step
    if kind == "enumerated":
        w.enumerated(value, width, 20)
    elif width:
        getattr(w, kind)(value, width)
    else:
        getattr(w, kind)(value)


def read(data: np.ndarray, r: Any, step: tuple[str, int, int]) -> int:
    kind, width, _ = step
    if kind == "enumerated":
        return int(per.enumerated(data, r, width, 20))
    return int(getattr(per, kind)(data, r, width) if width else getattr(per, kind)(data, r))


@examples(300)
@given(st.lists(STEP, max_size=8))
def test_what_is_written_is_read(steps: list[tuple[str, int, int]]) -> None:
    w = Writer()
    for step in steps:
        write(w, step)
    data, r = reader_of(w.octets())
    for step in steps:
        assert read(data, r, step) == step[2]
    assert r.fault == 0
    assert r.end - r.at < 8


@examples(200)
@given(st.lists(STEP, min_size=1, max_size=5), st.data())
def test_cut_anywhere_it_is_a_fault_and_zero(steps: list[tuple[str, int, int]], data_of: st.DataObject) -> None:
    w = Writer()
    for step in steps:
        write(w, step)
    whole = w.octets()
    data, r = reader_of(whole[: data_of.draw(st.integers(0, len(whole) - 1))])
    found = [read(data, r, step) for step in steps]
    assert r.fault == 1
    assert r.at == r.end
    assert found[-1] == 0
    assert per.bits(data, r, 1) == per.number(data, r, 1) == per.length(data, r) == 0
    assert per.skip(r, 1) == -1


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 16385, 65535, 65536, 70000, 131072, 200_000])
def test_octets_in_fragments_are_put_together(size: int) -> None:
    octets = bytes(k * 7 & 255 for k in range(size))
    w = Writer()
    w.bits(5, 3)
    w.octet_string(octets)
    w.number(0xBEEF, 2)
    data, r = reader_of(w.octets())
    whole, used = np.zeros(size + 10, np.uint8), np.array([3, 4], np.int64)
    assert per.bits(data, r, 3) == 5
    lo, hi, joined = per.content(data, r, whole, used)
    assert joined == (size >= 16384)
    assert bytes((whole if joined else data)[lo:hi]) == octets
    assert used.tolist() == [3, 4 + size if joined else 4]
    assert per.number(data, r, 2) == 0xBEEF
    again, r = reader_of(w.octets())
    per.bits(again, r, 3)
    per.pass_over(again, r)
    assert (per.number(again, r, 2), r.fault) == (0xBEEF, 0)


def test_fragments_cut_or_without_room() -> None:
    w = Writer()
    w.octet_string(bytes(40000))
    whole, used = np.zeros(39_999, np.uint8), np.zeros(1, np.int64)
    data, r = reader_of(w.octets())
    lo, _, _ = per.content(data, r, whole, used)
    assert (lo, r.damage) == (-1, 1)
    for cut in (0, 1, 2, 16385, 32769, 32770, 40001):
        data, r = reader_of(w.octets()[:cut])
        lo, _, _ = per.content(data, r, np.zeros(50_000, np.uint8), used)
        assert (lo, r.fault) == (-1, 1)
    assert used[0] == 0


@pytest.mark.parametrize("octets", [b"\xc0", b"\xc5", b"\xff", b"\xc0" * 4])
def test_a_fragment_of_no_or_too_many_blocks_is_a_fault(octets: bytes) -> None:
    data, r = reader_of(octets)
    assert (per.length(data, r), r.fault) == (0, 1)


@examples(100)
@given(st.integers(0, 3), st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=200), max_size=4))
def test_what_extends_a_sequence_is_passed_over(options: int, additions: list[bytes], fields: list[bytes]) -> None:
    """iE-Extensions, then additions of which the second is absent; the number behind them is found."""
    w = Writer()
    w.bits(bool(additions) << options + 1 | bool(fields), options + 2)
    if fields:
        w.fields(fields)
    if additions:
        w.additions(additions)
    w.number(0x1234, 2)
    data, r = reader_of(w.octets())
    preamble = per.sequence(data, r, options + 1)
    per.end_sequence(data, r, preamble, options + 1)
    assert (per.number(data, r, 2), r.fault) == (0x1234, 0)


def test_a_fault_in_a_part_is_damage_and_no_fault_outside() -> None:
    data, r = reader_of(b"\x01\x02\x03\x04")
    at, end = r.at, r.end
    per.enter(r, 2, 3, 0)
    assert per.number(data, r, 2) == 0
    assert r.fault == 1
    per.leave(r, at, end, 0)
    assert (r.fault, r.damage) == (0, 1)
    assert per.number(data, r, 4) == 0x01020304
