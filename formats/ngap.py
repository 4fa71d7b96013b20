"""NGAP (TS 38.413): messages, elements and what the items of its lists and their transfers hold, by number.

Names are the standard's. What the decoder reads has a constant; causes are in `formats.ngap_causes`.
"""

import numpy as np

from formats.ran import FlowKind, Kind

PPID = 60
"""SCTP payload protocol identifier."""
PORT = 38412

PRIVATE_MESSAGE = 31
"""The procedure whose fields are of another make (PrivateIE), and not read."""

MESSAGES: dict[int, tuple[str, str, str]] = {
    0: ("AMFConfigurationUpdate", "AMFConfigurationUpdateAcknowledge", "AMFConfigurationUpdateFailure"),
    1: ("AMFStatusIndication", "", ""),
    2: ("CellTrafficTrace", "", ""),
    3: ("DeactivateTrace", "", ""),
    4: ("DownlinkNASTransport", "", ""),
    5: ("DownlinkNonUEAssociatedNRPPaTransport", "", ""),
    6: ("DownlinkRANConfigurationTransfer", "", ""),
    7: ("DownlinkRANStatusTransfer", "", ""),
    8: ("DownlinkUEAssociatedNRPPaTransport", "", ""),
    9: ("ErrorIndication", "", ""),
    10: ("HandoverCancel", "HandoverCancelAcknowledge", ""),
    11: ("HandoverNotify", "", ""),
    12: ("HandoverRequired", "HandoverCommand", "HandoverPreparationFailure"),
    13: ("HandoverRequest", "HandoverRequestAcknowledge", "HandoverFailure"),
    14: ("InitialContextSetupRequest", "InitialContextSetupResponse", "InitialContextSetupFailure"),
    15: ("InitialUEMessage", "", ""),
    16: ("LocationReportingControl", "", ""),
    17: ("LocationReportingFailureIndication", "", ""),
    18: ("LocationReport", "", ""),
    19: ("NASNonDeliveryIndication", "", ""),
    20: ("NGReset", "NGResetAcknowledge", ""),
    21: ("NGSetupRequest", "NGSetupResponse", "NGSetupFailure"),
    22: ("OverloadStart", "", ""),
    23: ("OverloadStop", "", ""),
    24: ("Paging", "", ""),
    25: ("PathSwitchRequest", "PathSwitchRequestAcknowledge", "PathSwitchRequestFailure"),
    26: ("PDUSessionResourceModifyRequest", "PDUSessionResourceModifyResponse", ""),
    27: ("PDUSessionResourceModifyIndication", "PDUSessionResourceModifyConfirm", ""),
    28: ("PDUSessionResourceReleaseCommand", "PDUSessionResourceReleaseResponse", ""),
    29: ("PDUSessionResourceSetupRequest", "PDUSessionResourceSetupResponse", ""),
    30: ("PDUSessionResourceNotify", "", ""),
    31: ("PrivateMessage", "", ""),
    32: ("PWSCancelRequest", "PWSCancelResponse", ""),
    33: ("PWSFailureIndication", "", ""),
    34: ("PWSRestartIndication", "", ""),
    35: ("RANConfigurationUpdate", "RANConfigurationUpdateAcknowledge", "RANConfigurationUpdateFailure"),
    36: ("RerouteNASRequest", "", ""),
    37: ("RRCInactiveTransitionReport", "", ""),
    38: ("TraceFailureIndication", "", ""),
    39: ("TraceStart", "", ""),
    40: ("UEContextModificationRequest", "UEContextModificationResponse", "UEContextModificationFailure"),
    41: ("UEContextReleaseCommand", "UEContextReleaseComplete", ""),
    42: ("UEContextReleaseRequest", "", ""),
    43: ("UERadioCapabilityCheckRequest", "UERadioCapabilityCheckResponse", ""),
    44: ("UERadioCapabilityInfoIndication", "", ""),
    45: ("UETNLABindingReleaseRequest", "", ""),
    46: ("UplinkNASTransport", "", ""),
    47: ("UplinkNonUEAssociatedNRPPaTransport", "", ""),
    48: ("UplinkRANConfigurationTransfer", "", ""),
    49: ("UplinkRANStatusTransfer", "", ""),
    50: ("UplinkUEAssociatedNRPPaTransport", "", ""),
    51: ("WriteReplaceWarningRequest", "WriteReplaceWarningResponse", ""),
    52: ("SecondaryRATDataUsageReport", "", ""),
    53: ("UplinkRIMInformationTransfer", "", ""),
    54: ("DownlinkRIMInformationTransfer", "", ""),
    55: ("RetrieveUEInformation", "", ""),
    56: ("UEInformationTransfer", "", ""),
    57: ("RANCPRelocationIndication", "", ""),
    58: ("UEContextResumeRequest", "UEContextResumeResponse", "UEContextResumeFailure"),
    59: ("UEContextSuspendRequest", "UEContextSuspendResponse", "UEContextSuspendFailure"),
    60: ("UERadioCapabilityIDMappingRequest", "UERadioCapabilityIDMappingResponse", ""),
    61: ("HandoverSuccess", "", ""),
    62: ("UplinkRANEarlyStatusTransfer", "", ""),
    63: ("DownlinkRANEarlyStatusTransfer", "", ""),
    64: ("AMFCPRelocationIndication", "", ""),
    65: ("ConnectionEstablishmentIndication", "", ""),
    66: (
        "BroadcastSessionModificationRequest",
        "BroadcastSessionModificationResponse",
        "BroadcastSessionModificationFailure",
    ),
    67: ("BroadcastSessionReleaseRequest", "BroadcastSessionReleaseResponse", ""),
    68: ("BroadcastSessionSetupRequest", "BroadcastSessionSetupResponse", "BroadcastSessionSetupFailure"),
    69: ("DistributionSetupRequest", "DistributionSetupResponse", "DistributionSetupFailure"),
    70: ("DistributionReleaseRequest", "DistributionReleaseResponse", ""),
    71: (
        "MulticastSessionActivationRequest",
        "MulticastSessionActivationResponse",
        "MulticastSessionActivationFailure",
    ),
    72: ("MulticastSessionDeactivationRequest", "MulticastSessionDeactivationResponse", ""),
    73: ("MulticastSessionUpdateRequest", "MulticastSessionUpdateResponse", "MulticastSessionUpdateFailure"),
    74: ("MulticastGroupPaging", "", ""),
    75: ("BroadcastSessionReleaseRequired", "", ""),
    76: (
        "TimingSynchronisationStatusRequest",
        "TimingSynchronisationStatusResponse",
        "TimingSynchronisationStatusFailure",
    ),
    77: ("TimingSynchronisationStatusReport", "", ""),
    78: ("MTCommunicationHandlingRequest", "MTCommunicationHandlingResponse", "MTCommunicationHandlingFailure"),
    79: ("RANPagingRequest", "", ""),
    80: ("BroadcastSessionTransportRequest", "BroadcastSessionTransportResponse", "BroadcastSessionTransportFailure"),
    81: ("NGRemovalRequest", "NGRemovalResponse", "NGRemovalFailure"),
    82: ("InventoryRequest", "InventoryResponse", "InventoryFailure"),
    83: ("InventoryReport", "", ""),
    84: ("CommandRequest", "CommandResponse", "CommandFailure"),
    85: ("AIOTSessionReleaseCommand", "AIOTSessionReleaseComplete", ""),
    86: ("AIOTSessionReleaseRequest", "", ""),
}
"""Procedure code: initiating message, successful outcome, unsuccessful outcome; empty where there is none."""

