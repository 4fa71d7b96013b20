"""Pools and their index against a dict: rows taken, linked, found, unlinked, given back, with hashes that collide."""

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kernels import table
from kernels.jit import part
from tests.rows import examples

CAPACITY = 11
ROW = np.dtype([("key", "i8")], align=True)


@part
def rows_tagged(words, base, hashed, out):  # type: ignore[no-untyped-def]
    """Rows that the index finds under a hash, in probing order; returns how many."""
    index = table.index_of(words, base)
    tag = table.tag_of(hashed)
    mask = len(index) - 1
    count = 0
    slot, row = table.candidate(index, tag, tag & mask)
    while row >= 0:
        out[count] = row
        count += 1
        slot, row = table.candidate(index, tag, (slot + 1) & mask)
    return count


class Pool:
    """A pool that lies somewhere inside of a longer array of words."""

    base = table.POOL_WORDS

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.words = np.zeros(3 * table.POOL_WORDS, np.int64)
        self.words[: self.base] = self.words[2 * self.base :] = -7
        self.arrays = table.allocate(self.words[self.base : 2 * self.base], ROW, capacity)

    def count(self, name: str) -> int:
        return int(self.words[self.base + getattr(table, name)])

    def found(self, hashed: int) -> list[int]:
        out = np.zeros(64, np.int64)
        return out[: rows_tagged(self.words, self.base, np.uint64(hashed), out)].tolist()


# Few home slots (the low bits of the tag), some at the end of the index so that runs wrap around.
HOMES = st.sampled_from((0, 1, 2, 14, 15, 30, 31))
HASHES = st.builds(lambda home, high: (high << 60 | home << 33) & (2**64 - 1), HOMES, st.integers(0, 15))


class TableMachine(RuleBasedStateMachine):
    """Whatever is done, the pool and a dict agree."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Pool()
        self.linked: dict[int, int] = {}
        self.taken: set[int] = set()
        self.refused = 0

    @rule(hashed=HASHES)
    def take_and_link(self, hashed: int) -> None:
        row = int(table.take(self.pool.words, self.pool.base))
        if len(self.taken) == CAPACITY:
            self.refused += 1
            assert row == -1
            return
        assert 0 <= row < CAPACITY
        assert row not in self.taken
        self.taken.add(row)
        self.linked[row] = hashed
        table.link(self.pool.words, self.pool.base, np.uint64(hashed), row)

    @precondition(lambda self: self.linked)
    @rule(data=st.data())
    def unlink_and_give(self, data: Any) -> None:
        row = data.draw(st.sampled_from(sorted(self.linked)))
        table.unlink(self.pool.words, self.pool.base, np.uint64(self.linked.pop(row)), row)
        table.give(self.pool.words, self.pool.base, row)
        self.taken.remove(row)

    @precondition(lambda self: self.taken)
    @rule(hashed=HASHES, data=st.data())
    def unlink_what_is_not_there(self, hashed: int, data: Any) -> None:
        """A row number that is not in the run that the hash leads to: nothing changes."""
        if hashed not in self.linked.values():
            table.unlink(self.pool.words, self.pool.base, np.uint64(hashed), CAPACITY + 5)

    @rule(hashed=HASHES)
    def find(self, hashed: int) -> None:
        assert sorted(self.pool.found(hashed)) == sorted(row for row, h in self.linked.items() if h == hashed)

    @invariant()
    def all_are_found(self) -> None:
        for hashed in set(self.linked.values()):
            assert sorted(self.pool.found(hashed)) == sorted(row for row, h in self.linked.items() if h == hashed)
        assert np.count_nonzero(self.pool.arrays[1]) == len(self.linked)

    @invariant()
    def counters_agree(self) -> None:
        assert self.pool.count("LIVE") == len(self.taken)
        assert self.pool.count("REFUSED") == self.refused
        assert self.pool.count("HIGH") - self.pool.count("FREE") == len(self.taken)
        assert (self.pool.words[: self.pool.base] == -7).all()
        assert (self.pool.words[2 * self.pool.base :] == -7).all()


TestTable = TableMachine.TestCase
TestTable.settings = examples(60)


def test_a_full_table_refuses_and_counts() -> None:
    pool = Pool(3)
    assert [int(table.take(pool.words, pool.base)) for _ in range(5)] == [0, 1, 2, -1, -1]
    assert (pool.count("LIVE"), pool.count("REFUSED")) == (3, 2)
    table.give(pool.words, pool.base, 1)
    assert [int(table.take(pool.words, pool.base)) for _ in range(2)] == [1, -1]


@pytest.mark.parametrize("capacity", [1, 2, 3, 64, 1000])
def test_the_index_is_at_most_half_full(capacity: int) -> None:
    index = Pool(capacity).arrays[1]
    assert len(index) >= 2 * capacity
    assert len(index) & (len(index) - 1) == 0


def test_equal_tags_do_not_hide_each_other() -> None:
    pool = Pool()
    top = 2**64 - 1
    for row in range(CAPACITY):
        assert table.take(pool.words, pool.base) == row
        table.link(pool.words, pool.base, np.uint64(top), row)
    table.unlink(pool.words, pool.base, np.uint64(top), 4)
    assert pool.found(top) == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]


def test_many_rows_are_all_found() -> None:
    """However large the index is or becomes meanwhile, through linking and unlinking."""
    count = 5000
    pool = Pool(count)
    hashes = np.random.default_rng(5).integers(0, 2**64, count, np.uint64)
    hashes[::7] = hashes[0]
    for row in range(count):
        assert table.take(pool.words, pool.base) == row
        table.link(pool.words, pool.base, hashes[row], row)
    for row in range(0, count, 3):
        table.unlink(pool.words, pool.base, hashes[row], row)
        table.give(pool.words, pool.base, row)
    for row in range(1, count, 50):
        if row % 7:
            assert pool.found(int(hashes[row])) == ([row] if row % 3 else [])
    out = np.zeros(count, np.int64)
    found = rows_tagged(pool.words, pool.base, hashes[0], out)
    assert sorted(out[:found]) == [row for row in range(0, count, 7) if row % 3]
