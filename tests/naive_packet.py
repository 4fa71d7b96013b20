"""What `kernels.packet.parse` does, once more in plain Python: exceptions and slices, nothing shared but the codes.

`parse_frame` returns a dict of every PACKET field, and the piece that is kept (a dict) or None. GTP-C itself is not
decoded: such a frame has reason None and kind None.
"""

import struct

from formats import reasons as R

M64 = (1 << 64) - 1
GTPU_TYPES = {1, 2, 26, 31, 253, 254, 255}
EXTENSION_HEADERS = {0, 43, 44, 51, 60, 135, 139, 140}


class Reject(Exception):
    """Carries the reason code of a rejected frame."""


class Done(Exception):
    """Carries the reason code of a decoded frame."""


def empty() -> dict:
    """A row with nothing in it."""
    names = (
        "flow_hash tunnel_hash src_hi src_lo dst_hi dst_lo shard_hash src_port dst_port outer_src_hi outer_src_lo "
        "outer_dst_hi outer_dst_lo seq ack length payload window ip_id mss kind reason ip_protocol tcp_flags gtpu_type "
        "depth quic fragment ttl at"
    )
    return dict.fromkeys(names.split(), 0) | {"teid": -1, "window_shift": -1, "qfi": -1, "pdu_type": -1}


def need(buffer: bytes, count: int, reason: int) -> None:
    if len(buffer) < count:
        raise Reject(reason)


def u16(buffer: bytes, at: int) -> int:
    return int.from_bytes(buffer[at : at + 2], "big")


def u32(buffer: bytes, at: int) -> int:
    return int.from_bytes(buffer[at : at + 4], "big")


# ---------------------------------------------------------------- link


def strip_link(frame: bytes, link: int) -> tuple[bytes, int]:
    """(what follows the link header, IP version that it promised or 0)."""
    if link in (12, 14, 101):
        return frame, 0
    if link in (228, 229):
        return frame, {228: 4, 229: 6}[link]
    if link in (0, 108):
        need(frame, 4, R.LINK_TRUNCATED)
        families = {2: 4, 10: 6, 24: 6, 28: 6, 30: 6}
        orders = [">I", "<I"] if link == 0 else [">I"]
        for order in orders:
            (family,) = struct.unpack(order, frame[:4])
            if family in families:
                return frame[4:], families[family]
        raise Reject(R.NOT_IP)
    if link == 1:
        need(frame, 14, R.LINK_TRUNCATED)
        return strip_ethertype(frame[14:], u16(frame, 12), 0, 0)
    if link in (113, 276):
        size, at = {113: (16, 14), 276: (20, 0)}[link]
        need(frame, size, R.LINK_TRUNCATED)
        ethertype = u16(frame, at)
        if ethertype < 0x600 and ethertype != 4:
            raise Reject(R.NOT_IP)
        return strip_ethertype(frame[size:], ethertype, 0, 0)
    if link == 51:
        return strip_pppoe(frame)
    if link == 104:
        return strip_cisco(frame)
    if link in (9, 50):
        need(frame, 2, R.LINK_TRUNCATED)
        if frame[0] in (0x0F, 0x8F):
            return strip_cisco(frame)
        return strip_ppp(frame[2:] if frame[:2] == b"\xff\x03" else frame)
    raise Reject(R.LINK_UNSUPPORTED)


def strip_cisco(frame: bytes) -> tuple[bytes, int]:
    need(frame, 4, R.LINK_TRUNCATED)
    if u16(frame, 2) < 0x600:
        raise Reject(R.NOT_IP)
    return strip_ethertype(frame[4:], u16(frame, 2), 0, 0)


def strip_ppp(rest: bytes) -> tuple[bytes, int]:
    need(rest, 1, R.LINK_TRUNCATED)
    size = 1 if rest[0] & 1 else 2
    need(rest, size, R.LINK_TRUNCATED)
    version = {0x21: 4, 0x57: 6}.get(int.from_bytes(rest[:size], "big"))
    if version is None:
        raise Reject(R.NOT_IP)
    return rest[size:], version


