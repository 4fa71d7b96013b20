"""The walk over pcapng blocks: where each packet of a buffer lies and when it was taken.

Section, interface and statistics blocks update `state` and `interfaces`; blocks of other types are passed over, however
long. What the walk has learned lives there, so that it goes on in the next buffer as if there were only one.
"""

import numpy as np

from formats.capture import (
    BLOCK_ENHANCED,
    BLOCK_INTERFACE,
    BLOCK_OCTETS,
    BLOCK_PACKET,
    BLOCK_SECTION,
    BLOCK_SIMPLE,
    BLOCK_STATISTICS,
    BYTE_ORDER_MAGIC,
    INTERFACE_OCTETS,
    LONGEST_BLOCK,
    LONGEST_CAPTURED,
    LOSS_MAX,
    NANOSECONDS,
    OPTION_DROPCOUNT,
    OPTION_END,
    OPTION_IFDROP,
    OPTION_OSDROP,
    OPTION_TSOFFSET,
    OPTION_TSRESOL,
    PACKET_OCTETS,
    SCALE_BINARY,
    SCALE_DIVIDE,
    SCALE_MULTIPLY,
    SECTION_OCTETS,
    SIMPLE_OCTETS,
    STATISTICS_OCTETS,
    TS_MAX,
    WALK_BLOCK_LENGTH,
    WALK_BYTE_ORDER,
    WALK_CAPTURED_LENGTH,
    WALK_NO_INTERFACE,
    WALK_ON,
    WALK_TABLE_FULL,
    WALK_TRAILER,
    WALK_VERSION,
    WALK_WHOLE,
)
from kernels.jit import kernel
from kernels.words import i64, u16, u32

_WIRE_MAX = 2**31 - 1
_DROPS_UNKNOWN = 0xFFFF  # of an obsolete packet block


@kernel
def walk_pcapng(data, base, source, interfaces, state, out_records):  # type: ignore[no-untyped-def]
    """Write a row for each whole packet block of `data`, which begins where the last call stopped.

    data: uint8[n]; base: int, offset of data[0] in the file; source: int, copied to rows; interfaces: INTERFACE[k],
    those of the section so far; state: WALK[1]; out_records: RECORD[m], m >= n / 16.
    Returns (rows written, octet where to go on, WALK_*). With WALK_TABLE_FULL call again from there with a longer
    `interfaces`. After any other code but WALK_WHOLE no more can be had; state["found"] is the value complained of.
    """
    walk = state[0]
    at, count = 0, 0
    code = WALK_ON
    while code == WALK_ON:
        if walk["trailer"] > 0:
            at, code = _pass_over(data, at, walk)
            continue
        at, count = _plain_run(data, at, count, source, walk, interfaces, out_records)
        code = _begin(data, at, base, walk)
        if code != WALK_ON:
            break
        if walk["trailer"] > 0:
            at += 8
            continue
        kind, total = _head(data[at : at + 8], walk["big"])
        block = data[at : at + total]
        if kind == BLOCK_INTERFACE:
            code = _declare(block, walk, interfaces)
        elif kind == BLOCK_STATISTICS:
            _report(block, walk, interfaces)
        else:
            code = _packet(block, kind, at, source, walk, interfaces, out_records[count])
            count += code == WALK_ON
        if code == WALK_ON:
            at += total
    return count, at, code


