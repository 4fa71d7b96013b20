"""KPI tables: against a naive twin, against DuckDB on the same Parquet, and unmoved by order, split and repetition."""

import os
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats import kpi
from formats.expression import parse
from kernels.group import (
    NULL,
    add_by_group,
    count_distinct,
    encode,
    keep_codes,
    keep_values,
    last_by_group,
    order_rows,
    place_keys,
    slots_for,
    take,
)
from kernels.quantile import quantiles_by_group
from probe.catalogue import check_catalogue, load_catalogue, shipped_catalogue
from probe.errors import WiregaugeError
from probe.facts import number
from probe.kpi import compute, kpi_command
from probe.kpi_domain import Domain
from probe.kpi_rows import Held, stretches_of
from probe.tables import to_arrow
from probe.xdr_files import Group
from tests import naive_kpi, xdr_rows
from tests.kpi_tools import FACTS, NAMES, make, read, same, write
from tests.naive_formula import plain
from tests.xdr_rows import SECOND, START, WINDOW

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python


def as_dicts(rows):
    """Kernel rows as plain dicts with times in ns."""
    out = {}
    for table in FACTS:
        arrow = to_arrow(table, rows[table.name], NAMES)
        for column in table.columns:
            if column.kind == "time":
                at = arrow.column_names.index(column.name)
                arrow = arrow.set_column(at, column.name, arrow.column(column.name).cast("int64"))
        out[table.name] = arrow.to_pylist()
    return out


GRAIN_COLUMNS = {
    "cell": ("cell", "cell_last", (("rat", "rat"),)),
    "subscriber": ("subscriber", "subscriber",
                   (("home_plmn", "home_plmn"), ("device_tac", "device_tac"), ("cell_last", "cell"))),
    "apn": ("apn", "apn", ()),
    "device": ("device_tac", "device_tac", ()),
    "gateway": ("gateway", "gateway", ()),
    "qos_class": ("qos_class", "qos_class", ()),
    "slice": ("slice", "slice", (), naive_kpi.OF_BEARERS),
    "core_node": ("core_node", "", (), naive_kpi.OF_BEARERS),
}  # fmt: skip


@pytest.mark.parametrize("grain", GRAIN_COLUMNS)
@pytest.mark.parametrize("window_s", [900, 3600])
def test_naive_twin(tmp_path, grain, window_s):
    rows = make()
    write(tmp_path / "xdr", rows)
    summary = compute([tmp_path / "xdr"], tmp_path / "kpi", window_s, [grain])
    expected = naive_kpi.kpi_table(as_dicts(rows), window_s * SECOND, *GRAIN_COLUMNS[grain])
    same(read(tmp_path / "kpi", f"kpi_{grain}"), expected)
    assert summary.rows_out == {f"kpi_{grain}": len(expected)}


@pytest.mark.parametrize("missing", [t.name for t in FACTS])
def test_a_table_that_is_absent_is_not_measured(tmp_path, missing):
    rows = make(40)
    write(tmp_path / "xdr", {name: some for name, some in rows.items() if name != missing})
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["cell"])
    told = as_dicts(rows) | {missing: []}
    same(read(tmp_path / "kpi", "kpi_cell"), naive_kpi.kpi_table(told, WINDOW, "cell", "cell_last", (("rat", "rat"),)))


