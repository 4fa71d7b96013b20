"""The one place where Numba is configured.

Numba's own disk cache checks only the file that a function stands in: a changed helper in another file leaves stale
machine code behind. So the cache folder is named by a digest of every source that kernels are made of, the versions
that compile them, and the switches that change what they compile to.
"""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import numba
import numpy as np

from kernels.pieces import Kernel

__all__ = ["cache_folder", "compiled_before", "inlined", "kernel", "part"]

F = TypeVar("F", bound=Callable[..., Any])


def _sources() -> list[Path]:
    root = Path(__file__).resolve().parent.parent
    return sorted(p for folder in ("formats", "kernels") for p in (root / folder).glob("*.py"))


def _digest() -> str:
    digest = hashlib.blake2b(digest_size=10)
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    switches = [numba.__version__, llvmlite.__version__, np.__version__]
    switches += [f"{name}={os.environ.get(name, '')}" for name in ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME")]
    digest.update("|".join(switches).encode())
    return digest.hexdigest()


def cache_folder() -> Path:
    """The folder that holds the machine code of exactly these sources."""
    base = os.environ.get("WIREGAUGE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(base) / "wiregauge" / "kernels" / _digest()


def compiled_before() -> bool:
    """Whether an earlier start left machine code for these sources (False: first use compiles)."""
    return CACHE.is_dir() and any(CACHE.rglob("*.nbi"))


CACHE = cache_folder()
numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]


# None of these loops gains from vector instructions, and none but `kernel` counts references: passes that only cost.
numba.config.LOOP_VECTORIZE = 0  # type: ignore[attr-defined]
numba.config.SLP_VECTORIZE = 0  # type: ignore[attr-defined]


def _compiled(function: F, **options: Any) -> F:
    """What calls `function` compiled, from Python and from kernels; the function itself without JIT."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    made: Any = Kernel(function, partial(numba.njit, nogil=True, error_model="numpy", **options))
    return cast(F, made)


def kernel(function: F) -> F:
    """Compile `function` on first call: no GIL, cached on disk, no fast-math."""
    return _compiled(function)


def part(function: F) -> F:
    """A kernel that borrows its arrays: it neither counts references nor can it allocate or return arrays.

    Numba counts a reference to every array at every call that LLVM does not inline; for a parse of ten calls a packet
    that was half of its time.
    """
    return _compiled(function, _nrt=False)


def inlined(function: F) -> F:
    """A `part` that always becomes a piece of its caller: for the steps that every packet takes, no others."""
    return _compiled(function, _nrt=False, forceinline=True)
