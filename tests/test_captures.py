"""The whole path on real captures, beside what tshark says of them (`pytest --captures DIR`)."""

import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from formats.procedures import PAIRS
from formats.xdr import CONNECT_OUTCOMES, INTERFACES, PROCEDURES
from kernels.shard import Limits
from tests import truth_tsv
from tests.naive_tshark_tcp import Connection, ahead
from tests.truth_tsv import Headers, Row, counted, nanoseconds, number
from tests.truth_tsv import at as _at
from tests.whole_path import Result, address, comparable, run, unsound

pytestmark = [pytest.mark.captures, pytest.mark.compiled]

Way = tuple[int, str, int, str, int]
"""Protocol, source, port, destination, port."""
Volume = dict[Way, tuple[int, int]]
"""Packets and octets."""


def names(captures: Path) -> list[str]:
    """All captures, as group/file."""
    return sorted(f"{path.parent.name}/{path.name}" for path in captures.glob("files/*/*"))


@cache
def taken(captures: Path, name: str) -> Result:
    """What the whole path makes of one capture."""
    result = run([captures / "files" / name])
    result.pipeline.release()  # hundreds of them are kept: their rows, not their tables
    return result


@cache
def told(captures: Path, name: str) -> list[Headers]:
    """What tshark says its frames count as."""
    return counted(truth_tsv.rows(captures, name, "packets"))


def ways(result: Result) -> Volume:
    """Packets and octets of each way of each conversation, of the flow rows."""
    volume: dict[Way, list[int]] = defaultdict(lambda: [0, 0])
    for row in result.rows["flow"]:
        ue = address(row, "ue_ip"), max(int(row["ue_port"]), 0)
        server = address(row, "server_ip"), max(int(row["server_port"]), 0)
        for name, ends in (("up", (*ue, *server)), ("down", (*server, *ue))):
            if row[f"packets_{name}"]:
                entry = volume[(int(row["ip_protocol"]), *ends)]
                entry[0] += int(row[f"packets_{name}"])
                entry[1] += int(row[f"bytes_{name}"])
    return {way: (packets, octets) for way, (packets, octets) in volume.items()}


def test_rows_and_ledger_are_sound(captures: Path) -> None:
    wrong = {}
    for name in names(captures):
        result = taken(captures, name)
        found = unsound(result)
        truth = truth_tsv.rows(captures, name, "packets")
        if truth and len(truth) != result.packets and name not in FRAMES_DIFFER:
            found.append(f"{result.packets} packets, tshark {len(truth)}")
        if found:
            wrong[name] = found
    assert wrong == {}


FRAMES_DIFFER = {
    "gopacket__gopacket/pcapng-suite_be_test017.pcapng": "blocks that hold no packets (custom, journal)",
    "gopacket__gopacket/pcapng-suite_le_test017.pcapng": "blocks that hold no packets (custom, journal)",
}
"""Captures in which tshark counts other frames, and why."""


def test_a_second_run_gives_the_same_rows(captures: Path) -> None:
    for name in names(captures):
        first, second = taken(captures, name), run([captures / "files" / name])
        assert comparable(first) == comparable(second), name
        assert first.accounts.by_reason() == second.accounts.by_reason(), name


# ---------------------------------------------------------------- volume


def not_user_plane(packet: Headers) -> bool:
    """Signalling; later fragments of UDP outside of tunnels (of a tunnel packet the first told the volume)."""
    if packet.depth > 0:
        return False
    ports = {packet.sport, packet.dport}
    signalling = packet.protocol == 17 and ports & {2123, 8805}
    signalling = signalling or (packet.protocol == 132 and ports & {2905, 3868, 36412, 36422, 38412, 38422})
    return bool(
        signalling or "gtp" in packet.layers or "gtpprime" in packet.layers or (packet.later and packet.protocol == 17)
    )


def tshark_ways(packets: list[Headers]) -> tuple[Volume, set[tuple[str, str]]]:
    """Packets and octets of each way by tshark, and the pairs of hosts of which it does not tell all ports."""
    volume: dict[Way, list[int]] = defaultdict(lambda: [0, 0])
    coarse = set()
    for packet in packets:
        if not_user_plane(packet):
            continue
        if not packet.told:
            coarse.add((packet.src, packet.dst))
        entry = volume[(packet.protocol, packet.src, packet.sport, packet.dst, packet.dport)]
        entry[0] += 1
        entry[1] += packet.length
    return {way: (packets, octets) for way, (packets, octets) in volume.items()}, coarse


