"""The network of a scenario: cells, nodes, addresses, tunnel endpoints, subscribers; and what its capture holds."""

from collections import deque
from functools import lru_cache
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING

from tools.scenario.capture_file import Capture, CaptureOptions
from tools.scenario.config import SECOND, Scenario
from tools.scenario.encode_gtp import GTPC_PORT, Endpoint, Location
from tools.scenario.encode_ip import fragments, ip, udp
from tools.scenario.tcp_model import MS, Profile
from tools.scenario.truth import Flow, Truth

if TYPE_CHECKING:
    from tools.scenario.nr_network import NrNetwork
    from tools.scenario.radio import Radio

CONTROL, S1U, S5U = 0, 1, 2


@lru_cache(maxsize=65536)
def text(address: bytes) -> str:
    """An address in its usual notation."""
    return str(ip_address(address))


class Node:
    """A network element: address, source port of its requests, sequence numbers, tunnel endpoints."""

    def __init__(self, name: str, address: bytes, port: int, sequence: int, quarantine: int) -> None:
        self.name, self.address, self.port = name, address, port
        self.sequence, self.quarantine = sequence, quarantine
        self.next_teid = 0x1000 + sequence * 7
        self.freed: deque[tuple[int, int]] = deque()
        self.ident = sequence & 0xFFFF

    def next_sequence(self, bits: int = 23) -> int:
        """The next sequence number of the node as requester."""
        self.sequence = (self.sequence + 1) & ((1 << bits) - 1)
        return self.sequence

    def next_ident(self) -> int:
        """The next IPv4 identification."""
        self.ident = (self.ident + 1) & 0xFFFF
        return self.ident

    def endpoint(self, now: int) -> Endpoint:
        """A tunnel endpoint: one that was freed and has rested, else a new one."""
        if self.freed and self.freed[0][0] + self.quarantine <= now:
            return Endpoint(self.address, self.freed.popleft()[1])
        self.next_teid = (self.next_teid + 0x101) & 0xFFFFFFFF
        return Endpoint(self.address, self.next_teid)

    def free(self, endpoint: Endpoint, now: int) -> None:
        """Gives an endpoint back."""
        self.freed.append((now, endpoint.teid))


class Cell:
    """A cell with the node that serves it and the radio conditions it gives."""

    def __init__(self, where: Location, node: Node, profile: Profile, lte: bool, bad: bool, nr: bool = False) -> None:
        self.where, self.node, self.profile, self.lte, self.bad = where, node, profile, lte, bad
        self.nr = nr
        identity = f"{where.cell}" if lte or nr else f"{where.area}-{where.cell}"
        self.name = f"{where.mcc}-{where.mnc}-{identity}"


class Gateway:
    """A PGW (or GGSN): node, user addresses to give out, how fast and how well it answers."""

    def __init__(self, number: int, node: Node, user: Node, bad: bool) -> None:
        self.number, self.node, self.user, self.bad = number, node, user, bad
        self.users = 0

    def user_addresses(self, kind: int, apn: str) -> tuple[bytes | None, bytes | None]:
        """Addresses for PDN type `kind` (1 IPv4, 2 IPv6, 3 both), never given twice."""
        self.users += 1
        block = (self.number * 2 + (apn == "ims")) << 16
        v4 = (0x0A800000 + block + self.users).to_bytes(4, "big") if kind & 1 else None
        prefix = (0x20010DB8 << 96) | (0x10 + self.number << 80) | (self.users << 64)
        v6 = (prefix | 0x0200_5EFF_FE00_0001 + self.users).to_bytes(16, "big") if kind & 2 else None
        return v4, v6


class Subscriber:
    """A person's SIM and device."""

    def __init__(
        self, rng: Random, number: int, imsi: str, home_plmn: str, msisdn: str, imeisv: str, cell: Cell
    ) -> None:
        self.rng, self.number, self.imsi, self.home_plmn = rng, number, imsi, home_plmn
        self.msisdn, self.imeisv, self.cell = msisdn, imeisv, cell
        self.port = 32768 + rng.randrange(20000)
        self.bad = False
        self.arrival = 0

    def next_port(self) -> int:
        """A device port, new for each connection."""
        self.port = 32768 + (self.port - 32767) % 28000
        return self.port


_ROAMERS = (("310-410", "31041"), ("262-02", "26202"), ("234-15", "23415"), ("311-480", "31148"))
_TACS = ("35123400", "86456703", "01326200", "35876911")


