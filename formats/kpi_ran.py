"""Counters and KPIs of S1AP and NGAP: connections, bearers, handovers, paging, and how bearers end.

An outcome counts in the cell of its attempt; of a handover that is the source. What is an abnormal release is declared
in `formats.causes.NORMAL`.
"""

from typing import NamedTuple

from formats.kpi_parts import Condition, Counter, Kpi, Ratio

OWN = "wiregauge"
_ENDED = Condition("outcome", "not_null")


class Pair(NamedTuple):
    """A request of the radio side and its success: counters `<name>_attempts`, `<name>_successes`, a KPI of both."""

    name: str
    procedure: str
    interface: str
    what: str
    clause: str
    unseen: str

    def counters(self) -> tuple[Counter, Counter]:
        """Attempts whose outcome is known, and those that succeeded."""
        where = (Condition("procedure", "eq", self.procedure), Condition("interface", "eq", self.interface))
        good = Condition("outcome", "eq", "success")
        return (
            Counter(f"{self.name}_attempts", "count", ("procedure",), (), "", f"{self.what}, whose outcome is known",
                    ((*where, _ENDED),)),
            Counter(f"{self.name}_successes", "count", ("procedure",), (), "", "of those, successful",
                    ((*where, good),)),
        )  # fmt: skip

    def kpi(self) -> Kpi:
        """Successes of attempts."""
        ratio = Ratio(f"{self.name}_successes", f"{self.name}_attempts", 100.0)
        return Kpi(
            f"{self.name}_success_pct", "%", ratio, self.clause, "higher", f"success of {self.what}", self.unseen
        )


NO_RRC = "RRC: a device that no base station hears leaves no trace; this is the part from the core interface on"
_NO_X2 = "the handover itself, which the two base stations agree on: one that fails shows as a release, or not at all"
NO_TARGET = "a target on a link that is not captured: the release of the source then tells the success"
PAGED = "devices out of reach and devices that are switched off look alike; counted in the area paged, cell unknown"
PAIRS = (
    Pair(
        "s1_connection",
        "signalling_connection",
        "s1mme",
        "S1 signalling connections, Initial UE Message to the first message of the MME",
        "TS 32.425 §4.6.1; a factor of TS 32.450 §6.1.1",
        NO_RRC,
    ),
    Pair(
        "ng_connection",
        "signalling_connection",
        "n2",
        "NG signalling connections, Initial UE Message to the first message of the AMF",
        "a factor of TS 28.554 §6.2.4",
        NO_RRC,
    ),
    Pair("s1_context_setup", "initial_context_setup", "s1mme", "initial context set-ups", "TS 36.413 §8.3.1", NO_RRC),
    Pair("ng_context_setup", "initial_context_setup", "n2", "initial context set-ups", "TS 38.413 §8.3.1", NO_RRC),
    Pair(
        "e_rab_initial",
        "e_rab_establishment_initial",
        "s1mme",
        "E-RABs set up with the context",
        "TS 32.425 §4.2.1.1, §4.2.1.2; a factor of TS 32.450 §6.1.1",
        NO_RRC,
    ),
    Pair(
        "e_rab_added",
        "e_rab_establishment_added",
        "s1mme",
        "E-RABs added to a context",
        "TS 32.450 §6.1.1 (AddedEPSBEstabSR), TS 32.425 §4.2.1.4, §4.2.1.5",
        NO_RRC,
    ),
    Pair(
        "pdu_session_setup",
        "pdu_session_resource_establishment",
        "n2",
        "resources of PDU sessions set up",
        f"{OWN}, by TS 38.413 §8.2.1; after TS 28.554 §6.2",
        NO_RRC,
    ),
    Pair(
        "s1_handover_preparation",
        "handover_preparation",
        "s1mme",
        "preparations of S1 handovers, in the source cell",
        "TS 32.450 §6.5.1, TS 36.413 §8.4.1",
        "handovers over X2, which the core hears of at their end",
    ),
    Pair(
        "s1_handover_execution",
        "handover_execution",
        "s1mme",
        "S1 handovers commanded, in the source cell",
        "TS 32.450 §6.5.1, TS 36.413 §8.4.3",
        NO_TARGET,
    ),
    Pair(
        "n2_handover_preparation",
        "handover_preparation",
        "n2",
        "preparations of N2 handovers, in the source cell",
        "TS 28.554 §6.6, TS 38.413 §8.4.1",
        "handovers over Xn, which the core hears of at their end",
    ),
    Pair(
        "n2_handover_execution",
        "handover_execution",
        "n2",
        "N2 handovers commanded, in the source cell",
        "TS 28.554 §6.6, TS 38.413 §8.4.3",
        NO_TARGET,
    ),
    Pair(
        "x2_path_switch",
        "path_switch_request",
        "s1mme",
        "path switches after X2 handovers, in the target cell",
        "TS 36.413 §8.4.4",
        _NO_X2,
    ),
    Pair(
        "xn_path_switch",
        "path_switch_request",
        "n2",
        "path switches after Xn handovers, in the target cell",
        "TS 38.413 §8.4.4",
        _NO_X2,
    ),
    Pair("s1_paging", "paging", "s1mme", "devices paged through S1, until one answers", "TS 36.413 §8.5", PAGED),
    Pair("ng_paging", "paging", "n2", "devices paged through NG, until one answers", "TS 38.413 §8.5", PAGED),
)
"""Requests of S1AP and NGAP: each is one row of `procedure`, retries and all."""