CAUSE_RADIO_ROOT = 45
"""Values of CauseRadioNetwork before its extensions."""

# Elements of messages.
IE_AMF_UE_NGAP_ID = 10
IE_CAUSE = 15
IE_EUTRA_CGI = 25
IE_FIVE_G_S_TMSI = 26
IE_GLOBAL_RAN_NODE_ID = 27
IE_GUAMI = 28
IE_HANDOVER_TYPE = 29
IE_NAS_PDU = 38
IE_NEW_AMF_UE_NGAP_ID = 40
IE_NGRAN_CGI = 43
IE_RAN_UE_NGAP_ID = 85
IE_RESET_TYPE = 88
IE_RRC_ESTABLISHMENT_CAUSE = 90
IE_RRC_STATE = 92
IE_SERVED_GUAMI_LIST = 96
IE_SOURCE_AMF_UE_NGAP_ID = 100
IE_SOURCE_TO_TARGET_CONTAINER = 101
IE_SUPPORTED_TA_LIST = 102
IE_TAI_LIST_FOR_PAGING = 103
IE_TARGET_ID = 105
IE_UE_AGGREGATE_MAXIMUM_BIT_RATE = 110
IE_CONNECTION_LIST = 111  # UE-associatedLogicalNG-connectionList
IE_UE_NGAP_IDS = 114
IE_UE_PAGING_IDENTITY = 115
IE_USER_LOCATION_INFORMATION = 121
IE_NEW_GUAMI = 162

