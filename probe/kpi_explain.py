"""`wiregauge kpi --explain KPI`: the counters behind a KPI, how they are counted, and the worst values with them."""

from collections.abc import Sequence
from pathlib import Path

import click
import pyarrow.compute as pc
import pyarrow.dataset as ds

from formats.kpi import Catalogue, Kpi, bases
from formats.schema import kpi_schema
from probe.describe import counted, formula
from probe.errors import WiregaugeError

__all__ = ["explain_values", "explained"]

SHOWN = 10


def explained(name: str, catalogue: Catalogue) -> tuple[Kpi, list[str]]:
    """A KPI, and the names of counters and KPIs that it is made of, down to the last."""
    kpis = {kpi.id: kpi for kpi in catalogue.kpis}
    if name not in kpis:
        raise WiregaugeError(f"no KPI {name!r}.\n`wiregauge describe` lists all.")
    names: list[str] = []
    waiting = list(bases(kpis[name]))
    while waiting:
        one = waiting.pop(0)
        if one not in names:
            names.append(one)
            waiting += bases(kpis[one]) if one in kpis else ()
    return kpis[name], names


def explain_values(name: str, out: Path, catalogue: Catalogue, grains: Sequence[str] | None) -> None:
    """Print the formula, its parts, and the rows of each table with the worst values of it."""
    kpi, names = explained(name, catalogue)
    counters = {counter.name: counter for counter in catalogue.counters}
    click.echo(f"{kpi.id} [{kpi.unit}] = {formula(kpi)}   ({kpi.clause}; better: {kpi.direction})")
    for one in names:
        told = counted(counters[one]) if one in counters else formula(next(k for k in catalogue.kpis if k.id == one))
        click.echo(f"  {one}: {told}")
    for grain in catalogue.grains:
        folder = out / grain.table
        if kpi not in catalogue.kpis_of(grain) or (grains and grain.name not in grains) or not folder.is_dir():
            continue
        shown = ["window_start", *(key.name for key in grain.keys), *names, kpi.id]
        schema = kpi_schema(grain, catalogue)
        shown = [column for column in shown if column in schema.names]
        rows = ds.dataset(folder, schema=schema).to_table(columns=shown)
        rows = rows.filter(pc.is_valid(rows.column(kpi.id)))
        worst = "ascending" if kpi.direction == "higher" else "descending"
        order = pc.sort_indices(rows, [(kpi.id, worst), ("window_start", "ascending")])[:SHOWN]
        click.echo(f"{grain.table}, the worst {len(order)} of {rows.num_rows:,} values:")
        click.echo("  " + "  ".join(shown))
        for row in rows.take(order).to_pylist():
            click.echo("  " + "  ".join(_cell(row[column]) for column in shown))


def _cell(value: object) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
