"""What tshark says of a capture: the tab-separated files beside the real captures, read plainly.

`<folder>/truth/<group>/<capture>.<what>.tsv`, or `.tsv.gz`. A cell with several values joins them with `|`, outermost
first.
"""

import csv
import gzip
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

Row = dict[str, str]


def rows(captures: Path, name: str, what: str) -> list[Row]:
    """The rows of truth `what` of capture `name` ("group/file"); none where tshark found nothing to write."""
    path = captures / "truth" / f"{name}.{what}.tsv"
    if path.exists():
        content = path.read_bytes()
    elif path.with_name(path.name + ".gz").exists():
        content = gzip.decompress(path.with_name(path.name + ".gz").read_bytes())
    else:
        return []
    lines = content.decode("utf-8", "replace").split("\n")
    return list(csv.DictReader(filter(None, lines), delimiter="\t", quoting=csv.QUOTE_NONE))


def values(row: Row, column: str) -> list[str]:
    """The values of a cell, outermost first."""
    return row[column].split("|") if row[column] else []


def number(text: str) -> int:
    """A number as tshark prints it, decimal or hexadecimal; 0 for nothing."""
    return int(text, 0) if text else 0


def nanoseconds(text: str) -> int:
    """A time in s since 1970 as tshark prints it, in ns."""
    seconds, _, rest = (text or "0").partition(".")
    return int(seconds) * 10**9 + int((rest + "0" * 9)[:9])


class Headers(NamedTuple):
    """The packet that a frame counts as: the innermost IP packet of nested GTP-U tunnels, else the outermost one."""

    ts: int
    depth: int  # tunnels around it
    src: str
    dst: str
    length: int  # octets by its IP header
    later: bool  # a later fragment
    first: bool  # a first fragment of several
    protocol: int  # -1 where the file does not tell it
    sport: int
    dport: int
    behind: str  # the layer that tshark shows behind its IP header
    layers: tuple[str, ...]
    row: Row

    @property
    def told(self) -> bool:
        """Whether protocol and ports can be read off this row."""
        return self.protocol >= 0 and (self.later or self.behind == PORTS.get(self.protocol, self.behind))


def at(row: Row, column: str, index: int) -> str:
    """The value of a cell at `index`, empty where it has fewer."""
    cell = values(row, column)
    return cell[index] if index < len(cell) else ""


NUMBERS = {
    "tcp": 6,
    "udp": 17,
    "sctp": 132,
    "icmpv6": 58,
    "icmp": 1,
    "ip": 4,
    "ipv6": 41,
    "esp": 50,
    "ah": 51,
    "gre": 47,
}
PORTS = {6: "tcp", 17: "udp", 132: "sctp"}


def outermost_fragment(row: Row) -> tuple[bool, bool]:
    """Whether the outermost IP packet of a frame is a first fragment of several, and whether it is a later one."""
    if next((layer for layer in row["frame.protocols"].split(":") if layer in ("ip", "ipv6")), "") == "ip":
        more, offset = at(row, "ip.flags.mf", 0) == "1", number(at(row, "ip.frag_offset", 0))
    else:
        more, offset = at(row, "ipv6.fraghdr.more", 0) == "1", number(at(row, "ipv6.fraghdr.offset", 0))
    return more and offset == 0, offset > 0


def headers(row: Row) -> Headers | None:
    """Headers of a frame of a `packets` file; None where tshark saw no IP packet.

    tshark shows the layers behind a fragmented header in the frame that completes it: a later fragment counts by its
    own outermost header, whatever it completes.
    """
    layers = tuple(row["frame.protocols"].split(":"))
    places = [k for k, layer in enumerate(layers) if layer in ("ip", "ipv6")]
    first, later = outermost_fragment(row)
    depth = 0 if later else sum(pair in (("gtp", "ip"), ("gtp", "ipv6")) for pair in pairwise(layers))
    if len(places) <= depth:
        return None
    kinds = [layers[k] for k in places]
    behind = layers[places[depth] + 1] if places[depth] + 1 < len(layers) else ""
    six = kinds[:depth].count("ipv6")
    if kinds[depth] == "ip":
        four = depth - six
        src, dst = at(row, "ip.src", four), at(row, "ip.dst", four)
        length, protocol = number(at(row, "ip.len", four)), number(at(row, "ip.proto", four))
        if depth:
            first, later = at(row, "ip.flags.mf", four) == "1", number(at(row, "ip.frag_offset", four)) > 0
            first = first and not later
    else:
        src, dst = at(row, "ipv6.src", six), at(row, "ipv6.dst", six)
        length, protocol = 40 + number(at(row, "ipv6.plen", six)), NUMBERS.get(behind, -1)
    sport = dport = 0
    if protocol in PORTS and not later:
        nth = depth if protocol == 17 else 0
        sport, dport = (number(at(row, f"{PORTS[protocol]}.{end}", nth)) for end in ("srcport", "dstport"))
    return Headers(
        nanoseconds(row["frame.time_epoch"]), depth, src, dst, length, later, first, protocol, sport, dport,
        behind, layers, row,
    )  # fmt: skip


def counted(packets: list[Row]) -> list[Headers]:
    """The packet that each frame counts as. What a later fragment completes is told of its first fragment."""
    found: list[Headers] = []
    waiting: dict[tuple[str, str, str], int] = {}
    for row in packets:
        packet = headers(row)
        if packet is None or not packet.src or not packet.dst:
            continue
        first, later = outermost_fragment(row)
        outer = at(row, "ip.src", 0) or at(row, "ipv6.src", 0), at(row, "ip.dst", 0) or at(row, "ipv6.dst", 0)
        key = (*outer, at(row, "ip.id", 0) or at(row, "ipv6.fraghdr.ident", 0))
        if first and not packet.told:
            waiting[key] = len(found)
        whole = headers(_unfragmented(row)) if later and key in waiting else None
        if whole is not None and (whole.told or whole.depth):
            begun = found[waiting.pop(key)]
            ports = {name: getattr(whole, name) for name in ("protocol", "sport", "dport", "behind", "layers")}
            found[found.index(begun)] = whole if whole.depth else begun._replace(**ports)
        found.append(packet)
    return found


def _unfragmented(row: Row) -> Row:
    """The row as if its outermost IP packet had not been a fragment."""
    offsets = "|".join(["0", *values(row, "ip.frag_offset")[1:]])
    return {**row, "ip.frag_offset": offsets, "ipv6.fraghdr.offset": ""}
