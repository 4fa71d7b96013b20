"""Runs a scenario: subscribers in order of time, into capture files and a truth."""

import gc
import heapq
from pathlib import Path
from random import Random

from tools.scenario.capture_file import Capture, CaptureOptions
from tools.scenario.clock import Clock
from tools.scenario.config import SECOND, Scenario
from tools.scenario.encode_gtp import gtpu_echo, message_v2
from tools.scenario.exchange import Call, exchange, record
from tools.scenario.life import life
from tools.scenario.network import CONTROL, Network, Node, Subscriber, text
from tools.scenario.nr_network import NrNetwork
from tools.scenario.radio import Radio
from tools.scenario.tcp_model import MS
from tools.scenario.truth import Truth
from tools.scenario.user_plane import Traffic

MARGIN = 50 * MS  # nothing is sent earlier than this before the moment that the simulation has reached


def generate(scenario: Scenario, folder: Path, options: CaptureOptions | None = None) -> Truth:
    """Writes capture.* and truth.json into `folder` and returns the truth. The same arguments give the same octets."""
    options = options or CaptureOptions()
    folder.mkdir(parents=True, exist_ok=True)
    truth = Truth(scenario.seed, scenario.start, scenario.end, scenario.window_s * SECOND)
    capture = Capture(folder, options, scenario.start, scenario.end)
    net = Network(scenario, truth, capture, options)
    if scenario.cells_nr:
        net.nr = NrNetwork(net)
    if scenario.s1 or net.nr:
        net.radio = Radio(net)
        if net.nr:
            net.nr.begin(net.radio)
    truth.files = [file.path.name for file in capture.files]
    _faults(net)
    _echoes(net)
    _plain(net)
    _other(net)
    collecting = gc.isenabled()
    gc.disable()  # everything made here is kept; looking for garbage in it costs a third of the time
    try:
        _live(net)
    finally:
        if collecting:
            gc.enable()
    if net.radio is not None:
        net.radio.sctp.flush(2**63)
    capture.close()
    if not net.sees("user"):
        truth.flows.clear()
    _totals(truth)
    truth.ledger["in"] = capture.packets
    truth.ledger["in_bytes"] = capture.octets
    truth.write(folder / "truth.json")
    return truth


def _live(net: Network) -> None:
    lives = [life(net, person) for person in net.subscribers + (net.nr.subscribers if net.nr else [])]
    queue = [(now, number) for number, each in enumerate(lives) if (now := next(each, None)) is not None]
    heapq.heapify(queue)
    written = net.scenario.start
    while queue:
        now, number = heapq.heappop(queue)
        if now > written + SECOND:
            written = now
            if net.radio is not None:
                net.radio.sctp.flush(now - MARGIN)
            # A message in pieces ends at its time and begins a little earlier.
            net.capture.flush(now - MARGIN - MS if net.radio is not None else now - MARGIN)
        later = next(lives[number], None)
        if later is not None:
            heapq.heappush(queue, (max(later, now), number))


def _faults(net: Network) -> None:
    s, faults = net.scenario, net.truth.faults
    if s.bad_cell is not None:
        faults["cell"] = net.cells[s.bad_cell].name
    if s.bad_cell_nr is not None and net.nr:
        faults["cell_nr"] = net.nr.cells[s.bad_cell_nr].name
    if s.bad_gateway is not None:
        faults["gateway"] = text(net.gateways[s.bad_gateway].node.address)
    if s.bad_subscriber is not None:
        faults["subscriber"] = net.subscribers[s.bad_subscriber].imsi


def _echoes(net: Network) -> None:
    """Echo Request and Response between MME and SGW (GTP-C) and between eNodeB and SGW (GTP-U)."""
    s, rng = net.scenario, Random(f"{net.scenario.seed}/echo")
    if s.echo_interval_s <= 0 or not s.subscribers:
        return
    ts = s.start + 100 * MS
    while ts < s.end:
        for mme, sgw, user in zip(net.mmes, net.sgws, net.sgw_users, strict=True):
            sequence = mme.next_sequence()
            request, answer = message_v2(1, None, sequence, b""), message_v2(2, None, sequence, b"\x03\0\x01\0\x07")
            call = Call("s11", "echo", mme, sgw, (request,), (answer,))
            exchange(net, rng, call, ts, 2 * MS)
            _gtpu_echo(net, net.enbs[0], user, ts + 3 * MS)
            ts += 5 * MS
        ts += int(s.echo_interval_s * SECOND)


def _gtpu_echo(net: Network, enb: Node, sgw: Node, ts: int) -> None:
    sequence = enb.next_sequence(16)
    net.tunnel_control(ts, enb, sgw.address, gtpu_echo(False, sequence))
    net.tunnel_control(ts + MS, sgw, enb.address, gtpu_echo(True, sequence))
    call = Call("s1u", "gtpu_echo", enb, sgw, (), ())
    if net.sees("user"):
        record(net, call, net.tick(ts), net.tick(ts + MS), 1)


def _plain(net: Network) -> None:
    """Connections on a link without tunnels, between clients and servers that no signalling knows."""
    s = net.scenario
    rng = Random(f"{s.seed}/plain")
    if not s.plain_flows:
        return
    template = (net.cells or net.cells_3g)[0]
    for number in range(s.plain_flows):
        person = Subscriber(rng, number, "", "", "", "", template)
        traffic = Traffic(net, person, Clock([]), s.end + 5 * SECOND, template.profile)
        start = s.start + int(rng.random() * s.duration_s * SECOND)
        client = bytes((192, 0, 2, number % 250 + 1))
        server = rng.choice(net.servers4)
        if rng.random() < 0.3:
            traffic.dns(None, start, client, server, template.profile)
        else:
            traffic.tcp(None, start, client, server, template.profile)


def _other(net: Network) -> None:
    """ARP requests: their first octet, 0, tells the capture that they are no IP packets."""
    for number in range(net.scenario.other_frames):
        body = bytes.fromhex("000108000604000102000000000a0a000001000000000000") + bytes((10, 0, 0, number % 250 + 1))
        net.capture.add(net.tick(net.scenario.start + number * SECOND), CONTROL, body)
        net.truth.count("not_ip")


def _totals(truth: Truth) -> None:
    """Volumes of each session from the rows of its flows."""
    by_number = {session.number: session for session in truth.sessions}
    for flow in truth.flows:
        session = by_number.get(flow.session or 0)
        for row in flow.rows.values() if session else ():
            assert session is not None
            session.bytes_up += row[0]
            session.bytes_down += row[1]
            session.packets_up += row[2]
            session.packets_down += row[3]
