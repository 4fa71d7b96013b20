"""What became of each packet, per source and window. Kept by shard 0, which like all shards sees every packet."""

import numpy as np

from kernels.jit import kernel
from kernels.shard import LAST_LEDGER, LEDGER_ROWS, LEDGER_USED, window_of


@kernel
def row_for(shard, source, window):  # type: ignore[no-untyped-def]
    """The ledger row of a source and window. When the table is full its last row takes what has no other."""
    last = shard.clock[LAST_LEDGER]
    entry = shard.ledger[last]
    if entry.used and entry.source == source and entry.window == window:
        return last
    used = shard.clock[LEDGER_USED]
    for k in range(used):
        if shard.ledger[k].source == source and shard.ledger[k].window == window:
            shard.clock[LAST_LEDGER] = k
            return k
    row = min(used, LEDGER_ROWS - 1)
    if used < LEDGER_ROWS:
        shard.clock[LEDGER_USED] = used + 1
        fresh = shard.ledger[row]
        fresh.used, fresh.source, fresh.window = 1, source, window
    shard.clock[LAST_LEDGER] = row
    return row


@kernel
def count(shard, p, reason):  # type: ignore[no-untyped-def]
    """Count packet `p` under `reason`; returns its ledger row."""
    row = row_for(shard, np.int64(p.source), window_of(shard, p.ts))
    entry = shard.ledger[row]
    entry.packets[reason] += 1
    entry.bytes[reason] += np.int64(p.wire)
    return row


@kernel
def count_join(shard, row, p, joined):  # type: ignore[no-untyped-def]
    """Count a user-plane packet as joined to a session or not."""
    entry = shard.ledger[row]
    if joined:
        entry.joined[0] += 1
        entry.joined[1] += np.int64(p.wire)
    else:
        entry.unjoined[0] += 1
        entry.unjoined[1] += np.int64(p.wire)


@kernel
def count_message(shard, row, joined, interface):  # type: ignore[no-untyped-def]
    """Count a signalling message as joined to a session or not, by interface (index of xdr.INTERFACES)."""
    shard.ledger[row].messages[joined, interface] += 1
