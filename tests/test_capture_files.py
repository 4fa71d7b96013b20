"""Capture files: every form of pcap and pcapng against a naive reader, hostile input, and real captures."""

import csv
import gzip
import io
import os
import random
import struct
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.capture import TS_MAX
from probe.errors import InputError, UsageError, WiregaugeError
from probe.sources import Source, open_sources
from tests import naive_capture as naive

pytestmark = pytest.mark.filterwarnings("error")
INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def drain(source: Source) -> list[naive.Row]:
    rows = []
    while block := source.read():
        records = block.records
        assert len(records)
        assert (records["offset"] >= 0).all()
        assert (records["offset"] + records["captured"] <= len(block.data)).all()
        assert (records["source"] == source.index).all()
        for ts, offset, captured, wire, link, _ in records.tolist():
            rows.append(naive.Row(ts, bytes(block.data[offset : offset + captured]), wire, link))
        source.release(block)
    assert source.read() is None
    return rows


def read_one(path: Path, block_bytes: int = 4096) -> tuple[list[naive.Row], Source]:
    sources, refusals = open_sources([str(path)], block_bytes=block_bytes)
    assert not refusals
    rows = drain(sources[0])
    assert sources[0].first_ts == (rows[0].ts if rows else TS_MAX)
    return rows, sources[0]


def compare(content: bytes, path: Path, block_bytes: int = 4096) -> naive.Reading:
    """Read `content` from `path` and hold everything to the naive reader."""
    path.write_bytes(content)
    expected = naive.read(content)
    rows, source = read_one(path, block_bytes)
    assert rows == expected.rows
    assert [one.offset for one in source.damage] == ([] if expected.damage is None else [expected.damage])
    assert (source.captured_loss, source.untimed) == (expected.lost, expected.untimed)
    assert source.size == len(content)
    assert source.position == len(content) or source.damage
    return expected


def some_pcap(order: str = "<", nano: bool = False, count: int = 40, seed: int = 1, link: int = 1) -> bytes:
    chance = random.Random(seed)
    records = [
        naive.pcap_record(
            order,
            1_700_000_000 + i,
            chance.choice((0, 999_999, 1_000_000, 2**32 - 1)),
            chance.randbytes(chance.choice((0, 1, 60, 250, 1500))),
            chance.choice((None, 9000, 2**32 - 1)),
        )
        for i in range(count)
    ]
    return naive.pcap_header(order, nano, link) + b"".join(records)


def some_options(chance: random.Random, order: str, codes: tuple[int, ...]) -> bytes:
    options = b""
    for code in codes:
        if chance.random() < 0.5:
            number = chance.choice((0, 1, 7, 2**63, 2**64 - 1))
            options += naive.option(order, code, struct.pack(order + "Q", number)[: chance.choice((8, 8, 8, 3))])
    return options + chance.choice((b"", naive.option(order, 0, b"")))


def some_interface(chance: random.Random, order: str) -> bytes:
    options = chance.choice((b"", naive.option(order, 2, b"eth0"), naive.option(order, 1, bytes(300))))
    if chance.random() < 0.8:
        resolution = chance.choice((0, 3, 6, 9, 10, 12, 27, 28, 127, 128, 138, 158, 160, 162, 192, 193, 255))
        options += naive.option(order, 9, bytes((resolution,)))
    if chance.random() < 0.4:
        shift = chance.choice((-3600, 5, 1_700_000_000, -(2**63), 2**63 - 1))
        options += naive.option(order, 14, struct.pack(order + "q", shift))
    return naive.interface(order, chance.choice((1, 101, 113, 276)), chance.choice((0, 0, 40, 65535)), options)


def some_block(chance: random.Random, order: str, interfaces: int) -> bytes:
    octets = chance.randbytes(chance.choice((0, 1, 2, 3, 60, 251)))
    units = chance.choice(
        (0, 1_700_000_000_000_000, 1_700_000_000_123_456_789, 2**63, 2**64 - 1, chance.getrandbits(64))
    )
    number = chance.randrange(interfaces)
    match chance.randrange(8):
        case 0:
            return naive.simple(order, chance.choice((len(octets), 2000)), octets)
        case 1:
            return naive.obsolete(order, number, chance.choice((0, 3, 65535)), units, octets)
        case 2:
            return naive.block(
                order, chance.choice((4, 10, 0xBAD, 0x40000BAD, 0x7777)), chance.randbytes(chance.choice((0, 9, 9000)))
            )
        case 3:
            return naive.statistics(order, chance.choice((number, 99)), some_options(chance, order, (4, 5, 7)))
        case 4:
            return naive.enhanced(order, number, units, octets, None, some_options(chance, order, (2, 4, 5)))
        case _:
            return naive.enhanced(order, number, units, octets, chance.choice((None, 9000)))


