"""IP, UDP, TCP, ICMP and what little of DNS and QUIC the generator needs, written from the RFCs' layouts.

Shares nothing with the decoder: a mistake in one cannot hide in the other. Checksums are right inside and outside.
"""

import struct
from functools import lru_cache

IPV4_OVERHEAD = 20
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
ROUTER_ALERT = bytes((0x94, 4, 0, 0))  # RFC 2113
SYN_OPTIONS = bytes((2, 4, 0x05, 0x50, 1, 3, 3, 7, 1, 1, 4, 2))  # MSS 1360, window shift 7, SACK permitted

_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_IPV6 = struct.Struct(">IHBB16s16s")
_TCP = struct.Struct(">HHIIHHHH")
_UDP = struct.Struct(">HHHH")
_PATTERN = bytes(range(32, 127)) * 800


def ones_sum(data: bytes) -> int:
    """Sum of 16-bit words modulo 65535 (RFC 1071), an odd last octet padded with zero."""
    if len(data) & 1:
        data += b"\0"
    return int.from_bytes(data, "big") % 65535


def udp_checksum(total: int) -> int:
    """Checksum field of UDP for a sum of words: never 0, which says that there is none (RFC 768)."""
    return 0xFFFF - total % 65535


def checksum(total: int) -> int:
    """Checksum field of IPv4, TCP or ICMP for a sum of words above zero: never all ones (RFC 1624 §3)."""
    total %= 65535
    return 0xFFFF - total if total else 0


def ipv4(
    src: bytes, dst: bytes, protocol: int, payload: bytes, ident: int, options: bytes = b"", ttl: int = 64
) -> bytes:
    """An IPv4 packet, DF clear (RFC 791 §3.1). `options` is a whole number of 32-bit words."""
    size = 20 + len(options)
    head = (0x40 | size >> 2, 0, size + len(payload), ident, 0, ttl, protocol)
    total = ones_sum(_IPV4.pack(*head, 0, src, dst) + options)
    return _IPV4.pack(*head, checksum(total), src, dst) + options + payload


def ipv6(src: bytes, dst: bytes, protocol: int, payload: bytes, hops: int = 64) -> bytes:
    """An IPv6 packet without extension headers (RFC 8200 §3)."""
    return _IPV6.pack(0x60000000, len(payload), protocol, hops, src, dst) + payload


def ip(src: bytes, dst: bytes, protocol: int, payload: bytes, ident: int = 0, options: bytes = b"") -> bytes:
    """An IPv4 or IPv6 packet, by the length of the addresses."""
    if len(src) == 4:
        return ipv4(src, dst, protocol, payload, ident, options)
    return ipv6(src, dst, protocol, payload)


def fragments(packet: bytes, first: int) -> tuple[bytes, bytes]:
    """An IPv4 packet of 20 header octets as two fragments, the first with `first` (a multiple of 8) payload octets."""
    _, tos, _, ident, _, ttl, protocol, _, src, dst = _IPV4.unpack_from(packet)
    pieces = []
    for flags_offset, piece in ((0x2000, packet[20 : 20 + first]), (first >> 3, packet[20 + first :])):
        head = (0x45, tos, 20 + len(piece), ident, flags_offset, ttl, protocol)
        total = ones_sum(_IPV4.pack(*head, 0, src, dst))
        pieces.append(_IPV4.pack(*head, checksum(total), src, dst) + piece)
    return pieces[0], pieces[1]


def udp(src: bytes, dst: bytes, sport: int, dport: int, payload: bytes) -> bytes:
    """A UDP datagram with its checksum over the pseudo header of either IP version."""
    size = 8 + len(payload)
    total = ones_sum(src + dst) + UDP + size + sport + dport + size + ones_sum(payload)
    return _UDP.pack(sport, dport, size, udp_checksum(total)) + payload


def icmp_echo(reply: bool, version: int, src: bytes, dst: bytes, ident: int, sequence: int, payload: bytes) -> bytes:
    """An ICMP (RFC 792) or ICMPv6 (RFC 4443) echo request or reply."""
    kind = (0 if reply else 8) if version == 4 else (129 if reply else 128)
    body = struct.pack(">BBHHH", kind, 0, 0, ident, sequence) + payload
    total = ones_sum(body)
    if version == 6:
        total += ones_sum(src + dst) + len(body) + ICMPV6
    return struct.pack(">BBHHH", kind, 0, checksum(total), ident, sequence) + payload


