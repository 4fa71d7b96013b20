"""AF_XDP: frames taken from the driver before the host's network stack sees them, and read where they lie.

One socket a receive queue; a program of six instructions hands each frame to the socket of its queue. What is captured
so does not reach the host any more: right for a tap or SPAN port, wrong for an interface that the host itself uses.
The kernel gives no time stamps here: frames are stamped when they are read, some milliseconds late at most.
Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.
"""

import contextlib
import ctypes
import mmap
import os
import platform
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from formats import packet_socket
from formats import xdp_socket as k
from formats.records import RECORD
from kernels.xdp_ring import refill, waiting, walk_frames
from probe.bpf import Instruction
from probe.errors import InputError, UsageError
from probe.packet_socket import ALL, RingBlock, RingOptions, RingStats, interface_up

__all__ = ["XdpProgram", "XdpRing", "open_queues", "queues_of"]

PAGE = mmap.PAGESIZE
LOG_OCTETS = 1 << 16
CHUNK_OCTETS = 2048
JUMBO_CHUNK_OCTETS = 4096
AT_ONCE = 1 << 14

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def _bpf(command: int, attributes: bytes) -> int:
    number = k.SYS_BPF.get(platform.machine())
    if number is None:
        raise OSError(0, f"bpf(2) has no known number on {platform.machine()}")
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return _checked(_libc.syscall(number, command, buffer, len(attributes)))


def queues_of(interface: str) -> int:
    """Receive queues of an interface."""
    return max(1, len(list(Path(f"/sys/class/net/{interface}/queues").glob("rx-*"))))


class XdpProgram:
    """The program on one interface and the map of its sockets; gone when it is closed, or with the process."""

    def __init__(self, interface: str, queues: int) -> None:
        """Attaches in driver mode, or in generic mode where the driver has none; raises OSError."""
        self.interface, self.queues = interface, queues
        self.ifindex = socket.if_nametoindex(interface)
        self._fds: list[int] = []
        try:
            create = struct.pack(k.MAP_CREATE, k.BPF_MAP_TYPE_XSKMAP, 4, 4, queues, 0)
            self._fds.append(_bpf(k.BPF_MAP_CREATE, create))
            self._fds.append(self._load(self._fds[0]))
            self.native = True
            try:
                self._fds.append(self._attach(k.XDP_FLAGS_DRV_MODE))
            except OSError:
                self.native = False
                self._fds.append(self._attach(k.XDP_FLAGS_SKB_MODE))
        except OSError:
            self.close()
            raise

    def _load(self, map_fd: int) -> int:
        code = b"".join(struct.pack(k.INSTRUCTION, *each) for each in k.redirect_program(map_fd))
        instructions, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"Apache-2.0")
        log = ctypes.create_string_buffer(LOG_OCTETS)
        where = [ctypes.addressof(each) for each in (instructions, licence, log)]
        return _bpf(k.BPF_PROG_LOAD, struct.pack(
            k.PROG_LOAD, k.BPF_PROG_TYPE_XDP, len(code) // 8, where[0], where[1], 1, LOG_OCTETS, where[2], 0, 0,
            b"wiregauge", 0, k.BPF_ATTACH_XDP,
        ))  # fmt: skip

    def _attach(self, mode: int) -> int:
        return _bpf(k.BPF_LINK_CREATE, struct.pack(k.LINK_CREATE, self._fds[1], self.ifindex, k.BPF_ATTACH_XDP, mode))

    def give(self, queue: int, descriptor: int) -> None:
        """From now on the frames of a queue go to this socket."""
        key, value = ctypes.c_uint32(queue), ctypes.c_uint32(descriptor)
        where = ctypes.addressof(key), ctypes.addressof(value)
        _bpf(k.BPF_MAP_UPDATE_ELEM, struct.pack(k.MAP_UPDATE, self._fds[0], 0, *where, 0))

    def close(self) -> None:
        """Take the program off the interface."""
        while self._fds:
            os.close(self._fds.pop())


