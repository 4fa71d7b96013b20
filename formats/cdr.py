"""TS 32.298 records as one plan, and the files that hold them: TS 32.297 framing or none."""

import numpy as np

from formats import cdr_chf, cdr_cs, cdr_ims, cdr_ps
from formats.ber import Plan, compile_plan
from formats.cdr_rows import CONTAINER_BLANK, RECORD_BLANK
from formats.xdr import RATS, SOURCES

__all__ = ["BY_TAG", "FAMILIES", "FAMILY_OF", "LEVELS", "PLAN", "ROOTS"]

ROOTS = (*cdr_ps.ROOTS, *cdr_cs.ROOTS, *cdr_ims.ROOTS, *cdr_chf.ROOTS)
LEVELS = {**cdr_ps.LEVELS, **cdr_cs.LEVELS, **cdr_ims.LEVELS, **cdr_chf.LEVELS}

PLAN: Plan = compile_plan(ROOTS, LEVELS, RECORD_BLANK, CONTAINER_BLANK)

BY_TAG = {(root.klass, root.tag): root for root in ROOTS}

FAMILIES = ("session", "call", "ims", "message", "mobility")
FAMILY_OF = np.array([FAMILIES.index(root.family) for root in ROOTS], np.int64)
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
}
_RANK = {"pgw_cdr": 0, "ggsn_cdr": 0, "chf_cdr": 0, "sgw_cdr": 1, "epdg_cdr": 1, "twag_cdr": 1, "sgsn_cdr": 2}

SOURCE_OF = np.array([SOURCES.index(_SOURCE.get(root.name, "")) for root in ROOTS], np.int64)
"""int64[types]: index of xdr.SOURCES."""
RANK_OF = np.array([_RANK.get(_SOURCE.get(root.name, ""), 9) for root in ROOTS], np.int64)
"""int64[types]: of several nodes that tell of a session, those of the lowest rank count: the anchor sees all of it."""


def _rats() -> np.ndarray:
    table = np.zeros(256, np.int64)
    table[1:11] = np.arange(1, 11)  # TS 29.274 §8.17, as in xdr.RATS
    table[51] = RATS.index("nr")  # TS 32.298 §5.2.5.2: RATType of 5G records
    table[65] = RATS.index("wlan")
    return table


RAT_OF = _rats()
"""int64[256]: index of xdr.RATS by RAT type."""
