"""The live probe and its peers on one wire: what is lost at a rate, what a million packets cost, memory over minutes.

A pair of virtual interfaces in a network namespace of its own; `tools.replay` sends the same capture to each contestant
in turn. Processor seconds are those of the contestant's processes from just before the first packet until all are read:
start-up is left out, and so is what the kernel does for the sender.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.child import family, memory_of
from tools.wire import Namespace, Probe, why_not

__all__ = ["Figure", "figures", "soak"]

RATES = (0, 200_000, 100_000)
"""Packets a second; 0: as fast as the sender can."""
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 3


class Figure(NamedTuple):
    """What one contestant did at one rate; `sent_s`: how long sending took; dropped: as it says itself,
    None where it does not."""

    who: str
    rate: int
    packets: int
    sent_s: float
    dropped: int | None
    cpu_seconds: float
    peak_rss: int


def cpu_of(pid: int) -> float:
    """Processor seconds of a process and its children so far."""
    total = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(fields[k]) for k in (11, 12))
    return total / TICKS


def _sent(said: str) -> tuple[int, float]:
    found = re.match(r"([\d,]+) packets, .* in ([\d.]+) s", said)
    assert found is not None, said
    return int(found[1].replace(",", "")), float(found[2])


def _replay(place: Namespace, capture: Path, rate: int) -> tuple[int, float]:
    return _sent(place.replay(capture, *(("--rate", str(rate)) if rate else ())))


def probe(place: Namespace, capture: Path, rate: int) -> Figure:
    """wiregauge live, one worker, from ring to Parquet and KPIs."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        live = Probe(place, out, "--window", "15m", "--workers", "1")
        pid = live.process.pid
        time.sleep(1)
        before = cpu_of(pid)
        packets, seconds = _replay(place, capture, rate)
        status = live.seen(packets)
        used, rss = cpu_of(pid) - before, memory_of(pid).get("VmHWM", 0)
        live.stop()
    return Figure("wiregauge live", rate, packets, seconds, status["dropped"], used, rss)


def dumpcap(place: Namespace, capture: Path, rate: int) -> Figure | str:
    """dumpcap with a ring of the same size, writing to nowhere: it decodes nothing."""
    command = shutil.which("dumpcap")
    if command is None:
        return "dumpcap is not installed (Debian package wireshark-common)"
    words = ["ip", "netns", "exec", place.name, command, "-q", "-B", "64", "-i", "b0", "-w", "-"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(SETTLE_S)
    before = cpu_of(process.pid)
    packets, seconds = _replay(place, capture, rate)
    time.sleep(SETTLE_S)
    used, rss = cpu_of(process.pid) - before, memory_of(process.pid).get("VmHWM", 0)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    found = re.search(r"received/dropped on interface \S+ (\d+)/(\d+)", said)
    return Figure("dumpcap", rate, packets, seconds, int(found[2]) if found else 0, used, rss)


def nfstream(place: Namespace, capture: Path, rate: int) -> Figure | str:
    """NFStream on the interface, tunnels decoded, one meter; it does not say what it lost."""
    command = [sys.executable, "-m", "benchmarks.live", "nfstream", "b0"]
    process = place.start(*command)
    time.sleep(2 * SETTLE_S)
    before = cpu_of(process.pid)
    packets, seconds = _replay(place, capture, rate)
    time.sleep(SETTLE_S)
    used, rss = cpu_of(process.pid) - before, sum(memory_of(pid).get("VmHWM", 0) for pid in family(process.pid))
    for pid in reversed(family(process.pid)):
        os.kill(pid, signal.SIGKILL)  # it does not end its capture by itself
    _, err = process.communicate()
    if used < 1e-6 * packets:
        return f"nfstream read nothing of the link: {err[-200:]}"
    return Figure("nfstream", rate, packets, seconds, None, used, rss)


def _nfstream_loop(interface: str) -> None:
    from nfstream import NFStreamer

    stream = NFStreamer(source=interface, decode_tunnels=True, n_dissections=0, statistical_analysis=False, n_meters=1,
                        promiscuous_mode=True)  # fmt: skip
    for _ in stream:
        pass


def figures(capture: Path, rates: tuple[int, ...] = RATES) -> Iterator[Figure | str]:
    """Every contestant at every rate; or in words why there is none."""
    words = why_not()
    if words:
        yield words
        return
    place = Namespace(f"wg-bench-{os.getpid()}")
    try:
        for rate in rates:
            yield probe(place, capture, rate)
            yield dumpcap(place, capture, rate)
            yield nfstream(place, capture, rate)
    finally:
        place.delete()


def soak(capture: Path, seconds: float, rate: int = 100_000) -> Iterator[tuple[float, int, int, int]]:
    """(seconds, packets, dropped, octets of memory) as a probe reads the same traffic over and over."""
    place = Namespace(f"wg-soak-{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            live = Probe(place, Path(folder), "--window", "10s", "--workers", "1")
            begun, sent = time.monotonic(), 0
            while time.monotonic() - begun < seconds:
                sent += _replay(place, capture, rate)[0]
                status = live.seen(sent)
                yield time.monotonic() - begun, status["packets"], status["dropped"], status["memory"]
            live.stop()
    finally:
        place.delete()


if __name__ == "__main__":
    _nfstream_loop(sys.argv[2])
