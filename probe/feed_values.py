"""Columns of a feed's file to numbers: times, digits, cells, addresses, words; and where a value is known."""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI, NO_DIGITS
from formats.feed import BYTES, MILLISECONDS, Source
from kernels.feed_text import addresses_of, digits_of, identities_of, integers_of

__all__ = [
    "Values",
    "addresses",
    "based",
    "cell_of",
    "digits",
    "each",
    "fast",
    "flag_of",
    "identities",
    "integers",
    "octets",
    "plain",
    "plmn_of",
    "reals",
    "scale_of",
    "slice_of",
    "text_of",
    "times",
    "told_of",
    "translated",
    "word_of",
]  # fmt: skip

_NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
_EPOCHS = {"epoch_s": 1e9, "epoch_ms": 1e6, "epoch_us": 1e3, "epoch_ns": 1.0}
_PLACES = {"epoch_s": 9, "epoch_ms": 6, "epoch_us": 3, "epoch_ns": 0}
"""Decimal places that make the unit ns."""
_TRUE, _FALSE = {"1", "true", "yes", "y", "t"}, {"0", "false", "no", "n", "f"}


Values = tuple[np.ndarray, np.ndarray]
"""Values, and bool[n] where one is known."""


def text_of(array: Any) -> pa.Array:
    """A column as strings."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def told_of(array: Any) -> np.ndarray:
    """bool[n]: where an array has a value."""
    if not array.null_count:
        return np.ones(len(array), bool)
    told: np.ndarray = array.is_valid().to_numpy(zero_copy_only=False)
    return told


def plain(array: pa.Array, null: Any, kind: Any) -> Values:
    """Values of `kind` as they are, `null` where there is none."""
    there = told_of(array)
    if not array.null_count:
        return array.to_numpy(zero_copy_only=False).astype(kind, copy=False), there
    return array.fill_null(null).to_numpy(zero_copy_only=False).astype(kind, copy=False), there


def reals(array: Any) -> pa.Array:
    """float64, null where the text is no number."""
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return array.cast(pa.float64())
    text = text_of(array)
    good = pc.match_substring_regex(text, _NUMBER)
    return pc.utf8_trim_whitespace(pc.if_else(good, text, pa.scalar(None, pa.string()))).cast(pa.float64())


def each(array: Any, read: Callable[[str], Any], null: Any, kind: Any) -> Values:
    """Read each distinct text once; `read` raises ValueError for what it cannot."""
    codes = text_of(array).dictionary_encode()
    table, known = [], []
    for text in codes.dictionary.to_pylist():
        try:
            table.append(read(text))
            known.append(True)
        except ValueError:
            table.append(null)
            known.append(False)
    at, there = plain(codes.indices, -1, np.int64)
    values = np.array([*table, null], dtype=kind)
    return values[at], np.array([*known, False])[at] & there


def _decimals(array: pa.Array) -> Values:
    """The digits of decimals without their point, as int64: exact where a double is not."""
    there = told_of(array)
    low = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset :: 2][: len(array)]
    return np.where(there, low, 0), there


def times(array: Any, source: Source) -> Values:
    """ns since 1970."""
    if pa.types.is_timestamp(array.type):
        return plain(array.cast(pa.timestamp("ns", array.type.tz)).cast(pa.int64()), 0, np.int64)
    if source.time in _EPOCHS:
        if pa.types.is_integer(array.type):
            values, there = plain(array.cast(pa.int64()), 0, np.int64)
            return values * int(_EPOCHS[source.time]), there
        values, there = integers(array)
        if values.dtype == np.int64:
            return values * int(_EPOCHS[source.time]), there
        digits = _PLACES[source.time]
        exact = pc.match_substring_regex(text_of(array), rf"^\d{{1,{19 - digits}}}(\.\d{{0,{digits}}})?$")
        if pc.all(exact).as_py():
            return _decimals(text_of(array).cast(pa.decimal128(38, digits)))
        values, there = plain(reals(array), 0.0, np.float64)
        return np.rint(values * _EPOCHS[source.time]).astype(np.int64), there
    if source.time == "iso":
        zone = ZoneInfo(source.zone)
        return each(array, lambda text: _iso(text, zone), 0, np.int64)
    naive = pc.strptime(text_of(array), format=source.time, unit="ns", error_is_null=True)
    if source.zone != "UTC":
        naive = pc.assume_timezone(naive, source.zone, ambiguous="earliest", nonexistent="latest")
    return plain(naive.cast(pa.int64()), 0, np.int64)


def _iso(text: str, zone: ZoneInfo) -> int:
    """ns of an ISO 8601 text; a time without offset is of `zone`."""
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000


def octets(text: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and octets of an array of strings; null is empty."""
    if text.null_count:
        text = text.fill_null("")
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    buffer = text.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None and buffer.size else np.zeros(1, np.uint8)
    return offsets, data


def digits(array: Any) -> Values:
    """Digits, coded as in `formats.addresses`."""
    text = text_of(array)
    out = np.empty(len(text), np.uint64)
    digits_of(*octets(text), out)
    return out, out != NO_DIGITS


