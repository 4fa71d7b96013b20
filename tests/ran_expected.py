"""What an S1AP or NGAP message should tell, from the value that pycrate encoded: the twin of `tests.ran_rows_told`.

It follows the names of the ASN.1, not numbers and not octets.
"""

import ipaddress
from typing import Any

from tests.ran_names import BEARER_LISTS, CELLS, FLOW_LISTS, GROUPS, NODES, SESSION_TYPES, TRANSFER_TUNNELS

Row = dict[str, Any]

REDUNDANT = (186, 195)
"""Tunnels of redundant transmission, which are not read."""
EPS_NODES = {
    "macroNgENB-ID": "macroENB-ID",
    "shortMacroNgENB-ID": "short-macroENB-ID",
    "longMacroNgENB-ID": "long-macroENB-ID",
}


def plmn_text(octets: bytes) -> str:
    """As MCC-MNC where the nibbles are digits; 0xF is a filler wherever it stands."""
    nibbles = [n for o in octets for n in (o & 15, o >> 4)]
    mcc, mnc = nibbles[0:3], [nibbles[4], nibbles[5], nibbles[3]]
    text = "".join(f"{n:x}" for n in [*mcc, *mnc]).replace("f", "")
    return f"{text[:3]}-{text[3:]}"


def cell_text(kind: str, network: bytes, identity: int) -> str:
    return f"{CELLS[kind]}:{plmn_text(network)}-{identity}"


def cgi(value: Row) -> str:
    if "nRCellIdentity" in value:
        return cell_text("NCGI", value["pLMNIdentity"], value["nRCellIdentity"][0])
    if "eUTRACellIdentity" in value:
        return cell_text("ECGI", value["pLMNIdentity"], value["eUTRACellIdentity"][0])
    return cell_text("ECGI", value["pLMNidentity"], value["cell-ID"][0])


def tai(value: Row) -> str:
    code = next(value[name] for name in ("tAC", "fiveGSTAC", "ePS-TAC") if name in value)
    network = value.get("pLMNidentity", value.get("pLMNIdentity"))
    return cell_text("TAI", network, int.from_bytes(code, "big"))


def addresses(value: tuple[int, int]) -> tuple[str, ...]:
    number, length = value
    if length == 32:
        return (str(ipaddress.IPv4Address(number)),)
    if length == 128:
        return (str(ipaddress.IPv6Address(number)),)
    return str(ipaddress.IPv4Address(number >> 128)), str(ipaddress.IPv6Address(number & (1 << 128) - 1))


def endpoint(address: tuple[int, int], teid: bytes) -> Row:
    return {"address": addresses(address), "teid": int.from_bytes(teid, "big")}


