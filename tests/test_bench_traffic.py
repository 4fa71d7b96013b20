"""The benchmark traffic is what it says: read back by scapy, which shares no code with its encoders."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.gtp_v2 import GTPHeader as GTPv2
from scapy.layers.inet import IP, TCP, UDP
from scapy.utils import PcapReader

from benchmarks import traffic

SIZE = traffic.Size(1_500, 100, 20)


@pytest.fixture(scope="module", params=["headers", "full"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("traffic") / "made.pcap"
    traffic.make(path, SIZE, request.param, scale=2)
    return path


def test_counts_are_those_that_scapy_reads(made: Path) -> None:
    told = json.loads(Path(f"{made}.json").read_text())
    found: Counter[str] = Counter()
    with PcapReader(str(made)) as reader:
        for packet in reader:
            found["packets"] += 1
            found["wire_bytes"] += packet.wirelen
            if packet[UDP].dport == 2123:
                found["messages"] += 1
                assert GTPv2 in packet
                continue
            inner = packet[GTP_U_Header][IP]
            way = "down" if packet[IP].src.startswith("10.101.") else "up"
            name = "tcp" if inner.proto == 6 else "udp"
            assert inner.haslayer(TCP if name == "tcp" else UDP)
            found[f"packets_{name}_{way}"] += 1
            found[f"ip_bytes_{name}_{way}"] += inner.len
    messages = sum(value for name, value in told.items() if name.endswith(("_request", "_response")))
    assert found.pop("messages") == messages
    assert found == {name: told[name] for name in found}
    assert told["packets"] == 2 * SIZE.packets


def test_times_strictly_increase(made: Path) -> None:
    with PcapReader(str(made)) as reader:
        times = np.array([int(packet.time * 1_000_000) for packet in reader])
    assert (np.diff(times) > 0).all()


def test_same_seed_same_octets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        traffic.make(tmp_path / name, SIZE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_too_few_packets_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert traffic.main([str(tmp_path / "x"), "--packets", "500", "--flows", "400", "--subscribers", "10"]) == 1
    assert "too few" in capsys.readouterr().err
