"""What each AVP of Diameter tells: into the fields of a DIAMETER_MESSAGE or DIAMETER_CREDIT row.

`context` is where the AVP stands (`formats.diameter_avps`); values are long enough.
"""

import numpy as np

from formats.addresses import CELL_CGI, CELL_SAI, NO_DIGITS
from formats.diameter import IMSI_APPLICATIONS
from formats.diameter_avps import (
    ABORT_CAUSE,
    AMBR_DOWN,
    AMBR_UP,
    APN,
    ARP_PRIORITY,
    AUTHORIZATION_TYPE,
    CANCELLATION_TYPE,
    CGI,
    CHARGING_ID,
    CREDIT,
    DESTINATION_HOST,
    DESTINATION_REALM,
    DISCONNECT_CAUSE,
    ECGI,
    EQUIPMENT,
    EQUIPMENT_IMEISV,
    EQUIPMENT_TYPE,
    EQUIPMENT_VALUE,
    ERROR_DIAGNOSTIC,
    EVENT_TRIGGER,
    EXPERIMENTAL,
    EXPERIMENTAL_RESULT_CODE,
    FAMILY_IPV4,
    FAMILY_IPV6,
    FRAMED_IPV4,
    FRAMED_IPV6,
    GRANTED,
    IMEI_TEXT,
    IMSI_TEXT,
    INPUT_OCTETS,
    IP_CAN_TYPE,
    MESSAGE,
    MSISDN,
    ORIGIN_HOST,
    ORIGIN_REALM,
    ORIGIN_STATE,
    OUTPUT_OCTETS,
    PDP_ADDRESS,
    PUBLIC_IDENTITY,
    QCI,
    RAI,
    RAT_OCTET,
    RAT_TYPE,
    RATING_GROUP,
    RELEASE_CAUSE,
    REQUEST_NUMBER,
    REQUEST_TYPE,
    RESULT_CODE,
    RULE,
    SAI,
    SECONDS,
    SERVER_ASSIGNMENT,
    SERVER_NAME,
    SERVICE_IDENTIFIER,
    SERVING_PLMN_TEXT,
    SESSION_ID,
    SUBSCRIPTION,
    SUBSCRIPTION_DATA,
    SUBSCRIPTION_E164,
    SUBSCRIPTION_IMSI,
    SUBSCRIPTION_SIP_URI,
    SUBSCRIPTION_TYPE,
    TAI,
    TERMINATION_CAUSE,
    TOTAL_OCTETS,
    USED,
    USER_LOCATION,
    USER_NAME,
    VENDOR_ID,
    VISITED_PLMN,
)
from kernels.diameter_fields import digit_count, equipment_digits, plmn_of_text, text_digits, user_imsi, user_location
from kernels.diameter_rows import CREDIT_ROW, KIND, VALUE_AT, VALUE_OCTETS, put_name
from kernels.jit import part
from kernels.location import eutran_cell, lac_cell, plmn, routing_area, tracking_area
from kernels.octets import be16, be32, be64
from kernels.tbcd import digits
from kernels.text import hash_octets, network_identifier

_NONE = np.uint64(0)
_CGI, _SAI = np.int64(CELL_CGI), np.int64(CELL_SAI)
_COUNT_MOST = np.uint64(1 << 60)


# --- names -------------------------------------------------------------------------------------------------------


@part
def name(data, at, size, action, m, text):  # type: ignore[no-untyped-def]
    """A name of the message; the first of each counts."""
    if action == SESSION_ID:
        if m.session_hash == _NONE and size > 0:
            m.session_hash = hash_octets(data, at, at + size)
    elif action == PUBLIC_IDENTITY:
        if m.public_hash == _NONE and size > 0:
            m.public_hash = hash_octets(data, at, at + size)
    elif action == ORIGIN_HOST:
        if m.origin_host_hash == _NONE:
            offset, length, code = put_name(data, at, size, m, text)
            m.origin_host_offset, m.origin_host_length, m.origin_host_hash = offset, length, code
    elif action == ORIGIN_REALM:
        if m.origin_realm_hash == _NONE:
            offset, length, code = put_name(data, at, size, m, text)
            m.origin_realm_offset, m.origin_realm_length, m.origin_realm_hash = offset, length, code
    elif action == DESTINATION_HOST:
        if m.destination_host_hash == _NONE:
            offset, length, code = put_name(data, at, size, m, text)
            m.destination_host_offset, m.destination_host_length, m.destination_host_hash = offset, length, code
    elif action == DESTINATION_REALM:
        if m.destination_realm_hash == _NONE:
            offset, length, code = put_name(data, at, size, m, text)
            m.destination_realm_offset, m.destination_realm_length, m.destination_realm_hash = offset, length, code
    elif action == SERVER_NAME:
        if m.server_hash == _NONE:
            offset, length, code = put_name(data, at, size, m, text)
            m.server_offset, m.server_length, m.server_hash = offset, length, code
    elif action == APN:
        _access_point(data, at, size, m, text)


