"""What a scenario may be asked to contain. Everything is a share, a count or a time; the seed decides the rest."""

from dataclasses import dataclass, replace

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Scenario:
    """A network, its subscribers and what happens to them.

    Times in seconds; shares 0 to 1, of segments, connections, procedures or subscribers as the name says.
    """

    seed: int = 1
    start_s: int = 1_767_225_600  # 2026-01-01 00:00 UTC
    duration_s: float = 60.0
    window_s: int = 60

    # network
    plmn: tuple[str, str] = ("208", "93")
    cells: int = 6
    cells_3g: int = 2
    gateways: int = 2
    transport_ipv6: bool = False
    s5: bool = False  # S5 signalling captured too
    s5_user: bool = False  # S5 user plane captured too: each user packet twice
    echo_interval_s: float = 20.0
    teid_quarantine_s: float = 5.0  # rest of a tunnel endpoint before another subscriber gets it

    # subscribers
    subscribers: int = 20
    subscribers_3g: int = 0
    roamer_share: float = 0.1
    ims_share: float = 0.0  # with a second PDN connection
    dual_stack_share: float = 0.0
    ipv6_share: float = 0.0
    arrival_s: float = 20.0  # first attaches spread over this time

    # life of a session
    connected_s: tuple[float, float] = (4.0, 15.0)
    handovers_per_minute: float = 0.0
    idle_share: float = 0.0  # of connected phases that end in idle
    idle_s: tuple[float, float] = (2.0, 10.0)
    paging_share: float = 0.5  # of returns from idle that follow a Downlink Data Notification
    dedicated_share: float = 0.0  # of connected phases with a dedicated bearer
    piggyback_share: float = 0.5  # of dedicated bearers at attach: piggybacked on the Create Session Response
    network_release_share: float = 0.0  # of normal ends: by Delete Bearer Request of the network
    error_indication_share: float = 0.0  # of ends
    drop_share: float = 0.0  # of connected phases
    bearer_drop_share: float = 0.0  # of dedicated bearers
    stay_share: float = 0.0  # of ends: the session outlives the capture

    # signalling
    setup_failure_share: float = 0.0
    timeout_share: float = 0.0  # of set-ups: no answer at all
    repeat_share: float = 0.0  # of procedures: request repeated, its first copy or the answer lost
    swap_share: float = 0.0  # of procedures: captured answer first
    timer_s: float = 3.0  # T3-RESPONSE
    tries: int = 3  # N3-REQUESTS
    signalling_from_s: float = 0.0  # signalling before this was not captured
    large_message_share: float = 0.0  # of Create Session Requests: larger than one IP packet

    # user plane
    flows: float = 4.0  # mean of a connected phase
    segments: float = 20.0  # mean of a download
    upload_share: float = 0.15
    udp_share: float = 0.25
    icmp_share: float = 0.03
    loss_before: float = 0.0
    loss_after: float = 0.0
    out_of_order: float = 0.0
    duplicate: float = 0.0
    zero_window: float = 0.0
    reset: float = 0.0
    syn_repeated: float = 0.0
    wrap: float = 0.0
    refused: float = 0.0
    no_answer: float = 0.0
    half_open: float = 0.0
    client_abort: float = 0.0
    left_open: float = 0.0
    container_share: float = 0.0  # of bearers with a PDU session container
    ip_options_share: float = 0.0  # of IPv4 connections with IPv4 options
    fragment_share: float = 0.0  # of large user packets, sent in two outer fragments
    inner_fragment_share: float = 0.0  # of UDP flows with a fragmented datagram
    plain_flows: int = 0  # connections on a link without tunnels
    other_frames: int = 0  # ARP

    # radio and core signalling
    cells_nr: int = 0
    subscribers_nr: int = 0
    n4_user_share: float = 0.7  # of PDU sessions: with the User ID on N4
    suci_concealed_share: float = 0.5  # of first registrations: the SUCI of a real scheme, else of the null scheme
    s1: bool = False  # LTE devices live on S1-MME, beside S11
    unseen: str = ""  # interfaces that the capture does not hold: s1mme s11 s6a gx n2 n4 user
    eea0_share: float = 0.5  # of devices: NAS without ciphering
    auth_skip_share: float = 0.5  # of attaches with a known GUTI: the security context is used again
    auth_failure_share: float = 0.0  # of authentications, half of them for a lost synchronisation that is mended
    attach_reject_share: float = 0.0
    attach_silent_share: float = 0.0  # of attaches: no answer at all
    context_failure_share: float = 0.0  # of initial context setups
    bearer_failure_share: float = 0.0  # of E-RABs or PDU sessions added later
    modify_share: float = 0.0  # of dedicated bearers: E-RAB modify
    radio_drop_share: float = 0.0  # of connected phases: released by the radio node, the device comes back
    tau_share: float = 0.0  # of idle times
    tau_reject_share: float = 0.0  # of tracking area updates
    service_reject_share: float = 0.0  # of service requests
    paging_silent_share: float = 0.0  # of pagings: no answer
    s1_handover_share: float = 0.5  # of handovers: through the core, the others as path switch
    handover_preparation_failure_share: float = 0.0
    handover_execution_failure_share: float = 0.0
    handover_cancel_share: float = 0.0
    path_switch_failure_share: float = 0.0
    reset_share: float = 0.3  # of drops for transport or control reasons: by Reset of the connection
    setup_retry_share: float = 0.0  # of radio nodes: first set-up refused
    sctp_repeat_share: float = 0.0  # of SCTP packets with data: sent again
    sctp_second_path: bool = False  # associations with two addresses at each end

    # faults
    bad_cell: int | None = None
    bad_cell_nr: int | None = None
    bad_gateway: int | None = None
    bad_subscriber: int | None = None

    @property
    def start(self) -> int:
        """Start in ns."""
        return self.start_s * SECOND

    @property
    def end(self) -> int:
        """End in ns; what is under way then is finished within seconds."""
        return self.start + int(self.duration_s * SECOND)


