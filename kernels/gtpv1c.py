"""GTPv1-C (TS 29.060): messages with their PDP context and tunnel endpoints, from octets into rows.

A message that tells of a PDP context (NSAPI, user-plane TEID, QoS or charging identity) has one BEARER row, so that
later stages treat both versions alike: ebi is the NSAPI (-1 where a response leaves it out), instance 1 in a Delete PDP
Context Request, else 0. The elements do not say whose tunnel endpoint they hold: message type and position do (§7.3).
The serving PLMN is that of the RAI.
"""

import numpy as np

from formats.addresses import CELL_CGI, CELL_SAI, NO_DIGITS
from formats.gtpv1c import (
    CREATE_PDP_CONTEXT_RESPONSE,
    DELETE_PDP_CONTEXT_REQUEST,
    FEWEST_OCTETS,
    FIRST_TLV,
    FLAG_EXTENSION,
    FLAG_OPTIONAL,
    FLAG_SEQUENCE,
    FORWARD_RELOCATION_RESPONSE,
    G_PDU,
    HEADER_OCTETS,
    HEADER_OPTIONAL_OCTETS,
    IE_AMBR,
    IE_APN,
    IE_CAUSE,
    IE_CHARGING_ID,
    IE_END_USER_ADDRESS,
    IE_EVOLVED_ARP_I,
    IE_GSN_ADDRESS,
    IE_IMEI,
    IE_IMSI,
    IE_MSISDN,
    IE_NSAPI,
    IE_QOS_PROFILE,
    IE_RAI,
    IE_RAT_TYPE,
    IE_RECOVERY,
    IE_SELECTION_MODE,
    IE_TEARDOWN_IND,
    IE_TEID_CONTROL,
    IE_TEID_DATA_I,
    IE_TEID_DATA_II,
    IE_ULI,
    INITIATE_PDP_CONTEXT_ACTIVATION_REQUEST,
    PDP_ETSI_NON_IP,
    PDP_IETF_IPV4,
    PDP_IETF_IPV4V6,
    PDP_IETF_IPV6,
    PDP_ORGANISATION_ETSI,
    PDP_ORGANISATION_IETF,
    PDU_NOTIFICATION_REQUEST,
    QOS_ARP,
    QOS_GBR_DOWN,
    QOS_GBR_DOWN_EXTENDED,
    QOS_GBR_DOWN_EXTENDED_2,
    QOS_GBR_UP,
    QOS_GBR_UP_EXTENDED,
    QOS_GBR_UP_EXTENDED_2,
    SGSN_CONTEXT_ACKNOWLEDGE,
    TV_SIZE,
    ULI_CGI,
    ULI_RAI,
    ULI_SAI,
    UPDATE_PDP_CONTEXT_RESPONSE,
)
from formats.gtpv2c import PDN_IPV4, PDN_IPV4V6, PDN_IPV6, PDN_NON_IP
from formats.reasons import GTPC, GTPC_MALFORMED, GTPC_TRUNCATED
from formats.records import FTEID_GN_GGSN_C, FTEID_GN_GGSN_U, FTEID_GN_SGSN_C, FTEID_GN_SGSN_U
from kernels.gtpc_rows import (
    add_bearer,
    add_fteid,
    begin_message,
    end_message,
    set_apn,
    set_fteid_ipv4,
    set_fteid_ipv6,
    set_ue_ipv4,
    set_ue_ipv6,
)
from kernels.jit import kernel
from kernels.location import lac_cell, plmn, routing_area
from kernels.octets import be16, be32
from kernels.qos_profile import qos_class, rate_kbps
from kernels.tbcd import digits

_NOWHERE = np.uint64(0)
# A plain int would be a literal type, and each literal an overload of its own.
_ABSENT = np.int64(-1)
_ZERO, _ONE = np.int64(0), np.int64(1)
_CGI, _SAI = np.int64(CELL_CGI), np.int64(CELL_SAI)
_SGSN_U = np.int64(FTEID_GN_SGSN_U)
_ULI_OCTETS = 8
_TBCD_OCTETS = np.int64(8)  # of an IMSI, which has no length


