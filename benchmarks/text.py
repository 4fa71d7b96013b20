"""Text by a feed beside pyarrow's own CSV reader on the same file: a session xDR of 14 fields."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.cdr import Figure
from probe.archive_feed import FeedSource, read_feed
from probe.archive_files import Names
from probe.feed import load_feed

__all__ = ["figures", "make"]

FIELDS = ("start_time", "end_time", "imsi", "imei", "apn", "rat", "eci", "plmn", "ggsn_ip", "ue_ip", "ul_bytes",
          "dl_bytes", "cause_rec_closing", "charging_id")  # fmt: skip
START_MS = 1_795_287_600_000
WINDOW_NS = 900 * 10**9


def make(path: Path, rows: int) -> None:
    """Write a file of the feed `gn_xdr`, seeded."""
    dice = random.Random(3)
    with path.open("w") as file:
        file.write("|".join(FIELDS) + "\n")
        for number in range(rows):
            begin = START_MS + dice.randrange(3_600_000)
            model = 35_000_000 + 7919 * dice.randrange(400)
            file.write(
                f"{begin}|{begin + dice.randrange(1, 900_000)}|20893{dice.randrange(50_000):010d}"
                f"|{model}{dice.randrange(10**6):06d}01|{dice.choice(('internet', 'ims', 'iot'))}|6"
                f"|{180_149_776 + dice.randrange(500)}|20893|10.0.0.{dice.randrange(4)}"
                f"|100.64.{dice.randrange(256)}.{dice.randrange(256)}|{dice.randrange(1 << 20)}"
                f"|{dice.randrange(1 << 28)}|{dice.choice((17, 0, 4))}|{0x8000_0000 + number}\n"
            )


def _pyarrow(path: Path, types: dict[str, pa.DataType] | None) -> int:
    converting, parsing = pacsv.ConvertOptions(column_types=types), pacsv.ParseOptions(delimiter="|")
    reader = pacsv.open_csv(path, pacsv.ReadOptions(use_threads=False), parsing, converting)
    return sum(int(batch.num_rows) for batch in reader)


def _feed(path: Path) -> int:
    source = FeedSource(str(path), load_feed("gn_xdr"))
    return sum(some.read for some in read_feed(source, Names(), WINDOW_NS))


def figures(path: Path, passes: int = 7) -> Iterator[Figure]:
    """pyarrow with the types that it finds, with text only, and the feed; in turns, the best pass of each."""
    texts = dict.fromkeys(FIELDS, pa.string())
    contestants: dict[str, Callable[[], int]] = {
        "pyarrow CSV, types found": lambda: _pyarrow(path, None),
        "pyarrow CSV, text only": lambda: _pyarrow(path, texts),
        "text by a feed": lambda: _feed(path),
    }
    _feed(path)  # compiles
    best, rows = dict.fromkeys(contestants, float("inf")), dict.fromkeys(contestants, 0)
    for _ in range(passes):
        for who, read in contestants.items():
            began = time.perf_counter()
            rows[who] = read()
            best[who] = min(best[who], time.perf_counter() - began)
    if len(set(rows.values())) != 1:
        raise AssertionError(f"rows differ: {rows}")
    for who, seconds in best.items():
        yield Figure(who, rows[who], os.path.getsize(path), seconds)
