"""Exact quantiles by group: selection in place within each group, and linear interpolation."""

import numpy as np

from kernels.jit import kernel, part

__all__ = ["quantiles_by_group", "values_at_ranks"]

_FEW = 16


@part
def _sort_few(values, low, high):  # type: ignore[no-untyped-def]
    """Insertion sort of values[low:high + 1]."""
    for i in range(low + 1, high + 1):
        value = values[i]
        j = i - 1
        while j >= low and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


@part
def _middle(a, b, c):  # type: ignore[no-untyped-def]
    return max(min(a, b), min(max(a, b), c))


@part
def _pivot(values, low, high):  # type: ignore[no-untyped-def]
    """The median of three medians of three, spread over values[low:high + 1]."""
    step = (high - low) // 8
    first = _middle(values[low], values[low + step], values[low + 2 * step])
    second = _middle(values[low + 3 * step], values[low + 4 * step], values[low + 5 * step])
    return _middle(first, second, _middle(values[low + 6 * step], values[low + 7 * step], values[high]))


@part
def _select(values, low, high, rank):  # type: ignore[no-untyped-def]
    """Bring the value of `rank` to its place in values[low:high + 1]: none before it is greater, none after less."""
    while high - low > _FEW:
        pivot = _pivot(values, low, high)
        i, j = low, high
        while i <= j:  # Hoare's partition: equal values are spread over both sides
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            return
    _sort_few(values, low, high)


@kernel
def quantiles_by_group(starts, values, qs, out_quantiles):  # type: ignore[no-untyped-def]
    """Quantiles of each group, NaN for an empty one; the values of a group change places.

    Between two values by linear interpolation at rank q * (count - 1) (Hyndman and Fan's type 7).
    starts: int64[g + 1];  values: float64[n];  qs: float64[q], 0 to 1, ascending;  out_quantiles: float64[q, g]
    """
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1] - 1
        if last < first:
            out_quantiles[:, k] = np.nan
            continue
        low = first
        for q in range(qs.size):
            rank = qs[q] * (last - first)
            at = first + np.int64(rank)
            _select(values, low, last, at)
            below, above = values[at], values[at]
            if at < last:
                above = values[at + 1]
                for i in range(at + 2, last + 1):
                    above = min(above, values[i])
            out_quantiles[q, k] = below + (above - below) * (rank - np.int64(rank))
            low = at


@kernel
def values_at_ranks(starts, values, ranks, out_values):  # type: ignore[no-untyped-def]
    """The value of one rank (from 0) of each group, NaN for no such rank; the values of a group change places.

    starts: int64[g + 1];  values: float64[n];  ranks: int64[g];  out_values: float64[g]
    """
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1] - 1
        at = first + ranks[k]
        if at < first or at > last:
            out_values[k] = np.nan
            continue
        _select(values, first, last, at)
        out_values[k] = values[at]
