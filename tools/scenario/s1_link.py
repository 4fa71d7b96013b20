"""One device on S1-MME: its connection, the NAS messages on it, its E-RABs (TS 36.413, TS 24.301, TS 23.401 §5.3)."""

from typing import Any

from tools.scenario import encode_nas as nas
from tools.scenario import encode_s1ap as s1ap
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.encode_s1ap import Cause, Erab, Ids
from tools.scenario.lte import LteAccess
from tools.scenario.network import Cell, Network, Subscriber
from tools.scenario.radio import GROUP, Radio
from tools.scenario.radio_truth import NORMAL_S1, Connection, RadioBearer
from tools.scenario.sctp_link import Association
from tools.scenario.user_plane import Bearer

MS = 1_000_000
INACTIVITY = Cause(s1ap.RADIO, 20)
NORMAL_RELEASE, AUTHENTICATION_FAILED, DETACHED = (Cause(s1ap.NAS, value) for value in range(3))


class S1Link(LteAccess):
    """The S1 connection of a device on LTE, with everything that other parts of its life ask of it."""

    def __init__(self, net: Network, person: Subscriber, ts: int) -> None:
        super().__init__(net, person, ts)
        assert isinstance(net.radio, Radio)
        self.radio = net.radio
        self.device = net.radio.devices[person.number]
        self.air = self.device.rng
        self.code = net.mmes.index(self.mme) + 1
        self.ids = Ids(0, 0)
        self.connection: Connection | None = None
        self.association: Association | None = None
        self.erabs: dict[int, RadioBearer] = {}
        self.reserved: dict[int, Endpoint] = {}
        self.paged = False
        self.pagings = (0, 0)  # the paging under way: its first message, and how many

    # messages

    def wait(self, low: int, high: int) -> int:
        """A span between two numbers of ms."""
        return self.air.randrange(low * 1000, high * 1000) * 1000

    def _stream(self) -> int:
        return 1 + self.person.number % 7

    def up(self, ts: int, message: bytes) -> None:
        """A message of the eNodeB."""
        assert self.association is not None
        self.radio.send(ts, self.association, 0, message, self._stream())

    def down(self, ts: int, message: bytes) -> None:
        """A message of the MME."""
        assert self.association is not None
        assert self.connection is not None
        self.radio.send(ts, self.association, 1, message, self._stream())
        if self.connection.answered is None:
            self._answered(ts)

    def _answered(self, ts: int | None) -> None:
        assert self.connection is not None
        c = self.connection
        if ts is not None:
            c.answered = self.net.tick(ts)
        self.note("signalling_connection", c.start, ts)

    def note(self, procedure: str, start: int, end: int | None, why: Cause | tuple[str, int] | None = None,
             upwards: bool = True, **about: Any) -> None:  # fmt: skip
        """A procedure of this device on S1-MME into the truth."""
        cell = self.connection.cell if self.connection else self.cell.name
        nodes = (self.cell.node, self.mme) if upwards else (self.mme, self.cell.node)
        about = {"imsi": self.person.imsi, "cell": cell} | about
        self.radio.record("s1mme", procedure, start, end, *nodes, why=why, **about)

    def nas_up(self, ts: int, message: bytes, hidden: bool = True) -> int:
        """A NAS message of the device; protected where a security context is in use."""
        self.up(ts, s1ap.uplink_nas(self.ids, self.protect(message, True) if hidden else message, self.cell.where))
        return ts

    def nas_down(self, ts: int, message: bytes, hidden: bool = True) -> int:
        """A NAS message of the MME."""
        self.down(ts, s1ap.downlink_nas(self.ids, self.protect(message, False) if hidden else message))
        return ts

    def protect(self, message: bytes, upwards: bool) -> bytes:
        """A message under the device's security context: unreadable, or with the null cipher."""
        device = self.device
        if upwards:
            device.nas_up += 1
        else:
            device.nas_down += 1
        count = device.nas_up if upwards else device.nas_down
        return nas.protected(message, count, True, readable=not device.ciphered)

    def guti(self) -> bytes:
        """The identity under which the network knows the device."""
        assert self.device.tmsi is not None
        return nas.guti(*self.net.scenario.plmn, GROUP, self.code, self.device.tmsi)

    # connection

    def open(self, ts: int, message: bytes, reason: int, known: bool) -> None:
        """Initial UE Message, for a known device with its S-TMSI."""
        self.association = self.radio.associations[self.cell.node.name, self.mme.name]
        self.ids = Ids(self.radio.core_ids[self.mme.name].take(ts), self.radio.radio_ids[self.cell.node.name].take(ts))
        self.connection = self.radio.connection("s1mme", "eutran", self.person, self.mme, reason, ts, self.cell)
        self.erabs = {}
        tmsi = (self.code, self.device.tmsi) if known and self.device.tmsi is not None else None
        self.up(ts, s1ap.initial_ue(self.ids.enb, message, self.cell.where, reason, tmsi))

    def ask_release(self, ts: int, why: Cause) -> None:
        """UE Context Release Request."""
        assert self.connection is not None
        self.connection.release_requested = self.net.tick(ts)
        self.up(ts, s1ap.release_request(self.ids, why))
        self.note("ue_context_release_request", ts, None, why, outcome="success")
        self._released_for(why)

    def _released_for(self, why: Cause) -> None:
        c = self.connection
        assert c is not None
        c.cause_family, c.cause_code = family_of(why)
        c.abnormal = c.release_requested is not None and (c.cause_family, c.cause_code) not in NORMAL_S1

    def command_release(self, ts: int, why: Cause) -> int:
        """UE Context Release Command and Complete; when the latter is seen."""
        c = self.connection
        assert c is not None
        if c.release_requested is None:
            self._released_for(why)
        c.release_commanded = self.net.tick(ts)
        done = ts + self.wait(4, 30)
        self.down(ts, s1ap.release_command(self.ids, why, self.air.random() < 0.7))
        self.up(done, s1ap.release_complete(self.ids))
        self.note("ue_context_release", ts, done, why, False, outcome="success")
        self.closed(done)
        return done

    def closed(self, ts: int) -> None:
        """The connection is no more, nor are its E-RABs."""
        c = self.connection
        assert c is not None
        c.end = c.stays[-1][2] = self.net.tick(ts)
        for bearer in self.erabs.values():
            bearer.end, bearer.abnormal = c.end, c.abnormal
            bearer.cause_family, bearer.cause_code = c.cause_family, c.cause_code
        self.radio.core_ids[self.mme.name].free(self.ids.mme, ts)
        self.radio.radio_ids[self.cell.node.name].free(self.ids.enb, ts)
        self.connection, self.erabs = None, {}

    def lose_bearers(self, ts: int, why: Cause) -> None:
        """The E-RABs are lost while the connection is not yet released."""
        for bearer in self.erabs.values():
            bearer.end, bearer.abnormal = self.net.tick(ts), True
            bearer.cause_family, bearer.cause_code = family_of(why)
        self.erabs = {}

    # E-RABs

    def bearers(self) -> list[Bearer]:
        """All bearers of the device that an eNodeB should serve."""
        return [bearer for pdn in self.pdns for bearer in pdn.linked]

    def erab(self, bearer: Bearer, message: bytes | None = None) -> Erab:
        """A bearer as a request to the eNodeB names it."""
        return Erab(bearer.ebi, bearer.qci, bearer.core, nas=message)

    def reserve(self, bearer: Bearer, cell: Cell, ts: int) -> tuple[int, Endpoint]:
        """Takes the endpoint that the eNodeB of `cell` gives to a bearer; kept until the path is made."""
        endpoint = cell.node.endpoint(ts)
        self.reserved[id(bearer)] = endpoint
        return bearer.ebi, endpoint

    def radio_endpoint(self, bearer: Bearer, cell: Cell, ts: int) -> Endpoint:
        """The endpoint that was told on S1-MME."""
        return self.reserved.pop(id(bearer), None) or super().radio_endpoint(bearer, cell, ts)

    def bound(self, bearer: Bearer, kind: str, ts: int) -> None:
        """An E-RAB was set up by a response at `ts`."""
        assert self.connection is not None
        session = bearer.pdn.truth.number if bearer.pdn.truth.captured else None
        made = RadioBearer(self.connection.number, self.person.imsi, session, bearer.ebi, bearer.qci, kind,
                           self.net.tick(ts))  # fmt: skip
        self.erabs[bearer.ebi] = made
        self.radio.truth.bearers.append(made)

    def set_up_context(self, ts: int, messages: dict[int, bytes], riding: list[bytes],
                       sure: bool = False) -> tuple[int, Cause | None]:  # fmt: skip
        """Initial Context Setup for all bearers; when it is over, and why it failed.

        `messages`: NAS for a bearer; `riding`: NAS of the device, sent with the response; `sure`: it succeeds.
        """
        c, bearers = self.connection, self.bearers()
        assert c is not None
        share = 0.15 if self.cell.bad else self.net.scenario.context_failure_share
        failed = self.air.random() < share and not sure
        end = ts + self.wait(40, 160)
        self.down(ts, s1ap.context_request(self.ids, [self.erab(b, messages.get(b.ebi)) for b in bearers]))
        why = Cause(s1ap.RADIO, self.air.choice((25, 26, 26, 21))) if failed else None
        self.note("initial_context_setup", ts, end, why, False)
        for bearer in bearers:
            self.note("e_rab_establishment_initial", ts, end, why, False, qci=bearer.qci)
        if why:
            self.up(end, s1ap.context_failure(self.ids, why))
            return self.command_release(end + self.wait(1, 4), why), why
        if not self.device.capability_known:
            self.up(ts + 20 * MS, s1ap.capability(self.ids, self.air.choice((180, 700, 1900, 3600))))
            self.device.capability_known = True
        self.up(end, s1ap.context_response(self.ids, [self.reserve(b, self.cell, ts) for b in bearers], [], None))
        c.established = self.net.tick(end)
        for bearer in bearers:
            self.bound(bearer, "initial", end)
        for message in riding:
            self.nas_up(end, message)
        return end, None


def family_of(why: Cause) -> tuple[str, int]:
    """Family and code of an S1AP cause."""
    return ("s1ap_radio", "s1ap_transport", "s1ap_nas", "s1ap_protocol", "s1ap_misc")[why.group], why.value
