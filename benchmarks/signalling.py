"""Messages of signalling a second and core: our decoders, pycrate and tshark on the same octets.

S1AP, NGAP, PFCP and the NAS in them come from a generated capture of 4G and 5G; Diameter is what scapy encodes. Each
set is read over and over. tshark gets the messages without anything around them (a link type of its own), so it pays
for no lower layer; SCTP is measured on packets with S1AP in them, a tenth of it in fragments.
"""

import importlib.util
import random
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import child
from formats import reasons
from formats.nas import ALGORITHM_UNKNOWN, DECODED, NAS
from formats.records import KIND_SIGNALLING, RECORD
from formats.sctp import SCTP_MESSAGE
from kernels import diameter, diameter_rows, nas_5gs, nas_eps, ngap, pfcp, pfcp_rows, ran_rows, s1ap, sctp, sctp_state
from kernels.jit import kernel
from kernels.pcap import walk_pcap
from probe.merge import Batch
from probe.pipeline import LANE_PACKETS, Assembler, Lane
from tools.scenario import RADIO_PRESETS, generate

__all__ = ["Figure", "figures"]

MESSAGES = 200_000
PYCRATE_MESSAGES = 600
TSHARK_MESSAGES = 100_000
ROWS = 1 << 12
USER_LINK = 147
PPIDS = {18: "S1AP", 60: "NGAP"}
_S1AP, _NGAP, _PFCP, _DIAMETER = (
    np.int64(code) for code in (reasons.S1AP, reasons.NGAP, reasons.PFCP, reasons.DIAMETER)
)


class Figure(NamedTuple):
    """What one contestant did with messages of one protocol."""

    who: str
    protocol: str
    messages: int
    octets: int
    seconds: float
    note: str = ""


# --- messages ----------------------------------------------------------------------------------------------------


def _datagrams(path: Path) -> Iterator[tuple[int, bytes]]:
    """(IP protocol, what follows the IPv4 header) of a little-endian pcap of Ethernet."""
    data, at = path.read_bytes(), 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\0":
            yield frame[23], frame[14 + 4 * (frame[14] & 15) : 14 + int.from_bytes(frame[16:18], "big")]


def _user_messages(packet: bytes) -> Iterator[tuple[str, bytes]]:
    """The unfragmented user messages of an SCTP packet, with their protocol."""
    at = 12
    while at + 16 <= len(packet):
        kind, flags, length = packet[at], packet[at + 1], int.from_bytes(packet[at + 2 : at + 4], "big")
        ppid = int.from_bytes(packet[at + 12 : at + 16], "big")
        if kind == 0 and flags & 3 == 3 and ppid in PPIDS:
            yield PPIDS[ppid], packet[at + 16 : at + length]
        at += max(4, (length + 3) & ~3)


def _nas(messages: list[bytes], decode: Any, decode_nas: Any) -> list[bytes]:
    """The NAS messages in S1AP or NGAP messages whose content can be read: plain, or with the null cipher."""
    out, found = ran_rows.allocate(64), []
    rows, text = np.zeros(1, NAS).view(np.recarray), np.zeros(256, np.uint8)
    for octets in messages:
        out.used[:] = 0
        decode(np.frombuffer(octets, np.uint8).copy(), 0, len(octets), out)
        for row in out.nas_pdus[: out.used[ran_rows.NAS_PDUS]]:
            inner = octets[int(row["offset"]) : int(row["offset"]) + int(row["length"])]
            rows[0].apn_offset = 0
            whole = np.frombuffer(inner, np.uint8).copy()
            if decode_nas(whole, 0, len(inner), np.int64(ALGORITHM_UNKNOWN), rows[0], text) == DECODED:
                found.append(inner)
    return found


