"""Rows to text: every figure, then the ratios with the targets beside them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

Row = dict[str, Any]


class Target(NamedTuple):
    """A ratio or limit: `least` or `most` of `value`."""

    what: str
    value: float | None
    bound: float
    most: bool = False
    unit: str = "x"

    def line(self) -> str:
        """A row of a Markdown table."""
        told = "not measured" if self.value is None else f"{self.value:.3g} {self.unit}"
        met = self.value is not None and (self.value <= self.bound if self.most else self.value >= self.bound)
        verdict = "" if self.value is None else ("met" if met else "**short**")
        wanted = f"at {'most' if self.most else 'least'} {self.bound:g} {self.unit}"
        return f"| {self.what} | {told} | {wanted} | {verdict} |"


def table(about: Row, rows: list[Row]) -> str:
    """All rows as two Markdown tables."""
    lines = ["", f"{about['commit']} on {about['cpu']}, {about['cores']} cores, {about['date']}", ""]
    lines += [f"load before: {about['load_before']}; Python {about['python']}, numba {about['numba']}", ""]
    lines += [
        "| part | who | form | packets | seconds | CPU s | Mpps | ns/packet | peak MiB | of it no file's | note |"
    ]
    lines += ["| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: | --- |"]
    lines += [_figures(row) for row in rows if row["part"] not in ("cdr", "kpi", "signalling")]
    lines += _archive_lines([row for row in rows if row["part"] == "cdr"])
    lines += _kpi_lines([row for row in rows if row["part"] == "kpi"])
    lines += _signalling_lines([row for row in rows if row["part"] == "signalling"])
    lines += ["", "| target | measured | wanted | |", "| --- | --: | --: | --- |"]
    return "\n".join([*lines, *(target.line() for target in targets(rows))])


def _archive_lines(rows: list[Row]) -> list[str]:
    """The rows of charging records, which have records and octets where others have packets."""
    if not rows:
        return []
    head = [
        "",
        "| archives | records | MB | seconds | records/s | MB/s | peak MiB |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    lines = []
    for row in rows:
        cells = [row["who"], _cell(row, "records", ",d"), _cell(row, "bytes", ",.1f", 1_000_000),
                 _cell(row, "seconds", ".3f"), _cell(row, "records_s", ",.0f"), _cell(row, "mb_s", ",.1f"),
                 _cell(row, "peak_rss", ",.0f", 1 << 20)]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return head + lines


def _kpi_lines(rows: list[Row]) -> list[str]:
    """The rows of the KPI stage."""
    if not rows:
        return []
    lines = ["", "| KPI tables | case | rows | seconds | CPU s | peak MiB | of it no file's |",
             "| --- | --- | --: | --: | --: | --: | --: |"]  # fmt: skip
    for row in rows:
        cells = [row["who"], row["form"], _cell(row, "rows", ",d"), _cell(row, "seconds", ".2f"),
                 _cell(row, "cpu_seconds", ".2f"), _cell(row, "peak_rss", ",.0f", 1 << 20),
                 _cell(row, "peak_anonymous", ",.0f", 1 << 20)]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _signalling_lines(rows: list[Row]) -> list[str]:
    """Messages a second, a line for each protocol."""
    if not rows:
        return []
    lines = ["", "| protocol | octets a message | wiregauge, /s | pycrate, /s | tshark, /s |"]
    lines.append("| --- | --: | --: | --: | --: |")
    for protocol in dict.fromkeys(row["form"] for row in rows):
        of = {row["who"]: row for row in rows if row["form"] == protocol}
        first = next(iter(of.values()))
        cells = [protocol, format(first["bytes"] / first["records"], ".0f")]
        cells += [_cell(of.get(who, {}), "records_s", ",.0f") for who in ("wiregauge", "pycrate", "tshark")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def kpi_targets(rows: list[Row]) -> Iterator[Target]:
    """What was promised of the KPI stage."""
    seconds = {(row["who"], row["form"]): row["seconds"] for row in rows if row["part"] == "kpi"}
    for case, what, bound in (("cell", "one grain", 2.5), ("four", "four grains", 5), ("six", "six grains of 40", 5)):
        peers = [s for (who, form), s in seconds.items() if form == case and who != "wiregauge"]
        times = ratio(min(peers, default=None), seconds.get(("wiregauge", case)))
        yield Target(f"KPIs, {what} / faster of DuckDB, Polars", times, bound)
    wide = [row for row in rows if row["part"] == "kpi" and row["form"] == "12000 x 190000"]
    yield Target("12,000 indicators of 190,000 components", wide[0]["seconds"] if wide else None, 30, True, "s")
    yield Target("memory of that", wide[0]["peak_anonymous"] / (1 << 20) if wide else None, 4096, True, "MiB")


def alert_targets(rows: list[Row]) -> Iterator[Target]:
    """What was promised of alerts."""
    for row in rows:
        if row["part"] == "alerts":
            what = f"row to alert at {row['rows_s']:,.0f} rows/s, {row['form']}"
            yield Target(what, row["latency_max_ms"] / 1e3, 1, True, "s")
            yield Target(f"rows left out, {row['form']}", float(row["left_out"]), 0, True)


def signalling_targets(rows: list[Row]) -> Iterator[Target]:
    """What was promised of messages of signalling."""
    speed = {(row["form"], row["who"]): row["records_s"] for row in rows if row["part"] == "signalling"}
    for protocol in dict.fromkeys(protocol for protocol, _ in speed):
        ours = speed.get((protocol, "wiregauge"))
        if "SCTP" not in protocol:
            yield Target(f"{protocol} messages / pycrate", ratio(ours, speed.get((protocol, "pycrate"))), 300)
        yield Target(f"{protocol} messages / tshark", ratio(ours, speed.get((protocol, "tshark"))), 50)


def archive_targets(rows: list[Row]) -> Iterator[Target]:
    """What was promised of charging records."""
    of = {row["who"]: row for row in rows if row["part"] == "cdr" and "records_s" in row}
    speed = {who: row["records_s"] for who, row in of.items()}
    arrow = of.get("file to Arrow", {})
    yield Target("PGW-CDRs, file to Arrow", arrow.get("mb_s"), 150, unit="MB/s")
    yield Target("PGW-CDRs, file to Arrow", speed["file to Arrow"] / 1e3 if arrow else None, 400, unit="k/s")
    for peer in ("pycrate", "asn1tools"):
        yield Target(f"file to Arrow / {peer}", ratio(speed.get("file to Arrow"), speed.get(peer)), 200)
    own = speed.get("pyarrow CSV, types found")
    yield Target("text by a feed / pyarrow CSV", ratio(speed.get("text by a feed"), own), 0.8)
    scales = sorted((int(who.split()[-1][:-1]), value) for who, value in speed.items() if who.endswith("x"))
    if scales:
        yield Target(f"rate at {scales[-1][0]}x / at 1x", ratio(scales[-1][1], scales[0][1]), 0.9)


def _figures(row: Row) -> str:
    note = row.get("note", "")
    if row["who"] == "memory":
        note = (
            f"read {row['read_gb_s']:.1f} GB/s; a miss {row['dependent_miss_ns']:.0f} ns where the next waits for it, "
            f"{row['independent_miss_ns']:.0f} ns where not"
        )
    cells = [
        row["part"], row["who"], row["form"], _cell(row, "packets", ",d"), _cell(row, "seconds", ".3f"),
        _cell(row, "cpu_seconds", ".2f"), _cell(row, "mpps", ".3f"), _cell(row, "ns_per_packet", ",.0f"),
        _cell(row, "peak_rss", ",.0f", 1 << 20), _cell(row, "peak_anonymous", ",.0f", 1 << 20), note,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _cell(row: Row, name: str, form: str, divisor: int = 1) -> str:
    value = row.get(name)
    if value is None:
        return ""
    return format(value / divisor if divisor > 1 else int(value) if form == ",d" else value, form)


def targets(rows: list[Row]) -> Iterator[Target]:
    """What was promised, against what these rows say."""
    for form in ("headers", "full"):
        core, one = rate(rows, "wiregauge kernels", form), rate(rows, "wiregauge run --workers 1", form)
        two = rate(rows, "wiregauge run --workers 2", form)
        yield Target(f"kernels / NFStream, {form}", ratio(core, rate(rows, "nfstream", form)), 100)
        yield Target(f"kernels / nfpcapd, {form}", ratio(core, rate(rows, "nfpcapd", form)), 2)
        yield Target(f"kernels / softflowd, {form}", ratio(core, rate(rows, "softflowd", form)), 2)
        yield Target(f"run, 1 worker / NFStream, {form}", ratio(one, rate(rows, "nfstream", form)), 30)
        yield Target(f"run, 1 worker / tshark, {form}", ratio(one, rate(rows, "tshark", form)), 150)
        yield Target(f"run, 2 workers / 1, {form}", ratio(two, one), 1.6)
        yield Target(f"run, 2 workers / nfpcapd, {form}", ratio(two, rate(rows, "nfpcapd", form)), 1)
        if form == "full":
            yield Target(f"run, 2 workers, in times of cat, {form}", ratio(rate(rows, "cat", form), two), 3, True)
    memory = {row["who"]: row["peak_anonymous"] / (1 << 20) for row in rows if row["part"] == "memory"}
    yield Target("memory at 1x, without pages of files", memory.get("1x"), 1024, True, "MiB")
    longest = max(memory, key=lambda who: int(who[:-1]), default="16x")
    yield Target(f"memory at {longest} / at 1x", ratio(memory.get(longest), memory.get("1x")), 1.15, True)
    for who, bound in (("--help", 1.5), ("warm start", 1.5), ("first use", 60)):
        seconds = next((row["seconds"] for row in rows if row["part"] == "start" and row["who"] == who), None)
        yield Target(f"start: {who}", seconds, bound, True, "s")
    yield from archive_targets(rows)
    yield from kpi_targets(rows)
    yield from alert_targets(rows)
    yield from signalling_targets(rows)


def rate(rows: list[Row], who: str, form: str) -> float | None:
    """Mpps of a contestant on a form."""
    return next((row["mpps"] for row in rows if row["who"] == who and row["form"] == form and "mpps" in row), None)


def ratio(over: float | None, under: float | None) -> float | None:
    """over / under where both were measured."""
    return over / under if over and under else None