def test_causes(tmp_path):
    rows = make()
    write(tmp_path / "xdr", rows)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["cause"])
    expected = {}
    for row in as_dicts(rows)["procedure"]:
        if row["outcome"] in ("failure", "timeout"):
            keys = [row[c] for c in ("cell", "gateway", "interface", "procedure", "outcome", "cause")]
            record = expected.setdefault((row["start_time"] // WINDOW * WINDOW, *keys), {"failures": 0})
            record["failures"] += 1
    same(read(tmp_path / "kpi", "kpi_cause"), expected)


def test_drops(tmp_path):
    rows = make()
    write(tmp_path / "xdr", rows)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["drop"])
    expected = {}
    for row in as_dicts(rows)["presence"]:
        if row["dropped"]:
            keys = [row[c] for c in ("cell", "qos_class", "core_node", "cause")]
            record = expected.setdefault((row["start_time"] // WINDOW * WINDOW, *keys), {"drops": 0})
            record["drops"] += 1
    assert len(expected) > 10
    same(read(tmp_path / "kpi", "kpi_drop"), expected)


# --- DuckDB, from the declarations ---------------------------------------------------------------------------------


def sql_literal(value):
    if isinstance(value, tuple):
        return "(" + ", ".join(map(sql_literal, value)) + ")"
    return f"'{value}'" if isinstance(value, str) else str(value)


def sql_condition(condition):
    column, value = condition.column, sql_literal(condition.value)
    return {
        "eq": f"{column} = {value}", "ne": f"{column} <> {value}", "in": f"{column} IN {value}",
        "not_in": f"{column} NOT IN {value}", "is_null": f"{column} IS NULL", "not_null": f"{column} IS NOT NULL",
        "is_true": column, "at_least": f"{column} >= {value}",
    }[condition.op]  # fmt: skip


def sql_where(where):
    return " OR ".join("(" + " AND ".join(map(sql_condition, a)) + ")" for a in where) or "true"


def sql_counter(counter):
    """The aggregate expression of a counter, over the rows of one group."""
    where = f"FILTER (WHERE {sql_where(counter.where)})"
    if counter.kind == "count":
        return f"count(*) {where}"
    if counter.kind == "distinct":
        column = counter.columns[0]
        return f"CASE WHEN count(*) > 0 AND count({column}) = 0 THEN NULL ELSE count(DISTINCT {column}) END"
    if counter.unit == "ms":
        summed = f"sum(round({counter.columns[0]} * 1e6)::HUGEINT) {where} / 1e6"
    else:
        summed = f"sum({' + '.join(counter.columns)}) {where}"
    return f"CASE WHEN count(*) {where} = 0 THEN 0 ELSE {summed} END"


@dataclass
class Oracle:
    """The KPI tables by SQL on the same Parquet files."""

    directory: str
    window_s: int

    def rows_of(self, counter, grain):
        """The rows that a counter may count, with window `w` and the grain's keys, as a relation."""
        parts = []
        names = {counter.time, *counter.columns, *(c.column for a in counter.where for c in a)}
        for table in counter.tables:
            keys = ", ".join(f"{k.column_of(table) or 'NULL::VARCHAR'} AS key_{k.name}" for k in grain.keys)
            parts.append(
                f"SELECT epoch_us({counter.time}::TIMESTAMPTZ) // {self.window_s}000000 AS w, {keys}, "
                f"{', '.join(sorted(names))} "
                f"FROM read_parquet('{self.directory}/{table}/**/*.parquet') WHERE {counter.time} IS NOT NULL"
            )
        return " UNION ALL ".join(parts)

    def by_group(self, counter, expression, grain):
        """{(w, keys): value of `expression`}."""
        keys = ", ".join(f"key_{k.name}" for k in grain.keys)
        found = duckdb.sql(
            f"SELECT w, {keys}, {expression} FROM ({self.rows_of(counter, grain)}) GROUP BY w, {keys}"
        ).fetchall()
        return {row[:-1]: row[-1] for row in found}

    def kpi_table(self, grain):
        counters = shipped_catalogue().counters_of(grain)
        columns, groups = {}, set()
        for counter in counters:
            if counter.kind != "values":
                columns[counter.name] = self.by_group(counter, sql_counter(counter), grain)
                groups |= columns[counter.name].keys()
        for one in shipped_catalogue().kpis_of(grain):
            if isinstance(one.formula, kpi.Quantile):
                counter = next(c for c in counters if c.name == one.formula.values)
                value = (
                    f"quantile_cont({counter.columns[0]}, {one.formula.q}) FILTER (WHERE {sql_where(counter.where)})"
                )
                columns[one.id] = self.by_group(counter, value, grain)
        out = {}
        for group in groups:
            row = {}
            for name, values in columns.items():
                zero = 0 if any(c.name == name for c in counters) else None
                row[name] = values.get(group, zero)
            row["window_s"] = self.window_s
            for one in shipped_catalogue().kpis_of(grain):
                if isinstance(one.formula, kpi.Formula):
                    row[one.id] = plain(parse(one.formula.text), row)
                if isinstance(one.formula, kpi.Ratio):
                    row[one.id] = naive_kpi.ratio(
                        row[one.formula.numerator], row[one.formula.denominator], one.formula.scale
                    )
            del row["window_s"]
            if not grain.sparse or any(row.values()):
                out[group[0] * self.window_s * SECOND, *group[1:]] = row
        return out


@pytest.mark.parametrize("grain", shipped_catalogue().grains, ids=lambda g: g.name)
def test_duckdb(tmp_path, grain):
    write(tmp_path / "xdr", make(200, seed=3))
    compute([tmp_path / "xdr"], tmp_path / "kpi", 600, [grain.name])
    expected = Oracle(str(tmp_path / "xdr"), 600).kpi_table(grain)
    found = read(tmp_path / "kpi", grain.table)
    for row in found.values():
        for key in grain.carried:
            del row[key.name]
    same(found, expected)
    assert len(found) > 5


# --- order, split, repetition ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The KPI tables of some rows, written in one go."""
    folder = tmp_path_factory.mktemp("whole")
    write(folder / "xdr", make(40, seed=7))
    compute([folder / "xdr"], folder / "kpi", 900)
    return {g.table: read(folder / "kpi", g.table) for g in shipped_catalogue().grains}


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), per_part=st.integers(1, 70), folders=st.integers(1, 3))
def test_any_order_and_split_gives_the_same(tmp_path_factory, whole, seed, per_part, folders):
    folder = tmp_path_factory.mktemp("split")
    rng = np.random.default_rng(seed)
    for i in range(folders):
        some = {}
        for name, rows in make(40, seed=7).items():
            order = np.random.default_rng(seed).permutation(rows.size)
            some[name] = rows[order[i::folders]]
        write(folder / f"xdr{i}", some, rows_per_part=per_part)
    if rng.random() < 0.5:
        half = [START + i * WINDOW for i in range(-1, 4)]
        for first, end in pairwise(half):
            compute([folder / f"xdr{i}" for i in range(folders)], folder / "kpi", 900, between=(first, end))
    else:
        compute([folder / f"xdr{i}" for i in range(folders)], folder / "kpi", 900)
    for grain in shipped_catalogue().grains:
        assert read(folder / "kpi", grain.table) == whole[grain.table]


def test_a_second_computation_replaces_the_first(tmp_path):
    write(tmp_path / "xdr", make(50))
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["cell", "cause"])
    before = {p: p.read_bytes() for p in (tmp_path / "kpi").glob("**/*.parquet")}
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["cell", "cause"])
    assert {p: p.read_bytes() for p in (tmp_path / "kpi").glob("**/*.parquet")} == before
    fewer = make(50)
    fewer["procedure"]["outcome"] = 1
    write(tmp_path / "xdr", fewer)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["cell", "cause"])
    assert read(tmp_path / "kpi", "kpi_cause") == {}