def _diameter() -> list[bytes]:
    """Requests and answers of S6a and Gx, as scapy encodes them; none without it."""
    if importlib.util.find_spec("scapy.contrib.diameter") is None:
        return []
    from scapy.contrib.diameter import AVP, DiamAns, DiamReq

    draw, out = random.Random(5), []
    for number in range(64):
        session = f"mme{number % 4}.epc.example;1234;{number}"
        imsi = f"20893{draw.randrange(10**10):010d}"
        hops: dict[str, Any] = {"drHbHId": draw.getrandbits(32), "drEtEId": draw.getrandbits(32)}
        ends = [AVP("Origin-Host", val="mme1.epc.example"), AVP("Origin-Realm", val="epc.example")]
        there = [AVP("Destination-Realm", val="hss.example"), AVP("User-Name", val=imsi)]
        plmn, done = AVP("Visited-PLMN-Id", val=b"\x02\xf8\x39"), AVP("Result-Code", val=2001)
        who = AVP("Subscription-Id", val=[AVP("Subscription-Id-Type", val=1), AVP("Subscription-Id-Data", val=imsi)])
        named = AVP("Session-Id", val=session)
        for code, application, more in ((318, 16777251, [plmn]), (316, 16777251, [plmn, AVP("RAT-Type", val=1004)]),
                                        (272, 16777238, [who, AVP("Called-Station-Id", val="internet")])):  # fmt: skip
            coded = DiamReq(code, drAppId=application, avpList=[named, *ends, *there, *more], **hops)
            answer = DiamAns(code, drAppId=application, avpList=[named, *ends, done], **hops)
            out += [bytes(coded), bytes(answer)]
    return out


def messages() -> dict[str, list[bytes]]:
    """By protocol, in the order of the capture."""
    found: dict[str, list[bytes]] = {"S1AP": [], "NGAP": [], "PFCP": []}
    with tempfile.TemporaryDirectory() as folder:
        for name in generate(RADIO_PRESETS["mixed"], Path(folder)).files:
            for protocol, octets in _datagrams(Path(folder) / name):
                if protocol == 17 and octets[2:4] == b"\x22\x65" and 8805 in struct.unpack("!HH", octets[:4]):
                    found["PFCP"].append(octets[8:])
                elif protocol == 132:
                    for told, message in _user_messages(octets):
                        found[told].append(message)
    found["EPS NAS"] = _nas(found["S1AP"], _decode_s1ap, nas_eps.decode_known)
    found["5GS NAS"] = _nas(found["NGAP"], _decode_ngap, nas_5gs.decode_known)
    found["Diameter"] = _diameter()
    return found


class Block(NamedTuple):
    """Messages one after the other."""

    data: np.ndarray
    """uint8[n]"""
    starts: np.ndarray
    """int64[m + 1]: where each begins, and the end"""


def block(octets: list[bytes], count: int) -> Block:
    """`count` messages: the set over and over."""
    many = [octets[k % len(octets)] for k in range(count)]
    return Block(np.frombuffer(b"".join(many), np.uint8).copy(), np.cumsum([0, *map(len, many)], dtype=np.int64))


# --- ours --------------------------------------------------------------------------------------------------------


@kernel
def _decode_s1ap(data, lo, hi, out):  # type: ignore[no-untyped-def]
    return s1ap.decode(data, lo, hi, out)


@kernel
def _decode_ngap(data, lo, hi, out):  # type: ignore[no-untyped-def]
    return ngap.decode(data, lo, hi, out)


@kernel
def _read_s1ap(data, starts, out):  # type: ignore[no-untyped-def]
    """How many of the messages data[starts[k]:starts[k + 1]] are decoded."""
    decoded = 0
    for k in range(len(starts) - 1):
        if 2 * out.used[ran_rows.MESSAGES] > len(out.messages):
            out.used[:] = 0
        reason = s1ap.decode(data, starts[k], starts[k + 1], out)
        if reason == ran_rows.NO_ROOM:
            out.used[:] = 0
            reason = s1ap.decode(data, starts[k], starts[k + 1], out)
        decoded += reason == _S1AP
    return decoded


@kernel
def _read_ngap(data, starts, out):  # type: ignore[no-untyped-def]
    """As `_read_s1ap`."""
    decoded = 0
    for k in range(len(starts) - 1):
        if 2 * out.used[ran_rows.MESSAGES] > len(out.messages):
            out.used[:] = 0
        reason = ngap.decode(data, starts[k], starts[k + 1], out)
        if reason == ran_rows.NO_ROOM:
            out.used[:] = 0
            reason = ngap.decode(data, starts[k], starts[k + 1], out)
        decoded += reason == _NGAP
    return decoded


@kernel
def _read_eps_nas(data, starts, rows, text):  # type: ignore[no-untyped-def]
    """As `_read_s1ap`."""
    read = 0
    for k in range(len(starts) - 1):
        row = rows[k & (len(rows) - 1)]
        row.apn_offset = 0
        code = nas_eps.decode_known(data, starts[k], starts[k + 1], np.int64(ALGORITHM_UNKNOWN), row, text)
        read += code == DECODED
    return read


