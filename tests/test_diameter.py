"""Diameter decoding against stated values, the naive twin, random and damaged input."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import diameter, diameter_avps, diameter_rows
from formats.diameter_avps import AVPS, TGPP
from formats.reasons import DIAMETER, DIAMETER_MALFORMED, DIAMETER_TRUNCATED
from tests import naive_diameter
from tests.diameter_rows_told import decode
from tests.naive_pfcp import fnv

ULR = bytes.fromhex(
    "0100009cc000013c01000023000000110000002200000107400000176d6d652e6570633b313b323b73366100000001084000000f6d6d652e"
    "65706300000001284000000b657063000000011b4000000b6570630000000001400000173230383933303030303030303030310000000408"
    "80000010000028af000003ec0000057d80000010000028af000000220000057f8000000f000028af02f83900"
)
ULA = bytes.fromhex(
    "010000684000013c01000023000000110000002200000107400000176d6d652e6570633b313b323b7336610000000129400000200000010a"
    "4000000c000028af0000012a4000000c0000152c000001084000000f6873732e65706300000001284000000b65706300"
)
CCR = bytes.fromhex(
    "010000c0c000011001000016000000120000002300000107400000127067773b313b323b67780000000001024000000c0100001600000108"
    "4000000f7067772e65706300000001284000000b65706300000001a04000000c000000010000019f4000000c00000000000001bb4000002c"
    "000001c24000000c00000001000001bc4000001732303839333030303030303030303100000000084000000c644000070000001e40000010"
    "696e7465726e65740000040380000010000028af00000005"
)
CCA = bytes.fromhex(
    "010000684000011001000016000000120000002300000107400000127067773b313b323b677800000000010c4000000c000007d100000108"
    "40000010706372662e657063000001284000000b65706300000001a04000000c000000010000019f4000000c00000000"
)
KNOWN = (ULR, ULA, CCR, CCA)
IMSI = "208930000000001"
ENDS = {"hop_by_hop": 0x11, "end_to_end": 0x22, "application": 16777251, "command": 316, "credits": [],
        "proxiable": 1, "session_hash": fnv(b"mme.epc;1;2;s6a"), "origin_realm": "epc"}  # fmt: skip
GX = {"hop_by_hop": 0x12, "end_to_end": 0x23, "application": 16777238, "command": 272, "credits": [], "proxiable": 1,
      "session_hash": fnv(b"pgw;1;2;gx"), "origin_realm": "epc", "request_type": 1, "request_number": 0}  # fmt: skip
STATED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "update location request": (
        ULR,
        ENDS | {"request": 1, "origin_host": "mme.epc", "destination_realm": "epc", "imsi": IMSI, "rat": 6,
                "rat_type": 1004, "visited_plmn": "20893f", "user_hash": fnv(IMSI.encode())},
    ),
    "update location answer": (
        ULA, ENDS | {"origin_host": "hss.epc", "experimental_vendor": TGPP, "experimental_result": 5420}
    ),
    "credit control request": (
        CCR,
        GX | {"request": 1, "origin_host": "pgw.epc", "imsi": IMSI, "ue_ipv4": "100.64.0.7", "apn": "internet",
              "ip_can_type": 5},
    ),
    "credit control answer": (CCA, GX | {"origin_host": "pcrf.epc", "result": 2001}),
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_stated(name: str) -> None:
    octets, told = STATED[name]
    assert decode(octets) == (DIAMETER, told)
    assert naive_diameter.decode(octets) == (DIAMETER, told)


def avp(code: int, *values: bytes, vendor: int = 0) -> bytes:
    value = b"".join(values)
    head = code.to_bytes(4, "big") + (b"\x80" if vendor else b"\x40")
    head += (8 + len(value) + (4 if vendor else 0)).to_bytes(3, "big")
    head += vendor.to_bytes(4, "big") if vendor else b""
    return head + value + bytes(-len(value) % 4)


def v3(code: int, *values: bytes) -> bytes:
    return avp(code, *values, vendor=TGPP)


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def message(*avps: bytes, application: int = 4, flags: int = 0x80, command: int = 272) -> bytes:
    body = b"".join(avps)
    head = b"\x01" + (20 + len(body)).to_bytes(3, "big") + bytes([flags]) + command.to_bytes(3, "big")
    return head + u32(application) + bytes(8) + body


def one(*avps: bytes, application: int = 4) -> dict[str, Any]:
    octets = message(*avps, application=application)
    reason, told = decode(octets)
    assert (reason, told) == naive_diameter.decode(octets)
    assert told is not None
    return told


def test_credit_of_each_rating_group() -> None:
    units = avp(421, bytes(7) + b"\x09"), avp(412, bytes(7) + b"\x04"), avp(414, bytes(7) + b"\x05"), avp(420, u32(60))
    group = avp(456, avp(446, *units), avp(446, *units), avp(432, u32(7)), avp(268, u32(4012)), avp(431, units[0]))
    told = one(group, avp(268, u32(2001)), avp(456, avp(432, u32(8))))
    assert told["result"] == 2001
    assert told["credits"] == [
        {"rating_group": 7, "result": 4012, "used_bytes": 18, "used_bytes_up": 8, "used_bytes_down": 10, "used_s": 120,
         "granted_bytes": 9},
        {"rating_group": 8},
    ]  # fmt: skip
    assert one(*[avp(456)] * 40)["damage"] == 1


def test_user_names() -> None:
    s6a, cx = diameter.S6A, diameter.CX
    assert one(avp(1, IMSI.encode()), application=s6a)["imsi"] == IMSI
    assert "imsi" not in one(avp(1, IMSI.encode()), application=4)
    assert one(avp(1, IMSI.encode() + b"@ims.mnc093.mcc208.3gppnetwork.org"), application=cx)["imsi"] == IMSI
    assert one(avp(1, b"0" + IMSI.encode() + b"@nai.epc.mnc093.mcc208.3gppnetwork.org"))["imsi"] == IMSI
    assert "imsi" not in one(avp(1, IMSI.encode() + b"@example.org"), application=s6a)
    assert "imsi" not in one(avp(1, b"alice@ims.3gppnetwork.org"))


def test_subscription_in_either_order() -> None:
    told = one(avp(443, avp(444, b"33612345678"), avp(450, u32(0))), avp(443, avp(450, u32(2)), avp(444, b"sip:a@b")))
    assert (told["msisdn"], told["public_hash"]) == ("33612345678", fnv(b"sip:a@b"))
    assert one(v3(701, bytes.fromhex("3316325476f8")))["msisdn"] == "33612345678"
    told = one(avp(458, avp(459, u32(0)), avp(460, b"3512340000000118")))
    assert told["imei"] == one(avp(458, avp(460, bytes.fromhex("5321430000001081")), avp(459, u32(0))))["imei"]
    assert one(v3(1401, v3(1402, b"35123400000001")))["imei"] == "35123400000001"


def test_locations() -> None:
    network = bytes.fromhex("02f839")
    tai, ecgi, ncgi = network + b"\x12\x34", network + b"\x0a\xbc\xde\x10", network + b"\x01\x23\x45\x67\x89"
    told = one(v3(22, b"\x82", tai, ecgi))
    assert (told["area"], told["cell"]) == (("TAI", "20893f", 0x1234), ("ECGI", "20893f", 0xABCDE10))
    told = one(v3(22, b"\x89", network, b"\0\0\1", ncgi))
    assert (told["area"], told["cell"]) == (("TAI", "20893f", 1), ("NCGI", "20893f", 0x123456789))
    assert one(v3(22, b"\x00", network, bytes(4)))["cell"][0] == "CGI"
    assert one(v3(22, b"\x82", tai))["damage"] == 1
    told = one(v3(1496, v3(1600, v3(1603, tai), v3(1602, ecgi))))
    assert (told["area"][0], told["cell"][0]) == ("TAI", "ECGI")
    assert one(v3(18, b"20893"))["visited_plmn"] == one(v3(1407, network))["visited_plmn"] == "20893f"


def test_quality_of_service_of_bearer_and_rule() -> None:
    rule = v3(1001, v3(1003, v3(1016, v3(1028, u32(1)))))
    told = one(rule, v3(1049, v3(1028, u32(9)), v3(1034, v3(1046, u32(8)))), v3(1016, v3(1041, u32(5_000_000))))
    assert (told["qci"], told["rule_qci"], told["arp_priority"], told["ambr_up_kbps"]) == (9, 1, 8, 5000)


def test_failed_avp_is_only_named() -> None:
    told = one(avp(279, v3(1407, b"\x02\xf8\x39")), avp(268, u32(5004)))
    assert (told["failed_avp"], told["result"]) == (1407, 5004)
    assert "visited_plmn" not in told


def test_groups_deeper_than_are_followed() -> None:
    inner = v3(1028, u32(5))
    for depth in range(12):
        assert ("qci" in one(inner)) == (depth < 8)
        inner = v3(1016, inner)


def test_addresses() -> None:
    assert one(avp(97, b"\0\x40", bytes.fromhex("20010db800000001")))["ue_ipv6"] == "2001:db8:0:1::"
    assert one(v3(873, v3(874, v3(1227, b"\0\1\x0a\0\0\1"))))["ue_ipv4"] == "10.0.0.1"
    assert "ue_ipv4" not in one(avp(8, b"\xff\xff\xff\xfe"))


def test_reasons() -> None:
    assert decode(b"") == (DIAMETER_TRUNCATED, None)
    assert decode(ULR[:19]) == (DIAMETER_TRUNCATED, None)
    assert decode(b"\x02" + ULR[1:]) == (DIAMETER_MALFORMED, None)
    assert decode(b"\x01\0\0\x10" + ULR[4:]) == (DIAMETER_MALFORMED, None)
    assert decode(b"\x01\0\0\x9d" + ULR[4:]) == (DIAMETER_MALFORMED, None)
    assert decode(ULR[:-4])[1]["damage"] == 1  # type: ignore[index]


def test_declarations() -> None:
    assert len({(avp.vendor, avp.code) for avp in AVPS}) == len(AVPS)
    assert diameter.result_text(diameter.S6A, -1, 5001) == "DIAMETER_ERROR_USER_UNKNOWN"
    assert diameter.result_text(0, 5001) == "DIAMETER_AVP_UNSUPPORTED"
    assert diameter.result_text(0, 5999) == "5999"
    assert diameter.result_text(0, -1) == ""
    assert diameter.is_success(2001)
    assert not diameter.is_success(-1, 5420)
    assert not diameter.is_success(-1)
    assert set(diameter.IMSI_APPLICATIONS) <= set(diameter.APPLICATIONS)
    for rat, told in diameter.RAT_TYPES.items():
        assert one(v3(1032, u32(rat)))["rat"] == told
    fields = {*(diameter_rows.DIAMETER_MESSAGE.names or ()), *(diameter_rows.DIAMETER_CREDIT.names or ())}
    assert not fields & set(dir(np.record)), "interpreted, the attribute of numpy would be read"


CODES = st.sampled_from([(avp.code, avp.vendor) for avp in AVPS])
GROUPS = st.sampled_from([(a.code, a.vendor) for a in AVPS if 0 < a.action < diameter_avps.LAST_GROUP])
TEXTS = st.sampled_from([b"20893", b"208930000000001", b"internet.mnc093.mcc208.gprs", b"208@a.3gppnetwork.org"])


def avps(depth: int) -> st.SearchStrategy[bytes]:
    leaf = st.builds(lambda a, value: avp(a[0], value, vendor=a[1]), CODES, st.binary(max_size=24) | TEXTS)
    if depth == 0:
        return leaf
    return leaf | st.builds(
        lambda a, inner: avp(a[0], *inner, vendor=a[1]), GROUPS, st.lists(avps(depth - 1), max_size=6)
    )


@settings(deadline=None, max_examples=300)
@given(st.lists(avps(3), max_size=10), st.sampled_from([0, 4, 16777216, 16777251]), st.integers(0, 255))
def test_as_the_naive_twin(inside: list[bytes], application: int, flags: int) -> None:
    octets = message(*inside, application=application, flags=flags)
    assert decode(octets, b"\xff" * 3, b"\xff" * 9) == naive_diameter.decode(octets)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=120))
def test_hostile_random_octets(rest: bytes) -> None:
    for octets in (rest, b"\x01\0\0\x80" + rest, ULR[:20] + rest):
        assert decode(octets) == naive_diameter.decode(octets)


@pytest.mark.parametrize("octets", KNOWN)
def test_hostile_every_truncation(octets: bytes) -> None:
    for size in range(len(octets)):
        assert decode(octets[:size], behind=b"\xff" * 8) == naive_diameter.decode(octets[:size])


@pytest.mark.parametrize("octets", KNOWN)
def test_hostile_flipped_bits(octets: bytes) -> None:
    draw = random.Random(len(octets))
    for _ in range(300):
        flipped = bytearray(octets)
        for _ in range(draw.randint(1, 3)):
            flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        assert decode(bytes(flipped)) == naive_diameter.decode(bytes(flipped))
