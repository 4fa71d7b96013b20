"""Where a handover goes from and to, read from the transparent container that the source sends to the target.

Source eNB to Target eNB (TS 36.413 §9.2.1.7) and Source NG-RAN Node to Target NG-RAN Node (TS 38.413 §9.3.1.29): the
target cell, and the source as the last cell of the UE History. What is no such container tells nothing, and is no
damage of the message: to S1AP and NGAP it is opaque.
"""

import numpy as np

from formats.addresses import CELL_NCGI
from formats.ran import S1AP
from kernels.jit import part
from kernels.ngap_flows import short_integer, small_integer
from kernels.per import bits, content, end_sequence, enter, enumerated, fail, field, leave, number, pass_over, sequence
from kernels.ran_types import cell_global_identity, eutran_cell

_NOWHERE = np.uint64(0)
_NCGI = np.int64(CELL_NCGI)
WITHIN = 0
"""HandoverType of both protocols: within the system."""


@part
def handover_container(data, r, m, out):  # type: ignore[no-untyped-def]
    """The container, an OCTET STRING, of a handover within the system, into `target_cell` and `source_cell` of `m`."""
    if m.handover_type != WITHIN:
        return
    damage = r.damage
    lo, hi, whole = content(data, r, out.whole, out.used)
    if lo >= 0 and whole == r.whole:
        at, end, was = r.at, r.end, r.whole
        enter(r, lo, hi, whole)
        if m.protocol == S1AP:
            _between_enbs(data, r, m)
        else:
            _between_ng_ran_nodes(data, r, m)
        leave(r, at, end, was)
    r.fault = 0
    r.damage = damage


@part
def _tell(target, source, r, m):  # type: ignore[no-untyped-def]
    """Keep what was read if all of it was there."""
    if not r.fault:
        m.source_cell = source
        if m.target_cell == _NOWHERE:  # else the Target ID has told one
            m.target_cell = target


@part
def _between_enbs(data, r, m):  # type: ignore[no-untyped-def]
    """SourceeNB-ToTargeteNB-TransparentContainer up to the last visited cell."""
    options = sequence(data, r, 3)
    pass_over(data, r)
    if options & 4:
        _pass_fields(data, r)
    target = eutran_cell(data, r)
    if options & 2:
        number(data, r, 1)
    bits(data, r, 4)
    source = _NOWHERE
    if bits(data, r, 3) == 0:
        sequence(data, r, 1)
        source = eutran_cell(data, r)
    _tell(target, source, r, m)


@part
def _pass_fields(data, r):  # type: ignore[no-untyped-def]
    """E-RABInformationList of S1AP: 1 to 256 fields."""
    for _ in range(number(data, r, 1) + 1):
        field(data, r)
        pass_over(data, r)
        if r.fault:
            break


@part
def _between_ng_ran_nodes(data, r, m):  # type: ignore[no-untyped-def]
    """SourceNGRANNode-ToTargetNGRANNode-TransparentContainer up to the last visited cell."""
    options = sequence(data, r, 4)
    pass_over(data, r)
    if options & 8:
        _pass_sessions(data, r)
    if options & 4:
        _pass_e_rabs(data, r)
    target = _ng_ran_cell(data, r)
    if options & 2:
        short_integer(data, r, 1)
    bits(data, r, 4)
    sequence(data, r, 1)
    source = _NOWHERE
    if bits(data, r, 3) == 0:
        sequence(data, r, 3)
        source = _ng_ran_cell(data, r)
    _tell(target, source, r, m)


@part
def _ng_ran_cell(data, r):  # type: ignore[no-untyped-def]
    """NGRAN-CGI: a cell of NR or E-UTRA."""
    alternative = bits(data, r, 2)
    if alternative == 0:
        return cell_global_identity(data, r, _NCGI, 36)
    if alternative == 1:
        return eutran_cell(data, r)
    fail(r)
    return _NOWHERE


@part
def _pass_sessions(data, r):  # type: ignore[no-untyped-def]
    """PDUSessionResourceInformationList: of each session its flows, and which radio bearers carry them."""
    for _ in range(number(data, r, 1) + 1):
        preamble = sequence(data, r, 2)
        number(data, r, 1)
        _pass_flows(data, r, 0)
        if preamble & 2:
            for _ in range(bits(data, r, 5) + 1):
                mapping = sequence(data, r, 1)
                small_integer(data, r, 5)
                _pass_flows(data, r, 1)
                end_sequence(data, r, mapping, 1)
                if r.fault:
                    break
        end_sequence(data, r, preamble, 2)
        if r.fault:
            break


@part
def _pass_flows(data, r, width):  # type: ignore[no-untyped-def]
    """1 to 64 items of a QFI and an ENUMERATED that may be there, whose root takes `width` bits."""
    for _ in range(bits(data, r, 6) + 1):
        preamble = sequence(data, r, 2)
        small_integer(data, r, 6)
        if preamble & 2:
            enumerated(data, r, width, width + 1)
        end_sequence(data, r, preamble, 2)
        if r.fault:
            break


@part
def _pass_e_rabs(data, r):  # type: ignore[no-untyped-def]
    """E-RABInformationList of NGAP."""
    for _ in range(number(data, r, 1) + 1):
        preamble = sequence(data, r, 2)
        small_integer(data, r, 4)
        if preamble & 2:
            enumerated(data, r, 0, 1)
        end_sequence(data, r, preamble, 2)
        if r.fault:
            break
