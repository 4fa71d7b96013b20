"""Files of charging records: the TS 32.297 header and what else may stand around records.

`recognise` says by content how the records of a file are framed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from formats import tap
from formats.ber import APPLICATION, CONTEXT, Root

__all__ = ["BARE", "ENDLESS", "EXTRA", "FRAMED", "TAP", "Framing", "recognise"]

BARE, FRAMED, EXTRA, TAP = range(4)
"""Records one after the other, filler between them; each behind a TS 32.297 CDR header; each behind a header of a
stated length that is not read; call events within the elements of a TAP file."""

HEADER_OCTETS = 50  # of a file header before its two fields of variable length
SHORTEST_HEADER, LONGEST_HEADER = 50, 8192
CDR_HEADER_OCTETS, RELEASE_EXTENDED = 4, 7
UNKNOWN_COUNT = 0xFFFF_FFFF
LOST_NONE, LOST_UNKNOWN = 0, 0x80
LONGEST_EXTRA = 32
"""Octets of a maker's own header that are tried."""


Roots = Mapping[tuple[int, int], Root]
"""Record types by class and tag."""


class Framing(NamedTuple):
    """How the records of a file stand in it.

    kind        BARE, FRAMED, EXTRA, TAP
    first       octet of the first record (or its header)
    extra       octets of the header before each record (EXTRA)
    cdrs, lost  records that the file header tells of, and that it says were lost before; -1 unknown
    """

    kind: int
    first: int = 0
    extra: int = 0
    cdrs: int = -1
    lost: int = 0


def lost_records(indicator: int) -> int:
    """Records lost by the lost CDR indicator (TS 32.297 §6.1.1.13); -1 where some were and nobody knows how many."""
    if indicator in (LOST_NONE, LOST_UNKNOWN):
        return -1 if indicator else 0
    return indicator & 0x7F


ENDLESS = 1 << 60
"""The size of a file of which nobody knows: it is unpacked while it is read."""


def _file_header(head: bytes, size: int, roots: Roots) -> Framing | None:
    """The framing that a TS 32.297 file header tells of, None where there is none.

    The length in the header is that of the file, or a record follows where the header ends.
    """
    if len(head) < HEADER_OCTETS:
        return None
    length, header = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    if not SHORTEST_HEADER <= header <= min(LONGEST_HEADER, size):
        return None
    extended = 5 if len(head) > header + 2 and head[header + 2] >> 5 == RELEASE_EXTENDED else 4
    if length != size and not _record_at(head, header + extended, size, roots):
        return None
    cdrs = int.from_bytes(head[18:22], "big")
    return Framing(FRAMED, header, 0, -1 if cdrs == UNKNOWN_COUNT else cdrs, lost_records(head[47]))


def element(head: bytes, at: int) -> tuple[int, int, int, int] | None:
    """(class, tag, content, end) of the constructed element at `at`; end -1 for an indefinite length; None for none."""
    if at + 2 > len(head) or not head[at] & 0x20 or head[at] >> 6 not in (APPLICATION, CONTEXT):
        return None
    klass, tag = head[at] >> 6, head[at] & 31
    at += 1
    if tag == 31:
        tag, more = 0, True
        while more and at < len(head) and tag < 1 << 21:
            tag, more = (tag << 7) | (head[at] & 127), head[at] >= 128
            at += 1
        if more:
            return None
    if at >= len(head):
        return None
    length = head[at]
    at += 1
    if length == 0x80:
        return klass, tag, at, -1
    if length > 0x80:
        octets = length & 127
        if octets > 4 or at + octets > len(head):
            return None
        length = int.from_bytes(head[at : at + octets], "big")
        at += octets
    return klass, tag, at, at + length


def _record_at(head: bytes, at: int, size: int, roots: Roots) -> int:
    """Where the record at `at` ends, -1 for indefinite, 0 where there is none."""
    found = element(head, at)
    if found is None or (found[0], found[1]) not in roots or found[3] > size:
        return 0
    number, content = roots[found[0], found[1]].number, head[found[2] : found[2] + 4]
    own = content[:3] == bytes((0x80, 1, number & 255)) or content == bytes((0x80, 2, 0, number & 255))
    return found[3] if own or number < 0 else 0


def _tap_at(head: bytes, at: int, size: int) -> bool:
    """Whether a TransferBatch begins at `at` and ends where the file ends, or another one or filler follows."""
    found = element(head, at)
    if found is None or head[at] != tap.FIRST_OCTETS[0] or head[found[2] : found[2] + 1] != bytes(tap.FIRST_OCTETS[1:]):
        return False
    end = found[3]
    return end in (-1, size) or (end < size and head[end : end + 1] in (b"", b"\0", b"\xff", b"\x61"))


def recognise(head: bytes, size: int, roots: Roots) -> Framing | None:
    """The framing of a file of `size` octets that begins with `head`; None where it holds no records."""
    framed = _file_header(head, size, roots)
    if framed is not None:
        return framed
    first = next((i for i, octet in enumerate(head) if octet not in (0, 0xFF)), len(head))
    if _record_at(head, first, size, roots):
        return Framing(BARE, 0)
    if _tap_at(head, first, size):
        return Framing(TAP, 0)
    for extra in range(1, LONGEST_EXTRA + 1):
        end = _record_at(head, extra, size, roots)
        if end > 0 and (end == size or _record_at(head, end + extra, size, roots)):
            kind = FRAMED if extra in (4, 5) and int.from_bytes(head[:2], "big") == end - extra else EXTRA
            return Framing(kind, 0, extra)
    return None
