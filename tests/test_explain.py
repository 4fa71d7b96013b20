"""The rows behind a value: as many as the counter says, whatever the grain, and they are those."""

import pyarrow.dataset as ds
import pytest

from probe.catalogue import load_catalogue
from probe.kpi import compute
from probe.kpi_evidence import rows_behind
from tests.kpi_tools import make, write

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")  # hashing, where the kernels run as Python
SEGMENT = """
[[segment]]
name = "kinds"
on = "apn"
columns = ["branch"]
rows = { internet = "data", ims = "voice" }

[[grain]]
name = "branch"
keys = ["branch", "qos_class"]
"""


@pytest.mark.parametrize("grain", ["cell", "branch", "cause"])
def test_rows_behind_are_as_many_as_are_counted(tmp_path, grain):
    (tmp_path / "c.toml").write_text(SEGMENT)
    catalogue = load_catalogue(tmp_path / "c.toml")
    write(tmp_path / "xdr", make(120, seed=4), rows_per_part=50)
    compute([tmp_path / "xdr"], tmp_path / "kpi", 900, [grain], catalogue)
    declared = next(g for g in catalogue.grains if g.name == grain)
    counters = [c for c in catalogue.counters_of(declared) if c.kind == "count"]
    rows = ds.dataset(tmp_path / "kpi" / declared.table).to_table().to_pylist()
    for number, row in enumerate(rows[:4]):
        row["window_start"] = int(row["window_start"].timestamp()) * 10**9
        for counter in counters[number % 6 :: 6]:
            behind = list(rows_behind([tmp_path / "xdr"], catalogue, declared, row, counter, 2))
            assert sum(each.rows for each in behind) == (row[counter.name] or 0), (counter.name, row)
            for each in behind:
                assert each.some.num_rows == min(each.rows, 2)
                times = each.some.column(counter.time).cast("int64").to_pylist()
                assert all(row["window_start"] <= time < row["window_start"] + 900 * 10**9 for time in times)
