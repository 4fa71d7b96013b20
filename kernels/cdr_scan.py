"""From the octets of a file to its records: framing, filler, and where the next good record is after a damaged one.

A record stands bare, behind a TS 32.297 header, or behind a header of a stated length. What is no record and no framing
is refused as one stretch, from its first octet to the next one that begins a record.
"""

import numpy as np

from formats.ber import APPLICATION, NEEDS, TAGS
from formats.cdr_file import EXTRA, FRAMED, RELEASE_EXTENDED, TAP
from formats.cdr_rows import RECORD
from formats.tap import OFFSET, OFFSET_CODE
from formats.xdr import NEVER
from kernels.ber import (
    CUT,
    ENDLESS,
    FULL,
    MISMATCH,
    MISSING,
    SWALLOWED,
    WHOLE,
    ZONELESS,
    digest,
    is_record,
    read_header,
    walk,
)
from kernels.cdr_values import integer, zone_minutes
from kernels.jit import kernel, part
from kernels.octets import be16

__all__ = ["AT", "CONTAINERS", "DONE", "FILLER", "NO_RECORD", "RECORDS", "REJECT", "REJECTS", "STATE_WORDS", "scan"]

AT, DONE, RECORDS, CONTAINERS, REJECTS, FILLER, WASTED, SEARCHING, CODE, ZONES = range(10)
CODES = 256
STATE_WORDS = ZONES + CODES
"""Words of a scan's state: octet reached, 1 at the end, rows in use, octets of framing and filler, octets that were
walked in vain, whether the last stretch that was refused may grow; of TAP the time zone code that was read last and is
not explained yet (plus 1), and by code the minutes east of UTC (plus KNOWN)."""
KNOWN = 100_000


NO_RECORD, SEARCH_LIMIT = 16, 17
LONGEST_RECORD = 1 << 20
"""Octets of a record; more than that is a damaged length."""
LONGEST_DURATION = 62 * 86400
"""Seconds that a record may tell of: a damaged duration must not make rows in a hundred thousand windows."""
VAIN = 64
"""Octets that may be walked in vain for each octet of the file, before a search is given up."""

REJECT = np.dtype([("offset", "i8"), ("octets", "i8"), ("reason", "i8"), ("at", "i8")])
"""A stretch that was refused: where, how long, why (`kernels.ber.DAMAGE`), and the octet that cannot be."""


def _word(name: str) -> int:
    offset: int = RECORD.fields[name][1]  # type: ignore[index]
    return offset // 8


_TYPE, _OFFSET, _OCTETS, _DIGEST = (_word(name) for name in ("type", "offset", "octets", "digest"))
_DURATION, _ZONE = _word("duration"), _word("zone")
_OPENED, _ANSWERED = _word("opened"), _word("answered")
_MINUTE, _NEVER = 60 * 10**9, np.int64(NEVER)


@part
def root_of(plan, identifier, tag):  # type: ignore[no-untyped-def]
    """Record type of an outermost tag; -1 none."""
    klass = identifier >> 6
    if klass < 1 or klass > 2 or tag >= TAGS or not identifier & 0x20:
        return np.int64(-1)
    return np.int64(plan.roots[klass - 1, tag])


@part
def header_octets(data, at, end, framing, extra):  # type: ignore[no-untyped-def]
    """Octets of the header before a record, -1 where it is cut."""
    if framing == EXTRA:
        return extra if at + extra < end else -1
    if framing != FRAMED:
        return 0
    if at + 4 >= end:
        return -1
    return 5 if np.int64(data[at + 2]) >> 5 == RELEASE_EXTENDED else 4


@part
def plausible(data, at, end, framing, extra, plan):  # type: ignore[no-untyped-def]
    """Whether a record (with its header) may begin here: a known tag, a length that fits, its own recordType first."""
    before = header_octets(data, at, end, framing, extra)
    if before < 0 or at + before + 4 > end:
        return False
    begin = at + before
    code, identifier, tag, content, length = read_header(data, begin, end)
    if code or root_of(plan, identifier, tag) < 0:
        return False
    if framing == FRAMED and length >= 0 and content + length - begin != be16(data, at):
        return False
    if plan.numbers[root_of(plan, identifier, tag)] < 0:
        return True
    return is_record(data, content, end, plan, identifier, tag)


