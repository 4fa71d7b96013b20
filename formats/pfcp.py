"""PFCP (TS 29.244; N4, Sxa, Sxb, Sxc): messages and the numbers that the decoder reads.

Names are the standard's. What the decoder reads has a constant; every other element is in `formats.pfcp_ies`, for
people. Causes are in `formats.pfcp_causes`, rows in `formats.pfcp_rows`.
"""

import numpy as np

PORT = 8805

# Header (§7.2.2): first octet, then type, length of all after the first 4 octets.
VERSION = 1
FLAG_SEID = 0x01
FLAG_PRIORITY = 0x02
FLAG_FOLLOW_ON = 0x04
HEADER_OCTETS = 8  # without SEID
HEADER_SEID_OCTETS = 16
IE_HEADER_OCTETS = 4  # type, length (§8.1.1)

HEARTBEAT_REQUEST = 1
HEARTBEAT_RESPONSE = 2
PFD_MANAGEMENT_REQUEST = 3
PFD_MANAGEMENT_RESPONSE = 4
ASSOCIATION_SETUP_REQUEST = 5
ASSOCIATION_SETUP_RESPONSE = 6
ASSOCIATION_UPDATE_REQUEST = 7
ASSOCIATION_UPDATE_RESPONSE = 8
ASSOCIATION_RELEASE_REQUEST = 9
ASSOCIATION_RELEASE_RESPONSE = 10
VERSION_NOT_SUPPORTED_RESPONSE = 11
NODE_REPORT_REQUEST = 12
NODE_REPORT_RESPONSE = 13
SESSION_SET_DELETION_REQUEST = 14
SESSION_SET_DELETION_RESPONSE = 15
SESSION_SET_MODIFICATION_REQUEST = 16
SESSION_SET_MODIFICATION_RESPONSE = 17
SESSION_ESTABLISHMENT_REQUEST = 50
SESSION_ESTABLISHMENT_RESPONSE = 51
SESSION_MODIFICATION_REQUEST = 52
SESSION_MODIFICATION_RESPONSE = 53
SESSION_DELETION_REQUEST = 54
SESSION_DELETION_RESPONSE = 55
SESSION_REPORT_REQUEST = 56
SESSION_REPORT_RESPONSE = 57

MESSAGES: dict[int, str] = {
    1: "Heartbeat Request",
    2: "Heartbeat Response",
    3: "PFD Management Request",
    4: "PFD Management Response",
    5: "Association Setup Request",
    6: "Association Setup Response",
    7: "Association Update Request",
    8: "Association Update Response",
    9: "Association Release Request",
    10: "Association Release Response",
    11: "Version Not Supported Response",
    12: "Node Report Request",
    13: "Node Report Response",
    14: "Session Set Deletion Request",
    15: "Session Set Deletion Response",
    16: "Session Set Modification Request",
    17: "Session Set Modification Response",
    50: "Session Establishment Request",
    51: "Session Establishment Response",
    52: "Session Modification Request",
    53: "Session Modification Response",
    54: "Session Deletion Request",
    55: "Session Deletion Response",
    56: "Session Report Request",
    57: "Session Report Response",
}
"""Message types (§7.3, Table 7.3-1)."""

PAIRS: dict[int, tuple[int, ...]] = {
    1: (2, 11), 3: (4, 11), 5: (6, 11), 7: (8, 11), 9: (10, 11), 12: (13, 11), 14: (15, 11), 16: (17, 11),
    50: (51, 11), 52: (53, 11), 54: (55, 11), 56: (57, 11),
}  # fmt: skip
"""What may answer a request with its sequence number (§7.2.2.2)."""

DIRECTION = np.full(256, -1, np.int64)
"""int64[256]: 1 for the types of requests, 0 for those of responses, -1 for unknown ones."""
for _request, _answers in PAIRS.items():
    DIRECTION[_request] = 1
    DIRECTION[list(_answers)] = 0

