"""Names for the octet ranges of GTP-C messages: headers and information elements (TS 29.060, TS 29.274)."""

from collections.abc import Callable

from formats import gtpv1c as v1
from formats import gtpv2c as v2
from probe.layers import Stop, Walk, address

__all__ = ["datagram", "elements_v1"]

GROUPED = {93, 109, 180, 181, 191, 195}
"""Elements of GTPv2-C that hold elements (TS 29.274 Table 8.1-1)."""
DEEPEST = 4
MESSAGES = 8  # of one datagram


def datagram(w: Walk) -> None:
    """The messages of a UDP payload: one, and those piggybacked on it."""
    for _ in range(MESSAGES):
        if w.at >= w.end:
            return
        version = w.frame[w.at] >> 5
        if version == 2:
            if not _message_v2(w):
                break
        elif version == 1:
            _message_v1(w)
            break
        else:
            raise Stop(f"GTP version {version} is not read")
    w.rest("GTP-C", "behind the message")


def _message_v2(w: Walk) -> bool:
    """One message; whether another is piggybacked on it."""
    layer, start, end = "GTPv2-C", w.at, w.end
    flags = w.number(layer, "flags", 1, _flags_v2)
    w.number(layer, "message type", 1, lambda number: f"{number} {v2.MESSAGES.get(number, '')}".rstrip())
    length = w.number(layer, "length", 2)
    w.limit(start + 4 + length)
    if flags & v2.FLAG_TEID:
        w.number(layer, "TEID", 4, lambda value: f"0x{value:08x}")
    w.number(layer, "sequence number", 3)
    w.number(layer, "spare", 1)
    _elements_v2(w, 0)
    w.end = end
    return bool(flags & v2.FLAG_PIGGYBACK)


def _flags_v2(value: int) -> str:
    more = [name for bit, name in ((v2.FLAG_PIGGYBACK, "another piggybacked"), (v2.FLAG_TEID, "TEID")) if value & bit]
    return f"version {value >> 5}" + (f", with {', '.join(more)}" if more else "")


def _elements_v2(w: Walk, depth: int) -> None:
    end = w.end
    while w.at < end:
        head = w.frame[w.at : min(w.at + v2.IE_HEADER_OCTETS, end)]
        if len(head) < v2.IE_HEADER_OCTETS:
            w.rest("GTPv2-C", "less than an element")
            return
        kind, length, instance = head[0], int.from_bytes(head[1:3], "big"), head[3] & 15
        name = _short(v2.IES.get(kind, f"element {kind}")) + (f" [{instance}]" if instance else "")
        name = "  " * depth + name
        if kind in GROUPED and depth < DEEPEST:
            w.take(
                "GTPv2-C",
                name,
                v2.IE_HEADER_OCTETS,
                lambda raw: f"{int.from_bytes(raw[1:3], 'big')} octets of elements",
            )
            w.limit(w.at + length)
            _elements_v2(w, depth + 1)
            w.end = end
        else:
            say = _VALUES_V2.get(kind, _hex)
            w.take("GTPv2-C", name, v2.IE_HEADER_OCTETS + length, lambda raw, say=say: _say(say, raw[4:]))  # type: ignore[misc]


def _message_v1(w: Walk) -> None:
    layer, start = "GTPv1-C", w.at
    flags = w.number(layer, "flags", 1, lambda value: f"version {value >> 5}")
    w.number(layer, "message type", 1, lambda number: f"{number} {v1.MESSAGES.get(number, '')}".rstrip())
    length = w.number(layer, "length", 2)
    w.number(layer, "TEID", 4, lambda value: f"0x{value:08x}")
    end = w.end
    w.limit(start + v1.HEADER_OCTETS + length)
    if flags & v1.FLAG_OPTIONAL:
        w.number(layer, "sequence number", 2)
        w.number(layer, "N-PDU number", 1)
        extension = w.number(layer, "next extension header", 1)
        while extension and flags & v1.FLAG_EXTENSION:
            octets = 4 * (w.frame[w.at] if w.at < w.end else 1)
            if octets == 0:
                raise Stop("an extension header of length 0")
            extension = w.take(layer, f"extension header {extension}", octets, lambda raw: raw[1:-1].hex())[-1]
    elements_v1(w, layer)
    w.end = end


