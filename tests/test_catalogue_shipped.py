"""The shipped catalogue: what it declares, as a golden; loaded from TOML quickly; each counter as DuckDB counts it."""

import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
import pytest

from formats.expression import parse
from formats.kpi import Catalogue
from formats.schema import kpi_schema
from probe.catalogue import check_catalogue, load_catalogue, shipped_catalogue
from probe.describe import counted, formula
from probe.kpi import compute
from probe.shipped import IN_FORCE
from tests.kpi_tools import make, write
from tests.naive_formula import plain

GOLDEN = Path(__file__).parent / "goldens" / "catalogue.txt"


def told(catalogue: Catalogue) -> str:
    """A catalogue as lines of text."""
    lines = [f"counter {c.name} [{c.unit}] {counted(c)}: {c.meaning}" for c in catalogue.counters]
    lines += [
        f"kpi {k.id} [{k.unit}] {formula(k)}; {k.clause}; {k.direction}: {k.meaning}; cannot see: {k.cannot_see}"
        for k in catalogue.kpis
    ]
    for grain in catalogue.grains:
        fields = [(f.name, f.type, f.metadata[b"meaning"].decode()) for f in kpi_schema(grain, catalogue)]
        keys = [f"{name} {kind}: {meaning}" for name, kind, meaning in fields[: 3 + len(grain.keys + grain.carried)]]
        lines += [f"{grain.table}: {grain.row}", *(f"    {key}" for key in keys)]
        names = [name for name, _, _ in fields[len(keys) :]]
        lines.append(f"    {' '.join(names)}")
    return "\n".join(lines) + "\n"


def test_what_is_shipped_is_what_it_was(update_goldens: bool) -> None:
    text = told(shipped_catalogue())
    if update_goldens:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_shipped_catalogue_is_right() -> None:
    assert check_catalogue(shipped_catalogue()) == []
    assert load_catalogue() is shipped_catalogue()


