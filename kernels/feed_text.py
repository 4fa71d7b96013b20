"""Text columns of a feed (Arrow's offsets and octets) to coded numbers.

Each takes `offsets` int32[n + 1] and `data` uint8[m], and fills `out` for each text; what a kernel cannot read has
out_good 0 and is left to slower code, which knows more forms.
"""

import numpy as np

from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI
from kernels.ber import digest
from kernels.cdr_values import text_ipv4, word_digits
from kernels.hashing import fold
from kernels.jit import kernel, part
from kernels.location import cell_code

__all__ = [
    "addresses_of", "cells_of", "count_copies", "digits_of", "identities_of", "integers_of", "put_digests",
]  # fmt: skip

_NOWHERE = np.uint64(0)
_CGI, _ECGI, _NCGI = np.int64(CELL_CGI), np.int64(CELL_ECGI), np.int64(CELL_NCGI)
_MOST_DIGITS = 18
_U8 = np.uint64
_SEED = np.uint64(0x9E37_79B9_7F4A_7C15)
_SIGN = np.uint64(0x7FFF_FFFF_FFFF_FFFF)


@kernel
def digits_of(offsets, data, out):  # type: ignore[no-untyped-def]
    """out: uint64[n], the digits at the start of each text, coded as in `formats.addresses`."""
    for i in range(len(out)):
        out[i] = word_digits(data, offsets[i], offsets[i + 1] - offsets[i])


@kernel
def identities_of(offsets, data, out):  # type: ignore[no-untyped-def]
    """out: int64[n], 63 bits of each text, never 0."""
    for i in range(len(out)):
        out[i] = digest(data, offsets[i], offsets[i + 1])


@part
def decimal(data, at, end):  # type: ignore[no-untyped-def]
    """(value int64, octet after it): decimal digits, at most 18; the octet is `at` where there are none."""
    value, first = np.int64(0), at
    while at < end and at - first < _MOST_DIGITS and 0x30 <= data[at] <= 0x39:
        value = value * 10 + np.int64(data[at]) - 0x30
        at += 1
    return value, at


@kernel
def integers_of(offsets, data, out, out_good):  # type: ignore[no-untyped-def]
    """out: int64[n]; out_good: uint8[n], 1 for plain decimal digits, with a minus or without."""
    for i in range(len(out)):
        at, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        minus = at < end and data[at] == 0x2D
        if minus:
            at += 1
        value, after = decimal(data, at, end)
        out[i] = -value if minus else value
        out_good[i] = 1 if after == end and after > at else 0


@kernel
def addresses_of(offsets, data, out, out_good):  # type: ignore[no-untyped-def]
    """out: uint64[n], low half of IPv4 in dotted decimals; out_good: uint8[n]."""
    for i in range(len(out)):
        length = offsets[i + 1] - offsets[i]
        out[i] = text_ipv4(data, offsets[i], length) if length <= 15 else _NOWHERE
        out_good[i] = 1 if out[i] != _NOWHERE else 0


@part
def cell_of(data, at, end):  # type: ignore[no-untyped-def]
    """Cell (uint64) of MCC-MNC-ECI, MCC-MNC-NCI or MCC-MNC-LAC-CI in data[at:end]; 0 for anything else."""
    mcc, after = decimal(data, at, end)
    if after - at != 3 or after >= end or data[after] != 0x2D:
        return _NOWHERE
    at = after + 1
    mnc, after = decimal(data, at, end)
    size = after - at
    if size < 2 or size > 3 or after >= end or data[after] != 0x2D:
        return _NOWHERE
    network = np.int64(0)
    for digit in (mcc // 100, mcc // 10 % 10, mcc % 10):
        network = (network << 4) | digit
    low = (mnc // 100 << 8) | (mnc // 10 % 10 << 4) | mnc % 10 if size == 3 else (mnc // 10 << 8) | (mnc % 10 << 4) | 15
    network = (network << 12) | low
    at = after + 1
    first, after = decimal(data, at, end)
    if after == at:
        return _NOWHERE
    if after == end:
        if first >= 1 << 36:
            return _NOWHERE
        return cell_code(_ECGI if first < 1 << 28 else _NCGI, network, first)
    at = after + 1
    second, last = decimal(data, at, end)
    if data[after] != 0x2D or last == at or last != end or max(first, second) >= 1 << 16:
        return _NOWHERE
    return cell_code(_CGI, network, (first << 16) | second)


@kernel
def cells_of(offsets, data, out, out_good):  # type: ignore[no-untyped-def]
    """out: uint64[n], cells as in `formats.addresses`; out_good: uint8[n]."""
    for i in range(len(out)):
        out[i] = cell_of(data, np.int64(offsets[i]), np.int64(offsets[i + 1]))
        out_good[i] = 1 if out[i] != _NOWHERE else 0


@kernel
def put_digests(offsets, data, out):  # type: ignore[no-untyped-def]
    """out: int64[n] of a row so far; that of its next text is put into it."""
    for i in range(len(out)):
        value = fold(_U8(out[i]) ^ _U8(digest(data, offsets[i], offsets[i + 1])), _SEED) & _SIGN
        out[i] = np.int64(max(value, _U8(1)))


@kernel
def count_copies(digests, number, keys, counts, used, out_copy):  # type: ignore[no-untyped-def]
    """Mark rows of file `number` that an earlier file has as often; rows that were looked at.

    digests: int64[n]; keys: int64[2^k], 0 free; counts: int32[2^k, 3], the file of the last such row, how many that
    file has so far, and the most that any file before it has; used: int64[1], at most half of the slots;
    out_copy: uint8[n].
    """
    mask = len(keys) - 1
    for i in range(len(digests)):
        slot = digests[i] & mask
        while keys[slot] != 0 and keys[slot] != digests[i]:
            slot = (slot + 1) & mask
        if keys[slot] == 0:
            if 2 * used[0] >= len(keys):
                return i
            keys[slot] = digests[i]
            counts[slot, 0] = number
            used[0] += 1
        if counts[slot, 0] != number:
            counts[slot, 2] = max(counts[slot, 2], counts[slot, 1])
            counts[slot, 0], counts[slot, 1] = number, 0
        counts[slot, 1] += 1
        out_copy[i] = 1 if counts[slot, 1] <= counts[slot, 2] else 0
    return len(digests)
