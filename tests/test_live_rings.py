"""A live probe with several rings for an interface: what it writes, counts and survives is what it is with one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from tests.test_live import (
    WINDOW,
    balanced,
    captures_of,  # noqa: F401 - a fixture
    ledger,
    outcomes,
    packets_of,
    read_again,
    rows,
    same,
)
from tools.wire import COMMAND, Namespace, Probe, recording, why_not

WHY_NOT = why_not()
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(bool(WHY_NOT) and not os.environ.get("CI"), reason=WHY_NOT or "namespaces are there"),
]
Captures = dict[str, Path]


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace with two wires, of two queues each."""
    place = Namespace(f"wg-r{os.getpid()}-{abs(hash(request.node.name)) % 10**6}", pairs=2, queues=2)
    yield place
    place.delete()


def health(out: Path, column: str) -> list[int]:
    return [int(row[column]) for row in ds.dataset(out / "probe_health").to_table(columns=[column]).to_pylist()]


@pytest.mark.parametrize(
    "rings, interfaces", [(2, ("b0",)), pytest.param(3, ("b1", "b0"), marks=pytest.mark.slow, id="two interfaces")]
)
def test_what_is_replayed_gives_what_the_file_gives(
    wire: Namespace, captures_of: Captures, rings: int, interfaces: tuple[str, ...], tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """Every table, row by row; and the packets of an interface are those of all of its rings."""
    options = ("--window", WINDOW, "--workers", "2", "--rings", str(rings))
    probe = Probe(wire, tmp_path / "live", *options, interfaces=interfaces)
    with recording(wire, tmp_path / "kept.pcap"):
        packets = packets_of(wire.replay(captures_of["mixed"], "--speed", "8"))
        probe.seen(packets)
        status = probe.until(lambda status: status["interfaces"]["b0"][0] == packets)
        probe.stop()
    assert status["interfaces"]["b0"] == [packets, 0, True]
    assert sum(health(tmp_path / "live", "packets")) == packets
    read_again(tmp_path / "kept.pcap", tmp_path / "again")
    assert packets == balanced(tmp_path / "live") == balanced(tmp_path / "again") > 500
    assert {row["source"] for row in ds.dataset(tmp_path / "live" / "ledger").to_table().to_pylist()} <= {"b0", ""}
    assert rows(tmp_path / "live", "flow")
    same(tmp_path / "live", tmp_path / "again")


def test_rings_too_small_lose_but_count(wire: Namespace, captures_of: Captures, tmp_path: Path) -> None:  # noqa: F811
    """What all rings of an interface dropped is in the ledger, the status and `probe_health`, once."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--ring", "2", "--rings", "2")
    probe.signal(signal.SIGSTOP)
    packets = sum(packets_of(wire.replay(captures_of["mixed"])) for _ in range(4))
    probe.signal(signal.SIGCONT)
    status = probe.seen(packets)
    _, err = probe.stop()
    assert "Traceback" not in err
    assert status["dropped"] == status["interfaces"]["b0"][1] > 0
    assert balanced(tmp_path / "live") == packets
    assert (
        ledger(tmp_path / "live", "dropped") == status["dropped"] == sum(health(tmp_path / "live", "packets_dropped"))
    )


def test_an_interface_that_goes_down_and_up(wire: Namespace, captures_of: Captures, tmp_path: Path) -> None:  # noqa: F811
    """The rings leave their group and come back to it."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--rings", "2")
    packets = packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    for state in ("down", "up"):
        wire.ip("-n", wire.name, "link", "set", "b0", state)
        probe.until(lambda status, state=state: status["interfaces"]["b0"][2] == (state == "up"))  # type: ignore[misc]
    packets += packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    probe.stop()
    assert balanced(tmp_path / "live") == packets


@pytest.mark.slow
def test_an_interface_that_vanishes(wire: Namespace, captures_of: Captures, tmp_path: Path) -> None:  # noqa: F811
    """What all of its rings held is written, and the other interface goes on."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--rings", "2", interfaces=("b0", "b1"))
    packets = packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    wire.ip("-n", wire.name, "link", "del", "a0")
    probe.until(lambda status: not status["interfaces"]["b0"][2])
    packets += packets_of(wire.replay(captures_of["mixed"], interface="a1"))
    probe.seen(packets)
    _, err = probe.stop()
    assert err.count("b0 is down") == 1
    assert balanced(tmp_path / "live") == packets


def test_queues_of_af_xdp_count_together(wire: Namespace, captures_of: Captures, tmp_path: Path) -> None:  # noqa: F811
    """One interface in every account, whatever the number of its queues; the second has a name of its own."""
    options = ("--window", "1h", "--capture", "af_xdp", "--ring", "256")
    probe = Probe(wire, tmp_path / "live", *options, interfaces=("b0", "b1"))
    first = packets_of(wire.replay(captures_of["mixed"], "--rate", "5000"))
    second = packets_of(wire.replay(captures_of["mixed"], "--rate", "5000", interface="a1"))
    probe.until(lambda status: [each[0] for each in status["interfaces"].values()] == [first, second])
    probe.stop()
    assert sum(health(tmp_path / "live", "packets")) == first + second == balanced(tmp_path / "live")
    table = ds.dataset(tmp_path / "live" / "ledger").to_table().to_pylist()
    seen = {name: sum(row["packets"] for row in table if row["source"] == name and row["stage"] == "in")
            for name in ("b0", "b1")}  # fmt: skip
    assert seen == {"b0": first, "b1": second}
    assert outcomes(tmp_path / "live")


@pytest.mark.parametrize(
    "options, words",
    [
        (("--rings", "0"), "--rings"),
        (("--rings", "65"), "--rings"),
        (("--rings", "2", "--capture", "af_xdp"), "a ring for each queue"),
        (("--rings", "64", "--ring", "3"), "give them --ring 16 at least"),
        (("--rings", "2", "--interface", "nosuch"), "there is no such interface"),
    ],
)
def test_what_cannot_be_is_said(wire: Namespace, options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    made = wire.run(*COMMAND, "live", "--interface", "b0", *options, "--out", str(tmp_path / "live"), "--for", "1s")
    assert made.returncode in (1, 2)
    assert words in made.stderr
    assert "Traceback" not in made.stderr
