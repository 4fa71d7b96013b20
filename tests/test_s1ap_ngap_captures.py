"""S1AP and NGAP of real captures against what tshark says of them (`pytest --captures DIR`)."""

import csv
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.reasons import NGAP, S1AP
from tests.ran_rows_told import decode

Row = dict[str, list[str]]
PPID = {18: 1, 60: 2}
SCTP_DATA = 0
IP_FRAGMENTED = 3
"""Frames of the captures that end a message in fragments of IP, which these tests do not put together."""

COMMON = ("procedureCode", "gTP_TEID", "radioNetwork", "transport", "nas", "protocol", "misc", "tAC")
FIELDS = {
    1: [f"s1ap.{n}" for n in (*COMMON, "S1AP_PDU", "MME_UE_S1AP_ID", "ENB_UE_S1AP_ID", "CellIdentity", "qCI",
        "dL_gTP_TEID", "dL_GTP_TEID", "uL_GTP_TEID", "e_RAB_ID", "m_TMSI",
        "NAS_PDU", "nAS_PDU", "RRC_Establishment_Cause", "transportLayerAddressIPv4")],
    2: [f"ngap.{n}" for n in (*COMMON, "NGAP_PDU", "AMF_UE_NGAP_ID", "RAN_UE_NGAP_ID", "NRCellIdentity", "fiveQI",
        "pDUSessionID", "fiveG_TMSI", "NAS_PDU", "pDUSessionNAS_PDU", "nAS_PDU", "RRCEstablishmentCause",
        "qosFlowIdentifier", "TransportLayerAddressIPv4", "sST")],
}  # fmt: skip


