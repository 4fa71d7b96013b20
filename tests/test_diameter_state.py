"""Diameter through the whole path: requests paired with answers hop by hop, who they are about, what became of them."""

from pathlib import Path
from typing import Any

import pytest

from tests import pipeline_tools as tools
from tests.test_diameter import avp
from tests.test_signalling_state import IMSI, MME, MS, PGW, UE, Wire, attach, only
from tools.scenario.encode_ip import ip

scapy = pytest.importorskip("scapy.contrib.diameter")
AVP = scapy.AVP
pytestmark = pytest.mark.compiled

HSS, DRA, PCRF = (bytes((172, 16, 1, n)) for n in (1, 2, 3))
BASE, S6A, GX, GY, RX, CX = 0, 16777251, 16777238, 4, 16777236, 16777216
AIR, ULR, CCR, STR, AAR, UAR, DWR = 318, 316, 272, 275, 265, 300, 280
TRANSMITTED_AGAIN, ERROR = 0x10, 0x20


def session(name: str) -> Any:
    return AVP("Session-Id", val=name)


def user(imsi: str = IMSI) -> Any:
    return AVP("User-Name", val=imsi)


def subscription(imsi: str = IMSI) -> Any:
    return AVP("Subscription-Id", val=[AVP("Subscription-Id-Type", val=1), AVP("Subscription-Id-Data", val=imsi)])


def result(code: int) -> Any:
    return AVP("Result-Code", val=code)


def experimental(code: int, vendor: int = 10415) -> Any:
    return AVP("Experimental-Result", val=[AVP("Vendor-Id", val=vendor), AVP("Experimental-Result-Code", val=code)])


def framed(address: bytes = UE) -> Any:
    return avp(8, address)  # scapy has no such AVP


def encoded(command: int, application: int, hop: int, end: int, flags: int, avps: tuple[Any, ...]) -> bytes:
    coded = scapy.DiamReq(command, drAppId=application, avpList=list(avps), drHbHId=hop, drEtEId=end)
    octets = bytearray(bytes(coded))
    octets[4] = flags  # scapy sets those that its dictionary knows
    return bytes(octets)


class Diameter(Wire):
    """Diameter over SCTP, one user message a packet; over TCP, in segments of any size."""

    tsn = 0
    sequences: dict[tuple[bytes, bytes], int]

    def sctp(self, src: bytes, dst: bytes, octets: bytes, ppid: int = 46) -> int:
        self.tsn += 1
        serves = src in (HSS, PCRF) or (src, dst) == (DRA, MME)
        ports = (3868, 40000) if serves else (40000, 3868)
        chunk = b"\x00\x03" + (16 + len(octets)).to_bytes(2, "big") + (self.tsn + (src[3] << 24)).to_bytes(4, "big")
        chunk += bytes(4) + ppid.to_bytes(4, "big") + octets + bytes(-len(octets) % 4)
        tag = (src[3] << 8 | dst[3]).to_bytes(4, "big")
        head = b"".join(port.to_bytes(2, "big") for port in ports) + tag + bytes(4)
        return self.put(ip(src, dst, 132, head + chunk))

    def send(self, src: bytes, dst: bytes, command: int, application: int, hop: int, flags: int, *avps: Any,
             end: int = 0) -> int:  # fmt: skip
        return self.sctp(src, dst, encoded(command, application, hop, end or hop, flags, avps))

    def ask_diameter(self, src: bytes, dst: bytes, command: int, application: int, hop: int, *avps: Any,
                     **more: int) -> int:  # fmt: skip
        return self.send(src, dst, command, application, hop, 0xC0 | more.pop("flags", 0), *avps, **more)

    def reply(self, src: bytes, dst: bytes, command: int, application: int, hop: int, *avps: Any, **more: int) -> int:
        return self.send(src, dst, command, application, hop, 0x40 | more.pop("flags", 0), *avps, **more)


