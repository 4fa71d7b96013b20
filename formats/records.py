"""The rows that pass between kernels, each a structured dtype declared once.

    RECORD   where a captured packet lies in a block, when it was taken        (walk -> parse)
    PACKET   a packet with the headers that matter, one or two cache lines     (parse -> update)
    MESSAGE  a GTP-C message with its identities; its bearer contexts and F-TEIDs are rows of BEARER and FTEID
    PIECE    a fragment of an IP packet that may carry signalling              (parse -> reassembly)

Addresses, digits and cells are coded as in `formats.addresses`. Times are int64 nanoseconds since 1970 UTC.
"""

import numpy as np

RECORD = np.dtype(
    [
        ("ts", "i8"),  # ns since 1970 UTC
        ("offset", "i8"),  # octet of the first captured byte in the block's data
        ("captured", "i4"),  # octets captured
        ("wire", "i4"),  # octets on the wire
        ("link", "i4"),  # LINKTYPE of the interface
        ("source", "i4"),  # index of the source in the run
    ]
)

# What became of a packet and why: `formats.reasons`. `kind` tells the update stage what to do with it.
KIND_NONE = 0  # rejected, or decoded and of no further use
KIND_USER = 1  # an IP packet of a subscriber (in a tunnel) or of a plain link
KIND_MESSAGES = 2  # GTP-C: rows first_message .. first_message + message_count of the MESSAGE array
# GTP-U without a user packet: echo, error indication, end marker, an empty G-PDU (gtpu_type). outer_* are the addresses
# and src_port, dst_port the ports of the message; src, dst the same addresses. teid is that of its header, tunnel_hash
# is over outer_dst and teid; seq is the sequence number of an echo. In an error indication (26) teid is the TEID that
# is unknown, src the address that had received it (GTP-U Peer Address), and tunnel_hash is over these two.
KIND_TUNNEL = 3
# A fragment that may carry signalling: row first_message of the PIECE array. Reason GTPC_FRAGMENT for a first one on
# the GTP-C port; FRAGMENT for a later one, which only the first can tell apart from user data (`fragment` is 1).
KIND_PIECE = 4

# Signalling whose transport has a memory (SCTP, Diameter in TCP) or that only the next stage reads (PFCP): `at` is the
# octet of the SCTP header, or of the payload of UDP, in the block's data, and `window` how much of it was captured.
KIND_SIGNALLING = 5

NO_TEID = -1

PACKET = np.dtype(
    [
        # line 1: identity and time
        ("ts", "i8"),
        ("flow_hash", "u8"),  # of the inner addresses, ports, protocol; the same both ways
        ("tunnel_hash", "u8"),  # of outer destination and TEID; 0 without a tunnel
        ("src_hi", "u8"),  # innermost IP
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("shard_hash", "u4"),  # of the inner addresses only, the same both ways
        ("src_port", "u2"),  # 0 for protocols without ports and for later fragments
        ("dst_port", "u2"),
        # line 2
        ("outer_src_hi", "u8"),  # outermost IP, 0 without a tunnel
        ("outer_src_lo", "u8"),
        ("outer_dst_hi", "u8"),
        ("outer_dst_lo", "u8"),
        ("teid", "i8"),  # of the outermost tunnel, NO_TEID without
        ("seq", "u4"),  # TCP
        ("ack", "u4"),  # TCP
        ("length", "i4"),  # octets of the innermost IP packet by its header
        ("payload", "i4"),  # octets of transport payload by the headers; first_message for KIND_MESSAGES and KIND_PIECE
        # line 3: small fields
        ("wire", "i4"),  # octets on the wire of the captured frame
        ("source", "i4"),
        ("window", "i4"),  # TCP window as sent (unscaled); message_count for KIND_MESSAGES
        ("ip_id", "u2"),  # innermost IPv4 identification, 0 for IPv6
        ("mss", "u2"),  # TCP option of a SYN, 0 where absent
        ("kind", "u1"),
        ("reason", "u1"),  # formats.reasons
        ("ip_protocol", "u1"),
        ("tcp_flags", "u1"),
        ("window_shift", "i1"),  # TCP option of a SYN, -1 where absent
        ("qfi", "i1"),  # PDU session container, -1 where absent
        ("pdu_type", "i1"),  # PDU session container: 0 downlink, 1 uplink, -1 where absent
        ("gtpu_type", "u1"),  # message type of the outermost GTP-U header, 0 without
        ("depth", "u1"),  # tunnels around the innermost IP packet
        ("quic", "u1"),  # 1: the UDP payload starts with a QUIC long header of a known version (RFC 9000 §17.2)
        ("fragment", "u1"),  # 1: a later fragment of the innermost packet (no ports)
        ("ttl", "u1"),  # innermost TTL or hop limit
        # KIND_SIGNALLING, and TCP segments of Diameter: where its octets lie
        ("at", "i4"),
    ],
    align=True,
)

EVENT_RAN = 1  # row of RAN_MESSAGE
EVENT_PFCP = 2  # row of PFCP_MESSAGE
EVENT_DIAMETER = 3  # row of DIAMETER_MESSAGE
EVENT_ASSOCIATION_END = 4  # row of RAN_MESSAGE, of which only the association, addresses, time and PDU are told

EVENT = np.dtype(
    [
        ("position", "i4"),  # of the packet that completed the message, in the order of the packets
        ("row", "i4"),
        ("kind", "u1"),  # EVENT_*
    ],
    align=True,
)
"""A message of signalling that the assembling stage read, for the update stage to apply."""

