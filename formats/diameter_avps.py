"""AVPs of Diameter that are read: code, vendor, and what the decoder does with each.

RFC 6733, RFC 8506 (credit control), TS 29.061 (vendor 10415, codes below 100), 29.212, 29.214, 29.229, 29.272, 32.299.
"""

from typing import NamedTuple

import numpy as np

NO_VENDOR = 0
TGPP = 10415
FLAG_VENDOR = 0x80
HEADER_OCTETS = 8
HEADER_VENDOR_OCTETS = 12

# Groups that are entered; the AVPs in all others are passed over. In a transparent one they count as its parent's.
TRANSPARENT = 1
EXPERIMENTAL = 2
SUBSCRIPTION = 3
CREDIT = 4
USED = 5
GRANTED = 6
RULE = 7
EQUIPMENT = 8
FAILED = 9
LAST_GROUP = 9
MESSAGE = 0
"""Where an AVP stands: in the message itself (also in transparent groups), or in one of the groups above."""

# Names.
SESSION_ID = 10
ORIGIN_HOST = 11
ORIGIN_REALM = 12
DESTINATION_HOST = 13
DESTINATION_REALM = 14
APN = 15
SERVER_NAME = 16
PUBLIC_IDENTITY = 17
LAST_NAME = 17

# Who.
USER_NAME = 20
IMSI_TEXT = 21
IMEI_TEXT = 22
MSISDN = 23
SUBSCRIPTION_DATA = 24
EQUIPMENT_VALUE = 25
LAST_IDENTITY = 25

# Where.
USER_LOCATION = 30
VISITED_PLMN = 31
SERVING_PLMN_TEXT = 32
ECGI = 33
TAI = 34
CGI = 35
SAI = 36
RAI = 37
FRAMED_IPV4 = 38
FRAMED_IPV6 = 39
PDP_ADDRESS = 40
RAT_OCTET = 41
CHARGING_ID = 42
LAST_PLACE = 42

# Numbers of 32 bits.
RESULT_CODE = 50
VENDOR_ID = 51
EXPERIMENTAL_RESULT_CODE = 52
SUBSCRIPTION_TYPE = 53
EQUIPMENT_TYPE = 54
REQUEST_TYPE = 55
REQUEST_NUMBER = 56
ORIGIN_STATE = 57
RAT_TYPE = 58
IP_CAN_TYPE = 59
QCI = 60
ARP_PRIORITY = 61
AMBR_UP = 62
AMBR_DOWN = 63
TERMINATION_CAUSE = 64
RELEASE_CAUSE = 65
ABORT_CAUSE = 66
DISCONNECT_CAUSE = 67
CANCELLATION_TYPE = 68
ERROR_DIAGNOSTIC = 69
SERVER_ASSIGNMENT = 70
AUTHORIZATION_TYPE = 71
EVENT_TRIGGER = 72
RATING_GROUP = 73
SERVICE_IDENTIFIER = 74
SECONDS = 75
LAST_NUMBER = 75

# Numbers of 64 bits.
TOTAL_OCTETS = 80
INPUT_OCTETS = 81
OUTPUT_OCTETS = 82


class Avp(NamedTuple):
    """An AVP that is read: its number, what the decoder does with it, octets that its value must have."""

    code: int
    vendor: int
    name: str
    action: int
    fewest: int = 0