def with_loss(scenario: Scenario, before: float, after: float, out_of_order: float) -> Scenario:
    """The scenario with losses before and after the probe, reordering, and connections that go wrong in each way."""
    return replace(
        scenario, loss_before=before, loss_after=after, out_of_order=out_of_order, duplicate=0.001, zero_window=0.02,
        reset=0.05, syn_repeated=0.01, wrap=0.05, refused=0.01, no_answer=0.01, half_open=0.005, client_abort=0.005,
        left_open=0.05,
    )  # fmt: skip


def demo_scenario(seed: int = 1) -> Scenario:
    """Four minutes, about 40 cells and 600 subscribers, with one bad cell, one bad gateway and one bad subscriber."""
    scenario = Scenario(
        seed=seed, duration_s=240, cells=36, cells_3g=4, gateways=3, subscribers=540, subscribers_3g=60,
        arrival_s=150, ims_share=0.2, dual_stack_share=0.2, ipv6_share=0.1, handovers_per_minute=2, idle_share=0.4,
        dedicated_share=0.1, network_release_share=0.05, error_indication_share=0.01, drop_share=0.01,
        setup_failure_share=0.01, timeout_share=0.002, repeat_share=0.01, swap_share=0.01, stay_share=0.3, flows=2.4,
        segments=13, s5=True, bad_cell=7, bad_gateway=1, bad_subscriber=11,
    )  # fmt: skip
    return with_loss(scenario, 0.004, 0.006, 0.004)


def radio_demo_scenario(seed: int = 1) -> Scenario:
    """The demo with signalling between radio and core: 4G and 5G cells, one bad cell of each."""
    return replace(
        demo_scenario(seed), s1=True, subscribers=400, cells_nr=12, subscribers_nr=120, bad_cell_nr=4,
        radio_drop_share=0.02, attach_reject_share=0.01, attach_silent_share=0.003, auth_failure_share=0.01,
        context_failure_share=0.01, bearer_failure_share=0.02, service_reject_share=0.01, tau_share=0.2,
        tau_reject_share=0.03, paging_silent_share=0.05, handover_preparation_failure_share=0.03,
        handover_execution_failure_share=0.02, handover_cancel_share=0.01, path_switch_failure_share=0.01,
        sctp_repeat_share=0.002,
    )  # fmt: skip


def _presets() -> dict[str, Scenario]:
    base = Scenario
    return {
        "attach": base(subscribers=12, duration_s=30),
        "s5": base(subscribers=8, duration_s=30, s5=True, s5_user=True, ims_share=0.5, handovers_per_minute=8),
        "handover": base(subscribers=12, duration_s=40, handovers_per_minute=12, connected_s=(10, 20)),
        "idle": base(subscribers=8, duration_s=60, idle_share=0.9, connected_s=(2, 5), flows=2, segments=10),
        "dedicated": base(subscribers=12, duration_s=40, ims_share=0.6, dedicated_share=0.8, bearer_drop_share=0.3,
                          handovers_per_minute=6, piggyback_share=0.5),
        "dual_stack": base(subscribers=16, duration_s=30, ims_share=0.5, dual_stack_share=0.5, ipv6_share=0.4),
        "transport_ipv6": base(subscribers=8, duration_s=20, transport_ipv6=True, container_share=0.5),
        "mid_start": base(subscribers=16, duration_s=40, signalling_from_s=12),
        "teid_reuse": base(subscribers=12, duration_s=60, teid_quarantine_s=0.02, connected_s=(1, 3), arrival_s=5,
                           flows=1.5, segments=6),
        "failures": base(subscribers=30, duration_s=90, setup_failure_share=0.3, timeout_share=0.1, repeat_share=0.2,
                         swap_share=0.2, flows=1, segments=4, timer_s=1, s5=True),
        "drops": base(subscribers=14, duration_s=60, drop_share=0.5, error_indication_share=0.3,
                      network_release_share=0.5, connected_s=(2, 6), flows=2, segments=10),
        "utran": base(subscribers=0, subscribers_3g=12, duration_s=40, handovers_per_minute=8, drop_share=0.2,
                      dual_stack_share=0.3, setup_failure_share=0.1, error_indication_share=0.1),
        "loss": replace(
            with_loss(base(subscribers=8, duration_s=40, segments=50, udp_share=0), 0.02, 0.03, 0.02),
            refused=0.05, no_answer=0.05, half_open=0.05, client_abort=0.05, syn_repeated=0.05, duplicate=0.004),
        "wrap": base(subscribers=6, duration_s=20, wrap=1, segments=40, udp_share=0, loss_after=0.01),
        "fragments": base(subscribers=8, duration_s=20, large_message_share=1, fragment_share=0.2,
                          inner_fragment_share=0.5, ip_options_share=0.3, container_share=0.5),
        "plain": base(subscribers=0, plain_flows=60, duration_s=20, other_frames=5),
    }  # fmt: skip


