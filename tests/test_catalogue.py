"""Catalogues: filters against DuckDB, formulas against a plain evaluator, mistakes with their lines."""

import itertools
import math
import re
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.expression import Mistake, names_of, parse, where
from kernels.bounds import ALWAYS, NEVER, PERHAPS
from kernels.formula import BLOCK, exceed, keep_top
from probe.catalogue import load_catalogue, shipped_catalogue
from probe.describe import describe_command
from probe.errors import WiregaugeError
from probe.kpi import compute, kpi_command
from probe.kpi_formula import compiled
from tests.naive_formula import plain

NAMES = ("a", "b", "c")
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python


# --- formulas against a plain evaluator ----------------------------------------------------------------------------


def expressions():
    leaves = st.sampled_from([*NAMES, "1", "2.5", "0", "null", "10"])

    def more(inner):
        pair = st.tuples(inner, inner)
        signs = st.sampled_from(["+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and", "or"])
        return st.one_of(
            st.tuples(inner, signs, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(st.sampled_from(["min", "max", "coalesce"]), pair).map(lambda t: f"{t[0]}({t[1][0]}, {t[1][1]})"),
            st.tuples(inner, inner, inner).map(lambda t: f"if({t[0]}, {t[1]}, {t[2]})"),
            st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} in ({t[1]}, {t[2]}))"),
            inner.map(lambda e: f"(not {e})"), inner.map(lambda e: f"abs({e})"), inner.map(lambda e: f"(-{e})"),
            inner.map(lambda e: f"({e} is null)"), inner.map(lambda e: f"({e} is not null)"),
        )  # fmt: skip

    return st.recursive(leaves, more, max_leaves=12)


VALUES = st.none() | st.sampled_from([0.0, 1.0, 2.0, 10.0, -3.5])


@settings(max_examples=150, deadline=None)
@given(st.lists(expressions(), min_size=1, max_size=4), st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=5))
def test_formulas(texts, rows):
    program = compiled([(f"k{i}", text, None) for i, text in enumerate(texts)])
    columns = np.array([[math.nan if v is None else v for v in row] for row in rows], np.float64).reshape(-1, 3).T
    inputs = np.ascontiguousarray(columns[[NAMES.index(name) for name in program.inputs]])
    found = program.run(inputs.reshape(len(program.inputs), len(rows)))
    for text, values in zip(texts, found, strict=True):
        for row, value in zip(rows, values.tolist(), strict=True):
            expected = plain(parse(text), dict(zip(NAMES, row, strict=True)))
            assert (expected is None) == math.isnan(value), (text, row)
            assert expected is None or value == expected, (text, row)


BETWEEN = st.tuples(
    st.sampled_from([-4.0, -1.0, 0.0, 0.5, 1.0, 3.0, 1e300]), st.sampled_from([0.0, 0.25, 1.0, 4.0, 1e300]),
    st.sampled_from([0, 0, 0, 1, 2]),
)  # fmt: skip
"""Least, how much more the greatest is, and whether it is null."""


