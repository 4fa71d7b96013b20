"""PFCP through the whole path: sessions from rules, endpoints that move, names, ends, and who takes them over."""

from pathlib import Path
from typing import Any

import pytest

from tests import pipeline_tools as tools
from tests.test_diameter_state import CCR, GX, PCRF, Diameter, framed, messages, result, session, subscription
from tests.test_pfcp import element
from tests.test_signalling_state import (
    ENB_U,
    IMSI,
    MME,
    MME_C,
    PGW,
    PGW_C,
    SGW,
    SGW_C,
    SGW_U,
    UE,
    UE2,
    create_body,
    created_body,
    detach,
    modify,
    only,
)
from tools.scenario import encode_gtp as gtp
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.encode_ip import ip, udp

AVP = pytest.importorskip("scapy.contrib.diameter").AVP
pytestmark = pytest.mark.compiled

SMF, UPF, GNB, GNB2, IUPF = (bytes((172, 17, 0, n)) for n in range(1, 6))
UPF_U, GNB_U, GNB2_U = Endpoint(UPF, 0x501), Endpoint(GNB, 0x601), Endpoint(GNB2, 0x602)
ACCESS, CORE = 0, 1
ACCEPTED, REJECTED, NO_SESSION = 1, 64, 65
CREATE_PDR, CREATE_FAR, CREATED_PDR, UPDATE_FAR = 1, 3, 8, 10
BUFFER, FORWARD = b"\x0c", b"\x02"


def u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def f_teid(endpoint: Endpoint | None) -> bytes:
    return element(21, b"\x05" if endpoint is None else b"\x01" + u32(endpoint.teid) + endpoint.address)


def f_seid(node: bytes, seid: int) -> bytes:
    return element(57, b"\x02" + seid.to_bytes(8, "big") + node)


def cause(code: int) -> bytes:
    return element(19, bytes([code]))


def pdr(number: int, side: int, endpoint: Endpoint | bool | None = False, ue: bytes | None = None,
        qfi: int = 9, far: int = 0, kind: int = -1) -> bytes:  # fmt: skip
    """Create PDR; `endpoint` None: the user plane is to choose it, False: there is none."""
    inside = element(20, bytes([side]))
    inside += f_teid(endpoint) if not isinstance(endpoint, bool) else b""
    inside += element(93, b"\x02" + ue) if ue else b""
    inside += element(124, bytes([qfi])) if qfi else b""
    inside += element(160, bytes([kind])) if kind >= 0 else b""
    return element(CREATE_PDR, element(56, u16(number)), element(2, inside), element(108, u32(far or number)))


def far(
    number: int, side: int, endpoint: Endpoint | None = None, action: bytes = FORWARD, kind: int = CREATE_FAR
) -> bytes:
    inside = element(42, bytes([side]))
    inside += element(84, b"\x01\x00" + u32(endpoint.teid) + endpoint.address) if endpoint else b""
    group = element(4 if kind == CREATE_FAR else 11, inside)
    return element(kind, element(108, u32(number)), element(44, action), group)


def chosen(number: int, endpoint: Endpoint) -> bytes:
    return element(CREATED_PDR, element(56, u16(number)), f_teid(endpoint))


def user_id(imsi: str) -> bytes:
    digits = imsi + "f" * (len(imsi) % 2)
    value = bytes(int(digits[k + 1] + digits[k], 16) for k in range(0, len(digits), 2))
    return element(141, b"\x01", bytes([len(value)]), value)


def apn(name: str) -> bytes:
    return element(159, gtp.labels(name))


SLICE = element(257, b"\x01\x01\x02\x03")


