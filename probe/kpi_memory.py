"""Memory that a computation gives back stays with the process until it ends.

Columns of a stretch are a few arrays of tens of megabytes. The C library asks the system for each and returns it at
once, and the system clears every page anew: that was a third of the time of `wiregauge kpi`.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

__all__ = ["kept_memory"]

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # malloc.h of the GNU C library
_LARGE, _PAD = 1 << 30, 1 << 26


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, large arrays come from memory that was used before; after it, what is free is given back.

    Does nothing where the C library is another.
    """
    try:
        library = ctypes.CDLL(None)
        option, trim = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        yield
        return
    for which, value in ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_TOP_PAD, _PAD), (_ARENA_MAX, 2)):
        option(which, value)
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
        trim(0)
