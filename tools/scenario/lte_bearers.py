"""What LTE signalling is made of: a device's control tunnel, requests on S11 and S5, dedicated bearers (TS 29.274)."""

from tools.scenario import encode_gtp as gtp
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.exchange import MS, PLAIN, Call, draw_fate, exchange, record
from tools.scenario.network import Cell, Network, Node, Subscriber
from tools.scenario.user_plane import Bearer, Pdn

ACCEPTED = 16
DENIED = 94  # request rejected (TS 29.274 §8.4): the radio side could not serve it
RADIO_CONNECTION_LOST = 21  # TS 36.413 §9.2.1.3, radio network layer


class LteLink:
    """The network's side of one device on LTE: its control tunnel and PDN connections."""

    def __init__(self, net: Network, person: Subscriber, ts: int) -> None:
        self.net, self.person, self.rng = net, person, person.rng
        number = person.number % 2
        self.mme, self.sgw, self.sgw_user = net.mmes[number], net.sgws[number], net.sgw_users[number]
        self.cell: Cell = person.cell
        self.mme_c, self.sgw_c = self.mme.endpoint(ts), self.sgw.endpoint(ts)
        self.pdns: list[Pdn] = []
        self.s5c: dict[int, tuple[Endpoint, Endpoint]] = {}  # by EBI: SGW's and PGW's control endpoint
        self.pending: Bearer | None = None  # dedicated bearer asked for on the back of a Create Session Response

    def subject(self, pdn: Pdn) -> dict[str, str | int | None]:
        """What a procedure's truth says of whom it concerns; nothing where the set-up was not captured."""
        known = pdn.truth.captured
        return {
            "imsi": self.person.imsi if known else None,
            "apn": pdn.apn if known else None,
            "session": pdn.truth.number if known else None,
            "cell": self.cell.name if known else None,
        }

    def call(self, interface: str, procedure: str, requester: Node, responder: Node, request: tuple[bytes, ...],
             answer: tuple[bytes, ...], pdn: Pdn, cause: int | None = ACCEPTED,
             outcome: str = "success") -> Call:  # fmt: skip
        """A procedure about a PDN connection."""
        subject = self.subject(pdn)
        if procedure == "delete_session":
            subject["cell"] = self.cell.name  # the request says it, known session or not
        setup = procedure == "create_session" and interface == "s11"
        if outcome != "success":
            subject["session"] = None
        return Call(interface, procedure, requester, responder, request, answer, "gtpv2c", cause, outcome,
                    setup=setup, **subject)  # type: ignore[arg-type]  # fmt: skip

    def s11(self, pdn: Pdn, procedure: str, kind: int, body: bytes, answer: bytes, ts: int, fate: str = PLAIN,
            upwards: bool = True, latency: int = 0) -> int:  # fmt: skip
        """A request of the MME (or of the SGW, not `upwards`) with an answer of type `kind` + 1."""
        requester, responder = (self.mme, self.sgw) if upwards else (self.sgw, self.mme)
        to, back = (self.sgw_c.teid, self.mme_c.teid) if upwards else (self.mme_c.teid, self.sgw_c.teid)
        sequence = requester.next_sequence()
        call = self.call(
            "s11", procedure, requester, responder,
            (gtp.message_v2(kind, to, sequence, body),), (gtp.message_v2(kind + 1, back, sequence, answer),), pdn,
        )  # fmt: skip
        return exchange(self.net, self.rng, call, ts, latency or self.rng.randrange(2, 9) * MS, fate)

    def s5(self, pdn: Pdn, procedure: str, kind: int, body: bytes, answer: bytes, ts: int, latency: int,
           upwards: bool = True) -> None:  # fmt: skip
        """The same on S5, if that is captured."""
        if not self.net.scenario.s5:
            return
        sgw, pgw = self.s5c[pdn.ebi]
        nodes = (self.sgw, pdn.gateway.node) if upwards else (pdn.gateway.node, self.sgw)
        to, back = (pgw.teid, sgw.teid) if upwards else (sgw.teid, pgw.teid)
        sequence = nodes[0].next_sequence()
        request, reply = gtp.message_v2(kind, to, sequence, body), gtp.message_v2(kind + 1, back, sequence, answer)
        exchange(self.net, self.rng, self.call("s5s8", procedure, *nodes, (request,), (reply,), pdn), ts, latency)

    def new_bearer(self, pdn: Pdn, ts: int, ebi: int, qci: int) -> Bearer:
        """A bearer with its core-side endpoints."""
        s5_sgw, s5_pgw = self.sgw_user.endpoint(ts), pdn.gateway.user.endpoint(ts)
        bearer = Bearer(pdn, ebi, qci, self.sgw_user, self.sgw_user.endpoint(ts), s5_sgw, s5_pgw)
        bearer.container = self.rng.random() < self.net.scenario.container_share
        return bearer

    def radio_endpoint(self, bearer: Bearer, cell: Cell, ts: int) -> Endpoint:
        """The endpoint that the eNodeB of `cell` gives to a bearer."""
        return cell.node.endpoint(ts)

    def free_core(self, bearer: Bearer, now: int) -> None:
        """Frees the core-side endpoints of a bearer."""
        self.sgw_user.free(bearer.core, now)
        self.sgw_user.free(bearer.s5_sgw, now)
        bearer.pdn.gateway.user.free(bearer.s5_pgw, now)

    def free_control(self, now: int) -> None:
        """Frees both ends of the tunnel on S11."""
        self.mme.free(self.mme_c, now)
        self.sgw.free(self.sgw_c, now)

    def free_radio(self, now: int) -> None:
        """Frees the radio-side endpoints in use."""
        for pdn in self.pdns:
            for bearer in pdn.linked:
                bearer.paths[-1].node.free(bearer.paths[-1].ran, now)

    def next_ebi(self) -> int:
        """A bearer identity that is free."""
        used = {bearer.ebi for pdn in self.pdns for bearer in pdn.linked}
        return next(ebi for ebi in range(7, 16) if ebi not in used)


