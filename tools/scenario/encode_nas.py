"""EPS NAS messages (TS 24.301 §8), plain and under a security header."""

from tools.scenario.encode_gtp import digits, labels, plmn

MAC = bytes.fromhex("5a17c0de")


def imsi(number: str) -> bytes:
    """EPS mobile identity with an IMSI (§9.9.3.12): length and value."""
    odd = len(number) & 1
    first = int(number[0]) << 4 | odd << 3 | 1
    value = bytes((first,)) + digits(number[1:])
    return bytes((len(value),)) + value


def guti(mcc: str, mnc: str, group: int, code: int, tmsi: int) -> bytes:
    """EPS mobile identity with a GUTI: length and value."""
    return b"\x0b\xf6" + plmn(mcc, mnc) + group.to_bytes(2, "big") + bytes((code,)) + tmsi.to_bytes(4, "big")


def esm(kind: int, pti: int, body: bytes, ebi: int = 0) -> bytes:
    """An ESM message (§8.3)."""
    return bytes((ebi << 4 | 2, pti, kind)) + body


def emm(kind: int, body: bytes = b"") -> bytes:
    """A plain EMM message."""
    return bytes((0x07, kind)) + body


def protected(inner: bytes, sequence: int, ciphered: bool, new: bool = False, readable: bool = False) -> bytes:
    """A message under integrity protection (§9.1); a ciphered one unreadable, unless it is `readable` (EEA0).

    `new` says that the security context is new.
    """
    header = (4 if ciphered else 3) if new else (2 if ciphered else 1)
    if ciphered and not readable:
        inner = scrambled(inner, sequence)
    return bytes((header << 4 | 7,)) + MAC + bytes((sequence & 0xFF,)) + inner


def scrambled(data: bytes, sequence: int) -> bytes:
    """Octets that nobody can read, as a cipher leaves them; never taken for an EMM or ESM message by their first."""
    state, out = sequence * 2654435761 + 97 & 0xFFFFFFFF, bytearray()
    for octet in data:
        state = state * 1664525 + 1013904223 & 0xFFFFFFFF
        out.append(octet ^ state >> 24)
    if out:
        out[0] = out[0] & 0xF1 | 0x0C  # no protocol discriminator that a device uses
    return bytes(out)


def pdn_connectivity(kind: int, pti: int, apn: str | None = None) -> bytes:
    """PDN CONNECTIVITY REQUEST (§8.3.20), initial request."""
    name = labels(apn) if apn else b""
    return esm(0xD0, pti, bytes((kind << 4 | 1,)) + (bytes((0x28, len(name))) + name if apn else b""))


def pdn_reject(pti: int, cause: int) -> bytes:
    """PDN CONNECTIVITY REJECT (§8.3.19)."""
    return esm(0xD1, pti, bytes((cause,)))


def activate_default(ebi: int, pti: int, qci: int, apn: str, kind: int, address: bytes) -> bytes:
    """ACTIVATE DEFAULT EPS BEARER CONTEXT REQUEST (§8.3.6)."""
    name = labels(apn)
    body = bytes((1, qci, len(name))) + name + bytes((1 + len(address), kind)) + address
    return esm(0xC1, pti, body, ebi)


def activate_dedicated(ebi: int, linked: int, qci: int) -> bytes:
    """ACTIVATE DEDICATED EPS BEARER CONTEXT REQUEST (§8.3.3) with a packet filter on a remote port."""
    tft = bytes((0x21, 0x30, 1, 3, 0x50)) + (40000).to_bytes(2, "big")
    return esm(0xC5, 0, bytes((linked, 1, qci, len(tft))) + tft, ebi)


def attach_request(identity: bytes, inner: bytes, combined: bool = False) -> bytes:
    """ATTACH REQUEST (§8.2.4) with the ESM message `inner`."""
    capability = bytes.fromhex("02e0e0")
    return emm(0x41, bytes((0x70 | 1 + combined,)) + identity + capability + len(inner).to_bytes(2, "big") + inner)


