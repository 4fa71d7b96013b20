"""Fragments of SCTP user messages: kept in a ring of octets, joined by consecutive TSNs (RFC 9260 §6.9).

The oldest make room. The order they come in does not matter: each one looks whether B to E are there.
"""

import numpy as np

from formats.sctp import (
    DATA_HEADER,
    DATA_PPID,
    DATA_SEQUENCE,
    DATA_STREAM,
    FLAG_BEGIN,
    FLAG_END,
    FLAG_UNORDERED,
    MESSAGE_OCTETS,
    MESSAGE_PIECES,
)
from kernels import table
from kernels.hashing import mix
from kernels.jit import part
from kernels.octets import be16, be32
from kernels.sctp_state import (
    ARENA_HEAD,
    ARENA_OCTETS,
    FRAGMENTS_LOST,
    JOINED_USED,
    PIECE_NEXT,
    PIECE_OLDEST,
    PIECES,
    TSNS,
    arena,
    joined,
    pieces,
)

_U8 = np.uint64


@part
def _piece_hash(association, side, tsn):  # type: ignore[no-untyped-def]
    return mix(_U8(2 * association + side), _U8(tsn))


@part
def _piece(words, base, association, side, tsn):  # type: ignore[no-untyped-def]
    """Row of the fragment with this TSN, -1 where it is not there."""
    wanted = table.tag_of(_piece_hash(association, side, tsn))
    index = table.index_of(words, base + PIECES)
    slot = wanted & (len(index) - 1)
    while True:
        slot, row = table.candidate(index, wanted, slot)
        if row < 0:
            return row
        piece = pieces(words, base)[row]
        if piece.tsn == tsn and piece.association == association and piece.side == side:
            return row
        slot = (slot + 1) & (len(index) - 1)


@part
def _release(words, base, row):  # type: ignore[no-untyped-def]
    """A fragment is no longer waited for."""
    piece = pieces(words, base)[row]
    table.unlink(words, base + PIECES, piece.hash, row)
    words[base + PIECES + table.LIVE] -= 1
    piece.used = 0


@part
def _make_room(words, base, length):  # type: ignore[no-untyped-def]
    """Where `length` octets go: a position in the arena; the oldest fragments go, -1 if it could never hold them."""
    size, count = words[base + ARENA_OCTETS], words[base + PIECES + table.CAPACITY]
    if length > size:
        return np.int64(-1)
    head = words[base + ARENA_HEAD]
    if head % size + length > size:
        head += size - head % size
    rows = pieces(words, base)
    while words[base + PIECE_OLDEST] < words[base + PIECE_NEXT]:
        row = words[base + PIECE_OLDEST] % count
        full = words[base + PIECE_NEXT] - words[base + PIECE_OLDEST] >= count
        if rows[row].used and not full and rows[row].position >= head + length - size:
            break
        if rows[row].used:
            _release(words, base, row)
            words[base + FRAGMENTS_LOST] += 1
        words[base + PIECE_OLDEST] += 1
    words[base + ARENA_HEAD] = head + length
    return head


@part
def keep(words, base, data, at, length, d, tsn):  # type: ignore[no-untyped-def]
    """Keep the fragment of the DATA chunk at `at`, `length` octets of user data; its row, or -1."""
    position = _make_room(words, base, length)
    if position < 0:
        words[base + FRAGMENTS_LOST] += 1
        return np.int64(-1)
    row = words[base + PIECE_NEXT] % words[base + PIECES + table.CAPACITY]
    words[base + PIECE_NEXT] += 1
    piece = pieces(words, base)[row]
    piece.hash = _piece_hash(d.association, d.side, tsn)
    piece.association, piece.side, piece.tsn = d.association, d.side, tsn
    piece.position, piece.length, piece.used = position, length, 1
    piece.marks = data[at + 1]
    piece.stream, piece.sequence = be16(data, at + DATA_STREAM), be16(data, at + DATA_SEQUENCE)
    piece.ppid = be32(data, at + DATA_PPID)
    octets = arena(words, base)
    to = position % len(octets)
    for k in range(length):
        octets[to + k] = data[at + DATA_HEADER + k]
    words[base + PIECES + table.LIVE] += 1
    table.link(words, base + PIECES, piece.hash, row)
    return row


@part
def _alike(one, other):  # type: ignore[no-untyped-def]
    """Whether two neighbours by TSN can be of one message."""
    if one.stream != other.stream or (one.marks ^ other.marks) & FLAG_UNORDERED:
        return False
    return one.marks & FLAG_UNORDERED != 0 or one.sequence == other.sequence


@part
def first_of(words, base, row):  # type: ignore[no-untyped-def]
    """Row of the fragment that begins the message of fragment `row`, -1 while one before it is missing."""
    for _ in range(MESSAGE_PIECES):
        piece = pieces(words, base)[row]
        if piece.marks & FLAG_BEGIN:
            return row
        before = _piece(words, base, piece.association, piece.side, (piece.tsn - 1) & (TSNS - 1))
        if before < 0:
            return np.int64(-1)
        other = pieces(words, base)[before]
        if other.marks & FLAG_END or not _alike(piece, other):
            return np.int64(-1)
        row = before
    return np.int64(-1)


@part
def measure(words, base, row):  # type: ignore[no-untyped-def]
    """(fragments, octets) of the message that begins at fragment `row`; (0, 0) while one is missing."""
    octets = np.int64(0)
    for count in range(1, MESSAGE_PIECES + 1):
        piece = pieces(words, base)[row]
        octets += piece.length
        if piece.marks & FLAG_END:
            return np.int64(count), octets
        after = _piece(words, base, piece.association, piece.side, (piece.tsn + 1) & (TSNS - 1))
        if after < 0:
            return np.int64(0), np.int64(0)
        other = pieces(words, base)[after]
        if other.marks & FLAG_BEGIN or not _alike(piece, other):
            return np.int64(0), np.int64(0)
        row = after
    return np.int64(0), np.int64(0)


@part
def put_together(words, base, row, count, octets):  # type: ignore[no-untyped-def]
    """Copy `count` fragments from `row` on behind each other and let go of them; where they begin, or -1."""
    room = joined(words, base)
    start = words[base + JOINED_USED]
    fits = octets <= MESSAGE_OCTETS and start + octets <= len(room)
    to = start
    for _ in range(count):
        piece = pieces(words, base)[row]
        if fits:
            source = arena(words, base)
            at = piece.position % len(source)
            for k in range(piece.length):
                room[to + k] = source[at + k]
            to += piece.length
        following = _piece(words, base, piece.association, piece.side, (piece.tsn + 1) & (TSNS - 1))
        _release(words, base, row)
        row = following
    if not fits:
        words[base + FRAGMENTS_LOST] += count
        return np.int64(-1)
    words[base + JOINED_USED] = to
    return start