def between_hosts(volume: Volume, pairs: set[tuple[str, str]]) -> Volume:
    """The same, with all ports and protocols between `pairs` of hosts in one."""
    joined: dict[Way, list[int]] = defaultdict(lambda: [0, 0])
    for way, (packets, octets) in volume.items():
        entry = joined[(0, way[1], 0, way[3], 0) if (way[1], way[3]) in pairs else way]
        entry[0] += packets
        entry[1] += octets
    return {way: (packets, octets) for way, (packets, octets) in joined.items()}


def test_packets_and_octets_of_each_conversation(captures: Path) -> None:
    """Equal to tshark's, but for packets that the ledger says were rejected or seen twice."""
    wrong = {}
    compared = 0
    for name in names(captures):
        result = taken(captures, name)
        if not truth_tsv.rows(captures, name, "packets"):
            continue
        theirs, pairs = tshark_ways(told(captures, name))
        theirs, ours = between_hosts(theirs, pairs), between_hosts(ways(result), pairs)
        compared += len(theirs)
        differing = [way for way in {*ours, *theirs} if ours.get(way) != theirs.get(way)]
        stages = result.accounts.by_reason()
        left_out = sum(stages.get("rejected", {}).values()) + sum(stages.get("duplicate", {}).values())
        missing = [theirs.get(way, (0, 0))[0] - ours.get(way, (0, 0))[0] for way in differing]
        if differing and name not in VOLUME_DIFFERS and (min(missing) <= 0 or sum(missing) > left_out):
            wrong[name] = [(way, ours.get(way), theirs.get(way)) for way in differing]
    assert wrong == {}
    assert compared > 1000


VOLUME_DIFFERS = {
    "OISF__suricata-verify/sctp-pkt-too-small__input.pcap": "an SCTP header cut short: tshark reads no ports",
    "open5gs__open5gs/nonipsec_reg.pcapng": "an SCTP packet in IP fragments: a flow, for it is not put together",
    "seladb__PcapPlusPlus/ipv4-options.pcap": "source route: tshark shows the last hop as destination",
    "seladb__PcapPlusPlus/ipv6-frag.pcap": "later fragments of UDP, whose protocol tshark does not show",
    "seladb__PcapPlusPlus/ipv6_opt_fragments.pcap": "later fragments of UDP, whose protocol tshark does not show",
    "the-tcpdump-group__tcpdump/bigtcp-ipv6-geneve-ipv4.pcap": "payload length 0 without a jumbo option (BIG TCP)",
    "the-tcpdump-group__tcpdump/ipv6_frag6_negative_len.pcap": "jumbo option: tshark's payload length stays 0",
    "the-tcpdump-group__tcpdump/ipv6_jumbogram_1.pcap": "jumbo option: tshark's payload length stays 0",
}


# ---------------------------------------------------------------- TCP

COUNTS = {
    "retransmitted": "tcp_retransmitted_packets",
    "out_of_order": "tcp_out_of_order",
    "duplicate": "tcp_duplicate",
    "holes": "tcp_holes",
    "zero_window": "tcp_zero_window",
    "resets": "tcp_resets",
}
End = tuple[str, int]


class Segment(NamedTuple):
    """A frame with TCP: tshark's row of it, and what it is by the naive rules."""

    frame: str
    packet: Headers
    analysis: Row
    kind: str
    connection: Connection
    early: bool  # the other side had acknowledged all of it before

    def field(self, name: str) -> int:
        """A number of the TCP header."""
        return number(self.packet.row[f"tcp.{name}"].split("|")[0])


