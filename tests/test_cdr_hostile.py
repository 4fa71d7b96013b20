"""Damaged charging records: nothing crashes or hangs, every octet is accounted for, every good record is found."""

import random

import numpy as np
import pytest
from numba import config

from formats import cdr
from formats.cdr_file import BARE, EXTRA, FRAMED, Framing, recognise
from kernels import ber as kernel
from kernels.cdr_scan import NO_RECORD
from tests.cdr_tools import name, scan
from tools.cdr import ber
from tools.cdr.records import cdr_header, file_header
from tools.cdr.simulate import Scenario, written

PLAIN = Framing(BARE)
RECORDS = list(written(Scenario(sessions=6, calls=4, seed=3)))
STRIDE = 101 if config.DISABLE_JIT else 3


def accounted(octets: bytes, framing: Framing = PLAIN) -> tuple[np.ndarray, np.ndarray, int]:
    rows, _, rejects, filler = scan(octets, framing)
    assert rows["octets"].sum() + rejects["octets"].sum() + filler == len(octets) - framing.first
    return rows, rejects, filler


def at(records: list[bytes]) -> list[int]:
    """Where each record begins."""
    return np.cumsum([0, *map(len, records)])[:-1].tolist()


def test_whole_records_are_found_where_they_are() -> None:
    rows, rejects, filler = accounted(b"".join(RECORDS))
    assert rows["offset"].tolist() == at(RECORDS)
    assert not len(rejects)
    assert not filler


def test_cut_at_each_octet() -> None:
    good, cut = RECORDS[0], RECORDS[1]
    for length in range(len(cut)):
        rows, rejects, _ = accounted(good + cut[:length])
        assert rows["offset"].tolist() == [0]
        assert rejects["octets"].sum() == length


def test_a_damaged_octet_costs_no_other_record() -> None:
    dice, starts = random.Random(5), set(at(RECORDS))
    whole = b"".join(RECORDS)
    for place in range(0, len(whole), STRIDE):
        octets = bytearray(whole)
        octets[place] ^= 1 << dice.randrange(8)
        mine = max(start for start in starts if start <= place)
        rows, rejects, _ = accounted(bytes(octets))
        missing = starts - {mine} - set(rows["offset"].tolist())
        assert not missing, f"octet {place} of the record at {mine}: {missing} lost; {rejects}"


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_filler_between_records(filler: bytes) -> None:
    octets = b"".join(record.ljust(2048, filler) for record in RECORDS)
    rows, rejects, count = accounted(octets)
    assert len(rows) == len(RECORDS)
    assert not len(rejects)
    assert count == len(octets) - sum(map(len, RECORDS))


def framed(records: list[bytes], extended: bool = False, lost: int = 0) -> bytes:
    body = b"".join(cdr_header(r, extended=extended) + r for r in records)
    return file_header(len(records), len(body), lost=lost) + body


@pytest.mark.parametrize("extended", [False, True])
def test_ts_32297_framing(extended: bool) -> None:
    octets = framed(RECORDS, extended, lost=3)
    framing = recognise(octets[:65536], len(octets), cdr.BY_TAG)
    assert framing == Framing(FRAMED, 52, 0, len(RECORDS), 3)
    rows, rejects, _ = accounted(octets, framing)
    assert len(rows) == len(RECORDS)
    assert not len(rejects)


def test_damage_in_a_framed_file_costs_one_record() -> None:
    dice, octets = random.Random(6), framed(RECORDS)
    starts, place = [], 52
    for record in RECORDS:
        starts.append(place)
        place += 4 + len(record)
    for place in range(52, len(octets), STRIDE):
        damaged = bytearray(octets)
        damaged[place] ^= 1 << dice.randrange(8)
        mine = max(start for start in starts if start <= place)
        rows, rejects, _ = accounted(bytes(damaged), Framing(FRAMED, 52))
        missing = set(starts) - {mine} - set((rows["offset"] - 4).tolist())
        assert not missing, f"octet {place} of the record at {mine}: {missing} lost; {rejects}"


