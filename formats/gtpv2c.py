"""GTPv2-C (TS 29.274): messages, information elements, causes, RAT types and F-TEID interfaces, by number.

Names are the standard's. What the decoder reads has a constant; every other number is in a table, for people.
"""

import numpy as np

from formats.gtpv2c_causes import (  # noqa: F401 (offered here too)
    CAUSE_ACCEPT_FIRST,
    CAUSE_ACCEPT_LAST,
    CAUSE_ACCEPTED_PARTIALLY,
    CAUSE_REJECT_FIRST,
    CAUSE_REJECT_LAST,
    CAUSES,
    cause_class,
)

# Header (§5.1): first octet, then type, length of all after the first 4 octets.
FLAG_PIGGYBACK = 0x10
FLAG_TEID = 0x08
HEADER_OCTETS = 8  # without TEID
HEADER_TEID_OCTETS = 12
IE_HEADER_OCTETS = 4  # type, length, spare and instance (§8.2.1)

ECHO_REQUEST = 1
ECHO_RESPONSE = 2
CREATE_SESSION_REQUEST = 32
CREATE_SESSION_RESPONSE = 33
MODIFY_BEARER_REQUEST = 34
MODIFY_BEARER_RESPONSE = 35
DELETE_SESSION_REQUEST = 36
DELETE_BEARER_REQUEST = 99
FORWARD_RELOCATION_RESPONSE = 134
RELEASE_ACCESS_BEARERS_REQUEST = 170

MESSAGES: dict[int, str] = {
    1: "Echo Request",
    2: "Echo Response",
    3: "Version Not Supported Indication",
    32: "Create Session Request",
    33: "Create Session Response",
    34: "Modify Bearer Request",
    35: "Modify Bearer Response",
    36: "Delete Session Request",
    37: "Delete Session Response",
    38: "Change Notification Request",
    39: "Change Notification Response",
    40: "Remote UE Report Notification",
    41: "Remote UE Report Acknowledge",
    64: "Modify Bearer Command",
    65: "Modify Bearer Failure Indication",
    66: "Delete Bearer Command",
    67: "Delete Bearer Failure Indication",
    68: "Bearer Resource Command",
    69: "Bearer Resource Failure Indication",
    70: "Downlink Data Notification Failure Indication",
    71: "Trace Session Activation",
    72: "Trace Session Deactivation",
    73: "Stop Paging Indication",
    95: "Create Bearer Request",
    96: "Create Bearer Response",
    97: "Update Bearer Request",
    98: "Update Bearer Response",
    99: "Delete Bearer Request",
    100: "Delete Bearer Response",
    101: "Delete PDN Connection Set Request",
    102: "Delete PDN Connection Set Response",
    103: "PGW Downlink Triggering Notification",
    104: "PGW Downlink Triggering Acknowledge",
    128: "Identification Request",
    129: "Identification Response",
    130: "Context Request",
    131: "Context Response",
    132: "Context Acknowledge",
    133: "Forward Relocation Request",
    134: "Forward Relocation Response",
    135: "Forward Relocation Complete Notification",
    136: "Forward Relocation Complete Acknowledge",
    137: "Forward Access Context Notification",
    138: "Forward Access Context Acknowledge",
    139: "Relocation Cancel Request",
    140: "Relocation Cancel Response",
    141: "Configuration Transfer Tunnel",
    149: "Detach Notification",
    150: "Detach Acknowledge",
    151: "CS Paging Indication",
    152: "RAN Information Relay",
    153: "Alert MME Notification",
    154: "Alert MME Acknowledge",
    155: "UE Activity Notification",
    156: "UE Activity Acknowledge",
    157: "ISR Status Indication",
    158: "UE Registration Query Request",
    159: "UE Registration Query Response",
    160: "Create Forwarding Tunnel Request",
    161: "Create Forwarding Tunnel Response",
    162: "Suspend Notification",
    163: "Suspend Acknowledge",
    164: "Resume Notification",
    165: "Resume Acknowledge",
    166: "Create Indirect Data Forwarding Tunnel Request",
    167: "Create Indirect Data Forwarding Tunnel Response",
    168: "Delete Indirect Data Forwarding Tunnel Request",
    169: "Delete Indirect Data Forwarding Tunnel Response",
    170: "Release Access Bearers Request",
    171: "Release Access Bearers Response",
    176: "Downlink Data Notification",
    177: "Downlink Data Notification Acknowledge",
    179: "PGW Restart Notification",
    180: "PGW Restart Notification Acknowledge",
    200: "Update PDN Connection Set Request",
    201: "Update PDN Connection Set Response",
    211: "Modify Access Bearers Request",
    212: "Modify Access Bearers Response",
    231: "MBMS Session Start Request",
    232: "MBMS Session Start Response",
    233: "MBMS Session Update Request",
    234: "MBMS Session Update Response",
    235: "MBMS Session Stop Request",
    236: "MBMS Session Stop Response",
}
"""Message types (§6.1, Table 6.1-1); 25-31 and 240-248 are those of Sv, TS 29.280."""

