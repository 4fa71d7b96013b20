"""What a run says at its end: where every packet went, what was joined and written, how long it took."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from formats.xdr import INTERFACES
from probe.duration import text as duration_text

__all__ = ["RunSummary", "peak_memory", "summary_lines"]

STAGES = ("decoded", "rejected", "dropped", "duplicate")
MIB = 1 << 20


class RunSummary(NamedTuple):
    """What happened in a run.

    octets          of all packets on the wire
    by_reason       packets by stage and reason
    joined          [unjoined, joined] user-plane packets
    messages        int64[2, 8]: signalling messages [unjoined, joined] by interface (index of xdr.INTERFACES)
    records         of archived files
    refused_rows    by table of the kernels: rows for which there was no room
    """

    out: Path
    window_s: int
    windows: int
    octets: int
    by_reason: Mapping[str, Mapping[str, int]]
    joined: tuple[int, int]
    messages: np.ndarray
    rows: Mapping[str, int]
    refused_rows: Mapping[str, int]
    seconds: float
    compiled_s: float
    peak_octets: int
    records: int = 0

    @property
    def packets(self) -> int:
        """Packets in: what became of them adds up to this."""
        return sum(sum(reasons.values()) for reasons in self.by_reason.values())


class _Line(NamedTuple):
    indent: int
    name: str
    number: int | None
    note: str = ""


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:6.2f} %" if whole else ""


def _packets(summary: RunSummary) -> Iterator[_Line]:
    whole = summary.packets
    yield _Line(0, "packets in", whole, f"{summary.octets:,} octets")
    for stage in STAGES:
        reasons = summary.by_reason.get(stage, {})
        yield _Line(1, stage, sum(reasons.values()), _share(sum(reasons.values()), whole))
        for reason, packets in sorted(reasons.items(), key=lambda item: -item[1]):
            yield _Line(2, reason, packets)


def _joins(summary: RunSummary) -> Iterator[_Line]:
    unjoined, joined = summary.joined
    yield _Line(0, "joined to a session", None)
    if joined + unjoined:
        note = f"{_share(joined, joined + unjoined)} of {joined + unjoined:,} user packets"
        yield _Line(1, "user plane", joined, note)
    for index, (apart, together) in enumerate(summary.messages.T.tolist()):
        if apart + together:
            note = f"{_share(together, apart + together)} of {apart + together:,} messages"
            yield _Line(1, INTERFACES[index], together, note)


def _rows(summary: RunSummary) -> Iterator[_Line]:
    yield _Line(0, "windows", summary.windows, f"of {duration_text(summary.window_s)}")
    yield _Line(0, "rows written", sum(summary.rows.values()))
    for table, rows in summary.rows.items():
        yield _Line(1, table, rows)
    if summary.refused_rows:
        yield _Line(0, "no room for rows", sum(summary.refused_rows.values()), "raise --max-flows, --max-sessions")
        for table, rows in summary.refused_rows.items():
            yield _Line(1, table, rows)


def summary_lines(summary: RunSummary) -> Iterator[str]:
    """The summary as lines of text, numbers aligned."""
    archive_only = summary.records and not summary.packets
    lines = [*([] if archive_only else (*_packets(summary), *_joins(summary))), *_rows(summary)]
    names = max(2 * line.indent + len(line.name) for line in lines)
    numbers = max(len(f"{line.number:,}") for line in lines if line.number is not None)
    for line in lines:
        number = "" if line.number is None else f"{line.number:,}"
        yield f"{'  ' * line.indent + line.name:<{names}}  {number:>{numbers}}  {line.note}".rstrip()
    compiled = f", of them {summary.compiled_s:.1f} s compiling kernels (first use only)" if summary.compiled_s else ""
    yield f"{summary.seconds:,.1f} s{compiled}; {_rate(summary)}; {_memory(summary)}"


def _rate(summary: RunSummary) -> str:
    seconds = max(summary.seconds - summary.compiled_s, 1e-3)
    if summary.records and not summary.packets:
        return f"{summary.records / seconds:,.0f} records a second"
    return f"{summary.packets / seconds:,.0f} packets a second"


def _memory(summary: RunSummary) -> str:
    return f"{summary.peak_octets / MIB:,.0f} MiB of memory at most"


def peak_memory() -> int:
    """The most memory that this process has had, in octets."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
