"""IPv4, IPv6, TCP, UDP: offsets, protocol numbers, flags, and the QUIC versions that are recognised.

Sources: RFC 791, RFC 8200, RFC 9293, RFC 7323, RFC 768, RFC 9000 §17.2, RFC 9369, IANA protocol numbers.
Offsets count octets from the start of the header that they name.
"""

FAMILY_ANY = 0  # the link layer does not tell; the version nibble does
FAMILY_IPV4 = 4
FAMILY_IPV6 = 6

IPV4_HEADER = 20
IPV4_TOTAL_LENGTH = 2
IPV4_IDENTIFICATION = 4
IPV4_FRAGMENT = 6
IPV4_TTL = 8
IPV4_PROTOCOL = 9
IPV4_SOURCE = 12
IPV4_DESTINATION = 16
IPV4_MORE = 0x2000
IPV4_FRAGMENT_OFFSET = 0x1FFF  # in units of 8 octets

IPV6_HEADER = 40
IPV6_PAYLOAD_LENGTH = 4
IPV6_NEXT_HEADER = 6
IPV6_HOP_LIMIT = 7
IPV6_SOURCE = 8
IPV6_DESTINATION = 24
IPV6_EXTENSIONS = 8
"""Extension headers that are followed."""
IPV6_FRAGMENT_OFFSET = 2
IPV6_FRAGMENT_IDENTIFICATION = 4
IPV6_FRAGMENT_HEADER = 8

HOP_BY_HOP = 0
TCP = 6
UDP = 17
ROUTING = 43
FRAGMENT_HEADER = 44
AUTHENTICATION = 51
NO_NEXT_HEADER = 59
DESTINATION_OPTIONS = 60
SCTP = 132
MOBILITY = 135
HIP = 139
SHIM6 = 140

FRAGMENT_MORE = 1
"""A fragment's place as one number: its offset in octets (a multiple of 8), and this bit while more follow."""
FRAGMENT_LATER = 8
"""The place of a later fragment is at least this."""

UDP_HEADER = 8
UDP_LENGTH = 4

TCP_HEADER = 20
TCP_SEQUENCE = 4
TCP_ACKNOWLEDGEMENT = 8
TCP_DATA_OFFSET = 12
TCP_FLAGS = 13
TCP_WINDOW = 14
TCP_SYN = 0x02
TCP_OPTION_END = 0
TCP_OPTION_NOP = 1
TCP_OPTION_MSS = 2
TCP_OPTION_MSS_LENGTH = 4
TCP_OPTION_WINDOW_SCALE = 3
TCP_OPTION_WINDOW_SCALE_LENGTH = 3
TCP_WINDOW_SHIFT_MOST = 14  # RFC 7323 §2.3: a larger shift is used as 14

QUIC_LONG_HEADER = 0xC0  # header form and fixed bit
QUIC_VERSION = 1
QUIC_LEAST = 5  # octets up to the end of the version
QUIC_1 = 0x00000001
QUIC_2 = 0x6B3343CF
QUIC_DRAFT_FIRST = 0xFF00001D  # draft-29
QUIC_DRAFT_LAST = 0xFF000022  # draft-34
QUIC_GOOGLE = 0x5130  # "Q0", then two digits: the versions of gQUIC
