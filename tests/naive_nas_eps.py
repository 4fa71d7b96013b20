"""EPS NAS (TS 24.301) by the naive reader."""

from formats.nas import EMM_CAUSES, ESM_CAUSES
from formats.nas_layouts import EMM_LAYOUTS, ESM_LAYOUTS
from tests.naive_nas import CIPHERED, CODES, DECODED, MALFORMED, UNKNOWN, Reader, Told, container, cut, fill, plmn


def eps_identity(r: Reader, octets: bytes) -> None:
    if not octets:
        return r.damage()
    kind = octets[0] & 7
    if kind == 6:
        if len(octets) < 11:
            return r.damage()
        number = int.from_bytes(octets[7:11], "big")
        r.guti(plmn(octets[1:]), int.from_bytes(octets[4:6], "big"), octets[6], number)
    elif kind in (1, 3):
        r.imsi({1: "imsi", 3: "imei"}[kind], octets)
    named = {0: 0, 1: 1, 3: 2, 6: 5}.get(kind, 8)
    return r.first("identity_type", named) if named else None


def mobile_identity(r: Reader, octets: bytes) -> None:
    if not octets:
        return r.damage()
    kind = octets[0] & 7
    if kind in (1, 2, 3):
        r.imsi("imsi" if kind == 1 else "imei", octets)
    elif kind == 4:
        if len(octets) < 5:
            return r.damage()
        r.guti(None, None, None, int.from_bytes(octets[1:5], "big"))
    named = kind if kind < 5 else 8
    return r.first("identity_type", named) if named else None


EPS_IDENTITY_AT = {(0x41, 1), (0x48, 1), (0x45, 1), (0x50, 0), (0x41, "50"), (0x42, "50"), (0x48, "50"), (0x49, "50")}
ESM_CAUSE_FIRST = {0xC3, 0xC7, 0xCB, 0xCD, 0xD1, 0xD3, 0xD5, 0xD7, 0xE8}


def emm_value(r: Reader, kind: int, key: int | str, v: bytes) -> None:
    request = {0x41: (7, 0), 0x48: (7, 1), 0x4C: (15, 0), 0x4D: (7, 0), 0x55: (7, 0), 0x45: (7, 2), 0x7F: (7, 0)}
    if key == 0 and kind in request:
        mask, bit = request[kind]
        r.told["request_type"] = v[0] & mask
        r.told |= {1: {"follow_on": v[0] >> 3 & 1}, 2: {"switch_off": v[0] >> 3 & 1}}.get(bit, {})
        r.told |= {0x45: {"from_network": 0}, 0x7F: {"from_network": 1}}.get(kind, {})
    elif (kind, key) in ((0x41, 3), (0x42, 3), (0x43, 0), (0x44, "78"), (0x4D, "78")):
        container(r, v, 3)
    elif (kind, key) == (0x5E, "79"):
        r.inner = v if r.inner is None else r.inner
    elif (kind, key) in ((0x42, 0), (0x49, 0)):
        r.told["result"] = v[0] & 7
    elif (kind, key) == (0x5D, 0):
        r.told |= {"ciphering": v[0] >> 4 & 7, "integrity": v[0] & 7}
    elif (key == 0 and kind in (0x44, 0x4B, 0x4E, 0x5C, 0x5F, 0x60)) or (kind, key) in (
        (0x42, "53"),
        (0x49, "53"),
        (0x7F, "53"),
    ):
        r.first("cause", v[0])
    elif (kind, key) in ((0x41, 1), (0x48, 1), (0x45, 1), (0x50, 0)) or (
        key == "50" and kind in (0x41, 0x42, 0x48, 0x49)
    ):
        eps_identity(r, v)
    elif (kind, key) in ((0x56, 0), (0x4C, 1), (0x5E, "23")):
        mobile_identity(r, v)
    elif (kind, key) in ((0x42, 2), (0x49, "54"), (0x50, "54")):
        r.areas(v, 2)
    elif (kind, key) in ((0x41, "52"), (0x48, "52")):
        r.area("last_tai", v)


PDN_TYPES = {1: 1, 2: 2, 3: 3, 5: 4, 6: 5}


def esm_value(r: Reader, kind: int, key: int | str, v: bytes) -> None:
    if (kind, key) in ((0xC1, 0), (0xC5, 1), (0xD4, 2), (0xC9, "5B"), (0xD6, "5B")):
        if v:
            r.first("qci", v[0])
        else:
            r.damage()
    elif (kind, key) in ((0xC1, 1), (0xD0, "28"), (0xDA, "28")):
        r.name(v)
    elif (kind, key) == (0xC1, 2):
        if not v:
            return r.damage()
        kind_told = PDN_TYPES.get(v[0] & 7)
        r.told |= {"pdn_type": kind_told} if kind_told else {}
        r.address(kind_told or 0, v[1:])
    elif (kind, key) == (0xD0, 0):
        kind_told = PDN_TYPES.get(v[0] >> 4 & 7)
        r.told |= {"pdn_type": kind_told} if kind_told else {}
        r.told["session_request"] = v[0] & 7
    elif key == 0 and kind in (0xC5, 0xD2, 0xD4, 0xD6):
        r.told["linked_ebi"] = v[0] & 15
    elif (kind, key) in ((0xC1, "58"), (0xD6, "58")) or (
        key == 0 and kind in (0xC3, 0xC7, 0xCB, 0xCD, 0xD1, 0xD3, 0xD5, 0xD7, 0xE8)
    ):
        r.first("session_cause", v[0])
    return None


