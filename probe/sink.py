"""Where rows go: one writer a table, fed through a queue so that decoding does not wait for the disk."""

import queue
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from formats import xdr
from probe.identity import Identities
from probe.tables import Names, plain_table, to_arrow
from probe.writer import TableWriter

__all__ = ["LedgerEntry", "Sink"]

WAITING = 16
"""Batches of rows in the queue before decoding has to wait."""

WRITERS = 4
"""Tables that are finished at a time."""


class LedgerEntry(NamedTuple):
    """One ledger row; `window_start` in ns."""

    window_start: int
    source: str
    stage: str
    reason: str
    packets: int | None
    bytes: int | None
    records: int | None


class Sink:
    """Writes xDR rows and the ledger under `directory`, in a thread of its own; errors come up at the next call."""

    def __init__(self, directory: Path, run_id: str, identities: Identities) -> None:
        self._identities = identities
        self._names: dict[str, list[str]] = {table.name: [] for table in xdr.KERNEL_TABLES}
        self.writers = {
            table.name: TableWriter(directory, table, run_id, Names(self._names[table.name], identities))
            for table in xdr.KERNEL_TABLES
        }
        self.ledger = TableWriter(directory, xdr.LEDGER, run_id)
        self._queue: queue.Queue[tuple[str, np.ndarray, list[str]] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def put(self, table: str, rows: np.ndarray, apns: list[str]) -> None:
        """Take kernel rows (copied here) with the access point names that they refer to."""
        self._check()
        if rows.size:
            self._queue.put((table, rows.copy(), apns))

    def _work(self) -> None:
        try:  # a thread that has died would leave `put` waiting for ever
            to_arrow(xdr.FLOW, np.empty(0, xdr.FLOW.dtype), Names([], self._identities))  # loads kernels meanwhile
        except BaseException as error:
            self._error = error
        while (item := self._queue.get()) is not None:
            if self._error is None:
                try:
                    table, rows, apns = item
                    self._names[table][:] = apns
                    self.writers[table].write(rows)
                except BaseException as error:
                    self._error = error

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _stop(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def close(self, ledger: Iterable[LedgerEntry]) -> None:
        """Write what waits, then the ledger; only now is the run complete."""
        self._stop()
        self._check()
        with ThreadPoolExecutor(WRITERS) as pool:
            for done in [pool.submit(writer.close) for writer in self.writers.values()]:
                done.result()
        by_window: dict[int, list[LedgerEntry]] = {}
        for entry in ledger:
            by_window.setdefault(entry.window_start, []).append(entry)
        for window, entries in sorted(by_window.items()):
            self.ledger.write_table(plain_table(xdr.LEDGER, entries), window)
        self.ledger.close()

    def abort(self) -> None:
        """Stop writing; whole parts stay, unfinished ones go."""
        self._error = self._error or RuntimeError("aborted")
        self._stop()
        for writer in (*self.writers.values(), self.ledger):
            writer.abort()

    def rows_written(self) -> dict[str, int]:
        """Rows written so far, by table."""
        return {name: writer.rows_written for name, writer in (*self.writers.items(), ("ledger", self.ledger))}
