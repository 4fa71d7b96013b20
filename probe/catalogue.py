"""Catalogues in TOML: counters, KPIs and grains that people write, checked in words, each with its line.

    [[counter]]
    name = "slow_dns"
    from = "flow"                                     # an xDR table, or several
    where = "service == 'dns' and first_byte_ms > 200"
    take = "count"                                    # sum(bytes_up + bytes_down), distinct(subscriber), values(...)

    [[kpi]]
    id = "slow_dns_pct"
    unit = "%"
    formula = "100 * slow_dns / flows"                # or quantile(values, 0.95)
    direction = "lower"

    [[grain]]
    name = "cell_service"
    keys = ["cell", "service"]

The language of `where` and `formula` is that of `formats.expression`.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from formats import kpi, xdr
from formats.expression import Mistake, Node, names_of, parse, where
from formats.kpi import CATALOGUE, Catalogue
from probe import segment
from probe.alert_rules import ALERT_KEYS, rule_of, wrong_rules
from probe.errors import WiregaugeError
from probe.kpi_formula import compiled
from probe.kpi_target import targets_of
from probe.shipped import CatalogueFile

__all__ = ["catalogue_option", "check_catalogue", "load_catalogue"]

_KEYS = {
    "counter": {"name", "from", "where", "take", "unit", "meaning", "time", "kind", "table", "columns"},
    "kpi": {"id", "name", "unit", "formula", "clause", "direction", "meaning", "cannot_see", "valid", "numerator",
            "denominator", "scale", "values", "q", "targets"},
    "grain": {"name", "row", "keys", "carried", "counters", "sparse"},
    "segment": segment.KEYS,
    "alert": ALERT_KEYS,
}  # fmt: skip
T = TypeVar("T")


def _conditions(told: Any) -> kpi.Where:
    """A filter as an expression, or as [{column, op, value}, ...], all of which must hold."""
    if isinstance(told, str):
        made = where(told)
        compiled([("", c.column, None) for alternative in made for c in alternative if c.op == "holds"])
        return made
    conditions = []
    for entry in told:
        value = entry.get("value")
        value = tuple(value) if isinstance(value, list) else value
        conditions.append(kpi.Condition(entry["column"], entry["op"], value))
    return (tuple(conditions),) if conditions else ()


def _columns(node: Node) -> tuple[str, ...]:
    """The columns of `a + b + c`."""
    if node.kind == "name":
        return (str(node.value),)
    if node.kind == "+":
        return (*_columns(node.parts[0]), *_columns(node.parts[1]))
    raise Mistake("only columns, or columns added up, can be taken")


_TAKEN = {"min": 0.0, "max": 1.0}


class _Counted(NamedTuple):
    """What an entry of a counter makes: one counter, or those of a mean or quantile and the KPI that it is."""

    counters: tuple[kpi.Counter, ...]
    kpis: tuple[kpi.Kpi, ...] = ()


def _taken(text: str) -> tuple[str, tuple[str, ...], float | None]:
    """Kind, columns and quantile of `count`, `sum(a + b)`, `distinct(a)`, `values(a)`, `quantile(a, 0.9)`, ..."""
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text)
    kind, inner = found.groups() if found else ("", None)
    if kind not in ("mean", "quantile", *_TAKEN, *kpi.KINDS) or (kind == "count") != (inner is None):
        raise Mistake(
            "take is count, sum(...), min(...), max(...), mean(...), quantile(..., 0.95), distinct(...) or "
            f"values(...), not {text!r}"
        )
    q = _TAKEN.get(kind)
    if kind == "quantile":
        inner, _, told = str(inner).rpartition(",")
        q = float(parse(told).value or 0) if parse(told).kind == "number" else -1
        if not 0 <= q <= 1:
            raise Mistake(f"quantile takes a column and a number from 0 to 1, not {text!r}")
    columns = _columns(parse(inner)) if inner else ()
    if kind not in ("count", "sum") and len(columns) != 1:
        raise Mistake(f"{kind} takes one column, not {text!r}")
    return kind, columns, q


def _counter(entry: dict[str, Any]) -> _Counted:
    source = entry["from"] if "from" in entry else entry["table"]
    tables = tuple(source) if isinstance(source, list) else (source,)
    kind, columns, q = _taken(entry.get("take", "count")) if "kind" not in entry else (
        entry["kind"], tuple(entry.get("columns", ())), None
    )  # fmt: skip
    name, time, meaning = entry["name"], entry.get("time", "start_time"), entry.get("meaning", "")
    unit = entry.get("unit", "" if kind in ("count", "distinct") else _unit(columns))
    where = _conditions(entry.get("where", ""))
    if kind == "mean":
        there = tuple((*each, kpi.Condition(columns[0], "not_null")) for each in where or ((),))
        parts = (
            kpi.Counter(f"{name}_sum", "sum", tables, columns, unit, f"sum of what {name} is the mean of", where, time),
            kpi.Counter(f"{name}_rows", "count", tables, (), "", f"rows that {name} is the mean of", there, time),
        )
        ratio = kpi.Ratio(f"{name}_sum", f"{name}_rows", 1.0)
        return _Counted(parts, (kpi.Kpi(name, unit, ratio, "own", "neutral", meaning),))
    if q is not None:
        listed = kpi.Counter(f"{name}_values", "values", tables, columns, unit, meaning, where, time)
        quantile = kpi.Quantile(listed.name, q)
        return _Counted((listed,), (kpi.Kpi(name, unit, quantile, "own", "neutral", meaning),))
    return _Counted((kpi.Counter(name, kind, tables, columns, unit, meaning, where, time),))


def _unit(columns: Iterable[str]) -> str:
    """The unit of xDR columns, if they have one in common."""
    units = {c.unit for table in xdr.TABLES for c in table.columns if c.name in columns}
    return units.pop() if len(units) == 1 else ""


def _formula(entry: dict[str, Any]) -> kpi.Ratio | kpi.Quantile | kpi.Formula:
    if "values" in entry:
        return kpi.Quantile(entry["values"], float(entry["q"]))
    if "numerator" in entry:
        return kpi.Ratio(entry["numerator"], entry["denominator"], float(entry.get("scale", 1)))
    tree = parse(entry["formula"])
    if (tree.kind, tree.value) == ("call", "quantile"):
        name, q = tree.parts
        if name.kind != "name" or q.kind != "number" or not 0 <= float(q.value or 0) <= 1:
            raise Mistake("quantile takes a counter of values and a number from 0 to 1")
        return kpi.Quantile(str(name.value), float(q.value or 0))
    compiled([("", entry["formula"], None)])
    return kpi.Formula(entry["formula"], names_of(tree))


def _kpi(entry: dict[str, Any], segments: Sequence[kpi.Segment] = ()) -> kpi.Kpi:
    valid = tuple(float(bound) for bound in entry["valid"]) if "valid" in entry else None
    if valid is not None and (len(valid) != 2 or not valid[0] <= valid[1]):
        raise Mistake("valid is [least, most]")
    direction = entry.get("direction", "neutral")
    if direction not in kpi.DIRECTIONS:
        raise Mistake(f"direction is one of {', '.join(kpi.DIRECTIONS)}, not {direction!r}")
    targets = targets_of(entry["targets"], segments) if "targets" in entry else ()
    if targets and direction == "neutral":
        raise Mistake("targets need a direction: higher or lower is better")
    return kpi.Kpi(
        entry["id"], entry.get("unit", ""), _formula(entry), entry.get("clause", "own"), direction,
        entry.get("meaning", entry.get("name", "")), entry.get("cannot_see", ""), valid, targets,
    )  # fmt: skip


def _grain(entry: dict[str, Any], segments: Sequence[kpi.Segment]) -> kpi.Grain:
    keys, carried = (
        tuple(segment.segment_key(segments, name) or _key(name) for name in entry.get(what, ()))
        for what in ("keys", "carried")
    )
    row = entry.get("row", f"one {' and '.join(entry['keys'])} in one window")
    if not keys:
        raise Mistake("a grain needs keys")
    return kpi.Grain(
        entry["name"], row, keys, carried, tuple(entry.get("counters", ())), bool(entry.get("sparse", False))
    )


def _with_bases(grain: kpi.Grain, catalogue: Catalogue) -> kpi.Grain:
    """The grain with the counters of KPIs that it names instead of them."""
    made_of = {one.id: kpi.bases(one) for one in catalogue.kpis}
    names, waiting = list[str](), list(grain.counters)
    while waiting:
        name = waiting.pop(0)
        if name in made_of:
            waiting = [*(n for n in made_of[name] if n != name), *waiting]
        else:
            names.append(name)
    return grain._replace(counters=tuple(dict.fromkeys(names)))


def _key(column: str) -> kpi.Key:
    """A key by the name of a column; tables that do not have it do not tell it, of a session it is the last cell."""
    out, number = [], False
    for table in xdr.TABLES:
        names = {c.name: c for c in table.columns}
        if column in names:
            number = names[column].kind == "small"
        else:
            out.append((table.name, "cell_last" if column == "cell" and "cell_last" in names else ""))
    return kpi.Key(column, column, "", "", tuple(out), number)


_TEXT = {"ip", "digits", "cell", "slice", "apn", "enum", "cause", "derived"}
_ORDERED = {"gt", "lt", "le", "at_least"}


def _wrong_condition(condition: kpi.Condition, columns: dict[str, xdr.Column]) -> Iterator[str]:
    """What a condition asks of the columns of one table that it cannot: all of them are there."""
    op, value = condition.op, condition.value
    if op not in kpi.OPERATORS:
        yield f"no operator {op!r}"
    for name in condition.columns:
        column = columns[name]
        if column.kind in _TEXT:
            if op in _ORDERED or op == "holds":
                yield f"{name} is text, no number"
            elif op in ("is_true", "is_false"):
                yield f"{name} is text: compare it with one, or write `{name} is not null`"
            elif op not in ("is_null", "not_null"):
                for one in value if isinstance(value, tuple) else (value,):
                    if not isinstance(one, str):
                        yield f"{name} is text: {one} must stand in quotes"
                    elif column.values and one not in column.values:
                        yield f"{name} is never {one!r}: it is one of {', '.join(filter(None, column.values))}"
        elif op not in ("is_null", "not_null", "is_true", "is_false", "holds"):
            if column.kind == "time":
                yield f"{name} is a time: compare differences, as end_time - start_time > 500 (ms)"
            if any(isinstance(one, str) for one in (value if isinstance(value, tuple) else (value,))):
                yield f"{name} is a number, no text"


def _wrong_counter(counter: kpi.Counter, columns: dict[str, dict[str, xdr.Column]]) -> list[str]:
    wrong = []
    if counter.kind not in kpi.KINDS:
        wrong.append(f"kind {counter.kind!r} is none of {', '.join(kpi.KINDS)}")
    if counter.kind != "count" and not counter.columns:
        wrong.append(f"{counter.kind} needs columns")
    if counter.kind == "values" and len(counter.tables) != 1:
        wrong.append("values come from one table")
    conditions = [c for alternative in counter.where for c in alternative]
    for table in counter.tables:
        if table not in columns:
            wrong.append(f"no xDR table {table!r}: there are {', '.join(columns)}")
            continue
        known = columns[table]
        used = [counter.time, *counter.columns, *(name for c in conditions for name in c.columns)]
        wrong += [f"table {table} has no column {name!r}" for name in used if name not in known]
        for condition in conditions:
            if all(name in known for name in condition.columns):
                wrong += _wrong_condition(condition, known)
        if counter.kind in ("sum", "values"):
            kinds = {name: known[name].kind for name in counter.columns if name in known}
            wrong += [f"{name} is text, no number" for name, kind in kinds.items() if kind in _TEXT]
            wrong += [f"{name} is a time, no number" for name, kind in kinds.items() if kind == "time"]
        if counter.time in known and known[counter.time].kind != "time":
            wrong.append(f"{counter.time} is no time")
    return list(dict.fromkeys(wrong))


def _wrong_segments(segments: Sequence[kpi.Segment]) -> list[str]:
    return [
        f"segment {one.name}: there is a column {taken!r} already"
        for at, one in enumerate(segments) if (taken := segment.named_alike(one, segments[:at]))
    ]  # fmt: skip


def check_catalogue(catalogue: Catalogue) -> list[str]:
    """What is wrong with a catalogue, one line each: unknown columns, operators, counters; names used twice."""
    columns = {table.name: {c.name: c for c in table.columns} for table in xdr.TABLES}
    for name, added in segment.segment_columns(catalogue.segments).items():
        columns[name] |= added
    wrong = _wrong_segments(catalogue.segments)
    wrong += [f"counter {c.name}: {told}" for c in catalogue.counters for told in _wrong_counter(c, columns)]
    kinds = {c.name: c.kind for c in catalogue.counters}
    known = set(kinds)
    for one in catalogue.kpis:
        wrong += [f"KPI {one.id}: no counter {name!r}" for name in kpi.bases(one) if name not in known]
        listed = isinstance(one.formula, kpi.Quantile)
        wrong += [
            f"KPI {one.id}: {name} is a list of values, of which only a quantile can be taken" if not listed else
            f"KPI {one.id}: {name} is no list of values"
            for name in kpi.bases(one) if name in kinds and (kinds[name] == "values") != listed
        ]  # fmt: skip
        if isinstance(one.formula, kpi.Formula):
            known.add(one.id)
        known.add(one.id)
    names = [c.name for c in catalogue.counters if c.kind != "values"] + [k.id for k in catalogue.kpis]
    names += [grain.table for grain in catalogue.grains]
    wrong += [f"{name}: declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    every = {name for table in columns.values() for name in table}
    wrong += [
        f"KPI {one.id}: targets: no table has a column {target.column!r}"
        for one in catalogue.kpis for target in one.targets if target.column not in {"", *every}
    ]  # fmt: skip
    for grain in catalogue.grains:
        wrong += [
            f"grain {grain.name}: no table has a column {k.column!r}" for k in grain.keys if k.column not in every
        ]
        wrong += [f"grain {grain.name}: no counter {name!r}" for name in grain.counters if name not in kinds]
    return wrong + wrong_rules(catalogue)


class _File:
    """One catalogue file: its entries, and where in it they stand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text("utf-8")
            self.told = tomllib.loads(self.text)
        except (OSError, ValueError) as problem:
            raise WiregaugeError(f"{path}: not a catalogue: {problem}.") from problem
        for name in self.told:
            if name not in _KEYS:
                raise WiregaugeError(f"{path}: [[{name}]] means nothing here: there are {', '.join(_KEYS)}.")

    def line(self, kind: str, number: int, key: str = "") -> int:
        """The line of an entry, or of a key in it."""
        lines = self.text.splitlines()
        heads = [at for at, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{kind}\s*\]\]", line)]
        if number >= len(heads):
            return 1
        for at in range(heads[number] + 1, len(lines)):
            if lines[at].lstrip().startswith("[["):
                break
            if key and re.match(rf"\s*{key}\s*=", lines[at]):
                return at + 1
        return heads[number] + 1

    def made(self, kind: str, make: Callable[[dict[str, Any]], T]) -> list[T]:
        """All entries of a kind."""
        out: list[T] = []
        for number, entry in enumerate(self.told.get(kind, [])):
            where_told, key = kind, ""
            try:
                if not isinstance(entry, dict):
                    raise Mistake(f"[[{kind}]] is wanted")
                where_told = f"{kind} {entry.get('id', entry.get('name', ''))}".strip()
                for key in entry:
                    if key not in _KEYS[kind]:
                        raise Mistake(f"no key {key!r}: there are {', '.join(sorted(_KEYS[kind]))}")
                key = next((k for k in ("formula", "where", "take") if k in entry), "")
                out.append(make(entry))
            except KeyError as missing:
                raise WiregaugeError(
                    f"{self.path}:{self.line(kind, number)}: {where_told} lacks {missing}."
                ) from missing
            except (ValueError, TypeError, AttributeError) as problem:
                named = str(problem).partition(" ")[0].rstrip(":")  # `direction is one of ...`
                line = self.line(kind, number, named if named in _KEYS[kind] else key)
                raise WiregaugeError(f"{self.path}:{line}: {where_told}: {problem}.") from problem
        return out

    def place(self, message: str) -> str:
        """A message of `check_catalogue` with the line of the entry that it is about."""
        for kind in _KEYS:
            for number, entry in enumerate(self.told.get(kind, [])):
                name = entry.get("name", entry.get("id")) if kind not in ("kpi", "alert") else entry.get("id")
                if message.lower().startswith((f"{kind} {name}:".lower(), f"{name}:".lower(), f"kpi_{name}:".lower())):
                    return f"{self.path}:{self.line(kind, number)}: {message}"
        return f"{self.path}: {message}"


