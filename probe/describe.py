"""`wiregauge describe`: tables, columns, KPIs and segments, in words made from their declarations."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import click
import pyarrow as pa
import pyarrow.compute as pc

from formats.alert import CountRule, Rule
from formats.kpi import Catalogue, Condition, Counter, Formula, Grain, Kpi, Quantile, Segment, Where, bases
from formats.schema import TEXT, kpi_schema, schema
from formats.xdr import TABLES
from probe.alert_rules import length, told
from probe.catalogue import catalogue_option, shipped_catalogue
from probe.duration import text as duration_text
from probe.errors import WiregaugeError

__all__ = ["counted", "describe", "describe_command", "formula", "markdown"]


VALUES_SHOWN = 12
"""Of each column of a segment."""


class Listing(NamedTuple):
    """A titled list: a line of introduction, the names of columns, rows of text."""

    title: str
    intro: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


_WORDS = {"eq": "is", "ne": "is not", "in": "is one of", "not_in": "is none of", "is_null": "is null",
          "not_null": "is not null", "is_true": "is true", "is_false": "is false", "at_least": "is at least",
          "gt": "is above", "lt": "is below", "le": "is at most"}  # fmt: skip


def _condition(condition: Condition) -> str:
    value = condition.value
    if condition.op == "holds":
        return condition.column
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
    return f"{condition.column} {_WORDS[condition.op]} {shown}".rstrip()


def _where(where: Where) -> str:
    return " or ".join(" and ".join(map(_condition, alternative)) for alternative in where)


def counted(counter: Counter) -> str:
    """How a counter is made, from its declaration."""
    tables = ", ".join(counter.tables)
    what = {
        "count": f"rows of {tables}",
        "sum": f"sum of {' + '.join(counter.columns)} over {tables}",
        "distinct": f"distinct {', '.join(counter.columns)} in {tables}",
        "values": f"{', '.join(counter.columns)} of {tables}",
    }[counter.kind]
    where = f" where {_where(counter.where)}" if counter.where else ""
    return f"{what}{where}" + ("" if counter.time == "start_time" else f", by {counter.time}")


def formula(kpi: Kpi) -> str:
    """A KPI's formula in one line."""
    if isinstance(kpi.formula, Quantile):
        return f"quantile({kpi.formula.values}, {kpi.formula.q:g})"
    if isinstance(kpi.formula, Formula):
        return kpi.formula.text
    scale = "" if kpi.formula.scale == 1 else f"{kpi.formula.scale:.10g} * "
    return f"{scale}{kpi.formula.numerator} / {kpi.formula.denominator}"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        return f"list of ({', '.join(field.name for field in kind.value_type)})"
    return "string (dictionary)" if kind == TEXT else str(kind)


def _columns(title: str, columns: pa.Schema) -> Listing:
    rows = []
    for field in columns:
        told = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        rows.append((field.name, _type(field.type), told.get("unit", ""), told.get("meaning", "")))
    intro = f"One row is {columns.metadata[b'wiregauge.row'].decode()}."
    return Listing(title, intro, ("column", "type", "unit", "meaning"), rows)


def _kpi(kpi: Kpi, catalogue: Catalogue) -> Listing:
    names = bases(kpi)
    rows = [
        ("unit", kpi.unit),
        ("formula", formula(kpi)),
        ("clause", kpi.clause),
        ("better", kpi.direction),
        ("targets", "; ".join(map(str, kpi.targets)) or "none"),
        ("cannot see", kpi.cannot_see or "nothing known"),
        ("grains", ", ".join(g.table for g in catalogue.grains if kpi in catalogue.kpis_of(g))),
    ]
    rows += [(c.name, f"{counted(c)}: {c.meaning}") for c in catalogue.counters if c.name in names]
    return Listing(kpi.id, kpi.meaning, ("", ""), rows)


def _counter(counter: Counter) -> Listing:
    rows = [("unit", counter.unit), ("counted", counted(counter))]
    return Listing(counter.name, counter.meaning, ("", ""), rows)


