"""NAS as one would read it with the standards open and no thought for speed: bytes in, a dict out.

A message is first cut into its elements, then each is looked up by message and identifier. The layouts are the
project's declaration (which the tests hold against pycrate); all else is written from TS 24.301, 24.501 and 24.008.
"""

from typing import Any, NamedTuple

from formats.nas_layouts import EMM_LAYOUTS, ESM_LAYOUTS, MM_5GS_LAYOUTS, SM_5GS_LAYOUTS

Told = dict[str, Any]
DECODED, CIPHERED, MALFORMED, UNKNOWN = 1, 2, 3, 4


class Elements(NamedTuple):
    """A message cut up. Keys: 0, 1, ... for the mandatory values, "52" for an element by its identifier."""

    values: list[tuple[int | str, bytes]]
    broken: bool  # a mandatory value reaches past the end
    damaged: bool  # a further element does
    listed: bool  # every further element is one of the layout


def cut(body: bytes, layout: tuple[str, str]) -> Elements:
    values: list[tuple[int | str, bytes]] = []
    for k, form in enumerate(layout[0].split()):
        head = {"LV": 1, "LVE": 2}.get(form, 0)
        size = int.from_bytes(body[:head], "big") if head else int(form[1:])
        if len(body) < head + size:
            return Elements(values, True, False, True)
        values.append((k, body[head : head + size]))
        body = body[head + size :]
    fixed = {w.partition("/")[0]: int(w.partition("/")[2]) for w in layout[1].split() if "/" in w}
    known = {w.partition("/")[0] for w in layout[1].split()}
    listed = True
    while body:
        name = f"{body[0]:02X}" if body[0] < 128 else f"{body[0] >> 4:X}-"
        listed = listed and name in known
        if name.endswith("-"):
            head, size = 0, 1
        elif name in fixed:
            head, size = (1, fixed[name]) if fixed[name] else (0, 1)
        else:
            width = 2 if name[0] == "7" else 1
            head, size = 1 + width, int.from_bytes(body[1 : 1 + width], "big")
            if len(body) < head:
                return Elements(values, False, True, listed)
        if len(body) < head + size:
            return Elements(values, False, True, listed)
        values.append((name, body[head : head + size]))
        body = body[head + size :]
    return Elements(values, False, False, listed)


# --- values -------------------------------------------------------------------------------------------------------


def plmn(octets: bytes) -> str:
    text = octets[:3].hex()
    return text[1] + text[0] + text[3] + text[5] + text[4] + text[2]


def identity_digits(octets: bytes) -> str:
    text = octets.hex()[0] + "".join(pair[1] + pair[0] for pair in (f"{o:02x}" for o in octets[1:]))
    end = next((k for k, d in enumerate(text) if d > "9"), len(text))
    return text[:end][:16]


