"""`wiregauge kpi`: xDR tables to KPI tables, one stretch of windows at a time.

KPIs are a pure function of xDR rows: which file a row stands in, and in which order, makes no difference.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import numpy as np

from formats.kpi import CATALOGUE, Catalogue, Counter, Grain
from formats.xdr import TABLES, Table
from probe import xdr_files
from probe.aggregate import Groups, Piece, Span
from probe.catalogue import load_catalogue
from probe.duration import DURATION
from probe.duration import text as duration_text
from probe.errors import WiregaugeError
from probe.facts import Domains, Frame
from probe.kpi_memory import kept_memory
from probe.kpi_plan import Plan
from probe.writer import partition, stamp, write_part

__all__ = ["Summary", "compute", "kpi_command"]

SECOND = 10**9
THREADS = 2
ROWS_AT_ONCE = 1 << 20
"""Rows of one table in memory, as long as a window holds no more."""

_TEXT_KINDS = {"ip", "cell", "slice", "apn", "enum", "cause", "derived", "digits"}

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


class Summary(NamedTuple):
    """What `compute` did: rows read a table, rows written a KPI table, windows, seconds."""

    rows_in: dict[str, int]
    rows_out: dict[str, int]
    windows: int
    seconds: float


class _Source(NamedTuple):
    """What is read of one xDR table."""

    table: str
    times: tuple[str, ...]
    columns: tuple[str, ...]
    text: tuple[str, ...]
    keys: tuple[str, ...]
    groups: list[xdr_files.Group]


def _columns(declared: Table, counters: Sequence[Counter], grains: Sequence[Grain]) -> list[str]:
    """The columns of a table that the counters and keys need."""
    table = declared.name
    wanted = {"start_time"}
    for counter in counters:
        if table in counter.tables:
            wanted |= {counter.time, *counter.columns}
            wanted |= {condition.column for alternative in counter.where for condition in alternative}
    wanted |= {key.column_of(table) for grain in grains for key in (*grain.keys, *grain.carried)}
    return [column.name for column in declared.columns if column.name in wanted]


def _sources(directories: Sequence[Path], catalogue: Catalogue, grains: Sequence[Grain]) -> list[_Source]:
    sources = []
    for table in TABLES:
        used = [c for c in catalogue.counters if table.name in c.tables]
        if not used:
            continue
        columns = _columns(table, used, grains)
        text = [c.name for c in table.columns if c.kind in _TEXT_KINDS and c.name in columns]
        times = tuple(sorted({c.time for c in used} | {"start_time"}))
        groups = xdr_files.groups_of(directories, table.name, times)
        keys = tuple({key.column_of(table.name) for grain in grains for key in (*grain.keys, *grain.carried)})
        sources.append(_Source(table.name, times, tuple(columns), tuple(text), keys, groups))
    return sources


def _stretches(groups: Sequence[xdr_files.Group], window: int) -> list[tuple[int, int]]:
    """Stretches of whole windows (first, end in ns) that cover all rows, each of about ROWS_AT_ONCE rows at most."""
    firsts = np.array([g.first // window for g in groups], np.int64)
    ends = np.array([g.last // window + 1 for g in groups], np.int64)
    rows_of = np.array([g.rows for g in groups], np.int64)
    edges = np.unique(np.concatenate([firsts, ends]))
    change = np.zeros(edges.size, np.int64)
    np.add.at(change, np.searchsorted(edges, firsts), rows_of)
    np.add.at(change, np.searchsorted(edges, ends), -rows_of)
    out: list[tuple[int, int]] = []
    rows_before = 0
    marks = (edges * window).tolist()
    for (first, end), rows in zip(pairwise(marks), np.cumsum(change).tolist(), strict=False):
        if not rows:
            continue
        if out and out[-1][1] == first and rows_before + rows <= ROWS_AT_ONCE:
            out[-1] = (out[-1][0], end)
            rows_before += rows
            continue
        windows = (end - first) // window
        pieces = min(windows, -(-rows // ROWS_AT_ONCE))
        out += pairwise(first + windows * i // pieces * window for i in range(pieces + 1))
        rows_before = rows if pieces == 1 else ROWS_AT_ONCE
    return out


class _Pools(NamedTuple):
    """Who does what meanwhile: stretches made ready, files read, texts coded, groups finished."""

    stretches: Executor
    files: Executor
    texts: Executor
    groups: Executor


def _read(source: _Source, first: int, end: int, domains: Domains, pools: _Pools) -> Frame | None:
    groups = [g for g in source.groups if g.first < end and g.last >= first]
    frame = Frame(source.text, source.keys, domains)
    tables = xdr_files.read(groups, source.columns, source.text, xdr_files.Stretch(source.times, first, end))
    following = pools.files.submit(next, tables, None)
    while (table := following.result()) is not None:
        following = pools.files.submit(next, tables, None)
        frame.add(table, pools.texts)
    return frame if frame.rows else None


def _part(out: Path, grain: Grain, window_s: int, start: int, part: int) -> Path:
    number = f"-{part:04d}" if part else ""
    return partition(out, grain.table, start) / f"part-{duration_text(window_s)}-{stamp(start)}{number}.parquet"


def _remove_stale(out: Path, grain: Grain, window_s: int, span: tuple[int, int], written: set[Path]) -> None:
    """Remove parts of windows within `span` of which this computation found no row."""
    first, last = stamp(span[0]), stamp(span[1])
    mark = f"part-{duration_text(window_s)}-"
    for path in (out / grain.table).glob(f"date=*/hour=*/{mark}*.parquet"):
        if path not in written and first <= path.stem.removeprefix(mark).partition("-")[0] < last:
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


def _ahead(
    pools: _Pools, sources: Sequence[_Source], stretches: Sequence[tuple[int, int]], plan: Plan, domains: Domains
) -> Iterator[tuple[Span, dict[str, int]]]:
    """The rows of each stretch, the next one being read and coded meanwhile, and how many there are of each table."""

    def prepare(first: int, end: int) -> tuple[Span, dict[str, int]]:
        frames = {s.table: f for s in sources if (f := _read(s, first, end, domains, pools)) is not None}
        return Span(frames, first, end, plan, domains), {table: frame.rows for table, frame in frames.items()}

    following = pools.stretches.submit(prepare, *stretches[0]) if stretches else None
    for at in range(len(stretches)):
        assert following is not None
        ready = following.result()
        following = pools.stretches.submit(prepare, *stretches[at + 1]) if at + 1 < len(stretches) else None
        yield ready


def _write(out: Path, piece: Piece) -> list[tuple[Path, int, int]]:
    """Finish some groups and write their rows: path, window and number of rows of each file."""
    written = []
    for start, part, rows in piece.finish():
        path = _part(out, piece.plan.grain, piece.span.plan.window_s, start, part)
        write_part(path, rows, piece.plan.text)
        written.append((path, start, rows.num_rows))
    return written


T = TypeVar("T")


def _in_order(workers: Executor, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """The result of each job, in order, a few of them under way at a time."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(workers.submit(work, *job))
        if len(waiting) > 2 * THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def compute(
    xdr_directories: Sequence[str | Path],
    out: str | Path,
    window_s: int,
    grains: Iterable[str] | None = None,
    catalogue: Catalogue | None = None,
    progress: Progress | None = None,
    between: tuple[int, int] | None = None,
) -> Summary:
    """KPI tables under `out` from the xDR tables under `xdr_directories`.

    grains: names (`cell`, `subscriber`, ...), None for all. between: only windows in first <= time < end (ns), both
    window boundaries. Each window is one file a table, which a later computation of the same window replaces.
    """
    started = time.perf_counter()
    catalogue, out = catalogue or CATALOGUE, Path(out)
    chosen = _chosen(catalogue, grains)
    catalogue = _used(catalogue, chosen)
    directories = list(dict.fromkeys(Path(d) for d in xdr_directories))
    plan = Plan(catalogue, chosen, window_s)
    sources = _sources(directories, catalogue, chosen)
    groups = [g for s in sources for g in s.groups if g.first <= g.last]
    stretches = _stretches(groups, window_s * SECOND)
    if between:
        stretches = [
            (max(a, between[0]), min(b, between[1])) for a, b in stretches if a < between[1] and b > between[0]
        ]
    total, done = sum(g.rows for g in groups), 0
    rows_in, rows_out = {s.table: 0 for s in sources}, {g.table: 0 for g in chosen}
    written: set[Path] = set()
    starts: set[int] = set()
    domains = Domains([k for g in chosen for k in (*g.keys, *g.carried)], [s.table for s in sources])
    with kept_memory(), ExitStack() as stack:
        pools = _Pools(*(stack.enter_context(ThreadPoolExecutor(n)) for n in (1, 1, THREADS, THREADS)))
        for span, rows in _ahead(pools, sources, stretches, plan, domains):
            for table, count in rows.items():
                rows_in[table] += count
                done += count
            for grain in plan.grains:
                for told in _in_order(pools.groups, _write, ((out, piece) for piece in Groups(span, grain).pieces())):
                    for path, start, count in told:
                        written.add(path)
                        starts.add(start)
                        rows_out[grain.grain.table] += count
            if progress:
                progress(min(done, total), total)
    if stretches:
        covered = between or (stretches[0][0], stretches[-1][1])
        for grain in chosen:
            _remove_stale(out, grain, window_s, covered, written)
    return Summary(rows_in, rows_out, len(starts), time.perf_counter() - started)


