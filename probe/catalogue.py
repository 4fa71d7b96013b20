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
from collections.abc import Container, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import click

from formats import kpi, xdr
from formats.expression import Mistake, Node, check_formula, names_of, parse, where
from formats.kpi import Catalogue
from probe import segment
from probe.alert_rules import ALERT_KEYS, rule_of
from probe.catalogue_check import check_catalogue
from probe.catalogue_file import Entries
from probe.errors import WiregaugeError
from probe.kpi_target import targets_of
from probe.shipped import IN_FORCE, CatalogueFile

__all__ = ["catalogue_option", "check_catalogue", "load_catalogue", "shipped_catalogue", "with_min_sample"]

_KEYS = {
    "counter": {"name", "from", "where", "take", "unit", "meaning", "time", "kind", "table", "columns", "everywhere",
                "each"},
    "kpi": {"id", "name", "unit", "formula", "clause", "direction", "meaning", "cannot_see", "valid", "numerator",
            "denominator", "scale", "values", "q", "targets", "each", "min_sample", "sample"},
    "grain": {"name", "row", "keys", "carried", "counters", "sparse"},
    "segment": segment.KEYS,
    "alert": ALERT_KEYS,
    "target": {"kpi", "targets"},
    "missing": {"name", "clause", "reason"},
    "family": {"each", "counter", "kpi"},
}  # fmt: skip


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
    where, everywhere = _conditions(entry.get("where", "")), bool(entry.get("everywhere", True))
    if kind == "mean":
        there = tuple((*each, kpi.Condition(columns[0], "not_null")) for each in where or ((),))
        parts = (
            kpi.Counter(
                f"{name}_sum",
                "sum",
                tables,
                columns,
                unit,
                f"sum of what {name} is the mean of",
                where,
                time,
                everywhere,
            ),
            kpi.Counter(
                f"{name}_rows", "count", tables, (), "", f"rows that {name} is the mean of", there, time, everywhere
            ),
        )
        ratio = kpi.Ratio(f"{name}_sum", f"{name}_rows", 1.0)
        return _Counted(parts, (kpi.Kpi(name, unit, ratio, "own", "neutral", meaning),))
    if q is not None:
        listed = kpi.Counter(f"{name}_values", "values", tables, columns, unit, meaning, where, time, everywhere)
        quantile = kpi.Quantile(listed.name, q)
        return _Counted((listed,), (kpi.Kpi(name, unit, quantile, "own", "neutral", meaning),))
    return _Counted((kpi.Counter(name, kind, tables, columns, unit, meaning, where, time, everywhere),))


def _unit(columns: Iterable[str]) -> str:
    """The unit of xDR columns, if they have one in common."""
    units = {c.unit for table in xdr.TABLES for c in table.columns if c.name in columns}
    return units.pop() if len(units) == 1 else ""


def _quotient(tree: Node) -> kpi.Ratio | None:
    """`a / b` or `100 * a / b`; None for anything else."""
    scale = 1.0
    if tree.kind == "/" and tree.parts[0].kind == "*" and tree.parts[0].parts[0].kind == "number":
        scale = float(tree.parts[0].parts[0].value or 0)
        tree = tree._replace(parts=(tree.parts[0].parts[1], tree.parts[1]))
    if tree.kind != "/" or any(part.kind != "name" for part in tree.parts):
        return None
    over, under = (str(part.value) for part in tree.parts)
    return kpi.Ratio(over, under, scale)


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
    check_formula(tree)
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
        _samples(entry.get("min_sample", 0)), str(entry.get("sample", "")),
    )  # fmt: skip


def _samples(told: Any) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told < 2**62:
        raise Mistake(f"min_sample is a number of samples, not {told!r}")
    return told


def _grain(entry: dict[str, Any], segments: Sequence[kpi.Segment]) -> kpi.Grain:
    if not entry["keys"]:
        raise Mistake("keys: a grain needs one at least")
    keys, carried = (tuple(_key(told, segments) for told in entry.get(what, ())) for what in ("keys", "carried"))
    row = entry.get("row", "")
    row = row or f"one {' and '.join(key.name for key in keys)} in one window"
    return kpi.Grain(
        entry["name"], row, keys, carried, tuple(entry.get("counters", ())), bool(entry.get("sparse", False))
    )


def _set_target(entry: dict[str, Any], kpis: list[kpi.Kpi], segments: Sequence[kpi.Segment]) -> None:
    """Give a KPI that is declared already, here or before, other targets."""
    name, told = entry["kpi"], entry["targets"]
    at = next((at for at, one in enumerate(kpis) if one.id == name), None)
    if at is None:
        raise Mistake(f"kpi: there is no KPI {name!r}")
    if kpis[at].direction == "neutral":
        raise Mistake(f"targets: {name} has no direction: of it neither higher nor lower is better")
    kpis[at] = kpis[at]._replace(targets=targets_of(told, segments))


