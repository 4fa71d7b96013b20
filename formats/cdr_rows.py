"""Rows that the BER kernel fills: one a record, and one a container (traffic, service data, used units) within it.

Every column is 8 octets, so that a row is also a line of words and a plan can name a column by its place. A record has
only some of them; what it does not tell is null: NEVER for times, NO_DIGITS for digits, 0 for addresses and cells,
-1 for the rest. Its columns stand in order of how long they are needed, so that what is kept of a row is its first
words: a run over an archive holds all its records at once.
"""

import numpy as np

from formats.addresses import NO_DIGITS
from formats.xdr import NEVER

__all__ = [
    "CALL_RECORD", "CONTAINER", "CONTAINER_BLANK", "RAN", "RECORD", "RECORD_BLANK", "SERVICE", "SESSION_RECORD",
    "TRAFFIC", "USED", "VOLUME", "first_words",
]  # fmt: skip

TRAFFIC, SERVICE, USED, RAN = 1, 2, 3, 4
"""Kinds of containers: of listOfTrafficVolumes, listOfServiceData, usedUnitContainers, RAN secondary RAT reports."""

_DIGITS = ("imsi", "msisdn", "imei", "entity", "calling", "called", "party", "party_imsi", "centre", "private")
_TIMES = ("opened", "started", "requested", "answered", "ended", "closed")
_ADDRESSES = ("node", "gateway", "serving", "ue", "ue2")
_UNSIGNED = (*_DIGITS, "cell", "last_cell", *(f"{name}_{half}" for name in _ADDRESSES for half in ("hi", "lo")))

_OF_SESSIONS = (
    "imsi",
    "msisdn",  # beside `imsi`: a SubscriptionID fills the one or the other
    "imei",
    "opened",
    "started",
    *(f"{name}_{half}" for name in _ADDRESSES for half in ("hi", "lo")),
    "cell",
    "plmn",
    "last_cell",
    "type",  # position in formats.cdr.ROOTS
    "source",  # position of the file in the run
    "offset",  # octet of the file where the record begins
    "octets",
    "digest",  # of all octets of the record: the same record in two archives has the same
    "charging_id",
    "connection_id",
    "sequence",
    "apn",
    "rat",
    "qos_class",
    "duration",  # s
    "ended_ms",
    "cause",
    "retransmitted",
    "up",
    "down",
    "setup",  # ns, of feeds; as are the next three
    "slice",
    "packets_up",
    "packets_down",
    "first",  # row of the first container
    "containers",
)
_OF_CALLS = (
    "entity",
    "requested",
    "answered",
    "ended",
    "closed",
    "method",
    "system",
    "requested_ms",
    "answered_ms",
    "diagnostic",
    "diagnostic_kind",
    "service",
    "result",
    "role",
    "reference",
    "icid",
)
_OF_DECODING = (
    "unknown",  # tags that no table names
    "unreadable",  # fields whose content cannot be: null
    "record_type",
    "pdu_session",
    "local_sequence",
    "lac",
    "ci",
    "id_type",
    "rating_group",
    "zone",  # of TAP: the code of the time zone
    *_DIGITS[4:],
)


def _words(*names: str) -> np.dtype:
    return np.dtype([(name, "u8" if name in _UNSIGNED else "i8") for name in names])


SESSION_RECORD = _words(*_OF_SESSIONS)
"""What is kept of a record of a session until all are read; the first words of a RECORD."""
CALL_RECORD = _words(*_OF_SESSIONS, *_OF_CALLS)
"""What is kept of any other record; likewise."""
RECORD = _words(*_OF_SESSIONS, *_OF_CALLS, *_OF_DECODING)

_OF_VOLUMES = (
    "kind",
    "time",  # ns: change time, time of report, trigger time
    "first",  # ns of the first usage
    "last",  # ns of the last usage
    "cell",
    "plmn",
    "up",  # octets
    "down",
    "rat",
    "qos_class",
    "rating_group",
)
VOLUME = _words(*_OF_VOLUMES)
"""What is kept of a container; the first words of a CONTAINER."""
CONTAINER = _words(
    *_OF_VOLUMES,
    "record",  # row of the record
    "total",
    "service",
    "condition",
    "charging_id",
    "local_sequence",
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


def first_words(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A copy of the columns of `rows` that `dtype` has, which are their first."""
    words = rows.view(np.int64).reshape(rows.size, rows.dtype.itemsize // 8)
    return words[:, : dtype.itemsize // 8].copy().view(dtype).reshape(rows.size)
