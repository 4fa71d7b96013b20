"""xDR rows to partitioned Parquet: bounded buffers, whole files only, and a second run replaces its own.

    DIR/<table>/date=YYYY-MM-DD/hour=HH/part-<run>-<window>-<number>.parquet

A part is written under a name that begins with a dot and renamed when it is complete, so a reader never sees half a
file. `<run>` is a digest of the run's inputs: the same run writes the same names, and on closing removes what an
earlier run of that name left and this one did not write again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from formats import xdr
from probe.errors import WiregaugeError
from probe.replacing import replacing
from probe.tables import Names, table_schema, to_arrow

__all__ = ["TableWriter", "partition", "run_digest", "stamp", "write_part"]

ROWS_PER_PART = 1 << 17
SECOND = 10**9
FEW_ROWS = 64
"""Up to so many a file is its footer: compressing each of its columns costs a third more time and saves nothing."""

PLAIN = {"teid_up", "teid_down", "ue_port", "session_id", "bytes_up", "bytes_down"}
"""Columns of mostly distinct values: a Parquet dictionary would be built and thrown away."""

_PLAIN_TYPES = (pa.float64(), pa.timestamp("ns", tz="UTC"))


def run_digest(inputs: Iterable[str]) -> str:
    """A short name for a run, from what tells its inputs apart (names, sizes, options)."""
    digest = hashlib.blake2b(digest_size=5)
    for text in inputs:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def stamp(time_ns: int) -> str:
    """A time as it stands in file names: 20240131T001500."""
    return datetime.fromtimestamp(time_ns // SECOND, UTC).strftime("%Y%m%dT%H%M%S")


def partition(directory: Path, table: str, time_ns: int) -> Path:
    """The folder for rows of the window that starts at `time_ns` (UTC)."""
    at = datetime.fromtimestamp(time_ns // SECOND, UTC)
    return directory / table / f"date={at:%Y-%m-%d}" / f"hour={at:%H}"


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    return [f.name for f in schema if f.type not in _PLAIN_TYPES and f.name not in PLAIN]


def cannot_write(path: Path, problem: OSError) -> WiregaugeError:
    """The one error for a disk that is full, a folder that is not ours, and the like."""
    return WiregaugeError(f"{path}: cannot be written: {problem.strerror or problem}.\nNothing half-written was left.")


def write_part(path: Path, table: pa.Table, dictionary: Sequence[str] | None = None) -> None:
    """Write one Parquet file whole or not at all; WiregaugeError if that fails.

    dictionary: the columns to encode by one; None for all but those of mostly distinct values.
    """
    packed = {"compression": "zstd", "compression_level": 1} if table.num_rows > FEW_ROWS else {"compression": "none"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            pq.write_table(
                table,
                unfinished,
                **packed,
                use_dictionary=_dictionary_columns(table.schema) if dictionary is None else list(dictionary),
                write_statistics=[f.name for f in table.schema if pa.types.is_timestamp(f.type)],
                row_group_size=ROWS_PER_PART,
            )
    except OSError as problem:
        raise cannot_write(path, problem) from problem


def _by_window(rows: np.ndarray, times: np.ndarray, windows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The rows of each window, moved once: many windows are open where records span hours."""
    if windows.size == 1:
        yield int(windows[0]), rows
        return
    at = np.searchsorted(windows, times).astype(np.uint16 if windows.size <= 1 << 16 else np.int64)
    counts = np.bincount(at, minlength=windows.size)
    whole = np.ascontiguousarray(rows).view(f"V{rows.dtype.itemsize}")
    ordered = whole[np.argsort(at, kind="stable")].view(rows.dtype)
    for window, end, count in zip(windows.tolist(), np.cumsum(counts).tolist(), counts.tolist(), strict=True):
        yield window, ordered[end - count : end]


