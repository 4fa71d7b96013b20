"""The live probe on a wire of its own: veth pairs in network namespaces.

What it writes equals what `wiregauge run` makes of a recording of the same packets with the same stamps; and in adds up
to decoded, rejected, dropped and duplicate whatever happens to the wire, the disk and the probe.
"""

import os
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner

from probe.run import run_command
from tests.live_tools import Namespace, Probe, recording, why_not
from tools.scenario import PRESETS, RADIO_PRESETS, generate

WHY_NOT = why_not()
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(bool(WHY_NOT) and not os.environ.get("CI"), reason=WHY_NOT or "namespaces are there"),
]

XDR = ("flow", "session", "presence", "procedure")
KPIS = ("kpi_cell", "kpi_subscriber", "kpi_gateway", "kpi_procedure", "kpi_drop")
WINDOW = "2s"


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace with two wires."""
    place = Namespace(f"wg-{os.getpid()}-{abs(hash(request.node.name)) % 10**6}", pairs=2)
    yield place
    place.delete()


@lru_cache
def traffic(name: str, folder: Path) -> Path:
    """A preset's capture."""
    presets = PRESETS | RADIO_PRESETS
    truth = generate(presets[name], folder)
    assert len(truth.files) == 1
    return folder / truth.files[0]


@pytest.fixture(scope="module")
def captures_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: traffic(name, tmp_path_factory.mktemp(name)) for name in ("mixed", "nr")}


def rows(out: Path, table: str) -> Counter[tuple[Any, ...]]:
    """All rows of a table."""
    if not (out / table).is_dir():
        return Counter()
    found = ds.dataset(out / table, format="parquet").to_table().to_pylist()
    return Counter(tuple(row.items()) for row in found)


def ledger(out: Path, stage: str, column: str = "packets") -> int:
    return sum(row[column] or 0 for row in ds.dataset(out / "ledger").to_table().to_pylist() if row["stage"] == stage)


def balanced(out: Path) -> int:
    """Packets in, after checking that they add up."""
    whole = ledger(out, "in")
    assert whole == sum(ledger(out, stage) for stage in ("decoded", "rejected", "dropped", "duplicate"))
    return whole


def read_again(capture: Path, out: Path, *options: str) -> None:
    """The same packets, from the recording."""
    command = [str(capture), "--out", str(out), "--identities", "clear", "--window", WINDOW, "--workers", "1", *options]
    made = CliRunner().invoke(run_command, command, catch_exceptions=False)
    assert made.exit_code == 0, made.output


def same(live: Path, again: Path, tables: tuple[str, ...] = (*XDR, *KPIS)) -> None:
    for table in tables:
        mine, theirs = rows(live, table), rows(again, table)
        assert mine == theirs, (table, list((mine - theirs).items())[:3], list((theirs - mine).items())[:3])


@pytest.mark.parametrize("name", ["mixed", "nr"])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_replayed_gives_what_the_file_gives(
    wire: Namespace, captures_of: dict[str, Path], name: str, workers: int, tmp_path: Path
) -> None:
    probe = Probe(wire, tmp_path / "live", "--window", WINDOW, "--workers", str(workers))
    with recording(wire, tmp_path / "kept.pcap"):
        said = wire.replay(captures_of[name], "--speed", "8")
        packets = int(said.split()[0].replace(",", ""))
        probe.seen(packets)
        probe.stop()
    read_again(tmp_path / "kept.pcap", tmp_path / "again")
    assert packets == balanced(tmp_path / "live") == balanced(tmp_path / "again") > 500
    assert rows(tmp_path / "live", "flow")
    same(tmp_path / "live", tmp_path / "again")
