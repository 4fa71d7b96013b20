"""Captured records into PACKET rows: link layer, IP, UDP, GTP-U, inner IP, TCP or UDP; signalling into side arrays.

Every record gets exactly one row with every field set. A rejected one keeps its time, size, source and reason; all else
in it is empty. Nothing at or behind `offset + captured` is read; lengths are those that the headers tell.
"""

import numpy as np

from formats.diameter import PORT as PORT_DIAMETER
from formats.gtpu import ERROR_INDICATION, PORT_GTP_PRIME, PORT_GTPC, PORT_GTPU, TUNNELS
from formats.ip import FAMILY_ANY, FRAGMENT_LATER, FRAGMENT_MORE, SCTP, TCP, UDP, UDP_HEADER
from formats.pfcp import PORT as PORT_PFCP
from formats.reasons import (
    FRAGMENT,
    GTP_VERSION,
    GTPC,
    GTPC_FRAGMENT,
    GTPC_TRUNCATED,
    GTPU_CONTROL,
    PFCP,
    RECORD_DAMAGED,
    TUNNEL_DEPTH,
    USER_PLANE,
)
from formats.reasons import SCTP as SCTP_PACKET
from formats.records import (
    KIND_MESSAGES,
    KIND_NONE,
    KIND_PIECE,
    KIND_SIGNALLING,
    KIND_TUNNEL,
    KIND_USER,
    NO_TEID,
    PIECE_OCTETS,
)
from kernels.gtpc import decode_datagram
from kernels.gtpu import NOT_GTPU, gtpu, is_gtp0, plausible
from kernels.hashing import flow_hash, shard_hash, tunnel_hash
from kernels.ip import ip_header
from kernels.jit import inlined, part
from kernels.link import find_ip
from kernels.prefetch import prefetch_octet
from kernels.signalling import (
    BEARERS,
    DATAGRAM_MESSAGES,
    FTEIDS,
    MESSAGE_BEARERS,
    MESSAGE_FTEIDS,
    MESSAGE_TEXT,
    MESSAGES,
    PIECES,
    STATEFUL,
    TEXT,
)
from kernels.transport import carries_signalling, other, quic, tcp, udp

EARLIEST, LATEST = -(2**61), 2**62 - 1
"""ns: times of packets are held to the years 1896 to 2116, so that sums of a time and a span stay inside int64."""

NO_ROOM = -1
"""In place of a reason: the side arrays must be emptied before this packet can be parsed."""

AHEAD = 8
"""Records ahead whose first octets are asked for."""

_NOTHING = np.uint64(0)


@part
def parse(data, records, first, out_packets, out):  # type: ignore[no-untyped-def]
    """Parse records[first:] into out_packets[0:]; returns how many (int64).

    data: uint8[n]; records: RECORD[m]; out_packets: PACKET[k]; out: `kernels.signalling.Signalling`, appended to.
    Stops where out_packets is full, or `out` lacks room for what one more packet may add: the caller empties it and
    goes on from `first` + the result. With room for one datagram at the start, at least one record is parsed.
    """
    count = min(len(records) - first, len(out_packets))
    last = len(records) - 1
    for i in range(count):
        ahead = records[min(first + i + AHEAD, last)]
        prefetch_octet(data, ahead.offset)
        if not _parse_record(data, records[first + i], out_packets[i], out):
            return i
    return count


@inlined
def _parse_record(data, record, row, out):  # type: ignore[no-untyped-def]
    """Fill `row` from one record; False, with nothing added to `out`, where `out` lacks room."""
    row.ts = min(max(record.ts, EARLIEST), LATEST)
    row.wire = record.wire
    row.source = record.source
    _clear(row)
    lo = record.offset
    captured = np.int64(record.captured)
    if lo < 0 or captured < 0 or lo + captured > len(data):
        row.reason = RECORD_DAMAGED
        return True
    wire = max(captured, np.int64(record.wire))
    reason = _decode(data, lo, lo + captured, lo + wire, np.int64(record.link), row, out)
    if reason == NO_ROOM:
        return False
    _finish(reason, row)
    return True


@inlined
def _clear(row):  # type: ignore[no-untyped-def]
    """Every field but time, size and source to "absent"; `kind` to KIND_NONE."""
    row.flow_hash = _NOTHING
    row.tunnel_hash = _NOTHING
    row.src_hi = _NOTHING
    row.src_lo = _NOTHING
    row.dst_hi = _NOTHING
    row.dst_lo = _NOTHING
    row.shard_hash = 0
    row.src_port = 0
    row.dst_port = 0
    row.outer_src_hi = _NOTHING
    row.outer_src_lo = _NOTHING
    row.outer_dst_hi = _NOTHING
    row.outer_dst_lo = _NOTHING
    row.teid = NO_TEID
    row.seq = 0
    row.ack = 0
    row.length = 0
    row.payload = 0
    row.window = 0
    row.ip_id = 0
    row.mss = 0
    row.kind = KIND_NONE
    row.reason = 0
    row.ip_protocol = 0
    row.tcp_flags = 0
    row.window_shift = -1
    row.qfi = -1
    row.pdu_type = -1
    row.gtpu_type = 0
    row.depth = 0
    row.quic = 0
    row.fragment = 0
    row.ttl = 0
    row.at = 0


