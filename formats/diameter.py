"""Diameter (RFC 6733): header, commands, applications, and the results of the base protocol and of 3GPP.

AVPs are in `formats.diameter_avps`, rows in `formats.diameter_rows`. The 3GPP applications are those of TS 29.230.
"""

import numpy as np

PORT = 3868
PPIDS = (46, 47)
"""SCTP payload protocol identifiers: plain, and in DTLS (RFC 6733 §11.4); older nodes send 0."""

VERSION = 1
HEADER_OCTETS = 20
FLAG_REQUEST = 0x80
FLAG_PROXIABLE = 0x40
FLAG_ERROR = 0x20
FLAG_RETRANSMIT = 0x10
FLAGS_RESERVED = 0x0F

CAPABILITIES_EXCHANGE = 257
RE_AUTH = 258
AA = 265
ACCOUNTING = 271
CREDIT_CONTROL = 272
ABORT_SESSION = 274
SESSION_TERMINATION = 275
DEVICE_WATCHDOG = 280
DISCONNECT_PEER = 282
UPDATE_LOCATION = 316
CANCEL_LOCATION = 317
AUTHENTICATION_INFORMATION = 318
INSERT_SUBSCRIBER_DATA = 319
DELETE_SUBSCRIBER_DATA = 320
PURGE_UE = 321
RESET = 322
NOTIFY = 323
ME_IDENTITY_CHECK = 324

COMMANDS: dict[int, str] = {
    257: "Capabilities-Exchange",
    258: "Re-Auth",
    265: "AA",
    268: "Diameter-EAP",
    271: "Accounting",
    272: "Credit-Control",
    274: "Abort-Session",
    275: "Session-Termination",
    280: "Device-Watchdog",
    282: "Disconnect-Peer",
    300: "User-Authorization",
    301: "Server-Assignment",
    302: "Location-Info",
    303: "Multimedia-Auth",
    304: "Registration-Termination",
    305: "Push-Profile",
    306: "User-Data",
    307: "Profile-Update",
    308: "Subscribe-Notifications",
    309: "Push-Notification",
    316: "Update-Location",
    317: "Cancel-Location",
    318: "Authentication-Information",
    319: "Insert-Subscriber-Data",
    320: "Delete-Subscriber-Data",
    321: "Purge-UE",
    322: "Reset",
    323: "Notify",
    324: "ME-Identity-Check",
    8388620: "Provide-Location",
    8388621: "Location-Report",
    8388622: "LCS-Routing-Info",
    8388635: "Spending-Limit",
    8388636: "Spending-Status-Notification",
    8388637: "TDF-Session",
    8388638: "Update-VCSG-Location",
    8388639: "Device-Action",
    8388640: "Device-Notification",
    8388641: "Subscriber-Information",
    8388642: "Cancel-VCSG-Location",
    8388643: "Device-Trigger",
    8388644: "Delivery-Report",
    8388645: "MO-Forward-Short-Message",
    8388646: "MT-Forward-Short-Message",
    8388647: "Send-Routing-Info-for-SM",
    8388648: "Alert-Service-Centre",
    8388649: "Report-SM-Delivery-Status",
}
"""Command codes; a request and its answer share one."""

APPLICATIONS: dict[int, str] = {
    0: "base",
    1: "nasreq",
    3: "rf",
    4: "gy",
    5: "eap",
    16777216: "cx",
    16777217: "sh",
    16777236: "rx",
    16777238: "gx",
    16777250: "sta",
    16777251: "s6a",
    16777252: "s13",
    16777255: "slg",
    16777264: "swm",
    16777265: "swx",
    16777266: "gxx",
    16777267: "s9",
    16777272: "s6b",
    16777291: "slh",
    16777302: "sy",
    16777303: "sd",
    16777308: "s7a",
    16777309: "tsp",
    16777310: "s6m",
    16777311: "t4",
    16777312: "s6c",
    16777313: "sgd",
    16777345: "s6t",
    16777346: "t6a",
    4294967295: "relay",
}
"""Application identifier to the interface that speaks it."""

S6A = 16777251
CX = 16777216

IMSI_APPLICATIONS = np.array(
    [S6A, 16777252, 16777255, 16777265, 16777291, 16777308, 16777312, 16777313, 16777345, 16777346], np.int64
)
"""int64[n]: applications in which a User-Name of digits alone is an IMSI (TS 29.272 §6.3.1 and the like)."""

