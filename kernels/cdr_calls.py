"""Records of calls, short messages and mobility contexts to `call` and `event` rows.

Partial records of a call share its reference (of the IMS: the charging identifier and the subscriber's role in it); of
several IMS nodes that tell of one call, the records of the lowest rank count.
"""

from typing import NamedTuple

import numpy as np

from formats.addresses import NO_DIGITS
from formats.cdr_cs import ABNORMAL, UNSUCCESSFUL
from formats.cdr_ps import CLOSING_ABNORMAL, CLOSING_NORMAL
from formats.xdr import NEVER
from kernels.hashing import mix
from kernels.jit import kernel, part

__all__ = ["CallCodes", "call_keys", "write_calls", "write_messages"]

_U8 = np.uint64
_NEVER = np.int64(NEVER)
_SIGN = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
_NOWHERE = np.uint64(0)
_ECGI, _NCGI = np.uint64(1), np.uint64(4)
SECOND, MILLISECOND = 10**9, 10**6
TELESERVICE = 3
SUCCESS = 200
IMS_UNSUCCESSFUL = 1  # CauseForRecordClosing (TS 32.298 §5.1.3.1.7)


class CallCodes(NamedTuple):
    """What numbers of a record are in `call` and `event` rows."""

    source: np.ndarray
    """int64[types]: index of xdr.CALL_SOURCES"""
    direction: np.ndarray
    """int64[types]: index of xdr.DIRECTIONS; 0 where the record's role tells"""
    rank: np.ndarray
    """int64[types]: of several nodes that tell of a call the lowest counts"""
    ims: np.ndarray
    """int64[types]: 1 for a record of the IMS"""
    system: np.ndarray
    """int64[256]: index of xdr.RATS by systemType"""
    outcome: np.ndarray
    """int64[2, 1024]: index of xdr.CALL_OUTCOMES of an unanswered call by call control cause, and by SIP status"""
    family_end: int
    family_control: int
    family_sip: int
    eutran: int
    nr: int
    kind: np.ndarray
    """int64[types]: name of the kind of an event, a row of the names"""
    channel: np.ndarray
    """int64[types]: name of its channel"""
    lasts: np.ndarray
    """int64[types]: 1 for an event that lasts"""


@part
def milliseconds(time, fraction):  # type: ignore[no-untyped-def]
    """A time with the ms that another field adds."""
    return time + fraction * MILLISECOND if time != _NEVER and 0 <= fraction < 1000 else time


@part
def began(r):  # type: ignore[no-untyped-def]
    """ns when a call began: request, seizure, or the earliest time that is known."""
    if r.requested != _NEVER:
        return milliseconds(r.requested, r.requested_ms)
    if r.opened != _NEVER:
        return r.opened
    if r.answered != _NEVER:
        return r.answered
    return r.ended


@part
def released(r):  # type: ignore[no-untyped-def]
    """ns when a call ended."""
    if r.ended != _NEVER:
        return milliseconds(r.ended, r.ended_ms)
    if r.answered != _NEVER and r.duration >= 0:
        return r.answered + r.duration * SECOND
    return r.closed if r.closed != _NEVER else began(r)


@kernel
def call_keys(records, codes, out_keys):  # type: ignore[no-untyped-def]
    """out_keys: uint64[n], the call that each record (RECORD[n]) tells of."""
    for i in range(len(records)):
        r = records[i]
        if codes.ims[r.type]:
            reference = r.icid if r.icid >= 0 else r.reference
            key = mix(_U8(reference), _U8(r.role + 2))
        else:
            key = mix(mix(_U8(r.reference), r.entity), mix(r.imsi, _U8(r.type)))
            reference = r.reference
        out_keys[i] = key if reference >= 0 else mix(key, _U8(r.digest))


@part
def call_service(r):  # type: ignore[no-untyped-def]
    """Index of xdr.CALL_SERVICES: of the teleservice (TS 29.002 §17.7.10), speech in the IMS."""
    code = r.service & 0xFF
    if r.service < 0 or r.service >> 8 != TELESERVICE:
        return 4 if r.service >= 0 else 1
    if code == 0x12:
        return 2
    if code >> 4 == 6:
        return 3
    return 1 if code >> 4 == 1 else 0


@part
def put_cause(out, r, codes):  # type: ignore[no-untyped-def]
    """Cause and outcome: call control or SIP where they are told, else the cause for termination."""
    if codes.ims[r.type]:
        status = r.result
        if status < 0 and r.cause == 0:
            status = SUCCESS
        out.cause_family, out.cause_code = (codes.family_sip if status >= 0 else 0), status
    elif r.diagnostic_kind == 0 and r.diagnostic >= 0:
        out.cause_family, out.cause_code = codes.family_control, r.diagnostic
    else:
        out.cause_family, out.cause_code = codes.family_end, r.cause
    if out.answer_time != _NEVER:
        out.outcome = 1
        abnormal = IMS_UNSUCCESSFUL if codes.ims[r.type] else ABNORMAL
        out.dropped = -1 if r.cause < 0 else 1 if r.cause == abnormal else 0
    else:
        table = 1 if codes.ims[r.type] else 0
        told = out.cause_family != codes.family_end and out.cause_family != 0 and 0 <= out.cause_code < 1024
        out.outcome = codes.outcome[table, out.cause_code] if told else 5


