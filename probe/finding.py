"""From the arguments of a command to the files that they name, each once, in a stable order."""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from probe.errors import InputError

__all__ = ["STDIN", "Refusal", "find_files"]

STDIN = "-"


class Refusal(NamedTuple):
    """A file that is not read, and why."""

    source: str
    reason: str


def find_files(arguments: Sequence[str]) -> tuple[list[str], list[Refusal]]:
    """Expand files, folders (all that is in them, by name), globs and "-"; a file that is named twice is read once.

    What stands in a folder and is no regular file is refused. Raises InputError where an argument names nothing.
    """
    files: list[str] = []
    refusals: list[Refusal] = []
    seen: set[tuple[int, int]] = set()
    for argument in arguments:
        found = 0
        for path in _expand(argument):
            found += 1
            if path == STDIN:
                key, regular = (-1, 0), True
            else:
                try:
                    status = os.stat(path)
                except OSError as error:
                    refusals.append(Refusal(path, error.strerror or str(error)))
                    continue
                key, regular = (status.st_dev, status.st_ino), stat.S_ISREG(status.st_mode)
            if key in seen:
                continue
            seen.add(key)
            if os.path.isdir(path) and path != STDIN:
                refusals.append(Refusal(path, "a folder that cannot be listed: check its permissions"))
            elif regular or path == argument:
                files.append(path)
            else:
                refusals.append(Refusal(path, "neither a file nor a folder"))
        if not found:
            raise _nothing(argument)
    return files, refusals


def _expand(argument: str) -> Iterator[str]:
    if argument == STDIN or (os.path.lexists(argument) and not os.path.isdir(argument)):
        yield argument
        return
    matches = [argument] if os.path.isdir(argument) else sorted(glob.glob(argument, recursive=True))
    for match in matches:
        if os.path.isdir(match):
            yield from _walk(match, set())
        else:
            yield match


def _walk(folder: str, above: set[tuple[int, int]]) -> Iterator[str]:
    """All files under `folder` by name; links to folders are followed, but not back into a folder above."""
    status = os.stat(folder)
    key = (status.st_dev, status.st_ino)
    if key in above:
        return
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        yield folder  # the caller refuses it
        return
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            yield from _walk(path, above | {key})
        else:
            yield path


def _nothing(argument: str) -> InputError:
    if os.path.isdir(argument):
        return InputError(argument, "an empty folder", remedy="Name a folder that holds capture files.")
    problem = "matches no file" if glob.has_magic(argument) else "no such file or folder"
    return InputError(argument, problem, remedy="Check the path, or name a file, folder, glob or - for stdin.")