def _radio_presets() -> dict[str, Scenario]:
    base = Scenario(s1=True, subscribers=14, duration_s=50, flows=1.5, segments=6, sctp_repeat_share=0.01)
    nr = replace(base, s1=False, subscribers=0, cells_nr=7, subscribers_nr=14)
    return {
        "s1": replace(base, idle_share=0.5, ims_share=0.3, sctp_second_path=True, setup_retry_share=0.3),
        "s1_drops": replace(base, idle_share=0.3, radio_drop_share=0.4, drop_share=0.2, bad_cell=2, connected_s=(2, 6),
                            error_indication_share=0.2, network_release_share=0.3, reset_share=0.8),
        "s1_handover": replace(base, handovers_per_minute=12, connected_s=(8, 16), ims_share=0.3,
                               handover_preparation_failure_share=0.2, handover_execution_failure_share=0.15,
                               handover_cancel_share=0.1, path_switch_failure_share=0.15),
        "s1_failures": replace(base, subscribers=24, attach_reject_share=0.15, attach_silent_share=0.1,
                               auth_failure_share=0.2, context_failure_share=0.2, setup_failure_share=0.1,
                               service_reject_share=0.3, idle_share=0.6, connected_s=(2, 5)),
        "s1_idle": replace(base, idle_share=0.9, connected_s=(1, 3), tau_share=0.6, tau_reject_share=0.3,
                           paging_silent_share=0.3, idle_s=(3, 12)),
        "s1_bearers": replace(base, dedicated_share=0.8, bearer_failure_share=0.3, modify_share=0.5,
                              bearer_drop_share=0.4, ims_share=0.5, connected_s=(2, 6), idle_share=0.5),
        "s1_alone": replace(base, unseen="s11 user", idle_share=0.4, radio_drop_share=0.2, handovers_per_minute=6),
        "s1_mid_start": replace(base, signalling_from_s=15, idle_share=0.4, handovers_per_minute=6),
        "s1_ipv6": replace(base, transport_ipv6=True, idle_share=0.3, handovers_per_minute=6),
        "nr": replace(nr, idle_share=0.5, ims_share=0.3, sctp_second_path=True, setup_retry_share=0.3),
        "nr_drops": replace(nr, idle_share=0.3, radio_drop_share=0.4, drop_share=0.2, bad_cell_nr=4, connected_s=(2, 6),
                            network_release_share=0.3, reset_share=0.8),
        "nr_handover": replace(nr, handovers_per_minute=12, connected_s=(8, 16), ims_share=0.3,
                               handover_preparation_failure_share=0.2, handover_execution_failure_share=0.15,
                               handover_cancel_share=0.1, path_switch_failure_share=0.15),
        "nr_failures": replace(nr, subscribers_nr=24, attach_reject_share=0.15, attach_silent_share=0.1,
                               auth_failure_share=0.2, context_failure_share=0.2, setup_failure_share=0.3,
                               service_reject_share=0.3, idle_share=0.6, connected_s=(2, 5)),
        "nr_idle": replace(nr, idle_share=0.9, connected_s=(1, 3), tau_share=0.6, tau_reject_share=0.3,
                           paging_silent_share=0.3, idle_s=(3, 12)),
        "nr_alone": replace(nr, unseen="n4 user", idle_share=0.4, radio_drop_share=0.2, handovers_per_minute=6),
        "mixed": replace(base, cells_nr=5, subscribers_nr=10, idle_share=0.4, radio_drop_share=0.15, ims_share=0.2,
                         handovers_per_minute=4, dedicated_share=0.3, tau_share=0.2, s5=True, bad_cell=2,
                         bad_cell_nr=1),
    }  # fmt: skip


PRESETS = _presets()
"""Small scenarios, a few thousand packets each, for one feature each."""
RADIO_PRESETS = _radio_presets()
"""The same with signalling between radio and core."""
