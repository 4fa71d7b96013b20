"""Which rows of a table a count rule counts, and by which keys; segments are joined to them as they are read."""

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats import xdr
from formats.alert import CountRule
from formats.kpi import Segment
from probe.alert_event import SEPARATOR
from probe.facts import Domains, Frame, classify, met
from probe.segment import joined_columns

__all__ = ["BEFORE_ALL", "Matched", "Matching", "segments_of", "texts_of"]

BEFORE_ALL = -(2**62)
MOST_TEXTS = 1 << 22
"""Distinct texts that are kept from one block of rows to the next, where segments are joined."""


class _Here(Executor):
    """Does what it is given at once."""

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        """The result is there already."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done


def texts_of(table: str, columns: Sequence[str]) -> list[str]:
    """Those of the columns that are text."""
    declared = next(t for t in xdr.TABLES if t.name == table)
    return [c.name for c in declared.columns if c.kind in xdr.TEXT_KINDS and c.name in columns]


def _judged(rule: CountRule) -> list[str]:
    """The columns that tell whether and when a row counts."""
    conditions = [name for alternative in rule.where for c in alternative for name in c.columns]
    return list(dict.fromkeys([rule.time, *conditions, *([rule.mark] if rule.mark else [])]))


def segments_of(rules: Sequence[CountRule], segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The segments that some of the rules name."""
    named = {name for rule in rules for name in (*rule.key, *_judged(rule))}
    return tuple(s for s in segments if not named.isdisjoint((s.member, *s.columns)))


class Matched(NamedTuple):
    """The rows that a rule counts: times int64[n] ns, marks int64[n], keys string[n]; clock: the latest of all rows."""

    times: np.ndarray
    marks: np.ndarray
    keys: pa.Array
    clock: int


_NOTHING = np.empty(0, np.int64)


class Matching:
    """Finds the rows that some rules count; what segments tell of texts is kept from one block of rows to the next."""

    def __init__(self, rules: Sequence[CountRule], segments: Sequence[Segment] = ()) -> None:
        self._segments = segments_of(rules, segments)
        self._joined = {table.name: joined_columns(self._segments, table) for table in xdr.KERNEL_TABLES}
        self._domains: dict[str, Domains] = {}

    def columns_of(self, rule: CountRule) -> list[str]:
        """The columns of its table that a rule reads."""
        joined = self._joined[rule.table]
        return list(dict.fromkeys(joined.get(name, name) for name in (*_judged(rule), *rule.key)))

    def matched(self, rule: CountRule, rows: pa.Table) -> Matched:
        """The rows of a table that count for a rule. A row without a key or a time does not."""
        frame = self._frame(rule, rows)
        conditions = tuple(dict.fromkeys(c for alternative in rule.where for c in alternative))
        times, there = frame.numbers(rule.time)
        classes = classify(frame, conditions)
        keep = met(classes, rule.where, {c: at for at, c in enumerate(conditions)})[classes.of_row]
        if there is not None:
            keep &= there
            clock = int(times[there].max(initial=BEFORE_ALL))
        else:
            clock = int(times.max(initial=BEFORE_ALL))
        which = np.flatnonzero(keep)
        if not which.size:
            return Matched(_NOTHING, _NOTHING, pa.array([], pa.string()), clock)
        keys = self._keys(rule, frame, rows, which)
        marks = frame.numbers(rule.mark)[0][which].astype(np.int64) if rule.mark else np.zeros(which.size, np.int64)
        times = times[which].astype(np.int64)
        if keys.null_count:
            known = keys.is_valid().to_numpy(zero_copy_only=False)
            keys, times, marks = keys.drop_null(), times[known], marks[known]
        return Matched(times, marks, keys, clock)

    def _frame(self, rule: CountRule, rows: pa.Table) -> Frame:
        """What a rule looks at, but for keys that are columns of the rows."""
        joined = self._joined[rule.table]
        on = dict.fromkeys(joined[name] for name in (*_judged(rule), *rule.key) if name in joined)
        read = list(dict.fromkeys((*(name for name in _judged(rule) if name not in joined), *on)))
        domains = Domains((), ())
        if on:
            domains = self._domains.get(rule.table, domains)
            if rule.table not in self._domains or domains.texts > MOST_TEXTS:
                domains = self._domains[rule.table] = Domains((), (rule.table,), self._segments)
        frame = Frame(texts_of(rule.table, read), on, domains, joined)
        frame.add(rows.select(read), _Here())
        return frame

    def _keys(self, rule: CountRule, frame: Frame, rows: pa.Table, which: np.ndarray) -> pa.Array:
        """The keys of some rows, each joined to one text; null where one of them is."""
        texts = []
        for name in rule.key:
            if name in self._joined[rule.table]:
                texts.append(frame.domain(name).texts_or_null(frame.codes(name)[which]))
                continue
            column = rows.column(name).take(pa.array(which)).cast(pa.string()).combine_chunks()
            texts.append(pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column)
        return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, SEPARATOR)
