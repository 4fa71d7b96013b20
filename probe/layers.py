"""Names for the octet ranges of one frame, for `wiregauge inspect`: link, tags, IP, UDP, TCP, GTP-U; see `layers_gtpc`.

Nothing else is computed from this: what a run counts is what the kernels decode. The walk follows the same headers, by
the numbers that `formats` declares, so that one sees where each value stands. It stops where a header does not hold.
"""

import ipaddress
from collections.abc import Callable
from typing import NamedTuple

from formats import gtpu, ip, link
from formats.gtpv1c import MESSAGES as MESSAGES_V1
from formats.pfcp import PORT as PORT_PFCP

__all__ = ["Range", "Stop", "Walk", "walk"]

TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
TCP_OPTIONS = {2: "maximum segment size", 3: "window scale", 4: "SACK permitted", 5: "SACK", 8: "timestamps"}
IP_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}
EXTENSION_HEADERS = {
    ip.HOP_BY_HOP: "hop-by-hop options", ip.ROUTING: "routing header", ip.DESTINATION_OPTIONS: "destination options",
    ip.AUTHENTICATION: "authentication header", ip.MOBILITY: "mobility header", ip.HIP: "HIP", ip.SHIM6: "Shim6",
}  # fmt: skip
ETHERTYPES = {
    link.ETHERTYPE_IPV4: "IPv4", link.ETHERTYPE_IPV6: "IPv6", link.ETHERTYPE_VLAN: "802.1Q tag", 0x0806: "ARP",
    link.ETHERTYPE_SERVICE_VLAN: "802.1ad tag", link.ETHERTYPE_MPLS: "MPLS", link.ETHERTYPE_PPPOE_SESSION: "PPPoE",
    link.ETHERTYPE_MPLS_MULTICAST: "MPLS multicast", link.ETHERTYPE_OLD_QINQ: "QinQ tag", 0x88CC: "LLDP",
    link.ETHERTYPE_OLD_QINQ_2: "QinQ tag",
}  # fmt: skip
_TAGS = {link.ETHERTYPE_VLAN, link.ETHERTYPE_SERVICE_VLAN, link.ETHERTYPE_OLD_QINQ, link.ETHERTYPE_OLD_QINQ_2}
_MPLS = {link.ETHERTYPE_MPLS, link.ETHERTYPE_MPLS_MULTICAST}
_TUNNEL_MESSAGES = {
    gtpu.ECHO_REQUEST, gtpu.ECHO_RESPONSE, gtpu.ERROR_INDICATION, gtpu.SUPPORTED_EXTENSION_HEADERS,
    gtpu.TUNNEL_STATUS, gtpu.END_MARKER, gtpu.G_PDU,
}  # fmt: skip
GTPU_EXTENSIONS = {
    0x20: "service class indicator", 0x40: "UDP port", 0x81: "RAN container", 0x82: "long PDCP PDU number",
    0x83: "Xw RAN container", 0x84: "NR RAN container", 0x85: "PDU session container", 0xC0: "PDCP PDU number",
}  # fmt: skip


class Range(NamedTuple):
    """Octets [first, end) of the frame: the layer and field that they are, and what they say."""

    first: int
    end: int
    layer: str
    field: str
    value: str


class Stop(Exception):
    """The walk cannot go on, and why."""