def esm(r: Reader, message: bytes) -> str:
    """What became of it: whole, damaged, broken, strange."""
    if len(message) < 3:
        return "broken"
    if message[2] not in ESM_LAYOUTS:
        return "strange"
    r.told |= {"session_type": message[2], "pti": message[1]} | ({"ebi": message[0] >> 4} if message[0] >> 4 else {})
    elements = cut(message[3:], ESM_LAYOUTS[message[2]])
    fill(r, message[2], elements, esm_value)
    if elements.broken or elements.damaged:
        r.damage()
    return "broken" if elements.broken else "damaged" if elements.damaged else "whole"


def emm_kind(message: bytes) -> int:
    by_network = message[1] == 0x45 and (len(message) == 3 or message[3:4] == b"\x53")
    return 0x7F if by_network else 0 if message[1] == 0x7F else message[1]


def emm(r: Reader, message: bytes) -> str:
    kind = emm_kind(message)
    r.told["type"] = message[1]
    if kind not in EMM_LAYOUTS:
        return "strange"
    elements = cut(message[2:], EMM_LAYOUTS[kind])
    fill(r, kind, elements, emm_value)
    if elements.broken or elements.damaged:
        r.damage()
    if elements.broken:
        return "broken"
    if r.inner is not None and len(r.inner) >= 2 and r.inner[0] == 7:
        inner = r.inner
        r.told["inner_type"] = inner[1]
        kind = emm_kind(inner)
        again = cut(inner[2:], EMM_LAYOUTS[kind]) if kind in EMM_LAYOUTS else None
        if again:
            fill(r, kind, again, emm_value)
        if again is None or again.broken or again.damaged:
            r.damage()
    if r.session is not None and (r.session[0] & 15 != 2 or esm(r, r.session) != "whole"):
        r.damage()
    return "whole"


def plain_esm(message: bytes) -> bool:
    if len(message) < 3 or message[2] not in ESM_LAYOUTS or message[1] == 255 or message[2:] == b"\xc9":
        return False
    ebi, pti, kind = message[0] >> 4, message[1], message[2]
    if kind < 0xD0 and (ebi == 0 or (kind in (0xC2, 0xC6, 0xCA, 0xCE) and pti)):
        return False
    if (0xD0 <= kind <= 0xD7 or kind in (0xD9, 0xDA)) and (ebi or not pti):
        return False
    if kind in (0xE9, 0xEA) or (kind == 0xDC and (ebi or pti)):
        return False
    elements = cut(message[3:], ESM_LAYOUTS[kind])
    if not elements.listed or elements.broken or elements.damaged:
        return False
    return kind not in ESM_CAUSE_FIRST or message[3] in ESM_CAUSES


def plain_eps(message: bytes) -> bool:
    if message[0] != 7:
        return message[0] & 15 == 2 and plain_esm(message)
    kind = emm_kind(message)
    if kind not in EMM_LAYOUTS:
        return False
    elements = cut(message[2:], EMM_LAYOUTS[kind])
    if not elements.listed or elements.broken or elements.damaged:
        return False
    if kind in (0x44, 0x4B, 0x4E, 0x5C, 0x5F, 0x60) and message[2] not in EMM_CAUSES:
        return False
    found = Reader(1)
    for key, octets in elements.values:
        if (kind, key) in ((0x41, 3), (0x42, 3), (0x43, 0), (0x44, "78"), (0x4D, "78")):
            container(found, octets, 3)
    if "damage" in found.told:
        return False
    return found.session is None or (found.session[0] & 15 == 2 and plain_esm(found.session))


def eps(message: bytes) -> tuple[int, Told]:
    """(code, fields) of an EPS NAS message."""
    r = Reader(1)
    if len(message) < 2:
        return MALFORMED, r.told
    if message[0] & 15 == 2:
        return CODES[esm(r, message)], r.told
    if message[0] & 15 != 7:
        return UNKNOWN, r.told
    header = message[0] >> 4
    if header == 0:
        return CODES[emm(r, message)], r.told
    r.told["security"] = header
    if header >= 12:
        r.told["type"] = 0xC7
        return DECODED if len(message) == 4 else MALFORMED, r.told
    if header > 4:
        return UNKNOWN, r.told
    inner = message[6:]
    if len(inner) < 2:
        return MALFORMED, r.told
    if header in (2, 4):
        if not plain_eps(inner):
            return CIPHERED, r.told | {"ciphered": 1}
        r.told["null_ciphered"] = 1
    if inner[0] == 7:
        return CODES[emm(r, inner)], r.told
    return CODES[esm(r, inner)] if inner[0] & 15 == 2 else UNKNOWN, r.told
