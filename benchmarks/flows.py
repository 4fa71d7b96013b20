"""Flows and their packets as columns: what is said, when, in which direction. No octet is encoded here."""

from typing import NamedTuple

import numpy as np

SECOND = 1_000_000
MSS = 1360
UDP_SHARE = 0.2
SYN, ACK, FIN, PSH = 2, 16, 1, 8


class Flows(NamedTuple):
    """One row a flow, in order of subscriber."""

    subscriber: np.ndarray  # int64[f]
    udp: np.ndarray  # bool[f]
    upload: np.ndarray  # bool[f]: the bulk goes up
    size: np.ndarray  # int64[f] packets
    port: np.ndarray  # int64[f] of the device
    server: np.ndarray  # int64[f] number of the server
    server_port: np.ndarray  # int64[f]


class Packets(NamedTuple):
    """One row a packet, in order of flow and then of its place within the flow."""

    flow: np.ndarray  # int64[p]
    ordinal: np.ndarray  # int64[p] within the flow
    usec: np.ndarray  # int64[p] within the round
    down: np.ndarray  # bool[p]
    length: np.ndarray  # int64[p] octets of the subscriber's IP packet
    flags: np.ndarray  # uint8[p] TCP
    seq: np.ndarray  # int64[p] TCP
    ack: np.ndarray  # int64[p] TCP
    retransmitted: np.ndarray  # bool[p]
    reordered: np.ndarray  # bool[p]: taken after the packet that follows it


def make_flows(packets: int, flows: int, subscribers: int, rng: np.random.Generator) -> Flows:
    """`flows` flows of `packets` packets in all: exponential sizes, a fifth of the flows UDP with twice the packets."""
    subscriber = np.sort(rng.integers(0, subscribers, flows))
    first = np.searchsorted(subscriber, np.arange(subscribers))
    rank = np.arange(flows) - first[subscriber]  # makes the ports of a subscriber differ
    udp = rng.random(flows) < UDP_SHARE
    least = np.where(udp, 2, 5)
    spare = packets - int(least.sum())
    if spare < 0:
        raise ValueError(f"{packets} user packets are too few for {flows} flows: give more packets or fewer flows")
    weight = rng.exponential(np.where(udp, 2.0, 1.0))
    size = least + rng.multinomial(spare, weight / weight.sum())
    return Flows(
        subscriber, udp, rng.random(flows) < 0.12, size, 10_000 + (rank + rng.integers(0, 40_000)) % 50_000,
        rng.zipf(1.3, flows) % 20_000, np.where(rng.random(flows) < 0.9, 443, 80),
    )  # fmt: skip


def make_packets(flows: Flows, since: np.ndarray, until: np.ndarray, rng: np.random.Generator) -> Packets:
    """The packets of `flows`, each flow within the microseconds since[subscriber] .. until[subscriber]."""
    flow = np.repeat(np.arange(len(flows.size)), flows.size)
    first = np.cumsum(flows.size) - flows.size
    index = np.arange(len(flow)) - first[flow]
    udp = flows.udp[flow]
    flags, down, payload = _tcp_script(flows, flow, index, rng)
    _udp_script(index, udp, down, payload)
    flags[udp] = 0
    again = _retransmissions(flags, down, payload, index, rng)
    payload[np.flatnonzero(again)] = payload[np.flatnonzero(again) - 1]
    seq, ack = _numbers(flow, first, down, payload, flags, again, rng)
    header = np.where(udp, 28, 40) + np.where(flags & SYN, 4, 0)
    usec = _times(flows, flow, index, first, payload, again, since, until, rng)
    late = _reorder(usec, flags, down, payload, again, index, rng)
    return Packets(flow, index, usec, down, payload + header, flags, seq, ack, again, late)