def attach_accept(mcc: str, mnc: str, area: int, inner: bytes, identity: bytes) -> bytes:
    """ATTACH ACCEPT (§8.2.1): one tracking area, a new GUTI."""
    areas = b"\x06\x00" + plmn(mcc, mnc) + area.to_bytes(2, "big")
    body = b"\x01\x49" + areas + len(inner).to_bytes(2, "big") + inner + b"\x50" + identity
    return emm(0x42, body)


def attach_complete(inner: bytes) -> bytes:
    """ATTACH COMPLETE (§8.2.2)."""
    return emm(0x43, len(inner).to_bytes(2, "big") + inner)


def attach_reject(cause: int, inner: bytes = b"") -> bytes:
    """ATTACH REJECT (§8.2.3); with cause 19 the ESM message `inner`."""
    return emm(0x44, bytes((cause,)) + (b"\x78" + len(inner).to_bytes(2, "big") + inner if inner else b""))


def detach_request(identity: bytes, switch_off: bool) -> bytes:
    """DETACH REQUEST of the device (§8.2.11.1)."""
    return emm(0x45, bytes((0x08 | 1 if switch_off else 1,)) + identity)


def detach_by_network(cause: int | None = None) -> bytes:
    """DETACH REQUEST of the network (§8.2.11.2), no re-attach."""
    return emm(0x45, b"\x02" + (bytes((0x53, cause)) if cause is not None else b""))


def detach_accept() -> bytes:
    """DETACH ACCEPT (§8.2.10)."""
    return emm(0x46)


def tau_request(identity: bytes, kind: int, active: bool = False) -> bytes:
    """TRACKING AREA UPDATE REQUEST (§8.2.29): 0 new area, 3 periodic."""
    return emm(0x48, bytes((0x08 | kind if active else kind,)) + identity)


def tau_accept(identity: bytes | None) -> bytes:
    """TRACKING AREA UPDATE ACCEPT (§8.2.26), for some with a new GUTI."""
    return emm(0x49, b"\0" + (b"\x50" + identity if identity else b""))


def tau_complete() -> bytes:
    """TRACKING AREA UPDATE COMPLETE (§8.2.27)."""
    return emm(0x4A)


def tau_reject(cause: int) -> bytes:
    """TRACKING AREA UPDATE REJECT (§8.2.28)."""
    return emm(0x4B, bytes((cause,)))


def service_request(sequence: int) -> bytes:
    """SERVICE REQUEST (§8.2.25): key set 0, five bits of the sequence number, short MAC."""
    return bytes((0xC7, sequence & 0x1F)) + MAC[:2]


def service_reject(cause: int) -> bytes:
    """SERVICE REJECT (§8.2.24)."""
    return emm(0x4E, bytes((cause,)))


def authentication_request(rand: bytes, autn: bytes) -> bytes:
    """AUTHENTICATION REQUEST (§8.2.7)."""
    return emm(0x52, b"\0" + rand + bytes((len(autn),)) + autn)


def authentication_response(res: bytes) -> bytes:
    """AUTHENTICATION RESPONSE (§8.2.8)."""
    return emm(0x53, bytes((len(res),)) + res)


def authentication_reject() -> bytes:
    """AUTHENTICATION REJECT (§8.2.6)."""
    return emm(0x54)


def authentication_failure(cause: int, auts: bytes = b"") -> bytes:
    """AUTHENTICATION FAILURE (§8.2.5); synch failure brings AUTS."""
    return emm(0x5C, bytes((cause,)) + (b"\x30" + bytes((len(auts),)) + auts if auts else b""))


def identity_request() -> bytes:
    """IDENTITY REQUEST (§8.2.18) for the IMSI."""
    return emm(0x55, b"\x01")


def identity_response(number: str) -> bytes:
    """IDENTITY RESPONSE (§8.2.19) with the IMSI."""
    return emm(0x56, imsi(number))


def security_command(cipher: int, integrity: int) -> bytes:
    """SECURITY MODE COMMAND (§8.2.20): algorithms, key set, replayed capabilities."""
    return emm(0x5D, bytes((cipher << 4 | integrity, 0)) + bytes.fromhex("02e0e0"))


def security_complete() -> bytes:
    """SECURITY MODE COMPLETE (§8.2.21)."""
    return emm(0x5E)