def fast(array: Any, read: Callable[..., None], slow: Callable[[pa.Array], Values], kind: Any) -> Values:
    """Read texts by a kernel, and by `slow` those that it cannot."""
    text = text_of(array)
    told = told_of(text)
    out, good = np.empty(len(text), kind), np.empty(len(text), np.uint8)
    read(*octets(text), out, good)
    there = good.astype(bool) & told
    if (rest := np.flatnonzero(told & ~there)).size:
        values, known = slow(text.take(pa.array(rest)))
        out[rest], there[rest] = values, known
    return out, there


def integers(array: Any) -> Values:
    """float64 or int64 of numbers: plain digits by a kernel."""
    if not pa.types.is_string(array.type):
        return plain(reals(array), 0.0, np.float64)
    text = text_of(array)
    told = told_of(text)
    out, good = np.empty(len(text), np.int64), np.empty(len(text), np.uint8)
    integers_of(*octets(text), out, good)
    if (good.astype(bool) | ~told).all():
        return out, told
    return plain(reals(text), 0.0, np.float64)


def based(array: Any, base: int) -> Values:
    """int64 of whole numbers to a base."""
    if base == 10 and pa.types.is_string(array.type):
        values, there = integers(array)
        return values.astype(np.int64), there & (values == np.trunc(values))
    return each(array, lambda text: int(text, base), 0, np.int64)


def identities(array: Any) -> Values:
    """63 bits of each text."""
    text = text_of(array)
    out = np.empty(len(text), np.int64)
    identities_of(*octets(text), out)
    return out, told_of(text)


def addresses(array: Any) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Both halves of addresses: IPv4 by a kernel."""
    text = text_of(array)
    told = told_of(text)
    high, low, good = np.zeros(len(text), np.uint64), np.empty(len(text), np.uint64), np.empty(len(text), np.uint8)
    addresses_of(*octets(text), low, good)
    there = good.astype(bool) & told
    if (rest := np.flatnonzero(told & ~there)).size:
        others = text.take(pa.array(rest))
        high[rest], there[rest] = each(others, lambda text: _ip(text)[0], 0, np.uint64)
        low[rest], _ = each(others, lambda text: _ip(text)[1], 0, np.uint64)
    return (high, low), there


def plmn_of(text: str) -> int:
    """Six nibbles of MCC-MNC, MCCMNC."""
    digits = text.replace("-", "").strip()
    if not digits.isdigit() or len(digits) not in (5, 6):
        raise ValueError(text)
    return int(digits.ljust(6, "f"), 16)


def cell_of(text: str) -> int:
    """A coded cell of MCC-MNC-ECI, MCC-MNC-NCI (beyond 28 bits) or MCC-MNC-LAC-CI."""
    parts = text.strip().split("-")
    if len(parts) not in (3, 4):
        raise ValueError(text)
    network, numbers = plmn_of(parts[0] + parts[1]), [int(p) for p in parts[2:]]
    if len(numbers) == 2 and max(numbers) < 1 << 16:
        return CELL_CGI << 60 | network << 36 | numbers[0] << 16 | numbers[1]
    if len(numbers) != 1 or not 0 <= numbers[0] < 1 << 36:
        raise ValueError(text)
    return (CELL_ECGI if numbers[0] < 1 << 28 else CELL_NCGI) << 60 | network << 36 | numbers[0]


_SLICE = re.compile(r"(\d{1,3})(?:-([0-9a-fA-F]{6}))?")


def slice_of(text: str) -> int:
    """A coded S-NSSAI of SST or SST-SD; ValueError for anything else."""
    found = _SLICE.fullmatch(text.strip())
    if found is None or int(found[1]) > 255:
        raise ValueError(text)
    return int(found[1]) << 24 | (int(found[2], 16) if found[2] else 0xFF_FFFF)


def _ip(text: str) -> tuple[int, int]:
    address = ipaddress.ip_address(text.strip())
    number = int(address)
    return (0, number | 0xFFFF_0000_0000) if address.version == 4 else (number >> 64, number & (1 << 64) - 1)


def flag_of(text: str) -> int:
    """1 or 0 of true or false, yes or no."""
    word = text.strip().lower()
    if word in _TRUE:
        return 1
    if word in _FALSE:
        return 0
    raise ValueError(text)


def word_of(words: tuple[str, ...], text: str) -> int:
    """The position of a word in a column's values."""
    if text not in words[1:]:
        raise ValueError(text)
    return words.index(text)


def scale_of(kind: str, source: Source) -> float:
    """What a number is multiplied with: to octets, to ns."""
    if kind == "ms":
        return MILLISECONDS[source.unit or "ms"] * 1e6
    return BYTES[source.unit] if source.unit else 1.0


def translated(array: Any, source: Source) -> pa.Array:
    """A column through its value table; a value that the table does not name is `other`, or stays."""
    table = dict(source.values)
    codes = text_of(array).dictionary_encode()
    texts = [
        table.get(t.strip(), source.other if source.other is not None else t) or None
        for t in codes.dictionary.to_pylist()
    ]
    return pa.DictionaryArray.from_arrays(codes.indices, pa.array(texts, pa.string())).dictionary_decode()
