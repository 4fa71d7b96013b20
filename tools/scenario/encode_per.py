"""Aligned PER (ITU-T X.691) as S1AP and NGAP use it: a writer of bits, and the types that their messages are made of.

Shares nothing with the decoder: written from the rules of the standard, checked against another ASN.1 compiler.
"""

REJECT, IGNORE, NOTIFY = 0, 1, 2
INITIATING, SUCCESSFUL, UNSUCCESSFUL = 0, 1, 2

Ie = tuple[int, int, bytes]
"""An information element: id, criticality, encoded value."""


class Writer:
    """Bits, most significant first, with the alignment that aligned PER asks for."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.rest = 0  # bits written that do not fill an octet yet
        self.held = 0

    def bits(self, value: int, count: int) -> "Writer":
        """`count` bits of `value`."""
        self.held = self.held << count | value
        self.rest += count
        while self.rest >= 8:
            self.rest -= 8
            self.out.append(self.held >> self.rest & 0xFF)
        self.held &= (1 << self.rest) - 1
        return self

    def align(self) -> "Writer":
        """Zero bits up to the next octet."""
        return self.bits(0, -self.rest % 8)

    def octets(self, data: bytes) -> "Writer":
        """Whole octets, aligned."""
        self.align()
        self.out += data
        return self

    def bit_string(self, value: int, count: int) -> "Writer":
        """A bit string of a fixed size (§16.9): aligned if longer than 16 bits."""
        return (self.align() if count > 16 else self).bits(value, count)

    def integer(self, value: int, low: int, high: int) -> "Writer":
        """A constrained whole number (§11.5)."""
        span, value = high - low + 1, value - low
        if span <= 255:
            return self.bits(value, (span - 1).bit_length())
        if span <= 65536:
            return self.octets(value.to_bytes(1 if span == 256 else 2, "big"))
        most = ((span - 1).bit_length() + 7) // 8
        size = max(1, (value.bit_length() + 7) // 8)
        return self.integer(size, 1, most).octets(value.to_bytes(size, "big"))

    def enumerated(self, value: int, root: int) -> "Writer":
        """An extensible enumeration with `root` values; later ones are extensions (§14)."""
        if value < root:
            return self.bits(0, 1).bits(value, (root - 1).bit_length())
        return self.bits(1, 1).bits(value - root, 7)

    def length(self, count: int) -> "Writer":
        """A length determinant below 16384 (§11.9)."""
        if count >= 16384:
            raise ValueError(f"{count} octets: fragmented lengths are made by open_type()")
        return self.octets(bytes((count,)) if count < 128 else (0x8000 | count).to_bytes(2, "big"))

    def open_type(self, data: bytes) -> "Writer":
        """Octets behind their length, in pieces of 16 K where there are that many (§11.9.3.8)."""
        while len(data) >= 16384:
            pieces = min(4, len(data) // 16384)
            self.octets(bytes((0xC0 | pieces,))).octets(data[: pieces * 16384])
            data = data[pieces * 16384 :]
        return self.length(len(data)).octets(data)

    def done(self) -> bytes:
        """All that was written, padded to an octet."""
        self.align()
        return bytes(self.out) or b"\0"


def open_octets(data: bytes) -> bytes:
    """An octet string without bounds."""
    return Writer().open_type(data).done()


def field(ie: Ie) -> bytes:
    """An element with id, criticality and length: ProtocolIE-Field and its like."""
    number, criticality, value = ie
    return Writer().octets(number.to_bytes(2, "big")).bits(criticality, 2).open_type(value).done()


def container(ies: list[Ie]) -> bytes:
    """A message or item without root options: extension bit, count, elements."""
    return b"\0" + len(ies).to_bytes(2, "big") + b"".join(field(ie) for ie in ies)


def pdu(kind: int, code: int, criticality: int, ies: list[Ie]) -> bytes:
    """A whole PDU: initiating message, successful or unsuccessful outcome of a procedure."""
    head = Writer().bits(0, 1).bits(kind, 2).octets(bytes((code,))).bits(criticality, 2)
    return head.open_type(container(ies)).done()


def address_bits(writer: Writer, address: bytes) -> Writer:
    """TransportLayerAddress: BIT STRING (SIZE (1..160, ...))."""
    return writer.bits(0, 1).bits(len(address) * 8 - 1, 8).octets(address)