@settings(max_examples=400, deadline=None)
@given(
    st.lists(expressions(), min_size=1, max_size=3),
    st.lists(st.tuples(BETWEEN, BETWEEN, BETWEEN), min_size=1, max_size=3),
    st.sampled_from([None, (0.0, 2.0)]), st.data(),
)  # fmt: skip
def test_a_formula_lies_within_its_bounds(texts, rows, valid, data):
    """Whatever its names are between theirs; at the bounds themselves too."""
    program = compiled([(f"k{i}", text, valid) for i, text in enumerate(texts)])
    given_ = np.array([[(low, low + more, null) for low, more, null in row] for row in rows], float).reshape(-1, 3, 3)
    inputs = [given_[:, NAMES.index(name)].T for name in program.inputs]
    low, high, null = np.array(inputs, float).reshape(len(inputs), 3, len(rows)).transpose(1, 0, 2)
    found = program.bounds(np.ascontiguousarray(low), np.ascontiguousarray(high), null.astype(np.uint8))
    for _ in range(6):
        points = []
        for row in rows:
            drawn = []
            for low, more, null in row:
                some = [None] if null else []
                if null < 2:
                    some += [low, low + more, data.draw(st.floats(low, low + more))]
                drawn.append(some)
            points.append(dict(zip(NAMES, [data.draw(st.sampled_from(some)) for some in drawn], strict=True)))
        columns = [[math.nan if p[name] is None else p[name] for p in points] for name in program.inputs]
        told = program.run(np.array(columns, float).reshape(len(columns), len(rows)))
        for i, text in enumerate(texts):
            for at, point in enumerate(points):
                value, engine = plain(parse(text), point), told[i, at]
                if value is not None and (not math.isfinite(value) or (valid and not valid[0] <= value <= valid[1])):
                    value = None if value != value or valid else value
                assert (value is None) == math.isnan(engine)
                least, greatest, nothing = (each[i, at] for each in found)
                assert nothing != 0 if value is None else nothing != 2, (text, point)
                assert value is None or least <= value <= greatest, (text, point, least, greatest)


def points_of(low, high, null):
    """float64[5, n]: the ends, the middle, 0 where it is between, null where there may be one; else the least again."""
    some = np.array([low, high, (low + high) / 2, np.where((low <= 0) & (high >= 0), 0, low), low])
    some[4, null == PERHAPS] = math.nan
    some[:, null == ALWAYS] = math.nan
    return some


OPERATIONS = ["a + b", "a - b", "a * b", "a / b", "min(a, b)", "max(a, b)", "abs(a)", "a == b", "a != b", "a < b",
              "a <= b", "a > b", "a >= b", "a and b", "a or b", "not a", "a is null", "a is not null", "coalesce(a, b)",
              "if(a, b, c)"]  # fmt: skip


@pytest.mark.parametrize("text", OPERATIONS)
def test_the_bounds_of_each_operation(text):
    """Every pair of small intervals: no outcome lies outside, and the bounds are reached."""
    program = compiled([("k", text, None)])
    ends = [-1.0, 0.0, 2.0] if "c" in program.inputs else [-2.0, -1.0, 0.0, 1.0, 3.0]
    grid = [(low, high, null) for low in ends for high in ends if low <= high for null in (NEVER, PERHAPS, ALWAYS)]
    every = np.array(list(itertools.product(grid, repeat=len(program.inputs)))).transpose(2, 1, 0)
    low, high, null = every[0].copy(), every[1].copy(), every[2].astype(np.uint8)
    (least,), (greatest,), (nothing,) = program.bounds(low, high, null)
    points = [points_of(*bounds) for bounds in zip(low, high, null, strict=True)]
    found = np.array([program.run(np.array(some))[0] for some in itertools.product(*points)])
    is_null = np.isnan(found)
    assert (nothing == np.where(is_null.all(axis=0), ALWAYS, np.where(is_null.any(axis=0), PERHAPS, NEVER))).all()
    there = ~is_null.all(axis=0)
    lowest, highest = np.nanmin(found[:, there], axis=0), np.nanmax(found[:, there], axis=0)
    assert (least[there] <= lowest).all()
    assert (greatest[there] >= highest).all()
    if "=" not in text:
        assert (np.isinf(least[there]) | (least[there] == lowest)).all()
        assert (np.isinf(greatest[there]) | (greatest[there] == highest)).all()
    assert np.isfinite(least[there]).all() or text == "a / b"


def test_formulas_name_those_before_them_and_stay_in_range():
    program = compiled([("half", "a / 2", None), ("twice", "4 * half", (0, 10)), ("again", "a / 2 + half", None)])
    a = np.arange(-3, BLOCK * 2 + 5, dtype=np.float64)[None]
    half, twice, again = program.run(a)
    assert half.tolist() == (a[0] / 2).tolist()
    assert again.tolist() == a[0].tolist()
    assert [v for v in twice.tolist() if v == v] == [0, 2, 4, 6, 8, 10]
    assert program.registers < 8
    assert len(compiled([(f"k{i}", f"a * {i} + b", None) for i in range(500)]).constants) == 500
    assert compiled([(f"k{i}", f"a * {i} + b", None) for i in range(500)]).registers < 4


