"""The live probe: rings -> pipeline -> rows, windows closed as time passes, for weeks.

One loop reads what the rings have, hands it to the pipeline, gives the ring back, and once a second looks at the clock:
counters of the kernel, time on a silent link, windows that are over. Writing and KPIs run in threads of their own.

A window is closed when the clock of the packets is past its end by the lateness, and a while for blocks that are still
with the kernel. Rows that come later (a time-out, a session that ends) go to further files of their window, whose KPIs
are computed again when the next window closes.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from formats.kpi import Catalogue
from kernels import shard as own
from kernels.shard import LATENESS, WATERMARK, Limits
from kernels.table import CAPACITY, LIVE
from probe import snapshot
from probe.accounts import Accounts
from probe.alert_live import LiveAlerts
from probe.alert_out import AlertOptions, Outputs
from probe.bpf import Instruction
from probe.catalogue import shipped_catalogue
from probe.errors import WiregaugeError
from probe.identity import Identities
from probe.kpi import compute
from probe.kpi_rows import Held
from probe.live_sink import LiveSink
from probe.merge import Batch
from probe.packet_socket import Ring
from probe.pipeline import USUAL_SPAN_NS, Pipeline, copies_within
from probe.rings import Rings
from probe.run import POOLS
from probe.sink import LedgerEntry
from probe.writer import run_digest

__all__ = ["Live", "LiveOptions", "Status"]

SECOND = 10**9
LOOK_EVERY_S = 1.0
WAIT_S = 0.05
SILENCE_S = 5.0  # so much behind now is the clock kept on a silent link
NEVER_NS = -1
RING_LOSS = "kernel_ring"

Settings = Callable[[], tuple[Catalogue | None, Callable[[str], Sequence[Instruction]]]]
"""Reads the catalogue anew, and the filter, which is compiled for the frames of an interface."""


class LiveOptions(NamedTuple):
    """As `wiregauge live` takes them; `room`: rows that may wait for the disk; `seconds`: when to stop, 0 for never;

    `cpus`: a worker each is pinned to the first of them, where there are enough; `held`: what KPIs and alerts hold of
    rows that are on disk."""

    window_s: int = 900
    workers: int = 1
    grains: Sequence[str] | None = None
    catalogue: Catalogue | None = None
    limits: Limits = Limits()
    room: int = 1 << 20
    seconds: float = 0
    snapshot_s: float = 60
    alerts: AlertOptions = AlertOptions()
    duplicates_ns: int = USUAL_SPAN_NS
    cpus: Sequence[int] = ()
    held: Held = Held()


class Status(NamedTuple):
    """What the probe has done and how it fares; counts since its start."""

    seconds: float
    packets: int
    dropped: int
    ring_fill: float
    lag_ms: float
    table_fill: float
    joined: int
    unjoined: int
    by_reason: dict[str, dict[str, int]]
    rows: dict[str, int]
    lost: dict[str, int]
    waiting: int
    windows: int
    cpu_s: float
    cpu: dict[str, float]
    memory: int
    trouble: str
    running: bool
    interfaces: dict[str, tuple[int, int, bool]]
    """by name: packets, dropped, whether it is up"""
    alerts: dict[str, int] = {}  # noqa: RUF012 - never changed
    """changes found by state, and what became of them"""


def resident() -> int:
    """Octets of memory of this process now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def threads_cpu() -> dict[str, float]:
    """Processor seconds of each thread of this process, by its name; those of one name together."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    ticks, seconds = os.sysconf("SC_CLK_TCK"), dict[str, float]()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            name = names.get(int(task.name), "other")
            seconds[name] = seconds.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / ticks
    return seconds


class _Health:
    """What is worth keeping between two closings of a window."""

    def __init__(self) -> None:
        self.cpu = time.process_time()
        self.lag_ms = 0.0
        self.fill: dict[str, float] = {}
        self.counted: dict[str, tuple[int, int]] = {}
        self.lost = 0

    def see(self, ring: Ring) -> None:
        self.fill[ring.interface] = max(self.fill.get(ring.interface, 0.0), ring.fill_share)


class Live:
    """One live probe; `run` returns when `stop` was asked for, or at the end of its time."""

    def __init__(
        self, open_rings: Callable[[], Sequence[Ring]], out: Path, identities: Identities, options: LiveOptions,
        tell: Callable[[str], None], each_second: Callable[[Status], None] = lambda status: None,
        settings: Settings = lambda: (None, lambda interface: ()),
    ) -> None:  # fmt: skip
        """The rings are opened when everything is ready to read them: compiling takes longer than a ring lasts."""
        self.options, self.out, self.tell, self.each_second = options, out, tell, each_second
        self.settings = settings
        self.window_ns = options.window_s * SECOND
        self.started = time.time_ns()
        run_id = run_digest([str(self.started), str(os.getpid()), str(out)])
        self.sink = LiveSink(out, run_id, identities, self.window_ns, options.room)
        copies = copies_within(options.duplicates_ns)
        cpus = options.cpus if len(options.cpus) >= options.workers else ()
        self.pipeline = Pipeline(self.window_ns, self.sink.put, options.workers, options.limits, copies, cpus)
        self.pipeline.warm()
        for worker in self.pipeline.workers:
            worker.shard.touch()  # all of its memory now, none later
        self._resume()
        self.outputs = Outputs(out, options.alerts)
        catalogue = options.catalogue or shipped_catalogue()
        self.alerts = LiveAlerts(out, options.window_s, catalogue, self.outputs, identities, options.room,
                                 options.held)  # fmt: skip
        self.sink.watch = self.alerts.put
        self.rings = open_rings()
        self.stream = Rings(self.rings)
        if self.pipeline.copies and not all(ring.stamped for ring in self.rings):
            self.pipeline.copies.bare_ns = NEVER_NS  # what is read together has one time
        self.kpis = _KpiThread(self._compute, self._alert, self.window_ns)
        self.health = _Health()
        self.closed = 0  # windows that start before this time are closed
        self.whole = 0  # and those before this one are on disk
        self.windows = 0
        self._losses: list[LedgerEntry] = []
        self._stopping, self._reloading = threading.Event(), threading.Event()
        self._told = ""
        self._ended = False
        self._down: set[str] = set()
        self._keeper: threading.Thread | None = None
        self._keep_at = time.monotonic() + options.snapshot_s

    def _resume(self) -> None:
        """Go on with the sessions of the probe that wrote here before."""
        shards = [worker.shard for worker in self.pipeline.workers]
        found = snapshot.read(self.out, shards)
        if isinstance(found, str):
            if found != snapshot.NONE:
                self.tell(f"sessions of an earlier start are not taken over: {found}")
            return
        snapshot.load(shards, found, time.time_ns())
        sessions = int(shards[0].words[own.SESSIONS + LIVE])
        age_s = (time.time_ns() - found.time_ns) / 1e9
        self.tell(f"going on with {sessions:,} sessions of a snapshot {age_s:,.0f} s old.")

    def _keep(self, ended: bool = False) -> None:
        """Copy the tables now, write them in a thread: a minute is enough for that."""
        copy = snapshot.take([worker.shard for worker in self.pipeline.workers], ended)
        self._keeper = threading.Thread(target=self._write_snapshot, args=(copy,), name="snapshot", daemon=True)
        self._keeper.start()

    def _await_keeper(self) -> None:
        if self._keeper:
            self._keeper.join()

    def _write_snapshot(self, copy: snapshot.Snapshot) -> None:
        with contextlib.suppress(OSError):  # a full disk is told of by the rows
            snapshot.write(self.out, copy)

    @property
    def memory(self) -> int:
        """Octets of all tables and rings: fixed from the start."""
        tables = sum(worker.shard.octets for worker in self.pipeline.workers)
        copies = self.pipeline.copies.octets if self.pipeline.copies else 0
        return tables + copies + sum(ring.octets for ring in self.rings)

    @property
    def accounts(self) -> Accounts:
        """The ledger's counters."""
        return self.pipeline.accounts

    def stop(self) -> None:
        """Ask the loop to end: it writes everything first."""
        self._stopping.set()

    def reload(self) -> None:
        """Ask for catalogue and filter to be read again."""
        self._reloading.set()

    def _read_again(self) -> None:
        self._reloading.clear()
        try:
            catalogue, filter_of = self.settings()
        except (WiregaugeError, click.ClickException) as problem:
            words = problem.format_message() if isinstance(problem, click.ClickException) else str(problem)
            self.tell(f"going on with the settings as they were: {words}")
            return
        self.options = self.options._replace(catalogue=catalogue)
        self.alerts.reload(catalogue or shipped_catalogue())
        for name, rings in self.stream.interfaces.items():
            program = filter_of(name)
            for ring in rings:
                ring.filter(program)
        self.tell("catalogue and filter were read again.")

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Capture until stopped."""
        end = time.monotonic() + (self.options.seconds or 1e18)
        look = time.monotonic() + LOOK_EVERY_S
        while not self._stopping.is_set() and time.monotonic() < end:
            batch = self.stream.batch()
            if batch is None:
                self.stream.wait(WAIT_S)
            else:
                self._take(batch)
            if time.monotonic() >= look:
                self._look(silent=batch is None)
                look = time.monotonic() + LOOK_EVERY_S
        self._finish()

    def _take(self, batch: Batch) -> None:
        if len(batch.records):
            lag = (time.time_ns() - int(batch.records["ts"][0])) / 1e6
            self.health.lag_ms = max(self.health.lag_ms, lag)
            self.pipeline.take(batch)
        batch.release()

    def _look(self, silent: bool) -> None:
        """Once a second: losses, time on a silent link, windows that are over, what people see."""
        if self._reloading.is_set():
            self._read_again()
        self._count()
        if silent and self.stream.last:
            self.pipeline.advance(time.time_ns() - int(SILENCE_S * SECOND))
        else:
            self.pipeline.hand_over()
        clock = int(self.pipeline.workers[0].shard.words[WATERMARK])
        before = (clock - self._lateness() - 1) // self.window_ns * self.window_ns if clock > 0 else 0
        if before > self.closed:
            self._close(before)
        self._notice()
        if time.monotonic() >= self._keep_at and not (self._keeper and self._keeper.is_alive()):
            self._keep()
            self._keep_at = time.monotonic() + self.options.snapshot_s
        self.each_second(self.status())

    def _lateness(self) -> int:
        return int(self.pipeline.workers[0].shard.words[LATENESS]) + SECOND

    def _count(self) -> None:
        """Take over what the kernel dropped; it counts in the window in which it is learned."""
        for name, rings in self.stream.interfaces.items():
            dropped = 0
            for ring in rings:
                before, now = ring.stats, ring.count()
                self.health.see(ring)
                dropped += now.dropped - before.dropped + ring.unread
                ring.unread = 0
            if dropped:
                window = (self.stream.last or time.time_ns()) // self.window_ns * self.window_ns
                for stage, reason in (("in", "captured"), ("dropped", RING_LOSS)):
                    self._losses.append(LedgerEntry(window, name, stage, reason, dropped, None, None))

    def _notice(self) -> None:
        """Say what changed for the worse or the better, once."""
        trouble = self.sink.trouble
        if trouble != self._told:
            waiting = sum(writer.waiting for writer in self.sink.writers.values())
            self.tell(f"{trouble} Holding {waiting:,} rows." if trouble else "rows can be written again.")
            self._told = trouble
        down = {name for name, rings in self.stream.interfaces.items() if not rings[0].up()}
        for name in sorted(down ^ self._down):
            self.tell(f"{name} is down." if name in down else f"{name} is up again.")
        self._down = down

    # --- windows --------------------------------------------------------------------------------------------------

    def _close(self, before: int) -> None:
        """Write the windows that start before this time, and compute their KPIs."""
        self.accounts.collect(self.pipeline.workers[0].shard, always=True)
        ledger = self.accounts.take(before, list(self.stream.interfaces))
        self.windows += len({entry.window_start for entry in ledger if entry.window_start >= self.closed})
        ledger += [entry for entry in self._losses if entry.window_start < before]
        self._losses = [entry for entry in self._losses if entry.window_start >= before]
        self.closed = before
        latest = (self.stream.last or time.time_ns()) // self.window_ns * self.window_ns
        health = self._health_rows(min(before - self.window_ns, latest))
        self.sink.close_windows(before, ledger, health, partial(self._written, before))

    def _written(self, before: int, windows: Sequence[int]) -> None:
        """Windows before this time are on disk, these with new rows."""
        self.whole = before
        self.kpis.ask(windows)

    def _health_rows(self, window: int) -> list[tuple[object, ...]]:
        health, now, cpu = self.health, time.time_ns(), time.process_time()
        unjoined, joined = self.accounts.total("unjoined")[0], self.accounts.total("joined")[0]
        lost = sum(self.sink.lost().values())
        rows: list[tuple[object, ...]] = []
        for name, stats in self.stream.stats().items():
            packets, dropped = health.counted.get(name, (0, 0))
            rows.append((
                window, now, name, stats.packets - stats.dropped - packets, stats.dropped - dropped,
                100 * health.fill.get(name, 0.0), health.lag_ms, 100 * self._table_fill(),
                100 * joined / (joined + unjoined) if joined + unjoined else None, lost - health.lost,
                cpu - health.cpu, resident(),
            ))  # fmt: skip
        self.health = fresh = _Health()
        fresh.lost = lost
        fresh.counted = {name: (each.packets - each.dropped, each.dropped)
                         for name, each in self.stream.stats().items()}  # fmt: skip
        return rows

    def _table_fill(self) -> float:
        """Of the fullest table of any shard, from 0 to 1."""
        shards = [worker.shard.words for worker in self.pipeline.workers]
        return max(float(words[pool + LIVE] / words[pool + CAPACITY]) for words in shards for pool in POOLS.values())

    def _compute(self, first: int, end: int) -> None:
        compute([self.out], self.out, self.options.window_s, self.options.grains, self.options.catalogue,
                between=(first, end), held=self.options.held)  # fmt: skip

    def _alert(self, first: int) -> None:
        self.alerts.evaluate(first, self.whole)

    def _finish(self) -> None:
        """Drain: everything that is alive is written as `drained`, and every window gets its KPIs."""
        while (batch := self.stream.batch(last=True)) is not None:
            self._take(batch)
        self._count()
        self._await_keeper()
        self._keep(ended=True)
        self.pipeline.finish()
        self.pipeline.close()
        self._close(1 << 62)
        try:
            self.sink.close()
        finally:
            self.alerts.close()
            self.kpis.close()
            self.outputs.close()
            self._await_keeper()
            for ring in self.rings:
                ring.close()
        self._ended = True
        self.each_second(self.status())

    # --- how it fares ---------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Counts since the start, and how full things are now."""
        self.accounts.collect(self.pipeline.workers[0].shard, always=True)
        stats = self.stream.stats()
        return Status(
            seconds=(time.time_ns() - self.started) / 1e9,
            packets=self.pipeline.packets,
            dropped=sum(each.dropped for each in stats.values()),
            ring_fill=max(self.health.fill.values(), default=0.0),
            lag_ms=self.health.lag_ms,
            table_fill=self._table_fill(),
            joined=int(self.accounts.total("joined")[0]),
            unjoined=int(self.accounts.total("unjoined")[0]),
            by_reason=self.accounts.by_reason(),
            rows=self.sink.rows_written(),
            lost=self.sink.lost(),
            waiting=self.sink.waiting + sum(writer.waiting for writer in self.sink.writers.values()),
            windows=self.windows,
            cpu_s=time.process_time(),
            cpu=threads_cpu(),
            memory=resident(),
            trouble=self.sink.trouble or self.kpis.trouble,
            running=not self._ended,
            interfaces={name: (s.packets - s.dropped, s.dropped, name not in self._down) for name, s in stats.items()},
            alerts=self.alerts.counts(),
        )


