"""PFCP decoding against stated values, the naive twin, random and damaged input."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import pfcp, pfcp_causes, pfcp_ies
from formats.reasons import PFCP, PFCP_MALFORMED, PFCP_TRUNCATED, PFCP_VERSION
from kernels import pfcp_rows
from tests import naive_pfcp
from tests.pfcp_rows_told import OUT, decode

ESTABLISHMENT_REQUEST = bytes.fromhex(
    "21320141000000000000000000000100003c0005000a0000050039000d0200000000000010010a0000050001004c003800020001001d0004"
    "000000ff00020025001400010000150001050016000908696e7465726e6574005d00050264400009007c000109005f000100006c00040000"
    "0001005100040000000100010035003800020002001d0004000000ff0002001b00140001010016000908696e7465726e6574005d00050664"
    "400009006c00040000000200030023006c000400000001002c00010200040012002a0001010016000908696e7465726e65740003000d006c"
    "000400000002002c00010c000600140051000400000001003e000102002500030200000071000101008d0011050802980300000000f10633"
    "16325476f8009f001c08696e7465726e6574066d6e63303933066d63633230380467707273010100040100000a"
)
ESTABLISHMENT_RESPONSE = bytes.fromhex(
    "21330042000000000000100100000100003c0005000a00000600130001010039000d0200000000000020020a000006000800130038000200"
    "010015000901000010010a000b01"
)
MODIFICATION_REQUEST = bytes.fromhex(
    "21340034000000000000200200000200000a0024006c000400000002002c000102000b0013002a0001000054000a010000002002c0a80b05"
)
REPORT_REQUEST = bytes.fromhex(
    "2138006100000000000010010000030000270001020050004c00510004000000010068000400000000003f0003020000004b0004eea1b2c3"
    "004c0004eea1b2ff0042001907000000012a05f5e800000000000003e8000000012a05f200004300040000003c"
)
HEARTBEAT_REQUEST = bytes.fromhex("2001000c0000050000600004eea1b2c3")
KNOWN = (ESTABLISHMENT_REQUEST, ESTABLISHMENT_RESPONSE, MODIFICATION_REQUEST, REPORT_REQUEST, HEARTBEAT_REQUEST)
NOTHING: dict[str, Any] = {"pdrs": [], "fars": [], "qers": [], "usages": []}
UE = "100.64.0.9"
RECOVERED = 1_794_585_667 * 10**9

STATED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "establishment request": (
        ESTABLISHMENT_REQUEST,
        NOTHING | {
            "type": 50, "request": 1, "seid": 0, "sequence": 1, "node": "10.0.0.5", "node_type": 0,
            "fseid": (0x1001, ("10.0.0.5",)), "fseid_side": 1, "imsi": "208930000000001", "msisdn": "33612345678",
            "apn": "internet", "pdn_type": 1, "sst": 1, "sd": 10, "ue_ipv4": UE,
            "pdrs": [
                {"action": "create", "pdr_id": 1, "precedence": 255, "source_interface": 0, "to_choose": 1, "qfi": 9,
                 "network": "internet", "ue_ipv4": UE, "ue_flags": 2, "removal": 0, "far_id": 1, "urr_ids": [1]},
                {"action": "create", "pdr_id": 2, "precedence": 255, "source_interface": 1, "network": "internet",
                 "ue_ipv4": UE, "ue_flags": 6, "far_id": 2},
            ],
            "fars": [
                {"action": "create", "far_id": 1, "apply_action": pfcp.APPLY_FORWARD, "destination_interface": 1,
                 "network": "internet"},
                {"action": "create", "far_id": 2, "apply_action": pfcp.APPLY_BUFFER | pfcp.APPLY_NOTIFY},
            ],
        },
    ),
    "establishment response": (
        ESTABLISHMENT_RESPONSE,
        NOTHING | {
            "type": 51, "request": 0, "seid": 0x1001, "sequence": 1, "node": "10.0.0.6", "node_type": 0, "cause": 1,
            "fseid": (0x2002, ("10.0.0.6",)), "fseid_side": 2,
            "pdrs": [{"action": "created", "pdr_id": 1, "teid": 0x1001, "addresses": ("10.0.11.1",)}],
        },
    ),
    "modification request: the path to the gNB": (
        MODIFICATION_REQUEST,
        NOTHING | {
            "type": 52, "request": 1, "seid": 0x2002, "sequence": 2,
            "fars": [
                {"action": "update", "far_id": 2, "apply_action": pfcp.APPLY_FORWARD, "destination_interface": 0,
                 "header": pfcp.HEADER_GTPU_V4, "teid": 0x2002, "addresses": ("192.168.11.5",)}
            ],
        },
    ),
    "report request: usage": (
        REPORT_REQUEST,
        NOTHING | {
            "type": 56, "request": 1, "seid": 0x1001, "sequence": 3, "report_type": pfcp.REPORT_USAGE,
            "usages": [
                {"source": 80, "urr_id": 1, "report": 0, "trigger": 0x020000, "start": RECOVERED,
                 "end": RECOVERED + 60 * 10**9, "bytes": 5_000_001_000, "bytes_up": 1000, "bytes_down": 5_000_000_000,
                 "duration_s": 60}
            ],
        },
    ),
    "heartbeat request": (
        HEARTBEAT_REQUEST, NOTHING | {"type": 1, "request": 1, "sequence": 5, "recovery": RECOVERED}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_stated(name: str) -> None:
    payload, told = STATED[name]
    assert decode(payload) == (PFCP, [told])
    assert naive_pfcp.decode(payload) == (PFCP, [told])


def element(kind: int, *values: bytes) -> bytes:
    value = b"".join(values)
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def message(kind: int, *elements: bytes, flags: int = 0x21, follow_on: bool = False) -> bytes:
    body = (bytes(8) if flags & 1 else b"") + b"\0\0\x07\x50" + b"".join(elements)
    return bytes([flags | (4 if follow_on else 0), kind]) + len(body).to_bytes(2, "big") + body


def one(*elements: bytes, kind: int = 50) -> dict[str, Any]:
    payload = message(kind, *elements)
    reason, messages = decode(payload)
    assert (reason, messages) == naive_pfcp.decode(payload)
    assert reason == PFCP
    return messages[0]


# --- what each element tells ---------------------------------------------------------------------------------------


def test_messages_that_follow_on() -> None:
    """Each message of a datagram is a row; the bit FO of each tells whether another comes."""
    bundle = message(50, follow_on=True) + message(52, flags=0x23, follow_on=True) + message(54)
    reason, messages = decode(bundle)
    assert [(m["type"], m.get("follow_on", 0), m.get("priority")) for m in messages] == [
        (50, 0, None),
        (52, 1, 5),
        (54, 1, None),
    ]
    assert (reason, messages) == naive_pfcp.decode(bundle)
    assert decode(message(50, follow_on=True))[1][0]["damage"] == 1
    many = message(1, flags=0x20, follow_on=True) * 9
    assert len(decode(many)[1]) == pfcp_rows.DATAGRAM_MESSAGES
    assert decode(many) == naive_pfcp.decode(many)


def test_f_seid_and_f_teid_have_their_flags_the_other_way_round() -> None:
    v4, v6 = b"\x0a\0\0\1", bytes.fromhex("20010db8" + 12 * "11")
    told = one(element(57, b"\x03", bytes(8), v4, v6), element(1, element(2, element(21, b"\x03\0\0\0\x09", v4, v6))))
    assert told["fseid"][1] == told["pdrs"][0]["addresses"] == ("10.0.0.1", "2001:db8:1111:1111:1111:1111:1111:1111")
    assert one(element(57, b"\x01", bytes(8), v6))["fseid"][1][0].startswith("2001")
    assert one(element(1, element(2, element(21, b"\x01\0\0\0\x09", v4))))["pdrs"][0]["addresses"] == ("10.0.0.1",)


def test_address_that_the_user_plane_is_to_choose() -> None:
    told = one(element(1, element(2, element(21, b"\x0d\x07"), element(93, b"\x12"))))
    assert told["pdrs"] == [{"action": "create", "to_choose": 1, "choose_id": 7, "ue_flags": 0x12}]
    assert "ue_ipv4" not in told


def test_traffic_endpoint_is_a_row_that_rules_name() -> None:
    endpoint = element(
        127, element(131, b"\x05"), element(21, b"\x01\0\0\0\x09\x0a\0\0\1"), element(93, b"\x02d@\0\x09")
    )
    told = one(endpoint, element(1, element(56, b"\0\1"), element(2, element(131, b"\x05"))))
    assert told["pdrs"][0] == {
        "action": "create", "endpoint_id": 5, "teid": 9, "addresses": ("10.0.0.1",), "ue_flags": 2, "ue_ipv4": UE,
    }  # fmt: skip
    assert told["pdrs"][1] == {"action": "create", "pdr_id": 1, "endpoint_id": 5}


def test_rules_for_quality_of_service() -> None:
    mbr, gbr = (50_000).to_bytes(5, "big") + (100_000).to_bytes(5, "big"), bytes(9) + b"\x01"
    rule = element(109, b"\0\0\0\x01"), element(124, b"\x45"), element(25, b"\x04"), element(26, mbr), element(27, gbr)
    assert one(element(7, *rule))["qers"] == [
        {"action": "create", "qer_id": 1, "qfi": 5, "gate_up": 1, "gate_down": 0, "mbr_up_kbps": 50_000,
         "mbr_down_kbps": 100_000, "gbr_up_kbps": 0, "gbr_down_kbps": 1}
    ]  # fmt: skip
    ids = [element(109, k.to_bytes(4, "big")) for k in range(6)]
    assert one(element(1, *ids))["pdrs"][0]["qer_ids"] == [0, 1, 2, 3]


def test_reports_name_what_they_are_about() -> None:
    assert one(element(83, element(56, b"\0\x02"), element(56, b"\0\x03")), kind=56)["report_pdr"] == 2
    told = one(element(99, element(21, b"\x01\0\0\0\x09\x0a\0\0\1")), kind=56)
    assert (told["remote_teid"], told["remote"]) == (9, ("10.0.0.1",))
    told = one(element(101, b"\x01"), element(102, element(103, b"\x02\x0a\0\0\1")), kind=12)
    assert (told["node_report"], told["remote"]) == (1, ("10.0.0.1",))
    assert one(element(114, b"\x00\x00\x07"), kind=51)["failed_rule_id"] == 7
    assert one(element(114, b"\x04\x07"), kind=51)["failed_rule_id"] == 7
    assert one(element(114, b"\x02\0\0\0\x07"), kind=51)["failed_rule_type"] == 2


def test_names_in_labels_and_as_plain_text() -> None:
    assert one(element(159, b"\x08internet"))["apn"] == "internet"
    assert one(element(159, b"\x08InterNet\x06mnc093\x06mcc208\x04gprs"))["apn"] == "internet"
    assert one(element(159, b"internet"))["apn"] == "internet"
    assert one(element(60, b"\x02\x04smf1\x03epc"))["node"] == "smf1.epc"
    assert one(element(1, element(2, element(22, b"N6\x7f!"))))["pdrs"][0]["network"] == "n6?!"
    assert len(one(element(159, b"x" * 300))["apn"]) == pfcp_rows.NAME_OCTETS


def test_names_beyond_the_bound_are_known_by_their_hash() -> None:
    rule = element(1, element(2, element(22, b"x" * 100)))
    told = one(*[rule] * 12)
    assert [type(r["network"]) for r in told["pdrs"]] == [str] * 10 + [int] * 2
    assert told["pdrs"][-1]["network"] == naive_pfcp.fnv(b"x" * 100)


def test_rules_beyond_the_bound_are_damage() -> None:
    for kind, name in ((1, "pdrs"), (3, "fars"), (7, "qers"), (80, "usages")):
        told = one(*[element(kind)] * 70)
        assert (len(told[name]), told["damage"]) == (pfcp_rows.MESSAGE_RULES, 1)


def test_time_stamps_go_on_after_2036() -> None:
    """RFC 5905 §6: the 32 bits begin anew on 7 February 2036."""
    assert one(element(96, bytes(3) + b"\x01"))["recovery"] == 2_085_978_497 * 10**9
    assert "recovery" not in one(element(96, bytes(4)))


def test_handover_asks_for_an_end_marker() -> None:
    told = one(element(10, element(11, element(49, b"\x02"))), kind=52)
    assert told["request_flags"] == told["fars"][0]["request_flags"] == pfcp.SEND_END_MARKER


def test_vendor_elements_are_passed_over() -> None:
    assert one(element(0x8001, b"\0\x0a\0\0"), element(511, b"x"), element(19, b"\x01"))["cause"] == 1


# --- headers -------------------------------------------------------------------------------------------------------


def test_reasons() -> None:
    assert decode(b"") == (PFCP_TRUNCATED, [])
    assert decode(HEARTBEAT_REQUEST[:7]) == (PFCP_TRUNCATED, [])
    assert decode(ESTABLISHMENT_REQUEST[:15]) == (PFCP_TRUNCATED, [])
    assert decode(b"\x40" + HEARTBEAT_REQUEST[1:]) == (PFCP_VERSION, [])
    assert decode(b"\x21\x32\0\x08" + bytes(12)) == (PFCP_MALFORMED, [])
    assert decode(HEARTBEAT_REQUEST[:-1])[1][0]["damage"] == 1


def test_declarations() -> None:
    assert all(pfcp.DIRECTION[kind] >= 0 for kind in pfcp.MESSAGES)
    assert {answer for answers in pfcp.PAIRS.values() for answer in answers} | set(pfcp.PAIRS) == set(pfcp.MESSAGES)
    numbers = {
        name: value for name, value in vars(pfcp).items() if name.startswith("IE_") and name != "IE_HEADER_OCTETS"
    }
    assert len(set(numbers.values())) == len(numbers)
    assert set(numbers.values()) <= set(pfcp_ies.IES)
    assert {pfcp_causes.cause_class(code) for code in pfcp_causes.CAUSES} == {"accept", "reject"}
    assert pfcp_causes.cause_class(-1) == pfcp_causes.cause_class(0) == ""


def test_room() -> None:
    out = pfcp_rows.allocate(1)
    assert pfcp_rows.has_room(out)
    out.used[pfcp_rows.MESSAGES] = 2
    assert not pfcp_rows.has_room(out)


# --- random and hostile --------------------------------------------------------------------------------------------

LEAVES = [kind for kind in range(1, 290) if pfcp.FEWEST_OCTETS[kind] or kind in (22, 159)]
GROUPS = [1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 18, 78, 79, 80, 83, 99, 102, 127, 128, 129, 130, 187, 256]


def elements(depth: int) -> st.SearchStrategy[bytes]:
    leaf = st.builds(element, st.sampled_from(LEAVES), st.binary(max_size=30))
    if depth == 0:
        return leaf
    group = st.builds(lambda kind, inner: element(kind, *inner), st.sampled_from(GROUPS), st.lists(elements(depth - 1)))
    return leaf | group


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, 60), st.lists(elements(2), max_size=8), st.sampled_from([0x20, 0x21, 0x23]), st.binary(max_size=4)
)
def test_as_the_naive_twin(kind: int, inside: list[bytes], flags: int, behind: bytes) -> None:
    payload = message(kind, *inside, flags=flags)
    assert decode(payload, b"\xff" * 3, behind) == naive_pfcp.decode(payload)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=120))
def test_hostile_random_octets(rest: bytes) -> None:
    for payload in (rest, b"\x21" + rest, b"\x25\x32\0\x40" + rest):
        assert decode(payload) == naive_pfcp.decode(payload)


@pytest.mark.parametrize("payload", KNOWN)
def test_hostile_every_truncation(payload: bytes) -> None:
    for size in range(len(payload)):
        assert decode(payload[:size], behind=b"\xff" * 8) == naive_pfcp.decode(payload[:size])


@pytest.mark.parametrize("payload", KNOWN)
def test_hostile_flipped_bits(payload: bytes) -> None:
    draw = random.Random(len(payload))
    for _ in range(300):
        octets = bytearray(payload)
        for _ in range(draw.randint(1, 3)):
            octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
        assert decode(bytes(octets)) == naive_pfcp.decode(bytes(octets))


def test_rows_are_used_again() -> None:
    """A row that told everything tells nothing of it when it comes to the next message."""
    for _ in range(2):
        assert decode(ESTABLISHMENT_REQUEST)[1][0] == STATED["establishment request"][1]
        assert decode(HEARTBEAT_REQUEST)[1][0] == STATED["heartbeat request"][1]
    assert OUT.used[pfcp_rows.MESSAGES] == 1


def test_no_field_hides_behind_an_attribute_of_numpy() -> None:
    """Interpreted, a row is a `numpy.record`, whose own attributes would be read instead of the field."""
    from formats import pfcp_rows as rows

    dtypes = (rows.PFCP_MESSAGE, rows.PFCP_PDR, rows.PFCP_FAR, rows.PFCP_QER, rows.PFCP_USAGE)
    assert not {name for dtype in dtypes for name in dtype.names or ()} & set(dir(np.record))
