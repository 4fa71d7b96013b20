"""Feeds: shipped ones are whole, text becomes xDR rows, what cannot be mapped is told by line, field and value."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from probe.errors import InputError
from probe.feed import load_feed, shipped_feeds
from probe.feed_cli import feed_command
from probe.run import RunOptions, run

FLOW = 'name = "x"\nformat = "csv"\ntable = "flow"\n'
OPTIONS = RunOptions(identities="clear")
ASTERISK = (
    '"","917-375-0980","502-679-5153","prod","""A B"" <609>","SIP/1","SIP/2","Dial","x","2017-06-27 10:29:03",'
    '"2017-06-27 10:29:14","2017-06-27 10:35:45",402,391,"ANSWERED","DOCUMENTATION","1498559343.3",""\n'
    '"","917-375-0980","502-679-5153","prod","x","SIP/1","","Dial","x","2017-06-27 10:37:26","","2017-06-27 10:37:36",'
    '10,0,"NO ANSWER","DOCUMENTATION","1498559846.6",""\n'
)
GN = """start_time|end_time|imsi|imei|apn|rat|eci|plmn|ggsn_ip|ue_ip|ul_bytes|dl_bytes|cause_rec_closing|charging_id
1795287600000|1795288500500|208930000000001|3512340000000101|internet|6|180149776|20893|10.0.0.1|100.64.0.7|1000|5000|17|77
1795288500500|1795289400000|208930000000001|3512340000000101|internet|6|180149776|20893|10.0.0.1|100.64.0.7|2000|7000|4|77
not a time|1|2|||||||||||
"""


def table(out: Path, name: str) -> list[dict]:
    files = sorted((out / name).rglob("*.parquet"))
    return pa.concat_tables([pq.read_table(f, partitioning=None) for f in files]).to_pylist() if files else []


@pytest.mark.parametrize("feed", shipped_feeds(), ids=lambda feed: feed.name)
def test_shipped_feeds_are_whole(feed) -> None:
    assert feed.meaning
    assert feed.match_header or feed.match_columns


def test_calls_of_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "master.csv").write_text(ASTERISK)
    outcome = run([str(tmp_path / "master.csv")], tmp_path / "out", OPTIONS, progress=False)
    assert not outcome.problems
    calls = sorted(table(tmp_path / "out", "call"), key=lambda row: row["start_time"])
    assert [(c["outcome"], c["setup_ms"], c["talk_ms"], c["source"]) for c in calls] == [
        ("answered", 11_000.0, 391_000.0, "feed"), ("no_answer", None, None, "feed"),
    ]  # fmt: skip
    assert sum(row["call_attempts"] for row in table(tmp_path / "out", "kpi_cell")) == 2


def test_sessions_of_a_text_file_are_put_together(tmp_path: Path) -> None:
    (tmp_path / "gn.txt").write_text(GN)
    outcome = run([str(tmp_path / "gn.txt")], tmp_path / "out", OPTIONS, progress=False)
    assert len(outcome.problems) == 1
    assert "line 4: start_time: 'not a time', expected a time as epoch_ms" in outcome.problems[0]
    (session,) = table(tmp_path / "out", "session")
    assert (session["bytes_up"], session["bytes_down"], session["dropped"]) == (3000, 12000, True)
    assert (session["subscriber"], session["device_tac"], session["cell_last"]) == (
        "208930000000001",
        "35123400",
        "208-93-180149776",
    )
    assert (session["gateway"], session["ue_ip"], session["apn"], session["rat"]) == (
        "10.0.0.1",
        "100.64.0.7",
        "internet",
        "eutran",
    )
    assert sum(row["bytes_down"] for row in table(tmp_path / "out", "kpi_cell")) == 12000
    ledger = table(tmp_path / "out", "ledger")
    assert {(r["stage"], r["records"]) for r in ledger if r["stage"] != "in"} == {("decoded", 1), ("rejected", 1)}
    assert sum(r["records"] for r in ledger if r["stage"] == "in") == 3