def _rule(rule: Rule) -> Listing:
    """A rule of alerts."""
    rows = [("severity", rule.severity), ("opens", told(rule)), ("says", rule.description or "nothing more")]
    if isinstance(rule, CountRule):
        rows += [("closes", f"when at most {rule.close} rows are left"), ("evidence", rule.mark or "times alone")]
    else:
        rows += [("closes", (rule.close or f"not ({rule.open})") + length(rule.close_for)),
                 ("nothing to judge", f"closes after {duration_text(rule.silence_s)}")]  # fmt: skip
    return Listing(rule.id, rule.name, ("", ""), rows)


def _grain_columns(grain: Grain, catalogue: Catalogue) -> Listing:
    return _columns(grain.table, kpi_schema(grain, catalogue))


def _overview(catalogue: Catalogue) -> list[Listing]:
    tables = [(t.name, t.row, str(len(t.columns))) for t in TABLES]
    tables += [(g.table, g.row, str(len(kpi_schema(g, catalogue)))) for g in catalogue.grains]
    kpis = [(k.id, k.unit, formula(k), k.clause, k.direction) for k in catalogue.kpis]
    counters = [(c.name, c.unit, c.meaning) for c in catalogue.counters if c.kind != "values"]
    parts = [
        Listing("Tables", "wiregauge describe TABLE lists its columns.", ("table", "one row is", "columns"), tables),
        Listing("Counters", "In every KPI table but those with counters of their own.", ("counter", "unit", "meaning"),
                counters),
        Listing("KPIs", "wiregauge describe KPI says more.", ("KPI", "unit", "formula", "clause", "better"), kpis),
        _grains(catalogue),
    ]  # fmt: skip
    return [*parts, *(make(catalogue) for make in (_segments, _targets, _alerts) if make(catalogue).rows)]


def _grains(catalogue: Catalogue) -> Listing:
    rows = []
    for grain in catalogue.grains:
        own = f"{len(catalogue.counters_of(grain))} of its own" if grain.counters else "all"
        keys, carried = (", ".join(key.name for key in some) for some in (grain.keys, grain.carried))
        rows.append((grain.name, keys, carried, own))
    return Listing("Grains", "What --by takes: a KPI table each.", ("grain", "keys", "carried", "counters"), rows)


def _segments(catalogue: Catalogue) -> Listing:
    rows = [
        (s.name, s.on, f"{s.rows.num_rows:,}", ", ".join((s.member, *s.columns)), s.source, s.meaning)
        for s in catalogue.segments
    ]
    return Listing("Segments", "Their columns are keys of grains and names in filters.",
                   ("segment", "on", "rows", "columns", "from", "meaning"), rows)  # fmt: skip


def _segment(segment: Segment) -> Listing:
    rows = [("on", segment.on), ("from", segment.source), ("rows", f"{segment.rows.num_rows:,}"),
            (segment.member, "yes, no; null where it is not known")]  # fmt: skip
    for column in segment.columns:
        found = sorted(filter(None, pc.unique(segment.rows.column(column)).to_pylist()))
        more = f", ... ({len(found):,} values)" if len(found) > VALUES_SHOWN else ""
        rows.append((column, ", ".join(found[:VALUES_SHOWN]) + more))
    return Listing(segment.name, segment.meaning, ("", ""), rows)


def _targets(catalogue: Catalogue) -> Listing:
    rows = [(k.id, k.direction, "; ".join(map(str, k.targets))) for k in catalogue.kpis if k.targets]
    return Listing("Targets", "<KPI>_target_met tells of each row.", ("KPI", "better", "targets"), rows)


def _missing(catalogue: Catalogue) -> Listing:
    rows = [(one.name, one.clause, one.reason) for one in catalogue.missing]
    return Listing("Missing", "What standards define and is not computed.", ("KPI", "clause", "why"), rows)


def _alerts(catalogue: Catalogue) -> Listing:
    """The rules of alerts in force."""
    rows = [(rule.id, rule.severity, told(rule)) for rule in catalogue.alerts]
    return Listing("Alerts", "wiregauge describe RULE says more.", ("rule", "severity", "opens"), rows)


SECTIONS = {
    "grains": _grains, "segments": _segments, "targets": _targets, "alerts": _alerts, "missing": _missing,
}  # fmt: skip
"""Lists that are asked for by name."""


