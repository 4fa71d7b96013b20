"""Rules of alerts in catalogues: what they say, and what is wrong with them, in one line with file and line."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.alert import RULE_KEYS, CountRule, KpiRule
from probe.alert_rules import told
from probe.catalogue import load_catalogue
from probe.describe import describe_command
from probe.errors import WiregaugeError
from probe.shipped import FOLDER

COUNT = {"id": '"a"', "table": '"session"', "where": '"dropped == true"', "key": '"subscriber"', "count": "3",
         "within": '"1h"'}  # fmt: skip
KPI = {"id": '"a"', "kpi": '"session_drop_pct"', "grain": '"cell"', "open": '"value > 5"'}


def text(entry: dict[str, str]) -> str:
    return "# rules\n\n[[alert]]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items())


def said(entry: dict[str, str], folder: Path) -> str:
    """What is wrong with an entry, in one line with the file's name."""
    path = folder / "rules.toml"
    path.write_text(text(entry))
    with pytest.raises(WiregaugeError) as problem:
        load_catalogue(path)
    words = str(problem.value)
    assert "\n" not in words
    assert words.startswith(f"{path}:")
    return words.removeprefix(f"{path}:")


def loaded(entry: dict[str, str], folder: Path) -> CountRule | KpiRule:
    path = folder / "rules.toml"
    path.write_text(text(entry))
    (rule,) = load_catalogue(path).alerts
    return rule


def test_a_count_rule(tmp_path: Path) -> None:
    rule = loaded(COUNT | {"time": '"end_time"', "severity": '"major"', "close": "1"}, tmp_path)
    assert isinstance(rule, CountRule)
    assert (rule.least, rule.within_s, rule.close, rule.mark, rule.key) == (3, 3600, 1, "session_id", ("subscriber",))
    assert told(rule) == (
        "3 rows of session where dropped == true within 1h of end_time, by subscriber; closed when at most 1 are left"
    )


def test_a_kpi_rule(tmp_path: Path) -> None:
    more = {"open": '"95 >= value and change < -10"', "against": '"weeks"', "for": '"3 windows"', "close_for": '"45m"',
            "min_sample": "50"}  # fmt: skip
    rule = loaded(KPI | more, tmp_path)
    assert isinstance(rule, KpiRule)
    assert (rule.level, rule.threshold, rule.lower) == ("value", 95.0, True)
    assert (rule.open_for, rule.close_for) == ((3, 0), (0, 2700))
    assert told(rule) == (
        "session_drop_pct by cell: 95 >= value and change < -10, against weeks, for 3 windows, of at least 50, for 45m"
    )


