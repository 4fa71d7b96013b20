"""GTP-C decoded by plain Python into plain values: the naive twin of `kernels.gtpc`, from the standards' tables.

`decode(payload, cut)` gives (reason, messages); a message is a dict of what was told, as text and numbers, with lists
`bearers` and `fteids`. What was not told is not in the dict.
"""

import ipaddress
import struct
from typing import Any

OK, VERSION, TRUNCATED, MALFORMED = 2, 43, 46, 47
MOST_MESSAGES, MOST_BEARERS, MOST_FTEIDS, MOST_TEXT = 4, 16, 64, 128

Message = dict[str, Any]


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def decode(payload: bytes, cut: bool = False) -> tuple[int, list[Message]]:
    short = TRUNCATED if cut else MALFORMED
    if not payload:
        return short, []
    version, protocol_type = payload[0] >> 5, payload[0] >> 4 & 1
    if version == 1 and protocol_type:
        return decode_v1(payload, cut)
    return decode_v2(payload, cut) if version == 2 else (VERSION, [])


# --- GTPv2 --------------------------------------------------------------------------------------------------------


def split_v2(payload: bytes, cut: bool) -> tuple[int, bytes, int]:
    """(reason, captured octets of the first message, its size as told)"""
    short = TRUNCATED if cut else MALFORMED
    if len(payload) < 8:
        return short, b"", 0
    if payload[0] >> 5 != 2:
        return VERSION, b"", 0
    size, header = 4 + number(payload[2:4]), 12 if payload[0] & 8 else 8
    if size < header:
        return MALFORMED, b"", 0
    if len(payload) < header:
        return short, b"", 0
    if size > len(payload) and not cut:
        return MALFORMED, b"", 0
    return OK, payload[:size], size


def decode_v2(payload: bytes, cut: bool) -> tuple[int, list[Message]]:
    messages: list[Message] = []
    while True:
        reason, octets, size = split_v2(payload, cut)
        if reason != OK:
            if not messages:
                return reason, []
            messages[-1]["damage"] = 1
            return OK, messages
        if len(messages) == MOST_MESSAGES:
            messages[-1]["damage"] = 1
            return OK, messages
        message = message_v2(octets, size)
        if messages:
            message["piggyback"] = 1
        messages.append(message)
        if not octets[0] & 0x10:
            return OK, messages
        payload = payload[size:]


def elements_v2(octets: bytes) -> tuple[list[tuple[int, int, bytes]], bool]:
    """[(type, instance, value)] and whether they filled the octets exactly"""
    found = []
    while len(octets) >= 4:
        kind, length, instance = struct.unpack("!BHB", octets[:4])
        if 4 + length > len(octets):
            break
        found.append((kind, instance & 15, octets[4 : 4 + length]))
        octets = octets[4 + length :]
    return found, not octets


def message_v2(octets: bytes, size: int) -> Message:
    message: Message = {"version": 2, "type": octets[1], "bearers": [], "fteids": []}
    rest = octets[8:]
    if octets[0] & 8:
        message["teid"] = number(octets[4:8])
        rest = octets[12:]
    message["sequence"] = number(octets[len(octets) - len(rest) - 4 :][:3])
    elements, whole = elements_v2(rest)
    if not whole or size > len(octets):
        message["damage"] = 1
    fill_v2(message, elements, inside_connection=False)
    return message


MINIMUM_V2 = {2: 1, 3: 1, 72: 8, 73: 1, 77: 1, 79: 1, 80: 22, 81: 1, 82: 1, 83: 3, 86: 1, 87: 5, 94: 4, 99: 1, 128: 1,
              172: 2}  # fmt: skip


