"""S1AP elements and messages (TS 36.413 §9.1, §9.2), written from the ASN.1 of §9.3."""

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
    field,
    open_octets,
    pdu,
)

PORT, PPID = 36412, 18
RADIO, TRANSPORT, NAS, PROTOCOL, MISC = range(5)
_CAUSE_ROOT = (36, 2, 4, 7, 6)
EMERGENCY, HIGH_PRIORITY, MT_ACCESS, MO_SIGNALLING, MO_DATA = range(5)
KEY = bytes(range(32))


class Cause(NamedTuple):
    """A cause: its group (RADIO, TRANSPORT, NAS, PROTOCOL, MISC) and value."""

    group: int
    value: int


class Ids(NamedTuple):
    """The two identities of a UE on S1."""

    mme: int
    enb: int


class Erab(NamedTuple):
    """An E-RAB as a request names it: identity, class, priority, endpoint, and a NAS message for it."""

    ebi: int
    qci: int
    endpoint: Endpoint
    priority: int = 8
    nas: bytes | None = None


# elements


def cause(value: Cause) -> bytes:
    """Cause (§9.2.1.3)."""
    return _cause(Writer(), value).done()


def _cause(writer: Writer, value: Cause) -> Writer:
    return writer.bits(0, 1).bits(value.group, 3).enumerated(value.value, _CAUSE_ROOT[value.group])


def mme_id(value: int) -> bytes:
    """MME UE S1AP ID (§9.2.3.3)."""
    return Writer().integer(value, 0, 0xFFFFFFFF).done()


def enb_id(value: int) -> bytes:
    """ENB UE S1AP ID (§9.2.3.4)."""
    return Writer().integer(value, 0, 0xFFFFFF).done()


def identities(ids: Ids, answer: bool = False) -> list[Ie]:
    """Both identities, as a request or an answer names them."""
    criticality = IGNORE if answer else REJECT
    return [(0, criticality, mme_id(ids.mme)), (8, criticality, enb_id(ids.enb))]


def tai(where: Location) -> bytes:
    """TAI (§9.2.3.16)."""
    return write_tai(Writer(), where).done()


def write_tai(writer: Writer, where: Location) -> Writer:
    """TAI where other fields go before it."""
    return writer.bits(0, 2).octets(plmn(where.mcc, where.mnc)).bits(where.area, 16)


def ecgi(where: Location) -> bytes:
    """E-UTRAN CGI (§9.2.1.38)."""
    return write_ecgi(Writer(), where).done()


def write_ecgi(writer: Writer, where: Location) -> Writer:
    """E-UTRAN CGI where other fields go before it."""
    return writer.bits(0, 2).octets(plmn(where.mcc, where.mnc)).bit_string(where.cell, 28)


def s_tmsi(mmec: int, tmsi: int) -> bytes:
    """S-TMSI (§9.2.3.6)."""
    return Writer().bits(0, 2).bits(mmec, 8).octets(tmsi.to_bytes(4, "big")).done()


def ambr(down: int, up: int) -> bytes:
    """UE aggregate maximum bit rate (§9.2.1.20)."""
    writer = Writer().bits(0, 2)
    return writer.integer(down, 0, 10_000_000_000).integer(up, 0, 10_000_000_000).done()


def security_capabilities() -> bytes:
    """UE security capabilities (§9.2.1.40)."""
    return Writer().bits(0, 2).bits(0, 1).bits(0xE000, 16).bits(0, 1).bits(0xE000, 16).done()


def security_key() -> bytes:
    """Security key (§9.2.1.41)."""
    return KEY


def security_context() -> bytes:
    """Security context (§9.2.1.26): next hop chaining count and next hop."""
    return Writer().bits(0, 2).integer(2, 0, 7).octets(KEY).done()


def global_enb_id(where: Location) -> bytes:
    """Global eNB ID of a macro eNodeB (§9.2.1.37): the upper 20 bits of its cells' identity."""
    return write_enb(Writer(), where).done()


