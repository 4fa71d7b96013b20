"""Quality of Service Profile of GTPv1 (TS 29.060 §7.7.34, octets of TS 24.008 §10.5.6.5): QCI and bit rates."""

import numpy as np

from formats.gtpv1c import (
    BACKGROUND,
    CONVERSATIONAL,
    INTERACTIVE,
    QOS_SIGNALLING,
    QOS_TRAFFIC_CLASS,
    QOS_TRANSFER_DELAY,
    SOURCE_SPEECH,
    STREAMING,
    TRANSFER_DELAY_150_MS,
)
from kernels.jit import kernel


@kernel
def qos_class(data, at, length):  # type: ignore[no-untyped-def]
    """QCI by TS 23.401 Annex E, Table E.3, or -1 where the profile does not tell (R97 form, subscribed class).

    Conversational speech 1; conversational of 150 ms or more, or of unknown delay, 2; of less, 3. Streaming 4, whatever
    the source. Interactive of priority 1 with signalling indication 5, without 6; of priority 2 and 3, 7 and 8.
    Background 9.
    """
    if length <= QOS_TRAFFIC_CLASS:
        return -1
    traffic = np.int64(data[at + QOS_TRAFFIC_CLASS]) >> 5
    if traffic == BACKGROUND:
        return 9
    if traffic == STREAMING:
        return 4
    if length <= QOS_TRANSFER_DELAY:
        return -1
    delay = np.int64(data[at + QOS_TRANSFER_DELAY])
    source = np.int64(data[at + QOS_SIGNALLING]) if length > QOS_SIGNALLING else 0
    if traffic == CONVERSATIONAL:
        return _conversational(source & 15, delay >> 2)
    return _interactive(source & 16, delay & 3) if traffic == INTERACTIVE else -1


@kernel
def _conversational(source, delay):  # type: ignore[no-untyped-def]
    if source == SOURCE_SPEECH:
        return 1
    return 3 if 0 < delay < TRANSFER_DELAY_150_MS else 2  # delay 0: as subscribed


@kernel
def _interactive(signalling, priority):  # type: ignore[no-untyped-def]
    if priority == 0:
        return -1  # the subscribed priority
    if priority == 1:
        return 5 if signalling else 6
    return 5 + priority


@kernel
def rate_kbps(data, at, length, base, extended, extended_2):  # type: ignore[no-untyped-def]
    """A bit rate in kbit/s, from its octet and the two that extend it (offsets in the value); -1 where not told.

    An extension of 0, or one that is not there, leaves the octet before it to tell.
    """
    if length > extended_2 and data[at + extended_2] != 0:
        return _above_256_mbps(np.int64(data[at + extended_2]))
    if length > extended and data[at + extended] != 0:
        return _above_8640_kbps(np.int64(data[at + extended]))
    if length <= base or data[at + base] == 0:
        return -1
    code = np.int64(data[at + base])
    if code == 255:
        return 0
    if code < 64:
        return code
    return 64 + (code - 64) * 8 if code < 128 else 576 + (code - 128) * 64


@kernel
def _above_8640_kbps(code):  # type: ignore[no-untyped-def]
    if code <= 74:
        return 8600 + code * 100
    if code <= 186:
        return 16_000 + (code - 74) * 1000
    return 128_000 + (min(code, 250) - 186) * 2000


@kernel
def _above_256_mbps(code):  # type: ignore[no-untyped-def]
    if code <= 61:
        return 256_000 + code * 4000
    if code <= 161:
        return 500_000 + (code - 61) * 10_000
    return 1_500_000 + (min(code, 246) - 161) * 100_000
