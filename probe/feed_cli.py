"""`wiregauge feed`: look at an unknown file and draft a feed for it, and check what a feed makes of a file."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import pyarrow as pa

from formats.feed import Feed
from probe.errors import InputError
from probe.feed import load_feed
from probe.feed_map import Mapper, used_fields
from probe.feed_read import FeedFile, read_batches
from probe.feed_sample import Seen, draft, look

__all__ = ["feed_command"]

SECOND = 10**9
TOLD = 20


@click.group("feed")
def feed_command() -> None:
    """Feeds: how files of text or columns become xDR rows.

    \b
    Example:
      wiregauge feed sample unknown.csv > my_feed.toml
      wiregauge feed check my_feed.toml unknown.csv
    """


def _line(seen: Seen) -> str:
    guess = f"  likely {seen.guess}" if seen.guess else ""
    return f"#   {seen.name:<24} {seen.kind:<8} {seen.nulls:5.1f} % null  {seen.low} .. {seen.high}{guess}"


@feed_command.command("sample")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def sample_command(file: str) -> None:
    """Say what is in FILE, and write a draft feed to edit.

    \b
    Example:
      wiregauge feed sample unknown.csv > my_feed.toml
    """
    layout, seen = look(file)
    click.echo(f"# {file}: {layout.format}, {len(seen)} fields")
    for each in seen:
        click.echo(_line(each))
    unmapped = [each.name for each in seen if not each.guess]
    click.echo(f"# not mapped: {', '.join(unmapped) or 'none'}")
    click.echo(draft(Path(file).stem, layout, seen))


def _flaws(feed: Feed, opened: FeedFile) -> Iterator[str]:
    from probe.archive_files import Names

    mapper = Mapper(feed, Names(), SECOND)
    for rows in read_batches(feed, opened):
        for flaw in mapper.map(rows.batch).flaws:
            yield f"line {rows.line(flaw.row)}: {flaw.column}: {flaw.value!r}, expected {flaw.expected}"
        yield from (f"line {each.number}: {each.reason}" for each in opened.refused)
        opened.refused.clear()
    yield from (f"line {each.number}: {each.reason}" for each in opened.refused)


@feed_command.command("check")
@click.argument("feed")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def check_command(feed: str, file: str) -> None:
    """Say row by row what FEED could not map of FILE.

    \b
    Example:
      wiregauge feed check my_feed.toml unknown.csv
    """
    told, opened = load_feed(feed), FeedFile(file)
    try:
        first = next(iter(read_batches(told, opened)), None)
        fields = set(first.batch.schema.names) if first is not None else set()
        missing = [f for f in sorted(used_fields(told)) if f not in fields and not f.isdigit()]
        for name in missing:
            click.echo(f"field {name!r}: the file has none")
        for name in sorted(fields - used_fields(told) - set(told.ignore)):
            click.echo(f"field {name!r}: not mapped")
        flaws = list(islice(_flaws(told, FeedFile(file)), 100_000))
    except (pa.ArrowInvalid, UnicodeDecodeError) as problem:
        raise InputError(file, f"cannot be read as {told.format}: {problem}", remedy="Correct the feed.") from None
    for flaw in flaws[:TOLD]:
        click.echo(flaw)
    if len(flaws) > TOLD:
        click.echo(f"and {len(flaws) - TOLD:,} more")
    if flaws or missing:
        raise click.exceptions.Exit(3)
    click.echo(f"{file}: every row maps to {told.table}")