# Elements of the request transfers.
IE_ADDITIONAL_UL_TUNNELS = 126  # AdditionalUL-NGU-UP-TNLInformation
IE_SESSION_AGGREGATE_MAXIMUM_BIT_RATE = 130
IE_PDU_SESSION_TYPE = 134
IE_FLOWS_ADD_OR_MODIFY = 135
IE_FLOWS_SETUP = 136
IE_FLOWS_TO_RELEASE = 137
IE_UL_TUNNEL = 139  # UL-NGU-UP-TNLInformation
IE_UL_TUNNELS_MODIFY = 140  # UL-NGU-UP-TNLModifyList

# Extensions of items and of other transfers.
EXT_S_NSSAI = 148  # of PDUSessionResourceModifyItemModReq
EXT_ADDITIONAL_TUNNELS_HANDOVER = 153  # AdditionalDLUPTNLInformationForHOList
EXT_ADDITIONAL_UP_TUNNELS = 154  # AdditionalNGU-UP-TNLInformation
EXT_ADDITIONAL_DL_TUNNELS = 155  # AdditionalDLQosFlowPerTNLInformation

SESSION_TYPES = np.array([1, 2, 3, 5, 4], np.int8)
"""PDUSessionType (ipv4, ipv6, ipv4v6, ethernet, unstructured) as a PDN type."""

# Members of an item, after the PDU Session ID.
NAS_PDU = 1
S_NSSAI = 2
TRANSFER = 3  # an OCTET STRING that holds another type
CAUSE = 4
# Members of a transfer, CAUSE too.
ELEMENTS = 5  # ProtocolIE container: fields IE_* above
DOWN_TUNNEL = 6  # UPTransportLayerInformation of the RAN
UP_TUNNEL = 7  # of the core
FORWARD_TUNNEL = 8  # for data forwarding
FLOW_TUNNEL = 9  # QosFlowPerTNLInformation
MORE_FLOW_TUNNELS = 10  # QosFlowPerTNLInformationList
TUNNEL_PAIRS = 11  # UPTransportLayerInformationPairList
DRB_TUNNELS = 12  # DataForwardingResponseDRBList
SECURITY_RESULT = 13
SECURITY_INDICATION = 14
SECURITY_INFORMATION = 15  # UserPlaneSecurityInformation: a result and an indication
FLAG = 16  # an extensible ENUMERATED of one value
REST = 17  # what comes is not read
FLOWS = 64  # + FlowKind: a list of QoS flows
OPTIONAL = 32

MEMBERS = 6
IDS = 512
"""Length of an array that is indexed by element; those beyond are not read."""


def _row(members: tuple[int, ...]) -> list[int]:
    """1 + the number of OPTIONAL members (iE-Extensions too, which only containers of elements lack), the members."""
    options = sum(bool(member & OPTIONAL) for member in members) + (ELEMENTS not in members)
    return [1 + options, *members, *[0] * (MEMBERS - len(members))]