class TableWriter:
    """Collects kernel rows of one table by window and writes them as parts. Memory: at most `rows_per_part` rows."""

    def __init__(
        self,
        directory: str | Path,
        table: xdr.Table,
        run_id: str,
        names: Names | None = None,
        rows_per_part: int = ROWS_PER_PART,
        window_ns: int = 1,
        keep: int = 0,
        tell_lost: Callable[[np.ndarray], None] | None = None,
    ) -> None:
        """`window_ns`: what one step of a row's `window` field is; 1 where the field is the window's start in ns.

        `keep`: rows that are held while the disk takes none, instead of raising; what is more is lost, oldest first,
        counted in `lost` and told to `tell_lost`.
        """
        self.directory, self.table, self.run_id, self.names = Path(directory), table, run_id, names
        self.rows_per_part, self.window_ns = max(1, rows_per_part), window_ns
        self.rows_written = self.octets_written = self.lost = 0
        self.keep, self.trouble, self._tell_lost = keep, "", tell_lost
        self._waiting: dict[int, list[np.ndarray]] = {}
        self._rows_waiting = 0
        self._parts: dict[int, int] = {}
        self._written: set[Path] = set()

    def write(self, rows: np.ndarray) -> None:
        """Take kernel rows of any windows; they are kept until a part is full, and must not change before."""
        for first in range(0, rows.size, self.rows_per_part):
            self._take(rows[first : first + self.rows_per_part])

    def _take(self, rows: np.ndarray) -> None:
        if self._rows_waiting + rows.size > self.rows_per_part:
            self.flush()
        times = np.ascontiguousarray(rows["window"])
        windows = np.unique(times)
        for window, mine in _by_window(rows, times, windows):
            self._waiting.setdefault(window, []).append(mine)
        self._rows_waiting += rows.size

    def flush(self, before: int | None = None) -> None:
        """Write what waits: all of it, or the rows of windows before one (those that a live run has closed)."""
        for each in sorted(window for window in self._waiting if before is None or window < before):
            pieces = self._waiting.pop(each)
            rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
            self._rows_waiting -= rows.size
            try:
                self._write_rows(rows, each)
                self.trouble = ""
            except WiregaugeError as problem:
                if not self.keep:
                    raise
                self._hold(rows, each, str(problem))
                return

    def _hold(self, rows: np.ndarray, window: int, trouble: str) -> None:
        """Rows that could not be written wait for the next time; what is beyond the bound is lost and counted."""
        self.trouble = trouble
        self._waiting.setdefault(window, []).insert(0, rows)
        self._rows_waiting += rows.size
        while self._rows_waiting > self.keep:
            oldest = min(self._waiting)
            gone = self._waiting[oldest].pop(0)
            if not self._waiting[oldest]:
                del self._waiting[oldest]
            self._rows_waiting -= gone.size
            self.lost += gone.size
            if self._tell_lost:
                self._tell_lost(gone)

    def _write_rows(self, rows: np.ndarray, window: int) -> None:
        assert self.names is not None, "kernel rows need Names"
        self.write_table(to_arrow(self.table, rows, self.names), window * self.window_ns)

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return self._rows_waiting

    def write_table(self, table: pa.Table, window_start: int) -> None:
        """Write an Arrow table (schema of this table) as a part of the window that starts at `window_start` ns."""
        number = self._parts.get(window_start, 0)
        self._parts[window_start] = number + 1
        name = f"part-{self.run_id}-{stamp(window_start)}-{number}.parquet"
        path = partition(self.directory, self.table.name, window_start) / name
        write_part(path, table.cast(table_schema(self.table)) if table.schema != table_schema(self.table) else table)
        self._written.add(path)
        self.rows_written += table.num_rows
        self.octets_written += path.stat().st_size

    def close(self) -> None:
        """Write what waits and remove parts of an earlier run of the same name that this one did not write again."""
        self.flush()
        for path in self._own("part-*.parquet"):
            if path not in self._written:
                path.unlink(missing_ok=True)
        self._remove_unfinished()

    def abort(self) -> None:
        """Forget what waits and remove unfinished files; whole parts stay."""
        self._waiting.clear()
        self._rows_waiting = 0
        self._remove_unfinished()

    def _own(self, pattern: str) -> list[Path]:
        pattern = pattern.replace("part-", f"part-{self.run_id}-")
        return sorted((self.directory / self.table.name).glob(f"date=*/hour=*/{pattern}"))

    def _remove_unfinished(self) -> None:
        for path in self._own(".part-*.tmp"):
            path.unlink(missing_ok=True)
