"""The parse kernel beside its naive twin, scapy and tshark, and on frames that mean harm."""

import csv
import gzip
import ipaddress
import struct
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header
from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapReader

from formats import reasons as R
from formats.records import KIND_NONE, NO_TEID, PACKET, RECORD
from kernels import hashing
from kernels.packet import parse
from kernels.signalling import DATAGRAM_MESSAGES, PIECES, Signalling, allocate
from tests.naive_packet import parse_frame
from tests.packets import ACK, FRAMES, USER4, Frame, ethernet, gtpu

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # uint64 hashes without the JIT

GAP = 0xA5
"""What lies between frames: a read past the end of one would find it."""


def lay_out(frames: list[tuple[bytes, int, int]], gap: int = GAP) -> tuple[np.ndarray, np.recarray]:
    """(octets, wire, link) of each frame into one buffer with odd gaps, and the RECORD rows of it."""
    records = np.zeros(len(frames), RECORD)
    data = bytearray()
    for i, (octets, wire, link) in enumerate(frames):
        data += bytes([gap]) * (3 + i % 5)
        records[i] = (1000 + i, len(data), len(octets), wire, link, i % 7)
        data += octets
    return np.frombuffer(bytes(data), np.uint8), records.view(np.recarray)


def rec_arrays(out: Signalling) -> Signalling:
    """The same arrays with fields as attributes, which the kernels need where the JIT is off."""
    arrays = (a.view(np.recarray) if a.dtype.fields else a for a in out)
    return Signalling(*arrays)


def run(data: np.ndarray, records: np.recarray, batch: int = 64) -> tuple[np.ndarray, list[dict]]:
    """Parse all in batches: the PACKET rows with `payload` of a piece its row in the list of all pieces."""
    out = rec_arrays(allocate(64, pieces=2))
    rows = np.full(batch * PACKET.itemsize, 0xEE, np.uint8).view(PACKET).view(np.recarray)
    done: list[np.ndarray] = []
    pieces: list[dict] = []
    first = 0
    while first < len(records):
        count = parse(data, records, first, rows, out)
        assert 0 < count <= batch
        done.append(np.array(rows[:count]))
        for piece in np.array(out.pieces[: out.used[PIECES]]):
            pieces.append({name: int(piece[name]) for name in PIECE_FIELDS} | {"data": bytes(piece["data"])})
            pieces[-1]["data"] = pieces[-1]["data"][: piece["length"]]
        out.used[:] = 0
        first += count
    return np.concatenate([np.zeros(0, PACKET), *done]), pieces


PIECE_FIELDS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "ip_protocol", "identification", "offset", "more")
GTPC_REASONS = {R.GTPC, R.GTPC_TRUNCATED, R.GTPC_MALFORMED, R.GTP_VERSION}


def check(frames: list[tuple[bytes, int, int]], names: list[str] | None = None) -> np.ndarray:
    """Kernel and twin agree on every field of every frame; returns the rows."""
    data, records = lay_out(frames)
    rows, pieces = run(data, records)
    assert len(rows) == len(frames)
    kept = iter(pieces)
    for i, ((octets, wire, link), row) in enumerate(zip(frames, rows, strict=True)):
        expected, piece = parse_frame(octets, wire, link)
        expected |= {"ts": 1000 + i, "wire": wire, "source": i % 7}
        where = f"{names[i] if names else octets.hex()} link {link} captured {len(octets)} wire {wire}"
        if expected["reason"] is None:
            assert int(row["reason"]) in GTPC_REASONS, where
            continue
        if piece is not None:
            assert next(kept) == piece, where
            expected["payload"] = row["payload"]
        got = {name: int(row[name]) for name in PACKET.names}
        lies = expected["at"]
        if lies != 0:
            assert bytes(data[got["at"] : got["at"] + len(lies)]) == lies, where
            expected["at"] = got["at"]
        assert got == expected, where
    assert next(kept, None) is None
    return rows


def corpus() -> list[tuple[bytes, int, int]]:
    return [(frame.octets, len(frame.octets), frame.link) for frame in FRAMES]


