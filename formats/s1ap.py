"""S1AP (TS 36.413): messages, elements and what the items of its lists hold, by number.

Names are the standard's. What the decoder reads has a constant; causes are in `formats.s1ap_causes`.
"""

import numpy as np

from formats.ran import Kind

PPID = 18
"""SCTP payload protocol identifier."""
PORT = 36412

PATH_SWITCH_REQUEST = 3
PRIVATE_MESSAGE = 39
"""The procedure whose fields are of another make (PrivateIE), and not read."""

MESSAGES: dict[int, tuple[str, str, str]] = {
    0: ("HandoverRequired", "HandoverCommand", "HandoverPreparationFailure"),
    1: ("HandoverRequest", "HandoverRequestAcknowledge", "HandoverFailure"),
    2: ("HandoverNotify", "", ""),
    3: ("PathSwitchRequest", "PathSwitchRequestAcknowledge", "PathSwitchRequestFailure"),
    4: ("HandoverCancel", "HandoverCancelAcknowledge", ""),
    5: ("E-RABSetupRequest", "E-RABSetupResponse", ""),
    6: ("E-RABModifyRequest", "E-RABModifyResponse", ""),
    7: ("E-RABReleaseCommand", "E-RABReleaseResponse", ""),
    8: ("E-RABReleaseIndication", "", ""),
    9: ("InitialContextSetupRequest", "InitialContextSetupResponse", "InitialContextSetupFailure"),
    10: ("Paging", "", ""),
    11: ("DownlinkNASTransport", "", ""),
    12: ("InitialUEMessage", "", ""),
    13: ("UplinkNASTransport", "", ""),
    14: ("Reset", "ResetAcknowledge", ""),
    15: ("ErrorIndication", "", ""),
    16: ("NASNonDeliveryIndication", "", ""),
    17: ("S1SetupRequest", "S1SetupResponse", "S1SetupFailure"),
    18: ("UEContextReleaseRequest", "", ""),
    19: ("DownlinkS1cdma2000tunnelling", "", ""),
    20: ("UplinkS1cdma2000tunnelling", "", ""),
    21: ("UEContextModificationRequest", "UEContextModificationResponse", "UEContextModificationFailure"),
    22: ("UECapabilityInfoIndication", "", ""),
    23: ("UEContextReleaseCommand", "UEContextReleaseComplete", ""),
    24: ("ENBStatusTransfer", "", ""),
    25: ("MMEStatusTransfer", "", ""),
    26: ("DeactivateTrace", "", ""),
    27: ("TraceStart", "", ""),
    28: ("TraceFailureIndication", "", ""),
    29: ("ENBConfigurationUpdate", "ENBConfigurationUpdateAcknowledge", "ENBConfigurationUpdateFailure"),
    30: ("MMEConfigurationUpdate", "MMEConfigurationUpdateAcknowledge", "MMEConfigurationUpdateFailure"),
    31: ("LocationReportingControl", "", ""),
    32: ("LocationReportingFailureIndication", "", ""),
    33: ("LocationReport", "", ""),
    34: ("OverloadStart", "", ""),
    35: ("OverloadStop", "", ""),
    36: ("WriteReplaceWarningRequest", "WriteReplaceWarningResponse", ""),
    37: ("ENBDirectInformationTransfer", "", ""),
    38: ("MMEDirectInformationTransfer", "", ""),
    39: ("PrivateMessage", "", ""),
    40: ("ENBConfigurationTransfer", "", ""),
    41: ("MMEConfigurationTransfer", "", ""),
    42: ("CellTrafficTrace", "", ""),
    43: ("KillRequest", "KillResponse", ""),
    44: ("DownlinkUEAssociatedLPPaTransport", "", ""),
    45: ("UplinkUEAssociatedLPPaTransport", "", ""),
    46: ("DownlinkNonUEAssociatedLPPaTransport", "", ""),
    47: ("UplinkNonUEAssociatedLPPaTransport", "", ""),
    48: ("UERadioCapabilityMatchRequest", "UERadioCapabilityMatchResponse", ""),
    49: ("PWSRestartIndication", "", ""),
    50: ("E-RABModificationIndication", "E-RABModificationConfirm", ""),
    51: ("PWSFailureIndication", "", ""),
    52: ("RerouteNASRequest", "", ""),
    53: ("UEContextModificationIndication", "UEContextModificationConfirm", ""),
    54: ("ConnectionEstablishmentIndication", "", ""),
    55: ("UEContextSuspendRequest", "UEContextSuspendResponse", ""),
    56: ("UEContextResumeRequest", "UEContextResumeResponse", "UEContextResumeFailure"),
    57: ("NASDeliveryIndication", "", ""),
    58: ("RetrieveUEInformation", "", ""),
    59: ("UEInformationTransfer", "", ""),
    60: ("ENBCPRelocationIndication", "", ""),
    61: ("MMECPRelocationIndication", "", ""),
    62: ("SecondaryRATDataUsageReport", "", ""),
    63: ("UERadioCapabilityIDMappingRequest", "UERadioCapabilityIDMappingResponse", ""),
    64: ("HandoverSuccess", "", ""),
    65: ("ENBEarlyStatusTransfer", "", ""),
    66: ("MMEEarlyStatusTransfer", "", ""),
    67: ("S1RemovalRequest", "S1RemovalResponse", "S1RemovalFailure"),
}
"""Procedure code: initiating message, successful outcome, unsuccessful outcome; empty where there is none."""

