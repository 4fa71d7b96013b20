"""NGAP elements and messages of connections and PDU sessions (TS 38.413 §9.2, §9.3), from the ASN.1 of §9.4."""

from typing import NamedTuple

from tools.scenario.encode_gtp import Endpoint, Location, plmn
from tools.scenario.encode_per import (
    IGNORE,
    INITIATING,
    REJECT,
    SUCCESSFUL,
    UNSUCCESSFUL,
    Ie,
    Writer,
    address_bits,
    container,
    open_octets,
    pdu,
)
from tools.scenario.encode_s1ap import KEY, rrc

PORT, PPID = 38412, 60
RADIO, TRANSPORT, NAS, PROTOCOL, MISC = range(5)
_CAUSE_ROOT = (45, 2, 4, 7, 6)
MT_ACCESS, MO_SIGNALLING, MO_DATA = 2, 3, 4
BIT_RATE = 4_000_000_000_000
DIFFERENTIATOR = 0xFFFFFF  # of a slice that has none


class NgCause(NamedTuple):
    """A cause: its group (RADIO, TRANSPORT, NAS, PROTOCOL, MISC) and value."""

    group: int
    value: int


class NgIds(NamedTuple):
    """The two identities of a device on N2."""

    amf: int
    ran: int


class Amf(NamedTuple):
    """What names an AMF: region, set, pointer."""

    region: int
    set: int
    pointer: int


class Slice(NamedTuple):
    """S-NSSAI: slice type and differentiator."""

    sst: int
    sd: int


class PduSession(NamedTuple):
    """A PDU session as a request names it: identity, slice, 5QI, flow, core-side endpoint, and NAS for it."""

    identity: int
    slice: Slice
    fiveqi: int
    qfi: int
    endpoint: Endpoint
    nas: bytes | None = None


# elements


def write_cause(writer: Writer, value: NgCause) -> Writer:
    """Cause (§9.3.1.2) where other fields go before it."""
    return writer.bits(value.group, 3).enumerated(value.value, _CAUSE_ROOT[value.group])


def cause(value: NgCause) -> bytes:
    """Cause alone."""
    return write_cause(Writer(), value).done()


def amf_id(value: int) -> bytes:
    """AMF UE NGAP ID (§9.3.3.1)."""
    return Writer().integer(value, 0, 2**40 - 1).done()


def ran_id(value: int) -> bytes:
    """RAN UE NGAP ID (§9.3.3.2)."""
    return Writer().integer(value, 0, 2**32 - 1).done()


def identities(ids: NgIds, answer: bool = False) -> list[Ie]:
    """Both identities, as a request or an answer names them."""
    criticality = IGNORE if answer else REJECT
    return [(10, criticality, amf_id(ids.amf)), (85, criticality, ran_id(ids.ran))]


def write_tai(writer: Writer, where: Location) -> Writer:
    """TAI (§9.3.3.11) where other fields go before it."""
    return writer.bits(0, 2).octets(plmn(where.mcc, where.mnc)).octets(where.area.to_bytes(3, "big"))


def write_cgi(writer: Writer, where: Location) -> Writer:
    """NR CGI (§9.3.1.7) where other fields go before it."""
    return writer.bits(0, 2).octets(plmn(where.mcc, where.mnc)).bit_string(where.cell, 36)


def location(where: Location, stamp: int | None = None) -> bytes:
    """User location information in NR (§9.3.1.16), for some with the age of the location."""
    writer = Writer().bits(1, 2).bits(0, 1).bits(stamp is not None, 1).bits(0, 1)
    write_tai(write_cgi(writer, where), where)
    return (writer.octets(stamp.to_bytes(4, "big")) if stamp is not None else writer).done()


def write_slice(writer: Writer, value: Slice) -> Writer:
    """S-NSSAI (§9.3.1.24) where other fields go before it."""
    told = value.sd != DIFFERENTIATOR
    writer.bits(0, 1).bits(told, 1).bits(0, 1).bits(value.sst, 8)
    return writer.octets(value.sd.to_bytes(3, "big")) if told else writer


def allowed_slices(slices: list[Slice]) -> bytes:
    """Allowed NSSAI (§9.3.1.31)."""
    writer = Writer().integer(len(slices), 1, 8)
    for each in slices:
        write_slice(writer.bits(0, 2), each)
    return writer.done()


def _supported(writer: Writer, slices: list[Slice]) -> Writer:
    writer.integer(len(slices), 1, 1024)
    for each in slices:
        write_slice(writer.bits(0, 2), each)
    return writer


def _name(text: str) -> bytes:
    return Writer().bits(0, 1).integer(len(text), 1, 150).octets(text.encode()).done()


