"""Diameter messages out of TCP segments, by plain Python that sees all segments at once: the twin of `kernels.stream`.

It knows no bounds: every octet of the stream is in a dict with the time when it first came.
"""


def messages(segments: list[tuple[int, bytes, int]], start: int) -> list[tuple[int, bytes]]:
    """[(time of the last octet to come, message)] of [(octet in the stream, payload, time)], in stream order.

    `start` is where the first message begins. Behind a hole the stream goes on where the message that has the hole
    ends, or if its length is in the hole, at the next octets that are a header.
    """
    octets: dict[int, tuple[int, int]] = {}
    for at, payload, ts in segments:
        for k, octet in enumerate(payload):
            octets.setdefault(at + k, (octet, ts))
    if not octets:
        return []
    last, at, found = max(octets), start, []
    while at <= last:
        if not all(at + k in octets for k in range(4)):
            at = next((k for k in range(at, last + 1) if is_header(octets, k)), last + 1)
            continue
        size = number(octets, at + 1, 3)
        whole = [octets[at + k] for k in range(size) if at + k in octets]
        if len(whole) == size:
            found.append((max(ts for _, ts in whole), bytes(octet for octet, _ in whole)))
        at += size
    return found


def number(octets: dict[int, tuple[int, int]], at: int, size: int) -> int:
    return int.from_bytes(bytes(octets[at + k][0] for k in range(size)), "big")


def is_header(octets: dict[int, tuple[int, int]], at: int) -> bool:
    if not all(at + k in octets for k in range(20)) or octets[at][0] != 1:
        return False
    size, flags = number(octets, at + 1, 3), octets[at + 4][0]
    if size < 20 or size % 4 or size > 65536 or flags & 15 or number(octets, at + 5, 3) == 0 or flags & 0xA0 == 0xA0:
        return False
    if size == 20:
        return True
    if not all(at + k in octets for k in range(20, 28)):
        return False
    return (
        number(octets, at + 20, 4) > 0 and not octets[at + 24][0] & 31 and 8 <= number(octets, at + 25, 3) <= size - 20
    )
