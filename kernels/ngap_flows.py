"""QoS flows in the transfers of NGAP: lists of them, each item a QOS_FLOW row, and their QoS (TS 38.413 §9.3.1.12)."""

import numpy as np

from formats.ngap import CAUSE_RADIO_ROOT
from formats.ran import FlowKind
from kernels.jit import part
from kernels.per import (
    bits,
    end_sequence,
    enumerated,
    fail,
    field,
    long_integer,
    number,
    pass_over,
    sequence,
    unconstrained,
)
from kernels.ran_rows import add_flow
from kernels.ran_types import cause

OPTIONS = np.ones(len(FlowKind), np.uint8)
"""uint8[FlowKind]: OPTIONAL members of an item, iE-Extensions too."""
OPTIONS[[FlowKind.SETUP_REQUEST, FlowKind.ASSOCIATED, FlowKind.ADMITTED]] = 2
OPTIONS[FlowKind.MODIFY_REQUEST] = 3

WITH_CAUSE = np.zeros(len(FlowKind), np.bool_)
"""bool[FlowKind]: whether its items are those of QosFlowListWithCause."""
WITH_CAUSE[[FlowKind.RELEASE_COMMAND, FlowKind.FAILED, FlowKind.RELEASED, FlowKind.RESUME_FAILED]] = True


@part
def flow_list(data, r, kind, row, on, m, out):  # type: ignore[no-untyped-def]
    """A list of QoS flows, SEQUENCE (SIZE (1..64)), of the item at `row` and the tunnel of the row `on`."""
    for _ in range(bits(data, r, 6) + 1):
        options = np.int64(OPTIONS[kind])
        preamble = sequence(data, r, options)
        qfi = small_integer(data, r, 6)
        if r.fault:
            break
        at = add_flow(kind, qfi & 0x7F, row, on, m, out)
        if at < 0:
            fail(r)
            break
        _flow_members(data, r, kind, preamble, out.flows[at])
        end_sequence(data, r, preamble, options)
        _tell(out.flows[at], out.bearers[on])


@part
def _flow_members(data, r, kind, preamble, flow):  # type: ignore[no-untyped-def]
    """What an item holds after the QoS Flow Identifier."""
    if WITH_CAUSE[kind]:
        cause(data, r, False, CAUSE_RADIO_ROOT, flow)
    elif kind == FlowKind.SETUP_REQUEST or kind == FlowKind.MODIFY_REQUEST:
        if kind == FlowKind.SETUP_REQUEST or preamble & 4:
            _qos(data, r, flow)
        if preamble & 2:
            small_integer(data, r, 4)
    elif kind == FlowKind.ASSOCIATED and preamble & 2:
        enumerated(data, r, 1, 2)
    elif kind == FlowKind.ADMITTED and preamble & 2:
        enumerated(data, r, 0, 1)
    elif kind == FlowKind.NOTIFIED:
        flow.state = enumerated(data, r, 1, 2)


@part
def _tell(flow, b):  # type: ignore[no-untyped-def]
    """The first flow of a bearer that tells its QoS stands for it."""
    if b.qci < 0 and flow.five_qi >= 0:
        b.qci = flow.five_qi
        b.arp_priority = flow.arp_priority
        b.qfi = flow.qfi


@part
def small_integer(data, r, width):  # type: ignore[no-untyped-def]
    """INTEGER (.., ...) whose root has a range of `width` bits, below 256: less the lower bound."""
    return unconstrained(data, r) & 0x7FFF if bits(data, r, 1) else bits(data, r, width)


@part
def short_integer(data, r, octets):  # type: ignore[no-untyped-def]
    """INTEGER (.., ...) whose root has a range of 256, or above up to 65536: in 1 or 2 `octets`."""
    return unconstrained(data, r) & 0x7FFF if bits(data, r, 1) else number(data, r, octets)


@part
def bit_rate(data, r):  # type: ignore[no-untyped-def]
    """BitRate, INTEGER (0..4000000000000, ...); -1 after a fault."""
    rate = unconstrained(data, r) if bits(data, r, 1) else long_integer(data, r, 3)
    return np.int64(-1) if r.fault else rate


@part
def _qos(data, r, flow):  # type: ignore[no-untyped-def]
    """QosFlowLevelQosParameters: characteristics, ARP, GBR, and two flags."""
    preamble = sequence(data, r, 4)
    five_qi = _characteristics(data, r)
    priority = _allocation_and_retention(data, r)
    if r.fault:
        return
    flow.five_qi = five_qi
    flow.arp_priority = priority
    if preamble & 8:
        _gbr(data, r, flow)
    if preamble & 4:
        enumerated(data, r, 0, 1)
    if preamble & 2:
        enumerated(data, r, 0, 1)
    end_sequence(data, r, preamble, 4)


@part
def _characteristics(data, r):  # type: ignore[no-untyped-def]
    """QosCharacteristics: the 5QI of the alternative, -1 where it tells none."""
    alternative = bits(data, r, 2)
    if alternative == 0:
        return _non_dynamic(data, r)
    if alternative == 1:
        return _dynamic(data, r)
    if alternative == 2:
        field(data, r)
        pass_over(data, r)
        return np.int64(-1)
    return fail(r)


@part
def _non_dynamic(data, r):  # type: ignore[no-untyped-def]
    """NonDynamic5QIDescriptor."""
    preamble = sequence(data, r, 4)
    five_qi = short_integer(data, r, 1)
    if preamble & 8:
        small_integer(data, r, 7)
    if preamble & 4:
        short_integer(data, r, 2)
    if preamble & 2:
        short_integer(data, r, 2)
    end_sequence(data, r, preamble, 4)
    return five_qi


@part
def _dynamic(data, r):  # type: ignore[no-untyped-def]
    """Dynamic5QIDescriptor: priority, delay budget, error rate, then the 5QI that may be told."""
    preamble = sequence(data, r, 5)
    small_integer(data, r, 7)
    short_integer(data, r, 2)
    error_rate = sequence(data, r, 1)
    small_integer(data, r, 4)
    small_integer(data, r, 4)
    end_sequence(data, r, error_rate, 1)
    five_qi = short_integer(data, r, 1) if preamble & 16 else np.int64(-1)
    if preamble & 8:
        enumerated(data, r, 1, 2)
    if preamble & 4:
        short_integer(data, r, 2)
    if preamble & 2:
        short_integer(data, r, 2)
    end_sequence(data, r, preamble, 5)
    return five_qi


@part
def _allocation_and_retention(data, r):  # type: ignore[no-untyped-def]
    """AllocationAndRetentionPriority: the priority, 1 to 15; what pre-emption may do is passed over."""
    preamble = sequence(data, r, 1)
    priority = bits(data, r, 4) + 1
    enumerated(data, r, 1, 2)
    enumerated(data, r, 1, 2)
    end_sequence(data, r, preamble, 1)
    return priority


@part
def _gbr(data, r, flow):  # type: ignore[no-untyped-def]
    """GBR-QosInformation: maximum and guaranteed, downlink first; notification control, packet loss rates."""
    preamble = sequence(data, r, 4)
    bit_rate(data, r)
    bit_rate(data, r)
    down = bit_rate(data, r)
    up = bit_rate(data, r)
    if not r.fault:
        flow.gbr_down_bps = down
        flow.gbr_up_bps = up
    if preamble & 8:
        enumerated(data, r, 0, 1)
    if preamble & 4:
        short_integer(data, r, 2)
    if preamble & 2:
        short_integer(data, r, 2)
    end_sequence(data, r, preamble, 4)
