"""The records that nodes write of a session or a call: TS 32.298 SGW-, PGW-CDR, MO and MT call, and TS 32.297 files."""

from typing import NamedTuple

from tools.cdr import ber

__all__ = ["Bearer", "Call", "Part", "Volume", "call_record", "cdr_header", "file_header", "gateway_record"]

MCC, MNC = "208", "93"
PGW, SGW, MME = "10.0.0.1", "10.0.0.2", "10.0.0.3"
PGW_TAG, SGW_TAG = 79, 78
QOS_CLASS = 9


class Volume(NamedTuple):
    """A container: octets between two times (s) in a cell (ECI)."""

    begin: int
    end: int
    up: int
    down: int
    eci: int


class Part(NamedTuple):
    """One partial record: opening time and duration (s), why it was closed, its containers."""

    opened: int
    duration: int
    cause: int
    volumes: tuple[Volume, ...]


class Bearer(NamedTuple):
    """What all records of a bearer have in common."""

    imsi: str
    imei: str
    msisdn: str
    charging_id: int
    apn: str
    ue: str
    zone_minutes: int = 0


class Call(NamedTuple):
    """A call: times in s (answered None: never), durations follow; cause for termination and diagnostics."""

    originating: bool
    imsi: str
    imei: str
    msisdn: str
    other: str
    seized: int
    answered: int | None
    released: int
    cause: int
    diagnostic: int
    lac: int
    ci: int
    reference: int
    zone_minutes: int = 0


def _qos(tag: int) -> bytes:
    return ber.constructed(tag, ber.integer(1, QOS_CLASS))


def _location(volume: Volume) -> bytes:
    return ber.eutran_location(4660, volume.eci, MCC, MNC)


def _service_data(volume: Volume, zone: int) -> bytes:
    return ber.constructed(
        16, ber.integer(1, 10), ber.time(5, volume.begin, zone), ber.time(6, volume.end, zone),
        ber.element(8, b"\0\0\0\x81"), _qos(9), ber.integer(12, volume.up), ber.integer(13, volume.down),
        ber.time(14, volume.end, zone), ber.element(20, _location(volume)), klass=0,
    )  # fmt: skip


def _traffic(volume: Volume, zone: int) -> bytes:
    return ber.constructed(
        16, ber.integer(3, volume.up), ber.integer(4, volume.down), ber.integer(5, 2),
        ber.time(6, volume.end, zone), ber.element(8, _location(volume)), _qos(9), klass=0,
    )  # fmt: skip


def gateway_record(bearer: Bearer, part: Part, sequence: int, *, serving: bool = False, loose: bool = False) -> bytes:
    """A PGW-CDR, or of the same part the SGW-CDR (`serving`). loose: indefinite lengths."""
    zone, build = bearer.zone_minutes, ber.indefinite if loose else ber.constructed
    head = [
        ber.integer(0, 84 if serving else 85), ber.element(3, ber.digits(bearer.imsi)),
        ber.address(4, SGW if serving else PGW), ber.integer(5, bearer.charging_id),
        build(6, ber.element(0, ber.ipv4(MME if serving else SGW))), ber.element(7, bearer.apn.encode()),
        ber.element(8, b"\xf1\x21"), ber.choice(9, ber.choice(0, ber.element(0, ber.ipv4(bearer.ue)))),
        ber.element(11, b"\xff"),
    ]  # fmt: skip
    if serving:
        head.append(build(12, *(_traffic(v, zone) for v in part.volumes)))
    tail = [
        ber.time(13, part.opened, zone), ber.integer(14, part.duration), ber.integer(15, part.cause),
        ber.integer(17, sequence), ber.element(18, b"node-1"), ber.integer(20, 4000 + sequence), ber.integer(21, 0),
        ber.element(22, ber.e164(bearer.msisdn)), ber.element(23, b"\x08\0"), ber.element(27, ber.plmn(MCC, MNC)),
        ber.element(29, ber.digits(bearer.imei + "0")), ber.integer(30, 6), ber.element(31, b"\x40\0"),
        ber.element(32, _location(part.volumes[0])),
    ]  # fmt: skip
    if not serving:
        tail.append(build(34, *(_service_data(v, zone) for v in part.volumes)))
    tail.append(ber.constructed(35, ber.element(10, b"\x02", klass=0)))
    if serving:
        tail.append(ber.address(36, PGW))
    return build(SGW_TAG if serving else PGW_TAG, *head, *tail)


def call_record(call: Call) -> bytes:
    """A moCallRecord or mtCallRecord."""
    zone, mo = call.zone_minutes, call.originating
    place = ber.constructed(
        12 if mo else 9, ber.element(0, call.lac.to_bytes(2, "big")), ber.element(1, call.ci.to_bytes(2, "big")),
        ber.element(2, ber.plmn(MCC, MNC)),
    )  # fmt: skip
    talked = call.released - call.answered if call.answered is not None else 0
    answered = [ber.time(23 if mo else 20, call.answered, zone)] if call.answered is not None else []
    number = b"\x81" + ber.digits(call.other)
    who = [ber.integer(0, 0 if mo else 1), ber.element(1, ber.digits(call.imsi)),
           ber.element(2, ber.digits(call.imei + "0")), ber.element(3, ber.e164(call.msisdn))]  # fmt: skip
    if mo:
        return ber.constructed(
            0, *who, ber.element(5, number), ber.element(9, ber.e164("33600000001")), place,
            ber.choice(14, ber.element(3, b"\x11")), ber.time(22, call.seized, zone), *answered,
            ber.time(24, call.released, zone), ber.integer(25, talked), ber.integer(30, call.cause),
            ber.choice(31, ber.integer(0, call.diagnostic)), ber.element(32, call.reference.to_bytes(4, "big")),
            ber.integer(61, 2),
        )  # fmt: skip
    return ber.constructed(
        1, *who, ber.element(4, number), ber.element(6, ber.e164("33600000001")), place,
        ber.choice(11, ber.element(3, b"\x11")), ber.time(19, call.seized, zone), *answered,
        ber.time(21, call.released, zone), ber.integer(22, talked), ber.integer(27, call.cause),
        ber.choice(28, ber.integer(0, call.diagnostic)), ber.element(29, call.reference.to_bytes(4, "big")),
        ber.integer(46, 2),
    )  # fmt: skip


def cdr_header(record: bytes, *, extended: bool = False) -> bytes:
    """The TS 32.297 header before a record: BER of TS 32.251."""
    release = 7 << 5 if extended else 6 << 5
    return len(record).to_bytes(2, "big") + bytes([release, 1 << 5 | 7]) + (b"\x03" if extended else b"")


def file_header(records: int, octets: int, *, lost: int = 0) -> bytes:
    """A TS 32.297 file header of 52 octets over `octets` of records with their headers."""
    size = 52
    stamp = (11 << 28 | 21 << 23 | 19 << 18).to_bytes(4, "big")
    node = b"\xff" * 4 + b"\0" * 10 + b"\xff\xff" + ber.ipv4(PGW)
    return (
        (size + octets).to_bytes(4, "big") + size.to_bytes(4, "big") + b"\xc0\xc0" + stamp + stamp
        + records.to_bytes(4, "big") + (1).to_bytes(4, "big") + b"\0" + node + bytes([lost]) + b"\0\0" + b"\0\0"
    )[:52].ljust(52, b"\0")  # fmt: skip
