"""Lengths of time as people write them: `90s`, `15m`, `1h`, `1d`; and short ones: `10ms`, `500us`, `off`."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import click

__all__ = ["DURATION", "DURATIONS", "MOMENT", "moment", "nested", "parse", "text", "texts"]

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
NANOSECONDS = {"us": 10**3, "ms": 10**6, "s": 10**9}
_FORM = re.compile(r"(\d{1,9})([smhd])")


def parse(value: str) -> int:
    """Seconds in `value` (`90s`, `15m`, `1h30m`); ValueError in words if it is not a length of time above zero."""
    parts = _FORM.findall(value.strip().lower())
    if not parts or "".join(n + unit for n, unit in parts) != value.strip().lower():
        raise ValueError(f"{value!r} is not a length of time: write a number and a unit, as in 90s, 15m, 1h, 1d")
    seconds = sum(int(n) * SECONDS[unit] for n, unit in parts)
    if not 0 < seconds <= 366 * 86400:
        raise ValueError(f"{value!r} must be longer than 0 s and no longer than a year")
    return seconds


def moment(value: str) -> int:
    """Nanoseconds in `value` (`10ms`, `500us`, `1s`; `off` is 0), ValueError in words if it is neither."""
    told = value.strip().lower()
    if told == "off":
        return 0
    found = re.fullmatch(r"(\d{1,9})(us|ms|s)", told)
    nanoseconds = int(found.group(1)) * NANOSECONDS[found.group(2)] if found else 0
    if not 0 < nanoseconds <= NANOSECONDS["s"]:
        raise ValueError(f"{value!r} is no time of a second at most: write 10ms, 500us, 1s, or off")
    return nanoseconds


def text(seconds: int) -> str:
    """The shortest way to write `seconds`: 900 is `15m`."""
    for unit in "dhm":
        if seconds % SECONDS[unit] == 0:
            return f"{seconds // SECONDS[unit]}{unit}"
    return f"{seconds}s"


def texts(many: Iterable[int]) -> str:
    """Several lengths of time, as `1m, 15m`."""
    return ", ".join(map(text, many))


def nested(windows: Iterable[int]) -> tuple[int, ...]:
    """Windows that are computed at once, shortest first; ValueError in words where one does not fill the next."""
    found = tuple(sorted(set(windows)))
    for shorter, longer in pairwise(found):
        if longer % shorter:
            raise ValueError(
                f"windows at once must fill each other: {text(longer)} is no multiple of {text(shorter)}; "
                "compute them apart"
            )
    return found


class _Duration(click.ParamType):
    """The click type of an option that is a length of time; the number that it stands for."""

    def __init__(self, name: str, meant: Callable[[str], int]) -> None:
        self.name, self._meant = name, meant

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or click's own usage error (exit code 2)."""
        if isinstance(value, int):
            return value
        try:
            if "," in value:
                raise ValueError(f"{value!r}: one length of time is wanted here, not several")
            return self._meant(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


class _Durations(click.ParamType):
    """The click type of an option like `--window 1m,15m,1h`: seconds, shortest first."""

    name = "durations"

    def convert(
        self, value: str | int | Sequence[int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Seconds, or click's own usage error (exit code 2)."""
        if not isinstance(value, str):
            return (value,) if isinstance(value, int) else tuple(value)
        try:
            return nested(parse(one) for one in value.split(","))
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


DURATION = _Duration("duration", parse)
"""As in `--window 15m`: seconds."""
DURATIONS = _Durations()
MOMENT = _Duration("moment", moment)
"""As in `--duplicates 10ms`: nanoseconds, 0 for `off`."""
