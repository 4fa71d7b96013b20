"""Coded identities to text: IP addresses, digits and cells, straight into the buffers of an Arrow string column.

Each `format_*` kernel fills `out_offsets` int32[n + 1] and `out_data` uint8[n * WIDTH_*] and returns the octets used;
a null takes no octets. Codes as in `formats.addresses`. About 10 ns an IPv4 address.
"""

import numpy as np

from formats.addresses import CELL_CGI, CELL_ECGI, CELL_RAI, CELL_SAI, CELL_TAI
from kernels.jit import kernel

WIDTH_IP = 39
WIDTH_DIGITS = 16
WIDTH_CELL = 20
"""The most octets that one value can take: 8 groups of IPv6, 16 digits, MCC-MNC and 36 bits or two 16-bit numbers."""

_U8 = np.uint64
_COLON, _DOT, _DASH, _ZERO = 58, 46, 45, 48
_MAPPED = 0xFFFF  # hi = 0 and the upper half of lo 0x0000FFFF: an IPv4 address


@kernel
def _decimal(value, at, out_data):  # type: ignore[no-untyped-def]
    """Write `value` >= 0 in decimal at `at`; the position after it."""
    digits = 1
    rest = value // 10
    while rest > 0:
        digits += 1
        rest //= 10
    end = at + digits
    rest = value
    for back in range(digits):
        out_data[end - 1 - back] = _ZERO + rest % 10
        rest //= 10
    return end


@kernel
def _hex(value, at, out_data):  # type: ignore[no-untyped-def]
    """Write 16 bits in lower-case hexadecimal without leading zeros (RFC 5952 §4.1, §4.3)."""
    started = False
    for shift in (12, 8, 4, 0):
        nibble = (value >> shift) & 15
        started = started or nibble != 0 or shift == 0
        if started:
            out_data[at] = _ZERO + nibble if nibble < 10 else 87 + nibble
            at += 1
    return at


@kernel
def _group(hi, lo, i):  # type: ignore[no-untyped-def]
    """Group `i` (0 to 7) of an IPv6 address, as int64."""
    if i < 4:
        return np.int64((hi >> _U8(48 - 16 * i)) & _U8(0xFFFF))
    return np.int64((lo >> _U8(112 - 16 * i)) & _U8(0xFFFF))


@kernel
def _longest_zero_run(hi, lo):  # type: ignore[no-untyped-def]
    """Start and length of the first longest run of zero groups; length 0 where no run has two (RFC 5952 §4.2)."""
    best_at, best, run = 0, 1, 0
    for i in range(8):
        run = run + 1 if _group(hi, lo, i) == 0 else 0
        if run > best:
            best, best_at = run, i - run + 1
    return best_at, best if best > 1 else 0


@kernel
def _ipv6(hi, lo, at, out_data):  # type: ignore[no-untyped-def]
    """Write an IPv6 address as RFC 5952 has it; the position after it."""
    skip_at, skip = _longest_zero_run(hi, lo)
    i = 0
    while i < 8:
        if skip > 0 and i == skip_at:
            out_data[at] = _COLON
            out_data[at + 1] = _COLON
            at += 2
            i += skip
            continue
        if i > 0 and not (skip > 0 and i == skip_at + skip):
            out_data[at] = _COLON
            at += 1
        at = _hex(_group(hi, lo, i), at, out_data)
        i += 1
    return at


@kernel
def _ipv4(address, at, out_data):  # type: ignore[no-untyped-def]
    """Write an IPv4 address (32 bits, int64) in dotted decimal."""
    at = _decimal((address >> 24) & 255, at, out_data)
    for shift in (16, 8, 0):
        out_data[at] = _DOT
        at = _decimal((address >> shift) & 255, at + 1, out_data)
    return at


@kernel
def format_ips(hi, lo, out_offsets, out_data):  # type: ignore[no-untyped-def]
    """`hi`, `lo`: uint64[n] addresses, (0, 0) null -> text of RFC 5952 or dotted decimal; octets used."""
    at = np.int64(0)
    out_offsets[0] = 0
    for i in range(hi.size):
        if hi[i] == _U8(0) and np.int64(lo[i] >> _U8(32)) == _MAPPED:
            at = _ipv4(np.int64(lo[i] & _U8(0xFFFFFFFF)), at, out_data)
        elif hi[i] != _U8(0) or lo[i] != _U8(0):
            at = _ipv6(hi[i], lo[i], at, out_data)
        out_offsets[i + 1] = at
    return at


@kernel
def _digits(value, count, at, out_data):  # type: ignore[no-untyped-def]
    """Write nibbles from the highest down, at most `count`, up to the filler 0xF (or what is no digit)."""
    for i in range(count):
        nibble = np.int64((value >> _U8(60 - 4 * i)) & _U8(15))
        if nibble > 9:
            break
        out_data[at] = _ZERO + nibble
        at += 1
    return at


@kernel
def format_digits(values, count, out_offsets, out_data):  # type: ignore[no-untyped-def]
    """`values`: uint64[n] digits -> the first `count` of each as text; octets used."""
    at = np.int64(0)
    out_offsets[0] = 0
    for i in range(values.size):
        at = _digits(values[i], count, at, out_data)
        out_offsets[i + 1] = at
    return at


@kernel
def _cell(cell, at, out_data):  # type: ignore[no-untyped-def]
    """Write one cell as MCC-MNC-identity, the identity of 2G/3G in two numbers."""
    kind = np.int64(cell >> _U8(60))
    plmn = np.int64((cell >> _U8(36)) & _U8(0xFFFFFF))
    identity = np.int64(cell & _U8(0xFFFFFFFFF))
    for nibble in range(6):
        digit = (plmn >> (20 - 4 * nibble)) & 15
        if nibble == 3:
            out_data[at] = _DASH
            at += 1
        if digit <= 9:
            out_data[at] = _ZERO + digit
            at += 1
    out_data[at] = _DASH
    at += 1
    if kind in (CELL_CGI, CELL_SAI, CELL_RAI):
        at = _decimal((identity >> 16) & 0xFFFF, at, out_data)
        out_data[at] = _DASH
        return _decimal(identity & 0xFFFF, at + 1, out_data)
    return _decimal(identity, at, out_data)


@kernel
def format_cells(cells, out_offsets, out_data):  # type: ignore[no-untyped-def]
    """`cells`: uint64[n] cells, 0 or an unknown kind null -> MCC-MNC-ECI, MCC-MNC-LAC-CI, ...; octets used."""
    at = np.int64(0)
    out_offsets[0] = 0
    for i in range(cells.size):
        kind = np.int64(cells[i] >> _U8(60))
        if kind >= CELL_ECGI and kind <= CELL_TAI:
            at = _cell(cells[i], at, out_data)
        out_offsets[i + 1] = at
    return at