def fill_v2(message: Message, elements: list[tuple[int, int, bytes]], inside_connection: bool) -> None:
    for kind, instance, value in elements:
        if kind == 93:
            bearer_v2(message, instance, value)
        elif kind == 109 and not inside_connection:
            inner, whole = elements_v2(value)
            if not whole:
                message["damage"] = 1
            fill_v2(message, inner, inside_connection=True)
        elif kind == 74 and inside_connection:
            if len(value) == 4 and any(value) and "ue_ipv4" not in message:
                message["ue_ipv4"] = str(ipaddress.IPv4Address(value))
            if len(value) == 16 and any(value) and "ue_ipv6" not in message:
                message["ue_ipv6"] = str(ipaddress.IPv6Address(value))
        elif kind == 73 and instance == 1 and message["type"] == 99 and value and not inside_connection:
            if len(message["bearers"]) < MOST_BEARERS:
                message["bearers"].append({"instance": 1, "ebi": value[0] & 15})
            else:
                message["damage"] = 1
        elif len(value) < MINIMUM_V2.get(kind, 0):
            message["damage"] = 1
        elif kind == 87:
            fteid_v2(message, None, instance, value)
        elif kind == 172:
            ran_cause(message, value)
        elif kind == 86:
            location_v2(message, instance, value)
        elif kind == 71:
            access_point(message, value)
        elif instance == 0:
            plain_v2(message, kind, value)


def plain_v2(message: Message, kind: int, value: bytes) -> None:
    def first(name: str, told: Any) -> None:
        if told is not None:
            message.setdefault(name, told)

    if kind in (1, 75, 76):
        first({1: "imsi", 75: "imei", 76: "msisdn"}[kind], digits(value))
    elif kind == 2:
        if "cause" not in message:
            message["cause"] = value[0]
            if len(value) > 1 and value[1] & 1:
                message["cause_remote"] = 1
    elif kind == 3:
        first("recovery", value[0])
    elif kind == 72:
        first("ambr", struct.unpack("!II", value[:8]))
    elif kind == 73:
        first("ebi", value[0] & 15)
    elif kind == 77:
        first("indication", number((value + bytes(4))[:4]) or None)
    elif kind == 79:
        pdn_address(message, value)
    elif kind == 81:
        message["qci"] = value[0]
    elif kind == 82:
        first("rat", value[0] or None)
    elif kind == 83:
        first("serving_plmn", plmn(value))
    elif kind == 94:
        first("charging_id", number(value[:4]))
    elif kind == 99:
        message["pdn_type"] = value[0] & 7
    elif kind == 128:
        message["selection_mode"] = value[0] & 3


def pdn_address(message: Message, value: bytes) -> None:
    kind = value[0] & 7
    if kind:
        message.setdefault("pdn_type", kind)
    if "ue_ipv4" in message or "ue_ipv6" in message:
        return
    if len(value) < {1: 5, 2: 18, 3: 22}.get(kind, 1):
        message["damage"] = 1
        return
    ipv6 = value[2:18] if kind in (2, 3) else b""
    ipv4 = value[1:5] if kind == 1 else value[18:22] if kind == 3 else b""
    if any(ipv6):
        message["ue_ipv6"] = str(ipaddress.IPv6Address(ipv6))
    if any(ipv4):
        message["ue_ipv4"] = str(ipaddress.IPv4Address(ipv4))


def bearer_v2(message: Message, instance: int, value: bytes) -> None:
    if len(message["bearers"]) == MOST_BEARERS:
        message["damage"] = 1
        return
    ordinal, bearer = len(message["bearers"]), {"instance": instance}
    message["bearers"].append(bearer)
    elements, whole = elements_v2(value)
    if not whole:
        message["damage"] = 1
    for kind, own, octets in elements:
        if len(octets) < MINIMUM_V2.get(kind, 0):
            message["damage"] = 1
        elif kind == 87:
            fteid_v2(message, ordinal, own, octets)
        elif kind == 172:
            ran_cause(message, octets)
        elif own == 0 and kind == 73:
            bearer["ebi"] = octets[0] & 15
        elif own == 0 and kind == 2:
            bearer["cause"] = octets[0]
        elif own == 0 and kind == 94:
            bearer["charging_id"] = number(octets[:4])
        elif own == 0 and kind == 80:
            bearer |= {"arp_priority": octets[0] >> 2 & 15, "qci": octets[1]}
            bearer |= {"gbr_up_kbps": number(octets[12:17]), "gbr_down_kbps": number(octets[17:22])}
    for name in ("qci", "charging_id"):
        if name in bearer:
            message.setdefault(name, bearer[name])


