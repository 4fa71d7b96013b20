"""Frames made with scapy: every link type, tag, IP version, extension header, tunnel and transport that is read.

`FRAMES` is a list of `Frame(name, link, octets, packet)`; `packet` is the scapy packet, for what scapy says of it.
"""

from functools import partial
from typing import Any, NamedTuple

from scapy.contrib.gtp import (
    IE_TEIDI,
    GTP_U_Header,
    GTPErrorIndication,
    GTPPDUSessionContainer,
    IE_GSNAddress,
)
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import ARP, GRE, LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.sctp import SCTP
from scapy.packet import Packet, Padding, Raw


class Frame(NamedTuple):
    """One frame of the corpus."""

    name: str
    link: int
    octets: bytes
    packet: Any


MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
NGAP_CHUNK = b"\0\3\0\x14" + bytes(11) + b"\x3c" + bytes(4)
DIAMETER_HEAD = bytes.fromhex("0100001480000101") + bytes(12)
USER4 = IP(src="10.9.8.7", dst="198.51.100.20", id=4711, ttl=63)
USER6 = IPv6(src="2001:db8:1::7", dst="2001:db8:2::20", hlim=60)
NODE4 = IP(src="192.0.2.1", dst="192.0.2.2", id=99)
NODE6 = IPv6(src="2001:db8:a::1", dst="2001:db8:b::2")
SYN = TCP(sport=40000, dport=443, seq=0xFFFFFFF0, flags="S", window=64240,
          options=[("MSS", 1400), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)])  # fmt: skip
ACK = TCP(sport=443, dport=40000, seq=5, ack=0x80000001, flags="PA", window=501)


def ethernet(packet: Packet) -> Packet:
    return Ether(**MACS) / packet


def gtpu(inner: Packet | None = None, node: Packet = NODE4, teid: int = 0x12345678, **fields: Any) -> Packet:
    """A G-PDU (or another message) between two nodes."""
    header = GTP_U_Header(teid=teid, **fields)
    return node / UDP(sport=2152, dport=2152) / (header / inner if inner is not None else header)


def raw_gtpu(octets: bytes, sport: int = 2152, dport: int = 2152, node: Packet = NODE4) -> Packet:
    """A GTP-U payload that scapy has no class for."""
    return node / UDP(sport=sport, dport=dport) / Raw(octets)


