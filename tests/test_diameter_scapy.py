"""Diameter decoding against scapy: its encoder, with a dictionary of its own, makes messages; each field is found."""

import random
from typing import Any

import pytest

from formats.reasons import DIAMETER
from tests.diameter_rows_told import decode

scapy = pytest.importorskip("scapy.contrib.diameter")
AVP = scapy.AVP

NUMBERS = {
    "Result-Code": "result", "Origin-State-Id": "origin_state", "CC-Request-Type": "request_type",
    "CC-Request-Number": "request_number", "Termination-Cause": "termination_cause", "IP-CAN-Type": "ip_can_type",
    "Server-Assignment-Type": "server_assignment", "User-Authorization-Type": "authorization_type",
    "Abort-Cause": "abort_cause", "Session-Release-Cause": "release_cause", "Cancellation-Type": "cancellation_type",
    "Error-Diagnostic": "error_diagnostic", "Event-Trigger": "event_trigger",
}  # fmt: skip
NAMES = {"Origin-Host": "origin_host", "Origin-Realm": "origin_realm", "Destination-Host": "destination_host",
         "Destination-Realm": "destination_realm", "Server-Name": "server", "Called-Station-Id": "apn"}  # fmt: skip
COMMANDS = {"Credit-Control": (272, 4), "AA": (265, 16777236), "Update-Location": (316, 16777251),
            "Server-Assignment": (301, 16777216), "Device-Watchdog": (280, 0)}  # fmt: skip


class Encoder:
    """Draws AVPs in scapy's form, and tells what each should come out as."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.told: dict[str, Any] = {"credits": []}
        self.avps: list[Any] = []

    def some(self) -> bool:
        return self.draw.random() < 0.5

    def digits(self, size: int) -> str:
        return "".join(str(self.draw.randrange(10)) for _ in range(size))

    def plain(self) -> None:
        for name, field in NUMBERS.items():
            if self.some():
                self.told[field] = self.draw.choice([1, 2, 3, 4, 2001])
                self.avps.append(AVP(name, val=self.told[field]))
        for name, field in NAMES.items():
            if self.some():
                self.told[field] = self.draw.choice(["pgw.epc", "a", "smf12.core.example"])
                self.avps.append(AVP(name, val=self.told[field]))

    def groups(self) -> None:
        if self.some():
            self.told["experimental_vendor"], self.told["experimental_result"] = 10415, self.draw.choice([5001, 5420])
            inner = [AVP("Vendor-Id", val=10415), AVP("Experimental-Result-Code", val=self.told["experimental_result"])]
            self.avps.append(AVP("Experimental-Result", val=inner))
        for kind, field in ((0, "msisdn"), (1, "imsi")):
            if self.some():
                self.told[field] = self.digits(self.draw.randint(8, 15))
                inner = [AVP("Subscription-Id-Type", val=kind), AVP("Subscription-Id-Data", val=self.told[field])]
                self.draw.shuffle(inner)
                self.avps.append(AVP("Subscription-Id", val=inner))
        if self.some():
            self.told["qci"], self.told["arp_priority"] = self.draw.randint(1, 9), self.draw.randint(1, 15)
            priority = AVP("Allocation-Retention-Priority", val=[AVP("Priority-Level", val=self.told["arp_priority"])])
            inner = [AVP("QoS-Class-Identifier", val=self.told["qci"]), priority]
            self.avps.append(AVP("Default-EPS-Bearer-QoS", val=inner))

    def where(self) -> None:
        if self.some():
            self.told["visited_plmn"] = "20893f"
            self.avps.append(AVP("Visited-PLMN-Id", val=b"\x02\xf8\x39"))
        if self.some():
            self.told |= {"rat_type": 1004, "rat": 6}
            self.avps.append(AVP("RAT-Type", val=1004))

    def charging(self) -> None:
        for _ in range(self.draw.randint(0, 3)):
            credit = {"rating_group": self.draw.getrandbits(32), "used_s": self.draw.getrandbits(32)}
            credit |= {"used_bytes": self.draw.getrandbits(40), "used_bytes_up": self.draw.getrandbits(40)}
            used = [AVP("CC-Time", val=credit["used_s"]), AVP("CC-Total-Octets", val=credit["used_bytes"])]
            used.append(AVP("CC-Input-Octets", val=credit["used_bytes_up"]))
            inner = [AVP("Rating-Group", val=credit["rating_group"]), AVP("Used-Service-Unit", val=used)]
            self.avps.append(AVP("Multiple-Services-Credit-Control", val=inner))
            self.told["credits"].append(credit)

    def message(self) -> bytes:
        self.plain()
        self.groups()
        self.where()
        self.charging()
        order = [a for a in self.avps if a.avpCode != 456]
        self.draw.shuffle(order)
        order += [a for a in self.avps if a.avpCode == 456]
        name = self.draw.choice(list(COMMANDS))
        self.told["command"], self.told["application"] = COMMANDS[name]
        self.told["hop_by_hop"], self.told["end_to_end"] = self.draw.getrandbits(32), self.draw.getrandbits(32)
        hops = {"drHbHId": self.told["hop_by_hop"], "drEtEId": self.told["end_to_end"]}
        coded = scapy.DiamReq(self.told["command"], drAppId=self.told["application"], avpList=order, **hops)
        octets = bytearray(bytes(coded))
        octets[4] = self.draw.getrandbits(4) << 4  # scapy sets those that its dictionary knows
        for bit, flag in enumerate(("retransmit", "error", "proxiable", "request")):
            if octets[4] >> (4 + bit) & 1:
                self.told[flag] = 1
        return bytes(octets)


@pytest.mark.parametrize("seed", range(40))
def test_each_field_is_found(seed: int) -> None:
    encoder = Encoder(seed)
    octets = encoder.message()
    assert decode(octets) == (DIAMETER, encoder.told)
