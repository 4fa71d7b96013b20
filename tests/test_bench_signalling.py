"""The signalling part of the benchmark: its packets are what scapy reads, its figures become lines and targets."""

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkData

from benchmarks import report, signalling


def test_each_message_is_there_once_and_a_tenth_in_two_fragments() -> None:
    messages = [bytes([k]) * (20 + k) for k in range(7)]
    frames = [Ether(octets) for octets in signalling.sctp_frames(messages, 20)]
    assert len(frames) == 22
    assert all(frame[IP].proto == 132 and frame.haslayer(SCTP) for frame in frames)
    chunks = [frame[SCTPChunkData] for frame in frames]
    assert [chunk.tsn for chunk in chunks] == list(range(1, 23))
    told, whole = [], b""
    for chunk in chunks:
        whole = (b"" if chunk.beginning else whole) + bytes(chunk.data)
        if chunk.ending:
            told.append(whole)
    assert told == [messages[k % 7] for k in range(20)]


def test_figures_become_lines_and_targets() -> None:
    speeds = (("wiregauge", 9e6), ("pycrate", 3000.0), ("tshark", 20_000.0))
    rows = [
        {
            "part": "signalling",
            "who": who,
            "form": "S1AP",
            "records": 100,
            "bytes": 6900,
            "seconds": 1.0,
            "records_s": each,
        }
        for who, each in speeds
    ]
    lines = report._signalling_lines(rows)
    assert lines[-1] == "| S1AP | 69 | 9,000,000 | 3,000 | 20,000 |"
    assert [(target.value, target.bound) for target in report.signalling_targets(rows)] == [(3000.0, 300), (450.0, 50)]
