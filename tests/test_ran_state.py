"""S1AP made by hand, beside GTP: what each exchange does to cells, sessions, bearers and procedures."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pycrate_asn1dir")

from tests import pipeline_tools as tools
from tests.ran_wire import AMBR, Lte, RanWire, e_rab, e_rab_at, listed, tai
from tests.test_signalling_state import (
    CELL,
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
    UE2,
    attach,
    create_body,
    created_body,
    detach,
    gtp,
    only,
)
from tools.scenario.encode_gtp import Endpoint

pytestmark = pytest.mark.compiled

A, B = 257, 514
LOST = ("radioNetwork", "radio-connection-with-ue-lost")
LOST_TEXT = "radio-connection-with-ue-lost"
MS = 1e6


@pytest.fixture
def wire(tmp_path: Path) -> RanWire:
    return RanWire(tmp_path)


def of(run: tools.Run, *names: str) -> list[dict[str, Any]]:
    """The rows of some procedures in order of time."""
    return sorted((r for r in run.procedure if r["procedure"] in names), key=lambda r: r["start_time"])


def outcomes(run: tools.Run, *names: str) -> list[tuple[Any, ...]]:
    return [(r["outcome"], r["cell"], r["cause"]) for r in of(run, *names)]


def stays(run: tools.Run) -> list[tuple[Any, ...]]:
    """Each presence in order: EBI, cell, why it ended, dropped, cause."""
    rows = sorted(run.presence, key=lambda r: (r["start_time"], r["end_time"], r["ebi"]))
    return [(r["ebi"], r["cell"], r["end_reason"], r["dropped"], r["cause"]) for r in rows]


def core(wire: RanWire) -> None:
    """Create Session, of which the radio side follows."""
    asked = wire.ask(MME, SGW, 32, 0, *create_body())
    wire.answer(asked, MME_C.teid, *created_body())


# --- a connection, with and without S11 ---------------------------------------------------------------------------


@pytest.mark.parametrize("s11", [False, True])
def test_connection_data_and_release(wire: RanWire, s11: bool) -> None:
    ue = Lte(wire)
    begun = wire.now + 1_000_000
    ue.initial(A)
    if s11:
        core(wire)
    ue.context_setup(e_rab(5, SGW_U))
    ue.context_set_up(e_rab_at(5, ENB_U))
    connected = wire.now
    wire.up(), wire.down()
    wire.wait(10)
    ue.ask_release("radioNetwork", "user-inactivity")
    ue.command("radioNetwork", "user-inactivity")
    released = wire.now
    ue.complete()
    run = wire.run()
    subscriber = IMSI if s11 else None
    session = only(run.session)
    assert (session["source"], session["subscriber"]) == ("gtpv2c" if s11 else "s1ap", subscriber)
    assert (session["cell_first"], session["cell_last"], session["rat"], session["qos_class"]) == (
        NAME,
        NAME,
        "eutran",
        9,
    )
    assert (session["packets_up"], session["packets_down"], session["end_reason"]) == (1, 1, "drained")
    flow = only(run.flow) if len(run.flow) == 1 else run.flow[0]
    for row in run.flow:
        assert (row["cell"], row["rat"], row["qos_class"], row["subscriber"]) == (NAME, "eutran", 9, subscriber)
        assert row["session_id"] == session["session_id"]
    assert flow["ran_ip"] == "172.16.0.5"
    stay = only([r for r in run.presence if r["end_reason"] == "released"])
    assert (stay["cell"], stay["qos_class"], stay["ebi"], stay["core_node"]) == (NAME, 9, 5, "172.16.0.1")
    assert (stay["dropped"], stay["cause"], stay["end_time"]) == (False, "user-inactivity", released)
    assert stay["connected_ms"] == (released - connected) / MS
    connection = only(of(run, "signalling_connection"))
    assert (connection["outcome"], connection["cell"], connection["interface"]) == ("success", NAME, "s1mme")
    assert (connection["start_time"], connection["core_node"]) == (begun, "172.16.0.1")
    assert connection["latency_ms"] == (3.0 if s11 else 1.0)
    bearer = only(of(run, "e_rab_establishment_initial"))
    assert (bearer["outcome"], bearer["latency_ms"], bearer["qos_class"]) == ("success", 1.0, 9)
    assert (bearer["subscriber"], bearer["session_id"]) == (subscriber, session["session_id"])
    assert outcomes(run, "initial_context_setup") == [("success", NAME, None)]
    assert outcomes(run, "ue_context_release_request") == [("success", NAME, "user-inactivity")]
    assert outcomes(run, "ue_context_release") == [("success", NAME, "user-inactivity")]
    assert [r for r in run.procedure if r["outcome"] not in ("success",)] == []


@pytest.mark.parametrize("s11_first", [False, True])
def test_radio_connection_lost(wire: RanWire, s11_first: bool) -> None:
    """Whichever of S1 and S11 releases first: one drop, with its cause, in the cell."""
    ue = Lte(wire)
    ue.initial(A)
    core(wire)
    ue.context_setup(e_rab(5, SGW_U))
    ue.context_set_up(e_rab_at(5, ENB_U))
    wire.wait(5)
    ue.ask_release(*LOST)
    if s11_first:
        asked = wire.ask(MME, SGW, 170, SGW_C.teid)
        wire.answer(asked, MME_C.teid, gtp.cause(16))
    ue.command("radioNetwork", "user-inactivity")
    ue.complete()
    if not s11_first:
        asked = wire.ask(MME, SGW, 170, SGW_C.teid)
        wire.answer(asked, MME_C.teid, gtp.cause(16))
    run = wire.run()
    assert stays(run) == [(5, NAME, "released", True, LOST_TEXT)]
    assert outcomes(run, "ue_context_release_request") == [("success", NAME, LOST_TEXT)]


def test_a_refused_connection(wire: RanWire) -> None:
    """The core releases at once: it has answered, no bearer was asked for."""
    ue = Lte(wire)
    ue.initial(A)
    ue.release("nas", "authentication-failure", asked=False)
    run = wire.run()
    assert outcomes(run, "signalling_connection") == [("success", NAME, None)]
    assert run.session == []
    assert run.presence == []


def test_no_answer_to_a_connection(wire: RanWire) -> None:
    Lte(wire).initial(A)
    wire.wait(60)
    Lte(wire, enb_id=2).initial(B)
    run = wire.run()
    assert outcomes(run, "signalling_connection") == [("timeout", NAME, None), (None, NAME2, None)]


def test_context_setup_fails(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.initial(A)
    ue.context_setup(e_rab(5, SGW_U), e_rab(6, SGW_U._replace(teid=0x777), 5))
    ue.up(9, 2, {2: ("radioNetwork", "failure-in-radio-interface-procedure")})
    run = wire.run()
    why = "failure-in-radio-interface-procedure"
    assert [r[0] for r in outcomes(run, "initial_context_setup")] == ["failure"]
    rows = of(run, "e_rab_establishment_initial")
    assert [(r["outcome"], r["qos_class"], r["cell"]) for r in rows] == [("failure", 9, NAME), ("failure", 5, NAME)]
    assert {r["cause"] for r in rows} == {outcomes(run, "initial_context_setup")[0][2]}
    assert rows[0]["cause"] == why
    assert run.session == []


def test_released_while_the_context_is_set_up(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.initial(A)
    ue.context_setup(e_rab(5, SGW_U))
    ue.release(*LOST)
    run = wire.run()
    assert outcomes(run, "initial_context_setup") == [("failure", NAME, LOST_TEXT)]
    assert outcomes(run, "e_rab_establishment_initial") == [("failure", NAME, LOST_TEXT)]
    assert run.session == []


# --- bearers --------------------------------------------------------------------------------------------------------


def test_bearers_added_and_refused(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    voice, video = Endpoint(SGW, 0x206), Endpoint(SGW, 0x207)
    ue.add(e_rab(6, voice, 1), e_rab(7, video, 2))
    ue.added(e_rab_at(6, Endpoint(ENB, 0x306)), failed={7: ("radioNetwork", "radio-resources-not-available")})
    wire.up(to=voice), wire.up(to=voice), wire.up()
    run = wire.run()
    session = only(run.session)
    rows = of(run, "e_rab_establishment_added")
    assert [(r["outcome"], r["qos_class"], r["cause"], r["latency_ms"]) for r in rows] == [
        ("success", 1, None, 1.0),
        ("failure", 2, "radio-resources-not-available", 1.0),
    ]
    assert {r["session_id"] for r in rows} == {session["session_id"]}
    assert outcomes(run, "e_rab_setup") == [("success", NAME, None)]
    assert {r["ebi"]: (r["qos_class"], r["packets_up"]) for r in run.presence} == {5: (9, 1), 6: (1, 2)}
    assert session["packets_up"] == 3


def test_two_setups_at_once(wire: RanWire) -> None:
    """Procedures of other bearers run side by side; each answer finds its request."""
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.add(e_rab(6, Endpoint(SGW, 0x206), 1))
    ue.add(e_rab(7, Endpoint(SGW, 0x207), 2))
    ue.added(e_rab_at(7, Endpoint(ENB, 0x307)))
    ue.added(e_rab_at(6, Endpoint(ENB, 0x306)))
    run = wire.run()
    assert [(r["outcome"], r["latency_ms"], r["attempts"]) for r in of(run, "e_rab_setup")] == [
        ("success", 3.0, 1), ("success", 1.0, 1)]  # fmt: skip


def test_release_indication_and_command(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.add(e_rab(6, Endpoint(SGW, 0x206), 1), e_rab(7, Endpoint(SGW, 0x207), 2))
    ue.added(e_rab_at(6, Endpoint(ENB, 0x306)), e_rab_at(7, Endpoint(ENB, 0x307)))
    wire.wait(2)
    ue.up(8, 0, {110: Lte.causes({6: ("radioNetwork", "radio-resources-not-available")})})
    wire.wait(1)
    ue.down(7, 0, {33: Lte.causes({7: ("nas", "normal-release")}), 26: b"\x07\xcd"})
    ue.up(7, 1, {69: listed(15, "E-RABReleaseItemBearerRelComp", [{"e-RAB-ID": 7}])})
    wire.wait(6)
    run = wire.run()
    assert stays(run) == [
        (5, NAME, "drained", None, None),
        (6, NAME, "released", True, "radio-resources-not-available"),
        (7, NAME, "released", False, "normal-release"),
    ]
    assert outcomes(run, "e_rab_release_indication") == [("success", NAME, "radio-resources-not-available")]
    assert outcomes(run, "e_rab_release") == [("success", NAME, "normal-release")]
    assert only(run.session)["end_reason"] == "drained"


def test_modified_quality(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    quality = e_rab(5, SGW_U, 7)["e-RABlevelQoSParameters"]
    ue.down(6, 0, {30: listed(36, "E-RABToBeModifiedItemBearerModReq",
                              [{"e-RAB-ID": 5, "e-RABLevelQoSParameters": quality, "nAS-PDU": b"\x07"}])})  # fmt: skip
    ue.up(6, 1, {31: listed(37, "E-RABModifyItemBearerModRes", [{"e-RAB-ID": 5}])})
    run = wire.run()
    assert outcomes(run, "e_rab_modify") == [("success", NAME, None)]
    assert only(run.presence)["qos_class"] == 7


V6 = bytes.fromhex("20010db8000000000000000000000005")
SGW6 = bytes.fromhex("20010db8000000000000000000000002")


def test_dual_stack_endpoints(wire: RanWire) -> None:
    """Packets that go to either address of an endpoint belong to the bearer; so do those of a new pair."""
    ue = Lte(wire)
    ue.initial(A)
    ue.context_setup(e_rab(5, SGW_U, second=SGW6))
    ue.context_set_up(e_rab_at(5, ENB_U, second=V6))
    for _ in range(2):
        wire.up(), wire.down()
        wire.data(V6, Endpoint(SGW6, SGW_U.teid), UE, SERVER)
        wire.data(SGW6, Endpoint(V6, ENB_U.teid), SERVER, UE)
        ue.context_set_up(e_rab_at(5, ENB_U, second=V6))  # told again
    ue.release()
    ue.connect(A, SGW_U, ENB_U._replace(teid=0x333))
    wire.up(), wire.data(V6, Endpoint(SGW6, SGW_U.teid), UE, SERVER)
    session = only(wire.run().session)
    assert (session["packets_up"], session["packets_down"]) == (6, 4)


def test_endpoints_of_ipv6_alone(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, Endpoint(SGW6, 7), Endpoint(V6, 8))
    wire.data(V6, Endpoint(SGW6, 7), UE, SERVER), wire.data(SGW6, Endpoint(V6, 8), SERVER, UE)
    session = only(wire.run().session)
    assert (session["packets_up"], session["packets_down"]) == (1, 1)


# --- idle and back, ids used again ----------------------------------------------------------------------------------


def test_service_request_goes_on_with_the_session(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    wire.up()
    ue.release()
    wire.wait(20)
    again = Lte(wire, ENB2, enb_id=9, mme_id=101)
    again.connect(B, SGW_U, ENB2_U)
    wire.data(ENB2, SGW_U, UE, SERVER)
    run = wire.run()
    session = only(run.session)
    assert (session["cell_first"], session["cell_last"], session["packets_up"]) == (NAME, NAME2, 2)
    assert stays(run) == [(5, NAME, "released", False, "user-inactivity"), (5, NAME2, "drained", None, None)]
    assert sorted(r["cell"] for r in run.flow) == [NAME, NAME2]


def test_ids_used_again(wire: RanWire) -> None:
    """Another device with the same ids of eNB and MME; the first one's release was not captured whole."""
    Lte(wire).connect(A, SGW_U, ENB_U)
    wire.up()
    other = Lte(wire)
    other.initial(B)
    other.context_setup(e_rab(5, Endpoint(SGW, 0x299), 8))
    other.context_set_up(e_rab_at(5, Endpoint(ENB, 0x399)))
    wire.up(UE2, Endpoint(SGW, 0x299))
    run = wire.run()
    assert {(r["cell_last"], r["qos_class"], r["packets_up"]) for r in run.session} == {(NAME, 9, 1), (NAME2, 8, 1)}
    assert {r["ue_ip"]: r["cell"] for r in run.flow} == {"10.0.0.1": NAME, "10.0.0.2": NAME2}


