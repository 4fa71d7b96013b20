"""The control plane between radio and core: associations, identities of devices, and the way into capture and truth."""

from random import Random
from typing import Any

from tools.scenario import encode_ngap as ngap
from tools.scenario import encode_s1ap as s1ap
from tools.scenario import encode_s1ap_mobility as mobility
from tools.scenario.config import SECOND
from tools.scenario.encode_gtp import Location
from tools.scenario.network import Cell, Network, Node, Subscriber, text
from tools.scenario.radio_truth import Connection, RadioTruth
from tools.scenario.sctp_link import Association, SctpLink

MS = 1_000_000
CONTROL = 0
GROUP = 0x8004  # MME group; the code is the MME's number + 1
GROUPS = ("radio", "transport", "nas", "protocol", "misc")


class Device:
    """What a device keeps from one attach to the next."""

    def __init__(self, net: Network, person: Subscriber) -> None:
        self.rng = Random(f"{net.scenario.seed}/radio/{person.number}")
        self.ciphered = self.rng.random() >= net.scenario.eea0_share
        self.tmsi: int | None = None
        self.capability_known = False
        self.nas_up = self.nas_down = 0


class Identities:
    """Identities that a node gives to contexts; a freed one is given again once it has rested."""

    def __init__(self, first: int, rest: int) -> None:
        self.next, self.rest = first, rest
        self.freed: list[tuple[int, int]] = []

    def take(self, now: int) -> int:
        """An identity at time `now`."""
        if self.freed and self.freed[0][0] <= now:
            return self.freed.pop(0)[1]
        self.next += 1
        return self.next

    def free(self, identity: int, now: int) -> None:
        """Gives one back."""
        self.freed.append((now + self.rest, identity))


