"""Big-endian reads of several octets as one load, for the parse that every packet goes through.

As `kernels.octets` (the caller has checked the length, results are int64), but an offset must not be negative: an
unsigned index has no wrap-around, and without that LLVM joins the octets into one load.
"""

import numpy as np

from kernels.jit import inlined

_U8 = np.uint64


@inlined
def octet(data, at):  # type: ignore[no-untyped-def]
    """The octet at `at` (not negative), as int64."""
    return np.int64(data[_U8(at)])


@inlined
def be16(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 16 bits at `at`, as int64."""
    return (octet(data, at) << 8) | octet(data, at + 1)


@inlined
def be24(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 24 bits at `at`, as int64."""
    return (be16(data, at) << 8) | octet(data, at + 2)


@inlined
def be32(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 32 bits at `at`, as int64."""
    return (be16(data, at) << 16) | be16(data, at + 2)


@inlined
def be64(data, at):  # type: ignore[no-untyped-def]
    """64 bits at `at`, as uint64."""
    return (_U8(be32(data, at)) << _U8(32)) | _U8(be32(data, at + 4))
