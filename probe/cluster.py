"""`wiregauge kpi --scheduler ADDRESS`: the same plan on the workers of a Dask cluster.

Row groups become states on whichever worker is free, each state goes to the reducer of its keys straight from worker to
worker, and each reducer writes its own files. The scheduler and this process see names and counts only. A worker that
dies takes its states with it: they are made again elsewhere; a file that is written twice is the same file.

All workers must see the xDR folders and the output folder under the same names (a shared file system), and have
wiregauge installed with the extra `cluster`.
"""

import asyncio
import pickle
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from probe.errors import UsageError, WiregaugeError
from probe.kpi_engine import Done, Task, Written, lagged_of, pools_of, write_groups
from probe.kpi_lag import fill_lagged
from probe.kpi_plan import Plan
from probe.kpi_rows import Source, States, states_of
from probe.kpi_state import Merged, Seen, StateKey, key_of, see
from probe.xdr_files import Group, lots, overlapping

__all__ = ["Cluster"]

CONNECT_S = 20
ROWS_A_SHARE = 1 << 21
ROWS_A_WAVE = 1 << 22
"""Rows for each worker that are under way at a time, twice (a wave is mapped while the one before is reduced)."""
PARTS_A_SHARE = 10_000


class _Told(NamedTuple):
    """What a worker needs to know of a task, small enough to go with each piece of work."""

    plans: bytes
    out: Path
    shares: int


def _told(task: Task, shares: int) -> _Told:
    return _Told(
        pickle.dumps((task.catalogue, list(task.grains), list(task.windows), dict(task.lost))), task.out, shares
    )


@lru_cache(2)
def _plans(told: bytes) -> list[Plan]:
    catalogue, grains, windows, lost = pickle.loads(told)  # made by `_told`
    return [Plan(catalogue, grains, seconds, lost[seconds]) for seconds in windows]


# --- on the workers ----------------------------------------------------------------------------------------------


class About(NamedTuple):
    """How many rows there were of each table, and in which windows."""

    rows: dict[str, int]
    seen: Seen


def _map(told: _Told, source: Source, groups: list[Group], bounds: tuple[int, int]) -> tuple[str, States | None]:
    with ExitStack() as stack:
        return source.table, states_of(source, groups, bounds, _plans(told.plans), told.shares, pools_of(stack, 1))


def _share(mapped: tuple[str, States | None], share: int) -> dict[StateKey, pa.Table]:
    """The states of one share, by grain."""
    states = mapped[1]
    if states is None:
        return {}
    return {grain: shares[share].combine_chunks() for grain, shares in states.states.items() if share in shares}


def _about(mapped: tuple[str, States | None]) -> About:
    table, states = mapped
    return About({}, {}) if states is None else About({table: states.rows}, states.seen)


def _all_about(some: Sequence[About]) -> About:
    rows: dict[str, int] = {}
    seen: Seen = {}
    for about in some:
        for table, count in about.rows.items():
            rows[table] = rows.get(table, 0) + count
        see(seen, about.seen)
    return About(rows, seen)


def _reduce(told: _Told, share: int, about: About, parts: Sequence[dict[StateKey, pa.Table]]) -> list[Written]:
    """The KPI rows of one share of the keys."""
    written: list[Written] = []
    for plan in _plans(told.plans):
        for each in plan.grains:
            states = [part[key_of(each)] for part in parts if key_of(each) in part]
            if states:
                for piece in Merged(each, states, about.seen).pieces(share * PARTS_A_SHARE):
                    written += write_groups(told.out, piece)
    return written


def _look_back(told: _Told, grain: StateKey, files: Sequence[tuple[int, Path]]) -> None:
    each = next(each for each in lagged_of(_plans(told.plans)) if key_of(each) == grain)
    fill_lagged(told.out, each, each.window_s, files)


# --- here --------------------------------------------------------------------------------------------------------


def _library() -> Any:
    try:
        import distributed
    except ImportError as problem:
        raise UsageError("--scheduler needs Dask: pip install 'wiregauge[cluster]'.") from problem
    return distributed


def _knock(address: str) -> None:
    """Fail at once where nobody listens: a client that never connected leaves threads behind."""
    from distributed.comm.addressing import parse_address, parse_host_port

    scheme, place = parse_address(address)
    if scheme not in ("tcp", "tls"):
        raise ValueError(f"{scheme}: tcp or tls is wanted")
    socket.create_connection(parse_host_port(place), timeout=CONNECT_S).close()


