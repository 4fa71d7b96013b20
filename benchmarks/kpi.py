"""The KPI stage beside DuckDB and Polars: the same tables from the same Parquet rows, exact, in the same run.

    python -m benchmarks.kpi WHO CASE FOLDER OUT       one contestant as a process of its own (benchmarks/run.py does)

Cases: `cell` (count, sums, exact p50 and p95, exact distinct subscribers), `four` and `six` grains, the last one with
forty counters, thirty of them filtered.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

WINDOW_S = 900
GRAINS = {
    "cell": ("cell",),
    "apn": ("apn",),
    "device": ("device_tac",),
    "cell_qos": ("cell", "qos_class"),
    "gateway": ("gateway",),
    "apn_service": ("apn", "service"),
}
CASES = {"cell": (("cell",), 4), "four": (("cell", "apn", "device", "cell_qos"), 4), "six": (tuple(GRAINS), 40)}
QUANTILES = (0.5, 0.95)
LISTED, DISTINCT = "rtt_client_ms", "subscriber"
PEERS = ("duckdb", "polars")


class Wanted(NamedTuple):
    """A count (`column` is "") or sum, of rows whose `filter` (column, text or number) holds."""

    name: str
    column: str
    filter: tuple[str, str | int] | None


def wanted(number: int) -> list[Wanted]:
    """The first `number` - 1 counters; the last one is the distinct subscribers."""
    out = [Wanted("flows", "", None), Wanted("up", "bytes_up", None), Wanted("down", "bytes_down", None)]
    sums = ("", "bytes_up", "bytes_down", "packets_down")
    filters: list[tuple[str, str | int]] = [("service", f"service{i}") for i in range(4)]
    filters += [("connect_outcome", "success"), ("connect_outcome", "refused"), ("qos_class", 9), ("ip_protocol", 6)]
    for column, value in filters:
        out += [Wanted(f"{column}_{value}_{what or 'rows'}", what, (column, value)) for what in sums]
    out += [Wanted("packets_up", "packets_up", None), Wanted("packets_down", "packets_down", None)]
    out += [Wanted("tcp_up", "tcp_packets_up", None), Wanted("tcp_down", "tcp_packets_down", None)]
    return out[: number - 1]


def by_wiregauge(case: str, folder: Path, out: Path) -> None:
    """`compute` with a catalogue of exactly these counters."""
    from formats.kpi import Catalogue, Condition, Counter, Grain, Key, Kpi, Quantile
    from probe.kpi import compute

    names, number = CASES[case]
    counters = []
    for one in wanted(number):
        where = ((Condition(one.filter[0], "eq", one.filter[1]),),) if one.filter else ()
        columns = (one.column,) if one.column else ()
        counters.append(Counter(one.name, "sum" if columns else "count", ("flow",), columns, "", "", where))
    counters.append(Counter("subscribers", "distinct", ("flow",), (DISTINCT,), "", ""))
    counters.append(Counter("rtt", "values", ("flow",), (LISTED,), "ms", ""))
    kpis = tuple(Kpi(f"p{q * 100:.0f}", "ms", Quantile("rtt", q), "", "lower", "") for q in QUANTILES)
    grains = tuple(
        Grain(name, "", tuple(Key(k, k, "", "", number=k == "qos_class") for k in GRAINS[name])) for name in names
    )
    compute([folder], out, WINDOW_S, None, Catalogue(tuple(counters), kpis, grains))


def by_duckdb(case: str, folder: Path, out: Path) -> None:
    """A query for each grain; a window as whole periods since 1970."""
    import duckdb

    names, number = CASES[case]
    columns = []
    for one in wanted(number):
        value, where = f"sum({one.column})" if one.column else "count(*)", ""
        if one.filter:
            literal = f"'{one.filter[1]}'" if isinstance(one.filter[1], str) else one.filter[1]
            where = f" FILTER (WHERE {one.filter[0]} = {literal})"
        columns.append(f'{value}{where} AS "{one.name}"')
    columns.append(f"quantile_cont({LISTED}, {list(QUANTILES)}) AS quantiles")
    columns.append(f"count(DISTINCT {DISTINCT}) AS subscribers")
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    for name in names:
        keys = f"epoch_ns(start_time) // {WINDOW_S * 10**9} AS w, {', '.join(GRAINS[name])}"
        rows = f"read_parquet('{folder}/flow/**/*.parquet')"
        query = f"SELECT {keys}, {', '.join(columns)} FROM {rows} GROUP BY ALL"
        connection.execute(f"COPY ({query}) TO '{out}/{name}.parquet' (FORMAT parquet)")


def by_polars(case: str, folder: Path, out: Path) -> None:
    """All grains as one lazy query."""
    import polars as pl

    names, number = CASES[case]
    columns = []
    for one in wanted(number):
        value = pl.col(one.column) if one.column else pl.col("start_time")
        if one.filter:
            value = value.filter(pl.col(one.filter[0]) == one.filter[1])
        columns.append((value.sum() if one.column else value.len()).alias(one.name))
    columns += [pl.col(LISTED).quantile(q, "linear").alias(f"p{q * 100:.0f}") for q in QUANTILES]
    columns.append(pl.col(DISTINCT).drop_nulls().n_unique().alias("subscribers"))
    rows = pl.scan_parquet(f"{folder}/flow/**/*.parquet")
    window = pl.col("start_time").dt.truncate(f"{WINDOW_S}s").alias("w")
    tables = pl.collect_all([rows.group_by(window, *GRAINS[name]).agg(columns) for name in names])
    for name, table in zip(names, tables, strict=True):
        table.write_parquet(out / f"{name}.parquet")


CONTESTANTS: dict[str, Callable[[str, Path, Path], None]] = {
    "wiregauge": by_wiregauge, "duckdb": by_duckdb, "polars": by_polars,
}  # fmt: skip


def _text(window: Any, keys: Any) -> tuple[int, ...]:
    return (int(window), *(str(key) for key in keys))


def tables(who: str, name: str, out: Path) -> dict[Any, tuple[Any, ...]]:
    """{(window, keys): (flows, up, down, subscribers, p50, p95)} of what a contestant wrote for a grain."""
    import duckdb

    keys = ", ".join(GRAINS[name])
    if who == "wiregauge":
        source = f"read_parquet('{out}/kpi_{name}/**/*.parquet')"
        query = f"epoch_ns(window_start) // {WINDOW_S * 10**9}, {keys}, flows, up, down, subscribers, p50, p95"
    else:
        source = f"read_parquet('{out}/{name}.parquet')"
        window = "w" if who == "duckdb" else f"epoch_ns(w) // {WINDOW_S * 10**9}"
        last = "quantiles[1], quantiles[2]" if who == "duckdb" else "p50, p95"
        query = f"{window}, {keys}, flows, up, down, subscribers, {last}"
    width = 1 + len(GRAINS[name])
    rows = duckdb.sql(f"SELECT {query} FROM {source}").fetchall()
    return {_text(row[0], row[1:width]): row[width:] for row in rows}


def differences(who: str, case: str, mine: Path, theirs: Path) -> Iterator[str]:
    """Where the tables of a peer and of wiregauge differ; a group of which nobody is known has none or 0 of them."""
    for name in CASES[case][0]:
        ours, others = tables("wiregauge", name, mine), tables(who, name, theirs)
        if ours.keys() != others.keys():
            yield f"{name}: {len(ours)} rows and {len(others)}"
            continue
        for key, row in ours.items():
            for a, b in zip(row, others[key], strict=True):
                same = a == b or (a is None and b == 0)
                same = same or (isinstance(a, float) and b is not None and abs(a - b) <= 1e-9 * abs(b))
                if not same:
                    yield f"{name} {key}: {row} and {others[key]}"
                    break


if __name__ == "__main__":
    began = time.perf_counter()
    CONTESTANTS[sys.argv[1]](sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    print(f"{time.perf_counter() - began:.3f}")
