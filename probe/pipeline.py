"""The one path: blocks -> packets -> xDR rows, in rounds.

In each round the records of a batch are parsed in lanes, one a worker, and each put into order; copies of frames are
taken out, lane by lane; signalling in SCTP and PFCP is assembled; then every shard takes the packets of all lanes, lane
by lane. Lanes share nothing while they parse, shards nothing while they update, so both run as threads without a lock
(kernels hold no GIL), and what is written does not depend on how many there are.
"""

import contextlib
import os
import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from formats.records import PACKET, RECORD
from kernels import heard, sctp_state, signalling
from kernels.order import arrange
from kernels.packet import parse
from kernels.shard import EVENT_AT, FLOW_ROWS, PRESENCE_ROWS, PROCEDURE_ROWS, SESSION_ROWS, Limits, Shard
from kernels.signalling import STATEFUL
from kernels.update import advance, drain, update
from probe.accounts import Accounts
from probe.merge import Batch, batches
from probe.sources import Source

__all__ = ["BARE_NS", "MILLISECOND", "USUAL_SPAN_NS", "Copies", "Lane", "Lookalikes", "Pipeline", "copies_within"]

LANE_PACKETS = 4096

MILLISECOND = 10**6
BARE_NS = MILLISECOND
USUAL_SPAN_NS = 10 * MILLISECOND

Put = Callable[[str, np.ndarray, list[str]], None]
Work = Callable[[Any], None]

_ROWS = (("flow", FLOW_ROWS), ("session", SESSION_ROWS), ("presence", PRESENCE_ROWS), ("procedure", PROCEDURE_ROWS))


class Copies:
    """Finds copies of frames that came up to `span_ns` before; without an identification, up to `bare_ns` before."""

    def __init__(self, span_ns: int, bare_ns: int = BARE_NS) -> None:
        from kernels.duplicates import mark_copies, table  # only when needed

        self.span_ns, self.bare_ns = span_ns, min(bare_ns, span_ns)
        self._mark, self._seen = mark_copies, table(span_ns)

    @property
    def octets(self) -> int:
        """Memory of what is remembered."""
        return int(self._seen.nbytes)

    def mark(self, lane: "Lane") -> bool:
        """Take the copies among the packets of a lane out; whether to go on. Lanes come in the order of records."""
        self._found(lane, lane.packets)
        return True

    def _found(self, lane: "Lane", packets: np.ndarray) -> int:
        assert lane.digests is not None
        found: int = self._mark(self._seen, lane.digests, self.span_ns, self.bare_ns, packets, lane.count)
        return found


class Lookalikes(Copies):
    """Counts what would be taken out of the first packets, and leaves it in: whether people should ask for it."""

    LOOKED_AT = 200_000

    def __init__(self) -> None:
        super().__init__(USUAL_SPAN_NS)
        self.packets = self.copies = 0

    def mark(self, lane: "Lane") -> bool:
        """Look at the packets of a lane; whether to go on."""
        self.packets += lane.count
        self.copies += self._found(lane, lane.packets[: lane.count].copy())
        return self.packets < self.LOOKED_AT


def copies_within(span_ns: int) -> Copies | None:
    """What finds copies up to `span_ns` later; None for 0."""
    return Copies(span_ns) if span_ns else None


class Lane:
    """Room to parse a stretch of records into; `digests`: of frames too, of which copies are to be found."""

    def __init__(self, packets: int = LANE_PACKETS, *, digests: bool = False) -> None:
        self.packets = np.zeros(packets, PACKET)
        self.order = np.zeros(packets, np.int32)
        self.spare = np.zeros(packets, np.int32)
        self.signalling = signalling.allocate(packets)
        self.digests = np.zeros(packets, np.uint64) if digests else None
        self.count = 0

    def parse(self, batch: Batch, first: int, end: int) -> None:
        """Parse records [first, end) of a batch, or as many as there is room for: then up to where time goes on."""
        self.signalling.used[:] = 0
        if self.digests is not None:
            from kernels.duplicates import digest_frames  # only when needed

            digest_frames(batch.data, batch.records[:end], first, self.digests)  # first: it asks for the lines
        self.count = parse(batch.data, batch.records[:end], first, self.packets, self.signalling)
        if self.count < end - first:
            self.count = _back(batch.records["ts"], first, first + self.count) - first
        arrange(self.packets, 0, self.count, self.signalling, self.order, self.spare)


