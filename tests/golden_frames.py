"""Golden frames: a few seconds of traffic from the generator, as text (`tests/goldens/NAME.frames`).

A line a frame: time in ns since 1970, octets on the wire, the captured octets in hexadecimal (Ethernet). Made anew from
the seed by `pytest --update-goldens`.
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tools.scenario.capture_file import CaptureOptions
from tools.scenario.config import Scenario
from tools.scenario.simulate import generate

FOLDER = Path(__file__).parent / "goldens"
SNAP = 320

SCENARIOS = {
    "lte": Scenario(
        seed=3, duration_s=6, subscribers=2, arrival_s=1, connected_s=(1, 2), flows=1, segments=3, ims_share=1,
        dual_stack_share=0.5, dedicated_share=0.7, handovers_per_minute=40, idle_share=0.4, idle_s=(0.2, 0.5),
        error_indication_share=0.3, drop_share=0.2, repeat_share=0.2, cells=2, gateways=1, echo_interval_s=5,
    ),
    "utran": Scenario(
        seed=5, duration_s=5, subscribers=0, subscribers_3g=2, arrival_s=1, connected_s=(1, 2), flows=1, segments=3,
        handovers_per_minute=30, dual_stack_share=0.5, cells_3g=2, gateways=1, echo_interval_s=5,
    ),
    "fragments": Scenario(
        seed=7, duration_s=4, subscribers=1, arrival_s=0.5, connected_s=(1, 2), flows=2, segments=3, udp_share=0.5,
        large_message_share=1, fragment_share=0.5, inner_fragment_share=0.5, ip_options_share=0.5, container_share=1,
        transport_ipv6=False, cells=1, gateways=1, echo_interval_s=0,
    ),
}  # fmt: skip


class Frame(NamedTuple):
    """One captured frame."""

    ts: int
    wire: int
    octets: bytes


def golden(name: str) -> list[Frame]:
    """The frames of a golden."""
    found = []
    for line in (FOLDER / f"{name}.frames").read_text().splitlines():
        ts, wire, octets = line.split()
        found.append(Frame(int(ts), int(wire), bytes.fromhex(octets)))
    return found


def all_frames() -> list[Frame]:
    """The frames of all goldens, one after the other."""
    return [frame for name in SCENARIOS for frame in golden(name)]


def made(name: str, folder: Path) -> str:
    """The text of a golden, made from its seed."""
    snap = 2000 if name == "fragments" else SNAP
    truth = generate(SCENARIOS[name], folder, CaptureOptions(nanoseconds=True, snaplen=snap))
    data = (folder / truth.files[0]).read_bytes()
    at, lines = 24, []
    while at < len(data):
        seconds, rest, captured, wire = struct.unpack_from("<IIII", data, at)
        lines.append(f"{seconds * 10**9 + rest} {wire} {data[at + 16 : at + 16 + captured].hex()}\n")
        at += 16 + captured
    return "".join(lines)


def pcap(frames: Iterable[Frame], link: int = 1) -> bytes:
    """The frames as a pcap file with times in ns, held to what 32 bits of seconds can tell."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link)]
    for ts, wire, octets in frames:
        ts = min(max(ts, 0), (2**32 - 1) * 10**9)
        parts.append(struct.pack("<IIII", ts // 10**9, ts % 10**9, len(octets), wire) + octets)
    return b"".join(parts)


def pcapng(frames: Iterable[Frame], link: int = 1, shift: int = 0, lost: int = 0) -> bytes:
    """The same as pcapng: times in ns, any from 0 to 2^64 - 1, `shift` seconds added by the reader; `lost` packets."""

    def block(kind: int, body: bytes) -> bytes:
        size = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + size + body + size

    def option(code: int, value: bytes) -> bytes:
        return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)

    options = option(9, b"\x09") + option(14, struct.pack("<q", shift)) + option(0, b"")
    parts = [
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack("<HHI", link, 0, 0) + options),
    ]
    for ts, wire, octets in frames:
        head = struct.pack("<IIIII", 0, ts >> 32 & 0xFFFFFFFF, ts & 0xFFFFFFFF, len(octets), wire)
        parts.append(block(6, head + octets + bytes(-len(octets) % 4)))
    if lost:
        counters = option(4, struct.pack("<Q", 0)) + option(5, struct.pack("<Q", lost)) + option(0, b"")
        parts.append(block(5, struct.pack("<III", 0, 0, 0) + counters))
    return b"".join(parts)
