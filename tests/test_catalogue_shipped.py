"""The shipped catalogue: what it declares, as a golden; loaded from TOML quickly; each counter as DuckDB counts it."""

import subprocess
import sys
import time
from pathlib import Path

from formats.kpi import Catalogue
from formats.schema import kpi_schema
from probe.catalogue import SHIPPED, check_catalogue, load_catalogue, shipped_catalogue
from probe.describe import counted, formula

GOLDEN = Path(__file__).parent / "goldens" / "catalogue.txt"


def told(catalogue: Catalogue) -> str:
    """A catalogue as lines of text."""
    lines = [f"counter {c.name} [{c.unit}] {counted(c)}: {c.meaning}" for c in catalogue.counters]
    lines += [
        f"kpi {k.id} [{k.unit}] {formula(k)}; {k.clause}; {k.direction}: {k.meaning}; cannot see: {k.cannot_see}"
        for k in catalogue.kpis
    ]
    for grain in catalogue.grains:
        fields = [(f.name, f.type, f.metadata[b"meaning"].decode()) for f in kpi_schema(grain, catalogue)]
        keys = [f"{name} {kind}: {meaning}" for name, kind, meaning in fields[: 2 + len(grain.keys + grain.carried)]]
        lines += [f"{grain.table}: {grain.row}", *(f"    {key}" for key in keys)]
        names = [name for name, _, _ in fields[len(keys) :]]
        lines.append(f"    {' '.join(names)}")
    return "\n".join(lines) + "\n"


def test_what_is_shipped_is_what_it_was(update_goldens: bool) -> None:
    text = told(shipped_catalogue())
    if update_goldens:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_shipped_catalogue_is_right() -> None:
    assert check_catalogue(shipped_catalogue()) == []
    assert load_catalogue() is shipped_catalogue()


def test_loading_is_quick_and_needs_no_compiler() -> None:
    shipped_catalogue()  # files and modules are read
    begun = time.perf_counter()
    shipped_catalogue.__wrapped__()
    assert time.perf_counter() - begun < 0.5  # 0.02 s on a machine that does nothing else
    script = (
        "import sys; from probe.catalogue import shipped_catalogue; shipped_catalogue(); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_each_file_is_written_as_users_write_theirs() -> None:
    assert all(path.suffix == ".toml" and path.is_file() for path in SHIPPED)
