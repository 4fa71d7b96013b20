"""What counters, KPIs, grains and segments are made of."""

from collections.abc import Container
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


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
    min_sample: int = 0
    """with fewer samples it is withheld: null, and its caveat says so"""
    sample: str = ""
    """the counter that tells how many samples there are, "" for what the formula itself tells"""

    @property
    def sampled(self) -> str:
        """The counter of samples (of a quantile the list of values), "" where none is known."""
        if self.sample:
            return self.sample
        if isinstance(self.formula, Quantile):
            return self.formula.values
        return self.formula.denominator if isinstance(self.formula, Ratio) else ""

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
