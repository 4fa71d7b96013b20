"""Rows of GTP-C messages, their bearers and F-TEIDs: made with every field absent, then filled by the decoders.

`m` is a MESSAGE record; `messages`, `bearers`, `fteids`, `text`, `used` are the arrays of a `Signalling`, handed on one
by one because each time that one is taken out of the tuple its references are counted. Rows are used again, so each
starts from nothing. While a message is decoded its own row says where the next bearer, F-TEID and name go; `used` moves
when it ends.
"""

import numpy as np

from formats.addresses import IPV4_MAPPED, NO_DIGITS
from formats.records import NO_TEID
from kernels.jit import kernel
from kernels.octets import be32, be64
from kernels.signalling import BEARERS, FTEIDS, MESSAGE_BEARERS, MESSAGE_FTEIDS, MESSAGES, TEXT
from kernels.text import dotted_name, hash_octets, network_identifier

_NONE = np.uint64(0)


@kernel
def clear_identities(m):  # type: ignore[no-untyped-def]
    """Who, where and which addresses: absent. Packet fields: 0, the caller knows them."""
    m.ts = 0
    m.src_hi = _NONE
    m.src_lo = _NONE
    m.dst_hi = _NONE
    m.dst_lo = _NONE
    m.src_port = 0
    m.dst_port = 0
    m.imsi = NO_DIGITS
    m.msisdn = NO_DIGITS
    m.imei = NO_DIGITS
    m.cell = _NONE
    m.area = _NONE
    m.ue_ipv6_hi = _NONE
    m.ue_ipv6_lo = _NONE
    m.ue_ipv4 = -1
    m.pdn_address_count = 0
    m.apn_hash = _NONE
    m.apn_length = 0
    m.serving_plmn = -1


@kernel
def clear_fields(m):  # type: ignore[no-untyped-def]
    """All else that elements can tell: absent."""
    m.teid = NO_TEID
    m.indication = 0
    m.charging_id = -1
    m.sequence = -1
    m.ambr_up_kbps = -1
    m.ambr_down_kbps = -1
    m.cause = -1
    m.cause_remote = 0
    m.error_teid_count = 0
    m.rat = 0
    m.ebi = -1
    m.linked_ebi = -1
    m.qci = -1
    m.pdn_type = -1
    m.recovery = -1
    m.ran_cause_protocol = -1
    m.ran_cause_group = -1
    m.ran_cause = -1
    m.teardown = -1
    m.selection_mode = -1
    m.damage = 0
    m.bearer_count = 0
    m.fteid_count = 0


@kernel
def begin_message(version, kind, messages, used):  # type: ignore[no-untyped-def]
    """The next MESSAGE record, empty, at the cursors as they stand; `end_message` moves the cursor over it."""
    m = messages[used[MESSAGES]]
    clear_identities(m)
    clear_fields(m)
    m.version = version
    m.type = kind
    m.piggyback = 0
    m.apn_offset = used[TEXT]
    m.first_bearer = used[BEARERS]
    m.first_fteid = used[FTEIDS]
    return m


@kernel
def end_message(m, used):  # type: ignore[no-untyped-def]
    """Keep the message that was begun last, and what it added to the other arrays."""
    used[MESSAGES] += 1
    used[BEARERS] = m.first_bearer + m.bearer_count
    used[FTEIDS] = m.first_fteid + m.fteid_count
    used[TEXT] = m.apn_offset + m.apn_length


@kernel
def add_bearer(instance, m, bearers):  # type: ignore[no-untyped-def]
    """Append an empty BEARER row: its ordinal within the message, or -1 where MESSAGE_BEARERS are in use (damage)."""
    ordinal = np.int64(m.bearer_count)
    if ordinal >= MESSAGE_BEARERS:
        m.damage = 1
        return -1
    bearer = bearers[m.first_bearer + ordinal]
    bearer.charging_id = -1
    bearer.ebi = -1
    bearer.cause = -1
    bearer.qci = -1
    bearer.arp_priority = -1
    bearer.instance = instance
    bearer.gbr_up_kbps = -1
    bearer.gbr_down_kbps = -1
    m.bearer_count = ordinal + 1
    return ordinal


@kernel
def add_fteid(teid, bearer, interface, instance, m, fteids):  # type: ignore[no-untyped-def]
    """Append an FTEID row without addresses: its row in `fteids`, -1 where MESSAGE_FTEIDS are in use (damage)."""
    if m.fteid_count >= MESSAGE_FTEIDS:
        m.damage = 1
        return -1
    row = np.int64(m.first_fteid) + m.fteid_count
    fteid = fteids[row]
    fteid.hi = _NONE
    fteid.lo = _NONE
    fteid.v6_hi = _NONE
    fteid.v6_lo = _NONE
    fteid.teid = teid
    fteid.bearer = bearer
    fteid.interface = interface
    fteid.instance = instance
    m.fteid_count += 1
    return row


@kernel
def set_fteid_ipv4(data, at, fteid):  # type: ignore[no-untyped-def]
    """Give an FTEID the IPv4 address of 4 octets at `at`; an IPv6 address that it had becomes the second."""
    if fteid.hi != _NONE or fteid.lo != _NONE:
        fteid.v6_hi = fteid.hi
        fteid.v6_lo = fteid.lo
    fteid.hi = _NONE
    fteid.lo = IPV4_MAPPED | np.uint64(be32(data, at))


@kernel
def set_fteid_ipv6(data, at, fteid):  # type: ignore[no-untyped-def]
    """Give an FTEID the IPv6 address of 16 octets at `at`: the second address if it has one already."""
    if fteid.lo != _NONE:
        fteid.v6_hi = be64(data, at)
        fteid.v6_lo = be64(data, at + 8)
    else:
        fteid.hi = be64(data, at)
        fteid.lo = be64(data, at + 8)


@kernel
def set_ue_ipv4(data, at, m):  # type: ignore[no-untyped-def]
    """Device address of 4 octets; all zeros stands for one still to be given (TS 29.274 §8.14) and is none."""
    address = be32(data, at)
    if address != 0:
        m.ue_ipv4 = address
        m.pdn_address_count += 1


@kernel
def set_ue_ipv6(data, at, m):  # type: ignore[no-untyped-def]
    """Device prefix and interface identifier of 16 octets; all zeros is none."""
    high = be64(data, at)
    low = be64(data, at + 8)
    if high != _NONE or low != _NONE:
        m.ue_ipv6_hi = high
        m.ue_ipv6_lo = low
        m.pdn_address_count += 1


@kernel
def set_apn(data, at, length, m, text):  # type: ignore[no-untyped-def]
    """Access point name into `text`, the operator identifier cut; the first of a message counts. Returns damage."""
    if m.apn_length > 0:
        return 0
    to = np.int64(m.apn_offset)
    size = dotted_name(data, at, length, text, to)
    if size < 0:
        return 1
    if size > 0:
        size = network_identifier(text, to, size)
        m.apn_length = size
        m.apn_hash = hash_octets(text, to, to + size)
    return 0