def test_requests_of_a_former_context_are_not_answered_for_another(wire: RanWire) -> None:
    first = Lte(wire)
    first.initial(A)
    first.context_setup(e_rab(5, SGW_U))
    second = Lte(wire)
    second.initial(B)
    second.context_setup(e_rab(5, Endpoint(SGW, 0x299)))
    second.context_set_up(e_rab_at(5, ENB_U))
    run = wire.run()
    found = {r["cell"]: (r["outcome"], r["latency_ms"], r["attempts"]) for r in of(run, "initial_context_setup")}
    assert found == {NAME: (None, None, 1), NAME2: ("success", 1.0, 1)}


def test_connected_anew_elsewhere_then_told_lost(wire: RanWire) -> None:
    """A radio link failure: the device is back in another cell before the old cell tells of the loss."""
    first = Lte(wire)
    first.connect(A, SGW_U, ENB_U)
    wire.wait(3)
    second = Lte(wire, ENB2, enb_id=2, mme_id=101)
    second.connect(B, SGW_U, ENB2_U)
    wire.wait(1)
    first.release(*LOST)
    wire.wait(1)
    run = wire.run()
    assert stays(run) == [
        (5, NAME, "released", None, None),
        (5, NAME2, "drained", None, None),
        (5, NAME, "late", True, LOST_TEXT),
    ]
    assert only(run.session)["cell_last"] == NAME2


