"""What each NAS message is made of: its mandatory part and the elements that may follow, as the decoders walk them.

Per message two lists. Mandatory part (TS 24.007 §11.2.1.1): `V1` a value of one octet (or two halves of one), `Vn` of n
octets, `LV` with a length octet, `LVE` with a length of two octets. Elements that may follow: `52/5` is identifier 52
with a value of 5 octets and no length (type 3), `0A/0` an
identifier alone (type 2), `9-` one octet of which the upper half is the identifier (type 1), `78`
an element with a length: of two octets where the identifier is 70 to 7F, else of one (types 6 and 4).
"""

import numpy as np

EMM_LAYOUTS: dict[int, tuple[str, str]] = {
    0x41: (
        "V1 LV LV LVE",
        "19/3 50 52/5 5C/2 31 13/5 9- 11 20 40 F- 5D D- E- C- 10 6A 5E 6E 6F 6D 17/1 32 B- 34 35 36 38",
    ),
    0x42: (
        "V1 V1 LV LVE",
        "50 13/5 23 53/1 17/1 59/1 4A 34 64 F- 5E 6A 6E E- D- 6B C- 6C 7A 7C 66 B- 35 36 37 38 1D 1E",
    ),
    0x43: ("LVE", ""),
    0x44: ("V1", "78 5F 16 A- 1C 1D 1E"),
    0x45: ("V1 LV", ""),
    0x46: ("", ""),
    0x48: (
        "V1 LV",
        "B- 8- 19/3 50 55/4 58 52/5 5C/2 A- 57 31 13/5 9- 11 20 40 F- 5D E- D- C- 10 6A 5E 6E 6F 6D 17/1 32 34 35 "
        "36 38",
    ),
    0x49: (
        "V1",
        "5A/1 50 54 57 13/5 23 53/1 17/1 59/1 4A 34 64 F- 5E 6A 6E 68 65 E- D- 6B C- 6C 7A 7C 66 B- 35 36 37 38 1D 1E",
    ),
    0x4A: ("", ""),
    0x4B: ("V1", "5F A- 1C 1D 1E"),
    0x4C: ("V1 LV", "B- 57 D- 29 28"),
    0x4D: ("V1", "78 67 57 D- 29 28"),
    0x4E: ("V1", "5B/1 5F 6B 1C 1D 1E"),
    0x4F: ("", "57 6B 37 1D 1E"),
    0x50: ("LV", "54 65 66 B-"),
    0x51: ("", ""),
    0x52: ("V1 V16 LV", ""),
    0x53: ("LV", ""),
    0x54: ("", ""),
    0x55: ("V1", ""),
    0x56: ("LV", ""),
    0x5C: ("V1", "30"),
    0x5D: ("V1 V1 LV", "C- 55/4 56/4 4F 6F 37 D-"),
    0x5E: ("", "23 79 66"),
    0x5F: ("V1", ""),
    0x60: ("V1", ""),
    0x61: ("", "43 45 46/1 47/7 49"),
    0x62: ("LV", ""),
    0x63: ("LV", ""),
    0x64: ("V1", "60 61/1 62/1 63"),
    0x68: ("V1 LVE", "65"),
    0x69: ("V1 LVE", "65"),
    0x7F: ("V1", "53/1"),
}
"""EPS mobility management (TS 24.301 §8.2). 0x7F stands for the Detach Request (0x45) of the network (§8.2.11.2)."""

ESM_LAYOUTS: dict[int, tuple[str, str]] = {
    0xC1: ("LV LV LV", "5D 30 32/1 8- 34 5E 58/1 27 B- C- 33 66 9- 7B 6E 5F 5C"),
    0xC2: ("", "27 7B"),
    0xC3: ("V1", "27 7B"),
    0xC5: ("V1 LV LV", "5D 30 32/1 8- 34 27 C- 33 7B 5C"),
    0xC6: ("", "27 33 7B"),
    0xC7: ("V1", "27 33 7B"),
    0xC9: ("", "5B 36 30 32/1 8- 34 5E 27 C- 33 66 7B 5F 5C"),
    0xCA: ("", "27 33 7B"),
    0xCB: ("V1", "27 33 7B"),
    0xCD: ("V1", "27 37 C- 33 7B"),
    0xCE: ("", "27 7B"),
    0xD0: ("V1", "D- 28 27 C- 33 66 7B"),
    0xD1: ("V1", "27 37 6B 33 7B"),
    0xD2: ("V1", "27 7B"),
    0xD3: ("V1", "27 7B"),
    0xD4: ("V1 LV LV", "27 C- 33 7B 5C"),
    0xD5: ("V1", "27 37 6B 33 7B"),
    0xD6: ("V1 LV", "5B 58/1 27 C- 33 66 7B 5C"),
    0xD7: ("V1", "27 37 6B 33 7B"),
    0xD9: ("", ""),
    0xDA: ("", "28 27 7B"),
    0xDB: ("LV", ""),
    0xDC: ("", ""),
    0xE8: ("V1", ""),
    0xE9: ("", "79 7A 6F"),
    0xEA: ("", ""),
    0xEB: ("LVE", "F-"),
}
"""EPS session management (TS 24.301 §8.3)."""

