"""GTPv1-C (TS 29.060): messages, information elements with their sizes, causes and RAT types, by number.

Names are the standard's. What the decoder reads has a constant; every other number is in a table, for people.
"""

import numpy as np

# Header (§6): first octet, type, length of all after the first 8 octets, TEID; 4 more octets if any of E, S, PN is set.
FLAG_PROTOCOL_TYPE = 0x10
FLAG_EXTENSION = 0x04
FLAG_SEQUENCE = 0x02
FLAG_OPTIONAL = 0x07
HEADER_OCTETS = 8
HEADER_OPTIONAL_OCTETS = 12

ECHO_REQUEST = 1
ECHO_RESPONSE = 2
CREATE_PDP_CONTEXT_REQUEST = 16
CREATE_PDP_CONTEXT_RESPONSE = 17
UPDATE_PDP_CONTEXT_RESPONSE = 19
DELETE_PDP_CONTEXT_REQUEST = 20
INITIATE_PDP_CONTEXT_ACTIVATION_REQUEST = 22
PDU_NOTIFICATION_REQUEST = 27
SGSN_CONTEXT_ACKNOWLEDGE = 52
FORWARD_RELOCATION_RESPONSE = 54
G_PDU = 255  # user plane: no message of GTP-C

MESSAGES: dict[int, str] = {
    1: "Echo Request",
    2: "Echo Response",
    3: "Version Not Supported",
    16: "Create PDP Context Request",
    17: "Create PDP Context Response",
    18: "Update PDP Context Request",
    19: "Update PDP Context Response",
    20: "Delete PDP Context Request",
    21: "Delete PDP Context Response",
    22: "Initiate PDP Context Activation Request",
    23: "Initiate PDP Context Activation Response",
    27: "PDU Notification Request",
    28: "PDU Notification Response",
    29: "PDU Notification Reject Request",
    30: "PDU Notification Reject Response",
    31: "Supported Extension Headers Notification",
    32: "Send Routeing Information for GPRS Request",
    33: "Send Routeing Information for GPRS Response",
    34: "Failure Report Request",
    35: "Failure Report Response",
    36: "Note MS GPRS Present Request",
    37: "Note MS GPRS Present Response",
    48: "Identification Request",
    49: "Identification Response",
    50: "SGSN Context Request",
    51: "SGSN Context Response",
    52: "SGSN Context Acknowledge",
    53: "Forward Relocation Request",
    54: "Forward Relocation Response",
    55: "Forward Relocation Complete",
    56: "Relocation Cancel Request",
    57: "Relocation Cancel Response",
    58: "Forward SRNS Context",
    59: "Forward Relocation Complete Acknowledge",
    60: "Forward SRNS Context Acknowledge",
    61: "UE Registration Query Request",
    62: "UE Registration Query Response",
    70: "RAN Information Relay",
    96: "MBMS Notification Request",
    97: "MBMS Notification Response",
    98: "MBMS Notification Reject Request",
    99: "MBMS Notification Reject Response",
    100: "Create MBMS Context Request",
    101: "Create MBMS Context Response",
    102: "Update MBMS Context Request",
    103: "Update MBMS Context Response",
    104: "Delete MBMS Context Request",
    105: "Delete MBMS Context Response",
    112: "MBMS Registration Request",
    113: "MBMS Registration Response",
    114: "MBMS De-Registration Request",
    115: "MBMS De-Registration Response",
    116: "MBMS Session Start Request",
    117: "MBMS Session Start Response",
    118: "MBMS Session Stop Request",
    119: "MBMS Session Stop Response",
    120: "MBMS Session Update Request",
    121: "MBMS Session Update Response",
    128: "MS Info Change Notification Request",
    129: "MS Info Change Notification Response",
}
"""Message types of the control plane (§7.1, Table 1)."""

IE_CAUSE = 1
IE_IMSI = 2
IE_RAI = 3
IE_RECOVERY = 14
IE_SELECTION_MODE = 15
IE_TEID_DATA_I = 16
IE_TEID_CONTROL = 17
IE_TEID_DATA_II = 18
IE_TEARDOWN_IND = 19
IE_NSAPI = 20
IE_CHARGING_ID = 127
IE_END_USER_ADDRESS = 128
IE_APN = 131
IE_GSN_ADDRESS = 133
IE_MSISDN = 134
IE_QOS_PROFILE = 135
IE_RAT_TYPE = 151
IE_ULI = 152
IE_IMEI = 154
IE_EVOLVED_ARP_I = 191
IE_AMBR = 198
FIRST_TLV = 128  # types below have a fixed size and no length (§7.7)

