"""Capture files as blocks: octets and where the packets in them lie, in file order.

    sources, refusals = open_sources(["captures/", "-"])
    while block := source.read():
        ...                       # block.data, block.records
        source.release(block)     # its buffer is used again: nothing may point into it any more

A source that stands in a file opens it at its first `read` and closes it at the end, so a run over thousands of files
holds few open. Damage ends a source, is kept in `damage`, and costs nothing of what was whole before it.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from formats.capture import (
    INTERFACE,
    LONGEST_TABLE,
    PCAP_HEADER_OCTETS,
    TS_MAX,
    WALK,
    WALK_REASONS,
    WALK_TABLE_FULL,
    WALK_WHOLE,
    Layout,
    recognise,
)
from kernels.pcap import walk_pcap
from kernels.pcapng import walk_pcapng
from probe.errors import UsageError
from probe.finding import STDIN, Refusal, find_files
from probe.reading import BLOCK_BYTES, HEADROOM, Buffer, Pool, Raw, Stream, open_stream

__all__ = ["Block", "Damage", "Refusal", "Source", "open_sources"]

_PEEK_BYTES = 64 << 10


class Block(NamedTuple):
    """Some hundreds to thousands of packets as they lie in the file; none is split between two blocks."""

    data: np.ndarray  # uint8[n], valid until the block is released
    records: np.ndarray  # RECORD[m]: every row has 0 <= offset and offset + captured <= n
    buffer: Buffer


class Damage(NamedTuple):
    """Where a source could not be read on: octet of the (unpacked) file, and why."""

    source: str
    offset: int
    reason: str


class Source:
    """One capture file, pipe or stdin.

    index, name     place in the run, name as given
    size            octets on disk, None for pipes; `position` of them have been read
    first_ts        ns of the first packet; TS_MAX where there is none
    first_digest    digest of the first packet, which tells one pipe from another; empty where there is none
    damage          why reading ended early, empty when it did not
    captured_loss   packets lost before the file was written, as the file says (pcapng only)
    untimed         packets of pcapng simple blocks: they have no time and were given that of the packet before
    """

    def __init__(self, index: int, name: str, size: int | None, reopen: "Callable[[], _Blocks] | None") -> None:
        self.index = index
        self.name = name
        self.size = size
        self.first_ts = TS_MAX
        self.first_digest = ""
        self.damage: list[Damage] = []
        self._reopen = reopen
        self._blocks: _Blocks | None = None
        self._held: Block | None = None

    @property
    def position(self) -> int:
        """Octets of the disk or pipe read so far."""
        return self._blocks.stream.position if self._blocks else 0

    @property
    def captured_loss(self) -> int:
        """Packets lost before the file was written, as far as it has been read."""
        return int(self._blocks.state[0]["lost"]) if self._blocks else 0

    @property
    def untimed(self) -> int:
        """Packets without a time, as far as the file has been read."""
        return int(self._blocks.state[0]["untimed"]) if self._blocks else 0

    def read(self) -> Block | None:
        """The next block in file order, never one without packets; None at the end."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        if self._blocks is None and self._reopen is not None:
            try:
                self._blocks = self._reopen()
            except (OSError, _Unreadable) as error:
                self._reopen = None
                self.damage.append(Damage(self.name, 0, f"can no longer be read: {_words(error)}"))
        if self._blocks is None:
            return None
        block = self._blocks.read()
        self.damage = self._blocks.damage
        return block

    def release(self, block: Block) -> None:
        """Give the buffer of a block back."""
        if self._blocks is not None:
            self._blocks.pool.give(block.buffer)

    def close(self) -> None:
        """Stop reading; what was learned so far stays."""
        self._reopen = None
        if self._blocks is not None:
            self._blocks.close()

    def _hold(self, blocks: "_Blocks") -> None:
        """Take over blocks that cannot be opened twice; the first is read now."""
        self._blocks = blocks
        self._held = blocks.read()
        self.damage = blocks.damage
        self._learn(self._held)

    def _learn(self, first: Block | None) -> None:
        if first is not None:
            record = first.records[0]
            self.first_ts = int(record["ts"])
            octets = first.data[record["offset"] : record["offset"] + record["captured"]].tobytes()
            self.first_digest = hashlib.blake2b(octets, digest_size=16).hexdigest()


class _Unreadable(Exception):
    """Why an open file is no capture, in words."""