def some_pcapng(seed: int, blocks: int = 30) -> bytes:
    chance = random.Random(seed)
    content = b""
    for order in chance.choice(("<", ">", "<>", "><<")):
        content += naive.section(order, chance.choice((b"", naive.option(order, 4, b"a test"))))
        interfaces = chance.choice((1, 1, 3))
        content += b"".join(some_interface(chance, order) for _ in range(interfaces))
        for _ in range(blocks):
            content += some_block(chance, order, interfaces)
            if chance.random() < 0.05:
                content += some_interface(chance, order)
                interfaces += 1
    return content


# What is whole


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_in_all_four_magics(order, nano, tmp_path):
    reading = compare(some_pcap(order, nano), tmp_path / "a")
    assert len(reading.rows) == 40


def test_pcap_link_type_is_masked_of_its_fcs_bits(tmp_path):
    assert compare(some_pcap(link=0xF400_0071), tmp_path / "a").rows[0].link == 113


@pytest.mark.parametrize("seed", range(60))
def test_pcapng_of_every_block_type(seed, tmp_path):
    compare(some_pcapng(seed), tmp_path / "a", block_bytes=4096 if seed % 2 else 65536)


@pytest.mark.parametrize("block_bytes", [4096, 4099, 10_007, 65536, 4 << 20])
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_records_do_not_depend_on_the_block_size(kind, block_bytes, tmp_path):
    content = some_pcap(count=150) if kind == "pcap" else some_pcapng(5, 200)
    assert len(compare(content, tmp_path / "a", block_bytes).rows) > 100


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_records_longer_than_a_block(kind, tmp_path):
    octets = random.Random(1).randbytes(262144)
    if kind == "pcap":
        content = some_pcap() + naive.pcap_record("<", 5, 5, octets) + some_pcap()[24:]
    else:
        extra = (
            naive.enhanced("<", 0, 5, octets)
            + naive.block("<", 0xBAD, bytes(2_000_000))
            + naive.enhanced("<", 0, 6, b"x")
        )
        content = naive.section("<") + naive.interface("<") + extra
    assert compare(content, tmp_path / "a").damage is None


def test_more_interfaces_than_expected(tmp_path):
    content = naive.section(">") + b"".join(naive.interface(">", link) for link in range(1, 101))
    content += b"".join(naive.enhanced(">", number, 10**15, b"abc") for number in range(100))
    assert [row.link for row in compare(content, tmp_path / "a").rows] == list(range(1, 101))


def test_losses_are_counted_once_per_interface(tmp_path):
    def lost(code, number):
        return naive.option("<", code, struct.pack("<Q", number))

    content = naive.section("<") + naive.interface("<")
    content += naive.enhanced("<", 0, 1, b"x", options=lost(4, 3)) + naive.statistics("<", 0, lost(5, 2) + lost(7, 5))
    content += naive.statistics("<", 0, lost(5, 4) + lost(7, 6)) + naive.enhanced("<", 0, 1, b"x", options=lost(4, 4))
    assert compare(content, tmp_path / "a").lost == 10


def test_files_that_scapy_writes(tmp_path):
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import PcapNgWriter, PcapWriter

    packets = [Ether() / IP(dst="10.0.0.1") / UDP() / bytes(size) for size in (0, 1, 18, 700)]
    for number, packet in enumerate(packets):
        packet.time = 1_700_000_000 + number
    for name, writer in (("a", PcapWriter), ("b", PcapNgWriter)):
        with writer(str(tmp_path / name)) as out:
            out.write(packets)
        rows, source = read_one(tmp_path / name)
        assert [row.octets for row in rows] == [bytes(packet) for packet in packets]
        assert [row.ts for row in rows] == [(1_700_000_000 + number) * 10**9 for number in range(4)]
        assert not source.damage


# Packed, piped


