"""What was refused of an archive: written as it comes, and beside it where each stretch was and why.

DIR/rejects/<run>/<number>-<file>.raw    the octets
DIR/rejects/<run>/<number>-<file>.tsv    file, octet (of a feed: line), octets, where in the .raw, reason
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from probe.archive_files import Reject
from probe.writer import cannot_write

__all__ = ["Rejects"]

TOLD = 1000
"""Refused stretches of a file that have a ledger row of their own; the rest are added up by reason."""
WAITING = 1 << 20
"""Octets of one file that wait to be written."""


class Rejects:
    """The refused stretches of one file. Files appear when it is closed, whole or not at all."""

    def __init__(self, file: str, number: int, folder: Path, where: str) -> None:
        """where: what `offset` of a Reject counts: `octet` or `line`."""
        self.file, self.where = file, where
        self.count = self.octets = 0
        self.first: Reject | None = None
        self._folder, self._stem = folder, f"{number}-{os.path.basename(file)}"
        self._told: list[tuple[str, int, int]] = []
        self._more: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._waiting: tuple[list[bytes], list[bytes]] = ([], [b"file\toctet\toctets\tat\treason\n"])
        self._waits = 0
        self._files: list[BinaryIO] = []

    def add(self, rejects: Iterable[Reject]) -> None:
        """Keep some stretches."""
        for reject in rejects:
            self.first = self.first or reject
            self._tell(reject)
            line = f"{self.file}\t{reject.offset}\t{len(reject.data)}\t{self.octets}\t{reject.reason}\n"
            self._waiting[0].append(reject.data)
            self._waiting[1].append(line.encode("utf-8", "surrogateescape"))
            self._waits += len(reject.data) + len(line)
            self.count += 1
            self.octets += len(reject.data)
            if self._waits > WAITING:
                self._write()

    def _tell(self, reject: Reject) -> None:
        if self.count < TOLD:
            words = f"{self.where} {reject.offset}: {reject.reason}"
            self._told.append((words, 1, len(reject.data)))
            return
        cell = self._more[reject.reason.split(" (octet")[0]]
        cell[0] += 1
        cell[1] += len(reject.data)

    def reasons(self) -> Iterator[tuple[str, int, int]]:
        """(reason, stretches, octets) for the ledger."""
        yield from self._told
        yield from ((reason, count, octets) for reason, (count, octets) in self._more.items())

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._stem}.{suffix}"

    def _unfinished(self, suffix: str) -> Path:
        return self._folder / f".{self._stem}.{suffix}.{os.getpid()}.tmp"

    def _write(self) -> None:
        try:
            if not self._files:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._files = [self._unfinished(suffix).open("wb") for suffix in ("raw", "tsv")]
            for file, pieces in zip(self._files, self._waiting, strict=True):
                file.write(b"".join(pieces))
                pieces.clear()
        except OSError as problem:
            raise cannot_write(self._path("raw"), problem) from problem
        self._waits = 0

    def close(self) -> None:
        """Give the files their names."""
        if not self.count:
            return
        self._write()
        try:
            for file, suffix in zip(self._files, ("raw", "tsv"), strict=True):
                file.close()
                os.replace(self._unfinished(suffix), self._path(suffix))
        except OSError as problem:
            raise cannot_write(self._path("raw"), problem) from problem
        self._files = []

    def abort(self) -> None:
        """Leave nothing unfinished."""
        for file in self._files:
            file.close()
        if self._files:
            for suffix in ("raw", "tsv"):
                self._unfinished(suffix).unlink(missing_ok=True)
        self._files = []
