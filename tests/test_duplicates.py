"""Copies of frames: what is one and what never is, against a plain twin; the same in any number of workers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from formats.reasons import FRAME_COPY
from formats.records import KIND_NONE, PACKET, RECORD
from kernels.duplicates import DIGESTED, PER_SECOND, SEEN, SLOTS, digest_frames, mark_copies, table
from probe.pipeline import MILLISECOND, Copies
from probe.run import run_command
from tests import pipeline_tools as tools
from tests.test_invariance import pcap, read_packets
from tools.scenario import RADIO_PRESETS, generate

SPAN, BARE = 10 * MILLISECOND, MILLISECOND
ETHERNET = 1
INNER = IP(src="10.9.0.1", dst="8.8.8.8", id=77) / TCP(sport=40000, dport=443, seq=5, ack=9, flags="A") / Raw(b"x" * 90)
IP4, ACK = {"src": "10.9.0.1", "dst": "8.8.8.8"}, {"sport": 40000, "dport": 443, "ack": 9, "flags": "A"}
INNER6 = IPv6(src="2001:db8::7", dst="2001:db8::9") / TCP(sport=40000, dport=443, seq=5, flags="A") / Raw(b"x" * 90)


def tunnel(inner: Packet, identification: int = 0, ttl: int = 64, **fields: int) -> Packet:
    outer = IP(src="10.0.0.1", dst="10.0.0.2", id=identification, ttl=ttl, **fields)
    return outer / UDP(sport=2152, dport=2152, chksum=0) / GTP_U_Header(teid=7, gtp_type=255) / inner


def ether(packet: Packet, **fields: str) -> bytes:
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", **fields) / packet)


def laid_out(frames: Sequence[tuple[int, bytes]], cut: int = 1 << 16) -> tuple[np.ndarray, np.ndarray]:
    """(ts, frame) as the octets and records of a block."""
    data = np.frombuffer(b"".join(frame[:cut] for _, frame in frames) or bytes(1), np.uint8)
    records, at = np.zeros(len(frames), RECORD).view(np.recarray), 0
    for row, (ts, frame) in zip(records, frames, strict=True):
        held = min(len(frame), cut)
        row["ts"], row["offset"], row["captured"], row["wire"], row["link"] = ts, at, held, len(frame), ETHERNET
        at += held
    return data, records


def remembered() -> np.recarray:
    """A table whose fields can be named by attribute, so that kernels also run interpreted."""
    return table(SPAN).view(np.recarray)


def marked(frames: Sequence[tuple[int, bytes]], ids: Sequence[int] | None = None, cut: int = 1 << 16) -> list[bool]:
    """Which of the frames are taken for copies; `ids`: of their innermost IPv4 headers."""
    data, records = laid_out(frames, cut)
    digests, packets = np.zeros(len(frames), np.uint64), np.zeros(len(frames), PACKET).view(np.recarray)
    packets["ts"] = [ts for ts, _ in frames]
    packets["ip_id"] = ids if ids is not None else 0
    packets["kind"] = 1
    digest_frames(data, records, 0, digests)
    copies = mark_copies(remembered(), digests, SPAN, BARE, packets, len(frames))
    found = (packets["reason"] == FRAME_COPY).tolist()
    assert copies == sum(found)
    assert all((kind == KIND_NONE) == copy for kind, copy in zip(packets["kind"].tolist(), found, strict=True))
    return found


def naive(frames: Sequence[tuple[int, bytes]], ids: Sequence[int]) -> list[bool]:
    """The rule in plain words: headers of plain Ethernet, whole frames, room for everything."""
    kept: list[tuple[bytes, int]] = []
    found = []
    for (ts, frame), identification in zip(frames, ids, strict=True):
        packet, span = bytearray(frame[14:]), BARE
        if packet[0] >> 4 == 4:
            packet = packet[: int.from_bytes(packet[2:4], "big") or None]
            span = SPAN if packet[4] or packet[5] else BARE
            packet[1] = packet[8] = packet[10] = packet[11] = 0
        else:
            length = int.from_bytes(packet[4:6], "big")
            packet = packet[: length + 40 if length else None]
            packet[0] &= 0xF0
            packet[1] &= 0x0F
            packet[7] = 0
        what = bytes(packet[:DIGESTED]) + bytes([len(packet[:DIGESTED])])
        span = SPAN if identification else span
        copy = any(what == other and abs(ts - at) <= span for other, at in kept[-4 * SLOTS * 64 :])
        if not copy:
            kept.append((what, ts))
        found.append(copy)
    return found


# --- what is a copy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "second",
    [
        ether(tunnel(INNER, 9)),
        bytes(Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:0b") / tunnel(INNER, 9)),
        bytes(Ether() / Dot1Q(vlan=12) / tunnel(INNER, 9)),
        bytes(Ether() / Dot1Q(vlan=12) / Dot1Q(vlan=13) / tunnel(INNER, 9)),
        ether(tunnel(INNER, 9, ttl=63)),
        ether(tunnel(INNER, 9, tos=0x2E << 2)),
        ether(tunnel(INNER, 9)) + bytes(6),
    ],
    ids=["same", "other MAC", "VLAN", "QinQ", "routed", "marked", "padded"],
)  # fmt: skip
def test_what_a_switch_or_router_makes_is_a_copy(second: bytes) -> None:
    first = ether(tunnel(INNER, 9))
    assert marked([(0, first), (SPAN, second)]) == [False, True]
    assert marked([(0, first), (SPAN + 1, second)]) == [False, False]


def test_ipv6_behind_a_router_is_a_copy() -> None:
    frames = [ether(IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=hops, tc=tc) / UDP(sport=1, dport=2) / b"abcdefgh")
              for hops, tc in ((64, 0), (63, 0xB8))]  # fmt: skip
    assert marked([(0, frames[0]), (BARE, frames[1])]) == [False, True]
    assert marked([(0, frames[0]), (BARE + 1, frames[1])]) == [False, False]


@pytest.mark.parametrize(
    "second",
    [
        tunnel(INNER, 10),
        tunnel(IP(**IP4, id=77, ttl=63) / INNER[TCP], 9),
        tunnel(IP(**IP4, id=78) / INNER[TCP], 9),
        tunnel(IP(**IP4, id=77) / TCP(**ACK, seq=6) / (b"x" * 90), 9),
        tunnel(IP(**IP4, id=77) / TCP(**ACK, seq=5) / (b"x" * 89 + b"y"), 9),
        IP(src="10.0.0.3", dst="10.0.0.2", id=9) / tunnel(INNER, 9)[UDP],
    ],
    ids=["outer id", "inner TTL", "inner id", "sequence", "last octet", "another tunnel"],
)  # fmt: skip
def test_what_differs_is_no_copy(second: Packet) -> None:
    """The last octet is behind what is digested: the checksum tells."""
    assert marked([(0, ether(tunnel(INNER, 9))), (1000, ether(second))]) == [False, False]


def test_a_retransmission_is_none() -> None:
    """An IPv4 host numbers it anew; one without numbers sends it again after a round trip, and not before."""
    again = IP(src="10.9.0.1", dst="8.8.8.8", id=78) / INNER[TCP]
    assert marked([(0, ether(tunnel(INNER))), (1000, ether(tunnel(again)))], ids=[77, 78]) == [False, False]
    unnumbered = ether(tunnel(INNER6))
    assert marked([(0, unnumbered), (2 * MILLISECOND, unnumbered)]) == [False, False]
    assert marked([(0, unnumbered), (1000, unnumbered)]) == [False, True]
    numbered_inside = ether(tunnel(INNER))
    assert marked([(0, numbered_inside), (SPAN, numbered_inside)], ids=[77, 77]) == [False, True]


def test_what_is_sent_steadily_does_not_vanish() -> None:
    """Each is measured against the first that stayed, not against the copy before it."""
    frame = ether(tunnel(INNER, 9))
    times = [k * 4 * MILLISECOND for k in range(9)]
    assert marked([(ts, frame) for ts in times]) == [False, True, True] * 3


def test_what_is_no_ip_packet_is_none() -> None:
    arp = ether(ARP(psrc="10.0.0.1", pdst="10.0.0.2"))
    assert marked([(0, arp), (1, arp), (2, b""), (3, b""), (4, arp[:13])]) == [False] * 5


def test_the_whole_memory_is_bounded() -> None:
    seen = table(SPAN)
    assert seen.nbytes == 1 << 20
    assert len(seen) >= SPAN * PER_SECOND // 10**9
    assert seen.ctypes.data % 64 == 0
    one = ether(tunnel(INNER, 9))
    others = [ether(IP(id=k, src="10.0.0.1", dst="10.0.0.2") / UDP() / b"12345678") for k in range(1, 400)]
    frames = [(0, one), *((1, frame) for frame in others), (2, one)]
    assert marked(frames)[-1]  # 400 are far from filling it


def test_the_oldest_of_a_bucket_is_forgotten() -> None:
    seen, packets = np.zeros(SLOTS, SEEN).view(np.recarray), np.zeros(1, PACKET).view(np.recarray)
    order = [2, 4, 6, 8, 12, 2]  # one bucket: the first has gone when it comes again
    for digest in order:
        assert mark_copies(seen, np.array([digest], np.uint64), SPAN, SPAN, packets, 1) == 0
    assert mark_copies(seen, np.array([12], np.uint64), SPAN, SPAN, packets, 1) == 1


# --- against the twin ---------------------------------------------------------------------------------------------

LAYERS = st.sampled_from(("4", "4 numbered", "6"))
ONE = st.tuples(LAYERS, st.integers(0, 2), st.sampled_from((0, 1, 3, 4, 8, 11, 12, 13, 14, 19, 20, 60, 100, 150, 300)))


def frame_of(layer: str, which: int, size: int, ttl: int) -> bytes:
    body = bytes((which + 3 * k) & 255 for k in range(size))
    if layer == "6":
        return ether(IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=ttl, nh=59) / Raw(body))
    return ether(IP(src="10.0.0.1", dst="10.0.0.2", id=len(layer) - 1, ttl=ttl, proto=61) / Raw(body))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ONE, st.integers(1, 255), st.integers(0, 4 * MILLISECOND)), max_size=40),
       st.integers(0, 1))  # fmt: skip
def test_any_frames_as_the_twin(told: list[tuple[tuple[str, int, int], int, int]], number: int) -> None:
    ts, frames = 0, []
    for one, ttl, gap in told:
        ts += gap
        frames.append((ts, frame_of(*one, ttl)))
    ids = [number] * len(frames)
    assert marked(frames, ids) == naive(frames, ids)


def test_every_octet_up_to_the_last_digested_counts() -> None:
    """Change one octet of a packet of each length: only those that a router changes make no difference."""
    free = {1, 8, 10, 11}
    for size in [*range(20, 70), 127, 128, 129]:
        packet = bytearray(bytes(IP(src="10.0.0.1", dst="10.0.0.2", id=3, proto=61) / Raw(bytes(range(size - 20)))))
        for at in range(4, min(size, DIGESTED)):
            other = bytearray(packet)
            other[at] ^= 0x10
            frames = [(0, bytes(12) + b"\x08\x00" + bytes(each)) for each in (packet, other)]
            assert marked(frames) == [False, at in free], (size, at)


def test_hostile_frames_are_read_within_their_ends() -> None:
    """Truncated at each octet, each octet flipped: never a read behind the end, never a copy of another length."""
    whole = bytes(Ether() / Dot1Q(vlan=3) / tunnel(INNER6, 9))
    cuts = [(0, whole[:k]) for k in range(len(whole))]
    marked(cuts)
    flips = [(0, whole[:k] + bytes([whole[k] ^ 255]) + whole[k + 1 :]) for k in range(len(whole))]
    marked(flips)
    data, records = laid_out([(0, whole)])
    records["captured"] += 1
    digests = np.ones(1, np.uint64)
    digest_frames(data, records, 0, digests)
    assert digests[0] == 0


# --- the whole path -----------------------------------------------------------------------------------------------


def mirrored(packets: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """What a SPAN port sends of a VLAN: each frame as it comes in and, 20 µs later, as it leaves, behind a router."""
    return sorted(
        (each for ts, frame in packets for each in ((ts, frame), (ts + 20_000, left(frame)))), key=lambda pair: pair[0]
    )


def left(frame: bytes) -> bytes:
    """The frame behind a router: other MAC addresses, a tag, TTL less one and the checksum for it."""
    packet = Ether(frame)
    if IP in packet:
        packet[IP].ttl -= 1
        packet[IP].chksum = None
        body = bytearray(bytes(packet[IP]))
        kept = frame[14 : 14 + len(body)]
        header = (body[0] & 15) * 4
        return b"\x02" * 12 + b"\x81\x00\x00\x07\x08\x00" + bytes(body[:header]) + kept[header:]
    return frame


@pytest.mark.compiled
@pytest.mark.parametrize(
    "workers, room",
    [(2, 64), pytest.param(1, None, marks=pytest.mark.slow), pytest.param(3, 4096, marks=pytest.mark.slow)],
)
def test_a_mirror_changes_no_row(workers: int, room: int | None, tmp_path: Path) -> None:
    """A capture with every packet in it twice gives the rows of the capture, and the copies are counted."""
    truth = generate(RADIO_PRESETS["mixed"], tmp_path)
    packets = list(read_packets(tmp_path / truth.files[0]))
    (tmp_path / "plain.pcap").write_bytes(pcap(packets))
    (tmp_path / "twice.pcap").write_bytes(pcap([*mirrored(packets[:-1]), packets[-1]]))  # so that both end together
    plain = tools.run([tmp_path / "plain.pcap"], copies=Copies(SPAN))
    twice = tools.run([tmp_path / "twice.pcap"], workers=workers, lane_packets=room, copies=Copies(SPAN))
    for table_name in tools.TABLES:
        assert plain.multiset(table_name) == twice.multiset(table_name), table_name
    reasons, copies = plain.accounts.by_reason(), twice.accounts.by_reason()
    assert "duplicate" not in reasons
    assert copies["decoded"] == reasons["decoded"]
    assert copies["duplicate"] == {"frame_copy": len(packets) - 1}
    assert twice.packets == 2 * len(packets) - 1


@pytest.mark.compiled
def test_files_keep_their_copies_and_people_are_told(tmp_path: Path) -> None:
    """Removed only where that is asked for; nothing is said of a capture without copies."""
    inner = [IP(id=k + 1, **IP4) / TCP(seq=k, **ACK) for k in range(60)]
    packets = [(10**18 + k * MILLISECOND, ether(each)) for k, each in enumerate(inner)]
    (tmp_path / "once.pcap").write_bytes(pcap(packets))
    (tmp_path / "twice.pcap").write_bytes(pcap([(ts + n, frame) for ts, frame in packets for n in (0, 900)]))
    expected = {("once", "off"): (60, 0, False), ("twice", "off"): (120, 0, True), ("twice", "10ms"): (60, 60, False),
                ("once", "10ms"): (60, 0, False)}  # fmt: skip
    for (name, duplicates), (decoded, copies, told) in expected.items():
        command = [str(tmp_path / f"{name}.pcap"), "--out", str(tmp_path / name / duplicates), "--workers", "2"]
        made = CliRunner().invoke(run_command, [*command, "--duplicates", duplicates], catch_exceptions=False)
        ledger = ds.dataset(tmp_path / name / duplicates / "ledger").to_table().to_pylist()
        counts = [sum(row["packets"] for row in ledger if row["stage"] == stage) for stage in ("decoded", "duplicate")]
        assert (made.exit_code, counts) == (0, [decoded, copies]), made.output
        assert ("60 of the first 120 packets are copies" in made.stderr) is told
        assert ("--duplicates 10ms" in made.stderr) is told
