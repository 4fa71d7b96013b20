"""Who a subscriber is in the tables: a keyed pseudonym, the number itself, or nobody.

The pseudonym is BLAKE2b keyed with a secret (RFC 7693), so it is the same in every file, run and probe that shares the
key file, and cannot be turned back, nor guessed by trying all numbers, without it.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from probe.errors import WiregaugeError

__all__ = ["CLEAR", "DEFAULT_KEY", "MODES", "NONE", "PSEUDONYM", "Identities", "load_key"]

PSEUDONYM, CLEAR, NONE = MODES = ("pseudonym", "clear", "none")

DEFAULT_KEY = Path("~/.config/wiregauge/identity.key")
KEY_OCTETS = 32
PSEUDONYM_OCTETS = 8  # 16 hexadecimal digits
REMEMBERED = 1 << 20  # subscribers whose text is kept; then the memory is emptied


def _make_key(path: Path) -> bytes:
    """Write a new random key with mode 0600; if another process was faster, its key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = secrets.token_bytes(KEY_OCTETS)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.hex().encode() + b"\n")
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return _read_key(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return key


def _read_key(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise WiregaugeError(
            f"{path}: others can read this identity key (mode {mode:04o}), so its pseudonyms protect nobody.\n"
            f"Run `chmod 600 {path}`, or name another key with --identity-key."
        )
    text = path.read_text("ascii", errors="replace").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if not 16 <= len(key) <= 64:
        raise WiregaugeError(
            f"{path}: not an identity key: expected 32 to 128 hexadecimal digits.\n"
            "Remove the file to have a new one made, or name another with --identity-key."
        )
    return key


def load_key(path: str | Path = DEFAULT_KEY) -> bytes:
    """The key in `path`, made on first use with mode 0600; WiregaugeError if others may read it or it is no key."""
    path = Path(path).expanduser()
    try:
        return _read_key(path) if path.exists() else _make_key(path)
    except OSError as problem:
        raise WiregaugeError(
            f"{path}: the identity key cannot be read or made: {problem.strerror}.\n"
            "Name another place with --identity-key, or write no subscribers with --identities none."
        ) from problem


def digits_text(digits: int) -> str:
    """Digits coded as in `formats.addresses`, as text."""
    text = f"{digits:016x}".rstrip("f")
    if text.isdecimal():
        return text
    end = next((i for i, nibble in enumerate(text) if nibble > "9"), len(text))
    return text[:end]


class Identities:
    """Turns coded IMSIs into the text of the `subscriber` column, remembering what it has seen."""

    def __init__(self, mode: str = PSEUDONYM, key: bytes | None = None) -> None:
        """`mode`: one of MODES; `key`: of 16 to 64 octets, for pseudonyms."""
        if mode not in MODES:
            raise WiregaugeError(f"identities can be {', '.join(MODES)}: not {mode!r}")
        if mode == PSEUDONYM and not key:
            raise WiregaugeError("pseudonyms need a key: see --identity-key")
        self.mode = mode
        self._keyed = hashlib.blake2b(key=key or b"", digest_size=PSEUDONYM_OCTETS)
        self._seen: dict[int, str | None] = {}

    @classmethod
    def from_option(cls, mode: str = PSEUDONYM, key_file: str | Path = DEFAULT_KEY) -> "Identities":
        """As the command line asks for it; the key file is touched only for pseudonyms."""
        return cls(mode, load_key(key_file) if mode == PSEUDONYM else None)

    def _text(self, imsi: int) -> str | None:
        digits = digits_text(imsi)
        if self.mode == CLEAR or not digits:
            return digits or None
        keyed = self._keyed.copy()
        keyed.update(digits.encode())
        return keyed.hexdigest()

    def pseudonyms(self, imsis: Sequence[str]) -> list[str]:
        """The pseudonym of each IMSI (digits)."""
        out, keyed = [], self._keyed
        for imsi in imsis:
            digest = keyed.copy()
            digest.update(imsi.encode())
            out.append(digest.hexdigest())
        return out

    def texts(self, imsis: np.ndarray) -> Sequence[str | None]:
        """imsis: uint64[n] distinct digits -> a text each; None where there is no IMSI, or identities are `none`."""
        if self.mode == NONE:
            return [None] * len(imsis)
        seen = self._seen
        if len(seen) > REMEMBERED:
            seen.clear()
        out = []
        for imsi in imsis.tolist():
            text = seen.get(imsi)
            if text is None:
                text = seen[imsi] = self._text(imsi)
            out.append(text)
        return out
