"""Diameter (RFC 6733): one message, from octets into rows of `formats.diameter_rows`.

Of an AVP that may come more than once the first counts. Groups are walked with a stack, at most DEPTH deep.
What Failed-AVP quotes is not the message's own and only named.

Measured (AMD EPYC, two busy cores): 0.2 us an answer of 104 octets, 0.4 us a Credit-Control-Request of 192.
"""

import numpy as np

from formats.diameter import (
    FLAG_ERROR,
    FLAG_PROXIABLE,
    FLAG_REQUEST,
    FLAG_RETRANSMIT,
    HEADER_OCTETS,
    VERSION,
)
from formats.diameter_avps import (
    BASE_ACTION,
    BASE_FEWEST,
    CREDIT,
    EQUIPMENT,
    EXPERIMENTAL,
    FAILED,
    FLAG_VENDOR,
    GRANTED,
    LAST_GROUP,
    LAST_IDENTITY,
    LAST_NAME,
    LAST_NUMBER,
    LAST_PLACE,
    MESSAGE,
    NO_VENDOR,
    RULE,
    SUBSCRIPTION,
    TGPP,
    TGPP_ACTION,
    TGPP_FEWEST,
    TRANSPARENT,
    USED,
)
from formats.diameter_avps import HEADER_OCTETS as AVP_HEADER_OCTETS
from formats.diameter_avps import HEADER_VENDOR_OCTETS as AVP_HEADER_VENDOR_OCTETS
from formats.reasons import DIAMETER, DIAMETER_MALFORMED, DIAMETER_TRUNCATED
from kernels.diameter_avps import equipment, identity, name, number, octet_count, place, subscription
from kernels.diameter_rows import (
    CONTEXTS,
    CREDIT_ROW,
    DEPTH,
    ENDS,
    KIND,
    RESUMES,
    VALUE_AT,
    VALUE_OCTETS,
    add_credit,
    begin_message,
    end_message,
)
from kernels.jit import kernel, part
from kernels.octets import be24, be32


@part
def header_fault(data, at, hi):  # type: ignore[no-untyped-def]
    """0 if a whole and sound header stands at `at`, else a code of `formats.reasons`."""
    if hi - at < HEADER_OCTETS:
        return DIAMETER_TRUNCATED
    if data[at] != VERSION:
        return DIAMETER_MALFORMED
    size = be24(data, at + 1)
    return DIAMETER_MALFORMED if size < HEADER_OCTETS or size & 3 else 0


@kernel
def decode(data, lo, hi, out):  # type: ignore[no-untyped-def]
    """Decode the one Diameter message that begins at data[lo]; returns a code of `formats.reasons`.

    data: uint8[n]    lo, hi: what was captured of the message; what is beyond its own length is not looked at
    out: Diameter     a row is appended and `out.used` moves; `kernels.diameter_rows.has_room(out)` holds before

    DIAMETER: a row was appended; ts, addresses and ports are for the caller to fill in. DIAMETER_TRUNCATED (it ends
    within the header), DIAMETER_MALFORMED: none was. A message that is longer than data[lo:hi] is damaged.
    """
    reason = header_fault(data, lo, hi)
    if reason != 0:
        return reason
    m = begin_message(out.messages, out.used)
    _header(data, lo, m)
    end = lo + be24(data, lo + 1)
    if end > hi:
        m.damage = 1
        end = hi
    _avps(data, lo + HEADER_OCTETS, end, m, out.credits, out.text, out.stack)
    end_message(m, out.used)
    return DIAMETER


@part
def _header(data, at, m):  # type: ignore[no-untyped-def]
    """Flags, command, application and identifiers (RFC 6733 §3)."""
    flags = np.int64(data[at + 4])
    m.request = 1 if flags & FLAG_REQUEST else 0
    m.proxiable = 1 if flags & FLAG_PROXIABLE else 0
    m.error = 1 if flags & FLAG_ERROR else 0
    m.retransmit = 1 if flags & FLAG_RETRANSMIT else 0
    m.command = be24(data, at + 5)
    m.application = be32(data, at + 8)
    m.hop_by_hop = be32(data, at + 12)
    m.end_to_end = be32(data, at + 16)