@part
def is_filler(data, at, end, framing, extra, plan):  # type: ignore[no-untyped-def]
    """Whether the octet at `at` only fills up: 0x00 or 0xFF where no header begins, not even one that lies."""
    if data[at] != 0 and data[at] != 0xFF:
        return False
    if (framing != FRAMED and framing != EXTRA) or at + 1 == end:
        return True
    if plausible(data, at, end, framing, extra, plan):
        return False
    return data[at + 1] == data[at] or plausible(data, at + 1, end, framing, extra, plan)


@part
def missing(record, needs):  # type: ignore[no-untyped-def]
    """Whether one of the columns in `needs` was not filled; times and numbers are negative then."""
    for k in range(NEEDS):
        if needs[k] >= 0 and record[needs[k]] < 0:
            return True
    return False


@part
def read_record(data, begin, limit, plan, records, row, containers, used, stack):  # type: ignore[no-untyped-def]
    """(code, octet, containers used): the record whose outermost tag is at `begin`, which `plausible` need not hold."""
    code, identifier, tag, content, length = read_header(data, begin, limit)
    if code:
        return code, content, used
    root = root_of(plan, identifier, tag)
    if root < 0:
        return np.int64(NO_RECORD), begin, used
    if length > LONGEST_RECORD:
        return np.int64(CUT), content, used
    record = records[row]
    for k in range(len(record)):
        record[k] = plan.blank_record[k]
    record[_TYPE] = root
    end = content + length if length >= 0 else np.int64(-1)
    reach = end if length >= 0 else min(limit, content + LONGEST_RECORD)
    level = np.int64(plan.levels[root])
    code, at, after = walk(data, content, end, reach, level, plan, records, row, containers, used, stack)
    if code == WHOLE and missing(record, plan.needs[root]):
        return np.int64(MISSING), at, used
    if code == WHOLE and record[_DURATION] > LONGEST_DURATION:
        return np.int64(ENDLESS), at, used
    return np.int64(code), at, after


@part
def claimed_end(data, begin, end):  # type: ignore[no-untyped-def]
    """Where a record ends by its own length, -1 where that is indefinite or cannot be."""
    code, _, _, content, length = read_header(data, begin, end)
    return content + length if not code and length >= 0 else np.int64(-1)


@part
def next_record(data, at, stop, end, framing, extra, plan):  # type: ignore[no-untyped-def]
    """The first octet from `at` on where a record may begin, `stop` for none before that."""
    while at < stop and not plausible(data, at, end, framing, extra, plan):
        at += 1
    return at


@part
def refuse(state, rejects, offset, after, reason, at):  # type: ignore[no-untyped-def]
    """Note that [offset, after) is refused; joined to the stretch before where that was still being searched."""
    last = state[REJECTS] - 1
    if state[SEARCHING] and last >= 0 and rejects[last].offset + rejects[last].octets == offset:
        rejects[last].octets += after - offset
    else:
        row = rejects[last + 1]
        row.offset, row.octets, row.reason, row.at = offset, after - offset, reason, at
        state[REJECTS] = last + 2


@part
def recover(data, at, begin, stop, end, framing, extra, plan, code, stopped, state, rejects):  # type: ignore[no-untyped-def]
    """Refuse what begins at `at` (its record at `begin`) and find where to go on."""
    after = claimed_end(data, begin, end) if code != SWALLOWED and code != MISMATCH and not state[SEARCHING] else -1
    searched = 1
    if after > begin and (after == end or plausible(data, after, end, framing, extra, plan)):
        searched = 0
    else:
        state[WASTED] += stopped - begin
        if state[WASTED] > VAIN * end:
            after, code = stop, np.int64(SEARCH_LIMIT)
        else:
            after = next_record(data, at + 1, stop, end, framing, extra, plan)
    refuse(state, rejects, at, after, code, stopped)
    state[SEARCHING] = searched
    state[AT] = after