def write_enb(writer: Writer, where: Location) -> Writer:
    """Global eNB ID where other fields go before it."""
    writer.bits(0, 2).octets(plmn(where.mcc, where.mnc))
    return writer.bits(0, 2).bit_string(where.cell >> 8, 20)


def _qos(writer: Writer, erab: Erab) -> Writer:
    rated = erab.qci <= 4
    writer.bits(0, 1).bits(rated, 1).bits(0, 1).integer(erab.qci, 0, 255)
    writer.bits(0, 2).bits(erab.priority, 4).bits(1, 1).bits(0, 1)
    if rated:
        writer.bits(0, 2)
        for _ in range(4):
            writer.integer(128_000, 0, 10_000_000_000)
    return writer


def _tunnel(writer: Writer, endpoint: Endpoint) -> Writer:
    return address_bits(writer, endpoint.address).octets(endpoint.teid.to_bytes(4, "big"))


def _ebi(writer: Writer, ebi: int) -> Writer:
    return writer.bits(0, 1).bits(ebi, 4)


def item_list(item: int, criticality: int, values: list[bytes]) -> bytes:
    """A list of items of one kind, each with id, criticality and length."""
    return bytes((len(values) - 1,)) + b"".join(field((item, criticality, value)) for value in values)


def _context_item(erab: Erab) -> bytes:
    writer = _ebi(Writer().bits(0, 1).bits(erab.nas is not None, 1).bits(0, 1), erab.ebi)
    _tunnel(_qos(writer, erab), erab.endpoint)
    return (writer.open_type(erab.nas) if erab.nas is not None else writer).done()


def _setup_item(erab: Erab) -> bytes:
    writer = _ebi(Writer().bits(0, 2), erab.ebi)
    return _tunnel(_qos(writer, erab), erab.endpoint).open_type(erab.nas or b"").done()


def handover_item(erab: Erab) -> bytes:
    """An E-RAB of a HANDOVER REQUEST (§9.1.5.4): endpoint before QoS."""
    writer = _ebi(Writer().bits(0, 2), erab.ebi)
    return _qos(_tunnel(writer, erab.endpoint), erab).done()


def bound_item(ebi: int, endpoint: Endpoint) -> bytes:
    """E-RAB identity and radio-side endpoint."""
    return _tunnel(_ebi(Writer().bits(0, 2), ebi), endpoint).done()


def admitted_item(ebi: int, endpoint: Endpoint) -> bytes:
    """The same of an admitted E-RAB (§9.1.5.5)."""
    return _tunnel(_ebi(Writer().bits(0, 6), ebi), endpoint).done()


def erab_list(ebis: list[int], why: Cause) -> bytes:
    """E-RAB List (§9.2.1.36): items 35 with their cause."""
    values = []
    for ebi in ebis:
        writer = _ebi(Writer().bits(0, 2), ebi)
        values.append(_cause(writer, why).done())
    return item_list(35, IGNORE, values)


# connection and NAS


def setup_request(where: Location, areas: list[int], name: str) -> bytes:
    """S1 SETUP REQUEST (§9.1.8.4)."""
    broadcast = plmn(where.mcc, where.mnc)
    tas = Writer().integer(len(areas), 1, 256)
    for area in areas:
        tas.bits(0, 2).bits(area, 16).bits(0, 3).octets(broadcast)
    label = Writer().bits(0, 1).integer(len(name), 1, 150).octets(name.encode()).done()
    return pdu(INITIATING, 17, REJECT, [
        (59, REJECT, global_enb_id(where)), (60, IGNORE, label), (64, REJECT, tas.done()),
        (137, IGNORE, Writer().enumerated(2, 4).done()),
    ])  # fmt: skip


def setup_response(where: Location, group: int, code: int) -> bytes:
    """S1 SETUP RESPONSE (§9.1.8.5)."""
    writer = Writer().bits(0, 3).bits(0, 2)  # one GUMMEI: 3 bits of count, then the item's own two
    writer.bits(0, 5).octets(plmn(where.mcc, where.mnc))
    writer.integer(1, 1, 65535).bits(group, 16)
    writer.integer(1, 1, 256).bits(code, 8)
    return pdu(SUCCESSFUL, 17, REJECT, [(105, REJECT, writer.done()), (87, IGNORE, bytes((255,)))])


