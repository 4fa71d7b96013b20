"""`wiregauge kpi`: xDR tables to KPI tables, one stretch of windows at a time.

KPIs are a pure function of xDR rows: which file a row stands in, and in which order, makes no difference.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import click

from formats.kpi import Catalogue, Grain
from probe.alert_out import AlertOptions, alert_options
from probe.alerts import alerted_lines
from probe.catalogue import catalogue_option, shipped_catalogue
from probe.duration import nested
from probe.duration import texts as duration_texts
from probe.errors import WiregaugeError
from probe.identity import DEFAULT_KEY
from probe.kpi_engine import Engine, Here, Task, Written
from probe.kpi_explain import explain_values, explained, wanted_of
from probe.kpi_files import parts_since
from probe.kpi_rows import Held, sources_of, stretches_of
from probe.losses import losses
from probe.options import grains_option, min_sample_option, windows_option
from probe.segment import known_by

__all__ = ["Summary", "compute", "kpi_command"]

SECOND = 10**9
Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


class Summary(NamedTuple):
    """What `compute` did: rows read a table, rows written a KPI table, windows, seconds."""

    rows_in: dict[str, int]
    rows_out: dict[str, int]
    windows: int
    seconds: float


def _remove_stale(out: Path, grain: Grain, window_s: int, span: tuple[int, int], written: set[Path]) -> None:
    """Remove parts of windows within `span` of which this computation found no row."""
    first, last = span
    for start, path in parts_since(out, grain.table, window_s, first):
        if start < last and path not in written:
            path.unlink(missing_ok=True)


def _chosen(catalogue: Catalogue, names: Iterable[str] | None) -> list[Grain]:
    by_name = {grain.name: grain for grain in catalogue.grains}
    names = list(by_name if names is None else names)
    for name in names:
        if name not in by_name:
            raise WiregaugeError(f"no grain {name!r}: there are {', '.join(by_name)}.\nSee `wiregauge describe`.")
    return [by_name[name] for name in dict.fromkeys(names)]


def _used(catalogue: Catalogue, grains: Sequence[Grain]) -> Catalogue:
    """The catalogue without the counters that none of the grains has, so that their columns are not read."""
    names = {c.name for grain in grains for c in catalogue.counters_of(grain)}
    return catalogue._replace(counters=tuple(c for c in catalogue.counters if c.name in names))


def compute(
    xdr_directories: Sequence[str | Path],
    out: str | Path,
    window_s: int | Sequence[int],
    grains: Iterable[str] | None = None,
    catalogue: Catalogue | None = None,
    progress: Progress | None = None,
    between: tuple[int, int] | None = None,
    engine: Engine | None = None,
    held: Held = Held(),  # noqa: B008 - never changed
) -> Summary:
    """KPI tables under `out` from the xDR tables under `xdr_directories`.

    window_s: one length of window or several at once, each a multiple of the shorter ones. grains: names (`cell`,
    `subscriber`, ...), None for all. between: only windows that lie within or overlap first <= time < end (ns), both
    boundaries of the shortest. engine: who does the work, this process where None. held: how much may be in memory.
    Each window is one or more files a table, which a later computation of it replaces.
    """
    started = time.perf_counter()
    engine = engine or Here()
    catalogue, out = known_by(catalogue or shipped_catalogue(), None), Path(out)
    chosen = _chosen(catalogue, grains)
    catalogue = _used(catalogue, chosen)
    directories = list(dict.fromkeys(Path(d) for d in xdr_directories))
    windows = nested([window_s] if isinstance(window_s, int) else window_s)
    longest = windows[-1] * SECOND
    sources = sources_of(directories, catalogue, chosen)
    groups = [g for s in sources for g in s.groups if g.first <= g.last]
    stretches = stretches_of(groups, longest, held.at_once)
    if between:
        between = between[0] // longest * longest, -(-between[1] // longest) * longest
        stretches = [
            (max(a, between[0]), min(b, between[1])) for a, b in stretches if a < between[1] and b > between[0]
        ]
    lost = {seconds: losses(directories, seconds * SECOND, between) for seconds in windows}
    task = Task(catalogue, chosen, windows, out, sources, stretches, lost, held)
    total, done = sum(g.rows for g in groups), 0
    rows_in, rows_out = {s.table: 0 for s in sources}, {g.table: 0 for g in chosen}
    files: list[Written] = []
    for some in engine.run(task):
        files += some.files
        for table, count in some.rows.items():
            rows_in[table] += count
            done += count
        for file in some.files:
            rows_out[file.table] += file.rows
        if progress:
            progress(min(done, total), total)
    if stretches:
        covered, written = between or (stretches[0][0], stretches[-1][1]), {file.path for file in files}
        for seconds in windows:
            for grain in chosen:
                _remove_stale(out, grain, seconds, covered, written)
    engine.look_back(task, files)
    return Summary(
        rows_in, rows_out, len({(file.window_s, file.start) for file in files}), time.perf_counter() - started
    )


@click.command("kpi")
@click.argument("xdr_dir", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where KPI tables go.")
@windows_option
@grains_option
@catalogue_option
@min_sample_option
@click.option("--identity-key", type=click.Path(path_type=Path), default=DEFAULT_KEY, show_default=True,
              help="Key of the tables' pseudonyms, for segments of IMSIs.")  # fmt: skip
@alert_options
@click.option("--explain", metavar="KPI", help="Say what a KPI's values are made of, after writing them.")
@click.option("--explain-key", "keys", multiple=True, metavar="KEY=VALUE", help="Of which row, as cell=262-01-5.")
@click.option("--explain-window", "at", metavar="TIME", help="Of which window, by its start: 2026-11-22T07:15 (UTC).")
@click.option("--explain-rows", "most", type=click.IntRange(0, 10_000), default=5, show_default=True,
              help="How many xDR rows behind a value are shown.")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS", help="Have a Dask cluster do it: tcp://HOST:8786.")
def kpi_command(
    xdr_dir: tuple[Path, ...],
    out: Path,
    window: tuple[int, ...],
    by: list[str] | None,
    catalogue: Catalogue,
    identity_key: Path,
    explain: str | None,
    keys: tuple[str, ...],
    at: str | None,
    most: int,
    scheduler: str | None,
    alerts: str,
    alert_webhook: str,
) -> None:
    """Compute KPI tables from the xDR tables that earlier runs wrote.

    \b
    Example:
      wiregauge kpi kpis/ --out hourly/ --window 1h --by cell,subscriber
      wiregauge kpi kpis/ --out kpis/ --window 1m,15m,1d --by cell --catalogue mine.toml
      wiregauge kpi kpis/ --out hourly/ --by cell --explain session_drop_pct --explain-key cell=262-01-5
    """
    if explain is not None:
        explained(explain, catalogue)  # an unknown name is told before the work
    wanted = wanted_of(keys, at, most)
    catalogue = known_by(catalogue, None, identity_key)
    with _engine(scheduler) as engine:
        folders, target = ([p.resolve() for p in xdr_dir], out.resolve()) if scheduler else (xdr_dir, out)
        summary = _with_progress(lambda report: compute(folders, target, window, by, catalogue, report, engine=engine))
    read = ", ".join(f"{rows:,} {table}" for table, rows in summary.rows_in.items() if rows) or "no"
    click.echo(f"{read} rows in, {summary.windows:,} windows of {duration_texts(window)}, {summary.seconds:.1f} s")
    for table, rows in summary.rows_out.items():
        click.echo(f"  {out / table}  {rows:,} rows")
    for line in alerted_lines(xdr_dir, out, window, catalogue, AlertOptions(alerts, alert_webhook)):
        click.echo(line)
    if explain is not None:
        explain_values(explain, xdr_dir, out, catalogue, by, wanted)


def _engine(scheduler: str | None) -> AbstractContextManager[Engine]:
    if scheduler is None:
        return nullcontext(Here())
    from probe.cluster import Cluster  # an extra that few have

    return Cluster(scheduler)


def _with_progress(work: Callable[[Progress], Summary]) -> Summary:
    """Do the work behind a progress bar on stderr; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task: Any = bar.add_task("rows to KPIs", total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))