def test_in_small_stretches(tmp_path, whole):
    write(tmp_path / "xdr", make(40, seed=7), rows_per_part=10)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, held=Held(20))
    assert {g.table: read(tmp_path / "kpi", g.table) for g in shipped_catalogue().grains} == whole


@pytest.mark.parametrize("rows", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_through_files_where_memory_is_short(tmp_path, whole, rows):
    write(tmp_path / "xdr", make(40, seed=7), rows_per_part=10)
    summary = compute([tmp_path / "xdr"], tmp_path / "kpi", 900, held=Held(1, rows))
    assert {g.table: read(tmp_path / "kpi", g.table) for g in shipped_catalogue().grains} == whole
    assert summary.rows_out == {g.table: len(whole[g.table]) for g in shipped_catalogue().grains}
    assert not list((tmp_path / "kpi").glob(".states*"))


def test_large_groups_in_pieces(tmp_path, monkeypatch, whole):
    write(tmp_path / "xdr", make(40, seed=7))
    monkeypatch.setattr("probe.aggregate.GROUPS_AT_ONCE", 3)
    monkeypatch.setattr("probe.aggregate.ROWS_AT_ONCE", 7)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900)
    assert {g.table: read(tmp_path / "kpi", g.table) for g in shipped_catalogue().grains} == whole


