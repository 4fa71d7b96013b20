"""`wiregauge run`: captures and archived charging records to xDR and KPI tables."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from formats.kpi import Catalogue
from kernels import shard as own
from kernels.shard import Limits
from kernels.table import REFUSED
from probe.accounts import Accounts
from probe.alert_out import AlertOptions
from probe.alerts import alerted_lines
from probe.archive import Archive, archive_lines, claim, counted_twice
from probe.config import config_option
from probe.errors import OutputError, WiregaugeError
from probe.feed import load_feed
from probe.identity import DEFAULT_KEY, PSEUDONYM, Identities
from probe.kpi import compute
from probe.options import USUAL_DUPLICATES, decoding_options, duplicates_option, limits_of, out_option, windows_option
from probe.pipeline import Lookalikes, Pipeline, copies_within
from probe.progress import RunProgress
from probe.segment import known_by
from probe.sink import LedgerEntry, Sink
from probe.sources import Refusal, Source, open_sources
from probe.summary import RunSummary, peak_memory, summary_lines
from probe.writer import run_digest

__all__ = ["Outcome", "RunOptions", "check_out", "run", "run_command"]

SECOND = 10**9
EDGE = 64 << 10  # octets from each end of a file that tell it from others
DAMAGED = 3
FEWEST_COPIES = 10

POOLS = {
    "flows": own.FLOWS, "devices": own.UES, "sessions": own.SESSIONS, "bearers": own.BEARERS, "tunnels": own.TUNNELS,
    "control tunnels": own.CONTROLS, "transactions": own.TRANSACTIONS, "peers": own.PEERS, "access points": own.APNS,
    "radio connections": own.RANS, "radio connection names": own.RAN_CORES,
}  # fmt: skip


class RunOptions(NamedTuple):
    """How to run. `grains`: KPI tables by the names of their grains, None for all; `feeds`: names or TOML files.

    `duplicates_ns`: how long after a frame a copy of it may come, 0 to keep copies.
    """

    window_s: int = 900
    identities: str = PSEUDONYM
    identity_key: Path = DEFAULT_KEY
    workers: int = 1
    grains: Sequence[str] | None = None
    limits: Limits = Limits()
    feeds: Sequence[str] = ()
    catalogue: Catalogue | None = None
    longer: Sequence[int] = ()
    """more windows (s) for KPIs, each a multiple of the shorter ones; xDR rows are cut at `window_s`"""
    alerts: AlertOptions = AlertOptions()
    duplicates_ns: int = 0


class Outcome(NamedTuple):
    """What a run did, in words what was damaged or refused, and what it made of archived records."""

    summary: RunSummary
    problems: list[str]
    archive: Sequence[str] = ()
    notes: Sequence[str] = ()
    """what to know of the figures, though nothing is damaged"""
    alerted: Sequence[str] = ()


def run(arguments: Sequence[str], out: Path, options: RunOptions, progress: bool | None = None) -> Outcome:
    """Read all captures that `arguments` name, write xDR tables, ledger and KPI tables under `out`.

    progress: None to show it where stderr is a terminal.
    """
    begun = time.perf_counter()
    check_out(out)
    sources, refusals = open_sources(arguments)
    archive, refusals = claim(refusals, [load_feed(name) for name in options.feeds])
    run_id = _run_id(sources, refusals, archive)
    identities = Identities.from_option(options.identities, options.identity_key)
    catalogue = known_by(options.catalogue, identities) if options.catalogue else None
    sink = Sink(out, run_id, identities)
    alike = None if options.duplicates_ns else Lookalikes()
    copies = copies_within(options.duplicates_ns) or alike
    pipeline = Pipeline(options.window_s * SECOND, sink.put, options.workers, options.limits, copies)
    with RunProgress(sources, progress) as told:
        try:
            if sources:  # else its kernels need not be compiled
                pipeline.run(sources, told.packets_done)
            ledger = list(pipeline.accounts.entries(sources))
            told_of = archive.run(sink.put, options.window_s * SECOND, out, run_id)
            sink.close([*ledger, *told_of, *_problem_entries([*ledger, *told_of], sources, refusals)])
        except BaseException:
            sink.abort()
            raise
        rows = sink.rows_written()
        refused = _refused(pipeline)
        pipeline.release()
        alerted: list[str] = []
        span = _span(ledger, options.window_s * SECOND, archive)
        if span is not None:
            windows = (options.window_s, *options.longer)
            kpis = compute([out], out, windows, options.grains, catalogue, told.rows_done, span)
            rows |= kpis.rows_out
            alerted = alerted_lines([out], out, windows, catalogue, options.alerts, span[0])
    problems = [*_problems(sources, refusals), *archive.problems]
    return Outcome(
        _summary(out, options, pipeline.accounts, archive, refused, rows, begun, told.compiled_s),
        problems,
        archive_lines(archive),
        [*counted_twice(archive, pipeline.accounts.windows()), *_copies_left_in(alike)],
        alerted,
    )


def check_out(out: Path) -> None:
    """Find out now, not after an hour, that nothing can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        words = "is a file, not a folder" if isinstance(problem, FileExistsError) else problem.strerror or str(problem)
        raise OutputError(str(out), words, remedy="Name a folder that can be written with --out.") from None