def test_exceptions():
    values, bounds = np.array([[1.0, math.nan, 9], [4, 5, 6]]), np.array([[0, 8.0], [5, math.inf]])
    rows, columns = np.empty(1, np.int32), np.empty(1, np.int32)
    assert exceed(values, bounds, 1, rows, columns) == 2
    assert (rows[0], columns[0]) == (0, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([math.nan, 1.0, 2.0, 3.0, -1.0]), max_size=30), st.integers(0, 30))
def test_top_lists(values, cut):
    top, columns = np.full((1, 3), -np.inf), np.full((1, 3), -1, np.int32)
    keep_top(np.array([values[:cut]], np.float64), 0, top, columns)
    keep_top(np.array([values[cut:]], np.float64), len(values[:cut]), top, columns)
    expected = sorted((i for i, v in enumerate(values) if v == v), key=lambda i: -values[i])[:3]
    assert columns[0].tolist() == expected + [-1] * (3 - len(expected))
    assert top[0, : len(expected)].tolist() == [values[i] for i in expected]


# --- the language --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "a value expected at the end"), ("a +", "a value expected at the end"), ("a b", "an operator expected"),
        ("(a", "')' expected at the end"), ("a ; b", "';' at character 3"), ("foo(a)", "no function 'foo'"),
        ("if(a, b)", "if takes 3 arguments, not 2"), ("a is 5", "'null' expected, found '5'"),
        ("a not 5", "'in' expected"), ("__import__('os')", "no function '__import__'"), ("a.b", "'.' at character 2"),
        ("(" * 200 + "a" + ")" * 200, "parentheses within each other"), ("a" * 30_000, "longer than"),
    ],
)  # fmt: skip
def test_mistakes(text, told):
    with pytest.raises(Mistake, match=told.replace("(", r"\(").replace(")", r"\)").replace(".", r"\.")):
        parse(text)


@settings(max_examples=200, deadline=None)
@given(st.text("ab01.'\"()+-*/<>=! ,;andornotisnull", max_size=40))
def test_random_text_is_parsed_or_refused_in_words(text):
    with suppress(Mistake):
        names_of(parse(text))
        where(text)


ROWS = [(a, b, t) for a in (None, 0, 1, 2, 5) for b in (None, 0, 1, 2) for t in (None, "x", "y")]
FILTERS = (
    "a > 1", "a <= 1", "not a >= 2", "a == 1 or t == 'x'", "not (a == 1 or t == 'x')", "t != 'x'", "a in (1, 5)",
    "a not in (1, 5) and t is not null", "not t in ('x', 'y')", "t is null or 2 < a",
    "not (a is null) and t == 'y'", "(a == 1 or a == 2) and (t == 'x' or t is null)",
    "a + b > 3", "not a + b > 3", "a > b", "2 * a - b / 2 >= 1 or t == 'x'", "a / b < 1", "(a - b) is null",
    "a + b in (3, 7) and t is not null", "not (a == b or a - 1 == b)", "coalesce(a, b, 0) == 0",
    "if(a > 1, b, 5) == 5", "a is not null and (a > 1) == (b > 1)",
)  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_filters_as_duckdb_sees_them(tmp_path, text):
    numbers, texts = pa.array([a for a, _, _ in ROWS], pa.int64()), pa.array([t for _, _, t in ROWS], pa.string())
    more = pa.array([b for _, b, _ in ROWS], pa.int64())
    times = pa.array(range(len(ROWS))).cast(pa.timestamp("ns", tz="UTC"))
    (tmp_path / "xdr" / "flow").mkdir(parents=True)
    told = pa.table({"start_time": times, "bytes_up": numbers, "bytes_down": more, "service": texts, "apn": texts})
    pq.write_table(told, tmp_path / "xdr" / "flow" / "part-0.parquet")
    names = {"a": "bytes_up", "b": "bytes_down", "t": "service"}
    named = re.sub(r"\b[abt]\b", lambda found: names[found.group()], text)
    file = tmp_path / "c.toml"
    file.write_text(f'[[counter]]\nname = "found"\nfrom = "flow"\nwhere = "{named}"\n')
    compute([tmp_path / "xdr"], tmp_path / "out", 900, ["apn"], load_catalogue(file))
    rows = ds.dataset(tmp_path / "out" / "kpi_apn").to_table().column("found").to_pylist()
    chosen = r"CASE WHEN \1 THEN \2 WHEN NOT (\1) THEN \3 END"
    sql = re.sub(r"if\((.*?), (\w+), (\w+)\)", chosen, named).replace("==", "=")
    sql = sql.replace("bytes_up / bytes_down", "bytes_up / nullif(bytes_down, 0)")
    expected = duckdb.sql(f"SELECT count(*) FROM told WHERE {sql}").fetchall()[0][0]
    assert sum(rows) == expected


