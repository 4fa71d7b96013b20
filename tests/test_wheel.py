"""The wheel installs and runs outside the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / "README.md").exists():
        pytest.skip("README.md is not written yet")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (made,) = folder.glob("wiregauge-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; what wiregauge runs on is borrowed from this one, to need no network."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = folder / "env"
    run(sys.executable, "-m", "venv", environment, cwd=folder)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=folder)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A .pth line only adds a search path: the .pth of an editable install in there is not followed.
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return environment


def test_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "probe", "kernels", "formats", "tools", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info",
    }  # fmt: skip
    assert {f"{package}/py.typed" for package in ("probe", "kernels", "formats", "tools")} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_installed_wheel_runs_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    if not (ROOT / "probe" / "cli.py").exists():
        pytest.skip("probe/cli.py is not written yet")
    python, command = installed / "bin" / "python", installed / "bin" / "wiregauge"
    where = run(python, "-c", "import probe, kernels; print(probe.__file__, kernels.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where, f"not the wheel: {where}"
    assert "run" in run(command, "--help", cwd=tmp_path)
    capture = tmp_path / "tiny.pcap"
    size = ("--packets", "2000", "--flows", "150", "--subscribers", "25")
    run(sys.executable, "-m", "benchmarks.traffic", capture, *size, cwd=ROOT)
    run(command, "run", capture, "--out", tmp_path / "kpis", cwd=tmp_path, WIREGAUGE_CACHE=str(tmp_path / "cache"))
    assert list((tmp_path / "kpis" / "kpi_cell").rglob("*.parquet"))
    assert list((tmp_path / "kpis" / "ledger").rglob("*.parquet"))
