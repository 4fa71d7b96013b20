"""The rows that S1AP (TS 36.413) and NGAP (TS 38.413) messages become, each a structured dtype declared once.

    RAN_MESSAGE     a message with its identities
    RAN_BEARER      an item of one of its lists of E-RABs or PDU sessions, or a further tunnel of that item
    QOS_FLOW        a QoS flow of a PDU session
    NAS_PDU         where a NAS message lies
    RAN_CONNECTION  a UE-associated connection of a partial reset

Addresses, digits and cells are coded as in `formats.addresses`; tracking areas as cells of CELL_TAI (TAC of 16 or 24
bits). A node is coded as a cell with NODE_* for its kind: 36 bits of eNB or N3IWF identity; for a gNB the identity in
the low 32 bits and its length - 22 in the 4 above them; for an RNC the LAC and 16 bits of identity.
"""

from enum import IntEnum

import numpy as np

S1AP = 1
NGAP = 2
"""`protocol`."""

INITIATING = 0
SUCCESSFUL = 1
UNSUCCESSFUL = 2
"""`pdu`: initiatingMessage, successfulOutcome, unsuccessfulOutcome."""

NODE_MACRO_ENB = 1
NODE_HOME_ENB = 2
NODE_SHORT_MACRO_ENB = 3
NODE_LONG_MACRO_ENB = 4
NODE_GNB = 5
NODE_MACRO_NG_ENB = 6
NODE_SHORT_MACRO_NG_ENB = 7
NODE_LONG_MACRO_NG_ENB = 8
NODE_N3IWF = 9
NODE_RNC = 10

RADIO = 0
TRANSPORT = 1
NAS = 2
PROTOCOL = 3
MISC = 4
"""`cause_group`: the alternatives of Cause, the same in both protocols."""

ASSOCIATION_ABORTED = 0
ASSOCIATION_SHUT_DOWN = 1
"""`pdu` of a row that tells no message but that its association has ended."""

RESET_ALL = 0
RESET_PART = 1
"""`reset_type`."""


class Kind(IntEnum):
    """What list a RAN_BEARER stands in; the names are those of E-RABs and PDU sessions alike."""

    NONE = 0
    SETUP_REQUEST = 1  # to be set up: InitialContextSetup, E-RABSetup, PDUSessionResourceSetup
    SETUP_RESPONSE = 2
    SETUP_FAILED = 3
    MODIFY_REQUEST = 4
    MODIFY_RESPONSE = 5
    MODIFY_FAILED = 6
    RELEASE_COMMAND = 7
    RELEASE_RESPONSE = 8
    RELEASE_FAILED = 9
    RELEASED = 10  # by the RAN (release indication, notify)
    SWITCH_DOWN = 11  # PathSwitchRequest: to be switched, downlink tunnels
    SWITCH_UP = 12  # its answer: switched, uplink tunnels where they change
    SWITCH_FAILED = 13  # in the request: failed to set up at the target
    HANDOVER_REQUIRED = 14
    HANDOVER_REQUEST = 15
    ADMITTED = 16
    NOT_ADMITTED = 17
    HANDOVER_COMMAND = 18  # handed over; forwarding tunnels
    HANDOVER_RELEASE = 19  # HandoverCommand: not handed over, to be released
    MODIFY_INDICATION = 20  # by the RAN (dual connectivity)
    NOT_MODIFIED = 21  # E-RABs that such an indication leaves as they are
    MODIFY_CONFIRM = 22
    MODIFY_NOT_CONFIRMED = 23
    NOTIFY = 24  # QoS flows that are, or are not, fulfilled
    CONTEXT_RELEASE_REQUEST = 25  # active when the release was asked for
    CONTEXT_RELEASE_COMPLETE = 26  # had resources when they were released
    SUSPEND = 27
    RESUME_REQUEST = 28
    RESUME_RESPONSE = 29
    RESUME_FAILED = 30
    SWITCH_RELEASED = 31  # in the answer to a path switch: not switched, to be released


class Tunnel(IntEnum):
    """Which tunnel the address and TEID of a RAN_BEARER are an end of."""

    NONE = 0
    UP = 1  # endpoint in the core: uplink packets go there
    DOWN = 2  # endpoint in the RAN
    MORE_UP = 3  # a further one beside it, for flows or legs of their own
    MORE_DOWN = 4
    FORWARD_DOWN = 5  # forwarding during a handover, of downlink packets
    FORWARD_UP = 6


class FlowKind(IntEnum):
    """What list a QOS_FLOW stands in."""

    NONE = 0
    SETUP_REQUEST = 1
    MODIFY_REQUEST = 2  # to be added or modified
    RELEASE_COMMAND = 3
    ASSOCIATED = 4  # set up, on the tunnel of its RAN_BEARER row
    MODIFIED = 5
    CONFIRMED = 6
    ACCEPTED = 7  # at the target of a path switch
    ADMITTED = 8  # at the target of a handover
    FORWARDED = 9
    FAILED = 10
    RELEASED = 11
    NOTIFIED = 12  # `state` tells of what
    RESUME_FAILED = 13