@kernel
def _read_5gs_nas(data, starts, rows, text):  # type: ignore[no-untyped-def]
    """As `_read_eps_nas`."""
    read = 0
    for k in range(len(starts) - 1):
        row = rows[k & (len(rows) - 1)]
        row.apn_offset = 0
        code = nas_5gs.decode_known(data, starts[k], starts[k + 1], np.int64(ALGORITHM_UNKNOWN), row, text)
        read += code == DECODED
    return read


@kernel
def _read_pfcp(data, starts, out):  # type: ignore[no-untyped-def]
    """As `_read_s1ap`."""
    decoded = 0
    for k in range(len(starts) - 1):
        if not pfcp_rows.has_room(out):
            out.used[:] = 0
        decoded += pfcp.decode(data, starts[k], starts[k + 1], out) == _PFCP
    return decoded


@kernel
def _read_diameter(data, starts, out):  # type: ignore[no-untyped-def]
    """As `_read_s1ap`."""
    decoded = 0
    for k in range(len(starts) - 1):
        if not diameter_rows.has_room(out):
            out.used[:] = 0
        decoded += diameter.decode(data, starts[k], starts[k + 1], out) == _DIAMETER
    return decoded


@kernel
def _read_sctp(state, data, packets, out):  # type: ignore[no-untyped-def]
    """User messages that the SCTP packets complete."""
    count = 0
    for i in range(len(packets)):
        p = packets[i]
        if p.kind == KIND_SIGNALLING:
            lo = np.int64(p.at)
            found, _ = sctp.packet(state, 0, data, lo, lo + np.int64(p.window), p.window < p.payload, p, out)
            count += found
    return count


def _ours(protocol: str, given: Block) -> Callable[[], int]:
    """What reads the block, to a number of messages."""
    ran, nas, text = ran_rows.allocate(ROWS), np.zeros(ROWS, NAS).view(np.recarray), np.zeros(256, np.uint8)
    jobs: dict[str, Callable[[], int]] = {
        "S1AP": lambda: _read_s1ap(*given, ran),
        "NGAP": lambda: _read_ngap(*given, ran),
        "EPS NAS": lambda: _read_eps_nas(*given, nas, text),
        "5GS NAS": lambda: _read_5gs_nas(*given, nas, text),
        "PFCP": lambda: _read_pfcp(*given, pfcp_rows.allocate(ROWS)),
        "Diameter": lambda: _read_diameter(*given, diameter_rows.allocate(ROWS)),
    }
    return jobs[protocol]


def _timed(job: Callable[[], int], passes: int) -> tuple[int, float]:
    """What it returned, and the seconds of the best of some passes."""
    best, told = float("inf"), 0
    for _ in range(passes):
        began = time.perf_counter()
        told = job()
        best = min(best, time.perf_counter() - began)
    return told, best


# --- peers -------------------------------------------------------------------------------------------------------


def _pycrate(protocol: str) -> Callable[[bytes], Any]:
    """pycrate's decoder of a protocol."""
    if protocol == "S1AP":
        from pycrate_asn1dir.S1AP import S1AP_PDU_Descriptions

        return S1AP_PDU_Descriptions.S1AP_PDU.from_aper
    if protocol == "NGAP":
        from pycrate_asn1dir.NGAP import NGAP_PDU_Descriptions

        return NGAP_PDU_Descriptions.NGAP_PDU.from_aper
    if protocol == "EPS NAS":
        from pycrate_mobile.NAS import parse_NASLTE_MO

        return parse_NASLTE_MO
    if protocol == "5GS NAS":
        from pycrate_mobile.NAS5G import parse_NAS5G

        return parse_NAS5G
    if protocol == "PFCP":
        from pycrate_mobile.TS29244_PFCP import parse_PFCP

        return parse_PFCP
    from pycrate_diameter.Diameter3GPP import Diameter3GPP

    return lambda octets: Diameter3GPP().from_bytes(octets)


def _pycrate_figure(protocol: str, octets: list[bytes], most: int) -> Figure | str:
    if importlib.util.find_spec("pycrate_asn1dir") is None:
        return "pycrate is not installed"
    decode, sample = _pycrate(protocol), octets[:most]

    def job() -> int:
        for message in sample:
            decode(message)
        return len(sample)

    count, seconds = _timed(job, 2)
    return Figure("pycrate", protocol, count, sum(map(len, sample)), seconds)


