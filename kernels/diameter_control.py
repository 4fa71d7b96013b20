"""Diameter messages in order: requests and answers are paired hop by hop, and told who they are about.

A request is found by the two addresses, the ports and its hop-by-hop identifier (RFC 6733 §3). One that is sent again
with the T flag, by another way or number, is one attempt more of the same; one that an agent relays is a row of its own
that does not count. Who and what a message is about is told by itself, by an earlier one of its Session-Id, or by the
device's address; the session is one of the subscriber's with the same address, else the same APN.
"""

import numpy as np

from formats.core_procedures import (
    APPLICATION_IDS,
    FIRST_COMMAND,
    LAST_COMMAND,
    OTHER_PROCEDURE,
    application_interfaces,
    credit_procedures,
    diameter_procedures,
    experimental_families,
)
from formats.diameter import CREDIT_CONTROL, SESSION_TERMINATION
from formats.xdr import CAUSE_FAMILIES, INTERFACES
from kernels import apn, exchanges, gtp_context, identities, ran_transactions, sessions
from kernels import shard as own
from kernels.identities import NO_IDENTITY
from kernels.jit import part
from kernels.ran_transactions import FAILURE, SUCCESS

PROCEDURE, CREDIT_PROCEDURE = diameter_procedures(), credit_procedures()
INTERFACE, EXPERIMENTAL = application_interfaces(), experimental_families()
DIAMETER = INTERFACES.index("diameter")
RESULT_FAMILY = CAUSE_FAMILIES.index("diameter")
OTHER_FAMILY = CAUSE_FAMILIES.index("diameter_experimental")
TGPP = 10415
CREDIT_TERMINATION = 3
GX, GY = INTERFACES.index("gx"), INTERFACES.index("gy")
_NONE = np.uint64(0)


@part
def place_of(application):  # type: ignore[no-untyped-def]
    """Place of an application in APPLICATION_IDS, -1 for one without a name."""
    for k in range(len(APPLICATION_IDS)):
        if APPLICATION_IDS[k] == application:
            return k
    return -1


@part
def interface_of(application):  # type: ignore[no-untyped-def]
    """The reference point, index of xdr.INTERFACES."""
    k = place_of(application)
    return np.int64(INTERFACE[k]) if k >= 0 else np.int64(DIAMETER)


@part
def procedure_of(m):  # type: ignore[no-untyped-def]
    """The procedure that `m` belongs to, index of xdr.PROCEDURES; an answer may leave out its request type."""
    if m.command == CREDIT_CONTROL:
        return np.int64(CREDIT_PROCEDURE[m.request_type]) if 0 < m.request_type < 5 else np.int64(OTHER_PROCEDURE)
    if FIRST_COMMAND <= m.command <= LAST_COMMAND:
        return np.int64(PROCEDURE[m.command - FIRST_COMMAND])
    return np.int64(OTHER_PROCEDURE)


@part
def result_of(m):  # type: ignore[no-untyped-def]
    """(outcome, cause family, code) of an answer; an experimental result stands in place of the other. 0: none told."""
    code = m.experimental_result
    if code >= 0:
        k = place_of(m.application)
        known = k >= 0 and (m.experimental_vendor == TGPP or m.experimental_vendor < 0)
        family = np.int64(EXPERIMENTAL[k]) if known else np.int64(OTHER_FAMILY)
    else:
        code, family = m.result, np.int64(RESULT_FAMILY)
    if code < 0:
        return np.int64(FAILURE) if m.error else np.int64(0), np.int64(0), np.int64(-1)
    return np.int64(SUCCESS) if 2000 <= code <= 2999 else np.int64(FAILURE), family, code


@part
def key(m):  # type: ignore[no-untyped-def]
    """Key of the request that `m` is, or answers."""
    if m.request:
        ports = (np.int64(m.src_port) << 16) | np.int64(m.dst_port)
        return exchanges.pairing(m.src_hi, m.src_lo, m.dst_hi, m.dst_lo, ports, m.hop_by_hop)
    ports = (np.int64(m.dst_port) << 16) | np.int64(m.src_port)
    return exchanges.pairing(m.dst_hi, m.dst_lo, m.src_hi, m.src_lo, ports, m.hop_by_hop)


