"""The lists of PDU sessions in NGAP messages: an item becomes a RAN_BEARER row, with what its transfer holds."""

import numpy as np

from formats.ngap import (
    CAUSE,
    CAUSE_RADIO_ROOT,
    DOWN_TUNNEL,
    DRB_TUNNELS,
    ELEMENTS,
    EXT_ADDITIONAL_DL_TUNNELS,
    EXT_ADDITIONAL_TUNNELS_HANDOVER,
    EXT_ADDITIONAL_UP_TUNNELS,
    EXT_S_NSSAI,
    FLAG,
    FLOW_TUNNEL,
    FLOWS,
    FORWARD_TUNNEL,
    IE_ADDITIONAL_UL_TUNNELS,
    IE_FLOWS_ADD_OR_MODIFY,
    IE_FLOWS_SETUP,
    IE_FLOWS_TO_RELEASE,
    IE_PDU_SESSION_TYPE,
    IE_SESSION_AGGREGATE_MAXIMUM_BIT_RATE,
    IE_UL_TUNNEL,
    IE_UL_TUNNELS_MODIFY,
    ITEMS,
    LIST_KIND,
    LIST_TRANSFER,
    MEMBERS,
    MORE_FLOW_TUNNELS,
    NAS_PDU,
    OPTIONAL,
    REST,
    S_NSSAI,
    SECURITY_INDICATION,
    SECURITY_INFORMATION,
    SECURITY_RESULT,
    SESSION_TYPES,
    TRANSFER,
    TRANSFERS,
    TUNNEL_PAIRS,
    UP_TUNNEL,
)
from formats.ran import FlowKind, Tunnel
from kernels.jit import part
from kernels.ngap_flows import bit_rate, flow_list, small_integer
from kernels.per import (
    bits,
    content,
    end_sequence,
    enter,
    enumerated,
    fail,
    field,
    leave,
    number,
    pass_additions,
    pass_over,
    sequence,
)
from kernels.ran_rows import add_bearer, add_nas_pdu, add_tunnel
from kernels.ran_types import cause, transport_address, tunnel_endpoint

_UP, _DOWN = np.int64(Tunnel.UP), np.int64(Tunnel.DOWN)
_MORE_UP, _MORE_DOWN = np.int64(Tunnel.MORE_UP), np.int64(Tunnel.MORE_DOWN)
_FORWARD_DOWN, _FORWARD_UP = np.int64(Tunnel.FORWARD_DOWN), np.int64(Tunnel.FORWARD_UP)
_ASSOCIATED, _ADMITTED = np.int64(FlowKind.ASSOCIATED), np.int64(FlowKind.ADMITTED)
_SETUP, _MODIFY = np.int64(FlowKind.SETUP_REQUEST), np.int64(FlowKind.MODIFY_REQUEST)
_RELEASE = np.int64(FlowKind.RELEASE_COMMAND)


@part
def session_list(data, r, element, m, out):  # type: ignore[no-untyped-def]
    """A list of PDU sessions, SEQUENCE (SIZE (1..256)): each item the PDU Session ID and what `ITEMS` tells."""
    options = np.int64(ITEMS[element, 0]) - 1
    for _ in range(number(data, r, 1) + 1):
        preamble = sequence(data, r, options)
        identity = number(data, r, 1)
        if r.fault:
            break
        row = add_bearer(LIST_KIND[element], m, out)
        if row < 0:
            fail(r)
            break
        out.bearers[row].id = identity
        _item_members(data, r, element, options, preamble, row, m, out)
        if preamble & 1:
            _item_extensions(data, r, row, out)
        if preamble >> options:
            pass_additions(data, r)


