"""The command `wiregauge`: its subcommands, and how they fail.

A subcommand is imported when it is called, so that `wiregauge --help` does not wait for Numba, Arrow and scapy. To add
one: write a click command in a file of `probe/` and name it in COMMANDS.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some input was damaged or refused.
"""

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from probe.errors import WiregaugeError

__all__ = ["COMMANDS", "main"]

DEBUG = "WIREGAUGE_DEBUG"

COLLECT_AFTER = 1_000_000
"""Objects made before Python looks for cycles among them: at its own 700, loading the modules takes a fifth longer."""


class Lazy(NamedTuple):
    """Where a subcommand stands (`module:attribute`) and what the list of commands says of it."""

    place: str
    help: str


COMMANDS = {
    "run": Lazy("probe.run:run_command", "Turn captures and archived charging records into xDR and KPI tables."),
    "live": Lazy("probe.live:live_command", "Capture from interfaces and write xDR and KPI tables as time passes."),
    "top": Lazy("probe.top:top_command", "Show how a live probe fares, and its worst cells."),
    "feed": Lazy("probe.feed_cli:feed_command", "Feeds: how files of text or columns become xDR rows."),
    "kpi": Lazy("probe.kpi:kpi_command", "Compute KPI tables from the xDR tables that earlier runs wrote."),
    "show": Lazy("probe.show:show_command", "Show the tables of a folder, or the rows of one."),
    "describe": Lazy("probe.describe:describe_command", "Say what tables, columns, counters and KPIs there are."),
    "inspect": Lazy("probe.inspect:inspect_command", "Show how one packet was read, octet range by octet range."),
    "demo": Lazy("probe.demo:demo_command", "Make traffic with known faults and show them in the KPIs."),
}


class _Commands(dict[str, click.Command]):
    """The subcommands by name, imported when asked for."""

    def __missing__(self, name: str) -> click.Command:
        if name not in COMMANDS:
            raise KeyError(name)
        module, attribute = COMMANDS[name].place.split(":")
        self[name] = getattr(importlib.import_module(module), attribute)
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)


class _Group(click.Group):
    """A group whose commands are imported late and whose errors are words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands = _Commands()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.commands[cmd_name] if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does; an unknown name is told with those near it."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(COMMANDS)}."
            raise click.UsageError(f"no command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; whatever goes wrong is one or two lines and an exit code."""
        if not args and kwargs.get("args") is None:  # as a program, not from Python
            sys.meta_path.insert(0, _NoPandas())
            gc.set_threshold(COLLECT_AFTER)
        try:
            return super().main(*args, **kwargs)
        except Exception as problem:
            if os.environ.get(DEBUG):
                raise
            sys.exit(_tell(problem))


class _NoPandas:
    """Arrow imports pandas wherever it is installed, for half a second, and we have no use for it."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """No pandas here; everything else is for others to find."""
        if fullname == "pandas":
            raise ModuleNotFoundError("not needed", name=fullname)


def _tell(problem: Exception) -> int:
    """Say what went wrong; returns the exit code."""
    if isinstance(problem, BrokenPipeError):
        # Nobody reads any more, as in `wiregauge show DIR | head`; keep Python from complaining at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(problem, WiregaugeError):
        click.echo(f"wiregauge: {problem}", err=True)
        return problem.exit_code
    words = " ".join(str(problem).split())[:300]
    click.echo(f"wiregauge: unexpected {type(problem).__name__}: {words}", err=True)
    click.echo(f"This is a defect. Run it again with {DEBUG}=1 for details.", err=True)
    return 1


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"wiregauge {version('wiregauge')}")
        except PackageNotFoundError:
            click.echo("wiregauge (not installed)")
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def main() -> None:
    """Captured mobile-core traffic in, xDR and KPI tables (Parquet) out.

    \b
    First steps:
      wiregauge demo
      wiregauge run captures/ --out kpis/
      wiregauge show kpis/ kpi_cell
    """


if __name__ == "__main__":
    main()
