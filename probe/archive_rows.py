"""Rows of charging records to xDR rows: records put together by session, volumes laid out over windows.

Rows go to kernels as record arrays, so that the same code runs interpreted.
"""

from collections.abc import Callable

import numpy as np

from formats import cdr, xdr
from formats.addresses import NO_DIGITS
from kernels import cdr_calls, cdr_sessions, cdr_spread
from probe.archive_files import Names
from probe.tables import distinct

__all__ = ["Put", "blank_row", "keys_of_calls", "unlike", "write_calls", "write_messages", "write_sessions"]

Put = Callable[[str, np.ndarray, list[str]], None]
ROWS_AT_ONCE = 1 << 15

_NULLS = {
    "time": xdr.NEVER, "ms": -1, "kbps": np.nan, "count": -1, "small": -1, "flag": -1, "id": 0, "digits": NO_DIGITS,
    "cell": 0, "slice": -1, "apn": -1, "enum": 0, "ip": 0,
}  # fmt: skip


def blank_row(table: xdr.Table) -> np.ndarray:
    """One kernel row of a table with every column null."""
    row = np.zeros(1, table.dtype)
    for column in table.columns:
        for name, _ in column.fields():
            row[name] = _NULLS[column.kind]
    for name, code in table.hidden:
        row[name] = NO_DIGITS if code == "u8" else 0
    return row


def unlike(records: np.ndarray) -> np.ndarray:
    """bool[n]: the first record of each digest; the others are the same record again, from another file or place."""
    codes, found = distinct(records["digest"].view(np.uint64))
    first = np.full(found.size, records.size, np.int64)
    np.minimum.at(first, codes, np.arange(records.size))
    keep = np.zeros(records.size, bool)
    keep[first] = True
    return keep


def _codes() -> cdr_spread.Codes:
    ends = xdr.END_REASONS
    return cdr_spread.Codes(
        cdr.SOURCE_OF, cdr.RAT_OF, xdr.CAUSE_FAMILIES.index("cdr_closing"), ends.index("deleted"),
        ends.index("drained"), ends.index("window"), ends.index("cell_change"),
    )  # fmt: skip


def _out(rows: int) -> cdr_spread.Out:
    tables = (xdr.SESSION, xdr.PRESENCE, xdr.FLOW)
    session, presence, flow = (np.recarray(rows, table.dtype) for table in tables)
    blank_session, blank_presence, blank_flow = (blank_row(table) for table in tables)
    used, pieces = np.zeros(3, np.int64), np.recarray(rows, cdr_spread.PIECE)
    return cdr_spread.Out(session, presence, flow, blank_session, blank_presence, blank_flow, used, pieces)


def _by_time(records: np.ndarray, order: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """int64[g, 2]: where each session begins and ends in `order`, by time: so that few windows are open at a time."""
    starts = np.minimum.reduceat(records["opened"][order], edges[:-1]) if edges.size > 1 else np.empty(0, np.int64)
    return np.stack([edges[:-1], edges[1:]], axis=1)[np.argsort(starts, kind="stable")]


def write_sessions(sessions: np.ndarray, volumes: np.ndarray, window_ns: int, apns: list[str], put: Put) -> np.ndarray:
    """Write session, presence and flow rows; bool[n]: records that were there a second time.

    sessions: SESSION_RECORD[n], each digest once; volumes: VOLUME[m].
    """
    records, containers = sessions.view(np.recarray), volumes.view(np.recarray)
    keys, role = np.empty(records.size, np.uint64), np.zeros(records.size, np.int64)
    cdr_spread.sum_volumes(records, containers)
    cdr_sessions.group_keys(records, keys)
    order, groups = np.argsort(keys, kind="stable"), np.empty(records.size + 1, np.int64)
    count, _ = cdr_sessions.mark_twice(records, keys, order, cdr.RANK_OF, role, groups)
    spans = _by_time(records, order, groups[: count + 1])
    codes, out, group = _codes(), _out(ROWS_AT_ONCE), 0
    while group < count:
        out.used[:] = 0
        reached = cdr_spread.spread(records, containers, order, spans, group, keys, role, window_ns, codes, out)
        for place, table in enumerate(("session", "presence", "flow")):
            rows = (out.session, out.presence, out.flow)[place][: out.used[place]]
            put(table, rows, apns)
        if reached == group:
            out = _out(2 * out.flow.size)
        group = reached
    return role == cdr_sessions.TWICE


def _call_codes(names: Names) -> cdr_calls.CallCodes:
    families = xdr.CAUSE_FAMILIES
    return cdr_calls.CallCodes(
        cdr.CALL_SOURCE_OF, cdr.DIRECTION_OF, cdr.CALL_RANK_OF, cdr.IMS_OF, cdr.SYSTEM_OF, cdr.OUTCOME_OF,
        families.index("call_end"), families.index("call_control"), families.index("sip"),
        xdr.RATS.index("eutran"), xdr.RATS.index("nr"),
        np.array([names.add(kind) for kind, _ in cdr.MESSAGES], np.int64),
        np.array([names.add(channel) for _, channel in cdr.MESSAGES], np.int64),
        cdr.LASTS,
    )  # fmt: skip


def keys_of_calls(records: np.ndarray, names: Names) -> np.ndarray:
    """uint64[n]: the call that each CALL_RECORD tells of."""
    keys = np.empty(records.size, np.uint64)
    cdr_calls.call_keys(records.view(np.recarray), _call_codes(names), keys)
    return keys


def write_calls(records: np.ndarray, window_ns: int, names: Names, put: Put) -> None:
    """Write `call` rows of CALL_RECORD[n] of the families `call` and `ims`; other requests of the IMS are no calls."""
    invites = [number for number, text in enumerate(names.texts()) if text == "invite"]
    call = (records["method"] < 0) | np.isin(records["method"], invites) | (cdr.IMS_OF[records["type"]] == 0)
    kept = records.view(np.recarray)[call]
    codes, keys, out = _call_codes(names), np.empty(kept.size, np.uint64), np.recarray(kept.size, xdr.CALL.dtype)
    cdr_calls.call_keys(kept, codes, keys)
    order = np.argsort(keys, kind="stable")
    count = cdr_calls.write_calls(kept, keys, order, codes, window_ns, blank_row(xdr.CALL), out)
    rows = out[:count]
    put("call", rows[np.lexsort((rows["call_id"], rows["start_time"]))], names.texts())


def write_messages(records: np.ndarray, window_ns: int, names: Names, put: Put) -> None:
    """Write `event` rows of CALL_RECORD[n] of the family `message`."""
    out = np.recarray(records.size, xdr.EVENT.dtype)
    ordered = records.view(np.recarray)[np.lexsort((records["digest"], records["opened"]))]
    cdr_calls.write_messages(ordered, _call_codes(names), window_ns, blank_row(xdr.EVENT), out)
    put("event", out, names.texts())
