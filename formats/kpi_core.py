"""Counters, KPIs and a grain of PFCP and Diameter: requests and how they were answered."""

from formats.kpi_parts import Condition, Counter, Grain, Key, Kpi, Ratio, quantiles, values
from formats.kpi_ran import OWN

_ANSWERED = Condition("outcome", "in", ("success", "failure"))
_SUCCEEDED = Condition("outcome", "eq", "success")
_COUNTED = Condition("counted", "is_true")
_TAPPED = "messages on links that are not tapped; a Diameter agent's own answer looks like its server's"


def _exchange(name: str, what: str, *which: Condition) -> tuple[Counter, ...]:
    asked = (*which, _COUNTED)
    return (
        Counter(f"{name}_attempts", "count", ("procedure",), (), "", f"{what}: requests", (asked,)),
        Counter(f"{name}_successes", "count", ("procedure",), (), "", f"{what}: of those, accepted",
                ((*asked, _SUCCEEDED),)),
        Counter(f"{name}_timeouts", "count", ("procedure",), (), "", f"{what}: of those, never answered",
                ((*asked, Condition("outcome", "eq", "timeout")),)),
        values(f"{name}_answer", "procedure", "latency_ms", f"{what}: request to answer", ((*asked, _ANSWERED),)),
    )  # fmt: skip


def _exchange_kpis(name: str, what: str, clause: str) -> tuple[Kpi, ...]:
    return (
        Kpi(f"{name}_success_pct", "%", Ratio(f"{name}_successes", f"{name}_attempts", 100.0), clause, "higher",
            f"{what}: accepted requests", _TAPPED),
        *quantiles(f"{name}_answer", "ms", "ms", clause, "lower", f"{what}: time to answer", _TAPPED, (50, 95)),
    )  # fmt: skip


_ESTABLISHMENT = Condition("procedure", "eq", "pfcp_session_establishment")
_EXCHANGES: tuple[tuple[str, str, str, tuple[Condition, ...]], ...] = (
    ("n4_session_establishment", "PFCP sessions set up on N4", "TS 29.244 §7.5.2, after TS 28.552 §5.3",
     (Condition("interface", "eq", "n4"), _ESTABLISHMENT)),
    ("sx_session_establishment", "PFCP sessions set up on Sxa and Sxb", "TS 29.244 §7.5.2",
     (Condition("interface", "eq", "sx"), _ESTABLISHMENT)),
    *((name, f"Diameter on {words}", f"RFC 6733 §7.1, {clause}", (Condition("interface", "eq", name),))
      for name, words, clause in (
          ("s6a", "S6a", "TS 29.272 §7.4"), ("gx", "Gx", "TS 29.212 §5.5"), ("gy", "Gy", "RFC 8506 §9"),
          ("rx", "Rx", "TS 29.214 §5.5"), ("cx", "Cx", "TS 29.229 §6.2"))),
    ("procedure", "requests of one kind", OWN, ()),
)  # fmt: skip

CORE_COUNTERS: tuple[Counter, ...] = tuple(
    counter for name, what, _, which in _EXCHANGES for counter in _exchange(name, what, *which)
)
CORE_KPIS: tuple[Kpi, ...] = tuple(
    kpi for name, what, clause, _ in _EXCHANGES for kpi in _exchange_kpis(name, what, clause)
)
CORE_GRAINS: tuple[Grain, ...] = (
    Grain(
        "procedure", "one procedure on one reference point in one window",
        (Key("interface", "interface", "", "reference point"),
         Key("procedure", "procedure", "", "the standard's message pair")),
        counters=("procedure_attempts", "procedure_successes", "procedure_timeouts", "procedure_answer"), sparse=True,
    ),
)  # fmt: skip
