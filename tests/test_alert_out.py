"""Where alerts go: each change once, whatever fails in between."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from probe import alert_out
from probe.alert_event import Event, alert_id
from probe.alert_out import AlertOptions, Outputs
from probe.errors import OutputError
from probe.run import run_command

SECOND = 10**9


def event(number: int, state: str = "opened") -> Event:
    time_ns = 1_700_000_000 * SECOND + number
    return Event(time_ns, alert_id("r", 0, "cell=x; apn=a=b", time_ns), "r", "major", state, time_ns, "session",
                 "cell=x; apn=a=b", None, "x", 3.0, 3.0, None, None, "evidence", "words")  # fmt: skip


class Hook(ThreadingHTTPServer):
    """Takes POSTs; `answers` says how the next ones are answered, 200 when there are none left."""

    def __init__(self, answers: list[int], delay_s: float = 0) -> None:
        outer = self
        self.answers, self.delay_s = answers, delay_s
        self.bodies: list[dict[str, object]] = []
        self.keys: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(outer.delay_s)
                code = outer.answers.pop(0) if outer.answers else 200
                if code == 0:  # hangs up
                    self.connection.close()
                    return
                if code == 200:
                    outer.bodies.append(json.loads(body))
                    outer.keys.append(self.headers["Idempotency-Key"])
                self.send_response(code)
                if code in (301, 302):
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/alerts"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TIMEOUT_S", 0.5), ("PAUSE_S", 0.01), ("LONGEST_PAUSE_S", 0.05), ("DRAIN_S", 2.0)):
        monkeypatch.setattr(alert_out, name, value)


@pytest.fixture
def hook(quick: None) -> Iterator[Hook]:
    made = Hook([])
    yield made
    made.shutdown()
    made.server_close()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_say_what_happened_and_only_once(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    for _ in range(3):  # three starts
        outputs = Outputs(tmp_path / "out", AlertOptions(str(file)))
        outputs.tell([(1, event(1)), (1, event(2))])
        outputs.tell([(1, event(2)), (1, event(2, "closed"))])
        outputs.close()
    told = lines(file)
    assert [(line["state"], line["time"]) for line in told] == [
        ("opened", "2023-11-14T22:13:20.000000001Z"), ("opened", "2023-11-14T22:13:20.000000002Z"),
        ("closed", "2023-11-14T22:13:20.000000002Z"),
    ]  # fmt: skip
    assert told[0]["key"] == {"cell": "x", "apn": "a=b"}
    assert told[0]["event_id"] == f"{event(1).identity & (2**64 - 1):016x}"
    assert {"rule", "severity", "value", "threshold", "evidence", "description"} <= set(told[0])


def test_what_was_withdrawn_can_be_told_again(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    for changes in ([(1, event(1))], [(-1, event(1)), (-1, event(5))], [(-1, event(1))], [(1, event(1))] * 2):
        outputs = Outputs(tmp_path, AlertOptions(str(file)))
        outputs.tell(changes)
        outputs.close()
    assert [(line["state"], line.get("withdraws")) for line in lines(file)] == [
        ("opened", None), ("withdrawn", "opened"), ("opened", None),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 7, 8, 40])
def test_a_kill_between_line_and_note_sends_nothing_twice(cut: int, tmp_path: Path) -> None:
    """The notes lose their end, the last line is cut in half: what is whole in the file counts."""
    file = tmp_path / "alerts.jsonl"
    outputs = Outputs(tmp_path, AlertOptions(str(file)))
    outputs.tell([(1, event(n)) for n in range(4)])
    outputs.close()
    (notes,) = (tmp_path / ".alerts").glob("sent-*")
    notes.write_bytes(notes.read_bytes()[:-cut])
    half = len(file.read_bytes()) - 10
    with open(file, "r+b") as opened:
        opened.truncate(half)
    outputs = Outputs(tmp_path, AlertOptions(str(file)))
    outputs.tell([(1, event(n)) for n in range(4)])
    outputs.close()
    told = [line["time"] for line in lines(file)]
    assert sorted(set(told)) == sorted(told)
    assert len(told) >= 3
    if cut >= 8:  # the last one was not noted, and not whole in the file
        assert len(told) == 4


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Name another file"):
        Outputs(tmp_path, AlertOptions(str(tmp_path / "no" / "folder" / "alerts.jsonl")))


def test_a_url_gets_each_change_in_order_whatever_it_answers(hook: Hook, tmp_path: Path) -> None:
    hook.answers += [503, 200, 0, 429, 500, 200]
    outputs = Outputs(tmp_path, AlertOptions(webhook=hook.url))
    outputs.tell([(1, event(n)) for n in range(5)])
    outputs.close()
    assert [body["time"] for body in hook.bodies] == [f"2023-11-14T22:13:20.{n:09d}Z" for n in range(5)]
    assert outputs.counts()["sent"] == 5
    assert outputs.counts()["failed_attempts"] == 4
    again = Outputs(tmp_path, AlertOptions(webhook=hook.url))
    again.tell([(1, event(n)) for n in range(5)])
    again.tell([(-1, event(0))])
    again.close()
    assert len(hook.bodies) == 6
    assert hook.bodies[-1]["state"] == "withdrawn"
    assert hook.keys[-1] == f"{hook.keys[0]}-withdrawn"


@pytest.mark.parametrize("code", [400, 404, 301, 302])
def test_what_is_refused_is_not_tried_again(code: int, hook: Hook, tmp_path: Path) -> None:
    hook.answers += [code]
    outputs = Outputs(tmp_path, AlertOptions(webhook=hook.url))
    outputs.tell([(1, event(1)), (1, event(2))])
    outputs.close()
    assert [body["time"] for body in hook.bodies] == ["2023-11-14T22:13:20.000000002Z"]
    assert outputs.counts()["refused"] == 1
    assert not outputs.counts().get("left")


def test_a_url_that_sleeps_holds_nothing_up_and_gets_it_at_the_next_start(hook: Hook, tmp_path: Path) -> None:
    hook.delay_s = 30
    outputs = Outputs(tmp_path, AlertOptions(webhook=hook.url))
    begun = time.perf_counter()
    outputs.tell([(1, event(n)) for n in range(100)])
    assert time.perf_counter() - begun < 0.3
    outputs.close()
    assert outputs.counts()["left"] == 100
    assert not hook.bodies
    hook.delay_s = 0
    again = Outputs(tmp_path, AlertOptions(webhook=hook.url))
    again.tell([(1, event(n)) for n in range(101)])  # one more, and those that wait already
    again.close()
    assert [body["time"] for body in hook.bodies] == [f"2023-11-14T22:13:20.{n:09d}Z" for n in range(101)]
    assert not list((tmp_path / ".alerts").glob("unsent-*"))


def test_what_a_killed_process_had_not_sent_is_sent(hook: Hook, tmp_path: Path) -> None:
    hook.delay_s = 0.3
    outputs = Outputs(tmp_path, AlertOptions(webhook=hook.url))  # never closed
    outputs.tell([(1, event(n)) for n in range(6)])
    time.sleep(0.4)
    folder = tmp_path / "again" / ".alerts"
    folder.mkdir(parents=True)
    for path in (tmp_path / ".alerts").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    sent = len(hook.bodies)
    assert 1 <= sent < 6
    hook.delay_s = 0
    again = Outputs(tmp_path / "again", AlertOptions(webhook=hook.url))
    again.tell([(1, event(n)) for n in range(6)])
    again.close()
    outputs.close()
    assert again.counts()["sent"] == 6 - sent


def test_more_than_can_wait_is_lost_and_counted(hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_out, "WAITING", 10)
    hook.delay_s = 0.1
    outputs = Outputs(tmp_path, AlertOptions(webhook=hook.url))
    outputs.tell([(1, event(n)) for n in range(50)])
    outputs.close()
    counts = outputs.counts()
    assert counts["sent"] + counts["lost"] + counts.get("left", 0) == 50
    assert counts["lost"] >= 39


def test_nobody_listens(quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = Outputs(tmp_path, AlertOptions(webhook="http://127.0.0.1:9/alerts"))
    outputs.tell([(1, event(1))])
    outputs.close()
    said = capsys.readouterr().err
    assert "an alert was not taken" in said
    assert "the next start tries again" in said
    assert said.count("\n") == 2


@pytest.mark.parametrize("url", ["ftp://x/", "file:///etc/passwd", "http://", "x", "http://[::1", "http://a:99999/"])
def test_a_url_that_is_none(url: str, tmp_path: Path) -> None:
    made = CliRunner().invoke(run_command, ["x.pcap", "--out", str(tmp_path), "--alert-webhook", url])
    assert made.exit_code == 2
    assert "is no URL" in made.output


def test_notes_do_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_out, "REMEMBERED", 100)
    path = tmp_path / "sent"
    rng = np.random.default_rng(1)
    words = rng.integers(-(2**62), 2**62, 1000)
    words[900:950] = words[850:900]  # withdrawn
    path.write_bytes(words.tobytes())
    sent = alert_out._Sent(path)
    sent.close()
    assert path.stat().st_size == 8 * 50
    assert sent.known == set(words[950:].tolist())
