"""`[[alert]]` entries of catalogues made into rules; what is wrong with one is said in words."""

from collections.abc import Sequence
from typing import Any

from formats import xdr
from formats.alert import AGAINST, MOST_COUNTED, RULE_KEYS, SEVERITIES, WORDS, CountRule, KpiRule, Rule
from formats.expression import COMPARISONS, LAGS, Mistake, Node, looks_back, names_of, parse, where
from formats.kpi import Catalogue, Formula, Grain, Kpi, Ratio, Segment
from probe.duration import parse as seconds_of
from probe.duration import text as duration_text
from probe.filter_check import wrong_condition
from probe.segment import segment_columns

__all__ = ["ALERT_KEYS", "length", "rule_of", "sample_of", "told", "wrong_rules"]

ALERT_KEYS = RULE_KEYS["kpi"] | RULE_KEYS["table"]
_MARKS = ("session_id", "call_id")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WINDOWS = ("window", "windows")
_LONGEST = 40 * 86_400


def rule_of(entry: dict[str, Any], segments: Sequence[Segment] = ()) -> Rule:
    """The rule that an entry tells; Mistake or KeyError where it tells none. It may name columns of segments."""
    kinds = [kind for kind in ("kpi", "table") if kind in entry]
    if len(kinds) != 1:
        raise Mistake("kpi (a threshold on it) or table (rows of it counted within a period): an alert has one of them")
    for key in entry:
        if key not in RULE_KEYS[kinds[0]]:
            other = RULE_KEYS["table" if kinds[0] == "kpi" else "kpi"]
            words = f"goes with `{'table' if kinds[0] == 'kpi' else 'kpi'}`, not with `{kinds[0]}`"
            raise Mistake(f"{key} {words if key in other else 'means nothing here'}")
    common = (_text(entry, "id"), _text(entry, "name", entry["id"]), _severity(entry), _text(entry, "description", ""))
    return _kpi_rule(entry, common) if kinds[0] == "kpi" else _count_rule(entry, common, segments)


def _text(entry: dict[str, Any], key: str, otherwise: str | None = None) -> str:
    value = entry[key] if otherwise is None else entry.get(key, otherwise)
    if not isinstance(value, str) or not (value or otherwise == ""):
        raise Mistake(f"{key} is a text in quotes, not {value!r}")
    return value


def _severity(entry: dict[str, Any]) -> str:
    severity = entry.get("severity", "warning")
    if severity not in SEVERITIES:
        raise Mistake(f"severity is one of {', '.join(SEVERITIES)}, not {severity!r}")
    return str(severity)


def _seconds(entry: dict[str, Any], key: str, longest: int = _LONGEST) -> int:
    try:
        seconds = seconds_of(entry[key])
    except (ValueError, AttributeError):
        raise Mistake(f"{key} is a length of time, as in '90s', '15m', '1h', not {entry[key]!r}") from None
    if seconds > longest:
        raise Mistake(f"{key} is at most {duration_text(longest)}")
    return seconds


def _whole(entry: dict[str, Any], key: str, least: int, most: int) -> int:
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Mistake(f"{key} is a whole number from {least:,} to {most:,}, not {value!r}")
    return value


# --- rules over KPIs ---------------------------------------------------------------------------------------------


def _kpi_rule(entry: dict[str, Any], common: tuple[str, str, str, str]) -> KpiRule:
    opening = _text(entry, "open")
    level, threshold, lower = _level(opening)
    closing = _text(entry, "close", "")
    for key, text in (("open", opening), ("close", closing)):
        if text and looks_back(_parsed(key, text)):
            raise Mistake(f"{key} cannot look back by {', '.join(LAGS)}: say `against`, or write a KPI that does")
    against = _text(entry, "against", "")
    if against and against not in AGAINST:
        raise Mistake(f"against is one of {', '.join(AGAINST)}, not {against!r}")
    named = set(names_of(parse(opening))) | set(names_of(parse(closing)) if closing else ())
    if named & set(WORDS[1:]) and not against:
        raise Mistake(f"open names {', '.join(sorted(named & set(WORDS[1:])))}, which needs `against`")
    least = entry.get("min_sample", 0)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least < 1e18:
        raise Mistake(f"min_sample is a number, not {least!r}")
    lasting = _lasting(entry, "for") if "for" in entry else (1, 0)
    return KpiRule(
        *common, _text(entry, "kpi"), _text(entry, "grain"), opening, closing, level, threshold, lower, float(least),
        _text(entry, "sample", ""), lasting, _lasting(entry, "close_for") if "close_for" in entry else lasting,
        against, _seconds(entry, "window") if "window" in entry else 0,
        _seconds(entry, "silence") if "silence" in entry else 86_400,
    )  # fmt: skip


