"""The order of packets of the same time: one whatever order they come in, stable where times differ, nothing lost."""

from collections.abc import Sequence
from itertools import groupby, permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from formats.procedures import PAIRS
from formats.records import KIND_MESSAGES, KIND_NONE, KIND_PIECE, KIND_TUNNEL, KIND_USER, PACKET
from kernels.order import INSERTION, arrange
from kernels.signalling import Signalling
from tests.rows import ACK, EPOCH, FIN, RST, SYN, V4, Packet, examples, packet_rows, side_arrays

UE, SERVER = (V4 | 7, 40000), (V4 | 9, 443)


def arranged(rows: np.ndarray, signs: Signalling | None = None) -> list[int]:
    order, spare = np.full(len(rows), -1, np.int32), np.full(len(rows), -1, np.int32)
    arrange(rows, 0, len(rows), signs or side_arrays(8), order, spare)
    return order.tolist()


def shuffled_within_runs(times: Sequence[int], random: np.random.Generator) -> list[int]:
    """A permutation of rows that keeps every row among those of its time."""
    out: list[int] = []
    for _, run in groupby(range(len(times)), key=lambda k: times[k]):
        out += random.permutation(list(run)).tolist()
    return out


def dialogue(start: int, other: int, sizes: Sequence[int]) -> list[Packet]:
    """A whole TCP connection in its true order: no two of its packets are the same."""
    up, down = (start + 1) % 2**32, (other + 1) % 2**32
    out = [
        Packet(EPOCH, UE, SERVER, flags=SYN, seq=start),
        Packet(EPOCH, SERVER, UE, flags=SYN | ACK, seq=other, ack=up),
        Packet(EPOCH, UE, SERVER, flags=ACK, seq=up, ack=down),
    ]
    for k, size in enumerate(sizes):
        if k % 2:
            out.append(Packet(EPOCH, SERVER, UE, flags=ACK, seq=down, ack=up, payload=size))
            down = (down + size) % 2**32
        else:
            out.append(Packet(EPOCH, UE, SERVER, flags=ACK, seq=up, ack=down, payload=size))
            up = (up + size) % 2**32
    return [*out, Packet(EPOCH, SERVER, UE, flags=RST, seq=down, ack=up)]


@examples(80)
@given(
    st.sampled_from((0, 2**31 - 2, 2**32 - 2, 77)), st.sampled_from((5, 2**32 - 9)),
    st.lists(st.integers(1, 1400), max_size=2 * INSERTION + 9), st.randoms(),
)  # fmt: skip
def test_a_connection_comes_out_in_its_true_order(start: int, other: int, sizes: list[int], random) -> None:  # type: ignore[no-untyped-def]
    packets = dialogue(start, other, sizes)
    places = list(range(len(packets)))
    random.shuffle(places)
    out = arranged(packet_rows([packets[k] for k in places]))
    assert [places[k] for k in out] == list(range(len(packets)))


def test_all_orders_of_an_opening_are_the_same() -> None:
    packets = dialogue(2**32 - 1, 5, [10])
    for places in permutations(range(len(packets))):
        out = arranged(packet_rows([packets[k] for k in places]))
        assert [places[k] for k in out] == list(range(len(packets)))


def signalling_rows(messages: Sequence[tuple[int, int, int, int]]) -> tuple[np.recarray, Signalling]:
    """A datagram each of (version, type, sender, sequence)."""
    rows, signs = np.zeros(len(messages), PACKET).view(np.recarray), side_arrays(max(8, len(messages)))
    for k, (version, kind, sender, sequence) in enumerate(messages):
        m = signs.messages[k]
        m.version, m.type, m.src_lo, m.sequence, m.teid = version, kind, V4 | sender, sequence, 100 + sender
        rows[k].kind, rows[k].payload, rows[k].window, rows[k].ts = KIND_MESSAGES, k, 1, EPOCH
    return rows, signs


TYPES = [(version, kind) for version, request, answer, _ in PAIRS for kind in (request, answer)]
MESSAGES = st.lists(
    st.tuples(st.sampled_from(TYPES), st.integers(1, 5), st.integers(0, 9)).map(lambda m: (*m[0], *m[1:])),
    min_size=1, max_size=90, unique=True,
)  # fmt: skip


