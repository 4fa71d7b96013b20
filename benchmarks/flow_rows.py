"""A large `flow` table with nothing behind it: seeded rows as a network of many cells would give, for the KPI stage.

Subscribers have a home cell and roam about it, cells and applications are of very uneven weight, times lie in windows
of a quarter of an hour. Nothing here shares code with what is measured.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = 1_700_000_100 // 900 * 900
WINDOW = 900
ROWS_A_FILE = 1 << 20
ROWS_A_GROUP = 1 << 17


class Size(NamedTuple):
    """How large a network, and for how long."""

    rows: int
    cells: int
    subscribers: int
    windows: int


def _texts(form: str, numbers: np.ndarray) -> pa.Array:
    return pa.array([form % n for n in numbers.tolist()], pa.string())


class _Names(NamedTuple):
    cells: pa.Array
    subscribers: pa.Array
    devices: pa.Array
    apns: pa.Array
    services: pa.Array
    gateways: pa.Array


def _names(size: Size, rng: np.random.Generator) -> _Names:
    tacs = rng.choice(99_999_999, 3_000, replace=False)
    return _Names(
        _texts("262-01-%d", rng.permutation(size.cells) + 20_000_000),
        _texts("26201%010d", rng.choice(size.subscribers * 8, size.subscribers, replace=False)),
        _texts("%08d", tacs),
        _texts("apn%d.example", np.arange(40)),
        _texts("service%d", np.arange(60)),
        _texts("10.200.0.%d", np.arange(1, 33)),
    )


def _uneven(rng: np.random.Generator, count: int, rows: int, power: float) -> np.ndarray:
    """int64[rows] of 0 <= x < count, the low ones more often."""
    return (count * rng.random(rows) ** power).astype(np.int64)


def _null(values: np.ndarray, where: np.ndarray) -> pa.Array:
    return pa.array(values, mask=where)


def _rows(size: Size, names: _Names, window: int, rows: int, rng: np.random.Generator) -> pa.Table:
    who = _uneven(rng, size.subscribers, rows, 1.5)
    cell = (who * 7919 + np.where(rng.random(rows) < 0.6, 0, rng.integers(0, 12, rows))) % size.cells
    times = (START + window * WINDOW) * 10**9 + rng.integers(0, WINDOW * 10**9, rows)
    tcp = rng.random(rows) < 0.7
    down, up = (rng.exponential(mean, rows).astype(np.int64) + 60 for mean in (400_000, 30_000))
    packets_up, packets_down = up // 300 + 1, down // 1200 + 1
    active = np.maximum(down / 4000 * rng.lognormal(0, 0.5, rows), 0.1)
    outcome = rng.choice(4, rows, p=[0.93, 0.03, 0.03, 0.01])
    outcomes = pa.array(["success", "refused", "no_answer", "half_open"])

    def coded(indices: np.ndarray, values: pa.Array, missing: float = 0.0) -> pa.Array:
        mask = rng.random(rows) < missing if missing else None
        return values.take(pa.array(indices.astype(np.int32), mask=mask))

    def ms(mean: float, missing: np.ndarray) -> pa.Array:
        return _null(np.rint(rng.lognormal(np.log(mean), 0.7, rows) * 1e6) / 1e6, missing)

    columns = {
        "start_time": pa.array(times).view(pa.timestamp("ns", tz="UTC")),
        "subscriber": coded(who, names.subscribers, 0.01),
        "device_tac": coded(_uneven(rng, len(names.devices), rows, 2), names.devices),
        "cell": coded(cell, names.cells, 0.005),
        "apn": coded(_uneven(rng, len(names.apns), rows, 3), names.apns),
        "qos_class": pa.array(rng.choice([5, 6, 8, 9], rows).astype(np.int32)),
        "gateway": coded(who % len(names.gateways), names.gateways),
        "ip_protocol": pa.array(np.where(tcp, 6, 17).astype(np.int32)),
        "service": coded(_uneven(rng, len(names.services), rows, 2), names.services),
        "begun": pa.array(rng.random(rows) < 0.9),
        "bytes_up": pa.array(up),
        "bytes_down": pa.array(down),
        "packets_up": pa.array(packets_up),
        "packets_down": pa.array(packets_down),
        "connect_outcome": coded(outcome, outcomes, 0.3),
        "rtt_client_ms": ms(35, ~tcp),
        "rtt_server_ms": ms(18, ~tcp),
        "first_byte_ms": ms(60, ~tcp),
        "tcp_packets_up": _null(packets_up, ~tcp),
        "tcp_packets_down": _null(packets_down, ~tcp),
        "tcp_retransmitted_packets_down": _null(rng.binomial(20, 0.01, rows).astype(np.int64), ~tcp),
        "active_down": pa.array(np.rint(active * 1e6) / 1e6),
        "throughput_down": _null(8 * down / active, down < 100_000),
    }  # fmt: skip
    return pa.table(columns)


def make(folder: Path, size: Size, seed: int = 9) -> Path:
    """`size.rows` rows under folder/flow/, in order of window, as `wiregauge run` lays them out."""
    rng = np.random.default_rng(seed)
    names = _names(size, rng)
    for window in range(size.windows):
        place = folder / "flow" / f"window={window:03d}"
        place.mkdir(parents=True, exist_ok=True)
        rows = size.rows * (window + 1) // size.windows - size.rows * window // size.windows
        for number, first in enumerate(range(0, rows, ROWS_A_FILE)):
            table = _rows(size, names, window, min(ROWS_A_FILE, rows - first), rng)
            pq.write_table(table, place / f"part-{number}.parquet", compression="zstd", compression_level=1,
                           row_group_size=ROWS_A_GROUP)  # fmt: skip
    return folder
