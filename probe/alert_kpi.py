"""KPI rules at work: the rows of a KPI table, window by window, in; changes of alerts out.

A window in which a value cannot be judged (no row, null, too small a sample) neither opens nor closes an alert, and
breaks what must last for several windows in a row. But a key that has no row where something is counted has none of it:
compared with what it had before, that is the change to look for.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from formats.alert import AGAINST, WORDS, KpiRule
from formats.expression import names_of, parse
from formats.kpi import Catalogue, Grain, bases
from probe.alert_event import SEPARATOR, Event, alert_id, kept_texts, key_text, texts_kept
from probe.alert_rules import sample_of
from probe.kpi_domain import Domain
from probe.kpi_formula import compiled

__all__ = ["Thresholding", "WindowRows"]

SECOND = 10**9


class WindowRows(NamedTuple):
    """The rows of one grain in one window: keys string[n], null where one is unknown; values by name, NaN for null."""

    keys: pa.Array
    values: dict[str, np.ndarray]

    @classmethod
    def of(cls, rows: pa.Table, grain: Grain, names: list[str]) -> "WindowRows":
        """From rows of a KPI table; a column that they lack is null."""
        texts = [rows.column(key.name).cast(pa.string()).combine_chunks() for key in grain.keys]
        texts = [pa.concat_arrays(t.chunks) if isinstance(t, pa.ChunkedArray) else t for t in texts]
        keys = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, SEPARATOR)
        there = [name for name in names if name in rows.column_names]
        values = {name: rows.column(name).cast(pa.float64()).to_numpy() for name in there}
        missing = np.full(rows.num_rows, np.nan)
        return cls(keys, values | {name: missing for name in names if name not in values})


Earlier = Callable[[int], WindowRows | None]
"""The rows of the same grain in the window that starts at a time (ns); None where there are none."""

_STATE = np.dtype(
    [("open", "?"), ("opened", "i8"), ("opening", "i4"), ("closing", "i4"), ("judged", "i8"), ("worst", "f8")]
)
"""By key: whether an alert is open, since when; so many windows in a row that it should open or close; the end of the
last window that could be judged; the worst level that was told."""


class Thresholding:
    """What one KPI rule knows at windows of one length."""

    def __init__(self, rule: KpiRule, catalogue: Catalogue, window_s: int) -> None:
        self.rule, self.window_s, self.window = rule, window_s, window_s * SECOND
        self.grain = next(grain for grain in catalogue.grains if grain.name == rule.grain)
        kpi = next((k for k in catalogue.kpis if k.id == rule.kpi), None)
        self.sample = sample_of(rule, kpi)
        closing = rule.close or f"not ({rule.open})"
        self._program = compiled([("#open", rule.open, None), ("#close", closing, None), ("#level", rule.level, None)])
        used = [n for text in (rule.open, closing) for n in names_of(parse(text)) if n not in WORDS]
        made_of = [n for n in (bases(kpi) if kpi else ()) if n in {c.name for c in catalogue.counters_of(self.grain)}]
        lists = {c.name for c in catalogue.counters if c.kind == "values"}
        self._counted = {c.name for c in catalogue.counters if c.kind in ("count", "sum", "distinct")}
        self._told = [n for n in dict.fromkeys([rule.kpi, *made_of, *used, self.sample]) if n and n not in lists]
        self.names = list(self._told)
        self._need = tuple(max(n, -(-s // window_s)) for n, s in (rule.open_for, rule.close_for))
        self._domain = Domain()
        self._keys = np.zeros(0, _STATE)
        self.end = 0

    def step(self, start: int, rows: WindowRows, earlier: Earlier) -> list[Event]:
        """Judge the window that starts at `start` ns; windows come in order of time."""
        before = self._before(start, earlier)
        rows = self._with_silent(rows, before)
        codes = self._domain.codes([rows.keys])
        if codes.size and codes.min() < 0:
            known = codes >= 0
            codes, rows = codes[known], WindowRows(
                rows.keys.drop_null(), {name: values[known] for name, values in rows.values.items()}
            )  # fmt: skip
        if len(self._domain) > self._keys.size:
            more = np.zeros(max(len(self._domain) - self._keys.size, self._keys.size), _STATE)
            self._keys = np.concatenate([self._keys, more])
        if start != self.end:
            self._keys["opening"] = self._keys["closing"] = 0
        self.end = start + self.window
        found = rows.values | self._compared(rows, before)
        inputs = np.array([found[name] for name in self._program.inputs], np.float64)
        opens, closes, level = self._program.run(inputs.reshape(len(self._program.inputs), codes.size))
        with np.errstate(invalid="ignore"):
            judged = ~np.isnan(opens) & ~np.isnan(closes)
            if self.rule.min_sample:
                judged &= found[self.sample] >= self.rule.min_sample
        return list(self._changes(codes, judged, (opens == 1) & judged, (closes == 1) & judged, level, found))

    def _before(self, start: int, earlier: Earlier) -> list[WindowRows | None]:
        """What there is of the windows that values are compared with."""
        if not self.rule.against:
            return []
        seconds, times = AGAINST[self.rule.against]
        return [earlier(start - k * (seconds * SECOND or self.window)) for k in range(1, times + 1)]

    def _with_silent(self, rows: WindowRows, before: list[WindowRows | None]) -> WindowRows:
        """And the keys that were there before: of what is counted they have none now."""
        there = [then.keys for then in before if then is not None]
        if not there or self.rule.kpi not in self._counted or np.isnan(rows.values[self.rule.kpi]).all():
            return rows
        keys = pa.chunked_array(there).unique().drop_null()
        keys = keys.filter(pc.invert(pc.is_in(keys, value_set=rows.keys)))
        values = {}
        for name, mine in rows.values.items():
            none = np.full(len(keys), 0.0 if name in self._counted else np.nan)
            values[name] = np.concatenate([mine, none])
        return WindowRows(pa.concat_arrays([rows.keys, keys]), values)

    def _compared(self, rows: WindowRows, before: list[WindowRows | None]) -> dict[str, np.ndarray]:
        """What WORDS stand for."""
        value = rows.values[self.rule.kpi]
        if not self.rule.against:
            return {"value": value}
        lines = np.full((len(before), value.size), np.nan)
        for line, then in zip(lines, before, strict=True):
            if then is not None:
                line[:] = self._aligned(then, rows)
        baseline = _median(lines, (len(before) + 1) // 2)
        difference = value - baseline
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.where(baseline != 0, 100 * difference / np.abs(baseline), np.nan)
        return {"value": value, "baseline": baseline, "difference": difference, "change": change}

    def _aligned(self, then: WindowRows, rows: WindowRows) -> np.ndarray:
        """The earlier values of the keys of `rows`, NaN for none."""
        at = pc.index_in(rows.keys, value_set=then.keys).fill_null(-1).to_numpy(zero_copy_only=False)
        values = np.append(then.values[self.rule.kpi], np.nan)
        return np.asarray(values[at])

    def _changes(
        self, codes: np.ndarray, judged: np.ndarray, opens: np.ndarray, closes: np.ndarray, level: np.ndarray,
        found: dict[str, np.ndarray],
    ) -> Iterator[Event]:  # fmt: skip
        keys, number = self._keys, self._keys.size
        place = np.full(number, -1, np.int32)
        place[codes] = np.arange(codes.size, dtype=np.int32)
        was_open = keys["open"].copy()
        for name, yes in (("opening", opens), ("closing", closes)):
            lasting = np.zeros(number, np.int32)
            lasting[codes[yes]] = keys[name][codes[yes]] + 1
            keys[name] = np.where(was_open == (name == "closing"), lasting, 0)
        seen = np.zeros(number, bool)
        seen[codes[judged]] = True
        silent = was_open & ~seen & (self.end - keys["judged"] >= self.rule.silence_s * SECOND)
        keys["judged"][seen] = self.end
        opened = ~was_open & (keys["opening"] >= self._need[0])
        closed = was_open & (keys["closing"] >= self._need[1])
        here = np.append(level, np.nan)[place]
        with np.errstate(invalid="ignore"):
            worse = here < keys["worst"] if self.rule.lower else here > keys["worst"]
        updated = was_open & ~closed & seen & worse
        keys["opened"][opened] = self.end
        keys["worst"] = np.where(opened | updated, here, keys["worst"])
        keys["open"] = (was_open | opened) & ~closed & ~silent
        for state, which in (("opened", opened), ("updated", updated), ("closed", closed | silent)):
            yield from self._events(state, np.flatnonzero(which), place, level, found)
        keys["opening"][opened] = keys["closing"][closed | silent] = 0

    def _events(
        self, state: str, which: np.ndarray, place: np.ndarray, level: np.ndarray, found: dict[str, np.ndarray]
    ) -> Iterator[Event]:
        rule, names = self.rule, tuple(key.name for key in self.grain.keys)
        for code, text in zip(which.tolist(), self._domain.texts(which).to_pylist(), strict=True):
            at = int(place[code])
            parts = text.split(SEPARATOR, len(names) - 1)
            by_name, key = dict(zip(names, parts, strict=True)), key_text(names, parts)
            opened = int(self._keys["opened"][code])
            sample = _known(found[self.sample], at) if self.sample in found else None
            yield Event(
                self.end, alert_id(rule.id, self.window_s, key, opened), rule.id, rule.severity, state, opened,
                f"{rule.kpi} by {rule.grain}", key, by_name.get("subscriber"), by_name.get("cell"), _known(level, at),
                rule.threshold, sample, self.window_s, self._evidence(found, at), rule.description,
            )  # fmt: skip

    def _evidence(self, found: dict[str, np.ndarray], at: int) -> str:
        """What the value is made of."""
        if at < 0:
            return "no value to judge any more"
        names = [*self._told, *(name for name in WORDS[1:] if name in found)]
        told = [(name, _known(found[name], at)) for name in names]
        return ", ".join(f"{name} {'null' if value is None else f'{value:.6g}'}" for name, value in told)

    # --- kept from one start to the next --------------------------------------------------------------------------

    def saved(self) -> dict[str, np.ndarray]:
        """What must be kept to go on from here: keys of which something is known."""
        keys = self._keys[: len(self._domain)]
        which = np.flatnonzero(keys["open"] | (keys["opening"] > 0))
        texts = kept_texts(self._domain.texts(which).to_pylist())
        return {"rows": keys[which], "keys": texts, "end": np.array([self.end])}

    def resume(self, saved: dict[str, np.ndarray]) -> None:
        """Go on from what was saved."""
        rows = saved["rows"]
        self._domain = Domain()
        self._domain.codes_of(texts_kept(saved["keys"]))
        self._keys, self.end = rows.copy(), int(saved["end"][0])


def _known(values: np.ndarray, at: int) -> float | None:
    value = float(values[at]) if at >= 0 else float("nan")
    return None if value != value else value


def _median(lines: np.ndarray, least: int) -> np.ndarray:
    """float64[n] of float64[k, n]: the median of what is there; NaN where that is fewer than `least`."""
    out = np.full(lines.shape[1], np.nan)
    enough = (~np.isnan(lines)).sum(axis=0) >= least
    if enough.any():
        out[enough] = np.nanmedian(lines[:, enough], axis=0)
    return out
