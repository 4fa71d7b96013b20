"""NAS, EPS (TS 24.301) and 5GS (TS 24.501): messages, causes, identities, and the row that a message becomes.

    NAS   one NAS message with what is inside it                  (kernels.nas_eps, kernels.nas_5gs -> whoever joins)

EMM and ESM causes are those of `formats.s1ap_causes`. What each message is made of: `formats.nas_layouts`.
"""

import numpy as np

from formats.s1ap_causes import EMM as EMM_CAUSES  # noqa: F401 (offered here too)
from formats.s1ap_causes import ESM as ESM_CAUSES  # noqa: F401

# What becomes of a message.
DECODED = 1
CIPHERED = 2  # only the security header is told
MALFORMED = 3  # a part that must be there is not
UNKNOWN = 4  # a protocol or message type that is not in the tables

NAS_REASONS: dict[int, tuple[str, str]] = {
    DECODED: ("decoded", "read, in plain or under a null cipher"),
    CIPHERED: ("ciphered", "not readable: only its security header is told"),
    MALFORMED: ("malformed", "a part that must be there is missing or reaches past the end"),
    UNKNOWN: ("unknown", "a protocol discriminator or message type that the standard does not list"),
}
"""Code to name and meaning."""

# `protocol`
EPS = 1
FIVE_GS = 2

# Security header types (TS 24.301 §9.3.1, TS 24.501 §9.3.1)
PLAIN = 0
INTEGRITY = 1
CIPHERING = 2
INTEGRITY_NEW = 3
CIPHERING_NEW = 4
SERVICE_REQUEST_FIRST = 12  # EPS only: 12 to 15 are the Service Request of 4 octets

# Protocol discriminators
PD_ESM = 2  # lower half of the first octet
PD_EMM = 7
EPD_5GSM = 0x2E
EPD_5GMM = 0x7E

EPS_SECURITY_OCTETS = 6  # security header, message authentication code, sequence number
FIVE_GS_SECURITY_OCTETS = 7

ALGORITHM_UNKNOWN = -1
ALGORITHM_NULL = 0  # EEA0, NEA0

ATTACH_REQUEST = 0x41
ATTACH_ACCEPT = 0x42
ATTACH_COMPLETE = 0x43
ATTACH_REJECT = 0x44
DETACH_REQUEST = 0x45
TRACKING_AREA_UPDATE_REQUEST = 0x48
TRACKING_AREA_UPDATE_ACCEPT = 0x49
TRACKING_AREA_UPDATE_REJECT = 0x4B
EXTENDED_SERVICE_REQUEST = 0x4C
CONTROL_PLANE_SERVICE_REQUEST = 0x4D
SERVICE_REJECT = 0x4E
GUTI_REALLOCATION_COMMAND = 0x50
AUTHENTICATION_FAILURE = 0x5C
IDENTITY_REQUEST = 0x55
IDENTITY_RESPONSE = 0x56
SECURITY_MODE_COMMAND = 0x5D
SECURITY_MODE_COMPLETE = 0x5E
SECURITY_MODE_REJECT = 0x5F
EMM_STATUS = 0x60
EMM_SERVICE_REQUEST = 0xC7
"""The Service Request of 4 octets has no type of its own: it counts as this."""
DETACH_REQUEST_NETWORK = 0x7F
"""In the layouts only; a row says 0x45 and `from_network`."""

DEFAULT_BEARER_REQUEST = 0xC1
DEFAULT_BEARER_ACCEPT = 0xC2
DEDICATED_BEARER_REQUEST = 0xC5
DEDICATED_BEARER_ACCEPT = 0xC6
MODIFY_BEARER_REQUEST = 0xC9
MODIFY_BEARER_ACCEPT = 0xCA
DEACTIVATE_BEARER_ACCEPT = 0xCE
LAST_BEARER_MESSAGE = 0xCF  # C1 to CF are about a bearer, D0 to D7 about a request of the device
PDN_CONNECTIVITY_REQUEST = 0xD0
PDN_DISCONNECT_REQUEST = 0xD2
BEARER_ALLOCATION_REQUEST = 0xD4
BEARER_MODIFICATION_REQUEST = 0xD6
BEARER_MODIFICATION_REJECT = 0xD7
ESM_INFORMATION_REQUEST = 0xD9
ESM_INFORMATION_RESPONSE = 0xDA