MESSAGE = np.dtype(
    [
        ("ts", "i8"),
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("imsi", "u8"),  # digits
        ("msisdn", "u8"),  # digits
        ("imei", "u8"),  # digits, IMEI or IMEISV
        ("cell", "u8"),  # the finest identity that the ULI/RAI gives: ECGI, CGI, SAI, TAI, RAI
        ("area", "u8"),  # TAI or RAI beside it, coded as a cell
        ("ue_ipv6_hi", "u8"),  # PAA / End User Address: prefix and interface identifier, 0 where absent
        ("ue_ipv6_lo", "u8"),
        ("apn_hash", "u8"),  # of the lower-cased network identifier, 0 where absent
        ("teid", "i8"),  # of the header, NO_TEID where the header carries none
        ("ue_ipv4", "i8"),  # -1 where absent
        ("indication", "i8"),  # GTPv2 Indication octets 5-8 as a big-endian 32-bit number, 0 where absent
        ("charging_id", "i8"),  # -1 where absent
        ("sequence", "i4"),
        ("apn_offset", "i4"),  # of the network identifier (dotted, lower case, operator identifier cut) in `text`
        ("first_bearer", "i4"),  # row in the BEARER array
        ("first_fteid", "i4"),  # row in the FTEID array: the F-TEIDs of the message and of all its bearer contexts
        ("serving_plmn", "i4"),  # 24 bits as in a cell, -1 where absent
        ("ambr_up_kbps", "i8"),  # -1 where absent
        ("ambr_down_kbps", "i8"),
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("apn_length", "i2"),
        ("bearer_count", "i2"),
        ("fteid_count", "i2"),
        ("cause", "i2"),  # -1 where absent
        ("error_teid_count", "i2"),
        ("version", "u1"),  # 1 or 2
        ("type", "u1"),
        ("rat", "u1"),  # TS 29.274 §8.17 numbers (GTPv1 numbers 1-6 are the same), 0 where absent
        ("ebi", "i1"),  # message-level EBI (linked bearer) or NSAPI, -1 where absent
        ("linked_ebi", "i1"),  # GTPv1: second NSAPI; -1 where absent
        ("qci", "i2"),  # GTPv1: mapped from the QoS profile (TS 23.401 Annex E); -1 where absent
        ("pdn_type", "i1"),  # 1 IPv4, 2 IPv6, 3 IPv4v6, 4 non-IP, 5 Ethernet; -1 where absent
        ("recovery", "i2"),  # restart counter, -1 where absent
        ("ran_cause_protocol", "i1"),  # RAN/NAS cause: 1 S1AP, 2 EMM, 3 ESM, 4 Diameter, 5 IKEv2; -1 where absent
        ("ran_cause_group", "i1"),  # S1AP: 0 radio, 1 transport, 2 NAS, 3 protocol, 4 misc
        ("ran_cause", "i4"),  # -1 where absent
        ("cause_remote", "i1"),  # GTPv2 cause source bit CS, 0 where absent
        ("teardown", "i1"),  # GTPv1 teardown indication: 1 yes, 0 no, -1 absent
        ("piggyback", "u1"),  # 1: a later message of the same datagram
        ("damage", "u1"),  # 1: an element reached past the end; what came before it was kept
        ("pdn_address_count", "u1"),
        ("selection_mode", "i1"),  # -1 where absent
    ],
    align=True,
)

BEARER = np.dtype(
    [
        ("charging_id", "i8"),
        ("ebi", "i2"),  # EBI or NSAPI, -1 where absent
        ("cause", "i2"),  # -1 where absent
        ("qci", "i2"),  # -1 where absent
        ("arp_priority", "i2"),  # -1 where absent
        ("instance", "i2"),  # of the Bearer Context: 0 created/modified, 1 removed
        ("gbr_up_kbps", "i8"),  # -1 where absent
        ("gbr_down_kbps", "i8"),
    ],
    align=True,
)

FTEID = np.dtype(
    [
        ("hi", "u8"),  # IPv6 where there is no IPv4, else the IPv4 address
        ("lo", "u8"),
        ("v6_hi", "u8"),  # the IPv6 address where both are present
        ("v6_lo", "u8"),
        ("teid", "i8"),
        ("bearer", "i2"),  # ordinal of the bearer context within the message, -1: of the message itself
        ("interface", "u1"),  # TS 29.274 §8.22; GTPv1 user plane: FTEID_GN_*, control plane: FTEID_GN_C_*
        ("instance", "u1"),
    ],
    align=True,
)

# GTPv1-C has no interface type in its elements: the decoder tells by message and position.
FTEID_GN_SGSN_U = 200  # TEID Data I with the second GSN address of a request of the SGSN (or RNC: direct tunnel)
FTEID_GN_GGSN_U = 201
FTEID_GN_SGSN_C = 202
FTEID_GN_GGSN_C = 203
# NGAP has none either.
FTEID_N3_RAN = 204
FTEID_N3_UPF = 205

PIECE_OCTETS = 2048

PIECE = np.dtype(
    [
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("ts", "i8"),
        ("identification", "i8"),
        ("offset", "i4"),  # octet in the reassembled transport payload
        ("length", "i4"),  # octets in data
        ("more", "u1"),  # more fragments follow
        ("ip_protocol", "u1"),
        ("data", "u1", (PIECE_OCTETS,)),
    ],
    align=True,
)
