"""NAS procedures of real captures against tshark: as many requests, answers and refusals as it shows messages.

tshark 4 decodes with null ciphering guessed. A request is expected to be a row, an answer or a refusal the outcome of
one; which answer belongs to which request is worked out here from tshark's identities of the connection.
"""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import pipeline_tools as tools
from tests.test_nas_captures import LTE, NR

pytestmark = [pytest.mark.captures, pytest.mark.compiled]

SERVICE_REQUEST = "service request"
EPS_REQUESTS = {
    "0x41": "attach", "0x48": "tracking_area_update", "0x4c": "service_request", SERVICE_REQUEST: "service_request",
    "0x52": "authentication", "0x55": "identity", "0x5d": "security_mode", "0x45": "detach",
}  # fmt: skip
# An Authentication Reject here follows a failure that the device has told of: one failure.
EPS_FAILURES = {
    "0x44": "attach", "0x4b": "tracking_area_update", "0x4e": "service_request",
    "0x5c": "authentication", "0x5f": "security_mode",
}  # fmt: skip
EPS_SUCCESSES = {"0x56": "identity", "0x5e": "security_mode", "0x43": "attach", "0x49": "tracking_area_update"}
ESM_REQUESTS = {"0xd0": "pdn_connectivity", "0xc1": "default_bearer_activation", "0xc5": "dedicated_bearer_activation"}
ESM_SUCCESSES = {"0xc1": "pdn_connectivity", "0xc2": "default_bearer_activation", "0xc6": "dedicated_bearer_activation"}
REQUESTS_5GS = {"0x41": "registration", "0x4c": "service_request", "0x56": "authentication", "0x5b": "identity",
                "0x5d": "security_mode", "0x45": "deregistration"}  # fmt: skip
SUCCESSES_5GS = {"0x42": "registration", "0x5c": "identity", "0x5e": "security_mode"}
FAILURES_5GS = {"0x44": "registration", "0x58": "authentication", "0x59": "authentication"}
SM_REQUESTS = {"0xc1": "pdu_session_establishment"}
SM_SUCCESSES = {"0xc2": "pdu_session_establishment"}
SM_FAILURES = {"0xc3": "pdu_session_establishment"}
FIELDS = {
    "s1ap": ("nas_eps.nas_msg_emm_type", "nas_eps.nas_msg_esm_type", "nas_eps.security_header_type",
             "s1ap.procedureCode"),
    "ngap": ("nas_5gs.mm.message_type", "nas_5gs.sm.message_type", "nas_5gs.security_header_type",
             "ngap.procedureCode"),
}  # fmt: skip


