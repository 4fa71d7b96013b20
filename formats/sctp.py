"""SCTP (RFC 9260): headers, chunks, payload protocols, and the rows of its state.

    SCTP_DIRECTION  one direction of an association             found by ports and verification tag
    SCTP_PIECE      a fragment that waits for its neighbours     found by direction and TSN
    SCTP_MESSAGE    a user message that is whole                 (kernels.sctp -> the decoder of its payload protocol)

Offsets count octets from the start of the header or chunk that they name.
"""

import numpy as np

COMMON_HEADER = 12
VERIFICATION_TAG = 4

CHUNK_HEADER = 4
CHUNK_LENGTH = 2

DATA = 0
INIT = 1
INIT_ACK = 2
SACK = 3
HEARTBEAT = 4
ABORT = 6
SHUTDOWN = 7
SHUTDOWN_COMPLETE = 14
I_DATA = 64

CHUNKS: dict[int, str] = {
    0: "DATA",
    1: "INIT",
    2: "INIT ACK",
    3: "SACK",
    4: "HEARTBEAT",
    5: "HEARTBEAT ACK",
    6: "ABORT",
    7: "SHUTDOWN",
    8: "SHUTDOWN ACK",
    9: "ERROR",
    10: "COOKIE ECHO",
    11: "COOKIE ACK",
    12: "ECNE",
    13: "CWR",
    14: "SHUTDOWN COMPLETE",
    15: "AUTH",
    64: "I-DATA",
    128: "ASCONF-ACK",
    130: "RE-CONFIG",
    132: "PAD",
    192: "FORWARD-TSN",
    193: "ASCONF",
    194: "I-FORWARD-TSN",
}
"""Chunk types (§3.2 and the IANA registry)."""

# DATA (§3.3.1)
DATA_HEADER = 16
DATA_TSN = 4
DATA_STREAM = 8
DATA_SEQUENCE = 10
DATA_PPID = 12
FLAG_END = 1
FLAG_BEGIN = 2
FLAG_UNORDERED = 4

# INIT ACK (§3.3.3)
INIT_TAG = 4
INIT_OCTETS = 20

FLAG_TAG_REFLECTED = 1  # T bit of ABORT and SHUTDOWN COMPLETE: the tag is the one that its sender was addressed by

PPID_M3UA = 3
PPID_S1AP = 18
PPID_X2AP = 27
PPID_DIAMETER = 46
PPID_DIAMETER_DTLS = 47
PPID_NGAP = 60
PPID_XNAP = 61

PPIDS: dict[int, str] = {
    1: "IUA",
    2: "M2UA",
    3: "M3UA",
    4: "SUA",
    5: "M2PA",
    18: "S1AP",
    19: "RUA",
    20: "HNBAP",
    24: "SBc-AP",
    25: "NBAP",
    27: "X2AP",
    29: "LCS-AP",
    31: "SABP",
    42: "RNA",
    43: "M2AP",
    44: "M3AP",
    46: "Diameter",
    47: "Diameter over DTLS",
    55: "PUA",
    60: "NGAP",
    61: "XnAP",
    62: "F1AP",
    64: "E1AP",
    66: "NGAP over DTLS",
}
"""Payload protocol identifiers (IANA) that are met on mobile networks."""

PORTS: dict[int, int] = {
    2905: PPID_M3UA,
    3868: PPID_DIAMETER,
    36412: PPID_S1AP,
    36422: PPID_X2AP,
    38412: PPID_NGAP,
    38422: PPID_XNAP,
}
"""Port to payload protocol, for stacks that send identifier 0."""

WINDOW = 512  # TSNs behind the highest one that are remembered, per direction
LEAP = 1 << 16  # a TSN further ahead than this is strange
STRANGE_RUN = 3  # so many strange TSNs in a row, and the direction begins anew at the last
MESSAGE_OCTETS = 1 << 16  # the longest message that is put together
MESSAGE_PIECES = 256  # of so many fragments at most

# What became of a packet.
DECODED = 1
MALFORMED = 2  # lengths that contradict each other; what came before was kept
TRUNCATED = 3  # cut by the snap length; what came before was kept

SCTP_DIRECTION = np.dtype(
    [
        ("hash", "u8"),
        ("address_hash", "u8"),  # of the addresses and ports that it was first seen with
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("association", "i8"),  # the same for both directions
        ("last_ts", "i8"),
        ("tag", "i8"),  # verification tag of its packets
        ("highest", "i8"),  # TSN
        ("stray", "i8"),  # the last strange TSN
        ("peer", "i4"),  # row of the other direction, -1 unknown
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("side", "u1"),  # 0: from the side that sent INIT (or was seen first), 1: from the other
        ("started", "u1"),  # `highest` is valid
        ("strange", "u1"),  # strange TSNs in a row
        ("used", "u1"),
        ("seen", "u8", (WINDOW // 64,)),  # a bit per TSN, by TSN modulo WINDOW
    ],
    align=True,
)

SCTP_PIECE = np.dtype(
    [
        ("hash", "u8"),
        ("association", "i8"),
        ("tsn", "i8"),
        ("position", "i8"),  # octet in the arena, counted on over its laps
        ("length", "i4"),
        ("ppid", "u4"),
        ("stream", "u2"),
        ("sequence", "u2"),
        ("marks", "u1"),  # B, E and U bit
        ("side", "u1"),
        ("used", "u1"),
    ],
    align=True,
)

SCTP_MESSAGE = np.dtype(
    [
        ("ts", "i8"),  # of the packet that completed it, ns
        ("association", "i8"),  # a number from 1 on, the same for both directions
        ("at", "i8"),  # first octet: in the packet's data, or in the joined octets
        ("octets", "i4"),
        ("ppid", "u4"),  # as sent
        ("tsn", "u4"),  # of its first fragment
        ("stream", "u2"),
        ("sequence", "u2"),
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("pieces", "u2"),
        ("side", "u1"),  # which side sent it: 0 the side that sent INIT (or was seen first), 1 the other
        ("joined", "u1"),  # 0: it lies in the packet's data; 1: in the joined octets, until the next packet
        ("unordered", "u1"),
    ],
    align=True,
)
