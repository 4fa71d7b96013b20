"""Counters, KPIs and grains: each declared once.

A KPI table has one row per window and key: its counters, and the KPIs made from them. KPIs are a pure function of the
xDR tables. Rules that hold for all (see DESIGN, KPI semantics):

- A row counts in the window of its `time` column: its start, or for an attempt the start of the attempt (TS 32.401
  §4.3.2), so that successes never exceed attempts.
- A counter is null in a window in which its table has no row at all (nothing of the kind was measured there). Else a
  count or sum without a matching row is 0, and a sum of which every matching row is null is null.
- A ratio is numerator over denominator, both of them columns beside it; null where the denominator is 0 or null.
- A quantile is exact, by linear interpolation between ranks; null without a value.

To add a KPI: add its counters to COUNTERS and a `Kpi` to KPIS. Every grain then has it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from formats.alert import Rule
from formats.kpi_core import CORE_COUNTERS, CORE_GRAINS, CORE_KPIS
from formats.kpi_nas import NAS_COUNTERS, NAS_KPIS
from formats.kpi_parts import (
    DIRECTIONS,
    KINDS,
    OPERATORS,
    Condition,
    Counter,
    Formula,
    Grain,
    Key,
    Kpi,
    Quantile,
    Ratio,
    Segment,
    Target,
    Where,
    quantiles,
    values,
)
from formats.kpi_ran import (
    BEARERS,
    NO_RRC,
    NO_TARGET,
    PAGED,
    PAIRS,
    bearer_counters,
    handover,
    latency,
    retainability,
)
from formats.xdr import TABLES

__all__ = [
    "BEARERS", "CATALOGUE", "CAUSE_CLASSES", "COUNTERS", "DIRECTIONS", "DROPS", "FAILURES", "GRAINS", "KINDS", "KPIS",
    "OPERATORS", "PAIRS", "Catalogue", "Condition", "Counter", "Formula", "Grain", "Key", "Kpi", "Quantile", "Ratio",
    "Segment", "Target", "Where", "bases", "fractional", "judged_of",
]  # fmt: skip


# --- counters ----------------------------------------------------------------------------------------------------

_OWN = "wiregauge"

_SETUP = (
    Condition("procedure", "in", ("create_session", "create_pdp_context")),
    Condition("counted", "is_true"),
)
"""Set-up requests: one row each, however many interfaces they were seen on, answered or not."""


def _setup(*more: Condition) -> Where:
    return ((*_SETUP, *more),)


_V2, _V1 = Condition("procedure", "eq", "create_session"), Condition("procedure", "eq", "create_pdp_context")
_FAILED = Condition("outcome", "eq", "failure")

CAUSE_CLASSES = {
    "user": (
        (78, 82, 83, 86, 87, 88, 92, 93, 96, 104, 116, 117, 119, 123, 125, 126, 127, 129),
        (194, 195, 196, 197, 205, 208, 209, 219, 220, 222, 223, 224, 231, 232),
    ),
    "network": (
        (64, 72, 73, 80, 84, 89, 90, 91, 94, 100, 106, 107, 109, 112, 113, 114, 120, 122, 128, 130),
        (192, 199, 200, 204, 210, 211, 212, 229, 230),
    ),
    "protocol": (
        (65, 66, 67, 68, 69, 70, 74, 75, 76, 77, 85, 97, 98, 103, 105, 108),
        (193, 198, 201, 202, 203, 214, 215, 216, 217, 218, 221, 225, 227),
    ),
    "mobility": (
        (81, 95, 101, 102, 110, 111, 115, 121, 124, 131),
        (206, 207, 213, 226, 228, 233),
    ),
}
"""Causes of rejection by who would look into them: GTPv2-C (TS 29.274 Table 8.4-1), GTPv1-C (TS 29.060 §7.7.1)."""

_CLASS_MEANING = {
    "user": "the subscriber, the device or the subscription (unknown APN, no subscription, authentication, roaming)",
    "network": "the network (no resources, congestion, system failure, peer not responding)",
    "protocol": "a message that a node did not understand (missing or incorrect elements, version)",
    "mobility": "a procedure that crossed another (handover, detach, suspension, re-attach)",
}


def _class_counter(name: str, v2: tuple[int, ...], v1: tuple[int, ...]) -> Counter:
    where = tuple(
        (*_SETUP, _FAILED, which, Condition("cause_code", "in", codes)) for which, codes in ((_V2, v2), (_V1, v1))
    )
    meaning = f"of those, rejected for a cause that lies with {_CLASS_MEANING[name]}"
    return Counter(f"session_setup_failures_{name}", "count", ("procedure",), (), "", meaning, where)


def _other_counter() -> Counter:
    known = [tuple(code for pair in CAUSE_CLASSES.values() for code in pair[version]) for version in (0, 1)]
    where: Where = (
        (*_SETUP, _FAILED, _V2, Condition("cause_code", "not_in", known[0])),
        (*_SETUP, _FAILED, _V1, Condition("cause_code", "not_in", known[1])),
        (*_SETUP, _FAILED, Condition("cause_code", "is_null")),
    )
    return Counter("session_setup_failures_other", "count", ("procedure",), (), "", "of those, any other cause", where)


def _both(name: str, column: str, unit: str, meaning: str, where: Where = ()) -> tuple[Counter, ...]:
    ways = (("up", "towards the core"), ("down", "towards the device"))
    return tuple(
        Counter(f"{name}_{way}", "sum", ("flow",), (f"{column}_{way}",), unit, f"{meaning}, {words}", where)
        for way, words in ways
    )


_TCP: Where = ((Condition("ip_protocol", "eq", 6),),)
_ENOUGH = "of flow rows of at least 100 kB and 100 ms of active time that way"


def _throughput(way: str) -> tuple[Counter, ...]:
    enough: Where = ((Condition(f"throughput_{way}", "not_null"),),)
    return (
        Counter(f"throughput_bytes_{way}", "sum", ("flow",), (f"bytes_{way}",), "B", f"bytes {_ENOUGH}", enough),
        Counter(f"throughput_{way}_ms", "sum", ("flow",), (f"active_{way}",), "ms", f"active time {_ENOUGH}", enough),
        Counter(f"throughput_{way}", "values", ("flow",), (f"throughput_{way}",), "kbit/s", f"throughput {_ENOUGH}"),
    )


def _connect(name: str, meaning: str, *more: Condition) -> Counter:
    where = ((Condition("connect_outcome", "not_null"), *more),)
    return Counter(f"tcp_connect_{name}", "count", ("flow",), (), "", meaning, where, "connect_time")


_SIGNALLED: Where = ((Condition("source", "ne", "user_plane"),),)
_BOTH_WAYS = ("bytes_up", "bytes_down")

_ANSWERED: Where = ((Condition("outcome", "eq", "answered"),),)

COUNTERS: tuple[Counter, ...] = (
    Counter("session_setup_attempts", "count", ("procedure",), (), "", "requests to set up a session", _setup()),
    Counter("session_setup_successes", "count", ("procedure",), (), "", "of those, accepted",
            _setup(Condition("outcome", "eq", "success"))),
    Counter("session_setup_timeouts", "count", ("procedure",), (), "", "of those, never answered",
            _setup(Condition("outcome", "eq", "timeout"))),
    Counter("session_setup_failures", "count", ("procedure",), (), "", "of those, rejected", _setup(_FAILED)),
    *(_class_counter(name, v2, v1) for name, (v2, v1) in CAUSE_CLASSES.items()),
    _other_counter(),
    values("session_setup", "procedure", "latency_ms", "request to answer of accepted set-ups",
            _setup(Condition("outcome", "eq", "success"))),
    Counter("sessions", "count", ("session",), (), "", "sessions that signalling told of, in the window of their start "
            "and the cell where they were last seen", _SIGNALLED),
    Counter("sessions_started", "count", ("session",), (), "", "of those, set up before the probe's eyes",
            (((*_SIGNALLED[0], Condition("setup_ms", "not_null"))),)),
    Counter("sessions_ended", "count", ("session",), (), "", "of those, ended before the probe's eyes",
            (((*_SIGNALLED[0], Condition("dropped", "not_null"))),)),
    Counter("sessions_dropped", "count", ("session",), (), "", "of those, ended abnormally",
            (((*_SIGNALLED[0], Condition("dropped", "is_true"))),)),
    Counter("connected_ms", "sum", ("presence",), ("connected_ms",), "ms", "session time: bearers with a radio-side "
            "tunnel endpoint"),
    Counter("active_ms", "sum", ("presence",), ("active_ms",), "ms", "bearer time with user data in the last 100 ms"),
    Counter("presence_drops", "count", ("presence",), (), "", "bearers released abnormally, in the cell and window of "
            "the release", ((Condition("dropped", "is_true"),),)),
    Counter("flows", "count", ("flow",), (), "", "connections first seen", ((Condition("begun", "is_true"),),)),
    *_both("bytes", "bytes", "B", "length of the subscriber's own IP packets"),
    *_both("packets", "packets", "", "the subscriber's own IP packets"),
    Counter("bytes_total", "sum", ("flow",), _BOTH_WAYS, "B", "bytes both ways"),
    Counter("bytes_joined", "sum", ("flow",), _BOTH_WAYS, "B", "of those, with a known subscriber or session",
            ((Condition("subscriber", "not_null"),), (Condition("session_id", "not_null"),))),
    Counter("subscribers", "distinct", ("flow", "presence", "procedure"), ("subscriber",), "", "distinct subscribers"),
    *_throughput("up"),
    *_throughput("down"),
    values("rtt_client", "flow", "rtt_client_ms", "TCP handshake between probe and device"),
    values("rtt_server", "flow", "rtt_server_ms", "TCP handshake between probe and server"),
    values("first_byte", "flow", "first_byte_ms", "first payload of the device to first payload of the server"),
    _connect("attempts", "TCP connections tried, in the window of the first SYN"),
    _connect("successes", "of those, SYN, SYN-ACK and ACK", Condition("connect_outcome", "eq", "success")),
    _connect("refused", "of those, answered with RST", Condition("connect_outcome", "eq", "refused")),
    _connect("unanswered", "of those, never answered", Condition("connect_outcome", "eq", "no_answer")),
    *_both("tcp_packets", "tcp_packets", "", "TCP packets with payload", _TCP),
    *_both("tcp_retransmitted_packets", "tcp_retransmitted_packets", "", "of those, sent before", _TCP),
    *(counter for pair in PAIRS for counter in pair.counters()),
    *(counter for name, rats, what, _ in BEARERS for counter in bearer_counters(name, rats, what)),
    *NAS_COUNTERS,
    latency("context_setup", ("initial_context_setup",), "request to answer of initial context set-ups"),
    latency("handover_execution", ("handover_execution",), "Handover Command to Handover Notify"),
    latency("paging_answer", ("paging",), "first paging to Initial UE Message"),
    *(Counter(f"bearer_bytes_{way}", "sum", ("presence",), (f"bytes_{way}",), "B",
              f"length of the subscriber's own IP packets in known bearers, {words}")
      for way, words in (("up", "towards the core"), ("down", "towards the device"))),
    Counter("call_attempts", "count", ("call",), (), "", "voice calls tried, by and to the subscriber"),
    Counter("call_answers", "count", ("call",), (), "", "of those, answered", _ANSWERED),
    Counter("call_drops", "count", ("call",), (), "", "of those, ended abnormally",
            ((Condition("dropped", "is_true"),),)),
    Counter("talk_ms", "sum", ("call",), ("talk_ms",), "ms", "talk time of answered calls", _ANSWERED),
    values("call_setup", "call", "setup_ms", "seizure or INVITE to answer of answered calls", _ANSWERED),
)  # fmt: skip

# --- KPIs --------------------------------------------------------------------------------------------------------


_NO_RADIO = "what fails on the radio side before the core is asked (RRC) leaves no trace here"
_AT_PROBE = "measured at the probe: delay and loss on each side of it are told apart, not placed further"


def _rate(way: str) -> tuple[Kpi, ...]:
    towards = {"up": "towards the core", "down": "towards the device"}[way]
    unseen = "the buffer of the base station: a slow server and a slow radio look alike"
    return (
        Kpi(f"throughput_{way}_kbps", "kbit/s", Ratio(f"throughput_bytes_{way}", f"throughput_{way}_ms", 8.0),
            f"{_OWN}, after TS 32.450 §6.3.1", "higher", f"bytes over active time {towards}, {_ENOUGH}", unseen),
        *quantiles(f"throughput_{way}", "kbit/s", "kbps", _OWN, "higher",
                    f"throughput {towards} {_ENOUGH}", unseen, (5, 50, 95)),
    )  # fmt: skip


KPIS: tuple[Kpi, ...] = (
    Kpi("session_setup_success_pct", "%", Ratio("session_setup_successes", "session_setup_attempts", 100.0),
        "GSMA IR.42 §2.3.1, §2.3.4", "higher", "accepted set-ups of PDP contexts and default bearers", _NO_RADIO),
    *quantiles("session_setup", "ms", "ms", "GSMA IR.42 §2.3.2", "lower", "time to set up a session", _NO_RADIO,
                (50, 95)),
    Kpi("session_drop_pct", "%", Ratio("sessions_dropped", "sessions_ended", 100.0), "GSMA IR.42 §2.3.3",
        "lower", "sessions that ended abnormally, of those whose end was seen",
        "an end after the capture, or one that no node signalled"),
    Kpi("drops_per_hour", "1/h", Ratio("presence_drops", "connected_ms", 3_600_000.0),
        f"{_OWN}, after TS 32.450 §6.2.1", "lower", "abnormal releases per hour of connected bearer",
        "the cause, where the core is not told why the radio side released"),
    Kpi("join_pct", "%", Ratio("bytes_joined", "bytes_total", 100.0), _OWN, "higher",
        "user-plane bytes with a known subscriber or session", "signalling before the capture or on another link"),
    *_rate("up"),
    *_rate("down"),
    *quantiles("rtt_client", "ms", "ms", _OWN, "lower", "round trip between probe and device", _AT_PROBE, (50, 95)),
    *quantiles("rtt_server", "ms", "ms", _OWN, "lower", "round trip between probe and server", _AT_PROBE, (50, 95)),
    *quantiles("first_byte", "ms", "ms", _OWN, "lower", "time to first byte", _AT_PROBE, (50, 95)),
    Kpi("tcp_connect_success_pct", "%", Ratio("tcp_connect_successes", "tcp_connect_attempts", 100.0),
        f"{_OWN}, handshake of RFC 9293 §3.5", "higher", "TCP connections that came about",
        "a SYN lost before the probe"),
    Kpi("tcp_retransmission_up_pct", "%", Ratio("tcp_retransmitted_packets_up", "tcp_packets_up", 100.0), _OWN, "lower",
        "TCP packets towards the core that were sent before", "losses between device and probe: those leave holes"),
    Kpi("tcp_retransmission_down_pct", "%", Ratio("tcp_retransmitted_packets_down", "tcp_packets_down", 100.0), _OWN,
        "lower", "TCP packets towards the device that were sent before", "losses between server and probe"),
    *(pair.kpi() for pair in PAIRS),
    handover("s1_handover", "S1 handovers", "TS 32.450 §6.5.1"),
    handover("n2_handover", "N2 handovers", "TS 28.554 §6.6"),
    *(kpi for name, _, what, clause in BEARERS for kpi in retainability(name, what, clause)),
    *NAS_KPIS,
    *quantiles("context_setup", "ms", "ms", _OWN, "lower", "time to set up a context", NO_RRC, (50, 95)),
    *quantiles("handover_execution", "ms", "ms", _OWN, "lower", "time from command to arrival", NO_TARGET, (50, 95)),
    *quantiles("paging_answer", "ms", "ms", _OWN, "lower", "time until a paged device answers", PAGED, (50, 95)),
    Kpi("answer_seizure_pct", "%", Ratio("call_answers", "call_attempts", 100.0), "ITU-T E.411 §3.3", "higher",
        "calls that were answered", "whether the called party chose not to answer"),
    Kpi("call_drop_pct", "%", Ratio("call_drops", "call_answers", 100.0), "GSMA IR.42 §2.2.4", "lower",
        "answered calls that ended abnormally", "a drop that the node closed as normal"),
    Kpi("holding_time_ms", "ms", Ratio("talk_ms", "call_answers", 1.0), "ITU-T E.600 §2.9", "neutral",
        "mean talk time of answered calls"),
    *quantiles("call_setup", "ms", "ms", "GSMA IR.42 §2.2.2", "lower", "time from seizure or INVITE to answer",
                "how much of it the called party let it ring", (50, 95)),
    Kpi("event_success_pct", "%", Ratio("event_successes", "events_judged", 100.0), _OWN, "higher",
        "events of known outcome that were a success"),
    *quantiles("event_duration", "ms", "ms", _OWN, "lower", "how long events took", "", (50, 95)),
)  # fmt: skip

# --- grains ------------------------------------------------------------------------------------------------------

_SESSION_HAS_NONE = (("session", ""),)
_CELL = Key(
    "cell", "cell", "", "MCC-MNC-ECI, MCC-MNC-NCI or MCC-MNC-LAC-CI; null: unknown", (("session", "cell_last"),)
)
_CELL_LAST = Key("cell_last", "cell", "", "latest cell known in the window", _SESSION_HAS_NONE)
_RAT = Key("rat", "rat", "", "radio access technology")
_SUBSCRIBER = Key("subscriber", "subscriber", "", "IMSI/SUPI as text, or its keyed pseudonym; null: not known")
_HOME = Key("home_plmn", "home_plmn", "", "home network MCC-MNC")
_DEVICE = Key("device_tac", "device_tac", "", "type allocation code: the first 8 digits of the IMEI")
_NO_BEARER = (("call", ""), ("event", ""))
_APN = Key("apn", "apn", "", "access point name, network identifier", _NO_BEARER)
_GATEWAY = Key("gateway", "gateway", "", "control-plane address of the PGW or GGSN", _NO_BEARER)
_QOS = Key("qos_class", "qos_class", "", "QCI or 5QI; null: not known", _NO_BEARER, number=True)
_ONLY_BEARERS = (("flow", ""), *_NO_BEARER)
_SLICE = Key("slice", "slice", "", "S-NSSAI: SST, or SST-SD; null: not known, and all of 4G", _ONLY_BEARERS)
_CORE = Key(
    "core_node", "core_node", "", "address of the MME or AMF; null: not known", (*_ONLY_BEARERS, ("session", ""))
)

FAILURES = Counter(
    "failures", "count", ("procedure",), (), "", "requests rejected or never answered",
    ((Condition("outcome", "in", ("failure", "timeout")),),),
)  # fmt: skip

DROPS = Counter(
    "drops", "count", ("presence",), (), "", "bearers released abnormally", ((Condition("dropped", "is_true"),),)
)
_OF_BEARERS = tuple(
    c.name
    for c in COUNTERS
    if not {"flow", "call", "event"} & set(c.tables) and (c.tables != ("session",)) and c.kind != "distinct"
)
"""Counters of tables that tell the slice and the core node."""
EVENT_COUNTERS = (
    Counter("events", "count", ("event",), (), "", "events"),
    Counter("event_successes", "count", ("event",), (), "", "of those, with success",
            ((Condition("outcome", "eq", "success"),),)),
    Counter("events_judged", "count", ("event",), (), "", "of all, those of known outcome",
            ((Condition("outcome", "not_null"),),)),
    Counter("event_duration", "values", ("event",), ("event_ms",), "ms", "how long they took"),
)  # fmt: skip

GRAINS: tuple[Grain, ...] = (
    Grain("cell", "one cell in one window", (_CELL,), (_RAT,)),
    Grain("subscriber", "one subscriber in one window", (_SUBSCRIBER,), (_HOME, _DEVICE, _CELL_LAST)),
    Grain("apn", "one access point name in one window", (_APN,)),
    Grain("device", "one device type in one window", (_DEVICE,)),
    Grain("gateway", "one PGW or GGSN in one window", (_GATEWAY,)),
    Grain("qos_class", "one QCI or 5QI in one window", (_QOS,)),
    Grain("slice", "one network slice in one window", (_SLICE,), counters=_OF_BEARERS),
    Grain("core_node", "one MME or AMF in one window", (_CORE,), counters=_OF_BEARERS),
    Grain("drop", "one cause of abnormal releases of one QoS class in one cell, through one MME or AMF, in one window",
          (_CELL, _QOS, _CORE, Key("cause", "cause", "", "the cause in the words of its standard; null: not told")),
          counters=("drops",), sparse=True),
    Grain(
        "cause", "one cause of failure of one procedure in one cell, gateway and window",
        (_CELL, _GATEWAY, Key("interface", "interface", "", "reference point"),
         Key("procedure", "procedure", "", "the standard's message pair"),
         Key("outcome", "outcome", "", "failure or timeout"),
         Key("cause", "cause", "", "the cause in the words of its standard; null for a timeout")),
        counters=("failures",), sparse=True,
    ),
    Grain(
        "event", "one kind of event on one channel in one window",
        (Key("kind", "kind", "", "what happened"), Key("channel", "channel", "", "where")),
        counters=tuple(counter.name for counter in EVENT_COUNTERS), sparse=True,
    ),
)  # fmt: skip


class Catalogue(NamedTuple):
    """What is computed: counters, KPIs and grains; segments whose columns they may name; the rules of alerts."""

    counters: tuple[Counter, ...]
    kpis: tuple[Kpi, ...]
    grains: tuple[Grain, ...]
    segments: tuple[Segment, ...] = ()
    alerts: tuple[Rule, ...] = ()

    def counters_of(self, grain: Grain) -> tuple[Counter, ...]:
        """The counters of a grain: those that it names, or all but those of the sparse grains."""
        if grain.counters:
            return tuple(c for c in self.counters if c.name in grain.counters)
        named = {name for other in self.grains if other.sparse for name in other.counters}
        return tuple(c for c in self.counters if c.name not in named)

    def kpis_of(self, grain: Grain) -> tuple[Kpi, ...]:
        """The KPIs whose counters the grain has, in their order of declaration."""
        names = {c.name for c in self.counters_of(grain)}
        out = []
        for kpi in self.kpis:  # a formula may name KPIs that stand before it
            if set(bases(kpi)) <= names:
                out.append(kpi)
                names.add(kpi.id)
        return tuple(out)


_FRACTIONS = {c.name for table in TABLES for c in table.columns if c.kind in ("ms", "kbps", "pct")}


def fractional(counter: Counter) -> bool:
    """Whether a counter is a sum of numbers with a fraction: those are added up as whole millionths."""
    return counter.kind == "sum" and not _FRACTIONS.isdisjoint(counter.columns)


def judged_of(kpis: Iterable[Kpi], grain: Grain) -> tuple[Kpi, ...]:
    """The KPIs with a target that rows of a grain can be told to meet or not."""
    names = {"", *(key.name for key in (*grain.keys, *grain.carried))}
    return tuple(kpi for kpi in kpis if any(target.column in names for target in kpi.targets))


def bases(kpi: Kpi) -> tuple[str, ...]:
    """The counters, and of a formula the KPIs, that a KPI is made of."""
    if isinstance(kpi.formula, Ratio):
        return kpi.formula.numerator, kpi.formula.denominator
    return kpi.formula.names if isinstance(kpi.formula, Formula) else (kpi.formula.values,)


CATALOGUE = Catalogue(
    (*COUNTERS, *CORE_COUNTERS, FAILURES, DROPS, *EVENT_COUNTERS), (*KPIS, *CORE_KPIS), (*GRAINS, *CORE_GRAINS)
)
