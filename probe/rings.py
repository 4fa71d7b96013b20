"""Several rings as one stream in order of time.

One ring's packets are passed on where they lie. Where there are several, packets are copied into batches of their own,
up to the time that every ring is known to have reached: its last packet, or, where it is silent, a little before now
(a block that is not full is handed over only after a while). What is later waits.
"""

import select
import time
from collections.abc import Sequence

import numpy as np

from formats.records import RECORD
from kernels.gather import gather
from probe.merge import Batch
from probe.packet_socket import Ring, RingBlock, RingStats

__all__ = ["Rings"]

MILLISECOND = 10**6
SLACK_MS = 80  # on top of a block's retirement: until the kernel's timer has run on a busy machine


class Rings:
    """The packets of some rings as batches; each batch must be released before the next is asked for."""

    def __init__(self, rings: Sequence[Ring]) -> None:
        self.rings = rings
        self.interfaces: dict[str, list[Ring]] = {}
        """The rings of each interface, in the order of their index in the ledger."""
        for ring in sorted(rings, key=lambda ring: ring.index):
            self.interfaces.setdefault(ring.interface, []).append(ring)
        self.waiting = (np.empty(0, np.uint8), np.empty(0, RECORD))
        self.last = 0  # time of the last packet that was passed on
        self._poll = select.poll()
        for ring in rings:
            self._poll.register(ring.socket, select.POLLIN | select.POLLERR)

    def stats(self) -> dict[str, RingStats]:
        """What was counted last, by interface: its rings together."""
        return {name: RingStats(*map(sum, zip(*(ring.stats for ring in rings), strict=True)))
                for name, rings in self.interfaces.items()}  # fmt: skip

    def wait(self, seconds: float) -> None:
        """Wait until a ring has something to read."""
        if any(event & select.POLLERR for _, event in self._poll.poll(int(seconds * 1000))):
            time.sleep(seconds)  # a vanished interface is always ready

    def batch(self, last: bool = False) -> Batch | None:
        """What has come in, in order of time; None for nothing. `last`: nothing waits for what may come yet."""
        if len(self.rings) == 1:
            return self._passed_on(self.rings[0])
        now = time.time_ns()  # before they are looked at: what comes meanwhile is later
        blocks = [(ring, block) for ring in self.rings if (block := ring.read()) is not None]
        horizon = min(self._reached(ring, dict(blocks), now) for ring in self.rings)
        pieces = [self.waiting, *((block.data, block.records) for _, block in blocks)]
        data, records = _joined(pieces)
        for ring, block in blocks:
            ring.release(block)
        cut = len(records) if last else int(np.searchsorted(records["ts"], horizon, side="right"))
        self.waiting = (data, records[cut:])
        if not cut:
            return None
        self.last = int(records["ts"][cut - 1])
        return Batch(data, records[:cut], lambda: None)

    def _passed_on(self, ring: Ring) -> Batch | None:
        block = ring.read()
        if block is None:
            return None
        if len(block.records):
            self.last = int(block.records["ts"][-1])
        return Batch(block.data, block.records, lambda: ring.release(block))

    def _reached(self, ring: Ring, blocks: dict[Ring, RingBlock], now: int) -> int:
        """The time before which this ring will bring nothing more."""
        block = blocks.get(ring)
        if block is not None and len(block.records):
            return int(block.records["ts"].max())
        return now - (ring.options.retire_ms + SLACK_MS) * MILLISECOND


def _joined(pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The packets of all pieces, copied, by time and then by the order of the pieces."""
    times = np.concatenate([records["ts"] for _, records in pieces])
    place = np.empty(len(times), np.int64)
    place[np.argsort(times, kind="stable")] = np.arange(len(times))
    placed = np.empty(len(times), np.int64)
    placed[place] = np.concatenate([records["captured"] for _, records in pieces])
    records = np.zeros(len(times), RECORD)
    records["offset"] = np.cumsum(placed) - placed
    data = np.empty(int(placed.sum()), np.uint8)
    at = 0
    for octets, rows in pieces:
        gather(octets, rows, 0, len(rows), data, records, place[at : at + len(rows)])
        at += len(rows)
    return data, records
