"""NAS: what single messages tell, what counts as ciphered, and hostile octets against the naive twin."""

import random

import numpy as np
import pytest

from formats.nas import (
    CIPHERED,
    DECODED,
    EMM_MESSAGES,
    EPS,
    ESM_MESSAGES,
    FIVE_GS,
    MALFORMED,
    MM_5GS_MESSAGES,
    NAS_REASONS,
    SM_5GS_MESSAGES,
    UNKNOWN,
)
from formats.nas_layouts import EMM_LAYOUTS, ESM_LAYOUTS, MM_5GS_LAYOUTS, SM_5GS_LAYOUTS
from kernels import nas_eps
from tests import naive_nas_5gs, naive_nas_eps
from tests.nas_rows_told import TEXT, decode, fresh

GUTI = {"guti_plmn": "20893f", "guti_region": 0x8004, "guti_code": 1, "tmsi": 0xC0FFEE01}
PDN = {"session_type": 0xD0, "pti": 1, "pdn_type": 1, "session_request": 1}
SESSION = {"session_id": 5, "pti": 1, "session_type": 0xC1, "pdn_type": 1, "ssc_mode": 1}

VECTORS: list[tuple[int, str, dict]] = [
    (EPS, "07417108298039000000001002e0e000050201d011d1",
     {"type": 0x41, "request_type": 1, "imsi": "208930000000001", "identity_type": 1, **PDN}),
    (EPS, "07440f", {"type": 0x44, "cause": 15}),
    (EPS, "0744137800040205d11b", {"type": 0x44, "cause": 19, "session_type": 0xD1, "pti": 5, "session_cause": 27}),
    (EPS, "074b09", {"type": 0x4B, "cause": 9}),
    (EPS, "074e28", {"type": 0x4E, "cause": 40}),
    (EPS, "0754", {"type": 0x54}),
    (EPS, "075c14", {"type": 0x5C, "cause": 20}),
    (EPS, "c705abcd", {"type": 0xC7, "security": 12}),
    (EPS, "07450b0bf602f839800401c0ffee01",
     {"type": 0x45, "from_network": 0, "switch_off": 1, "request_type": 3, "identity_type": 5, **GUTI}),
    (EPS, "07450153" "0f", {"type": 0x45, "from_network": 1, "request_type": 1, "cause": 15}),
    (EPS, "0756082980390000000010", {"type": 0x56, "imsi": "208930000000001", "identity_type": 1}),
    (EPS, "27aabbccdd01074e28", {"security": 2, "null_ciphered": 1, "type": 0x4E, "cause": 40}),
    (EPS, "37aabbccdd01075d120002e0e0", {"security": 3, "type": 0x5D, "ciphering": 1, "integrity": 2}),
    (EPS, "0201d011", PDN),
    (FIVE_GS, "7e004179000d0102f8390000000000000000102e04f0f0f0f0",
     {"type": 0x41, "request_type": 1, "follow_on": 1, "identity_type": 7, "home_plmn": "20893f",
      "imsi": "208930000000001"}),
    (FIVE_GS, "7e004101000bf202f839800040c0ffee012e02e0e0",
     {"type": 0x41, "request_type": 1, "follow_on": 0, "identity_type": 5, **GUTI, "guti_region": 0x80,
      "guti_code": 0x40}),
    (FIVE_GS, "7e00443e", {"type": 0x44, "cause": 62}),
    (FIVE_GS, "7e02aabbccdd017e02443e", {"security": 2, "null_ciphered": 1, "type": 0x44, "cause": 62}),
    (FIVE_GS, "7e004d0a", {"type": 0x4D, "cause": 10}),
    (FIVE_GS, "7e0058", {"type": 0x58}),
    (FIVE_GS, "7e005914", {"type": 0x59, "cause": 20}),
    (FIVE_GS, "7e004c100007f40040c0ffee01",
     {"type": 0x4C, "request_type": 1, "identity_type": 6, "guti_code": 0x40, "tmsi": 0xC0FFEE01}),
    (FIVE_GS, "2e0501c1ffff91a1", SESSION),
    (FIVE_GS, "2e0501c31b", {"session_id": 5, "pti": 1, "session_type": 0xC3, "session_cause": 27}),
    (FIVE_GS, "7e00670100082e0501c1ffff91a112058122040100000a250908696e7465726e6574",
     {"type": 0x67, "container": 1, **SESSION, "session_request": 1, "slice": 0x0100000A, "apn": "internet"}),
    (FIVE_GS, "7e00680100052e0501c31b1205",
     {"type": 0x68, "container": 1, "session_id": 5, "pti": 1, "session_type": 0xC3, "session_cause": 27}),
    (FIVE_GS, "7e005c000d0102f839000000000000000010",
     {"type": 0x5C, "identity_type": 7, "home_plmn": "20893f", "imsi": "208930000000001"}),
]  # fmt: skip
HEADERS = {EPS: "27aabbccdd01", FIVE_GS: "7e04aabbccdd01"}
WRAPPED = [(p, bytes.fromhex(HEADERS[p] + octets)) for p, octets, _ in VECTORS]
RICH = [
    (EPS, "0742022306000002f83900010035" "5200c1010907" "03696d73036e6574" "0501" "0a2d0001" "5e0104271180" "0000"),
    (EPS, "17aabbccdd05" "0742022306" "4002f8390001" "002c" "5201c10109" "09" "08696e7465726e6574" "05010a2d0002"
          "5e06fefedede0101" "5832" "27080080000d0408080808" "500bf602f839800401c0ffee02" "1302f839fffe" "5302"),
    (FIVE_GS, "7e0042010177000bf202f839cafe0000000001540700" "02f839000001" "150a0401010203040111223311020101"
              "5e010616012c"),
    (FIVE_GS, "7e005e7700091511000000000000007100217e004179000d0102f8390000000000000000102e04f0f0f0f02f0504010000"
              "0a"),
    (FIVE_GS, "7e00680100282e0501c211000901000631310101ff010603e806" "03e8" "290501" "0a3c0001" "2204010000" "0a"
              "79000601204101" "0109" "25090869" "6e7465726e6574" "1205"),
]  # fmt: skip