@part
def _access_point(data, at, size, m, text):  # type: ignore[no-untyped-def]
    """Access point name, its operator identifier cut."""
    if m.apn_hash != _NONE:
        return
    to, length, _ = put_name(data, at, size, m, text)
    if length > 0:
        kept = network_identifier(text, to, length)
        m.text_length -= length - kept
        m.apn_offset, m.apn_length = to, kept
        m.apn_hash = hash_octets(text, to, to + kept)


# --- who ---------------------------------------------------------------------------------------------------------


@part
def _digits_are_imsi(application):  # type: ignore[no-untyped-def]
    for k in range(len(IMSI_APPLICATIONS)):
        if IMSI_APPLICATIONS[k] == application:
            return True
    return False


@part
def identity(data, at, size, action, context, m, stack):  # type: ignore[no-untyped-def]
    """An identity of the message, or the value of a Subscription-Id or User-Equipment-Info."""
    if action == SUBSCRIPTION_DATA or action == EQUIPMENT_VALUE:
        fits = context == SUBSCRIPTION if action == SUBSCRIPTION_DATA else context == EQUIPMENT
        if fits and stack[VALUE_OCTETS] < 0:
            stack[VALUE_AT], stack[VALUE_OCTETS] = at, size
    elif context != MESSAGE or size == 0:
        return
    elif action == USER_NAME:
        if m.user_hash == _NONE:
            m.user_hash = hash_octets(data, at, at + size)
            if m.imsi == NO_DIGITS:
                m.imsi = user_imsi(data, at, size, _digits_are_imsi(m.application))
    elif action == IMSI_TEXT:
        if m.imsi == NO_DIGITS:
            m.imsi = text_digits(data, at, digit_count(data, at, size))
    elif action == IMEI_TEXT:
        if m.imei == NO_DIGITS:
            m.imei = equipment_digits(data, at, size)
    elif action == MSISDN:
        if m.msisdn == NO_DIGITS:
            m.msisdn = digits(data, at, size)


@part
def subscription(data, at, size, kind, m):  # type: ignore[no-untyped-def]
    """Subscription-Id (RFC 8506 §8.46): a number, an IMSI, a SIP URI."""
    if kind == SUBSCRIPTION_E164:
        if m.msisdn == NO_DIGITS:
            m.msisdn = text_digits(data, at, digit_count(data, at, size))
    elif kind == SUBSCRIPTION_IMSI:
        if m.imsi == NO_DIGITS:
            m.imsi = text_digits(data, at, digit_count(data, at, size))
    elif kind == SUBSCRIPTION_SIP_URI:
        if m.public_hash == _NONE and size > 0:
            m.public_hash = hash_octets(data, at, at + size)


@part
def equipment(data, at, size, kind, m):  # type: ignore[no-untyped-def]
    """User-Equipment-Info (RFC 8506 §8.49)."""
    if kind == EQUIPMENT_IMEISV and m.imei == NO_DIGITS:
        m.imei = equipment_digits(data, at, size)


# --- where -------------------------------------------------------------------------------------------------------


@part
def place(data, at, size, action, m):  # type: ignore[no-untyped-def]
    """Where the subscriber is, which addresses the device has, on which access."""
    if action == FRAMED_IPV4:
        _set_ipv4(be32(data, at), m)
    elif action == FRAMED_IPV6:
        _prefix(data, at, size, m)
    elif action == PDP_ADDRESS:
        _address(data, at, size, m)
    elif action == VISITED_PLMN:
        if m.visited_plmn < 0:
            m.visited_plmn = plmn(data, at)
    elif action == SERVING_PLMN_TEXT:
        if m.visited_plmn < 0:
            m.visited_plmn = plmn_of_text(data, at, size)
    elif action == RAT_OCTET:
        if m.rat < 0:
            m.rat = data[at]
    elif action == CHARGING_ID:
        if m.charging_id < 0:
            m.charging_id = be32(data, at)
    elif action == USER_LOCATION:
        if m.cell == _NONE:
            cell, area, damage = user_location(data, at, size)
            m.damage |= damage
            m.cell, m.area = cell, area
    else:
        _subscriber_location(data, at, action, m)