@kernel
def header_end(data, at, hi, cut):  # type: ignore[no-untyped-def]
    """Offset of the first element behind header and extension headers, or minus a code of reasons.

    The header (8 octets, 12 with any of the flags E, S, PN) must be whole. An extension header beyond what was captured
    of a cut message leaves no elements: the offset is `hi`.
    """
    optional = data[at] & FLAG_OPTIONAL
    header = HEADER_OPTIONAL_OCTETS if optional else HEADER_OCTETS
    if hi - at < header:
        return -GTPC_TRUNCATED if cut else -GTPC_MALFORMED
    end = at + HEADER_OCTETS + be16(data, at + 2)
    if end < at + header or (end > hi and not cut) or data[at + 1] == G_PDU:
        return -GTPC_MALFORMED
    body = at + header
    more = data[at + 11] if data[at] & FLAG_EXTENSION else 0
    while more:
        size = 4 * np.int64(data[body]) if body < min(end, hi) else 4
        if size == 0 or body + size > end:
            return -GTPC_MALFORMED
        if body + size > hi:
            return hi
        body += size
        more = data[body - 1]
    return body


@kernel
def decode(data, lo, hi, cut, messages, bearers, fteids, text, used):  # type: ignore[no-untyped-def]
    """Rows for the message at `lo` (at least one octet, version 1, not GTP'); GTPC or the reason why there is none."""
    body = header_end(data, lo, hi, cut)
    if body < 0:
        return -body
    m = begin_message(_ONE, data[lo + 1], messages, used)
    m.teid = be32(data, lo + 4)
    if data[lo] & FLAG_SEQUENCE:
        m.sequence = be16(data, lo + 8)
    end = lo + HEADER_OCTETS + be16(data, lo + 2)
    if end > hi:
        m.damage = 1
        end = hi
    _elements(data, body, end, m, bearers, fteids, text)
    end_message(m, used)
    return GTPC


@kernel
def _value(data, at, end):  # type: ignore[no-untyped-def]
    """(offset, octets) of the value of the element at `at`; octets -1 if unknown without a length, or past `end`."""
    kind = np.int64(data[at])
    if kind < FIRST_TLV:
        value, length = at + 1, TV_SIZE[kind]
    elif at + 3 > end:
        return at, _ABSENT
    else:
        value, length = at + 3, be16(data, at + 1)
    return value, length if value + length <= end else _ABSENT


@kernel
def _elements(data, at, end, m, bearers, fteids, text):  # type: ignore[no-untyped-def]
    """All elements of a message, then its rows. One that cannot be passed over stops the walk and is damage."""
    teid_data, teid_control, qos, arp, gsn_count = _ABSENT, _ABSENT, _ABSENT, _ABSENT, _ZERO
    first, second, third, fourth = _ABSENT, _ABSENT, _ABSENT, _ABSENT
    body = at
    while at < end:
        kind = np.int64(data[at])
        value, length = _value(data, at, end)
        if length < 0:
            m.damage = 1
            break
        if kind >= FIRST_TLV and length < FEWEST_OCTETS[kind]:
            m.damage = 1
        elif kind == IE_TEID_DATA_I:
            teid_data = value
        elif kind == IE_TEID_CONTROL:
            teid_control = value
        elif kind == IE_QOS_PROFILE:
            qos = value if qos < 0 else qos
        elif kind == IE_EVOLVED_ARP_I:
            arp = (np.int64(data[value]) >> 2) & 15
        elif kind == IE_GSN_ADDRESS:
            first = value if gsn_count == 0 else first
            second = value if gsn_count == 1 else second
            third = value if gsn_count == 2 else third
            fourth = value if gsn_count == 3 else fourth
            gsn_count += 1
        elif kind == IE_APN:
            m.damage |= set_apn(data, value, length, m, text)
        else:
            _element(data, value, length, kind, m)
        at = value + length
    # Order of GSN addresses (§7.3): control plane, user traffic, then the alternatives of the two.
    _context(data, teid_data, qos, arp, m, bearers)
    alone = gsn_count == 1
    ggsn = _sent_by_ggsn(teid_control, alone, m)
    if teid_control >= 0:
        side = FTEID_GN_GGSN_C if ggsn else FTEID_GN_SGSN_C
        _tunnel(data, teid_control, first, third, _ABSENT, side, m, fteids)
    user = first if alone and teid_control < 0 else second
    if teid_data >= 0:
        side = FTEID_GN_GGSN_U if ggsn else FTEID_GN_SGSN_U
        _tunnel(data, teid_data, user, fourth, _ZERO, side, m, fteids)
    if m.type == SGSN_CONTEXT_ACKNOWLEDGE or m.type == FORWARD_RELOCATION_RESPONSE:
        _forwarding_tunnels(data, body, at, user, m, bearers, fteids)


