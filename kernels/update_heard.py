"""The update stage where the assembling stage heard something: packets and messages in one order.

Apart from `kernels.update`, for what S1AP, NGAP, NAS, PFCP and Diameter do to the state takes as long to compile as all
the rest, and most captures hold none of it.
"""

import numpy as np

from formats.records import EVENT_ASSOCIATION_END, EVENT_DIAMETER, EVENT_PFCP, EVENT_RAN
from kernels import diameter_control, ledger, pfcp_control, ran_control, sweep
from kernels.heard import EVENT_COUNT, diameter_messages, diameter_text, events, pfcp_messages, ran_messages
from kernels.jit import part
from kernels.shard import EVENT_AT, LAST_LEDGER, SHARD, SWEEP_STAGE
from kernels.update import fetch_first, step


@part
def hear(shard, heard, position):  # type: ignore[no-untyped-def]
    """Apply the messages that were whole with the packet at `position`."""
    rows = events(heard, 0)
    while shard[EVENT_AT] < heard[EVENT_COUNT] and rows[shard[EVENT_AT]].position == position:
        e = rows[shard[EVENT_AT]]
        shard[EVENT_AT] += 1
        interface, joined = np.int64(diameter_control.DIAMETER), np.int64(0)
        if e.kind == EVENT_ASSOCIATION_END:
            ran_control.end_association(shard, ran_messages(heard, 0)[e.row])
            continue
        if e.kind == EVENT_RAN:
            interface, joined = ran_control.apply(shard, heard, ran_messages(heard, 0)[e.row])
        elif e.kind == EVENT_PFCP:
            interface, joined = pfcp_control.apply(shard, heard, pfcp_messages(heard, 0)[e.row])
        elif e.kind == EVENT_DIAMETER and e.row >= 0:
            m = diameter_messages(heard, 0)[e.row]
            interface, joined = diameter_control.apply(shard, diameter_text(heard, 0), m)
        if shard[SHARD] == 0:
            ledger.count_message(shard, shard[LAST_LEDGER], joined, interface)


@part
def update_heard(shard, packets, order, begin, end, sig, scratch, heard):  # type: ignore[no-untyped-def]
    """As `kernels.update.update`, and apply what was heard; heard: int64[], the words of a `kernels.heard.Heard`."""
    if shard[SWEEP_STAGE] != 0 and not sweep.go_on(shard):
        return begin
    fetch_first(shard, packets, order, begin, end, sig)
    for i in range(begin, end):
        if not step(shard, packets, order, i, end, sig, scratch):
            return i
        if shard[EVENT_AT] < heard[EVENT_COUNT]:
            hear(shard, heard, i)
    return end
