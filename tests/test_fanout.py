"""Which ring a packet comes to, as the kernel decides it on a wire of its own, beside a twin in Python.

The frames are made by scapy; each has its number as its source address of Ethernet, which the program never reads.
"""

import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from probe.fanout import open_group, spreading
from probe.packet_socket import PacketRing, RingOptions
from tools.wire import Namespace, why_not

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT) and not os.environ.get("CI"), reason=WHY_NOT or "namespaces are there")

RINGS = 7  # a prime: every bit of the number counts
SMALL = RingOptions(octets=RINGS << 20, retire_ms=2)
PATIENCE_S = 5
BURST = 500  # of more at once the kernel itself may lose some, before any ring
Pair = tuple[str, str]


WIRE = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")  # without addresses scapy asks the network for them


def ether(kind: int) -> Packet:
    return Ether(src=WIRE.src, dst=WIRE.dst, type=kind)


@pytest.fixture(scope="module")
def wire() -> Iterator[Namespace]:
    place = Namespace(f"wg-fan-{os.getpid()}", pairs=1)
    yield place
    place.delete()


@pytest.fixture
def rings(wire: Namespace) -> Iterator[list[PacketRing]]:
    with wire.inside():
        found = open_group("b0", SMALL, RINGS)
    yield found
    for ring in found:
        ring.close()


def numbered(frame: bytes, number: int) -> bytes:
    return frame[:6] + b"\x02\x00" + number.to_bytes(4, "big") + frame[12:]


def places(wire: Namespace, rings: Sequence[PacketRing], frames: Sequence[bytes]) -> list[int]:
    """The ring that each frame came to; each must have come, once."""
    found: dict[int, int] = {}
    with wire.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind(("a0", 0))
        for first in range(0, len(frames), BURST):
            for number, frame in enumerate(frames[first : first + BURST], first):
                sender.send(numbered(frame, number))
            collect(rings, found, min(first + BURST, len(frames)))
    time.sleep(0.01)
    assert not any(numbers_in(ring) for ring in rings)
    assert sorted(found) == list(range(len(frames)))
    return [found[number] for number in range(len(frames))]


def collect(rings: Sequence[PacketRing], found: dict[int, int], count: int) -> None:
    """Read until so many have come, or none come any more."""
    end = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < end:
        for place, ring in enumerate(rings):
            for number in numbers_in(ring):
                assert number not in found
                found[number] = place


def numbers_in(ring: PacketRing) -> list[int]:
    block = ring.read()
    if block is None:
        return []
    found = [int.from_bytes(block.data[at + 8 : at + 12].tobytes(), "big") for at in block.records["offset"].tolist()]
    ring.release(block)
    return found


def twin(pair: Pair | None) -> int:
    """The number that the program makes of two addresses; 0 of none."""
    if pair is None:
        return 0
    low = 0xFFFF_FFFF
    factors = (0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F)
    value = 0
    for address in map(ip_address, pair):
        octets = address.packed
        words = [int.from_bytes(octets[at : at + 4], "big") for at in range(0, len(octets), 4)]
        value += words[0] if address.version == 4 else sum(map(int.__mul__, words, factors))
    value &= low
    value = (value ^ value >> 16) * 0x9E37_79B1 & low
    value = (value ^ value >> 15) * 0x85EB_CA77 & low
    return value ^ value >> 16


def chained(types: Sequence[int], inner: Packet | bytes, units: int = 1) -> Packet:
    """A G-PDU with a sequence number and extension headers of these types, `units` of four octets each."""
    following = (*types[1:], 0) if types else ()
    body = b"".join(bytes([units]) + bytes(4 * units - 2) + bytes([after]) for after in following)
    header = b"\x36\xff" + (4 + len(body) + len(bytes(inner))).to_bytes(2, "big") + b"\0\0\0\x07\0\x01\0"
    return Raw(header + bytes(types[:1] or (0,)) + body + bytes(inner))


