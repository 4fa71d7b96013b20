"""Hostile input through the whole path: no crash, no hang, every packet accounted for, memory and rows bounded.

With NUMBA_BOUNDSCHECK=1 (in a fresh cache) every index of every kernel is checked, into a shard's tables too.
"""

import faulthandler
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.reasons import REASONS, RECORD_DAMAGED
from formats.records import PACKET, RECORD
from formats.xdr import END_REASONS
from kernels import hashing, signalling
from kernels import shard as own
from kernels.packet import parse
from kernels.shard import Limits
from kernels.table import CAPACITY, LIVE, REFUSED, tag_of
from probe.pipeline import Copies, copies_within
from tests.golden_frames import FOLDER, SCENARIOS, Frame, all_frames, golden, made, pcap, pcapng
from tests.packets import FRAMES
from tests.whole_path import Result, run, unsound

pytestmark = pytest.mark.compiled

TINY = Limits(flows=64, sessions=32, transactions=64, apns=8)
SECOND = 10**9
YEAR = 365 * 86400 * SECOND
START = 1_767_225_600 * SECOND
PATIENCE = 180
"""Seconds after which a test counts as hanging."""


@pytest.fixture(scope="module", autouse=True)
def compiled_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiling takes minutes the first time; that is no hang."""
    path = tmp_path_factory.mktemp("first") / "capture.pcap"
    path.write_bytes(pcap(golden("lte")))
    run([path], limits=TINY)


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    """A loop inside a kernel cannot be interrupted: show where it is, and end the process."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def taken(
    folder: Path, octets: bytes, window: int = 60 * SECOND, limits: Limits = TINY, copies: Copies | None = None
) -> Result:
    """What the whole path makes of a capture; it is sound, or the test fails."""
    path = folder / "capture"
    path.write_bytes(octets)
    result = run([path], window, limits, copies=copies)
    assert unsound(result) == []
    return result


@pytest.mark.parametrize("name", SCENARIOS)
def test_golden_frames_are_what_their_seed_makes(name: str, tmp_path: Path, update_goldens: bool) -> None:
    text = made(name, tmp_path)
    if update_goldens:
        (FOLDER / f"{name}.frames").write_text(text)
    assert (FOLDER / f"{name}.frames").read_text() == text


# ---------------------------------------------------------------- cut and flipped


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_hostile_file_cut_at_each_octet(form: type, tmp_path: Path) -> None:
    """A capture that ends anywhere: what was whole before it counts."""
    frames = golden("lte")[5:9]
    whole = form(frames)
    least = 24 if form is pcap else len(form([]))
    ends = np.cumsum([len(form(frames[: k + 1])) - len(form(frames[:k])) for k in range(len(frames))]) + len(form([]))
    for length in range(least, len(whole) + 1):
        result = taken(tmp_path, whole[:length])
        assert result.packets == int((ends <= length).sum()), length
        assert bool(result.sources[0].damage) == (length not in {len(form([])), *ends.tolist()}), length


@pytest.mark.parametrize("name", SCENARIOS)
def test_hostile_frames_cut_at_each_octet(name: str, tmp_path: Path) -> None:
    """Each snap length of each frame, one after the other into the same state."""
    cut = [Frame(f.ts, f.wire, f.octets[:n]) for f in golden(name) for n in range(len(f.octets) + 1)]
    result = taken(tmp_path, pcap(cut))
    assert result.packets == len(cut)


