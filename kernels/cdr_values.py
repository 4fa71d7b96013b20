"""What the fields of charging records hold: numbers, BCD times and digits, addresses, cells (TS 32.298, TS 24.008).

All take `data` uint8[n], `at` and `length` of the content, which the caller has checked to lie within `data`.
"""

import numpy as np

from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI, CELL_RAI, CELL_SAI, IPV4_MAPPED, NO_DIGITS
from formats.xdr import NEVER
from kernels.jit import part
from kernels.location import cell_code, lac_cell, routing_area, user_location
from kernels.octets import be64
from kernels.tbcd import digits

_U8 = np.uint64
_NEVER = np.int64(NEVER)
_NOWHERE = np.uint64(0)
_ECGI, _NCGI, _RAI = np.int64(CELL_ECGI), np.int64(CELL_NCGI), np.int64(CELL_RAI)
_CGI, _SAI = np.int64(CELL_CGI), np.int64(CELL_SAI)
_SECOND = 10**9
_FIRST_YEAR = 2000
_TAC_DIGITS = 4


@part
def integer(data, at, length):  # type: ignore[no-untyped-def]
    """(value int64, damage): INTEGER of 1 to 8 octets, or 9 of which the first is 0 and the value fits.

    No field that is read can be negative: a first bit that is set is that of a writer who forgot the leading 0.
    """
    if length < 1 or length > 9 or (length == 9 and data[at] != 0):
        return np.int64(-1), 1
    value = np.int64(0)
    for k in range(length):
        value = (value << 8) | np.int64(data[at + k])
    if value < 0:
        return np.int64(-1), 1
    return value, 0


@part
def octets(data, at, length):  # type: ignore[no-untyped-def]
    """(value int64, damage): up to 7 octets, most significant first."""
    if length < 1 or length > 7:
        return np.int64(-1), 1
    return integer(data, at, length)


@part
def bcd(data, at):  # type: ignore[no-untyped-def]
    """Two digits of an octet, high nibble first; above 99 where they are none."""
    high, low = np.int64(data[at]) >> 4, np.int64(data[at]) & 15
    return high * 10 + low if high < 10 and low < 10 else np.int64(1000)


@part
def nanoseconds(year, month, day, seconds):  # type: ignore[no-untyped-def]
    """ns since 1970 of a day of the Gregorian calendar and the seconds in it."""
    y = year - 1 if month <= 2 else year
    m = (month + 9) % 12
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468
    return (days * 86400 + seconds) * _SECOND


@part
def month_days(year, month):  # type: ignore[no-untyped-def]
    """Days of a month."""
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@part
def moment(year, month, day, hour, minute, second):  # type: ignore[no-untyped-def]
    """ns since 1970, NEVER for what no calendar or clock shows. A leap second is the second after it."""
    if month < 1 or month > 12 or day < 1 or day > month_days(year, month):
        return _NEVER
    if hour > 23 or minute > 59 or second > 60:
        return _NEVER
    return nanoseconds(year, month, day, hour * 3600 + minute * 60 + second)


@part
def time_stamp(data, at, length):  # type: ignore[no-untyped-def]
    """TimeStamp: YYMMDDhhmmss in BCD, sign in ASCII, hhmm in BCD -> ns; 6 octets without zone are UTC; else NEVER."""
    if length != 9 and length != 6:
        return _NEVER
    when = moment(_FIRST_YEAR + bcd(data, at), bcd(data, at + 1), bcd(data, at + 2), bcd(data, at + 3),
                  bcd(data, at + 4), bcd(data, at + 5))  # fmt: skip
    if when == _NEVER or bcd(data, at) > 99:
        return _NEVER
    if length == 6:
        return when
    hours, minutes, sign = bcd(data, at + 7), bcd(data, at + 8), data[at + 6]
    if hours > 15 or minutes > 59 or (sign != 0x2B and sign != 0x2D):
        return _NEVER
    offset = (hours * 60 + minutes) * 60 * _SECOND
    return when - offset if sign == 0x2B else when + offset


@part
def dialled(data, at, length):  # type: ignore[no-untyped-def]
    """BCDDirectoryNumber: an octet of type and plan, one more where its first bit is 0, then digits."""
    skip = 2 if length >= 1 and data[at] < 0x80 else 1
    return digits(data, at + skip, length - skip) if length > skip else NO_DIGITS


