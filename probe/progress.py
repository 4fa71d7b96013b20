"""What is shown while a run is under way: on a terminal, on stderr, and nowhere else."""

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from numba.core import event

from probe.sources import Source

__all__ = ["RunProgress", "terminal"]

EVERY_S = 0.1


def terminal() -> bool:
    """Whether somebody sees stderr as it is written."""
    return sys.stderr.isatty()


class _Compilation(event.TimingListener):
    """Counts kernels that were compiled (not those found in the cache) and the seconds that it took."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.compiled = 0

    def on_start(self, event: Any) -> None:
        """A kernel begins to be compiled, maybe while one that calls it is."""
        self.begun += 1
        super().on_start(event)

    def on_end(self, event: Any) -> None:
        """It is compiled."""
        super().on_end(event)
        self.compiled += 1

    @property
    def seconds(self) -> float:
        """Time spent so far, of what is complete."""
        return float(self.duration) if self.done else 0.0


class RunProgress:
    """A line of progress for a run: `with RunProgress(sources) as told: pipeline.run(sources, told.packets_done)`.

    A thread looks at the counters a few times a second, so packets cost nothing.
    """

    def __init__(self, sources: Sequence[Source], enabled: bool | None = None) -> None:
        """`enabled`: None for where stderr is a terminal."""
        self.sources = sources
        self.enabled = terminal() if enabled is None else enabled
        self.packets = 0
        self._compilation = _Compilation()
        self._begun = 0.0
        self._first = 0.0  # when the first packets were through
        self._rows = (0, 0)
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "RunProgress":
        self._begun = time.perf_counter()
        event.register("numba:compile", self._compilation)
        if self.enabled:
            self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        event.unregister("numba:compile", self._compilation)
        if self._thread is not None:
            self._thread.join()

    def packets_done(self, packets: int) -> None:
        """Packets so far."""
        if not self.packets:
            self._first = time.perf_counter()
        self.packets = packets

    def rows_done(self, done: int, total: int) -> None:
        """Rows of the KPI stage so far, and in all."""
        self._rows = done, total

    @property
    def compiled_s(self) -> float:
        """Seconds that compiling took: 0 after the first use."""
        return self._compilation.seconds

    def _watch(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[told]}"))
        with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
            task = bar.add_task("reading", total=None, told="")
            while not self._done.wait(EVERY_S):
                bar.update(task, **self._state())

    def _state(self) -> dict[str, Any]:
        """What the bar shows now."""
        if self._compilation.begun > self._compilation.compiled:
            done, total = self._compilation.compiled, _kernels()
            description = "compiling kernels (first use, about a minute)"
            return {"description": description, "completed": done, "total": total, "told": f"{done} of {total}"}
        if self._rows[1]:
            done, total = self._rows
            return {"description": "KPIs", "completed": done, "total": total, "told": f"{done:,} of {total:,} rows"}
        return {"description": "reading", **self._reading()}

    def _reading(self) -> dict[str, Any]:
        seconds = time.perf_counter() - (self._first or self._begun)
        sizes = [source.size for source in self.sources]
        told = f"{self.packets:,} packets"
        if seconds > 0.5 and self.packets:
            told += f", {self.packets / seconds:,.0f} a second"
        total = sum(size or 0 for size in sizes)
        done = sum(source.position for source in self.sources)
        if None in sizes or not 0 < done <= total:
            return {"completed": 0, "total": None, "told": told}
        told += f", {100 * done // total} %"
        if seconds > 1 and self.packets:
            told += f", {_clock(seconds * (total - done) / done)} left"
        return {"completed": done, "total": total, "told": told}


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _kernels() -> int:
    """How many functions of kernels/ have been imported that could be compiled: about as many will be."""
    from kernels.pieces import Kernel

    modules = [module for name, module in list(sys.modules.items()) if name.startswith("kernels.")]
    return len({id(value) for module in modules for value in vars(module).values() if isinstance(value, Kernel)})