RAN_MESSAGE = np.dtype(
    [
        # for the caller to fill, 0
        ("ts", "i8"),
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("association", "i8"),
        # identities
        ("core_ue_id", "i8"),  # MME-UE-S1AP-ID, AMF-UE-NGAP-ID; -1 where absent
        ("ran_ue_id", "i8"),  # eNB-UE-S1AP-ID, RAN-UE-NGAP-ID; -1
        ("other_core_ue_id", "i8"),  # that of the source in a PathSwitchRequest, else the new one; -1
        ("cell", "u8"),  # E-CGI or NR-CGI of the device
        ("area", "u8"),  # TAI of the device; the first of those that are paged, or served by a node
        ("node", "u8"),  # Global eNB ID, Global RAN Node ID
        ("target_node", "u8"),  # of a handover
        ("target_area", "u8"),
        ("target_cell", "u8"),  # of a handover to GERAN, or within the system
        ("source_cell", "u8"),  # of a handover within the system
        ("s_tmsi", "i8"),  # MMEC 8 | M-TMSI 32, or AMF Set ID 10 | AMF Pointer 6 | 5G-TMSI 32 (TS 23.003 §2.8, §2.11)
        ("core_node", "i8"),  # GUMMEI or GUAMI: PLMN 24 | MMEI or AMF identifier 24; -1
        ("imsi", "u8"),  # digits, of a paging by IMSI
        ("ambr_up_bps", "i8"),  # UE aggregate maximum bit rate, -1
        ("ambr_down_bps", "i8"),
        # rows of this message in the other arrays
        ("first_bearer", "i4"),
        ("first_flow", "i4"),
        ("first_nas", "i4"),
        ("first_connection", "i4"),
        ("bearer_count", "i2"),
        ("flow_count", "i2"),
        ("nas_count", "i2"),
        ("connection_count", "i2"),
        # small fields, -1 where absent
        ("cause", "i2"),  # index within its group, `formats.s1ap_causes`, `formats.ngap_causes`
        ("cause_group", "i1"),  # RADIO, TRANSPORT, NAS, PROTOCOL, MISC
        ("establishment_cause", "i1"),  # RRC: `formats.s1ap`, `formats.ngap`
        ("handover_type", "i1"),
        ("reset_type", "i1"),
        ("rrc_state", "i1"),  # 0 inactive, 1 connected
        ("protocol", "u1"),  # S1AP, NGAP
        ("procedure", "u1"),  # procedure code
        ("pdu", "u1"),  # INITIATING, SUCCESSFUL, UNSUCCESSFUL
        ("damage", "u1"),  # 1: a part was cut, contradicted itself or did not fit; all else was kept
    ],
    align=True,
)

RAN_BEARER = np.dtype(
    [
        ("hi", "u8"),  # the IPv4 address of the tunnel, the IPv6 address where there is no other
        ("lo", "u8"),
        ("v6_hi", "u8"),  # the IPv6 address where both are present
        ("v6_lo", "u8"),
        ("teid", "i8"),  # -1 where absent
        ("gbr_up_bps", "i8"),  # guaranteed, of an E-RAB; -1
        ("gbr_down_bps", "i8"),
        ("ambr_up_bps", "i8"),  # aggregate maximum, of a PDU session; -1
        ("ambr_down_bps", "i8"),
        ("message", "i4"),  # row of RAN_MESSAGE
        ("first_flow", "i4"),  # rows of QOS_FLOW: of the item, on whichever of its tunnels
        ("sd", "i4"),  # slice differentiator, -1
        ("flow_count", "i2"),
        ("id", "i2"),  # E-RAB ID, PDU Session ID; -1
        ("qci", "i2"),  # QCI; 5QI of the first flow that tells one; -1
        ("cause", "i2"),  # -1
        ("sst", "i2"),  # slice/service type, -1
        ("cause_group", "i1"),
        ("arp_priority", "i1"),  # 1 to 15, of the E-RAB or the first flow; -1
        ("qfi", "i1"),  # of the first flow; -1
        ("session_type", "i1"),  # 1 IPv4, 2 IPv6, 3 IPv4v6, 4 unstructured, 5 Ethernet (as a PDN type); -1
        ("kind", "u1"),  # Kind
        ("tunnel", "u1"),  # Tunnel
        ("more", "u1"),  # 1: a further tunnel of the item of the row before; items are the rows with 0
    ],
    align=True,
)

QOS_FLOW = np.dtype(
    [
        ("gbr_up_bps", "i8"),  # guaranteed flow bit rate, -1
        ("gbr_down_bps", "i8"),
        ("bearer", "i4"),  # row of RAN_BEARER: the item, or that further tunnel of it which carries the flow
        ("five_qi", "i2"),  # -1
        ("cause", "i2"),  # -1
        ("cause_group", "i1"),
        ("qfi", "i1"),
        ("arp_priority", "i1"),  # -1
        ("state", "i1"),  # NOTIFIED: 0 fulfilled, 1 not fulfilled; -1
        ("kind", "u1"),  # FlowKind
    ],
    align=True,
)

NAS_PDU = np.dtype(
    [
        ("offset", "i8"),  # octet in the data that were decoded, or in `whole`
        ("length", "i4"),  # octets
        ("message", "i4"),  # row of RAN_MESSAGE
        ("bearer", "i4"),  # row of RAN_BEARER, -1: of the message
        ("whole", "u1"),  # 1: offset counts in `Ran.whole`, where fragments were put together
    ],
    align=True,
)

RAN_CONNECTION = np.dtype([("core_ue_id", "i8"), ("ran_ue_id", "i8")])  # -1 where absent
