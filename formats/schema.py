"""The Arrow side of the declarations: schemas of the xDR tables with unit and meaning on each column.

Derived from `formats.xdr`; every file of a table has exactly this schema, so that a folder reads as one table.
"""

import pyarrow as pa

from formats.kpi import Catalogue, Grain, fractional, judged_of
from formats.xdr import CAUSE_FAMILIES, Column, Table

__all__ = ["TEXT", "TIME", "arrow_type", "cause_family", "field", "kpi_schema", "schema"]

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Text of few distinct values."""

TIME = pa.timestamp("ns", tz="UTC")

_TYPES = {
    "time": TIME, "ms": pa.float64(), "kbps": pa.float64(), "pct": pa.float64(), "count": pa.int64(),
    "small": pa.int32(), "flag": pa.bool_(), "id": pa.int64(), "ip": pa.string(), "digits": pa.string(),
    "cell": TEXT, "slice": TEXT, "apn": TEXT, "enum": TEXT, "cause": TEXT, "derived": TEXT,
    "text": pa.string(), "number": pa.float64(),
}  # fmt: skip


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a declared column."""
    return _TYPES[column.kind]


def field(name: str, kind: pa.DataType, unit: str, meaning: str) -> pa.Field:
    """An Arrow field that carries `unit` and `meaning` in its metadata."""
    return pa.field(name, kind, metadata={"unit": unit, "meaning": meaning})


def schema(table: Table) -> pa.Schema:
    """The Arrow schema of an xDR table; its metadata says what a row is."""
    fields = [field(c.name, arrow_type(c), c.unit, c.meaning) for c in table.columns]
    return pa.schema(fields, metadata={"wiregauge.table": table.name, "wiregauge.row": table.row})


def cause_family(code: int) -> str:
    """The name of a `cause_family` of a kernel row; "" for none or an unknown one."""
    return CAUSE_FAMILIES[code] if 0 <= code < len(CAUSE_FAMILIES) else ""


CAVEAT_KINDS = ("withheld", "estimate", "interval")
"""withheld: fewer samples than the KPI asks for, so it is null; estimate: told by a sketch, bounds are its error;
interval: packets were missed, the true value lies between the bounds (null: not known)."""
CAVEATS = pa.list_(pa.struct([("name", TEXT), ("kind", TEXT), ("low", pa.float64()), ("high", pa.float64())]))
"""What to keep in mind of a row's KPIs (and counters of distinct things)."""


def kpi_schema(grain: Grain, catalogue: Catalogue) -> pa.Schema:
    """The Arrow schema of a KPI table: window, how complete it is, keys, carried columns, counters, KPIs."""
    fields = [
        field("window_start", TIME, "", "start of the window"),
        field("window_s", pa.int32(), "s", "length of the window"),
        field("complete_pct", pa.float64(), "%", "share of the window's packets that are counted, the others lost"),
    ]
    keys = (*grain.keys, *grain.carried)
    fields += [field(k.name, pa.int32() if k.number else TEXT, k.unit, k.meaning) for k in keys]
    for counter in catalogue.counters_of(grain):
        if counter.kind != "values":
            kind = pa.float64() if fractional(counter) else pa.int64()
            fields.append(field(counter.name, kind, counter.unit, counter.meaning))
    kpis = catalogue.kpis_of(grain)
    fields += [field(k.id, pa.float64(), k.unit, k.meaning) for k in kpis]
    judged = judged_of(kpis, grain)
    for kpi in judged:
        meaning = f"whether {kpi.id} meets its target ({'; '.join(map(str, kpi.targets))}); null: not measured"
        fields.append(field(kpi.judged, pa.bool_(), "", meaning))
    fields.append(
        field("caveats", CAVEATS, "", "KPIs that are withheld, estimated or within an interval; null for none")
    )
    return pa.schema(fields, metadata={"wiregauge.table": grain.table, "wiregauge.row": grain.row})
