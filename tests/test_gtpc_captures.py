"""GTP-C of real captures against what tshark says of them (`pytest --captures DIR`)."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from formats.reasons import GTPC
from tests.gtpc_rows_told import decode

Row = dict[str, str]


def truths(captures: Path, suffix: str) -> Iterator[tuple[Path, list[Row]]]:
    """(capture, rows that tshark wrote of it)"""
    for path in sorted(captures.glob(f"truth/*/*{suffix}*")):
        name = path.name.removesuffix(".gz")
        if not name.endswith(suffix):
            continue
        octets = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = octets.decode("utf-8", "replace").splitlines()
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        yield captures / "files" / path.parent.name / name.removesuffix(suffix), rows


def payloads(capture: Path, frames: set[int]) -> dict[int, bytes]:
    """The UDP payloads of port 2123 of some frames, numbered from 1."""
    from scapy.layers.inet import UDP
    from scapy.utils import PcapReader

    found = {}
    with PcapReader(str(capture)) as reader:
        for number, packet in enumerate(reader, 1):
            if number in frames and UDP in packet and 2123 in (packet[UDP].sport, packet[UDP].dport):
                found[number] = bytes(packet[UDP].payload)[: packet[UDP].len - 8]
    return found


def listed(row: Row, name: str, base: int = 10) -> list[int]:
    return [int(value, 0 if value.startswith("0x") else base) for value in row[name].split("|") if value]


def words(row: Row, name: str) -> list[str]:
    return [value for value in row[name].split("|") if value]


def gathered(messages: list[dict], name: str) -> list[Any]:
    """What messages and their bearers tell under one name."""
    return [m[name] for m in messages if name in m] + [b[name] for m in messages for b in m["bearers"] if name in b]


def addresses(messages: list[dict], ipv6: bool) -> list[str]:
    return [a for m in messages for f in m["fteids"] for a in f[4] if (":" in a) == ipv6]


def same_names(messages: list[dict], full: list[str]) -> bool:
    """tshark prints the operator identifier too."""
    own = [m["apn"] for m in messages if "apn" in m]
    return own == [name.lower().split(".mnc")[0] for name in full[: len(own)]] and bool(own) == bool(full)


def same_place(place: tuple[str, str, int], kind: str, row: Row, network: str, identity: int) -> bool:
    """tshark prints the network codes as numbers, so that two and three digits look alike."""
    mcc, mnc = row[f"e212.{network}.mcc"], row[f"e212.{network}.mnc"]
    own = int(place[1][:3]), int(place[1][3:].rstrip("f"))
    return (place[0], *own, place[2]) == (kind, int(mcc), int(mnc), identity)


def check_v2(row: Row, messages: list[dict]) -> None:
    assert [m["type"] for m in messages] == listed(row, "gtpv2.message_type")
    assert [m["teid"] for m in messages if "teid" in m] == listed(row, "gtpv2.teid")
    assert [m["sequence"] for m in messages] == listed(row, "gtpv2.seq")
    assert sorted(gathered(messages, "cause")) == sorted(listed(row, "gtpv2.cause"))
    for name, column in (("imsi", "e212.imsi"), ("msisdn", "e164.msisdn"), ("imei", "gtpv2.mei")):
        assert [m[name] for m in messages if name in m] == words(row, column)
    assert same_names(messages, words(row, "gtpv2.apn"))
    fteids = [(f[1], f[3]) for m in messages for f in m["fteids"]]
    theirs = list(zip(listed(row, "gtpv2.f_teid_interface_type"), listed(row, "gtpv2.f_teid_gre_key"), strict=True))
    if len(theirs) > len(fteids):  # one without an address (magma nsa_connection) names no endpoint: passed over
        theirs = [pair for pair in theirs if pair[1] != 0]
    assert fteids == theirs
    assert addresses(messages, ipv6=False) == words(row, "gtpv2.f_teid_ipv4")
    assert addresses(messages, ipv6=True) == words(row, "gtpv2.f_teid_ipv6")
    assert sorted(gathered(messages, "ebi")) == sorted(listed(row, "gtpv2.ebi"))
    assert [m["rat"] for m in messages if "rat" in m] == listed(row, "gtpv2.rat_type")
    assert [b["qci"] for m in messages for b in m["bearers"] if "qci" in b] == listed(row, "gtpv2.bearer_qos_label_qci")
    given = [a for a in words(row, "gtpv2.pdn_addr_and_prefix.ipv4") if a != "0.0.0.0"]
    assert [m["ue_ipv4"] for m in messages if "ue_ipv4" in m] == given
    given = [a for a in words(row, "gtpv2.pdn_addr_and_prefix.ipv6") if a != "::"]
    assert [m["ue_ipv6"] for m in messages if "ue_ipv6" in m] == given
    assert [m["recovery"] for m in messages if "recovery" in m] == listed(row, "gtpv2.rec")
    for identity, cell in zip(listed(row, "gtpv2.ecgi_eci"), [m["cell"] for m in messages if "cell" in m], strict=True):
        assert same_place(cell, "ECGI", row, "ecgi", identity)
    for tac, area in zip(listed(row, "gtpv2.tai_tac"), [m["area"] for m in messages if "area" in m], strict=True):
        assert same_place(area, "TAI", row, "tai", tac)


def check_v1(row: Row, message: dict) -> None:
    assert message["type"] == int(row["gtp.message"], 0)
    assert message["teid"] == int(row["gtp.teid"], 0)
    assert message.get("sequence") == next(iter(listed(row, "gtp.seq_number")), None)
    assert message.get("cause") == next(iter(listed(row, "gtp.cause")), None)
    assert message.get("imsi", "") == row["e212.imsi"]
    assert message.get("msisdn", "") == row["e164.msisdn"]
    assert message.get("apn", "") == row["gtp.apn"]
    assert message.get("ue_ipv4", "") == row["gtp.user_ipv4"]
    assert message.get("ebi") == next(iter(listed(row, "gtp.nsapi")), None)
    assert message.get("recovery") == next(iter(listed(row, "gtp.recovery")), None)
    assert message.get("rat") == next(iter(listed(row, "gtp.ext_rat_type")), None)
    assert addresses([message], ipv6=False) == words(row, "gtp.gsn_ipv4")
    assert [f[3] for f in message["fteids"]] == listed(row, "gtp.teid_cp") + listed(row, "gtp.teid_data")
    if row["gtp.lac"]:
        identity = int(row["gtp.lac"], 0) << 16 | int(row["gtp.rai_rac"], 0)
        assert same_place(message["area"], "RAI", row, "rai", identity)


def test_version_2(captures: Path) -> None:
    seen = 0
    for capture, rows in truths(captures, ".gtpv2.tsv"):
        found = payloads(capture, {int(row["frame.number"]) for row in rows})
        for row in rows:
            reason, messages = decode(found[int(row["frame.number"])])
            assert reason == GTPC, (capture, row["frame.number"])
            assert all("damage" not in m for m in messages), (capture, row["frame.number"])
            check_v2(row, messages)
            seen += 1
    assert seen > 0, f"no truth of GTPv2 below {captures}"


def test_version_1(captures: Path) -> None:
    seen = 0
    for capture, rows in truths(captures, ".gtp.tsv"):
        control = [
            row
            for row in rows
            if "2123" in (row["udp.srcport"], row["udp.dstport"])
            and (row["gtp.flags.version"], row["gtp.flags.payload"]) == ("1", "1")
        ]
        found = payloads(capture, {int(row["frame.number"]) for row in control})
        for row in control:
            reason, messages = decode(found[int(row["frame.number"])])
            assert reason == GTPC, (capture, row["frame.number"])
            check_v1(row, messages[0])
            seen += 1
    assert seen > 0, f"no truth of GTPv1-C below {captures}"


@pytest.mark.parametrize("ports", [(2123, 2123), (2152, 2152)])
def test_anything_on_a_port_is_decoded_or_rejected(captures: Path, ports: tuple[int, int]) -> None:
    """Other protocols and fuzzed captures on GTP's ports: no crash, a reason for each payload."""
    from scapy.layers.inet import UDP
    from scapy.utils import PcapReader

    for name in ("fuzz", "gtp"):
        for capture in sorted(captures.glob(f"files/*/*{name}*.pcap*"))[:12]:
            with PcapReader(str(capture)) as reader:
                for _, packet in zip(range(200), reader, strict=False):
                    if UDP in packet and {packet[UDP].sport, packet[UDP].dport} & set(ports):
                        reason, messages = decode(bytes(packet[UDP].payload))
                        assert (reason == GTPC) == bool(messages)
