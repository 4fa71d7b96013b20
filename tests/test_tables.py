"""Kernel rows to Arrow and Parquet: against a twin in plain Python, by three readers, whole files only."""

import errno
import ipaddress
import math
import os
from datetime import UTC, datetime
from itertools import pairwise

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from formats import networks, services, xdr
from formats.addresses import IPV4_MAPPED, NO_DIGITS
from formats.causes import CAUSES
from formats.schema import schema
from kernels import format_text
from probe import duration, identity, writer
from probe.catalogue import shipped_catalogue
from probe.describe import describe_command, markdown
from probe.errors import WiregaugeError
from probe.identity import Identities, load_key
from probe.kpi import compute
from probe.show import show_command
from probe.tables import Names, plain_table, to_arrow
from probe.writer import TableWriter, run_digest, write_part
from tests import xdr_rows
from tests.xdr_rows import START, WINDOW, digits

NAMES = Names(xdr_rows.APNS, Identities("clear"))
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python
KERNEL_TABLES = xdr.KERNEL_TABLES

# --- twins ---------------------------------------------------------------------------------------------------------


def ip_text(hi, lo):
    if hi == 0 and lo == 0:
        return None
    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(hi << 64 | lo))


def digits_text(value, count=16):
    text = f"{value:016x}"
    for i, nibble in enumerate(text):
        if nibble in "abcdef":
            return text[: min(i, count)] or None
    return text[:count]


def cell_text(value):
    kind, plmn, identity_ = value >> 60, f"{value >> 36 & 0xFFFFFF:06x}", value & 0xFFFFFFFFF
    if not 1 <= kind <= 6:
        return None
    head = "".join(c for c in f"{plmn[:3]}-{plmn[3:]}" if c not in "abcdef")
    return f"{head}-{identity_ >> 16 & 0xFFFF}-{identity_ & 0xFFFF}" if kind in (2, 3, 5) else f"{head}-{identity_}"


def service_text(row):
    port, protocol = int(row["server_port"]), int(row["ip_protocol"])
    if protocol == 17 and row["quic"]:
        return "quic"
    for service in services.SERVICES:
        if port in (service.tcp if protocol == 6 else service.udp if protocol == 17 else ()):
            return service.name
    return None


def cause_text(row):
    family, code = xdr.CAUSE_FAMILIES[int(row["cause_family"])], int(row["cause_code"])
    words = CAUSES.get(family)
    return None if words is None or code < 0 else words.get(code, f"{family} {code}")


def plain(column, row, name):
    """The value of one column of one kernel row."""
    value = row[name]
    if column.kind == "time":
        return None if value == xdr.NEVER else int(value)
    if column.kind == "kbps":
        return None if math.isnan(value) else float(value)
    if column.kind == "apn":
        return None if value < 0 else xdr_rows.APNS[int(value)]
    if column.kind == "enum":
        return column.values[int(value)] or None
    if column.kind == "id":
        return int(value) or None
    if column.kind == "slice":
        sst, sd = int(value) >> 24, int(value) & 0xFFFFFF
        return None if value < 0 else f"{sst}" if sd == 0xFFFFFF else f"{sst}-{sd:06x}"
    if column.kind == "cell":
        return cell_text(int(value))
    if value == -1:
        return None
    return value / 1e6 if column.kind == "ms" else bool(value) if column.kind == "flag" else int(value)


def twin(table, row):
    """One kernel row as a dict, in plain Python."""
    out = {}
    for column in table.columns:
        name = column.name
        if column.kind == "ip":
            out[name] = ip_text(int(row[f"{name}_hi"]), int(row[f"{name}_lo"]))
        elif column.kind == "cause":
            out[name] = cause_text(row)
        elif column.kind != "derived":
            out[name] = plain(column, row, name)
    imsi = digits_text(int(row["imsi"]))
    tac = digits_text(int(row["imei"]), 8) or ""
    out["subscriber"], out["device_tac"] = imsi, tac if len(tac) == 8 else None
    out["home_plmn"] = {"262": "262-01", "310": "310-260"}[imsi[:3]] if imsi else None
    if table is xdr.FLOW:
        out["service"], out["server_name"] = service_text(row), None
    return out


def as_dicts(arrow):
    for at, field in enumerate(arrow.schema):
        if pa.types.is_timestamp(field.type):
            arrow = arrow.set_column(at, field.name, arrow.column(at).cast("int64"))
    return arrow.to_pylist()


