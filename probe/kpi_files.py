"""The files of KPI tables: which there are, and of which window each is.

OUT/kpi_cell/date=2026-11-22/hour=07/part-15m-20261122T071500.parquet, further parts of the window ...-0001.parquet
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from probe.duration import text as duration_text
from probe.writer import partition, stamp

__all__ = ["part_path", "parts_of", "parts_since"]

SECOND = 10**9


def _mark(window_s: int) -> str:
    return f"part-{duration_text(window_s)}-"


def part_path(out: Path, table: str, window_s: int, start: int, part: int) -> Path:
    """The file of a KPI table for (a part of) the window that starts at `start` ns."""
    number = f"-{part:04d}" if part else ""
    return partition(out, table, start) / f"{_mark(window_s)}{stamp(start)}{number}.parquet"


def parts_of(out: Path, table: str, window_s: int, start: int) -> list[Path]:
    """The files that there are of the window that starts at `start` ns, in order."""
    first = part_path(out, table, window_s, start, 0)
    return [path for path in (first, *sorted(first.parent.glob(f"{first.stem}-*.parquet"))) if path.exists()]


def parts_since(out: Path, table: str, window_s: int, since: int | None = None) -> Iterator[tuple[int, Path]]:
    """(start in ns, path) of the files that there are of windows from `since` (ns) on, None for all."""
    day = "" if since is None else f"date={datetime.fromtimestamp(since // SECOND, UTC):%Y-%m-%d}"
    mark = _mark(window_s)
    for folder in (out / table).glob("date=*"):
        for path in folder.glob(f"hour=*/{mark}*.parquet") if folder.name >= day else ():
            start = _start(path.stem.removeprefix(mark).partition("-")[0])
            if start is not None and (since is None or start >= since):
                yield start, path


def _start(text: str) -> int | None:
    """The time (ns) that a stamp tells; None for what is none: the file is not ours."""
    try:
        return int(datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        return None
