"""Archived charging records and feeds in a run: which of its inputs hold them, and what becomes of each record.

    archive, refusals = claim(refusals)         # of what is no capture
    ledger += archive.run(sink.put, window_ns, out)

Every record is decoded, refused (kept raw in DIR/rejects/), there a second time, or of a type that tells nothing of
sessions or calls; every octet belongs to one of these, or is framing.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from formats import cdr
from formats.cdr_file import BARE, Framing
from formats.feed import Feed
from formats.xdr import NEVER
from probe.archive_feed import FeedSource, find_feed, read_feed
from probe.archive_files import Names, Scanner, is_packed, recognise_file
from probe.archive_rejects import Rejects
from probe.archive_rows import Put, keys_of_calls, unlike, write_calls, write_messages, write_sessions
from probe.archive_store import HELD, Collected, Store, parts_for
from probe.feed_copies import MOST, Copies
from probe.finding import STDIN, Refusal
from probe.sink import LedgerEntry

__all__ = ["Archive", "ArchiveFile", "archive_lines", "claim", "counted_twice"]

PACKED = 8
"""Octets that one octet of a packed file is thought to be."""


class ArchiveFile(NamedTuple):
    """A file of charging records and how they stand in it."""

    name: str
    framing: Framing = Framing(BARE)
    feed: Feed | None = None


class _Account:
    """Records and octets of one file by window, stage and reason; of a feed the octets of a row are not known."""

    def __init__(self, file: ArchiveFile, number: int, folder: Path) -> None:
        self.name, self.measured = file.name, file.feed is None
        self.cells: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self.octets = 0
        self.rejects = Rejects(file.name, number, folder, "octet" if self.measured else "line")

    def add(self, window: int, stage: str, reason: str, records: int, octets: int) -> None:
        """Count some records."""
        cell = self.cells[window, stage, reason]
        cell[0] += records
        cell[1] += octets

    def entries(self) -> Iterator[LedgerEntry]:
        """Ledger rows: what came in, a window, and what became of it; in = the sum of the others."""
        whole: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for (window, stage, _), (records, octets) in self.cells.items():
            if stage != "lost":
                whole[window][0] += records
                whole[window][1] += octets
        for window, (records, octets) in sorted(whole.items()):
            yield LedgerEntry(window, self.name, "in", "archive", None, octets if self.measured else None, records)
        for (window, stage, reason), (records, octets) in sorted(self.cells.items()):
            yield LedgerEntry(window, self.name, stage, reason, None, octets if self.measured else None, records)


def _moments(records: np.ndarray) -> np.ndarray:
    """int64[n]: a time of each record, its opening where that is told; 0 for none."""
    times = records["opened"]
    later = ("requested", "answered", "ended", "closed") if "answered" in (records.dtype.names or ()) else ()
    for name in later:
        times = np.where(times == NEVER, records[name], times)
    return np.where(times == NEVER, 0, times)


def _some(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The chosen rows; the rows themselves where all are."""
    return rows if chosen.all() else rows[chosen]


