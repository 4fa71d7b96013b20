"""The peers, each told to read the same file and exit. A peer that is not installed is named and left out."""

import importlib.util
import json
import mmap
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import child

TSHARK_PACKETS = 200_000
TSHARK_FIELDS = (
    *("frame.time_epoch", "frame.len", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "gtp.teid"),
    *("udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.ack", "tcp.flags", "tcp.len"),
    *("tcp.analysis.retransmission", "tcp.analysis.out_of_order"),
    *("gtpv2.message_type", "gtpv2.seq", "gtpv2.cause", "gtpv2.f_teid_gre_key", "gtpv2.f_teid_ipv4"),
    *("e212.imsi", "gtpv2.ecgi_eci"),
)


class Figure(NamedTuple):
    """What one contestant did with one file."""

    name: str
    packets: int
    seconds: float
    cpu_seconds: float
    peak_rss: int
    note: str


def nfstream(path: Path, packets: int) -> Figure | str:
    """NFStream: tunnels decoded, no dissection, no statistics, one meter; timed around its loop, imports left out."""
    if importlib.util.find_spec("nfstream") is None:
        return "nfstream is not installed"
    cost = child.run([sys.executable, "-m", "benchmarks.peers", path])
    if cost.code:
        return f"nfstream failed: {cost.output[-300:]}"
    told = json.loads(cost.output.strip().splitlines()[-1])
    return Figure(
        "nfstream", told["packets"], told["seconds"], cost.cpu_seconds, cost.peak_rss, f"{told['flows']} flows"
    )


def nfpcapd(path: Path, packets: int) -> Figure | str:
    """nfpcapd of nfdump: writes flow records of the outer tuple."""
    command = shutil.which("nfpcapd")
    if command is None:
        return "nfpcapd is not installed (Debian package nfdump)"
    with tempfile.TemporaryDirectory() as folder:
        return _best("nfpcapd", [command, "-r", path, "-w", folder], packets, "outer tuple only")


def softflowd(path: Path, packets: int) -> Figure | str:
    """softflowd: exports flows of the outer tuple to a port on loopback that nobody reads."""
    command = shutil.which("softflowd") or shutil.which("softflowd", path="/usr/sbin")
    if command is None:
        return "softflowd is not installed"
    with tempfile.TemporaryDirectory() as folder:  # without `-c none` it waits for a control socket after the file
        words = [
            command,
            "-d",
            "-r",
            path,
            "-n",
            "127.0.0.1:9995",
            "-p",
            f"{folder}/pid",
            "-c",
            "none",
            "-m",
            "1000000",
        ]
        return _best("softflowd", words, packets, "outer tuple only")


def tshark(path: Path, packets: int) -> Figure | str:
    """tshark -T fields with the fields that wiregauge reads, on a slice from the middle of the file."""
    command = shutil.which("tshark")
    if command is None:
        return "tshark is not installed"
    count = min(packets, TSHARK_PACKETS)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "slice.pcap"
        cut(path, part, (packets - count) // 2, count)
        fields = [word for name in TSHARK_FIELDS for word in ("-e", name)]
        cost = child.run([command, "-n", "-r", part, "-T", "fields", *fields], discard=True)
    if cost.code:
        return f"tshark failed: {cost.output[-300:]}"
    return Figure("tshark", count, cost.seconds, cost.cpu_seconds, cost.peak_rss, f"slice of {count:,} packets")


def _best(name: str, command: list[object], packets: int, note: str) -> Figure | str:
    costs = [child.run(command, timeout=600) for _ in range(3)]
    cost = min(costs, key=lambda one: one.seconds)
    if cost.code:
        return f"{name} failed: {cost.output[-300:]}"
    return Figure(name, packets, cost.seconds, cost.cpu_seconds, cost.peak_rss, note)


PEERS = (nfpcapd, softflowd, tshark, nfstream)


def figures(path: Path, packets: int) -> Iterator[Figure | str]:
    """Each peer's figure for the file, or why there is none."""
    return (peer(path, packets) for peer in PEERS)


def cut(path: Path, part: Path, first: int, count: int) -> None:
    """Copy records first .. first + count of a little-endian pcap file."""
    with path.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, begin = 24, 24
        for number in range(first + count):
            if number == first:
                begin = at
            at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        with part.open("wb") as out:
            out.write(data[:24])
            for piece in range(begin, at, 1 << 24):
                out.write(data[piece : min(piece + (1 << 24), at)])


def _nfstream_loop(path: str) -> None:
    from nfstream import NFStreamer

    began = time.perf_counter()
    flows = packets = 0
    streamer = NFStreamer(source=path, n_dissections=0, decode_tunnels=True, statistical_analysis=False, n_meters=1)
    for flow in streamer:
        flows += 1
        packets += flow.bidirectional_packets
    print(json.dumps({"flows": flows, "packets": packets, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    _nfstream_loop(sys.argv[1])
