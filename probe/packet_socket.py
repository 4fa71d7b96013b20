"""A packet socket (AF_PACKET) with a ring that the kernels read in place: the way in for live traffic.

    ring = PacketRing("eth1", RingOptions())
    while True:
        ring.wait(0.1)
        block = ring.read()            # block.data, block.records as of a file; None while nothing is there
        ring.release(block)            # gives the ring's blocks back

Nothing is copied, and no library stands between. Needs CAP_NET_RAW.
"""

import contextlib
import errno
import fcntl
import mmap
import select
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from formats import packet_socket as k
from formats.records import RECORD
from kernels.packet_ring import give_back, ready_blocks, walk_block
from probe.bpf import RETURN, Instruction, sock_fprog
from probe.errors import InputError

__all__ = ["PacketRing", "Ring", "RingBlock", "RingOptions", "RingStats", "interface_up", "link_of"]

SIOCGIFHWADDR = 0x8927
SIOCGIFFLAGS = 0x8913
IFF_UP = 1
FRAME_OCTETS = 2048
RECORDS_AT_ONCE = 1 << 16
ALL = 1 << 30
NOTHING = [(RETURN, 0, 0, 0)]


class RingOptions(NamedTuple):
    """octets: of the ring; block_octets: of one of its blocks; retire_ms: when a block that is not full is handed over.

    filter: classic BPF that packets must pass; hardware_time: stamps of the network card.
    """

    octets: int = 64 << 20
    block_octets: int = 1 << 20
    retire_ms: int = 20
    promiscuous: bool = True
    filter: Sequence[Instruction] = ()
    hardware_time: bool = False


class RingStats(NamedTuple):
    """Since the ring was opened: packets that reached the socket, of them dropped, how often the ring was full."""

    packets: int = 0
    dropped: int = 0
    freezes: int = 0


class RingBlock(NamedTuple):
    """Packets that lie in the ring; `first` and `blocks` say which of its blocks they are in."""

    data: np.ndarray
    records: np.ndarray
    first: int
    blocks: int


def _cannot(interface: str, problem: OSError) -> InputError:
    if isinstance(problem, PermissionError):
        words, remedy = "capturing is not permitted", "Run it as root, or give it CAP_NET_RAW."
    elif problem.errno in (None, errno.ENODEV, errno.ENXIO):  # none: of if_nametoindex
        names = ", ".join(name for _, name in socket.if_nameindex())
        words, remedy = "there is no such interface", f"There are {names}."
    else:
        words, remedy = f"cannot be captured from: {problem.strerror or problem}", ""
    return InputError(interface, words, remedy=remedy)


def _asked(interface: str, number: int) -> bytes:
    """What an ioctl on interfaces (netdevice(7)) says: struct ifreq."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return fcntl.ioctl(asking, number, struct.pack("16s24x", interface.encode()))


def interface_up(interface: str) -> bool:
    """Whether an interface is there and up."""
    try:
        (flags,) = struct.unpack_from("=H", _asked(interface, SIOCGIFFLAGS), 16)
    except OSError:
        return False
    return bool(flags & IFF_UP)


def link_of(interface: str) -> int:
    """LINKTYPE of an interface's frames; that of Ethernet where there is no such interface."""
    try:
        (kind,) = struct.unpack_from("=H", _asked(interface, SIOCGIFHWADDR), 16)
    except OSError:
        return 1
    return k.ARPHRD_TO_LINK.get(kind, 1)


class Ring(Protocol):
    """What a live probe reads: a `PacketRing`, or a queue of AF_XDP."""

    interface: str
    index: int
    options: RingOptions
    stats: RingStats
    unread: int
    socket: socket.socket
    data: np.ndarray
    """its memory, the same as long as it is open"""
    stamped: bool
    """whether a packet's time is that of its coming, not of its being read"""

    @property
    def octets(self) -> int:
        """Memory of the ring."""

    @property
    def fill_share(self) -> float:
        """Share of the ring that waits to be read, from 0 to 1."""

    def read(self, most: int = ALL) -> RingBlock | None:
        """The packets that are ready, oldest first, of `most` blocks of the ring; None while there are none.

        One block at a time where packets have no stamps.
        """

    def release(self, block: RingBlock) -> None:
        """Give a block back."""

    def count(self) -> RingStats:
        """Counters since the start."""

    def filter(self, instructions: Sequence[Instruction]) -> None:
        """Let only packets pass that this program takes."""

    def up(self) -> bool:
        """Whether the interface is there and up."""

    def close(self) -> None:
        """Stop capturing."""


