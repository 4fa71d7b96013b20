"""SCTP as one would write it without a thought for memory or speed: packets of bytes into user messages.

Written from RFC 9260: dictionaries, everything is remembered for ever. Only what well-behaved peers send is followed;
what must be dropped for lack of room is no business of this twin.
"""

import struct
from typing import NamedTuple


class Message(NamedTuple):
    """A user message; `side` 0 is the side that sent INIT, or was seen first."""

    association: int
    side: int
    stream: int
    sequence: int
    unordered: bool
    ppid: int
    tsn: int
    data: bytes


class Packet(NamedTuple):
    """An SCTP packet between two addresses."""

    src: int
    dst: int
    data: bytes


Direction = tuple[int, int, int]  # source port, destination port, verification tag


def chunks(data: bytes) -> list[tuple[int, int, bytes]]:
    """(type, flags, value) of the chunks behind the common header; stops at one that does not fit."""
    found, rest = [], data[12:]
    while len(rest) >= 4:
        kind, flags, length = struct.unpack("!BBH", rest[:4])
        if length < 4 or length > len(rest):
            break
        found.append((kind, flags, rest[4:length]))
        rest = rest[(length + 3) // 4 * 4 :]
    return found


class Endpoint:
    """What is known of one direction."""

    def __init__(self, association: int, side: int, path: tuple[int, int, int, int]) -> None:
        self.association, self.side, self.path = association, side, path
        self.seen: set[int] = set()
        self.parts: dict[int, tuple[int, int, int, int, bytes]] = {}
        self.paired = False


class Reader:
    """Takes packets, gives messages."""

    def __init__(self) -> None:
        self.directions: dict[Direction, Endpoint] = {}
        self.associations = 0

    def packet(self, packet: Packet) -> list[Message]:
        sport, dport, tag = struct.unpack("!HHI", packet.data[:8])
        messages = []
        for kind, flags, value in chunks(packet.data):
            if kind == 2:
                self.init_ack(packet, sport, dport, tag, struct.unpack("!I", value[:4])[0])
            elif kind == 0:
                messages += self.data(packet, (sport, dport, tag), flags, value)
            elif kind in (6, 14):
                self.end((dport, sport, tag) if flags & 1 else (sport, dport, tag))
        return messages

    def init_ack(self, packet: Packet, sport: int, dport: int, tag: int, own: int) -> None:
        asked, answer = (dport, sport, own), (sport, dport, tag)
        if asked in self.directions:
            return
        self.associations += 1
        self.directions[asked] = Endpoint(self.associations, 0, (packet.dst, packet.src, dport, sport))
        self.directions[answer] = Endpoint(self.associations, 1, (packet.src, packet.dst, sport, dport))
        self.directions[asked].paired = self.directions[answer].paired = True

    def end(self, key: Direction) -> None:
        gone = self.directions.get(key)
        if gone is not None:
            self.directions = {
                k: e for k, e in self.directions.items() if e.association != gone.association or e is None
            }

    def endpoint(self, packet: Packet, key: Direction) -> Endpoint:
        if key not in self.directions:
            path = (packet.src, packet.dst, key[0], key[1])
            back = (packet.dst, packet.src, key[1], key[0])
            halves = [e for e in self.directions.values() if e.path == back and not e.paired]
            if halves:
                half = halves[-1]
                new = Endpoint(half.association, 1 - half.side, path)
                half.paired = new.paired = True
            else:
                self.associations += 1
                new = Endpoint(self.associations, 0, path)
            self.directions[key] = new
        return self.directions[key]

    def data(self, packet: Packet, key: Direction, flags: int, value: bytes) -> list[Message]:
        tsn, stream, sequence, ppid = struct.unpack("!IHHI", value[:12])
        e = self.endpoint(packet, key)
        if tsn in e.seen:
            return []
        e.seen.add(tsn)
        e.parts[tsn] = (flags, stream, sequence, ppid, value[12:])
        first = tsn
        while not e.parts[first][0] & 2:
            first = (first - 1) % 2**32
            if first not in e.parts:
                return []
        run = [first]
        while not e.parts[run[-1]][0] & 1:
            run.append((run[-1] + 1) % 2**32)
            if run[-1] not in e.parts:
                return []
        parts = [e.parts.pop(t) for t in run]
        whole = b"".join(part[4] for part in parts)
        return [Message(e.association, e.side, stream, sequence, bool(flags & 4), parts[0][3], first, whole)]
