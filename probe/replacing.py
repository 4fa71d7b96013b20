"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` at once when all went well and is removed otherwise.

    It begins with a dot and ends in `.tmp`, so that no reader takes it for a table's file.
    """
    unfinished = path.with_name(f".{path.name.removeprefix('.')}.{os.getpid()}.tmp")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
