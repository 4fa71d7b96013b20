"""Text out of packets: access point names, and the hash that names are grouped by."""

import numpy as np

from kernels.jit import kernel
from kernels.signalling import MESSAGE_TEXT

_U8 = np.uint64
_FNV_OFFSET = np.uint64(0xCBF2_9CE4_8422_2325)
_FNV_PRIME = np.uint64(0x0000_0100_0000_01B3)
_DOT = 0x2E
_QUESTION_MARK = 0x3F
_OPERATOR_IDENTIFIER = np.frombuffer(b".mnc###.mcc###.gprs", np.uint8)
_DIGIT = 0x23  # '#': any decimal digit


@kernel
def hash_octets(data, lo, hi):  # type: ignore[no-untyped-def]
    """FNV-1a, its halves folded, of uint8 data[lo:hi], as uint64; never 0, which means no text."""
    state = _FNV_OFFSET
    for at in range(lo, hi):
        state = (state ^ _U8(data[at])) * _FNV_PRIME
    state ^= state >> _U8(32)
    return state if state != _U8(0) else _U8(1)


@kernel
def printable(octet):  # type: ignore[no-untyped-def]
    """Lower-case ASCII of an octet; what does not print becomes a question mark, so that text is always text."""
    value = np.int64(octet)
    if value <= 0x20 or value >= 0x7F:
        return _QUESTION_MARK
    return value + 32 if 0x41 <= value <= 0x5A else value


@kernel
def dotted_name(data, at, length, text, to):  # type: ignore[no-untyped-def]
    """Write labels (a length octet each, TS 23.003 §9.1) as dotted lower-case text at `text[to:]`.

    Returns the octets written, at most MESSAGE_TEXT, or -1 if a label reaches past the end or the name is too long.
    """
    end = at + length
    size = np.int64(0)
    while at < end and data[at] != 0:
        label = np.int64(data[at])
        at += 1
        if at + label > end or size + label + 1 > MESSAGE_TEXT:
            return -1
        if size > 0:
            text[to + size] = _DOT
            size += 1
        for k in range(label):
            text[to + size + k] = printable(data[at + k])
        size += label
        at += label
    return size


@kernel
def network_identifier(text, to, size):  # type: ignore[no-untyped-def]
    """Octets of an access point name without its operator identifier `.mncNNN.mccNNN.gprs` (TS 23.003 §9.1.2)."""
    start = to + size - len(_OPERATOR_IDENTIFIER)
    if start <= to:
        return size
    for k in range(len(_OPERATOR_IDENTIFIER)):
        want, have = _OPERATOR_IDENTIFIER[k], text[start + k]
        if want == _DIGIT:
            if have < 0x30 or have > 0x39:
                return size
        elif want != have:
            return size
    return start - to