def test_filters_tell_what_they_cannot_mean():
    mistakes = {
        "previous(a) > 1": "looks at one row", "a + b > 'x'": "compared with a column alone",
        "1 < 2": "a filter compares columns", "t == 'x' == 'y'": "an operator expected",
    }  # fmt: skip
    for text, told in mistakes.items():
        with pytest.raises(Mistake, match=told):
            where(text)


# --- catalogues ----------------------------------------------------------------------------------------------------

GOOD = """
[[counter]]
name = "heavy"
from = "flow"
where = "bytes_up > 2 and service == 'x'"

[[counter]]
name = "both"
from = "flow"
take = "sum(bytes_up + bytes_down)"
unit = "B"

[[kpi]]
id = "heavy_pct"
unit = "%"
formula = "100 * heavy / flows"
valid = [0, 100]
direction = "lower"

[[kpi]]
id = "light_pct"
formula = "if(flows >= 1, 100 - heavy_pct, null)"

[[grain]]
name = "cell_service"
keys = ["cell", "service"]
"""


def test_a_catalogue_of_ones_own(tmp_path):
    (tmp_path / "c.toml").write_text(GOOD)
    catalogue = load_catalogue(tmp_path / "c.toml")
    rows = pa.table({
        "start_time": pa.array([0, 1, 2]).cast(pa.timestamp("ns", tz="UTC")), "cell": ["p", "p", "p"],
        "service": ["x", "x", "y"], "bytes_up": [1, 3, 5], "bytes_down": [10, None, 20], "begun": [True, True, False],
    })  # fmt: skip
    (tmp_path / "xdr" / "flow").mkdir(parents=True)
    pq.write_table(rows, tmp_path / "xdr" / "flow" / "part-0.parquet")
    compute([tmp_path / "xdr"], tmp_path / "out", 900, ["cell_service"], catalogue)
    found = ds.dataset(tmp_path / "out" / "kpi_cell_service").to_table().to_pylist()
    assert [(r["service"], r["heavy"], r["both"], r["heavy_pct"], r["light_pct"]) for r in found] == [
        ("x", 1, 11, 50, 50),
        ("y", 0, 25, None, None),
    ]
    words = [str(tmp_path / "xdr"), "--out", str(tmp_path / "out"), "--catalogue", str(tmp_path / "c.toml")]
    result = CliRunner().invoke(kpi_command, [*words, "--by", "cell_service", "--explain", "light_pct"])
    assert result.exit_code == 0, result.output
    assert "100 - heavy_pct" in result.output
    assert "rows of flow where bytes_up is above 2 and service is x" in result.output
    assert "heavy: 1 rows of flow, 1 shown:" in result.output
    more = ["--explain-key", "service=y", "--explain-key", "cell=p", "--explain-rows", "2"]
    result = CliRunner().invoke(kpi_command, [*words, "--by", "cell_service", "--explain", "join_pct", *more])
    assert result.exit_code == 0, result.output
    assert "join_pct = 100 * 0 / 25 = 0" in result.output
    assert re.search(r"bytes_total: 1 rows of flow, 1 shown:\n\s+start_time .*\n\s+1970.* y ", result.output)
    wrong = (("--explain-key", "cell", "a key and its value"), *(("--explain-window", at, "a time in UTC") for at in (
        "cell", "0001-01-01", "9999-12-31T23:59")))  # fmt: skip
    for option, value, told in wrong:
        arguments = [*words, "--explain", "join_pct", option, value]
        with pytest.raises(WiregaugeError, match=told):
            CliRunner().invoke(kpi_command, arguments, catch_exceptions=False)
    assert CliRunner().invoke(kpi_command, [*words, "--explain", "nothing"]).exit_code != 0
    shown = CliRunner().invoke(describe_command, ["heavy_pct", "--catalogue", str(tmp_path / "c.toml")])
    assert "100 * heavy / flows" in shown.output


