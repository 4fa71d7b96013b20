"""Command of the traffic generator."""

import time
from dataclasses import fields, replace
from pathlib import Path

import click

from tools.scenario.capture_file import CaptureOptions
from tools.scenario.config import PRESETS, RADIO_PRESETS, Scenario, demo_scenario, radio_demo_scenario
from tools.scenario.simulate import generate


def _changed(scenario: Scenario, settings: tuple[str, ...]) -> Scenario:
    """The scenario with `name=value` settings, each as its field's present type."""
    known = {field.name: getattr(scenario, field.name) for field in fields(scenario)}
    changes: dict[str, object] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in known or isinstance(known[name], tuple):
            raise click.BadParameter(f"{name!r} is no setting; settings: {', '.join(sorted(known))}")
        kind = type(known[name]) if known[name] is not None else int
        try:
            changes[name] = value.lower() in ("1", "true", "yes") if kind is bool else kind(value)
        except ValueError:
            raise click.BadParameter(f"{setting!r}: {value!r} is no {kind.__name__}") from None
    return replace(scenario, **changes)  # type: ignore[arg-type]


@click.command()
@click.option(
    "--preset",
    type=click.Choice(["demo", "radio_demo", *PRESETS, *RADIO_PRESETS]),
    default="demo",
    show_default=True,
    help="Which scenario.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same octets.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for capture and truth."
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change one field of the scenario.")
@click.option("--form", type=click.Choice(["pcap", "pcapng"]), default="pcap", show_default=True, help="File format.")
@click.option("--nanoseconds", is_flag=True, help="Time stamps in ns rather than µs.")
@click.option(
    "--link", type=click.Choice(["ethernet", "sll"]), default="ethernet", show_default=True, help="Link type."
)
@click.option("--vlan", type=click.IntRange(1, 4094), help="802.1Q tag on each frame.")
@click.option("--compression", type=click.Choice(["gz", "zst"]), help="Compress the capture.")
@click.option("--split", type=click.IntRange(1), default=1, show_default=True, help="Number of files.")
@click.option(
    "--split-by", type=click.Choice(["time", "interface"]), default="time", show_default=True, help="What splits."
)
@click.option("--snaplen", type=click.IntRange(1), default=262144, show_default=True, help="Octets kept of each frame.")
def main(preset: str, seed: int, out: Path, settings: tuple[str, ...], form: str, nanoseconds: bool, link: str,
         vlan: int | None, compression: str | None, split: int, split_by: str, snaplen: int) -> None:  # fmt: skip
    """Writes mobile traffic with known truth: capture.* and truth.json.

    Example: python -m tools.scenario --preset handover --seed 7 --out /tmp/handover
    """
    demos = {"demo": demo_scenario, "radio_demo": radio_demo_scenario}
    scenario = demos[preset](seed) if preset in demos else replace((PRESETS | RADIO_PRESETS)[preset], seed=seed)
    options = CaptureOptions(form, nanoseconds, link, vlan, compression or "", split, split_by, snaplen)
    begun = time.perf_counter()
    truth = generate(_changed(scenario, settings), out, options)
    took = time.perf_counter() - begun
    packets = truth.ledger["in"]
    click.echo(f"{packets} packets in {took:.1f} s ({packets / took:.0f} a second): {', '.join(truth.files)} in {out}")
    for fault, who in truth.faults.items():
        click.echo(f"fault: {fault} {who}")
