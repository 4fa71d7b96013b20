"""The live probe on a wire of its own: veth pairs in network namespaces.

What it writes equals what `wiregauge run` makes of a recording of the same packets with the same stamps; and in adds up
to decoded, rejected, dropped and duplicate whatever happens to the wire, the disk and the probe.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner

from probe.losses import losses
from probe.run import run_command
from tests.test_duplicates import mirrored
from tests.test_invariance import pcap, read_packets
from tools.scenario import PRESETS, RADIO_PRESETS, generate
from tools.wire import COMMAND, PATIENCE_S, ROOT, Namespace, Probe, recording, why_not

WHY_NOT = why_not()
pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(bool(WHY_NOT) and not os.environ.get("CI"), reason=WHY_NOT or "namespaces are there"),
]

JUMBO_COLUMNS = ["ue_ip", "packets_up", "packets_down", "bytes_up", "bytes_down"]
XDR = ("flow", "session", "presence", "procedure")
KPIS = ("kpi_cell", "kpi_subscriber", "kpi_gateway", "kpi_procedure", "kpi_drop")
WINDOW = "2s"
REPLAY = (sys.executable, "-m", "tools.replay")


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace with two wires."""
    place = Namespace(f"wg-{os.getpid()}-{abs(hash(request.node.name)) % 10**6}", pairs=2)
    yield place
    place.delete()


@lru_cache
def traffic(name: str, folder: Path) -> Path:
    """A preset's capture."""
    presets = PRESETS | RADIO_PRESETS
    truth = generate(presets[name], folder)
    assert len(truth.files) == 1
    return folder / truth.files[0]


@pytest.fixture(scope="module")
def captures_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: traffic(name, tmp_path_factory.mktemp(name)) for name in ("mixed", "nr")}


def rows(out: Path, table: str) -> Counter[str]:
    """All rows of a table, in words: some hold lists."""
    if not (out / table).is_dir():
        return Counter()
    found = ds.dataset(out / table, format="parquet").to_table()
    for at, field in enumerate(found.schema):
        if pa.types.is_timestamp(field.type):  # to the nanosecond, which Python's own times do not have
            found = found.set_column(at, field.name, found.column(at).cast(pa.int64()))
    return Counter(repr(row) for row in found.to_pylist())


def ledger(out: Path, stage: str, column: str = "packets") -> int:
    return sum(row[column] or 0 for row in ds.dataset(out / "ledger").to_table().to_pylist() if row["stage"] == stage)


def balanced(out: Path) -> int:
    """Packets in, after checking that they add up."""
    whole = ledger(out, "in")
    assert whole == sum(ledger(out, stage) for stage in ("decoded", "rejected", "dropped", "duplicate"))
    return whole


def read_again(capture: Path, out: Path, *options: str) -> None:
    """The same packets, from the recording."""
    command = [str(capture), "--out", str(out), "--identities", "clear", "--window", WINDOW, "--workers", "1",
               "--duplicates", "10ms", *options]  # fmt: skip
    made = CliRunner().invoke(run_command, command, catch_exceptions=False)
    assert made.exit_code == 0, made.output


def same(live: Path, again: Path, tables: tuple[str, ...] = (*XDR, *KPIS)) -> None:
    for table in tables:
        mine, theirs = rows(live, table), rows(again, table)
        assert mine == theirs, (table, list((mine - theirs).items())[:3], list((theirs - mine).items())[:3])


@pytest.mark.parametrize(
    "name, workers",
    [("mixed", 2), ("nr", 1), *(pytest.param(*each, marks=pytest.mark.slow) for each in (("mixed", 1), ("nr", 2)))],
)
def test_what_is_replayed_gives_what_the_file_gives(
    wire: Namespace, captures_of: dict[str, Path], name: str, workers: int, tmp_path: Path
) -> None:
    probe = Probe(wire, tmp_path / "live", "--window", WINDOW, "--workers", str(workers))
    with recording(wire, tmp_path / "kept.pcap"):
        said = wire.replay(captures_of[name], "--speed", "8")
        packets = int(said.split()[0].replace(",", ""))
        probe.seen(packets)
        probe.stop()
    read_again(tmp_path / "kept.pcap", tmp_path / "again")
    assert packets == balanced(tmp_path / "live") == balanced(tmp_path / "again") > 500
    assert rows(tmp_path / "live", "flow")
    same(tmp_path / "live", tmp_path / "again")


