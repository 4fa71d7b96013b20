"""Exact quantiles by group: a counting sort by group, a sort within, and linear interpolation."""

import numpy as np

from kernels.jit import kernel

__all__ = ["gather_by_group", "quantile_by_group", "sort_groups"]

_FEW = 24  # up to here an insertion sort beats the general one


@kernel
def gather_by_group(groups, values, out_starts, out_values):  # type: ignore[no-untyped-def]
    """Bring the values of each group together.

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
    for i in range(groups.size):
        group = groups[i]
        if group >= 0:
            out_starts[group] -= 1
            out_values[out_starts[group]] = values[i]


@kernel
def _insertion_sort(values, start, stop):  # type: ignore[no-untyped-def]
    """Sort values[start:stop] in place."""
    for i in range(start + 1, stop):
        value = values[i]
        at = i
        while at > start and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value


@kernel
def sort_groups(starts, values):  # type: ignore[no-untyped-def]
    """Sort each group's values in place (as gathered by `gather_by_group`)."""
    for k in range(starts.size - 1):
        if starts[k + 1] - starts[k] <= _FEW:
            _insertion_sort(values, starts[k], starts[k + 1])
        else:
            values[starts[k] : starts[k + 1]].sort()


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