@pytest.fixture
def wire(tmp_path: Path) -> Diameter:
    return Diameter(tmp_path)


def rows(run: tools.Run, *interfaces: str) -> list[dict[str, Any]]:
    """Procedures of some interfaces in order of time."""
    return sorted((r for r in run.procedure if r["interface"] in interfaces), key=lambda row: row["start_time"])


def messages(run: tools.Run) -> dict[tuple[str, str], int]:
    """Signalling messages of the ledger by stage and interface."""
    counts: dict[tuple[str, str], int] = {}
    for entry in run.accounts.entries(run.sources):
        if entry.records is not None and entry.stage in ("joined", "unjoined"):
            counts[entry.stage, entry.reason] = counts.get((entry.stage, entry.reason), 0) + entry.records
    return counts


def test_outcomes_and_causes(wire: Diameter) -> None:
    """A result, an experimental result of the application, one of another vendor, the E flag alone, silence."""
    for hop, answer in enumerate((result(2001), experimental(5001), experimental(5001, 9), result(5001)), 1):
        wire.ask_diameter(MME, HSS, AIR, S6A, hop, session(f"s{hop}"), user())
        wire.wait(0.05)
        wire.reply(HSS, MME, AIR, S6A, hop, session(f"s{hop}"), answer)
    wire.ask_diameter(MME, HSS, UAR, CX, 9, session("c"), AVP("User-Name", val="a@ims.example"))
    wire.reply(HSS, MME, UAR, CX, 9, session("c"), experimental(2001))
    wire.ask_diameter(MME, HSS, DWR, BASE, 10)
    wire.reply(HSS, MME, DWR, BASE, 10, flags=ERROR)
    wire.ask_diameter(MME, HSS, ULR, S6A, 11, session("t"), user())
    wire.wait(40)
    wire.ask_diameter(MME, HSS, ULR, S6A, 12, session("u"), user())
    run = wire.run()
    found = [tools.key(r, "procedure", "outcome", "cause_code", "cause", "subscriber") for r in rows(run, "s6a")]
    air = "authentication_information"
    assert found == [
        (air, "success", 2001, "DIAMETER_SUCCESS", IMSI),
        (air, "failure", 5001, "DIAMETER_ERROR_USER_UNKNOWN", IMSI),
        (air, "failure", 5001, "diameter_experimental 5001", IMSI),
        (air, "failure", 5001, "DIAMETER_AVP_UNSUPPORTED", IMSI),
        ("update_location", "timeout", None, None, IMSI),
        ("update_location", None, None, None, IMSI),
    ]
    assert [r["latency_ms"] for r in rows(run, "s6a")][:4] == [51.0] * 4
    registered = only(rows(run, "cx"))
    assert tools.key(registered, "procedure", "outcome", "cause") == (
        "user_authorization", "success", "DIAMETER_FIRST_REGISTRATION"
    )  # fmt: skip
    assert tools.key(only(rows(run, "diameter")), "procedure", "outcome") == ("diameter_other", "failure")
    assert messages(run) == {("joined", "s6a"): 10, ("unjoined", "cx"): 2, ("unjoined", "diameter"): 2}


def test_retransmissions_are_one_attempt(wire: Diameter) -> None:
    """The same again; again with the T flag by another peer and number; answered there."""
    wire.ask_diameter(MME, HSS, ULR, S6A, 1, session("s"), user(), end=77)
    wire.wait(2)
    wire.ask_diameter(MME, HSS, ULR, S6A, 1, session("s"), user(), end=77)
    wire.wait(2)
    wire.ask_diameter(MME, DRA, ULR, S6A, 500, session("s"), user(), end=77, flags=TRANSMITTED_AGAIN)
    wire.reply(DRA, MME, ULR, S6A, 500, session("s"), result(2001), end=77)
    wire.reply(DRA, MME, ULR, S6A, 500, session("s"), result(5012), end=77)
    row = only(rows(wire.run(), "s6a"))
    assert tools.key(row, "attempts", "outcome", "responder", "latency_ms") == (3, "success", "172.16.1.2", 4003.0)


