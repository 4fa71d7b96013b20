"""The side arrays that parsing fills for what is not one row a packet: GTP-C messages and fragments of signalling."""

from typing import NamedTuple

import numpy as np

from formats.records import BEARER, FTEID, MESSAGE, PIECE

MESSAGES, BEARERS, FTEIDS, TEXT, PIECES, STATEFUL = range(6)
"""Cursors in `Signalling.used`; STATEFUL counts packets that the assembling stage has to look at."""

DATAGRAM_MESSAGES = 4  # a message and those piggybacked on it
MESSAGE_BEARERS = 16
MESSAGE_FTEIDS = 64
MESSAGE_TEXT = 128
"""The most that one datagram or message may add; what is beyond is dropped and the message marked damaged."""


class Signalling(NamedTuple):
    """Arrays of a fixed length with a cursor each; a row index in a PACKET or MESSAGE points in here."""

    messages: np.ndarray
    """MESSAGE[n]"""
    bearers: np.ndarray
    """BEARER[n]"""
    fteids: np.ndarray
    """FTEID[n]"""
    text: np.ndarray
    """uint8[n]: access point names"""
    pieces: np.ndarray
    """PIECE[n]"""
    used: np.ndarray
    """int64[6]: rows in use"""


def allocate(messages: int, pieces: int = 64) -> Signalling:
    """Side arrays with room for `messages` GTP-C messages of usual size, at least one datagram of the largest."""
    messages = max(messages, 2 * DATAGRAM_MESSAGES)
    largest = DATAGRAM_MESSAGES * 2
    return Signalling(
        np.zeros(messages, MESSAGE),
        np.zeros(max(2 * messages, largest * MESSAGE_BEARERS), BEARER),
        np.zeros(max(4 * messages, largest * MESSAGE_FTEIDS), FTEID),
        np.zeros(max(32 * messages, largest * MESSAGE_TEXT), np.uint8),
        np.zeros(pieces, PIECE),
        np.zeros(6, np.int64),
    )
