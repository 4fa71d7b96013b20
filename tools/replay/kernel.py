"""Packets of a block into the slots of a packet socket's TX ring."""

from formats.packet_socket import TX_AVAILABLE, TX_DATA, TX_LENGTH, TX_SEND, TX_STATUS
from kernels.jit import kernel


@kernel
def fill(data, records, begin, end, ring, words, slot, slots, size):  # type: ignore[no-untyped-def]
    """Copy records[begin:end] into slots from `slot` on, as long as slots are free; the first record not taken.

    data: uint8[n]; records: RECORD[m]; ring: uint8[k], words: uint32[k / 4], the ring of
    `slots` slots of `size` octets.
    What is longer than a slot holds is cut.
    """
    for i in range(begin, end):
        at = (slot + i - begin) % slots * size
        if words[(at + TX_STATUS) >> 2] != TX_AVAILABLE:
            return i
        record = records[i]
        count = min(record.captured, size - TX_DATA)
        start = record.offset
        for k in range(count):
            ring[at + TX_DATA + k] = data[start + k]
        words[(at + TX_LENGTH) >> 2] = count
        words[(at + TX_STATUS) >> 2] = TX_SEND
    return end
