"""Diameter decoded by plain Python into plain values: the naive twin of `kernels.diameter`, recursive and by name.

`decode(octets)` gives (reason, message or None); a message is a dict of what was told, with a list `credits`.
"""

import ipaddress
import re
from typing import Any

from tests.naive_pfcp import fnv, printable

OK, TRUNCATED, MALFORMED = 17, 59, 60
DEEPEST, MOST_CREDITS, MOST_NAME, MOST_COUNT = 8, 32, 256, 1 << 60
Told = dict[str, Any]

TRANSPARENT = {700, 873, 874, 1016, 1034, 1049, 1400, 1401, 1496, 1600, 1601}
INSIDE = {(0, 297): "experimental", (0, 443): "subscription", (0, 456): "credit", (0, 458): "equipment"}
NAMES = {264: "origin_host", 296: "origin_realm", 293: "destination_host", 283: "destination_realm"}
BASE_NUMBERS = {268: "result", 273: "disconnect_cause", 278: "origin_state", 295: "termination_cause",
                415: "request_number", 416: "request_type"}  # fmt: skip
NUMBERS = {500: "abort_cause", 614: "server_assignment", 623: "authorization_type", 1006: "event_trigger",
           1027: "ip_can_type", 1028: "qci", 1032: "rat_type", 1045: "release_cause", 1046: "arp_priority",
           1420: "cancellation_type", 1614: "error_diagnostic"}  # fmt: skip
OTHER_NUMBERS = {(0, 266), (0, 298), (0, 420), (0, 432), (0, 439), (0, 450), (0, 459), (10415, 1040), (10415, 1041)}
FEWEST = {(0, 8): 4, (0, 97): 2, (0, 412): 8, (0, 414): 8, (0, 421): 8, (10415, 2): 4, (10415, 18): 5, (10415, 21): 1,
          (10415, 22): 1, (10415, 1227): 2, (10415, 1407): 3, (10415, 1602): 7, (10415, 1603): 5, (10415, 1604): 7,
          (10415, 1605): 6, (10415, 1607): 7}  # fmt: skip
FEWEST |= {(0, code): 4 for code in BASE_NUMBERS} | {(10415, code): 4 for code in NUMBERS}
FEWEST |= dict.fromkeys(OTHER_NUMBERS, 4)
RATS = {0: 3, 1: 7, 1000: 1, 1001: 2, 1002: 4, 1003: 5, 1004: 6, 1005: 8, 1006: 10, 1007: 9, 1008: 10}
IMSI_ALONE = {16777251, 16777252, 16777255, 16777265, 16777291, 16777308, 16777312, 16777313, 16777345, 16777346}


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def decode(octets: bytes) -> tuple[int, Told | None]:
    if len(octets) < 20:
        return TRUNCATED, None
    size = number(octets[1:4])
    if octets[0] != 1 or size < 20 or size % 4:
        return MALFORMED, None
    told: Told = {"command": number(octets[5:8]), "application": number(octets[8:12]), "credits": []}
    told |= {"hop_by_hop": number(octets[12:16]), "end_to_end": number(octets[16:20])}
    for flag, name in ((0x80, "request"), (0x40, "proxiable"), (0x20, "error"), (0x10, "retransmit")):
        if octets[4] & flag:
            told[name] = 1
    if size > len(octets):
        told["damage"] = 1
    walk(told, octets[20:size], "message", 1, {})
    return OK, told


