"""GTP-C decoding against stated values, the naive twin, random and damaged input."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import gtpv1c, gtpv2c
from formats.causes import CAUSES, NORMAL, cause_text, ran_cause_family
from formats.procedures import PAIRS
from formats.reasons import GTP_VERSION, GTPC, GTPC_MALFORMED, GTPC_TRUNCATED
from formats.xdr import CAUSE_FAMILIES
from tests import naive_gtpc
from tests.gtpc_rows_told import decode

CREATE_SESSION_REQUEST = bytes.fromhex(
    "482000d900000000123456000100080002980300000000f14c0006003316325476f84b000800532143000000108156000d001802f839123402"
    "f8390abcde105300030002f8395200010006570009008a000000110a00000a5700090187000000000a00000147001c0008696e7465726e6574"
    "066d6e63303933066d63633230380467707273800001000063000100014f00050001000000007f00010000480008000000c350000186a05d00"
    "1f004900010005500016006009000000000000000000000000000000000000000003000100075f0002000800720002004000"
)
CREATE_SESSION_RESPONSE = bytes.fromhex(
    "482100810000001112345600020002001000570009008b000000210a0000025700090187000000310a0000014f00050001644000077f000100"
    "005d00470049000100050200020010005700090081000001010a000a015700090285000002010a000001500016006009000000000000000000"
    "00000000000000000000005e00040012345678"
)
MODIFY_BEARER_REQUEST = bytes.fromhex("4822001e00000021123457005d0012004900010005570009008000000202c0a80a02")
MODIFY_BEARER_RESPONSE = bytes.fromhex(
    "4823002a00000011123457000200020010005d00180049000100050200020010005700090081000001010a000a01"
)
REJECT = bytes.fromhex("4821000e0000001112345800020002005d01")
RELEASE_ACCESS_BEARERS_REQUEST = bytes.fromhex("48aa00080000002112345900")
DELETE_SESSION_REQUEST = bytes.fromhex("482400140000002112345a0049000100054d000300080000")
ECHO_REQUEST = bytes.fromhex("40010009000001000300010007")
CREATE_PDP_CONTEXT_REQUEST = bytes.fromhex(
    "3210007a00000000002100000202980300000000f10302f8391234010e070ffc1000000a011100000a0214051a0800800002f1218300090869"
    "6e7465726e65748500040a0100018500040a010002860007913316325476f887000d0223621f9396585874fbffff00970001019800080102f8"
    "39123400659a00085321430000001081"
)
CREATE_PDP_CONTEXT_RESPONSE = bytes.fromhex(
    "3211004000000a0200210000018008fe0e011000000b011100000b027f12345678800006f121644000088500040a0200018500040a02000287"
    "000d0223621f9396585874fbffff00"
)
DELETE_PDP_CONTEXT_REQUEST = bytes.fromhex("3214000800000b020022000013ff1405")

WHO = {"imsi": "208930000000001", "msisdn": "33612345678", "imei": "3512340000000118"}
QCI_9 = {"qci": 9, "arp_priority": 8, "gbr_up_kbps": 0, "gbr_down_kbps": 0}
V1_QOS = {"qci": 9, "arp_priority": 2, "gbr_up_kbps": 0, "gbr_down_kbps": 0}

STATED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "create session request": (
        CREATE_SESSION_REQUEST,
        WHO | {
            "version": 2, "type": 32, "teid": 0, "sequence": 0x123456, "apn": "internet", "rat": 6, "recovery": 7,
            "cell": ("ECGI", "20893f", 0x0ABCDE10), "area": ("TAI", "20893f", 0x1234), "serving_plmn": "20893f",
            "pdn_type": 1, "ambr": (50_000, 100_000), "selection_mode": 0, "qci": 9,
            "bearers": [{"instance": 0, "ebi": 5} | QCI_9],
            "fteids": [(None, 10, 0, 0x11, ("10.0.0.10",)), (None, 7, 1, 0, ("10.0.0.1",))],
        },
    ),
    "create session response": (
        CREATE_SESSION_RESPONSE,
        {
            "version": 2, "type": 33, "teid": 0x11, "sequence": 0x123456, "cause": 16, "ue_ipv4": "100.64.0.7",
            "pdn_type": 1, "qci": 9, "charging_id": 305419896,
            "bearers": [{"instance": 0, "ebi": 5, "cause": 16, "charging_id": 305419896} | QCI_9],
            "fteids": [
                (None, 11, 0, 0x21, ("10.0.0.2",)), (None, 7, 1, 0x31, ("10.0.0.1",)),
                (0, 1, 0, 0x101, ("10.0.10.1",)), (0, 5, 2, 0x201, ("10.0.0.1",)),
            ],
        },
    ),
    "modify bearer request": (
        MODIFY_BEARER_REQUEST,
        {
            "version": 2, "type": 34, "teid": 0x21, "sequence": 0x123457, "bearers": [{"instance": 0, "ebi": 5}],
            "fteids": [(0, 0, 0, 0x202, ("192.168.10.2",))],
        },
    ),
    "modify bearer response": (
        MODIFY_BEARER_RESPONSE,
        {
            "version": 2, "type": 35, "teid": 0x11, "sequence": 0x123457, "cause": 16,
            "bearers": [{"instance": 0, "ebi": 5, "cause": 16}], "fteids": [(0, 1, 0, 0x101, ("10.0.10.1",))],
        },
    ),
    "rejected by the remote node": (
        REJECT,
        {
            "version": 2, "type": 33, "teid": 0x11, "sequence": 0x123458, "cause": 93, "cause_remote": 1,
            "bearers": [], "fteids": [],
        },
    ),
    "release access bearers request": (
        RELEASE_ACCESS_BEARERS_REQUEST,
        {"version": 2, "type": 170, "teid": 0x21, "sequence": 0x123459, "bearers": [], "fteids": []},
    ),
    "delete session request": (
        DELETE_SESSION_REQUEST,
        {
            "version": 2, "type": 36, "teid": 0x21, "sequence": 0x12345A, "ebi": 5, "indication": 0x0800_0000,
            "bearers": [], "fteids": [],
        },
    ),
    "echo request": (
        ECHO_REQUEST, {"version": 2, "type": 1, "sequence": 1, "recovery": 7, "bearers": [], "fteids": []}
    ),
    "create PDP context request": (
        CREATE_PDP_CONTEXT_REQUEST,
        WHO | {
            "version": 1, "type": 16, "teid": 0, "sequence": 0x21, "apn": "internet", "rat": 1, "recovery": 7,
            "cell": ("SAI", "20893f", 0x12340065), "area": ("RAI", "20893f", 0x12340001), "serving_plmn": "20893f",
            "pdn_type": 1, "ebi": 5, "qci": 9, "selection_mode": 0,
            "bearers": [{"instance": 0, "ebi": 5} | V1_QOS],
            "fteids": [(None, 202, 0, 0xA02, ("10.1.0.1",)), (0, 200, 0, 0xA01, ("10.1.0.2",))],
        },
    ),
    "create PDP context response": (
        CREATE_PDP_CONTEXT_RESPONSE,
        {
            "version": 1, "type": 17, "teid": 0xA02, "sequence": 0x21, "cause": 128, "recovery": 1, "qci": 9,
            "charging_id": 305419896, "ue_ipv4": "100.64.0.8", "pdn_type": 1,
            "bearers": [{"instance": 0, "charging_id": 305419896} | V1_QOS],
            "fteids": [(None, 203, 0, 0xB02, ("10.2.0.1",)), (0, 201, 0, 0xB01, ("10.2.0.2",))],
        },
    ),
    "delete PDP context request": (
        DELETE_PDP_CONTEXT_REQUEST,
        {
            "version": 1, "type": 20, "teid": 0xB02, "sequence": 0x22, "ebi": 5, "teardown": 1,
            "bearers": [{"instance": 1, "ebi": 5}], "fteids": [],
        },
    ),
}  # fmt: skip
VECTORS = [payload for payload, _ in STATED.values()]


def ie(kind: int, value: bytes, instance: int = 0) -> bytes:
    return struct.pack("!BHB", kind, len(value), instance) + value


def v2(kind: int, *elements: bytes, flags: int = 0x48, sequence: int = 5) -> bytes:
    body = b"".join(elements)
    header = struct.pack("!BBH", flags, kind, len(body) + (8 if flags & 8 else 4))
    return header + (bytes.fromhex("0000abcd") if flags & 8 else b"") + (sequence << 8).to_bytes(4, "big") + body


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def v1(kind: int, *elements: bytes, flags: int = 0x32, optional: bytes = bytes.fromhex("00070000")) -> bytes:
    body = (optional if flags & 7 else b"") + b"".join(elements)
    return struct.pack("!BBHI", flags, kind, len(body), 0xBEEF) + body


def one(payload: bytes) -> dict[str, Any]:
    reason, messages = decode(payload)
    assert reason == GTPC
    assert len(messages) == 1
    return messages[0]


def agree(payload: bytes, cut: bool = False) -> None:
    """Kernel and naive twin tell the same, wherever the payload stands and whatever stands around it."""
    reason, messages = naive_gtpc.decode(payload, cut)
    for message in messages:
        if message.get("rat") == 0:
            del message["rat"]
    assert decode(payload, cut) == (reason, messages)
    assert decode(payload, cut, before=b"\xff\x55", behind=b"\x01\xff\xff\x48") == (reason, messages)


# --- what is told -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATED)
def test_stated_values(name: str) -> None:
    payload, expected = STATED[name]
    assert one(payload) == expected
    agree(payload)


def test_every_form_of_user_location() -> None:
    plmn = bytes.fromhex("130014")  # 310-410
    parts = [plmn + b"\x11\x12\x13\x14", plmn + b"\x21\x22\x23\x24", plmn + b"\x31\x32\x33\xff", plmn + b"\x41\x42"]
    parts += [plmn + b"\xf1\x52\x53\x54", plmn + b"\x61\x62", plmn + b"\x71\x72\x73", plmn + b"\x81\x82\x83"]
    cells = [("CGI", 0x11121314), ("SAI", 0x21222324), ("RAI", 0x31320033), ("TAI", 0x4142), ("ECGI", 0x1525354)]
    for flags in range(256):
        value = bytes([flags]) + b"".join(part for k, part in enumerate(parts) if flags >> k & 1)
        message = one(v2(38, ie(86, value)))
        told = {name: (name, "310410", identity) for k, (name, identity) in enumerate(cells) if flags >> k & 1}
        finest = [told[name] for name in ("ECGI", "CGI", "SAI", "TAI", "RAI") if name in told]
        area = [told[name] for name in ("TAI", "RAI") if name in told]
        assert [message.get("cell"), message.get("area")] == [next(iter(finest), None), next(iter(area), None)]
        agree(v2(38, ie(86, value)))


@pytest.mark.parametrize("geographic, kind", [(0, "CGI"), (1, "SAI"), (2, "RAI")])
def test_location_of_version_1(geographic: int, kind: str) -> None:
    location = bytes.fromhex("02f839123456ff")
    message = one(v1(128, tlv(152, bytes([geographic]) + location)))
    assert message["cell"] == (kind, "20893f", 0x12340056 if kind == "RAI" else 0x123456FF)


@pytest.mark.parametrize(
    "name, text",
    [
        (b"\x08INTERNET", "internet"),
        (b"\x03ims\x06mnc001\x06mcc001\x04gprs", "ims"),
        (b"\x03ims\x06mnc0x1\x06mcc001\x04gprs", "ims.mnc0x1.mcc001.gprs"),
        (b"\x03a.b\x02\xff\x00", "a.b.??"),
        (b"\x06mnc001\x06mcc001\x04gprs", "mnc001.mcc001.gprs"),
        (b"\x01a" * 3 + b"\x00junk", "a.a.a"),
        (b"\x3f" + b"x" * 63 + b"\x3f" + b"y" * 63, "x" * 63 + "." + "y" * 63),
    ],
)
def test_access_point_names(name: bytes, text: str) -> None:
    assert one(v2(32, ie(71, name)))["apn"] == text
    assert one(v1(16, tlv(131, name)))["apn"] == text


def test_access_point_name_too_long_or_cut_is_damage() -> None:
    for name in (b"\x3f" + b"x" * 63 + b"\x3f" + b"y" * 63 + b"\x01z", b"\x08interne"):
        message = one(v2(32, ie(71, name), ie(3, b"\x09")))
        assert "apn" not in message
        assert (message["damage"], message["recovery"]) == (1, 9)


def test_ran_cause_of_the_radio_side_first() -> None:
    esm, s1ap, diameter = ie(172, b"\x30\x24"), ie(172, b"\x10\x15"), ie(172, b"\x40\x13\x8c")
    assert one(v2(36, esm, s1ap))["ran_cause"] == (1, 0, 21)
    assert one(v2(36, s1ap, esm))["ran_cause"] == (1, 0, 21)
    assert one(v2(36, diameter, esm))["ran_cause"] == (4, -1, 5004)
    in_bearer = v2(66, ie(93, ie(73, b"\x06") + ie(172, b"\x12\x02")))
    assert one(in_bearer)["ran_cause"] == (1, 2, 2)


def test_bearers_to_be_deleted() -> None:
    payload = v2(99, ie(73, b"\x06", 1), ie(73, b"\x07", 1), ie(2, b"\x08\x00"))
    message = one(payload)
    assert message["bearers"] == [{"instance": 1, "ebi": 6}, {"instance": 1, "ebi": 7}]
    assert (message.get("ebi"), message["cause"]) == (None, 8)
    agree(payload)
    assert one(v2(99, ie(73, b"\x05")))["ebi"] == 5


def test_pdn_connections_of_a_context() -> None:
    fteid = b"\x87" + bytes(3) + b"\x31\x0a\x00\x00\x01"
    bearer = ie(93, ie(73, b"\x05") + ie(87, b"\x81" + bytes(3) + b"\x09\x0a\x00\x00\x02", 0))
    inner = ie(71, b"\x03ims") + ie(73, b"\x05") + ie(74, b"\x64\x40\x00\x01") + ie(87, fteid) + bearer
    payload = v2(131, ie(2, b"\x10\x00"), ie(109, inner))
    message = one(payload)
    assert (message["apn"], message["ue_ipv4"], message["ebi"]) == ("ims", "100.64.0.1", 5)
    assert [f[:2] for f in message["fteids"]] == [(None, 7), (0, 1)]
    agree(payload)


def test_both_addresses_in_both_orders() -> None:
    ipv4, ipv6 = bytes.fromhex("64400001"), bytes.fromhex("20010db8000000000000000000000001")
    fteid = b"\xc1\x00\x00\x00\x09" + ipv4 + ipv6
    second = one(v2(33, ie(79, b"\x03\x40" + ipv6 + ipv4), ie(93, ie(87, fteid))))
    first = one(v1(17, tlv(128, b"\xf1\x8d" + ipv4 + ipv6)))
    for message in (first, second):
        assert (message["ue_ipv4"], message["ue_ipv6"], message["pdn_type"]) == ("100.64.0.1", "2001:db8::1", 3)
    assert second["fteids"] == [(0, 1, 0, 9, ("100.64.0.1", "2001:db8::1"))]


def test_alternative_gsn_addresses_are_the_other_version() -> None:
    ipv6, ipv4 = bytes.fromhex("20010db8" + "00" * 11 + "02"), b"\x0a\x00\x00\x02"
    teids = b"\x10\x00\x00\x00\x01\x11\x00\x00\x00\x02\x14\x05"
    message = one(v1(16, teids, tlv(133, ipv6), tlv(133, ipv6), tlv(133, ipv4), tlv(133, ipv4)))
    assert [f[4] for f in message["fteids"]] == [("10.0.0.2", "2001:db8::2")] * 2


def test_who_answered_an_update() -> None:
    user, other = tlv(133, b"\x0a\x00\x00\x01"), tlv(133, b"\x0a\x00\x00\x02")
    data, control, charging = b"\x10\x00\x00\x00\x07", b"\x11\x00\x00\x00\x08", b"\x7f\x00\x00\x00\x09"
    of_sgsn = one(v1(19, b"\x01\x80", data, user))
    assert of_sgsn["fteids"] == [(0, 200, 0, 7, ("10.0.0.1",))]
    of_ggsn = one(v1(19, b"\x01\x80", data, control, charging, user, other))
    assert of_ggsn["fteids"] == [(None, 203, 0, 8, ("10.0.0.1",)), (0, 201, 0, 7, ("10.0.0.2",))]


def test_forwarding_tunnels_of_a_relocation() -> None:
    second = b"\x12\x05\x00\x00\x00\x01\x12\x06\x00\x00\x00\x02"
    payload = v1(52, b"\x01\x80", second, tlv(133, b"\x0a\x00\x00\x09"))
    message = one(payload)
    assert [b["ebi"] for b in message["bearers"]] == [5, 6]
    assert [(f[0], f[1], f[3]) for f in message["fteids"]] == [(0, 200, 1), (1, 200, 2)]
    agree(payload)


@pytest.mark.parametrize(
    "traffic, delay, statistics, qci",
    [
        (1, 0, 0x01, 1), (1, 0, 0x00, 2), (1, 15 << 2, 0, 2), (1, 8 << 2, 0, 3), (2, 0, 0, 4), (2, 0, 1, 4),
        (3, 1, 0x10, 5), (3, 1, 0, 6), (3, 2, 0, 7), (3, 3, 0, 8), (4, 0, 0, 9), (3, 0, 0, None), (0, 0, 0, None),
    ],
)  # fmt: skip
def test_quality_of_version_1_as_qci(traffic: int, delay: int, statistics: int, qci: int | None) -> None:
    value = bytes([2, 0, 0, 0, traffic << 5, 0, 0, 0, 0, delay, 0, 0, statistics])
    assert one(v1(18, b"\x14\x05", tlv(135, value)))["bearers"][0].get("qci") == qci


def test_bit_rates_of_version_1() -> None:
    for code in range(256):
        for at in (10, 16, 20):  # octet, its extension, the second extension
            value = bytearray(22)
            value[at] = code
            agree(v1(18, b"\x14\x05", tlv(135, bytes(value))))


# --- datagrams ----------------------------------------------------------------------------------------------------


def piggybacked(*messages: bytes) -> bytes:
    return b"".join(bytes([m[0] | 0x10]) + m[1:] for m in messages[:-1]) + messages[-1]


def test_piggybacked_messages() -> None:
    payload = piggybacked(CREATE_SESSION_RESPONSE, v2(95, ie(73, b"\x05")), MODIFY_BEARER_REQUEST)
    reason, messages = decode(payload)
    assert reason == GTPC
    assert [m["type"] for m in messages] == [33, 95, 34]
    assert [m.get("piggyback", 0) for m in messages] == [0, 1, 1]
    agree(payload)
    agree(payload + b"\x00" * 7)


def test_piggybacks_that_lie() -> None:
    for payload in (
        piggybacked(*[ECHO_REQUEST] * 6),
        bytes([ECHO_REQUEST[0] | 0x10]) + ECHO_REQUEST[1:],
        piggybacked(ECHO_REQUEST, DELETE_PDP_CONTEXT_REQUEST),
        piggybacked(ECHO_REQUEST, MODIFY_BEARER_REQUEST[:-1]),
    ):
        assert decode(payload)[1][-1]["damage"] == 1
        agree(payload)


def test_extension_headers_of_version_1() -> None:
    optional = bytes.fromhex("000700c0") + bytes.fromhex("010102c1") + bytes.fromhex("02" + "00" * 6 + "00")
    payload = v1(16, b"\x0e\x09", flags=0x36, optional=optional)
    assert one(payload)["recovery"] == 9
    agree(payload)
    assert decode(v1(16, flags=0x36, optional=bytes.fromhex("000700c0") + bytes(4)))[0] == GTPC_MALFORMED
    assert decode(v1(16, flags=0x36, optional=bytes.fromhex("000700c0ff000000")))[0] == GTPC_MALFORMED


def test_headers_without_sequence_or_teid() -> None:
    assert "sequence" not in one(v1(1, flags=0x30))
    assert "teid" not in one(v2(1, flags=0x40))


@pytest.mark.parametrize(
    "payload, cut, reason",
    [
        (b"", False, GTPC_MALFORMED),
        (b"", True, GTPC_TRUNCATED),
        (bytes.fromhex("1e10000000000000"), False, GTP_VERSION),  # GTPv0
        (bytes.fromhex("2e01000000000000"), False, GTP_VERSION),  # GTP'
        (bytes.fromhex("6801000800000000"), False, GTP_VERSION),
        (bytes.fromhex("30ff000000000000"), False, GTPC_MALFORMED),  # a user packet
        (ECHO_REQUEST[:7], False, GTPC_MALFORMED),
        (ECHO_REQUEST[:7], True, GTPC_TRUNCATED),
        (ECHO_REQUEST[:-1], False, GTPC_MALFORMED),
        (MODIFY_BEARER_REQUEST[:11], True, GTPC_TRUNCATED),
        (bytes.fromhex("4801000700000000000000"), False, GTPC_MALFORMED),
        (DELETE_PDP_CONTEXT_REQUEST[:11], True, GTPC_TRUNCATED),
        (DELETE_PDP_CONTEXT_REQUEST[:-1], False, GTPC_MALFORMED),
        (bytes.fromhex("32010003000000000000000000"), False, GTPC_MALFORMED),
    ],
)
def test_rejected(payload: bytes, cut: bool, reason: int) -> None:
    assert decode(payload, cut) == (reason, [])
    agree(payload, cut)


def test_room_is_bounded() -> None:
    fteid = ie(87, b"\x81" + bytes(3) + b"\x01\x0a\x00\x00\x01")
    many = v2(131, *[ie(93, ie(73, b"\x05") + fteid * 9)] * 20)
    message = one(many)
    assert (len(message["bearers"]), len(message["fteids"]), message["damage"]) == (16, 64, 1)
    agree(many)
    agree(piggybacked(many, many, many, many))
    agree(v1(54, b"\x12\x05\x00\x00\x00\x01" * 20, tlv(133, bytes(4)), tlv(133, bytes(4))))


def test_unknown_elements() -> None:
    assert one(v2(32, ie(250, b"abc"), ie(3, b"\x04")))["recovery"] == 4
    assert one(v1(16, tlv(250, b"abc"), b"\x0e\x04"))["recovery"] == 4
    stopped = one(v1(16, b"\x0e\x04", b"\x75\x01", b"\x14\x05"))
    assert (stopped["damage"], stopped["recovery"], stopped.get("ebi")) == (1, 4, None)


# --- damaged input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", VECTORS, ids=list(STATED))
def test_cut_at_each_octet(payload: bytes) -> None:
    for size in range(len(payload)):
        agree(payload[:size], cut=True)
        agree(payload[:size], cut=False)


@pytest.mark.parametrize("payload", VECTORS, ids=list(STATED))
def test_each_octet_changed(payload: bytes) -> None:
    for at in range(len(payload)):
        for mask in (0x01, 0x10, 0x80, 0xFF):
            agree(payload[:at] + bytes([payload[at] ^ mask]) + payload[at + 1 :])


octets = st.binary(max_size=30)
kinds_v2 = st.sampled_from([1, 2, 3, 71, 72, 73, 74, 75, 76, 77, 79, 80, 81, 82, 83, 86, 87, 94, 99, 128, 172, 200])
plain_v2 = st.builds(ie, kinds_v2, octets, st.sampled_from([0, 0, 0, 1, 2, 0xF0]))
bearer_v2 = st.builds(ie, st.just(93), st.lists(plain_v2, max_size=6).map(b"".join), st.integers(0, 2))
connection_v2 = st.builds(ie, st.just(109), st.lists(plain_v2 | bearer_v2, max_size=6).map(b"".join))
elements_v2 = st.lists(plain_v2 | bearer_v2 | connection_v2, max_size=10)
messages_v2 = st.builds(
    lambda kind, elements, flags: v2(kind, *elements, flags=flags),
    st.sampled_from([1, 32, 33, 36, 66, 99, 131, 170]), elements_v2, st.sampled_from([0x40, 0x48, 0x58, 0x4C]),
)  # fmt: skip
kinds_v1 = st.sampled_from([128, 131, 133, 134, 135, 151, 152, 154, 191, 198, 200])
fixed_v1 = st.sampled_from(sorted(gtpv1c.TV_OCTETS)).flatmap(
    lambda kind: st.binary(min_size=gtpv1c.TV_OCTETS[kind], max_size=gtpv1c.TV_OCTETS[kind]).map(
        lambda value: bytes([kind]) + value
    )
)
gsn_address = st.builds(tlv, st.just(133), st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
elements_v1 = st.lists(fixed_v1 | st.builds(tlv, kinds_v1, octets) | gsn_address, max_size=12)
messages_v1 = st.builds(
    lambda kind, elements, flags: v1(kind, *elements, flags=flags),
    st.sampled_from([1, 16, 17, 18, 19, 20, 22, 27, 52, 54, 128]), elements_v1, st.sampled_from([0x30, 0x32]),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(messages_v2, min_size=1, max_size=3).map(b"".join) | messages_v1, octets)
def test_random_messages(payload: bytes, padding: bytes) -> None:
    agree(payload)
    agree(payload + padding)


@settings(max_examples=200, deadline=None)
@given(messages_v2 | messages_v1, st.data())
def test_random_damage(payload: bytes, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(payload)))
    agree(payload[:size], cut=data.draw(st.booleans()))
    changed = bytearray(payload)
    for at, octet in data.draw(st.lists(st.tuples(st.integers(0, len(payload) - 1), st.integers(0, 255)), max_size=4)):
        changed[at] = octet
    agree(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([0x32, 0x36, 0x48, 0x58, None]), st.booleans())
def test_random_octets(payload: bytes, first: int | None, cut: bool) -> None:
    agree((b"" if first is None else bytes([first])) + payload, cut)


# --- declarations -------------------------------------------------------------------------------------------------


def test_families_are_those_of_the_tables() -> None:
    assert tuple(CAUSES) == CAUSE_FAMILIES[1:]
    assert tuple(NORMAL) == CAUSE_FAMILIES[1:]
    assert all(codes <= set(CAUSES[family]) for family, codes in NORMAL.items())


def test_words_of_causes() -> None:
    assert cause_text("gtpv2c", 93) == "APN access denied - no subscription"
    assert cause_text("s1ap_radio", 21) == "radio-connection-with-ue-lost"
    assert cause_text("esm", 36) == "Regular deactivation"
    assert cause_text("gtpv1c", 250) == "gtpv1c 250"
    assert cause_text("", -1) == ""
    assert [ran_cause_family(1, 2), ran_cause_family(3, -1), ran_cause_family(1, 9)] == ["s1ap_nas", "esm", ""]


def test_answers_are_messages_and_causes_have_a_class() -> None:
    for number, version in enumerate((gtpv1c, gtpv2c), 1):
        assert all({request, answer} <= set(version.MESSAGES) for v, request, answer, _ in PAIRS if v == number)
        assert {version.cause_class(code) for code in version.CAUSES} == {"request", "accept", "reject"}
    assert [gtpv2c.cause_class(code) for code in (8, 16, 17, 64, 131)] == ["request", "accept", "accept"] + [
        "reject"
    ] * 2
    assert [gtpv1c.cause_class(code) for code in (6, 128, 199)] == ["request", "accept", "reject"]
