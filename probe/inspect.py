"""`wiregauge inspect`: how one packet was read, octet range by octet range, beside scapy's view."""

import importlib
import ipaddress
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np

from formats import gtpv1c, gtpv2c, records
from formats.capture import TS_MAX
from formats.reasons import BY_CODE
from kernels import signalling
from kernels.packet import parse
from probe.errors import InputError
from probe.identity import digits_text
from probe.layers import Range, walk
from probe.sources import open_sources

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Decoded", "Found", "decode", "find_packet", "inspect_command"]

SIDE_BY_SIDE = 190  # columns from which on scapy's view stands beside ours
RAW_OCTETS = 8

KINDS = {
    records.KIND_NONE: "nothing further", records.KIND_USER: "user packet", records.KIND_MESSAGES: "GTP-C messages",
    records.KIND_TUNNEL: "GTP-U without a user packet", records.KIND_PIECE: "fragment that may carry signalling",
    records.KIND_SIGNALLING: "signalling in SCTP or PFCP",
}  # fmt: skip


class Found(NamedTuple):
    """One packet of a capture: `record` RECORD[1], whose offset is that in `frame` (the captured octets)."""

    number: int
    record: np.ndarray
    frame: np.ndarray


class Decoded(NamedTuple):
    """What the kernels made of a packet: `packet` PACKET[1], and the rows of its messages."""

    packet: np.ndarray
    side: signalling.Signalling
    heard: Any = None
    """`kernels.heard.Heard`: what the assembling stage read of it; None where there was nothing for it"""

    @property
    def reason(self) -> Any:
        """What became of it."""
        return BY_CODE[int(self.packet[0]["reason"])]


def find_packet(capture: str, number: int) -> Found:
    """Packet `number` of a file, counted from 1 as other tools do; InputError where it has fewer."""
    if os.path.isdir(capture):
        raise InputError(capture, "a folder", remedy="Name a capture file: the number of a packet counts within it.")
    sources, refusals = open_sources([capture])
    if refusals:
        raise InputError(refusals[0].source, f"not read: {refusals[0].reason}")
    source, seen = sources[0], 0
    try:
        while block := source.read():
            count = len(block.records)
            if number <= seen + count:
                record = block.records[number - 1 - seen : number - seen].copy()
                first = int(record["offset"][0])
                frame = block.data[first : first + int(record["captured"][0])].copy()
                record["offset"] = 0
                return Found(number, record, frame)
            seen += count
            source.release(block)
    finally:
        source.close()
    damage = "".join(f"; it is damaged at octet {each.offset:,}: {each.reason}" for each in source.damage)
    raise InputError(capture, f"has {seen:,} packets, so no packet {number:,}{damage}")


def decode(found: Found) -> Decoded:
    """What the kernels make of the packet."""
    packet, side = np.zeros(1, records.PACKET), signalling.allocate(8)
    parse(found.frame, found.record, 0, packet, side)
    if not side.used[signalling.STATEFUL]:
        return Decoded(packet, side)
    from probe.pipeline import Assembler

    assembler = Assembler()
    assembler.read(found.frame, packet, np.zeros(1, np.int32), 0, 1)
    return Decoded(packet, side, assembler.heard)


# --- rows in words -----------------------------------------------------------------------------------------------

_DIGITS = {"imsi", "msisdn", "imei"}
_CELLS = {"cell", "area"}
_HEX = {"teid", "flow_hash", "tunnel_hash", "shard_hash", "apn_hash", "indication", "tcp_flags"}
_HIDDEN = {
    "ts", "source", "reason", "kind", "apn_offset", "first_bearer", "first_fteid", "flow_hash", "tunnel_hash",
    "shard_hash", "apn_hash", "wire",
}  # fmt: skip
_ZERO_COUNTS = {"seq", "ack", "payload", "depth", "pdu_type", "qfi", "sequence", "instance", "interface", "cause"}
"""Fields where 0 is a value; in others it means that there was none."""


def ip_text(hi: int, lo: int) -> str:
    """An address as kernels carry it."""
    return str(
        ipaddress.IPv4Address(lo & 0xFFFFFFFF)
        if hi == 0 and lo >> 32 == 0xFFFF
        else ipaddress.IPv6Address(hi << 64 | lo)
    )