def elements_v1(w: Walk, layer: str) -> None:
    """Information elements of GTP version 1, control or user plane, up to the end of the message."""
    while w.at < w.end:
        kind = w.frame[w.at]
        name = v1.IES.get(kind, f"element {kind}")
        if kind < v1.FIRST_TLV:
            if kind not in v1.TV_OCTETS:
                raise Stop(f"{layer}: element {kind} is unknown and has no length")
            octets, head = 1 + v1.TV_OCTETS[kind], 1
        else:
            octets, head = 3 + int.from_bytes(w.frame[w.at + 1 : w.at + 3], "big"), 3
        say = _VALUES_V1.get(kind, _hex)
        w.take(layer, name, octets, lambda raw, say=say, head=head: _say(say, raw[head:]))  # type: ignore[misc]


# --- what elements say -------------------------------------------------------------------------------------------

_Say = Callable[[bytes], str]


def _say(say: _Say, value: bytes) -> str:
    """In words; an element too short for them as it is."""
    try:
        return say(value)
    except IndexError:
        return f"{_hex(value)} (too short)".strip()


def _short(name: str) -> str:
    """`F-TEID` for `Fully Qualified Tunnel Endpoint Identifier (F-TEID)`."""
    return name[name.rindex("(") + 1 : -1] if name.endswith(")") and len(name) > 20 else name


def _hex(value: bytes) -> str:
    return value.hex() if len(value) <= 16 else f"{len(value)} octets"


def _number(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))


def _octet(value: bytes) -> str:
    return str(value[0])


def _digits(value: bytes) -> str:
    """Telephony BCD (TS 29.002): low nibble first, up to the filler."""
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value)
    return text.split("f")[0]


def _apn(value: bytes) -> str:
    labels, at = [], 0
    while at < len(value):
        labels.append(value[at + 1 : at + 1 + value[at]])
        at += 1 + value[at]
    return b".".join(labels).decode("ascii", "replace")


def _plmn(value: bytes) -> str:
    digits = f"{value[0] & 15:x}{value[0] >> 4:x}{value[1] & 15:x}", f"{value[2] & 15:x}{value[2] >> 4:x}"
    third = value[1] >> 4
    return f"{digits[0]}-{digits[1]}" + (f"{third:x}" if third != 15 else "")


def _named(names: dict[int, str]) -> _Say:
    return lambda value: f"{value[0]} {names.get(value[0], '')}".rstrip()


def _f_teid(value: bytes) -> str:
    interface = value[0] & v2.F_TEID_INTERFACE
    parts = [v2.F_TEID_INTERFACES.get(interface, f"interface {interface}"), f"TEID 0x{value[1:5].hex()}"]
    at = 5
    for flag, octets in ((v2.F_TEID_V4, 4), (v2.F_TEID_V6, 16)):
        if value[0] & flag:
            parts.append(address(value[at : at + octets]))
            at += octets
    return ", ".join(parts)


def _paa(value: bytes) -> str:
    kind = value[0] & 7
    parts = []
    if kind in (v2.PDN_IPV6, v2.PDN_IPV4V6):
        parts.append(f"{address(value[2:18])}/{value[1]}")
    if kind in (v2.PDN_IPV4, v2.PDN_IPV4V6):
        parts.append(address(value[18:22] if kind == v2.PDN_IPV4V6 else value[1:5]))
    return ", ".join(parts) or f"PDN type {kind}"


_LOCATIONS = (
    (v2.ULI_CGI, "CGI", 7), (v2.ULI_SAI, "SAI", 7), (v2.ULI_RAI, "RAI", 7), (v2.ULI_TAI, "TAI", 5),
    (v2.ULI_ECGI, "ECGI", 7), (v2.ULI_LAI, "LAI", 5), (v2.ULI_MACRO_ENODEB, "eNodeB", 6),
    (v2.ULI_EXTENDED_MACRO_ENODEB, "eNodeB", 6),
)  # fmt: skip