DISSECTORS = {
    "S1AP": ("s1ap", ("s1ap.procedureCode", "s1ap.MME_UE_S1AP_ID", "s1ap.ENB_UE_S1AP_ID", "s1ap.cell_ID", "s1ap.tAC",
                      "s1ap.e_RAB_ID", "s1ap.gTP_TEID", "s1ap.transportLayerAddressIPv4", "s1ap.qCI",
                      "s1ap.radioNetwork")),
    "NGAP": ("ngap", ("ngap.procedureCode", "ngap.AMF_UE_NGAP_ID", "ngap.RAN_UE_NGAP_ID", "ngap.NRCellIdentity",
                      "ngap.tAC", "ngap.pDUSessionID", "ngap.gTP_TEID", "ngap.fiveQI", "ngap.sST",
                      "ngap.radioNetwork")),
    "EPS NAS": ("nas-eps", ("nas_eps.nas_msg_emm_type", "nas_eps.nas_msg_esm_type", "nas_eps.emm.cause",
                            "nas_eps.emm.m_tmsi", "e212.imsi")),
    "5GS NAS": ("nas-5gs", ("nas_5gs.mm.message_type", "nas_5gs.sm.message_type", "nas_5gs.mm.5gmm_cause",
                            "nas_5gs.5g_tmsi", "e212.imsi")),
    "PFCP": ("pfcp", ("pfcp.msg_type", "pfcp.seid", "pfcp.seqno", "pfcp.cause", "pfcp.f_teid.teid",
                      "pfcp.f_teid.ipv4_addr", "pfcp.ue_ip_addr_ipv4", "e212.imsi")),
    "Diameter": ("diameter", ("diameter.cmd.code", "diameter.applicationId", "diameter.hopbyhopid",
                              "diameter.Result-Code", "diameter.Session-Id", "diameter.User-Name", "e212.imsi")),
}  # fmt: skip
"""By protocol: tshark's dissector, and fields of those that wiregauge reads."""


