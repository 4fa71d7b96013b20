"""Fields of Diameter AVPs: digits in text, locations, addresses. The caller has checked lengths that are fixed."""

import numpy as np

from formats.addresses import CELL_CGI, CELL_NCGI, CELL_SAI, CELL_TAI, NO_DIGITS
from formats.diameter_avps import (
    LOCATION_5GS_TAI,
    LOCATION_5GS_TAI_NCGI,
    LOCATION_5GS_TAI_NODE,
    LOCATION_CGI,
    LOCATION_ECGI,
    LOCATION_NCGI,
    LOCATION_RAI,
    LOCATION_SAI,
    LOCATION_TAI,
    LOCATION_TAI_ECGI,
    LOCATION_TAI_ENODEB,
    LOCATION_TAI_EXTENDED_ENODEB,
)
from kernels.jit import part
from kernels.location import cell_code, eutran_cell, lac_cell, plmn, routing_area, tracking_area
from kernels.octets import be24, be32
from kernels.tbcd import digits

_NOWHERE = np.uint64(0)
_CGI, _SAI, _TAI, _NCGI = np.int64(CELL_CGI), np.int64(CELL_SAI), np.int64(CELL_TAI), np.int64(CELL_NCGI)
_NIBBLE = np.uint64(0xF)
_ZERO, _NINE, _AT = 0x30, 0x39, 0x40
_DIGITS_MOST = 16
_IMSI_MOST = 15
_IMSI_LEAST = 6
_NETWORK = np.frombuffer(b"3gppnetwork.org", np.uint8)


@part
def digit_count(data, at, size):  # type: ignore[no-untyped-def]
    """Decimal digits that the text of `size` octets begins with."""
    count = np.int64(0)
    while count < size and _ZERO <= data[at + count] <= _NINE:
        count += 1
    return count


@part
def text_digits(data, at, count):  # type: ignore[no-untyped-def]
    """The first `count` octets, digits as text, coded as in `formats.addresses`; what is beyond 16 is not read."""
    packed = NO_DIGITS
    for k in range(min(count, np.int64(_DIGITS_MOST))):
        shift = np.uint64(60 - 4 * k)
        packed = packed & ~(_NIBBLE << shift) | (np.uint64(data[at + k] - np.uint8(_ZERO)) << shift)
    return packed


@part
def ends_in_network(data, at, size):  # type: ignore[no-untyped-def]
    """Whether a name ends in 3gppnetwork.org (TS 23.003 §13.2, §19.2)."""
    start = at + size - len(_NETWORK)
    if start < at:
        return False
    for k in range(len(_NETWORK)):
        if data[start + k] != _NETWORK[k]:
            return False
    return True


@part
def user_imsi(data, at, size, digits_alone):  # type: ignore[no-untyped-def]
    """The IMSI in a User-Name, NO_DIGITS where it has none.

    IMSI@realm of 3gppnetwork.org, with or without the digit before it that says the way of authentication (TS 23.003
    §13.3, §19.3.2); digits alone only where `digits_alone`: the application says that they are an IMSI.
    """
    count = digit_count(data, at, size)
    if count == size:
        alone = digits_alone and _IMSI_LEAST <= count <= _IMSI_MOST
        return text_digits(data, at, count) if alone else NO_DIGITS
    if data[at + count] != _AT or not ends_in_network(data, at, size):
        return NO_DIGITS
    if count == _IMSI_MOST + 1:
        return text_digits(data, at + 1, count - 1)
    return text_digits(data, at, count) if _IMSI_LEAST <= count <= _IMSI_MOST else NO_DIGITS


@part
def equipment_digits(data, at, size):  # type: ignore[no-untyped-def]
    """IMEI or IMEISV: as text, else of 8 octets in telephony BCD."""
    if size >= 14 and digit_count(data, at, size) == size:
        return text_digits(data, at, size)
    return digits(data, at, size) if size == 8 else NO_DIGITS


@part
def plmn_of_text(data, at, size):  # type: ignore[no-untyped-def]
    """PLMN of 5 or 6 digits as text (TS 29.061 §16.4.7.2) coded as by `kernels.location.plmn`; -1 if it is none."""
    if size < 5 or size > 6 or digit_count(data, at, size) != size:
        return np.int64(-1)
    code = np.int64(0)
    for k in range(6):
        code = (code << 4) | (np.int64(data[at + k]) - _ZERO if k < size else 15)
    return code


@part
def _tracking_area_5gs(data, at):  # type: ignore[no-untyped-def]
    """5GS TAI: PLMN, TAC of 3 octets."""
    return cell_code(_TAI, plmn(data, at), be24(data, at + 3))


@part
def _nr_cell(data, at):  # type: ignore[no-untyped-def]
    """NCGI: PLMN, 4 spare bits, NCI of 36 bits; 8 octets."""
    return cell_code(_NCGI, plmn(data, at), ((np.int64(data[at + 3]) & 15) << 32) | be32(data, at + 4))


@part
def _location_octets(kind):  # type: ignore[no-untyped-def]
    """Octets that are read behind the type of a location."""
    if kind == LOCATION_CGI or kind == LOCATION_SAI or kind == LOCATION_ECGI:
        return 7
    if kind == LOCATION_RAI or kind == LOCATION_5GS_TAI or kind == LOCATION_5GS_TAI_NODE:
        return 6
    if kind == LOCATION_TAI or kind == LOCATION_TAI_ENODEB or kind == LOCATION_TAI_EXTENDED_ENODEB:
        return 5
    if kind == LOCATION_TAI_ECGI:
        return 12
    if kind == LOCATION_NCGI:
        return 8
    return 14 if kind == LOCATION_5GS_TAI_NCGI else 0


@part
def user_location(data, at, size):  # type: ignore[no-untyped-def]
    """3GPP-User-Location-Info (TS 29.061 §16.4.7.2): (cell uint64, area uint64, damage).

    The first octet is a type here, not flags. Of a type that is not known nothing is told.
    """
    kind = np.int64(data[at])
    cell, area = _NOWHERE, _NOWHERE
    if size < 1 + _location_octets(kind):
        return cell, area, 1
    at += 1
    if kind == LOCATION_CGI:
        cell = lac_cell(data, at, _CGI)
    elif kind == LOCATION_SAI:
        cell = lac_cell(data, at, _SAI)
    elif kind == LOCATION_ECGI:
        cell = eutran_cell(data, at)
    elif kind == LOCATION_NCGI:
        cell = _nr_cell(data, at)
    elif kind == LOCATION_RAI:
        area = routing_area(data, at)
    elif kind == LOCATION_TAI or kind == LOCATION_TAI_ENODEB or kind == LOCATION_TAI_EXTENDED_ENODEB:
        area = tracking_area(data, at)
    elif kind == LOCATION_TAI_ECGI:
        area = tracking_area(data, at)
        cell = eutran_cell(data, at + 5)
    elif kind == LOCATION_5GS_TAI or kind == LOCATION_5GS_TAI_NODE:
        area = _tracking_area_5gs(data, at)
    elif kind == LOCATION_5GS_TAI_NCGI:
        area = _tracking_area_5gs(data, at)
        cell = _nr_cell(data, at + 6)
    return cell if cell != _NOWHERE else area, area, 0
