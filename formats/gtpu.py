"""GTP-U: header, message types, extension headers, information elements (TS 29.281), PDU Session Container (TS 38.415).

Offsets count octets from the start of the header.
"""

PORT_GTPC = 2123
PORT_GTPU = 2152
PORT_GTP_PRIME = 3386  # GTP version 0 and GTP'

GTPU_HEADER = 8
GTPU_OPTIONAL = 4  # sequence number, N-PDU number, next extension: there if any of E, S, PN is set
GTPU_TYPE = 1
GTPU_LENGTH = 2
GTPU_TEID = 4
GTPU_SEQUENCE = 8
GTPU_NEXT_EXTENSION = 11

GTPU_FIXED_BITS = 0xF8  # version, protocol type, spare
GTPU_FIXED = 0x30  # version 1, GTP (not GTP'), spare bit 0
GTPU_E = 0x04
GTPU_S = 0x02
GTPU_OPTIONAL_BITS = 0x07

ECHO_REQUEST = 1
ECHO_RESPONSE = 2
ERROR_INDICATION = 26
SUPPORTED_EXTENSION_HEADERS = 31
TUNNEL_STATUS = 253
END_MARKER = 254
G_PDU = 255

EXTENSIONS = 16
"""Extension headers that are followed; a longer chain is malformed."""
EXTENSION_UNIT = 4  # octets that one count of an extension header's length stands for
EXTENSION_NONE = 0x00
EXTENSION_PDU_SESSION_CONTAINER = 0x85
PDU_TYPE_DOWNLINK = 0
PDU_TYPE_UPLINK = 1
QFI_MASK = 0x3F

IE_RECOVERY = 14
IE_RECOVERY_LENGTH = 2
IE_TEID_DATA_I = 16
IE_TEID_DATA_I_LENGTH = 5
IE_PEER_ADDRESS = 133
IE_TLV = 0x80  # from this type on a two-octet length follows the type
IE_TLV_HEADER = 3
IES = 16
"""Information elements of an Error Indication that are looked at."""

TUNNELS = 4
"""Tunnels in tunnels that are followed."""

GTP0_HEADER = 20
GTP_PRIME_HEADER = 6
GTP_PRIME_VERSION = 2  # the highest version of GTP'