@pytest.mark.parametrize("protocol, octets, told", VECTORS)
def test_vectors(protocol: int, octets: str, told: dict) -> None:
    assert decode(bytes.fromhex(octets), protocol) == (DECODED, {"protocol": protocol, **told})


REASONS = {
    EPS: {
        MALFORMED: ["", "07", "0744", "c705ab", "27aabbccdd01", "0201"],
        UNKNOWN: ["0799", "0305", "57aabbccdd010744", "02019999"],
        CIPHERED: [
            "27aabbccdd0113579bdf",
            "27aabbccdd01074e2899",
            "27aabbccdd015201c2",
            "27aabbccdd010744137800040005d11b",
        ],
    },
    FIVE_GS: {
        MALFORMED: ["7e", "7e0044", "7e02aabbccdd01", "2e0501"],
        UNKNOWN: ["7e0099", "0744", "7e05aabbccdd017e0044", "2e050199", "7e01aabbccdd019944"],
        CIPHERED: ["7e02aabbccdd0113579bdf"],
    },
}


@pytest.mark.parametrize(
    "protocol, octets, reason", [(p, o, r) for p, kinds in REASONS.items() for r, found in kinds.items() for o in found]
)
def test_what_is_not_read_has_a_reason(protocol: int, octets: str, reason: int) -> None:
    assert decode(bytes.fromhex(octets), protocol)[0] == reason
    assert reason in NAS_REASONS


def test_a_known_algorithm_decides() -> None:
    wrapped = bytes.fromhex("27aabbccdd01074e28")
    assert decode(wrapped, EPS, algorithm=2)[0] == CIPHERED
    assert decode(wrapped + b"\x3a\x01\x01", EPS)[0] == CIPHERED  # an element that is not listed
    reason, told = decode(wrapped + b"\x3a\x01\x01", EPS, algorithm=0)
    assert (reason, told["cause"], told["null_ciphered"]) == (DECODED, 40, 1)
    assert decode(bytes.fromhex("7e02aabbccdd017e00443e"), FIVE_GS, algorithm=1)[0] == CIPHERED
    assert decode(bytes.fromhex("7e02aabbccdd017e00443e3c0101"), FIVE_GS, algorithm=0)[1]["cause"] == 62


