"""SCTP packets and chunks (RFC 9260 §3), with their checksum."""

import struct

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK = 0, 1, 2, 3, 4, 5
COOKIE_ECHO, COOKIE_ACK = 10, 11
PROTOCOL = 132
WINDOW = 131072


def _table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        for _ in range(8):
            octet = octet >> 1 ^ (0x82F63B78 if octet & 1 else 0)
        table.append(octet)
    return tuple(table)


_CRC32C = _table()


def crc32c(data: bytes) -> int:
    """CRC32c of `data` (RFC 9260 appendix A)."""
    crc, table = 0xFFFFFFFF, _CRC32C
    for octet in data:
        crc = crc >> 8 ^ table[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


def packet(sport: int, dport: int, tag: int, chunks: list[bytes]) -> bytes:
    """A packet: common header and chunks, each padded to four octets (§3)."""
    body = b"".join(chunk + b"\0" * (-len(chunk) % 4) for chunk in chunks)
    ports = struct.pack(">HHI", sport, dport, tag)
    return ports + struct.pack("<I", crc32c(ports + bytes(4) + body)) + body


def chunk(kind: int, flags: int, value: bytes) -> bytes:
    """A chunk: its length without padding."""
    return struct.pack(">BBH", kind, flags, 4 + len(value)) + value


def data(tsn: int, stream: int, sequence: int, ppid: int, payload: bytes, first: bool = True,
         last: bool = True) -> bytes:  # fmt: skip
    """DATA (§3.3.1): a user message, or one of its fragments."""
    head = struct.pack(">IHHI", tsn, stream, sequence, ppid)
    return chunk(DATA, first << 1 | last, head + payload)


def sack(cumulative: int, gaps: list[tuple[int, int]] | None = None, again: list[int] | None = None) -> bytes:
    """SACK (§3.3.4): cumulative TSN, gap blocks relative to it, TSNs received again."""
    gaps, again = gaps or [], again or []
    value = struct.pack(">IIHH", cumulative, WINDOW, len(gaps), len(again))
    value += b"".join(struct.pack(">HH", *gap) for gap in gaps) + b"".join(struct.pack(">I", tsn) for tsn in again)
    return chunk(SACK, 0, value)


def _parameter(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, 4 + len(value)) + value + b"\0" * (-len(value) % 4)


def init(tag: int, streams: int, tsn: int, addresses: tuple[bytes, ...], cookie: bytes = b"") -> bytes:
    """INIT, or with a cookie INIT ACK (§3.3.2, §3.3.3); addresses are told where there is more than one."""
    value = struct.pack(">IIHHI", tag, WINDOW, streams, streams, tsn)
    if len(addresses) > 1:
        value += b"".join(_parameter(5 if len(address) == 4 else 6, address) for address in addresses)
    if cookie:
        value += _parameter(7, cookie)
    return chunk(INIT_ACK if cookie else INIT, 0, value)


def heartbeat(info: bytes, answer: bool) -> bytes:
    """HEARTBEAT or its acknowledgement (§3.3.5, §3.3.6)."""
    return chunk(HEARTBEAT_ACK if answer else HEARTBEAT, 0, _parameter(1, info))
