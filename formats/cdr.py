"""TS 32.298 records and TAP call events as one plan, and the files that hold them."""

import numpy as np

from formats import cdr_chf, cdr_cs, cdr_ims, cdr_ps, tap
from formats.ber import APPLICATION, CONTEXT, Plan, compile_plan
from formats.cdr_rows import CONTAINER_BLANK, RECORD_BLANK
from formats.xdr import CALL_OUTCOMES, CALL_SOURCES, DIRECTIONS, RATS, SOURCES

__all__ = [
    "BY_TAG", "CALL_RANK_OF", "CALL_SOURCE_OF", "DIRECTION_OF", "FAMILIES", "FAMILY_OF", "FEED_TYPE", "IMS_OF",
    "LASTS", "LEVELS", "MESSAGES", "OUTCOME_OF", "PLAN", "RANK_OF", "RAT_OF", "ROOTS", "SOURCE_OF", "SYSTEM_OF",
    "TAP_PLAN",
]  # fmt: skip

ROOTS = (*cdr_ps.ROOTS, *cdr_cs.ROOTS, *cdr_ims.ROOTS, *cdr_chf.ROOTS, *tap.ROOTS)
LEVELS = {**cdr_ps.LEVELS, **cdr_cs.LEVELS, **cdr_ims.LEVELS, **cdr_chf.LEVELS, **tap.LEVELS}

_ALL: Plan = compile_plan(ROOTS, LEVELS, RECORD_BLANK, CONTAINER_BLANK)


def _of_class(klass: int) -> Plan:
    """The plan of the record types whose outermost tag is of a class."""
    roots = np.full_like(_ALL.roots, -1)
    roots[klass - 1] = _ALL.roots[klass - 1]
    return _ALL._replace(roots=roots)


PLAN, TAP_PLAN = _of_class(CONTEXT), _of_class(APPLICATION)
"""Records of TS 32.298, and of TAP: in a damaged file the tags of the other are noise."""

BY_TAG = {(root.klass, root.tag): root for root in ROOTS if root.klass == CONTEXT}

FAMILIES = ("session", "call", "ims", "message", "other")
FAMILY_OF = np.array([*(FAMILIES.index(root.family) for root in ROOTS), FAMILIES.index("session")], np.int64)
"""int64[types]: what becomes of a record, by its type."""

_SOURCE = {
    "sgsnPDPRecord": "sgsn_cdr",
    "ggsnPDPRecord": "ggsn_cdr",
    "egsnPDPRecord": "ggsn_cdr",
    "sGWRecord": "sgw_cdr",
    "pGWRecord": "pgw_cdr",
    "ePDGRecord": "epdg_cdr",
    "tWAGRecord": "twag_cdr",
    "chargingFunctionRecord": "chf_cdr",
    "tapGprsCall": "tap",
}
_RANK = {"pgw_cdr": 0, "ggsn_cdr": 0, "chf_cdr": 0, "sgw_cdr": 1, "epdg_cdr": 1, "twag_cdr": 1, "sgsn_cdr": 2}

FEED_TYPE = len(ROOTS)
"""The type of records that a feed gives."""
SOURCE_OF = np.array([*(SOURCES.index(_SOURCE.get(r.name, "")) for r in ROOTS), SOURCES.index("feed")], np.int64)
"""int64[types]: index of xdr.SOURCES."""
RANK_OF = np.array([*(_RANK.get(_SOURCE.get(root.name, ""), 9) for root in ROOTS), 5], np.int64)
"""int64[types]: of several nodes that tell of a session, those of the lowest rank count: the anchor sees all of it."""


def _rats() -> np.ndarray:
    table = np.zeros(256, np.int64)
    table[1:11] = np.arange(1, 11)  # TS 29.274 §8.17, as in xdr.RATS
    table[51] = RATS.index("nr")  # TS 32.298 §5.2.5.2: RATType of 5G records
    table[65] = RATS.index("wlan")
    return table


RAT_OF = _rats()
"""int64[256]: index of xdr.RATS by RAT type."""

