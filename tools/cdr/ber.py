"""BER as it is written: elements, numbers, BCD times and digits. Independent of the decoder."""

from datetime import UTC, datetime

__all__ = [
    "address", "bcd_time", "choice", "constructed", "digits", "e164", "element", "eutran_location", "identifier",
    "indefinite", "integer", "plmn", "time",
]  # fmt: skip


def identifier(tag: int, *, constructed: bool = False, klass: int = 2) -> bytes:
    """Identifier octets."""
    first = klass << 6 | (0x20 if constructed else 0)
    if tag < 31:
        return bytes([first | tag])
    groups = [tag & 127]
    while tag := tag >> 7:
        groups.append(0x80 | tag & 127)
    return bytes([first | 31, *reversed(groups)])


def length(octets: int) -> bytes:
    """A definite length in its shortest form."""
    if octets < 128:
        return bytes([octets])
    body = octets.to_bytes((octets.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(body)]) + body


def element(tag: int, content: bytes, *, klass: int = 2) -> bytes:
    """A primitive element."""
    return identifier(tag, klass=klass) + length(len(content)) + content


def constructed(tag: int, *parts: bytes, klass: int = 2) -> bytes:
    """A constructed element of definite length."""
    content = b"".join(parts)
    return identifier(tag, constructed=True, klass=klass) + length(len(content)) + content


def indefinite(tag: int, *parts: bytes, klass: int = 2) -> bytes:
    """A constructed element of indefinite length."""
    return identifier(tag, constructed=True, klass=klass) + b"\x80" + b"".join(parts) + b"\0\0"


def integer(tag: int, value: int) -> bytes:
    """INTEGER, shortest two's complement."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def bcd_time(seconds: int, zone_minutes: int = 0) -> bytes:
    """TimeStamp of a UNIX time as a clock `zone_minutes` east of UTC shows it."""
    at = datetime.fromtimestamp(seconds + 60 * zone_minutes, UTC)
    sign = b"+" if zone_minutes >= 0 else b"-"
    east = abs(zone_minutes)
    return bytes.fromhex(f"{at:%y%m%d%H%M%S}") + sign + bytes.fromhex(f"{east // 60:02d}{east % 60:02d}")


def time(tag: int, seconds: int, zone_minutes: int = 0) -> bytes:
    """A TimeStamp element."""
    return element(tag, bcd_time(seconds, zone_minutes))


def digits(number: str) -> bytes:
    """TBCD: low nibble first, filler F."""
    number += "F" if len(number) % 2 else ""
    return bytes.fromhex("".join(b + a for a, b in zip(number[::2], number[1::2], strict=True)))


def e164(number: str) -> bytes:
    """International ISDN number."""
    return b"\x91" + digits(number)


def plmn(mcc: str, mnc: str) -> bytes:
    """PLMN identity."""
    third = mnc[2] if len(mnc) == 3 else "F"
    return bytes.fromhex(mcc[1] + mcc[0] + third + mcc[2] + mnc[1] + mnc[0])


def ipv4(text: str) -> bytes:
    """4 octets."""
    return bytes(int(part) for part in text.split("."))


def choice(tag: int, inner: bytes) -> bytes:
    """A tagged CHOICE: explicit."""
    return constructed(tag, inner)


def address(tag: int, text: str) -> bytes:
    """A GSNAddress of IPv4."""
    return choice(tag, element(0, ipv4(text)))


def eutran_location(tac: int, eci: int, mcc: str, mnc: str) -> bytes:
    """User location: TAI and ECGI."""
    network = plmn(mcc, mnc)
    return b"\x18" + network + tac.to_bytes(2, "big") + network + eci.to_bytes(4, "big")
