"""NAS of EPS through the whole pipeline: what a device and an MME say on S1-MME, and the rows that come of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import nas_messages as nas
from tests import pipeline_tools as tools
from tests import test_signalling_state as gtp
from tests.nas_wire import S1

pytestmark = pytest.mark.compiled

IMSI, OTHER = "208930000000001", "208930000000002"
IMEISV = "3512340000000101"
TMSI, NEW_TMSI = 0xC0FFEE01, 0xC0FFEE02
CELL = "208-93-257"
LOST, INACTIVE = ("radioNetwork", "radio-connection-with-ue-lost"), ("radioNetwork", "user-inactivity")
MS = 1.0


@pytest.fixture
def s1(tmp_path: Path) -> S1:
    return S1(tmp_path)


def rows(run: tools.Run, procedure: str) -> list[dict[str, Any]]:
    return sorted((r for r in run.procedure if r["procedure"] == procedure), key=lambda r: r["start_time"])


def only(run: tools.Run, procedure: str) -> dict[str, Any]:
    (row,) = rows(run, procedure)
    return row


def told(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    return row["outcome"], row["cause"], row["latency_ms"]


def outcomes(run: tools.Run, procedure: str) -> list[tuple[Any, Any]]:
    return [(r["outcome"], r["cause"]) for r in rows(run, procedure)]


def messages(run: tools.Run) -> dict[str, int]:
    """NAS messages in the ledger by interface."""
    told_of = Counter()  # type: Counter[str]
    for entry in run.accounts.entries(run.sources):
        if entry.reason in ("nas", "nas_ciphered"):
            told_of[entry.reason] += entry.records or 0
    return dict(told_of)


def attach(s1: S1, wrap: Any, imsi: str = IMSI, tmsi: int = TMSI, start: bytes | None = None) -> None:
    """An attach from request to complete; `wrap` is what security does to messages after it is on."""
    s1.begin(start or nas.attach_request(imsi))
    s1.down(nas.AUTHENTICATION_REQUEST)
    s1.up(nas.AUTHENTICATION_RESPONSE)
    s1.down(nas.security_mode_command())
    s1.up(wrap(nas.security_mode_complete(IMEISV), 4))
    s1.set_up(wrap(nas.attach_accept(tmsi), 2))
    s1.is_set_up()
    s1.up(wrap(nas.attach_complete(), 2))


def in_plain(message: bytes, header: int) -> bytes:
    return message


WRAPS: dict[str, Any] = {"plain": in_plain, "null": nas.guarded, "ciphered": nas.ciphered}


@pytest.mark.parametrize("wrap", WRAPS)
def test_attach(s1: S1, wrap: str) -> None:
    attach(s1, WRAPS[wrap])
    s1.wait(40)
    run = s1.run()
    readable = wrap != "ciphered"
    row = only(run, "attach")
    assert told(row) == ("success", None, 7 * MS if readable else 6 * MS)
    assert (row["subscriber"], row["cell"], row["rat"], row["attempts"], row["interface"]) == (
        IMSI, CELL, "eutran", 1, "s1mme")  # fmt: skip
    assert (row["requester"], row["responder"], row["core_node"]) == ("10.1.0.1", "10.2.0.1", "10.2.0.1")
    assert told(only(run, "authentication")) == ("success", None, MS)
    assert told(only(run, "security_mode")) == ("success", None, MS)
    assert told(only(run, "pdn_connectivity"))[:2] == ("success", None)
    assert outcomes(run, "default_bearer_activation") == ([("success", None)] if readable else [])
    assert messages(run) == ({"nas": 7} if readable else {"nas": 4, "nas_ciphered": 3})
    session = run.session[0]
    assert (session["subscriber"], session["cell_first"]) == (IMSI, CELL)
    if readable:
        assert (session["apn"], session["ue_ip"], session["device_tac"]) == ("internet", "10.45.0.1", "35123400")
        assert only(run, "pdn_connectivity")["apn"] == "internet"
    else:
        assert (session["apn"], session["device_tac"]) == (None, None)


def test_attach_that_is_refused(s1: S1) -> None:
    s1.begin(nas.attach_request(IMSI))
    s1.down(nas.attach_reject(15))
    s1.release()
    s1.begin(nas.attach_request(IMSI))
    s1.down(nas.attach_reject(19, 27))
    s1.release()
    run = s1.run()
    assert outcomes(run, "attach") == [("failure", "No Suitable Cells In tracking area"), ("failure", "ESM failure")]
    assert outcomes(run, "pdn_connectivity") == [
        ("failure", "No Suitable Cells In tracking area"), ("failure", "Missing or unknown APN")]  # fmt: skip


def test_attach_under_ciphering_that_fails(s1: S1) -> None:
    for step in range(3):
        s1.begin(nas.attach_request(IMSI))
        s1.down(nas.ciphered(nas.attach_accept(TMSI)))
        if step == 0:
            s1.set_up(nas.ciphered(nas.attach_accept(TMSI)))
            s1.not_set_up(("radioNetwork", "failure-in-radio-interface-procedure"))
        elif step == 1:
            s1.ask_release(LOST)
        s1.release()
    assert outcomes(s1.run(), "attach") == [
        ("failure", "failure-in-radio-interface-procedure"), ("failure", LOST[1]), ("failure", "normal-release")
    ]  # fmt: skip


def test_a_request_again_is_one_attempt(s1: S1) -> None:
    s1.begin(nas.attach_request(IMSI))
    s1.wait(15).up(nas.attach_request(IMSI))
    s1.down(nas.IDENTITY_REQUEST)
    s1.wait(6).down(nas.IDENTITY_REQUEST)
    s1.up(nas.identity_response(IMSI))
    s1.down(nas.attach_reject(22))
    run = s1.run()
    attach_row, identity = only(run, "attach"), only(run, "identity")
    assert (attach_row["attempts"], attach_row["outcome"], attach_row["latency_ms"]) == (2, "failure", 21_005.0)
    assert (identity["attempts"], told(identity)) == (2, ("success", None, 6002.0))


def test_a_request_without_an_answer(s1: S1) -> None:
    s1.begin(nas.attach_request(IMSI))
    s1.wait(31).begin(nas.SERVICE_REQUEST)
    run = s1.run()
    assert only(run, "attach")["outcome"] == "timeout"
    assert only(run, "service_request")["outcome"] is None  # the capture ends too soon


def test_accept_with_a_cause(s1: S1) -> None:
    s1.begin(nas.attach_request(IMSI))
    s1.set_up(nas.attach_accept(TMSI, 18))
    s1.is_set_up()
    s1.up(nas.attach_complete())
    assert outcomes(s1.run(), "attach") == [("success", "CS domain not available")]


# --- identities ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", ["plain", "ciphered"])
def test_an_s_tmsi_has_a_subscriber(s1: S1, wrap: str) -> None:
    attach(s1, WRAPS[wrap])
    s1.release(INACTIVE)
    s1.begin(nas.SERVICE_REQUEST, (nas.CODE, TMSI))
    s1.set_up(teid=0x302)
    s1.is_set_up(0x402)
    run = s1.run()
    row = only(run, "service_request")
    assert (row["outcome"], row["subscriber"]) == ("success", IMSI if wrap == "plain" else None)
    assert rows(run, "signalling_connection")[1]["subscriber"] == row["subscriber"]


def test_identities_are_assigned_anew(s1: S1) -> None:
    attach(s1, in_plain)
    s1.release()
    s1.begin(nas.guarded(nas.update_request(TMSI)), (nas.CODE, TMSI))
    s1.down(nas.guarded(nas.update_accept(NEW_TMSI), 2))
    s1.release()
    s1.begin(nas.SERVICE_REQUEST, (nas.CODE, NEW_TMSI))
    s1.down(nas.service_reject(9))
    s1.release()
    s1.begin(nas.guarded(nas.attach_request(tmsi=NEW_TMSI)))  # by the GUTI in NAS alone
    s1.down(nas.attach_reject(11))
    s1.begin(nas.SERVICE_REQUEST, (nas.CODE + 1, NEW_TMSI))  # of another MME
    s1.down(nas.service_reject(9))
    run = s1.run()
    assert only(run, "tracking_area_update")["subscriber"] == IMSI
    assert [r["subscriber"] for r in rows(run, "service_request")] == [IMSI, None]
    assert [r["subscriber"] for r in rows(run, "attach")] == [IMSI, IMSI]


def test_an_identity_that_moves_on(s1: S1) -> None:
    attach(s1, in_plain)
    s1.release()
    attach(s1, in_plain, OTHER)  # is given the same
    s1.release()
    s1.begin(nas.SERVICE_REQUEST, (nas.CODE, TMSI))
    s1.down(nas.service_reject(9))
    s1.release()
    s1.begin(nas.guarded(nas.attach_request(tmsi=TMSI)))  # the core does not believe it, and asks
    s1.down(nas.IDENTITY_REQUEST)
    s1.up(nas.identity_response(IMSI))
    s1.down(nas.attach_reject(3))
    run = s1.run()
    assert only(run, "service_request")["subscriber"] == OTHER
    s1.release()
    s1.wait(5 * 3600).begin(nas.SERVICE_REQUEST, (nas.CODE, TMSI))  # long forgotten
    s1.down(nas.service_reject(9))
    assert [r["subscriber"] for r in rows(s1.run(), "service_request")] == [OTHER, None]


def test_the_subscriber_of_s11_reaches_the_s_tmsi(s1: S1, tmp_path: Path) -> None:
    wire = gtp.Wire(tmp_path)
    gtp.attach(wire)
    s1.now, s1.gateway = wire.now, gtp.SGW
    s1.begin(nas.guarded(nas.attach_request(tmsi=TMSI)), (nas.CODE, TMSI))
    s1.set_up(nas.ciphered(nas.attach_accept(NEW_TMSI)), gtp.SGW_U.teid)
    s1.is_set_up()
    s1.release(INACTIVE)
    s1.begin(nas.SERVICE_REQUEST, (nas.CODE, TMSI))
    s1.set_up(teid=gtp.SGW_U.teid)
    s1.is_set_up()
    s1.frames = wire.frames + s1.frames
    run = s1.run()
    assert [r["subscriber"] for r in rows(run, "attach")] == [IMSI]
    assert [r["subscriber"] for r in rows(run, "service_request")] == [IMSI]
    assert [r["subscriber"] for r in rows(run, "signalling_connection")] == [None, IMSI]


def test_the_imei_reaches_the_session(s1: S1) -> None:
    attach(s1, nas.guarded)
    run = s1.run()
    assert {r["device_tac"] for r in run.session} == {"35123400"}
    assert only(run, "attach")["device_tac"] == "35123400"


# --- procedures ---------------------------------------------------------------------------------------------------


def test_service_request(s1: S1) -> None:
    s1.begin(nas.SERVICE_REQUEST)
    s1.set_up()
    s1.is_set_up()
    s1.release(INACTIVE)
    s1.begin(nas.SERVICE_REQUEST)
    s1.down(nas.service_reject(40))
    s1.release()
    s1.begin(nas.SERVICE_REQUEST)
    s1.set_up()
    s1.not_set_up(("radioNetwork", "failure-in-radio-interface-procedure"))
    s1.begin(nas.guarded(nas.extended_service_request(TMSI)))
    s1.ask_release(("radioNetwork", "cs-fallback-triggered"))
    s1.release(("radioNetwork", "cs-fallback-triggered"))
    s1.begin(nas.SERVICE_REQUEST)
    s1.down(nas.ciphered(nas.service_reject(9)))  # what it says is not seen
    s1.release()
    run = s1.run()
    assert outcomes(run, "service_request") == [
        ("success", None), ("failure", "No EPS bearer context activated"),
        ("failure", "failure-in-radio-interface-procedure"), ("success", None), ("failure", "normal-release"),
    ]  # fmt: skip
    assert rows(run, "service_request")[0]["latency_ms"] == 2 * MS


def test_tracking_area_update(s1: S1) -> None:
    update = nas.guarded(nas.update_request(TMSI))
    for answer, cause in (
        (nas.update_accept(), ("nas", "normal-release")),
        (nas.update_reject(9), ("nas", "normal-release")),
        (nas.ciphered(nas.update_accept()), ("nas", "normal-release")),
        (nas.ciphered(nas.update_accept()), LOST),
        (None, ("nas", "normal-release")),
    ):
        s1.begin(update)
        if answer:
            s1.down(answer)
        s1.wait(2).release(cause)
    s1.begin(nas.guarded(nas.update_request(TMSI, True)))
    s1.set_up(nas.ciphered(nas.update_accept()))
    s1.is_set_up()
    s1.begin(update)
    s1.down(nas.ciphered(nas.update_accept(NEW_TMSI)))
    s1.up(nas.ciphered(bytes.fromhex("074a")))
    run = s1.run()
    assert [told(r) for r in rows(run, "tracking_area_update")] == [
        ("success", None, MS),
        ("failure", "UE identity cannot be derived by the network", MS),
        ("success", None, MS),
        ("failure", LOST[1], 2002.0),
        ("failure", "normal-release", 2001.0),
        ("success", None, 2 * MS),
        ("success", None, MS),
    ]


def test_authentication(s1: S1) -> None:
    s1.begin(nas.attach_request(IMSI))
    for cause in (21, 20):
        s1.down(nas.AUTHENTICATION_REQUEST)
        s1.up(nas.authentication_failure(cause))
    s1.down(nas.AUTHENTICATION_REQUEST)
    s1.up(nas.AUTHENTICATION_RESPONSE)
    s1.down(nas.AUTHENTICATION_REJECT)
    s1.release(("nas", "authentication-failure"))
    for end in (("nas", "authentication-failure"), ("nas", "normal-release")):
        s1.begin(nas.attach_request(IMSI))
        s1.down(nas.AUTHENTICATION_REQUEST)
        s1.up(nas.AUTHENTICATION_RESPONSE)
        s1.wait(1).release(end)
    s1.begin(nas.attach_request(IMSI))
    s1.down(nas.AUTHENTICATION_REQUEST)
    s1.ask_release(LOST)
    s1.release(LOST)
    run = s1.run()
    assert [told(r)[:2] for r in rows(run, "authentication")] == [
        ("failure", "Synch failure"), ("failure", "MAC failure"), ("failure", None),
        ("failure", "authentication-failure"), ("success", None), ("failure", LOST[1]),
    ]  # fmt: skip
    assert rows(run, "authentication")[4]["latency_ms"] == MS  # the response, not what followed
    assert outcomes(run, "attach")[0] == ("failure", "authentication-failure")


def test_detach(s1: S1) -> None:
    attach(s1, in_plain)
    s1.up(nas.detach_request(TMSI, True))
    s1.release(("nas", "detach"))
    s1.begin(nas.guarded(nas.detach_request(TMSI, False)))
    s1.down(nas.DETACH_ACCEPT)
    s1.release(("nas", "detach"))
    s1.begin(nas.guarded(nas.detach_request(TMSI, False)))
    s1.down(nas.ciphered(nas.DETACH_ACCEPT))
    s1.release(("nas", "detach"))
    attach(s1, in_plain)
    s1.down(nas.detach_by_network(2))
    s1.up(nas.DETACH_ACCEPT)
    s1.release(("nas", "detach"))
    run = s1.run()
    assert [told(r) for r in rows(run, "detach")] == [
        ("success", None, 0.0), ("success", None, MS), ("success", None, 2 * MS), ("success", "IMSI unknown in HSS", MS)
    ]  # fmt: skip


def test_dedicated_bearers(s1: S1) -> None:
    attach(s1, in_plain)
    for ebi, cause in ((6, None), (7, 44)):
        s1.down(nas.dedicated_bearer(ebi))
        s1.up(nas.dedicated_bearer_answer(ebi, cause))
    run = s1.run()
    assert outcomes(run, "dedicated_bearer_activation") == [
        ("success", None), ("failure", "Semantic errors in packet filter(s)")]  # fmt: skip
    assert [r["qos_class"] for r in rows(run, "dedicated_bearer_activation")] == [1, 1]


def test_what_comes_back_is_not_asked_again(s1: S1) -> None:
    s1.begin(nas.attach_request(IMSI))
    s1.down(nas.AUTHENTICATION_REQUEST)
    s1.returned(nas.AUTHENTICATION_REQUEST)
    s1.returned(nas.attach_request(OTHER))
    run = s1.run()
    assert (only(run, "authentication")["attempts"], only(run, "attach")["attempts"]) == (1, 1)
    assert messages(run) == {"nas": 2}


def test_any_number_of_shards(s1: S1) -> None:
    for number in range(6):
        attach(s1, list(WRAPS.values())[number % 3], f"20893000000001{number}", TMSI + number)
        s1.release(INACTIVE)
        s1.begin(nas.SERVICE_REQUEST, (nas.CODE, TMSI + number))
        s1.set_up()
        s1.is_set_up()
        s1.release(LOST)
    one, many = s1.run(), s1.run(workers=3)
    for table in ("procedure", "session"):
        assert one.multiset(table) == many.multiset(table)
    assert messages(one) == messages(many)


def test_kpis(s1: S1, tmp_path: Path) -> None:
    attach(s1, in_plain)
    s1.release()
    attach(s1, nas.ciphered)
    s1.release()
    s1.begin(nas.attach_request(IMSI))
    s1.down(nas.attach_reject(15))
    s1.release()
    s1.begin(nas.SERVICE_REQUEST, (nas.CODE, TMSI))
    s1.set_up()
    s1.is_set_up()
    s1.begin(nas.attach_request(IMSI))
    for cause in (21, 20):
        s1.down(nas.AUTHENTICATION_REQUEST)
        s1.up(nas.authentication_failure(cause))
    s1.release()
    s1.write(tmp_path / "xdr")
    tools.kpis(tmp_path / "xdr", tmp_path / "kpi", 900)
    for table, key, value in (("kpi_cell", "cell", CELL), ("kpi_subscriber", "subscriber", IMSI)):
        (row,) = (r for r in tools.read(tmp_path / "kpi", table) if r[key] == value)
        assert (row["attach_attempts"], row["attach_successes"], row["attach_success_pct"]) == (4, 2, 50.0)
        assert (row["attach_mean_ms"], row["attach_time_p50_ms"]) == (6.5 * MS, 6.5 * MS)
        assert row["attach_time_p95_ms"] == pytest.approx(6.95 * MS)
        assert (row["service_request_success_pct"], row["service_request_mean_ms"]) == (100.0, 2 * MS)
        assert (row["authentication_attempts"], row["authentication_failures"]) == (4, 1)
        assert (row["authentication_synch_failures"], row["authentication_failure_pct"]) == (1, 25.0)
        assert (row["registration_attempts"], row["registration_success_pct"]) == (0, None)