ESM_DUMMY_MESSAGE = 0xDC
REMOTE_UE_REPORT = 0xE9
REMOTE_UE_REPORT_RESPONSE = 0xEA

EMM_TELLS_CAUSE = (0x44, 0x4B, 0x4E, 0x5C, 0x5F, 0x60)
ESM_TELLS_CAUSE = (0xC3, 0xC7, 0xCB, 0xCD, 0xD1, 0xD3, 0xD5, 0xD7, 0xE8)
"""Messages that begin with a cause."""
ESM_ACCEPTS = (0xC2, 0xC6, 0xCA, 0xCE)
"""Accepts of the device: no transaction is named in them (TS 24.301 §6.4)."""

REGISTRATION_REQUEST = 0x41
REGISTRATION_ACCEPT = 0x42
REGISTRATION_REJECT = 0x44
DEREGISTRATION_REQUEST_UE = 0x45
DEREGISTRATION_REQUEST_NETWORK = 0x47
SERVICE_REQUEST_5GS = 0x4C
SERVICE_REJECT_5GS = 0x4D
CONTROL_PLANE_SERVICE_REQUEST_5GS = 0x4F
CONFIGURATION_UPDATE_COMMAND = 0x54
AUTHENTICATION_FAILURE_5GS = 0x59
IDENTITY_REQUEST_5GS = 0x5B
IDENTITY_RESPONSE_5GS = 0x5C
STATUS_5GMM = 0x64
UL_NAS_TRANSPORT = 0x67
DL_NAS_TRANSPORT = 0x68

SESSION_ESTABLISHMENT_REQUEST = 0xC1
SESSION_ESTABLISHMENT_ACCEPT = 0xC2
SESSION_ESTABLISHMENT_REJECT = 0xC3
SESSION_MODIFICATION_REJECT = 0xCA
SESSION_MODIFICATION_COMMAND_REJECT = 0xCD
SESSION_RELEASE_REJECT = 0xD2
SESSION_RELEASE_COMMAND = 0xD3
STATUS_5GSM = 0xD6

CONTAINER_N1_SM = 1  # payload container type (TS 24.501 §9.11.3.40)

# Elements that the decoders read, by identifier
IE_EMM_GUTI = 0x50
IE_EMM_LAST_TAI = 0x52
IE_EMM_CAUSE = 0x53
IE_EMM_TAI_LIST = 0x54
IE_EMM_IMEISV = 0x23
IE_EMM_ESM_CONTAINER = 0x78
IE_EMM_NAS_CONTAINER = 0x79
IE_ESM_APN = 0x28
IE_ESM_CAUSE = 0x58
IE_ESM_QOS = 0x5B
IE_MM_REJECTED_NSSAI = 0x11
IE_MM_SESSION_ID = 0x12
IE_MM_ALLOWED_NSSAI = 0x15
IE_MM_S_NSSAI = 0x22
IE_MM_DNN = 0x25
IE_MM_REQUESTED_NSSAI = 0x2F
IE_MM_CONFIGURED_NSSAI = 0x31
IE_MM_LAST_TAI = 0x52
IE_MM_TAI_LIST = 0x54
IE_MM_CAUSE = 0x58
IE_MM_REJECTED_NSSAI_REJECT = 0x69
IE_MM_REJECTED_NSSAI_DEREGISTRATION = 0x6D
IE_MM_NAS_CONTAINER = 0x71
IE_MM_IDENTITY = 0x77
IE_MM_PEI = 0x78
IE_MM_REQUEST_TYPE = 0x80
IE_SM_S_NSSAI = 0x22
IE_SM_DNN = 0x25
IE_SM_PDU_ADDRESS = 0x29
IE_SM_CAUSE = 0x59
IE_SM_FLOWS = 0x79
IE_SM_PDU_TYPE = 0x90
IE_SM_SSC_MODE = 0xA0

