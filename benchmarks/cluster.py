"""The KPI stage on a local Dask cluster of one, two, ... workers, beside this process; the tables are compared."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from probe.cluster import Cluster
from probe.kpi import compute
from tools.cluster import local_cluster

__all__ = ["figures"]

GRAINS = ("cell", "apn", "device")
WINDOW_S = 900


def _table(folder: Path, grain: str) -> pa.Table:
    found = ds.dataset(folder / f"kpi_{grain}").to_table()
    keys = [name for name in ("window_start", "cell", "apn", "device_tac") if name in found.column_names]
    plain = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in found.columns]
    found = pa.table(dict(zip(found.column_names, plain, strict=True)))
    return found.drop_columns(["caveats"]).sort_by([(key, "ascending") for key in keys])


def figures(rows: Path, workers: tuple[int, ...]) -> Iterator[tuple[str, float]]:
    """(who, seconds) of each; AssertionError where a table of a cluster differs from that of one process."""
    with tempfile.TemporaryDirectory(dir=rows.parent) as place:
        here = Path(place) / "here"
        began = time.perf_counter()
        compute([rows], here, WINDOW_S, GRAINS)
        yield "one process, 2 threads", time.perf_counter() - began
        tables = {grain: _table(here, grain) for grain in GRAINS}
        for number in workers:
            out, spill = Path(place) / f"cluster-{number}", Path(place) / f"workers-{number}"
            spill.mkdir()
            with local_cluster(number, spill) as address, Cluster(address) as engine:
                compute([rows], out, WINDOW_S, GRAINS, engine=engine)  # kernels are loaded
                began = time.perf_counter()
                compute([rows], out, WINDOW_S, GRAINS, engine=engine)
                yield f"{number} workers of one thread", time.perf_counter() - began
            for grain, table in tables.items():
                assert _table(out, grain).equals(table), f"{grain}: the tables of {number} workers differ"
