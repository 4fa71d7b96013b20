"""Directions of SCTP associations: found by ports and verification tag, paired, and which TSNs they have shown.

An INIT ACK tells both tags of an association. Where it was not captured, two directions are one association when the
first packets of both were between the same addresses. A TSN seen before is a retransmission: WINDOW of them are
remembered. One out of all proportion (a flipped bit) counts as strange, until STRANGE_RUN in a row are near each other.
"""

import numpy as np

from formats.sctp import LEAP, STRANGE_RUN, WINDOW
from kernels import table
from kernels.hashing import mix
from kernels.jit import part
from kernels.sctp_state import (
    ADDRESSES,
    ASSOCIATIONS,
    ASSOCIATIONS_ENDED,
    DIRECTIONS,
    DIRECTIONS_EVICTED,
    DUPLICATES,
    HAND,
    STRANGE,
    TSNS,
    directions,
)

_SAMPLE = 8  # directions looked at for the one to evict
_U8 = np.uint64
_ONE = np.uint64(1)


@part
def _tag_hash(src_port, dst_port, tag):  # type: ignore[no-untyped-def]
    return mix(_U8(tag), _U8((np.int64(src_port) << 16) | np.int64(dst_port)))


@part
def _address_hash(src_hi, src_lo, dst_hi, dst_lo, src_port, dst_port):  # type: ignore[no-untyped-def]
    ports = _U8((np.int64(src_port) << 16) | np.int64(dst_port))
    return mix(mix(src_hi, src_lo), mix(dst_hi, dst_lo) ^ ports)


@part
def find(words, base, src_port, dst_port, tag):  # type: ignore[no-untyped-def]
    """Row of the direction with these ports and verification tag, -1 where there is none."""
    wanted = table.tag_of(_tag_hash(src_port, dst_port, tag))
    index = table.index_of(words, base + DIRECTIONS)
    slot = wanted & (len(index) - 1)
    while True:
        slot, row = table.candidate(index, wanted, slot)
        if row < 0:
            return row
        d = directions(words, base)[row]
        if d.tag == tag and d.src_port == src_port and d.dst_port == dst_port:
            return row
        slot = (slot + 1) & (len(index) - 1)


@part
def _unpaired(words, base, d):  # type: ignore[no-untyped-def]
    """The direction without a peer that was last seen between the addresses of `d`, the other way; -1 for none."""
    hashed = _address_hash(d.dst_hi, d.dst_lo, d.src_hi, d.src_lo, d.dst_port, d.src_port)
    wanted = table.tag_of(hashed)
    index = table.index_of(words, base + ADDRESSES)
    slot = wanted & (len(index) - 1)
    best = np.int64(-1)
    while True:
        slot, row = table.candidate(index, wanted, slot)
        if row < 0:
            return best
        other = directions(words, base)[row]
        if (
            other.peer < 0
            and other.src_lo == d.dst_lo
            and other.dst_lo == d.src_lo
            and other.src_hi == d.dst_hi
            and other.dst_hi == d.src_hi
            and other.src_port == d.dst_port
            and other.dst_port == d.src_port
            and (best < 0 or other.last_ts > directions(words, base)[best].last_ts)
        ):
            best = row
        slot = (slot + 1) & (len(index) - 1)


@part
def remove(words, base, row):  # type: ignore[no-untyped-def]
    """Forget a direction. Its fragments stay until they make room; no other direction can reach them."""
    d = directions(words, base)[row]
    if d.peer >= 0:
        directions(words, base)[d.peer].peer = -1
    table.unlink(words, base + DIRECTIONS, d.hash, row)
    table.unlink(words, base + ADDRESSES, d.address_hash, row)
    table.give(words, base + DIRECTIONS, row)
    words[base + ADDRESSES + table.LIVE] -= 1
    d.used = 0


@part
def _evict(words, base):  # type: ignore[no-untyped-def]
    """Of a few directions the one silent for longest makes room."""
    count = words[base + DIRECTIONS + table.CAPACITY]
    oldest = np.int64(-1)
    for _ in range(min(_SAMPLE, count)):
        row = words[base + HAND] % count
        words[base + HAND] = row + 1
        rows = directions(words, base)
        if rows[row].used and (oldest < 0 or rows[row].last_ts < rows[oldest].last_ts):
            oldest = row
    if oldest >= 0:
        remove(words, base, oldest)
        words[base + DIRECTIONS_EVICTED] += 1