def test_whole_frames_as_the_twin() -> None:
    rows = check(corpus(), [frame.name for frame in FRAMES])
    assert set(np.unique(rows["reason"])) >= {
        R.USER_PLANE, R.GTPU_CONTROL, R.FRAGMENT, R.GTPC_FRAGMENT, R.LINK_UNSUPPORTED, R.NOT_IP, R.LINK_MALFORMED,
        R.IP_TRUNCATED, R.IP_MALFORMED, R.IP_EXTENSIONS, R.TRANSPORT_MALFORMED, R.GTPU_MALFORMED, R.GTP_VERSION,
        R.TUNNEL_DEPTH, R.INNER_NOT_IP, R.GTPC_TRUNCATED, R.TAG_DEPTH,
    }  # fmt: skip


def test_every_captured_length_as_the_twin() -> None:
    """Cut at each octet, as a snap length would; the wire length stays."""
    reasons: Counter = Counter()
    for frame in FRAMES:
        size = len(frame.octets)
        lengths = range(size + 1) if size < 300 else [*range(150), size - 1, size]
        rows = check([(frame.octets[:n], size, frame.link) for n in lengths], [frame.name] * len(lengths))
        reasons.update(rows["reason"].tolist())
    cuts = {R.LINK_TRUNCATED, R.IP_TRUNCATED, R.TRANSPORT_TRUNCATED, R.GTPU_TRUNCATED}
    assert cuts <= set(reasons)


def test_lengths_come_from_the_headers_not_from_the_capture() -> None:
    frame = bytes(ethernet(gtpu(USER4 / ACK / (b"x" * 1200))))
    rows = check([(frame[:n], len(frame), 1) for n in range(90, len(frame), 97)])
    assert set(rows["length"]) == {1240}
    assert set(rows["payload"]) == {1200}
    assert set(rows["reason"]) == {R.USER_PLANE}


def test_flipped_bits_as_the_twin() -> None:
    """Every bit of the headers of every frame, one at a time."""
    rng = np.random.default_rng(7)
    for frame in FRAMES:
        bits = 8 * min(len(frame.octets), 130)
        chosen = rng.choice(bits, min(bits, 120), replace=False)
        flipped = []
        for bit in chosen:
            octets = bytearray(frame.octets)
            octets[bit // 8] ^= 1 << bit % 8
            flipped.append((bytes(octets), len(octets), frame.link))
        check(flipped)


LINKS = [0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 147, 228, 229, 276]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=120), st.integers(0, 70000), st.sampled_from(LINKS)), min_size=1, max_size=8)
)
def test_random_octets_as_the_twin(frames: list[tuple[bytes, int, int]]) -> None:
    check(frames)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), max_size=4),
    st.integers(0, 200),
    st.integers(0, 3000),
)
def test_damaged_frames_as_the_twin(frame: Frame, changes: list, cut: int, wire: int) -> None:
    octets = bytearray(frame.octets)
    for at, value in changes:
        octets[at % len(octets)] = value
    check([(bytes(octets[: len(octets) - cut % len(octets)]), wire, frame.link)])


def test_what_lies_behind_a_frame_is_never_looked_at() -> None:
    """The same rows whatever surrounds the captured octets."""
    frames = [(frame.octets[:n], len(frame.octets), frame.link) for frame in FRAMES for n in (20, 47, 60, 83)]
    (one, _), (other, _) = (run(*lay_out(frames, gap)) for gap in (0x45, 0xFF))
    assert one.tolist() == other.tolist()


def test_rows_are_the_same_whatever_the_batch() -> None:
    data, records = lay_out(corpus())
    (whole, pieces), (single, single_pieces) = run(data, records, 1000), run(data, records, 1)
    kept = whole["kind"] == 4
    whole["payload"][kept] = single["payload"][kept] = 0
    assert whole.tolist() == single.tolist()
    assert pieces == single_pieces


