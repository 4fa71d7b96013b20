"""Records of one session put together: which belong together, which are twice there, and the session's own row.

A session is what shares gateway, charging identifier (of the PDN connection where it is told) and IMSI. Where two kinds
of nodes tell of it (an SGW and a PGW, say), the records of the highest rank count; the others only fill in what those
do not tell. Whatever order the records came in, the result is the same.
"""

import numpy as np

from formats.addresses import NO_DIGITS
from formats.cdr_ps import CLOSING_ABNORMAL, CLOSING_NORMAL
from formats.xdr import NEVER
from kernels.hashing import mix
from kernels.jit import kernel, part

__all__ = ["COUNTED", "FILLS", "TWICE", "group_keys", "mark_twice", "order_group", "write_session"]

_U8 = np.uint64
_NEVER = np.int64(NEVER)
_SIGN = np.uint64(0x7FFF_FFFF_FFFF_FFFF)
_NOWHERE = np.uint64(0)
SECOND, MILLISECOND = 10**9, 10**6

COUNTED, FILLS, TWICE = 0, 1, 2
"""What a record is in its session: it counts, it only fills in, it is there a second time."""


@kernel
def group_keys(records, out_keys):  # type: ignore[no-untyped-def]
    """out_keys: uint64[n], the session of each of `records` (RECORD[n])."""
    for i in range(len(records)):
        r = records[i]
        identity = r.connection_id if r.connection_id >= 0 else r.charging_id
        gateway = r.gateway_lo if r.gateway_lo | r.gateway_hi else r.node_lo
        high = r.gateway_hi if r.gateway_lo | r.gateway_hi else r.node_hi
        key = mix(mix(gateway ^ high, _U8(identity)), r.imsi)
        if identity < 0:
            key = mix(key, _U8(r.opened))
        out_keys[i] = key


@part
def before(a, b):  # type: ignore[no-untyped-def]
    """Whether record `a` comes before `b` in their session: by type, time, sequence; the digest settles the rest."""
    if a.type != b.type:
        return a.type < b.type
    if a.charging_id != b.charging_id:
        return a.charging_id < b.charging_id
    if a.opened != b.opened:
        return a.opened < b.opened
    if a.sequence != b.sequence:
        return a.sequence < b.sequence
    if a.retransmitted != b.retransmitted:
        return a.retransmitted < b.retransmitted
    return a.digest < b.digest


