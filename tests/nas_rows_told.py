"""What a NAS row tells, as a dict of what is not absent, so that tests can say what they expect in plain values."""

from typing import Any

import numpy as np

from formats.nas import EPS, NAS
from kernels import nas_5gs, nas_eps

TEXT = np.zeros(512, np.uint8)
PLACES = ("session_at", "session_octets", "inner_at", "inner_octets", "apn_offset", "apn_length", "apn_hash")
LISTS = {"nssai": "nssai_count", "rejected": "rejected_count"}
NETWORKS = ("home_plmn", "guti_plmn", "additional_plmn")
AREAS = ("tai", "last_tai")


def fresh() -> Any:
    """A row with nothing in it but what no decoder may leave."""
    row = np.zeros(1, NAS)
    row.view(np.uint8)[:] = 0x5A
    row["apn_offset"] = 64
    return row.view(np.recarray)[0]


def absent(protocol: int) -> Any:
    row = fresh()
    (nas_eps if protocol == EPS else nas_5gs).decode(np.zeros(1, np.uint8), 0, 0, row, TEXT)
    return row


ABSENT = {protocol: absent(protocol) for protocol in (1, 2)}


def digits(value: int) -> str:
    return f"{value:016x}".rstrip("f")


def told(row: Any, protocol: int) -> dict[str, Any]:
    """Fields that are not absent; identities as text, an area as (PLMN, code)."""
    empty = ABSENT[protocol]
    found: dict[str, Any] = {}
    for name in NAS.names or ():
        if name in PLACES or name in LISTS or name in LISTS.values():
            continue
        if row[name] == empty[name] and name != "protocol":
            continue
        value = int(row[name])
        if name in ("imsi", "imei"):
            found[name] = digits(value)
        elif name in AREAS:
            assert value >> 60 == 6
            found[name] = (f"{value >> 36 & 0xFFFFFF:06x}", value & (1 << 36) - 1)
        else:
            found[name] = f"{value:06x}" if name in NETWORKS else value
    for name, count in LISTS.items():
        if row[count]:
            found[name] = [int(v) for v in row[name][: row[count]]]
    if row["apn_length"]:
        found["apn"] = bytes(TEXT[64 : 64 + row["apn_length"]]).decode()
        assert row["apn_hash"]
    return found


def decode(payload: bytes, protocol: int, algorithm: int = -1, before: int = 3) -> tuple[int, dict[str, Any]]:
    """(reason, fields) of a message that lies `before` octets into its buffer, with nothing readable behind it."""
    data = np.frombuffer(b"\x07" * before + payload, np.uint8)
    row = fresh()
    module = nas_eps if protocol == EPS else nas_5gs
    reason = module.decode_known(data, before, len(data), algorithm, row, TEXT)
    return int(reason), told(row, protocol)