def _write_pcap(path: Path, link: int, frames: list[bytes]) -> None:
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, link))
        for k, frame in enumerate(frames):
            out.write(struct.pack("<IIII", 1_767_225_600 + k // 1000, k % 1000 * 1_000_000, len(frame), len(frame)))
            out.write(frame)


def _tshark(protocol: str, path: Path, count: int, octets: int, options: list[str], fields: tuple[str, ...]) -> Any:
    command = shutil.which("tshark")
    if command is None:
        return "tshark is not installed"
    words = [word for name in fields for word in ("-e", name)]
    cost = child.run([command, "-n", "-r", path, *options, "-T", "fields", *words], discard=True)
    if cost.code:
        return f"tshark failed on {protocol}: {cost.output[-300:]}"
    return Figure("tshark", protocol, count, octets, cost.seconds, "the whole command")


def _tshark_figure(protocol: str, octets: list[bytes], most: int, folder: Path) -> Figure | str:
    """tshark on messages without lower layers: the link type is mapped to the protocol's dissector."""
    dissector, fields = DISSECTORS[protocol]
    many = [octets[k % len(octets)] for k in range(most)]
    path = folder / "messages.pcap"
    _write_pcap(path, USER_LINK, many)
    mapped = ["-o", f'uat:user_dlts:"User 0 (DLT={USER_LINK})","{dissector}","0","","0",""']
    told: Figure | str = _tshark(protocol, path, most, sum(map(len, many)), mapped, fields)
    return told


# --- SCTP --------------------------------------------------------------------------------------------------------


def _chunk(flags: int, tsn: int, number: int, octets: bytes) -> bytes:
    body = struct.pack("!BBHIHHI", 0, flags, 16 + len(octets), tsn, 1, number & 0xFFFF, 18) + octets
    return body + bytes(-len(body) % 4)


def sctp_frames(octets: list[bytes], count: int) -> list[bytes]:
    """Packets of one association with a message each, a tenth of the messages in two."""
    frames, tsn = [], 1
    for k in range(count):
        message = octets[k % len(octets)]
        pieces = [(3, message)]
        if k % 10 == 0 and len(message) > 8:
            pieces = [(2, message[: len(message) // 2]), (1, message[len(message) // 2 :])]
        for flags, piece in pieces:
            packet = struct.pack("!HHII", 36412, 36412, 0x1234, 0) + _chunk(flags, tsn, k, piece)
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(packet), tsn & 0xFFFF, 0, 64, 132, 0,
                               bytes((10, 1, 0, 1)), bytes((10, 2, 0, 1)))  # fmt: skip
            frames.append(bytes((2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0)) + head + packet)
            tsn += 1
    return frames


def _walked(path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    data, records = np.fromfile(path, np.uint8), np.zeros(count + 1, RECORD)
    found, *_ = walk_pcap(data, 24, False, 1, 1, 0, records)
    if found != count:
        raise AssertionError(f"{found} records of {count}")
    return data, records[:count]


def _sctp_figures(octets: list[bytes], count: int, most: int, folder: Path, passes: int) -> Iterator[Figure | str]:
    """SCTP alone on packets whose headers are read, and everything from octets of a capture to rows."""
    frames, path = sctp_frames(octets, count), folder / "sctp.pcap"
    _write_pcap(path, 1, frames)
    size = sum(map(len, frames))
    data, records = _walked(path, len(frames))
    batch, lane = Batch(data, records, lambda: None), Lane()
    stretch = min(LANE_PACKETS, len(records))
    lane.parse(batch, 0, stretch)
    packets, out = lane.packets[: lane.count].copy(), np.zeros(64, SCTP_MESSAGE)

    def alone() -> int:
        state = np.zeros(sctp_state.SCTP_WORDS, np.int64)
        kept = sctp_state.allocate(state)
        told = int(_read_sctp(state, data, packets, out))
        return told if kept else 0

    alone()
    told, seconds = _timed(alone, passes)
    yield Figure("wiregauge", "SCTP", told, size * told // count, seconds, "user messages, a tenth in two fragments")

    def whole() -> int:
        assembler, first, heard = Assembler(), 0, 0
        while first < len(records):
            lane.parse(batch, first, min(first + LANE_PACKETS, len(records)))
            first += lane.count
            begin = 0
            while begin < lane.count:
                begin = assembler.read(data, lane.packets, lane.order, begin, lane.count)
                heard += int(assembler.heard.used[0])
        return heard

    whole()
    told, seconds = _timed(whole, passes)
    if told != count:
        raise AssertionError(f"S1AP in SCTP: {told} messages of {count}")
    yield Figure("wiregauge", "S1AP in SCTP", told, size, seconds, "Ethernet to rows of S1AP and NAS")
    frames, path = sctp_frames(octets, most), folder / "sctp.pcap"
    _write_pcap(path, 1, frames)
    size = sum(map(len, frames))
    plain = ("frame.time_epoch", "ip.src", "ip.dst", "sctp.srcport", "sctp.dstport", "sctp.verification_tag")
    yield _tshark("SCTP", path, most, size, ["-o", "sctp.reassembly:TRUE", "--disable-protocol", "s1ap"],
                  (*plain, "sctp.data_tsn", "sctp.data_payload_proto_id"))  # fmt: skip
    yield _tshark("S1AP in SCTP", path, most, size, ["-o", "sctp.reassembly:TRUE"], (*plain, *DISSECTORS["S1AP"][1]))


# --- all ---------------------------------------------------------------------------------------------------------


def figures(smoke: bool = False) -> Iterator[Figure | str]:
    """Each contestant's figure for each protocol, or why there is none."""
    count, most, sample = (2_000, 500, 20) if smoke else (MESSAGES, TSHARK_MESSAGES, PYCRATE_MESSAGES)
    passes, found = 2 if smoke else 7, messages()
    with tempfile.TemporaryDirectory() as folder:
        for protocol, octets in found.items():
            if not octets:
                yield f"{protocol}: what encodes it is not installed"
                continue
            given = block(octets, count)
            read = _ours(protocol, given)
            read()
            told, seconds = _timed(read, passes)
            if told != count:
                raise AssertionError(f"{protocol}: {told} messages of {count} were decoded")
            yield Figure("wiregauge", protocol, count, len(given.data), seconds)
            yield _pycrate_figure(protocol, octets, sample)
            yield _tshark_figure(protocol, octets, most, Path(folder))
        yield from _sctp_figures(found["S1AP"], count, most, Path(folder), passes)


if __name__ == "__main__":
    import sys

    for figure in figures("--smoke" in sys.argv):
        if isinstance(figure, str):
            print(figure)
        else:
            print(f"{figure.who:10} {figure.protocol:13} {figure.messages / figure.seconds:12,.0f}/s")
