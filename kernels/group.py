"""Group by: distinct keys to dense numbers, and many sums in one pass.

Keys are uint64 of any kind (coded identities, or several codes packed into one). Tables are open-addressing with
linear probing, twice as many slots as keys, so a search always ends.
"""

import numpy as np

from kernels.jit import kernel

__all__ = ["add_to_groups", "count_distinct", "encode", "last_by_group", "slots_for"]

_U8 = np.uint64
_MIX = np.uint64(0x9E3779B97F4A7C15)

SKIP = -(2**63)
"""In a matrix of counter values: the row does not count here."""
NULL = SKIP + 1
"""In a matrix of counter values: the row counts, but its value was not measurable."""
MATCHED, MEASURED = 1, 2
"""In `flags`: a row counted but none was measured; a value was measured."""


@kernel
def slots_for(keys):  # type: ignore[no-untyped-def]
    """Slots of a table for `keys` distinct keys: a power of two of at least twice as many."""
    slots = 16
    while slots < 2 * keys:
        slots *= 2
    return slots


@kernel
def _slot(key, slots):  # type: ignore[no-untyped-def]
    """First slot of `key` in a table of `slots` (a power of two)."""
    mixed = (key ^ (key >> _U8(32))) * _MIX
    return np.int64(mixed >> _U8(20)) & (slots - 1)


@kernel
def encode(keys, slots, out_codes, out_distinct):  # type: ignore[no-untyped-def]
    """Number the distinct keys in order of first appearance; how many there are. About 10 ns a key.

    keys: uint64[n];  slots: int32[`slots_for(n)`] filled with -1;  out_codes: int32[n];  out_distinct: uint64[n]
    """
    size = slots.size
    count = 0
    for i in range(keys.size):
        key = keys[i]
        if i > 0 and key == keys[i - 1]:
            out_codes[i] = out_codes[i - 1]
            continue
        at = _slot(key, size)
        while slots[at] >= 0 and out_distinct[slots[at]] != key:
            at = (at + 1) & (size - 1)
        if slots[at] < 0:
            slots[at] = count
            out_distinct[count] = key
            count += 1
        out_codes[i] = slots[at]
    return count


@kernel
def add_to_groups(groups, values, out_sums, out_flags):  # type: ignore[no-untyped-def]
    """Add each row's counter values to those of its group: all counters while the group's line is at hand.

    groups: int32[n];  values: int64[n, c], SKIP and NULL as above
    out_sums: int64[g, c];  out_flags: uint8[g, c], 0, MATCHED or MEASURED
    """
    for i in range(groups.size):
        group = groups[i]
        for c in range(values.shape[1]):
            value = values[i, c]
            if value == SKIP:
                continue
            if value == NULL:
                out_flags[group, c] = max(out_flags[group, c], np.uint8(MATCHED))
                continue
            out_sums[group, c] += value
            out_flags[group, c] = MEASURED


@kernel
def count_distinct(groups, codes, number, keys, out_counts):  # type: ignore[no-untyped-def]
    """Count the distinct codes of each group, exactly.

    groups: int32[n];  codes: int32[n], negative not counted;  number: how many codes there are
    keys: int64[`slots_for(n)`] filled with -1;  out_counts: int64[g]
    """
    size = keys.size
    for i in range(groups.size):
        if codes[i] < 0:
            continue
        key = np.int64(groups[i]) * number + codes[i]
        at = _slot(_U8(key), size)
        while keys[at] >= 0 and keys[at] != key:
            at = (at + 1) & (size - 1)
        if keys[at] < 0:
            keys[at] = key
            out_counts[groups[i]] += 1


@kernel
def last_by_group(groups, times, codes, out_time, out_code):  # type: ignore[no-untyped-def]
    """Keep each group's code of the latest row; of equal times the greatest code, so that order does not matter.

    groups: int32[n];  times: int64[n];  codes: int32[n], negative passed over
    out_time: int64[g], out_code: int32[g], -1 before the first
    """
    for i in range(groups.size):
        group, code = groups[i], codes[i]
        if code < 0:
            continue
        if out_code[group] < 0 or times[i] > out_time[group]:
            out_time[group] = times[i]
            out_code[group] = code
        elif times[i] == out_time[group] and code > out_code[group]:
            out_code[group] = code
