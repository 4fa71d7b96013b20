"""PFCP messages of N4 (TS 29.244 §7), written from the layouts of its clause 8."""

import struct
from typing import NamedTuple

from tools.scenario.encode_gtp import Endpoint, digits, labels

PORT = 8805
ACCEPTED = 1
ACCESS, CORE = 0, 1
FORWARD, BUFFER, NOTIFY = 0x02, 0x04, 0x08
EPOCH = 2_208_988_800  # seconds from 1900 to 1970


class Seid(NamedTuple):
    """A fully qualified session endpoint: address and identifier."""

    address: bytes
    seid: int


def ie(kind: int, *values: bytes) -> bytes:
    """An information element (§8.1.1); a grouped one holds others."""
    value = b"".join(values)
    return struct.pack(">HH", kind, len(value)) + value


def message(kind: int, seid: int | None, sequence: int, *ies: bytes) -> bytes:
    """A message (§7.2.2); node messages have no SEID."""
    body = (b"" if seid is None else struct.pack(">Q", seid)) + struct.pack(">I", sequence << 8) + b"".join(ies)
    return struct.pack(">BBH", 0x20 | (seid is not None), kind, len(body)) + body


def node_id(address: bytes) -> bytes:
    """Node ID (§8.2.38)."""
    return ie(60, bytes((0 if len(address) == 4 else 1,)), address)


def recovery(seconds: int) -> bytes:
    """Recovery Time Stamp (§8.2.65)."""
    return ie(96, struct.pack(">I", seconds + EPOCH & 0xFFFFFFFF))


def cause(value: int) -> bytes:
    """Cause (§8.2.1)."""
    return ie(19, bytes((value,)))


def fseid(value: Seid) -> bytes:
    """F-SEID (§8.2.37)."""
    return ie(57, bytes((2 if len(value.address) == 4 else 1,)), struct.pack(">Q", value.seid), value.address)


def fteid(endpoint: Endpoint | None) -> bytes:
    """F-TEID (§8.2.3); none: the UPF shall choose one for IPv4."""
    if endpoint is None:
        return ie(21, b"\x05")
    version = 1 if len(endpoint.address) == 4 else 2
    return ie(21, bytes((version,)), endpoint.teid.to_bytes(4, "big"), endpoint.address)


def ue_address(v4: bytes, destination: bool) -> bytes:
    """UE IP address (§8.2.62)."""
    return ie(93, bytes((0x02 | (0x04 if destination else 0),)), v4)


def creation(endpoint: Endpoint) -> bytes:
    """Outer Header Creation (§8.2.56): GTP-U over UDP and either IP."""
    kind = 0x0100 if len(endpoint.address) == 4 else 0x0200
    return ie(84, struct.pack(">HI", kind, endpoint.teid), endpoint.address)


def user_id(imsi: str, imei: str, msisdn: str) -> bytes:
    """User ID (§8.2.101) with IMSI, IMEI and MSISDN."""
    parts = [digits(imsi), digits(imei), digits(msisdn)]
    return ie(141, b"\x07", *(bytes((len(part),)) + part for part in parts))


def far(identity: int, action: int, destination: int | None, outer: Endpoint | None = None,
        update: bool = False) -> bytes:  # fmt: skip
    """Create or Update FAR (§7.5.2.3, §7.5.4.3)."""
    ies = ie(108, struct.pack(">I", identity)) + ie(44, bytes((action, 0)))
    if destination is not None:
        to = ie(42, bytes((destination,))) + (creation(outer) if outer else b"")
        ies += ie(11 if update else 4, to)
    return ie(10 if update else 3, ies)


def _pdr(identity: int, precedence: int, pdi: bytes, removal: bytes, far_id: int) -> bytes:
    head = ie(56, struct.pack(">H", identity)) + ie(29, struct.pack(">I", precedence))
    rest = ie(108, struct.pack(">I", far_id)) + ie(81, struct.pack(">I", 1)) + ie(109, struct.pack(">I", 1))
    return ie(1, head, ie(2, pdi), removal, rest)


