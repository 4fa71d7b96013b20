"""Texts to numbers: each distinct text gets a code, in order of first appearance, and keeps it.

A table of texts is three arrays that grow: `arena` (octets of all texts, one after another), `records` (four words a
code: the first sixteen octets, where the text begins in the arena with its length, and its hash) and `slots` (an
open-addressing table of hash tag and code). Texts of up to sixteen octets (identities, cells) are compared by their
record alone. Two texts are never taken for one: what decides is the text, not its hash.
"""

import numpy as np

from kernels.jit import inlined, kernel, part
from kernels.prefetch import prefetch_row
from kernels.unaligned import word_at

__all__ = ["intern_texts", "pack_texts", "rehash", "share_texts"]

_U8 = np.uint64
_MIX = np.uint64(0x9E3779B97F4A7C15)
_S8, _S29, _S32, _S33 = np.uint64(8), np.uint64(29), np.uint64(32), np.uint64(33)
_LOW = np.uint64(0xFFFFFFFF)
_LENGTH = np.uint64(24)
_NOTHING = np.uint64(0)
BATCH = 32
LONGEST = (1 << 24) - 1
"""Octets of a text that tell it from others; what follows is cut."""
CODES, ARENA = 0, 1
"""In `state`: how many codes there are, how many octets of the arena are used."""


@inlined
def _word(data, first, end):  # type: ignore[no-untyped-def]
    """Up to eight octets data[first:end], the first one lowest; 0 for none."""
    octets = end - first
    if octets >= 8:
        return word_at(data, first)
    if octets > 0 and first + 8 <= data.size:
        return word_at(data, first) & ((_U8(1) << _U8(8 * octets)) - _U8(1))
    word = _NOTHING
    for i in range(end - 1, first - 1, -1):
        word = (word << _S8) | _U8(data[i])
    return word


@inlined
def _mixed(seed, word):  # type: ignore[no-untyped-def]
    value = (seed ^ word) * _MIX
    return value ^ (value >> _S29)


@inlined
def _describe(data, first, end, out, base):  # type: ignore[no-untyped-def]
    """The record of a text into out[base:base + 4]: two words, its length, its hash."""
    length = end - first
    low, high = _word(data, first, end), _word(data, first + 8, end)
    value = _mixed(_mixed(_U8(length), low), high)
    at = first + 16
    while at < end:
        value = _mixed(value, _word(data, at, end))
        at += 8
    out[base], out[base + 1] = low, high
    out[base + 2] = _U8(length)
    out[base + 3] = _mixed(value, value >> _S32)


@part
def _same_rest(data, first, end, arena, place):  # type: ignore[no-untyped-def]
    """Whether the octets after the sixteenth are those of the text at arena[place]."""
    for i in range(16, end - first):
        if data[first + i] != arena[place + i]:
            return False
    return True


@part
def _insert(data, first, end, told, base, arena, records, slots, at, state):  # type: ignore[no-untyped-def]
    """A new code for a text, in the empty slot `at`; the code."""
    code, place = state[CODES], state[ARENA]
    for i in range(end - first):
        arena[place + i] = data[first + i]
    records[code * 4], records[code * 4 + 1] = told[base], told[base + 1]
    records[code * 4 + 2] = (_U8(place) << _LENGTH) | told[base + 2]
    records[code * 4 + 3] = told[base + 3]
    slots[at] = ((told[base + 3] >> _S32) << _S32) | _U8(code + 1)
    state[CODES], state[ARENA] = code + 1, place + end - first
    return code


@inlined
def _find(data, first, end, told, base, arena, records, slots, state):  # type: ignore[no-untyped-def]
    """The code of a text, a new one if it has none yet."""
    mask = slots.size - 1
    at = np.int64(told[base + 3] & _U8(mask))
    tag = told[base + 3] >> _S32
    while slots[at] != _NOTHING:
        if slots[at] >> _S32 == tag:
            code = np.int64(slots[at] & _LOW) - 1
            place = records[code * 4 + 2]
            if records[code * 4] == told[base] and records[code * 4 + 1] == told[base + 1]:
                if place & _U8(LONGEST) == told[base + 2]:
                    if end - first <= 16 or _same_rest(data, first, end, arena, np.int64(place >> _LENGTH)):
                        return code
        at = (at + 1) & mask
    return _insert(data, first, end, told, base, arena, records, slots, at, state)


