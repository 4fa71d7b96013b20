"""A request and its answer on the wire: plain, repeated, swapped in the capture, or never answered."""

from dataclasses import dataclass
from random import Random

from tools.scenario.config import SECOND
from tools.scenario.encode_gtp import GTPC_PORT
from tools.scenario.network import Network, Node, text

MS = 1_000_000
PLAIN, REPEAT, ANSWER_REPEAT, SWAP, TIMEOUT = "plain", "repeat", "answer_repeat", "swap", "timeout"


@dataclass
class Call:
    """A procedure: who asks whom, the two messages, and what the truth shall say of it.

    apn, imsi, cell, session are null where the probe cannot know them. `cause` None where the answer has none.
    """

    interface: str
    procedure: str
    requester: Node
    responder: Node
    request: tuple[bytes, ...]
    answer: tuple[bytes, ...]
    family: str = "gtpv2c"
    cause: int | None = None
    outcome: str = "success"
    imsi: str | None = None
    cell: str | None = None
    apn: str | None = None
    session: int | None = None
    setup: bool = False


def draw_fate(net: Network, rng: Random, repeat: bool = True, swap: bool = True) -> str:
    """How an exchange goes, by the shares of the scenario."""
    s, draw = net.scenario, rng.random()
    if repeat and draw < s.repeat_share:
        return rng.choice((REPEAT, ANSWER_REPEAT))
    if swap and s.repeat_share <= draw < s.repeat_share + s.swap_share:
        return SWAP
    return PLAIN


def timer(net: Network) -> int:
    """Time until a request is repeated, in ns."""
    return int(net.scenario.timer_s * SECOND)


def exchange(net: Network, rng: Random, call: Call, ts: int, latency: int, fate: str = PLAIN) -> int:
    """Captures one procedure that starts at `ts`; when the requester has its answer, or gives up.

    `latency`: from the request that is answered to its answer.
    """
    wait = timer(net)
    requests, answers = [ts], [ts + latency]
    if fate == REPEAT:
        requests, answers = [ts, ts + wait], [ts + wait + latency]
    elif fate == ANSWER_REPEAT:
        requests, answers = [ts, ts + max(wait, latency + MS)], [ts + latency]
        answers.append(requests[1] + 2 * MS)
    elif fate == SWAP:
        answers = [ts - rng.randrange(5, 20) * 1000]
    elif fate == TIMEOUT:
        requests, answers = [ts + i * wait for i in range(net.scenario.tries)], []
    if ts >= net.signalling_from and net.sees(call.interface):
        for when in requests:
            net.control(when, call.requester, call.responder, call.requester.port, GTPC_PORT, *call.request)
        for when in answers:
            net.control(when, call.responder, call.requester, GTPC_PORT, call.requester.port, *call.answer)
        until = answers[0] if answers else requests[-1]
        attempts = max(1, sum(when <= until for when in requests))
        record(net, call, net.tick(ts), net.tick(answers[0]) if answers else None, attempts)
    if fate == TIMEOUT:
        return requests[-1] + wait
    return max(answers[-1], requests[-1]) + 300_000


def record(net: Network, call: Call, start: int, answered: int | None, attempts: int) -> None:
    """Writes a procedure into the truth."""
    silent = answered is None
    net.truth.procedures.append(
        {
            "interface": call.interface,
            "procedure": call.procedure,
            "outcome": "timeout" if silent else call.outcome,
            "cause_family": None if silent or call.cause is None else call.family,
            "cause_code": None if silent else call.cause,
            "start": start,
            "latency_ms": None if answered is None else (answered - start) / 1e6,
            "attempts": attempts,
            "imsi": call.imsi,
            "cell": call.cell,
            "apn": call.apn,
            "session": call.session,
            "requester": text(call.requester.address),
            "responder": text(call.responder.address),
            "setup": call.setup,
        }
    )