class Pfcp(Diameter):
    """PFCP between SMF and UPF, or the two given."""

    number = 0

    def pfcp(self, src: bytes, dst: bytes, kind: int, seid: int | None, number: int, *elements: bytes) -> int:
        body = (
            (b"" if seid is None else seid.to_bytes(8, "big")) + number.to_bytes(3, "big") + b"\0" + b"".join(elements)
        )
        head = bytes([0x20 if seid is None else 0x21, kind]) + u16(len(body))
        return self.put(ip(src, dst, 17, udp(src, dst, 8805, 8805, head + body)))

    def request(self, src: bytes, dst: bytes, kind: int, seid: int | None, *elements: bytes) -> int:
        self.number += 1
        self.pfcp(src, dst, kind, seid, self.number, *elements)
        return self.number

    def exchange(self, src: bytes, dst: bytes, kind: int, seids: tuple[int, int], asked: bytes, told: bytes = b"",
                 code: int = ACCEPTED) -> None:  # fmt: skip
        """A request to SEID seids[0], and its answer to seids[1]."""
        number = self.request(src, dst, kind, seids[0], asked)
        self.pfcp(dst, src, kind + 1, seids[1], number, cause(code), told)

    def establish(self, *more: bytes, upf: Endpoint = UPF_U, ue: bytes = UE, seids: tuple[int, int] = (11, 21),
                  code: int = ACCEPTED) -> None:  # fmt: skip
        """An N4 session whose F-TEID the UPF chooses."""
        asked = f_seid(SMF, seids[0]) + pdr(1, CORE, ue=ue, far=1) + pdr(2, ACCESS, None, ue)
        asked += far(1, ACCESS, action=BUFFER) + far(2, CORE) + b"".join(more)
        told = f_seid(UPF, seids[1]) + chosen(2, upf) if code < 64 else b""
        self.exchange(SMF, UPF, 50, (0, seids[0]), asked, told, code)

    def move(self, to: Endpoint = GNB_U, seids: tuple[int, int] = (11, 21)) -> None:
        """The far end of the downlink."""
        self.exchange(SMF, UPF, 52, (seids[1], seids[0]), far(1, ACCESS, to, kind=UPDATE_FAR))

    def delete(self, seids: tuple[int, int] = (11, 21), told: bytes = b"") -> None:
        self.exchange(SMF, UPF, 54, (seids[1], seids[0]), b"", told)

    def up(self, ue: bytes = UE, to: Endpoint = UPF_U) -> int:
        return self.data(GNB, to, ue, bytes((203, 0, 113, 1)))

    def down(self, ue: bytes = UE, to: Endpoint = GNB_U) -> int:
        return self.data(UPF, to, bytes((203, 0, 113, 1)), ue)


@pytest.fixture
def wire(tmp_path: Path) -> Pfcp:
    return Pfcp(tmp_path)


def of(run: tools.Run, name: str) -> list[dict[str, Any]]:
    """Procedures of a name in order of time."""
    return sorted((r for r in run.procedure if r["procedure"] == name), key=lambda row: row["start_time"])


def test_session_of_n4_alone(wire: Pfcp) -> None:
    """User ID, DNN, slice and UE address name it; the gNB's endpoint connects it; a handover moves it; it ends."""
    wire.establish(user_id(IMSI), apn("internet"), SLICE)
    wire.move()
    wire.up(), wire.down()
    wire.wait(1)
    wire.move(GNB2_U)
    wire.down(to=GNB2_U), wire.down()  # the second still on the old path
    wire.delete()
    run = wire.run()
    row = only(run.session)
    told = tools.key(
        row, "source", "subscriber", "apn", "ue_ip", "slice", "gateway", "end_reason", "dropped", "setup_ms"
    )
    assert told == ("pfcp", IMSI, "internet", "10.0.0.1", "1-010203", "172.17.0.1", "deleted", False, 1.0)
    assert tools.key(row, "packets_up", "packets_down") == (1, 3)
    assert {r["subscriber"] for r in run.flow} == {IMSI}
    stay = only(run.presence)
    assert stay["connected_ms"] == pytest.approx(1009.0, abs=3)
    assert {r["interface"] for r in run.procedure} == {"n4"}
    assert {r["session_id"] for r in run.procedure} == {row["session_id"]}
    assert [r["procedure"] for r in sorted(run.procedure, key=lambda r: r["start_time"])] == [
        "pfcp_session_establishment", "pfcp_session_modification", "pfcp_session_modification", "pfcp_session_deletion"
    ]  # fmt: skip
    assert messages(run) == {("joined", "n4"): 8}


def test_without_user_id_the_address_names_it(wire: Pfcp) -> None:
    wire.establish()
    wire.move()
    wire.up()
    run = wire.run()
    assert tools.key(only(run.session), "subscriber", "ue_ip", "packets_up") == (None, "10.0.0.1", 1)
    assert only(run.flow)["session_id"] == only(run.session)["session_id"]


def test_idle_and_back(wire: Pfcp) -> None:
    """A rule that only buffers: the radio side is given up, for what reason N4 does not tell."""
    wire.establish(user_id(IMSI))
    wire.move()
    wire.wait(10)
    wire.exchange(SMF, UPF, 52, (21, 11), element(UPDATE_FAR, element(108, u32(1)), element(44, BUFFER)))
    wire.wait(20)
    wire.move(GNB2_U)
    wire.wait(5)
    wire.delete()
    stays = sorted(wire.run().presence, key=lambda row: row["start_time"])
    assert [tools.key(r, "end_reason", "dropped") for r in stays] == [("released", None), ("deleted", False)]
    assert [r["connected_ms"] for r in stays] == pytest.approx([10_000, 5_000], abs=5)


