"""What a device on NR does: registration, PDU sessions, idle and back, drops, deregistration (TS 23.502 §4.2, §4.3)."""

from collections.abc import Callable
from typing import Any

from tools.scenario import encode_nas5 as nas
from tools.scenario import encode_ngap as ngap
from tools.scenario import encode_ngap_mobility as mobility
from tools.scenario import encode_pfcp as pfcp
from tools.scenario.encode_ngap import NgCause
from tools.scenario.network import Cell
from tools.scenario.nr_handover import NrHandover
from tools.scenario.nr_link import (
    AUTHENTICATION_FAILED,
    DEREGISTERED,
    INACTIVITY,
    MS,
    NORMAL_RELEASE,
    NrLink,
)
from tools.scenario.nr_network import SLICES
from tools.scenario.user_plane import Pdn

PATIENCE = 15_000 * MS  # T3510
REJECTS = (3, 7, 11, 12, 15, 22, 62)  # 5GMM causes of registrations that the network does not want
REFUSALS = (("fgsm", 27), ("fgsm", 70), ("pfcp", 75), ("pfcp", 72), ("ngap", 22), ("ngap", 39))
DROPS = ((ngap.RADIO, 21), (ngap.RADIO, 21), (ngap.RADIO, 24), (ngap.RADIO, 22), (ngap.RADIO, 3), (ngap.RADIO, 46),
         (ngap.TRANSPORT, 0), (ngap.MISC, 2))  # fmt: skip