@part
def put_place(out, r, codes):  # type: ignore[no-untyped-def]
    """Who and where, as far as not known yet."""
    if out.imsi == NO_DIGITS:
        out.imsi = r.imsi
    if out.imei == NO_DIGITS:
        out.imei = r.imei
    if out.cell == _NOWHERE:
        out.cell = r.cell
    if out.rat == 0 and r.system >= 0:
        out.rat = codes.system[min(r.system, 255)]
    if out.rat == 0 and out.cell != _NOWHERE:
        kind = out.cell >> _U8(60)
        out.rat = codes.eutran if kind == _ECGI else codes.nr if kind == _NCGI else 0


@part
def write_call(records, order, first, end, key, codes, window_ns, out):  # type: ignore[no-untyped-def]
    """Fill `out` (a blank row of xdr.CALL) from the records of one call, in order of time."""
    best = codes.rank[records[order[first]].type]
    for k in range(first, end):
        best = min(best, codes.rank[records[order[k]].type])
    last, begins = first, False
    for k in range(first, end):
        r = records[order[k]]
        put_place(out, r, codes)
        if codes.rank[r.type] != best:
            continue
        begins = begins or r.requested != _NEVER or r.opened != _NEVER
        out.start_time = began(r) if out.start_time == _NEVER else min(out.start_time, began(r))
        answer = milliseconds(r.answered, r.answered_ms)
        if answer != _NEVER:
            out.answer_time = answer if out.answer_time == _NEVER else min(out.answer_time, answer)
        if out.end_time == _NEVER or released(r) >= out.end_time:
            out.end_time, last = released(r), k
    r = records[order[last]]
    out.call_id = np.int64(max(key & _SIGN, _U8(1)))
    out.source, out.call_service = codes.source[r.type], call_service(r)
    out.direction = codes.direction[r.type] if codes.direction[r.type] else (r.role + 1 if 0 <= r.role <= 1 else 0)
    put_cause(out, r, codes)
    if out.answer_time != _NEVER:
        out.setup_ms = max(out.answer_time - out.start_time, 0) if begins else -1
        out.talk_ms = max(out.end_time - out.answer_time, 0)
    out.window = out.start_time - out.start_time % window_ns


@part
def ordered(records, order, first, end):  # type: ignore[no-untyped-def]
    """Put the few records of a call in order of sequence, then of content."""
    for k in range(first + 1, end):
        i = k
        while i > first and goes_before(records[order[i]], records[order[i - 1]]):
            order[i], order[i - 1] = order[i - 1], order[i]
            i -= 1


@part
def goes_before(a, b):  # type: ignore[no-untyped-def]
    """Whether record `a` comes before `b` in their call."""
    if a.type != b.type:
        return a.type < b.type
    if a.sequence != b.sequence:
        return a.sequence < b.sequence
    return a.digest < b.digest


@kernel
def write_calls(records, keys, order, codes, window_ns, blank, out):  # type: ignore[no-untyped-def]
    """Rows written: a row of `out` (xdr.CALL[n]) for each call. order: int64[n], rows in order of `keys`.

    A call of which no record tells a time has none.
    """
    count, first = 0, 0
    while first < len(order):
        end = first + 1
        while end < len(order) and keys[order[end]] == keys[order[first]]:
            end += 1
        if end - first <= 4096:
            ordered(records, order, first, end)
        out[count] = blank[0]
        write_call(records, order, first, end, keys[order[first]], codes, window_ns, out[count])
        if out[count].start_time != _NEVER:
            count += 1
        first = end
    return count


@part
def put_message(r, out):  # type: ignore[no-untyped-def]
    """How a short message went."""
    out.outcome = 2 if r.diagnostic_kind >= 0 or r.cause == UNSUCCESSFUL else 1


@part
def put_stay(r, out):  # type: ignore[no-untyped-def]
    """How long a mobility context lasted, and how it ended; a partial record leaves that open."""
    if r.duration >= 0:
        out.end_time, out.event_ms = r.opened + r.duration * SECOND, r.duration * SECOND
    out.outcome = 1 if r.cause == CLOSING_NORMAL else 2 if r.cause == CLOSING_ABNORMAL else 0


@kernel
def write_messages(records, codes, window_ns, blank, out):  # type: ignore[no-untyped-def]
    """A row of `out` (xdr.EVENT[n]) for each short message and each record of a mobility context in `records`."""
    for i in range(len(records)):
        r = records[i]
        out[i] = blank[0]
        row = out[i]
        row.start_time, row.window = r.opened, r.opened - r.opened % window_ns
        row.kind, row.channel = codes.kind[r.type], codes.channel[r.type]
        if codes.lasts[r.type]:
            put_stay(r, row)
        else:
            put_message(r, row)
        row.imsi, row.imei, row.cell = r.imsi, r.imei, r.cell
        row.rat = codes.system[min(r.system, 255)] if r.system >= 0 else 0