def fteid_v2(message: Message, bearer: int | None, instance: int, value: bytes) -> None:
    ipv4, ipv6 = value[0] & 0x80, value[0] & 0x40
    if len(value) < 5 + (4 if ipv4 else 0) + (16 if ipv6 else 0) or (
        (ipv4 or ipv6) and len(message["fteids"]) == MOST_FTEIDS
    ):
        message["damage"] = 1
    elif ipv4 or ipv6:
        addresses = [str(ipaddress.IPv4Address(value[5:9]))] if ipv4 else []
        if ipv6:
            addresses.append(str(ipaddress.IPv6Address(value[9:25] if ipv4 else value[5:21])))
        message["fteids"].append((bearer, value[0] & 63, instance, number(value[1:5]), told(addresses)))


def location_v2(message: Message, instance: int, value: bytes) -> None:
    if instance != 0 and "cell" in message:
        return
    told, rest = {}, value[1:]
    for flag, name, size in ((1, "CGI", 7), (2, "SAI", 7), (4, "RAI", 7), (8, "TAI", 5), (16, "ECGI", 7)):
        if value[0] & flag:
            if len(rest) < size:
                message["damage"] = 1
                return
            told[name], rest = rest[:size], rest[size:]
    for name in ("ECGI", "CGI", "SAI", "TAI", "RAI"):
        if name in told:
            message["cell"] = place(name, told[name])
            message.pop("area", None)
            for area in ("RAI", "TAI"):
                if area in told:
                    message["area"] = place(area, told[area])
            return


def ran_cause(message: Message, value: bytes) -> None:
    protocol, group = value[0] >> 4, value[0] & 15
    if not 1 <= protocol <= 5:
        return
    if "ran_cause" in message and (protocol != 1 or message["ran_cause"][0] == 1):
        return
    if protocol > 3 and len(value) < 3:
        message["damage"] = 1
        return
    message["ran_cause"] = (protocol, group if protocol == 1 else -1, value[1] if protocol < 4 else number(value[1:3]))


# --- GTPv1 --------------------------------------------------------------------------------------------------------

SIZES_V1 = {1: 1, 2: 8, 3: 6, 4: 4, 5: 4, 8: 1, 9: 28, 11: 1, 12: 3, 13: 1, 14: 1, 15: 1, 16: 4, 17: 4, 18: 5, 19: 1,
            20: 1, 21: 1, 22: 9, 23: 1, 24: 1, 25: 2, 26: 2, 27: 2, 28: 2, 29: 1, 127: 4}  # fmt: skip
MINIMUM_V1 = {128: 2, 134: 1, 135: 1, 151: 1, 152: 1, 191: 1, 198: 8}


def decode_v1(payload: bytes, cut: bool) -> tuple[int, list[Message]]:
    short = TRUNCATED if cut else MALFORMED
    header = 12 if payload[0] & 7 else 8
    if len(payload) < header:
        return short, []
    size = 8 + number(payload[2:4])
    if size < header or (size > len(payload) and not cut) or payload[1] == 255:
        return MALFORMED, []
    message: Message = {"version": 1, "type": payload[1], "teid": number(payload[4:8]), "bearers": [], "fteids": []}
    if payload[0] & 2:
        message["sequence"] = number(payload[8:10])
    body, octets = header, payload[:size]
    following = payload[11] if payload[0] & 4 else 0
    while following:
        if body >= len(octets):
            if body + 4 > size:
                return MALFORMED, []
            body = len(octets)
            break
        units = octets[body]
        if units == 0 or body + 4 * units > size:
            return MALFORMED, []
        if body + 4 * units > len(octets):
            body = len(octets)
            break
        body += 4 * units
        following = octets[body - 1]
    elements, whole = elements_v1(octets[body:])
    if size > len(payload) or not whole:
        message["damage"] = 1
    fill_v1(message, elements)
    return OK, [message]


