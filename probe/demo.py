"""`wiregauge demo`: traffic with known faults, the main job on it, and how the faults show in the KPIs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from kernels.jit import compiled_before
from probe.errors import OutputError
from probe.identity import CLEAR
from probe.kpi import compute
from probe.progress import terminal
from probe.run import DAMAGED, RunOptions, run
from probe.show import show
from probe.summary import summary_lines

if TYPE_CHECKING:
    from tools.scenario import Truth

__all__ = ["demo_command"]

GRAINS = ("cell", "drop", "gateway", "subscriber")
MINUTE, WHOLE = 60, 300  # seconds: windows of the run, and of the tables shown (all of the traffic)


class _View(NamedTuple):
    """One table of the demonstration: its title, which columns, in which order, and what is to be seen.

    `seen` names faults of the truth in braces.
    """

    title: str
    table: str
    columns: str
    seen: str
    worst: str | None = None
    sort: str | None = None


VIEWS = (
    _View(
        "Worst cells, by bearers lost", "kpi_cell",
        "cell rat connected_ms presence_drops drops_per_hour session_drop_pct",
        "Made to be bad: the 4G cell {cell} and the 5G cell {cell_nr},\nwhich lose radio connections.",
        sort="-presence_drops",
    ),
    _View(
        "Why bearers were lost, by cell and cause", "kpi_drop", "cell qos_class cause drops",
        "The cause is in the words of S1AP, NGAP or GTP-C, whichever told it.", sort="-drops",
    ),
    _View(
        "Worst gateways, by set-ups that failed", "kpi_gateway",
        "gateway session_setup_attempts session_setup_failures session_setup_success_pct session_setup_p95_ms",
        "Made to be bad: the gateway {gateway}, which rejects a third of the\nsessions and is slow with the others.",
        sort="-session_setup_failures",
    ),
    _View(
        "Worst subscribers, by sessions dropped", "kpi_subscriber",
        "subscriber cell_last sessions_ended sessions_dropped presence_drops session_drop_pct",
        "Made to be bad: the subscriber {subscriber}, who drops again and again, and takes\nits cell down too.",
        sort="-sessions_dropped",
    ),
)  # fmt: skip
ROWS = 6


def _traffic(folder: Path) -> "Truth":
    from tools.scenario import generate
    from tools.scenario.config import radio_demo_scenario

    scenario = radio_demo_scenario()
    users = scenario.subscribers + scenario.subscribers_3g + scenario.subscribers_nr
    click.echo(
        f"Making {scenario.duration_s / MINUTE:.0f} minutes of traffic: {users} subscribers, {scenario.cells} 4G, "
        f"{scenario.cells_nr} 5G and {scenario.cells_3g} 3G cells,\n{scenario.gateways} gateways, four faults ..."
    )
    begun = time.perf_counter()
    try:
        truth = generate(scenario, folder)
    except OSError as problem:
        raise OutputError(
            str(folder), problem.strerror or str(problem), remedy="Name another folder with --out."
        ) from None
    click.echo(f"{truth.ledger['in']:,} packets in {folder} ({time.perf_counter() - begun:.1f} s)")
    return truth


def _title(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def _faults(directory: Path, truth: "Truth") -> None:
    for view in VIEWS:
        _title(view.title)
        show(directory, view.table, limit=ROWS, sort=view.sort, worst=view.worst, columns=view.columns.split())
        click.echo(view.seen.format(**truth.faults))


def _next(out: Path, commands: Sequence[tuple[str, str]]) -> None:
    _title("What to try next")
    for command, meaning in commands:
        click.echo(f"  {command}\n      {meaning}")
    click.echo(f"The Parquet tables are in {out / 'kpis'}.")


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True,
              help="Folder for capture and tables.")  # fmt: skip
def demo_command(out: Path) -> None:
    """Make traffic with known faults and show them in the KPIs.

    Four minutes of a made-up 4G, 5G and 3G network, with one bad 4G cell, one bad 5G cell, one bad gateway, and one
    subscriber whose sessions drop.

    \b
    Example:
      wiregauge demo
      wiregauge demo --out /tmp/demo
    """
    capture, kpis, whole = out / "capture", out / "kpis", out / "kpis-5m"
    truth = _traffic(capture)
    _title(f"wiregauge run {capture / truth.files[0]} --out {kpis} --window 1m --identities clear")
    if not (terminal() or compiled_before("update")):
        click.echo("(the first use compiles kernels: two minutes or so)")
    files = [str(capture / name) for name in truth.files]
    outcome = run(files, kpis, RunOptions(window_s=MINUTE, identities=CLEAR))
    for line in summary_lines(outcome.summary):
        click.echo(line)
    _title(f"wiregauge kpi {kpis} --out {whole} --window 5m --by {','.join(GRAINS)}")
    summary = compute([kpis], whole, WHOLE, GRAINS)
    rows = ", ".join(f"{count:,} of {table}" for table, count in summary.rows_out.items())
    click.echo(f"rows: {rows} ({summary.seconds:.1f} s)")
    _faults(whole, truth)
    _next(out, [
        (f"wiregauge show {kpis}", "the tables that there are"),
        (f"wiregauge show {kpis} kpi_cell --sort=-presence_drops", "the same, minute by minute"),
        (f"wiregauge show {kpis} kpi_drop --sort=-drops", "why bearers were lost, and where"),
        (f"wiregauge show {kpis} kpi_cause --sort=-failures", "why set-ups fail, and where"),
        (f"wiregauge inspect {files[0]} --packet 500", "one packet, octet range by octet range"),
        ("wiregauge describe session_drop_pct", "how a KPI is made"),
    ])  # fmt: skip
    if outcome.problems:
        for problem in outcome.problems:
            click.echo(f"wiregauge: {problem}", err=True)
        raise click.exceptions.Exit(DAMAGED)
