"""Requests and answers against their twin: retransmissions, answers before requests, silence, numbers used again."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.procedures import PAIRS
from formats.reasons import GTPC
from formats.records import KIND_MESSAGES, MESSAGE, PACKET
from formats.xdr import NEVER, OUTCOMES, PROCEDURES
from kernels import table
from kernels.shard import TRANSACTIONS, Limits
from tests.naive_transactions import Row, Said, procedures
from tests.rows import EPOCH, SECOND, V4, Machine, examples, side_arrays

ALONE = {(2, "identification"), (2, "context"), (2, "suspend"), (1, "sgsn_context"), (1, "relocation_cancel")}
TYPES = {(version, name): (request, answer) for version, request, answer, name in PAIRS}
ABSENT = ("teid", "ue_ipv4", "charging_id", "cause", "ebi", "linked_ebi", "qci", "pdn_type", "recovery", "serving_plmn",
          "ran_cause", "ran_cause_protocol", "ran_cause_group", "teardown", "ambr_up_kbps", "ambr_down_kbps",
          "selection_mode")  # fmt: skip


def take(machine: Machine, said: list[Said]) -> None:
    """Each message in a datagram of its own."""
    rows, signs = np.zeros(len(said), PACKET).view(np.recarray), side_arrays(max(8, len(said)))
    for k, m in enumerate(said):
        requester, responder, port, version, sequence, name = m.key
        message = np.zeros(1, MESSAGE)[0]
        for field in ABSENT:
            message[field] = -1
        message["imsi"] = message["msisdn"] = message["imei"] = 2**64 - 1
        source, target = (requester, responder) if m.is_request else (responder, requester)
        message["ts"], message["src_lo"], message["dst_lo"] = m.ts, V4 | source, V4 | target
        message["src_port"], message["dst_port"] = (port, 2123) if m.is_request else (2123, port)
        message["version"], message["sequence"], message["cause"] = version, sequence, m.cause
        message["type"] = TYPES[version, name][0 if m.is_request else 1]
        signs.messages[k] = message
        rows[k].ts, rows[k].kind, rows[k].reason = m.ts, KIND_MESSAGES, GTPC
        rows[k].payload, rows[k].window = k, 1
    machine.take(rows, signs=signs)


def told(rows: np.ndarray) -> Counter[Row]:
    """Kernel rows as those of the twin."""
    out: Counter[Row] = Counter()
    for r in rows:
        nodes = int(r["requester_lo"]) & 0xFFFF, int(r["responder_lo"]) & 0xFFFF
        end = -1 if r["end_time"] == NEVER else int(r["end_time"])
        key = (*nodes, 0, 0, 0, PROCEDURES[r["procedure"]])
        out[Row(key, int(r["start_time"]), end, OUTCOMES[r["outcome"]], int(r["cause_code"]), int(r["attempts"]),
                int(r["latency_ms"]))] += 1  # fmt: skip
    return out


def plain(rows: list[Row]) -> Counter[Row]:
    """Rows of the twin without what no column tells."""
    return Counter(r._replace(key=(*r.key[:2], 0, 0, 0, r.key[5])) for r in rows)


KEYS = st.tuples(
    st.integers(1, 2), st.integers(3, 4), st.sampled_from((2123, 40000)), st.just(0), st.integers(0, 1),
    st.sampled_from(sorted(ALONE)),
).map(lambda k: (k[0], k[1], k[2], k[5][0], k[4], k[5][1]))  # fmt: skip
GAPS = st.sampled_from(
    (1, 1000, SECOND, 2 * SECOND - 1, 2 * SECOND + 1, 9 * SECOND, 29 * SECOND, 31 * SECOND, 100 * SECOND)
)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Said]:
    keys = draw(st.lists(KEYS, min_size=1, max_size=3, unique=True))
    now, out = EPOCH, []
    for key, is_request, gap, cause in draw(
        st.lists(
            st.tuples(st.sampled_from(keys), st.booleans(), GAPS, st.sampled_from((-1, 16, 64, 128, 200))),
            min_size=1, max_size=25,
        )
    ):  # fmt: skip
        now += gap
        out.append(Said(now, key, is_request, -1 if is_request else cause))
    return out


@examples(200)
@given(exchanges())
def test_random_exchanges_equal_the_twin(said: list[Said]) -> None:
    machine = Machine()
    take(machine, said)
    assert told(machine.finish()["procedure"]) == plain(procedures(said))


KEY = (1, 3, 2123, 2, 7, "context")


def run(said: list[Said], **options: Limits) -> np.ndarray:
    machine = Machine(**options)  # type: ignore[arg-type]
    take(machine, said)
    return machine.finish()["procedure"]


def at(*events: tuple[float, str]) -> list[Said]:
    return [Said(EPOCH + int(s * SECOND), KEY, what == "ask", -1 if what == "ask" else 16) for s, what in events]


@pytest.mark.parametrize(
    "events, outcomes",
    [
        ([(0, "ask"), (3, "ask"), (6, "ask"), (6.1, "tell"), (6.2, "tell")], [("success", 3)]),
        ([(0, "tell"), (1.9, "ask"), (2.5, "ask")], [("success", 1)]),
        ([(0, "tell"), (2.1, "ask"), (2.5, "tell")], [("success", 1)]),
        ([(0, "ask"), (31, "tell")], [("timeout", 1)]),
        ([(0, "ask"), (31, "ask"), (32, "tell")], [("success", 1), ("timeout", 1)]),
        ([(0, "ask"), (1, "tell"), (40, "ask"), (41, "tell")], [("success", 1), ("success", 1)]),
        ([(0, "ask"), (5, "ask")], [("", 2)]),
        ([(0, "tell")], []),
    ],
)
def test_what_becomes_of_a_request(events: list[tuple[float, str]], outcomes: list[tuple[str, int]]) -> None:
    assert sorted((OUTCOMES[r["outcome"]], int(r["attempts"])) for r in run(at(*events))) == outcomes


def test_each_transaction_is_written_by_one_shard() -> None:
    said = [Said(EPOCH + k, (k, 99, 2123, 2, k, "context"), True, -1) for k in range(1, 21)]
    said += [m._replace(ts=m.ts + SECOND, is_request=False, cause=16) for m in said]
    rows = []
    for k in range(3):
        machine = Machine(shard=k, shards=3)
        take(machine, said)
        rows.append(machine.finish()["procedure"])
    assert all(len(part) for part in rows)
    assert told(np.concatenate(rows)) == plain(procedures(said))


def test_a_full_table_forgets_the_oldest_and_counts() -> None:
    """Requests for which there is no room end others, as unknown: the capture does not say that they timed out."""
    machine = Machine(limits=Limits(flows=64, sessions=32, transactions=4, apns=8))
    take(machine, [Said(EPOCH + k, (k, 99, 2123, 2, k, "context"), True, -1) for k in range(1, 10)])
    rows = machine.finish()["procedure"]
    assert len(rows) == 9
    assert sorted(rows["start_time"]) == [EPOCH + k for k in range(1, 10)]
    assert machine.words[TRANSACTIONS + table.REFUSED] == 5


def test_a_full_table_forgets_what_has_its_answer_first() -> None:
    machine = Machine(limits=Limits(flows=64, sessions=32, transactions=4, apns=8))
    said = [Said(EPOCH + k, (k, 99, 2123, 2, k, "context"), True, -1) for k in range(1, 5)]
    said += [said[2]._replace(ts=EPOCH + 6, is_request=False, cause=16)]
    said += [Said(EPOCH + 7, (7, 99, 2123, 2, 7, "context"), True, -1)]
    said += [m._replace(ts=EPOCH + 8, is_request=False, cause=16) for m in said[:2]]
    take(machine, said)
    rows = machine.finish()["procedure"]
    answered = {int(row["start_time"]) - EPOCH for row in rows if row["outcome"] == OUTCOMES.index("success")}
    assert answered == {1, 2, 3}
