"""Alerts by plain loops: counts within a sliding period, and thresholds with hysteresis."""

from typing import NamedTuple


class Told(NamedTuple):
    """state, time, opened_time, key, value."""

    state: str
    time: int
    opened: int
    key: str
    value: float


def counted(rows, least, within, close, clock=None):
    """rows: [(time, mark, key)]. Every arrival and every end of a period, in order of time, one after another."""
    out = []
    clock = max((time for time, _, _ in rows), default=0) if clock is None else clock
    for key in {key for _, _, key in rows}:
        mine = sorted((time, mark) for time, mark, k in rows if k == key)
        steps = [(time, 1, mark) for time, mark in mine]
        steps += [(time + within, 0, mark) for time, mark in mine if time + within <= clock]
        number, opened, told = 0, None, 0
        for time, arrives, _ in sorted(steps):
            number += 1 if arrives else -1
            if opened is None and arrives and number >= least:
                opened, told = time, number
                out.append(Told("opened", time, opened, key, number))
            elif opened is not None and arrives and number >= 2 * told:
                told = number
                out.append(Told("updated", time, opened, key, number))
            elif opened is not None and not arrives and number <= close:
                out.append(Told("closed", time, opened, key, close))
                opened = None
    return sorted(out)


def judged(windows, window, opens, closes, need_open=1, need_close=1, lower=True, silence=86_400 * 10**9):
    """windows: {start: {key: value or None}}; opens, closes: functions of a value. One key after the other."""
    out = []
    for key in {key for rows in windows.values() for key in rows}:
        opened = worst = None
        row, last, known = 0, None, 0
        for start in sorted(windows):
            end, value = start + window, windows[start].get(key)
            if last is not None and last != start:
                row = 0
            last = end
            if value is not None:
                known = end
            if opened is None:
                row = row + 1 if value is not None and opens(value) else 0
                if row >= need_open:
                    opened, worst, row = end, value, 0
                    out.append(Told("opened", end, opened, key, value))
                continue
            row = row + 1 if value is not None and closes(value) else 0
            if row >= need_close or (value is None and end - known >= silence):
                out.append(Told("closed", end, opened, key, value))
                opened, row = None, 0
            elif value is not None and (value < worst if lower else value > worst):
                worst = value
                out.append(Told("updated", end, opened, key, value))
    return sorted(out, key=lambda told: (told.time, told.key, told.state))
