"""Alerts of what the tables hold: a pure function of xDR rows and KPI tables, from the first change on.

Count rules read xDR rows in order of time; KPI rules read KPI tables, window by window. What they find replaces the
rows of the table `alert` from there on, and goes to those who listen, each change once. A row that comes late has
everything after it judged again: where an alert that was told did not happen so after all, it is withdrawn.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from formats.alert import CountRule, KpiRule, Rule
from formats.kpi import Catalogue, Grain
from probe import xdr_files
from probe.alert_count import Counting
from probe.alert_event import Event
from probe.alert_kpi import Thresholding, WindowRows
from probe.alert_match import Matching, texts_of
from probe.alert_out import AlertOptions, Outputs
from probe.alert_store import AlertStore, rules_digest
from probe.duration import text as duration_text
from probe.kpi_files import parts_of, parts_since
from probe.kpi_rows import Held, stretches_of

__all__ = [
    "ROWS", "Alerted", "Reading", "alerted_lines", "count_rules", "evaluate", "kpi_rules", "read_since", "resumed",
]  # fmt: skip

SECOND, HOUR = 10**9, 3600 * 10**9
ROWS = "rows"
"""The tag of alerts of count rules."""
ONE_BY_ONE = 24
"""So many windows at the end are evaluated one by one, with a state kept after each."""
_WINDOWS_AT_HAND = 16
_END = 2**62


class Alerted(NamedTuple):
    """What `evaluate` found: changes new to the table, by state and in all; what to say of rules, by id."""

    states: dict[str, int]
    new: int
    notes: dict[str, str] = {}  # noqa: RUF012 - never changed


def count_rules(catalogue: Catalogue) -> list[CountRule]:
    """The rules that count rows."""
    return [rule for rule in catalogue.alerts if isinstance(rule, CountRule)]


def kpi_rules(catalogue: Catalogue, window_s: int) -> list[KpiRule]:
    """The rules over KPIs in windows of this length."""
    mine = [rule for rule in catalogue.alerts if isinstance(rule, KpiRule)]
    return [rule for rule in mine if rule.window_s in (0, window_s)]


def evaluate(
    directories: Sequence[Path], out: Path, window_s: int | Sequence[int], catalogue: Catalogue,
    first: int | None = None, end: int | None = None, outputs: Outputs | None = None,
    held: Held = Held(),  # noqa: B008 - never changed
) -> Alerted:  # fmt: skip
    """Find the alerts of the rows under `directories` and the KPI tables under `out`, and write and send them.

    window_s: one length of windows or several. first: rows and windows before this time (ns) are as they were at the
    last evaluation; None: anything may differ. end: what is from this time on is not complete yet and is left out.
    held: how many rows there may be in memory.
    """
    lengths = [window_s] if isinstance(window_s, int) else list(window_s)
    stop = _END if end is None else end
    found: list[_Found] = []
    notes: dict[str, str] = {}
    counting = count_rules(catalogue)
    matching = Matching(counting, catalogue.segments)
    read = Reading(directories, min(lengths) * SECOND, held.at_once, matching)
    work: list[tuple[str, Sequence[Rule], _Find]] = [(ROWS, counting, partial(_count, read, counting, stop, notes))]
    for length in lengths:
        judging = kpi_rules(catalogue, length)
        work.append((duration_text(length), judging, partial(_judge, out, judging, catalogue, length, stop)))
    for tag, rules, find in work:
        if not rules:
            continue
        store = AlertStore(out, tag, rules_digest(rules, catalogue.segments))
        base = store.latest(first)
        events = list(find(store))
        found.append(_compared(store, base[0] if base else None, events))
        if base is None and first is not None:  # what was there before is for the table alone
            found[-1] = found[-1]._replace(told=[e for e in events if e.time >= first])
    if outputs is not None:
        told = sorted((e for each in found for e in each.told), key=lambda e: (e.time, e.rule, e.key, e.state))
        outputs.tell([*((-1, e) for each in found for e in each.gone), *((1, e) for e in told)])
    for each in found:  # in this order: what a kill leaves undone is done the next time
        each.store.replace(each.old, each.whole)
        each.store.commit()
    states = Counter(event.state for each in found for event in each.told if event.identity not in each.known)
    return Alerted(dict(states), states.total(), notes)


_Find = Callable[[AlertStore], Iterator[Event]]
"""What finds the events of some rules from the newest state of a store on."""


class _Found(NamedTuple):
    """Of one kind of rules: rows of the table as they were and are to be, what is to be told and withdrawn."""

    store: AlertStore
    old: list[Event]
    whole: list[Event]
    told: list[Event]
    gone: list[Event]
    known: set[int]


def _compared(store: AlertStore, since: int | None, events: list[Event]) -> _Found:
    """What was found from `since` on (ns), beside what the table says."""
    old = store.events(since)
    # an alert of a window stands at its end: at the time of the state itself it was told before
    kept = [e for e in old if since is not None and (e.time < since or (store.tag != ROWS and e.time == since))]
    there = {event.identity for event in (*kept, *events)}
    gone = [event for event in old if event.identity not in there]
    return _Found(store, old, [*kept, *events], events, gone, {event.identity for event in old})


# --- rows within a period ----------------------------------------------------------------------------------------


def resumed(rules: Sequence[CountRule], store: AlertStore) -> tuple[int | None, list[Counting]]:
    """Count rules as the newest state has them, and its time; None: from the beginning."""
    states = [Counting(rule) for rule in rules]
    found = store.newest()
    if found is None:
        return None, states
    for each, saved in zip(states, found[1], strict=True):
        each.resume(saved)
    return found[0], states


class Reading(NamedTuple):
    """Which rows are read, in windows of how many ns, about how many at once, and what tells those that count."""

    directories: Sequence[Path]
    window: int
    at_once: int
    matching: Matching


def read_since(read: Reading, rules: Sequence[CountRule], states: Sequence[Counting], since: int) -> None:
    """Have all rows from `since` (ns) on counted."""
    for table, groups in _groups(read.directories, rules).items():
        mine = [(rule, state) for rule, state in zip(rules, states, strict=True) if rule.table == table]
        some = [g for g in groups if g.first <= g.last and g.last >= since]
        for first, end in _stretches(some, read, since, _END):
            _read(read.matching, some, mine, max(first, since), end)


def _groups(directories: Sequence[Path], rules: Sequence[CountRule]) -> dict[str, list[xdr_files.Group]]:
    """The row groups of each table that some rule counts."""
    return {rule.table: xdr_files.groups_of(directories, rule.table, _times(rules, rule.table)) for rule in rules}


def _count(
    read: Reading, rules: Sequence[CountRule], stop: int, notes: dict[str, str], store: AlertStore
) -> Iterator[Event]:
    """The events of count rules from the newest state on; notes: what to say of rules that are too much, by id."""
    base, states = resumed(rules, store)
    start = -_END if base is None else base
    groups = _groups(read.directories, rules)
    every = [g for some in groups.values() for g in some if g.first <= g.last and g.last >= start]
    for first, end in _stretches(every, read, start, stop):
        for table, some in groups.items():
            mine = [(rule, state) for rule, state in zip(rules, states, strict=True) if rule.table == table]
            _read(read.matching, some, mine, max(first, start), end)
        for state in states:
            yield from (event for _, event in state.changes())
            state.forget(end)
            if state.forgotten:
                notes[state.rule.id] = f"{state.forgotten:,} rows forgotten within its period: it holds too many"
            if state.untold:
                notes[state.rule.id] = f"{state.untold:,} changes of alerts were not told: it opens too often"
        if end <= stop and end < _END:
            store.save(end, [state.saved() for state in states])


def _times(rules: Sequence[CountRule], table: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.time for rule in rules if rule.table == table))


def _stretches(groups: Sequence[xdr_files.Group], read: Reading, start: int, stop: int) -> list[tuple[int, int]]:
    """Stretches of time with about as many rows as memory should hold; the last windows one by one."""
    out: list[tuple[int, int]] = []
    window = read.window
    whole = stretches_of(groups, window, read.at_once) if groups else []
    late = whole[-1][1] - ONE_BY_ONE * window if whole else 0
    for first, end in whole:
        first = max(first, start // window * window if start > -_END else first)
        while first < end and first < stop:
            next_one = min(end, stop, max(late, first + window) if first < late else first + window)
            out.append((first, next_one))
            first = next_one
    return out


def _read(
    matching: Matching, groups: Sequence[xdr_files.Group], mine: Sequence[tuple[CountRule, Counting]], first: int,
    end: int,
) -> None:  # fmt: skip
    """Have the rows of one table in first <= time < end counted by its rules."""
    rules = [rule for rule, _ in mine]
    table, times = rules[0].table, _times(rules, rules[0].table)
    columns = list(dict.fromkeys(name for rule in rules for name in matching.columns_of(rule)))
    some = xdr_files.overlapping(groups, first, end)
    for rows in xdr_files.read(some, columns, texts_of(table, columns), xdr_files.Stretch(times, first, end)):
        for rule, state in mine:
            told = matching.matched(rule, rows)
            here = (told.times >= first) & (told.times < end)
            if not here.all():
                told = told._replace(
                    times=told.times[here], marks=told.marks[here], keys=told.keys.filter(pa.array(here))
                )
            state.take(told._replace(clock=min(told.clock, end - 1)))


# --- windows of KPI tables ---------------------------------------------------------------------------------------


class _KpiTables:
    """The rows of KPI tables by grain and window, the last ones kept at hand."""

    def __init__(self, out: Path, window_s: int, rules: Sequence[Thresholding]) -> None:
        self.out, self.window_s = out, window_s
        self.names: dict[Grain, list[str]] = {}
        for rule in rules:
            names = self.names.setdefault(rule.grain, [])
            names += [name for name in rule.names if name not in names]
        self._known: OrderedDict[tuple[str, int], WindowRows | None] = OrderedDict()

    def windows(self, since: int | None) -> list[int]:
        """The starts (ns) of all windows from `since` on of which some grain has rows."""
        found = (parts_since(self.out, grain.table, self.window_s, since) for grain in self.names)
        return sorted({start for starts in found for start, _ in starts})

    def rows(self, grain: Grain, start: int) -> WindowRows | None:
        """The rows of a grain in the window that starts at `start` ns."""
        key = grain.name, start
        if key not in self._known:
            self._known[key] = self._read(grain, start)
            while len(self._known) > _WINDOWS_AT_HAND * len(self.names):
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _read(self, grain: Grain, start: int) -> WindowRows | None:
        tables, wanted = [], [*(key.name for key in grain.keys), *self.names[grain]]
        for path in parts_of(self.out, grain.table, self.window_s, start):
            file = pq.ParquetFile(path)
            there = [name for name in wanted if name in file.schema_arrow.names]
            tables.append(_plain(file.read(there)))
        if not tables:
            return None
        return WindowRows.of(pa.concat_tables(tables, promote_options="default"), grain, self.names[grain])


def _plain(table: pa.Table) -> pa.Table:
    """Text as text: each file has dictionaries of its own."""
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _judge(
    out: Path, rules: Sequence[KpiRule], catalogue: Catalogue, window_s: int, stop: int, store: AlertStore
) -> Iterator[Event]:
    """The events of KPI rules from the newest state on."""
    states = [Thresholding(rule, catalogue, window_s) for rule in rules]
    found = store.newest()
    if found is not None:
        for state, saved in zip(states, found[1], strict=True):
            state.resume(saved)
    tables = _KpiTables(out, window_s, states)
    window = window_s * SECOND
    starts = [s for s in tables.windows(found[0] if found else None) if s + window <= stop]
    for at, start in enumerate(starts):
        for state in states:
            rows = tables.rows(state.grain, start)
            if rows is not None:
                yield from state.step(start, rows, lambda then, grain=state.grain: tables.rows(grain, then))  # type: ignore[misc]
        end = start + window
        if at >= len(starts) - ONE_BY_ONE or end % (24 * HOUR) == 0:
            store.save(end, [state.saved() for state in states])


# --- what commands do --------------------------------------------------------------------------------------------


def alerted_lines(
    directories: Sequence[Path], out: Path, window_s: int | Sequence[int], catalogue: Catalogue | None,
    options: AlertOptions, first: int | None = None,
) -> list[str]:  # fmt: skip
    """Find the alerts of a run that is over and send them; what there is to say of it."""
    if catalogue is None or not catalogue.alerts:
        if options.file or options.webhook:
            return ["no alerts: no catalogue has rules of alerts; `--catalogue alerts` has some."]
        return []
    outputs = Outputs(out, options)
    try:
        found = evaluate(directories, out, window_s, catalogue, first, outputs=outputs)
    finally:
        outputs.close()
    told = ", ".join(f"{count:,} {state}" for state, count in found.states.items() if count) or "nothing new"
    lines = [f"alerts: {told}, by {len(catalogue.alerts)} rules; {out / 'alert'}"]
    lines += [f"  {rule}: {words}" for rule, words in found.notes.items()]
    for rule in catalogue.alerts:
        if isinstance(rule, KpiRule) and not (out / f"kpi_{rule.grain}").is_dir():
            lines.append(f"  {rule.id} looks at kpi_{rule.grain}, which is not there")
    if counts := outputs.counts():
        lines.append("  changes of alerts " + ", ".join(f"{c:,} {n.replace('_', ' ')}" for n, c in counts.items() if c))
    return lines