def listings(name: str | None = None, catalogue: Catalogue | None = None) -> list[Listing]:
    """What there is to say of a table, KPI or counter, or of all; WiregaugeError for an unknown name."""
    catalogue = catalogue or shipped_catalogue()
    if name is None:
        return _overview(catalogue)
    for table in TABLES:
        if name == table.name:
            return [_columns(name, schema(table))]
    for grain in catalogue.grains:
        if name in (grain.table, grain.name):
            return [_grain_columns(grain, catalogue)]
    for kpi in catalogue.kpis:
        if name == kpi.id:
            return [_kpi(kpi, catalogue)]
    for counter in catalogue.counters:
        if name == counter.name:
            return [_counter(counter)]
    for rule in catalogue.alerts:
        if name == rule.id:
            return [_rule(rule)]
    for segment in catalogue.segments:
        if name == segment.name:
            return [_segment(segment)]
    if name in SECTIONS:
        return [SECTIONS[name](catalogue)]
    raise WiregaugeError(f"no table, KPI or counter {name!r}.{_near(name, catalogue)}\n`wiregauge describe` lists all.")


def _near(name: str, catalogue: Catalogue) -> str:
    from difflib import get_close_matches

    names = [t.name for t in TABLES] + [g.table for g in catalogue.grains]
    names += [k.id for k in catalogue.kpis] + [c.name for c in catalogue.counters] + [r.id for r in catalogue.alerts]
    names += [s.name for s in catalogue.segments] + [*SECTIONS]
    close = get_close_matches(name, names, 3)
    return f" Near: {', '.join(close)}." if close else ""


def _markdown_rows(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    return ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def markdown(name: str | None = None, catalogue: Catalogue | None = None) -> str:
    """The same as a Markdown section (what stands in README tables); with no name every table in full, and the KPIs."""
    catalogue = catalogue or shipped_catalogue()
    if name is None:
        parts = [_columns(t.name, schema(t)) for t in TABLES]
        parts += [_columns(g.table, _keys_only(g, catalogue)) for g in catalogue.grains]
        parts += _overview(catalogue)[1:3]
    else:
        parts = listings(name, catalogue)
    out = []
    for part in parts:
        lines = [f"### {part.title}", "", part.intro, ""]
        lines += _markdown_rows([part.head, tuple("---" for _ in part.head)])
        out.append("\n".join([*lines, *_markdown_rows(part.rows)]))
    return "\n\n".join(out) + "\n"


def _keys_only(grain: Grain, catalogue: Catalogue) -> pa.Schema:
    """The schema of a KPI table up to its counters, which are the same for all."""
    whole = kpi_schema(grain, catalogue)
    keep = 3 + len(grain.keys) + len(grain.carried)
    own = [whole.get_field_index(c) for c in grain.counters]
    return pa.schema([whole.field(i) for i in [*range(keep), *own]], metadata=whole.metadata)


def describe(name: str | None = None, catalogue: Catalogue | None = None) -> None:
    """Print what there is to say of a table, KPI or counter, or of all."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for part in listings(name, catalogue):
        console.print(Text(part.title, style="bold"))
        console.print(Text(part.intro))
        table = Table(box=None, pad_edge=False, show_header=any(part.head), header_style="dim")
        short = all(len(row[0]) <= console.width // 2 for row in part.rows)
        for i, head in enumerate(part.head):
            table.add_column(head, overflow="fold", no_wrap=i == 0 and short, style="cyan" if i == 0 else "")
        for row in part.rows:
            table.add_row(*map(Text, row))
        console.print(table)
        console.print()


@click.command("describe")
@click.argument("name", required=False, metavar="[TABLE|KPI|LIST]")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, as in the README of formats/.")
@catalogue_option
def describe_command(name: str | None, as_markdown: bool, catalogue: Catalogue) -> None:
    """Say what tables, columns, counters and KPIs there are.

    Without a name all that is in force; `grains`, `segments`, `targets`, `alerts` and `missing` (what standards
    define and is not computed, with the reason) are lists of their own.

    \b
    Example:
      wiregauge describe --catalogue mine.toml
      wiregauge describe missing
      wiregauge describe flow
      wiregauge describe session_drop_pct
    """
    if as_markdown:
        click.echo(markdown(name, catalogue), nl=False)
    else:
        describe(name, catalogue)
