"""5GS NAS (TS 24.501): one message of octets into a NAS record.

A ciphered message (security header type 2 or 4), and what a NAS message container holds, is read where it can only be
in plain: it is walked once before anything is taken from it, and accepted if it is a listed message whose mandatory
part is whole, whose further elements are all listed for that message and end exactly with it, and the same for the 5GSM
message within. All else counts as ciphered: nothing of it is told. Of random octets less than 1 in 1,000,000 pass. One
that knows the algorithm of the device hands it to `decode_known`.

Measured (AMD EPYC, busy): 65 ns a message of 20 octets.
"""

import numpy as np

from formats.nas import (
    ALGORITHM_NULL,
    ALGORITHM_UNKNOWN,
    AUTHENTICATION_FAILURE_5GS,
    CIPHERED,
    CIPHERING,
    CIPHERING_NEW,
    CONFIGURATION_UPDATE_COMMAND,
    CONTAINER_N1_SM,
    CONTROL_PLANE_SERVICE_REQUEST_5GS,
    DECODED,
    DEREGISTRATION_REQUEST_NETWORK,
    DEREGISTRATION_REQUEST_UE,
    DL_NAS_TRANSPORT,
    EPD_5GMM,
    EPD_5GSM,
    FIVE_GS,
    FIVE_GS_IDENTITIES,
    FIVE_GS_SECURITY_OCTETS,
    IDENTITY_GUTI,
    IDENTITY_IMEI,
    IDENTITY_IMEISV,
    IDENTITY_REQUEST_5GS,
    IDENTITY_RESPONSE_5GS,
    IDENTITY_S_TMSI,
    IDENTITY_SUCI,
    IE_MM_ALLOWED_NSSAI,
    IE_MM_CAUSE,
    IE_MM_CONFIGURED_NSSAI,
    IE_MM_DNN,
    IE_MM_IDENTITY,
    IE_MM_LAST_TAI,
    IE_MM_NAS_CONTAINER,
    IE_MM_PEI,
    IE_MM_REJECTED_NSSAI,
    IE_MM_REJECTED_NSSAI_DEREGISTRATION,
    IE_MM_REJECTED_NSSAI_REJECT,
    IE_MM_REQUEST_TYPE,
    IE_MM_REQUESTED_NSSAI,
    IE_MM_S_NSSAI,
    IE_MM_SESSION_ID,
    IE_MM_TAI_LIST,
    IE_SM_CAUSE,
    IE_SM_DNN,
    IE_SM_FLOWS,
    IE_SM_PDU_ADDRESS,
    IE_SM_PDU_TYPE,
    IE_SM_S_NSSAI,
    IE_SM_SSC_MODE,
    MALFORMED,
    NSSAI_ALLOWED,
    NSSAI_CONFIGURED,
    NSSAI_REQUESTED,
    PDN_TYPES_5GS,
    PLAIN,
    REGISTRATION_ACCEPT,
    REGISTRATION_REJECT,
    REGISTRATION_REQUEST,
    SECURITY_MODE_COMMAND,
    SECURITY_MODE_COMPLETE,
    SECURITY_MODE_REJECT,
    SERVICE_REJECT_5GS,
    SERVICE_REQUEST_5GS,
    SESSION_ESTABLISHMENT_ACCEPT,
    SESSION_ESTABLISHMENT_REQUEST,
    STATUS_5GMM,
    UL_NAS_TRANSPORT,
    UNKNOWN,
)
from formats.nas_layouts import MANDATORY_MOST, MM_5GS_TABLES, OPTION_UNKNOWN, SM_5GS_TABLES
from kernels.jit import kernel, part
from kernels.location import plmn
from kernels.nas import (
    BROKEN,
    DAMAGED,
    STRANGE,
    WHOLE,
    begin,
    form_of,
    identifier,
    mandatory_span,
    name_device,
    option_span,
    s_nssai,
    set_address,
    set_cause,
    set_guti,
    set_imei,
    set_last_tai,
    set_name,
    set_nssai,
    set_rejected,
    set_session_cause,
    set_suci,
    set_tai_list,
)
from kernels.octets import be16, be32