IE_IMSI = 1
IE_CAUSE = 2
IE_RECOVERY = 3
IE_APN = 71
IE_AMBR = 72
IE_EBI = 73
IE_IP_ADDRESS = 74
IE_MEI = 75
IE_MSISDN = 76
IE_INDICATION = 77
IE_PAA = 79
IE_BEARER_QOS = 80
IE_FLOW_QOS = 81
IE_RAT_TYPE = 82
IE_SERVING_NETWORK = 83
IE_ULI = 86
IE_F_TEID = 87
IE_BEARER_CONTEXT = 93
IE_CHARGING_ID = 94
IE_PDN_TYPE = 99
IE_PDN_CONNECTION = 109
IE_SELECTION_MODE = 128
IE_RAN_NAS_CAUSE = 172

IES: dict[int, str] = {
    1: "International Mobile Subscriber Identity (IMSI)",
    2: "Cause",
    3: "Recovery (Restart Counter)",
    51: "STN-SR",
    56: "SRVCC Cause",
    71: "Access Point Name (APN)",
    72: "Aggregate Maximum Bit Rate (AMBR)",
    73: "EPS Bearer ID (EBI)",
    74: "IP Address",
    75: "Mobile Equipment Identity (MEI)",
    76: "MSISDN",
    77: "Indication",
    78: "Protocol Configuration Options (PCO)",
    79: "PDN Address Allocation (PAA)",
    80: "Bearer Level Quality of Service (Bearer QoS)",
    81: "Flow Quality of Service (Flow QoS)",
    82: "RAT Type",
    83: "Serving Network",
    84: "EPS Bearer Level Traffic Flow Template (Bearer TFT)",
    85: "Traffic Aggregation Description (TAD)",
    86: "User Location Information (ULI)",
    87: "Fully Qualified Tunnel Endpoint Identifier (F-TEID)",
    88: "TMSI",
    89: "Global CN-Id",
    90: "S103 PDN Data Forwarding Info (S103PDF)",
    91: "S1-U Data Forwarding Info (S1UDF)",
    92: "Delay Value",
    93: "Bearer Context",
    94: "Charging ID",
    95: "Charging Characteristics",
    96: "Trace Information",
    97: "Bearer Flags",
    99: "PDN Type",
    100: "Procedure Transaction ID",
    103: "MM Context (GSM Key and Triplets)",
    104: "MM Context (UMTS Key, Used Cipher and Quintuplets)",
    105: "MM Context (GSM Key, Used Cipher and Quintuplets)",
    106: "MM Context (UMTS Key and Quintuplets)",
    107: "MM Context (EPS Security Context, Quadruplets and Quintuplets)",
    108: "MM Context (UMTS Key, Quadruplets and Quintuplets)",
    109: "PDN Connection",
    110: "PDU Numbers",
    111: "P-TMSI",
    112: "P-TMSI Signature",
    113: "Hop Counter",
    114: "UE Time Zone",
    115: "Trace Reference",
    116: "Complete Request Message",
    117: "GUTI",
    118: "F-Container",
    119: "F-Cause",
    120: "PLMN ID",
    121: "Target Identification",
    123: "Packet Flow ID",
    124: "RAB Context",
    125: "Source RNC PDCP Context Info",
    126: "Port Number",
    127: "APN Restriction",
    128: "Selection Mode",
    129: "Source Identification",
    131: "Change Reporting Action",
    132: "Fully Qualified PDN Connection Set Identifier (FQ-CSID)",
    133: "Channel needed",
    134: "eMLPP Priority",
    135: "Node Type",
    136: "Fully Qualified Domain Name (FQDN)",
    137: "Transaction Identifier (TI)",
    138: "MBMS Session Duration",
    139: "MBMS Service Area",
    140: "MBMS Session Identifier",
    141: "MBMS Flow Identifier",
    142: "MBMS IP Multicast Distribution",
    143: "MBMS Distribution Acknowledge",
    144: "RFSP Index",
    145: "User CSG Information (UCI)",
    146: "CSG Information Reporting Action",
    147: "CSG ID",
    148: "CSG Membership Indication (CMI)",
    149: "Service indicator",
    150: "Detach Type",
    151: "Local Distiguished Name (LDN)",
    152: "Node Features",
    153: "MBMS Time to Data Transfer",
    154: "Throttling",
    155: "Allocation/Retention Priority (ARP)",
    156: "EPC Timer",
    157: "Signalling Priority Indication",
    158: "Temporary Mobile Group Identity (TMGI)",
    159: "Additional MM context for SRVCC",
    160: "Additional flags for SRVCC",
    162: "MDT Configuration",
    163: "Additional Protocol Configuration Options (APCO)",
    164: "Absolute Time of MBMS Data Transfer",
    165: "H(e)NB Information Reporting",
    166: "IPv4 Configuration Parameters (IP4CP)",
    167: "Change to Report Flags",
    168: "Action Indication",
    169: "TWAN Identifier",
    170: "ULI Timestamp",
    171: "MBMS Flags",
    172: "RAN/NAS Cause",
    173: "CN Operator Selection Entity",
    174: "Trusted WLAN Mode Indication",
    175: "Node Number",
    176: "Node Identifier",
    177: "Presence Reporting Area Action",
    178: "Presence Reporting Area Information",
    179: "TWAN Identifier Timestamp",
    180: "Overload Control Information",
    181: "Load Control Information",
    182: "Metric",
    183: "Sequence Number",
    184: "APN and Relative Capacity",
    185: "WLAN Offloadability Indication",
    186: "Paging and Service Information",
    187: "Integer Number",
    188: "Millisecond Time Stamp",
    189: "Monitoring Event Information",
    190: "ECGI List",
    191: "Remote UE Context",
    192: "Remote User ID",
    193: "Remote UE IP information",
    194: "CIoT Optimizations Support Indication",
    195: "SCEF PDN Connection",
    196: "Header Compression Configuration",
    197: "Extended Protocol Configuration Options (ePCO)",
    198: "Serving PLMN Rate Control",
    199: "Counter",
    200: "Mapped UE Usage Type",
    201: "Secondary RAT Usage Data Report",
    202: "UP Function Selection Indication Flags",
    203: "Maximum Packet Loss Rate",
    204: "APN Rate Control Status",
    205: "Extended Trace Information",
    206: "Monitoring Event Extension Information",
    207: "Additional RRM Policy Index",
    208: "V2X Context",
    209: "PC5 QoS Parameters",
    210: "Services Authorized",
    211: "Bit Rate",
    212: "PC5 QoS Flow",
    213: "SGi PtP Tunnel Address",
    214: "PGW Change Info",
    215: "PGW FQDN",
    216: "Group Id",
    217: "PSCell ID",
    218: "UP Security Policy",
    219: "Alternative IMSI",
    220: "NF Instance ID",
    221: "Timer in Seconds",
    222: "MDT Configuration NR",
    223: "URI",
    254: "Special IE type for IE Type Extension",
    255: "Private Extension",
}
"""Information elements (§8.1, Table 8.1-1)."""