@lru_cache(maxsize=4096)
def tls_payload(size: int) -> tuple[bytes, int]:
    """`size` octets that read as one TLS application-data record where they can, and their sum of words."""
    if size <= 5:
        data = _PATTERN[:size]
    else:
        data = struct.pack(">BHH", 0x17, 0x0303, size - 5) + _PATTERN[: size - 5]
    return data, ones_sum(data)


class TcpSide:
    """One direction of a TCP connection: builds its IP packets with the constant sums worked out once."""

    def __init__(self, src: bytes, dst: bytes, sport: int, dport: int, ip_options: bytes = b"") -> None:
        self.src, self.dst, self.sport, self.dport = src, dst, sport, dport
        self.ip_options = ip_options
        self.version = 4 if len(src) == 4 else 6
        self.pseudo = ones_sum(src + dst) + TCP + sport + dport
        header = 20 + len(ip_options)
        self.header_size = header if self.version == 4 else 40
        self.first_octet = 0x40 | header >> 2
        fixed = _IPV4.pack(self.first_octet, 0, 0, 0, 0x4000, 64, TCP, 0, src[:4], dst[:4]) + ip_options
        self.ip_sum = ones_sum(fixed)

    def segment(self, seq: int, ack: int, flags: int, window: int, ident: int, size: int) -> bytes:
        """The whole IP packet of a segment with `size` payload octets; a SYN carries `SYN_OPTIONS`."""
        payload, payload_sum = tls_payload(size)
        options = SYN_OPTIONS if flags & SYN else b""
        length = 20 + len(options) + size
        offset_flags = (5 + (len(options) >> 2)) << 12 | flags
        total = self.pseudo + length + (seq >> 16) + (seq & 0xFFFF) + (ack >> 16) + (ack & 0xFFFF)
        total += offset_flags + window + payload_sum
        if options:
            total += ones_sum(options)
        tcp = _TCP.pack(self.sport, self.dport, seq, ack, offset_flags, window, checksum(total), 0) + options
        if self.version == 6:
            return _IPV6.pack(0x60000000, length, TCP, 64, self.src, self.dst) + tcp + payload
        size_ip = self.header_size + length
        check = checksum(self.ip_sum + size_ip + ident)
        head = _IPV4.pack(self.first_octet, 0, size_ip, ident, 0x4000, 64, TCP, check, self.src, self.dst)
        return head + self.ip_options + tcp + payload


def dns_query(ident: int, name: str) -> bytes:
    """A DNS query for the IPv4 address of `name` (RFC 1035 §4.1)."""
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + _qname(name) + struct.pack(">HH", 1, 1)


def dns_answer(ident: int, name: str, address: bytes) -> bytes:
    """The answer to `dns_query` with one A record."""
    head = struct.pack(">HHHHHH", ident, 0x8180, 1, 1, 0, 0) + _qname(name) + struct.pack(">HH", 1, 1)
    return head + struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + address


def _qname(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


def quic_initial(connection: bytes, size: int) -> bytes:
    """A QUIC version 1 Initial packet (RFC 9000 §17.2.2) of `size` octets with an unreadable body."""
    head = b"\xc0" + struct.pack(">I", 1) + bytes((8,)) + connection + b"\0" + b"\0"
    body = size - len(head) - 2
    return head + struct.pack(">H", 0x4000 | body) + _PATTERN[:body]


def quic_short(connection: bytes, size: int) -> bytes:
    """A QUIC short-header packet (RFC 9000 §17.3) of `size` octets."""
    return b"\x41" + connection + _PATTERN[: size - 9]


def rtp(sequence: int, stamp: int, source: int, size: int) -> bytes:
    """An RTP packet (RFC 3550 §5.1), dynamic payload type 104."""
    return struct.pack(">BBHII", 0x80, 104, sequence & 0xFFFF, stamp & 0xFFFFFFFF, source) + _PATTERN[:size]
