"""TCP rules one by one: what each kind of segment counts as, wherever in the number circle a connection begins."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.xdr import CONNECT_OUTCOMES
from kernels import tcp
from kernels.tcp import ahead
from tests import naive_tcp
from tests.rows import ACK, EPOCH, FIN, RST, SECOND, SYN, V4, Packet, examples, flow_rows

UE, SERVER = (V4 | 7, 40000), (V4 | 9, 443)
MILLI = SECOND // 1000
MOD = 2**32
WINDOW = 900 * SECOND
BEGINNINGS = (0, 1000, MOD - 1, MOD - 150, MOD // 2 - 100, MOD - 1001)
NUMBERS = st.one_of(st.integers(0, MOD - 1), st.sampled_from((0, 1, MOD - 1, MOD // 2, MOD // 2 - 1, MOD // 2 + 1)))


@examples(200)
@given(NUMBERS, NUMBERS)
def test_ahead_is_the_shorter_way_around(a: int, b: int) -> None:
    assert ahead(a, b) == naive_tcp.diff(a, b)
    assert -(2**31) <= ahead(a, b) < 2**31
    assert (b + int(ahead(a, b))) % MOD == a
    assert ahead(np.uint32(a), np.uint32(b)) == naive_tcp.diff(a, b)


class Talk:
    """A connection after its handshake (10 ms to the server, 20 ms to the device); numbers count from its start."""

    def __init__(self, begin: int, opened: bool = True) -> None:
        self.begin, self.now, self.ids, self.packets = begin, EPOCH, 0, []
        if opened:
            self.add(UE, -1, SYN)
            self.wait(10).add(SERVER, -1, SYN | ACK, ack=0)
            self.wait(20).add(UE, 0, ACK, ack=0)

    def wait(self, milliseconds: float) -> "Talk":
        self.now += int(milliseconds * MILLI)
        return self

    def add(self, src: tuple[int, int], seq: int, flags: int = ACK, payload: int = 0, **fields: int) -> "Talk":
        """A packet `seq` octets into the stream of its sender; `ack` likewise."""
        self.ids += 1
        values = {"ip_id": self.ids} | fields
        values["ack"] = (fields.get("ack", 0) + self.begin) % MOD if flags & ACK else 0
        dst = SERVER if src == UE else UE
        self.packets.append(
            Packet(self.now, src, dst, flags=flags, seq=(self.begin + seq) % MOD, payload=payload, **values)
        )
        return self

    def down(self, seq: int, payload: int, **fields: int) -> "Talk":
        return self.add(SERVER, seq, ACK, payload, **fields)

    def row(self) -> Any:
        (row,) = flow_rows(self.packets, WINDOW)
        return row

    def counts(self) -> dict[str, int]:
        """What is not zero of the counts of the direction to the device."""
        row = self.row()
        names = (
            "retransmitted_packets",
            "retransmitted_bytes",
            "out_of_order",
            "duplicate",
            "holes",
            "zero_window",
            "resets",
        )
        return {name: int(row[f"tcp_{name}_down"]) for name in names if row[f"tcp_{name}_down"]}


@pytest.fixture(params=BEGINNINGS)
def talk(request: pytest.FixtureRequest) -> Talk:
    return Talk(request.param)


def test_in_order_counts_nothing(talk: Talk) -> None:
    for k in range(20):
        talk.wait(1).down(100 * k, 100)
    assert talk.counts() == {}
    assert talk.row()["tcp_packets_down"] == 20


def test_lost_before_the_probe(talk: Talk) -> None:
    """A hole that is filled later than the handshake took was lost and sent again."""
    talk.down(0, 100).wait(1).down(200, 100).wait(31).down(100, 100)
    assert talk.counts() == {"holes": 1, "retransmitted_packets": 1, "retransmitted_bytes": 100}


def test_out_of_order_before_the_probe(talk: Talk) -> None:
    talk.down(0, 100).wait(1).down(200, 100).wait(29).down(100, 100)
    assert talk.counts() == {"holes": 1, "out_of_order": 1}


@pytest.mark.parametrize("wait, name", [(2.9, "out_of_order"), (3, "retransmitted_packets")])
def test_without_a_handshake_reordering_is_three_milliseconds(wait: float, name: str) -> None:
    talk = Talk(5000, opened=False).down(0, 100).down(200, 100).wait(wait).down(100, 100)
    assert talk.counts()[name] == 1


def test_lost_behind_the_probe(talk: Talk) -> None:
    """Octets that the probe has seen, again: retransmitted, however soon."""
    talk.down(0, 100).wait(1).down(100, 100).wait(1).down(0, 100)
    assert talk.counts() == {"retransmitted_packets": 1, "retransmitted_bytes": 100}


def test_copied_by_the_network(talk: Talk) -> None:
    talk.down(0, 100, ip_id=77).down(0, 100, ip_id=77)
    assert talk.counts() == {"duplicate": 1}


@pytest.mark.parametrize("fields", [{"ip_id": 78}, {"ip_id": 0}])
def test_no_copy_without_the_same_identification(fields: dict[str, int]) -> None:
    first = {"ip_id": fields["ip_id"] and 77}
    talk = Talk(0).down(0, 100, **first).down(0, 100, **fields)
    assert talk.counts() == {"retransmitted_packets": 1, "retransmitted_bytes": 100}


def test_a_hole_is_filled_piece_by_piece(talk: Talk) -> None:
    """From the middle outwards; what fills nothing any more repeats."""
    talk.down(0, 100).down(400, 100).wait(1).down(200, 100).wait(1).down(100, 100).wait(1).down(300, 100)
    assert talk.counts() == {"holes": 1, "out_of_order": 3}
    talk.wait(1).down(300, 100)
    assert talk.counts() == {"holes": 1, "out_of_order": 3, "retransmitted_packets": 1, "retransmitted_bytes": 100}


def test_more_holes_than_are_remembered(talk: Talk) -> None:
    """The fifth pushes the first out: what fills that counts as retransmitted."""
    for k in range(6):
        talk.down(200 * k, 100)
    for k in range(5):
        talk.wait(1).down(200 * k + 100, 100)
    assert talk.counts() == {"holes": 5, "out_of_order": 4, "retransmitted_packets": 1, "retransmitted_bytes": 100}


def test_keep_alives_are_not_retransmissions(talk: Talk) -> None:
    talk.down(0, 100).wait(1000).down(99, 1).wait(1000).down(99, 0)
    assert talk.counts() == {}


def test_one_octet_that_is_no_keep_alive(talk: Talk) -> None:
    talk.down(0, 1).down(1, 1).wait(1).down(0, 1)
    assert talk.counts() == {"retransmitted_packets": 1, "retransmitted_bytes": 1}


def test_window_and_reset(talk: Talk) -> None:
    talk.add(SERVER, 0, ACK, window=0).add(SERVER, 0, FIN | ACK, window=0).add(SERVER, 1, RST, window=0)
    assert talk.counts() == {"zero_window": 1, "resets": 1}


def test_round_trips_of_data(talk: Talk) -> None:
    talk.wait(100).down(0, 100).wait(40).add(UE, 0, ack=100)
    talk.wait(100).down(100, 100).wait(60).add(UE, 0, ack=200)
    assert talk.row()["rtt_data_client_ms"] == 50 * MILLI
    assert talk.row()["rtt_data_server_ms"] == -1


def test_karn(talk: Talk) -> None:
    """An acknowledgement of what was sent twice says nothing of time."""
    talk.down(0, 100).wait(300).down(0, 100).wait(40).add(UE, 0, ack=100)
    assert talk.row()["rtt_data_client_ms"] == -1
    talk.wait(10).down(100, 100).wait(70).add(UE, 0, ack=200)
    assert talk.row()["rtt_data_client_ms"] == 70 * MILLI


def test_an_old_acknowledgement_closes_nothing(talk: Talk) -> None:
    talk.down(0, 100).wait(10).add(UE, 0, ack=0).wait(10).add(UE, 0, ack=99).wait(10).add(UE, 0, ack=100)
    assert talk.row()["rtt_data_client_ms"] == 30 * MILLI


def test_handshake_legs(talk: Talk) -> None:
    row = talk.row()
    assert (row["rtt_server_ms"], row["rtt_client_ms"]) == (10 * MILLI, 20 * MILLI)
    assert CONNECT_OUTCOMES[row["connect_outcome"]] == "success"


@pytest.mark.parametrize("syns, answers, legs", [(2, 1, (-1, 20)), (1, 2, (10, -1)), (2, 2, (-1, -1))])
def test_a_leg_that_was_repeated_is_not_timed(syns: int, answers: int, legs: tuple[int, int]) -> None:
    talk = Talk(9, opened=False)
    for _ in range(syns):
        talk.wait(1000).add(UE, -1, SYN)
    for k in range(answers):
        talk.wait(500 if k else 10).add(SERVER, -1, SYN | ACK)
    row = talk.wait(20).add(UE, 0, ACK).row()
    assert (row["rtt_server_ms"], row["rtt_client_ms"]) == tuple(x * MILLI if x > 0 else -1 for x in legs)


def test_reordering_time_outlives_the_window(talk: Talk) -> None:
    """The handshake lies on both sides of a window's edge: its round trip is known all the same."""
    shift = WINDOW - 15 * MILLI
    talk.down(0, 100).wait(1).down(200, 100).wait(29).down(100, 100)
    rows = flow_rows([p._replace(ts=p.ts + shift) for p in talk.packets], WINDOW)
    assert rows["tcp_out_of_order_down"].sum() == 1
    assert rows["tcp_retransmitted_packets_down"].sum() == 0


