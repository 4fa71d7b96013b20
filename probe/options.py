"""Options that several commands share, each declared once: the same name means the same everywhere.

@click.command("run")
@out_option
@windows_option
@decoding_options      # identities, identity_key, workers, by, catalogue, alerts, ..., max_flows, max_sessions
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from kernels.shard import Limits
from probe.alert_out import alert_options
from probe.catalogue import catalogue_option, with_min_sample
from probe.duration import DURATION, DURATIONS, MOMENT
from probe.identity import DEFAULT_KEY, MODES, PSEUDONYM

__all__ = [
    "USUAL_DUPLICATES", "decoding_options", "duplicates_option", "grains_option", "limits_of", "min_sample_option",
    "out_option", "processors", "window_option", "windows_option",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


def processors() -> int:
    """How many workers there are by default."""
    return min(4, len(os.sched_getaffinity(0)))


def _grains(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """The names in `--by`, checked before anything is read."""
    if not value:
        return None
    known = [grain.name for grain in ctx.params["catalogue"].grains]
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"no grain {name!r}: there are {', '.join(known)}", ctx, param)
    return names


out_option = click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the tables.")
window_option = click.option(
    "--window", type=DURATION, default="15m", show_default=True, help="Length of a window: 90s, 15m, 1h."
)
windows_option = click.option(
    "--window", type=DURATIONS, default="15m", show_default=True,
    help="Length of a window: 90s, 15m, 1h; several at once as 1m,15m,1h.",
)  # fmt: skip
grains_option = click.option(
    "--by", callback=_grains, metavar="GRAINS", help="KPI tables, as in cell,subscriber  [default: all]"
)


def _min_sample(ctx: click.Context, param: click.Parameter, value: int) -> None:
    """Every KPI whose samples are known and that asks for no number of its own asks for this one."""
    if value:
        ctx.params["catalogue"] = with_min_sample(ctx.params["catalogue"], value)


min_sample_option = click.option(
    "--min-sample", type=click.IntRange(0), default=0, show_default=True, callback=_min_sample,
    expose_value=False, help="Withhold percentages and quantiles of fewer samples: null, with a caveat.",
)  # fmt: skip

_DECODING = (
    click.option(
        "--identities", type=click.Choice(MODES), default=PSEUDONYM, show_default=True,
        help="How subscribers are named.",
    ),
    click.option(
        "--identity-key", type=click.Path(path_type=Path), default=DEFAULT_KEY, show_default=True,
        help="Key of the pseudonyms, made on first use.",
    ),
    click.option(
        "--workers", type=click.IntRange(1, 64), default=processors, show_default="processors, at most 4",
        help="Threads that decode.",
    ),
    grains_option,
    catalogue_option,
    min_sample_option,
    alert_options,
    click.option(
        "--max-flows", type=click.IntRange(1 << 10, 1 << 28), default=Limits().flows, show_default=True,
        help="Flows alive at a time.",
    ),
    click.option(
        "--max-sessions", type=click.IntRange(1 << 8, 1 << 24), default=Limits().sessions, show_default=True,
        help="Sessions alive at a time.",
    ),
)  # fmt: skip


USUAL_DUPLICATES = "10ms"


def duplicates_option(default: str) -> Callable[[F], F]:
    """`--duplicates`: on where the probe sits at a SPAN port, off for files, which may hold what was made so."""
    return click.option(
        "--duplicates", type=MOMENT, default=default, show_default=True, metavar="TIME|off",
        help="Remove copies of a frame that come within this time, as SPAN ports make them; a second at most.",
    )  # fmt: skip


def decoding_options(command: F) -> F:
    """Add what every command that decodes packets takes, in the order of `_DECODING`."""
    for option in reversed(_DECODING):
        command = option(command)
    return command


def limits_of(told: Mapping[str, Any]) -> Limits:
    """The sizes of tables that the parameters of a command ask for."""
    return Limits(flows=told["max_flows"], sessions=told["max_sessions"])