# Information elements that are read (§8.1.2); the grouped ones first.
IE_CREATE_PDR = 1
IE_PDI = 2
IE_CREATE_FAR = 3
IE_FORWARDING_PARAMETERS = 4
IE_CREATE_QER = 7
IE_CREATED_PDR = 8
IE_UPDATE_PDR = 9
IE_UPDATE_FAR = 10
IE_UPDATE_FORWARDING_PARAMETERS = 11
IE_UPDATE_QER = 14
IE_REMOVE_PDR = 15
IE_REMOVE_FAR = 16
IE_REMOVE_QER = 18
IE_USAGE_REPORT_MODIFICATION = 78
IE_USAGE_REPORT_DELETION = 79
IE_USAGE_REPORT_REQUEST = 80
IE_DOWNLINK_DATA_REPORT = 83
IE_ERROR_INDICATION_REPORT = 99
IE_USER_PLANE_PATH_FAILURE_REPORT = 102
IE_CREATE_TRAFFIC_ENDPOINT = 127
IE_CREATED_TRAFFIC_ENDPOINT = 128
IE_UPDATE_TRAFFIC_ENDPOINT = 129
IE_REMOVE_TRAFFIC_ENDPOINT = 130
IE_USER_PLANE_PATH_RECOVERY_REPORT = 187
IE_UPDATED_PDR = 256

IE_CAUSE = 19
IE_SOURCE_INTERFACE = 20
IE_F_TEID = 21
IE_NETWORK_INSTANCE = 22
IE_GATE_STATUS = 25
IE_MBR = 26
IE_GBR = 27
IE_PRECEDENCE = 29
IE_REPORT_TYPE = 39
IE_OFFENDING_IE = 40
IE_DESTINATION_INTERFACE = 42
IE_APPLY_ACTION = 44
IE_PFCPSMREQ_FLAGS = 49
IE_PDR_ID = 56
IE_F_SEID = 57
IE_NODE_ID = 60
IE_USAGE_REPORT_TRIGGER = 63
IE_VOLUME_MEASUREMENT = 66
IE_DURATION_MEASUREMENT = 67
IE_TIME_OF_FIRST_PACKET = 69
IE_TIME_OF_LAST_PACKET = 70
IE_START_TIME = 75
IE_END_TIME = 76
IE_URR_ID = 81
IE_OUTER_HEADER_CREATION = 84
IE_UE_IP_ADDRESS = 93
IE_OUTER_HEADER_REMOVAL = 95
IE_RECOVERY_TIME_STAMP = 96
IE_NODE_REPORT_TYPE = 101
IE_REMOTE_GTP_U_PEER = 103
IE_UR_SEQN = 104
IE_FAR_ID = 108
IE_QER_ID = 109
IE_PDN_TYPE = 113
IE_FAILED_RULE_ID = 114
IE_QFI = 124
IE_TRAFFIC_ENDPOINT_ID = 131
IE_USER_ID = 141
IE_APN_DNN = 159
IE_INTERFACE_TYPE = 160
IE_S_NSSAI = 257
IE_RAT_TYPE = 275

FEWEST_OCTETS = np.zeros(512, np.int64)
"""int64[512]: octets that the value of an element that is read must have at least; 0 for all others."""
for _type, _octets in {
    IE_CAUSE: 1, IE_SOURCE_INTERFACE: 1, IE_F_TEID: 1, IE_GATE_STATUS: 1, IE_MBR: 10, IE_GBR: 10, IE_PRECEDENCE: 4,
    IE_REPORT_TYPE: 1, IE_OFFENDING_IE: 2, IE_DESTINATION_INTERFACE: 1, IE_APPLY_ACTION: 1, IE_PFCPSMREQ_FLAGS: 1,
    IE_PDR_ID: 2, IE_F_SEID: 9, IE_NODE_ID: 1, IE_USAGE_REPORT_TRIGGER: 1, IE_VOLUME_MEASUREMENT: 1,
    IE_DURATION_MEASUREMENT: 4, IE_TIME_OF_FIRST_PACKET: 4, IE_TIME_OF_LAST_PACKET: 4, IE_START_TIME: 4, IE_END_TIME: 4,
    IE_URR_ID: 4, IE_OUTER_HEADER_CREATION: 2, IE_UE_IP_ADDRESS: 1, IE_OUTER_HEADER_REMOVAL: 1,
    IE_RECOVERY_TIME_STAMP: 4, IE_NODE_REPORT_TYPE: 1, IE_REMOTE_GTP_U_PEER: 1, IE_UR_SEQN: 4, IE_FAR_ID: 4,
    IE_QER_ID: 4, IE_PDN_TYPE: 1, IE_FAILED_RULE_ID: 1, IE_QFI: 1, IE_TRAFFIC_ENDPOINT_ID: 1, IE_USER_ID: 1,
    IE_INTERFACE_TYPE: 1, IE_S_NSSAI: 4, IE_RAT_TYPE: 1,
}.items():  # fmt: skip
    FEWEST_OCTETS[_type] = _octets