_MM_KNOWN, _MM_MANDATORY, _MM_OPTIONS = MM_5GS_TABLES
_SM_KNOWN, _SM_MANDATORY, _SM_OPTIONS = SM_5GS_TABLES
_IDENTITIES = np.array(FIVE_GS_IDENTITIES, np.int64)
_PDN_TYPES = np.array(PDN_TYPES_5GS, np.int64)
_REQUESTED, _ALLOWED = np.int64(NSSAI_REQUESTED), np.int64(NSSAI_ALLOWED)
_CONFIGURED = np.int64(NSSAI_CONFIGURED)
_TAC_OCTETS = 3
_GUTI_OCTETS, _S_TMSI_OCTETS = 11, 7
_MM_ROWS, _SM_ROWS = 1, 3  # upper two bits of a type
_MM_HEADER, _SM_HEADER = 3, 4
_PARAMETER_5QI = 1  # of a QoS flow description (§9.11.4.12)
_MOST_FLOWS = 64
_RESERVED_PTI = 255


@kernel
def decode(data, lo, hi, m, text):  # type: ignore[no-untyped-def]
    """Fill `m` (a NAS record) from the message data[lo:hi], uint8[n]; returns a code of formats.nas.

    text: uint8[n], takes the data network name at `m.apn_offset`, which the caller sets.
    """
    return decode_known(data, lo, hi, np.int64(ALGORITHM_UNKNOWN), m, text)


@kernel
def decode_known(data, lo, hi, algorithm, m, text):  # type: ignore[no-untyped-def]
    """As `decode`, for a device whose ciphering algorithm is known: 0 NEA0, above 0 another, -1 not known."""
    begin(FIVE_GS, m)
    if hi - lo < 2:
        return MALFORMED
    if data[lo] == EPD_5GSM:
        return _told(_fill_sm(data, lo, hi, m, text))
    if data[lo] != EPD_5GMM:
        return UNKNOWN
    m.security = data[lo + 1] & 15
    if m.security == PLAIN:
        return _told(_fill_mm(data, lo, hi, algorithm, m, text))
    if m.security > CIPHERING_NEW:
        return UNKNOWN
    inner = lo + FIVE_GS_SECURITY_OCTETS
    if hi - inner < 2:
        return MALFORMED
    if m.security == CIPHERING or m.security == CIPHERING_NEW:
        if algorithm > ALGORITHM_NULL or (
            algorithm < ALGORITHM_NULL and not _plain(data, inner, hi, m.security, m, text)
        ):
            m.ciphered = 1
            return CIPHERED
        m.null_ciphered = 1
    if data[inner] != EPD_5GMM or not _header_allowed(data[inner + 1], m.security):
        return UNKNOWN
    return _told(_fill_mm(data, inner, hi, algorithm, m, text))


@part
def _told(found):  # type: ignore[no-untyped-def]
    """The code for what a walk found."""
    if found == STRANGE:
        return UNKNOWN
    return MALFORMED if found == BROKEN else DECODED


@part
def _header_allowed(octet, header):  # type: ignore[no-untyped-def]
    """Whether a message within says that it is plain, or repeats the header type around it, as some stacks do."""
    return octet == PLAIN or octet == header


@part
def _plain(data, lo, hi, header, m, text):  # type: ignore[no-untyped-def]
    """Whether data[lo:hi] can only be a 5GMM message in plain, within one of that security header type.

    Leaves no field behind.
    """
    inner_at, inner_octets = m.inner_at, m.inner_octets
    session_at, session_octets, damage, container = m.session_at, m.session_octets, m.damage, m.container
    m.session_at, m.damage = 0, 0
    whole = hi - lo >= _MM_HEADER and data[lo] == EPD_5GMM and _header_allowed(data[lo + 1], header)
    whole = whole and _mm(data, lo, hi, True, m, text) == WHOLE
    if whole and m.session_at > 0:
        at, end = m.session_at, m.session_at + m.session_octets
        whole = end - at >= _SM_HEADER and data[at] == EPD_5GSM and data[at + 2] != _RESERVED_PTI
        whole = whole and _sm(data, at, end, True, m, text) == WHOLE
    whole = whole and m.damage == 0
    m.inner_at, m.inner_octets = inner_at, inner_octets
    m.session_at, m.session_octets, m.damage, m.container = session_at, session_octets, damage, container
    return whole


# --- mobility management ------------------------------------------------------------------------------------------


@part
def _fill_mm(data, lo, hi, algorithm, m, text):  # type: ignore[no-untyped-def]
    """The 5GMM message data[lo:hi], the 5GSM message in it, and the one in a NAS message container."""
    if hi - lo < _MM_HEADER:
        return BROKEN
    m.type = data[lo + 2]
    found = _mm(data, lo, hi, False, m, text)
    if found == DAMAGED:
        m.damage = 1
    if found == STRANGE or found == BROKEN:
        m.damage = 1 if found == BROKEN else 0
        return found
    if m.inner_at > 0:
        _inner(data, algorithm, m, text)
    if m.session_at > 0:
        end = m.session_at + m.session_octets
        if data[m.session_at] != EPD_5GSM or _fill_sm(data, m.session_at, end, m, text) != WHOLE:
            m.damage = 1
    return found