# `identity_type`, whatever number the message has for it
IDENTITY_NONE = 0
IDENTITY_IMSI = 1
IDENTITY_IMEI = 2
IDENTITY_IMEISV = 3
IDENTITY_TMSI = 4
IDENTITY_GUTI = 5  # GUTI, 5G-GUTI
IDENTITY_S_TMSI = 6  # 5G-S-TMSI
IDENTITY_SUCI = 7
IDENTITY_OTHER = 8

EPS_IDENTITIES = (0, IDENTITY_IMSI, 8, IDENTITY_IMEI, 8, 8, IDENTITY_GUTI, 8)
"""EPS mobile identity (TS 24.301 §9.9.3.12) by its lower 3 bits."""
MOBILE_IDENTITIES = (0, IDENTITY_IMSI, IDENTITY_IMEI, IDENTITY_IMEISV, IDENTITY_TMSI, 8, 8, 8)
"""Mobile identity (TS 24.008 §10.5.1.4), in an Identity Response and a Security Mode Complete."""
FIVE_GS_IDENTITIES = (0, IDENTITY_SUCI, IDENTITY_GUTI, IDENTITY_IMEI, IDENTITY_S_TMSI, IDENTITY_IMEISV, 8, 8)
"""5GS mobile identity (TS 24.501 §9.11.3.4)."""

# PDN and PDU session types as GTP-C numbers them (TS 29.274 §8.34)
PDN_TYPES_EPS = (-1, 1, 2, 3, -1, 4, 5, -1)
"""PDN type (TS 24.301 §9.9.4.10) to `pdn_type`."""
PDN_TYPES_5GS = (-1, 1, 2, 3, 4, 5, -1, -1)
"""PDU session type (TS 24.501 §9.11.4.11) to `pdn_type`."""

# `nssai_kind`
NSSAI_NONE = 0
NSSAI_REQUESTED = 1
NSSAI_ALLOWED = 2
NSSAI_CONFIGURED = 3
NSSAI_MOST = 8
NO_SD = 0xFF_FFFF  # slice differentiator of an S-NSSAI that has none

