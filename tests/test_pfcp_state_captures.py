"""PFCP of real captures: procedures as tshark pairs them, sessions joined to N2, S11, Gx (`pytest --captures DIR`)."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from formats.core_procedures import PFCP_PROCEDURES
from tests import pipeline_tools as tools
from tests.test_pfcp_captures import CAPTURES
from tests.truth_tsv import Row, rows

pytestmark = pytest.mark.compiled


def nanoseconds(row: Row) -> int:
    return int(Decimal(row["frame.time_epoch"]) * 10**9)


def expected(truth: list[Row]) -> Counter[tuple[Any, ...]]:
    """(procedure, cause, latency in us) of each request whose answer is there; what ICMP quotes is none."""
    waiting: dict[tuple[str, ...], int] = {}
    found: Counter[tuple[Any, ...]] = Counter()
    for row in truth:
        kind = int(row["pfcp.msg_type"])
        here, there = (row["ip.src"], row["udp.srcport"]), (row["ip.dst"], row["udp.dstport"])
        if "|" in row["ip.src"]:
            continue
        if kind in PFCP_PROCEDURES:
            waiting.setdefault((*here, *there, row["pfcp.seqno"]), nanoseconds(row))
            continue
        start = waiting.pop((*there, *here, row["pfcp.seqno"]), None)
        if start is not None:
            cause = int(row["pfcp.cause"]) if row["pfcp.cause"] else None
            found[PFCP_PROCEDURES[kind - 1], cause, (nanoseconds(row) - start) // 1000] += 1
    return found


@pytest.mark.parametrize("name", CAPTURES)
def test_procedures_are_those_of_tshark(captures: Path, name: str) -> None:
    run = tools.run([captures / "files" / name])
    found = Counter(
        (r["procedure"], r["cause_code"], (r["end_time"] - r["start_time"]) // 1000)
        for r in run.procedure
        if r["procedure"].startswith("pfcp") and r["latency_ms"] is not None
    )
    assert found == expected(rows(captures, name, "pfcp"))


def test_n2_takes_the_session_over(captures: Path) -> None:
    """The UPF's endpoint of N4 is the one of N2: one session, with the cell of the one and the name of the other."""
    run = tools.run([captures / "files" / "open5gs__open5gs/5g-roaming-lbo.pcapng"])
    (session,) = run.session
    told = tools.key(session, "source", "subscriber", "apn", "rat", "ue_ip", "slice", "cell_last", "end_reason")
    assert told == ("pfcp", "001010000021309", "internet", "nr", "10.45.0.2", "1", "999-70-262145", "deleted")
    assert {r["session_id"] for r in run.procedure if r["procedure"].startswith("pfcp_session")} == {
        session["session_id"]
    }
    (stay,) = run.presence
    assert tools.key(stay, "cell", "cause", "dropped") == ("999-70-262145", "user-inactivity", False)


def test_split_gateways_of_a_real_core(captures: Path) -> None:
    """S11, S5, Sxa, Sxb and Gx tell of one session."""
    run = tools.run([captures / "files" / "open5gs__open5gs/srsenb.pcapng"])
    (session,) = run.session
    assert tools.key(session, "source", "subscriber", "end_reason") == ("gtpv2c", "901700000021309", "deleted")
    told = {r["session_id"] for r in run.procedure if r["interface"] in ("sx", "gx")} - {None}
    assert told == {session["session_id"]}
