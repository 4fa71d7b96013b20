"""The rules and reports inside PFCP messages (TS 29.244 §7.5): PDR, FAR, QER, traffic endpoints, usage reports.

`m` is the PFCP_MESSAGE record that they belong to; a group that ends amid an element is damage of it, as is an element
that is too short.
"""

import numpy as np

from formats.pfcp import (
    F_TEID_CHOOSE,
    F_TEID_CHOOSE_ID,
    F_TEID_V4,
    F_TEID_V6,
    FEWEST_OCTETS,
    HEADER_WITH_PORT,
    HEADER_WITH_TEID,
    HEADER_WITH_V4,
    HEADER_WITH_V6,
    IE_APPLY_ACTION,
    IE_DESTINATION_INTERFACE,
    IE_DURATION_MEASUREMENT,
    IE_END_TIME,
    IE_F_TEID,
    IE_FAR_ID,
    IE_FORWARDING_PARAMETERS,
    IE_GATE_STATUS,
    IE_GBR,
    IE_HEADER_OCTETS,
    IE_INTERFACE_TYPE,
    IE_MBR,
    IE_NETWORK_INSTANCE,
    IE_OUTER_HEADER_CREATION,
    IE_OUTER_HEADER_REMOVAL,
    IE_PDI,
    IE_PDR_ID,
    IE_PFCPSMREQ_FLAGS,
    IE_PRECEDENCE,
    IE_QER_ID,
    IE_QFI,
    IE_SOURCE_INTERFACE,
    IE_START_TIME,
    IE_TIME_OF_FIRST_PACKET,
    IE_TIME_OF_LAST_PACKET,
    IE_TRAFFIC_ENDPOINT_ID,
    IE_UE_IP_ADDRESS,
    IE_UPDATE_FORWARDING_PARAMETERS,
    IE_UR_SEQN,
    IE_URR_ID,
    IE_USAGE_REPORT_TRIGGER,
    IE_VOLUME_MEASUREMENT,
    UE_CHOOSE_V4,
    UE_CHOOSE_V6,
    UE_V4,
    UE_V6,
    VOLUME_FIELDS,
)
from formats.pfcp_rows import RULE_IDS
from kernels.jit import part
from kernels.octets import be16, be32, be64
from kernels.pfcp_fields import address_octets, addresses, be40, count64, ntp_time
from kernels.pfcp_rows import add_far, add_pdr, add_qer, add_usage, put_name

_NONE = np.uint64(0)
_NO_TEID = np.int64(-1)
_KNOWN = len(FEWEST_OCTETS)


@part
def element_fits(data, at, end):  # type: ignore[no-untyped-def]
    """Whether the element at `at`, header and value, ends within `end`."""
    return at + IE_HEADER_OCTETS <= end and at + IE_HEADER_OCTETS + be16(data, at + 2) <= end


@part
def sound(data, at, end, m):  # type: ignore[no-untyped-def]
    """1 for an element that is long enough, 0 for one to pass over, -1 for one that ends the walk; tells damage."""
    if not element_fits(data, at, end):
        m.damage = 1
        return -1
    kind = be16(data, at)
    if kind >= _KNOWN:
        return 0
    if be16(data, at + 2) < FEWEST_OCTETS[kind]:
        m.damage = 1
        return 0
    return 1


@part
def f_teid(data, at, length):  # type: ignore[no-untyped-def]
    """F-TEID (§8.2.3): (whether it is sound, TEID or -1 where it is to be chosen, four uint64 of `addresses`)."""
    flags = np.int64(data[at])
    if flags & F_TEID_CHOOSE:
        return True, _NO_TEID, _NONE, _NONE, _NONE, _NONE
    v4, v6 = flags & F_TEID_V4, flags & F_TEID_V6
    if length < 5 + address_octets(v4, v6):
        return False, _NO_TEID, _NONE, _NONE, _NONE, _NONE
    hi, lo, v6_hi, v6_lo = addresses(data, at + 5, v4, v6)
    return True, be32(data, at + 1), hi, lo, v6_hi, v6_lo


# --- packet detection rules, traffic endpoints -------------------------------------------------------------------