BEARERS = (
    ("e_rab", ("eutran", "nb_iot", "lte_m"), "E-RABs", "TS 32.450 §6.2.1, TS 32.425 §4.2.2.6"),
    ("pdu_session", ("nr",), "PDU sessions with radio resources", "TS 28.554 §6.5.1, TS 28.552 §5.1.1"),
)
"""Bearers of 4G and 5G: name, RATs, in words, clauses. What is abnormal is declared in `formats.causes.NORMAL`."""


def bearer_counters(name: str, rats: tuple[str, ...], what: str) -> tuple[Counter, ...]:
    """Counters of the bearers of one of BEARERS: how they ended, and for how long they were there."""
    on = Condition("rat", "in", rats)
    return (
        Counter(f"{name}_releases", "count", ("presence",), (), "", f"{what} released, normally or not, in the cell "
                "and window of the release", ((on, Condition("dropped", "not_null")),)),
        Counter(f"{name}_drops", "count", ("presence",), (), "", "of those, abnormally",
                ((on, Condition("dropped", "is_true")),)),
        Counter(f"{name}_connected_ms", "sum", ("presence",), ("connected_ms",), "ms", f"time of {what}", ((on,),)),
        Counter(f"{name}_active_ms", "sum", ("presence",), ("active_ms",), "ms", f"time of {what} with user data "
                "within the last 100 ms", ((on,),)),
    )  # fmt: skip


def latency(name: str, procedures: tuple[str, ...], what: str) -> Counter:
    """Times from request to answer of procedures that succeeded."""
    where = ((Condition("procedure", "in", procedures), Condition("outcome", "eq", "success")),)
    return Counter(name, "values", ("procedure",), ("latency_ms",), "ms", what, where)


def retainability(name: str, what: str, clause: str) -> tuple[Kpi, ...]:
    """Abnormal releases of one of BEARERS, of all releases and by time."""
    unseen = "data that waits in the base station: any abnormal release counts, whether or not there were any"
    return (
        Kpi(f"{name}_drop_pct", "%", Ratio(f"{name}_drops", f"{name}_releases", 100.0), f"{OWN}, causes of {clause}",
            "lower", f"{what} released abnormally, of those released", unseen),
        Kpi(f"{name}_drops_per_hour", "1/h", Ratio(f"{name}_drops", f"{name}_connected_ms", 3_600_000.0), clause,
            "lower", f"abnormal releases per hour of {what} with a radio-side endpoint", unseen),
        Kpi(f"{name}_drops_per_active_hour", "1/h", Ratio(f"{name}_drops", f"{name}_active_ms", 3_600_000.0), clause,
            "lower", f"abnormal releases per hour of {what} with user data within the last 100 ms", unseen),
    )  # fmt: skip


def handover(name: str, what: str, clause: str) -> Kpi:
    """Success of handovers of a kind that the core takes part in, from being asked for to arrival."""
    ratio = Ratio(f"{name}_execution_successes", f"{name}_preparation_attempts", 100.0)
    return Kpi(
        f"{name}_success_pct", "%", ratio, clause, "higher", f"{what}: carried out, of those asked for", NO_TARGET
    )
