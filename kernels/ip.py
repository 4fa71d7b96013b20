"""IPv4 and IPv6 headers into the fields of a PACKET row: addresses, protocol, length, TTL, identification.

`ip_header` returns `(reason, at, hi, protocol, fragment, identification)`, all int64:

    reason          0, or a code of `formats.reasons`; the rest holds nothing then
    at              offset of the octet behind the header and its options or extension headers
    hi              offset of the end of the packet, by its own length field; may lie behind what was captured
    protocol        of what is at `at`
    fragment        offset in octets | FRAGMENT_MORE; 0 for a packet that is whole
    identification  of the fragment: 16 bits in IPv4, 32 bits in IPv6
"""

import numpy as np

from formats.addresses import IPV4_MAPPED
from formats.ip import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    FAMILY_ANY,
    FAMILY_IPV4,
    FAMILY_IPV6,
    FRAGMENT_HEADER,
    FRAGMENT_LATER,
    FRAGMENT_MORE,
    HIP,
    HOP_BY_HOP,
    IPV4_DESTINATION,
    IPV4_FRAGMENT,
    IPV4_FRAGMENT_OFFSET,
    IPV4_HEADER,
    IPV4_IDENTIFICATION,
    IPV4_MORE,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TOTAL_LENGTH,
    IPV4_TTL,
    IPV6_DESTINATION,
    IPV6_EXTENSIONS,
    IPV6_FRAGMENT_HEADER,
    IPV6_FRAGMENT_IDENTIFICATION,
    IPV6_FRAGMENT_OFFSET,
    IPV6_HEADER,
    IPV6_HOP_LIMIT,
    IPV6_NEXT_HEADER,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    MOBILITY,
    NO_NEXT_HEADER,
    ROUTING,
    SHIM6,
)
from formats.reasons import IP_EXTENSIONS, IP_MALFORMED, IP_TRUNCATED
from kernels.jit import inlined, part
from kernels.wide import be16, be32, be64, octet

_NO_ADDRESS = np.uint64(0)


@inlined
def ip_header(data, at, end, limit, family, row):  # type: ignore[no-untyped-def]
    """Read the header at `at` (see the module).

    data: uint8[n]; end: captured end; limit: end by the layer around, for packets that leave their length open (TSO,
    jumbograms); family: what the layer around promised. row: PACKET record, filled in.
    """
    if at >= end:
        return IP_TRUNCATED, at, at, 0, 0, 0
    version = octet(data, at) >> 4
    if family != FAMILY_ANY and version != family:
        return IP_MALFORMED, at, at, 0, 0, 0
    if version == FAMILY_IPV4:
        return _ipv4(data, at, end, limit, row)
    if version == FAMILY_IPV6:
        return _ipv6(data, at, end, limit, row)
    return IP_MALFORMED, at, at, 0, 0, 0


@inlined
def _ipv4(data, at, end, limit, row):  # type: ignore[no-untyped-def]
    if end - at < IPV4_HEADER:
        return IP_TRUNCATED, at, at, 0, 0, 0
    header = (octet(data, at) & 0x0F) * 4
    length = be16(data, at + IPV4_TOTAL_LENGTH)
    if length == 0:
        length = limit - at
    if header < IPV4_HEADER or length < header:
        return IP_MALFORMED, at, at, 0, 0, 0
    if end - at < header:
        return IP_TRUNCATED, at, at, 0, 0, 0
    place = be16(data, at + IPV4_FRAGMENT)
    fragment = (place & IPV4_FRAGMENT_OFFSET) * 8
    if place & IPV4_MORE != 0:
        fragment |= FRAGMENT_MORE
    identification = be16(data, at + IPV4_IDENTIFICATION)
    protocol = octet(data, at + IPV4_PROTOCOL)
    row.src_hi = _NO_ADDRESS
    row.src_lo = IPV4_MAPPED | np.uint64(be32(data, at + IPV4_SOURCE))
    row.dst_hi = _NO_ADDRESS
    row.dst_lo = IPV4_MAPPED | np.uint64(be32(data, at + IPV4_DESTINATION))
    row.length = length
    row.ip_id = identification
    row.ip_protocol = protocol
    row.ttl = octet(data, at + IPV4_TTL)
    return 0, at + header, at + length, protocol, fragment, identification


@inlined
def _ipv6(data, at, end, limit, row):  # type: ignore[no-untyped-def]
    if end - at < IPV6_HEADER:
        return IP_TRUNCATED, at, at, 0, 0, 0
    protocol = octet(data, at + IPV6_NEXT_HEADER)
    length = be16(data, at + IPV6_PAYLOAD_LENGTH) + IPV6_HEADER
    if length == IPV6_HEADER and protocol != NO_NEXT_HEADER:
        length = limit - at
        if length < IPV6_HEADER:
            return IP_MALFORMED, at, at, 0, 0, 0
    row.src_hi = be64(data, at + IPV6_SOURCE)
    row.src_lo = be64(data, at + IPV6_SOURCE + 8)
    row.dst_hi = be64(data, at + IPV6_DESTINATION)
    row.dst_lo = be64(data, at + IPV6_DESTINATION + 8)
    row.length = length
    row.ip_id = 0
    row.ttl = octet(data, at + IPV6_HOP_LIMIT)
    reason, behind, protocol, fragment, identification = _extensions(data, at + IPV6_HEADER, end, at + length, protocol)
    row.ip_protocol = protocol
    return reason, behind, at + length, protocol, fragment, identification


@part
def _extensions(data, at, end, hi, protocol):  # type: ignore[no-untyped-def]
    """Past the extension headers: (reason, at, protocol, fragment, identification). A later fragment ends the chain."""
    fragment = 0
    identification = 0
    for _ in range(IPV6_EXTENSIONS):
        if not _is_extension(protocol):
            return 0, at, protocol, fragment, identification
        if hi - at < 8:
            return IP_MALFORMED, at, protocol, fragment, identification
        if end - at < 8:
            return IP_TRUNCATED, at, protocol, fragment, identification
        size = _extension_length(data, at, protocol)
        if hi - at < size:
            return IP_MALFORMED, at, protocol, fragment, identification
        if end - at < size:
            return IP_TRUNCATED, at, protocol, fragment, identification
        if protocol == FRAGMENT_HEADER:
            place = be16(data, at + IPV6_FRAGMENT_OFFSET)
            fragment = (place & ~7) | (place & FRAGMENT_MORE)
            identification = be32(data, at + IPV6_FRAGMENT_IDENTIFICATION)
        protocol = octet(data, at)
        at += size
        if fragment >= FRAGMENT_LATER:
            return 0, at, protocol, fragment, identification
    return IP_EXTENSIONS if _is_extension(protocol) else 0, at, protocol, fragment, identification


@inlined
def _is_extension(protocol):  # type: ignore[no-untyped-def]
    return protocol in (HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY, HIP, SHIM6)


@part
def _extension_length(data, at, protocol):  # type: ignore[no-untyped-def]
    """Octets of the extension header at `at`, at least 8 (RFC 8200 §4, RFC 4302 §2.2)."""
    if protocol == FRAGMENT_HEADER:
        return IPV6_FRAGMENT_HEADER
    if protocol == AUTHENTICATION:
        return max(8, (octet(data, at + 1) + 2) * 4)
    return (octet(data, at + 1) + 1) * 8
