"""Packet sockets of Linux: the ring of TPACKET_V3 blocks, and the numbers of socket(7), packet(7), if_packet.h.

A ring is `block_nr` blocks of one size. The kernel fills a block with packets and hands it over by its status word; it
is ours until that word is zero again. Offsets are in octets, within a block (BLOCK_*) or a packet's header (PACKET_*).
"""

AF_PACKET = 17
ETH_P_ALL = 0x0003
SOL_PACKET = 263
SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27
SO_TIMESTAMPING = 37

# setsockopt(SOL_PACKET, ...)
PACKET_ADD_MEMBERSHIP = 1
PACKET_RX_RING = 5
PACKET_STATISTICS = 6
PACKET_VERSION = 10
PACKET_TX_RING = 13
PACKET_LOSS = 14
PACKET_TIMESTAMP = 17
PACKET_FANOUT = 18
PACKET_QDISC_BYPASS = 20
PACKET_FANOUT_DATA = 22
PACKET_IGNORE_OUTGOING = 23

# what PACKET_FANOUT takes: the number of a group, and shifted by 16 how its packets are spread
PACKET_FANOUT_GROUP = 0xFFFF
PACKET_FANOUT_CBPF = 6
PACKET_FANOUT_FLAG_ROLLOVER = 0x1000
PACKET_FANOUT_FLAG_UNIQUEID = 0x2000  # the kernel gives the first socket's group a number
PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000  # the socket's own PACKET_IGNORE_OUTGOING does not count in a group

TPACKET_V2 = 1
TPACKET_V3 = 2
PACKET_MR_PROMISC = 1
RX_SOFTWARE, SOFTWARE, RAW_HARDWARE = 0x08, 0x10, 0x40  # SOF_TIMESTAMPING_*

TPACKET_REQ3 = "=IIIIIII"
"""struct tpacket_req3: block_size, block_nr, frame_size, frame_nr, retire_blk_tov in ms, sizeof_priv, feature word."""
TPACKET_STATS_V3 = "=III"
"""struct tpacket_stats_v3: packets (lost ones included), drops, times that the ring was found full."""
PACKET_MREQ = "=iHH8s"
SOCK_FPROG = "=HxxxxxxQ"

# struct tpacket_block_desc
BLOCK_STATUS = 8
BLOCK_PACKETS = 12
BLOCK_FIRST = 16
BLOCK_HEADER_OCTETS = 48

# struct tpacket3_hdr
PACKET_NEXT = 0
PACKET_SEC = 4
PACKET_NSEC = 8
PACKET_CAPTURED = 12
PACKET_WIRE = 16
PACKET_MAC = 24
PACKET_HEADER_OCTETS = 48

STATUS_USER = 1  # TP_STATUS_USER

ARPHRD_TO_LINK = {1: 1, 772: 1, 65534: 101, 519: 101, 512: 101, 768: 101, 776: 101, 778: 101}
"""ARPHRD_* of an interface to LINKTYPE_* of its frames: Ethernet, loopback; tun, raw, PPP and tunnels as bare IP."""

# struct tpacket2_hdr, as a TX ring has it: a slot's status and length, and where its packet begins
TX_STATUS = 0
TX_LENGTH = 4
TX_DATA = 32  # TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)
TX_AVAILABLE = 0
TX_SEND = 1  # TP_STATUS_SEND_REQUEST
TPACKET_REQ = "=IIII"
"""struct tpacket_req: block_size, block_nr, frame_size, frame_nr."""
