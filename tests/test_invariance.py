"""What is written does not depend on block sizes, workers, lanes, room for rows, the split of a capture into files, or
the order of packets that bear the same time."""

import gzip
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import CliRunner

from probe.kpi import kpi_command
from tests import pipeline_tools as tools
from tools.scenario import PRESETS, Scenario, generate
from tools.scenario.config import with_loss

pytestmark = pytest.mark.compiled

MILLISECOND = 1_000_000
HEADER = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")
TABLES = tuple(tools.TABLES)

MIXED = with_loss(
    Scenario(
        seed=3, duration_s=40, subscribers=12, subscribers_3g=5, s5=True, s5_user=True, ims_share=0.4,
        dual_stack_share=0.3, ipv6_share=0.1, handovers_per_minute=6, idle_share=0.3, dedicated_share=0.4,
        bearer_drop_share=0.3, network_release_share=0.2, error_indication_share=0.1, drop_share=0.2, stay_share=0.1,
        setup_failure_share=0.1, timeout_share=0.05, repeat_share=0.1, swap_share=0.1, timer_s=1,
        large_message_share=0.2, flows=2, segments=10, fragment_share=0.1, inner_fragment_share=0.3, plain_flows=10,
        other_frames=3, connected_s=(2, 6), arrival_s=15, teid_quarantine_s=0.05,
    ),
    0.02, 0.02, 0.02,
)  # fmt: skip
"""Something of everything, so that each rule has a chance to depend on what it should not."""

Packet = tuple[int, bytes]


def read_packets(path: Path) -> list[Packet]:
    """(ns, frame) of a µs pcap that nothing was cut from."""
    data, at, out = path.read_bytes(), HEADER.size, []
    while at < len(data):
        second, micro, kept, _ = RECORD.unpack_from(data, at)
        at += RECORD.size
        out.append((second * 10**9 + micro * 1000, data[at : at + kept]))
        at += kept
    return out


