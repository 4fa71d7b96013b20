"""The 5G part of a scenario's network: gNBs, NR cells, AMF, SMF and UPF, their associations on N2 and N4."""

from random import Random
from typing import TYPE_CHECKING, Any

from tools.scenario import encode_ngap as ngap
from tools.scenario import encode_ngap_mobility as mobility
from tools.scenario import encode_pfcp as pfcp
from tools.scenario.config import SECOND
from tools.scenario.encode_gtp import Location
from tools.scenario.encode_ip import ip, udp
from tools.scenario.encode_ngap import Amf, NgCause, Slice
from tools.scenario.network import CONTROL, Cell, Gateway, Network, Node, Subscriber
from tools.scenario.sctp_link import Association
from tools.scenario.tcp_model import Profile

if TYPE_CHECKING:
    from tools.scenario.radio import Radio

MS = 1_000_000
SLICES = [Slice(1, 0x00000A), Slice(1, ngap.DIFFERENTIATOR), Slice(2, 0x000001)]


class NrNetwork:
    """Nodes and cells of 5G, made from a random source of their own so that 4G stays as it is without them."""

    def __init__(self, net: Network) -> None:
        s = net.scenario
        self.net, self.rng = net, Random(f"{s.seed}/nr")
        self.amf_node = self._node("amf", 9, 0)
        self.amf = Amf(1, 0x2A5, 0x15)
        self.smf = self._node("smf", 10, 0)
        self.upfs = [Gateway(s.gateways + i, self._node(f"upf{i}", 11, i), self._node(f"upfu{i}", 12, i), False)
                     for i in range(2)]  # fmt: skip
        self.gnbs = [self._node(f"gnb{i}", 13, i) for i in range(max(1, (s.cells_nr + 2) // 3))]
        self.cells = [self._cell(i) for i in range(s.cells_nr)]
        self.subscribers = [self._subscriber(i) for i in range(s.subscribers_nr)]
        self.associations: dict[str, Association] = {}
        self.next_seid = self.rng.getrandbits(30)

    def _node(self, name: str, kind: int, number: int) -> Node:
        if self.net.scenario.transport_ipv6:
            address = (0xFD00_0000_0000_0000 << 64 | kind << 16 | number + 1).to_bytes(16, "big")
        else:
            address = bytes((172, 16 + kind, number >> 8, (number & 0xFF) + 1))
        quarantine = int(self.net.scenario.teid_quarantine_s * SECOND)
        return Node(name, address, pfcp.PORT, self.rng.getrandbits(15), quarantine)

    def _cell(self, number: int) -> Cell:
        s, rng = self.net.scenario, self.rng
        bad = number == s.bad_cell_nr
        shares = {name: getattr(s, name) for name in Profile._fields if hasattr(s, name)}
        if bad:
            shares |= {"loss_after": 0.06, "half_open": 0.06, "syn_repeated": 0.06}
        rtt, rate = (rng.randrange(120, 200), 3e6) if bad else (rng.randrange(12, 35), rng.uniform(40e6, 120e6))
        gnb = number // 3
        where = Location(*s.plmn, 0x3000 + gnb // 4, (0x12340 + gnb) << 12 | number % 3 + 1)
        return Cell(where, self.gnbs[gnb], Profile(rtt * MS, 20 * MS, rate, **shares), False, bad, nr=True)

    def _subscriber(self, number: int) -> Subscriber:
        s = self.net.scenario
        rng = Random(f"{s.seed}/subscriber/nr/{number}")
        digits = "".join(s.plmn)
        imsi = digits + f"{500_000 + number:0{15 - len(digits)}d}"
        serial = 1_000_000 + number
        person = Subscriber(rng, serial, imsi, "-".join(s.plmn), f"3362{number:07d}", f"35901234{number:06d}01",
                            rng.choice(self.cells))  # fmt: skip
        person.arrival = s.start + SECOND // 2 + int(rng.random() * min(s.arrival_s, s.duration_s / 2) * SECOND)
        return person

    def begin(self, radio: "Radio") -> None:
        """Associations and NG Setup of each gNB; the PFCP association of each UPF and its heartbeats."""
        s, ts = self.net.scenario, self.net.scenario.start + 30 * MS
        for gnb in self.gnbs:
            cells = [cell for cell in self.cells if cell.node is gnb]
            association = radio.sctp.associate(gnb, self.amf_node, (ngap.PORT, ngap.PORT), ngap.PPID, CONTROL,
                                               radio.second(gnb, self.amf_node))  # fmt: skip
            self.associations[gnb.name] = association
            self._setup(radio.sctp.open(ts, association) + MS, radio, association, cells)
            ts += 4 * MS
        for upf in self.upfs:
            seconds = s.start_s - 1000
            sequence = self.smf.next_sequence()
            self.exchange(ts, self.smf, upf.node, "pfcp_association_setup", 3 * MS,
                          pfcp.association_request(sequence, self.smf.address, seconds),
                          pfcp.association_response(sequence, upf.node.address, seconds))  # fmt: skip
            for beat in range(int(s.duration_s // 20)):
                sequence = self.smf.next_sequence()
                self.exchange(ts + (beat + 1) * 20 * SECOND, self.smf, upf.node, "pfcp_heartbeat", 2 * MS,
                              pfcp.heartbeat(False, sequence, seconds),
                              pfcp.heartbeat(True, sequence, seconds))  # fmt: skip

    def _setup(self, ts: int, radio: "Radio", association: Association, cells: list[Cell]) -> None:
        where, areas = cells[0].where, sorted({cell.where.area for cell in cells})
        gnb = association.ends[0].node
        request = ngap.setup_request(where, gnb.name, areas, SLICES)
        if self.rng.random() < self.net.scenario.setup_retry_share:
            why = NgCause(ngap.MISC, 0)
            radio.send(ts, association, 0, request)
            radio.send(ts + 4 * MS, association, 1, ngap.setup_failure(why))
            radio.record("n2", "ng_setup", ts, ts + 4 * MS, gnb, self.amf_node, why=why)
            ts += 400 * MS
        radio.send(ts, association, 0, request)
        radio.send(ts + 5 * MS, association, 1, ngap.setup_response(where, "amf0", self.amf, SLICES))
        radio.record("n2", "ng_setup", ts, ts + 5 * MS, gnb, self.amf_node)
        if self.rng.random() < 0.3:
            radio.send(ts + 8 * MS, association, 0, mobility.reset(NgCause(ngap.MISC, 3), None))
            radio.send(ts + 10 * MS, association, 1, mobility.reset_acknowledge(None))
            radio.record("n2", "reset", ts + 8 * MS, ts + 10 * MS, gnb, self.amf_node)

    def exchange(self, ts: int, requester: Node, responder: Node, procedure: str, latency: int, request: bytes,
                 answer: bytes, why: int | None = None, **about: Any) -> int:  # fmt: skip
        """A PFCP request and its answer; when it is there. `why`: the cause of a refusal."""
        self._send(ts, requester, responder, request)
        self._send(ts + latency, responder, requester, answer)
        radio = self.net.radio
        assert radio is not None
        cause = ("pfcp", why) if why is not None else None
        radio.record("n4", procedure, ts, ts + latency, requester, responder, why=cause, **about)
        return ts + latency

    def _send(self, ts: int, src: Node, dst: Node, message: bytes) -> None:
        net = self.net
        if ts < net.signalling_from or not net.sees("n4"):
            return
        datagram = udp(src.address, dst.address, pfcp.PORT, pfcp.PORT, message)
        net.capture.add(net.tick(ts), CONTROL, ip(src.address, dst.address, 17, datagram, src.next_ident()))
        net.truth.ledger["pfcp"] = net.truth.ledger.get("pfcp", 0) + 1
        key = f"pfcp-{message[1]}"
        net.truth.messages[key] = net.truth.messages.get(key, 0) + 1

    def seid(self) -> int:
        """A session endpoint identifier."""
        self.next_seid += 0x10001
        return self.next_seid

    def places(self, area: int) -> list[Node]:
        """The gNBs with cells in a tracking area."""
        return list({cell.node.name: cell.node for cell in self.cells if cell.where.area == area}.values())