def _links() -> list[tuple[str, int, Any]]:
    user = USER4 / ACK / Raw(b"hello")
    user6 = USER6 / SYN
    llc = LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
    word = Raw(bytes(4))
    frames = [
        ("ethernet", 1, ethernet(user)),
        ("ethernet v6", 1, ethernet(user6)),
        ("vlan", 1, ethernet(Dot1Q(vlan=5) / user)),
        ("qinq", 1, ethernet(Dot1AD(vlan=5) / Dot1Q(vlan=6) / user6)),
        ("snap", 1, Dot3(**MACS) / llc / SNAP(OUI=0, code=0x0800) / user),
        ("snap oui", 1, Dot3(**MACS) / llc / SNAP(OUI=12, code=0x0800) / user),
        ("llc", 1, Dot3(**MACS) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes(40))),
        ("snap vlan", 1, Dot3(**MACS) / llc / SNAP(OUI=0, code=0x8100) / Dot1Q(vlan=5) / user),
        ("mpls", 1, ethernet(MPLS(label=16, s=0) / MPLS(label=17, s=1) / user)),
        ("mpls v6", 1, ethernet(MPLS(label=17, s=1) / user6)),
        ("mpls other", 1, ethernet(MPLS(label=17, s=1) / Raw(b"\x10" + bytes(30)))),
        ("pseudowire", 1, ethernet(MPLS(label=17, s=1) / word / ethernet(Dot1Q(vlan=3) / user))),
        ("pppoe", 1, ethernet(PPPoE(sessionid=7) / PPP(proto=0x21) / user)),
        ("pppoe v6", 1, ethernet(Dot1Q(vlan=3) / PPPoE(sessionid=7) / PPP(proto=0x57) / user6)),
        ("pppoe lcp", 1, ethernet(PPPoE(sessionid=7) / PPP(proto=0xC021) / Raw(bytes(20)))),
        ("pppoe code", 1, ethernet(PPPoE(code=9) / Raw(bytes(20)))),
        ("pppoe version", 1, ethernet(PPPoE(version=2) / PPP(proto=0x21) / user)),
        ("arp", 1, ethernet(ARP())),
        ("lldp", 1, Ether(type=0x88CC, **MACS) / Raw(bytes(40))),
        ("ethertype 1501", 1, Ether(type=1501, **MACS) / Raw(bytes(40))),
        ("ip in ipx type", 1, Ether(type=0x0800, **MACS) / user6),
        ("padded", 1, ethernet(USER4 / TCP(flags="A")) / Padding(bytes(6))),
        ("sll", 113, CookedLinux(proto=0x0800) / user),
        ("sll vlan", 113, CookedLinux(proto=0x8100) / Dot1Q(vlan=4) / user6),
        ("sll llc", 113, CookedLinux(proto=4) / llc / SNAP(OUI=0, code=0x0800) / user),
        ("sll raw 802.3", 113, CookedLinux(proto=1) / Raw(bytes(40))),
        ("sll2", 276, CookedLinuxV2(proto=0x86DD) / user6),
        ("sll2 vlan", 276, CookedLinuxV2(proto=0x8100) / Dot1Q(vlan=4) / user),
        ("ppp", 9, HDLC() / PPP(proto=0x21) / user),
        ("ppp short", 9, PPP(proto=0x57) / user6),
        ("ppp compressed", 9, Raw(b"\x21") / user),
        ("ppp serial cisco", 50, Raw(b"\x0f\x00\x08\x00") / user),
        ("ppp lcp", 50, HDLC() / PPP(proto=0xC021) / Raw(bytes(8))),
        ("ppp ether", 51, PPPoE(sessionid=7) / PPP(proto=0x21) / user),
        ("hdlc", 104, Raw(b"\x8f\x00\x86\xdd") / user6),
        ("hdlc slarp", 104, Raw(b"\x8f\x00\x80\x35") / Raw(bytes(20))),
        ("hdlc isis", 104, Raw(b"\x0f\x00\x00\x83") / Raw(bytes(20))),
        ("unknown link", 147, Raw(bytes(60))),
    ]
    frames += [(f"raw {link}", link, user) for link in (12, 14, 101, 228, 229)]
    frames += [(f"raw v6 {link}", link, user6) for link in (12, 14, 101, 228, 229)]
    families = {2: user, 10: user6, 24: user6, 28: user6, 30: user6, 7: user}
    for family, packet in families.items():
        for order in ("big", "little"):
            head = Raw(family.to_bytes(4, order))  # type: ignore[arg-type]
            frames += [(f"{link} {family} {order}", link, head / packet) for link in (0, 108)]
    for count in (8, 9):
        tags: Packet = Dot1Q(vlan=1)
        labels: Packet = MPLS(label=16, s=0)
        for i in range(1, count):
            tags /= Dot1Q(vlan=1)
            labels /= MPLS(label=16, s=int(i == count - 1))
        frames += [(f"{count} tags", 1, ethernet(tags / user)), (f"{count} labels", 1, ethernet(labels / user))]
    return frames


