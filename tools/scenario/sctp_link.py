"""SCTP associations of the scenario: user messages go in at any time, packets come out in order of time.

A subscriber's life sends messages ahead of those of others, so that transmission sequence numbers can only be given
when the capture reaches their time. Messages of one association, direction and time share a packet; long ones go in
pieces; a share of the packets is sent again; SACKs ride on data of the other direction, or follow after 200 ms.
"""

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tools.scenario import encode_sctp as sctp
from tools.scenario.encode_ip import ip

if TYPE_CHECKING:
    from tools.scenario.network import Network, Node

MS = 1_000_000
ROOM = 1400  # octets of user data in a packet
STREAMS = 8
DELAY = 200 * MS


@dataclass
class End:
    """One end of an association: its node and addresses, the tag it expects, its next TSN and stream sequences."""

    node: "Node"
    addresses: tuple[bytes, ...]
    port: int
    tag: int
    tsn: int
    sequences: list[int] = field(default_factory=lambda: [0] * STREAMS)
    received: int = 0  # highest TSN of the other end
    owed: int = 0  # packets received that no SACK has told
    again: list[int] = field(default_factory=list)  # TSNs received twice, not told yet


class Association:
    """An association of a client (eNodeB, gNB, MME) with a server (MME, AMF, HSS)."""

    def __init__(self, rng: Random, client: "Node", server: "Node", ports: tuple[int, int], ppid: int, tap: int,
                 second: tuple[bytes, bytes] | None) -> None:  # fmt: skip
        self.ppid, self.tap, self.rng = ppid, tap, rng
        nodes, ends = (client, server), []
        for number in (0, 1):
            addresses = (nodes[number].address,) + ((second[number],) if second else ())
            ends.append(End(nodes[number], addresses, ports[number], rng.getrandbits(32) | 1, rng.getrandbits(32)))
        self.ends = (ends[0], ends[1])
        for number in (0, 1):
            ends[number].received = ends[1 - number].tsn - 1 & 0xFFFFFFFF
        self.up = False


class SctpLink:
    """All associations of a scenario, and what waits to be sent."""

    def __init__(self, net: "Network", protocols: dict[int, str]) -> None:
        self.net, self.protocols = net, protocols
        self.rng = Random(f"{net.scenario.seed}/sctp")
        self.queue: list[tuple[int, int, Association, int, int, bytes | None]] = []
        self.serial = 0

    def associate(self, client: "Node", server: "Node", ports: tuple[int, int], ppid: int, tap: int,
                  second: tuple[bytes, bytes] | None = None) -> Association:  # fmt: skip
        """A new association, not yet set up."""
        return Association(self.rng, client, server, ports, ppid, tap, second)

    def send(self, ts: int, association: Association, way: int, payload: bytes, stream: int = 0) -> None:
        """A user message of end `way` (0 client, 1 server) at `ts`."""
        self._push(ts, association, way, stream, payload)

    def _push(self, ts: int, association: Association, way: int, stream: int, payload: bytes | None) -> None:
        self.serial += 1
        heapq.heappush(self.queue, (self.net.tick(ts), self.serial, association, way, stream, payload))

    def open(self, ts: int, association: Association) -> int:
        """The four messages that set an association up, from `ts` on; when it is done."""
        client, server = association.ends
        cookie = association.rng.randbytes(40)
        steps = (
            (0, sctp.init(client.tag, STREAMS, client.tsn, client.addresses)),
            (1, sctp.init(server.tag, STREAMS, server.tsn, server.addresses, cookie)),
            (0, sctp.chunk(sctp.COOKIE_ECHO, 0, cookie)),
            (1, sctp.chunk(sctp.COOKIE_ACK, 0, b"")),
        )
        for number, (way, chunk) in enumerate(steps):
            tag = 0 if number == 0 else association.ends[1 - way].tag
            self._packet(ts, association, way, [chunk], "sctp", tag=tag)
            ts += 2 * MS
        return ts

    def heartbeat(self, ts: int, association: Association, path: int = 0) -> None:
        """A heartbeat of the client and its answer, on one of the paths."""
        info = association.rng.randbytes(24)
        self._packet(ts, association, 0, [sctp.heartbeat(info, False)], "sctp", path=path)
        self._packet(ts + MS, association, 1, [sctp.heartbeat(info, True)], "sctp", path=path)

    def flush(self, until: int) -> None:
        """Captures all that is to be sent before `until`."""
        queue = self.queue
        while queue and queue[0][0] < until:
            ts, _, association, way, stream, payload = heapq.heappop(queue)
            if payload is None:
                self._acknowledge(ts, association, way)
                continue
            batch, room = [(stream, payload)], ROOM - len(payload)
            while queue and queue[0][0] == ts and queue[0][2] is association and queue[0][3] == way:
                following = queue[0][5]
                if following is None or len(following) + 16 > room:
                    break
                room -= len(following) + 16
                batch.append((queue[0][4], following))
                heapq.heappop(queue)
            self._send(ts, association, way, batch)

    def _send(self, ts: int, association: Association, way: int, batch: list[tuple[int, bytes]]) -> None:
        end, other = association.ends[way], association.ends[1 - way]
        packets: list[list[bytes]] = []
        chunks = self._sack(end)
        for stream, payload in batch:
            sequence = end.sequences[stream]
            end.sequences[stream] = sequence + 1 & 0xFFFF
            pieces = [payload[at : at + ROOM] for at in range(0, len(payload), ROOM)] or [b""]
            for number, piece in enumerate(pieces):
                if number:
                    packets.append(chunks)
                    chunks = []
                last = number == len(pieces) - 1
                chunks.append(sctp.data(end.tsn, stream, sequence, association.ppid, piece, number == 0, last))
                end.tsn = end.tsn + 1 & 0xFFFFFFFF
        packets.append(chunks)
        name = self.protocols[association.ppid]
        for number, each in enumerate(packets):
            behind = len(packets) - 1 - number
            self._packet(ts - behind * self.net.quantum, association, way, each, "sctp" if behind else name)
        if association.rng.random() < self.net.scenario.sctp_repeat_share:
            tsn = end.tsn - 1 & 0xFFFFFFFF
            later = ts + association.rng.randrange(300, 900) * MS
            self._packet(later, association, way, [c for c in packets[-1] if c[0] == sctp.DATA], "sctp", path=-1)
            other.again.append(tsn)
        other.received = end.tsn - 1 & 0xFFFFFFFF
        other.owed += len(packets)
        if other.owed == len(packets):
            self._push(ts + DELAY, association, 1 - way, 0, None)

    def _sack(self, end: End) -> list[bytes]:
        if not end.owed:
            return []
        end.owed, again, end.again = 0, end.again, []
        return [sctp.sack(end.received, again=again)]

    def _acknowledge(self, ts: int, association: Association, way: int) -> None:
        chunks = self._sack(association.ends[way])
        if chunks:
            self._packet(ts, association, way, chunks, "sctp")

    def _packet(self, ts: int, association: Association, way: int, chunks: list[bytes], reason: str,
                tag: int | None = None, path: int = 0) -> None:  # fmt: skip
        net, src, dst = self.net, association.ends[way], association.ends[1 - way]
        if ts < net.signalling_from:
            return
        payload = sctp.packet(src.port, dst.port, dst.tag if tag is None else tag, chunks)
        data = ip(src.addresses[path], dst.addresses[path], sctp.PROTOCOL, payload, src.node.next_ident())
        net.capture.add(net.tick(ts), association.tap, data)
        net.truth.ledger[reason] = net.truth.ledger.get(reason, 0) + 1
