"""Captured packets copied from several blocks into one."""

from kernels.jit import part


@part
def gather(data, records, begin, end, out_data, out_records, places):  # type: ignore[no-untyped-def]
    """Copy records[begin:end] with their octets to the rows places[0:] of out_records.

    data: uint8[n]; records: RECORD[m]; out_data: uint8[k]; out_records: RECORD[j], whose `offset` is set already;
    places: int64[end - begin].
    """
    for i in range(begin, end):
        source = records[i]
        target = out_records[places[i - begin]]
        to, at = target.offset, source.offset
        target.ts, target.captured, target.wire = source.ts, source.captured, source.wire
        target.link, target.source = source.link, source.source
        for k in range(source.captured):
            out_data[to + k] = data[at + k]