def flipped(frame: Frame, bit: int) -> Frame:
    octets = bytearray(frame.octets)
    octets[bit // 8] ^= 1 << bit % 8
    return Frame(frame.ts, frame.wire, bytes(octets))


def flips(frames: list[Frame], share: float, chance: random.Random) -> list[Frame]:
    """Each frame as it is, and with single bits flipped: all of them, or a `share`."""
    return [
        changed
        for frame in frames
        for changed in (
            frame,
            *(flipped(frame, bit) for bit in range(8 * len(frame.octets)) if share >= 1 or chance.random() < share),
        )
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_hostile_bits_flipped(name: str, tmp_path: Path) -> None:
    frames = flips(golden(name), 0.1, random.Random(1))
    assert taken(tmp_path, pcap(frames)).packets == len(frames)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_hostile_each_bit_flipped(name: str, tmp_path: Path) -> None:
    frames = flips(golden(name), 1, random.Random(1))
    assert taken(tmp_path, pcap(frames)).packets == len(frames)


@pytest.mark.parametrize("link", [0, 1, 9, 12, 50, 101, 105, 113, 228, 229, 276, 2**16 - 1])
def test_hostile_random_octets(link: int, tmp_path: Path) -> None:
    chance = random.Random(link)
    frames = [Frame(START + k, 400, chance.randbytes(chance.randrange(120))) for k in range(3000)]
    assert taken(tmp_path, pcap(frames, link)).packets == len(frames)


def shuffled(seed: int, count: int) -> list[Frame]:
    """Golden frames in any order, some with octets overwritten, cut, or spliced with others; times wander."""
    chance = random.Random(seed)
    frames = all_frames()
    found, ts = [], START
    for _ in range(count):
        frame = chance.choice(frames)
        octets = bytearray(frame.octets)
        for _ in range(chance.choice((0, 0, 1, 2, 8))):
            octets[chance.randrange(14, len(octets))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        if chance.random() < 0.05:
            octets[chance.randrange(14, len(octets)) :] = chance.choice(frames).octets[chance.randrange(14, 60) :]
        if chance.random() < 0.05:
            del octets[chance.randrange(len(octets)) :]
        ts += chance.choice((0, 0, 1, 10**6, 10**9, 10**10, -(10**9)))
        found.append(Frame(ts, frame.wire, bytes(octets)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_hostile_mixture(seed: int, tmp_path: Path) -> None:
    frames = shuffled(seed, 10_000)
    assert taken(tmp_path, pcap(frames), window=(1, 5, 60, 900)[seed] * SECOND).packets == len(frames)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_hostile_mixture_at_length(seed: int, tmp_path: Path) -> None:
    frames = shuffled(seed, 60_000)
    window = (1, 5, 60, 900)[seed % 4] * SECOND
    assert taken(tmp_path, pcap(frames), window=window).packets == len(frames)


GOLDEN = all_frames()
EDIT = st.tuples(st.integers(0, 319), st.integers(0, 255))
PACKETS = st.lists(
    st.tuples(st.integers(0, len(GOLDEN) - 1), st.lists(EDIT, max_size=4), st.integers(-(2**40), 2**40)), max_size=40
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PACKETS)
def test_hostile_packets_made_up(tmp_path: Path, packets: list) -> None:
    frames, ts = [], START
    for index, edits, step in packets:
        octets = bytearray(GOLDEN[index].octets)
        for at, value in edits:
            octets[at % len(octets)] = value
        ts += step
        frames.append(Frame(ts, GOLDEN[index].wire, bytes(octets)))
    assert taken(tmp_path, pcap(frames)).packets == len(frames)


# ---------------------------------------------------------------- time


def bounded(result: Result) -> None:
    """Rows: some per packet; a silence is made of `presence.ROLLS` rows at most."""
    assert sum(len(rows) for rows in result.rows.values()) <= 64 * result.packets + 1000


WINDOWS = [1, 10**6, SECOND, 60 * SECOND, 86400 * SECOND, 2**60]


@pytest.mark.parametrize("window", WINDOWS)
def test_hostile_times_absurd(window: int, tmp_path: Path) -> None:
    """0, the last time there is, leaps of years to and fro, at any window."""
    frames = golden("lte") + golden("utran")
    chance = random.Random(window)
    places = (0, 1, START, START + YEAR, START - YEAR, 2**62 - 1, 2**62, 2**63 - 1, 2**64 - 1)
    plans = [
        [chance.choice(places) for _ in frames],
        [places[k // 10 % len(places)] for k in range(len(frames))],
        [START + k * YEAR // 10 for k in range(len(frames))],
        [START - k * YEAR // 10 for k in range(len(frames))],
        [START + (k % 2) * 40 * 86400 * SECOND for k in range(len(frames))],
        [f.ts if k % 7 else 2**63 - 1 for k, f in enumerate(frames)],
    ]
    for plan in plans:
        for shift in (0, -(2**33), -(2**63), 2**62):
            octets = pcapng([Frame(ts, f.wire, f.octets) for ts, f in zip(plan, frames, strict=True)], shift=shift)
            result = taken(tmp_path, octets, window)
            assert result.packets == len(frames)
            bounded(result)


def test_hostile_times_before_1970(tmp_path: Path) -> None:
    frames = golden("lte")
    result = taken(tmp_path, pcapng(frames, shift=-(START // SECOND) - 10))
    assert (result.rows["flow"]["start_time"] < 0).all()
    assert len(result.rows["flow"]) > 0


# ---------------------------------------------------------------- floods


def element(kind: int, value: bytes, instance: int = 0) -> bytes:
    return struct.pack(">BHB", kind, len(value), instance) + value


def fteid(interface: int, teid: int, address: int, instance: int = 0) -> bytes:
    return element(87, struct.pack(">BII", 0x80 | interface, teid, address), instance)


def digits(number: int) -> bytes:
    text = f"{number:015d}f"
    return bytes(int(text[k + 1], 16) << 4 | int(text[k], 16) for k in range(0, 16, 2))


def message(kind: int, teid: int, sequence: int, *elements: bytes) -> bytes:
    body = b"".join(elements)
    return struct.pack(">BBHII", 0x48, kind, len(body) + 8, teid, sequence << 8) + body


MME, SGW, ENB = 0x0A000001, 0x0A000002, 0x0A000003


def frame(ts: int, src: int, dst: int, port: int, payload: bytes) -> Frame:
    """A datagram between two nodes."""
    udp = struct.pack(">HHHH", port, port, 8 + len(payload), 0)
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, src, dst)
    octets = bytes(12) + b"\x08\x00" + ip + udp + payload
    return Frame(ts, len(octets), octets)


def attach(ts: int, n: int, ebis: tuple[int, ...] = (5,), recovery: int = -1, dt: int = 1000) -> list[Frame]:
    """Create Session on S11 and Modify Bearer for subscriber `n`, with their answers."""
    more = (element(3, bytes([recovery])),) if recovery >= 0 else ()
    names = element(1, digits(1_010_000_000_000 + n)), element(71, b"\x03apn")
    asked = [element(93, element(73, bytes([ebi]))) for ebi in ebis]
    granted = [element(93, element(73, bytes([e])) + element(2, b"\x10\0") + fteid(1, n * 16 + e, SGW)) for e in ebis]
    radio = [element(93, element(73, bytes([e])) + fteid(0, n * 16 + e, ENB)) for e in ebis]
    request = message(32, 0, 2 * n & 0xFFFFFF, *names, fteid(10, n + 1, MME), *asked)
    answer = message(33, n + 1, 2 * n & 0xFFFFFF, element(2, b"\x10\0"), fteid(11, n + 1, SGW), *more, *granted)
    modify = message(34, n + 1, (2 * n + 1) & 0xFFFFFF, *radio)
    modified = message(35, n + 1, (2 * n + 1) & 0xFFFFFF, element(2, b"\x10\0"))
    sides = (MME, SGW), (SGW, MME), (MME, SGW), (SGW, MME)
    octets = request, answer, modify, modified
    return [frame(ts + k * dt, *side, 2123, each) for k, (side, each) in enumerate(zip(sides, octets, strict=True))]


def user(ts: int, teid: int, up: bool = True, source: int = 0x64000001, port: int = 40000) -> Frame:
    """A subscriber's datagram in a tunnel."""
    ends = (source, 0x08080808) if up else (0x08080808, source)
    inner = struct.pack(">BBHHHBBHII", 0x45, 0, 36, 0, 0, 64, 17, 0, *ends) + struct.pack(">HHHH", port, 53, 16, 0)
    inner += bytes(8)
    gtpu = struct.pack(">BBHI", 0x30, 255, len(inner), teid) + inner
    return frame(ts, *((ENB, SGW) if up else (SGW, ENB)), 2152, gtpu)


def words(result: Result) -> np.ndarray:
    return result.pipeline.workers[0].shard.words


def test_hostile_flood_of_subscribers(tmp_path: Path) -> None:
    """More sessions than there is room for: counted, bounded, and when they have ended there is room again."""
    frames = [f for n in range(20_000) for f in attach(START + n * 10_000, n)]
    frames += [user(START + 10**9 + n, 16 * n + 5, source=0x64000000 + n) for n in range(5000)]
    later = START + 40 * 3600 * SECOND
    frames += attach(later, 500_000) + attach(later + 60 * SECOND, 500_001) + attach(later + 120 * SECOND, 500_002)
    result = taken(tmp_path, pcap(frames), limits=TINY._replace(transactions=1 << 17))
    assert len(result.rows["session"]) <= TINY.sessions + 3
    for pool in (own.UES, own.SESSIONS, own.BEARERS, own.TUNNELS, own.CONTROLS, own.TRANSACTIONS):
        assert 0 <= words(result)[pool + LIVE] <= words(result)[pool + CAPACITY]
    assert words(result)[own.SESSIONS + REFUSED] + words(result)[own.UES + REFUSED] > 10_000
    starts = result.rows["session"]["start_time"]
    assert (starts >= later + 60 * SECOND).sum() == 2, "no room for the sessions after the flood"


def test_hostile_strangers_leave_nothing_behind(tmp_path: Path) -> None:
    """Changes of bearers that nobody knows, without a bearer identity: what they begin must not fill the tables."""
    nameless = element(93, fteid(0, 7, ENB))
    frames = [frame(START + n, MME, SGW, 2123, message(34, n + 1, n & 0xFFFFFF, nameless)) for n in range(5000)]
    frames += attach(START + 60 * SECOND, 9000)
    result = taken(tmp_path, pcap(frames), limits=TINY._replace(transactions=1 << 14))
    assert len(result.rows["session"]) == 1
    assert result.rows["session"]["imsi"][0] != 2**64 - 1


def test_hostile_flood_of_transactions(tmp_path: Path) -> None:
    frames = [
        frame(START + n, MME, SGW, 2123, message(kind, 1, n & 0xFFFFFF, element(2, b"\x10\0")))
        for n in range(20_000)
        for kind in (38, 35)
    ]
    result = taken(tmp_path, pcap(frames))
    assert words(result)[own.TRANSACTIONS + REFUSED] > 0
    assert len(result.rows["procedure"]) == 20_000  # each is told, what became of most is unknown


def test_hostile_flood_of_connections(tmp_path: Path) -> None:
    """More connections than rows: the most silent end, and each packet stays counted."""
    frames = [user(START + n * 1000, 1, source=0x64000000 + n % 7919, port=1024 + n % 997) for n in range(30_000)]
    result = taken(tmp_path, pcap(frames))
    assert int(result.rows["flow"]["packets_up"].sum() + result.rows["flow"]["packets_down"].sum()) == 30_000
    assert (result.rows["flow"]["end_reason"] == EVICTED).any()


def test_hostile_flood_of_colliding_connections(tmp_path: Path) -> None:
    """Connections that all ask for the same slot of the index first."""
    limits = Limits(flows=512, sessions=32, transactions=64, apns=8)
    mapped, none, found = 0xFFFF << 32, np.uint64(0), []
    for source in range(0x64000000, 0x64000008):
        low = np.uint64(mapped | source)
        server = np.uint64(mapped | 0x08080808)
        for port in range(1024, 65536):
            hashed = np.uint64(hashing.flow_hash(none, low, none, server, port, 53, 17))
            if int(tag_of(hashed)) & 1023 == 7:
                found.append((source, port))
    assert len(found) > 300
    frames = [user(START + k, 1, source=source, port=port) for k, (source, port) in enumerate(found * 20)]
    assert taken(tmp_path, pcap(frames), limits=limits).packets == len(frames)


def test_hostile_flood_of_fragments(tmp_path: Path) -> None:
    """Fragments that belong to nothing, overlap, contradict each other."""
    chance = random.Random(2)
    frames = []
    for n in range(20_000):
        offset, more = chance.choice((0, 0, 1, 2, 180, 181, 1000, 8191)), chance.randrange(2)
        payload = struct.pack(">HHHH", 2123, 2123, 600, 0) + chance.randbytes(chance.choice((0, 8, 16, 1440, 2040)))
        head = struct.pack(
            ">BBHHHBBHII", 0x45, 0, 20 + len(payload), n % chance.choice((3, 500)), more << 13 | offset, 64, 17, 0, 1, 2
        )
        octets = bytes(12) + b"\x08\x00" + head + payload
        frames.append(Frame(START + n, len(octets), octets))
    assert taken(tmp_path, pcap(frames)).packets == len(frames)


def test_hostile_restart_of_a_peer_at_the_end_of_a_window(tmp_path: Path) -> None:
    """All sessions of a node end at once, each with a presence row of the window before: more rows than may wait."""
    limits = Limits(flows=64, sessions=1 << 14, transactions=1 << 16, apns=8)
    subscribers = 12_000
    frames = [f for n in range(subscribers) for f in attach(START + n * 4000, n, recovery=1)]
    close = START + 60 * SECOND
    echo = struct.pack(">BBHI", 0x40, 1, 4 + 5, 5 << 8) + element(3, b"\x02")
    frames.append(frame(close + 2, SGW, MME, 2123, echo))
    result = taken(tmp_path, pcap(frames), limits=limits)
    reasons = np.bincount(result.rows["session"]["end_reason"], minlength=32)
    assert reasons[PEER_RESTART] == subscribers
    assert len(result.rows["presence"]) == 2 * subscribers or len(result.rows["presence"]) == subscribers


PEER_RESTART = END_REASONS.index("peer_restart")
EVICTED = END_REASONS.index("evicted")


def test_hostile_silence_of_many_bearers(tmp_path: Path) -> None:
    """User packets that leap to and fro, so that each bearer has many windows to catch up with and no sweep comes."""
    limits = Limits(flows=1 << 12, sessions=1 << 10, transactions=1 << 12, apns=8)
    frames = [f for n in range(400) for f in attach(START + n * 4000, n)]
    for n in range(400):
        leap = START + (200 + n % 5) * SECOND
        frames += [user(leap, 16 * n + 5, source=0x64000000 + n), user(START + SECOND, 16 * n + 5)]
    octets = pcapng(frames)
    result = taken(tmp_path, octets, window=SECOND, limits=limits)
    bounded(result)


def test_hostile_last_time_of_a_bearer(tmp_path: Path) -> None:
    """A packet at the end of time, on a bearer that is present."""
    frames = [*attach(START, 1), user(2**63 - 1, 21), user(2**63 - 1, 21), user(2**63 - 2, 21)]
    for window in WINDOWS:
        result = taken(tmp_path, pcapng(frames), window)
        assert len(result.rows["session"]) == 1
        bounded(result)


# ---------------------------------------------------------------- reasons


def test_hostile_frames_give_every_reason(tmp_path: Path) -> None:
    """Each reason of the ledger has a case that provokes it."""
    seen: set[str] = set()
    for link in {f.link for f in FRAMES}:
        frames = [Frame(START, len(f.octets), f.octets[:n]) for f in FRAMES if f.link == link
                  for n in range(0, len(f.octets) + 1, 3)]  # fmt: skip
        frames += [Frame(START, len(f.octets), f.octets) for f in FRAMES if f.link == link]
        seen |= reasons(taken(tmp_path, pcap(frames, link)))
    for name in SCENARIOS:
        frames = [Frame(f.ts, f.wire, f.octets[:n]) for f in golden(name) for n in range(0, len(f.octets) + 1, 5)]
        seen |= reasons(taken(tmp_path, pcap(golden(name) + frames)))
    seen |= reasons(taken(tmp_path, pcapng(golden("lte"), lost=7)))
    seen |= reasons(taken(tmp_path, pcap([f for n in range(99) for f in attach(START + n * 9999, n)])))
    seen |= reasons(taken(tmp_path, pcap(both_legs())))
    seen |= reasons(taken(tmp_path, pcap([f for f in both_legs() for _ in "12"]), copies=copies_within(SECOND)))
    short = message(1, 0, 1)
    wrong = [short[:2] + b"\xff\xff" + short[4:], short[:3] + b"\x01" + short[4:], b"\x48", b"\xa8" + short[1:]]
    seen |= reasons(taken(tmp_path, pcap([frame(START, MME, SGW, 2123, octets) for octets in wrong])))
    seen |= reasons(taken(tmp_path, pcap(list(stateful_signalling()))))
    records = np.zeros(3, RECORD)
    records["offset"], records["captured"] = [0, -1, 90], [101, 10, 20]
    rows, out = np.zeros(3, PACKET), signalling.allocate(8)
    assert parse(np.zeros(100, np.uint8), records, 0, rows, out) == 3
    assert set(rows["reason"]) == {RECORD_DAMAGED}
    assert {reason.name for reason in REASONS} - seen == {"record_damaged"}


def stateful_signalling() -> Iterator[Frame]:
    """S1AP, NGAP and Diameter in SCTP and PFCP in UDP: whole, cut, and of lengths that contradict themselves."""
    messages = {18: bytes.fromhex("000c400a000001000840020001"), 60: bytes.fromhex("0015400a000001001b40020000"),
                46: bytes.fromhex("01000014800001010000000000000001") + bytes(4)}  # fmt: skip
    pfcp = bytes.fromhex("2001000c00000100006000040000000a")
    datagrams = [pfcp, pfcp[:3], b"\x20\x01\0\1" + pfcp[4:], b"\x60" + pfcp[1:]]
    ports = (8805).to_bytes(2, "big") * 2
    whole: list[tuple[int, bytes]] = [(17, ports + (8 + len(d)).to_bytes(2, "big") + bytes(2) + d) for d in datagrams]
    for ppid, right in messages.items():
        for tsn, octets in enumerate((right, b"\xff" + right[1:], right[:2], b"\x01\xff\xff\xff" + right[4:])):
            data = b"\0\3" + (16 + len(octets)).to_bytes(2, "big") + tsn.to_bytes(4, "big") + bytes(4)
            data += ppid.to_bytes(4, "big") + octets + bytes(-len(octets) % 4)
            head = (36412).to_bytes(2, "big") * 2 + ppid.to_bytes(4, "big") + bytes(4)
            whole += [(132, head + data), (132, head + b"\0\3\0\2" + data), (132, head + b"\3\0\0\4")]
    for n, (protocol, content) in enumerate(whole):
        total = 20 + len(content)
        ip = b"\x45\0" + total.to_bytes(2, "big") + bytes([0, n, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2])
        octets = bytes(12) + b"\x08\x00" + ip + content
        yield Frame(START + n, len(octets), octets)
        yield Frame(START + n, len(octets), octets[:40])
        yield Frame(START + n, len(octets), octets[:43])


def both_legs() -> list[Frame]:
    """A subscriber's packet on both sides of its SGW."""
    n = 1
    core = element(93, element(73, b"\x05") + fteid(5, 77, 0x0A000009, 2))
    s5 = message(32, 0, 900, element(1, digits(1_010_000_000_000 + n)), fteid(6, 50, SGW), core)
    bearer = element(93, element(73, b"\x05") + element(2, b"\x10\0") + fteid(5, 77, 0x0A000009, 2))
    answer = message(33, 50, 900, element(2, b"\x10\0"), fteid(7, 51, 0x0A000009, 1), bearer)
    frames = attach(START, n)
    frames[1:1] = [frame(START + 10, SGW, 0x0A000009, 2123, s5), frame(START + 20, 0x0A000009, SGW, 2123, answer)]
    access = user(START + SECOND, 16 * n + 5)
    octets = bytearray(user(START + SECOND + 5, 77).octets)
    octets[26:34] = struct.pack(">II", SGW, 0x0A000009)
    return [*frames, access, Frame(START + SECOND + 5, len(octets), bytes(octets))]


def reasons(result: Result) -> set[str]:
    """The reasons of the ledger's rows."""
    return {entry.reason for entry in result.accounts.entries(result.sources)}