def setup_failure(why: Cause) -> bytes:
    """S1 SETUP FAILURE (§9.1.8.6), to be tried again after ten seconds."""
    return pdu(UNSUCCESSFUL, 17, REJECT, [(2, IGNORE, cause(why)), (65, IGNORE, Writer().enumerated(3, 6).done())])


def initial_ue(enb: int, nas: bytes, where: Location, reason: int, tmsi: tuple[int, int] | None = None) -> bytes:
    """INITIAL UE MESSAGE (§9.1.7.1); `tmsi` is MMEC and M-TMSI."""
    ies: list[Ie] = [
        (8, REJECT, enb_id(enb)), (26, REJECT, open_octets(nas)), (67, REJECT, tai(where)), (100, IGNORE, ecgi(where)),
        (134, IGNORE, Writer().enumerated(reason, 5).done()),
    ]  # fmt: skip
    if tmsi:
        ies.append((96, REJECT, s_tmsi(*tmsi)))
    return pdu(INITIATING, 12, IGNORE, ies)


def downlink_nas(ids: Ids, nas: bytes) -> bytes:
    """DOWNLINK NAS TRANSPORT (§9.1.7.2)."""
    return pdu(INITIATING, 11, IGNORE, [*identities(ids), (26, REJECT, open_octets(nas))])


def uplink_nas(ids: Ids, nas: bytes, where: Location) -> bytes:
    """UPLINK NAS TRANSPORT (§9.1.7.3)."""
    ies = [*identities(ids), (26, REJECT, open_octets(nas)), (100, IGNORE, ecgi(where)), (67, IGNORE, tai(where))]
    return pdu(INITIATING, 13, IGNORE, ies)


def rrc(size: int) -> bytes:
    """`size` octets that read as an RRC message of a release to come (TS 36.331: criticalExtensionsFuture)."""
    return b"\x80" + bytes((7 * i + 1) & 0xFF for i in range(size - 1))


def capability(ids: Ids, size: int) -> bytes:
    """UE CAPABILITY INFO INDICATION (§9.1.10) with a radio capability of `size` octets."""
    value = open_octets(rrc(size))
    return pdu(INITIATING, 22, IGNORE, [*identities(ids), (74, IGNORE, value)])


# context


def context_request(ids: Ids, erabs: list[Erab]) -> bytes:
    """INITIAL CONTEXT SETUP REQUEST (§9.1.4.1)."""
    items = item_list(52, REJECT, [_context_item(erab) for erab in erabs])
    return pdu(INITIATING, 9, REJECT, [
        *identities(ids), (66, REJECT, ambr(150_000_000, 50_000_000)), (24, REJECT, items),
        (107, REJECT, security_capabilities()), (73, REJECT, security_key()),
    ])  # fmt: skip


def context_response(ids: Ids, bound: list[tuple[int, Endpoint]], failed: list[int], why: Cause | None) -> bytes:
    """INITIAL CONTEXT SETUP RESPONSE (§9.1.4.3)."""
    ies = [*identities(ids, True), (51, IGNORE, item_list(50, IGNORE, [bound_item(*each) for each in bound]))]
    if failed:
        assert why is not None
        ies.append((48, IGNORE, erab_list(failed, why)))
    return pdu(SUCCESSFUL, 9, REJECT, ies)


def context_failure(ids: Ids, why: Cause) -> bytes:
    """INITIAL CONTEXT SETUP FAILURE (§9.1.4.4)."""
    return pdu(UNSUCCESSFUL, 9, REJECT, [*identities(ids, True), (2, IGNORE, cause(why))])


def release_request(ids: Ids, why: Cause) -> bytes:
    """UE CONTEXT RELEASE REQUEST (§9.1.4.5)."""
    return pdu(INITIATING, 18, IGNORE, [*identities(ids), (2, IGNORE, cause(why))])