def test_agent_relays(wire: Diameter) -> None:
    """Both hops are rows; one counts. The same hop-by-hop number on another connection is another request."""
    wire.ask_diameter(MME, DRA, ULR, S6A, 7, session("s"), user(), end=1)
    wire.ask_diameter(DRA, HSS, ULR, S6A, 7, session("s"), user(), end=1)
    wire.reply(HSS, DRA, ULR, S6A, 7, session("s"), experimental(5420), end=1)
    wire.reply(DRA, MME, ULR, S6A, 7, session("s"), experimental(5420), end=1)
    found = [tools.key(r, "requester", "counted", "latency_ms", "cause") for r in rows(wire.run(), "s6a")]
    why = "DIAMETER_ERROR_UNKNOWN_EPS_SUBSCRIPTION"
    assert found == [("172.16.0.1", True, 3.0, why), ("172.16.1.2", False, 1.0, why)]


def test_credit_control_joins_the_session(wire: Diameter) -> None:
    """Gx names the session by IMSI and address; messages without either follow by Session-Id, Rx by the address."""
    attach(wire)
    gx = session("pgw;1;gx")
    kinds = [AVP("CC-Request-Type", val=n) for n in range(4)]
    wire.ask_diameter(
        PGW, PCRF, CCR, GX, 1, gx, kinds[1], subscription(), framed(), AVP("Called-Station-Id", val="internet")
    )
    wire.reply(PCRF, PGW, CCR, GX, 1, gx, kinds[1], result(2001))
    wire.ask_diameter(PGW, PCRF, CCR, GX, 2, gx, kinds[2])
    wire.reply(PCRF, PGW, CCR, GX, 2, gx, kinds[2], experimental(5140))
    wire.ask_diameter(DRA, PCRF, AAR, RX, 3, session("af;1"), framed())
    wire.reply(PCRF, DRA, AAR, RX, 3, session("af;1"), experimental(5065))
    wire.ask_diameter(DRA, PCRF, STR, RX, 4, session("af;1"), AVP("Termination-Cause", val=1))
    wire.reply(PCRF, DRA, STR, RX, 4, session("af;1"), result(2001))
    wire.ask_diameter(
        PGW, HSS, CCR, GY, 5, session("gy"), kinds[1], subscription(), AVP("Called-Station-Id", val="internet")
    )
    wire.reply(HSS, PGW, CCR, GY, 5, session("gy"), kinds[1], result(4012))
    wire.ask_diameter(PGW, PCRF, CCR, GX, 6, gx, kinds[3])
    wire.reply(PCRF, PGW, CCR, GX, 6, gx, kinds[3], result(2001))
    run = wire.run()
    identity = only(run.session)["session_id"]
    found = rows(run, "gx", "gy", "rx")
    assert {r["session_id"] for r in found} == {identity}
    assert {r["subscriber"] for r in found} == {IMSI}
    assert [tools.key(r, "interface", "procedure", "cause") for r in found] == [
        ("gx", "credit_control_initial", "DIAMETER_SUCCESS"),
        ("gx", "credit_control_update", "DIAMETER_ERROR_INITIAL_PARAMETERS"),
        ("rx", "aa", "IP-CAN_SESSION_NOT_AVAILABLE"),
        ("rx", "session_termination", "DIAMETER_SUCCESS"),
        ("gy", "credit_control_initial", "DIAMETER_CREDIT_LIMIT_REACHED"),
        ("gx", "credit_control_termination", "DIAMETER_SUCCESS"),
    ]
    joined = messages(run)
    assert {name: joined["joined", name] for name in ("gx", "gy", "rx")} == {"gx": 6, "gy": 2, "rx": 4}


