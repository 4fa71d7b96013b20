"""The built-in filter: what can hold a protocol that is read, as classic BPF that the kernel runs before the ring.

Passes GTP-U, GTP-C, PFCP (UDP ports), SCTP, Diameter over TCP; over IPv4 and IPv6, behind up to two VLAN tags. What it
cannot see through passes too, so that nothing is lost that would have been read: later fragments of UDP, SCTP and TCP,
IPv6 extension headers, labels (MPLS), PPPoE, SNAP. What is left out: everything else, traffic without tunnels included.
"""

from typing import NamedTuple

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
from probe.packet_socket import Instruction

__all__ = ["BUILTIN", "prefilter"]

BUILTIN = "builtin"
WHOLE = 1 << 18

# linux/bpf_common.h: class | size | mode, class | operation | source
LOAD_HALF, LOAD_OCTET = 0x28, 0x30  # at k
LOAD_HALF_X, LOAD_OCTET_X = 0x48, 0x50  # at X + k
SET_X, COPY_TO_X, RETURN = 0x01, 0x07, 0x06
AND, SHIFT_LEFT, SHIFT_RIGHT, ADD_X = 0x54, 0x64, 0x74, 0x0C
IF_EQUAL, IF_GREATER, IF_BITS = 0x15, 0x25, 0x45

TAGS = (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_OLD_QINQ, ETHERTYPE_OLD_QINQ_2)
OPAQUE = (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST, ETHERTYPE_PPPOE_SESSION)
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY, HIP, SHIM6)
UDP_PORTS, TCP_PORTS = (PORT_GTPU, PORT_GTPC, PFCP), (DIAMETER,)
SNAP_SAPS = 0xAAAA
FRAGMENT_OFFSET = 0x1FFF


class _Line(NamedTuple):
    """An instruction; jumps name labels, "" is the next line."""

    code: int
    k: int
    yes: str = ""
    no: str = ""


class _Code:
    """Lines and labels, jumps forward only."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.labels: dict[str, int] = {}

    def add(self, code: int, k: int = 0, yes: str = "", no: str = "") -> None:
        self.lines.append(_Line(code, k, yes, no))

    def label(self, name: str) -> None:
        self.labels[name] = len(self.lines)

    def any_of(self, values: tuple[int, ...], yes: str) -> None:
        """Jump to `yes` where the accumulator is one of the values."""
        for value in values:
            self.add(IF_EQUAL, value, yes)

    def assembled(self) -> list[Instruction]:
        """Labels as distances."""

        def far(at: int, label: str) -> int:
            return self.labels[label] - at - 1 if label else 0

        return [(code, far(at, yes), far(at, no), k) for at, (code, k, yes, no) in enumerate(self.lines)]


def prefilter(link: int = LINKTYPE_ETHERNET) -> list[Instruction]:
    """The program for frames of a link type: Ethernet, or bare IP."""
    code = _Code()
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


def _behind_tags(code: _Code) -> None:
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


def _ipv4(code: _Code, base: int) -> None:
    """IPv4 at X + base."""
    code.label("ipv4")
    code.add(LOAD_OCTET_X, base + 9)
    code.add(IF_EQUAL, SCTP, "yes")
    code.add(IF_EQUAL, UDP, "udp in ipv4")
    code.add(IF_EQUAL, TCP, "", "no")
    _ports(code, base, TCP_PORTS)
    code.label("udp in ipv4")
    _ports(code, base, UDP_PORTS)


def _ports(code: _Code, base: int, ports: tuple[int, ...]) -> None:
    """A later fragment, or either port behind an IPv4 header whose length it tells."""
    code.add(LOAD_HALF_X, base + 6)
    code.add(IF_BITS, FRAGMENT_OFFSET, "yes")
    code.add(LOAD_OCTET_X, base)
    code.add(AND, 0x0F)
    code.add(SHIFT_LEFT, 2)
    code.add(ADD_X)
    code.add(COPY_TO_X)
    _either(code, base, ports)


def _either(code: _Code, at: int, ports: tuple[int, ...]) -> None:
    for place in (at + 2, at):  # that of the receiver is more often a known one
        code.add(LOAD_HALF_X, place)
        code.any_of(ports, "yes")
    code.add(RETURN, 0)


def _ipv6(code: _Code, base: int) -> None:
    """IPv6 at X + base."""
    code.label("ipv6")
    code.add(LOAD_OCTET_X, base + 6)
    code.any_of((SCTP, *EXTENSIONS), "yes")
    code.add(IF_EQUAL, UDP, "udp in ipv6")
    code.add(IF_EQUAL, TCP, "", "no")
    _either(code, base + 40, TCP_PORTS)
    code.label("udp in ipv6")
    _either(code, base + 40, UDP_PORTS)
