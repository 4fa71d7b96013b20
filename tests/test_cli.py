"""The command line as a person meets it: exit codes, words, the ledger of what was refused, and what is replaced."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner, Result

from probe.catalogue import shipped_catalogue
from probe.cli import COMMANDS, main
from probe.summary import summary_lines
from tools.scenario import PRESETS, generate

ROOT = Path(__file__).resolve().parent.parent
PRESET = "attach"
NOBODY = ("--identities", "none")  # makes no key in the home of whoever runs the tests


def wiregauge(*words: object, input: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=input)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture")
    generate(PRESETS[PRESET], folder)
    return folder / "capture.pcap"


@pytest.fixture(scope="module")
def done(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A run over the capture: its folder and what it said."""
    out = tmp_path_factory.mktemp("out")
    return out, wiregauge("run", capture, "--out", out, "--window", "1m", "--identities", "clear", "--workers", 1)


def rows(out: Path, table: str) -> list[dict[str, object]]:
    files = sorted(str(path) for path in (out / table).rglob("*.parquet"))
    return ds.dataset(files).to_table().to_pylist() if files else []


def known(rows: list[dict[str, object]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


# --- help -------------------------------------------------------------------------------------------------------


def test_help_names_every_command_and_imports_none() -> None:
    script = "import sys; from probe.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    script += "print(sorted(set(sys.modules) & {'numba', 'pyarrow', 'scapy', 'rich', 'numpy'}))"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
    assert all(re.search(rf"^  {name} ", told, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_the_same_in_the_list_and_in_its_help(name: str) -> None:
    command = main.commands[name]
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").split("\n\n")[0].replace("\n", " ").strip() == COMMANDS[name].help
    told = wiregauge(name, "--help")
    assert told.exit_code == 0
    assert "Example:" in told.output
    assert f"wiregauge {name}" in told.output


def test_an_option_means_the_same_in_every_command() -> None:
    meanings: dict[str, set[str]] = {}
    for name in COMMANDS:
        for option in main.commands[name].params:
            if isinstance(option, click.Option) and option.opts[0] in ("--window", "--by"):
                name = option.type.name.removesuffix("s")  # `live` takes one window, others several
                meanings.setdefault(option.opts[0], set()).add(name)
    assert all(len(found) == 1 for found in meanings.values()), meanings


# --- usage and errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, said",
    [
        (["nosuch"], "no command 'nosuch'"),
        (["rn"], "Did you mean 'run'?"),
        (["run"], "Missing argument"),
        (["run", "{capture}"], "Missing option '--out'"),
        (["run", "{capture}", "--out", "{out}", "--window", "5x"], "'5x' is not a length of time"),
        (["run", "{capture}", "--out", "{out}", "--by", "cell,cel"], "no grain 'cel': there are cell,"),
        (["run", "{capture}", "--out", "{out}", "--workers", "0"], "0 is not in the range"),
        (["run", "{capture}", "--out", "{out}", "--identities", "some"], "'some' is not one of"),
        (["run", "{capture}", "--out", "{out}", "--duplicates", "365d"], "'365d' is no time of a second at most"),
        (["live", "--interface", "lo", "--out", "{out}", "--duplicates", "2s"], "'2s' is no time of a second at most"),
    ],
)
def test_wrong_usage_is_2(words: list[str], said: str, capture: Path, tmp_path: Path) -> None:
    told = wiregauge(*(word.format(capture=capture, out=tmp_path) for word in words))
    assert told.exit_code == 2
    assert said in told.output
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_done_is_1_and_says_what_to_do(capture: Path, tmp_path: Path) -> None:
    empty, text = tmp_path / "empty", tmp_path / "text"
    empty.mkdir()
    text.write_text("no folder")
    for words, said in (
        (["run", tmp_path / "nosuch.pcap", "--out", tmp_path / "o"], "no such file or folder"),
        (["run", f"{tmp_path}/*.pcap", "--out", tmp_path / "o"], "matches no file"),
        (["run", empty, "--out", tmp_path / "o"], "an empty folder"),
        (["run", capture, "--out", text], "is a file, not a folder"),
        (["run", capture, "--out", text / "below"], "Name a folder that can be written"),
        (["show", empty], "no tables here"),
        (["describe", "nosuch"], "no table, KPI or counter"),
    ):
        told = wiregauge(*words)
        assert told.exit_code == 1, told.output
        assert said in told.output
        assert told.output.startswith("wiregauge: ")
        assert len(told.output.splitlines()) <= 2
        assert "Traceback" not in told.output


def test_a_defect_is_words_and_a_hint(monkeypatch: pytest.MonkeyPatch, capture: Path, tmp_path: Path) -> None:
    monkeypatch.setattr("probe.run.open_sources", lambda arguments: 1 / 0)
    told = wiregauge("run", capture, "--out", tmp_path)
    assert told.exit_code == 1
    assert told.output.splitlines()[0] == "wiregauge: unexpected ZeroDivisionError: division by zero"
    assert "WIREGAUGE_DEBUG=1" in told.output
    monkeypatch.setenv("WIREGAUGE_DEBUG", "1")
    assert isinstance(wiregauge("run", capture, "--out", tmp_path).exception, ZeroDivisionError)


def test_a_reader_that_leaves_is_no_defect(done: tuple[Path, Result]) -> None:
    command = f"{sys.executable} -m probe.cli show {done[0]} flow --limit 5000 | head -n 1"
    told = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert len(told.stdout.splitlines()) == 1


# --- a run ------------------------------------------------------------------------------------------------------


def test_the_summary_adds_up(done: tuple[Path, Result]) -> None:
    out, told = done
    assert told.exit_code == 0, told.output
    numbers: dict[str, int] = {}
    for line in told.output.splitlines():
        found = re.match(r" *([a-z_0-9]+(?: [a-z]+)*)  +([\d,]+)(?:$|  )", line)
        if found:
            numbers.setdefault(found[1], int(found[2].replace(",", "")))
    parts = [numbers[stage] for stage in ("decoded", "rejected", "dropped", "duplicate")]
    assert numbers["packets in"] == sum(parts) > 0
    assert numbers["decoded"] == numbers["user_plane"] + numbers["gtpc"] + numbers["gtpu_control"]
    for table in (
        "flow",
        "session",
        "presence",
        "procedure",
        "ledger",
        *(grain.table for grain in shipped_catalogue().grains),
    ):
        assert numbers[table] == len(rows(out, table)), table
    assert "packets a second" in told.output
    assert "MiB of memory" in told.output
    assert f"wiregauge show {out} kpi_cell" in told.output


def test_ledger_adds_up(done: tuple[Path, Result]) -> None:
    stages: dict[str, int] = {}
    for row in rows(done[0], "ledger"):
        stages[str(row["stage"])] = stages.get(str(row["stage"]), 0) + int(str(row["packets"] or 0))
    assert stages["in"] == sum(stages.get(name, 0) for name in ("decoded", "rejected", "dropped", "duplicate")) > 0


def test_the_same_input_replaces_its_rows(done: tuple[Path, Result], capture: Path, tmp_path: Path) -> None:
    """Whatever the file is called, wherever it lies, and whatever the window."""
    out = tmp_path / "out"
    assert wiregauge("run", capture, "--out", out, "--window", "10s", "--by", "cell", *NOBODY).exit_code == 0
    moved = tmp_path / "elsewhere" / "other.pcap"
    moved.parent.mkdir()
    shutil.copy(capture, moved)
    words = ("--out", out, "--window", "1m", "--identities", "clear", "--by", "cell")
    assert wiregauge("run", moved, *words).exit_code == 0
    for table in ("flow", "session", "presence", "procedure"):
        assert known(rows(out, table)) == known(rows(done[0], table))


def test_files_in_any_order_are_one_run(tmp_path: Path) -> None:
    from tools.scenario import CaptureOptions

    generate(PRESETS[PRESET], tmp_path / "in", CaptureOptions(split=2))
    first, second = sorted((tmp_path / "in").glob("*.pcap"))
    assert wiregauge("run", first, second, "--out", tmp_path / "out", *NOBODY).exit_code == 0
    before = sorted((tmp_path / "out").rglob("*.parquet"))
    assert wiregauge("run", second, first, "--out", tmp_path / "out", *NOBODY).exit_code == 0
    assert sorted((tmp_path / "out").rglob("*.parquet")) == before


def test_pipes_with_other_packets_are_other_runs(capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = capture.read_bytes()
    generate(PRESETS["plain"], tmp_path / "plain")
    other = (tmp_path / "plain" / "capture.pcap").read_bytes()
    counts = []
    for octets in (data, data, other):
        told = subprocess.run(
            [sys.executable, "-m", "probe.cli", "run", "-", "--out", str(out), "--by", "cell", *NOBODY],
            input=octets, cwd=ROOT, capture_output=True, timeout=300, check=True,
        )  # fmt: skip
        assert told.stderr == b"", "silent where it is no terminal"
        counts.append(len(rows(out, "flow")))
    assert counts[0] == counts[1] < counts[2]


def test_damage_and_refusal_are_3_and_in_the_ledger(capture: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    whole = capture.read_bytes()
    (folder / "cut.pcap").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("these are no packets")
    told = wiregauge("run", folder, "--out", out, "--window", "1m", *NOBODY)
    assert told.exit_code == 3
    assert re.search(r"cut\.pcap: damaged at octet [\d,]+: cut in the middle", told.output)
    assert "notes.txt: not read: text or the like" in told.output
    found = {str(row["source"]).rsplit("/", 1)[1]: str(row["reason"]) for row in rows(out, "ledger")
             if row["stage"] == "rejected"}  # fmt: skip
    assert re.match(r"damaged at octet \d+: cut in the middle", found["cut.pcap"])
    assert found["notes.txt"].startswith("refused: text or the like")


def test_nothing_but_refused_files_is_3(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are no packets")
    told = wiregauge("run", text, "--out", tmp_path / "out", *NOBODY)
    assert told.exit_code == 3
    assert [row["source"] for row in rows(tmp_path / "out", "ledger")] == [str(text)]


def test_full_tables_are_told(capture: Path, tmp_path: Path) -> None:
    told = wiregauge("run", capture, "--out", tmp_path, "--max-sessions", 256, "--max-flows", 1024, *NOBODY)
    assert told.exit_code == 0
    from probe.run import Limits, RunOptions, run

    outcome = run([str(capture)], tmp_path, RunOptions(limits=Limits(flows=16, sessions=4), identities="none"))
    lines = "\n".join(summary_lines(outcome.summary))
    assert "no room for rows" in lines
    assert "raise --max-flows" in lines


# --- options from a file ----------------------------------------------------------------------------------------


def test_config_gives_options_and_the_command_line_wins(capture: Path, tmp_path: Path) -> None:
    config = tmp_path / "wiregauge.toml"
    config.write_text(
        f'out = "{tmp_path / "out"}"\nwindow = "1h"\nby = ["cell", "apn"]\nidentities = "none"\nworkers = 1\n'
        'catalogue = "alerts"\n'
    )
    told = wiregauge("run", capture, "--config", config, "--window", "1m")
    assert told.exit_code == 0, told.output
    assert "of 1m" in told.output
    assert "alerts: " in told.output
    assert sorted(path.name for path in (tmp_path / "out").glob("kpi_*")) == ["kpi_apn", "kpi_cell"]
    assert all(row["subscriber"] is None for row in rows(tmp_path / "out", "flow"))


@pytest.mark.parametrize(
    "text, said",
    [
        ("windw = '1m'", "no option windw; there are alert-webhook, alerts, by,"),
        ("catalogue = ['alerts', 'none.toml']", "'none.toml' does not exist"),
        ("window = '5x'", "'5x' is not a length of time"),
        ("window = ", "not a readable TOML file"),
        ("workers = true", "workers is True: write a text, a number or a list"),
        ("[run]\nwindow = '1m'", "no option run"),
    ],
)
def test_a_wrong_config_is_named(text: str, said: str, capture: Path, tmp_path: Path) -> None:
    config = tmp_path / "wiregauge.toml"
    config.write_text(text)
    told = wiregauge("run", capture, "--out", tmp_path / "out", "--config", config)
    assert told.exit_code == 2
    assert said in told.output


# --- a terminal -------------------------------------------------------------------------------------------------


def test_progress_on_a_terminal(capture: Path, tmp_path: Path) -> None:
    """stderr is a terminal here, stdout is not: progress goes to the one, the summary to the other."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "probe.cli", "run", str(capture), "--out", str(tmp_path), *NOBODY],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True, env=os.environ | {"TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 1 << 16):
            seen += part
    except OSError:
        pass  # how Linux tells that nobody holds the other side any more
    finally:
        os.close(ours)
    assert process.stdout is not None
    told = process.stdout.read()
    assert process.wait() == 0
    assert b"reading" in seen or b"KPIs" in seen or b"compiling" in seen
    assert "packets in" in told
    assert "\x1b" not in told
