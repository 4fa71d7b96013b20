"""The traffic generator: same seed same octets, captures that tshark and scapy read without complaint, and a truth that
agrees with what they read."""

import gzip
import hashlib
import json
import shutil
import subprocess
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner
from scapy.all import IP, TCP, raw
from scapy.contrib import gtp as scapy_gtp
from scapy.contrib import gtp_v2 as scapy_gtp2
from scapy.layers.inet6 import IPv6
from scapy.utils import RawPcapNgReader, RawPcapReader

from tools.scenario import PRESETS, CaptureOptions, Truth, demo_scenario, generate
from tools.scenario import encode_gtp as gtp
from tools.scenario import encode_ip as wire
from tools.scenario.cli import main
from tools.scenario.clock import Clock

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

FIELDS = """
    frame.time_epoch ip.src ip.dst ip.len ipv6.plen gtp.message gtp.teid gtpv2.message_type gtpv2.teid
    gtpv2.seq gtpv2.cause gtpv2.ebi gtpv2.ecgi_eci gtpv2.f_teid_interface_type gtpv2.f_teid_gre_key
    gtpv2.f_teid_ipv4 e212.imsi gtp.cause gtp.seq_number tcp.len tcp.analysis.retransmission
    tcp.analysis.fast_retransmission tcp.analysis.out_of_order tcp.analysis.lost_segment
    tcp.analysis.zero_window tcp.srcport tcp.flags.syn gtpv2.ran_nas.cause_value gtpv2.CauseRadioNetwork
    e164.msisdn gtpv2.mei _ws.malformed ip.checksum.status tcp.checksum.status udp.checksum.status
    icmp.checksum.status icmpv6.checksum.status
""".split()  # noqa: SIM905
CHECKSUMS = ("ip", "tcp", "udp", "icmp", "icmpv6")


