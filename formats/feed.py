"""What a feed may say: how a file of text or columns is laid out, and how its fields become xDR columns.

A feed is one TOML file:

    name = "gn_xdr"                 # how people call it
    meaning = "..."
    format = "csv"                  # csv, fixed, jsonl, parquet, arrow, orc
    table = "call"                  # the xDR table that a row becomes
    delimiter = ","                 # csv; also quote, header, skip, encoding, columns, comment; fixed: widths
    nulls = ["", "NULL"]
    [match]                         # what its files have: `header` names, or a number of `columns` (or several)
    header = ["start_time", "imsi"]
    [map.start_time]
    from = "start"                  # name of a source field, or its position from 1; or `expression`, or `constant`
    time = "%Y-%m-%d %H:%M:%S"      # or iso, epoch_s, epoch_ms, epoch_us, epoch_ns
    zone = "Europe/Paris"           # of times that name none; UTC where it is left out
    [map.outcome]
    from = "disposition"
    values = { ANSWERED = "answered", BUSY = "busy" }
    other = "failed"                # what no value names; "" is null, left out: the value itself
    when = { proto = "tcp" }        # null in rows in which other fields say something else
"""

from typing import Any, NamedTuple

__all__ = ["BYTES", "FORMATS", "MILLISECONDS", "TABLES", "TIMES", "Feed", "Source"]

FORMATS = ("csv", "fixed", "jsonl", "parquet", "arrow", "orc")
TABLES = ("flow", "session", "procedure", "call", "event")
"""The xDR tables that a row of a feed can become. A row of `session` also gives its `presence` and `flow` rows."""
TIMES = ("iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 2.0**20, "64 octets": 64.0, "bit": 0.125}
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6}
"""Units of a source field, in the unit of the xDR column."""


class Source(NamedTuple):
    """Where an xDR column comes from: one of `field`, `expression`, `constant`; the rest says how it is read.

    after: for times, a column to which this one (a duration) is added. form: for cells, `text`, `ecgi`, `cgi`, with
    `plmn` and `area` naming the fields of the network and the area; base: of the numbers in them. when: fields and the
    values that they must have.
    """

    field: str = ""
    expression: str = ""
    constant: str = ""
    time: str = "iso"
    zone: str = "UTC"
    unit: str = ""
    values: tuple[tuple[str, str], ...] = ()
    other: str | None = None
    after: str = ""
    form: str = "text"
    plmn: str = ""
    area: str = ""
    base: int = 10
    required: bool = False
    when: tuple[tuple[str, str], ...] = ()


class Feed(NamedTuple):
    """One feed.

    comment: what lines that are no rows begin with; of those at the start, one that goes on with `fields` names them.
    """

    name: str
    meaning: str
    format: str
    table: str
    columns: tuple[str, ...]
    map: tuple[tuple[str, Source], ...]
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    skip: int = 0
    encoding: str = "utf8"
    widths: tuple[int, ...] = ()
    nulls: tuple[str, ...] = ("",)
    match_header: tuple[str, ...] = ()
    match_columns: tuple[int, ...] = ()
    ignore: tuple[str, ...] = ()
    comment: str = ""

    def sources(self) -> dict[str, Source]:
        """The map by xDR column."""
        return dict(self.map)


KEYS: dict[str, Any] = {
    "from": (str, int), "expression": str, "constant": (str, int, float, bool), "time": str, "zone": str, "unit": str,
    "values": dict, "other": str, "after": str, "form": str, "plmn": str, "area": str, "base": int, "required": bool,
    "when": dict,
}  # fmt: skip
"""What a [map.COLUMN] may say, and of which type."""
