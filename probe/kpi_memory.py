"""Memory that a computation gives back stays with the process until it ends.

Columns of a stretch are a few arrays of tens of megabytes. The C library asks the system for each and returns it at
once, and the system clears every page anew: that was a third of the time of `wiregauge kpi`.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

__all__ = ["kept_memory"]

# malloc.h of the GNU C library; what it does unless told otherwise: mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
_LARGE, _PAD = 1 << 30, 1 << 26
_MOST_OF_ITSELF = 32 << 20  # up to which the library raises its bound, and the double of it when trimming
_KEEPING = ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_TOP_PAD, _PAD), (_ARENA_MAX, 2))
_GIVING_BACK = ((_MMAP_THRESHOLD, _MOST_OF_ITSELF), (_TRIM_THRESHOLD, 2 * _MOST_OF_ITSELF), (_TOP_PAD, 128 << 10))


class _Keeper:
    """The settings are those of the process: the first computation makes them, the last one under way undoes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computations = 0
        self._pool = pa.default_memory_pool()
        try:
            library = ctypes.CDLL(None)
            self._option, self._trim = library.mallopt, library.malloc_trim
            self.possible = True
        except (OSError, AttributeError):  # another C library
            self.possible = False

    def _set(self, options: tuple[tuple[int, int], ...]) -> None:
        for which, value in options:
            self._option(which, value)

    def begin(self) -> None:
        """Keep what is given back from now on."""
        with self._lock:
            self._computations += 1
            if self._computations == 1:
                self._set(_KEEPING)
                self._pool = pa.default_memory_pool()
                pa.set_memory_pool(pa.system_memory_pool())

    def end(self) -> None:
        """Give back what is free, and from now on all."""
        with self._lock:
            self._computations -= 1
            if not self._computations:
                pa.set_memory_pool(self._pool)
                self._set(_GIVING_BACK)
                self._trim(0)


_KEEPER = _Keeper()


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, large arrays come from memory that was used before; after it, what is free is given back.

    Does nothing where the C library is another.
    """
    if not _KEEPER.possible:
        yield
        return
    _KEEPER.begin()
    try:
        yield
    finally:
        _KEEPER.end()
