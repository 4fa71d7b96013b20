"""`wiregauge show`: the tables of a folder, and the rows of one, to be read in a terminal."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from formats.kpi import Ratio, bases
from formats.xdr import TABLES
from probe.catalogue import shipped_catalogue
from probe.errors import WiregaugeError
from probe.xdr_files import table_files

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show", "show_command"]

TELLING = {
    "flow": "start_time subscriber cell apn service server_ip server_port bytes_down bytes_up rtt_client_ms "
    "throughput_down connect_outcome end_reason",
    "session": "start_time subscriber cell_last apn setup_ms dropped end_reason cause bytes_down bytes_up",
    "presence": "start_time subscriber cell apn connected_ms active_ms dropped end_reason cause bytes_down",
    "procedure": "start_time interface procedure outcome cause latency_ms attempts subscriber cell apn",
    "ledger": "window_start source stage reason packets bytes records",
}
"""Columns that come first, by table; the rest follow as far as the width allows."""

TELLING_KPIS = (
    "failures subscribers session_setup_attempts session_setup_success_pct session_setup_p95_ms sessions "
    "sessions_dropped session_drop_pct drops_per_hour bytes_down bytes_up throughput_down_kbps rtt_client_p50_ms "
    "tcp_connect_success_pct tcp_retransmission_down_pct flows join_pct throughput_up_kbps rtt_server_p50_ms"
)
BIGGEST_FIRST = ("failures", "bytes_total", "session_setup_attempts")
"""By which a KPI table is sorted if nothing else is asked for: the first that it has."""

LONGEST = 40  # of a text in a cell


class _Shown(NamedTuple):
    """A column as it will be printed."""

    name: str
    head: list[str]
    cells: list[str]
    number: bool

    @property
    def width(self) -> int:
        return max(map(len, (*self.head, *self.cells)), default=0)


def _tables(directory: Path) -> list[str]:
    """Tables in order of declaration, unknown ones last."""
    known = [t.name for t in TABLES] + [g.table for g in shipped_catalogue().grains]
    there = sorted(p.name for p in directory.iterdir() if p.is_dir() and not p.name.startswith("."))
    there = [name for name in there if table_files(directory, name)]
    return [n for n in known if n in there] + [n for n in there if n not in known]


def _unit(field: pa.Field) -> str:
    return (field.metadata or {}).get(b"unit", b"").decode()


# --- cells ---------------------------------------------------------------------------------------------------------


def _time(value: datetime) -> str:
    text = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return text if not value.microsecond else f"{text}.{value.microsecond // 1000:03d}"


def _float(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def _caveat(told: Any) -> str:
    """As in `session_drop_pct 1.2 to 3.4`; other lists as they are."""
    if not isinstance(told, dict) or told.keys() != {"name", "kind", "low", "high"}:
        return str(told)
    if told["low"] is None and told["high"] is None:
        return f"{told['name']} {told['kind']}"
    low, high = ("?" if told[end] is None else _float(told[end]) for end in ("low", "high"))
    return f"{told['name']} {low} to {high}"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return "; ".join(map(_caveat, value))
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


_AS_NAMES = {"session_id", "teid_up", "teid_down", "ue_port", "server_port", "cause_code"}
"""Numbers that name something: no thousands separators."""


def _head(name: str, unit: str, width: int) -> list[str]:
    """A name broken at underscores into lines of about the width of its cells, and its unit."""
    lines = [""]
    for part in name.replace("_", "_ ").split(" "):
        if lines[-1] and len(lines[-1]) + len(part) > max(width, 11):
            lines.append("")
        lines[-1] += part
    return [*lines, f"[{unit}]"] if unit else lines


def _shown(rows: pa.Table, name: str) -> _Shown:
    field, column = rows.schema.field(name), rows.column(name)
    if pa.types.is_timestamp(field.type):
        column = column.cast(pa.timestamp("us", tz="UTC"), safe=False)
    values = column.to_pylist()
    cells = ["–" if v is None else str(v) for v in values] if name in _AS_NAMES else [_cell(v) for v in values]
    number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    return _Shown(name, _head(name, _unit(field), max(map(len, cells), default=0)), cells, number)


# --- which rows, which columns ---------------------------------------------------------------------------------------


def _order(table: str, names: Sequence[str], sort: str | None) -> list[str]:
    """Columns: keys first, then what was sorted by and its bases, then the most telling, then the rest."""
    grain = next((g for g in shipped_catalogue().grains if g.table == table), None)
    first = TELLING.get(table, "").split()
    if grain:
        first = ["window_start", *(k.name for k in (*grain.keys, *grain.carried))]
        kpi = next((k for k in shipped_catalogue().kpis if k.id == sort), None)
        first += [sort or "", *(bases(kpi) if kpi else ()), *TELLING_KPIS.split()]
    return [n for n in dict.fromkeys([*first, *names]) if n in names]


def _worst(kpi: str) -> tuple[str, str | None]:
    """The sort that puts the worst of a KPI first, and for a ratio the counter that says what weighs enough."""
    found = next((k for k in shipped_catalogue().kpis if k.id == kpi), None)
    if found is None:
        raise WiregaugeError(f"no KPI {kpi!r}.\n`wiregauge describe` lists all.")
    weight = found.formula.denominator if isinstance(found.formula, Ratio) else None
    return kpi if found.direction == "higher" else f"-{kpi}", weight


def _chosen(data: Any, sort: str, weight: str | None, limit: int) -> pa.Array:
    """Positions of the first `limit` rows in order of `sort`, nulls left out, and those that weigh too little."""
    name = sort.removeprefix("-")
    keys = data.to_table(columns=[name, *([weight] if weight else [])])
    column = keys.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    wanted = pc.is_valid(column)
    if weight:
        weights = keys.column(weight)
        typical = pc.quantile(weights.filter(wanted), 0.5)[0]
        wanted = pc.and_(wanted, pc.fill_null(pc.greater_equal(weights, typical), False))
    at = pc.indices_nonzero(wanted)
    order = pc.sort_indices(column.take(at), sort_keys=[("", "descending" if sort.startswith("-") else "ascending")])
    return at.take(order[:limit])


def _rows(directory: Path, table: str, limit: int, sort: str | None, weight: str | None) -> tuple[pa.Table, int]:
    """The first `limit` rows in order of `sort` (`-name` for the greatest first), and how many there are in all."""
    import pyarrow.dataset as ds

    files = [str(p) for p in table_files(directory, table)]
    try:
        data = ds.dataset(files, schema=pq.read_schema(files[0]))
        total = data.count_rows()
        if not sort:
            return data.head(limit), total
        if sort.removeprefix("-") not in data.schema.names:
            raise WiregaugeError(f"{table} has no column {sort.removeprefix('-')!r}: see `wiregauge describe {table}`.")
        return data.take(_chosen(data, sort, weight, limit)), total
    except (OSError, pa.ArrowInvalid) as problem:
        raise WiregaugeError(f"{directory / table}: not readable as one table: {problem}") from problem


def _fitting(columns: list[_Shown], width: int) -> tuple[list[_Shown], list[_Shown]]:
    """As many columns as the width holds, at least one, and the others."""
    used, taken = 0, 0
    for column in columns:
        used += column.width + (2 if taken else 0)
        if taken and used > width:
            break
        taken += 1
    return columns[:taken], columns[taken:]


def _print(columns: list[_Shown], rows: int, console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        justify: Any = "right" if column.number else "left"
        table.add_column(Text("\n".join(column.head)), justify=justify, no_wrap=True, min_width=column.width)
    for i in range(rows):
        table.add_row(*(Text(column.cells[i]) for column in columns))
    # What does not fit is wrapped by the terminal: nothing is cut off.
    width = sum(column.width + 2 for column in columns)
    console.print(table, crop=False, overflow="ignore", no_wrap=True, width=max(width, console.width))


# --- the two views -------------------------------------------------------------------------------------------------


def _octets(number: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000  # type: ignore[assignment]
    raise AssertionError


def _summary(directory: Path, table: str) -> tuple[str, ...]:
    """Name, rows, files, size, first and last time of one table, from the footers alone."""
    rows = size = 0
    first: int | None = None  # ns, as our own tables hold them
    last: int | None = None
    files = table_files(directory, table)
    for path in files:
        meta = pq.read_metadata(path)
        rows, size = rows + meta.num_rows, size + path.stat().st_size
        names = meta.schema.names
        name = next((n for n in ("window_start", "start_time") if n in names), None)
        for i in range(meta.num_row_groups if name else 0):
            known = meta.row_group(i).column(names.index(name)).statistics
            if known is not None and known.has_min_max:
                first = known.min_raw if first is None else min(first, known.min_raw)
                last = known.max_raw if last is None else max(last, known.max_raw)
    times = ["–" if t is None else str(np.datetime64(t, "ns"))[:19].replace("T", " ") for t in (first, last)]
    return table, f"{rows:,}", f"{len(files):,}", _octets(size), *times


def _show_tables(directory: Path, console: "Console") -> None:
    lines = [_summary(directory, name) for name in _tables(directory)]
    if not lines:
        raise WiregaugeError(f"{directory}: no tables here.\nName the folder that was given to --out.")
    heads = ("table", "rows", "files", "size", "first (UTC)", "last (UTC)")
    columns = [
        _Shown(head, [head], [line[i] for line in lines], head in ("rows", "files", "size"))
        for i, head in enumerate(heads)
    ]
    _print(columns, len(lines), console)


def show(
    directory: str | Path,
    table: str | None = None,
    limit: int = 20,
    sort: str | None = None,
    worst: str | None = None,
    columns: Sequence[str] = (),
    console: "Console | None" = None,
) -> None:
    """Print the tables of `directory`, or `limit` rows of one.

    sort: a column, `-column` for the greatest first. worst: a KPI, its worst rows first; of a ratio
    only rows whose denominator is at least the median, lest one failure of one attempt hide the rest.
    columns: only these.
    """
    from rich.console import Console as RichConsole

    directory, console = Path(directory), console or RichConsole(highlight=False)
    if not directory.is_dir():
        raise WiregaugeError(f"{directory}: no such folder.")
    if table is None:
        _show_tables(directory, console)
        return
    there = _tables(directory)
    if table not in there:
        raise WiregaugeError(f"{directory}: no table {table!r}; there are {', '.join(there) or 'none'}.")
    names = pq.read_schema(table_files(directory, table)[0]).names
    weight = None
    if worst:
        sort, weight = _worst(worst)
    if sort is None and table.startswith("kpi_"):
        sort = next((f"-{name}" for name in BIGGEST_FIRST if name in names), None)
    rows, total = _rows(directory, table, limit, sort, weight)
    _show_rows(rows, total, columns or _order(table, names, sort and sort.removeprefix("-")), bool(columns), console)


def _show_rows(rows: pa.Table, total: int, names: Sequence[str], asked: bool, console: "Console") -> None:
    missing = [n for n in names if n not in rows.column_names]
    if missing:
        raise WiregaugeError(f"no column {', '.join(missing)}: there are {', '.join(rows.column_names)}.")
    columns = [_shown(rows, name) for name in names]
    if not asked:
        columns = [c for c in columns if any(cell != "–" for cell in c.cells)] or columns[:1]
    fitting, others = (columns, []) if asked else _fitting(columns, console.width)
    _print(fitting, rows.num_rows, console)
    notes = [f"{rows.num_rows:,} of {total:,} rows"]
    if others:
        notes.append(f"{len(others)} more columns (name them with --columns)")
    console.print("; ".join(notes), style="dim")


_comma: Callable[..., list[str]] = lambda ctx, param, value: [v.strip() for v in value.split(",")] if value else []  # noqa: E731


@click.command("show")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("table", required=False)
@click.option("--limit", "-n", type=click.IntRange(1), default=20, show_default=True, help="Rows to show.")
@click.option("--sort", metavar="COLUMN", help="Sort by a column; -COLUMN for the greatest first.")
@click.option(
    "--worst", metavar="KPI", help="Show the worst of a KPI first (of a ratio: among rows of at least median weight)."
)
@click.option("--columns", callback=_comma, metavar="A,B,...", help="Show only these columns.")
def show_command(
    directory: Path, table: str | None, limit: int, sort: str | None, worst: str | None, columns: list[str]
) -> None:
    """Show the tables of a folder, or the rows of one.

    \b
    Example:
      wiregauge show kpis/
      wiregauge show kpis/ kpi_cell --worst session_drop_pct
    """
    show(directory, table, limit, sort, worst, columns)
