"""Conversations of S1AP and NGAP that carry NAS, as frames of a capture: what pycrate encodes, in SCTP."""

import struct
from pathlib import Path
from typing import Any, Self

from tests import pipeline_tools as tools
from tests.ran_messages import encoded, modules
from tests.test_invariance import write_pcap
from tests.test_sctp import chunk
from tools.scenario.encode_ip import ip

SECOND, MS = 10**9, 10**6
START = 1_767_225_600 * SECOND
ETHERNET = bytes((2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0))
RAN, CORE, GATEWAY = bytes((10, 1, 0, 1)), bytes((10, 2, 0, 1)), bytes((10, 3, 0, 1))
PLMN = bytes.fromhex("02f839")  # 208-93
S1AP, NGAP = 1, 2
PPID = {S1AP: 18, NGAP: 60}
PORT = {S1AP: 36412, NGAP: 38412}
INITIATING, SUCCESSFUL, UNSUCCESSFUL = 0, 1, 2
UP, DOWN = 0, 1

Field = tuple[int, str, Any]


def fields(*rows: Field) -> dict[str, list[dict[str, Any]]]:
    return {"protocolIEs": [{"id": i, "criticality": "reject", "value": (name, value)} for i, name, value in rows]}


def transfer(name: str, value: Any) -> bytes:
    """An NGAP type that another carries as octets."""
    kind = getattr(modules(NGAP)[2], name)
    kind.set_val(value)
    return bytes(kind.to_aper())


class Wire:
    """Messages of one device after another, each `MS` after the one before unless told otherwise."""

    def __init__(self, folder: Path, protocol: int) -> None:
        self.folder, self.protocol, self.now = folder, protocol, START + SECOND
        self.frames: list[tuple[int, bytes]] = []
        self.gateway = GATEWAY
        self.tsn = [1000, 2000]

    def wait(self, seconds: float) -> Self:
        self.now += int(seconds * SECOND)
        return self

    def put(self, way: int, octets: bytes) -> int:
        """One user message; when."""
        self.now += MS
        ends = ((RAN, 40000, 0x11), (CORE, PORT[self.protocol], 0x22))
        (src, port, _), (dst, other, tag) = ends[way], ends[1 - way]
        body = struct.pack("!IHHI", self.tsn[way], 1, self.tsn[way] & 0xFFFF, PPID[self.protocol]) + octets
        self.tsn[way] += 1
        data = struct.pack("!HHII", port, other, tag, 0) + chunk(0, 3, body)
        self.frames.append((self.now, ETHERNET + ip(src, dst, 132, data)))
        return self.now

    def send(self, way: int, code: int, pdu: int, name: str, *rows: Field) -> int:
        return self.put(way, encoded(self.protocol, code, pdu, name, fields(*rows)))

    def run(self, **options: Any) -> tools.Run:
        return tools.run([write_pcap(self.folder / "made.pcap", self.frames)], **{"window_s": 900, **options})

    def write(self, out: Path) -> None:
        """xDR tables."""
        tools.write([write_pcap(self.folder / "made.pcap", self.frames)], out, window_s=900)


