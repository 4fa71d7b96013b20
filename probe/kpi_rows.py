"""The rows that KPIs are made of, a stretch of windows at a time, within a bound of memory.

A stretch is as many whole windows as hold about `ROWS_AT_ONCE` rows. Where one window alone holds more than
`ROWS_IN_MEMORY`, its rows are dealt out to files on disk by the hash of a key, once for each first key of the grains,
and read back share by share: a group is whole in one share. So memory holds a share, or the largest group.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from formats.kpi import Catalogue, Counter, Grain, Key
from formats.xdr import TABLES, Table
from kernels.group import order_rows
from kernels.intern import share_texts
from probe import xdr_files
from probe.aggregate import Span
from probe.facts import Domains, Frame
from probe.kpi_domain import text_parts
from probe.kpi_plan import GrainPlan, Plan
from probe.segment import joined_columns

__all__ = ["Job", "Pools", "Source", "ahead", "jobs", "sources_of", "stretches_of"]

ROWS_AT_ONCE = 1 << 20
"""Rows of one table in memory, as long as a window holds no more."""
ROWS_IN_MEMORY = 6 << 20
"""Rows of a window that are held in memory at most; where there are more, they go through files."""
TEXTS_IN_MEMORY = 8 << 20
"""Distinct texts that are kept from one stretch to the next."""

_TEXT_KINDS = {"ip", "cell", "slice", "apn", "enum", "cause", "derived", "digits"}

T = TypeVar("T")


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
        text = [c.name for c in table.columns if c.kind in _TEXT_KINDS and c.name in columns]
        times = tuple(sorted({c.time for c in used} | {"start_time"}))
        groups = xdr_files.groups_of(directories, table.name, times)
        keys = {key.column_of(table.name) for grain in grains for key in (*grain.keys, *grain.carried)}
        keys |= {c.columns[0] for c in used if c.kind == "distinct"}
        keys |= {name for name in joined.values() if name in columns}
        sources.append(Source(table.name, times, tuple(columns), tuple(text), tuple(keys), joined, groups))
    return sources


def stretches_of(groups: Sequence[xdr_files.Group], window: int) -> list[tuple[int, int]]:
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


class Pools(NamedTuple):
    """Who does what meanwhile: stretches made ready, files read, texts coded, groups finished."""

    stretches: Executor
    files: Executor
    texts: Executor
    groups: Executor


def _read(source: Source, first: int, end: int, domains: Domains, pools: Pools) -> Frame | None:
    groups = [g for g in source.groups if g.first < end and g.last >= first]
    frame = Frame(source.text, source.keys, domains, source.joined)
    tables = xdr_files.read(groups, source.columns, source.text, xdr_files.Stretch(source.times, first, end))
    following = pools.files.submit(next, tables, None)
    while (table := following.result()) is not None:
        following = pools.files.submit(next, tables, None)
        frame.add(table, pools.texts)
    return frame if frame.rows else None


class Job(NamedTuple):
    """Rows that are ready: the grains to make of them, how many are read of each table, whether new windows begin."""

    span: Span
    grains: Sequence[GrainPlan]
    rows: dict[str, int]
    fresh: bool


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
    pools: Pools, sources: Sequence[Source], stretches: Sequence[tuple[int, int]], plan: Plan, out: Path
) -> Iterator[Job]:
    """What there is to do, stretch by stretch; files of rows dealt out are under `out` and do not outlive their use."""
    domains = _domains(plan, sources)
    for first, end in stretches:
        rows = sum(g.rows for s in sources for g in s.groups if g.first < end and g.last >= first)
        if rows > ROWS_IN_MEMORY and end - first <= plan.window:
            yield from _dealt(pools, sources, (first, end), plan, out, -(-4 * rows // ROWS_IN_MEMORY))
            continue
        if domains.texts > TEXTS_IN_MEMORY:
            domains = _domains(plan, sources)
        frames = {s.table: f for s in sources if (f := _read(s, first, end, domains, pools)) is not None}
        counts = {table: frame.rows for table, frame in frames.items()}
        yield Job(Span(frames, first, end, plan, domains), plan.grains, counts, True)


# --- more rows than memory should hold ---------------------------------------------------------------------------


def _dealt(
    pools: Pools, sources: Sequence[Source], bounds: tuple[int, int], plan: Plan, out: Path, shares: int
) -> Iterator[Job]:
    by_key: dict[str, list[GrainPlan]] = {}
    for each in plan.grains:
        by_key.setdefault(each.grain.keys[0].name, []).append(each)
    out.mkdir(parents=True, exist_ok=True)
    told = False
    for grains in by_key.values():
        with tempfile.TemporaryDirectory(prefix=".shares-", dir=out) as folder:
            key, counts = grains[0].grain.keys[0], {}
            domains = _domains(plan, sources)
            for source in sources:
                if any(source.table in each.tables for each in grains):
                    counts[source.table] = _deal(source, bounds, key, shares, Path(folder), domains)
            seen = {table for table, rows in counts.items() if rows}
            for share in range(shares):
                domains = _domains(plan, sources)
                frames = {s.table: f for s in sources if (f := _share(s, share, Path(folder), domains, pools))}
                if frames:
                    span = Span(frames, *bounds, plan, domains, seen)
                    yield Job(span, grains, {} if told else counts, share == 0)
                    told = True


def _deal(source: Source, bounds: tuple[int, int], key: Key, shares: int, folder: Path, domains: Domains) -> int:
    """Deal out the rows of a table to a file for each share; how many there are."""
    first, end = bounds
    groups = [g for g in source.groups if g.first < end and g.last >= first]
    tables = xdr_files.read(groups, source.columns, source.text, xdr_files.Stretch(source.times, first, end))
    options, rows = pa.ipc.IpcWriteOptions(compression="lz4"), 0
    with ExitStack() as stack:
        files: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        for table in tables:
            table = pa.table({n: _plain(c) for n, c in zip(table.column_names, table.columns, strict=True)})
            rows += table.num_rows
            ids = _shares(table, _dealt_by(table, source, key, domains), shares)
            starts = np.zeros(shares + 1, np.int64)
            np.cumsum(np.bincount(ids, minlength=shares), out=starts[1:])
            order = np.empty(ids.size, np.int32)
            order_rows(ids, starts[:-1].copy(), order)
            dealt = table.take(pa.array(order))
            for share, (low, high) in enumerate(pairwise(starts.tolist())):
                if high > low:
                    if share not in files:
                        file = stack.enter_context(pa.OSFile(str(_file(folder, source, share)), "wb"))
                        files[share] = stack.enter_context(pa.ipc.new_stream(file, table.schema, options=options))
                    files[share].write_table(dealt.slice(low, high - low))
    return rows


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as text: each file has dictionaries of its own."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _dealt_by(table: pa.Table, source: Source, key: Key, domains: Domains) -> pa.ChunkedArray | None:
    """The keys of the rows, looked up where a segment tells them; None for a table without."""
    name = key.column_of(source.table)
    if name not in source.joined:
        return table.column(name) if name in table.column_names else None
    on = source.joined[name]
    codes = domains.joined(name, domains.of(on).codes(table.column(on).chunks))
    return pa.chunked_array([pa.array(codes, mask=codes < 0)])


def _shares(table: pa.Table, keys: pa.ChunkedArray | None, shares: int) -> np.ndarray:
    """int32[n]: the share of each row, by the text of its key."""
    ids = np.zeros(table.num_rows, np.int32)
    if keys is not None:
        texts = keys.cast(pa.string()).combine_chunks()
        for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
            share_texts(*text_parts(chunk), shares, ids)
    return ids


def _file(folder: Path, source: Source, share: int) -> Path:
    return folder / f"{source.table}-{share}.arrow"


def _share(source: Source, share: int, folder: Path, domains: Domains, pools: Pools) -> Frame | None:
    path = _file(folder, source, share)
    if not path.exists():
        return None
    frame = Frame(source.text, source.keys, domains, source.joined)
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        frame.add(stream.read_all(), pools.texts)
    path.unlink()
    return frame
