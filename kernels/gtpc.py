"""GTP-C: a UDP payload becomes rows of MESSAGE, BEARER, FTEID and text, whichever version it speaks."""

from formats.gtpv1c import FLAG_PROTOCOL_TYPE
from formats.reasons import GTP_VERSION, GTPC_MALFORMED, GTPC_TRUNCATED
from kernels.gtpv1c import decode as _decode_v1
from kernels.gtpv2c import decode as _decode_v2
from kernels.jit import kernel
from kernels.signalling import MESSAGES


@kernel
def decode_datagram(  # type: ignore[no-untyped-def]
    data, lo, hi, cut, ts, src_hi, src_lo, dst_hi, dst_lo, src_port, dst_port, out
):
    """Decode the GTP-C payload data[lo:hi] of a datagram; returns a code of `formats.reasons`.

    data: uint8[n]      lo, hi: the captured part of the UDP payload      cut: 1 if more of it was on the wire
    ts: ns              src_*, dst_*: uint64 addresses                    src_port, dst_port: int64
    out: Signalling     rows are appended and `out.used` moves; the caller has left room for DATAGRAM_MESSAGES messages
                        with MESSAGE_BEARERS, MESSAGE_FTEIDS and MESSAGE_TEXT each

    GTPC: rows were appended. GTPC_TRUNCATED (cut within the first header), GTPC_MALFORMED, GTP_VERSION: none were.
    """
    if hi <= lo:
        return GTPC_TRUNCATED if cut else GTPC_MALFORMED
    messages, bearers, fteids, text, used = out.messages, out.bearers, out.fteids, out.text, out.used
    first = used[MESSAGES]
    version = data[lo] >> 5
    if version == 2:
        reason = _decode_v2(data, lo, hi, cut, messages, bearers, fteids, text, used)
    elif version == 1 and data[lo] & FLAG_PROTOCOL_TYPE:
        reason = _decode_v1(data, lo, hi, cut, messages, bearers, fteids, text, used)
    else:
        return GTP_VERSION
    for row in range(first, used[MESSAGES]):
        m = messages[row]
        m.ts = ts
        m.src_hi = src_hi
        m.src_lo = src_lo
        m.dst_hi = dst_hi
        m.dst_lo = dst_lo
        m.src_port = src_port
        m.dst_port = dst_port
    return reason
