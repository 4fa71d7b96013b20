"""`python -m tools.replay CAPTURE... --interface IF`."""

import sys

import click

from probe.errors import WiregaugeError
from tools.replay.send import Pace, replay


@click.command()
@click.argument("captures", nargs=-1, required=True)
@click.option("--interface", required=True, metavar="IF", help="Where to send.")
@click.option("--rate", type=click.FloatRange(min=1), default=None, help="Packets a second.")
@click.option("--speed", type=click.FloatRange(min=0.001), default=None, help="As captured, so many times as fast.")
@click.option("--jumbo", is_flag=True, help="Frames of more than 2,016 octets.")
def main(captures: tuple[str, ...], interface: str, rate: float | None, speed: float | None, jumbo: bool) -> None:
    """Send captures onto an interface: as fast as can be, or at a --rate, or at a --speed."""
    if rate and speed:
        raise click.UsageError("--rate or --speed, not both")
    try:
        sent = replay(list(captures), interface, Pace(rate or 0, speed or 0), jumbo)
    except WiregaugeError as problem:
        click.echo(f"wiregauge: {problem}", err=True)
        sys.exit(problem.exit_code)
    rate_seen = sent.packets / sent.seconds if sent.seconds else 0
    click.echo(f"{sent.packets:,} packets, {sent.octets:,} octets in {sent.seconds:.2f} s: {rate_seen:,.0f} a second")
    if sent.skipped:
        click.echo(f"{sent.skipped:,} packets of other link types were not sent")


if __name__ == "__main__":
    main()
