"""`wiregauge kpi --explain KPI`: the counters behind a KPI, how they count, the worst values, xDR rows behind one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from formats.kpi import WINDOW, Catalogue, Counter, Grain, Kpi, Ratio, bases
from formats.schema import kpi_schema
from probe.describe import counted, formula
from probe.duration import text as duration_text
from probe.errors import UsageError, WiregaugeError
from probe.kpi_evidence import rows_behind

__all__ = ["Wanted", "explain_values", "explained", "wanted_of"]

SHOWN = 10
_END = 2**63 // 10**9
"""What comes later (s) is no time of a row."""


def explained(name: str, catalogue: Catalogue) -> tuple[Kpi, list[str]]:
    """A KPI, and the names of counters and KPIs that it is made of, down to the last."""
    kpis = {kpi.id: kpi for kpi in catalogue.kpis}
    if name not in kpis:
        raise WiregaugeError(f"no KPI {name!r}.\n`wiregauge describe` lists all.")
    names: list[str] = []
    waiting = list(bases(kpis[name]))
    while waiting:
        one = waiting.pop(0)
        if one not in (*names, WINDOW):
            names.append(one)
            waiting += bases(kpis[one]) if one in kpis else ()
    return kpis[name], names


class Wanted(NamedTuple):
    """Which value is to be explained down to its xDR rows: keys by name, a window, how many rows of each table."""

    keys: tuple[tuple[str, str], ...] = ()
    window: datetime | None = None
    rows: int = 5


def wanted_of(keys: Sequence[str], window: str | None, rows: int) -> Wanted:
    """What the options of the command ask for; UsageError in words."""
    pairs = []
    for key in keys:
        name, sign, value = key.partition("=")
        if not sign:
            raise UsageError(f"--explain-key {key}: a key and its value are wanted, as cell=262-01-5 (or cell=null).")
        pairs.append((name.strip(), value.strip()))
    try:
        start = datetime.fromisoformat(window) if window else None
        if start is not None and start.tzinfo is None:
            start = start.replace(tzinfo=UTC)
        if start is not None and not 0 <= start.timestamp() < _END:
            raise ValueError
    except (ValueError, OverflowError):
        raise UsageError(f"--explain-window {window}: a time in UTC is wanted, as 2026-11-22T07:15.") from None
    return Wanted(tuple(pairs), start, rows)


def explain_values(
    name: str,
    xdr: Sequence[Path],
    out: Path,
    catalogue: Catalogue,
    grains: Sequence[str] | None,
    wanted: Wanted | None = None,
) -> None:
    """Print the formula, its parts, the rows of each KPI table with the worst values of it, and xDR rows behind one."""
    wanted = wanted or Wanted()
    kpi, names = explained(name, catalogue)
    counters = {counter.name: counter for counter in catalogue.counters}
    click.echo(f"{kpi.id} [{kpi.unit}] = {formula(kpi)}   ({kpi.clause}; better: {kpi.direction})")
    for one in names:
        told = counted(counters[one]) if one in counters else formula(next(k for k in catalogue.kpis if k.id == one))
        click.echo(f"  {one}: {told}")
    shown = False
    for grain in catalogue.grains:
        if kpi not in catalogue.kpis_of(grain) or (grains and grain.name not in grains):
            continue
        rows = _worst(kpi, names, out / grain.table, grain, catalogue, wanted)
        if rows is not None and rows.num_rows and not shown:
            _explain_row(kpi, [counters[n] for n in names if n in counters], xdr, grain, catalogue, rows, wanted.rows)
            shown = True
    if not shown:
        click.echo(f"No value of {kpi.id} was found there.")


def _worst(
    kpi: Kpi, names: Sequence[str], folder: Path, grain: Grain, catalogue: Catalogue, wanted: Wanted
) -> pa.Table | None:
    """Print the worst values of a KPI table, and give them; None where it has none of the keys or is not there."""
    if not folder.is_dir() or any(key not in {k.name for k in grain.keys} for key, _ in wanted.keys):
        return None
    schema = kpi_schema(grain, catalogue)
    shown = [c for c in ("window_start", "window_s", *(key.name for key in grain.keys), *names, kpi.id)
             if c in schema.names]  # fmt: skip
    rows = ds.dataset(folder, schema=schema).to_table(columns=shown)
    rows = rows.filter(pc.is_valid(rows.column(kpi.id)))
    for key, value in wanted.keys:
        column = rows.column(key).cast(pa.string())
        rows = rows.filter(pc.is_null(column) if value == "null" else pc.equal(column, value))
    if wanted.window is not None:
        start = pa.scalar(int(wanted.window.timestamp()) * 10**9, pa.int64()).cast(rows.schema.field(0).type)
        rows = rows.filter(pc.equal(rows.column("window_start"), start))
    worst = "ascending" if kpi.direction == "higher" else "descending"
    order = pc.sort_indices(rows, [(kpi.id, worst), ("window_start", "ascending")])[:SHOWN]
    click.echo(f"{grain.table}, the worst {len(order)} of {rows.num_rows:,} values:")
    rows_shown = rows.take(order)
    _print(rows_shown)
    return rows_shown


def _explain_row(
    kpi: Kpi, counters: Sequence[Counter], xdr: Sequence[Path], grain: Grain, catalogue: Catalogue, rows: pa.Table,
    most: int,
) -> None:  # fmt: skip
    """The xDR rows behind the first of some values."""
    row = _microseconds(rows[:1]).to_pylist()[0]
    keys = ", ".join(f"{key.name} {_cell(row[key.name])}" for key in grain.keys)
    click.echo(f"Of these the first, {keys}, from {_cell(row['window_start'])} for {duration_text(row['window_s'])}:")
    if isinstance(kpi.formula, Ratio):
        over, under = kpi.formula.numerator, kpi.formula.denominator
        scale = "" if kpi.formula.scale == 1 else f"{kpi.formula.scale:.10g} * "
        click.echo(f"  {kpi.id} = {scale}{_cell(row[over])} / {_cell(row[under])} = {_cell(row[kpi.id])}")
    row["window_start"] = rows.column("window_start")[0].value
    for counter in counters:
        for behind in rows_behind(xdr, catalogue, grain, row, counter, most):
            click.echo(f"  {counter.name}: {behind.rows:,} rows of {behind.table}, {behind.some.num_rows} shown:")
            _print(behind.some, "    ")


def _microseconds(rows: pa.Table) -> pa.Table:
    """Times as Python can hold them."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            kind = pa.timestamp("us", tz="UTC")
            rows = rows.set_column(at, field.name, pc.cast(rows.column(at), kind, safe=False))
    return rows


def _print(rows: pa.Table, indent: str = "  ") -> None:
    """Rows as aligned text."""
    if not rows.num_rows:
        return
    rows = _microseconds(rows)
    named = zip(rows.column_names, rows.columns, strict=True)
    cells = [[name, *map(_cell, column.to_pylist())] for name, column in named]
    widths = [max(map(len, column)) for column in cells]
    for line in zip(*cells, strict=True):
        click.echo((indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