@inlined
def _finish(reason, row):  # type: ignore[no-untyped-def]
    """Set `reason`, `kind` and the hashes of what was decoded; empty a row that was rejected."""
    if reason == USER_PLANE:
        kind = KIND_USER
    elif reason == GTPC:
        kind = KIND_MESSAGES
    elif reason == GTPU_CONTROL:
        kind = KIND_TUNNEL
    elif reason in (GTPC_FRAGMENT, FRAGMENT):
        kind = KIND_PIECE
    elif reason in (SCTP_PACKET, PFCP):
        kind = KIND_SIGNALLING
    else:
        _clear(row)
        row.reason = reason
        return
    row.kind = kind
    row.reason = reason
    row.flow_hash = flow_hash(
        row.src_hi, row.src_lo, row.dst_hi, row.dst_lo, row.src_port, row.dst_port, row.ip_protocol
    )
    row.shard_hash = shard_hash(row.src_hi, row.src_lo, row.dst_hi, row.dst_lo)
    if row.teid != NO_TEID:
        _finish_tunnel(reason, row)


@inlined
def _finish_tunnel(reason, row):  # type: ignore[no-untyped-def]
    """The hash of the endpoint that a TEID belongs to: the receiver, or in an error indication the peer it names."""
    if reason == GTPU_CONTROL and row.gtpu_type == ERROR_INDICATION:
        row.tunnel_hash = tunnel_hash(row.src_hi, row.src_lo, row.teid)
    else:
        row.tunnel_hash = tunnel_hash(row.outer_dst_hi, row.outer_dst_lo, row.teid)


@inlined
def _decode(data, lo, end, limit, link, row, out):  # type: ignore[no-untyped-def]
    """The reason code of the frame data[lo:end] that was `limit - lo` octets on the wire, or NO_ROOM."""
    reason, at, family = find_ip(data, lo, end, link)
    depth = 0
    while reason == 0:
        reason, at, hi, protocol, fragment, identification = ip_header(data, at, end, limit, family, row)
        if reason != 0:
            break
        end = min(end, hi)
        if fragment >= FRAGMENT_LATER:
            return _later_fragment(data, at, end, hi, fragment, identification, depth, row, out)
        if protocol == TCP:
            reason = tcp(data, at, end, hi, row)
            if depth == 0 and (row.src_port == PORT_DIAMETER or row.dst_port == PORT_DIAMETER):
                _note_segment(end, hi, row, out)
            return reason
        if protocol != UDP:
            reason = other(data, at, end, hi, protocol, row)
            if protocol == SCTP and depth == 0 and fragment == 0 and carries_signalling(data, at, end, row):
                return _stateful(at, end, SCTP_PACKET, row, out)
            return reason
        reason, src_port, dst_port, behind = udp(data, at, end, hi, fragment, row)
        if reason != 0:
            break
        udp_end = min(end, behind)
        if src_port != PORT_GTPU and dst_port != PORT_GTPU:
            return _datagram(data, at, udp_end, behind, hi, fragment, identification, depth, row, out)
        at += UDP_HEADER
        reason = plausible(data, at, udp_end, behind, depth)
        if reason == NOT_GTPU:
            row.quic = quic(data, at, udp_end)
            return USER_PLANE
        if reason != 0:
            break
        if depth == TUNNELS:
            return TUNNEL_DEPTH
        if depth == 0:
            _set_outer(row)
        reason, at, limit = gtpu(data, at, udp_end, depth, row)
        end = min(udp_end, limit)
        if reason == 0:
            depth += 1
            _enter(depth, row)
        family = FAMILY_ANY
    return reason


@inlined
def _set_outer(row):  # type: ignore[no-untyped-def]
    row.outer_src_hi = row.src_hi
    row.outer_src_lo = row.src_lo
    row.outer_dst_hi = row.dst_hi
    row.outer_dst_lo = row.dst_lo


@inlined
def _enter(depth, row):  # type: ignore[no-untyped-def]
    """Forget the transport header around the tunnel: what is inside may have none."""
    row.depth = depth
    row.src_port = 0
    row.dst_port = 0
    row.payload = 0


