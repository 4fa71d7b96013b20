"""What a subscriber does from switching on until the capture ends: a generator that yields when it wants to go on."""

from collections.abc import Callable, Generator

from tools.scenario.clock import Clock
from tools.scenario.config import SECOND
from tools.scenario.exchange import PLAIN, draw_fate
from tools.scenario.lte import LteAccess
from tools.scenario.network import Cell, Network, Subscriber
from tools.scenario.nr_access import NrAccess
from tools.scenario.s1_access import S1Access
from tools.scenario.tcp_model import MS
from tools.scenario.user_plane import Bearer, Traffic
from tools.scenario.utran import UtranAccess

GUARD = 2 * MS
QUIET = 5 * MS  # from the last user packet to a release
Access = LteAccess | UtranAccess | NrAccess


def life(net: Network, person: Subscriber) -> Generator[int, None, None]:
    """Attaches, is connected and idle in turns, detaches or is dropped, and comes back. Yields times in ns."""
    s, rng = net.scenario, person.rng
    ts = person.arrival
    while ts < net.scenario.end - 2 * SECOND:
        yield ts
        access = access_of(net, person, ts)
        ts = access.create(ts, "internet")
        if access.pdns and isinstance(access, LteAccess):
            if rng.random() < s.ims_share:
                yield ts
                ts = access.create(ts + 20 * MS, "ims")
            yield ts
            ts = access.connect(ts + rng.randrange(20, 60) * MS, person.cell, False, lambda: draw_fate(net, rng))
        if access.pdns:
            if isinstance(access, NrAccess) and rng.random() < s.ims_share:
                yield ts
                ts = access.create(ts + 20 * MS, "ims")
            ts = yield from connected(net, person, access, ts + GUARD)
        ts += rng.randrange(2000, 6000) * MS
        if not person.bad and not person.cell.bad:
            person.cell = other_cell(net, person)


def access_of(net: Network, person: Subscriber, ts: int) -> Access:
    """How a subscriber's device reaches the network where it is."""
    if person.cell.nr:
        return NrAccess(net, person, ts)
    if not person.cell.lte:
        return UtranAccess(net, person, ts)
    return S1Access(net, person, ts) if net.scenario.s1 else LteAccess(net, person, ts)


def other_cell(net: Network, person: Subscriber) -> Cell:
    """A cell to be in next. Nobody moves into or out of the bad one, so that its fault stays its own."""
    cells = net.cells if person.cell.lte else net.cells_3g
    if net.nr and person.cell.nr:
        cells = net.nr.cells
    return person.rng.choice([cell for cell in cells if not cell.bad] or cells)


def connected(net: Network, person: Subscriber, access: Access, ts: int) -> Generator[int, None, int]:
    """Connected phases and the idle times between them, until the session ends; yields, then returns that time."""
    s, rng = net.scenario, person.rng
    while True:
        yield ts
        if ts >= s.end - SECOND:
            return ts
        phase = Phase(net, person, access, ts)
        ts = phase.run()
        yield ts
        draw = rng.random()
        if phase.lost:
            if isinstance(access, S1Access | NrAccess) and phase.back:
                ts = yield from idle(net, person, access, ts, access.drop)
                continue
            return access.end_all(ts, "lost")
        if ts >= s.end - SECOND:
            return s.end
        if isinstance(access, LteAccess | NrAccess) and rng.random() < s.idle_share:
            ts = yield from idle(net, person, access, ts)
            continue
        if draw < s.stay_share:
            return s.end
        draw = rng.random()
        if draw < s.error_indication_share:
            return access.end_all(ts, "error")
        network = draw < s.error_indication_share + s.network_release_share
        return access.end_all(ts, "network" if network else "detach")


def idle(net: Network, person: Subscriber, access: LteAccess | NrAccess, ts: int,
         release: Callable[[int], int] | None = None) -> Generator[int, None, int]:  # fmt: skip
    """To idle (by `release`) and back by a service request, for some after paging, for some in another cell."""
    s, rng = net.scenario, person.rng
    begin = (release or access.release)(ts)
    ts = begin + int(rng.uniform(*s.idle_s) * SECOND)
    access.while_idle(begin, ts)
    yield ts
    if ts >= s.end - SECOND:
        return s.end
    if rng.random() < s.paging_share:
        ts = access.page(ts)
    cell = person.cell
    if not cell.bad and not person.bad and rng.random() < 0.4:
        cell = other_cell(net, person)
    moved = cell is not access.cell
    person.cell = cell
    return access.connect(ts, cell, moved, lambda: draw_fate(net, rng) if len(access.pdns) == 1 else PLAIN) + GUARD