@inlined
def _look_ahead(told, count, records, slots):  # type: ignore[no-untyped-def]
    """Have the lines that a batch will need on their way: first the slots, then the records they name."""
    mask = _U8(slots.size - 1)
    for b in range(count):
        prefetch_row(slots, np.int64(told[4 * b + 3] & mask))
    for b in range(count):
        found = slots[np.int64(told[4 * b + 3] & mask)]
        if found != _NOTHING:
            prefetch_row(records, (np.int64(found & _LOW) - 1) * 4)


@kernel
def intern_texts(data, offsets, valid, first, tables, state, out_codes):  # type: ignore[no-untyped-def]
    """Code texts `first` and later; the number of the first text that was not coded, because the tables are full.

    data: uint8[], offsets: int32[n + 1] (text i is data[offsets[i]:offsets[i + 1]]);  valid: bool[n], or [0] for all
    tables: (arena uint8[a], records uint64[4 c], slots uint64[power of two >= 2 c]);  state: int64[2], see CODES
    out_codes: int32[n], -1 for a null
    """
    arena, records, slots = tables
    number = offsets.size - 1
    told = np.empty(4 * BATCH, np.uint64)
    while first < number:
        count = min(BATCH, number - first)
        if state[CODES] + count > records.size // 4:
            return first
        if state[ARENA] + np.int64(offsets[first + count]) - np.int64(offsets[first]) > arena.size:
            return first
        for b in range(count):
            begin = np.int64(offsets[first + b])
            end = min(np.int64(offsets[first + b + 1]), begin + LONGEST)
            _describe(data, begin, end, told, 4 * b)
        _look_ahead(told, count, records, slots)
        for b in range(count):
            i = first + b
            if valid.size and not valid[i]:
                out_codes[i] = -1
                continue
            begin = np.int64(offsets[i])
            end = min(np.int64(offsets[i + 1]), begin + LONGEST)
            out_codes[i] = _find(data, begin, end, told, 4 * b, arena, records, slots, state)
        first += count
    return first


@kernel
def share_texts(data, offsets, valid, shares, out_shares):  # type: ignore[no-untyped-def]
    """Deal out texts to `shares` shares, equal ones to the same; nulls to the first.

    data, offsets, valid: as above;  out_shares: int32[n]
    """
    told = np.empty(4, np.uint64)
    for i in range(offsets.size - 1):
        out_shares[i] = 0
        if valid.size == 0 or valid[i]:
            _describe(data, np.int64(offsets[i]), np.int64(offsets[i + 1]), told, 0)
            out_shares[i] = np.int64((told[3] >> _S32) % _U8(shares))


@kernel
def rehash(records, count, out_slots):  # type: ignore[no-untyped-def]
    """Fill new slots with the codes 0 to count - 1.

    records: uint64[4 c];  out_slots: uint64[power of two >= 2 c], zeroed
    """
    mask = out_slots.size - 1
    for code in range(count):
        told = records[code * 4 + 3]
        at = np.int64(told & _U8(mask))
        while out_slots[at] != _NOTHING:
            at = (at + 1) & mask
        out_slots[at] = ((told >> _S32) << _S32) | _U8(code + 1)


@kernel
def pack_texts(arena, records, codes, symbols, how, out_words):  # type: ignore[no-untyped-def]
    """Texts as integers that sort as they do, in as many columns as the longest needs.

    arena, records: as above;  codes: int32[n];  symbols: int64[256], the rank from 1 of each octet that occurs
    how: int64[3], octets to pass over, bits a symbol, symbols a word;  out_words: int64[n, w]
    """
    skip, bits, width = how[0], how[1], how[2]
    for i in range(codes.size):
        place = records[np.int64(codes[i]) * 4 + 2]
        begin = np.int64(place >> _LENGTH)
        end = begin + np.int64(place & _U8(LONGEST))
        at = begin + skip
        for w in range(out_words.shape[1]):
            word = np.int64(0)
            for _ in range(width):
                word <<= bits
                if at < end:
                    word |= symbols[arena[at]]
                at += 1
            out_words[i, w] = word