@part
def _datagram(data, at, cut, behind, hi, fragment, identification, depth, row, out):  # type: ignore[no-untyped-def]
    """A UDP datagram data[at:behind] that is not GTP-U, in an IP packet up to `hi`; returns the reason or NO_ROOM."""
    src_port = np.int64(row.src_port)
    dst_port = np.int64(row.dst_port)
    lo = at + UDP_HEADER
    if depth == 0:
        if src_port == PORT_GTPC or dst_port == PORT_GTPC:
            if fragment != 0:
                kept = _keep_piece(data, at, cut, hi, fragment, identification, row, out)
                return GTPC_FRAGMENT if kept > 0 else NO_ROOM if kept < 0 else GTPC_TRUNCATED
            return _signalling(data, lo, cut, behind, row, out)
        if (src_port == PORT_PFCP or dst_port == PORT_PFCP) and fragment == 0:
            return _stateful(lo, cut, PFCP, row, out)
        if (src_port == PORT_GTP_PRIME or dst_port == PORT_GTP_PRIME) and is_gtp0(data, lo, cut, behind):
            return GTP_VERSION
    row.quic = quic(data, lo, cut)
    return USER_PLANE


@part
def _stateful(at, cut, reason, row, out):  # type: ignore[no-untyped-def]
    """Signalling that the assembling stage reads from data[at:cut]; returns `reason`."""
    row.at = at
    row.window = cut - at
    out.used[STATEFUL] += 1
    return reason


@part
def _note_segment(cut, hi, row, out):  # type: ignore[no-untyped-def]
    """Where the payload of a TCP segment that may carry signalling lies, if all of it was captured."""
    if row.payload > 0 and cut == hi:
        row.at = hi - row.payload
        out.used[STATEFUL] += 1


@part
def _signalling(data, lo, cut, behind, row, out):  # type: ignore[no-untyped-def]
    """GTP-C messages of the UDP payload data[lo:behind], captured up to `cut`: the reason or NO_ROOM."""
    if not _has_room(out):
        return NO_ROOM
    before = out.used[MESSAGES]
    reason = decode_datagram(
        data, lo, cut, np.int64(cut < behind), row.ts, row.src_hi, row.src_lo, row.dst_hi, row.dst_lo,
        np.int64(row.src_port), np.int64(row.dst_port), out,
    )  # fmt: skip
    row.payload = before
    row.window = out.used[MESSAGES] - before
    return np.int64(reason)


@part
def _has_room(out):  # type: ignore[no-untyped-def]
    """Whether one more datagram of the largest size fits."""
    used = out.used
    return (
        len(out.messages) - used[MESSAGES] >= DATAGRAM_MESSAGES
        and len(out.bearers) - used[BEARERS] >= DATAGRAM_MESSAGES * MESSAGE_BEARERS
        and len(out.fteids) - used[FTEIDS] >= DATAGRAM_MESSAGES * MESSAGE_FTEIDS
        and len(out.text) - used[TEXT] >= DATAGRAM_MESSAGES * MESSAGE_TEXT
    )


@part
def _later_fragment(data, at, cut, hi, fragment, identification, depth, row, out):  # type: ignore[no-untyped-def]
    """A fragment without a transport header: it may belong to signalling only outside of tunnels and in UDP."""
    row.fragment = 1
    if depth == 0 and row.ip_protocol == UDP:
        kept = _keep_piece(data, at, cut, hi, fragment, identification, row, out)
        if kept != 0:
            return FRAGMENT if kept > 0 else NO_ROOM
    row.payload = hi - at
    return USER_PLANE


@part
def _keep_piece(data, at, cut, hi, fragment, identification, row, out):  # type: ignore[no-untyped-def]
    """Copy the IP payload data[at:hi] into the PIECE array: 1, or 0 where it is not whole or too long, NO_ROOM."""
    length = hi - at
    if cut < hi or length > PIECE_OCTETS:
        return 0
    index = out.used[PIECES]
    if index >= len(out.pieces):
        return NO_ROOM
    piece = out.pieces[index]
    piece.src_hi = row.src_hi
    piece.src_lo = row.src_lo
    piece.dst_hi = row.dst_hi
    piece.dst_lo = row.dst_lo
    piece.ts = row.ts
    piece.identification = identification
    piece.offset = fragment & ~FRAGMENT_MORE
    piece.length = length
    piece.more = fragment & FRAGMENT_MORE
    piece.ip_protocol = row.ip_protocol
    copy = piece["data"]
    for i in range(length):
        copy[np.uint64(i)] = data[np.uint64(at + i)]
    out.used[PIECES] = index + 1
    row.payload = index
    row.window = 1
    return 1
