"""What counters, KPIs, grains and segments are: the types that a catalogue is made of.

A KPI table has one row per window and key: its counters, and the KPIs made from them. KPIs are a pure function of the
xDR tables. Rules that hold for all:

- A row counts in the window of its `time` column: its start, or for an attempt the start of the attempt (TS 32.401
  §4.3.2), so that successes never exceed attempts.
- A counter is null in a window in which its table has no row at all (nothing of the kind was measured there). Else a
  count or sum without a matching row is 0, and a sum of which every matching row is null is null.
- A ratio is numerator over denominator, both of them columns beside it; null where the denominator is 0 or null.
- A quantile is exact, by linear interpolation between ranks; null without a value.

The shipped ones are declared in `formats/catalogues/`, in the language that users write theirs in: see CATALOGUE.md.
"""

from collections.abc import Iterable
from typing import NamedTuple

from formats.alert import Rule
from formats.kpi_parts import (
    DIRECTIONS,
    KINDS,
    OPERATORS,
    WINDOW,
    Condition,
    Counter,
    Formula,
    Grain,
    Key,
    Kpi,
    Quantile,
    Ratio,
    Segment,
    Target,
    Where,
)
from formats.xdr import TABLES

__all__ = [
    "DIRECTIONS", "KINDS", "OPERATORS", "WINDOW", "Catalogue", "Condition", "Counter", "Formula", "Grain", "Key", "Kpi",
    "Missing", "Quantile", "Ratio", "Segment", "Target", "Where", "bases", "fractional", "judged_of",
]  # fmt: skip


class Missing(NamedTuple):
    """What a standard defines and is not computed, and why."""

    name: str
    clause: str
    reason: str


class Catalogue(NamedTuple):
    """What is computed: counters, KPIs and grains; segments whose columns they may name; the rules of alerts; what is
    missing.
    """

    counters: tuple[Counter, ...]
    kpis: tuple[Kpi, ...]
    grains: tuple[Grain, ...]
    segments: tuple[Segment, ...] = ()
    alerts: tuple[Rule, ...] = ()
    missing: tuple[Missing, ...] = ()

    def counters_of(self, grain: Grain) -> tuple[Counter, ...]:
        """The counters of a grain: those that it names, or all that are everywhere."""
        if grain.counters:
            return tuple(c for c in self.counters if c.name in grain.counters)
        return tuple(c for c in self.counters if c.everywhere)

    def kpis_of(self, grain: Grain) -> tuple[Kpi, ...]:
        """The KPIs whose counters the grain has, in their order of declaration."""
        names = {WINDOW, *(c.name for c in self.counters_of(grain))}
        out = []
        for kpi in self.kpis:  # a formula may name KPIs that stand before it
            if set(bases(kpi)) <= names:
                out.append(kpi)
                names.add(kpi.id)
        return tuple(out)


_FRACTIONS = {c.name for table in TABLES for c in table.columns if c.kind in ("ms", "kbps", "pct")}


def fractional(counter: Counter) -> bool:
    """Whether a counter is a sum of numbers with a fraction: those are added up as whole millionths."""
    return counter.kind == "sum" and not _FRACTIONS.isdisjoint(counter.columns)


def judged_of(kpis: Iterable[Kpi], grain: Grain) -> tuple[Kpi, ...]:
    """The KPIs with a target that rows of a grain can be told to meet or not."""
    names = {"", *(key.name for key in (*grain.keys, *grain.carried))}
    return tuple(kpi for kpi in kpis if any(target.column in names for target in kpi.targets))


def bases(kpi: Kpi) -> tuple[str, ...]:
    """The counters, and of a formula the KPIs, that a KPI is made of."""
    if isinstance(kpi.formula, Ratio):
        return kpi.formula.numerator, kpi.formula.denominator
    return kpi.formula.names if isinstance(kpi.formula, Formula) else (kpi.formula.values,)
