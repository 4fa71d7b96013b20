"""Addresses and identities as the integers that kernels carry.

IP: two uint64 `hi`, `lo`, big-endian; an IPv4 address is its IPv4-mapped form (RFC 4291 §2.5.5.2):
`hi = 0`, `lo = 0x0000_FFFF_aabb_ccdd`. No address: both 0.

Digits (IMSI, MSISDN, IMEI): uint64 of 16 nibbles, the first digit in the highest nibble, filler 0xF; so 15 digits are
60 bits and leading zeros survive. No digits: all ones (`NO_DIGITS`).

Cell: uint64, `kind` 4 bits (60-63) | PLMN 24 bits (36-59) | identity 36 bits (0-35). The PLMN is six nibbles
MCC1 MCC2 MCC3 MNC1 MNC2 MNC3 with MNC3 = 0xF for a two-digit MNC. Identity: ECI 28 bits, NCI 36 bits,
LAC << 16 | CI (or SAC, or RAC) for 2G/3G. No cell: 0.
"""

import numpy as np

IPV4_MAPPED = np.uint64(0x0000_FFFF_0000_0000)
NO_DIGITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

CELL_ECGI = 1  # MCC-MNC-ECI
CELL_CGI = 2  # MCC-MNC-LAC-CI
CELL_SAI = 3  # MCC-MNC-LAC-SAC: a service area, the closest that Iu gives
CELL_NCGI = 4  # MCC-MNC-NCI
CELL_RAI = 5  # MCC-MNC-LAC-RAC: a routing area, where no cell is told
CELL_TAI = 6  # MCC-MNC-TAC: a tracking area, where no cell is told