def cell_text(cell: int) -> str:
    """A cell or area as kernels carry it."""
    plmn, identity, kind = f"{cell >> 36 & 0xFFFFFF:06x}", cell & 0xFFFFFFFFF, cell >> 60
    place = f"{plmn[:3]}-{plmn[3:].rstrip('f')}"
    return f"{place}-{identity >> 16}-{identity & 0xFFFF}" if kind in (2, 3, 5) else f"{place}-{identity}"


def row_words(row: np.void) -> Iterator[tuple[str, str]]:
    """The fields of a kernel row that say something, as text."""
    names = row.dtype.names or ()
    for name in names:
        if name.endswith("_lo") or name in _HIDDEN:
            continue
        if name == "hi" or name.endswith("_hi"):
            low = name[:-2] + "lo"
            hi, lo = int(row[name]), int(row[low])
            if hi or lo:
                yield name[:-3] or "address", ip_text(hi, lo)
            continue
        value = int(row[name])
        if name == "lo" or value == -1 or (value == 0 and name not in _ZERO_COUNTS):
            continue
        if name in _DIGITS:
            text = digits_text(value)
            if text:
                yield name, text
        else:
            yield name, cell_text(value) if name in _CELLS else f"0x{value:x}" if name in _HEX else str(value)


def _packet_words(decoded: Decoded) -> Iterator[tuple[str, str]]:
    row = decoded.packet[0]
    yield "kind", KINDS[int(row["kind"])]
    skipped = {"payload", "window"} if row["kind"] in (records.KIND_MESSAGES, records.KIND_PIECE) else set()
    if row["ip_protocol"] != 6:
        skipped |= {"seq", "ack", "window"} if row["gtpu_type"] not in (1, 2) else {"ack", "window"}
    yield from ((name, text) for name, text in row_words(row) if name not in skipped)


def _tables(decoded: Decoded) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Title and fields of each row that the kernels made."""
    yield "packet", list(_packet_words(decoded))
    side = decoded.side
    for index in range(int(side.used[signalling.MESSAGES])):
        message = side.messages[index]
        version, kind = int(message["version"]), int(message["type"])
        names = gtpv2c.MESSAGES if version == 2 else gtpv1c.MESSAGES
        fields = [("", f"GTPv{version} {names.get(kind, f'message {kind}')}"), *row_words(message)]
        first, octets = int(message["apn_offset"]), int(message["apn_length"])
        if octets > 0:
            fields.append(("apn", bytes(side.text[first : first + octets]).decode("utf-8", "replace")))
        yield f"message {index + 1}", fields
        at, count = int(message["first_bearer"]), int(message["bearer_count"])
        for number, row in enumerate(side.bearers[at : at + count]):
            yield f"bearer context {number}", list(row_words(row))
        at, count = int(message["first_fteid"]), int(message["fteid_count"])
        for row in side.fteids[at : at + count]:
            of = "message" if row["bearer"] < 0 else f"bearer context {row['bearer']}"
            yield f"F-TEID of the {of}", [pair for pair in row_words(row) if pair[0] != "bearer"]
    if decoded.heard is not None:
        yield from _heard_tables(decoded.heard)


def _heard_tables(heard: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Rows of S1AP, NGAP, NAS and PFCP messages."""
    ran, pfcp = heard.ran, heard.pfcp
    lists = (
        ("radio access message", ran.messages, ran.used[0]), ("bearer", ran.bearers, ran.used[1]),
        ("QoS flow", ran.flows, ran.used[2]), ("NAS", heard.nas, ran.used[3]), ("PFCP", pfcp.messages, pfcp.used[0]),
        ("PDR", pfcp.pdrs, pfcp.used[1]), ("FAR", pfcp.fars, pfcp.used[2]), ("QER", pfcp.qers, pfcp.used[3]),
        ("usage report", pfcp.usages, pfcp.used[4]),
    )  # fmt: skip
    for title, rows, count in lists:
        for k in range(int(count)):
            scalars = [name for name in rows.dtype.names if rows.dtype[name].shape == ()]
            yield f"{title} {k + 1}", list(row_words(rows[scalars][k]))


# --- on the screen -----------------------------------------------------------------------------------------------


def _heading(found: Found) -> str:
    row = found.record[0]
    ts = int(row["ts"])
    if 0 <= ts < TS_MAX:
        at = f"{datetime.fromtimestamp(ts // 10**9, UTC):%Y-%m-%d %H:%M:%S}.{ts % 10**9:09d} UTC"
    else:
        at = f"{ts} ns"
    octets = f"{row['captured']:,} of {row['wire']:,} octets captured"
    return f"packet {found.number:,}: {at}, link type {row['link']}, {octets}"


