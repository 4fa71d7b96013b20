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

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, NamedTuple

from formats.xdr import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DIRECTIONS",
    "KINDS",
    "OPERATORS",
    "WINDOW",
    "Catalogue",
    "Condition",
    "Counter",
    "Formula",
    "Grain",
    "Key",
    "Kpi",
    "Missing",
    "Quantile",
    "Ratio",
    "Segment",
    "Target",
    "Where",
    "bases",
    "fractional",
    "judged_of",
]  # fmt: skip


class Condition(NamedTuple):
    """`column` `op` `value`. A null column meets only `is_null`. See OPERATORS.

    `holds`: `column` is an expression (see `formats.expression`) over the columns in `value`, which must be true.
    """

    column: str
    op: str
    value: str | float | bool | tuple[str | float, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at."""
        if self.op != "holds":
            return (self.column,)
        return tuple(map(str, self.value)) if isinstance(self.value, tuple) else ()


OPERATORS = (
    "eq", "ne", "in", "not_in", "is_null", "not_null", "is_true", "is_false", "at_least", "gt", "lt", "le", "holds",
)  # fmt: skip

Where = tuple[tuple[Condition, ...], ...]
"""Alternatives, each a tuple of conditions that must all hold; () is every row."""


class Counter(NamedTuple):
    """What is counted.

    kind: `count` rows, `sum` of `columns` (added up in each row), `distinct` values of the column, or `values` (kept
    for quantiles and no column itself). Durations are summed as whole nanoseconds, so that order does not matter.
    """

    name: str
    kind: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    unit: str
    meaning: str
    where: Where = ()
    time: str = "start_time"
    everywhere: bool = True
    """in every KPI table; else only in those that name it"""


KINDS = ("count", "sum", "distinct", "values")


class Ratio(NamedTuple):
    """`scale` x numerator / denominator, both names of counters."""

    numerator: str
    denominator: str
    scale: float


class Quantile(NamedTuple):
    """The `q` quantile (0 to 1) of a counter of kind `values`."""

    values: str
    q: float


class Formula(NamedTuple):
    """An expression (see `formats.expression`) over counters and KPIs; `names` are those that stand in it."""

    text: str
    names: tuple[str, ...]


WINDOW = "window_s"
"""The length of the window in seconds, a name in every formula."""


class Target(NamedTuple):
    """The bound that a KPI must not be worse than, in rows whose `column` is `value`; "" in all others."""

    column: str
    value: str
    bound: float

    def __str__(self) -> str:
        return f"{self.bound:.10g}" + (f" where {self.column} is {self.value}" if self.column else "")


class Kpi(NamedTuple):
    """One KPI: `direction` says whether higher or lower is better, `cannot_see` what a passive probe misses."""

    id: str
    unit: str
    formula: Ratio | Quantile | Formula
    clause: str
    direction: str
    meaning: str
    cannot_see: str = ""
    valid: tuple[float, float] | None = None
    """what lies outside of it is no value: null"""
    targets: tuple[Target, ...] = ()

    @property
    def judged(self) -> str:
        """The column that says whether a target is met."""
        return f"{self.id}_target_met"


DIRECTIONS = ("higher", "lower", "neutral")


class Key(NamedTuple):
    """A key or carried column `name`: the xDR `column` it is read from, unless `instead` names another for a table.

    A table whose column is "" has none, and its rows do not tell. number: the key is int32, else text.
    """

    name: str
    column: str
    unit: str
    meaning: str
    instead: tuple[tuple[str, str], ...] = ()
    number: bool = False

    def column_of(self, table: str) -> str:
        """The column of `table` that this key is read from, "" for none."""
        return dict(self.instead).get(table, self.column)


class Grain(NamedTuple):
    """One KPI table: a row per window and `keys`; `carried` columns tell the latest known value in the row's window.

    counters: those of this grain, () for all. sparse: only keys for which something was counted.
    """

    name: str
    row: str
    keys: tuple[Key, ...]
    carried: tuple[Key, ...] = ()
    counters: tuple[str, ...] = ()
    sparse: bool = False

    @property
    def table(self) -> str:
        """The name of the table."""
        return f"kpi_{self.name}"


class Segment(NamedTuple):
    """Subscribers, cells, ... with what is known of them beyond the xDR rows, joined on the xDR column `on`.

    Every table that has `on` gets `columns` (text; null for what is not in `rows`) and `member` (yes, no; null where
    `on` is). rows: the keys (distinct, not null) in column 0, then the columns, all strings. clear: the keys are IMSIs,
    whatever subscribers are called in the tables.
    """

    name: str
    on: str
    columns: tuple[str, ...]
    meaning: str
    source: str
    rows: "pa.Table"
    clear: bool = False

    @property
    def member(self) -> str:
        """The column that says whether a row is in the segment."""
        return f"in_{self.name}"

    def on_in(self, columns: Container[str]) -> str:
        """The column of a table with these columns that it joins on, "" for none; of a session it is the last cell."""
        if self.on in columns:
            return self.on
        return "cell_last" if self.on == "cell" and "cell_last" in columns else ""


class Missing(NamedTuple):
    """What a standard defines and is not computed, and why."""

    name: str
    clause: str
    reason: str


class Catalogue(NamedTuple):
    """What is computed: counters, KPIs and grains; segments whose columns they may name; what is missing."""

    counters: tuple[Counter, ...]
    kpis: tuple[Kpi, ...]
    grains: tuple[Grain, ...]
    segments: tuple[Segment, ...] = ()
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