class Cluster:
    """The workers of a scheduler, as an engine of `compute`; a context manager."""

    def __init__(self, address: str) -> None:
        library = _library()
        try:
            _knock(address)
            self._client = library.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as problem:
            raise WiregaugeError(
                f"No Dask scheduler answers at {address}: {problem}.\nStart one with `dask scheduler`."
            ) from problem
        self.workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
        if not self.workers:
            self._client.close()
            raise WiregaugeError(f"{address} has no workers.\nStart some with `dask worker {address} --nthreads 1`.")
        self._serial = 0

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *problem: object) -> None:
        self._client.close()

    def _submit(self, work: Callable[..., Any], *args: Any) -> Any:
        """A piece of work that may be done again elsewhere."""
        self._serial += 1
        key = f"{work.__name__.strip('_')}-{id(self):x}-{self._serial}"
        return self._client.submit(work, *args, key=key, pure=False, retries=1)

    def _result(self, future: Any) -> Any:
        distributed = _library()
        try:
            return future.result()
        except WiregaugeError:
            raise
        except distributed.scheduler.KilledWorker as problem:
            raise WiregaugeError(
                f"Workers died again and again over one piece of work: {problem}.\nGive them more memory each."
            ) from problem
        except (OSError, ImportError, AttributeError, asyncio.CancelledError) as problem:
            raise WiregaugeError(
                f"The cluster failed: {problem!r}.\nWorkers need the same wiregauge and must see the folders."
            ) from problem
        finally:
            future.release()

    def run(self, task: Task) -> Iterator[Done]:
        """Wave after wave of whole windows: one is mapped while the one before is reduced."""
        rows = sum(group.rows for source in task.sources for group in source.groups)
        told = _told(task, max(2 * self.workers, -(-min(rows, self.workers * ROWS_A_WAVE) // ROWS_A_SHARE)))
        under_way: deque[tuple[Any, list[Any]]] = deque()
        for bounds in _waves(task, self.workers * ROWS_A_WAVE):
            under_way.append(self._wave(told, task, bounds))
            if len(under_way) > 2:
                yield self._done(*under_way.popleft())
        while under_way:
            yield self._done(*under_way.popleft())

    def _wave(self, told: _Told, task: Task, bounds: tuple[int, int]) -> tuple[Any, list[Any]]:
        mapped = [
            self._submit(_map, told, source._replace(groups=[]), lot, bounds)
            for source in task.sources
            for lot in lots(overlapping(source.groups, *bounds), task.held.at_once)
        ]
        about = self._submit(_all_about, [self._submit(_about, m) for m in mapped])
        reduced = [
            self._submit(_reduce, told, share, about, [self._submit(_share, m, share) for m in mapped])
            for share in range(told.shares)
        ]
        return about, reduced

    def _done(self, about: Any, reduced: Iterable[Any]) -> Done:
        files = [file for future in reduced for file in self._result(future)]
        return Done(self._result(about).rows, files)

    def look_back(self, task: Task, files: Sequence[Written]) -> None:
        """Each grain and share for itself: a key is always in the same share, so no other share is looked at."""
        told = _told(task, 0)
        lagged = {(each.grain.table, each.window_s): key_of(each) for each in lagged_of(task.plans())}
        work: dict[tuple[StateKey, int], list[tuple[int, Path]]] = {}
        for file in files:
            if grain := lagged.get((file.table, file.window_s)):
                work.setdefault((grain, file.part // PARTS_A_SHARE), []).append((file.start, file.path))
        for future in [self._submit(_look_back, told, grain, some) for (grain, _), some in work.items()]:
            self._result(future)


def _waves(task: Task, rows: int) -> Iterator[tuple[int, int]]:
    """Whole windows of about so many rows, or one window."""
    first = end = None
    held = 0
    for low, high in task.stretches:
        count = sum(g.rows for s in task.sources for g in overlapping(s.groups, low, high))
        if first is not None and (held + count > rows or low != end):
            yield first, end  # type: ignore[misc]
            first, held = None, 0
        if first is None:
            first = low
        end, held = high, held + count
    if first is not None and end is not None:
        yield first, end