def strip_pppoe(rest: bytes) -> tuple[bytes, int]:
    need(rest, 6, R.LINK_TRUNCATED)
    if rest[0] != 0x11:
        raise Reject(R.LINK_MALFORMED)
    if rest[1] != 0:
        raise Reject(R.NOT_IP)
    return strip_ppp(rest[6:])


def strip_ethertype(rest: bytes, ethertype: int, tags: int, labels: int) -> tuple[bytes, int]:
    if ethertype == 0x0800:
        return rest, 4
    if ethertype == 0x86DD:
        return rest, 6
    if ethertype in (0x8100, 0x88A8, 0x9100, 0x9200):
        if tags == 8:
            raise Reject(R.TAG_DEPTH)
        need(rest, 4, R.LINK_TRUNCATED)
        return strip_ethertype(rest[4:], u16(rest, 2), tags + 1, labels)
    if ethertype in (0x8847, 0x8848):
        return strip_mpls(rest, tags, labels)
    if ethertype == 0x8864:
        return strip_pppoe(rest)
    if ethertype <= 1500:
        need(rest, 3, R.LINK_TRUNCATED)
        if rest[:3] != b"\xaa\xaa\x03":
            raise Reject(R.NOT_IP)
        need(rest, 8, R.LINK_TRUNCATED)
        if rest[3:6] != bytes(3) or u16(rest, 6) < 0x600:
            raise Reject(R.NOT_IP)
        return strip_ethertype(rest[8:], u16(rest, 6), tags, labels)
    raise Reject(R.NOT_IP)


def strip_mpls(rest: bytes, tags: int, labels: int) -> tuple[bytes, int]:
    bottom = False
    while not bottom:
        if labels == 8:
            raise Reject(R.TAG_DEPTH)
        need(rest, 4, R.LINK_TRUNCATED)
        labels, bottom, rest = labels + 1, bool(rest[2] & 1), rest[4:]
    need(rest, 1, R.LINK_TRUNCATED)
    nibble = rest[0] >> 4
    if nibble in (4, 6):
        return rest, nibble
    if nibble:
        raise Reject(R.NOT_IP)
    need(rest, 18, R.LINK_TRUNCATED)
    return strip_ethertype(rest[18:], u16(rest, 16), tags, labels)


# ---------------------------------------------------------------- IP


def read_ip(rest: bytes, room: int, promised: int, row: dict) -> tuple[bytes, int, int, int, int, int]:
    """(captured IP payload, its length by the header, protocol, fragment offset, more, identification).

    `room`: octets that the layer around has for this packet, for those that do not tell their length.
    """
    need(rest, 1, R.IP_TRUNCATED)
    version = rest[0] >> 4
    if version not in (4, 6) or (promised and promised != version):
        raise Reject(R.IP_MALFORMED)
    return (read_ipv4 if version == 4 else read_ipv6)(rest, room, row)


def read_ipv4(rest: bytes, room: int, row: dict) -> tuple[bytes, int, int, int, int, int]:
    need(rest, 20, R.IP_TRUNCATED)
    first, _, total, ident, place, ttl, protocol, _, src, dst = struct.unpack(">BBHHHBBHII", rest[:20])
    header = (first & 15) << 2
    total = total or room
    if header < 20 or total < header:
        raise Reject(R.IP_MALFORMED)
    need(rest, header, R.IP_TRUNCATED)
    row.update(src_hi=0, dst_hi=0, src_lo=0xFFFF << 32 | src, dst_lo=0xFFFF << 32 | dst)
    row.update(length=total, ttl=ttl, ip_id=ident, ip_protocol=protocol)
    offset, more = (place & 0x1FFF) << 3, place >> 13 & 1
    return rest[header:total], total - header, protocol, offset, more, ident


