"""Group by: rows to groups once, and then everything about a group while its rows are at hand.

Rows are brought into the order of their groups by a counting sort; counts, sums, values for quantiles and distinct
codes are then all made group by group, with what they need in the cache. A row's conditions are known by its class:
rows of one class meet the same conditions, so that a hundred filtered counters cost a row no more than those it meets.
"""

import numpy as np

from kernels.jit import kernel

__all__ = [
    "add_by_group", "add_code_bits", "add_entries", "add_mask_bits", "count_distinct", "encode", "keep_codes",
    "keep_values", "last_by_group", "mark_keys", "number_keys", "order_rows", "place_keys", "slots_for", "take",
    "window_of",
]  # fmt: skip

_U8 = np.uint64
_MIX = np.uint64(0x9E3779B97F4A7C15)

NULL = -(2**63) + 1
"""In a matrix of summands: the row counts, but its value was not measurable."""
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


# --- keys to groups ----------------------------------------------------------------------------------------------


@kernel
def window_of(times, there, bounds, out_windows, out_seen):  # type: ignore[no-untyped-def]
    """The window that each row counts in, -1 for none, and which windows have rows.

    times: int64[n] ns;  there: bool[n], or [0] for all;  bounds: int64[3], first and end (ns) and length of a window
    out_windows: int64[n];  out_seen: bool[windows]
    """
    first, end, window = bounds[0], bounds[1], bounds[2]
    for i in range(times.size):
        out_windows[i] = -1
        if times[i] >= first and times[i] < end and (there.size == 0 or there[i]):
            at = (times[i] - first) // window if end - first > window else np.int64(0)
            out_windows[i] = at
            out_seen[at] = True


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
def number_keys(keys, first, slots, count, out_ids, out_keys):  # type: ignore[no-untyped-def]
    """As `encode`, from row `first` on and with `count` keys known, until half of the slots are taken.

    Returns (the first row not done, keys known). A negative key gets -1.
    keys: int64[n];  slots: int32[power of two], -1 free;  out_ids: int32[n];  out_keys: int64[slots.size // 2 + 1]
    """
    size = slots.size
    for i in range(first, keys.size):
        key = keys[i]
        if key < 0:
            out_ids[i] = -1
            continue
        at = _slot(_U8(key), size)
        while slots[at] >= 0 and out_keys[slots[at]] != key:
            at = (at + 1) & (size - 1)
        if slots[at] < 0:
            if count * 2 >= size:
                return i, count
            slots[at] = count
            out_keys[count] = key
            count += 1
        out_ids[i] = slots[at]
    return keys.size, count


@kernel
def mark_keys(keys, out_present):  # type: ignore[no-untyped-def]
    """Mark which keys occur. keys: int64[n], negative passed over;  out_present: int32[keys there can be]"""
    for i in range(keys.size):
        if keys[i] >= 0:
            out_present[keys[i]] = 1


@kernel
def place_keys(keys, places, out_ids, out_counts):  # type: ignore[no-untyped-def]
    """The group of each row, and how many rows each has.

    keys: int64[n] (or int32), negative for no group;  places: int32[keys there can be]
    out_ids: int32[n];  out_counts: int64[g + 1], added to: group k at k + 1
    """
    for i in range(keys.size):
        if keys[i] < 0:
            out_ids[i] = -1
            continue
        group = places[keys[i]]
        out_ids[i] = group
        out_counts[group + 1] += 1


@kernel
def order_rows(ids, cursors, out_order):  # type: ignore[no-untyped-def]
    """The rows in order of group, within a group in their own order (a counting sort).

    ids: int32[n], negative left out;  cursors: int64[g], where each group begins, moved to where it ends
    out_order: int32[rows in groups]
    """
    for i in range(ids.size):
        group = ids[i]
        if group >= 0:
            out_order[cursors[group]] = i
            cursors[group] += 1


# --- conditions to classes ---------------------------------------------------------------------------------------


@kernel
def add_code_bits(codes, table, out_words):  # type: ignore[no-untyped-def]
    """Set the bits of all conditions on one text column: out_words[i] |= table[codes[i] + 1].

    codes: int32[n] from -1;  table: int64[codes + 1];  out_words: int64[n]
    """
    for i in range(codes.size):
        out_words[i] |= table[codes[i] + 1]


@kernel
def add_mask_bits(mask, bit, out_words):  # type: ignore[no-untyped-def]
    """Set one bit where a condition holds. mask: bool[n];  out_words: int64[n]"""
    for i in range(mask.size):
        out_words[i] |= np.int64(mask[i]) << bit


# --- aggregates of a stretch of groups: rows in order of group, group k at starts[k]:starts[k + 1] ------------------


