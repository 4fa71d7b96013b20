"""A record's time and volumes laid out over windows and cells: rows of `presence` and `flow`.

The rule. A record spans from its opening time for its duration. The cell of a container holds from the end of the
container before it up to its own time; after the last container the record's last cell holds. A stay in a cell is cut
at window boundaries: each piece is a presence row. A container's volume belongs to its own time (first to last usage,
else from the container before it of the same rating group, within the record) and is spread evenly over that; the last
piece takes what rounding leaves, so that the octets of all pieces are those of the container. A container of no length
stands in the piece of its time. What lies beyond the MOST_WINDOWS-th window of a record is not laid out: its octets
stand in the last piece. Where a record has service data (or used units) with volumes, those count and its
traffic volumes, which hold the same octets, do not.
"""

from typing import NamedTuple

import numpy as np

from formats.cdr_rows import RAN, TRAFFIC
from formats.xdr import NEVER
from kernels.cdr_sessions import COUNTED, end_of, write_session
from kernels.jit import kernel, part

__all__ = ["PIECE", "Codes", "Out", "spread", "sum_volumes"]

_NEVER = np.int64(NEVER)
_NOWHERE = np.uint64(0)

MOST_WINDOWS = 1 << 16
"""Windows of one record that are laid out."""

PIECE = np.dtype([("start", "i8"), ("end", "i8"), ("window", "i8"), ("cell", "u8"), ("rat", "i8"), ("row", "i8")])
"""A stay in a cell within a window, and the presence row that it is."""


class Codes(NamedTuple):
    """What numbers of a record are in xDR rows."""

    source: np.ndarray
    """int64[types]: index of xdr.SOURCES by record type"""
    rat: np.ndarray
    """int64[256]: index of xdr.RATS by RAT type"""
    closing: int
    """index of xdr.CAUSE_FAMILIES"""
    deleted: int
    """index of xdr.END_REASONS, as are the rest"""
    drained: int
    cut: int
    moved: int


class Out(NamedTuple):
    """Where rows go: arrays of xDR rows, a blank row of each, rows in use (int64[3]), and scratch for pieces."""

    session: np.ndarray
    presence: np.ndarray
    flow: np.ndarray
    blank_session: np.ndarray
    blank_presence: np.ndarray
    blank_flow: np.ndarray
    used: np.ndarray
    pieces: np.ndarray


@part
def in_counted_list(kind, service_counts):  # type: ignore[no-untyped-def]
    """Whether the volumes of a container of this kind count."""
    return kind != RAN and ((kind != TRAFFIC) == (service_counts != 0))


@part
def service_data_counts(r, containers):  # type: ignore[no-untyped-def]
    """1 where a record has service data or used units with volumes: its traffic volumes are the same octets."""
    for k in range(r.first, r.first + r.containers):
        c = containers[k]
        if c.kind != TRAFFIC and c.kind != RAN and (c.up >= 0 or c.down >= 0):
            return 1
    return 0


@kernel
def sum_volumes(records, containers):  # type: ignore[no-untyped-def]
    """Fill `up`, `down` and a missing `qos_class`, `cell` and `rat` of each record from its containers."""
    for i in range(len(records)):
        r = records[i]
        service = service_data_counts(r, containers)
        for k in range(r.first, r.first + r.containers):
            c = containers[k]
            if c.kind == RAN:
                continue
            if in_counted_list(c.kind, service):
                if c.up >= 0:
                    r.up = max(r.up, 0) + c.up
                if c.down >= 0:
                    r.down = max(r.down, 0) + c.down
            if r.qos_class < 0:
                r.qos_class = c.qos_class
            if r.rat < 0:
                r.rat = c.rat
            if r.cell == _NOWHERE:
                r.cell = c.cell
            if c.cell != _NOWHERE and r.last_cell == _NOWHERE:
                r.last_cell = c.cell


@part
def add_stay(out, count, start, end, cell, rat, window_ns):  # type: ignore[no-untyped-def]
    """Pieces of a stay, cut at window boundaries; the new count, -1 where there is no room."""
    while True:
        if count == len(out.pieces):
            return -1
        window = start - start % window_ns
        piece = out.pieces[count]
        piece.start, piece.end = start, min(end, window + window_ns)
        piece.window, piece.cell, piece.rat, piece.row = window, cell, rat, -1
        count += 1
        start = window + window_ns
        if start >= end:
            return count


