"""`--config FILE`: the options of a command from a TOML file; what stands on the command line wins."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["config_option"]

F = TypeVar("F", bound=Callable[..., Any])


def _options(ctx: click.Context) -> dict[str, str]:
    """Names that a file may use, dashes or underscores, and the parameter that each means."""
    options = [param for param in ctx.command.params if isinstance(param, click.Option) and param.expose_value]
    return {name: str(option.name) for option in options for name in (option.opts[0].removeprefix("--"), option.name)}


def _text(name: str, value: object, path: Path) -> Any:
    """A TOML value as it would stand on the command line; a list as its parts with commas between."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise click.UsageError(f"{path}: {name} is {value!r}: write a text, a number or a list of texts")
    return str(value)


def _load(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Make the values of the file the defaults of the command."""
    if path is None or ctx.resilient_parsing:
        return
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise click.UsageError(f"{path}: not a readable TOML file: {problem}", ctx) from None
    options = _options(ctx)
    unknown = [name for name in found if name not in options]
    if unknown:
        known = ", ".join(sorted({name for name in options if "_" not in name}))
        raise click.UsageError(f"{path}: no option {', '.join(unknown)}; there are {known}", ctx)
    several = {str(param.name) for param in ctx.command.params if isinstance(param, click.Option) and param.multiple}
    values = {}
    for name, value in found.items():
        text = _text(name, value, path)
        many = value if isinstance(value, list) else [text]
        values[options[name]] = many if options[name] in several else text
    ctx.default_map = {**(ctx.default_map or {}), **values}


def config_option(command: F) -> F:
    """Add `--config FILE` to a command."""
    decorate = click.option(
        "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), is_eager=True, expose_value=False,
        callback=_load, help="TOML file with these options by name; the command line wins.",
    )  # fmt: skip
    return decorate(command)