OF_ALERTS = """
[[counter]]
name = "alerts_opened"
from = "alert"
time = "opened_time"
where = "state == 'opened' and alert_id != ''"
[[counter]]
name = "alerts_told"
from = "alert"
time = "time"
take = "distinct(alert_id)"
"""


def test_counters_of_tables_without_a_start(tmp_path):
    """Rows of the probe's own tables count by a time that they have."""
    (tmp_path / "c.toml").write_text(OF_ALERTS)
    time = pa.array([5, 7, 9]).cast(pa.timestamp("ns", tz="UTC"))
    rows = {"time": time, "opened_time": time, "state": ["opened", "opened", "closed"], "cell": ["a", "a", "b"],
            "alert_id": ["p", "q", "p"]}  # fmt: skip
    (tmp_path / "xdr" / "alert").mkdir(parents=True)
    pq.write_table(pa.table(rows), tmp_path / "xdr" / "alert" / "part-0.parquet")
    compute([tmp_path / "xdr"], tmp_path / "out", 900, ["cell"], load_catalogue(tmp_path / "c.toml"))
    found = ds.dataset(tmp_path / "out" / "kpi_cell").to_table(columns=["cell", "alerts_opened", "alerts_told"])
    assert [tuple(row.values()) for row in found.to_pylist()] == [("a", 2, 2), ("b", 0, 1)]