class Streams:
    """The TCP connections of a capture by the naive rules, and what they say of each frame beside tshark."""

    def __init__(self, captures: Path, name: str) -> None:
        self.of: dict[frozenset[End], list[Connection]] = defaultdict(list)
        self.ordered: dict[frozenset[End], bool] = defaultdict(lambda: True)
        self.frames: list[Segment] = []
        self.analysis = {row["frame.number"]: row for row in truth_tsv.rows(captures, name, "tcp")}
        for packet in told(captures, name):
            if packet.protocol == 6 and not packet.later and not not_user_plane(packet) and packet.told:
                self._take(packet)

    def _take(self, packet: Headers) -> None:
        me, you = (packet.src, packet.sport), (packet.dst, packet.dport)
        key = frozenset((me, you))
        field = {name: number(packet.row[f"tcp.{name}"].split("|")[0]) for name in FIELDS}
        ident = _at(packet.row, "ip.id", packet.depth) if "ip" in packet.layers else ""
        connections = self.of[key]
        if connections and packet.ts <= connections[-1].last_ts:
            self.ordered[key] = False
        if not connections or connections[-1].over(packet.ts, field["flags"]):
            connections.append(Connection(packet.ts))
        side = connections[-1].sides.get(me)
        known = side.acknowledged if side is not None else None
        early = known is not None and ahead(field["seq_raw"] + field["len"], known) <= 0
        kind = connections[-1].take(
            me, you, packet.ts, field["flags"], field["seq_raw"], field["ack_raw"], field["len"],
            field["window_size_value"], number(ident),
        )  # fmt: skip
        analysis = self.analysis.get(packet.row["frame.number"])
        if analysis is not None:
            self.frames.append(Segment(packet.row["frame.number"], packet, analysis, kind, connections[-1], early))


FIELDS = ("flags", "seq_raw", "ack_raw", "len", "window_size_value")


@cache
def streams(captures: Path, name: str) -> Streams:
    return Streams(captures, name)


def counted_by_us(result: Result) -> dict[tuple[frozenset[End], End], Counter]:
    """Counts of flow rows, by connection and sender."""
    found: dict[tuple[frozenset[End], End], Counter] = defaultdict(Counter)
    for row in result.rows["flow"]:
        if row["ip_protocol"] == 6:
            ue = address(row, "ue_ip"), max(int(row["ue_port"]), 0)
            server = address(row, "server_ip"), max(int(row["server_port"]), 0)
            for me, way in ((ue, "up"), (server, "down")):
                found[frozenset((ue, server)), me] += Counter(
                    {name: int(row[f"{column}_{way}"]) for name, column in COUNTS.items() if row[f"{column}_{way}"] > 0}
                )
    return found


def test_tcp_counts_of_each_connection(captures: Path) -> None:
    """Equal to the naive rules over what tshark reads, for every connection all of whose packets count."""
    wrong, compared, events = {}, 0, Counter[str]()
    for name in names(captures):
        if not truth_tsv.rows(captures, name, "packets"):
            continue
        result, volume = taken(captures, name), tshark_ways(told(captures, name))[0]
        ours, counts = ways(result), counted_by_us(result)
        for key, connections in streams(captures, name).of.items():
            both = [(6, *a, *b) for a in key for b in key if a != b or len(key) == 1]
            if any(ours.get(way) != volume.get(way) for way in both) or not streams(captures, name).ordered[key]:
                continue  # rejected, or seen twice, as the ledger says; or captured at one time, and put into order
            compared += 1
            for me in key:
                theirs = sum((c.sides[me].counts for c in connections if me in c.sides), Counter())
                theirs = Counter({kind: count for kind, count in theirs.items() if kind in COUNTS})
                events += theirs
                if theirs != counts[key, me]:
                    wrong[name, me] = (dict(counts[key, me]), dict(theirs))
    assert {
        key: value for key, value in wrong.items() if key[0] not in TCP_DIFFERS and not key[0].startswith(FUZZED)
    } == {}
    assert compared > 1000
    assert min(events[kind] for kind in COUNTS) > 0


TCP_DIFFERS = {
    "arkime__arkime/socks5-http-302-frag.pcap": "TCP headers split over IP fragments: read without reassembly",
    "bro__bro/tunnels__gtp__gtp9_unknown_or_too_short_payload.pcap": "tunnel packets in fragments, the last one lost",
}


def tshark_kind(analysis: Row) -> str:
    """tshark's own name of what a segment is, in its order of precedence."""
    for name in ("keep_alive", "spurious_retransmission", "fast_retransmission", "out_of_order", "retransmission"):
        if analysis[f"tcp.analysis.{name}"]:
            return name
    return ""


def test_tcp_segments_as_tshark_names_them(captures: Path) -> None:
    """Each segment that tshark gives another name: by a stated rule, checked on the segment."""
    unexplained, seen = [], Counter[tuple[str, str, str]]()
    for name in names(captures):
        history: dict[tuple[int, End], list[tuple[int, int]]] = defaultdict(list)
        for segment in streams(captures, name).frames:
            sent = history[id(segment.connection), (segment.packet.src, segment.packet.sport)]
            theirs = tshark_kind(segment.analysis)
            rule = rule_of(segment, theirs, sent)
            sent.append((segment.field("seq_raw"), segment.field("len")))
            seen[segment.kind, theirs, rule] += 1
            if rule == "" and name not in SEGMENTS_DIFFER and not name.startswith(FUZZED):
                unexplained.append((name, segment.frame, segment.kind, theirs))
    assert unexplained == []
    assert sum(count for (ours, _, _), count in seen.items() if ours == "retransmitted") > 300


