"""Random kernel rows of every xDR table: few subscribers, cells and causes, so that groups meet; nulls everywhere."""

import numpy as np

from formats import xdr
from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI, IPV4_MAPPED, NO_DIGITS

SECOND = 10**9
WINDOW = 900 * SECOND
START = 1_700_000_100 * SECOND // WINDOW * WINDOW

APNS = ["internet", "ims", "mms.operator"]
EMM = xdr.CAUSE_FAMILIES.index("emm")
CAUSES = {0: (), 1: (128, 192, 199, 209, 219, 233), 2: (16, 64, 72, 78, 81, 92, 99, 103, 200), EMM: (7, 20, 21)}


def digits(text):
    """Coded digits."""
    return int(text.ljust(16, "f"), 16)


def cell(kind, plmn, identity):
    """A coded cell; `plmn` of six nibbles, as `26201f`."""
    return (kind << 60) | (int(plmn, 16) << 36) | identity


IMSIS = [digits(f"26201{i:010d}") for i in range(6)] + [digits("310260123456789"), int(NO_DIGITS)]
IMEIS = [digits(f"3512{i:04d}1234567") for i in range(4)] + [digits("35"), int(NO_DIGITS)]
CELLS = [cell(CELL_ECGI, "26201f", 256 * 1000 + i) for i in range(3)]
CELLS += [cell(CELL_NCGI, "310260", 2**36 - 1), cell(CELL_CGI, "26201f", 77 << 16 | 65535), 0]
GATEWAYS = [(0, int(IPV4_MAPPED) | 0x0A000001), (0, int(IPV4_MAPPED) | 0x0A000002), (0x20010DB8 << 32, 1), (0, 0)]

SLICES = [-1, 1 << 24 | 0xFFFFFF, 1 << 24 | 1, 255 << 24]

_SPECIAL = {"apn", "cause_code", "ip_protocol", "server_port", "session_id"}


def _field(rng, column, n):
    if column.kind == "ms":
        return np.where(rng.random(n) < 0.3, -1, rng.integers(0, 3 * SECOND, n))
    if column.kind == "kbps":
        return np.where(rng.random(n) < 0.4, np.nan, rng.integers(1, 9_000_000, n) / 1000)
    if column.kind in ("count", "small"):
        return np.where(rng.random(n) < 0.2, -1, rng.integers(0, 10_000, n))
    if column.kind == "slice":
        return rng.choice(SLICES, n)
    if column.kind == "flag":
        return rng.integers(-1, 2, n)
    if column.name == "rat":
        return rng.choice([column.values.index(name) for name in ("", "utran", "eutran", "nr", "nb_iot")], n)
    return rng.integers(0, len(column.values), n)


def rows(table, n, seed=0, windows=2):
    """`n` kernel rows of `table` within `windows` windows from START."""
    rng = np.random.default_rng([seed, n, len(table.name)])
    out = np.zeros(n, table.dtype)
    for column in table.columns:
        if column.kind in ("ms", "kbps", "count", "small", "flag", "enum", "slice"):
            out[column.name] = _field(rng, column, n)
    out["start_time"] = START + rng.integers(0, windows * WINDOW // SECOND, n) * SECOND + rng.integers(0, 3, n)
    out["end_time"] = np.where(rng.random(n) < 0.1, xdr.NEVER, out["start_time"] + rng.integers(0, SECOND, n))
    out["window"] = out["start_time"] // WINDOW * WINDOW
    who = rng.integers(0, len(IMSIS), n)
    out["imsi"] = np.array(IMSIS, np.uint64)[who]
    out["imei"] = np.array(IMEIS, np.uint64)[(who + rng.integers(0, 2, n)) % len(IMEIS)]
    for column in table.columns:
        if column.kind == "apn":
            out[column.name] = rng.integers(-1, len(APNS), n)
        elif column.kind == "id":
            out[column.name] = rng.integers(0, 4, n)
    if "gateway_hi" in out.dtype.names:
        gateway = np.array(GATEWAYS, np.uint64)[rng.integers(0, len(GATEWAYS), n)]
        out["gateway_hi"], out["gateway_lo"] = gateway[:, 0], gateway[:, 1]
    for name in ("cell", "cell_first", "cell_last"):
        if name in out.dtype.names:
            out[name] = np.array(CELLS, np.uint64)[rng.integers(0, len(CELLS), n)]
    if "cause_family" in out.dtype.names:
        _causes(rng, table, out)
    if table is xdr.FLOW:
        _flow(rng, out)
    if table is xdr.PROCEDURE:
        _radio(rng, out)
    if "slice" in out.dtype.names:
        out["slice"] = rng.choice([-1, 1 << 24 | 0xFFFFFF, 2 << 24 | 5], n)
    if "core_node_lo" in out.dtype.names:
        out["core_node_lo"] = rng.choice([0, int(IPV4_MAPPED) | 0x0A000A01, int(IPV4_MAPPED) | 0x0A000A02], n)
    if "qos_class" in out.dtype.names:
        out["qos_class"] = rng.choice([-1, 1, 5, 9, 128], n)
    return out


RADIO = ("signalling_connection", "initial_context_setup", "e_rab_establishment_initial", "e_rab_establishment_added",
         "pdu_session_resource_establishment", "handover_preparation", "handover_execution", "path_switch_request",
         "paging", "ue_context_release")  # fmt: skip


def _radio(rng, out):
    """Half of the procedures are those of the radio side."""
    chosen = rng.random(out.size) < 0.5
    which = np.array([xdr.PROCEDURES.index(name) for name in RADIO])[rng.integers(0, len(RADIO), out.size)]
    places = np.array([xdr.INTERFACES.index(name) for name in ("s1mme", "n2")])[rng.integers(0, 2, out.size)]
    out["procedure"] = np.where(chosen, which, out["procedure"])
    out["interface"] = np.where(chosen, places, out["interface"])


def _causes(rng, table, out):
    if table is xdr.PROCEDURE:
        names = ("create_session", "create_pdp_context", "modify_bearer", "echo", "attach", "authentication",
                 "registration", "pdu_session_establishment")  # fmt: skip
        which = rng.integers(0, len(names), out.size)
        out["procedure"] = np.array([xdr.PROCEDURES.index(name) for name in names])[which]
        out["cause_family"] = np.array([2, 1, 2, 0, EMM, EMM, 0, 0])[which]
    else:
        out["cause_family"] = rng.integers(0, 3, out.size)
    for i in range(out.size):
        codes = CAUSES[int(out["cause_family"][i])]
        out["cause_code"][i] = rng.choice(codes) if codes and rng.random() < 0.9 else -1


def _flow(rng, out):
    n = out.size
    out["ip_protocol"] = rng.choice([6, 6, 17, 1, -1], n)
    out["server_port"] = rng.choice([80, 443, 53, 993, 40000, -1], n)
    out["quic"] = rng.integers(0, 2, n)
    before = rng.integers(0, 20, n) * SECOND
    out["connect_time"] = np.where(rng.random(n) < 0.3, xdr.NEVER, out["start_time"] - before)
    out["connect_outcome"] = np.where(out["connect_time"] == xdr.NEVER, 0, out["connect_outcome"])
    out["ue_ip_lo"] = np.uint64(IPV4_MAPPED) | rng.integers(0, 2**32, n).astype(np.uint64)
    out["server_ip_hi"], out["server_ip_lo"] = rng.integers(0, 2**63, n), rng.integers(0, 2**63, n)
