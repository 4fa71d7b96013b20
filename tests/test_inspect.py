"""`wiregauge inspect`: the ranges cover the frame, and say what the kernels and scapy read in the same octets."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import RawPcapReader

from formats.records import RECORD
from probe.cli import main
from probe.inspect import Decoded, Found, cell_text, decode, find_packet, ip_text
from probe.layers import Range, walk
from tools.scenario import PRESETS, CaptureOptions, generate

FIELDS_OF_KERNEL = {"source": "src", "destination": "dst", "source port": "src_port", "destination port": "dst_port"}


def found(frame: bytes, link: int = 1, wire: int | None = None) -> Found:
    record = np.zeros(1, RECORD)
    record["captured"], record["wire"], record["link"] = len(frame), wire or len(frame), link
    return Found(1, record, np.frombuffer(frame, np.uint8).copy())


def told(ranges: list[Range], layer: str, field: str) -> str | None:
    return next((each.value for each in ranges if (each.layer, each.field) == (layer, field)), None)


def covers(frame: bytes, ranges: list[Range]) -> bool:
    """The ranges follow each other without a hole, from the first octet to the last."""
    ends = [0, *(each.end for each in ranges)]
    return (
        [each.first for each in ranges] == ends[:-1] and ends[-1] == len(frame) and all(r.end > r.first for r in ranges)
    )


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Some frames of presets that have between them all that the generator can encode."""
    out = {}
    for preset in ("attach", "utran", "fragments", "dual_stack", "transport_ipv6", "s5", "plain"):
        folder = tmp_path_factory.mktemp(preset)
        generate(PRESETS[preset], folder, CaptureOptions(vlan=7 if preset == "plain" else None))
        read = [bytes(frame) for frame, _ in RawPcapReader(str(folder / "capture.pcap"))]
        signalling = [frame for frame in read if b"\x08\x4b" in frame[34:60]]
        out[preset] = [*signalling[:60], *read[:: max(1, len(read) // 60)]]
    return out


def test_ranges_cover_every_frame_and_nothing_stops(frames: dict[str, list[bytes]]) -> None:
    for preset, some in frames.items():
        for frame in some:
            ranges, stopped = walk(frame, 1)
            assert covers(frame, ranges), (preset, frame.hex())
            reason = decode(found(frame)).reason
            assert not stopped or reason.stage == "rejected" or reason.name == "gtpc_fragment", (preset, stopped)


def innermost(ranges: list[Range], field: str) -> str | None:
    return next((each.value for each in reversed(ranges) if each.field == field), None)


def agree(ranges: list[Range], decoded: Decoded) -> None:
    """Addresses, ports and TEID of the kernels stand in the ranges."""
    row = decoded.packet[0]
    assert innermost(ranges, "source") == ip_text(int(row["src_hi"]), int(row["src_lo"]))
    assert innermost(ranges, "destination") == ip_text(int(row["dst_hi"]), int(row["dst_lo"]))
    if row["src_port"] and row["depth"] == 0:
        assert innermost(ranges, "source port") == str(row["src_port"])
    if row["teid"] >= 0:
        assert told(ranges, "GTP-U", "TEID") == f"0x{int(row['teid']):08x}"


def test_ranges_say_what_the_kernels_read(frames: dict[str, list[bytes]]) -> None:
    seen = set()
    for some in frames.values():
        for frame in some:
            decoded, (ranges, _) = decode(found(frame)), walk(frame, 1)
            seen.add(decoded.reason.name)
            if decoded.reason.stage != "rejected":
                agree(ranges, decoded)
    assert {"user_plane", "gtpc", "gtpu_control", "fragment", "gtpc_fragment", "not_ip"} <= seen


def test_signalling_ranges_say_what_the_kernels_read(frames: dict[str, list[bytes]]) -> None:
    checked = set()
    for some in frames.values():
        for frame in some:
            decoded, (ranges, _) = decode(found(frame)), walk(frame, 1)
            if decoded.reason.name != "gtpc":
                continue
            message = decoded.side.messages[0]
            layer = f"GTPv{message['version']}-C"
            assert told(
                ranges,
                layer,
                "message type",
            ).split(" ")[0] == str(message["type"])  # type: ignore[union-attr]
            assert told(ranges, layer, "sequence number") == str(message["sequence"])
            for field, name in (("APN", "apn"), ("Access Point Name", "apn")):
                value = told(ranges, layer, field)
                if value:
                    first, octets = int(message["apn_offset"]), int(message["apn_length"])
                    assert value.startswith(bytes(decoded.side.text[first : first + octets]).decode())
                    checked.add(name)
            cell = cell_text(int(message["cell"]))
            places = [each.value for each in ranges if each.field in ("ULI", "User Location Information")]
            if places and message["cell"]:
                assert cell in places[0]
                checked.add("cell")
    assert checked == {"apn", "cell"}


def test_ranges_say_what_scapy_reads() -> None:
    tcp = TCP(sport=1234, dport=443, seq=7, ack=9, flags="SA", window=99, options=[("MSS", 1400)])
    ip = IP(src="192.0.2.1", dst="192.0.2.2", ttl=3, options=b"\x01" * 4)
    frame = bytes(Ether() / Dot1Q(vlan=5) / ip / tcp / b"hello")
    ranges, stopped = walk(frame, 1)
    assert not stopped
    assert covers(frame, ranges)
    assert told(ranges, "VLAN tag", "priority, VLAN") == "VLAN 5, priority 0"
    theirs = Ether(frame)
    assert told(ranges, "IPv4", "time to live") == str(theirs[IP].ttl)
    assert told(ranges, "TCP", "sequence number") == str(theirs[TCP].seq)
    assert told(ranges, "TCP", "flags") == "SYN ACK"
    assert told(ranges, "TCP", "window") == "99"
    assert int(told(ranges, "TCP", "option: maximum segment size") or "0", 16) == 1400
    assert frame[next(each.first for each in ranges if each.field == "payload") :] == b"hello"


def test_ipv6_and_padding() -> None:
    frame = bytes(Ether() / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5, dport=6) / Raw(b"abc")) + bytes(9)
    ranges, stopped = walk(frame, 1)
    assert not stopped
    assert covers(frame, ranges)
    assert told(ranges, "IPv6", "source") == "2001:db8::1"
    assert ranges[-1].field == "behind the packet (padding)"
    assert ranges[-1].end - ranges[-1].first == 9


def test_each_octet_cut_still_covers(frames: dict[str, list[bytes]]) -> None:
    for some in frames.values():
        frame = max(some[:40], key=len)[:400]
        for end in range(len(frame) + 1):
            ranges, _ = walk(frame[:end], 1)
            assert covers(frame[:end], ranges)


@given(st.binary(max_size=120), st.sampled_from([0, 1, 9, 12, 50, 51, 101, 104, 108, 113, 147, 228, 276]))
@settings(max_examples=300, deadline=None)
def test_random_octets_are_covered(octets: bytes, link: int) -> None:
    ranges, _ = walk(octets, link)
    assert covers(octets, ranges)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_flipped_bits_are_covered(frames: dict[str, list[bytes]], data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from([frame for some in frames.values() for frame in some[:20]])))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(12, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    ranges, _ = walk(bytes(frame), 1)
    assert covers(bytes(frame), ranges)


# --- the command ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture")
    generate(PRESETS["attach"], folder)
    return folder / "capture.pcap"


def inspect(*words: object, columns: int = 100) -> str:
    told = CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["inspect", *map(str, words)])
    assert told.exit_code == 0, told.output
    return told.output


def test_packets_are_counted_from_1(capture: Path) -> None:
    frames = [bytes(frame) for frame, _ in RawPcapReader(str(capture))]
    for number in (1, 2, 100, len(frames)):
        assert find_packet(str(capture), number).frame.tobytes() == frames[number - 1]


def test_scapy_stands_beside_where_there_is_room(capture: Path) -> None:
    for columns in (60, 100, 220):
        text = inspect(capture, "--packet", 9, columns=columns)
        assert "decoded: gtpc" in text
        assert "IMSI" in text
        assert "###[ GTP v2 Header ]###" in text
        beside = any(line.startswith("wiregauge") and line.rstrip().endswith("scapy") for line in text.splitlines())
        assert beside == (columns == 220)
    assert "###[" not in inspect(capture, "--packet", 9, "--no-scapy")


def test_a_rejected_packet_says_why_and_where(tmp_path: Path, capture: Path) -> None:
    from scapy.utils import wrpcap

    frame = next(bytes(f) for f, _ in RawPcapReader(str(capture)) if len(f) > 200)
    cut = Ether(frame[:30])
    wrpcap(str(tmp_path / "cut.pcap"), [cut])
    text = inspect(tmp_path / "cut.pcap", "--packet", 1)
    assert "rejected: ip_truncated: cut before the end of the IP header; at octet 30" in " ".join(text.split())
    assert "cut in IPv4, destination: 4 octets are missing" in " ".join(text.split())


def test_what_cannot_be_inspected_is_told(tmp_path: Path, capture: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no packets")
    for words, said, code in (
        ([capture, "--packet", 10**9], "so no packet 1,000,000,000", 1),
        ([text, "--packet", 1], "not read: text or the like", 1),
        ([tmp_path, "--packet", 1], "a folder", 1),
        ([tmp_path / "nosuch", "--packet", 1], "no such file", 1),
        ([capture, "--packet", 0], "0 is not in the range", 2),
        ([capture], "Missing option '--packet'", 2),
    ):
        told = CliRunner().invoke(main, ["inspect", *map(str, words)])
        assert (told.exit_code, said in told.output) == (code, True), told.output


def _signalling_frame(protocol: int, content: bytes) -> bytes:
    """An Ethernet frame with an IPv4 packet of `protocol`."""
    total = 20 + len(content)
    head = (
        bytes([0x45, 0]) + total.to_bytes(2, "big") + bytes([0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2])
    )
    return bytes(12) + b"\x08\x00" + head + content


def test_sctp_and_pfcp_ranges_cover_the_frame() -> None:
    """Whatever the octets are and wherever they are cut: each octet is in one range."""
    pdu = bytes.fromhex("000c400a000001000840020001")  # an S1AP message with one element
    data = b"\0\3" + (16 + len(pdu)).to_bytes(2, "big") + bytes([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 18]) + pdu
    sctp = (36412).to_bytes(2, "big") * 2 + bytes(8) + data + bytes(-len(data) % 4)
    pfcp = (8805).to_bytes(2, "big") * 2 + (8 + 17).to_bytes(2, "big") + b"\0\0"
    pfcp += bytes.fromhex("2006000d00000100001300010100600000")
    for protocol, content in ((132, sctp), (17, pfcp)):
        frame = _signalling_frame(protocol, content)
        for end in range(34, len(frame) + 1):
            ranges, _ = walk(frame[:end], 1)
            assert [r.first for r in ranges] == [0, *(r.end for r in ranges[:-1])]
            assert ranges[-1].end == end
        layers = {r.layer for r in walk(frame, 1)[0]}
        assert ("S1AP" in layers) if protocol == 132 else ("PFCP" in layers)