@part
def note_zone(data, tag, content, length, state):  # type: ignore[no-untyped-def]
    """Keep what time zone codes mean: a code, and the offset that follows it."""
    if tag == OFFSET_CODE:
        code, damage = integer(data, content, length)
        state[CODE] = code + 1 if not damage and code < CODES else 0
    elif tag == OFFSET and state[CODE]:
        minutes = zone_minutes(data, content, length)
        if abs(minutes) < 1440:
            state[ZONES + state[CODE] - 1] = minutes + KNOWN
        state[CODE] = 0


@part
def pass_over(data, at, end, plan, state):  # type: ignore[no-untyped-def]
    """Octets of what stands around the call events of a TAP file at `at`: of what is constructed only its header, so
    that its elements come next; 0 where neither is."""
    code, identifier, tag, content, length = read_header(data, at, end)
    if identifier >> 6 != APPLICATION or root_of(plan, identifier, tag) >= 0:
        return 0
    if identifier & 0x20:
        return content - at if code == WHOLE or content < end else 0
    if code != WHOLE:
        return 0
    note_zone(data, tag, content, length, state)
    return content + length - at


@part
def to_utc(record, state):  # type: ignore[no-untyped-def]
    """Make the local times of a call event UTC; ZONELESS where its code is not explained."""
    code = record[_ZONE]
    if code < 0:
        return WHOLE
    if code >= CODES or state[ZONES + code] == 0:
        return ZONELESS
    east = (state[ZONES + code] - KNOWN) * _MINUTE
    if record[_OPENED] != _NEVER:
        record[_OPENED] -= east
    if record[_ANSWERED] != _NEVER:
        record[_ANSWERED] -= east
    return WHOLE


@kernel
def scan(  # type: ignore[no-untyped-def]
    data, stop, end, framing, extra, plan, state, stack, records, containers, rejects
):
    """Fill rows from state[AT] on, until one of the three tables is full or what begins before `stop` is done.

    data: uint8[n], of which [0, end) is a stretch of one file, cut at the file's end or LONGEST_RECORD after `stop`;
    framing, extra: as in `formats.cdr_file`; records, containers: int64 views of RECORD and
    CONTAINER rows; rejects: REJECT[r]; state: int64[STATE_WORDS], of which the caller sets AT and the rows in use.
    Offsets are within `data`.
    """
    while state[AT] < stop:
        at = state[AT]
        if state[RECORDS] == len(records) or state[REJECTS] == len(rejects):
            return
        if is_filler(data, at, end, framing, extra, plan):
            state[AT] += 1
            state[FILLER] += 1
            continue
        around = pass_over(data, at, end, plan, state) if framing == TAP else 0
        if around:
            state[AT] += around
            state[FILLER] += around
            continue
        before = header_octets(data, at, end, framing, extra)
        begin = at + max(before, 0)
        code, stopped, used = np.int64(CUT), at, state[CONTAINERS]
        if before >= 0 and begin < end:
            code, stopped, used = read_record(
                data, begin, end, plan, records, state[RECORDS], containers, state[CONTAINERS], stack
            )
        if code == FULL and state[CONTAINERS] > 0:
            return
        if code == WHOLE and framing == FRAMED and stopped - begin != be16(data, at):
            code = np.int64(MISMATCH)
        if code == WHOLE and framing == TAP:
            code = np.int64(to_utc(records[state[RECORDS]], state))
        if code != WHOLE:
            recover(data, at, begin, stop, end, framing, extra, plan, code, stopped, state, rejects)
            continue
        record = records[state[RECORDS]]
        record[_OFFSET], record[_OCTETS] = begin, stopped - begin
        record[_DIGEST] = digest(data, begin, stopped)
        state[RECORDS] += 1
        state[CONTAINERS] = used
        state[AT] = stopped
        state[SEARCHING] = 0
        state[FILLER] += before
    state[DONE] = 1
