"""What EPS and 5GS NAS have in common: the walk over elements, identities, slices, the row that starts from nothing.

`m` is a NAS record, `text` uint8[n] that takes names at `m.apn_offset`, of which MESSAGE_TEXT octets must be free.
"""

import numpy as np

from formats.addresses import CELL_TAI, NO_DIGITS
from formats.nas import IDENTITY_NONE, IDENTITY_SUCI, NO_SD, NSSAI_MOST
from formats.nas_layouts import (
    FORM_LV,
    FORM_LVE,
    OPTION_HALF,
    OPTION_TLV,
    OPTION_TLVE,
    OPTION_UNKNOWN,
)
from kernels.gtpc_rows import set_apn
from kernels.jit import kernel, part
from kernels.location import cell_code, plmn
from kernels.octets import be16, be24, be32, be64
from kernels.signalling import MESSAGE_TEXT

_NONE = np.uint64(0)
_U8 = np.uint64
_TAI = np.int64(CELL_TAI)
_MOST_DIGITS = 16

WHOLE, DAMAGED, BROKEN, STRANGE = 0, 1, 2, 3
"""What a walk found: every octet in its place, an element that reaches past the end, a mandatory part that does, a type
that is not listed."""


@part
def clear_identities(m):  # type: ignore[no-untyped-def]
    """Who and where: absent. `apn_offset` is the caller's."""
    m.imsi = NO_DIGITS
    m.imei = NO_DIGITS
    m.tai = _NONE
    m.last_tai = _NONE
    m.interface_id = _NONE
    m.apn_hash = _NONE
    m.ue_ipv4 = -1
    m.tmsi = -1
    m.additional_tmsi = -1
    m.slice = -1
    m.home_plmn = -1
    m.guti_plmn = -1
    m.guti_region = -1
    m.guti_code = -1
    m.additional_plmn = -1
    m.additional_region = -1
    m.additional_code = -1
    m.apn_length = 0
    m.identity_type = IDENTITY_NONE
    m.nssai_kind = 0
    m.nssai_count = 0
    m.rejected_count = 0


@part
def clear_fields(m):  # type: ignore[no-untyped-def]
    """All else: absent."""
    m.session_at = 0
    m.inner_at = 0
    m.session_octets = 0
    m.inner_octets = 0
    m.type = -1
    m.session_type = -1
    m.inner_type = -1
    m.cause = -1
    m.session_cause = -1
    m.pti = -1
    m.session_id = -1
    m.qci = -1
    m.qfi = -1
    m.ciphered = 0
    m.null_ciphered = 0
    m.inner_ciphered = 0
    m.damage = 0
    m.from_network = -1
    m.request_type = -1
    m.result = -1
    m.follow_on = -1
    m.switch_off = -1
    m.ebi = -1
    m.linked_ebi = -1
    m.pdn_type = -1
    m.session_request = -1
    m.ssc_mode = -1
    m.container = -1
    m.ciphering = -1
    m.integrity = -1


@part
def begin(protocol, m):  # type: ignore[no-untyped-def]
    """Every field absent."""
    clear_identities(m)
    clear_fields(m)
    m.protocol = protocol
    m.security = 0


# --- the walk -----------------------------------------------------------------------------------------------------


@part
def mandatory_span(data, at, hi, form):  # type: ignore[no-untyped-def]
    """(first octet, octets) of a mandatory value of this form; (-1, 0) if it reaches past `hi`."""
    if form == FORM_LV:
        return _told_span(data, at, hi, 1)
    if form == FORM_LVE:
        return _told_span(data, at, hi, 2)
    return _within(at, np.int64(form), hi)


@part
def _told_span(data, at, hi, width):  # type: ignore[no-untyped-def]
    """The span behind the length that the octet or the two octets at `at` tell."""
    if at + width > hi:
        return np.int64(-1), np.int64(0)
    length = np.int64(data[at])
    if width == 2:
        length = be16(data, at)
    return _within(at + width, length, hi)


@part
def _within(at, length, hi):  # type: ignore[no-untyped-def]
    if at + length > hi:
        return np.int64(-1), np.int64(0)
    return np.int64(at), length


