"""Hashes of addresses, ports and tunnels: the only place that computes in uint64.

`fold` multiplies to 128 bits and joins the halves (as wyhash does), `mix` is two of these; the constants are those of
SplitMix64. Two multiplications a hash instead of four or five took 5 ns off a tunnelled packet. They spread well and
are not keyed: a table that uses them bounds its probing.
"""

from typing import Any

import llvmlite.ir as ir
import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from kernels.jit import inlined

_U8 = np.uint64
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_FIRST = np.uint64(0xBF58_476D_1CE4_E5B9)
_SECOND = np.uint64(0x94D0_49BB_1331_11EB)
_32 = np.uint64(32)
_PORT = np.uint64(47)  # not 48: so the bits above a port count, and it is not loaded together with its neighbour
_PROTOCOL = np.uint64(40)
_NOTHING = np.uint64(0)
_ONE = np.uint64(1)


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _multiply_fold(typing_context: Any, first: Any, second: Any) -> Any:
    """The halves of the 128-bit product of two uint64, xored."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide, narrow = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        high = builder.lshr(product, ir.Constant(wide, 64))
        return builder.xor(builder.trunc(high, narrow), builder.trunc(product, narrow))

    return types.uint64(types.uint64, types.uint64), generate


if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def fold(first, second):  # type: ignore[no-untyped-def]
        """As below, by Python's integers."""
        product = int(first) * int(second)
        return _U8((product >> 64) ^ (product & 0xFFFF_FFFF_FFFF_FFFF))

else:

    @inlined
    def fold(first, second):  # type: ignore[no-untyped-def]
        """The upper half of the product of two uint64, xored with the lower half."""
        return _multiply_fold(first, second)  # type: ignore[call-arg]


@inlined
def mix(first, second):  # type: ignore[no-untyped-def]
    """A uint64 of two, in this order."""
    return fold(fold(first ^ _GOLDEN, second ^ _FIRST) ^ _GOLDEN, _SECOND)


@inlined
def flow_hash(src_hi, src_lo, dst_hi, dst_lo, src_port, dst_port, protocol):  # type: ignore[no-untyped-def]
    """uint64 of two endpoints and a protocol, the same both ways. Addresses uint64; ports and protocol any integer.

    An IPv4 address leaves bits 47-63 of `lo` the same for all: room for its port. The lower of the two goes first.
    """
    here = src_lo ^ (_U8(src_port) << _PORT)
    there = dst_lo ^ (_U8(dst_port) << _PORT)
    if (src_hi | dst_hi) != _NOTHING:
        here ^= fold(src_hi ^ _GOLDEN, _SECOND)
        there ^= fold(dst_hi ^ _GOLDEN, _SECOND)
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
    value = mix(lo + hi * _GOLDEN, _U8(teid))
    return value if value != _NOTHING else _ONE
