"""Text that is damaged: what is good is read, what is not is told with its line, nothing is lost without a count."""

import gzip
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.feed import Feed
from probe import feed_csv
from probe.archive_feed import FeedSource, read_feed
from probe.archive_files import Names
from probe.feed import load_feed
from probe.feed_copies import Copies
from probe.feed_csv import Rows
from probe.feed_read import FeedFile, read_batches
from probe.run import RunOptions, run
from tests.rows import examples

OPTIONS = RunOptions(identities="clear")
HEADER = "start_time|end_time|imsi|imei|apn|rat|eci|plmn|ggsn_ip|ue_ip|ul_bytes|dl_bytes|cause_rec_closing|charging_id"
TWO = Feed("two", "", "csv", "event", ("a", "b"), (), header=False)


def gn(number: int) -> str:
    at = 1_795_287_600_000 + 1000 * number
    who, where = f"20893{number:010d}|3512340000000101|internet", f"6|{1000 + number}|20893|10.0.0.1|100.64.0.7"
    return f"{at}|{at + 60_000}|{who}|{where}|{number}|5|0|{number + 1}"


def table(out: Path, name: str) -> list[dict]:
    files = sorted((out / name).rglob("*.parquet"))
    return pa.concat_tables([pq.read_table(f, partitioning=None) for f in files]).to_pylist() if files else []


def split(tmp_path: Path, octets: bytes, feed: Feed = TWO) -> tuple[list[tuple], list[tuple[int, bytes]]]:
    """(fields, line) of the rows that were read, and line and octets of those that were refused."""
    (tmp_path / "a.csv").write_bytes(octets)
    opened = FeedFile(str(tmp_path / "a.csv"))
    rows = [
        (*fields.values(), rows.line(i))
        for rows in read_batches(feed, opened)
        for i, fields in enumerate(rows.batch.to_pylist())
    ]
    return sorted(rows, key=lambda row: row[-1]), sorted((line.number, line.text) for line in opened.refused)


def test_a_line_with_other_fields_is_refused_alone(tmp_path: Path) -> None:
    rows, refused = split(tmp_path, b"1,2\n3,4,5\n6,7\n8\n9,10\n")
    assert rows == [("1", "2", 1), ("6", "7", 3), ("9", "10", 5)]
    assert refused == [(2, b"3,4,5"), (4, b"8")]


def test_a_quote_that_is_never_closed_costs_its_line_only(tmp_path: Path) -> None:
    good = [f"{i},x{i}" for i in range(50)]
    lines = [*good[:20], '20,"open', *good[21:]]
    rows, refused = split(tmp_path, "\n".join(lines).encode())
    assert [row[:2] for row in rows] == [(str(i), f"x{i}") for i in range(50) if i != 20]
    assert refused == [(21, b'20,"open')]


def test_a_quote_that_a_later_line_seems_to_close(tmp_path: Path) -> None:
    rows, refused = split(tmp_path, b'1,"open\n2,b\n3,"c"\n4,d\n')
    assert [row[:2] for row in rows] == [("2", "b"), ("3", "c"), ("4", "d")]
    assert refused == [(1, b'1,"open')]


def test_a_line_break_in_quotes_is_part_of_its_field(tmp_path: Path) -> None:
    rows, refused = split(tmp_path, b'1,"a\nb"\n2,c\n')
    assert [row[:2] for row in rows] == [("1", "a\nb"), ("2", "c")]
    assert not refused


def test_octets_that_are_no_utf8_cost_their_line(tmp_path: Path) -> None:
    rows, refused = split(tmp_path, b"1,a\n2,\xff\xfe\n3,c\n")
    assert [row[:2] for row in rows] == [("1", "a"), ("3", "c")]
    assert refused == [(2, b"2,\xff\xfe")]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1251", "utf-8-sig"])
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    word = "\u0436" if encoding not in ("latin-1",) else "\u00e9"
    rows, _ = split(tmp_path, f"1,{word}\n2,b\n".encode(encoding), TWO._replace(encoding=encoding))
    assert [row[:2] for row in rows] == [("1", word), ("2", "b")]


@given(st.data())
@examples(60)
def test_blocks_of_any_size_give_the_same_rows(data: st.DataObject) -> None:
    import tempfile

    text = st.text(alphabet='abc"\n ', max_size=5)
    fields = data.draw(st.lists(st.tuples(text, text), max_size=12))
    octets = "".join(",".join('"' + f.replace('"', '""') + '"' for f in row) + "\n" for row in fields).encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_csv, "BLOCK", data.draw(st.integers(8, 64)))
        rows, refused = split(Path(folder), octets)
    assert [row[:2] for row in rows] == [(a or None, b or None) for a, b in fields]
    assert not refused


