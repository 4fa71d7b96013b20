"""Names for the octet ranges of SCTP, S1AP, NGAP and PFCP (RFC 9260, TS 36.413, TS 38.413, TS 29.244)."""

from formats import ngap, pfcp, pfcp_ies, s1ap, sctp
from probe.layers import Stop, Walk

__all__ = ["pfcp_datagram", "sctp_packet"]

PDUS = ("initiating message", "successful outcome", "unsuccessful outcome")
CRITICALITIES = ("reject", "ignore", "notify")
LONG = 0x80
FRAGMENTED = 0xC0


def sctp_packet(w: Walk) -> None:
    """The common header and the chunks."""
    layer = w.layer("SCTP")
    w.number(layer, "source port", 2)
    w.number(layer, "destination port", 2)
    w.number(layer, "verification tag", 4, lambda value: f"0x{value:08x}")
    w.take(layer, "checksum", 4, lambda raw: raw.hex())
    end = w.end
    while w.at < end:
        kind = w.number(layer, "chunk type", 1, lambda value: f"{value} {sctp.CHUNKS.get(value, '')}".rstrip())
        flags = w.number(layer, "chunk flags", 1, lambda value: f"0x{value:02x}")
        length = w.number(layer, "chunk length", 2)
        if length < sctp.CHUNK_HEADER:
            raise Stop(f"an SCTP chunk of {length} octets")
        w.limit(w.at + length - sctp.CHUNK_HEADER)
        if kind == sctp.DATA:
            _data(w, layer, flags)
        w.rest(layer, "chunk content")
        w.end = end
        padding = min(-length % 4, end - w.at)
        if padding > 0:
            w.take(layer, "padding", padding, lambda raw: "")


def _data(w: Walk, layer: str, flags: int) -> None:
    w.number(layer, "TSN", 4)
    w.number(layer, "stream", 2)
    w.number(layer, "sequence in stream", 2)
    ppid = w.number(layer, "payload protocol", 4, lambda value: f"{value} {sctp.PPIDS.get(value, '')}".rstrip())
    whole = flags & (sctp.FLAG_BEGIN | sctp.FLAG_END) == sctp.FLAG_BEGIN | sctp.FLAG_END
    if not whole:
        w.rest(layer, "fragment of a message")
    elif ppid in (sctp.PPID_S1AP, sctp.PPID_NGAP):
        _pdu(w, "S1AP" if ppid == sctp.PPID_S1AP else "NGAP")


def _pdu(w: Walk, layer: str) -> None:
    """An elementary procedure's message: its header, and the elements of its container."""
    names = s1ap.MESSAGES if layer == "S1AP" else ngap.MESSAGES
    choice = w.number(layer, "PDU", 1, lambda value: PDUS[value >> 5] if value >> 5 < len(PDUS) else f"choice {value}")
    said = min(choice >> 5, len(PDUS) - 1)

    def name(code: int) -> str:
        return f"{code} {names.get(code, ('', '', ''))[said]}".rstrip()

    w.number(layer, "procedure code", 1, name)
    w.number(layer, "criticality", 1, _criticality)
    length = _length(w, layer, "length")
    w.limit(w.at + length)
    w.number(layer, "preamble", 1, lambda value: "extended" if value & LONG else "")
    for _ in range(w.number(layer, "number of elements", 2)):
        number = w.number(layer, "element", 2)
        w.number(layer, f"element {number}: criticality", 1, _criticality)
        octets = _length(w, layer, f"element {number}: length")
        w.take(layer, f"element {number}", octets, lambda raw: raw[:16].hex(" "))


def _criticality(value: int) -> str:
    return CRITICALITIES[value >> 6] if value >> 6 < len(CRITICALITIES) else str(value)


def _length(w: Walk, layer: str, field: str) -> int:
    """A length determinant of aligned PER (X.691 §11.9)."""
    first = w.frame[w.at] if w.at < w.end else 0
    if first < LONG:
        return w.number(layer, field, 1)
    if first < FRAGMENTED:
        return w.number(layer, field, 2, lambda value: str(value & 0x3FFF)) & 0x3FFF
    raise Stop(f"{layer}: {field} of a fragmented element: its fragments are not shown one by one")


def pfcp_datagram(w: Walk) -> None:
    """The messages of a PFCP datagram."""
    layer, end = "PFCP", w.end
    while w.at < end:
        start = w.at
        flags = w.number(layer, "flags", 1, lambda value: f"version {value >> 5}{', with SEID' if value & 1 else ''}")
        w.number(layer, "message type", 1, lambda value: f"{value} {pfcp.MESSAGES.get(value, '')}".rstrip())
        length = w.number(layer, "length", 2)
        w.limit(start + 4 + length)
        if flags & 1:
            w.number(layer, "SEID", 8, lambda value: f"0x{value:016x}")
        w.number(layer, "sequence number", 3)
        w.number(layer, "priority, spare", 1)
        while w.at < w.end:
            kind = w.number(layer, "element", 2, lambda value: f"{value} {pfcp_ies.IES.get(value, '')}".rstrip())
            octets = w.number(layer, "element length", 2)
            w.take(layer, pfcp_ies.IES.get(kind, f"element {kind}"), octets, lambda raw: raw[:16].hex(" "))
        w.end = end
        if not flags & pfcp.FLAG_FOLLOW_ON:
            return