def _amf(writer: Writer, where: Location, amf: Amf) -> Writer:
    writer.bits(0, 2).octets(plmn(where.mcc, where.mnc))
    return writer.bits(amf.region, 8).bits(amf.set, 10).bits(amf.pointer, 6)


def guami(where: Location, amf: Amf) -> bytes:
    """GUAMI (§9.3.3.3)."""
    return _amf(Writer(), where, amf).done()


def temporary(amf: Amf, tmsi: int) -> bytes:
    """5G-S-TMSI (§9.3.3.20)."""
    return write_temporary(Writer(), amf, tmsi).done()


def write_temporary(writer: Writer, amf: Amf, tmsi: int) -> Writer:
    """5G-S-TMSI where other fields go before it."""
    return writer.bits(0, 2).bits(amf.set, 10).bits(amf.pointer, 6).octets(tmsi.to_bytes(4, "big"))


def write_gnb(writer: Writer, where: Location) -> Writer:
    """Global RAN Node ID of a gNB (§9.3.1.5): the upper 24 bits of its cells' identity."""
    writer.bits(0, 2).bits(0, 2).octets(plmn(where.mcc, where.mnc))
    return writer.bits(0, 1).integer(24, 22, 32).align().bits(where.cell >> 12, 24)


def ambr(down: int, up: int) -> bytes:
    """UE aggregate maximum bit rate (§9.3.1.58)."""
    writer = Writer().bits(0, 2)
    for rate in (down, up):
        writer.bits(0, 1).integer(rate, 0, BIT_RATE)
    return writer.done()


def security_capabilities() -> bytes:
    """UE security capabilities (§9.3.1.86)."""
    writer = Writer().bits(0, 2)
    for _ in range(4):
        writer.bits(0, 1).bits(0xE000, 16)
    return writer.done()


def security_context() -> bytes:
    """Security context (§9.3.1.88)."""
    return Writer().bits(0, 2).integer(2, 0, 7).octets(KEY).done()


def write_tunnel(writer: Writer, endpoint: Endpoint) -> Writer:
    """UP Transport Layer Information (§9.3.2.2): a GTP tunnel."""
    return address_bits(writer.bits(0, 1).bits(0, 2), endpoint.address).octets(endpoint.teid.to_bytes(4, "big"))


def flows(writer: Writer, qfis: list[int], options: int) -> Writer:
    """A list of QoS flow identities, each item with `options` bits for what it leaves out."""
    writer.integer(len(qfis), 1, 64)
    for qfi in qfis:
        writer.bits(0, 1 + options).bits(0, 1).integer(qfi, 0, 63)
    return writer


def request_transfer(session: PduSession) -> bytes:
    """PDU Session Resource Setup Request Transfer (§9.3.4.1): endpoint, type IPv4, one QoS flow."""
    flow = Writer().integer(1, 1, 64).bits(0, 3).bits(0, 1).integer(session.qfi, 0, 63)
    flow.bits(0, 5).bits(0, 2).bits(0, 5).bits(0, 1).integer(session.fiveqi, 0, 255)
    flow.bits(0, 2).integer(8, 1, 15).enumerated(0, 2).enumerated(0, 2)
    rate = Writer().bits(0, 2)
    for value in (200_000_000, 100_000_000):
        rate.bits(0, 1).integer(value, 0, BIT_RATE)
    return container([
        (130, REJECT, rate.done()), (139, REJECT, write_tunnel(Writer(), session.endpoint).done()),
        (134, REJECT, Writer().enumerated(0, 5).done()), (136, REJECT, flow.done()),
    ])  # fmt: skip


def response_transfer(endpoint: Endpoint, qfis: list[int]) -> bytes:
    """PDU Session Resource Setup Response Transfer (§9.3.4.2)."""
    return flows(write_tunnel(Writer().bits(0, 5).bits(0, 2), endpoint), qfis, 2).done()


def unsuccessful_transfer(why: NgCause) -> bytes:
    """PDU Session Resource Setup Unsuccessful Transfer (§9.3.4.16)."""
    return write_cause(Writer().bits(0, 3), why).done()


def cause_transfer(why: NgCause) -> bytes:
    """A transfer with a cause and nothing else: of a release command, of a notification, of a failed path switch."""
    return write_cause(Writer().bits(0, 2), why).done()


def sessions(items: list[tuple[int, bytes]]) -> bytes:
    """A list of PDU sessions with a transfer each."""
    writer = Writer().integer(len(items), 1, 256)
    for identity, transfer in items:
        writer.bits(0, 2).integer(identity, 0, 255).open_type(transfer)
    return writer.done()