def establishment_request(sequence: int, cp: Seid, tunnel: Endpoint | None, v4: bytes, qfi: int, dnn: str,
                          slice_: bytes, user: bytes) -> bytes:  # fmt: skip
    """SESSION ESTABLISHMENT REQUEST (§7.5.2): a rule for each direction; what goes down is buffered."""
    network = ie(22, labels(dnn))
    up = ie(20, bytes((ACCESS,))) + fteid(tunnel) + network + ue_address(v4, False) + ie(124, bytes((qfi,)))
    down = ie(20, bytes((CORE,))) + network + ue_address(v4, True)
    removal = ie(95, b"\0")
    urr = ie(
        6, ie(81, struct.pack(">I", 1)) + ie(62, b"\x02") + ie(37, b"\x01\0\0") + ie(31, b"\x01" + bytes(6) + b"\x10\0")
    )
    qer = ie(7, ie(109, struct.pack(">I", 1)) + ie(25, b"\0") + ie(124, bytes((qfi,))))
    return message(
        50, 0, sequence, node_id(cp.address), fseid(cp), _pdr(1, 255, up, removal, 1), _pdr(2, 255, down, b"", 2),
        far(1, FORWARD, CORE), far(2, BUFFER | NOTIFY, None), urr, qer, ie(113, b"\x01"), user,
        ie(159, labels(dnn)), ie(257, slice_ if len(slice_) == 4 else slice_ + b"\xff\xff\xff"),
    )  # fmt: skip


def establishment_response(sequence: int, cp: Seid, up: Seid, value: int, tunnel: Endpoint | None) -> bytes:
    """SESSION ESTABLISHMENT RESPONSE (§7.5.3); with the endpoint that the UPF chose."""
    ies = node_id(up.address) + cause(value)
    if value == ACCEPTED:
        ies += fseid(up)
        if tunnel is not None:
            ies += ie(8, ie(56, struct.pack(">H", 1)) + fteid(tunnel))
    return message(51, cp.seid, sequence, ies)


def modification_request(sequence: int, up: Seid, radio: Endpoint | None) -> bytes:
    """SESSION MODIFICATION REQUEST (§7.5.4): down to an endpoint of a gNB, or to be buffered."""
    if radio is None:
        return message(52, up.seid, sequence, far(2, BUFFER | NOTIFY, None, update=True))
    return message(52, up.seid, sequence, far(2, FORWARD, ACCESS, radio, update=True))


def answer(kind: int, seid: int, sequence: int, value: int = ACCEPTED, *ies: bytes) -> bytes:
    """A response with a cause: modification 53, deletion 55, report 57."""
    return message(kind, seid, sequence, cause(value), *ies)


def usage(kind: int, number: int, up: int, down: int, trigger: int) -> bytes:
    """Usage Report (§7.5.5.2, §7.5.7.2, §7.5.8.3) of octets up and down."""
    volume = ie(66, bytes((0x07,)), struct.pack(">QQQ", up + down, up, down))
    return ie(
        kind,
        ie(81, struct.pack(">I", 1))
        + ie(104, struct.pack(">I", number))
        + ie(63, struct.pack(">I", trigger)[1:])
        + volume,
    )


def deletion_request(sequence: int, up: Seid) -> bytes:
    """SESSION DELETION REQUEST (§7.5.6)."""
    return message(54, up.seid, sequence)


def report_request(sequence: int, cp: Seid) -> bytes:
    """SESSION REPORT REQUEST (§7.5.8): data for a device that is idle."""
    return message(56, cp.seid, sequence, ie(39, b"\x01"), ie(83, ie(56, struct.pack(">H", 2))))


def association_request(sequence: int, address: bytes, seconds: int) -> bytes:
    """ASSOCIATION SETUP REQUEST (§7.4.4.1)."""
    return message(5, None, sequence, node_id(address), recovery(seconds))


def association_response(sequence: int, address: bytes, seconds: int) -> bytes:
    """ASSOCIATION SETUP RESPONSE (§7.4.4.2)."""
    return message(6, None, sequence, node_id(address), cause(ACCEPTED), recovery(seconds))


def heartbeat(answer_: bool, sequence: int, seconds: int) -> bytes:
    """HEARTBEAT REQUEST or RESPONSE (§7.4.2)."""
    return message(2 if answer_ else 1, None, sequence, recovery(seconds))