def test_refused_and_unanswered(wire: Pfcp) -> None:
    """Neither leaves a session; a retransmission is one attempt, a copy of the same packet none."""
    wire.establish(user_id(IMSI), code=REJECTED)
    number = wire.request(SMF, UPF, 50, 0, f_seid(SMF, 12), pdr(1, ACCESS, None, UE2))
    wire.wait(3)
    wire.pfcp(SMF, UPF, 50, 0, number, f_seid(SMF, 12), pdr(1, ACCESS, None, UE2))
    wire.pfcp(SMF, UPF, 50, 0, number + 1, f_seid(SMF, 13))
    wire.pfcp(SMF, UPF, 50, 0, number + 1, f_seid(SMF, 13))
    wire.wait(60)
    wire.request(SMF, UPF, 1, None, element(96, u32(1)))
    run = wire.run()
    assert run.session == []
    found = [tools.key(r, "outcome", "cause_code", "attempts") for r in of(run, "pfcp_session_establishment")]
    assert found == [("failure", 64, 1), ("timeout", None, 2), ("timeout", None, 1)]


@pytest.mark.parametrize("code", [ACCEPTED, REJECTED])
def test_an_answer_captured_before_its_request(wire: Pfcp, code: int) -> None:
    """The session is there or not as the answer told; the user plane's SEID, which only the answer tells, ends it."""
    asked = (
        f_seid(SMF, 11) + pdr(1, CORE, ue=UE, far=1) + pdr(2, ACCESS, UPF_U, UE) + far(1, ACCESS, GNB_U) + user_id(IMSI)
    )
    wire.pfcp(UPF, SMF, 51, 11, 1, cause(code), f_seid(UPF, 21) if code == ACCEPTED else b"")
    wire.pfcp(SMF, UPF, 50, 0, 1, asked)
    wire.wait(1)
    wire.number = 1
    wire.up()
    wire.delete()
    run = wire.run()
    row = of(run, "pfcp_session_establishment")[0]
    outcome = "success" if code == ACCEPTED else "failure"
    assert tools.key(row, "outcome", "latency_ms", "subscriber") == (outcome, 0.0, IMSI)
    assert [s["end_reason"] for s in run.session if s["packets_up"] == 0 or code == ACCEPTED] == (
        ["deleted"] if code == ACCEPTED else []
    )


def test_node_messages(wire: Pfcp) -> None:
    for kind in (5, 1, 9):
        number = wire.request(SMF, UPF, kind, None, element(60, b"\0" + SMF))
        wire.pfcp(UPF, SMF, kind + 1, None, number, cause(ACCEPTED) if kind != 1 else b"")
    number = wire.request(SMF, UPF, 5, None, element(60, b"\0" + SMF))
    wire.pfcp(UPF, SMF, 11, None, number)  # Version Not Supported Response
    run = wire.run()
    assert [tools.key(r, "procedure", "outcome") for r in sorted(run.procedure, key=lambda r: r["start_time"])] == [
        ("pfcp_association_setup", "success"), ("pfcp_heartbeat", "success"), ("pfcp_association_release", "success"),
        ("pfcp_association_setup", "failure"),
    ]  # fmt: skip
    assert messages(run) == {("unjoined", "n4"): 8}


def heartbeat(wire: Pfcp, node: bytes, other: bytes, started: int) -> int:
    """A heartbeat of `node`; when."""
    number = wire.request(node, other, 1, None, element(96, u32(2_208_988_800 + started & 0xFFFF_FFFF)))
    at = wire.now
    wire.pfcp(other, node, 2, None, number, element(96, u32(2_208_988_800 + 7)))
    return at


def test_restart_of_a_node(wire: Pfcp) -> None:
    """What it had lost is over when it tells a later start; the same start again, or an earlier one, tells nothing."""
    heartbeat(wire, UPF, SMF, 100)
    heartbeat(wire, IUPF, SMF, 100)
    wire.establish(user_id(IMSI))
    wire.wait(1)
    for started in (100, 90):
        heartbeat(wire, UPF, SMF, started)
    heartbeat(wire, IUPF, SMF, 101)  # not between these two
    wire.wait(1)
    at = heartbeat(wire, UPF, SMF, 5000)
    wire.wait(5)
    wire.up(to=Endpoint(UPF, 0x999))
    session = only(wire.run().session)
    assert tools.key(session, "end_reason", "dropped", "end_time") == ("peer_restart", True, at)


