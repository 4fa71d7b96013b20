"""GTP-U between the outer UDP header and the inner IP header (TS 29.281 §5), and what has no inner IP.

The port alone proves nothing: ephemeral ports of plain traffic hit 2152 too. So `plausible` comes first.
"""

import numpy as np

from formats.addresses import IPV4_MAPPED
from formats.gtpu import (
    ECHO_REQUEST,
    ECHO_RESPONSE,
    END_MARKER,
    ERROR_INDICATION,
    EXTENSION_NONE,
    EXTENSION_PDU_SESSION_CONTAINER,
    EXTENSION_UNIT,
    EXTENSIONS,
    G_PDU,
    GTP0_HEADER,
    GTP_PRIME_HEADER,
    GTP_PRIME_VERSION,
    GTPU_E,
    GTPU_FIXED,
    GTPU_FIXED_BITS,
    GTPU_HEADER,
    GTPU_LENGTH,
    GTPU_NEXT_EXTENSION,
    GTPU_OPTIONAL,
    GTPU_OPTIONAL_BITS,
    GTPU_S,
    GTPU_SEQUENCE,
    GTPU_TEID,
    GTPU_TYPE,
    IE_PEER_ADDRESS,
    IE_RECOVERY,
    IE_RECOVERY_LENGTH,
    IE_TEID_DATA_I,
    IE_TEID_DATA_I_LENGTH,
    IE_TLV,
    IE_TLV_HEADER,
    IES,
    PDU_TYPE_UPLINK,
    QFI_MASK,
    SUPPORTED_EXTENSION_HEADERS,
    TUNNEL_STATUS,
)
from formats.reasons import GTPU_CONTROL, GTPU_MALFORMED, GTPU_TRUNCATED, INNER_NOT_IP, IP_TRUNCATED
from formats.records import NO_TEID
from kernels.jit import inlined, part
from kernels.wide import be16, be32, be64, octet

NOT_GTPU = -1
"""`plausible`: a plain UDP datagram."""
_NO_ADDRESS = np.uint64(0)


@inlined
def plausible(data, at, cut, hi, depth):  # type: ignore[no-untyped-def]
    """0 where the UDP payload data[at:hi] (captured up to `cut`) can be GTP-U, NOT_GTPU, or GTPU_TRUNCATED.

    Inside of a tunnel only a G-PDU counts: other messages there are traffic of the subscriber.
    """
    if hi - at < GTPU_HEADER:
        return NOT_GTPU
    if cut - at >= GTPU_HEADER:
        if octet(data, at) & GTPU_FIXED_BITS != GTPU_FIXED:
            return NOT_GTPU
        known = _known(octet(data, at + GTPU_TYPE), depth)
        return 0 if known and be16(data, at + GTPU_LENGTH) <= hi - at - GTPU_HEADER else NOT_GTPU
    if cut > at and octet(data, at) & GTPU_FIXED_BITS != GTPU_FIXED:
        return NOT_GTPU
    return GTPU_TRUNCATED


@inlined
def _known(message, depth):  # type: ignore[no-untyped-def]
    if message == G_PDU:
        return True
    return depth == 0 and (
        message
        in (ECHO_REQUEST, ECHO_RESPONSE, ERROR_INDICATION, SUPPORTED_EXTENSION_HEADERS, TUNNEL_STATUS, END_MARKER)
    )


@part
def is_gtp0(data, at, cut, hi):  # type: ignore[no-untyped-def]
    """Whether the UDP payload data[at:hi] on port 3386 looks like GTP version 0 or GTP': version and length agree."""
    if cut - at < GTPU_LENGTH + 2:
        return False
    length = be16(data, at + GTPU_LENGTH)
    fits = length == hi - at - GTP0_HEADER or length == hi - at - GTP_PRIME_HEADER
    return fits and octet(data, at) >> 5 <= GTP_PRIME_VERSION


@inlined
def gtpu(data, at, cut, depth, row):  # type: ignore[no-untyped-def]
    """A GTP-U header that `plausible` has passed: (reason, at, end by its length).

    Reason 0: an inner IP packet is at `at`; else the code. The outermost header (depth 0) fills teid, gtpu_type, qfi,
    pdu_type of `row` (PACKET record), and for messages without a user packet what `formats.records` says.
    """
    hi = at + GTPU_HEADER + be16(data, at + GTPU_LENGTH)
    cut = min(cut, hi)
    flags = octet(data, at)
    message = octet(data, at + GTPU_TYPE)
    if depth == 0:
        row.teid = be32(data, at + GTPU_TEID)
        row.gtpu_type = message
    inner = at + GTPU_HEADER
    if flags & GTPU_OPTIONAL_BITS != 0:
        reason, inner = _optional(data, at, cut, hi, flags, depth, row)
        if reason != 0:
            return reason, at, hi
    if message != G_PDU:
        return _control(data, at, inner, cut, hi, message, row), inner, hi
    if inner >= hi:
        return GTPU_CONTROL, inner, hi
    if inner >= cut:
        return IP_TRUNCATED, inner, hi
    nibble = octet(data, inner) >> 4
    return 0 if nibble == 4 or nibble == 6 else INNER_NOT_IP, inner, hi


