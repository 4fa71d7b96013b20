"""Rows of S1AP and NGAP messages: made with every field absent, then filled by the decoders.

`m` is a RAN_MESSAGE record, `out` the arrays it goes to. Rows are used again, so each starts from nothing. While a
message is decoded its own row says where its next bearer, flow, NAS message and connection go; `used` moves when it
ends.
"""

from typing import NamedTuple

import numpy as np

from formats.addresses import IPV4_MAPPED, NO_DIGITS
from formats.per import FRAGMENT_OCTETS, READER
from formats.ran import NAS_PDU, QOS_FLOW, RAN_BEARER, RAN_CONNECTION, RAN_MESSAGE, Tunnel
from kernels.jit import part
from kernels.octets import be32, be64

MESSAGES, BEARERS, FLOWS, NAS_PDUS, CONNECTIONS, WHOLE = range(6)
"""Cursors in `Ran.used`."""

MESSAGE_BEARERS = 512
MESSAGE_FLOWS = 1024
MESSAGE_NAS_PDUS = 264
MESSAGE_CONNECTIONS = 1024
"""The most rows that one message may add; what is beyond is dropped and the message marked damaged."""

NO_ROOM = -1
"""In place of a reason: the arrays must be emptied before this message can be decoded."""

_NONE = np.uint64(0)
_NO_TUNNEL = np.int64(Tunnel.NONE)


class Ran(NamedTuple):
    """Arrays of a fixed length with a cursor each, and the state of the decoder."""

    messages: np.ndarray
    """RAN_MESSAGE[n]"""
    bearers: np.ndarray
    """RAN_BEARER[n]"""
    flows: np.ndarray
    """QOS_FLOW[n]"""
    nas_pdus: np.ndarray
    """NAS_PDU[n]"""
    connections: np.ndarray
    """RAN_CONNECTION[n]"""
    whole: np.ndarray
    """uint8[n]: octets put together from PER fragments"""
    used: np.ndarray
    """int64[6]: rows in use"""
    reader: np.ndarray
    """READER[1]"""