def walk(told: Told, octets: bytes, context: str, depth: int, into: Told) -> None:
    while octets:
        header = 12 if len(octets) >= 5 and octets[4] & 0x80 else 8
        size = number(octets[5:8])
        if len(octets) < 8 or size < header or size > len(octets):
            told["damage"] = 1
            return
        vendor = number(octets[8:12]) if header == 12 else 0
        avp(told, vendor, number(octets[:4]), octets[header:size], context, depth, into)
        octets = octets[(size + 3) // 4 * 4 :]


def avp(told: Told, vendor: int, code: int, value: bytes, context: str, depth: int, into: Told) -> None:
    if len(value) < FEWEST.get((vendor, code), 0):
        told["damage"] = 1
        return
    group = INSIDE.get((vendor, code)) if context == "message" else None
    if (vendor, code) in ((0, 446), (0, 431)) and context == "credit":
        group = "used" if code == 446 else "granted"
    if vendor == 10415 and code in (1001, 1003) and context in ("message", "rule"):
        group = "rule"
    if vendor == 10415 and code in TRANSPARENT:
        group = context
    if group is not None:
        if depth < DEEPEST:
            enter(told, value, group, code, depth + 1, into)
    elif context == "message":
        (of_base if vendor == 0 else of_3gpp if vendor == 10415 else lambda *_: None)(told, code, value)
    elif context == "rule":
        if (vendor, code) == (10415, 1028):
            told.setdefault("rule_qci", number(value[:4]))
    elif vendor == 0:
        of_group(told, code, value, context, into)


def enter(told: Told, value: bytes, group: str, code: int, depth: int, into: Told) -> None:
    if code == 456:
        into = {}
        if len(told["credits"]) < MOST_CREDITS:
            told["credits"].append(into)
        else:
            told["damage"] = 1
    elif code in (443, 458):
        into = {}
    walk(told, value, group, depth, into)
    if code in (443, 458) and "value" in into:
        typed(told, code, into.get("type"), into["value"])


def typed(told: Told, code: int, kind: int | None, value: bytes) -> None:
    if code == 458:
        if kind == 0:
            first(told, "imei", equipment(value))
    elif kind in (0, 1):
        first(told, "msisdn" if kind == 0 else "imsi", leading_digits(value)[:16])
    elif kind == 2 and value:
        told.setdefault("public_hash", fnv(value))


def of_group(told: Told, code: int, value: bytes, context: str, into: Told) -> None:
    if context == "experimental" and code in (266, 298):
        told.setdefault({266: "experimental_vendor", 298: "experimental_result"}[code], number(value[:4]))
    elif context in ("subscription", "equipment"):
        kinds, values = {"subscription": (450, 444), "equipment": (459, 460)}[context]
        if code == kinds:
            into.setdefault("type", number(value[:4]))
        elif code == values:
            into.setdefault("value", value)
    elif context == "credit" and code in (432, 439, 268):
        into.setdefault({432: "rating_group", 439: "service", 268: "result"}[code], number(value[:4]))
    elif context == "used":
        name = {421: "used_bytes", 412: "used_bytes_up", 414: "used_bytes_down", 420: "used_s"}.get(code)
        if name and number(value[: 4 if code == 420 else 8]) <= MOST_COUNT:
            into[name] = into.get(name, 0) + number(value[: 4 if code == 420 else 8])
    elif context == "granted":
        if code == 421 and number(value[:8]) <= MOST_COUNT:
            into.setdefault("granted_bytes", number(value[:8]))
        elif code == 420:
            into.setdefault("granted_s", number(value[:4]))


def first(told: Told, name: str, value: Any) -> None:
    if value not in (None, ""):
        told.setdefault(name, value)


def of_base(told: Told, code: int, value: bytes) -> None:
    if code in NAMES:
        first(told, NAMES[code], printable(value[:MOST_NAME]))
    elif code in BASE_NUMBERS:
        told.setdefault(BASE_NUMBERS[code], number(value[:4]))
    elif code == 263 and value:
        told.setdefault("session_hash", fnv(value))
    elif code == 1 and value and "user_hash" not in told:
        told["user_hash"] = fnv(value)
        first(told, "imsi", user_imsi(value, told["application"] in IMSI_ALONE))
    elif code in (30, 493):
        name = printable(value[:MOST_NAME])
        cut = re.fullmatch(r"(.+)\.mnc\d{3}\.mcc\d{3}\.gprs", name)
        first(told, "apn", cut.group(1) if cut else name)
    elif code == 8:
        ipv4(told, value[:4])
    elif code == 97 and any(value[2:18]):
        told.setdefault("ue_ipv6", str(ipaddress.IPv6Address((value[2:18] + bytes(16))[:16])))
    elif code == 279 and len(value) >= 8:
        told.setdefault("failed_avp", number(value[:4]))


def of_3gpp(told: Told, code: int, value: bytes) -> None:
    if code in NUMBERS:
        told.setdefault(NUMBERS[code], number(value[:4]))
        if code == 1032:
            first(told, "rat", RATS.get(told["rat_type"]))
    elif code in (1040, 1041):
        told.setdefault({1040: "ambr_down_kbps", 1041: "ambr_up_kbps"}[code], number(value[:4]) // 1000)
    elif code == 1:
        first(told, "imsi", leading_digits(value)[:16])
    elif code in (20, 1402):
        first(told, "imei", equipment(value))
    elif code == 701:
        first(told, "msisdn", tbcd(value))
    elif code == 601 and value:
        told.setdefault("public_hash", fnv(value))
    elif code == 602:
        first(told, "server", printable(value[:MOST_NAME]))
    elif code == 2:
        told.setdefault("charging_id", number(value[:4]))
    elif code == 21:
        told.setdefault("rat", value[0])
    elif code == 1407:
        told.setdefault("visited_plmn", plmn(value))
    elif code == 18 and re.fullmatch(rb"[0-9]{5,6}", value):
        told.setdefault("visited_plmn", value.decode().ljust(6, "f"))
    elif code == 22:
        location(told, value)
    elif code == 1227 and value[:2] == b"\0\1" and len(value) >= 6:
        ipv4(told, value[2:6])
    elif code == 1227 and value[:2] == b"\0\2" and len(value) >= 18 and any(value[2:18]):
        told.setdefault("ue_ipv6", str(ipaddress.IPv6Address(value[2:18])))
    elif code in (1603, 1605):
        if "area" not in told:
            told["area"] = place("TAI" if code == 1603 else "RAI", value)
            told.setdefault("cell", told["area"])
    elif code in (1602, 1604, 1607) and told.get("cell") == told.get("area"):
        told["cell"] = place({1602: "ECGI", 1604: "CGI", 1607: "SAI"}[code], value)


LOCATIONS = {0: ("CGI",), 1: ("SAI",), 2: ("RAI",), 128: ("TAI",), 129: ("ECGI",), 130: ("TAI", "ECGI"), 132: ("TAI",),
             134: ("TAI",), 135: ("NCGI",), 136: ("TAI5",), 137: ("TAI5", "NCGI"), 139: ("TAI5",)}  # fmt: skip
OCTETS = {"CGI": 7, "SAI": 7, "RAI": 6, "TAI": 5, "ECGI": 7, "NCGI": 8, "TAI5": 6}


def location(told: Told, value: bytes) -> None:
    if "cell" in told:
        return
    kinds, rest = LOCATIONS.get(value[0], ()), value[1:]
    if len(rest) < sum(OCTETS[kind] for kind in kinds):
        told["damage"] = 1
        told.pop("area", None)
        return
    told.pop("area", None)
    for kind in kinds:
        found, rest = place(kind, rest), rest[OCTETS[kind] :]
        if kind in ("TAI", "TAI5", "RAI"):
            told["area"] = found
        told["cell"] = found


def place(kind: str, value: bytes) -> tuple[str, str, int]:
    identities = {"CGI": number(value[3:7]), "SAI": number(value[3:7]), "TAI": number(value[3:5]),
                  "RAI": number(value[3:5]) << 16 | (value[5] if len(value) > 5 else 0), "TAI5": number(value[3:6]),
                  "ECGI": number(value[3:7]) & 0xFFFFFFF, "NCGI": number(value[3:8]) & 0xFFFFFFFFF}  # fmt: skip
    return kind.removesuffix("5"), plmn(value), identities[kind]


def plmn(value: bytes) -> str:
    a, b, c = (f"{octet:02x}" for octet in value[:3])
    return a[1] + a[0] + b[1] + c[1] + c[0] + b[0]


def ipv4(told: Told, octets: bytes) -> None:
    if 0 < number(octets) < 0xFFFFFFFE:
        told.setdefault("ue_ipv4", str(ipaddress.IPv4Address(octets)))


def leading_digits(value: bytes) -> str:
    found = re.match(rb"[0-9]*", value)
    return found.group().decode() if found else ""


def user_imsi(value: bytes, alone: bool) -> str | None:
    digits, rest = leading_digits(value), value[len(leading_digits(value)) :]
    if not rest:
        return digits if alone and 6 <= len(digits) <= 15 else None
    if rest[:1] != b"@" or not value.endswith(b"3gppnetwork.org"):
        return None
    if len(digits) == 16:
        return digits[1:]
    return digits if 6 <= len(digits) <= 15 else None


def equipment(value: bytes) -> str:
    if len(value) >= 14 and len(leading_digits(value)) == len(value):
        return leading_digits(value)[:16]
    return tbcd(value) if len(value) == 8 else ""


def tbcd(octets: bytes) -> str:
    text = "".join(f"{o & 15:x}{o >> 4:x}" for o in octets[:8])
    return re.split("[a-f]", text)[0]