# --- calls and messages ------------------------------------------------------------------------------------------

_CALL_SOURCE = {"moCallRecord": "mo_cdr", "mtCallRecord": "mt_cdr", "mMTelRecord": "mmtel_cdr",
                "tapMobileOriginatedCall": "tap", "tapMobileTerminatedCall": "tap"}  # fmt: skip
_DIRECTION = {"moCallRecord": "originating", "mtCallRecord": "terminating",
              "tapMobileOriginatedCall": "originating", "tapMobileTerminatedCall": "terminating"}  # fmt: skip
_CALL_RANK = {"moCallRecord": 0, "mtCallRecord": 0, "mMTelRecord": 0, "sCSCFRecord": 1, "pCSCFRecord": 2}
_MESSAGES = {
    "moSMSRecord": ("sms_originating", "msc"),
    "mtSMSRecord": ("sms_terminating", "msc"),
    "sgsnMMRecord": ("mobility_context", "sgsn"),
    "sgsnSMORecord": ("sms_originating", "sgsn"),
    "sgsnSMTRecord": ("sms_terminating", "sgsn"),
    "sCSMORecord": ("sms_originating", "sms_centre"),
    "sCSMTRecord": ("sms_terminating", "sms_centre"),
    "sCSMOT4Record": ("sms_terminating", "sms_centre"),
    "iSMSMORecord": ("sms_originating", "ip_sm_gw"),
    "iSMSMTRecord": ("sms_terminating", "ip_sm_gw"),
}


def _by_type(values: dict[str, int], other: int) -> np.ndarray:
    return np.array([values.get(root.name, other) for root in ROOTS], np.int64)


CALL_SOURCE_OF = _by_type({n: CALL_SOURCES.index(s) for n, s in _CALL_SOURCE.items()}, CALL_SOURCES.index("cscf_cdr"))
"""int64[types]: index of xdr.CALL_SOURCES."""
DIRECTION_OF = _by_type({n: DIRECTIONS.index(d) for n, d in _DIRECTION.items()}, 0)
"""int64[types]: index of xdr.DIRECTIONS, 0 where the record's role tells."""
CALL_RANK_OF = _by_type(_CALL_RANK, 3)
"""int64[types]: of several nodes of the IMS that tell of a call, the application server's and the S-CSCF's count."""
IMS_OF = np.array([root.family == "ims" for root in ROOTS], np.int64)
"""int64[types]: 1 for records of the IMS."""
MESSAGES = tuple(_MESSAGES.get(root.name, ("", "")) for root in ROOTS)
"""Kind and channel of the event that a short message or a mobility context is, by type; empty for others."""
LASTS = np.array([root.name == "sgsnMMRecord" for root in ROOTS], np.int64)
"""int64[types]: 1 for events that last, and end by a cause for closing (TS 32.298 §5.1.2.2.7)."""
SYSTEM_OF = np.zeros(256, np.int64)
"""int64[256]: index of xdr.RATS by systemType (TS 32.298 §5.1.3.1.64)."""
SYSTEM_OF[1], SYSTEM_OF[2] = RATS.index("utran"), RATS.index("geran")


def _outcomes() -> np.ndarray:
    failed, rejected = CALL_OUTCOMES.index("failed"), CALL_OUTCOMES.index("rejected")
    table = np.full((2, 1024), failed, np.int64)
    for row, (busy, silent, refused) in enumerate((
        (cdr_cs.USER_BUSY, cdr_cs.NO_ANSWER, cdr_cs.REJECTED), ((486, 600), (408, 480, 487), (403, 603)),
    )):  # fmt: skip
        table[row, list(busy)] = CALL_OUTCOMES.index("busy")
        table[row, list(silent)] = CALL_OUTCOMES.index("no_answer")
        table[row, list(refused)] = rejected
    return table


OUTCOME_OF = _outcomes()
"""int64[2, 1024]: index of xdr.CALL_OUTCOMES of an unanswered call, by call control cause and by SIP status."""
