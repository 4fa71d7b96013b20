"""AF_XDP sockets and the few parts of bpf(2) that they need (linux/if_xdp.h, linux/bpf.h); x86-64 and ARM64 alike.

A UMEM is memory cut into chunks, each of which holds one frame. Their addresses (offsets into it) go round: we hand
chunks to the kernel in the FILL ring, it hands them back filled in the RX ring. Each ring is an array with a producer
and a consumer counter (uint32, which wrap), each written by one side only.
"""

AF_XDP = 44
SOL_XDP = 283

# setsockopt, getsockopt
XDP_MMAP_OFFSETS = 1
XDP_RX_RING = 2
XDP_UMEM_REG = 4
XDP_UMEM_FILL_RING = 5
XDP_UMEM_COMPLETION_RING = 6
XDP_STATISTICS = 7

# offsets for mmap
PGOFF_RX_RING = 0
PGOFF_FILL_RING = 0x100000000

# sockaddr_xdp.flags
XDP_COPY = 2
XDP_ZEROCOPY = 4

UMEM_REG = "=QQIIII"
"""struct xdp_umem_reg: addr, len, chunk_size, headroom, flags, tx_metadata_len."""
RING_OFFSETS = "=QQQQ"
"""struct xdp_ring_offset: producer, consumer, desc, flags; XDP_MMAP_OFFSETS gives rx, tx, fill, completion."""
SOCKADDR_XDP = "=HHIII"
"""family, flags, ifindex, queue_id, shared_umem_fd."""
STATISTICS = "=QQQQQQ"
"""rx_dropped, rx_invalid_descs, tx_invalid_descs, rx_ring_full, rx_fill_ring_empty_descs, tx_ring_empty_descs."""
DESC_OCTETS = 16
"""struct xdp_desc: u64 addr, u32 len, u32 options."""

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_PROG_LOAD, BPF_LINK_CREATE = 0, 2, 5, 28
BPF_MAP_TYPE_XSKMAP = 17
BPF_PROG_TYPE_XDP = 6
BPF_ATTACH_XDP = 37
XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE = 2, 4

MAP_CREATE = "=IIIII"  # type, key_size, value_size, max_entries, flags
MAP_UPDATE = "=IIQQQ"  # map fd, padding, key, value, flags
PROG_LOAD = "=IIQQIIQII16sII"
"""type, instructions, their address, licence, log level, log size, log address, kernel version, flags, name, ifindex,
expected attach type."""
LINK_CREATE = "=IIII"  # program fd, ifindex, attach type, flags
INSTRUCTION = "=BBhi"  # opcode, source << 4 | destination, offset, immediate


def redirect_program(map_fd: int) -> list[tuple[int, int, int, int]]:
    """To the socket of the receive queue, in the map; where it has none, on to the host (XDP_PASS)."""
    return [
        (0x61, 0x12, 16, 0),  # r2 = rx_queue_index of the context in r1
        (0x18, 0x11, 0, map_fd),  # r1 = map, in two slots
        (0x00, 0x00, 0, 0),
        (0xB7, 0x03, 0, 2),  # r3 = XDP_PASS
        (0x85, 0x00, 0, 51),  # bpf_redirect_map
        (0x95, 0x00, 0, 0),  # exit
    ]
