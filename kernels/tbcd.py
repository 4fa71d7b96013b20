"""Telephony BCD (TS 29.002 §17.7.8 TBCD-STRING): IMSI, MSISDN, IMEI."""

import numpy as np

from formats.addresses import NO_DIGITS
from kernels.jit import kernel
from kernels.octets import be64

_U8 = np.uint64
_LOW = np.uint64(0x0F0F_0F0F_0F0F_0F0F)
_TOP_BITS = np.uint64(0x8888_8888_8888_8888)
_FOUR = np.uint64(4)


@kernel
def digits(data, at, length):  # type: ignore[no-untyped-def]
    """Digits coded as in `formats.addresses` (uint64), from `length` octets at `at`; the low nibble is the first.

    The first nibble that is no decimal digit ends the number. What is beyond 16 digits is not read.
    """
    packed = NO_DIGITS
    if length >= 8:
        packed = be64(data, at)
    else:
        for k in range(length):
            shift = _U8(56 - 8 * k)
            packed = packed & ~(_U8(0xFF) << shift) | (_U8(data[at + k]) << shift)
    return _fill_after_end(((packed & _LOW) << _FOUR) | ((packed >> _FOUR) & _LOW))


@kernel
def _fill_after_end(packed):  # type: ignore[no-untyped-def]
    """Set every nibble from the first above 9 on to the filler: its top bit and one of the next two are set."""
    end = packed & ((packed << _U8(1)) | (packed << _U8(2))) & _TOP_BITS
    end |= end >> _FOUR
    end |= end >> _U8(8)
    end |= end >> _U8(16)
    end |= end >> _U8(32)
    end |= end >> _U8(1)
    end |= end >> _U8(2)
    return packed | end