def _verdict(decoded: Decoded, stopped: str, ranges: list[Range]) -> str:
    reason = decoded.reason
    text = f"{reason.stage}: {reason.name}: {reason.meaning}"
    if reason.stage == "rejected":
        last = next(
            (each.end for each in reversed(ranges) if each.field not in ("not read", "behind the packet (padding)")), 0
        )
        text += f"; at octet {last}" + (f": {stopped}" if stopped else "")
    elif stopped:
        text += f" ({stopped})"
    return text


def _raw(frame: bytes, each: Range) -> str:
    raw = frame[each.first : each.end]
    return raw[:RAW_OCTETS].hex(" ") + (" …" if len(raw) > RAW_OCTETS else "")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _range_table(frame: bytes, ranges: list[Range]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head, justify in (
        ("octets", "right"),
        ("layer", "left"),
        ("field", "left"),
        ("value", "left"),
        ("raw", "left"),
    ):
        justified: Any = justify
        table.add_column(head, justify=justified, overflow="fold", no_wrap=head == "octets")
    before = ""
    for each in ranges:
        place = f"{each.first}–{each.end - 1}" if each.end - each.first > 1 else str(each.first)
        layer = "" if each.layer == before else each.layer
        before = each.layer
        table.add_row(
            place, layer, Text(each.field), Text(_printable(each.value)), Text(_raw(frame, each), style="dim")
        )
    return table


def _row_table(decoded: Decoded) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for title, fields in _tables(decoded):
        told = "  ".join(f"{name} {text}" if name else text for name, text in fields)
        table.add_row(title, Text(_printable(told)))
    return table


def _scapy_text(frame: bytes, linktype: int) -> str:
    """scapy's dissection of the frame as text, its GTP layers loaded."""
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)
    importlib.import_module("scapy.layers.all")  # binds the link types to their dissectors
    importlib.import_module("scapy.contrib.gtp_v2")  # and the GTP ports
    from scapy.config import conf
    from scapy.packet import Raw

    try:
        kind = conf.l2types.num2layer.get(linktype, Raw)
        return str(kind(frame).show(dump=True))
    except Exception as problem:  # scapy is a guest: what it cannot read must not hide what we read
        return f"scapy fails on this packet: {type(problem).__name__}: {problem}"


def _show(found: Found, with_scapy: bool, console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    frame, linktype = found.frame.tobytes(), int(found.record["link"][0])
    ranges, stopped = walk(frame, linktype)
    decoded = decode(found)
    console.print(Text(_heading(found), style="bold"))
    console.print(
        Text(_verdict(decoded, stopped, ranges), style="red" if decoded.reason.stage == "rejected" else "green")
    )
    console.print()
    ours = _range_table(frame, ranges)
    theirs = Text(_printable(_scapy_text(frame, linktype))) if with_scapy else None
    if theirs is not None and console.width >= SIDE_BY_SIDE:
        grid = Table.grid(padding=(0, 4))
        grid.add_column(ratio=3)
        grid.add_column(ratio=2)
        grid.add_row(Text("wiregauge", style="bold underline"), Text("scapy", style="bold underline"))
        grid.add_row(ours, theirs)
        console.print(grid)
        theirs = None
    else:
        console.print(ours)
    console.print()
    console.print(Text("rows that the kernels made", style="bold underline"))
    console.print(_row_table(decoded))
    if theirs is not None:
        console.print()
        console.print(Text("scapy", style="bold underline"))
        console.print(theirs)


@click.command("inspect")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--packet", "number", type=click.IntRange(1), required=True, help="Number of the packet, from 1.")
@click.option("--scapy/--no-scapy", default=True, show_default=True, help="Show scapy's dissection too.")
def inspect_command(capture: Path, number: int, scapy: bool) -> None:
    """Show how one packet was read, octet range by octet range.

    Octets are counted from the first of the captured frame. Where the terminal is wide, scapy's view stands beside,
    else below.

    \b
    Example:
      wiregauge inspect capture.pcap --packet 7
    """
    from rich.console import Console

    _show(find_packet(str(capture), number), scapy, Console(highlight=False))