class Walk:
    """Goes through the captured octets of one frame, `at` by `at`, and keeps what each range was."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.at = 0
        self.end = len(frame)
        self.depth = 0  # tunnels around where it stands
        self.ranges: list[Range] = []

    def layer(self, name: str) -> str:
        """A layer's name with the tunnels around it."""
        return name if self.depth == 0 else f"{name} in tunnel" + (f" {self.depth}" if self.depth > 1 else "")

    def take(self, layer: str, field: str, octets: int, say: Callable[[bytes], str] | None = None) -> bytes:
        """The next `octets` as one range; Stop where they were not captured."""
        raw = self.frame[self.at : min(self.at + octets, self.end)]
        if len(raw) < octets:
            missing = octets - len(raw)
            if raw:
                self.ranges.append(Range(self.at, self.at + len(raw), layer, field, f"cut: {missing} octets missing"))
                self.at += len(raw)
            raise Stop(f"cut in {layer}, {field}: {missing} octets are missing")
        value = say(raw) if say else str(int.from_bytes(raw, "big")) if octets <= 8 else ""
        self.ranges.append(Range(self.at, self.at + octets, layer, field, value))
        self.at += octets
        return raw

    def number(self, layer: str, field: str, octets: int, say: Callable[[int], str] | None = None) -> int:
        """The next `octets` as a big-endian number."""
        raw = self.take(layer, field, octets, (lambda raw: say(int.from_bytes(raw, "big"))) if say else None)
        return int.from_bytes(raw, "big")

    def rest(self, layer: str, field: str, value: str = "") -> None:
        """All that is left up to the end of the layer, as one range; nothing where there is none."""
        if self.at < self.end:
            self.ranges.append(Range(self.at, self.end, layer, field, value or f"{self.end - self.at} octets"))
            self.at = self.end

    def limit(self, end: int) -> None:
        """No layer from here on reaches past `end`."""
        self.end = min(self.end, end)


def walk(frame: bytes, linktype: int) -> tuple[list[Range], str]:
    """The ranges of a frame in order, covering all of it, and why the walk stopped early ("" when it did not)."""
    w, stopped = Walk(frame), ""
    try:
        _link(w, linktype)
    except Stop as stop:
        stopped = str(stop)
        w.end = len(frame)
        w.rest("", "not read")
    if w.at < len(frame):
        w.end = len(frame)
        w.rest("", "behind the packet (padding)")
    return w.ranges, stopped


# --- link layer --------------------------------------------------------------------------------------------------


def _mac(raw: bytes) -> str:
    return raw.hex(":")


def _ethertype(value: int) -> str:
    if value <= link.ETHERTYPE_LENGTHS:
        return f"{value}: an 802.3 length"
    return f"0x{value:04x} {ETHERTYPES.get(value, '')}".rstrip()


def _link(w: Walk, linktype: int) -> None:
    if linktype == link.LINKTYPE_ETHERNET:
        _ethernet(w)
    elif linktype in (link.LINKTYPE_RAW, link.LINKTYPE_RAW_BSD, link.LINKTYPE_RAW_OPENBSD, link.LINKTYPE_IPV4,
                      link.LINKTYPE_IPV6):  # fmt: skip
        _ip(w)
    elif linktype == link.LINKTYPE_LINUX_SLL:
        w.number("cooked", "packet type", 2)
        w.number("cooked", "device type", 2)
        w.number("cooked", "address length", 2)
        w.take("cooked", "address", 8, _mac)
        _typed(w, w.number("cooked", "protocol", 2, _ethertype))
    elif linktype == link.LINKTYPE_LINUX_SLL2:
        protocol = w.number("cooked v2", "protocol", 2, _ethertype)
        w.number("cooked v2", "reserved", 2)
        w.number("cooked v2", "interface", 4)
        w.number("cooked v2", "device type", 2)
        w.number("cooked v2", "packet type", 1)
        w.number("cooked v2", "address length", 1)
        w.take("cooked v2", "address", 8, _mac)
        _typed(w, protocol)
    elif linktype in (link.LINKTYPE_NULL, link.LINKTYPE_LOOP):
        w.take("loopback", "address family", link.FAMILY_HEADER, lambda raw: raw.hex())
        _ip(w)
    elif linktype == link.LINKTYPE_PPP_ETHER:
        _pppoe(w)
    elif linktype in (link.LINKTYPE_PPP, link.LINKTYPE_PPP_SERIAL):
        if w.frame[:2] == link.PPP_ADDRESS_CONTROL.to_bytes(2, "big"):
            w.take("PPP", "address, control", 2, lambda raw: raw.hex())
        _ppp(w)
    elif linktype == link.LINKTYPE_C_HDLC:
        w.take("Cisco HDLC", "address, control", 2, lambda raw: raw.hex())
        _typed(w, w.number("Cisco HDLC", "protocol", 2, _ethertype))
    else:
        raise Stop(f"link type {linktype} is not read")


def _ethernet(w: Walk) -> None:
    w.take("Ethernet", "destination", 6, _mac)
    w.take("Ethernet", "source", 6, _mac)
    _typed(w, w.number("Ethernet", "type", 2, _ethertype))


