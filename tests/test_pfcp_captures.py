"""PFCP of real captures against what tshark says of them (`pytest --captures DIR`)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from formats.reasons import PFCP
from tests.pfcp_rows_told import decode
from tests.truth_tsv import Row, rows, values

CAPTURES = (
    "open5gs__open5gs/5g-roaming-lbo.pcapng", "open5gs__open5gs/srsenb.pcapng", "open5gs__open5gs/testattach.pcapng",
    "omarhrc__CN-Trace-Analyzer/free5gc.pcap",
)  # fmt: skip


def payloads(capture: Path, frames: set[int]) -> dict[int, bytes]:
    """The UDP payloads of port 8805 of some frames, numbered from 1."""
    from scapy.layers.inet import UDP
    from scapy.utils import PcapReader

    found = {}
    with PcapReader(str(capture)) as reader:
        for number, packet in enumerate(reader, 1):
            if number in frames and UDP in packet and 8805 in (packet[UDP].sport, packet[UDP].dport):
                found[number] = bytes(packet[UDP].payload)[: packet[UDP].len - 8]
    return found


def numbers(row: Row, column: str) -> list[int]:
    return [int(value, 0) for value in values(row, column)]


def told(message: dict[str, Any], lists: tuple[str, ...], name: str) -> list[Any]:
    return [rule[name] for where in lists for rule in message[where] if name in rule]


def same_names(own: list[str], theirs: list[str]) -> bool:
    """tshark leaves the labels of a Network Instance that is not in labels as they are."""
    return [name.lower().lstrip("\x08") for name in theirs] == own


def check(row: Row, m: dict[str, Any]) -> None:
    assert "damage" not in m
    assert m["type"] == int(row["pfcp.msg_type"])
    assert m["sequence"] == int(row["pfcp.seqno"])
    assert ([m["seid"]] if "seid" in m else []) == numbers(row, "pfcp.seid")[:1]
    assert ([m["cause"]] if "cause" in m else []) == numbers(row, "pfcp.cause")
    assert ([m["node"]] if m.get("node_type") == 0 else []) == values(row, "pfcp.node_id_ipv4")
    if "fseid" in m:
        assert list(m["fseid"][1])[:1] == values(row, "pfcp.f_seid.ipv4")
        assert m["fseid"][0] in numbers(row, "pfcp.seid")
    if row["pfcp.recovery_time_stamp"]:
        when = datetime.strptime(row["pfcp.recovery_time_stamp"][:21], "%b %d, %Y %H:%M:%S")
        assert m["recovery"] == int(when.replace(tzinfo=UTC).timestamp()) * 10**9
    assert told(m, ("pdrs",), "precedence") == numbers(row, "pfcp.precedence")
    assert told(m, ("pdrs",), "source_interface") == numbers(row, "pfcp.source_interface")
    assert told(m, ("fars",), "destination_interface") == numbers(row, "pfcp.dst_interface")
    reported = [m["report_pdr"]] if "report_pdr" in m else []
    assert told(m, ("pdrs",), "pdr_id") + reported == numbers(row, "pfcp.pdr_id")
    assert told(m, ("pdrs",), "teid") == numbers(row, "pfcp.f_teid.teid")
    local = [a for found in told(m, ("pdrs",), "addresses") for a in found if ":" not in a]
    assert local == values(row, "pfcp.f_teid.ipv4_addr")
    assert told(m, ("pdrs",), "ue_ipv4") == values(row, "pfcp.ue_ip_addr_ipv4")
    assert told(m, ("pdrs", "fars"), "far_id") == numbers(row, "pfcp.far_id")
    ids = [k for rule in m["pdrs"] for k in rule.get("qer_ids", [])] + told(m, ("qers",), "qer_id")
    assert ids == numbers(row, "pfcp.qer_id")
    if 45 not in numbers(row, "pfcp.ie_type"):  # Downlink Data Service Information has a QFI that is not read
        assert told(m, ("pdrs", "qers"), "qfi") == numbers(row, "pfcp.qfi_value")
    assert told(m, ("fars",), "teid") == numbers(row, "pfcp.outer_hdr_creation.teid")
    assert [a[0] for a in told(m, ("fars",), "addresses")] == values(row, "pfcp.outer_hdr_creation.ipv4")
    forwards = [action >> 9 & 1 for action in told(m, ("fars",), "apply_action")]
    assert forwards == numbers(row, "pfcp.apply_action.forw")
    for column, name in (("tovol", "bytes"), ("ulvol", "bytes_up"), ("dlvol", "bytes_down")):
        assert told(m, ("usages",), name) == numbers(row, f"pfcp.volume_measurement.{column}")
    assert told(m, ("usages",), "duration_s") == numbers(row, "pfcp.duration_measurement")
    assert same_names([m["apn"]] if "apn" in m else [], values(row, "pfcp.apn_dnn"))
    assert ([m["imsi"]] if "imsi" in m else []) == values(row, "e212.imsi")


@pytest.mark.parametrize("name", CAPTURES)
def test_as_tshark_reads_it(captures: Path, name: str) -> None:
    truth = rows(captures, name, "pfcp")
    octets = payloads(captures / "files" / name, {int(row["frame.number"]) for row in truth})
    checked = 0
    for row in truth:
        if "icmp" in row.get("frame.protocols", "") or int(row["frame.number"]) not in octets:
            continue  # an ICMP error that quotes a message
        reason, messages = decode(octets[int(row["frame.number"])])
        assert (reason, len(messages)) == (PFCP, 1), row
        check(row, messages[0])
        checked += 1
    assert checked >= 0.5 * len(truth)
    assert checked >= 5
