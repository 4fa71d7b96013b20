"""NGAP messages of mobility, paging and management (TS 38.413 §9.2.3, §9.2.4, §9.2.6)."""

from tools.scenario.encode_gtp import Endpoint, Location
from tools.scenario.encode_ngap import (
    Amf,
    NgCause,
    NgIds,
    PduSession,
    Slice,
    allowed_slices,
    ambr,
    amf_id,
    cause,
    cause_transfer,
    flows,
    guami,
    identities,
    location,
    ran_id,
    request_transfer,
    security_capabilities,
    security_context,
    sessions,
    unsuccessful_transfer,
    write_cgi,
    write_gnb,
    write_slice,
    write_tai,
    write_temporary,
    write_tunnel,
)
from tools.scenario.encode_per import (
    IGNORE,
    INITIATING,
    REJECT,
    SUCCESSFUL,
    UNSUCCESSFUL,
    Ie,
    Writer,
    open_octets,
    pdu,
)
from tools.scenario.encode_s1ap import rrc

INTRA_5GS = Writer().enumerated(0, 3).done()


def path_switch_request(ran: int, source_amf: int, where: Location, bound: list[tuple[int, Endpoint, list[int]]],
                        failed: list[int], why: NgCause | None) -> bytes:  # fmt: skip
    """PATH SWITCH REQUEST (§9.2.3.8): PDU session, endpoint and QoS flows each."""
    items = []
    for identity, endpoint, qfis in bound:
        transfer = flows(write_tunnel(Writer().bits(0, 4), endpoint), qfis, 1).done()
        items.append((identity, transfer))
    ies: list[Ie] = [
        (85, REJECT, ran_id(ran)), (100, REJECT, amf_id(source_amf)), (121, IGNORE, location(where)),
        (119, IGNORE, security_capabilities()), (76, REJECT, sessions(items)),
    ]  # fmt: skip
    if failed:
        assert why is not None
        ies.append((57, IGNORE, sessions([(each, cause_transfer(why)) for each in failed])))
    return pdu(INITIATING, 25, REJECT, ies)


def path_switch_acknowledge(ids: NgIds, switched: list[int], slices: list[Slice]) -> bytes:
    """PATH SWITCH REQUEST ACKNOWLEDGE (§9.2.3.9)."""
    return pdu(SUCCESSFUL, 25, REJECT, [
        *identities(ids, True), (93, REJECT, security_context()),
        (77, IGNORE, sessions([(each, b"\0") for each in switched])), (0, REJECT, allowed_slices(slices)),
    ])  # fmt: skip


def path_switch_failure(ids: NgIds, released: list[int], why: NgCause) -> bytes:
    """PATH SWITCH REQUEST FAILURE (§9.2.3.10)."""
    items = sessions([(each, cause_transfer(why)) for each in released])
    return pdu(UNSUCCESSFUL, 25, REJECT, [*identities(ids, True), (69, IGNORE, items)])


def target_gnb(where: Location) -> bytes:
    """Target ID of a gNB (§9.3.1.25)."""
    return write_tai(write_gnb(Writer().bits(0, 2).bits(0, 2), where), where).done()


def to_target(target: Location, source: Location, size: int) -> bytes:
    """Source to Target NG-RAN Node Transparent Container (§9.3.1.29): RRC of `size` octets, target and last cell."""
    writer = Writer().bits(0, 5).open_type(rrc(size))
    write_cgi(writer.bits(0, 2), target).bits(0, 4)  # one cell visited
    writer.bits(0, 2).bits(0, 3).bits(0, 4)
    write_cgi(writer.bits(0, 2), source).bits(0, 2).enumerated(1, 4)
    return writer.integer(9, 0, 4095).done()


def to_source(size: int) -> bytes:
    """Target to Source NG-RAN Node Transparent Container (§9.3.1.30)."""
    return Writer().bits(0, 2).open_type(rrc(size)).done()


def handover_required(ids: NgIds, why: NgCause, target: Location, active: list[int], container: bytes) -> bytes:
    """HANDOVER REQUIRED (§9.2.3.1)."""
    return pdu(INITIATING, 12, REJECT, [
        *identities(ids), (29, REJECT, INTRA_5GS), (15, IGNORE, cause(why)), (105, REJECT, target_gnb(target)),
        (61, REJECT, sessions([(each, b"\0") for each in active])), (101, REJECT, open_octets(container)),
    ])  # fmt: skip


def handover_request(amf: int, why: NgCause, asked: list[PduSession], slices: list[Slice], where: Location, name: Amf,
                     container: bytes) -> bytes:  # fmt: skip
    """HANDOVER REQUEST (§9.2.3.4)."""
    items = Writer().integer(len(asked), 1, 256)
    for each in asked:
        write_slice(items.bits(0, 2).integer(each.identity, 0, 255), each.slice).open_type(request_transfer(each))
    return pdu(INITIATING, 13, REJECT, [
        (10, REJECT, amf_id(amf)), (29, REJECT, INTRA_5GS), (15, IGNORE, cause(why)),
        (110, REJECT, ambr(2_000_000_000, 1_000_000_000)), (119, REJECT, security_capabilities()),
        (93, REJECT, security_context()), (73, REJECT, items.done()), (0, REJECT, allowed_slices(slices)),
        (101, REJECT, open_octets(container)), (28, REJECT, guami(where, name)),
    ])  # fmt: skip


