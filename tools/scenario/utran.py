"""3G signalling: Gn between SGSN and GGSN (TS 29.060), with a direct tunnel to the RNC after some updates."""

from tools.scenario import encode_gtp as gtp
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.exchange import MS, PLAIN, REPEAT, TIMEOUT, Call, draw_fate, exchange, timer
from tools.scenario.network import Cell, Gateway, Network, Node, Subscriber, text
from tools.scenario.truth import Session
from tools.scenario.user_plane import Bearer, Pdn

ACCEPTED = 128
FAILURES = (199, 219, 222, 204, 209)
NETWORK_FAILURE = 8
INTERACTIVE_QCI = 6  # of `QOS_INTERACTIVE`, TS 23.401 Annex E
NSAPI = 5


class UtranAccess:
    """The network's side of one device on 3G: its PDP context."""

    rat = "utran"

    def __init__(self, net: Network, person: Subscriber, ts: int) -> None:
        self.net, self.person, self.rng = net, person, person.rng
        self.sgsn = net.sgsn
        self.cell: Cell = person.cell
        self.pdns: list[Pdn] = []
        self.sgsn_c = self.sgsn.endpoint(ts)
        self.ggsn_c = Endpoint(b"", 0)

    def outcome(self, gateway: Gateway) -> tuple[str, int]:
        """Outcome and cause of a set-up at a gateway."""
        rng, s = self.rng, self.net.scenario
        draw = rng.random()
        if gateway.bad and draw < 0.35:
            return ("timeout", 0) if draw < 0.08 else ("failure", 199 if draw < 0.25 else 209)
        if draw < s.timeout_share:
            return "timeout", 0
        if draw < s.timeout_share + s.setup_failure_share:
            return "failure", rng.choice(FAILURES)
        return "success", ACCEPTED

    def create(self, ts: int, apn: str) -> int:
        """Create PDP Context at `ts`; when it is over. What was accepted is in `pdns`."""
        net, rng, person, s = self.net, self.rng, self.person, self.net.scenario
        gateway = rng.choice(net.gateways)
        outcome, cause = self.outcome(gateway)
        draw = rng.random()
        kind = 3 if draw < s.dual_stack_share else (2 if draw < s.dual_stack_share + s.ipv6_share else 1)
        v4, v6 = gateway.user_addresses(kind, apn)
        fate = draw_fate(net, rng) if outcome != "timeout" else TIMEOUT
        latency = rng.randrange(400, 900) * MS if gateway.bad else rng.randrange(15, 70) * MS
        captured = ts >= net.signalling_from
        session = Session(
            len(net.truth.sessions) + 1, person.imsi, person.msisdn, person.imeisv, person.home_plmn, apn, self.rat,
            text(gateway.node.address), text(v4) if v4 else None, text(v6) if v6 else None, net.tick(ts), 0, captured,
            [self.cell.name],
        )  # fmt: skip
        pdn = Pdn(session, gateway, apn, v4, v6, NSAPI)
        core = gateway.user.endpoint(ts)
        bearer = Bearer(pdn, NSAPI, INTERACTIVE_QCI, gateway.user, core, core, core)
        bearer.sequence = rng.random() < 0.3
        pdn.linked.append(bearer)
        session.qci = bearer.qci
        self.ggsn_c, ran = gateway.node.endpoint(ts), self.sgsn.endpoint(ts)
        call = self.create_call(pdn, bearer, ran, kind, outcome, cause)
        end = exchange(net, rng, call, ts, latency, fate)
        if outcome != "success":
            for node, endpoint in ((self.sgsn, self.sgsn_c), (self.sgsn, ran), (gateway.node, self.ggsn_c),
                                   (gateway.user, bearer.core)):  # fmt: skip
                node.free(endpoint, end)
            return end
        session.setup_ns = net.tick(ts + latency + (timer(net) if fate == REPEAT else 0)) - net.tick(ts)
        if captured:
            session.setup_ns = int(net.truth.procedures[-1]["latency_ms"] * 1e6)
        bearer.add_path(net.tick(ts), self.cell, ran, self.sgsn)
        session.stay(self.cell.name, session.start + session.setup_ns)
        self.pdns.append(pdn)
        net.truth.sessions.append(session)
        return end

    def create_call(self, pdn: Pdn, bearer: Bearer, ran: Endpoint, kind: int, outcome: str, cause: int) -> Call:
        """Create PDP Context Request and Response."""
        person, gateway = self.person, pdn.gateway
        where, sequence = self.cell.where, self.sgsn.next_sequence(16)
        empty = gtp.end_user_address(
            b"" if kind != 3 else bytes(4), None if kind == 1 else (b"" if kind == 2 else bytes(16))
        )
        if kind == 1:
            empty = gtp.tlv(128, b"\xf1\x21")
        elif kind == 2:
            empty = gtp.tlv(128, b"\xf1\x57")
        request = gtp.message_v1(
            16, 0, sequence,
            gtp.imsi_v1(person.imsi) + gtp.rai(where) + gtp.tv(14, b"\x07") + gtp.tv(15, b"\xfc")
            + gtp.tv(16, ran.teid.to_bytes(4, "big")) + gtp.tv(17, self.sgsn_c.teid.to_bytes(4, "big"))
            + gtp.tv(20, bytes((NSAPI,))) + gtp.tv(26, b"\x08\0") + empty
            + gtp.tlv(131, gtp.labels(pdn.apn)) + gtp.tlv(133, self.sgsn_c.address) + gtp.tlv(133, ran.address)
            + gtp.tlv(134, b"\x91" + gtp.digits(person.msisdn)) + gtp.QOS_INTERACTIVE + gtp.tlv(151, b"\x01")
            + gtp.uli_v1(where, person.number % 2 == 0) + gtp.tlv(154, gtp.digits(person.imeisv)),
        )  # fmt: skip
        body = gtp.tv(1, bytes((cause,)))
        if outcome == "success":
            body += (
                gtp.tv(8, b"\xfe") + gtp.tv(14, b"\x03") + gtp.tv(16, bearer.core.teid.to_bytes(4, "big"))
                + gtp.tv(17, self.ggsn_c.teid.to_bytes(4, "big")) + gtp.tv(127, bearer.core.teid.to_bytes(4, "big"))
                + gtp.end_user_address(pdn.v4, pdn.v6) + gtp.tlv(133, self.ggsn_c.address)
                + gtp.tlv(133, bearer.core.address) + gtp.QOS_INTERACTIVE
            )  # fmt: skip
        answer = gtp.message_v1(17, self.sgsn_c.teid, sequence, body)
        return self.call("create_pdp_context", self.sgsn, gateway.node, request, answer, pdn, cause, outcome)

    def call(self, procedure: str, requester: Node, responder: Node, request: bytes, answer: bytes, pdn: Pdn,
             cause: int = ACCEPTED, outcome: str = "success") -> Call:  # fmt: skip
        """A procedure about the PDP context."""
        known = pdn.truth.captured
        return Call(
            "gn", procedure, requester, responder, (request,), (answer,), "gtpv1c", cause, outcome,
            self.person.imsi if known else None, self.cell.name if known else None, pdn.apn if known else None,
            pdn.truth.number if known and outcome == "success" else None, procedure == "create_pdp_context",
        )  # fmt: skip

    def handover(self, ts: int, cell: Cell) -> int:
        """Update PDP Context: new cell, and the user plane at the RNC (direct tunnel) or back at the SGSN."""
        net, pdn, sequence = self.net, self.pdns[0], self.sgsn.next_sequence(16)
        bearer = pdn.linked[0]
        node = net.rnc if bearer.paths[-1].node is self.sgsn else self.sgsn
        ran, old = node.endpoint(ts), bearer.paths[-1]
        self.cell = cell
        bearer.add_path(net.tick(ts), cell, ran, node)
        pdn.truth.stay(cell.name, net.tick(ts))
        request = gtp.message_v1(
            18, self.ggsn_c.teid, sequence,
            gtp.rai(cell.where) + gtp.tv(16, ran.teid.to_bytes(4, "big"))
            + gtp.tv(17, self.sgsn_c.teid.to_bytes(4, "big"))
            + gtp.tv(20, bytes((NSAPI,))) + gtp.tlv(133, self.sgsn_c.address) + gtp.tlv(133, ran.address)
            + gtp.QOS_INTERACTIVE + gtp.tlv(151, b"\x01") + gtp.uli_v1(cell.where, self.person.number % 2 == 0)
            + (gtp.tlv(182, b"\x01") if node is net.rnc else b""),
        )  # fmt: skip
        body = (
            gtp.tv(1, bytes((ACCEPTED,))) + gtp.tv(16, bearer.core.teid.to_bytes(4, "big"))
            + gtp.tv(17, self.ggsn_c.teid.to_bytes(4, "big")) + gtp.tlv(133, pdn.gateway.node.address)
            + gtp.tlv(133, bearer.core.address) + gtp.QOS_INTERACTIVE
        )  # fmt: skip
        answer = gtp.message_v1(19, self.sgsn_c.teid, sequence, body)
        call = self.call("update_pdp_context", self.sgsn, pdn.gateway.node, request, answer, pdn)
        end = exchange(net, self.rng, call, ts, self.rng.randrange(10, 30) * MS, draw_fate(net, self.rng, repeat=False))
        old.node.free(old.ran, end)
        return end + MS

    def end_all(self, ts: int, how: str) -> int:
        """Ends the PDP context: `lost` (network failure), `error` (GGSN knows it no more) or by the device."""
        net, pdn = self.net, self.pdns[0]
        bearer, truth = pdn.linked[0], pdn.truth
        truth.end, truth.end_reason, truth.dropped = net.tick(ts), "deleted", how in ("lost", "error")
        truth.leave(truth.end)
        if how == "error":
            net.tunnel_control(ts, bearer.core_node, bearer.paths[-1].ran.address, gtp.error_indication(bearer.core))
            truth.end_reason, end = "error_indication", ts + MS
        else:
            sequence, why = self.sgsn.next_sequence(16), b""
            if how == "lost":
                why = gtp.tv(1, bytes((NETWORK_FAILURE,)))
                truth.cause_family, truth.cause_code = "gtpv1c", NETWORK_FAILURE
            request = gtp.message_v1(
                20, self.ggsn_c.teid, sequence, why + gtp.tv(19, b"\xff") + gtp.tv(20, bytes((NSAPI,)))
            )
            answer = gtp.message_v1(21, self.sgsn_c.teid, sequence, gtp.tv(1, bytes((ACCEPTED,))))
            call = self.call("delete_pdp_context", self.sgsn, pdn.gateway.node, request, answer, pdn)
            end = exchange(net, self.rng, call, ts, self.rng.randrange(8, 30) * MS, draw_fate(net, self.rng) or PLAIN)
        bearer.paths[-1].node.free(bearer.paths[-1].ran, end)
        bearer.core_node.free(bearer.core, end)
        self.sgsn.free(self.sgsn_c, end)
        pdn.gateway.node.free(self.ggsn_c, end)
        return end