def read_ipv6(rest: bytes, room: int, row: dict) -> tuple[bytes, int, int, int, int, int]:
    need(rest, 40, R.IP_TRUNCATED)
    _, plen, following, hops, sh, sl, dh, dl = struct.unpack(">IHBBQQQQ", rest[:40])
    total = plen + 40
    if plen == 0 and following != 59:
        total = room
        if room < 40:
            raise Reject(R.IP_MALFORMED)
    row.update(src_hi=sh, src_lo=sl, dst_hi=dh, dst_lo=dl, length=total, ttl=hops, ip_id=0)
    rest, left = rest[40:total], total - 40
    offset = more = ident = count = 0
    while following in EXTENSION_HEADERS and offset == 0:
        count += 1
        if count > 8:
            raise Reject(R.IP_EXTENSIONS)
        if left < 8:
            raise Reject(R.IP_MALFORMED)
        need(rest, 8, R.IP_TRUNCATED)
        size = {44: 8, 51: max(8, rest[1] * 4 + 8)}.get(following, rest[1] * 8 + 8)
        if left < size:
            raise Reject(R.IP_MALFORMED)
        need(rest, size, R.IP_TRUNCATED)
        if following == 44:
            offset, more, ident = u16(rest, 2) >> 3 << 3, rest[3] & 1, u32(rest, 4)
        following, rest, left = rest[0], rest[size:], left - size
    row["ip_protocol"] = following
    return rest, left, following, offset, more, ident


# ---------------------------------------------------------------- transport


def read_tcp(rest: bytes, left: int, row: dict) -> None:
    if left < 20:
        raise Reject(R.TRANSPORT_MALFORMED)
    need(rest, 20, R.TRANSPORT_TRUNCATED)
    sport, dport, seq, ack, offset, flags, window = struct.unpack(">HHIIBBH", rest[:16])
    header = offset >> 4 << 2
    if header < 20 or header > left:
        raise Reject(R.TRANSPORT_MALFORMED)
    row.update(src_port=sport, dst_port=dport, seq=seq, ack=ack, tcp_flags=flags, window=window)
    row["payload"] = left - header
    options = rest[20:header] if flags & 2 else b""
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] < 2 or options[1] > len(options):
            break
        kind, value, options = options[0], options[2 : options[1]], options[options[1] :]
        if kind == 2 and len(value) == 2:
            row["mss"] = u16(value, 0)
        if kind == 3 and len(value) == 1:
            row["window_shift"] = min(value[0], 14)


def is_quic(payload: bytes) -> int:
    if len(payload) < 5 or payload[0] < 0xC0:
        return 0
    version = u32(payload, 1)
    known = {1, 0x6B3343CF} | set(range(0xFF00001D, 0xFF000023))
    return int(version in known or payload[1:3] == b"Q0")


def gtpu_or_plain(payload: bytes, left: int, depth: int) -> bool:
    if left < 8:
        return False
    if payload and (payload[0] >> 5 != 1 or not payload[0] & 16 or payload[0] & 8):
        return False
    need(payload, 8, R.GTPU_TRUNCATED)
    if payload[1] not in GTPU_TYPES or u16(payload, 2) > left - 8:
        return False
    return depth == 0 or payload[1] == 255


def read_gtpu(payload: bytes, depth: int, row: dict) -> tuple[bytes, int]:
    """The inner packet as captured, and its length by the GTP-U header."""
    flags, message, length, teid = struct.unpack(">BBHI", payload[:8])
    if depth == 0:
        row.update(teid=teid, gtpu_type=message)
    content, left, after = payload[8 : 8 + length], length, 0
    if flags & 7:
        if left < 4:
            raise Reject(R.GTPU_MALFORMED)
        need(content, 4, R.GTPU_TRUNCATED)
        sequence, after = u16(content, 0), content[3] if flags & 4 else 0
        if message in (1, 2) and flags & 2:
            row["seq"] = sequence
        content, left = content[4:], left - 4
    count = 0
    while after:
        count += 1
        if count > 16 or left < 1:
            raise Reject(R.GTPU_MALFORMED)
        need(content, 1, R.GTPU_TRUNCATED)
        size = content[0] * 4
        if size == 0 or size > left:
            raise Reject(R.GTPU_MALFORMED)
        need(content, size, R.GTPU_TRUNCATED)
        if after == 0x85 and depth == 0 and content[1] >> 4 in (0, 1):
            row.update(pdu_type=content[1] >> 4, qfi=content[2] & 0x3F)
        after, content, left = content[size - 1], content[size:], left - size
    if message == 26:
        error_indication(content, left, row)
    if message != 255 or left == 0:
        raise Done(R.GTPU_CONTROL)
    need(content, 1, R.IP_TRUNCATED)
    if content[0] >> 4 not in (4, 6):
        raise Reject(R.INNER_NOT_IP)
    return content, left


