"""Charging records from real networks (`pytest --cdr DIR`), beside the elements that openssl sees in them."""

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from formats.cdr_file import BARE, Framing
from probe.run import Outcome, RunOptions, run
from tests.cdr_tools import name, scan

OPTIONS = RunOptions(identities="clear")
ELEMENT = re.compile(r"\s*(\d+):d=(\d+)\s+hl=(\d+)\s+l=\s*(\d+)\s+(prim|cons): (\S+) \[ (\d+) \]")


def sample(archives: Path, path: str) -> Path:
    if not (archives / "files" / path).exists():
        pytest.skip(f"needs {path} in the folder of real charging records")
    return archives / "files" / path


def outermost(truth: Path, octets: bytes) -> dict[int, bytes]:
    """Contents of the primitive elements of a record, by tag, where openssl found them."""
    found = {}
    for line in truth.read_text().splitlines():
        if (m := ELEMENT.match(line)) and m.group(2) == "1" and m.group(5) == "prim":
            first = int(m.group(1)) + int(m.group(3))
            found[int(m.group(7))] = octets[first : first + int(m.group(4))]
    return found


def rows(outcome: Outcome, out: Path, table: str) -> list[dict]:
    return [row for file in sorted((out / table).rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_a_record_of_a_live_gateway(archives: Path) -> None:
    path = sample(archives, "ntop__nDPI/gtp_prime.pcapng.cdr1.ber")
    octets = path.read_bytes()
    told = outermost(archives / "truth" / "ntop__nDPI" / f"{path.name}.asn1parse.txt", octets)
    records, _, rejects, filler = scan(octets, Framing(BARE))
    assert (len(records), len(rejects), filler) == (1, 0, 0)
    (record,) = records
    assert name(record) == "ePDGRecord"
    for tag, column in ((5, "charging_id"), (14, "duration"), (15, "cause"), (30, "rat")):
        assert record[column] == int.from_bytes(told[tag], "big"), column
    opened = datetime.strptime(told[13].hex()[:12], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    assert record["opened"] == int(opened.timestamp()) * 10**9


def test_the_session_that_it_tells_of(archives: Path, tmp_path: Path) -> None:
    outcome = run([str(sample(archives, "ntop__nDPI/gtp_prime.pcapng.cdr1.ber"))], tmp_path, OPTIONS, progress=False)
    assert not outcome.problems
    (session,) = rows(outcome, tmp_path, "session")
    assert (session["source"], session["apn"], session["bytes_up"], session["bytes_down"]) == (
        "epdg_cdr", "ehrpd", 840, 840,
    )  # fmt: skip
    assert (session["gateway"], session["dropped"]) == ("10.10.6.3", False)


def test_calls_of_an_asterisk_exchange(archives: Path, tmp_path: Path) -> None:
    path = sample(archives, "fafeitsch__cdrcsv-report-generator/smallcdr.csv")
    outcome = run([str(path)], tmp_path, OPTIONS, progress=False)
    assert not outcome.problems
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    calls = rows(outcome, tmp_path, "call")
    assert len(calls) == len(lines)
    talked = sum(int(line[13]) for line in lines if line[14] == "ANSWERED")
    assert sum(call["talk_ms"] or 0 for call in calls) == pytest.approx(1000 * talked, abs=1000 * len(lines))
    assert sum(call["outcome"] == "answered" for call in calls) == sum(line[14] == "ANSWERED" for line in lines)


def test_every_sample_is_read_or_refused_in_words(archives: Path, tmp_path: Path) -> None:
    files = sorted(path for path in (archives / "files").rglob("*") if path.is_file())
    if not files:
        pytest.skip("the folder of real charging records is empty")
    outcome = run([str(path) for path in files], tmp_path, OPTIONS, progress=False)
    read = {str(row["source"]) for row in rows(outcome, tmp_path, "ledger") if row["stage"] == "decoded"}
    for path in files:
        words = [line for line in outcome.problems if line.startswith(str(path))]
        assert words or str(path) in read, path
