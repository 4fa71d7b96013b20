"""Where decoded Diameter goes: arrays with cursors, and rows that begin with every field absent."""

from typing import NamedTuple

import numpy as np

from formats.diameter_rows import BLANK_CREDIT, BLANK_MESSAGE, DIAMETER_CREDIT, DIAMETER_MESSAGE
from kernels.jit import kernel, part
from kernels.text import hash_octets, printable

MESSAGES, CREDITS, TEXT = range(3)
"""Cursors in `Diameter.used`."""

MESSAGE_CREDITS = 32
NAME_OCTETS = 256
MESSAGE_TEXT = 6 * NAME_OCTETS
"""The most that one message or name may add; of a longer name the first octets count."""

DEPTH = 8
"""Groups in groups that are followed; a deeper one is passed over."""
ENDS, RESUMES, CONTEXTS, CREDIT_ROW, KIND, VALUE_AT, VALUE_OCTETS = 0, DEPTH, 2 * DEPTH, 24, 25, 26, 27
"""Places in `Diameter.stack`: where each open group ends, where its parent goes on, which it is; then the credit row
that is open, and type and value of an open Subscription-Id or User-Equipment-Info."""


class Diameter(NamedTuple):
    """Arrays of a fixed length with a cursor each."""

    messages: np.ndarray
    """DIAMETER_MESSAGE[n]"""
    credits: np.ndarray
    """DIAMETER_CREDIT[n]"""
    text: np.ndarray
    """uint8[n]: names"""
    stack: np.ndarray
    """int64[28]: scratch, of no meaning between messages"""
    used: np.ndarray
    """int64[3]: rows in use"""


def allocate(messages: int) -> Diameter:
    """Arrays with room for `messages` Diameter messages of usual size and one of the largest."""
    return Diameter(
        np.zeros(messages + 1, DIAMETER_MESSAGE),
        np.zeros(messages + MESSAGE_CREDITS, DIAMETER_CREDIT),
        np.zeros(128 * messages + MESSAGE_TEXT, np.uint8),
        np.zeros(28, np.int64),
        np.zeros(3, np.int64),
    )


@kernel
def has_room(out):  # type: ignore[no-untyped-def]
    """Whether one more message fits into `out` (a Diameter), however large; if not, it is time to empty it."""
    used = out.used
    return (
        used[MESSAGES] + 1 <= len(out.messages)
        and used[CREDITS] + MESSAGE_CREDITS <= len(out.credits)
        and used[TEXT] + MESSAGE_TEXT <= len(out.text)
    )


@part
def begin_message(messages, used):  # type: ignore[no-untyped-def]
    """The next DIAMETER_MESSAGE record, empty, at the cursors as they stand; `end_message` moves them."""
    messages[used[MESSAGES]] = BLANK_MESSAGE[0]
    m = messages[used[MESSAGES]]
    m.first_credit = used[CREDITS]
    m.text_offset = used[TEXT]
    return m


@part
def end_message(m, used):  # type: ignore[no-untyped-def]
    """Keep the message that was begun last, and what it added to the other arrays."""
    used[MESSAGES] += 1
    used[CREDITS] = m.first_credit + m.credit_count
    used[TEXT] = m.text_offset + m.text_length


@part
def add_credit(m, credit_rows):  # type: ignore[no-untyped-def]
    """The next DIAMETER_CREDIT row, empty: its place, -1 (and damage) where MESSAGE_CREDITS are in use."""
    if m.credit_count >= MESSAGE_CREDITS:
        m.damage = 1
        return np.int64(-1)
    row = np.int64(m.first_credit) + m.credit_count
    credit_rows[row] = BLANK_CREDIT[0]
    m.credit_count += 1
    return row


@part
def put_name(data, at, size, m, text):  # type: ignore[no-untyped-def]
    """Write a name in lower case behind the text of the message: (offset, octets, hash uint64 or 0 for no name)."""
    to = np.int64(m.text_offset) + m.text_length
    size = min(size, np.int64(NAME_OCTETS))
    for k in range(size):
        text[to + k] = printable(data[at + k])
    if size == 0:
        return to, size, np.uint64(0)
    m.text_length += size
    return to, size, hash_octets(text, to, to + size)
