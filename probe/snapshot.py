"""What a live probe knows of sessions and tunnels, kept in a file, so that the join holds across a restart.

`DIR/.snapshot.arrow`: an Arrow IPC file with a row for each array of each shard's tables, but for those of connections;
replaced at once, every minute and at the end. It is loaded only by a probe with the same tables: layout, sizes, shards.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kernels import shard as own
from kernels.shard import Shard
from kernels.table import CAPACITY, FREE, HIGH, LIVE, SLOTS
from probe.replacing import replacing

__all__ = ["Snapshot", "load", "read", "take", "write"]

NAME = ".snapshot.arrow"
VERSION = 1
NONE = "there is none"
KEPT_WORDS = (own.CONTEXTS, own.RESET_AT, own.TRANSACTION_HAND, own.RAN_HAND, own.TMSI_HAND, own.PFCP_HAND,
              own.IDENTITY_HAND)  # fmt: skip
COUNTERS = (HIGH, FREE, LIVE, SLOTS)
_SCHEMA = pa.schema([("shard", pa.int32()), ("name", pa.string()), ("octets", pa.large_binary())])
_SECOND = 10**9


class Snapshot(NamedTuple):
    """shards: for each, its arrays by name; `ended`: whether all that lived was written as rows afterwards."""

    layout: str
    time_ns: int
    ended: bool
    shards: Sequence[dict[str, np.ndarray]]


def layout(shards: Sequence[Shard]) -> str:
    """What must be the same for a snapshot to be of use."""
    digest = hashlib.blake2b(f"{VERSION} {own.WORDS} {len(shards)}".encode(), digest_size=10)
    for shard in shards:
        for name, at, rows in shard.tables():
            digest.update(f"{name} {at} {shard.words[at + CAPACITY]} {rows.dtype.descr}".encode())
    return digest.hexdigest()


def take(shards: Sequence[Shard], ended: bool = False) -> Snapshot:
    """A copy of the tables; nothing may update them meanwhile."""
    return Snapshot(layout(shards), time.time_ns(), ended, [_arrays(shard) for shard in shards])


def _arrays(shard: Shard) -> dict[str, np.ndarray]:
    words = shard.words
    found: dict[str, np.ndarray] = {
        "words": words[list(KEPT_WORDS)].copy(),
        "apns": shard.apn_text[: words[own.APNS + HIGH]].copy(),
    }
    for name, at, _ in shard.tables():
        rows, index, free, _ = shard.pool(at)
        found[f"{name}.counters"] = words[[at + k for k in COUNTERS]].copy()
        found[f"{name}.rows"] = rows[: words[at + HIGH]].copy()
        found[f"{name}.index"] = index[: words[at + SLOTS]].copy()
        found[f"{name}.free"] = free[: words[at + FREE]].copy()
    return found


def write(out: Path, snapshot: Snapshot) -> None:
    """Replace the file; OSError where the disk takes nothing."""
    rows = [(k, name, array) for k, arrays in enumerate(snapshot.shards) for name, array in arrays.items()]
    told = {"layout": snapshot.layout, "time_ns": snapshot.time_ns, "ended": snapshot.ended, "digest": _digest(rows)}
    schema = _SCHEMA.with_metadata({"wiregauge": json.dumps(told)})
    with (
        replacing(out / NAME) as unfinished,
        pa.OSFile(str(unfinished), "wb") as file,
        pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer,
    ):
        for k, name, array in rows:
            columns = [pa.array([k], pa.int32()), pa.array([name]), _one_value(_octets(array))]
            writer.write(pa.record_batch(columns, schema=schema))


def _octets(array: Any) -> np.ndarray:
    """The same memory as uint8[n], of an array or of bytes."""
    return np.frombuffer(array, np.uint8) if isinstance(array, bytes) else array.reshape(-1).view(np.uint8)


def _one_value(octets: np.ndarray) -> pa.Array:
    """An array of one large_binary value, without a copy."""
    ends = pa.py_buffer(np.array([0, octets.size], np.int64))
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(octets)])


def _digest(rows: Iterable[tuple[int, str, Any]]) -> str:
    """Over all arrays: rows refer to each other by number, so no octet of them may differ."""
    digest = hashlib.blake2b(digest_size=16)
    for k, name, octets in rows:
        found = _octets(octets)
        digest.update(f"{k} {name} {found.size}\n".encode())
        digest.update(found.data)
    return digest.hexdigest()


def read(out: Path, shards: Sequence[Shard]) -> Snapshot | str:
    """The snapshot that lies there, or why there is none that these tables can take."""
    path = out / NAME
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        told = json.loads(table.schema.metadata[b"wiregauge"])
        if told["layout"] != layout(shards):
            return "it is of a probe with other tables (another version, other sizes or workers)"
        found: list[dict[str, Any]] = [{} for _ in shards]
        for row in table.to_pylist():
            found[row["shard"]][row["name"]] = row["octets"]
        if told["digest"] != _digest((row["shard"], row["name"], row["octets"]) for row in table.to_pylist()):
            return "it is damaged"
        return Snapshot(told["layout"], int(told["time_ns"]), bool(told["ended"]), found)
    except FileNotFoundError:
        return NONE
    except (OSError, ValueError, KeyError, IndexError, TypeError) as problem:
        return f"it cannot be read: {problem}"


def load(shards: Sequence[Shard], snapshot: Snapshot, now: int) -> None:
    """Put a snapshot that was read into fresh tables; what had ended begins anew at `now` ns."""
    for shard, arrays in zip(shards, snapshot.shards, strict=True):
        _fill(shard, arrays)
        if snapshot.ended:
            _begin_anew(shard, now)


def _fill(shard: Shard, arrays: dict[str, Any]) -> None:
    words = shard.words
    words[list(KEPT_WORDS)] = np.frombuffer(arrays["words"], np.int64)
    apns = np.frombuffer(arrays["apns"], np.uint8).reshape(-1, shard.apn_text.shape[1])
    shard.apn_text[: len(apns)] = apns
    for name, at, _ in shard.tables():
        rows, index, free, _ = shard.pool(at)
        for word, value in zip(COUNTERS, np.frombuffer(arrays[f"{name}.counters"], np.int64), strict=True):
            words[at + word] = value
        for target, kind in ((rows, "rows"), (index, "index"), (free, "free")):
            found = np.frombuffer(arrays[f"{name}.{kind}"], target.dtype)
            target[: len(found)] = found


def _begin_anew(shard: Shard, now: int) -> None:
    """What was written as ended counts from now on, as a session that the probe met on its way."""
    sessions, bearers = shard.pool(own.SESSIONS)[0], shard.pool(own.BEARERS)[0]
    live = sessions["used"] == 1
    for name, value in (("start", now), ("setup", -1), ("bytes", 0), ("packets", 0)):
        sessions[name][live] = value
    window = int(shard.words[own.WINDOW])
    present = bearers["present"] == 1
    for name, value in (("presence_start", now), ("window", now // window * window), ("bytes", 0), ("packets", 0),
                        ("active", 0), ("connected_time", 0), ("connected_since", now)):  # fmt: skip
        bearers[name][present] = value
