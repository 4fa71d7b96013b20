"""Between which bounds KPIs that are formulas lie where packets were missed: see `probe.caveats` for the terms."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from formats.kpi import WINDOW, Counter, Formula, Kpi
from kernels.bounds import ALWAYS, NEVER
from probe.caveats import Unseen
from probe.kpi_formula import Program, compiled

__all__ = ["Bounds", "Known", "formula_bounds"]


class Known(NamedTuple):
    """A counter as it was seen: float64[g] in its unit, and bool[g] where it is null (None: nowhere)."""

    counter: Counter
    values: np.ndarray
    null: np.ndarray | None


class Bounds(NamedTuple):
    """Least and greatest float64[g], whether null uint8[g] (as `kernels.bounds` has it), what was missed float64[g]."""

    low: np.ndarray
    high: np.ndarray
    null: np.ndarray
    unseen: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, told: tuple[np.ndarray, np.ndarray], unseen: np.ndarray) -> "Bounds":
        """Of a KPI (NaN: null) from what is told of it (NaN: unbounded) where something was missed, else itself."""
        missed, null = unseen > 0, np.isnan(values)
        low, high = (np.where(missed, np.where(np.isnan(t), end, t), values) for t, end in zip(
            told, (-np.inf, np.inf), strict=True))  # fmt: skip
        return cls(low, high, np.where(null, ALWAYS, NEVER).astype(np.uint8), unseen)


@lru_cache(1 << 15)
def _alone(text: str, valid: tuple[float, float] | None) -> Program:
    """A formula as a program of its own: other KPIs are inputs."""
    return compiled([("", text, valid)])


def _counter_bounds(known: Known, counts: list[Known], unseen: Unseen) -> Bounds:
    """Rows of the counter's tables were missed as many as `counts` tell; of sums their share."""
    counter, values, null = known
    share = unseen.of(counter.tables)
    with np.errstate(divide="ignore", invalid="ignore"):
        if counter.kind == "count":
            missed = np.zeros(values.size)
            for other in counts:
                if not set(other.counter.tables).isdisjoint(counter.tables):
                    theirs = unseen.of(other.counter.tables)
                    missed += np.where(theirs > 0, other.values * theirs / (1 - theirs), 0)
            more = values + missed
        else:
            more = np.where(share > 0, values / (1 - share), values)
    more = np.where(np.isnan(more), np.inf, more)
    nothing = np.zeros(values.size, bool) if null is None else null
    return Bounds(
        np.minimum(values, more), np.maximum(values, more), np.where(nothing, ALWAYS, NEVER).astype(np.uint8), share
    )


def formula_bounds(
    kpi: Kpi, counters: Mapping[str, Known], kpis: Mapping[str, Bounds], window_s: int, unseen: Unseen
) -> Bounds:
    """Those of a formula over these counters and KPIs."""
    assert isinstance(kpi.formula, Formula)
    program, groups = _alone(kpi.formula.text, kpi.valid), unseen.lost.size
    counts = [counters[n] for n in program.inputs if n in counters and counters[n].counter.kind == "count"]
    low, high = np.empty((2, len(program.inputs), groups))
    null, share = np.empty(low.shape, np.uint8), np.zeros(groups)
    for at, name in enumerate(program.inputs):
        if name == WINDOW:
            low[at] = high[at] = window_s
            null[at] = NEVER
            continue
        found = kpis[name] if name in kpis else _counter_bounds(counters[name], counts, unseen)
        low[at], high[at], null[at] = found.low, found.high, found.null
        share = np.maximum(share, found.unseen)
    (low,), (high,), (null,) = program.bounds(low, high, null)
    if kpi.valid is not None:
        low, high = np.clip(low, *kpi.valid), np.clip(high, *kpi.valid)
    return Bounds(low, high, null, share)