@kernel
def _plain_run(data, at, count, source, walk, interfaces, out_records):  # type: ignore[no-untyped-def]
    """Read enhanced packet blocks without options, the bulk of most files, as long as they come: (octet, rows) reached.

    Says nothing that `_begin` and `_packet` would not say; it only says it in a tight loop.
    """
    big, declared, last = walk["big"] != 0, walk["interfaces"], walk["last_ts"]
    while at + PACKET_OCTETS <= len(data):
        head = data[at : at + 28]
        total, number, captured = u32(head, 4, big), u32(head, 8, big), u32(head, 20, big)
        if u32(head, 0, big) != BLOCK_ENHANCED or captured > LONGEST_CAPTURED or number >= declared:
            break
        if total != PACKET_OCTETS + ((captured + 3) & ~3) or at + total > len(data):
            break
        if u32(data[at + total - 4 : at + total], 0, big) != total:
            break
        interface = interfaces[number]
        last = nanoseconds(u32(head, 12, big), u32(head, 16, big), interface)
        row = out_records[count]
        row["ts"] = last
        row["offset"] = at + 28
        row["captured"] = captured
        row["wire"] = min(u32(head, 24, big), _WIRE_MAX)
        row["link"] = interface["link"]
        row["source"] = source
        count += 1
        at += total
    walk["last_ts"] = last
    return at, count


@kernel
def _head(octets, big):  # type: ignore[no-untyped-def]
    """(type, total length) of a block."""
    return u32(octets, 0, big), u32(octets, 4, big)


@kernel
def _begin(data, at, base, walk):  # type: ignore[no-untyped-def]
    """Check the block at `at`: WALK_ON when it can be read, or passed over (then walk["trailer"] is set)."""
    room = len(data) - at
    if room < BLOCK_OCTETS:
        return WALK_WHOLE
    head = data[at : at + BLOCK_OCTETS]
    kind = u32(head, 0, walk["big"])
    if kind == BLOCK_SECTION:
        return _open_section(data, at, base, walk)
    total = u32(head, 4, walk["big"])
    least = _least_octets(kind)
    if total < least or total & 3 != 0 or (least > BLOCK_OCTETS and total > LONGEST_BLOCK):
        walk["found"] = total
        return WALK_BLOCK_LENGTH
    if least == BLOCK_OCTETS:
        walk["trailer"], walk["passing"], walk["block"] = total, total - BLOCK_OCTETS, base + at
        return WALK_ON
    if room < total:
        return WALK_WHOLE
    repeated = u32(data[at + total - 4 : at + total], 0, walk["big"])
    if repeated == total:
        return WALK_ON
    walk["found"] = repeated
    return WALK_TRAILER


@kernel
def _least_octets(kind):  # type: ignore[no-untyped-def]
    """The shortest total length of a block of this type; BLOCK_OCTETS for those that are passed over."""
    if kind in (BLOCK_ENHANCED, BLOCK_PACKET):
        return PACKET_OCTETS
    if kind == BLOCK_SIMPLE:
        return SIMPLE_OCTETS
    if kind == BLOCK_STATISTICS:
        return STATISTICS_OCTETS
    if kind == BLOCK_INTERFACE:
        return INTERFACE_OCTETS
    return BLOCK_OCTETS


@kernel
def _open_section(data, at, base, walk):  # type: ignore[no-untyped-def]
    """Learn the byte order of a section and forget the interfaces before it; the header's options are passed over."""
    walk["found"] = u32(data, at + 8, True)
    walk["big"] = 1 if walk["found"] == BYTE_ORDER_MAGIC else 0
    if walk["big"] == 0 and u32(data, at + 8, False) != BYTE_ORDER_MAGIC:
        return WALK_BYTE_ORDER
    total = u32(data, at + 4, walk["big"])
    walk["found"] = total
    if total < SECTION_OCTETS or total & 3 != 0:
        return WALK_BLOCK_LENGTH
    if at + SECTION_OCTETS > len(data):
        return WALK_WHOLE
    walk["found"] = u16(data, at + 12, walk["big"])
    if walk["found"] != 1:
        return WALK_VERSION
    walk["interfaces"] = 0
    walk["trailer"], walk["passing"], walk["block"] = total, total - BLOCK_OCTETS, base + at
    return WALK_ON