def test_release_of_an_association(wire: Pfcp) -> None:
    wire.establish(user_id(IMSI))
    wire.wait(1)
    number = wire.request(SMF, UPF, 9, None, element(60, b"\0" + SMF))
    wire.pfcp(UPF, SMF, 10, None, number, cause(ACCEPTED))
    at = wire.now
    session = only(wire.run().session)
    assert tools.key(session, "end_reason", "dropped", "end_time") == ("deleted", False, at)


def test_usage_where_no_user_plane_is_seen(wire: Pfcp) -> None:
    """The volume of the first reporting rule, the last report with the answer to the deletion."""

    def usage(kind: int, rule: int, up: int, down: int) -> bytes:
        volume = element(66, b"\x06", up.to_bytes(8, "big"), down.to_bytes(8, "big"))
        return element(kind, element(81, u32(rule)), element(104, u32(0)), element(63, b"\x80\0\0"), volume)

    wire.establish(user_id(IMSI))
    number = wire.request(UPF, SMF, 56, 11, element(39, b"\x02"), usage(80, 1, 100, 1000), usage(80, 2, 7, 7))
    wire.pfcp(SMF, UPF, 57, 21, number, cause(ACCEPTED))
    wire.delete(told=usage(79, 1, 20, 200))
    run = wire.run()
    assert tools.key(only(run.session), "bytes_up", "bytes_down") == (120, 1200)
    report = only(of(run, "pfcp_session_report"))
    assert tools.key(report, "requester", "subscriber", "outcome") == ("172.17.0.2", IMSI, "success")


def test_error_indication_report(wire: Pfcp) -> None:
    """The gNB does not know its endpoint: the radio side is lost."""
    wire.establish(user_id(IMSI))
    wire.move()
    wire.wait(2)
    number = wire.request(UPF, SMF, 56, 11, element(39, b"\x04"), element(99, f_teid(GNB_U)))
    wire.pfcp(SMF, UPF, 57, 21, number, cause(ACCEPTED))
    run = wire.run()
    assert tools.key(run.presence[0], "end_reason", "dropped") == ("released", True)


def test_seid_and_endpoint_used_again(wire: Pfcp) -> None:
    """The end of the first session was not seen: it is replaced, the second is another's."""
    wire.establish(user_id(IMSI))
    wire.up()
    wire.wait(100)
    wire.establish(user_id("208930000000009"), ue=UE2, seids=(12, 22))
    wire.up(UE2)
    run = wire.run()
    found = {r["subscriber"]: tools.key(r, "end_reason", "packets_up") for r in run.session}
    assert found == {IMSI: ("replaced", 1), "208930000000009": ("drained", 1)}


def test_intermediate_upf_is_the_same_session(wire: Pfcp) -> None:
    """Its far end is the anchor's endpoint; its end is not the session's."""
    anchor = Endpoint(UPF, 0x777)
    wire.establish(user_id(IMSI), upf=anchor)
    asked = f_seid(SMF, 31) + pdr(1, ACCESS, None, far=2) + pdr(2, CORE, None, far=1) + far(2, CORE, anchor)
    told = f_seid(IUPF, 41) + chosen(1, Endpoint(IUPF, 0x801)) + chosen(2, Endpoint(IUPF, 0x802))
    wire.exchange(SMF, IUPF, 50, (0, 31), asked, told)
    wire.exchange(SMF, IUPF, 52, (41, 31), far(1, ACCESS, GNB_U, kind=UPDATE_FAR))
    wire.up(to=Endpoint(IUPF, 0x801)), wire.down()
    wire.exchange(SMF, IUPF, 54, (41, 31), b"")
    wire.wait(1)
    wire.up(to=anchor)
    run = wire.run()
    assert tools.key(only(run.session), "end_reason", "packets_up", "packets_down") == ("drained", 2, 1)
    assert {r["session_id"] for r in run.procedure} == {only(run.session)["session_id"]}