def by_tshark(path: Path, protocol: str) -> list[dict[str, list[str]]]:
    """Frames with S1AP or NGAP: field to its values."""
    fields = [*FIELDS[protocol], "s1ap.NAS_PDU", "s1ap.nAS_PDU", "ngap.NAS_PDU", "ngap.pDUSessionNAS_PDU"]
    name = {"s1ap": "nas-eps", "ngap": "nas-5gs"}[protocol]
    command = ["tshark", "-n", "-r", str(path), "-o", f"{name}.null_decipher:TRUE", "-Y", protocol, "-T", "fields"]
    command += ["-E", "aggregator=|", *(part for field in fields for part in ("-e", field))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [{f: v.split("|") if v else [] for f, v in zip(fields, row, strict=True)} for row in rows]


def shown(path: Path, protocol: str) -> tuple[Counter[str], Counter[str], int]:
    """(mobility and session messages by type, the short Service Requests among them, NAS messages in all)."""
    mobility: Counter[str] = Counter()
    session: Counter[str] = Counter()
    carried = 0
    for frame in by_tshark(path, protocol):
        mm, esm, headers, _ = (frame[field] for field in FIELDS[protocol])
        if "0x5e" in mm and protocol == "ngap":  # Security Mode Complete repeats the request that it follows
            mm = ["0x5e"]
        mobility.update(mm)
        session.update(esm)
        mobility[SERVICE_REQUEST] += sum(protocol == "s1ap" and int(h, 0) >= 12 for h in headers)
        carried += sum(len(frame[name]) for name in ("s1ap.NAS_PDU", "s1ap.nAS_PDU", "ngap.NAS_PDU",
                                                     "ngap.pDUSessionNAS_PDU"))  # fmt: skip
    return mobility, session, carried


def counted(messages: Counter[str], names: dict[str, str]) -> Counter[str]:
    out: Counter[str] = Counter()
    for kind, name in names.items():
        out[name] += messages[kind]
    return +out


def ours(run: tools.Run, outcome: str | None, names: set[str]) -> Counter[str]:
    found = (r for r in run.procedure if r["interface"] in ("s1mme", "n2"))
    return Counter(r["procedure"] for r in found if r["procedure"] in names and outcome in (None, r["outcome"]))


def ledger(run: tools.Run) -> int:
    entries = run.accounts.entries(run.sources)
    return sum(e.records or 0 for e in entries if e.reason in ("nas", "nas_ciphered"))


def check(run: tools.Run, messages: Counter[str], tables: tuple[dict[str, str], ...]) -> None:
    """Requests are rows, answers and refusals are outcomes of those; others may be inferred."""
    requests = counted(messages, tables[0])
    assert ours(run, None, set(tables[0].values())) == requests
    for outcome, names in zip(("success", "failure"), tables[1:], strict=True):
        answers = counted(messages, names) & requests  # an answer to what was before the capture is of nothing
        assert ours(run, outcome, set(names.values())) >= answers, outcome


@pytest.mark.parametrize("name", LTE)
def test_eps(captures: Path, name: str) -> None:
    path = captures / "files" / name
    mobility, session, carried = shown(path, "s1ap")
    run = tools.run([path], window_s=900)
    assert ledger(run) == carried
    check(run, mobility, (EPS_REQUESTS, EPS_SUCCESSES, EPS_FAILURES))
    check(run, session, (ESM_REQUESTS, ESM_SUCCESSES, {}))


@pytest.mark.parametrize("name", NR)
def test_5gs(captures: Path, name: str) -> None:
    path = captures / "files" / name
    mobility, session, carried = shown(path, "ngap")
    run = tools.run([path], window_s=900)
    assert ledger(run) == carried
    check(run, mobility, (REQUESTS_5GS, SUCCESSES_5GS, FAILURES_5GS))
    check(run, session, (SM_REQUESTS, SM_SUCCESSES, SM_FAILURES))


def rows(run: tools.Run, procedure: str) -> list[tuple[Any, ...]]:
    found = sorted((r for r in run.procedure if r["procedure"] == procedure), key=lambda r: r["start_time"])
    return [(r["outcome"], r["cause"], r["subscriber"]) for r in found]


def test_each_attach_of_a_test_suite(captures: Path) -> None:
    """Read by hand from tshark's list of messages, connection by connection."""
    run = tools.run([captures / "files" / "open5gs__open5gs/testattach.pcapng"], window_s=900)
    device = "901707364000060"
    unknown = "UE identity cannot be derived by the network"
    lost, normal = "radio-connection-with-ue-lost", "normal-release"
    assert rows(run, "attach") == [
        ("success", None, device), ("success", None, device),
        ("failure", "EPS services and non-EPS services not allowed", "901707364000065"),
        ("success", None, device), ("success", None, device),
        ("failure", normal, device),  # Authentication Reject
        ("success", None, device),
        ("failure", normal, device),  # EMM Status instead of Attach Complete
        ("success", None, device),
        ("failure", lost, device),  # Initial Context Setup Failure
        (None, None, None), ("success", None, device), (None, None, None), ("success", None, device),
    ]  # fmt: skip
    assert [row[:2] for row in rows(run, "service_request")] == [
        ("success", None), ("failure", unknown), ("failure", unknown), ("failure", lost), ("failure", unknown)
    ]  # fmt: skip
    assert [row[:2] for row in rows(run, "tracking_area_update")] == [("success", None), ("success", None)]
