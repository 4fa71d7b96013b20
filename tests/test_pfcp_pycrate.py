"""PFCP decoding against pycrate: its encoders make messages of many kinds, each field is found again."""

import ipaddress
import random
from typing import Any

import pytest

from formats.reasons import PFCP
from tests.pfcp_rows_told import decode

crate = pytest.importorskip("pycrate_mobile.TS29244_PFCP")

ROUNDS = 12
NTP = 2_208_988_800
Told = dict[str, Any]
Element = dict[str, Any]


class Encoder:
    """Draws elements in pycrate's form, and tells what each should come out as."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def some(self, chance: float = 0.6) -> bool:
        return self.draw.random() < chance

    def bits(self, width: int) -> int:
        return self.draw.getrandbits(width)

    def digits(self, least: int, most: int) -> str:
        return "".join(str(self.draw.randrange(10)) for _ in range(self.draw.randint(least, most)))

    def ipv4(self) -> bytes:
        return bytes([10, *self.draw.randbytes(3)])

    def ipv6(self) -> bytes:
        return bytes.fromhex("20010db8") + self.draw.randbytes(12)

    def addresses(self) -> tuple[Element, tuple[str, ...]]:
        """Flags and addresses, of one kind or of both."""
        v4, v6 = self.draw.choice([(1, 0), (0, 1), (1, 1)])
        value: Element = {"V4": v4, "V6": v6}
        if v4:
            value["IPv4Addr"] = self.ipv4()
        if v6:
            value["IPv6Addr"] = self.ipv6()
        return value, tuple(text(value[k]) for k in ("IPv4Addr", "IPv6Addr") if k in value)

    def extension(self) -> Element:
        """Octets that a later release may add to an element."""
        return {"ext": self.draw.randbytes(self.draw.randint(1, 4))} if self.some(0.1) else {}

    # --- elements --------------------------------------------------------------------------------------------------

    def f_teid(self, told: Told) -> Element:
        if self.some(0.3):
            chosen = self.bits(1)
            value: Element = {"CH": 1, "CHID": chosen, "V4": self.bits(1), "V6": self.bits(1)}
            told["to_choose"] = 1
            if chosen:
                value["CHOOSE_ID"] = told["choose_id"] = self.bits(8)
            return {"Type": 21, "Data": value}
        value, told["addresses"] = self.addresses()
        value["TEID"] = told["teid"] = self.bits(32)
        return {"Type": 21, "Data": value | self.extension()}

    def ue(self, told: Told, message: Told) -> Element:
        value, found = self.addresses()
        value["SD"], value["IPv6D"], value["IP6PL"] = self.bits(1), self.bits(1), self.bits(1)
        if value["IPv6D"]:
            value["IPv6PrefDeleg"] = 8
        if value["IP6PL"]:
            value["IPv6PrefLen"] = 64
        told["ue_flags"] = value["V6"] | value["V4"] << 1 | value["SD"] << 2 | value["IPv6D"] << 3 | value["IP6PL"] << 6
        for address in found:
            name = "ue_ipv6" if ":" in address else "ue_ipv4"
            told[name] = address
            message.setdefault(name, address)
        return {"Type": 93, "Data": value}

    def network(self, told: Told) -> Element:
        told["network"] = self.draw.choice(["internet", "ims", "n6", "core.one"])
        value = told["network"].encode()
        if self.some():
            value = b"".join(bytes([len(label)]) + label for label in value.split(b"."))
        return {"Type": 22, "Data": value}

    def numbered(self, kind: int, name: str, told: Told, width: int, field: str = "Val") -> Element:
        told[name] = self.bits(width)
        return {"Type": kind, "Data": {field: told[name]} | self.extension()}

    def traffic(self, message: Told, told: Told) -> Element:
        """PDI"""
        parts = [self.numbered(20, "source_interface", told, 4, "If")]
        parts += [self.f_teid(told)] if self.some() else []
        parts += [self.network(told)] if self.some() else []
        parts += [self.ue(told, message)] if self.some() else []
        parts += [self.numbered(131, "endpoint_id", told, 8)] if self.some(0.2) else []
        parts += [{"Type": 23, "Data": b"\1\0\0\x16permit out ip from any"}] if self.some(0.3) else []
        parts += [self.numbered(124, "qfi", told, 6, "QFI")] if self.some() else []
        parts += [self.numbered(160, "source_type", told, 6)] if self.some(0.3) else []
        return {"Type": 2, "Data": parts}

    def pdr(self, message: Told, kind: int, action: str) -> Element:
        told: Told = {"action": action}
        message["pdrs"].append(told)
        parts = [self.numbered(56, "pdr_id", told, 16)]
        if action == "created":
            parts += [self.f_teid(told)] if self.some() else []
            parts += [self.ue(told, message)] if self.some(0.3) else []
        elif action != "remove":
            parts += [self.numbered(29, "precedence", told, 32)]
            parts += [self.traffic(message, told)]
            parts += [self.numbered(108, "far_id", told, 32)] if self.some() else []
            for rule, name in ((81, "urr_ids"), (109, "qer_ids")):
                ids = [self.bits(32) for _ in range(self.draw.randint(0, 5))]
                parts += [{"Type": rule, "Data": {"Val": k}} for k in ids]
                if ids:
                    told[name] = ids[:4]
            if self.some():
                told["removal"] = self.draw.choice([0, 1, 6])
                parts += [{"Type": 95, "Data": {"Desc": told["removal"]}}]
        return {"Type": kind, "Data": parts}

    def endpoint(self, message: Told, kind: int, action: str) -> Element:
        told: Told = {"action": action}
        message["pdrs"].append(told)
        parts = [self.numbered(131, "endpoint_id", told, 8)]
        if action != "remove":
            parts += [self.f_teid(told)] if self.some() else []
            parts += [self.ue(told, message)] if self.some() else []
        return {"Type": kind, "Data": parts}

    def outer_header(self, told: Told) -> Element:
        kind = self.draw.choice(["GTPU_UDP_IPv4", "GTPU_UDP_IPv6", "UDP_IPv4", "UDP_IPv6", "IPv4", "IPv6", "dual"])
        flags = ["GTPU_UDP_IPv4", "GTPU_UDP_IPv6"] if kind == "dual" else [kind]
        codes = ["GTPU_UDP_IPv4", "GTPU_UDP_IPv6", "UDP_IPv4", "UDP_IPv6", "IPv4", "IPv6"]
        value: Element = dict.fromkeys(flags, 1)
        value["N19"], value["CTAG"] = self.bits(1), self.bits(1)
        told["header"] = sum(0x100 << codes.index(f) for f in flags) | value["CTAG"] << 14 | value["N19"]
        if "GTPU" in flags[0]:
            value["TEID"] = told["teid"] = self.bits(32)
        found = []
        if any(f.endswith("IPv4") for f in flags):
            value["IPv4Addr"] = self.ipv4()
            found.append(text(value["IPv4Addr"]))
        if any(f.endswith("IPv6") for f in flags):
            value["IPv6Addr"] = self.ipv6()
            found.append(text(value["IPv6Addr"]))
        told["addresses"] = tuple(found)
        if flags[0].startswith("UDP"):
            value["Port"] = told["port"] = self.bits(16)
        if value["CTAG"]:
            value["VLAN_CTAG"] = b"abc"
        return {"Type": 84, "Data": value}

    def far(self, message: Told, kind: int, action: str) -> Element:
        told: Told = {"action": action}
        message["fars"].append(told)
        parts = [self.numbered(108, "far_id", told, 32)]
        if action != "remove":
            first, second = self.bits(8), self.bits(3)
            names = ("DFRT", "IPMD", "IPMA", "DUPL", "NOCP", "BUFF", "FORW", "DROP")
            value: Element = {"Octet1": {n: first >> (7 - k) & 1 for k, n in enumerate(names)}}
            value["Octet2"] = {n: second >> (2 - k) & 1 for k, n in enumerate(("DDPN", "BDPN", "EDRT"))}
            told["apply_action"] = first << 8 | second
            parts += [{"Type": 44, "Data": value}]
            inner = [self.numbered(42, "destination_interface", told, 4)]
            inner += [self.network(told)] if self.some() else []
            inner += [self.outer_header(told)] if self.some() else []
            inner += [self.numbered(131, "endpoint_id", told, 8)] if self.some(0.2) else []
            inner += [self.numbered(160, "destination_type", told, 6)] if self.some(0.2) else []
            parts += [{"Type": 4 if action == "create" else 11, "Data": inner}] if self.some(0.9) else []
            if len(parts) < 3:
                for name in set(told) - {"action", "far_id", "apply_action"}:
                    del told[name]
        return {"Type": kind, "Data": parts}

    def qer(self, message: Told, kind: int, action: str) -> Element:
        told: Told = {"action": action}
        message["qers"].append(told)
        parts = [self.numbered(109, "qer_id", told, 32)]
        if action != "remove":
            told |= {"gate_up": self.bits(2), "gate_down": self.bits(2)}
            parts += [{"Type": 25, "Data": {"ULGate": told["gate_up"], "DLGate": told["gate_down"]}}]
            for rate, name in ((26, "mbr"), (27, "gbr")):
                if self.some():
                    up, down = self.bits(40), self.bits(40)
                    told |= {f"{name}_up_kbps": up, f"{name}_down_kbps": down}
                    parts += [{"Type": rate, "Data": {"UL": up, "DL": down}}]
            parts += [self.numbered(124, "qfi", told, 6, "QFI")] if self.some() else []
        return {"Type": kind, "Data": parts}

    def time(self, kind: int, name: str, told: Told) -> Element:
        seconds = self.draw.randrange(NTP, NTP + (1 << 32))
        told[name] = (seconds - NTP) * 10**9
        seconds = seconds % (1 << 32)
        if seconds == 0 or (seconds < 1 << 31) != (told[name] // 10**9 >= (1 << 32) - NTP):
            return self.time(kind, name, told)  # of an era that 32 bits do not tell
        return {"Type": kind, "Data": {"Val": seconds}}

    def usage(self, message: Told, kind: int) -> Element:
        told: Told = {"source": kind}
        message["usages"].append(told)
        parts = [self.numbered(81, "urr_id", told, 32), {"Type": 104, "Data": self.bits(32)}]
        told["report"] = parts[1]["Data"]
        trigger = [self.bits(8), self.bits(8), self.bits(5)]
        told["trigger"] = trigger[0] << 16 | trigger[1] << 8 | trigger[2]
        parts += [{"Type": 63, "Data": bytes(trigger)}]
        flags = ("TOVOL", "ULVOL", "DLVOL", "TONOP", "ULNOP", "DLNOP")
        fields = ("TotalVolume", "UplinkVolume", "DownlinkVolume", "TotalNumPackets", "UplinkNumPackets",
                  "DownlinkNumPackets")  # fmt: skip
        names = ("bytes", "bytes_up", "bytes_down", "packets", "packets_up", "packets_down")
        volume: Element = {}
        for flag, field, name in zip(flags, fields, names, strict=True):
            if self.some():
                volume |= {flag: 1, field: self.bits(63)}
                told[name] = volume[field]
        parts += [{"Type": 66, "Data": volume}] if self.some(0.9) else []
        if len(parts) < 4:
            for name in names:
                told.pop(name, None)
        parts += [self.numbered(67, "duration_s", told, 32)] if self.some() else []
        for when, name in ((75, "start"), (76, "end"), (69, "first_packet"), (70, "last_packet")):
            parts += [self.time(when, name, told)] if self.some() else []
        return {"Type": kind, "Data": parts}

    def node(self, told: Told) -> Element:
        kind = told["node_type"] = self.draw.randrange(3)
        if kind == 2:
            told["node"] = self.draw.choice(["smf1.epc.mnc093.mcc208.3gppnetwork.org", "upf", "n4.core"])
            labels = [{"Len": len(n), "Val": n.encode()} for n in told["node"].split(".")]
            octets = b"".join(bytes([n["Len"]]) + n["Val"] for n in labels)  # type: ignore[operator]
            return {"Type": 60, "Data": b"\x02" + octets}
        address = self.ipv4() if kind == 0 else self.ipv6()
        told["node"] = text(address)
        return {"Type": 60, "Data": {"Type": kind, "Val": address}}

    def user(self, told: Told) -> Element:
        value: Element = {}
        for name, least in (("IMSI", 14), ("IMEI", 14), ("MSISDN", 8)):
            if self.some():
                told[name.lower()] = self.digits(least, 16 if name == "IMEI" else 15)
                value |= {f"{name}F": 1, name: {"Val": tbcd(told[name.lower()])}}
        if self.some(0.3):
            value |= {"NAIF": 1, "NAI": {"Val": b"someone@realm"}}
        return {"Type": 141, "Data": value}

    def f_seid(self, told: Told) -> Element:
        value, found = self.addresses()
        value["SEID"] = self.bits(64)
        told |= {"fseid": (value["SEID"], found), "fseid_side": 2 if told["type"] == 51 else 1}
        return {"Type": 57, "Data": value | self.extension()}

    # --- messages --------------------------------------------------------------------------------------------------

    def elements(self, told: Told) -> list[Element]:
        kind, many = told["type"], lambda: range(self.draw.randint(0, 4))
        found: list[Element] = []
        if kind in (5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 50, 51):
            found += [self.node(told)]
        if kind in (50, 51, 52, 56):
            found += [self.f_seid(told)]
        if not told.get("request"):
            found += [{"Type": 19, "Data": self.first(told, "cause", 8)}]
            found += [{"Type": 40, "Data": self.first(told, "offending_ie", 16)}] if self.some(0.3) else []
        if kind in (1, 2, 5, 6):
            found += [self.time(96, "recovery", told)]
        if kind == 50:
            found += [self.user(told)] if self.some() else []
            found += [self.numbered(113, "pdn_type", told, 3)] if self.some() else []
        if kind in (50, 52):
            found += self.slices(told) if self.some() else []
            found += [self.pdr(told, 1, "create") for _ in many()] + [self.far(told, 3, "create") for _ in many()]
            found += [self.qer(told, 7, "create") for _ in many()]
            found += [self.endpoint(told, 127, "create") for _ in many()] if self.some(0.2) else []
        if kind == 52:
            found += [self.pdr(told, 9, "update") for _ in many()] + [self.far(told, 10, "update") for _ in many()]
            found += [self.pdr(told, 15, "remove") for _ in many()] + [self.far(told, 16, "remove") for _ in many()]
            found += [self.qer(told, 14, "update") for _ in many()] + [self.qer(told, 18, "remove") for _ in many()]
        if kind in (51, 53):
            found += [self.pdr(told, 8, "created") for _ in many()]
            found += [self.endpoint(told, 128, "created") for _ in many()] if self.some(0.2) else []
        if kind in (53, 55, 56):
            found += [self.usage(told, {53: 78, 55: 79, 56: 80}[kind]) for _ in many()]
        if kind == 12:
            peer, told["remote"] = self.addresses()
            told["node_report"] = 1
            found += [{"Type": 101, "Data": {"UPFR": 1}}, {"Type": 102, "Data": [{"Type": 103, "Data": peer}]}]
        if kind == 56:
            found += [{"Type": 39, "Data": bytes([self.first(told, "report_type", 7)])}]
        return found

    def slices(self, told: Told) -> list[Element]:
        told |= {"apn": "internet", "sst": self.bits(8), "sd": self.draw.randrange(0xFFFFFF)}
        slice_ = {"Type": 257, "Data": {"SST": told["sst"], "SD": told["sd"]}}
        return [slice_, {"Type": 159, "Data": b"\x08internet\x06mnc093\x06mcc208\x04gprs"}]

    def first(self, told: Told, name: str, width: int) -> int:
        told[name] = self.bits(width)
        return int(told[name])

    def message(self, kind: int) -> tuple[bytes, Told]:
        coded = crate.PFCPDispatcher[kind]()
        told: Told = {"type": kind, "pdrs": [], "fars": [], "qers": [], "usages": []}
        told |= {"request": int(kind in (1, 3, 5, 7, 9, 12, 14, 50, 52, 54, 56)), "sequence": self.bits(24)}
        header: Element = {"SeqNum": told["sequence"]}
        if kind >= 50:
            header["SEID"] = told["seid"] = self.bits(64)
            if self.some(0.2):
                told["priority"] = self.bits(4)
                header |= {"MP": 1, "MPSel": {"MsgPriority": told["priority"]}}
        coded[0].set_val(header)
        if kind != 11:  # Version Not Supported Response is a header alone
            elements = self.elements(told)
            self.draw.shuffle(elements)
            crate.PFCPIEs._SET_MAND = False  # pycrate would add empty ones
            coded[1].clear()
            coded[1].set_val(elements)
        return bytes(coded.to_bytes()), told


def text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


def tbcd(digits: str) -> bytes:
    digits += "f" * (len(digits) % 2)
    return bytes(int(digits[k + 1] + digits[k], 16) for k in range(0, len(digits), 2))


def in_order(told: Told) -> Told:
    """Lists whose order was shuffled, by what they hold."""
    return told | {name: sorted(told[name], key=repr_of) for name in ("pdrs", "fars", "qers", "usages")}


def repr_of(rule: Told) -> list[tuple[str, str]]:
    return sorted((name, repr(value)) for name, value in rule.items())


@pytest.mark.parametrize("kind", sorted(crate.PFCPDispatcher))
def test_each_field_is_found(kind: int) -> None:
    for seed in range(ROUNDS):
        octets, told = Encoder(seed * 100 + kind).message(kind)
        reason, messages = decode(octets)
        assert (reason, len(messages)) == (PFCP, 1)
        found, first_ue = messages[0], {}
        for name in ("ue_ipv4", "ue_ipv6"):  # that of the rule that stands first, whichever it is
            assert (name in found) == (name in told)
            first_ue[name] = [rule.get(name) for rule in found["pdrs"] if name in rule][:1]
            assert [found.pop(name, None)] == (first_ue[name] or [None])
            told.pop(name, None)
        assert in_order(found) == in_order(told), octets.hex()
