"""Rows of decoded Diameter, each a structured dtype declared once.

    DIAMETER_MESSAGE  a message with its identities and result
    DIAMETER_CREDIT   a Multiple-Services-Credit-Control of it: what was used and granted for one rating group

Addresses, digits and cells are coded as in `formats.addresses`. -1 is absent, 0 for addresses, cells and hashes, all
ones for digits. Names are in `text`, lower case; offset and length of each are in the row beside its hash.
"""

import numpy as np

from formats.addresses import NO_DIGITS

DIAMETER_MESSAGE = np.dtype(
    [
        ("ts", "i8"),
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("session_hash", "u8"),  # Session-Id, as it stands
        ("user_hash", "u8"),  # User-Name, as it stands
        ("origin_host_hash", "u8"),
        ("origin_realm_hash", "u8"),
        ("destination_host_hash", "u8"),
        ("destination_realm_hash", "u8"),
        ("apn_hash", "u8"),  # Called-Station-Id, Service-Selection: of the network identifier
        ("server_hash", "u8"),  # Server-Name
        ("public_hash", "u8"),  # the first Public-Identity, else a Subscription-Id that is a SIP URI
        ("imsi", "u8"),  # digits, of User-Name, Subscription-Id, 3GPP-IMSI
        ("msisdn", "u8"),  # digits
        ("imei", "u8"),  # digits, IMEI or IMEISV
        ("cell", "u8"),  # the finest identity that is told
        ("area", "u8"),  # TAI or RAI beside it
        ("ue_ipv6_hi", "u8"),  # Framed-IPv6-Prefix, PDP-Address
        ("ue_ipv6_lo", "u8"),
        ("ue_ipv4", "i8"),
        ("hop_by_hop", "i8"),
        ("end_to_end", "i8"),
        ("application", "i8"),
        ("result", "i8"),  # Result-Code of the message
        ("experimental_vendor", "i8"),
        ("experimental_result", "i8"),
        ("request_number", "i8"),  # CC-Request-Number
        ("charging_id", "i8"),
        ("origin_state", "i8"),  # Origin-State-Id: grows when the peer restarts
        ("failed_avp", "i8"),  # code of the first AVP in Failed-AVP
        ("rat_type", "i8"),  # RAT-Type as sent
        ("ip_can_type", "i8"),
        ("event_trigger", "i8"),  # the first
        ("termination_cause", "i8"),
        ("release_cause", "i8"),
        ("abort_cause", "i8"),
        ("disconnect_cause", "i8"),
        ("cancellation_type", "i8"),
        ("error_diagnostic", "i8"),
        ("server_assignment", "i8"),
        ("authorization_type", "i8"),
        ("request_type", "i8"),  # CC-Request-Type: 1 initial, 2 update, 3 termination, 4 event
        ("qci", "i8"),  # of the default bearer
        ("rule_qci", "i8"),  # of the first charging rule that is installed
        ("arp_priority", "i8"),
        ("ambr_up_kbps", "i8"),
        ("ambr_down_kbps", "i8"),
        ("command", "i4"),
        ("visited_plmn", "i4"),  # 24 bits as in a cell
        ("first_credit", "i4"),  # row in the DIAMETER_CREDIT array
        ("text_offset", "i4"),  # of all names of the message in `text`
        ("text_length", "i4"),
        ("origin_host_offset", "i4"),
        ("origin_realm_offset", "i4"),
        ("destination_host_offset", "i4"),
        ("destination_realm_offset", "i4"),
        ("apn_offset", "i4"),
        ("server_offset", "i4"),
        ("origin_host_length", "i2"),
        ("origin_realm_length", "i2"),
        ("destination_host_length", "i2"),
        ("destination_realm_length", "i2"),
        ("apn_length", "i2"),
        ("server_length", "i2"),
        ("credit_count", "i2"),
        ("rat", "i2"),  # numbers of TS 29.274 §8.17
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("request", "u1"),
        ("error", "u1"),
        ("retransmit", "u1"),
        ("proxiable", "u1"),
        ("damage", "u1"),  # 1: an AVP or the message reached past the end, or was too short
    ],
    align=True,
)

DIAMETER_CREDIT = np.dtype(
    [
        ("rating_group", "i8"),
        ("service", "i8"),  # Service-Identifier
        ("result", "i8"),  # Result-Code of this one
        ("used_bytes", "i8"),  # summed over the Used-Service-Units
        ("used_bytes_up", "i8"),
        ("used_bytes_down", "i8"),
        ("used_s", "i8"),
        ("granted_bytes", "i8"),
        ("granted_s", "i8"),
    ],
    align=True,
)

_PLACES = ("ts", "first_credit", "credit_count", "text_offset", "text_length")
_NAMES = ("origin_host", "origin_realm", "destination_host", "destination_realm", "apn", "server")


def _blank(dtype: np.dtype, zero: tuple[str, ...], digits: tuple[str, ...] = ()) -> np.ndarray:
    """One row with every field absent: -1 in signed fields but those of `zero`, no digits in those of `digits`."""
    row = np.zeros(1, dtype)
    for name in dtype.names or ():
        if name in digits:
            row[name] = NO_DIGITS
        elif dtype[name].kind == "i" and name not in zero:
            row[name] = -1
    return row


BLANK_MESSAGE = _blank(
    DIAMETER_MESSAGE,
    zero=(*_PLACES, *(f"{name}_{part}" for name in _NAMES for part in ("offset", "length"))),
    digits=("imsi", "imei", "msisdn"),
)
BLANK_CREDIT = _blank(DIAMETER_CREDIT, zero=())
"""The rows that tell nothing; each has length 1."""
