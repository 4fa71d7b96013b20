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
    peak_rss: int  # octets, of the largest process; pages of a mapped file count
    peak_anonymous: int  # octets, of all its processes together, without pages of files; sampled
    output: str  # the end of stdout and stderr


def run(command: Sequence[str | Path], timeout: float = 1800, **variables: str) -> Cost:
    """Run `command` with `variables` added to the environment; a command that takes too long is killed (code -9)."""
    environment: Mapping[str, str] = os.environ | variables
    reader, writer = os.pipe()
    began = monotonic()
    process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, env=environment
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
    return Cost(
        process.returncode, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, watch.peak, tail[-1]
    )


def _drain(reader: int, tail: list[str]) -> None:
    with open(reader, "rb") as stream:
        kept = b""
        while part := stream.read1(1 << 16):  # type: ignore[attr-defined]
            kept = (kept + part)[-20_000:]
    tail.append(kept.decode(errors="replace"))


class _Watch(threading.Thread):
    """Samples the memory of a process and its children; ends it when its time is over."""

    def __init__(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        super().__init__(daemon=True)
        self.process, self.deadline, self.peak = process, deadline, 0

    def run(self) -> None:
        while self.process.returncode is None:
            self.peak = max(self.peak, anonymous_octets(self.process.pid))
            if monotonic() > self.deadline:
                self.process.kill()
                return
            sleep(0.02)


def anonymous_octets(pid: int) -> int:
    """Memory of a process and its children that is no file's: RssAnon and RssShmem of /proc/PID/status."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(anonymous_octets(int(child)) for child in (task / "children").read_text().split())
    except (OSError, ValueError):
        pass  # it has ended meanwhile
    return total
