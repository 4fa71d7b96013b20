"""Views of arrays by their address: what is written through one is read through the other, compiled or not."""

import numpy as np
import pytest
from numba import config

from kernels import memory
from kernels.jit import part

ROW = np.dtype([("small", "u1"), ("wide", "i8"), ("pair", "i4", (2,))], align=True)
BASE, ADDRESS, LENGTH = 5, 2, 7


def words_for(array: np.ndarray) -> np.ndarray:
    words = np.full(32, -1, np.int64)
    words[BASE + ADDRESS], words[BASE + LENGTH] = array.ctypes.data, len(array)
    return words


rows_of = memory.view(ROW, ADDRESS, LENGTH)
numbers_of = memory.view(np.dtype(np.int64), ADDRESS, LENGTH)
grid_of = memory.view(np.dtype(np.uint8), ADDRESS, LENGTH, 3)


@part
def write_rows(words, base):  # type: ignore[no-untyped-def]
    """Fill rows through a view."""
    rows = rows_of(words, base)
    for k in range(len(rows)):
        r = rows[k]
        r.small, r.wide = k + 1, -(k + 2)
        r.pair[0], r.pair[1] = k, 2 * k
    return len(rows)


@part
def add_numbers(words, base):  # type: ignore[no-untyped-def]
    """Sum and double through a view."""
    numbers = numbers_of(words, base)
    total = 0
    for k in range(len(numbers)):
        total += numbers[k]
        numbers[k] *= 2
    return total


@part
def write_grid(words, base):  # type: ignore[no-untyped-def]
    """Fill a table of two dimensions through a view."""
    grid = grid_of(words, base)
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            grid[i, j] = 10 * i + j
        row = grid[i]
        row[0] += 100
    return grid.shape[0] * grid.shape[1]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_rows_are_those_of_the_array(count: int) -> None:
    rows = np.zeros(count, ROW)
    assert write_rows(words_for(rows), BASE) == count
    assert rows["small"].tolist() == [k + 1 for k in range(count)]
    assert rows["wide"].tolist() == [-(k + 2) for k in range(count)]
    assert rows["pair"].tolist() == [[k, 2 * k] for k in range(count)]


def test_numbers_are_those_of_the_array() -> None:
    numbers = np.array([3, -5, 2**61], np.int64)
    words = words_for(numbers)
    assert add_numbers(words, BASE) == 2**61 - 2
    assert numbers.tolist() == [6, -10, 2**62]
    assert np.delete(words, [BASE + ADDRESS, BASE + LENGTH]).tolist() == [-1] * 30


def test_two_dimensions() -> None:
    grid = np.zeros((4, 3), np.uint8)
    assert write_grid(words_for(grid), BASE) == 12
    assert grid.tolist() == [[10 * i + 100 * (j == 0) + j for j in range(3)] for i in range(4)]


def test_interpreted_views_are_the_same() -> None:
    """The stand-in for the compiler's view, whether or not the compiler is on."""
    rows, grid = np.zeros(3, ROW), np.zeros((4, 3), np.uint8)
    seen = memory._interpreted(ROW, ADDRESS, LENGTH, 0)(words_for(rows), BASE)
    seen[1].wide = 7
    seen[2].pair[1] = 8
    assert rows["wide"].tolist() == [0, 7, 0]
    assert rows["pair"].tolist() == [[0, 0], [0, 0], [0, 8]]
    memory._interpreted(np.dtype(np.uint8), ADDRESS, LENGTH, 3)(words_for(grid), BASE)[3, 2] = 9
    assert grid[3, 2] == 9
    assert len(memory._interpreted(ROW, ADDRESS, LENGTH, 0)(words_for(rows[:0]), BASE)) == 0


def test_which_view_is_made() -> None:
    assert (rows_of.__qualname__.startswith("_interpreted")) == bool(config.DISABLE_JIT)