class _KpiThread:
    """Computes the KPIs of windows that were closed, one stretch after another; what fails is tried again.

    `then` is told the first of them that changed, when all are there.
    """

    def __init__(self, work: Callable[[int, int], None], then: Callable[[int], None], window_ns: int) -> None:
        self._work, self._then, self.window_ns = work, then, window_ns
        self._changed = 1 << 62
        self._waiting: set[int] = set()
        self.failed: set[int] = set()
        self._wake = threading.Condition()
        self._ending = False
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, name="kpi", daemon=True)
        self._thread.start()

    def ask(self, windows: Sequence[int]) -> None:
        """Compute these windows (starts in ns) soon, and those that failed before."""
        with self._wake:
            self._waiting |= self.failed.union(windows)
            self.failed = set()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._ending)
                if not self._waiting:
                    break
                windows, self._waiting = sorted(self._waiting), set()
            self.trouble = ""
            for first, end in _stretches(windows, self.window_ns):
                if not self._try(self._work, first, end):
                    with self._wake:
                        self.failed.update(range(first, end, self.window_ns))
            self._changed = min(self._changed, windows[0])
            if self._try(self._then, self._changed):
                self._changed = 1 << 62
        if self._changed < 1 << 62:
            self._try(self._then, self._changed)

    def _try(self, work: Callable[..., None], *arguments: int) -> bool:
        try:
            work(*arguments)
        except WiregaugeError as problem:
            self.trouble = str(problem)
            return False
        return True

    def close(self) -> None:
        """Compute what waits, what failed before once more, and end."""
        self.ask([])
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()


def _stretches(windows: Sequence[int], size: int) -> list[tuple[int, int]]:
    """Windows in order as stretches (first, end) of windows that follow each other."""
    out: list[tuple[int, int]] = []
    for window in windows:
        if out and out[-1][1] == window:
            out[-1] = (out[-1][0], window + size)
        else:
            out.append((window, window + size))
    return out