class Reader:
    """Gathers what one message tells; of what comes twice, the first."""

    def __init__(self, protocol: int) -> None:
        self.told: Told = {"protocol": protocol}
        self.session: bytes | None = None
        self.inner: bytes | None = None

    def first(self, name: str, value: Any) -> None:
        self.told.setdefault(name, value)

    def damage(self) -> None:
        self.told["damage"] = 1

    def imsi(self, name: str, octets: bytes) -> None:
        if text := identity_digits(octets):
            self.first(name, text)

    def guti(self, network: str | None, region: int | None, code: int | None, tmsi: int) -> None:
        parts = {"plmn": network, "region": region, "code": code}
        mine = {k: self.told.get(f"guti_{k}") for k in parts}
        if "tmsi" not in self.told:
            self.told |= {"tmsi": tmsi} | {f"guti_{k}": v for k, v in parts.items() if v is not None}
        elif "additional_tmsi" not in self.told and (self.told["tmsi"] != tmsi or mine != parts):
            self.told |= {"additional_tmsi": tmsi} | {f"additional_{k}": v for k, v in parts.items() if v is not None}

    def area(self, name: str, octets: bytes) -> None:
        self.first(name, (plmn(octets), int.from_bytes(octets[3:], "big")))

    def areas(self, octets: bytes, size: int) -> None:
        if len(octets) < 4 + size:
            return self.damage()
        return self.area("tai", octets[1 : 4 + size])

    def name(self, octets: bytes) -> None:
        if "apn" in self.told:
            return
        labels = []
        while octets and octets[0]:
            if len(octets) <= octets[0] or sum(len(x) + 1 for x in labels) + octets[0] + 1 > 128:
                return self.damage()
            text = "".join(chr(o) if 0x20 < o < 0x7F else "?" for o in octets[1 : 1 + octets[0]])
            labels.append(text.lower())
            octets = octets[1 + octets[0] :]
        text = ".".join(labels)
        head, dot, tail = text[:-19], text[-19:-18], text[-18:]
        if head and dot == "." and tail[:3] == "mnc" and tail[6:10] == ".mcc" and tail[13:] == ".gprs":
            digits = tail[3:6] + tail[10:13]
            text = head if all("0" <= d <= "9" for d in digits) else text
        if text:
            self.told["apn"] = text
        return None

    def address(self, kind: int, octets: bytes) -> None:
        if kind not in (1, 2, 3):
            return
        if len(octets) < {1: 4, 2: 8, 3: 12}[kind]:
            return self.damage()
        if kind > 1 and (interface := int.from_bytes(octets[:8], "big")):
            self.told["interface_id"] = interface
        if kind != 2 and (four := int.from_bytes(octets[8 * (kind == 3) :][:4], "big")):
            self.told["ue_ipv4"] = four
        return None

    def slice_of(self, octets: bytes) -> int | None:
        if len(octets) in (1, 2):
            return octets[0] << 24 | 0xFFFFFF
        return int.from_bytes(octets[:4], "big") if len(octets) in (4, 5, 8) else None

    def slices(self, octets: bytes, kind: int) -> None:
        if "nssai_kind" in self.told:
            return
        self.told["nssai_kind"] = kind
        found: list[int] = []
        while octets:
            if len(octets) < 1 + octets[0]:
                self.damage()
                break
            value = self.slice_of(octets[1 : 1 + octets[0]])
            if value is None:
                self.damage()
            else:
                found.append(value)
            octets = octets[1 + octets[0] :]
        self.told |= {"nssai": found[:8]} if found else {}

    def rejected(self, octets: bytes) -> None:
        if "rejected" in self.told:
            return
        found: list[int] = []
        while octets:
            size = octets[0] >> 4
            value = self.slice_of(octets[1 : 1 + size]) if len(octets) > size else None
            if value is None:
                self.damage()
                break
            found.append(value)
            octets = octets[1 + size :]
        self.told |= {"rejected": found[:8]} if found else {}


# --- EPS ----------------------------------------------------------------------------------------------------------


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


def container(r: Reader, octets: bytes, least: int) -> None:
    if len(octets) < least:
        r.damage()
    elif r.session is None:
        r.session = octets


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


def fill(r: Reader, kind: int, elements: Elements, value: Any) -> None:
    for key, octets in elements.values:
        value(r, kind, key, octets)


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
    if len(message) < 3 or message[2] not in ESM_LAYOUTS or message[1] == 255:
        return False
    ebi, pti, kind = message[0] >> 4, message[1], message[2]
    if kind < 0xD0 and (ebi == 0 or (kind in (0xC2, 0xC6, 0xCA) and pti)):
        return False
    if (0xD0 <= kind <= 0xD7 or kind in (0xD9, 0xDA)) and (ebi or not pti):
        return False
    elements = cut(message[3:], ESM_LAYOUTS[kind])
    return elements.listed and not elements.broken and not elements.damaged


def plain_eps(message: bytes) -> bool:
    if message[0] != 7:
        return message[0] & 15 == 2 and plain_esm(message)
    kind = emm_kind(message)
    if kind not in EMM_LAYOUTS:
        return False
    elements = cut(message[2:], EMM_LAYOUTS[kind])
    if not elements.listed or elements.broken or elements.damaged:
        return False
    found = Reader(1)
    for key, octets in elements.values:
        if (kind, key) in ((0x41, 3), (0x42, 3), (0x43, 0), (0x44, "78"), (0x4D, "78")):
            container(found, octets, 3)
    if "damage" in found.told:
        return False
    return found.session is None or (found.session[0] & 15 == 2 and plain_esm(found.session))


CODES = {"whole": DECODED, "damaged": DECODED, "broken": MALFORMED, "strange": UNKNOWN}


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


# --- 5GS ----------------------------------------------------------------------------------------------------------


def suci(r: Reader, octets: bytes) -> None:
    r.first("identity_type", 7)
    if octets[0] >> 4 & 7:
        return None
    if len(octets) < 8:
        return r.damage()
    r.told["home_plmn"] = plmn(octets[1:])
    if octets[6] & 15 == 0:
        msin = "".join(pair[1] + pair[0] for pair in (f"{o:02x}" for o in octets[8:]))
        end = next((k for k, d in enumerate(msin) if d > "9"), len(msin))
        network = plmn(octets[1:])
        full = (network if network[5] != "f" else network[:5]) + msin[:end]
        if "imsi" not in r.told and full[:16].ljust(16, "f") != "f" * 16:
            r.told["imsi"] = full[:16].rstrip("f")
    return None


