"""The assembling stage: packets whose signalling lies in a transport with a memory become rows of messages.

SCTP packets become user messages, these S1AP and NGAP rows with the NAS messages in them, or Diameter rows, as do TCP
segments of Diameter, which stay packets of the user plane besides; PFCP datagrams become rows.
It sees all packets in order, once, whatever the number of shards; what it reads goes into a `Heard`, and an event tells
the update stage after which packet each message was whole.
"""

import numpy as np

from formats.diameter import VERSION
from formats.nas import ALGORITHM_UNKNOWN
from formats.ran import ASSOCIATION_ABORTED, ASSOCIATION_SHUT_DOWN
from formats.ran import S1AP as PROTOCOL_S1AP
from formats.reasons import DIAMETER, PFCP, SCTP, SCTP_MALFORMED, SCTP_TRUNCATED
from formats.records import EVENT_ASSOCIATION_END, EVENT_DIAMETER, EVENT_PFCP, EVENT_RAN, KIND_SIGNALLING
from formats.sctp import MALFORMED, PPID_DIAMETER, PPID_DIAMETER_DTLS, PPID_NGAP, PPID_S1AP, TRUNCATED
from kernels import (
    diameter,
    diameter_rows,
    nas_5gs,
    nas_eps,
    ngap,
    pfcp,
    pfcp_rows,
    ran_rows,
    s1ap,
    sctp,
    stream,
)
from kernels.heard import EVENT_COUNT, EVENTS_USED, NAS_TEXT, PACKET_EVENTS, TEXT_USED
from kernels.jit import part
from kernels.sctp_state import ENDED, ENDED_ORDERLY, joined

SCTP_BASE = 0


@part
def tell(position, kind, row, out):  # type: ignore[no-untyped-def]
    """Append an event; the caller has seen that there is room."""
    e = out.events[out.used[EVENTS_USED]]
    e.position, e.kind, e.row = position, kind, row
    out.used[EVENTS_USED] += 1


@part
def read_nas(data, first, m, out):  # type: ignore[no-untyped-def]
    """Decode the NAS messages that RAN message `m` carries, rows `first` and on of `out.ran.nas_pdus`."""
    for k in range(first, out.ran.used[ran_rows.NAS_PDUS]):
        pdu, row = out.ran.nas_pdus[k], out.nas[k]
        octets = out.ran.whole if pdu.whole else data
        row.apn_offset = out.used[TEXT_USED]
        lo, hi = pdu.offset, pdu.offset + pdu.length
        if m.protocol == PROTOCOL_S1AP:
            nas_eps.decode_known(octets, lo, hi, np.int64(ALGORITHM_UNKNOWN), row, out.nas_text)
        else:
            nas_5gs.decode_known(octets, lo, hi, np.int64(ALGORITHM_UNKNOWN), row, out.nas_text)
        if row.apn_length > 0:
            out.used[TEXT_USED] += np.int64(row.apn_length)


@part
def read_ran(data, ppid, message, p, position, out):  # type: ignore[no-untyped-def]
    """Decode an S1AP or NGAP message of an SCTP user message; returns the reason."""
    lo, hi = message.at, message.at + np.int64(message.octets)
    row, first_nas = out.ran.used[ran_rows.MESSAGES], out.ran.used[ran_rows.NAS_PDUS]
    reason = np.int64(s1ap.decode(data, lo, hi, out.ran) if ppid == PPID_S1AP else ngap.decode(data, lo, hi, out.ran))
    if out.ran.used[ran_rows.MESSAGES] > row:
        m = out.ran.messages[row]
        m.ts, m.association = p.ts, message.association
        m.src_hi, m.src_lo, m.dst_hi, m.dst_lo = p.src_hi, p.src_lo, p.dst_hi, p.dst_lo
        read_nas(data, first_nas, m, out)
        tell(position, EVENT_RAN, row, out)
    return reason


@part
def read_diameter(data, lo, hi, ts, p, position, out):  # type: ignore[no-untyped-def]
    """Decode a Diameter message; returns the reason. One for which there is no room is an event without a row."""
    if out.used[EVENTS_USED] >= len(out.events):
        return np.int64(DIAMETER)
    row = out.diameter.used[diameter_rows.MESSAGES]
    if not diameter_rows.has_room(out.diameter):
        tell(position, EVENT_DIAMETER, np.int64(-1), out)
        return np.int64(DIAMETER)
    reason = np.int64(diameter.decode(data, lo, hi, out.diameter))
    if reason == DIAMETER:
        m = out.diameter.messages[row]
        m.ts, m.src_port, m.dst_port = ts, p.src_port, p.dst_port
        m.src_hi, m.src_lo, m.dst_hi, m.dst_lo = p.src_hi, p.src_lo, p.dst_hi, p.dst_lo
        tell(position, EVENT_DIAMETER, row, out)
    return reason


@part
def read_user_message(data, message, p, position, out):  # type: ignore[no-untyped-def]
    """The Diameter messages of an SCTP user message; the reason of the first that is none."""
    lo = np.int64(message.at)
    count = stream.split(data, lo, lo + np.int64(message.octets), p.ts, out.spans)
    reason = np.int64(DIAMETER)
    for k in range(count):
        span = out.spans.spans[k]
        begin = np.int64(span.offset)
        found = read_diameter(data, begin, begin + np.int64(span.length), span.ts, p, position, out)
        if reason == DIAMETER:
            reason = found
    return reason