class _Blocks:
    """The walk over one stream: fills buffers, carries what is unfinished into the next, finds the records."""

    def __init__(self, stream: Stream, layout: Layout, name: str, index: int, pool: Pool) -> None:
        self.stream = stream
        self.pool = pool
        self.damage: list[Damage] = []
        self.state = np.zeros(1, WALK)
        self._layout = layout
        self._name = name
        self._index = index
        self._interfaces = np.zeros(16, INTERFACE)
        self._carry = np.empty(0, np.uint8)
        self._base = 0  # offset in the file of the first carried octet
        self._ended = False

    def close(self) -> None:
        self._ended = True
        self.stream.close()

    def read(self) -> Block | None:
        while not self._ended:
            buffer = self.pool.take()
            block = self._next(buffer)
            if block is not None:
                return block
            self.pool.give(buffer)
        return None

    def _next(self, buffer: Buffer) -> Block | None:
        """Fill and walk `buffer`; None where no packet ended in it."""
        front = HEADROOM - len(self._carry)
        buffer.octets[front:HEADROOM] = self._carry
        got = self.stream.fill(buffer.body)
        data = buffer.octets[front : HEADROOM + got]
        count, at, code = self._walk(data, buffer.records)
        if code != WALK_WHOLE:
            reason = WALK_REASONS[code].format(found=int(self.state[0]["found"]))
            self._end(self._base + at, reason)
        elif not got:
            self._finish(data, at)
        self._carry = data[at:].copy()
        self._base += at
        return Block(data[:at], buffer.records[:count], buffer) if count else None

    def _walk(self, data: np.ndarray, records: np.ndarray) -> tuple[int, int, int]:
        if self._layout.kind == "pcap":
            _, big, unit, link = self._layout
            start = 0 if self._base else PCAP_HEADER_OCTETS
            count, at, code, found = walk_pcap(data, start, big, unit, link, self._index, records)
            self.state[0]["found"] = found
            return int(count), int(at), int(code)
        done = reached = 0
        while True:
            rest = data[reached:]
            base = self._base + reached
            count, at, code = walk_pcapng(rest, base, self._index, self._interfaces, self.state, records[done:])
            records["offset"][done : done + count] += reached
            done, reached = done + int(count), reached + int(at)
            if code != WALK_TABLE_FULL or len(self._interfaces) >= LONGEST_TABLE:
                return done, reached, int(code)
            self._interfaces = np.concatenate([self._interfaces, np.zeros_like(self._interfaces)])

    def _finish(self, data: np.ndarray, at: int) -> None:
        """The stream has ended: after a whole record, or in the middle of one."""
        inside = int(self.state[0]["trailer"])
        if self.stream.trouble:
            self._end(self._base + len(data), self.stream.trouble)
        elif inside:
            self._end(int(self.state[0]["block"]), f"cut in the middle of a block of {inside} octets")
        elif at < len(data):
            self._end(self._base + at, f"cut in the middle: the last {len(data) - at} octets are no whole record")
        else:
            self._end(0, "")

    def _end(self, offset: int, reason: str) -> None:
        self.close()
        if reason:
            self.damage.append(Damage(self._name, offset, reason))


def open_sources(
    arguments: Sequence[str], *, block_bytes: int = BLOCK_BYTES, pool: Pool | None = None
) -> tuple[list[Source], list[Refusal]]:
    """The capture files that `arguments` name (files, folders, globs, "-" for stdin), and what is none and why.

    All sources share one pool of buffers. Raises InputError where an argument names nothing that exists.
    """
    if block_bytes < 4096:
        raise UsageError(f"blocks of {block_bytes} octets are too small: take at least 4096")
    pool = pool or Pool(block_bytes)
    peek_pool = Pool(_PEEK_BYTES)
    files, refusals = find_files(arguments)
    sources: list[Source] = []
    for path in files:
        try:
            sources.append(_open_source(len(sources), path, pool, peek_pool))
        except (OSError, _Unreadable) as error:
            refusals.append(Refusal(_name(path), _words(error)))
    return sources, refusals


def _open_source(index: int, path: str, pool: Pool, peek_pool: Pool) -> Source:
    """Recognise one file and look at its first packet."""
    raw = _open_raw(path)
    if raw.size is None:
        source = Source(index, _name(path), None, None)
        source._hold(_recognised(raw, path, index, pool))
        return source

    def reopen() -> _Blocks:
        return _recognised(_open_raw(path), path, index, pool)

    source = Source(index, _name(path), raw.size, reopen)
    blocks = _recognised(raw, path, index, peek_pool)
    first = blocks.read()
    source._learn(first)
    if first is not None:
        peek_pool.give(first.buffer)
    blocks.stream.close()
    return source


def _open_raw(path: str) -> Raw:
    if path == STDIN and os.isatty(0):
        raise _Unreadable("a terminal: pipe a capture into it")
    return Raw(os.dup(0) if path == STDIN else os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _recognised(raw: Raw, path: str, index: int, pool: Pool) -> _Blocks:
    """The walk that the first octets of `raw` ask for."""
    try:
        stream = open_stream(raw)
        layout = recognise(stream.peek(PCAP_HEADER_OCTETS))
        if isinstance(layout, str):
            raise _Unreadable(stream.trouble or (layout if stream is raw else f"holds, unpacked: {layout}"))
    except BaseException:
        raw.close()
        raise
    return _Blocks(stream, layout, _name(path), index, pool)


def _name(path: str) -> str:
    return "stdin" if path == STDIN else path


def _words(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
