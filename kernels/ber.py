"""One BER kernel for all records: it walks the elements of a record and does what a compiled plan says at each.

A plan (`formats.ber.Plan`) is arrays; there is no object a record or a field. Definite and indefinite lengths and long
tags are read, elements that no table names are counted and passed over. About 12 ns an element.
"""

import numpy as np

from formats.ber import BEGIN, DEEPEST, LEAVES, LONG_TAG, PASS_STEP, TAGS, UNKNOWN_STEP
from formats.cdr_rows import CONTAINER, RECORD
from formats.xdr import NEVER
from kernels import cdr_values as v
from kernels.hashing import fold
from kernels.jit import inlined, part
from kernels.location import plmn
from kernels.tbcd import digits
from kernels.wide import be64

__all__ = ["DAMAGE", "new_stack", "read_header", "walk"]

WHOLE, CUT, LENGTH, TAG, NESTING, END, SWALLOWED, FULL, MISSING, MISMATCH, ENDLESS, ZONELESS = range(12)
DAMAGE = {
    CUT: "cut in the middle of an element",
    LENGTH: "an element claims more octets than its parent has",
    TAG: "a tag of more than 28 bits",
    NESTING: "elements nested deeper than 24",
    END: "an end-of-contents mark that is none, or a primitive of indefinite length",
    SWALLOWED: "another record inside: the length of this one is wrong",
    FULL: "more containers than a record can have",
    MISSING: "no opening time, duration or cause: a field that this record cannot be without",
    ZONELESS: "a local time whose time zone code the file does not explain",
    ENDLESS: "a duration of more than 62 days: of one record that cannot be",
    MISMATCH: "the record is longer or shorter than the header before it says",
}
"""Why a record is refused, in words."""

_NEVER = np.int64(NEVER)
_SEED = np.uint64(0x9E37_79B9_7F4A_7C15)
_SIGN = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
_U8 = np.uint64

INT, NULL, TIME, TBCD, ISDN, DIALLED = (LEAVES[n] for n in ("int", "null", "time", "tbcd", "isdn", "dialled"))
ADDRESS, DIAGNOSTICS, CHOICE, PLMN, LOCATION = (
    LEAVES[n] for n in ("address", "diagnostics", "choice", "plmn", "location")
)
OCTETS, TEXT, HASH, NUMBER, WORDS = (LEAVES[n] for n in ("octets", "text", "hash", "number", "words"))
SUBSCRIPTION, EQUIPMENT, CELLID, ACCESS, JSON = (
    LEAVES[n] for n in ("subscription", "equipment", "cellid", "access", "json")
)
DESTINATION, BCD, CLOCK, ZONE = (LEAVES[n] for n in ("destination", "bcd", "clock", "zone"))


def _word(dtype: np.dtype, name: str) -> int:
    """The place of a column in a row of 8-octet words."""
    offset: int = dtype.fields[name][1]  # type: ignore[index]
    return offset // 8


_UNKNOWN, _UNREADABLE = _word(RECORD, "unknown"), _word(RECORD, "unreadable")
_GROUP, _ID_TYPE = _word(RECORD, "rating_group"), _word(RECORD, "id_type")
_FIRST, _CONTAINERS = _word(RECORD, "first"), _word(RECORD, "containers")
_OF_RECORD, _KIND, _OF_GROUP = (_word(CONTAINER, name) for name in ("record", "kind", "rating_group"))
_TYPE_IMSI = 1  # subscriptionIDType eND-USER-IMSI
_IMSI_DIGITS = 14


def new_stack() -> np.ndarray:
    """Scratch for `walk`: int64[DEEPEST, 4]."""
    return np.zeros((DEEPEST, 4), np.int64)


@inlined
def read_header(data, at, limit):  # type: ignore[no-untyped-def]
    """(code, identifier, tag, content, length): the element at `at`; -1 is an indefinite length. at < limit."""
    identifier = np.int64(data[_U8(at)])
    tag = identifier & LONG_TAG
    at += 1
    if tag == LONG_TAG:
        tag = np.int64(0)
        octet = np.int64(128)
        for _ in range(4):
            if at >= limit:
                return CUT, identifier, tag, at, np.int64(0)
            octet = np.int64(data[_U8(at)])
            at += 1
            tag = (tag << 7) | (octet & 127)
            if octet < 128:
                break
        if octet >= 128:
            return TAG, identifier, tag, at, np.int64(0)
    if at >= limit:
        return CUT, identifier, tag, at, np.int64(0)
    length = np.int64(data[_U8(at)])
    at += 1
    if length < 128:
        return (WHOLE if at + length <= limit else LENGTH), identifier, tag, at, length
    if length == 128:
        return (WHOLE if identifier & 0x20 else END), identifier, tag, at, np.int64(-1)
    count = length & 127
    if count > 7:
        return LENGTH, identifier, tag, at, np.int64(0)
    if at + count > limit:
        return CUT, identifier, tag, at, np.int64(0)
    length = np.int64(0)
    for k in range(count):
        length = (length << 8) | np.int64(data[_U8(at + k)])
    at += count
    return (WHOLE if at + length <= limit else LENGTH), identifier, tag, at, length