AVPS = (
    Avp(1, NO_VENDOR, "User-Name", USER_NAME),
    Avp(8, NO_VENDOR, "Framed-IP-Address", FRAMED_IPV4, 4),
    Avp(30, NO_VENDOR, "Called-Station-Id", APN),
    Avp(97, NO_VENDOR, "Framed-IPv6-Prefix", FRAMED_IPV6, 2),
    Avp(263, NO_VENDOR, "Session-Id", SESSION_ID),
    Avp(264, NO_VENDOR, "Origin-Host", ORIGIN_HOST),
    Avp(266, NO_VENDOR, "Vendor-Id", VENDOR_ID, 4),
    Avp(268, NO_VENDOR, "Result-Code", RESULT_CODE, 4),
    Avp(273, NO_VENDOR, "Disconnect-Cause", DISCONNECT_CAUSE, 4),
    Avp(278, NO_VENDOR, "Origin-State-Id", ORIGIN_STATE, 4),
    Avp(279, NO_VENDOR, "Failed-AVP", FAILED),
    Avp(283, NO_VENDOR, "Destination-Realm", DESTINATION_REALM),
    Avp(293, NO_VENDOR, "Destination-Host", DESTINATION_HOST),
    Avp(295, NO_VENDOR, "Termination-Cause", TERMINATION_CAUSE, 4),
    Avp(296, NO_VENDOR, "Origin-Realm", ORIGIN_REALM),
    Avp(297, NO_VENDOR, "Experimental-Result", EXPERIMENTAL),
    Avp(298, NO_VENDOR, "Experimental-Result-Code", EXPERIMENTAL_RESULT_CODE, 4),
    Avp(412, NO_VENDOR, "CC-Input-Octets", INPUT_OCTETS, 8),
    Avp(414, NO_VENDOR, "CC-Output-Octets", OUTPUT_OCTETS, 8),
    Avp(415, NO_VENDOR, "CC-Request-Number", REQUEST_NUMBER, 4),
    Avp(416, NO_VENDOR, "CC-Request-Type", REQUEST_TYPE, 4),
    Avp(420, NO_VENDOR, "CC-Time", SECONDS, 4),
    Avp(421, NO_VENDOR, "CC-Total-Octets", TOTAL_OCTETS, 8),
    Avp(431, NO_VENDOR, "Granted-Service-Unit", GRANTED),
    Avp(432, NO_VENDOR, "Rating-Group", RATING_GROUP, 4),
    Avp(439, NO_VENDOR, "Service-Identifier", SERVICE_IDENTIFIER, 4),
    Avp(443, NO_VENDOR, "Subscription-Id", SUBSCRIPTION),
    Avp(444, NO_VENDOR, "Subscription-Id-Data", SUBSCRIPTION_DATA),
    Avp(446, NO_VENDOR, "Used-Service-Unit", USED),
    Avp(450, NO_VENDOR, "Subscription-Id-Type", SUBSCRIPTION_TYPE, 4),
    Avp(456, NO_VENDOR, "Multiple-Services-Credit-Control", CREDIT),
    Avp(458, NO_VENDOR, "User-Equipment-Info", EQUIPMENT),
    Avp(459, NO_VENDOR, "User-Equipment-Info-Type", EQUIPMENT_TYPE, 4),
    Avp(460, NO_VENDOR, "User-Equipment-Info-Value", EQUIPMENT_VALUE),
    Avp(493, NO_VENDOR, "Service-Selection", APN),
    Avp(1, TGPP, "3GPP-IMSI", IMSI_TEXT),
    Avp(2, TGPP, "3GPP-Charging-Id", CHARGING_ID, 4),
    Avp(18, TGPP, "3GPP-SGSN-MCC-MNC", SERVING_PLMN_TEXT, 5),
    Avp(20, TGPP, "3GPP-IMEISV", IMEI_TEXT),
    Avp(21, TGPP, "3GPP-RAT-Type", RAT_OCTET, 1),
    Avp(22, TGPP, "3GPP-User-Location-Info", USER_LOCATION, 1),
    Avp(500, TGPP, "Abort-Cause", ABORT_CAUSE, 4),
    Avp(601, TGPP, "Public-Identity", PUBLIC_IDENTITY),
    Avp(602, TGPP, "Server-Name", SERVER_NAME),
    Avp(614, TGPP, "Server-Assignment-Type", SERVER_ASSIGNMENT, 4),
    Avp(623, TGPP, "User-Authorization-Type", AUTHORIZATION_TYPE, 4),
    Avp(700, TGPP, "User-Identity", TRANSPARENT),
    Avp(701, TGPP, "MSISDN", MSISDN),
    Avp(873, TGPP, "Service-Information", TRANSPARENT),
    Avp(874, TGPP, "PS-Information", TRANSPARENT),
    Avp(1001, TGPP, "Charging-Rule-Install", RULE),
    Avp(1003, TGPP, "Charging-Rule-Definition", RULE),
    Avp(1006, TGPP, "Event-Trigger", EVENT_TRIGGER, 4),
    Avp(1016, TGPP, "QoS-Information", TRANSPARENT),
    Avp(1027, TGPP, "IP-CAN-Type", IP_CAN_TYPE, 4),
    Avp(1028, TGPP, "QoS-Class-Identifier", QCI, 4),
    Avp(1032, TGPP, "RAT-Type", RAT_TYPE, 4),
    Avp(1034, TGPP, "Allocation-Retention-Priority", TRANSPARENT),
    Avp(1040, TGPP, "APN-Aggregate-Max-Bitrate-DL", AMBR_DOWN, 4),
    Avp(1041, TGPP, "APN-Aggregate-Max-Bitrate-UL", AMBR_UP, 4),
    Avp(1045, TGPP, "Session-Release-Cause", RELEASE_CAUSE, 4),
    Avp(1046, TGPP, "Priority-Level", ARP_PRIORITY, 4),
    Avp(1049, TGPP, "Default-EPS-Bearer-QoS", TRANSPARENT),
    Avp(1227, TGPP, "PDP-Address", PDP_ADDRESS, 2),
    Avp(1400, TGPP, "Subscription-Data", TRANSPARENT),
    Avp(1401, TGPP, "Terminal-Information", TRANSPARENT),
    Avp(1402, TGPP, "IMEI", IMEI_TEXT),
    Avp(1407, TGPP, "Visited-PLMN-Id", VISITED_PLMN, 3),
    Avp(1420, TGPP, "Cancellation-Type", CANCELLATION_TYPE, 4),
    Avp(1496, TGPP, "EPS-Location-Information", TRANSPARENT),
    Avp(1600, TGPP, "MME-Location-Information", TRANSPARENT),
    Avp(1601, TGPP, "SGSN-Location-Information", TRANSPARENT),
    Avp(1602, TGPP, "E-UTRAN-Cell-Global-Identity", ECGI, 7),
    Avp(1603, TGPP, "Tracking-Area-Identity", TAI, 5),
    Avp(1604, TGPP, "Cell-Global-Identity", CGI, 7),
    Avp(1605, TGPP, "Routing-Area-Identity", RAI, 6),
    Avp(1607, TGPP, "Service-Area-Identity", SAI, 7),
    Avp(1614, TGPP, "Error-Diagnostic", ERROR_DIAGNOSTIC, 4),
)
"""The AVPs that are read; all others are passed over by their length."""


