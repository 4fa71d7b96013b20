"""Alerts as rows come: how long from a row to the line that tells of it, at a steady number of rows a second.

python -m benchmarks.alerts [ROWS_A_SECOND] [SECONDS]

Rows of procedures, presence and sessions, as kernels make them, are handed over in blocks of 10 ms. `shipped`: the
shipped rules, for which one row in a hundred counts; `every row`: a rule that counts each row, of 100,000 subscribers.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from formats import xdr
from formats.kpi import Catalogue
from probe.alert_event import Event
from probe.alert_live import LiveAlerts
from probe.alert_out import AlertOptions, Outputs
from probe.alert_rules import rule_of
from probe.catalogue import load_catalogue, shipped_catalogue
from probe.identity import CLEAR, Identities
from probe.shipped import FOLDER

RATE = 200_000
BLOCK_S = 0.01
SECOND = 10**9
SHARES = {"procedure": 0.6, "presence": 0.3, "session": 0.1}
SUBSCRIBERS, CELLS, NODES = 100_000, 5_000, 200
BAD_PCT = 1.0


class _Told(Outputs):
    """Lines into a file as always, and when each change was told."""

    def __init__(self, out: Path) -> None:
        super().__init__(out, AlertOptions(str(out / "alerts.jsonl")))
        self.seen: list[tuple[int, Event]] = []

    def tell(self, changes: Sequence[tuple[int, Event]]) -> None:
        """Tell, and note the time."""
        super().tell(changes)
        now = time.time_ns()
        self.seen += [(now, event) for sign, event in changes if sign > 0]


def _rows(table: xdr.Table, number: int, rng: np.random.Generator) -> np.ndarray:
    """Rows without times; some of them failures of few subscribers, cells and nodes."""
    rows = np.zeros(number, table.dtype)
    for column in table.columns:
        if column.kind in ("small", "count", "ms", "apn"):
            rows[column.name] = -1
    bad = rng.random(number) < BAD_PCT / 100
    imsi = rng.integers(0, SUBSCRIBERS, number)
    imsi[bad] = rng.integers(0, SUBSCRIBERS // 100, int(bad.sum()))
    digits = np.array([int(f"20893{n:010d}f", 16) for n in range(SUBSCRIBERS)], np.uint64)
    rows["imsi"] = digits[imsi]
    rows["session_id"] = rng.integers(1, 2**62, number)
    if "cell" in rows.dtype.names:
        rows["cell"] = (np.uint64(1) << np.uint64(62)) | rng.integers(1, CELLS, number).astype(np.uint64)
    if table is xdr.PROCEDURE:
        rows["outcome"] = np.where(bad, xdr.OUTCOMES.index("timeout"), xdr.OUTCOMES.index("success"))
        rows["procedure"], rows["counted"] = xdr.PROCEDURES.index("create_session"), 1
        rows["interface"] = xdr.INTERFACES.index("s11")
        rows["responder_lo"] = (0xFFFF << 32) | rng.integers(0x0A000000, 0x0A000000 + NODES, number)
    else:
        rows["dropped"] = bad
    return rows


def _blocks(rate: int, rng: np.random.Generator) -> Iterator[list[tuple[str, np.ndarray]]]:
    """Blocks of rows for 10 ms each, from a stock that repeats."""
    tables = {"procedure": xdr.PROCEDURE, "presence": xdr.PRESENCE, "session": xdr.SESSION}
    stock = [
        [(name, _rows(table, int(rate * BLOCK_S * SHARES[name]), rng)) for name, table in tables.items()]
        for _ in range(100)
    ]
    while True:
        yield from stock


def every_row() -> Catalogue:
    """A catalogue that counts each row."""
    entry = {"table": "procedure", "key": "subscriber", "count": 80, "within": "1m"}
    rules = [rule_of(entry | {"id": "often"})]
    rules += [rule_of(entry | {"id": f"often_{table}", "table": table}) for table in ("presence", "session")]
    return shipped_catalogue()._replace(alerts=tuple(rules))


def measure(rate: int, seconds: float, catalogue: Catalogue) -> dict[str, Any]:
    """Latency in ms from a row to its alert, and what it cost."""
    rng = np.random.default_rng(3)
    with tempfile.TemporaryDirectory() as folder:
        told = _Told(Path(folder))
        alerts = LiveAlerts(Path(folder), 900, catalogue, told, Identities(CLEAR), 4 * rate)
        blocks = _blocks(rate, rng)
        for name, rows in next(blocks):  # compiles
            rows["start_time"] = rows["end_time"] = 1
            alerts.put(name, rows.copy(), [])
        while alerts.rows < int(rate * BLOCK_S) - 3:
            time.sleep(0.1)
        _feed(blocks, 1.0, alerts)
        told.seen.clear()
        busy, before, started = _cpu(), alerts.rows, time.perf_counter()
        put = _feed(blocks, seconds, alerts)
        alerts.close()
        spent = time.perf_counter() - started
        told.close()
        late = [(now - event.time) / 1e6 for now, event in told.seen if event.state != "closed"]
        return {
            "rows_s": put / seconds, "rows": put, "seconds": spent, "looked_at": alerts.rows - before,
            "left_out": alerts.left_out, "alerts": len(late), "held": sum(
                state.rows for states in alerts._counting.values() for state in states),
            "latency_p50_ms": float(np.median(late)) if late else 0.0,
            "latency_p99_ms": float(np.quantile(late, 0.99)) if late else 0.0, "latency_max_ms": max(late, default=0.0),
            "cpu_pct": 100 * (_cpu() - busy) / spent,
        }  # fmt: skip


def _cpu() -> float:
    return time.process_time()


def _feed(blocks: Iterator[list[tuple[str, np.ndarray]]], seconds: float, alerts: LiveAlerts) -> int:
    """Hand over a block every 10 ms, its rows stamped with the time; how many rows."""
    begun, count, at = time.perf_counter(), 0, 0
    while at * BLOCK_S < seconds:
        pause = begun + at * BLOCK_S - time.perf_counter()
        if pause > 0:
            threading.Event().wait(pause)
        for name, rows in next(blocks):
            kept = rows.copy()
            kept["start_time"] = kept["end_time"] = time.time_ns() - np.arange(rows.size)[::-1]
            alerts.put(name, kept, [])
            count += rows.size
        at += 1
    return count


def figures(rate: int = RATE, seconds: float = 10.0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every case by name."""
    yield "shipped rules", measure(rate, seconds, load_catalogue(FOLDER / "alerts.toml"))
    yield "every row", measure(rate, seconds, every_row())


if __name__ == "__main__":
    for case, found in figures(*(int(word) for word in sys.argv[1:3])):
        print(case, {name: round(value, 1) for name, value in found.items()})