def pack(content: bytes, how: str) -> bytes:
    third = len(content) // 3
    parts = [content[:third], b"", content[third : 2 * third], content[2 * third :]]
    if how == "gzip":
        return b"".join(gzip.compress(part) for part in parts) + bytes(700)
    if how == "zstd":
        skippable = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 9) + b"skip this"
        tool = zstandard.ZstdCompressor(write_checksum=True)
        stream = io.BytesIO()
        with zstandard.ZstdCompressor(write_content_size=False).stream_writer(stream, closefd=False) as out:
            out.write(parts[2])
        return (
            skippable
            + tool.compress(parts[0])
            + skippable
            + tool.compress(b"")
            + stream.getvalue()
            + tool.compress(parts[3])
        )
    return content


@pytest.mark.parametrize("how", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_packed_files_read_as_unpacked(kind, how, tmp_path):
    content = some_pcap(count=900) if kind == "pcap" else some_pcapng(5, 900)
    (tmp_path / "any-name").write_bytes(pack(content, how))
    for block_bytes in (4099, 4 << 20):
        rows, source = read_one(tmp_path / "any-name", block_bytes)
        assert rows == naive.read(content).rows
        assert not source.damage
        assert source.position == source.size


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_packed_zeros_are_unpacked_in_pieces(how, tmp_path):
    content = naive.section("<") + naive.block("<", 0xBAD, bytes(60_000_000)) + naive.interface("<")
    content += naive.enhanced("<", 0, 1, b"x")
    packed = gzip.compress(content, 1) if how == "gzip" else zstandard.compress(content)
    (tmp_path / "a").write_bytes(packed)
    script = (
        "import sys, resource; from probe.sources import open_sources\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "source = open_sources([sys.argv[1]])[0][0]; print(len(source.read().records))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)\n"
    )
    if INTERPRETED:
        assert len(read_one(tmp_path / "a")[0]) == 1
        return
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")], capture_output=True, text=True, check=True
    )
    records, mebibytes = map(int, done.stdout.split())
    assert records == 1
    assert mebibytes < 120  # with what compiling or loading the kernels takes


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_pipes_and_stdin(how, tmp_path, monkeypatch):
    content = some_pcap(count=300)
    packed = pack(content, how)
    reader, writer = os.pipe()

    def feed():
        with open(writer, "wb") as out:
            for at in range(0, len(packed), 30_001):
                out.write(packed[at : at + 30_001])
                out.flush()

    saved = os.dup(0)
    os.dup2(reader, 0)
    os.close(reader)
    thread = threading.Thread(target=feed)
    thread.start()
    try:
        sources, refusals = open_sources(["-"], block_bytes=8192)
        rows = drain(sources[0])
    finally:
        thread.join()
        os.dup2(saved, 0)
        os.close(saved)
    assert not refusals
    assert rows == naive.read(content).rows
    assert (sources[0].name, sources[0].size, sources[0].damage) == ("stdin", None, [])
    assert sources[0].position == len(packed)
    assert sources[0].first_ts == rows[0].ts


# Files, folders, globs, refusals


def test_folders_globs_and_files_named_twice(tmp_path):
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("b/c/2.pcap", "b/1.anything", "3.pcap"):
        (tmp_path / name).write_bytes(some_pcap(count=1))
    (tmp_path / "b" / "notes.txt").write_text("no capture at all")
    (tmp_path / "b" / "empty").touch()
    os.mkfifo(tmp_path / "b" / "fifo")
    (tmp_path / "b" / "c" / "up").symlink_to(tmp_path / "b")
    sources, refusals = open_sources([str(tmp_path / "*.pcap"), str(tmp_path), str(tmp_path / "b" / "c" / "2.pcap")])
    assert [Path(source.name).name for source in sources] == ["3.pcap", "1.anything", "2.pcap"]
    assert [source.index for source in sources] == [0, 1, 2]
    reasons = {Path(refusal.source).name: refusal.reason for refusal in refusals}
    assert reasons.keys() == {"notes.txt", "empty", "fifo"}
    assert reasons["empty"] == "empty"
    assert "text" in reasons["notes.txt"]


@pytest.mark.parametrize("name", ["missing.pcap", "*.nothing", ""])
def test_an_argument_that_names_nothing(name, tmp_path):
    with pytest.raises(InputError) as caught:
        open_sources([str(tmp_path / name)])
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2
    assert isinstance(caught.value, WiregaugeError)


