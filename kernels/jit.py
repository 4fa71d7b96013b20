"""The one place where Numba is configured.

Numba's own disk cache checks only the file that a function stands in: a changed helper in another file leaves stale
machine code behind. So the machine code of an entry lies in a folder that is named by a digest of every source that
its file imports, the versions that compile it, and the switches that change what it compiles to.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import llvmlite
import numba
import numpy as np

from kernels.pieces import Kernel

__all__ = ["cache_folder", "compiled_before", "inlined", "kernel", "part"]

F = TypeVar("F", bound=Callable[..., Any])


IMPORT = re.compile(
    rb"^\s*(?:from|import) (formats|kernels|benchmarks|tools)(?:\.(\w+))?(?: import (\([^)]*\)|[^\n]*))?", re.MULTILINE
)


class _Source(NamedTuple):
    """A file's content, digested, and the files of ours that it imports."""

    digest: bytes
    imports: tuple[Path, ...]


@cache
def _source(path: Path) -> _Source:
    text = path.read_bytes()
    found = set()
    for package, module, names in IMPORT.findall(text):
        for name in [module] if module else re.findall(rb"\w+", names):
            found.add(path.parent.parent / package.decode() / f"{name.decode()}.py")
    return _Source(hashlib.blake2b(text).digest(), tuple(sorted(p for p in found if p.is_file())))


def _sources(file: Path) -> list[Path]:
    """The files that the machine code of a file's functions is made of: its own, and all that it imports."""
    here = Path(__file__).resolve()
    seen = {here, here.with_name("pieces.py")}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _source(path).imports
    return sorted(seen)


def _digest(file: Path) -> str:
    digest = hashlib.blake2b(digest_size=10)
    for path in _sources(file):
        digest.update(path.name.encode() + b"\0" + _source(path).digest)
    switches = [numba.__version__, llvmlite.__version__, np.__version__]
    switches += [f"{name}={os.environ.get(name, '')}" for name in ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME")]
    digest.update("|".join(switches).encode())
    return digest.hexdigest()


def cache_folder(file: Path) -> Path:
    """The folder that holds the machine code of the functions of a file, made of exactly these sources."""
    base = os.environ.get("WIREGAUGE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(base) / "wiregauge" / "kernels" / f"{file.stem}-{_digest(file)}"


def compiled_before(name: str) -> bool:
    """Whether an earlier start left machine code of kernels/`name`.py (False: first use compiles)."""
    folder = cache_folder(Path(__file__).resolve().with_name(f"{name}.py"))
    return folder.is_dir() and any(folder.rglob("*.nbi"))


# None of these loops gains from vector instructions, and none but `kernel` counts references: passes that only cost.
numba.config.LOOP_VECTORIZE = 0  # type: ignore[attr-defined]
numba.config.SLP_VECTORIZE = 0  # type: ignore[attr-defined]


def _decorator(file: Path, *, cache: bool, **options: Any) -> Any:
    """Numba's decorator for a function of this file."""
    if cache:
        numba.config.CACHE_DIR = str(cache_folder(file))  # type: ignore[attr-defined]
    return numba.njit(nogil=True, error_model="numpy", cache=cache, **options)


def _compiled(function: F, **options: Any) -> F:
    """What calls `function` compiled, from Python and from kernels; the function itself without JIT."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    made: Any = Kernel(function, partial(_decorator, Path(function.__code__.co_filename), **options))
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
