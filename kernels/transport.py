"""TCP, UDP and SCTP headers into the fields of a PACKET row.

`hi` is the end of the IP packet by its header, `cut` the end of what of it was captured. Lengths come from the headers,
so a payload counts in full where the snap length took it away.
"""

import numpy as np

from formats.ip import (
    FRAGMENT_MORE,
    QUIC_1,
    QUIC_2,
    QUIC_DRAFT_FIRST,
    QUIC_DRAFT_LAST,
    QUIC_GOOGLE,
    QUIC_LEAST,
    QUIC_LONG_HEADER,
    QUIC_VERSION,
    SCTP,
    TCP_ACKNOWLEDGEMENT,
    TCP_DATA_OFFSET,
    TCP_FLAGS,
    TCP_HEADER,
    TCP_OPTION_END,
    TCP_OPTION_MSS,
    TCP_OPTION_MSS_LENGTH,
    TCP_OPTION_NOP,
    TCP_OPTION_WINDOW_SCALE,
    TCP_OPTION_WINDOW_SCALE_LENGTH,
    TCP_SEQUENCE,
    TCP_SYN,
    TCP_WINDOW,
    TCP_WINDOW_SHIFT_MOST,
    UDP_HEADER,
    UDP_LENGTH,
)
from formats.reasons import TRANSPORT_MALFORMED, TRANSPORT_TRUNCATED, USER_PLANE
from formats.sctp import (
    COMMON_HEADER,
    DATA,
    DATA_HEADER,
    DATA_PPID,
    PORTS,
    PPID_DIAMETER,
    PPID_DIAMETER_DTLS,
    PPID_NGAP,
    PPID_S1AP,
)
from kernels.jit import inlined, part
from kernels.wide import be16, be32, octet

SIGNALLING_PORT = np.zeros(1 << 16, np.bool_)
SIGNALLING_PORT[list(PORTS)] = True
"""By port: associations whose packets are signalling, whatever they carry."""


@inlined
def tcp(data, at, cut, hi, row):  # type: ignore[no-untyped-def]
    """A TCP header (RFC 9293 §3.1); returns the reason code. row: PACKET record, filled in."""
    if hi - at < TCP_HEADER:
        return TRANSPORT_MALFORMED
    if cut - at < TCP_HEADER:
        return TRANSPORT_TRUNCATED
    header = (octet(data, at + TCP_DATA_OFFSET) >> 4) * 4
    payload = hi - at - header
    if header < TCP_HEADER or payload < 0:
        return TRANSPORT_MALFORMED
    flags = octet(data, at + TCP_FLAGS)
    row.src_port = be16(data, at)
    row.dst_port = be16(data, at + 2)
    row.seq = be32(data, at + TCP_SEQUENCE)
    row.ack = be32(data, at + TCP_ACKNOWLEDGEMENT)
    row.payload = payload
    row.window = be16(data, at + TCP_WINDOW)
    row.tcp_flags = flags
    if flags & TCP_SYN != 0:
        _syn_options(data, at + TCP_HEADER, min(cut, at + header), row)
    return USER_PLANE


@part
def _syn_options(data, at, end, row):  # type: ignore[no-untyped-def]
    """Segment size and window scale, as far as the options were captured and hang together; 40 octets at most."""
    while at < end:
        option = octet(data, at)
        if option == TCP_OPTION_NOP:
            at += 1
            continue
        if option == TCP_OPTION_END or at + 1 >= end:
            return
        size = octet(data, at + 1)
        if size < 2 or at + size > end:
            return
        if option == TCP_OPTION_MSS and size == TCP_OPTION_MSS_LENGTH:
            row.mss = be16(data, at + 2)
        elif option == TCP_OPTION_WINDOW_SCALE and size == TCP_OPTION_WINDOW_SCALE_LENGTH:
            row.window_shift = min(octet(data, at + 2), TCP_WINDOW_SHIFT_MOST)
        at += size


@inlined
def udp(data, at, cut, hi, fragment, row):  # type: ignore[no-untyped-def]
    """A UDP header (RFC 768): (reason or 0, src port, dst port, end of the datagram by its header).

    A length of 0 reaches to the end of the packet (RFC 2675). Only a first fragment may announce more than its IP
    packet holds; `row.payload` counts what this fragment holds.
    """
    if hi - at < UDP_HEADER:
        return TRANSPORT_MALFORMED, 0, 0, hi
    if cut - at < UDP_HEADER:
        return TRANSPORT_TRUNCATED, 0, 0, hi
    size = be16(data, at + UDP_LENGTH)
    if size == 0:
        size = hi - at
    if size < UDP_HEADER or (at + size > hi and fragment & FRAGMENT_MORE == 0):
        return TRANSPORT_MALFORMED, 0, 0, hi
    src_port = be16(data, at)
    dst_port = be16(data, at + 2)
    row.src_port = src_port
    row.dst_port = dst_port
    row.payload = min(size, hi - at) - UDP_HEADER
    return 0, src_port, dst_port, at + size


@inlined
def quic(data, at, cut):  # type: ignore[no-untyped-def]
    """1 where the UDP payload data[at:cut] begins with a QUIC long header of a known version, else 0."""
    if cut - at < QUIC_LEAST or octet(data, at) & QUIC_LONG_HEADER != QUIC_LONG_HEADER:
        return 0
    version = be32(data, at + QUIC_VERSION)
    if version in (QUIC_1, QUIC_2) or QUIC_DRAFT_FIRST <= version <= QUIC_DRAFT_LAST:
        return 1
    return 1 if version >> 16 == QUIC_GOOGLE else 0


@part
def other(data, at, cut, hi, protocol, row):  # type: ignore[no-untyped-def]
    """Any other protocol: its payload, and the ports of SCTP where they were captured. Returns the reason code."""
    row.payload = hi - at
    if protocol == SCTP and cut - at >= 4:
        row.src_port = be16(data, at)
        row.dst_port = be16(data, at + 2)
    return USER_PLANE


@part
def carries_signalling(data, at, cut, row):  # type: ignore[no-untyped-def]
    """Whether an SCTP packet is of an association that is read: by its ports, else by what its first chunk carries."""
    if SIGNALLING_PORT[row.src_port] or SIGNALLING_PORT[row.dst_port]:
        return True
    first = at + COMMON_HEADER
    if cut - first < DATA_HEADER or octet(data, first) != DATA:
        return False
    ppid = be32(data, first + DATA_PPID)
    return ppid in (PPID_S1AP, PPID_NGAP, PPID_DIAMETER, PPID_DIAMETER_DTLS)