def packets_of(said: str) -> int:
    """What the replay tool said that it sent."""
    return int(said.split()[0].replace(",", ""))


def test_two_interfaces_are_one_stream(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """Sent in two halves over two wires at the same time: signalling on one joins user plane on the other."""
    halves = split(captures_of["mixed"], tmp_path)
    probe = Probe(wire, tmp_path / "live", "--window", WINDOW, interfaces=("b0", "b1"))
    with recording(wire, tmp_path / "kept0.pcap"), recording(wire, tmp_path / "kept1.pcap", "b1"):
        senders = [
            wire.start(*REPLAY, str(half), "--interface", f"a{k}", "--speed", "8") for k, half in enumerate(halves)
        ]
        packets = sum(packets_of(sender.communicate(timeout=PATIENCE_S)[0]) for sender in senders)
        probe.seen(packets)
        probe.stop()
    read_again(tmp_path / "kept0.pcap", tmp_path / "again", str(tmp_path / "kept1.pcap"))
    assert packets == balanced(tmp_path / "live")
    same(tmp_path / "live", tmp_path / "again")


def split(capture: Path, folder: Path) -> list[Path]:
    """The packets of a capture in two files, every other one in each."""
    packets = read_packets(capture)
    paths = [folder / f"half{k}.pcap" for k in range(2)]
    for k, path in enumerate(paths):
        path.write_bytes(pcap(packets[k::2]))
    return paths


def framed(packet: bytes, how: str) -> bytes:
    """An Ethernet frame with a VLAN tag, two of them, or as it is."""
    tags = {"vlan": b"\x81\x00\x00\x64", "qinq": b"\x88\xa8\x00\x65\x81\x00\x00\x64", "plain": b""}[how]
    return packet[:12] + tags + packet[12:]


def outcomes(out: Path) -> dict[tuple[str, str], int]:
    """Packets by stage and reason, over all windows."""
    found: Counter[tuple[str, str]] = Counter()
    for row in ds.dataset(out / "ledger").to_table().to_pylist():
        if row["stage"] in ("decoded", "rejected", "duplicate"):
            found[row["stage"], row["reason"]] += row["packets"]
    return dict(found)


@pytest.mark.parametrize("how", ["qinq", pytest.param("vlan", marks=pytest.mark.slow)])
def test_tags_change_nothing(wire: Namespace, captures_of: dict[str, Path], how: str, tmp_path: Path) -> None:
    """The kernel takes the outer tag off; what is counted is the same."""
    (tmp_path / "tagged.pcap").write_bytes(
        pcap((ts, framed(frame, how)) for ts, frame in read_packets(captures_of["mixed"]))
    )
    probe = Probe(wire, tmp_path / "live", "--window", "1h")
    packets = packets_of(wire.replay(tmp_path / "tagged.pcap", "--rate", "2000"))
    probe.seen(packets)
    probe.stop()
    read_again(captures_of["mixed"], tmp_path / "file", "--window", "1h")
    assert balanced(tmp_path / "live") == balanced(tmp_path / "file") == packets
    assert outcomes(tmp_path / "live") == outcomes(tmp_path / "file")


def test_jumbo_frames_are_whole(wire: Namespace, tmp_path: Path) -> None:
    """User packets of 8,000 octets, IPv4 and IPv6, in a tunnel."""
    from scapy.contrib.gtp import GTP_U_Header
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    outer = Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=2152, dport=2152)
    outer /= GTP_U_Header(teid=7, gtp_type=255)
    frames = []
    for k in range(10):  # each of its own content, or the others are copies of the first
        content = bytes([k]) * 7972
        for inner, size in ((IP(src="10.1.0.1", dst="8.8.8.8", id=k + 1), 7972),
                            (IPv6(src="2001:db8::1", dst="2001:db8::2"), 7952)):  # fmt: skip
            frames.append(bytes(outer / inner / UDP(sport=1, dport=2) / content[:size]))
    (tmp_path / "jumbo.pcap").write_bytes(pcap(enumerate(frames)))
    probe = Probe(wire, tmp_path / "live")
    wire.replay(tmp_path / "jumbo.pcap", "--jumbo")
    probe.seen(20)
    probe.stop()
    flows = ds.dataset(tmp_path / "live" / "flow").to_table(columns=JUMBO_COLUMNS).to_pylist()
    assert sorted((row["ue_ip"], row["packets_up"] + row["packets_down"], row["bytes_up"] + row["bytes_down"])
                  for row in flows) == [("10.1.0.1", 10, 80_000), ("2001:db8::1", 10, 80_000)]  # fmt: skip