def test_nothing_in_nothing_out(tmp_path):
    (tmp_path / "xdr").mkdir()
    summary = compute([tmp_path / "xdr"], tmp_path / "kpi", 900)
    assert summary.windows == 0
    assert set(summary.rows_out.values()) == {0}


@pytest.mark.parametrize("table", FACTS, ids=lambda t: t.name)
def test_one_row(tmp_path, table):
    rows = {table.name: xdr_rows.rows(table, 1)}
    write(tmp_path / "xdr", rows)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["apn"])
    told = as_dicts({t.name: np.zeros(0, t.dtype) for t in FACTS} | rows)
    same(read(tmp_path / "kpi", "kpi_apn"), naive_kpi.kpi_table(told, WINDOW, "apn", "apn"))


def test_times_far_apart_are_read_in_few_stretches():
    day = 86400 * SECOND
    groups = [Group(None, 0, 10, 0, 20_000 * day), Group(None, 0, 10, 19_000 * day, 19_000 * day)]
    stretches = stretches_of(groups, WINDOW)
    assert len(stretches) == 1
    assert stretches[0][0] == 0
    assert stretches[0][1] > 20_000 * day


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(1, 2**20)), min_size=1, max_size=20))
def test_stretches_cover_each_window_once(spans):
    groups = [Group(None, 0, rows, a * WINDOW, (a + b) * WINDOW + 5) for a, b, rows in spans]
    stretches = stretches_of(groups, WINDOW)
    covered = [w for a, b in stretches for w in range(a // WINDOW, b // WINDOW)]
    wanted = {w for a, b, _ in spans for w in range(a, a + b + 1)}
    assert covered == sorted(set(covered))
    assert wanted <= set(covered)


# --- kernels against twins -----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9) | st.integers(0, 2**64 - 1), max_size=60))
def test_encode(keys):
    codes, found = np.empty(len(keys), np.int32), np.empty(len(keys), np.uint64)
    count = encode(np.array(keys, np.uint64), np.full(slots_for(len(keys)), -1, np.int32), codes, found)
    order = list(dict.fromkeys(keys))
    assert found[:count].tolist() == order
    assert codes.tolist() == [order.index(k) for k in keys]


def taken(values, rows):
    out = np.empty(rows.size, values.dtype)
    take(values, rows, out)
    assert out.tolist() == [values.tolist()[r] for r in rows.tolist()]
    return out


def grouped(ids, number):
    """Rows in order of group and where each group begins, from int32[n] (negative: in none)."""
    starts = np.zeros(number + 1, np.int64)
    placed = np.empty(ids.size, np.int32)
    place_keys(ids.astype(np.int64), np.arange(number, dtype=np.int32), placed, starts)
    assert placed.tolist() == ids.tolist()
    np.cumsum(starts, out=starts)
    order = np.empty(int(starts[-1]), np.int32)
    order_rows(ids, starts[:-1].copy(), order)
    return order, starts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1, 9) | st.integers(0, 2**62), max_size=60), st.sampled_from([4, 8, 256]))
def test_number(keys, slots):
    ids, found = number(np.array(keys, np.int64), slots)
    order = list(dict.fromkeys(k for k in keys if k >= 0))
    assert found.tolist() == order
    assert ids.tolist() == [order.index(k) if k >= 0 else -1 for k in keys]