def release_command(ids: Ids, why: Cause, pair: bool = True) -> bytes:
    """UE CONTEXT RELEASE COMMAND (§9.1.4.6), by both identities or by the MME's alone."""
    writer = Writer().bits(0, 1)
    if pair:
        writer.bits(0, 1).bits(0, 2).integer(ids.mme, 0, 0xFFFFFFFF).integer(ids.enb, 0, 0xFFFFFF)
    else:
        writer.bits(1, 1).integer(ids.mme, 0, 0xFFFFFFFF)
    return pdu(INITIATING, 23, REJECT, [(99, REJECT, writer.done()), (2, IGNORE, cause(why))])


def release_complete(ids: Ids) -> bytes:
    """UE CONTEXT RELEASE COMPLETE (§9.1.4.7)."""
    return pdu(SUCCESSFUL, 23, REJECT, identities(ids, True))


# E-RABs


def erab_setup_request(ids: Ids, erabs: list[Erab]) -> bytes:
    """E-RAB SETUP REQUEST (§9.1.3.1)."""
    return pdu(INITIATING, 5, REJECT, [
        *identities(ids), (16, REJECT, item_list(17, REJECT, [_setup_item(erab) for erab in erabs])),
    ])  # fmt: skip


def erab_setup_response(ids: Ids, bound: list[tuple[int, Endpoint]], failed: list[int], why: Cause | None) -> bytes:
    """E-RAB SETUP RESPONSE (§9.1.3.2)."""
    ies = identities(ids, True)
    if bound:
        ies.append((28, IGNORE, item_list(39, IGNORE, [bound_item(*each) for each in bound])))
    if failed:
        assert why is not None
        ies.append((29, IGNORE, erab_list(failed, why)))
    return pdu(SUCCESSFUL, 5, REJECT, ies)


def erab_modify_request(ids: Ids, erab: Erab) -> bytes:
    """E-RAB MODIFY REQUEST (§9.1.3.3) for one E-RAB."""
    writer = _qos(_ebi(Writer().bits(0, 2), erab.ebi), erab).open_type(erab.nas or b"")
    return pdu(INITIATING, 6, REJECT, [*identities(ids), (30, REJECT, item_list(36, REJECT, [writer.done()]))])


def erab_modify_response(ids: Ids, modified: list[int], failed: list[int], why: Cause | None) -> bytes:
    """E-RAB MODIFY RESPONSE (§9.1.3.4)."""
    ies = identities(ids, True)
    if modified:
        items = [_ebi(Writer().bits(0, 2), ebi).done() for ebi in modified]
        ies.append((31, IGNORE, item_list(37, IGNORE, items)))
    if failed:
        assert why is not None
        ies.append((32, IGNORE, erab_list(failed, why)))
    return pdu(SUCCESSFUL, 6, REJECT, ies)


def erab_release_command(ids: Ids, ebis: list[int], why: Cause, nas: bytes | None = None) -> bytes:
    """E-RAB RELEASE COMMAND (§9.1.3.5)."""
    ies = [*identities(ids), (33, IGNORE, erab_list(ebis, why))]
    if nas is not None:
        ies.append((26, IGNORE, open_octets(nas)))
    return pdu(INITIATING, 7, REJECT, ies)


def erab_release_response(ids: Ids, ebis: list[int]) -> bytes:
    """E-RAB RELEASE RESPONSE (§9.1.3.6)."""
    items = [_ebi(Writer().bits(0, 2), ebi).done() for ebi in ebis]
    return pdu(SUCCESSFUL, 7, REJECT, [*identities(ids, True), (69, IGNORE, item_list(15, IGNORE, items))])


def erab_release_indication(ids: Ids, ebis: list[int], why: Cause) -> bytes:
    """E-RAB RELEASE INDICATION (§9.1.3.7)."""
    return pdu(INITIATING, 8, IGNORE, [*identities(ids), (110, IGNORE, erab_list(ebis, why))])
