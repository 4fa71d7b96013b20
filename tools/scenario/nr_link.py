"""One device on N2: its connection, the NAS messages on it, its PDU sessions on N2 and N4 (TS 23.502 §4.2, §4.3)."""

from dataclasses import dataclass
from typing import Any

from tools.scenario import encode_gtp as gtp
from tools.scenario import encode_nas5 as nas
from tools.scenario import encode_ngap as ngap
from tools.scenario import encode_pfcp as pfcp
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.encode_ngap import NgCause, NgIds, PduSession, Slice
from tools.scenario.encode_pfcp import Seid
from tools.scenario.network import Cell, Network, Subscriber, text
from tools.scenario.nr_network import NrNetwork
from tools.scenario.radio_truth import NORMAL_NG, Connection, RadioBearer
from tools.scenario.sctp_link import Association
from tools.scenario.truth import Session
from tools.scenario.user_plane import Bearer, Pdn

MS = 1_000_000
FAMILIES = ("ngap_radio", "ngap_transport", "ngap_nas", "ngap_protocol", "ngap_misc")
FIVEQI = {"internet": 9, "ims": 5}
INACTIVITY = NgCause(ngap.RADIO, 20)
NORMAL_RELEASE, AUTHENTICATION_FAILED, DEREGISTERED = (NgCause(ngap.NAS, value) for value in range(3))


@dataclass
class Held:
    """What the core keeps of a PDU session: its slice, and the two ends of its PFCP session."""

    slice: Slice
    cp: Seid
    up: Seid
    reports: int = 0


