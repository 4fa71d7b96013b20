"""Many indicators of many components in one window: formulas, bounds checked, exceptions and top lists written.

python -m benchmarks.formulas INDICATORS COMPONENTS OUT
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kernels.formula import BLOCK, exceed, keep_top
from probe.kpi_formula import Program, compiled

COUNTERS, TOP, THREADS = 400, 10, 2
MOST = 100_000
"""Exceptions that are told of a block of components."""


def catalogue(indicators: int, rng: np.random.Generator) -> list[tuple[str, str, None]]:
    """Ratios, differences and guarded ratios over counters."""
    out: list[tuple[str, str, None]] = []
    for i in range(indicators):
        a, b, c = (f"c{n}" for n in rng.integers(0, COUNTERS, 3))
        forms = (f"100 * {a} / {b}", f"if({c} >= 10, {a} / {b}, null)", f"{a} - {b}", f"({a} + {c}) / {b}")
        out.append((f"k{i}", forms[i % len(forms)], None))
    return out


class _Lists:
    """What one thread has found."""

    def __init__(self, indicators: int) -> None:
        self.values = np.full((indicators, TOP), -np.inf)
        self.columns = np.full((indicators, TOP), -1, np.int32)
        self.exceptions: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []


def measure(indicators: int, components: int, out: Path) -> int:
    """Everything from counters in memory to the files; how many exceptions there were."""
    rng = np.random.default_rng(5)
    program: Program = compiled(catalogue(indicators, rng))
    counters = rng.integers(0, 1000, (len(program.inputs), components)).astype(np.float64)
    bounds = np.tile([[-1e9, 99_000.0]], (indicators, 1))
    lists: list[_Lists] = []
    own = threading.local()

    def block(first: int) -> None:
        if not hasattr(own, "lists"):
            own.lists = _Lists(indicators)
            lists.append(own.lists)
        values = program.run(np.ascontiguousarray(counters[:, first : first + BLOCK]))
        rows, columns = np.empty(MOST, np.int32), np.empty(MOST, np.int32)
        found = min(exceed(values, bounds, MOST, rows, columns), MOST)
        rows, columns = rows[:found], columns[:found]
        own.lists.exceptions.append((rows, columns + first, values[rows, columns]))
        keep_top(values, first, own.lists.values, own.lists.columns)

    with ThreadPoolExecutor(THREADS) as workers:
        list(workers.map(block, range(0, components, BLOCK)))
    told = [np.concatenate(part) for part in zip(*(e for each in lists for e in each.exceptions), strict=True)]
    names = ("indicator", "component", "value")
    pq.write_table(pa.table(dict(zip(names, told, strict=True))), out / "exceptions.parquet")
    values, columns = (
        np.concatenate([getattr(each, what) for each in lists], axis=1) for what in ("values", "columns")
    )
    order = np.argsort(-values, axis=1, kind="stable")[:, :TOP]
    top = [np.repeat(np.arange(indicators), TOP)] + [np.take_along_axis(x, order, 1).ravel() for x in (columns, values)]
    pq.write_table(pa.table(dict(zip(names, top, strict=True))), out / "top.parquet")
    return int(told[0].size)


if __name__ == "__main__":
    print(measure(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
