"""What the assembling stage read of a stretch of packets: messages in rows, and the events that tell their order.

The decoders append to `Heard` (a tuple of their own arrays and cursors); the update stage sees the same arrays through
`Heard.words`, by their addresses, as it sees the tables of a shard. Views are functions (words, 0) -> rows.
"""

from typing import NamedTuple

import numpy as np

from formats.diameter_rows import DIAMETER_CREDIT, DIAMETER_MESSAGE
from formats.nas import NAS
from formats.pfcp_rows import PFCP_FAR, PFCP_MESSAGE, PFCP_PDR, PFCP_QER, PFCP_USAGE
from formats.ran import NAS_PDU, QOS_FLOW, RAN_BEARER, RAN_CONNECTION, RAN_MESSAGE
from formats.records import EVENT
from formats.sctp import SCTP_MESSAGE
from kernels import diameter_rows, pfcp_rows, ran_rows, stream
from kernels.memory import view

EVENTS_USED, TEXT_USED = range(2)
"""Cursors in `Heard.used`."""

MESSAGES = 1 << 13
"""Messages of usual size for which there is room."""
PACKET_MESSAGES = 64
"""User messages that one SCTP packet may complete; what is beyond is lost and counted by the SCTP state."""
PACKET_EVENTS = 1 << 15
"""Events that one packet may give: of Diameter messages, the most octets that SCTP or TCP hand on, by their header."""
CONNECTIONS = 512
"""TCP connections of Diameter that are followed; their octets are 256 KiB each where they are touched."""
NAS_TEXT = 128
"""Octets that the name in one NAS message may take."""

OCTETS = np.dtype(np.uint8)

_ARRAYS = (
    ("events", EVENT), ("ran_messages", RAN_MESSAGE), ("ran_bearers", RAN_BEARER), ("qos_flows", QOS_FLOW),
    ("nas_pdus", NAS_PDU), ("connections", RAN_CONNECTION), ("nas", NAS), ("nas_text", OCTETS),
    ("pfcp_messages", PFCP_MESSAGE), ("pdrs", PFCP_PDR), ("fars", PFCP_FAR), ("qers", PFCP_QER),
    ("usages", PFCP_USAGE), ("pfcp_text", OCTETS), ("diameter_messages", DIAMETER_MESSAGE),
    ("credits", DIAMETER_CREDIT), ("diameter_text", OCTETS),
)  # fmt: skip
EVENT_COUNT = 2 * len(_ARRAYS)
WORDS = EVENT_COUNT + 1


class Heard(NamedTuple):
    """Arrays of a fixed length with their cursors."""

    events: np.ndarray
    """EVENT[n]"""
    ran: ran_rows.Ran
    nas: np.ndarray
    """NAS[n]: what stands in the NAS_PDU row of the same number"""
    nas_text: np.ndarray
    """uint8[n]: access point names"""
    pfcp: pfcp_rows.Pfcp
    diameter: diameter_rows.Diameter
    sctp: np.ndarray
    """SCTP_MESSAGE[PACKET_MESSAGES]: scratch"""
    streams: stream.Streams
    """TCP connections: what is left of their messages, kept from one packet to the next"""
    spans: stream.Spans
    """scratch: the Diameter messages in one segment or user message"""
    used: np.ndarray
    """int64[2]: events and octets of `nas_text` in use"""
    words: np.ndarray
    """int64[WORDS]: address and length of each array, and the number of events"""


def _arrays(heard: Heard) -> tuple[np.ndarray, ...]:
    ran, pfcp, diameter = heard.ran, heard.pfcp, heard.diameter
    return (
        heard.events, ran.messages, ran.bearers, ran.flows, ran.nas_pdus, ran.connections, heard.nas, heard.nas_text,
        pfcp.messages, pfcp.pdrs, pfcp.fars, pfcp.qers, pfcp.usages, pfcp.text,
        diameter.messages, diameter.credits, diameter.text,
    )  # fmt: skip


def allocate(messages: int = MESSAGES) -> Heard:
    """Arrays with room for `messages` of each kind, of usual size."""
    ran = ran_rows.allocate(messages)
    heard = Heard(
        np.zeros(messages + PACKET_EVENTS, EVENT),
        ran,
        np.zeros(len(ran.nas_pdus), NAS),
        np.zeros(32 * messages + NAS_TEXT, np.uint8),
        pfcp_rows.allocate(messages),
        diameter_rows.allocate(messages),
        np.zeros(PACKET_MESSAGES, SCTP_MESSAGE),
        stream.allocate(CONNECTIONS),
        stream.allocate_spans(),
        np.zeros(2, np.int64),
        np.zeros(WORDS, np.int64),
    )
    for k, array in enumerate(_arrays(heard)):
        heard.words[2 * k], heard.words[2 * k + 1] = array.ctypes.data, len(array)
    return heard


def clear(heard: Heard) -> None:
    """Forget all rows."""
    for used in (heard.used, heard.ran.used, heard.pfcp.used, heard.diameter.used):
        used[:] = 0
    heard.words[EVENT_COUNT] = 0


(
    events, ran_messages, ran_bearers, qos_flows, nas_pdus, connections, nas, nas_text,
    pfcp_messages, pdrs, fars, qers, usages, pfcp_text, diameter_messages, credits, diameter_text,
) = (view(dtype, 2 * k, 2 * k + 1) for k, (_, dtype) in enumerate(_ARRAYS))  # fmt: skip