class Archive:
    """The charging record files of a run."""

    def __init__(self, files: Sequence[ArchiveFile]) -> None:
        self.files = list(files)
        self.records: dict[str, int] = defaultdict(int)
        self.octets = self.unknown = self.unreadable = 0
        self.problems: list[str] = []
        self.span: tuple[int, int] | None = None
        self.windows: set[int] = set()
        several = sum(file.feed is not None for file in self.files) > 1
        self._copies = Copies() if several else None

    def run(self, put: Put, window_ns: int, out: Path, run_id: str) -> list[LedgerEntry]:
        """Read all files, write their rows through `put`, refused octets under `out`; the ledger of it."""
        if not self.files:
            return []
        names = Names()
        folder = out / "rejects" / run_id
        accounts = [_Account(file, number, folder) for number, file in enumerate(self.files)]
        store = Store(out, lambda records: keys_of_calls(records, names), parts_for(self._size()), HELD)
        try:
            self._read_all(store, accounts, names, window_ns, put)
            for collected in store.parts():
                self._write(collected, accounts, window_ns, names, put)
            for account in accounts:
                self._tell_rejects(account, out)
        finally:
            store.close()
            for account in accounts:
                account.rejects.abort()
        if self._copies and self._copies.full:
            self.problems.append(f"rows that stand in several files of feeds: looked for in the first {MOST:,} only")
        if names.full:
            self.problems.append("more than 65,536 distinct names (access points, reasons): the rest are null")
        self.span = (min(self.windows), max(self.windows) + window_ns) if self.windows else None
        return [entry for account in accounts for entry in account.entries()]

    def _size(self) -> int:
        """About how many octets there are to read."""
        sizes = [(os.path.getsize(f.name), f.name) for f in self.files if os.path.exists(f.name)]
        return sum(size * (PACKED if is_packed(name) else 1) for size, name in sizes)

    def _read_all(self, store: Store, accounts: Sequence[_Account], names: Names, window_ns: int, put: Put) -> None:
        """Read one file after the other; what can be written at once is."""
        scanner = Scanner(names)
        for source, (file, account) in enumerate(zip(self.files, accounts, strict=True)):
            if file.feed is None:
                self._read(scanner, file, source, account, store)
            else:
                self._read_feed(file, source, account, window_ns, names, put, store)

    def _read(self, scanner: Scanner, file: ArchiveFile, source: int, account: _Account, store: Store) -> None:
        found = 0
        try:
            for batch in scanner.read(file.name, file.framing, source):
                account.octets += batch.filler
                account.rejects.add(batch.rejects)
                found += batch.sessions.size + batch.others.size + len(batch.rejects)
                self.unknown += batch.unknown
                self.unreadable += batch.unreadable
                store.add(batch._replace(rejects=[]))
        except OSError as error:
            self.problems.append(f"{file.name}: can no longer be read: {error.strerror}")
        if scanner.trouble:
            self.problems.append(f"{file.name}: damaged: {scanner.trouble}")
        account.octets += file.framing.first
        if file.framing.cdrs >= 0 and file.framing.cdrs != found:
            self.problems.append(f"{file.name}: its header tells of {file.framing.cdrs:,} records, found {found:,}")
        if file.framing.lost:
            lost = "some" if file.framing.lost < 0 else f"{file.framing.lost:,}"
            self.problems.append(f"{file.name}: its header says that {lost} records were lost before it was written")

    def _counted(self, put: Put) -> Put:
        """`put` that notes the windows of the rows."""

        def counted(table: str, rows: np.ndarray, texts: list[str]) -> None:
            self.windows.update(np.unique(rows["window"]).tolist())
            put(table, rows, texts)

        return counted

    def _read_feed(
        self, file: ArchiveFile, source: int, account: _Account, window_ns: int, names: Names, put: Put, store: Store
    ) -> None:
        """Write the rows of a feed; those of its sessions are records that come back to be put together."""
        assert file.feed is not None
        counted, trouble = self._counted(put), ""
        for some in read_feed(FeedSource(file.name, file.feed), names, window_ns, self._copies, source):
            account.rejects.add(some.rejects)
            trouble = trouble or some.trouble
            if some.records is not None:
                some.records.sessions["source"] = source
                store.add(some.records)
                continue
            if some.rows.size:
                counted(file.feed.table, some.rows, names.texts())
            for stage, of_rows in (("decoded", some.windows), ("duplicate", some.again)):
                self.records[stage] += of_rows.size
                windows, counts = np.unique(of_rows, return_counts=True)
                for window, count in zip(windows.tolist(), counts.tolist(), strict=True):
                    account.add(window, stage, file.feed.name, count, 0)
        if trouble:
            self.problems.append(f"{file.name}: damaged: {trouble}")

    def _write(
        self, collected: Collected, accounts: Sequence[_Account], window_ns: int, names: Names, put: Put
    ) -> None:
        """xDR rows of all records, and what became of each."""
        counted = self._counted(put)
        once = unlike(collected.sessions)
        if once.any():
            twice = write_sessions(
                _some(collected.sessions, once), collected.containers, window_ns, names.texts(), counted
            )
            once[np.flatnonzero(once)[twice]] = False
        self._count_all(collected.sessions, once, accounts, window_ns)

        others, once = collected.others, unlike(collected.others)
        family = cdr.FAMILY_OF[others["type"]]
        calls = once & np.isin(family, (cdr.FAMILIES.index("call"), cdr.FAMILIES.index("ims")))
        messages = once & (family == cdr.FAMILIES.index("message"))
        if calls.any():
            write_calls(others[calls], window_ns, names, counted)
        if messages.any():
            write_messages(others[messages], window_ns, names, counted)
        self._count_all(others, once, accounts, window_ns)

    def _count_all(self, records: np.ndarray, once: np.ndarray, accounts: Sequence[_Account], window_ns: int) -> None:
        """Count records by type, and whether they were there before."""
        kinds, windows = records["type"].copy(), _moments(records) // window_ns * window_ns
        for kind in np.unique(kinds).tolist():
            name = "feed" if kind == cdr.FEED_TYPE else cdr.ROOTS[kind].name
            told = "dropped" if cdr.FAMILY_OF[kind] == cdr.FAMILIES.index("other") else "decoded"
            for stage, chosen in ((told, once), ("duplicate", ~once)):
                rows = np.flatnonzero(chosen & (kinds == kind))
                if rows.size:
                    self._count(records["source"][rows], records["octets"][rows], windows[rows], accounts, stage, name)

    def _count(
        self, sources: np.ndarray, sizes: np.ndarray, windows: np.ndarray, accounts: Sequence[_Account], stage: str,
        reason: str,
    ) -> None:  # fmt: skip
        self.records[stage] += sizes.size
        self.octets += int(sizes.sum())
        times, at = np.unique(windows, return_inverse=True)
        pairs, at = np.unique(sources * times.size + at, return_inverse=True)
        octets = np.bincount(at, sizes, pairs.size).astype(np.int64)
        for pair, count, size in zip(pairs.tolist(), np.bincount(at).tolist(), octets.tolist(), strict=True):
            source, window = divmod(pair, times.size)
            accounts[source].add(int(times[window]), stage, reason, count, size)

    def _tell_rejects(self, account: _Account, out: Path) -> None:
        """Account for the refused stretches of a file, and keep them."""
        window = min((window for window, _, _ in account.cells), default=0)
        rejects = account.rejects
        if account.measured:
            account.add(window, "decoded", "framing", 0, account.octets)
        for reason, count, octets in rejects.reasons():
            account.add(window, "rejected", reason, count, octets)
        self.octets += account.octets + rejects.octets
        self.records["rejected"] += rejects.count
        rejects.close()
        if rejects.first is not None:
            offset, reason, _ = rejects.first
            others = f", and {rejects.count - 1:,} more" if rejects.count > 1 else ""
            self.problems.append(f"{account.name}: {rejects.where} {offset:,}: {reason}{others}; see {out}/rejects")