class Radio:
    """S1-MME (and what belongs to it) of a scenario."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.rng = Random(f"{net.scenario.seed}/radio")
        self.truth = RadioTruth(net.truth.window_ns)
        net.truth.radio = self.truth
        self.sctp = SctpLink(net, {s1ap.PPID: "s1ap", ngap.PPID: "ngap"})
        self.devices = {person.number: Device(net, person) for person in net.subscribers}
        rest = int(net.scenario.teid_quarantine_s * SECOND)
        self.core_ids = {mme.name: Identities(0xFF00 + 0x100000 * i, rest) for i, mme in enumerate(net.mmes)}
        self.radio_ids = {enb.name: Identities(0xF0, rest) for enb in net.enbs}
        self.associations: dict[tuple[str, str], Association] = {}
        self.tmsi = 0xC0000000
        for number, enb in enumerate(net.enbs if net.scenario.s1 else []):
            self._connect(number, enb)
        if net.nr:
            self.devices |= {person.number: Device(net, person) for person in net.nr.subscribers}
            self.core_ids[net.nr.amf_node.name] = Identities(0xFF_FFFF_FF00, rest)
            self.radio_ids |= {gnb.name: Identities(0xFFF0, rest) for gnb in net.nr.gnbs}

    def second(self, enb: Node, mme: Node) -> tuple[bytes, bytes] | None:
        """Second addresses of the two ends of an association, where the scenario has them."""
        if not self.net.scenario.sctp_second_path:
            return None
        pair = [node.address[:1] + bytes((node.address[1] + 16,)) + node.address[2:] for node in (enb, mme)]
        return pair[0], pair[1]

    def _connect(self, number: int, enb: Node) -> None:
        """Associations of an eNodeB with each MME, S1 Setup, and a Reset of the whole interface by some."""
        net, rng = self.net, self.rng
        cells = [cell for cell in net.cells if cell.node is enb]
        ts = net.scenario.start + 20 * MS + number * 3 * MS
        for mme in net.mmes:
            port = 36412 if number % 3 else 36412 + number
            association = self.sctp.associate(enb, mme, (port, s1ap.PORT), s1ap.PPID, CONTROL, self.second(enb, mme))
            self.associations[enb.name, mme.name] = association
            if not cells:
                continue
            done = self.sctp.open(ts, association)
            self._setup(done + MS, association, cells, rng.random() < net.scenario.setup_retry_share)
            self.sctp.heartbeat(ts + 30 * SECOND, association, -1)

    def _setup(self, ts: int, association: Association, cells: list[Cell], refused: bool) -> None:
        where, areas = cells[0].where, sorted({cell.where.area for cell in cells})
        enb, mme = (end.node for end in association.ends)
        request = s1ap.setup_request(where, areas, enb.name)
        if refused:
            why = s1ap.Cause(s1ap.MISC, 0)
            self.send(ts, association, 0, request)
            self.send(ts + 4 * MS, association, 1, s1ap.setup_failure(why))
            self.record("s1mme", "s1_setup", ts, ts + 4 * MS, enb, mme, why=why)
            ts += 400 * MS
        self.send(ts, association, 0, request)
        self.send(ts + 5 * MS, association, 1, s1ap.setup_response(where, GROUP, self.net.mmes.index(mme) + 1))
        self.record("s1mme", "s1_setup", ts, ts + 5 * MS, enb, mme)
        if self.rng.random() < 0.3:
            self.send(ts + 8 * MS, association, 0, mobility.reset(s1ap.Cause(s1ap.MISC, 3), None))
            self.send(ts + 10 * MS, association, 1, mobility.reset_acknowledge(None))
            self.record("s1mme", "reset", ts + 8 * MS, ts + 10 * MS, enb, mme)

    def send(self, ts: int, association: Association, way: int, message: bytes, stream: int = 0) -> None:
        """A message of the radio node (`way` 0) or of the core (1)."""
        if not self.net.sees("s1mme" if association.ppid == s1ap.PPID else "n2"):
            return
        self.sctp.send(ts, association, way, message, stream)
        if self.net.tick(ts) >= self.net.signalling_from:
            key = f"{self.sctp.protocols[association.ppid]}-{message[1]}-{message[0] >> 5}"
            self.net.truth.messages[key] = self.net.truth.messages.get(key, 0) + 1

    def new_tmsi(self) -> int:
        """An M-TMSI that nobody has had."""
        self.tmsi += 0x1357
        return self.tmsi

    def connection(self, interface: str, rat: str, person: Subscriber, core: Node, reason: int, ts: int,
                   cell: Cell) -> Connection:  # fmt: skip
        """A new connection in the truth."""
        ts = self.net.tick(ts)
        made = Connection(len(self.truth.connections) + 1, interface, rat, person.imsi, text(core.address), reason, ts,
                          [[cell.name, ts, None]], ts >= self.net.signalling_from)  # fmt: skip
        self.truth.connections.append(made)
        return made

    def record(self, interface: str, procedure: str, start: int, end: int | None, requester: Node, responder: Node,
               why: s1ap.Cause | ngap.NgCause | tuple[str, int] | None = None, outcome: str | None = None,
               **about: Any) -> None:  # fmt: skip
        """Writes a procedure into the truth: a failure where there is a cause and no other outcome is named."""
        if not self.net.sees(interface) or self.net.tick(start) < self.net.signalling_from:
            return
        family, code = cause_of(why)
        start, end = self.net.tick(start), None if end is None else self.net.tick(end)
        self.net.truth.procedures.append(
            {
                "interface": interface,
                "procedure": procedure,
                "outcome": outcome or ("timeout" if end is None else "success" if why is None else "failure"),
                "cause_family": family,
                "cause_code": code,
                "start": start,
                "latency_ms": None if end is None else (end - start) / 1e6,
                "attempts": about.pop("attempts", 1),
                "imsi": about.pop("imsi", None),
                "cell": about.pop("cell", None),
                "apn": about.pop("apn", None),
                "session": about.pop("session", None),
                "requester": text(requester.address),
                "responder": text(responder.address),
                "setup": False,
                **about,
            }
        )

    def places(self, area: int) -> list[tuple[Node, Location]]:
        """The radio nodes with cells in a tracking area."""
        found: dict[str, tuple[Node, Location]] = {}
        for cell in self.net.cells:
            if cell.where.area == area:
                found.setdefault(cell.node.name, (cell.node, cell.where))
        return list(found.values())


def cause_of(why: s1ap.Cause | ngap.NgCause | tuple[str, int] | None) -> tuple[str | None, int | None]:
    """Family and code of a cause."""
    if why is None:
        return None, None
    if isinstance(why, s1ap.Cause):
        return f"s1ap_{GROUPS[why.group]}", why.value
    if isinstance(why, ngap.NgCause):
        return f"ngap_{GROUPS[why.group]}", why.value
    return why