def _ips() -> list[tuple[str, int, Any]]:
    tail = UDP(sport=5000, dport=53) / Raw(b"query")
    options = IP(src="10.9.8.7", dst="198.51.100.20", options=[IPOption_NOP(), IPOption_RR(routers=["0.0.0.0"] * 3)])
    chain = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=["2001:db8::1"])
    many = [IPv6ExtHdrDestOpt() for _ in range(9)]
    eight: Packet = many[0]
    for header in many[1:8]:
        eight /= header
    other = {135: b"\x11\0\0\0\0\0\0\0", 139: b"\x11\1" + bytes(14), 140: b"\x11\0\0\0\0\0\0\0"}
    packets = [
        ("options", options / tail),
        ("v6 chain", USER6 / chain / tail),
        ("v6 atomic fragment", USER6 / IPv6ExtHdrFragment(id=77, m=0) / tail),
        ("v6 ah", USER6 / AH(spi=1, icv=bytes(12), nh=17, payloadlen=4) / Raw(bytes(tail))),
        ("v6 esp", USER6 / ESP(spi=1, data=bytes(40))),
        ("v6 none", IPv6(src="2001:db8:1::7", dst="2001:db8:2::20", nh=59)),
        ("v6 8 extensions", USER6 / eight / tail),
        ("v6 9 extensions", USER6 / eight / IPv6ExtHdrDestOpt() / tail),
        ("v6 9 fragments", USER6 / eight / IPv6ExtHdrFragment(offset=4) / Raw(bytes(20))),
        ("v6 extension too long", IPv6(plen=12, nh=60) / Raw(b"\x11\x04" + bytes(60))),
        ("v6 jumbo", IPv6(src="2001:db8:1::7", dst="2001:db8:2::20", plen=0) / IPv6ExtHdrHopByHop() / tail),
        ("v4 tso", IP(src="10.9.8.7", dst="198.51.100.20", len=0) / ACK / Raw(bytes(200))),
        ("v4 esp", USER4 / ESP(spi=1, data=bytes(40))),
        ("v4 ah", USER4 / AH(spi=1, icv=bytes(12), nh=17, payloadlen=4) / Raw(bytes(tail))),
        ("v4 in v4", USER4 / NODE4 / tail),
        ("6in4", USER4 / NODE6 / tail),
        ("gre", USER4 / GRE() / NODE4 / tail),
        ("icmp", USER4 / ICMP() / Raw(b"ping")),
        ("sctp", USER4 / SCTP(sport=36412, dport=36412, tag=5) / Raw(bytes(16))),
        ("sctp of others", USER4 / SCTP(sport=5000, dport=5001, tag=5) / Raw(bytes(16))),
        (
            "sctp ngap by ppid",
            USER4 / SCTP(sport=5000, dport=5001, tag=5) / Raw(NGAP_CHUNK),
        ),
        ("pfcp", USER4 / UDP(sport=8805, dport=8805) / Raw(bytes.fromhex("2001000c00000100006000040000000a"))),
        (
            "diameter",
            USER4 / TCP(sport=3868, dport=40000, flags="PA") / Raw(DIAMETER_HEAD),
        ),
        ("bad ihl", IP(src="10.9.8.7", dst="1.2.3.4", ihl=4) / tail),
        ("bad total", IP(src="10.9.8.7", dst="1.2.3.4", len=19) / tail),
        ("version 5", IP(version=5, src="10.9.8.7", dst="1.2.3.4") / tail),
        ("later tcp fragment", IP(src="10.9.8.7", dst="1.2.3.4", frag=100, proto=6) / Raw(bytes(100))),
        ("first tcp fragment", IP(src="10.9.8.7", dst="1.2.3.4", flags="MF") / ACK / Raw(bytes(100))),
        ("later udp fragment", IP(src="10.9.8.7", dst="1.2.3.4", frag=100, proto=17, flags="MF") / Raw(bytes(99))),
        ("later udp fragment, long", IP(src="10.9.8.7", dst="1.2.3.4", frag=9, proto=17) / Raw(bytes(2049))),
        ("first udp fragment", IP(src="10.9.8.7", dst="1.2.3.4", flags="MF") / UDP(len=3000) / Raw(bytes(96))),
        ("v6 later fragment", USER6 / IPv6ExtHdrFragment(offset=181, id=1 << 31, nh=17) / Raw(bytes(100))),
        ("v6 first gtpc", USER6 / IPv6ExtHdrFragment(m=1, id=5, nh=17) / UDP(dport=2123, len=500) / Raw(bytes(96))),
        ("v4 first gtpc", IP(flags="MF", id=5) / UDP(sport=2123, len=500) / Raw(bytes(96))),
        ("v4 first gtpc, long", IP(flags="MF", id=5) / UDP(sport=2123, len=5000) / Raw(bytes(2048))),
    ]
    packets += [
        (f"v6 {number}", IPv6(src="2001:db8:1::7", dst="2001:db8:2::20", nh=number) / Raw(octets + bytes(tail)))
        for number, octets in other.items()
    ]
    return [(name, 1, ethernet(packet)) for name, packet in packets]


def _transports() -> list[tuple[str, int, Any]]:
    def odd(**fields: Any) -> Packet:
        return TCP(sport=1, dport=2, **fields)

    def datagram(octets: bytes, sport: int = 5555, dport: int = 443, **fields: Any) -> Packet:
        return USER4 / UDP(sport=sport, dport=dport, **fields) / Raw(octets)

    versions = [1, 0x6B3343CF, 0xFF00001C, 0xFF00001D, 0xFF000022, 0xFF000023, 0x51303436, 0x54303530, 0]
    packets = [
        ("syn", USER4 / SYN),
        ("syn ack v6", USER6 / TCP(flags="SA", options=[("WScale", 99), ("MSS", 65535), ("EOL", None)])),
        ("bad data offset", USER4 / odd(dataofs=4)),
        ("data offset too long", USER4 / odd(dataofs=15)),
        ("broken options", USER4 / TCP(bytes(odd(flags="S", dataofs=7)) + b"\x02\x00\x01\x01" + b"\x03\x09\x01\x01")),
        ("short mss", USER4 / TCP(bytes(odd(flags="S", dataofs=6)) + b"\x02\x03\x01\x02")),
        ("short tcp", IP(proto=6) / Raw(bytes(10))),
        ("udp", USER4 / UDP(sport=1000, dport=2000) / Raw(b"x" * 30)),
        ("udp length 0", datagram(b"x" * 30, len=0)),
        ("udp length 7", datagram(b"x" * 30, len=7)),
        ("udp length short", datagram(b"x" * 30, len=20)),
        ("udp length long", datagram(b"x" * 30, len=39)),
        ("gtpc", datagram(bytes.fromhex("4001000900000100030001000a"), 2123, 2123)),
        ("gtp0", datagram(bytes([0x1E, 1]) + bytes(18), 3386, 3386)),
        ("gtp prime", datagram(bytes([0x4E, 1, 0, 4]) + bytes(6), 3386, 40000)),
        ("port 3386", datagram(b"\xff" * 40, 3386, 443)),
        ("short 3386", datagram(b"\x00" * 3, 3386, 443)),
    ]
    packets += [
        (f"quic {version:x}", datagram(b"\xc3" + version.to_bytes(4, "big") + bytes(40))) for version in versions
    ]
    packets += [("quic short header", datagram(b"\x43\0\0\0\1" + bytes(40)))]
    return [(name, 1, ethernet(packet)) for name, packet in packets]


