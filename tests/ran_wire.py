"""S1AP and NGAP as they pass between nodes, encoded by pycrate and carried in SCTP beside GTP, for tests of the state."""

import struct
from pathlib import Path
from typing import Any

from tests.ran_messages import encoded, modules, procedures
from tests.test_signalling_state import ENB, MME, Wire
from tools.scenario.encode_gtp import Endpoint
from tools.scenario.encode_ip import ip

S1AP, NGAP = 1, 2
PPID = {S1AP: 18, NGAP: 60}
PORT = {S1AP: 36412, NGAP: 38412}
PLMN = bytes((0x02, 0xF8, 0x39))
NAMES = {(p.protocol, p.code, p.pdu): p for protocol in (S1AP, NGAP) for p in procedures(protocol)}
GROUPS = ("radioNetwork", "transport", "nas", "protocol", "misc")


def types_of(kind: Any) -> dict[int, str]:
    """The type of each protocol IE of a message or list, by its id."""
    return {row["id"]: row["Value"]._typeref.called[1] for row in kind._const_tab._val.root}


def message(protocol: int, code: int, pdu: int, values: dict[int, Any]) -> bytes:
    """The octets of a message of these IEs, by id."""
    procedure = NAMES[protocol, code, pdu]
    types = types_of(procedure.kind._cont["protocolIEs"]._cont._cont["id"])
    fields = [{"id": k, "criticality": "reject", "value": (types[k], value)} for k, value in values.items()]
    return encoded(protocol, code, pdu, procedure.name, {"protocolIEs": fields})


def cause(protocol: int, group: str, name: str) -> tuple[str, str]:
    """A Cause; `name` as the standard spells it."""
    return group, name


def address(*addresses: bytes) -> tuple[int, int]:
    """A TransportLayerAddress: IPv4, IPv6, or both."""
    octets = b"".join(addresses)
    return int.from_bytes(octets, "big"), 8 * len(octets)


def endpoint(to: Endpoint, second: bytes = b"") -> tuple[tuple[int, int], bytes]:
    return address(to.address, second) if second else address(to.address), to.teid.to_bytes(4, "big")


ARP = {
    "priorityLevel": 8,
    "pre-emptionCapability": "shall-not-trigger-pre-emption",
    "pre-emptionVulnerability": "not-pre-emptable",
}
ARP5 = {
    "priorityLevelARP": 8,
    "pre-emptionCapability": "shall-not-trigger-pre-emption",
    "pre-emptionVulnerability": "not-pre-emptable",
}


def ecgi(cell: int) -> dict[str, Any]:
    return {"pLMNidentity": PLMN, "cell-ID": (cell, 28)}


def tai(area: int = 1) -> dict[str, Any]:
    return {"pLMNidentity": PLMN, "tAC": area.to_bytes(2, "big")}


def uli(cell: int, area: int = 1) -> tuple[str, dict[str, Any]]:
    """User Location Information NR."""
    where = {"pLMNIdentity": PLMN, "nRCellIdentity": (cell, 36)}
    return "userLocationInformationNR", {
        "nR-CGI": where, "tAI": {"pLMNIdentity": PLMN, "tAC": area.to_bytes(3, "big")}}  # fmt: skip


