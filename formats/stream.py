"""Signalling over TCP: the row that follows one direction of a connection, and the row of a message found in it.

Diameter only says its length in its header (RFC 6733 §3): a stream that lost octets is entered again at the next
header that can be one.
"""

import numpy as np

MESSAGE_OCTETS = 1 << 16
"""Longest message that is put together; a longer one is passed over by its length, and counted."""
STREAM_OCTETS = 2 * MESSAGE_OCTETS
"""Octets of a stream that can be kept: what is left of a message and one segment of any size always fit."""
PIECES = 64
"""Parts of a stream that can be kept behind gaps."""
HELD_PIECES = 31
"""Parts at which the first gap is given up: one more segment cannot make more than PIECES of them."""
HOLD_NS = 3_000_000_000
"""How long a gap is waited for once something behind it has come."""
RESTART_OCTETS = 1 << 20
"""A segment that lies further back than this is of a new connection whose beginning was not seen."""
WAYS = 8
"""Streams that share a place in the table; the one quiet for longest makes room."""

STREAM = np.dtype(
    [
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("origin", "i8"),  # sequence number of the first octet that is kept
        ("first", "i8"),  # sequence number after the SYN that it began with, -1 where none was seen
        ("seen", "i8"),  # ns, the last segment
        ("skip", "i8"),  # octets still to pass over, of a message that is too long or lost a part
        ("front_ts", "i8"),  # ns, when the last octet of the front came
        ("front", "i4"),  # octets at the origin without a gap: the beginning of a message
        ("pieces", "i4"),  # parts behind gaps, in order, none overlapping another
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("used", "u1"),
        ("synced", "u1"),  # 1: a message begins at the origin
        ("start", "i4", (PIECES,)),  # octets after the origin
        ("end", "i4", (PIECES,)),
        ("when", "i8", (PIECES,)),  # ns
    ],
    align=True,
)

SPAN = np.dtype(
    [
        ("ts", "i8"),  # ns, when the last octet of the message came
        ("offset", "i4"),  # in the octets of the segment, or in `octets` of the output
        ("length", "i4"),
        ("copied", "u1"),  # 0: it lies in the segment itself; 1: put together from several, in `octets`
    ],
    align=True,
)
