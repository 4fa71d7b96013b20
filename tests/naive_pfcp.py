"""PFCP decoded by plain Python into plain values: the naive twin of `kernels.pfcp`, from the standard's tables.

`decode(payload)` gives (reason, messages); a message is a dict of what was told, as text and numbers, with lists
`pdrs`, `fars`, `qers`, `usages`. What was not told is not in the dict.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

OK, TRUNCATED, MALFORMED, VERSION = 16, 56, 57, 58
MOST_MESSAGES, MOST_RULES, MOST_TEXT, MOST_NAME, MOST_IDS = 8, 64, 1024, 128, 4

Told = dict[str, Any]
REQUESTS, RESPONSES = {1, 3, 5, 7, 9, 12, 14, 16, 50, 52, 54, 56}, {2, 4, 6, 8, 10, 11, 13, 15, 17, 51, 53, 55, 57}
MINIMUM = {19: 1, 20: 1, 21: 1, 25: 1, 26: 10, 27: 10, 29: 4, 39: 1, 40: 2, 42: 1, 44: 1, 49: 1, 56: 2, 57: 9, 60: 1,
           63: 1, 66: 1, 67: 4, 69: 4, 70: 4, 75: 4, 76: 4, 81: 4, 84: 2, 93: 1, 95: 1, 96: 4, 101: 1, 103: 1, 104: 4,
           108: 4, 109: 4, 113: 1, 114: 1, 124: 1, 131: 1, 141: 1, 160: 1, 257: 4, 275: 1}  # fmt: skip


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def decode(payload: bytes) -> tuple[int, list[Told]]:
    messages: list[Told] = []
    while True:
        header = 16 if payload[:1] and payload[0] & 1 else 8
        size = 4 + number(payload[2:4])
        if len(payload) < 8:
            reason = TRUNCATED
        elif payload[0] >> 5 != 1:
            reason = VERSION
        elif size < header:
            reason = MALFORMED
        else:
            reason = OK if len(payload) >= header else TRUNCATED
        if reason != OK or len(messages) == MOST_MESSAGES:
            if not messages:
                return reason, []
            messages[-1]["damage"] = 1
            return OK, messages
        messages.append(Message(payload[:size], size).told)
        if len(messages) > 1:
            messages[-1]["follow_on"] = 1
        if not payload[0] & 4:
            return OK, messages
        payload = payload[size:]


class Message:
    def __init__(self, octets: bytes, size: int) -> None:
        self.told: Told = {"type": octets[1], "pdrs": [], "fars": [], "qers": [], "usages": []}
        if octets[1] in REQUESTS | RESPONSES:
            self.told["request"] = int(octets[1] in REQUESTS)
        rest = octets[8:]
        if octets[0] & 1:
            self.told["seid"], rest = number(octets[4:12]), octets[16:]
        counter = octets[len(octets) - len(rest) - 4 :]
        self.told["sequence"] = number(counter[:3])
        if octets[0] & 2:
            self.told["priority"] = counter[3] >> 4
        self.text = 0
        if size > len(octets):
            self.damage()
        self.walk(rest, self.told, self.element)
        for rule in self.told["pdrs"]:
            for kind in ("qer_ids", "urr_ids"):
                if len(rule.get(kind, [])) > MOST_IDS:
                    rule[kind] = rule[kind][:MOST_IDS]

    def damage(self) -> None:
        self.told["damage"] = 1

    def walk(self, octets: bytes, into: Told, take: Callable[[int, bytes, Told], None]) -> None:
        while octets:
            kind, length = number(octets[:2]), number(octets[2:4])
            if len(octets) < 4 or len(octets) < 4 + length:
                return self.damage()
            value, octets = octets[4 : 4 + length], octets[4 + length :]
            if len(value) < MINIMUM.get(kind, 0):
                self.damage()
            else:
                take(kind, value, into)
        return None

    # --- the message ---------------------------------------------------------------------------------------------

    def element(self, kind: int, value: bytes, told: Told) -> None:
        groups = {1: "create", 127: "create", 9: "update", 129: "update", 8: "created", 128: "created",
                  256: "created", 15: "remove", 130: "remove"}  # fmt: skip
        if kind in groups:
            self.rule("pdrs", {"action": groups[kind]}, value, self.pdr)
        elif kind in (3, 10, 16):
            self.rule("fars", {"action": {3: "create", 10: "update", 16: "remove"}[kind]}, value, self.far)
        elif kind in (7, 14, 18):
            self.rule("qers", {"action": {7: "create", 14: "update", 18: "remove"}[kind]}, value, self.qer)
        elif kind in (78, 79, 80):
            self.rule("usages", {"source": kind}, value, self.usage)
        elif kind in (83, 99, 102, 187):
            self.walk(value, told, self.report)
        elif kind == 60:
            self.node(value)
        elif kind == 57:
            self.f_seid(value)
        elif kind == 141:
            self.user(value)
        elif kind == 159:
            if "apn" not in told:
                self.name(told, "apn", value)
        elif kind == 257:
            if "sst" not in told:
                told["sst"] = value[0]
                if value[1:4] != b"\xff\xff\xff":
                    told["sd"] = number(value[1:4])
        elif kind == 114:
            failed = value[0] & 31
            size = {0: 2, 4: 1, 5: 2, 6: 1}.get(failed, 4)
            if len(value) < 1 + size:
                self.damage()
            elif "failed_rule_type" not in told:
                told |= {"failed_rule_type": failed, "failed_rule_id": number(value[1 : 1 + size])}
        elif kind in (19, 39, 49, 101, 275):
            names = {19: "cause", 39: "report_type", 49: "request_flags", 101: "node_report", 275: "rat"}
            told.setdefault(names[kind], value[0])
        elif kind == 40:
            told.setdefault("offending_ie", number(value[:2]))
        elif kind == 96:
            when(told, "recovery", value)
        elif kind == 113:
            told.setdefault("pdn_type", value[0] & 7)

    def rule(self, where: str, begun: Told, value: bytes, take: Callable[[int, bytes, Told], None]) -> None:
        if len(self.told[where]) == MOST_RULES:
            return self.damage()
        self.told[where].append(begun)
        return self.walk(value, begun, take)

    def report(self, kind: int, value: bytes, told: Told) -> None:
        if kind == 56:
            told.setdefault("report_pdr", number(value[:2]))
        elif kind == 21:
            endpoint = self.f_teid(value)
            if endpoint is not None and "remote_teid" not in told and not value[0] & 4:
                told["remote_teid"] = endpoint[0]
                told.pop("remote", None)
                if endpoint[1]:
                    told["remote"] = endpoint[1]
            elif endpoint is not None and value[0] & 4 and "remote_teid" not in told:
                told.pop("remote", None)
        elif kind == 103:
            found = self.addresses(value[1:], value[0] & 2, value[0] & 1)
            if found and "remote" not in told:
                told["remote"] = found

    def node(self, value: bytes) -> None:
        kind = value[0] & 15
        if kind > 2 or "node_type" in self.told:
            return
        if len(value) < {0: 5, 1: 17, 2: 1}[kind]:
            self.damage()
            return
        self.told["node_type"] = kind
        if kind == 2:
            self.name(self.told, "node", value[1:])
        elif any(value[1 : 5 if kind == 0 else 17]):
            self.told["node"] = address(value[1 : 5 if kind == 0 else 17])
        elif kind == 0:
            self.told["node"] = "0.0.0.0"

    def f_seid(self, value: bytes) -> None:
        found = self.addresses(value[9:], value[0] & 2, value[0] & 1)
        if found is not None and "fseid" not in self.told:
            self.told |= {"fseid": (number(value[1:9]), found), "fseid_side": 2 if self.told["type"] == 51 else 1}

    def user(self, value: bytes) -> None:
        rest = value[1:]
        for flag, name in ((1, "imsi"), (2, "imei"), (4, "msisdn")):
            if value[0] & flag:
                if not rest or len(rest) < 1 + rest[0]:
                    self.damage()
                    return
                told, rest = digits(rest[1 : 1 + rest[0]]), rest[1 + rest[0] :]
                if told:
                    self.told.setdefault(name, told)

    # --- what rules hold -----------------------------------------------------------------------------------------

    def pdr(self, kind: int, value: bytes, told: Told) -> None:
        if kind == 2:
            self.walk(value, told, self.pdr_element)
        else:
            self.pdr_element(kind, value, told)

    def pdr_element(self, kind: int, value: bytes, told: Told) -> None:
        if kind == 21:
            self.local(value, told)
        elif kind == 93:
            self.ue_address(value, told)
        elif kind == 22:
            if "network" not in told:
                self.name(told, "network", value)
        elif kind in (81, 109):
            told.setdefault({81: "urr_ids", 109: "qer_ids"}[kind], []).append(number(value[:4]))
        elif kind in (29, 108):
            told.setdefault({29: "precedence", 108: "far_id"}[kind], number(value[:4]))
        elif kind == 56:
            told.setdefault("pdr_id", number(value[:2]))
        elif kind in (20, 95, 124, 131, 160):
            name, mask = {20: ("source_interface", 15), 95: ("removal", 255), 124: ("qfi", 63),
                          131: ("endpoint_id", 255), 160: ("source_type", 63)}[kind]  # fmt: skip
            told.setdefault(name, value[0] & mask)

    def local(self, value: bytes, told: Told) -> None:
        if "teid" in told or "to_choose" in told:
            return
        if value[0] & 4:
            told["to_choose"] = 1
            if value[0] & 8 and len(value) > 1:
                told["choose_id"] = value[1]
            elif value[0] & 8:
                self.damage()
            return
        endpoint = self.f_teid(value)
        if endpoint is not None:
            told["teid"] = endpoint[0]
            if endpoint[1]:
                told["addresses"] = endpoint[1]

    def f_teid(self, value: bytes) -> tuple[int, tuple[str, ...]] | None:
        if value[0] & 4:
            return -1, ()
        if len(value) < 5:
            self.damage()
            return None
        found = self.addresses(value[5:], value[0] & 1, value[0] & 2)
        return None if found is None else (number(value[1:5]), found)

    def ue_address(self, value: bytes, told: Told) -> None:
        flags = value[0]
        v4, v6 = flags & 2 and not flags & 0x10, flags & 1 and not flags & 0x20
        need = (4 if v4 else 0) + (16 if v6 else 0)
        if len(value) < 1 + need:
            self.damage()
        elif "ue_flags" not in told:
            told["ue_flags"] = flags
            if v4 and any(value[1:5]):
                told["ue_ipv4"] = address(value[1:5])
                self.told.setdefault("ue_ipv4", told["ue_ipv4"])
            ipv6 = value[5:21] if v4 else value[1:17]
            if v6 and any(ipv6):
                told["ue_ipv6"] = address(ipv6)
                self.told.setdefault("ue_ipv6", told["ue_ipv6"])

    def far(self, kind: int, value: bytes, told: Told) -> None:
        if kind in (4, 11):
            self.walk(value, told, self.forwarding)
        elif kind == 108:
            told.setdefault("far_id", number(value[:4]))
        elif kind == 44:
            told.setdefault("apply_action", number((value + b"\0")[:2]))

    def forwarding(self, kind: int, value: bytes, told: Told) -> None:
        if kind == 84:
            self.outer_header(value, told)
        elif kind == 22:
            if "network" not in told:
                self.name(told, "network", value)
        elif kind in (42, 131, 160):
            name, mask = {42: ("destination_interface", 15), 131: ("endpoint_id", 255), 160: ("destination_type", 63)}[
                kind
            ]
            told.setdefault(name, value[0] & mask)
        elif kind == 49 and "request_flags" not in told:
            told["request_flags"] = value[0]
            self.told.setdefault("request_flags", value[0])

    def outer_header(self, value: bytes, told: Told) -> None:
        kinds, rest = value[0], value[2:]
        teid = rest[:4] if kinds & 3 else b""
        short = bool(kinds & 3) and len(teid) < 4
        rest = rest[len(teid) :]
        v4, v6 = kinds & 0x15, kinds & 0x2A
        addresses_octets = (4 if v4 else 0) + (16 if v6 else 0)
        if short or len(rest) < addresses_octets + (2 if kinds & 0x0C else 0):
            self.damage()
            return
        if "header" in told:
            return
        told["header"] = number(value[:2])
        if teid:
            told["teid"] = number(teid)
        found = self.addresses(rest, v4, v6)
        if found:
            told["addresses"] = found
        if kinds & 0x0C:
            told["port"] = number(rest[addresses_octets : addresses_octets + 2])

    def qer(self, kind: int, value: bytes, told: Told) -> None:
        if kind == 109:
            told.setdefault("qer_id", number(value[:4]))
        elif kind == 124:
            told.setdefault("qfi", value[0] & 63)
        elif kind == 25 and "gate_up" not in told:
            told |= {"gate_up": value[0] >> 2 & 3, "gate_down": value[0] & 3}
        elif kind in (26, 27):
            rate = {26: "mbr", 27: "gbr"}[kind]
            told.setdefault(f"{rate}_up_kbps", number(value[:5]))
            told.setdefault(f"{rate}_down_kbps", number(value[5:10]))

    def usage(self, kind: int, value: bytes, told: Told) -> None:
        if kind in (81, 104, 67):
            told.setdefault({81: "urr_id", 104: "report", 67: "duration_s"}[kind], number(value[:4]))
        elif kind == 63:
            told.setdefault("trigger", number((value + bytes(2))[:3]))
        elif kind in (75, 76, 69, 70):
            when(told, {75: "start", 76: "end", 69: "first_packet", 70: "last_packet"}[kind], value)
        elif kind == 66:
            names = ("bytes", "bytes_up", "bytes_down", "packets", "packets_up", "packets_down")
            there = [name for bit, name in enumerate(names) if value[0] >> bit & 1]
            if len(value) < 1 + 8 * len(there):
                self.damage()
                return
            for k, name in enumerate(there):
                count = number(value[1 + 8 * k : 9 + 8 * k])
                told.pop(name, None)
                if count < 1 << 63:
                    told[name] = count

    # --- values --------------------------------------------------------------------------------------------------

    def addresses(self, octets: bytes, v4: int, v6: int) -> tuple[str, ...] | None:
        if len(octets) < (4 if v4 else 0) + (16 if v6 else 0):
            self.damage()
            return None
        found = [address(octets[:4])] if v4 else []
        ipv6 = octets[4:20] if v4 else octets[:16]
        return tuple([*found, address(ipv6)] if v6 and any(ipv6) else found)

    def name(self, told: Told, where: str, value: bytes) -> None:
        text = labels(value)
        if text is None:
            text = printable(value[:MOST_NAME])
        if not text:
            return
        if text[-19:-16] == ".mn" and _operator(text[-19:]) and len(text) > 19:
            text = text[:-19]
        if self.text + len(text) > MOST_TEXT:
            told[where] = fnv(text.encode())
        else:
            told[where], self.text = text, self.text + len(text)


def _operator(text: str) -> bool:
    parts = text.split(".")
    return (
        len(parts) == 4
        and parts[0] == ""
        and parts[1][:3] == "mnc"
        and parts[2][:3] == "mcc"
        and parts[3] == "gprs"
        and parts[1][3:].isdigit()
        and parts[2][3:].isdigit()
    )


def labels(value: bytes) -> str | None:
    """Dotted text of labels; None where they are none, or too long."""
    found: list[str] = []
    size = 0
    while value and value[0]:
        label, rest = value[1 : 1 + value[0]], value[1 + value[0] :]
        if len(label) < value[0] or size + len(label) + 1 > MOST_NAME:
            return None
        size += len(label) + (1 if found else 0)
        found.append(printable(label))
        value = rest
    return ".".join(found)


def printable(octets: bytes) -> str:
    return "".join(chr(o).lower() if 0x20 < o < 0x7F else "?" for o in octets)


def fnv(octets: bytes) -> int:
    state = 0xCBF29CE484222325
    for octet in octets:
        state = ((state ^ octet) * 0x100000001B3) % (1 << 64)
    return (state ^ state >> 32) or 1


def when(told: Told, name: str, value: bytes) -> None:
    """Seconds since 1900; those of less than 2**31 are of the era that begins in 2036."""
    seconds = number(value[:4])
    if seconds:
        seconds += 0 if seconds >> 31 else 1 << 32
        told.setdefault(name, (seconds - 2_208_988_800) * 10**9)


def address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def digits(octets: bytes) -> str:
    text = ""
    for nibble in "".join(f"{o & 15:x}{o >> 4:x}" for o in octets[:8]):
        if nibble > "9":
            break
        text += nibble
    return text