@part
def dialogue(shard, m):  # type: ignore[no-untyped-def]
    """Row of what is known of the message's Session-Id, with what `m` adds to it; a request begins it. -1 for none."""
    if m.session_hash == _NONE:
        return np.int64(-1)
    hashed = identities.dialogue_hash(m.session_hash)
    row = identities.enter(shard, hashed, m.ts) if m.request else identities.find(shard, hashed)
    if row < 0:
        return row
    d = own.identities(shard, 0)[row]
    if m.imsi != NO_IDENTITY:
        d.imsi = m.imsi
    if m.imei != NO_IDENTITY:
        d.imei = m.imei
    if m.cell != _NONE:
        d.cell = m.cell
    if m.rat > 0:
        d.rat = sessions.RAT[m.rat & 255]
    return row


@part
def session_of(shard, d, m):  # type: ignore[no-untyped-def]
    """Row of the session that a dialogue is about, or -1: as found before, by its subscriber, by the UE's address."""
    row = identities.session_of(shard, d)
    if row >= 0:
        return row
    hi, lo = identities.address_of(m)
    ue_row = sessions.find_imsi(shard, d.imsi)
    if ue_row >= 0:
        row = identities.of_ue(shard, ue_row, hi, lo, np.int64(d.apn))
    if row < 0 and (hi | lo) != _NONE:
        found = identities.find(shard, identities.address_hash(hi, lo))
        if found >= 0:
            row = identities.session_of(shard, own.identities(shard, 0)[found])
            if row >= 0 and not same_session(shard, row, d, hi, lo):
                row = np.int64(-1)
    if row >= 0:
        identities.tie(shard, d, row)
    return row


@part
def same_session(shard, row, d, hi, lo):  # type: ignore[no-untyped-def]
    """Whether nothing that is known of the session with this address contradicts the dialogue."""
    s = own.sessions(shard, 0)[row]
    if s.ue_hi != hi or s.ue_lo != lo:
        return False
    if s.imsi != NO_IDENTITY and d.imsi != NO_IDENTITY and s.imsi != d.imsi:
        return False
    return s.apn < 0 or d.apn < 0 or s.apn == d.apn


@part
def note_address(shard, d, m, interface):  # type: ignore[no-untyped-def]
    """The address of a device tells its identity to dialogues that have none (Rx), and to sessions (PFCP)."""
    hi, lo = identities.address_of(m)
    if (hi | lo) == _NONE:
        return
    hashed = identities.address_hash(hi, lo)
    if interface != GX and interface != GY:
        if d.imsi == NO_IDENTITY:
            found = identities.find(shard, hashed)
            if found >= 0:
                d.imsi, d.imei = own.identities(shard, 0)[found].imsi, own.identities(shard, 0)[found].imei
        return
    if d.imsi == NO_IDENTITY:
        return
    a = own.identities(shard, 0)[identities.enter(shard, hashed, m.ts)]
    a.imsi, a.imei = d.imsi, d.imei
    if a.apn != d.apn and d.apn >= 0:
        a.apn = d.apn
    if m.command == CREDIT_CONTROL and m.request_type == CREDIT_TERMINATION:
        a.imsi, a.imei = NO_IDENTITY, NO_IDENTITY


@part
def learn(shard, heard_text, row, m, interface):  # type: ignore[no-untyped-def]
    """Join a dialogue to what is known: subscriber, session, place. Returns the session's row or -1."""
    d = own.identities(shard, 0)[row]
    if m.apn_length > 0:
        d.apn = apn.intern(shard, heard_text, m)
    if m.request:
        note_address(shard, d, m, interface)
    session_row = session_of(shard, d, m)
    if session_row >= 0:
        identities.name(shard, session_row, d.imsi, d.imei)
        ue_row = np.int64(own.sessions(shard, 0)[session_row].ue)
        ue = own.ues(shard, 0)[ue_row]
        if ue.cell == _NONE and ue.serving < 0 and d.cell != _NONE:
            sessions.place(shard, ue_row, d.cell, np.int64(d.rat), m.ts)
        return session_row
    return identities.last_session(shard, d)


@part
def note(shard, t, d, session_row):  # type: ignore[no-untyped-def]
    """Who and what a request is about."""
    ue_row = sessions.find_imsi(shard, d.imsi)
    if session_row >= 0:
        ue_row = np.int64(own.sessions(shard, 0)[session_row].ue)
    gtp_context.note_transaction(shard, t, ue_row, session_row)
    if session_row >= 0:
        t.imsi, t.imei = own.sessions(shard, 0)[session_row].imsi, own.sessions(shard, 0)[session_row].imei
        t.slice = own.sessions(shard, 0)[session_row].slice
    if d.imsi != NO_IDENTITY:
        t.imsi = d.imsi
    if d.imei != NO_IDENTITY:
        t.imei = d.imei
    if d.cell != _NONE:
        t.cell = d.cell
    if d.rat != 0:
        t.rat = d.rat
    if d.apn >= 0:
        t.apn = d.apn