@kernel
def _sent_by_ggsn(teid_control, alone, m):  # type: ignore[no-untyped-def]
    """Whether the tunnel endpoints of a message are the GGSN's (§7.3.2, §7.3.4, §7.3.9).

    Either side answers an update: the SGSN's answer names at most its address for user traffic, and neither a control
    TEID nor a charging identity.
    """
    if m.type == UPDATE_PDP_CONTEXT_RESPONSE:
        return not (alone and teid_control < 0 and m.charging_id < 0)
    return m.type == CREATE_PDP_CONTEXT_RESPONSE or m.type == PDU_NOTIFICATION_REQUEST


@kernel
def _context(data, teid_data, qos, arp, m, bearers):  # type: ignore[no-untyped-def]
    """The BEARER row of the message's PDP context, if it tells of one."""
    if teid_data < 0 and qos < 0 and m.ebi < 0 and m.charging_id < 0:
        return
    ordinal = add_bearer(_ONE if m.type == DELETE_PDP_CONTEXT_REQUEST else _ZERO, m, bearers)
    bearer = bearers[m.first_bearer + ordinal]
    bearer.ebi = m.ebi
    bearer.charging_id = m.charging_id
    if qos >= 0:
        length = be16(data, qos - 2)
        m.qci = qos_class(data, qos, length)
        bearer.qci = m.qci
        bearer.arp_priority = data[qos + QOS_ARP]
        bearer.gbr_up_kbps = rate_kbps(data, qos, length, QOS_GBR_UP, QOS_GBR_UP_EXTENDED, QOS_GBR_UP_EXTENDED_2)
        bearer.gbr_down_kbps = rate_kbps(
            data, qos, length, QOS_GBR_DOWN, QOS_GBR_DOWN_EXTENDED, QOS_GBR_DOWN_EXTENDED_2
        )
    if arp >= 0:
        bearer.arp_priority = arp


@kernel
def _tunnel(data, teid_at, address, alternative, bearer, interface, m, fteids):  # type: ignore[no-untyped-def]
    """An FTEID row of the TEID at `teid_at` and the GSN address values at `address` and `alternative`."""
    if _gsn_octets(data, address) == 0:
        return
    row = add_fteid(be32(data, teid_at), bearer, interface, _ZERO, m, fteids)
    if row < 0:
        return
    _add_address(data, address, fteids[row])
    if _gsn_octets(data, alternative) not in (0, _gsn_octets(data, address)):
        _add_address(data, alternative, fteids[row])


@kernel
def _gsn_octets(data, address):  # type: ignore[no-untyped-def]
    """4 or 16 for a GSN address value at `address`, 0 for none."""
    if address < 0:
        return 0
    length = be16(data, address - 2)
    return length if length == 4 or length == 16 else 0


@kernel
def _add_address(data, address, fteid):  # type: ignore[no-untyped-def]
    if _gsn_octets(data, address) == 4:
        set_fteid_ipv4(data, address, fteid)
    else:
        set_fteid_ipv6(data, address, fteid)


@kernel
def _forwarding_tunnels(data, at, end, address, m, bearers, fteids):  # type: ignore[no-untyped-def]
    """TEID Data II (§7.7.15: NSAPI, TEID) of a relocation: a BEARER and an FTEID row each, to the new SGSN or RNC."""
    while at < end:
        value, length = _value(data, at, end)
        if length < 0:
            return
        if data[at] == IE_TEID_DATA_II:
            ordinal = add_bearer(_ZERO, m, bearers)
            if ordinal < 0:
                return
            bearers[m.first_bearer + ordinal].ebi = data[value] & 15
            _tunnel(data, value + 1, address, _ABSENT, ordinal, _SGSN_U, m, fteids)
        at = value + length