class LteBearers(LteLink):
    """Dedicated bearers: made on their own or on the back of a Create Session Response, removed or lost."""

    def create_bearer_request(self, linked: int, bearer: Bearer) -> bytes:
        """Create Bearer Request of the SGW for the pending bearer."""
        self.pending_sequence = self.sgw.next_sequence()
        context = gtp.bearer_context(
            gtp.ebi(0), gtp.tft_port(40000), gtp.fteid(gtp.S1U_SGW, bearer.core),
            gtp.fteid(gtp.S5U_PGW, bearer.s5_pgw, 1), gtp.bearer_qos(bearer.qci),
        )  # fmt: skip
        return gtp.message_v2(95, self.mme_c.teid, self.pending_sequence, gtp.ebi(linked) + context)

    def create_bearer_response(self, bearer: Bearer, piggyback: bool) -> bytes:
        """Its answer, with the endpoint at the eNodeB and the identity given to the bearer."""
        context = gtp.bearer_context(
            gtp.ebi(bearer.ebi), gtp.cause(ACCEPTED), gtp.fteid(gtp.S1U_ENB, bearer.paths[-1].ran),
            gtp.fteid(gtp.S1U_SGW, bearer.core, 1),
        )  # fmt: skip
        body = gtp.cause(ACCEPTED) + context
        return gtp.message_v2(96, self.sgw_c.teid, self.pending_sequence, body, piggyback)

    def answer_piggybacked(self, pdn: Pdn, body: bytes, answer: bytes, ts: int) -> int:
        """Create Bearer Response with the Modify Bearer Request on its back."""
        assert self.pending is not None
        bearer, self.pending, net = self.pending, None, self.net
        bearer.ebi = self.next_ebi()
        sequence = self.mme.next_sequence()
        request = gtp.message_v2(34, self.sgw_c.teid, sequence, body)
        reply = gtp.message_v2(35, self.mme_c.teid, sequence, answer)
        both = (self.create_bearer_response(bearer, True), request)
        call = self.call("s11", "modify_bearer", self.mme, self.sgw, both, (reply,), pdn)
        # The request went on the back of the Create Session Response, so it came from and goes to its ports.
        if ts >= net.signalling_from and pdn.truth.captured:
            asked = pdn.truth.start + pdn.truth.setup_ns
            created = self.call("s11", "create_bearer", self.sgw, self.mme, (), (), pdn)
            created.cell = pdn.truth.cells[0]
            record(net, created, asked, net.tick(ts), 1)
        return exchange(net, self.rng, call, ts, self.rng.randrange(6, 15) * MS)

    def bearer_added(self, bearer: Bearer, ts: int, latency: int) -> bool:
        """What the radio side does about a new bearer between request and answer; whether it was set up."""
        return True

    def add_dedicated(self, pdn: Pdn, ts: int, qci: int) -> tuple[Bearer | None, int]:
        """Create Bearer on S11 (and S5); the bearer if it was made, and when it can be used."""
        bearer = self.new_bearer(pdn, ts, self.next_ebi(), qci)
        latency = self.rng.randrange(30, 90) * MS
        if not self.bearer_added(bearer, ts, latency):
            return None, self.refuse_dedicated(pdn, bearer, ts, latency)
        ran = self.radio_endpoint(bearer, self.cell, ts)
        bearer.add_path(self.net.tick(ts + latency), self.cell, ran, self.cell.node)
        request = self.create_bearer_request(pdn.ebi, bearer)
        answer = self.create_bearer_response(bearer, False)
        self.s5_create_bearer(pdn, bearer, ts - MS, latency + 2 * MS)
        call = self.call("s11", "create_bearer", self.sgw, self.mme, (request,), (answer,), pdn)
        fate = draw_fate(self.net, self.rng, repeat=False, swap=False)
        end = exchange(self.net, self.rng, call, ts, latency, fate)
        pdn.linked.append(bearer)
        return bearer, end

    def refuse_dedicated(self, pdn: Pdn, bearer: Bearer, ts: int, latency: int) -> int:
        """Create Bearer that the radio side could not serve."""
        request = self.create_bearer_request(pdn.ebi, bearer)
        context = gtp.bearer_context(gtp.ebi(0), gtp.cause(DENIED), gtp.fteid(gtp.S1U_SGW, bearer.core, 1))
        answer = gtp.message_v2(96, self.sgw_c.teid, self.pending_sequence, gtp.cause(DENIED) + context)
        call = self.call("s11", "create_bearer", self.sgw, self.mme, (request,), (answer,), pdn, DENIED, "failure")
        end = exchange(self.net, self.rng, call, ts, latency)
        self.free_core(bearer, end)
        return end

    def s5_create_bearer(self, pdn: Pdn, bearer: Bearer, ts: int, latency: int) -> None:
        """Create Bearer of the PGW, around that on S11."""
        offer = gtp.bearer_context(
            gtp.ebi(0), gtp.tft_port(40000), gtp.fteid(gtp.S5U_PGW, bearer.s5_pgw, 1), gtp.bearer_qos(bearer.qci)
        )
        taken = gtp.bearer_context(
            gtp.ebi(bearer.ebi), gtp.cause(ACCEPTED), gtp.fteid(gtp.S5U_SGW, bearer.s5_sgw, 2),
            gtp.fteid(gtp.S5U_PGW, bearer.s5_pgw, 3),
        )  # fmt: skip
        answer = gtp.cause(ACCEPTED) + taken
        self.s5(pdn, "create_bearer", 95, gtp.ebi(pdn.ebi) + offer, answer, ts, latency, upwards=False)

    def remove_dedicated(self, bearer: Bearer, ts: int, lost: bool) -> int:
        """Delete Bearer: asked for by the PGW, or after a Delete Bearer Command of the MME where radio was lost."""
        pdn, identity = bearer.pdn, gtp.ebi(bearer.ebi, 1)
        gone = gtp.cause(ACCEPTED) + gtp.bearer_context(gtp.ebi(bearer.ebi), gtp.cause(ACCEPTED))
        if lost:
            end = self.command_deletion(bearer, identity, gone, ts)
        else:
            self.s5(pdn, "delete_bearer", 99, identity, gone, ts, 40 * MS, upwards=False)
            end = self.s11(pdn, "delete_bearer", 99, identity, gone, ts + MS, upwards=False, latency=38 * MS) + 2 * MS
        pdn.linked.remove(bearer)
        bearer.paths[-1].node.free(bearer.paths[-1].ran, end)
        self.free_core(bearer, end)
        return end

    def command_deletion(self, bearer: Bearer, identity: bytes, gone: bytes, ts: int) -> int:
        """Delete Bearer Command and the Delete Bearer Request that it triggers under its own sequence number."""
        pdn, sequence = bearer.pdn, self.mme.next_sequence() | 0x800000
        context = gtp.bearer_context(gtp.ebi(bearer.ebi), gtp.ran_cause(1, 0, RADIO_CONNECTION_LOST))
        command = gtp.message_v2(66, self.sgw_c.teid, sequence, context)
        request = gtp.message_v2(99, self.mme_c.teid, sequence, identity)
        answer = gtp.message_v2(100, self.sgw_c.teid, sequence, gone)
        net, asked, done = self.net, ts + 20 * MS, ts + 55 * MS
        if ts >= net.signalling_from and net.sees("s11"):
            net.control(ts, self.mme, self.sgw, self.mme.port, gtp.GTPC_PORT, command)
            net.control(asked, self.sgw, self.mme, self.sgw.port, gtp.GTPC_PORT, request)
            net.control(done, self.mme, self.sgw, gtp.GTPC_PORT, self.sgw.port, answer)
            record(net, self.call("s11", "delete_bearer_command", self.mme, self.sgw, (), (), pdn, None),
                   net.tick(ts), net.tick(asked), 1)  # fmt: skip
            record(
                net,
                self.call("s11", "delete_bearer", self.sgw, self.mme, (), (), pdn),
                net.tick(asked),
                net.tick(done),
                1,
            )
        return done + MS
