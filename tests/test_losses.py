"""What is lost is told: the order in which rows are shed, the ledger's rows for it, and KPIs marked as partial."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from formats import xdr
from probe.identity import CLEAR, Identities
from probe.kpi import compute
from probe.live_sink import LiveSink
from probe.losses import Losses, losses
from probe.sink import LedgerEntry
from probe.tables import plain_table
from probe.writer import TableWriter
from tests.xdr_rows import APNS, SECOND, START, WINDOW, rows

ROOM = 100


def write_ledger(out: Path, told: Sequence[tuple[int, str, str, int | None]], run: str = "run") -> None:
    """Ledger rows (window, stage, reason, packets), each window a part."""
    writer = TableWriter(out, xdr.LEDGER, run)
    for window in {each[0] for each in told}:
        entries = [LedgerEntry(*each[:1], "b0", *each[1:], None, None) for each in told if each[0] == window]
        writer.write_table(plain_table(xdr.LEDGER, entries), window)


def table(out: Path, name: str, *columns: str) -> list[tuple[object, ...]]:
    found = ds.dataset(out / name, format="parquet").to_table(columns=list(columns)).to_pylist()
    return [tuple(row.values()) for row in found]


def rows_in(out: Path, name: str) -> int:
    return int(ds.dataset(out / name, format="parquet").count_rows())


# --- the order of shedding ----------------------------------------------------------------------------------------


class Held:
    """A sink whose writer stands still until `go`."""

    def __init__(self, out: Path) -> None:
        self.sink = LiveSink(out, "run", Identities(CLEAR), WINDOW, ROOM)
        self.go = threading.Event()
        self.sink._queue.put(self.go.wait)  # type: ignore[arg-type]

    def put(self, name: str, count: int) -> None:
        declared = next(t for t in xdr.KERNEL_TABLES if t.name == name)
        self.sink.put(name, rows(declared, count, windows=1), APNS)


def test_connections_go_first_then_all_else_the_ledger_never(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.put("flow", ROOM)
    held.put("flow", 1)
    assert held.sink.lost() == {"shed_flow": 1}
    for name, count in (("session", 40), ("procedure", 40), ("presence", 20)):
        held.put(name, count)
    assert held.sink.lost() == {"shed_flow": 1}, "there is room for twice as much of what is not connections"
    held.put("session", 1)
    held.put("flow", 30)
    assert held.sink.lost() == {"shed_flow": 31, "shed_session": 1}
    ledger = [LedgerEntry(START, "b0", "in", "captured", 7, 700, None)] * 3 * ROOM
    held.sink.close_windows(1 << 62, ledger, [], lambda windows: None)
    held.go.set()
    held.sink.close()
    assert held.sink.rows_written() | {"call": 0, "event": 0} == held.sink.rows_written()
    written = {name: rows_in(tmp_path, name) for name in ("flow", "session", "procedure", "presence")}
    assert written == {"flow": ROOM, "session": 40, "procedure": 40, "presence": 20}
    found = Counter(table(tmp_path, "ledger", "stage", "reason", "packets", "records"))
    assert found["in", "captured", 7, None] == 3 * ROOM
    shed = [rows(xdr.FLOW, count, windows=1) for count in (1, 30)]
    packets = sum(int(each[f"packets_{way}"].clip(0).sum()) for each in shed for way in ("up", "down"))
    assert found["lost", "flow_shed", packets, 31] == 1
    assert found["lost", "session_shed", None, 1] == 1


def test_rows_that_the_disk_does_not_take_are_told_too(tmp_path: Path) -> None:
    """While nothing can be written the oldest rows go when more wait than there is room for."""
    sink = LiveSink(tmp_path, "run", Identities(CLEAR), WINDOW, ROOM)
    (tmp_path / "flow").write_text("a file where a folder is wanted")
    told: list[int] = []
    for _ in range(3):
        sink.put("flow", rows(xdr.FLOW, 60, windows=1), APNS)
        sink.close_windows(1 << 62, [], [], told.extend)
        sink._queue.put(lambda: None)
        while sink.waiting:
            time.sleep(0.01)
    (tmp_path / "flow").unlink()
    sink.close()
    lost = sink.lost()["disk"]
    assert lost == 180 - rows_in(tmp_path, "flow")
    assert lost == sum(count for _, _, count in table(tmp_path, "ledger", "stage", "reason", "records"))  # type: ignore[misc]
    assert {(stage, reason) for stage, reason in table(tmp_path, "ledger", "stage", "reason")} == {
        ("lost", "flow_disk")
    }


# --- what a window lacks ------------------------------------------------------------------------------------------


def test_losses_add_up(tmp_path: Path) -> None:
    """Over sources, runs and parts; the ledger's windows join into longer ones."""
    second = START + WINDOW
    write_ledger(tmp_path, [
        (START, "in", "captured", 900), (START, "in", "captured", 100), (START, "dropped", "kernel_ring", 100),
        (START, "decoded", "user_plane", 880), (START, "rejected", "not_ip", 20), (START, "joined", "user_plane", 800),
        (START, "unjoined", "user_plane", 80), (START, "lost", "flow_shed", 50), (START, "lost", "session_shed", None),
        (second, "in", "captured", 1000), (second, "decoded", "gtpc", 1000),
    ])  # fmt: skip
    write_ledger(tmp_path, [(second, "in", "captured", 500), (second, "dropped", "capture_loss", 500)], "late")
    first = Losses(1000, {"kernel_ring": 100}, {"flow_shed": 50}, 800, 80)
    found = losses([tmp_path], WINDOW)
    assert found == {START: first, second: Losses(1500, {"capture_loss": 500}, {}, 0, 0)}
    assert [each.complete_pct for each in found.values()] == [85.0, pytest.approx(100 * 1000 / 1500)]
    assert losses([tmp_path], WINDOW, (second, second + WINDOW)) == {second: found[second]}
    day = 86400 * SECOND
    (whole,) = losses([tmp_path], day).values()
    assert (whole.packets, whole.dropped) == (2500, {"capture_loss": 500, "kernel_ring": 100})
    assert losses([tmp_path / "nothing"], WINDOW) == {}
    assert Losses(0, {}, {}, 0, 0).complete_pct is None


def test_kpis_of_a_window_with_losses_are_marked(tmp_path: Path) -> None:
    writer_rows = {t: rows(t, 200) for t in (xdr.FLOW, xdr.SESSION, xdr.PRESENCE, xdr.PROCEDURE)}
    from probe.tables import Names

    for each, some in writer_rows.items():
        writer = TableWriter(tmp_path, each, "run", Names(APNS, Identities(CLEAR)))
        writer.write(some)
        writer.close()
    compute([tmp_path], tmp_path, 900, ["cell"])
    assert set(table(tmp_path, "kpi_cell", "complete_pct")) == {(None,)}, "no ledger: not known"
    write_ledger(tmp_path, [(START, "in", "captured", 400), (START, "dropped", "kernel_ring", 100),
                            (START + WINDOW, "in", "captured", 10)])  # fmt: skip
    compute([tmp_path], tmp_path, 900, ["cell", "subscriber"])
    for name in ("kpi_cell", "kpi_subscriber"):
        starts = ds.dataset(tmp_path / name, format="parquet").to_table(columns=["window_start"]).column(0)
        marks = [pct for (pct,) in table(tmp_path, name, "complete_pct")]
        assert set(zip(starts.cast("int64").to_pylist(), marks, strict=True)) >= {
            (START, 75.0),
            (START + WINDOW, 100.0),
        }
