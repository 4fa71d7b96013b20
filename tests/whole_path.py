"""The whole path for tests: captures in, rows and the ledger out, in memory."""

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from formats import xdr
from kernels.shard import Limits
from probe.accounts import Accounts
from probe.finding import Refusal
from probe.pipeline import Copies, Pipeline
from probe.sources import Source, open_sources

SMALL = Limits(flows=1 << 13, sessions=1 << 10, transactions=1 << 11, apns=256)
WINDOW = 900 * 10**9


class Result(NamedTuple):
    """What became of some captures."""

    packets: int
    accounts: Accounts
    rows: dict[str, np.ndarray]
    apns: list[str]
    sources: list[Source]
    refusals: list[Refusal]
    pipeline: Pipeline


def run(
    paths: Iterable[Path | str], window: int = WINDOW, limits: Limits = SMALL, workers: int = 1,
    copies: Copies | None = None, **options: Any,
) -> Result:  # fmt: skip
    """Read `paths` to their end; `copies`: what takes copies of frames out."""
    kept: dict[str, list[np.ndarray]] = {table.name: [] for table in xdr.TABLES}
    names: list[str] = []

    def put(table: str, rows: np.ndarray, apns: list[str]) -> None:
        kept[table].append(rows.copy())
        if len(apns) > len(names):
            names[:] = apns

    sources, refusals = open_sources([str(path) for path in paths], **options)
    pipeline = Pipeline(window, put, workers, limits, copies)
    pipeline.run(sources)
    rows = {table.name: np.concatenate([np.empty(0, table.dtype), *kept[table.name]]) for table in xdr.KERNEL_TABLES}
    return Result(pipeline.packets, pipeline.accounts, rows, names, sources, refusals, pipeline)


def unsound(result: Result) -> list[str]:
    """What is wrong with rows and ledger whatever the input was; empty where nothing is."""
    found = []
    stages = result.accounts.by_reason()
    if sum(sum(reasons.values()) for reasons in stages.values()) != result.packets:
        found.append(f"{result.packets} packets, ledger {stages}")
    accounts = result.accounts
    joined = int(accounts.total("joined")[0] + accounts.total("unjoined")[0])
    decoded = stages.get("decoded", {}).get("user_plane", 0)
    if joined != decoded:
        found.append(f"{decoded} user packets, {joined} joined or not")
    if int(sum((result.rows["flow"][f"packets_{way}"]).sum() for way in ("up", "down"))) != decoded:
        found.append(f"{decoded} user packets, flow rows hold others")
    for table in (xdr.FLOW, xdr.SESSION, xdr.PRESENCE, xdr.PROCEDURE):
        found += [f"{table.name}: {words}" for words in _unsound_rows(table, result.rows[table.name])]
    sessions = set(result.rows["session"]["session_id"].tolist())
    for name in ("flow", "presence"):
        missing = set(result.rows[name]["session_id"].tolist()) - sessions - {0}
        if missing:
            found.append(f"{name}: {len(missing)} sessions that have no row")
    return found


def _unsound_rows(table: xdr.Table, rows: np.ndarray) -> Iterable[str]:
    for column in table.columns:
        if column.kind in ("count", "ms", "small", "flag") and rows.size and rows[column.name].min() < -1:
            yield f"{column.name} {rows[column.name].min()}"
        if column.kind == "enum" and rows.size and rows[column.name].max() >= len(column.values):
            yield f"{column.name} {rows[column.name].max()}"
    ended = rows["end_time"] != xdr.NEVER
    if (rows["end_time"][ended] < rows["start_time"][ended]).any():
        yield "ends before it starts"
    if table is not xdr.PROCEDURE and not ended.all():
        yield "never ends"
    for name in ("bytes_up", "bytes_down", "packets_up", "packets_down"):
        if name in (rows.dtype.names or ()) and (rows[name] < 0).any():
            yield f"negative {name}"


def comparable(result: Result) -> dict[str, list[bytes]]:
    """The rows as sorted octets without padding: equal where two runs wrote the same."""
    made = {}
    for name, rows in result.rows.items():
        assert rows.dtype.names is not None
        parts = [rows[field].astype(rows.dtype[field]).tobytes() for field in rows.dtype.names]
        sizes = [rows.dtype[field].itemsize for field in rows.dtype.names]
        made[name] = sorted(
            b"".join(part[i * size : (i + 1) * size] for part, size in zip(parts, sizes, strict=True))
            for i in range(len(rows))
        )
    return made


def address(row: np.void, name: str) -> str:
    """An address column as text."""
    high, low = int(row[f"{name}_hi"]), int(row[f"{name}_lo"])
    if high == 0 and low >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(low & 0xFFFF_FFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))
