"""The errors that people see: one or two lines that say what is wrong and what to do next.

    WiregaugeError
    ├── UsageError      the call cannot be meant: an option or argument           (exit code 2)
    ├── InputError      what was to be read is not there or cannot be read        (exit code 1)
    └── OutputError     what was to be written cannot be                          (exit code 1)

Damage inside an input is no error: what was whole is kept, and the damage is named in the ledger (exit code 3).
"""

__all__ = ["InputError", "OutputError", "UsageError", "WiregaugeError"]


class WiregaugeError(Exception):
    """The root of the family. `str()` gives the message; `exit_code` is that of the command."""

    exit_code = 1


class UsageError(WiregaugeError):
    """An option or argument that cannot be meant."""

    exit_code = 2


class _FileError(WiregaugeError):
    """Names the file, the octet where it happened, what was expected there and found, and what to do next."""

    def __init__(
        self,
        file: str,
        problem: str,
        *,
        offset: int | None = None,
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        self.file = file
        self.problem = problem
        self.offset = offset
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(self._text())

    def _text(self) -> str:
        where = self.file if self.offset is None else f"{self.file}, octet {self.offset}"
        text = f"{where}: {self.problem}"
        if self.expected:
            text += f", expected {self.expected}"
        if self.found:
            text += f", found {self.found}"
        return f"{text}\n{self.remedy}" if self.remedy else text


class InputError(_FileError):
    """What was to be read is not there or cannot be read."""


class OutputError(_FileError):
    """What was to be written cannot be written."""
