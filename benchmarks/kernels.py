"""The kernels on a capture that lies in memory: one core, warm, no file, no Parquet."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from formats.capture import NANOSECONDS, PCAP_HEADER_OCTETS, PCAP_RECORD_OCTETS
from formats.records import RECORD
from kernels.pcap import walk_pcap
from kernels.shard import Limits
from probe.merge import Batch
from probe.pipeline import LANE_PACKETS, Pipeline, Span

STRETCH = 4 << 20
"""Octets walked at a time: they are in the cache when they are parsed."""

WINDOW = 900 * NANOSECONDS
LIMITS = Limits(flows=1 << 18, sessions=1 << 17)
"""Room for what the capture holds at a time. Its pages are touched before the clock starts, as in a running probe."""
LINKTYPE_ETHERNET = 1


def _stretches(data: np.ndarray, records: np.ndarray) -> Iterator[Batch]:
    """Walk a little-endian pcap with nanoseconds, stretch by stretch."""
    at = PCAP_HEADER_OCTETS
    unit = 1 if data[0] == 0x4D else 1000
    while at + PCAP_RECORD_OCTETS <= len(data):
        piece = data[at : at + STRETCH]
        count, walked, _, _ = walk_pcap(piece, 0, False, unit, LINKTYPE_ETHERNET, 0, records)
        if not count:
            return
        yield Batch(piece, records[:count], lambda: None)
        at += walked


def _pass(data: np.ndarray, records: np.ndarray) -> tuple[int, float, dict[str, float]]:
    """Packets, seconds, seconds by stage of one pass with fresh tables."""
    rows = 0

    def put(_table: str, rows_of_table: np.ndarray, _apns: list[str]) -> None:
        nonlocal rows
        rows += len(rows_of_table)

    pipeline = Pipeline(WINDOW, put, limits=LIMITS)
    for worker in pipeline.workers:
        worker.shard.touch()
    lane, worker = pipeline.lanes[0], pipeline.workers[0]
    stages = {"walk": 0.0, "parse": 0.0, "update": 0.0}
    began = mark = time.perf_counter()
    packets = 0
    for batch in _stretches(data, records):
        now = time.perf_counter()
        stages["walk"] += now - mark
        mark, first, count = now, 0, len(batch.records)
        while first < count:
            lane.parse(batch, first, min(first + LANE_PACKETS, count))
            first += lane.count
            now = time.perf_counter()
            stages["parse"] += now - mark
            worker.take([Span(lane, 0, lane.count, None)])
            mark = time.perf_counter()
            stages["update"] += mark - now
        packets += count
    worker.finish()
    stages["update"] += time.perf_counter() - mark
    return packets, time.perf_counter() - began, stages


def measure_kernels(path: Path, passes: int = 3) -> dict[str, float]:
    """Walk, decode, join and follow the flows of the capture `path`, once it lies in memory and everything is compiled.

    Returns `packets` and `seconds` of the best of `passes`, and `seconds_<stage>` of its stages.
    """
    data = np.fromfile(path, np.uint8)
    records = np.zeros(STRETCH // PCAP_RECORD_OCTETS + 1, RECORD)
    _pass(data[: 8 * STRETCH], records)
    packets, seconds, stages = min((_pass(data, records) for _ in range(passes)), key=lambda result: result[1])
    return {"packets": packets, "seconds": seconds} | {f"seconds_{name}": value for name, value in stages.items()}


if __name__ == "__main__":
    import sys

    for name, value in measure_kernels(Path(sys.argv[1])).items():
        print(f"{name:16} {value:12.3f}")