def test_capture_begins_within(wire: RanWire) -> None:
    """Of a device whose set-up was not seen its new bearer is known, and its release."""
    ue = Lte(wire)
    ue.add(e_rab(6, SGW_U, 1))
    ue.added(e_rab_at(6, ENB_U))
    wire.up(), wire.down()
    ue.release(*LOST)
    run = wire.run()
    assert stays(run) == [(6, None, "released", True, LOST_TEXT)]
    assert only(run.session)["qos_class"] == 1
    assert [r["outcome"] for r in of(run, "e_rab_establishment_added")] == ["success"]


def test_detach_ends_what_only_the_radio_side_told(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.release("nas", "detach", asked=False)
    wire.wait(10)
    Lte(wire, enb_id=5).initial(A)
    session = only(wire.run().session)
    assert (session["end_reason"], session["dropped"], session["cause"]) == ("deleted", False, "detach")


# --- paging ---------------------------------------------------------------------------------------------------------


def page(wire: RanWire, tmsi: int, *enbs: bytes) -> None:
    identity = "s-TMSI", {"mMEC": b"\x01", "m-TMSI": tmsi.to_bytes(4, "big")}
    for enb in enbs or (ENB,):
        areas = listed(47, "TAIItem", [{"tAI": tai(7)}])
        values = {80: (1, 10), 43: identity, 109: "ps", 46: areas}
        wire.between(1, enb, MME).message(MME, 10, 0, values)


def test_paging(wire: RanWire) -> None:
    page(wire, 1, ENB, ENB2)
    page(wire, 2)
    wire.wait(1)
    page(wire, 1, ENB2)
    Lte(wire, ENB2, enb_id=3).connect(B, SGW_U, ENB2_U, tmsi=1, why="mt-Access")
    wire.wait(60)
    page(wire, 3)
    run = wire.run()
    found = [(r["outcome"], r["attempts"], r["cell"], r["latency_ms"]) for r in of(run, "paging")]
    assert found == [("success", 3, NAME2, 1005.0), ("timeout", 1, None, None), (None, 1, None, None)]
    assert {r["core_node"] for r in of(run, "paging")} == {"172.16.0.1"}


# --- resets ---------------------------------------------------------------------------------------------------------


def devices(wire: RanWire, enb: bytes, count: int, first: int = 0) -> list[Lte]:
    made = []
    for n in range(first, first + count):
        ue = Lte(wire, enb, enb_id=n + 1, mme_id=1000 + n)
        ue.connect(A if enb == ENB else B, Endpoint(SGW, 0x1000 + n), Endpoint(enb, 0x2000 + n))
        made.append(ue)
    return made


def test_reset_of_all(wire: RanWire) -> None:
    """All of one association; those of another stay."""
    devices(wire, ENB, 3), devices(wire, ENB2, 2, 10)
    link = wire.between(1, ENB, MME)
    link.message(ENB, 14, 0, {2: ("misc", "hardware-failure"), 92: ("s1-Interface", "reset-all")})
    link.message(MME, 14, 1, {})
    run = wire.run()
    assert sorted(str(s[1:]) for s in stays(run)) == sorted(
        str(s) for s in [(NAME, "released", True, "hardware-failure")] * 3 + [(NAME2, "drained", None, None)] * 2
    )
    assert [r["outcome"] for r in of(run, "reset")] == ["success"]


def test_reset_of_some(wire: RanWire) -> None:
    devices(wire, ENB, 4)
    link = wire.between(1, ENB, MME)
    named = [{"eNB-UE-S1AP-ID": 1}, {"mME-UE-S1AP-ID": 1001}, {"eNB-UE-S1AP-ID": 99}]
    part = "partOfS1-Interface", listed(91, "UE-associatedLogicalS1-ConnectionItem", named)
    link.message(MME, 14, 0, {2: ("misc", "om-intervention"), 92: part})
    run = wire.run()
    reasons = sorted((r["end_reason"], r["dropped"]) for r in run.presence if r["end_reason"] == "released")
    assert reasons == [("released", False)] * 2


def test_reset_of_more_than_there_is_room_for(wire: RanWire) -> None:
    """Rows that find no room are written by the next sweep, with the time of the reset."""
    count = 160
    for n in range(count):
        ue = Lte(wire, ENB, enb_id=n + 1, mme_id=1000 + n)
        ebis = range(5, 16)
        ue.initial(A)
        ue.context_setup(*[e_rab(ebi, Endpoint(SGW, 0x10000 + 16 * n + ebi)) for ebi in ebis])
        ue.context_set_up(*[e_rab_at(ebi, Endpoint(ENB, 0x20000 + 16 * n + ebi)) for ebi in ebis])
    link = wire.between(1, ENB, MME)
    link.message(ENB, 14, 0, {2: ("misc", "hardware-failure"), 92: ("s1-Interface", "reset-all")})
    at = wire.now
    for _ in range(3):
        wire.up(), wire.wait(40)
    run = wire.run(rows=16)
    assert len(run.presence) == 11 * count
    assert {(r["end_reason"], r["dropped"], r["end_time"]) for r in run.presence} == {("released", True, at)}


def test_set_up_of_a_node_again(wire: RanWire) -> None:
    devices(wire, ENB, 2)
    link = wire.between(1, ENB, MME)
    node = {"pLMNidentity": b"\x02\xf8\x39", "eNB-ID": ("macroENB-ID", (1, 20))}
    areas = [{"tAC": b"\0\1", "broadcastPLMNs": [b"\x02\xf8\x39"]}]
    link.message(ENB, 17, 0, {59: node, 64: areas, 137: "v128"})
    run = wire.run()
    assert [s[2:] for s in stays(run)] == [("released", True, None)] * 2
    assert [r["outcome"] for r in of(run, "s1_setup")] == [None]


def test_error_indication(wire: RanWire) -> None:
    ue = Lte(wire)
    ue.connect(A, SGW_U, ENB_U)
    ue.up(15, 0, {2: ("radioNetwork", "unknown-mme-ue-s1ap-id")})
    run = wire.run()
    row = only(of(run, "error_indication"))
    assert (row["outcome"], row["cause_code"], row["cell"]) == ("failure", 13, NAME)


# --- whatever the number of shards -----------------------------------------------------------------------------------


def test_workers_write_the_same(wire: RanWire) -> None:
    for ue in devices(wire, ENB, 5):
        ue.release(*LOST)
    for ue in devices(wire, ENB2, 5, 10):
        ue.add(e_rab(6, Endpoint(SGW, 0x5000 + ue.enb_id), 1))
        ue.added(failed={6: ("transport", "unspecified")})
    core(wire)
    attach(wire, "208930000000009", sgw=Endpoint(SGW, 0x98), sgw_u=Endpoint(SGW, 0x97), ue=UE2)
    detach(wire, teid=0x98)
    one, three = wire.run(), wire.run(workers=3)
    for table in tools.TABLES:
        assert one.multiset(table) == three.multiset(table), table


def test_names(wire: RanWire) -> None:
    """What the tests take for granted."""
    assert (CELL.mcc, CELL.mnc, AMBR["uEaggregateMaximumBitRateDL"]) == ("208", "93", 10**8)


ABORT, SHUTDOWN_COMPLETE = b"\x06\0\0\4", b"\x0e\0\0\4"


@pytest.mark.parametrize(("chunk", "dropped"), [(ABORT, True), (SHUTDOWN_COMPLETE, False)])
def test_association_that_ends(wire: RanWire, chunk: bytes, dropped: bool) -> None:
    """Connections end with the association that they are on: lost where it is aborted, no cause is told."""
    devices(wire, ENB, 3), devices(wire, ENB2, 2, 10)
    wire.between(1, ENB, MME).send(ENB, chunk)
    at = wire.now
    wire.wait(5), wire.up()
    run = wire.run()
    assert sorted(str(s[1:]) for s in stays(run)) == sorted(
        str(s) for s in [(NAME, "released", dropped, None)] * 3 + [(NAME2, "drained", None, None)] * 2
    )
    assert {r["end_time"] for r in run.presence if r["end_reason"] == "released"} == {at}


def test_an_abort_with_another_tag_ends_nothing(wire: RanWire) -> None:
    devices(wire, ENB, 2)
    link = wire.between(1, ENB, MME)
    link.tags[MME] += 1
    link.send(ENB, ABORT)
    assert {s[2] for s in stays(wire.run())} == {"drained"}


def test_set_up_of_a_node_on_a_new_association(wire: RanWire) -> None:
    """A node that comes back without a word: its set-up resets the connections that the association before had."""
    devices(wire, ENB, 2), devices(wire, ENB2, 1, 10)
    del wire.associations[1, ENB, MME]
    wire.associations[1, bytes(4), MME] = wire.between(1, ENB2, MME)  # another port for the next
    node = {"pLMNidentity": b"\x02\xf8\x39", "eNB-ID": ("macroENB-ID", (1, 20))}
    areas = [{"tAC": b"\0\1", "broadcastPLMNs": [b"\x02\xf8\x39"]}]
    wire.between(1, ENB, MME).message(ENB, 17, 0, {59: node, 64: areas, 137: "v128"})
    told = stays(wire.run())
    assert sorted(str(s[1:]) for s in told) == sorted(
        str(s) for s in [(NAME, "released", True, None)] * 2 + [(NAME2, "drained", None, None)]
    )