@kernel
def _pass_over(data, at, walk):  # type: ignore[no-untyped-def]
    """Go on inside a block that is not read: (octet reached, WALK_*); its two total lengths must agree."""
    step = min(walk["passing"], len(data) - at)
    at += step
    walk["passing"] -= step
    if walk["passing"] > 0 or at + 4 > len(data):
        return at, WALK_WHOLE
    walk["found"] = u32(data, at, walk["big"])
    if walk["found"] != walk["trailer"]:
        return at, WALK_TRAILER
    walk["trailer"] = 0
    return at + 4, WALK_ON


@kernel
def _packet(block, kind, at, source, walk, interfaces, out_row):  # type: ignore[no-untyped-def]
    """Fill the RECORD of a packet block, simple, enhanced or obsolete; `at` is where the block begins in the data."""
    big = walk["big"]
    number = 0
    if kind == BLOCK_ENHANCED:
        number = u32(block, 8, big)
    elif kind == BLOCK_PACKET:
        number = u16(block, 8, big)
    if number >= walk["interfaces"]:
        walk["found"] = number
        return WALK_NO_INTERFACE
    interface = interfaces[number]
    if kind == BLOCK_SIMPLE:
        first, wire = 12, u32(block, 8, big)
        captured = wire if interface["snaplen"] == 0 else min(wire, interface["snaplen"])
        captured = min(captured, len(block) - SIMPLE_OCTETS)
        walk["untimed"] += 1
    else:
        first, captured, wire = 28, u32(block, 20, big), u32(block, 24, big)
    if captured > LONGEST_CAPTURED or first + captured > len(block) - 4:
        walk["found"] = captured
        return WALK_CAPTURED_LENGTH
    if kind != BLOCK_SIMPLE:
        walk["last_ts"] = nanoseconds(u32(block, 12, big), u32(block, 16, big), interface)
        _count_missed(block, kind, first + captured, walk, interface)
    out_row["ts"] = walk["last_ts"]
    out_row["offset"] = at + first
    out_row["captured"] = captured
    out_row["wire"] = min(wire, _WIRE_MAX)
    out_row["link"] = interface["link"]
    out_row["source"] = source
    return WALK_ON


@kernel
def _count_missed(block, kind, data_end, walk, interface):  # type: ignore[no-untyped-def]
    """Add the packets that were lost before this one: the option of an enhanced block, a field of the obsolete one."""
    if kind == BLOCK_PACKET:
        missed = u16(block, 10, walk["big"])
        if missed == _DROPS_UNKNOWN:
            missed = 0
    else:
        options = (data_end + 3) & ~3
        if options + 12 > len(block) - 4:
            return
        missed = _count_option(block, options, OPTION_DROPCOUNT, walk["big"])
    if missed > 0:
        _lose(walk, interface, interface["reported"], interface["missed"] + missed)


@kernel
def _report(block, walk, interfaces):  # type: ignore[no-untyped-def]
    """Take the counters of a statistics block, which count from the start of the capture."""
    number = u32(block, 8, walk["big"])
    if number >= walk["interfaces"]:
        return
    lost = _count_option(block, 20, OPTION_IFDROP, walk["big"])
    lost += _count_option(block, 20, OPTION_OSDROP, walk["big"])
    interface = interfaces[number]
    _lose(walk, interface, max(lost, interface["reported"]), interface["missed"])


@kernel
def _lose(walk, interface, reported, missed):  # type: ignore[no-untyped-def]
    """Both countings are of the same losses: the greater one counts."""
    before = max(interface["reported"], interface["missed"])
    interface["reported"] = min(reported, LOSS_MAX)
    interface["missed"] = min(missed, LOSS_MAX)
    walk["lost"] += max(interface["reported"], interface["missed"]) - before