def _parsed(key: str, text: str) -> Node:
    try:
        return parse(text)
    except Mistake as mistake:
        raise Mistake(f"{key}: {mistake}") from None


def _level(text: str) -> tuple[str, float, bool]:
    """What is compared first, with which number, and whether lower is worse."""
    node = _parsed("open", text)
    while node.kind == "and":
        node = node.parts[0]
    if node.kind in _TURNED:
        left, right = node.parts
        for level, bound, sign in ((left, right, node.kind), (right, left, _TURNED[node.kind])):
            if bound.kind == "number" and names_of(level):
                return _written(level), float(bound.value or 0), sign in ("<", "<=")
    raise Mistake("open begins with a comparison of a value with a number, as in `value < 95` or `value > 2 and ...`")


def _written(node: Node) -> str:
    """An expression as text again."""
    parts = [_written(part) for part in node.parts]
    if node.kind in ("number", "name"):
        return repr(node.value) if node.kind == "number" else str(node.value)
    if node.kind == "call":
        return f"{node.value}({', '.join(parts)})"
    if node.kind in ("is_null", "not_null"):
        return f"({parts[0]} is {'not ' if node.kind == 'not_null' else ''}null)"
    if node.kind in ("in", "not_in"):
        return f"({parts[0]} {'not ' if node.kind == 'not_in' else ''}in ({', '.join(parts[1:])}))"
    if node.kind in (*COMPARISONS, "+", "-", "*", "/", "and", "or"):
        return f"({parts[0]} {node.kind} {parts[1]})"
    return f"(not {parts[0]})" if node.kind == "not" else "null"


def _lasting(entry: dict[str, Any], key: str) -> tuple[int, int]:
    """(windows, 0) of "3 windows", (0, seconds) of "45m"."""
    value = entry[key]
    words = value.split() if isinstance(value, str) else []
    if len(words) == 2 and words[1] in _WINDOWS and words[0].isascii() and words[0].isdigit():
        if not 1 <= int(words[0]) <= 10_000:
            raise Mistake(f"{key} is from 1 to 10,000 windows, not {value!r}")
        return int(words[0]), 0
    try:
        return 0, _seconds(entry, key)
    except Mistake:
        raise Mistake(
            f"{key} is a number of windows or a length of time, as in '3 windows', '45m', not {value!r}"
        ) from None


# --- rules over tables -------------------------------------------------------------------------------------------


def _count_rule(entry: dict[str, Any], common: tuple[str, str, str, str], segments: Sequence[Segment]) -> CountRule:
    name = _text(entry, "table")
    tables = {table.name: table for table in xdr.KERNEL_TABLES}
    if name not in tables:
        raise Mistake(f"table is one of {', '.join(tables)}, not {name!r}")
    columns = {column.name: column for column in tables[name].columns} | segment_columns(segments)[name]
    keys = [entry["key"]] if isinstance(entry["key"], str) else entry["key"]
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise Mistake("key is a column or a list of them")
    _known("key", keys, name, columns)
    if wrong := [key for key in keys if columns[key].kind in ("ms", "kbps", "pct", "time")]:
        raise Mistake(f"key {wrong[0]} is no text or number that comes again")
    time = _text(entry, "time", "start_time")
    _known("time", [time], name, columns)
    if columns[time].kind != "time":
        raise Mistake(f"time is a column of times, not {time}")
    filter_text = " ".join(_text(entry, "where", "").split())
    mark = _text(entry, "evidence", next((m for m in _MARKS if m in columns), ""))
    if mark:
        _known("evidence", [mark], name, columns)
        if columns[mark].kind not in ("id", "count", "small"):
            raise Mistake(f"evidence is a column of whole numbers, not {mark}")
    count = _whole(entry, "count", 1, MOST_COUNTED)
    close = _whole(entry, "close", 0, count - 1) if "close" in entry else 0
    return CountRule(*common, name, _filter(filter_text, name, columns), filter_text, tuple(keys), time, count,
                     _seconds(entry, "within"), close, mark)  # fmt: skip


def _known(key: str, names: Sequence[str], table: str, columns: dict[str, xdr.Column]) -> None:
    for name in names:
        if name not in columns:
            raise Mistake(f"{key}: table {table} has no column {name!r}")


