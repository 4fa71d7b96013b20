"""Reads in either byte order, for formats whose writer chose it. The caller has checked the length.

`octets` is uint8[n], `at` an octet offset, `big` whether the most significant octet comes first; results are int64.
"""

import numpy as np

from kernels.jit import kernel


@kernel
def u16(octets, at, big):  # type: ignore[no-untyped-def]
    """Unsigned 16 bits at `at`."""
    if big:
        return (np.int64(octets[at]) << 8) | np.int64(octets[at + 1])
    return (np.int64(octets[at + 1]) << 8) | np.int64(octets[at])


@kernel
def u32(octets, at, big):  # type: ignore[no-untyped-def]
    """Unsigned 32 bits at `at`."""
    first, second = np.int64(octets[at]), np.int64(octets[at + 1])
    third, fourth = np.int64(octets[at + 2]), np.int64(octets[at + 3])
    if big:
        return (first << 24) | (second << 16) | (third << 8) | fourth
    return (fourth << 24) | (third << 16) | (second << 8) | first


@kernel
def i64(octets, at, big):  # type: ignore[no-untyped-def]
    """64 bits at `at` as a signed number."""
    high, low = u32(octets, at, big), u32(octets, at + 4, big)
    if not big:
        high, low = low, high
    if high >= 1 << 31:
        high -= 1 << 32
    return (high << 32) | low
