"""The rows that KPIs are made of, a stretch of windows at a time, within a bound of memory.

A stretch is as many whole windows as hold about `Held.at_once` rows. Where one window alone holds more than
`Held.in_memory`, they are made into states (`kpi_state`) some at a time, which go to files on disk by the hash of their
keys and are merged share by share. So memory holds the rows that are being read, and a share of the states.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from formats.kpi import Catalogue, Counter, Grain
from formats.xdr import TABLES, TEXT_KINDS, Table
from probe import xdr_files
from probe.aggregate import Groups, Span, ordered
from probe.facts import Domains, Frame
from probe.kpi_plan import Plan
from probe.kpi_state import Merged, Seen, StateKey, key_of, see, shares_of, state_of
from probe.segment import joined_columns

__all__ = [
    "Held", "Job", "Pools", "Source", "States", "ahead", "jobs", "sources_of", "states_of", "stretches_of",
]  # fmt: skip

T = TypeVar("T")


class Held(NamedTuple):
    """How much is held in memory.

    at_once: rows of one table, as long as a window holds no more. in_memory: rows of a window; where there are more,
    they go through files. texts: distinct texts that are kept from one stretch to the next.
    """

    at_once: int = xdr_files.ROWS_AT_ONCE
    in_memory: int = 6 << 20
    texts: int = 8 << 20

    def at_most(self, rows: int) -> "Held":
        """No more rows than these, which is slower; 0: as it is."""
        return self._replace(at_once=min(self.at_once, rows), in_memory=min(self.in_memory, rows)) if rows else self


class Source(NamedTuple):
    """What is read of one xDR table."""

    table: str
    times: tuple[str, ...]
    columns: tuple[str, ...]
    text: tuple[str, ...]
    keys: tuple[str, ...]
    joined: dict[str, str]
    """columns of segments, and the column that each is joined on"""
    groups: list[xdr_files.Group]


def _columns(
    declared: Table, counters: Sequence[Counter], grains: Sequence[Grain], joined: dict[str, str]
) -> list[str]:
    """The columns of a table that the counters and keys need."""
    table = declared.name
    wanted = {"start_time"}
    for counter in counters:
        if table in counter.tables:
            wanted |= {counter.time, *counter.columns}
            wanted |= {name for alternative in counter.where for c in alternative for name in c.columns}
    wanted |= {key.column_of(table) for grain in grains for key in (*grain.keys, *grain.carried)}
    wanted |= {joined[name] for name in wanted if name in joined}
    return [column.name for column in declared.columns if column.name in wanted]


def sources_of(directories: Sequence[Path], catalogue: Catalogue, grains: Sequence[Grain]) -> list[Source]:
    """What is to be read: of each table the columns that these grains need, and the row groups that there are."""
    sources = []
    for table in TABLES:
        used = [c for c in catalogue.counters if table.name in c.tables]
        if not used:
            continue
        joined = joined_columns(catalogue.segments, table)
        columns = _columns(table, used, grains, joined)
        text = [c.name for c in table.columns if c.kind in TEXT_KINDS and c.name in columns]
        times = tuple(sorted({c.time for c in used} | {"start_time"}.intersection(columns)))
        groups = xdr_files.groups_of(directories, table.name, times)
        keys = {key.column_of(table.name) for grain in grains for key in (*grain.keys, *grain.carried)}
        keys |= {c.columns[0] for c in used if c.kind == "distinct"}
        keys |= {name for name in joined.values() if name in columns}
        sources.append(Source(table.name, times, tuple(columns), tuple(text), tuple(keys), joined, groups))
    return sources


def stretches_of(
    groups: Sequence[xdr_files.Group], window: int, at_once: int = xdr_files.ROWS_AT_ONCE
) -> list[tuple[int, int]]:
    """Stretches of whole windows (first, end in ns) that cover all rows, each of about `at_once` rows at most."""
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
        if out and out[-1][1] == first and rows_before + rows <= at_once:
            out[-1] = (out[-1][0], end)
            rows_before += rows
            continue
        windows = (end - first) // window
        pieces = min(windows, -(-rows // at_once))
        out += pairwise(first + windows * i // pieces * window for i in range(pieces + 1))
        rows_before = rows if pieces == 1 else at_once
    return out


class Pools(NamedTuple):
    """Who does what meanwhile: stretches made ready, files read, texts coded, groups finished."""

    stretches: Executor
    files: Executor
    texts: Executor
    groups: Executor


def _read(source: Source, first: int, end: int, domains: Domains, pools: Pools) -> Frame | None:
    groups = xdr_files.overlapping(source.groups, first, end)
    frame = Frame(source.text, source.keys, domains, source.joined)
    tables = xdr_files.read(groups, source.columns, source.text, xdr_files.Stretch(source.times, first, end))
    following = pools.files.submit(next, tables, None)
    while (table := following.result()) is not None:
        following = pools.files.submit(next, tables, None)
        frame.add(table, pools.texts)
    return frame if frame.rows else None


class Job(NamedTuple):
    """What is ready: groups of each grain, how many rows were read of each table for them."""

    sets: Iterator[Groups | Merged]
    rows: dict[str, int]


def ahead(worker: Executor, items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one being made meanwhile."""
    following = worker.submit(next, items, None)
    while (item := following.result()) is not None:
        following = worker.submit(next, items, None)
        yield item


def _domains(plan: Plan, sources: Sequence[Source]) -> Domains:
    keys = [key for each in plan.grains for key in (*each.grain.keys, *each.grain.carried)]
    return Domains(keys, [source.table for source in sources], plan.catalogue.segments)