@part
def destination(data, at, length):  # type: ignore[no-untyped-def]
    """TP-DA (TS 23.040 §9.1.2.5): number of digits, type, digits; or an octet of type and digits without a number."""
    if length >= 3 and (np.int64(data[at]) + 1) // 2 == length - 2:
        return digits(data, at + 2, length - 2)
    return digits(data, at + 1, length - 1) if length > 1 else NO_DIGITS


@part
def put_digit(packed, count, digit):  # type: ignore[no-untyped-def]
    """`packed` with a decimal digit put at place `count` (up to 15)."""
    shift = _U8(60 - 4 * count)
    return (packed & ~(_U8(15) << shift)) | (_U8(digit) << shift)


@part
def word_digits(data, at, length):  # type: ignore[no-untyped-def]
    """The digits of a text as coded digits: from its first digit to what is no digit, separators passed over.

    tel:+33-6-12, sip:+33612@host, imsi-208930, 208930@realm. What comes after an @ or ; is not read.
    """
    packed, count = NO_DIGITS, 0
    for k in range(min(length, 64)):
        octet = np.int64(data[at + k])
        if 0x30 <= octet <= 0x39:
            if count == 16:
                break
            packed = put_digit(packed, count, octet - 0x30)
            count += 1
        elif octet == 0x40 or octet == 0x3B or (count > 0 and octet != 0x2D and octet != 0x2E):
            break
    return packed


@part
def number(data, at, length):  # type: ignore[no-untyped-def]
    """Decimal digits at the start of a text as int64, -1 for none."""
    value = np.int64(-1)
    for k in range(min(length, 9)):
        octet = np.int64(data[at + k])
        if octet < 0x30 or octet > 0x39:
            break
        value = (value * 10 if value > 0 else np.int64(0)) + octet - 0x30
    return value


@part
def digit_count(packed):  # type: ignore[no-untyped-def]
    """How many digits are coded in a uint64."""
    count = 0
    while count < 16 and (packed >> _U8(60 - 4 * count)) & _U8(15) != _U8(15):
        count += 1
    return count


