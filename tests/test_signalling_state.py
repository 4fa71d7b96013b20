"""Sequences of messages made by hand: what each does to sessions, bearers, endpoints and procedures."""

from pathlib import Path

import pytest

from kernels.shard import Limits
from tests import pipeline_tools as tools
from tests.test_invariance import write_pcap
from tools.scenario import encode_gtp as gtp
from tools.scenario.encode_gtp import Endpoint, Location, Tunnel
from tools.scenario.encode_ip import ip, udp

pytestmark = pytest.mark.compiled

SECOND, MS = 10**9, 10**6
START = 1_767_225_600 * SECOND
MME, SGW, SGW2, PGW, ENB, ENB2 = (bytes((172, 16, 0, n)) for n in range(1, 7))
UE, UE2, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), bytes((203, 0, 113, 1))
MME_C, SGW_C, PGW_C = Endpoint(MME, 0x11), Endpoint(SGW, 0x22), Endpoint(PGW, 0x33)
SGW_U, ENB_U, ENB2_U = Endpoint(SGW, 0x201), Endpoint(ENB, 0x301), Endpoint(ENB2, 0x302)
CELL, CELL2 = Location("208", "93", 1, 0x101), Location("208", "93", 1, 0x202)
NAME, NAME2 = "208-93-257", "208-93-514"
IMSI, IMSI2 = "208930000000001", "208930000000002"
ETHERNET = bytes((2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0))
Body = list[bytes]


