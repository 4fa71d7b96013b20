"""Whether a cause tells of a normal end: the table of `formats.causes`."""

import numpy as np

from formats.causes import NORMAL
from formats.xdr import CAUSE_FAMILIES
from kernels.jit import part


def _normal() -> np.ndarray:
    """By [cause family, code]: 1 where the cause is that of a normal end."""
    table = np.zeros((len(CAUSE_FAMILIES), 256), np.uint8)
    for family, codes in NORMAL.items():
        table[CAUSE_FAMILIES.index(family), [code for code in codes if code < 256]] = 1
    return table


NORMAL_CAUSE = _normal()


@part
def abnormal(family, code):  # type: ignore[no-untyped-def]
    """1 if an end with this cause is a drop, 0 if it is normal; no cause is normal."""
    if family == 0 or code < 0:
        return np.int64(0)
    return np.int64(1) if code > 255 else np.int64(1) - np.int64(NORMAL_CAUSE[family, code])
