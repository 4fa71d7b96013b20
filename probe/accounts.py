"""The ledger of a run: what became of each packet, from the kernels' counters to rows and totals."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from formats.reasons import BY_CODE, CAPTURE_LOSS, TABLE_FULL
from formats.state import LEDGER_INTERFACES
from formats.xdr import INTERFACES
from kernels import shard as own
from kernels.shard import LAST_LEDGER, LEDGER_ENTRIES, LEDGER_USED, Shard
from kernels.table import REFUSED
from probe.sink import LedgerEntry
from probe.sources import Source

__all__ = ["Accounts"]

_TABLES = (own.UES, own.SESSIONS, own.BEARERS, own.TUNNELS, own.CONTROLS, own.TRANSACTIONS, own.PEERS, own.APNS,
           own.RANS, own.RAN_CORES)  # fmt: skip
"""Pools that refuse a row when they are full; a full flow table ends another flow, and says so in its row."""
_FIELDS = ("packets", "bytes", "joined", "unjoined", "messages")


class Accounts:
    """Adds up the ledger of shard 0; memory grows with sources x windows only."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], dict[str, np.ndarray]] = {}
        self._written: dict[str, np.ndarray] = {}  # sums over the windows that have been taken out
        self.refused = 0  # rows of signalling state for which there was no room

    def collect(self, shard: Shard, always: bool = False) -> None:
        """Take the counters over when the shard's table fills up, or `always`."""
        self.refused = sum(int(shard.words[pool + REFUSED]) for pool in _TABLES)
        used = int(shard.words[LEDGER_USED])
        if not always and used < LEDGER_ENTRIES // 2:
            return
        for entry in shard.ledger[:used]:
            key = (int(entry["source"]), int(entry["window"]))
            row = self._rows.setdefault(key, {name: np.zeros_like(entry[name]) for name in _FIELDS})
            for name in _FIELDS:
                row[name] += entry[name]
        shard.ledger[:used] = np.zeros(1, shard.ledger.dtype)
        shard.words[LEDGER_USED] = shard.words[LAST_LEDGER] = 0

    def windows(self) -> int:
        """How many windows saw packets."""
        return len({window for _, window in self._rows})

    def entries(self, sources: Sequence[Source]) -> Iterable[LedgerEntry]:
        """Ledger rows of the run. Loss that a capture tells of is in its first window, refused state in the last."""
        lost = {source.index: source.captured_loss for source in sources if source.captured_loss}
        for (index, window), row in sorted(self._rows.items()):
            name = sources[index].name
            yield from _window_entries(window, name, row, lost.pop(index, 0))
        for index, packets in lost.items():
            yield from _loss(0, sources[index].name, packets)
        if self.refused:
            window, reason = max((window for _, window in self._rows), default=0), BY_CODE[TABLE_FULL]
            yield LedgerEntry(window, "", reason.stage, reason.name, None, None, self.refused)

    def take(self, before: int, sources: Sequence[str]) -> list[LedgerEntry]:
        """Ledger rows of the windows that start before `before` (ns), which are forgotten but for the totals.

        What comes late for such a window is a further row of it.
        """
        found: list[LedgerEntry] = []
        for key in sorted(key for key in self._rows if key[1] < before):
            row = self._rows.pop(key)
            found += _window_entries(key[1], sources[key[0]], row, 0)
            for name in _FIELDS:
                self._written[name] = self._written.get(name, 0) + row[name]
        return found

    def total(self, name: str) -> np.ndarray:
        """Sum of one field (`packets`, `bytes`, `joined`, `unjoined`, `messages`) over the run."""
        shape = {"packets": 96, "bytes": 96, "joined": 2, "unjoined": 2, "messages": (2, LEDGER_INTERFACES)}[name]
        total = np.zeros(shape, np.int64)  # type: ignore[call-overload]
        total += self._written.get(name, 0)
        for row in self._rows.values():
            total += row[name]
        return total

    def by_reason(self) -> dict[str, dict[str, int]]:
        """Packets of the run by stage and reason."""
        stages: dict[str, dict[str, int]] = defaultdict(dict)
        for code in np.flatnonzero(self.total("packets")):
            reason = BY_CODE[int(code)]
            stages[reason.stage][reason.name] = int(self.total("packets")[code])
        return stages


def _loss(window: int, source: str, packets: int) -> Iterable[LedgerEntry]:
    reason = BY_CODE[CAPTURE_LOSS]
    yield LedgerEntry(window, source, "in", "captured", packets, None, None)
    yield LedgerEntry(window, source, reason.stage, reason.name, packets, None, None)


def _window_entries(window: int, source: str, row: dict[str, np.ndarray], lost: int) -> Iterable[LedgerEntry]:
    packets, octets = row["packets"], row["bytes"]
    yield LedgerEntry(window, source, "in", "captured", int(packets.sum()), int(octets.sum()), None)
    if lost:
        yield from _loss(window, source, lost)
    for code in np.flatnonzero(packets):
        reason = BY_CODE[int(code)]
        yield LedgerEntry(window, source, reason.stage, reason.name, int(packets[code]), int(octets[code]), None)
    for stage, field in (("joined", "joined"), ("unjoined", "unjoined")):
        if row[field][0]:
            yield LedgerEntry(window, source, stage, "user_plane", int(row[field][0]), int(row[field][1]), None)
    for joined, stage in ((1, "joined"), (0, "unjoined")):
        for interface in np.flatnonzero(row["messages"][joined]):
            name = INTERFACES[interface]
            yield LedgerEntry(window, source, stage, name, None, None, int(row["messages"][joined, interface]))
