"""Kernel rows to Arrow: the columns of `formats.xdr`, identities as `probe.identity` says."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from formats import networks, services, xdr
from formats.nas import NO_SD
from formats.schema import cause_family, schema
from kernels import columns as k
from kernels import format_text
from kernels.group import encode, slots_for
from probe.identity import Identities, digits_text

__all__ = ["Names", "plain_table", "table_schema", "to_arrow"]


class Names(NamedTuple):
    """What turns numbers in kernel rows into text."""

    apns: Sequence[str]
    """access point names by row; it may grow between calls"""
    identities: Identities


@lru_cache
def table_schema(table: xdr.Table) -> pa.Schema:
    """The Arrow schema of `table`, made once."""
    return schema(table)


# --- the plan: which kernel fields go where, made once a table ---------------------------------------------------

_WIDE_KINDS = {"time": xdr.NEVER, "count": -1, "id": 0}
_OWN_CODES = {"ip", "cell", "slice", "digits"}


class _Plan(NamedTuple):
    lines: np.ndarray
    place: dict[str, tuple[int, int]]  # kernel field -> (row of the out matrix, row of the validity)
    sizes: tuple[int, int, int]


def _line(kind: str, field: str) -> tuple[int, int, int]:
    """(what, null, matrix) for a field of a column kind; hidden fields by their numpy type."""
    if kind in _WIDE_KINDS:
        return k.WIDE, _WIDE_KINDS[kind], 0
    by_kind = {
        "ms": (k.MILLISECONDS, -1, 1), "kbps": (k.REAL, 0, 1), "small": (k.SMALL, -1, 2), "apn": (k.SMALL, -1, 2),
        "flag": (k.SIGNED_OCTET, -1, 2), "enum": (k.OCTET, 0, 2),
    }  # fmt: skip
    if kind in by_kind:
        return by_kind[kind]
    return {"u8": (k.WIDE, 0, 0), "i8": (k.WIDE, 0, 0), "u1": (k.OCTET, -1, 2)}[field]


@lru_cache
def _plan(table: xdr.Table) -> _Plan:
    dtype, place, sizes = table.dtype, {}, [0, 0, 0]
    lines: list[tuple[int, ...]] = []
    fields = [(name, column.kind, code) for column in table.columns for name, code in column.fields()]
    fields += [(name, "hidden", code) for name, code in table.hidden]
    for name, kind, code in fields:
        what, null, matrix = _line(kind, code)
        size, offset = dtype[name].itemsize, dtype.fields[name][1]  # type: ignore[index]
        lines.append((what, offset // size, sizes[matrix], null))
        place[name] = (sizes[matrix], len(lines) - 1)
        sizes[matrix] += 1
    return _Plan(np.array(lines, np.int64), place, (sizes[0], sizes[1], sizes[2]))


class _Unpacked:
    """The columns of some kernel rows, before they become Arrow arrays."""

    def __init__(self, table: xdr.Table, rows: np.ndarray) -> None:
        plan = _plan(table)
        n = rows.size
        rows = np.ascontiguousarray(rows)
        self.n, self.place = n, plan.place
        types = (np.int64, np.float64, np.int32)
        self.outs = tuple(np.empty((m, n), t) for m, t in zip(plan.sizes, types, strict=True))
        self.valid = np.zeros((len(plan.lines), (n + 7) // 8), np.uint8)
        self.nulls = np.zeros(len(plan.lines), np.int64)
        width, kinds = rows.dtype.itemsize, (np.int64, np.float64, np.int32, np.uint8, np.int8)
        views = tuple(rows.view(t).reshape(n, width // np.dtype(t).itemsize) for t in kinds)
        k.unpack(views, plan.lines, self.outs, self.valid, self.nulls)

    def values(self, name: str, matrix: int) -> np.ndarray:
        """The column `name` from matrix 0 (int64), 1 (float64) or 2 (int32)."""
        out: np.ndarray = self.outs[matrix][self.place[name][0]]
        return out

    def words(self, name: str) -> np.ndarray:
        """A coded column as uint64[n]."""
        return self.values(name, 0).view(np.uint64)

    def array(self, name: str, matrix: int, kind: pa.DataType) -> pa.Array:
        """The column `name` as an Arrow array of fixed width."""
        line = self.place[name][1]
        return _fixed(kind, self.values(name, matrix), self.valid[line], int(self.nulls[line]))


def _fixed(kind: pa.DataType, values: np.ndarray, valid: np.ndarray, nulls: int) -> pa.Array:
    bitmap = pa.py_buffer(valid) if nulls else None
    return pa.Array.from_buffers(kind, values.size, [bitmap, pa.py_buffer(values)], nulls)


# --- text --------------------------------------------------------------------------------------------------------


def _text(n: int, width: int, fill: Callable[[np.ndarray, np.ndarray], int]) -> pa.Array:
    """A string array from a `format_*` kernel; null where it wrote nothing."""
    offsets, data = np.empty(n + 1, np.int32), np.empty(n * width, np.uint8)
    used = fill(offsets, data)
    valid = np.zeros((n + 7) // 8, np.uint8)
    nulls = k.validity_of_text(offsets, valid)
    buffers = [pa.py_buffer(valid) if nulls else None, pa.py_buffer(offsets), pa.py_buffer(data[:used])]
    return pa.Array.from_buffers(pa.string(), n, buffers, nulls)


def _ips(hi: np.ndarray, lo: np.ndarray) -> pa.Array:
    return _text(hi.size, format_text.WIDTH_IP, lambda offsets, data: format_text.format_ips(hi, lo, offsets, data))


def _cells(cells: np.ndarray) -> pa.Array:
    return _text(
        cells.size, format_text.WIDTH_CELL, lambda offsets, data: format_text.format_cells(cells, offsets, data)
    )


def _digit_texts(values: np.ndarray, count: int) -> pa.Array:
    def fill(offsets: np.ndarray, data: np.ndarray) -> int:
        used: int = format_text.format_digits(values, count, offsets, data)
        return used

    return _text(values.size, format_text.WIDTH_DIGITS, fill)


def distinct(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """keys: uint64[n] -> codes int32[n] and the distinct keys uint64[m] in order of first appearance."""
    codes, found = np.empty(keys.size, np.int32), np.empty(keys.size, np.uint64)
    count = encode(keys, np.full(slots_for(keys.size), -1, np.int32), codes, found)
    return codes, found[:count]


def _coded(codes: np.ndarray, texts: pa.Array) -> pa.DictionaryArray:
    """codes: int32[n] rows of `texts` (negative null) -> dictionary array; texts may repeat and be null."""
    unique = texts.dictionary_encode()
    table = unique.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    out, valid = np.empty(codes.size, np.int32), np.zeros((codes.size + 7) // 8, np.uint8)
    nulls = k.look_up(codes, np.ascontiguousarray(table), out, valid)
    return pa.DictionaryArray.from_arrays(_fixed(pa.int32(), out, valid, nulls), unique.dictionary, safe=False)


def _strings(texts: Sequence[str | None]) -> pa.Array:
    return pa.array(texts, pa.string())


# --- columns by kind ---------------------------------------------------------------------------------------------


def _enum(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    codes = u.array(column.name, 2, pa.int32())
    values = column.values[1:]
    if u.n and int(u.values(column.name, 2).max()) >= len(values):  # a code of a later version: named by its number
        values += tuple(f"code_{i + 1}" for i in range(len(values), 255))
    return pa.DictionaryArray.from_arrays(codes, _strings(values), safe=False)


def _apn(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    rows = u.values(column.name, 2).copy()
    bits = np.unpackbits(u.valid[u.place[column.name][1]], count=u.n, bitorder="little")
    rows[bits == 0] = -1
    rows[rows >= len(names.apns)] = -1
    used = np.unique(rows[rows >= 0])
    table = np.full(len(names.apns) + 1, -1, np.int32)
    table[used] = np.arange(used.size, dtype=np.int32)
    codes = np.where(rows >= 0, table[rows], np.int32(-1)).astype(np.int32)
    return _coded(codes, _strings([names.apns[i] or None for i in used.tolist()]))


def _cell(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    codes, cells = distinct(u.words(column.name))
    return _coded(codes, _cells(cells))


def slice_text(value: int) -> str | None:
    """`SST` or `SST-SD` of SST << 24 | SD (TS 23.003 §28.4.2); None for none."""
    if value < 0:
        return None
    sst, sd = value >> 24, value & NO_SD
    return str(sst) if sd == NO_SD else f"{sst}-{sd:06x}"


def _slice(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    codes, slices = distinct(u.words(column.name))
    return _coded(codes, _strings([slice_text(int(value)) for value in slices.view(np.int64)]))


def _ip(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    return _ips(u.words(f"{column.name}_hi"), u.words(f"{column.name}_lo"))


def _flag(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    line = u.place[column.name][1]
    bits = pa.py_buffer(np.packbits(u.values(column.name, 2) != 0, bitorder="little"))
    nulls = int(u.nulls[line])
    return pa.Array.from_buffers(pa.bool_(), u.n, [pa.py_buffer(u.valid[line]) if nulls else None, bits], nulls)


def cause_texts(families: np.ndarray, codes: np.ndarray) -> list[str | None]:
    """The words of the standards for pairs of (cause family, code); None where the family is none or unknown."""
    from formats.causes import CAUSES

    texts: list[str | None] = []
    for family, code in zip(families.tolist(), codes.tolist(), strict=True):
        words = CAUSES.get(cause_family(family))
        texts.append(None if words is None or code < 0 else words.get(code, f"{cause_family(family)} {code}"))
    return texts


def _cause(u: _Unpacked, column: xdr.Column, names: Names) -> pa.Array:
    line = u.place["cause_code"][1]
    there = np.unpackbits(u.valid[line], count=u.n, bitorder="little").astype(bool)
    code = np.where(there, u.values("cause_code", 2), -1).astype(np.int64)
    codes, pairs = distinct(
        ((u.values("cause_family", 2).astype(np.int64) << 32) | (code & 0xFFFFFFFF)).view(np.uint64)
    )
    low = (pairs & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.int32)
    return _coded(codes, _strings(cause_texts((pairs >> np.uint64(32)).astype(np.int64), low)))


_KINDS: dict[str, Callable[[_Unpacked, xdr.Column, Names], pa.Array]] = {
    "time": lambda u, c, _: u.array(c.name, 0, pa.timestamp("ns", tz="UTC")),
    "ms": lambda u, c, _: u.array(c.name, 1, pa.float64()),
    "kbps": lambda u, c, _: u.array(c.name, 1, pa.float64()),
    "count": lambda u, c, _: u.array(c.name, 0, pa.int64()),
    "id": lambda u, c, _: u.array(c.name, 0, pa.int64()),
    "small": lambda u, c, _: u.array(c.name, 2, pa.int32()),
    "flag": _flag,
    "digits": lambda u, c, _: _digit_texts(u.words(c.name), 16),
    "ip": _ip,
    "cell": _cell,
    "slice": _slice,
    "apn": _apn,
    "enum": _enum,
    "cause": _cause,
}


# --- derived columns ---------------------------------------------------------------------------------------------


def _who(u: _Unpacked, names: Names) -> dict[str, pa.Array]:
    """subscriber, home_plmn, device_tac."""
    codes, imsis = distinct(u.words("imsi"))
    short = imsis >> np.uint64(40)
    kinds, kind_of = np.unique(short, return_inverse=True)
    plmns = [networks.plmn_of_imsi(digits_text((int(s) << 40) | 0xFFFFFFFFFF)) for s in kinds]
    tac_codes, tacs = distinct(u.words("imei") | np.uint64(0xFFFFFFFF))
    tac_texts = [t if len(t) == 8 else None for t in (digits_text(int(tac)) for tac in tacs)]
    return {
        "subscriber": _coded(codes, _strings(names.identities.texts(imsis))),
        "home_plmn": _coded(kind_of.astype(np.int32)[codes], _strings(plmns)),
        "device_tac": _coded(tac_codes, _strings(tac_texts)),
    }


@lru_cache
def _ports() -> np.ndarray:
    """int32[2, 65536]: row of SERVICES by TCP and UDP port, -1 none."""
    ports = np.full((2, 65536), -1, np.int32)
    for row, service in enumerate(services.SERVICES):
        ports[0, list(service.tcp)] = row
        ports[1, list(service.udp)] = row
    return ports


def _service(u: _Unpacked) -> pa.Array:
    ports, protocol = np.clip(u.values("server_port", 2), 0, 65535), u.values("ip_protocol", 2)
    codes = np.where(protocol == services.TCP, _ports()[0][ports], -1).astype(np.int32)
    udp = protocol == services.UDP
    codes[udp] = _ports()[1][ports[udp]]
    codes[(u.values("quic", 2) == 1) & udp] = len(services.SERVICES)
    return _coded(codes, _strings([*(s.name for s in services.SERVICES), services.QUIC]))


def _nothing(n: int) -> pa.Array:
    return _coded(np.full(n, -1, np.int32), _strings([]))


def _derived(u: _Unpacked, table: xdr.Table, names: Names) -> dict[str, pa.Array]:
    out = {c.name: None for c in table.columns if c.kind == "derived"}
    if "subscriber" in out:
        out.update(_who(u, names))
    if "service" in out:
        out["service"] = _service(u)
    return {name: _nothing(u.n) if array is None else array for name, array in out.items()}


def to_arrow(table: xdr.Table, rows: np.ndarray, names: Names) -> pa.Table:
    """Kernel rows (`table.dtype`[n]) as an Arrow table of `table_schema(table)`."""
    u = _Unpacked(table, rows)
    derived = _derived(u, table, names)
    arrays: list[Any] = [derived[c.name] if c.name in derived else _KINDS[c.kind](u, c, names) for c in table.columns]
    return pa.Table.from_arrays(arrays, schema=table_schema(table))


def plain_table(table: xdr.Table, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows of a table that the probe fills itself, a value a column (times in ns), as an Arrow table."""
    fields = table_schema(table)
    columns = zip(*rows, strict=True) if rows else [()] * len(fields)
    arrays = []
    for column, field in zip(columns, fields, strict=True):
        if pa.types.is_dictionary(field.type):
            arrays.append(pa.array(column, pa.string()).dictionary_encode())
        else:
            kind = pa.int64() if pa.types.is_timestamp(field.type) else field.type
            arrays.append(pa.array(column, kind).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=fields)
