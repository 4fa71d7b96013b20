"""S1AP messages of mobility, paging and management (TS 36.413 §9.1.5, §9.1.6, §9.1.8)."""

from tools.scenario.encode_gtp import Endpoint, Location
from tools.scenario.encode_per import (
    IGNORE,
    INITIATING,
    REJECT,
    SUCCESSFUL,
    UNSUCCESSFUL,
    Ie,
    Writer,
    field,
    open_octets,
    pdu,
)
from tools.scenario.encode_s1ap import (
    Cause,
    Erab,
    Ids,
    admitted_item,
    ambr,
    bound_item,
    cause,
    ecgi,
    enb_id,
    erab_list,
    handover_item,
    identities,
    item_list,
    mme_id,
    rrc,
    security_capabilities,
    security_context,
    tai,
    write_ecgi,
    write_enb,
    write_tai,
)

HANDOVER_INTRA_LTE = Writer().enumerated(0, 5).done()


def path_switch_request(enb: int, source_mme: int, where: Location, bound: list[tuple[int, Endpoint]]) -> bytes:
    """PATH SWITCH REQUEST (§9.1.5.8)."""
    return pdu(INITIATING, 3, REJECT, [
        (8, REJECT, enb_id(enb)), (22, REJECT, item_list(23, REJECT, [bound_item(*each) for each in bound])),
        (88, REJECT, mme_id(source_mme)), (100, IGNORE, ecgi(where)), (67, IGNORE, tai(where)),
        (107, IGNORE, security_capabilities()),
    ])  # fmt: skip


def path_switch_acknowledge(ids: Ids, released: list[int], why: Cause | None) -> bytes:
    """PATH SWITCH REQUEST ACKNOWLEDGE (§9.1.5.9)."""
    ies = identities(ids, True)
    if released:
        assert why is not None
        ies.append((33, IGNORE, erab_list(released, why)))
    return pdu(SUCCESSFUL, 3, REJECT, [*ies, (40, REJECT, security_context())])


def path_switch_failure(ids: Ids, why: Cause) -> bytes:
    """PATH SWITCH REQUEST FAILURE (§9.1.5.10)."""
    return pdu(UNSUCCESSFUL, 3, REJECT, [*identities(ids, True), (2, IGNORE, cause(why))])


def target_enb(where: Location) -> bytes:
    """Target ID of a macro eNodeB with the tracking area selected (§9.2.1.6)."""
    writer = Writer().bits(0, 3).bits(0, 2)  # the first of three alternatives
    return write_tai(write_enb(writer, where), where).done()


def to_target(target: Location, source: Location, ebis: list[int], size: int) -> bytes:
    """Source eNB to Target eNB Transparent Container (§9.2.1.7): RRC of `size` octets, E-RABs, target and last cell."""
    items = [Writer().bits(0, 4).bits(ebi, 4).done() for ebi in ebis]
    writer = Writer().bits(0, 1).bits(0b100, 3).open_type(rrc(size)).octets(item_list(78, IGNORE, items))
    write_ecgi(writer, target).bits(0, 4)  # one cell visited
    writer.bits(0, 3).bits(0, 2)  # in E-UTRAN
    write_ecgi(writer, source).bits(0, 2).enumerated(1, 4)
    return writer.integer(9, 0, 4095).done()


def to_source(size: int) -> bytes:
    """Target eNB to Source eNB Transparent Container (§9.2.1.8): RRC of `size` octets."""
    return Writer().bits(0, 2).open_type(rrc(size)).done()


def handover_required(ids: Ids, why: Cause, target: Location, container: bytes) -> bytes:
    """HANDOVER REQUIRED (§9.1.5.1)."""
    return pdu(INITIATING, 0, REJECT, [
        *identities(ids), (1, REJECT, HANDOVER_INTRA_LTE), (2, IGNORE, cause(why)), (4, REJECT, target_enb(target)),
        (104, REJECT, open_octets(container)),
    ])  # fmt: skip


def handover_request(mme: int, why: Cause, erabs: list[Erab], container: bytes) -> bytes:
    """HANDOVER REQUEST (§9.1.5.4)."""
    return pdu(INITIATING, 1, REJECT, [
        (0, REJECT, mme_id(mme)), (1, REJECT, HANDOVER_INTRA_LTE), (2, IGNORE, cause(why)),
        (66, REJECT, ambr(150_000_000, 50_000_000)),
        (53, REJECT, item_list(27, REJECT, [handover_item(erab) for erab in erabs])),
        (104, REJECT, open_octets(container)), (107, REJECT, security_capabilities()), (40, REJECT, security_context()),
    ])  # fmt: skip


def handover_acknowledge(ids: Ids, admitted: list[tuple[int, Endpoint]], failed: list[int], why: Cause | None,
                         container: bytes) -> bytes:  # fmt: skip
    """HANDOVER REQUEST ACKNOWLEDGE (§9.1.5.5)."""
    ies: list[Ie] = identities(ids, True)
    ies.append((18, IGNORE, item_list(20, IGNORE, [admitted_item(*each) for each in admitted])))
    if failed:
        assert why is not None
        items = [erab_list([ebi], why) for ebi in failed]
        # Each item of E-RABFailedtoSetupListHOReqAck is 21 with the same content as an E-RAB item.
        ies.append((19, IGNORE, bytes((len(failed) - 1,)) + b"".join(field((21, IGNORE, i[5:])) for i in items)))
    return pdu(SUCCESSFUL, 1, REJECT, [*ies, (123, REJECT, open_octets(container))])


