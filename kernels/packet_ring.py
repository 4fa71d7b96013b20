"""The walk over a packet socket's ring: the rows that `walk_pcap` makes of a file, of blocks that lie where they are.

Packets are not copied: `offset` points into the ring, which keeps them until their block is given back.
"""

from formats.packet_socket import (
    BLOCK_FIRST,
    BLOCK_HEADER_OCTETS,
    BLOCK_PACKETS,
    BLOCK_STATUS,
    PACKET_CAPTURED,
    PACKET_HEADER_OCTETS,
    PACKET_MAC,
    PACKET_NEXT,
    PACKET_NSEC,
    PACKET_SEC,
    PACKET_WIRE,
    STATUS_USER,
)
from kernels.jit import inlined, kernel

_NANOSECONDS = 1_000_000_000
_WIRE_MAX = 2**31 - 1


@inlined
def _word(words, octet):  # type: ignore[no-untyped-def]
    """The uint32 at an octet that is a multiple of four."""
    return int(words[octet >> 2])


@inlined
def _half(words, octet):  # type: ignore[no-untyped-def]
    """The uint16 at an octet that is a multiple of four, in the byte order of x86 and ARM."""
    return int(words[octet >> 2]) & 0xFFFF


@kernel
def walk_block(words, begin, size, link, source, out_records, done):  # type: ignore[no-untyped-def]
    """Rows for the packets of the block at octet `begin`, from out_records[done] on; returns the rows in all.

    words: uint32[n], the ring; size: octets of a block; out_records: RECORD[m]. What does not lie within the block, or
    finds no room, is left out: the caller compares with the block's own count.
    """
    at, end = begin + _word(words, begin + BLOCK_FIRST), begin + size
    for _ in range(_word(words, begin + BLOCK_PACKETS)):
        if done >= len(out_records) or at < begin + BLOCK_HEADER_OCTETS or at & 3 or at + PACKET_HEADER_OCTETS > end:
            break
        captured, offset = _word(words, at + PACKET_CAPTURED), at + _half(words, at + PACKET_MAC)
        if offset + captured > end:
            break
        row = out_records[done]
        row["ts"] = _word(words, at + PACKET_SEC) * _NANOSECONDS + _word(words, at + PACKET_NSEC)
        row["offset"] = offset
        row["captured"] = captured
        row["wire"] = min(_word(words, at + PACKET_WIRE), _WIRE_MAX)
        row["link"] = link
        row["source"] = source
        done += 1
        at += _word(words, at + PACKET_NEXT)
    return done


@kernel
def ready_blocks(words, first, size, count, most):  # type: ignore[no-untyped-def]
    """How many blocks in a row, from number `first` on, the kernel has handed over, and the packets that they hold.

    words: uint32[n], the ring of `count` blocks of `size` octets; at most `most` are looked at.
    """
    blocks, packets = 0, 0
    while blocks < most:
        begin = (first + blocks) % count * size
        if _word(words, begin + BLOCK_STATUS) & STATUS_USER == 0:
            break
        packets += _word(words, begin + BLOCK_PACKETS)
        blocks += 1
    return blocks, packets


@kernel
def give_back(words, first, size, count, blocks):  # type: ignore[no-untyped-def]
    """Hand `blocks` blocks from number `first` on back to the kernel."""
    for k in range(blocks):
        words[((first + k) % count * size + BLOCK_STATUS) >> 2] = 0
