"""Where decoded PFCP goes: arrays with cursors, and rows that begin with every field absent.

While a message is decoded its own row says where its next rule and name go; the cursors move when it ends. Rules and
names beyond the bounds are dropped: rules mark the message damaged, of names the hash is still told.
"""

from typing import NamedTuple

import numpy as np

from formats.pfcp_rows import (
    BLANK_FAR,
    BLANK_MESSAGE,
    BLANK_PDR,
    BLANK_QER,
    BLANK_USAGE,
    PFCP_FAR,
    PFCP_MESSAGE,
    PFCP_PDR,
    PFCP_QER,
    PFCP_USAGE,
)
from kernels.jit import kernel, part
from kernels.text import dotted_name, hash_octets, network_identifier, printable

MESSAGES, PDRS, FARS, QERS, USAGES, TEXT = range(6)
"""Cursors in `Pfcp.used`."""

DATAGRAM_MESSAGES = 8  # a message and those that follow on it
MESSAGE_RULES = 64  # of each kind
MESSAGE_TEXT = 1024
NAME_OCTETS = 128
"""The most that one datagram, message or name may add."""

_DATAGRAM_RULES = DATAGRAM_MESSAGES * MESSAGE_RULES
_DATAGRAM_TEXT = DATAGRAM_MESSAGES * (MESSAGE_TEXT + NAME_OCTETS)
_NONE = np.uint64(0)


class Pfcp(NamedTuple):
    """Arrays of a fixed length with a cursor each."""

    messages: np.ndarray
    """PFCP_MESSAGE[n]"""
    pdrs: np.ndarray
    """PFCP_PDR[n]"""
    fars: np.ndarray
    """PFCP_FAR[n]"""
    qers: np.ndarray
    """PFCP_QER[n]"""
    usages: np.ndarray
    """PFCP_USAGE[n]"""
    text: np.ndarray
    """uint8[n]: names"""
    used: np.ndarray
    """int64[6]: rows in use"""


def allocate(messages: int) -> Pfcp:
    """Arrays with room for `messages` PFCP messages of usual size and one datagram of the largest."""
    rules = 4 * messages + _DATAGRAM_RULES
    return Pfcp(
        np.zeros(messages + DATAGRAM_MESSAGES, PFCP_MESSAGE),
        np.zeros(rules, PFCP_PDR),
        np.zeros(rules, PFCP_FAR),
        np.zeros(rules, PFCP_QER),
        np.zeros(rules, PFCP_USAGE),
        np.zeros(64 * messages + _DATAGRAM_TEXT, np.uint8),
        np.zeros(6, np.int64),
    )


@kernel
def has_room(out):  # type: ignore[no-untyped-def]
    """Whether one more datagram fits into `out` (a Pfcp), however large; if not, it is time to empty it."""
    used = out.used
    return (
        used[MESSAGES] + DATAGRAM_MESSAGES <= len(out.messages)
        and used[PDRS] + _DATAGRAM_RULES <= len(out.pdrs)
        and used[FARS] + _DATAGRAM_RULES <= len(out.fars)
        and used[QERS] + _DATAGRAM_RULES <= len(out.qers)
        and used[USAGES] + _DATAGRAM_RULES <= len(out.usages)
        and used[TEXT] + _DATAGRAM_TEXT <= len(out.text)
    )


@part
def begin_message(messages, used):  # type: ignore[no-untyped-def]
    """The next PFCP_MESSAGE record, empty, at the cursors as they stand; `end_message` moves them."""
    messages[used[MESSAGES]] = BLANK_MESSAGE[0]
    m = messages[used[MESSAGES]]
    m.first_pdr = used[PDRS]
    m.first_far = used[FARS]
    m.first_qer = used[QERS]
    m.first_usage = used[USAGES]
    m.text_offset = used[TEXT]
    return m


@part
def end_message(m, used):  # type: ignore[no-untyped-def]
    """Keep the message that was begun last, and what it added to the other arrays."""
    used[MESSAGES] += 1
    used[PDRS] = m.first_pdr + m.pdr_count
    used[FARS] = m.first_far + m.far_count
    used[QERS] = m.first_qer + m.qer_count
    used[USAGES] = m.first_usage + m.usage_count
    used[TEXT] = m.text_offset + m.text_length


@part
def add_pdr(action, m, pdrs):  # type: ignore[no-untyped-def]
    """The next PFCP_PDR row, empty: its place, -1 (and damage) where MESSAGE_RULES are in use."""
    if m.pdr_count >= MESSAGE_RULES:
        m.damage = 1
        return np.int64(-1)
    row = np.int64(m.first_pdr) + m.pdr_count
    pdrs[row] = BLANK_PDR[0]
    pdrs[row].action = action
    m.pdr_count += 1
    return row


@part
def add_far(action, m, fars):  # type: ignore[no-untyped-def]
    """The next PFCP_FAR row, as `add_pdr`."""
    if m.far_count >= MESSAGE_RULES:
        m.damage = 1
        return np.int64(-1)
    row = np.int64(m.first_far) + m.far_count
    fars[row] = BLANK_FAR[0]
    fars[row].action = action
    m.far_count += 1
    return row


@part
def add_qer(action, m, qers):  # type: ignore[no-untyped-def]
    """The next PFCP_QER row, as `add_pdr`."""
    if m.qer_count >= MESSAGE_RULES:
        m.damage = 1
        return np.int64(-1)
    row = np.int64(m.first_qer) + m.qer_count
    qers[row] = BLANK_QER[0]
    qers[row].action = action
    m.qer_count += 1
    return row


@part
def add_usage(source, m, usages):  # type: ignore[no-untyped-def]
    """The next PFCP_USAGE row, as `add_pdr`; `source` is the type of the element that it comes from."""
    if m.usage_count >= MESSAGE_RULES:
        m.damage = 1
        return np.int64(-1)
    row = np.int64(m.first_usage) + m.usage_count
    usages[row] = BLANK_USAGE[0]
    usages[row].source = source
    m.usage_count += 1
    return row


@part
def put_name(data, at, length, m, text):  # type: ignore[no-untyped-def]
    """Write a name, in labels or else as plain text, behind the text of the message: (offset, octets, hash uint64).

    Lower case, the operator identifier cut. No name: (offset, 0, 0). No room for it: (offset, 0, hash).
    """
    to = np.int64(m.text_offset) + m.text_length
    size = dotted_name(data, at, length, text, to)
    if size < 0:
        size = min(length, np.int64(NAME_OCTETS))
        for k in range(size):
            text[to + k] = printable(data[at + k])
    if size == 0:
        return to, np.int64(0), _NONE
    size = network_identifier(text, to, size)
    code = hash_octets(text, to, to + size)
    if m.text_length + size > MESSAGE_TEXT:
        return to, np.int64(0), code
    m.text_length += size
    return to, np.int64(size), code
