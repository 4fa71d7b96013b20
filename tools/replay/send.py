"""The sending side: a packet socket with a TX ring."""

import contextlib
import mmap
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from formats import packet_socket as k
from probe.errors import InputError
from probe.merge import Batch, batches
from probe.sources import open_sources
from tools.replay.kernel import fill

__all__ = ["Pace", "Sent", "replay"]

SLOT_OCTETS = 2048
JUMBO_OCTETS = 16384
BLOCK_OCTETS = 1 << 16
BLOCKS = 64
BURST_S = 0.002  # packets of so much time are sent at once
ETHERNET = 1


class Pace(NamedTuple):
    """How fast: packets a second, or as captured (`speed` times as fast), or, with neither, as fast as can be."""

    packets_per_s: float = 0
    speed: float = 0


class Sent(NamedTuple):
    """What was sent: packets, octets, seconds; `skipped`: packets of links that are not Ethernet."""

    packets: int
    octets: int
    seconds: float
    skipped: int


class _Ring:
    """The TX ring of one interface."""

    def __init__(self, interface: str, jumbo: bool) -> None:
        self.size = JUMBO_OCTETS if jumbo else SLOT_OCTETS
        self.slots = BLOCK_OCTETS * BLOCKS // self.size
        self.next = 0
        try:
            self.socket = socket.socket(k.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(k.SOL_PACKET, k.PACKET_VERSION, k.TPACKET_V2)
            with contextlib.suppress(OSError):
                self.socket.setsockopt(k.SOL_PACKET, k.PACKET_QDISC_BYPASS, 1)
            self.socket.setsockopt(k.SOL_PACKET, k.PACKET_LOSS, 1)  # a packet that cannot be sent is passed over
            request = struct.pack(k.TPACKET_REQ, BLOCK_OCTETS, BLOCKS, self.size, self.slots)
            self.socket.setsockopt(k.SOL_PACKET, k.PACKET_TX_RING, request)
            self.pages = mmap.mmap(self.socket.fileno(), BLOCK_OCTETS * BLOCKS, mmap.MAP_SHARED)
            self.socket.bind((interface, 0))
        except OSError as problem:
            raise InputError(interface, f"cannot be sent to: {problem.strerror or problem}") from None
        self.octets = np.frombuffer(self.pages, np.uint8)
        self.words = self.octets.view(np.uint32)

    def send(self, batch: Batch, begin: int, end: int) -> None:
        """Send records[begin:end], waiting for room where there is none."""
        while begin < end:
            reached = fill(batch.data, batch.records, begin, end, self.octets, self.words, self.next, self.slots,
                           self.size)  # fmt: skip
            self.next = (self.next + reached - begin) % self.slots
            begin = reached
            self.socket.send(b"")

    def close(self) -> None:
        """Wait for what is on its way."""
        self.socket.send(b"")
        self.socket.close()


def _due(batch: Batch, pace: Pace, sent: int, first: int) -> np.ndarray | None:
    """When each record of the batch is due, in seconds after the start; None for at once."""
    if pace.packets_per_s:
        return np.asarray((sent + np.arange(len(batch.records))) / pace.packets_per_s)
    if pace.speed:
        return np.asarray((batch.records["ts"] - first) / (1e9 * pace.speed))
    return None


def _ethernet(captures: list[str]) -> Iterator[Batch]:
    sources, refusals = open_sources(captures)
    if refusals:
        raise InputError(refusals[0].source, refusals[0].reason)
    yield from batches(sources)


def replay(captures: list[str], interface: str, pace: Pace, jumbo: bool = False) -> Sent:
    """Send the packets of captures (Ethernet) onto an interface in order of time."""
    ring = _Ring(interface, jumbo)
    packets = octets = skipped = 0
    first: int | None = None
    begun = time.perf_counter()
    for batch in _ethernet(captures):
        records = batch.records
        there = (records["link"] == ETHERNET) & (records["captured"] >= 14)
        skipped += int((~there).sum())
        batch = batch._replace(records=np.ascontiguousarray(records[there]))
        if len(batch.records):
            first = int(batch.records["ts"][0]) if first is None else first
            _send(ring, batch, _due(batch, pace, packets, first), begun)
            packets += len(batch.records)
            octets += int(batch.records["captured"].sum())
        batch.release()
    ring.close()
    return Sent(packets, octets, time.perf_counter() - begun, skipped)


def _send(ring: _Ring, batch: Batch, due: np.ndarray | None, begun: float) -> None:
    """Send a batch, each packet when it is due."""
    at, end = 0, len(batch.records)
    while at < end:
        reached = end
        if due is not None:
            ahead = float(due[at]) - (time.perf_counter() - begun)
            if ahead > 0:
                time.sleep(ahead)
            reached = max(at + 1, int(np.searchsorted(due, time.perf_counter() - begun + BURST_S, side="right")))
        ring.send(batch, at, reached)
        at = reached