@part
def _inner(data, algorithm, m, text):  # type: ignore[no-untyped-def]
    """The whole initial message in a NAS message container (TS 24.501 §4.4.6), if it can be read.

    In a Security Mode Complete it is as readable as what is around it; in an initial message it is ciphered by itself.
    """
    at, end = m.inner_at, m.inner_at + m.inner_octets
    known = m.type != SECURITY_MODE_COMPLETE and algorithm > ALGORITHM_NULL
    if known or not _plain(data, at, end, PLAIN, m, text):
        m.inner_ciphered = 1
        return
    m.inner_type = data[at + 2]
    _mm(data, at, end, False, m, text)


@part
def _mm(data, lo, hi, only, m, text):  # type: ignore[no-untyped-def]
    """Walk a 5GMM message of at least 3 octets; WHOLE, DAMAGED, BROKEN or STRANGE.

    `only`: look whether it is whole and has no element that is not listed; else every element goes into `m`.
    """
    kind = np.int64(data[lo + 2])
    row = kind & 63
    if kind >> 6 != _MM_ROWS or not _MM_KNOWN[row]:
        return STRANGE
    at = lo + _MM_HEADER
    for k in range(MANDATORY_MOST):
        if _MM_MANDATORY[row, k] == 0:
            break
        at, length = mandatory_span(data, at, hi, _MM_MANDATORY[row, k])
        if at < 0:
            return BROKEN
        _mm_mandatory(data, at, length, kind, k, only, m)
        at += length
    while at < hi:
        iei = identifier(data[at])
        form = _MM_OPTIONS[row, iei]
        if only and form == OPTION_UNKNOWN:
            return BROKEN
        at, length = option_span(data, at, hi, form_of(form, iei))
        if at < 0:
            return DAMAGED
        if not only:
            _mm_option(data, at, length, kind, iei, m, text)
        at += length
    return WHOLE


@part
def _mm_mandatory(data, at, length, kind, k, only, m):  # type: ignore[no-untyped-def]
    """Mandatory value number `k` of a 5GMM message."""
    if kind == UL_NAS_TRANSPORT or kind == DL_NAS_TRANSPORT:
        if k == 0:
            m.container = data[at] & 15
        elif m.container == CONTAINER_N1_SM:
            _sm_container(at, length, m)
    elif only:
        return
    elif k == 0:
        _mm_first(data, at, length, kind, m)
    elif k == 1 and (kind == REGISTRATION_REQUEST or kind == DEREGISTRATION_REQUEST_UE or kind == SERVICE_REQUEST_5GS):
        _identity(data, at, length, m)


@part
def _sm_container(at, length, m):  # type: ignore[no-untyped-def]
    """Note where the 5GSM message lies."""
    if length < _SM_HEADER:
        m.damage = 1
    elif m.session_at == 0:
        m.session_at = at
        m.session_octets = length


@part
def _mm_first(data, at, length, kind, m):  # type: ignore[no-untyped-def]
    """The first mandatory value of a 5GMM message."""
    if kind == IDENTITY_RESPONSE_5GS:
        _identity(data, at, length, m)
        return
    if length < 1:
        if kind == REGISTRATION_ACCEPT:
            m.damage = 1
        return
    octet = np.int64(data[at])
    if kind == REGISTRATION_REQUEST:
        m.request_type = octet & 7
        m.follow_on = (octet >> 3) & 1
    elif kind == REGISTRATION_ACCEPT:
        m.result = octet & 7
    elif kind == DEREGISTRATION_REQUEST_UE or kind == DEREGISTRATION_REQUEST_NETWORK:
        m.request_type = octet & 7
        m.from_network = 1 if kind == DEREGISTRATION_REQUEST_NETWORK else 0
        if kind == DEREGISTRATION_REQUEST_UE:
            m.switch_off = (octet >> 3) & 1
    elif kind == SERVICE_REQUEST_5GS:
        m.request_type = octet >> 4
    elif kind == CONTROL_PLANE_SERVICE_REQUEST_5GS or kind == IDENTITY_REQUEST_5GS:
        m.request_type = octet & 7
    elif kind == SECURITY_MODE_COMMAND:
        m.ciphering = octet >> 4
        m.integrity = octet & 15
    elif (
        kind == REGISTRATION_REJECT
        or kind == SERVICE_REJECT_5GS
        or kind == AUTHENTICATION_FAILURE_5GS
        or kind == SECURITY_MODE_REJECT
        or kind == STATUS_5GMM
    ):
        set_cause(data, at, m)


