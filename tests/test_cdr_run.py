"""A run over an archive whose truth is known: sessions, volumes by window and cell, drops; in any order and cutting."""

import gzip
import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probe.run import RunOptions, run
from tools.cdr.records import cdr_header, file_header
from tools.cdr.simulate import Scenario, Told, told, written

SCENARIO = Scenario(sessions=60, calls=30, seed=4)
OPTIONS = RunOptions(identities="clear")
RECORDS = list(written(SCENARIO))


@pytest.fixture(scope="module")
def truth() -> Told:
    return told(SCENARIO)


def archive(folder: Path, records: list[bytes], files: int = 3) -> Path:
    """Some files: bare, packed, and framed by TS 32.297."""
    folder.mkdir(parents=True)
    for number in range(files):
        mine = records[number::files]
        if number % 3 == 0:
            (folder / f"{number}.dat").write_bytes(b"".join(mine))
        elif number % 3 == 1:
            (folder / f"{number}.gz").write_bytes(gzip.compress(b"\xff\xff".join(mine)))
        else:
            body = b"".join(cdr_header(r) + r for r in mine)
            (folder / f"{number}.cdr").write_bytes(file_header(len(mine), len(body)) + body)
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("archive")
    outcome = run([str(archive(base / "in", RECORDS))], base / "out", OPTIONS, progress=False)
    assert not outcome.problems
    return base / "out"


def query(out: Path, sql: str) -> list[tuple]:
    """`sql` with {table} for the Parquet files of a table."""
    tables = ("session", "presence", "flow", "ledger", "call", "kpi_cell", "kpi_subscriber")
    places = {t: f"read_parquet('{out}/{t}/**/*.parquet', hive_partitioning=false)" for t in tables}
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection.execute(sql.format(**places)).fetchall()


def test_each_session_is_one_row(out: Path, truth: Told) -> None:
    found = query(
        out,
        """SELECT epoch_ns(start_time) // 1000000000, epoch_ns(end_time) // 1000000000, bytes_up, bytes_down, dropped
           FROM {session}""",
    )
    assert sorted(found, key=repr) == sorted(truth.sessions.values(), key=repr)


def test_volumes_stand_in_their_windows_and_cells(out: Path, truth: Told) -> None:
    sql = """SELECT epoch_ns(start_time) // 900000000000 * 900 AS w,
             split_part(cell, '-', 3)::BIGINT AS c, sum(bytes_up), sum(bytes_down) FROM {table} GROUP BY ALL"""
    for table in ("{flow}", "{presence}"):
        found = {(w, c): (up, down) for w, c, up, down in query(out, sql.replace("{table}", table))}
        assert found.keys() == truth.octets.keys()
        for key, (up, down) in truth.octets.items():
            assert abs(found[key][0] - up) < 40, (table, key)
            assert abs(found[key][1] - down) < 40, (table, key)


def test_octets_are_neither_lost_nor_made(out: Path, truth: Told) -> None:
    whole = [sum(s[2] for s in truth.sessions.values()), sum(s[3] for s in truth.sessions.values())]
    for table in ("flow", "presence", "session", "kpi_cell", "kpi_subscriber"):
        sql = f"SELECT sum(bytes_up)::BIGINT, sum(bytes_down)::BIGINT FROM {{{table}}}"
        assert list(query(out, sql)[0]) == whole, table


def test_session_time_by_window_and_cell(out: Path, truth: Told) -> None:
    sql = """SELECT epoch_ns(window_start) // 1000000000, split_part(cell, '-', 3)::BIGINT, connected_ms / 1000
             FROM {kpi_cell} WHERE connected_ms > 0"""
    assert {(w, c): s for w, c, s in query(out, sql)} == {k: v for k, v in truth.connected.items() if v}


def test_drops_are_those_that_were_made(out: Path, truth: Told) -> None:
    ends = [ended for *_, ended in truth.sessions.values()]
    sql = "SELECT sum(sessions), sum(sessions_ended), sum(sessions_dropped), sum(presence_drops) FROM {kpi_cell}"
    assert query(out, sql)[0] == (len(ends), sum(e is not None for e in ends), sum(e is True for e in ends),
                                  sum(e is True for e in ends))  # fmt: skip


def test_the_ledger_adds_up(out: Path) -> None:
    sql = "SELECT source, stage, sum(records), sum(bytes) FROM {ledger} GROUP BY ALL"
    whole: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for source, stage, records, octets in query(out, sql):
        into = whole if stage == "in" else parts
        line = into.setdefault(source, [0, 0])
        line[0] += records
        line[1] += octets
    assert whole == parts
    assert sum(records for records, _ in whole.values()) == len(RECORDS)
    for source, (_, octets) in whole.items():
        raw = Path(source).read_bytes()
        assert octets == len(gzip.decompress(raw) if source.endswith(".gz") else raw)


