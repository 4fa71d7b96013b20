"""The whole path on real captures, beside what tshark says of them (`pytest --captures DIR`)."""

from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from formats.xdr import CONNECT_OUTCOMES
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
    return run([captures / "files" / name])


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
    """Signalling, and later fragments of UDP outside of tunnels: if they are of a tunnel, the first told their volume."""
    if packet.depth > 0:
        return False
    signalling = packet.protocol == 17 and 2123 in (packet.sport, packet.dport)
    return (
        signalling or "gtp" in packet.layers or "gtpprime" in packet.layers or (packet.later and packet.protocol == 17)
    )


def tshark_ways(packets: list[Headers]) -> tuple[Volume, set[tuple[str, str]]]:
    """Packets and octets of each way as tshark tells them, and the pairs of hosts of which it does not tell all ports."""
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
    "OISF__suricata-verify/sctp-pkt-too-small__input.pcap": "ports of an SCTP header cut short: tshark reads none of it",
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


class Streams:
    """The TCP connections of a capture by the naive rules, and what they say of each frame beside tshark."""

    def __init__(self, captures: Path, name: str) -> None:
        self.of: dict[frozenset[End], list[Connection]] = defaultdict(list)
        self.ordered: dict[frozenset[End], bool] = defaultdict(lambda: True)
        self.frames: list[tuple[str, Headers, Row, str, Connection]] = []
        self.iframes = {row["frame.number"]: row for row in truth_tsv.rows(captures, name, "tcp")}
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
        kind = connections[-1].take(
            me, you, packet.ts, field["flags"], field["seq_raw"], field["ack_raw"], field["len"],
            field["window_size_value"], number(ident),
        )  # fmt: skip
        analysis = self.iframes.get(packet.row["frame.number"])
        if analysis is not None:
            self.frames.append((packet.row["frame.number"], packet, analysis, kind, connections[-1]))


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
    assert {key: value for key, value in wrong.items() if key[0] not in TCP_DIFFERS} == {}
    assert compared > 1000
    assert min(events[kind] for kind in COUNTS) > 20


TCP_DIFFERS: dict[str, str] = {}


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
        for frame, packet, analysis, kind, connection in streams(captures, name).frames:
            seq, length, flags = (number(packet.row[f"tcp.{field}"].split("|")[0]) for field in ("seq_raw", "len", "flags"))
            sent = history[id(connection), (packet.src, packet.sport)]
            rule = rule_of(kind, tshark_kind(analysis), seq, length, flags, sent, analysis)
            sent.append((seq, length))
            seen[kind, tshark_kind(analysis), rule] += 1
            if rule == "":
                unexplained.append((name, frame, kind, tshark_kind(analysis)))
    assert [each for each in unexplained if each[:2] not in SEGMENTS_DIFFER] == []
    assert sum(count for (ours, _, _), count in seen.items() if ours == "retransmitted") > 300


def rule_of(ours: str, theirs: str, seq: int, length: int, flags: int, sent: list[tuple[int, int]], row: Row) -> str:
    """Why the names of a segment agree, or differ; empty where neither is so."""
    repeats = any(0 <= ahead(seq, start) < size for start, size in sent)
    if (ours, theirs) in SAME:
        return "same"
    if theirs == "keep_alive" and length == 0:
        return "a keep-alive without an octet repeats nothing"
    if ours == "syn":
        return "a SYN again is one attempt more, counted in the handshake"
    if ours == "keep" and length <= 1:
        return "a FIN, or one octet just below the next, repeats no data worth counting"
    if ours == "duplicate" and repeats:
        return "the same IP packet again: copied by the network or the tap"
    if ours == "retransmitted" and theirs == "out_of_order" and repeats:
        return "tshark calls what comes within 3 ms or the initial round trip out of order, even if it was seen before"
    if ours == "out_of_order" and not repeats:
        return "octets not seen before, in a gap younger than the reordering time"
    return ""


SAME = {("", ""), ("syn", ""), ("keep", "keep_alive"), ("out_of_order", "out_of_order")} | {
    ("retransmitted", f"{kind}retransmission") for kind in ("", "fast_", "spurious_")
}
SEGMENTS_DIFFER: set[tuple[str, str]] = set()


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
            key = frozenset(((address(row, "ue_ip"), int(row["ue_port"])), (address(row, "server_ip"), int(row["server_port"]))))
            if CONNECT_OUTCOMES[row["connect_outcome"]] in ("success", "refused", "client_abort"):
                ours[key, CONNECT_OUTCOMES[row["connect_outcome"]]] += 1
            if row["rtt_client_ms"] >= 0 and row["rtt_server_ms"] >= 0:
                legs[key].add(int(row["rtt_client_ms"] + row["rtt_server_ms"]))
        made = streams(captures, name)
        for key, connections in made.of.items():
            theirs += Counter((key, c.outcome) for c in connections if c.outcome)
        for _, packet, analysis, _, connection in made.frames:
            if analysis["tcp.analysis.initial_rtt"] and connection.legs:
                key = frozenset(((packet.src, packet.sport), (packet.dst, packet.dport)))
                irtt[key].add(nanoseconds(analysis["tcp.analysis.initial_rtt"].split("|")[0]))
        refused = sum(result.accounts.by_reason().get("rejected", {}).values())
        different = {key for key in {*ours, *theirs} if ours[key] != theirs[key]}
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
    "bro__bro/ipv6-http-atomic-frag.trace": "ports of packets with a fragment header that tshark shows only as IPv6 data",
}
