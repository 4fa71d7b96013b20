"""Made-up xDR rows on disk, and KPI tables as dicts: what the tests of the KPI stage share."""

import math

import pyarrow.dataset as ds

from formats import xdr
from formats.schema import kpi_schema
from probe.catalogue import shipped_catalogue
from probe.identity import Identities
from probe.tables import Names
from probe.writer import TableWriter
from tests import xdr_rows

NAMES = Names(xdr_rows.APNS, Identities("clear"))
FACTS = (xdr.FLOW, xdr.SESSION, xdr.PRESENCE, xdr.PROCEDURE, xdr.CALL, xdr.EVENT)


def write(directory, rows, run="r", rows_per_part=100_000):
    for name, some in rows.items():
        table = next(t for t in xdr.TABLES if t.name == name)
        writer = TableWriter(directory, table, run, NAMES, rows_per_part)
        writer.write(some)
        writer.close()


def make(n=150, seed=0):
    return {t.name: xdr_rows.rows(t, n, seed) for t in FACTS}


def read(directory, table, catalogue=None, caveats=False):
    """Rows of a KPI table by (window start, keys)."""
    if not (directory / table).is_dir():
        return {}
    catalogue = catalogue or shipped_catalogue()
    grain = next(g for g in catalogue.grains if g.table == table)
    schema = kpi_schema(grain, catalogue)
    found = ds.dataset(directory / table, schema=schema).to_table()
    starts = found.column("window_start").cast("int64").to_pylist()
    rows = found.drop_columns(
        ["window_start", "window_s", "complete_pct", *([] if caveats else ["caveats"])]
    ).to_pylist()
    keys = [k.name for k in grain.keys]
    out = {(start, *(row.pop(k) for k in keys)): row for start, row in zip(starts, rows, strict=True)}
    assert len(out) == len(rows), "a key occurs twice"
    return out


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key].keys() == row.keys()
        for column, value in row.items():
            mine = found[key][column]
            if isinstance(value, float) and mine is not None:
                assert math.isclose(mine, value, rel_tol=1e-9), (key, column, mine, value)
            else:
                assert mine == value, (key, column, mine, value)