class _Mapped:
    """One ring of a socket in our memory: its two counters and its entries."""

    def __init__(self, fd: int, page_offset: int, offsets: tuple[int, ...], entries: int, entry_octets: int) -> None:
        producer, consumer, desc, _ = offsets
        size = desc + entries * entry_octets
        self.pages = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=page_offset)
        octets = np.frombuffer(self.pages, np.uint8)
        self.words = octets[: size // 4 * 4].view(np.uint32)
        self.producer, self.consumer = producer // 4, consumer // 4
        self.entries = octets[desc : desc + entries * entry_octets].view(np.uint64)


class XdpRing:
    """One receive queue; the same to its reader as a `PacketRing`."""

    stamped = False

    def __init__(
        self, program: XdpProgram, queue: int, options: RingOptions | None = None, index: int = 0, mtu: int = 1500
    ) -> None:
        """Raises InputError where the queue cannot be captured from."""
        self.program, self.interface, self.queue, self.index = program, program.interface, queue, index
        self.filter(options.filter if options else ())
        self.options, self.stats, self.unread = options or RingOptions(), RingStats(), 0
        self.chunk = CHUNK_OCTETS if mtu <= 1500 else JUMBO_CHUNK_OCTETS
        self.count_of_chunks = 1 << max(6, (self.options.octets // self.chunk).bit_length() - 1)
        self.records = np.empty(AT_ONCE, RECORD)
        self.read_so_far = 0
        self.link = packet_socket.ARPHRD_TO_LINK[1]
        try:
            self._open()
        except OSError as problem:
            self.close()
            words = f"AF_XDP does not work on queue {queue}: {problem.strerror or problem}"
            raise InputError(self.interface, words, remedy="Capture with --capture af_packet.") from None

    def _open(self) -> None:
        self.socket = socket.socket(k.AF_XDP, socket.SOCK_RAW, 0)
        chunks, fd = self.count_of_chunks, self.socket.fileno()
        self._umem = mmap.mmap(-1, chunks * self.chunk)
        self.data = np.frombuffer(self._umem, np.uint8)
        register = struct.pack(k.UMEM_REG, self.data.ctypes.data, self.data.nbytes, self.chunk, 0, 0, 0)
        self.socket.setsockopt(k.SOL_XDP, k.XDP_UMEM_REG, register)
        for ring in (k.XDP_UMEM_FILL_RING, k.XDP_UMEM_COMPLETION_RING, k.XDP_RX_RING):
            self.socket.setsockopt(k.SOL_XDP, ring, chunks)
        size = struct.calcsize(k.RING_OFFSETS)
        told = self.socket.getsockopt(k.SOL_XDP, k.XDP_MMAP_OFFSETS, 4 * size)
        offsets = [struct.unpack_from(k.RING_OFFSETS, told, at * size) for at in range(4)]
        self.rx = _Mapped(fd, k.PGOFF_RX_RING, offsets[0], chunks, k.DESC_OCTETS)
        self.fill = _Mapped(fd, k.PGOFF_FILL_RING, offsets[2], chunks, 8)
        self.fill.entries[:] = np.arange(chunks, dtype=np.uint64) * np.uint64(self.chunk)
        self.fill.words[self.fill.producer] = chunks
        self._bind()
        self.program.give(self.queue, fd)

    def _bind(self) -> None:
        """Without copies where the driver can, else with one."""
        modes = (k.XDP_ZEROCOPY, k.XDP_COPY) if self.program.native else (k.XDP_COPY,)
        for mode in modes:
            address = struct.pack(k.SOCKADDR_XDP, k.AF_XDP, mode, self.program.ifindex, self.queue, 0)
            try:
                _checked(_libc.bind(self.socket.fileno(), address, len(address)))
                self.copies = mode == k.XDP_COPY
                return
            except OSError:
                if mode == modes[-1]:
                    raise

    def read(self, most: int = ALL) -> RingBlock | None:
        """The frames that are ready, oldest first, stamped now; None while there are none. One block at a time."""
        count = min(int(waiting(self.rx.words, self.rx.producer, self.rx.consumer)), AT_ONCE)
        if not count:
            return None
        first = int(self.rx.words[self.rx.consumer])
        walk_frames(self.rx.entries, first, count, time.time_ns(), self.link, self.index, self.records)
        self.read_so_far += count
        return RingBlock(self.data, self.records[:count], first, count)

    def release(self, block: RingBlock) -> None:
        """Give the chunks of a block back to the kernel."""
        fill = self.fill
        refill(self.rx.entries, block.first, block.blocks, self.chunk, fill.entries, fill.words, fill.producer)
        self.rx.words[self.rx.consumer] = np.uint32((block.first + block.blocks) & 0xFFFF_FFFF)

    @property
    def octets(self) -> int:
        """Memory for frames."""
        return self.count_of_chunks * self.chunk

    @property
    def fill_share(self) -> float:
        """Share of the chunks that wait to be read, from 0 to 1."""
        return int(waiting(self.rx.words, self.rx.producer, self.rx.consumer)) / self.count_of_chunks

    def count(self) -> RingStats:
        """Frames so far: read, waiting or dropped for want of chunks."""
        size = struct.calcsize(k.STATISTICS)
        dropped, _, _, full, *_ = struct.unpack(k.STATISTICS, self.socket.getsockopt(k.SOL_XDP, k.XDP_STATISTICS, size))
        self.stats = RingStats(self.read_so_far + dropped + full, dropped + full, full)
        return self.stats

    def up(self) -> bool:
        """Whether the interface is there and up."""
        return interface_up(self.interface)

    def filter(self, instructions: Sequence[Instruction]) -> None:
        """Classic BPF does not work here; raises UsageError where there is any."""
        if instructions:
            raise UsageError("--filter works with --capture af_packet only.")

    def close(self) -> None:
        """Stop capturing on this queue; the program goes when the last queue does."""
        for name in ("rx", "fill"):
            if hasattr(self, name):
                delattr(self, name)
        self.data = np.empty(0, np.uint8)
        if hasattr(self, "socket"):
            self.socket.close()
        with contextlib.suppress(BufferError, AttributeError):
            self._umem.close()
        self.program.close()


def open_queues(interface: str, options: RingOptions, index: int) -> list[XdpRing]:
    """A ring for every receive queue of an interface; raises InputError where that is not possible."""
    try:
        queues = queues_of(interface)
        program = XdpProgram(interface, queues)
        mtu = int(Path(f"/sys/class/net/{interface}/mtu").read_text())
    except OSError as problem:
        words = f"AF_XDP does not work: {problem.strerror or problem}"
        raise InputError(interface, words, remedy="Capture with --capture af_packet.") from None
    share = options._replace(octets=max(1 << 20, options.octets // queues))
    return [XdpRing(program, queue, share, index, mtu) for queue in range(queues)]
