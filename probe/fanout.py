"""Several rings of one interface: the kernel spreads its packets over them by what is inside the tunnel.

    rings = open_group("eth1", RingOptions(), 4)

All tunnels of an eNodeB are one flow of UDP, so a hash of the outermost header, as the network card's, puts them on one
ring. Here a program of classic BPF hashes the two addresses inside of GTP-U, and those of the outermost header of all
that is no user packet: signalling, later fragments, what it cannot see through. Both directions give the same.

Where a packet comes to makes no difference to what is written: the rings are merged by time (`probe.rings`), and every
worker sees all of them. So a ring that is full passes packets on to one with room (ROLLOVER), and the rings hold what
one of their size together would. A frame that ends before what the program wants to read, which ends the program with
0, goes to the first ring, whatever it holds: the program loses nothing.
"""

from collections.abc import Sequence

from formats import packet_socket as k
from formats.gtpu import (
    EXTENSION_NONE,
    G_PDU,
    GTPU_E,
    GTPU_FIXED,
    GTPU_FIXED_BITS,
    GTPU_HEADER,
    GTPU_NEXT_EXTENSION,
    GTPU_OPTIONAL_BITS,
    PORT_GTPU,
)
from formats.ip import (
    FAMILY_IPV4,
    FAMILY_IPV6,
    IPV4_DESTINATION,
    IPV4_FRAGMENT,
    IPV4_FRAGMENT_OFFSET,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV6_DESTINATION,
    IPV6_HEADER,
    IPV6_NEXT_HEADER,
    IPV6_SOURCE,
    UDP,
    UDP_HEADER,
)
from formats.link import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    MPLS_BOTTOM,
    MPLS_LABEL,
    VLAN_TAG,
)
from probe import bpf
from probe.bpf import Code, Instruction
from probe.packet_socket import PacketRing, RingOptions
from probe.prefilter import TAGS

__all__ = ["LEAST_RING", "MOST_RINGS", "open_group", "spreading"]

MOST_RINGS = 64
LEAST_BLOCK, BLOCKS = 1 << 17, 8  # octets of a block, which holds any frame; of a small ring so many blocks are made
LEAST_RING = 2 * LEAST_BLOCK
TAGS_SEEN, LABELS_SEEN, EXTENSIONS_SEEN = 2, 4, 4
"""Tags (beside one that the kernel takes off), labels, and extension headers of GTP-U that are looked behind."""

# Fragments are not put together (DEFRAG): frames stay as they came. Old kernels ignore IGNORE_OUTGOING, and show frames
# that the host itself sends; a port for a tap sends none.
GROUP = k.PACKET_FANOUT_CBPF | k.PACKET_FANOUT_FLAG_ROLLOVER | k.PACKET_FANOUT_FLAG_IGNORE_OUTGOING
OUTERMOST = 0  # of M: where the outermost IP header is
SUM = 1
WORDS = (0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F)  # odd numbers, one for each word of an address


def spreading() -> list[Instruction]:
    """The program: a number of 32 bits, which the kernel takes modulo the number of rings.

    It reads from behind the header of the link layer on, whatever that is: that has been taken off when it runs, and so
    has one VLAN tag. It runs before the filter of the ring does.
    """
    code = Code()
    code.add(bpf.SET_X, 0)
    code.add(bpf.LOAD_HALF, bpf.PROTOCOL)
    _behind_tags(code)
    _behind_labels(code)
    _user_datagram(code)
    _tunnel(code)
    _inner(code)
    _sum_of_addresses(code)
    _mixed(code)
    return code.assembled()


def _behind_tags(code: Code) -> None:
    """A: the ethertype, X: what is behind it."""
    for tags in range(TAGS_SEEN + 1):
        code.label(f"type {tags}")
        code.add(bpf.IF_EQUAL, ETHERTYPE_IPV4, "ipv4")
        code.add(bpf.IF_EQUAL, ETHERTYPE_IPV6, "ipv6")
        code.any_of((ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST), "labels")
        if tags < TAGS_SEEN:
            code.any_of(TAGS, f"tag {tags}")
            code.add(bpf.RETURN, 0)
            code.label(f"tag {tags}")
            code.forward(VLAN_TAG)
            code.add(bpf.LOAD_HALF_X, 2 - VLAN_TAG & 0xFFFF_FFFF)
    code.add(bpf.RETURN, 0)