def test_each_message_has_a_layout() -> None:
    for messages, layouts, extra in (
        (EMM_MESSAGES, EMM_LAYOUTS, {0x7F}), (ESM_MESSAGES, ESM_LAYOUTS, set()),
        (MM_5GS_MESSAGES, MM_5GS_LAYOUTS, set()), (SM_5GS_MESSAGES, SM_5GS_LAYOUTS, set()),
    ):  # fmt: skip
        assert set(layouts) - extra == set(messages)


def samples() -> list[tuple[int, bytes]]:
    return [*((p, bytes.fromhex(o)) for p, o, _ in VECTORS), *WRAPPED, *((p, bytes.fromhex(o)) for p, o in RICH)]


def agree(message: bytes, protocol: int) -> None:
    naive = naive_nas_eps.eps if protocol == EPS else naive_nas_5gs.five_gs
    assert decode(message, protocol) == naive(message), message.hex()


def test_rich_messages_as_the_twin() -> None:
    for protocol, message in samples():
        agree(message, protocol)


def test_hostile_cut_at_each_octet() -> None:
    for protocol, message in samples():
        for size in range(len(message)):
            agree(message[:size], protocol)


def test_hostile_flipped_bits() -> None:
    draw = random.Random(7)
    for protocol, message in samples():
        for _ in range(60):
            octets = bytearray(message)
            for _ in range(draw.randint(1, 3)):
                octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
            agree(bytes(octets), protocol)


def test_hostile_random_octets() -> None:
    draw = random.Random(8)
    heads = {EPS: [b"", b"\x07", b"\x07\x41", b"\x07\x42", b"\x52\x01\xc1", b"\x17\1\2\3\4\5\x07\x48"],
             FIVE_GS: [b"", b"\x7e\0", b"\x7e\0\x41", b"\x7e\0\x42", b"\x2e\5\1\xc2",
                       b"\x7e\1\1\2\3\4\5\x7e\0\x67"]}  # fmt: skip
    for protocol, starts in heads.items():
        for _ in range(500):
            agree(draw.choice(starts) + draw.randbytes(draw.randrange(50)), protocol)


def test_hostile_elements_of_each_message() -> None:
    """Layouts followed at random: each identifier of each message, its value any octets of any length."""
    draw = random.Random(9)
    for layouts, head, protocol in (
        (EMM_LAYOUTS, b"\x07", EPS), (ESM_LAYOUTS, b"\x52\x01", EPS),
        (MM_5GS_LAYOUTS, b"\x7e\0", FIVE_GS), (SM_5GS_LAYOUTS, b"\x2e\5\1", FIVE_GS),
    ):  # fmt: skip
        for kind, (first, rest) in layouts.items():
            for _ in range(3):
                body = b"".join(mandatory(draw, form) for form in first.split())
                words = draw.sample(rest.split(), min(len(rest.split()), 5))
                body += b"".join(option(draw, word) for word in words)
                agree(head + bytes([kind]) + body, protocol)


def mandatory(draw: random.Random, form: str) -> bytes:
    if form in ("LV", "LVE"):
        value = draw.randbytes(draw.randrange(16))
        return len(value).to_bytes(len(form) - 1, "big") + value
    return draw.randbytes(int(form[1:]))


def option(draw: random.Random, word: str) -> bytes:
    name, _, size = word.partition("/")
    if name.endswith("-"):
        return bytes([int(name[0], 16) << 4 | draw.randrange(16)])
    if size:
        return bytes([int(name, 16)]) + draw.randbytes(int(size))
    value = draw.randbytes(draw.randrange(20))
    return bytes([int(name, 16)]) + len(value).to_bytes(2 if name[0] == "7" else 1, "big") + value


def test_a_name_needs_room_in_the_text() -> None:
    message = np.frombuffer(bytes.fromhex("0205d02809") + b"\x08internet", np.uint8)
    for offset, fits in ((0, True), (len(TEXT) - 128, True), (len(TEXT) - 127, False), (-1, False)):
        row = fresh()
        row.apn_offset = offset
        TEXT[:] = 0
        assert nas_eps.decode(np.insert(message, 3, 0x11), 0, len(message) + 1, row, TEXT) == DECODED
        assert (row.apn_length, row.damage) == ((8, 0) if fits else (0, 1))
        assert bytes(TEXT).strip(b"\0") == (b"internet" if fits else b"")