def identity_5gs(r: Reader, octets: bytes) -> None:
    if not octets:
        return r.damage()
    kind = octets[0] & 7
    if kind == 1:
        return suci(r, octets)
    if kind == 2:
        if len(octets) < 11:
            return r.damage()
        code = int.from_bytes(octets[5:7], "big")
        r.guti(plmn(octets[1:]), octets[4], code, int.from_bytes(octets[7:11], "big"))
    elif kind == 4:
        if len(octets) < 7:
            return r.damage()
        r.guti(None, None, int.from_bytes(octets[1:3], "big"), int.from_bytes(octets[3:7], "big"))
    elif kind in (3, 5):
        r.imsi("imei", octets)
    return r.first("identity_type", {2: 5, 3: 2, 4: 6, 5: 3}.get(kind, 8)) if kind else None


def session_slice(r: Reader, octets: bytes) -> None:
    value = r.slice_of(octets)
    if value is None:
        r.damage()
    else:
        r.first("slice", value)


def mm_value(r: Reader, kind: int, key: int | str, v: bytes) -> None:
    accept = kind in (0x42, 0x54)
    if kind in (0x67, 0x68):
        return transport_value(r, key, v)
    if key == "71" and kind in (0x41, 0x4C, 0x5E, 0x4F):
        r.inner = v if r.inner is None else r.inner
    elif (kind, key) in ((0x5C, 0), (0x41, 1), (0x45, 1), (0x4C, 1), (0x5E, "77"), (0x5E, "78")) or (
        key == "77" and kind in (0x41, 0x42, 0x54)
    ):
        identity_5gs(r, v)
    elif key == 0 and kind in (0x41, 0x45, 0x47, 0x4C, 0x4F, 0x5B):
        r.told["request_type"] = v[0] >> 4 if kind == 0x4C else v[0] & 7
        r.told |= {0x41: {"follow_on": v[0] >> 3 & 1}, 0x45: {"switch_off": v[0] >> 3 & 1}}.get(kind, {})
        r.told |= {0x45: {"from_network": 0}, 0x47: {"from_network": 1}}.get(kind, {})
    elif (kind, key) == (0x42, 0):
        if not v:
            return r.damage()
        r.told["result"] = v[0] & 7
    elif (kind, key) == (0x5D, 0):
        r.told |= {"ciphering": v[0] >> 4, "integrity": v[0] & 15}
    elif (key == 0 and kind in (0x44, 0x4D, 0x59, 0x5F, 0x64)) or (kind, key) == (0x47, "58"):
        r.first("cause", v[0])
    elif (kind, key) == (0x41, "2F"):
        r.slices(v, 1)
    elif accept and key in ("15", "31"):
        r.slices(v, 2 if key == "15" else 3)
    elif (accept and key == "11") or (kind, key) in ((0x44, "69"), (0x47, "6D")):
        r.rejected(v)
    elif accept and key == "54":
        r.areas(v, 3)
    elif (kind, key) == (0x41, "52"):
        r.area("last_tai", v)
    elif (kind, key) == (0x4F, "12"):
        r.told["session_id"] = v[0]
    return None


def transport_value(r: Reader, key: int | str, v: bytes) -> None:
    if key == 0:
        r.told["container"] = v[0] & 15
    elif key == 1 and r.told["container"] == 1:
        container(r, v, 4)
    elif key == "12":
        r.told["session_id"] = v[0]
    elif key == "58":
        r.first("cause", v[0])
    elif key == "8-":
        r.told["session_request"] = v[0] & 7
    elif key == "25":
        r.name(v)
    elif key == "22":
        session_slice(r, v)


TYPES_5GS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5}


