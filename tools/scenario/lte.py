"""LTE signalling: S11 between MME and SGW, S5 between SGW and PGW (TS 29.274), and what GTP-U says beside user data."""

from collections.abc import Callable

from tools.scenario import encode_gtp as gtp
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.exchange import MS, PLAIN, REPEAT, TIMEOUT, Call, draw_fate, exchange, timer
from tools.scenario.lte_bearers import ACCEPTED, RADIO_CONNECTION_LOST, LteBearers
from tools.scenario.network import Cell, Gateway, text
from tools.scenario.truth import Session
from tools.scenario.user_plane import Bearer, Pdn

NORMAL_FAILURES = (93, 78, 96, 72, 82, 113)
LARGE_PCO = gtp.ie(78, b"\x80" + b"".join(b"\xff\x00\xc8" + bytes(200) for _ in range(8)))


class LteAccess(LteBearers):
    """Set-up, mobility and end of a device's PDN connections."""

    rat = "eutran"

    def outcome(self, gateway: Gateway) -> tuple[str, int]:
        """Outcome and cause of a set-up at a gateway."""
        rng, s = self.rng, self.net.scenario
        draw = rng.random()
        if gateway.bad and draw < 0.35:
            return ("timeout", 0) if draw < 0.08 else ("failure", 73 if draw < 0.25 else 92)
        if draw < s.timeout_share:
            return "timeout", 0
        if draw < s.timeout_share + s.setup_failure_share:
            return "failure", rng.choice(NORMAL_FAILURES)
        return "success", ACCEPTED

    def pdn_kind(self) -> int:
        """PDN type of a new connection: 1 IPv4, 2 IPv6, 3 both."""
        s, draw = self.net.scenario, self.rng.random()
        return 3 if draw < s.dual_stack_share else (2 if draw < s.dual_stack_share + s.ipv6_share else 1)

    def create(self, ts: int, apn: str) -> int:
        """Create Session at `ts`; when it is over. What was accepted is last in `pdns`."""
        net, rng, person = self.net, self.rng, self.person
        gateway = rng.choice(net.gateways)
        outcome, cause = self.outcome(gateway)
        ebi = 5 + len(self.pdns)
        kind = self.pdn_kind()
        v4, v6 = gateway.user_addresses(kind, apn)
        if kind == 3 and rng.random() < 0.2:
            v6, cause = None, 18 if cause == ACCEPTED else cause  # the network prefers one type
        swap = not net.scenario.s5
        fate = draw_fate(net, rng, swap=swap) if outcome != "timeout" else TIMEOUT
        wait = timer(net) if fate == REPEAT else 0
        latency = rng.randrange(400, 900) * MS if gateway.bad else rng.randrange(15, 70) * MS
        sgw_s5, pgw_s5 = self.sgw.endpoint(ts), gateway.node.endpoint(ts)
        captured = ts >= net.signalling_from and net.sees("s11")
        session = Session(
            len(net.truth.sessions) + 1, person.imsi, person.msisdn, person.imeisv, person.home_plmn, apn, self.rat,
            text(gateway.node.address), text(v4) if v4 else None, text(v6) if v6 else None, net.tick(ts),
            wait + latency, captured, [self.cell.name],
        )  # fmt: skip
        pdn = Pdn(session, gateway, apn, v4, v6, ebi)
        bearer = self.new_bearer(pdn, ts, ebi, 5 if apn == "ims" else 9)
        pdn.linked.append(bearer)
        session.qci = bearer.qci
        if self.piggyback(apn, outcome, fate):
            self.pending = self.new_bearer(pdn, ts, 0, 1)
        call = self.create_s11(pdn, bearer, kind, pgw_s5, outcome, cause)
        if net.scenario.s5:
            self.create_s5(pdn, bearer, kind, sgw_s5, pgw_s5, outcome, cause, ts + wait + MS, latency - 3 * MS)
        end = exchange(net, rng, call, ts, latency, fate)
        self.settle(pdn, outcome, sgw_s5, pgw_s5, end)
        session.setup_ns = net.tick(ts + wait + latency) - net.tick(ts)
        if captured and outcome == "success":
            session.setup_ns = int(net.truth.procedures[-1]["latency_ms"] * 1e6)
        if self.pending and outcome == "success":
            pdn.linked.append(self.pending)
        return end

    def piggyback(self, apn: str, outcome: str, fate: str) -> bool:
        """Whether a dedicated bearer is asked for on the back of the Create Session Response."""
        s, rng = self.net.scenario, self.rng
        wanted = apn == "ims" and rng.random() < s.dedicated_share * s.piggyback_share
        return wanted and outcome == "success" and fate == PLAIN and self.pending is None

    def request_head(self) -> bytes:
        """Identities, location, serving network and RAT."""
        person, where = self.person, self.cell.where
        network = gtp.ie(83, gtp.plmn(where.mcc, where.mnc)) + gtp.ie(82, b"\x06")
        return gtp.identity(person.imsi, person.msisdn, person.imeisv) + gtp.uli(where) + network

    def request_tail(self, apn: str, kind: int) -> bytes:
        """APN, selection mode, PDN type, addresses, restriction, AMBR."""
        name = f"{apn}.mnc{self.net.scenario.plmn[1].zfill(3)}.mcc{self.net.scenario.plmn[0]}.gprs"
        empty = gtp.paa(bytes(4) if kind & 1 else None, bytes(16) if kind & 2 else None)
        return (
            gtp.ie(71, gtp.labels(name)) + gtp.ie(128, b"\0") + gtp.ie(99, bytes((kind,))) + empty
            + gtp.ie(127, b"\0") + gtp.ie(72, (50_000).to_bytes(4, "big") + (150_000).to_bytes(4, "big"))
        )  # fmt: skip

    def create_s11(self, pdn: Pdn, bearer: Bearer, kind: int, pgw: Endpoint, outcome: str, cause: int) -> Call:
        """Create Session Request and Response on S11."""
        sequence = self.mme.next_sequence()
        large = LARGE_PCO if self.rng.random() < self.net.scenario.large_message_share else b""
        request = gtp.message_v2(
            32, self.sgw_c.teid if self.pdns else 0, sequence,
            self.request_head() + gtp.fteid(gtp.S11_MME, self.mme_c) + gtp.fteid(gtp.S5C_PGW, pgw._replace(teid=0), 1)
            + self.request_tail(pdn.apn, kind) + large
            + gtp.bearer_context(gtp.ebi(bearer.ebi), gtp.bearer_qos(bearer.qci)),
        )  # fmt: skip
        if outcome != "success":
            answer = gtp.message_v2(33, self.mme_c.teid, sequence, gtp.cause(cause, remote=True))
            return self.call("s11", "create_session", self.mme, self.sgw, (request,), (answer,), pdn, cause, outcome)
        context = gtp.bearer_context(
            gtp.ebi(bearer.ebi), gtp.cause(ACCEPTED), gtp.fteid(gtp.S1U_SGW, bearer.core),
            gtp.fteid(gtp.S5U_PGW, bearer.s5_pgw, 2), gtp.bearer_qos(bearer.qci),
            gtp.ie(94, pgw.teid.to_bytes(4, "big")),
        )  # fmt: skip
        body = (
            gtp.cause(cause) + gtp.fteid(gtp.S11_SGW, self.sgw_c) + gtp.fteid(gtp.S5C_PGW, pgw, 1)
            + gtp.paa(pdn.v4, pdn.v6) + gtp.ie(127, b"\0") + context
        )  # fmt: skip
        answer = gtp.message_v2(33, self.mme_c.teid, sequence, body, piggyback=self.pending is not None)
        answers = (answer, self.create_bearer_request(bearer.ebi, self.pending)) if self.pending else (answer,)
        return self.call("s11", "create_session", self.mme, self.sgw, (request,), answers, pdn, cause, outcome)

    def create_s5(self, pdn: Pdn, bearer: Bearer, kind: int, sgw: Endpoint, pgw: Endpoint, outcome: str, cause: int,
                  ts: int, latency: int) -> None:  # fmt: skip
        """Create Session on S5, inside that on S11."""
        gateway, sequence = pdn.gateway, self.sgw.next_sequence()
        context = gtp.bearer_context(
            gtp.ebi(bearer.ebi), gtp.fteid(gtp.S5U_SGW, bearer.s5_sgw, 2), gtp.bearer_qos(bearer.qci)
        )
        body = self.request_head() + gtp.fteid(gtp.S5C_SGW, sgw) + self.request_tail(pdn.apn, kind) + context
        request = gtp.message_v2(32, 0, sequence, body)
        if outcome == "success":
            context = gtp.bearer_context(
                gtp.ebi(bearer.ebi), gtp.cause(ACCEPTED), gtp.fteid(gtp.S5U_PGW, bearer.s5_pgw, 2),
                gtp.bearer_qos(bearer.qci), gtp.ie(94, pgw.teid.to_bytes(4, "big")),
            )  # fmt: skip
            body = (
                gtp.cause(cause)
                + gtp.fteid(gtp.S5C_PGW, pgw, 1)
                + gtp.paa(pdn.v4, pdn.v6)
                + gtp.ie(127, b"\0")
                + context
            )
        else:
            body = gtp.cause(cause)
        answer = gtp.message_v2(33, sgw.teid, sequence, body)
        call = self.call("s5s8", "create_session", self.sgw, gateway.node, (request,), (answer,), pdn, cause, outcome)
        exchange(self.net, self.rng, call, ts, latency, TIMEOUT if outcome == "timeout" else PLAIN)

    def settle(self, pdn: Pdn, outcome: str, sgw: Endpoint, pgw: Endpoint, end: int) -> None:
        """Keeps what was accepted, frees what was not."""
        if outcome == "success":
            self.s5c[pdn.ebi] = (sgw, pgw)
            self.pdns.append(pdn)
            self.net.truth.sessions.append(pdn.truth)
            return
        self.free_core(pdn.linked[0], end)
        self.sgw.free(sgw, end)
        pdn.gateway.node.free(pgw, end)
        if not self.pdns:
            self.free_control(end)

    def connect(self, ts: int, cell: Cell, moved: bool, fates: Callable[[], str]) -> int:
        """Modify Bearer for each PDN connection: radio side in `cell` from the request on; when all is done."""
        self.cell = cell
        for pdn in self.pdns if moved else []:
            pdn.truth.move(cell.name, self.net.tick(ts))
        for pdn in self.pdns:
            fate = fates()
            pdn.truth.stay(cell.name, self.net.tick(ts))
            contexts, accepted = b"", b""
            start = self.net.tick(ts)
            for bearer in pdn.linked:
                ran = self.radio_endpoint(bearer, cell, ts)
                bearer.add_path(start, cell, ran, cell.node)
                if bearer is not self.pending:
                    contexts += gtp.bearer_context(gtp.ebi(bearer.ebi), gtp.fteid(gtp.S1U_ENB, ran))
                    accepted += gtp.bearer_context(
                        gtp.ebi(bearer.ebi), gtp.cause(ACCEPTED), gtp.fteid(gtp.S1U_SGW, bearer.core)
                    )
            body = (gtp.uli(cell.where) if moved else b"") + contexts
            answer = gtp.cause(ACCEPTED) + accepted
            if self.pending in pdn.linked:
                ts = self.answer_piggybacked(pdn, body, answer, ts)
            else:
                latency = self.rng.randrange(6, 15) * MS
                if moved and fate == PLAIN:
                    located = gtp.uli(cell.where)
                    self.s5(pdn, "modify_bearer", 34, located, gtp.cause(ACCEPTED), ts + MS, latency - 2 * MS)
                ts = self.s11(pdn, "modify_bearer", 34, body, answer, ts, fate, latency=latency)
        return ts

    def handover(self, ts: int, cell: Cell) -> int:
        """Handover by X2: Modify Bearer with the new endpoint, End Markers on the old path."""
        old = [(bearer, bearer.paths[-1]) for pdn in self.pdns for bearer in pdn.linked]
        end = self.connect(ts, cell, True, lambda: draw_fate(self.net, self.rng, repeat=False))
        for bearer, path in old:
            self.net.tunnel_control(end, bearer.core_node, path.ran.address, gtp.end_marker(path.ran.teid))
            path.node.free(path.ran, end)
        return end + MS

    def release(self, ts: int) -> int:
        """Release Access Bearers: to idle."""
        end = self.s11(
            self.pdns[0], "release_access_bearers", 170, b"", gtp.cause(ACCEPTED), ts, draw_fate(self.net, self.rng)
        )
        for pdn in self.pdns:
            pdn.truth.leave(self.net.tick(ts))
        self.free_radio(end)
        return end

    def while_idle(self, begin: int, end: int) -> None:
        """What is signalled while the device is idle: nothing on S11."""

    def page(self, ts: int) -> int:
        """Downlink Data Notification; when the device answers."""
        body = gtp.ebi(self.pdns[0].ebi) + gtp.ie(155, b"\x24")
        end = self.s11(self.pdns[0], "downlink_data_notification", 176, body, gtp.cause(ACCEPTED), ts, upwards=False)
        return end + self.rng.randrange(50, 400) * MS

    def finish(
        self, pdn: Pdn, ts: int, reason: str, dropped: bool, family: str | None = None, code: int | None = None
    ) -> None:
        """Writes the end of a session into the truth."""
        truth = pdn.truth
        truth.end, truth.end_reason, truth.dropped = self.net.tick(ts), reason, dropped
        truth.cause_family, truth.cause_code = family, code
        truth.leave(truth.end)

    def delete(self, pdn: Pdn, ts: int, lost: bool) -> int:
        """Delete Session of the MME, with the cause of the radio network where the connection was lost."""
        why = gtp.ran_cause(1, 0, RADIO_CONNECTION_LOST) if lost else b""
        body = gtp.ebi(pdn.ebi) + gtp.uli(self.cell.where) + gtp.ie(77, b"\x08\0") + why
        accepted = gtp.cause(ACCEPTED)
        latency = self.rng.randrange(10, 40) * MS
        fate = draw_fate(self.net, self.rng)
        if fate == PLAIN:
            self.s5(pdn, "delete_session", 36, gtp.ebi(pdn.ebi) + gtp.uli(self.cell.where) + why, accepted,
                    ts + MS, latency - 2 * MS)  # fmt: skip
        end = self.s11(pdn, "delete_session", 36, body, accepted, ts, fate, latency=latency)
        self.finish(pdn, ts, "deleted", lost, *(("s1ap_radio", RADIO_CONNECTION_LOST) if lost else ()))
        return end

    def network_delete(self, pdn: Pdn, ts: int) -> int:
        """Delete Bearer of the PGW for the default bearer: the whole PDN connection goes."""
        linked, answer = gtp.ebi(pdn.ebi), gtp.cause(ACCEPTED) + gtp.ebi(pdn.ebi)
        self.s5(pdn, "delete_bearer", 99, linked, answer, ts - MS, 30 * MS, upwards=False)
        end = self.s11(pdn, "delete_bearer", 99, linked, answer, ts, upwards=False, latency=25 * MS)
        self.finish(pdn, ts - MS if self.net.scenario.s5 else ts, "deleted", False)  # S5 asks first
        return end + 5 * MS

    def error(self, pdn: Pdn, ts: int) -> int:
        """The SGW has lost the bearer and says so to the eNodeB."""
        bearer = pdn.linked[0]
        self.net.tunnel_control(ts, bearer.core_node, bearer.paths[-1].ran.address, gtp.error_indication(bearer.core))
        self.finish(pdn, ts, "error_indication", True)
        return ts + MS

    def end_all(self, ts: int, how: str) -> int:
        """Ends all PDN connections: `lost`, `network`, `error` or `detach`; the last made goes first."""
        for pdn in reversed(self.pdns):
            first = pdn is self.pdns[0]
            if how == "error" and first:
                ts = self.error(pdn, ts)
            elif how == "network" and first:
                ts = self.network_delete(pdn, ts)
            else:
                ts = self.delete(pdn, ts, how == "lost")
            ts += MS
        self.free_radio(ts)
        for pdn in self.pdns:
            for bearer in pdn.linked:
                self.free_core(bearer, ts)
            sgw, pgw = self.s5c[pdn.ebi]
            self.sgw.free(sgw, ts)
            pdn.gateway.node.free(pgw, ts)
        self.free_control(ts)
        return ts
