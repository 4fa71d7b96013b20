"""`--memory` and `--cpus`: what they mean, and that what follows from them fits."""

import os
import threading
from pathlib import Path

import pytest

from kernels.shard import Limits, Shard
from probe.errors import UsageError
from probe.pipeline import Pipeline
from probe.room import AUTO, PROGRAM, ROW_OCTETS, listed, memory, processors_of, sizes_for

GIB = 1 << 30


@pytest.mark.parametrize(
    "text, octets", [("4GiB", 4 * GIB), ("4G", 4 * GIB), ("1500 MiB", 1500 << 20), ("2gb", 2 * GIB), ("1T", 1 << 40)]
)
def test_sizes_are_read(text: str, octets: int) -> None:
    assert memory(text) == octets


@pytest.mark.parametrize("text, words", [("much", "is no size"), ("-1G", "is no size"), ("512M", "too little")])
def test_what_is_no_size_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        memory(text)


@pytest.mark.parametrize("octets", [GIB, 2 * GIB, 16 * GIB])
@pytest.mark.parametrize("workers, interfaces", [(1, 1), (4, 2)])
def test_all_of_it_fits_and_most_is_used(octets: int, workers: int, interfaces: int) -> None:
    sizes = sizes_for(octets, workers, interfaces)
    tables = workers * Shard(10**9, sizes.limits, 0, workers).octets
    waiting = 2 * sizes.rows * ROW_OCTETS
    whole = PROGRAM + tables + interfaces * sizes.ring + waiting
    assert whole <= octets + (64 << 20)
    assert whole >= 0.7 * octets
    assert sizes.limits.flows == pytest.approx(4 * sizes.limits.sessions, abs=4)


def test_lists_of_processors() -> None:
    assert listed("2-4,9, 3") == [2, 3, 4, 9]
    for text in ("", "a", "1-", "3:4"):
        with pytest.raises(ValueError, match="no list of processors"):
            listed(text)
    here = sorted(os.sched_getaffinity(0))
    assert processors_of(str(here[-1]), []) == [here[-1]]
    with pytest.raises(UsageError, match="no processor 4095"):
        processors_of("4095", [])


def test_auto_is_the_node_of_the_network_card(tmp_path: Path) -> None:
    here = sorted(os.sched_getaffinity(0))
    for name, node in (("eth1", "0"), ("eth2", "-1")):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "numa_node").write_text(f"{node}\n")
        (tmp_path / name / "device" / "local_cpulist").write_text(f"{here[-1]},4095\n")
    assert processors_of(AUTO, ["eth1"], tmp_path) == [here[-1]]
    assert processors_of(AUTO, ["eth2"], tmp_path) == []
    assert processors_of(AUTO, ["veth"], tmp_path) == []


def test_workers_are_pinned_one_each() -> None:
    here = sorted(os.sched_getaffinity(0))
    line = Pipeline(10**9, lambda *_: None, 2, Limits(flows=1024, sessions=256, transactions=256), cpus=here[:2] * 2)
    both, found = threading.Barrier(2), []

    def where(_: int) -> None:
        both.wait(10)
        found.append(os.sched_getaffinity(0))

    line._all(where, [0, 1])
    line.close()
    assert len(found) == 2
    assert all(len(each) == 1 for each in found)
    assert os.sched_getaffinity(0) == set(here)