def elements_v1(octets: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    found = []
    while octets:
        kind = octets[0]
        if kind < 128:
            start, length = 1, SIZES_V1.get(kind)
        else:
            start, length = 3, number(octets[1:3]) if len(octets) >= 3 else None
        if length is None or start + length > len(octets):
            return found, False
        found.append((kind, octets[start : start + length]))
        octets = octets[start + length :]
    return found, True


def fill_v1(message: Message, elements: list[tuple[int, bytes]]) -> None:
    good = [(kind, value) for kind, value in elements if len(value) >= MINIMUM_V1.get(kind, 0)]
    if len(good) < len(elements):
        message["damage"] = 1
    for kind, value in good:
        plain_v1(message, kind, value)
    context_v1(message, good)
    tunnels_v1(message, good)


def plain_v1(message: Message, kind: int, value: bytes) -> None:
    def first(name: str, told: Any) -> None:
        if told is not None:
            message.setdefault(name, told)

    if kind == 1:
        message["cause"] = value[0]
    elif kind == 2:
        first("imsi", digits(value))
    elif kind == 3:
        message["area"] = place("RAI", value)
        message["serving_plmn"] = plmn(value)
        first("cell", message["area"])
    elif kind == 14:
        message["recovery"] = value[0]
    elif kind == 15:
        message["selection_mode"] = value[0] & 3
    elif kind == 19:
        message["teardown"] = value[0] & 1
    elif kind == 20:
        names = ["linked_ebi"] if message["type"] == 22 else ["ebi", "linked_ebi"]
        for name in names:
            if name not in message:
                message[name] = value[0] & 15
                break
    elif kind == 127:
        message["charging_id"] = number(value)
    elif kind == 128:
        end_user_address(message, value)
    elif kind == 131:
        access_point(message, value)
    elif kind == 134:
        first("msisdn", digits(value[1:]))
    elif kind == 151:
        message["rat"] = value[0]
    elif kind == 152 and value[0] < 3:
        if len(value) < 8:
            message["damage"] = 1
            return
        message["cell"] = place(("CGI", "SAI", "RAI")[value[0]], value[1:])
        if value[0] == 2:
            message["area"] = message["cell"]
    elif kind == 154:
        first("imei", digits(value))
    elif kind == 198:
        message["ambr"] = struct.unpack("!II", value[:8])


def end_user_address(message: Message, value: bytes) -> None:
    organisation, kind, address = value[0] & 15, value[1], value[2:]
    if (organisation, kind) == (0, 2):
        message["pdn_type"] = 4
    if organisation != 1 or "ue_ipv4" in message or "ue_ipv6" in message or kind not in (0x21, 0x57, 0x8D):
        return
    message["pdn_type"] = {0x21: 1, 0x57: 2, 0x8D: 3}[kind]
    ipv4 = address[:4] if len(address) in (4, 20) else b""
    ipv6 = address[-16:] if len(address) in (16, 20) else b""
    if any(ipv4):
        message["ue_ipv4"] = str(ipaddress.IPv4Address(ipv4))
    if any(ipv6):
        message["ue_ipv6"] = str(ipaddress.IPv6Address(ipv6))


def context_v1(message: Message, elements: list[tuple[int, bytes]]) -> None:
    qos = [value for kind, value in elements if kind == 135]
    arp = [value[0] >> 2 & 15 for kind, value in elements if kind == 191]
    told = any(kind == 16 for kind, _ in elements) or qos or "ebi" in message or "charging_id" in message
    if not told:
        return
    bearer = {"instance": 1 if message["type"] == 20 else 0}
    bearer |= {name: message[name] for name in ("ebi", "charging_id") if name in message}
    if qos:
        bearer["arp_priority"] = qos[0][0]
        bearer |= quality(qos[0])
        if "qci" in bearer:
            message["qci"] = bearer["qci"]
    if arp:
        bearer["arp_priority"] = arp[-1]
    message["bearers"].append(bearer)


def quality(value: bytes) -> dict[str, int]:
    """QCI and guaranteed bit rates of a QoS profile"""
    told = {}
    padded = value + bytes(22)
    traffic, delay, priority = padded[4] >> 5, padded[9] >> 2, padded[9] & 3
    speech, signalling = padded[12] & 15 == 1, padded[12] & 16
    if len(value) > 4 and (traffic in (2, 4) or len(value) > 9):
        if traffic == 1:
            told["qci"] = 1 if speech else 3 if delay in range(1, 15) else 2
        elif traffic == 2:
            told["qci"] = 4
        elif traffic == 3 and priority:
            told["qci"] = {1: 5 if signalling else 6, 2: 7, 3: 8}[priority]
        elif traffic == 4:
            told["qci"] = 9
    for name, base, extended, extended_2 in (("gbr_up_kbps", 10, 16, 20), ("gbr_down_kbps", 11, 14, 18)):
        rate = bit_rate(padded[base], padded[extended], padded[extended_2])
        if rate is not None:
            told[name] = rate
    return told


def bit_rate(base: int, extended: int, extended_2: int) -> int | None:
    if extended_2:
        steps = [256_000 + 4000 * k for k in range(1, 62)] + [500_000 + 10_000 * k for k in range(1, 101)]
        steps += [1_500_000 + 100_000 * k for k in range(1, 86)]
        return steps[min(extended_2, 246) - 1]
    if extended:
        steps = [8600 + 100 * k for k in range(1, 75)] + [16_000 + 1000 * k for k in range(1, 113)]
        steps += [128_000 + 2000 * k for k in range(1, 65)]
        return steps[min(extended, 250) - 1]
    if base == 255:
        return 0
    steps = list(range(1, 64)) + list(range(64, 569, 8)) + list(range(576, 8641, 64))
    return steps[base - 1] if base else None


def tunnels_v1(message: Message, elements: list[tuple[int, bytes]]) -> None:
    def last(kind: int) -> int | None:
        values = [number(value) for found, value in elements if found == kind]
        return values[-1] if values else None

    gsn = [value for kind, value in elements if kind == 133]
    data, control = last(16), last(17)
    lone_user = len(gsn) == 1 and control is None
    ggsn = message["type"] in (17, 27)
    if message["type"] == 19:
        ggsn = not (lone_user and "charging_id" not in message)
    four = [*gsn[:4], b"", b"", b"", b""]
    user = gsn[0] if lone_user else four[1]

    def add(teid: int, bearer: int | None, interface: int, addresses: list[bytes]) -> None:
        if len(addresses[0]) not in (4, 16) or len(message["fteids"]) == MOST_FTEIDS:
            return
        other = [a for a in addresses[1:] if len(a) in (4, 16) and len(a) != len(addresses[0])]
        ordered = sorted([addresses[0], *other], key=len)
        message["fteids"].append((bearer, interface, 0, teid, told([str(ipaddress.ip_address(a)) for a in ordered])))

    if control is not None:
        add(control, None, 203 if ggsn else 202, [four[0], four[2]])
    if data is not None:
        add(data, 0, 201 if ggsn else 200, [user, four[3]])
    if message["type"] in (52, 54):
        for kind, value in elements:
            if kind == 18:
                if len(message["bearers"]) == MOST_BEARERS:
                    message["damage"] = 1
                    return
                message["bearers"].append({"instance": 0, "ebi": value[0] & 15})
                add(number(value[1:]), len(message["bearers"]) - 1, 200, [user])


# --- shared -------------------------------------------------------------------------------------------------------


def told(addresses: list[str]) -> tuple[str, ...]:
    """An unspecified IPv6 address is none."""
    return tuple(address for address in addresses if address != "::")


def digits(value: bytes) -> str | None:
    text = ""
    for octet in value[:8]:
        for nibble in (octet & 15, octet >> 4):
            if nibble > 9:
                return text or None
            text += str(nibble)
    return text or None


def plmn(value: bytes) -> str:
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value[:3])
    return text[:3] + text[4:6] + text[3]  # MCC, MNC; the third digit of the MNC stands in the middle


def place(kind: str, value: bytes) -> tuple[str, str, int]:
    identity = {
        "ECGI": number(value[3:7]) & 0x0FFFFFFF,
        "TAI": number(value[3:5]),
        "RAI": number(value[3:5]) << 16 | number(value[5:6]),
    }.get(kind, number(value[3:7]))
    return kind, plmn(value), identity


def access_point(message: Message, value: bytes) -> None:
    if "apn" in message:
        return
    labels = []
    while value and value[0]:
        if 1 + value[0] > len(value):
            message["damage"] = 1
            return
        labels.append(value[1 : 1 + value[0]])
        value = value[1 + value[0] :]
        if len(b".".join(labels)) + (len(labels) == 1) > MOST_TEXT:
            message["damage"] = 1
            return
    text = "".join(chr(o) if 0x20 < o < 0x7F else "?" for o in b".".join(labels)).lower()
    tail = text[-19:]
    pattern = [".mnc", ".mcc", ".gprs"]
    is_operator = len(text) > 19 and [tail[:4], tail[7:11], tail[14:]] == pattern
    if is_operator and all(c in "0123456789" for c in tail[4:7] + tail[11:14]):
        text = text[:-19]
    if text:
        message["apn"] = text
