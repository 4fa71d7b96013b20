"""Benchmark traffic: a seeded capture of S11 signalling and GTP-U user plane, made by the column.

    python -m benchmarks.traffic FILE [--form headers|full] [--packets N] [--flows N] [--subscribers N] [--scale N]

One round is five minutes: every subscriber attaches, some hand over, some leave; their TCP and UDP flows lie across
each other in time. `--scale N` appends rounds, so the capture gets longer while as many subscribers and flows are
alive at any moment, and memory stays that of one round. Beside FILE lies FILE.json: what is in it, by count.

`headers` keeps 96 octets of each user packet and all of each signalling message; `full` keeps everything.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from benchmarks import encode
from benchmarks.flows import SECOND, Flows, Packets, make_flows, make_packets
from kernels.jit import kernel

START = 1_714_521_600 * SECOND  # 2024-05-01 00:00 UTC
ROUND = 300 * SECOND
CELLS, ENODEBS, GATEWAYS, MMES = 2000, 200, 4, 2
ENODEB_IP, GATEWAY_IP, GATEWAY_C_IP, MME_IP, PGW_IP = 0x0A640001, 0x0A650001, 0x0A650101, 0x0A660001, 0x0A670001
UE_IP, SERVER_IP = 0x64400000, 0xC6120000  # 100.64/10 (RFC 6598) and 198.18/15 (RFC 2544)
CHUNK = 1 << 18


class Size(NamedTuple):
    """How much traffic is in a round."""

    packets: int
    flows: int
    subscribers: int


class Subscribers:
    """What is true of each subscriber in a round, as arrays[s]; sessions and cells live on into the next."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.rng, self.count = rng, count
        self.number = np.arange(count)
        self.attached = np.zeros(count, bool)
        self.generation = np.zeros(count, np.int64)
        self.moves = np.zeros(count, np.int64)
        self.cell = rng.integers(0, CELLS, count)
        self.old_cell, self.old_moves = self.cell, self.moves
        self.begin_round()

    def begin_round(self) -> None:
        """Draw who attaches, hands over and leaves, and when: int64[s] microseconds within the round."""
        rng, count = self.rng, self.count
        self.attaching = ~self.attached
        self.generation[self.attaching] += 1
        self.attach = np.where(self.attaching, rng.integers(0, 60 * SECOND, count), 0)
        self.leaving = rng.random(count) < 0.05
        self.last = np.where(self.leaving, rng.integers(200 * SECOND, 295 * SECOND, count), 296 * SECOND)
        self.moving = rng.random(count) < 0.2
        self.move = np.where(self.moving, rng.integers(100 * SECOND, 190 * SECOND, count), ROUND)
        self.attached = ~self.leaving
        self.old_cell, self.old_moves = self.cell, self.moves
        self.cell = np.where(self.moving, rng.integers(0, CELLS, count), self.cell)
        self.moves = self.moves + self.moving

    def gateway(self, base: int) -> np.ndarray:
        """The address of the serving gateway, counted from `base`."""
        return base + self.number % GATEWAYS

    def teid(self, role: int) -> np.ndarray:
        """An endpoint of the present session: 1 gateway user plane, 2 gateway control, 3 MME control, 4 PGW."""
        return scatter((role << 28) + self.number * 64 + self.generation % 64)

    def enodeb(self, after: bool) -> tuple[np.ndarray, np.ndarray]:
        """Address and TEID of the radio side, before or after the handover of this round."""
        cell, moves = (self.cell, self.moves) if after else (self.old_cell, self.old_moves)
        teid = scatter((5 << 28) + self.number * 256 + (self.generation + moves) % 256)
        return ENODEB_IP + cell % ENODEBS, teid


def scatter(number: np.ndarray) -> np.ndarray:
    """One to one on 32 bits, so that TEIDs look random and never meet."""
    return number * 2654435761 & 0xFFFFFFFF


# --- signalling -------------------------------------------------------------------------------------------------


class Wave(NamedTuple):
    """Messages of one name: encoded rows and their times in microseconds."""

    name: str
    usec: np.ndarray
    rows: np.ndarray


