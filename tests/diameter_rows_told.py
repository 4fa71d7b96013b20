"""Rows of `kernels.diameter` as plain values, for tests: what a row tells, and nothing for what it leaves absent."""

import ipaddress
from typing import Any

import numpy as np

from formats import diameter_rows as blanks
from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI, CELL_RAI, CELL_SAI, CELL_TAI
from kernels import diameter_rows
from kernels.diameter import decode as _decode
from kernels.diameter_rows import CREDITS, MESSAGES, TEXT, Diameter

OUT = Diameter(*[a.view(np.recarray) if a.dtype.names else a for a in diameter_rows.allocate(2)])
CELLS = {CELL_ECGI: "ECGI", CELL_CGI: "CGI", CELL_SAI: "SAI", CELL_RAI: "RAI", CELL_TAI: "TAI", CELL_NCGI: "NCGI"}
NAMES = ("origin_host", "origin_realm", "destination_host", "destination_realm", "apn", "server")
PLACES = ("text_offset", "text_length", "first_credit", "credit_count")


def decode(payload: bytes, before: bytes = b"", behind: bytes = b"") -> tuple[int, dict[str, Any] | None]:
    """(reason, message or None) of a message that stands between other octets, decoded into rows full of old values."""
    data = np.frombuffer(before + payload + behind, np.uint8)
    for array in OUT:
        array.view(np.uint8)[:] = 0xA5
    OUT.used[:] = 0
    reason = int(_decode(data, len(before), len(before) + len(payload), OUT))
    if OUT.used[MESSAGES] == 0:
        assert not OUT.used.any()
        return reason, None
    assert OUT.used[MESSAGES] == 1
    told = message(OUT.messages[0])
    assert int(OUT.used[TEXT]) == sum(len(told.get(name, "")) for name in NAMES)
    return reason, told


def message(row: np.record) -> dict[str, Any]:
    told = plain(row, blanks.BLANK_MESSAGE)
    told |= {"command": int(row.command), "application": int(row.application)}
    for name in PLACES:
        told.pop(name, None)
    for name in NAMES:
        for part in ("offset", "length", "hash"):
            told.pop(f"{name}_{part}", None)
        if row[f"{name}_hash"]:
            at = int(row[f"{name}_offset"])
            told[name] = bytes(OUT.text[at : at + int(row[f"{name}_length"])]).decode("ascii")
    for name in ("imsi", "imei", "msisdn"):
        if name in told:
            told[name] = f"{told[name]:016x}".rstrip("f")
    for name in ("cell", "area"):
        if name in told:
            code = told[name]
            told[name] = (CELLS[code >> 60], f"{code >> 36 & 0xFFFFFF:06x}", code & 0xF_FFFF_FFFF)
    if "visited_plmn" in told:
        told["visited_plmn"] = f"{told['visited_plmn']:06x}"
    if "ue_ipv4" in told:
        told["ue_ipv4"] = str(ipaddress.IPv4Address(told["ue_ipv4"]))
    hi, lo = told.pop("ue_ipv6_hi", 0), told.pop("ue_ipv6_lo", 0)
    if hi or lo:
        told["ue_ipv6"] = str(ipaddress.IPv6Address(hi << 64 | lo))
    told["credits"] = [plain(r, blanks.BLANK_CREDIT) for r in OUT.credits[: OUT.used[CREDITS]]]
    return told


def plain(row: np.record, blank: np.ndarray) -> dict[str, Any]:
    """The fields that differ from the row that tells nothing."""
    return {name: int(row[name]) for name in row.dtype.names or () if row[name] != blank[0][name]}