def error_indication(content: bytes, left: int, row: dict) -> None:
    teid = address = None
    for _ in range(16):
        if left == 0:
            break
        need(content, 1, R.GTPU_TRUNCATED)
        kind = content[0]
        if kind < 128 and kind not in (14, 16):
            break
        size = {14: 2, 16: 5}.get(kind, 3)
        if size <= left:
            need(content, size, R.GTPU_TRUNCATED)
        if size <= left and kind >= 128:
            size += u16(content, 1)
        if size > left:
            break
        need(content, size, R.GTPU_TRUNCATED)
        if kind == 16:
            teid = u32(content, 1)
        if kind == 133:
            value = content[3:size]
            address = {4: (0, 0xFFFF << 32 | u32(value, 0))}.get(
                len(value), (int.from_bytes(value[:8], "big"), int.from_bytes(value[8:], "big"))
            )
            address = address if len(value) in (4, 16) else None
        content, left = content[size:], left - size
    if teid is None or address is None:
        raise Reject(R.GTPU_MALFORMED)
    row.update(teid=teid, src_hi=address[0], src_lo=address[1])


# ---------------------------------------------------------------- the whole


def piece_of(rest: bytes, left: int, offset: int, more: int, ident: int, row: dict) -> dict | None:
    if len(rest) < left or left > 2048:
        return None
    addresses = {name: row[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "ip_protocol")}
    return addresses | {"identification": ident, "offset": offset, "more": more, "data": rest}