class Expected:
    """Gathers what one message tells; `index_of` gives the place of a name in an ENUMERATED."""

    def __init__(self, protocol: int, module: Any) -> None:
        self.protocol, self.module = protocol, module
        self.found: Row = {"protocol": protocol}
        self.bearers: list[Row] = []
        self.nas: list[tuple[bytes, int]] = []
        self.connections: list[tuple[int, int]] = []

    def message(self, pdu: int, procedure: int, fields: list[Row], names: dict[int, str]) -> Row:
        self.found |= {"procedure": procedure, "pdu": pdu, "damage": 0}
        for field in fields:
            self.element(names[field["id"]], *field["value"])
        return {**self.found, "bearers": self.bearers, "nas": self.nas, "connections": self.connections}

    def first(self, name: str, value: Any) -> None:
        self.found.setdefault(name, value)

    def index(self, kind: str, name: str) -> int:
        told = getattr(self.module, kind.replace("-", "_"))
        return [*told._root, *(told._ext or [])].index(name)

    def cause(self, value: tuple[str, Any]) -> Row:
        group, name = value
        if group not in GROUPS:
            return {}
        return {"cause": (GROUPS.index(group), self.index(f"Cause{group[0].upper()}{group[1:]}", name))}

    # ------------------------------------------------------------------ elements

    def element(self, name: str, kind: str, value: Any) -> None:
        handler = getattr(self, "on_" + kind.replace("-", "_").lower(), None)
        if name in BEARER_LISTS:
            self.bearer_list(name, value)
        elif handler is not None:
            handler(name, value)

    def on_mme_ue_s1ap_id(self, name: str, value: int) -> None:
        self.first("core_ue_id" if name == "MME-UE-S1AP-ID" else "other_core_ue_id", value)

    def on_amf_ue_ngap_id(self, name: str, value: int) -> None:
        self.first("core_ue_id" if name == "AMF-UE-NGAP-ID" else "other_core_ue_id", value)

    def on_enb_ue_s1ap_id(self, name: str, value: int) -> None:
        self.first("ran_ue_id", value)

    def on_ran_ue_ngap_id(self, name: str, value: int) -> None:
        self.first("ran_ue_id", value)

    def on_ue_s1ap_ids(self, name: str, value: tuple[str, Any]) -> None:
        pair = value[1] if value[0].endswith("pair") else {"mME-UE-S1AP-ID": value[1]}
        self.ue_ids(pair)

    def on_ue_ngap_ids(self, name: str, value: tuple[str, Any]) -> None:
        if value[0] != "choice-Extensions":
            self.ue_ids(value[1] if value[0].endswith("pair") else {"aMF-UE-NGAP-ID": value[1]})

    def ue_ids(self, pair: Row) -> None:
        for member, field in (
            ("mME-UE-S1AP-ID", "core_ue_id"),
            ("eNB-UE-S1AP-ID", "ran_ue_id"),
            ("aMF-UE-NGAP-ID", "core_ue_id"),
            ("rAN-UE-NGAP-ID", "ran_ue_id"),
        ):
            if member in pair:
                self.found[field] = pair[member]

    def on_cause(self, name: str, value: Any) -> None:
        if name == "Cause" and "cause" not in self.found:
            self.found |= self.cause(value)

    def on_nas_pdu(self, name: str, value: bytes) -> None:
        if name == "NAS-PDU":
            self.nas.append((value, -1))

    def on_eutran_cgi(self, name: str, value: Row) -> None:
        self.first("cell", cgi(value))

    def on_eutra_cgi(self, name: str, value: Row) -> None:
        self.first("cell", cgi(value))

    def on_ngran_cgi(self, name: str, value: tuple[str, Any]) -> None:
        if value[0] != "choice-Extensions":
            self.first("cell", cgi(value[1]))

    def on_tai(self, name: str, value: Row) -> None:
        if self.protocol == 1:
            self.first("area", tai(value))

    def on_userlocationinformation(self, name: str, value: Any) -> None:
        if name != "UserLocationInformation":
            return
        if self.protocol == 1:
            self.first("cell", cgi(value["eutran-cgi"]))
            self.first("area", tai(value["tai"]))
        elif value[0] in ("userLocationInformationEUTRA", "userLocationInformationNR"):
            self.first("cell", cgi(value[1]["nR-CGI" if "nR-CGI" in value[1] else "eUTRA-CGI"]))
            self.first("area", tai(value[1]["tAI"]))

    def on_ueaggregatemaximumbitrate(self, name: str, value: Row) -> None:
        rates = {key[-2:]: rate for key, rate in value.items() if key != "iE-Extensions"}
        for extension in value.get("iE-Extensions", []):
            rates[{259: "DL", 260: "UL"}[extension["id"]]] = extension["extensionValue"][1]
        self.found |= {"ambr_down_bps": rates["DL"], "ambr_up_bps": rates["UL"]}

    def on_rrc_establishment_cause(self, name: str, value: str) -> None:
        if name == "RRC-Establishment-Cause":
            self.found["establishment_cause"] = self.index("RRC-Establishment-Cause", value)

    def on_rrcestablishmentcause(self, name: str, value: str) -> None:
        if name == "RRCEstablishmentCause":
            self.found["establishment_cause"] = self.index("RRCEstablishmentCause", value)

    def on_rrcstate(self, name: str, value: str) -> None:
        self.found["rrc_state"] = self.index("RRCState", value)

    def on_handovertype(self, name: str, value: str) -> None:
        self.found["handover_type"] = self.index("HandoverType", value)

    def on_s_tmsi(self, name: str, value: Row) -> None:
        self.first("s_tmsi", int.from_bytes(value["mMEC"] + value["m-TMSI"], "big"))

    def on_fiveg_s_tmsi(self, name: str, value: Row) -> None:
        node = value["aMFSetID"][0] << 6 | value["aMFPointer"][0]
        self.first("s_tmsi", node << 32 | int.from_bytes(value["fiveG-TMSI"], "big"))

    def on_gummei(self, name: str, value: Row) -> None:
        octets = value["pLMN-Identity"], value["mME-Group-ID"] + value["mME-Code"]
        self.first("core_node", core_node(octets[0], int.from_bytes(octets[1], "big")))

    def on_guami(self, name: str, value: Row) -> None:
        if name in ("GUAMI", "NewGUAMI"):
            self.first("core_node", guami(value))

    def on_servedguamilist(self, name: str, value: list[Row]) -> None:
        self.first("core_node", guami(value[0]["gUAMI"]))

    def on_servedgummeis(self, name: str, value: list[Row]) -> None:
        first = value[0]
        identity = int.from_bytes(first["servedGroupIDs"][0] + first["servedMMECs"][0], "big")
        self.found["core_node"] = core_node(first["servedPLMNs"][0], identity)

    def on_uepagingid(self, name: str, value: tuple[str, Any]) -> None:
        if value[0] == "s-TMSI":
            self.on_s_tmsi(name, value[1])
        else:
            digits = "".join(f"{n:x}" for o in value[1] for n in (o & 15, o >> 4))
            stop = next((k for k, d in enumerate(digits) if d > "9"), len(digits))
            if stop:
                self.found["imsi"] = digits[:stop]

    def on_uepagingidentity(self, name: str, value: tuple[str, Any]) -> None:
        if value[0] == "fiveG-S-TMSI":
            self.on_fiveg_s_tmsi(name, value[1])

    def on_tailist(self, name: str, value: list[Row]) -> None:
        self.first("area", tai(value[0]["value"][1]["tAI"]))

    def on_tailistforpaging(self, name: str, value: list[Row]) -> None:
        self.first("area", tai(value[0]["tAI"]))

    def on_supportedtas(self, name: str, value: list[Row]) -> None:
        self.first("area", tai({"tAC": value[0]["tAC"], "pLMNidentity": value[0]["broadcastPLMNs"][0]}))

    def on_supportedtalist(self, name: str, value: list[Row]) -> None:
        network = value[0]["broadcastPLMNList"][0]["pLMNIdentity"]
        self.first("area", tai({"tAC": value[0]["tAC"], "pLMNidentity": network}))

    def node(self, field: str, value: Any) -> None:
        if text := node_text(value):
            self.found[field] = text

    def on_global_enb_id(self, name: str, value: Row) -> None:
        self.node("node", value)

    def on_globalrannodeid(self, name: str, value: tuple[str, Row]) -> None:
        self.node("node", value[1])

    def on_targetid(self, name: str, value: tuple[str, Row]) -> None:
        kind, target = value
        if kind == "choice-Extensions":
            return
        if kind == "cGI":
            identity = int.from_bytes(target["lAC"] + target["cI"], "big")
            self.found["target_cell"] = cell_text("CGI", target["pLMNidentity"], identity)
        elif kind == "targetRNC-ID":
            rnc = target.get("extendedRNC-ID", target["rNC-ID"])
            identity = int.from_bytes(target["lAI"]["lAC"], "big") << 16 | rnc
            self.found["target_node"] = f"{NODES['RNC']}:{plmn_text(target['lAI']['pLMNidentity'])}-{identity}"
        else:
            self.target_node(kind, target)

    def target_node(self, kind: str, target: Row) -> None:
        names = ("global-ENB-ID", "globalENB-ID", "globalRANNodeID", "global-RAN-NODE-ID")
        node = next(target[n] for n in names if n in target)
        while isinstance(node, tuple):
            node = node[1]
        node = node.get("global-gNB-ID", node.get("global-ng-eNB-ID", node))
        if kind == "targeteNB-ID" and "ngENB-ID" in node:  # an eNB of EPS in the form of an ng-eNB
            alternative, told = node["ngENB-ID"]
            node = {**node, "eNB-ID": (EPS_NODES.get(alternative, alternative), told)}
        self.node("target_node", node)
        area = next(target[n] for n in ("selected-TAI", "selectedTAI", "selected-EPS-TAI") if n in target)
        self.found["target_area"] = tai(area)

    def on_source_totarget_transparentcontainer(self, name: str, value: bytes) -> None:
        self.container(self.module.SourceeNB_ToTargeteNB_TransparentContainer, value)

    def on_sourcetotarget_transparentcontainer(self, name: str, value: bytes) -> None:
        self.container(self.module.SourceNGRANNode_ToTargetNGRANNode_TransparentContainer, value)

    def container(self, kind: Any, octets: bytes) -> None:
        """Cells between which a handover within the system goes; what is no container tells none."""
        if self.found["handover_type"] != 0:
            return
        try:
            kind.from_aper(octets)
        except Exception:  # pycrate raises what comes
            return
        told = kind.get_val()
        history = told.get("uE-HistoryInformation", told.get("uEHistoryInformation"))[0]
        self.told_cell("target_cell", told["targetCell-ID"])
        if self.protocol == 1 and history[0] == "e-UTRAN-Cell":
            self.told_cell("source_cell", history[1]["global-Cell-ID"])
        elif self.protocol == 2 and history["lastVisitedCellInformation"][0] == "nGRANCell":
            self.told_cell("source_cell", history["lastVisitedCellInformation"][1]["globalCellID"])

    def told_cell(self, field: str, value: Any) -> None:
        self.first(field, cgi(value[1] if isinstance(value, tuple) else value))

    def on_resettype(self, name: str, value: tuple[str, Any]) -> None:
        if value[0] == "choice-Extensions":
            return
        part = value[0].startswith("partOf")
        self.found["reset_type"] = int(part)
        if part:
            self.connection_list(value[1])

    def on_ue_associatedlogicals1_connectionlistresack(self, name: str, value: list[Row]) -> None:
        self.connection_list(value)

    def on_ue_associatedlogicalng_connectionlist(self, name: str, value: list[Row]) -> None:
        self.connection_list(value)

    def connection_list(self, items: list[Row]) -> None:
        for told in items:
            item = told["value"][1] if "value" in told else told
            core = item.get("mME-UE-S1AP-ID", item.get("aMF-UE-NGAP-ID", -1))
            self.connections.append((core, item.get("eNB-UE-S1AP-ID", item.get("rAN-UE-NGAP-ID", -1))))

    # ------------------------------------------------------------------ bearers

    def bearer_list(self, name: str, items: list[Row]) -> None:
        kind = BEARER_LISTS[name]
        if kind == "RELEASE_COMMAND" and self.protocol == 1 and self.found["procedure"] == 3:
            kind = "SWITCH_RELEASED"
        for item in items:
            if "value" in item:
                self.e_rab(kind, item["value"][1])
            else:
                self.session(kind, item)

    def tunnel(self, row: Row, which: str, address: Any, teid: Any) -> Row:
        """The row of a tunnel of the item that `row` is: itself, or one more."""
        to = row
        if "tunnel" in row:
            to = {"kind": row["kind"], "id": row["id"], "more": True}
            self.bearers.append(to)
        to["tunnel"] = which
        if address is not None:
            to["address"] = addresses(address)
        if teid is not None:
            to["teid"] = int.from_bytes(teid, "big")
        return to

    def e_rab(self, kind: str, item: Row) -> None:
        row: Row = {"kind": kind, "id": item["e-RAB-ID"]}
        at = len(self.bearers)
        self.bearers.append(row)
        in_core = kind in ("SETUP_REQUEST", "MODIFY_REQUEST", "HANDOVER_REQUEST", "SWITCH_UP")
        qos = next((v for k, v in item.items() if k.lower() == "e-rablevelqosparameters"), None)
        if qos is not None:
            row |= e_rab_qos(qos)
        if "transportLayerAddress" in item:
            teid = item.get("gTP-TEID", item.get("dL-GTP-TEID"))
            self.tunnel(row, "UP" if in_core else "DOWN", item["transportLayerAddress"], teid)
        for which, address, teid in (
            ("FORWARD_DOWN", "dL-transportLayerAddress", "dL-gTP-TEID"),
            ("FORWARD_UP", "uL-TransportLayerAddress", "uL-GTP-TEID"),
        ):
            if address in item or (teid in item and teid != "dL-GTP-TEID"):
                self.tunnel(row, which, item.get(address), item.get(teid))
        for extension in item.get("iE-Extensions", []):
            if extension["id"] == 185:
                told = extension["extensionValue"][1]
                self.tunnel(row, "UP", told["transportLayerAddress"], told["uL-GTP-TEID"])
        if "nAS-PDU" in item:
            self.nas.append((item["nAS-PDU"], at))
        if "cause" in item:
            row |= self.cause(item["cause"])

    def session(self, kind: str, item: Row) -> None:
        row: Row = {"kind": kind, "id": item["pDUSessionID"]}
        at = len(self.bearers)
        self.bearers.append(row)
        extended = {e["id"]: e["extensionValue"][1] for e in item.get("iE-Extensions", [])}
        if slice_ := item.get("s-NSSAI", extended.get(148) if kind == "MODIFY_REQUEST" else None):
            row["sst"] = slice_["sST"][0]
            if "sD" in slice_:
                row["sd"] = int.from_bytes(slice_["sD"], "big")
        for name, value in item.items():
            if name in ("nAS-PDU", "pDUSessionNAS-PDU"):
                self.nas.append((value, at))
            elif name == "cause":
                row |= self.cause(value)
            elif isinstance(value, tuple) and str(value[0]).endswith("Transfer"):
                self.transfer(*value, row, at)
        for b in self.bearers[at:]:
            tell_first_flow(b, [f for f in row.get("flows", []) if f["on"] == self.place(b)])

    def place(self, row: Row) -> int:
        return next(k for k, b in enumerate(self.bearers) if b is row)

    def transfer(self, name: str, value: Row, row: Row, at: int) -> None:
        for field in value.get("protocolIEs", []):
            if field["id"] in REDUNDANT:
                continue
            self.transfer_member(field["value"][0], field["value"][1], row, at, field["id"])
        for member, told in value.items():
            if member == "cause":
                row |= self.cause(told)
            elif member not in ("protocolIEs", "iE-Extensions"):
                self.transfer_member(member, told, row, at)
        for extension in value.get("iE-Extensions", []):
            if extension["id"] in (153, 154, 155):
                self.transfer_member(extension["extensionValue"][0], extension["extensionValue"][1], row, at)

    def transfer_member(self, member: str, value: Any, row: Row, at: int, identity: int = -1) -> None:
        if identity == 139:
            member = "uL-NGU-UP-TNLInformation"
        which = TRANSFER_TUNNELS.get(member)
        if member == "PDUSessionAggregateMaximumBitRate":
            row["ambr_down_bps"] = value["pDUSessionAggregateMaximumBitRateDL"]
            row["ambr_up_bps"] = value["pDUSessionAggregateMaximumBitRateUL"]
        elif member == "PDUSessionType":
            row["session_type"] = SESSION_TYPES[value]
        elif member in FLOW_LISTS or identity == 137:
            self.flows(FLOW_LISTS.get(member, "RELEASE_COMMAND"), value, row, row)
        elif which is not None:
            self.up_tunnel(row, which, value)
        else:
            self.tunnel_lists(member, value, row)

    def tunnel_lists(self, member: str, value: Any, row: Row) -> None:
        if member == "dLQosFlowPerTNLInformation":
            self.flow_tunnel(row, "DOWN", value)
        elif member in ("additionalDLQosFlowPerTNLInformation", "QosFlowPerTNLInformationList"):
            for item in value:
                self.flow_tunnel(row, "MORE_DOWN", item["qosFlowPerTNLInformation"])
        elif member == "UPTransportLayerInformationList":
            for item in value:
                self.up_tunnel(row, "MORE_UP", item["nGU-UP-TNLInformation"])
        elif member in (
            "additionalNG-UUPTNLInformation",
            "UPTransportLayerInformationPairList",
            "UL-NGU-UP-TNLModifyList",
        ):
            more = "MORE_" if "tunnel" in row else ""
            for item in value:
                self.up_tunnel(row, f"{more}UP", item["uL-NGU-UP-TNLInformation"])
                self.up_tunnel(row, f"{more}DOWN", item["dL-NGU-UP-TNLInformation"])
                more = "MORE_"
        elif member == "dataForwardingResponseDRBList":
            for item in value:
                for name, which in (("dL", "FORWARD_DOWN"), ("uL", "FORWARD_UP")):
                    if told := item.get(f"{name}ForwardingUP-TNLInformation"):
                        self.up_tunnel(row, which, told)
        elif member == "AdditionalDLUPTNLInformationForHOList":
            for item in value:
                on = self.up_tunnel(row, "MORE_DOWN", item["additionalDL-NGU-UP-TNLInformation"])
                self.flows("ADMITTED", item["additionalQosFlowSetupResponseList"], row, on)
                if told := item.get("additionalDLForwardingUPTNLInformation"):
                    self.up_tunnel(row, "FORWARD_DOWN", told)

    def up_tunnel(self, row: Row, which: str, value: tuple[str, Any]) -> Row:
        if value[0] != "gTPTunnel":
            return row
        return self.tunnel(row, which, value[1]["transportLayerAddress"], value[1]["gTP-TEID"])

    def flow_tunnel(self, row: Row, which: str, value: Row) -> None:
        on = self.up_tunnel(row, which, value["uPTransportLayerInformation"])
        self.flows("ASSOCIATED", value["associatedQosFlowList"], row, on)

    def flows(self, kind: str, items: list[Row], row: Row, on: Row) -> None:
        for item in items:
            flow: Row = {"kind": kind, "on": self.place(on), "qfi": item["qosFlowIdentifier"] & 0x7F}
            if "cause" in item:
                flow |= self.cause(item["cause"])
            if "notificationCause" in item:
                flow["state"] = self.index("NotificationCause", item["notificationCause"])
            if "qosFlowLevelQosParameters" in item:
                flow |= flow_qos(item["qosFlowLevelQosParameters"])
            row.setdefault("flows", []).append(flow)


