"""What is wrong with a catalogue as a whole: columns, counters and KPIs that are not there, names used twice."""

import re
from collections import Counter
from collections.abc import Sequence

from formats import kpi, xdr
from formats.expression import looks_back, parse
from formats.kpi import Catalogue
from formats.schema import kpi_schema
from probe import segment
from probe.alert_rules import wrong_rules
from probe.filter_check import wrong_condition

__all__ = ["check_catalogue"]

_NAME = re.compile(r"\w{1,100}", re.ASCII)


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
                wrong += wrong_condition(condition, known)
        if counter.kind in ("sum", "values"):
            kinds = {name: known[name].kind for name in counter.columns if name in known}
            wrong += [f"{name} is text, no number" for name, kind in kinds.items() if kind in xdr.TEXT_KINDS]
            wrong += [f"{name} is a time, no number" for name, kind in kinds.items() if kind == "time"]
        if counter.time in known and known[counter.time].kind != "time":
            wrong.append(f"{counter.time} is no time")
    return list(dict.fromkeys(wrong))


def _wrong_segments(segments: Sequence[kpi.Segment]) -> list[str]:
    return [
        f"segment {one.name}: there is a column {taken!r} already"
        for at, one in enumerate(segments) if (taken := segment.named_alike(one, segments[:at]))
    ]  # fmt: skip


def _wrong_sample(one: kpi.Kpi, kinds: dict[str, str], late: set[str]) -> str:
    """What is wrong with the samples of a KPI; late: those that look back."""
    if one.sample and kinds.get(one.sample) not in ("count", "distinct"):
        return f"sample: {one.sample!r} is no counter that counts"
    if one.min_sample and one.id in late:
        return "min_sample: not of a KPI that looks back; give it to the KPI that this one looks at"
    if one.min_sample and kinds.get(one.sampled) not in ("count", "distinct", "values"):
        return 'min_sample: say which counter counts its samples, as in sample = "session_setup_attempts"'
    return ""


def check_catalogue(catalogue: Catalogue) -> list[str]:
    """What is wrong with a catalogue, one line each: unknown columns, operators, counters; names used twice."""
    columns = {table.name: {c.name: c for c in table.columns} for table in xdr.TABLES}
    for name, added in segment.segment_columns(catalogue.segments).items():
        columns[name] |= added
    wrong = _wrong_segments(catalogue.segments)
    wrong += [f"counter {c.name}: {told}" for c in catalogue.counters for told in _wrong_counter(c, columns)]
    kinds = {c.name: c.kind for c in catalogue.counters}
    known = {kpi.WINDOW, *kinds}
    for one in catalogue.kpis:
        there = known if isinstance(one.formula, kpi.Formula) else kinds  # a quotient is of counters alone
        wrong += [f"KPI {one.id}: no counter {name!r}" for name in kpi.bases(one) if name not in there]
        listed = isinstance(one.formula, kpi.Quantile)
        wrong += [
            f"KPI {one.id}: {name} is a list of values, of which only a quantile can be taken" if not listed else
            f"KPI {one.id}: {name} is no list of values"
            for name in kpi.bases(one) if name in kinds and (kinds[name] == "values") != listed
        ]  # fmt: skip
        known.add(one.id)
    late: set[str] = set()
    for one in catalogue.kpis:
        if isinstance(one.formula, kpi.Formula):
            behind = not late.isdisjoint(one.formula.names) or looks_back(parse(one.formula.text))
            late |= {one.id} if behind else set()
    wrong += [f"KPI {one.id}: {told}" for one in catalogue.kpis if (told := _wrong_sample(one, kinds, late))]
    names = [kpi.WINDOW] + [c.name for c in catalogue.counters if c.kind != "values"] + [k.id for k in catalogue.kpis]
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
        if not _NAME.fullmatch(grain.name):
            wrong.append(f"grain {grain.name}: name is letters, digits and _")
    wrong += wrong_rules(catalogue)
    return wrong or _named_alike(catalogue)


def _named_alike(catalogue: Catalogue) -> list[str]:
    """Columns of KPI tables that have one name: keys, counters, KPIs, and those that each table has."""
    own = {counter.name for counter in catalogue.counters} | {one.id for one in catalogue.kpis}
    told: dict[str, str] = {}
    for grain in catalogue.grains:
        for name, count in Counter(kpi_schema(grain, catalogue).names).items():
            if count > 1 and name in own:
                told.setdefault(name, f"{name}: {grain.table} has a column of this name already")
            elif count > 1:
                told[f"{grain.name} {name}"] = f"grain {grain.name}: two columns are called {name!r}"
    return list(told.values())