class Dialogue:
    """Writes request and answer of chosen subscribers."""

    def __init__(self, subscribers: Subscribers, sequence: int) -> None:
        self.all, self.sequence = subscribers, sequence
        self.waves: list[Wave] = []

    def message(self, name: str, who: np.ndarray, usec: np.ndarray, sequence: np.ndarray, after: bool = False) -> None:
        """Append the message `name` of the subscribers `who`, at `usec`."""
        s = self.all
        rows = np.repeat(encode.message_template(name), len(who))
        up = name.endswith("request")
        mme, gateway = MME_IP + who % MMES, s.gateway(GATEWAY_C_IP)[who]
        rows["o_src"], rows["o_dst"] = (mme, gateway) if up else (gateway, mme)
        rows["o_id"], rows["sequence"] = sequence & 0xFFFF, sequence << 8
        rows["o_sum"] = encode.ipv4_checksum(rows, "o_")
        rows["teid"] = 0 if name == "create_session_request" else s.teid(2 if up else 3)[who]
        enodeb, enodeb_teid = s.enodeb(after)
        cell = s.cell if after else s.old_cell
        values = {
            "imsi": encode.digits(1_010_000_000_000 + who, 8), "msisdn": encode.digits(88_200_000_000 + who, 6),
            "imei": encode.digits(353_490_690_000_000 + (who % 200) * 10_000_000 + who % 1_000_000, 8),
            "tac": 1 + cell[who] // 100, "eci": ((1 + cell[who] % ENODEBS) << 8) | (1 + cell[who] // ENODEBS),
            "mme_teid": s.teid(3)[who], "mme_ip": mme, "sgw_teid": s.teid(2)[who], "sgw_ip": gateway,
            "pgw_teid": s.teid(4)[who], "pgw_ip": PGW_IP, "ue_ip": UE_IP + who,
            "sgw_u_teid": s.teid(1)[who], "sgw_u_ip": s.gateway(GATEWAY_IP)[who],
            "pgw_u_teid": s.teid(4)[who], "pgw_u_ip": PGW_IP,
            "enb_u_teid": enodeb_teid[who], "enb_u_ip": enodeb[who],
        }  # fmt: skip
        for field in set(values) & set(rows.dtype.names or ()):
            rows[field] = values[field]
        self.waves.append(Wave(name, usec, rows))

    def exchange(self, stem: str, who: np.ndarray, usec: np.ndarray, after: bool = False) -> np.ndarray:
        """A request and its answer 5 to 40 ms later; returns the time of the answer."""
        sequence = (self.sequence + np.arange(len(who))) & 0xFFFFFF
        self.sequence += len(who)
        answered = usec + self.all.rng.integers(5_000, 40_000, len(who))
        self.message(f"{stem}_request", who, usec, sequence, after)
        self.message(f"{stem}_response", who, answered, sequence, after)
        return answered


def signalling(subscribers: Subscribers, sequence: int) -> tuple[list[Wave], np.ndarray, int]:
    """The S11 messages of a round, the time from which each subscriber is in its new cell, the next sequence number."""
    s = subscribers
    talk = Dialogue(s, sequence)
    attaching, moving, leaving = (np.flatnonzero(flags) for flags in (s.attaching, s.moving, s.leaving))
    created = talk.exchange("create_session", attaching, s.attach[attaching])
    talk.exchange("modify_bearer", attaching, created + 50_000)
    moved = s.move.copy()
    moved[moving] = talk.exchange("handover", moving, s.move[moving], after=True)
    talk.exchange("delete_session", leaving, s.last[leaving] + SECOND, after=True)
    return talk.waves, moved, talk.sequence


# --- user plane -------------------------------------------------------------------------------------------------