CAUSE_RADIO_ROOT = 36
"""Values of CauseRadioNetwork before its extensions."""

# Elements of messages.
IE_MME_UE_S1AP_ID = 0
IE_HANDOVER_TYPE = 1
IE_CAUSE = 2
IE_TARGET_ID = 4
IE_ENB_UE_S1AP_ID = 8
IE_NAS_PDU = 26
IE_UE_PAGING_ID = 43
IE_TAI_LIST = 46
IE_GLOBAL_ENB_ID = 59
IE_SUPPORTED_TAS = 64
IE_UE_AGGREGATE_MAXIMUM_BITRATE = 66
IE_TAI = 67
IE_GUMMEI = 75
IE_SOURCE_MME_UE_S1AP_ID = 88
IE_SOURCE_TO_TARGET_CONTAINER = 104
IE_RESET_TYPE = 92
IE_CONNECTION_LIST_RESET_ACK = 93  # UE-associatedLogicalS1-ConnectionListResAck
IE_S_TMSI = 96
IE_UE_S1AP_IDS = 99
IE_EUTRAN_CGI = 100
IE_SERVED_GUMMEIS = 105
IE_RRC_ESTABLISHMENT_CAUSE = 134
IE_SOURCE_MME_GUMMEI = 157
IE_MME_UE_S1AP_ID_2 = 158
IE_USER_LOCATION_INFORMATION = 189

# Extensions of a SEQUENCE.
EXT_TRANSPORT_INFORMATION = 185  # of E-RABToBeModifiedItemBearerModReq
EXT_GUARANTEED_BITRATE_DL = 257
EXT_GUARANTEED_BITRATE_UL = 258
EXT_AGGREGATE_BITRATE_DL = 259
EXT_AGGREGATE_BITRATE_UL = 260
EXTENDED_BITRATE_LEAST = 10_000_000_001
"""ExtendedBitRate, INTEGER (10000000001..4000000000000, ...): stands for a BitRate at its upper bound."""

IDS = 512
"""Length of an array that is indexed by element; those beyond are not read."""

LIST_KIND = np.zeros(IDS, np.uint8)
"""uint8[IDS]: the Kind of the E-RABs in a list, NONE for elements that are none. SEQUENCE (SIZE (1..256)) of fields."""
for _element, _kind in {
    12: Kind.HANDOVER_COMMAND,  # E-RABSubjecttoDataForwardingList
    13: Kind.HANDOVER_RELEASE,  # E-RABtoReleaseListHOCmd
    16: Kind.SETUP_REQUEST,  # E-RABToBeSetupListBearerSUReq
    18: Kind.ADMITTED,  # E-RABAdmittedList
    19: Kind.NOT_ADMITTED,  # E-RABFailedToSetupListHOReqAck
    22: Kind.SWITCH_DOWN,  # E-RABToBeSwitchedDLList
    24: Kind.SETUP_REQUEST,  # E-RABToBeSetupListCtxtSUReq
    28: Kind.SETUP_RESPONSE,  # E-RABSetupListBearerSURes
    29: Kind.SETUP_FAILED,  # E-RABFailedToSetupListBearerSURes
    30: Kind.MODIFY_REQUEST,  # E-RABToBeModifiedListBearerModReq
    31: Kind.MODIFY_RESPONSE,  # E-RABModifyListBearerModRes
    32: Kind.MODIFY_FAILED,  # E-RABFailedToModifyList
    33: Kind.RELEASE_COMMAND,  # E-RABToBeReleasedList; SWITCH_RELEASED in a path switch answer
    34: Kind.RELEASE_FAILED,  # E-RABFailedToReleaseList
    48: Kind.SETUP_FAILED,  # E-RABFailedToSetupListCtxtSURes
    51: Kind.SETUP_RESPONSE,  # E-RABSetupListCtxtSURes
    53: Kind.HANDOVER_REQUEST,  # E-RABToBeSetupListHOReq
    69: Kind.RELEASE_RESPONSE,  # E-RABReleaseListBearerRelComp
    95: Kind.SWITCH_UP,  # E-RABToBeSwitchedULList
    110: Kind.RELEASED,  # E-RABReleasedList
    199: Kind.MODIFY_INDICATION,  # E-RABToBeModifiedListBearerModInd
    201: Kind.NOT_MODIFIED,  # E-RABNotToBeModifiedListBearerModInd
    203: Kind.MODIFY_CONFIRM,  # E-RABModifyListBearerModConf
    205: Kind.MODIFY_NOT_CONFIRMED,  # E-RABFailedToModifyListBearerModConf
    210: Kind.RELEASE_COMMAND,  # E-RABToBeReleasedListBearerModConf
    235: Kind.RESUME_FAILED,  # E-RABFailedToResumeListResumeReq
    237: Kind.RESUME_FAILED,  # E-RABFailedToResumeListResumeRes
}.items():
    LIST_KIND[_element] = _kind