@pytest.mark.parametrize("table", KERNEL_TABLES, ids=lambda t: t.name)
@pytest.mark.parametrize("n", [0, 1, 7, 8, 261])
def test_rows_to_arrow(table, n):
    rows = xdr_rows.rows(table, n)
    arrow = to_arrow(table, rows, NAMES)
    arrow.validate(full=True)
    assert arrow.schema.equals(schema(table), check_metadata=True)
    assert as_dicts(arrow) == [twin(table, row) for row in rows]


def test_rows_of_a_slice_with_steps():
    rows = xdr_rows.rows(xdr.FLOW, 40)[::3]
    assert as_dicts(to_arrow(xdr.FLOW, rows, NAMES)) == [twin(xdr.FLOW, row) for row in rows]


def test_every_column_tells_unit_and_meaning(tmp_path):
    write_part(tmp_path / "a.parquet", to_arrow(xdr.FLOW, xdr_rows.rows(xdr.FLOW, 3), NAMES))
    found = pq.read_schema(tmp_path / "a.parquet")
    assert found.field("bytes_up").metadata[b"unit"] == b"B"
    assert all(field.metadata[b"meaning"] for field in found)
    assert found.metadata[b"wiregauge.row"] == xdr.FLOW.row.encode()


@pytest.mark.parametrize("table", xdr.TABLES, ids=lambda table: table.name)
def test_text_kinds_are_those_that_arrow_has_as_text(table):
    for column, field in zip(table.columns, schema(table), strict=True):
        assert (column.kind in xdr.TEXT_KINDS) == (pa.types.is_dictionary(field.type) or field.type == pa.string())


def test_codes_that_nobody_declared():
    rows = xdr_rows.rows(xdr.FLOW, 3)
    rows["rat"] = [0, 200, 6]
    rows["apn"] = [-1, 99, 0]
    rows["cell"] = [0, 15 << 60, xdr_rows.CELLS[0]]
    arrow = to_arrow(xdr.FLOW, rows, NAMES)
    assert arrow.column("rat").to_pylist() == [None, "code_200", "eutran"]
    assert arrow.column("apn").to_pylist() == [None, None, "internet"]
    assert arrow.column("cell").to_pylist()[:2] == [None, None]


# --- text ----------------------------------------------------------------------------------------------------------


def formatted(kernel, width, *arguments):
    n = arguments[0].size
    offsets, data = np.full(n + 1, -1, np.int32), np.zeros(n * width, np.uint8)
    used = kernel(*arguments, offsets, data)
    assert used == offsets[-1] <= data.size
    return [data[a:b].tobytes().decode() or None for a, b in pairwise(offsets)]


_groups = st.lists(st.sampled_from([0, 0, 1, 0xABC, 0xFFFF]), min_size=4, max_size=4)
_halves = st.integers(0, 2**64 - 1) | _groups.map(lambda groups: int("".join(f"{g:04x}" for g in groups), 16))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_halves, _halves), max_size=5))
def test_ipv6_text(addresses):
    addresses.append((2**64 - 1, 2**64 - 1))
    hi, lo = (np.array([a[i] for a in addresses], np.uint64) for i in range(2))
    assert formatted(format_text.format_ips, format_text.WIDTH_IP, hi, lo) == [ip_text(*a) for a in addresses]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5))
def test_ipv4_text(addresses):
    lo = np.array(addresses, np.uint64) | IPV4_MAPPED
    found = formatted(format_text.format_ips, format_text.WIDTH_IP, np.zeros_like(lo), lo)
    assert found == [str(ipaddress.IPv4Address(a)) for a in addresses]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=8), st.integers(1, 16))
def test_digits_and_cells_text(values, count):
    values += [int(NO_DIGITS), 0, 0x1234567890123456, 2**60 | 0xFFFFFFFFF]
    coded = np.array(values, np.uint64)
    found = formatted(format_text.format_digits, format_text.WIDTH_DIGITS, coded, count)
    assert found == [digits_text(v, count) for v in values]
    assert formatted(format_text.format_cells, format_text.WIDTH_CELL, coded) == [cell_text(v) for v in values]


