"""Alerts of a live probe: rows counted as they come, KPIs judged when their window is written.

Rows of tables that some rule counts are looked at the moment the probe has them, in a thread of its own; what opens or
closes is sent at once. When a window is closed, `probe.alerts` evaluates what stands on disk: that makes the table,
judges the KPIs, and finds what came too late for the quick look. A change that was sent is not sent again; one that
the quick look found because rows came too late for it is withdrawn.
"""

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from formats import xdr
from formats.alert import STATES, CountRule
from formats.kpi import Catalogue
from probe.alert_count import Counting
from probe.alert_event import Event
from probe.alert_match import Matching
from probe.alert_out import Outputs
from probe.alert_store import AlertStore, rules_digest
from probe.alerts import ROWS, Alerted, Reading, count_rules, evaluate, read_since, resumed
from probe.errors import WiregaugeError
from probe.identity import Identities
from probe.kpi_rows import Held
from probe.tables import Names, to_arrow

__all__ = ["LiveAlerts", "likely"]

SECOND = 10**9
LATE_NS = 900 * SECOND
"""Rows so much older than the newest are left to the evaluation of their window."""
FORGET_NS = 60 * SECOND
TOGETHER = 256
MOST_UNSURE = 1 << 17
"""Changes that are remembered until an evaluation has told them too."""
_PLAIN = {"flag": -1, "small": -1, "count": -1, "ms": -1, "id": 0}
"""Kinds of columns whose conditions are met or not by the kernel's own numbers, and their nulls."""

Block = tuple[str, np.ndarray, list[str]]
Work = Block | Catalogue | None


