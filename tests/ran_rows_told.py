"""Rows of `kernels.s1ap` and `kernels.ngap` as plain values, for tests: what a row tells, nothing for the absent."""

import ipaddress
from typing import Any

import numpy as np

from formats.addresses import NO_DIGITS
from formats.ran import NODE_GNB, FlowKind, Kind, Tunnel
from kernels import ngap, ran_rows, s1ap
from kernels.ran_rows import BEARERS, CONNECTIONS, FLOWS, MESSAGES, NAS_PDUS, Ran

DECODERS = {1: s1ap.decode, 2: ngap.decode}
MESSAGE_FIELDS = (
    "core_ue_id", "ran_ue_id", "other_core_ue_id", "s_tmsi", "core_node", "ambr_up_bps", "ambr_down_bps",
    "establishment_cause", "handover_type", "reset_type", "rrc_state",
)  # fmt: skip
BEARER_FIELDS = (
    "id", "teid", "qci", "arp_priority", "gbr_up_bps", "gbr_down_bps", "ambr_up_bps", "ambr_down_bps", "sst", "sd",
    "qfi", "session_type",
)  # fmt: skip
FLOW_FIELDS = ("qfi", "five_qi", "arp_priority", "gbr_up_bps", "gbr_down_bps", "state")


def as_records(out: Ran) -> Ran:
    """Fields by attribute, so that kernels also run interpreted."""
    return Ran(*[a.view(np.recarray) if a.dtype.names else a for a in out])


OUT = as_records(ran_rows.allocate(4))


def fill_with_old_values(out: Ran) -> None:
    """Rows are used again: each decoding must set every field."""
    for rows in out[:5]:
        np.asarray(rows).view(np.uint8)[:] = 0xEE
    out.used[:] = 0


def cell_of(code: int) -> str:
    """MCC-MNC-identity, the kind before it."""
    digits = f"{(code >> 36) & 0xFFFFFF:06x}".replace("f", "")
    return f"{code >> 60}:{digits[:3]}-{digits[3:]}-{code & 0xFFFFFFFFF}"


def node_of(code: int) -> str:
    if code >> 60 == NODE_GNB:
        return f"{cell_of(code & ~0xFFFFFFFFF | code & 0xFFFFFFFF)}/{((code >> 32) & 15) + 22}"
    return cell_of(code)


def ip(hi: int, lo: int) -> str:
    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(hi << 64 | lo))


def told(row: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: int(row[name]) for name in fields if int(row[name]) != -1}


def cause_of(row: Any) -> dict[str, Any]:
    return {"cause": (int(row["cause_group"]), int(row["cause"]))} if row["cause"] != -1 else {}


def decode(protocol: int, pdu: bytes, out: Ran = OUT, before: bytes = b"\xff\x07", behind: bytes = b"\xa5" * 3) -> dict:
    """The message of a PDU that stands between other octets; `reason` alone where there is none."""
    fill_with_old_values(out)
    data = np.frombuffer(before + pdu + behind, np.uint8).copy()
    reason = int(DECODERS[protocol](data, len(before), len(before) + len(pdu), out))
    if out.used[MESSAGES] == 0:
        return {"reason": reason}
    return {"reason": reason, **message_of(out, 0, data)}


def message_of(out: Ran, index: int, data: np.ndarray) -> dict:
    m = out.messages[index]
    found: dict[str, Any] = {name: int(m[name]) for name in ("protocol", "procedure", "pdu", "damage")}
    found |= told(m, MESSAGE_FIELDS) | cause_of(m)
    for name in ("cell", "area", "target_area", "target_cell", "source_cell"):
        if m[name]:
            found[name] = cell_of(int(m[name]))
    for name in ("node", "target_node"):
        if m[name]:
            found[name] = node_of(int(m[name]))
    if int(m["imsi"]) != int(NO_DIGITS):
        found["imsi"] = f"{int(m['imsi']):016x}".split("f")[0]
    first = int(m["first_bearer"])
    bearers = [bearer_of(out, first + k, first) for k in range(int(m["bearer_count"]))]
    nas = rows_of(out.nas_pdus, m, "first_nas", "nas_count")
    pdus = [(octets_of(n, out, data), int(n["bearer"]) - first if n["bearer"] >= 0 else -1) for n in nas]
    connections = rows_of(out.connections, m, "first_connection", "connection_count")
    found["bearers"] = bearers
    found["nas"] = pdus
    found["connections"] = [(int(c["core_ue_id"]), int(c["ran_ue_id"])) for c in connections]
    check_cursors(out, m, index)
    return found


def check_cursors(out: Ran, m: Any, index: int) -> None:
    if out.used[MESSAGES] != index + 1:
        return
    assert out.used[BEARERS] == m["first_bearer"] + m["bearer_count"]
    assert out.used[FLOWS] == m["first_flow"] + m["flow_count"]
    assert out.used[NAS_PDUS] == m["first_nas"] + m["nas_count"]
    assert out.used[CONNECTIONS] == m["first_connection"] + m["connection_count"]


def rows_of(rows: np.ndarray, m: Any, first: str, count: str) -> np.ndarray:
    return rows[int(m[first]) : int(m[first]) + int(m[count])]


def octets_of(n: Any, out: Ran, data: np.ndarray) -> bytes:
    source = out.whole if n["whole"] else data
    return bytes(source[int(n["offset"]) : int(n["offset"]) + int(n["length"])])


def bearer_of(out: Ran, row: int, first: int) -> dict:
    b = out.bearers[row]
    found: dict[str, Any] = {"kind": Kind(b["kind"]).name} | told(b, BEARER_FIELDS) | cause_of(b)
    if b["tunnel"]:
        found["tunnel"] = Tunnel(b["tunnel"]).name
    pairs = ((int(b[f"{v}hi"]), int(b[f"{v}lo"])) for v in ("", "v6_"))
    if addresses := tuple(ip(*pair) for pair in pairs if pair != (0, 0)):
        found["address"] = addresses
    if b["more"]:
        found["more"] = True
    flows = rows_of(out.flows, b, "first_flow", "flow_count")
    if len(flows):
        found["flows"] = [
            {"kind": FlowKind(f["kind"]).name, "on": int(f["bearer"]) - first, **told(f, FLOW_FIELDS), **cause_of(f)}
            for f in flows
        ]
    return found