def rule_of(segment: Segment, theirs: str, sent: list[tuple[int, int]]) -> str:
    """Why the names of a segment agree, or differ; empty where neither is so."""
    ours, length = segment.kind, segment.field("len")
    repeats = any(0 <= ahead(segment.field("seq_raw"), start) < size for start, size in sent)
    if (ours, theirs) in SAME:
        return "same"
    if length == 0 and ours in ("", "keep"):
        return "a keep-alive or FIN without octets repeats no data"
    if ours == "syn":
        return "a SYN again is one attempt more, counted in the handshake"
    if ours == "keep" and length == 1:
        return "one octet just below the next repeats no data worth counting"
    if ours == "duplicate" and repeats:
        return "the same IP packet again: copied by the network or the tap"
    if ours == "retransmitted" and theirs == "out_of_order" and repeats:
        return "tshark calls what comes within 3 ms or the initial round trip out of order, even if it was seen before"
    if ours == "retransmitted" and theirs == "out_of_order" and not repeats:
        return "fills a gap older than the reordering time; tshark measures from the latest segment before"
    if ours == "out_of_order" and not repeats:
        return "octets not seen before, in a gap younger than the reordering time"
    if ours == "" and theirs == "spurious_retransmission" and segment.early and not repeats:
        return "acknowledged before it was captured, yet captured for the first time: sent once as far as is known"
    return ""


SAME = {("", ""), ("syn", ""), ("keep", "keep_alive"), ("out_of_order", "out_of_order")} | {
    ("retransmitted", f"{kind}retransmission") for kind in ("", "fast_", "spurious_")
}
SEGMENTS_DIFFER = {
    "ntop__nDPI/heuristic_tcp_ack_payload.pcap": "acknowledgements with stray octets that do not advance the sequence",
    "ntop__nDPI/tls_multiple_synack_different_seq.pcapng": "SYN-ACKs, each with one sequence each: the last counts",
    "seladb__PcapPlusPlus/dns_over_tcp.pcapng": "the same ports months later: another connection",
    "wireshark__wireshark/retrans-tls.pcap": "begins with one octet, sent again: a keep-alive to tshark",
}
FUZZED = "ntop__nDPI/fuzz-"
"""Captures changed at random: lengths contradict each other, and each reader gives up elsewhere."""


def test_tcp_handshakes(captures: Path) -> None:
    """Outcomes as by the naive rules; the sum of both round trips is tshark's initial round trip."""
    wrong, rounds = {}, 0
    for name in names(captures):
        if not truth_tsv.rows(captures, name, "tcp"):
            continue
        result, theirs, irtt = taken(captures, name), Counter(), defaultdict(set)
        ours: Counter = Counter()
        legs = defaultdict(set)
        for row in result.rows["flow"]:
            ue, server = ((address(row, f"{side}_ip"), int(row[f"{side}_port"])) for side in ("ue", "server"))
            key = frozenset((ue, server))
            if CONNECT_OUTCOMES[row["connect_outcome"]] in ("success", "refused", "client_abort"):
                ours[key, CONNECT_OUTCOMES[row["connect_outcome"]]] += 1
            if row["rtt_client_ms"] >= 0 and row["rtt_server_ms"] >= 0:
                legs[key].add(int(row["rtt_client_ms"] + row["rtt_server_ms"]))
        made = streams(captures, name)
        for key, connections in made.of.items():
            theirs += Counter((key, c.outcome) for c in connections if c.outcome)
        for segment in made.frames:
            told_rtt, packet = segment.analysis["tcp.analysis.initial_rtt"], segment.packet
            if told_rtt and segment.connection.legs:
                key = frozenset(((packet.src, packet.sport), (packet.dst, packet.dport)))
                irtt[key].add(nanoseconds(told_rtt.split("|")[0]))
        refused = sum(result.accounts.by_reason().get("rejected", {}).values())
        different = {key for key in {*ours, *theirs} if ours[key] != theirs[key]}
        if name.startswith(FUZZED):
            continue
        if len(different) > refused and name not in HANDSHAKES_DIFFER:
            wrong[name] = different
        for key, times in irtt.items():
            if key in legs and made.ordered[key]:
                rounds += 1
                if not times <= legs[key]:
                    wrong[name, key] = (times, legs[key])
    assert wrong == {}
    assert rounds > 300