@pytest.mark.parametrize("side, outcome", [(UE, "success"), (SERVER, "")])
def test_one_direction_only(side: tuple[int, int], outcome: str) -> None:
    """The opener's side shows that it was answered; the other says nothing of an attempt. Its data is accounted."""
    talk = Talk(MOD - 50)
    for k in range(4):
        talk.wait(11_000).add(UE, 100 * k, ACK, 100, ack=100 * k).down(100 * k, 100, ack=100 * k + 100)
    (row,) = flow_rows([p for p in talk.packets if p.src == side], WINDOW)
    assert CONNECT_OUTCOMES[row["connect_outcome"]] == outcome
    assert row["tcp_packets_up" if side == UE else "tcp_packets_down"] == 4
    assert (row["server_port"], row["ue_port"]) == (443, 40000)


def test_a_capture_may_start_in_the_middle() -> None:
    talk = Talk(MOD - 250, opened=False).down(0, 100).wait(5).down(100, 100).add(UE, 0, ACK, ack=200).down(200, 100)
    row = talk.row()
    assert talk.counts() == {}
    assert (row["connect_outcome"], row["rtt_server_ms"], row["rtt_data_client_ms"]) == (0, -1, 0)
    assert row["begun"] == 1


def test_names_of_outcomes() -> None:
    names = ("success", "refused", "no_answer", "client_abort", "half_open")
    codes = (tcp.SUCCESS, tcp.REFUSED, tcp.NO_ANSWER, tcp.CLIENT_ABORT, tcp.HALF_OPEN)
    assert tuple(CONNECT_OUTCOMES[code] for code in codes) == names


def test_a_syn_that_comes_again_after_data(talk: Talk) -> None:
    """Late by the network: what follows is still in order."""
    talk.down(0, 100).add(SERVER, -1, SYN | ACK).down(100, 100)
    assert talk.counts() == {}


def test_what_lies_before_the_first_segment_of_the_capture() -> None:
    """Within the reordering time it came out of order; later it was sent again."""
    assert Talk(MOD - 50, opened=False).down(100, 100).wait(1).down(0, 100).counts() == {"out_of_order": 1}
    repeated = Talk(MOD - 50, opened=False).down(100, 100).wait(4).down(0, 100)
    assert repeated.counts() == {"retransmitted_packets": 1, "retransmitted_bytes": 100}
