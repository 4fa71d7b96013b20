"""PACKET rows made directly, and a small shard that takes them: for tests of the stages behind the parser."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import Phase, settings
from numba import config

from formats.reasons import USER_PLANE
from formats.records import KIND_USER, NO_TEID, PACKET
from kernels import signalling
from kernels.shard import FLOW_ROWS, MARGIN, OUT_ROOM, PRESENCE_ROWS, PROCEDURE_ROWS, SESSION_ROWS, Limits, Shard
from kernels.update import drain, update

SECOND = 10**9
EPOCH = 1_600_000_020 * SECOND  # a time of day that is a multiple of any test window of up to a minute
V4 = 0x0000_FFFF_0000_0000
TINY = Limits(flows=64, sessions=32, transactions=32, apns=8)
TABLES = {"flow": FLOW_ROWS, "session": SESSION_ROWS, "presence": PRESENCE_ROWS, "procedure": PROCEDURE_ROWS}

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Packet(NamedTuple):
    """A packet of the user plane as tests think of it; an endpoint is (address, port)."""

    ts: int
    src: tuple[int, int]
    dst: tuple[int, int]
    protocol: int = 6
    flags: int = 0
    seq: int = 0
    ack: int = 0
    payload: int = 0
    window: int = 1000
    ip_id: int = 0
    quic: int = 0

    @property
    def length(self) -> int:
        """Octets of the IP packet."""
        return 20 + {6: 20, 17: 8}.get(self.protocol, 4) + self.payload


def hash_of(*parts: object) -> int:
    """64 bits that depend on `parts` only."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little")


def packet_rows(packets: Sequence[Packet], hashing: Callable[..., int] = hash_of) -> np.recarray:
    """PACKET[n]: decoded user packets of a link without tunnels."""
    rows = np.zeros(len(packets), PACKET).view(np.recarray)
    for row, p in zip(rows, packets, strict=True):
        ends = sorted((p.src, p.dst))
        row["ts"], row["kind"], row["reason"] = p.ts, KIND_USER, USER_PLANE
        row["flow_hash"] = hashing("flow", ends, p.protocol)
        row["shard_hash"] = hashing("shard", ends[0][0], ends[1][0]) & 0xFFFF_FFFF
        row["src_hi"], row["dst_hi"] = p.src[0] >> 64, p.dst[0] >> 64
        row["src_lo"], row["dst_lo"] = p.src[0] & (2**64 - 1), p.dst[0] & (2**64 - 1)
        row["src_port"], row["dst_port"], row["ip_protocol"] = p.src[1], p.dst[1], p.protocol
        row["seq"], row["ack"], row["tcp_flags"], row["window"] = p.seq, p.ack, p.flags, p.window
        row["length"], row["payload"], row["wire"] = p.length, p.payload, p.length + 14
        row["ip_id"], row["quic"], row["teid"] = p.ip_id, p.quic, NO_TEID
        row["qfi"] = row["pdu_type"] = row["window_shift"] = -1
    return rows


def side_arrays(messages: int) -> signalling.Signalling:
    """As parsing makes them; fields by attribute, so that kernels also run interpreted."""
    return signalling.Signalling(*[a.view(np.recarray) if a.dtype.names else a for a in signalling.allocate(messages)])


def examples(most: int) -> settings:
    """Settings of a property test that is too slow for many cases without the compiler."""
    phases = [phase for phase in Phase if phase is not Phase.explain]
    return settings(deadline=None, max_examples=max(5, most // 15) if config.DISABLE_JIT else most, phases=phases)


class Machine:
    """A shard with its in-tray and out-tray."""

    def __init__(self, window_ns: int = 60 * SECOND, limits: Limits = TINY, room: int = 0, **options: Any) -> None:
        """`room`: rows that wait before they must be written, beyond the margin (0: as the shard has it)."""
        self.shard = Shard(window_ns, limits, rows=1, **options)
        if room:
            self.shard.words[OUT_ROOM] = min(MARGIN + room, len(self.shard.flow))
        self.signalling, self.scratch = side_arrays(64), side_arrays(8)
        self.out: dict[str, list[np.ndarray]] = {name: [] for name in TABLES}
        self.writes = 0

    @property
    def words(self) -> np.ndarray:
        return self.shard.words

    def hand_over(self) -> None:
        """Take out the rows that are ready."""
        self.writes += 1
        for name, word in TABLES.items():
            self.out[name].append(getattr(self.shard, name)[: self.words[word]].copy())
            self.words[word] = 0

    def take(self, rows: np.ndarray, order: Iterable[int] | None = None, signs: Any = None) -> None:
        """Update with PACKET rows, in the order given."""
        places = np.arange(len(rows), dtype=np.int32) if order is None else np.array(list(order), np.int32)
        at = 0
        while at < len(places):
            at = update(self.words, rows, places, at, len(places), signs or self.signalling, self.scratch)
            if at < len(places):
                self.hand_over()

    def finish(self) -> dict[str, np.ndarray]:
        """End of input; all rows by table."""
        while not drain(self.words):
            self.hand_over()
        self.hand_over()
        return {name: np.concatenate(parts) for name, parts in self.out.items()}


def flow_rows(packets: Sequence[Packet], window_ns: int, **options: Any) -> np.ndarray:
    """The flow rows that `packets` give."""
    machine = Machine(window_ns, **options)
    machine.take(packet_rows(packets))
    return machine.finish()["flow"]
