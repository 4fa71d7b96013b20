"""A seeded network's sessions and calls, the records of them, and what a reader should find."""

import random
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from tools.cdr.records import Bearer, Call, Part, Volume, call_record, gateway_record

__all__ = ["Scenario", "Session", "Told", "sessions_of", "told", "written"]

START = 1_795_287_600  # 2026-11-21 19:00:00 UTC
CELLS = (0x0ABCDE10, 0x0ABCDE11, 0x0ABCDE20)
ZONES = (0, 60, -300, 330)
MODELS = tuple(35_000_000 + 7919 * model for model in range(400))
"""Type allocation codes: devices are of some hundred models."""


class Scenario(NamedTuple):
    """How much there is of everything; shares are of sessions or calls."""

    sessions: int = 200
    calls: int = 200
    seed: int = 1
    longest_s: int = 5400
    dropped: float = 0.05
    partial: float = 0.5
    serving: float = 0.3
    unended: float = 0.05


class Session(NamedTuple):
    """A bearer, its parts, and whether it also has SGW records."""

    bearer: Bearer
    parts: tuple[Part, ...]
    serving: bool


class Told(NamedTuple):
    """Truth: per session, per window and cell, per call."""

    sessions: dict[int, tuple[int, int, int, int, bool | None]]
    """charging id -> start, end (s), octets up, octets down, dropped (None: the end was not written)"""
    octets: dict[tuple[int, int], tuple[Fraction, Fraction]]
    """(window start s, ECI) -> octets up, octets down, spread evenly, not rounded"""
    connected: dict[tuple[int, int], int]
    """(window start s, ECI) -> seconds"""
    calls: list[Call]


def _volumes(dice: random.Random, opened: int, duration: int, cell: int) -> tuple[tuple[Volume, ...], int]:
    count = dice.choice((1, 1, 2, 3)) if duration >= 3 else 1
    edges = [opened, *sorted(dice.sample(range(opened + 1, opened + duration), count - 1)), opened + duration]
    out = []
    for begin, end in pairwise(edges):
        out.append(Volume(begin, end, dice.randrange(1 << 20), dice.randrange(1 << 33), cell))
        if dice.random() < 0.4:
            cell = dice.choice(CELLS)
    return tuple(out), out[-1].eci


def sessions_of(scenario: Scenario) -> list[Session]:
    """The sessions of a scenario."""
    dice = random.Random(scenario.seed)
    out = []
    for number in range(scenario.sessions):
        imsi = f"20893{dice.randrange(10**10):010d}"
        bearer = Bearer(imsi, f"{dice.choice(MODELS)}{dice.randrange(10**7):07d}", f"336{dice.randrange(10**8):08d}",
                        0x8000_0000 + number, dice.choice(("internet", "ims", "iot.mnc093")),
                        f"100.64.{number // 250 % 250}.{number % 250}", dice.choice(ZONES))  # fmt: skip
        opened, cell, parts = START + dice.randrange(3600), dice.choice(CELLS), []
        for last in [False] * (dice.randrange(1, 4) if dice.random() < scenario.partial else 0) + [True]:
            duration = dice.randrange(1, scenario.longest_s)
            volumes, cell = _volumes(dice, opened, duration, cell)
            ending = 17 if dice.random() < scenario.unended else 4 if dice.random() < scenario.dropped else 0
            parts.append(Part(opened, duration, ending if last else dice.choice((16, 17, 22)), volumes))
            opened += duration
        out.append(Session(bearer, tuple(parts), dice.random() < scenario.serving))
    return out


def calls_of(scenario: Scenario) -> list[Call]:
    """The calls of a scenario."""
    dice = random.Random(scenario.seed + 1)
    out = []
    for number in range(scenario.calls):
        seized, kind = START + dice.randrange(7200), dice.random()
        answered = seized + dice.randrange(1, 30) if kind < 0.8 else None
        released = (answered or seized) + dice.randrange(1, 600)
        cause, diagnostic = (3, dice.choice((17, 19, 34))) if answered is None else (4, 41) if kind < 0.05 else (0, 16)
        out.append(Call(dice.random() < 0.5, f"20893{dice.randrange(10**10):010d}", "351234000000010", "33612345678",
                        f"6{dice.randrange(10**8):08d}", seized, answered, released, cause, diagnostic, 4660,
                        dice.choice((257, 258, 259)), number, dice.choice(ZONES)))  # fmt: skip
    return out


def written(scenario: Scenario) -> Iterator[bytes]:
    """All records of a scenario, session after session."""
    for session in sessions_of(scenario):
        for sequence, part in enumerate(session.parts, 1):
            loose = sequence % 3 == 0
            yield gateway_record(session.bearer, part, sequence, loose=loose)
            if session.serving:
                yield gateway_record(session.bearer, part, sequence, serving=True)
    for call in calls_of(scenario):
        yield call_record(call)


def told(scenario: Scenario, window_s: int = 900) -> Told:
    """What a reader should find in `written`."""
    sessions: dict[int, tuple[int, int, int, int, bool | None]] = {}
    connected: dict[tuple[int, int], int] = defaultdict(int)
    octets: dict[tuple[int, int], tuple[Fraction, Fraction]] = defaultdict(lambda: (Fraction(0), Fraction(0)))
    for session in sessions_of(scenario):
        parts, volumes = session.parts, [v for part in session.parts for v in part.volumes]
        ending = {0: False, 4: True}.get(parts[-1].cause)
        sessions[session.bearer.charging_id] = (
            parts[0].opened, parts[-1].opened + parts[-1].duration,
            sum(v.up for v in volumes), sum(v.down for v in volumes), ending,
        )  # fmt: skip
        for volume in volumes:
            for window in range(volume.begin // window_s * window_s, volume.end, window_s):
                overlap = min(volume.end, window + window_s) - max(volume.begin, window)
                share = Fraction(overlap, volume.end - volume.begin)
                up, down = octets[window, volume.eci]
                octets[window, volume.eci] = up + share * volume.up, down + share * volume.down
                connected[window, volume.eci] += overlap
    return Told(sessions, dict(octets), dict(connected), calls_of(scenario))
