"""The benchmark: the machine, the kernels, the whole command and its peers, on the same files in the same run.

    python -m benchmarks.run [--smoke] [--no-record] [--headers FILE] [--full FILE] [--only PART,...] [--scales 1,4,16]

Parts: machine, peers, kernels, command, memory, start, cdr, kpi, cluster, alerts, signalling, live. Rows go to
benchmarks/results/, one JSON object a line.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import alerts, cdr, child, cluster, flow_rows, kpi, live, machine, peers, signalling, text, traffic
from benchmarks.kernels import measure_kernels
from benchmarks.report import table

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
RESULTS = HERE / "results"
PARTS = (
    "machine",
    "peers",
    "kernels",
    "command",
    "memory",
    "start",
    "cdr",
    "kpi",
    "cluster",
    "alerts",
    "signalling",
    "live",
)
WIREGAUGE = [sys.executable, "-c", "from probe.cli import main; main()"]
FULL_SIZE = traffic.Size(4_000_000, 300_000, 50_000)
SMOKE_SIZE = traffic.Size(40_000, 3_000, 500)

Row = dict[str, Any]


class Bench:
    """One run: what it measures on, and the rows it has gathered."""

    def __init__(self, smoke: bool, record: bool) -> None:
        self.smoke = smoke
        self.size = SMOKE_SIZE if smoke else FULL_SIZE
        self.about = machine.description()
        self.rows: list[Row] = []
        self.file = RESULTS / "bench.jsonl" if record and not smoke else None

    def add(self, part: str, who: str, form: str = "", **figures: Any) -> None:
        """Keep a row; packets and seconds give the rates."""
        row: Row = {"part": part, "who": who, "form": form, **figures}
        if row.get("packets") and row.get("seconds"):
            row["mpps"] = row["packets"] / row["seconds"] / 1e6
            row["ns_per_packet"] = row["seconds"] / row["packets"] * 1e9
        if row.get("records") and row.get("seconds"):
            row["records_s"], row["mb_s"] = row["records"] / row["seconds"], row["bytes"] / row["seconds"] / 1e6
        row = {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
        self.rows.append(row)
        if self.file is not None:
            self.file.parent.mkdir(exist_ok=True)
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(self.about | row) + "\n")

    def capture(self, form: str, scale: int = 1) -> Path:
        """The capture of this form and length, made if it is not there yet."""
        name = f"{'smoke' if self.smoke else 'bench'}-{form}{'' if scale == 1 else f'-{scale}x'}.pcap"
        path = DATA / name
        if not path.exists():
            DATA.mkdir(exist_ok=True)
            needed = self.size.packets * scale * (760 if form == "full" else 120)
            if shutil.disk_usage(DATA).free < needed + (2 << 30):
                raise SystemExit(f"benchmark: {name} needs {needed >> 20} MiB and 2 GiB to spare in {DATA}")
            say(f"making {name}")
            traffic.make(path, self.size, form, scale)
        return path


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def facts(path: Path) -> Row:
    """What the generator wrote about a capture."""
    known: Row = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
    return known


def measure_machine(bench: Bench, files: dict[str, Path]) -> None:
    """Memory of one core, and what it takes to only read the files."""
    octets = (64 << 20) if bench.smoke else (1 << 30)
    found: Row = dict(machine.measure_memory(octets))
    bench.add("machine", "memory", octets=octets, **found)
    for form, path in files.items():
        seconds = machine.best_of(3, lambda path=path: os.system(f"cat '{path}' > /dev/null"))  # type: ignore[misc]
        bench.add("machine", "cat", form, seconds=seconds, bytes=path.stat().st_size, packets=facts(path)["packets"])


def measure_peers(bench: Bench, files: dict[str, Path]) -> None:
    """Every peer on every file."""
    for form, path in files.items():
        for figure in peers.figures(path, facts(path)["packets"]):
            if isinstance(figure, str):
                say(f"left out: {figure}")
            else:
                say(f"{figure.name} {form}: {figure.seconds:.2f} s")
                bench.add("peers", figure.name, form, **{k: v for k, v in figure._asdict().items() if k != "name"})


def measure_core(bench: Bench, files: dict[str, Path]) -> None:
    """Decode, join and flows on data in memory, one core."""
    for form, path in files.items():
        found = measure_kernels(path)
        if found is None:
            say("left out: the kernels have no pipeline yet")
            return
        bench.add("kernels", "wiregauge kernels", form, **found)


def wiregauge(path: Path, workers: int, cache: str | None = None) -> child.Cost:
    """`wiregauge run` into a folder that is thrown away."""
    with tempfile.TemporaryDirectory(dir=DATA) as out:
        words = [*WIREGAUGE, "run", path, "--out", out, "--workers", str(workers)]
        cost = child.run(words, timeout=3600, variables={"WIREGAUGE_CACHE": cache} if cache else None)
    if cost.code:
        say(f"wiregauge run failed ({cost.code}): {cost.output[-500:]}")
    return cost


def has_command() -> bool:
    """Whether there is a command to measure."""
    if (HERE.parent / "probe" / "cli.py").exists():
        return True
    say("left out: there is no command wiregauge yet")
    return False


def measure_command(bench: Bench, files: dict[str, Path]) -> None:
    """From file to Parquet, one worker and two, warm."""
    if not has_command():
        return
    wiregauge(bench.capture("headers") if bench.smoke else DATA / tiny(), 1)  # compiles
    for form, path in files.items():
        for workers in (1, 2):
            cost = min((wiregauge(path, workers) for _ in range(2)), key=lambda one: one.seconds)
            say(f"wiregauge run, {workers} workers, {form}: {cost.seconds:.2f} s")
            if cost.code == 0:
                bench.add("command", f"wiregauge run --workers {workers}", form, packets=facts(path)["packets"],
                          seconds=cost.seconds, cpu_seconds=cost.cpu_seconds, peak_rss=cost.peak_rss,
                          peak_anonymous=cost.peak_anonymous, bytes=path.stat().st_size)  # fmt: skip


def measure_memory(bench: Bench, scales: list[int]) -> None:
    """Peak memory as the capture gets longer with as many subscribers and flows alive."""
    if not has_command():
        return
    for scale in scales:
        path = bench.capture("headers", scale)
        cost = wiregauge(path, 1)
        if cost.code == 0:
            bench.add("memory", f"{scale}x", "headers", packets=facts(path)["packets"], seconds=cost.seconds,
                      peak_rss=cost.peak_rss, peak_anonymous=cost.peak_anonymous)  # fmt: skip
        if scale > 4 and not bench.smoke:
            path.unlink()


def tiny() -> str:
    """The name of a capture of 2,000 packets, made if it is not there yet."""
    if not (DATA / "tiny.pcap").exists():
        DATA.mkdir(exist_ok=True)
        traffic.make(DATA / "tiny.pcap", traffic.Size(2_000, 150, 25))
    return "tiny.pcap"


def measure_start(bench: Bench) -> None:
    """How long a person waits: the first use compiles, later starts do not."""
    if not has_command():
        return
    path, costs = DATA / tiny(), {}
    with tempfile.TemporaryDirectory() as empty:
        cache = None if bench.smoke else empty  # compiling takes minutes, and tests show that it works
        if cache:
            costs["first use"] = wiregauge(path, 1, cache)
        costs["warm start"] = min((wiregauge(path, 1, cache) for _ in range(3)), key=lambda one: one.seconds)
        costs["--help"] = min((child.run([*WIREGAUGE, "--help"]) for _ in range(3)), key=lambda one: one.seconds)
    for who, cost in costs.items():
        if cost.code == 0:
            bench.add("start", who, seconds=cost.seconds, cpu_seconds=cost.cpu_seconds, peak_rss=cost.peak_rss)


def measure_cdr(bench: Bench) -> None:
    """Charging records: decoders on one file, the whole command, and how decoding grows with the file."""
    sessions, scales = (500, (1, 4)) if bench.smoke else (50_000, (1, 4, 16, 64))
    DATA.mkdir(exist_ok=True)
    records = cdr.pgw_records(sessions)
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        archive = cdr.make(Path(folder) / "pgw.ber", records)
        for figure in cdr.figures(archive, most=300 if bench.smoke else cdr.PEER_RECORDS):
            if isinstance(figure, str):
                say(f"left out: {figure}")
            else:
                bench.add("cdr", figure.who, "pgw", records=figure.records, bytes=figure.octets, seconds=figure.seconds)
        wiregauge(archive.path, 1)  # compiles
        cost = min((wiregauge(archive.path, 1) for _ in range(2)), key=lambda one: one.seconds)
        if cost.code == 0:
            told = {name: getattr(cost, name) for name in ("seconds", "cpu_seconds", "peak_rss", "peak_anonymous")}
            bench.add("cdr", "wiregauge run", "pgw", records=archive.records, bytes=archive.octets, **told)
        for scale in scales:
            larger = cdr.make(archive.path, records, scale)
            count, seconds = min((cdr.arrow_pass(larger.path) for _ in range(2)), key=lambda result: result[1])
            bench.add("cdr", f"file to Arrow {scale}x", "pgw", records=count, bytes=larger.octets, seconds=seconds)
        text.make(Path(folder) / "gn.txt", 5_000 if bench.smoke else 400_000)
        for figure in text.figures(Path(folder) / "gn.txt"):
            bench.add("cdr", figure.who, "text", records=figure.records, bytes=figure.octets, seconds=figure.seconds)


def measure_kpi(bench: Bench) -> None:
    """xDR rows to KPI tables, beside peers that write the same; whole processes, their memory with them."""
    size = flow_rows.Size(40_000, 400, 5_000, 2) if bench.smoke else flow_rows.Size(20_000_000, 190_000, 4_000_000, 4)
    DATA.mkdir(exist_ok=True)
    folder = DATA / f"flow-rows-{size.rows}"
    if not folder.exists():
        say(f"making {folder.name}")
        flow_rows.make(folder, size)
    with tempfile.TemporaryDirectory(dir=DATA) as place:
        for case in kpi.CASES:
            found = {who: _kpi_contestant(bench, who, case, folder, Path(place)) for who in ("wiregauge", *kpi.PEERS)}
            if bench.smoke or case == "cell":
                for who in kpi.PEERS:
                    wrong = list(kpi.differences(who, case, found["wiregauge"], found[who]))
                    if wrong:
                        raise AssertionError(f"{who} says otherwise: {wrong[:3]}")

    indicators, components = (200, 3_000) if bench.smoke else (12_000, 190_000)
    for part in (4, 1):  # a quarter as many components first: that one compiles, and tells how cost grows
        with tempfile.TemporaryDirectory(dir=DATA) as place:
            words = [sys.executable, "-m", "benchmarks.formulas", indicators, components // part, place]
            cost = child.run(words, timeout=3600)
        if cost.code:
            raise SystemExit(f"benchmark: formulas failed ({cost.code}): {cost.output[-500:]}")
        bench.add("kpi", "wiregauge formulas", f"{indicators} x {components // part}", rows=components // part,
                  seconds=cost.seconds, cpu_seconds=cost.cpu_seconds, peak_rss=cost.peak_rss,
                  peak_anonymous=cost.peak_anonymous)  # fmt: skip


def measure_cluster(bench: Bench) -> None:
    """The same KPI tables from this process and from clusters of this machine."""
    size = flow_rows.Size(40_000, 400, 5_000, 2) if bench.smoke else flow_rows.Size(8_000_000, 190_000, 2_000_000, 4)
    with tempfile.TemporaryDirectory(dir=DATA) as place:
        rows = flow_rows.make(Path(place) / "rows", size)
        for who, seconds in cluster.figures(rows, (1, 2)):
            say(f"{who}: {seconds:.2f} s")
            bench.add("cluster", who, f"{size.rows} rows", rows=size.rows, seconds=seconds)


def _kpi_contestant(bench: Bench, who: str, case: str, folder: Path, place: Path) -> Path:
    """The better of two runs (the first one of wiregauge compiles); where the tables are."""
    out = place / f"{case}-{who}"
    costs = []
    for _ in range(2):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        cost = child.run([sys.executable, "-m", "benchmarks.kpi", who, case, folder, out], timeout=3600)
        if cost.code:
            raise SystemExit(f"benchmark: {who} {case} failed ({cost.code}): {cost.output[-500:]}")
        say(f"{who} {case}: {cost.seconds:.2f} s")
        costs.append(cost)
    cost = min(costs, key=lambda one: one.seconds)
    bench.add("kpi", who, case, rows=int(folder.name.split("-")[-1]), seconds=cost.seconds,
              cpu_seconds=cost.cpu_seconds, peak_rss=cost.peak_rss, peak_anonymous=cost.peak_anonymous)  # fmt: skip
    return out


def measure_alerts(bench: Bench) -> None:
    """From a row to the line that tells of its alert, at a steady rate."""
    for case, found in alerts.figures(*((20_000, 2.0) if bench.smoke else (alerts.RATE, 20.0))):
        say(f"{case}: {found['alerts']:,} alerts, at most {found['latency_max_ms']:.0f} ms after their row")
        note = (
            f"{found['alerts']:,} alerts; {found['latency_p50_ms']:.0f} ms at the median, "
            f"{found['latency_max_ms']:.0f} at most"
        )
        bench.add("alerts", "wiregauge live, rules", case, note=note, **found)


def measure_signalling(bench: Bench) -> None:
    """Messages a second of each protocol: the decoders, pycrate and tshark."""
    for figure in signalling.figures(bench.smoke):
        if isinstance(figure, str):
            say(f"left out: {figure}")
        else:
            say(f"{figure.who}, {figure.protocol}: {figure.messages / figure.seconds:,.0f} messages/s")
            bench.add("signalling", figure.who, figure.protocol, records=figure.messages, bytes=figure.octets,
                      seconds=figure.seconds, note=figure.note)  # fmt: skip


def measure_live(bench: Bench) -> None:
    """The live probe and its peers on one wire, and its memory over some minutes."""
    capture = bench.capture("headers")
    for figure in live.figures(capture, (0,) if bench.smoke else live.RATES):
        if isinstance(figure, str):
            say(f"left out: {figure}")
            continue
        form = f"{figure.rate:,} a second" if figure.rate else "as fast as can be sent"
        lost = "an unknown number" if figure.dropped is None else f"{figure.dropped:,}"
        say(f"{figure.who}, {form}: {lost} of {figure.packets:,} dropped")
        bench.add("live", figure.who, form, packets=figure.packets, seconds=figure.sent_s, dropped=figure.dropped,
                  cpu_seconds=figure.cpu_seconds, cpu_per_million=figure.cpu_seconds / figure.packets * 1e6,
                  peak_rss=figure.peak_rss)  # fmt: skip
    memory = list(live.soak(capture, 5 if bench.smoke else 180, rate=20_000 if bench.smoke else 100_000))
    for seconds, packets, dropped, octets in (memory[0], memory[len(memory) // 2], memory[-1]) if memory else ():
        bench.add("live", "soak", f"after {seconds:.0f} s", packets=packets, dropped=dropped, peak_rss=octets)


def measure(bench: Bench, parts: list[str], given: dict[str, Path | None], scales: list[int]) -> None:
    """All the parts that were asked for, in order."""
    files = {}
    if {"machine", "peers", "kernels", "command"} & set(parts):
        files = {form: path or bench.capture(form) for form, path in given.items()}
    jobs = {
        "machine": lambda: measure_machine(bench, files),
        "peers": lambda: measure_peers(bench, files),
        "kernels": lambda: measure_core(bench, files),
        "command": lambda: measure_command(bench, files),
        "memory": lambda: measure_memory(bench, scales),
        "start": lambda: measure_start(bench),
        "cdr": lambda: measure_cdr(bench),
        "kpi": lambda: measure_kpi(bench),
        "cluster": lambda: measure_cluster(bench),
        "alerts": lambda: measure_alerts(bench),
        "signalling": lambda: measure_signalling(bench),
        "live": lambda: measure_live(bench),
    }
    for part in parts:
        say(f"== {part}")
        jobs[part]()


def main(arguments: list[str] | None = None) -> int:
    """The command; see the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure wiregauge and its peers.")
    parser.add_argument("--smoke", action="store_true", help="a tiny capture, to see that everything runs")
    parser.add_argument("--no-record", action="store_true", help="append nothing to benchmarks/results/")
    parser.add_argument("--headers", type=Path, help="a capture of benchmarks.traffic to use instead of making one")
    parser.add_argument("--full", type=Path)
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--scales", help="lengths of capture for the memory part: 1,4,16; smoke: 1,4")
    given = parser.parse_args(arguments)
    parts = given.only.split(",")
    if set(parts) - set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")
    bench = Bench(given.smoke, not given.no_record)
    scales = [int(scale) for scale in (given.scales or ("1,4" if given.smoke else "1,4,16")).split(",")]
    measure(bench, parts, {"headers": given.headers, "full": given.full}, scales)
    print(table(bench.about, bench.rows))
    if bench.file is not None:
        say(f"rows appended to {bench.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
