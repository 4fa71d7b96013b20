"""Archives of charging records: the BER kernel, file to Arrow columns, the whole command, and decoders of ASN.1 beside.

Decoders that make Python objects are measured on some thousand records of the same file; rates compare.
"""

import importlib.util
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from formats import cdr
from formats.cdr_file import BARE, Framing
from formats.cdr_rows import CONTAINER, RECORD
from kernels import cdr_scan as scanner
from kernels.ber import new_stack
from probe.archive_files import Names, Scanner
from tools.cdr.records import gateway_record
from tools.cdr.simulate import Scenario, sessions_of

__all__ = ["Archive", "figures", "make", "pgw_records"]

HERE = Path(__file__).resolve().parent
ROWS = 1 << 12
PEER_RECORDS = 3000
PLAIN = Framing(BARE)


class Archive(NamedTuple):
    """A file of PGW-CDRs: records, octets."""

    path: Path
    records: int
    octets: int


class Figure(NamedTuple):
    """What one contestant did: records and octets in seconds."""

    who: str
    records: int
    octets: int
    seconds: float


def pgw_records(sessions: int) -> list[bytes]:
    """The PGW-CDRs of some sessions, in an order of their own."""
    made = sessions_of(Scenario(sessions=sessions, calls=0, seed=9))
    out = [gateway_record(s.bearer, part, number) for s in made for number, part in enumerate(s.parts, 1)]
    random.Random(9).shuffle(out)
    return out


def make(path: Path, records: list[bytes], copies: int = 1) -> Archive:
    """Write a file of some records, `copies` times over."""
    whole = b"".join(records)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        for _ in range(copies):
            file.write(whole)
    return Archive(path, copies * len(records), copies * len(whole))


def kernel_pass(data: np.ndarray) -> tuple[int, float]:
    """Records and seconds of the kernel alone over octets in memory."""
    records, containers = np.zeros(ROWS, RECORD), np.zeros(16 * ROWS, CONTAINER)
    rejects, stack = np.zeros(64, scanner.REJECT), new_stack()
    state, count, began = np.zeros(scanner.STATE_WORDS, np.int64), 0, time.perf_counter()
    words = records.view(np.int64).reshape(ROWS, -1), containers.view(np.int64).reshape(16 * ROWS, -1)
    while state[scanner.AT] < len(data):
        state[[scanner.RECORDS, scanner.CONTAINERS, scanner.REJECTS]] = 0
        scanner.scan(data, len(data), len(data), BARE, 0, cdr.PLAN, state, stack, *words, rejects)
        count += int(state[scanner.RECORDS])
    return count, time.perf_counter() - began


def _columns(rows: np.ndarray) -> pa.RecordBatch:
    """Every column of rows of 8-octet words as an Arrow array; the words are turned once."""
    fields = rows.dtype.fields or {}
    words = np.ascontiguousarray(rows.view(np.int64).reshape(rows.size, len(fields)).T)
    types = [pa.from_numpy_dtype(kind[0]) for kind in fields.values()]
    arrays = [pa.Array.from_buffers(t, rows.size, [None, pa.py_buffer(w)]) for t, w in zip(types, words, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, list(fields))


def arrow_pass(path: Path) -> tuple[int, float]:
    """Records and seconds from the file to Arrow record batches of every column of records and containers."""
    began, count = time.perf_counter(), 0
    for batch in Scanner(Names()).read(str(path), PLAIN, 0):
        count += _columns(batch.sessions).num_rows
        _columns(batch.containers)
    return count, time.perf_counter() - began


def _sample(path: Path) -> list[bytes]:
    """The first records of a file, each for itself."""
    with path.open("rb") as file:
        octets = file.read(PEER_RECORDS * 400)
    rows = next(iter(Scanner(Names()).read(str(path), PLAIN, 0))).sessions[:PEER_RECORDS]
    ends = rows["offset"] + rows["octets"]
    pairs = zip(rows["offset"].tolist(), ends.tolist(), strict=True)
    return [octets[first:end] for first, end in pairs if end <= len(octets)]


def _pycrate() -> Any:
    from pycrate_asn1dir import CDR

    return CDR.GPRSChargingDataTypes.GPRSRecord.from_ber


def _asn1tools() -> Any:
    import asn1tools

    module = asn1tools.compile_files(str(HERE / "pgw_cdr.asn"), "ber")
    return lambda octets: module.decode("Record", octets)


PEERS = {"pycrate": ("pycrate_asn1dir", _pycrate), "asn1tools": ("asn1tools", _asn1tools)}


def peers(path: Path, most: int) -> Iterator[Figure | str]:
    """Each decoder that is installed, on the same records."""
    sample = _sample(path)[:most]
    for who, (module, prepare) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            yield f"{who} is not installed"
            continue
        decode, best = prepare(), float("inf")
        for _ in range(2):
            began = time.perf_counter()
            for octets in sample:
                decode(octets)
            best = min(best, time.perf_counter() - began)
        yield Figure(who, len(sample), sum(map(len, sample)), best)


def figures(archive: Archive, passes: int = 7, most: int = PEER_RECORDS) -> Iterator[Figure | str]:
    """The kernel, file to Arrow, and the peers on one file."""
    data = np.fromfile(archive.path, np.uint8)
    for who, measure in (
        ("BER kernel", lambda: kernel_pass(data)),
        ("file to Arrow", lambda: arrow_pass(archive.path)),
    ):
        measure()
        count, seconds = min((measure() for _ in range(passes)), key=lambda result: result[1])
        if count != archive.records:
            raise AssertionError(f"{who}: {count} records of {archive.records}")
        yield Figure(who, count, archive.octets, seconds)
    yield from peers(archive.path, most)
