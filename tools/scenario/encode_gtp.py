"""GTP-U, GTPv1-C and GTPv2-C, written from the layouts of TS 29.281, TS 29.060 and TS 29.274.

Shares no table with the decoder.
"""

import struct
from typing import NamedTuple

from tools.scenario.encode_ip import checksum, ip, ones_sum, udp

GTPU_PORT, GTPC_PORT = 2152, 2123
S1U_ENB, S1U_SGW, S5U_SGW, S5U_PGW, S5C_SGW, S5C_PGW, S11_MME, S11_SGW = 0, 1, 4, 5, 6, 7, 10, 11


class Endpoint(NamedTuple):
    """A tunnel endpoint: address (4 or 16 octets) and TEID."""

    address: bytes
    teid: int


class Location(NamedTuple):
    """A cell: PLMN, tracking or location area, ECI (LTE) or CI (3G)."""

    mcc: str
    mnc: str
    area: int
    cell: int


def digits(text: str) -> bytes:
    """Telephony BCD, low nibble first, filler 0xF (TS 24.008 §10.5.4.7)."""
    text += "F" * (len(text) & 1)
    return bytes(int(text[i + 1] + text[i], 16) for i in range(0, len(text), 2))


def plmn(mcc: str, mnc: str) -> bytes:
    """Three octets of a PLMN identity (TS 24.008 §10.5.1.3)."""
    third = mnc[2] if len(mnc) == 3 else "F"
    return bytes((int(mcc[1] + mcc[0], 16), int(third + mcc[2], 16), int(mnc[1] + mnc[0], 16)))


def labels(name: str) -> bytes:
    """An access point name as length-prefixed labels without a final zero (TS 23.003 §9.1)."""
    return b"".join(bytes((len(part),)) + part.encode() for part in name.split("."))


# GTP-U


class Tunnel:
    """One direction of a GTP-U tunnel: wraps inner packets with the outer headers' constant sums worked out once.

    `extension` is a chain of extension headers that starts with the first type, `sequence` adds the S flag.
    """

    _HEAD = struct.Struct(">BBHHHBBH4s4sHHHHBBHI")

    def __init__(self, src: bytes, to: Endpoint, extension: bytes = b"", sequence: bool = False) -> None:
        self.src, self.to = src, to
        self.flags = 0x30 | (4 if extension else 0) | (2 if sequence else 0)
        self.sequence = sequence
        self.optional = extension or (b"\0" if sequence else b"")
        self.count = 0
        if len(src) == 4:
            self.sum = ones_sum(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 62, 17, 0, src, to.address))

    def wrap(self, inner: bytes, ident: int) -> bytes:
        """The outer IP packet of a G-PDU (message type 255) with `inner` inside."""
        optional = b""
        if self.optional:
            self.count = (self.count + 1) & 0xFFFF
            optional = struct.pack(">HB", self.count if self.sequence else 0, 0) + self.optional
        size = len(optional) + len(inner)
        teid = self.to.teid
        if len(self.src) != 4:
            gtp = struct.pack(">BBHI", self.flags, 255, size, teid) + optional + inner
            return ip(self.src, self.to.address, 17, udp(self.src, self.to.address, GTPU_PORT, GTPU_PORT, gtp))
        total = size + 36
        check = checksum(self.sum + total + ident)
        head = self._HEAD.pack(
            0x45, 0, total, ident, 0, 62, 17, check, self.src, self.to.address,
            GTPU_PORT, GTPU_PORT, size + 16, 0, self.flags, 255, size, teid,
        )  # fmt: skip
        return head + optional + inner


def pdu_session_container(uplink: bool, qfi: int) -> bytes:
    """Extension chain with a PDU Session Container alone (TS 38.415 §5.5.2), its type first."""
    return bytes((0x85, 1, 0x10 if uplink else 0, qfi, 0))


def gtpu_echo(response: bool, sequence: int) -> bytes:
    """GTP-U Echo Request or Response (TS 29.281 §7.2)."""
    body = b"\x0e\0" if response else b""
    return struct.pack(">BBHIHBB", 0x32, 2 if response else 1, 4 + len(body), 0, sequence, 0, 0) + body


def end_marker(teid: int) -> bytes:
    """GTP-U End Marker (TS 29.281 §7.3.2)."""
    return struct.pack(">BBHI", 0x30, 254, 0, teid)


def error_indication(unknown: Endpoint) -> bytes:
    """GTP-U Error Indication for an endpoint that is not known (TS 29.281 §7.3.1)."""
    body = struct.pack(">BIBH", 16, unknown.teid, 133, len(unknown.address)) + unknown.address
    return struct.pack(">BBHIHBB", 0x32, 26, 4 + len(body), 0, 0, 0, 0) + body


# GTPv2-C


def ie(kind: int, value: bytes, instance: int = 0) -> bytes:
    """An information element (TS 29.274 §8.2.1)."""
    return struct.pack(">BHB", kind, len(value), instance) + value