ROWS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 6), st.integers(0, 3), st.integers(0, 2)), max_size=60)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_distinct_and_last(rows):
    groups, codes, times, classes = (np.array([r[i] for r in rows], np.int64) for i in range(4))
    groups, codes, classes = groups.astype(np.int32), codes.astype(np.int32), classes.astype(np.int32)
    order, starts = grouped(groups, 5)
    wanted = np.array([True, False, True])
    begins, gathered, counts = np.empty(6, np.int64), taken(codes, order), np.empty(5, np.int64)
    end = keep_codes(starts, taken(classes, order), wanted, gathered, begins)
    assert begins[5] == end
    assert count_distinct(begins, gathered, 1, np.zeros(7, np.int32), counts) == 6
    assert counts.tolist() == [len({c for g, c, _, w in rows if g == k and c >= 0 and w != 1}) for k in range(5)]
    last, ranks = np.full(5, -1, np.int32), np.arange(7, dtype=np.int32)
    last_by_group(starts, taken(times, order), taken(codes, order), ranks, np.zeros(5, np.int64), last)
    assert last.tolist() == [
        max([(t, c) for g, c, t, _ in rows if g == k and c >= 0], default=(0, -1))[1] for k in range(5)
    ]


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_counts_and_sums(rows):
    groups, values, classes = (np.array([r[i] for r in rows], np.int64) for i in (0, 1, 3))
    values = np.where(values < 0, NULL, values)[None]
    order, starts = grouped(groups.astype(np.int32), 5)
    lists = np.array([0, 1, 3, 3]), np.array([(0, -1), (0, -1), (1, 0)], np.int32)  # class 0 counts; 1 counts and adds
    sums, flags = np.zeros((2, 5), np.int64), np.zeros((2, 5), np.uint8)
    add_by_group(starts, taken(classes.astype(np.int32), order), lists, taken(values[0], order)[None], sums, flags)
    for k in range(5):
        assert sums[0, k] == sum(g == k and c < 2 for g, _, _, c in rows)
        mine = [v for g, v, _, c in rows if g == k and c == 1]
        assert sums[1, k] == sum(v for v in mine if v >= 0)
        assert flags[1, k] == (2 if any(v >= 0 for v in mine) else 1 if mine else 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 2), st.floats(-1e9, 1e9) | st.integers(0, 3)), max_size=120),
       st.lists(st.floats(0, 1), min_size=1, max_size=3))  # fmt: skip
def test_quantiles(rows, qs):
    qs = sorted(qs)
    groups, values = np.array([r[0] for r in rows], np.int32), np.array([r[1] for r in rows], np.float64)
    order, starts = grouped(groups, 3)
    begins, gathered, out = np.empty(4, np.int64), taken(values, order), np.empty((len(qs), 3))
    keep_values(starts, np.zeros(order.size, np.int32), np.ones(1, bool), gathered, begins)
    quantiles_by_group(begins, gathered, np.array(qs), out)
    for k in range(3):
        mine = [v for g, v in rows if g == k]
        for q, found in zip(qs, out[:, k], strict=True):
            assert np.isnan(found) if not mine else found == pytest.approx(np.quantile(mine, q), rel=1e-9, abs=1e-6)


TEXTS = st.none() | st.text("ab0-\x00é", max_size=20) | st.sampled_from(["26201" * 9, "26201" * 8])


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=60), st.integers(1, 4))
def test_texts_keep_their_codes_and_sort(texts, pieces):
    domain, codes = Domain(), []
    for some in np.array_split(np.array([*texts, None], object), pieces):
        codes += domain.codes([pa.array(some.tolist(), pa.string())]).tolist()
    known = [t for t in dict.fromkeys(texts) if t is not None]
    assert codes[:-1] == [-1 if t is None else known.index(t) for t in texts]
    every = np.arange(len(known), dtype=np.int32)
    assert domain.texts(every).to_pylist() == known
    assert [known[i] for i in domain.order(every)] == sorted(known, key=lambda t: t.encode())
    coded = pa.array(texts, pa.string()).dictionary_encode()
    assert domain.codes([coded]).tolist() == codes[:-1]