IES: dict[int, str] = {
    1: "Cause",
    2: "International Mobile Subscriber Identity",
    3: "Routeing Area Identity",
    4: "Temporary Logical Link Identity",
    5: "Packet TMSI",
    8: "Reordering Required",
    9: "Authentication Triplet",
    11: "MAP Cause",
    12: "P-TMSI Signature",
    13: "MS Validated",
    14: "Recovery",
    15: "Selection Mode",
    16: "Tunnel Endpoint Identifier Data I",
    17: "Tunnel Endpoint Identifier Control Plane",
    18: "Tunnel Endpoint Identifier Data II",
    19: "Teardown Ind",
    20: "NSAPI",
    21: "RANAP Cause",
    22: "RAB Context",
    23: "Radio Priority SMS",
    24: "Radio Priority",
    25: "Packet Flow Id",
    26: "Charging Characteristics",
    27: "Trace Reference",
    28: "Trace Type",
    29: "MS Not Reachable Reason",
    127: "Charging ID",
    128: "End User Address",
    129: "MM Context",
    130: "PDP Context",
    131: "Access Point Name",
    132: "Protocol Configuration Options",
    133: "GSN Address",
    134: "MS International PSTN/ISDN Number",
    135: "Quality of Service Profile",
    136: "Authentication Quintuplet",
    137: "Traffic Flow Template",
    138: "Target Identification",
    139: "UTRAN Transparent Container",
    140: "RAB Setup Information",
    141: "Extension Header Type List",
    142: "Trigger Id",
    143: "OMC Identity",
    144: "RAN Transparent Container",
    145: "PDP Context Prioritization",
    146: "Additional RAB Setup Information",
    147: "SGSN Number",
    148: "Common Flags",
    149: "APN Restriction",
    150: "Radio Priority LCS",
    151: "RAT Type",
    152: "User Location Information",
    153: "MS Time Zone",
    154: "IMEI(SV)",
    155: "CAMEL Charging Information Container",
    156: "MBMS UE Context",
    157: "Temporary Mobile Group Identity",
    158: "RIM Routing Address",
    159: "MBMS Protocol Configuration Options",
    160: "MBMS Service Area",
    161: "Source RNC PDCP context info",
    162: "Additional Trace Info",
    163: "Hop Counter",
    164: "Selected PLMN ID",
    165: "MBMS Session Identifier",
    166: "MBMS 2G/3G Indicator",
    167: "Enhanced NSAPI",
    168: "MBMS Session Duration",
    169: "Additional MBMS Trace Info",
    170: "MBMS Session Repetition Number",
    171: "MBMS Time To Data Transfer",
    173: "BSS Container",
    174: "Cell Identification",
    175: "PDU Numbers",
    176: "BSSGP Cause",
    177: "Required MBMS bearer capabilities",
    178: "RIM Routing Address Discriminator",
    179: "List of set-up PFCs",
    180: "PS Handover XID Parameters",
    181: "MS Info Change Reporting Action",
    182: "Direct Tunnel Flags",
    183: "Correlation-ID",
    184: "Bearer Control Mode",
    185: "MBMS Flow Identifier",
    186: "MBMS IP Multicast Distribution",
    187: "MBMS Distribution Acknowledgement",
    188: "Reliable INTER RAT HANDOVER INFO",
    189: "RFSP Index",
    190: "Fully Qualified Domain Name",
    191: "Evolved Allocation/Retention Priority I",
    192: "Evolved Allocation/Retention Priority II",
    193: "Extended Common Flags",
    194: "User CSG Information",
    195: "CSG Information Reporting Action",
    196: "CSG ID",
    197: "CSG Membership Indication",
    198: "Aggregate Maximum Bit Rate",
    199: "UE Network Capability",
    200: "UE-AMBR",
    201: "APN-AMBR with NSAPI",
    202: "GGSN Back-Off Time",
    203: "Signalling Priority Indication",
    204: "Signalling Priority Indication with NSAPI",
    205: "Higher bitrates than 16 Mbps flag",
    207: "Additional MM context for SRVCC",
    208: "Additional flags for SRVCC",
    209: "STN-SR",
    210: "C-MSISDN",
    211: "Extended RANAP Cause",
    212: "eNodeB ID",
    213: "Selection Mode with NSAPI",
    214: "ULI Timestamp",
    215: "Local Home Network ID (LHN-ID) with NSAPI",
    216: "CN Operator Selection Entity",
    217: "UE Usage Type",
    218: "Extended Common Flags II",
    219: "Node Identifier",
    220: "CIoT Optimizations Support Indication",
    221: "SCEF PDN Connection",
    222: "IOV_updates counter",
    223: "Mapped UE Usage Type",
    224: "UP Function Selection Indication Flags",
    238: "Special IE type for IE Type Extension",
    251: "Charging Gateway Address",
    255: "Private Extension",
}
"""Information elements (§7.7, Table 37)."""

TV_OCTETS: dict[int, int] = {
    1: 1, 2: 8, 3: 6, 4: 4, 5: 4, 8: 1, 9: 28, 11: 1, 12: 3, 13: 1, 14: 1, 15: 1, 16: 4, 17: 4, 18: 5,
    19: 1, 20: 1, 21: 1, 22: 9, 23: 1, 24: 1, 25: 2, 26: 2, 27: 2, 28: 2, 29: 1, 127: 4,
}  # fmt: skip
"""Octets of value of the elements without a length (§7.7). An unknown one cannot be passed over."""

TV_SIZE = np.full(FIRST_TLV, -1, np.int64)
"""int64[128]: the same by number, -1 where unknown."""
for _type, _octets in TV_OCTETS.items():
    TV_SIZE[_type] = _octets

