"""NAS as one would read it with the standards open and no thought for speed: bytes in, a dict out.

A message is first cut into its elements, then each is looked up by message and identifier. The layouts are the
project's declaration (which the tests hold against pycrate); all else is written from TS 24.301, 24.501 and 24.008.
"""

from typing import Any, NamedTuple

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


def container(r: Reader, octets: bytes, least: int) -> None:
    if len(octets) < least:
        r.damage()
    elif r.session is None:
        r.session = octets


def fill(r: Reader, kind: int, elements: Elements, value: Any) -> None:
    for key, octets in elements.values:
        value(r, kind, key, octets)


CODES = {"whole": DECODED, "damaged": DECODED, "broken": MALFORMED, "strange": UNKNOWN}
