"""The built-in filter, run by the kernel itself: whatever is read passes, in any tags; what is not stays out."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, LLC, Dot1AD, Dot1Q, Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Packet, Raw

from formats import packet_socket, reasons
from formats.records import KIND_USER, NO_TEID
from probe.merge import batches
from probe.packet_filter import filter_of
from probe.packet_socket import Instruction, _program
from probe.pipeline import Lane
from probe.prefilter import prefilter
from probe.sources import open_sources

V4, V6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")
LONG = IP(src="10.0.0.1", dst="10.0.0.2", options=b"\x01" * 8)
PAD = b"x" * 20
READ = {
    "gtp-u": UDP(sport=9, dport=2152) / GTP_U_Header(teid=7) / IP() / UDP(),
    "gtp-c": UDP(sport=2123, dport=9) / PAD,
    "pfcp": UDP(sport=8805, dport=8805) / PAD, "diameter": TCP(sport=3868, dport=40000) / PAD,
    "to diameter": TCP(sport=40000, dport=3868), "sctp": SCTP(sport=1, dport=2),
}  # fmt: skip
OTHER = {"dns": UDP(sport=53, dport=53) / PAD, "web": TCP(sport=443, dport=2152), "ping": ICMP(),
         "2152 over TCP": TCP(sport=2152, dport=2123)}  # fmt: skip
LINKS = {"plain": Ether(), "vlan": Ether() / Dot1Q(vlan=5), "qinq": Ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6)}


@contextmanager
def filtered(program: list[Instruction]) -> Iterator[socket.socket]:
    """A socket whose frames pass the program on their way to themselves."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        code, keep = _program(program)
        there.setsockopt(socket.SOL_SOCKET, packet_socket.SO_ATTACH_FILTER, code)
        del keep
        there.setblocking(False)
        yield _Pair(here, there)  # type: ignore[misc]


class _Pair:
    def __init__(self, here: socket.socket, there: socket.socket) -> None:
        self.here, self.there = here, there

    def passes(self, frame: bytes) -> bool:
        self.here.send(frame)
        try:
            return len(self.there.recv(1 << 17)) == len(frame)
        except BlockingIOError:
            return False


def passed(frames: Iterable[bytes], link: int = 1) -> list[bool]:
    with filtered(prefilter(link)) as pair:
        return [pair.passes(frame) for frame in frames]  # type: ignore[attr-defined]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("ip", [V4, V6, LONG], ids=["4", "6", "4 with options"])
def test_what_is_read_passes_and_the_rest_does_not(link: str, ip: Packet) -> None:
    over = LINKS[link]
    assert passed(bytes(over / ip / each) for each in READ.values()) == [True] * len(READ)
    assert passed(bytes(over / ip / each) for each in OTHER.values()) == [False] * len(OTHER)


def test_bare_ip() -> None:
    for ip in (V4, V6, LONG):
        assert passed((bytes(ip / each) for each in READ.values()), 101) == [True] * len(READ)
        assert passed((bytes(ip / each) for each in OTHER.values()), 101) == [False] * len(OTHER)


def test_what_cannot_be_seen_through_passes() -> None:
    pieces = fragment(V4 / UDP(sport=2152, dport=2152) / (b"x" * 3000), 1000)
    frames = [
        *(bytes(Ether() / piece) for piece in pieces),
        bytes(Ether() / V6 / IPv6ExtHdrFragment(offset=100) / PAD),
        bytes(Ether() / V6 / IPv6ExtHdrDestOpt() / UDP(dport=2152)),
        bytes(Ether(type=0x8847)) + bytes(40), bytes(Ether(type=0x8864)) + bytes(40),
        bytes(12) + b"\x00\x40\xaa\xaa\x03" + bytes(60),
    ]  # fmt: skip
    assert passed(frames) == [True] * len(frames)


def test_what_is_no_ip_stays_out() -> None:
    frames = [bytes(Ether() / ARP()), bytes(Ether(type=0x88CC)) + bytes(40),
              bytes(Ether(type=60) / LLC() / Raw(bytes(50))),
              b"", bytes(13), bytes(14)]  # fmt: skip
    assert passed(frame for frame in frames if frame) == [False] * (len(frames) - 1)


def test_every_length_and_octet_is_safe() -> None:
    """The kernel checks programs and bounds; a frame cut short stays out or passes, nothing else."""
    whole = bytes(Ether() / Dot1Q(vlan=5) / V4 / READ["gtp-u"])
    assert passed(whole[:k] for k in range(1, len(whole)))[-1]
    passed(whole[:k] + bytes([whole[k] ^ 255]) + whole[k + 1 :] for k in range(len(whole)))


def test_the_word_builtin_is_the_filter() -> None:
    assert filter_of("builtin", "lo") == prefilter(1)
    assert filter_of(None, "lo") == []


@pytest.mark.compiled
@pytest.mark.slow
def test_nothing_that_is_read_in_real_captures_stays_out(captures: Path) -> None:
    """Each Ethernet frame that the decoder takes signalling or a tunnel from passes."""
    tried = 0
    with filtered(prefilter()) as pair:
        for path in sorted(captures.rglob("*.pcap*")):
            for frame, wanted in wanted_of(path):
                tried += wanted
                assert not wanted or len(frame) > 1 << 16 or pair.passes(frame), (path, frame[:80].hex())  # type: ignore[attr-defined]
    assert tried > 400


def wanted_of(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Ethernet frames of a capture, and whether the decoder reads signalling or a tunnel in them."""
    sources, _ = open_sources([str(path)])
    lane = Lane(1 << 16)
    for batch in batches(sources):
        first = 0
        while first < len(batch.records):
            lane.parse(batch, first, len(batch.records))
            for at in range(lane.count):
                p, record = lane.packets[at], batch.records[first + at]
                if record["link"] == 1:
                    stays = p["reason"] >= reasons.LINK_UNSUPPORTED
                    plain = p["kind"] == KIND_USER and p["teid"] == NO_TEID and p["at"] == 0
                    frame = np.asarray(batch.data[record["offset"] : record["offset"] + record["captured"]]).tobytes()
                    yield frame, not (stays or plain or p["reason"] == reasons.FRAGMENT)
            first += lane.count
        batch.release()