class LiveAlerts:
    """Evaluates the rules of a catalogue for a live probe and sends what it finds."""

    def __init__(
        self, out: Path, window_s: int, catalogue: Catalogue, outputs: Outputs, identities: Identities, room: int,
        held: Held = Held(),  # noqa: B008 - never changed
    ) -> None:  # fmt: skip
        """`room`: rows that may wait to be looked at; more are left to the evaluation of their window, and counted.

        held: what it may have in memory of rows that are on disk.
        """
        self.out, self.window_s, self.outputs, self.room, self.held = out, window_s, outputs, room, held
        self.identities = identities
        self.left_out = self.rows = self.found = 0
        self.trouble = ""
        self.states = Counter(dict.fromkeys(STATES.values(), 0))
        self._waiting = 0
        self._fresh, self._unsure = dict[int, Event](), dict[int, Event]()
        """changes that the quick look told since the last evaluation began, and before"""
        self._closed = False
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._counting: dict[str, list[Counting]] = {}
        self._begin(catalogue)
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
        self._thread.start()

    def _begin(self, catalogue: Catalogue) -> None:
        """Go on from what an earlier start has left."""
        self.catalogue = catalogue
        rules, by_table = count_rules(catalogue), dict[str, list[Counting]]()
        self._matching = Matching(rules, catalogue.segments)
        since, states = resumed(rules, AlertStore(self.out, ROWS, rules_digest(rules, catalogue.segments)))
        if since is not None:
            reading = Reading([self.out], self.window_s * SECOND, self.held.at_once, self._matching)
            read_since(reading, rules, states, since)
        for state in states:
            self.outputs.tell(state.changes())
            by_table.setdefault(state.rule.table, []).append(state)
        self._counting = by_table

    # --- from the probe's threads ---------------------------------------------------------------------------------

    def put(self, table: str, rows: np.ndarray, apns: list[str]) -> None:
        """Look at some rows soon; they must not change any more."""
        if table not in self._counting or not rows.size:
            return
        with self._lock:
            if self._waiting + rows.size > self.room:
                self.left_out += rows.size
                return
            self._waiting += rows.size
        self._queue.put((table, rows, apns))

    def reload(self, catalogue: Catalogue) -> None:
        """From now on the rules of this catalogue."""
        self._queue.put(catalogue)

    def evaluate(self, first: int, end: int) -> Alerted:
        """Evaluate what stands on disk: windows from `first` (ns) on may be new, those from `end` on are not whole."""
        with self._lock:
            if self._closed:  # every row is on disk
                self._unsure, self._fresh = self._unsure | self._fresh, {}
            unsure = list(self._unsure.values())
        found = evaluate([self.out], self.out, self.window_s, self.catalogue, first, end, self.outputs, self.held)
        self.states.update(found.states)
        self._withdraw([event for event in unsure if event.time < end])
        with self._lock:  # rows of the fresh ones may not have been on disk when this began
            later = {identity: event for identity, event in self._unsure.items() if event.time >= end}
            self._unsure, self._fresh = later | self._fresh, {}
        return found

    def _withdraw(self, told: Sequence[Event]) -> None:
        """Of what the quick look told, withdraw what the table does not say."""
        if told:
            store = AlertStore(self.out, ROWS, "")
            there = {event.identity for event in store.events(min(event.time for event in told))}
            self.outputs.tell([(-1, event) for event in told if event.identity not in there])

    def _tell(self, changes: Sequence[tuple[int, Event]]) -> None:
        """Send what the quick look has found, and remember it until an evaluation has told the same."""
        self.outputs.tell(changes)
        with self._lock:
            for sign, event in changes:
                if sign < 0:
                    self._fresh.pop(event.identity, None)
                    self._unsure.pop(event.identity, None)
                elif len(self._fresh) < MOST_UNSURE:
                    self._fresh[event.identity] = event

    # --- in a thread of its own -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            works = [self._queue.get()]
            with contextlib.suppress(queue.Empty):  # what has come meanwhile is looked at together
                while len(works) < TOGETHER:
                    works.append(self._queue.get_nowait())
            blocks: dict[str, list[Block]] = {}
            for work in works:
                if work is not None and not isinstance(work, Catalogue):
                    blocks.setdefault(work[0], []).append(work)
            for table, some in blocks.items():
                self._try(self._look, table, np.concatenate([rows for _, rows, _ in some]), some[-1][2])
            with self._lock:
                self._waiting -= sum(rows.size for some in blocks.values() for _, rows, _ in some)
            for work in works:
                if isinstance(work, Catalogue):
                    self._try(self._begin, work)
            if None in works:
                return

    def _try(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except WiregaugeError as problem:  # the evaluation of the window meets it too, and tells
            self.trouble = str(problem)

    def _look(self, table: str, rows: np.ndarray, apns: list[str]) -> None:
        declared = next(t for t in xdr.KERNEL_TABLES if t.name == table)
        for state in self._counting.get(table, ()):
            rule, times = state.rule, rows[state.rule.time]
            clock = int(times.max(initial=xdr.NEVER))
            some = rows[likely(rule, declared, rows)]
            if some.size:
                told = _arrow(self._matching.columns_of(rule), declared, some, Names(apns, self.identities))
                state.take(self._matching.matched(rule, told)._replace(clock=clock))
            else:
                state.pass_time(clock)
            if changes := state.changes():
                self.found += len(changes)
                self._tell(changes)
            state.forget_often(LATE_NS, FORGET_NS)
        self.rows += rows.size

    def lines(self) -> list[str]:
        """What there is to say at the end."""
        if not self.catalogue.alerts:
            return []
        told = [f"{count:,} {name.replace('_', ' ')}" for name, count in self.counts().items() if count]
        return [f"alerts        {', '.join(told) or 'none'}"]

    def counts(self) -> dict[str, int]:
        """Changes found by state, what became of them, and rows that were not looked at before their window ended."""
        return {**self.states, **self.outputs.counts(), "rows_left_out": self.left_out}

    def close(self) -> None:
        """Look at what waits and end; what is to be sent is the caller's to close."""
        self._queue.put(None)
        self._thread.join()
        self._closed = True


_MADE_OF = {"cause": ("cause_code",), "service": ("server_port", "ip_protocol")}


@lru_cache
def _narrow(table: xdr.Table, names: tuple[str, ...]) -> xdr.Table:
    """The table with these columns alone, and those that they are made of."""
    wanted = {*names, *(more for name in names for more in _MADE_OF.get(name, ()))}
    return table._replace(columns=tuple(column for column in table.columns if column.name in wanted))


def _arrow(columns: Sequence[str], table: xdr.Table, rows: np.ndarray, names: Names) -> pa.Table:
    """Some columns of kernel rows."""
    narrow = _narrow(table, tuple(columns))
    kept = np.empty(rows.size, narrow.dtype)
    for name in narrow.dtype.names or ():
        kept[name] = rows[name]
    return to_arrow(narrow, kept, names)


def likely(rule: CountRule, table: xdr.Table, rows: np.ndarray) -> np.ndarray:
    """bool[n]: kernel rows that may count for a rule: all that do, and few others."""
    keep = rows[rule.time] != xdr.NEVER
    if rule.where:
        kinds = {column.name: column for column in table.columns}
        either = np.zeros(rows.size, bool)
        for alternative in rule.where:
            every = np.ones(rows.size, bool)
            for condition in alternative:
                column = kinds.get(condition.column)
                if column is None:  # an expression, or of a segment
                    continue
                if column.kind == "enum":
                    every &= _enum(column, condition.op, condition.value)[rows[column.name]]
                elif column.kind in _PLAIN:
                    every &= _number(rows[column.name], column.kind, condition.op, condition.value)
            either |= every
        keep &= either
    return np.asarray(keep)


def _enum(column: xdr.Column, op: str, value: object) -> np.ndarray:
    """bool[256] by code."""
    out = np.ones(256, bool)
    values: Sequence[object] = value if isinstance(value, tuple) else (value,)
    named = np.array([text in values for text in column.values])
    known = np.arange(256) > 0
    if op in ("eq", "in"):
        out[: named.size] = named  # a code of a later version has a name of its own
    elif op in ("ne", "not_in"):
        out[: named.size] = ~named
    return out & known if op != "is_null" else ~known


def _number(numbers: np.ndarray, kind: str, op: str, value: object) -> np.ndarray:
    there = numbers != _PLAIN[kind]
    if op in ("is_null", "not_null"):
        return np.asarray(there if op == "not_null" else ~there)
    if op in ("is_true", "is_false"):
        return np.asarray(there & ((numbers != 0) == (op == "is_true")))
    scale = 1e6 if kind == "ms" else 1
    wanted = np.asarray(value if isinstance(value, tuple) else [value], np.float64) * scale
    if op in ("at_least", "gt"):
        return np.asarray(there & (numbers >= wanted[0] - 1))
    if op in ("lt", "le"):
        return np.asarray(there & (numbers <= wanted[0] + 1))
    if op in ("eq", "in") and kind != "ms":
        return np.asarray(there & np.isin(numbers, wanted))
    return np.asarray(there)
