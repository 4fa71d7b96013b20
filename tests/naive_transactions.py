"""Requests and answers, told plainly: the twin of `kernels.transactions` for procedures that concern no session."""

from typing import NamedTuple

ANSWER_WITHIN = 30 * 10**9
ORPHAN_WAITS = 2 * 10**9
FIRST_ACCEPTED, LAST_ACCEPTED = {1: 128, 2: 16}, {1: 191, 2: 63}


class Said(NamedTuple):
    """A message: who it is of (requester, responder, port, version, sequence, procedure), request or answer."""

    ts: int
    key: tuple[int, int, int, int, int, str]
    is_request: bool
    cause: int


class Row(NamedTuple):
    """A procedure row; end and latency -1 where there was no answer."""

    key: tuple[int, int, int, int, int, str]
    start: int
    end: int
    outcome: str
    cause: int
    attempts: int
    latency: int


class _Open:
    def __init__(self, ts: int, orphan: int | None = None) -> None:
        self.begun, self.start, self.attempts = ts, ts, 1
        self.waiting = orphan is None  # for an answer
        self.orphan = orphan  # the cause of an answer that waits for its request

    def over(self, now: int) -> bool:
        return now - self.begun > (ANSWER_WITHIN if self.orphan is None else ORPHAN_WAITS)


def outcome(version: int, cause: int) -> str:
    return "success" if cause < 0 or FIRST_ACCEPTED[version] <= cause <= LAST_ACCEPTED[version] else "failure"


def procedures(messages: list[Said]) -> list[Row]:
    """The rows that messages in order of time give."""
    rows: list[Row] = []
    live: dict[tuple[int, int, int, int, int, str], _Open] = {}

    def silence(key: tuple[int, int, int, int, int, str], o: _Open, name: str) -> None:
        if o.waiting:
            rows.append(Row(key, o.start, -1, name, -1, o.attempts, -1))

    for m in messages:
        o = live.get(m.key)
        if o is not None and o.over(m.ts):
            silence(m.key, o, "timeout")
            o = None
        if o is None:
            live[m.key] = _Open(m.ts, None if m.is_request else m.cause)
        elif m.is_request and o.orphan is not None:
            rows.append(Row(m.key, m.ts, m.ts, outcome(m.key[3], o.orphan), o.orphan, 1, 0))
            o.orphan = None
        elif m.is_request:
            o.attempts += 1
        elif o.waiting:
            rows.append(Row(m.key, o.start, m.ts, outcome(m.key[3], m.cause), m.cause, o.attempts, m.ts - o.start))
            o.waiting = False
    for key, o in live.items():
        silence(key, o, "timeout" if o.over(messages[-1].ts) else "")
    return rows