@part
def lay_out(r, containers, window_ns, out):  # type: ignore[no-untyped-def]
    """Pieces of a record in order of time; their count, -1 where there is no room."""
    start = r.opened
    end = min(end_of(r), start + MOST_WINDOWS * window_ns)
    count, cell, rat = 0, r.cell, r.rat
    for k in range(r.first, r.first + r.containers):
        c = containers[k]
        if c.kind == RAN or c.cell == _NOWHERE or c.time == _NEVER or c.time <= start:
            continue
        cell, rat = c.cell, (c.rat if c.rat >= 0 else rat)
        until = min(c.time, end)
        if until > start:
            count = add_stay(out, count, start, until, cell, rat, window_ns)
            if count < 0:
                return -1
            start = until
    if start < end or count == 0:
        if r.last_cell != _NOWHERE:
            cell = r.last_cell if count else (r.cell if r.cell != _NOWHERE else r.last_cell)
        return add_stay(out, count, start, end, cell, rat, window_ns)
    return count


@part
def joins(row, piece, session, ebi, codes):  # type: ignore[no-untyped-def]
    """Whether a piece goes on where the last presence row, of a partial record, ended."""
    return (
        row.session_id == session
        and row.ebi == ebi
        and row.window == piece.window
        and row.cell == piece.cell
        and row.rat == codes.rat[min(max(piece.rat, 0), 255)]
        and row.end_time == piece.start
    )


@part
def write_presence(r, session, count, codes, fresh, out):  # type: ignore[no-untyped-def]
    """A presence row for each piece, or more of the last one; 0 where there is no room."""
    for k in range(count):
        piece = out.pieces[k]
        used = out.used[1]
        joined = k == 0 and not fresh and used > 0 and joins(
            out.presence[used - 1], piece, session.session_id, -1, codes
        )  # fmt: skip
        if not joined:
            if used == len(out.presence):
                return 0
            out.presence[used] = out.blank_presence[0]
            row = out.presence[used]
            row.start_time, row.window = piece.start, piece.window
            row.imsi, row.imei, row.apn, row.session_id = session.imsi, session.imei, session.apn, session.session_id
            row.gateway_hi, row.gateway_lo = session.gateway_hi, session.gateway_lo
            row.slice = session.slice
            row.cell = piece.cell if piece.cell != _NOWHERE else session.cell_last
            row.rat = codes.rat[min(piece.rat, 255)] if piece.rat >= 0 else session.rat
            row.qos_class = r.qos_class
            row.connected_ms = 0
            out.used[1] = used + 1
            used += 1
        row = out.presence[used - 1]
        row.end_time = piece.end
        row.connected_ms += piece.end - piece.start
        same_cell = k + 1 < count and out.pieces[k + 1].cell == piece.cell
        row.end_reason = codes.cut if same_cell or k + 1 == count else codes.moved
        piece.row = used - 1
    return 1


@part
def close_presence(r, codes, row):  # type: ignore[no-untyped-def]
    """The last presence row of a record says how the bearer ended, if it did."""
    if r.cause == 0 or r.cause == 4:
        row.end_reason, row.dropped = codes.deleted, (1 if r.cause == 4 else 0)
        row.cause_family, row.cause_code = codes.closing, r.cause
    else:
        row.end_reason = codes.drained


@part
def usage_begin(r, containers, k):  # type: ignore[no-untyped-def]
    """ns when the usage of container k began: told, or the time of the one before it of its kind and rating group."""
    c = containers[k]
    if c.first != _NEVER:
        return c.first
    back = k - 1
    while back >= r.first and k - back <= 256:
        other = containers[back]
        if other.kind == c.kind and other.rating_group == c.rating_group and other.time != _NEVER:
            return other.time
        back -= 1
    return r.opened


