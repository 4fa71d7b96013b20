"""Count rules at work: rows that count in, changes of alerts out. See `kernels.sliding` for how they are counted.

The same for a run over files and for a live probe: the alerts are those of the set of rows, in whatever blocks and
order they come, as long as none is older than what `forget` was told.
"""

from collections.abc import Iterator

import numba
import numpy as np

from formats.alert import CHANGE, CLOSED, HAPPENING, STATES, CountRule
from kernels.sliding import (
    CLOCK,
    DIRTY,
    FLOOR,
    NEVER,
    NEXT,
    REFUSED,
    USED,
    WORDS,
    absorb,
    collect,
    compact,
    evidence,
    pass_time,
)
from probe.alert_event import SEPARATOR, Event, alert_id, iso, kept_texts, key_text, texts_kept
from probe.alert_match import BEFORE_ALL, Matched
from probe.kpi_domain import Domain

__all__ = ["Counting"]

SECOND = 10**9
MOST_HELD = 1 << 23
"""Rows that a rule holds at most; of more the oldest are forgotten within its period, and counted."""
MOST_TOLD = 1 << 17
"""Changes that are told at a time; a rule that makes more is of no use to anyone, and the rest is counted."""
SHOWN = 10
"""Rows that an alert names as its evidence, the newest ones."""
_FIRST = 1 << 10