@part
def _avps(data, at, end, m, credit_rows, text, stack):  # type: ignore[no-untyped-def]
    """Walk all AVPs. One that reaches past the end of its group ends the group, and is damage."""
    depth = 0
    stack[ENDS], stack[RESUMES], stack[CONTEXTS], stack[CREDIT_ROW] = end, end, MESSAGE, -1
    while True:
        while depth > 0 and at >= stack[ENDS + depth]:
            _leave(data, stack[CONTEXTS + depth], stack[CONTEXTS + depth - 1], m, stack)
            at = stack[RESUMES + depth]
            depth -= 1
        if at >= end:
            return
        limit, context = stack[ENDS + depth], stack[CONTEXTS + depth]
        size, header, action, fewest = _avp(data, at, limit)
        if size < 0:
            m.damage = 1
            at = limit
            continue
        body, resume = at + header, min(at + ((size + 3) & ~3), limit)
        size -= header
        inside = _context(action, context)
        if action == 0 or size < fewest:
            m.damage |= 1 if size < fewest else 0
        elif inside >= 0 and depth + 1 < DEPTH:
            depth += 1
            stack[ENDS + depth], stack[RESUMES + depth], stack[CONTEXTS + depth] = body + size, resume, inside
            _enter(action, m, credit_rows, stack)
            at = body
            continue
        elif action > LAST_GROUP or action == FAILED:
            _value(data, body, size, action, context, m, credit_rows, text, stack)
        at = resume


@part
def _avp(data, at, limit):  # type: ignore[no-untyped-def]
    """(octets of the AVP at `at` or -1 if it does not fit, octets of its header, action, fewest octets of its value)"""
    if limit - at < AVP_HEADER_OCTETS:
        return np.int64(-1), np.int64(0), np.int64(0), np.int64(0)
    header, vendor = np.int64(AVP_HEADER_OCTETS), np.int64(NO_VENDOR)
    size = be24(data, at + 5)
    if data[at + 4] & FLAG_VENDOR:
        header = np.int64(AVP_HEADER_VENDOR_OCTETS)
    if size < header or size > limit - at:
        return np.int64(-1), header, np.int64(0), np.int64(0)
    if data[at + 4] & FLAG_VENDOR:
        vendor = be32(data, at + 8)
    code = be32(data, at)
    if vendor == TGPP and code < len(TGPP_ACTION):
        return size, header, TGPP_ACTION[code], TGPP_FEWEST[code]
    if vendor == NO_VENDOR and code < len(BASE_ACTION):
        return size, header, BASE_ACTION[code], BASE_FEWEST[code]
    return size, header, np.int64(0), np.int64(0)


@part
def _context(action, context):  # type: ignore[no-untyped-def]
    """The context inside a group that stands in `context`; -1 if it is no group, or none that is entered there."""
    if action == TRANSPARENT:
        return context
    if action == USED or action == GRANTED:
        return action if context == CREDIT else np.int64(-1)
    if action == RULE:
        return action if context == MESSAGE or context == RULE else np.int64(-1)
    if action == EXPERIMENTAL or action == SUBSCRIPTION or action == CREDIT or action == EQUIPMENT:
        return action if context == MESSAGE else np.int64(-1)
    return np.int64(-1)


@part
def _enter(action, m, credit_rows, stack):  # type: ignore[no-untyped-def]
    """A group begins."""
    if action == CREDIT:
        stack[CREDIT_ROW] = add_credit(m, credit_rows)
    elif action == SUBSCRIPTION or action == EQUIPMENT:
        stack[KIND], stack[VALUE_AT], stack[VALUE_OCTETS] = -1, 0, -1


@part
def _leave(data, context, outside, m, stack):  # type: ignore[no-untyped-def]
    """A group ends: of a type and a value, in whichever order, the meaning is known now."""
    if context == outside or stack[VALUE_OCTETS] < 0:
        return
    if context == SUBSCRIPTION:
        subscription(data, stack[VALUE_AT], stack[VALUE_OCTETS], stack[KIND], m)
    elif context == EQUIPMENT:
        equipment(data, stack[VALUE_AT], stack[VALUE_OCTETS], stack[KIND], m)
    stack[VALUE_OCTETS] = -1


@part
def _value(data, at, size, action, context, m, credit_rows, text, stack):  # type: ignore[no-untyped-def]
    """An AVP that is no group, long enough: by kind of value."""
    if action == FAILED:
        if size >= AVP_HEADER_OCTETS and m.failed_avp < 0 and context == MESSAGE:
            m.failed_avp = be32(data, at)
    elif action <= LAST_NAME:
        if context == MESSAGE:
            name(data, at, size, action, m, text)
    elif action <= LAST_IDENTITY:
        identity(data, at, size, action, context, m, stack)
    elif action <= LAST_PLACE:
        if context == MESSAGE:
            place(data, at, size, action, m)
    elif action <= LAST_NUMBER:
        number(be32(data, at), action, context, m, credit_rows, stack)
    else:
        octet_count(data, at, action, context, credit_rows, stack)