@part
def _mm_option(data, at, length, kind, iei, m, text):  # type: ignore[no-untyped-def]
    """One further element of a 5GMM message: what is in it, then who and which slices."""
    if iei == IE_MM_NAS_CONTAINER:
        if (
            kind == REGISTRATION_REQUEST
            or kind == SERVICE_REQUEST_5GS
            or kind == SECURITY_MODE_COMPLETE
            or kind == CONTROL_PLANE_SERVICE_REQUEST_5GS
        ) and m.inner_at == 0:
            m.inner_at = at
            m.inner_octets = length
    elif kind == UL_NAS_TRANSPORT or kind == DL_NAS_TRANSPORT:
        _transport_option(data, at, length, iei, m, text)
    elif kind == REGISTRATION_REQUEST or kind == REGISTRATION_ACCEPT or kind == CONFIGURATION_UPDATE_COMMAND:
        _registration_option(data, at, length, kind, iei, m)
    elif kind == SECURITY_MODE_COMPLETE:
        if iei == IE_MM_IDENTITY or iei == IE_MM_PEI:
            _identity(data, at, length, m)
    elif kind == DEREGISTRATION_REQUEST_NETWORK:
        if iei == IE_MM_CAUSE:
            set_cause(data, at, m)
        elif iei == IE_MM_REJECTED_NSSAI_DEREGISTRATION:
            set_rejected(data, at, length, m)
    elif kind == REGISTRATION_REJECT:
        if iei == IE_MM_REJECTED_NSSAI_REJECT:
            set_rejected(data, at, length, m)
    elif kind == CONTROL_PLANE_SERVICE_REQUEST_5GS and iei == IE_MM_SESSION_ID:
        m.session_id = data[at]


@part
def _transport_option(data, at, length, iei, m, text):  # type: ignore[no-untyped-def]
    """An element beside the payload container: what the session is for."""
    if iei == IE_MM_SESSION_ID:
        m.session_id = data[at]
    elif iei == IE_MM_CAUSE:
        set_cause(data, at, m)
    elif iei == IE_MM_REQUEST_TYPE:
        m.session_request = data[at] & 7
    elif iei == IE_MM_DNN:
        set_name(data, at, length, m, text)
    elif iei == IE_MM_S_NSSAI:
        _slice(data, at, length, m)


@part
def _registration_option(data, at, length, kind, iei, m):  # type: ignore[no-untyped-def]
    """An element of a Registration Request or Accept or a Configuration Update Command."""
    if iei == IE_MM_IDENTITY:
        _identity(data, at, length, m)
    elif kind == REGISTRATION_REQUEST:
        if iei == IE_MM_REQUESTED_NSSAI:
            set_nssai(data, at, length, _REQUESTED, m)
        elif iei == IE_MM_LAST_TAI:
            set_last_tai(data, at, _TAC_OCTETS, m)
    elif iei == IE_MM_TAI_LIST:
        set_tai_list(data, at, length, _TAC_OCTETS, m)
    elif iei == IE_MM_ALLOWED_NSSAI:
        set_nssai(data, at, length, _ALLOWED, m)
    elif iei == IE_MM_CONFIGURED_NSSAI:
        set_nssai(data, at, length, _CONFIGURED, m)
    elif iei == IE_MM_REJECTED_NSSAI:
        set_rejected(data, at, length, m)


@part
def _identity(data, at, length, m):  # type: ignore[no-untyped-def]
    """5GS mobile identity (§9.11.3.4)."""
    if length < 1:
        m.damage = 1
        return
    kind = _IDENTITIES[data[at] & 7]
    if kind == IDENTITY_SUCI:
        set_suci(data, at, length, m)
    elif kind == IDENTITY_GUTI:
        if length < _GUTI_OCTETS:
            m.damage = 1
            return
        set_guti(plmn(data, at + 1), np.int64(data[at + 4]), be16(data, at + 5), be32(data, at + 7), m)
    elif kind == IDENTITY_S_TMSI:
        if length < _S_TMSI_OCTETS:
            m.damage = 1
            return
        set_guti(-1, -1, be16(data, at + 1), be32(data, at + 3), m)
    elif kind == IDENTITY_IMEI or kind == IDENTITY_IMEISV:
        set_imei(data, at, length, m)
    name_device(kind, m)