class Made:
    """A preset's capture with its truth, and tshark's reading of it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.truth = generate(PRESETS[name], folder)
        self.path = folder / "capture.pcap"
        self._rows: list[dict[str, list[str]]] | None = None

    @property
    def rows(self) -> list[dict[str, list[str]]]:
        """One dict a frame: field to its values, outermost first."""
        if self._rows is None:
            command = ["tshark", "-n", "-r", str(self.path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
            for protocol in CHECKSUMS[:3]:
                command += ["-o", f"{protocol}.check_checksum:TRUE"]
            for name in FIELDS:
                command += ["-e", name]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            lines = [line.split("\t") for line in out.splitlines()]
            self._rows = [
                {name: value.split(",") if value else [] for name, value in zip(FIELDS, line, strict=True)}
                for line in lines
            ]
        return self._rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """Makes each preset once."""
    done: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in done:
            done[name] = Made(tmp_path_factory.mktemp(name), name)
        return done[name]

    return make


def digest(folder: Path) -> list[str]:
    return [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in sorted(folder.iterdir())]


# encoders


def test_gtpv2_vector():
    """Create Session Response, Modify Bearer Request and Delete Session Request, octet for octet."""
    enb = gtp.Endpoint(bytes((192, 168, 10, 2)), 0x202)
    modify = gtp.message_v2(34, 0x21, 0x123457, gtp.bearer_context(gtp.ebi(5), gtp.fteid(0, enb)))
    assert modify.hex() == "4822001e00000021123457005d0012004900010005570009008000000202c0a80a02"
    delete = gtp.message_v2(36, 0x21, 0x12345A, gtp.ebi(5) + gtp.ie(77, b"\x08\0\0"))
    assert delete.hex() == "482400140000002112345a0049000100054d000300080000"
    where = gtp.Location("208", "93", 0x1234, 0x0ABCDE10)
    assert gtp.uli(where)[4:].hex() == "1802f839123402f8390abcde10"
    assert gtp.digits("208930000000001").hex() == "02980300000000f1"
    assert gtp.plmn("310", "410").hex() == "130014"


def test_gtpu_vectors():
    assert gtp.gtpu_echo(False, 1).hex() == "320100040000000000010000"
    assert gtp.end_marker(0x202).hex() == "30fe000000000202"
    unknown = gtp.Endpoint(bytes((10, 0, 10, 1)), 0x101)
    assert gtp.error_indication(unknown).hex() == "321a00100000000000000000" + "1000000101" + "8500040a000a01"
    inner = bytes.fromhex("4500001c") + bytes(24)
    tunnel = gtp.Tunnel(bytes(4), gtp.Endpoint(bytes(4), 0x1001), gtp.pdu_session_container(True, 9))
    assert tunnel.wrap(inner, 0)[28:].hex().startswith("34ff002400001001" + "00000085" + "01100900" + "4500")


@pytest.mark.parametrize("size", [0, 1, 6, 1360])
@pytest.mark.parametrize("flags", [wire.SYN, wire.ACK, wire.PSH | wire.ACK])
@pytest.mark.parametrize("options", [b"", wire.ROUTER_ALERT])
def test_segment_as_scapy_builds_it(size: int, flags: int, options: bytes):
    a, b = bytes((10, 1, 2, 3)), bytes((203, 0, 113, 7))
    packet = wire.TcpSide(a, b, 40000, 443, options).segment(0xFFFFFFF0, 77, flags, 502, 0xBEEF, size)
    again = IP(packet)
    del again.chksum
    del again[TCP].chksum
    assert raw(again) == packet
    six = wire.TcpSide(a * 4, b * 4, 40000, 443).segment(5, 77, flags, 502, 0, size)
    again = IPv6(six)
    del again[TCP].chksum
    assert raw(again) == six


def test_fragments_make_the_packet():
    a, b = bytes((10, 1, 2, 3)), bytes((10, 9, 9, 9))
    packet = wire.ip(a, b, 17, wire.udp(a, b, 1, 2, bytes(range(256)) * 7), 9)
    first, second = (IP(piece) for piece in wire.fragments(packet, 800))
    assert first.flags == "MF"
    assert second.frag * 8 == 800
    assert raw(first.payload)[:800] + raw(second.payload) == packet[20:]
    for piece in (first, second):
        check = piece.chksum
        del piece.chksum
        assert IP(raw(piece)).chksum == check


def test_clock_stands_still_in_its_spans():
    clock = Clock([(100, 130), (200, 205)])
    assert [clock.real(t) for t in (99, 100, 169, 170, 180)] == [99, 130, 199, 205, 215]
    assert clock.unbroken(10, 99)
    assert not clock.unbroken(99, 101)


# files


def test_same_seed_same_octets(tmp_path: Path):
    scenario = PRESETS["dedicated"]
    for name in ("a", "b"):
        generate(scenario, tmp_path / name, CaptureOptions(compression="gz"))
    generate(replace(scenario, seed=2), tmp_path / "c", CaptureOptions(compression="gz"))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


def test_each_form_holds_the_same_frames(tmp_path: Path):
    scenario = PRESETS["attach"]
    generate(scenario, tmp_path)
    plain = [(data, meta.sec, meta.usec) for data, meta in RawPcapReader(str(tmp_path / "capture.pcap"))]
    for compression, unpack in (
        ("gz", gzip.decompress),
        ("zst", lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b)),
    ):
        generate(scenario, tmp_path / compression, CaptureOptions(compression=compression))
        packed = (tmp_path / compression / f"capture.pcap.{compression}").read_bytes()
        assert unpack(packed) == (tmp_path / "capture.pcap").read_bytes()
    generate(scenario, tmp_path / "ng", CaptureOptions(form="pcapng", nanoseconds=True, link="sll", vlan=7))
    ng = [data for data, _ in RawPcapNgReader(str(tmp_path / "ng" / "capture.pcapng"))]
    # Packets within one microsecond of each other change places between the two clocks.
    assert sorted(d[20:] for d in ng) == sorted(d[14:] for d, _, _ in plain)
    assert all(d[14:18] == b"\x81\x00\x00\x07" for d in ng)
    truth = generate(scenario, tmp_path / "split", CaptureOptions(split=3))
    parts = [f for name in truth.files for f in RawPcapReader(str(tmp_path / "split" / name))]
    assert [d for d, _ in parts] == [d for d, _, _ in plain]
    truth = generate(scenario, tmp_path / "taps", CaptureOptions(split_by="interface", snaplen=96))
    taps = [f for name in truth.files for f in RawPcapReader(str(tmp_path / "taps" / name))]
    assert sorted(d for d, _ in taps) == sorted(d[:96] for d, _, _ in plain)
    assert sum(meta.wirelen for _, meta in taps) == truth.ledger["in_bytes"]


# truth against itself


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_truth_adds_up(name: str, made):
    truth: Truth = made(name).truth
    ledger = truth.ledger
    assert ledger["in"] == sum(n for reason, n in ledger.items() if not reason.startswith("in"))
    rows = [row for flow in truth.flows for row in flow.rows.values()]
    assert ledger["user_plane"] == sum(row[2] + row[3] for row in rows)
    for groups in (truth.by_cell(), truth.by_subscriber()):
        for counter, index in (("bytes_up", 0), ("bytes_down", 1), ("packets_up", 2), ("packets_down", 3)):
            assert sum(g[counter] for g in groups) == sum(row[index] for row in rows)
        assert sum(g["flows_begun"] for g in groups) == len(truth.flows)
        assert sum(g["setup_attempts"] for g in groups) == sum(p["setup"] for p in truth.procedures)
        assert all(
            g["setup_attempts"] == g["setup_successes"] + g["setup_failures"] + g["setup_timeouts"] for g in groups
        )
        assert all(g["tcp_connect_successes"] <= g["tcp_connect_attempts"] for g in groups)
    known = sum(row[0] for flow in truth.flows if flow.session for row in flow.rows.values())
    assert sum(s.bytes_up for s in truth.sessions) == known
    assert sum(s.captured for s in truth.sessions) == sum(
        p["setup"] and p["outcome"] == "success" for p in truth.procedures
    )
    assert all(s.end is None or s.end >= s.start + s.setup_ns for s in truth.sessions)


def test_stays_follow_one_another(made):
    for name in ("handover", "idle", "utran"):
        for session in made(name).truth.sessions:
            times = [time for _, begin, end in session.stays for time in (begin, end or session.end or 2**63)]
            assert times == sorted(times)
            assert [cell for cell, _, _ in session.stays][-1:] in ([], session.cells[-1:])


def test_user_packets_keep_clear_of_their_session_end(made):
    for name in ("drops", "utran", "dedicated"):
        truth = made(name).truth
        ends = {s.number: s.end for s in truth.sessions if s.end is not None}
        for flow in truth.flows:
            if flow.session in ends:
                assert all(row[25] <= ends[flow.session] - 2_000_000 for row in flow.rows.values())


EXPECTED = {
    "attach": lambda t: any(s.end_reason == "deleted" and not s.dropped for s in t.sessions),
    "s5": lambda t: t.ledger["second_leg"] > 0 and any(p["interface"] == "s5s8" for p in t.procedures),
    "handover": lambda t: any(len(s.cells) > 2 for s in t.sessions),
    "idle": lambda t: (
        {"release_access_bearers", "downlink_data_notification"} <= {p["procedure"] for p in t.procedures}
    ),
    "dedicated": lambda t: (
        {"create_bearer", "delete_bearer", "delete_bearer_command"} <= {p["procedure"] for p in t.procedures}
    ),
    "dual_stack": lambda t: any(s.ue_ipv4 and s.ue_ipv6 for s in t.sessions) and any(not s.ue_ipv4 for s in t.sessions),
    "transport_ipv6": lambda t: all(":" in s.gateway for s in t.sessions),
    "mid_start": lambda t: {s.captured for s in t.sessions} == {True, False} and any(f.imsi is None for f in t.flows),
    "failures": lambda t: (
        {"failure", "timeout"} <= {p["outcome"] for p in t.procedures}
        and any(p["attempts"] > 1 and p["outcome"] == "success" for p in t.procedures)
        and any((p["latency_ms"] or 0) < 0 for p in t.procedures)
    ),
    "drops": lambda t: (
        {(s.end_reason, s.dropped) for s in t.sessions}
        >= {("deleted", True), ("deleted", False), ("error_indication", True)}
    ),
    "utran": lambda t: (
        {"update_pdp_context", "delete_pdp_context"} <= {p["procedure"] for p in t.procedures}
        and any(s.cause_family == "gtpv1c" for s in t.sessions)
    ),
    "loss": lambda t: {f.connect for f in t.flows} >= {"success", "refused", "no_answer"},
    "fragments": lambda t: t.ledger["fragment"] > 0 and t.ledger["gtpc_fragment"] > 0,
    "plain": lambda t: not t.sessions and t.ledger["not_ip"] == 5 and all(f.imsi is None for f in t.flows),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_preset_shows_its_feature(name: str, made):
    assert EXPECTED[name](made(name).truth)


def test_tunnel_endpoints_are_used_again(made):
    """The same TEID at the same SGW for different subscribers."""
    holders = defaultdict(set)
    for data, _ in RawPcapReader(str(made("teid_reuse").path)):
        if data[36:38] == b"\x08\x68" and data[30:32] == bytes((172, 23)) and data[43] == 255:
            holders[data[30:34], data[46:50]].add(data[62:66])
    assert any(len(devices) > 1 for devices in holders.values())


def test_demo_shows_its_faults(tmp_path: Path):
    truth = generate(replace(demo_scenario(), duration_s=90, arrival_s=60), tmp_path)
    cells: dict[str, Counter] = defaultdict(Counter)
    for row in truth.by_cell():
        cells[row["cell"]].update({k: v for k, v in row.items() if isinstance(v, int)})

    def retransmission(c: Counter) -> float:
        return (c["retransmitted_seen_down"] + c["retransmitted_unseen_down"]) / max(c["tcp_packets_down"], 1)

    bad = truth.faults["cell"]
    assert (
        max(cells, key=lambda name: retransmission(cells[name]) if cells[name]["tcp_packets_down"] > 100 else 0) == bad
    )
    assert max(cells, key=lambda name: cells[name]["drops"] / max(1, cells[name]["setup_successes"])) == bad
    failed = Counter(p["responder"] for p in truth.procedures if p["interface"] == "s5s8" and p["outcome"] != "success")
    assert failed.most_common(1)[0][0] == truth.faults["gateway"]
    drops = Counter(s.imsi for s in truth.sessions if s.dropped and s.cells[-1] != bad)
    assert drops.most_common(1)[0][0] == truth.faults["subscriber"]


# truth against tshark and scapy


@needs_tshark
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_tshark_reads_it_whole(name: str, made):
    """No malformed frame, no bad checksum, the message counts of the truth."""
    one = made(name)
    assert len(one.rows) == one.truth.ledger["in"]
    assert not [i + 1 for i, row in enumerate(one.rows) if row["_ws.malformed"]]
    for protocol in CHECKSUMS:
        assert not [i + 1 for i, row in enumerate(one.rows) if "0" in row[f"{protocol}.checksum.status"]], protocol
    messages = Counter(f"gtpv2-{kind}" for row in one.rows for kind in row["gtpv2.message_type"])
    messages.update(
        f"gtpv1-{int(kind, 16)}" for row in one.rows for kind in row["gtp.message"] if 16 <= int(kind, 16) < 26
    )
    assert messages == Counter(one.truth.messages)
    control = sum(int(kind, 16) in (1, 2, 26, 254) for row in one.rows for kind in row["gtp.message"])
    assert control == one.truth.ledger["gtpu_control"]


@needs_tshark
@pytest.mark.parametrize("name", ["failures", "drops", "utran", "dual_stack"])
def test_identities_and_causes_agree_with_tshark(name: str, made):
    one = made(name)
    truth = one.truth
    imsis = {imsi for row in one.rows for imsi in row["e212.imsi"]}
    assert imsis == {p["imsi"] for p in truth.procedures if p["setup"]}
    msisdns = {m for row in one.rows for m in row["e164.msisdn"]}
    assert msisdns >= {s.msisdn for s in truth.sessions}
    repeated = Counter()
    for p in truth.procedures:
        if p["procedure"] in ("create_session", "create_pdp_context") and p["attempts"] == 1:
            repeated[p["cause_code"]] += 1
    seen = Counter()
    for row in one.rows:
        if row["gtpv2.message_type"] == ["33"]:
            seen[int(row["gtpv2.cause"][0])] += 1
        elif row["gtp.message"] == ["0x11"]:
            seen[int(row["gtp.cause"][0])] += 1
    for cause, count in repeated.items():
        if cause is not None:
            assert seen[cause] >= count
    lost = sum("21" in row["gtpv2.CauseRadioNetwork"] for row in one.rows if row["gtpv2.message_type"] == ["36"])
    dropped = [s for s in truth.sessions if s.cause_family == "s1ap_radio"]
    assert lost == len(dropped)
    if name == "failures":
        setups = [p for p in truth.procedures if p["procedure"] == "create_session"]
        requests = sum(row["gtpv2.message_type"] == ["32"] for row in one.rows)
        assert requests >= sum(p["attempts"] for p in setups) > len(setups)


@needs_tshark
def test_attempts_and_latencies_agree_with_tshark(made):
    """Requests of one sequence number are one attempt, its latency from the first of them to the first answer."""
    one = made("failures")
    asked, answered = defaultdict(list), defaultdict(list)
    for row in one.rows:
        # Past the whole microseconds of the file a float of the epoch is too coarse.
        second, fraction = row["frame.time_epoch"][0].split(".")
        ts = int(second) * 10**9 + int(fraction)
        if row["gtpv2.message_type"] == ["32"]:
            asked[row["ip.src"][0], row["gtpv2.seq"][0]].append(ts)
        elif row["gtpv2.message_type"] == ["33"]:
            answered[row["ip.dst"][0], row["gtpv2.seq"][0]].append(ts)
    got = []
    for key, times in asked.items():
        first, answer = min(times), min(answered[key]) if key in answered else None
        attempts = max(1, sum(answer is None or t <= answer for t in times))
        got.append((first, attempts, None if answer is None else answer - first))
    wanted = [
        (p["start"], p["attempts"], None if p["latency_ms"] is None else round(p["latency_ms"] * 1e6))
        for p in one.truth.procedures
        if p["procedure"] == "create_session"
    ]
    assert sorted(got) == sorted(wanted)


def volumes_by_tshark(rows: list[dict[str, list[str]]]) -> tuple[Counter, Counter]:
    """IP octets by (IMSI, cell) each way: a naive join of what tshark read, for default bearers on S11 only."""
    pending, sessions, core, radio = {}, {}, {}, {}
    up, down = Counter(), Counter()
    # Where the capture swapped a request and its answer, the request is read first.
    rows = sorted(rows, key=lambda r: float(r["frame.time_epoch"][0]))
    requests = [r for r in rows if r["gtpv2.message_type"] == ["32"]]
    for r in requests:
        kinds = r["gtpv2.f_teid_interface_type"]
        if "10" in kinds:
            pending.setdefault(r["gtpv2.seq"][0] + r["ip.src"][0], r)
    for r in rows:
        kind = r["gtpv2.message_type"]
        ends = list(
            zip(r["gtpv2.f_teid_interface_type"], r["gtpv2.f_teid_ipv4"], r["gtpv2.f_teid_gre_key"], strict=True)
        )
        if kind == ["33"] and int(r["gtpv2.cause"][0]) < 64:
            asked = pending.get(r["gtpv2.seq"][0] + r["ip.dst"][0])
            if asked is None:
                continue
            session = {"imsi": asked["e212.imsi"][0], "cell": "208-93-" + asked["gtpv2.ecgi_eci"][0]}
            control = next(teid for number, _, teid in ends if number == "11")
            sessions[r["ip.src"][0], control, r["gtpv2.ebi"][0]] = session
            core.update({(address, teid): session for number, address, teid in ends if number == "1"})
        elif kind == ["34"]:
            session = sessions.get((r["ip.dst"][0], r["gtpv2.teid"][0], r["gtpv2.ebi"][0]))
            if session is None:
                continue
            if r["gtpv2.ecgi_eci"]:
                session["cell"] = "208-93-" + r["gtpv2.ecgi_eci"][0]
            radio.update({(address, teid): session for number, address, teid in ends if number == "0"})
        elif r["gtp.message"] == ["0xff"]:
            inner = int(r["ip.len"][1]) if len(r["ip.len"]) > 1 else int(r["ipv6.plen"][0]) + 40
            key = (r["ip.dst"][0], r["gtp.teid"][0])
            # User planes of SGWs lie in 172.23/16; what is unknown was set up before the capture began.
            table, volume = (core, up) if key[0].startswith("172.23.") else (radio, down)
            session = table.get(key, {"imsi": None, "cell": None})
            volume[session["imsi"], session["cell"]] += inner
    return up, down


@needs_tshark
@pytest.mark.parametrize("name", ["attach", "handover", "idle", "dual_stack", "teid_reuse", "drops", "mid_start"])
def test_volumes_agree_with_a_join_of_what_tshark_read(name: str, made):
    """Each octet in its cell and with its subscriber, through handovers, idle times and endpoints used again."""
    one = made(name)
    expected: tuple[Counter, Counter] = (Counter(), Counter())
    for flow in one.truth.flows:
        for (_, cell), row in flow.rows.items():
            for way in (0, 1):
                expected[way][flow.imsi, cell] += row[way]
    for got, wanted in zip(volumes_by_tshark(one.rows), expected, strict=True):
        assert {k: v for k, v in got.items() if v} == {k: v for k, v in wanted.items() if v}


@needs_tshark
@pytest.mark.parametrize("name", ["loss", "wrap"])
def test_tcp_analysis_agrees_with_tshark(name: str, made):
    """Retransmission, reordering, holes and zero windows, each way.

    Named difference: tshark knows no duplicate. A copy of a segment is retransmission or out of order to it; the sum of
    the three is the same.
    """
    one = made(name)
    got: dict[str, Counter] = {"up": Counter(), "down": Counter()}
    for row in one.rows:
        way = "down" if row["tcp.srcport"] and int(row["tcp.srcport"][0]) < 1024 else "up"
        data = bool(row["tcp.len"]) and int(row["tcp.len"][0]) > 0
        again = bool(row["tcp.analysis.retransmission"] or row["tcp.analysis.fast_retransmission"])
        got[way]["again"] += data and again
        got[way]["late"] += data and bool(row["tcp.analysis.out_of_order"])
        got[way]["syn"] += again and "1" in row["tcp.flags.syn"]
        got[way]["holes"] += bool(row["tcp.analysis.lost_segment"])
        got[way]["zero"] += bool(row["tcp.analysis.zero_window"])
    for way in ("up", "down"):
        total = Counter()
        for row in one.truth.by_cell():
            total.update({k: row[f"{k}_{way}"] for k in ("retransmitted_seen", "retransmitted_unseen", "out_of_order",
                          "duplicate", "holes", "zero_window", "syn_repeated")})  # fmt: skip
        retransmitted = total["retransmitted_seen"] + total["retransmitted_unseen"]
        assert got[way]["again"] + got[way]["late"] == retransmitted + total["out_of_order"] + total["duplicate"]
        assert abs(got[way]["again"] - retransmitted) <= total["duplicate"]
        assert got[way]["holes"] == total["holes"]
        assert got[way]["zero"] == total["zero_window"]
        assert got[way]["syn"] == total["syn_repeated"]
    assert any("retransmitted_seen_down" in row and row["retransmitted_seen_down"] for row in one.truth.by_cell())


def control(path: Path) -> list[bytes]:
    """Payloads of the GTP-C datagrams of a capture with IPv4 outside."""
    port = (2123).to_bytes(2, "big")
    return [data[42:] for data, _ in RawPcapReader(str(path)) if port in (data[34:36], data[36:38])]


def test_command_writes_capture_and_truth(tmp_path: Path):
    arguments = [
        "--preset",
        "wrap",
        "--seed",
        "3",
        "--out",
        str(tmp_path),
        "--set",
        "subscribers=2",
        "--form",
        "pcapng",
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert f"{truth['ledger']['in']} packets" in result.output
    assert (tmp_path / "capture.pcapng").stat().st_size > 1000
    assert CliRunner().invoke(main, ["--out", str(tmp_path), "--set", "nonsense=1"]).exit_code == 2


def test_scapy_agrees_on_sessions(made):
    """IMSI, addresses and F-TEIDs of Create Session, and the same of Create PDP Context, by scapy's dissectors."""
    one = made("attach")
    imsis, addresses = set(), set()
    for message in (scapy_gtp2.GTPHeader(payload) for payload in control(one.path)):
        elements = getattr(message.payload, "IE_list", [])
        for element in elements:
            if isinstance(element, scapy_gtp2.IE_IMSI):
                imsis.add(element.IMSI.decode())
            if isinstance(element, scapy_gtp2.IE_PAA) and message.gtp_type == 33:
                addresses.add(element.ipv4)
    assert imsis == {p["imsi"] for p in one.truth.procedures if p["setup"]}
    assert addresses == {s.ue_ipv4 for s in one.truth.sessions}
    one = made("utran")
    imsis = set()
    for payload in control(one.path):
        if payload[1] == 16:
            request = scapy_gtp.GTPHeader(payload)
            imsis.update(e.imsi.decode() for e in request.payload.IE_list if isinstance(e, scapy_gtp.IE_IMSI))
    assert imsis == {p["imsi"] for p in one.truth.procedures if p["setup"]}