UE, SERVER, UE6, SERVER6 = "10.45.0.9", "203.0.113.80", "2001:db8:45::9", "2001:db8::50"
ENB, SGW, ENB6, SGW6 = "172.16.0.1", "172.16.0.2", "fd00::1", "fd00:1::2"
INNERS: dict[str, tuple[Packet, Pair]] = {
    "4": (IP(src=UE, dst=SERVER) / TCP(), (UE, SERVER)),
    "6": (IPv6(src=UE6, dst=SERVER6) / UDP() / b"x", (UE6, SERVER6)),
    "6 down": (IPv6(src=SERVER6, dst=UE6) / TCP(), (UE6, SERVER6)),
    "4 of 20 octets": (IP(src=SERVER, dst=UE, proto=50), (UE, SERVER)),
}
LINKS = {
    "plain": WIRE, "vlan": WIRE / Dot1Q(vlan=5), "qinq": WIRE / Dot1AD(vlan=5) / Dot1Q(vlan=6),
    "old qinq": ether(0x9100) / Raw(b"\0\x05\x81\x00") / Raw(b"\0\x06"),
    "mpls": WIRE / MPLS(label=16, s=0) / MPLS(label=17, s=1),
    "mpls in a vlan": WIRE / Dot1Q(vlan=5, type=0x8847) / MPLS(label=17, s=1),
}  # fmt: skip
OUTERS = {
    "4": (IP(src=ENB, dst=SGW), (ENB, SGW)),
    "4 with options": (IP(src=SGW, dst=ENB, options=b"\x01" * 8), (ENB, SGW)),
    "6": (IPv6(src=ENB6, dst=SGW6), (ENB6, SGW6)),
}
TUNNEL = UDP(sport=2152, dport=2152)


def over(link: str, packet: Packet) -> bytes:
    """The frame; what scapy has no layer for gets its ethertype here."""
    if link == "old qinq":
        kind = b"\x86\xdd" if IPv6 in packet and packet.name == "IPv6" else b"\x08\x00"
        return bytes(LINKS[link]) + kind + bytes(packet)
    return bytes(LINKS[link] / packet)


def through_the_tunnel() -> Iterator[tuple[str, bytes, Pair]]:
    """Frames whose inner addresses decide."""
    for link in LINKS:
        for outer, _ in OUTERS.values():
            for name, (inner, pair) in INNERS.items():
                forms = {
                    "bare": GTP_U_Header(teid=7) / inner,
                    "sequence": GTP_U_Header(teid=7, S=1, seq=9) / inner,
                    "container": GTP_U_Header(teid=7, E=1, next_ex=0x85) / GTPPDUSessionContainer(type=1) / inner,
                    "extensions": chained((0x40, 0x85, 0xC0), inner),
                    "long extensions": chained((0x40, 0x85, 0xC0, 0x20), inner, 3),
                    "e without extensions": chained((), inner),
                }  # fmt: skip
                for form, packet in forms.items():
                    yield f"{link} {outer.name} {name} {form}", over(link, outer / TUNNEL / packet), pair
    yield "port of the sender", bytes(WIRE / IP(src=ENB, dst=SGW) / UDP(sport=2152, dport=9) /
                                      GTP_U_Header(teid=1) / INNERS["4"][0]), (UE, SERVER)  # fmt: skip