def _missing(entry: dict[str, Any]) -> kpi.Missing:
    return kpi.Missing(entry["name"], entry["clause"], entry["reason"])


def _with_bases(grain: kpi.Grain, catalogue: Catalogue) -> kpi.Grain:
    """The grain with the counters of KPIs that it names instead of them."""
    made_of = {one.id: kpi.bases(one) for one in catalogue.kpis}
    names, waiting = list[str](), list(grain.counters)
    while waiting:
        name = waiting.pop(0)
        if "*" in name:
            names += [c.name for c in catalogue.counters if c.everywhere and fnmatchcase(c.name, name)]
        elif name in made_of:
            waiting = [*(n for n in made_of[name] if n not in (name, kpi.WINDOW)), *waiting]
        else:
            names.append(name)
    return grain._replace(counters=tuple(dict.fromkeys(names)))


_KEY_KEYS = {"name", "column", "unit", "meaning", "instead"}


def _key(told: Any, segments: Sequence[kpi.Segment]) -> kpi.Key:
    """A key by the name of a column, or { name, column, meaning, unit, instead = { table = column, "" for none } }."""
    entry = told if isinstance(told, dict) else {"name": told}
    if odd := [key for key in entry if key not in _KEY_KEYS]:
        raise Mistake(f"keys: no {odd[0]!r} in a key: there are {', '.join(sorted(_KEY_KEYS))}")
    name, column = str(entry["name"]), str(entry.get("column", entry["name"]))
    if known := segment.segment_key(segments, column):
        return known._replace(name=name, meaning=entry.get("meaning", known.meaning))
    instead, found = dict(entry.get("instead", {})), None
    for table in xdr.TABLES:
        columns = {c.name: c for c in table.columns}
        found = found or columns.get(column)
        if column not in columns:
            last = "cell_last" if column == "cell" and "cell_last" in columns else ""
            instead.setdefault(table.name, last)
    unit, meaning = (found.unit, found.meaning) if found else ("", "")
    number = found is not None and found.kind == "small"
    return kpi.Key(name, column, entry.get("unit", unit), entry.get("meaning", meaning), tuple(instead.items()), number)


def _added(whole: Catalogue, path: Path) -> tuple[Catalogue, Entries]:
    """A catalogue and what a file adds to it."""
    file = Entries(path, _KEYS)
    joined = file.made("segment", partial(segment.segment_of, folder=path.parent))
    segments = (*whole.segments, *joined)
    counted = [_Counted(*segment.segment_kpis(one)) for one in joined] + file.made("counter", _counter)
    kpis = [*chain(*(each.kpis for each in counted)), *file.made("kpi", partial(_kpi, segments=segments))]
    counters = (*whole.counters, *chain(*(each.counters for each in counted)))
    plain = {c.name for c in counters if c.kind != "values"}
    kpis = [*whole.kpis, *(_as_ratio(one, plain) for one in kpis)]
    file.made("target", partial(_set_target, kpis=kpis, segments=segments))
    whole = whole._replace(
        counters=counters,
        kpis=tuple(kpis),
        grains=(*whole.grains, *file.made("grain", partial(_grain, segments=segments))),
        segments=segments,
        alerts=(*whole.alerts, *file.made("alert", partial(rule_of, segments=segments))),
        missing=(*whole.missing, *file.made("missing", _missing)),
    )
    return whole._replace(grains=tuple(_with_bases(grain, whole) for grain in whole.grains)), file


def _as_ratio(one: kpi.Kpi, counters: Container[str]) -> kpi.Kpi:
    """`100 * a / b` of two counters as what it is."""
    if not isinstance(one.formula, kpi.Formula) or one.valid is not None:
        return one
    ratio = _quotient(parse(one.formula.text))
    if ratio is None or ratio.numerator not in counters or ratio.denominator not in counters:
        return one
    return one._replace(formula=ratio)


def with_min_sample(catalogue: Catalogue, samples: int) -> Catalogue:
    """The catalogue with a least sample of ratios and quantiles that have none and whose samples are counted."""
    counted = {c.name for c in catalogue.counters if c.kind in ("count", "distinct", "values")}
    kpis = [
        one._replace(min_sample=one.min_sample or samples) if one.sampled in counted else one for one in catalogue.kpis
    ]
    return catalogue._replace(kpis=tuple(kpis))


@cache
def shipped_catalogue() -> Catalogue:
    """What is computed without any file of one's own."""
    whole = Catalogue((), (), ())
    for path in IN_FORCE:
        whole, _ = _added(whole, path)
    return whole


def load_catalogue(*paths: Path) -> Catalogue:
    """The shipped catalogue and what the TOML files add."""
    whole = shipped_catalogue()
    for path in paths:
        whole, file = _added(whole, path)
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
