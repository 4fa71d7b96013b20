"""Several sources as one stream: in order of time, every packet once with its octets, equal times together."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from formats.capture import TS_MAX
from formats.records import RECORD
from kernels.gather import gather
from probe import merge
from probe.merge import Batch, batches
from probe.sources import Block
from tests.rows import examples


@pytest.fixture(autouse=True, scope="module")
def records_by_attribute() -> Iterator[None]:
    """Interpreted, the kernel that copies records wants their fields by attribute."""
    if not config.DISABLE_JIT:
        yield
        return

    def plain(data, records, begin, end, out_data, out_records, places):  # type: ignore[no-untyped-def]
        gather(data, records.view(np.recarray), begin, end, out_data, out_records.view(np.recarray), places)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "gather", plain)
        yield


class Memory:
    """A source whose blocks are lists of times; it knows what is read and not yet released."""

    open_blocks = 0
    most_open = 0

    def __init__(self, index: int, blocks: list[list[int]]) -> None:
        self.index, self.name = index, f"source {index}"
        self.times = [t for block in blocks for t in block]
        self.first_ts = self.times[0] if self.times else TS_MAX
        self.damage: list[object] = []
        self._blocks: Iterator[Block] = iter(self._made(blocks))
        self.held: dict[int, Block] = {}

    def _made(self, blocks: list[list[int]]) -> list[Block]:
        out, number = [], 0
        for times in blocks:
            records, data = np.zeros(len(times), RECORD), bytearray(b"\xee" * 5)
            for k, ts in enumerate(times):
                content = self.content(number)
                records[k] = (ts, len(data), len(content), len(content) + 4, 1, self.index)
                data += content + b"\xdd"
                number += 1
            out.append(Block(np.frombuffer(bytes(data), np.uint8).copy(), records, None))  # type: ignore[arg-type]
        return out

    def content(self, number: int) -> bytes:
        return f"{self.index}/{number}".encode() * (number % 3)

    def read(self) -> Block | None:
        block = next(self._blocks, None)
        if block is not None:
            self.held[id(block)] = block
            Memory.open_blocks += 1
            Memory.most_open = max(Memory.most_open, Memory.open_blocks)
        return block

    def release(self, block: Block) -> None:
        """As a buffer that is used again: what was in it is gone."""
        del self.held[id(block)]
        Memory.open_blocks -= 1
        block.data[:] = 0xFF
        block.records["captured"] = -1


def run(sources: list[Memory]) -> list[list[tuple[int, int, bytes, int]]]:
    """Batches as lists of (time, source, octets, octets on the wire)."""
    Memory.open_blocks = Memory.most_open = 0
    out = []
    for batch in batches(sources):  # type: ignore[arg-type]
        assert isinstance(batch, Batch)
        data = batch.data
        out.append([
            (int(r["ts"]), int(r["source"]), data[r["offset"] : r["offset"] + r["captured"]].tobytes(), int(r["wire"]))
            for r in batch.records
        ])  # fmt: skip
        assert out[-1], "an empty batch"
        batch.release()
    assert not any(source.held for source in sources), "a block was never released"
    return out


def expected(sources: list[Memory]) -> Counter[tuple[int, int, bytes, int]]:
    return Counter((ts, s.index, s.content(k), len(s.content(k)) + 4) for s in sources for k, ts in enumerate(s.times))


def running(sources: list[Memory]) -> dict[int, list[int]]:
    """By source: the time that each packet counts as."""
    return {s.index: np.maximum.accumulate(s.times).tolist() if s.times else [] for s in sources}


def with_keys(out: list[list[tuple[int, int, bytes, int]]], sources: list[Memory]) -> list[list[int]]:
    """By batch: the times that its packets count as; each source in its own order."""
    left = {index: iter(keys) for index, keys in running(sources).items()}
    times = {s.index: iter(s.times) for s in sources}
    for batch in out:
        for ts, source, _, _ in batch:
            assert next(times[source]) == ts, "a source is out of its order"
    return [[next(left[source]) for _, source, _, _ in batch] for batch in out]


TIMES = st.lists(st.integers(0, 12), min_size=1, max_size=8)
SORTED = TIMES.map(sorted)
BLOCKS = st.lists(st.one_of(SORTED, SORTED, TIMES), max_size=5)


@st.composite
def sources_of(draw: st.DrawFn) -> list[Memory]:
    """Sources that overlap in time or follow each other, with few distinct times."""
    out = []
    for index in range(draw(st.integers(0, 4))):
        blocks = draw(BLOCKS)
        if draw(st.booleans()):
            flat = sorted(t for block in blocks for t in block)
            cut = iter(flat)
            blocks = [[next(cut) for _ in block] for block in blocks]
        shift = draw(st.sampled_from((0, 0, 6, 12, 13, 100)))
        out.append(Memory(index, [[1000 + t + shift for t in block] for block in blocks]))
    return out


@examples(300)
@given(sources_of())
def test_every_packet_once_in_order_of_time(sources: list[Memory]) -> None:
    out = run(sources)
    assert Counter(packet for batch in out for packet in batch) == expected(sources)
    keys = with_keys(out, sources)
    flat = [key for batch in keys for key in batch]
    assert flat == sorted(flat)
    for one, two in pairwise(keys):
        assert one[-1] < two[0], "packets of one time in two batches"


@examples(300)
@given(sources_of())
def test_equal_times_stand_by_source(sources: list[Memory]) -> None:
    """So the result does not depend on how files are cut into blocks."""
    out = run(sources)
    keys = with_keys(out, sources)
    flat = [
        (key, packet[1])
        for batch, packets in zip(keys, out, strict=True)
        for key, packet in zip(batch, packets, strict=True)
    ]
    assert flat == sorted(flat)


@examples(60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_a_source_alone_is_passed_on_as_it_lies(sizes: list[int]) -> None:
    starts = np.cumsum([0, *sizes])
    blocks = [list(range(a, b)) for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)]
    assert [len(batch) for batch in run([Memory(0, blocks)])] == sizes


def test_a_time_over_many_blocks_is_one_batch() -> None:
    out = run([Memory(0, [[1, 5], [5], [5, 5], [5, 9]]), Memory(1, [[5, 5], [5, 7]])])
    assert max([ts for ts, *_ in batch].count(5) for batch in out) == 8


def test_memory_is_two_blocks_a_source_that_is_open() -> None:
    count = 3
    run([Memory(k, [[10 * b + i for i in range(10)] for b in range(50)]) for k in range(count)])
    assert Memory.most_open <= 3 * count
    # one after the other: never more than those of two
    run([Memory(k, [[1000 * k + 10 * b + i for i in range(10)] for b in range(20)]) for k in range(9)])
    assert Memory.most_open <= 4


def test_a_flood_of_one_time_is_cut_and_nothing_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MERGED_RECORDS", 10)
    sources = [Memory(0, [[5] * 7 for _ in range(9)]), Memory(1, [[5] * 7 for _ in range(9)]), Memory(2, [[4, 6]])]
    out = run(sources)
    assert Counter(packet for batch in out for packet in batch) == expected(sources)
    flat = [key for batch in with_keys(out, sources) for key in batch]
    assert flat == sorted(flat)
    assert max(map(len, out)) <= 60


def test_nothing_at_all() -> None:
    assert run([]) == []
    assert run([Memory(0, []), Memory(1, [])]) == []
    assert [len(batch) for batch in run([Memory(0, []), Memory(1, [[1, 2]]), Memory(2, [])])] == [2]
