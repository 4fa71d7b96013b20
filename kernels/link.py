"""From the first captured octet to the IP header: link layers, tags, labels, PPPoE.

Each function returns `(reason, at, family)`: reason 0 and the offset of the IP header with the version that the link
layer promised (`formats.ip.FAMILY_*`), or a code of `formats.reasons`. Octets at and after `end` are never read.
"""

from formats.ip import FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6
from formats.link import (
    AF_INET,
    AF_INET6_DARWIN,
    AF_INET6_FREEBSD,
    AF_INET6_LINUX,
    AF_INET6_NETBSD,
    C_HDLC_BROADCAST,
    C_HDLC_HEADER,
    C_HDLC_TYPE,
    C_HDLC_UNICAST,
    CONTROL_WORD,
    ETHERNET_HEADER,
    ETHERNET_TYPE,
    ETHERTYPE_FIRST,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_LENGTHS,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    ETHERTYPE_NONE,
    ETHERTYPE_OLD_QINQ,
    ETHERTYPE_OLD_QINQ_2,
    ETHERTYPE_PPPOE_SESSION,
    ETHERTYPE_SERVICE_VLAN,
    ETHERTYPE_VLAN,
    FAMILY_HEADER,
    LINKTYPE_C_HDLC,
    LINKTYPE_ETHERNET,
    LINKTYPE_IPV4,
    LINKTYPE_IPV6,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_LOOP,
    LINKTYPE_NULL,
    LINKTYPE_PPP,
    LINKTYPE_PPP_ETHER,
    LINKTYPE_PPP_SERIAL,
    LINKTYPE_RAW,
    LINKTYPE_RAW_BSD,
    LINKTYPE_RAW_OPENBSD,
    LLC_HEADER,
    LLC_SNAP,
    MPLS_BOTTOM,
    MPLS_LABEL,
    PPP_ADDRESS_CONTROL,
    PPP_IPV4,
    PPP_IPV6,
    PPPOE_HEADER,
    PPPOE_VERSION_TYPE,
    SLL2_HEADER,
    SLL2_TYPE,
    SLL_HEADER,
    SLL_LLC,
    SLL_TYPE,
    SNAP_HEADER,
    SNAP_OUI,
    SNAP_TYPE,
    TAGS,
    VLAN_TAG,
)
from formats.reasons import LINK_MALFORMED, LINK_TRUNCATED, LINK_UNSUPPORTED, NOT_IP, TAG_DEPTH
from kernels.jit import inlined, part
from kernels.wide import be16, be24, be32, octet


@inlined
def find_ip(data, at, end, link):  # type: ignore[no-untyped-def]
    """Where the IP header of a frame is. data: uint8[n]; the frame is data[at:end]; link: LINKTYPE number."""
    if link == LINKTYPE_ETHERNET:
        if end - at < ETHERNET_HEADER:
            return LINK_TRUNCATED, at, FAMILY_ANY
        return _behind_ethertype(data, at + ETHERNET_HEADER, end, be16(data, at + ETHERNET_TYPE))
    if link in (LINKTYPE_RAW, LINKTYPE_RAW_BSD, LINKTYPE_RAW_OPENBSD):
        return 0, at, FAMILY_ANY
    if link == LINKTYPE_IPV4:
        return 0, at, FAMILY_IPV4
    if link == LINKTYPE_IPV6:
        return 0, at, FAMILY_IPV6
    if link == LINKTYPE_LINUX_SLL:
        return _cooked(data, at, end, SLL_HEADER, SLL_TYPE)
    if link == LINKTYPE_LINUX_SLL2:
        return _cooked(data, at, end, SLL2_HEADER, SLL2_TYPE)
    if link in (LINKTYPE_NULL, LINKTYPE_LOOP):
        return _loopback(data, at, end, link)
    if link in (LINKTYPE_PPP, LINKTYPE_PPP_SERIAL):
        return _serial(data, at, end)
    if link == LINKTYPE_PPP_ETHER:
        return _pppoe(data, at, end)
    if link == LINKTYPE_C_HDLC:
        return _cisco(data, at, end)
    return LINK_UNSUPPORTED, at, FAMILY_ANY