class NrLink:
    """The N2 connection of a device on NR, with everything that other parts of its life ask of it."""

    rat = "nr"

    def __init__(self, net: Network, person: Subscriber, ts: int) -> None:
        assert net.radio is not None
        assert net.nr is not None
        self.net, self.person, self.rng = net, person, person.rng
        self.radio = net.radio
        self.nr: NrNetwork = net.nr
        self.device = self.radio.devices[person.number]
        self.air = self.device.rng
        self.cell: Cell = person.cell
        self.pdns: list[Pdn] = []
        self.held: dict[int, Held] = {}
        self.ids = NgIds(0, 0)
        self.connection: Connection | None = None
        self.association: Association | None = None
        self.resources: dict[int, RadioBearer] = {}
        self.reserved: dict[int, Endpoint] = {}
        self.paged, self.pagings = False, (0, 0)
        self.named = False  # the connection told the SUPI in clear

    def wait(self, low: int, high: int) -> int:
        """A span between two numbers of ms."""
        return self.air.randrange(low * 1000, high * 1000) * 1000

    def up(self, ts: int, message: bytes) -> None:
        """A message of the gNB."""
        assert self.association is not None
        self.radio.send(ts, self.association, 0, message, 1 + self.person.number % 7)

    def down(self, ts: int, message: bytes) -> None:
        """A message of the AMF."""
        assert self.association is not None
        assert self.connection is not None
        self.radio.send(ts, self.association, 1, message, 1 + self.person.number % 7)
        c = self.connection
        if c.answered is None:
            c.answered = self.net.tick(ts)
            self.note("signalling_connection", c.start, ts)

    def note(self, procedure: str, start: int, end: int | None, why: NgCause | tuple[str, int] | None = None,
             upwards: bool = True, **about: Any) -> None:  # fmt: skip
        """A procedure of this device on N2 into the truth."""
        cell = self.connection.cell if self.connection else self.cell.name
        nodes = (self.cell.node, self.nr.amf_node) if upwards else (self.nr.amf_node, self.cell.node)
        about = {"imsi": self.person.imsi, "cell": cell} | about
        self.radio.record("n2", procedure, start, end, *nodes, why=why, **about)

    def nas_up(self, ts: int, message: bytes, hidden: bool = True) -> int:
        """A NAS message of the device."""
        self.up(ts, ngap.uplink_nas(self.ids, self.protect(message, True) if hidden else message, self.cell.where))
        return ts

    def nas_down(self, ts: int, message: bytes, hidden: bool = True) -> int:
        """A NAS message of the AMF."""
        self.down(ts, ngap.downlink_nas(self.ids, self.protect(message, False) if hidden else message))
        return ts

    def protect(self, message: bytes, upwards: bool) -> bytes:
        """A message under the device's security context: unreadable, or with the null cipher."""
        device = self.device
        if upwards:
            device.nas_up += 1
        else:
            device.nas_down += 1
        return nas.protected(message, device.nas_up if upwards else device.nas_down, True,
                             readable=not device.ciphered)  # fmt: skip

    def guti(self) -> bytes:
        """The identity under which the network knows the device."""
        assert self.device.tmsi is not None
        amf = self.nr.amf
        return nas.guti(*self.net.scenario.plmn, amf.region, amf.set, amf.pointer, self.device.tmsi)

    # connection

    def open(self, ts: int, message: bytes, reason: int, known: bool) -> None:
        """Initial UE Message, for a known device with its 5G-S-TMSI."""
        gnb, amf = self.cell.node.name, self.nr.amf_node.name
        self.association = self.nr.associations[gnb]
        self.ids = NgIds(self.radio.core_ids[amf].take(ts), self.radio.radio_ids[gnb].take(ts))
        self.connection = self.radio.connection("n2", "nr", self.person, self.nr.amf_node, reason, ts, self.cell)
        self.resources, self.named = {}, False
        who = (self.nr.amf, self.device.tmsi) if known and self.device.tmsi is not None else None
        self.up(ts, ngap.initial_ue(self.ids.ran, message, self.cell.where, reason, who))

    def active(self) -> list[int]:
        """PDU sessions that have resources in the gNB."""
        return sorted(self.resources)

    def ask_release(self, ts: int, why: NgCause) -> None:
        """UE Context Release Request."""
        assert self.connection is not None
        self.connection.release_requested = self.net.tick(ts)
        self.up(ts, ngap.release_request(self.ids, why, self.active()))
        self.note("ue_context_release_request", ts, None, why, outcome="success")
        self.released_for(why)

    def released_for(self, why: NgCause) -> None:
        """The cause that the truth tells of the release."""
        c = self.connection
        assert c is not None
        c.cause_family, c.cause_code = FAMILIES[why.group], why.value
        c.abnormal = c.release_requested is not None and (c.cause_family, c.cause_code) not in NORMAL_NG

    def command_release(self, ts: int, why: NgCause) -> int:
        """UE Context Release Command and Complete; when the latter is seen."""
        c = self.connection
        assert c is not None
        if c.release_requested is None:
            self.released_for(why)
        c.release_commanded = self.net.tick(ts)
        done = ts + self.wait(4, 30)
        self.down(ts, ngap.release_command(self.ids, why, self.air.random() < 0.7))
        self.up(done, ngap.release_complete(self.ids, self.cell.where, self.active()))
        self.note("ue_context_release", ts, done, why, False, outcome="success")
        self.closed(done)
        return done

    def closed(self, ts: int) -> None:
        """The connection is no more, nor are its resources."""
        c = self.connection
        assert c is not None
        c.end = c.stays[-1][2] = self.net.tick(ts)
        for each in self.resources.values():
            each.end, each.abnormal = c.end, c.abnormal
            each.cause_family, each.cause_code = c.cause_family, c.cause_code
        self.radio.core_ids[self.nr.amf_node.name].free(self.ids.amf, ts)
        self.radio.radio_ids[self.cell.node.name].free(self.ids.ran, ts)
        self.connection, self.resources = None, {}

    def lose_resources(self, ts: int, why: NgCause) -> None:
        """The resources are lost while the connection is not yet released."""
        for each in self.resources.values():
            each.end, each.abnormal = self.net.tick(ts), True
            each.cause_family, each.cause_code = FAMILIES[why.group], why.value
        self.resources = {}

    # PDU sessions

    def asked(self, pdn: Pdn, message: bytes | None = None) -> PduSession:
        """A PDU session as a request to the gNB names it."""
        bearer = pdn.linked[0]
        return PduSession(pdn.ebi, self.held[pdn.ebi].slice, bearer.qci, bearer.qfi, bearer.core, message)

    def reserve(self, pdn: Pdn, cell: Cell, ts: int) -> Endpoint:
        """The endpoint that the gNB of `cell` gives to a PDU session."""
        endpoint = self.reserved[pdn.ebi] = cell.node.endpoint(ts)
        return endpoint

    def transfer(self, pdn: Pdn, cell: Cell, ts: int) -> tuple[int, bytes]:
        """The answer of a gNB for a PDU session."""
        return pdn.ebi, ngap.response_transfer(self.reserve(pdn, cell, ts), [pdn.linked[0].qfi])

    def bound(self, pdn: Pdn, kind: str, ts: int) -> None:
        """A resource was set up by a response at `ts`."""
        assert self.connection is not None
        number = pdn.truth.number if pdn.truth.captured else None
        value = self.held[pdn.ebi].slice
        name = f"{value.sst}-{value.sd:06x}" if value.sd != ngap.DIFFERENTIATOR else f"{value.sst}"
        made = RadioBearer(self.connection.number, self.person.imsi, number, pdn.ebi, pdn.linked[0].qci, kind,
                           self.net.tick(ts), name)  # fmt: skip
        self.resources[pdn.ebi] = made
        self.radio.truth.bearers.append(made)

    def slice_octets(self, value: Slice) -> bytes:
        """S-NSSAI as NAS writes it."""
        return bytes((value.sst,)) + (value.sd.to_bytes(3, "big") if value.sd != ngap.DIFFERENTIATOR else b"")

    def new_session(self, ts: int, apn: str, value: Slice) -> Pdn:
        """A PDU session that is about to be made, with its user-plane endpoint."""
        net, person = self.net, self.person
        upf = self.rng.choice(self.nr.upfs)
        v4, _ = upf.user_addresses(1, apn)
        assert v4 is not None
        captured = ts >= net.signalling_from and net.sees("n4")
        session = Session(
            len(net.truth.sessions) + 1, person.imsi, person.msisdn, person.imeisv, person.home_plmn, apn, "nr",
            text(upf.node.address), text(v4), None, net.tick(ts), 0, captured, [self.cell.name],
        )  # fmt: skip
        identity = 1 + len(self.pdns)
        pdn = Pdn(session, upf, apn, v4, None, identity)
        core = upf.user.endpoint(ts)
        bearer = Bearer(pdn, identity, FIVEQI[apn], upf.user, core, core, core, container=True)
        bearer.qfi = identity
        pdn.linked.append(bearer)
        session.qci = bearer.qci
        self.held[identity] = Held(
            value, Seid(self.nr.smf.address, self.nr.seid()), Seid(upf.node.address, self.nr.seid())
        )
        return pdn

    def about(self, pdn: Pdn) -> dict[str, Any]:
        """What the truth says of an N4 procedure."""
        number = pdn.truth.number if pdn.truth.captured and pdn in self.pdns else None
        return {"imsi": self.person.imsi, "cell": self.cell.name, "apn": pdn.apn, "session": number}

    def establish_n4(self, pdn: Pdn, ts: int, refusal: int | None) -> int:
        """PFCP Session Establishment; for half of them the UPF chooses the endpoint."""
        held, bearer = self.held[pdn.ebi], pdn.linked[0]
        person, sequence = self.person, self.nr.smf.next_sequence()
        chosen = self.air.random() < 0.5
        user = b""
        if self.air.random() < self.net.scenario.n4_user_share:
            user = pfcp.user_id(person.imsi, person.imeisv, person.msisdn)
        pdn.truth.named = bool(user) or self.named
        assert pdn.v4 is not None
        request = pfcp.establishment_request(sequence, held.cp, None if chosen else bearer.core, pdn.v4, bearer.qfi,
                                             pdn.apn, self.slice_octets(held.slice), user)  # fmt: skip
        answer = pfcp.establishment_response(sequence, held.cp, held.up, refusal or 1, bearer.core if chosen else None)
        latency = self.wait(3, 15)
        return self.nr.exchange(ts, self.nr.smf, pdn.gateway.node, "pfcp_session_establishment", latency, request,
                                answer, refusal, **self.about(pdn))  # fmt: skip

    def modify_n4(self, pdn: Pdn, ts: int, radio: Endpoint | None) -> int:
        """PFCP Session Modification: down to the gNB, or buffered."""
        held, sequence = self.held[pdn.ebi], self.nr.smf.next_sequence()
        request = pfcp.modification_request(sequence, held.up, radio)
        answer = pfcp.answer(53, held.cp.seid, sequence)
        return self.nr.exchange(ts, self.nr.smf, pdn.gateway.node, "pfcp_session_modification", self.wait(2, 8),
                                request, answer, **self.about(pdn))  # fmt: skip

    def delete_n4(self, pdn: Pdn, ts: int) -> int:
        """PFCP Session Deletion, with a usage report."""
        held, sequence = self.held[pdn.ebi], self.nr.smf.next_sequence()
        report = pfcp.usage(79, held.reports, 1000 + pdn.ebi, 5000, 0x000800)
        answer = pfcp.answer(55, held.cp.seid, sequence, 1, report)
        return self.nr.exchange(ts, self.nr.smf, pdn.gateway.node, "pfcp_session_deletion", self.wait(2, 8),
                                pfcp.deletion_request(sequence, held.up), answer, **self.about(pdn))  # fmt: skip

    def connect_user(self, ts: int, pdns: list[Pdn]) -> int:
        """The user plane of PDU sessions goes to the endpoints that the gNB has given; when all is done."""
        for pdn in pdns:
            ran = self.reserved.pop(pdn.ebi)
            start = self.net.tick(ts)
            pdn.truth.stay(self.cell.name, start)
            pdn.linked[0].add_path(start, self.cell, ran, self.cell.node)
            ts = self.modify_n4(pdn, ts, ran) + MS
        return ts

    def free_radio(self, now: int) -> None:
        """Frees the radio-side endpoints in use."""
        for pdn in self.pdns:
            path = pdn.linked[0].paths[-1]
            path.node.free(path.ran, now)

    def end_markers(self, old: list[tuple[Bearer, Endpoint]], ts: int) -> None:
        """End Markers of the UPF on the paths that were left."""
        for bearer, ran in old:
            self.net.tunnel_control(ts, bearer.core_node, ran.address, gtp.end_marker(ran.teid))
