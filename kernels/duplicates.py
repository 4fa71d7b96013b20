"""Copies of a frame that the capture holds twice, as SPAN ports make them: where a packet comes in and where it leaves.

A packet is a copy of one shortly before it where all octets from the outermost IP header on are the same, up to
`DIGESTED` of them (the checksums of TCP and UDP, which are among these, cover the rest); but for what routers and
switches change on the way: MAC addresses, VLAN tags, labels, and of the outermost IP header TTL or hop limit, DSCP and
ECN, checksum. So the copy behind a router counts as a copy too, while that in another tunnel is none (`second_leg`).

A packet that its sender sends again must never be taken for a copy. Where the outermost or the innermost header is
IPv4 and has an identification, the second one has another (RFC 791; RFC 6864 leaves it open for packets that are never
fragmented: senders count on, or write 0). Where none has (IPv6, identification 0), a segment or datagram can be sent
again octet for octet; but not before a round trip, or the 200 ms and more of a timer. So these count as copies within
`bare` ns only, which must be below any round trip. What remains: an acknowledgement or reset without data that such a
host repeats within that time. It carries nothing.

What is remembered is bounded: SLOTS packets per bucket of a table, of which the oldest is forgotten first. Packets come
in order of time; the first of each stays, and later ones are measured against it, so that what is sent steadily does
not vanish in a chain. 18 to 22 ns a packet with headers in the cache, up to 70 where a ring is read beside its writer.
"""

import numpy as np

from formats.ip import (
    FAMILY_IPV4,
    FAMILY_IPV6,
    IPV4_HEADER,
    IPV4_IDENTIFICATION,
    IPV4_TOTAL_LENGTH,
    IPV6_HEADER,
    IPV6_PAYLOAD_LENGTH,
)
from formats.reasons import FRAME_COPY
from formats.records import KIND_NONE
from kernels.hashing import fold, mix
from kernels.jit import inlined, part
from kernels.link import find_ip
from kernels.prefetch import prefetch_octet, prefetch_row
from kernels.unaligned import word_at
from kernels.wide import be16, octet

DIGESTED = 128  # octets: IP, UDP, GTP-U with extensions, IPv6, TCP with options, and the first of the payload
SLOTS = 4
LINE = 64
AHEAD = 8
PER_SECOND = 6_500_000  # packets that a table remembers for each second of its time

SEEN = np.dtype([("digest", "u8"), ("ts", "i8")], align=True)
"""A packet that was seen; SLOTS of them are a bucket, newest first."""

_U8 = np.uint64
_IDENTIFIED, _SOME = np.uint64(1), np.uint64(2)
# Of the outermost header, in words of eight octets, the first lowest: version, header length, but not DSCP and ECN; ...
_IPV4_FIRST, _IPV4_SECOND = np.uint64(0xFFFF_FFFF_FFFF_00FF), np.uint64(0xFFFF_FFFF_0000_FF00)
_IPV6_FIRST = np.uint64(0x00FF_FFFF_FFFF_0FF0)
_SALT, _TAIL, _ALL = (
    np.uint64(0xBF58_476D_1CE4_E5B9),
    np.uint64(0x94D0_49BB_1331_11EB),
    np.uint64(0xFFFF_FFFF_FFFF_FFFF),
)
_NOTHING = np.uint64(0)
_BUCKET_SHIFT = np.uint64(20)


