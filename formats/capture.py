"""Capture files: pcap and pcapng (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng), their magics, offsets and codes.

`recognise` says by content what a file is. The walk codes say why a walk stopped; `WALK_REASONS` says it to people.
"""

from typing import NamedTuple

import numpy as np

# pcap: file header, then records without padding
PCAP_HEADER_OCTETS = 24
PCAP_RECORD_OCTETS = 16
LINK_MASK = 0xFFFF  # bits 26..31 of the network field carry FCS lengths, which IP lengths make superfluous
LONGEST_CAPTURED = 262144  # octets: what libpcap calls the largest snap length; more than that is damage

# pcapng block types and the octets that each holds at least, its two total lengths included
BLOCK_SECTION = 0x0A0D0D0A  # a palindrome: the same in either byte order
BLOCK_INTERFACE = 1
BLOCK_PACKET = 2  # obsolete
BLOCK_SIMPLE = 3
BLOCK_STATISTICS = 5
BLOCK_ENHANCED = 6
BLOCK_OCTETS = 12
SECTION_OCTETS = 28
INTERFACE_OCTETS = 20
SIMPLE_OCTETS = 16
STATISTICS_OCTETS = 24
PACKET_OCTETS = 32  # the enhanced and the obsolete one have their lengths and data at the same offsets
BYTE_ORDER_MAGIC = 0x1A2B3C4D
LONGEST_BLOCK = 524288  # octets of a block that is read; blocks that are passed over have no limit
LONGEST_TABLE = 65536  # interfaces of a section

OPTION_END = 0
OPTION_TSRESOL = 9
OPTION_TSOFFSET = 14
OPTION_DROPCOUNT = 4  # of an enhanced packet block
OPTION_IFDROP = 5  # of an interface statistics block
OPTION_OSDROP = 7

NANOSECONDS = 1_000_000_000
TS_MAX = 2**63 - 1  # times outside int64 stop there; the minimum is left to NaT
LOSS_MAX = 2**40  # packets: an interface that claims to have lost more is not believed further

SCALE_MULTIPLY = 0  # ns = units * factor
SCALE_DIVIDE = 1  # ns = units // factor; factor 0: finer than 10^-27 s, always 0
SCALE_BINARY = 2  # ns = units * 10^9 >> factor

INTERFACE = np.dtype(
    [
        ("factor", "i8"),  # see SCALE_*
        ("limit", "i8"),  # most units that SCALE_MULTIPLY can turn into int64 ns
        ("shift", "i8"),  # ns to add: if_tsoffset
        ("snaplen", "i8"),  # octets, 0 for no limit
        ("reported", "i8"),  # packets lost, by the latest statistics block (ifdrop + osdrop: counted from the start)
        ("missed", "i8"),  # packets lost, summed over the packet blocks
        ("link", "i4"),  # LINKTYPE
        ("scale", "i4"),  # SCALE_*
    ]
)

WALK = np.dtype(
    [
        ("last_ts", "i8"),  # ns of the latest packet with a time
        ("passing", "i8"),  # octets still to pass over in a block that is not read
        ("trailer", "i8"),  # total length that the end of that block must repeat; 0: not inside such a block
        ("block", "i8"),  # offset of that block in the file
        ("lost", "i8"),  # packets lost before the file was written: per interface the greater of both countings
        ("untimed", "i8"),  # packets of simple blocks, which carry no time
        ("found", "i8"),  # the value that a walk code complains of
        ("interfaces", "i4"),  # declared in this section
        ("big", "i4"),  # byte order of this section: 1 big-endian
    ]
)

WALK_WHOLE = 0  # all that is whole was read: give more octets
WALK_RECORD_LENGTH = 1
WALK_BLOCK_LENGTH = 2
WALK_TRAILER = 3
WALK_BYTE_ORDER = 4
WALK_VERSION = 5
WALK_NO_INTERFACE = 6
WALK_CAPTURED_LENGTH = 7
WALK_TABLE_FULL = 8
WALK_ON = 9  # inside the walk only: this block is done, the next one follows

WALK_REASONS = {
    WALK_RECORD_LENGTH: "a record claims {found} octets, expected at most 262144",
    WALK_BLOCK_LENGTH: "a block claims a total length of {found} octets, which its type cannot have",
    WALK_TRAILER: "a block ends with a total length of {found}, expected the one that it begins with",
    WALK_BYTE_ORDER: "a section begins with byte-order magic {found:#010x}, expected 0x1a2b3c4d",
    WALK_VERSION: "a section has pcapng version {found}, expected 1",
    WALK_NO_INTERFACE: "a packet block names interface {found}, which its section has not declared",
    WALK_CAPTURED_LENGTH: "a packet block claims {found} captured octets, more than it has room for",
    WALK_TABLE_FULL: "a section declares more than {found} interfaces",
}

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"


