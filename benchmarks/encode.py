"""Packets as rows of packed structured dtypes: a field is assigned for a whole column of packets at once.

Written from the standards for the benchmark alone, so that nothing is shared with the decoder that it measures:
pcap records around Ethernet, IPv4 (RFC 791), UDP (RFC 768), GTP-U (TS 29.281 §5.1), TCP (RFC 9293) and
GTPv2-C (TS 29.274 §5, §7.2, §8).
"""

import struct
from typing import NamedTuple

import numpy as np

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)

SNAP = 96
"""Octets kept of a user-plane frame in the `headers` form; signalling is always kept whole."""

_RECORD = [("sec", "<u4"), ("usec", "<u4"), ("captured", "<u4"), ("wire", "<u4")]
_ETHERNET = [("eth_dst", "u1", (6,)), ("eth_src", "u1", (6,)), ("eth_type", ">u2")]


def _ipv4(prefix: str) -> list[tuple[str, str]]:
    fields = [("version", "u1"), ("tos", "u1"), ("length", ">u2"), ("id", ">u2"), ("fragment", ">u2"), ("ttl", "u1"),
              ("protocol", "u1"), ("sum", ">u2"), ("src", ">u4"), ("dst", ">u4")]  # fmt: skip
    return [(prefix + name, kind) for name, kind in fields]


_UDP = [("udp_src", ">u2"), ("udp_dst", ">u2"), ("udp_length", ">u2"), ("udp_sum", ">u2")]
_GTPU = [("gtp_flags", "u1"), ("gtp_type", "u1"), ("gtp_length", ">u2"), ("teid", ">u4")]
_TCP = [("src_port", ">u2"), ("dst_port", ">u2"), ("seq", ">u4"), ("ack", ">u4"), ("data_offset", "u1"),
        ("flags", "u1"), ("window", ">u2"), ("sum", ">u2"), ("urgent", ">u2"), ("tail", "u1", (6,))]  # fmt: skip
_INNER_UDP = [("src_port", ">u2"), ("dst_port", ">u2"), ("length", ">u2"), ("sum", ">u2"), ("tail", "u1", (18,))]

_TUNNEL = _RECORD + _ETHERNET + _ipv4("o_") + _UDP + _GTPU + _ipv4("i_")
TCP_ROW = np.dtype(_TUNNEL + _TCP)
UDP_ROW = np.dtype(_TUNNEL + _INNER_UDP)
RECORD_OCTETS = 16
TUNNEL_OCTETS = 14 + 20 + 8 + 8
"""In front of the subscriber's IP packet."""
assert TCP_ROW.itemsize == UDP_ROW.itemsize == RECORD_OCTETS + SNAP

TLS_RECORD = np.frombuffer(bytes.fromhex("170303000000"), np.uint8)
MSS_OPTION = np.frombuffer(bytes.fromhex("020405500000"), np.uint8)  # 1360
QUIC_LONG = np.frombuffer(bytes.fromhex("c300000001083132333435363738000044d0"), np.uint8)  # RFC 9000 §17.2, version 1
QUIC_SHORT = np.frombuffer(bytes.fromhex("403132333435363738a1b2c3d4e5f6071829"), np.uint8)


def _link_template(row: np.ndarray) -> None:
    row["eth_dst"], row["eth_src"], row["eth_type"] = (2, 0, 0, 0, 0, 1), (2, 0, 0, 0, 0, 2), 0x0800
    row["o_version"], row["o_ttl"], row["o_protocol"], row["o_fragment"] = 0x45, 62, 17, 0x4000


def _user_template() -> np.ndarray:
    row = np.zeros(1, TCP_ROW)
    _link_template(row)
    row["udp_src"] = row["udp_dst"] = 2152
    row["gtp_flags"], row["gtp_type"] = 0x30, 255  # version 1, no optional fields; G-PDU
    row["i_version"], row["i_fragment"], row["data_offset"] = 0x45, 0x4000, 0x50
    return row


USER_TEMPLATE = _user_template()


def stamp(rows: np.ndarray, usec: np.ndarray, wire: np.ndarray, captured: np.ndarray) -> None:
    """Fill the pcap record headers: `usec` int64[n] since 1970, `wire` and `captured` octets."""
    rows["sec"], rows["usec"] = np.divmod(usec, 1_000_000)
    rows["wire"], rows["captured"] = wire, captured


def ipv4_checksum(rows: np.ndarray, prefix: str) -> np.ndarray:
    """The header checksum (RFC 791 §3.1) of headers without options, as int64[n]."""
    at = {name: rows[prefix + name].astype(np.int64) for name in ("length", "id", "ttl", "protocol", "src", "dst")}
    total = 0x4500 + 0x4000 + at["length"] + at["id"] + (at["ttl"] << 8) + at["protocol"]
    for address in (at["src"], at["dst"]):
        total += (address >> 16) + (address & 0xFFFF)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# --- GTPv2-C ----------------------------------------------------------------------------------------------------

Field = tuple[str, str, int | bytes]
"""Name (empty for a constant), numpy format, default."""


class Element(NamedTuple):
    """An information element (TS 29.274 §8.2.1): type, instance and the fields of its value."""

    type: int
    instance: int
    fields: list[Field]

    def flat(self) -> list[Field]:
        """The fields with the element's own header in front."""
        octets = sum(np.dtype(kind).itemsize for _, kind, _ in self.fields)
        head: list[Field] = [("", "u1", self.type), ("", ">u2", octets), ("", "u1", self.instance)]
        return head + self.fields