HANDSHAKES_DIFFER = {
    "bro__bro/ipv6-http-atomic-frag.trace": "with a fragment header: tshark shows no TCP behind it",
}


# ---------------------------------------------------------------- signalling

REQUEST = {(version, request): name for version, request, _, name in PAIRS}
ANSWER = {(version, answer): name for version, _, answer, name in PAIRS}
NETWORK_IDENTIFIER = re.compile(r"\.mnc\d+\.mcc\d+\.gprs$")


class Message(NamedTuple):
    """A GTP-C message as tshark tells it."""

    ts: int
    src: str
    dst: str
    version: int
    type: int
    sequence: int
    cause: int
    row: Row


def messages(captures: Path, name: str) -> list[Message]:
    """The GTP-C messages of a capture, those inside tunnels left out."""
    found = []
    for version, what, prefix in ((2, "gtpv2", "gtpv2."), (1, "gtp", "gtp.")):
        kind, sequence, cause = (prefix + field for field in (
            ("message_type", "seq", "cause") if version == 2 else ("message", "seq_number", "cause")))  # fmt: skip
        for row in truth_tsv.rows(captures, name, what):
            if "2123" not in (row["udp.srcport"], row["udp.dstport"]):
                continue
            if version == 1 and (row["gtp.flags.version"], row["gtp.flags.payload"]) != ("1", "1"):
                continue
            ends = (_at(row, "ip.src", 0), _at(row, "ip.dst", 0))
            sequences, causes = truth_tsv.values(row, sequence), truth_tsv.values(row, cause)
            for k, each in enumerate(truth_tsv.values(row, kind)):
                found.append(Message(
                    nanoseconds(row["frame.time_epoch"]), *ends, version, number(each),
                    number(sequences[k]) if k < len(sequences) else 0, number(causes[0]) if causes else -1, row,
                ))  # fmt: skip
    return sorted(found, key=lambda message: message.ts)


def paired(told_messages: list[Message]) -> Counter:
    """Answered requests: (procedure, requester, responder, first request, latency, attempts, cause)."""
    asked: dict[tuple, list[Message]] = defaultdict(list)
    answers: dict[tuple, Message] = {}
    for m in told_messages:
        if (m.version, m.type) in REQUEST:
            asked[REQUEST[m.version, m.type], m.src, m.dst, m.sequence].append(m)
        elif (m.version, m.type) in ANSWER:
            answers.setdefault((ANSWER[m.version, m.type], m.dst, m.src, m.sequence), m)
    rows = Counter()
    for key, answer in answers.items():
        if key in asked:
            first = asked[key][0]
            rows[(*key[:3], first.ts, max(answer.ts - first.ts, 0), len(asked[key]), answer.cause)] += 1
    return rows


def test_procedures_as_requests_and_answers_pair(captures: Path) -> None:
    """Every answered request is one row, however often it was sent or captured: first request to first answer."""
    wrong, compared = {}, 0
    for name in names(captures):
        told_messages = messages(captures, name)
        result = taken(captures, name)
        counted_messages = int(result.accounts.total("messages")[:, GTP_INTERFACES].sum())
        if counted_messages != len(told_messages) and name not in MESSAGES_DIFFER:
            wrong[name, "messages"] = (counted_messages, len(told_messages))
        if not told_messages:
            continue
        theirs = paired(told_messages)
        ours = Counter(
            (
                PROCEDURES[row["procedure"]], address(row, "requester"), address(row, "responder"),
                int(row["start_time"]), int(row["latency_ms"]), int(row["attempts"]), int(row["cause_code"]),
            )
            for row in result.rows["procedure"] if row["latency_ms"] >= 0 and row["interface"] in GTP_INTERFACES
        )  # fmt: skip
        compared += sum(theirs.values())
        if theirs != ours and name not in MESSAGES_DIFFER:
            wrong[name] = (sorted(ours - theirs), sorted(theirs - ours))
    assert wrong == {}
    assert compared > 40


GTP_INTERFACES = [INTERFACES.index(name) for name in ("gn", "s11", "s5s8", "gtpc")]
MESSAGES_DIFFER: dict[str, str] = {}