@pytest.mark.parametrize(
    "imsi, plmn",
    [
        ("262011234567890", "262-01"),
        ("310260123456789", "310-260"),
        ("302720123456789", "302-720"),
        ("001011234567890", "001-01"),
        ("405854123456789", "405-854"),
        ("405501234567890", "405-50"),
        ("404451234567890", "404-45"),
        ("502121234567890", "502-12"),
        ("502153123456789", "502-153"),
        ("26201", None),
        ("", None),
    ],
)
def test_home_network(imsi, plmn):
    assert networks.plmn_of_imsi(imsi) == plmn


# --- identities ----------------------------------------------------------------------------------------------------


def test_pseudonyms_are_keyed_and_stable():
    imsis = np.array([digits("262011234567890"), digits("262011234567891"), int(NO_DIGITS)], np.uint64)
    one, two = Identities("pseudonym", b"k" * 32), Identities("pseudonym", b"q" * 32)
    texts = one.texts(imsis)
    assert texts == one.texts(imsis) == Identities("pseudonym", b"k" * 32).texts(imsis)
    assert texts[2] is None
    assert len(set(texts[:2]) | set(two.texts(imsis)[:2])) == 4
    assert all(len(t) >= 16 and "26201" not in t for t in texts[:2])
    assert Identities("clear").texts(imsis) == ["262011234567890", "262011234567891", None]
    assert list(Identities("none").texts(imsis)) == [None] * 3


def test_network_and_device_survive_any_mode():
    rows = xdr_rows.rows(xdr.FLOW, 30)
    for mode in identity.MODES:
        arrow = to_arrow(xdr.FLOW, rows, Names(xdr_rows.APNS, Identities(mode, b"k" * 32)))
        expected = [twin(xdr.FLOW, row) for row in rows]
        for name in ("home_plmn", "device_tac"):
            assert arrow.column(name).to_pylist() == [row[name] for row in expected]
        known = [text is not None for text in arrow.column("subscriber").to_pylist()]
        assert known == [mode != "none" and row["subscriber"] is not None for row in expected]


def test_key_file(tmp_path):
    path = tmp_path / "deep" / "identity.key"
    key = load_key(path)
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(os.listdir(path.parent)) == 1
    path.chmod(0o640)
    with pytest.raises(WiregaugeError, match="others can read"):
        load_key(path)
    path.chmod(0o600)
    path.write_text("tooshort")
    with pytest.raises(WiregaugeError, match="not an identity key"):
        load_key(path)
    with pytest.raises(WiregaugeError, match="cannot be read or made"):
        load_key(tmp_path / "deep" / "identity.key" / "under_a_file")
    with pytest.raises(WiregaugeError, match="need a key"):
        Identities("pseudonym")


# --- files ---------------------------------------------------------------------------------------------------------


def write(directory, rows, run="run1", rows_per_part=1000, table=xdr.FLOW):
    out = TableWriter(directory, table, run, NAMES, rows_per_part)
    out.write(rows)
    out.close()
    return out


def files(directory):
    return sorted(p for p in directory.glob("**/*") if p.is_file())


def key(row):
    return tuple((v is None, str(v)) for v in row.values())


