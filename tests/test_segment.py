"""Segments: joined to rows as DuckDB joins them, whatever file they come in; and every file that cannot be meant."""

import gzip
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.catalogue import load_catalogue
from probe.describe import describe_command
from probe.errors import WiregaugeError
from probe.identity import Identities
from probe.kpi import compute, kpi_command
from probe.kpi_rows import Held
from probe.segment import known_by
from probe.segment_file import read_segment
from tests.kpi_tools import make, write

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python

SITES = "cell;region;maker\n"
CATALOGUE = """
[[segment]]
name = "sites"
on = "cell"
file = "sites.csv"
columns = { region = "region", vendor = "maker" }
meaning = "where a cell stands and who made it"

[[segment]]
name = "partners"
on = "apn"
rows = { internet = "own", ims = "voice" }
columns = ["branch"]

[[segment]]
name = "premium"
on = "subscriber"
file = "premium.csv"
identities = "clear"

[[counter]]
name = "north_bytes"
from = ["flow", "presence"]
where = "region == 'north' and in_premium != 'yes'"
take = "sum(bytes_up)"

[[counter]]
name = "lost_sessions"
from = "session"
where = "vendor in ('v1', 'v2') and dropped"

[[grain]]
name = "region_branch"
keys = ["region", "branch"]
carried = ["vendor"]

[[grain]]
name = "premium"
keys = ["in_premium"]
counters = ["north_bytes", "lost_sessions", "premium_rows", "premium_matched_rows"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """xDR rows of all tables, and a catalogue with segments over them."""
    folder = tmp_path_factory.mktemp("segments")
    write(folder / "xdr", make(150, seed=5))
    cells = duckdb.sql(f"SELECT DISTINCT cell FROM '{folder}/xdr/flow/**/*.parquet' WHERE cell IS NOT NULL ORDER BY 1")
    told = [(cell, ("north", "south", "")[i % 3], f"v{i % 4}") for i, (cell,) in enumerate(cells.fetchall()[:4])]
    lines = "".join(f"{cell}; {region} ;{maker}\r\n" for cell, region, maker in told)
    (folder / "sites.csv").write_text(SITES + lines + "\r\n1-1-1;east;v9\n")
    (folder / "premium.csv").write_text("subscriber\n262010000000001\nimsi-262010000000003\n\n262010000000003\n")
    (folder / "c.toml").write_text(CATALOGUE)
    return folder


def by_duckdb(folder, window_s=900):
    """{(window, region, branch): [sums]}, {(window, in_premium): [sums]} with the segments joined in SQL."""
    lines = [line.split(";") for line in (folder / "sites.csv").read_text().splitlines()[1:] if line]
    sites = ", ".join(f"('{cell}', nullif('{region.strip()}', ''), '{maker}')" for cell, region, maker in lines)
    duckdb.sql(f"CREATE OR REPLACE TEMP TABLE sites AS SELECT * FROM (VALUES {sites}) t(cell, region, vendor)")
    partners = "('internet', 'own'), ('ims', 'voice')"
    duckdb.sql(f"CREATE OR REPLACE TEMP TABLE partners AS SELECT * FROM (VALUES {partners}) t(apn, branch)")
    parts = []
    for table in ("flow", "presence", "procedure", "session", "call", "event"):
        cell, apn = "cell_last" if table == "session" else "cell", "NULL" if table in ("call", "event") else "apn"
        up = "bytes_up" if table in ("flow", "presence", "session") else "NULL"
        dropped = "dropped" if table == "session" else "NULL"
        parts.append(
            f"SELECT epoch_us(start_time::TIMESTAMPTZ) // {window_s}000000 AS w, '{table}' AS t, {cell} AS cell, "
            f"{apn} AS apn, subscriber, {up} AS bytes_up, {dropped} AS dropped FROM '{folder}/xdr/{table}/**/*.parquet'"
        )
    rows = (
        "SELECT r.*, region, vendor, branch, s.cell IS NOT NULL AS sited, CASE WHEN subscriber IS NULL THEN NULL WHEN "
        "subscriber IN ('262010000000001', '262010000000003') THEN 'yes' ELSE 'no' END AS in_premium "
        f"FROM ({' UNION ALL '.join(parts)}) r LEFT JOIN sites s ON s.cell = r.cell "
        "LEFT JOIN partners p ON p.apn = r.apn"
    )
    north = "t IN ('flow', 'presence') AND region = 'north' AND in_premium <> 'yes'"
    values = (
        f"CASE WHEN count(*) FILTER (WHERE {north}) = 0 THEN 0 ELSE sum(bytes_up) FILTER (WHERE {north}) END, "
        "count(*) FILTER (WHERE t = 'session' AND vendor IN ('v1', 'v2') AND dropped)"
    )
    joined = "count(*) FILTER (WHERE cell IS NOT NULL), count(*) FILTER (WHERE sited)"
    premium = "count(*) FILTER (WHERE in_premium IS NOT NULL), count(*) FILTER (WHERE in_premium = 'yes')"
    first = duckdb.sql(f"SELECT w, region, branch, {values}, {joined} FROM ({rows}) GROUP BY ALL").fetchall()
    second = duckdb.sql(f"SELECT w, in_premium, {values}, {premium} FROM ({rows}) GROUP BY ALL").fetchall()
    return {r[:3]: list(r[3:]) for r in first}, {r[:2]: list(r[2:]) for r in second}


def found(folder, table, keys, columns, window_s=900):
    rows = ds.dataset(folder / table).to_table().to_pylist()
    start = [int(r["window_start"].timestamp()) // window_s for r in rows]
    return {(w, *(r[k] for k in keys)): [r[c] for c in columns] for w, r in zip(start, rows, strict=True)}


def check(folder, out):
    first, second = by_duckdb(folder)
    values = ["north_bytes", "lost_sessions", "sites_rows", "sites_matched_rows"]
    assert found(out, "kpi_region_branch", ["region", "branch"], values) == first
    values = ["north_bytes", "lost_sessions", "premium_rows", "premium_matched_rows"]
    mine = found(out, "kpi_premium", ["in_premium"], values)
    assert mine == second
    assert {key[1] for key in mine} == {"yes", "no", None}


def test_as_duckdb_joins(folder, tmp_path):
    catalogue = known_by(load_catalogue(folder / "c.toml"), Identities("clear"))
    compute([folder / "xdr"], tmp_path, 900, ["region_branch", "premium"], catalogue)
    check(folder, tmp_path)
    rows = ds.dataset(tmp_path / "kpi_region_branch").to_table().to_pylist()
    assert {r["vendor"] for r in rows if r["region"] == "north"} <= {"v0", "v3"}
    for row in rows:
        share = 100 * row["sites_matched_rows"] / row["sites_rows"] if row["sites_rows"] else None
        assert row["sites_matched_pct"] == share


def test_through_files_where_memory_is_short(folder, tmp_path):
    catalogue = known_by(load_catalogue(folder / "c.toml"), Identities("clear"))
    compute([folder / "xdr"], tmp_path, 900, ["region_branch", "premium"], catalogue, held=Held(1, 40, 3))
    check(folder, tmp_path)


@pytest.mark.parametrize("kind", ["tsv", "parquet", "arrow", "gz"])
def test_any_kind_of_file(folder, tmp_path, kind):
    (tmp_path / "premium.csv").write_bytes((folder / "premium.csv").read_bytes())
    names, *lines = [line.split(";") for line in (folder / "sites.csv").read_text().splitlines() if line]
    table = pa.table({name: pa.array([line[i] for line in lines]) for i, name in enumerate(names)})
    if kind == "parquet":
        table = table.set_column(1, "region", table.column("region").dictionary_encode())
        pq.write_table(table, tmp_path / "sites.csv")  # recognised by what it holds
    elif kind == "arrow":
        with pa.OSFile(str(tmp_path / "sites.csv"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        text = "\n".join("\t".join(line) for line in [names, *lines]).encode()
        name = "sites.csv.gz" if kind == "gz" else "sites.csv"
        (tmp_path / name).write_bytes(gzip.compress(text) if kind == "gz" else b"\xef\xbb\xbf" + text)
    (tmp_path / "c.toml").write_text(CATALOGUE.replace("sites.csv", "sites.csv.gz") if kind == "gz" else CATALOGUE)
    one, two = (load_catalogue(f / "c.toml").segments[0].rows for f in (folder, tmp_path))
    assert one.to_pylist() == two.to_pylist()


def test_pseudonyms_are_met_by_imsis(folder, tmp_path):
    """The tables hold pseudonyms, the file IMSIs: the key joins them; without it the command says what is missing."""
    key = tmp_path / "key"
    pseudonyms = Identities.from_option("pseudonym", key).pseudonyms(["262010000000001", "262010000000003"])
    flow = pa.table({
        "start_time": pa.array([0, 1, 2, 3]).cast(pa.timestamp("ns", tz="UTC")), "bytes_up": [1, 2, 4, 8],
        "subscriber": [pseudonyms[0], "0123456789abcdef", pseudonyms[1], None],
    })  # fmt: skip
    (tmp_path / "xdr" / "flow").mkdir(parents=True)
    pq.write_table(flow, tmp_path / "xdr" / "flow" / "part-0.parquet")
    words = [str(tmp_path / "xdr"), "--out", str(tmp_path / "out"), "--by", "premium"]
    words += ["--catalogue", str(folder / "c.toml")]
    result = CliRunner().invoke(kpi_command, [*words, "--identity-key", str(key)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    values = found(tmp_path / "out", "kpi_premium", ["in_premium"], ["premium_rows", "premium_matched_rows"])
    assert values == {(0, "yes"): [2, 2], (0, "no"): [1, 0], (0, None): [0, 0]}
    with pytest.raises(WiregaugeError, match="no such identity key"):
        CliRunner().invoke(kpi_command, [*words, "--identity-key", str(tmp_path / "other")], catch_exceptions=False)
    assert not (tmp_path / "other").exists()


def test_described(folder):
    result = CliRunner().invoke(describe_command, ["kpi_region_branch", "--catalogue", str(folder / "c.toml")])
    assert result.exit_code == 0, result.output
    assert "sites" in result.output


# --- what cannot be meant --------------------------------------------------------------------------------------------

HOSTILE = (
    (b"", "s.csv: empty"),
    (b"cell,region\n1,a\n\n\n2\n3,c\n", "s.csv:5: 1 columns, expected 2"),
    (b"cell,region\n1,a\n\n2,b\n1,c\n", "s.csv:5: told otherwise before (2)"),
    (b"cell,region\n1,a\n,b\n", "s.csv:3: no key"),
    (b"cell,region\n1,a\n\n\n2,\xff\xfe\n", "s.csv:5: not UTF-8"),
    (b"cell,reg\xffion\n1,a\n", "s.csv:1: octet 9 is not UTF-8"),
    ("cell,region\n1,a\n".encode("utf-16"), "s.csv:1: octet 1 is not UTF-8"),
    (b"zelle,region\n1,a\n", "s.csv:1: no column 'cell': there are 'zelle', 'region'"),
    (b"cell,region,region\n1,a,b\n", "s.csv:1: two columns are called 'region'"),
    (b"cell,my region\n1,a\n", "'my region' is no name"),
    (b"cell,region\n" + b"1," + b"x" * (9 << 20) + b"\n", "a line of more than"),
    (b"PAR1 this is none", "not a readable segment"),
    (b"ARROW1 this is none", "not a readable segment"),
    (b"\x00\x01\x02\x03", "s.csv:1: not text"),
)  # fmt: skip


def entry(tmp_path: Path, content: bytes, more: str = "") -> Path:
    (tmp_path / "s.csv").write_bytes(content)
    (tmp_path / "c.toml").write_text(f'[[segment]]\nname = "s"\non = "cell"\nfile = "s.csv"\n{more}\n')
    return tmp_path / "c.toml"


@pytest.mark.parametrize("content, told", HOSTILE, ids=[told[:40] for _, told in HOSTILE])
def test_a_file_that_cannot_be_meant(tmp_path, content, told):
    with pytest.raises(WiregaugeError) as caught:
        load_catalogue(entry(tmp_path, content))
    assert told in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "more, line, told",
    [
        ('file = "t.csv"', 1, "not a catalogue"), ('color = "red"', 5, "no key 'color'"),
        ('columns = ["region", "planet"]', 0, "no column 'planet'"),
        ('columns = { service = "region" }', 1, "'service'"),
        ('identities = "clear"', 5, "identities is"), ('rows = { a = "b" }', 4, "file or rows is wanted"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_meant(tmp_path, more, line, told):
    with pytest.raises(WiregaugeError) as caught:
        load_catalogue(entry(tmp_path, b"cell,region\n1,a\n", more))
    assert told in str(caught.value)
    assert f"c.toml:{line}:" in str(caught.value) or not line or told == "not a catalogue"


def test_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("probe.segment_file.MOST_OCTETS", 1 << 20)
    with pytest.raises(WiregaugeError, match="too much for a segment"):
        load_catalogue(entry(tmp_path, b"cell,region\n" + b"".join(b"%d,a\n" % i for i in range(200_000))))
    pq.write_table(pa.table({"cell": list(range(200_000)), "region": ["x" * 9] * 200_000}), tmp_path / "s.csv")
    with pytest.raises(WiregaugeError, match="too much for a segment"):
        load_catalogue(tmp_path / "c.toml")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text("cell,;\t\"'a1\n\r\0é", max_size=80).map(str.encode), st.booleans())
def test_random_octets_are_read_or_refused_in_words(tmp_path, content, head):
    with_head = b"cell,region\n" + content if head else content
    with suppress(WiregaugeError):
        load_catalogue(entry(tmp_path, with_head))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1500), octet=st.integers(0, 255), cut=st.booleans())
def test_damaged_parquet_is_read_or_refused_in_words(tmp_path, place, octet, cut):
    pq.write_table(pa.table({"cell": ["a", "b", "c"], "region": ["x", None, "y"]}), tmp_path / "good")
    whole = bytearray((tmp_path / "good").read_bytes())
    whole[place % len(whole)] = octet
    (tmp_path / "s.csv").write_bytes(whole[: place % len(whole)] if cut else whole)
    with suppress(WiregaugeError):
        read_segment(tmp_path / "s.csv", None)
