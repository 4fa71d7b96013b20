"""Alerts to those who listen: lines of JSON into a file or to stdout, and POST to a URL. Each change once.

What was sent is remembered in `OUT/.alerts/sent-<output>`, so that neither a restart nor a second run over the same
input sends it again. A URL that does not answer holds nothing up: changes wait in a bounded queue, are tried again
with growing pauses, and stand in `OUT/.alerts/unsent-<output>` until they were taken, for the next start. A process
that is killed between an answer and its note sends that one change again: its `Idempotency-Key` is the same.
"""

import contextlib
import hashlib
import json
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from probe.alert_event import Event
from probe.alert_store import FOLDER
from probe.errors import OutputError
from probe.replacing import replacing

__all__ = ["AlertOptions", "Outputs", "alert_options"]

WAITING = 10_000
"""Changes that wait for a URL; more are lost and counted."""
REMEMBERED = 1 << 20
"""Changes that are remembered as sent."""
TIMEOUT_S, PAUSE_S, LONGEST_PAUSE_S = 5.0, 0.5, 30.0
DRAIN_S = 10.0
"""So long the end of a run waits for a URL to take what is left."""
_TAIL = 1 << 20
Change = tuple[int, Event]
"""(1, what happened) or (-1, what did not happen so after all)."""


class AlertOptions(NamedTuple):
    """Where alerts go beside the table: a file (`-` for stdout) and a URL, "" for none."""

    file: str = ""
    webhook: str = ""


