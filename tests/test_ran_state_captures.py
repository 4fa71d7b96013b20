"""Procedures of real captures against the messages that tshark counts in them (`pytest --captures DIR`)."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from formats.ran_procedures import operations
from formats.xdr import PROCEDURES
from tests import pipeline_tools as tools
from tests.test_s1ap_ngap_captures import tshark

pytestmark = pytest.mark.compiled
PROCEDURE = operations()[1]
INTERFACE = {1: "s1mme", 2: "n2"}


def counted(capture: Path, protocol: int) -> tuple[Counter[str], Counter[str]]:
    """Requests and answers by procedure."""
    asked: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    name = "S1AP_PDU" if protocol == 1 else "NGAP_PDU"
    for row in tshark(capture, protocol).values():
        for code, pdu in zip(row["procedureCode"], row[name], strict=True):
            procedure = PROCEDURES[PROCEDURE[protocol, int(code)]]
            if procedure:
                (asked if int(pdu) == 0 else answered)[procedure] += 1
    return asked, answered


@pytest.mark.captures
@pytest.mark.parametrize("protocol, least", [(1, 90), (2, 10)])
def test_captures_agree_with_tshark(captures: Path, protocol: int, least: int) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("needs tshark")
    suffix = {1: ".s1ap.tsv", 2: ".ngap.tsv"}[protocol]
    total = 0
    for truth in sorted(captures.glob(f"truth/*/*{suffix}")):
        capture = captures / "files" / truth.parent.name / truth.name.removesuffix(suffix)
        asked, answered = counted(capture, protocol)
        rows = [r for r in tools.run([capture]).procedure if r["interface"] == INTERFACE[protocol]]
        attempts: Counter[str] = Counter()
        for row in rows:
            attempts[row["procedure"]] += row["attempts"]
        assert {p: attempts[p] for p in asked} == dict(asked), capture.name
        paired = Counter(r["procedure"] for r in rows if r["outcome"] in ("success", "failure"))
        assert {p: paired[p] for p in answered} == dict(answered), capture.name
        total += sum(asked.values())
    assert total >= least