class Phase:
    """One connected phase: dedicated bearer, handovers, traffic, and how it ends. Planned and sent in one go."""

    def __init__(self, net: Network, person: Subscriber, access: Access, start: int) -> None:
        self.net, self.person, self.access, self.start = net, person, access, start
        s, rng = net.scenario, person.rng
        low, high = s.connected_s
        self.span = int(rng.uniform(low, high) * SECOND)
        share = 0.9 if person.bad else (max(0.3, s.drop_share) if person.cell.bad else s.drop_share)
        self.lost = rng.random() < share
        self.back = False  # lost, but the sessions stay and the device comes back
        if (s.s1 or person.cell.nr) and not self.lost and not person.bad:
            self.lost = self.back = rng.random() < (
                max(0.3, s.radio_drop_share) if person.cell.bad else s.radio_drop_share
            )
        if self.lost and person.bad:
            self.span = min(self.span, 5 * SECOND)

    def run(self) -> int:
        """Sends everything of the phase; when the release may begin."""
        net, rng, access = self.net, self.person.rng, self.access
        dedicated, start = self.dedicated(self.start)
        spans, moved = self.handovers(start)
        clock = Clock(spans)
        cut = (
            start + rng.randrange(1000, max(1001, self.span // MS)) * MS if self.lost else net.scenario.end + 5 * SECOND
        )
        traffic = Traffic(net, self.person, clock, cut, self.person.cell.profile)
        bearers = [bearer for pdn in access.pdns for bearer in pdn.linked]
        flows = 1 + min(30, int(rng.expovariate(1 / max(0.1, net.scenario.flows - 1)))) if net.scenario.flows > 1 else 1
        for number in range(flows):
            bearer = rng.choice([b for b in bearers if b.qci != 1] or bearers)
            traffic.one(bearer, start if number == 0 else start + rng.randrange(self.span))
        for bearer in dedicated:
            traffic.one(bearer, start + rng.randrange(SECOND))
        end = cut if self.lost else max(traffic.last, moved)
        if spans and self.access.cell is not self.person.cell:
            self.person.cell = self.access.cell
        end = max(end, start) + QUIET
        for bearer in dedicated if not self.lost else []:
            assert isinstance(access, LteAccess)
            end = access.remove_dedicated(bearer, end, rng.random() < net.scenario.bearer_drop_share) + GUARD
        return end + (0 if self.lost else rng.randrange(20, 400) * MS)

    def dedicated(self, start: int) -> tuple[list[Bearer], int]:
        """The dedicated bearers of the phase, one newly made for some; and when traffic may start."""
        access, rng = self.access, self.person.rng
        if not isinstance(access, LteAccess):
            return [], start
        there = [bearer for pdn in access.pdns for bearer in pdn.linked[1:]]
        if not there and rng.random() < self.net.scenario.dedicated_share:
            pdn = access.pdns[-1]
            bearer, start = access.add_dedicated(pdn, start + GUARD, 1 if pdn.apn == "ims" else 2)
            start += GUARD
            there = [bearer] if bearer else []
        return there, start

    def handovers(self, start: int) -> tuple[list[tuple[int, int]], int]:
        """Signals the handovers of the phase; the spans in which no user packet may pass, and the end of the last."""
        net, rng = self.net, self.person.rng
        spans: list[tuple[int, int]] = []
        s, end = net.scenario, start
        if self.lost or self.person.bad or self.person.cell.bad or s.handovers_per_minute <= 0:
            return [], start
        at = start
        while True:
            at += max(400 * MS, int(rng.expovariate(s.handovers_per_minute / 60) * SECOND))
            if at > start + self.span or at > s.end - SECOND:
                return spans, end
            end = self.access.handover(at, other_cell(net, self.person)) + GUARD
            spans.append((at - GUARD, end))
            at = end
