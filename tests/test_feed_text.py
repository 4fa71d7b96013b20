"""Text columns by kernels beside Python's own readers of the same texts."""

import ipaddress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.feed_text import addresses_of, cells_of, integers_of
from probe.feed_values import cell_of, octets
from tests.rows import examples


def read(kernel, texts: list[str], kind) -> list[int | None]:
    out, good = np.zeros(len(texts), kind), np.zeros(len(texts), np.uint8)
    kernel(*octets(pa.array(texts, pa.string())), out, good)
    return [int(value) if there else None for value, there in zip(out, good, strict=True)]


@given(st.lists(st.integers(-(10**17), 10**17), max_size=8))
@examples(50)
def test_integers(numbers: list[int]) -> None:
    assert read(integers_of, [str(n) for n in numbers], np.int64) == numbers


@pytest.mark.parametrize("text", ["", "-", "1.5", "x", "1 ", "1e3", "9" * 19])
def test_no_integers(text: str) -> None:
    assert read(integers_of, [text], np.int64) == [None]


@given(st.lists(st.ip_addresses(v=4).filter(lambda a: int(a) > 0), max_size=8))
@examples(50)
def test_addresses(addresses: list[ipaddress.IPv4Address]) -> None:
    assert read(addresses_of, list(map(str, addresses)), np.uint64) == [int(a) | 0xFFFF_0000_0000 for a in addresses]


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "2001:db8::1", "a.b.c.d", "1..2.3"])
def test_no_ipv4_addresses(text: str) -> None:
    assert read(addresses_of, [text], np.uint64) == [None]


@given(
    st.integers(0, 999), st.integers(2, 3), st.integers(0, 99), st.lists(st.integers(0, 65535), min_size=1, max_size=2)
)
@examples(80)
def test_cells(mcc: int, digits: int, mnc: int, rest: list[int]) -> None:
    text = "-".join([f"{mcc:03d}", f"{mnc:0{digits}d}", *map(str, rest)])
    assert read(cells_of, [text], np.uint64) == [cell_of(text)]


@pytest.mark.parametrize(
    "text", ["", "208", "208-93", "208-93-", "20-93-1", "208-93-1-2-3", "208-93-70000-1", "208-9-1", "x"]
)
def test_no_cells(text: str) -> None:
    assert read(cells_of, [text], np.uint64) == [None]
