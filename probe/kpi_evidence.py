"""The xDR rows behind one value of a KPI table: how many each counter counted, and some of them."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from formats.kpi import Catalogue, Counter, Grain
from formats.xdr import TABLES, TEXT_KINDS
from probe import xdr_files
from probe.facts import Domains, Frame, classify, met
from probe.kpi_rows import Source, sources_of
from probe.show import TELLING

__all__ = ["Behind", "rows_behind"]

SECOND = 10**9


class Behind(NamedTuple):
    """The rows of a table that one counter counted: how many, and some of them."""

    table: str
    rows: int
    some: pa.Table


def rows_behind(
    directories: Sequence[Path],
    catalogue: Catalogue,
    grain: Grain,
    row: Mapping[str, Any],
    counter: Counter,
    most: int,
) -> Iterator[Behind]:
    """The rows that `counter` counted in one row of a KPI table, of each of its tables; at most `most` of each shown.

    row: window_start (ns), window_s and the keys of the grain.
    """
    alone = catalogue._replace(counters=(counter,))
    for source in sources_of(directories, alone, [grain]):
        yield _behind(_with_telling(source), alone, grain, row, counter, most)


def _with_telling(source: Source) -> Source:
    """What is read of the table, and what tells most of its rows."""
    declared = next(table for table in TABLES if table.name == source.table)
    wanted = {*source.columns, *TELLING.get(source.table, "").split(), "subscriber", "session_id"}
    columns = tuple(column.name for column in declared.columns if column.name in wanted)
    text = tuple(c.name for c in declared.columns if c.kind in TEXT_KINDS and c.name in wanted)
    return source._replace(columns=columns, text=text)


def _behind(source: Source, catalogue: Catalogue, grain: Grain, row: Mapping[str, Any], counter: Counter, most: int
            ) -> Behind:  # fmt: skip
    first = int(row["window_start"])
    end = first + int(row["window_s"]) * SECOND
    groups = xdr_files.overlapping(source.groups, first, end)
    conditions = tuple(dict.fromkeys(c for each in counter.where for c in each))
    places = {condition: at for at, condition in enumerate(conditions)}
    domains = Domains((*grain.keys, *grain.carried), [source.table], catalogue.segments)
    count, some = 0, list[pa.Table]()
    with ThreadPoolExecutor(1) as pool:
        for table in xdr_files.read(groups, source.columns, source.text,
                                    xdr_files.Stretch((counter.time,), first, end)):  # fmt: skip
            frame = Frame(source.text, source.keys, domains, source.joined)
            frame.add(table, pool)
            classes = classify(frame, conditions)
            mine = met(classes, counter.where, places)[classes.of_row] & _known(frame, counter.time)
            times = frame.numbers(counter.time)[0]
            mine &= (times >= first) & (times < end)
            for key in grain.keys:
                value = row[key.name]
                code = -1 if value is None else domains.of(key.column).codes_of([str(value)])[0]
                mine &= frame.codes(key.column_of(source.table)) == code
            if counter.kind != "count":
                mine &= np.logical_and.reduce([_known(frame, column) for column in counter.columns])
            count += int(mine.sum())
            left = max(0, most - sum(t.num_rows for t in some))
            some.append(_plain(table.filter(pa.array(mine))[:left]))
    shown = [column for column in source.columns if column != "session_id" or source.table != "session"]
    rows = pa.concat_tables(some, promote_options="permissive") if some else pa.table({name: [] for name in shown})
    return Behind(source.table, count, rows.select(shown))


def _plain(rows: pa.Table) -> pa.Table:
    """Texts as texts: each file has dictionaries of its own."""
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in rows.columns]
    return pa.table(columns, names=rows.column_names)


def _known(frame: Frame, column: str) -> np.ndarray:
    """bool[n]: rows that tell the column."""
    if frame.is_text(column):
        return np.asarray(frame.codes(column) >= 0)
    numbers, there = frame.numbers(column)
    return np.ones(numbers.size, bool) if there is None else there
