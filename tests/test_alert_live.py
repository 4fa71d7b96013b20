"""Alerts of a live probe on a wire are those of `wiregauge run` over a recording of the same packets."""

import json
import os
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from tests.test_live import WHY_NOT, WINDOW, captures_of, packets_of, read_again, rows, wire  # noqa: F401
from tools.wire import Namespace, Probe, recording

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(bool(WHY_NOT) and not os.environ.get("CI"), reason=WHY_NOT or "namespaces are there"),
]

RULES = """
[[alert]]
id = "busy_responder"
table = "procedure"
where = "outcome == 'success'"
key = ["responder", "procedure"]
count = 5
within = "1s"
close = 2

[[alert]]
id = "sessions_end"
table = "session"
key = "apn"
time = "end_time"
count = 3
within = "2s"

[[alert]]
id = "traffic"
severity = "critical"
kpi = "bytes_total"
grain = "cell"
open = "value > 20000"
close = "value < 5000"

[[alert]]
id = "less_traffic"
kpi = "bytes_total"
grain = "apn"
open = "change < -20"
against = "previous"
"""


def net(path: Path) -> Counter[tuple[object, ...]]:
    """What lines of JSON tell, withdrawals taken away; each change stands there once."""
    found: Counter[tuple[object, ...]] = Counter()
    for line in path.read_text().splitlines():
        told = json.loads(line)
        state = told.get("withdraws", told["state"])
        found[told["rule"], told["alert_id"], state, told["time"]] += -1 if "withdraws" in told else 1
    assert set(found.values()) <= {0, 1}
    return +found


@pytest.mark.parametrize("name, workers", [pytest.param("mixed", 1, marks=pytest.mark.slow), ("nr", 2)])
def test_alerts_are_those_of_the_recording(
    wire: Namespace, captures_of: dict[str, Path], name: str, workers: int, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    catalogue = tmp_path / "alerts.toml"
    catalogue.write_text(RULES)
    options = ("--catalogue", str(catalogue), "--alerts")
    probe = Probe(wire, tmp_path / "live", "--window", WINDOW, "--workers", str(workers), *options,
                  str(tmp_path / "live.jsonl"))  # fmt: skip
    with recording(wire, tmp_path / "kept.pcap"):
        said = wire.replay(captures_of[name], "--speed", "8")
        probe.seen(packets_of(said))
        probe.stop()
    read_again(tmp_path / "kept.pcap", tmp_path / "again", *options, str(tmp_path / "again.jsonl"))
    live, again = rows(tmp_path / "live", "alert"), rows(tmp_path / "again", "alert")
    assert live == again, (list((live - again).items())[:3], list((again - live).items())[:3])
    told = ds.dataset(tmp_path / "again" / "alert", format="parquet").to_table(columns=["rule"])
    assert {*told.column("rule").to_pylist()} >= {"busy_responder", "traffic"}
    assert net(tmp_path / "live.jsonl") == net(tmp_path / "again.jsonl")
    assert len(net(tmp_path / "again.jsonl")) == again.total()
