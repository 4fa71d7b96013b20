"""Segments joined to xDR rows: each distinct text of the join column is looked for once."""

from collections.abc import Callable, Sequence

import numpy as np

from formats.kpi import Segment
from probe.kpi_domain import Domain
from probe.segment import NO, YES

__all__ = ["Lookup", "lookups"]


class Lookup:
    """The rows of a segment by the codes that the join column's texts have in its domain."""

    def __init__(self, segment: Segment, domain: Domain, domain_of: Callable[[str], Domain]) -> None:
        """`domain`: of the join column; `domain_of`: gives those of the segment's columns."""
        rows = segment.rows
        self._domain, self._keys = domain, Domain()
        self._keys.codes(rows.column(0).chunks)
        self._size = len(self._keys)
        self._found = np.empty(0, np.int32)  # of each code of the join column the row; _size for none
        self._values = {c: np.append(domain_of(c).codes(rows.column(c).chunks), np.int32(-1)) for c in segment.columns}
        yes, no = domain_of(segment.member).codes_of([YES, NO])
        self._values[segment.member] = np.append(np.full(self._size, yes, np.int32), no)

    def codes(self, column: str, of_rows: np.ndarray) -> np.ndarray:
        """int32[n]: codes of a segment's column for codes of the join column, -1 for null."""
        known = self._found.size
        if known < len(self._domain):
            fresh = self._domain.texts(np.arange(known, len(self._domain)))
            found = np.minimum(self._keys.codes([fresh]), np.int32(self._size))
            self._found = np.concatenate([self._found, found])
        table = np.append(self._values[column][self._found], np.int32(-1))
        out: np.ndarray = table[of_rows]
        return out


def lookups(segments: Sequence[Segment], domain_of: Callable[[str], Domain]) -> dict[str, Lookup]:
    """The lookup of each column of the segments."""
    out: dict[str, Lookup] = {}
    for segment in segments:
        lookup = Lookup(segment, domain_of(segment.on), domain_of)
        out.update(dict.fromkeys((segment.member, *segment.columns), lookup))
    return out