class Span(NamedTuple):
    """Packets `begin` to `end` of a lane, in its order, and the words of what was heard in them."""

    lane: Lane
    begin: int
    end: int
    heard: np.ndarray | None


class Assembler:
    """The memory of the assembling stage, made when the first such packet comes."""

    def __init__(self) -> None:
        from kernels.assemble import assemble  # only when needed: most captures hold no such signalling

        self._assemble = assemble
        self.heard = heard.allocate()
        self.state = np.zeros(sctp_state.SCTP_WORDS, np.int64)
        self._kept = sctp_state.allocate(self.state)

    def read(self, data: np.ndarray, packets: np.ndarray, order: np.ndarray, begin: int, end: int) -> int:
        """Forget what was heard, and hear packets[order[begin:end]]: up to where there was room."""
        heard.clear(self.heard)
        reached: int = self._assemble(self.state, data, packets, order, begin, end, self.heard)
        return reached

    def spans(self, data: np.ndarray, lane: Lane) -> Iterator[Span]:
        """The lane in spans, each with what was heard in it; one is forgotten when the next is asked for."""
        begin = 0
        while begin < lane.count:
            end = self.read(data, lane.packets, lane.order, begin, lane.count)
            yield Span(lane, begin, end, self.heard.words)
            begin = end


class Worker:
    """One shard, and the scratch that it decodes reassembled datagrams in."""

    def __init__(self, shard: Shard, put: Put) -> None:
        self.shard, self.put = shard, put
        self.scratch = signalling.allocate(8)

    def take(self, spans: Sequence[Span]) -> None:
        """Update the shard with the packets of all spans."""
        words = self.shard.words
        for span in spans:
            at, end, lane = span.begin, span.end, span.lane
            words[EVENT_AT] = 0
            while True:
                if span.heard is None:
                    at = update(words, lane.packets, lane.order, at, end, lane.signalling, self.scratch)
                else:
                    at = self._update_heard(words, lane, at, end, span.heard)
                if at >= end:
                    break
                self.hand_over()

    def _update_heard(self, words: np.ndarray, lane: Lane, at: int, end: int, words_heard: np.ndarray) -> int:
        from kernels.update_heard import update_heard  # only when needed, as in Assembler

        reached: int = update_heard(
            words, lane.packets, lane.order, at, end, lane.signalling, self.scratch, words_heard
        )
        return reached

    def hand_over(self) -> None:
        """Pass on the rows that are ready."""
        apns = self.shard.apns()
        for table, word in _ROWS:
            count = int(self.shard.words[word])
            if count:
                self.put(table, getattr(self.shard, table)[:count], apns)
                self.shard.words[word] = 0

    def advance(self, now: int) -> None:
        """Let time go on to `now` ns without packets; pass on the rows that are ready."""
        while not advance(self.shard.words, now):
            self.hand_over()
        self.hand_over()

    def finish(self) -> None:
        """End of input: end everything."""
        while not drain(self.shard.words):
            self.hand_over()
        self.hand_over()


def _back(ts: np.ndarray, first: int, end: int) -> int:
    """The last place after `first`, at or before `end`, where time goes on; `end` where there is none."""
    cut = end
    while first < cut < len(ts) and ts[cut] == ts[cut - 1]:
        cut -= 1
    return cut if cut > first else end


def _cut(ts: np.ndarray, first: int, end: int) -> int:
    """A place at or before `end` where time goes on; where there is none, one behind, if a lane reaches it."""
    cut = _back(ts, first, end)
    last = min(len(ts), first + LANE_PACKETS)
    while cut < last and ts[cut] == ts[cut - 1]:
        cut += 1
    return cut


def _pin(cpus: "queue.SimpleQueue[int]") -> None:
    """Keep this thread on the next of these processors; where there is none left, wherever it is."""
    with contextlib.suppress(queue.Empty, OSError):
        os.sched_setaffinity(0, {cpus.get_nowait()})