@pytest.mark.parametrize(
    "old, new, line, told",
    [
        ("bytes_up > 2 and", "bytes_up > and", 5, "a value expected, found 'and' at character 12"),
        ("service == 'x'", "servixe == 'x'", 2, "table flow has no column 'servixe'"),
        ("bytes_up > 2", "cell > 2", 2, "cell is text, no number"),
        ('from = "flow"\nwhere', 'from = "flaw"\nwhere', 2, "no xDR table 'flaw'"),
        ('id = "heavy_pct"', 'idd = "heavy_pct"', 14, "no key 'idd'"),
        ("100 * heavy / flows", "100 * heavi / flows", 13, "no counter 'heavi'"),
        ("100 * heavy / flows", "100 * heavy / flows)", 16, "an operator expected"),
        ("100 * heavy / flows", "quantile(heavy, 0.5)", 13, "heavy is no list of values"),
        ("if(flows >= 1, 100 - heavy_pct, null)", "quantile(heavy_pct, 0.5)", 20, "no counter 'heavy_pct'"),
        ('formula = "if(flows >= 1, 100 - heavy_pct, null)"', 'numerator = "heavy_pct"\ndenominator = "flows"', 20,
         "no counter 'heavy_pct'"),
        ('formula = "if(flows >= 1, 100 - heavy_pct, null)"', 'numerator = "flows"\ndenominator = "window_s"', 20,
         "no counter 'window_s'"),
        ('name = "both"', 'name = "cell"', 7, "cell: kpi_cell has a column of this name already"),
        ('name = "both"', 'name = "caveats"', 7, "caveats: kpi_cell has a column of this name already"),
        ('keys = ["cell", "service"]', 'keys = ["cell", "cell"]', 24, "cell_service: two columns are called"),
        ('name = "cell_service"', 'name = "x/../../cell"', 24, "name is letters, digits and _"),
        ("100 * heavy / flows", "rtt_client / flows", 13, "only a quantile can be taken"),
        ("sum(bytes_up + bytes_down)", "sum(bytes_up * 2)", 10, "only columns"),
        ("sum(bytes_up + bytes_down)", "median(bytes_up)", 10, "take is count, sum"),
        ('keys = ["cell", "service"]', 'keys = ["cell", "planet"]', 24, "no table has a column 'planet'"),
        ('keys = ["cell", "service"]', "", 24, "lacks 'keys'"),
        ('name = "both"', 'name = "heavy"', 2, "heavy: declared twice"),
        ('direction = "lower"', 'direction = "down"', 18, "direction is one of"),
        ('direction = "lower"', 'direction = "lower"\ntargets = { planet = 5 }', 19, "no segment is called so"),
        ('direction = "lower"', 'direction = "lower"\ntargets = "high"', 19, "targets are numbers"),
        ('direction = "lower"', 'direction = "lower"\ntargets = { planet = { a = 5 } }', 19, "a column 'planet'"),
        ('keys = ["cell", "service"]', 'keys = ["cell"]\n[[target]]\nkpi = "join"\ntargets = 5', 28, "no KPI 'join'"),
        ('direction = "lower"', "targets = 5", 18, "targets need a direction"),
        ("bytes_up > 2", "bytes_up > 'x'", 2, "bytes_up is a number, no text"),
        ("bytes_up > 2", "end_time > 2", 2, "compare differences"),
        ("bytes_up > 2", "end_reason == 'finn'", 2, "end_reason is never 'finn'"),
        ("service == 'x'", "service == 5", 2, "5 must stand in quotes"),
        ("service == 'x'", "service", 2, "write `service is not null`"),
        ("service == 'x'", "service + 1 > 2", 2, "service is text, no number"),
        ("sum(bytes_up + bytes_down)", "max(bytes_up + bytes_down)", 10, "max takes one column"),
        ("sum(bytes_up + bytes_down)", "quantile(bytes_up, 95)", 10, "a number from 0 to 1"),
        ("sum(bytes_up + bytes_down)", "sum(end_time)", 7, "end_time is a time"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path, old, new, line, told):
    assert old in GOOD
    file: Path = tmp_path / "c.toml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(WiregaugeError) as caught:
        load_catalogue(file)
    message = str(caught.value)
    assert told in message, message
    number = int(message.removeprefix(f"{file}:").split(":")[0])
    assert number == line, message


TAKEN = """
[[segment]]
name = "gold"
on = "apn"
rows = { a1 = "first" }
columns = ["class"]
[[counter]]
name = "slowest"
from = "flow"
take = "max(rtt_client_ms)"
[[counter]]
name = "quickest"
from = "flow"
where = "bytes_up > 0"
take = "min(rtt_client_ms)"
[[counter]]
name = "usual"
from = "flow"
take = "quantile(rtt_client_ms, 0.5)"
[[counter]]
name = "mean_rate"
from = "flow"
take = "mean(throughput_up)"
[[counter]]
name = "waited"
from = "flow"
take = "sum(rtt_client_ms)"
[[counter]]
name = "ports"
from = "flow"
take = "distinct(server_port)"
[[kpi]]
id = "spread"
formula = "slowest - quickest"
direction = "lower"
targets = { default = 40, gold = 20, ip_protocol = { 6 = 5 } }
[[kpi]]
id = "more"
formula = "slowest - coalesce(previous(slowest), 0)"
direction = "higher"
[[target]]
kpi = "more"
targets = { default = 1, first = 100 }
[[grain]]
name = "mine"
keys = ["class"]
carried = ["in_gold"]
counters = ["more", "spread", "usual", "mean_rate", "waited", "ports"]
"""


def test_what_is_taken_and_targets(tmp_path):
    (tmp_path / "c.toml").write_text(TAKEN)
    rows = pa.table({
        "start_time": pa.array([0, 1, 2, 3, 900 * 10**9]).cast(pa.timestamp("ns", tz="UTC")),
        "apn": ["a1", "a1", "a2", "a2", "a1"], "bytes_up": [1, 0, 1, 1, 1],
        "rtt_client_ms": [30.5, 5.0, 10.0, 50.0, 0.0], "throughput_up": [1.5, 2.0, None, None, 4.0],
        "server_port": pa.array([1, 1, 3, None, 1], pa.int32()),
    })  # fmt: skip
    (tmp_path / "xdr" / "flow").mkdir(parents=True)
    pq.write_table(rows, tmp_path / "xdr" / "flow" / "part-0.parquet")
    catalogue = load_catalogue(tmp_path / "c.toml")
    compute([tmp_path / "xdr"], tmp_path / "out", 900, ["mine"], catalogue)
    told = ds.dataset(tmp_path / "out" / "kpi_mine").to_table().sort_by("window_start").to_pylist()
    names = ("class", "slowest", "quickest", "usual", "mean_rate", "waited", "ports", "spread", "spread_target_met",
             "more", "more_target_met")  # fmt: skip
    assert [tuple(row[name] for name in names) for row in told] == [
        (None, 50, 10, 30, None, 60, 1, 40, True, 50, True),
        ("first", 30.5, 30.5, 17.75, 1.75, 35.5, 1, 0, True, 30.5, False),
        ("first", 0, 0, 0, 4, 0, 1, 0, True, -30.5, False),
    ]
    shown = CliRunner().invoke(describe_command, ["spread", "--catalogue", str(tmp_path / "c.toml")])
    assert "40; 20 where in_gold is yes; 5 where ip_protocol is 6" in shown.output


LOOKING_BACK = """
[[kpi]]
id = "growth"
formula = "flows - previous(flows)"
[[kpi]]
id = "change_pct"
formula = "100 * (flows / day_ago(flows) - 1)"
[[kpi]]
id = "growing"
formula = "growth > 0 and week_ago(growth) is null"
"""


def test_looking_back(tmp_path):
    """A row is compared with the one of the same keys before it, computed just now or by an earlier run."""
    (tmp_path / "c.toml").write_text(LOOKING_BACK)
    catalogue = load_catalogue(tmp_path / "c.toml")
    window, day = 900 * 10**9, 86_400 * 10**9
    counts = {(0, "p"): 2, (0, "q"): 1, (window, "p"): 5, (day, "p"): 3, (day, None): 1, (day + window, "p"): 1}
    rows = [(start + i, cell) for (start, cell), n in counts.items() for i in range(n)]
    folder = tmp_path / "xdr" / "flow"
    folder.mkdir(parents=True)
    for number, some in enumerate((rows[:8], rows[8:])):
        times = pa.array([t for t, _ in some]).cast(pa.timestamp("ns", tz="UTC"))
        cells = pa.array([c for _, c in some], pa.string())
        pq.write_table(pa.table({"start_time": times, "cell": cells, "begun": [True] * len(some)}),
                       folder / f"part-{number}.parquet")  # fmt: skip
        for between in ((0, day), (day, 2 * day)) if number else ():
            compute([tmp_path / "xdr"], tmp_path / "two", 900, ["cell"], catalogue, between=between)
    compute([tmp_path / "xdr"], tmp_path / "one", 900, ["cell"], catalogue)
    one, two = (ds.dataset(tmp_path / name / "kpi_cell").to_table().to_pylist() for name in ("one", "two"))
    assert one == two
    found = {(r["window_start"].timestamp() * 10**9, r["cell"]): r for r in one}
    assert {k: r["flows"] for k, r in found.items()} == counts
    assert found[window, "p"]["growth"] == 3
    assert found[window, "p"]["growing"] == 1
    assert found[0, "p"]["growth"] is None
    assert found[day, "p"]["change_pct"] == 50
    assert found[day, None]["change_pct"] is None
    assert found[day + window, "p"]["change_pct"] == pytest.approx(-80)
    assert found[day + window, "p"]["growth"] == -2


LAGGED = ("previous", "day_ago", "week_ago")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_formulas_that_look_back_as_a_plain_evaluator_does(tmp_path_factory, data):
    """Whatever windows there are: formulas over counters and their past, with if, min, max and null."""
    folder = tmp_path_factory.mktemp("past")
    window, day = 21_600, 86_400
    starts = [0, window, 2 * window, day, day + window, 7 * day, 8 * day, 8 * day + window]
    cells = st.sampled_from([None, "p", "q"])
    counts = data.draw(st.dictionaries(st.tuples(st.sampled_from(starts), cells), st.integers(1, 3), min_size=1))
    atoms = st.sampled_from(["flows", "bytes_total", "1", "null", *(f"{lag}(flows)" for lag in LAGGED)])
    texts = data.draw(st.lists(
        st.one_of(
            st.tuples(atoms, st.sampled_from("+-*/"), atoms).map(" ".join),
            st.tuples(st.sampled_from(["min", "max", "coalesce"]), atoms, atoms).map(lambda t: "{}({}, {})".format(*t)),
            st.tuples(atoms, atoms, atoms).map(lambda t: f"if({t[0]} > {t[1]}, {t[1]}, {t[2]})"),
        ), min_size=1, max_size=4,
    ))  # fmt: skip
    (folder / "c.toml").write_text("".join(f'[[kpi]]\nid = "k{i}"\nformula = "{t}"\n' for i, t in enumerate(texts)))
    rows = [((start + i) * 10**9, cell) for (start, cell), n in counts.items() for i in range(n)]
    flow = pa.table({
        "start_time": pa.array([t for t, _ in rows]).cast(pa.timestamp("ns", tz="UTC")), "begun": [True] * len(rows),
        "cell": pa.array([c for _, c in rows], pa.string()), "bytes_up": [2] * len(rows), "bytes_down": [5] * len(rows),
    })  # fmt: skip
    (folder / "xdr" / "flow").mkdir(parents=True)
    pq.write_table(flow, folder / "xdr" / "flow" / "part-0.parquet")
    compute([folder / "xdr"], folder / "out", window, ["cell"], load_catalogue(folder / "c.toml"))
    found = ds.dataset(folder / "out" / "kpi_cell").to_table().to_pylist()
    assert len(found) == len(counts)
    back = dict(zip(LAGGED, (window, day, 7 * day), strict=True))
    for row in found:
        start, cell = int(row["window_start"].timestamp()), row["cell"]
        told = {f"{lag}(flows)": counts.get((start - seconds, cell)) for lag, seconds in back.items()}
        told |= {"flows": counts[start, cell], "bytes_total": 7 * counts[start, cell]}
        for i, text in enumerate(texts):
            assert row[f"k{i}"] == plain(parse(text), told), (text, told)


def test_several_catalogues(tmp_path):
    first, second = tmp_path / "1.toml", tmp_path / "2.toml"
    first.write_text(GOOD)
    second.write_text('[[kpi]]\nid = "rest_pct"\nformula = "100 - heavy_pct"\n')
    assert [k.id for k in load_catalogue(first, second).kpis][-1] == "rest_pct"
    assert load_catalogue() is shipped_catalogue()
    first.write_text("[[kpi]\n")
    with pytest.raises(WiregaugeError, match="not a catalogue"):
        load_catalogue(first)