class NrAccess(NrLink):
    """NR with N2 and N4."""

    def create(self, ts: int, apn: str) -> int:
        """Registration and the first PDU session, or another one; when it is over."""
        if not self.pdns:
            ts, refused = self.register(ts)
            if refused:
                return ts
        ts = self.establish(ts + self.wait(5, 40), apn)
        if not self.pdns:
            return self.command_release(ts + self.wait(200, 900), NORMAL_RELEASE)
        return ts

    # registration

    def register(self, ts: int) -> tuple[int, bool]:
        """From the Registration Request to Registration Complete: when that was, and whether it failed."""
        s, air, asked = self.net.scenario, self.air, ts
        known = self.device.tmsi is not None
        mcc, mnc = s.plmn
        clear = False
        if known:
            identity = self.guti()
        elif air.random() < s.suci_concealed_share:
            identity = nas.concealed(mcc, mnc, air.randbytes(45))
        else:
            identity, clear = nas.suci(mcc, mnc, self.person.imsi), True
        message = nas.registration_request(1, identity)
        self.open(ts, nas.protected(message, self.device.nas_up, False) if known else message, ngap.MO_SIGNALLING,
                  known)  # fmt: skip
        self.named = clear
        draw = air.random()
        if draw < s.attach_silent_share:
            self.note("signalling_connection", ts, None)
            self.note("registration", ts, None)
            self.closed(ts + PATIENCE)
            return ts + PATIENCE, True
        ts += self.wait(3, 12)
        if not (known and air.random() < s.auth_skip_share):
            ts, failed = self.authenticate(ts)
            if failed:
                self.note("registration", asked, ts, ("fgmm", failed))
                return ts, True
        if draw < s.attach_silent_share + s.attach_reject_share:
            cause = air.choice(REJECTS)
            self.nas_down(ts, nas.registration_reject(cause))
            self.note("registration", asked, ts, ("fgmm", cause), ciphered=self.device.ciphered)
            return self.command_release(ts + self.wait(1, 5), NORMAL_RELEASE), True
        self.device.tmsi = self.radio.new_tmsi()
        accept = nas.registration_accept(self.guti(), [self.slice_octets(each) for each in SLICES])
        ts, why = self.set_up_context(ts + self.wait(5, 30), accept)
        if why is None:
            ts = self.nas_up(ts, nas.registration_complete())
        self.note("registration", asked, ts, why, ciphered=self.device.ciphered)
        return ts, why is not None

    def authenticate(self, ts: int) -> tuple[int, int]:
        """Authentication and security mode; when they are over, and the cause if they failed."""
        s, air = self.net.scenario, self.air
        draw = air.random()
        synch = draw < s.auth_failure_share / 2
        for attempt in (1, 0):
            asked = ts
            self.nas_down(ts, nas.authentication_request(air.randbytes(16), air.randbytes(16)), False)
            ts += self.wait(50, 200)
            if attempt and synch:
                self.nas_up(ts, nas.authentication_failure(21, air.randbytes(14)), False)
                self.note("authentication", asked, ts, ("fgmm", 21), False)
                ts += self.wait(10, 30)
                continue
            if draw < s.auth_failure_share and not synch:
                self.nas_up(ts, nas.authentication_failure(20), False)
                self.note("authentication", asked, ts, ("fgmm", 20), False)
                ts += self.wait(3, 9)
                self.nas_down(ts, nas.authentication_reject(), False)
                self.device.tmsi = None
                return self.command_release(ts + 2 * MS, AUTHENTICATION_FAILED), 20
            self.nas_up(ts, nas.authentication_response(air.randbytes(16)), False)
            self.note("authentication", asked, ts, None, False)
            break
        ts += self.wait(2, 8)
        self.device.nas_up = self.device.nas_down = 0
        cipher = 2 if self.device.ciphered else 0
        self.nas_down(ts, nas.protected(nas.security_command(cipher, 2), 0, False, True), False)
        done = ts + self.wait(20, 60)
        complete = nas.protected(nas.security_complete(), 0, True, True, not self.device.ciphered)
        self.nas_up(done, complete, False)
        self.note("security_mode", ts, done, None, False)
        return done, 0

    def set_up_context(self, ts: int, message: bytes, sure: bool = False) -> tuple[int, NgCause | None]:
        """Initial Context Setup with the PDU sessions that there are; when it is over, and why it failed."""
        c = self.connection
        assert c is not None
        share = 0.15 if self.cell.bad else self.net.scenario.context_failure_share
        why = NgCause(ngap.RADIO, self.air.choice((22, 24, 24, 21))) if self.air.random() < share and not sure else None
        end = ts + self.wait(30, 120)
        asked = [self.asked(pdn) for pdn in self.pdns]
        where = self.cell.where
        self.down(ts, ngap.context_request(self.ids, where, self.nr.amf, SLICES, self.protect(message, False), asked))
        self.note("initial_context_setup", ts, end, why, False)
        for pdn in self.pdns:
            self.note("pdu_session_resource_establishment", ts, end, why, False, **self.kind(pdn, "initial"))
        if why:
            self.up(end, ngap.context_failure(self.ids, why, [pdn.ebi for pdn in self.pdns]))
            return self.command_release(end + self.wait(1, 4), why), why
        if not self.device.capability_known:
            self.up(ts + 15 * MS, ngap.capability(self.ids, self.air.choice((400, 1900, 5000))))
            self.device.capability_known = True
        made = [self.transfer(pdn, self.cell, ts) for pdn in self.pdns]
        self.up(end, ngap.context_response(self.ids, made, []))
        c.established = self.net.tick(end)
        for pdn in self.pdns:
            self.bound(pdn, "initial", end)
        return end, None

    def kind(self, pdn: Pdn, kind: str) -> dict[str, Any]:
        """What the truth says of the establishment of a PDU session's resources."""
        value = self.held[pdn.ebi].slice
        name = f"{value.sst}-{value.sd:06x}" if value.sd != ngap.DIFFERENTIATOR else f"{value.sst}"
        return {"apn": pdn.apn, "qci": pdn.linked[0].qci, "slice": name, "kind": kind}

    # PDU sessions

    def establish(self, ts: int, apn: str) -> int:
        """PDU Session Establishment over N1, N4 and N2; when it is over."""
        air, s, asked = self.air, self.net.scenario, ts
        value = SLICES[0] if apn == "internet" else SLICES[1]
        pdn = self.new_session(ts, apn, value)
        octets, identity = self.slice_octets(value), pdn.ebi
        share = 0.25 if self.cell.bad else s.setup_failure_share
        family, code = air.choice(REFUSALS) if air.random() < share else ("", 0)
        if self.cell.bad and family:
            family, code = "ngap", 22
        request = nas.session_request(identity, 1)
        self.nas_up(ts, nas.transport(True, identity, request, apn, octets))
        ts += self.wait(4, 12)
        about = {"apn": apn, "slice": self.kind(pdn, "")["slice"], "ciphered": self.device.ciphered}
        if family == "fgsm":
            return self.refuse(ts, asked, pdn, code, (family, code), about)
        ts = self.establish_n4(pdn, ts, code if family == "pfcp" else None)
        if family == "pfcp":
            return self.refuse(ts + 2 * MS, asked, pdn, 26, ("fgsm", 26), about)
        start = ts = ts + self.wait(2, 6)
        assert pdn.v4 is not None
        accept = nas.session_accept(identity, 1, pdn.linked[0].qfi, pdn.v4, octets, apn)
        message = self.protect(nas.transport(False, identity, accept), False)
        self.down(ts, ngap.session_setup_request(self.ids, [self.asked(pdn, message)]))
        ts += self.wait(20, 90)
        why = NgCause(ngap.RADIO, code) if family else None
        self.note("pdu_session_resource_setup", start, ts, why, False, apn=apn)
        self.note("pdu_session_resource_establishment", start, ts, why, False, **self.kind(pdn, "added"))
        if why:
            self.up(ts, ngap.session_setup_response(self.ids, [], [(identity, ngap.unsuccessful_transfer(why))]))
            self.note("pdu_session_establishment", asked, ts, why, **about)
            return self.forget(self.delete_n4(pdn, ts + 3 * MS), pdn)
        self.up(ts, ngap.session_setup_response(self.ids, [self.transfer(pdn, self.cell, start)], []))
        self.note("pdu_session_establishment", asked, ts, **about)
        self.bound(pdn, "added", ts)
        pdn.truth.setup_ns = self.net.tick(ts) - pdn.truth.start
        self.pdns.append(pdn)
        self.net.truth.sessions.append(pdn.truth)
        return self.connect_user(ts + self.wait(2, 8), [pdn])

    def refuse(self, ts: int, asked: int, pdn: Pdn, cause: int, why: tuple[str, int], about: dict[str, Any]) -> int:
        """PDU Session Establishment Reject."""
        reject = nas.session_reject(pdn.ebi, 1, cause)
        self.nas_down(ts, nas.transport(False, pdn.ebi, reject))
        self.note("pdu_session_establishment", asked, ts, why, **about)
        return self.forget(ts, pdn)

    def forget(self, ts: int, pdn: Pdn) -> int:
        """What was taken for a PDU session is given back."""
        pdn.gateway.user.free(pdn.linked[0].core, ts)
        del self.held[pdn.ebi]
        return ts

    # idle and back

    def release(self, ts: int, why: NgCause = INACTIVITY) -> int:
        """To idle: asked for by the gNB."""
        self.ask_release(ts, why)
        end = self.disconnect_user(ts + self.wait(1, 4))
        return self.command_release(end + self.wait(1, 3), why)

    def disconnect_user(self, ts: int) -> int:
        """What goes down is buffered from now on."""
        for pdn in self.pdns:
            pdn.truth.leave(self.net.tick(ts))
            ts = self.modify_n4(pdn, ts, None)
        self.free_radio(ts)
        return ts

    def drop(self, ts: int) -> int:
        """The radio side fails; the network keeps the sessions, the device will come back."""
        why = NgCause(*self.air.choice(DROPS))
        if why.group in (ngap.TRANSPORT, ngap.MISC) and self.air.random() < self.net.scenario.reset_share:
            return self.lose_by_reset(ts, why)
        return self.release(ts, why)

    def lose_by_reset(self, ts: int, why: NgCause) -> int:
        """The gNB resets this one connection."""
        c = self.connection
        assert c is not None
        c.release_requested = self.net.tick(ts)
        self.released_for(why)
        self.up(ts, mobility.reset(why, [self.ids]))
        done = ts + self.wait(2, 6)
        self.down(done, mobility.reset_acknowledge([self.ids]))
        self.note("reset", ts, done)
        c.release_commanded = self.net.tick(done)
        self.closed(done)
        return self.disconnect_user(done + MS)

    def while_idle(self, begin: int, end: int) -> None:
        """A registration update of some."""
        s = self.net.scenario
        room = end - begin - 1500 * MS
        if room < 0 or self.air.random() >= s.tau_share:
            return
        ts = asked = begin + 500 * MS + self.air.randrange(room // MS + 1) * MS
        message = nas.registration_request(self.air.choice((2, 3)), self.guti())
        self.device.nas_up += 1
        self.open(ts, nas.protected(message, self.device.nas_up, False), ngap.MO_SIGNALLING, True)
        ts += self.wait(5, 60)
        if self.air.random() < s.tau_reject_share:
            self.nas_down(ts, nas.registration_reject(22), False)
            self.note("registration", asked, ts, ("fgmm", 22))
        else:
            self.device.tmsi = self.radio.new_tmsi()
            self.nas_down(ts, nas.registration_accept(self.guti(), [b"\x01"]))
            ts = self.nas_up(ts + self.wait(20, 60), nas.registration_complete())
            self.note("registration", asked, ts, ciphered=self.device.ciphered)
        self.command_release(ts + self.wait(1, 5), NORMAL_RELEASE)

    def page(self, ts: int) -> int:
        """Session Report on N4 and Paging in the tracking area; when the device asks for service."""
        air, pdn = self.air, self.pdns[0]
        held, sequence = self.held[pdn.ebi], pdn.gateway.node.next_sequence()
        self.nr.exchange(ts, pdn.gateway.node, self.nr.smf, "pfcp_session_report", 2 * MS,
                         pfcp.report_request(sequence, held.cp), pfcp.answer(57, held.up.seid, sequence),
                         **self.about(pdn))  # fmt: skip
        silent, asked = air.random() < self.net.scenario.paging_silent_share, ts + self.wait(3, 8)
        times = [asked + i * 2500 * MS for i in range(3 if silent else 1 + (air.random() < 0.2))]
        assert self.device.tmsi is not None
        message = mobility.paging(self.nr.amf, self.device.tmsi, [self.cell.where])
        for when in times:
            for node in self.nr.places(self.cell.where.area):
                self.radio.send(when, self.nr.associations[node.name], 1, message)
        self.pagings, self.paged = (asked, len(times)), not silent
        if silent:
            self.record_paging(None)
            return times[-1] + 12_000 * MS
        return times[-1] + self.wait(50, 300)

    def record_paging(self, answered: int | None) -> None:
        """The paging that is under way, answered or given up."""
        start, attempts = self.pagings
        cell = self.cell.name if answered is not None else None
        self.radio.record("n2", "paging", start, answered, self.nr.amf_node, self.cell.node, imsi=self.person.imsi,
                          cell=cell, attempts=attempts)  # fmt: skip

    def connect(self, ts: int, cell: Cell, moved: bool, fates: Callable[[], str]) -> int:
        """From idle by a service request, in the same cell or another one; when traffic may pass."""
        self.cell = cell
        s = self.net.scenario
        for attempt in range(4):
            asked, amf = ts, self.nr.amf
            assert self.device.tmsi is not None
            kind, reason = (2, ngap.MT_ACCESS) if self.paged else (1, ngap.MO_DATA)
            request = nas.service_request(kind, nas.temporary(amf.set, amf.pointer, self.device.tmsi))
            self.device.nas_up += 1
            self.open(ts, nas.protected(request, self.device.nas_up, False), reason, True)
            if self.paged and attempt == 0:
                self.record_paging(ts)
            ts += self.wait(3, 10)
            if attempt < 3 and self.air.random() < s.service_reject_share:
                self.nas_down(ts, nas.service_reject(22), False)
                self.note("service_request", asked, ts, ("fgmm", 22))
                ts = self.command_release(ts + 2 * MS, NORMAL_RELEASE)
            else:
                ts, why = self.set_up_context(ts, nas.service_accept(), attempt == 3)
                self.note("service_request", asked, ts, why)
                if not why:
                    break
            ts += self.wait(900, 2500)
        self.paged = False
        return self.connect_user(ts + self.wait(2, 8), self.pdns)

    # in other cells

    def handover(self, ts: int, cell: Cell) -> int:
        """To a cell of another gNB, through the core or with a path switch; when it is over."""
        if cell.node is self.cell.node:
            others = [c for c in self.nr.cells if c.node is not self.cell.node and not c.bad]
            cell = self.air.choice(others) if others else cell
        return NrHandover(self, cell).run(ts)

    # the end

    def end_all(self, ts: int, how: str) -> int:
        """Ends all PDU sessions and the connection below them."""
        if how in ("lost", "error"):
            why = NgCause(ngap.RADIO, 21) if how == "lost" else NgCause(ngap.TRANSPORT, 0)
            self.ask_release(ts, why)
            end = self.delete_all(ts + self.wait(1, 4), why)
            return self.command_release(end, why)
        if how == "network":
            asked = self.nas_down(ts, nas.deregistration_by_network())
            end = self.nas_up(asked + self.wait(20, 60), nas.deregistration_by_network_accept())
            end = self.delete_all(end + 2 * MS, None)
            self.note("deregistration", asked, end, None, False, ciphered=self.device.ciphered)
            return self.command_release(end + MS, DEREGISTERED)
        off = self.air.random() < 0.5
        self.nas_up(ts, nas.deregistration_request(self.guti(), off))
        end = self.delete_all(ts + self.wait(2, 6), None)
        if not off:
            self.nas_down(end, nas.deregistration_accept())
        self.note("deregistration", ts, end, ciphered=self.device.ciphered)
        return self.command_release(end + MS, DEREGISTERED)

    def delete_all(self, ts: int, why: NgCause | None) -> int:
        """Every PDU session ends, dropped where there is a cause."""
        self.free_radio(ts)
        for pdn in reversed(self.pdns):
            truth = pdn.truth
            truth.end, truth.end_reason, truth.dropped = self.net.tick(ts), "deleted", why is not None
            if why is not None:
                truth.cause_family, truth.cause_code = ("ngap_radio", "ngap_transport")[why.group], why.value
            truth.leave(truth.end)
            ts = self.delete_n4(pdn, ts) + MS
            pdn.gateway.user.free(pdn.linked[0].core, ts)
        return ts
