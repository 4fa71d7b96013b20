"""Counters and KPIs of NAS procedures (TS 24.301, TS 24.501), as far as ciphering lets them be seen."""

from formats.kpi_parts import Condition, Counter, Kpi, Ratio, Where, quantiles, values

FAILED = Condition("outcome", "eq", "failure")
_INFERRED = (
    "what ciphering hides: then Initial Context Setup is the answer, and a release the failure of what waits; the "
    "cause of a ciphered reject is not seen"
)
_UNREAD_UPDATE = (
    "what ciphering hides: then a ciphered answer with a normal release after it is a success, a ciphered reject too"
)
_UNREAD_SESSION = (
    "requests under ciphering: then the set-up of resources that carries a NAS message is the attempt, and what the "
    "core refused is not seen"
)
_UNREAD_PROOF = "an authentication between device and core that NAS does not carry (EAP of other accesses)"

NAS_TIMED = (
    # procedure, words, clause, what is not seen
    ("attach", "attaches to EPS", "TS 32.455, EPS attach success rate", _INFERRED),
    ("registration", "registrations with 5GS of any type", "TS 28.554 §6.2.3", _INFERRED),
    ("tracking_area_update", "tracking area updates", "TS 32.455, tracking area update success rate", _UNREAD_UPDATE),
    ("service_request", "service requests", "TS 32.455, EPS service request success rate; TS 28.552 §5.2", _INFERRED),
    ("pdu_session_establishment", "PDU sessions asked for", "TS 28.552 §5.3.1", _UNREAD_SESSION),
)


def _nas(procedure: str, *more: Condition) -> Where:
    return ((Condition("procedure", "eq", procedure), *more),)


_SUCCEEDED = Condition("outcome", "eq", "success")
_KNOWN = Condition("outcome", "not_null")


def _nas_counters(procedure: str, words: str) -> tuple[Counter, ...]:
    success = _nas(procedure, _SUCCEEDED)
    return (
        Counter(f"{procedure}_attempts", "count", ("procedure",), (), "", f"{words}, whose outcome is known",
                _nas(procedure, _KNOWN)),
        Counter(f"{procedure}_successes", "count", ("procedure",), (), "", "of those, successful", success),
        Counter(f"{procedure}_ms", "sum", ("procedure",), ("latency_ms",), "ms", "time that those took", success),
        values(f"{procedure}_time", "procedure", "latency_ms", f"time that successful {words} took", success),
    )  # fmt: skip


def _nas_kpis(procedure: str, words: str, clause: str, unseen: str) -> tuple[Kpi, ...]:
    return (
        Kpi(f"{procedure}_success_pct", "%", Ratio(f"{procedure}_successes", f"{procedure}_attempts", 100.0), clause,
            "higher", f"{words} that succeeded", unseen),
        Kpi(f"{procedure}_mean_ms", "ms", Ratio(f"{procedure}_ms", f"{procedure}_successes", 1.0), clause, "lower",
            f"mean time of {words} from request to answer", unseen),
        *quantiles(f"{procedure}_time", "ms", "ms", clause, "lower", f"time of {words}", unseen, (50, 95)),
    )  # fmt: skip


_SYNCH_FAILURE = "Synch failure"
"""EMM and 5GMM cause 21: the device asks for its sequence number to be set anew, and another attempt follows."""

NAS_COUNTERS: tuple[Counter, ...] = (
    *(counter for name, words, _, _ in NAS_TIMED for counter in _nas_counters(name, words)),
    Counter("authentication_attempts", "count", ("procedure",), (), "", "devices asked to prove who they are, "
            "and whether they did is known", _nas("authentication", _KNOWN)),
    Counter("authentication_failures", "count", ("procedure",), (), "", "of those, refused by device or network",
            (*_nas("authentication", FAILED, Condition("cause", "ne", _SYNCH_FAILURE)),
             *_nas("authentication", FAILED, Condition("cause", "is_null")))),
    Counter("authentication_synch_failures", "count", ("procedure",), (), "", "of those, asked again for their "
            "sequence number was out of step", _nas("authentication", Condition("cause", "eq", _SYNCH_FAILURE))),
)  # fmt: skip

NAS_KPIS: tuple[Kpi, ...] = (
    *(kpi for row in NAS_TIMED for kpi in _nas_kpis(*row)),
    Kpi("authentication_failure_pct", "%", Ratio("authentication_failures", "authentication_attempts", 100.0),
        "TS 24.301 §5.4.2, TS 24.501 §5.4.1", "lower", "authentications that failed, but for synchronisation",
        _UNREAD_PROOF),
)  # fmt: skip
