"""SCTP of real captures against tshark: every DATA chunk, every message, every association."""

from pathlib import Path

import pytest

from kernels import sctp_state
from tests import truth_tsv
from tests.naive_sctp import Packet, Reader
from tests.test_sctp import State

scapy_utils = pytest.importorskip("scapy.utils")
scapy_inet = pytest.importorskip("scapy.layers.inet")
scapy_inet6 = pytest.importorskip("scapy.layers.inet6")
pytest.importorskip("scapy.layers.l2")

pytestmark = pytest.mark.captures

NAMES = (
    "OISF__suricata-verify/sctp-keywords__input.pcap",
    "aboutsip__pkts/sctp-addip.cap",
    "aboutsip__pkts/sctp-test.cap",
    "aboutsip__pkts/sctp001.pcap",
    "aboutsip__pkts/sctp_init_collision.cap",
    "arkime__arkime/sctp-www.pcap",
    "magma__magma/inbound_roaming_01_210505_130828-1.pcapng",
    "magma__magma/nsa_connection.pcap",
    "omarhrc__CN-Trace-Analyzer/free5gc.pcap",
    "omarhrc__CN-Trace-Analyzer/registration_open5gs.pcapng",
    "open5gs__open5gs/5g-roaming-lbo.pcapng",
    "open5gs__open5gs/ipsec_to_nonipsec_call.pcapng",
    "open5gs__open5gs/nonipsec_reg.pcapng",
    "open5gs__open5gs/srsenb.pcapng",
    "open5gs__open5gs/testattach.pcapng",
    "open5gs__open5gs/volte.pcapng",
    "telekom__5g-trace-visualizer/Service_Request_Connected_205_210.pcap",
)


def packets(path: Path) -> list[tuple[int, Packet]]:
    """(frame number, packet) of the frames whose outermost IP packet is whole and carries SCTP."""
    found = []
    for number, frame in enumerate(scapy_utils.PcapReader(str(path)), 1):
        ip, ip6 = frame.getlayer(scapy_inet.IP), frame.getlayer(scapy_inet6.IPv6)
        if ip is not None and ip.proto == 132 and not ip.frag and not ip.flags.MF:
            octets = ip.original[ip.ihl * 4 : ip.len]
            addresses = [int.from_bytes(bytes(map(int, a.split("."))), "big") for a in (ip.src, ip.dst)]
        elif ip6 is not None and ip6.nh == 132:
            octets, addresses = ip6.original[40 : 40 + ip6.plen], [hash(ip6.src) & 0xFFFF, hash(ip6.dst) & 0xFFFF]
        else:
            continue
        found.append((number, Packet(addresses[0], addresses[1], bytes(octets))))
    return found


def chunks_by_tshark(captures: Path, name: str) -> dict[int, list[tuple[int, ...]]]:
    """Frame to its DATA chunks: (TSN, stream, sequence, PPID, B, E)."""
    found = {}
    for row in truth_tsv.rows(captures, name, "sctp"):
        columns = [
            truth_tsv.values(row, f"sctp.data_{what}")
            for what in ("tsn_raw", "sid", "ssn", "payload_proto_id", "b_bit", "e_bit")
        ]
        found[int(row["frame.number"])] = [tuple(map(truth_tsv.number, c)) for c in zip(*columns, strict=True)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_those_of_tshark(captures: Path, name: str) -> None:
    told, state, twin = chunks_by_tshark(captures, name), State(), Reader()
    seen: set[tuple[object, ...]] = set()
    wanted, got, chunks = [], [], 0
    for number, packet in packets(captures / "files" / name):
        direction = (packet.data[:8],)
        for tsn, stream, sequence, ppid, begin, end in told.get(number, []):
            chunks += 1
            if (direction, tsn) not in seen and begin and end:
                wanted.append((number, tsn, stream, sequence, ppid))
            seen.add((direction, tsn))
        _, messages = state.packet(packet)
        assert messages == twin.packet(packet)
        got += [(number, m.tsn, m.stream, m.sequence, m.ppid) for m in messages]
    assert state.count(sctp_state.CHUNKS) == chunks
    assert [m for m in got if m in set(wanted)] == wanted
    assert state.count(sctp_state.DUPLICATES) == chunks - len(seen)
    assert state.count(sctp_state.PACKETS_MALFORMED) == state.count(sctp_state.STRANGE) == 0