def _typed(w: Walk, ethertype: int) -> None:
    """What an ethertype announces; tags and labels follow each other."""
    for _ in range(2 * link.TAGS):
        if ethertype in (link.ETHERTYPE_IPV4, link.ETHERTYPE_IPV6):
            return _ip(w)
        if ethertype == link.ETHERTYPE_PPPOE_SESSION:
            return _pppoe(w)
        if ethertype in _MPLS:
            return _mpls(w)
        if ethertype in _TAGS:
            w.number("VLAN tag", "priority, VLAN", 2, lambda tci: f"VLAN {tci & 0xFFF}, priority {tci >> 13}")
            ethertype = w.number("VLAN tag", "type", 2, _ethertype)
        elif ethertype <= link.ETHERTYPE_LENGTHS:
            w.take("LLC", "DSAP, SSAP, control", 3, lambda raw: raw.hex())
            if w.frame[w.at - 3 : w.at] != link.LLC_SNAP.to_bytes(3, "big"):
                raise Stop("LLC without SNAP: no IP packet")
            w.take("SNAP", "organisation", 3, lambda raw: raw.hex())
            ethertype = w.number("SNAP", "type", 2, _ethertype)
        else:
            raise Stop(f"{_ethertype(ethertype)}: no IP packet")
    raise Stop("too many tags")


def _mpls(w: Walk) -> None:
    for _ in range(link.TAGS):
        say = lambda entry: f"label {entry >> 12}, time to live {entry & 0xFF}"  # noqa: E731
        entry = w.number("MPLS", "label", link.MPLS_LABEL, say)
        if entry >> 8 & link.MPLS_BOTTOM:
            break
    else:
        raise Stop("too many labels")
    if w.at < w.end and w.frame[w.at] >> 4 == 0:
        w.take("pseudowire", "control word", link.CONTROL_WORD, lambda raw: raw.hex())
        _ethernet(w)
    else:
        _ip(w)


def _pppoe(w: Walk) -> None:
    w.take("PPPoE", "version, type, code", 2, lambda raw: raw.hex())
    w.number("PPPoE", "session", 2)
    length = w.number("PPPoE", "length", 2)
    w.limit(w.at + length)
    _ppp(w)


def _ppp(w: Walk) -> None:
    octets = 1 if w.at < w.end and w.frame[w.at] & 1 else 2
    protocol = w.number("PPP", "protocol", octets, lambda value: f"0x{value:04x}")
    if protocol not in (link.PPP_IPV4, link.PPP_IPV6):
        raise Stop(f"PPP protocol 0x{protocol:04x}: no IP packet")
    _ip(w)


# --- IP, TCP, UDP ------------------------------------------------------------------------------------------------


def address(raw: bytes) -> str:
    """4 or 16 octets as an IP address."""
    return str(ipaddress.ip_address(raw)) if len(raw) in (4, 16) else raw.hex()


def _protocol(number: int) -> str:
    name = IP_PROTOCOLS.get(number) or EXTENSION_HEADERS.get(number) or ("fragment" if number == 44 else "")
    return f"{number} {name}".rstrip()


def _ip(w: Walk) -> None:
    if w.at >= w.end:
        raise Stop("cut before the IP header")
    version = w.frame[w.at] >> 4
    if version == 4:
        _ipv4(w)
    elif version == 6:
        _ipv6(w)
    else:
        raise Stop(f"IP version {version} is none")


def _ipv4(w: Walk) -> None:
    layer, start = w.layer("IPv4"), w.at
    octets = 4 * (w.number(layer, "version, header length", 1, lambda v: f"4, {4 * (v & 15)} octets") & 15)
    w.number(layer, "class of service", 1)
    total = w.number(layer, "total length", 2)
    w.number(layer, "identification", 2)
    fragment = w.number(layer, "flags, fragment offset", 2, _fragment)
    w.number(layer, "time to live", 1)
    protocol = w.number(layer, "protocol", 1, _protocol)
    w.take(layer, "checksum", 2, lambda raw: raw.hex())
    w.take(layer, "source", 4, address)
    w.take(layer, "destination", 4, address)
    if octets < ip.IPV4_HEADER or (total and total < octets):
        raise Stop(f"an IPv4 header of {octets} octets in a packet of {total}")
    if octets > ip.IPV4_HEADER:
        w.take(layer, "options", octets - ip.IPV4_HEADER)
    if total:
        w.limit(start + total)
    _transport(w, protocol, fragment & ip.IPV4_FRAGMENT_OFFSET)