def test_messages_in_segments(wire: Diameter) -> None:
    """TCP: a message in three segments, out of order, and two in one. The segments stay user-plane packets."""
    asked = encoded(AIR, S6A, 1, 1, 0xC0, (session("s"), user()))
    second = encoded(DWR, BASE, 2, 2, 0x80, ())
    told = encoded(AIR, S6A, 1, 1, 0x40, (session("s"), result(2001)))
    told += encoded(DWR, BASE, 2, 2, 0, (result(2001),))

    def segment(src: bytes, dst: bytes, ports: tuple[int, int], seq: int, data: bytes, flags: int = 0x10) -> None:
        head = b"".join(port.to_bytes(2, "big") for port in ports) + seq.to_bytes(4, "big") + bytes(4)
        wire.put(ip(src, dst, 6, head + bytes([0x50, flags]) + b"\x01\xf4" + bytes(4) + data))

    out, back = (41000, 3868), (3868, 41000)
    segment(MME, HSS, out, 99, b"", 2)
    segment(MME, HSS, out, 100, asked[:30])
    segment(MME, HSS, out, 140, asked[40:] + second)
    segment(MME, HSS, out, 130, asked[30:40])
    segment(HSS, MME, back, 500, told)
    run = wire.run()
    found = {r["procedure"]: tools.key(r, "outcome", "latency_ms") for r in rows(run, "s6a", "diameter")}
    # the last octet of the second message came before that of the first
    assert found == {"authentication_information": ("success", 1.0), "diameter_other": ("success", 2.0)}
    assert sum(r["packets_up"] + r["packets_down"] for r in run.flow) == 5


def test_hostile(wire: Diameter) -> None:
    """Cut, flipped and flooded: every packet has a reason, tables hold what they can, nothing stops."""
    octets = encoded(ULR, S6A, 1, 1, 0xC0, (session("s"), user(), AVP("RAT-Type", val=1004)))
    for end in range(len(octets)):
        wire.sctp(MME, HSS, octets[:end])
        flipped = bytearray(octets)
        flipped[end] ^= 1 << end % 8
        wire.sctp(MME, HSS, bytes(flipped))
    for k in range(6000):  # more than the tables have rows
        wire.ask_diameter(MME, HSS, ULR, S6A, k, session(f"f{k}"), AVP("User-Name", val=f"{k:015}"))
        if k % 3 == 0:
            wire.now += MS
    wire.reply(HSS, MME, ULR, S6A, 5999, session("f5999"), result(2001))
    run = wire.run()
    assert sum(e.packets for e in run.accounts.entries(run.sources) if e.stage == "in" and e.packets) == len(
        wire.frames
    )
    assert sum(r["outcome"] == "success" for r in run.procedure) == 1
    assert len(run.procedure) >= 6000


def test_an_answer_captured_before_its_request(wire: Diameter) -> None:
    """Paired where the request follows within seconds; one that never comes leaves no row, a later one no answer."""
    wire.reply(HSS, MME, ULR, S6A, 1, session("a"), experimental(5001))
    wire.ask_diameter(MME, HSS, ULR, S6A, 1, session("a"), user())
    wire.reply(HSS, MME, ULR, S6A, 2, session("b"), result(2001))
    wire.wait(5)
    wire.ask_diameter(MME, HSS, ULR, S6A, 2, session("b"), user())
    wire.reply(HSS, MME, ULR, S6A, 3, session("c"), result(2001))
    wire.wait(40)
    wire.ask_diameter(MME, HSS, DWR, BASE, 10)
    found = [
        tools.key(r, "outcome", "cause", "latency_ms", "attempts", "subscriber", "requester")
        for r in rows(wire.run(), "s6a")
    ]
    told = "DIAMETER_ERROR_USER_UNKNOWN"
    asker = ".".join(map(str, MME))
    assert found == [("failure", told, 0.0, 1, IMSI, asker), ("timeout", None, None, 1, IMSI, asker)]