def _tcp_script(
    flows: Flows, flow: np.ndarray, index: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who says what: SYN, SYN-ACK, ACK, request, then data with an ACK to every third, and FINs if there is room."""
    size, upload = flows.size[flow], flows.upload[flow]
    flags = np.full(len(flow), ACK, np.uint8)
    flags[index == 0] = SYN
    flags[index == 1] = SYN | ACK
    body = index >= 4
    acknowledging = body & (index % 4 == 2)
    left = size - index
    closing = body & (size >= 8) & (left <= 3)
    flags[closing & (left >= 2)] = FIN | ACK
    down = (body & (acknowledging == upload)) | (index == 1)
    down = np.where(closing, left != 2, down)
    whole = rng.random(len(flow)) < 0.95
    data = np.where(whole, MSS, rng.integers(100, MSS, len(flow)))
    payload = np.where(body & ~acknowledging & ~closing, data, 0)
    request = index == 3
    payload[request] = rng.integers(200, 900, int(request.sum()))
    flags[payload > 0] |= PSH
    return flags, down, payload


def _udp_script(index: np.ndarray, udp: np.ndarray, down: np.ndarray, payload: np.ndarray) -> None:
    acknowledging = index % 4 == 3
    np.copyto(down, (index > 0) & ~acknowledging, where=udp)
    np.copyto(payload, np.where(acknowledging, 40, np.where(index < 2, 1200, 1300)), where=udp)


def _same_way_as_before(flags: np.ndarray, down: np.ndarray, payload: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Where a TCP data packet follows one of its own flow and direction: bool[p]."""
    data = (payload > 0) & (flags != 0)
    follows = np.zeros(len(data), bool)
    follows[1:] = data[1:] & data[:-1] & (down[1:] == down[:-1])
    return follows & (index > 4)


def _retransmissions(
    flags: np.ndarray, down: np.ndarray, payload: np.ndarray, index: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Which packets say the one before them again, about one TCP packet in a hundred: bool[p], never two in a row."""
    again = _same_way_as_before(flags, down, payload, index) & (rng.random(len(flags)) < 0.043)
    again[1:] &= ~again[:-1]
    return again


def _numbers(
    flow: np.ndarray, first: np.ndarray, down: np.ndarray, payload: np.ndarray, flags: np.ndarray, again: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Sequence and acknowledgement numbers: int64[p] modulo 2**32."""
    said = np.where(again, 0, payload + ((flags & (SYN | FIN)) != 0))
    begin_up, begin_down = rng.integers(0, 1 << 32, (2, len(first)))
    spoken = []
    for mine, begin in ((~down, begin_up), (down, begin_down)):
        before = np.cumsum(np.where(mine, said, 0))
        before -= np.where(mine, said, 0)
        spoken.append(before - before[first][flow] + begin[flow])
    up, other = spoken
    seq = np.where(down, other, up)
    repeats = np.flatnonzero(again)
    seq[repeats] = seq[repeats - 1]
    ack = np.where(down, up, other)
    ack[(flags & ACK) == 0] = 0
    return seq & 0xFFFFFFFF, ack & 0xFFFFFFFF


def _times(
    flows: Flows, flow: np.ndarray, index: np.ndarray, first: np.ndarray, payload: np.ndarray, again: np.ndarray,
    since: np.ndarray, until: np.ndarray, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """When: handshakes of tens of milliseconds, then trains of data with pauses, so that a flow lasts seconds."""
    count = len(flow)
    pause = (rng.exponential(0.5 * SECOND, count)).astype(np.int64) + 200
    train = (payload > 0) & (rng.random(count) < 0.6)
    gap = np.where(train, rng.integers(20, 500, count), pause)
    gap[again] = 200_000 + gap[again]
    server_leg, client_leg = rng.integers(8_000, 60_000, (2, len(first)))
    for number, leg in ((1, server_leg), (2, client_leg)):
        here = np.flatnonzero(index == number)
        gap[here] = leg[flow[here]]
    gap[index == 3] = 1_000
    gap[first] = 0
    at = np.cumsum(gap)
    at -= at[first][flow]
    lasts = at[first + flows.size - 1]
    begin = since[flows.subscriber]
    room = until[flows.subscriber] - begin
    squeeze = np.minimum(1.0, room / np.maximum(lasts, 1))
    begin = begin + (rng.random(len(first)) * np.maximum(room - lasts, 0)).astype(np.int64)
    return begin[flow] + (at * squeeze[flow]).astype(np.int64)


def _reorder(
    usec: np.ndarray, flags: np.ndarray, down: np.ndarray, payload: np.ndarray, again: np.ndarray, index: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Swap the times of some neighbours in a train of data; returns which packets now come late: bool[p]."""
    later = _same_way_as_before(flags, down, payload, index) & ~again & (rng.random(len(usec)) < 0.03)
    later[1:] &= ~again[:-1]
    later[1:] &= ~later[:-1]
    swap = np.flatnonzero(later)
    usec[swap], usec[swap - 1] = usec[swap - 1], usec[swap]
    late = np.zeros(len(usec), bool)
    late[swap - 1] = True
    return late