@part
def _item_members(data, r, element, options, preamble, row, m, out):  # type: ignore[no-untyped-def]
    """The members of one item, but its extensions."""
    bit = options - 1
    for k in range(1, MEMBERS + 1):
        member = np.int64(ITEMS[element, k])
        if member == 0 or r.fault:
            break
        if member & OPTIONAL:
            present = (preamble >> bit) & 1
            bit -= 1
            if not present:
                continue
        member &= ~OPTIONAL
        if member == NAS_PDU:
            nas_pdu(data, r, row, m, out)
        elif member == S_NSSAI:
            _s_nssai(data, r, out.bearers[row])
        elif member == CAUSE:
            cause(data, r, False, CAUSE_RADIO_ROOT, out.bearers[row])
        elif member == TRANSFER:
            _transfer_octets(data, r, LIST_TRANSFER[element], row, m, out)


@part
def nas_pdu(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """NAS-PDU, an OCTET STRING, of the RAN_BEARER at `row`, -1: of the message."""
    lo, hi, whole = content(data, r, out.whole, out.used)
    if lo >= 0:
        add_nas_pdu(lo, hi, whole, row, m, out)


@part
def _s_nssai(data, r, b):  # type: ignore[no-untyped-def]
    """S-NSSAI: slice/service type, slice differentiator."""
    preamble = sequence(data, r, 2)
    sst = bits(data, r, 8)
    sd = number(data, r, 3) if preamble & 2 else np.int64(-1)
    if not r.fault:
        b.sst = sst
        b.sd = sd
    end_sequence(data, r, preamble, 2)


@part
def _item_extensions(data, r, row, out):  # type: ignore[no-untyped-def]
    """iE-Extensions of an item: the slice of a session that is modified."""
    for _ in range(number(data, r, 2) + 1):
        extension = field(data, r)
        if r.fault:
            break
        if extension != EXT_S_NSSAI:
            pass_over(data, r)
            continue
        lo, hi, whole = content(data, r, out.whole, out.used)
        if lo < 0 or whole != r.whole:
            break
        at, end = r.at, r.end
        enter(r, lo, hi, whole)
        _s_nssai(data, r, out.bearers[row])
        leave(r, at, end, whole)


@part
def _transfer_octets(data, r, transfer, row, m, out):  # type: ignore[no-untyped-def]
    """An OCTET STRING that holds a transfer."""
    lo, hi, whole = content(data, r, out.whole, out.used)
    if lo < 0 or transfer == 0:
        return
    at, end, was = r.at, r.end, r.whole
    enter(r, lo, hi, whole)
    if whole:
        _transfer(out.whole, r, transfer, row, m, out)
    else:
        _transfer(data, r, transfer, row, m, out)
    leave(r, at, end, was)


@part
def _transfer(data, r, transfer, row, m, out):  # type: ignore[no-untyped-def]
    """The members of a transfer that `TRANSFERS` tells."""
    options = np.int64(TRANSFERS[transfer, 0]) - 1
    preamble = sequence(data, r, options)
    bit = options - 1
    for k in range(1, MEMBERS + 1):
        member = np.int64(TRANSFERS[transfer, k])
        if member == 0 or r.fault:
            break
        if member & OPTIONAL:
            present = (preamble >> bit) & 1
            bit -= 1
            if not present:
                continue
        member &= ~OPTIONAL
        if member == REST:
            return
        if member == ELEMENTS:
            _elements(data, r, row, m, out)
            return
        if member >= FLOWS:
            flow_list(data, r, member - FLOWS, row, row, m, out)
        elif member == CAUSE:
            cause(data, r, False, CAUSE_RADIO_ROOT, out.bearers[row])
        elif member == SECURITY_RESULT or member == SECURITY_INDICATION or member == SECURITY_INFORMATION:
            _security(data, r, member)
        elif member == FLAG:
            enumerated(data, r, 0, 1)
        else:
            _tunnels(data, r, member, row, m, out)
    if preamble & 1:
        _transfer_extensions(data, r, row, m, out)


@part
def _tunnels(data, r, member, row, m, out):  # type: ignore[no-untyped-def]
    """A member that holds tunnels of the item at `row`."""
    if member == DOWN_TUNNEL:
        tunnel(data, r, _DOWN, row, m, out)
    elif member == UP_TUNNEL:
        tunnel(data, r, _UP, row, m, out)
    elif member == FORWARD_TUNNEL:
        tunnel(data, r, _FORWARD_DOWN, row, m, out)
    elif member == FLOW_TUNNEL:
        _flow_tunnel(data, r, _DOWN, row, m, out)
    elif member == MORE_FLOW_TUNNELS:
        _more_flow_tunnels(data, r, row, m, out)
    elif member == TUNNEL_PAIRS:
        _tunnel_pairs(data, r, row, m, out)
    elif member == DRB_TUNNELS:
        _drb_tunnels(data, r, row, m, out)


@part
def tunnel(data, r, which, row, m, out):  # type: ignore[no-untyped-def]
    """UPTransportLayerInformation: a GTP tunnel. Returns the row that it went to, or that of the item."""
    if bits(data, r, 1):
        field(data, r)
        pass_over(data, r)
        return row
    to = add_tunnel(row, which, m, out)
    if to < 0:
        fail(r)
        return row
    preamble = sequence(data, r, 1)
    transport_address(data, r, out.bearers[to])
    tunnel_endpoint(data, r, out.bearers[to])
    end_sequence(data, r, preamble, 1)
    return to


@part
def _flow_tunnel(data, r, which, row, m, out):  # type: ignore[no-untyped-def]
    """QosFlowPerTNLInformation: a tunnel and the flows on it."""
    preamble = sequence(data, r, 1)
    on = tunnel(data, r, which, row, m, out)
    flow_list(data, r, _ASSOCIATED, row, on, m, out)
    end_sequence(data, r, preamble, 1)


@part
def _more_flow_tunnels(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """QosFlowPerTNLInformationList, SEQUENCE (SIZE (1..3))."""
    for _ in range(bits(data, r, 2) + 1):
        preamble = sequence(data, r, 1)
        _flow_tunnel(data, r, _MORE_DOWN, row, m, out)
        end_sequence(data, r, preamble, 1)
        if r.fault:
            break


@part
def _tunnel_pairs(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """UPTransportLayerInformationPairList (1..3), UL-NGU-UP-TNLModifyList (1..4): an uplink and a downlink tunnel each.

    The first pair is that of the item where it has told no tunnel before.
    """
    more = out.bearers[row].tunnel != Tunnel.NONE
    for _ in range(bits(data, r, 2) + 1):
        preamble = sequence(data, r, 1)
        tunnel(data, r, _MORE_UP if more else _UP, row, m, out)
        tunnel(data, r, _MORE_DOWN if more else _DOWN, row, m, out)
        more = True
        end_sequence(data, r, preamble, 1)
        if r.fault:
            break


@part
def _more_up_tunnels(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """UPTransportLayerInformationList, SEQUENCE (SIZE (1..3))."""
    for _ in range(bits(data, r, 2) + 1):
        preamble = sequence(data, r, 1)
        tunnel(data, r, _MORE_UP, row, m, out)
        end_sequence(data, r, preamble, 1)
        if r.fault:
            break


@part
def _drb_tunnels(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """DataForwardingResponseDRBList, SEQUENCE (SIZE (1..32)): a DRB and forwarding tunnels of it, each OPTIONAL."""
    for _ in range(bits(data, r, 5) + 1):
        preamble = sequence(data, r, 3)
        small_integer(data, r, 5)
        if preamble & 4:
            tunnel(data, r, _FORWARD_DOWN, row, m, out)
        if preamble & 2:
            tunnel(data, r, _FORWARD_UP, row, m, out)
        end_sequence(data, r, preamble, 3)
        if r.fault:
            break


@part
def _handover_tunnels(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """AdditionalDLUPTNLInformationForHOList, SEQUENCE (SIZE (1..3)): a tunnel, its flows, a forwarding tunnel."""
    for _ in range(bits(data, r, 2) + 1):
        preamble = sequence(data, r, 2)
        on = tunnel(data, r, _MORE_DOWN, row, m, out)
        flow_list(data, r, _ADMITTED, row, on, m, out)
        if preamble & 2:
            tunnel(data, r, _FORWARD_DOWN, row, m, out)
        end_sequence(data, r, preamble, 2)
        if r.fault:
            break


@part
def _security(data, r, member):  # type: ignore[no-untyped-def]
    """SecurityResult: two ENUMERATED of two; SecurityIndication: two of three, one of two OPTIONAL; or both."""
    if member != SECURITY_INDICATION:
        information = sequence(data, r, 1) if member == SECURITY_INFORMATION else np.int64(0)
        preamble = sequence(data, r, 1)
        enumerated(data, r, 1, 2)
        enumerated(data, r, 1, 2)
        end_sequence(data, r, preamble, 1)
        if member == SECURITY_RESULT:
            return
    else:
        information = np.int64(0)
    preamble = sequence(data, r, 2)
    enumerated(data, r, 2, 3)
    enumerated(data, r, 2, 3)
    if preamble & 2:
        enumerated(data, r, 1, 2)
    end_sequence(data, r, preamble, 2)
    end_sequence(data, r, information, 1)


@part
def _elements(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """The fields of a request transfer."""
    for _ in range(number(data, r, 2)):
        element = field(data, r)
        if r.fault:
            break
        lo, hi, whole = content(data, r, out.whole, out.used)
        if lo < 0:
            continue
        at, end, was = r.at, r.end, r.whole
        enter(r, lo, hi, whole)
        if whole:
            _element(out.whole, r, element, row, m, out)
        else:
            _element(data, r, element, row, m, out)
        leave(r, at, end, was)


@part
def _element(data, r, element, row, m, out):  # type: ignore[no-untyped-def]
    """One field of a request transfer."""
    if element == IE_UL_TUNNEL:
        tunnel(data, r, _UP, row, m, out)
    elif element == IE_ADDITIONAL_UL_TUNNELS:
        _more_up_tunnels(data, r, row, m, out)
    elif element == IE_UL_TUNNELS_MODIFY:
        _tunnel_pairs(data, r, row, m, out)
    elif element == IE_FLOWS_SETUP:
        flow_list(data, r, _SETUP, row, row, m, out)
    elif element == IE_FLOWS_ADD_OR_MODIFY:
        flow_list(data, r, _MODIFY, row, row, m, out)
    elif element == IE_FLOWS_TO_RELEASE:
        flow_list(data, r, _RELEASE, row, row, m, out)
    elif element == IE_SESSION_AGGREGATE_MAXIMUM_BIT_RATE:
        sequence(data, r, 1)
        out.bearers[row].ambr_down_bps = bit_rate(data, r)
        out.bearers[row].ambr_up_bps = bit_rate(data, r)
    elif element == IE_PDU_SESSION_TYPE:
        kind = enumerated(data, r, 3, 5)
        if not r.fault and kind < len(SESSION_TYPES):
            out.bearers[row].session_type = SESSION_TYPES[kind]


@part
def _transfer_extensions(data, r, row, m, out):  # type: ignore[no-untyped-def]
    """iE-Extensions of a transfer: further tunnels of a session in dual connectivity."""
    for _ in range(number(data, r, 2) + 1):
        extension = field(data, r)
        if r.fault:
            break
        lo, hi, whole = content(data, r, out.whole, out.used)
        if lo < 0 or whole != r.whole:
            break
        at, end = r.at, r.end
        enter(r, lo, hi, whole)
        if extension == EXT_ADDITIONAL_DL_TUNNELS:
            _more_flow_tunnels(data, r, row, m, out)
        elif extension == EXT_ADDITIONAL_UP_TUNNELS:
            _tunnel_pairs(data, r, row, m, out)
        elif extension == EXT_ADDITIONAL_TUNNELS_HANDOVER:
            _handover_tunnels(data, r, row, m, out)
        leave(r, at, end, whole)
