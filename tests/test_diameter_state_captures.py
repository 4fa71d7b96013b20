"""Diameter procedures of real captures against requests and answers as tshark reads them (`pytest --captures DIR`)."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from formats.core_procedures import COMMAND_PROCEDURES, CREDIT_PROCEDURES
from formats.diameter import APPLICATIONS
from formats.xdr import INTERFACES
from tests import pipeline_tools as tools
from tests.test_diameter_captures import CAPTURES
from tests.truth_tsv import Row, rows, values

pytestmark = pytest.mark.compiled

RESULTS = ("diameter.Result-Code", "diameter.Experimental-Result-Code")


def nanoseconds(row: Row) -> int:
    return int(Decimal(row["frame.time_epoch"]) * 10**9)


def ends(row: Row) -> tuple[tuple[str, str], tuple[str, str]]:
    """Source and destination: address and port."""
    ports = [row["tcp.srcport"] or row["sctp.srcport"], row["tcp.dstport"] or row["sctp.dstport"]]
    return (values(row, "ip.src")[0], ports[0]), (values(row, "ip.dst")[0], ports[1])


def named(row: Row, command: int, application: int, k: int) -> tuple[str, str]:
    """Interface and procedure of a message."""
    interface = APPLICATIONS.get(application, "")
    kinds = values(row, "diameter.CC-Request-Type")
    procedure = CREDIT_PROCEDURES[int(kinds[k])] if command == 272 and k < len(kinds) else "diameter_other"
    return interface if interface in INTERFACES else "diameter", COMMAND_PROCEDURES.get(command, procedure)


def expected(truth: list[Row]) -> Counter[tuple[Any, ...]]:
    """(interface, procedure, result, latency in us) of each request whose answer is there."""
    waiting: dict[tuple[Any, ...], tuple[int, tuple[str, str]]] = {}
    found: Counter[tuple[Any, ...]] = Counter()
    for row in truth:
        here, there = ends(row)
        hops, requests = values(row, "diameter.hopbyhopid"), values(row, "diameter.flags.request")
        commands, applications = values(row, "diameter.cmd.code"), values(row, "diameter.applicationId")
        for k, hop in enumerate(hops):
            if int(requests[k]):
                name = named(row, int(commands[k]), int(applications[k], 0), k)
                waiting.setdefault((here, there, hop), (nanoseconds(row), name))
            elif (there, here, hop) in waiting:
                start, name = waiting.pop((there, here, hop))
                codes = [code for column in RESULTS for code in values(row, column)]
                code = int(codes[0]) if len(hops) == 1 and len(set(codes)) == 1 else None
                found[*name, code, (nanoseconds(row) - start) // 1000] += 1
    return found


@pytest.mark.parametrize("name", CAPTURES)
def test_procedures_are_those_of_tshark(captures: Path, name: str) -> None:
    run = tools.run([captures / "files" / name])
    wanted = expected(rows(captures, name, "diameter"))
    got: Counter[tuple[Any, ...]] = Counter()
    unsure = {key[:2] + key[3:] for key in wanted if key[2] is None}
    for r in run.procedure:
        if r["interface"] in ("diameter", "s6a", "gx", "gy", "rx", "cx") and r["latency_ms"] is not None:
            latency = (r["end_time"] - r["start_time"]) // 1000
            key = (r["interface"], r["procedure"], latency)
            got[*key[:2], None if key in unsure else r["cause_code"], latency] += 1
    assert got == wanted
    assert wanted
