"""What to keep in mind of the KPIs of a row: withheld, told by a sketch, or an interval where the probe missed packets.

Intervals hold if what was missed is as the rest of the window in how much there is of each kind, however it fared:

- `unseen` is the share of a window's packets that were lost, and for KPIs of user-plane rows also of those that could
  not be joined to a session (the ledger's `unjoined`).
- A percentage of n out of d events: with m = d x unseen / (1 - unseen) events missed, all bad or all good, it lies
  between n / (d + m) and (n + m) / (d + m).
- A ratio of sums: each of the two may have missed that share, the other nothing.
- The q quantile of n values seen: of n / (1 - unseen) in all the missed ones may all be below it or all above, so it
  lies between two ranks of those seen; unbounded where there is no such rank.
- A formula, by interval arithmetic over what it is made of. Its counters of rows: of all that those of a table have
  counted that share was missed, and any or none of it counts for each (so one that tells how many failed, and not of
  how many, has as many more failures as its share). Sums and distinct things: as in a ratio. KPIs: their own intervals.
  What stands in it twice counts as two, so the interval may be wider than need be; unbounded where what it divides by
  may be 0. One that looks back has none.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from formats.kpi import Grain, Kpi, Ratio
from formats.schema import CAVEAT_KINDS, CAVEATS
from probe.kpi_estimate import Lists, at_ranks, sizes_of
from probe.losses import Losses

__all__ = ["Caveats", "Unseen", "quantile_bounds", "ratio_bounds", "unseen_of"]

JOINED_TABLES = {"flow"}
"""Tables whose rows lack subscriber and cell where packets were not joined."""
OWN_COLUMNS = {"service", "server_name", "ip_protocol", "end_reason", "connect_outcome", "start_time"}
"""What packets tell without a session."""


class Unseen(NamedTuple):
    """Share of what each group's window had that is not in its rows: float64[g], by packets lost, and by user packets
    lost or not joined."""

    lost: np.ndarray
    user: np.ndarray

    def of(self, tables: tuple[str, ...]) -> np.ndarray:
        """The share for what is counted in these tables."""
        return self.user if JOINED_TABLES.issuperset(tables) else self.lost


def unseen_of(
    starts: np.ndarray, keys: Sequence[np.ndarray], grain: Grain, lost: Mapping[int, Losses]
) -> Unseen | None:
    """What groups lack, None for nothing. starts: int64[g] ns, in order;  keys: int32[g] codes each, -1 null.

    Rows that could not be joined are in the groups without a key, so these lack none of them.
    """
    keyed = np.zeros(starts.size, bool)
    for key, codes in zip(grain.keys, keys, strict=True):
        if key.column not in OWN_COLUMNS:
            keyed |= codes >= 0
    out = np.zeros((2, starts.size))
    edges = np.flatnonzero(np.diff(starts, prepend=-(2**62))).tolist()
    for low, high in zip(edges, [*edges[1:], starts.size], strict=True):
        found = lost.get(int(starts[low]))
        if found is None:
            continue
        seen = 1.0 if found.complete_pct is None else found.complete_pct / 100
        users = found.joined + found.unjoined
        out[0, low:high] = 1 - seen
        out[1, low:high] = 1 - seen * np.where(keyed[low:high], found.joined / users if users else 1, 1)
    return Unseen(*out) if out.any() else None


def ratio_bounds(kpi: Kpi, over: np.ndarray, under: np.ndarray, unseen: np.ndarray, share: bool
                 ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Lowest and highest value of a ratio, float64[g]; `share`: the numerator counts some of the denominator's rows."""
    assert isinstance(kpi.formula, Ratio)
    scale = kpi.formula.scale
    with np.errstate(divide="ignore", invalid="ignore"):
        if share:
            missed = under * unseen / (1 - unseen)
            return scale * over / (under + missed), scale * (over + missed) / (under + missed)
        return scale * over * (1 - unseen) / under, scale * over / (under * (1 - unseen))


def quantile_bounds(lists: Lists, q: float, unseen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value of a quantile, float64[g], NaN for unbounded."""
    seen = sizes_of(lists)
    whole = seen / np.maximum(1 - unseen, 1e-9)
    highest = q * (whole - 1)  # none of the missed values is below; or all of them are
    lowest = highest - (whole - seen)
    edge = 1e-9 * whole
    low, high = (
        np.clip(rank, -1, seen).astype(np.int64) for rank in (np.floor(lowest + edge), np.ceil(highest - edge))
    )
    return at_ranks(lists, low), at_ranks(lists, high)


class Caveats:
    """Those of some groups, told one KPI at a time."""

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self._names: list[str] = []
        self._told: list[tuple[np.ndarray, int, int, np.ndarray, np.ndarray]] = []

    def add(self, where: np.ndarray, name: str, kind: str, bounds: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        """One of a kind for the groups where[g]; bounds: float64[g] twice, NaN for none."""
        at = np.flatnonzero(where)
        if at.size:
            nothing = np.full(at.size, np.nan)
            low, high = (nothing, nothing) if bounds is None else (bounds[0][at], bounds[1][at])
            self._names.append(name)
            self._told.append((at, len(self._names) - 1, CAVEAT_KINDS.index(kind), low, high))

    def array(self) -> pa.Array:
        """CAVEATS of each group: null for none, else in the order in which they were told."""
        if not self._told:
            return pa.nulls(self.groups, CAVEATS)
        group = np.concatenate([at for at, *_ in self._told])
        order = np.argsort(group, kind="stable")
        sizes = np.bincount(group, minlength=self.groups)

        def repeated(values: list[int]) -> np.ndarray:
            return np.repeat(values, [at.size for at, *_ in self._told])[order].astype(np.int32)

        name = pa.DictionaryArray.from_arrays(repeated([t[1] for t in self._told]), pa.array(self._names))
        kind = pa.DictionaryArray.from_arrays(repeated([t[2] for t in self._told]), pa.array(CAVEAT_KINDS))
        bounds = [pa.array(np.concatenate([t[at] for t in self._told])[order], from_pandas=True) for at in (3, 4)]
        fields = list(CAVEATS.value_type)
        told = pa.StructArray.from_arrays([name, kind, *bounds], fields=fields)
        offsets = np.zeros(self.groups + 1, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        return pa.ListArray.from_arrays(pa.array(offsets, mask=np.append(sizes == 0, False)), told, CAVEATS)