RESULTS: dict[int, str] = {
    1001: "DIAMETER_MULTI_ROUND_AUTH",
    2001: "DIAMETER_SUCCESS",
    2002: "DIAMETER_LIMITED_SUCCESS",
    3001: "DIAMETER_COMMAND_UNSUPPORTED",
    3002: "DIAMETER_UNABLE_TO_DELIVER",
    3003: "DIAMETER_REALM_NOT_SERVED",
    3004: "DIAMETER_TOO_BUSY",
    3005: "DIAMETER_LOOP_DETECTED",
    3006: "DIAMETER_REDIRECT_INDICATION",
    3007: "DIAMETER_APPLICATION_UNSUPPORTED",
    3008: "DIAMETER_INVALID_HDR_BITS",
    3009: "DIAMETER_INVALID_AVP_BITS",
    3010: "DIAMETER_UNKNOWN_PEER",
    3011: "DIAMETER_REALM_REDIRECT_INDICATION",
    4001: "DIAMETER_AUTHENTICATION_REJECTED",
    4002: "DIAMETER_OUT_OF_SPACE",
    4003: "ELECTION_LOST",
    4010: "DIAMETER_END_USER_SERVICE_DENIED",
    4011: "DIAMETER_CREDIT_CONTROL_NOT_APPLICABLE",
    4012: "DIAMETER_CREDIT_LIMIT_REACHED",
    5001: "DIAMETER_AVP_UNSUPPORTED",
    5002: "DIAMETER_UNKNOWN_SESSION_ID",
    5003: "DIAMETER_AUTHORIZATION_REJECTED",
    5004: "DIAMETER_INVALID_AVP_VALUE",
    5005: "DIAMETER_MISSING_AVP",
    5006: "DIAMETER_RESOURCES_EXCEEDED",
    5007: "DIAMETER_CONTRADICTING_AVPS",
    5008: "DIAMETER_AVP_NOT_ALLOWED",
    5009: "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES",
    5010: "DIAMETER_NO_COMMON_APPLICATION",
    5011: "DIAMETER_UNSUPPORTED_VERSION",
    5012: "DIAMETER_UNABLE_TO_COMPLY",
    5013: "DIAMETER_INVALID_BIT_IN_HEADER",
    5014: "DIAMETER_INVALID_AVP_LENGTH",
    5015: "DIAMETER_INVALID_MESSAGE_LENGTH",
    5016: "DIAMETER_INVALID_AVP_BIT_COMBO",
    5017: "DIAMETER_NO_COMMON_SECURITY",
    5030: "DIAMETER_USER_UNKNOWN",
    5031: "DIAMETER_RATING_FAILED",
}
"""Result-Code (RFC 6733 §7.1, RFC 8506 §9)."""

_SUBSCRIPTION: dict[int, str] = {
    4181: "DIAMETER_AUTHENTICATION_DATA_UNAVAILABLE",
    4182: "DIAMETER_ERROR_CAMEL_SUBSCRIPTION_PRESENT",
    5001: "DIAMETER_ERROR_USER_UNKNOWN",
    5004: "DIAMETER_ERROR_ROAMING_NOT_ALLOWED",
    5012: "DIAMETER_ERROR_SERVING_NODE_FEATURE_UNSUPPORTED",
    5420: "DIAMETER_ERROR_UNKNOWN_EPS_SUBSCRIPTION",
    5421: "DIAMETER_ERROR_RAT_NOT_ALLOWED",
    5422: "DIAMETER_ERROR_EQUIPMENT_UNKNOWN",
    5423: "DIAMETER_ERROR_UNKNOWN_SERVING_NODE",
    5450: "DIAMETER_ERROR_USER_NO_NON_3GPP_SUBSCRIPTION",
    5451: "DIAMETER_ERROR_USER_NO_APN_SUBSCRIPTION",
    5452: "DIAMETER_ERROR_RAT_TYPE_NOT_ALLOWED",
}
_MULTIMEDIA: dict[int, str] = {
    2001: "DIAMETER_FIRST_REGISTRATION",
    2002: "DIAMETER_SUBSEQUENT_REGISTRATION",
    2003: "DIAMETER_UNREGISTERED_SERVICE",
    2004: "DIAMETER_SUCCESS_SERVER_NAME_NOT_STORED",
    4100: "DIAMETER_USER_DATA_NOT_AVAILABLE",
    4101: "DIAMETER_PRIOR_UPDATE_IN_PROGRESS",
    5001: "DIAMETER_ERROR_USER_UNKNOWN",
    5002: "DIAMETER_ERROR_IDENTITIES_DONT_MATCH",
    5003: "DIAMETER_ERROR_IDENTITY_NOT_REGISTERED",
    5004: "DIAMETER_ERROR_ROAMING_NOT_ALLOWED",
    5005: "DIAMETER_ERROR_IDENTITY_ALREADY_REGISTERED",
    5006: "DIAMETER_ERROR_AUTH_SCHEME_NOT_SUPPORTED",
    5007: "DIAMETER_ERROR_IN_ASSIGNMENT_TYPE",
    5008: "DIAMETER_ERROR_TOO_MUCH_DATA",
    5009: "DIAMETER_ERROR_NOT_SUPPORTED_USER_DATA",
    5011: "DIAMETER_ERROR_FEATURE_UNSUPPORTED",
}
_POLICY: dict[int, str] = {
    4141: "DIAMETER_PCC_BEARER_EVENT",
    4142: "DIAMETER_BEARER_EVENT",
    4143: "DIAMETER_AN_GW_FAILED",
    4144: "DIAMETER_PENDING_TRANSACTION",
    5140: "DIAMETER_ERROR_INITIAL_PARAMETERS",
    5141: "DIAMETER_ERROR_TRIGGER_EVENT",
    5142: "DIAMETER_PCC_RULE_EVENT",
    5143: "DIAMETER_ERROR_BEARER_NOT_AUTHORIZED",
    5144: "DIAMETER_ERROR_TRAFFIC_MAPPING_INFO_REJECTED",
    5145: "DIAMETER_QOS_RULE_EVENT",
    5147: "DIAMETER_ERROR_CONFLICTING_REQUEST",
    5148: "DIAMETER_ADC_RULE_EVENT",
    5149: "DIAMETER_ERROR_NBIFOM_NOT_AUTHORIZED",
    5453: "DIAMETER_ERROR_LATE_OVERLAPPING_REQUEST",
    5454: "DIAMETER_ERROR_TIMED_OUT_REQUEST",
    5470: "DIAMETER_ERROR_SUBSESSION",
    5471: "DIAMETER_ERROR_ONGOING_SESSION_ESTABLISHMENT",
}
_MEDIA: dict[int, str] = {
    4261: "REQUESTED_SERVICE_TEMPORARILY_NOT_AUTHORIZED",
    5061: "INVALID_SERVICE_INFORMATION",
    5062: "FILTER_RESTRICTIONS",
    5063: "REQUESTED_SERVICE_NOT_AUTHORIZED",
    5064: "DUPLICATED_AF_SESSION",
    5065: "IP-CAN_SESSION_NOT_AVAILABLE",
    5066: "UNAUTHORIZED_NON_EMERGENCY_SESSION",
    5067: "UNAUTHORIZED_SPONSORED_DATA_CONNECTIVITY",
    5068: "TEMPORARY_NETWORK_FAILURE",
}
_SPENDING: dict[int, str] = {
    4241: "DIAMETER_ERROR_NO_AVAILABLE_POLICY_COUNTERS",
    5570: "DIAMETER_ERROR_UNKNOWN_POLICY_COUNTERS",
}