FEWEST_OCTETS = np.zeros(256, np.int64)
"""int64[256]: octets that the value of an element that is read must have at least; 0 for all others."""
for _type, _octets in {
    IE_CAUSE: 1,
    IE_RECOVERY: 1,
    IE_AMBR: 8,
    IE_EBI: 1,
    IE_INDICATION: 1,
    IE_PAA: 1,
    IE_BEARER_QOS: 22,
    IE_FLOW_QOS: 1,
    IE_RAT_TYPE: 1,
    IE_SERVING_NETWORK: 3,
    IE_ULI: 1,
    IE_F_TEID: 5,
    IE_CHARGING_ID: 4,
    IE_PDN_TYPE: 1,
    IE_SELECTION_MODE: 1,
    IE_RAN_NAS_CAUSE: 2,
}.items():
    FEWEST_OCTETS[_type] = _octets

# User Location Information (§8.21): flags in the order in which the identities follow, and the octets of each.
ULI_CGI = 0x01
ULI_SAI = 0x02
ULI_RAI = 0x04
ULI_TAI = 0x08
ULI_ECGI = 0x10
ULI_LAI = 0x20
ULI_MACRO_ENODEB = 0x40
ULI_EXTENDED_MACRO_ENODEB = 0x80
ULI_CGI_OCTETS = 7  # SAI, RAI and ECGI too
ULI_TAI_OCTETS = 5  # LAI too