def _fragment(value: int) -> str:
    more = ", more follow" if value & ip.IPV4_MORE else ""
    keep = "do not fragment, " if value & 0x4000 else ""
    return f"{keep}offset {8 * (value & ip.IPV4_FRAGMENT_OFFSET)}{more}"


def _ipv6(w: Walk) -> None:
    layer, start = w.layer("IPv6"), w.at
    w.take(layer, "version, class, flow label", 4, lambda raw: raw.hex())
    length = w.number(layer, "payload length", 2)
    header = w.number(layer, "next header", 1, _protocol)
    w.number(layer, "hop limit", 1)
    w.take(layer, "source", 16, address)
    w.take(layer, "destination", 16, address)
    if length:
        w.limit(start + ip.IPV6_HEADER + length)
    offset = 0
    for _ in range(ip.IPV6_EXTENSIONS + 1):
        if header == ip.FRAGMENT_HEADER:
            header = w.number(layer, "fragment: next header", 1, _protocol)
            w.number(layer, "fragment: reserved", 1)
            offset = (
                w.number(layer, "fragment: offset", 2, lambda v: f"{v & ~7}" + (", more follow" if v & 1 else "")) >> 3
            )
            w.number(layer, "fragment: identification", 4)
        elif header in EXTENSION_HEADERS:
            name = EXTENSION_HEADERS[header]
            length_of = w.frame[w.at + 1] if w.at + 1 < w.end else 0
            octets = 4 * (length_of + 2) if header == ip.AUTHENTICATION else 8 * (length_of + 1)
            header = w.take(layer, name, octets, lambda raw: f"next header {_protocol(raw[0])}")[0]
        else:
            return _transport(w, header, offset)
        if offset:
            return _transport(w, header, offset)
    raise Stop("too many IPv6 extension headers")


def _transport(w: Walk, protocol: int, offset: int) -> None:
    if offset:
        w.rest(w.layer("fragment"), "payload of a later fragment")
    elif protocol == ip.TCP:
        _tcp(w)
    elif protocol == ip.UDP:
        _udp(w)
    elif protocol == ip.SCTP and w.depth == 0:
        from probe.layers_signalling import sctp_packet

        sctp_packet(w)
    else:
        w.rest(w.layer(IP_PROTOCOLS.get(protocol, f"protocol {protocol}")), "payload")


def _tcp(w: Walk) -> None:
    layer = w.layer("TCP")
    w.number(layer, "source port", 2)
    w.number(layer, "destination port", 2)
    w.number(layer, "sequence number", 4)
    w.number(layer, "acknowledgement number", 4)
    octets = 4 * (w.number(layer, "header length", 1, lambda value: f"{4 * (value >> 4)} octets") >> 4)
    w.number(layer, "flags", 1, lambda value: " ".join(name for i, name in enumerate(TCP_FLAGS) if value >> i & 1))
    w.number(layer, "window", 2)
    w.take(layer, "checksum", 2, lambda raw: raw.hex())
    w.number(layer, "urgent pointer", 2)
    if octets < ip.TCP_HEADER:
        raise Stop(f"a TCP header of {octets} octets")
    end = w.at + octets - ip.TCP_HEADER
    while w.at < end:
        kind = w.frame[w.at] if w.at < w.end else 0
        length = w.frame[w.at + 1] if w.at + 1 < w.end else 0
        if kind in (ip.TCP_OPTION_END, ip.TCP_OPTION_NOP):
            length = end - w.at if kind == ip.TCP_OPTION_END else 1
            w.take(layer, "option: end" if kind == ip.TCP_OPTION_END else "option: none", length, lambda raw: "")
        else:
            length = min(max(length, 2), end - w.at)
            w.take(layer, f"option: {TCP_OPTIONS.get(kind, f'kind {kind}')}", length, lambda raw: raw[2:].hex())
    w.rest(layer, "payload")