def _grain_names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    return [name.strip() for name in value.split(",") if name.strip()] if value else None


@click.command("kpi")
@click.argument("xdr_dir", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where KPI tables go.")
@click.option("--window", type=DURATION, default="15m", show_default=True, help="Length of a window: 90s, 15m, 1h.")
@click.option("--by", callback=_grain_names, help="Grains, separated by commas: cell,subscriber  [default: all]")
@click.option("--catalogue", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="More counters, KPIs and grains (TOML).")  # fmt: skip
def kpi_command(
    xdr_dir: tuple[Path, ...], out: Path, window: int, by: list[str] | None, catalogue: Path | None
) -> None:
    """Compute KPI tables from the xDR tables that earlier runs wrote.

    \b
    Example:
      wiregauge kpi kpis/ --out hourly/ --window 1h --by cell,subscriber
    """
    chosen = load_catalogue(catalogue) if catalogue else CATALOGUE
    summary = _with_progress(lambda report: compute(xdr_dir, out, window, by, chosen, report))
    read = ", ".join(f"{rows:,} {table}" for table, rows in summary.rows_in.items() if rows) or "no"
    click.echo(f"{read} rows in, {summary.windows:,} windows of {duration_text(window)}, {summary.seconds:.1f} s")
    for table, rows in summary.rows_out.items():
        click.echo(f"  {out / table}  {rows:,} rows")


def _with_progress(work: Callable[[Progress], Summary]) -> Summary:
    """Do the work behind a progress bar on stderr; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task: Any = bar.add_task("rows to KPIs", total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))