@part
def pdr(data, at, end, action, m, pdrs, text):  # type: ignore[no-untyped-def]
    """A PDR or traffic endpoint that is created, updated, removed, or answered: one PFCP_PDR row."""
    row = add_pdr(action, m, pdrs)
    if row < 0:
        return
    while at < end:
        state = sound(data, at, end, m)
        if state < 0:
            return
        kind, length = be16(data, at), be16(data, at + 2)
        at += IE_HEADER_OCTETS
        if kind == IE_PDI:
            _pdi(data, at, at + length, m, pdrs[row], text)
        elif state > 0:
            _pdr_element(data, at, length, kind, m, pdrs[row], text)
        at += length


@part
def _pdi(data, at, end, m, rule, text):  # type: ignore[no-untyped-def]
    """Packet Detection Information (§7.5.2.2-2): what it holds counts as the rule's own."""
    while at < end:
        state = sound(data, at, end, m)
        if state < 0:
            return
        kind, length = be16(data, at), be16(data, at + 2)
        at += IE_HEADER_OCTETS
        if state > 0:
            _pdr_element(data, at, length, kind, m, rule, text)
        at += length


@part
def _pdr_element(data, at, length, kind, m, rule, text):  # type: ignore[no-untyped-def]
    """One element of a PDR, of its PDI, or of a traffic endpoint, long enough."""
    if kind == IE_F_TEID:
        _local_f_teid(data, at, length, m, rule)
    elif kind == IE_UE_IP_ADDRESS:
        _ue_address(data, at, length, m, rule)
    elif kind == IE_NETWORK_INSTANCE:
        if rule.network_hash == _NONE:
            offset, size, code = put_name(data, at, length, m, text)
            rule.network_offset, rule.network_length, rule.network_hash = offset, size, code
    elif kind == IE_QER_ID:
        if rule.qer_count < RULE_IDS:
            rule.qer_ids[rule.qer_count] = be32(data, at)
        rule.qer_count += 1
    elif kind == IE_URR_ID:
        if rule.urr_count < RULE_IDS:
            rule.urr_ids[rule.urr_count] = be32(data, at)
        rule.urr_count += 1
    else:
        _pdr_attribute(data, at, kind, rule)


@part
def _pdr_attribute(data, at, kind, rule):  # type: ignore[no-untyped-def]
    """Small fields of a PDR; the first one counts."""
    if kind == IE_PDR_ID:
        if rule.pdr_id < 0:
            rule.pdr_id = be16(data, at)
    elif kind == IE_PRECEDENCE:
        if rule.precedence < 0:
            rule.precedence = be32(data, at)
    elif kind == IE_SOURCE_INTERFACE:
        if rule.source_interface < 0:
            rule.source_interface = data[at] & 15
    elif kind == IE_INTERFACE_TYPE:
        if rule.source_type < 0:
            rule.source_type = data[at] & 63
    elif kind == IE_FAR_ID:
        if rule.far_id < 0:
            rule.far_id = be32(data, at)
    elif kind == IE_OUTER_HEADER_REMOVAL:
        if rule.removal < 0:
            rule.removal = data[at]
    elif kind == IE_QFI:
        if rule.qfi < 0:
            rule.qfi = data[at] & 63
    elif kind == IE_TRAFFIC_ENDPOINT_ID:
        if rule.endpoint_id < 0:
            rule.endpoint_id = data[at]


@part
def _local_f_teid(data, at, length, m, rule):  # type: ignore[no-untyped-def]
    """Local F-TEID: the first; later ones are for redundant transmission."""
    if rule.teid >= 0 or rule.to_choose:
        return
    good, teid, hi, lo, v6_hi, v6_lo = f_teid(data, at, length)
    if not good:
        m.damage = 1
        return
    rule.teid = teid
    rule.hi, rule.lo, rule.v6_hi, rule.v6_lo = hi, lo, v6_hi, v6_lo
    if data[at] & F_TEID_CHOOSE:
        rule.to_choose = 1
        if data[at] & F_TEID_CHOOSE_ID:
            if length < 2:
                m.damage = 1
            else:
                rule.choose_id = data[at + 1]


@part
def _ue_address(data, at, length, m, rule):  # type: ignore[no-untyped-def]
    """UE IP Address (§8.2.62): flags, IPv4, IPv6; none where the user plane is to choose it, or if all zeros."""
    flags = np.int64(data[at])
    v4 = flags & UE_V4 and not flags & UE_CHOOSE_V4
    v6 = flags & UE_V6 and not flags & UE_CHOOSE_V6
    if length < 1 + address_octets(v4, v6):
        m.damage = 1
        return
    if rule.ue_flags >= 0:
        return
    rule.ue_flags = flags
    if v4 and be32(data, at + 1) != 0:
        rule.ue_ipv4 = be32(data, at + 1)
        if m.ue_ipv4 < 0:
            m.ue_ipv4 = rule.ue_ipv4
    if v6:
        start = at + 1 + address_octets(v4, False)
        rule.ue_ipv6_hi, rule.ue_ipv6_lo = be64(data, start), be64(data, start + 8)
        if m.ue_ipv6_hi == _NONE and m.ue_ipv6_lo == _NONE:
            m.ue_ipv6_hi, m.ue_ipv6_lo = rule.ue_ipv6_hi, rule.ue_ipv6_lo