@pytest.mark.parametrize("extra", [1, 6, 18])
def test_a_makers_own_headers(extra: int) -> None:
    octets = b"".join(b"\x07" * extra + record for record in RECORDS)
    framing = recognise(octets, len(octets), cdr.BY_TAG)
    assert framing == Framing(EXTRA, 0, extra)
    rows, rejects, _ = accounted(octets, framing)
    assert len(rows) == len(RECORDS)
    assert not len(rejects)


def test_noise_between_records_is_one_refused_stretch_each() -> None:
    dice = random.Random(7)
    octets = b"".join(b"\x55" + dice.randbytes(40) + record for record in RECORDS)
    rows, rejects, _ = accounted(octets)
    assert len(rows) == len(RECORDS)
    assert len(rejects) == len(RECORDS)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone(seed: int) -> None:
    accounted(random.Random(seed).randbytes(500 if config.DISABLE_JIT else 5000))


def test_unknown_elements_are_counted_and_passed_over() -> None:
    new = ber.element(222, b"new"), ber.constructed(300, ber.element(1, b"x")), ber.indefinite(301, ber.indefinite(2))
    inner = [ber.integer(0, 85), ber.time(13, 0), ber.integer(14, 1), ber.integer(15, 0)]
    rows, _, rejects, _ = scan(ber.constructed(79, *inner, *new))
    assert not len(rejects)
    assert (name(rows[0]), rows[0]["unknown"]) == ("pGWRecord", 3)


def test_nesting_without_an_end_is_refused() -> None:
    rows, rejects, _ = accounted(b"\xbf\x4f\x80" + b"\xaf\x80" * 200)
    assert not len(rows)
    assert len(rejects) == 1


def test_a_hostile_search_ends() -> None:
    """Candidates that overlap and all fail late: the search is given up, not the machine."""
    count = 40 if config.DISABLE_JIT else 4000
    candidate = b"\x84\x0a\xa0\x83\x00\xff\x00\x80\x01\x00\x81\x00"
    rows, rejects, _ = accounted(candidate * count)
    assert not len(rows)
    assert rejects["octets"].sum() == len(candidate) * count


HEAD = ber.integer(0, 85), ber.time(13, 0), ber.integer(14, 1), ber.integer(15, 0)
WHOLE = ber.constructed(79, *HEAD)


def record(content: bytes) -> bytes:
    """A PGW-CDR that begins well and goes on with `content`."""
    return ber.constructed(79, *HEAD, content)


@pytest.mark.parametrize(
    ("reason", "octets"),
    [
        (kernel.LENGTH, record(b"\x81\x05\0")),
        (kernel.TAG, record(b"\x9f\xff\xff\xff\xff\x01\0")),
        (kernel.NESTING, record(b"\xbf\x50\x80" * 30)),
        (kernel.END, record(b"\x81\x80")),
        (kernel.SWALLOWED, ber.indefinite(79, *HEAD, WHOLE)),
        (kernel.ENDLESS, ber.constructed(79, *HEAD[:2], ber.integer(14, 1 << 40), HEAD[3])),
        (kernel.MISSING, ber.constructed(79, *HEAD[:2])),
        (NO_RECORD, b"\x30\0"),
    ],
)
def test_each_reason_is_told(reason: int, octets: bytes) -> None:
    rows, _, rejects, _ = scan(octets + WHOLE)
    assert rejects["reason"].tolist()[:1] == [reason]
    assert rows["offset"].tolist()[-1] == len(octets)


def test_a_record_without_its_end_is_told() -> None:
    rows, _, rejects, _ = scan(WHOLE + ber.indefinite(79, *HEAD)[:-2])
    assert rejects["reason"].tolist() == [kernel.CUT]
    assert rows["offset"].tolist() == [0]


def test_a_header_that_lies_is_told() -> None:
    octets = cdr_header(WHOLE + b"\0")[:4] + WHOLE + cdr_header(WHOLE) + WHOLE
    _, _, rejects, _ = scan(octets, Framing(FRAMED))
    assert rejects["reason"].tolist() == [kernel.MISMATCH]


def test_more_containers_than_a_record_can_have() -> None:
    volume = ber.constructed(16, ber.integer(3, 1), klass=0)
    many = ber.constructed(78, *HEAD[:1], ber.constructed(12, *[volume] * 1200), *HEAD[1:])
    _, _, rejects, _ = scan(many)
    assert rejects["reason"].tolist() == [kernel.FULL]
