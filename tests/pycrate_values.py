"""Random values of pycrate's types: every component of a record, mapped or not, in any mixture."""

import random
from typing import Any

from tools.cdr import ber

DEEPEST = 6
LEFT_OUT = ("recordExtensions", "rAdiusExtensions", "realTimeTariffInformation")


def type_name(kind: Any) -> str:
    """The name under which a type was declared, "" for one of its own."""
    return str(kind._typeref.called[1]) if kind._typeref else ""


def _digits(dice: random.Random, least: int, most: int) -> str:
    return "".join(dice.choice("0123456789") for _ in range(dice.randrange(least, most + 1)))


def _time(dice: random.Random) -> bytes:
    return ber.bcd_time(dice.randrange(946684800, 4102444000), dice.choice((0, 0, 60, -480, 345)))


def _place(dice: random.Random) -> bytes:
    network = ber.plmn(_digits(dice, 3, 3), _digits(dice, 2, 3))
    kind = dice.randrange(3)
    if kind == 0:
        return b"\x18" + network + dice.randbytes(2) + network + (dice.randrange(1 << 28)).to_bytes(4, "big")
    return bytes([kind - 1]) + network + dice.randbytes(4)


def _called(dice: random.Random) -> bytes:
    number = ber.digits(_digits(dice, 4, 14))
    return (b"\x91" if dice.random() < 0.7 else b"\x11\x81") + number


OWN = {
    "TimeStamp": _time,
    "IMSI": lambda dice: ber.digits(_digits(dice, 14, 15)),
    "IMEI": lambda dice: ber.digits(_digits(dice, 16, 16)),
    "MSISDN": lambda dice: ber.e164(_digits(dice, 6, 15)),
    "AddressString": lambda dice: ber.e164(_digits(dice, 6, 15)),
    "RecordingEntity": lambda dice: ber.e164(_digits(dice, 6, 15)),
    "CallingNumber": _called,
    "CalledNumber": _called,
    "PLMN-Id": lambda dice: ber.plmn(_digits(dice, 3, 3), _digits(dice, 2, 3)),
    "LocationAreaCode": lambda dice: dice.randbytes(2),
    "CellId": lambda dice: dice.randbytes(2),
}
BY_FIELD = {
    "userLocationInformation": _place,
    "lastUserLocationInformation": _place,
    "userLocationInfo": _place,
    "accessPointNameNI": lambda dice: "".join(dice.choice("abcde.-") for _ in range(dice.randrange(1, 63))),
    "session-Id": lambda dice: f"{_digits(dice, 5, 9)}@10.1.1.1",
    "tEL-URI": lambda dice: "tel:+" + _digits(dice, 6, 15),
    "sIP-URI": lambda dice: f"sip:+{_digits(dice, 6, 15)}@ims.mnc093.mcc208.3gppnetwork.org",
    "iSDN-E164": lambda dice: _digits(dice, 6, 15),
    "cellId": lambda dice: f"{dice.randrange(1 << 36):09x}",
    "subscriptionIDData": lambda dice: _digits(dice, 6, 15),
    "serviceReasonReturnCode": lambda dice: dice.choice(("200", "486", "487")),
}


def _integer(kind: Any, dice: random.Random, field: str) -> int:
    if field in ("duration", "callDuration", "timeUsage"):
        return dice.randrange(1 << 20)
    bounds = kind._const_val
    low, high = (0, 1 << dice.choice((7, 8, 31, 33, 40))) if bounds is None else (0, 1 << 15)
    if bounds is not None:
        edges = [r for r in bounds.root if hasattr(r, "lb")]
        if edges:
            low, high = edges[0].lb or 0, edges[0].ub if edges[0].ub is not None else 1 << 31
    return dice.randrange(max(low, 0), min(high, (1 << 62)) + 1)


def _octets(kind: Any, dice: random.Random) -> int:
    size = kind._const_sz
    if size is None:
        return dice.randrange(1, 30)
    low, high = size.lb or 0, size.ub if size.ub is not None else (size.lb or 0) + 20
    return dice.randrange(low, min(high, low + 40) + 1)


def value(kind: Any, dice: random.Random, field: str = "", depth: int = 0) -> Any:
    """A random value of a type."""
    own = OWN.get(type_name(kind)) or BY_FIELD.get(field)
    if own is not None and kind.TYPE in ("OCTET STRING", "IA5String", "GraphicString", "UTF8String"):
        return own(dice)
    match kind.TYPE:
        case "SEQUENCE" | "SET":
            return _members(kind, dice, depth)
        case "SEQUENCE OF" | "SET OF":
            return [value(kind._cont, dice, "", depth + 1) for _ in range(dice.randrange(1, 4))]
        case "CHOICE":
            names = [n for n in kind._cont if type_name(kind._cont[n]) != "ManagementExtension"]
            chosen = dice.choice(names)
            return chosen, value(kind._cont[chosen], dice, chosen, depth + 1)
        case "INTEGER":
            return _integer(kind, dice, field)
        case "ENUMERATED":
            return dice.choice(list(kind._cont))
        case "BOOLEAN":
            return dice.random() < 0.5
        case "NULL":
            return 0
        case "OCTET STRING":
            return dice.randbytes(_octets(kind, dice))
        case "BIT STRING":
            bits = max(_octets(kind, dice), 8) if kind._const_sz is not None else 32
            return dice.getrandbits(bits), bits
        case "OBJECT IDENTIFIER":
            return (1, 3, 6, 1)
    return "".join(dice.choice("abcdefgh01") for _ in range(_octets(kind, dice)))


def _members(kind: Any, dice: random.Random, depth: int) -> dict[str, Any]:
    """All mandatory components and some of the others; what holds ANY is left out."""
    out = {}
    for name, member in kind._cont.items():
        if member.TYPE == "REAL" or (member.TYPE in ("SEQUENCE OF", "SET OF") and member._cont is None):
            continue
        optional = name in kind._root_opt or name not in kind._root_mand
        if name in LEFT_OUT or (optional and (dice.random() < 0.4 or depth >= DEEPEST)):
            continue
        out[name] = value(member, dice, name, depth + 1)
    return out
