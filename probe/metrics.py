"""The Prometheus endpoint of a live probe (prometheus-client, extra `live`): the numbers of its last `Status`."""

from collections.abc import Iterator
from typing import Any

from probe.errors import UsageError
from probe.live_probe import Status

__all__ = ["Metrics"]


class Metrics:
    """Serves what `update` was told last, on one address, in a thread of its own."""

    def __init__(self, address: str) -> None:
        """address: HOST:PORT, or a port on the loopback; raises UsageError where nothing can be served there."""
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError:
            raise UsageError("--metrics needs prometheus-client: pip install 'wiregauge[live]'.") from None
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            raise UsageError(f"--metrics {address!r}: write a port, as in 9464, or HOST:PORT.")
        self._status: Status | None = None
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(int(port), host or "127.0.0.1", registry)
        except (OSError, OverflowError) as problem:
            raise UsageError(f"--metrics {address!r}: nothing can be served there: {problem}") from None

    @property
    def port(self) -> int:
        """The port that is served."""
        return int(self._server.server_port)

    def update(self, status: Status) -> None:
        """Serve this from now on."""
        self._status = status

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def collect(self) -> Iterator[Any]:
        """What prometheus-client asks for."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        status = self._status
        if status is None:
            return

        def counter(name: str, words: str, label: str, values: dict[str, float]) -> Any:
            family = CounterMetricFamily(f"wiregauge_{name}", words, labels=[label])
            for key, value in values.items():
                family.add_metric([key], value)
            return family

        interfaces = status.interfaces
        yield counter("packets", "Packets read.", "interface", {name: each[0] for name, each in interfaces.items()})
        yield counter("ring_dropped_packets", "Packets that the kernel dropped: the ring was full.", "interface",
                      {name: each[1] for name, each in interfaces.items()})  # fmt: skip
        for stage, reasons in status.by_reason.items():
            yield counter(f"{stage}_packets", f"Packets {stage}, by reason.", "reason", dict(reasons))
        yield counter("rows", "Rows written.", "table", dict(status.rows))
        yield counter("lost_rows", "Rows lost, by cause.", "cause", dict(status.lost))
        yield counter("user_packets", "User-plane packets, joined to a session or not.", "joined",
                      {"yes": status.joined, "no": status.unjoined})  # fmt: skip
        yield counter("cpu_seconds", "Processor seconds of each worker and of the probe.", "thread", status.cpu)
        yield counter("alert_changes", "Changes of alerts, and what became of those that were sent.", "what",
                      dict(status.alerts))  # fmt: skip
        up = GaugeMetricFamily("wiregauge_interface_up", "Whether the interface is up.", labels=["interface"])
        for name, each in interfaces.items():
            up.add_metric([name], float(each[2]))
        yield up
        user = status.joined + status.unjoined
        gauges = (
            ("ring_fill_ratio", "Share of the fullest ring that waits to be read.", status.ring_fill),
            ("table_fill_ratio", "Fill of the fullest table of state.", status.table_fill),
            ("join_ratio", "Share of user-plane packets joined to a session.", status.joined / user if user else 0.0),
            ("lag_seconds", "From a packet's time to its being read, the longest in this window.", status.lag_ms / 1e3),
            ("waiting_rows", "Rows that wait for the disk.", status.waiting),
            ("memory_octets", "Memory of the probe.", status.memory),
            ("uptime_seconds", "Since the probe was started.", status.seconds),
            ("cannot_write", "1 while rows cannot be written.", float(bool(status.trouble))),
        )
        for name, words, value in gauges:
            yield GaugeMetricFamily(f"wiregauge_{name}", words, value=value)
