"""Targets: what a KPI should reach in which rows, and whether it does."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats.expression import Mistake
from formats.kpi import Kpi, Segment, Target

__all__ = ["met", "targets_of"]


def targets_of(told: Any, segments: Iterable[Segment]) -> tuple[Target, ...]:
    """`98`, or `{ default = 98, premium = 99.5, rat = { nr = 99 } }`: a segment or what one tells; a column."""
    if not isinstance(told, Mapping):
        return (Target("", "", _bound(told)),)
    out = []
    for name, bound in told.items():
        if name == "default":
            out.append(Target("", "", _bound(bound)))
        elif isinstance(bound, Mapping):
            out += [Target(name, str(value), _bound(each)) for value, each in bound.items()]
        else:
            out.append(Target(*_meant(name, segments), _bound(bound)))
    return tuple(out)


def _bound(told: Any) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not np.isfinite(told):
        raise Mistake(f"targets are numbers, not {told!r}")
    return float(told)


def _meant(name: str, segments: Iterable[Segment]) -> tuple[str, str]:
    """Column and value that a bare name stands for."""
    found = []
    for segment in segments:
        if segment.name == name:
            return segment.member, "yes"
        found += [c for c in segment.columns if pc.any(pc.equal(segment.rows.column(c), name)).as_py()]
    if len(found) != 1:
        where = f"both {' and '.join(found[:2])} tell it" if found else "no segment is called so or tells it"
        raise Mistake(f"targets: {name!r}: {where}; write {{ COLUMN = {{ {name} = ... }} }}")
    return found[0], name


def _fits(column: pa.Array | pa.ChunkedArray, value: str) -> np.ndarray:
    """bool[n]: rows whose column is this text."""
    fits: np.ndarray = pc.equal(column.cast(pa.string()), value).fill_null(False).to_numpy(zero_copy_only=False)
    return fits


def met(kpi: Kpi, values: np.ndarray, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Array:
    """bool[n], null for no value or no target: whether values reach the strictest target that fits the row.

    columns: the keys and carried columns of the rows.
    """
    higher = kpi.direction != "lower"
    nothing = -np.inf if higher else np.inf
    bounds = np.full(values.size, nothing)
    for target in kpi.targets:
        if target.column in columns:
            rows = _fits(columns[target.column], target.value)
            stricter = np.maximum if higher else np.minimum
            bounds[rows] = stricter(bounds[rows], target.bound)
    default = next((target.bound for target in kpi.targets if not target.column), nothing)
    bounds[bounds == nothing] = default
    reached = values >= bounds if higher else values <= bounds
    return pa.array(reached, mask=np.isnan(values) | (bounds == nothing))