class Counting:
    """What one count rule knows: the rows within its period, and which alerts are open."""

    def __init__(self, rule: CountRule) -> None:
        self.rule = rule
        self._rule = np.array([rule.least, rule.within_s * SECOND, rule.close], np.int64)
        self.within = rule.within_s * SECOND
        self._kept = self.forgotten = self.untold = 0
        self._domain = Domain()
        self._rows = np.zeros(_FIRST, HAPPENING)
        self._dirty = np.zeros(_FIRST, np.int32)
        self._heads, self._fingers = np.full(_FIRST, -1, np.int32), np.full(_FIRST, -1, np.int32)
        self._news, self._opens = np.zeros(_FIRST, np.int32), np.zeros(_FIRST, np.uint8)
        self._state = np.zeros(WORDS, np.int64)
        self._state[NEXT], self._state[CLOCK], self._state[FLOOR] = NEVER, BEFORE_ALL, BEFORE_ALL

    @property
    def rows(self) -> int:
        """Rows that are held."""
        return int(self._state[USED])

    @property
    def refused(self) -> int:
        """Rows that came too late to be counted."""
        return int(self._state[REFUSED])

    @property
    def clock(self) -> int:
        """The time (ns) up to which rows are known."""
        return int(self._state[CLOCK])

    @property
    def _tables(self) -> tuple[np.ndarray, ...]:
        return _by_attribute(self._rows), self._heads, self._fingers, self._news, self._opens, self._dirty

    def take(self, rows: Matched) -> None:
        """Count some more rows."""
        if rows.times.size:
            keys = self._domain.codes([rows.keys])
            order = np.lexsort((rows.marks, rows.times))
            self._grow(rows.times.size, len(self._domain))
            absorb(rows.times[order], rows.marks[order], keys[order], self._rule, self._tables, self._state)
        self.pass_time(rows.clock)

    def pass_time(self, clock: int) -> None:
        """Rows are known up to this time (ns)."""
        pass_time(clock, self._tables, self._state)

    def _grow(self, rows: int, keys: int) -> None:
        wanted = int(self._state[USED]) + rows
        if wanted > self._rows.size:
            size = max(wanted, 2 * self._rows.size)
            self._rows, self._dirty = (_longer(a, size, 0) for a in (self._rows, self._dirty))
        if keys > self._heads.size:
            size = max(keys, 2 * self._heads.size)
            self._heads, self._fingers = (_longer(a, size, -1) for a in (self._heads, self._fingers))
            self._news, self._opens = (_longer(a, size, 0) for a in (self._news, self._opens))

    def changes(self) -> list[tuple[int, Event]]:
        """What is new since the last call: (1, event), or (-1, event) for one that did not happen so after all."""
        if not self._state[DIRTY]:
            return []
        out = np.zeros(6 * int(self._state[DIRTY]), CHANGE)
        out = out[: collect(self._tables, self._state, _by_attribute(out))]
        if out.size > MOST_TOLD:
            self.untold += out.size - MOST_TOLD
            out = out[np.sort(np.argsort(out["time"], kind="stable")[:MOST_TOLD])]
        times = np.empty((out.size, SHOWN), np.int64)
        marks = np.empty_like(times)
        evidence(_by_attribute(self._rows), np.ascontiguousarray(out["row"]), self.within, times, marks)
        return list(self._events(out, times, marks))

    def _events(self, changes: np.ndarray, times: np.ndarray, marks: np.ndarray) -> Iterator[tuple[int, Event]]:
        rule, keys = self.rule, self._domain.texts(changes["key"]).to_pylist()
        order = np.lexsort((changes["what"], changes["time"], changes["sign"]))
        for i in order.tolist():
            sign, what, _, _, time, opened, count = changes[i].item()
            parts = keys[i].split(SEPARATOR, len(rule.key) - 1)
            by_name = dict(zip(rule.key, parts, strict=True))
            key = key_text(rule.key, parts)
            told = self._evidence(times[i], marks[i])
            yield sign, Event(
                time, alert_id(rule.id, 0, key, opened), rule.id, rule.severity, STATES[what], opened, rule.table, key,
                by_name.get("subscriber"), by_name.get("cell"), float(rule.close if what == CLOSED else count),
                float(rule.least), None, None, told, rule.description,
            )  # fmt: skip

    def _evidence(self, times: np.ndarray, marks: np.ndarray) -> str:
        """The rows that were counted, the newest last."""
        name = f" {self.rule.mark} " if self.rule.mark else ""
        pairs = [(t, m) for t, m in zip(times.tolist(), marks.tolist(), strict=True) if t >= 0]
        return ", ".join(f"{iso(t)}{name}{m if name else ''}" for t, m in reversed(pairs))

    def forget(self, floor: int) -> None:
        """No row before `floor` (ns) will come any more, or it will not count. Changes must have been asked for."""
        assert not self._state[DIRTY], "changes are waiting"
        if self._state[USED] > MOST_HELD:
            times = self._rows["time"][: self._state[USED]]
            cutoff, before = int(np.partition(times, times.size // 2)[times.size // 2]), self.rows
            self._state[FLOOR] = max(cutoff, int(self._state[FLOOR]))
            compact(cutoff, self._tables, self._state, np.empty(times.size, np.int32))
            self.forgotten += before - self.rows
        floor = min(floor, int(self._state[CLOCK]))
        if floor <= self._state[FLOOR]:
            return
        self._state[FLOOR] = floor
        used = int(self._state[USED])
        compact(floor - self.within, self._tables, self._state, np.empty(used, np.int32))
        kept = np.flatnonzero(self._heads[: len(self._domain)] >= 0)
        if 4 * kept.size < len(self._domain) and len(self._domain) > _FIRST:
            self._number_again(kept)

    def forget_often(self, late: int, every: int) -> None:
        """Forget what is `late` ns behind, once in `every` ns of the rows' time or when rows have doubled."""
        floor, used = int(self._state[CLOCK]) - late, int(self._state[USED])
        if floor - int(self._state[FLOOR]) >= every or used > min(2 * max(self._kept, _FIRST), MOST_HELD):
            self.forget(floor)
            self._kept = int(self._state[USED])

    def _number_again(self, kept: np.ndarray) -> None:
        """Forget the texts of keys that have no rows any more."""
        domain, places = Domain(), np.zeros(len(self._domain), np.int32)
        places[kept] = domain.codes([self._domain.texts(kept)])
        rows = self._rows[: self._state[USED]]
        rows["key"] = places[rows["key"]]
        for array, empty in ((self._heads, -1), (self._opens, 0)):
            values = array[kept].copy()
            array[:] = empty
            array[: kept.size] = values
        self._domain = domain

    # --- kept from one start to the next --------------------------------------------------------------------------

    def saved(self) -> dict[str, np.ndarray]:
        """What must be kept to go on from here, after `changes` and `forget`."""
        rows = self._rows[: self._state[USED]]
        codes, at = np.unique(rows["key"], return_inverse=True)
        rows = rows.copy()
        rows["key"] = at
        return {"rows": rows, "keys": kept_texts(self._domain.texts(codes).to_pylist()), "state": self._state}

    def resume(self, saved: dict[str, np.ndarray]) -> None:
        """Go on from what was saved."""
        rows = saved["rows"]
        texts = texts_kept(saved["keys"])
        self._domain = Domain()
        self._domain.codes_of(texts)
        self._state[:] = 0
        self._grow(rows.size, len(texts))
        self._rows[: rows.size] = rows
        self._state[:] = saved["state"]
        last = np.flatnonzero(rows["after"] < 0)
        self._heads[rows["key"][last]] = last
        self._opens[rows["key"][last]] = rows["open"][last]


def _by_attribute(rows: np.ndarray) -> np.ndarray:
    """Records with fields by attribute, as compiled code has them."""
    return rows.view(np.recarray) if numba.config.DISABLE_JIT else rows  # type: ignore[attr-defined]


def _longer(array: np.ndarray, size: int, fill: int) -> np.ndarray:
    """The same and room for more; that of HAPPENINGs is not filled: each is written when it is used."""
    out = np.empty(size, array.dtype)
    out.view(np.uint8)[: array.nbytes] = array.view(np.uint8)  # numpy copies records field by field
    if array.dtype.names is None:
        out[array.size :] = fill
    return out