def user_rows(packets: Packets, flows: Flows, pick: np.ndarray, s: Subscribers, moved: np.ndarray) -> np.ndarray:
    """Encode the packets `pick` (indices): TCP_ROW[n] with everything but time and record lengths."""
    flow, down = packets.flow[pick], packets.down[pick]
    who = flows.subscriber[flow]
    rows = np.repeat(encode.USER_TEMPLATE, len(pick))
    _tunnel(rows, who, down, packets.usec[pick] >= moved[who], s)
    length = packets.length[pick]
    rows["gtp_length"], rows["udp_length"], rows["o_length"] = length, length + 16, length + 36
    rows["o_id"] = pick & 0xFFFF
    rows["o_sum"] = encode.ipv4_checksum(rows, "o_")
    server, device = SERVER_IP + flows.server[flow], UE_IP + who
    rows["i_src"], rows["i_dst"] = np.where(down, server, device), np.where(down, device, server)
    rows["i_length"], rows["i_ttl"], rows["i_id"] = length, np.where(down, 56, 64), packets.ordinal[pick] + flow
    udp = flows.udp[flow]
    rows["i_protocol"] = np.where(udp, 17, 6)
    rows["i_sum"] = encode.ipv4_checksum(rows, "i_")
    rows["src_port"] = np.where(down, flows.server_port[flow], flows.port[flow])
    rows["dst_port"] = np.where(down, flows.port[flow], flows.server_port[flow])
    rows["seq"], rows["ack"] = packets.seq[pick], packets.ack[pick]
    rows["flags"], rows["window"] = packets.flags[pick], 0xFA00
    rows["tail"] = encode.TLS_RECORD
    rows["tail"][:, 4] = (length - 45 >> 8) & 0xFF
    rows["tail"][:, 5] = (length - 45) & 0xFF
    syn = np.flatnonzero(packets.flags[pick] & 2)
    rows["data_offset"][syn], rows["tail"][syn] = 0x60, encode.MSS_OPTION
    _udp(rows.view(encode.UDP_ROW), np.flatnonzero(udp), length, packets.ordinal[pick])
    return rows


def _tunnel(rows: np.ndarray, who: np.ndarray, down: np.ndarray, moved: np.ndarray, s: Subscribers) -> None:
    (old_ip, old_teid), (new_ip, new_teid) = s.enodeb(after=False), s.enodeb(after=True)
    radio = np.where(moved, new_ip[who], old_ip[who])
    core = s.gateway(GATEWAY_IP)[who]
    rows["o_src"], rows["o_dst"] = np.where(down, core, radio), np.where(down, radio, core)
    rows["teid"] = np.where(down, np.where(moved, new_teid[who], old_teid[who]), s.teid(1)[who])


def _udp(rows: np.ndarray, udp: np.ndarray, length: np.ndarray, index: np.ndarray) -> None:
    rows["length"][udp] = length[udp] - 20
    rows["sum"][udp] = 0
    rows["tail"][udp] = np.where((index[udp] < 2)[:, None], encode.QUIC_LONG, encode.QUIC_SHORT)


# --- the file ---------------------------------------------------------------------------------------------------


@kernel
def copy_rows(rows, octets, starts, out):  # type: ignore[no-untyped-def]
    """Copy the first octets[i] of rows[i] (uint8[n, m]) to `out` (uint8) at starts[i] (int64[n])."""
    for i in range(len(rows)):
        start = starts[i]
        for k in range(octets[i]):
            out[start + k] = rows[i, k]


