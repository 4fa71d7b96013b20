"""Exact quantiles by group: values sorted once, brought together by group in that order, and linear interpolation.

One sort of all values serves every grain; a sort within each group would be done again for each of them.
"""

import numpy as np

from kernels.jit import kernel

__all__ = ["gather_by_group", "quantile_by_group"]


@kernel
def gather_by_group(groups, values, out_starts, out_values):  # type: ignore[no-untyped-def]
    """Bring the values of each group together, in the order that they came in (a stable counting sort).

    groups: int32[n], negative left out;  values: float64[n]
    out_starts: int64[g + 1], zeroed: group k is out_values[out_starts[k]:out_starts[k + 1]];  out_values: float64[n]
    """
    number = out_starts.size - 1
    for i in range(groups.size):
        if groups[i] >= 0:
            out_starts[groups[i]] += 1
    total = 0
    for k in range(number):  # counts to ends: filling from the back turns them into starts
        total += out_starts[k]
        out_starts[k] = total
    out_starts[number] = total
    for i in range(groups.size - 1, -1, -1):
        group = groups[i]
        if group >= 0:
            out_starts[group] -= 1
            out_values[out_starts[group]] = values[i]


@kernel
def quantile_by_group(starts, values, q, out_quantile):  # type: ignore[no-untyped-def]
    """The `q` quantile (0 to 1) of each sorted group, NaN for an empty one.

    Between two values by linear interpolation at rank q * (count - 1) (Hyndman and Fan's type 7).
    starts: int64[g + 1];  values: float64[n] sorted within groups;  out_quantile: float64[g]
    """
    for k in range(starts.size - 1):
        count = starts[k + 1] - starts[k]
        if count == 0:
            out_quantile[k] = np.nan
            continue
        rank = q * (count - 1)
        low = np.int64(rank)
        below = values[starts[k] + low]
        above = values[starts[k] + min(low + 1, count - 1)]
        out_quantile[k] = below + (above - below) * (rank - low)
