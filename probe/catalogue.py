"""A catalogue of one's own: more counters, KPIs and grains from a TOML file, checked in words."""

import tomllib
from pathlib import Path
from typing import Any

from formats import kpi, xdr
from formats.kpi import CATALOGUE, Catalogue
from probe.errors import WiregaugeError

__all__ = ["check_catalogue", "load_catalogue"]


def _where(entries: list[dict[str, Any]]) -> kpi.Where:
    """`where = [{column, op, value}, ...]`: all of them must hold."""
    conditions = []
    for entry in entries:
        value = entry.get("value")
        conditions.append(
            kpi.Condition(entry["column"], entry["op"], tuple(value) if isinstance(value, list) else value)
        )
    return (tuple(conditions),) if conditions else ()


def _counter(entry: dict[str, Any]) -> kpi.Counter:
    return kpi.Counter(
        entry["name"], entry["kind"], (entry["table"],), tuple(entry.get("columns", ())), entry.get("unit", ""),
        entry.get("meaning", ""), _where(entry.get("where", [])), entry.get("time", "start_time"),
    )  # fmt: skip


def _kpi(entry: dict[str, Any]) -> kpi.Kpi:
    formula: kpi.Ratio | kpi.Quantile
    if "values" in entry:
        formula = kpi.Quantile(entry["values"], float(entry["q"]))
    else:
        formula = kpi.Ratio(entry["numerator"], entry["denominator"], float(entry.get("scale", 1)))
    return kpi.Kpi(
        entry["id"], entry.get("unit", ""), formula, entry.get("clause", "own"), entry.get("direction", "neutral"),
        entry.get("meaning", ""), entry.get("cannot_see", ""),
    )  # fmt: skip


def _grain(entry: dict[str, Any]) -> kpi.Grain:
    keys = tuple(kpi.Key(name, name, "", "", _instead(name)) for name in entry["keys"])
    return kpi.Grain(entry["name"], entry.get("row", f"one {' and '.join(entry['keys'])} in one window"), keys)


def _instead(column: str) -> tuple[tuple[str, str], ...]:
    """Tables that do not have a column do not tell it; of a session it is the last cell."""
    out = []
    for table in xdr.TABLES:
        names = {c.name for c in table.columns}
        if column not in names:
            out.append((table.name, "cell_last" if column == "cell" and "cell_last" in names else ""))
    return tuple(out)


def check_catalogue(catalogue: Catalogue) -> list[str]:
    """What is wrong with a catalogue, one line each: unknown columns, operators, counters; names used twice."""
    columns = {table.name: {c.name: c for c in table.columns} for table in xdr.TABLES}
    wrong = []
    for counter in catalogue.counters:
        if counter.kind not in kpi.KINDS:
            wrong.append(f"counter {counter.name}: kind {counter.kind!r} is none of {', '.join(kpi.KINDS)}")
        if counter.kind != "count" and not counter.columns:
            wrong.append(f"counter {counter.name}: {counter.kind} needs columns")
        if counter.kind == "values" and len(counter.tables) != 1:
            wrong.append(f"counter {counter.name}: values come from one table")
        for table in counter.tables:
            used = [counter.time, *counter.columns, *(c.column for a in counter.where for c in a)]
            wrong += [
                f"counter {counter.name}: table {table} has no column {name!r}"
                for name in used
                if name not in columns.get(table, {})
            ]
        conditions = [c for alternative in counter.where for c in alternative]
        wrong += [f"counter {counter.name}: no operator {c.op!r}" for c in conditions if c.op not in kpi.OPERATORS]
    names = [c.name for c in catalogue.counters]
    for one in catalogue.kpis:
        wrong += [f"KPI {one.id}: no counter {name!r}" for name in kpi.bases(one) if name not in names]
    names = [c.name for c in catalogue.counters if c.kind != "values"] + [k.id for k in catalogue.kpis]
    names += [grain.table for grain in catalogue.grains]
    wrong += [f"{name}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    known = {name for table in columns.values() for name in table}
    for grain in catalogue.grains:
        wrong += [
            f"grain {grain.name}: no table has a column {k.column!r}" for k in grain.keys if k.column not in known
        ]
    return wrong


def load_catalogue(path: Path) -> Catalogue:
    """The shipped catalogue and what the TOML file `path` adds ([[counter]], [[kpi]], [[grain]])."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        more = Catalogue(
            tuple(_counter(e) for e in told.get("counter", [])),
            tuple(_kpi(e) for e in told.get("kpi", [])),
            tuple(_grain(e) for e in told.get("grain", [])),
        )
    except KeyError as missing:
        raise WiregaugeError(f"{path}: an entry lacks {missing}.") from missing
    except (OSError, ValueError, TypeError, AttributeError) as problem:
        raise WiregaugeError(f"{path}: not a catalogue: {problem}.") from problem
    both = Catalogue(CATALOGUE.counters + more.counters, CATALOGUE.kpis + more.kpis, CATALOGUE.grains + more.grains)
    wrong = check_catalogue(both)
    if wrong:
        raise WiregaugeError(f"{path}: " + ";\n  ".join(wrong) + ".")
    return both
