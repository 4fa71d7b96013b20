"""S1AP and NGAP against pycrate: it encodes random messages of every procedure, each field is found again."""

import random
from typing import Any

import pytest
from numba import config

from formats.reasons import NGAP, S1AP
from kernels.ran_rows import allocate
from tests.ran_rows_told import as_records, decode

pytest.importorskip("pycrate_asn1dir")

from tests.ran_messages import Procedure, encoded, message, modules, procedures, random_message

REASONS = {1: S1AP, 2: NGAP}
SHAPES: tuple[dict[str, Any], ...] = (
    {"optional": 0.0, "extended": 0.0},
    {"optional": 1.0, "extended": 0.0},
    {"optional": 0.5, "extended": 0.1},
    {"optional": 0.3, "extended": 0.5},
    {"optional": 0.7, "extended": 0.2, "most": 12},
)
ROUNDS = 5 if config.DISABLE_JIT else 25
EVERY = [procedure for protocol in (1, 2) for procedure in procedures(protocol)]


@pytest.mark.parametrize("procedure", EVERY, ids=lambda p: f"{'S1AP' if p.protocol == 1 else 'NGAP'}-{p.name}")
def test_random_messages_of_every_procedure(procedure: Procedure) -> None:
    for seed in range(ROUNDS):
        made = random_message(procedure, seed, **SHAPES[seed % len(SHAPES)])
        assert decode(procedure.protocol, made.octets) == {"reason": REASONS[procedure.protocol], **made.expected}, seed


def field(identity: int, kind: str, value: Any) -> dict:
    return {"id": identity, "criticality": "reject", "value": (kind, value)}


def e_rab_setup(item: int, kind: str, count: int, nas: int) -> list[dict]:
    items = []
    for k in range(count):
        told = {
            "e-RAB-ID": k % 16,
            "e-RABlevelQoSParameters": {
                "qCI": k,
                "allocationRetentionPriority": {
                    "priorityLevel": 15,
                    "pre-emptionCapability": "may-trigger-pre-emption",
                    "pre-emptionVulnerability": "pre-emptable",
                },
            },
            "transportLayerAddress": (0x0A000000 + k, 32),
            "gTP-TEID": k.to_bytes(4, "big"),
            "nAS-PDU": random.Random(k).randbytes(nas),
        }
        items.append(field(item, kind, told))
    return items


IDENTITIES = [field(0, "MME-UE-S1AP-ID", 7), field(8, "ENB-UE-S1AP-ID", 70000)]


def test_longest_list_of_e_rabs() -> None:
    items = e_rab_setup(17, "E-RABToBeSetupItemBearerSUReq", 256, 5)
    made = message(1, 5, 0, "E-RABSetupRequest", [*IDENTITIES, field(16, "E-RABToBeSetupListBearerSUReq", items)])
    found = decode(1, made.octets)
    assert found == {"reason": S1AP, **made.expected}
    assert len(found["bearers"]) == 256


@pytest.mark.parametrize("nas", [126, 127, 128, 16383, 16384, 16385, 32768, 65535, 65536, 81920, 150_000])
def test_lengths_in_one_octet_two_octets_and_fragments(nas: int) -> None:
    """A NAS message so long that it, its E-RAB, the list and the S1AP message are all in fragments."""
    out = as_records(allocate(2, whole=1 << 21))
    items = e_rab_setup(52, "E-RABToBeSetupItemCtxtSUReq", 2, nas)
    rates = {"uEaggregateMaximumBitRateDL": 10**10, "uEaggregateMaximumBitRateUL": 0}
    last = field(66, "UEAggregateMaximumBitrate", rates)
    fields = [*IDENTITIES, field(24, "E-RABToBeSetupListCtxtSUReq", items), last]
    made = message(1, 9, 0, "InitialContextSetupRequest", fields)
    assert decode(1, made.octets, out) == {"reason": S1AP, **made.expected}
    session = {
        "pDUSessionID": 5,
        "pDUSessionNAS-PDU": random.Random(nas).randbytes(nas),
        "s-NSSAI": {"sST": b"\x01"},
        "pDUSessionResourceSetupRequestTransfer": (
            "PDUSessionResourceSetupRequestTransfer",
            {"protocolIEs": [field(134, "PDUSessionType", "ethernet")]},
        ),
    }
    fields = [field(10, "AMF-UE-NGAP-ID", 1), field(74, "PDUSessionResourceSetupListSUReq", [session])]
    made = message(2, 29, 0, "PDUSessionResourceSetupRequest", [*fields, field(38, "NAS-PDU", b"after")])
    assert decode(2, made.octets, out) == {"reason": NGAP, **made.expected}