@inlined
def step_of(plan, level, identifier, tag):  # type: ignore[no-untyped-def]
    """Row of `plan.steps` for an element."""
    klass = identifier >> 6
    if klass == plan.klass[level] and tag < TAGS:
        return np.int64(plan.entry[level, tag])
    if klass == 0 and tag < 32:
        return np.int64(plan.entry[level, TAGS + tag])
    return np.int64(UNKNOWN_STEP) if level else np.int64(PASS_STEP)


@part
def is_record(data, content, end, plan, identifier, tag):  # type: ignore[no-untyped-def]
    """Whether an element has the tag of a record type and begins with that type's recordType."""
    klass = identifier >> 6
    if klass < 1 or klass > 2 or tag >= TAGS or not identifier & 0x20:
        return False
    root = plan.roots[klass - 1, tag]
    if root < 0 or content + 3 > end or data[content] != 0x80:
        return False
    number = plan.numbers[root]
    if data[content + 1] == 1:
        return np.int64(data[content + 2]) == number
    return data[content + 1] == 2 and content + 4 <= end and data[content + 2] == 0 and data[content + 3] == number


@part
def digest(data, at, end):  # type: ignore[no-untyped-def]
    """63 bits of data[at:end] as int64, never 0."""
    value = _SEED ^ _U8(end - at)
    while at + 8 <= end:
        value = fold(value ^ be64(data, at), _SEED)
        at += 8
    last = _U8(0)
    while at < end:
        last = (last << _U8(8)) | _U8(data[at])
        at += 1
    value = fold(value ^ last, _SEED) & _SIGN
    return np.int64(value) if value != _U8(0) else np.int64(1)


@part
def put_address(data, at, length, line, slot):  # type: ignore[no-untyped-def]
    """Fill an address, if none stands there: of a list, the first that is read."""
    high, low = v.address(data, at, length)
    if line[slot] == 0 and line[slot + 1] == 0:
        line[slot], line[slot + 1] = np.int64(high), np.int64(low)
    return 0 if high | low else 1


@part
def put_subscription(data, at, length, line, slot, kind):  # type: ignore[no-untyped-def]
    """Fill IMSI or MSISDN by the type told before, else by the length of the number."""
    value = v.word_digits(data, at, length)
    imsi = kind == _TYPE_IMSI or (kind < 0 and v.digit_count(value) >= _IMSI_DIGITS)
    line[slot if imsi else slot + 1] = np.int64(value)
    return 0


@part
def put_equipment(data, at, length, line, slot):  # type: ignore[no-untyped-def]
    """Fill an IMEI: TBCD of up to 8 octets, or text."""
    line[slot] = np.int64(digits(data, at, length) if length <= 8 else v.word_digits(data, at, length))
    return 0


@part
def put_text(data, what, at, length, line, slot):  # type: ignore[no-untyped-def]
    """Leaves that are text or are found in one."""
    if what == TEXT:
        line[slot] = (at << 16) | min(length, 0xFFFF)
    elif what == HASH:
        line[slot] = digest(data, at, at + length)
    elif what == NUMBER:
        line[slot] = v.number(data, at, length)
    elif what == WORDS:
        line[slot] = np.int64(v.word_digits(data, at, length))
    elif what == ACCESS:
        line[slot] = np.int64(v.access_cell(data, at, length))
    elif what == JSON:
        line[slot] = np.int64(v.json_cell(data, at, length))
    elif what == CELLID:
        line[slot] = np.int64(v.text_cell(data, at, length, line[slot + 1]))
    elif what == BCD:
        line[slot] = np.int64(v.bcd_digits(data, at, length))
    elif what == CLOCK:
        line[slot] = v.clock(data, at, length)
        return 1 if line[slot] == _NEVER else 0
    elif what == ZONE:
        line[slot] = v.zone_minutes(data, at, length)
    return 0


@part
def put_choice(data, what, at, length, line, slot):  # type: ignore[no-untyped-def]
    """CHOICE of numbers: the number and which alternative, or both in one."""
    identifier, inside, size = v.first_inside(data, at, length)
    if size < 1:
        return 1
    if what == CHOICE:
        line[slot] = ((identifier & 31) << 8) | np.int64(data[inside])
        return 0
    if (np.int64(data[at]) & 31) in (3, 4):  # of one network or maker: no number of a standard
        line[slot + 1] = np.int64(data[at]) & 31
        return 0
    value, damage = v.integer(data, inside, size)
    line[slot], line[slot + 1] = value, identifier & 31
    return damage


