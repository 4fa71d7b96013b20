"""NGAP made by hand, beside GTP-U: PDU sessions with slice and 5QI, releases, Xn and N2 handovers."""

from pathlib import Path

import pytest

pytest.importorskip("pycrate_asn1dir")

from tests.ran_wire import Nr, RanWire, tai
from tests.test_ran_state import LOST, LOST_TEXT, SGW6, V6, of, outcomes, stays
from tests.test_signalling_state import ENB, ENB2, ENB2_U, ENB_U, MME, SERVER, SGW, SGW_U, UE, UE2, only
from tools.scenario.encode_gtp import Endpoint

pytestmark = pytest.mark.compiled

A, B = 0x123456701, 0x123456702
NAME, NAME2 = f"208-93-{A}", f"208-93-{B}"


@pytest.fixture
def wire(tmp_path: Path) -> RanWire:
    return RanWire(tmp_path)


def test_session_with_slice_and_5qi(wire: RanWire) -> None:
    ue = Nr(wire)
    ue.connect(A, SGW_U, ENB_U, psi=3, sst=1, sd=0xABCDEF, five_qi=7)
    connected = wire.now
    wire.up(), wire.down()
    wire.wait(2)
    ue.release()
    run = wire.run()
    session = only(run.session)
    assert (session["source"], session["subscriber"], session["rat"]) == ("ngap", None, "nr")
    assert (session["slice"], session["qos_class"], session["cell_last"]) == ("1-abcdef", 7, NAME)
    assert {(r["cell"], r["rat"], r["qos_class"], r["session_id"]) for r in run.flow} == {
        (NAME, "nr", 7, session["session_id"])
    }
    stay = only(run.presence)
    assert (stay["slice"], stay["core_node"], stay["cell"]) == ("1-abcdef", "172.16.0.1", NAME)
    assert (stay["dropped"], stay["cause"], stay["qos_class"]) == (False, "user-inactivity", 7)
    assert stay["connected_ms"] == (wire.now - 1_000_000 - connected) / 1e6
    resource = only(of(run, "pdu_session_resource_establishment"))
    assert (resource["outcome"], resource["slice"], resource["qos_class"]) == ("success", "1-abcdef", 7)
    assert (resource["interface"], resource["session_id"]) == ("n2", session["session_id"])
    for name in ("signalling_connection", "initial_context_setup", "pdu_session_resource_setup"):
        assert outcomes(run, name) == [("success", NAME, None)]
    assert outcomes(run, "ue_context_release") == [("success", NAME, "user-inactivity")]


def test_session_set_up_with_the_context(wire: RanWire) -> None:
    ue = Nr(wire)
    ue.initial(A)
    ue.context_setup({k: v for k, v in ue.session(1, SGW_U).items() if k != "pDUSessionNAS-PDU"})
    ue.context_set_up(ue.session_at(1, ENB_U))
    wire.up()
    run = wire.run()
    assert outcomes(run, "pdu_session_resource_establishment") == [("success", NAME, None)]
    assert only(run.session)["packets_up"] == 1


def test_several_sessions(wire: RanWire) -> None:
    """Each is a session of its own; one refused leaves none, one that loses its resources lives on."""
    ue = Nr(wire)
    ims = Endpoint(SGW, 0x209)
    ue.connect(A, SGW_U, ENB_U, sst=1)
    ue.set_up(ue.session(2, ims, sst=2, five_qi=5), ue.session(3, Endpoint(SGW, 0x20A), sst=3))
    ue.has_set_up(ue.session_at(2, Endpoint(ENB, 0x309)), failed={3: ("radioNetwork", "slice-not-supported")})
    wire.up(), wire.up(UE2, ims)
    ue.notify_released(2, *LOST)
    wire.wait(1)
    ue.release_session(1, "nas", "normal-release")
    wire.wait(10)
    run = wire.run()
    rows = of(run, "pdu_session_resource_establishment")
    assert [(r["outcome"], r["slice"], r["cause"]) for r in rows] == [
        ("success", "1", None), ("success", "2", None), ("failure", "3", "slice-not-supported")]  # fmt: skip
    found = {r["slice"]: (r["end_reason"], r["dropped"], r["packets_up"]) for r in run.session}
    assert found == {"1": ("deleted", False, 1), "2": ("drained", None, 1)}
    assert sorted(stays(run)) == [
        (1, NAME, "released", False, "normal-release"), (2, NAME, "released", True, LOST_TEXT)]  # fmt: skip
    assert outcomes(run, "pdu_session_resource_notify") == [("success", NAME, LOST_TEXT)]
    assert outcomes(run, "pdu_session_resource_release") == [("success", NAME, "normal-release")]
    assert {r["ue_ip"]: r["qos_class"] for r in run.flow} == {"10.0.0.1": 9, "10.0.0.2": 5}


