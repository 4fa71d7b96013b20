"""Runs a command and says what it cost: wall and processor seconds, peak memory of it and its children."""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple


class Cost(NamedTuple):
    """What a command cost."""

    code: int
    seconds: float
    cpu_seconds: float
    peak_rss: int  # octets, the peaks of all its processes added up; pages of a mapped file count, in each
    peak_anonymous: int  # octets, of all its processes together, without pages of files; sampled
    output: str  # the end of stdout and stderr


def run(
    command: Sequence[object], timeout: float = 1800, discard: bool = False, variables: Mapping[str, str] | None = None
) -> Cost:
    """Run `command` with `variables` added to the environment; a command that takes too long is killed (code -9).

    `discard` sends what it prints to /dev/null (its errors are kept).
    """
    environment: Mapping[str, str] = {**os.environ, **(variables or {})}
    reader, writer = os.pipe()
    began = monotonic()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if discard else writer,
        stderr=writer,
        env=environment,
    )
    os.close(writer)
    tail: list[str] = []
    drain = threading.Thread(target=_drain, args=(reader, tail))
    watch = _Watch(process, began + timeout)
    drain.start()
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    drain.join()
    used = usage.ru_utime + usage.ru_stime
    return Cost(process.returncode, seconds, used, sum(watch.highest.values()), watch.peak, tail[-1])


def _drain(reader: int, tail: list[str]) -> None:
    with open(reader, "rb") as stream:
        kept = b""
        while part := stream.read1(1 << 16):
            kept = (kept + part)[-20_000:]
    tail.append(kept.decode(errors="replace"))


class _Watch(threading.Thread):
    """Samples the memory of a process and its children; ends it when its time is over.

    Peaks are read from /proc, because ru_maxrss of a child begins with the size of the process that started it.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        super().__init__(daemon=True)
        self.process, self.deadline, self.peak = process, deadline, 0
        self.highest: dict[int, int] = {}

    def run(self) -> None:
        while self.process.returncode is None:
            anonymous = 0
            for pid in family(self.process.pid):
                memory = memory_of(pid)
                anonymous += memory.get("RssAnon", 0) + memory.get("RssShmem", 0)
                self.highest[pid] = max(self.highest.get(pid, 0), memory.get("VmHWM", 0))
            self.peak = max(self.peak, anonymous)
            if monotonic() > self.deadline:
                self.process.kill()
                return
            sleep(0.01)


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="utf-8").split():
                found += family(int(child))
    except OSError:
        pass  # it has ended meanwhile
    return found


def memory_of(pid: int) -> dict[str, int]:
    """The memory lines of /proc/PID/status, in octets; empty for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.splitlines() if line.endswith(" kB"))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}
