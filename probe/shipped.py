"""The catalogues that come with wiregauge, by name."""

from pathlib import Path
from typing import Any

import click

import formats

__all__ = ["CatalogueFile", "shipped"]

FOLDER = Path(formats.__file__).parent / "catalogues"


def shipped() -> list[str]:
    """The names that `--catalogue` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


class CatalogueFile(click.Path):
    """A catalogue file, or the name of one that is shipped; a file of that name wins."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path of the file."""
        if str(value) in shipped() and not Path(value).is_file():
            value = FOLDER / f"{value}.toml"
        return super().convert(value, param, ctx)
