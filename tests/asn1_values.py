"""Random values of ASN.1 types that pycrate has compiled, for its encoder: every OPTIONAL member, extension, edge.

A value is what pycrate takes: dict of a SEQUENCE, list of a SEQUENCE OF, (alternative, value) of a CHOICE, a name of an
ENUMERATED, (number, length) of a BIT STRING.
"""

import random
from typing import Any

TYPICAL_BITS = {"TransportLayerAddress": (32, 128, 160)}
DEEP = 9
"""Levels below which OPTIONAL members are left out."""


class Values:
    """Draws values from a seed; `optional` is the share of OPTIONAL members, `extended` that of extension values."""

    def __init__(self, draw: random.Random, optional: float = 0.5, extended: float = 0.1, most: int = 3) -> None:
        self.draw, self.optional, self.extended, self.most = draw, optional, extended, most

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def of(self, kind: Any, depth: int = 0) -> Any:
        """A value of a pycrate type object."""
        return getattr(self, "_" + kind.TYPE.lower().replace(" ", "_"), self._string)(kind, depth)

    def _null(self, kind: Any, depth: int) -> int:
        return 0

    def _boolean(self, kind: Any, depth: int) -> bool:
        return self.chance(0.5)

    def _integer(self, kind: Any, depth: int) -> int:
        allowed = kind._const_val
        if allowed is None:
            return self.draw.randrange(-(2**31), 2**31)
        low, high = bounds(allowed)
        if allowed.ext is not None and self.chance(self.extended):
            return high + 1 + self.draw.randrange(1000)
        return self.draw.choice(
            [low, high, self.draw.randint(low, high), low + self.draw.randrange(min(high - low, 300) + 1)]
        )

    def _enumerated(self, kind: Any, depth: int) -> str:
        names = list(kind._ext or []) if self.chance(self.extended) else []
        return str(self.draw.choice(names or kind._root))

    def size(self, kind: Any, most: int) -> int:
        if kind._const_sz is None:
            return self.draw.randrange(most)
        low, high = bounds(kind._const_sz)
        return self.draw.randint(low, min(high, low + most))

    def _bit_string(self, kind: Any, depth: int) -> tuple[int, int]:
        name = kind._typeref.called[1] if kind._typeref is not None else ""
        length = self.draw.choice(TYPICAL_BITS[name]) if name in TYPICAL_BITS else self.size(kind, 40)
        return self.draw.getrandbits(length) if length else 0, length

    def _octet_string(self, kind: Any, depth: int) -> Any:
        if kind._const_cont is not None and kind._const_cont._typeref is not None:
            inner = kind._const_cont
            return inner._typeref.called[1], self.of(inner, depth + 1)
        return self.draw.randbytes(self.size(kind, 20))

    def _string(self, kind: Any, depth: int) -> str:
        return "".join(self.draw.choice("abcXYZ012") for _ in range(max(1, self.size(kind, 10))))

    def _choice(self, kind: Any, depth: int) -> tuple[str, Any]:
        names = [n for n in kind._root_canon if n != "choice-Extensions"] if hasattr(kind, "_root_canon") else []
        names = names or [n for n in kind._root if n != "choice-Extensions"] or list(kind._root)
        if self.chance(self.extended):
            names = list(kind._ext or []) or (["choice-Extensions"] if "choice-Extensions" in kind._root else names)
        name = self.draw.choice(names)
        if name == "choice-Extensions" and not self.table(kind._cont[name], "value"):
            name = self.draw.choice([n for n in kind._root if n != "choice-Extensions"])
        return name, self.of(kind._cont[name], depth + 1)

    def _sequence(self, kind: Any, depth: int) -> dict[str, Any]:
        if set(kind._cont) == {"id", "criticality", "value"}:
            return self.field(self.draw.choice(self.table(kind, "value")), "value", depth)
        found = {}
        for name, member in kind._cont.items():
            if name in (kind._root_opt or []) and not self.chance(self.optional if depth < DEEP else 0.0):
                continue
            if name in ("iE-Extensions", "iE-Extension"):
                if fields := self.extensions(member, depth):
                    found[name] = fields
            else:
                found[name] = self.of(member, depth + 1)
        return found

    def _sequence_of(self, kind: Any, depth: int) -> list[Any]:
        inner = kind._cont
        if inner.TYPE == "SEQUENCE" and set(inner._cont) == {"id", "criticality", "value"}:
            return self.fields(self.table(inner, "value"), "value", depth)
        low, high = bounds(kind._const_sz) if kind._const_sz is not None else (0, self.most)
        count = self.draw.randint(low, min(high, max(low, self.most)))
        return [self.of(inner, depth + 1) for _ in range(count)]

    def table(self, field: Any, name: str) -> list[Any]:
        allowed = field._cont[name]._const_tab
        return list(allowed._val.root) if allowed is not None and allowed._val is not None else []

    def fields(self, rows: list[Any], name: str, depth: int) -> list[dict]:
        """A container: what is mandatory and some of the rest, in the order of the standard."""
        picked = [
            r for r in rows if r["presence"] == "mandatory" or self.chance(self.optional if depth < DEEP else 0.0)
        ]
        return [self.field(row, name, depth) for row in picked or rows[:1]]

    def field(self, row: Any, name: str, depth: int) -> dict:
        inner = row["Value" if "Value" in row else "Extension"]
        kind = inner._typeref.called[1] if inner._typeref is not None else inner.TYPE
        return {"id": row["id"], "criticality": row["criticality"], name: (kind, self.of(inner, depth + 1))}

    def extensions(self, container: Any, depth: int) -> list[dict]:
        rows = self.table(container._cont, "extensionValue")
        return self.fields(rows, "extensionValue", depth) if rows else []


def bounds(allowed: Any) -> tuple[int, int]:
    """Least and greatest of the root of a constraint."""
    ends = [(p, p) if isinstance(p, int) else (p.lb, p.ub) for p in allowed.root]
    return min(low for low, _ in ends), max(high for _, high in ends)
