"""One change of state of an alert, as it goes into the table `alert` and to those who listen."""

import hashlib
import json
import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

__all__ = ["SEPARATOR", "Event", "alert_id", "iso", "kept_texts", "key_text", "texts_kept"]

SEPARATOR = "\x1f"
"""Between the columns of a key, while it is worked with."""
_SHOWN = "; "
SECOND = 10**9


class Event(NamedTuple):
    """The columns of the table `alert`, in order; times in ns."""

    time: int
    alert_id: str
    rule: str
    severity: str
    state: str
    opened_time: int
    scope: str
    key: str
    subscriber: str | None
    cell: str | None
    value: float | None
    threshold: float
    sample: float | None
    window_s: int | None
    evidence: str
    description: str

    @property
    def identity(self) -> int:
        """int64: what tells this change from all others; the same for the same change, whoever found it."""
        return _number(f"{self.alert_id} {self.state} {self.time}")

    def line(self, withdrawn: bool = False) -> str:
        """The event as one line of JSON."""
        told: dict[str, Any] = {"event_id": f"{self.identity & (2**64 - 1):016x}"}
        told.update(zip(self._fields, self, strict=True))
        if withdrawn:
            told |= {"state": "withdrawn", "withdraws": self.state}
        told |= {name: None for name, value in told.items() if isinstance(value, float) and not math.isfinite(value)}
        told["time"], told["opened_time"] = iso(self.time), iso(self.opened_time)
        told["key"] = dict(part.partition("=")[::2] for part in self.key.split(_SHOWN))
        return json.dumps(told, ensure_ascii=False)


def _number(text: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True
    )


def alert_id(rule: str, window_s: int, key: str, opened_time: int) -> str:
    """The name of an alert: of a rule, a key and the time of its opening."""
    return f"{_number(f'{rule} {window_s} {key} {opened_time}') & (2**64 - 1):016x}"


def key_text(names: tuple[str, ...], texts: list[str]) -> str:
    """Key columns with their values: `subscriber=...; cell=...`."""
    return _SHOWN.join(f"{name}={text}" for name, text in zip(names, texts, strict=True))


def kept_texts(texts: list[str]) -> np.ndarray:
    """Texts as uint8, to be kept from one start to the next."""
    return np.frombuffer(json.dumps(texts).encode(), np.uint8)


def texts_kept(octets: np.ndarray) -> list[str]:
    """The texts that `kept_texts` has kept."""
    return list(map(str, json.loads(bytes(octets))))


def iso(time_ns: int) -> str:
    """A time in ISO 8601, to the nanosecond."""
    return f"{_second(time_ns // SECOND)}.{time_ns % SECOND:09d}Z"


@lru_cache(1 << 12)
def _second(time_s: int) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%S}"