def message_v2(kind: int, teid: int | None, sequence: int, body: bytes, piggyback: bool = False) -> bytes:
    """A GTPv2-C message (TS 29.274 §5.1); no TEID field for `teid` None; `piggyback` says that another follows."""
    flags = 0x40 | (0x10 if piggyback else 0) | (0x08 if teid is not None else 0)
    rest = (b"" if teid is None else struct.pack(">I", teid)) + struct.pack(">I", sequence << 8) + body
    return struct.pack(">BBH", flags, kind, len(rest)) + rest


def fteid(interface: int, endpoint: Endpoint, instance: int = 0) -> bytes:
    """Fully qualified TEID (§8.22)."""
    version = 0x80 if len(endpoint.address) == 4 else 0x40
    return ie(87, struct.pack(">BI", version | interface, endpoint.teid) + endpoint.address, instance)


def cause(value: int, remote: bool = False) -> bytes:
    """Cause (§8.4)."""
    return ie(2, bytes((value, 1 if remote else 0)))


def ebi(value: int, instance: int = 0) -> bytes:
    """EPS bearer identity (§8.8)."""
    return ie(73, bytes((value,)), instance)


def uli(where: Location) -> bytes:
    """User location with TAI and ECGI (§8.21)."""
    code = plmn(where.mcc, where.mnc)
    return ie(86, b"\x18" + code + struct.pack(">H", where.area) + code + struct.pack(">I", where.cell))


def bearer_qos(qci: int, priority: int = 9) -> bytes:
    """Bearer level QoS (§8.15); guaranteed rates only for the GBR classes."""
    rate = (128).to_bytes(5, "big") if qci <= 4 else bytes(5)
    return ie(80, bytes((0x40 | priority << 2, qci)) + rate * 4)


def paa(v4: bytes | None, v6: bytes | None) -> bytes:
    """PDN address allocation (§8.14): IPv6 before IPv4."""
    kind = (1 if v4 else 0) | (2 if v6 else 0)
    return ie(79, bytes((kind,)) + (b"\x40" + v6 if v6 else b"") + (v4 or b""))


def bearer_context(*elements: bytes, instance: int = 0) -> bytes:
    """Bearer Context (§8.28)."""
    return ie(93, b"".join(elements), instance)


def ran_cause(protocol: int, group: int, value: int) -> bytes:
    """RAN/NAS cause (§8.103): protocol 1 S1AP with its group, 2 EMM, 3 ESM."""
    return ie(172, bytes((protocol << 4 | group, value)))


def identity(imsi: str, msisdn: str, imeisv: str) -> bytes:
    """IMSI, MSISDN and MEI (§8.3, §8.11, §8.10)."""
    return ie(1, digits(imsi)) + ie(76, digits(msisdn)) + ie(75, digits(imeisv))


def tft_port(port: int) -> bytes:
    """A bearer TFT that creates one filter: bidirectional, remote port (§8.19, TS 24.008 §10.5.6.12)."""
    return ie(84, bytes((0x21, 0x31, 1, 3, 0x50)) + struct.pack(">H", port))


# GTPv1-C


def message_v1(kind: int, teid: int, sequence: int, body: bytes) -> bytes:
    """A GTPv1-C message, always with its sequence number (TS 29.060 §6)."""
    return struct.pack(">BBHIHBB", 0x32, kind, len(body) + 4, teid, sequence, 0, 0) + body


def tv(kind: int, value: bytes) -> bytes:
    """An element of fixed length, type below 128 (§7.7)."""
    return bytes((kind,)) + value


def tlv(kind: int, value: bytes) -> bytes:
    """An element with a length, type from 128 on (§7.7)."""
    return struct.pack(">BH", kind, len(value)) + value


def imsi_v1(imsi: str) -> bytes:
    """IMSI (§7.7.2): 8 octets, filler 0xF."""
    return tv(2, digits(imsi).ljust(8, b"\xff"))


def rai(where: Location) -> bytes:
    """Routeing area (§7.7.3)."""
    return tv(3, plmn(where.mcc, where.mnc) + struct.pack(">HB", where.area, 1))


def uli_v1(where: Location, service_area: bool) -> bytes:
    """User location (§7.7.51): CGI, or SAI for `service_area`."""
    code = plmn(where.mcc, where.mnc)
    return tlv(152, bytes((1 if service_area else 0,)) + code + struct.pack(">HH", where.area, where.cell))


def end_user_address(v4: bytes | None, v6: bytes | None) -> bytes:
    """End user address (§7.7.27): IPv4 before IPv6."""
    kind = 0x8D if v4 and v6 else (0x57 if v6 else 0x21)
    return tlv(128, bytes((0xF1, kind)) + (v4 or b"") + (v6 or b""))


QOS_INTERACTIVE = tlv(135, bytes.fromhex("0223621f7196585874f9ffff"))
"""QoS profile (§7.7.34, TS 24.008 §10.5.6.5): ARP 2, traffic class interactive, handling priority 1."""
