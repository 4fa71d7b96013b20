"""`DIR/.status.json`: how a live probe fares, once a second, for `wiregauge top` and whoever else looks."""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe.errors import InputError
from probe.replacing import replacing

if TYPE_CHECKING:
    from probe.live_probe import Status

__all__ = ["read_status", "write_status"]

NAME = ".status.json"


def write_status(out: Path, status: "Status") -> None:
    """Replace the file at once; a disk that takes nothing is no reason to stop."""
    with contextlib.suppress(OSError), replacing(out / NAME) as unfinished:
        unfinished.write_text(json.dumps(status._asdict()), encoding="utf-8")


def read_status(out: Path) -> dict[str, Any]:
    """What the probe said last; InputError where there is no such file."""
    try:
        found = json.loads((out / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        remedy = "Start `wiregauge live` with this folder first."
        raise InputError(str(out), f"no live probe writes here ({problem})", remedy=remedy) from None
    return dict(found)
