"""Every shipped feed on data of its kind, and every reader and packing on the same rows."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest
import zstandard

from probe.archive_feed import find_feed
from probe.feed import shipped_feeds
from probe.run import RunOptions, run

OPTIONS = RunOptions(identities="clear")

ZEEK = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#open\t2026-11-21-19-00-00\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\tconn_state\torig_pkts\t"
    "orig_ip_bytes\tresp_pkts\tresp_ip_bytes\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tstring\tcount\tcount\tcount\tcount\n"
    "1795287600.123456\tC1\t100.64.0.1\t40000\t192.0.2.1\t443\ttcp\tssl\t12.5\tSF\t10\t1200\t20\t20000\n"
    "1795287601.000001\tC2\t100.64.0.2\t40001\t192.0.2.2\t53\tudp\tdns\t-\tS0\t1\t60\t0\t0\n"
    "1795287602.000000\tC3\t2001:db8::1\t40002\t2001:db8::2\t443\ttcp\t-\t-\tREJ\t1\t60\t1\t40\n"
    "#close\t2026-11-21-20-00-00\n"
)
ZEEK_JSON = (
    '{"ts":1795287600.123456,"uid":"C1","id.orig_h":"100.64.0.1","id.orig_p":40000,"id.resp_h":"192.0.2.1",'
    '"id.resp_p":443,"proto":"tcp","duration":12.5,"conn_state":"SF","orig_pkts":10,"orig_ip_bytes":1200,'
    '"resp_pkts":20,"resp_ip_bytes":20000}\n'
    '{"ts":1795287601.0,"uid":"C2","id.orig_h":"100.64.0.2","id.orig_p":40001,"id.resp_h":"192.0.2.2",'
    '"id.resp_p":53,"proto":"udp","conn_state":"S0","orig_pkts":1,"orig_ip_bytes":60,"resp_pkts":0,"resp_ip_bytes":0}\n'
)
NPROBE = (
    "IPV4_SRC_ADDR|IPV4_DST_ADDR|IN_PKTS|IN_BYTES|OUT_PKTS|OUT_BYTES|FIRST_SWITCHED|LAST_SWITCHED|L4_SRC_PORT|"
    "L4_DST_PORT|PROTOCOL|CLIENT_NW_LATENCY_MS\n"
    "100.64.0.1|192.0.2.1|10|1200|20|20000|1795287600|1795287660|40000|443|6|1.500\n"
)
CUCM = (
    "globalCallID_callId,dateTimeOrigination,dateTimeConnect,dateTimeDisconnect,origCause_value,destCause_value\n"
    "7,1795287600,1795287605,1795287665,0,16\n8,1795287600,0,1795287620,0,17\n"
)
FREESWITCH = (
    "start_stamp,answer_stamp,end_stamp,hangup_cause,uuid\n"
    "2026-11-21 19:00:00,2026-11-21 19:00:05,2026-11-21 19:01:05,NORMAL_CLEARING,a-1\n"
    "2026-11-21 19:00:00,,2026-11-21 19:00:20,USER_BUSY,a-2\n"
)
ASTERISK = (
    '"","1","2","prod","x","SIP/1","SIP/2","Dial","x","2026-11-21 19:00:00","2026-11-21 19:00:05",'
    '"2026-11-21 19:01:05",65,60,"ANSWERED","DOCUMENTATION","1.3",""\n'
    '"","1","2","prod","x","SIP/1","","Dial","x","2026-11-21 19:00:00","","2026-11-21 19:00:20",20,0,"BUSY",'
    '"DOCUMENTATION","1.4",""\n'
)
CALLS = [("answered", 5000.0, 60_000.0), ("busy", None, None)]
SAMPLES = {
    "zeek_conn": ZEEK,
    "zeek_conn_json": ZEEK_JSON,
    "nprobe": NPROBE,
    "cucm": CUCM,
    "freeswitch": FREESWITCH,
    "asterisk": ASTERISK,
    "gn_xdr": "start_time|end_time|imsi|imei|apn|rat|eci|plmn|ggsn_ip|ue_ip|ul_bytes|dl_bytes|cause_rec_closing|"
    "charging_id\n1795287600000|1795288500000|208930000000001||internet|6|1|20893|10.0.0.1|100.64.0.7|1000|5000|0|7\n",
    "care_contacts": "contact_time,imsi,channel,reason,resolved,handling_s\n"
    "2026-11-21T19:00:00Z,208930000000001,phone,billing,yes,300\n2026-11-21T19:00:00Z,208930000000002,app,slow,no,\n",
    "orders": "ordered_at,activated_at,imsi,channel,product,status\n"
    "2026-11-21T19:00:00Z,2026-11-21T19:05:00Z,208930000000001,shop,fibre,activated\n"
    "2026-11-21T19:00:00Z,,208930000000002,app,sim,pending\n",
    "tickets": "opened_at,closed_at,imsi,channel,category,resolution\n"
    "2026-11-21T19:00:00Z,2026-11-21T20:00:00Z,208930000000001,phone,coverage,unresolved\n",
    "surveys": "answered_at,imsi,channel,question,score\n2026-11-21T19:00:00Z,208930000000001,sms,nps,10\n"
    "2026-11-21T19:00:01Z,208930000000002,sms,nps,7\n2026-11-21T19:00:02Z,208930000000003,sms,nps,0\n",
}
TOLD = {
    "zeek_conn": [(12_500, 6, 1200, 20_000, "success"), (None, 17, 60, 0, None), (None, 6, 60, 40, "refused")],
    "zeek_conn_json": [(12_500, 6, 1200, 20_000, "success"), (None, 17, 60, 0, None)],
    "nprobe": [(60_000, 6, 1200, 20_000, None)],
    "cucm": CALLS,
    "freeswitch": CALLS,
    "asterisk": CALLS,
    "gn_xdr": [("internet", 1000, 5000, False)],
    "care_contacts": [("phone", "billing", "success", 300_000.0), ("app", "slow", "failure", None)],
    "orders": [("shop", "fibre", "success", 300_000.0), ("app", "sim", None, None)],
    "tickets": [("phone", "coverage", "failure", 3_600_000.0)],
    "surveys": [("sms", "nps", "success", None), ("sms", "nps", None, None), ("sms", "nps", "failure", None)],
}


def rows(out: Path, table: str) -> list[dict]:
    files = sorted((out / table).rglob("*.parquet"))
    whole = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files]) if files else None
    return whole.to_pylist() if whole is not None else []


def lasted(row: dict) -> int | None:
    return round((row["end_time"] - row["start_time"]).total_seconds() * 1000) if row["end_time"] else None


TELL: dict[str, Callable[[dict], tuple]] = {
    "flow": lambda r: (lasted(r), r["ip_protocol"], r["bytes_up"], r["bytes_down"], r["connect_outcome"]),
    "call": lambda r: (r["outcome"], r["setup_ms"], r["talk_ms"]),
    "session": lambda r: (r["apn"], r["bytes_up"], r["bytes_down"], r["dropped"]),
    "event": lambda r: (r["channel"], r["event_reason"], r["outcome"], r["event_ms"]),
}


@pytest.mark.parametrize("feed", shipped_feeds(), ids=lambda feed: feed.name)
def test_a_shipped_feed_on_its_data(feed, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(SAMPLES[feed.name])
    outcome = run([str(path)], tmp_path / "out", OPTIONS, progress=False)
    assert not outcome.problems
    found = sorted(map(TELL[feed.table], rows(tmp_path / "out", feed.table)), key=repr)
    assert found == sorted(TOLD[feed.name], key=repr)
    ledger = rows(tmp_path / "out", "ledger")
    assert {row["reason"] for row in ledger if row["stage"] == "decoded" and row["records"]} <= {feed.name, "feed"}


def test_times_with_a_fraction_are_exact(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text(ZEEK)
    run([str(tmp_path / "conn.log")], tmp_path / "out", OPTIONS, progress=False)
    files = (tmp_path / "out" / "flow").rglob("*.parquet")
    times = [t for f in files for t in pq.read_table(f)["start_time"].cast(pa.int64()).to_pylist()]
    assert sorted(times) == [1795287600_123456_000, 1795287601_000001_000, 1795287602_000000_000]


FEED = """name = "own"
meaning = "a table in every format"
table = "flow"
{layout}
[map.start_time]
from = "ts"
time = "epoch_s"
required = true
[map.ue_ip]
from = "ue"
[map.bytes_down]
from = "octets"
unit = "kB"
"""
TABLE = pa.table({
    "ts": [1795287600 + i for i in range(300)], "ue": [f"100.64.1.{i % 250}" for i in range(300)],
    "octets": [i * 3 for i in range(300)],
})  # fmt: skip


def as_csv(path: Path) -> None:
    lines = [f"{r['ts']},{r['ue']},{r['octets']}" for r in TABLE.to_pylist()]
    path.write_text("ts,ue,octets\n" + "\n".join(lines) + "\n")


def as_fixed(path: Path) -> None:
    path.write_text("".join(f"{r['ts']:<12}{r['ue']:<16}{r['octets']:>8}\n" for r in TABLE.to_pylist()))


def as_jsonl(path: Path) -> None:
    path.write_text("".join(f'{{"ts":{r["ts"]},"ue":"{r["ue"]}","octets":{r["octets"]}}}\n' for r in TABLE.to_pylist()))


def as_arrow(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE, 100)


def as_stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE, 100)


FIXED = 'format = "fixed"\nheader = false\nwidths = [12, 16, 8]\ncolumns = ["ts", "ue", "octets"]'
HEADER = '[match]\nheader = ["ts", "ue", "octets"]'
FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "csv": (f'format = "csv"\n{HEADER}', as_csv),
    "fixed": (FIXED, as_fixed),
    "jsonl": (f'format = "jsonl"\n{HEADER}', as_jsonl),
    "parquet": (f'format = "parquet"\n{HEADER}', lambda path: pq.write_table(TABLE, path)),
    "arrow": (f'format = "arrow"\n{HEADER}', as_arrow),
    "stream": (f'format = "arrow"\n{HEADER}', as_stream),
    "orc": (f'format = "orc"\n{HEADER}', lambda path: orc.write_table(TABLE, str(path))),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_reader_gives_the_same_rows(kind: str, tmp_path: Path) -> None:
    layout, write = FORMATS[kind]
    (tmp_path / "own.toml").write_text(FEED.format(layout=layout))
    write(tmp_path / "file")
    options = OPTIONS._replace(feeds=(str(tmp_path / "own.toml"),))
    outcome = run([str(tmp_path / "file")], tmp_path / "out", options, progress=False)
    assert not outcome.problems
    found = rows(tmp_path / "out", "flow")
    assert len(found) == 300
    assert sum(row["bytes_down"] for row in found) == 1000 * pc.sum(TABLE["octets"]).as_py()
    assert {row["ue_ip"] for row in found} == set(TABLE["ue"].to_pylist())


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_packed_text(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(pack(NPROBE.encode()))
    feed = find_feed(str(tmp_path / "file"))
    assert feed is not None
    assert feed.name == "nprobe"


def test_lines_that_do_not_split_are_refused_and_the_others_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(CUCM + "9,1,2\n" + CUCM.splitlines()[1].replace("7", "6", 1) + "\n")
    outcome = run([str(tmp_path / "file")], tmp_path / "out", OPTIONS, progress=False)
    assert ["3 fields, expected 6" in line for line in outcome.problems] == [True]
    assert len(rows(tmp_path / "out", "call")) == 3
