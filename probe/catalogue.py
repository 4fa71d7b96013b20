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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from formats import kpi, xdr
from formats.expression import Mistake, Node, names_of, parse, where
from formats.kpi import CATALOGUE, Catalogue
from probe.alert_rules import ALERT_KEYS, rule_of, wrong_rules
from probe.errors import WiregaugeError
from probe.kpi_formula import compiled
from probe.shipped import CatalogueFile

__all__ = ["catalogue_option", "check_catalogue", "load_catalogue"]

_KEYS = {
    "counter": {"name", "from", "where", "take", "unit", "meaning", "time", "kind", "table", "columns"},
    "kpi": {"id", "name", "unit", "formula", "clause", "direction", "meaning", "cannot_see", "valid", "numerator",
            "denominator", "scale", "values", "q"},
    "grain": {"name", "row", "keys", "carried", "counters", "sparse"},
    "alert": ALERT_KEYS,
}  # fmt: skip
T = TypeVar("T")


def _conditions(told: Any) -> kpi.Where:
    """A filter as an expression, or as [{column, op, value}, ...], all of which must hold."""
    if isinstance(told, str):
        return where(told)
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


def _taken(text: str) -> tuple[str, tuple[str, ...]]:
    """Kind and columns of `count`, `sum(a + b)`, `distinct(a)`, `values(a)`."""
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text)
    kind = found.group(1) if found else ""
    if found is None or kind not in kpi.KINDS or (kind == "count") != (found.group(2) is None):
        raise Mistake(f"take is count, sum(...), distinct(...) or values(...), not {text!r}")
    return kind, _columns(parse(found.group(2))) if found.group(2) else ()


def _counter(entry: dict[str, Any]) -> kpi.Counter:
    source = entry["from"] if "from" in entry else entry["table"]
    kind, columns = _taken(entry.get("take", "count")) if "kind" not in entry else (
        entry["kind"], tuple(entry.get("columns", ()))
    )  # fmt: skip
    return kpi.Counter(
        entry["name"], kind, tuple(source) if isinstance(source, list) else (source,), columns, entry.get("unit", ""),
        entry.get("meaning", ""), _conditions(entry.get("where", "")), entry.get("time", "start_time"),
    )  # fmt: skip


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


def _kpi(entry: dict[str, Any]) -> kpi.Kpi:
    valid = tuple(float(bound) for bound in entry["valid"]) if "valid" in entry else None
    if valid is not None and (len(valid) != 2 or not valid[0] <= valid[1]):
        raise Mistake("valid is [least, most]")
    direction = entry.get("direction", "neutral")
    if direction not in kpi.DIRECTIONS:
        raise Mistake(f"direction is one of {', '.join(kpi.DIRECTIONS)}, not {direction!r}")
    return kpi.Kpi(
        entry["id"], entry.get("unit", ""), _formula(entry), entry.get("clause", "own"), direction,
        entry.get("meaning", entry.get("name", "")), entry.get("cannot_see", ""), valid,
    )  # fmt: skip


def _grain(entry: dict[str, Any]) -> kpi.Grain:
    keys, carried = (tuple(_key(name) for name in entry.get(what, ())) for what in ("keys", "carried"))
    row = entry.get("row", f"one {' and '.join(entry['keys'])} in one window")
    if not keys:
        raise Mistake("a grain needs keys")
    return kpi.Grain(
        entry["name"], row, keys, carried, tuple(entry.get("counters", ())), bool(entry.get("sparse", False))
    )


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
        used = [counter.time, *counter.columns, *(c.column for c in conditions)]
        wrong += [f"table {table} has no column {name!r}" for name in used if name not in columns[table]]
        numbers = [*counter.columns] if counter.kind in ("sum", "values") else []
        numbers += [c.column for c in conditions if c.op in ("gt", "lt", "le", "at_least")]
        wrong += [
            f"{name} is text, no number" for name in numbers
            if name in columns[table] and columns[table][name].kind in _TEXT
        ]  # fmt: skip
    wrong += [f"no operator {c.op!r}" for c in conditions if c.op not in kpi.OPERATORS]
    return list(dict.fromkeys(wrong))


_TEXT = {"ip", "digits", "cell", "slice", "apn", "enum", "cause", "derived"}


def check_catalogue(catalogue: Catalogue) -> list[str]:
    """What is wrong with a catalogue, one line each: unknown columns, operators, counters; names used twice."""
    columns = {table.name: {c.name: c for c in table.columns} for table in xdr.TABLES}
    wrong = [f"counter {c.name}: {told}" for c in catalogue.counters for told in _wrong_counter(c, columns)]
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
                name = entry.get("name", entry.get("id")) if kind in ("counter", "grain") else entry.get("id")
                if message.lower().startswith((f"{kind} {name}:".lower(), f"{name}:".lower(), f"kpi_{name}:".lower())):
                    key = message.partition(": ")[2].partition(":")[0]
                    line = self.line(kind, number, key if key in entry else "")
                    return f"{self.path}:{line}: {message}"
        return f"{self.path}: {message}"


def load_catalogue(*paths: Path) -> Catalogue:
    """The shipped catalogue and what the TOML files add."""
    whole = CATALOGUE
    for path in paths:
        file = _File(path)
        whole = Catalogue(
            (*whole.counters, *file.made("counter", _counter)),
            (*whole.kpis, *file.made("kpi", _kpi)),
            (*whole.grains, *file.made("grain", _grain)),
            (*whole.alerts, *file.made("alert", rule_of)),
        )
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