def pcap(packets: Iterable[Packet]) -> bytes:
    """A ns pcap of Ethernet frames."""
    parts = [HEADER.pack(0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
    for ts, frame in packets:
        parts += (RECORD.pack(*divmod(ts, 10**9), len(frame), len(frame)), frame)
    return b"".join(parts)


def write_pcap(path: Path, packets: Iterable[Packet]) -> Path:
    data = pcap(packets)
    if path.suffix == ".gz":
        data = gzip.compress(data, 1)
    elif path.suffix == ".zst":
        data = zstandard.compress(data, 1)
    path.write_bytes(data)
    return path


def coarse(packets: Iterable[Packet], unit: int) -> list[Packet]:
    """The packets as a clock of `unit` ns would have stamped them."""
    return [(ts - ts % unit, frame) for ts, frame in packets]


def shuffled(packets: list[Packet], seed: int) -> list[Packet]:
    """Packets of the same time in any order."""
    rng = random.Random(seed)
    return [packet for _, _, packet in sorted((p[0], rng.random(), p) for p in packets)]


@pytest.fixture(scope="module")
def packets(tmp_path_factory: pytest.TempPathFactory) -> list[Packet]:
    folder = tmp_path_factory.mktemp("mixed")
    generate(MIXED, folder)
    return read_packets(folder / "capture.pcap")


class Reference:
    """A run to compare with."""

    def __init__(self, paths: list[Path], **options: Any) -> None:
        self.window_s = options.setdefault("window_s", 10)
        self.run = tools.run(paths, **options)
        self.tables = {table: self.run.multiset(table) for table in TABLES}
        self.totals = totals(self.run)

    def check(self, paths: list[Path], **options: Any) -> None:
        """A run over `paths` gives the same."""
        other = tools.run(paths, window_s=self.window_s, **options)
        for table in TABLES:
            told = other.multiset(table)
            more, less = told - self.tables[table], self.tables[table] - told
            assert (more, less) == (Counter(), Counter()), f"{table}: {list(more)[:2]} for {list(less)[:2]}"
        assert totals(other) == self.totals


def totals(run: tools.Run) -> Any:
    accounts = run.accounts
    return accounts.by_reason(), *(accounts.total(n).tolist() for n in ("bytes", "joined", "unjoined", "messages"))


@pytest.fixture(scope="module")
def capture(packets: list[Packet], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pcap(tmp_path_factory.mktemp("whole") / "whole.pcap", packets)


@pytest.fixture(scope="module")
def reference(capture: Path) -> Reference:
    made = Reference([capture])
    assert all(made.tables.values())
    return made


@pytest.mark.parametrize("block_bytes", [1 << 16, 77_777, 1 << 18, 1 << 24])
def test_block_size(reference: Reference, capture: Path, block_bytes: int) -> None:
    reference.check([capture], block_bytes=block_bytes)


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_workers(reference: Reference, capture: Path, workers: int) -> None:
    reference.check([capture], workers=workers)
    reference.check([capture], workers=workers, block_bytes=1 << 16, lane_packets=200)


@pytest.mark.parametrize("lane_packets", [64, 1000, 1 << 15])
def test_lane_size(reference: Reference, capture: Path, lane_packets: int) -> None:
    reference.check([capture], lane_packets=lane_packets)


@pytest.mark.parametrize("rows", [8, 100])
def test_room_for_rows(reference: Reference, capture: Path, rows: int) -> None:
    """Updates stop and sweeps pause whenever so many rows wait to be written."""
    reference.check([capture], rows=rows)
    reference.check([capture], rows=rows, workers=2, lane_packets=500)


@pytest.mark.parametrize("form", ["pcap.gz", "pcap.zst"])
def test_compressed(reference: Reference, packets: list[Packet], tmp_path: Path, form: str) -> None:
    reference.check([write_pcap(tmp_path / f"whole.{form}", packets)])


def by_time(pieces: int) -> Callable[[int, Packet, int], int]:
    return lambda number, packet, count: number * pieces // count


def by_plane(number: int, packet: Packet, count: int) -> int:
    """The generator's frames tell their interface in the fifth octet."""
    return packet[1][4]


SPLITS = {
    "two by time": by_time(2),
    "nine by time": by_time(9),
    "by plane": by_plane,
    "in turn": lambda number, packet, count: number % 3,
    "odd stretches": lambda number, packet, count: (number // 997) % 4,
}


def split(packets: list[Packet], how: str, folder: Path) -> list[Path]:
    """The packets in several files, each in order."""
    parts: dict[int, list[Packet]] = {}
    for number, packet in enumerate(packets):
        parts.setdefault(SPLITS[how](number, packet, len(packets)), []).append(packet)
    return [write_pcap(folder / f"part{name}.pcap", part) for name, part in sorted(parts.items())]


@pytest.mark.parametrize("how", SPLITS)
def test_split_into_files(reference: Reference, packets: list[Packet], tmp_path: Path, how: str) -> None:
    paths = split(packets, how, tmp_path)
    assert len(paths) > 1
    reference.check(paths)
    reference.check(paths[::-1], workers=2, block_bytes=1 << 16)


@pytest.fixture(scope="module", params=[MILLISECOND, 20 * MILLISECOND], ids=["1 ms", "20 ms"])
def stamped(request: pytest.FixtureRequest, packets: list[Packet]) -> list[Packet]:
    """The packets with a coarse clock, so that many bear the same time."""
    return coarse(packets, request.param)


def test_order_of_equal_times(stamped: list[Packet], tmp_path: Path) -> None:
    reference = Reference([write_pcap(tmp_path / "a.pcap", stamped)])
    for seed in range(4):
        mixed = shuffled(stamped, seed)
        assert mixed != stamped
        reference.check([write_pcap(tmp_path / f"{seed}.pcap", mixed)], block_bytes=1 << 16, workers=1 + seed % 2)
    paths = split(mixed, "in turn", tmp_path)
    reference.check(paths)
    reference.check(paths[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset(name: str, tmp_path: Path) -> None:
    generate(PRESETS[name], tmp_path)
    made = read_packets(tmp_path / "capture.pcap")
    reference = Reference([write_pcap(tmp_path / "a.pcap", made)])
    reference.check([tmp_path / "a.pcap"], workers=3, block_bytes=1 << 16, rows=20)
    for how in ("by plane", "odd stretches"):
        reference.check(split(made, how, tmp_path))
    stamped = coarse(made, MILLISECOND)
    reference = Reference([write_pcap(tmp_path / "b.pcap", stamped)])
    reference.check([write_pcap(tmp_path / "c.pcap", shuffled(stamped, 1))])


# --- what is written ---------------------------------------------------------------------------------------------


def read_all(folder: Path) -> dict[str, list[str]]:
    """Every Parquet table under a folder, the ledger left out: rows as sorted text."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "ledger")
    return {name: sorted(repr(row) for row in tools.read(folder, name)) for name in names}


def test_kpi_tables(packets: list[Packet], capture: Path, tmp_path: Path) -> None:
    """The same KPI tables from another split, more workers, and packets of equal time in another order."""
    tools.write([capture], tmp_path / "one", window_s=10)
    tools.write(split(packets, "by plane", tmp_path), tmp_path / "two", window_s=10, workers=3, block_bytes=1 << 16)
    assert read_all(tmp_path / "one") == read_all(tmp_path / "two")
    for name in ("one", "two"):
        tools.kpis(tmp_path / name, tmp_path / f"{name}-kpi", 10)
    first = read_all(tmp_path / "one-kpi")
    assert set(first) >= {"kpi_cell", "kpi_subscriber", "kpi_apn", "kpi_device", "kpi_gateway", "kpi_cause"}
    assert all(first.values())
    assert first == read_all(tmp_path / "two-kpi")


def test_the_command_gives_the_same_kpis(capture: Path, tmp_path: Path) -> None:
    tools.write([capture], tmp_path / "run", window_s=60)
    tools.kpis(tmp_path / "run", tmp_path / "run", 60)
    arguments = [str(tmp_path / "run"), "--out", str(tmp_path / "again"), "--window", "1m"]
    result = CliRunner().invoke(kpi_command, arguments)
    assert result.exit_code == 0, result.output
    ours = {name: rows for name, rows in read_all(tmp_path / "run").items() if name.startswith("kpi_")}
    assert ours == read_all(tmp_path / "again")


def test_a_second_run_replaces_the_first(capture: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        tools.write([capture], tmp_path / "out", window_s=10, workers=workers)
        tools.kpis(tmp_path / "out", tmp_path / "out", 10)
        rows = read_all(tmp_path / "out")
        if workers == 1:
            first = rows
    assert rows == first


def test_a_run_without_traffic_in_a_window_leaves_none_of_an_earlier_run(packets: list[Packet], tmp_path: Path) -> None:
    half = [packet for packet in packets if packet[0] < packets[0][0] + 15 * 10**9]
    tools.write([write_pcap(tmp_path / "all.pcap", packets)], tmp_path / "out", window_s=10)
    tools.write([write_pcap(tmp_path / "half.pcap", half)], tmp_path / "out", window_s=10)
    tools.write([tmp_path / "half.pcap"], tmp_path / "fresh", window_s=10)
    assert read_all(tmp_path / "out") == read_all(tmp_path / "fresh")


def test_seeds_differ(packets: list[Packet], tmp_path: Path) -> None:
    """Guards the comparison itself: another capture gives other rows."""
    generate(replace(MIXED, seed=4, subscribers=3, subscribers_3g=1), tmp_path)
    other = tools.run([tmp_path / "capture.pcap"], window_s=10)
    whole = tools.run([write_pcap(tmp_path / "a.pcap", packets)], window_s=10)
    assert other.multiset("flow") != whole.multiset("flow")
