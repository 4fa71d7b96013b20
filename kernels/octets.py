"""Big-endian reads. The caller has checked the length: nothing here looks at it again.

Each returns int64 (mixing int64 and uint64 would give float64), except the address reads, which fill 64 bits and stay
uint64. `data` is a uint8[n], `at` an octet offset.
"""

import numpy as np

from kernels.jit import kernel

_U8 = np.uint64


@kernel
def be16(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 16 bits at `at`, as int64."""
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@kernel
def be24(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 24 bits at `at`, as int64."""
    return (np.int64(data[at]) << 16) | (np.int64(data[at + 1]) << 8) | np.int64(data[at + 2])


@kernel
def be32(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 32 bits at `at`, as int64."""
    return (
        (np.int64(data[at]) << 24)
        | (np.int64(data[at + 1]) << 16)
        | (np.int64(data[at + 2]) << 8)
        | np.int64(data[at + 3])
    )


@kernel
def be64(data, at):  # type: ignore[no-untyped-def]
    """64 bits at `at`, as uint64."""
    return (_U8(be32(data, at)) << _U8(32)) | _U8(be32(data, at + 4))
