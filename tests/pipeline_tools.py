"""Runs the whole path on captures, for tests: xDR rows as Arrow tables and dicts, or Parquet and KPI tables."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from formats import xdr
from kernels.shard import MARGIN, OUT_ROOM, SWEEP_NOW, Limits
from probe import kpi
from probe import pipeline as stage
from probe.accounts import Accounts
from probe.identity import CLEAR, Identities
from probe.pipeline import Copies, Pipeline
from probe.sink import Sink
from probe.sources import Source, open_sources
from probe.tables import Names, to_arrow

SECOND = 10**9
TABLES = {table.name: table for table in (xdr.FLOW, xdr.SESSION, xdr.PRESENCE, xdr.PROCEDURE)}
SMALL = Limits(flows=1 << 13, sessions=1 << 11, transactions=1 << 11, apns=64)
"""Enough for every preset; the tables of a normal run would be cleared anew for each test."""
LARGE = Limits(flows=1 << 17, sessions=1 << 15, transactions=1 << 15, apns=64)
"""Enough for the demonstration."""

Put = Callable[[str, np.ndarray, list[str]], None]


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dicts of plain values: times as int ns, dictionaries as text."""
    columns = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        columns.append(column.to_pylist())
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


class Run(NamedTuple):
    """What a run gave: rows by table, and its accounts."""

    tables: dict[str, list[dict[str, Any]]]
    accounts: Accounts
    sources: list[Source]
    packets: int
    end: int
    """Time at which the capture ended, ns."""

    @property
    def flow(self) -> list[dict[str, Any]]:
        return self.tables["flow"]

    @property
    def session(self) -> list[dict[str, Any]]:
        return self.tables["session"]

    @property
    def presence(self) -> list[dict[str, Any]]:
        return self.tables["presence"]

    @property
    def procedure(self) -> list[dict[str, Any]]:
        return self.tables["procedure"]

    def multiset(self, table: str) -> Counter[tuple[Any, ...]]:
        """Rows over all columns, each with how often it is there."""
        return Counter(tuple(row.values()) for row in self.tables[table])


def pipeline(
    put: Put,
    window_s: int = 60,
    workers: int = 1,
    limits: Limits | None = SMALL,
    rows: int | None = None,
    lane_packets: int | None = None,
    copies: Copies | None = None,
) -> Pipeline:
    """A Pipeline; `rows`: how many wait per table before a write; `lane_packets`: room of a lane."""
    if lane_packets is not None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage.Lane.__init__, "__defaults__", (lane_packets,))
            line = Pipeline(window_s * SECOND, put, workers, limits, copies)
    else:
        line = Pipeline(window_s * SECOND, put, workers, limits, copies)
    if rows is not None:
        for worker in line.workers:
            worker.shard.words[OUT_ROOM] = MARGIN + rows
    return line


def drive(line: Pipeline, sources: list[Source], lane_packets: int | None = None) -> None:
    """Run it; a lane's room is also what a round takes at most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "LANE_PACKETS", lane_packets or stage.LANE_PACKETS)
        line.run(sources)


def run(paths: Sequence[str | Path], *, block_bytes: int = 1 << 22, **options: Any) -> Run:
    """Captures to rows, in memory, identities in clear; `options` are those of `pipeline`."""
    identities = Identities(CLEAR)
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}

    def put(table: str, rows: np.ndarray, apns: list[str]) -> None:
        tables[table] += plain(to_arrow(TABLES[table], rows.copy(), Names(apns, identities)))

    sources, refusals = open_sources([str(path) for path in paths], block_bytes=block_bytes)
    assert not refusals
    line = pipeline(put, **options)
    drive(line, sources, options.get("lane_packets"))
    return Run(tables, line.accounts, sources, line.packets, int(line.workers[0].shard.words[SWEEP_NOW]))


def write(paths: Sequence[str | Path], out: Path, *, run_id: str = "test", block_bytes: int = 1 << 22,
          **options: Any) -> Pipeline:  # fmt: skip
    """Captures to xDR Parquet under `out`, identities in clear."""
    sink = Sink(out, run_id, Identities(CLEAR))
    sources, refusals = open_sources([str(path) for path in paths], block_bytes=block_bytes)
    assert not refusals
    line = pipeline(sink.put, **options)
    drive(line, sources, options.get("lane_packets"))
    sink.close(line.accounts.entries(sources))
    return line


def kpis(xdr_folder: Path, out: Path, window_s: int, grains: Sequence[str] | None = None) -> kpi.Summary:
    """KPI tables under `out` from the xDR tables under `xdr_folder`."""
    return kpi.compute([xdr_folder], out, window_s, grains)


def read(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a Parquet table, partition columns left out."""
    where = folder / table
    if not where.is_dir():
        return []
    files = sorted(str(path) for path in where.rglob("*.parquet"))
    return plain(ds.dataset(files, format="parquet").to_table()) if files else []


def key(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    """Some columns of a row."""
    return tuple(row[name] for name in names)