class Pipeline:
    """All stages from batches to rows; `put` takes the rows of a table."""

    def __init__(
        self, window_ns: int, put: Put, workers: int = 1, limits: Limits | None = None, copies: Copies | None = None,
        cpus: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """`cpus`: processors that threads are pinned to, one each; none: wherever they run."""
        self.accounts = Accounts()
        self.packets = 0
        self.workers = [Worker(Shard(window_ns, limits, k, workers), put) for k in range(workers)]
        self.copies = copies
        self.lanes = [Lane(digests=copies is not None) for _ in range(workers)]
        self.assembler: Assembler | None = None
        pins = queue.SimpleQueue[int]()
        for cpu in cpus:
            pins.put(cpu)
        self._pool = ThreadPoolExecutor(workers, "worker", _pin, (pins,)) if workers > 1 else None

    def release(self) -> None:
        """Give the memory of tables and lanes back: what comes after needs the accounts only."""
        self.workers, self.lanes, self.assembler = [], [], None

    def _all(self, function: Work, items: Iterable[Any]) -> None:
        """Do `function` for each item, side by side where there are several workers."""
        if self._pool is None:
            for item in items:
                function(item)
        else:
            for future in [self._pool.submit(function, item) for item in items]:
                future.result()

    def _bounds(self, ts: np.ndarray, first: int) -> list[tuple[int, int]]:
        """Stretches of a round, one a lane: of like length, and not between packets of the same time."""
        share = min(LANE_PACKETS, -(-(len(ts) - first) // len(self.lanes)))
        bounds: list[tuple[int, int]] = []
        for _ in self.lanes:
            if first < len(ts):
                end = _cut(ts, first, min(first + share, len(ts)))
                bounds.append((first, end))
                first = end
        return bounds

    def _update(self, data: np.ndarray, lanes: Sequence[Lane]) -> None:
        """Every shard takes the packets of the lanes: all at once, unless there is signalling to assemble."""
        if not any(lane.signalling.used[STATEFUL] for lane in lanes):
            spans = [Span(lane, 0, lane.count, None) for lane in lanes]
            self._all(lambda worker: worker.take(spans), self.workers)
            return
        self.assembler = self.assembler or Assembler()
        for lane in lanes:
            for span in self.assembler.spans(data, lane):
                self._all(partial(Worker.take, spans=[span]), self.workers)

    def take(self, batch: Batch) -> None:
        """Everything that a batch of packets gives rise to."""
        first, ts = 0, batch.records["ts"]
        while first < len(ts):
            bounds = self._bounds(ts, first)
            lanes = self.lanes[: len(bounds)]
            self._all(lambda job: job[0].parse(batch, *job[1]), list(zip(lanes, bounds, strict=True)))
            whole = 0
            for lane, (begin, end) in zip(lanes, bounds, strict=True):
                whole += 1
                if self.copies and not self.copies.mark(lane):
                    self._look_no_further()
                first = begin + lane.count
                if first < end:
                    break
            self._update(batch.data, lanes[:whole])
        self.packets += len(ts)
        self.accounts.collect(self.workers[0].shard)

    def _look_no_further(self) -> None:
        """Copies are of no more interest."""
        self.copies = None
        for lane in self.lanes:
            lane.digests = None

    def warm(self) -> None:
        """Load or compile every kernel of the path, so that no packet waits for it. Leaves tables as they are."""
        nothing = Batch(np.zeros(64, np.uint8), np.zeros(0, RECORD), lambda: None)
        self.assembler = self.assembler or Assembler()
        for lane in self.lanes:
            lane.parse(nothing, 0, 0)
            heard_words = next(iter(self.assembler.spans(nothing.data, lane)), None)
            assert heard_words is None
            if self.copies:
                self.copies.mark(lane)
        self.assembler.read(nothing.data, self.lanes[0].packets, self.lanes[0].order, 0, 0)
        for worker in self.workers[:1]:
            worker.take([Span(self.lanes[0], 0, 0, None), Span(self.lanes[0], 0, 0, self.assembler.heard.words)])
            worker.advance(0)

    def advance(self, now: int) -> None:
        """Let time go on to `now` ns where no packets say so; all rows that are ready are passed on."""
        self._all(lambda worker: worker.advance(now), self.workers)

    def hand_over(self) -> None:
        """Pass on all rows that are ready."""
        for worker in self.workers:
            worker.hand_over()

    def finish(self) -> None:
        """End of input: end everything, pass on all rows."""
        self._all(lambda worker: worker.finish(), self.workers)
        self.accounts.collect(self.workers[0].shard, always=True)

    def close(self) -> None:
        """No more work: the threads end."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, sources: Sequence[Source], progress: Callable[[int], None] | None = None) -> None:
        """Read all sources to their end; `progress` is told the packets so far."""
        try:
            for batch in batches(sources):
                self.take(batch)
                batch.release()
                if progress:
                    progress(self.packets)
            self.finish()
        finally:
            self.close()
            for source in sources:
                source.close()