def rows(out: Path, table: str) -> list[tuple]:
    files = sorted((out / table).rglob("*.parquet"))
    whole = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files], promote_options="none")
    return sorted(tuple(map(repr, row.values())) for row in whole.to_pylist())


def test_order_cutting_and_copies_make_no_difference(out: Path, tmp_path: Path) -> None:
    records = [*RECORDS, *random.Random(2).sample(RECORDS, 50)]
    random.Random(1).shuffle(records)
    run([str(archive(tmp_path / "in", records, 7))], tmp_path / "out", OPTIONS, progress=False)
    for table in ("session", "presence", "flow", "kpi_cell", "kpi_subscriber"):
        assert rows(tmp_path / "out", table) == rows(out, table), table
    duplicates = query(tmp_path / "out", "SELECT sum(records) FROM {ledger} WHERE stage = 'duplicate'")
    assert duplicates == [(50,)]


def test_records_that_do_not_fit_in_memory_give_the_same_rows(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probe.archive.HELD", 1 << 13)
    records = [*RECORDS, *random.Random(5).sample(RECORDS, 20)]
    random.Random(6).shuffle(records)
    run([str(archive(tmp_path / "in", records))], tmp_path / "out", OPTIONS, progress=False)
    for table in ("session", "presence", "flow", "call", "kpi_cell", "kpi_subscriber"):
        assert rows(tmp_path / "out", table) == rows(out, table), table
    assert query(tmp_path / "out", "SELECT sum(records) FROM {ledger} WHERE stage = 'duplicate'") == [(20,)]
    assert not list((tmp_path / "out").glob(".records*"))


def test_kpis_again_from_the_rows(out: Path, tmp_path: Path) -> None:
    from probe.kpi import compute

    compute([out], tmp_path, 900)
    for table in ("kpi_cell", "kpi_subscriber"):
        assert rows(tmp_path, table) == rows(out, table)


def test_damage_is_named_and_kept(tmp_path: Path) -> None:
    octets = bytearray(b"".join(RECORDS[:10]))
    place = len(RECORDS[0]) + len(RECORDS[1]) + 1
    octets[place : place + 3] = b"\xff\xff\xff"
    path = tmp_path / "damaged.ber"
    path.write_bytes(octets)
    outcome = run([str(path)], tmp_path / "out", OPTIONS, progress=False)
    assert len(outcome.problems) == 1
    assert f"octet {place - 1:,}" in outcome.problems[0]
    kept = list((tmp_path / "out" / "rejects").rglob("*.raw"))
    assert [p.read_bytes() for p in kept] == [bytes(octets[place - 1 : place - 1 + len(RECORDS[2])])]


def test_each_call_is_one_row(out: Path, truth: Told) -> None:
    sql = """SELECT direction, epoch_ns(start_time) // 1000000000, epoch_ns(answer_time) // 1000000000,
             epoch_ns(end_time) // 1000000000, dropped, cause_code, cell, subscriber FROM {call}"""
    found = sorted(query(out, sql), key=repr)
    expected = [
        ("originating" if c.originating else "terminating", c.seized, c.answered, c.released,
         None if c.answered is None else c.cause == 4, c.diagnostic, f"208-93-{c.lac}-{c.ci}", c.imsi)
        for c in truth.calls
    ]  # fmt: skip
    assert found == sorted(expected, key=repr)


def test_voice_kpis(out: Path, truth: Told) -> None:
    answered = [c for c in truth.calls if c.answered is not None]
    sql = """SELECT sum(call_attempts), sum(call_answers), sum(call_drops), sum(talk_ms),
             sum(holding_time_ms * call_answers) FROM {kpi_cell}"""
    talk = sum(1000 * (c.released - (c.answered or 0)) for c in answered)
    attempts, answers, drops, talked, held = query(out, sql)[0]
    assert (attempts, answers, drops, talked) == (
        len(truth.calls),
        len(answered),
        sum(c.cause == 4 for c in answered),
        talk,
    )
    assert held == pytest.approx(talk)


def test_what_no_record_tells_is_null(out: Path) -> None:
    assert query(out, "SELECT DISTINCT slice FROM {session}") == [(None,)]
    assert query(out, "SELECT DISTINCT slice, core_node FROM {presence}") == [(None, None)]


def test_captures_of_the_same_time_are_told() -> None:
    from probe.archive import Archive, counted_twice

    archive = Archive([])
    archive.windows = {0, 900 * 10**9}
    assert counted_twice(archive, {1800 * 10**9}) == []
    (note,) = counted_twice(archive, {900 * 10**9})
    assert "both tell of 1 windows (1970-01-01T00:15Z" in note