@part
def _add(words, base, src_port, dst_port, tag):  # type: ignore[no-untyped-def]
    """A fresh direction, not yet of an association and without addresses; linked by its tag."""
    if words[base + DIRECTIONS + table.LIVE] >= words[base + DIRECTIONS + table.CAPACITY]:
        _evict(words, base)
    row = table.take(words, base + DIRECTIONS)
    d = directions(words, base)[row]
    d.hash = _tag_hash(src_port, dst_port, tag)
    d.src_port, d.dst_port, d.tag = src_port, dst_port, tag
    d.association, d.peer, d.side, d.used = 0, -1, 0, 1
    d.started, d.strange, d.stray, d.highest = 0, 0, 0, 0
    for k in range(WINDOW // 64):
        d.seen[k] = _U8(0)
    table.link(words, base + DIRECTIONS, d.hash, row)
    return row


@part
def _place(words, base, row, src_hi, src_lo, dst_hi, dst_lo, ts):  # type: ignore[no-untyped-def]
    """Give a fresh direction its addresses."""
    d = directions(words, base)[row]
    d.src_hi, d.src_lo, d.dst_hi, d.dst_lo, d.last_ts = src_hi, src_lo, dst_hi, dst_lo, ts
    d.address_hash = _address_hash(src_hi, src_lo, dst_hi, dst_lo, d.src_port, d.dst_port)
    words[base + ADDRESSES + table.LIVE] += 1
    table.link(words, base + ADDRESSES, d.address_hash, row)


@part
def _join(words, base, first, second):  # type: ignore[no-untyped-def]
    """Two directions are one association: that of `first`, which is made if it has none."""
    rows = directions(words, base)
    if rows[first].association == 0:
        _begin_association(words, base, first)
    rows[first].peer, rows[second].peer = second, first
    rows[second].association, rows[second].side = rows[first].association, 1 - rows[first].side


@part
def _begin_association(words, base, row):  # type: ignore[no-untyped-def]
    """Number a direction's association; the numbers begin at 1."""
    words[base + ASSOCIATIONS] += 1
    directions(words, base)[row].association = words[base + ASSOCIATIONS]


@part
def learn(words, base, p, src_port, dst_port, tag):  # type: ignore[no-untyped-def]
    """The direction of a DATA chunk that no INIT ACK told of: alone, or the missing half of another."""
    row = _add(words, base, src_port, dst_port, tag)
    _place(words, base, row, p.src_hi, p.src_lo, p.dst_hi, p.dst_lo, p.ts)
    other = _unpaired(words, base, directions(words, base)[row])
    if other >= 0 and other != row:
        _join(words, base, other, row)
    else:
        _begin_association(words, base, row)
    return row


@part
def init_ack(words, base, p, src_port, dst_port, tag, own_tag):  # type: ignore[no-untyped-def]
    """An INIT ACK: its header has the tag of the side that sent INIT, its chunk that of the side which answers."""
    answer = find(words, base, src_port, dst_port, tag)
    asked = find(words, base, dst_port, src_port, own_tag)
    if answer >= 0 and asked >= 0 and directions(words, base)[answer].peer == asked:
        return
    if asked < 0:
        asked = _add(words, base, dst_port, src_port, own_tag)
        _place(words, base, asked, p.dst_hi, p.dst_lo, p.src_hi, p.src_lo, p.ts)
        answer = find(words, base, src_port, dst_port, tag)  # it may have made room
    if answer < 0:
        answer = _add(words, base, src_port, dst_port, tag)
        _place(words, base, answer, p.src_hi, p.src_lo, p.dst_hi, p.dst_lo, p.ts)
    rows = directions(words, base)
    if rows[asked].used == 0 or rows[asked].tag != own_tag or asked == answer:
        return  # a table of one row
    for row in (answer, asked):
        if rows[row].peer >= 0:
            rows[rows[row].peer].peer = -1
            rows[row].peer = -1
    _join(words, base, asked, answer)


@part
def end(words, base, src_port, dst_port, tag, reflected):  # type: ignore[no-untyped-def]
    """ABORT or SHUTDOWN COMPLETE: forget both directions; number of the association, 0 for one that is not known."""
    row = find(words, base, dst_port, src_port, tag) if reflected else find(words, base, src_port, dst_port, tag)
    if row < 0:
        return np.int64(0)
    words[base + ASSOCIATIONS_ENDED] += 1
    association = np.int64(directions(words, base)[row].association)
    peer = np.int64(directions(words, base)[row].peer)
    remove(words, base, row)
    if peer >= 0:
        remove(words, base, peer)
    return association


# --- transmission sequence numbers --------------------------------------------------------------------------------


@part
def _bit(tsn):  # type: ignore[no-untyped-def]
    """(word, mask) of a TSN in the window."""
    place = tsn & (WINDOW - 1)
    return place >> 6, _ONE << _U8(place & 63)


@part
def _distance(tsn, other):  # type: ignore[no-untyped-def]
    """How far `tsn` is ahead of `other`, by serial number arithmetic (RFC 1982); negative where it is behind."""
    return ((tsn - other + (TSNS >> 1)) & (TSNS - 1)) - (TSNS >> 1)


@part
def _begins_anew(d, tsn):  # type: ignore[no-untyped-def]
    """Whether a strange TSN is the last of so many near each other that it is the rest which was wrong."""
    near = d.strange > 0 and abs(_distance(tsn, d.stray)) < WINDOW
    d.strange = d.strange + 1 if near else 1
    d.stray = tsn
    return d.strange >= STRANGE_RUN


@part
def first_time(words, base, row, tsn):  # type: ignore[no-untyped-def]
    """Whether a TSN is met for the first time; it is remembered."""
    d = directions(words, base)[row]
    ahead = _distance(tsn, d.highest)
    if d.started == 0 or ahead > LEAP or ahead <= -WINDOW:
        if d.started and not _begins_anew(d, tsn):
            words[base + STRANGE] += 1
            return False
        ahead = np.int64(0)
        d.started, d.highest = 1, tsn
        for k in range(WINDOW // 64):
            d.seen[k] = _U8(0)
    d.strange = 0
    word, mask = _bit(tsn)
    if ahead > 0:
        for step in range(1, min(ahead, WINDOW) + 1):
            passed, gone = _bit(d.highest + step)
            d.seen[passed] &= ~gone
        d.highest = tsn
    elif d.seen[word] & mask:
        words[base + DUPLICATES] += 1
        return False
    d.seen[word] |= mask
    return True