_OTHER_BATCHES = {
    b"\x61": "a batch of TD.35 (NRTRDE) or the like, no TAP 3",
    b"\x62": "a TAP 3 notification: it says that there was nothing to charge",
    b"\x7f\x84\x16": "a RAP return batch (TD.32)",
    b"\x7f\x84\x17": "a RAP acknowledgement (TD.32)",
}
"""By the first octets: application tags 1, 2, 534, 535."""


def _no_archive(refusal: Refusal) -> Refusal:
    """What is neither a capture nor records: which kind of file it is, of text what to do about it."""
    words = refusal.reason
    if words.startswith("text"):
        words = f"{words}, and no feed fits it: see `wiregauge feed sample`"
    elif words.startswith("no capture") and os.path.isfile(refusal.source):
        try:
            with open(refusal.source, "rb") as file:
                head = file.read(4)
        except OSError:
            return refusal
        told = [each for octets, each in _OTHER_BATCHES.items() if head.startswith(octets)]
        words = told[0] if told else f"{words}; nor does a charging record begin there"
    return Refusal(refusal.source, words)


def claim(refusals: Sequence[Refusal], feeds: Sequence[Feed] = ()) -> tuple[Archive, list[Refusal]]:
    """The files of charging records and of feeds among what is no capture, and what is neither.

    feeds: the user's own, which are tried before the shipped ones.
    """
    files, rest = [], []
    for refusal in refusals:
        framing = feed = None
        if refusal.source != STDIN and os.path.isfile(refusal.source):
            try:
                framing = recognise_file(refusal.source, cdr.BY_TAG)
                feed = find_feed(refusal.source, feeds) if framing is None else None
            except OSError:
                pass
        if framing is not None:
            files.append(ArchiveFile(refusal.source, framing))
        elif feed is not None:
            files.append(ArchiveFile(refusal.source, feed=feed))
        else:
            rest.append(_no_archive(refusal))
    return Archive(files), rest


def archive_lines(archive: Archive) -> list[str]:
    """What was made of the records, for people; nothing where there were none."""
    if not archive.files:
        return []
    whole = sum(archive.records.values())
    lines = [f"records in  {whole:>12,}  {archive.octets:,} octets in {len(archive.files):,} files"]
    for stage in ("decoded", "rejected", "dropped", "duplicate"):
        share = 100 * archive.records[stage] / max(whole, 1)
        lines.append(f"  {stage:<9} {archive.records[stage]:>12,}  {share:6.2f} %")
    if archive.unknown or archive.unreadable:
        lines.append(f"  fields passed over: {archive.unknown:,} unknown, {archive.unreadable:,} unreadable")
    return lines


def counted_twice(archive: Archive, windows: set[int]) -> list[str]:
    """What to say where captures and records tell of the same time.

    The rule: each source is believed, and what two tell of is not matched, since nothing that both have names a session
    beyond doubt. So octets, sessions and time that both saw count twice.
    """
    both = sorted(archive.windows & windows)
    if not both:
        return []
    first, last = (np.datetime64(at, "ns").astype("datetime64[m]") for at in (both[0], both[-1]))
    return [
        f"captures and charging records both tell of {len(both):,} windows ({first}Z to {last}Z): traffic that is in "
        "both counts twice. Run them into folders of their own to compare them."
    ]
