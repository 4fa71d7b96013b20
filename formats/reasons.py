"""What can become of a packet: one code each, the rows of the ledger.

Every packet that a source held ends with exactly one of these, so that summed over a run
`in = decoded + rejected + dropped + duplicate`.
"""

from typing import NamedTuple


class Reason(NamedTuple):
    """One outcome: `code` in kernels, `stage` and `name` in the ledger, `meaning` for people."""

    code: int
    stage: str
    name: str
    meaning: str


USER_PLANE = 1
GTPC = 2
GTPU_CONTROL = 3
FRAGMENT = 4
GTPC_FRAGMENT = 5
S1AP = 6
NGAP = 7
PFCP = 16
DIAMETER = 17
SCTP = 18

LINK_UNSUPPORTED = 32
LINK_TRUNCATED = 33
NOT_IP = 34
LINK_MALFORMED = 35
IP_TRUNCATED = 36
IP_MALFORMED = 37
IP_EXTENSIONS = 38
TRANSPORT_TRUNCATED = 39
TRANSPORT_MALFORMED = 40
GTPU_TRUNCATED = 41
GTPU_MALFORMED = 42
GTP_VERSION = 43
TUNNEL_DEPTH = 44
INNER_NOT_IP = 45
GTPC_TRUNCATED = 46
GTPC_MALFORMED = 47
TAG_DEPTH = 48
RECORD_DAMAGED = 49
S1AP_MALFORMED = 50
NGAP_MALFORMED = 51
PFCP_TRUNCATED = 56
PFCP_MALFORMED = 57
PFCP_VERSION = 58
DIAMETER_TRUNCATED = 59
DIAMETER_MALFORMED = 60
SCTP_TRUNCATED = 61
SCTP_MALFORMED = 62

CAPTURE_LOSS = 64
TABLE_FULL = 65

SECOND_LEG = 80
FRAME_COPY = 81

REASONS = (
    Reason(USER_PLANE, "decoded", "user_plane", "an IP packet of a subscriber, or of a link without tunnels"),
    Reason(GTPC, "decoded", "gtpc", "one or more GTP-C messages"),
    Reason(GTPU_CONTROL, "decoded", "gtpu_control", "GTP-U echo, error indication, end marker and the like"),
    Reason(FRAGMENT, "decoded", "fragment", "a later fragment of a tunnel packet: its volume is known from the first"),
    Reason(GTPC_FRAGMENT, "decoded", "gtpc_fragment", "a fragment that may carry signalling, kept for reassembly"),
    Reason(S1AP, "decoded", "s1ap", "an S1AP message"),
    Reason(NGAP, "decoded", "ngap", "an NGAP message"),
    Reason(PFCP, "decoded", "pfcp", "one or more PFCP messages"),
    Reason(SCTP, "decoded", "sctp", "SCTP without a message that is read: set-up, acknowledgements, other users"),
    Reason(DIAMETER, "decoded", "diameter", "one or more Diameter messages, or a part of one"),
    Reason(LINK_UNSUPPORTED, "rejected", "link_unsupported", "a link type that is not read"),
    Reason(LINK_TRUNCATED, "rejected", "link_truncated", "cut before the end of the link header"),
    Reason(NOT_IP, "rejected", "not_ip", "no IP packet (ARP, LLDP, PPP control, ...)"),
    Reason(LINK_MALFORMED, "rejected", "link_malformed", "a link header that contradicts itself"),
    Reason(IP_TRUNCATED, "rejected", "ip_truncated", "cut before the end of the IP header"),
    Reason(IP_MALFORMED, "rejected", "ip_malformed", "an IP header that contradicts itself"),
    Reason(IP_EXTENSIONS, "rejected", "ip_extensions", "more than 8 IPv6 extension headers"),
    Reason(TRANSPORT_TRUNCATED, "rejected", "transport_truncated", "cut before the end of the TCP or UDP header"),
    Reason(TRANSPORT_MALFORMED, "rejected", "transport_malformed", "a TCP or UDP header that contradicts itself"),
    Reason(GTPU_TRUNCATED, "rejected", "gtpu_truncated", "cut before the end of the GTP-U header"),
    Reason(GTPU_MALFORMED, "rejected", "gtpu_malformed", "a GTP-U header or extension chain that contradicts itself"),
    Reason(GTP_VERSION, "rejected", "gtp_version", "GTP version 0, GTP' or an unknown version"),
    Reason(TUNNEL_DEPTH, "rejected", "tunnel_depth", "more tunnels in tunnels than are followed (4)"),
    Reason(INNER_NOT_IP, "rejected", "inner_not_ip", "a tunnel whose content is not IP (Ethernet or unstructured PDU)"),
    Reason(GTPC_TRUNCATED, "rejected", "gtpc_truncated", "a GTP-C message cut by the snap length"),
    Reason(GTPC_MALFORMED, "rejected", "gtpc_malformed", "a GTP-C header that contradicts itself"),
    Reason(TAG_DEPTH, "rejected", "tag_depth", "more than 8 VLAN tags or MPLS labels"),
    Reason(RECORD_DAMAGED, "rejected", "record_damaged", "a capture record whose lengths cannot be"),
    Reason(S1AP_MALFORMED, "rejected", "s1ap_malformed", "octets that do not begin as an S1AP message"),
    Reason(NGAP_MALFORMED, "rejected", "ngap_malformed", "octets that do not begin as an NGAP message"),
    Reason(PFCP_TRUNCATED, "rejected", "pfcp_truncated", "a PFCP message that ends within its header"),
    Reason(PFCP_MALFORMED, "rejected", "pfcp_malformed", "a PFCP header that contradicts itself"),
    Reason(PFCP_VERSION, "rejected", "pfcp_version", "a version of PFCP other than 1"),
    Reason(DIAMETER_TRUNCATED, "rejected", "diameter_truncated", "a Diameter message that ends within its header"),
    Reason(DIAMETER_MALFORMED, "rejected", "diameter_malformed", "a Diameter header that contradicts itself"),
    Reason(SCTP_TRUNCATED, "rejected", "sctp_truncated", "an SCTP packet cut by the snap length"),
    Reason(SCTP_MALFORMED, "rejected", "sctp_malformed", "an SCTP packet whose chunks contradict themselves"),
    Reason(CAPTURE_LOSS, "dropped", "capture_loss", "lost before the file was written, as the capture itself says"),
    Reason(TABLE_FULL, "dropped", "table_full", "no room in a table of fixed size"),
    Reason(SECOND_LEG, "duplicate", "second_leg", "the same user packet on the other side of a gateway"),
    Reason(FRAME_COPY, "duplicate", "frame_copy", "the same frame captured once more, as SPAN ports do"),
)
BY_CODE = {reason.code: reason for reason in REASONS}
CODES = 96
"""Length of an array that is indexed by reason code."""