def test_check_tells_line_field_and_value(tmp_path: Path) -> None:
    (tmp_path / "gn.txt").write_text(GN)
    result = CliRunner().invoke(feed_command, ["check", "gn_xdr", str(tmp_path / "gn.txt")])
    assert result.exit_code == 3
    assert "line 4: start_time: 'not a time', expected a time as epoch_ms" in result.output


def test_a_sample_gives_a_feed_that_checks(tmp_path: Path) -> None:
    (tmp_path / "gn.txt").write_text("".join(GN.splitlines(True)[:3]))
    result = CliRunner().invoke(feed_command, ["sample", str(tmp_path / "gn.txt")])
    assert result.exit_code == 0, result.output
    (tmp_path / "draft.toml").write_text(result.output)
    draft = load_feed(tmp_path / "draft.toml")
    assert draft.delimiter == "|"
    assert {"start_time", "end_time", "subscriber", "apn", "bytes_up", "bytes_down"} <= set(draft.sources())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 1 =", "not TOML"),
        ('name = "x"', "format is missing"),
        ('name = "x"\nformat = "csv"\ntable = "call"\n[map.nonsense]\nfrom = "a"', "no such column"),
        ('name = "x"\nformat = "csv"\ntable = "call"\n[map.start_time]\nfrom = 1.5', "[map.start_time] from is 1.5"),
        (f'{FLOW}[map.start_time]\nfrom = "a"\n[map.bytes_up]\nfrom = "b"\nunit = "s"', "unit 's'"),
    ],
)  # fmt: skip
def test_a_wrong_feed_is_told(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "feed.toml").write_text(text)
    with pytest.raises(InputError, match=r"feed\.toml") as told:
        load_feed(tmp_path / "feed.toml")
    assert words in str(told.value)


WHOLE = """
name = "whole_session"
meaning = "sessions with all that a feed can tell of them"
format = "csv"
table = "session"

[match]
header = ["start", "end", "imsi", "setup", "nssai", "pkts_up", "pkts_down", "up", "cause", "id"]

[map]
start_time = { from = "start", time = "epoch_ms", required = true }
end_time = { from = "end", time = "epoch_ms" }
subscriber = { from = "imsi" }
setup_ms = { from = "setup", unit = "s" }
slice = { from = "nssai" }
packets_up = { from = "pkts_up" }
packets_down = { from = "pkts_down" }
bytes_up = { from = "up" }
cause_code = { from = "cause" }
session_id = { from = "id" }
"""
SESSIONS = """start,end,imsi,setup,nssai,pkts_up,pkts_down,up,cause,id
1795287600000,1795288500500,208930000000001,0.25,1-0000ab,10,20,1000,17,77
1795288500500,1795289400000,208930000000001,,,5,6,500,4,77
1795287600000,1795288000000,208930000000002,1.5,7,,,200,0,78
1795287600000,1795288000000,208930000000003,1.5,300-zz,,,200,0,79
"""


def test_a_session_feed_is_mapped_whole(tmp_path: Path) -> None:
    (tmp_path / "whole.toml").write_text(WHOLE)
    (tmp_path / "sessions.csv").write_text(SESSIONS)
    options = OPTIONS._replace(feeds=(str(tmp_path / "whole.toml"),))
    run([str(tmp_path / "sessions.csv")], tmp_path / "out", options, progress=False)
    found = {s["subscriber"][-1]: s for s in table(tmp_path / "out", "session")}
    wanted = ("setup_ms", "slice", "packets_up", "packets_down", "bytes_up")
    assert tuple(found["1"][name] for name in wanted) == (250.0, "1-0000ab", 15, 26, 1500)
    assert tuple(found["2"][name] for name in wanted) == (1500.0, "7", None, None, 200)
    assert found["3"]["slice"] is None
    assert {row["slice"] for row in table(tmp_path / "out", "presence")} == {"1-0000ab", "7", None}
    assert {row["slice"] for row in table(tmp_path / "out", "kpi_slice")} >= {"1-0000ab", "7"}