@part
def _subscriber_location(data, at, action, m):  # type: ignore[no-untyped-def]
    """Location of TS 29.272 §7.3.111, an AVP for each identity: the finest is the cell, in the order that counts."""
    if action == TAI or action == RAI:
        if m.area == _NONE:
            m.area = tracking_area(data, at) if action == TAI else routing_area(data, at)
            if m.cell == _NONE:
                m.cell = m.area
    elif m.cell == _NONE or m.cell == m.area:
        if action == ECGI:
            m.cell = eutran_cell(data, at)
        elif action == CGI:
            m.cell = lac_cell(data, at, _CGI)
        elif action == SAI:
            m.cell = lac_cell(data, at, _SAI)


@part
def _set_ipv4(address, m):  # type: ignore[no-untyped-def]
    """Device address; 0 is none, and those of all ones stand for one still to be given (RFC 7155 §4.4.10.5.1)."""
    if m.ue_ipv4 < 0 and 0 < address < 0xFFFF_FFFE:
        m.ue_ipv4 = address


@part
def _prefix(data, at, size, m):  # type: ignore[no-untyped-def]
    """Framed-IPv6-Prefix (RFC 3162 §2.3): reserved, bits, then as many octets as the prefix needs."""
    if m.ue_ipv6_hi != _NONE or m.ue_ipv6_lo != _NONE:
        return
    hi, lo = _NONE, _NONE
    for k in range(min(size - 2, np.int64(16))):
        octet = np.uint64(data[at + 2 + k])
        if k < 8:
            hi |= octet << np.uint64(56 - 8 * k)
        else:
            lo |= octet << np.uint64(120 - 8 * k)
    m.ue_ipv6_hi, m.ue_ipv6_lo = hi, lo


@part
def _address(data, at, size, m):  # type: ignore[no-untyped-def]
    """Address (RFC 6733 §4.3.1): family, octets."""
    family = be16(data, at)
    if family == FAMILY_IPV4 and size >= 6:
        _set_ipv4(be32(data, at + 2), m)
    elif family == FAMILY_IPV6 and size >= 18:
        if m.ue_ipv6_hi == _NONE and m.ue_ipv6_lo == _NONE:
            m.ue_ipv6_hi, m.ue_ipv6_lo = be64(data, at + 2), be64(data, at + 10)


# --- numbers -----------------------------------------------------------------------------------------------------


@part
def number(value, action, context, m, credit_rows, stack):  # type: ignore[no-untyped-def]
    """A number of 32 bits, by the group that it stands in."""
    if context == MESSAGE:
        if action <= AMBR_DOWN:
            _message_number(value, action, m)
        else:
            _message_cause(value, action, m)
    elif context == CREDIT or context == USED or context == GRANTED:
        if stack[CREDIT_ROW] >= 0:
            _credit_number(value, action, context, credit_rows[stack[CREDIT_ROW]])
    elif context == RULE:
        if action == QCI and m.rule_qci < 0:
            m.rule_qci = value
    elif context == EXPERIMENTAL:
        if action == VENDOR_ID and m.experimental_vendor < 0:
            m.experimental_vendor = value
        elif action == EXPERIMENTAL_RESULT_CODE and m.experimental_result < 0:
            m.experimental_result = value
    elif stack[KIND] < 0:
        if (action == SUBSCRIPTION_TYPE and context == SUBSCRIPTION) or (
            action == EQUIPMENT_TYPE and context == EQUIPMENT
        ):
            stack[KIND] = value