def by_the_outermost() -> Iterator[tuple[str, bytes, Pair | None]]:
    """Frames whose outermost addresses decide, or nothing."""
    inner = INNERS["4"][0]
    for outer, pair in OUTERS.values():
        others = {
            "gtp-c": UDP(sport=2123, dport=2123) / (b"x" * 30), "tcp": TCP(dport=2152),
            "echo": TUNNEL / (b"\x32\x01\0\4" + bytes(8)), "end marker": TUNNEL / b"\x30\xfe\0\0\0\0\0\7",
            "version 0": TUNNEL / (b"\x1e\xff" + bytes(60)),
            "an ethernet PDU": TUNNEL / GTP_U_Header(teid=7) / Raw(b"\x02" + bytes(60)),
            "five extensions": TUNNEL / chained((0x40, 0x85, 0xC0, 0x20, 0x21), inner),
            "an extension of no length": TUNNEL / Raw(b"\x34\xff\0\x30\0\0\0\7\0\0\0\x85\0" + bytes(60)),
            "sctp": Raw(bytes(40)),
        }  # fmt: skip
        for name, packet in others.items():
            yield f"{outer.name} {name}", bytes(WIRE / outer / packet), pair
    whole = IP(src=SGW, dst=ENB, id=5) / TUNNEL / GTP_U_Header(teid=7) / IP(src=UE, dst=SERVER) / UDP() / (b"x" * 3000)
    first, *later = fragment(whole, 1000)
    yield "first fragment", bytes(WIRE / first), (UE, SERVER)
    for piece in later:
        yield "later fragment", bytes(WIRE / piece), (ENB, SGW)
    yield "fragment of 6", bytes(WIRE / OUTERS["6"][0] / IPv6ExtHdrFragment(offset=100) / inner), (ENB6, SGW6)
    yield "options of 6", bytes(WIRE / OUTERS["6"][0] / IPv6ExtHdrDestOpt() / TUNNEL / inner), (ENB6, SGW6)
    yield "plain traffic", bytes(WIRE / IP(src=UE, dst=SERVER) / ICMP()), (UE, SERVER)
    yield "arp", bytes(WIRE / ARP()) + bytes(20), None
    yield "llc", bytes(ether(40)) + bytes(60), None
    yield "pppoe", bytes(ether(0x8864)) + bytes(60), None
    yield "labels without end", bytes(ether(0x8847)) + bytes(60), None
    yield "tags without end", bytes(ether(0x8100)) + b"\0\1\x81\0" * 9 + bytes(60), None


@pytest.mark.parametrize("frames", [through_the_tunnel, by_the_outermost])
def test_the_kernel_spreads_as_the_twin_says(wire: Namespace, rings: list[PacketRing], frames: object) -> None:
    told = list(frames())  # type: ignore[operator]
    came = places(wire, rings, [frame for _, frame, _ in told])
    wrong = [(name, place, twin(pair) % RINGS) for (name, _, pair), place in zip(told, came, strict=True)
             if place != twin(pair) % RINGS]  # fmt: skip
    assert not wrong


def user_packet(source: str, destination: str, outer: Packet) -> bytes:
    inner = (IP if "." in source else IPv6)(src=source, dst=destination)
    return bytes(WIRE / outer / TUNNEL / GTP_U_Header(teid=7) / inner / TCP())


def test_both_directions_of_a_subscriber_are_together(wire: Namespace, rings: list[PacketRing]) -> None:
    """Whichever way, in whichever tunnel."""
    chance = random.Random(7)
    pairs = [tuple(str(ip_address(chance.getrandbits(32))) for _ in range(2)) for _ in range(200)]
    pairs += [tuple(str(ip_address(chance.getrandbits(128) | 1)) for _ in range(2)) for _ in range(200)]
    up = [user_packet(ue, server, IP(src=ENB, dst=SGW)) for ue, server in pairs]
    down = [user_packet(server, ue, IP(src=SGW, dst="172.16.0.77")) for ue, server in pairs]
    came = places(wire, rings, up + down)
    assert came[: len(pairs)] == came[len(pairs) :]
    assert len(set(came)) == RINGS


@pytest.mark.parametrize("step", [1, 256, 1 << 16, 1 << 24], ids=["last", "third", "second", "first"])
@pytest.mark.parametrize("family", [4, 6])
def test_one_tunnel_is_spread_evenly(family: int, step: int) -> None:
    """Subscribers whose addresses follow each other in one of their octets, of one tunnel, to one server."""
    for count in (2, 3, 4, 8):
        pairs: list[Pair] = []
        for k in range(200):
            if family == 4:
                pairs.append((str(ip_address((0x0A2D_0001 + k * step) & 0xFFFF_FFFF)), SERVER))
            else:
                pairs.append((str(ip_address(int(ip_address(UE6)) + (k * step << 64))), SERVER6))
        shares = Counter(twin(pair) % count for pair in pairs)
        assert max(shares.values()) < 1.5 * len(pairs) / count
        assert min(shares.values()) > 0.5 * len(pairs) / count