def test_errors_name_file_offset_expected_and_found():
    error = InputError("a.pcap", "bad magic", offset=4, expected="2.4", found="9.9", remedy="Convert it.")
    assert str(error) == "a.pcap, octet 4: bad magic, expected 2.4, found 9.9\nConvert it."
    with pytest.raises(UsageError):
        open_sources([], block_bytes=1)


KUZNETZOV = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
REFUSED = {
    "kuznetzov little": (KUZNETZOV, "Kuznetzov"),
    "kuznetzov big": (struct.pack(">I", 0xA1B2CD34) + KUZNETZOV[4:], "Kuznetzov"),
    "navtel": (struct.pack("<I", 0xA12B3C4D) + KUZNETZOV[4:], "Navtel"),
    "xz": (b"\xfd7zXZ\x00" + bytes(40), "xz"),
    "bzip2": (b"BZh91AY&SY" + bytes(40), "bzip2"),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(40), "lz4"),
    "text": (b"hello, world: this is no capture", "text"),
    "noise": (b"\x01\x02\x03\x04" * 10, "expected the magic"),
    "empty": (b"", "empty"),
    "short": (naive.pcap_header()[:23], "cut inside the pcap file header"),
    "old": (naive.pcap_header(version=(2, 2)), "version 2.2"),
    "new": (naive.pcap_header(version=(3, 0)), "version 3.0"),
    "short pcapng": (naive.section("<")[:11], "cut inside the pcapng section header"),
    "text in gzip": (gzip.compress(b"hello, world: this is no capture"), "unpacked"),
    "nothing in zstd": (zstandard.compress(b""), "empty"),
    "cut gzip": (gzip.compress(some_pcap())[:8], "gzip data cut"),
    "false zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd data"),
    "twice": (gzip.compress(zstandard.compress(some_pcap())), "compressed twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name, tmp_path):
    content, words = REFUSED[name]
    (tmp_path / "a.pcap").write_bytes(content)
    sources, refusals = open_sources([str(tmp_path / "a.pcap")])
    assert not sources
    assert refusals[0].source == str(tmp_path / "a.pcap")
    assert words in refusals[0].reason


def test_a_file_that_vanishes_is_damage(tmp_path):
    (tmp_path / "a").write_bytes(some_pcap())
    (source,), _ = open_sources([str(tmp_path / "a")])
    (tmp_path / "a").unlink()
    assert source.read() is None
    assert "no longer" in source.damage[0].reason


# Hostile


def small_goldens() -> dict[str, bytes]:
    chance = random.Random(3)
    ng = naive.section("<") + some_interface(chance, "<") + b"".join(some_block(chance, "<", 1) for _ in range(6))
    ng += naive.section(">") + some_interface(chance, ">") + naive.statistics(">", 0, some_options(chance, ">", (5, 7)))
    ng += naive.enhanced(">", 0, 77, b"abcde", options=some_options(chance, ">", (4,)))
    return {"pcap": some_pcap("<", count=4), "pcap-big": some_pcap(">", True, 3), "pcapng": ng}


GOLDENS = small_goldens()


@pytest.mark.parametrize("name", GOLDENS)
def test_hostile_cut_at_each_octet(name, tmp_path):
    content = GOLDENS[name]
    for end in range(24, len(content), 1 if len(content) < 2000 else 3):
        reading = compare(content[:end], tmp_path / "a", 65536)
        assert reading.rows == naive.read(content).rows[: len(reading.rows)]


@pytest.mark.parametrize("name", GOLDENS)
def test_hostile_flipped_bits(name, tmp_path):
    content, chance = GOLDENS[name], random.Random(7)
    for _ in range(400):
        flipped = bytearray(content)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(24, len(content)) if chance.random() < 0.5 else chance.randrange(24, 100)
            flipped[at] ^= 1 << chance.randrange(8)
        compare(bytes(flipped), tmp_path / "a", 65536)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["<", ">"]), st.booleans(), st.binary(max_size=300))
def test_hostile_pcap_of_anything(tmp_path, order, nano, rest):
    compare(naive.pcap_header(order, nano) + rest, tmp_path / "a", 65536)