def _location(value: bytes) -> str:
    parts, at = [], 1
    for flag, name, octets in _LOCATIONS:
        if not value[0] & flag:
            continue
        place, rest = value[at : at + octets], value[at + 3 : at + octets]
        numbers = [int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:], "big")] if len(rest) == 4 else []
        if name in ("ECGI", "eNodeB", "TAI", "LAI"):
            numbers = [int.from_bytes(rest, "big") & 0xFFFFFFF]
        parts.append(f"{name} {_plmn(place)}-{'-'.join(map(str, numbers))}")
        at += octets
    return ", ".join(parts)


def _location_v1(value: bytes) -> str:
    name = {v1.ULI_CGI: "CGI", v1.ULI_SAI: "SAI", v1.ULI_RAI: "RAI"}.get(value[0], f"type {value[0]}")
    return f"{name} {_plmn(value[1:4])}-{int.from_bytes(value[4:6], 'big')}-{int.from_bytes(value[6:8], 'big')}"


def _rai(value: bytes) -> str:
    return f"{_plmn(value[:3])}-{int.from_bytes(value[3:5], 'big')}-{value[5]}"


def _end_user(value: bytes) -> str:
    return (
        " ".join(address(part) for part in (value[2:6], value[6:22]) if part)
        if len(value) == 22
        else address(value[2:])
    )


def _teid(value: bytes) -> str:
    return f"0x{value.hex()}"


_VALUES_V2: dict[int, _Say] = {
    v2.IE_IMSI: _digits, v2.IE_CAUSE: _named(v2.CAUSES), v2.IE_RECOVERY: _octet, v2.IE_APN: _apn, v2.IE_MEI: _digits,
    v2.IE_MSISDN: _digits, v2.IE_EBI: lambda value: str(value[0] & 15), v2.IE_PAA: _paa, v2.IE_ULI: _location,
    v2.IE_AMBR: lambda value: f"up {int.from_bytes(value[:4], 'big')}, down {int.from_bytes(value[4:8], 'big')} kbit/s",
    v2.IE_BEARER_QOS: lambda value: f"QCI {value[1]}, priority {value[0] >> 2 & 15}", v2.IE_IP_ADDRESS: address,
    v2.IE_RAT_TYPE: _named(v2.RAT_TYPES), v2.IE_SERVING_NETWORK: _plmn, v2.IE_F_TEID: _f_teid,
    v2.IE_CHARGING_ID: _number, v2.IE_SELECTION_MODE: lambda value: str(value[0] & 3),
    v2.IE_PDN_TYPE: lambda value: {1: "IPv4", 2: "IPv6", 3: "IPv4v6", 4: "non-IP"}.get(value[0] & 7, _hex(value)),
}  # fmt: skip
_VALUES_V1: dict[int, _Say] = {
    v1.IE_CAUSE: _named(v1.CAUSES), v1.IE_IMSI: _digits, v1.IE_RAI: _rai, v1.IE_RECOVERY: _octet,
    v1.IE_SELECTION_MODE: lambda value: str(value[0] & 3), v1.IE_TEID_DATA_I: _teid, v1.IE_TEID_CONTROL: _teid,
    v1.IE_NSAPI: lambda value: str(value[0] & 15), v1.IE_CHARGING_ID: _number, v1.IE_END_USER_ADDRESS: _end_user,
    v1.IE_APN: _apn, v1.IE_GSN_ADDRESS: address, v1.IE_MSISDN: lambda value: _digits(value[1:]),
    v1.IE_RAT_TYPE: _named(v1.RAT_TYPES), v1.IE_ULI: _location_v1, v1.IE_IMEI: _digits,
    v1.IE_TEARDOWN_IND: lambda value: "yes" if value[0] & 1 else "no",
}  # fmt: skip