@part
def bcd_digits(data, at, length):  # type: ignore[no-untyped-def]
    """Digits with the first in the high nibble (TAP's BCDString) as coded digits."""
    packed = NO_DIGITS
    for k in range(min(2 * length, 16)):
        octet = np.int64(data[at + k // 2])
        digit = octet & 15 if k & 1 else octet >> 4
        if digit > 9:
            break
        packed = put_digit(packed, k, digit)
    return packed


# --- addresses ---------------------------------------------------------------------------------------------------


@part
def first_inside(data, at, length):  # type: ignore[no-untyped-def]
    """(identifier, content, octets) of the first primitive element inside, however nested; octets -1 for none."""
    end = at + length
    for _ in range(6):
        if at + 2 > end:
            break
        identifier, size = np.int64(data[at]), np.int64(data[at + 1])
        at += 2
        if size == 0x81 and at < end:
            size = np.int64(data[at])
            at += 1
        elif size == 0x80 and identifier & 0x20:
            continue
        if size > 0x80 or at + size > end:
            break
        if not identifier & 0x20:
            return identifier, at, size
        end = at + size
    return np.int64(0), at, np.int64(-1)


@part
def text_ipv4(data, at, length):  # type: ignore[no-untyped-def]
    """uint64 of dotted decimal text, 0 for what is none."""
    value, part_value, parts, some = np.int64(0), np.int64(0), 0, False
    for k in range(min(length, 16)):
        octet = np.int64(data[at + k])
        if 0x30 <= octet <= 0x39:
            part_value, some = part_value * 10 + octet - 0x30, True
        elif octet == 0x2E and some:
            value, part_value, parts, some = (value << 8) | part_value, np.int64(0), parts + 1, False
        else:
            return _NOWHERE
        if part_value > 255:
            return _NOWHERE
    if parts != 3 or not some:
        return _NOWHERE
    return IPV4_MAPPED | _U8((value << 8) | part_value)


@part
def address(data, at, length):  # type: ignore[no-untyped-def]
    """(hi, lo) uint64 of the first IPAddress inside; 0, 0 where there is none that is read.

    Alternatives: 0 IPv4, 1 IPv6, 2 IPv4 as text; 4 is IPv6 with a prefix length, whose address comes first.
    """
    identifier, at, size = first_inside(data, at, length)
    tag = identifier & 31
    if size == 4 and tag != 2:
        value = _U8(0)
        for k in range(4):
            value = (value << _U8(8)) | _U8(data[at + k])
        return _NOWHERE, IPV4_MAPPED | value
    if size == 16 and tag != 2 and tag != 3:
        return be64(data, at), be64(data, at + 8)
    if tag == 2 and size > 0:
        return _NOWHERE, text_ipv4(data, at, size)
    return _NOWHERE, _NOWHERE


# --- where -------------------------------------------------------------------------------------------------------


@part
def location(data, at, length):  # type: ignore[no-untyped-def]
    """Cell (uint64) of a user location: the content of the GTPv2 or the GTPv1 element; 0 where it tells none.

    GTPv1 (TS 29.060 §7.7.51): type 0 CGI, 1 SAI, 2 RAI, 8 octets (RAI: at least 7). GTPv2: flags, then identities.
    """
    if length < 7:
        return _NOWHERE
    kind = np.int64(data[at])
    if length == 8 and kind == 0:
        return lac_cell(data, at + 1, _CGI)
    if length == 8 and kind == 1 and np.int64(data[at + 1]) & 15 < 10:
        return lac_cell(data, at + 1, _SAI)
    if kind == 2 and length <= 8:
        return routing_area(data, at + 1)
    cell, _, damage = user_location(data, at, length)
    return _NOWHERE if damage else cell


@part
def hexadecimal(data, at, length):  # type: ignore[no-untyped-def]
    """(value int64, octets read) of hexadecimal digits at the start of a text, at most 12."""
    value, count = np.int64(0), 0
    while count < min(length, 12):
        octet = np.int64(data[at + count])
        if 0x30 <= octet <= 0x39:
            digit = octet - 0x30
        elif 0x41 <= octet <= 0x46 or 0x61 <= octet <= 0x66:
            digit = (octet & 0xDF) - 0x37
        else:
            break
        value = (value << 4) | digit
        count += 1
    return value, count


@part
def text_cell(data, at, length, network):  # type: ignore[no-untyped-def]
    """Cell of a hexadecimal identity and a PLMN (int64, -1 unknown): 9 digits NCGI, up to 7 ECGI; else 0."""
    value, count = hexadecimal(data, at, length)
    if network < 0 or count < 1 or count > 9:
        return _NOWHERE
    if count >= 8:
        return cell_code(_NCGI, network, value & 0xF_FFFF_FFFF)
    return cell_code(_ECGI, network, value & 0x0FFF_FFFF)


@part
def text_network(data, at, length, mnc_digits):  # type: ignore[no-untyped-def]
    """PLMN (int64 of six nibbles) of decimal digits MCC MNC; -1 for what is none."""
    if length < 3 + mnc_digits:
        return np.int64(-1)
    value = np.int64(0)
    for k in range(3 + mnc_digits):
        digit = np.int64(data[at + k]) - 0x30
        if digit < 0 or digit > 9:
            return np.int64(-1)
        value = (value << 4) | digit
    return (value << 4) | 15 if mnc_digits == 2 else value


@part
def find(data, at, end, word):  # type: ignore[no-untyped-def]
    """Octet after the first `word` (uint8[k]) in data[at:end], -1 for none."""
    size = len(word)
    for k in range(at, end - size + 1):
        same = True
        for i in range(size):
            if data[k + i] != word[i]:
                same = False
                break
        if same:
            return k + size
    return -1


_CELL_ID = np.frombuffer(b"utran-cell-id-3gpp=", np.uint8).copy()
_JSON_NR = np.frombuffer(b'"nrCellId"', np.uint8).copy()
_JSON_EUTRA = np.frombuffer(b'"eutraCellId"', np.uint8).copy()
_JSON_MCC = np.frombuffer(b'"mcc"', np.uint8).copy()
_JSON_MNC = np.frombuffer(b'"mnc"', np.uint8).copy()
_LONGEST_JSON = 1024


@part
def access_cell(data, at, length):  # type: ignore[no-untyped-def]
    """Cell of a P-Access-Network-Info (TS 24.229 §7.2A.4): utran-cell-id-3gpp= MCC MNC, LAC or TAC, identity.

    The PLMN has 5 or 6 digits: what is left tells. E-UTRAN: 4 + 7 digits, UTRAN: 4 + 7 of which 4 are the cell's.
    """
    end = at + min(length, 256)
    start = find(data, at, end, _CELL_ID)
    if start < 0:
        return _NOWHERE
    if start < end and data[start] == 0x22:
        start += 1
    count = 0
    while start + count < end and count < 20:
        _, is_digit = hexadecimal(data, start + count, 1)
        if not is_digit:
            break
        count += 1
    mnc_digits = count - 3 - _TAC_DIGITS - 7
    if mnc_digits != 2 and mnc_digits != 3:
        return _NOWHERE
    network = text_network(data, start, count, mnc_digits)
    value, _ = hexadecimal(data, start + count - 7, 7)
    return _NOWHERE if network < 0 else cell_code(_ECGI, network, value)


@part
def json_value(data, at, end, name):  # type: ignore[no-untyped-def]
    """Octet where the text value of the key `name` begins, -1 for none."""
    k = find(data, at, end, name)
    while 0 <= k < end and (data[k] == 0x3A or data[k] == 0x20):
        k += 1
    return k + 1 if 0 <= k < end and data[k] == 0x22 else -1


@part
def json_cell(data, at, length):  # type: ignore[no-untyped-def]
    """Cell of a UserLocation as JSON (TS 29.571 §5.4.4.7): nrCellId or eutraCellId with the PLMN of its object; else 0.

    The PLMN is the last mcc and mnc before the identity, else the first ones after it.
    """
    end = at + min(length, _LONGEST_JSON)
    cell = json_value(data, at, end, _JSON_NR)
    if cell < 0:
        cell = json_value(data, at, end, _JSON_EUTRA)
    if cell < 0:
        return _NOWHERE
    mcc, k = -1, at
    while k >= 0 and (mcc < 0 or k < cell):
        k = json_value(data, k, end, _JSON_MCC)
        if k >= 0 and (mcc < 0 or k < cell):
            mcc = k
    mnc = json_value(data, mcc, min(end, mcc + 40), _JSON_MNC) if mcc >= 0 else -1
    if mcc >= 0 and mnc < 0:
        mnc = json_value(data, max(at, mcc - 40), end, _JSON_MNC)
    if mcc < 0 or mnc < 0 or mcc + 3 > end or mnc + 3 > end:
        return _NOWHERE
    two = data[mnc + 2] == 0x22
    high = text_network(data, mcc, 3, 0) if mcc + 3 <= end else np.int64(-1)
    low = number(data, mnc, 2 if two else 3)
    if high < 0 or low < 0:
        return _NOWHERE
    network = high << 12
    for k in range(2 if two else 3):
        network |= (np.int64(data[mnc + k]) - 0x30) << (8 - 4 * k)
    return text_cell(data, cell, end - cell, network | 15 if two else network)


# --- TAP ---------------------------------------------------------------------------------------------------------


@part
def clock(data, at, length):  # type: ignore[no-untyped-def]
    """CCYYMMDDhhmmss in text -> ns as if it were UTC; NEVER for what is none."""
    if length < 14:
        return _NEVER
    for k in range(14):
        if data[at + k] < 0x30 or data[at + k] > 0x39:
            return _NEVER
    return moment(number(data, at, 4), number(data, at + 4, 2), number(data, at + 6, 2), number(data, at + 8, 2),
                  number(data, at + 10, 2), number(data, at + 12, 2))  # fmt: skip


@part
def zone_minutes(data, at, length):  # type: ignore[no-untyped-def]
    """+hhmm or -hhmm in text -> minutes east of UTC; -10000 for what is none."""
    if length < 5 or (data[at] != 0x2B and data[at] != 0x2D):
        return np.int64(-10000)
    minutes = number(data, at + 1, 2) * 60 + number(data, at + 3, 2)
    return minutes if data[at] == 0x2B else -minutes
