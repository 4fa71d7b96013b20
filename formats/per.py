"""Aligned PER (ITU-T X.691, BASIC-PER ALIGNED): the state of a reader, and the widths that follow from ASN.1 ranges.

INTEGER of a range up to 255            as many bits as the range needs, not aligned
INTEGER of a range of 256, to 65536     one, two octets, aligned
INTEGER of a longer range               octets - 1 in as many bits as their number needs, aligned octets
INTEGER, value outside its root         length determinant, octets of a two's complement
ENUMERATED, CHOICE                      extension bit where extensible; index in as many bits as the root needs
SEQUENCE                                extension bit where extensible, one bit per OPTIONAL member, the members
BIT STRING, OCTET STRING of fixed size  up to 16 bits not aligned, above aligned
open type, OCTET STRING                 length determinant, octets, both aligned
"""

import numpy as np

READER = np.dtype(
    [
        ("at", "i8"),  # bit that is read next, from the first octet of the array
        ("end", "i8"),  # bit behind the last one that may be read
        ("fault", "u1"),  # 1: a read would have gone past `end`, or met what cannot be; all reads since gave 0
        ("damage", "u1"),  # 1: some part ended with a fault, or did not fit
        ("whole", "u1"),  # 1: the octets are those that were put together from fragments
    ],
    align=True,
)

FRAGMENT_OCTETS = 16384  # a fragment is 1 to 4 times as long (X.691 §11.9.3.8)