def test_stops_where_signalling_has_no_room() -> None:
    frames = {frame.name: frame for frame in FRAMES}
    user, gtpc = frames["ethernet"], frames["gtpc"]
    piece = frames["later udp fragment"]
    data, records = lay_out([(f.octets, len(f.octets), f.link) for f in (user, gtpc, piece, piece, user)])
    rows = np.zeros(5, PACKET).view(np.recarray)
    full = rec_arrays(allocate(1, pieces=1))
    full.used[0] = len(full.messages) - DATAGRAM_MESSAGES + 1
    assert parse(data, records, 0, rows, full) == 1
    assert full.used.tolist() == [len(full.messages) - DATAGRAM_MESSAGES + 1, 0, 0, 0, 0, 0]
    full.used[:] = 0
    assert parse(data, records, 1, rows, full) == 2
    full.used[:] = 0
    assert parse(data, records, 3, rows, full) == 2
    assert parse(data, records, 5, rows, full) == 0
    assert parse(data, records, 0, rows[:1], full) == 1


@pytest.mark.parametrize("offset, captured", [(-1, 60), (0, -1), (0, 1000), (1 << 40, 10), (50, 60)])
def test_a_record_outside_of_the_data_is_damaged(offset: int, captured: int) -> None:
    data = np.frombuffer(FRAMES[0].octets + bytes(40), np.uint8)
    records = np.zeros(1, RECORD).view(np.recarray)
    records[0] = (5, offset, captured, 60, 1, 3)
    rows, _ = run(data, records)
    assert (rows["reason"][0], rows["kind"][0]) == (R.RECORD_DAMAGED, KIND_NONE)
    assert (rows["ts"][0], rows["wire"][0], rows["source"][0]) == (5, 60, 3)


# ---------------------------------------------------------------- scapy


def text(row: np.void, side: str) -> str:
    """An address of a row as text."""
    value = int(row[f"{side}_hi"]) << 64 | int(row[f"{side}_lo"])
    return str(ipaddress.IPv4Address(value & 0xFFFFFFFF) if value >> 32 == 0xFFFF else ipaddress.IPv6Address(value))


def test_fields_as_scapy_reads_them() -> None:
    """Scapy dissects the octets again: innermost and outermost addresses, ports, sequence numbers, TEID."""
    data, records = lay_out(corpus())
    rows, _ = run(data, records)
    seen: Counter = Counter()
    for frame, row in zip(FRAMES, rows, strict=True):
        if frame.link != 1 or row["reason"] != R.USER_PLANE:
            continue
        packet = Ether(frame.octets)
        layers = [packet.getlayer(i) for i in range(30)]
        ips = [layer for layer in layers if isinstance(layer, (IP, IPv6))]
        tunnels = [layer for layer in layers if isinstance(layer, GTP_U_Header) and row["depth"] > 0]
        if len(ips) <= row["depth"] or frame.name in SCAPY_DIFFERS:
            continue
        outer, inner = ips[0], ips[row["depth"]]
        assert (text(row, "src"), text(row, "dst")) == (inner.src, inner.dst), frame.name
        if row["depth"]:
            assert (text(row, "outer_src"), row["teid"]) == (outer.src, tunnels[0].teid), frame.name
            seen["tunnel"] += 1
        else:
            assert row["teid"] == NO_TEID
        if row["ip_protocol"] == 6 and row["fragment"] == 0:
            tcp = inner.getlayer(TCP)
            assert (row["src_port"], row["dst_port"], row["seq"], row["ack"]) == (
                tcp.sport,
                tcp.dport,
                tcp.seq,
                tcp.ack,
            )
            assert (row["tcp_flags"], row["window"]) == (int(tcp.flags) & 0xFF, tcp.window)
            seen["tcp"] += 1
        if row["ip_protocol"] == 17 and row["fragment"] == 0 and inner.haslayer(UDP):
            udp = inner.getlayer(UDP)
            assert (row["src_port"], row["dst_port"]) == (udp.sport, udp.dport), frame.name
            seen["udp"] += 1
    assert seen["tunnel"] > 15
    assert seen["tcp"] > 20
    assert seen["udp"] > 10


SCAPY_DIFFERS: set[str] = set()
"""Frames that scapy reads otherwise, by name and for a reason."""


# ---------------------------------------------------------------- hashes


U64 = st.integers(0, 2**64 - 1).map(np.uint64)
PORT = st.integers(0, 65535)


@settings(deadline=None)
@given(U64, U64, U64, U64, PORT, PORT, st.integers(0, 255))
def test_hashes_are_the_same_both_ways(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, p: int, q: int, n: int
) -> None:
    assert hashing.flow_hash(a, b, c, d, p, q, n) == hashing.flow_hash(c, d, a, b, q, p, n)
    assert hashing.shard_hash(a, b, c, d) == hashing.shard_hash(c, d, a, b) < 2**32
    assert hashing.tunnel_hash(a, b, p) != 0


