"""GTP-C decoding against pycrate: its encoders make messages of many kinds, each field is found again."""

import ipaddress
import random
from typing import Any

import pytest

from tests.gtpc_rows_told import decode

v2 = pytest.importorskip("pycrate_mobile.TS29274_GTPC")
v1 = pytest.importorskip("pycrate_mobile.TS29060_GTP")

CELL_NAMES = ("CGI", "SAI", "RAI", "TAI", "ECGI")
MESSAGES_V2 = [kind for kind in sorted(v2.GTPCDispatcher) if kind not in range(25, 32) and kind < 240]
ROUNDS = 6


def bcd(text: str) -> bytes:
    coded = v2.IMSI()
    coded.encode(text)
    return bytes(coded.to_bytes())


def number_text(draw: random.Random, least: int, most: int) -> str:
    return "".join(str(draw.randrange(10)) for _ in range(draw.randint(least, most)))


def ipv4(draw: random.Random) -> bytes:
    return bytes([10, *(draw.randrange(256) for _ in range(3))])


def ipv6(draw: random.Random) -> bytes:
    return bytes([0x20, 1, 0x0D, 0xB8, *(draw.randrange(256) for _ in range(12))])


def text_of(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


def plmn(draw: random.Random) -> tuple[bytes, str]:
    digits = number_text(draw, 5, 6)
    coded = v2.PLMN()
    coded.encode(digits)
    return bytes(coded.to_bytes()), digits.ljust(6, "f")


class Expected(dict):
    """What the message should tell, gathered while it is encoded."""

    def first(self, name: str, told: Any) -> None:
        self.setdefault(name, told)


def f_teid(draw: random.Random) -> tuple[Any, Any]:
    forms = draw.choice([(1, 0), (0, 1), (1, 1)])
    four, six, interface, teid = ipv4(draw), ipv6(draw), draw.randrange(42), draw.getrandbits(32)
    value = {"V4": forms[0], "V6": forms[1], "IF": interface, "TEID_GREKey": teid}
    addresses = [a for a, there in ((four, forms[0]), (six, forms[1])) if there]
    value |= {"IPv4Addr": four} if forms[0] else {}
    value |= {"IPv6Addr": six} if forms[1] else {}
    return value, (interface, teid, tuple(text_of(a) for a in addresses))


def location(draw: random.Random, expected: Expected, instance: int) -> dict:
    flags = [draw.randrange(2) for _ in range(8)]  # extended macro eNB, macro eNB, LAI, ECGI, TAI, RAI, SAI, CGI
    names = ("ExtMacroENBID", "MacroENBID", "LAI", "ECGI", "TAI", "RAI", "SAI", "CGI")
    there = {name for name, flag in zip(names, flags, strict=True) if flag}
    value: dict[str, Any] = {"Flags": dict(zip(names, flags, strict=True))}
    told = {}
    for name in there & set(CELL_NAMES):
        network, digits = plmn(draw)
        lac, ci, eci = draw.getrandbits(16), draw.getrandbits(16), draw.getrandbits(28)
        if name == "ECGI":
            value[name], identity = {"PLMN": network, "ECI": eci}, eci
        elif name == "TAI":
            value[name], identity = {"PLMN": network, "TAC": lac}, lac
        elif name == "RAI":
            value[name], identity = {"PLMN": network, "LAC": lac, "RAC": ci >> 8}, lac << 16 | ci >> 8
        else:
            value[name] = {"PLMN": network, "LAC": lac, "CI" if name == "CGI" else "SAC": ci}
            identity = lac << 16 | ci
        told[name] = (name, digits, identity)
    finest = [told[name] for name in ("ECGI", "CGI", "SAI", "TAI", "RAI") if name in told]
    area = [told[name] for name in ("TAI", "RAI") if name in told]
    if finest and (instance == 0 or "cell" not in expected):
        expected["cell"] = finest[0]
        expected.pop("area", None)
        expected |= {"area": area[0]} if area else {}
    return value


def qos(draw: random.Random) -> tuple[dict, dict]:
    level, qci, up, down = draw.randrange(1, 16), draw.randrange(1, 10), draw.getrandbits(40), draw.getrandbits(40)
    value = {"PL": level, "QCI": qci, "GuaranteedBitRateUL": up, "GuaranteedBitRateDL": down}
    return value, {"arp_priority": level, "qci": qci, "gbr_up_kbps": up, "gbr_down_kbps": down}


def bearer(draw: random.Random, kinds: dict, instance: int, expected: Expected) -> v2.GTPCIEs | None:
    """A Bearer Context of the elements that pycrate knows for it; the row it should become goes to `expected`."""
    group, row, ordinal = kinds[0](), {"instance": instance}, len(expected["bearers"])
    group.clear()
    for kind, own in [k for k in [*group.MAND, *group.OPT] if k != 255]:
        if (kind, own) in group.OPT and draw.random() < 0.3:
            continue
        value: Any = None
        if kind == 73:
            row["ebi"] = draw.randrange(5, 16)
            value = {"Val": row["ebi"]}
        elif kind == 2:
            row["cause"] = draw.choice([16, 64, 94])
            value = {"Val": row["cause"]}
        elif kind == 80 and own == 0:
            value, told = qos(draw)
            row |= told
        elif kind == 94:
            row["charging_id"] = draw.getrandbits(32)
            value = row["charging_id"].to_bytes(4, "big")
        elif kind == 87:
            value, (interface, teid, addresses) = f_teid(draw)
            expected["fteids"].append((ordinal, interface, own, teid, addresses))
        elif kind == 172:
            value = ran_cause(draw, expected)
        group.add_ie(kind, own, value)
    expected["bearers"].append(row)
    for name in ("qci", "charging_id"):
        if name in row:
            expected.first(name, row[name])
    return group


def ran_cause(draw: random.Random, expected: Expected) -> dict:
    protocol, group, cause = draw.randrange(1, 6), draw.randrange(5), draw.getrandbits(8)
    wide = protocol > 3
    if "ran_cause" not in expected or (protocol == 1 and expected["ran_cause"][0] != 1):
        code = cause << 8 | 7 if wide else cause
        expected["ran_cause"] = (protocol, group if protocol == 1 else -1, code)
    value = bytes([cause, 7]) if wide else bytes([cause])
    return {"ProtType": protocol, "CauseType": group if protocol == 1 else 0, "CauseVal": value}


def element(draw: random.Random, kind: int, own: int, expected: Expected) -> Any:
    """A value for pycrate, and what it tells; None: pycrate's own default."""
    if kind in (1, 75, 76):
        text = number_text(draw, 14, 15) if kind == 1 else number_text(draw, 15, 16) if kind == 75 else "4912345678"
        if own == 0:
            expected.first({1: "imsi", 75: "imei", 76: "msisdn"}[kind], text)
        return bcd(text)
    if kind == 86:
        return location(draw, expected, own)
    if kind == 87:
        value, (interface, teid, addresses) = f_teid(draw)
        expected["fteids"].append((None, interface, own, teid, addresses))
        return value
    if kind == 172:
        return ran_cause(draw, expected)
    if kind == 71:
        expected.first("apn", "ims.example")
        return b"\x03ims\x07Example\x06mnc001\x06mcc262\x04gprs"
    return simple(draw, kind, expected) if own == 0 else None


def simple(draw: random.Random, kind: int, expected: Expected) -> Any:
    value = draw.randrange(1, 8)
    if kind == 2:
        expected |= {"cause": 16 + value, "cause_remote": 1}
        return {"Val": 16 + value, "CS": 1}
    if kind == 3:
        expected["recovery"] = value
        return value
    if kind == 72:
        expected["ambr"] = (value, 2 * value)
        return {"APN-AMBR-UL": value, "APN-AMBR-DL": 2 * value}
    if kind == 73:
        expected["ebi"] = value
        return {"Val": value}
    if kind == 77:
        octets = bytes(draw.randrange(256) for _ in range(draw.randint(2, 8)))
        expected |= {"indication": int.from_bytes(octets[:4].ljust(4, b"\0"), "big") or None}
        return octets
    if kind == 79:
        six, four = ipv6(draw), ipv4(draw)
        address = {1: four, 2: b"\x40" + six, 3: b"\x40" + six + four}
        form = draw.choice([1, 2, 3])
        expected |= {} if form == 1 else {"ue_ipv6": text_of(six)}
        expected |= {} if form == 2 else {"ue_ipv4": text_of(four)}
        expected.first("pdn_type", form)
        return {"PDNType": form, "PDNAddress": address[form]}
    if kind == 81:
        expected["qci"] = value
        return {"QCI": value}
    if kind == 82:
        expected["rat"] = value
        return {"Val": value}
    if kind == 83:
        network, expected["serving_plmn"] = plmn(draw)
        return {"PLMN": network}
    if kind == 94:
        expected.first("charging_id", value)
        return value.to_bytes(4, "big")
    if kind == 99:
        expected["pdn_type"] = value % 3 + 1
        return bytes([value % 3 + 1])
    if kind == 128:
        expected["selection_mode"] = value & 3
        return bytes([value & 3])
    return None


def built(kind: int, draw: random.Random) -> tuple[bytes, Expected]:
    """A message of `kind` with a draw of the elements that pycrate knows for it."""
    message = v2.GTPCDispatcher[kind]()
    elements = message[1]
    elements.clear()
    expected = Expected(version=2, type=kind, sequence=draw.getrandbits(24), bearers=[], fteids=[])
    message[0].set_val({"SeqNum": expected["sequence"]})
    if message[0]["T"].get_val():
        expected["teid"] = draw.getrandbits(32)
        message[0].set_val({"TEID": expected["teid"]})
    keys = [k for k in [*elements.MAND, *elements.OPT] if k != 255]
    draw.shuffle(keys)
    keys.sort(key=lambda key: key[0] == 79)  # the type of a PDN Type element counts, whatever the address says
    for key in keys:
        kinds = elements.MAND.get(key) or elements.OPT[key]
        if draw.random() < 0.4:
            continue
        if key[0] == 93:
            group = bearer(draw, kinds, key[1], expected)
            elements.add_ie(93, key[1], bytes(group.to_bytes()))
        elif key[0] == 73 and kind == 99 and key[1] == 1:
            expected["bearers"].append({"instance": 1, "ebi": 7})
            elements.add_ie(73, 1, {"Val": 7})
        elif issubclass(kinds[0], v2.GTPCIEs) or key[0] in (109, 186):
            continue  # other groups; and pycrate cannot encode an empty Paging and Service Information (186)
        else:
            elements.add_ie(*key, element(draw, *key, expected))
    if expected.get("indication", 0) is None:
        del expected["indication"]
    return bytes(message.to_bytes()), expected


@pytest.mark.parametrize("kind", MESSAGES_V2)
def test_version_2(kind: int) -> None:
    draw = random.Random(kind)
    for _ in range(ROUNDS):
        payload, expected = built(kind, draw)
        reason, messages = decode(payload)
        assert (reason, messages) == (2, [dict(expected)])


# --- version 1 ----------------------------------------------------------------------------------------------------


def fields_v1(draw: random.Random, names: list[str], side: str, kind: int) -> tuple[dict, dict]:
    """Values of the elements `names` for pycrate and what they tell; `side` has the tunnel endpoints."""
    told: dict[str, Any] = {"bearers": [], "fteids": []}
    values: dict[str, Any] = {}
    data, control, lac, ci = draw.getrandbits(32), draw.getrandbits(32), draw.getrandbits(16), draw.getrandbits(16)
    network, digits = plmn(draw)
    addresses = {name: ipv4(draw) if "Alt" not in name else ipv6(draw) for name in names if "Addr" in name}
    imsi, imei, nsapi = number_text(draw, 15, 15), number_text(draw, 16, 16), draw.randrange(5, 16)
    row: dict[str, int] = {"instance": 1 if kind == 20 else 0}
    for name in names:
        if name in addresses and name != "EndUserAddr":
            values[name] = addresses[name]
        elif name == "IMSI":
            values[name], told["imsi"] = bcd(imsi), imsi
        elif name == "IMEI":
            values[name], told["imei"] = bcd(imei), imei
        elif name == "MSISDN":
            values[name], told["msisdn"] = b"\x91" + bcd("4912345678"), "4912345678"
        elif name == "RAI":
            values[name] = network + lac.to_bytes(2, "big") + b"\x07"
            told |= {"area": ("RAI", digits, lac << 16 | 7), "serving_plmn": digits}
            told.setdefault("cell", told["area"])
        elif name == "ULI":
            values[name] = b"\x01" + network + lac.to_bytes(2, "big") + ci.to_bytes(2, "big")
            told["cell"] = ("SAI", digits, lac << 16 | ci)
        elif name == "Cause":
            values[name], told["cause"] = b"\x80", 128
        elif name == "Recovery":
            values[name], told["recovery"] = 9, 9
        elif name == "RATType":
            values[name], told["rat"] = 2, 2
        elif name == "APN":
            values[name], told["apn"] = b"\x03WAP\x03net", "wap.net"
        elif name == "NSAPI":
            values[name], told["ebi"] = bytes([nsapi]), nsapi
            row["ebi"] = nsapi
        elif name == "LinkedNSAPI":
            values[name], told["linked_ebi"] = b"\x06", 6
        elif name == "TeardownInd":
            values[name], told["teardown"] = b"\xff", 1
        elif name == "ChargingID":
            values[name], told["charging_id"] = 77, 77
            row["charging_id"] = 77
        elif name == "TEIDDataI":
            values[name] = data
        elif name == "TEIDCP":
            values[name] = control
        elif name == "EndUserAddr":
            values[name] = b"\xf1\x21" + addresses[name]
            told |= {"pdn_type": 1, "ue_ipv4": text_of(addresses[name])}
        elif name == "QoSProfile":
            quality = {"TrafficClass": 3, "TrafficHandlingPriority": 2, "GuaranteedULBitrate": 64}
            values[name] = {"AllocRetentPriority": 3, "QoS": quality | {"GuaranteedDLBitrate": 255}}
            told["qci"] = 7
            row |= {"qci": 7, "arp_priority": 3, "gbr_up_kbps": 64, "gbr_down_kbps": 0}
    numbers = {"sgsn": (202, 200), "ggsn": (203, 201)}[side]
    control_names = [n for n in addresses if ("Control" in n or "Signalling" in n) and "Charging" not in n]
    user_names = [n for n in addresses if "UserTraffic" in n]
    if "TEIDCP" in names and control_names:
        told["fteids"].append((None, numbers[0], 0, control, tuple(text_of(addresses[n]) for n in control_names)))
    if "TEIDDataI" in names and user_names:
        told["fteids"].append((0, numbers[1], 0, data, tuple(text_of(addresses[n]) for n in user_names)))
    if {"NSAPI", "TEIDDataI", "QoSProfile", "ChargingID"} & set(names):
        told["bearers"].append(row)
    return values, told


COMMON = ["IMSI", "RAI", "Recovery", "ULI", "RATType"]
MESSAGES_V1 = {
    "CreatePDPCtxtReq": (16, "sgsn", [*COMMON, "TEIDDataI", "TEIDCP", "NSAPI", "LinkedNSAPI", "EndUserAddr", "APN",
                         "SGSNAddrForSignalling", "SGSNAddrForUserTraffic", "MSISDN", "QoSProfile", "IMEI"]),
    "CreatePDPCtxtResp": (17, "ggsn", ["Cause", "Recovery", "TEIDDataI", "TEIDCP", "NSAPI", "ChargingID", "EndUserAddr",
                          "GGSNAddrForControlPlane", "GGSNAddrForUserTraffic", "AltGGSNAddrForControlPlane",
                          "AltGGSNAddrForUserTraffic", "QoSProfile"]),
    "UpdatePDPCtxtReqSGSN": (18, "sgsn", [*COMMON, "TEIDDataI", "TEIDCP", "NSAPI", "SGSNAddrForControlPlane",
                             "SGSNAddrForUserTraffic", "QoSProfile"]),
    "UpdatePDPCtxtReqGGSN": (18, "ggsn", ["IMSI", "Recovery", "NSAPI", "EndUserAddr", "QoSProfile"]),
    "UpdatePDPCtxtRespGGSN": (19, "ggsn", ["Cause", "TEIDDataI", "TEIDCP", "ChargingID", "GGSNAddrForControlPlane",
                              "GGSNAddrForUserTraffic", "QoSProfile"]),
    "UpdatePDPCtxtRespSGSN": (19, "sgsn", ["Cause", "TEIDDataI", "SGSNAddrForUserTraffic", "QoSProfile", "ULI"]),
    "DeletePDPCtxtReq": (20, "sgsn", ["Cause", "TeardownInd", "NSAPI", "ULI"]),
    "DeletePDPCtxtResp": (21, "ggsn", ["Cause"]),
    "EchoResp": (2, "ggsn", ["Recovery"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES_V1)
def test_version_1(name: str) -> None:
    kind, side, names = MESSAGES_V1[name]
    draw = random.Random(kind)
    for _ in range(ROUNDS):
        message = getattr(v1, name)()
        values, told = fields_v1(draw, names, side, kind)
        message[1].set_val({element: {"Data": value} for element, value in values.items()})
        message[0].set_val({"TEID": 0x1234, "S": 1, "GTPHdrOpt": {"SeqNum": 0x4321}})
        expected = {"version": 1, "type": kind, "teid": 0x1234, "sequence": 0x4321} | told
        assert decode(bytes(message.to_bytes())) == (2, [expected])
