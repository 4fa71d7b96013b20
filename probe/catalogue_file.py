"""Catalogue files: their entries in order, families of them spelt out, each mistake with its line.

    [[family]]                                  # for each row all that follows, {name} replaced in every text
    each = [{ name = "dns", port = "53" }, { name = "ntp", port = "123" }]

    [[family.counter]]
    name = "{name}_flows"
    from = "flow"
    where = "server_port == {port}"

A counter or KPI alone may have `each` too, within a family as well.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from formats.expression import Mistake
from probe.errors import WiregaugeError

__all__ = ["Entries"]

IN_FAMILIES = ("counter", "kpi")
MOST_ENTRIES = 100_000
_HEAD = re.compile(r"\s*\[\[\s*([\w.]+)\s*\]\]")
_PLACE = re.compile(r"\{(\w+)\}")
T = TypeVar("T")


class _Entry(NamedTuple):
    """One entry: of which kind, what it says, the line (from 0) of its head."""

    kind: str
    told: dict[str, Any]
    line: int


def _rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of `each`; one without anything where there is none."""
    each = told.get("each", [{}])
    if not isinstance(each, list) or not each or not all(isinstance(row, dict) for row in each):
        raise Mistake('each is a list of rows: [{ name = "dns", port = "53" }, ...]')
    if any(isinstance(value, dict | list) for row in each for value in row.values()):
        raise Mistake("each: a row has texts and numbers")
    return each


def _filled(told: Any, row: Mapping[str, Any]) -> Any:
    """An entry with {name} replaced in all its texts."""
    if isinstance(told, str):

        def value(found: re.Match[str]) -> str:
            if found[1] not in row:
                raise Mistake(f"each: no row tells {found[0]}: they tell {', '.join(row)}")
            return str(row[found[1]])

        return _PLACE.sub(value, told)
    if isinstance(told, list):
        return [_filled(one, row) for one in told]
    if isinstance(told, dict):
        return {key: one if key == "each" else _filled(one, row) for key, one in told.items()}
    return told


class Entries:
    """The entries of one file."""

    def __init__(self, path: Path, keys: Mapping[str, set[str]]) -> None:
        """keys: the kinds of entries, and what each may say."""
        self.path, self._keys = path, keys
        try:
            text = path.read_text("utf-8")
            told = tomllib.loads(text)
        except (OSError, ValueError) as problem:
            raise WiregaugeError(f"{path}: not a catalogue: {problem}.") from problem
        except RecursionError as problem:
            raise WiregaugeError(f"{path}: not a catalogue: too many values within each other.") from problem
        self._lines = text.splitlines()
        self._heads = [(at, found[1]) for at, line in enumerate(self._lines) if (found := _HEAD.match(line))]
        for name, entries in told.items():
            if name not in keys:
                raise WiregaugeError(f"{path}: [[{name}]] means nothing here: there are {', '.join(keys)}.")
            if not isinstance(entries, list):
                raise WiregaugeError(f"{path}: [[{name}]] is wanted, not [{name}].")
        entries = [entry for name, some in told.items() for entry in self._placed(name, some)]
        self._entries: list[_Entry] = []
        for entry in sorted(entries, key=lambda entry: entry.line):
            self._tell(entry, self._spell_out)
            if len(self._entries) > MOST_ENTRIES:
                raise WiregaugeError(f"{path}:{entry.line + 1}: more than {MOST_ENTRIES:,} entries.")

    def _placed(self, kind: str, entries: list[Any], first: int = -1, end: int = 1 << 62) -> Iterator[_Entry]:
        """Entries with their lines: of the heads of this kind between two lines, in order."""
        lines = [at for at, name in self._heads if name == kind and first < at < end]
        for number, told in enumerate(entries):
            if not isinstance(told, dict):
                raise WiregaugeError(f"{self.path}: [[{kind}]] is wanted.")
            yield _Entry(kind, told, lines[number] if number < len(lines) else max(first, 0))

    def _spell_out(self, entry: _Entry) -> None:
        """Keep an entry, or all that a family or `each` stands for."""
        if entry.kind != "family":
            self._entries += [self._one(entry, row) for row in _rows(entry.told)]
            return
        self._check_keys(entry)
        end = next((at for at, name in self._heads if at > entry.line and "." not in name), len(self._lines))
        inner = [
            each._replace(kind=kind)
            for kind in IN_FAMILIES
            for each in self._placed(f"family.{kind}", entry.told.get(kind, []), entry.line, end)
        ]
        inner.sort(key=lambda each: each.line)
        for row in _rows(entry.told):
            for each in inner:
                self._tell(each, lambda each, row=row: self._inner(each, row))  # type: ignore[misc]

    def _inner(self, entry: _Entry, row: dict[str, Any]) -> None:
        self._entries += [self._one(entry, row | more) for more in _rows(entry.told)]

    def _one(self, entry: _Entry, row: Mapping[str, Any]) -> _Entry:
        told = _filled(entry.told, row) if row else entry.told
        return entry._replace(told={key: value for key, value in told.items() if key != "each"})

    def _check_keys(self, entry: _Entry) -> None:
        for key in entry.told:
            if key not in self._keys[entry.kind]:
                raise Mistake(f"no key {key!r}: there are {', '.join(sorted(self._keys[entry.kind]))}")

    def _line(self, entry: _Entry, key: str = "") -> int:
        """The line (from 1) of an entry, or of a key in it."""
        for at in range(entry.line + 1, len(self._lines)):
            if _HEAD.match(self._lines[at]):
                break
            if key and re.match(rf"\s*{key}\s*=", self._lines[at]):
                return at + 1
        return entry.line + 1

    def _tell(self, entry: _Entry, work: Callable[[_Entry], T]) -> T:
        """Do something with an entry; a mistake in it is told with its line."""
        name = entry.told.get("id", entry.told.get("name", ""))
        told = f"{entry.kind} {name}".strip()
        try:
            return work(entry)
        except KeyError as missing:
            raise WiregaugeError(f"{self.path}:{self._line(entry)}: {told} lacks {missing}.") from missing
        except (ValueError, TypeError, AttributeError) as problem:
            named = re.match(r"(?:no key ')?(\w*)", str(problem))[1]  # type: ignore[index]  # `direction is one of ...`
            key = next((k for k in ("formula", "where", "take") if k in entry.told), "")
            line = self._line(entry, named if named in {*self._keys[entry.kind], *entry.told} else key)
            raise WiregaugeError(f"{self.path}:{line}: {told}: {problem}.") from problem

    def made(self, kind: str, make: Callable[[dict[str, Any]], T]) -> list[T]:
        """All entries of a kind."""

        def checked(entry: _Entry) -> T:
            self._check_keys(entry)
            return make(entry.told)

        return [self._tell(entry, checked) for entry in self._entries if entry.kind == kind]

    def place(self, message: str) -> str:
        """A message about an entry, named at its beginning, with its line."""
        for entry in self._entries:
            names = (
                {entry.told.get("id"), entry.told.get("name")}
                if entry.kind not in ("kpi", "alert")
                else {entry.told.get("id")}
            )
            for name in names - {None}:
                if message.lower().startswith(
                    (f"{entry.kind} {name}:".lower(), f"{name}:".lower(), f"kpi_{name}:".lower())
                ):
                    key = message.partition(": ")[2].partition(":")[0]
                    return f"{self.path}:{self._line(entry, key if key in entry.told else '')}: {message}"
        return f"{self.path}: {message}"
