"""Handover through the core (TS 36.413 §8.4, TS 23.401 §5.5.1.2): prepared at the target, executed, cancelled, lost."""

from typing import TYPE_CHECKING, Any

from tools.scenario import encode_s1ap as s1ap
from tools.scenario import encode_s1ap_mobility as mobility
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.encode_s1ap import Cause, Ids
from tools.scenario.lte import LteAccess
from tools.scenario.network import Cell
from tools.scenario.s1_link import MS

if TYPE_CHECKING:
    from tools.scenario.s1_access import S1Access

WHY = Cause(s1ap.RADIO, 16)
DONE = Cause(s1ap.RADIO, 2)
PREPARATION = ((s1ap.RADIO, 12), (s1ap.RADIO, 12), (s1ap.RADIO, 7), (s1ap.MISC, 1))


class S1Handover:
    """One handover of a device by S1."""

    def __init__(self, access: "S1Access", target: Cell) -> None:
        self.access, self.target, self.source = access, target, access.cell
        self.air = access.air
        self.toward = access.radio.associations[target.node.name, access.mme.name]
        self.radio_id = 0

    def note(self, procedure: str, start: int, end: int | None, why: Cause | None = None, upwards: bool = True,
             **about: Any) -> None:  # fmt: skip
        """A procedure of this handover into the truth, with its target."""
        about = {"cell": self.source.name, "target": self.target.name} | about
        self.access.note(procedure, start, end, why, upwards, **about)

    def to_target(self, ts: int, way: int, message: bytes) -> None:
        """A message on the target's association."""
        self.access.radio.send(ts, self.toward, way, message, 1 + self.access.person.number % 7)

    def run(self, ts: int) -> int:
        """The whole handover from HANDOVER REQUIRED on; when the device can go on."""
        a, s = self.access, self.access.net.scenario
        asked, bearers = ts, a.bearers()
        container = mobility.to_target(self.target.where, self.source.where, [b.ebi for b in bearers], 300)
        a.up(ts, mobility.handover_required(a.ids, WHY, self.target.where, container))
        requested = ts + a.wait(2, 5)
        erabs = [a.erab(bearer) for bearer in bearers]
        self.to_target(requested, 1, mobility.handover_request(a.ids.mme, WHY, erabs, container))
        ts = requested + a.wait(8, 40)
        if self.air.random() < s.handover_preparation_failure_share:
            return self.refused(asked, requested, ts)
        self.radio_id = a.radio.radio_ids[self.target.node.name].take(ts)
        ids = Ids(a.ids.mme, self.radio_id)
        bound = [a.reserve(bearer, self.target, ts) for bearer in bearers]
        back = mobility.to_source(180)
        self.to_target(ts, 0, mobility.handover_acknowledge(ids, bound, [], None, back))
        self.note("handover_resource_allocation", requested, ts, None, False, cell=self.target.name, target=None)
        commanded = ts + a.wait(1, 4)
        a.down(commanded, mobility.handover_command(a.ids, [], None, back))
        self.note("handover_preparation", asked, commanded)
        return self.execute(commanded, ids, bound)

    def refused(self, asked: int, requested: int, ts: int) -> int:
        """The target does not want it."""
        a, why = self.access, Cause(*self.air.choice(PREPARATION))
        self.to_target(ts, 0, mobility.handover_failure(a.ids.mme, why))
        self.note("handover_resource_allocation", requested, ts, why, False, cell=self.target.name, target=None)
        ts += a.wait(1, 4)
        a.down(ts, mobility.handover_preparation_failure(a.ids, why))
        self.note("handover_preparation", asked, ts, why)
        return ts

    def execute(self, ts: int, ids: Ids, bound: list[tuple[int, Endpoint]]) -> int:
        """From HANDOVER COMMAND on."""
        a, s, draw = self.access, self.access.net.scenario, self.air.random()
        if draw < s.handover_cancel_share:
            return self.cancelled(ts, ids)
        if draw < s.handover_cancel_share + s.handover_execution_failure_share:
            return self.lost(ts, ids)
        ebis = [ebi for ebi, _ in bound]
        a.up(ts + 5 * MS, mobility.status_transfer(a.ids, ebis, False))
        self.to_target(ts + 7 * MS, 1, mobility.status_transfer(ids, ebis, True))
        notified = ts + a.wait(25, 70)
        self.to_target(notified, 0, mobility.handover_notify(ids, self.target.where))
        self.note("handover_execution", ts, notified)
        left, association = a.ids, a.association
        a.arrive(notified, self.target, self.radio_id)
        end = LteAccess.handover(a, notified + a.wait(1, 3), self.target)
        assert association is not None
        stream = 1 + a.person.number % 7
        a.radio.send(end, association, 1, s1ap.release_command(left, DONE), stream)
        done = end + a.wait(3, 9)
        a.radio.send(done, association, 0, s1ap.release_complete(left), stream)
        self.note("ue_context_release", end, done, DONE, False, outcome="success", target=None)
        return end

    def give_up(self, ts: int, ids: Ids, why: Cause) -> None:
        """The context that the target has prepared is released."""
        a = self.access
        self.to_target(ts, 1, s1ap.release_command(ids, why))
        done = ts + a.wait(3, 9)
        self.to_target(done, 0, s1ap.release_complete(ids))
        self.note("ue_context_release", ts, done, why, False, outcome="success", cell=self.target.name, target=None)
        a.radio.radio_ids[self.target.node.name].free(self.radio_id, done)
        a.reserved.clear()

    def cancelled(self, ts: int, ids: Ids) -> int:
        """The source thinks better of it."""
        a = self.access
        asked = ts + a.wait(5, 20)
        a.up(asked, mobility.handover_cancel(a.ids, Cause(s1ap.RADIO, 4)))
        end = asked + a.wait(2, 6)
        a.down(end, mobility.handover_cancel_acknowledge(a.ids))
        self.note("handover_cancel", asked, end)
        self.note("handover_execution", ts, asked, Cause(s1ap.RADIO, 4))
        self.give_up(asked + MS, ids, Cause(s1ap.RADIO, 4))
        return end + MS

    def lost(self, ts: int, ids: Ids) -> int:
        """The device never arrives: both sides are released, and it comes back by a service request."""
        a, why = self.access, Cause(s1ap.RADIO, 8)
        commanded = ts
        ts += a.wait(700, 900)
        self.note("handover_execution", commanded, ts, why)
        a.ask_release(ts, why)
        self.give_up(ts + MS, ids, Cause(s1ap.RADIO, 6))
        end = LteAccess.release(a, ts + 3 * MS)
        return a.come_back(a.command_release(end + MS, why))
