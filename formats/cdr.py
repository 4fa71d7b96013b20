"""TS 32.298 records as one plan, and the files that hold them: TS 32.297 framing or none."""

import numpy as np

from formats import cdr_chf, cdr_cs, cdr_ims, cdr_ps
from formats.ber import Plan, compile_plan
from formats.cdr_rows import CONTAINER_BLANK, RECORD_BLANK

__all__ = ["FAMILIES", "FAMILY_OF", "LEVELS", "PLAN", "ROOTS"]

ROOTS = (*cdr_ps.ROOTS, *cdr_cs.ROOTS, *cdr_ims.ROOTS, *cdr_chf.ROOTS)
LEVELS = {**cdr_ps.LEVELS, **cdr_cs.LEVELS, **cdr_ims.LEVELS, **cdr_chf.LEVELS}

PLAN: Plan = compile_plan(ROOTS, LEVELS, RECORD_BLANK, CONTAINER_BLANK)

FAMILIES = ("session", "call", "ims", "message", "mobility")
FAMILY_OF = np.array([FAMILIES.index(root.family) for root in ROOTS], np.int64)
"""int64[types]: what becomes of a record, by its type."""
