"""Several rings as one stream in order of time, read where they lie.

One array of octets reaches from the lowest ring in memory to the highest (what lies between them is not looked at), so
a batch can hold packets of all rings, and only their records are put in order: no packet is copied. A batch goes up to
the time that every ring is known to have reached: its last packet, or, where it is silent, a little before now (a block
that is not full is handed over only after a while). What is later waits in its ring; where that is half full, packets
are passed on although others may turn out to be earlier: a little disorder is better than loss.
"""

import ctypes
import select
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from formats.records import RECORD
from probe.merge import Batch
from probe.packet_socket import Ring, RingBlock, RingStats

__all__ = ["Rings"]

MILLISECOND = 10**6
SLACK_MS = 80  # on top of a block's retirement: until the kernel's timer has run on a busy machine
NAP_S = 0.02  # while packets wait: poll(2) does not, as their ring has blocks that are not back
HALF_FULL = 0.5
AT_ONCE = 64  # blocks of a ring, each given back as soon as its own packets are passed on
FOREVER = 1 << 62


class _Held:
    """A ring's blocks that were read and hold packets that were not passed on, oldest first."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.blocks = deque[tuple[RingBlock, int]]()  # and the time of its last packet
        self.reached = 0  # that of the last packet that was read
        self.drained = False  # there was nothing more to read

    def read(self, shift: int) -> list[np.ndarray]:
        """Records that are new, int64[n, 4], their offsets moved by `shift`."""
        found: list[np.ndarray] = []
        self.drained = False
        while len(found) < AT_ONCE and (self.ring.stamped or not self.blocks):
            block = self.ring.read(1)
            if block is None:
                self.drained = True
                break
            rows = _words(block.records).copy()
            rows[:, 1] += shift
            if len(rows):
                self.reached = max(self.reached, int(rows[:, 0].max()))
            self.blocks.append((block, self.reached))
            found.append(rows)
        return found

    def known(self, now: int, last: bool) -> int:
        """The time before which this ring will bring nothing more, at the time `now`; `last`: nothing more comes."""
        if not self.ring.stamped or (last and self.drained):
            return FOREVER  # packets without stamps get the time at which they are read
        late = (self.ring.options.retire_ms + SLACK_MS) * MILLISECOND
        return max(self.reached, now - late) if self.drained else self.reached

    def release(self, passed: int) -> None:
        """Give back the blocks of which all packets up to the time `passed` is all."""
        while self.blocks and self.blocks[0][1] <= passed:
            self.ring.release(self.blocks.popleft()[0])


class Rings:
    """The packets of some rings as batches; each batch must be released before the next is asked for."""

    def __init__(self, rings: Sequence[Ring]) -> None:
        self.rings = rings
        self.interfaces: dict[str, list[Ring]] = {}
        """The rings of each interface, in the order of their index in the ledger."""
        for ring in sorted(rings, key=lambda ring: ring.index):
            self.interfaces.setdefault(ring.interface, []).append(ring)
        self.last = 0  # time of the last packet that was passed on
        self.waiting = _words(np.empty(0, RECORD))
        self._held = [_Held(ring) for ring in rings]
        self._base, self._data = _spanned([ring.data for ring in rings])
        self._poll = select.poll()
        for ring in rings:
            self._poll.register(ring.socket, select.POLLIN | select.POLLERR)

    def stats(self) -> dict[str, RingStats]:
        """What was counted last, by interface: its rings together."""
        return {
            name: RingStats(*map(sum, zip(*(ring.stats for ring in rings), strict=True)))
            for name, rings in self.interfaces.items()
        }

    def wait(self, seconds: float) -> None:
        """Wait until a ring has something to read."""
        if len(self.waiting):
            time.sleep(min(seconds, NAP_S))
        elif any(event & select.POLLERR for _, event in self._poll.poll(int(seconds * 1000))):
            time.sleep(seconds)  # a vanished interface is always ready

    def batch(self, last: bool = False) -> Batch | None:
        """What has come in, in order of time; None for nothing. `last`: nothing waits for what may come yet."""
        if len(self.rings) == 1:
            return self._passed_on(self.rings[0])
        now = time.time_ns()  # before they are looked at: what comes meanwhile is later
        found = [rows for held in self._held for rows in held.read(held.ring.data.ctypes.data - self._base)]
        rows = np.concatenate([self.waiting, *found])
        horizon = self._horizon(now, last)
        if len(rows) > len(self.waiting):
            rows = rows[np.argsort(rows[:, 0], kind="stable")]
        cut = int(np.searchsorted(rows[:, 0], horizon, side="right"))
        self.waiting = rows[cut:].copy()
        if not cut:
            self._release(0)  # blocks without packets
            return None
        self.last = passed = int(rows[cut - 1, 0])
        return Batch(self._data, rows[:cut].view(RECORD)[:, 0], lambda: self._release(passed))

    def _horizon(self, now: int, last: bool) -> int:
        """The time up to which packets are passed on."""
        known = min(held.known(now, last) for held in self._held)
        full = [held.reached for held in self._held if held.blocks and held.ring.fill_share >= HALF_FULL]
        return max(known, *full) if full else known

    def _release(self, passed: int) -> None:
        for held in self._held:
            held.release(passed)

    def _passed_on(self, ring: Ring) -> Batch | None:
        block = ring.read()
        if block is None:
            return None
        if len(block.records):
            self.last = int(block.records["ts"][-1])
        return Batch(block.data, block.records, lambda: ring.release(block))


def _words(records: np.ndarray) -> np.ndarray:
    """RECORD[n] as int64[n, 4], which are moved faster: time, offset, and two of two fields each."""
    return records.view(np.int64).reshape(len(records), RECORD.itemsize // 8)


def _spanned(arrays: Sequence[np.ndarray]) -> tuple[int, np.ndarray]:
    """The lowest address of some arrays, and one array from there to the end of the highest, over what is between."""
    base = min(array.ctypes.data for array in arrays)
    end = max(array.ctypes.data + array.nbytes for array in arrays)
    return base, np.ctypeslib.as_array((ctypes.c_uint8 * (end - base)).from_address(base))
