"""Feeds from their TOML files: read, checked field by field, and found by what a file looks like."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from formats import xdr
from formats.feed import BYTES, FORMATS, KEYS, MILLISECONDS, TABLES, Feed, Source
from probe.errors import InputError

__all__ = ["feed_columns", "load_feed", "shipped_feeds"]

SHIPPED = Path(__file__).resolve().parent.parent / "formats" / "feeds"

_EXTRA = {"subscriber": "digits", "device_tac": "digits"}
"""Derived columns that a feed fills: with the IMSI and the IMEI."""


_NOT_OF_RECORDS = {"cell_first", "cell_last", "source", "end_reason", "ue_ipv6", "dropped"}
"""Columns of a session that its records do not carry: found when they are put together, or not at all."""


def feed_columns(table: str) -> dict[str, str]:
    """The columns that a feed for `table` can fill, and their kinds."""
    declared = next(t for t in xdr.TABLES if t.name == table)
    kinds = {c.name: c.kind for c in declared.columns if c.kind not in ("derived", "cause")}
    kinds |= {name: kind for name, kind in _EXTRA.items() if any(c.name == name for c in declared.columns)}
    if table == "session":
        kinds["cell"] = "cell"
        kinds = {name: kind for name, kind in kinds.items() if name not in _NOT_OF_RECORDS}
    return kinds


class _Flawed(Exception):
    """What is wrong with a feed, in words."""


def _source(column: str, kind: str, told: Mapping[str, Any]) -> Source:
    """One [map.COLUMN]."""
    for key, value in told.items():
        if key not in KEYS:
            raise _Flawed(f"[map.{column}] says {key!r}: there are {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]):
            raise _Flawed(f"[map.{column}] {key} is {value!r}: expected {KEYS[key]}")
    if sum(key in told for key in ("from", "expression", "constant")) != 1:
        raise _Flawed(f"[map.{column}] needs one of from, expression, constant")
    units = {"count": BYTES, "ms": MILLISECONDS, "time": MILLISECONDS}.get(kind, {})
    unit = told.get("unit", "")
    if unit and unit not in units:
        raise _Flawed(f"[map.{column}] unit {unit!r}: expected {', '.join(units) or 'none'}")
    rest = {k: v for k, v in told.items() if k not in ("from", "values", "constant", "when")}
    values = tuple((str(k), str(v)) for k, v in told.get("values", {}).items())
    when = tuple((str(k), str(v)) for k, v in told.get("when", {}).items())
    constant = str(told["constant"]) if "constant" in told else ""
    return Source(field=str(told.get("from", "")), constant=constant, values=values, when=when, **rest)


def _counts(told: Any) -> tuple[int, ...]:
    """A number of columns or several, in order."""
    counts = (told,) if isinstance(told, int) else tuple(told)
    if not all(isinstance(count, int) for count in counts):
        raise _Flawed(f"[match] columns is {told!r}: expected a number or a list of numbers")
    return tuple(sorted(counts))


def _feed(told: Mapping[str, Any]) -> Feed:
    for key in ("name", "format", "table", "map"):
        if key not in told:
            raise _Flawed(f"{key} is missing")
    if told["format"] not in FORMATS:
        raise _Flawed(f"format {told['format']!r}: expected {', '.join(FORMATS)}")
    if told["table"] not in TABLES:
        raise _Flawed(f"table {told['table']!r}: expected {', '.join(TABLES)}")
    kinds = feed_columns(told["table"])
    for column in told["map"]:
        if column not in kinds:
            raise _Flawed(f"[map.{column}]: {told['table']} has no such column to fill; it has {', '.join(kinds)}")
    mapped = tuple((column, _source(column, kinds[column], say)) for column, say in told["map"].items())
    if "start_time" not in told["map"]:
        raise _Flawed("[map.start_time] is missing: a row without a time counts in no window")
    known = {"name", "meaning", "format", "table", "delimiter", "quote", "header", "skip", "encoding", "columns",
             "widths", "nulls", "match", "map", "ignore", "comment"}  # fmt: skip
    if more := set(told) - known:
        raise _Flawed(f"{sorted(more)[0]!r} is nothing that a feed says: there are {', '.join(sorted(known))}")
    match = told.get("match", {})
    plain: dict[str, Any] = {
        k: told[k] for k in ("delimiter", "quote", "header", "skip", "encoding", "comment") if k in told
    }
    lists: dict[str, Any] = {k: tuple(told[k]) for k in ("columns", "widths", "nulls", "ignore") if k in told}
    return Feed(
        told["name"], told.get("meaning", ""), told["format"], told["table"], lists.pop("columns", ()), mapped,
        match_header=tuple(match.get("header", ())), match_columns=_counts(match.get("columns", ())), **plain, **lists,
    )  # fmt: skip


def load_feed(name: str | Path) -> Feed:
    """A feed by the path of its file, or the name of a shipped one; InputError where it is none."""
    path = Path(name)
    if not path.exists() and (SHIPPED / f"{name}.toml").exists():
        path = SHIPPED / f"{name}.toml"
    try:
        return _feed(tomllib.loads(path.read_text("utf-8")))
    except OSError as problem:
        shipped = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise InputError(str(name), f"no feed: {problem.strerror}", remedy=f"Shipped are {shipped}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(str(path), f"not TOML: {problem}", remedy="See `wiregauge feed sample` for a draft.") from None
    except _Flawed as flaw:
        raise InputError(str(path), str(flaw), remedy="Correct the feed.") from None


@lru_cache
def shipped_feeds() -> tuple[Feed, ...]:
    """All feeds that come with the program."""
    return tuple(load_feed(path) for path in sorted(SHIPPED.glob("*.toml")))
