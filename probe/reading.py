"""The octets of a source in order: as they lie on disk, through a pipe, or unpacked from gzip or zstd on the way.

    Raw          a file descriptor: file, pipe, stdin
    GzipStream   RFC 1952, any number of members        } over a Raw, never more than a piece of it in memory
    ZstdStream   RFC 8878, any number of frames         }
    Pool         the few buffers that blocks are read into, used again and again while they are warm

A stream that ends early says why in `trouble`; every octet before that has been delivered.
"""

import contextlib
import fcntl
import mmap
import os
import select
import stat
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterator

import numpy as np
import zstandard

from formats.capture import LONGEST_BLOCK, PCAP_RECORD_OCTETS, ZSTD, compression
from formats.records import RECORD

__all__ = ["BLOCK_BYTES", "Buffer", "GzipStream", "Pool", "Raw", "Stream", "ZstdStream", "open_stream"]

BLOCK_BYTES = 4 << 20
HEADROOM = LONGEST_BLOCK  # octets before the place that is read into: what the block before left unfinished
_PACKED = 64 << 10  # octets of packed data taken at once, and of unpacked gzip data made at once
_PAUSE_MS = 50  # a pipe whose writer pauses for this long delivers what it has
_PIPE_OCTETS = 1 << 20


class Buffer:
    """Room for one block and its records; pages that are never touched cost no memory."""

    def __init__(self, block_bytes: int) -> None:
        self._pages = mmap.mmap(-1, HEADROOM + block_bytes)
        self.octets = np.frombuffer(self._pages, np.uint8)
        self.body = memoryview(self._pages)[HEADROOM:]
        self.records = np.empty(len(self.octets) // PCAP_RECORD_OCTETS + 1, RECORD)


class Pool:
    """Buffers of one size. The last one given back is the first one taken; safe from several threads."""

    def __init__(self, block_bytes: int = BLOCK_BYTES) -> None:
        self.block_bytes = block_bytes
        self._free: deque[Buffer] = deque()

    def take(self) -> Buffer:
        """A buffer that nobody else uses."""
        try:
            return self._free.pop()
        except IndexError:
            return Buffer(self.block_bytes)

    def give(self, buffer: Buffer) -> None:
        """Hand a buffer back: whatever points into it is void."""
        self._free.append(buffer)


class Stream(ABC):
    """Octets in order. `trouble` says why they ended before their time, in words; else it is empty."""

    trouble = ""

    def __init__(self) -> None:
        self._ahead = b""

    @property
    @abstractmethod
    def position(self) -> int:
        """Octets taken from the disk or pipe so far."""

    @abstractmethod
    def close(self) -> None:
        """Give the file descriptor back."""

    @abstractmethod
    def _more(self, view: memoryview) -> int:
        """Put the next octets into `view`, as many as come at once; 0 at the end."""

    def _ready(self) -> bool:
        return True

    def peek(self, count: int) -> bytes:
        """The next `count` octets, fewer at the end; they stay to be read."""
        room = bytearray(count)
        while len(self._ahead) < count:
            got = self._more(memoryview(room)[: count - len(self._ahead)])
            if not got:
                break
            self._ahead += room[:got]
        return self._ahead[:count]

    def fill(self, view: memoryview) -> int:
        """Fill `view` and return how far that went: all of it, less where a pipe pauses or ends, 0 at the end."""
        got = min(len(self._ahead), len(view))
        if got:
            view[:got] = self._ahead[:got]
            self._ahead = self._ahead[got:]
        while got < len(view) and (not got or self._ready()):
            step = self._more(view[got:])
            if not step:
                break
            got += step
        return got

    def read(self, count: int) -> bytes:
        """The next `count` octets, fewer only at the end."""
        room = bytearray(count)
        view, got = memoryview(room), 0
        while got < count:
            step = self.fill(view[got:])
            if not step:
                break
            got += step
        view.release()
        return bytes(room[:got]) if got < count else bytes(room)


class Raw(Stream):
    """The octets behind a file descriptor, which it owns."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._position = 0
        status = os.fstat(descriptor)
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
        self._poll: select.poll | None = None
        if self.size is not None:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        elif stat.S_ISFIFO(status.st_mode):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)
            _widen(descriptor)

    @property
    def position(self) -> int:
        """Octets taken so far."""
        return self._position

    def close(self) -> None:
        """Close the descriptor; later reads find the end."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _ready(self) -> bool:
        return self._poll is None or bool(self._poll.poll(_PAUSE_MS))

    def _more(self, view: memoryview) -> int:
        if self._descriptor < 0:
            return 0
        try:
            got = os.readv(self._descriptor, [view])
        except OSError as error:
            self.trouble = f"reading failed: {error.strerror}"
            return 0
        self._position += got
        return got


def _widen(descriptor: int) -> None:
    """Let a pipe hold more, so that its writer stops less often; where the system refuses, nothing is lost."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_OCTETS)


class _Packed(Stream):
    """A stream made of pieces that a generator unpacks."""

    def __init__(self, raw: Raw) -> None:
        super().__init__()
        self._raw = raw
        self._pieces = self._unpack()
        self._piece = memoryview(b"")

    @property
    def position(self) -> int:
        """Packed octets taken so far."""
        return self._raw.position

    def close(self) -> None:
        """Close the descriptor underneath."""
        self._pieces.close()
        self._raw.close()

    @abstractmethod
    def _unpack(self) -> Generator[bytes, None, None]:
        """Yield unpacked pieces of bounded size; on damage set `trouble` and end."""

    def _more(self, view: memoryview) -> int:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                self.trouble = self.trouble or self._raw.trouble
                return 0
            self._piece = memoryview(piece)
        step = min(len(view), len(self._piece))
        view[:step] = self._piece[:step]
        self._piece = self._piece[step:]
        return step

    def _fail(self, words: str) -> None:
        self.trouble = self._raw.trouble or words


class GzipStream(_Packed):
    """Unpacks gzip members one after the other; zero padding between and behind them is passed over."""

    def _unpack(self) -> Generator[bytes, None, None]:
        packed = self._raw.read(_PACKED)
        while packed:
            if packed[0]:
                packed = yield from self._member(packed)
            if not self.trouble:
                packed = packed.lstrip(b"\0") or self._raw.read(_PACKED)

    def _member(self, packed: bytes) -> Generator[bytes, None, bytes]:
        """Unpack one member; what follows it in `packed` comes back, nothing after damage."""
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not member.eof:
            before = member.copy()
            try:
                piece = member.decompress(packed, _PACKED)
            except zlib.error as error:
                yield _salvage(before, packed)
                self._fail(f"gzip data damaged: {error}")
                return b""
            if piece:
                yield piece
            starved = not member.unconsumed_tail
            packed = member.unused_data if member.eof else member.unconsumed_tail
            if starved and not piece and not member.eof:
                packed = self._raw.read(_PACKED)
                if not packed:
                    self._fail("gzip data cut in the middle")
                    return b""
        return packed


def _salvage(member: "zlib._Decompress", packed: bytes) -> bytes:
    """What can be unpacked of `packed` before the octet that is wrong."""
    pieces = []
    with contextlib.suppress(zlib.error):
        for octet in packed:
            pieces.append(member.decompress(bytes((octet,))))
    return b"".join(pieces)


class ZstdStream(_Packed):
    """Unpacks zstd frames one block at a time: 128 KiB at most, whatever a frame claims to hold."""

    def __init__(self, raw: Raw) -> None:
        super().__init__(raw)
        self._packed = b""
        self._at = 0

    def _unpack(self) -> Generator[bytes, None, None]:
        while magic := self._take(4):
            try:
                if magic == ZSTD:
                    yield from self._frame(magic)
                elif compression(magic) == "zstd":
                    self._skip(int.from_bytes(self._exactly(4), "little"))
                else:
                    self._fail("cut in the middle" if len(magic) < 4 else "zstd data followed by something else")
                    return
            except EOFError:
                self._fail("zstd data cut in the middle")
                return
            except zstandard.ZstdError as error:
                self._fail(f"zstd data damaged: {error}")
                return

    def _frame(self, magic: bytes) -> Iterator[bytes]:
        """Unpack one frame, block by block (RFC 8878 §3.1.1)."""
        frame = zstandard.ZstdDecompressor().decompressobj()
        descriptor = self._exactly(1)[0]
        single, dictionary = bool(descriptor & 0x20), (0, 1, 2, 4)[descriptor & 3]
        content = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
        frame.decompress(magic + bytes((descriptor,)) + self._exactly((not single) + dictionary + content))
        last = False
        while not last:
            header = self._exactly(3)
            word = int.from_bytes(header, "little")
            last, run_length, size = bool(word & 1), (word >> 1 & 3) == 1, word >> 3
            yield frame.decompress(header + self._exactly(1 if run_length else min(size, _PACKED * 2)))
        if descriptor & 4:
            frame.decompress(self._exactly(4))

    def _take(self, count: int) -> bytes:
        """The next packed octets, fewer than `count` only at the end."""
        if len(self._packed) - self._at < count:
            self._packed = self._packed[self._at :] + self._raw.read(max(count, _PACKED))
            self._at = 0
        octets = self._packed[self._at : self._at + count]
        self._at += len(octets)
        return octets

    def _exactly(self, count: int) -> bytes:
        octets = self._take(count)
        if len(octets) < count:
            raise EOFError
        return octets

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._exactly(min(count, _PACKED)))


def open_stream(raw: Raw) -> Stream:
    """The stream that unpacks `raw`, by its first octets; `raw` itself where nothing is packed."""
    packing = compression(raw.peek(4))
    if packing == "gzip":
        return GzipStream(raw)
    return ZstdStream(raw) if packing == "zstd" else raw
