"""Diameter of real captures, over SCTP and TCP, against what tshark says of it (`pytest --captures DIR`)."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from formats.reasons import DIAMETER
from formats.records import PACKET
from kernels import stream
from tests.diameter_rows_told import decode
from tests.truth_tsv import Row, rows, values

CAPTURES = (
    "open5gs__open5gs/testattach.pcapng", "open5gs__open5gs/srsenb.pcapng", "open5gs__open5gs/volte.pcapng",
    "open5gs__open5gs/nonipsec_reg.pcapng", "open5gs__open5gs/ipsec_to_nonipsec_call.pcapng",
    "magma__magma/nsa_connection.pcap", "magma__magma/inbound_roaming_01_210505_130828-1.pcapng",
    "ntop__nDPI/diameter.pcap",
)  # fmt: skip


class Reader:
    """The Diameter messages of each frame: of its SCTP DATA chunks, or those that its TCP segment completes."""

    def __init__(self) -> None:
        self.streams, out = stream.allocate(64), stream.allocate_spans()
        self.streams = self.streams._replace(rows=self.streams.rows.view(np.recarray))
        self.out = out._replace(spans=out.spans.view(np.recarray))

    def of_sctp(self, value: bytes) -> list[bytes]:
        data = np.frombuffer(value, np.uint8)
        count = stream.split(data, 0, len(value), 0, self.out)
        return [value[s.offset : s.offset + s.length] for s in self.out.spans[:count]]

    def of_tcp(self, source: str, target: str, tcp: Any, size: int) -> list[bytes]:
        packet = np.zeros(1, PACKET).view(np.recarray)[0]
        packet.src_lo, packet.dst_lo = (abs(hash(end)) % 2**32 for end in (source, target))
        packet.src_port, packet.dst_port, packet.seq, packet.tcp_flags = tcp.sport, tcp.dport, tcp.seq, int(tcp.flags)
        value = bytes(tcp.payload)[:size]
        data = np.frombuffer(value + b"\0", np.uint8)
        count = stream.accept(self.streams, packet, data, 0, len(value), self.out)
        spans = self.out.spans[:count]
        return [bytes((self.out.octets if s.copied else data)[s.offset : s.offset + s.length]) for s in spans]


def frames(capture: Path) -> dict[int, list[bytes]]:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.sctp import SCTPChunkData
    from scapy.utils import PcapReader

    reader, found = Reader(), defaultdict(list)
    with PcapReader(str(capture)) as packets:
        for number, packet in enumerate(packets, 1):
            if TCP in packet and 3868 in (packet[TCP].sport, packet[TCP].dport) and IP in packet:
                size = packet[IP].len - 4 * packet[IP].ihl - 4 * packet[TCP].dataofs
                found[number] = reader.of_tcp(packet[IP].src, packet[IP].dst, packet[TCP], size)
            chunk = packet.getlayer(SCTPChunkData)
            while chunk is not None:
                if chunk.proto_id in (46, 47) or (chunk.proto_id == 0 and bytes(chunk.data)[:1] == b"\x01"):
                    found[number] += reader.of_sctp(bytes(chunk.data))
                chunk = chunk.payload.getlayer(SCTPChunkData)
    return found


def numbers(row: Row, column: str) -> list[int]:
    return [int(value, 0) for value in values(row, f"diameter.{column}")]


def check(row: Row, told: list[dict[str, Any]]) -> None:
    columns = {
        "cmd.code": "command",
        "applicationId": "application",
        "hopbyhopid": "hop_by_hop",
        "endtoendid": "end_to_end",
    }
    for column, name in columns.items():
        assert [m[name] for m in told] == numbers(row, column)
    assert [m.get("request", 0) for m in told] == numbers(row, "flags.request")
    names = {"Origin-Host": "origin_host", "Origin-Realm": "origin_realm", "Destination-Host": "destination_host",
             "Destination-Realm": "destination_realm"}  # fmt: skip
    for column, name in names.items():
        assert [m[name] for m in told if name in m] == [v.lower() for v in values(row, f"diameter.{column}")]
    results = [m["result"] for m in told if "result" in m]
    results += [c["result"] for m in told for c in m["credits"] if "result" in c]
    assert sorted(results) == sorted(numbers(row, "Result-Code"))
    numbered = {"Experimental-Result-Code": "experimental_result", "CC-Request-Type": "request_type",
                "CC-Request-Number": "request_number", "RAT-Type": "rat_type"}  # fmt: skip
    for column, name in numbered.items():
        assert [m[name] for m in told if name in m] == numbers(row, column)
    credits = [c["rating_group"] for m in told for c in m["credits"] if "rating_group" in c]
    assert credits == numbers(row, "Rating-Group")[: len(credits)]
    assert [m["ue_ipv4"] for m in told if "ue_ipv4" in m] == values(row, "diameter.Framed-IP-Address.IPv4")
    users = [value.split("@")[0] for value in values(row, "diameter.User-Name")]
    if users and len(told) == 1:
        assert told[0].get("imsi", users[0]) == users[0]
    digits = [value for value in values(row, "e212.imsi") if value]
    assert {m["imsi"] for m in told if "imsi" in m} <= {*digits, *users, *values(row, "diameter.Subscription-Id-Data")}
    apns = [value.lower() for value in values(row, "diameter.Called-Station-Id")]
    assert [m["apn"] for m in told if "apn" in m][: len(apns)] == [a.split(".mnc")[0] for a in apns]


@pytest.mark.parametrize("name", CAPTURES)
def test_as_tshark_reads_it(captures: Path, name: str) -> None:
    truth = rows(captures, name, "diameter")
    found = frames(captures / "files" / name)
    checked = 0
    for row in truth:
        octets = found.get(int(row["frame.number"]), [])
        told = []
        for one in octets:
            reason, message = decode(one)
            assert reason == DIAMETER
            assert message is not None
            told.append(message)
        if not told and row["tcp.srcport"]:
            continue  # a segment come again: tshark reads it again
        check(row, told)
        checked += 1
    assert checked >= 0.5 * len(truth)
