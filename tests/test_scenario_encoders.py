"""The generator's NGAP, NAS of 5GS and PFCP messages as pycrate reads them, which writes the same octets again."""

import pytest
from pycrate_asn1dir import NGAP
from pycrate_mobile.NAS import parse_NAS5G
from pycrate_mobile.TS29244_PFCP import parse_PFCP

from tools.scenario import encode_nas5 as nas
from tools.scenario import encode_ngap as ngap
from tools.scenario import encode_ngap_mobility as mobility
from tools.scenario import encode_pfcp as pfcp
from tools.scenario.encode_gtp import Endpoint, Location
from tools.scenario.encode_ngap import Amf, NgCause, NgIds, PduSession, Slice
from tools.scenario.encode_per import Writer

WHERE = Location("208", "93", 0x1234, 0x123456789)
IDS = NgIds(0x0102030405, 70000)
AMF = Amf(1, 0x2A5, 0x15)
SLICES = [Slice(1, 0xA), Slice(2, 0xFFFFFF)]
V4, V6 = Endpoint(bytes((10, 0, 11, 1)), 0x1001), Endpoint(bytes(range(16)), 5)
DATA, VOICE = PduSession(5, SLICES[0], 9, 1, V4, b"abc"), PduSession(6, SLICES[1], 1, 2, V6)
WHY, LATE = NgCause(ngap.RADIO, 21), NgCause(ngap.RADIO, 46)
MADE, FAILED = [(5, ngap.response_transfer(V4, [1, 2]))], [(6, ngap.unsuccessful_transfer(WHY))]

NGAP_MESSAGES = {
    "NGSetupRequest": ngap.setup_request(WHERE, "gnb1", [1, 2], SLICES),
    "NGSetupResponse": ngap.setup_response(WHERE, "amf1", AMF, SLICES),
    "NGSetupFailure": ngap.setup_failure(NgCause(ngap.MISC, 0)),
    "InitialUEMessage": ngap.initial_ue(70000, b"abc", WHERE, 3, (AMF, 0xC0FFEE01)),
    "DownlinkNASTransport": ngap.downlink_nas(IDS, b"x" * 200),
    "UplinkNASTransport": ngap.uplink_nas(IDS, b"xy", WHERE, 7),
    "UERadioCapabilityInfoIndication": ngap.capability(IDS, 3000),
    "InitialContextSetupRequest": ngap.context_request(IDS, WHERE, AMF, SLICES, b"nas", [DATA, VOICE]),
    "InitialContextSetupRequest ": ngap.context_request(IDS, WHERE, AMF, SLICES, None, []),
    "InitialContextSetupResponse": ngap.context_response(IDS, MADE, FAILED),
    "InitialContextSetupFailure": ngap.context_failure(IDS, WHY, [5]),
    "UEContextReleaseRequest": ngap.release_request(IDS, LATE, [5, 6]),
    "UEContextReleaseCommand": ngap.release_command(IDS, NgCause(ngap.NAS, 2)),
    "UEContextReleaseCommand ": ngap.release_command(IDS, NgCause(ngap.NAS, 2), False),
    "UEContextReleaseComplete": ngap.release_complete(IDS, WHERE, [5]),
    "PDUSessionResourceSetupRequest": ngap.session_setup_request(IDS, [DATA, VOICE]),
    "PDUSessionResourceSetupResponse": ngap.session_setup_response(IDS, MADE, FAILED),
    "PDUSessionResourceReleaseCommand": ngap.session_release_command(IDS, [5], WHY, b"abc"),
    "PDUSessionResourceReleaseResponse": ngap.session_release_response(IDS, [5], WHERE),
    "PDUSessionResourceNotify": ngap.session_notify(IDS, [5], WHY),
    "PathSwitchRequest": mobility.path_switch_request(7, 9, WHERE, [(5, V4, [1]), (6, V6, [1, 2])], [7], WHY),
    "PathSwitchRequestAcknowledge": mobility.path_switch_acknowledge(IDS, [5], SLICES),
    "PathSwitchRequestFailure": mobility.path_switch_failure(IDS, [5], WHY),
    "HandoverRequired": mobility.handover_required(IDS, WHY, WHERE, [5], mobility.to_target(WHERE, WHERE, 300)),
    "HandoverRequest": mobility.handover_request(
        7, WHY, [DATA, VOICE], SLICES, WHERE, AMF, mobility.to_target(WHERE, WHERE, 30)
    ),
    "HandoverRequestAcknowledge": mobility.handover_acknowledge(
        IDS, [(5, V4, [1, 2])], [6], WHY, mobility.to_source(30)
    ),
    "HandoverCommand": mobility.handover_command(IDS, [5], mobility.to_source(200)),
    "HandoverPreparationFailure": mobility.handover_preparation_failure(IDS, WHY),
    "HandoverFailure": mobility.handover_failure(7, WHY),
    "HandoverNotify": mobility.handover_notify(IDS, WHERE),
    "HandoverCancel": mobility.handover_cancel(IDS, WHY),
    "HandoverCancelAcknowledge": mobility.handover_cancel_acknowledge(IDS),
    "Paging": mobility.paging(AMF, 0xC0FFEE01, [WHERE, WHERE]),
    "NGReset": mobility.reset(WHY, None),
    "NGReset ": mobility.reset(WHY, [IDS, IDS]),
    "NGResetAcknowledge": mobility.reset_acknowledge([IDS]),
    "NGResetAcknowledge ": mobility.reset_acknowledge(None),
    "ErrorIndication": mobility.error_indication(IDS, WHY),
}