class Round:
    """The packets of five minutes in order of time, written in chunks."""

    def __init__(self, size: Size, subscribers: Subscribers, sequence: int) -> None:
        rng = subscribers.rng
        self.subscribers = subscribers
        self.waves, self.moved, self.sequence = signalling(subscribers, sequence)
        messages = sum(len(wave.usec) for wave in self.waves)
        self.flows = make_flows(size.packets - messages, size.flows, subscribers.count, rng)
        self.packets = make_packets(self.flows, subscribers.attach + SECOND // 2, subscribers.last, rng)
        usec = np.concatenate([self.packets.usec, *(wave.usec for wave in self.waves)])
        self.order = np.argsort(usec, kind="stable")
        ticks = np.arange(len(usec))
        self.usec = np.maximum.accumulate(usec[self.order] - ticks) + ticks  # strictly increasing
        self.first_of_wave = np.cumsum([len(self.packets.usec), *(len(wave.usec) for wave in self.waves)])

    def write(self, out: BinaryIO, since: int, full: bool, noise: np.ndarray) -> tuple[int, int]:
        """Append to `out`; returns octets of frames and of file. `noise` is what payloads are made of."""
        wire = written = 0
        for begin in range(0, len(self.order), CHUNK):
            pick, usec = self.order[begin : begin + CHUNK], self.usec[begin : begin + CHUNK] + since
            parts = list(self._parts(pick))
            lengths = np.empty(len(pick), np.int64)
            for where, rows, frame in parts:
                encode.stamp(rows, usec[where], frame, frame if full else np.minimum(frame, rows.itemsize - 16))
                lengths[where] = rows["captured"].astype(np.int64) + encode.RECORD_OCTETS
                wire += int(frame.sum())
            starts = np.cumsum(lengths) - lengths
            for where, rows, _ in parts:
                flat = rows.view(np.uint8).reshape(len(rows), -1)
                copy_rows(flat, np.minimum(lengths[where], flat.shape[1]), starts[where], noise)
            total = int(lengths.sum())
            out.write(noise.data[:total])
            written += total
        return wire, written

    def _parts(self, pick: np.ndarray):  # type: ignore[no-untyped-def]
        """(positions in the chunk, encoded rows, frame octets) of the user plane and of each wave."""
        where = np.flatnonzero(pick < self.first_of_wave[0])
        chosen = pick[where]
        rows = user_rows(self.packets, self.flows, chosen, self.subscribers, self.moved)
        yield where, rows, self.packets.length[chosen] + encode.TUNNEL_OCTETS
        for wave, first, past in zip(self.waves, self.first_of_wave[:-1], self.first_of_wave[1:], strict=True):
            where = np.flatnonzero((pick >= first) & (pick < past))
            if len(where):
                rows = wave.rows[pick[where] - first]
                yield where, rows, np.full(len(where), rows.dtype.itemsize - encode.RECORD_OCTETS)

    def tally(self, counts: Counter[str]) -> None:
        """Add what is in this round to `counts`."""
        p, f = self.packets, self.flows
        udp = f.udp[p.flow]
        for name, rows in (("tcp", ~udp), ("udp", udp)):
            for direction, way in (("up", ~p.down), ("down", p.down)):
                counts[f"packets_{name}_{direction}"] += int((rows & way).sum())
                counts[f"ip_bytes_{name}_{direction}"] += int(p.length[rows & way].sum())
        counts["flows_tcp"] += int((~f.udp).sum())
        counts["flows_udp"] += int(f.udp.sum())
        counts["tcp_retransmitted"] += int(p.retransmitted.sum())
        counts["tcp_reordered"] += int(p.reordered.sum())
        for wave in self.waves:
            counts[wave.name] += len(wave.usec)
        counts["packets"] += len(self.order)


def make(path: Path, size: Size, form: str = "headers", scale: int = 1, seed: int = 1) -> dict[str, int | float | str]:
    """Write the capture `path` and `path`.json; returns what the latter holds."""
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    subscribers = Subscribers(size.subscribers, rng)
    noise = rng.integers(0, 256, CHUNK * (1500 if form == "full" else 320), dtype=np.uint8)
    counts: Counter[str] = Counter()
    wire, sequence, octets = 0, 1, len(encode.PCAP_HEADER)
    partial = path.with_suffix(path.suffix + ".part")
    with partial.open("wb") as out:
        out.write(encode.PCAP_HEADER)
        for number in range(scale):
            if number:
                subscribers.begin_round()
            part = Round(size, subscribers, sequence)
            sequence = part.sequence
            frames, written = part.write(out, START + number * ROUND, form == "full", noise)
            wire, octets = wire + frames, octets + written
            part.tally(counts)
            del part
    partial.rename(path)
    facts: dict[str, int | float | str] = {
        "form": form,
        "scale": scale,
        "seed": seed,
        "subscribers": size.subscribers,
        "cells": CELLS,
        "enodebs": ENODEBS,
        "gateways": GATEWAYS,
        "wire_bytes": wire,
        "file_bytes": octets,
        "mean_frame": round(wire / counts["packets"], 1),
        "seconds_to_make": round(time.perf_counter() - began, 1),
    }
    facts.update(counts)
    Path(f"{path}.json").write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def main(arguments: list[str] | None = None) -> int:
    """The command; see the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.traffic", description="Make a benchmark capture.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--form", choices=("headers", "full"), default="headers")
    parser.add_argument("--packets", type=int, default=4_000_000, help="in a round of five minutes")
    parser.add_argument("--flows", type=int, default=300_000)
    parser.add_argument("--subscribers", type=int, default=50_000)
    parser.add_argument("--scale", type=int, default=1, help="rounds")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    size = Size(given.packets, given.flows, given.subscribers)
    try:
        facts = make(given.path, size, given.form, given.scale, given.seed)
    except ValueError as problem:
        print(f"traffic: {problem}", file=sys.stderr)
        return 1
    print(f"{given.path}: {facts['packets']:,} packets, {facts['file_bytes']:,} bytes, {facts['seconds_to_make']} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