def _behind_labels(code: Code) -> None:
    """IP behind labels, as its first four bits tell."""
    code.label("labels")
    for _ in range(LABELS_SEEN):
        code.forward(MPLS_LABEL)
        code.add(bpf.LOAD_OCTET_X, 2 - MPLS_LABEL & 0xFFFF_FFFF)
        code.add(bpf.IF_BITS, MPLS_BOTTOM, "behind labels")
    code.add(bpf.RETURN, 0)
    code.label("behind labels")
    code.add(bpf.LOAD_OCTET_X, 0)
    code.add(bpf.SHIFT_RIGHT, 4)
    code.add(bpf.IF_EQUAL, FAMILY_IPV4, "ipv4")
    code.add(bpf.IF_EQUAL, FAMILY_IPV6, "ipv6")
    code.add(bpf.RETURN, 0)


def _user_datagram(code: Code) -> None:
    """X: the UDP header behind the IP header at X, which is remembered; or else the outermost addresses it is."""
    code.label("ipv4")
    code.add(bpf.COPY_FROM_X)
    code.add(bpf.STORE, OUTERMOST)
    code.add(bpf.LOAD_OCTET_X, IPV4_PROTOCOL)
    code.add(bpf.IF_EQUAL, UDP, "", "outermost")
    code.add(bpf.LOAD_HALF_X, IPV4_FRAGMENT)
    code.add(bpf.IF_BITS, IPV4_FRAGMENT_OFFSET, "outermost")
    code.add(bpf.LOAD_OCTET_X, 0)
    code.add(bpf.AND, 0x0F)
    code.add(bpf.SHIFT_LEFT, 2)
    code.add(bpf.ADD_X)
    code.add(bpf.COPY_TO_X)
    code.add(bpf.JUMP, yes="udp")
    code.label("ipv6")
    code.add(bpf.COPY_FROM_X)
    code.add(bpf.STORE, OUTERMOST)
    code.add(bpf.LOAD_OCTET_X, IPV6_NEXT_HEADER)
    code.add(bpf.IF_EQUAL, UDP, "", "outermost")
    code.forward(IPV6_HEADER)


def _tunnel(code: Code) -> None:
    """X: the last octet before the packet inside of GTP-U, behind the UDP header at X."""
    code.label("udp")
    code.add(bpf.LOAD_HALF_X, 2)
    code.add(bpf.IF_EQUAL, PORT_GTPU, "gtp-u")
    code.add(bpf.LOAD_HALF_X, 0)
    code.add(bpf.IF_EQUAL, PORT_GTPU, "gtp-u", "outermost")
    code.label("gtp-u")
    code.add(bpf.LOAD_HALF_X, UDP_HEADER)
    code.add(bpf.AND, GTPU_FIXED_BITS << 8 | 0xFF)
    code.add(bpf.IF_EQUAL, GTPU_FIXED << 8 | G_PDU, "", "outermost")
    code.add(bpf.LOAD_OCTET_X, UDP_HEADER)
    code.add(bpf.IF_BITS, GTPU_OPTIONAL_BITS, "optional fields")
    code.forward(UDP_HEADER + GTPU_HEADER - 1)
    code.add(bpf.JUMP, yes="inner")
    code.label("optional fields")
    code.add(bpf.IF_BITS, GTPU_E, "extensions")
    code.forward(UDP_HEADER + GTPU_NEXT_EXTENSION)
    code.add(bpf.JUMP, yes="inner")
    code.label("extensions")
    code.forward(UDP_HEADER + GTPU_NEXT_EXTENSION)
    for _ in range(EXTENSIONS_SEEN):  # X: the type of the next one, which the one before ends with
        code.add(bpf.LOAD_OCTET_X, 0)
        code.add(bpf.IF_EQUAL, EXTENSION_NONE, "inner")
        code.add(bpf.LOAD_OCTET_X, 1)
        code.add(bpf.IF_EQUAL, 0, "outermost")
        code.add(bpf.SHIFT_LEFT, 2)
        code.add(bpf.ADD_X)
        code.add(bpf.COPY_TO_X)
    code.add(bpf.LOAD_OCTET_X, 0)
    code.add(bpf.IF_EQUAL, EXTENSION_NONE, "inner", "outermost")


