"""How many digits the network code (MNC) of an IMSI has: ITU-T E.212 leaves it to each country.

The IMSI itself does not tell (TS 23.003 §2.2), so the countries that use three digits are declared here; all others
use two. Where a country uses both, the three-digit codes are named one by one. From the lists of ITU-T E.212
assignments; a network that is missing shows in `home_plmn` with two digits.
"""

__all__ = ["mnc_digits", "plmn_of_imsi"]

_NORTH_AMERICA = (302, *range(310, 317), 330, 332, 334, 338, 342, 344, 346, 348, 350, 352, 354, 356, 358, 360)
THREE_DIGIT_MCCS = frozenset((*_NORTH_AMERICA, 365, 366, 376, 708, 722, 732, 738, 750))
"""Canada, United States, Puerto Rico, US Virgin Islands, Mexico, Jamaica, Barbados, Antigua, Cayman, BVI, Bermuda,
Grenada, Montserrat, St Kitts, St Lucia, St Vincent, Anguilla, Dominica, Turks and Caicos, Honduras, Argentina,
Colombia, Guyana, Falklands."""

TWO_DIGIT_EXCEPTIONS = {
    "338": ("05",),
    "350": ("00", "01", "02", "05", "11", "15"),
    "366": ("20",),
    "738": ("01", "02", "05"),
}
"""Two-digit codes within countries of three digits."""

THREE_DIGIT_EXCEPTIONS = {
    "364": (390,),
    "374": (130, 140),
    "405": (*range(25, 48), *range(750, 757), 799, *range(800, 933)),  # India: Tata, Vodafone, Aircel, later licences
    "467": (192, 193),
    "502": (*range(142, 160),),
    "544": (110,),
    "714": (20, 40),
}
"""Three-digit codes within countries of two digits (an IMSI that begins with one of these is read with three)."""


def mnc_digits(digits: str) -> int:
    """2 or 3: the length of the MNC in the IMSI `digits` (at least 6 of them)."""
    mcc, two, three = digits[:3], digits[3:5], digits[3:6]
    if int(mcc) in THREE_DIGIT_MCCS:
        return 2 if two in TWO_DIGIT_EXCEPTIONS.get(mcc, ()) else 3
    return 3 if int(three) in THREE_DIGIT_EXCEPTIONS.get(mcc, ()) else 2


def plmn_of_imsi(digits: str) -> str | None:
    """The home network as `MCC-MNC`, or None for what is too short to be an IMSI."""
    if len(digits) < 6 or not digits.isdigit():
        return None
    return f"{digits[:3]}-{digits[3 : 3 + mnc_digits(digits)]}"
