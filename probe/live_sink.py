"""Where the rows of a live probe go: a bounded store before the disk, windows written when they close.

Decoding never waits for the disk. Rows wait in a bounded store; when it is full, rows of connections are shed first,
everything else only when twice the bound is reached; the ledger, which says what was lost, is never shed. While the
disk takes nothing, rows are held up to the bound of their table and written when it does again. Rows that are lost, and
the packets that connections among them count, stand in the ledger in their window, by table and cause.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from formats import xdr
from probe.errors import WiregaugeError
from probe.identity import Identities
from probe.sink import LedgerEntry
from probe.tables import Names, plain_table
from probe.writer import TableWriter

__all__ = ["LiveSink"]

_END_TIMES = {"session"}  # their rows stand in the window in which they began, and count in that of their end too
SHED_FIRST = "flow"
SHED, DISK = "shed", "disk"

Work = Callable[[], None]
Watch = Callable[[str, np.ndarray, list[str]], None]


class _Lost(NamedTuple):
    rows: int
    packets: int
    octets: int


def _both_ways(rows: np.ndarray, what: str) -> int:
    return int(np.maximum(rows[f"{what}_up"], 0).sum() + np.maximum(rows[f"{what}_down"], 0).sum())


class LiveSink:
    """Takes rows from the probe's threads, writes in a thread of its own; trouble is told, not raised."""

    def __init__(self, directory: Path, run_id: str, identities: Identities, window_ns: int, room: int) -> None:
        """`room`: rows that may wait before the disk, in all, and for each table while the disk takes none."""
        self._names: dict[str, list[str]] = {table.name: [] for table in xdr.KERNEL_TABLES}
        self.writers = {
            table.name: TableWriter(
                directory,
                table,
                run_id,
                Names(self._names[table.name], identities),
                keep=room,
                tell_lost=partial(self._lose_on_disk, table.name),
            )
            for table in xdr.KERNEL_TABLES
        }
        self.plain = {table.name: TableWriter(directory, table, run_id) for table in xdr.PLAIN_TABLES}
        self.window_ns, self.room = window_ns, room
        self.waiting = 0
        self.shed: Counter[str] = Counter()
        self._lost: dict[tuple[int, str], _Lost] = {}
        self.touched: set[int] = set()  # windows that have rows that no KPI counts yet
        self.watch: Watch = lambda table, rows, apns: None  # sees the same rows, at once
        self._unwritten: list[tuple[xdr.Table, tuple[object, ...]]] = []
        self._plain_trouble = ""
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    # --- from the probe's threads ---------------------------------------------------------------------------------

    def put(self, table: str, rows: np.ndarray, apns: list[str]) -> None:
        """Take kernel rows (copied here) with the access point names that they refer to, or shed them."""
        with self._lock:
            if self.waiting + rows.size > (self.room if table == SHED_FIRST else 2 * self.room):
                self.shed[table] += rows.size
                self._lose(table, SHED, rows)
                return
            self.waiting += rows.size
        kept = rows.copy()
        self._queue.put(self._writing(table, kept, apns))
        self.watch(table, kept, apns)

    def _lose(self, table: str, cause: str, rows: np.ndarray) -> None:
        """Note rows that are lost, for the ledger; who calls holds the lock."""
        for window in np.unique(rows["window"]).tolist():
            mine = rows[rows["window"] == window]
            packets, octets = (_both_ways(mine, what) if table == "flow" else 0 for what in ("packets", "bytes"))
            before = self._lost.get((window, f"{table}_{cause}"), _Lost(0, 0, 0))
            self._lost[window, f"{table}_{cause}"] = _Lost(
                before.rows + mine.size, before.packets + packets, before.octets + octets
            )

    def _lose_on_disk(self, table: str, rows: np.ndarray) -> None:
        with self._lock:
            self._lose(table, DISK, rows)

    def _lost_entries(self) -> Iterator[LedgerEntry]:
        """What was lost since the last time, as rows of the ledger; these windows count anew."""
        with self._lock:
            lost, self._lost = self._lost, {}
        for (window, reason), each in sorted(lost.items()):
            self.touched.add(window)
            packets, octets = (each.packets, each.octets) if reason.startswith(SHED_FIRST) else (None, None)
            yield LedgerEntry(window, "", "lost", reason, packets, octets, each.rows)

    def _writing(self, table: str, rows: np.ndarray, apns: list[str]) -> Work:
        def work() -> None:
            self._names[table][:] = apns
            self._touch(table, rows)
            self.writers[table].write(rows)
            with self._lock:
                self.waiting -= rows.size

        return work

    def _touch(self, table: str, rows: np.ndarray) -> None:
        windows = set(np.unique(rows["window"]).tolist())
        if table in _END_TIMES:
            ends = rows["end_time"][rows["end_time"] != xdr.NEVER]
            windows |= set((np.unique(ends // self.window_ns) * self.window_ns).tolist())
        self.touched |= windows

    def close_windows(
        self, before: int, ledger: Iterable[LedgerEntry], health: Iterable[tuple[object, ...]],
        then: Callable[[Sequence[int]], None],
    ) -> None:  # fmt: skip
        """Write all rows of windows that start before `before` ns, and these rows of the plain tables.

        Then `then` is told which windows have new rows, in the writer's thread.
        """
        plain: list[tuple[xdr.Table, tuple[object, ...]]] = [(xdr.LEDGER, tuple(entry)) for entry in ledger]
        plain += [(xdr.HEALTH, row) for row in health]

        def work() -> None:
            for writer in self.writers.values():
                writer.flush(before)
            self._write_plain([*plain, *((xdr.LEDGER, tuple(entry)) for entry in self._lost_entries())])
            done = sorted(window for window in self.touched if window < before)
            self.touched -= set(done)
            then(done)

        self._queue.put(work)

    # --- in the writer's thread -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            work()

    def _write_plain(self, rows: list[tuple[xdr.Table, tuple[object, ...]]]) -> None:
        """Ledger and health; what the disk does not take waits (it is little)."""
        waiting, self._unwritten = [*self._unwritten, *rows], []
        parts: dict[tuple[str, int], list[tuple[object, ...]]] = {}
        for table, row in waiting:
            parts.setdefault((table.name, int(row[0])), []).append(row)  # type: ignore[call-overload]
        self._plain_trouble = ""
        for (name, window), each in sorted(parts.items()):
            table = next(t for t in xdr.PLAIN_TABLES if t.name == name)
            try:
                self.plain[name].write_table(plain_table(table, each), window)
            except WiregaugeError as problem:
                self._plain_trouble = str(problem)
                self._unwritten += [(table, row) for row in each]

    # --- how it fares ---------------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """Why rows cannot be written now; empty when they can."""
        return next((w.trouble for w in self.writers.values() if w.trouble), self._plain_trouble)

    def lost(self) -> dict[str, int]:
        """Rows lost so far by cause: shed when too many waited, or given up while the disk took none."""
        disk = sum(writer.lost for writer in self.writers.values())
        causes = {f"shed_{table}": count for table, count in sorted(self.shed.items())} | {"disk": disk}
        return {cause: count for cause, count in causes.items() if count}

    def rows_written(self) -> dict[str, int]:
        """Rows written so far, by table."""
        writers = self.writers | self.plain
        return {name: writer.rows_written for name, writer in writers.items()}

    def close(self) -> None:
        """Write all that waits; raises WiregaugeError where that is not possible."""
        self._queue.put(None)
        self._thread.join()
        for writer in self.writers.values():
            writer.flush()
        self._write_plain([(xdr.LEDGER, tuple(entry)) for entry in self._lost_entries()])
        if self.trouble:
            held = sum(writer.waiting for writer in self.writers.values())
            raise WiregaugeError(f"{held:,} rows could not be written at the end: {self.trouble}")