class PacketRing:
    """One ring on one interface. `index` is that of the source in the ledger."""

    stamped = True

    def __init__(
        self, interface: str, options: RingOptions | None = None, index: int = 0, fanout: int | None = None
    ) -> None:
        """Raises InputError where the interface cannot be captured from.

        fanout: what PACKET_FANOUT takes, for a ring that shares the packets of the interface with others.
        """
        self.interface, self.options, self.index, self.fanout = interface, options or RingOptions(), index, fanout
        self.stats = RingStats()
        self.next = self.held = 0  # the next block to look at; blocks handed to us and not given back
        self.records = np.empty(RECORDS_AT_ONCE, RECORD)
        self.unread = 0  # packets of a block that could not be found in it
        try:
            self._open()
        except OSError as problem:
            self.close()
            raise _cannot(interface, problem) from None

    # --- set-up ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        options = self.options
        self.ifindex = socket.if_nametoindex(self.interface)
        self.socket = socket.socket(k.AF_PACKET, socket.SOCK_RAW, 0)
        self.link = link_of(self.interface)
        self.socket.setsockopt(k.SOL_PACKET, k.PACKET_VERSION, k.TPACKET_V3)
        self.block_octets = options.block_octets
        self.block_count = max(2, options.octets // options.block_octets)
        size = self.block_octets * self.block_count
        frames = size // FRAME_OCTETS
        request = (self.block_octets, self.block_count, FRAME_OCTETS, frames, options.retire_ms, 0, 0)
        self.socket.setsockopt(k.SOL_PACKET, k.PACKET_RX_RING, struct.pack(k.TPACKET_REQ3, *request))
        self._pages = mmap.mmap(self.socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self.data = np.frombuffer(self._pages, np.uint8)
        self.words = self.data.view(np.uint32)
        stamps = k.RAW_HARDWARE if options.hardware_time else k.RX_SOFTWARE | k.SOFTWARE  # when the packet came in
        self.socket.setsockopt(socket.SOL_SOCKET, k.SO_TIMESTAMPING, stamps)
        self.socket.setsockopt(k.SOL_PACKET, k.PACKET_TIMESTAMP, stamps)
        self.filter(options.filter if self.fanout is None else NOTHING)
        with contextlib.suppress(OSError):  # kernels before 4.20 show our own frames too
            self.socket.setsockopt(k.SOL_PACKET, k.PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((self.interface, k.ETH_P_ALL))
        if self.fanout is not None:
            self._join(self.fanout)
        if options.promiscuous:
            membership = struct.pack(k.PACKET_MREQ, self.ifindex, k.PACKET_MR_PROMISC, 0, b"")
            self.socket.setsockopt(k.SOL_PACKET, k.PACKET_ADD_MEMBERSHIP, membership)
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN | select.POLLERR)

    def filter(self, instructions: Sequence[Instruction]) -> None:
        """Let only packets pass that this program takes, from now on; none: all of them."""
        if not instructions:
            with contextlib.suppress(OSError):  # there is none
                self.socket.setsockopt(socket.SOL_SOCKET, k.SO_DETACH_FILTER, 0)
            return
        program, keep = sock_fprog(instructions)
        self.socket.setsockopt(socket.SOL_SOCKET, k.SO_ATTACH_FILTER, program)
        del keep

    def _join(self, fanout: int) -> None:
        """Share packets with others from now on; up to here it would see what they see too."""
        try:
            self.socket.setsockopt(k.SOL_PACKET, k.PACKET_FANOUT, fanout)
        except OSError as problem:
            words = f"several rings are not possible ({problem.strerror}); older kernels want it to be up"
            raise OSError(problem.errno, words) from None
        self.filter(self.options.filter)

    @property
    def group(self) -> int:
        """The number of the group of rings that it shares packets with."""
        told = self.socket.getsockopt(k.SOL_PACKET, k.PACKET_FANOUT)
        return told & k.PACKET_FANOUT_GROUP

    def spread(self, instructions: Sequence[Instruction]) -> None:
        """Let this program, modulo the number of rings, choose the ring of each packet of the group."""
        program, keep = sock_fprog(instructions)
        self.socket.setsockopt(k.SOL_PACKET, k.PACKET_FANOUT_DATA, program)
        del keep

    # --- reading --------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Wait until there is something to read; False where nothing came."""
        return bool(self._poll.poll(int(seconds * 1000)))

    def read(self, most: int = ALL) -> RingBlock | None:
        """The packets of the blocks that are ready, `most` of them, oldest first; None while there are none."""
        count, size = self.block_count, self.block_octets
        most = min(most, count - self.held)
        blocks, packets = ready_blocks(self.words, self.next, size, count, most)
        while packets > len(self.records) and blocks > 1:
            blocks, packets = ready_blocks(self.words, self.next, size, count, blocks // 2)
        if not blocks:
            return None
        if packets > len(self.records):
            self.records = np.empty(packets, RECORD)
        done = 0
        for block in range(self.next, self.next + blocks):
            done = walk_block(self.words, block % count * size, size, self.link, self.index, self.records, done)
        self.unread += packets - done
        found = RingBlock(self.data, self.records[:done], self.next, blocks)
        self.next = (self.next + blocks) % count
        self.held += blocks
        return found

    def release(self, block: RingBlock) -> None:
        """Give the ring's blocks back, in the order in which they were read."""
        give_back(self.words, block.first, self.block_octets, self.block_count, block.blocks)
        self.held -= block.blocks

    @property
    def octets(self) -> int:
        """Memory of the ring."""
        return self.block_octets * self.block_count

    @property
    def fill_share(self) -> float:
        """Share of the ring that waits to be read, from 0 to 1."""
        blocks, _ = ready_blocks(
            self.words, self.next, self.block_octets, self.block_count, self.block_count - self.held
        )
        return (blocks + self.held) / self.block_count

    def count(self) -> RingStats:
        """Read the kernel's counters, which it sets to zero thereby, and add them up."""
        size = struct.calcsize(k.TPACKET_STATS_V3)
        packets, dropped, freezes = struct.unpack(
            k.TPACKET_STATS_V3, self.socket.getsockopt(k.SOL_PACKET, k.PACKET_STATISTICS, size)
        )
        so_far = self.stats
        self.stats = RingStats(so_far.packets + packets, so_far.dropped + dropped, so_far.freezes + freezes)
        return self.stats

    def up(self) -> bool:
        """Whether the interface is there and up."""
        return interface_up(self.interface)

    def close(self) -> None:
        """Stop capturing. Blocks that were read must no longer be looked at."""
        if hasattr(self, "socket"):
            self.socket.close()
        self.data, self.words = np.empty(0, np.uint8), np.empty(0, np.uint32)
        if hasattr(self, "_pages"):
            with contextlib.suppress(BufferError):  # somebody still holds rows; the pages go when they do
                self._pages.close()