# --- which run this is -------------------------------------------------------------------------------------------


def _run_id(sources: Sequence[Source], refusals: Sequence[Refusal], archive: Archive) -> str:
    """A name for the run by what the inputs hold, whatever their order and folder, and however they are cut."""
    inputs = sorted([_content(source) for source in sources] + [_ends(file.name) for file in archive.files])
    return run_digest(inputs or sorted(refusal.source for refusal in refusals))


def _content(source: Source) -> str:
    """What tells one capture from another: a file's size and both its ends, a pipe's first packet."""
    if source.size is None:
        return f"{source.name} {source.first_ts} {source.first_digest}"
    return _ends(source.name)


def _ends(name: str) -> str:
    """Size and both ends of a file."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(file.read(EDGE))
            file.seek(max(size - EDGE, 0))
            digest.update(file.read(EDGE))
    except OSError:
        return name
    return f"{size} {digest.hexdigest()}"


# --- what the ledger and people are told -------------------------------------------------------------------------


def _span(ledger: Sequence[LedgerEntry], window_ns: int, archive: Archive) -> tuple[int, int] | None:
    """From the first window that saw a packet or has a row of a record to the end of the last; None for none."""
    seen = [entry.window_start for entry in ledger if entry.stage in ("decoded", "rejected", "duplicate")]
    spans = [(min(seen), max(seen) + window_ns)] if seen else []
    spans += [archive.span] if archive.span else []
    return (min(first for first, _ in spans), max(end for _, end in spans)) if spans else None


def _problems(sources: Sequence[Source], refusals: Sequence[Refusal]) -> list[str]:
    """One line for each input that was refused or damaged."""
    lines = [f"{refusal.source}: not read: {refusal.reason}" for refusal in refusals]
    for source in sources:
        lines += [f"{each.source}: damaged at octet {each.offset:,}: {each.reason}" for each in source.damage]
    return lines


def _problem_entries(
    ledger: Sequence[LedgerEntry], sources: Sequence[Source], refusals: Sequence[Refusal]
) -> Iterator[LedgerEntry]:
    """The same for the ledger: rows without packets. Damage stands in the last window of its source."""
    first = min((entry.window_start for entry in ledger), default=0)
    last: dict[str, int] = {}
    for entry in ledger:
        last[entry.source] = max(entry.window_start, last.get(entry.source, entry.window_start))
    for source in sources:
        for each in source.damage:
            reason = f"damaged at octet {each.offset}: {each.reason}"
            yield LedgerEntry(last.get(source.name, first), source.name, "rejected", reason, 0, 0, None)
    for refusal in refusals:
        yield LedgerEntry(first, refusal.source, "rejected", f"refused: {refusal.reason}", 0, 0, None)


def _copies_left_in(seen: Lookalikes | None) -> Iterator[str]:
    """A word where copies of frames count that a SPAN port made: more than chance or a repeated packet explains."""
    if seen and seen.copies >= max(FEWEST_COPIES, seen.packets // 100):
        yield (
            f"{seen.copies:,} of the first {seen.packets:,} packets are copies of one shortly before, as SPAN ports "
            f"make them, and count like the others. To count each once: --duplicates {USUAL_DUPLICATES}"
        )


def _refused(pipeline: Pipeline) -> dict[str, int]:
    """Rows for which there was no room, by table: signalling is the same in every shard, connections are each one's."""
    shards = [worker.shard.words for worker in pipeline.workers]
    counts = {name: [int(words[pool + REFUSED]) for words in shards] for name, pool in POOLS.items()}
    told = {name: sum(each) if POOLS[name] == own.FLOWS else each[0] for name, each in counts.items()}
    return {name: count for name, count in told.items() if count}


