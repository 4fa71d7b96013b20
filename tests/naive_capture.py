"""Capture files read in plain Python, whole and slowly: the twin of kernels.pcap, kernels.pcapng and probe.sources.

Also the writers that the tests make files with.
"""

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

MAX = 2**63 - 1


class Row(NamedTuple):
    ts: int
    octets: bytes
    wire: int
    link: int


@dataclass
class Reading:
    rows: list[Row] = field(default_factory=list)
    damage: int | None = None  # offset
    lost: int = 0
    untimed: int = 0


def read(content: bytes) -> Reading:
    return read_pcapng(content) if content[:4] == b"\n\r\r\n" else read_pcap(content)


def read_pcap(content: bytes) -> Reading:
    reading = Reading()
    order = ">" if content[0] == 0xA1 else "<"
    nano = 0x4D in content[:4]
    link = struct.unpack(order + "I", content[20:24])[0] % 65536
    at = 24
    while at < len(content):
        if len(content) - at < 16:
            reading.damage = at
            break
        seconds, fraction, captured, wire = struct.unpack_from(order + "IIII", content, at)
        octets = content[at + 16 : at + 16 + captured]
        if captured > 262144 or len(octets) < captured:
            reading.damage = at
            break
        ts = seconds * 10**9 + fraction * (1 if nano else 1000)
        reading.rows.append(Row(ts, octets, min(wire, 2**31 - 1), link))
        at += 16 + captured
    return reading


@dataclass
class _Interface:
    link: int
    snaplen: int
    resolution: Fraction
    offset: int
    reported: int = 0
    missed: int = 0


class _Broken(Exception):
    pass


def read_pcapng(content: bytes) -> Reading:
    reading = Reading()
    order, interfaces, last, at = "<", [], 0, 0
    everything: list[_Interface] = []
    while at < len(content):
        try:
            order, block = _block(content, at, order)
            kind = struct.unpack_from(order + "I", block)[0]
            if kind == 0x0A0D0D0A:
                interfaces = []
            elif kind == 1:
                interfaces.append(_interface(block, order))
                everything.append(interfaces[-1])
            elif kind == 5:
                _statistics(block, order, interfaces)
            elif kind in (2, 3, 6):
                row = _packet(block, kind, order, interfaces, last)
                last = row.ts
                reading.untimed += kind == 3
                reading.rows.append(row)
        except _Broken as broken:
            reading.damage = at + (broken.args[0] if broken.args else 0)
            break
        at += len(block)
    reading.lost = sum(max(one.reported, one.missed) for one in everything)
    return reading


def _block(content: bytes, at: int, order: str) -> tuple[str, bytes]:
    if len(content) - at < 12:
        raise _Broken
    kind, total = struct.unpack_from(order + "II", content, at)
    if kind == 0x0A0D0D0A:
        magic = content[at + 8 : at + 12]
        if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            raise _Broken
        order = ">" if magic[0] == 0x1A else "<"
        total = struct.unpack_from(order + "I", content, at + 4)[0]
    least = {0x0A0D0D0A: 28, 1: 20, 2: 32, 3: 16, 5: 24, 6: 32}.get(kind, 12)
    if total < least or total % 4 or (kind in (1, 2, 3, 5, 6) and total > 524288):
        raise _Broken
    if kind == 0x0A0D0D0A and (len(content) - at < 28 or struct.unpack_from(order + "H", content, at + 12)[0] != 1):
        raise _Broken
    block = content[at : at + total]
    if len(block) < total:
        raise _Broken
    if struct.unpack(order + "I", block[-4:])[0] != total:
        raise _Broken(0 if kind in (1, 2, 3, 5, 6) else total - 4)
    return order, block


