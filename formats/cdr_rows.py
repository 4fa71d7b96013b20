"""Rows that the BER kernel fills: one a record, and one a container (traffic, service data, used units) within it.

Every column is 8 octets, so that a row is also a line of words and a plan can name a column by its place. A record has
only some of them; what it does not tell is null: NEVER for times, NO_DIGITS for digits, 0 for addresses and cells,
-1 for the rest.
"""

import numpy as np

from formats.addresses import NO_DIGITS
from formats.xdr import NEVER

__all__ = ["CONTAINER", "CONTAINER_BLANK", "RAN", "RECORD", "RECORD_BLANK", "SERVICE", "TRAFFIC", "USED"]

TRAFFIC, SERVICE, USED, RAN = 1, 2, 3, 4
"""Kinds of containers: of listOfTrafficVolumes, listOfServiceData, usedUnitContainers, RAN secondary RAT reports."""

_DIGITS = ("imsi", "msisdn", "imei", "calling", "called", "party", "party_imsi", "centre", "entity", "private")
"""`imsi` and `msisdn` stand side by side: a SubscriptionID fills the one or the other."""
_TIMES = ("opened", "started", "requested", "answered", "ended", "closed")
_ADDRESSES = ("node", "gateway", "serving", "ue", "ue2")
_NUMBERS = (
    "type",  # position in formats.cdr.ROOTS
    "source",  # position of the file in the run
    "offset",  # octet of the file where the record begins
    "octets",
    "digest",  # of all octets of the record: the same record in two archives has the same
    "unknown",  # tags that no table names
    "unreadable",  # fields whose content cannot be: null
    "record_type",
    "charging_id",
    "connection_id",
    "pdu_session",
    "sequence",
    "local_sequence",
    "apn",
    "method",
    "rat",
    "system",
    "qos_class",
    "lac",
    "ci",
    "duration",  # s
    "requested_ms",
    "answered_ms",
    "ended_ms",
    "cause",
    "diagnostic",
    "diagnostic_kind",
    "service",
    "result",
    "role",
    "reference",
    "icid",
    "retransmitted",
    "id_type",
    "rating_group",
    "up",
    "down",
    "zone",  # of TAP: the code of the time zone
    "first",  # row of the first container
    "containers",
)
RECORD = np.dtype(
    [(name, "u8") for name in _DIGITS]
    + [(name, "i8") for name in _TIMES]
    + [(f"{name}_{half}", "u8") for name in _ADDRESSES for half in ("hi", "lo")]
    + [("cell", "u8"), ("plmn", "i8"), ("last_cell", "u8")]
    + [(name, "i8") for name in _NUMBERS]
)

CONTAINER = np.dtype(
    [
        ("record", "i8"),  # row of the record
        ("kind", "i8"),
        ("time", "i8"),  # ns: change time, time of report, trigger time
        ("first", "i8"),  # ns of the first usage
        ("last", "i8"),  # ns of the last usage
        ("cell", "u8"),
        ("plmn", "i8"),
        ("up", "i8"),  # octets
        ("down", "i8"),
        ("total", "i8"),
        ("rat", "i8"),
        ("qos_class", "i8"),
        ("rating_group", "i8"),
        ("service", "i8"),
        ("condition", "i8"),
        ("charging_id", "i8"),
        ("local_sequence", "i8"),
    ]
)


def _blank(dtype: np.dtype) -> np.ndarray:
    row = np.full(1, -1, np.int64).repeat(dtype.itemsize // 8).view(dtype)
    assert dtype.names is not None
    for name in dtype.names:
        if name in (*_TIMES, "time", "last") or (name == "first" and "kind" in dtype.names):
            row[name] = NEVER
        elif name in _DIGITS:
            row[name] = NO_DIGITS
        elif dtype[name] == np.uint64 or name in ("unknown", "unreadable", "containers", "first"):
            row[name] = 0
    return row


RECORD_BLANK, CONTAINER_BLANK = _blank(RECORD), _blank(CONTAINER)
"""A row with nothing known."""
