"""Capture files: pcap (µs, ns) and pcapng, Ethernet or Linux cooked, plain, gzip or zstd, whole or split.

Layouts: draft-ietf-opsawg-pcap and -pcapng. Frames come in as IP packets and get their link header here.
"""

import gzip
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

ETHERNET, SLL = 1, 113
TAPS = ("control", "s1u", "s5u")
_RECORD = struct.Struct("<IIII")


Frame = tuple[int, int, int, bytes]
"""A captured packet: time in ns, a serial number that orders equal times, index of `TAPS`, the IP packet."""


@dataclass(frozen=True)
class CaptureOptions:
    """How the capture is written.

    form: pcap or pcapng. compression: "", gz or zst. split: number of files. split_by: time or interface.
    vlan: 802.1Q VID or None. snaplen: octets kept of each frame.
    """

    form: str = "pcap"
    nanoseconds: bool = False
    link: str = "ethernet"
    vlan: int | None = None
    compression: str = ""
    split: int = 1
    split_by: str = "time"
    snaplen: int = 262144

    @property
    def quantum(self) -> int:
        """Nanoseconds of one tick of the file's clock."""
        return 1 if self.nanoseconds else 1000

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return f".{self.form}" + (f".{self.compression}" if self.compression else "")

    def link_header(self, version: int, tap: int) -> bytes:
        """Octets in front of an IP packet of `version` (0: an ARP message), as seen at `tap`."""
        kind = struct.pack(">H", {4: 0x0800, 6: 0x86DD}.get(version, 0x0806))
        if self.vlan is not None:
            kind = struct.pack(">HH", 0x8100, self.vlan) + kind
        if self.link == "sll":
            return struct.pack(">HHH8s", 0, 1, 6, bytes((2, 0, 0, 0, tap, 1))) + kind
        return bytes((2, 0, 0, 0, tap, 2, 2, 0, 0, 0, tap, 1)) + kind


def _open(path: Path, compression: str) -> BinaryIO:
    if compression == "gz":
        # No name and no time in the header: the same seed gives the same octets.
        return cast(BinaryIO, gzip.GzipFile("", "wb", compresslevel=3, fileobj=path.open("wb"), mtime=0))
    if compression == "zst":
        return cast(BinaryIO, zstandard.ZstdCompressor(level=3).stream_writer(path.open("wb"), closefd=True))
    return cast(BinaryIO, path.open("wb"))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


class CaptureFile:
    """One file being written."""

    def __init__(self, path: Path, options: CaptureOptions) -> None:
        self.path, self.options = path, options
        self.packets = 0
        self.out = _open(path, options.compression)
        self.headers = {(v, tap): options.link_header(v, tap) for v in (0, 4, 6) for tap in range(len(TAPS))}
        link = SLL if options.link == "sll" else ETHERNET
        if options.form == "pcap":
            magic = 0xA1B23C4D if options.nanoseconds else 0xA1B2C3D4
            self.out.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, options.snaplen, link))
            return
        self.out.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for name in TAPS:
            about = _option(2, name.encode()) + _option(9, bytes((9 if options.nanoseconds else 6,))) + _option(0, b"")
            self.out.write(_block(1, struct.pack("<HHI", link, 0, options.snaplen) + about))

    def write(self, frames: Iterable[Frame]) -> int:
        """Appends frames, returns their octets on the wire."""
        pcap = self.options.form == "pcap"
        snaplen, quantum, octets = self.options.snaplen, self.options.quantum, 0
        parts: list[bytes] = []
        for ts, _, tap, packet in frames:
            data = self.headers[packet[0] >> 4, tap] + packet
            wire = len(data)
            octets += wire
            if wire > snaplen:
                data = data[:snaplen]
            kept = len(data)
            if pcap:
                second, rest = divmod(ts, 1_000_000_000)
                parts += (_RECORD.pack(second, rest // quantum, kept, wire), data)
            else:
                tick = ts // quantum
                body = struct.pack("<IIIII", tap, tick >> 32, tick & 0xFFFFFFFF, kept, wire) + data
                parts.append(_block(6, body + b"\0" * (-kept % 4)))
            self.packets += 1
        self.out.write(b"".join(parts))
        return octets

    def close(self) -> None:
        """Ends the file; what lies under a compressor too."""
        below = getattr(self.out, "fileobj", None)
        self.out.close()
        if isinstance(below, BufferedWriter):
            below.close()


class Capture:
    """Puts frames in order of time as the simulation goes on, and spreads them over the files asked for."""

    def __init__(self, folder: Path, options: CaptureOptions, start: int, end: int, name: str = "capture") -> None:
        self.options, self.start = options, start
        self.span = max(1, (end - start) // max(1, options.split))
        self.pending: list[Frame] = []
        self.octets = 0
        self.packets = 0
        self.serial = 0
        if options.split_by == "interface":
            names = [f"{name}-{tap}" for tap in TAPS]
        else:
            names = [name] if options.split <= 1 else [f"{name}-{i:02d}" for i in range(options.split)]
        self.files = [CaptureFile(folder / (n + options.suffix), options) for n in names]

    def add(self, ts: int, tap: int, packet: bytes) -> None:
        """Captures one IP packet."""
        self.serial += 1
        self.pending.append((ts, self.serial, tap, packet))

    def flush(self, until: int) -> None:
        """Writes all that was captured before `until`; nothing earlier may be added afterwards."""
        self.pending.sort()
        count = len(self.pending)
        ready = count
        while ready and self.pending[ready - 1][0] >= until:
            ready -= 1
        frames, self.pending = self.pending[:ready], self.pending[ready:]
        self.packets += len(frames)
        if self.options.split_by == "interface":
            for tap, file in enumerate(self.files):
                self.octets += file.write(f for f in frames if f[2] == tap)
        elif len(self.files) == 1:
            self.octets += self.files[0].write(frames)
        else:
            last = len(self.files) - 1
            for number, file in enumerate(self.files):
                self.octets += file.write(
                    f for f in frames if min(last, max(0, (f[0] - self.start) // self.span)) == number
                )

    def close(self) -> None:
        """Writes the rest and ends the files."""
        self.flush(2**63)
        for file in self.files:
            file.close()