def test_hashes_spread() -> None:
    """Close addresses, ports and TEIDs: no full collision, low bits and high bits even."""
    mapped = 0xFFFF << 32
    none = np.uint64(0)
    flows, tunnels, shards = [], [], []
    for i in range(4096):
        ue, server = np.uint64(mapped | 0x0A000000 + i % 64), np.uint64(mapped | 0xC6336400 + i // 64 % 4)
        flows.append(int(hashing.flow_hash(none, ue, none, server, 40000 + i // 256, 443, 6)))
        tunnels.append(int(hashing.tunnel_hash(none, np.uint64(mapped | 0x0A0A0A01), i)))
        shards.append(int(hashing.shard_hash(none, np.uint64(mapped | 0x0A000000 + i), none, server)))
    ports = [int(hashing.flow_hash(none, np.uint64(mapped | 1), none, np.uint64(mapped | 2), p, q, 17))
             for p in range(64) for q in range(1000, 1064)]  # fmt: skip
    for values, top in ((flows, 56), (tunnels, 56), (ports, 56), (shards, 24)):
        assert len(set(values)) >= 4094
        for shift in (0, top):
            count = Counter(value >> shift & 0xFF for value in values)
            assert len(count) > 250
            assert max(count.values()) < 45


# ---------------------------------------------------------------- tshark


def raw_frames(path: Path) -> list[tuple[bytes, int, int]]:
    """(octets, wire, link) of each frame that scapy reads; what is damaged ends the list."""
    frames = []
    try:
        with RawPcapReader(str(path)) as reader:
            link = getattr(reader, "linktype", None)
            for octets, meta in reader:
                frames.append((octets, meta.wirelen, getattr(meta, "linktype", link)))
    except (Scapy_Exception, EOFError, OSError, ValueError, IndexError, KeyError, TypeError, struct.error):
        pass
    return frames


def truth_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a truth file, or of its compressed form."""
    if path.exists():
        content = path.read_text(errors="replace")
    elif path.with_name(path.name + ".gz").exists():
        content = gzip.decompress(path.with_name(path.name + ".gz").read_bytes()).decode(errors="replace")
    else:
        return []
    return list(csv.DictReader(content.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def ip_chain(truth: dict[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Addresses of each IP header that tshark saw, outermost first, and the layers in their order."""
    layers = truth["frame.protocols"].split(":")
    four = iter(zip(truth["ip.src"].split("|"), truth["ip.dst"].split("|"), strict=False))
    six = iter(zip(truth["ipv6.src"].split("|"), truth["ipv6.dst"].split("|"), strict=False))
    chain = [next(four if layer == "ip" else six, ("", "")) for layer in layers if layer in ("ip", "ipv6")]
    return chain, layers


def compare_frame(row: np.void, truth: dict[str, str]) -> str:
    """What of a decoded row differs from tshark, in words; empty where nothing does."""
    chain, layers = ip_chain(truth)
    depth = int(row["depth"])
    tunnels = sum(pair in (("gtp", "ip"), ("gtp", "ipv6")) for pair in pairwise(layers))
    if len(chain) <= depth or (depth != tunnels and not row["fragment"]):
        return f"depth {depth}, tshark {truth['frame.protocols']}"
    if (text(row, "src"), text(row, "dst")) != chain[depth]:
        return f"addresses {text(row, 'src')} {text(row, 'dst')}, tshark {chain}"
    if row["teid"] != NO_TEID and (text(row, "outer_src"), text(row, "outer_dst")) != chain[0]:
        return f"outer addresses, tshark {chain[0]}"
    if row["fragment"]:
        return ""
    if row["ip_protocol"] == 6:
        names = ("tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.window_size_value", "tcp.len")
        theirs = [int(truth[name].split("|")[0] or -1) for name in names]
        theirs.append(int(truth["tcp.flags"].split("|")[0] or "0", 16) & 0xFF)
        fields = ("src_port", "dst_port", "seq", "ack", "window", "payload", "tcp_flags")
    elif row["ip_protocol"] == 17:
        theirs = [int((truth[name].split("|") + [""] * depth)[depth] or -1) for name in ("udp.srcport", "udp.dstport")]
        fields = ("src_port", "dst_port")
    else:
        return ""
    ours = [int(row[field]) for field in fields]
    return "" if ours == theirs else f"{fields}: {ours}, tshark {theirs}"


def explained(row: np.void, truth: dict[str, str], name: str) -> bool:
    """Whether a difference has a known cause, by rule or by name."""
    layers = truth["frame.protocols"].split(":")
    flags = "|".join((truth["ip.flags.mf"], truth["ipv6.fraghdr.more"])).split("|")
    deferred = "1" in flags and layers[-1] == "data"  # tshark dissects a first fragment where the packet is complete
    beyond = row["length"] > row["wire"]  # a total length longer than the frame: tshark counts what is there
    return deferred or bool(beyond) or name in TSHARK_DIFFERS


TSHARK_DIFFERS = {
    # A source route option: tshark shows the last hop of the route as the destination, we what the header holds.
    "seladb__PcapPlusPlus/ipv4-options.pcap 6",
    "seladb__PcapPlusPlus/ipv4-options.pcap 7",
    # A jumbogram without the hop-by-hop option (BIG TCP): tshark 4.0 reads its payload length of 0 as no payload.
    "the-tcpdump-group__tcpdump/bigtcp-ipv6-geneve-ipv4.pcap 1",
}


def compare_options(row: np.void, truth: dict[str, str]) -> str:
    """Segment size and window scale of a SYN beside tshark's; empty where they agree."""
    mss = truth["tcp.options.mss_val"].split("|")[0]
    shift = truth["tcp.options.wscale.shift"].split("|")[0]
    theirs = (int(mss or 0), min(int(shift), 14) if shift else -1)
    ours = (int(row["mss"]), int(row["window_shift"]))
    return "" if ours == theirs else f"MSS and shift {ours}, tshark {theirs}"


def compare_gtp(row: np.void, truth: dict[str, str]) -> str:
    """TEID, message and QFI of the outermost GTP-U header beside tshark's; empty where they agree."""
    teid = int(truth["gtp.teid"].split("|")[0] or "-1", 16)
    message = int(truth["gtp.message"].split("|")[0] or "0", 16)
    qfi = int(truth["gtp.ext_hdr.pdu_ses_con.qos_flow_id"].split("|")[0] or -1)
    if qfi != row["qfi"]:
        return f"QFI {row['qfi']}, tshark {qfi}"
    ours = (int(row["teid"]), int(row["gtpu_type"]))
    return "" if ours == (teid, message) or message == 26 else f"TEID and message {ours}, tshark {(teid, message)}"


def test_frames_as_tshark_reads_them(captures: Path) -> None:
    differences: list[str] = []
    compared: Counter = Counter()
    for path in sorted((captures / "files").glob("*/*")):
        folder = captures / "truth" / path.parent.name
        truth = truth_rows(folder / (path.name + ".packets.tsv"))
        frames = raw_frames(path)
        if not truth or not frames:
            continue
        syns, gtps = (
            {int(row["frame.number"]): row for row in truth_rows(folder / f"{path.name}.{what}.tsv")}
            for what in ("tcp", "gtp")
        )
        rows, _ = run(*lay_out(frames), batch=512)
        for number, (row, theirs) in enumerate(zip(rows, truth, strict=False), 1):
            name = f"{path.parent.name}/{path.name} {number}"
            found = []
            if row["reason"] == R.USER_PLANE and row["depth"] <= 4:
                found.append(compare_frame(row, theirs))
                compared[f"depth {row['depth']}"] += 1
                if row["tcp_flags"] & 2 and number in syns and len(frames[number - 1][0]) == frames[number - 1][1]:
                    found.append(compare_options(row, syns[number]))
                    compared["syn"] += 1
            if row["gtpu_type"] and number in gtps:
                found.append(compare_gtp(row, gtps[number]))
                compared["gtp"] += 1
            differences += [f"{name}: {words}" for words in found if words and not explained(row, theirs, name)]
    assert differences == []
    assert compared["depth 1"] > 0