TRANSFER_MEMBERS: dict[str, tuple[int, ...]] = {
    "": (),
    "PDUSessionResourceSetupRequestTransfer": (ELEMENTS,),
    "PDUSessionResourceModifyRequestTransfer": (ELEMENTS,),
    "PDUSessionResourceSetupResponseTransfer": (
        FLOW_TUNNEL,
        MORE_FLOW_TUNNELS | OPTIONAL,
        SECURITY_RESULT | OPTIONAL,
        FLOWS + FlowKind.FAILED | OPTIONAL,
    ),
    "PDUSessionResourceSetupUnsuccessfulTransfer": (CAUSE, REST | OPTIONAL),
    "PDUSessionResourceModifyResponseTransfer": (
        DOWN_TUNNEL | OPTIONAL,
        UP_TUNNEL | OPTIONAL,
        FLOWS + FlowKind.MODIFIED | OPTIONAL,
        MORE_FLOW_TUNNELS | OPTIONAL,
        FLOWS + FlowKind.FAILED | OPTIONAL,
    ),
    "PDUSessionResourceModifyUnsuccessfulTransfer": (CAUSE, REST | OPTIONAL),
    "PDUSessionResourceModifyIndicationTransfer": (FLOW_TUNNEL, MORE_FLOW_TUNNELS | OPTIONAL),
    "PDUSessionResourceModifyConfirmTransfer": (
        FLOWS + FlowKind.CONFIRMED,
        UP_TUNNEL,
        TUNNEL_PAIRS | OPTIONAL,
        FLOWS + FlowKind.FAILED | OPTIONAL,
    ),
    "PDUSessionResourceModifyIndicationUnsuccessfulTransfer": (CAUSE,),
    "PDUSessionResourceReleaseCommandTransfer": (CAUSE,),
    "PDUSessionResourceNotifyTransfer": (
        FLOWS + FlowKind.NOTIFIED | OPTIONAL,
        FLOWS + FlowKind.RELEASED | OPTIONAL,
    ),
    "PDUSessionResourceNotifyReleasedTransfer": (CAUSE,),
    "PathSwitchRequestTransfer": (
        DOWN_TUNNEL,
        FLAG | OPTIONAL,
        SECURITY_INFORMATION | OPTIONAL,
        FLOWS + FlowKind.ACCEPTED,
    ),
    "PathSwitchRequestAcknowledgeTransfer": (UP_TUNNEL | OPTIONAL, SECURITY_INDICATION | OPTIONAL),
    "PathSwitchRequestSetupFailedTransfer": (CAUSE,),
    "PathSwitchRequestUnsuccessfulTransfer": (CAUSE,),
    "HandoverRequestAcknowledgeTransfer": (
        DOWN_TUNNEL,
        FORWARD_TUNNEL | OPTIONAL,
        SECURITY_RESULT | OPTIONAL,
        FLOWS + FlowKind.ADMITTED,
        FLOWS + FlowKind.FAILED | OPTIONAL,
        DRB_TUNNELS | OPTIONAL,
    ),
    "HandoverCommandTransfer": (
        FORWARD_TUNNEL | OPTIONAL,
        FLOWS + FlowKind.FORWARDED | OPTIONAL,
        DRB_TUNNELS | OPTIONAL,
    ),
    "HandoverPreparationUnsuccessfulTransfer": (CAUSE,),
    "HandoverResourceAllocationUnsuccessfulTransfer": (CAUSE, REST | OPTIONAL),
    "UEContextResumeRequestTransfer": (FLOWS + FlowKind.RESUME_FAILED | OPTIONAL,),
    "UEContextResumeResponseTransfer": (FLOWS + FlowKind.RESUME_FAILED | OPTIONAL,),
}
"""The members of each transfer in their order; of what is not here nothing is read."""

TRANSFERS = np.array([_row(members) for members in TRANSFER_MEMBERS.values()], np.uint8)
"""uint8[n, 1 + MEMBERS]: 1 + the number of OPTIONAL members, the members."""
_NUMBER = {name: number for number, name in enumerate(TRANSFER_MEMBERS)}

LIST_KIND = np.zeros(IDS, np.uint8)
"""uint8[IDS]: the Kind of the PDU sessions in a list, NONE for elements that are none. SEQUENCE (SIZE (1..256))."""
ITEMS = np.zeros((IDS, 1 + MEMBERS), np.uint8)
"""uint8[IDS, 1 + MEMBERS]: what an item of the list holds after the PDU Session ID, as in TRANSFERS."""
LIST_TRANSFER = np.zeros(IDS, np.uint8)
"""uint8[IDS]: what its TRANSFER is, a row of TRANSFERS."""

