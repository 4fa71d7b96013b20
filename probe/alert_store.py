"""Where alerts are kept: the table `alert`, and what evaluation goes on from, `OUT/.alerts/<tag>-<time>.npz`.

A state of time T is what is known when everything before T was looked at. A later evaluation goes on from the latest
one that is not after the first change; those after it are forgotten, as the rows of the table are.
"""

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from formats import xdr
from formats.alert import HAPPENING, CountRule, Rule
from formats.kpi import Segment
from probe.alert_event import Event
from probe.alert_match import segments_of
from probe.errors import WiregaugeError
from probe.replacing import replacing
from probe.tables import plain_table
from probe.writer import cannot_write, partition, stamp, write_part

__all__ = ["FOLDER", "AlertStore", "rules_digest"]

FOLDER = ".alerts"
SECOND, HOUR, DAY = 10**9, 3600 * 10**9, 86_400 * 10**9
_VERSION = 2
LATEST, DAYS = 24, 40
"""States that are kept: so many of the latest, and before them one a day."""

State = Sequence[dict[str, np.ndarray]]
"""What each rule has saved."""


def rules_digest(rules: Sequence[Rule], segments: Sequence[Segment]) -> str:
    """What must be the same for a state to be of use: the rules, and the segments that they name."""
    used = segments_of([rule for rule in rules if isinstance(rule, CountRule)], segments)
    joined = [(one.name, one.on, one.columns, _digest(one.rows)) for one in used]
    told = f"{_VERSION} {HAPPENING.descr} {[*rules]!r} {joined!r}"
    return hashlib.blake2b(told.encode(), digest_size=10).hexdigest()


def _digest(rows: pa.Table) -> str:
    """The same for the same rows in the same order."""
    made = hashlib.blake2b(digest_size=10)
    for batch in rows.combine_chunks().to_batches(max_chunksize=1 << 16):
        made.update(batch.serialize())
    return made.hexdigest()


class AlertStore:
    """Alerts of one kind (`tag`: `rows`, or a length of windows) under `out`; of the rules with this digest."""

    def __init__(self, out: Path, tag: str, digest: str) -> None:
        self.out, self.tag, self.digest = out, tag, digest
        self.folder = out / FOLDER

    # --- states ---------------------------------------------------------------------------------------------------

    def _states(self) -> list[tuple[int, Path]]:
        mark = f"{self.tag}-"
        found = []
        for path in self.folder.glob(f"{mark}*.npz"):
            with contextlib.suppress(ValueError):
                at = datetime.strptime(path.stem.removeprefix(mark), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                found.append((int(at.timestamp()) * SECOND, path))
        return sorted(found)

    def latest(self, first: int | None) -> tuple[int, State] | None:
        """Time and content of the latest state that is not after `first` (ns); later ones are forgotten."""
        for path in self.folder.glob(f".{self.tag}-*.new"):
            path.unlink(missing_ok=True)  # of an evaluation that did not come to its end
        found = None
        for time, path in reversed(self._states()):
            if first is not None and time <= first and found is None and (state := self._read(path)) is not None:
                found = time, state
            elif found is None:
                path.unlink(missing_ok=True)
        return found

    def newest(self) -> tuple[int, State] | None:
        """Time and content of the newest state that can be read."""
        read = ((time, self._read(path)) for time, path in reversed(self._states()))
        return next(((time, state) for time, state in read if state is not None), None)

    def _read(self, path: Path) -> State | None:
        try:
            with np.load(path, allow_pickle=False) as file:
                if bytes(file["digest"]).decode() != self.digest:
                    return None
                out: list[dict[str, np.ndarray]] = [{} for _ in range(int(file["rules"][0]))]
                for name in file.files:
                    number, _, rest = name.partition("_")
                    if number.isdigit():
                        out[int(number)][rest] = file[name]
                return out
        except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error):
            return None

    def save(self, time: int, state: State) -> None:
        """Write a state, which is one when `commit` says so: not before what it knows is in the table, and told."""
        arrays = {f"{k}_{name}": array for k, each in enumerate(state) for name, array in each.items()}
        arrays["digest"] = np.frombuffer(self.digest.encode(), np.uint8)
        arrays["rules"] = np.array([len(state)])
        path = self.folder / f".{self.tag}-{stamp(time)}.new"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as unfinished, open(unfinished, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
        except OSError as problem:
            raise cannot_write(path, problem) from problem

    def commit(self) -> None:
        """The states that were written are of use from now on; those that are too many go."""
        for path in self.folder.glob(f".{self.tag}-*.new"):
            path.replace(path.with_name(f"{path.stem.removeprefix('.')}.npz"))
        states = self._states()
        days: set[int] = set()
        for time, path in states[:-LATEST]:
            if time // DAY in days or time < states[-1][0] - DAYS * DAY:
                path.unlink(missing_ok=True)
            days.add(time // DAY)

    # --- the table ------------------------------------------------------------------------------------------------

    def _part(self, hour: int) -> Path:
        return partition(self.out, xdr.ALERT.name, hour) / f"part-{self.tag}-{stamp(hour)}.parquet"

    def events(self, since: int | None) -> list[Event]:
        """What the table says from the hour of `since` (ns) on."""
        found: list[Event] = []
        first = "" if since is None else f"part-{self.tag}-{stamp(since // HOUR * HOUR)}"
        day = "" if since is None else f"date={datetime.fromtimestamp(since // SECOND, UTC):%Y-%m-%d}"
        for folder in sorted((self.out / xdr.ALERT.name).glob("date=*")):
            if folder.name >= day:
                for path in sorted(folder.glob(f"hour=*/part-{self.tag}-*.parquet")):
                    if path.stem >= first:
                        found += _read_part(path)
        return found

    def replace(self, old: Sequence[Event], new: Sequence[Event]) -> None:
        """Write the parts of the hours that `old` and `new` have, so that they hold `new`."""
        before, after = _by_hour(old), _by_hour(new)
        for hour in {**before, **after}:
            events = sorted(after.get(hour, ()), key=lambda e: (e.time, e.rule, e.key, e.state))
            if not events:
                self._part(hour).unlink(missing_ok=True)
            elif events != before.get(hour):
                write_part(self._part(hour), plain_table(xdr.ALERT, events))


def _by_hour(events: Iterable[Event]) -> dict[int, list[Event]]:
    """Events by the start of their hour (ns)."""
    out: dict[int, list[Event]] = {}
    for event in events:
        out.setdefault(event.time // HOUR * HOUR, []).append(event)
    return out


def _read_part(path: Path) -> list[Event]:
    try:
        rows = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowInvalid) as problem:
        raise WiregaugeError(f"{path}: not a readable Parquet file: {problem}.\nRemove it.") from problem
    columns = []
    for name in Event._fields:
        column = rows.column(name)
        columns.append((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())
    return [Event(*row) for row in zip(*columns, strict=True)]
