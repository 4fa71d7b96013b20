"""Rows of decoded PFCP, each a structured dtype declared once.

    PFCP_MESSAGE  a message with its identities; what it says of rules are rows of the others
    PFCP_PDR      a packet detection rule, or a traffic endpoint that such rules share
    PFCP_FAR      a forwarding action rule
    PFCP_QER      a QoS enforcement rule
    PFCP_USAGE    a usage report

Addresses and digits are coded as in `formats.addresses`; a pair of `hi`, `lo` with a second pair `v6_hi`, `v6_lo` is
coded as in `formats.records.FTEID`: the IPv4 address first where there are both. Times are int64 nanoseconds since 1970
UTC. -1 is absent, 0 for addresses and hashes, all ones for digits.
"""

import numpy as np

from formats.addresses import NO_DIGITS

# What a message does with a rule.
CREATE = 1  # Create PDR, Create FAR, Create QER, Create Traffic Endpoint
UPDATE = 2  # Update ...
CREATED = 3  # Created PDR, Created Traffic Endpoint, Updated PDR: the answer of the user plane
REMOVE = 4  # Remove ...

RULE_IDS = 4
"""QER and URR identities that a PDR row keeps; the counts say how many there were."""

NO_SIDE = 0
CP_SIDE = 1
UP_SIDE = 2

PFCP_MESSAGE = np.dtype(
    [
        ("ts", "i8"),
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("seid", "u8"),  # of the header; has_seid tells whether there is one
        ("fseid", "u8"),  # SEID of the F-SEID; fseid_side tells whose it is
        ("fseid_hi", "u8"),
        ("fseid_lo", "u8"),
        ("fseid_v6_hi", "u8"),
        ("fseid_v6_lo", "u8"),
        ("node_hi", "u8"),  # Node ID that is an address
        ("node_lo", "u8"),
        ("node_hash", "u8"),  # Node ID that is a name (lower case)
        ("imsi", "u8"),  # digits, of User ID
        ("imei", "u8"),  # digits, IMEI or IMEISV
        ("msisdn", "u8"),  # digits
        ("apn_hash", "u8"),  # APN/DNN: of the lower-cased network identifier
        ("ue_ipv6_hi", "u8"),  # the first UE IP Address of the message, wherever it stands
        ("ue_ipv6_lo", "u8"),
        ("remote_hi", "u8"),  # Error Indication Report: the F-TEID that is unknown; path failure or recovery: the peer
        ("remote_lo", "u8"),
        ("remote_v6_hi", "u8"),
        ("remote_v6_lo", "u8"),
        ("remote_teid", "i8"),  # Error Indication Report
        ("ue_ipv4", "i8"),
        ("recovery", "i8"),  # Recovery Time Stamp, ns
        ("failed_rule_id", "i8"),  # Failed Rule ID
        ("sequence", "i4"),
        ("report_pdr", "i4"),  # Downlink Data Report: the first PDR
        ("offending_ie", "i4"),
        ("sd", "i4"),  # S-NSSAI: slice differentiator
        ("apn_offset", "i4"),  # of the network identifier (dotted, lower case, operator identifier cut) in `text`
        ("node_offset", "i4"),  # of the name of the Node ID in `text`
        ("text_offset", "i4"),  # of all text of the message
        ("text_length", "i4"),
        ("first_pdr", "i4"),  # row in the PFCP_PDR array
        ("first_far", "i4"),
        ("first_qer", "i4"),
        ("first_usage", "i4"),
        ("pdr_count", "i2"),
        ("far_count", "i2"),
        ("qer_count", "i2"),
        ("usage_count", "i2"),
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("apn_length", "i2"),
        ("node_length", "i2"),
        ("cause", "i2"),
        ("sst", "i2"),  # S-NSSAI: slice/service type
        ("rat", "i2"),  # RAT Type, numbers of TS 29.274 §8.17
        ("report_type", "i2"),  # bits
        ("node_report", "i2"),  # Node Report Type, bits
        ("request_flags", "i2"),  # PFCPSMReq-Flags, of the message or of a FAR in it
        ("failed_rule_type", "i1"),  # 0 PDR, 1 FAR, 2 QER, 3 URR, 4 BAR, 5 MAR, 6 SRR
        ("pdn_type", "i1"),  # 1 IPv4, 2 IPv6, 3 IPv4v6, 4 non-IP, 5 Ethernet
        ("priority", "i1"),  # message priority of the header
        ("node_type", "i1"),  # 0 IPv4, 1 IPv6, 2 FQDN
        ("request", "i1"),  # 1 a request, 0 a response, -1 an unknown type
        ("fseid_side", "u1"),  # CP_SIDE, UP_SIDE; 0 without F-SEID
        ("has_seid", "u1"),
        ("type", "u1"),
        ("follow_on", "u1"),  # 1: a later message of the same datagram
        ("damage", "u1"),  # 1: an element reached past the end or was too short; what came before it was kept
    ],
    align=True,
)

