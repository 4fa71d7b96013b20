"""What the machine itself can do, measured in the same run: figures of another hour say nothing."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np

from kernels.jit import kernel

LINE = 8
"""int64 in a cache line of 64 octets."""


@kernel
def stream(values):  # type: ignore[no-untyped-def]
    """Sum of values: int64[n], read once in order."""
    total = 0
    for i in range(len(values)):
        total += values[i]
    return total


@kernel
def chase(following, steps):  # type: ignore[no-untyped-def]
    """Walk `steps` links of `following` (int64[n], the index of the next): each read waits for the one before."""
    at = 0
    for _ in range(steps):
        at = following[at]
    return at


@kernel
def gather(values, where):  # type: ignore[no-untyped-def]
    """Sum of values[where] (both int64): misses that do not wait for each other."""
    total = 0
    for i in range(len(where)):
        total += values[where[i]]
    return total


def best_of(times: int, job: Callable[[], object]) -> float:
    """The least seconds of several calls."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def measure_memory(octets: int) -> dict[str, float]:
    """Read bandwidth (GB/s) and the cost of a cache miss (ns), dependent and not, over `octets` of memory, one core."""
    rng = np.random.default_rng(1)
    lines = octets // (8 * LINE)
    values = np.zeros(lines * LINE, np.int64)
    values[:] = 1
    order = rng.permutation(lines) * LINE
    steps = min(lines, 4_000_000)
    where = order[:steps].copy()
    for job in (lambda: stream(values[:8]), lambda: chase(values, 1), lambda: gather(values, where[:8])):
        job()  # compiles
    found = {
        "read_gb_s": octets / best_of(3, lambda: stream(values)) / 1e9,
        "independent_miss_ns": best_of(3, lambda: gather(values, where)) / steps * 1e9,
    }
    values[order] = np.roll(order, -1)  # one ring through all lines
    found["dependent_miss_ns"] = best_of(2, lambda: chase(values, steps // 2)) / (steps // 2) * 1e9
    return found


def cpu_model() -> str:
    """The processor as the kernel names it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def description() -> dict[str, str | int | float]:
    """What stands in every row: commit, date, processor, cores, load, versions."""
    root = Path(__file__).resolve().parent.parent
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False
    )
    return {
        "commit": git.stdout.strip() or "no git",
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 0,
        "load_before": round(os.getloadavg()[0], 2),
        "python": sys.version.split()[0],
        **{name: metadata.version(name) for name in ("numpy", "numba", "pyarrow")},
    }
