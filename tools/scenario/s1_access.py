"""What a device on LTE does on S1-MME beside what S11 shows: attach, service request, release, drops, detach."""

from collections.abc import Callable

from tools.scenario import encode_nas as nas
from tools.scenario import encode_s1ap as s1ap
from tools.scenario import encode_s1ap_mobility as mobility
from tools.scenario.encode_s1ap import Cause, Ids
from tools.scenario.exchange import PLAIN
from tools.scenario.network import Cell
from tools.scenario.s1_handover import S1Handover
from tools.scenario.s1_link import AUTHENTICATION_FAILED, DETACHED, INACTIVITY, MS, NORMAL_RELEASE, S1Link, family_of
from tools.scenario.user_plane import Bearer, Pdn

PATIENCE = 15_000 * MS  # T3410
REJECTS = (3, 8, 11, 12, 13, 15, 17, 22)  # EMM causes of attaches that the network does not want
DROPS = ((s1ap.RADIO, 21), (s1ap.RADIO, 21), (s1ap.RADIO, 26), (s1ap.RADIO, 3), (s1ap.RADIO, 25), (s1ap.RADIO, 39),
         (s1ap.TRANSPORT, 0), (s1ap.MISC, 0))  # fmt: skip


class S1Access(S1Link):
    """LTE with S1-MME."""

    # attach

    def create(self, ts: int, apn: str) -> int:
        """Attach with the first PDN connection, PDN connectivity for others; when it is over."""
        if self.pdns:
            return self.connect_pdn(ts, apn)
        asked = ts
        ts, refused = self.enter(ts)
        if refused:
            return ts
        ts = super().create(ts, apn)
        if not self.pdns:
            return self.reject(ts + MS, asked, 19, nas.pdn_reject(1, 26))
        pdn = self.pdns[0]
        self.device.tmsi = self.radio.new_tmsi()
        activate = nas.activate_default(pdn.ebi, 1, 9, apn, 1, pdn.v4 or bytes(4))
        where = self.cell.where
        accept = nas.attach_accept(where.mcc, where.mnc, where.area, activate, self.guti())
        complete = nas.attach_complete(nas.esm(0xC2, 0, b"", pdn.ebi))
        ts, why = self.set_up_context(ts + 2 * MS, {pdn.ebi: self.protect(accept, False)}, [complete])
        self.note("attach", asked, ts, why, ciphered=self.device.ciphered)
        return self.undo(ts) if why else ts

    def undo(self, ts: int) -> int:
        """The session is deleted that an attach had made before the radio side failed."""
        for bearer in self.bearers():  # none has a path yet, and what ends them frees it
            bearer.add_path(ts, self.cell, self.cell.node.endpoint(ts), self.cell.node)
        ts = super().end_all(ts, "detach")
        self.pdns.clear()
        return ts

    def enter(self, ts: int) -> tuple[int, bool]:
        """From the Attach Request to the Create Session Request: when that may be sent, and whether all ends before."""
        s, air, asked = self.net.scenario, self.air, ts
        known = self.device.tmsi is not None
        identity = self.guti() if known else nas.imsi(self.person.imsi)
        message = nas.attach_request(identity, nas.pdn_connectivity(1, 1), air.random() < 0.3)
        if known:
            message = nas.protected(message, self.device.nas_up, False)
        self.open(ts, message, s1ap.MO_SIGNALLING, known)
        draw = air.random()
        if draw < s.attach_silent_share:
            self.note("signalling_connection", ts, None)
            self.note("attach", ts, None)
            return self.vanish(ts + PATIENCE), True
        ts += self.wait(3, 12)
        if not (known and air.random() < s.auth_skip_share):
            ts, failed = self.authenticate(ts)
            if failed:
                self.note("attach", asked, ts, ("emm", failed), cell=self.cell.name)
                return ts, True
        if draw < s.attach_silent_share + s.attach_reject_share:
            return self.reject(ts, asked, air.choice(REJECTS)), True
        return ts + self.wait(5, 30), False

    def vanish(self, ts: int) -> int:
        """The eNodeB forgets a connection that the MME never answered."""
        assert self.connection is not None
        self.connection.answered = None
        self.closed(ts)
        return ts

    def authenticate(self, ts: int) -> tuple[int, int]:
        """Authentication and security mode; when they are over, and the cause if they failed."""
        s, air = self.net.scenario, self.air
        draw = air.random()
        synch = draw < s.auth_failure_share / 2
        for attempt in (1, 0):
            asked, challenge = ts, nas.authentication_request(air.randbytes(16), air.randbytes(16))
            self.nas_down(ts, challenge, False)
            ts += self.wait(60, 250)
            if attempt and synch:
                self.nas_up(ts, nas.authentication_failure(21, air.randbytes(14)), False)
                self.note("authentication", asked, ts, ("emm", 21), False)
                ts += self.wait(10, 30)
                continue
            if draw < s.auth_failure_share and not synch:
                return self.refuse(ts, asked), 20
            self.nas_up(ts, nas.authentication_response(air.randbytes(8)), False)
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

    def refuse(self, ts: int, asked: int) -> int:
        """The device finds a wrong MAC; the network gives up on it."""
        self.nas_up(ts, nas.authentication_failure(20), False)
        self.note("authentication", asked, ts, ("emm", 20), False)
        ts += self.wait(3, 9)
        self.nas_down(ts, nas.authentication_reject(), False)
        self.device.tmsi = None
        return self.command_release(ts + 2 * MS, AUTHENTICATION_FAILED)

    def reject(self, ts: int, asked: int, cause: int, inner: bytes = b"") -> int:
        """Attach Reject and the release after it."""
        self.nas_down(ts, nas.attach_reject(cause, inner))
        self.note("attach", asked, ts, ("emm", cause), ciphered=self.device.ciphered)
        return self.command_release(ts + self.wait(1, 5), NORMAL_RELEASE)

    def connect_pdn(self, ts: int, apn: str) -> int:
        """Another PDN connection: asked for by NAS, its default bearer an E-RAB more."""
        asked, before = ts, len(self.pdns)
        self.nas_up(ts, nas.pdn_connectivity(1, 2, apn))
        ts = super().create(ts + self.wait(3, 8), apn)
        hidden = self.device.ciphered
        if len(self.pdns) == before:
            self.nas_down(ts + MS, nas.pdn_reject(2, 26))
            self.note("pdn_connectivity", asked, ts + MS, ("esm", 26), ciphered=hidden)
            return ts + MS
        pdn = self.pdns[-1]
        activate = nas.activate_default(pdn.ebi, 2, 5, apn, 1, pdn.v4 or bytes(4))
        ts = self.add_erab(pdn, activate, ts + 2 * MS)
        ts = self.nas_up(ts + self.wait(1, 9), nas.esm(0xC2, 0, b"", pdn.ebi))
        self.note("pdn_connectivity", asked, ts, ciphered=hidden)
        return ts

    def add_erab(self, pdn: Pdn, message: bytes, ts: int) -> int:
        """E-RAB Setup for the default bearer of a PDN connection."""
        bearer, end = pdn.linked[0], ts + self.wait(20, 80)
        self.down(ts, s1ap.erab_setup_request(self.ids, [self.erab(bearer, self.protect(message, False))]))
        self.up(end, s1ap.erab_setup_response(self.ids, [self.reserve(bearer, self.cell, ts)], [], None))
        self.note("e_rab_setup", ts, end, None, False)
        self.note("e_rab_establishment_added", ts, end, None, False, qci=bearer.qci)
        self.bound(bearer, "added", end)
        return end

    # idle and back

    def connect(self, ts: int, cell: Cell, moved: bool, fates: Callable[[], str]) -> int:
        """As on S11; from idle after a service request."""
        if self.connection is None:
            self.cell = cell
            ts = self.serve(ts) + self.wait(2, 9)
        return super().connect(ts, cell, moved, fates)

    def serve(self, ts: int) -> int:
        """Service requests until one succeeds; when its context is set up."""
        s = self.net.scenario
        for attempt in range(4):
            asked = ts
            reason = s1ap.MT_ACCESS if self.paged else s1ap.MO_DATA
            self.device.nas_up += 1
            self.open(ts, nas.service_request(self.device.nas_up), reason, True)
            if self.paged and attempt == 0:
                self.record_paging(ts)
            ts += self.wait(3, 10)
            if attempt < 3 and self.air.random() < s.service_reject_share:
                self.nas_down(ts, nas.service_reject(22), False)
                self.note("service_request", asked, ts, ("emm", 22))
                ts = self.command_release(ts + 2 * MS, NORMAL_RELEASE)
            else:
                ts, why = self.set_up_context(ts, {}, [], attempt == 3)
                self.note("service_request", asked, ts, why)
                if not why:
                    break
            ts += self.wait(900, 2500)
        self.paged = False
        return ts

    def release(self, ts: int, why: Cause = INACTIVITY) -> int:
        """To idle: asked for by the eNodeB."""
        self.ask_release(ts, why)
        end = super().release(ts + self.wait(1, 4))
        return self.command_release(end + self.wait(1, 3), why)

    def drop(self, ts: int) -> int:
        """The radio side fails; the network keeps the sessions, the device will come back."""
        why = Cause(*self.air.choice(DROPS))
        if why.group in (s1ap.TRANSPORT, s1ap.MISC) and self.air.random() < self.net.scenario.reset_share:
            return self.lose_by_reset(ts, why)
        return self.release(ts, why)

    def lose_by_reset(self, ts: int, why: Cause) -> int:
        """The eNodeB resets this one connection."""
        c = self.connection
        assert c is not None
        c.release_requested = self.net.tick(ts)
        self._released_for(why)
        self.up(ts, mobility.reset(why, [self.ids]))
        done = ts + self.wait(2, 6)
        self.down(done, mobility.reset_acknowledge([self.ids]))
        self.note("reset", ts, done)
        c.release_commanded = self.net.tick(done)
        self.closed(done)
        return super().release(done + MS)

    def while_idle(self, begin: int, end: int) -> None:
        """A tracking area update of some."""
        s = self.net.scenario
        room = end - begin - 1500 * MS
        if room < 0 or self.air.random() >= s.tau_share:
            return
        ts = asked = begin + 500 * MS + self.air.randrange(room // MS + 1) * MS
        request = nas.tau_request(self.guti(), self.air.choice((0, 3)))
        self.device.nas_up += 1
        self.open(ts, nas.protected(request, self.device.nas_up, False), s1ap.MO_SIGNALLING, True)
        ts += self.wait(5, 60)
        if self.air.random() < s.tau_reject_share:
            cause = self.air.choice((17, 22))
            self.nas_down(ts, nas.tau_reject(cause), False)
            self.note("tracking_area_update", asked, ts, ("emm", cause))
        elif self.air.random() < 0.3:
            self.device.tmsi = self.radio.new_tmsi()
            self.nas_down(ts, nas.tau_accept(self.guti()))
            ts = self.nas_up(ts + self.wait(20, 60), nas.tau_complete())
            self.note("tracking_area_update", asked, ts, ciphered=self.device.ciphered)
        else:
            self.nas_down(ts, nas.tau_accept(None))
            self.note("tracking_area_update", asked, ts, ciphered=self.device.ciphered)
        self.command_release(ts + self.wait(1, 5), NORMAL_RELEASE)

    def page(self, ts: int) -> int:
        """Downlink Data Notification and Paging in the tracking area; when the device asks for service."""
        air, silent = self.air, self.air.random() < self.net.scenario.paging_silent_share
        asked = ts + self.wait(2, 4)
        answered = super().page(ts)
        times = [asked]
        if silent or air.random() < 0.2:
            times.append(asked + 2500 * MS)
        if silent:
            times.append(asked + 5000 * MS)
            answered = times[-1] + 12_000 * MS
        else:
            answered = max(answered, times[-1] + self.wait(50, 300))
        assert self.device.tmsi is not None
        for when in times:
            self.send_paging(when)
        self.pagings = (asked, len(times))
        self.paged = not silent
        if silent:
            self.record_paging(None)
        return answered

    def send_paging(self, ts: int) -> None:
        """One Paging to each eNodeB of the tracking area."""
        assert self.device.tmsi is not None
        where = self.cell.where
        message = mobility.paging(self.code, self.device.tmsi, int(self.person.imsi) % 1024, [where])
        for node, _ in self.radio.places(where.area):
            self.radio.send(ts, self.radio.associations[node.name, self.mme.name], 1, message)

    def record_paging(self, answered: int | None) -> None:
        """The paging that is under way, answered or given up."""
        start, attempts = self.pagings
        cell = self.cell.name if answered is not None else None
        self.radio.record("s1mme", "paging", start, answered, self.mme, self.cell.node, imsi=self.person.imsi,
                          cell=cell, attempts=attempts)  # fmt: skip

    # dedicated bearers

    def bearer_added(self, bearer: Bearer, ts: int, latency: int) -> bool:
        """E-RAB Setup inside Create Bearer on S11, and for some an E-RAB Modify after it."""
        start, end = ts + 2 * MS, ts + latency - 3 * MS
        activate = nas.activate_dedicated(bearer.ebi, bearer.pdn.ebi, bearer.qci)
        self.down(start, s1ap.erab_setup_request(self.ids, [self.erab(bearer, self.protect(activate, False))]))
        share = 0.3 if self.cell.bad else self.net.scenario.bearer_failure_share
        why = Cause(s1ap.RADIO, self.air.choice((25, 26, 37))) if self.air.random() < share else None
        bound = [] if why else [self.reserve(bearer, self.cell, ts)]
        self.up(end, s1ap.erab_setup_response(self.ids, bound, [bearer.ebi] if why else [], why))
        self.note("e_rab_setup", start, end, why, False)
        self.note("e_rab_establishment_added", start, end, why, False, qci=bearer.qci)
        if why:
            return False
        self.bound(bearer, "added", end)
        self.nas_up(end, nas.esm(0xC6, 0, b"", bearer.ebi))
        return True

    def modify(self, bearer: Bearer, ts: int) -> int:
        """E-RAB Modify: the class stays, its priority changes."""
        if self.air.random() >= self.net.scenario.modify_share:
            return ts
        end = ts + self.wait(15, 40)
        erab = self.erab(bearer, self.protect(nas.esm(0xC9, 0, b"", bearer.ebi), False))._replace(priority=2)
        why = Cause(s1ap.RADIO, 25) if self.air.random() < self.net.scenario.bearer_failure_share else None
        self.down(ts, s1ap.erab_modify_request(self.ids, erab))
        failed = [bearer.ebi] if why else []
        self.up(end, s1ap.erab_modify_response(self.ids, [] if why else [bearer.ebi], failed, why))
        self.note("e_rab_modify", ts, end, why, False)
        return end + MS

    def remove_dedicated(self, bearer: Bearer, ts: int, lost: bool) -> int:
        """E-RAB Release around Delete Bearer, or a Release Indication before the Delete Bearer Command."""
        ts, record = self.modify(bearer, ts), self.erabs.pop(bearer.ebi)
        if lost:
            why = Cause(s1ap.RADIO, 26)
            self.up(ts, s1ap.erab_release_indication(self.ids, [bearer.ebi], why))
            record.end, record.abnormal = self.net.tick(ts), True
            self.note("e_rab_release_indication", ts, None, why, outcome="success")
            ts += self.wait(1, 3)
        else:
            why, end = NORMAL_RELEASE, ts + self.wait(15, 35)
            message = self.protect(nas.esm(0xCD, 0, b"\x24", bearer.ebi), False)
            self.down(ts, s1ap.erab_release_command(self.ids, [bearer.ebi], why, message))
            self.up(end, s1ap.erab_release_response(self.ids, [bearer.ebi]))
            self.nas_up(end, nas.esm(0xCE, 0, b"", bearer.ebi))
            record.end = self.net.tick(end)
            self.note("e_rab_release", ts, end, why, False, outcome="success")
            ts = end + MS
        record.cause_family, record.cause_code = family_of(why)
        return super().remove_dedicated(bearer, ts, lost)

    def piggyback(self, apn: str, outcome: str, fate: str) -> bool:
        """Never: bearers are made one after the other where the eNodeB has to be asked."""
        return False

    # in other cells

    def handover(self, ts: int, cell: Cell) -> int:
        """To a cell of another eNodeB, through the core or with a path switch; when it is over."""
        cell = self.other_node(cell)
        if self.air.random() < self.net.scenario.s1_handover_share:
            return S1Handover(self, cell).run(ts)
        return self.switch_path(ts, cell)

    def other_node(self, cell: Cell) -> Cell:
        """The cell, or where the same eNodeB serves it one of another: between its own cells S1 shows nothing."""
        if cell.node is not self.cell.node:
            return cell
        others = [c for c in self.net.cells if c.node is not self.cell.node and not c.bad]
        return self.air.choice(others) if others else cell

    def arrive(self, ts: int, cell: Cell, radio: int) -> None:
        """The connection goes on in `cell` under the identity `radio` of its eNodeB."""
        assert self.connection is not None
        self.radio.radio_ids[self.cell.node.name].free(self.ids.enb, ts)
        self.connection.move(cell.name, self.net.tick(ts))
        self.cell, self.ids = cell, Ids(self.ids.mme, radio)
        self.association = self.radio.associations[cell.node.name, self.mme.name]

    def switch_path(self, ts: int, cell: Cell) -> int:
        """After a handover on X2, which S1 does not show: Path Switch Request."""
        failed = self.air.random() < self.net.scenario.path_switch_failure_share
        radio = self.radio.radio_ids[cell.node.name].take(ts)
        bound = [self.reserve(bearer, cell, ts) for bearer in self.bearers()]
        self.arrive(ts, cell, radio)
        self.up(ts, mobility.path_switch_request(radio, self.ids.mme, cell.where, bound))
        if failed:
            why, end = Cause(s1ap.TRANSPORT, 0), ts + self.wait(5, 20)
            self.down(end, mobility.path_switch_failure(self.ids, why))
            self.note("path_switch_request", ts, end, why)
            self.reserved.clear()
            self.lose_bearers(end, why)
            return self.come_back(super().release(self.command_release(end + MS, why) + MS))
        end = super().handover(ts + self.wait(1, 3), cell)
        self.down(end, mobility.path_switch_acknowledge(self.ids, [], None))
        self.note("path_switch_request", ts, end)
        return end

    def come_back(self, ts: int) -> int:
        """A service request soon after the connection was lost, in the cell where the device is."""
        return self.connect(ts + self.wait(300, 900), self.cell, True, lambda: PLAIN)

    # the end

    def end_all(self, ts: int, how: str) -> int:
        """Ends all PDN connections and the connection below them."""
        if how == "lost":
            why = Cause(s1ap.RADIO, 21)
            self.ask_release(ts, why)
            end = super().end_all(ts + self.wait(1, 4), how)
            return self.command_release(end, why)
        if how == "error":
            why = Cause(s1ap.TRANSPORT, 0)
            end = super().end_all(ts, how)
            self.ask_release(end, why)
            return self.command_release(end + self.wait(2, 6), why)
        if how == "network":
            end = super().end_all(ts, how)
            asked = self.nas_down(end, nas.detach_by_network())
            end = self.nas_up(asked + self.wait(20, 60), nas.detach_accept())
            self.note("detach", asked, end, None, False, ciphered=self.device.ciphered)
            return self.command_release(end + MS, DETACHED)
        off = self.air.random() < 0.5
        self.nas_up(ts, nas.detach_request(self.guti(), off))
        end = super().end_all(ts + self.wait(2, 6), how)
        if not off:
            self.nas_down(end, nas.detach_accept())
        self.note("detach", ts, end, ciphered=self.device.ciphered)
        return self.command_release(end + MS, DETACHED)