# --- forwarding action rules -------------------------------------------------------------------------------------


@part
def far(data, at, end, action, m, fars, text):  # type: ignore[no-untyped-def]
    """A FAR that is created, updated or removed, with its forwarding parameters: one PFCP_FAR row."""
    row = add_far(action, m, fars)
    if row < 0:
        return
    while at < end:
        state = sound(data, at, end, m)
        if state < 0:
            return
        kind, length = be16(data, at), be16(data, at + 2)
        at += IE_HEADER_OCTETS
        if kind == IE_FORWARDING_PARAMETERS or kind == IE_UPDATE_FORWARDING_PARAMETERS:
            _forwarding(data, at, at + length, m, fars[row], text)
        elif state > 0:
            _far_element(data, at, length, kind, fars[row])
        at += length


@part
def _far_element(data, at, length, kind, rule):  # type: ignore[no-untyped-def]
    """FAR ID and Apply Action (§8.2.26: one octet before Release 16)."""
    if kind == IE_FAR_ID:
        if rule.far_id < 0:
            rule.far_id = be32(data, at)
    elif kind == IE_APPLY_ACTION:
        if rule.apply_action < 0:
            rule.apply_action = (np.int64(data[at]) << 8) | (np.int64(data[at + 1]) if length > 1 else 0)


@part
def _forwarding(data, at, end, m, rule, text):  # type: ignore[no-untyped-def]
    """(Update) Forwarding Parameters (§7.5.2.3-2, §7.5.4.3-2)."""
    while at < end:
        state = sound(data, at, end, m)
        if state < 0:
            return
        kind, length = be16(data, at), be16(data, at + 2)
        at += IE_HEADER_OCTETS
        if state == 0:
            at += length
            continue
        if kind == IE_OUTER_HEADER_CREATION:
            _outer_header(data, at, length, m, rule)
        elif kind == IE_NETWORK_INSTANCE:
            if rule.network_hash == _NONE:
                offset, size, code = put_name(data, at, length, m, text)
                rule.network_offset, rule.network_length, rule.network_hash = offset, size, code
        elif kind == IE_DESTINATION_INTERFACE:
            if rule.destination_interface < 0:
                rule.destination_interface = data[at] & 15
        elif kind == IE_INTERFACE_TYPE:
            if rule.destination_type < 0:
                rule.destination_type = data[at] & 63
        elif kind == IE_TRAFFIC_ENDPOINT_ID:
            if rule.endpoint_id < 0:
                rule.endpoint_id = data[at]
        elif kind == IE_PFCPSMREQ_FLAGS:
            if rule.request_flags < 0:
                rule.request_flags = data[at]
                if m.request_flags < 0:
                    m.request_flags = data[at]
        at += length


@part
def _outer_header(data, at, length, m, rule):  # type: ignore[no-untyped-def]
    """Outer Header Creation (§8.2.56): description, TEID, IPv4, IPv6, port; tags are not read."""
    description = be16(data, at)
    teid_octets = 4 if description & HEADER_WITH_TEID else 0
    v4, v6 = description & HEADER_WITH_V4, description & HEADER_WITH_V6
    port = at + 2 + teid_octets + address_octets(v4, v6)
    if at + length < port + (2 if description & HEADER_WITH_PORT else 0):
        m.damage = 1
        return
    if rule.header >= 0:
        return
    rule.header = description
    if teid_octets:
        rule.teid = be32(data, at + 2)
    hi, lo, v6_hi, v6_lo = addresses(data, at + 2 + teid_octets, v4, v6)
    rule.hi, rule.lo, rule.v6_hi, rule.v6_lo = hi, lo, v6_hi, v6_lo
    if description & HEADER_WITH_PORT:
        rule.port = be16(data, port)


# --- QoS enforcement rules ---------------------------------------------------------------------------------------