@part
def order_group(records, order, first, end):  # type: ignore[no-untyped-def]
    """Sort order[first:end] (rows of `records`) by `before`: by halves, merged in place by heaps for long groups."""
    count = end - first
    for k in range(count // 2 - 1, -1, -1):
        sink(records, order, first, k, count)
    for last in range(count - 1, 0, -1):
        order[first], order[first + last] = order[first + last], order[first]
        sink(records, order, first, 0, last)


@part
def sink(records, order, first, k, count):  # type: ignore[no-untyped-def]
    """Let place k of a heap of `count` places at `first` sink to where it belongs; the last one is on top."""
    while True:
        child = 2 * k + 1
        if child >= count:
            return
        if child + 1 < count and before(records[order[first + child]], records[order[first + child + 1]]):
            child += 1
        if not before(records[order[first + k]], records[order[first + child]]):
            return
        order[first + k], order[first + child] = order[first + child], order[first + k]
        k = child


@part
def same(a, b):  # type: ignore[no-untyped-def]
    """Whether two records tell of the same part of a session: one was sent twice."""
    return (
        a.type == b.type
        and a.charging_id == b.charging_id
        and a.opened == b.opened
        and a.sequence == b.sequence
        and a.duration == b.duration
        and a.cause == b.cause
        and a.up == b.up
        and a.down == b.down
        and a.node_lo == b.node_lo
        and a.node_hi == b.node_hi
    )


@part
def mark_group(records, order, first, end, ranks, out_role):  # type: ignore[no-untyped-def]
    """out_role of the records of one ordered group: COUNTED, FILLS or TWICE; how many are there twice."""
    best = ranks[records[order[first]].type]
    for k in range(first, end):
        best = min(best, ranks[records[order[k]].type])
    twice = 0
    for k in range(first, end):
        r = records[order[k]]
        out_role[order[k]] = COUNTED if ranks[r.type] == best else FILLS
        back = k - 1
        while back >= first and records[order[back]].opened == r.opened and records[order[back]].type == r.type:
            if out_role[order[back]] != TWICE and same(records[order[back]], r):
                out_role[order[k]] = TWICE
                twice += 1
                break
            if k - back > 64:
                break
            back -= 1
    return twice


@kernel
def mark_twice(records, keys, order, ranks, out_role, out_groups):  # type: ignore[no-untyped-def]
    """(groups, records there twice): sort the rows of each group, and mark what each record is in it.

    order: int64[n], rows in order of `keys` (uint64[n]); out_groups: int64[n + 1], where in `order` each group begins.
    """
    groups = twice = 0
    first = 0
    while first < len(order):
        end = first + 1
        while end < len(order) and keys[order[end]] == keys[order[first]]:
            end += 1
        order_group(records, order, first, end)
        twice += mark_group(records, order, first, end, ranks, out_role)
        out_groups[groups] = first
        groups += 1
        first = end
    out_groups[groups] = len(order)
    return groups, twice


@part
def end_of(r):  # type: ignore[no-untyped-def]
    """ns when it ended: opening time and duration, and the ms beyond whole seconds where they are told."""
    return r.opened + r.duration * SECOND + max(r.ended_ms, 0) * MILLISECOND


@part
def fill_in(out, r):  # type: ignore[no-untyped-def]
    """Fill columns of a session row that are still null."""
    if out.imsi == NO_DIGITS:
        out.imsi = r.imsi
    if out.imei == NO_DIGITS:
        out.imei = r.imei
    if out.apn < 0:
        out.apn = r.apn
    if out.slice < 0:
        out.slice = r.slice
    if out.setup_ms < 0:
        out.setup_ms = r.setup
    if out.gateway_lo == _NOWHERE and out.gateway_hi == _NOWHERE:
        out.gateway_hi, out.gateway_lo = r.gateway_hi, r.gateway_lo


@part
def put_addresses(out, r):  # type: ignore[no-untyped-def]
    """The device's addresses: IPv4 first where there are both."""
    high, low, high2, low2 = r.ue_hi, r.ue_lo, r.ue2_hi, r.ue2_lo
    if (high != _NOWHERE or low == _NOWHERE) and low2 != _NOWHERE and high2 == _NOWHERE:
        high, low, high2, low2 = high2, low2, high, low
    if out.ue_ip_hi == _NOWHERE and out.ue_ip_lo == _NOWHERE:
        out.ue_ip_hi, out.ue_ip_lo = high, low
        out.ue_ipv6_hi, out.ue_ipv6_lo = high2, low2


@part
def put_end(out, r, family):  # type: ignore[no-untyped-def]
    """How a session ended, by the record that ends it; a partial one leaves that open."""
    out.cause_family, out.cause_code = family, r.cause
    if r.cause == CLOSING_NORMAL:
        out.dropped = 0
    elif r.cause == CLOSING_ABNORMAL:
        out.dropped = 1
    else:
        out.dropped = -1


@part
def put_volumes(out, r):  # type: ignore[no-untyped-def]
    """Add the volumes of a record; null as long as none was told."""
    if r.packets_up >= 0:
        out.packets_up = max(out.packets_up, 0) + r.packets_up
    if r.packets_down >= 0:
        out.packets_down = max(out.packets_down, 0) + r.packets_down
    if r.up >= 0:
        out.bytes_up = max(out.bytes_up, 0) + r.up
    if r.down >= 0:
        out.bytes_down = max(out.bytes_down, 0) + r.down


@part
def ends_session(r):  # type: ignore[no-untyped-def]
    """Whether a record is the last of its bearer, and that bearer the one that the session stands on."""
    own = r.connection_id < 0 or r.connection_id == r.charging_id
    return own and (r.cause == CLOSING_NORMAL or r.cause == CLOSING_ABNORMAL)


@part
def write_session(records, order, first, end, key, role, codes, out):  # type: ignore[no-untyped-def]
    """Fill `out` (a blank row of xdr.SESSION) from the records order[first:end] of one session.

    codes: what numbers of a record are in xDR rows (`kernels.cdr_spread.Codes`).
    """
    out.session_id = np.int64(max(key & _SIGN, _U8(1)))
    last, final = _NEVER, False
    for k in range(first, end):
        r = records[order[k]]
        if role[order[k]] != COUNTED:
            continue
        fill_in(out, r)
        put_addresses(out, r)
        put_volumes(out, r)
        out.source = codes.source[r.type]
        begins = r.opened if r.started == _NEVER or r.started > r.opened else r.started
        out.start_time = begins if out.start_time == _NEVER else min(out.start_time, begins)
        out.end_time = max(out.end_time, end_of(r))
        closes = ends_session(r)
        if (closes and not final) or (closes == final and end_of(r) >= last):
            put_end(out, r, codes.closing)
            last, final = end_of(r), closes
        if r.rat >= 0:
            out.rat = codes.rat[min(r.rat, 255)]
        if r.qos_class >= 0 and out.qos_class < 0:
            out.qos_class = r.qos_class
    for k in range(first, end):
        if role[order[k]] == FILLS:
            fill_in(out, records[order[k]])
            put_addresses(out, records[order[k]])
            if out.rat == 0 and records[order[k]].rat >= 0:
                out.rat = codes.rat[min(records[order[k]].rat, 255)]
    out.end_reason = codes.deleted if out.dropped >= 0 else codes.drained
    put_cells(records, order, first, end, role, out)


@part
def put_cells(records, order, first, end, role, out):  # type: ignore[no-untyped-def]
    """First and last cell: of the records that count, else of those that fill in."""
    for wanted in range(2):
        first_time, last_time = _NEVER, _NEVER
        for k in range(first, end):
            r = records[order[k]]
            cell = r.last_cell if r.last_cell != _NOWHERE else r.cell
            if role[order[k]] != wanted or cell == _NOWHERE:
                continue
            if first_time == _NEVER or r.opened < first_time:
                first_time, out.cell_first = r.opened, (r.cell if r.cell != _NOWHERE else cell)
            if last_time == _NEVER or end_of(r) >= last_time:
                last_time, out.cell_last = end_of(r), cell
        if first_time != _NEVER:
            return
