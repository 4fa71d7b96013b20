"""Classic BPF (socket filters, fanout): its instructions, and an assembler with labels.

code = Code()
code.add(LOAD_HALF_X, 6)
code.add(IF_BITS, 0x1FFF, yes="fragment")       # "" is the next line
...
setsockopt(..., sock_fprog(code.assembled())[0])

A read past the end of the packet ends a program, with 0 as what it returns.
"""

import array
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from formats.packet_socket import SOCK_FPROG

__all__ = ["Code", "Instruction", "sock_fprog"]

Instruction = tuple[int, int, int, int]
"""struct sock_filter: code, jt, jf, k."""

# linux/bpf_common.h: class | size | mode, class | operation | source. A: the accumulator, X: the index, M: 16 words
LOAD_WORD, LOAD_HALF, LOAD_OCTET = 0x20, 0x28, 0x30  # of the packet at k
LOAD_WORD_X, LOAD_HALF_X, LOAD_OCTET_X = 0x40, 0x48, 0x50  # at X + k
SET, SET_X, LOAD_MEMORY, LOAD_MEMORY_X, STORE = 0x00, 0x01, 0x60, 0x61, 0x02
COPY_TO_X, COPY_FROM_X = 0x07, 0x87
AND, SHIFT_LEFT, SHIFT_RIGHT, ADD, MULTIPLY = 0x54, 0x64, 0x74, 0x04, 0x24
ADD_X, XOR_X = 0x0C, 0xAC
JUMP, IF_EQUAL, IF_GREATER, IF_BITS = 0x05, 0x15, 0x25, 0x45
RETURN, RETURN_A = 0x06, 0x16

PROTOCOL = 0xFFFF_F000
"""Where LOAD_HALF and LOAD_WORD find the packet's ethertype, without the tag that the kernel took off: SKF_AD_OFF."""

FARTHEST = 255  # lines that a condition can jump over


class _Line(NamedTuple):
    """An instruction; jumps name labels, "" is the next line."""

    code: int
    k: int
    yes: str = ""
    no: str = ""


class Code:
    """Lines and labels, jumps forward only."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.labels: dict[str, int] = {}

    def add(self, code: int, k: int = 0, yes: str = "", no: str = "") -> None:
        """One instruction; `JUMP` goes to `yes`."""
        self.lines.append(_Line(code, k, yes, no))

    def label(self, name: str) -> None:
        """The next instruction is what jumps to `name` go to."""
        assert name not in self.labels, name
        self.labels[name] = len(self.lines)

    def any_of(self, values: Iterable[int], yes: str) -> None:
        """Jump to `yes` where the accumulator is one of the values."""
        for value in values:
            self.add(IF_EQUAL, value, yes)

    def forward(self, octets: int) -> None:
        """Let X point so many octets further; A is lost."""
        self.add(COPY_FROM_X)
        self.add(ADD, octets)
        self.add(COPY_TO_X)

    def assembled(self) -> list[Instruction]:
        """Labels as distances."""
        return [self._instruction(at, line) for at, line in enumerate(self.lines)]

    def _instruction(self, at: int, line: _Line) -> Instruction:
        far = [self.labels[label] - at - 1 if label else 0 for label in (line.yes, line.no)]
        assert min(far) >= 0, line
        if line.code == JUMP:
            return JUMP, 0, 0, far[0]
        assert max(far) <= FARTHEST, line
        return line.code, far[0], far[1], line.k


def sock_fprog(instructions: Sequence[Instruction]) -> tuple[bytes, array.array]:
    """struct sock_fprog of a program, and the memory that it points to."""
    code = array.array("B", b"".join(struct.pack("=HBBI", *each) for each in instructions))
    return struct.pack(SOCK_FPROG, len(instructions), code.buffer_info()[0]), code