@part
def qer(data, at, end, action, m, qers):  # type: ignore[no-untyped-def]
    """A QER that is created, updated or removed: one PFCP_QER row."""
    row = add_qer(action, m, qers)
    if row < 0:
        return
    rule = qers[row]
    while at < end:
        state = sound(data, at, end, m)
        if state < 0:
            return
        kind, length = be16(data, at), be16(data, at + 2)
        at += IE_HEADER_OCTETS
        if state > 0:
            _qer_element(data, at, kind, rule)
        at += length


@part
def _qer_element(data, at, kind, rule):  # type: ignore[no-untyped-def]
    """One element of a QER, long enough; rates are kbit/s, up before down."""
    if kind == IE_QER_ID:
        if rule.qer_id < 0:
            rule.qer_id = be32(data, at)
    elif kind == IE_QFI:
        if rule.qfi < 0:
            rule.qfi = data[at] & 63
    elif kind == IE_GATE_STATUS:
        if rule.gate_up < 0:
            rule.gate_up = (data[at] >> 2) & 3
            rule.gate_down = data[at] & 3
    elif kind == IE_MBR:
        if rule.mbr_up_kbps < 0:
            rule.mbr_up_kbps = be40(data, at)
            rule.mbr_down_kbps = be40(data, at + 5)
    elif kind == IE_GBR:
        if rule.gbr_up_kbps < 0:
            rule.gbr_up_kbps = be40(data, at)
            rule.gbr_down_kbps = be40(data, at + 5)


# --- usage reports -----------------------------------------------------------------------------------------------


@part
def usage_report(data, at, end, source, m, usages):  # type: ignore[no-untyped-def]
    """A Usage Report (§7.5.5.2, §7.5.7.2, §7.5.8.3): one PFCP_USAGE row."""
    row = add_usage(source, m, usages)
    if row < 0:
        return
    while at < end:
        state = sound(data, at, end, m)
        if state < 0:
            return
        kind, length = be16(data, at), be16(data, at + 2)
        at += IE_HEADER_OCTETS
        if kind == IE_VOLUME_MEASUREMENT:
            if state > 0:
                _volume(data, at, length, m, usages[row])
        elif state > 0:
            _usage_element(data, at, length, kind, usages[row])
        at += length


@part
def _usage_element(data, at, length, kind, report):  # type: ignore[no-untyped-def]
    """One element of a usage report, long enough."""
    if kind == IE_URR_ID:
        if report.urr_id < 0:
            report.urr_id = be32(data, at)
    elif kind == IE_UR_SEQN:
        if report.report < 0:
            report.report = be32(data, at)
    elif kind == IE_USAGE_REPORT_TRIGGER:
        if report.trigger < 0:
            trigger = np.int64(0)
            for k in range(min(length, 3)):
                trigger |= np.int64(data[at + k]) << (16 - 8 * k)
            report.trigger = trigger
    elif kind == IE_DURATION_MEASUREMENT:
        if report.duration_s < 0:
            report.duration_s = be32(data, at)
    elif kind == IE_START_TIME:
        if report.start < 0:
            report.start = ntp_time(data, at)
    elif kind == IE_END_TIME:
        if report.end < 0:
            report.end = ntp_time(data, at)
    elif kind == IE_TIME_OF_FIRST_PACKET:
        if report.first_packet < 0:
            report.first_packet = ntp_time(data, at)
    elif kind == IE_TIME_OF_LAST_PACKET:
        if report.last_packet < 0:
            report.last_packet = ntp_time(data, at)


@part
def _volume(data, at, length, m, report):  # type: ignore[no-untyped-def]
    """Volume Measurement (§8.2.44): flags, then octets and packets, each in all, up, down, of 8 octets where told."""
    flags = np.int64(data[at])
    told = np.int64(0)
    for k in range(VOLUME_FIELDS):
        told += (flags >> k) & 1
    if length < 1 + 8 * told:
        m.damage = 1
        return
    at += 1
    for k in range(VOLUME_FIELDS):
        if (flags >> k) & 1:
            _set_volume(k, count64(data, at), report)
            at += 8


@part
def _set_volume(field, value, report):  # type: ignore[no-untyped-def]
    """The count that stands for bit `field` of the flags."""
    if field == 0:
        report.bytes = value
    elif field == 1:
        report.bytes_up = value
    elif field == 2:
        report.bytes_down = value
    elif field == 3:
        report.packets = value
    elif field == 4:
        report.packets_up = value
    else:
        report.packets_down = value