@inlined
def _behind_ethertype(data, at, end, ethertype):  # type: ignore[no-untyped-def]
    """What an ethertype (or an 802.3 length) announces at `at`."""
    if ethertype == ETHERTYPE_IPV4:
        return 0, at, FAMILY_IPV4
    if ethertype == ETHERTYPE_IPV6:
        return 0, at, FAMILY_IPV6
    return _behind_tags(data, at, end, ethertype)


@part
def _behind_tags(data, at, end, ethertype):  # type: ignore[no-untyped-def]
    """The same past tags, labels, SNAP and pseudowires; every turn reads on, and tags and labels are counted."""
    tags = 0
    labels = 0
    while True:
        reason = NOT_IP
        if ethertype == ETHERTYPE_IPV4:
            return 0, at, FAMILY_IPV4
        if ethertype == ETHERTYPE_IPV6:
            return 0, at, FAMILY_IPV6
        if ethertype == ETHERTYPE_PPPOE_SESSION:
            return _pppoe(data, at, end)
        if _is_tag(ethertype):
            tags += 1
            reason, at, ethertype = _tag(data, at, end, tags)
        elif ethertype in (ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST):
            reason, at, labels = _labels(data, at, end, labels)
            if reason == 0:
                reason, at, ethertype = _bottom(data, at, end)
        elif ethertype <= ETHERTYPE_LENGTHS:
            reason, at, ethertype = _snap(data, at, end)
        if reason != 0:
            return reason, at, FAMILY_ANY


@part
def _is_tag(ethertype):  # type: ignore[no-untyped-def]
    return ethertype in (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_OLD_QINQ, ETHERTYPE_OLD_QINQ_2)


@part
def _tag(data, at, end, tags):  # type: ignore[no-untyped-def]
    """Past one VLAN tag, the `tags`-th: (reason, at, ethertype)."""
    if tags > TAGS:
        return TAG_DEPTH, at, ETHERTYPE_NONE
    if end - at < VLAN_TAG:
        return LINK_TRUNCATED, at, ETHERTYPE_NONE
    return 0, at + VLAN_TAG, be16(data, at + 2)


@part
def _labels(data, at, end, labels):  # type: ignore[no-untyped-def]
    """Past an MPLS stack: (reason, at, labels so far)."""
    while True:
        labels += 1
        if labels > TAGS:
            return TAG_DEPTH, at, labels
        if end - at < MPLS_LABEL:
            return LINK_TRUNCATED, at, labels
        at += MPLS_LABEL
        if octet(data, at - 2) & MPLS_BOTTOM != 0:
            return 0, at, labels


@part
def _bottom(data, at, end):  # type: ignore[no-untyped-def]
    """What lies under an MPLS stack, told by its first nibble: (reason, at, ethertype)."""
    if at >= end:
        return LINK_TRUNCATED, at, ETHERTYPE_NONE
    nibble = octet(data, at) >> 4
    if nibble == 4:
        return 0, at, ETHERTYPE_IPV4
    if nibble == 6:
        return 0, at, ETHERTYPE_IPV6
    if nibble != 0:
        return NOT_IP, at, ETHERTYPE_NONE
    at += CONTROL_WORD
    if end - at < ETHERNET_HEADER:
        return LINK_TRUNCATED, at, ETHERTYPE_NONE
    return 0, at + ETHERNET_HEADER, be16(data, at + ETHERNET_TYPE)


@part
def _snap(data, at, end):  # type: ignore[no-untyped-def]
    """Past LLC and SNAP: (reason, at, ethertype)."""
    if end - at < LLC_HEADER:
        return LINK_TRUNCATED, at, ETHERTYPE_NONE
    if be24(data, at) != LLC_SNAP:
        return NOT_IP, at, ETHERTYPE_NONE
    if end - at < SNAP_HEADER:
        return LINK_TRUNCATED, at, ETHERTYPE_NONE
    if be24(data, at + SNAP_OUI) != 0:
        return NOT_IP, at, ETHERTYPE_NONE
    ethertype = be16(data, at + SNAP_TYPE)
    if ethertype < ETHERTYPE_FIRST:
        return NOT_IP, at, ETHERTYPE_NONE
    return 0, at + SNAP_HEADER, ethertype