class Layout(NamedTuple):
    """How to walk a capture file: `kind` is "pcap" or "pcapng"; the rest is of pcap only."""

    kind: str
    big: bool = False
    unit: int = 1000  # ns in one unit of the fraction field
    link: int = 0  # LINKTYPE


_PCAP = {
    b"\xd4\xc3\xb2\xa1": (False, 1000),
    b"\xa1\xb2\xc3\xd4": (True, 1000),
    b"\x4d\x3c\xb2\xa1": (False, 1),
    b"\xa1\xb2\x3c\x4d": (True, 1),
}
_CONVERT = "convert it with: editcap -F pcap IN OUT"
_REFUSED = (
    (b"\x34\xcd\xb2\xa1", f"modified pcap (Kuznetzov, records of 24 octets): {_CONVERT}"),
    (b"\xa1\xb2\xcd\x34", f"modified pcap (Kuznetzov, records of 24 octets, big-endian): {_CONVERT}"),
    (b"\x4d\x3c\x2b\xa1", f"modified pcap (Navtel): {_CONVERT}"),
    (b"\xa1\x2b\x3c\x4d", f"modified pcap (Navtel, big-endian): {_CONVERT}"),
    (b"\xcd\x34\xb2\xa1", f"modified pcap (FMESQUID): {_CONVERT}"),
    (b"\xa1\xb2\x34\xcd", f"modified pcap (FMESQUID, big-endian): {_CONVERT}"),
    (b"\xac\x01\x00\x1c", f"modified pcap (IXIA hardware): {_CONVERT}"),
    (b"\x1c\x00\x01\xac", f"modified pcap (IXIA hardware, big-endian): {_CONVERT}"),
    (b"\xab\x01\x00\x1c", f"modified pcap (IXIA software): {_CONVERT}"),
    (b"\x1c\x00\x01\xab", f"modified pcap (IXIA software, big-endian): {_CONVERT}"),
    (b"\xfd7zXZ\x00", "compressed with xz, which is not read: unpack it, or recompress it with zstd"),
    (b"BZh", "compressed with bzip2, which is not read: unpack it, or recompress it with zstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4, which is not read: unpack it, or recompress it with zstd"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"snoop\x00\x00\x00", f"a snoop capture: {_CONVERT}"),
    (b"btsnoop\x00", "a Bluetooth capture (btsnoop), no mobile-core traffic"),
    (b"RTSS", f"a Network Monitor 1 capture: {_CONVERT}"),
    (b"GMBU", f"a Network Monitor 2 capture: {_CONVERT}"),
    (b"XCP\x00", f"a NetXRay capture: {_CONVERT}"),
    (b"PAR1", "a Parquet file, no capture"),
    (b"ARROW1", "an Arrow file, no capture"),
)


def compression(head: bytes) -> str:
    """What the first 4 octets of a file say: "gzip", "zstd" (RFC 8878 §3.1, skippable frames too) or ""."""
    if head[:2] == GZIP:
        return "gzip"
    skippable = len(head) >= 4 and 0x50 <= head[0] <= 0x5F and head[1:4] == b"\x2a\x4d\x18"
    return "zstd" if head[:4] == ZSTD or skippable else ""


def recognise(head: bytes) -> Layout | str:
    """The layout of a capture file by its first 24 octets, or in words why it is not read."""
    if not head:
        return "empty"
    if head[:4] in _PCAP:
        return _recognise_pcap(head)
    if head[:4] == BLOCK_SECTION.to_bytes(4, "big"):
        return Layout("pcapng") if len(head) >= BLOCK_OCTETS else "cut inside the pcapng section header"
    for magic, words in _REFUSED:
        if head.startswith(magic):
            return words
    if compression(head):
        return "compressed twice: unpack it once"
    if all(octet in b"\t\r\n\f\x1b" or octet >= 32 for octet in head) and 127 not in head:
        return f"text or the like (begins with {head[:12]!r}), no capture"
    return f"no capture: begins with {head[:4].hex(' ')}, expected the magic of pcap or pcapng"


def _recognise_pcap(head: bytes) -> Layout | str:
    big, unit = _PCAP[head[:4]]
    if len(head) < PCAP_HEADER_OCTETS:
        return f"cut inside the pcap file header: {len(head)} octets, expected {PCAP_HEADER_OCTETS}"
    order = "big" if big else "little"
    major = int.from_bytes(head[4:6], order)  # type: ignore[arg-type]
    minor = int.from_bytes(head[6:8], order)  # type: ignore[arg-type]
    if (major, minor) < (2, 3) or major > 2:
        return f"pcap version {major}.{minor}, expected 2.4: {_CONVERT}"
    network = int.from_bytes(head[20:24], order)  # type: ignore[arg-type]
    return Layout("pcap", big, unit, network & LINK_MASK)