def _options(octets: bytes, order: str) -> list[tuple[int, bytes]]:
    options, at = [], 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, at)
        if code == 0 or at + 4 + length > len(octets):
            break
        options.append((code, octets[at + 4 : at + 4 + length]))
        at += 4 + -(-length // 4) * 4
    return options


def _first(options: list[tuple[int, bytes]], code: int, least: int) -> bytes | None:
    for this, value in options:
        if this == code:
            return value if len(value) >= least else None
    return None


def _interface(block: bytes, order: str) -> _Interface:
    link, _, snaplen = struct.unpack_from(order + "HHI", block, 8)
    options = _options(block[16:-4], order)
    value = _first(options, 9, 1)
    code = value[0] if value else 6
    resolution = Fraction(1, 2 ** (code - 128)) if code >= 128 else Fraction(1, 10**code)
    if code < 128 and code > 27:
        resolution = Fraction(0)  # finer than anything that 64 bits can make visible
    shift = _first(options, 14, 8)
    seconds = struct.unpack(order + "q", shift[:8])[0] if shift else 0
    limit = MAX // 10**9
    return _Interface(link, snaplen, resolution, max(-limit, min(limit, seconds)))


def _counter(options: list[tuple[int, bytes]], code: int, order: str) -> int:
    value = _first(options, code, 8)
    number = struct.unpack(order + "Q", value[:8])[0] if value else 0
    return 0 if number == 2**64 - 1 else min(number, 2**40)


def _statistics(block: bytes, order: str, interfaces: list[_Interface]) -> None:
    number = struct.unpack_from(order + "I", block, 8)[0]
    if number < len(interfaces):
        options = _options(block[20:-4], order)
        lost = _counter(options, 5, order) + _counter(options, 7, order)
        interfaces[number].reported = min(2**40, max(interfaces[number].reported, lost))


def _packet(block: bytes, kind: int, order: str, interfaces: list[_Interface], last: int) -> Row:
    room = block[12:-4] if kind == 3 else block[28:-4]
    number = {6: struct.unpack_from(order + "I", block, 8)[0], 2: struct.unpack_from(order + "H", block, 8)[0], 3: 0}[
        kind
    ]
    if number >= len(interfaces):
        raise _Broken
    interface = interfaces[number]
    if kind == 3:
        wire = struct.unpack_from(order + "I", block, 8)[0]
        captured = min(wire, interface.snaplen or wire, len(room))
        ts = last
    else:
        high, low, captured, wire = struct.unpack_from(order + "IIII", block, 12)
        ts = min(MAX, int((high * 2**32 + low) * interface.resolution * 10**9))
        ts = min(MAX, ts + interface.offset * 10**9)
    if captured > 262144 or captured > len(room):
        raise _Broken
    if kind == 6:
        interface.missed += _counter(_options(room[-(-captured // 4) * 4 :], order), 4, order)
    if kind == 2:
        drops = struct.unpack_from(order + "H", block, 10)[0]
        interface.missed += 0 if drops == 65535 else drops
    interface.missed = min(2**40, interface.missed)
    return Row(ts, room[:captured], min(wire, 2**31 - 1), interface.link)


# Writers


def pcap_header(order: str = "<", nano: bool = False, link: int = 1, version: tuple[int, int] = (2, 4)) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, 262144, link)


def pcap_record(order: str, seconds: int, fraction: int, octets: bytes, wire: int | None = None) -> bytes:
    length = len(octets) if wire is None else wire
    return struct.pack(order + "IIII", seconds, fraction, len(octets), length) + octets


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str, options: bytes = b"", version: int = 1) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, version, 0, -1) + options)


def interface(order: str, link: int = 1, snaplen: int = 0, options: bytes = b"") -> bytes:
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)


def enhanced(
    order: str, number: int, units: int, octets: bytes, wire: int | None = None, options: bytes = b""
) -> bytes:
    length = len(octets) if wire is None else wire
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(octets), length)
    return block(order, 6, head + octets + bytes(-len(octets) % 4) + options)


def obsolete(order: str, number: int, drops: int, units: int, octets: bytes) -> bytes:
    head = struct.pack(order + "HHIIII", number, drops, units >> 32, units & 0xFFFFFFFF, len(octets), len(octets))
    return block(order, 2, head + octets)


def simple(order: str, wire: int, octets: bytes) -> bytes:
    return block(order, 3, struct.pack(order + "I", wire) + octets)


def statistics(order: str, number: int, options: bytes = b"") -> bytes:
    return block(order, 5, struct.pack(order + "III", number, 0, 0) + options)
