"""NAS of 5GS through the whole pipeline: what a device and an AMF say on N2, and the rows that come of it."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests import nas_messages as nas
from tests import pipeline_tools as tools
from tests.nas_wire import N2, S1
from tests.test_ran_nas import MS, WRAPS, messages, only, outcomes, rows, told

pytestmark = pytest.mark.compiled

MSIN, IMSI = "0000000001", "208930000000001"
TMSI, NEW_TMSI = 0xC0FFEE01, 0xC0FFEE02
CELL = "208-93-257"
LOST, INACTIVE = ("radioNetwork", "radio-connection-with-ue-lost"), ("radioNetwork", "user-inactivity")


@pytest.fixture
def n2(tmp_path: Path) -> N2:
    return N2(tmp_path)


def register(n2: N2, wrap: Any, tmsi: int = TMSI, scheme: int = 0) -> None:
    identity = nas.suci(MSIN) if scheme == 0 else nas.guti_5gs(tmsi)
    n2.begin(nas.registration_request(identity))
    n2.down(nas.PROOF_REQUEST)
    n2.up(nas.PROOF_RESPONSE)
    n2.down(nas.security_mode_command_5gs())
    n2.up(wrap(bytes.fromhex("7e005e"), 4))
    n2.set_up(wrap(nas.registration_accept(tmsi), 2))
    n2.is_set_up()
    n2.up(wrap(nas.REGISTRATION_COMPLETE, 2))


@pytest.mark.parametrize("wrap", WRAPS)
def test_registration_and_session(n2: N2, wrap: str) -> None:
    hide = WRAPS[wrap]
    register(n2, hide)
    n2.up(hide(nas.session_request(), 2))
    n2.session(nas.SESSION, hide(nas.session_accept(), 2), 1, 0xA)
    n2.session_is_set_up(nas.SESSION)
    run = n2.run()
    readable = wrap != "ciphered"
    row = only(run, "registration")
    assert told(row) == ("success", None, 5 * MS if readable else 6 * MS)
    assert (row["subscriber"], row["cell"], row["rat"], row["interface"]) == (IMSI, CELL, "nr", "n2")
    assert told(only(run, "authentication")) == ("success", None, MS)
    assert told(only(run, "security_mode")) == ("success", None, MS)
    row = only(run, "pdu_session_establishment")
    assert told(row) == ("success", None, 2 * MS if readable else MS)
    assert (row["subscriber"], row["slice"], row["qos_class"]) == (IMSI, "1-00000a", 9 if not readable else None)
    assert row["apn"] == ("internet" if readable else None)
    session = run.session[0]
    assert (session["subscriber"], session["slice"], session["apn"]) == (IMSI, "1-00000a", row["apn"])
    assert session["ue_ip"] == ("10.45.0.2" if readable else None)
    assert messages(run) == ({"nas": 9} if readable else {"nas": 4, "nas_ciphered": 5})


def test_registration_refused(n2: N2) -> None:
    n2.begin(nas.registration_request(nas.suci(MSIN)))
    n2.down(nas.registration_reject(62))
    n2.release()
    n2.begin(nas.registration_request(nas.suci(MSIN)))
    n2.down(nas.PROOF_REQUEST)
    n2.up(nas.PROOF_RESPONSE)
    n2.down(nas.PROOF_REJECT)
    n2.release(("nas", "authentication-failure"))
    n2.begin(nas.registration_request(nas.suci(MSIN)))
    n2.down(nas.PROOF_REQUEST)
    n2.up(nas.proof_failure(26))
    n2.release()
    run = n2.run()
    assert outcomes(run, "registration") == [
        ("failure", "No network slices available"), ("failure", "authentication-failure"), ("failure", "normal-release")
    ]  # fmt: skip
    assert outcomes(run, "authentication") == [
        ("failure", None), ("failure", "Non-5G authentication unacceptable")]  # fmt: skip


def test_registration_under_ciphering_without_context_setup(n2: N2) -> None:
    hidden = nas.ciphered(nas.registration_accept(NEW_TMSI))
    for kind, complete in ((1, True), (1, False), (2, False), (3, False)):
        n2.begin(nas.registration_request(nas.guti_5gs(TMSI), kind))
        n2.down(hidden)
        if complete:
            n2.up(nas.ciphered(nas.REGISTRATION_COMPLETE))
        n2.wait(1).release()
    n2.begin(nas.registration_request(nas.guti_5gs(TMSI), 3))
    n2.release()
    assert [told(r) for r in rows(n2.run(), "registration")] == [
        ("success", None, MS), ("failure", "normal-release", 1002.0), ("success", None, MS), ("success", None, MS),
        ("failure", "normal-release", MS),
    ]  # fmt: skip


def test_service_request_by_temporary_identity(n2: N2) -> None:
    register(n2, nas.guarded)
    n2.release(INACTIVE)
    for answer in ("set up", "accept", "reject", "hidden", "lost"):
        n2.begin(nas.guarded(nas.service_request_5gs(TMSI)), (nas.SET, nas.POINTER, TMSI))
        if answer == "set up":
            n2.set_up()
            n2.is_set_up()
        elif answer == "accept":
            n2.down(nas.guarded(nas.SERVICE_ACCEPT_5GS, 2))
        elif answer == "reject":
            n2.down(bytes.fromhex("7e004d09"))
        elif answer == "hidden":
            n2.down(nas.ciphered(nas.SERVICE_ACCEPT_5GS))
        n2.release(LOST if answer == "lost" else INACTIVE)
    run = n2.run()
    assert outcomes(run, "service_request") == [
        ("success", None), ("success", None), ("failure", "UE identity cannot be derived by the network"),
        ("success", None), ("failure", LOST[1]),
    ]  # fmt: skip
    assert {r["subscriber"] for r in rows(run, "service_request")} == {IMSI}


def test_concealed_identity(n2: N2) -> None:
    n2.begin(nas.registration_request(nas.guti_5gs(TMSI)))
    n2.down(nas.registration_reject(9))
    assert only(n2.run(), "registration")["subscriber"] is None


def test_sessions_refused(n2: N2) -> None:
    register(n2, nas.guarded)
    n2.up(nas.session_request(sst=2, sd=None))
    n2.down(nas.session_reject(27))
    n2.up(nas.session_request("ims"))
    n2.down(nas.to_device(nas.sm_coded(nas.sm.FGSMPDUSessionEstabRequest), 91))
    n2.up(nas.session_request())
    n2.session(nas.SESSION, nas.session_accept())
    n2.session_failed(nas.SESSION, ("radioNetwork", "radio-resources-not-available"))
    n2.up(nas.session_request())
    n2.down(nas.session_accept())  # without resources
    run = n2.run()
    assert outcomes(run, "pdu_session_establishment") == [
        ("failure", "Missing or unknown DNN"), ("failure", "DNN not supported or not subscribed in the slice"),
        ("failure", "radio-resources-not-available"), ("success", None),
    ]  # fmt: skip
    made = rows(run, "pdu_session_establishment")
    assert [(r["slice"], r["apn"]) for r in made] == [
        ("2", "internet"), ("1-00000a", "ims"), ("1-00000a", "internet"), ("1-00000a", "internet")]  # fmt: skip


def test_a_session_under_ciphering_that_the_ran_refuses(n2: N2) -> None:
    register(n2, nas.ciphered)
    n2.session(nas.SESSION, nas.ciphered(nas.session_accept()), 3)
    n2.session_failed(nas.SESSION, ("radioNetwork", "radio-resources-not-available"))
    n2.session(nas.SESSION, None, 3)  # of a session that there is: no message to the device
    n2.session_is_set_up(nas.SESSION)
    run = n2.run()
    assert outcomes(run, "pdu_session_establishment") == [("failure", "radio-resources-not-available")]
    assert only(run, "pdu_session_establishment")["slice"] == "3"


def test_modification_and_release(n2: N2) -> None:
    register(n2, nas.guarded)

    def both(*kinds: tuple[str, int]) -> None:
        for way, kind in kinds:
            inner = bytes([0x2E, nas.SESSION, nas.PTI, kind]) + (b"\x24" if kind in (0xD3, 0xCA, 0xCD, 0xD2) else b"")
            if way == "up":
                n2.up(bytes.fromhex("7e006701") + len(inner).to_bytes(2, "big") + inner + bytes([0x12, nas.SESSION]))
            else:
                n2.down(nas.to_device(inner))

    both(("up", 0xC9), ("down", 0xCB), ("up", 0xCC))
    both(("down", 0xCB), ("up", 0xCC))
    both(("up", 0xC9), ("down", 0xCA))
    both(("up", 0xD1), ("down", 0xD3), ("up", 0xD4))
    both(("down", 0xD3), ("up", 0xD4))
    run = n2.run()
    assert [told(r) for r in rows(run, "pdu_session_modification")] == [
        ("success", None, 2 * MS), ("success", None, MS), ("failure", "Regular deactivation", MS)]  # fmt: skip
    assert [told(r) for r in rows(run, "pdu_session_release")] == [("success", None, 2 * MS), ("success", None, MS)]
    assert {r["attempts"] for r in rows(run, "pdu_session_release")} == {1}


def test_deregistration(n2: N2) -> None:
    register(n2, nas.guarded)
    n2.up(nas.guarded(nas.deregistration_request(TMSI, True)))
    n2.release(("nas", "deregister"))
    n2.begin(nas.guarded(nas.deregistration_request(TMSI, False)))
    n2.down(nas.DEREGISTRATION_ACCEPT)
    n2.release(("nas", "deregister"))
    n2.begin(nas.guarded(nas.deregistration_request(TMSI, False)))
    n2.release(LOST)
    run = n2.run()
    assert [told(r) for r in rows(run, "deregistration")] == [
        ("success", None, 0.0), ("success", None, MS), ("failure", LOST[1], MS)]  # fmt: skip
    assert {r["subscriber"] for r in rows(run, "deregistration")} == {IMSI}


# --- anything -----------------------------------------------------------------------------------------------------

EPS_PIECES = (
    nas.attach_request(IMSI), nas.attach_request(tmsi=TMSI), nas.attach_accept(TMSI, 18), nas.attach_complete(),
    nas.attach_reject(19, 27), nas.AUTHENTICATION_REQUEST, nas.AUTHENTICATION_RESPONSE, nas.AUTHENTICATION_REJECT,
    nas.authentication_failure(21), nas.IDENTITY_REQUEST, nas.identity_response(IMSI), nas.update_request(TMSI),
    nas.update_accept(NEW_TMSI), nas.update_reject(9), nas.SERVICE_REQUEST, nas.service_reject(9),
    nas.extended_service_request(TMSI), nas.detach_request(TMSI, False), nas.DETACH_ACCEPT, nas.detach_by_network(2),
    nas.dedicated_bearer(), nas.dedicated_bearer_answer(), nas.security_mode_command(),
    nas.ciphered(nas.attach_complete()), nas.ciphered(nas.security_mode_complete("3512340000000101"), 4),
)  # fmt: skip
PIECES_5GS = (
    nas.registration_request(nas.suci(MSIN)), nas.registration_request(nas.guti_5gs(TMSI), 3),
    nas.registration_accept(NEW_TMSI), nas.REGISTRATION_COMPLETE, nas.registration_reject(62), nas.PROOF_REQUEST,
    nas.PROOF_RESPONSE, nas.PROOF_REJECT, nas.proof_failure(20), nas.service_request_5gs(TMSI), nas.SERVICE_ACCEPT_5GS,
    nas.deregistration_request(TMSI, False), nas.DEREGISTRATION_ACCEPT, nas.session_request(), nas.session_accept(),
    nas.session_reject(27), nas.to_device(nas.sm_coded(nas.sm.FGSMPDUSessionEstabRequest), 91),
    nas.security_mode_command_5gs(), nas.ciphered(nas.session_accept()), nas.ciphered(nas.REGISTRATION_COMPLETE, 4),
)  # fmt: skip


def anything(wire: S1 | N2, draw: random.Random, pieces: tuple[bytes, ...], steps: int) -> int:
    """Messages in no order that makes sense, some of them damaged; how many carry NAS on its way."""
    carried = 0
    wire.begin(pieces[0])
    for _ in range(steps):
        piece = bytearray(draw.choice(pieces))
        if draw.random() < 0.2:
            piece[draw.randrange(len(piece))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.1:
            piece = piece[: draw.randint(1, len(piece))]
        step = draw.randrange(12)
        carried += step < 8
        if step < 3:
            wire.down(bytes(piece))
        elif step < 6:
            wire.up(bytes(piece))
        elif step == 6:
            wire.begin(bytes(piece))
        elif step == 7:
            wire.set_up(bytes(piece))
        elif step == 8:
            wire.is_set_up()
        elif step == 9:
            wire.release(draw.choice([LOST, INACTIVE, ("nas", "normal-release")]))
        elif isinstance(wire, N2):
            carried += step == 10
            wire.session(nas.SESSION, bytes(piece)) if step == 10 else wire.session_is_set_up(nas.SESSION)
        else:
            wire.not_set_up(LOST) if step == 10 else wire.ask_release(LOST)
    return carried + 1


@pytest.mark.parametrize("kind", [S1, N2])
def test_anything_at_all(kind: Any, tmp_path: Path) -> None:
    draw = random.Random(kind.__name__)
    wire = kind(tmp_path)
    carried = anything(wire, draw, EPS_PIECES if kind is S1 else PIECES_5GS, 1200)
    run = wire.run()
    assert sum(messages(run).values()) == carried
    for row in run.procedure:
        assert row["attempts"] >= 1
        assert (row["outcome"] in ("success", "failure")) == (row["latency_ms"] is not None)
        assert row["latency_ms"] is None or 0 <= row["latency_ms"] <= 60_000
    starts: dict[Any, int] = {}
    for row in run.procedure:
        key = row["procedure"], row["start_time"], row["apn"], row["outcome"], row["cause"]
        starts[key] = starts.get(key, 0) + 1
    assert {p for p, *_ in starts} >= {"authentication", "security_mode", "service_request"}
    many = wire.run(workers=3)
    assert run.multiset("procedure") == many.multiset("procedure")


def test_kpis_by_cell(n2: N2, tmp_path: Path) -> None:
    register(n2, nas.ciphered)
    n2.session(nas.SESSION, nas.ciphered(nas.session_accept()))
    n2.session_is_set_up(nas.SESSION)
    n2.release()
    n2.begin(nas.registration_request(nas.suci(MSIN)))
    n2.down(nas.registration_reject(62))
    n2.write(tmp_path / "xdr")
    tools.kpis(tmp_path / "xdr", tmp_path / "kpi", 900)
    (row,) = (r for r in tools.read(tmp_path / "kpi", "kpi_cell") if r["cell"] == CELL)
    assert (row["registration_attempts"], row["registration_success_pct"]) == (2, 50.0)
    assert row["registration_mean_ms"] == 6 * MS
    assert (row["pdu_session_establishment_attempts"], row["pdu_session_establishment_success_pct"]) == (1, 100.0)