def test_a_ring_too_small_loses_but_counts(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """The probe is stopped for a while as packets come: in = decoded + dropped still holds, and the drop is named."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--ring", "2")
    probe.signal(signal.SIGSTOP)
    packets = sum(packets_of(wire.replay(captures_of["mixed"])) for _ in range(4))
    probe.signal(signal.SIGCONT)
    status = probe.seen(packets)
    assert status["dropped"] > 0
    probe.stop()
    assert balanced(tmp_path / "live") == packets
    assert ledger(tmp_path / "live", "dropped") == status["dropped"]
    health = ds.dataset(tmp_path / "live" / "probe_health").to_table(columns=["packets_dropped"]).to_pylist()
    assert sum(row["packets_dropped"] for row in health) == status["dropped"]
    lost = losses([tmp_path / "live"], 3600 * 10**9)
    told = ds.dataset(tmp_path / "live" / "kpi_cell").to_table(columns=["window_start", "complete_pct"])
    marks = dict(zip(told.column(0).cast(pa.int64()).to_pylist(), told.column(1).to_pylist(), strict=True))
    assert marks == {window: lost[window].complete_pct for window in marks}
    assert min(marks.values()) < 100


def test_a_span_port_that_sends_everything_twice(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """Each frame and its copy behind a router, in one VLAN more: counted once, and live as from the file."""
    packets = read_packets(captures_of["mixed"])
    (tmp_path / "twice.pcap").write_bytes(pcap(mirrored(packets)))
    probe = Probe(wire, tmp_path / "live", "--window", WINDOW, "--workers", "2")
    with recording(wire, tmp_path / "kept.pcap"):
        sent = packets_of(wire.replay(tmp_path / "twice.pcap", "--speed", "8"))
        probe.seen(sent)
        probe.stop()
    assert sent == 2 * len(packets) == balanced(tmp_path / "live")
    assert outcomes(tmp_path / "live")["duplicate", "frame_copy"] == len(packets)
    read_again(tmp_path / "kept.pcap", tmp_path / "again")
    same(tmp_path / "live", tmp_path / "again")
    read_again(tmp_path / "kept.pcap", tmp_path / "kept", "--duplicates", "off")
    assert ledger(tmp_path / "kept", "duplicate") == 0


def test_windows_close_on_a_silent_link(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """Nothing is sent any more, and yet the tables of the window appear, KPIs included."""
    probe = Probe(wire, tmp_path / "live", "--window", "1s")
    packets = packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    probe.until(lambda status: status["rows"]["flow"] > 0 and bool(rows(tmp_path / "live", "kpi_cell")), 20)
    probe.stop()


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_the_join_holds_across_a_restart(
    wire: Namespace, captures_of: dict[str, Path], number: int, tmp_path: Path
) -> None:
    """Stopped in the middle of sessions: user packets alone, sent after, are joined to what was told before."""
    packets = read_packets(captures_of["mixed"])
    middle = len(packets) // 2
    later = [packet for packet in packets[middle:] if b"\x08\x68\x08\x68" in packet[1][:64]]
    for k, part in enumerate((packets[:middle], later)):
        (tmp_path / f"part{k}.pcap").write_bytes(pcap(part))
    out = tmp_path / "live"
    probe = Probe(wire, out, "--window", "1h", "--snapshot", "1s")
    probe.seen(packets_of(wire.replay(tmp_path / "part0.pcap", "--speed", "8")))
    snapshot_after(out)
    probe.stop(number)
    probe = Probe(wire, out, "--window", "1h")
    probe.seen(packets_of(wire.replay(tmp_path / "part1.pcap", "--speed", "8")))
    second = probe.status()
    _, err = probe.stop()
    assert "going on with" in err
    assert second is not None
    before, whole = tmp_path / "before", tmp_path / "whole"
    (tmp_path / "whole.pcap").write_bytes(pcap(packets[:middle] + later))
    read_again(tmp_path / "part0.pcap", before, "--window", "1h")
    read_again(tmp_path / "whole.pcap", whole, "--window", "1h")
    expected = ledger(whole, "joined") - ledger(before, "joined")
    late = (
        0.05 * expected
    )  # packets of tunnels that had just been taken down, which are not waited for across a restart
    assert 100 < expected - late <= second["joined"] <= expected


def snapshot_after(out: Path) -> None:
    """Wait for a snapshot that was begun after now."""
    begun, end = time.time(), time.monotonic() + 20
    while time.monotonic() < end:
        file = out / ".snapshot.arrow"
        if file.exists() and file.stat().st_mtime > begun + 1:
            return
        time.sleep(0.05)
    raise AssertionError("no snapshot")


def test_kill_loses_only_the_open_window(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """What a probe that was killed had closed is readable and whole; what it left unfinished is removed."""
    out = tmp_path / "live"
    probe = Probe(wire, out, "--window", "1s")
    probe.seen(packets_of(wire.replay(captures_of["mixed"])))
    probe.until(lambda status: status["rows"]["flow"] > 0, 20)
    written = probe.status()
    probe.stop(signal.SIGKILL)
    (out / "flow" / "date=2000-01-01" / "hour=00").mkdir(parents=True)
    (out / "flow" / "date=2000-01-01" / "hour=00" / ".part-x.tmp").write_bytes(b"half")
    assert written is not None
    assert sum(rows(out, "flow").values()) >= written["rows"]["flow"] > 0
    Probe(wire, out, "--window", "1s").stop()
    assert not list(out.glob("**/.part-*.tmp"))


def test_an_interface_that_goes_down_and_up(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    probe = Probe(wire, tmp_path / "live", "--window", "1h")
    packets = packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    wire.ip("-n", wire.name, "link", "set", "b0", "down")
    probe.until(lambda status: not status["interfaces"]["b0"][2])
    wire.ip("-n", wire.name, "link", "set", "b0", "up")
    probe.until(lambda status: status["interfaces"]["b0"][2])
    packets += packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    _, err = probe.stop()
    assert "b0 is down" in err
    assert "b0 is up again" in err
    assert balanced(tmp_path / "live") == packets


@pytest.mark.slow
def test_an_interface_that_vanishes(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """What was read before is written; the probe says so and goes on with the others."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", interfaces=("b0", "b1"))
    first = packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(first)
    wire.ip("-n", wire.name, "link", "del", "a0")
    probe.until(lambda status: not status["interfaces"]["b0"][2])
    second = packets_of(wire.replay(captures_of["mixed"], interface="a1"))
    probe.seen(first + second)
    _, err = probe.stop()
    assert "b0 is down" in err
    assert balanced(tmp_path / "live") == first + second