def jobs(
    pools: Pools, sources: Sequence[Source], stretches: Sequence[tuple[int, int]], plans: Sequence[Plan], out: Path,
    held: Held,
) -> Iterator[Job]:  # fmt: skip
    """What there is to do, stretch by stretch; files of states are under `out` and do not outlive their use.

    plans: for each length of window, shortest first. Stretches are of whole windows of the longest.
    """
    plan = plans[-1]
    domains = _domains(plan, sources)
    for first, end in stretches:
        rows = sum(g.rows for s in sources for g in xdr_files.overlapping(s.groups, first, end))
        if rows > held.in_memory and end - first <= plan.window:
            files = StateFiles(out, -(-16 * rows // held.in_memory))
            yield _by_states(pools, sources, (first, end), plans, files, held.at_once)
            continue
        if domains.texts > held.texts:
            domains = _domains(plan, sources)
        frames = {s.table: f for s in sources if (f := _read(s, first, end, domains, pools)) is not None}
        counts = {table: frame.rows for table, frame in frames.items()}
        yield Job(_grouped(frames, (first, end), plans, domains), counts)


def _grouped(
    frames: dict[str, Frame], bounds: tuple[int, int], plans: Sequence[Plan], domains: Domains
) -> Iterator[Groups]:
    """The groups of each window and grain, made when they are asked for."""
    span = None
    for plan in plans:
        span = Span(frames, *bounds, plan, domains, like=span)
        for each in plan.grains:
            yield Groups(span, each)


# --- more rows than memory should hold ---------------------------------------------------------------------------


def _by_states(
    pools: Pools, sources: Sequence[Source], bounds: tuple[int, int], plans: Sequence[Plan], files: "StateFiles",
    at_once: int,
) -> Job:  # fmt: skip
    """Rows to states on disk, some at a time; the groups are what becomes of those, share by share."""
    seen: Seen = {}
    counts: dict[str, int] = {}
    for source in sources:
        for groups in xdr_files.lots(xdr_files.overlapping(source.groups, *bounds), at_once):
            rows = states_of(source, groups, bounds, plans, files.shares, pools)
            if rows is None:
                continue
            counts[source.table] = counts.get(source.table, 0) + rows.rows
            see(seen, rows.seen)
            for grain, shares in rows.states.items():
                files.write(grain, shares)
    return Job(_merged(plans, files, seen), counts)


def _merged(plans: Sequence[Plan], files: "StateFiles", seen: Seen) -> Iterator[Merged]:
    with files.folder:
        for plan in plans:
            for each in plan.grains:
                for share in range(files.shares):
                    if states := files.read(key_of(each), share):
                        yield Merged(each, states, seen)


class States(NamedTuple):
    """What some rows are as states: of each grain a table for each share that has some; rows; windows of the table."""

    states: dict[StateKey, dict[int, pa.Table]]
    rows: int
    seen: Seen


def states_of(
    source: Source, groups: list[xdr_files.Group], bounds: tuple[int, int], plans: Sequence[Plan], shares: int,
    pools: Pools,
) -> States | None:  # fmt: skip
    """The states of the rows of some row groups that lie within bounds; None for no row."""
    domains = _domains(plans[-1], [source])
    frame = _read(source._replace(groups=groups), *bounds, domains, pools)
    if frame is None:
        return None
    states: dict[StateKey, dict[int, pa.Table]] = {}
    seen: Seen = {}
    span = None
    for plan in plans:
        span = Span({source.table: frame}, *bounds, plan, domains, like=span)
        windows = np.flatnonzero(span.seen[source.table]).tolist()
        seen[source.table, plan.window_s] = {bounds[0] + window * plan.window for window in windows}
        for each in plan.grains:
            if source.table in each.tables:
                tables = list(pools.groups.map(partial(state_of, domain_of=domains.of), Groups(span, each).pieces()))
                if tables:
                    states[key_of(each)] = _by_share(pa.concat_tables(tables), len(each.grain.keys), shares)
    return States(states, frame.rows, seen)


def _by_share(states: pa.Table, keys: int, shares: int) -> dict[int, pa.Table]:
    order = ordered(shares_of(states, keys, shares), shares)
    dealt = states.take(pa.array(order.rows))
    edges = pairwise(order.starts.tolist())
    return {share: dealt.slice(low, high - low) for share, (low, high) in enumerate(edges) if high > low}


class StateFiles:
    """States on disk: a file for each grain and lot of rows, a record batch in it for each share."""

    def __init__(self, out: Path, shares: int) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.folder, self.shares = tempfile.TemporaryDirectory(prefix=".states-", dir=out), shares
        self._files: dict[StateKey, list[tuple[Path, dict[int, int]]]] = {}

    def write(self, grain: StateKey, shares: dict[int, pa.Table]) -> None:
        """One more file."""
        some = self._files.setdefault(grain, [])
        path, places = Path(self.folder.name) / f"{grain[0]}-{grain[1]}-{len(some)}.arrow", dict[int, int]()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        schema = next(iter(shares.values())).schema
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema, options=options) as writer:
            for share, states in shares.items():
                places[share] = len(places)
                writer.write(states.combine_chunks().to_batches()[0])
        some.append((path, places))

    def read(self, grain: StateKey, share: int) -> list[pa.Table]:
        """The states of one share, of all files."""
        out = []
        for path, places in self._files.get(grain, ()):
            if share in places:
                with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                    out.append(pa.Table.from_batches([reader.get_batch(places[share])]))
        return out