def test_subscribers_names_and_cells(captures: Path) -> None:
    """Every IMSI, access point name and E-UTRAN cell that set-ups tell is in the rows, and no other."""
    wrong, seen = {}, Counter()
    for name in names(captures):
        result = taken(captures, name)
        theirs = {"imsi": set(), "apn": set(), "cell": set()}
        for m in messages(captures, name):
            if (m.version, m.type) in ((2, 32), (1, 16)):
                theirs["imsi"] |= set(truth_tsv.values(m.row, "e212.imsi"))
                apns = truth_tsv.values(m.row, "gtpv2.apn" if m.version == 2 else "gtp.apn")
                theirs["apn"] |= {NETWORK_IDENTIFIER.sub("", apn.lower()) for apn in apns}
                if m.version == 2:
                    theirs["cell"] |= {number(eci) for eci in truth_tsv.values(m.row, "gtpv2.ecgi_eci")}
        rows = result.rows["procedure"]
        rows = rows[np.isin(rows["procedure"], [PROCEDURES.index(p) for p in ("create_session", "create_pdp_context")])]
        ours = {
            "imsi": {digits_text(int(row["imsi"])) for row in rows} - {""},
            "apn": {result.apns[row["apn"]] for row in rows if row["apn"] >= 0},
            "cell": {int(row["cell"]) & 0xFFF_FFFF for row in rows if row["cell"]},
        }
        for what, values in theirs.items():
            seen[what] += len(values)
            if values != ours[what] and (what != "cell" or values) and name not in MESSAGES_DIFFER:
                wrong[name, what] = (ours[what], values)
    assert wrong == {}
    assert min(seen.values()) > 2


def digits_text(coded: int) -> str:
    """A number as `formats.addresses` codes it, as text."""
    return f"{coded:016x}".rstrip("f")


def test_tunnels_that_signalling_told_of_are_joined(captures: Path) -> None:
    """User packets to an endpoint that any message before them named: joined to a session, or the second leg of one."""
    wrong, packets = {}, 0
    for name in names(captures):
        told_of: set[tuple[str, int]] = set()
        events: list[tuple[int, int, Message | Row]] = [(m.ts, 0, m) for m in messages(captures, name)]
        for row in truth_tsv.rows(captures, name, "gtp"):
            if number(_at(row, "gtp.message", 0)) == 255 and "2152" in (
                _at(row, "udp.srcport", 0), _at(row, "udp.dstport", 0),
            ):  # fmt: skip
                events.append((nanoseconds(row["frame.time_epoch"]), 1, row))
        reached = 0
        for _, kind, event in sorted(events, key=lambda event: event[:2]):
            if kind == 0:
                told_of |= set(zip(truth_tsv.values(event.row, "gtpv2.f_teid_ipv4"), map(
                    number, truth_tsv.values(event.row, "gtpv2.f_teid_gre_key")), strict=False)
                ) if event.version == 2 else set()  # fmt: skip
            else:
                reached += (_at(event, "ip.dst", 0), number(_at(event, "gtp.teid", 0))) in told_of
        accounts = taken(captures, name).accounts
        ours = int(accounts.total("joined")[0]) + accounts.by_reason().get("duplicate", {}).get("second_leg", 0)
        packets += reached
        if ours != reached and name not in JOINS_DIFFER:
            wrong[name] = (ours, reached)
    assert wrong == {}
    assert packets > 500


JOINS_DIFFER = {
    "magma__magma/inbound_roaming_01_210505_130828-1.pcapng": "endpoints that S1AP told of",
    "omarhrc__CN-Trace-Analyzer/free5gc.pcap": "endpoints that NGAP told of",
    "open5gs__open5gs/5g-roaming-lbo.pcapng": "endpoints that NGAP told of",
    "open5gs__open5gs/ipsec_to_nonipsec_call.pcapng": "dedicated bearers of a session that was set up before",
    "open5gs__open5gs/volte.pcapng": "dedicated bearers of a session that was set up before",
}


def test_all_captures_at_once(captures: Path) -> None:
    """Every file merged by time into one run: nothing lost, what is damaged or refused is named."""
    result = run([captures / "files"], limits=Limits(flows=1 << 16, sessions=1 << 12, transactions=1 << 12, apns=256))
    assert unsound(result) == []
    assert result.packets == sum(taken(captures, name).packets for name in names(captures))
    damaged = {source.name for source in result.sources if source.damage}
    assert damaged == {s.name for name in names(captures) for s in taken(captures, name).sources if s.damage}