@part
def _pppoe(data, at, end):  # type: ignore[no-untyped-def]
    """A PPPoE session header and the PPP protocol in it (RFC 2516 §4)."""
    if end - at < PPPOE_HEADER:
        return LINK_TRUNCATED, at, FAMILY_ANY
    if octet(data, at) != PPPOE_VERSION_TYPE:
        return LINK_MALFORMED, at, FAMILY_ANY
    if octet(data, at + 1) != 0:
        return NOT_IP, at, FAMILY_ANY
    return _ppp(data, at + PPPOE_HEADER, end)


@part
def _ppp(data, at, end):  # type: ignore[no-untyped-def]
    """A PPP protocol field of one octet (odd: compressed, RFC 1661 §6.5) or two."""
    if at >= end:
        return LINK_TRUNCATED, at, FAMILY_ANY
    protocol = octet(data, at)
    at += 1
    if protocol & 1 == 0:
        if at >= end:
            return LINK_TRUNCATED, at, FAMILY_ANY
        protocol = (protocol << 8) | octet(data, at)
        at += 1
    if protocol == PPP_IPV4:
        return 0, at, FAMILY_IPV4
    if protocol == PPP_IPV6:
        return 0, at, FAMILY_IPV6
    return NOT_IP, at, FAMILY_ANY


@part
def _serial(data, at, end):  # type: ignore[no-untyped-def]
    """PPP in HDLC-like framing (RFC 1662), its address and control octets there or left out, or Cisco HDLC."""
    if end - at < 2:
        return LINK_TRUNCATED, at, FAMILY_ANY
    first = octet(data, at)
    if first in (C_HDLC_UNICAST, C_HDLC_BROADCAST):
        return _cisco(data, at, end)
    if be16(data, at) == PPP_ADDRESS_CONTROL:
        at += 2
    return _ppp(data, at, end)


@part
def _cisco(data, at, end):  # type: ignore[no-untyped-def]
    if end - at < C_HDLC_HEADER:
        return LINK_TRUNCATED, at, FAMILY_ANY
    ethertype = be16(data, at + C_HDLC_TYPE)
    if ethertype < ETHERTYPE_FIRST:
        return NOT_IP, at, FAMILY_ANY
    return _behind_tags(data, at + C_HDLC_HEADER, end, ethertype)


@part
def _cooked(data, at, end, header, type_at):  # type: ignore[no-untyped-def]
    """Linux cooked captures: the protocol is an ethertype, or a small number of Linux's own."""
    if end - at < header:
        return LINK_TRUNCATED, at, FAMILY_ANY
    ethertype = be16(data, at + type_at)
    if ethertype == SLL_LLC:
        return _behind_tags(data, at + header, end, 0)
    if ethertype < ETHERTYPE_FIRST:
        return NOT_IP, at, FAMILY_ANY
    return _behind_tags(data, at + header, end, ethertype)


@part
def _loopback(data, at, end, link):  # type: ignore[no-untyped-def]
    """NULL: an address family in the byte order of the writer. LOOP: big-endian."""
    if end - at < FAMILY_HEADER:
        return LINK_TRUNCATED, at, FAMILY_ANY
    family = be32(data, at)
    if link == LINKTYPE_NULL and family & 0xFFFF == 0:
        family = ((family >> 24) & 0xFF) | ((family >> 8) & 0xFF00)
    at += FAMILY_HEADER
    if family == AF_INET:
        return 0, at, FAMILY_IPV4
    if family in (AF_INET6_LINUX, AF_INET6_NETBSD, AF_INET6_FREEBSD, AF_INET6_DARWIN):
        return 0, at, FAMILY_IPV6
    return NOT_IP, at, FAMILY_ANY