def decode(frame: bytes, wire: int, link: int, row: dict) -> dict | None:
    """Fills `row` and ends in Done or Reject; returns a piece where one is kept."""
    rest, promised = strip_link(frame, link)
    room = max(wire, len(frame)) - (len(frame) - len(rest))
    depth = 0
    while True:
        rest, left, protocol, offset, more, ident = read_ip(rest, room, promised, row)
        promised = 0
        if offset:
            row["fragment"] = 1
            piece = piece_of(rest, left, offset, more, ident, row) if protocol == 17 and depth == 0 else None
            row["payload"] = 0 if piece else left
            row["reason"] = R.FRAGMENT if piece else R.USER_PLANE
            return piece
        if protocol == 6:
            read_tcp(rest, left, row)
            if depth == 0 and 3868 in (row["src_port"], row["dst_port"]) and row["payload"] and len(rest) == left:
                row["at"] = rest[left - row["payload"] :]
            raise Done(R.USER_PLANE)
        if protocol != 17:
            row["payload"] = left
            if protocol == 132 and len(rest) >= 4:
                row.update(src_port=u16(rest, 0), dst_port=u16(rest, 2))
            if protocol == 132 and depth == 0 and not more and is_signalling_sctp(rest):
                row.update(at=rest, window=len(rest))
                raise Done(R.SCTP)
            raise Done(R.USER_PLANE)
        if left < 8:
            raise Reject(R.TRANSPORT_MALFORMED)
        need(rest, 8, R.TRANSPORT_TRUNCATED)
        sport, dport, size = struct.unpack(">HHH", rest[:6])
        size = size or left
        if size < 8 or (size > left and not more):
            raise Reject(R.TRANSPORT_MALFORMED)
        row.update(src_port=sport, dst_port=dport, payload=min(size, left) - 8)
        datagram = rest[8:size]
        if 2152 not in (sport, dport):
            return plain_datagram(rest, left, size, datagram, more, ident, depth, row)
        if not gtpu_or_plain(datagram, size - 8, depth):
            row["quic"] = is_quic(datagram)
            raise Done(R.USER_PLANE)
        if depth == 4:
            raise Reject(R.TUNNEL_DEPTH)
        if depth == 0:
            row.update({f"outer_{name}": row[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo")})
        rest, room = read_gtpu(datagram, depth, row)
        depth += 1
        row.update(depth=depth, src_port=0, dst_port=0, payload=0)


def plain_datagram(rest, left, size, datagram, more, ident, depth, row):  # type: ignore[no-untyped-def]
    ports = (row["src_port"], row["dst_port"])
    if depth == 0 and 2123 in ports:
        if not more:
            row["reason"] = None
            return None
        piece = piece_of(rest, left, 0, more, ident, row)
        if piece is None:
            raise Reject(R.GTPC_TRUNCATED)
        row["reason"] = R.GTPC_FRAGMENT
        return piece
    if depth == 0 and 8805 in ports and not more:
        row.update(at=datagram, window=len(datagram))
        raise Done(R.PFCP)
    if depth == 0 and 3386 in ports and len(datagram) >= 4:
        length = u16(datagram, 2)
        if length in (size - 28, size - 14) and datagram[0] >> 5 < 3:
            raise Reject(R.GTP_VERSION)
    row["quic"] = is_quic(datagram)
    raise Done(R.USER_PLANE)


def is_signalling_sctp(rest: bytes) -> bool:
    """By the ports that have signalling, else by the payload protocol of a first DATA chunk."""
    if len(rest) >= 4 and {u16(rest, 0), u16(rest, 2)} & {2905, 3868, 36412, 36422, 38412, 38422}:
        return True
    return len(rest) >= 28 and rest[12] == 0 and u32(rest, 24) in (18, 46, 47, 60)


def parse_frame(frame: bytes, wire: int, link: int) -> tuple[dict, dict | None]:
    """The PACKET fields of one captured frame (without ts, wire, source), and the piece kept or None.

    `at` is not an offset: 0, or the octets that lie there.
    """
    row, piece = empty(), None
    try:
        piece = decode(frame, wire, link, row)
    except Reject as reject:
        return empty() | {"reason": reject.args[0]}, None
    except Done as done:
        row["reason"] = done.args[0]
    row["kind"] = {
        R.USER_PLANE: 1,
        None: None,
        R.GTPU_CONTROL: 3,
        R.FRAGMENT: 4,
        R.GTPC_FRAGMENT: 4,
        R.SCTP: 5,
        R.PFCP: 5,
    }[row["reason"]]
    if piece is not None:
        row["window"] = 1
    set_hashes(row)
    return row, piece


# ---------------------------------------------------------------- hashes


GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def fold(first: int, second: int) -> int:
    high, low = divmod(first * second, 1 << 64)
    return high ^ low


def mix(first: int, second: int) -> int:
    return fold(fold(first ^ GOLDEN, second ^ FIRST) ^ GOLDEN, SECOND)


def set_hashes(row: dict) -> None:
    ends = [(row[f"{side}_hi"], row[f"{side}_lo"], row[f"{side}_port"]) for side in ("src", "dst")]
    if row["kind"] is None:
        return
    v6 = any(hi for hi, _, _ in ends)
    keys = sorted((lo ^ port << 47) ^ (fold(hi ^ GOLDEN, SECOND) if v6 else 0) for hi, lo, port in ends)
    row["flow_hash"] = mix(keys[0], keys[1] ^ row["ip_protocol"] << 40)
    here, there = ((lo + hi * GOLDEN) & M64 for hi, lo, _ in ends)
    row["shard_hash"] = mix(here + there & M64, here ^ there) >> 32
    if row["teid"] >= 0:
        who = "src" if row["gtpu_type"] == 26 else "outer_dst"
        key = (row[f"{who}_lo"] + row[f"{who}_hi"] * GOLDEN) & M64
        row["tunnel_hash"] = mix(key, row["teid"]) or 1