PFCP_PDR = np.dtype(
    [
        ("hi", "u8"),  # Local F-TEID: this user plane's end of a tunnel
        ("lo", "u8"),
        ("v6_hi", "u8"),
        ("v6_lo", "u8"),
        ("ue_ipv6_hi", "u8"),
        ("ue_ipv6_lo", "u8"),
        ("network_hash", "u8"),  # Network Instance (lower case, operator identifier cut)
        ("teid", "i8"),  # NO_TEID where absent or still to be chosen
        ("ue_ipv4", "i8"),
        ("precedence", "i8"),
        ("far_id", "i8"),
        ("qer_ids", "i8", (RULE_IDS,)),
        ("urr_ids", "i8", (RULE_IDS,)),
        ("pdr_id", "i4"),  # -1: the row is a traffic endpoint
        ("network_offset", "i4"),  # in `text`
        ("network_length", "i2"),  # 0: absent, or the text of the message was full
        ("qer_count", "i2"),
        ("urr_count", "i2"),
        ("endpoint_id", "i2"),  # Traffic Endpoint ID
        ("choose_id", "i2"),
        ("ue_flags", "i2"),  # first octet of UE IP Address; bit 3 (0x04): the address is the destination
        ("removal", "i2"),  # Outer Header Removal description
        ("source_interface", "i1"),
        ("source_type", "i1"),  # 3GPP Interface Type
        ("qfi", "i1"),  # the first QFI of the PDI
        ("to_choose", "u1"),  # 1: the user plane is asked to choose the F-TEID
        ("action", "u1"),
    ],
    align=True,
)

PFCP_FAR = np.dtype(
    [
        ("hi", "u8"),  # Outer Header Creation: the far end of the tunnel
        ("lo", "u8"),
        ("v6_hi", "u8"),
        ("v6_lo", "u8"),
        ("network_hash", "u8"),
        ("far_id", "i8"),
        ("teid", "i8"),
        ("apply_action", "i4"),  # first octet above the second: formats.pfcp.APPLY_*
        ("header", "i4"),  # Outer Header Creation description: formats.pfcp.HEADER_*
        ("port", "i4"),
        ("network_offset", "i4"),
        ("network_length", "i2"),
        ("endpoint_id", "i2"),  # Linked Traffic Endpoint ID
        ("request_flags", "i2"),  # PFCPSMReq-Flags
        ("destination_interface", "i1"),
        ("destination_type", "i1"),  # 3GPP Interface Type
        ("action", "u1"),
    ],
    align=True,
)

PFCP_QER = np.dtype(
    [
        ("qer_id", "i8"),
        ("mbr_up_kbps", "i8"),
        ("mbr_down_kbps", "i8"),
        ("gbr_up_kbps", "i8"),
        ("gbr_down_kbps", "i8"),
        ("qfi", "i1"),
        ("gate_up", "i1"),  # 0 open, 1 closed
        ("gate_down", "i1"),
        ("action", "u1"),
    ],
    align=True,
)

PFCP_USAGE = np.dtype(
    [
        ("urr_id", "i8"),
        ("report", "i8"),  # UR-SEQN
        ("bytes", "i8"),
        ("bytes_up", "i8"),
        ("bytes_down", "i8"),
        ("packets", "i8"),
        ("packets_up", "i8"),
        ("packets_down", "i8"),
        ("duration_s", "i8"),
        ("start", "i8"),  # ns
        ("end", "i8"),
        ("first_packet", "i8"),
        ("last_packet", "i8"),
        ("trigger", "i4"),  # octets 5, 6, 7 of Usage Report Trigger as bits 16-23, 8-15, 0-7
        ("source", "u1"),  # 78, 79 or 80: the type of the element
    ],
    align=True,
)


def _blank(dtype: np.dtype, zero: tuple[str, ...], digits: tuple[str, ...] = ()) -> np.ndarray:
    """One row with every field absent: -1 in signed fields but those of `zero`, no digits in those of `digits`."""
    row = np.zeros(1, dtype)
    for name in dtype.names or ():
        if name in digits:
            row[name] = NO_DIGITS
        elif dtype[name].base.kind == "i" and name not in zero:
            row[name] = -1
    return row


BLANK_MESSAGE = _blank(
    PFCP_MESSAGE,
    zero=(
        "ts", "text_offset", "text_length", "apn_offset", "apn_length", "node_offset", "node_length",
        "first_pdr", "first_far", "first_qer", "first_usage", "pdr_count", "far_count", "qer_count", "usage_count",
    ),
    digits=("imsi", "imei", "msisdn"),
)  # fmt: skip
BLANK_PDR = _blank(PFCP_PDR, zero=("network_offset", "network_length", "qer_count", "urr_count"))
BLANK_FAR = _blank(PFCP_FAR, zero=("network_offset", "network_length"))
BLANK_QER = _blank(PFCP_QER, zero=())
BLANK_USAGE = _blank(PFCP_USAGE, zero=())
"""The rows that tell nothing; each has length 1."""