class S1(Wire):
    """S1-MME: one device at a time, `enb` and `mme` are its ids."""

    def __init__(self, folder: Path, cell: int = 0x101) -> None:
        super().__init__(folder, S1AP)
        self.cell, self.enb, self.mme = cell, 0, 100

    def _ids(self) -> tuple[Field, Field]:
        return (0, "MME-UE-S1AP-ID", self.mme), (8, "ENB-UE-S1AP-ID", self.enb)

    def _where(self) -> tuple[Field, Field]:
        cell = {"pLMNidentity": PLMN, "cell-ID": (self.cell, 28)}
        return (100, "EUTRAN-CGI", cell), (67, "TAI", {"pLMNidentity": PLMN, "tAC": b"\0\1"})

    def begin(self, nas: bytes, s_tmsi: tuple[int, int] | None = None) -> int:
        """Initial UE Message of a new connection."""
        self.enb, self.mme = self.enb + 1, self.mme + 1
        cell, area = self._where()
        rows = [(8, "ENB-UE-S1AP-ID", self.enb), (26, "NAS-PDU", nas), area, cell]
        rows.append((134, "RRC-Establishment-Cause", "mo-Signalling"))
        if s_tmsi:
            told = {"mMEC": bytes([s_tmsi[0]]), "m-TMSI": s_tmsi[1].to_bytes(4, "big")}
            rows.append((96, "S-TMSI", told))
        return self.send(UP, 12, INITIATING, "InitialUEMessage", *rows)

    def up(self, nas: bytes) -> int:
        return self.send(UP, 13, INITIATING, "UplinkNASTransport", *self._ids(), (26, "NAS-PDU", nas), *self._where())

    def down(self, nas: bytes) -> int:
        return self.send(DOWN, 11, INITIATING, "DownlinkNASTransport", *self._ids(), (26, "NAS-PDU", nas))

    def returned(self, nas: bytes) -> int:
        """NAS Non Delivery Indication."""
        cause = (2, "Cause", ("radioNetwork", "x2-handover-triggered"))
        name = "NASNonDeliveryIndication"
        return self.send(UP, 16, INITIATING, name, *self._ids(), (26, "NAS-PDU", nas), cause)

    def set_up(self, nas: bytes | None = None, teid: int = 0x301) -> int:
        """Initial Context Setup Request."""
        qos = {"qCI": 9, "allocationRetentionPriority": {
            "priorityLevel": 8, "pre-emptionCapability": "shall-not-trigger-pre-emption",
            "pre-emptionVulnerability": "not-pre-emptable"}}  # fmt: skip
        bearer = {"e-RAB-ID": 5, "e-RABlevelQoSParameters": qos, "transportLayerAddress": (_number(self.gateway), 32),
                  "gTP-TEID": teid.to_bytes(4, "big")}  # fmt: skip
        if nas is not None:
            bearer["nAS-PDU"] = nas
        rates = "uEaggregateMaximumBitRateDL", "uEaggregateMaximumBitRateUL"
        algorithms = "encryptionAlgorithms", "integrityProtectionAlgorithms"
        item = {"id": 52, "criticality": "reject", "value": ("E-RABToBeSetupItemCtxtSUReq", bearer)}
        return self.send(
            DOWN, 9, INITIATING, "InitialContextSetupRequest", *self._ids(),
            (66, "UEAggregateMaximumBitrate", dict.fromkeys(rates, 1000)),
            (24, "E-RABToBeSetupListCtxtSUReq", [item]),
            (107, "UESecurityCapabilities", dict.fromkeys(algorithms, (0, 16))),
            (73, "SecurityKey", (0, 256)),
        )  # fmt: skip

    def is_set_up(self, teid: int = 0x401) -> int:
        bearer = {"e-RAB-ID": 5, "transportLayerAddress": (_number(RAN), 32), "gTP-TEID": teid.to_bytes(4, "big")}
        item = {"id": 50, "criticality": "ignore", "value": ("E-RABSetupItemCtxtSURes", bearer)}
        rows = (*self._ids(), (51, "E-RABSetupListCtxtSURes", [item]))
        return self.send(UP, 9, SUCCESSFUL, "InitialContextSetupResponse", *rows)

    def not_set_up(self, cause: tuple[str, str]) -> int:
        return self.send(UP, 9, UNSUCCESSFUL, "InitialContextSetupFailure", *self._ids(), (2, "Cause", cause))

    def ask_release(self, cause: tuple[str, str]) -> int:
        return self.send(UP, 18, INITIATING, "UEContextReleaseRequest", *self._ids(), (2, "Cause", cause))

    def release(self, cause: tuple[str, str] = ("nas", "normal-release")) -> int:
        """UE Context Release, command and completion; when the command was seen."""
        pair = ("uE-S1AP-ID-pair", {"mME-UE-S1AP-ID": self.mme, "eNB-UE-S1AP-ID": self.enb})
        at = self.send(DOWN, 23, INITIATING, "UEContextReleaseCommand", (99, "UE-S1AP-IDs", pair), (2, "Cause", cause))
        self.send(UP, 23, SUCCESSFUL, "UEContextReleaseComplete", *self._ids())
        return at