@part
def _message_number(value, action, m):  # type: ignore[no-untyped-def]
    """What is asked, what came of it, with which quality of service; the first counts."""
    if action == RESULT_CODE:
        if m.result < 0:
            m.result = value
    elif action == REQUEST_TYPE:
        if m.request_type < 0:
            m.request_type = value
    elif action == REQUEST_NUMBER:
        if m.request_number < 0:
            m.request_number = value
    elif action == ORIGIN_STATE:
        if m.origin_state < 0:
            m.origin_state = value
    elif action == RAT_TYPE:
        if m.rat_type < 0:
            m.rat_type = value
            if m.rat < 0:
                m.rat = _rat(value)
    elif action == IP_CAN_TYPE:
        if m.ip_can_type < 0:
            m.ip_can_type = value
    elif action == QCI:
        if m.qci < 0:
            m.qci = value
    elif action == ARP_PRIORITY:
        if m.arp_priority < 0:
            m.arp_priority = value
    elif action == AMBR_UP:
        if m.ambr_up_kbps < 0:
            m.ambr_up_kbps = value // 1000
    elif action == AMBR_DOWN:
        if m.ambr_down_kbps < 0:
            m.ambr_down_kbps = value // 1000


@part
def _rat(value):  # type: ignore[no-untyped-def]
    """RAT-Type (TS 29.212 §5.3.31) in the numbers of TS 29.274 §8.17 as in `formats.diameter.RAT_TYPES`, or -1."""
    if value >= 1000:
        if value <= 1001:
            return value - 999
        if value <= 1004:
            return value - 998
        if value == 1005:
            return 8
        if value == 1007:
            return 9
        return 10 if value == 1006 or value == 1008 else -1
    return 3 if value == 0 else 7 if value == 1 else -1


@part
def _message_cause(value, action, m):  # type: ignore[no-untyped-def]
    """Why something ends or changes; the first counts."""
    if action == TERMINATION_CAUSE:
        if m.termination_cause < 0:
            m.termination_cause = value
    elif action == RELEASE_CAUSE:
        if m.release_cause < 0:
            m.release_cause = value
    elif action == ABORT_CAUSE:
        if m.abort_cause < 0:
            m.abort_cause = value
    elif action == DISCONNECT_CAUSE:
        if m.disconnect_cause < 0:
            m.disconnect_cause = value
    elif action == CANCELLATION_TYPE:
        if m.cancellation_type < 0:
            m.cancellation_type = value
    elif action == ERROR_DIAGNOSTIC:
        if m.error_diagnostic < 0:
            m.error_diagnostic = value
    elif action == SERVER_ASSIGNMENT:
        if m.server_assignment < 0:
            m.server_assignment = value
    elif action == AUTHORIZATION_TYPE:
        if m.authorization_type < 0:
            m.authorization_type = value
    elif action == EVENT_TRIGGER:
        if m.event_trigger < 0:
            m.event_trigger = value


# --- credit control ----------------------------------------------------------------------------------------------


@part
def _credit_number(value, action, context, credit):  # type: ignore[no-untyped-def]
    """Numbers of a Multiple-Services-Credit-Control and of the units in it (RFC 8506 §8.16)."""
    if context == CREDIT:
        if action == RATING_GROUP:
            if credit.rating_group < 0:
                credit.rating_group = value
        elif action == SERVICE_IDENTIFIER:
            if credit.service < 0:
                credit.service = value
        elif action == RESULT_CODE:
            if credit.result < 0:
                credit.result = value
    elif action == SECONDS:
        if context == USED:
            credit.used_s = _sum(credit.used_s, value)
        elif credit.granted_s < 0:
            credit.granted_s = value


@part
def _sum(before, value):  # type: ignore[no-untyped-def]
    return value if before < 0 else before + value


@part
def octet_count(data, at, action, context, credit_rows, stack):  # type: ignore[no-untyped-def]
    """CC-Total-Octets, CC-Input-Octets (up), CC-Output-Octets (down); a number that no counter reaches is none."""
    if stack[CREDIT_ROW] < 0 or be64(data, at) > _COUNT_MOST:
        return
    value = np.int64(be64(data, at))
    credit = credit_rows[stack[CREDIT_ROW]]
    if context == GRANTED:
        if action == TOTAL_OCTETS and credit.granted_bytes < 0:
            credit.granted_bytes = value
    elif context != USED:
        return
    elif action == TOTAL_OCTETS:
        credit.used_bytes = _sum(credit.used_bytes, value)
    elif action == INPUT_OCTETS:
        credit.used_bytes_up = _sum(credit.used_bytes_up, value)
    elif action == OUTPUT_OCTETS:
        credit.used_bytes_down = _sum(credit.used_bytes_down, value)
