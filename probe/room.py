"""What a live probe may take of the machine: `--memory` to sizes of tables and rings, `--cpus` to processors.

sizes = sizes_for(4 << 30, workers=2, interfaces=1)      # Limits, octets of a ring, rows that may wait
cpus = processors_of("auto", ["eth1"])                   # those of the network card's own memory node
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import click

from kernels.shard import Limits, Shard
from probe.errors import UsageError

__all__ = ["CPUS", "MEMORY", "Sizes", "confine", "memory", "processors_of", "sizes_for"]

AUTO = "auto"
PROGRAM = 640 << 20
"""Octets that are not tables, rings or rows: interpreter, machine code, what the KPI stage takes at the least."""
LEAST = 2 << 30
MIB = 1 << 20
ROW_OCTETS = 1024
"""Of a row that waits for the disk: itself, and as it becomes a column."""
KPI_ROW_OCTETS = 2048
"""Of a row that KPIs are made of, with its group's share of them."""
FLOWS_PER_SESSION = 4
MOST_FLOWS, SAMPLE_FLOWS = 1 << 24, 1 << 18
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Sizes(NamedTuple):
    """What fits: rows of tables, octets of the ring of each interface, rows that may wait for the disk, and rows of
    which KPIs are made at once."""

    limits: Limits
    ring: int
    rows: int
    kpi_rows: int


def memory(value: str) -> int:
    """Octets in `value` (`4GiB`, `1500M`); ValueError in words if it is none."""
    found = re.fullmatch(r"(\d{1,6})\s*([KMGT]?)(?:I?B)?", value.strip().upper())
    if found is None:
        raise ValueError(f"{value!r} is no size of memory: write 4GiB, 1500MiB")
    octets = int(found[1]) * UNITS[found[2]]
    if octets < LEAST:
        raise ValueError(f"{value!r} is too little: the program itself takes {PROGRAM // MIB} MiB, so 2GiB at least")
    return octets


def sizes_for(octets: int, workers: int, interfaces: int) -> Sizes:
    """A quarter for the KPI stage; of the rest an eighth each for rings and waiting rows, and tables as they fit."""
    rest = octets - PROGRAM - octets // 4
    ring = max(1, rest // 8 // interfaces // MIB) * MIB
    rows = max(1 << 14, rest // 8 // (2 * ROW_OCTETS))  # twice as many of what is shed last
    room = rest * 3 // 4
    flows = min(MOST_FLOWS, SAMPLE_FLOWS * room // _tables(SAMPLE_FLOWS, workers))
    while flows > 1 << 10 and _tables(flows, workers) > room:
        flows = flows * 15 // 16
    return Sizes(_limits(flows), ring, rows, octets // 4 // KPI_ROW_OCTETS)


def _limits(flows: int) -> Limits:
    sessions = max(1 << 8, flows // FLOWS_PER_SESSION)
    return Limits(flows=flows, sessions=sessions, transactions=sessions)


def _tables(flows: int, workers: int) -> int:
    """Octets of the tables of all workers; an untouched table takes none to find out."""
    return workers * Shard(10**9, _limits(flows), 0, workers).octets


# --- processors --------------------------------------------------------------------------------------------------


def listed(value: str) -> list[int]:
    """Processors of a list like `2-9,12`; ValueError in words where it is none."""
    found: list[int] = []
    for part in value.split(","):
        bounds = re.fullmatch(r"\s*(\d{1,4})(?:-(\d{1,4}))?\s*", part)
        if bounds is None:
            raise ValueError(f"{value!r} is no list of processors: write 2-9,12 or auto")
        found += range(int(bounds[1]), int(bounds[2] or bounds[1]) + 1)
    return list(dict.fromkeys(found))


def processors_of(value: str, interfaces: list[str], devices: Path = Path("/sys/class/net")) -> list[int]:
    """The processors to run on: those listed, or for `auto` those beside the network card; [] for wherever it is."""
    allowed = os.sched_getaffinity(0)
    if value != AUTO:
        wanted = listed(value)
        if missing := [cpu for cpu in wanted if cpu not in allowed]:
            raise UsageError(f"--cpus {value}: there is no processor {missing[0]} here: there are {_text(allowed)}.")
        return wanted
    near: set[int] = set()
    for interface in interfaces:
        try:
            node = int((devices / interface / "device" / "numa_node").read_text())
            if node >= 0:
                near |= set(listed((devices / interface / "device" / "local_cpulist").read_text().strip()))
        except (OSError, ValueError):  # a virtual interface, a machine of one node
            return []
    return sorted(near & allowed)


def _text(cpus: set[int]) -> str:
    return ",".join(str(cpu) for cpu in sorted(cpus))


def confine(cpus: list[int]) -> None:
    """Run on these processors only, threads to come included; memory touched from now on lies beside them."""
    if cpus:
        os.sched_setaffinity(0, cpus)


class _Memory(click.ParamType):
    name = "memory"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return memory(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class _Cpus(click.ParamType):
    name = "cpus"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            if value != AUTO:
                listed(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
        return value


MEMORY, CPUS = _Memory(), _Cpus()
"""click types of `--memory 4GiB` (octets) and `--cpus 2-9` (text that `processors_of` reads)."""
