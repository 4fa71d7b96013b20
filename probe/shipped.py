"""The catalogues that come with wiregauge, by name."""

from pathlib import Path
from typing import Any

import click

import formats

__all__ = ["IN_FORCE", "CatalogueFile", "shipped"]

FOLDER = Path(formats.__file__).parent / "catalogues"


_ALWAYS = "sessions user_plane radio nas radio_times voice core causes standards grains missing"
IN_FORCE = tuple(FOLDER / f"{name}.toml" for name in _ALWAYS.split())
"""Those that are always in force, in the order of the columns that they make."""


def shipped() -> list[str]:
    """The names that `--catalogue` knows: what is there to be added."""
    return sorted(path.stem for path in FOLDER.glob("*.toml") if path not in IN_FORCE)


class CatalogueFile(click.Path):
    """A catalogue file, or the name of one that is shipped; a file of that name wins."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the file."""
        if str(value) in shipped() and not Path(value).is_file():
            value = FOLDER / f"{value}.toml"
        return super().convert(value, param, ctx)