@part
def _slice(data, at, length, m):  # type: ignore[no-untyped-def]
    """S-NSSAI of the session."""
    value = s_nssai(data, at, length)
    if value < 0:
        m.damage = 1
    elif m.slice < 0:
        m.slice = value


# --- session management -------------------------------------------------------------------------------------------


@part
def _fill_sm(data, lo, hi, m, text):  # type: ignore[no-untyped-def]
    """The 5GSM message data[lo:hi]."""
    if hi - lo < _SM_HEADER:
        return BROKEN
    found = _sm(data, lo, hi, False, m, text)
    if found == DAMAGED or found == BROKEN:
        m.damage = 1
    return found


@part
def _sm(data, lo, hi, only, m, text):  # type: ignore[no-untyped-def]
    """Walk a 5GSM message of at least 4 octets, as `_mm` does."""
    kind = np.int64(data[lo + 3])
    row = kind & 63
    if kind >> 6 != _SM_ROWS or not _SM_KNOWN[row]:
        return STRANGE
    if not only:
        m.session_type = kind
        m.session_id = data[lo + 1]
        m.pti = data[lo + 2]
    at = lo + _SM_HEADER
    for k in range(MANDATORY_MOST):
        if _SM_MANDATORY[row, k] == 0:
            break
        at, length = mandatory_span(data, at, hi, _SM_MANDATORY[row, k])
        if at < 0:
            return BROKEN
        if not only and _SM_MANDATORY[row, k] == 1:
            _sm_first(data, at, kind, m)
        at += length
    while at < hi:
        iei = identifier(data[at])
        form = _SM_OPTIONS[row, iei]
        if only and form == OPTION_UNKNOWN:
            return BROKEN
        at, length = option_span(data, at, hi, form_of(form, iei))
        if at < 0:
            return DAMAGED
        if not only:
            _sm_option(data, at, length, kind, iei, m, text)
        at += length
    return WHOLE


@part
def _sm_first(data, at, kind, m):  # type: ignore[no-untyped-def]
    """The mandatory octet: type and mode of an accepted session, else the cause."""
    if kind == SESSION_ESTABLISHMENT_ACCEPT:
        m.pdn_type = _PDN_TYPES[data[at] & 7]
        m.ssc_mode = (np.int64(data[at]) >> 4) & 7
    else:
        set_session_cause(data, at, m)


@part
def _sm_option(data, at, length, kind, iei, m, text):  # type: ignore[no-untyped-def]
    """One further element of a 5GSM message."""
    if kind == SESSION_ESTABLISHMENT_REQUEST:
        if iei == IE_SM_PDU_TYPE:
            m.pdn_type = _PDN_TYPES[data[at] & 7]
        elif iei == IE_SM_SSC_MODE:
            m.ssc_mode = data[at] & 7
    elif iei == IE_SM_CAUSE:
        set_session_cause(data, at, m)
    elif iei == IE_SM_FLOWS:
        _flows(data, at, length, m)
    elif kind == SESSION_ESTABLISHMENT_ACCEPT:
        if iei == IE_SM_PDU_ADDRESS:
            _pdu_address(data, at, length, m)
        elif iei == IE_SM_S_NSSAI:
            _slice(data, at, length, m)
        elif iei == IE_SM_DNN:
            set_name(data, at, length, m, text)


@part
def _pdu_address(data, at, length, m):  # type: ignore[no-untyped-def]
    """PDU address (§9.11.4.10)."""
    if length < 1:
        m.damage = 1
        return
    set_address(data, at + 1, length - 1, _PDN_TYPES[data[at] & 7], m)


@part
def _flows(data, at, length, m):  # type: ignore[no-untyped-def]
    """QoS flow descriptions (§9.11.4.12): the first flow that tells its 5QI."""
    end = at + length
    for _ in range(_MOST_FLOWS):
        if at + 3 > end or m.qci >= 0:
            return
        flow, count = np.int64(data[at]) & 63, np.int64(data[at + 2]) & 63
        at += 3
        for _ in range(count):
            if at + 2 > end or at + 2 + np.int64(data[at + 1]) > end:
                m.damage = 1
                return
            if data[at] == _PARAMETER_5QI and data[at + 1] >= 1 and m.qci < 0:
                m.qci = data[at + 2]
                m.qfi = flow
            at += 2 + np.int64(data[at + 1])