def message(kind: int, body: bytes, flags: int = 0x30, length: int | None = None, teid: int = 5) -> bytes:
    size = len(body) if length is None else length
    return bytes([flags, kind]) + size.to_bytes(2, "big") + teid.to_bytes(4, "big") + body


def extended_gtpu(inner: bytes, *headers: tuple[int, bytes], flags: int = 0x34) -> bytes:
    """A G-PDU with extension headers (type, content), the content 2 octets short of a multiple of 4."""
    chain = bytes([0, 0, 0])
    for kind, content in headers:
        chain += bytes([kind, (len(content) + 2) // 4]) + content
    return message(255, chain + b"\0" + inner, flags)


def _tunnels() -> list[tuple[str, int, Any]]:
    user = USER4 / SYN / Raw(b"early")
    user6 = USER6 / UDP(sport=7, dport=443) / Raw(b"\xc0\0\0\0\1" + bytes(20))
    inner = bytes(user)
    extended = partial(extended_gtpu, inner)
    uplink = GTPPDUSessionContainer(type=1, QFI=9)
    downlink = GTPPDUSessionContainer(type=0, QFI=33, RQI=1)
    two = gtpu(gtpu(user, teid=2), teid=1)
    four = gtpu(gtpu(two, teid=3), teid=4)
    error = GTPErrorIndication(IE_list=[IE_TEIDI(TEIDI=0x101), IE_GSNAddress(length=4, ipv4_address="10.0.10.1")])

    indication = bytes.fromhex("00010000100000010185001020010db80000000000000000000000ff")
    packets = [
        ("gtpu", gtpu(user)),
        ("gtpu v6 in v4", gtpu(user6)),
        ("gtpu v4 in v6", gtpu(user, NODE6)),
        ("gtpu v6 in v6", gtpu(user6, NODE6)),
        ("gtpu ports", raw_gtpu(message(255, inner), sport=40000)),
        ("gtpu source port", raw_gtpu(message(255, inner), dport=40000)),
        ("gtpu icmp", gtpu(USER4 / ICMP())),
        ("gtpu sequence", gtpu(user, S=1, seq=77)),
        ("gtpu uplink", gtpu(uplink / user, E=1, next_ex=0x85)),
        ("gtpu downlink", gtpu(downlink / user, E=1, next_ex=0x85)),
        ("gtpu twice", two),
        ("gtpu four times", four),
        ("gtpu five times", gtpu(four, teid=5)),
        ("gtpu two containers", raw_gtpu(extended((0x85, b"\x10\x07"), (0xC0, b"\0\0"), (0x85, b"\x00\x08")))),
        ("gtpu long container", raw_gtpu(extended((0x85, b"\x18\x45" + bytes(12)), (0x40, b"\x08\x68")))),
        ("gtpu container of a type to come", raw_gtpu(extended((0x85, b"\x20\x07")))),
        ("gtpu every extension", raw_gtpu(extended(*[(kind, b"\0\0") for kind in (0x20, 0x40, 0x81, 0x83, 0x84, 3)]))),
        ("gtpu 16 extensions", raw_gtpu(extended(*[(0x20, b"\0\0")] * 16))),
        ("gtpu 17 extensions", raw_gtpu(extended(*[(0x20, b"\0\0")] * 17))),
        ("gtpu extension of length 0", raw_gtpu(message(255, bytes([0, 0, 0, 0x85, 0]) + inner, 0x34))),
        ("gtpu extension too long", raw_gtpu(message(255, bytes([0, 0, 0, 0x85, 99]) + inner, 0x34))),
        ("gtpu extension missing", raw_gtpu(message(255, bytes([0, 0, 0, 0x85]), 0x34))),
        ("gtpu no optional octets", raw_gtpu(message(255, bytes(3), 0x32))),
        ("gtpu no E", raw_gtpu(message(255, bytes([0, 1, 0, 0x85]) + inner, 0x32))),
        ("gtpu PN", raw_gtpu(message(255, bytes([0, 1, 0, 0x85]) + inner, 0x31))),
        ("gtpu empty", raw_gtpu(message(255, b""))),
        ("gtpu ethernet", raw_gtpu(message(255, bytes(ethernet(user))))),
        ("gtpu short length", raw_gtpu(message(255, inner, length=10))),
        ("gtpu long length", raw_gtpu(message(255, inner, length=len(inner) + 1))),
        ("gtpu spare bit", raw_gtpu(message(255, inner, 0x38))),
        ("gtp prime on 2152", raw_gtpu(message(255, inner, 0x20))),
        ("gtp 0 on 2152", raw_gtpu(message(255, inner, 0x10))),
        ("gtpu unknown type", raw_gtpu(message(77, inner))),
        ("gtpu 7 octets", raw_gtpu(message(1, b"")[:7])),
        ("echo request", raw_gtpu(message(1, bytes([0x12, 0x34, 0, 0]), 0x32, teid=0))),
        ("echo response", raw_gtpu(message(2, bytes([0x12, 0x34, 0, 0, 14, 0]), 0x32, teid=0))),
        ("echo without sequence", raw_gtpu(message(1, b"", teid=0))),
        ("end marker", raw_gtpu(message(254, b""))),
        ("supported extensions", raw_gtpu(message(31, bytes([0, 0, 0, 0, 141, 1, 0x85]), 0x32))),
        ("tunnel status", raw_gtpu(message(253, bytes([0, 0, 0, 0]), 0x32))),
        ("error indication", gtpu(error, gtp_type=26, S=1, teid=0)),
        ("error indication v6", raw_gtpu(message(26, indication, 0x32, teid=0))),
        ("error indication port", raw_gtpu(message(26, b"\0\1\0\x40\1\x08\x68\0" + indication[4:], 0x36, teid=0))),
        ("error indication without address", raw_gtpu(message(26, indication[:9], 0x32))),
        ("error indication odd address", raw_gtpu(message(26, indication[:9] + b"\x85\0\1\7", 0x32))),
        ("error indication unknown element", raw_gtpu(message(26, b"\0\0\0\0\x05" + indication[4:], 0x32))),
        ("error indication cut element", raw_gtpu(message(26, indication[:-1], 0x32))),
        ("error indication extended", raw_gtpu(message(26, indication + b"\xff\0\2\0\0", 0x32))),
        ("echo in tunnel", gtpu(USER4 / UDP(sport=2152, dport=2152) / Raw(message(1, bytes(4), 0x32)))),
        ("gtpc in tunnel", gtpu(USER4 / UDP(sport=2123, dport=2123) / Raw(b"\x40\1\0\4" + bytes(4)))),
        ("gtp0 in tunnel", gtpu(USER4 / UDP(sport=3386, dport=3386) / Raw(b"\x1e\1" + bytes(18)))),
        ("inner later fragment", gtpu(IP(frag=20, proto=17, src="10.1.1.1") / Raw(bytes(40)))),
        ("inner first fragment", gtpu(IP(flags="MF", src="10.1.1.1") / UDP(sport=9, dport=9, len=900) / Raw(bytes(9)))),
        ("inner malformed", gtpu(IP(ihl=3, src="10.1.1.1") / Raw(bytes(40)))),
        ("inner options", gtpu(IP(src="10.1.1.1", options=[IPOption_NOP()] * 4) / SYN)),
        ("inner v6 chain", gtpu(USER6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1, id=3) / ACK / Raw(bytes(16)))),
        ("inner tso", gtpu(IP(src="10.1.1.1", len=0) / ACK / Raw(bytes(100)))),
        ("first fragment of a tunnel", IP(flags="MF") / UDP(sport=2152, dport=2152, len=1600)
         / Raw(message(255, inner, length=1584))),
    ]  # fmt: skip
    return [(name, 1, ethernet(packet)) for name, packet in packets]


def _made() -> list[Frame]:
    entries = _links() + _ips() + _transports() + _tunnels()
    return [Frame(name, link, bytes(packet), packet) for name, link, packet in entries]


FRAMES = _made()
