"""Mobility in S1AP made by hand: path switches, S1 handovers that come about, fail, or happen out of sight."""

from pathlib import Path

import pytest

pytest.importorskip("pycrate_asn1dir")

from tests.ran_wire import Lte, RanWire, e_rab, e_rab_at
from tests.test_ran_state import LOST, LOST_TEXT, A, B, core, of, outcomes, stays
from tests.test_signalling_state import (
    ENB,
    ENB2,
    ENB2_U,
    ENB_U,
    IMSI,
    MME,
    MME_C,
    NAME,
    NAME2,
    SERVER,
    SGW,
    SGW_C,
    SGW_U,
    UE,
    attach,
    gtp,
    only,
)
from tools.scenario.encode_gtp import Endpoint

pytestmark = pytest.mark.compiled


@pytest.fixture
def wire(tmp_path: Path) -> RanWire:
    return RanWire(tmp_path)


@pytest.mark.parametrize("s11", [False, True])
def test_path_switch(wire: RanWire, s11: bool) -> None:
    """X2: another association, another cell, other endpoints of both sides; the context goes along."""
    if s11:
        core(wire)
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    wire.up(), wire.down()
    wire.wait(1)
    target = Lte(wire, ENB2, enb_id=77)
    target.path_switch(100, B, e_rab_at(5, ENB2_U))
    at = wire.now
    fresh = Endpoint(SGW, 0x2AA)
    target.switched(e_rab_at(5, fresh))
    wire.data(ENB2, fresh, UE, SERVER), wire.data(SGW, ENB2_U, SERVER, UE), wire.down()  # the last on its way
    target.release()
    run = wire.run()
    session = only(run.session)
    assert (session["cell_first"], session["cell_last"]) == (NAME, NAME2)
    assert (session["packets_up"], session["packets_down"]) == (2, 3)
    rows = sorted(run.presence, key=lambda r: r["start_time"])
    assert stays(run) == [
        (5, NAME, "cell_change", None, None), (5, NAME2, "released", False, "user-inactivity")]  # fmt: skip
    assert rows[0]["end_time"] == rows[1]["start_time"] == at
    switch = only(of(run, "path_switch_request"))
    assert (switch["outcome"], switch["cell"], switch["latency_ms"]) == ("success", NAME2, 1.0)
    assert (switch["requester"], switch["subscriber"]) == ("172.16.0.6", IMSI if s11 else None)
    assert sum(r["packets_up"] for r in run.flow if r["cell"] == NAME2) == 1


def test_path_switch_refused(wire: RanWire) -> None:
    Lte(wire).connect(A, SGW_U, ENB_U)
    target = Lte(wire, ENB2, enb_id=77)
    target.path_switch(100, B, e_rab_at(5, ENB2_U))
    target.up(3, 2, {2: ("transport", "transport-resource-unavailable")})
    target.release(*LOST)
    run = wire.run()
    assert [(r[0], r[1]) for r in outcomes(run, "path_switch_request")] == [("failure", NAME2)]
    assert stays(run)[-1] == (5, NAME2, "released", True, "transport-resource-unavailable")