@pytest.mark.parametrize("seed", range(6))
def test_flipped_octets_lose_no_good_line(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    lines = [gn(i).encode() for i in range(200)]
    hit = set(dice.sample(range(200), 10))
    for i in hit:
        octets = bytearray(lines[i])
        for _ in range(dice.randrange(1, 4)):
            octets[dice.randrange(len(octets))] = dice.choice(b'"|\xff\x00x')
        lines[i] = bytes(octets)
    path = tmp_path / "gn.txt"
    path.write_bytes(HEADER.encode() + b"\n" + b"\n".join(lines) + b"\n")
    feed, read, rejects, kept = load_feed("gn_xdr"), 0, [], set()
    for some in read_feed(FeedSource(str(path), feed), Names(), 900 * 10**9):
        read += some.read
        rejects += some.rejects
        if some.records is not None:
            kept |= set(some.records.sessions["imsi"].tolist())
    assert kept >= {int(f"20893{i:010d}f", 16) for i in range(200) if i not in hit}
    assert read + len(rejects) == 200
    assert {r.offset - 2 for r in rejects} <= hit
    assert all(r.data == lines[r.offset - 2] for r in rejects)


def test_json_lines_that_are_none_are_refused_alone(tmp_path: Path) -> None:
    octets = b'{"a": "1", "b": "2"}\n{"a": \n{"a": 3, "b": "4"}\nnonsense\n{"a": "5", "b": "6"}\n'
    rows, refused = split(tmp_path, octets, TWO._replace(format="jsonl", columns=()))
    assert [tuple(map(str, row)) for row in rows] == [("1", "2", "1"), ("3", "4", "3"), ("5", "6", "5")]
    assert [number for number, _ in refused] == [2, 4]


def test_rows_of_sessions_in_several_batches_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_csv, "BLOCK", 1 << 11)
    lines = [gn(i) for i in range(100)]
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.txt").write_text("\n".join([HEADER, *lines[:60]]) + "\n")
    (folder / "2.txt").write_text("\n".join([HEADER, *lines[50:]]) + "\n")
    outcome = run([str(folder)], tmp_path / "out", OPTIONS, progress=False)
    assert not outcome.problems
    assert sorted(row["bytes_up"] for row in table(tmp_path / "out", "session")) == list(range(100))
    stages = {row["stage"]: 0 for row in table(tmp_path / "out", "ledger")}
    for row in table(tmp_path / "out", "ledger"):
        stages[row["stage"]] += row["records"]
    assert stages == {"in": 110, "decoded": 100, "duplicate": 10}


def test_rows_that_several_files_have_count_as_often_as_in_one(tmp_path: Path) -> None:
    first, second = ["a", "b", "b", "c"], ["b", "c", "c", "d"]
    counts = []
    for files in ((first, second), (second, first)):
        copies, kept = Copies(), []
        for number, texts in enumerate(files):
            again = copies.mark(pa.record_batch([pa.array(texts), pa.array([1] * 4)], ["t", "n"]), number)
            kept += [text for text, twice in zip(texts, again, strict=True) if not twice]
        counts.append(sorted(kept))
    assert counts == [["a", "b", "b", "c", "c", "d"]] * 2


def test_copies_among_many_rows() -> None:
    copies = Copies()
    batch = pa.record_batch([pa.array(range(30_000))], ["n"])
    assert not copies.mark(batch, 0).any()
    assert copies.mark(batch.slice(10_000), 1).all()
    assert not Copies(most=100).mark(batch, 0).any()


def test_a_packed_file_that_is_cut_is_told(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join([HEADER, *map(gn, range(2000))]).encode())
    (tmp_path / "gn.txt.gz").write_bytes(packed[: len(packed) // 2])
    outcome = run([str(tmp_path / "gn.txt.gz")], tmp_path / "out", OPTIONS, progress=False)
    assert len(outcome.problems) >= 1
    assert "damaged" in " ".join(outcome.problems)
    assert table(tmp_path / "out", "session")


def test_lines_of_rows_after_refused_ones() -> None:
    rows = Rows(pa.record_batch([pa.array(["a", "b", "c"])], ["x"]), 10, [12, 13])
    assert [rows.line(i) for i in range(3)] == [11, 14, 15]