def test_three_readers_see_one_table(tmp_path):
    rows = xdr_rows.rows(xdr.FLOW, 300, windows=6)
    made = write(tmp_path, rows, rows_per_part=64)
    assert made.rows_written == 300
    assert len(files(tmp_path)) > 6
    expected = sorted((twin(xdr.FLOW, row) for row in rows), key=key)
    arrow = ds.dataset(tmp_path / "flow", partitioning="hive").to_table()
    assert set(arrow.column_names) - {c.name for c in xdr.FLOW.columns} == {"date", "hour"}
    found = as_dicts(arrow.drop_columns(["date", "hour"]))
    assert sorted(found, key=key) == expected

    glob = f"{tmp_path}/flow/**/*.parquet"
    sums = (
        "sum(bytes_up), count(subscriber), count(DISTINCT cell), min(ue_ip), count(*), count(rat), count(DISTINCT hour)"
    )
    told = duckdb.sql(f"SELECT {sums} FROM read_parquet('{glob}', hive_partitioning=true)").fetchall()[0]
    hours = {datetime.fromtimestamp(int(row["window"]) // 10**9, UTC).hour for row in rows}
    by_hand = (
        sum(r["bytes_up"] or 0 for r in expected),
        sum(r["subscriber"] is not None for r in expected),
        len({r["cell"] for r in expected} - {None}),
        min(r["ue_ip"] for r in expected),
        300,
        sum(r["rat"] is not None for r in expected),
        len(hours),
    )
    assert told == by_hand
    lazy = pl.scan_parquet(glob, hive_partitioning=True)
    told = lazy.select(
        pl.col("bytes_up").sum(), pl.col("subscriber").count(), pl.col("cell").cast(pl.String).drop_nulls().n_unique(),
        pl.col("ue_ip").min(), pl.len(), pl.col("rat").count(), pl.col("hour").n_unique(),
    ).collect().row(0)  # fmt: skip
    assert told == by_hand


def test_partition_is_the_window_in_utc(tmp_path):
    write(tmp_path, xdr_rows.rows(xdr.SESSION, 20, windows=1), table=xdr.SESSION)
    at = datetime.fromtimestamp(START // 10**9, UTC)
    (path,) = files(tmp_path)
    assert path.parent == tmp_path / "session" / f"date={at:%Y-%m-%d}" / f"hour={at:%H}"
    assert path.name == f"part-run1-{at:%Y%m%dT%H%M%S}-0.parquet"


def test_window_as_a_number(tmp_path):
    rows = xdr_rows.rows(xdr.FLOW, 20, windows=1)
    rows["window"] = START // WINDOW
    out = TableWriter(tmp_path, xdr.FLOW, "r", NAMES, window_ns=WINDOW)
    out.write(rows)
    out.flush(START // WINDOW + 1)
    assert len(files(tmp_path)) == 1
    out.close()
    assert out.rows_written == 20


def test_memory_is_bounded_and_callers_may_reuse_their_rows(tmp_path):
    out = TableWriter(tmp_path, xdr.FLOW, "r", NAMES, rows_per_part=50)
    buffer = np.zeros(30, xdr.FLOW.dtype)
    expected = []
    for i in range(6):
        buffer[:] = xdr_rows.rows(xdr.FLOW, 30, seed=i)
        expected += [twin(xdr.FLOW, row) for row in buffer]
        out.write(buffer)
        buffer[:] = 0
        assert out._rows_waiting <= 50
    out.close()
    found = as_dicts(ds.dataset(tmp_path / "flow", schema=schema(xdr.FLOW)).to_table())
    assert sorted(found, key=key) == sorted(expected, key=key)


def test_the_same_run_replaces_its_rows_and_only_its(tmp_path):
    write(tmp_path, xdr_rows.rows(xdr.FLOW, 100), rows_per_part=20)
    write(tmp_path, xdr_rows.rows(xdr.FLOW, 10, seed=1), run="other")
    write(tmp_path, xdr_rows.rows(xdr.FLOW, 100), rows_per_part=40)
    assert ds.dataset(tmp_path / "flow").count_rows() == 110
    write(tmp_path, np.zeros(0, xdr.FLOW.dtype))
    assert ds.dataset(tmp_path / "flow").count_rows() == 10


def test_a_killed_run_leaves_only_whole_files(tmp_path, monkeypatch):
    rows = xdr_rows.rows(xdr.FLOW, 100)
    out = TableWriter(tmp_path, xdr.FLOW, "r", NAMES, rows_per_part=20)
    out.write(rows[:60])

    def half(table, path, **options):
        path.write_bytes(b"PAR1 half a file")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer.pq, "write_table", half)
        with pytest.raises(KeyboardInterrupt):
            out.write(rows[60:])
    folder = files(tmp_path)[0].parent
    (folder / ".part-r-20231114T221500-9.parquet.123.tmp").write_bytes(b"PAR1 killed outright")
    whole = ds.dataset(tmp_path / "flow").count_rows()
    assert whole == duckdb.sql(f"SELECT count(*) FROM read_parquet('{tmp_path}/flow/**/*.parquet')").fetchall()[0][0]
    assert 0 < whole < 100
    out.abort()
    assert all(p.suffix == ".parquet" for p in files(tmp_path))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_refuses_is_one_clear_error(tmp_path, monkeypatch, number):
    def full(table, path, **options):
        path.write_bytes(b"PAR1")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writer.pq, "write_table", full)
    with pytest.raises(WiregaugeError, match=f"cannot be written: {os.strerror(number)}"):
        write(tmp_path, xdr_rows.rows(xdr.FLOW, 5))
    assert files(tmp_path) == []


def test_ledger(tmp_path):
    entries = [
        (START, "a.pcap", "in", None, 10, 1000, None),
        (START, "a.pcap", "decoded", "user_plane", 10, 1000, None),
    ]
    out = TableWriter(tmp_path, xdr.LEDGER, "r")
    out.write_table(plain_table(xdr.LEDGER, entries), START)
    out.write_table(plain_table(xdr.LEDGER, []), START + WINDOW)
    out.close()
    found = as_dicts(ds.dataset(tmp_path / "ledger", schema=schema(xdr.LEDGER)).to_table())
    assert [tuple(row.values()) for row in found] == entries


def test_run_digest_tells_inputs_apart():
    assert run_digest(["a", "b"]) == run_digest(["a", "b"]) != run_digest(["ab"])


# --- duration, show, describe --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("2d", 172800)])
def test_duration(text, seconds):
    assert duration.parse(text) == seconds
    assert duration.parse(duration.text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "-1m", "0s", "1.5h", "15 m", "9999d", "1h x"])
def test_not_a_duration(text):
    with pytest.raises(ValueError):
        duration.parse(text)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    for table in KERNEL_TABLES:
        write(folder, xdr_rows.rows(table, 80), table=table)
    compute([folder], folder, 900)
    return folder


def show(*arguments, width=120):
    return CliRunner().invoke(show_command, [str(a) for a in arguments], env={"COLUMNS": str(width)})


def test_show_lists_tables(shown):
    result = show(shown)
    assert result.exit_code == 0, result.output
    names = [line.split()[0] for line in result.output.splitlines()[1:]]
    assert names == [*(t.name for t in KERNEL_TABLES), *(g.table for g in shipped_catalogue().grains)]
    assert "80" in result.output


@pytest.mark.parametrize("width", [50, 80, 200])
@pytest.mark.parametrize("table", ["flow", "procedure", "kpi_cell", "kpi_subscriber", "kpi_cause"])
def test_show_fits_the_terminal(shown, table, width):
    result = show(shown, table, "-n", 5, width=width)
    assert result.exit_code == 0, result.output
    assert all(len(line) <= width for line in result.output.splitlines())
    assert "5 of" in result.output


def test_show_the_worst(shown):
    result = show(
        shown, "kpi_cell", "--worst", "session_drop_pct", "--columns", "cell,session_drop_pct,sessions", "-n", 50
    )
    values = [float(line.split()[-2]) for line in result.output.splitlines() if line[:1].isdigit() and "-" in line[:5]]
    assert values == sorted(values, reverse=True)
    assert values
    result = show(shown, "flow", "--sort", "bytes_down", "--columns", "bytes_down", "-n", 3)
    least = sorted(b for b in ds.dataset(shown / "flow").to_table().column("bytes_down").to_pylist() if b is not None)
    assert [int(line.replace(",", "")) for line in result.output.splitlines()[2:5]] == least[:3]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothing"], "no table 'nothing'"),
        (["flow", "--sort", "x"], "no column 'x'"),
        (["flow", "--columns", "x"], "no column x"),
        (["kpi_cell", "--worst", "x"], "no KPI 'x'"),
    ],
)
def test_show_says_what_is_wrong(shown, arguments, words):
    result = show(shown, *arguments)
    assert isinstance(result.exception, WiregaugeError)
    assert words in str(result.exception)