_PLAIN = (TRANSFER,)
for _element, _kind, _item, _transfer in (
    (53, Kind.ADMITTED, _PLAIN, "HandoverRequestAcknowledgeTransfer"),
    (54, Kind.MODIFY_FAILED, _PLAIN, "PDUSessionResourceModifyUnsuccessfulTransfer"),
    (55, Kind.SETUP_FAILED, _PLAIN, "PDUSessionResourceSetupUnsuccessfulTransfer"),  # CxtRes
    (56, Kind.NOT_ADMITTED, _PLAIN, "HandoverResourceAllocationUnsuccessfulTransfer"),
    (57, Kind.SWITCH_FAILED, _PLAIN, "PathSwitchRequestSetupFailedTransfer"),
    (58, Kind.SETUP_FAILED, _PLAIN, "PDUSessionResourceSetupUnsuccessfulTransfer"),  # SURes
    (59, Kind.HANDOVER_COMMAND, _PLAIN, "HandoverCommandTransfer"),
    (60, Kind.CONTEXT_RELEASE_COMPLETE, (), ""),
    (61, Kind.HANDOVER_REQUIRED, _PLAIN, ""),
    (62, Kind.MODIFY_CONFIRM, _PLAIN, "PDUSessionResourceModifyConfirmTransfer"),
    (63, Kind.MODIFY_INDICATION, _PLAIN, "PDUSessionResourceModifyIndicationTransfer"),
    (64, Kind.MODIFY_REQUEST, (NAS_PDU | OPTIONAL, TRANSFER), "PDUSessionResourceModifyRequestTransfer"),
    (65, Kind.MODIFY_RESPONSE, _PLAIN, "PDUSessionResourceModifyResponseTransfer"),
    (66, Kind.NOTIFY, _PLAIN, "PDUSessionResourceNotifyTransfer"),
    (67, Kind.RELEASED, _PLAIN, "PDUSessionResourceNotifyReleasedTransfer"),
    (68, Kind.SWITCH_RELEASED, _PLAIN, "PathSwitchRequestUnsuccessfulTransfer"),  # PSAck
    (69, Kind.SWITCH_RELEASED, _PLAIN, "PathSwitchRequestUnsuccessfulTransfer"),  # PSFail
    (70, Kind.RELEASE_RESPONSE, _PLAIN, ""),
    (71, Kind.SETUP_REQUEST, (NAS_PDU | OPTIONAL, S_NSSAI, TRANSFER), "PDUSessionResourceSetupRequestTransfer"),  # Cxt
    (72, Kind.SETUP_RESPONSE, _PLAIN, "PDUSessionResourceSetupResponseTransfer"),  # CxtRes
    (73, Kind.HANDOVER_REQUEST, (S_NSSAI, TRANSFER), "PDUSessionResourceSetupRequestTransfer"),
    (74, Kind.SETUP_REQUEST, (NAS_PDU | OPTIONAL, S_NSSAI, TRANSFER), "PDUSessionResourceSetupRequestTransfer"),  # SU
    (75, Kind.SETUP_RESPONSE, _PLAIN, "PDUSessionResourceSetupResponseTransfer"),  # SURes
    (76, Kind.SWITCH_DOWN, _PLAIN, "PathSwitchRequestTransfer"),
    (77, Kind.SWITCH_UP, _PLAIN, "PathSwitchRequestAcknowledgeTransfer"),
    (78, Kind.HANDOVER_RELEASE, _PLAIN, "HandoverPreparationUnsuccessfulTransfer"),
    (79, Kind.RELEASE_COMMAND, _PLAIN, "PDUSessionResourceReleaseCommandTransfer"),
    (131, Kind.MODIFY_NOT_CONFIRMED, _PLAIN, "PDUSessionResourceModifyIndicationUnsuccessfulTransfer"),
    (132, Kind.SETUP_FAILED, _PLAIN, "PDUSessionResourceSetupUnsuccessfulTransfer"),  # CxtFail
    (133, Kind.CONTEXT_RELEASE_REQUEST, (), ""),
    (229, Kind.RESUME_FAILED, (CAUSE,), ""),  # RESReq
    (230, Kind.RESUME_FAILED, (CAUSE,), ""),  # RESRes
    (231, Kind.SUSPEND, _PLAIN, ""),
    (232, Kind.RESUME_REQUEST, _PLAIN, "UEContextResumeRequestTransfer"),
    (233, Kind.RESUME_RESPONSE, _PLAIN, "UEContextResumeResponseTransfer"),
):
    LIST_KIND[_element] = _kind
    ITEMS[_element] = _row(_item)
    LIST_TRANSFER[_element] = _NUMBER[_transfer]

READ = LIST_KIND > 0
"""bool[IDS]: whether an element of a message is read at all."""
for _id in (
    IE_AMF_UE_NGAP_ID,
    IE_CAUSE,
    IE_EUTRA_CGI,
    IE_FIVE_G_S_TMSI,
    IE_GLOBAL_RAN_NODE_ID,
    IE_GUAMI,
    IE_HANDOVER_TYPE,
    IE_NAS_PDU,
    IE_NEW_AMF_UE_NGAP_ID,
    IE_NGRAN_CGI,
    IE_RAN_UE_NGAP_ID,
    IE_RESET_TYPE,
    IE_RRC_ESTABLISHMENT_CAUSE,
    IE_RRC_STATE,
    IE_SERVED_GUAMI_LIST,
    IE_SOURCE_AMF_UE_NGAP_ID,
    IE_SOURCE_TO_TARGET_CONTAINER,
    IE_SUPPORTED_TA_LIST,
    IE_TAI_LIST_FOR_PAGING,
    IE_TARGET_ID,
    IE_UE_AGGREGATE_MAXIMUM_BIT_RATE,
    IE_CONNECTION_LIST,
    IE_UE_NGAP_IDS,
    IE_UE_PAGING_IDENTITY,
    IE_USER_LOCATION_INFORMATION,
    IE_NEW_GUAMI,
):
    READ[_id] = True