@part
def read_segment(data, p, position, out):  # type: ignore[no-untyped-def]
    """The Diameter messages that a TCP segment completes. The stream hands on none whose header is unsound."""
    lo = np.int64(p.at)
    count = stream.accept(out.streams, p, data, lo, lo + np.int64(p.payload), out.spans)
    for k in range(count):
        span = out.spans.spans[k]
        octets = out.spans.octets if span.copied else data
        begin = np.int64(span.offset)
        read_diameter(octets, begin, begin + np.int64(span.length), span.ts, p, position, out)


@part
def read_sctp(state, data, p, position, out):  # type: ignore[no-untyped-def]
    """The user messages that an SCTP packet completes; the packet's reason."""
    lo = np.int64(p.at)
    hi = lo + np.int64(p.window)
    count, code = sctp.packet(state, SCTP_BASE, data, lo, hi, p.window < p.payload, p, out.sctp)
    reason = np.int64(SCTP)
    for k in range(count):
        message = out.sctp[k]
        ppid = sctp.payload_protocol(message)
        if ppid == PPID_S1AP or ppid == PPID_NGAP:
            octets = joined(state, SCTP_BASE) if message.joined else data
            found = read_ran(octets, ppid, message, p, position, out)
            if reason == SCTP:
                reason = found
        elif ppid == PPID_DIAMETER or ppid == PPID_DIAMETER_DTLS:
            octets = joined(state, SCTP_BASE) if message.joined else data
            if ppid == PPID_DIAMETER or (message.octets > 0 and octets[message.at] == VERSION):
                found = read_user_message(octets, message, p, position, out)
                if reason == SCTP:
                    reason = found
    if state[SCTP_BASE + ENDED] != 0:
        tell_end(state, p, position, out)
    if reason == SCTP and code == TRUNCATED:
        return np.int64(SCTP_TRUNCATED)
    if reason == SCTP and code == MALFORMED:
        return np.int64(SCTP_MALFORMED)
    return reason


@part
def tell_end(state, p, position, out):  # type: ignore[no-untyped-def]
    """The SCTP association that the packet has ended: what was carried on it is gone."""
    row = out.ran.used[ran_rows.MESSAGES]
    if row >= len(out.ran.messages) or out.used[EVENTS_USED] >= len(out.events):
        return
    how = ASSOCIATION_SHUT_DOWN if state[SCTP_BASE + ENDED_ORDERLY] else ASSOCIATION_ABORTED
    m = ran_rows.begin_message(np.int64(PROTOCOL_S1AP), np.int64(how), np.int64(0), out.ran)
    m.ts, m.association = p.ts, state[SCTP_BASE + ENDED]
    m.src_hi, m.src_lo, m.dst_hi, m.dst_lo = p.src_hi, p.src_lo, p.dst_hi, p.dst_lo
    out.ran.used[ran_rows.MESSAGES] += 1
    tell(position, EVENT_ASSOCIATION_END, row, out)


@part
def read_pfcp(data, p, position, out):  # type: ignore[no-untyped-def]
    """The PFCP messages of a datagram; the packet's reason."""
    first, lo = out.pfcp.used[pfcp_rows.MESSAGES], np.int64(p.at)
    reason = np.int64(pfcp.decode(data, lo, lo + np.int64(p.window), out.pfcp))
    for row in range(first, out.pfcp.used[pfcp_rows.MESSAGES]):
        m = out.pfcp.messages[row]
        m.ts, m.src_port, m.dst_port = p.ts, p.src_port, p.dst_port
        m.src_hi, m.src_lo, m.dst_hi, m.dst_lo = p.src_hi, p.src_lo, p.dst_hi, p.dst_lo
        tell(position, EVENT_PFCP, row, out)
    return reason


@part
def room(out):  # type: ignore[no-untyped-def]
    """Whether whatever one more packet holds finds room; arrays are emptied when they are half full."""
    ran = out.ran.used
    return (
        out.used[EVENTS_USED] + PACKET_EVENTS <= len(out.events)
        and 2 * ran[ran_rows.MESSAGES] <= len(out.ran.messages)
        and 2 * ran[ran_rows.BEARERS] <= len(out.ran.bearers)
        and 2 * ran[ran_rows.FLOWS] <= len(out.ran.flows)
        and 2 * ran[ran_rows.NAS_PDUS] <= len(out.ran.nas_pdus)
        and 2 * ran[ran_rows.CONNECTIONS] <= len(out.ran.connections)
        and 2 * ran[ran_rows.WHOLE] <= len(out.ran.whole)
        and 2 * (out.used[TEXT_USED] + NAS_TEXT) <= len(out.nas_text)
        and pfcp_rows.has_room(out.pfcp)
        and 2 * out.diameter.used[diameter_rows.MESSAGES] <= len(out.diameter.messages)
        and 2 * out.diameter.used[diameter_rows.CREDITS] <= len(out.diameter.credits)
        and 2 * out.diameter.used[diameter_rows.TEXT] <= len(out.diameter.text)
    )


@part
def assemble(state, data, packets, order, begin, end, out):  # type: ignore[no-untyped-def]
    """Read the signalling of packets[order[begin:end]]; returns the first not read: `out` must be emptied before it.

    state: int64[n], of `kernels.sctp_state`; data: uint8[m], the block that the packets lie in; packets: PACKET[k];
    order: int32[k], by time; out: Heard, appended to. Sets `reason` of the packets that it reads.
    """
    reached = end
    for i in range(begin, end):
        p = packets[order[i]]
        if p.kind != KIND_SIGNALLING and p.at == 0:
            continue
        if not room(out):
            reached = i
            break
        if p.kind != KIND_SIGNALLING:
            read_segment(data, p, i, out)
        else:
            p.reason = read_pfcp(data, p, i, out) if p.reason == PFCP else read_sctp(state, data, p, i, out)
    out.words[EVENT_COUNT] = out.used[EVENTS_USED]
    return reached
