"""`wiregauge live`: an interface to xDR and KPI tables, for as long as it runs."""

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from formats.kpi import Catalogue
from kernels.jit import compiled_before
from probe.alert_out import AlertOptions
from probe.bpf import Instruction
from probe.config import config_option
from probe.duration import DURATION
from probe.errors import InputError, OutputError, UsageError
from probe.fanout import LEAST_RING, MOST_RINGS, open_group
from probe.identity import Identities
from probe.kpi_rows import Held
from probe.live_probe import Live, LiveOptions, Status
from probe.options import USUAL_DUPLICATES, decoding_options, duplicates_option, limits_of, out_option, window_option
from probe.packet_filter import filter_of
from probe.packet_socket import Ring, RingOptions
from probe.pipeline import copies_within
from probe.room import CPUS, MEMORY, Sizes, confine, processors_of, sizes_for
from probe.run import check_out
from probe.segment import known_by
from probe.status_file import write_status

if TYPE_CHECKING:
    from probe.metrics import Metrics

__all__ = ["live_command"]

MIB = 1 << 20
LOCK = ".live.lock"
AF_PACKET, AF_XDP = "af_packet", "af_xdp"


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two probes must not write one folder's files; what a killed one left unfinished is removed."""
    with open(out / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(str(out), "another live probe writes here", remedy="Name another folder.") from None
        for left in out.glob("*/date=*/hour=*/.part-*.tmp"):
            left.unlink(missing_ok=True)
        yield


@contextlib.contextmanager
def _driven_by_signals(live: Live) -> Iterator[None]:
    """SIGTERM and SIGINT end the loop, which then writes everything; SIGHUP has catalogue and filter read again."""
    before = {number: signal.signal(number, lambda *_: live.stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: live.reload())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _settings_again() -> tuple[Catalogue | None, Callable[[str], list[Instruction]]]:
    """Catalogue and filter, as the same command line and the files that it names say now."""
    arguments = sys.argv[sys.argv.index(str(live_command.name)) + 1 :]
    with live_command.make_context(live_command.name, arguments) as context:
        identities = Identities.from_option(context.params["identities"], context.params["identity_key"])
        expression = context.params["expression"]
        for interface in context.params["interfaces"]:
            filter_of(expression, interface)  # what is wrong with it is said before anything is changed
        return known_by(context.params["catalogue"], identities), partial(filter_of, expression)


def _tell(words: str) -> None:
    click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} wiregauge: {words}", err=True)


def _closing(status: Status) -> Iterator[str]:
    """What is said at the end."""
    seen = status.packets + status.dropped
    yield f"packets in    {seen:>15,}"
    yield f"  read        {status.packets:>15,}  {100 * status.packets / seen if seen else 0:6.2f} %"
    yield f"  dropped     {status.dropped:>15,}  {100 * status.dropped / seen if seen else 0:6.2f} %"
    for stage, reasons in status.by_reason.items():
        for reason, packets in reasons.items():
            yield f"    {stage} {reason:<22} {packets:>15,}"
    user = status.joined + status.unjoined
    if user:
        yield f"joined to a session {status.joined:>9,}  {100 * status.joined / user:6.2f} % of {user:,} user packets"
    yield f"windows       {status.windows:>15,}"
    for table, rows in status.rows.items():
        if rows:
            yield f"  {table:<20} {rows:>8,} rows"
    for cause, rows in status.lost.items():
        yield f"  lost: {cause:<14} {rows:>8,} rows"
    yield f"{status.seconds:,.1f} s, {status.cpu_s:,.1f} s of processor time, {status.memory / MIB:,.0f} MiB of memory"


@click.command("live")
@click.option("--interface", "interfaces", multiple=True, required=True, metavar="IF", help="Where to listen; several.")
@out_option
@window_option
@decoding_options
@duplicates_option(USUAL_DUPLICATES)
@click.option("--memory", type=MEMORY, metavar="SIZE",
              help="Take no more: sizes of tables, rings and waiting rows follow from it, as in 4GiB.")  # fmt: skip
@click.option("--cpus", type=CPUS, default="auto", show_default=True, metavar="LIST|auto",
              help="Processors to run on, as in 2-9; auto: those beside the network card's memory.")  # fmt: skip
@click.option("--max-rows", type=click.IntRange(1 << 14, 1 << 28), default=1 << 20, show_default=True,
              help="Rows that may wait for the disk; more are lost and counted.")  # fmt: skip
@click.option("--capture", type=click.Choice((AF_PACKET, AF_XDP, "auto")), default=AF_PACKET, show_default=True,
              help="AF_XDP takes frames away from the host: for taps only. auto: where it works.")  # fmt: skip
@click.option("--ring", type=click.IntRange(1, 16384), default=64, show_default=True, metavar="MIB",
              help="Room for packets of each interface.")  # fmt: skip
@click.option("--rings", type=click.IntRange(1, MOST_RINGS), default=1, show_default=True,
              help="Rings of an interface, which share --ring; packets spread by addresses in the tunnel.")  # fmt: skip
@click.option(
    "--filter",
    "expression",
    metavar="BPF",
    help="Read only packets that fit this (pcap syntax); builtin: those of GTP, PFCP, SCTP, Diameter.",
)
@click.option("--promiscuous/--not-promiscuous", default=True, help="Packets for other hosts too.  [default: yes]")
@click.option("--hardware-time", is_flag=True, help="Stamps of the network card (it must keep UTC).")
@click.option("--metrics", metavar="[HOST:]PORT", help="Serve Prometheus metrics there; on the loopback without HOST.")
@click.option("--snapshot", type=DURATION, default="1m", show_default=True,
              help="How often the state of sessions is kept, for the next start.")  # fmt: skip
@click.option("--for", "seconds", type=DURATION, default=None, help="Stop after this time  [default: never]")
@config_option
def live_command(interfaces: tuple[str, ...], out: Path, **told: Any) -> None:
    """Capture from interfaces and write xDR and KPI tables as time passes.

    Tables of a window appear some seconds after its end. SIGTERM or Ctrl-C writes everything and ends; SIGHUP has
    the files of --catalogue and --config (its filter) read again.

    \b
    Example:
      wiregauge live --interface eth1 --out kpis/
      wiregauge live --interface eth1 --interface eth2 --out kpis/ --window 1m --filter 'udp port 2152 or udp port 2123'
    """
    os.umask(0o027)  # what is written is for the group at most
    check_out(out)
    if len(set(interfaces)) != len(interfaces):
        raise UsageError("an interface is named twice.")
    if told["rings"] > 1 and told["capture"] == AF_XDP:
        raise UsageError("--rings works with --capture af_packet: AF_XDP has a ring for each queue of the card.")
    cpus = processors_of(told["cpus"], list(interfaces))
    confine(cpus)
    limits, ring_octets, most_rows, kpi_rows = _sizes(told, len(interfaces))
    if ring_octets < told["rings"] * LEAST_RING:
        least = -(-told["rings"] * LEAST_RING // MIB)
        raise UsageError(f"--rings {told['rings']} share {ring_octets // MIB} MiB: give them --ring {least} at least.")
    identities = Identities.from_option(told["identities"], told["identity_key"])
    catalogue = known_by(told["catalogue"], identities)
    options = LiveOptions(
        told["window"], told["workers"], told["by"], catalogue, limits, most_rows, float(told["seconds"] or 0),
        told["snapshot"], AlertOptions(told["alerts"], told["alert_webhook"]), told["duplicates"], cpus,
        Held().at_most(kpi_rows),
    )  # fmt: skip
    ring = RingOptions(octets=ring_octets, promiscuous=told["promiscuous"], hardware_time=told["hardware_time"])
    with _alone(out):
        if not compiled_before("update_heard"):
            _tell("compiling kernels, about two minutes (first use only)")
        open_rings = partial(_opened, interfaces, ring, told["rings"], told["capture"], told["expression"])
        for each in open_rings():  # say at once what cannot be
            each.close()

        metrics = _metrics(told["metrics"])

        def each_second(status: Status) -> None:
            write_status(out, status)
            if metrics:
                metrics.update(status)

        live = Live(open_rings, out, identities, options, _tell, each_second, _settings_again)
        names = ", ".join(interfaces) + (
            f" with {told['rings']} rings each" if told["rings"] > 1 and told["capture"] == AF_PACKET else ""
        )
        where = f"processors {','.join(map(str, cpus))}" if cpus else "any processor"
        _tell(f"{limits.flows:,} flows, {limits.sessions:,} sessions, {most_rows:,} rows waiting at most; "
              f"{options.workers} workers on {where}.")  # fmt: skip
        _tell(f"listening on {names}; {live.memory >> 20:,} MiB for tables and rings; stop with Ctrl-C or SIGTERM.")
        with _driven_by_signals(live):
            live.run()
    for line in (*_closing(live.status()), *live.alerts.lines()):
        click.echo(line)
    click.echo(f"Parquet tables are in {out}. Next: wiregauge show {out}")


def _sizes(told: dict[str, Any], interfaces: int) -> Sizes:
    """As the options say, or from --memory what they do not."""
    asked = Sizes(limits_of(told), told["ring"] * MIB, told["max_rows"], 0)
    if told["memory"] is None:
        return asked
    context = click.get_current_context()

    def own(name: str) -> bool:
        return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT

    copies = copies_within(told["duplicates"])
    found = sizes_for(told["memory"] - (copies.octets if copies else 0), told["workers"], interfaces)
    limits = found.limits._replace(
        flows=asked.limits.flows if own("max_flows") else found.limits.flows,
        sessions=asked.limits.sessions if own("max_sessions") else found.limits.sessions,
    )
    ring = asked.ring if own("ring") else found.ring
    return Sizes(limits, ring, asked.rows if own("max_rows") else found.rows, found.kpi_rows)


def _opened(interfaces: Sequence[str], common: RingOptions, count: int, how: str, expression: str | None) -> list[Ring]:
    """The rings of all interfaces; with `auto`, AF_PACKET where AF_XDP does not work, which is said."""
    rings: list[Ring] = []
    for index, name in enumerate(interfaces):
        options = common._replace(filter=filter_of(expression, name))
        if how == AF_PACKET:
            rings += open_group(name, options, count, index)
            continue
        from probe.xdp_socket import open_queues

        try:
            rings += open_queues(name, options, index)
        except (InputError, UsageError) as problem:
            if how == AF_XDP:
                raise
            _tell(f"{str(problem).splitlines()[0]} Capturing with AF_PACKET.")
            rings += open_group(name, options, count, index)
    return rings


def _metrics(address: str | None) -> "Metrics | None":
    if not address:
        return None
    from probe.metrics import Metrics

    return Metrics(address)