@kernel
def take(values, rows, out_values):  # type: ignore[no-untyped-def]
    """Bring values into the order of `rows`: misses that nothing waits for, so that what follows has none.

    values: [n];  rows: int32[m];  out_values: [m], of the same type
    """
    for i in range(rows.size):
        out_values[i] = values[rows[i]]


@kernel
def add_by_group(starts, classes, lists, summands, out_sums, out_flags):  # type: ignore[no-untyped-def]
    """Counts and sums of each group: each row adds to the counters that its class is in.

    starts: int64[g + 1];  classes: int32[m]
    lists: (int64[classes + 1], int32[l, 2]): of each class (counter, line of `summands` or -1 to count the row)
    summands: int64[s, m], NULL as above;  out_sums: int64[c, g];  out_flags: uint8[c, g], 0, MATCHED or MEASURED
    """
    begins, entries = lists
    for k in range(starts.size - 1):
        for at in range(starts[k], starts[k + 1]):
            kind = classes[at]
            for e in range(begins[kind], begins[kind + 1]):
                counter, source = entries[e, 0], entries[e, 1]
                if source < 0:
                    out_sums[counter, k] += 1
                    continue
                value = summands[source, at]
                if value == NULL:
                    out_flags[counter, k] = max(out_flags[counter, k], np.uint8(MATCHED))
                else:
                    out_sums[counter, k] += value
                    out_flags[counter, k] = MEASURED


@kernel
def keep_values(starts, classes, wanted, values, out_starts):  # type: ignore[no-untyped-def]
    """Only the values of wanted classes, moved to the front; how many.

    starts, classes: as above;  wanted: bool[classes];  values: float64[m], NaN not kept
    out_starts: int64[g + 1]: where those of each group come to stand
    """
    count = 0
    for k in range(starts.size - 1):
        out_starts[k] = count
        for at in range(starts[k], starts[k + 1]):
            value = values[at]
            if wanted[classes[at]] and value == value:
                values[count] = value
                count += 1
    out_starts[starts.size - 1] = count
    return count


@kernel
def keep_codes(starts, classes, wanted, codes, out_starts):  # type: ignore[no-untyped-def]
    """As `keep_values` for codes (int32[m], negative not kept)."""
    count = 0
    for k in range(starts.size - 1):
        out_starts[k] = count
        for at in range(starts[k], starts[k + 1]):
            if codes[at] >= 0 and wanted[classes[at]]:
                codes[count] = codes[at]
                count += 1
    out_starts[starts.size - 1] = count
    return count


@kernel
def count_distinct(starts, codes, mark, stamps, out_counts):  # type: ignore[no-untyped-def]
    """Count the distinct codes of each group, exactly; they come to stand first, each once. The next free mark.

    starts: int64[g + 1];  codes: int32[m], group k at codes[starts[k]:starts[k + 1]]
    mark: greater than any in `stamps` (int32[codes there can be]);  out_counts: int64[g]
    """
    for k in range(starts.size - 1):
        free = starts[k]
        for at in range(starts[k], starts[k + 1]):
            code = codes[at]
            if stamps[code] != mark:
                stamps[code] = mark
                codes[free] = code
                free += 1
        out_counts[k] = free - starts[k]
        mark += 1
    return mark


@kernel
def last_by_group(starts, times, codes, ranks, out_time, out_code):  # type: ignore[no-untyped-def]
    """Keep each group's code of the latest row; of equal times the one of greatest rank, so order does not matter.

    starts: as above;  times: int64[m];  codes: int32[m], negative passed over;  ranks: int32[codes]
    out_time: int64[g], out_code: int32[g], -1 before the first
    """
    for k in range(starts.size - 1):
        for at in range(starts[k], starts[k + 1]):
            code = codes[at]
            if code < 0:
                continue
            known = out_code[k]
            if known < 0 or times[at] > out_time[k]:
                out_time[k], out_code[k] = times[at], code
            elif times[at] == out_time[k] and ranks[code] > ranks[known]:
                out_code[k] = code


@kernel
def add_entries(starts, rows, begins, counters, sums, flags, out_sums, out_flags):  # type: ignore[no-untyped-def]
    """Add up what states say of each group.

    starts: int64[g + 1]; rows: int64[m], the states of group k at rows[starts[k]:starts[k + 1]]
    begins: int64[states + 1], the entries of each state;  counters: int16[e];  sums: int64[e];  flags: uint8[e]
    out_sums: int64[c, g];  out_flags: uint8[c, g], the greatest
    """
    for k in range(starts.size - 1):
        for at in range(starts[k], starts[k + 1]):
            for e in range(begins[rows[at]], begins[rows[at] + 1]):
                counter = counters[e]
                out_sums[counter, k] += sums[e]
                out_flags[counter, k] = max(out_flags[counter, k], flags[e])
