"""What the tests of charging records share: octets to rows, and rows as plain dictionaries."""

from pathlib import Path
from typing import Any

import numpy as np

from formats import cdr
from formats.cdr_file import BARE, Framing
from formats.cdr_rows import CONTAINER, CONTAINER_BLANK, RECORD, RECORD_BLANK
from kernels import cdr_scan as scanner
from kernels.ber import new_stack

PLAIN = Framing(BARE)
ROWS = 256


def scan(
    octets: bytes, framing: Framing = PLAIN, plan: Any = cdr.PLAN
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Records, containers, refused stretches, and octets of framing and filler of a whole file in memory."""
    data = np.frombuffer(octets, np.uint8)
    state, stack = np.zeros(scanner.STATE_WORDS, np.int64), new_stack()
    state[scanner.AT] = framing.first
    records, containers, rejects = [], [], []
    while state[scanner.AT] < len(data):
        rows, lines = np.zeros(ROWS, RECORD), np.zeros(4 * ROWS, CONTAINER)
        refused = np.zeros(ROWS, scanner.REJECT).view(np.recarray)  # fields by attribute, so that it runs interpreted
        state[[scanner.RECORDS, scanner.CONTAINERS, scanner.REJECTS]] = 0
        words = rows.view(np.int64).reshape(ROWS, -1), lines.view(np.int64).reshape(4 * ROWS, -1)
        end = len(data)
        scanner.scan(data, end, end, framing.kind, framing.extra, plan, state, stack, *words, refused)
        rows = rows[: state[scanner.RECORDS]]
        rows["first"] += sum(map(len, containers))
        records.append(rows)
        containers.append(lines[: state[scanner.CONTAINERS]])
        rejects.append(refused[: state[scanner.REJECTS]])
    empty = (np.zeros(0, RECORD), np.zeros(0, CONTAINER), np.zeros(0, scanner.REJECT))
    found = zip((records, containers, rejects), empty, strict=True)
    whole = [np.concatenate(parts) if parts else none for parts, none in found]
    return whole[0], whole[1], whole[2], int(state[scanner.FILLER])


def told(row: np.void, blank: np.ndarray) -> dict[str, int]:
    """The columns of a row that are not null."""
    return {name: int(row[name]) for name in row.dtype.names or () if row[name] != blank[name][0]}


def record(row: np.void) -> dict[str, int]:
    """The columns of a record row that are not null."""
    return told(row, RECORD_BLANK)


def container(row: np.void) -> dict[str, int]:
    """The columns of a container row that are not null."""
    return told(row, CONTAINER_BLANK)


def name(row: np.void) -> str:
    """The record type."""
    return cdr.ROOTS[int(row["type"])].name


def digits(text: str) -> int:
    """Digits as `formats.addresses` codes them."""
    return int(text.ljust(16, "f"), 16)


def write(path: Path, *parts: bytes) -> Path:
    """A file of some parts."""
    path.write_bytes(b"".join(parts))
    return path
