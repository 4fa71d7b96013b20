"""Text columns of a feed (Arrow's offsets and octets) to coded numbers."""

from kernels.cdr_values import word_digits
from kernels.jit import kernel

__all__ = ["digits_of"]


@kernel
def digits_of(offsets, data, out):  # type: ignore[no-untyped-def]
    """out: uint64[n], the digits at the start of each text, coded as in `formats.addresses`.

    offsets: int32[n + 1]; data: uint8[m].
    """
    for i in range(len(out)):
        out[i] = word_digits(data, offsets[i], offsets[i + 1] - offsets[i])
