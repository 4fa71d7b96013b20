"""Rows of `kernels.pfcp` as plain values, for tests: what a row tells, and nothing for what it leaves absent."""

import ipaddress
from typing import Any

import numpy as np

from formats import pfcp_rows as blanks
from kernels import pfcp_rows
from kernels.pfcp import decode as _decode
from kernels.pfcp_rows import FARS, MESSAGES, PDRS, QERS, TEXT, USAGES, Pfcp

OUT = Pfcp(*[a.view(np.recarray) if a.dtype.names else a for a in pfcp_rows.allocate(8)])
NO_DIGITS = (1 << 64) - 1
TIMES = ("recovery", "start", "end", "first_packet", "last_packet")
PAIRS = {"fseid": "fseid_", "remote": "remote_", "addresses": ""}
PLACES = ("text_offset", "text_length", "first_pdr", "first_far", "first_qer", "first_usage", "pdr_count", "far_count",
          "qer_count", "usage_count")  # fmt: skip
ACTIONS = {1: "create", 2: "update", 3: "created", 4: "remove"}


def decode(payload: bytes, before: bytes = b"", behind: bytes = b"") -> tuple[int, list[dict]]:
    """(reason, messages) of a payload that stands between other octets, decoded into rows full of old values."""
    data = np.frombuffer(before + payload + behind, np.uint8)
    for array in OUT:
        array.view(np.uint8)[:] = 0xA5
    OUT.used[:] = 0
    reason = int(_decode(data, len(before), len(before) + len(payload), OUT))
    messages = [message(row) for row in OUT.messages[: OUT.used[MESSAGES]]]
    for cursor, name in ((PDRS, "pdrs"), (FARS, "fars"), (QERS, "qers"), (USAGES, "usages")):
        assert int(OUT.used[cursor]) == sum(len(m[name]) for m in messages)
    assert int(OUT.used[TEXT]) == sum(int(row.text_length) for row in OUT.messages[: OUT.used[MESSAGES]])
    return reason, messages


def message(row: np.record) -> dict[str, Any]:
    told = plain(row, blanks.BLANK_MESSAGE)
    told["type"] = int(row.type)
    for name in PLACES:
        told.pop(name, None)
    if told.pop("has_seid", 0):
        told["seid"] = int(row.seid)
    if row.fseid_side:
        told["fseid"] = (int(row.fseid), pair(row, "fseid_"))
    for name in ("fseid_hi", "fseid_lo", "fseid_v6_hi", "fseid_v6_lo"):
        told.pop(name, None)
    named(told, row, "node")
    for part in ("node_hi", "node_lo"):
        told.pop(part, None)
    if row.node_hi or row.node_lo:
        told["node"] = address(row.node_hi, row.node_lo)
    for identity in ("imsi", "imei", "msisdn"):
        if int(row[identity]) != NO_DIGITS:
            told[identity] = f"{int(row[identity]):016x}".rstrip("f")
        else:
            told.pop(identity, None)
    named(told, row, "apn")
    addressed(told, row, "remote_", "remote")
    told["pdrs"] = [rule(r, blanks.BLANK_PDR) for r in rows(OUT.pdrs, row.first_pdr, row.pdr_count)]
    told["fars"] = [rule(r, blanks.BLANK_FAR) for r in rows(OUT.fars, row.first_far, row.far_count)]
    told["qers"] = [rule(r, blanks.BLANK_QER) for r in rows(OUT.qers, row.first_qer, row.qer_count)]
    told["usages"] = [plain(r, blanks.BLANK_USAGE) for r in rows(OUT.usages, row.first_usage, row.usage_count)]
    return ue(told)


def rows(array: np.ndarray, first: int, count: int) -> Any:
    return array[first : first + count]


def rule(row: np.record, blank: np.ndarray) -> dict[str, Any]:
    told = plain(row, blank)
    told["action"] = ACTIONS[int(row.action)]
    if "hi" in (row.dtype.names or ()):
        addressed(told, row, "", "addresses")
        named(told, row, "network")
    for ids, count in (("qer_ids", "qer_count"), ("urr_ids", "urr_count")):
        if told.pop(count, 0):
            told[ids] = [int(n) for n in row[ids][: row[count]]]
        else:
            told.pop(ids, None)
    return ue(told)


def plain(row: np.record, blank: np.ndarray) -> dict[str, Any]:
    """The scalar fields that differ from the row that tells nothing."""
    names = row.dtype.names or ()
    return {
        name: [int(n) for n in row[name]] if row.dtype[name].shape else int(row[name])
        for name in names
        if not np.array_equal(row[name], blank[0][name])
    }


def ue(told: dict[str, Any]) -> dict[str, Any]:
    if "ue_ipv4" in told:
        told["ue_ipv4"] = str(ipaddress.IPv4Address(told["ue_ipv4"]))
    hi, lo = told.pop("ue_ipv6_hi", 0), told.pop("ue_ipv6_lo", 0)
    if hi or lo:
        told["ue_ipv6"] = str(ipaddress.IPv6Address(hi << 64 | lo))
    return told


def named(told: dict[str, Any], row: np.record, name: str) -> None:
    """A name by its text; one for whose text there was no room by its hash."""
    for part in ("offset", "length", "hash"):
        told.pop(f"{name}_{part}", None)
    if row[f"{name}_hash"]:
        text = name_of(row[f"{name}_offset"], row[f"{name}_length"])
        told[name] = text if text else int(row[f"{name}_hash"])


def name_of(offset: int, length: int) -> str:
    return bytes(OUT.text[offset : offset + length]).decode("ascii")


def addressed(told: dict[str, Any], row: np.record, prefix: str, name: str) -> None:
    for part in ("hi", "lo", "v6_hi", "v6_lo"):
        told.pop(prefix + part, None)
    found = pair(row, prefix)
    if found:
        told[name] = found


def pair(row: np.record, prefix: str) -> tuple[str, ...]:
    """The addresses of a row, IPv4 first."""
    halves = [int(row[prefix + part]) for part in ("hi", "lo", "v6_hi", "v6_lo")]
    return tuple(address(*halves[k : k + 2]) for k in (0, 2) if halves[k] or halves[k + 1])


def address(hi: int, lo: int) -> str:
    whole = int(hi) << 64 | int(lo)
    return str(ipaddress.IPv4Address(whole & 0xFFFFFFFF) if whole >> 32 == 0xFFFF else ipaddress.IPv6Address(whole))