def _udp(w: Walk) -> None:
    layer, start = w.layer("UDP"), w.at
    ports = {w.number(layer, "source port", 2), w.number(layer, "destination port", 2)}
    length = w.number(layer, "length", 2)
    w.take(layer, "checksum", 2, lambda raw: raw.hex())
    if length >= ip.UDP_HEADER:
        w.limit(start + length)
    if gtpu.PORT_GTPU in ports and _plausible(w):
        _gtpu(w)
    elif gtpu.PORT_GTPC in ports and w.depth == 0:
        from probe.layers_gtpc import datagram

        datagram(w)
    elif PORT_PFCP in ports and w.depth == 0:
        from probe.layers_signalling import pfcp_datagram

        pfcp_datagram(w)
        w.rest("PFCP", "behind the message")
    else:
        w.rest(layer, "payload")


# --- GTP-U -------------------------------------------------------------------------------------------------------


def _plausible(w: Walk) -> bool:
    """Whether what follows can be GTP-U: the port alone proves nothing."""
    head = w.frame[w.at : min(w.at + gtpu.GTPU_HEADER, w.end)]
    if len(head) < gtpu.GTPU_HEADER:
        return bool(head)
    known = head[gtpu.GTPU_TYPE] in (_TUNNEL_MESSAGES if w.depth == 0 else {gtpu.G_PDU})
    return known and head[0] & gtpu.GTPU_FIXED_BITS == gtpu.GTPU_FIXED


def _message(number: int) -> str:
    names = {gtpu.G_PDU: "G-PDU", gtpu.END_MARKER: "End Marker", gtpu.ERROR_INDICATION: "Error Indication",
             gtpu.TUNNEL_STATUS: "Tunnel Status"}  # fmt: skip
    return f"{number} {names.get(number) or MESSAGES_V1.get(number, '')}".rstrip()


def _flags(value: int) -> str:
    bits = [name for bit, name in ((4, "extension"), (2, "sequence number"), (1, "N-PDU number")) if value & bit]
    return f"version {value >> 5}" + (f", with {', '.join(bits)}" if bits else "")


def _gtpu(w: Walk) -> None:
    if w.depth == gtpu.TUNNELS:
        raise Stop(f"more than {gtpu.TUNNELS} tunnels in tunnels")
    layer, start = w.layer("GTP-U"), w.at
    flags = w.number(layer, "flags", 1, _flags)
    message = w.number(layer, "message type", 1, _message)
    length = w.number(layer, "length", 2)
    w.number(layer, "TEID", 4, lambda value: f"0x{value:08x}")
    w.limit(start + gtpu.GTPU_HEADER + length)
    if flags & gtpu.GTPU_OPTIONAL_BITS:
        w.number(layer, "sequence number", 2)
        w.number(layer, "N-PDU number", 1)
        extension = w.number(layer, "next extension header", 1, _extension)
        if flags & gtpu.GTPU_E:
            _extensions(w, layer, extension)
    if message != gtpu.G_PDU:
        from probe.layers_gtpc import elements_v1

        elements_v1(w, layer)
    elif w.at < w.end:
        w.depth += 1
        _ip(w)


def _extension(number: int) -> str:
    return f"0x{number:02x} {GTPU_EXTENSIONS.get(number, 'none' if number == 0 else '')}".rstrip()


def _extensions(w: Walk, layer: str, extension: int) -> None:
    for _ in range(gtpu.EXTENSIONS):
        if extension == gtpu.EXTENSION_NONE:
            return
        octets = gtpu.EXTENSION_UNIT * (w.frame[w.at] if w.at < w.end else 1)
        if octets == 0:
            raise Stop("an extension header of length 0")
        name = GTPU_EXTENSIONS.get(extension, f"0x{extension:02x}")
        say = _container if extension == gtpu.EXTENSION_PDU_SESSION_CONTAINER else lambda raw: raw[1:-1].hex()
        extension = w.take(layer, f"extension: {name}", octets, say)[-1]
    raise Stop("too many extension headers")


def _container(raw: bytes) -> str:
    way = {0: "downlink", 1: "uplink"}.get(raw[1] >> 4, f"PDU type {raw[1] >> 4}")
    return f"{way}, QFI {raw[2] & gtpu.QFI_MASK}"
