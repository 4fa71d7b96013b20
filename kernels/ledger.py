"""What became of each packet, per source and window. Kept by shard 0, which like all shards sees every packet."""

import numpy as np

from kernels import shard as own
from kernels.jit import part
from kernels.shard import LAST_LEDGER, LEDGER_ENTRIES, LEDGER_USED, WINDOW, window_of


@part
def row_for(shard, source, window):  # type: ignore[no-untyped-def]
    """The ledger row of a source and window. When the table is full its last row takes what has no other."""
    used = shard[LEDGER_USED]
    for k in range(used):
        if own.ledger(shard, 0)[k].source == source and own.ledger(shard, 0)[k].window == window:
            shard[LAST_LEDGER] = k
            return k
    row = min(used, LEDGER_ENTRIES - 1)
    if used < LEDGER_ENTRIES:
        shard[LEDGER_USED] = used + 1
        fresh = own.ledger(shard, 0)[row]
        fresh.used, fresh.source, fresh.window = 1, source, window
    shard[LAST_LEDGER] = row
    return row


@part
def count(shard, p, reason):  # type: ignore[no-untyped-def]
    """Count packet `p` under `reason`; returns its ledger row."""
    row = shard[LAST_LEDGER]
    entry = own.ledger(shard, 0)[row]
    if entry.used == 0 or entry.source != p.source or not 0 <= p.ts - entry.window < shard[WINDOW]:
        row = row_for(shard, np.int64(p.source), window_of(shard, p.ts))
        entry = own.ledger(shard, 0)[row]
    entry.packets[reason] += 1
    entry.bytes[reason] += np.int64(p.wire)
    return row


@part
def count_join(shard, row, p, joined):  # type: ignore[no-untyped-def]
    """Count a user-plane packet as joined to a session or not."""
    entry = own.ledger(shard, 0)[row]
    if joined:
        entry.joined[0] += 1
        entry.joined[1] += np.int64(p.wire)
    else:
        entry.unjoined[0] += 1
        entry.unjoined[1] += np.int64(p.wire)


@part
def count_message(shard, row, joined, interface):  # type: ignore[no-untyped-def]
    """Count a signalling message as joined to a session or not, by interface (index of xdr.INTERFACES)."""
    own.ledger(shard, 0)[row].messages[joined, interface] += 1