NAS = np.dtype(
    [
        ("imsi", "u8"),  # digits; of a SUCI where its scheme is null
        ("imei", "u8"),  # digits, IMEI or IMEISV
        ("tai", "u8"),  # coded as a cell: the first of the TAI list that is assigned
        ("last_tai", "u8"),  # last visited registered TAI
        ("interface_id", "u8"),  # IPv6 interface identifier of the device, 0 where absent
        ("apn_hash", "u8"),  # of the lower-cased network identifier, 0 where absent
        ("apn_offset", "i8"),  # where in `text` the name goes: set by the caller
        ("ue_ipv4", "i8"),  # -1 where absent
        ("tmsi", "i8"),  # M-TMSI, 5G-TMSI, -1 where absent
        ("additional_tmsi", "i8"),  # of a second GUTI, -1 where absent
        ("slice", "i8"),  # S-NSSAI of the session: SST << 24 | SD (NO_SD without), -1 where absent
        ("session_at", "i8"),  # octet where the ESM or 5GSM message lies, 0 where there is none
        ("inner_at", "i8"),  # octet where the message in a NAS message container lies, 0 where there is none
        ("session_octets", "i4"),
        ("inner_octets", "i4"),
        ("home_plmn", "i4"),  # of a SUCI, six nibbles as in formats.addresses; -1 where absent
        ("guti_plmn", "i4"),  # of the (5G-)GUTI that names the device, or that it is given; -1 where absent
        ("guti_region", "i4"),  # MME group or AMF region, -1 where absent
        ("guti_code", "i4"),  # MME code, or AMF set << 6 | pointer; -1 where absent
        ("additional_plmn", "i4"),  # of a second GUTI ("additional GUTI")
        ("additional_region", "i4"),
        ("additional_code", "i4"),
        ("nssai", "u4", (NSSAI_MOST,)),  # of `nssai_kind`: SST << 24 | SD
        ("rejected", "u4", (NSSAI_MOST,)),  # rejected S-NSSAI
        ("apn_length", "i2"),
        ("type", "i2"),  # EMM or 5GMM message, -1 where there is only a session message
        ("session_type", "i2"),  # ESM or 5GSM message, -1 where absent
        ("inner_type", "i2"),  # message in a readable NAS message container, -1 where absent
        ("cause", "i2"),  # EMM or 5GMM cause, -1 where absent
        ("session_cause", "i2"),  # ESM or 5GSM cause, -1 where absent
        ("pti", "i2"),  # procedure transaction identity of the session message, -1 where absent
        ("session_id", "i2"),  # PDU session identity, -1 where absent
        ("qci", "i2"),  # QCI or 5QI, -1 where absent
        ("qfi", "i2"),  # QoS flow of that 5QI, -1 where absent
        ("protocol", "u1"),  # EPS, FIVE_GS
        ("security", "i1"),  # security header type
        ("ciphered", "u1"),  # 1: the content is not readable
        ("null_ciphered", "u1"),  # 1: a ciphered message that was readable
        ("inner_ciphered", "u1"),  # 1: there is a NAS message container that is not readable
        ("damage", "u1"),  # 1: an element reached past the end or was too short; what came before it was kept
        ("from_network", "i1"),  # detach, deregistration: 1 by the network, 0 by the device; -1 else
        ("request_type", "i1"),  # attach, update, detach, registration, deregistration or service type, by `type`;
        # in an Identity Request the identity that is wanted; -1 where absent
        ("result", "i1"),  # attach, update or registration result, -1 where absent
        ("follow_on", "i1"),  # active flag of an update, follow-on request of a registration; -1 where absent
        ("switch_off", "i1"),  # detach, deregistration by the device; -1 where absent
        ("identity_type", "i1"),  # IDENTITY_*
        ("ebi", "i1"),  # EPS bearer identity, -1 where none is assigned
        ("linked_ebi", "i1"),  # -1 where absent
        ("pdn_type", "i1"),  # 1 IPv4, 2 IPv6, 3 IPv4v6, 4 non-IP or unstructured, 5 Ethernet; -1 where absent
        ("session_request", "i1"),  # request type of a PDN connectivity or PDU session request; -1 where absent
        ("ssc_mode", "i1"),  # -1 where absent
        ("container", "i1"),  # payload container type, -1 where absent
        ("ciphering", "i1"),  # algorithm that a Security Mode Command chooses: 0 EEA0 or NEA0; -1 where absent
        ("integrity", "i1"),  # -1 where absent
        ("nssai_kind", "u1"),  # NSSAI_*
        ("nssai_count", "u1"),
        ("rejected_count", "u1"),
    ],
    align=True,
)

EMM_MESSAGES: dict[int, str] = {
    0x41: "Attach request",
    0x42: "Attach accept",
    0x43: "Attach complete",
    0x44: "Attach reject",
    0x45: "Detach request",
    0x46: "Detach accept",
    0x48: "Tracking area update request",
    0x49: "Tracking area update accept",
    0x4A: "Tracking area update complete",
    0x4B: "Tracking area update reject",
    0x4C: "Extended service request",
    0x4D: "Control plane service request",
    0x4E: "Service reject",
    0x4F: "Service accept",
    0x50: "GUTI reallocation command",
    0x51: "GUTI reallocation complete",
    0x52: "Authentication request",
    0x53: "Authentication response",
    0x54: "Authentication reject",
    0x55: "Identity request",
    0x56: "Identity response",
    0x5C: "Authentication failure",
    0x5D: "Security mode command",
    0x5E: "Security mode complete",
    0x5F: "Security mode reject",
    0x60: "EMM status",
    0x61: "EMM information",
    0x62: "Downlink NAS transport",
    0x63: "Uplink NAS transport",
    0x64: "CS Service notification",
    0x68: "Downlink generic NAS transport",
    0x69: "Uplink generic NAS transport",
}
"""EMM message types (TS 24.301 §9.8, Table 9.8.1)."""