@kernel
def _declare(block, walk, interfaces):  # type: ignore[no-untyped-def]
    """Add the interface of an interface description block to those of the section."""
    if walk["interfaces"] >= len(interfaces):
        walk["found"] = len(interfaces)
        return WALK_TABLE_FULL
    big = walk["big"]
    interface = interfaces[walk["interfaces"]]
    interface["link"] = u16(block, 8, big)
    interface["snaplen"] = u32(block, 12, big)
    interface["reported"] = 0
    interface["missed"] = 0
    at, length = _find_option(block, 16, OPTION_TSRESOL, big)
    _set_scale(interface, np.int64(block[at]) if length >= 1 else np.int64(6))
    at, length = _find_option(block, 16, OPTION_TSOFFSET, big)
    seconds = i64(block, at, big) if length >= 8 else np.int64(0)
    bound = TS_MAX // NANOSECONDS
    interface["shift"] = max(-bound, min(seconds, bound)) * NANOSECONDS
    walk["interfaces"] += 1
    return WALK_ON


@kernel
def _set_scale(interface, resolution):  # type: ignore[no-untyped-def]
    """Turn if_tsresol into scale and factor: 10^-v seconds, or 2^-v where the top bit is set."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        interface["scale"], interface["factor"] = SCALE_BINARY, exponent
        return
    factor = 1
    for _ in range(abs(exponent - 9)):
        factor = factor * 10 if factor < 10**18 else 0
        if factor == 0:
            break
    interface["scale"] = SCALE_MULTIPLY if exponent <= 9 else SCALE_DIVIDE
    interface["factor"] = factor
    interface["limit"] = TS_MAX // factor if factor > 0 else 0


@kernel
def nanoseconds(high, low, interface):  # type: ignore[no-untyped-def]
    """The time of `high` * 2^32 + `low` units of an INTERFACE row as int64 ns since 1970, held inside int64."""
    scale, factor, shift = interface["scale"], interface["factor"], interface["shift"]
    units = (high << 32) | low
    if scale == SCALE_MULTIPLY:
        ts = units * factor if 0 <= units <= interface["limit"] else np.int64(TS_MAX)
    elif scale == SCALE_DIVIDE:
        ts = np.int64(_as_unsigned(high, low) // np.uint64(factor)) if factor > 0 else np.int64(0)
    else:
        ts = _binary(high * NANOSECONDS, low * NANOSECONDS, factor)
    if shift > 0 and ts > TS_MAX - shift:
        return np.int64(TS_MAX)
    return ts + shift


@kernel
def _as_unsigned(high, low):  # type: ignore[no-untyped-def]
    return (np.uint64(high) << np.uint64(32)) | np.uint64(low)


@kernel
def _binary(upper, lower, exponent):  # type: ignore[no-untyped-def]
    """(upper * 2^32 + lower) >> exponent with no bit lost; `upper` and `lower` are below 2^62."""
    if exponent >= 32:
        return (upper + (lower >> 32)) >> min(exponent - 32, 63)
    added = lower >> exponent
    if upper > (TS_MAX - added) >> (32 - exponent):
        return np.int64(TS_MAX)
    return (upper << (32 - exponent)) + added


@kernel
def _find_option(block, at, code, big):  # type: ignore[no-untyped-def]
    """(octet, length) of the value of the first option `code` from `at` on, (0, -1) without; every step is 4 octets."""
    end = len(block) - 4
    while at + 4 <= end:
        this, length = u16(block, at, big), u16(block, at + 2, big)
        if this == OPTION_END or at + 4 + length > end:
            break
        if this == code:
            return at + 4, length
        at += 4 + ((length + 3) & ~3)
    return 0, -1


@kernel
def _count_option(block, at, code, big):  # type: ignore[no-untyped-def]
    """An unsigned 64-bit counter, held to LOSS_MAX; 0 where absent or all ones (unknown)."""
    at, length = _find_option(block, at, code, big)
    if length < 8:
        return np.int64(0)
    count = i64(block, at, big)
    if count == -1:
        return np.int64(0)
    return np.int64(LOSS_MAX) if count < 0 or count > LOSS_MAX else count