def _inner(code: Code) -> None:
    """X: the header whose addresses count, that inside of the tunnel, or the outermost."""
    code.label("inner")
    code.forward(1)
    code.add(bpf.LOAD_OCTET_X, 0)
    code.add(bpf.SHIFT_RIGHT, 4)
    code.add(bpf.IF_EQUAL, FAMILY_IPV4, "addresses of 4")
    code.add(bpf.IF_EQUAL, FAMILY_IPV6, "addresses of 6")
    code.label("outermost")
    code.add(bpf.LOAD_MEMORY_X, OUTERMOST)
    code.add(bpf.LOAD_OCTET_X, 0)
    code.add(bpf.SHIFT_RIGHT, 4)
    code.add(bpf.IF_EQUAL, FAMILY_IPV6, "addresses of 6", "addresses of 4")


def _sum_of_addresses(code: Code) -> None:
    """A: source and destination added up, so that both ways are the same; words of IPv6 have a factor each."""
    code.label("addresses of 6")
    at = [address + 4 * word for address in (IPV6_SOURCE, IPV6_DESTINATION) for word in range(4)]
    for place, offset in enumerate(at):
        code.add(bpf.LOAD_WORD_X, offset)
        code.add(bpf.MULTIPLY, WORDS[place % 4])
        code.add(bpf.STORE, SUM + place)
    for place in range(len(at) - 1):  # the last one is in A
        code.add(bpf.LOAD_MEMORY_X, SUM + place)
        code.add(bpf.ADD_X)
    code.add(bpf.JUMP, yes="mixed")
    code.label("addresses of 4")
    code.add(bpf.LOAD_WORD_X, IPV4_SOURCE)
    code.add(bpf.STORE, SUM)
    code.add(bpf.LOAD_WORD_X, IPV4_DESTINATION)
    code.add(bpf.LOAD_MEMORY_X, SUM)
    code.add(bpf.ADD_X)


def _mixed(code: Code) -> None:
    """A, mixed so that its lowest bits, which decide the ring, depend on all of it."""
    code.label("mixed")
    for shift, factor in ((16, WORDS[0]), (15, WORDS[1]), (16, 0)):
        code.add(bpf.COPY_TO_X)
        code.add(bpf.SHIFT_RIGHT, shift)
        code.add(bpf.XOR_X)
        if factor:
            code.add(bpf.MULTIPLY, factor)
    code.add(bpf.RETURN_A)


def open_group(interface: str, options: RingOptions, count: int, index: int = 0) -> list[PacketRing]:
    """`count` rings over which an interface's packets are spread, which share `options.octets`; one is a ring alone.

    No packet is lost or seen twice meanwhile: until the program is there, all packets go to the first ring, and the
    others take none before they have joined it.
    """
    if count == 1:
        return [PacketRing(interface, options, index)]
    share = options.octets // count
    block = min(options.block_octets, max(LEAST_BLOCK, 1 << (share // BLOCKS).bit_length() - 1))
    options = options._replace(octets=share, block_octets=block)
    rings: list[PacketRing] = []
    try:
        for _ in range(count):
            group = rings[0].group if rings else k.PACKET_FANOUT_FLAG_UNIQUEID << 16
            rings.append(PacketRing(interface, options, index, group | GROUP << 16))
        rings[0].spread(spreading())
    except BaseException:
        _close(rings)
        raise
    return rings


def _close(rings: Sequence[PacketRing]) -> None:
    for ring in rings:
        ring.close()