WRONG = [
    (COUNT | {"table": '"sessions"'}, 5, "table is one of flow, session,"),
    (COUNT | {"table": '"ledger"'}, 5, "table is one of"),
    (COUNT | {"where": '"droped == true"'}, 6, "where: table session has no column 'droped'"),
    (COUNT | {"where": '"dropped =="'}, 6, "where: a value expected at the end"),
    (COUNT | {"where": '"apn > 5"'}, 6, "where: apn is text"),
    (COUNT | {"where": "\"qos_class == 'x'\""}, 6, "where: qos_class is a number"),
    (COUNT | {"where": "\"rat == '5g'\""}, 6, "where: rat is never '5g': it is one of utran,"),
    (COUNT | {"where": '"end_time > 5"'}, 6, "where: end_time is a time: compare differences"),
    (COUNT | {"where": '"apn + 1 > 5"'}, 6, "where: apn is text"),
    (COUNT | {"where": '"bytes_sent + 1 > 5"'}, 6, "where: table session has no column 'bytes_sent'"),
    (COUNT | {"key": '"imsi"'}, 7, "key: table session has no column 'imsi'"),
    (COUNT | {"key": "[]"}, 7, "key is a column or a list of them"),
    (COUNT | {"key": "[1]"}, 7, "key is a column or a list of them"),
    (COUNT | {"key": '"setup_ms"'}, 7, "key setup_ms is no text or number that comes again"),
    (COUNT | {"count": "0"}, 8, "count is a whole number from 1 to 1,000,000, not 0"),
    (COUNT | {"count": '"3"'}, 8, "count is a whole number"),
    (COUNT | {"count": "true"}, 8, "count is a whole number"),
    (COUNT | {"within": '"1 hour"'}, 9, "within is a length of time"),
    (COUNT | {"within": "3600"}, 9, "within is a length of time"),
    (COUNT | {"within": '"50d"'}, 9, "within is at most 40d"),
    (COUNT | {"close": "3"}, 10, "close is a whole number from 0 to 2, not 3"),
    (COUNT | {"time": '"apn"'}, 10, "time is a column of times, not apn"),
    (COUNT | {"time": '"begin"'}, 10, "time: table session has no column 'begin'"),
    (COUNT | {"evidence": '"apn"'}, 10, "evidence is a column of whole numbers, not apn"),
    (COUNT | {"severity": '"bad"'}, 10, "severity is one of critical, major, minor, warning, not 'bad'"),
    (COUNT | {"open": '"value > 1"'}, 10, "open goes with `kpi`, not with `table`"),
    (COUNT | {"kpi": '"bytes_up"'}, 10, "an alert has one of them"),
    (COUNT | {"wihtin": '"1h"'}, 10, "no key 'wihtin'"),
    ({k: v for k, v in COUNT.items() if k != "count"}, 3, "alert a lacks 'count'"),
    ({k: v for k, v in COUNT.items() if k != "id"}, 3, "lacks 'id'"),
    (COUNT | {"id": '""'}, 4, "id is a text in quotes"),
    (COUNT | {"id": "7"}, 4, "id is a text in quotes, not 7"),
    ({"id": '"a"'}, 3, "an alert has one of them"),
    (KPI | {"kpi": '"session_drop"'}, 5, "kpi: no KPI or counter 'session_drop'"),
    (KPI | {"grain": '"cells"'}, 6, "grain: no grain 'cells'"),
    (KPI | {"grain": '"event"'}, 5, "kpi: the grain event has no 'session_drop_pct'"),
    (KPI | {"open": '"value"'}, 7, "open begins with a comparison of a value with a number"),
    (KPI | {"open": '"value > baseline"'}, 7, "open begins with a comparison"),
    (KPI | {"open": '"value < 3 or value > 5"'}, 7, "open begins with a comparison"),
    (KPI | {"open": '"value > 5 and bytes > 3"'}, 7, "open: no counter or KPI 'bytes' in the grain cell"),
    (KPI | {"open": '"previous(bytes_up) > 5"'}, 7, "open cannot look back by previous"),
    (KPI | {"open": '"change > 5"'}, 7, "open names change, which needs `against`"),
    (KPI | {"open": '"value > 5 and __import__(1)"'}, 7, "open: no function '__import__'"),
    (KPI | {"close": '"value <"'}, 8, "close: a value expected"),
    (KPI | {"against": '"yesterday"'}, 8, "against is one of previous, day_ago, week_ago, days, weeks"),
    (KPI | {"for": '"3 hours"'}, 8, "for is a number of windows or a length of time"),
    (KPI | {"for": "3"}, 8, "for is a number of windows or a length of time"),
    (KPI | {"for": '"0 windows"'}, 8, "for is from 1 to 10,000 windows"),
    (KPI | {"min_sample": '"x"'}, 8, "min_sample is a number"),
    (KPI | {"min_sample": "nan"}, 8, "min_sample is a number"),
    (KPI | {"sample": '"sample"'}, 8, "sample: no counter or KPI 'sample' in the grain cell"),
    (KPI | {"kpi": '"rtt_client_p50_ms"', "min_sample": "5"}, 8, "min_sample: rtt_client_p50_ms does not tell"),
    (KPI | {"count": "3"}, 8, "count goes with `table`, not with `kpi`"),
]


@pytest.mark.parametrize("entry, line, words", WRONG)
def test_mistakes_are_told_with_their_line(entry: dict[str, str], line: int, words: str, tmp_path: Path) -> None:
    found = said(entry, tmp_path)
    assert words in found
    assert int(found.partition(":")[0]) == line, found


def test_ids_are_used_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text(COUNT) + text(COUNT))
    with pytest.raises(WiregaugeError, match=re.escape(f"{path}:3: alert a: declared twice.")):
        load_catalogue(path)


SCALARS = st.one_of(
    st.integers(-(2**62), 2**62), st.booleans(), st.floats(allow_nan=True), st.text(max_size=20),
    st.sampled_from(["session", "subscriber", "1h", "value > 5", "cell", "session_drop_pct", "previous", "dropped"]),
    st.lists(st.text(max_size=5), max_size=3),
)  # fmt: skip


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'
    return str(value)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(RULE_KEYS["kpi"] | RULE_KEYS["table"])), SCALARS), st.sampled_from("kc"))
def test_anything_is_a_rule_or_a_mistake_in_words(tmp_path_factory: pytest.TempPathFactory, told: dict[str, object],
                                                  kind: str) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "any.toml"
    entry = (COUNT if kind == "c" else KPI) | {key: toml(value) for key, value in told.items()}
    path.write_text(text(entry), "utf-8")
    with suppress(WiregaugeError):
        load_catalogue(path)


# --- what is shipped -----------------------------------------------------------------------------------------------


def test_the_shipped_rules_are_in_force_by_their_name() -> None:
    rules = load_catalogue(FOLDER / "alerts.toml").alerts
    assert len(rules) >= 10
    listed = CliRunner().invoke(describe_command, ["--catalogue", "alerts"], catch_exceptions=False, terminal_width=300)
    for rule in rules:
        assert rule.id in listed.output
        one = CliRunner().invoke(describe_command, [rule.id, "--catalogue", "alerts"], catch_exceptions=False)
        assert rule.severity in one.output
        assert rule.description.split()[0] in one.output
    none = CliRunner().invoke(describe_command, [], catch_exceptions=False)
    assert rules[0].id not in none.output


def test_a_catalogue_that_is_not_there() -> None:
    made = CliRunner().invoke(describe_command, ["--catalogue", "alarms"])
    assert made.exit_code == 2
    assert "'alarms' does not exist" in made.output