def chunks(payload: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(flags, TSN, payload protocol, data) of the DATA chunks of an SCTP packet (RFC 9260 §3.3.1)."""
    at = 12
    while at + 16 <= len(payload):
        size = int.from_bytes(payload[at + 2 : at + 4], "big")
        if payload[at] == SCTP_DATA:
            tsn, ppid = (int.from_bytes(payload[at + k : at + k + 4], "big") for k in (4, 12))
            yield payload[at + 1], tsn, ppid, payload[at + 16 : at + size]
        at += max(4, size + 3 & ~3)


def whole(kept: dict[tuple[bytes, int], tuple[int, bytes]], end: bytes, tsn: int) -> bytes | None:
    """The user message that the fragment `tsn` is of, once all of it is there; fragments may come in any order."""
    first = last = tsn
    while (end, first) in kept and not kept[end, first][0] & 2:
        first -= 1
    while (end, last) in kept and not kept[end, last][0] & 1:
        last += 1
    parts = [kept.get((end, k)) for k in range(first, last + 1)]
    return b"".join(part[1] for part in parts if part) if all(parts) else None


def messages(capture: Path) -> dict[int, list[tuple[int, bytes]]]:
    """Frame number to the S1AP and NGAP messages of which it is the last to come."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    found: dict[int, list[tuple[int, bytes]]] = {}
    kept: dict[tuple[bytes, int], tuple[int, bytes]] = {}
    with PcapReader(str(capture)) as reader:
        for number, packet in enumerate(reader, 1):
            ip = next((packet[kind] for kind in (IP, IPv6) if kind in packet), None)
            if ip is None or getattr(ip, "proto", getattr(ip, "nh", 0)) != 132:
                continue
            payload = bytes(ip.payload)
            for flags, tsn, ppid, octets in chunks(payload):
                if ppid in PPID:
                    kept[payload[:8], tsn] = flags, octets
                    message = whole(kept, payload[:8], tsn)
                    if message is not None:
                        found.setdefault(number, []).append((PPID[ppid], message))
    return found


def tshark(capture: Path, protocol: int) -> dict[int, Row]:
    """Frame number to the values of each field, in the order of the message."""
    name = {1: "s1ap", 2: "ngap"}[protocol]
    command = ["tshark", "-n", "-r", str(capture), "-Y", f"{name}.procedureCode", "-T", "fields", "-E", "header=y"]
    command += ["-E", "occurrence=a", "-E", "aggregator=|", "-e", "frame.number"]
    command += [part for field in FIELDS[protocol] for part in ("-e", field)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {
        int(r["frame.number"]): {k.split(".")[1]: [v for v in r[k].split("|") if v] for k in FIELDS[protocol]}
        for r in rows
    }


def numbers(row: Row, *names: str) -> list[int]:
    return [int(v.replace(":", ""), 16 if ":" in v or name in TEIDS else 0) for name in names for v in row[name]]


TEIDS = ("gTP_TEID", "dL_gTP_TEID", "dL_GTP_TEID", "uL_GTP_TEID")


def told(found: list[dict], name: str) -> list[int]:
    return [m[name] for m in found if name in m]


def bearers(found: list[dict], name: str) -> list:
    return [b[name] for m in found for b in m["bearers"] if name in b]


def identity(text: str) -> int:
    return int(text.split("-")[-1])


GROUPS = ("radioNetwork", "transport", "nas", "protocol", "misc")


def causes(found: list[dict]) -> list[tuple[int, int]]:
    flows = [f for b in bearers(found, "flows") for f in b]
    return sorted(c["cause"] for c in [*found, *[b for m in found for b in m["bearers"]], *flows] if "cause" in c)


def check(found: list[dict], row: Row, protocol: int) -> None:
    """All that tshark tells of a frame, and no more of what it could tell."""
    pdu = "S1AP_PDU" if protocol == 1 else "NGAP_PDU"
    core, ran = ("MME_UE_S1AP_ID", "ENB_UE_S1AP_ID") if protocol == 1 else ("AMF_UE_NGAP_ID", "RAN_UE_NGAP_ID")
    assert [m["damage"] for m in found] == [0] * len(found)
    assert told(found, "procedure") == numbers(row, "procedureCode")
    assert told(found, "pdu") == numbers(row, pdu)
    # tshark tells the identities of a pair twice.
    reset = [pair for m in found for pair in m["connections"]]
    cores = {*told(found, "core_ue_id"), *told(found, "other_core_ue_id"), *(pair[0] for pair in reset)}
    assert cores - {-1} == {*numbers(row, core)}
    assert {*told(found, "ran_ue_id"), *(pair[1] for pair in reset)} - {-1} == {*numbers(row, ran)}
    assert causes(found) == sorted((g, v) for g, name in enumerate(GROUPS) for v in numbers(row, name))
    teids = [n for n in TEIDS if n in row]
    assert sorted(bearers(found, "teid")) == sorted(numbers(row, *teids))
    cells = [identity(c) for c in told(found, "cell")]
    assert cells == numbers(row, "CellIdentity" if protocol == 1 else "NRCellIdentity")
    areas = [identity(a) for name in ("area", "target_area") for a in told(found, name)]
    assert areas == numbers(row, "tAC")
    temporary = [v & 0xFFFFFFFF for v in told(found, "s_tmsi")]
    assert temporary == numbers(row, "m_TMSI" if protocol == 1 else "fiveG_TMSI")
    cause = "RRC_Establishment_Cause" if protocol == 1 else "RRCEstablishmentCause"
    assert told(found, "establishment_cause") == numbers(row, cause)
    four = [a for addresses in bearers(found, "address") for a in addresses if ":" not in a]
    assert four == row["transportLayerAddressIPv4" if protocol == 1 else "TransportLayerAddressIPv4"]
    nas = sorted(octets.hex() for m in found for octets, _ in m["nas"])
    names = [n for n in ("NAS_PDU", "nAS_PDU", "pDUSessionNAS_PDU") if n in row]
    assert nas == sorted(v.replace(":", "") for n in names for v in row[n])
    if protocol == 1:
        assert bearers(found, "qci") == numbers(row, "qCI")
        assert bearers(found, "id") == numbers(row, "e_RAB_ID")
    else:
        flows = [f for b in bearers(found, "flows") for f in b]
        assert [f["five_qi"] for f in flows if "five_qi" in f] == numbers(row, "fiveQI")
        assert [f["qfi"] for f in flows] == numbers(row, "qosFlowIdentifier")
        assert bearers(found, "id") == numbers(row, "pDUSessionID")


@pytest.mark.captures
@pytest.mark.parametrize("protocol, least", [(1, 200), (2, 40)])
def test_captures_agree_with_tshark(captures: Path, protocol: int, least: int) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("needs tshark")
    suffix = {1: ".s1ap.tsv", 2: ".ngap.tsv"}[protocol]
    compared = fragmented = 0
    for truth in sorted(captures.glob(f"truth/*/*{suffix}")):
        capture = captures / "files" / truth.parent.name / truth.name.removesuffix(suffix)
        carried, rows = messages(capture), tshark(capture, protocol)
        for frame, row in rows.items():
            octets = [o for p, o in carried.get(frame, []) if p == protocol]
            if frame not in carried and fragmented < IP_FRAGMENTED:
                fragmented += 1
                continue
            assert len(octets) == len(row["procedureCode"]), (capture.name, frame)
            found = [decode(protocol, o) for o in octets]
            assert {m["reason"] for m in found} == {S1AP if protocol == 1 else NGAP}
            try:
                check(found, row, protocol)
            except AssertionError as wrong:
                raise AssertionError(f"{capture.name}, frame {frame}: {found}") from wrong
            compared += len(octets)
    assert compared >= least
