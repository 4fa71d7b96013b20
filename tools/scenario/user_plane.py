"""User traffic: connections and datagrams put into the bearers of their subscriber, counted as they are sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tools.scenario import encode_ip as wire
from tools.scenario.clock import Clock
from tools.scenario.encode_gtp import Endpoint, Tunnel, pdu_session_container
from tools.scenario.network import S1U, S5U, Cell, Gateway, Network, Node, Subscriber, text
from tools.scenario.tcp_model import MS, SECOND, Connection, Profile, connection
from tools.scenario.truth import ACTIVE_GAP, END, FIRST_MARK, LAST_UP, Flow, Session, new_row

ACTIVE = 22  # index of active_ns up in a row
S5_TRANSIT = 80_000  # ns that a packet needs through the SGW


@dataclass
class Path:
    """The radio side of a bearer from a time on."""

    since: int
    cell: Cell
    ran: Endpoint
    node: Node
    up: Tunnel
    down: Tunnel


@dataclass
class Pdn:
    """A session as the network holds it: its truth, gateway and user addresses."""

    truth: Session
    gateway: Gateway
    apn: str
    v4: bytes | None
    v6: bytes | None
    ebi: int
    linked: list["Bearer"] = field(default_factory=list)


@dataclass
class Bearer:
    """A bearer: its core-side endpoint, its paths in order of time, and the S5 tunnel behind it."""

    pdn: Pdn
    ebi: int
    qci: int
    core_node: Node
    core: Endpoint
    s5_sgw: Endpoint  # the S5 tunnel behind an SGW; 3G has none and repeats `core`
    s5_pgw: Endpoint
    container: bool = False
    qfi: int = 0  # its QoS flow; of an LTE bearer its class
    sequence: bool = False
    paths: list[Path] = field(default_factory=list)

    def add_path(self, since: int, cell: Cell, ran: Endpoint, node: Node) -> Path:
        """Binds the radio side to an endpoint of `node` from `since` on."""
        extension = [pdu_session_container(up, self.qfi or self.qci) if self.container else b"" for up in (True, False)]
        path = Path(
            since, cell, ran, node,
            Tunnel(ran.address, self.core, extension[0], self.sequence),
            Tunnel(self.core.address, ran, extension[1], self.sequence),
        )  # fmt: skip
        self.paths.append(path)
        return path


class Packet(NamedTuple):
    """An IP packet ready to send at a local time."""

    time: int
    up: bool
    data: bytes
    payload: bool


class Route:
    """Carries the packets of one flow: finds their row of truth and their tunnel."""

    def __init__(self, net: Network, flow: Flow, bearer: Bearer | None) -> None:
        self.net, self.flow, self.bearer = net, flow, bearer
        self.lo = self.hi = 0
        self.row = new_row()
        self.tunnels: tuple[Tunnel, Tunnel] | None = None
        self.s5: tuple[Tunnel, Tunnel] | None = None
        if bearer and bearer.s5_pgw is not bearer.core and net.scenario.s5_user:
            self.s5 = (
                Tunnel(bearer.s5_sgw.address, bearer.s5_pgw, sequence=bearer.sequence),
                Tunnel(bearer.s5_pgw.address, bearer.s5_sgw, sequence=bearer.sequence),
            )

    def move(self, ts: int) -> None:
        """Makes `row` and `tunnels` those of time `ts`, valid from `lo` until `hi`."""
        window = self.net.truth.window(ts)
        self.lo, self.hi, cell = window, window + self.net.truth.window_ns, None
        if self.bearer:
            paths = self.bearer.paths
            number = max(i for i, path in enumerate(paths) if i == 0 or path.since <= ts)
            path = paths[number]
            self.tunnels = (path.up, path.down)
            self.lo = max(self.lo, path.since)
            if number + 1 < len(paths):
                self.hi = min(self.hi, paths[number + 1].since)
            if self.bearer.pdn.truth.captured or self.told_by_radio(path):
                cell = path.cell.name
        self.row = self.flow.row((window, cell), ts)

    def told_by_radio(self, path: Path) -> bool:
        """Whether S1-MME told the endpoint of a session whose set-up was not captured, and with it the cell."""
        net = self.net
        return self.bearer is not None and self.bearer.pdn.truth.rat == "eutran" and net.radio is not None and (
            net.sees("s1mme") and path.since >= net.signalling_from
        )  # fmt: skip

    def carry(self, ts: int, up: bool, packet: bytes) -> None:
        """Captures one packet of the subscriber, with its tunnel where it has one."""
        net, way = self.net, 0 if up else 1
        if net.unseen and not net.sees("user"):
            return
        ledger, add = net.truth.ledger, net.capture.add
        ledger["user_plane"] += 1
        if self.tunnels is None:
            add(ts, S1U, packet)
            return
        net.server_ident = ident = (net.server_ident + 1) & 0xFFFF
        outer = self.tunnels[way].wrap(packet, ident)
        share = net.scenario.fragment_share
        if share and len(outer) > 1000 and outer[0] == 0x45 and net.rng.random() < share:
            first, second = wire.fragments(outer, 800)
            add(ts, S1U, first)
            add(ts + net.quantum, S1U, second)
            ledger["fragment"] += 1
        else:
            add(ts, S1U, outer)
        if self.s5:
            add(ts + (S5_TRANSIT if up else -S5_TRANSIT), S5U, self.s5[way].wrap(packet, ident))
            ledger["second_leg"] += 1


def send_tcp(net: Network, conn: Connection, flow: Flow, bearer: Bearer | None, clock: Clock, cut: int,
             sides: tuple[wire.TcpSide, wire.TcpSide]) -> int:  # fmt: skip
    """Sends a connection until real time `cut` and fills `flow`; the real time of its last packet."""
    route, real, quantum = Route(net, flow, bearer), clock.real, net.quantum
    first_payload = [0, 0]
    ts = 0
    for time, _, up, flags, seq, ack, size, window, ident, marks in conn.events:
        now = real(time)
        now -= now % quantum
        if now >= cut:
            break
        ts = now
        if not route.lo <= ts < route.hi:
            route.move(ts)
        row = route.row
        way = 0 if up else 1
        packet = sides[way].segment(seq, ack, flags, window, ident, size)
        row[way] += len(packet)
        row[2 + way] += 1
        if size:
            row[4 + way] += 1
            _activity(row, way, ts)
            first_payload[way] = first_payload[way] or ts
        counter = 2 * FIRST_MARK + way
        while marks:
            row[counter] += marks & 1
            marks >>= 1
            counter += 2
        row[END] = ts
        route.carry(ts, up, packet)
    _outcome(net, conn, flow, clock)
    if all(first_payload):
        flow.first_byte_ns = first_payload[1] - first_payload[0]
    return ts


def _activity(row: list[int], way: int, ts: int) -> None:
    last = row[LAST_UP + way]
    if last and ts - last <= ACTIVE_GAP:
        row[ACTIVE + way] += ts - last
    row[LAST_UP + way] = ts


def _outcome(net: Network, conn: Connection, flow: Flow, clock: Clock) -> None:
    def seen(local: int) -> int:
        return net.tick(clock.real(local))

    flow.connect, flow.connect_ts = conn.outcome, seen(conn.syns[0])
    if len(conn.syns) == 1 and conn.syn_acks:
        flow.rtt_server_ns = seen(conn.syn_acks[0]) - flow.connect_ts
    if len(conn.syn_acks) == 1 and conn.answered:
        flow.rtt_client_ns = seen(conn.answered) - seen(conn.syn_acks[0])


def send_packets(
    net: Network, packets: Iterable[Packet], flow: Flow, bearer: Bearer | None, clock: Clock, cut: int
) -> int:
    """Sends datagrams until real time `cut`; the real time of the last."""
    route = Route(net, flow, bearer)
    first_payload = [0, 0]
    ts = 0
    for packet in sorted(packets, key=lambda p: p.time):
        now = net.tick(clock.real(packet.time))
        if now >= cut:
            break
        ts = now
        if not route.lo <= ts < route.hi:
            route.move(ts)
        row, way = route.row, 0 if packet.up else 1
        row[way] += len(packet.data)
        row[2 + way] += 1
        if packet.payload:
            _activity(row, way, ts)
            first_payload[way] = first_payload[way] or ts
        row[END] = ts
        route.carry(ts, packet.up, packet.data)
    if all(first_payload):
        flow.first_byte_ns = first_payload[1] - first_payload[0]
    return ts


class Traffic:
    """Makes the traffic of one subscriber (or of a plain link) during one connected phase."""

    def __init__(self, net: Network, person: Subscriber, clock: Clock, cut: int, profile: Profile) -> None:
        self.net, self.person, self.clock, self.cut, self.profile = net, person, clock, cut, profile
        self.rng = person.rng
        self.last = 0

    def one(self, bearer: Bearer, start: int) -> None:
        """One connection of any kind on `bearer` from local time `start`."""
        net, rng, s = self.net, self.rng, self.net.scenario
        pdn = bearer.pdn
        ue = pdn.v4 if pdn.v4 and (not pdn.v6 or rng.random() < 0.5) else pdn.v6
        assert ue is not None
        server = rng.choice(net.servers4 if len(ue) == 4 else net.servers6)
        profile = self.profile._replace(server_rtt=net.server_leg(pdn.gateway, rng))
        draw = rng.random()
        if bearer.qci == 1:
            self.voice(bearer, start, ue, server)
        elif draw < s.icmp_share:
            self.ping(bearer, start, ue, server, profile)
        elif draw < s.icmp_share + s.udp_share:
            if rng.random() < 0.6:
                self.dns(bearer, start, ue, server, profile)
            else:
                self.quic(bearer, start, ue, server, profile)
        else:
            self.tcp(bearer, start, ue, server, profile)

    def flow(self, bearer: Bearer | None, ue: bytes, port: int, server: bytes, server_port: int, protocol: int) -> Flow:
        """A new flow in the truth."""
        session = bearer.pdn.truth if bearer and bearer.pdn.truth.captured else None
        imsi, number = (session.imsi, session.number) if session else (None, None)
        if not port and (ue, server, protocol) in self.net.flows_without_ports:
            return self.net.flows_without_ports[ue, server, protocol]
        flow = Flow(imsi, number, text(ue), port, text(server), server_port, protocol)
        self.net.truth.flows.append(flow)
        if not port:
            self.net.flows_without_ports[ue, server, protocol] = flow
        return flow

    def tcp(self, bearer: Bearer | None, start: int, ue: bytes, server: bytes, profile: Profile) -> None:
        """A TCP connection with one or two requests."""
        rng, s = self.rng, self.net.scenario
        large = min(400, 1 + int(rng.expovariate(1 / s.segments)))
        small = rng.randrange(1, 4)
        up, down = (large, small) if rng.random() < s.upload_share else (small, large)
        exchanges = [
            (rng.randrange(100, 700) + 1360 * (up if up == large else 0), rng.randrange(200, 1300) + 1360 * down)
        ]
        if rng.random() < 0.3:
            exchanges.append((rng.randrange(100, 700), rng.randrange(200, 4000)))
        options = wire.ROUTER_ALERT if len(ue) == 4 and rng.random() < s.ip_options_share else b""
        conn = connection(
            rng, profile, start, exchanges, self.clock.unbroken, len(ue) == 4, rng.random() >= s.left_open
        )
        if self.clock.real(conn.settled) >= self.cut:
            return
        port, server_port = self.person.next_port(), rng.choice((443, 443, 443, 80))
        sides = (wire.TcpSide(ue, server, port, server_port, options), wire.TcpSide(server, ue, server_port, port))
        flow = self.flow(bearer, ue, port, server, server_port, wire.TCP)
        self.done(send_tcp(self.net, conn, flow, bearer, self.clock, self.cut, sides))

    def done(self, ts: int) -> None:
        """Remembers when the last packet passed."""
        self.last = max(self.last, ts)

    def datagrams(self, bearer: Bearer | None, ue: bytes, server: bytes, server_port: int,
                  payloads: list[tuple[int, bool, bytes]]) -> None:  # fmt: skip
        """A UDP flow: (local time, up, payload) each."""
        if self.clock.real(payloads[0][0]) >= self.cut:
            return
        port, ident, packets, rest = self.person.next_port(), self.rng.getrandbits(16), [], []
        for number, (time, up, payload) in enumerate(payloads):
            src, dst, sport, dport = (ue, server, port, server_port) if up else (server, ue, server_port, port)
            packet = wire.ip(src, dst, 17, wire.udp(src, dst, sport, dport, payload), (ident + number) & 0xFFFF)
            if len(packet) > 1400 and len(ue) == 4:
                packet, second = wire.fragments(packet, 1200)
                rest.append(Packet(time + self.net.quantum, up, second, False))
            packets.append(Packet(time, up, packet, True))
        flow = self.flow(bearer, ue, port, server, server_port, wire.UDP)
        self.done(send_packets(self.net, packets, flow, bearer, self.clock, self.cut))
        if rest and self.clock.real(rest[0].time) < self.cut:
            later = self.flow(bearer, ue, 0, server, 0, wire.UDP)
            self.done(send_packets(self.net, rest, later, bearer, self.clock, self.cut))

    def dns(self, bearer: Bearer | None, start: int, ue: bytes, server: bytes, profile: Profile) -> None:
        """A DNS query and its answer; some stay without."""
        name, ident = f"host{self.rng.randrange(500)}.example.net", self.rng.getrandbits(16)
        payloads = [(start, True, wire.dns_query(ident, name))]
        if self.rng.random() > 0.03:
            answer = wire.dns_answer(ident, name, bytes((203, 0, 113, 9)))
            payloads.append((start + profile.server_rtt, False, answer))
        self.datagrams(bearer, ue, server, 53, payloads)

    def quic(self, bearer: Bearer | None, start: int, ue: bytes, server: bytes, profile: Profile) -> None:
        """A QUIC connection: Initial packets both ways, then a burst down."""
        rng, connection_id = self.rng, self.rng.randbytes(8)
        time = start + profile.server_rtt
        payloads = [(start, True, wire.quic_initial(connection_id, 1200))]
        payloads.append((time, False, wire.quic_initial(connection_id, 1200)))
        time += profile.client_rtt
        payloads.append((time, True, wire.quic_short(connection_id, 80)))
        if rng.random() < self.net.scenario.inner_fragment_share:
            payloads.append((time + MS, True, wire.quic_short(connection_id, 1900)))
        time += profile.server_rtt
        for number in range(min(200, 1 + int(rng.expovariate(2 / self.net.scenario.segments)))):
            time += int(1250 * 8e9 / profile.rate)
            payloads.append((time, False, wire.quic_short(connection_id, 1250)))
            if number % 4 == 3:
                payloads.append((time + profile.client_rtt, True, wire.quic_short(connection_id, 40)))
        self.datagrams(bearer, ue, server, 443, payloads)

    def ping(self, bearer: Bearer, start: int, ue: bytes, server: bytes, profile: Profile) -> None:
        """A few echo requests, each answered."""
        if self.clock.real(start) >= self.cut:
            return
        version = 4 if len(ue) == 4 else 6
        protocol = wire.ICMP if version == 4 else wire.ICMPV6
        if (ue, server, protocol) in self.net.flows_without_ports:
            return
        ident, packets = self.rng.getrandbits(16), []
        for number in range(self.rng.randrange(1, 4)):
            time = start + number * SECOND
            for up, src, dst, when in ((True, ue, server, time), (False, server, ue, time + profile.server_rtt)):
                body = wire.icmp_echo(not up, version, src, dst, ident, number, b"\x55" * 56)
                packets.append(Packet(when, up, wire.ip(src, dst, protocol, body, ident + number & 0xFFFF), False))
        flow = self.flow(bearer, ue, 0, server, 0, protocol)
        self.done(send_packets(self.net, packets, flow, bearer, self.clock, self.cut))

    def voice(self, bearer: Bearer, start: int, ue: bytes, server: bytes) -> None:
        """About a second of RTP both ways, a packet each 20 ms."""
        rng = self.rng
        sources = rng.getrandbits(32), rng.getrandbits(32)
        payloads = []
        for number in range(rng.randrange(20, 60)):
            for up in (True, False):
                time = start + number * 20 * MS + (0 if up else 7 * MS)
                payloads.append((time, up, wire.rtp(number, number * 320, sources[up], 61)))
        self.datagrams(bearer, ue, server, 40000, payloads)