def load_catalogue(*paths: Path) -> Catalogue:
    """The shipped catalogue and what the TOML files add."""
    whole = CATALOGUE
    for path in paths:
        file = _File(path)
        joined = file.made("segment", partial(segment.segment_of, folder=path.parent))
        segments = (*whole.segments, *joined)
        published = [_Counted(*segment.segment_kpis(one)) for one in joined] + file.made("counter", _counter)
        whole = Catalogue(
            (*whole.counters, *chain(*(each.counters for each in published))),
            (*whole.kpis, *chain(*(each.kpis for each in published)),
             *file.made("kpi", partial(_kpi, segments=segments))),
            (*whole.grains, *file.made("grain", partial(_grain, segments=segments))),
            segments,
            (*whole.alerts, *file.made("alert", rule_of)),
        )  # fmt: skip
        whole = whole._replace(grains=tuple(_with_bases(grain, whole) for grain in whole.grains))
        if wrong := check_catalogue(whole):
            raise WiregaugeError(_listed(file.place(message) for message in wrong))
    return whole


def _chosen(ctx: click.Context, param: click.Parameter, value: tuple[Path, ...]) -> Catalogue:
    return load_catalogue(*value)


catalogue_option = click.option(
    "--catalogue", multiple=True, callback=_chosen, metavar="FILE", is_eager=True,
    type=CatalogueFile(),
    help="More counters, KPIs, grains, alerts (TOML); `alerts` for the shipped rules; may be given several times.",
)  # fmt: skip
"""The option of all commands that know a catalogue; it gives them a `Catalogue`."""


def _listed(messages: Iterable[str]) -> str:
    return ";\n  ".join(messages) + "."