def allocate(messages: int, whole: int = 1 << 18) -> Ran:
    """Arrays with room for `messages` of usual size, at least for two of the largest; `whole` octets of fragments."""
    return Ran(
        np.zeros(max(messages, 2), RAN_MESSAGE),
        np.zeros(max(2 * messages, 2 * MESSAGE_BEARERS), RAN_BEARER),
        np.zeros(max(2 * messages, 2 * MESSAGE_FLOWS), QOS_FLOW),
        np.zeros(max(messages, 2 * MESSAGE_NAS_PDUS), NAS_PDU),
        np.zeros(max(messages // 4, 2 * MESSAGE_CONNECTIONS), RAN_CONNECTION),
        np.zeros(whole, np.uint8),
        np.zeros(6, np.int64),
        np.zeros(1, READER),
    )


@part
def has_room(octets, out):  # type: ignore[no-untyped-def]
    """Whether a message of `octets` finds room whatever it holds; one too large for empty arrays may try them."""
    used = out.used
    return (
        used[MESSAGES] < len(out.messages)
        and used[BEARERS] + MESSAGE_BEARERS <= len(out.bearers)
        and used[FLOWS] + MESSAGE_FLOWS <= len(out.flows)
        and used[NAS_PDUS] + MESSAGE_NAS_PDUS <= len(out.nas_pdus)
        and used[CONNECTIONS] + MESSAGE_CONNECTIONS <= len(out.connections)
        # The message, an element of it, an item of that and its NAS message can all be fragmented.
        and (octets < FRAGMENT_OCTETS or used[WHOLE] == 0 or used[WHOLE] + 4 * octets <= len(out.whole))
    )


@part
def begin_message(protocol, pdu, procedure, out):  # type: ignore[no-untyped-def]
    """The next RAN_MESSAGE record, empty, at the cursors as they stand; `end_message` moves the cursors over it."""
    m = out.messages[out.used[MESSAGES]]
    _clear_identities(m)
    _clear_fields(m)
    m.protocol = protocol
    m.pdu = pdu
    m.procedure = procedure
    m.first_bearer = out.used[BEARERS]
    m.first_flow = out.used[FLOWS]
    m.first_nas = out.used[NAS_PDUS]
    m.first_connection = out.used[CONNECTIONS]
    return m


@part
def _clear_identities(m):  # type: ignore[no-untyped-def]
    m.ts = 0
    m.src_hi = _NONE
    m.src_lo = _NONE
    m.dst_hi = _NONE
    m.dst_lo = _NONE
    m.association = 0
    m.core_ue_id = -1
    m.ran_ue_id = -1
    m.other_core_ue_id = -1
    m.cell = _NONE
    m.area = _NONE
    m.node = _NONE
    m.target_node = _NONE
    m.target_area = _NONE
    m.target_cell = _NONE
    m.source_cell = _NONE
    m.s_tmsi = -1
    m.core_node = -1
    m.imsi = NO_DIGITS


@part
def _clear_fields(m):  # type: ignore[no-untyped-def]
    m.ambr_up_bps = -1
    m.ambr_down_bps = -1
    m.bearer_count = 0
    m.flow_count = 0
    m.nas_count = 0
    m.connection_count = 0
    m.cause = -1
    m.cause_group = -1
    m.establishment_cause = -1
    m.handover_type = -1
    m.reset_type = -1
    m.rrc_state = -1
    m.damage = 0


@part
def end_message(r, m, out):  # type: ignore[no-untyped-def]
    """Keep the message that was begun last, and what it added to the other arrays."""
    m.damage |= r.damage | r.fault
    used = out.used
    used[MESSAGES] += 1
    used[BEARERS] = m.first_bearer + m.bearer_count
    used[FLOWS] = m.first_flow + m.flow_count
    used[NAS_PDUS] = m.first_nas + m.nas_count
    used[CONNECTIONS] = m.first_connection + m.connection_count


@part
def add_bearer(kind, m, out):  # type: ignore[no-untyped-def]
    """Append an empty RAN_BEARER row: its index, or -1 where MESSAGE_BEARERS are in use (damage)."""
    if m.bearer_count >= MESSAGE_BEARERS:
        m.damage = 1
        return np.int64(-1)
    row = np.int64(m.first_bearer) + m.bearer_count
    b = out.bearers[row]
    b.hi = _NONE
    b.lo = _NONE
    b.v6_hi = _NONE
    b.v6_lo = _NONE
    b.teid = -1
    b.gbr_up_bps = -1
    b.gbr_down_bps = -1
    b.ambr_up_bps = -1
    b.ambr_down_bps = -1
    b.message = out.used[MESSAGES]
    b.first_flow = np.int64(m.first_flow) + m.flow_count
    b.sd = -1
    b.flow_count = 0
    b.id = -1
    b.qci = -1
    b.cause = -1
    b.sst = -1
    b.cause_group = -1
    b.arp_priority = -1
    b.qfi = -1
    b.session_type = -1
    b.kind = kind
    b.tunnel = _NO_TUNNEL
    b.more = 0
    m.bearer_count += 1
    return row


@part
def add_tunnel(row, tunnel, m, out):  # type: ignore[no-untyped-def]
    """The RAN_BEARER for a tunnel of the item at `row`: that row while it has none, else one more; -1 without room."""
    if out.bearers[row].tunnel == _NO_TUNNEL:
        out.bearers[row].tunnel = tunnel
        return row
    more = add_bearer(out.bearers[row].kind, m, out)
    if more >= 0:
        out.bearers[more].id = out.bearers[row].id
        out.bearers[more].tunnel = tunnel
        out.bearers[more].more = 1
    return more


@part
def set_address(data, at, octets, b):  # type: ignore[no-untyped-def]
    """Transport Layer Address (TS 36.414 §5.3) of `octets` at `at`: IPv4, IPv6, or IPv4 then IPv6."""
    ipv6 = at + octets - 16
    if octets in (4, 20):
        b.hi = _NONE
        b.lo = IPV4_MAPPED | np.uint64(be32(data, at))
    if octets == 20:
        b.v6_hi = be64(data, ipv6)
        b.v6_lo = be64(data, ipv6 + 8)
    elif octets == 16:
        b.hi = be64(data, ipv6)
        b.lo = be64(data, ipv6 + 8)


@part
def add_flow(kind, qfi, row, on, m, out):  # type: ignore[no-untyped-def]
    """Append a QOS_FLOW of the item at `row`, on the tunnel of the row `on`: its index, -1 without room (damage)."""
    if m.flow_count >= MESSAGE_FLOWS:
        m.damage = 1
        return np.int64(-1)
    at = np.int64(m.first_flow) + m.flow_count
    flow = out.flows[at]
    flow.gbr_up_bps = -1
    flow.gbr_down_bps = -1
    flow.bearer = on
    flow.five_qi = -1
    flow.cause = -1
    flow.cause_group = -1
    flow.qfi = qfi
    flow.arp_priority = -1
    flow.state = -1
    flow.kind = kind
    m.flow_count += 1
    out.bearers[row].flow_count += 1
    if out.bearers[on].qfi < 0:
        out.bearers[on].qfi = qfi
    return at


@part
def add_nas_pdu(lo, hi, whole, row, m, out):  # type: ignore[no-untyped-def]
    """Append a NAS_PDU of the RAN_BEARER at `row`, -1: of the message; none where MESSAGE_NAS_PDUS are in use."""
    if m.nas_count >= MESSAGE_NAS_PDUS:
        m.damage = 1
        return
    pdu = out.nas_pdus[np.int64(m.first_nas) + m.nas_count]
    pdu.offset = lo
    pdu.length = hi - lo
    pdu.message = out.used[MESSAGES]
    pdu.bearer = row
    pdu.whole = whole
    m.nas_count += 1


@part
def add_connection(core_ue_id, ran_ue_id, m, out):  # type: ignore[no-untyped-def]
    """Append a RAN_CONNECTION; none where MESSAGE_CONNECTIONS are in use."""
    if m.connection_count >= MESSAGE_CONNECTIONS:
        m.damage = 1
        return
    connection = out.connections[np.int64(m.first_connection) + m.connection_count]
    connection.core_ue_id = core_ue_id
    connection.ran_ue_id = ran_ue_id
    m.connection_count += 1