def sm_value(r: Reader, kind: int, key: int | str, v: bytes) -> None:
    if (kind, key) in ((0xC1, "9-"), (0xC2, 0)):
        kind_told = TYPES_5GS.get(v[0] & 7)
        r.told.pop("pdn_type", None)
        r.told |= {"pdn_type": kind_told} if kind_told else {}
    if (kind, key) == (0xC1, "A-"):
        r.told["ssc_mode"] = v[0] & 7
    elif (kind, key) == (0xC2, 0):
        r.told["ssc_mode"] = v[0] >> 4 & 7
    elif (key == 0 and kind in (0xC3, 0xCA, 0xCD, 0xD2, 0xD3, 0xD6)) or (key == "59" and kind != 0xC1):
        r.first("session_cause", v[0])
    elif key == "79" and kind != 0xC1:
        flows(r, v)
    elif (kind, key) == (0xC2, "29"):
        if not v:
            return r.damage()
        r.address(TYPES_5GS.get(v[0] & 7, 0), v[1:])
    elif (kind, key) == (0xC2, "22"):
        session_slice(r, v)
    elif (kind, key) == (0xC2, "25"):
        r.name(v)
    return None


def flows(r: Reader, v: bytes) -> None:
    while len(v) >= 3 and "qci" not in r.told:
        flow, count, v = v[0] & 63, v[2] & 63, v[3:]
        for _ in range(count):
            if len(v) < 2 or len(v) < 2 + v[1]:
                return r.damage()
            if v[0] == 1 and v[1] and "qci" not in r.told:
                r.told |= {"qci": v[2], "qfi": flow}
            v = v[2 + v[1] :]
    return None


def sm(r: Reader, message: bytes) -> str:
    if len(message) < 4:
        return "broken"
    if message[3] not in SM_5GS_LAYOUTS:
        return "strange"
    r.told |= {"session_id": message[1], "pti": message[2], "session_type": message[3]}
    elements = cut(message[4:], SM_5GS_LAYOUTS[message[3]])
    fill(r, message[3], elements, sm_value)
    if elements.broken or elements.damaged:
        r.damage()
    return "broken" if elements.broken else "damaged" if elements.damaged else "whole"


def plain_5gs(message: bytes) -> bool:
    if len(message) < 3 or message[:2] != b"\x7e\0" or message[2] not in MM_5GS_LAYOUTS:
        return False
    elements = cut(message[3:], MM_5GS_LAYOUTS[message[2]])
    if not elements.listed or elements.broken or elements.damaged:
        return False
    if message[2] in (0x67, 0x68) and elements.values[0][1][0] & 15 == 1:
        inner = elements.values[1][1]
        if len(inner) < 4 or inner[0] != 0x2E or inner[2] == 255 or inner[3] not in SM_5GS_LAYOUTS:
            return False
        within = cut(inner[4:], SM_5GS_LAYOUTS[inner[3]])
        return within.listed and not within.broken and not within.damaged
    return True


def mm(r: Reader, message: bytes) -> str:
    if len(message) < 3:
        return "broken"
    r.told["type"] = message[2]
    if message[2] not in MM_5GS_LAYOUTS:
        return "strange"
    elements = cut(message[3:], MM_5GS_LAYOUTS[message[2]])
    fill(r, message[2], elements, mm_value)
    if elements.broken or elements.damaged:
        r.damage()
    if elements.broken:
        return "broken"
    if r.inner is not None:
        inner = r.inner
        if plain_5gs(inner):
            r.told["inner_type"] = inner[2]
            fill(r, inner[2], cut(inner[3:], MM_5GS_LAYOUTS[inner[2]]), mm_value)
        else:
            r.told["inner_ciphered"] = 1
    if r.session is not None and (r.session[0] != 0x2E or sm(r, r.session) != "whole"):
        r.damage()
    return "whole"


def five_gs(message: bytes) -> tuple[int, Told]:
    """(code, fields) of a 5GS NAS message."""
    r = Reader(2)
    if len(message) < 2:
        return MALFORMED, r.told
    if message[0] == 0x2E:
        return CODES[sm(r, message)], r.told
    if message[0] != 0x7E:
        return UNKNOWN, r.told
    header = message[1] & 15
    if header == 0:
        return CODES[mm(r, message)], r.told
    r.told["security"] = header
    if header > 4:
        return UNKNOWN, r.told
    inner = message[7:]
    if len(inner) < 2:
        return MALFORMED, r.told
    if header in (2, 4):
        if not plain_5gs(inner):
            return CIPHERED, r.told | {"ciphered": 1}
        r.told["null_ciphered"] = 1
    if inner[0] != 0x7E or inner[1] & 15:
        return UNKNOWN, r.told
    return CODES[mm(r, inner)], r.told


def decode(message: bytes, protocol: int) -> tuple[int, Told]:
    """(code, fields) of a NAS message, as `tests.nas_rows_told.decode` tells them."""
    return eps(message) if protocol == 1 else five_gs(message)