@part
def first_piece(out, count, at):  # type: ignore[no-untyped-def]
    """The last piece that begins at or before `at` (the first piece for what is before all)."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if out.pieces[middle].start <= at:
            low = middle
        else:
            high = middle - 1
    return low


@part
def share(total, part_ns, left_ns):  # type: ignore[no-untyped-def]
    """Octets of `total` for a part of what is left; all of it where that is the last."""
    if total < 0 or part_ns >= left_ns:
        return total
    return np.int64(np.float64(total) * (np.float64(part_ns) / np.float64(left_ns)))


@part
def add_bytes(row, up, down):  # type: ignore[no-untyped-def]
    """Add octets to a row in which they may still be null."""
    if up >= 0:
        row.bytes_up = max(row.bytes_up, 0) + up
    if down >= 0:
        row.bytes_down = max(row.bytes_down, 0) + down


@part
def write_flow(r, c, session, piece, start, end, up, down, codes, out):  # type: ignore[no-untyped-def]
    """One flow row: what a container says of one piece; 0 where there is no room."""
    used = out.used[2]
    if used == len(out.flow):
        return 0
    out.flow[used] = out.blank_flow[0]
    out.used[2] = used + 1
    row = out.flow[used]
    row.start_time, row.end_time, row.window = start, end, piece.window
    row.end_reason = codes.cut
    row.imsi, row.imei, row.apn, row.session_id = session.imsi, session.imei, session.apn, session.session_id
    row.gateway_hi, row.gateway_lo = session.gateway_hi, session.gateway_lo
    row.ue_ip_hi, row.ue_ip_lo = session.ue_ip_hi, session.ue_ip_lo
    row.ran_ip_hi, row.ran_ip_lo = r.serving_hi, r.serving_lo
    row.cell = out.presence[piece.row].cell
    row.rat = out.presence[piece.row].rat
    row.qos_class = c.qos_class if c.qos_class >= 0 else r.qos_class
    add_bytes(row, up, down)
    return 1


@part
def spread_container(r, c, start, end, count, session, codes, out):  # type: ignore[no-untyped-def]
    """Flow rows of one container over the pieces that its time touches; 0 where there is no room."""
    start, end = min(max(start, r.opened), end_of(r)), min(max(end, r.opened), end_of(r))
    if end < start:
        start = end
    up, down, k = c.up, c.down, first_piece(out, count, start)
    while True:
        piece = out.pieces[k]
        stop = min(end, piece.end) if k + 1 < count else end
        if stop > start or end <= piece.end or k + 1 == count:
            part_up, part_down = share(up, stop - start, end - start), share(down, stop - start, end - start)
            if not write_flow(r, c, session, piece, start, stop, part_up, part_down, codes, out):
                return 0
            add_bytes(out.presence[piece.row], part_up, part_down)
            up, down = (up - part_up if up >= 0 else up), (down - part_down if down >= 0 else down)
        if stop >= end or k + 1 == count:
            return 1
        start, k = stop, k + 1


@part
def spread_record(r, containers, session, window_ns, codes, fresh, out):  # type: ignore[no-untyped-def]
    """Presence and flow rows of one record; 0 where there is no room."""
    count = lay_out(r, containers, window_ns, out)
    if count < 0 or not write_presence(r, session, count, codes, fresh, out):
        return 0
    close_presence(r, codes, out.presence[out.used[1] - 1])
    service = service_data_counts(r, containers)
    for k in range(r.first, r.first + r.containers):
        c = containers[k]
        if not in_counted_list(c.kind, service) or (c.up < 0 and c.down < 0):
            continue
        end = c.last if c.last != _NEVER and c.first != _NEVER else c.time
        if end == _NEVER:
            end = end_of(r)
        if not spread_container(r, c, usage_begin(r, containers, k), end, count, session, codes, out):
            return 0
    return 1


@part
def write_group(records, containers, order, first, end, key, role, window_ns, codes, out):  # type: ignore[no-untyped-def]
    """All rows of one session; 0 where there is no room, and none of them is kept then."""
    if out.used[0] == len(out.session):
        return 0
    presence, flow = out.used[1], out.used[2]
    out.session[out.used[0]] = out.blank_session[0]
    session = out.session[out.used[0]]
    write_session(records, order, first, end, key, role, codes, session)
    session.window = session.start_time - session.start_time % window_ns
    fresh = True
    for k in range(first, end):
        if role[order[k]] != COUNTED:
            continue
        if not spread_record(records[order[k]], containers, session, window_ns, codes, fresh, out):
            out.used[1], out.used[2] = presence, flow
            return 0
        fresh = False
    out.used[0] += 1
    return 1


@kernel
def spread(records, containers, order, groups, group, keys, role, window_ns, codes, out):  # type: ignore[no-untyped-def]
    """Write the rows of the sessions groups[group:]; the first that found no room (len(groups) at the end).

    records: RECORD[n]; containers: CONTAINER[m]; order, keys, role: as `mark_twice` left them; groups: int64[g, 2],
    where in `order` each session begins and ends.
    """
    while group < len(groups):
        first, end = groups[group, 0], groups[group, 1]
        key = keys[order[first]]
        if not write_group(records, containers, order, first, end, key, role, window_ns, codes, out):
            return group
        group += 1
    return group
