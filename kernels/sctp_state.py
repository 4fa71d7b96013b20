"""Memory of SCTP: counters, directions of associations, fragments that wait, octets that were joined.

A block of SCTP_WORDS words at `base` of an int64 array: counters, addresses, pools (`kernels.table`). Memory is that of
`allocate`, whatever the traffic; what had to go is counted.
"""

from typing import NamedTuple

import numpy as np

from formats.sctp import MESSAGE_OCTETS, SCTP_DIRECTION, SCTP_PIECE
from kernels import table
from kernels.memory import view
from kernels.table import POOL_WORDS

# Counters
(
    PACKETS,  # that were handed in
    CHUNKS,  # DATA chunks
    MESSAGES,  # user messages handed on
    FRAGMENTS,  # DATA chunks that were part of a message
    DUPLICATES,  # DATA chunks whose TSN was seen before
    I_DATAS,  # I-DATA chunks, passed over
    PACKETS_MALFORMED,
    PACKETS_TRUNCATED,
    FRAGMENTS_LOST,  # fragments that made room before their message was whole, or whose message was too long
    ASSOCIATIONS,  # that began
    ASSOCIATIONS_ENDED,  # by ABORT or SHUTDOWN COMPLETE
    DIRECTIONS_EVICTED,  # the one silent for longest made room
    STRANGE,  # DATA chunks whose TSN was out of all proportion
    MESSAGES_LOST,  # whole, but without room to hand them on
) = range(14)

ENDED = 14
"""Not a counter: the association that the packet at hand has ended, 0 none."""
ENDED_ORDERLY = 15
"""1: by SHUTDOWN COMPLETE, 0: by ABORT."""

ARENA, ARENA_OCTETS, ARENA_HEAD, PIECE_NEXT, PIECE_OLDEST, JOINED, JOINED_OCTETS, JOINED_USED, HAND = range(16, 25)
DIRECTIONS, ADDRESSES, PIECES = (32 + POOL_WORDS * k for k in range(3))
SCTP_WORDS = 32 + POOL_WORDS * 3

TSNS = 1 << 32

directions = view(SCTP_DIRECTION, DIRECTIONS + table.ROWS, DIRECTIONS + table.CAPACITY)
pieces = view(SCTP_PIECE, PIECES + table.ROWS, PIECES + table.CAPACITY)
arena = view(np.dtype(np.uint8), ARENA, ARENA_OCTETS)
joined = view(np.dtype(np.uint8), JOINED, JOINED_OCTETS)
"""Each is a function (words, base) -> rows or octets."""


class Kept(NamedTuple):
    """What the words of an SCTP state point to; to be kept alive."""

    pools: tuple[tuple[np.ndarray, ...], ...]
    arena: np.ndarray
    joined: np.ndarray


def allocate(
    words: np.ndarray,
    base: int = 0,
    associations: int = 4096,
    pieces: int = 4096,
    arena: int = 4 << 20,
    joined: int = 4 * MESSAGE_OCTETS,
) -> Kept:
    """Make the state at words[base : base + SCTP_WORDS]; int64[n].

    associations: two directions each; pieces, arena: fragments and their octets that may wait; joined: octets that the
    messages of one packet may have where they had to be put together.
    """
    block = words[base : base + SCTP_WORDS]
    block[:] = 0
    pools = (
        table.allocate(block[DIRECTIONS : DIRECTIONS + POOL_WORDS], SCTP_DIRECTION, 2 * associations),
        table.allocate(block[ADDRESSES : ADDRESSES + POOL_WORDS], np.dtype(np.uint8), 2 * associations),
        table.allocate(block[PIECES : PIECES + POOL_WORDS], SCTP_PIECE, pieces),
    )
    kept = Kept(pools, np.zeros(arena, np.uint8), np.zeros(joined, np.uint8))
    block[ARENA], block[ARENA_OCTETS] = kept.arena.ctypes.data, arena
    block[JOINED], block[JOINED_OCTETS] = kept.joined.ctypes.data, joined
    return kept