def alert_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--alerts` and `--alert-webhook`; they give the command `alerts` and `alert_webhook`."""
    command = click.option(
        "--alert-webhook", metavar="URL", default="", callback=_url, help="POST each change of an alert there, as JSON."
    )(command)
    return click.option(
        "--alerts", metavar="FILE", default="", help="Append changes of alerts to this file as lines of JSON; - stdout."
    )(command)


def _url(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value:
        try:
            parts = urllib.parse.urlsplit(value)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good:
            raise click.BadParameter(f"{value!r} is no URL: write http://HOST[:PORT]/PATH or https://...", ctx, param)
    return value


class _Sent:
    """Which changes were sent: what stands in the file an odd number of times. A torn end is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        octets = path.read_bytes() if path.exists() else b""
        words = np.frombuffer(octets[: len(octets) // 8 * 8], np.int64)
        values, counts = np.unique(words, return_counts=True)
        self.known = set(values[counts % 2 == 1].tolist())
        if len(octets) % 8 or words.size > 2 * REMEMBERED:
            self._rewrite(words)
        self._file = open(path, "ab")  # noqa: SIM115 - open as long as this is

    def _rewrite(self, words: np.ndarray) -> None:
        last = words[-REMEMBERED:][::-1]
        _, first = np.unique(last, return_index=True)
        kept = last[np.sort(first)][::-1]
        kept = kept[np.isin(kept, np.array(sorted(self.known), np.int64))]
        self.known = set(kept.tolist())
        with replacing(self.path) as unfinished:
            unfinished.write_bytes(kept.tobytes())

    def wanted(self, changes: Iterable[Change]) -> list[Change]:
        """Those that are not known yet, and withdrawals of those that are."""
        out = []
        for sign, event in changes:
            identity = event.identity
            if (identity in self.known) == (sign < 0):
                out.append((sign, event))
                (self.known.discard if sign < 0 else self.known.add)(identity)
        return out

    def note(self, identities: Sequence[int]) -> None:
        """These were sent, or withdrawn."""
        self._file.write(np.array(identities, np.int64).tobytes())
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _folder(out: Path) -> Path:
    folder = out / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(str(folder), problem.strerror or str(problem), remedy="Name another folder.") from None
    return folder


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=6).hexdigest()


class _Lines:
    """Lines of JSON at the end of a file, or on stdout."""

    def __init__(self, out: Path, name: str) -> None:
        self.name = name
        self._sent = _Sent(
            _folder(out) / f"sent-{_digest('file ' + (name if name == '-' else str(Path(name).resolve())))}"
        )
        if name != "-":
            try:
                self._recover()
                self._file = open(name, "ab", buffering=0)  # noqa: SIM115 - open as long as this is
            except OSError as problem:
                raise OutputError(name, problem.strerror or str(problem), remedy="Name another file.") from None
        self.counts: Counter[str] = Counter()

    def _recover(self) -> None:
        """What stands at the end of the file was sent, noted or not; half a line there is cut off."""
        path = Path(self.name)
        if not path.is_file():
            return
        with open(path, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
        signs: dict[int, bool] = {}
        for line in tail.split(b"\n")[:-1]:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                told = json.loads(line)
                word = np.uint64(int(told["event_id"], 16)).astype(np.int64)
                signs[int(word)] = "withdraws" not in told
        missed = [one for one, there in signs.items() if there != (one in self._sent.known)]
        self._sent.known ^= set(missed)
        self._sent.note(missed)

    def tell(self, changes: Sequence[Change]) -> None:
        wanted = self._sent.wanted(changes)
        if not wanted:
            return
        text = "".join(event.line(sign < 0) + "\n" for sign, event in wanted)
        try:
            if self.name == "-":
                sys.stdout.write(text)
                sys.stdout.flush()
            else:
                self._file.write(text.encode("utf-8", "replace"))
        except OSError as problem:  # told again at the next evaluation
            self._sent.known ^= {event.identity for _, event in wanted}
            self.counts["failed"] += len(wanted)
            click.echo(f"wiregauge: {self.name}: alerts cannot be written: {problem.strerror or problem}.", err=True)
            return
        self._sent.note([event.identity for _, event in wanted])
        self.counts["sent"] += len(wanted)

    def close(self) -> None:
        self._sent.close()
        if self.name != "-":
            self._file.close()


class _Refused(Exception):
    """The URL does not want this change, now or later."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere would become a GET."""

    def redirect_request(self, *_: Any) -> None:
        return None


_Item = tuple[int, int, str]
"""Identity, sign and line of a change."""


class _Webhook:
    """POST to a URL, from a thread of its own."""

    def __init__(self, out: Path, url: str) -> None:
        self.url, folder = url, _folder(out)
        self._sent = _Sent(folder / f"sent-{_digest('url ' + url)}")
        self._left = folder / f"unsent-{_digest('url ' + url)}.jsonl"
        self.counts: Counter[str] = Counter()
        self._queue: queue.Queue[_Item | None] = queue.Queue(WAITING)
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._ending = threading.Event()
        self._deadline = 0.0
        self._told = False
        self._lock = threading.Lock()
        self._take_over()
        self._kept = open(self._left, "a", encoding="utf-8")  # noqa: SIM115 - open as long as this is
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def _take_over(self) -> None:
        """What the last start did not send comes first; what it did send is not sent again."""
        if not self._left.exists():
            return
        for line in self._left.read_text("utf-8", "replace").splitlines()[-WAITING:]:
            with contextlib.suppress(ValueError, TypeError):
                identity, sign, body = json.loads(line)
                if (int(identity) in self._sent.known) == (sign < 0):
                    self._sent.known ^= {int(identity)}
                    self._queue.put_nowait((int(identity), int(sign), str(body)))

    def tell(self, changes: Sequence[Change]) -> None:
        with self._lock:
            for sign, event in self._sent.wanted(changes):
                item = event.identity, sign, event.line(sign < 0)
                try:
                    self._queue.put_nowait(item)
                except queue.Full:
                    self._sent.known ^= {event.identity}
                    self.counts["lost"] += 1
                    continue
                self._kept.write(json.dumps(item) + "\n")
            self._kept.flush()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if not self._deliver(item):
                self.counts["left"] += 1
                continue
            with self._lock:
                if self._queue.empty() and not self.counts["left"]:
                    self._kept.truncate(0)

    def _deliver(self, item: _Item) -> bool:
        """Send one change, however often it takes; False when the end comes first."""
        pause = PAUSE_S
        while not (self._ending.is_set() and time.monotonic() >= self._deadline):
            try:
                self._post(*item)
                self.counts["sent"] += 1
                self._told = False
            except _Refused as problem:
                self.counts["refused"] += 1
                self._complain(f"{problem}; not tried again")
            except (OSError, ValueError) as problem:  # URLError, time-outs and http.client's among them
                self.counts["failed_attempts"] += 1
                self._complain(f"{problem}; trying again")
                left = self._deadline - time.monotonic() if self._ending.is_set() else pause
                self._ending.wait(min(pause, max(left, 0))) if not self._ending.is_set() else time.sleep(
                    min(pause, max(left, 0))
                )
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            self._sent.note([item[0]])
            return True
        return False

    def _post(self, identity: int, sign: int, body: str) -> None:
        key = f"{identity & (2**64 - 1):016x}" + ("-withdrawn" if sign < 0 else "")
        headers = {"Content-Type": "application/json", "User-Agent": "wiregauge", "Idempotency-Key": key}
        request = urllib.request.Request(self.url, body.encode("utf-8", "replace"), headers, method="POST")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                answer.read(1 << 16)
        except urllib.error.HTTPError as problem:
            with problem:
                if problem.code in (408, 425, 429) or problem.code >= 500:
                    raise OSError(f"answered {problem.code}") from None
                raise _Refused(f"answered {problem.code}") from None
        except Exception as problem:  # http.client raises its own for what is no answer at all
            if isinstance(problem, OSError):
                raise
            raise OSError(f"{type(problem).__name__}: {problem}") from None

    def _complain(self, words: str) -> None:
        """Once, until one was sent."""
        if not self._told:
            click.echo(f"wiregauge: {self.url}: an alert was not taken: {words}.", err=True)
            self._told = True

    def close(self) -> None:
        self._deadline = time.monotonic() + DRAIN_S
        self._ending.set()
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=DRAIN_S + TIMEOUT_S)
        self._thread.join(DRAIN_S + 2 * TIMEOUT_S)
        with contextlib.suppress(queue.Empty):
            while True:
                self.counts["left"] += self._queue.get_nowait() is not None
        self._kept.close()
        if left := self.counts["left"]:
            click.echo(f"wiregauge: {self.url}: {left:,} changes of alerts were not taken; "
                       "the next start tries again.", err=True)  # fmt: skip
        else:
            self._left.unlink(missing_ok=True)
        self._sent.close()


class Outputs:
    """All places where changes of alerts go beside the table."""

    def __init__(self, out: Path, options: AlertOptions) -> None:
        self._lock = threading.Lock()
        self._outputs: list[_Lines | _Webhook] = []
        if options.file:
            self._outputs.append(_Lines(out, options.file))
        if options.webhook:
            self._outputs.append(_Webhook(out, options.webhook))

    def __bool__(self) -> bool:
        return bool(self._outputs)

    def tell(self, changes: Sequence[Change]) -> None:
        """Send what was not sent yet; never waits for a URL."""
        with self._lock:
            for output in self._outputs:
                output.tell(changes)

    def counts(self) -> dict[str, int]:
        """Changes sent, refused, lost, left, by all outputs; and attempts that failed."""
        return dict(sum((output.counts for output in self._outputs), Counter()))

    def close(self) -> None:
        """Send what waits, or keep it for the next start."""
        for output in self._outputs:
            output.close()