@part
def leaf(data, what, at, length, line, slot, kind):  # type: ignore[no-untyped-def]
    """Fill a column from data[at : at + length]; 1 where the content cannot be. kind: type of a subscription."""
    if what == INT:
        line[slot], damage = v.integer(data, at, length)
        return damage
    if what == TIME:
        line[slot] = v.time_stamp(data, at, length)
        return 1 if line[slot] == _NEVER else 0
    if what == TBCD:
        line[slot] = np.int64(digits(data, at, length))
        return 0
    if what == ISDN:
        if length > 1:
            line[slot] = np.int64(digits(data, at + 1, length - 1))
        return 0
    if what == LOCATION:
        line[slot] = np.int64(v.location(data, at, length))
        return 0 if line[slot] else 1
    if what == ADDRESS:
        return put_address(data, at, length, line, slot)
    if what == DIALLED:
        line[slot] = np.int64(v.dialled(data, at, length))
        return 0
    if what == DIAGNOSTICS or what == CHOICE:
        return put_choice(data, what, at, length, line, slot)
    if what == PLMN:
        if length != 3:
            return 1
        line[slot] = plmn(data, at)
        return 0
    if what == OCTETS:
        line[slot], damage = v.octets(data, at, length)
        return damage
    if what == NULL:
        line[slot] = 1
        return 0
    if what == SUBSCRIPTION:
        return put_subscription(data, at, length, line, slot, kind)
    if what == EQUIPMENT:
        return put_equipment(data, at, length, line, slot)
    if what == DESTINATION:
        line[slot] = np.int64(v.destination(data, at, length))
        return 0
    return put_text(data, what, at, length, line, slot)


@part
def begin_container(kind, row, used, record, plan, containers):  # type: ignore[no-untyped-def]
    """Start container row `used` of record `row`."""
    line = containers[used]
    for k in range(len(line)):
        line[k] = plan.blank_container[k]
    line[_OF_RECORD], line[_KIND], line[_OF_GROUP] = row, kind, record[_GROUP]
    if record[_CONTAINERS] == 0:
        record[_FIRST] = used
    record[_CONTAINERS] += 1


@part
def walk(data, at, end, limit, level, plan, records, row, containers, used, stack):  # type: ignore[no-untyped-def]
    """(code, octet, containers used): fill records[row] from the elements at `at`, up to `end` (-1: indefinite).

    limit: octet that nothing may reach beyond. records: int64[n, words], containers: int64[m, words]; the code is of
    DAMAGE, 0 where the record is whole, and the octet is where it ended or was found damaged.
    """
    record = records[row]
    line = record
    depth, current = 0, used - 1
    while True:
        if at == end or (end < 0 and at + 2 <= limit and data[at] == 0):
            if end < 0:
                if data[at + 1] != 0:
                    return END, at, used
                at += 2
            if depth == 0:
                return WHOLE, at, used
            depth -= 1
            end, limit, level, current = stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3]
            line = containers[current] if plan.container[level] else record
            continue
        if at >= limit:
            return CUT, at, used
        code, identifier, tag, content, length = read_header(data, at, limit)
        if code:
            return code, at, used
        step = step_of(plan, level, identifier, tag)
        what = np.int64(plan.steps[step, 0])
        if step == UNKNOWN_STEP:
            if depth == 0 and is_record(data, content, limit, plan, identifier, tag):
                return SWALLOWED, at, used
            record[_UNKNOWN] += 1
        inner = np.int64(-1)
        if what >= INT:
            there = length if length >= 0 else limit - content
            slot = np.int64(plan.steps[step, 1])
            if identifier & 0x20 and what != ADDRESS and what != DIAGNOSTICS and what != CHOICE:
                record[_UNREADABLE] += 1
            else:
                record[_UNREADABLE] += leaf(data, what, content, there, line, slot, record[_ID_TYPE])
            inner = np.int64(0) if length < 0 else inner
        elif not identifier & 0x20 or step <= PASS_STEP:
            inner = np.int64(0) if length < 0 else inner
        else:
            inner = np.int64(plan.steps[step, 2])
        if inner < 0:
            at = content + length
            continue
        if depth == DEEPEST:
            return NESTING, at, used
        stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = end, limit, level, current
        depth += 1
        if what == BEGIN:
            if used == len(containers):
                return FULL, at, used
            begin_container(plan.steps[step, 1], row, used, record, plan, containers)
            current = used
            used += 1
        level, at = inner, content
        end = content + length if length >= 0 else np.int64(-1)
        limit = end if length >= 0 else limit
        line = containers[current] if plan.container[level] else record