def tell_first_flow(row: Row, flows: list[Row]) -> None:
    """The first flow stands for a bearer, the first that tells its QoS before others."""
    if flows:
        told = next((f for f in flows if "five_qi" in f), None)
        row["qfi"] = (told or flows[0])["qfi"]
        if told:
            row["qci"], row["arp_priority"] = told["five_qi"], told["arp_priority"]


def e_rab_qos(qos: Row) -> Row:
    found = {"qci": qos["qCI"], "arp_priority": qos["allocationRetentionPriority"]["priorityLevel"]}
    if gbr := qos.get("gbrQosInformation"):
        rates = {"DL": gbr["e-RAB-GuaranteedBitrateDL"], "UL": gbr["e-RAB-GuaranteedBitrateUL"]}
        for extension in gbr.get("iE-Extensions", []):
            if extension["id"] in (257, 258):
                rates["DL" if extension["id"] == 257 else "UL"] = extension["extensionValue"][1]
        found |= {"gbr_down_bps": rates["DL"], "gbr_up_bps": rates["UL"]}
    return found


def flow_qos(qos: Row) -> Row:
    found = {"arp_priority": qos["allocationAndRetentionPriority"]["priorityLevelARP"]}
    kind, told = qos["qosCharacteristics"]
    if kind != "choice-Extensions" and "fiveQI" in told:
        found["five_qi"] = told["fiveQI"]
    if gbr := qos.get("gBR-QosInformation"):
        found |= {"gbr_down_bps": gbr["guaranteedFlowBitRateDL"], "gbr_up_bps": gbr["guaranteedFlowBitRateUL"]}
    return found


def core_node(network: bytes, identity: int) -> int:
    nibbles = [n for o in network for n in (o & 15, o >> 4)]
    coded = [*nibbles[0:3], nibbles[4], nibbles[5], nibbles[3]]
    return int("".join(f"{n:x}" for n in coded), 16) << 24 | identity


def guami(value: Row) -> int:
    identity = value["aMFRegionID"][0] << 16 | value["aMFSetID"][0] << 6 | value["aMFPointer"][0]
    return core_node(value["pLMNIdentity"], identity)


def node_text(value: Any) -> str:
    """As `node_of` writes it; empty for a node that has no code."""
    if not isinstance(value, dict):
        return ""
    member = next((m for m in ("eNB-ID", "gNB-ID", "ngENB-ID", "n3IWF-ID") if m in value), "")
    if not member or value[member][0] == "choice-Extensions":
        return ""
    alternative, (identity, length) = value[member]
    network = plmn_text(value.get("pLMNidentity", value.get("pLMNIdentity", value.get("pLMN-Identity"))))
    return f"{NODES[alternative]}:{network}-{identity}" + (f"/{length}" if alternative == "gNB-ID" else "")