class Network:
    """Everything that exists before traffic starts, and the way into the capture."""

    def __init__(self, scenario: Scenario, truth: Truth, capture: Capture, options: CaptureOptions) -> None:
        self.scenario, self.truth, self.capture = scenario, truth, capture
        self.quantum = options.quantum
        self.rng = Random(f"{scenario.seed}/network")
        self.signalling_from = scenario.start + int(scenario.signalling_from_s * SECOND)
        self.mmes = [self._node(f"mme{i}", 1, i) for i in range(2)]
        self.sgws = [self._node(f"sgw{i}", 2, i) for i in range(2)]
        self.sgw_users = [self._node(f"sgwu{i}", 7, i) for i in range(2)]
        self.sgsn = self._node("sgsn", 4, 0)
        self.rnc = self._node("rnc", 5, 0)
        self.gateways = [
            Gateway(i, self._node(f"pgw{i}", 3, i), self._node(f"pgwu{i}", 8, i), i == scenario.bad_gateway)
            for i in range(scenario.gateways)
        ]
        self.mmes[1].port = 31123  # an element that sends its requests from another port
        self.enbs = [self._node(f"enb{i}", 6, i) for i in range(max(1, scenario.cells // 3 + 1))]
        self.cells = [self._cell(i, True) for i in range(scenario.cells)]
        self.cells_3g = [self._cell(i, False) for i in range(scenario.cells_3g)]
        total = scenario.subscribers + scenario.subscribers_3g
        self.subscribers = [self._subscriber(i, i >= scenario.subscribers) for i in range(total)]
        self.servers4 = [bytes((203, 0, 113, i + 1)) for i in range(100)]
        self.servers6 = [(0x20010DB8FFFF << 80 | i + 1).to_bytes(16, "big") for i in range(50)]
        self.server_ident = 0
        self.radio: Radio | None = None  # the control plane between radio and core, where the scenario has one
        self.nr: NrNetwork | None = None
        self.unseen = set(scenario.unseen.split())
        self.flows_without_ports: dict[tuple[bytes, bytes, int], Flow] = {}

    def _node(self, name: str, kind: int, number: int) -> Node:
        if self.scenario.transport_ipv6:
            address = (0xFD00_0000_0000_0000 << 64 | kind << 16 | number + 1).to_bytes(16, "big")
        else:
            address = bytes((172, 16 + kind, number >> 8, (number & 0xFF) + 1))
        quarantine = int(self.scenario.teid_quarantine_s * SECOND)
        return Node(name, address, GTPC_PORT, self.rng.getrandbits(15), quarantine)

    def _cell(self, number: int, lte: bool) -> Cell:
        s, rng = self.scenario, self.rng
        bad = lte and number == s.bad_cell
        rtt = rng.randrange(140, 240) if bad else rng.randrange(22, 60)
        rate = 1.5e6 if bad else rng.uniform(12e6, 60e6)
        # The fields of a profile that are shares have the same names in the scenario.
        shares = {name: getattr(s, name) for name in Profile._fields if hasattr(s, name)}
        if bad:
            shares |= {"loss_after": 0.06, "half_open": 0.06, "syn_repeated": 0.06}
        profile = Profile(rtt * MS, 20 * MS, rate, **shares)
        if lte:
            enb = number // 3
            where = Location(*s.plmn, 0x1000 + enb // 4, (0x1A2B0 + enb) << 8 | number % 3 + 1)
            return Cell(where, self.enbs[enb], profile, True, bad)
        return Cell(Location(*s.plmn, 0x2100, 0x0A01 + number), self.sgsn, profile, False, False)

    def _subscriber(self, number: int, third: bool) -> Subscriber:
        s = self.scenario
        rng = Random(f"{s.seed}/subscriber/{number}")
        if rng.random() < s.roamer_share:
            home, prefix = rng.choice(_ROAMERS)
            prefix = home.replace("-", "")
        else:
            home, prefix = "-".join(s.plmn), "".join(s.plmn)
        imsi = prefix + f"{number + 1:0{15 - len(prefix)}d}"
        tac = rng.choice(_TACS)
        bad = number == s.bad_subscriber
        good = [c for c in (self.cells_3g if third else self.cells) if not (bad and c.bad)]
        person = Subscriber(
            rng, number, imsi, home, f"3361{number:07d}" + "9" * (number % 2), f"{tac}{number:06d}01", rng.choice(good)
        )
        person.bad = bad
        person.arrival = s.start + SECOND // 2 + int(rng.random() * min(s.arrival_s, s.duration_s / 2) * SECOND)
        if bad:
            person.arrival = s.start + SECOND
        return person

    def tick(self, ts: int) -> int:
        """A time as the capture file can say it."""
        return ts - ts % self.quantum

    def sees(self, interface: str) -> bool:
        """Whether the capture holds this interface."""
        return interface not in self.unseen

    def server_leg(self, gateway: Gateway, rng: Random) -> int:
        """Round trip from the probe to a server behind a gateway."""
        return rng.randrange(120, 200) * MS if gateway.bad else rng.randrange(8, 40) * MS

    def control(self, ts: int, src: Node, dst: Node, sport: int, dport: int, *messages: bytes) -> None:
        """Captures a GTP-C datagram of one message or more; a large one in two fragments, whole at `ts`."""
        message = b"".join(messages)
        for each in messages:
            self.truth.count_message(each[0] >> 5, each[1])
        packet = ip(
            src.address, dst.address, 17, udp(src.address, dst.address, sport, dport, message), src.next_ident()
        )
        if len(packet) > 1500 and len(src.address) == 4:
            first, second = fragments(packet, 1480)
            self.capture.add(ts - self.quantum, CONTROL, first)
            self.capture.add(ts, CONTROL, second)
            self.truth.count("gtpc_fragment", 2)
            return
        self.capture.add(ts, CONTROL, packet)
        self.truth.count("gtpc")

    def tunnel_control(self, ts: int, src: Node, dst: bytes, message: bytes) -> None:
        """Captures a GTP-U message that carries no user packet."""
        if not self.sees("user"):
            return
        datagram = udp(src.address, dst, 2152, 2152, message)
        self.capture.add(ts, S1U, ip(src.address, dst, 17, datagram, src.next_ident()))
        self.truth.count("gtpu_control")