def test_resources_given_back_without_nas(wire: RanWire) -> None:
    """Deactivation of the user plane alone: the session goes on, and its resources may come back."""
    ue = Nr(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.release_session(1, "nas", "normal-release", nas=False)
    wire.wait(8)
    ue.set_up(ue.session(1, SGW_U))
    ue.has_set_up(ue.session_at(1, ENB_U))
    run = wire.run()
    assert only(run.session)["end_reason"] == "drained"
    assert [s[2] for s in stays(run)] == ["released", "drained"]


def test_lost_and_back(wire: RanWire) -> None:
    ue = Nr(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.release(*LOST)
    wire.wait(2)
    again = Nr(wire, ENB2, gnb_id=5, amf_id=101)
    again.connect(B, SGW_U, ENB2_U)
    run = wire.run()
    assert stays(run) == [(1, NAME, "released", True, LOST_TEXT), (1, NAME2, "drained", None, None)]
    assert only(run.session)["cell_last"] == NAME2


def test_deregistered(wire: RanWire) -> None:
    ue = Nr(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.release("nas", "deregister", asked=False)
    wire.wait(10)
    Nr(wire, gnb_id=9).initial(A)
    session = only(wire.run().session)
    assert (session["end_reason"], session["dropped"], session["cause"]) == ("deleted", False, "deregister")


def test_dual_stack(wire: RanWire) -> None:
    ue = Nr(wire)
    ue.initial(A)
    ue.set_up(ue.session(1, SGW_U, second=SGW6))
    ue.has_set_up(ue.session_at(1, ENB_U, second=V6))
    wire.up(), wire.down()
    wire.data(V6, Endpoint(SGW6, SGW_U.teid), UE, SERVER), wire.data(SGW6, Endpoint(V6, ENB_U.teid), SERVER, UE)
    session = only(wire.run().session)
    assert (session["packets_up"], session["packets_down"]) == (2, 2)


def test_xn_handover(wire: RanWire) -> None:
    ue = Nr(wire)
    ue.connect(A, SGW_U, ENB_U)
    target = Nr(wire, ENB2, gnb_id=9)
    target.path_switch(100, B, (1, ENB2_U))
    fresh = Endpoint(SGW, 0x2BB)
    target.switched((1, fresh))
    wire.data(ENB2, fresh, UE, SERVER), wire.data(SGW, ENB2_U, SERVER, UE)
    target.release(*LOST)
    run = wire.run()
    assert outcomes(run, "path_switch_request") == [("success", NAME2, None)]
    assert stays(run) == [(1, NAME, "cell_change", None, None), (1, NAME2, "released", True, LOST_TEXT)]
    assert (only(run.session)["packets_up"], only(run.session)["packets_down"]) == (1, 1)
    assert {r["cell"] for r in run.flow} == {NAME2}


@pytest.mark.parametrize("same_id", [False, True])
def test_n2_handover(wire: RanWire, same_id: bool) -> None:
    """To a cell behind another UPF endpoint: it is in use with the old one until the device has arrived."""
    source = Nr(wire)
    source.connect(A, SGW_U, ENB_U)
    source.required(1)
    target = Nr(wire, ENB2, gnb_id=9, amf_id=100 if same_id else 300)
    fresh = Endpoint(SGW, 0x2CC) if same_id else SGW_U
    target.requested((1, fresh))
    target.admitted((1, ENB2_U))
    source.commanded()
    wire.up()
    target.notify(B)
    wire.data(ENB2, fresh, UE, SERVER), wire.data(SGW, ENB2_U, SERVER, UE)
    source.release("radioNetwork", "successful-handover", asked=False)
    run = wire.run()
    handovers = of(run, "handover_preparation", "handover_execution")
    assert [(r["outcome"], r["cell"], r["interface"]) for r in handovers] == [("success", NAME, "n2")] * 2
    assert outcomes(run, "handover_resource_allocation") == [("success", None, None)]
    assert stays(run) == [(1, NAME, "cell_change", None, None), (1, NAME2, "drained", None, None)]
    assert (only(run.session)["packets_up"], only(run.session)["packets_down"]) == (2, 1)


def test_reset_and_paging(wire: RanWire) -> None:
    Nr(wire).connect(A, SGW_U, ENB_U)
    link = wire.between(2, ENB, MME)
    part = "partOfNG-Interface", [{"rAN-UE-NGAP-ID": 1}]
    link.message(ENB, 20, 0, {15: ("misc", "hardware-failure"), 88: part})
    link.message(MME, 20, 1, {})
    identity = "fiveG-S-TMSI", {"aMFSetID": (1, 10), "aMFPointer": (0, 6), "fiveG-TMSI": b"\0\0\0\5"}
    area = {"tAI": {"pLMNIdentity": tai()["pLMNidentity"], "tAC": b"\0\0\7"}}
    link.message(MME, 24, 0, {115: identity, 103: [area]})
    Nr(wire, gnb_id=2, amf_id=102).initial(B, tmsi=5, why="mt-Access")
    run = wire.run()
    assert stays(run) == [(1, NAME, "released", True, "hardware-failure")]
    assert outcomes(run, "reset") == [("success", None, None)]
    assert [(r["outcome"], r["interface"], r["latency_ms"]) for r in of(run, "paging")] == [("success", "n2", 1.0)]
