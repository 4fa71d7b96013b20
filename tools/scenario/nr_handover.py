"""Handovers in NR: through the core (TS 38.413 §8.4.1 to §8.4.3) or on Xn with a path switch (§8.4.4)."""

from typing import TYPE_CHECKING, Any

from tools.scenario import encode_ngap as ngap
from tools.scenario import encode_ngap_mobility as mobility
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.encode_ngap import NgCause, NgIds
from tools.scenario.exchange import PLAIN
from tools.scenario.network import Cell
from tools.scenario.nr_link import MS
from tools.scenario.nr_network import SLICES

if TYPE_CHECKING:
    from tools.scenario.nr_access import NrAccess

WHY, DONE = NgCause(ngap.RADIO, 16), NgCause(ngap.RADIO, 2)
PREPARATION = ((ngap.RADIO, 13), (ngap.RADIO, 13), (ngap.RADIO, 8), (ngap.MISC, 1))


class NrHandover:
    """One handover of a device between gNBs."""

    def __init__(self, access: "NrAccess", target: Cell) -> None:
        self.access, self.target, self.source = access, target, access.cell
        self.air = access.air
        self.toward = access.nr.associations[target.node.name]
        self.radio_id = 0

    def note(self, procedure: str, start: int, end: int | None, why: NgCause | None = None, upwards: bool = True,
             **about: Any) -> None:  # fmt: skip
        """A procedure of this handover into the truth, with its target."""
        about = {"cell": self.source.name, "target": self.target.name} | about
        self.access.note(procedure, start, end, why, upwards, **about)

    def to_target(self, ts: int, way: int, message: bytes) -> None:
        """A message on the target's association."""
        self.access.radio.send(ts, self.toward, way, message, 1 + self.access.person.number % 7)

    def bound(self, ts: int) -> list[tuple[int, Endpoint, list[int]]]:
        """PDU sessions with the endpoints that the target gives to them."""
        a = self.access
        return [(pdn.ebi, a.reserve(pdn, self.target, ts), [pdn.linked[0].qfi]) for pdn in a.pdns]

    def run(self, ts: int) -> int:
        """The handover; when the device can go on."""
        if self.air.random() < self.access.net.scenario.s1_handover_share:
            return self.by_core(ts)
        return self.by_path_switch(ts)

    def arrive(self, ts: int) -> None:
        """The connection goes on in the target."""
        a = self.access
        assert a.connection is not None
        a.radio.radio_ids[self.source.node.name].free(a.ids.ran, ts)
        a.connection.move(self.target.name, a.net.tick(ts))
        a.cell, a.ids, a.association = self.target, NgIds(a.ids.amf, self.radio_id), self.toward

    def switch_user(self, ts: int) -> int:
        """The user plane follows; End Markers on the paths that were left."""
        a = self.access
        for pdn in a.pdns:
            pdn.truth.move(self.target.name, a.net.tick(ts))
        old = [(pdn.linked[0], pdn.linked[0].paths[-1]) for pdn in a.pdns]
        end = a.connect_user(ts, a.pdns)
        a.end_markers([(bearer, path.ran) for bearer, path in old], end)
        for _, path in old:
            path.node.free(path.ran, end)
        return end

    def by_path_switch(self, ts: int) -> int:
        """After a handover on Xn, which N2 does not show: Path Switch Request."""
        a = self.access
        failed = self.air.random() < a.net.scenario.path_switch_failure_share
        self.radio_id = a.radio.radio_ids[self.target.node.name].take(ts)
        bound = self.bound(ts)
        self.arrive(ts)
        a.up(ts, mobility.path_switch_request(self.radio_id, a.ids.amf, self.target.where, bound, [], None))
        if failed:
            why, end = NgCause(ngap.TRANSPORT, 0), ts + a.wait(5, 20)
            a.down(end, mobility.path_switch_failure(a.ids, [pdn.ebi for pdn in a.pdns], why))
            self.note("path_switch_request", ts, end, why, cell=self.target.name, target=None)
            a.reserved.clear()
            a.lose_resources(end, why)
            return self.come_back(a.disconnect_user(a.command_release(end + MS, why) + MS))
        end = self.switch_user(ts + a.wait(1, 4))
        a.down(end, mobility.path_switch_acknowledge(a.ids, [pdn.ebi for pdn in a.pdns], SLICES))
        self.note("path_switch_request", ts, end, cell=self.target.name, target=None)
        return end

    def come_back(self, ts: int) -> int:
        """A service request soon after the connection was lost."""
        a = self.access
        return a.connect(ts + a.wait(300, 900), a.cell, True, lambda: PLAIN)

    def by_core(self, ts: int) -> int:
        """From HANDOVER REQUIRED on."""
        a, asked = self.access, ts
        active = [pdn.ebi for pdn in a.pdns]
        container = mobility.to_target(self.target.where, self.source.where, 400)
        a.up(ts, mobility.handover_required(a.ids, WHY, self.target.where, active, container))
        requested = ts + a.wait(2, 5)
        sessions = [a.asked(pdn) for pdn in a.pdns]
        self.to_target(requested, 1, mobility.handover_request(
            a.ids.amf, WHY, sessions, SLICES, self.target.where, a.nr.amf, container))  # fmt: skip
        ts = requested + a.wait(8, 40)
        if self.air.random() < a.net.scenario.handover_preparation_failure_share:
            return self.refused(asked, requested, ts)
        self.radio_id = a.radio.radio_ids[self.target.node.name].take(ts)
        ids, back = NgIds(a.ids.amf, self.radio_id), mobility.to_source(200)
        self.to_target(ts, 0, mobility.handover_acknowledge(ids, self.bound(ts), [], None, back))
        self.note("handover_resource_allocation", requested, ts, None, False, cell=self.target.name, target=None)
        commanded = ts + a.wait(1, 4)
        a.down(commanded, mobility.handover_command(a.ids, active, back))
        self.note("handover_preparation", asked, commanded)
        return self.execute(commanded, ids)

    def refused(self, asked: int, requested: int, ts: int) -> int:
        """The target does not want it."""
        a, why = self.access, NgCause(*self.air.choice(PREPARATION))
        self.to_target(ts, 0, mobility.handover_failure(a.ids.amf, why))
        self.note("handover_resource_allocation", requested, ts, why, False, cell=self.target.name, target=None)
        ts += a.wait(1, 4)
        a.down(ts, mobility.handover_preparation_failure(a.ids, why))
        self.note("handover_preparation", asked, ts, why)
        return ts

    def execute(self, ts: int, ids: NgIds) -> int:
        """From HANDOVER COMMAND on."""
        a, s, draw = self.access, self.access.net.scenario, self.air.random()
        if draw < s.handover_cancel_share:
            return self.cancelled(ts, ids)
        if draw < s.handover_cancel_share + s.handover_execution_failure_share:
            return self.lost(ts, ids)
        notified = ts + a.wait(20, 60)
        self.to_target(notified, 0, mobility.handover_notify(ids, self.target.where))
        self.note("handover_execution", ts, notified)
        left, association = a.ids, a.association
        assert association is not None
        self.arrive(notified)
        end = self.switch_user(notified + a.wait(1, 3))
        stream = 1 + a.person.number % 7
        a.radio.send(end, association, 1, ngap.release_command(left, DONE), stream)
        done = end + a.wait(3, 9)
        a.radio.send(done, association, 0, ngap.release_complete(left, self.source.where, []), stream)
        self.note("ue_context_release", end, done, DONE, False, outcome="success", target=None)
        return end

    def give_up(self, ts: int, ids: NgIds, why: NgCause) -> None:
        """The context that the target has prepared is released."""
        a = self.access
        self.to_target(ts, 1, ngap.release_command(ids, why))
        done = ts + a.wait(3, 9)
        self.to_target(done, 0, ngap.release_complete(ids, self.target.where, []))
        self.note("ue_context_release", ts, done, why, False, outcome="success", cell=self.target.name, target=None)
        a.radio.radio_ids[self.target.node.name].free(self.radio_id, done)
        a.reserved.clear()

    def cancelled(self, ts: int, ids: NgIds) -> int:
        """The source thinks better of it."""
        a, why = self.access, NgCause(ngap.RADIO, 5)
        asked = ts + a.wait(5, 20)
        a.up(asked, mobility.handover_cancel(a.ids, why))
        end = asked + a.wait(2, 6)
        a.down(end, mobility.handover_cancel_acknowledge(a.ids))
        self.note("handover_cancel", asked, end)
        self.note("handover_execution", ts, asked, why)
        self.give_up(asked + MS, ids, why)
        return end + MS

    def lost(self, ts: int, ids: NgIds) -> int:
        """The device never arrives: both sides are released, and it comes back by a service request."""
        a, why = self.access, NgCause(ngap.RADIO, 9)
        commanded = ts
        ts += a.wait(700, 900)
        self.note("handover_execution", commanded, ts, why)
        a.ask_release(ts, why)
        self.give_up(ts + MS, ids, NgCause(ngap.RADIO, 7))
        end = a.disconnect_user(ts + 3 * MS)
        return self.come_back(a.command_release(end + MS, why))