_blocks = st.builds(naive.block, st.sampled_from("<>"), st.integers(0, 11), st.binary(max_size=80))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(_blocks | st.builds(naive.interface, st.just("<"), st.integers(0, 65535)), max_size=8),
    st.binary(max_size=50),
)
def test_hostile_pcapng_of_anything(tmp_path, blocks, rest):
    compare(naive.section("<") + naive.interface("<") + b"".join(blocks) + rest, tmp_path / "a", 65536)


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_hostile_packed_files(how, tmp_path):
    content = some_pcap(count=200)
    packed, whole = pack(content, how), naive.read(content).rows
    chance = random.Random(2)
    for number in range(60):
        if number % 2:
            damaged = bytearray(packed)
            damaged[chance.randrange(60, len(packed))] ^= 1 << chance.randrange(8)
        else:
            damaged = packed[: chance.randrange(9000, len(packed))]
        (tmp_path / "a").write_bytes(damaged)
        if refusals := open_sources([str(tmp_path / "a")])[1]:  # cut or damaged before anything could be unpacked
            assert how in refusals[0].reason
            continue
        rows, source = read_one(tmp_path / "a", 4096)
        again, twin = read_one(tmp_path / "a", 1 << 20)
        assert rows == again
        assert source.damage == twin.damage
        if number % 2 == 0 and not source.damage:
            assert rows == whole  # the cut was in the padding
        assert len(rows) == len(whole) or source.damage


@pytest.mark.slow
def test_hostile_with_bounds_checks(tmp_path):
    surroundings = os.environ | {"NUMBA_BOUNDSCHECK": "1", "WIREGAUGE_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-k", "hostile and not bounds or every_block", __file__]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


# Real captures

CUSTOM_BLOCKS_AS_FRAMES = {"test017", "test018", "test102", "test202"}
VERSION_2 = {"test901"}


def _suite_test(path: str) -> str:
    return path.rsplit("_", 1)[-1].removesuffix(".pcapng") if "pcapng-suite" in path else ""


@pytest.mark.captures
def test_real_captures_hold_as_many_packets_as_tshark_says(captures):
    with open(captures / "INDEX.tsv", newline="") as file:
        expected = {row["path"]: int(row["packets"]) for row in csv.DictReader(file, delimiter="\t")}
    sources, refusals = open_sources([str(captures / "files")])
    assert not refusals
    counts = {}
    for source in sources:
        path = str(Path(source.name).relative_to(captures / "files"))
        counts[path] = sum(len(block) for block in _record_arrays(source))
        cut = "CUT" if path.endswith("bad_rsn_parsing_overrides_ssid.pcap") else ""
        assert bool(source.damage) == (bool(cut) or _suite_test(path) in VERSION_2), source.damage
    different = {path for path in expected if counts[path] != expected[path]}
    assert {_suite_test(path) for path in different} <= CUSTOM_BLOCKS_AS_FRAMES


def _record_arrays(source: Source) -> list[np.ndarray]:
    arrays = []
    while block := source.read():
        arrays.append(block.records.copy())
        source.release(block)
    return arrays


@pytest.mark.captures
def test_real_captures_have_the_times_and_lengths_that_tshark_says(captures):
    sources, _ = open_sources([str(captures / "files")])
    seen = 0
    for source in sources:
        path = Path(source.name).relative_to(captures / "files")
        truth = _truth(captures / "truth" / f"{path}.packets.tsv")
        arrays = _record_arrays(source)
        if truth is None or _suite_test(str(path)) in CUSTOM_BLOCKS_AS_FRAMES:
            continue
        records = np.concatenate(arrays) if arrays else np.empty(0, [("ts", "i8"), ("wire", "i8"), ("captured", "i8")])
        mine = list(zip(records["ts"].tolist(), records["wire"].tolist(), records["captured"].tolist(), strict=True))
        if source.untimed:  # simple packet blocks: tshark shows no time
            mine = [(0, *row[1:]) for row in mine]
            truth = [(0, *row[1:]) for row in truth]
        assert mine == truth, path
        seen += len(mine)
    assert seen > 10_000


def _truth(path: Path) -> list[tuple[int, int, int]] | None:
    packed = path.with_name(path.name + ".gz")
    if not path.exists() and not packed.exists():
        return None
    with gzip.open(packed, "rt", errors="replace") if packed.exists() else open(path, errors="replace") as file:
        rows = [line.split("\t", 4) for line in file][1:]
    # one real file holds times before 1970, which are times beyond int64 to pcapng: they stop at TS_MAX
    return [(min(TS_MAX, int(Decimal(row[1] or 0) * 10**9)), int(row[2]), int(row[3])) for row in rows]