def _value(kind: int, name: str, form: str, default: int | bytes = 0) -> Element:
    return Element(
        kind, 0, [(name, form, default if isinstance(default, bytes) or form[0] != "V" else bytes(int(form[1:])))]
    )


def _fteid(name: str, interface: int, instance: int = 0) -> Element:
    fields: list[Field] = [("", "u1", 0x80 | interface), (f"{name}_teid", ">u4", 0), (f"{name}_ip", ">u4", 0)]
    return Element(87, instance, fields)


def _bearer(*elements: Element) -> Element:
    return Element(93, 0, [field for element in elements for field in element.flat()])


def _location() -> Element:
    """User Location Information with TAI and ECGI (§8.21); the PLMN is 001-01."""
    plmn = b"\x00\xf1\x10"
    return Element(86, 0, [("", "u1", 0x18), ("", "S3", plmn), ("tac", ">u2", 0), ("", "V3", plmn), ("eci", ">u4", 0)])


_APN = b"\x08internet\x06mnc001\x06mcc001\x04gprs"
_IMSI = _value(1, "imsi", "V8")
_EBI = _value(73, "", "u1", 5)
_ACCEPTED = Element(2, 0, [("", "u1", 16), ("", "u1", 0)])
_QOS = Element(80, 0, [("", "u1", 0x24), ("", "u1", 9), ("", "V20", bytes(20))])  # priority 9, QCI 9, no rates
_PAA = Element(79, 0, [("", "u1", 1), ("ue_ip", ">u4", 0)])

MESSAGES: dict[str, tuple[int, list[Element]]] = {
    "create_session_request": (
        32,
        [
            _IMSI, _value(76, "msisdn", "V6"), _value(75, "imei", "V8"), _location(),
            _value(83, "", "V3", b"\x00\xf1\x10"), _value(82, "", "u1", 6), _fteid("mme", 10), _fteid("pgw", 7, 1),
            _value(71, "", f"V{len(_APN)}", _APN), _value(128, "", "u1"), _value(99, "", "u1", 1),
            Element(79, 0, [("", "u1", 1), ("", ">u4", 0)]),
            Element(72, 0, [("", ">u4", 50_000), ("", ">u4", 150_000)]), _bearer(_EBI, _QOS),
        ],
    ),
    "create_session_response": (
        33,
        [_ACCEPTED, _fteid("sgw", 11), _fteid("pgw", 7, 1), _PAA, _value(127, "", "u1"),
         _bearer(_EBI, _ACCEPTED, _fteid("sgw_u", 1), _fteid("pgw_u", 5, 2))],
    ),
    "modify_bearer_request": (34, [_bearer(_EBI, _fteid("enb_u", 0))]),
    "modify_bearer_response": (35, [_ACCEPTED, _bearer(_EBI, _ACCEPTED, _fteid("sgw_u", 1))]),
    "handover_request": (34, [_location(), _bearer(_EBI, _fteid("enb_u", 0))]),
    "handover_response": (35, [_ACCEPTED, _bearer(_EBI, _ACCEPTED, _fteid("sgw_u", 1))]),
    "delete_session_request": (36, [_EBI, _location()]),
    "delete_session_response": (37, [_ACCEPTED]),
}  # fmt: skip
"""S11 messages by name: type (TS 29.274 §6.1) and elements in the order of §7.2."""


def message_template(name: str) -> np.ndarray:
    """One row of the message `name`, with everything set that is the same in all."""
    kind, elements = MESSAGES[name]
    body = [field for element in elements for field in element.flat()]
    octets = sum(np.dtype(form).itemsize for _, form, _ in body)
    head: list[Field] = [
        ("", "u1", 0x48), ("", "u1", kind), ("", ">u2", octets + 8),  # version 2, TEID present
        ("teid", ">u4", 0), ("sequence", ">u4", 0),  # sequence number in the upper 24 bits
    ]  # fmt: skip
    names = [field[0] or f"_{number}" for number, field in enumerate(head + body)]
    message = [(label, form) for label, (_, form, _) in zip(names, head + body, strict=True)]
    row = np.zeros(1, np.dtype(_RECORD + _ETHERNET + _ipv4("o_") + _UDP + message))
    for label, (_, form, default) in zip(names, head + body, strict=True):
        row[label] = np.frombuffer(default, form)[0] if isinstance(default, bytes) else default
    _link_template(row)
    row["udp_src"] = row["udp_dst"] = 2123
    row["udp_length"] = row.dtype.itemsize - RECORD_OCTETS - 14 - 20
    row["o_length"] = row.dtype.itemsize - RECORD_OCTETS - 14
    return row


def digits(numbers: np.ndarray, octets: int) -> np.ndarray:
    """Decimal digits in swapped nibbles, filled with 0xF (TS 29.274 §8.3), as V`octets`[n]; `numbers` int64[n]."""
    count = 2 * octets - 1
    nibbles = np.full((len(numbers), 2 * octets), 0xF, np.uint8)
    for place in range(count):
        nibbles[:, place] = numbers // 10 ** (count - 1 - place) % 10
    packed = nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)
    return np.ascontiguousarray(packed).view(f"V{octets}")[:, 0]
