"""What a window's KPIs lack, from the ledger: packets that never came, and those whose rows were lost afterwards.

    found = losses([Path("kpis")], window_ns=900 * 10**9)
    found[window_start].dropped            # {"kernel_ring": 1200}
    found[window_start].complete_pct       # 99.2

The one place that knows how ledger rows add up to that; KPI tables carry `complete_pct`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from formats.xdr import LEDGER
from probe.errors import WiregaugeError
from probe.writer import partition
from probe.xdr_files import table_files

__all__ = ["Losses", "losses"]

HOUR = 3600 * 10**9
COLUMNS = ["window_start", "stage", "reason", "packets"]


class Losses(NamedTuple):
    """Packets of one window by what became of them: counts of the ledger."""

    packets: int
    """that came to the interface, or that the capture held or says that it lost"""
    dropped: dict[str, int]
    """never decoded, by cause"""
    lost: dict[str, int]
    """decoded, but in rows that were shed or that the disk did not take, by cause"""
    joined: int
    unjoined: int
    """user-plane packets with a session and without"""

    @property
    def complete_pct(self) -> float | None:
        """Share of the packets that the window's KPIs count; None where there were no packets."""
        if not self.packets:
            return None
        gone = sum(self.dropped.values()) + sum(self.lost.values())
        return 100 * max(0, self.packets - gone) / self.packets


def losses(directories: Iterable[Path], window_ns: int, between: tuple[int, int] | None = None) -> dict[int, Losses]:
    """What was lost in each window of `window_ns`, by its start in ns; `between`: only those in first <= start < end.

    The ledger's own windows must not be longer; where they are, their losses stand in the window in which they begin.
    """
    sums: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for directory in directories:
        for path in _files(directory, between):
            for start, stage, reason, packets in _rows(path):
                sums[start // window_ns * window_ns][stage, reason] += packets
    if between:
        sums = defaultdict(Counter, {w: c for w, c in sums.items() if between[0] <= w < between[1]})
    return {window: _losses(counts) for window, counts in sorted(sums.items())}


def _files(directory: Path, between: tuple[int, int] | None) -> list[Path]:
    """The ledger's files; of a long run only those of the hours that are asked for."""
    if between is None or between[1] - between[0] > 1000 * HOUR:
        return table_files(directory, LEDGER.name)
    hours = range(between[0] // HOUR * HOUR, between[1], HOUR)
    folders = dict.fromkeys(partition(directory, LEDGER.name, hour) for hour in hours)
    return sorted(path for folder in folders for path in folder.glob("part-*.parquet"))


def _rows(path: Path) -> Iterable[tuple[int, str, str, int]]:
    """Window start (ns), stage, reason and packets of the ledger rows that have packets."""
    try:
        table = pq.ParquetFile(path).read(COLUMNS)
    except (OSError, pa.ArrowInvalid, KeyError) as problem:
        raise WiregaugeError(f"{path}: not a readable ledger: {problem}.\nRemove it, or write it again.") from problem
    table = table.filter(pc.is_valid(table.column("packets")))
    starts = table.column("window_start").cast(pa.int64()).to_pylist()
    return zip(starts, *(table.column(name).to_pylist() for name in COLUMNS[1:]), strict=True)


def _losses(counts: Counter[tuple[str, str]]) -> Losses:
    def of(stage: str) -> dict[str, int]:
        return {reason: count for (each, reason), count in sorted(counts.items()) if each == stage and count}

    return Losses(
        sum(of("in").values()), of("dropped"), of("lost"), sum(of("joined").values()), sum(of("unjoined").values())
    )
