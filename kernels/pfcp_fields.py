"""Fields that several elements of PFCP share: addresses, times, volumes. The caller has checked the length."""

import numpy as np

from formats.addresses import IPV4_MAPPED
from formats.pfcp import NTP_EPOCH_S, NTP_ERA_S
from kernels.jit import part
from kernels.octets import be32, be64

_NONE = np.uint64(0)
_SECOND = 1_000_000_000
_TOP_BIT = np.uint64(63)


@part
def address_octets(v4, v6):  # type: ignore[no-untyped-def]
    """Octets of the addresses that the flags tell of."""
    return (4 if v4 else 0) + (16 if v6 else 0)


@part
def addresses(data, at, v4, v6):  # type: ignore[no-untyped-def]
    """IPv4 where `v4`, then IPv6 where `v6`: uint64 (hi, lo, second hi, second lo), the IPv4 address first."""
    hi, lo, v6_hi, v6_lo = _NONE, _NONE, _NONE, _NONE
    if v4:
        lo = IPV4_MAPPED | np.uint64(be32(data, at))
    if v6 and v4:
        v6_hi = be64(data, at + 4)
        v6_lo = be64(data, at + 12)
    elif v6:
        hi = be64(data, at)
        lo = be64(data, at + 8)
    return hi, lo, v6_hi, v6_lo


@part
def ntp_time(data, at):  # type: ignore[no-untyped-def]
    """Seconds since 1900 (32 bits; from 2036 on in the next era) as int64 ns since 1970; -1 for 0, not known."""
    seconds = be32(data, at)
    if seconds == 0:
        return np.int64(-1)
    if seconds < NTP_ERA_S // 2:
        seconds += NTP_ERA_S
    return (seconds - NTP_EPOCH_S) * _SECOND


@part
def count64(data, at):  # type: ignore[no-untyped-def]
    """A count of 64 bits as int64; -1 where it does not fit, which no counter reaches."""
    value = be64(data, at)
    if value >> _TOP_BIT != _NONE:
        return np.int64(-1)
    return np.int64(value)


@part
def be40(data, at):  # type: ignore[no-untyped-def]
    """Unsigned 40 bits at `at`, as int64."""
    return (be32(data, at) << 8) | np.int64(data[at + 4])
