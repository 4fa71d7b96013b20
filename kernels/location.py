"""Where a subscriber is: PLMN, cell and area as `formats.addresses` codes them, from the elements that carry them."""

import numpy as np

from formats.addresses import CELL_CGI, CELL_ECGI, CELL_RAI, CELL_SAI, CELL_TAI
from formats.gtpv2c import (
    ULI_CGI,
    ULI_CGI_OCTETS,
    ULI_ECGI,
    ULI_RAI,
    ULI_SAI,
    ULI_TAI,
    ULI_TAI_OCTETS,
)
from kernels.jit import kernel
from kernels.octets import be16, be32

_NOWHERE = np.uint64(0)
# A plain int would be a literal type, and each literal an overload of its own.
_ECGI, _RAI, _TAI = np.int64(CELL_ECGI), np.int64(CELL_RAI), np.int64(CELL_TAI)
_CGI, _SAI = np.int64(CELL_CGI), np.int64(CELL_SAI)


@kernel
def plmn(data, at):  # type: ignore[no-untyped-def]
    """PLMN identity (TS 24.008 §10.5.1.13) of 3 octets: int64 of six nibbles MCC MNC, third MNC digit 0xF if absent."""
    first, second, third = np.int64(data[at]), np.int64(data[at + 1]), np.int64(data[at + 2])
    country = ((first & 15) << 8) | (first & 0xF0) | (second & 15)
    network = ((third & 15) << 8) | (third & 0xF0) | (second >> 4)
    return (country << 12) | network


@kernel
def cell_code(kind, network, identity):  # type: ignore[no-untyped-def]
    """The uint64 of a cell: CELL_* kind, 24-bit PLMN, 36-bit identity."""
    return np.uint64((kind << 60) | (network << 36) | identity)


@kernel
def lac_cell(data, at, kind):  # type: ignore[no-untyped-def]
    """CGI or SAI: PLMN, LAC, CI or SAC; 7 octets."""
    return cell_code(kind, plmn(data, at), be32(data, at + 3))


@kernel
def routing_area(data, at):  # type: ignore[no-untyped-def]
    """RAI: PLMN, LAC, RAC; 6 octets."""
    return cell_code(_RAI, plmn(data, at), (be16(data, at + 3) << 16) | np.int64(data[at + 5]))


@kernel
def tracking_area(data, at):  # type: ignore[no-untyped-def]
    """TAI: PLMN, TAC; 5 octets."""
    return cell_code(_TAI, plmn(data, at), be16(data, at + 3))


@kernel
def eutran_cell(data, at):  # type: ignore[no-untyped-def]
    """ECGI: PLMN, 4 spare bits, ECI of 28 bits; 7 octets."""
    return cell_code(_ECGI, plmn(data, at), be32(data, at + 3) & 0x0FFF_FFFF)


@kernel
def user_location(data, at, length):  # type: ignore[no-untyped-def]
    """GTPv2 User Location Information (TS 29.274 §8.21): (cell uint64, area uint64, damage).

    The cell is the finest identity that is told: ECGI, CGI, SAI, TAI, RAI; the area is the TAI, else the RAI. They
    follow the flags in a fixed order; those that come after the ECGI are not read. `length` is at least 1.
    """
    flags = np.int64(data[at])
    cgi = at + 1
    sai = cgi + (ULI_CGI_OCTETS if flags & ULI_CGI else 0)
    rai = sai + (ULI_CGI_OCTETS if flags & ULI_SAI else 0)
    tai = rai + (ULI_CGI_OCTETS if flags & ULI_RAI else 0)
    ecgi = tai + (ULI_TAI_OCTETS if flags & ULI_TAI else 0)
    end = ecgi + (ULI_CGI_OCTETS if flags & ULI_ECGI else 0)
    cell = _NOWHERE
    area = _NOWHERE
    if end > at + length:
        return cell, area, 1
    if flags & ULI_TAI:
        area = tracking_area(data, tai)
    elif flags & ULI_RAI:
        area = routing_area(data, rai)
    if flags & ULI_ECGI:
        cell = eutran_cell(data, ecgi)
    elif flags & ULI_CGI:
        cell = lac_cell(data, cgi, _CGI)
    elif flags & ULI_SAI:
        cell = lac_cell(data, sai, _SAI)
    else:
        cell = area
    return cell, area, 0