@part
def _optional(data, at, cut, hi, flags, depth, row):  # type: ignore[no-untyped-def]
    """Past the four optional octets and the extension headers (§5.2): (reason, at)."""
    inner = at + GTPU_HEADER + GTPU_OPTIONAL
    if inner > hi:
        return GTPU_MALFORMED, inner
    if inner > cut:
        return GTPU_TRUNCATED, inner
    if flags & GTPU_E == 0:
        return 0, inner
    extension = octet(data, at + GTPU_NEXT_EXTENSION)
    for _ in range(EXTENSIONS):
        if extension == EXTENSION_NONE:
            return 0, inner
        if inner >= hi:
            return GTPU_MALFORMED, inner
        if inner >= cut:
            return GTPU_TRUNCATED, inner
        behind = inner + octet(data, inner) * EXTENSION_UNIT
        if behind == inner or behind > hi:
            return GTPU_MALFORMED, inner
        if behind > cut:
            return GTPU_TRUNCATED, inner
        if extension == EXTENSION_PDU_SESSION_CONTAINER and depth == 0:
            _container(data, inner + 1, row)
        extension = octet(data, behind - 1)
        inner = behind
    return 0 if extension == EXTENSION_NONE else GTPU_MALFORMED, inner


@inlined
def _container(data, at, row):  # type: ignore[no-untyped-def]
    """The first two octets of a PDU Session Container (TS 38.415 §5.5.2); types to come are left alone."""
    pdu_type = octet(data, at) >> 4
    if pdu_type <= PDU_TYPE_UPLINK:
        row.pdu_type = pdu_type
        row.qfi = octet(data, at + 1) & QFI_MASK


@part
def _control(data, at, inner, cut, hi, message, row):  # type: ignore[no-untyped-def]
    """A message without a user packet: the reason code."""
    if message == ERROR_INDICATION:
        return _error_indication(data, inner, cut, hi, row)
    if (message in (ECHO_REQUEST, ECHO_RESPONSE)) and octet(data, at) & GTPU_S != 0:
        row.seq = be16(data, at + GTPU_SEQUENCE)
    return GTPU_CONTROL


@part
def _error_indication(data, at, cut, hi, row):  # type: ignore[no-untyped-def]
    """The tunnel endpoint that is unknown (§7.3.1): its TEID into `teid`, the peer's address into src."""
    teid = NO_TEID
    address = 0
    for _ in range(IES):
        if at >= hi:
            break
        if at >= cut:
            return GTPU_TRUNCATED
        size = _element_length(data, at, cut)
        if size == 0 or at + size > hi:
            break
        if at + size > cut:
            return GTPU_TRUNCATED
        if octet(data, at) == IE_TEID_DATA_I:
            teid = be32(data, at + 1)
        elif octet(data, at) == IE_PEER_ADDRESS:
            address = _peer_address(data, at + IE_TLV_HEADER, size - IE_TLV_HEADER, row)
        at += size
    if teid == NO_TEID or address == 0:
        return GTPU_MALFORMED
    row.teid = teid
    return GTPU_CONTROL


@part
def _element_length(data, at, cut):  # type: ignore[no-untyped-def]
    """Octets of the information element at `at`; 0 for a TV type of unknown length; past `cut` where cut before it."""
    element = octet(data, at)
    if element == IE_TEID_DATA_I:
        return IE_TEID_DATA_I_LENGTH
    if element == IE_RECOVERY:
        return IE_RECOVERY_LENGTH
    if element < IE_TLV:
        return 0
    if cut - at < IE_TLV_HEADER:
        return IE_TLV_HEADER
    return IE_TLV_HEADER + be16(data, at + 1)


@part
def _peer_address(data, at, size, row):  # type: ignore[no-untyped-def]
    """A GTP-U Peer Address of 4 or 16 octets into src; returns 1 where it is one, else 0."""
    if size == 4:
        row.src_hi = _NO_ADDRESS
        row.src_lo = IPV4_MAPPED | np.uint64(be32(data, at))
        return 1
    if size == 16:
        row.src_hi = be64(data, at)
        row.src_lo = be64(data, at + 8)
        return 1
    return 0