def _summary(
    out: Path,
    options: RunOptions,
    accounts: Accounts,
    archive: Archive,
    refused: dict[str, int],
    rows: dict[str, int],
    begun: float,
    compiled_s: float,
) -> RunSummary:
    return RunSummary(
        out=out,
        window_s=options.window_s,
        windows=len(accounts.windows() | archive.windows),
        records=sum(archive.records.values()),
        octets=int(accounts.total("bytes").sum()),
        by_reason=accounts.by_reason(),
        joined=(int(accounts.total("unjoined")[0]), int(accounts.total("joined")[0])),
        messages=accounts.total("messages"),
        rows=rows,
        refused_rows=refused,
        seconds=time.perf_counter() - begun,
        compiled_s=compiled_s,
        peak_octets=peak_memory(),
    )


# --- the command -------------------------------------------------------------------------------------------------


@click.command("run")
@click.argument("source", nargs=-1, required=True)
@out_option
@windows_option
@decoding_options
@duplicates_option("off")
@click.option(
    "--feed", "feeds", multiple=True, metavar="FEED", help="A feed (TOML) for files that no shipped one fits."
)
@config_option
def run_command(source: tuple[str, ...], out: Path, **told: Any) -> None:
    """Turn captures and archived charging records into xDR and KPI tables.

    SOURCE is any mix of files, folders, globs and - for stdin: pcap and pcapng, charging records (TS 32.298, TAP 3),
    text and columns that a feed describes; also packed by gzip, zstd, bzip2 or xz.

    \b
    Example:
      wiregauge run captures/ --out kpis/
      wiregauge run archive/2026-11/ --out kpis/ --feed my_feed.toml
      zcat old.pcap.gz | wiregauge run - --out kpis/ --window 1h --by cell,subscriber
    """
    options = RunOptions(
        told["window"][0], told["identities"], told["identity_key"], told["workers"], told["by"], limits_of(told),
        told["feeds"], told["catalogue"], told["window"][1:],
        AlertOptions(told["alerts"], told["alert_webhook"]), told["duplicates"],
    )  # fmt: skip
    try:
        outcome = run(source, out, options)
    except KeyboardInterrupt:
        raise WiregaugeError(
            f"interrupted: what stands in {out} is not complete; run it again to replace it."
        ) from None
    for line in (*outcome.archive, *summary_lines(outcome.summary), *outcome.alerted):
        click.echo(line)
    table = " kpi_cell" if outcome.summary.rows.get("kpi_cell") else ""
    click.echo(f"Parquet tables are in {out}. Next: wiregauge show {out}{table}")
    for note in outcome.notes:
        click.echo(f"wiregauge: note: {note}", err=True)
    for problem in outcome.problems:
        click.echo(f"wiregauge: {problem}", err=True)
    if outcome.problems:
        raise click.exceptions.Exit(DAMAGED)
