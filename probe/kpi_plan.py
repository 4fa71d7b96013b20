"""A catalogue made ready: what is counted of each table and time, worked out once for all stretches and grains."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats.expression import looks_back, parse
from formats.kpi import Catalogue, Condition, Counter, Formula, Grain, Kpi, Quantile, judged_of
from formats.schema import kpi_schema
from formats.xdr import STARTED_TABLES
from probe.kpi_formula import compiled
from probe.losses import Losses

__all__ = ["FactPlan", "GrainPlan", "Plan", "TablePlan"]

ADDED = ("count", "sum")
_STARTED = {table.name for table in STARTED_TABLES}


class FactPlan(NamedTuple):
    """The rows of a table that count by one of its time columns, and as what."""

    table: str
    time: str
    added: tuple[Counter, ...]
    listed: tuple[Counter, ...]
    distinct: tuple[Counter, ...]


class TablePlan(NamedTuple):
    """What is asked of the rows of one table: conditions, the columns of sums, and facts."""

    table: str
    conditions: tuple[Condition, ...]
    sums: tuple[tuple[str, ...], ...]
    facts: tuple[FactPlan, ...]

    def places(self) -> dict[Condition, int]:
        """The place of each condition."""
        return {condition: at for at, condition in enumerate(self.conditions)}


class GrainPlan:
    """One KPI table: its counters and KPIs, and in which columns they stand."""

    def __init__(self, grain: Grain, catalogue: Catalogue, window_s: int, lost: Mapping[int, Losses]) -> None:
        self.grain, self.window_s = grain, window_s
        self.lost = lost
        """by start of the window, ns: see `probe.losses`"""
        self.counters = catalogue.counters_of(grain)
        self.kpis: tuple[Kpi, ...] = catalogue.kpis_of(grain)
        self.judged = judged_of(self.kpis, grain)
        self.schema: pa.Schema = kpi_schema(grain, catalogue)
        self.text = [f.name for f in self.schema if pa.types.is_dictionary(f.type)]
        self.added = {c.name: at for at, c in enumerate(c for c in self.counters if c.kind in ADDED)}
        self.told = tuple(c for c in self.counters if c.kind != "values")
        self.by_name = {c.name: c for c in catalogue.counters}
        self.quantiles: dict[str, list[tuple[Kpi, float]]] = {}
        for kpi in self.kpis:
            if isinstance(kpi.formula, Quantile):
                self.quantiles.setdefault(kpi.formula.values, []).append((kpi, kpi.formula.q))
        for some in self.quantiles.values():
            some.sort(key=lambda pair: pair[1])
        self.formulas: list[Kpi] = []
        self.lagged: list[Kpi] = []
        for kpi in self.kpis:
            if isinstance(kpi.formula, Formula):
                behind = {k.id for k in self.lagged} & set(kpi.formula.names)
                late = behind or looks_back(parse(kpi.formula.text))
                (self.lagged if late else self.formulas).append(kpi)
        self.program, self.lag_program = (
            compiled([(k.id, k.formula.text, k.valid) for k in some if isinstance(k.formula, Formula)])
            for some in (self.formulas, self.lagged)
        )
        self.tables = {table for c in self.counters for table in c.tables}
        self.times = {(table, c.time) for c in self.counters for table in c.tables}

    def lists(self, fact: FactPlan, matched: dict[str, np.ndarray], sums: Sequence[tuple[str, ...]]
              ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """What `kernels.group.add_by_group` calls lists: of each class the counters that its rows add to."""
        mine = [c for c in fact.added if c.name in self.added]
        entries = np.array(
            [(self.added[c.name], -1 if c.kind == "count" else sums.index(c.columns)) for c in mine], np.int32
        ).reshape(-1, 2)
        classes = next(iter(matched.values())).size if matched else 1
        table = np.array([matched[c.name] for c in mine], bool).reshape(len(mine), classes)
        of_class, of_counter = np.nonzero(table.T)
        begins = np.zeros(classes + 1, np.int64)
        np.cumsum(np.bincount(of_class, minlength=classes), out=begins[1:])
        return begins, np.ascontiguousarray(entries[of_counter])


def _table_plan(table: str, catalogue: Catalogue) -> TablePlan:
    mine = [c for c in catalogue.counters if table in c.tables]
    conditions = dict.fromkeys(c for counter in mine for each in counter.where for c in each)
    sums = dict.fromkeys(c.columns for c in mine if c.kind == "sum")
    facts = []
    starts = {"start_time"} if table in _STARTED else set()
    for time in sorted({c.time for c in mine} | starts):
        by_time = [c for c in mine if c.time == time]
        kinds = [tuple(c for c in by_time if c.kind in kind) for kind in (ADDED, ("values",), ("distinct",))]
        facts.append(FactPlan(table, time, *kinds))
    return TablePlan(table, tuple(conditions), tuple(sums), tuple(facts))


class Plan:
    """A catalogue, window and grains."""

    def __init__(
        self, catalogue: Catalogue, grains: Sequence[Grain], window_s: int, lost: Mapping[int, Losses] | None = None
    ) -> None:
        """lost: what windows (start in ns) lack."""
        lost = lost or {}
        self.catalogue, self.window_s, self.window = catalogue, window_s, window_s * 10**9
        self.grains = [GrainPlan(grain, catalogue, window_s, lost) for grain in grains]
        names = dict.fromkeys(table for c in catalogue.counters for table in c.tables)
        self.tables = {table: _table_plan(table, catalogue) for table in names}