def test_show_an_empty_folder(tmp_path):
    assert "no tables here" in str(show(tmp_path).exception)


def describe(*arguments):
    return CliRunner().invoke(describe_command, arguments, env={"COLUMNS": "200"})


def test_describe_all():
    output = describe().output
    for name in [
        *(t.name for t in xdr.TABLES),
        *(g.table for g in shipped_catalogue().grains),
        *(k.id for k in shipped_catalogue().kpis),
    ]:
        assert name in output


def test_describe_lists():
    assert "Cell availability" in describe("missing").output
    assert "home_plmn, device_tac, cell_last" in describe("grains").output
    assert "not decoded" in describe("missing").output
    assert not describe("segments").exception


def test_describe_each():
    for table in xdr.TABLES:
        output = describe(table.name).output
        assert all(column.name in output for column in table.columns)
    for kpi in shipped_catalogue().kpis:
        output = describe(kpi.id).output
        assert kpi.clause in output
        assert kpi.unit in output
    assert describe("kpi_cell").output == describe("cell").output
    wrong = describe("sesion_drop_pct").exception
    assert "session_drop_pct" in str(wrong)


def test_markdown_has_every_column():
    text = markdown()
    for table in xdr.TABLES:
        for column in table.columns:
            assert f"| {column.name} |" in text
    assert describe("flow", "--markdown").output == markdown("flow")