class Wire:
    """Messages as they pass, each `MS` after the one before unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.sequence = folder, START + SECOND, 0
        self.frames: list[tuple[int, bytes]] = []

    def wait(self, seconds: float) -> "Wire":
        self.now += int(seconds * SECOND)
        return self

    def put(self, packet: bytes) -> int:
        self.now += MS
        self.frames.append((self.now, ETHERNET + packet))
        return self.now

    def message(self, src: bytes, dst: bytes, data: bytes) -> int:
        return self.put(ip(src, dst, 17, udp(src, dst, 2123, 2123, data)))

    def ask(self, src: bytes, dst: bytes, kind: int, teid: int, *body: bytes) -> tuple[bytes, bytes, int, int]:
        self.sequence += 1
        self.message(src, dst, gtp.message_v2(kind, teid, self.sequence, b"".join(body)))
        return src, dst, kind, self.sequence

    def answer(self, asked: tuple[bytes, bytes, int, int], teid: int, *body: bytes) -> None:
        src, dst, kind, sequence = asked
        self.message(dst, src, gtp.message_v2(kind + 1, teid, sequence, b"".join(body)))

    def data(self, src: bytes, to: Endpoint, inner_src: bytes, inner_dst: bytes, octets: int = 100) -> int:
        payload = udp(inner_src, inner_dst, 1000, 2000, bytes(octets))
        return self.put(Tunnel(src, to).wrap(ip(inner_src, inner_dst, 17, payload), 1))

    def up(self, ue: bytes = UE, to: Endpoint = SGW_U) -> int:
        return self.data(ENB, to, ue, SERVER)

    def down(self, ue: bytes = UE, to: Endpoint = ENB_U) -> int:
        return self.data(SGW, to, SERVER, ue)

    def run(self, **options: object) -> tools.Run:
        return tools.run([write_pcap(self.folder / "made.pcap", self.frames)], **{"window_s": 900, **options})


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


def create_body(imsi: str = IMSI, ebi: int = 5, apn: str = "internet", mme: Endpoint = MME_C) -> Body:
    return [gtp.identity(imsi, "33612345678", "3512340000000101"), gtp.uli(CELL), gtp.ie(82, b"\x06"),
            gtp.fteid(gtp.S11_MME, mme), gtp.fteid(gtp.S5C_PGW, PGW_C._replace(teid=0), 1), gtp.ie(71, gtp.labels(apn)),
            gtp.bearer_context(gtp.ebi(ebi), gtp.bearer_qos(9))]  # fmt: skip


def created_body(ebi: int = 5, sgw_u: Endpoint = SGW_U, ue: bytes = UE, sgw: Endpoint = SGW_C) -> Body:
    context = gtp.bearer_context(gtp.ebi(ebi), gtp.cause(16), gtp.fteid(gtp.S1U_SGW, sgw_u), gtp.bearer_qos(9))
    head = [gtp.cause(16), gtp.fteid(gtp.S11_SGW, sgw), gtp.fteid(gtp.S5C_PGW, PGW_C, 1), gtp.paa(ue, None)]
    return [*head, context]


def attach(wire: Wire, imsi: str = IMSI, ebi: int = 5, apn: str = "internet", mme: Endpoint = MME_C,
           sgw: Endpoint = SGW_C, sgw_u: Endpoint = SGW_U, enb_u: Endpoint = ENB_U,
           ue: bytes = UE) -> None:  # fmt: skip
    """Create Session and Modify Bearer."""
    asked = wire.ask(MME, SGW, 32, 0, *create_body(imsi, ebi, apn, mme))
    wire.answer(asked, mme.teid, *created_body(ebi, sgw_u, ue, sgw))
    modify(wire, ebi, enb_u, sgw, mme)


def modify(wire: Wire, ebi: int = 5, enb_u: Endpoint = ENB_U, sgw: Endpoint = SGW_C, mme: Endpoint = MME_C,
           where: Location | None = None) -> None:  # fmt: skip
    body = [gtp.uli(where)] if where else []
    body.append(gtp.bearer_context(gtp.ebi(ebi), gtp.fteid(gtp.S1U_ENB, enb_u)))
    asked = wire.ask(MME, SGW, 34, sgw.teid, *body)
    wire.answer(asked, mme.teid, gtp.cause(16))


def detach(wire: Wire, ebi: int = 5, to: bytes = SGW, teid: int = SGW_C.teid, *more: bytes) -> None:
    asked = wire.ask(MME, to, 36, teid, gtp.ebi(ebi), *more)
    wire.answer(asked, MME_C.teid, gtp.cause(16))


def only(rows: list[tools.Any]) -> tools.Any:
    assert len(rows) == 1, rows
    return rows[0]


def test_attach_data_detach(wire: Wire) -> None:
    attach(wire)
    wire.up(), wire.down()
    detach(wire)
    wire.down()  # on its way when the session ended
    run = wire.run()
    session = only(run.session)
    assert (session["subscriber"], session["apn"], session["ue_ip"]) == (IMSI, "internet", "10.0.0.1")
    assert (session["end_reason"], session["dropped"]) == ("deleted", False)
    assert (session["packets_up"], session["packets_down"]) == (1, 2)
    assert {(row["subscriber"], row["cell"]) for row in run.flow} == {(IMSI, NAME)}
    assert sorted((row["teid_up"] or 0, row["teid_down"] or 0) for row in run.flow) == [(0, 0x301), (0x201, 0)]


def test_packets_of_an_endpoint_unbound_long_ago_are_nobodys(wire: Wire) -> None:
    attach(wire)
    detach(wire)
    wire.wait(4.9)
    wire.down()
    wire.wait(1)
    wire.down(UE2)
    run = wire.run()
    assert sorted((row["ue_ip"], row["subscriber"]) for row in run.flow)[0][1] == IMSI
    assert sum(row["subscriber"] is None for row in run.flow) == 1


def test_answer_before_request(wire: Wire) -> None:
    wire.sequence = 1
    wire.answer((MME, SGW, 32, 2), MME_C.teid, *created_body())
    wire.ask(MME, SGW, 32, 0, *create_body())
    modify(wire)
    wire.up(), wire.down()
    run = wire.run()
    session = only(run.session)
    assert (session["subscriber"], session["setup_ms"], session["cell_first"]) == (IMSI, 0.0, NAME)
    assert {row["subscriber"] for row in run.flow} == {IMSI}
    created = only([row for row in run.procedure if row["procedure"] == "create_session"])
    assert (created["outcome"], created["latency_ms"], created["session_id"]) == ("success", 0.0, session["session_id"])


def test_endpoint_used_again_by_another(wire: Wire) -> None:
    attach(wire)
    wire.up()
    detach(wire)
    attach(wire, IMSI2, mme=Endpoint(MME, 0x99), sgw=Endpoint(SGW, 0x98), ue=UE2)
    wire.up(UE2), wire.down(UE2)
    run = wire.run()
    assert {row["ue_ip"]: row["subscriber"] for row in run.flow} == {"10.0.0.1": IMSI, "10.0.0.2": IMSI2}


def test_two_pdn_connections_end_apart(wire: Wire) -> None:
    ims = {"sgw_u": Endpoint(SGW, 0x202), "enb_u": Endpoint(ENB, 0x303), "ue": UE2}
    attach(wire)
    attach(wire, ebi=6, apn="ims", **ims)
    wire.up(), wire.up(UE2, ims["sgw_u"])
    detach(wire, 6)
    detach(wire, 6)  # again, as another request: the session of EBI 5 is not meant
    wire.wait(1)
    wire.up()
    run = wire.run()
    ends = {row["apn"]: (row["end_reason"], row["packets_up"]) for row in run.session}
    assert ends == {"internet": ("drained", 2), "ims": ("deleted", 1)}
    assert {row["ue_ip"]: row["apn"] for row in run.flow} == {"10.0.0.1": "internet", "10.0.0.2": "ims"}


def test_handover(wire: Wire) -> None:
    attach(wire)
    wire.up(), wire.down()
    modify(wire, enb_u=ENB2_U, where=CELL2)
    wire.down(to=ENB2_U), wire.down(to=ENB_U)  # the second still on the old path
    run = wire.run()
    session = only(run.session)
    assert (session["cell_first"], session["cell_last"], session["packets_down"]) == (NAME, NAME2, 3)
    assert [row["cell"] for row in sorted(run.presence, key=lambda r: r["start_time"])] == [NAME, NAME2]
    assert sum(row["packets_down"] for row in run.flow if row["cell"] == NAME2) == 2


def test_release_and_loss_of_the_radio_link(wire: Wire) -> None:
    attach(wire)
    asked = wire.ask(MME, SGW, 170, SGW_C.teid, gtp.ie(77, b"\0\0\0\x40"))  # ARRL
    wire.answer(asked, MME_C.teid, gtp.cause(16))
    wire.wait(10)
    modify(wire)
    wire.wait(2)
    asked = wire.ask(MME, SGW, 170, SGW_C.teid)
    wire.answer(asked, MME_C.teid, gtp.cause(16))
    run = wire.run()
    released = [row for row in run.presence if row["end_reason"] == "released"]
    assert [row["dropped"] for row in sorted(released, key=lambda r: r["start_time"])] == [True, False]
    assert only(run.session)["end_reason"] == "drained"
    assert released[1]["connected_ms"] == pytest.approx(2002.0, abs=1)


def dedicated(wire: Wire) -> Endpoint:
    """Create Bearer: EBI 7, its endpoint at the SGW."""
    core, ran = Endpoint(SGW, 0x277), Endpoint(ENB, 0x377)
    offer = gtp.bearer_context(gtp.ebi(0), gtp.fteid(gtp.S1U_SGW, core), gtp.bearer_qos(1))
    asked = wire.ask(SGW, MME, 95, MME_C.teid, gtp.ebi(5), offer)
    taken = gtp.bearer_context(gtp.ebi(7), gtp.cause(16), gtp.fteid(gtp.S1U_ENB, ran), gtp.fteid(gtp.S1U_SGW, core, 1))
    wire.answer(asked, SGW_C.teid, gtp.cause(16), taken)
    return core


def test_dedicated_bearer_dropped_by_command(wire: Wire) -> None:
    attach(wire)
    wire.up(to=dedicated(wire))
    context = gtp.bearer_context(gtp.ebi(7), gtp.ran_cause(1, 0, 21))
    wire.sequence = 0x800000
    wire.ask(MME, SGW, 66, SGW_C.teid, context)
    wire.sequence -= 1
    asked = wire.ask(SGW, MME, 99, MME_C.teid, gtp.ebi(7, 1))
    wire.answer(asked, SGW_C.teid, gtp.cause(16), gtp.bearer_context(gtp.ebi(7), gtp.cause(16)))
    wire.wait(1)
    detach(wire)
    run = wire.run()
    session = only(run.session)
    assert (session["end_reason"], session["dropped"], session["packets_up"]) == ("deleted", False, 1)
    bearers = {row["ebi"]: (row["dropped"], row["cause_code"], row["qos_class"]) for row in run.presence}
    assert bearers == {5: (False, None, 9), 7: (True, 21, 1)}
    command = only([row for row in run.procedure if row["procedure"] == "delete_bearer_command"])
    assert (command["outcome"], command["latency_ms"]) == ("success", 1.0)


@pytest.mark.parametrize("unknown, dst, reason", [(SGW_U, ENB, "error_indication"), (ENB_U, SGW, "drained")])
def test_error_indication(wire: Wire, unknown: Endpoint, dst: bytes, reason: str) -> None:
    """From the core side the session is gone; from the radio side the bearer is lost, and may come back."""
    attach(wire)
    wire.put(ip(unknown.address, dst, 17, udp(unknown.address, dst, 2152, 2152, gtp.error_indication(unknown))))
    wire.wait(1)
    wire.put(ip(ENB, SGW, 17, udp(ENB, SGW, 2152, 2152, gtp.gtpu_echo(False, 1))))
    run = wire.run()
    assert only(run.session)["end_reason"] == reason
    assert any(row["dropped"] for row in run.presence)


def test_restart_of_a_gateway(wire: Wire) -> None:
    for counter in (7, 7, 8):
        asked = wire.ask(SGW, PGW, 1, 0)
        wire.answer(asked, 0, gtp.ie(3, bytes((counter,))))
        if counter == 7 and wire.sequence == 1:
            attach(wire)
        wire.wait(3)
    session = only(wire.run().session)
    assert (session["end_reason"], session["dropped"]) == ("peer_restart", True)


def test_moved_to_another_sgw(wire: Wire) -> None:
    """Create Session with OI at the new SGW; Delete Session at the old one ends nothing."""
    attach(wire)
    new_c, new_u = Endpoint(SGW2, 0x44), Endpoint(SGW2, 0x401)
    body = [*create_body(), gtp.ie(77, b"\x08\0\0\0")]
    asked = wire.ask(MME, SGW2, 32, 0, *body)
    wire.answer(asked, MME_C.teid, *created_body(sgw_u=new_u, sgw=new_c))
    detach(wire)
    wire.wait(6)
    wire.up(to=new_u)
    session = only(wire.run().session)
    assert (session["end_reason"], session["packets_up"]) == ("drained", 1)


def test_attach_again_replaces(wire: Wire) -> None:
    attach(wire)
    wire.wait(2)
    attach(wire, mme=Endpoint(MME, 0x55), sgw=Endpoint(SGW, 0x56), ue=UE2)
    ends = [row["end_reason"] for row in sorted(wire.run().session, key=lambda r: r["start_time"])]
    assert ends == ["replaced", "drained"]


def test_refused_and_unanswered_set_ups_leave_no_session(wire: Wire) -> None:
    asked = wire.ask(MME, SGW, 32, 0, *create_body())
    wire.answer(asked, MME_C.teid, gtp.cause(73))
    wire.ask(MME, SGW, 32, 0, *create_body())
    wire.wait(1)
    wire.ask(MME, SGW, 32, 0, *create_body())
    wire.wait(40)
    attach(wire, IMSI2)
    run = wire.run()
    assert [row["subscriber"] for row in run.session] == [IMSI2]
    outcomes = sorted((row["outcome"], row["cause_code"]) for row in run.procedure if row["subscriber"] == IMSI)
    assert outcomes == [("failure", 73), ("timeout", None), ("timeout", None)]


def test_a_capture_that_starts_amid(wire: Wire) -> None:
    """A Modify Bearer for a tunnel that was never set up: a session without identity, told apart by its endpoint."""
    modify(wire, where=CELL2)
    wire.down()
    wire.wait(1)
    detach(wire)
    run = wire.run()
    session = only(run.session)
    assert (session["subscriber"], session["setup_ms"], session["end_reason"]) == (None, None, "deleted")
    assert only(run.flow)["cell"] == NAME2


# --- GTPv1 -------------------------------------------------------------------------------------------------------

SGSN, GGSN = bytes((172, 17, 0, 1)), bytes((172, 17, 0, 2))
QOS_CONVERSATIONAL = gtp.tlv(135, bytes.fromhex("0223221f9196585874f9ffff"))


def pdp_request(wire: Wire, sequence: int, teid: int, nsapi: int, data: int, linked: int | None) -> None:
    body = gtp.imsi_v1(IMSI) if linked is None else b""
    body += (
        gtp.rai(CELL) + gtp.tv(16, data.to_bytes(4, "big")) + gtp.tv(17, b"\0\0\0\x71") + gtp.tv(20, bytes((nsapi,)))
    )
    body += gtp.tv(20, bytes((linked,))) if linked is not None else b""
    body += gtp.tlv(128, b"\xf1\x21") + gtp.tlv(131, gtp.labels("internet")) if linked is None else b""
    body += gtp.tlv(133, SGSN) + gtp.tlv(133, SGSN) + gtp.QOS_INTERACTIVE
    wire.message(SGSN, GGSN, gtp.message_v1(16, teid, sequence, body))


def pdp_answer(wire: Wire, sequence: int, data: int, ue: bytes) -> None:
    body = gtp.tv(1, b"\x80") + gtp.tv(8, b"\xfe") + gtp.tv(16, data.to_bytes(4, "big")) + gtp.tv(17, b"\0\0\0\x72")
    body += gtp.end_user_address(ue, None) + gtp.tlv(133, GGSN) + gtp.tlv(133, GGSN) + gtp.QOS_INTERACTIVE
    wire.message(GGSN, SGSN, gtp.message_v1(17, 0x71, sequence, body))


def test_secondary_pdp_context(wire: Wire) -> None:
    pdp_request(wire, 1, 0, 5, 0x501, None)
    pdp_answer(wire, 1, 0x601, UE)
    pdp_request(wire, 2, 0x72, 6, 0x502, 5)
    pdp_answer(wire, 2, 0x602, UE)
    wire.data(SGSN, Endpoint(GGSN, 0x601), UE, SERVER)
    wire.data(SGSN, Endpoint(GGSN, 0x602), UE, SERVER)
    wire.message(SGSN, GGSN, gtp.message_v1(20, 0x72, 3, gtp.tv(20, b"\x06")))
    wire.message(GGSN, SGSN, gtp.message_v1(21, 0x71, 3, gtp.tv(1, b"\x80")))
    wire.wait(1)
    wire.data(SGSN, Endpoint(GGSN, 0x601), UE, SERVER)
    run = wire.run()
    session = only(run.session)
    assert (session["end_reason"], session["packets_up"], session["source"]) == ("drained", 3, "gtpv1c")
    assert {row["ebi"]: row["packets_up"] for row in run.presence} == {5: 2, 6: 1}


def test_gtpv1_answer_before_request(wire: Wire) -> None:
    pdp_answer(wire, 1, 0x601, UE)
    pdp_request(wire, 1, 0, 5, 0x501, None)
    wire.data(SGSN, Endpoint(GGSN, 0x601), UE, SERVER)
    wire.data(GGSN, Endpoint(SGSN, 0x501), SERVER, UE)
    run = wire.run()
    session = only(run.session)
    assert (session["subscriber"], session["packets_up"], session["packets_down"]) == (IMSI, 1, 1)
    assert only(run.presence)["ebi"] == 5


# --- full tables -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [
    Limits(flows=16, sessions=4, transactions=4, apns=2), Limits(flows=4, sessions=1, transactions=1, apns=1),
    Limits(flows=16, sessions=64, transactions=2, apns=64), Limits(flows=64, sessions=2, transactions=64, apns=1),
])  # fmt: skip
def test_full_tables_lose_no_packet(wire: Wire, limits: Limits) -> None:
    """What does not fit is left without a session, or evicted: each packet is still in the ledger and in a flow row."""
    users = 0
    for n in range(24):
        ue = bytes((10, 0, 1, n))
        attach(wire, f"2089300000001{n:02d}", apn=f"apn{n}", mme=Endpoint(MME, 100 + n), sgw=Endpoint(SGW, 200 + n),
               sgw_u=Endpoint(SGW, 300 + n), enb_u=Endpoint(ENB, 400 + n), ue=ue)  # fmt: skip
        wire.up(ue, Endpoint(SGW, 300 + n)), wire.down(ue, Endpoint(ENB, 400 + n))
        users += 2
    run = wire.run(limits=limits)
    assert sum(row["packets_up"] + row["packets_down"] for row in run.flow) == users
    assert sum(sum(reasons.values()) for reasons in run.accounts.by_reason().values()) == len(wire.frames)
    assert int(run.accounts.total("joined")[0] + run.accounts.total("unjoined")[0]) == users