@pytest.mark.parametrize("capability", [40, 16000, 16384, 40000, 70000])
def test_a_long_element_that_is_not_read_is_passed_over(capability: int) -> None:
    """A UE radio capability above 16K makes the message one in fragments; what stands behind it is found."""
    fields = [
        field(10, "AMF-UE-NGAP-ID", 5),
        field(117, "UERadioCapability", bytes(capability)),
        field(85, "RAN-UE-NGAP-ID", 7),
        field(38, "NAS-PDU", b"~\x00\x42"),
    ]
    made = message(2, 14, 0, "InitialContextSetupRequest", fields)
    assert decode(2, made.octets) == {"reason": NGAP, **made.expected}


def test_fragments_without_room_are_damage_and_the_rest_is_kept() -> None:
    out = as_records(allocate(2, whole=20_000))
    fields = [field(38, "NAS-PDU", bytes(16400)), field(10, "AMF-UE-NGAP-ID", 3)]
    short = message(2, 4, 0, "DownlinkNASTransport", fields)
    found = decode(2, short.octets, out)
    assert (found["reason"], found["damage"], found["nas"]) == (NGAP, 1, [])
    assert (found["procedure"], found["pdu"]) == (4, 0)


@pytest.mark.parametrize("count", [1, 127, 128, 1000])
def test_reset_of_many_connections(count: int) -> None:
    """The list of NGAP is up to 65536 long, so its number is a length determinant; that of S1AP is one octet."""
    pairs = [{"aMF-UE-NGAP-ID": k << 20, "rAN-UE-NGAP-ID": k} for k in range(count)]
    fields = [field(15, "Cause", ("transport", "unspecified")), field(88, "ResetType", ("partOfNG-Interface", pairs))]
    made = message(2, 20, 0, "NGReset", fields)
    assert decode(2, made.octets) == {"reason": NGAP, **made.expected}
    acknowledged = message(2, 20, 1, "NGResetAcknowledge", [field(111, "UE-associatedLogicalNG-connectionList", pairs)])
    assert decode(2, acknowledged.octets) == {"reason": NGAP, **acknowledged.expected}


def test_more_connections_than_are_told_is_damage() -> None:
    pairs = [{"rAN-UE-NGAP-ID": k} for k in range(1100)]
    made = message(2, 20, 0, "NGReset", [field(88, "ResetType", ("partOfNG-Interface", pairs))])
    found = decode(2, made.octets)
    assert (found["damage"], len(found["connections"])) == (1, 1024)
    assert found["connections"] == made.expected["connections"][:1024]


def test_elements_no_standard_knows_are_passed_over() -> None:
    """An unknown id between two that are read, of one that is too large for the tables, and a repeated one."""
    for protocol, name, code, first, cause in ((1, "ErrorIndication", 15, 0, 2), (2, "ErrorIndication", 9, 10, 15)):
        kind = {1: "MME-UE-S1AP-ID", 2: "AMF-UE-NGAP-ID"}[protocol]
        made = message(
            protocol, code, 0, name, [field(first, kind, 9), field(cause, "Cause", ("misc", "om-intervention"))]
        )
        octets = bytearray(made.octets)
        unknown = b"".join(i.to_bytes(2, "big") + b"\x40\x03abc" for i in (490, 511, 512, 60000))
        repeated = first.to_bytes(2, "big") + b"\x00\x02\x00\x63"
        octets[3] += len(unknown) + len(repeated)
        octets[6] += 5
        at = len(octets) - 5  # the cause is the last element
        octets[at:at] = unknown + repeated
        assert decode(protocol, bytes(octets)) == {"reason": REASONS[protocol], **made.expected}


