"""States of quantiles and distinct counts of a bounded size, which merge exactly in any order and any split.

Quantiles: bins of equal ratio (DDSketch: Masson, Rim and Lee, VLDB 2019). A value is told within `ACCURACY` of itself.
Distinct: 2^PRECISION registers of the longest run of zeros (HyperLogLog: Flajolet and others, AofA 2007), the estimate
by Ertl's formula (2017), which needs no correction for small or large counts. Standard error 1.04 / sqrt(registers).
"""

import math

import numpy as np

from kernels.hashing import mix
from kernels.jit import kernel, part

__all__ = ["ACCURACY", "DISTINCT_ERROR", "PRECISION", "bins_of", "distinct_estimate", "register_hashes", "value_of_bin"]

ACCURACY = 0.01
"""Relative error of a quantile."""
PRECISION = 15
DISTINCT_ERROR = 1.04 / math.sqrt(1 << PRECISION)
"""Standard error of a distinct count: 0.57 %."""

_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_SCALE = 1 / math.log(_GAMMA)
_MIDDLE = 1 << 20
"""Bins of positive values lie around it, those of negative ones around its negative, that of 0 is 0."""
_TINY = 1e-290
"""What is nearer to 0 counts as 0."""
_RANKS = np.uint64(64 - PRECISION)
_U1 = np.uint64(1)
_SEED = np.uint64(0x5851F42D4C957F2D)


@kernel
def bins_of(values, out_bins):  # type: ignore[no-untyped-def]
    """The bin of each value; bins sort as their values do.

    values: float64[n], no NaN;  out_bins: int32[n]
    """
    for i in range(values.size):
        size = abs(values[i])
        if size < _TINY:
            out_bins[i] = 0
            continue
        place = _MIDDLE + np.int64(math.ceil(math.log(min(size, 1e300)) * _SCALE))
        out_bins[i] = place if values[i] > 0 else -place


def value_of_bin(bins: np.ndarray) -> np.ndarray:
    """float64[n]: the value that is within ACCURACY of all that a bin holds; bins: int32[n]."""
    sizes = 2 * np.exp((np.abs(bins.astype(np.float64)) - _MIDDLE) / _SCALE) / (_GAMMA + 1)
    values: np.ndarray = np.where(bins == 0, 0.0, np.sign(bins) * sizes)
    return values


@part
def _leading_zeros(word):  # type: ignore[no-untyped-def]
    """Of the upper 64 - PRECISION bits, and one."""
    count = 1
    bit = _U1 << np.uint64(63)
    while count <= 64 - PRECISION and word & bit == np.uint64(0):
        count += 1
        bit >>= _U1
    return count


@kernel
def register_hashes(hashes, registers):  # type: ignore[no-untyped-def]
    """Take distinct hashes into registers.

    hashes: uint64[n], of texts;  registers: uint8[2^PRECISION], in and out
    """
    mask = (_U1 << np.uint64(PRECISION)) - _U1
    for i in range(hashes.size):
        word = mix(hashes[i], _SEED)
        at = np.int64(word & mask)
        rank = _leading_zeros(word & ~mask)
        if rank > registers[at]:
            registers[at] = rank


def distinct_estimate(registers: np.ndarray) -> int:
    """How many distinct texts the registers have seen, about; registers: uint8[2^PRECISION]."""
    most = 64 - PRECISION
    found = np.bincount(registers, minlength=most + 2).astype(float)
    size = float(registers.size)
    total = size * _tau(1 - found[most + 1] / size)
    for rank in range(most, 0, -1):
        total = 0.5 * (total + found[rank])
    total += size * _sigma(found[0] / size)
    return round(size * size / (2 * math.log(2)) / total) if math.isfinite(total) else 0


def _sigma(share: float) -> float:
    if share == 1:
        return math.inf
    power, weight, total = share, 1.0, share
    while True:
        power *= power
        following = total + power * weight
        if following == total:
            return total
        total, weight = following, weight + weight


def _tau(share: float) -> float:
    if share in (0, 1):
        return 0
    power, weight, total = share, 1.0, 1 - share
    while True:
        power = math.sqrt(power)
        weight *= 0.5
        following = total - (1 - power) ** 2 * weight
        if following == total:
            return total / 3
        total = following
