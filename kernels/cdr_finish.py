"""What is done to fresh record rows while their octets are at hand: names get numbers, cells are put together."""

import numpy as np

from formats.addresses import CELL_CGI
from kernels.ber import digest
from kernels.jit import kernel, part
from kernels.location import cell_code

__all__ = ["NAME_OCTETS", "finish"]

NAME_OCTETS = 100
"""Octets of an access point name that are kept (TS 23.003 §9.1); a longer one is none."""

_CGI = np.int64(CELL_CGI)
_NOWHERE = np.uint64(0)


@part
def _same(data, at, length, name):  # type: ignore[no-untyped-def]
    """Whether a kept name (its length, its octets) is data[at : at + length]."""
    if name[0] != length:
        return False
    for k in range(length):
        if name[1 + k] != data[at + k]:
            return False
    return True


@part
def intern(data, reference, names, slots, used):  # type: ignore[no-untyped-def]
    """Row of the name that a text reference points at, -1 for none, an empty or a too long one, and a full table.

    names: uint8[n, NAME_OCTETS + 1]; slots: int32[2^k], -1 free, more than n; used: int64[1] rows in use.
    """
    if reference < 0:
        return np.int64(-1)
    at, length = reference >> 16, reference & 0xFFFF
    if length == 0 or length > NAME_OCTETS:
        return np.int64(-1)
    slot = digest(data, at, at + length) & (len(slots) - 1)
    while slots[slot] >= 0:
        if _same(data, at, length, names[slots[slot]]):
            return np.int64(slots[slot])
        slot = (slot + 1) & (len(slots) - 1)
    row = used[0]
    if row == len(names):
        return np.int64(-1)
    used[0] = row + 1
    slots[slot] = row
    names[row, 0] = length
    for k in range(length):
        names[row, 1 + k] = data[at + k]
    return row


@kernel
def finish(data, records, count, names, slots, used):  # type: ignore[no-untyped-def]
    """Turn what points into `data` in records[:count] (RECORD) into what stands alone.

    `apn` and `method` become rows of `names`; a cell of LAC, CI and PLMN becomes `cell`.
    """
    for i in range(count):
        r = records[i]
        r.apn = intern(data, r.apn, names, slots, used)
        r.method = intern(data, r.method, names, slots, used)
        if r.cell == _NOWHERE and r.ci >= 0 and r.lac >= 0 and r.plmn >= 0:
            r.cell = cell_code(_CGI, r.plmn, ((r.lac & 0xFFFF) << 16) | (r.ci & 0xFFFF))
