"""The lists of E-RABs in S1AP messages: an item becomes a RAN_BEARER row with its QoS, tunnels, cause, NAS message."""

import numpy as np

from formats.ran import Kind, Tunnel
from formats.s1ap import (
    ADDRESS,
    CAUSE,
    CAUSE_RADIO_ROOT,
    DL_ADDRESS,
    DL_TEID,
    EXT_GUARANTEED_BITRATE_DL,
    EXT_GUARANTEED_BITRATE_UL,
    EXT_TRANSPORT_INFORMATION,
    EXTENDED_BITRATE_LEAST,
    IDS,
    ITEM_MEMBERS,
    ITEMS,
    NAS_PDU,
    OPTIONAL,
    PATH_SWITCH_REQUEST,
    QOS,
    TEID,
    UL_ADDRESS,
    UL_TEID,
)
from kernels.jit import part
from kernels.per import (
    bits,
    content,
    end_sequence,
    enter,
    fail,
    field,
    leave,
    length,
    long_integer,
    number,
    pass_over,
    sequence,
    unconstrained,
)
from kernels.ran_rows import add_bearer, add_nas_pdu, add_tunnel
from kernels.ran_types import cause, transport_address, tunnel_endpoint

_RELEASE, _SWITCH_RELEASED = np.int64(Kind.RELEASE_COMMAND), np.int64(Kind.SWITCH_RELEASED)
_GBR_DL, _GBR_UL = np.int64(EXT_GUARANTEED_BITRATE_DL), np.int64(EXT_GUARANTEED_BITRATE_UL)
_UP, _DOWN = np.int64(Tunnel.UP), np.int64(Tunnel.DOWN)
_FORWARD_DOWN, _FORWARD_UP = np.int64(Tunnel.FORWARD_DOWN), np.int64(Tunnel.FORWARD_UP)

ENDS_IN_CORE = np.zeros(len(Kind), np.bool_)
"""bool[Kind]: whether the tunnels of a list are those of the core, else of the RAN."""
ENDS_IN_CORE[[Kind.SETUP_REQUEST, Kind.MODIFY_REQUEST, Kind.HANDOVER_REQUEST, Kind.SWITCH_UP]] = True


@part
def e_rab_list(data, r, kind, m, out):  # type: ignore[no-untyped-def]
    """A list of E-RABs: SEQUENCE (SIZE (1..256)) of fields, each an item."""
    if kind == _RELEASE and m.procedure == PATH_SWITCH_REQUEST:
        kind = _SWITCH_RELEASED
    for _ in range(number(data, r, 1) + 1):
        item = field(data, r)
        if r.fault:
            break
        if item >= IDS or not ITEMS[item, 0]:
            pass_over(data, r)
            continue
        lo, hi, whole = content(data, r, out.whole, out.used)
        if lo < 0:
            continue
        at, end, was = r.at, r.end, r.whole
        enter(r, lo, hi, whole)
        if whole:
            _item(out.whole, r, item, kind, m, out)
        else:
            _item(data, r, item, kind, m, out)
        leave(r, at, end, was)


@part
def _item(data, r, item, kind, m, out):  # type: ignore[no-untyped-def]
    """One item: E-RAB ID, then the members that `ITEMS` tells."""
    options = np.int64(ITEMS[item, 0]) - 1
    preamble = sequence(data, r, options)
    identity = e_rab_id(data, r)
    if r.fault:
        return
    row = add_bearer(kind, m, out)
    if row < 0:
        return
    out.bearers[row].id = identity
    bit = options - 1
    forward = row
    for k in range(1, ITEM_MEMBERS + 1):
        member = np.int64(ITEMS[item, k])
        if member == 0 or r.fault:
            break
        if member & OPTIONAL:
            present = (preamble >> bit) & 1
            bit -= 1
            if not present:
                continue
        forward = _member(data, r, member & ~OPTIONAL, row, forward, m, out)
    if preamble & 1:
        _item_extensions(data, r, row, m, out)


@part
def _member(data, r, member, row, forward, m, out):  # type: ignore[no-untyped-def]
    """One member of the item at `row`; returns the row of its forwarding tunnel that was told of last."""
    b = out.bearers[row]
    if member == QOS:
        _qos(data, r, b)
    elif member == ADDRESS:
        b.tunnel = _UP if ENDS_IN_CORE[b.kind] else _DOWN
        transport_address(data, r, b)
    elif member == TEID:
        tunnel_endpoint(data, r, b)
    elif member == NAS_PDU:
        nas_pdu(data, r, row, m, out)
    elif member == CAUSE:
        cause(data, r, True, CAUSE_RADIO_ROOT, b)
    elif member == DL_ADDRESS or member == UL_ADDRESS:
        forward = add_tunnel(row, _FORWARD_DOWN if member == DL_ADDRESS else _FORWARD_UP, m, out)
        if forward < 0:
            fail(r)
        else:
            transport_address(data, r, out.bearers[forward])
    elif member == DL_TEID or member == UL_TEID:
        forward = _forwarding_row(row, forward, _FORWARD_DOWN if member == DL_TEID else _FORWARD_UP, m, out)
        if forward < 0:
            fail(r)
        else:
            tunnel_endpoint(data, r, out.bearers[forward])
    return forward