def test_extension_additions_and_unknown_alternatives() -> None:
    """What a later release may add: additions to a SEQUENCE, as the standard itself has none yet."""
    tai = bytes.fromhex("80 02f839 1234") + addition(b"\x01\x02") + b""
    octets = pdu(13, [(67, tai), (8, bytes.fromhex("40012c"))])
    found = decode(1, octets)
    assert (found["area"], found["ran_ue_id"], found["damage"]) == ("6:208-93-4660", 300, 0)
    # Global-ENB-ID with additions inside TargeteNB-ID: the TAI behind it is found.
    target = bytes.fromhex("04 02f839 00 abcde0 10 03 787878 00 02f839 1234")
    found = decode(1, pdu(0, [(4, target)]))
    assert (found["target_node"], found["target_area"], found["damage"]) == ("1:208-93-703710", "6:208-93-4660", 0)
    # An alternative of Cause and of UE-S1AP-IDs that is not known: nothing told, nothing lost.
    found = decode(1, pdu(18, [(2, b"\x80\x02ab"), (99, b"\x80\x02ab"), (8, bytes.fromhex("40012c"))]))
    assert (found["ran_ue_id"], found["damage"], "cause" in found) == (300, 0, False)
    found = decode(2, pdu(42, [(15, b"\xa0\x01\x00\x00\x02ab"), (85, bytes.fromhex("40012c"))]))
    assert (found["ran_ue_id"], found["damage"], "cause" in found) == (300, 0, False)


def addition(value: bytes) -> bytes:
    """One extension addition: 7 bits of their number less one, a bit for it, then an open type."""
    return bytes([0x01, len(value)]) + value


def pdu(code: int, elements: list[tuple[int, bytes]]) -> bytes:
    """A message made by hand, below 128 octets."""
    fields = b"".join(i.to_bytes(2, "big") + b"\x40" + bytes([len(v)]) + v for i, v in elements)
    body = b"\x00" + len(elements).to_bytes(2, "big") + fields
    return bytes([0, code, 0x40, len(body)]) + body


def test_private_messages_are_counted_only() -> None:
    for protocol, code in ((1, 39), (2, 31)):
        found = decode(protocol, bytes([0, code, 0x40, 6]) + bytes.fromhex("000100000000"))
        assert (found["reason"], found["procedure"], found["damage"]) == (REASONS[protocol], code, 0)


def test_no_room_adds_nothing() -> None:
    out = as_records(allocate(2))
    made = random_message(EVERY[0], 1)
    data_out = [decode(1, made.octets, out)["reason"]]
    out.used[0] = len(out.messages)
    import numpy as np

    from kernels.ran_rows import NO_ROOM
    from kernels.s1ap import decode as plain

    before = out.used.copy()
    assert plain(np.frombuffer(made.octets, np.uint8).copy(), 0, len(made.octets), out) == NO_ROOM
    assert (out.used == before).all()
    assert data_out == [S1AP]


def test_the_oracle_reads_what_it_writes() -> None:
    """pycrate decodes its own octets to the same value, so the random values are within the types."""
    for procedure in EVERY[:: 7 if config.DISABLE_JIT else 3]:
        made = random_message(procedure, 2, **SHAPES[2])
        top = modules(procedure.protocol)[0]
        top.from_aper(made.octets)
        _, value = top.get_val()
        name, content = value["value"]
        assert encoded(procedure.protocol, procedure.code, procedure.pdu, name, content) == made.octets