FEWEST_OCTETS = np.zeros(256, np.int64)
"""int64[256]: octets that the value of an element with a length that is read must have at least; 0 for all others."""
for _type, _octets in {
    IE_END_USER_ADDRESS: 2,
    IE_MSISDN: 1,
    IE_QOS_PROFILE: 1,
    IE_RAT_TYPE: 1,
    IE_ULI: 1,
    IE_EVOLVED_ARP_I: 1,
    IE_AMBR: 8,
}.items():
    FEWEST_OCTETS[_type] = _octets

# Geographic location types of the User Location Information (§7.7.51).
ULI_CGI = 0
ULI_SAI = 1
ULI_RAI = 2

# End User Address (§7.7.27): PDP type organisation and number.
PDP_ORGANISATION_ETSI = 0
PDP_ORGANISATION_IETF = 1
PDP_ETSI_NON_IP = 2
PDP_IETF_IPV4 = 0x21
PDP_IETF_IPV6 = 0x57
PDP_IETF_IPV4V6 = 0x8D

RAT_TYPES: dict[int, str] = {
    1: "UTRAN",
    2: "GERAN",
    3: "WLAN",
    4: "GAN",
    5: "HSPA Evolution",
    6: "EUTRAN",
}
"""RAT Type (§7.7.50)."""

# Quality of Service Profile (§7.7.34 and TS 24.008 §10.5.6.5): offsets in the value, and codes.
QOS_ARP = 0
QOS_TRAFFIC_CLASS = 4  # TS 24.008 octet 6, bits 8-6
QOS_TRANSFER_DELAY = 9  # TS 24.008 octet 11, bits 8-3; bits 2-1 traffic handling priority
QOS_GBR_UP = 10
QOS_GBR_DOWN = 11
QOS_SIGNALLING = 12  # TS 24.008 octet 14, bit 5; bits 4-1 source statistics descriptor
QOS_GBR_DOWN_EXTENDED = 14
QOS_GBR_UP_EXTENDED = 16
QOS_GBR_DOWN_EXTENDED_2 = 18
QOS_GBR_UP_EXTENDED_2 = 20
CONVERSATIONAL = 1
STREAMING = 2
INTERACTIVE = 3
BACKGROUND = 4
SOURCE_SPEECH = 1
TRANSFER_DELAY_150_MS = 15  # codes 1-15 are tens of milliseconds

CAUSES: dict[int, str] = {
    0: "Request IMSI",
    1: "Request IMEI",
    2: "Request IMSI and IMEI",
    3: "No identity needed",
    4: "MS Refuses",
    5: "MS is not GPRS Responding",
    6: "Reactivation Requested",
    7: "PDP address inactivity timer expires",
    8: "Network Failure",
    9: "QoS parameter mismatch",
    128: "Request accepted",
    129: "New PDP type due to network preference",
    130: "New PDP type due to single address bearer only",
    192: "Non-existent",
    193: "Invalid message format",
    194: "IMSI/IMEI not known",
    195: "MS is GPRS Detached",
    196: "MS is not GPRS Responding",
    197: "MS Refuses",
    198: "Version not supported",
    199: "No resources available",
    200: "Service not supported",
    201: "Mandatory IE incorrect",
    202: "Mandatory IE missing",
    203: "Optional IE incorrect",
    204: "System failure",
    205: "Roaming restriction",
    206: "P-TMSI Signature mismatch",
    207: "GPRS connection suspended",
    208: "Authentication failure",
    209: "User authentication failed",
    210: "Context not found",
    211: "All dynamic PDP addresses are occupied",
    212: "No memory is available",
    213: "Relocation failure",
    214: "Unknown mandatory extension header",
    215: "Semantic error in the TFT operation",
    216: "Syntactic error in the TFT operation",
    217: "Semantic errors in packet filter(s)",
    218: "Syntactic errors in packet filter(s)",
    219: "Missing or unknown APN",
    220: "Unknown PDP address or PDP type",
    221: "PDP context without TFT already activated",
    222: "APN access denied - no subscription",
    223: "APN Restriction type incompatibility with currently active PDP Contexts",
    224: "MS MBMS Capabilities Insufficient",
    225: "Invalid Correlation-ID",
    226: "MBMS Bearer Context Superseded",
    227: "Bearer Control Mode violation",
    228: "Collision with network initiated request",
    229: "APN Congestion",
    230: "Bearer handling not supported",
    231: "Target access restricted for the subscriber",
    232: "UE is temporarily not reachable due to power saving",
    233: "Relocation failure due to NAS message redirection",
}
"""Cause values (§7.7.1, Table 38)."""

CAUSE_ACCEPT_FIRST = 128
CAUSE_ACCEPT_LAST = 191
CAUSE_REJECT_FIRST = 192
CAUSE_REJECT_LAST = 255


def cause_class(code: int) -> str:
    """`accept`, `reject` or `request` (a reason given in a request), by bits 8 and 7 (§7.7.1)."""
    if code < CAUSE_ACCEPT_FIRST:
        return "request"
    return "accept" if code <= CAUSE_ACCEPT_LAST else "reject"