def _asked(items: list[PduSession]) -> bytes:
    writer = Writer().integer(len(items), 1, 256)
    for each in items:
        writer.bits(0, 1).bits(each.nas is not None, 1).bits(0, 1).integer(each.identity, 0, 255)
        if each.nas is not None:
            writer.open_type(each.nas)
        write_slice(writer, each.slice).open_type(request_transfer(each))
    return writer.done()


# connection and NAS


def setup_request(where: Location, name: str, areas: list[int], slices: list[Slice]) -> bytes:
    """NG SETUP REQUEST (§9.2.6.1)."""
    tas = Writer().integer(len(areas), 1, 256)
    for area in areas:
        tas.bits(0, 2).octets(area.to_bytes(3, "big")).integer(1, 1, 12)
        _supported(tas.bits(0, 2).octets(plmn(where.mcc, where.mnc)), slices)
    return pdu(INITIATING, 21, REJECT, [
        (27, REJECT, write_gnb(Writer(), where).done()), (82, IGNORE, _name(name)), (102, REJECT, tas.done()),
        (21, IGNORE, Writer().enumerated(2, 4).done()),
    ])  # fmt: skip


def setup_response(where: Location, name: str, amf: Amf, slices: list[Slice]) -> bytes:
    """NG SETUP RESPONSE (§9.2.6.2)."""
    served = _amf(Writer().integer(1, 1, 256).bits(0, 3), where, amf).done()
    plmns = _supported(Writer().integer(1, 1, 12).bits(0, 2).octets(plmn(where.mcc, where.mnc)), slices).done()
    return pdu(SUCCESSFUL, 21, REJECT, [
        (1, REJECT, _name(name)), (96, REJECT, served), (86, IGNORE, bytes((255,))), (80, REJECT, plmns),
    ])  # fmt: skip


def setup_failure(why: NgCause) -> bytes:
    """NG SETUP FAILURE (§9.2.6.3)."""
    return pdu(UNSUCCESSFUL, 21, REJECT, [(15, IGNORE, cause(why)), (107, IGNORE, Writer().enumerated(3, 6).done())])


def initial_ue(ran: int, nas: bytes, where: Location, reason: int, known: tuple[Amf, int] | None = None) -> bytes:
    """INITIAL UE MESSAGE (§9.2.5.1), asking for a context."""
    ies: list[Ie] = [
        (85, REJECT, ran_id(ran)), (38, REJECT, open_octets(nas)), (121, REJECT, location(where)),
        (90, IGNORE, Writer().enumerated(reason, 10).done()),
    ]  # fmt: skip
    if known:
        ies.append((26, REJECT, temporary(*known)))
    return pdu(INITIATING, 15, IGNORE, [*ies, (112, IGNORE, Writer().enumerated(0, 1).done())])


def downlink_nas(ids: NgIds, nas: bytes) -> bytes:
    """DOWNLINK NAS TRANSPORT (§9.2.5.2)."""
    return pdu(INITIATING, 4, IGNORE, [*identities(ids), (38, REJECT, open_octets(nas))])


def uplink_nas(ids: NgIds, nas: bytes, where: Location, stamp: int | None = None) -> bytes:
    """UPLINK NAS TRANSPORT (§9.2.5.3)."""
    ies = [*identities(ids), (38, REJECT, open_octets(nas)), (121, IGNORE, location(where, stamp))]
    return pdu(INITIATING, 46, IGNORE, ies)


def capability(ids: NgIds, size: int) -> bytes:
    """UE RADIO CAPABILITY INFO INDICATION (§9.2.13.1)."""
    return pdu(INITIATING, 44, IGNORE, [*identities(ids), (117, IGNORE, open_octets(rrc(size)))])


# context


def context_request(ids: NgIds, where: Location, amf: Amf, slices: list[Slice], nas: bytes | None,
                    asked: list[PduSession]) -> bytes:  # fmt: skip
    """INITIAL CONTEXT SETUP REQUEST (§9.2.2.1), with PDU sessions where there are any."""
    ies = identities(ids)
    if asked:
        ies.append((110, REJECT, ambr(2_000_000_000, 1_000_000_000)))
    ies.append((28, REJECT, guami(where, amf)))
    if asked:
        ies.append((71, REJECT, _asked(asked)))
    ies += [(0, REJECT, allowed_slices(slices)), (119, REJECT, security_capabilities()), (94, REJECT, KEY)]
    if nas is not None:
        ies.append((38, IGNORE, open_octets(nas)))
    return pdu(INITIATING, 14, REJECT, ies)