def cups(wire: Pfcp) -> None:
    """Attach in a core whose gateways are split: S11, Sxa, S5, Sxb, as their messages follow each other."""
    sgw_s5, pgw_u = Endpoint(SGW, 0x290), Endpoint(PGW, 0x390)
    s11 = wire.ask(MME, SGW, 32, 0, *create_body())
    asked = f_seid(SGW, 1) + pdr(1, ACCESS, None, qfi=0, far=2) + pdr(2, CORE, None, qfi=0, far=1)
    asked += far(1, ACCESS, action=BUFFER)
    wire.exchange(SGW, UPF, 50, (0, 1), asked, f_seid(UPF, 2) + chosen(1, SGW_U) + chosen(2, sgw_s5))
    body = create_body()
    context = gtp.bearer_context(gtp.ebi(5), gtp.fteid(gtp.S5U_SGW, sgw_s5, 2), gtp.bearer_qos(9))
    body[3:] = [gtp.fteid(gtp.S5C_SGW, Endpoint(SGW, 0x44)), *body[5:-1], context]
    s5 = wire.ask(SGW, PGW, 32, 0, *body)
    asked = f_seid(PGW, 3) + pdr(1, CORE, ue=UE, qfi=0, far=1) + pdr(2, ACCESS, None, UE, qfi=0, far=2)
    asked += far(1, ACCESS, sgw_s5) + far(2, CORE)
    wire.exchange(PGW, IUPF, 50, (0, 3), asked, f_seid(IUPF, 4) + chosen(2, pgw_u))
    told = gtp.bearer_context(gtp.ebi(5), gtp.cause(16), gtp.fteid(gtp.S5U_PGW, pgw_u, 2))
    wire.answer(s5, 0x44, gtp.cause(16), gtp.fteid(gtp.S5C_PGW, PGW_C, 1), gtp.paa(UE, None), told)
    wire.exchange(SGW, UPF, 52, (2, 1), far(2, CORE, pgw_u, kind=UPDATE_FAR))
    wire.answer(s11, MME_C.teid, *created_body())
    modify(wire)
    wire.exchange(SGW, UPF, 52, (2, 1), far(1, ACCESS, ENB_U, kind=UPDATE_FAR))


def test_split_gateways_are_one_session(wire: Pfcp) -> None:
    """Sxa and Sxb beside S11 and S5: the session is GTP-C's, and no other is written."""
    cups(wire)
    wire.up(to=SGW_U), wire.down(to=ENB_U)
    detach(wire, 5, SGW, SGW_C.teid)
    wire.exchange(SGW, UPF, 54, (2, 1), b"")
    wire.exchange(PGW, IUPF, 54, (4, 3), b"")
    run = wire.run()
    row = only(run.session)
    assert tools.key(row, "source", "subscriber", "end_reason", "packets_up") == ("gtpv2c", IMSI, "deleted", 1)
    pfcp = [r for r in run.procedure if r["procedure"].startswith("pfcp")]
    assert {r["interface"] for r in pfcp} == {"sx"}
    joined = [r["session_id"] == row["session_id"] for r in sorted(pfcp, key=lambda r: r["start_time"])]
    assert joined == [False, True, True, True, True, True]  # of the first only its own endpoints were told
    assert pfcp[0]["session_id"] in (None, row["session_id"])


def test_gx_tells_whose_address_it_is(wire: Pfcp) -> None:
    """No User ID: Gx, just before, told the subscriber of the UE's address."""
    kind = AVP("CC-Request-Type", val=1)
    name = AVP("Called-Station-Id", val="internet")
    wire.ask_diameter(SMF, PCRF, CCR, GX, 1, session("x"), kind, subscription(), framed(), name)
    wire.reply(PCRF, SMF, CCR, GX, 1, session("x"), kind, result(2001))
    wire.establish(apn("internet"))
    wire.establish(apn("ims"), upf=Endpoint(UPF, 0x502), ue=UE2, seids=(12, 22))
    found = {r["ue_ip"]: r["subscriber"] for r in wire.run().session}
    assert found == {"10.0.0.1": IMSI, "10.0.0.2": None}


def test_hostile(wire: Pfcp) -> None:
    """Cut, flipped and flooded: every packet has a reason, tables hold what they can, nothing stops."""
    elements = [f_seid(SMF, 11), pdr(1, CORE, ue=UE, far=1), pdr(2, ACCESS, UPF_U, UE), far(1, ACCESS, GNB_U), SLICE]
    octets = b"".join(elements)
    for end in range(len(octets)):
        wire.request(SMF, UPF, 50, 0, octets[:end])
        flipped = bytearray(octets)
        flipped[end] ^= 1 << end % 8
        wire.request(SMF, UPF, (50, 52, 54, 56)[end % 4], end % 3, bytes(flipped))
    for k in range(5000):  # more than the tables have rows
        asked = f_seid(SMF, k) + pdr(1, ACCESS, Endpoint(UPF, k + 1), UE) + far(1, ACCESS, Endpoint(GNB, k % 7))
        wire.request(SMF, UPF, 50, 0, asked)
    run = wire.run()
    entries = list(run.accounts.entries(run.sources))
    assert sum(e.packets for e in entries if e.stage == "in" and e.packets) == len(wire.frames)
    assert len(run.procedure) >= 5000