def table(span_ns: int) -> np.ndarray:
    """SEEN[SLOTS * 2**k] at the start of a cache line, for copies up to `span_ns` later: 1 MiB for 10 ms."""
    wanted = max(1 << 8, span_ns * PER_SECOND // 10**9)
    count = SLOTS << max(0, (wanted // SLOTS - 1).bit_length())
    octets = np.zeros(count * SEEN.itemsize + LINE, np.uint8)
    start = -octets.ctypes.data % LINE
    return octets[start : start + count * SEEN.itemsize].view(SEEN)


@part
def digest_frames(data, records, first, out_digests):  # type: ignore[no-untyped-def]
    """Digests of records[first:], as many as there is room for, into out_digests (uint64[m]); 0: not an IP packet.

    data: uint8[n]; records: RECORD[k]. The lowest bit: the outermost header has an identification.
    """
    last = len(records) - 1
    for i in range(min(len(records) - first, len(out_digests))):
        ahead = records[min(first + i + AHEAD, last)]
        prefetch_octet(data, ahead.offset)
        prefetch_octet(data, ahead.offset + LINE)
        prefetch_octet(data, ahead.offset + DIGESTED)
        record = records[first + i]
        lo, captured = record.offset, np.int64(record.captured)
        out_digests[i] = _NOTHING
        if lo >= 0 and captured >= 0 and lo + captured <= len(data):
            reason, at, _ = find_ip(data, lo, lo + captured, np.int64(record.link))
            if reason == 0:
                out_digests[i] = digest(data, at, lo + captured)


@inlined
def digest(data, at, end):  # type: ignore[no-untyped-def]
    """uint64 of the IP packet at data[at:end], end that of what was captured; 0 where it is none or cut in its header.

    Padding behind the packet does not count.
    """
    version = octet(data, at) >> 4 if at < end else 0
    if version == FAMILY_IPV4 and end - at >= IPV4_HEADER:
        length, least = be16(data, at + IPV4_TOTAL_LENGTH), IPV4_HEADER
        first, second = _IPV4_FIRST, _IPV4_SECOND
        identified = _IDENTIFIED if be16(data, at + IPV4_IDENTIFICATION) != 0 else _NOTHING
    elif version == FAMILY_IPV6 and end - at >= IPV6_HEADER:
        payload, least = be16(data, at + IPV6_PAYLOAD_LENGTH), IPV6_HEADER
        length = payload + IPV6_HEADER if payload != 0 else 0
        first, second, identified = _IPV6_FIRST, _ALL, _NOTHING
    else:
        return _NOTHING
    octets = min(end - at, DIGESTED)
    if length != 0:
        octets = min(octets, max(length, least))
    value = fold((word_at(data, at) & first) ^ _SALT, (word_at(data, at + 8) & second) ^ _TAIL)
    value = _digest_rest(data, at, octets, value)
    return (mix(value, _U8(octets)) & ~_IDENTIFIED) | _SOME | identified


@inlined
def _digest_rest(data, at, octets, value):  # type: ignore[no-untyped-def]
    """Go on with what is behind the first 16 of `octets` octets, 20 at least; the last ones are read from their end."""
    other = value ^ _SALT
    for k in range(16, octets - 31, 32):
        value = fold(value ^ word_at(data, at + k), word_at(data, at + k + 8) ^ _SALT)
        other = fold(other ^ word_at(data, at + k + 16), word_at(data, at + k + 24) ^ _TAIL)
    if octets >= 32:
        last = at + max(16, octets - 32)
        value = fold(value ^ word_at(data, last), word_at(data, last + 8) ^ _TAIL)
        last = at + octets - 16
        return fold(value ^ word_at(data, last), word_at(data, last + 8) ^ other)
    last = at + max(12, octets - 16)
    return fold(value ^ word_at(data, last), word_at(data, at + octets - 8) ^ _TAIL)


@inlined
def _bucket(seen, digested):  # type: ignore[no-untyped-def]
    """The first row of the bucket of a digest."""
    return np.int64(digested >> _BUCKET_SHIFT) & (len(seen) // SLOTS - 1)


@inlined
def _known(seen, at, digested, ts, span):  # type: ignore[no-untyped-def]
    """Whether the bucket at row `at` holds this digest, no more than `span` ns from `ts`."""
    for k in range(at, at + SLOTS):
        if seen[k].digest == digested and abs(ts - seen[k].ts) <= span:
            return True
    return False


@inlined
def _remember(seen, at, digested, ts):  # type: ignore[no-untyped-def]
    """Put a packet first in its bucket; the last is forgotten."""
    for k in range(at + SLOTS - 1, at, -1):
        seen[k].digest, seen[k].ts = seen[k - 1].digest, seen[k - 1].ts
    seen[at].digest, seen[at].ts = digested, ts


@part
def mark_copies(seen, digests, span, bare, state_packets, count):  # type: ignore[no-untyped-def]
    """Take the copies among packets [0, count) out: reason FRAME_COPY, of no further use. Returns how many (int64).

    seen: as `table` makes it; digests: uint64[n]; span, bare: ns, of packets with an identification and without;
    state_packets: PACKET[n], parsed, in the order of their capture.
    """
    copies = 0
    for i in range(count):
        if i + AHEAD < count:
            prefetch_row(seen, SLOTS * _bucket(seen, digests[i + AHEAD]))
        digested = digests[i]
        if digested == _NOTHING:
            continue
        p = state_packets[i]
        at = SLOTS * _bucket(seen, digested)
        within = span if digested & _IDENTIFIED != _NOTHING or p.ip_id != 0 else bare
        if _known(seen, at, digested, p.ts, within):
            p.reason, p.kind = FRAME_COPY, KIND_NONE
            p.flow_hash = p.tunnel_hash = _NOTHING
            p.at = 0
            copies += 1
        else:
            _remember(seen, at, digested, p.ts)
    return copies