def test_many_texts():
    domain, texts = Domain(), [f"26201{i * 7919:010d}" for i in range(20_000)]
    assert domain.codes([pa.array(texts[:9_000]), pa.array(texts)])[9_000:].tolist() == list(range(20_000))
    assert domain.texts(np.array([19_999, 3])).to_pylist() == [texts[19_999], texts[3]]
    assert domain.ranks()[7] == sorted(texts).index(texts[7])


# --- declarations and command --------------------------------------------------------------------------------------


def test_declarations_hold_together():
    assert check_catalogue(shipped_catalogue()) == []
    for one in shipped_catalogue().kpis:
        assert one.direction in kpi.DIRECTIONS
        assert one.clause
        assert one.meaning
    counters = {c.name: c for c in shipped_catalogue().counters}
    classes = [counters[f"session_setup_failures_{name}"].where for name in ("user", "network", "protocol", "mobility")]
    for version, valid in enumerate((range(64, 240), range(192, 256))):
        codes = [code for where in classes for code in where[version][-1].value]
        assert all(code in valid for code in codes)
        assert len(codes) == len(set(codes)), "a cause is in two classes"
        others = counters["session_setup_failures_other"].where[version][-1]
        assert (others.op, sorted(others.value)) == ("not_in", sorted(codes))


def test_own_catalogue(tmp_path):
    file = tmp_path / "more.toml"
    file.write_text(
        """
        [[counter]]
        name = "dns_flows"
        kind = "count"
        table = "flow"
        where = [{column = "service", op = "in", value = ["dns"]}]
        [[kpi]]
        id = "dns_share_pct"
        unit = "%"
        numerator = "dns_flows"
        denominator = "flows"
        scale = 100
        [[grain]]
        name = "cell_service"
        keys = ["cell", "service"]
        """
    )
    catalogue = load_catalogue(file)
    rows = make(80)
    write(tmp_path / "xdr", rows)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 3600, ["cell_service"], catalogue)
    found = ds.dataset(tmp_path / "kpi" / "kpi_cell_service").to_table()
    dns = sum(r["service"] == "dns" for r in as_dicts(rows)["flow"])
    assert dns > 0
    assert sum(v or 0 for v in found.column("dns_flows").to_pylist()) == dns
    file.write_text('[[kpi]]\nid = "x"\nnumerator = "nothing"\ndenominator = "flows"\n')
    with pytest.raises(WiregaugeError, match="no counter 'nothing'"):
        load_catalogue(file)


def test_command(tmp_path):
    write(tmp_path / "xdr", make(30))
    result = CliRunner().invoke(
        kpi_command, [str(tmp_path / "xdr"), "--out", str(tmp_path / "kpi"), "--window", "1h", "--by", "cell,apn"]
    )
    assert result.exit_code == 0, result.output
    assert "30 flow" in result.output
    assert sorted(os.listdir(tmp_path / "kpi")) == ["kpi_apn", "kpi_cell"]
    result = CliRunner().invoke(
        kpi_command, [str(tmp_path / "xdr"), "--out", str(tmp_path / "more"), "--window", "1h,15m", "--by", "cell"]
    )
    assert "windows of 15m, 1h" in result.output
    result = CliRunner().invoke(kpi_command, [str(tmp_path / "xdr"), "--out", "x", "--window", "15m,20m"])
    assert result.exit_code == 2
    assert "20m is no multiple of 15m" in result.output
    result = CliRunner().invoke(kpi_command, [str(tmp_path / "xdr"), "--out", "x", "--window", "15 parsecs"])
    assert result.exit_code == 2
    assert "15m" in result.output


def test_unknown_grain_and_damaged_file(tmp_path):
    write(tmp_path / "xdr", make(10))
    with pytest.raises(WiregaugeError, match="no grain 'planet'"):
        compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["planet"])
    victim = next((tmp_path / "xdr").glob("flow/**/*.parquet"))
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises(WiregaugeError, match="not a readable Parquet file"):
        compute([tmp_path / "xdr"], tmp_path / "kpi", 900)