def handover_command(ids: Ids, released: list[int], why: Cause | None, container: bytes) -> bytes:
    """HANDOVER COMMAND (§9.1.5.2)."""
    ies = [*identities(ids), (1, REJECT, HANDOVER_INTRA_LTE)]
    if released:
        assert why is not None
        ies.append((13, IGNORE, erab_list(released, why)))
    return pdu(SUCCESSFUL, 0, REJECT, [*ies, (123, REJECT, open_octets(container))])


def handover_preparation_failure(ids: Ids, why: Cause) -> bytes:
    """HANDOVER PREPARATION FAILURE (§9.1.5.3)."""
    return pdu(UNSUCCESSFUL, 0, REJECT, [*identities(ids, True), (2, IGNORE, cause(why))])


def handover_failure(mme: int, why: Cause) -> bytes:
    """HANDOVER FAILURE (§9.1.5.6)."""
    return pdu(UNSUCCESSFUL, 1, REJECT, [(0, IGNORE, mme_id(mme)), (2, IGNORE, cause(why))])


def handover_notify(ids: Ids, where: Location) -> bytes:
    """HANDOVER NOTIFY (§9.1.5.7)."""
    return pdu(INITIATING, 2, IGNORE, [*identities(ids), (100, IGNORE, ecgi(where)), (67, IGNORE, tai(where))])


def handover_cancel(ids: Ids, why: Cause) -> bytes:
    """HANDOVER CANCEL (§9.1.5.11)."""
    return pdu(INITIATING, 4, REJECT, [*identities(ids), (2, IGNORE, cause(why))])


def handover_cancel_acknowledge(ids: Ids) -> bytes:
    """HANDOVER CANCEL ACKNOWLEDGE (§9.1.5.12)."""
    return pdu(SUCCESSFUL, 4, REJECT, identities(ids, True))


def status_transfer(ids: Ids, ebis: list[int], from_mme: bool) -> bytes:
    """ENB STATUS TRANSFER or MME STATUS TRANSFER (§9.1.5.13, §9.1.5.14)."""
    items = []
    for ebi in ebis:
        writer = Writer().bits(0, 3).bits(0, 1).bits(ebi, 4)  # extension, two options; E-RAB ID
        for count in (1000 + ebi, 2000 + ebi):  # COUNT up, down: extension, option, PDCP-SN 12 bits, HFN 20 bits
            writer.bits(0, 2).integer(count & 0xFFF, 0, 4095).integer(7, 0, 1048575)
        items.append(writer.done())
    # The container is a SEQUENCE with its own extension and option bits before the list.
    value = Writer().bits(0, 2).octets(item_list(89, IGNORE, items)).done()
    return pdu(INITIATING, 25 if from_mme else 24, IGNORE, [*identities(ids), (90, REJECT, value)])


def paging(mmec: int, tmsi: int, index: int, places: list[Location]) -> bytes:
    """PAGING (§9.1.6) by S-TMSI in tracking areas."""
    who = Writer().bits(0, 1).bits(0, 1).bits(0, 2).bits(mmec, 8).octets(tmsi.to_bytes(4, "big")).done()
    areas = []
    for where in places:
        areas.append(write_tai(Writer().bits(0, 2), where).done())
    return pdu(INITIATING, 10, IGNORE, [
        (80, IGNORE, Writer().bits(index & 0x3FF, 10).done()), (43, IGNORE, who),
        (44, IGNORE, Writer().enumerated(2, 4).done()),
        (109, IGNORE, Writer().bits(1, 1).done()),
        (46, IGNORE, item_list(47, IGNORE, areas)),
    ])  # fmt: skip


def reset(why: Cause, connections: list[Ids] | None) -> bytes:
    """RESET (§9.1.8.1): the whole interface, or the connections named."""
    writer = Writer().bits(0, 1)
    if connections is None:
        writer.bits(0, 1).enumerated(0, 1)
    else:
        writer.bits(1, 1).octets(_connections(connections))
    return pdu(INITIATING, 14, REJECT, [(2, IGNORE, cause(why)), (92, REJECT, writer.done())])


def reset_acknowledge(connections: list[Ids] | None) -> bytes:
    """RESET ACKNOWLEDGE (§9.1.8.2)."""
    ies: list[Ie] = [] if connections is None else [(93, IGNORE, _connections(connections))]
    return pdu(SUCCESSFUL, 14, REJECT, ies)


def _connections(connections: list[Ids]) -> bytes:
    items = []
    for ids in connections:
        writer = Writer().bits(0, 1).bits(1, 1).bits(1, 1).bits(0, 1)
        items.append(writer.integer(ids.mme, 0, 0xFFFFFFFF).integer(ids.enb, 0, 0xFFFFFF).done())
    return item_list(91, REJECT, items)


def error_indication(ids: Ids, why: Cause) -> bytes:
    """ERROR INDICATION (§9.1.8.3)."""
    return pdu(INITIATING, 15, IGNORE, [*identities(ids, True), (2, IGNORE, cause(why))])