ESM_MESSAGES: dict[int, str] = {
    0xC1: "Activate default EPS bearer context request",
    0xC2: "Activate default EPS bearer context accept",
    0xC3: "Activate default EPS bearer context reject",
    0xC5: "Activate dedicated EPS bearer context request",
    0xC6: "Activate dedicated EPS bearer context accept",
    0xC7: "Activate dedicated EPS bearer context reject",
    0xC9: "Modify EPS bearer context request",
    0xCA: "Modify EPS bearer context accept",
    0xCB: "Modify EPS bearer context reject",
    0xCD: "Deactivate EPS bearer context request",
    0xCE: "Deactivate EPS bearer context accept",
    0xD0: "PDN connectivity request",
    0xD1: "PDN connectivity reject",
    0xD2: "PDN disconnect request",
    0xD3: "PDN disconnect reject",
    0xD4: "Bearer resource allocation request",
    0xD5: "Bearer resource allocation reject",
    0xD6: "Bearer resource modification request",
    0xD7: "Bearer resource modification reject",
    0xD9: "ESM information request",
    0xDA: "ESM information response",
    0xDB: "Notification",
    0xDC: "ESM dummy message",
    0xE8: "ESM status",
    0xE9: "Remote UE report",
    0xEA: "Remote UE report response",
    0xEB: "ESM data transport",
}
"""ESM message types (TS 24.301 §9.8, Table 9.8.2)."""

MM_5GS_MESSAGES: dict[int, str] = {
    0x41: "Registration request",
    0x42: "Registration accept",
    0x43: "Registration complete",
    0x44: "Registration reject",
    0x45: "Deregistration request (UE originating)",
    0x46: "Deregistration accept (UE originating)",
    0x47: "Deregistration request (UE terminated)",
    0x48: "Deregistration accept (UE terminated)",
    0x4C: "Service request",
    0x4D: "Service reject",
    0x4E: "Service accept",
    0x4F: "Control plane service request",
    0x50: "Network slice-specific authentication command",
    0x51: "Network slice-specific authentication complete",
    0x52: "Network slice-specific authentication result",
    0x54: "Configuration update command",
    0x55: "Configuration update complete",
    0x56: "Authentication request",
    0x57: "Authentication response",
    0x58: "Authentication reject",
    0x59: "Authentication failure",
    0x5A: "Authentication result",
    0x5B: "Identity request",
    0x5C: "Identity response",
    0x5D: "Security mode command",
    0x5E: "Security mode complete",
    0x5F: "Security mode reject",
    0x64: "5GMM status",
    0x65: "Notification",
    0x66: "Notification response",
    0x67: "UL NAS transport",
    0x68: "DL NAS transport",
    0x69: "Relay key request",
    0x6A: "Relay key accept",
    0x6B: "Relay key reject",
    0x6C: "Relay authentication request",
    0x6D: "Relay authentication response",
}
"""5GMM message types (TS 24.501 §9.7, Table 9.7.1)."""

SM_5GS_MESSAGES: dict[int, str] = {
    0xC1: "PDU session establishment request",
    0xC2: "PDU session establishment accept",
    0xC3: "PDU session establishment reject",
    0xC5: "PDU session authentication command",
    0xC6: "PDU session authentication complete",
    0xC7: "PDU session authentication result",
    0xC9: "PDU session modification request",
    0xCA: "PDU session modification reject",
    0xCB: "PDU session modification command",
    0xCC: "PDU session modification complete",
    0xCD: "PDU session modification command reject",
    0xD1: "PDU session release request",
    0xD2: "PDU session release reject",
    0xD3: "PDU session release command",
    0xD4: "PDU session release complete",
    0xD6: "5GSM status",
    0xD8: "Service-level authentication command",
    0xD9: "Service-level authentication complete",
    0xDA: "Remote UE report",
    0xDB: "Remote UE report response",
}
"""5GSM message types (TS 24.501 §9.7, Table 9.7.2)."""

