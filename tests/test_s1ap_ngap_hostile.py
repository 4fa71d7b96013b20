"""S1AP and NGAP that are cut, flipped or random: no crash, no hang, every row in bounds, what came before is kept.

With NUMBA_BOUNDSCHECK=1 (in a fresh cache) every index is checked; the octets stand at the end of their array, so a
read behind them would be one out of bounds.
"""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from formats.ran import FlowKind, Kind, Tunnel
from formats.reasons import NGAP, NGAP_MALFORMED, S1AP, S1AP_MALFORMED
from kernels.ran_rows import (
    BEARERS,
    CONNECTIONS,
    FLOWS,
    MESSAGE_BEARERS,
    MESSAGE_CONNECTIONS,
    MESSAGE_FLOWS,
    MESSAGE_NAS_PDUS,
    MESSAGES,
    NAS_PDUS,
    WHOLE,
)
from tests.ran_goldens import GOLDENS
from tests.ran_rows_told import DECODERS, OUT, decode, fill_with_old_values
from tests.rows import examples

REASONS = {1: {S1AP, S1AP_MALFORMED}, 2: {NGAP, NGAP_MALFORMED}}
SHARE = 0.1 if config.DISABLE_JIT else 1.0


def taken(protocol: int, octets: bytes) -> int:
    """Decode octets at the end of an array; the rows are sound, or the test fails. Returns the reason."""
    fill_with_old_values(OUT)
    data = np.frombuffer(b"\xff" * 8 + octets, np.uint8).copy()
    reason = int(DECODERS[protocol](data, 8, len(data), OUT))
    assert reason in REASONS[protocol]
    assert OUT.used[MESSAGES] == (reason in (S1AP, NGAP))
    if OUT.used[MESSAGES]:
        sound(data)
    return reason


def sound(data: np.ndarray) -> None:
    """Every index and kind of the one message is one that its readers may follow."""
    m = OUT.messages[0]
    counts = [int(m[f"{name}_count"]) for name in ("bearer", "flow", "nas", "connection")]
    assert counts == [int(OUT.used[k]) for k in (BEARERS, FLOWS, NAS_PDUS, CONNECTIONS)]
    most = (MESSAGE_BEARERS, MESSAGE_FLOWS, MESSAGE_NAS_PDUS, MESSAGE_CONNECTIONS)
    assert all(0 <= count <= limit for count, limit in zip(counts, most, strict=True))
    assert m["damage"] in (0, 1)
    assert -1 <= m["cause_group"] <= 4
    for b in OUT.bearers[: counts[0]]:
        assert b["message"] == 0
        assert b["kind"] in list(Kind)[1:]
        assert b["tunnel"] in list(Tunnel)
        assert 0 <= b["first_flow"] <= b["first_flow"] + b["flow_count"] <= counts[1]
    for f in OUT.flows[: counts[1]]:
        assert 0 <= f["bearer"] < counts[0]
        assert f["kind"] in list(FlowKind)[1:]
    for n in OUT.nas_pdus[: counts[2]]:
        assert -1 <= n["bearer"] < counts[0]
        lo, hi = int(n["offset"]), int(n["offset"]) + int(n["length"])
        assert (0 <= lo <= hi <= int(OUT.used[WHOLE])) if n["whole"] else (8 <= lo <= hi <= len(data))


@pytest.mark.parametrize("protocol, octets", GOLDENS)
def test_cut_at_each_octet(protocol: int, octets: bytes) -> None:
    """A message that ends anywhere is damage, from its header on; identities that came before the cut are kept."""
    whole = decode(protocol, octets)
    assert whole["damage"] == 0
    for length in range(len(octets)):
        reason = taken(protocol, octets[:length])
        assert (reason in (S1AP, NGAP)) == (length >= 4)
        if length >= 4:
            cut = decode(protocol, octets[:length])
            assert (cut["damage"], cut["procedure"], cut["pdu"]) == (1, whole["procedure"], whole["pdu"])
            told = {k: v for k, v in cut.items() if k not in ("damage", "bearers", "nas", "connections")}
            assert told.items() <= whole.items(), length


@pytest.mark.parametrize("protocol, octets", GOLDENS)
def test_each_bit_flipped(protocol: int, octets: bytes) -> None:
    chance = random.Random(octets)
    for bit in range(8 * len(octets)):
        if chance.random() < SHARE:
            flipped = bytearray(octets)
            flipped[bit // 8] ^= 128 >> bit % 8
            taken(protocol, bytes(flipped))


@pytest.mark.parametrize("protocol, octets", GOLDENS)
def test_octets_of_one_golden_made_random(protocol: int, octets: bytes) -> None:
    """Lengths and counts that say anything, several at once."""
    chance = random.Random(octets[::-1])
    for _ in range(20 if config.DISABLE_JIT else 300):
        changed = bytearray(octets)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(3, len(octets))] = chance.choice([0, 1, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC4, 0xFF])
        taken(protocol, bytes(changed))


@examples(300)
@given(st.sampled_from([1, 2]), st.binary(max_size=300))
def test_random_octets(protocol: int, octets: bytes) -> None:
    taken(protocol, octets)


@examples(300)
@given(st.sampled_from([1, 2]), st.data())
def test_random_values_in_each_element(protocol: int, drawn: st.DataObject) -> None:
    """A sound message of elements that are read, whose values are random octets."""
    from formats import ngap, s1ap

    read = np.flatnonzero((s1ap, ngap)[protocol - 1].READ).tolist()
    elements = drawn.draw(st.lists(st.tuples(st.sampled_from(read), st.binary(max_size=80)), max_size=6))
    fields = b"".join(i.to_bytes(2, "big") + b"\x00" + bytes([len(v)]) + v for i, v in elements)
    body = b"\x00" + len(elements).to_bytes(2, "big") + fields
    taken(protocol, bytes([0, 9, 0]) + (0x8000 | len(body)).to_bytes(2, "big") + body)


def test_counts_that_promise_more_than_there_is_end_soon() -> None:
    """65535 elements, extensions or connections in a few octets."""
    lists = {1: bytes.fromhex("0018 00 03 ffffff"), 2: bytes.fromhex("004a 00 03 ffffff")}
    for protocol in (1, 2):
        for body in (b"\x00\xff\xff", b"\x00\xff\xff" + lists[protocol], b"\x00\x00\x02" + lists[protocol]):
            octets = bytes([0, 9, 0, len(body)]) + body
            assert taken(protocol, octets) in (S1AP, NGAP)
            assert decode(protocol, octets)["damage"] == 1


def test_a_list_of_the_most_items_in_the_least_octets_is_bounded() -> None:
    """Lists of 256 PDU sessions, again and again: rows stop at what one message may add."""
    item = bytes.fromhex("0005")
    value = b"\xff" + item * 256
    element = (133).to_bytes(2, "big") + b"\x00" + (0x8000 | len(value)).to_bytes(2, "big") + value
    body = b"\x00\x00\x05" + element * 5
    octets = bytes([0, 42, 0]) + (0x8000 | len(body)).to_bytes(2, "big") + body
    taken(2, octets)
    found = decode(2, octets)
    assert (len(found["bearers"]), found["damage"]) == (MESSAGE_BEARERS, 1)


def test_no_header_is_malformed() -> None:
    for protocol, malformed in ((1, S1AP_MALFORMED), (2, NGAP_MALFORMED)):
        for octets in (b"", b"\x00", b"\x00\x0c\x40", b"\x60\x0c\x40\x00", b"\x80\x0c\x40\x00", b"\xff" * 40):
            assert taken(protocol, octets) == malformed