def test_loading_is_quick_and_needs_no_compiler() -> None:
    shipped_catalogue()  # files and modules are read
    begun = time.perf_counter()
    shipped_catalogue.__wrapped__()
    assert time.perf_counter() - begun < 0.5  # 0.02 s on a machine that does nothing else
    script = (
        "import sys; from probe.catalogue import shipped_catalogue; shipped_catalogue(); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_each_file_is_written_as_users_write_theirs() -> None:
    assert all(path.suffix == ".toml" and path.is_file() for path in IN_FORCE)


# --- each counter and KPI by SQL, from the text of the files alone --------------------------------------------------


def filled(text: str, row: dict[str, Any]) -> str:
    for name, value in row.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def entries(kind: str) -> Iterator[dict[str, str]]:
    """All counters, or all KPIs, with families spelt out; read apart from the code that the program reads them with."""
    for path in IN_FORCE:
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        groups = [({}, file.get(kind, []))] + [
            (row, family.get(kind, [])) for family in file.get("family", []) for row in family["each"]
        ]
        for row, told in groups:
            for entry in told:
                for more in entry.get("each", [{}]):
                    texts = {key: value for key, value in entry.items() if isinstance(value, str)}
                    yield {key: filled(value, row | more) for key, value in texts.items()} | {"from": entry.get("from")}


TIMES = {"latency_ms", "connected_ms", "active_ms", "talk_ms", "active_up", "active_down"}
CELL = {"session": "cell_last"}


def counter_sql(entry: dict[str, Any]) -> str:
    where = entry.get("where", "").replace("==", "=").strip() or "true"
    taken = re.fullmatch(r"(\w+)(?:\((.*)\))?", entry.get("take", "count"))
    assert taken is not None
    kind, inner = taken.groups()
    rows = f"FILTER (WHERE {where})"
    if kind == "count":
        return f"count(*) {rows}"
    if kind == "distinct":
        return f"CASE WHEN count(*) > 0 AND count({inner}) = 0 THEN NULL ELSE count(DISTINCT {inner}) {rows} END"
    value = f"sum(round({inner} * 1e6)::HUGEINT) {rows} / 1e6" if inner in TIMES else f"sum({inner}) {rows}"
    return f"CASE WHEN count(*) {rows} = 0 THEN 0 ELSE {value} END"


def by_sql(folder: Path, window_s: int) -> tuple[dict[tuple[int, Any], dict[str, Any]], set[str]]:
    """{(window, cell): every counter and KPI that kpi_cell has}, and the names of them."""
    counters = {entry["name"]: entry for entry in entries("counter")}
    kpis = {entry["id"]: entry for entry in entries("kpi")}
    out: dict[tuple[int, Any], dict[str, Any]] = {}
    measured: dict[str, set[int]] = {}
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, entry in counters.items():
        tables = entry["from"] if isinstance(entry["from"], list) else [entry["from"]]
        expressions = [(name, counter_sql(entry))] if not entry.get("take", "").startswith("values") else []
        for kpi in kpis.values():
            if taken := re.fullmatch(rf"quantile\({name}, (.*)\)", kpi["formula"]):
                column, where = entry["take"][7:-1], entry.get("where", "").replace("==", "=") or "true"
                expressions.append((kpi["id"], f"quantile_cont({column}, {taken[1]}) FILTER (WHERE {where})"))
        found.setdefault((" ".join(tables), entry.get("time", "start_time")), []).extend(expressions)
    for (tables, start), expressions in found.items():
        rows = " UNION ALL BY NAME ".join(
            f"SELECT *, {CELL.get(table, 'cell')} AS in_cell FROM read_parquet('{folder}/{table}/**/*.parquet')"
            for table in tables.split() if list((folder / table).rglob("*.parquet"))
        )  # fmt: skip
        if not rows:
            continue
        values = ", ".join(f"{sql} AS {name}" for name, sql in expressions)
        told = duckdb.sql(
            f"SELECT epoch_us({start}::TIMESTAMPTZ) // {window_s}000000 AS w, in_cell, {values} FROM ({rows}) "
            f"WHERE {start} IS NOT NULL GROUP BY ALL"
        )
        names = told.columns[2:]
        for window, cell, *line in told.fetchall():
            out.setdefault((window, cell), {}).update(zip(names, line, strict=True))
            measured.setdefault(tables, set()).add(window)  # a table of its own has a counter of its own
    for (window, _), row in out.items():
        row["window_s"] = window_s
        for name, entry in counters.items():
            tables = entry["from"] if isinstance(entry["from"], list) else [entry["from"]]
            if not any(window in measured.get(table, ()) for table in tables):
                row[name] = None
            row.setdefault(name, 0)
        for name, entry in kpis.items():
            if not entry["formula"].startswith("quantile"):
                row[name] = plain(parse(entry["formula"]), row)
            row.setdefault(name, None)
    return out, {*counters, *kpis}


def agrees(xdr: Path, kpis: Path, window_s: int) -> None:
    """kpi_cell is what DuckDB makes of the xDR rows by the text of the catalogues."""
    expected, names = by_sql(xdr, window_s)
    catalogue = shipped_catalogue()
    grain = next(g for g in catalogue.grains if g.name == "cell")
    rows = ds.dataset(kpis / "kpi_cell", schema=kpi_schema(grain, catalogue)).to_table().to_pylist()
    columns = [field.name for field in kpi_schema(grain, catalogue)][5:-1]
    assert set(columns) <= names
    found = {(int(row["window_start"].timestamp()) // window_s, row["cell"]): row for row in rows}
    assert found.keys() == expected.keys()
    for key, row in found.items():
        for column in columns:
            mine, other = row[column], expected[key][column]
            close = mine == other if None in (mine, other) else mine == pytest.approx(float(other), rel=1e-9, abs=1e-12)
            assert close, (key, column, mine, other)


def test_duckdb_by_the_text_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "xdr", make(300, seed=11))
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, ["cell"])
    agrees(tmp_path / "xdr", tmp_path / "kpi", 900)


@pytest.mark.slow
def test_duckdb_over_captured_rows(tmp_path: Path, captures: Path) -> None:
    from probe.run import RunOptions, run

    run([str(captures / "files")], tmp_path / "out", RunOptions(identities="clear", grains=["cell"]), progress=False)
    agrees(tmp_path / "out", tmp_path / "out", 900)


def test_missing_ones_have_a_reason() -> None:
    missing = shipped_catalogue().missing
    assert len(missing) > 15
    assert all(one.name and one.clause and len(one.reason) > 15 for one in missing)


def test_clauses_are_of_the_standards() -> None:
    clauses = " ".join([k.clause for k in shipped_catalogue().kpis] + [m.clause for m in shipped_catalogue().missing])
    for standard in ("TS 32.450", "TS 32.455", "TS 32.410", "TS 28.554", "GSMA IR.42", "ETSI TS 102 250-2"):
        assert standard in clauses
