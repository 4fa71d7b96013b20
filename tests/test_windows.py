"""Several windows at once: each as if it had been computed alone."""

import pyarrow.dataset as ds
import pytest

from probe.catalogue import load_catalogue
from probe.kpi import compute
from probe.kpi_rows import Held
from tests.kpi_tools import make, write
from tests.xdr_rows import START, WINDOW

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python


@pytest.mark.parametrize("rows", [60, 10_000])
def test_several_windows_at_once_are_each_one_alone(tmp_path, rows):
    write(tmp_path / "xdr", make(40, seed=7), rows_per_part=10)
    file = tmp_path / "c.toml"
    file.write_text('[[kpi]]\nid = "growth"\nformula = "flows - previous(flows)"\n')
    catalogue, grains = load_catalogue(file), ["cell", "cause"]
    windows = (300, 900, 3600, 86_400)
    for window in windows:
        compute([tmp_path / "xdr"], tmp_path / "apart", window, grains, catalogue)
    held = Held(min(rows, 20), rows)
    first = START - START % WINDOW
    summary = compute([tmp_path / "xdr"], tmp_path / "once", windows, grains, catalogue, held=held)
    assert rows < 10_000 or summary.rows_in["flow"] == 40
    for again in (None, (first, first + 300)) if rows == 10_000 else (None,):  # and again
        if again:
            compute([tmp_path / "xdr"], tmp_path / "once", windows, grains, catalogue, between=again, held=held)
        one, two = ({str(p.relative_to(tmp_path / name)) for p in (tmp_path / name).glob("**/*.parquet")}
                    for name in ("apart", "once"))  # fmt: skip
        assert len({p.split("part-")[1].split("-")[0] for p in one}) == len(windows)
        if rows == 10_000:
            assert one == two
            assert all((tmp_path / "apart" / p).read_bytes() == (tmp_path / "once" / p).read_bytes() for p in one)
        told = [
            sorted(map(str, ds.dataset(tmp_path / name / "kpi_cell").to_table().to_pylist()))
            for name in ("apart", "once")
        ]
        assert told[0] == told[1]
    with pytest.raises(ValueError, match="1h is no multiple of 7m"):
        compute([tmp_path / "xdr"], tmp_path / "no", (420, 3600), grains, catalogue)