@part
def _forwarding_row(row, forward, tunnel, m, out):  # type: ignore[no-untyped-def]
    """The row that a forwarding TEID belongs to: that of its address, a new one where none was told."""
    if forward >= 0 and out.bearers[forward].tunnel == tunnel:
        return forward
    return add_tunnel(row, tunnel, m, out)


@part
def _item_extensions(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """iE-Extensions of an item: a new tunnel of an E-RAB that is modified."""
    for _ in range(number(data, r, 2) + 1):
        extension = field(data, r)
        if r.fault:
            break
        if extension != EXT_TRANSPORT_INFORMATION:
            pass_over(data, r)
            continue
        lo, hi, whole = content(data, r, out.whole, out.used)
        if lo < 0 or whole != r.whole:
            break
        at, end = r.at, r.end
        enter(r, lo, hi, whole)
        sequence(data, r, 0)
        out.bearers[row].tunnel = _UP
        transport_address(data, r, out.bearers[row])
        tunnel_endpoint(data, r, out.bearers[row])
        leave(r, at, end, whole)


@part
def e_rab_id(data, r):  # type: ignore[no-untyped-def]
    """E-RAB-ID, INTEGER (0..15, ...)."""
    return unconstrained(data, r) & 0x7FFF if bits(data, r, 1) else bits(data, r, 4)


@part
def nas_pdu(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """NAS-PDU, an OCTET STRING, of the RAN_BEARER at `row`, -1: of the message."""
    lo, hi, whole = content(data, r, out.whole, out.used)
    if lo >= 0:
        add_nas_pdu(lo, hi, whole, row, m, out)


@part
def _qos(data, r, b):  # type: ignore[no-untyped-def]
    """E-RABLevelQoSParameters."""
    options = sequence(data, r, 2)
    b.qci = number(data, r, 1)
    preamble = sequence(data, r, 1)
    b.arp_priority = bits(data, r, 4)
    bits(data, r, 2)
    if r.fault:
        b.qci = -1
        b.arp_priority = -1
    end_sequence(data, r, preamble, 1)
    if options & 2:
        _gbr(data, r, b)
    end_sequence(data, r, options, 2)


@part
def _gbr(data, r, b):  # type: ignore[no-untyped-def]
    """GBR-QosInformation: maximum and guaranteed, downlink first; extensions stand for rates above 10 Gbit/s."""
    preamble = sequence(data, r, 1)
    long_integer(data, r, 3)
    long_integer(data, r, 3)
    down, up = bit_rates(data, r, preamble & 1, _GBR_DL, _GBR_UL)
    if down >= 0 or up >= 0:
        b.gbr_down_bps, b.gbr_up_bps = down, up
    end_sequence(data, r, preamble & 2, 1)


@part
def bit_rates(data, r, extended, down_extension, up_extension):  # type: ignore[no-untyped-def]
    """(down, up) bit/s: two BitRate, and where `extended` these extensions for rates above 10 Gbit/s.

    Both -1 after a fault in the first two, one of them after a fault in its extension.
    """
    down = long_integer(data, r, 3)
    up = long_integer(data, r, 3)
    if r.fault:
        return np.int64(-1), np.int64(-1)
    if extended:
        for _ in range(number(data, r, 2) + 1):
            extension = field(data, r)
            if r.fault:
                break
            if extension == down_extension:
                down = _extended_bit_rate(data, r)
            elif extension == up_extension:
                up = _extended_bit_rate(data, r)
            else:
                pass_over(data, r)
    return down, up


@part
def _extended_bit_rate(data, r):  # type: ignore[no-untyped-def]
    """ExtendedBitRate as the open type of a field; -1 after a fault."""
    size = length(data, r)
    at, end = r.at >> 3, r.end
    if size < 1 or at + size << 3 > end:
        r.fault = 1
        return np.int64(-1)
    enter(r, at, at + size, r.whole)
    rate = unconstrained(data, r) if bits(data, r, 1) else long_integer(data, r, 3) + EXTENDED_BITRATE_LEAST
    rate = np.int64(-1) if r.fault else rate
    leave(r, (at + size) << 3, end, r.whole)
    return rate