def test_bearer_left_behind_by_a_path_switch(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.add(e_rab(6, Endpoint(SGW, 0x206), 1))
    ue.added(e_rab_at(6, Endpoint(ENB, 0x306)))
    target = Lte(wire, ENB2, enb_id=77)
    target.path_switch(100, B, e_rab_at(5, ENB2_U))
    target.switched()
    run = wire.run()
    lost = only([r for r in run.presence if r["dropped"]])
    assert (lost["ebi"], lost["qos_class"], lost["cause"]) == (6, 1, None)


def test_path_switch_of_a_device_not_seen_before(wire: RanWire) -> None:
    """Its session is known by S11, which tells the new endpoint before the answer to the path switch."""
    attach(wire)
    target = Lte(wire, ENB2, enb_id=77)
    target.path_switch(100, B, e_rab_at(5, ENB2_U))
    body = gtp.bearer_context(gtp.ebi(5), gtp.fteid(gtp.S1U_ENB, ENB2_U))
    asked = wire.ask(MME, SGW, 34, SGW_C.teid, body)
    wire.answer(asked, MME_C.teid, gtp.cause(16))
    target.switched()
    wire.data(ENB2, SGW_U, UE, SERVER)
    run = wire.run()
    session = only(run.session)
    assert (session["subscriber"], session["cell_last"], session["source"]) == (IMSI, NAME2, "gtpv2c")
    assert only(run.flow)["cell"] == NAME2


@pytest.mark.parametrize("s11", [False, True])
@pytest.mark.parametrize("same_id", [False, True])
def test_s1_handover(wire: RanWire, s11: bool, same_id: bool) -> None:
    if s11:
        core(wire)
    source = Lte(wire)
    source.connect(A, SGW_U, ENB_U)
    wire.up()
    source.required()
    target = Lte(wire, ENB2, enb_id=4, mme_id=100 if same_id else 200)
    target.requested(e_rab(5, SGW_U, qos="e-RABlevelQosParameters"))
    target.admitted(e_rab_at(5, ENB2_U))
    source.commanded()
    wire.data(SGW, ENB_U, SERVER, UE)
    target.notify(B)
    arrived = wire.now
    wire.data(SGW, ENB2_U, SERVER, UE)
    source.release("radioNetwork", "successful-handover", asked=False)
    wire.wait(5)
    target.release()
    run = wire.run()
    session = only(run.session)
    assert (session["cell_first"], session["cell_last"], session["packets_down"]) == (NAME, NAME2, 2)
    assert stays(run) == [
        (5, NAME, "cell_change", None, None), (5, NAME2, "released", False, "user-inactivity")]  # fmt: skip
    assert sorted(r["end_time"] for r in run.presence)[0] == arrived
    assert outcomes(run, "handover_preparation") == [("success", NAME, None)]
    allocation = only(of(run, "handover_resource_allocation"))
    assert (allocation["outcome"], allocation["cell"], allocation["responder"]) == ("success", None, "172.16.0.6")
    execution = only(of(run, "handover_execution"))
    assert (execution["outcome"], execution["cell"], execution["latency_ms"]) == ("success", NAME, 2.0)
    assert {r["subscriber"] for r in (allocation, execution)} == {IMSI if s11 else None}
    released = [("success", NAME, "successful-handover"), ("success", NAME2, "user-inactivity")]
    assert outcomes(run, "ue_context_release") == released


def test_handover_out_of_sight(wire: RanWire) -> None:
    """The target is not captured: the source's release says that the device has arrived, and is no drop."""
    source = Lte(wire)
    source.connect(A, SGW_U, ENB_U)
    source.required()
    source.commanded()
    wire.wait(1)
    source.release("radioNetwork", "successful-handover", asked=False)
    run = wire.run()
    assert outcomes(run, "handover_execution") == [("success", NAME, "successful-handover")]
    assert stays(run) == [(5, NAME, "released", False, "successful-handover")]


def test_handover_not_prepared(wire: RanWire) -> None:
    source = Lte(wire)
    source.connect(A, SGW_U, ENB_U)
    source.required()
    target = Lte(wire, ENB2, mme_id=200)
    target.requested(e_rab(5, SGW_U, qos="e-RABlevelQosParameters"))
    target.not_admitted("radioNetwork", "no-radio-resources-available-in-target-cell")
    source.not_prepared("radioNetwork", "ho-failure-in-target-EPC-eNB-or-target-system")
    wire.up()
    run = wire.run()
    allocation, preparation = only(of(run, "handover_resource_allocation")), only(of(run, "handover_preparation"))
    assert (allocation["outcome"], allocation["cause_code"]) == ("failure", 12)
    assert (preparation["outcome"], preparation["cause_code"], preparation["cell"]) == ("failure", 6, NAME)
    assert of(run, "handover_execution") == []
    assert stays(run) == [(5, NAME, "drained", None, None)]


@pytest.mark.parametrize("commanded", [False, True])
def test_handover_cancelled(wire: RanWire, commanded: bool) -> None:
    """The source cancels, before the command or after it: the device has stayed, or come back."""
    source = Lte(wire)
    source.connect(A, SGW_U, ENB_U)
    source.required()
    target = Lte(wire, ENB2, enb_id=4, mme_id=200)
    target.requested(e_rab(5, SGW_U, qos="e-RABlevelQosParameters"))
    target.admitted(e_rab_at(5, ENB2_U))
    if commanded:
        source.commanded()
    source.cancel("radioNetwork", "tS1relocoverall-expiry")
    target.release("radioNetwork", "handover-cancelled", asked=False)
    wire.up(), wire.down()
    run = wire.run()
    preparation = only(of(run, "handover_preparation"))
    assert (preparation["outcome"], preparation["cause_code"]) == (("success", None) if commanded else ("failure", 8))
    executions = [(r["outcome"], r["cause_code"], r["cell"]) for r in of(run, "handover_execution")]
    assert executions == ([("failure", 8, NAME)] if commanded else [])
    assert outcomes(run, "handover_cancel") == [("success", NAME, None)]
    assert stays(run) == [(5, NAME, "drained", None, None)]
    assert (only(run.session)["packets_up"], only(run.session)["packets_down"]) == (1, 1)


def test_lost_during_a_handover(wire: RanWire) -> None:
    source = Lte(wire)
    source.connect(A, SGW_U, ENB_U)
    source.required()
    source.commanded()
    source.release(*LOST)
    run = wire.run()
    assert outcomes(run, "handover_execution") == [("failure", NAME, LOST_TEXT)]
    assert stays(run) == [(5, NAME, "released", True, LOST_TEXT)]


def test_bearer_not_admitted_at_the_target(wire: RanWire) -> None:
    source = Lte(wire)
    source.connect(A, SGW_U, ENB_U)
    source.add(e_rab(6, Endpoint(SGW, 0x206), 1))
    source.added(e_rab_at(6, Endpoint(ENB, 0x306)))
    source.required()
    target = Lte(wire, ENB2, enb_id=4, mme_id=200)
    target.requested(e_rab(5, SGW_U, qos="e-RABlevelQosParameters"))
    target.admitted(e_rab_at(5, ENB2_U), failed={6: ("radioNetwork", "radio-resources-not-available")})
    source.commanded()
    target.notify(B)
    run = wire.run()
    lost = only([r for r in run.presence if r["dropped"]])
    assert (lost["ebi"], lost["cause"]) == (6, "radio-resources-not-available")
