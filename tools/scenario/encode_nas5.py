"""5GS NAS messages (TS 24.501 §8), plain and under a security header."""

from tools.scenario.encode_gtp import digits, labels, plmn
from tools.scenario.encode_nas import MAC, scrambled

CAPABILITY = bytes.fromhex("2e02e0e0")


def suci(mcc: str, mnc: str, number: str) -> bytes:
    """5GS mobile identity with a SUCI of the null scheme (§9.11.3.4), without its length."""
    msin = number[len(mcc) + len(mnc) :]
    return b"\x01" + plmn(mcc, mnc) + b"\xf0\xff\x00\x00" + digits(msin)


def concealed(mcc: str, mnc: str, output: bytes) -> bytes:
    """A SUCI of protection scheme profile A: nobody but the home network reads it."""
    return b"\x01" + plmn(mcc, mnc) + b"\xf0\xff\x01\x01" + output


def guti(mcc: str, mnc: str, region: int, group: int, pointer: int, tmsi: int) -> bytes:
    """5G-GUTI, without its length."""
    amf = (group << 6 | pointer).to_bytes(2, "big")
    return b"\xf2" + plmn(mcc, mnc) + bytes((region,)) + amf + tmsi.to_bytes(4, "big")


def temporary(group: int, pointer: int, tmsi: int) -> bytes:
    """5G-S-TMSI, without its length."""
    return b"\xf4" + (group << 6 | pointer).to_bytes(2, "big") + tmsi.to_bytes(4, "big")


