"""Rules of alerts: what a catalogue says under `[[alert]]`, and the rows by which counts within a period are kept.

Two kinds. A rule over a KPI looks at each row of a KPI table when its window is over:

    [[alert]]
    id = "cell_drops"
    kpi = "session_drop_pct"
    grain = "cell"
    open = "value > 5"              # a comparison with a number comes first; `and ...` may follow
    close = "value < 3"             # without it: when `open` is no longer true
    min_sample = 50                 # of the KPI's denominator, or of what `sample` names
    for = "2 windows"               # or "30m": so long in a row, before it opens and before it closes
    against = "day_ago"             # then `open` and `close` may name `change` (%), `difference` and `baseline`

A rule over a table counts rows of one key within a period that slides over the time of the rows:

    [[alert]]
    id = "dropping_subscriber"
    table = "session"
    where = "dropped == true"
    key = ["subscriber"]
    time = "end_time"
    count = 3
    within = "1h"
    close = 0                       # closed when no more than so many are left within the period
"""

from typing import NamedTuple

import numpy as np

from formats.kpi_parts import Where

__all__ = ["AGAINST", "CHANGE", "CLOSED", "HAPPENING", "MOST_COUNTED", "OPENED", "RULE_KEYS", "SEVERITIES", "STATES",
           "UPDATED", "WITHDRAWN", "WORDS", "CountRule", "KpiRule", "Rule"]  # fmt: skip

SEVERITIES = ("critical", "major", "minor", "warning")
"""ITU-T X.733 §8.1.2.3, perceived severity."""
OPENED, UPDATED, CLOSED = 1, 2, 4
STATES = {OPENED: "opened", UPDATED: "updated", CLOSED: "closed"}
WITHDRAWN = "withdrawn"
"""Only in what is sent: rows that came late have shown that what was told did not happen so."""

AGAINST = {"previous": (0, 1), "day_ago": (86_400, 1), "week_ago": (7 * 86_400, 1), "days": (86_400, 7),
           "weeks": (7 * 86_400, 4)}  # fmt: skip
"""What a value is compared with: how many seconds ago (0: one window), and of how many such times the median."""
WORDS = ("value", "baseline", "change", "difference")
"""What `open` and `close` can name beside counters and KPIs."""
MOST_COUNTED = 1_000_000

_COMMON = {"id", "name", "severity", "description", "close"}
RULE_KEYS = {
    "kpi": _COMMON
    | {"kpi", "grain", "open", "min_sample", "sample", "for", "close_for", "against", "window", "silence"},
    "table": _COMMON | {"table", "where", "key", "time", "count", "within", "evidence"},
}


class KpiRule(NamedTuple):
    """A threshold on a KPI of a grain.

    level: what is compared with `threshold`, an expression; lower: whether a lower level is worse.
    open_for, close_for: (windows, 0) or (0, seconds). window_s: only for windows of this length, 0 for any.
    silence_s: an open alert is closed when for so long there was no value to judge.
    """

    id: str
    name: str
    severity: str
    description: str
    kpi: str
    grain: str
    open: str
    close: str
    level: str
    threshold: float
    lower: bool
    min_sample: float = 0
    sample: str = ""
    open_for: tuple[int, int] = (1, 0)
    close_for: tuple[int, int] = (1, 0)
    against: str = ""
    window_s: int = 0
    silence_s: int = 86_400


class CountRule(NamedTuple):
    """At least so many rows of one key within a period. `mark`: the column that tells which rows, "" for none."""

    id: str
    name: str
    severity: str
    description: str
    table: str
    where: Where
    where_text: str
    key: tuple[str, ...]
    time: str
    least: int
    within_s: int
    close: int = 0
    mark: str = ""


Rule = KpiRule | CountRule

HAPPENING = np.dtype(
    [
        ("time", "i8"), ("mark", "i8"), ("opened", "i8"), ("close_at", "i8"), ("said_opened", "i8"),
        ("said_close", "i8"), ("key", "i4"), ("before", "i4"), ("after", "i4"), ("tail", "i4"), ("edge", "i4"),
        ("count", "i4"), ("told", "i4"), ("said_count", "i4"), ("open", "u1"), ("what", "u1"), ("said", "u1"),
        ("fresh", "u1"), ("dirty", "u1"),
    ],
    align=True,
)  # fmt: skip
"""One row that a count rule counts, in a list of its key's rows in order of time (ties: of mark).

before, after: its neighbours, -1 none. tail: the oldest row within the period at its time, edge: the row whose end
closes the alert, both -1 for not known. count: rows within the period at its time. open: whether the alert is open
after it, opened: since when (ns), told: the count that was told last, close_at: when it closes if nothing more comes.
what: bits of STATES that it changes (`closed` at `close_at`); said, said_*: what was made known of it.
"""

CHANGE = np.dtype(
    [("sign", "i4"), ("what", "i4"), ("key", "i4"), ("row", "i4"), ("time", "i8"), ("opened", "i8"), ("count", "i8")],
    align=True,
)
"""A change of state to be made known (sign 1) or withdrawn (-1); row: the HAPPENING that made it."""