def _filter(text: str, table: str, columns: dict[str, xdr.Column]) -> Any:
    """The filter of a rule, its columns checked."""
    try:
        conditions = where(text)
    except Mistake as mistake:
        raise Mistake(f"where: {mistake}") from None
    for condition in (c for alternative in conditions for c in alternative):
        _known("where", condition.columns, table, columns)
        for wrong in wrong_condition(condition, columns):
            raise Mistake(f"where: {wrong}")
    return conditions


# --- rules within a catalogue ------------------------------------------------------------------------------------


def sample_of(rule: KpiRule, kpi: Kpi | None) -> str:
    """The counter or KPI that says how many a value is made of, "" where the KPI does not tell."""
    if rule.sample or kpi is None:
        return rule.sample
    if isinstance(kpi.formula, Ratio):
        return kpi.formula.denominator
    return _divisor(parse(kpi.formula.text)) if isinstance(kpi.formula, Formula) else ""


def _divisor(node: Node) -> str:
    """What an expression divides by, where that is one name."""
    if node.kind == "/" and node.parts[1].kind == "name":
        return str(node.parts[1].value)
    return next((found for part in node.parts if (found := _divisor(part))), "")


def wrong_rules(catalogue: Catalogue) -> list[str]:
    """What is wrong with the rules over KPIs of a catalogue, and ids used twice; one line each."""
    ids = [rule.id for rule in catalogue.alerts]
    wrong = [f"alert {one}: declared twice" for one in sorted({one for one in ids if ids.count(one) > 1})]
    grains, kpis = {grain.name: grain for grain in catalogue.grains}, {kpi.id: kpi for kpi in catalogue.kpis}
    for rule in catalogue.alerts:
        if isinstance(rule, KpiRule):
            wrong += [f"alert {rule.id}: {words}" for words in _wrong_kpi_rule(rule, catalogue, grains, kpis)]
    return wrong


def _wrong_kpi_rule(rule: KpiRule, catalogue: Catalogue, grains: dict[str, Grain], kpis: dict[str, Kpi]) -> list[str]:
    if rule.kpi not in kpis and rule.kpi not in {c.name for c in catalogue.counters}:
        return [f"kpi: no KPI or counter {rule.kpi!r}"]
    if rule.grain not in grains:
        return [f"grain: no grain {rule.grain!r}: there are {', '.join(grains)}"]
    grain = grains[rule.grain]
    there = {c.name for c in catalogue.counters_of(grain) if c.kind != "values"}
    there |= {kpi.id for kpi in catalogue.kpis_of(grain)}
    if rule.kpi not in there:
        return [f"kpi: the grain {rule.grain} has no {rule.kpi!r}"]
    wrong = []
    for key, text in (("open", rule.open), ("close", rule.close)):
        names = names_of(parse(text)) if text else ()
        wrong += [
            f"{key}: no counter or KPI {n!r} in the grain {rule.grain}" for n in names if n not in there | set(WORDS)
        ]
    if rule.sample and rule.sample not in there:
        wrong.append(f"sample: no counter or KPI {rule.sample!r} in the grain {rule.grain}")
    if rule.min_sample and not rule.sample and sample_of(rule, kpis.get(rule.kpi)) not in there:
        wrong.append(f'min_sample: {rule.kpi} does not tell of how many it is made: say `sample = "..."`')
    return wrong


# --- in words ----------------------------------------------------------------------------------------------------


def length(lasting: tuple[int, int]) -> str:
    """For how long something must last: `, for 2 windows`."""
    words = f"{lasting[0]} windows" if lasting[0] > 1 else duration_text(lasting[1]) if lasting[1] else ""
    return f", for {words}" if words else ""


def told(rule: Rule) -> str:
    """What a rule says, in one line."""
    if isinstance(rule, CountRule):
        where_told = f" where {rule.where_text}" if rule.where_text else ""
        closing = f"; closed when at most {rule.close} are left" if rule.close else ""
        return (f"{rule.least} rows of {rule.table}{where_told} within {duration_text(rule.within_s)} of {rule.time}, "
                f"by {', '.join(rule.key)}{closing}")  # fmt: skip
    words = f"{rule.kpi} by {rule.grain}: {rule.open}"
    words += f", against {rule.against}" if rule.against else ""
    words += length(rule.open_for)
    words += f", of at least {rule.min_sample:g}" if rule.min_sample else ""
    words += f"; closed: {rule.close}" if rule.close else ""
    words += length(rule.close_for) if rule.close or rule.close_for != rule.open_for else ""
    return words + (f"; windows of {duration_text(rule.window_s)}" if rule.window_s else "")