RESULT_FAMILIES: dict[str, dict[int, str]] = {
    "diameter": RESULTS,
    "diameter_subscription": _SUBSCRIPTION,
    "diameter_multimedia": _MULTIMEDIA,
    "diameter_policy": _POLICY,
    "diameter_media": _MEDIA,
    "diameter_spending": _SPENDING,
    "diameter_experimental": {},
}
"""Cause families of results: Result-Code, and Experimental-Result-Code by what its applications share; the last is that
of all other applications and vendors."""

EXPERIMENTAL_FAMILIES: dict[int, str] = {
    S6A: "diameter_subscription",
    16777252: "diameter_subscription",
    16777265: "diameter_subscription",
    16777264: "diameter_subscription",
    16777272: "diameter_subscription",
    16777250: "diameter_subscription",
    16777308: "diameter_subscription",
    CX: "diameter_multimedia",
    16777217: "diameter_multimedia",
    16777238: "diameter_policy",
    16777266: "diameter_policy",
    16777236: "diameter_media",
    16777302: "diameter_spending",
}
"""Application to the family of its Experimental-Result-Code (TS 29.272 §7.4, 29.273, 29.229 §6.2, 29.329, 29.212 §5.5,
29.214 §5.5, 29.219): the same number means other things in other applications."""

EXPERIMENTAL_RESULTS: dict[int, dict[int, str]] = {
    application: RESULT_FAMILIES[family] for application, family in EXPERIMENTAL_FAMILIES.items()
}
"""Experimental-Result-Code by application."""


def result_text(application: int, result: int, experimental: int = -1) -> str:
    """The result in the words of its standard; the number where none is named, empty where there is none (-1)."""
    if experimental >= 0:
        return EXPERIMENTAL_RESULTS.get(application, {}).get(experimental, str(experimental))
    return RESULTS.get(result, str(result)) if result >= 0 else ""


def is_success(result: int, experimental: int = -1) -> bool:
    """Whether a result is a success: 2xxx (RFC 6733 §7.1.2); an experimental result stands in place of the other."""
    code = experimental if experimental >= 0 else result
    return 2000 <= code <= 2999


RAT_TYPES: dict[int, int] = {
    0: 3, 1: 7, 1000: 1, 1001: 2, 1002: 4, 1003: 5, 1004: 6, 1005: 8, 1006: 10, 1007: 9, 1008: 10,
}  # fmt: skip
"""RAT-Type (TS 29.212 §5.3.31) to the number of the same technology in TS 29.274 §8.17; NR-U is NR there."""