TRANSFERS = {
    "PDUSessionResourceSetupRequestTransfer": ngap.request_transfer(DATA),
    "PDUSessionResourceSetupResponseTransfer": MADE[0][1],
    "PDUSessionResourceSetupUnsuccessfulTransfer": FAILED[0][1],
    "PDUSessionResourceReleaseCommandTransfer": ngap.cause_transfer(WHY),
    "PathSwitchRequestTransfer": ngap.flows(ngap.write_tunnel(Writer().bits(0, 4), V4), [1], 1).done(),
    "HandoverRequestAcknowledgeTransfer": ngap.flows(ngap.write_tunnel(Writer().bits(0, 6), V6), [1, 2], 2).done(),
    "SourceNGRANNode_ToTargetNGRANNode_TransparentContainer": mobility.to_target(WHERE, WHERE, 3),
    "TargetNGRANNode_ToSourceNGRANNode_TransparentContainer": mobility.to_source(3),
    "HandoverCommandTransfer": b"\0",
    "PathSwitchRequestAcknowledgeTransfer": b"\0",
    "HandoverRequiredTransfer": b"\0",
    "PDUSessionResourceReleaseResponseTransfer": b"\0",
}
"""What SMF and radio node tell each other inside: octet strings to the messages above."""


def read(name: str) -> dict[int, object]:
    """The elements of an NGAP message by id."""
    pdu = NGAP.NGAP_PDU_Descriptions.NGAP_PDU
    pdu.from_aper(NGAP_MESSAGES[name])
    assert pdu.to_aper() == NGAP_MESSAGES[name]
    _kind, content = pdu.get_val()
    assert content["value"][0] == name.strip()
    return {ie["id"]: ie["value"][1] for ie in content["value"][1]["protocolIEs"]}


@pytest.mark.parametrize("name", sorted(NGAP_MESSAGES))
def test_ngap_message_as_pycrate_reads_it(name: str):
    assert read(name) or name == "NGResetAcknowledge "  # which has none


@pytest.mark.parametrize("name", sorted(TRANSFERS))
def test_transfer_as_pycrate_reads_it(name: str):
    container = getattr(NGAP.NGAP_IEs, name)
    container.from_aper(TRANSFERS[name])
    assert container.to_aper() == TRANSFERS[name]


def test_ngap_fields_are_those_meant():
    initial = read("InitialUEMessage")
    assert (initial[85], initial[38], initial[90]) == (70000, b"abc", "mo-Signalling")
    _, where = initial[121]
    assert where["nR-CGI"]["nRCellIdentity"] == (0x123456789, 36)
    assert where["tAI"]["tAC"] == bytes.fromhex("001234")
    assert initial[26]["fiveG-TMSI"] == bytes.fromhex("c0ffee01")
    setup = read("PDUSessionResourceSetupRequest")
    assert (setup[10], setup[85]) == (IDS.amf, IDS.ran)
    first, second = setup[74]
    assert (first["pDUSessionID"], first["s-NSSAI"]) == (5, {"sST": b"\x01", "sD": b"\x00\x00\x0a"})
    assert (second["pDUSessionID"], second["s-NSSAI"]) == (6, {"sST": b"\x02"})
    assert [item["pDUSessionID"] for item in read("PDUSessionResourceSetupResponse")[58]] == [6]
    assert read("HandoverPreparationFailure")[15][0] == "radioNetwork"


GUTI = nas.guti("208", "93", 1, 0x2A5, 0x15, 0xC0FFEE01)
SST, SST_SD = b"\x02", bytes.fromhex("0100000a")