def _long(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def mm(kind: int, body: bytes = b"") -> bytes:
    """A plain 5GMM message."""
    return bytes((0x7E, 0, kind)) + body


def sm(kind: int, session: int, pti: int, body: bytes = b"") -> bytes:
    """A 5GSM message."""
    return bytes((0x2E, session, pti, kind)) + body


def protected(inner: bytes, sequence: int, ciphered: bool, new: bool = False, readable: bool = False) -> bytes:
    """A message under integrity protection (§9.1.1); a ciphered one unreadable, unless it is `readable` (NEA0)."""
    header = (4 if ciphered else 3) if new else (2 if ciphered else 1)
    if ciphered and not readable:
        inner = scrambled(inner, sequence)
    return bytes((0x7E, header)) + MAC + bytes((sequence & 0xFF,)) + inner


def registration_request(kind: int, identity: bytes) -> bytes:
    """REGISTRATION REQUEST (§8.2.6): 1 initial, 2 mobility, 3 periodic; follow-on request pending."""
    return mm(0x41, bytes((0x78 | kind,)) + _long(identity) + CAPABILITY)


def registration_accept(identity: bytes, slices: list[bytes]) -> bytes:
    """REGISTRATION ACCEPT (§8.2.7): 5G-GUTI, allowed NSSAI."""
    allowed = b"".join(bytes((len(each),)) + each for each in slices)
    return mm(0x42, b"\x01\x01" + b"\x77" + _long(identity) + bytes((0x15, len(allowed))) + allowed)


def registration_complete() -> bytes:
    """REGISTRATION COMPLETE (§8.2.8)."""
    return mm(0x43)


def registration_reject(cause: int) -> bytes:
    """REGISTRATION REJECT (§8.2.9)."""
    return mm(0x44, bytes((cause,)))


def deregistration_request(identity: bytes, switch_off: bool) -> bytes:
    """DEREGISTRATION REQUEST of the device (§8.2.12)."""
    return mm(0x45, bytes((0x09 if switch_off else 0x01,)) + _long(identity))


def deregistration_accept() -> bytes:
    """DEREGISTRATION ACCEPT (§8.2.13)."""
    return mm(0x46)


def deregistration_by_network() -> bytes:
    """DEREGISTRATION REQUEST of the network (§8.2.14), no re-registration."""
    return mm(0x47, b"\x01")


def deregistration_by_network_accept() -> bytes:
    """DEREGISTRATION ACCEPT to the network (§8.2.15)."""
    return mm(0x48)


def service_request(kind: int, identity: bytes) -> bytes:
    """SERVICE REQUEST (§8.2.16): 0 signalling, 1 data, 2 mobile terminated."""
    return mm(0x4C, bytes((kind << 4,)) + _long(identity))


def service_accept() -> bytes:
    """SERVICE ACCEPT (§8.2.17)."""
    return mm(0x4E)


def service_reject(cause: int) -> bytes:
    """SERVICE REJECT (§8.2.18)."""
    return mm(0x4D, bytes((cause,)))


def authentication_request(rand: bytes, autn: bytes) -> bytes:
    """AUTHENTICATION REQUEST (§8.2.1)."""
    return mm(0x56, b"\0\x02\0\0\x21" + rand + b"\x20\x10" + autn)


def authentication_response(res: bytes) -> bytes:
    """AUTHENTICATION RESPONSE (§8.2.2)."""
    return mm(0x57, bytes((0x2D, len(res))) + res)


def authentication_reject() -> bytes:
    """AUTHENTICATION REJECT (§8.2.5)."""
    return mm(0x58)


def authentication_failure(cause: int, auts: bytes = b"") -> bytes:
    """AUTHENTICATION FAILURE (§8.2.4); synch failure brings AUTS."""
    return mm(0x59, bytes((cause,)) + (bytes((0x30, len(auts))) + auts if auts else b""))


def security_command(cipher: int, integrity: int) -> bytes:
    """SECURITY MODE COMMAND (§8.2.25)."""
    return mm(0x5D, bytes((cipher << 4 | integrity, 0)) + bytes.fromhex("02e0e0"))


def security_complete() -> bytes:
    """SECURITY MODE COMPLETE (§8.2.26)."""
    return mm(0x5E)


def transport(upwards: bool, session: int, inner: bytes, dnn: str | None = None, slice_: bytes | None = None,
              cause: int | None = None) -> bytes:  # fmt: skip
    """UL or DL NAS TRANSPORT (§8.2.10, §8.2.11) with a 5GSM message; initial request where a DNN is named."""
    body = b"\x01" + _long(inner) + bytes((0x12, session))
    if dnn is not None:
        body += b"\x81"
        if slice_ is not None:
            body += bytes((0x22, len(slice_))) + slice_
        name = labels(dnn)
        body += bytes((0x25, len(name))) + name
    if cause is not None:
        body += bytes((0x58, cause))
    return mm(0x67 if upwards else 0x68, body)


def session_request(session: int, pti: int) -> bytes:
    """PDU SESSION ESTABLISHMENT REQUEST (§8.3.1) for IPv4."""
    return sm(0xC1, session, pti, b"\xff\xff\x91\xa1")


def session_accept(session: int, pti: int, qfi: int, address: bytes, slice_: bytes, dnn: str) -> bytes:
    """PDU SESSION ESTABLISHMENT ACCEPT (§8.3.2): one QoS rule for all, AMBR, address, slice, DNN."""
    rule = bytes((1, 0, 6, 0x31, 0x31, 1, 1, 0xFF, qfi))
    name = labels(dnn)
    body = b"\x11" + _long(rule) + b"\x06\x06\x00\xc8\x06\x00\x64" + bytes((0x29, 5, 1)) + address
    body += bytes((0x22, len(slice_))) + slice_ + bytes((0x25, len(name))) + name
    return sm(0xC2, session, pti, body)


def session_reject(session: int, pti: int, cause: int) -> bytes:
    """PDU SESSION ESTABLISHMENT REJECT (§8.3.3)."""
    return sm(0xC3, session, pti, bytes((cause,)))


def session_release_command(session: int, pti: int, cause: int) -> bytes:
    """PDU SESSION RELEASE COMMAND (§8.3.14)."""
    return sm(0xD3, session, pti, bytes((cause,)))


def session_release_complete(session: int, pti: int) -> bytes:
    """PDU SESSION RELEASE COMPLETE (§8.3.15)."""
    return sm(0xD4, session, pti)
