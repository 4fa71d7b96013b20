"""Who does the work of `wiregauge kpi`: this process (`Here`), or a cluster (`probe.cluster.Cluster`)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from formats.kpi import Catalogue, Grain
from probe.aggregate import Groups
from probe.kpi_files import part_path
from probe.kpi_lag import fill_lagged
from probe.kpi_memory import kept_memory
from probe.kpi_plan import GrainPlan, Plan
from probe.kpi_rows import Held, Pools, Source, ahead, jobs
from probe.kpi_state import Merged
from probe.kpi_tables import Measures, finish
from probe.losses import Losses
from probe.writer import write_part

__all__ = ["Done", "Engine", "Here", "Task", "Written", "lagged_of", "pools_of", "write_groups"]

THREADS = 2
T = TypeVar("T")


class Task(NamedTuple):
    """What is to be computed under `out`: these grains, in windows of these lengths (s, shortest first)."""

    catalogue: Catalogue
    grains: Sequence[Grain]
    windows: Sequence[int]
    out: Path
    sources: Sequence[Source]
    stretches: Sequence[tuple[int, int]]
    lost: Mapping[int, Mapping[int, Losses]]
    """by length of window (s) and window (start in ns)"""
    held: Held = Held()

    def plans(self) -> list[Plan]:
        """The catalogue made ready, for each length of window."""
        return [Plan(self.catalogue, self.grains, seconds, self.lost[seconds]) for seconds in self.windows]


class Written(NamedTuple):
    """A file of a KPI table: its window (start in ns), its number among those of the window, how many rows it has."""

    table: str
    window_s: int
    path: Path
    start: int
    part: int
    rows: int


class Done(NamedTuple):
    """Rows read of each table, and files that came of them and of what was read before."""

    rows: dict[str, int]
    files: list[Written]


class Engine(Protocol):
    """Does a task in any way it likes; tables come out the same."""

    def run(self, task: Task) -> Iterator[Done]:
        """All files of the task, some at a time."""

    def look_back(self, task: Task, files: Sequence[Written]) -> None:
        """Fill in the KPIs that look back, in files that were just written, once all are."""


def pools_of(stack: ExitStack, threads: int) -> Pools:
    """The threads of a computation."""
    return Pools(*(stack.enter_context(ThreadPoolExecutor(n)) for n in (1, 1, threads, threads)))


def write_groups(out: Path, groups: Measures) -> list[Written]:
    """Finish some groups and write their rows, a file a window."""
    table, written = groups.plan.grain.table, []
    for start, part, rows in finish(groups):
        path = part_path(out, table, groups.plan.window_s, start, part)
        write_part(path, rows, groups.plan.text)
        written.append(Written(table, groups.plan.window_s, path, start, part, rows.num_rows))
    return written


def _pieces(out: Path, groups: Groups | Merged, counted: dict[GrainPlan, int]) -> Iterator[tuple[Path, Measures]]:
    """The pieces of a grain, those of one window numbered on."""
    for piece in groups.pieces(counted.get(groups.plan, 0)):
        counted[groups.plan] = piece.part + 1
        yield out, piece


def _in_order(workers: Executor, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """The result of each job, in order, a few of them under way at a time."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(workers.submit(work, *job))
        if len(waiting) > 2 * THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class Here:
    """This process, with a few threads."""

    def run(self, task: Task) -> Iterator[Done]:
        """One stretch of windows after another, the next one being read meanwhile."""
        with kept_memory(), ExitStack() as stack:
            pools = pools_of(stack, THREADS)
            made = jobs(pools, task.sources, task.stretches, task.plans(), task.out, task.held)
            for job in ahead(pools.stretches, made):
                counted: dict[GrainPlan, int] = {}
                files: list[Written] = []
                for groups in job.sets:
                    for some in _in_order(pools.groups, write_groups, _pieces(task.out, groups, counted)):
                        files += some
                yield Done(job.rows, files)

    def look_back(self, task: Task, files: Sequence[Written]) -> None:
        """Grain by grain, in order of time."""
        for each in lagged_of(task.plans()):
            mine = [(f.start, f.path) for f in files if (f.table, f.window_s) == (each.grain.table, each.window_s)]
            fill_lagged(task.out, each, each.window_s, mine)


def lagged_of(plans: Iterable[Plan]) -> list[GrainPlan]:
    """The grains, for each length of window, that have KPIs which look back."""
    return [each for plan in plans for each in plan.grains if each.lagged]