NAS_MESSAGES = [
    nas.registration_request(1, nas.suci("208", "93", "208930000000001")),
    nas.registration_request(2, GUTI),
    nas.registration_request(1, nas.concealed("208", "93", bytes(40))),
    nas.registration_accept(GUTI, [SST_SD, SST]),
    nas.registration_complete(),
    nas.registration_reject(62),
    nas.deregistration_request(GUTI, True),
    nas.deregistration_accept(),
    nas.deregistration_by_network(),
    nas.deregistration_by_network_accept(),
    nas.service_request(1, nas.temporary(0x2A5, 0x15, 5)),
    nas.service_accept(),
    nas.service_reject(10),
    nas.authentication_request(bytes(16), bytes(16)),
    nas.authentication_response(bytes(16)),
    nas.authentication_reject(),
    nas.authentication_failure(21, bytes(14)),
    nas.security_command(2, 2),
    nas.security_complete(),
    nas.transport(True, 5, nas.session_request(5, 1), "internet", SST_SD),
    nas.transport(False, 5, nas.session_accept(5, 1, 1, bytes((10, 0, 0, 1)), SST_SD, "internet")),
    nas.transport(False, 5, nas.session_reject(5, 1, 27)),
    nas.transport(False, 5, nas.session_request(5, 1), cause=90),
    nas.session_release_command(5, 0, 36),
    nas.session_release_complete(5, 0),
    nas.protected(nas.service_request(1, nas.temporary(1, 1, 5)), 3, False),
]
NAS_NAMES = """
    RegistrationRequest RegistrationRequest RegistrationRequest RegistrationAccept RegistrationComplete
    RegistrationReject MODeregistrationRequest MODeregistrationAccept MTDeregistrationRequest MTDeregistrationAccept
    ServiceRequest ServiceAccept ServiceReject AuthenticationRequest AuthenticationResponse AuthenticationReject
    AuthenticationFailure SecurityModeCommand SecurityModeComplete ULNASTransport DLNASTransport DLNASTransport
    DLNASTransport PDUSessionReleaseCommand PDUSessionReleaseComplete SecProtNASMessage
""".split()  # noqa: SIM905


@pytest.mark.parametrize(("message", "name"), list(zip(NAS_MESSAGES, NAS_NAMES, strict=True)))
def test_nas_message_as_pycrate_reads_it(message: bytes, name: str):
    told, error = parse_NAS5G(message)
    assert not error
    assert told._name in (f"5GMM{name}", f"5GSM{name}")
    assert told.to_bytes() == message


CP, UP = pfcp.Seid(bytes((10, 0, 0, 1)), 5), pfcp.Seid(bytes((10, 0, 0, 2)), 77)
UE, N3, RAN = bytes((10, 1, 1, 1)), Endpoint(bytes((10, 0, 0, 3)), 9), Endpoint(bytes((10, 0, 0, 4)), 10)
USER = pfcp.user_id("208930000000001", "351234000000000", "33612345678")

PFCP_MESSAGES = [
    ("SessionEstablishmentReq", pfcp.establishment_request(1, CP, None, UE, 1, "internet", SST_SD, USER)),
    ("SessionEstablishmentReq", pfcp.establishment_request(1, CP, RAN, UE, 1, "internet", SST, b"")),
    ("SessionEstablishmentResp", pfcp.establishment_response(1, CP, UP, 1, N3)),
    ("SessionEstablishmentResp", pfcp.establishment_response(1, CP, UP, 75, None)),
    ("SessionModificationReq", pfcp.modification_request(2, UP, RAN)),
    ("SessionModificationReq", pfcp.modification_request(3, UP, None)),
    ("SessionModificationResp", pfcp.answer(53, 5, 2)),
    ("SessionDeletionReq", pfcp.deletion_request(4, UP)),
    ("SessionDeletionResp", pfcp.answer(55, 5, 4, 1, pfcp.usage(79, 1, 100, 200, 0x000800))),
    ("SessionReportReq", pfcp.report_request(5, CP)),
    ("SessionReportResp", pfcp.answer(57, 77, 5)),
    ("AssociationSetupReq", pfcp.association_request(1, CP.address, 10)),
    ("AssociationSetupResp", pfcp.association_response(1, UP.address, 10)),
    ("HeartbeatReq", pfcp.heartbeat(False, 1, 10)),
    ("HeartbeatResp", pfcp.heartbeat(True, 1, 10)),
]


@pytest.mark.parametrize(("name", "message"), PFCP_MESSAGES)
def test_pfcp_message_as_pycrate_reads_it(name: str, message: bytes):
    told, error = parse_PFCP(message)
    assert not error
    assert told._name == f"PFCP{name}"
    assert told.to_bytes() == message
