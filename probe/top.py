"""`wiregauge top`: how a live probe fares, and the worst cells, on a screen that keeps itself up to date."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from probe.status_file import read_status

__all__ = ["top_command"]

MIB = 1 << 20
KEYS = ("cell", "rat")
STALE_S = 5
CELLS = 12
CELL_COLUMNS = (
    "cell",
    "rat",
    "presence_drops",
    "drops_per_hour",
    "session_setup_success_pct",
    "throughput_down_p50_kbps",
)


class _Rates:
    """Packets a second between two looks."""

    def __init__(self) -> None:
        self.before: dict[str, Any] | None = None

    def of(self, status: dict[str, Any]) -> tuple[float, float]:
        """(read, dropped) a second."""
        before, self.before = self.before, status
        took = status["seconds"] - before["seconds"] if before else 0
        if not before or took <= 0:
            return status["packets"] / max(status["seconds"], 1e-9), 0.0
        return (status["packets"] - before["packets"]) / took, (status["dropped"] - before["dropped"]) / took


def _numbers(status: dict[str, Any], rates: tuple[float, float], age_s: float) -> Iterator[tuple[str, str]]:
    user = status["joined"] + status["unjoined"]
    yield "packets", f"{status['packets']:,}   {rates[0]:,.0f} a second"
    yield "dropped by the kernel", f"{status['dropped']:,}   {rates[1]:,.0f} a second"
    for stage in ("rejected", "duplicate"):
        reasons = status["by_reason"].get(stage, {})
        if reasons:
            yield stage, ", ".join(f"{name} {count:,}" for name, count in reasons.items())
    yield "joined to a session", f"{100 * status['joined'] / user:.2f} % of user packets" if user else "no user packets"
    yield "ring", f"{100 * status['ring_fill']:.0f} % full   lag {status['lag_ms']:,.0f} ms"
    yield "tables", f"{100 * status['table_fill']:.0f} % full"
    yield "rows", f"{sum(status['rows'].values()):,} written   {status['waiting']:,} waiting"
    if status["lost"]:
        yield "rows lost", ", ".join(f"{cause} {count:,}" for cause, count in status["lost"].items())
    yield "processor", f"{status['cpu_s']:,.1f} s in {status['seconds']:,.0f} s"
    yield "memory", f"{status['memory'] / MIB:,.0f} MiB"
    yield "windows closed", f"{status['windows']:,}"
    for name, (packets, dropped, up) in status["interfaces"].items():
        yield name, f"{packets:,} packets, {dropped:,} dropped{'' if up else '   DOWN'}"
    if status["trouble"]:
        yield "trouble", status["trouble"]
    if not status["running"]:
        yield "ended", f"the probe was stopped {age_s:,.0f} s ago"
    elif age_s > STALE_S:
        yield "stale", f"nothing was heard of the probe for {age_s:,.0f} s: it was killed or hangs"


def _worst_cells(out: Path) -> list[dict[str, Any]]:
    """Of the latest window that has KPIs."""
    import pyarrow.parquet as pq

    files = sorted((out / "kpi_cell").glob("date=*/hour=*/part-*.parquet"), key=lambda path: path.name)
    if not files:
        return []
    schema = pq.read_schema(files[-1])
    columns = [name for name in ("window_start", *CELL_COLUMNS) if name in schema.names]
    found = [row for row in pq.read_table(files[-1], columns=columns, partitioning=None).to_pylist() if row["cell"]]
    found.sort(key=lambda row: (-(row.get("presence_drops") or 0), -(row.get("drops_per_hour") or 0)))
    return found[:CELLS]


def _screen(out: Path, rates: _Rates) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    status = read_status(out)
    age_s = time.time() - (out / ".status.json").stat().st_mtime
    numbers = Table.grid(padding=(0, 2))
    for name, text in _numbers(status, rates.of(status), age_s):
        bad = name in ("trouble", "stale", "rows lost") or "DOWN" in text
        numbers.add_row(Text(name, "dim"), Text(text, "bold red" if bad else ""))
    cells = _worst_cells(out)
    if not cells:
        return Group(numbers, Text("\nno cells yet: their KPIs come when the first window closes", "dim"))
    title = f"worst cells, window of {cells[0]['window_start']:%Y-%m-%d %H:%M:%S}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
    for name in CELL_COLUMNS:
        if name in cells[0]:
            table.add_column(name.replace("_", " "), justify="left" if name in KEYS else "right", no_wrap=name in KEYS)
    for row in cells:
        table.add_row(*(_text(row[name]) for name in CELL_COLUMNS if name in row))
    return Group(numbers, Text(""), table)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


@click.command("top")
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="Print it once and end.")
def top_command(directory: Path, once: bool) -> None:
    """Show how a live probe fares, and its worst cells.

    DIR is the folder that it writes to.

    \b
    Example:
      wiregauge top kpis/
    """
    from rich.console import Console
    from rich.live import Live

    rates, console = _Rates(), Console()
    first = _screen(directory, rates)
    if once or not console.is_terminal:
        console.print(first)
        return
    with Live(first, console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(1)
                live.update(_screen(directory, rates), refresh=True)
        except KeyboardInterrupt:
            return