MM_5GS_LAYOUTS: dict[int, tuple[str, str]] = {
    0x41: (
        "V1 LVE",
        "C- 10 2E 2F 52/6 17 40 50 B- 2B 77 25 18 51 70 74 8- 7B 9- 53 41 42 71 60 6E 6A 67 35 48 1A 30 29 28 72 32 16 "
        "2A 3B 3C 0A/0",
    ),
    0x42: (
        "LV",
        "77 4A 54 15 11 31 21 50 26 72 79 B- 9- 27 5E 5D 16 34 7A 73 78 A- 76 51 D- 60 6E 6C 6B 6A 67 E- 39 74 75 1B "
        "1A 29 68 7B 2A 35 70 14 2C 13 1D 1E 71 7C",
    ),
    0x43: ("", "73"),
    0x44: ("V1", "5F 16 78 69 75 68 2C 71 3A 1D 1E"),
    0x45: ("V1 LVE", ""),
    0x46: ("", ""),
    0x47: ("V1", "58/1 5F 6D 75 68 2C 71 3A 1D 1E"),
    0x48: ("", ""),
    0x4C: ("V1 LVE", "40 50 25 71 29 28"),
    0x4D: ("V1", "50 5F 78 6B 75 2C 71 3A 1D 1E"),
    0x4E: ("", "50 26 72 78 6B 34 1D 1E"),
    0x4F: ("V1", "6F 8- 7B 12/1 50 F- 40 71 24 25 29 28"),
    0x50: ("LV LVE", ""),
    0x51: ("LV LVE", ""),
    0x52: ("LV LVE", ""),
    0x54: (
        "",
        "D- 77 54 15 27 43 45 46/1 47/7 49 79 B- 9- 31 11 76 F- 6C 75 67 A- 44 1B C- 68 72 70 14 2C 13 71 1F 73 E- "
        "1D 1E 39",
    ),
    0x55: ("", ""),
    0x56: ("V1 LV", "21/16 20 78"),
    0x57: ("", "2D 78"),
    0x58: ("", "78"),
    0x59: ("V1", "30"),
    0x5A: ("V1 LVE", "38"),
    0x5B: ("V1", ""),
    0x5C: ("LVE", ""),
    0x5D: ("V1 V1 LV", "E- 57/1 36 78 38 19"),
    0x5E: ("", "77 71 78"),
    0x5F: ("V1", ""),
    0x64: ("V1", ""),
    0x65: ("V1", ""),
    0x66: ("", "50"),
    0x67: ("V1 LVE", "12/1 59/1 8- 22 25 24 A- F-"),
    0x68: ("V1 LVE", "12/1 24 58/1 37 3A"),
    0x69: ("V1 LVE", ""),
    0x6A: ("V1 LVE", "78"),
    0x6B: ("V1", "78"),
    0x6C: ("V1 LVE", ""),
    0x6D: ("V1 LVE", ""),
}
"""5GS mobility management (TS 24.501 §8.2)."""

SM_5GS_LAYOUTS: dict[int, tuple[str, str]] = {
    0xC1: ("V2", "9- A- 28 55/2 B- 39 7B 66 6E 6F 74 1F 29 72 70 34 35"),
    0xC2: ("V1 LVE LV", "59/1 29 56/1 22 8- 75 78 79 7B 25 17 18 77 C- 66 1F 72 71"),
    0xC3: ("V1", "37 F- 78 61 7B 1D 72"),
    0xC5: ("LVE", "7B"),
    0xC6: ("LVE", "7B"),
    0xC7: ("", "78 7B"),
    0xC9: ("", "28 59/1 55/2 B- 13/2 7A 79 75 7B 74 66 1F 70 72"),
    0xCA: ("V1", "37 61 7B 1D"),
    0xCB: ("", "59/1 2A 56/1 8- 7A 75 79 7B 77 66 74 1E 1F 71 72"),
    0xCC: ("", "7B 74"),
    0xCD: ("V1", "7B"),
    0xD1: ("", "59/1 7B"),
    0xD2: ("V1", "7B"),
    0xD3: ("V1", "37 78 61 7B D- 72"),
    0xD4: ("", "59/1 7B"),
    0xD6: ("V1", ""),
    0xD8: ("LVE", ""),
    0xD9: ("LVE", ""),
    0xDA: ("", "76 70"),
    0xDB: ("", ""),
}
"""5GS session management (TS 24.501 §8.3)."""

MANDATORY_MOST = 4
FORM_LV = 254
FORM_LVE = 255
"""In a mandatory part: 1 to 253 is a value of so many octets, 0 the end."""

OPTION_UNKNOWN = 0
OPTION_HALF = 1  # types 1 and 2: the octet is identifier and value, or an identifier alone
OPTION_TLV = 254
OPTION_TLVE = 255
"""Of an element that may follow: 2 to 253 is one more than the octets of its value, without a length (type 3)."""


def _form(word: str) -> int:
    return {"LV": FORM_LV, "LVE": FORM_LVE}.get(word) or int(word[1:])


def _option(word: str) -> tuple[int, int]:
    """(identifier, form); of a type 1 element the identifier is its upper half."""
    if word.endswith("-"):
        return int(word[0], 16) << 4, OPTION_HALF
    identifier, _, octets = word.partition("/")
    number = int(identifier, 16)
    return number, 1 + int(octets) if octets else OPTION_TLVE if number >> 4 == 7 else OPTION_TLV


def tables(layouts: dict[int, tuple[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(known bool[64], mandatory uint8[64, MANDATORY_MOST], options uint8[64, 256]), by the lower 6 bits of a type."""
    known = np.zeros(64, np.bool_)
    mandatory = np.zeros((64, MANDATORY_MOST), np.uint8)
    options = np.zeros((64, 256), np.uint8)
    for kind, (first, rest) in layouts.items():
        row = kind & 63
        known[row] = True
        mandatory[row, : len(first.split())] = [_form(word) for word in first.split()]
        for word in rest.split():
            identifier, form = _option(word)
            options[row, identifier] = form
    return known, mandatory, options


EMM_TABLES = tables(EMM_LAYOUTS)
ESM_TABLES = tables(ESM_LAYOUTS)
MM_5GS_TABLES = tables(MM_5GS_LAYOUTS)
SM_5GS_TABLES = tables(SM_5GS_LAYOUTS)
