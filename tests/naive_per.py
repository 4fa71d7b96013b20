"""Aligned PER (X.691), written bit by bit into a text of 0 and 1: the twin of `kernels.per`."""


class Writer:
    """Puts values down one after the other."""

    def __init__(self) -> None:
        self.text = ""

    def octets(self) -> bytes:
        """All that was written, padded to octets."""
        padded = self.text + "0" * (-len(self.text) % 8)
        return bytes(int(padded[k : k + 8], 2) for k in range(0, len(padded), 8))

    def bits(self, value: int, width: int) -> None:
        self.text += f"{value:0{width}b}" if width else ""

    def align(self) -> None:
        self.text += "0" * (-len(self.text) % 8)

    def raw(self, octets: bytes) -> None:
        self.align()
        self.text += "".join(f"{o:08b}" for o in octets)

    def number(self, value: int, octets: int) -> None:
        self.raw(value.to_bytes(octets, "big"))

    def long_integer(self, value: int, width: int) -> None:
        octets = max(1, (value.bit_length() + 7) // 8)
        self.bits(octets - 1, width)
        self.number(value, octets)

    def length(self, value: int) -> None:
        self.raw(bytes([value]) if value < 128 else (0x8000 | value).to_bytes(2, "big"))

    def unconstrained(self, value: int) -> None:
        octets = (value if value >= 0 else ~value).bit_length() // 8 + 1
        self.length(octets)
        self.raw(value.to_bytes(octets, "big", signed=True))

    def small_number(self, value: int) -> None:
        self.bits(value >= 64, 1)
        if value < 64:
            self.bits(value, 6)
        else:
            octets = (value.bit_length() + 7) // 8
            self.length(octets)
            self.number(value, octets)

    def enumerated(self, value: int, width: int, root: int) -> None:
        self.bits(value >= root, 1)
        if value < root:
            self.bits(value, width)
        else:
            self.small_number(value - root)

    def octet_string(self, octets: bytes) -> None:
        rest = octets
        while len(rest) >= 16384:
            blocks = min(len(rest) // 16384, 4)
            self.raw(bytes([0xC0 | blocks]) + rest[: blocks * 16384])
            rest = rest[blocks * 16384 :]
        self.length(len(rest))
        self.raw(rest)

    def fields(self, values: list[bytes]) -> None:
        """A container of protocol extension fields."""
        self.number(len(values) - 1, 2)
        for k, value in enumerate(values):
            self.raw((1000 + k).to_bytes(2, "big") + b"\x40")
            self.octet_string(value)

    def additions(self, values: list[bytes]) -> None:
        """Extension additions, one that is absent behind the first."""
        present = "10" + "1" * (len(values) - 1)
        self.small_number(len(present) - 1)
        self.text += present
        for value in values:
            self.octet_string(value)
