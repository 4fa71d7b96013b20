"""The built-in filter: what can hold a protocol that is read, as classic BPF that the kernel runs before the ring.

Passes GTP-U, GTP-C, PFCP (UDP ports), SCTP, Diameter over TCP; over IPv4 and IPv6, behind up to two VLAN tags. What it
cannot see through passes too, so that nothing is lost that would have been read: later fragments of UDP, SCTP and TCP,
IPv6 extension headers, labels (MPLS), PPPoE, SNAP. What is left out: everything else, traffic without tunnels included.
"""

from formats.diameter import PORT as DIAMETER
from formats.gtpu import PORT_GTPC, PORT_GTPU
from formats.ip import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    FRAGMENT_HEADER,
    HIP,
    HOP_BY_HOP,
    MOBILITY,
    ROUTING,
    SCTP,
    SHIM6,
    TCP,
    UDP,
)
from formats.link import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_LENGTHS,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    ETHERTYPE_OLD_QINQ,
    ETHERTYPE_OLD_QINQ_2,
    ETHERTYPE_PPPOE_SESSION,
    ETHERTYPE_SERVICE_VLAN,
    ETHERTYPE_VLAN,
    LINKTYPE_ETHERNET,
)
from formats.pfcp import PORT as PFCP
from probe.bpf import (
    ADD_X,
    AND,
    COPY_TO_X,
    IF_BITS,
    IF_EQUAL,
    IF_GREATER,
    LOAD_HALF,
    LOAD_HALF_X,
    LOAD_OCTET,
    LOAD_OCTET_X,
    RETURN,
    SET_X,
    SHIFT_LEFT,
    SHIFT_RIGHT,
    Code,
    Instruction,
)

__all__ = ["BUILTIN", "TAGS", "prefilter"]

BUILTIN = "builtin"
WHOLE = 1 << 18

TAGS = (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_OLD_QINQ, ETHERTYPE_OLD_QINQ_2)
OPAQUE = (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST, ETHERTYPE_PPPOE_SESSION)
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY, HIP, SHIM6)
UDP_PORTS, TCP_PORTS = (PORT_GTPU, PORT_GTPC, PFCP), (DIAMETER,)
SNAP_SAPS = 0xAAAA
FRAGMENT_OFFSET = 0x1FFF


def prefilter(link: int = LINKTYPE_ETHERNET) -> list[Instruction]:
    """The program for frames of a link type: Ethernet, or bare IP."""
    code = Code()
    base = 14 if link == LINKTYPE_ETHERNET else 0
    code.add(SET_X, 0)
    if base:
        _behind_tags(code)
    else:
        code.add(LOAD_OCTET, 0)
        code.add(SHIFT_RIGHT, 4)
        code.add(IF_EQUAL, 4, "ipv4")
        code.add(IF_EQUAL, 6, "ipv6", "no")
    _ipv4(code, base)
    _ipv6(code, base)
    code.label("no")
    code.add(RETURN, 0)
    code.label("yes")
    code.add(RETURN, WHOLE)
    return code.assembled()


def _behind_tags(code: Code) -> None:
    """The ethertype behind the tags, and their octets in X."""
    code.add(LOAD_HALF, 12)
    code.any_of(TAGS, "tagged")
    code.add(IF_EQUAL, ETHERTYPE_IPV4, "ipv4")  # the usual case first
    code.add(IF_EQUAL, ETHERTYPE_IPV6, "ipv6", "others")
    code.label("tagged")
    code.add(SET_X, 4)
    code.add(LOAD_HALF, 16)
    code.any_of(TAGS, "tagged twice")
    code.add(IF_EQUAL, ETHERTYPE_IPV4, "ipv4")
    code.add(IF_EQUAL, ETHERTYPE_IPV6, "ipv6", "others")
    code.label("tagged twice")
    code.add(SET_X, 8)
    code.add(LOAD_HALF, 20)
    code.any_of(TAGS, "yes")  # more tags than are counted here
    code.add(IF_EQUAL, ETHERTYPE_IPV4, "ipv4")
    code.add(IF_EQUAL, ETHERTYPE_IPV6, "ipv6")
    code.label("others")
    code.any_of(OPAQUE, "yes")
    code.add(IF_GREATER, ETHERTYPE_LENGTHS, "no")
    code.add(LOAD_HALF_X, 14)
    code.add(IF_EQUAL, SNAP_SAPS, "yes", "no")


def _ipv4(code: Code, base: int) -> None:
    """IPv4 at X + base."""
    code.label("ipv4")
    code.add(LOAD_OCTET_X, base + 9)
    code.add(IF_EQUAL, SCTP, "yes")
    code.add(IF_EQUAL, UDP, "udp in ipv4")
    code.add(IF_EQUAL, TCP, "", "no")
    _ports(code, base, TCP_PORTS)
    code.label("udp in ipv4")
    _ports(code, base, UDP_PORTS)


def _ports(code: Code, base: int, ports: tuple[int, ...]) -> None:
    """A later fragment, or either port behind an IPv4 header whose length it tells."""
    code.add(LOAD_HALF_X, base + 6)
    code.add(IF_BITS, FRAGMENT_OFFSET, "yes")
    code.add(LOAD_OCTET_X, base)
    code.add(AND, 0x0F)
    code.add(SHIFT_LEFT, 2)
    code.add(ADD_X)
    code.add(COPY_TO_X)
    _either(code, base, ports)


def _either(code: Code, at: int, ports: tuple[int, ...]) -> None:
    for place in (at + 2, at):  # that of the receiver is more often a known one
        code.add(LOAD_HALF_X, place)
        code.any_of(ports, "yes")
    code.add(RETURN, 0)


def _ipv6(code: Code, base: int) -> None:
    """IPv6 at X + base."""
    code.label("ipv6")
    code.add(LOAD_OCTET_X, base + 6)
    code.any_of((SCTP, *EXTENSIONS), "yes")
    code.add(IF_EQUAL, UDP, "udp in ipv6")
    code.add(IF_EQUAL, TCP, "", "no")
    _either(code, base + 40, TCP_PORTS)
    code.label("udp in ipv6")
    _either(code, base + 40, UDP_PORTS)