# F-TEID (§8.2.3), F-SEID (§8.2.37), Remote GTP-U Peer (§8.2.70): the flags are not the same.
F_TEID_V4 = 0x01
F_TEID_V6 = 0x02
F_TEID_CHOOSE = 0x04
F_TEID_CHOOSE_ID = 0x08
F_SEID_V6 = 0x01
F_SEID_V4 = 0x02
PEER_V6 = 0x01
PEER_V4 = 0x02

# UE IP Address (§8.2.62).
UE_V6 = 0x01
UE_V4 = 0x02
UE_CHOOSE_V4 = 0x10
UE_CHOOSE_V6 = 0x20

# Node ID (§8.2.38).
NODE_IPV4 = 0
NODE_IPV6 = 1
NODE_FQDN = 2

# Outer Header Creation (§8.2.56): the description, its first octet above the second.
HEADER_GTPU_V4 = 0x0100
HEADER_GTPU_V6 = 0x0200
HEADER_UDP_V4 = 0x0400
HEADER_UDP_V6 = 0x0800
HEADER_IPV4 = 0x1000
HEADER_IPV6 = 0x2000
HEADER_WITH_TEID = HEADER_GTPU_V4 | HEADER_GTPU_V6
HEADER_WITH_V4 = HEADER_GTPU_V4 | HEADER_UDP_V4 | HEADER_IPV4
HEADER_WITH_V6 = HEADER_GTPU_V6 | HEADER_UDP_V6 | HEADER_IPV6
HEADER_WITH_PORT = HEADER_UDP_V4 | HEADER_UDP_V6

# User ID (§8.2.101): flags in the order in which the identities follow.
USER_IMSI = 0x01
USER_IMEI = 0x02
USER_MSISDN = 0x04

# Volume Measurement (§8.2.44): flags in the order in which the counts of 8 octets follow.
VOLUME_FIELDS = 6

# Apply Action (§8.2.26), the first octet above the second.
APPLY_DROP = 0x0100
APPLY_FORWARD = 0x0200
APPLY_BUFFER = 0x0400
APPLY_NOTIFY = 0x0800
APPLY_DUPLICATE = 0x1000

# Report Type (§8.2.21).
REPORT_DOWNLINK_DATA = 0x01
REPORT_USAGE = 0x02
REPORT_ERROR_INDICATION = 0x04
REPORT_INACTIVITY = 0x08

SEND_END_MARKER = 0x02
"""SNDEM of PFCPSMReq-Flags (§8.2.28): the old path is told its end, as in a handover."""

INTERFACE_ACCESS = 0
INTERFACE_CORE = 1
INTERFACE_SGI_N6 = 2
INTERFACE_CP_FUNCTION = 3

INTERFACES: dict[int, str] = {
    0: "Access",
    1: "Core",
    2: "SGi-LAN/N6-LAN",
    3: "CP-function",
    4: "5G VN Internal (source), LI Function (destination)",
    5: "5G VN Internal (destination)",
}
"""Source and Destination Interface (§8.2.2, §8.2.24)."""

NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 to 1970."""
NTP_ERA_S = 1 << 32
"""Seconds that a time stamp of 32 bits can count: it begins anew on 7 February 2036 (RFC 5905 §6)."""