class N2(Wire):
    """N2: one device at a time, `ran` and `amf` are its ids."""

    def __init__(self, folder: Path, cell: int = 0x101) -> None:
        super().__init__(folder, NGAP)
        self.cell, self.ran, self.amf = cell, 0, 100

    def _ids(self) -> tuple[Field, Field]:
        return (10, "AMF-UE-NGAP-ID", self.amf), (85, "RAN-UE-NGAP-ID", self.ran)

    def _where(self) -> Field:
        cell = {"pLMNIdentity": PLMN, "nRCellIdentity": (self.cell, 36)}
        where = {"nR-CGI": cell, "tAI": {"pLMNIdentity": PLMN, "tAC": b"\0\0\1"}}
        return 121, "UserLocationInformation", ("userLocationInformationNR", where)

    def begin(self, nas: bytes, s_tmsi: tuple[int, int, int] | None = None) -> int:
        """Initial UE Message of a new connection; `s_tmsi`: AMF set, pointer, 5G-TMSI."""
        self.ran, self.amf = self.ran + 1, self.amf + 1
        rows = [(85, "RAN-UE-NGAP-ID", self.ran), (38, "NAS-PDU", nas), self._where()]
        rows.append((90, "RRCEstablishmentCause", "mo-Signalling"))
        if s_tmsi:
            told = {"aMFSetID": (s_tmsi[0], 10), "aMFPointer": (s_tmsi[1], 6), "fiveG-TMSI": _octets(s_tmsi[2])}
            rows.append((26, "FiveG-S-TMSI", told))
        return self.send(UP, 15, INITIATING, "InitialUEMessage", *rows)

    def up(self, nas: bytes) -> int:
        return self.send(UP, 46, INITIATING, "UplinkNASTransport", *self._ids(), (38, "NAS-PDU", nas), self._where())

    def down(self, nas: bytes) -> int:
        return self.send(DOWN, 4, INITIATING, "DownlinkNASTransport", *self._ids(), (38, "NAS-PDU", nas))

    def set_up(self, nas: bytes | None = None) -> int:
        """Initial Context Setup Request."""
        guami = {"pLMNIdentity": PLMN, "aMFRegionID": (1, 8), "aMFSetID": (1, 10), "aMFPointer": (0, 6)}
        algorithms = ("nRencryptionAlgorithms", "nRintegrityProtectionAlgorithms", "eUTRAencryptionAlgorithms",
                      "eUTRAintegrityProtectionAlgorithms")  # fmt: skip
        rows = [(28, "GUAMI", guami), (0, "AllowedNSSAI", [{"s-NSSAI": {"sST": b"\1"}}]),
                (119, "UESecurityCapabilities", dict.fromkeys(algorithms, (0, 16))),
                (94, "SecurityKey", (0, 256))]  # fmt: skip
        rows += [(38, "NAS-PDU", nas)] if nas else []
        return self.send(DOWN, 14, INITIATING, "InitialContextSetupRequest", *self._ids(), *rows)

    def is_set_up(self) -> int:
        return self.send(UP, 14, SUCCESSFUL, "InitialContextSetupResponse", *self._ids())

    def session(self, identity: int, nas: bytes | None, sst: int = 1, sd: int | None = None, teid: int = 0x501) -> int:
        """PDU Session Resource Setup Request."""
        tunnel = {"transportLayerAddress": (_number(self.gateway), 32), "gTP-TEID": _octets(teid)}
        flow = {"qosFlowIdentifier": 1, "qosFlowLevelQosParameters": {
            "qosCharacteristics": ("nonDynamic5QI", {"fiveQI": 9}),
            "allocationAndRetentionPriority": {
                "priorityLevelARP": 8, "pre-emptionCapability": "shall-not-trigger-pre-emption",
                "pre-emptionVulnerability": "not-pre-emptable"}}}  # fmt: skip
        asked = transfer("PDUSessionResourceSetupRequestTransfer", fields(
            (139, "UPTransportLayerInformation", ("gTPTunnel", tunnel)), (134, "PDUSessionType", "ipv4"),
            (136, "QosFlowSetupRequestList", [flow])))  # fmt: skip
        slice_ = {"sST": bytes([sst])} | ({"sD": sd.to_bytes(3, "big")} if sd is not None else {})
        item = {"pDUSessionID": identity, "s-NSSAI": slice_, "pDUSessionResourceSetupRequestTransfer": asked}
        if nas is not None:
            item["pDUSessionNAS-PDU"] = nas
        rows = (*self._ids(), (74, "PDUSessionResourceSetupListSUReq", [item]))
        return self.send(DOWN, 29, INITIATING, "PDUSessionResourceSetupRequest", *rows)

    def session_is_set_up(self, identity: int, teid: int = 0x601) -> int:
        tunnel = ("gTPTunnel", {"transportLayerAddress": (_number(RAN), 32), "gTP-TEID": _octets(teid)})
        given = transfer("PDUSessionResourceSetupResponseTransfer", {"dLQosFlowPerTNLInformation": {
            "uPTransportLayerInformation": tunnel, "associatedQosFlowList": [{"qosFlowIdentifier": 1}]}})  # fmt: skip
        item = {"pDUSessionID": identity, "pDUSessionResourceSetupResponseTransfer": given}
        rows = (*self._ids(), (75, "PDUSessionResourceSetupListSURes", [item]))
        return self.send(UP, 29, SUCCESSFUL, "PDUSessionResourceSetupResponse", *rows)

    def session_failed(self, identity: int, cause: tuple[str, str]) -> int:
        refused = transfer("PDUSessionResourceSetupUnsuccessfulTransfer", {"cause": cause})
        item = {"pDUSessionID": identity, "pDUSessionResourceSetupUnsuccessfulTransfer": refused}
        rows = (*self._ids(), (58, "PDUSessionResourceFailedToSetupListSURes", [item]))
        return self.send(UP, 29, SUCCESSFUL, "PDUSessionResourceSetupResponse", *rows)

    def release(self, cause: tuple[str, str] = ("nas", "normal-release")) -> int:
        pair = ("uE-NGAP-ID-pair", {"aMF-UE-NGAP-ID": self.amf, "rAN-UE-NGAP-ID": self.ran})
        rows = (114, "UE-NGAP-IDs", pair), (15, "Cause", cause)
        at = self.send(DOWN, 41, INITIATING, "UEContextReleaseCommand", *rows)
        self.send(UP, 41, SUCCESSFUL, "UEContextReleaseComplete", *self._ids())
        return at


def _octets(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _number(address: bytes) -> int:
    return int.from_bytes(address, "big")