def listed(item_id: int, kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A list of S1AP, each item in a container of its own."""
    return [{"id": item_id, "criticality": "reject", "value": (kind, item)} for item in items]


AMBR = {"uEaggregateMaximumBitRateDL": 10**8, "uEaggregateMaximumBitRateUL": 10**7}
CAPABILITIES = {"encryptionAlgorithms": (0, 16), "integrityProtectionAlgorithms": (0, 16)}
CAPABILITIES5 = {
    "nRencryptionAlgorithms": (0, 16), "nRintegrityProtectionAlgorithms": (0, 16),
    "eUTRAencryptionAlgorithms": (0, 16), "eUTRAintegrityProtectionAlgorithms": (0, 16),
}  # fmt: skip
TARGET = (
    "targeteNB-ID",
    {"global-ENB-ID": {"pLMNidentity": PLMN, "eNB-ID": ("macroENB-ID", (2, 20))}, "selected-TAI": tai()},
)
TARGET5 = (
    "targetRANNodeID",
    {
        "globalRANNodeID": ("globalGNB-ID", {"pLMNIdentity": PLMN, "gNB-ID": ("gNB-ID", (2, 24))}),
        "selectedTAI": {"pLMNIdentity": PLMN, "tAC": b"\0\0\1"},
    },
)


def e_rab(ebi: int, core: Endpoint, qci: int = 9, nas: bytes = b"", second: bytes = b"",
          qos: str = "e-RABlevelQoSParameters") -> dict[str, Any]:  # fmt: skip
    where, teid = endpoint(core, second)
    item = {"e-RAB-ID": ebi, qos: {"qCI": qci, "allocationRetentionPriority": ARP},
            "transportLayerAddress": where, "gTP-TEID": teid}  # fmt: skip
    return item | ({"nAS-PDU": nas} if nas else {})


def e_rab_at(ebi: int, ran: Endpoint, second: bytes = b"") -> dict[str, Any]:
    where, teid = endpoint(ran, second)
    return {"e-RAB-ID": ebi, "transportLayerAddress": where, "gTP-TEID": teid}


def tunnel(to: Endpoint, second: bytes = b"") -> tuple[str, dict[str, Any]]:
    where, teid = endpoint(to, second)
    return "gTPTunnel", {"transportLayerAddress": where, "gTP-TEID": teid}


def setup_transfer(core: Endpoint, five_qi: int = 9, second: bytes = b"") -> tuple[str, dict[str, Any]]:
    """PDU Session Resource Setup Request Transfer of one flow."""
    flow = {
        "qosFlowIdentifier": 1,
        "qosFlowLevelQosParameters": {
            "qosCharacteristics": ("nonDynamic5QI", {"fiveQI": five_qi}),
            "allocationAndRetentionPriority": ARP5,
        },
    }
    values = ((139, "UPTransportLayerInformation", tunnel(core, second)), (134, "PDUSessionType", "ipv4"),
              (136, "QosFlowSetupRequestList", [flow]))  # fmt: skip
    fields = [{"id": k, "criticality": "reject", "value": (kind, value)} for k, kind, value in values]
    return "PDUSessionResourceSetupRequestTransfer", {"protocolIEs": fields}


def transfer(name: str, value: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return name, value


FLOWS = [{"qosFlowIdentifier": 1}]


def setup_answer(ran: Endpoint, second: bytes = b"") -> tuple[str, dict[str, Any]]:
    where = {"uPTransportLayerInformation": tunnel(ran, second), "associatedQosFlowList": FLOWS}
    return "PDUSessionResourceSetupResponseTransfer", {"dLQosFlowPerTNLInformation": where}


def nssai(sst: int, sd: int | None = None) -> dict[str, Any]:
    return {"sST": bytes((sst,))} | ({"sD": sd.to_bytes(3, "big")} if sd is not None else {})


class Association:
    """An SCTP association of two nodes: tags and transmission sequence numbers of both sides."""

    def __init__(self, wire: "RanWire", protocol: int, ran: bytes, core: bytes, port: int) -> None:
        self.wire, self.protocol, self.ran, self.core = wire, protocol, ran, core
        self.ports = {ran: port, core: PORT[protocol]}
        self.tags = {ran: 0x10000 + port, core: 0x20000 + port}
        self.tsn = {ran: 1000, core: 5000}
        init = struct.pack("!IIHHI", self.tags[core], 9999, 4, 4, 5000)
        self.send(core, struct.pack("!BBH", 2, 0, 4 + len(init)) + init)

    def send(self, src: bytes, chunks: bytes) -> None:
        dst = self.core if src == self.ran else self.ran
        head = struct.pack("!HHII", self.ports[src], self.ports[dst], self.tags[dst], 0)
        self.wire.put(ip(src, dst, 132, head + chunks))

    def chunk(self, src: bytes, data: bytes) -> bytes:
        self.tsn[src] += 1
        body = struct.pack("!IHHI", self.tsn[src], 1, self.tsn[src] & 0xFFFF, PPID[self.protocol]) + data
        return struct.pack("!BBH", 0, 3, 4 + len(body)) + body + bytes(-len(body) % 4)

    def message(self, src: bytes, code: int, pdu: int, values: dict[int, Any]) -> None:
        self.send(src, self.chunk(src, message(self.protocol, code, pdu, values)))


class RanWire(Wire):
    """As `Wire`, with associations that are made when first used."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.associations: dict[tuple[int, bytes, bytes], Association] = {}

    def between(self, protocol: int, ran: bytes, core: bytes) -> Association:
        key = protocol, ran, core
        if key not in self.associations:
            self.associations[key] = Association(self, protocol, ran, core, 40000 + len(self.associations))
        return self.associations[key]


class Lte:
    """A UE-associated connection of S1AP; `send` takes (code, pdu, {IE id: value}) without the UE ids."""

    def __init__(self, wire: RanWire, enb: bytes = ENB, mme: bytes = MME, enb_id: int = 1, mme_id: int = 100) -> None:
        self.wire, self.enb, self.mme, self.enb_id, self.mme_id = wire, enb, mme, enb_id, mme_id
        self.association = wire.between(S1AP, enb, mme)

    def up(self, code: int, pdu: int, values: dict[int, Any], ids: bool = True) -> None:
        both = {0: self.mme_id, 8: self.enb_id} if ids else {}
        self.association.message(self.enb, code, pdu, both | values)

    def down(self, code: int, pdu: int, values: dict[int, Any], ids: bool = True) -> None:
        both = {0: self.mme_id, 8: self.enb_id} if ids else {}
        self.association.message(self.mme, code, pdu, both | values)

    def initial(self, cell: int, tmsi: int | None = None, why: str = "mo-Data", nas: bytes = b"\x07\x41") -> None:
        values = {8: self.enb_id, 26: nas, 67: tai(), 100: ecgi(cell), 134: why}
        if tmsi is not None:
            values[96] = {"mMEC": b"\x01", "m-TMSI": tmsi.to_bytes(4, "big")}
        self.up(12, 0, values, ids=False)

    def downlink_nas(self) -> None:
        self.down(11, 0, {26: b"\x07\x55\x01"})

    def context_setup(self, *items: dict[str, Any]) -> None:
        self.down(9, 0, {66: AMBR, 24: listed(52, "E-RABToBeSetupItemCtxtSUReq", list(items)), 107: CAPABILITIES,
                         73: (0, 256)})  # fmt: skip

    def context_set_up(self, *items: dict[str, Any], failed: dict[int, tuple[str, str]] | None = None) -> None:
        values: dict[int, Any] = {51: listed(50, "E-RABSetupItemCtxtSURes", list(items))}
        if failed:
            values[48] = self.causes(failed)
        self.up(9, 1, values)

    @staticmethod
    def causes(of: dict[int, tuple[str, str]]) -> list[dict[str, Any]]:
        return listed(35, "E-RABItem", [{"e-RAB-ID": ebi, "cause": why} for ebi, why in of.items()])

    def connect(self, cell: int, core: Endpoint, ran: Endpoint, ebi: int = 5, qci: int = 9, **initial: Any) -> None:
        """Initial UE Message and Initial Context Setup of one E-RAB."""
        self.initial(cell, **initial)
        self.context_setup(e_rab(ebi, core, qci))
        self.context_set_up(e_rab_at(ebi, ran))

    def add(self, *items: dict[str, Any]) -> None:
        self.down(5, 0, {16: listed(17, "E-RABToBeSetupItemBearerSUReq", [{"nAS-PDU": b"\x07"} | i for i in items])})

    def added(self, *items: dict[str, Any], failed: dict[int, tuple[str, str]] | None = None) -> None:
        values: dict[int, Any] = {28: listed(39, "E-RABSetupItemBearerSURes", list(items))} if items else {}
        if failed:
            values[29] = self.causes(failed)
        self.up(5, 1, values)

    def ask_release(self, group: str, name: str) -> None:
        self.up(18, 0, {2: (group, name)})

    def command(self, group: str, name: str) -> None:
        pair = {"mME-UE-S1AP-ID": self.mme_id, "eNB-UE-S1AP-ID": self.enb_id}
        self.down(23, 0, {99: ("uE-S1AP-ID-pair", pair), 2: (group, name)}, ids=False)

    def complete(self) -> None:
        self.up(23, 1, {})

    def release(self, group: str = "radioNetwork", name: str = "user-inactivity", asked: bool = True) -> None:
        if asked:
            self.ask_release(group, name)
        self.command(group, name)
        self.complete()

    # handover, of which this is the source
    def required(self) -> None:
        self.up(0, 0, {1: "intralte", 2: ("radioNetwork", "handover-desirable-for-radio-reason"), 4: TARGET,
                       104: b"\0\0"})  # fmt: skip

    def commanded(self) -> None:
        self.down(0, 1, {1: "intralte", 123: b"\0"})

    def not_prepared(self, group: str, name: str) -> None:
        self.down(0, 2, {2: (group, name)})

    def cancel(self, group: str = "radioNetwork", name: str = "handover-cancelled") -> None:
        self.up(4, 0, {2: (group, name)})
        self.down(4, 1, {})

    # handover, of which this is the target
    def requested(self, *items: dict[str, Any]) -> None:
        self.down(1, 0, {0: self.mme_id, 1: "intralte", 2: ("radioNetwork", "handover-desirable-for-radio-reason"),
                         66: AMBR, 53: listed(27, "E-RABToBeSetupItemHOReq", list(items)), 104: b"\0\0",
                         107: CAPABILITIES, 40: {"nextHopChainingCount": 1, "nextHopParameter": (0, 256)}},
                  ids=False)  # fmt: skip

    def admitted(self, *items: dict[str, Any], failed: dict[int, tuple[str, str]] | None = None) -> None:
        values: dict[int, Any] = {18: listed(20, "E-RABAdmittedItem", list(items)), 123: b"\0"}
        if failed:
            refused = [{"e-RAB-ID": ebi, "cause": why} for ebi, why in failed.items()]
            values[19] = listed(21, "E-RABFailedToSetupItemHOReqAck", refused)
        self.up(1, 1, values)

    def not_admitted(self, group: str, name: str) -> None:
        self.up(1, 2, {0: self.mme_id, 2: (group, name)}, ids=False)

    def notify(self, cell: int) -> None:
        self.up(2, 0, {100: ecgi(cell), 67: tai()})

    def path_switch(self, before: int, cell: int, *items: dict[str, Any]) -> None:
        """`before`: the id of the MME at the source."""
        self.up(3, 0, {8: self.enb_id, 22: listed(23, "E-RABToBeSwitchedDLItem", list(items)), 88: before,
                       100: ecgi(cell), 67: tai(), 107: CAPABILITIES}, ids=False)  # fmt: skip

    def switched(self, *items: dict[str, Any]) -> None:
        values: dict[int, Any] = {40: {"nextHopChainingCount": 1, "nextHopParameter": (0, 256)}}
        if items:
            values[95] = listed(94, "E-RABToBeSwitchedULItem", list(items))
        self.down(3, 1, values)


class Nr:
    """A UE-associated connection of NGAP, as `Lte`."""

    def __init__(self, wire: RanWire, gnb: bytes = ENB, amf: bytes = MME, gnb_id: int = 1, amf_id: int = 100) -> None:
        self.wire, self.gnb, self.amf, self.gnb_id, self.amf_id = wire, gnb, amf, gnb_id, amf_id
        self.association = wire.between(NGAP, gnb, amf)

    def up(self, code: int, pdu: int, values: dict[int, Any], ids: bool = True) -> None:
        both = {10: self.amf_id, 85: self.gnb_id} if ids else {}
        self.association.message(self.gnb, code, pdu, both | values)

    def down(self, code: int, pdu: int, values: dict[int, Any], ids: bool = True) -> None:
        both = {10: self.amf_id, 85: self.gnb_id} if ids else {}
        self.association.message(self.amf, code, pdu, both | values)

    def initial(self, cell: int, tmsi: int | None = None, why: str = "mo-Data") -> None:
        values = {85: self.gnb_id, 38: b"\x7e\x00\x41", 121: uli(cell), 90: why}
        if tmsi is not None:
            values[26] = {"aMFSetID": (1, 10), "aMFPointer": (0, 6), "fiveG-TMSI": tmsi.to_bytes(4, "big")}
        self.up(15, 0, values, ids=False)

    def downlink_nas(self) -> None:
        self.down(4, 0, {38: b"\x7e\x00\x56"})

    def context_setup(self, *items: dict[str, Any]) -> None:
        values: dict[int, Any] = {
            28: {"pLMNIdentity": PLMN, "aMFRegionID": (1, 8), "aMFSetID": (1, 10), "aMFPointer": (0, 6)},
            0: [{"s-NSSAI": nssai(1)}], 119: CAPABILITIES5, 94: (0, 256),
        }  # fmt: skip
        if items:
            values[71] = list(items)
            values[110] = {"uEAggregateMaximumBitRateDL": 1, "uEAggregateMaximumBitRateUL": 1}
        self.down(14, 0, values)

    def context_set_up(self, *items: dict[str, Any]) -> None:
        self.up(14, 1, {72: list(items)} if items else {})

    @staticmethod
    def session(psi: int, core: Endpoint, sst: int = 1, sd: int | None = None, five_qi: int = 9,
                second: bytes = b"") -> dict[str, Any]:  # fmt: skip
        return {"pDUSessionID": psi, "pDUSessionNAS-PDU": b"\x7e\x02", "s-NSSAI": nssai(sst, sd),
                "pDUSessionResourceSetupRequestTransfer": setup_transfer(core, five_qi, second)}  # fmt: skip

    def set_up(self, *items: dict[str, Any]) -> None:
        self.down(29, 0, {74: list(items)})

    @staticmethod
    def session_at(psi: int, ran: Endpoint, second: bytes = b"") -> dict[str, Any]:
        return {"pDUSessionID": psi, "pDUSessionResourceSetupResponseTransfer": setup_answer(ran, second)}

    def has_set_up(self, *items: dict[str, Any], failed: dict[int, tuple[str, str]] | None = None) -> None:
        values: dict[int, Any] = {75: list(items)} if items else {}
        if failed:
            values[58] = [
                {"pDUSessionID": psi, "pDUSessionResourceSetupUnsuccessfulTransfer":
                 ("PDUSessionResourceSetupUnsuccessfulTransfer", {"cause": why})} for psi, why in failed.items()
            ]  # fmt: skip
        self.up(29, 1, values)

    def connect(self, cell: int, core: Endpoint, ran: Endpoint, psi: int = 1, **session: Any) -> None:
        """Initial UE Message, Initial Context Setup, and a PDU session."""
        self.initial(cell)
        self.context_setup()
        self.context_set_up()
        self.set_up(self.session(psi, core, **session))
        self.has_set_up(self.session_at(psi, ran))

    def release_session(self, psi: int, group: str, name: str, nas: bool = True) -> None:
        item = {"pDUSessionID": psi, "pDUSessionResourceReleaseCommandTransfer":
                ("PDUSessionResourceReleaseCommandTransfer", {"cause": (group, name)})}  # fmt: skip
        self.down(28, 0, ({38: b"\x7e\x02"} if nas else {}) | {79: [item]})
        answer = {"pDUSessionID": psi, "pDUSessionResourceReleaseResponseTransfer":
                  ("PDUSessionResourceReleaseResponseTransfer", {})}  # fmt: skip
        self.up(28, 1, {70: [answer]})

    def notify_released(self, psi: int, group: str, name: str) -> None:
        item = {"pDUSessionID": psi, "pDUSessionResourceNotifyReleasedTransfer":
                ("PDUSessionResourceNotifyReleasedTransfer", {"cause": (group, name)})}  # fmt: skip
        self.up(30, 0, {67: [item]})

    def ask_release(self, group: str, name: str) -> None:
        self.up(42, 0, {15: (group, name)})

    def command(self, group: str, name: str) -> None:
        pair = {"aMF-UE-NGAP-ID": self.amf_id, "rAN-UE-NGAP-ID": self.gnb_id}
        self.down(41, 0, {114: ("uE-NGAP-ID-pair", pair), 15: (group, name)}, ids=False)

    def complete(self) -> None:
        self.up(41, 1, {})

    def release(self, group: str = "radioNetwork", name: str = "user-inactivity", asked: bool = True) -> None:
        if asked:
            self.ask_release(group, name)
        self.command(group, name)
        self.complete()

    def path_switch(self, before: int, cell: int, *items: tuple[int, Endpoint]) -> None:
        listed = [
            {"pDUSessionID": psi, "pathSwitchRequestTransfer": ("PathSwitchRequestTransfer", {
                "dL-NGU-UP-TNLInformation": tunnel(ran), "qosFlowAcceptedList": [{"qosFlowIdentifier": 1}]})}
            for psi, ran in items
        ]  # fmt: skip
        self.up(25, 0, {85: self.gnb_id, 100: before, 121: uli(cell), 119: CAPABILITIES5, 76: listed}, ids=False)

    def switched(self, *items: tuple[int, Endpoint | None]) -> None:
        listed = [
            {"pDUSessionID": psi, "pathSwitchRequestAcknowledgeTransfer": ("PathSwitchRequestAcknowledgeTransfer",
             {"uL-NGU-UP-TNLInformation": tunnel(core)} if core else {})} for psi, core in items
        ]  # fmt: skip
        self.down(25, 1, {77: listed, 93: {"nextHopChainingCount": 1, "nextHopNH": (0, 256)}, 0: [{"s-NSSAI": nssai(1)}]})

    def required(self, *psis: int) -> None:
        listed = [{"pDUSessionID": psi, "handoverRequiredTransfer": ("HandoverRequiredTransfer", {})} for psi in psis]
        self.up(12, 0, {29: "intra5gs", 15: ("radioNetwork", "handover-desirable-for-radio-reason"), 105: TARGET5,
                        61: listed, 101: b"\0\0"})  # fmt: skip

    def requested(self, *items: tuple[int, Endpoint]) -> None:
        listed = [
            {"pDUSessionID": psi, "s-NSSAI": nssai(1), "handoverRequestTransfer": setup_transfer(core)}
            for psi, core in items
        ]
        self.down(13, 0, {
            10: self.amf_id, 29: "intra5gs", 15: ("radioNetwork", "handover-desirable-for-radio-reason"),
            110: {"uEAggregateMaximumBitRateDL": 1, "uEAggregateMaximumBitRateUL": 1}, 119: CAPABILITIES5,
            93: {"nextHopChainingCount": 1, "nextHopNH": (0, 256)}, 73: listed, 0: [{"s-NSSAI": nssai(1)}],
            101: b"\0\0",
            28: {"pLMNIdentity": PLMN, "aMFRegionID": (1, 8), "aMFSetID": (1, 10), "aMFPointer": (0, 6)},
        }, ids=False)  # fmt: skip

    def admitted(self, *items: tuple[int, Endpoint]) -> None:
        listed = [
            {"pDUSessionID": psi, "handoverRequestAcknowledgeTransfer": ("HandoverRequestAcknowledgeTransfer", {
                "dL-NGU-UP-TNLInformation": tunnel(ran), "qosFlowSetupResponseList": [{"qosFlowIdentifier": 1}]})}
            for psi, ran in items
        ]  # fmt: skip
        self.up(13, 1, {53: listed, 106: b"\0"})

    def commanded(self) -> None:
        self.down(12, 1, {29: "intra5gs", 106: b"\0"})

    def notify(self, cell: int) -> None:
        self.up(11, 0, {121: uli(cell)})
