"""The same tables from a Dask cluster of several processes as from one, also when a worker is killed in the middle."""

import os
import signal
import sys
import threading

import pytest
from click.testing import CliRunner

from probe import cluster
from probe.catalogue import load_catalogue, shipped_catalogue
from probe.errors import UsageError, WiregaugeError
from probe.kpi import compute, kpi_command
from probe.kpi_rows import Held
from tests.kpi_tools import make, read, write
from tools.cluster import local_cluster

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(
    bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="several processes: compiled is enough"
)
WORKERS = 3


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with local_cluster(WORKERS, tmp_path_factory.mktemp("cluster")) as where:
        yield where


def tables(folder, catalogue=None):
    return {g.table: read(folder, g.table, caveats=True) for g in (catalogue or shipped_catalogue()).grains}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    write(folder / "xdr", make(150, seed=5), rows_per_part=11)
    compute([folder / "xdr"], folder / "here", 900)
    return folder


def test_the_same_tables(rows, tmp_path, address):
    with cluster.Cluster(address) as engine:
        assert engine.workers == WORKERS
        summary = compute([rows / "xdr"], tmp_path / "kpi", 900, engine=engine)
    assert tables(tmp_path / "kpi") == tables(rows / "here")
    assert summary.rows_in["flow"] == 150
    assert summary.rows_out == {g.table: len(found) for g, found in zip(
        shipped_catalogue().grains, tables(rows / "here").values(), strict=True)}  # fmt: skip


@pytest.mark.slow
def test_windows_in_waves(rows, tmp_path, address, monkeypatch):
    monkeypatch.setattr("probe.cluster.ROWS_A_WAVE", 1)
    with cluster.Cluster(address) as engine:
        compute([rows / "xdr"], tmp_path / "kpi", 900, engine=engine, held=Held(30))
    assert tables(tmp_path / "kpi") == tables(rows / "here")


@pytest.mark.slow
def test_a_second_computation_replaces_the_first_and_that_of_one_machine(rows, tmp_path, address):
    compute([rows / "xdr"], tmp_path / "kpi", 900)
    for _ in range(2):
        with cluster.Cluster(address) as engine:
            compute([rows / "xdr"], tmp_path / "kpi", 900, engine=engine)
        assert tables(tmp_path / "kpi") == tables(rows / "here")


def test_kpis_that_look_back(rows, tmp_path, address):
    told = tmp_path / "more.toml"
    told.write_text(
        '[[kpi]]\nid = "sessions_change"\nunit = ""\nmeaning = "change"\ndirection = "neutral"\n'
        'formula = "session_setup_attempts - previous(session_setup_attempts)"\n'
    )
    catalogue = load_catalogue(told)
    compute([rows / "xdr"], tmp_path / "here", 900, ["cell", "apn"], catalogue)
    with cluster.Cluster(address) as engine:
        compute([rows / "xdr"], tmp_path / "there", 900, ["cell", "apn"], catalogue, engine=engine)
    found = [read(tmp_path / name, "kpi_cell", catalogue) for name in ("here", "there")]
    assert found[0] == found[1]
    assert any(row["sessions_change"] is not None for row in found[0].values())


def test_a_worker_killed_in_the_middle(rows, tmp_path, address):
    """The last of these tests: it leaves the cluster a worker short."""
    with distributed.Client(address, set_as_default=False) as client:
        processes = list(client.run(os.getpid).values())
    killed = threading.Event()

    def kill(done, total):
        if not killed.is_set():
            os.kill(processes[0], signal.SIGKILL)
            killed.set()

    with cluster.Cluster(address) as engine:
        engine_wave = cluster.ROWS_A_WAVE
        cluster.ROWS_A_WAVE = 1  # so that it is the middle
        try:
            compute([rows / "xdr"], tmp_path / "kpi", 900, progress=kill, engine=engine)
        finally:
            cluster.ROWS_A_WAVE = engine_wave
    assert killed.is_set()
    assert tables(tmp_path / "kpi") == tables(rows / "here")
    with distributed.Client(address, set_as_default=False) as client:
        assert processes[0] not in client.run(os.getpid).values()


@pytest.mark.parametrize(
    "wrong, words",
    [("tcp://127.0.0.1:1", "No Dask scheduler answers"), ("nowhere", "No Dask"), ("bogus://x", "tcp or tls")],
)
def test_no_scheduler(rows, tmp_path, monkeypatch, wrong, words):
    monkeypatch.setattr("probe.cluster.CONNECT_S", 1)
    with pytest.raises(WiregaugeError, match=words):
        cluster.Cluster(wrong)


def test_without_dask(rows, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"wiregauge\[cluster\]"):
        cluster.Cluster("tcp://127.0.0.1:1")


def test_command(rows, tmp_path, address):
    out = tmp_path / "kpi"
    told = ["kpi", str(rows / "xdr"), "--out", str(out), "--by", "cell", "--scheduler", address]
    result = CliRunner().invoke(kpi_command, told[1:])
    assert result.exit_code == 0, result.output
    assert "kpi_cell" in result.output
    assert read(out, "kpi_cell") == read(rows / "here", "kpi_cell")