@examples(60)
@given(MESSAGES, st.randoms())
def test_requests_go_before_answers(messages: list[tuple[int, int, int, int]], random) -> None:  # type: ignore[no-untyped-def]
    again = list(messages)
    random.shuffle(again)
    first, second = ([given_[k] for k in arranged(*signalling_rows(given_))] for given_ in (messages, again))
    requests = {(version, request) for version, request, _, _ in PAIRS}
    roles = [0 if m[:2] in requests else 1 for m in first]
    assert roles == sorted(roles)
    # versions are told apart by what they say, not by their number: what compares equal may stand in either order
    key = lambda m: (m[1], m[2], m[3])  # noqa: E731
    assert [key(m) for m in first] == [key(m) for m in second]


KINDS = st.sampled_from((KIND_USER, KIND_USER, KIND_USER, KIND_NONE, KIND_TUNNEL))


@st.composite
def mixtures(draw: st.DrawFn) -> np.recarray:
    """Rows of several kinds at few times; TCP numbers lie close together, so they are in one order."""
    count = draw(st.integers(1, 100))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    packets = [
        Packet(
            EPOCH, (V4 | int(random.integers(1, 4)), 5), (V4 | 9, 443), int(random.choice((6, 17))),
            flags=int(random.choice((SYN, ACK, SYN | ACK, FIN | ACK, RST))), seq=(2**32 - 30 + k) % 2**32, ack=7,
            payload=int(random.integers(0, 3)), ip_id=k,
        )
        for k in range(count)
    ]  # fmt: skip
    rows = packet_rows(packets)
    rows["kind"] = [draw(KINDS) for _ in packets] if count < 20 else random.choice((1, 1, 0, 3), count)
    rows["ts"] = EPOCH + np.sort(random.integers(0, draw(st.sampled_from((1, 3, 30))), count))
    rows["wire"] = random.permutation(count) + 60
    rows["tunnel_hash"] = random.integers(0, 2, count)
    return rows


@examples(100)
@given(mixtures(), st.integers(0, 2**32))
def test_any_mixture_comes_out_the_same(rows: np.recarray, seed: int) -> None:
    places = shuffled_within_runs(rows["ts"].tolist(), np.random.default_rng(seed))
    one, two = arranged(rows), arranged(rows[places].view(np.recarray))
    assert rows[one].tolist() == rows[places][two].tolist()
    assert sorted(one) == list(range(len(rows)))
    assert (np.diff(rows["ts"][one]) >= 0).all()


@examples(60)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=100), st.integers(0, 2**32))
def test_numbers_all_around_the_circle_lose_nothing(numbers: list[int], seed: int) -> None:
    """Sequence numbers that follow each other in a circle have no first: still each row comes out once."""
    rows = packet_rows([Packet(EPOCH, UE, SERVER, flags=ACK, seq=n) for n in numbers])
    assert sorted(arranged(rows)) == list(range(len(rows)))


@examples(60)
@given(st.lists(st.integers(0, 50), max_size=60))
def test_times_are_never_sorted(times: list[int]) -> None:
    """The order of capture holds, even where time stamps go back; runs are of neighbours."""
    rows = packet_rows([Packet(EPOCH + t, UE, SERVER, flags=ACK, seq=5 - k % 5) for k, t in enumerate(times)])
    assert rows["ts"][arranged(rows)].tolist() == [EPOCH + t for t in times]


def test_kinds_stand_in_their_order() -> None:
    kinds = [KIND_NONE, KIND_USER, KIND_TUNNEL, KIND_PIECE, KIND_MESSAGES]
    rows, signs = signalling_rows([(2, 32, 1, 1)] * 5)
    rows["kind"] = kinds
    assert [kinds[k] for k in arranged(rows, signs)] == [KIND_MESSAGES, KIND_PIECE, KIND_TUNNEL, KIND_USER, KIND_NONE]


def test_equal_rows_keep_their_order() -> None:
    rows = packet_rows([Packet(EPOCH, UE, SERVER, flags=ACK)] * (3 * INSERTION))
    assert arranged(rows) == list(range(3 * INSERTION))


def test_only_the_stretch_that_is_asked_for() -> None:
    rows = packet_rows(dialogue(1, 1, [1, 1])[::-1])
    order, spare = np.full(len(rows), -1, np.int32), np.zeros(len(rows), np.int32)
    arrange(rows, 2, 5, side_arrays(8), order, spare)
    assert sorted(order[2:5].tolist()) == [2, 3, 4]
    assert order[[0, 1, 5]].tolist() == [-1] * 3
    arrange(rows, 3, 3, side_arrays(8), order, spare)