# Members of an item, after the E-RAB ID.
QOS = 1  # E-RABLevelQoSParameters
ADDRESS = 2  # transportLayerAddress
TEID = 3  # gTP-TEID
NAS_PDU = 4
CAUSE = 5
DL_ADDRESS = 6  # of data forwarding
DL_TEID = 7
UL_ADDRESS = 8
UL_TEID = 9
OPTIONAL = 0x10

FORWARDING = (DL_ADDRESS | OPTIONAL, DL_TEID | OPTIONAL, UL_ADDRESS | OPTIONAL, UL_TEID | OPTIONAL)

ITEM_MEMBERS = 6
ITEMS = np.zeros((IDS, ITEM_MEMBERS + 1), np.uint8)
"""uint8[IDS, 1 + ITEM_MEMBERS]: 1 + the number of OPTIONAL members (iE-Extensions too), 0 for what is no item, then
the members."""
for _item, _members in {
    14: FORWARDING,  # E-RABDataForwardingItem
    15: (),  # E-RABReleaseItemBearerRelComp
    17: (QOS, ADDRESS, TEID, NAS_PDU),  # E-RABToBeSetupItemBearerSUReq
    20: (ADDRESS, TEID, *FORWARDING),  # E-RABAdmittedItem
    21: (CAUSE,),  # E-RABFailedToSetupItemHOReqAck
    23: (ADDRESS, TEID),  # E-RABToBeSwitchedDLItem
    27: (ADDRESS, TEID, QOS),  # E-RABToBeSetupItemHOReq
    35: (CAUSE,),  # E-RABItem
    36: (QOS, NAS_PDU),  # E-RABToBeModifiedItemBearerModReq
    37: (),  # E-RABModifyItemBearerModRes
    39: (ADDRESS, TEID),  # E-RABSetupItemBearerSURes
    50: (ADDRESS, TEID),  # E-RABSetupItemCtxtSURes
    52: (QOS, ADDRESS, TEID, NAS_PDU | OPTIONAL),  # E-RABToBeSetupItemCtxtSUReq
    94: (ADDRESS, TEID),  # E-RABToBeSwitchedULItem
    200: (ADDRESS, TEID),  # E-RABToBeModifiedItemBearerModInd
    202: (ADDRESS, TEID),  # E-RABNotToBeModifiedItemBearerModInd
    204: (),  # E-RABModifyItemBearerModConf
    236: (CAUSE,),  # E-RABFailedToResumeItemResumeReq
    238: (CAUSE,),  # E-RABFailedToResumeItemResumeRes
}.items():
    ITEMS[_item, 0] = 2 + sum(bool(member & OPTIONAL) for member in _members)
    ITEMS[_item, 1 : 1 + len(_members)] = _members

READ = LIST_KIND > 0
"""bool[IDS]: whether an element of a message is read at all."""
for _element in (
    IE_MME_UE_S1AP_ID,
    IE_HANDOVER_TYPE,
    IE_CAUSE,
    IE_TARGET_ID,
    IE_ENB_UE_S1AP_ID,
    IE_NAS_PDU,
    IE_UE_PAGING_ID,
    IE_TAI_LIST,
    IE_GLOBAL_ENB_ID,
    IE_SUPPORTED_TAS,
    IE_UE_AGGREGATE_MAXIMUM_BITRATE,
    IE_TAI,
    IE_GUMMEI,
    IE_SOURCE_MME_UE_S1AP_ID,
    IE_SOURCE_TO_TARGET_CONTAINER,
    IE_RESET_TYPE,
    IE_CONNECTION_LIST_RESET_ACK,
    IE_S_TMSI,
    IE_UE_S1AP_IDS,
    IE_EUTRAN_CGI,
    IE_SERVED_GUMMEIS,
    IE_RRC_ESTABLISHMENT_CAUSE,
    IE_SOURCE_MME_GUMMEI,
    IE_MME_UE_S1AP_ID_2,
    IE_USER_LOCATION_INFORMATION,
):
    READ[_element] = True
