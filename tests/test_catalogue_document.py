"""The page on catalogues: its examples are one catalogue that is computed, its filters and mistakes what it says."""

import re
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from formats.expression import FUNCTIONS, parse, where
from probe.catalogue import load_catalogue
from probe.errors import WiregaugeError
from probe.identity import Identities
from probe.kpi import compute
from probe.segment import known_by
from tests.kpi_tools import make, write

PAGE = Path(__file__).resolve().parent.parent / "formats" / "CATALOGUE.md"
TEXT = PAGE.read_text(encoding="utf-8")
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python


def blocks() -> list[tuple[str, str]]:
    """(what stands behind the fence, content) of each block."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def catalogue(tmp_path):
    for fence, content in blocks():
        if fence.startswith("csv "):
            (tmp_path / fence.split()[1]).write_text(content)
    (tmp_path / "mine.toml").write_text("\n".join(content for fence, content in blocks() if fence == "toml"))
    return load_catalogue(tmp_path / "mine.toml")


def rows_of(heading: str) -> list[list[str]]:
    """The cells in quotes of the first column of a table under a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [re.findall(r"`([^`]+)`", line.split(" | ")[0]) for line in lines]


def test_the_examples_are_computed(tmp_path, catalogue):
    write(tmp_path / "xdr", make(200, seed=9))
    known = known_by(catalogue, Identities("clear"))
    compute([tmp_path / "xdr"], tmp_path / "out", (900, 3600), ["cell_service", "region", "cell"], known)
    region = ds.dataset(tmp_path / "out" / "kpi_region").to_table().to_pylist()
    assert {row["region"] for row in region} == {"north", "south", None}
    assert {row["in_premium"] for row in region} == {"yes", "no", None}
    assert {row["window_s"] for row in region} == {900, 3600}
    assert any(row["session_setup_success_pct_target_met"] is not None for row in region)
    assert any(row["web_wait_p95_ms"] is not None for row in region)
    services = ds.dataset(tmp_path / "out" / "kpi_cell_service").to_table()
    assert "slow_dns_pct" in services.column_names
    assert services.num_rows


def test_the_filters_are_filters():
    rows = rows_of("Filters")
    assert len(rows) >= 8
    for cells in rows:
        for text in cells:
            assert where(text)


def test_every_function_is_told(catalogue):
    told = {name for cells in rows_of("KPIs") for text in cells for name in re.findall(r"(\w+)\(", text)}
    assert told == set(FUNCTIONS)
    for cells in rows_of("KPIs"):
        for text in cells:
            parse(text.replace(", ...", "").replace("NAME", "flows"))


def test_the_mistakes_are_told_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = re.findall(r"^\| `((?:where|take) = .*?)` \| `(mine.*?)` \|$", TEXT, re.MULTILINE)
    assert len(rows) == 5
    for line, told in rows:
        Path("mine.toml").write_text(f'[[counter]]\nname = "slow_dns"\nfrom = "flow"\n{line}\n')
        with pytest.raises(WiregaugeError) as caught:
            load_catalogue(Path("mine.toml"))
        assert str(caught.value) == told
