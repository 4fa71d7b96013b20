"""Aligned PER, read by hand: a `formats.per.READER` walks over data, uint8[n], bit by bit where need be.

A read that would go past the end gives 0, sets `fault` and leaves the reader at the end; so a sequence of reads is
written as if all were well, and the fault is looked at where something is kept. Numbers are int64.
"""

import numpy as np

from formats.per import FRAGMENT_OCTETS
from kernels.jit import part
from kernels.wide import octet

_NOTHING = np.int64(0)
_NOWHERE = np.int64(-1)


@part
def begin(r, lo, hi):  # type: ignore[no-untyped-def]
    """Set the reader on data[lo:hi]."""
    r.at = lo << 3
    r.end = hi << 3
    r.fault = 0
    r.damage = 0
    r.whole = 0


@part
def fail(r):  # type: ignore[no-untyped-def]
    """Nothing more can be read of this part; 0."""
    r.at = r.end
    r.fault = 1
    return _NOTHING


@part
def enter(r, lo, hi, whole):  # type: ignore[no-untyped-def]
    """Read the part data[lo:hi] next; `leave` comes back."""
    r.at = lo << 3
    r.end = hi << 3
    r.whole = whole


@part
def leave(r, at, end, whole):  # type: ignore[no-untyped-def]
    """Back to where the reader stood before `enter`; a fault inside the part is damage, and no fault outside it."""
    r.damage |= r.fault
    r.fault = 0
    r.at = at
    r.end = end
    r.whole = whole


@part
def bits(data, r, count):  # type: ignore[no-untyped-def]
    """The next `count` (0 to 48) bits."""
    at = r.at
    if r.end - at < count:
        return fail(r)
    r.at = at + count
    last = (at + count + 7) >> 3
    value = np.int64(0)
    for k in range(at >> 3, last):
        value = (value << 8) | octet(data, k)
    return (value >> ((last << 3) - at - count)) & ((np.int64(1) << count) - 1)


@part
def skip(r, count):  # type: ignore[no-untyped-def]
    """Go on to the next octet boundary and over `count` octets: where they begin, -1 where they are not there."""
    at = (r.at + 7) >> 3
    if count < 0 or (at + count) << 3 > r.end:
        fail(r)
        return _NOWHERE
    r.at = (at + count) << 3
    return at


@part
def number(data, r, count):  # type: ignore[no-untyped-def]
    """`count` (up to 7) octets from the next boundary on, as an unsigned number."""
    at = skip(r, count)
    value = np.int64(0)
    if at >= 0:
        for k in range(at, at + count):
            value = (value << 8) | octet(data, k)
    return value


@part
def long_integer(data, r, width):  # type: ignore[no-untyped-def]
    """INTEGER of a range above 65536 (§11.5.7.4), less its lower bound; `width` bits tell the number of octets."""
    count = bits(data, r, width) + 1
    return number(data, r, count) if count <= 7 else fail(r)


@part
def length(data, r):  # type: ignore[no-untyped-def]
    """Length determinant (§11.9.3.5-8); a fragment of -n octets, after which another determinant comes, is -n."""
    first = number(data, r, 1)
    if first < 0x80:
        return first
    if first < 0xC0:
        return ((first & 0x3F) << 8) | number(data, r, 1)
    blocks = first & 0x3F
    return -blocks * FRAGMENT_OCTETS if 1 <= blocks <= 4 else fail(r)


@part
def unconstrained(data, r):  # type: ignore[no-untyped-def]
    """INTEGER outside the root of its range (§13.2.6): length, two's complement; above 6 octets a fault."""
    count = length(data, r)
    if count < 1 or count > 6:
        return fail(r)
    value = number(data, r, count)
    return value - (np.int64(1) << (8 * count)) if value >> (8 * count - 1) else value


@part
def small_number(data, r):  # type: ignore[no-untyped-def]
    """Normally small non-negative whole number (§11.6): below 64 in 7 bits."""
    if not bits(data, r, 1):
        return bits(data, r, 6)
    count = length(data, r)
    return number(data, r, count) if 0 <= count <= 4 else fail(r)


@part
def enumerated(data, r, width, root):  # type: ignore[no-untyped-def]
    """Index in an extensible ENUMERATED of `root` values, which take `width` bits; extensions count on after them.

    None has 128 values: an index beyond is a fault.
    """
    if not bits(data, r, 1):
        return bits(data, r, width)
    index = root + small_number(data, r)
    return index if index < 128 else fail(r)


@part
def content(data, r, whole, used):  # type: ignore[no-untyped-def]
    """The octets of an open type or OCTET STRING: (lo, hi, whole), lo -1 where they are not there.

    They lie in `data`; those in fragments (§11.9.3.8) are copied to `whole`, uint8[m], from used[-1] on.
    """
    size = length(data, r)
    if size >= 0:
        lo = skip(r, size)
        return (_NOWHERE if r.fault else lo), lo + size, np.int64(r.whole)
    lo = np.int64(used[-1])
    to = lo
    while not r.fault:
        last = size >= 0
        size = abs(size)
        at = skip(r, size)
        if at < 0:
            break
        if to + size > len(whole):
            r.damage = 1
            return _NOWHERE, _NOWHERE, _NOTHING
        for k in range(size):
            whole[to + k] = data[at + k]
        to += size
        if last:
            used[-1] = to
            return lo, to, np.int64(1)
        size = length(data, r)
    return _NOWHERE, _NOWHERE, _NOTHING


@part
def pass_over(data, r):  # type: ignore[no-untyped-def]
    """Go over an open type or OCTET STRING, fragmented or not."""
    size = length(data, r)
    while size < 0:
        skip(r, -size)
        size = length(data, r)
    skip(r, size)


@part
def field(data, r):  # type: ignore[no-untyped-def]
    """The id of a ProtocolIE or ProtocolExtension field, whose value comes next; the criticality is passed over."""
    at = skip(r, 3)
    return (octet(data, at) << 8) | octet(data, at + 1) if at >= 0 else _NOWHERE


@part
def sequence(data, r, options):  # type: ignore[no-untyped-def]
    """The preamble of an extensible SEQUENCE: extension bit, a bit for each of `options` OPTIONAL members."""
    return bits(data, r, options + 1)


@part
def end_sequence(data, r, preamble, options):  # type: ignore[no-untyped-def]
    """What follows the other members: iE-Extensions, the last OPTIONAL one, and extension additions (§19.7)."""
    if preamble & 1:
        pass_extensions(data, r)
    if preamble >> options:
        pass_additions(data, r)


@part
def pass_extensions(data, r):  # type: ignore[no-untyped-def]
    """ProtocolExtensionContainer: 1 to 65535 fields."""
    for _ in range(number(data, r, 2) + 1):
        field(data, r)
        pass_over(data, r)
        if r.fault:
            break


@part
def pass_additions(data, r):  # type: ignore[no-untyped-def]
    """Extension additions of a SEQUENCE: how many, a bit for each, those that are there as open types."""
    count = small_number(data, r) + 1
    if count > 64:
        fail(r)
        return
    present = 0
    for _ in range(count):
        present += bits(data, r, 1)
    for _ in range(present):
        pass_over(data, r)


@part
def pass_choice(data, r):  # type: ignore[no-untyped-def]
    """An alternative of an extensible CHOICE that is not in its root (§23.8), after the extension bit."""
    small_number(data, r)
    pass_over(data, r)