def handover_acknowledge(ids: NgIds, admitted: list[tuple[int, Endpoint, list[int]]], failed: list[int],
                         why: NgCause | None, container: bytes) -> bytes:  # fmt: skip
    """HANDOVER REQUEST ACKNOWLEDGE (§9.2.3.5)."""
    items = []
    for identity, endpoint, qfis in admitted:
        items.append((identity, flows(write_tunnel(Writer().bits(0, 6), endpoint), qfis, 2).done()))
    ies = [*identities(ids, True), (53, IGNORE, sessions(items))]
    if failed:
        assert why is not None
        ies.append((56, IGNORE, sessions([(each, unsuccessful_transfer(why)) for each in failed])))
    return pdu(SUCCESSFUL, 13, REJECT, [*ies, (106, REJECT, open_octets(container))])


def handover_command(ids: NgIds, active: list[int], container: bytes) -> bytes:
    """HANDOVER COMMAND (§9.2.3.2)."""
    return pdu(SUCCESSFUL, 12, REJECT, [
        *identities(ids), (29, REJECT, INTRA_5GS), (59, IGNORE, sessions([(each, b"\0") for each in active])),
        (106, REJECT, open_octets(container)),
    ])  # fmt: skip


def handover_preparation_failure(ids: NgIds, why: NgCause) -> bytes:
    """HANDOVER PREPARATION FAILURE (§9.2.3.3)."""
    return pdu(UNSUCCESSFUL, 12, REJECT, [*identities(ids, True), (15, IGNORE, cause(why))])


def handover_failure(amf: int, why: NgCause) -> bytes:
    """HANDOVER FAILURE (§9.2.3.6)."""
    return pdu(UNSUCCESSFUL, 13, REJECT, [(10, IGNORE, amf_id(amf)), (15, IGNORE, cause(why))])


def handover_notify(ids: NgIds, where: Location) -> bytes:
    """HANDOVER NOTIFY (§9.2.3.7)."""
    return pdu(INITIATING, 11, IGNORE, [*identities(ids), (121, IGNORE, location(where))])


def handover_cancel(ids: NgIds, why: NgCause) -> bytes:
    """HANDOVER CANCEL (§9.2.3.11)."""
    return pdu(INITIATING, 10, REJECT, [*identities(ids), (15, IGNORE, cause(why))])


def handover_cancel_acknowledge(ids: NgIds) -> bytes:
    """HANDOVER CANCEL ACKNOWLEDGE (§9.2.3.12)."""
    return pdu(SUCCESSFUL, 10, REJECT, identities(ids, True))


def paging(amf: Amf, tmsi: int, places: list[Location]) -> bytes:
    """PAGING (§9.2.4.1) by 5G-S-TMSI in tracking areas."""
    areas = Writer().integer(len(places), 1, 16)
    for where in places:
        write_tai(areas.bits(0, 2), where)
    who = write_temporary(Writer().bits(0, 1), amf, tmsi).done()
    return pdu(INITIATING, 24, IGNORE, [(115, IGNORE, who), (103, IGNORE, areas.done())])


def reset(why: NgCause, connections: list[NgIds] | None) -> bytes:
    """NG RESET (§9.2.6.11): the whole interface, or the connections named."""
    if connections is None:
        kind = Writer().bits(0, 2).enumerated(0, 1).done()
    else:
        kind = _connections(Writer().bits(1, 2), connections).done()
    return pdu(INITIATING, 20, REJECT, [(15, IGNORE, cause(why)), (88, REJECT, kind)])


def reset_acknowledge(connections: list[NgIds] | None) -> bytes:
    """NG RESET ACKNOWLEDGE (§9.2.6.12)."""
    ies: list[Ie] = [] if connections is None else [(111, IGNORE, _connections(Writer(), connections).done())]
    return pdu(SUCCESSFUL, 20, REJECT, ies)


def _connections(writer: Writer, connections: list[NgIds]) -> Writer:
    writer.length(len(connections))  # an upper bound of 64 K is as none (X.691 §11.9.4)
    for ids in connections:
        writer.bits(0b0110, 4).integer(ids.amf, 0, 2**40 - 1).integer(ids.ran, 0, 2**32 - 1)
    return writer


def error_indication(ids: NgIds, why: NgCause) -> bytes:
    """ERROR INDICATION (§9.2.6.13)."""
    return pdu(INITIATING, 9, IGNORE, [*identities(ids, True), (15, IGNORE, cause(why))])
