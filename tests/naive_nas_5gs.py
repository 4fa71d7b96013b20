"""5GS NAS (TS 24.501) by the naive reader."""

from formats.nas_layouts import MM_5GS_LAYOUTS, SM_5GS_LAYOUTS
from tests.naive_nas import CIPHERED, CODES, MALFORMED, UNKNOWN, Reader, Told, container, cut, fill, plmn


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


def plain_5gs(message: bytes, header: int = 0) -> bool:
    if len(message) < 3 or message[0] != 0x7E or message[1] not in (0, header) or message[2] not in MM_5GS_LAYOUTS:
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
        if not plain_5gs(inner, header):
            return CIPHERED, r.told | {"ciphered": 1}
        r.told["null_ciphered"] = 1
    if inner[0] != 0x7E or inner[1] not in (0, header):
        return UNKNOWN, r.told
    return CODES[mm(r, inner)], r.told