# F-TEID (§8.22) and PDN types (§8.34).
F_TEID_V4 = 0x80
F_TEID_V6 = 0x40
F_TEID_INTERFACE = 0x3F
PDN_IPV4 = 1
PDN_IPV6 = 2
PDN_IPV4V6 = 3
PDN_NON_IP = 4

# RAN/NAS Cause (§8.103): protocol types.
PROTOCOL_S1AP = 1
PROTOCOL_DIAMETER = 4
PROTOCOL_IKEV2 = 5

RAT_TYPES: dict[int, str] = {
    1: "UTRAN",
    2: "GERAN",
    3: "WLAN",
    4: "GAN",
    5: "HSPA Evolution",
    6: "EUTRAN (WB-E-UTRAN)",
    7: "Virtual",
    8: "EUTRAN-NB-IoT",
    9: "LTE-M",
    10: "NR",
    11: "WB-E-UTRAN(LEO)",
    12: "WB-E-UTRAN(MEO)",
    13: "WB-E-UTRAN(GEO)",
    14: "WB-E-UTRAN(OTHERSAT)",
    15: "EUTRAN-NB-IoT(LEO)",
    16: "EUTRAN-NB-IoT(MEO)",
    17: "EUTRAN-NB-IoT(GEO)",
    18: "EUTRAN-NB-IoT(OTHERSAT)",
    19: "LTE-M(LEO)",
    20: "LTE-M(MEO)",
    21: "LTE-M(GEO)",
    22: "LTE-M(OTHERSAT)",
}
"""RAT Type (§8.17)."""

S1U_SGW = 1

F_TEID_INTERFACES: dict[int, str] = {
    0: "S1-U eNodeB GTP-U",
    1: "S1-U SGW GTP-U",
    2: "S12 RNC GTP-U",
    3: "S12 SGW GTP-U",
    4: "S5/S8 SGW GTP-U",
    5: "S5/S8 PGW GTP-U",
    6: "S5/S8 SGW GTP-C",
    7: "S5/S8 PGW GTP-C",
    8: "S5/S8 SGW PMIPv6",
    9: "S5/S8 PGW PMIPv6",
    10: "S11 MME GTP-C",
    11: "S11/S4 SGW GTP-C",
    12: "S10/N26 MME GTP-C",
    13: "S3 MME GTP-C",
    14: "S3 SGSN GTP-C",
    15: "S4 SGSN GTP-U",
    16: "S4 SGW GTP-U",
    17: "S4 SGSN GTP-C",
    18: "S16 SGSN GTP-C",
    19: "eNodeB/gNodeB GTP-U for DL data forwarding",
    20: "eNodeB GTP-U for UL data forwarding",
    21: "RNC GTP-U for data forwarding",
    22: "SGSN GTP-U for data forwarding",
    23: "SGW/UPF GTP-U for DL data forwarding",
    24: "Sm MBMS GW GTP-C",
    25: "Sn MBMS GW GTP-C",
    26: "Sm MME GTP-C",
    27: "Sn SGSN GTP-C",
    28: "SGW GTP-U for UL data forwarding",
    29: "Sn SGSN GTP-U",
    30: "S2b ePDG GTP-C",
    31: "S2b-U ePDG GTP-U",
    32: "S2b PGW GTP-C",
    33: "S2b-U PGW GTP-U",
    34: "S2a TWAN GTP-U",
    35: "S2a TWAN GTP-C",
    36: "S2a PGW GTP-C",
    37: "S2a PGW GTP-U",
    38: "S11 MME GTP-U",
    39: "S11 SGW GTP-U",
    40: "N26 AMF GTP-C",
    41: "N19mb UPF GTP-U",
}
"""F-TEID interface types (§8.22)."""
