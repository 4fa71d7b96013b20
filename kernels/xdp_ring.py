"""The rings of an AF_XDP socket: frames to rows where they lie, chunks back to the kernel.

Counters are uint32 that wrap. Each is read once before what it guards and written once after; the processor keeps that
order on x86-64, and the calls into the kernel between two rounds do elsewhere.
"""

import numpy as np

from kernels.jit import kernel

_LOW = np.int64(0xFFFF_FFFF)


@kernel
def waiting(words, producer, consumer):  # type: ignore[no-untyped-def]
    """Entries of a ring that its producer has put and its consumer not taken; words: uint32[n], places of the two."""
    return (np.int64(words[producer]) - np.int64(words[consumer])) & _LOW


@kernel
def walk_frames(descs, first, count, ts, link, source, out_records):  # type: ignore[no-untyped-def]
    """Rows for `count` frames of the RX ring from number `first` on; their octets stay in the UMEM.

    descs: uint64[2 * 2^k], address and length of each entry; ts: ns, of all; out_records: RECORD[m], m >= count.
    """
    mask = len(descs) // 2 - 1
    for i in range(count):
        at = 2 * ((first + i) & mask)
        length = np.int64(descs[at + 1]) & _LOW
        row = out_records[i]
        row["ts"] = ts
        row["offset"] = np.int64(descs[at])
        row["captured"] = length
        row["wire"] = length
        row["link"] = link
        row["source"] = source


@kernel
def refill(descs, first, count, chunk, fill, words, producer):  # type: ignore[no-untyped-def]
    """Give the chunks of `count` frames from number `first` on back through the FILL ring.

    descs: uint64[2 * 2^k]; chunk: octets of one; fill: uint64[2^j]; words: uint32[n] of the fill ring, its producer's
    place.
    """
    mask, room = len(descs) // 2 - 1, len(fill) - 1
    at = np.int64(words[producer])
    for i in range(count):
        address = np.int64(descs[2 * ((first + i) & mask)])
        fill[(at + i) & room] = address - address % chunk
    words[producer] = (at + count) & _LOW
