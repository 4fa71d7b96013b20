"""Hashes of addresses, ports and tunnels: the only place that computes in uint64.

`mix` is one round of the 64-bit finaliser of MurmurHash3 with the multipliers of David Stafford's variant 13; the
constants between fields are those of SplitMix64. They spread well and are not keyed.
"""

import numpy as np

from kernels.jit import inlined

_U8 = np.uint64
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_FIRST = np.uint64(0xBF58_476D_1CE4_E5B9)
_SECOND = np.uint64(0x94D0_49BB_1331_11EB)
_29 = np.uint64(29)
_30 = np.uint64(30)
_27 = np.uint64(27)
_31 = np.uint64(31)
_32 = np.uint64(32)
_PORT = np.uint64(48)
_PROTOCOL = np.uint64(40)
_NOTHING = np.uint64(0)
_ONE = np.uint64(1)


@inlined
def scatter(value):  # type: ignore[no-untyped-def]
    """Every bit of `value` (uint64) over all 64 bits: a bijection."""
    value = (value ^ (value >> _30)) * _FIRST
    value = (value ^ (value >> _27)) * _SECOND
    return value ^ (value >> _31)


@inlined
def mix(first, second):  # type: ignore[no-untyped-def]
    """A uint64 of two, in this order. The fold keeps differences in the upper bits (ports) from cancelling out."""
    return scatter((first ^ (first >> _29)) * _GOLDEN + second)


@inlined
def flow_hash(src_hi, src_lo, dst_hi, dst_lo, src_port, dst_port, protocol):  # type: ignore[no-untyped-def]
    """uint64 of two endpoints and a protocol, the same both ways. Addresses uint64; ports and protocol any integer.

    An IPv4 address leaves the upper 16 bits of `lo` free for its port, and the lower of the two goes first.
    """
    here = src_lo ^ (_U8(src_port) << _PORT)
    there = dst_lo ^ (_U8(dst_port) << _PORT)
    if (src_hi | dst_hi) != _NOTHING:
        here ^= scatter(src_hi + _GOLDEN)
        there ^= scatter(dst_hi + _GOLDEN)
    return mix(min(here, there), max(here, there) ^ (_U8(protocol) << _PROTOCOL))


@inlined
def shard_hash(src_hi, src_lo, dst_hi, dst_lo):  # type: ignore[no-untyped-def]
    """uint64 below 2**32 of two addresses (uint64), the same both ways."""
    here = src_lo + src_hi * _GOLDEN
    there = dst_lo + dst_hi * _GOLDEN
    return mix(here + there, here ^ there) >> _32


@inlined
def tunnel_hash(hi, lo, teid):  # type: ignore[no-untyped-def]
    """uint64, never 0, of a tunnel endpoint: its address (uint64) and TEID (int64)."""
    value = mix(lo + hi * _GOLDEN, _U8(teid) << _29)
    return value if value != _NOTHING else _ONE