@kernel
def _element(data, at, length, kind, m):  # type: ignore[no-untyped-def]
    """One element that is no part of a tunnel: who, where; the rest is for `_attribute`."""
    if kind == IE_IMSI:
        if m.imsi == NO_DIGITS:
            m.imsi = digits(data, at, _TBCD_OCTETS)
    elif kind == IE_RAI:
        m.area = routing_area(data, at)
        m.serving_plmn = plmn(data, at)
        if m.cell == _NOWHERE:
            m.cell = m.area
    elif kind == IE_MSISDN:
        if m.msisdn == NO_DIGITS:
            m.msisdn = digits(data, at + 1, length - 1)  # behind type of number and numbering plan
    elif kind == IE_IMEI:
        if m.imei == NO_DIGITS:
            m.imei = digits(data, at, length)
    elif kind == IE_ULI:
        _location(data, at, length, m)
    elif kind == IE_END_USER_ADDRESS:
        _end_user_address(data, at, length, m)
    else:
        _attribute(data, at, kind, m)


@kernel
def _attribute(data, at, kind, m):  # type: ignore[no-untyped-def]
    """Small fields of the message, from an element that is long enough."""
    if kind == IE_CAUSE:
        m.cause = data[at]
    elif kind == IE_RECOVERY:
        m.recovery = data[at]
    elif kind == IE_SELECTION_MODE:
        m.selection_mode = data[at] & 3
    elif kind == IE_TEARDOWN_IND:
        m.teardown = data[at] & 1
    elif kind == IE_NSAPI:
        _nsapi(np.int64(data[at]) & 15, m)
    elif kind == IE_CHARGING_ID:
        m.charging_id = be32(data, at)
    elif kind == IE_RAT_TYPE:
        m.rat = data[at]
    elif kind == IE_AMBR:
        m.ambr_up_kbps = be32(data, at)
        m.ambr_down_kbps = be32(data, at + 4)


@kernel
def _nsapi(nsapi, m):  # type: ignore[no-untyped-def]
    """The first is the context's, the second the linked one; an activation by the network knows only the linked one."""
    if m.ebi < 0 and m.type != INITIATE_PDP_CONTEXT_ACTIVATION_REQUEST:
        m.ebi = nsapi
    elif m.linked_ebi < 0:
        m.linked_ebi = nsapi


@kernel
def _location(data, at, length, m):  # type: ignore[no-untyped-def]
    """User Location Information (§7.7.51): geographic type, then CGI, SAI or RAI. A cell before a routing area."""
    kind = data[at]
    if kind > ULI_RAI:
        return
    if length < _ULI_OCTETS:
        m.damage = 1
    elif kind == ULI_CGI:
        m.cell = lac_cell(data, at + 1, _CGI)
    elif kind == ULI_SAI:
        m.cell = lac_cell(data, at + 1, _SAI)
    else:
        m.cell = routing_area(data, at + 1)
        m.area = m.cell


@kernel
def _end_user_address(data, at, length, m):  # type: ignore[no-untyped-def]
    """End User Address (§7.7.27): organisation, type, IPv4, IPv6; no address where one is asked for."""
    organisation, kind, octets = np.int64(data[at]) & 15, np.int64(data[at + 1]), length - 2
    if organisation == PDP_ORGANISATION_ETSI and kind == PDP_ETSI_NON_IP:
        m.pdn_type = PDN_NON_IP
    if organisation != PDP_ORGANISATION_IETF or m.pdn_address_count > 0:
        return
    if kind == PDP_IETF_IPV4:
        m.pdn_type = PDN_IPV4
    elif kind == PDP_IETF_IPV6:
        m.pdn_type = PDN_IPV6
    elif kind == PDP_IETF_IPV4V6:
        m.pdn_type = PDN_IPV4V6
    else:
        return
    if octets == 4 or octets == 20:
        set_ue_ipv4(data, at + 2, m)
    if octets == 16 or octets == 20:
        set_ue_ipv6(data, at + length - 16, m)
