"""A look at a file that nobody has described: its layout, its fields, what they are likely to be, and a draft feed."""

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from formats.feed import Feed
from probe.archive_files import open_packed
from probe.feed_read import FeedFile, layout_of, read_batches

__all__ = ["Seen", "draft", "look"]

SAMPLE = 256 << 10
_ADDRESSES = ("ue_ip", "server_ip", "gateway")
_ADDRESS = re.compile(r"^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*)$")
DELIMITERS = ",;|\t"


class Seen(NamedTuple):
    """One field: type, share of nulls (%), range, and the xDR column that it is likely to be."""

    name: str
    kind: str
    nulls: float
    low: str
    high: str
    guess: str
    time: str = ""


_TIMES = (
    (re.compile(r"^1[0-9]{9}$"), "epoch_s"),
    (re.compile(r"^1[0-9]{12}$"), "epoch_ms"),
    (re.compile(r"^1[0-9]{15}$"), "epoch_us"),
    (re.compile(r"^20[0-9]{12}$"), "%Y%m%d%H%M%S"),
    (re.compile(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"^20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?$"), "iso"),
)
_NAMES = (
    ("start_time", r"start|begin|seizure|orig|date|time|stamp"), ("answer_time", r"answer|connect"),
    ("end_time", r"end|stop|release|disconnect|hangup"), ("subscriber", r"imsi|supi|subscriber"),
    ("device_tac", r"imei|tac$|device"), ("cell", r"cell|ecgi|eci|cgi|nci|antenna"), ("apn", r"apn|dnn"),
    ("cause_code", r"cause"), ("outcome", r"outcome|status|result|disposition"), ("rat", r"^rat"),
    ("bytes_up", r"(ul|up).*(byte|oct|vol|data)|(byte|oct|vol|data).*(ul|up)"),
    ("bytes_down", r"(dl|down).*(byte|oct|vol|data)|(byte|oct|vol|data).*(dl|down)"),
    ("ue_ip", r"ue_?ip|user_?ip"), ("server_ip", r"server_?ip|dst_?ip|dest"), ("gateway", r"ggsn|pgw|gateway"),
    ("channel", r"channel"), ("kind", r"kind|type"), ("session_id", r"charging_?id|session"),
    ("call_id", r"call.*id|uuid|uniqueid"),
)  # fmt: skip


def _layout(path: str) -> Feed:
    """Format, delimiter and header of a file."""
    stream = open_packed(path)
    head = stream.read(SAMPLE)
    stream.close()
    blank = Feed("sample", "", "csv", "event", (), ())
    for magic, kind in ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"ORC", "orc")):
        if head.startswith(magic):
            return blank._replace(format=kind)
    if head.lstrip()[:1] == b"{":
        return blank._replace(format="jsonl")
    encoding = "utf8"
    try:
        text = head[: head.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        text, encoding = head.decode("latin-1"), "latin1"
    lines = text.splitlines()[:50]
    counts = {d: [len(row) for row in csv.reader(lines, delimiter=d)] for d in DELIMITERS}
    best = max(DELIMITERS, key=lambda d: (len(set(counts[d])) == 1, min(counts[d], default=0)))
    first = next(csv.reader(lines[:1], delimiter=best), [])
    header = bool(first) and len(set(first)) == len(first) and not any(re.search(r"\d{3}|^\d+$", f) for f in first)
    names = () if header else tuple(f"field_{i}" for i in range(1, len(first) + 1))
    return blank._replace(delimiter=best, header=header and all(first), encoding=encoding, columns=names)


def _seen(name: str, values: Sequence[object], taken: set[str]) -> Seen:
    texts = [str(v).strip() for v in values if v is not None and str(v).strip() != ""]
    nulls = 100 * (1 - len(texts) / max(len(values), 1))
    if not texts:
        return Seen(name, "empty", nulls, "", "", "")
    time = next((form for pattern, form in _TIMES if all(pattern.match(t) for t in texts)), "")
    numbers = all(re.fullmatch(r"[+-]?\d+(\.\d+)?", t) for t in texts)
    kind = "time" if time else "number" if numbers else "text"
    low, high = (min(texts, key=float), max(texts, key=float)) if numbers else (min(texts), max(texts))
    guess = _guess(name, texts, kind, nulls > 0, taken)
    taken.add(guess)
    return Seen(name, kind, nulls, low[:24], high[:24], guess, time)


def _guess(name: str, texts: Sequence[str], kind: str, nulls: bool, taken: set[str]) -> str:
    """The xDR column that a field is likely to be, by its name and its values; a time that some lack is an answer."""
    for column, pattern in _NAMES:
        is_time = column.endswith("_time")
        if column in taken or not re.search(pattern, name.lower()) or is_time != (kind == "time"):
            continue
        if column not in _ADDRESSES or all(_ADDRESS.match(text) for text in texts):
            return column
    if "subscriber" not in taken and all(re.fullmatch(r"[2-7]\d{13,14}", t) for t in texts):
        return "subscriber"
    if "cell" not in taken and all(re.fullmatch(r"[2-7]\d\d-\d{2,3}-\d+(-\d+)?", t) for t in texts):
        return "cell"
    if kind == "time":
        likely = ("start_time", "answer_time", "end_time") if nulls else ("start_time", "end_time")
        return next((c for c in likely if c not in taken), "")
    return ""


def look(path: str) -> tuple[Feed, list[Seen]]:
    """The layout of a file, and its fields by its first rows."""
    feed = _layout(path)
    names = layout_of(feed, path) if feed.format == "csv" else []
    rows = next(iter(read_batches(feed, FeedFile(path))), None)
    first = rows.batch if rows is not None else None
    batch = first.slice(0, 5000) if first is not None else pa.RecordBatch.from_pylist([])
    taken: set[str] = set()
    return feed, [_seen(name, batch.column(i).to_pylist(), taken) for i, name in enumerate(names or batch.schema.names)]


def _table_of(guesses: set[str]) -> str:
    if guesses & {"answer_time", "call_id"}:
        return "call"
    if guesses & {"bytes_up", "bytes_down"}:
        return "flow" if "server_ip" in guesses else "session"
    return "procedure" if {"cause_code", "outcome"} <= guesses else "event"


def draft(name: str, feed: Feed, seen: Sequence[Seen]) -> str:
    """A feed to edit, in TOML."""
    from probe.feed import feed_columns

    table = _table_of({each.guess for each in seen})
    word = re.sub(r"\W+", "_", name).strip("_").lower() or "feed"
    lines = [f'name = "{word}"', 'meaning = ""', f'format = "{feed.format}"', f'table = "{table}"']
    if feed.format == "csv":
        lines += [f"delimiter = {feed.delimiter!r}".replace("'", '"'), f"header = {str(feed.header).lower()}"]
        lines += [f'encoding = "{feed.encoding}"']
    if feed.columns:
        lines += ["columns = [" + ", ".join(f'"{c}"' for c in feed.columns) + "]"]
    known = feed_columns(table)
    mapped = [each for each in seen if each.guess in known]
    if feed.header:
        lines += ["", "[match]", "header = [" + ", ".join(f'"{each.name}"' for each in mapped) + "]"]
    for each in mapped:
        lines += ["", f"[map.{each.guess}]", f'from = "{each.name}"']
        lines += [f'time = "{each.time}"'] if each.time else []
    return "\n".join(lines)
