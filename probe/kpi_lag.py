"""KPIs that look back: the same row one window, one day or one week before.

They are filled in when a window's rows are written, from the tables under the output folder, in order of time. So it
makes no difference whether the earlier window was computed just now or by an earlier run.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from formats.kpi import Key
from probe.kpi_domain import Domain
from probe.kpi_files import parts_of
from probe.kpi_formula import lag_of
from probe.kpi_plan import GrainPlan
from probe.kpi_target import met
from probe.writer import write_part

__all__ = ["fill_lagged"]

SECOND = 10**9
LAGS = {"day_ago": 86_400 * SECOND, "week_ago": 7 * 86_400 * SECOND}


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    """float64[n], NaN for null (and for a column that an earlier catalogue did not have)."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    values: np.ndarray = table.column(name).cast(pa.float64()).to_numpy()
    return values


def _codes(tables: Sequence[pa.Table], keys: Sequence[Key]) -> list[np.ndarray]:
    """int64[n] for each table: a number for each set of keys, the same in all of them."""
    packed = [np.zeros(table.num_rows, np.int64) for table in tables]
    for key in keys:
        domain = Domain()
        columns = [domain.codes(table.column(key.name).chunks) for table in tables]
        _, whole = np.unique(np.concatenate(packed), return_inverse=True)  # small numbers again, so that they fit
        ends = np.cumsum([p.size for p in packed])[:-1]
        size = len(domain) + 1
        packed = [p * size + c + 1 for p, c in zip(np.split(whole, ends), columns, strict=True)]
    return packed


def _matched(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """int64[n]: the row of `theirs` with the same number, -1 for none."""
    if not theirs.size:
        return np.full(mine.size, -1)
    order = np.argsort(theirs, kind="stable")
    at = np.minimum(np.searchsorted(theirs[order], mine), theirs.size - 1)
    return np.where(theirs[order][at] == mine, order[at], -1)


def fill_lagged(out: Path, plan: GrainPlan, window_s: int, parts: Iterable[tuple[int, Path]]) -> None:
    """Fill in the KPIs of `plan.lagged` in these files, (window start in ns, path) each."""
    keys, table = plan.grain.keys, plan.grain.table
    for start, path in sorted(parts):
        rows = pq.ParquetFile(path).read()
        inputs = np.empty((len(plan.lag_program.inputs), rows.num_rows))
        places: dict[str, tuple[np.ndarray, list[pa.Table]]] = {}
        for line, name in zip(inputs, plan.lag_program.inputs, strict=True):
            lag, base = lag_of(name)
            if not lag:
                line[:] = _numbers(rows, name)
                continue
            if lag not in places:
                then = start - LAGS.get(lag, window_s * SECOND)
                earlier = [pq.ParquetFile(path).read() for path in parts_of(out, table, window_s, then)]
                mine, *theirs = _codes([rows, *earlier], keys)
                places[lag] = _matched(mine, np.concatenate(theirs) if theirs else np.empty(0, np.int64)), earlier
            at, earlier = places[lag]
            values = np.concatenate([*(_numbers(t, base) for t in earlier), [np.nan]])
            line[:] = values[at]
        for kpi, values in zip(plan.lagged, plan.lag_program.run(inputs), strict=True):
            index = rows.schema.get_field_index(kpi.id)
            rows = rows.set_column(index, rows.schema.field(index), pa.array(values, from_pandas=True))
            if kpi in plan.judged:
                index = rows.schema.get_field_index(kpi.judged)
                told = met(kpi, values, dict(zip(rows.column_names, rows.columns, strict=True)))
                rows = rows.set_column(index, rows.schema.field(index), told)
        write_part(path, rows, plan.text)