def _by_code(vendor: int, codes: int) -> tuple[np.ndarray, np.ndarray]:
    actions, fewest = np.zeros(codes, np.int64), np.zeros(codes, np.int64)
    for avp in AVPS:
        if avp.vendor == vendor:
            actions[avp.code] = avp.action
            fewest[avp.code] = avp.fewest
    return actions, fewest


BASE_ACTION, BASE_FEWEST = _by_code(NO_VENDOR, 512)
"""int64[512]: action, and fewest octets of the value, by code of an AVP without vendor; 0 for what is not read."""
TGPP_ACTION, TGPP_FEWEST = _by_code(TGPP, 1664)
"""int64[1664]: the same for AVPs of 3GPP."""

# 3GPP-User-Location-Info (TS 29.061 §16.4.7.2): the first octet says which identities follow.
LOCATION_CGI = 0
LOCATION_SAI = 1
LOCATION_RAI = 2
LOCATION_TAI = 128
LOCATION_ECGI = 129
LOCATION_TAI_ECGI = 130
LOCATION_TAI_ENODEB = 132
LOCATION_TAI_EXTENDED_ENODEB = 134
LOCATION_NCGI = 135
LOCATION_5GS_TAI = 136
LOCATION_5GS_TAI_NCGI = 137
LOCATION_5GS_TAI_NODE = 139

# Subscription-Id-Type (RFC 8506 §8.47), User-Equipment-Info-Type (§8.50).
SUBSCRIPTION_E164 = 0
SUBSCRIPTION_IMSI = 1
SUBSCRIPTION_SIP_URI = 2
SUBSCRIPTION_NAI = 3
EQUIPMENT_IMEISV = 0

# Address (RFC 6733 §4.3.1): families.
FAMILY_IPV4 = 1
FAMILY_IPV6 = 2