@part
def sent_again(shard, d, m, hashed):  # type: ignore[no-untyped-def]
    """Row of the request that `m` repeats by another way or number, now under its key; -1 if it repeats none."""
    if m.retransmit == 0 or d.end_to_end != m.end_to_end:
        return np.int64(-1)
    row = exchanges.waiting(shard, d.request_hash, m.ts)
    if row < 0 or d.request_hash == hashed:
        return np.int64(-1)
    t = own.transactions(shard, 0)[row]
    if t.requester_hi != m.src_hi or t.requester_lo != m.src_lo:
        return np.int64(-1)
    t.attempts += 1
    t.responder_hi, t.responder_lo = m.dst_hi, m.dst_lo
    exchanges.rename(shard, row, hashed)
    d.request_hash = hashed
    return row


@part
def relayed(shard, d, m):  # type: ignore[no-untyped-def]
    """Whether `m` is the request before it, passed on by the node that got it."""
    if d.end_to_end != m.end_to_end:
        return False
    row = ran_transactions.find(shard, d.request_hash)
    if row < 0:
        return False
    t = own.transactions(shard, 0)[row]
    return t.responder_hi == m.src_hi and t.responder_lo == m.src_lo


@part
def request(shard, text, m, interface):  # type: ignore[no-untyped-def]
    """A request; 1 if its session or its subscriber is known."""
    hashed = key(m)
    row = dialogue(shard, m)
    if row < 0:
        asked, _ = exchanges.ask(shard, hashed, procedure_of(m), interface, m)
        exchanges.write_kept(shard, asked)
        return np.int64(0)
    d = own.identities(shard, 0)[row]
    asked = sent_again(shard, d, m, hashed)
    if asked < 0:
        asked, fresh = exchanges.ask(shard, hashed, procedure_of(m), interface, m)
        if fresh:
            session_row = learn(shard, text, row, m, interface)
            t = own.transactions(shard, 0)[asked]
            note(shard, t, d, session_row)
            if relayed(shard, d, m):
                t.counted = 0
            else:
                d.end_to_end, d.request_hash = m.end_to_end, hashed
            exchanges.write_kept(shard, asked)
    return joined(shard, asked)


@part
def joined(shard, row):  # type: ignore[no-untyped-def]
    """1 if the request is about a session or a subscriber that is known."""
    t = own.transactions(shard, 0)[row]
    return np.int64(t.session_id != 0 or t.imsi != NO_IDENTITY)


@part
def response(shard, text, m, interface):  # type: ignore[no-untyped-def]
    """An answer: to a request that waits, else to none."""
    asked = exchanges.waiting(shard, key(m), m.ts)
    row = dialogue(shard, m)
    if asked >= 0:
        t = own.transactions(shard, 0)[asked]
        if row >= 0:
            d = own.identities(shard, 0)[row]
            note(shard, t, d, learn(shard, text, row, m, interface))
        outcome, family, code = result_of(m)
        exchanges.answer(shard, asked, m.ts, outcome, family, code)
        end(shard, row, m, np.int64(outcome == SUCCESS))
        return joined(shard, asked)
    outcome, family, code = result_of(m)
    exchanges.keep(shard, key(m), procedure_of(m), interface, m, outcome, family, code)
    if row < 0:
        return np.int64(0)
    return np.int64(identities.session_of(shard, own.identities(shard, 0)[row]) >= 0)


@part
def end(shard, row, m, accepted):  # type: ignore[no-untyped-def]
    """The dialogue is over: its Session-Id is not used again."""
    over = m.command == SESSION_TERMINATION
    over = over or (m.command == CREDIT_CONTROL and m.request_type == CREDIT_TERMINATION)
    if row >= 0 and over and accepted:
        identities.forget(shard, row)


@part
def apply(shard, text, m):  # type: ignore[no-untyped-def]
    """Apply Diameter message `m`; returns (xdr.INTERFACES index, 1 if its session or subscriber is known).

    text: uint8[n], that its names are in.
    """
    interface = interface_of(m.application)
    if m.request:
        return interface, request(shard, text, m, interface)
    return interface, response(shard, text, m, interface)