def context_response(ids: NgIds, made: list[tuple[int, bytes]], failed: list[tuple[int, bytes]]) -> bytes:
    """INITIAL CONTEXT SETUP RESPONSE (§9.2.2.2)."""
    ies = identities(ids, True)
    if made:
        ies.append((72, IGNORE, sessions(made)))
    if failed:
        ies.append((55, IGNORE, sessions(failed)))
    return pdu(SUCCESSFUL, 14, REJECT, ies)


def context_failure(ids: NgIds, why: NgCause, failed: list[int]) -> bytes:
    """INITIAL CONTEXT SETUP FAILURE (§9.2.2.3)."""
    ies = identities(ids, True)
    if failed:
        ies.append((132, IGNORE, sessions([(each, unsuccessful_transfer(why)) for each in failed])))
    return pdu(UNSUCCESSFUL, 14, REJECT, [*ies, (15, IGNORE, cause(why))])


def _session_ids(identities_: list[int]) -> bytes:
    writer = Writer().integer(len(identities_), 1, 256)
    for identity in identities_:
        writer.bits(0, 2).integer(identity, 0, 255)
    return writer.done()


def release_request(ids: NgIds, why: NgCause, active: list[int]) -> bytes:
    """UE CONTEXT RELEASE REQUEST (§9.2.2.4) with the PDU sessions that are active."""
    ies = identities(ids)
    if active:
        ies.append((133, REJECT, _session_ids(active)))
    return pdu(INITIATING, 42, IGNORE, [*ies, (15, IGNORE, cause(why))])


def release_command(ids: NgIds, why: NgCause, pair: bool = True) -> bytes:
    """UE CONTEXT RELEASE COMMAND (§9.2.2.5)."""
    if pair:
        writer = Writer().bits(0, 2).bits(0, 2).integer(ids.amf, 0, 2**40 - 1).integer(ids.ran, 0, 2**32 - 1)
    else:
        writer = Writer().bits(1, 2).integer(ids.amf, 0, 2**40 - 1)
    return pdu(INITIATING, 41, REJECT, [(114, REJECT, writer.done()), (15, IGNORE, cause(why))])


def release_complete(ids: NgIds, where: Location, active: list[int]) -> bytes:
    """UE CONTEXT RELEASE COMPLETE (§9.2.2.6)."""
    ies = [*identities(ids, True), (121, IGNORE, location(where))]
    if active:
        ies.append((60, REJECT, _session_ids(active)))
    return pdu(SUCCESSFUL, 41, REJECT, ies)


# PDU sessions


def session_setup_request(ids: NgIds, asked: list[PduSession]) -> bytes:
    """PDU SESSION RESOURCE SETUP REQUEST (§9.2.1.1)."""
    rate = ambr(2_000_000_000, 1_000_000_000)
    return pdu(INITIATING, 29, REJECT, [*identities(ids), (74, REJECT, _asked(asked)), (110, IGNORE, rate)])


def session_setup_response(ids: NgIds, made: list[tuple[int, bytes]], failed: list[tuple[int, bytes]]) -> bytes:
    """PDU SESSION RESOURCE SETUP RESPONSE (§9.2.1.2)."""
    ies = identities(ids, True)
    if made:
        ies.append((75, IGNORE, sessions(made)))
    if failed:
        ies.append((58, IGNORE, sessions(failed)))
    return pdu(SUCCESSFUL, 29, REJECT, ies)


def session_release_command(ids: NgIds, released: list[int], why: NgCause, nas: bytes | None) -> bytes:
    """PDU SESSION RESOURCE RELEASE COMMAND (§9.2.1.3)."""
    ies = identities(ids)
    if nas is not None:
        ies.append((38, IGNORE, open_octets(nas)))
    items = sessions([(each, cause_transfer(why)) for each in released])
    return pdu(INITIATING, 28, REJECT, [*ies, (79, REJECT, items)])


def session_release_response(ids: NgIds, released: list[int], where: Location) -> bytes:
    """PDU SESSION RESOURCE RELEASE RESPONSE (§9.2.1.4)."""
    items = sessions([(each, b"\0") for each in released])
    return pdu(SUCCESSFUL, 28, REJECT, [*identities(ids, True), (70, IGNORE, items), (121, IGNORE, location(where))])


def session_notify(ids: NgIds, released: list[int], why: NgCause) -> bytes:
    """PDU SESSION RESOURCE NOTIFY (§9.2.1.7): released by the gNB."""
    items = sessions([(each, cause_transfer(why)) for each in released])
    return pdu(INITIATING, 30, IGNORE, [*identities(ids), (67, IGNORE, items)])