@part
def identifier(octet):  # type: ignore[no-untyped-def]
    """The identifier that an element begins with: of a type 1 element only its upper half."""
    value = np.int64(octet)
    return value & 0xF0 if value & 0x80 else value


@part
def form_of(form, iei):  # type: ignore[no-untyped-def]
    """The form of an element: as listed, else by the rule for those that are not known (TS 24.007 §11.2.4)."""
    if form != OPTION_UNKNOWN:
        return np.int64(form)
    if iei & 0x80:
        return np.int64(OPTION_HALF)
    return np.int64(OPTION_TLVE if iei >> 4 == 7 else OPTION_TLV)


@part
def option_span(data, at, hi, form):  # type: ignore[no-untyped-def]
    """(first octet, octets) of the value of the element at `at`; (-1, 0) if it reaches past `hi`.

    Of a type 1 element the one octet, which is identifier and value.
    """
    if form == OPTION_HALF:
        return np.int64(at), np.int64(1)
    if form == OPTION_TLV:
        return _told_span(data, at + 1, hi, 1)
    if form == OPTION_TLVE:
        return _told_span(data, at + 1, hi, 2)
    return _within(at + 1, np.int64(form) - 1, hi)


# --- values that both have; each is set by the first element that tells it ------------------------------------------


@part
def identity_digits(data, at, length):  # type: ignore[no-untyped-def]
    """Digits (uint64) of a mobile identity: the upper half of the first octet, then both of each, the lower first."""
    packed = NO_DIGITS
    count = min(2 * length - 1, _MOST_DIGITS)
    for k in range(count):
        octet = np.int64(data[at + (k + 1) // 2])
        nibble = octet >> 4 if k % 2 == 0 else octet & 15
        if nibble > 9:
            break
        shift = _U8(60 - 4 * k)
        packed = packed & ~(_U8(15) << shift) | (_U8(nibble) << shift)
    return packed


@part
def set_imsi(data, at, length, m):  # type: ignore[no-untyped-def]
    """IMSI of a mobile identity."""
    if m.imsi == NO_DIGITS:
        m.imsi = identity_digits(data, at, length)


@part
def set_imei(data, at, length, m):  # type: ignore[no-untyped-def]
    """IMEI or IMEISV of a mobile identity."""
    if m.imei == NO_DIGITS:
        m.imei = identity_digits(data, at, length)


@part
def name_device(kind, m):  # type: ignore[no-untyped-def]
    """The kind of identity (IDENTITY_*) that the message names the device by."""
    if m.identity_type == IDENTITY_NONE:
        m.identity_type = kind


@part
def set_guti(network, region, code, tmsi, m):  # type: ignore[no-untyped-def]
    """A temporary identity; a second one that differs is the additional one. Parts that it lacks are -1."""
    if m.tmsi < 0:
        m.guti_plmn = network
        m.guti_region = region
        m.guti_code = code
        m.tmsi = tmsi
    elif m.additional_tmsi < 0 and (
        m.tmsi != tmsi or m.guti_code != code or m.guti_region != region or m.guti_plmn != network
    ):
        m.additional_plmn = network
        m.additional_region = region
        m.additional_code = code
        m.additional_tmsi = tmsi


@part
def tracking_area(data, at, octets):  # type: ignore[no-untyped-def]
    """TAI of a PLMN and a TAC of 2 or 3 octets, coded as a cell."""
    return cell_code(_TAI, plmn(data, at), be16(data, at + 3) if octets == 2 else be24(data, at + 3))


@part
def set_tai_list(data, at, length, octets, m):  # type: ignore[no-untyped-def]
    """The first TAI of a list (TS 24.301 §9.9.3.33, TS 24.501 §9.11.3.9); TAC of 2 or 3 octets."""
    if length < 4 + octets:
        m.damage = 1
    elif m.tai == _NONE:
        m.tai = tracking_area(data, at + 1, octets)


@part
def set_last_tai(data, at, octets, m):  # type: ignore[no-untyped-def]
    """Last visited registered TAI, 3 + `octets` octets that are there."""
    if m.last_tai == _NONE:
        m.last_tai = tracking_area(data, at, octets)


@part
def set_cause(data, at, m):  # type: ignore[no-untyped-def]
    """EMM or 5GMM cause."""
    if m.cause < 0:
        m.cause = data[at]


@part
def set_session_cause(data, at, m):  # type: ignore[no-untyped-def]
    """ESM or 5GSM cause."""
    if m.session_cause < 0:
        m.session_cause = data[at]


@part
def set_name(data, at, length, m, text):  # type: ignore[no-untyped-def]
    """APN or DNN, lower-cased, without its operator identifier."""
    if m.apn_offset < 0 or m.apn_offset + MESSAGE_TEXT > len(text) or set_apn(data, at, length, m, text):
        m.damage = 1


@part
def set_address(data, at, length, kind, m):  # type: ignore[no-untyped-def]
    """PDN or PDU address behind its type octet: interface identifier, IPv4 address; `kind` as `pdn_type`."""
    if kind == 1:
        if length < 4:
            m.damage = 1
        else:
            _set_ipv4(data, at, m)
    elif kind == 2 or kind == 3:
        if length < (8 if kind == 2 else 12):
            m.damage = 1
            return
        m.interface_id = be64(data, at)
        if kind == 3:
            _set_ipv4(data, at + 8, m)


@part
def _set_ipv4(data, at, m):  # type: ignore[no-untyped-def]
    """All zeros: the device gets its address by DHCP, so there is none yet."""
    address = be32(data, at)
    if address != 0:
        m.ue_ipv4 = address


@part
def s_nssai(data, at, length):  # type: ignore[no-untyped-def]
    """SST << 24 | SD of the value of an S-NSSAI (TS 24.501 §9.11.2.8); -1 for a length that it cannot have."""
    if length == 1 or length == 2:
        return (np.int64(data[at]) << 24) | NO_SD
    if length == 4 or length == 5 or length == 8:
        return be32(data, at)
    return np.int64(-1)


@part
def set_nssai(data, at, length, kind, m):  # type: ignore[no-untyped-def]
    """A list of S-NSSAI (TS 24.501 §9.11.3.37): the first list of a message, of it the first NSSAI_MOST."""
    if m.nssai_kind != 0:
        return
    m.nssai_kind = kind
    end = at + length
    while at < end:
        size = np.int64(data[at])
        if at + 1 + size > end:
            m.damage = 1
            return
        value = s_nssai(data, at + 1, size)
        if value < 0:
            m.damage = 1
        elif m.nssai_count < NSSAI_MOST:
            m.nssai[m.nssai_count] = value
            m.nssai_count += 1
        at += 1 + size


@part
def set_rejected(data, at, length, m):  # type: ignore[no-untyped-def]
    """Rejected NSSAI (TS 24.501 §9.11.3.46): per entry length and cause in one octet, then SST, SD."""
    if m.rejected_count != 0:
        return
    end = at + length
    while at < end:
        size = np.int64(data[at]) >> 4
        value = s_nssai(data, at + 1, size) if at + 1 + size <= end else np.int64(-1)
        if value < 0:
            m.damage = 1
            return
        if m.rejected_count < NSSAI_MOST:
            m.rejected[m.rejected_count] = value
            m.rejected_count += 1
        at += 1 + size


@kernel
def set_suci(data, at, length, m):  # type: ignore[no-untyped-def]
    """SUCI (TS 24.501 §9.11.3.4): the home network; under the null scheme the whole IMSI."""
    name_device(np.int64(IDENTITY_SUCI), m)
    if (np.int64(data[at]) >> 4) & 7 != 0:
        return  # a name of another kind than an IMSI
    if length < 8:
        m.damage = 1
        return
    network = plmn(data, at + 1)
    m.home_plmn = network
    if data[at + 6] & 15 != 0 or m.imsi != NO_DIGITS:
        return
    packed = _U8(network) << _U8(40) | (NO_DIGITS >> _U8(24))
    count = 5 if network & 15 == 15 else 6
    for k in range(2 * (length - 8)):
        octet = np.int64(data[at + 8 + k // 2])
        nibble = octet & 15 if k % 2 == 0 else octet >> 4
        if nibble > 9 or count >= _MOST_DIGITS:
            break
        shift = _U8(60 - 4 * count)
        packed = packed & ~(_U8(15) << shift) | (_U8(nibble) << shift)
        count += 1
    m.imsi = packed
