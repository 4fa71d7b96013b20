"""The types that S1AP and NGAP share: causes, areas, transport addresses, nodes, the header of a PDU.

Each takes `r`, a reader that stands at its first bit, and leaves it behind the last. A SEQUENCE is read with its
extensions, so that what comes after it is found. Cells, areas and nodes are uint64, 0 after a fault.
"""

import numpy as np

from formats.addresses import CELL_ECGI, CELL_TAI
from formats.ran import MISC, NAS, PROTOCOL, RADIO, TRANSPORT
from kernels.jit import part
from kernels.location import cell_code, plmn
from kernels.octets import be32
from kernels.per import (
    bits,
    content,
    end_sequence,
    enter,
    enumerated,
    fail,
    field,
    length,
    number,
    pass_choice,
    pass_over,
    sequence,
    skip,
)
from kernels.ran_rows import set_address

_NOWHERE = np.uint64(0)
_TAI, _ECGI = np.int64(CELL_TAI), np.int64(CELL_ECGI)

CHOICE_EXTENSIONS = 5
"""The alternative of an NGAP Cause behind the five groups."""


@part
def header_fault(data, lo, hi):  # type: ignore[no-untyped-def]
    """Whether no PDU stands at `lo`: S1AP-PDU and NGAP-PDU begin with a CHOICE of three, procedure and criticality."""
    return hi - lo < 4 or data[lo] >> 5 > 2


@part
def message_value(data, r, hi, out):  # type: ignore[no-untyped-def]
    """Enter the value of a message: 1 where it lies in `out.whole`. One that is cut ends where the data end."""
    start = r.at
    size = length(data, r)
    at = r.at >> 3
    if size >= 0:
        r.damage |= at + size > hi
        enter(r, at, min(at + size, hi), 0)
        return 0
    r.at = start
    lo, end, whole = content(data, r, out.whole, out.used)
    if lo >= 0:
        enter(r, lo, end, whole)
    return whole


@part
def plmn_identity(data, r):  # type: ignore[no-untyped-def]
    """PLMNidentity of 3 octets, coded as in a cell."""
    at = skip(r, 3)
    return plmn(data, at) if at >= 0 else np.int64(0)


@part
def coded(kind, network, identity, r):  # type: ignore[no-untyped-def]
    """`cell_code`, 0 after a fault."""
    return _NOWHERE if r.fault else cell_code(kind, network, identity)


@part
def tracking_area(data, r, width):  # type: ignore[no-untyped-def]
    """TAI: PLMN, TAC of `width` 16 or 24 bits."""
    preamble = sequence(data, r, 1)
    network = plmn_identity(data, r)
    code = bits(data, r, width)
    area = coded(_TAI, network, code, r)
    end_sequence(data, r, preamble, 1)
    return area


@part
def eutran_cell(data, r):  # type: ignore[no-untyped-def]
    """EUTRAN-CGI, EUTRA-CGI: PLMN, 28 bits."""
    return cell_global_identity(data, r, _ECGI, 28)


@part
def cell_global_identity(data, r, kind, width):  # type: ignore[no-untyped-def]
    """PLMN and a cell identity of `width` bits, aligned for it is longer than 16."""
    preamble = sequence(data, r, 1)
    network = plmn_identity(data, r)
    identity = bits(data, r, width)
    cell = coded(kind, network, identity, r)
    end_sequence(data, r, preamble, 1)
    return cell


@part
def long_bits(data, r, width):  # type: ignore[no-untyped-def]
    """BIT STRING of a fixed size: `width` bits, aligned where they are more than 16."""
    if width > 16:
        skip(r, 0)
    return bits(data, r, width)


@part
def gnb_identity(data, r):  # type: ignore[no-untyped-def]
    """gNB-ID, BIT STRING of 22 to 32 bits, as the identity in a node of NODE_GNB."""
    longer = bits(data, r, 4)
    if longer > 10:
        return fail(r)
    skip(r, 0)
    return (longer << 32) | bits(data, r, 22 + longer)


@part
def cause_value(data, r, group):  # type: ignore[no-untyped-def]
    """The ENUMERATED of a cause group common to both protocols; the radio group's root is the protocol's own."""
    if group == TRANSPORT:
        return enumerated(data, r, 1, 2)
    if group == NAS:
        return enumerated(data, r, 2, 4)
    if group == PROTOCOL:
        return enumerated(data, r, 3, 7)
    if group == MISC:
        return enumerated(data, r, 3, 6)
    return fail(r)


@part
def cause(data, r, extensible, radio, row):  # type: ignore[no-untyped-def]
    """Cause into a row that has none yet; `radio` is the root of the radio group.

    The CHOICE of S1AP is extensible, that of NGAP has a sixth alternative for extensions; neither is used so far.
    """
    if extensible and bits(data, r, 1):
        pass_choice(data, r)
        return
    group = bits(data, r, 3)
    if group == CHOICE_EXTENSIONS:
        field(data, r)
        pass_over(data, r)
        return
    value = enumerated(data, r, 6, radio) if group == RADIO else cause_value(data, r, group)
    if not r.fault and row.cause < 0:
        row.cause_group = group
        row.cause = value


@part
def transport_address(data, r, row):  # type: ignore[no-untyped-def]
    """TransportLayerAddress, BIT STRING (SIZE (1..160, ...)); one that is no IP address is passed over."""
    count = length(data, r) if bits(data, r, 1) else bits(data, r, 8) + 1
    octets = (count + 7) >> 3
    at = skip(r, octets) if count > 0 else np.int64(fail(r))
    if at >= 0 and not r.fault:
        set_address(data, at, octets, row)


@part
def tunnel_endpoint(data, r, row):  # type: ignore[no-untyped-def]
    """GTP-TEID of 4 octets."""
    at = skip(r, 4)
    if at >= 0:
        row.teid = be32(data, at)


@part
def s_tmsi(data, r, width):  # type: ignore[no-untyped-def]
    """S-TMSI (`width` 8: MME code) or 5G-S-TMSI (16: AMF set and pointer), then 32 bits; -1 after a fault."""
    preamble = sequence(data, r, 1)
    node = bits(data, r, width)
    identity = (node << 32) | number(data, r, 4)
    found = np.int64(-1) if r.fault else identity
    end_sequence(data, r, preamble, 1)
    return found


@part
def core_node(data, r):  # type: ignore[no-untyped-def]
    """GUMMEI, GUAMI: PLMN and 24 bits of MMEI or AMF identifier; -1 after a fault."""
    preamble = sequence(data, r, 1)
    network = plmn_identity(data, r)
    identity = (network << 24) | bits(data, r, 24)
    found = np.int64(-1) if r.fault else identity
    end_sequence(data, r, preamble, 1)
    return found


@part
def first_told(known, told):  # type: ignore[no-untyped-def]
    """What was known, if anything, else what is told; -1 is nothing."""
    return np.int64(known) if known >= 0 else told


@part
def tell_cell(cell, m):  # type: ignore[no-untyped-def]
    """Keep a cell in a message that has none."""
    if m.cell == _NOWHERE:
        m.cell = cell


@part
def tell_area(area, m):  # type: ignore[no-untyped-def]
    """Keep a tracking area in a message that has none."""
    if m.area == _NOWHERE:
        m.area = area