MM_5GS_CAUSES: dict[int, str] = {
    3: "Illegal UE",
    5: "PEI not accepted",
    6: "Illegal ME",
    7: "5GS services not allowed",
    9: "UE identity cannot be derived by the network",
    10: "Implicitly de-registered",
    11: "PLMN not allowed",
    12: "Tracking area not allowed",
    13: "Roaming not allowed in this tracking area",
    15: "No suitable cells in tracking area",
    20: "MAC failure",
    21: "Synch failure",
    22: "Congestion",
    23: "UE security capabilities mismatch",
    24: "Security mode rejected, unspecified",
    26: "Non-5G authentication unacceptable",
    27: "N1 mode not allowed",
    28: "Restricted service area",
    31: "Redirection to EPC required",
    36: "IAB-node operation not authorized",
    43: "LADN not available",
    62: "No network slices available",
    65: "Maximum number of PDU sessions reached",
    67: "Insufficient resources for specific slice and DNN",
    69: "Insufficient resources for specific slice",
    71: "ngKSI already in use",
    72: "Non-3GPP access to 5GCN not allowed",
    73: "Serving network not authorized",
    74: "Temporarily not authorized for this SNPN",
    75: "Permanently not authorized for this SNPN",
    76: "Not authorized for this CAG or authorized for CAG cells only",
    77: "Wireline access area not allowed",
    78: "PLMN not allowed to operate at the present UE location",
    79: "UAS services not allowed",
    80: "Disaster roaming for the determined PLMN with disaster condition not allowed",
    81: "Selected N3IWF is not compatible with the allowed NSSAI",
    82: "Selected TNGF is not compatible with the allowed NSSAI",
    90: "Payload was not forwarded",
    91: "DNN not supported or not subscribed in the slice",
    92: "Insufficient user-plane resources for the PDU session",
    93: "Onboarding services terminated",
    94: "User plane positioning not authorized",
    95: "Semantically incorrect message",
    96: "Invalid mandatory information",
    97: "Message type non-existent or not implemented",
    98: "Message type not compatible with the protocol state",
    99: "Information element non-existent or not implemented",
    100: "Conditional IE error",
    101: "Message not compatible with the protocol state",
    111: "Protocol error, unspecified",
}
"""5GMM causes (TS 24.501 §9.11.3.2)."""

SM_5GS_CAUSES: dict[int, str] = {
    8: "Operator determined barring",
    26: "Insufficient resources",
    27: "Missing or unknown DNN",
    28: "Unknown PDU session type",
    29: "User authentication or authorization failed",
    31: "Request rejected, unspecified",
    32: "Service option not supported",
    33: "Requested service option not subscribed",
    35: "PTI already in use",
    36: "Regular deactivation",
    37: "5GS QoS not accepted",
    38: "Network failure",
    39: "Reactivation requested",
    41: "Semantic error in the TFT operation",
    42: "Syntactical error in the TFT operation",
    43: "Invalid PDU session identity",
    44: "Semantic errors in packet filter(s)",
    45: "Syntactical error in packet filter(s)",
    46: "Out of LADN service area",
    47: "PTI mismatch",
    50: "PDU session type IPv4 only allowed",
    51: "PDU session type IPv6 only allowed",
    54: "PDU session does not exist",
    57: "PDU session type IPv4v6 only allowed",
    58: "PDU session type Unstructured only allowed",
    59: "Unsupported 5QI value",
    61: "PDU session type Ethernet only allowed",
    67: "Insufficient resources for specific slice and DNN",
    68: "Not supported SSC mode",
    69: "Insufficient resources for specific slice",
    70: "Missing or unknown DNN in a slice",
    81: "Invalid PTI value",
    82: "Maximum data rate per UE for user-plane integrity protection is too low",
    83: "Semantic error in the QoS operation",
    84: "Syntactical error in the QoS operation",
    85: "Invalid mapped EPS bearer identity",
    86: "UAS services not allowed",
    87: "QoS differentiation for non-3GPP device identifier(s) not available",
    95: "Semantically incorrect message",
    96: "Invalid mandatory information",
    97: "Message type non-existent or not implemented",
    98: "Message type not compatible with the protocol state",
    99: "Information element non-existent or not implemented",
    100: "Conditional IE error",
    101: "Message not compatible with the protocol state",
    111: "Protocol error, unspecified",
}
"""5GSM causes (TS 24.501 §9.11.4.2)."""
