"""Rows of `kernels.gtpc` as plain values, for tests: what a row tells, and nothing for what it leaves absent."""

import ipaddress
from typing import Any

import numpy as np

from formats.addresses import CELL_CGI, CELL_ECGI, CELL_RAI, CELL_SAI, CELL_TAI, NO_DIGITS
from kernels import signalling
from kernels.gtpc import decode_datagram
from kernels.signalling import BEARERS, FTEIDS, MESSAGES, TEXT, Signalling

CELLS = {CELL_ECGI: "ECGI", CELL_CGI: "CGI", CELL_SAI: "SAI", CELL_RAI: "RAI", CELL_TAI: "TAI"}
PLAIN = {
    "teid": -1, "sequence": -1, "charging_id": -1, "cause": -1, "cause_remote": 0, "ebi": -1, "linked_ebi": -1,
    "qci": -1, "pdn_type": -1, "recovery": -1, "teardown": -1, "selection_mode": -1, "indication": 0, "rat": 0,
    "damage": 0, "piggyback": 0,
}  # fmt: skip
BEARER_FIELDS = ("ebi", "cause", "qci", "arp_priority", "charging_id", "gbr_up_kbps", "gbr_down_kbps")
ZERO = np.uint64(0)
OUT = Signalling(*[a.view(np.recarray) if a.dtype.names else a for a in signalling.allocate(8)])


def decode(payload: bytes, cut: bool = False, before: bytes = b"", behind: bytes = b"") -> tuple[int, list[dict]]:
    """(reason, messages) of a payload that stands between other octets, decoded into rows full of old values."""
    data = np.frombuffer(before + payload + behind, np.uint8)
    for array in OUT:
        array.view(np.uint8)[:] = 0xA5
    OUT.used[:] = 0
    arguments = (len(before), len(before) + len(payload), int(cut), 7, ZERO, np.uint64(1), ZERO, np.uint64(2), 3, 4)
    reason = int(decode_datagram(data, *arguments, OUT))
    messages = [message(row) for row in OUT.messages[: OUT.used[MESSAGES]]]
    assert int(OUT.used[BEARERS]) == sum(len(m["bearers"]) for m in messages)
    assert int(OUT.used[FTEIDS]) == sum(len(m["fteids"]) for m in messages)
    assert int(OUT.used[TEXT]) == sum(len(m.get("apn", "")) for m in messages)
    return reason, messages


def message(row: np.record) -> dict[str, Any]:
    assert (row.ts, row.src_lo, row.dst_lo, row.src_port, row.dst_port) == (7, 1, 2, 3, 4)
    told: dict[str, Any] = {"version": int(row.version), "type": int(row.type)}
    told |= {name: int(row[name]) for name, absent in PLAIN.items() if row[name] != absent}
    told |= {name: digits(row[name]) for name in ("imsi", "msisdn", "imei") if row[name] != NO_DIGITS}
    told |= {name: place(int(row[name])) for name in ("cell", "area") if row[name]}
    if row.serving_plmn >= 0:
        told["serving_plmn"] = f"{int(row.serving_plmn):06x}"
    if row.apn_length > 0:
        text = OUT.text[row.apn_offset : row.apn_offset + row.apn_length]
        told["apn"] = bytes(text).decode("ascii")
        assert row.apn_hash != 0
    if row.ambr_up_kbps >= 0:
        told["ambr"] = (int(row.ambr_up_kbps), int(row.ambr_down_kbps))
    if row.ue_ipv4 >= 0:
        told["ue_ipv4"] = str(ipaddress.IPv4Address(int(row.ue_ipv4)))
    if row.ue_ipv6_hi or row.ue_ipv6_lo:
        told["ue_ipv6"] = str(ipaddress.IPv6Address(int(row.ue_ipv6_hi) << 64 | int(row.ue_ipv6_lo)))
    assert row.pdn_address_count == ("ue_ipv4" in told) + ("ue_ipv6" in told)
    if row.ran_cause >= 0:
        told["ran_cause"] = (int(row.ran_cause_protocol), int(row.ran_cause_group), int(row.ran_cause))
    first, last = row.first_bearer, row.first_bearer + row.bearer_count
    told["bearers"] = [bearer(b) for b in OUT.bearers[first:last]]
    first, last = row.first_fteid, row.first_fteid + row.fteid_count
    told["fteids"] = [fteid(f) for f in OUT.fteids[first:last]]
    return told


def digits(value: np.uint64) -> str:
    return f"{int(value):016x}".rstrip("f")


def place(code: int) -> tuple[str, str, int]:
    return CELLS[code >> 60], f"{code >> 36 & 0xFFFFFF:06x}", code & (1 << 36) - 1


def bearer(row: np.record) -> dict[str, int]:
    return {"instance": int(row.instance)} | {n: int(row[n]) for n in BEARER_FIELDS if row[n] != -1}


def fteid(row: np.record) -> tuple:
    pairs = [(int(row.hi), int(row.lo)), (int(row.v6_hi), int(row.v6_lo))]
    addresses = tuple(address(hi, lo) for hi, lo in pairs if hi or lo)
    return None if row.bearer < 0 else int(row.bearer), int(row.interface), int(row.instance), int(row.teid), addresses


def address(hi: int, lo: int) -> str:
    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(hi << 64 | lo))