def test_a_full_disk_is_survived(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """A small file system fills up: rows are held, the trouble is told, and all are written once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        probe = Probe(wire, disk, "--window", "1s", "--snapshot", "1h")
        (disk / "filler").write_bytes(bytes(free_octets(disk) - 4096))
        packets = packets_of(wire.replay(captures_of["mixed"]))
        probe.seen(packets)
        status = probe.until(lambda status: bool(status["trouble"]), 20) if probe_writes(disk) else None
        assert status is None or "cannot be written" in status["trouble"]
        (disk / "filler").unlink()
        _, err = probe.stop()
        assert "Holding" in err
        assert balanced(disk) == packets
        assert sum(rows(disk, "flow").values()) > 100
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def free_octets(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def probe_writes(disk: Path) -> bool:
    """Whether the status still gets through on a full disk (it is a few octets)."""
    return (disk / ".status.json").exists()


def test_metrics_and_top(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "live"
    probe = Probe(wire, out, "--window", "1s", "--metrics", "9464")
    packets = packets_of(wire.replay(captures_of["mixed"]))
    probe.seen(packets)
    wire.run("ip", "link", "set", "lo", "up")
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    text = wire.run(sys.executable, "-c", fetch).stdout
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    assert float(told['wiregauge_packets_total{interface="b0"}']) == packets
    assert float(told['wiregauge_ring_dropped_packets_total{interface="b0"}']) == 0
    assert 0 < float(told["wiregauge_join_ratio"]) <= 1
    assert any(line.startswith("wiregauge_cpu_seconds_total{thread=") for line in told)
    probe.until(lambda status: bool(rows(out, "kpi_cell")), 20)
    shown = wire.run(*COMMAND, "top", str(out), "--once").stdout
    assert f"{packets:,}" in shown
    assert "worst cells" in shown
    probe.stop()
    assert "the probe was stopped" in wire.run(*COMMAND, "top", str(out), "--once").stdout


@pytest.mark.parametrize(
    "options, words",
    [
        (("--interface", "nosuch"), "there is no such interface"),
        (("--interface", "b0", "--filter", "not a filter"), "--filter"),
        (("--interface", "b0", "--interface", "b0"), "named twice"),
        (("--interface", "b0", "--metrics", "here"), "write a port"),
    ],
)
def test_what_cannot_be_is_said(wire: Namespace, options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    made = wire.run(*COMMAND, "live", *options, "--out", str(tmp_path / "live"), "--for", "1s")
    assert made.returncode in (1, 2)
    assert words in made.stderr
    assert "Traceback" not in made.stderr


def test_a_filter_keeps_packets_out(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--filter", "udp port 2123")
    wire.replay(captures_of["mixed"], "--rate", "5000")
    time.sleep(1.5)
    probe.stop()
    reasons = {row["reason"] for row in ds.dataset(tmp_path / "live" / "ledger").to_table().to_pylist()
               if row["stage"] == "decoded"}  # fmt: skip
    assert reasons == {"gtpc"}


def test_a_filter_and_a_catalogue_are_read_again(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """SIGHUP: the new filter holds from then on; one that is wrong is refused in words, and the old one stays."""
    config = tmp_path / "live.toml"
    config.write_text('filter = "udp port 2123"\n')
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--config", str(config))
    wire.replay(captures_of["mixed"], "--rate", "5000")
    probe.until(lambda status: set(status["by_reason"].get("decoded", {})) == {"gtpc"})
    for text in ('filter = "no such thing"\n', 'filter = "udp port 2152"\n'):
        config.write_text(text)
        probe.signal(signal.SIGHUP)
        time.sleep(2.5)
    wire.replay(captures_of["mixed"], "--rate", "5000")
    probe.until(lambda status: "user_plane" in status["by_reason"]["decoded"])
    _, err = probe.stop()
    assert "going on with the settings as they were" in err
    assert "catalogue and filter were read again" in err


def test_af_xdp_reads_the_same(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """Frames taken before the host's stack; time is that of reading, so what depends on it is not compared."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--capture", "af_xdp", "--ring", "256")
    packets = packets_of(wire.replay(captures_of["mixed"], "--rate", "5000"))
    status = probe.seen(packets)
    probe.stop()
    assert status["dropped"] == 0
    assert balanced(tmp_path / "live") == packets
    read_again(captures_of["mixed"], tmp_path / "file", "--window", "1h")
    assert outcomes(tmp_path / "live") == outcomes(tmp_path / "file")


@pytest.mark.slow
def test_af_xdp_counts_what_it_loses(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """The probe is stopped for a while, and its chunks run out."""
    probe = Probe(wire, tmp_path / "live", "--window", "1h", "--capture", "af_xdp", "--ring", "4")
    probe.signal(signal.SIGSTOP)
    packets = packets_of(wire.replay(captures_of["mixed"]))
    probe.signal(signal.SIGCONT)
    assert probe.seen(packets)["dropped"] > 0
    probe.stop()
    assert balanced(tmp_path / "live") == packets


def test_af_xdp_falls_back_in_words(wire: Namespace, tmp_path: Path) -> None:
    wire.run("ip", "link", "set", "lo", "up")
    probe = Probe(wire, tmp_path / "live", "--capture", "auto", "--filter", "udp")
    _, err = probe.stop()
    assert "Capturing with AF_PACKET" in err


def test_two_probes_do_not_share_a_folder(wire: Namespace, tmp_path: Path) -> None:
    probe = Probe(wire, tmp_path / "live")
    made = wire.run(*COMMAND, "live", "--interface", "b1", "--out", str(tmp_path / "live"), "--for", "1s")
    probe.stop()
    assert made.returncode == 1
    assert "another live probe writes here" in made.stderr


NOBODY = 65534
NET_RAW = 1 << 13  # CAP_NET_RAW as in capability(7)
PYTHONS = (Path(sys.executable), Path(f"/usr/bin/python3.{sys.version_info.minor}"))  # an own one may lie in a home
SITE = Path(pa.__file__).parent.parent


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A folder that belongs to nobody and that nobody can reach."""
    folder = Path(tempfile.mkdtemp(prefix="wiregauge-nobody-", dir="/tmp"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def reachable(path: Path) -> bool:
    """Whether others than its owner can read a folder."""
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))


def compiled_for(folder: Path) -> Path:
    """A cache of machine code of nobody's own: a copy of what there is, which only its owner can read."""
    cache, mine = Path(os.environ.get("WIREGAUGE_CACHE", "/nowhere")), folder / "cache"
    mine.mkdir()
    if cache.is_dir():
        shutil.copytree(cache, mine, dirs_exist_ok=True)
    for each in (mine, *mine.rglob("*")):
        os.chown(each, NOBODY, NOBODY)
    return mine


@pytest.mark.slow
def test_without_root(wire: Namespace, captures_of: dict[str, Path], nobodys: Path) -> None:
    """An ordinary user with CAP_NET_RAW alone captures; nobody else reads what is written, and no identity is in it."""
    python = next((each for each in PYTHONS if each.exists() and reachable(each.resolve().parent)), None)
    if shutil.which("setpriv") is None or python is None or not (reachable(ROOT) and reachable(SITE)):
        pytest.skip("no setpriv, or an environment that only its owner can read")
    where = compiled_for(nobodys)
    under = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
             "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw",
             "env", f"HOME={nobodys}", f"WIREGAUGE_CACHE={where}", f"PYTHONPATH={SITE}")  # fmt: skip
    out = nobodys / "kpis"
    key = ("--identities", "pseudonym", "--identity-key", str(nobodys / "identity.key"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.wire.COMMAND", [str(python), *COMMAND[1:]])
        probe = Probe(wire, out, "--window", "1h", *key, under=under)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{probe.process.pid}/status").read_text().splitlines())
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == NET_RAW
    packets = packets_of(wire.replay(captures_of["mixed"], "--rate", "5000"))
    probe.seen(packets)
    probe.stop()
    assert balanced(out) == packets
    written = [path for path in nobodys.rglob("*") if where not in (path, *path.parents)]
    assert {oct(path.stat().st_mode & 0o777) for path in written if path.suffix == ".parquet"} == {"0o640"}
    assert [path for path in written if path.stat().st_mode & 0o007] == []
    assert (nobodys / "identity.key").stat().st_mode & 0o777 == 0o600
    names = {row["subscriber"] for row in ds.dataset(out / "session").to_table(columns=["subscriber"]).to_pylist()}
    assert len(names) > 1
    assert not any(name and name.isdigit() for name in names)


@pytest.mark.slow
def test_memory_stays_within_what_was_given(wire: Namespace, captures_of: dict[str, Path], tmp_path: Path) -> None:
    """Tables full of connections that never end, windows and their KPIs, snapshots: never more than --memory."""
    options = ("--memory", "2GiB", "--snapshot", "1s", "--max-flows", "1024")
    probe = Probe(wire, tmp_path / "live", "--window", "1s", *options)
    packets, most = 0, 0
    for _ in range(6):
        packets += packets_of(wire.replay(captures_of["mixed"]))
        most = max(most, probe.seen(packets)["memory"])
    peak = Path(f"/proc/{probe.process.pid}/status").read_text().split("VmHWM:")[1].split()[0]
    probe.stop()
    assert most <= int(peak) * 1024 <= 2 << 30
    assert balanced(tmp_path / "live") == packets