@pytest.mark.parametrize("count", [2, 4, 64])
def test_the_kernel_spreads_one_tunnel_evenly(wire: Namespace, count: int) -> None:
    frame = user_packet("10.45.99.99", SERVER, IP(src=ENB, dst=SGW))
    before, after = frame.split(bytes((10, 45, 99, 99)))
    frames = [before + bytes((10, 45, k >> 8, k & 255)) + after for k in range(2000)]
    with wire.inside():
        rings = open_group("b0", RingOptions(octets=64 << 20, retire_ms=2), count)
    try:
        assert sum(ring.octets for ring in rings) <= 64 << 20
        shares = Counter(places(wire, rings, frames))
        assert len(shares) == count
        even = len(frames) / count
        assert max(shares.values()) < 1.2 * even + 4 * even**0.5
    finally:
        for ring in rings:
            ring.close()


def test_frames_cut_short_and_damaged_come_to_some_ring(wire: Namespace, rings: list[PacketRing]) -> None:
    """Cut at each octet, each octet turned: none is lost (`places` looks), most still lie where the whole one does."""
    inner, pair = INNERS["6"]
    whole = bytes(WIRE / Dot1Q(vlan=5) / OUTERS["6"][0] / TUNNEL / chained((0x40, 0x85), inner))
    cut = [whole[:length] for length in range(20, len(whole))]  # the kernel wants a whole tag
    turned = [whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :] for at in range(12, len(whole))]
    came = places(wire, rings, [*cut, *turned])
    assert set(came[: len(cut) - 60]) == {0}  # the program ends with 0 where the packet does
    assert Counter(came[len(cut) :])[twin(pair) % RINGS] > len(turned) // 4


def test_a_full_ring_passes_on(wire: Namespace) -> None:
    """All of one subscriber, more than its ring takes: the other ring has them, none is dropped."""
    frame = user_packet(UE, SERVER, IP(src=ENB, dst=SGW)) + bytes(8000)
    with wire.inside():
        rings = open_group("b0", RingOptions(octets=2 << 20, retire_ms=2), 2)
    try:
        assert len(set(places(wire, rings, [frame] * 50))) == 1
        assert len(set(places(wire, rings, [frame] * 170))) == 2
        counts = [ring.count() for ring in rings]
        assert sum(each.dropped for each in counts) == 0
        assert sum(each.packets for each in counts) == 220
    finally:
        for ring in rings:
            ring.close()


def test_a_group_is_as_one_ring(wire: Namespace) -> None:
    """Its own frames are not in it, a filter holds in each ring, two groups are apart; what cannot be is said."""
    frames = [user_packet(f"10.45.0.{k}", SERVER, IP(src=ENB, dst=SGW)) for k in range(50)]
    with wire.inside():
        rings, others = open_group("b0", SMALL, 3), open_group("b0", SMALL, 2)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            sender.bind(("b0", 0))
            sender.send(frames[0])
    try:
        assert len({ring.group for ring in rings}) == len({ring.group for ring in others}) == 1
        assert rings[0].group != others[0].group
        places(wire, rings, frames)
        assert sum(len(numbers_in(ring)) for ring in others) == len(frames)
        for ring in rings:
            ring.filter([(6, 0, 0, 0)])
        places(wire, others, frames)
        assert not any(numbers_in(ring) for ring in rings)
    finally:
        for ring in (*rings, *others):
            ring.close()


def test_the_program_is_small() -> None:
    """It runs for each packet: no packet takes all of its instructions, but their number says what it may cost."""
    assert len(spreading()) < 200
