"""The KPI tables in plain Python, written from the definitions and not from the declarations in `formats.kpi`."""

from collections import defaultdict

TABLES = ("flow", "session", "presence", "procedure", "call")
USER = {82, 83, 78, 86, 87, 88, 92, 93, 96, 104, 116, 117, 119, 123, 125, 126, 127, 129}
NETWORK = {64, 72, 73, 80, 84, 89, 90, 91, 94, 100, 106, 107, 109, 112, 113, 114, 120, 122, 128, 130}
PROTOCOL = {*range(65, 71), *range(74, 78), 85, 97, 98, 103, 105, 108}
MOBILITY = {81, 95, 101, 102, 110, 111, 115, 121, 124, 131}
USER_V1 = {194, 195, 196, 197, 205, 208, 209, 219, 220, 222, 223, 224, 231, 232}
NETWORK_V1 = {192, 199, 200, 204, 210, 211, 212, 229, 230}
PROTOCOL_V1 = {193, 198, 201, 202, 203, *range(214, 219), 221, 225, 227}
MOBILITY_V1 = {206, 207, 213, 226, 228, 233}


def total(rows, *names):
    """Sum of columns; None where rows match but none is measured."""
    values = [[row[name] for name in names] for row in rows]
    known = [sum(v) for v in values if None not in v]
    return None if values and not known else sum(known)


def total_ms(rows, name):
    """Sum of a ms column by whole nanoseconds."""
    known = [round(row[name] * 1e6) for row in rows if row[name] is not None]
    return None if rows and not known else sum(known) / 1e6


def ratio(top, bottom, scale):
    return None if top is None or not bottom else scale * top / bottom


def quantile(values, q):
    values = sorted(v for v in values if v is not None)
    if not values:
        return None
    rank = q * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


def setup_kpis(rows):
    rows = [r for r in rows if r["procedure"] in ("create_session", "create_pdp_context") and r["counted"]]
    good = [r for r in rows if r["outcome"] == "success"]
    bad = [r for r in rows if r["outcome"] == "failure"]
    v2 = [r["cause_code"] for r in bad if r["procedure"] == "create_session"]
    v1 = [r["cause_code"] for r in bad if r["procedure"] == "create_pdp_context"]
    out = {
        "session_setup_attempts": len(rows),
        "session_setup_successes": len(good),
        "session_setup_failures": len(bad),
        "session_setup_timeouts": sum(r["outcome"] == "timeout" for r in rows),
        "session_setup_failures_user": sum(c in USER for c in v2) + sum(c in USER_V1 for c in v1),
        "session_setup_failures_network": sum(c in NETWORK for c in v2) + sum(c in NETWORK_V1 for c in v1),
        "session_setup_failures_protocol": sum(c in PROTOCOL for c in v2) + sum(c in PROTOCOL_V1 for c in v1),
        "session_setup_failures_mobility": sum(c in MOBILITY for c in v2) + sum(c in MOBILITY_V1 for c in v1),
        "session_setup_success_pct": ratio(len(good), len(rows), 100),
    }
    named = sum(out[f"session_setup_failures_{c}"] for c in ("user", "network", "protocol", "mobility"))
    out["session_setup_failures_other"] = len(bad) - named
    for q in (50, 95):
        out[f"session_setup_p{q}_ms"] = quantile([r["latency_ms"] for r in good], q / 100)
    return out


def core_kpis(rows):
    out = {}
    for name in ("n4", "sx", "s6a", "gx", "gy", "rx", "cx"):
        mine = [r for r in rows if r["interface"] == name and r["counted"]]
        if name in ("n4", "sx"):
            mine = [r for r in mine if r["procedure"] == "pfcp_session_establishment"]
            name += "_session_establishment"
        outcomes = [r["outcome"] for r in mine]
        out[f"{name}_attempts"], out[f"{name}_successes"] = len(mine), outcomes.count("success")
        out[f"{name}_timeouts"] = outcomes.count("timeout")
        out[f"{name}_success_pct"] = ratio(outcomes.count("success"), len(mine), 100)
        for q in (50, 95):
            times = [r["latency_ms"] for r in mine if r["outcome"] in ("success", "failure")]
            out[f"{name}_answer_p{q}_ms"] = quantile(times, q / 100)
    return out


def session_kpis(rows):
    rows = [r for r in rows if r["source"] not in (None, "user_plane")]
    dropped = sum(r["dropped"] is True for r in rows)
    ended = sum(r["dropped"] is not None for r in rows)
    return {
        "sessions": len(rows),
        "sessions_started": sum(r["setup_ms"] is not None for r in rows),
        "sessions_ended": ended,
        "sessions_dropped": dropped,
        "session_drop_pct": ratio(dropped, ended, 100),
    }


def presence_kpis(rows):
    drops = sum(r["dropped"] is True for r in rows)
    connected = total_ms(rows, "connected_ms")
    return {
        "connected_ms": connected,
        "active_ms": total_ms(rows, "active_ms"),
        "presence_drops": drops,
        "drops_per_hour": ratio(drops, connected, 3_600_000),
    }


RADIO = {
    ("s1_connection", "ng_connection"): "signalling_connection",
    ("s1_context_setup", "ng_context_setup"): "initial_context_setup",
    ("e_rab_initial", None): "e_rab_establishment_initial",
    ("e_rab_added", None): "e_rab_establishment_added",
    (None, "pdu_session_setup"): "pdu_session_resource_establishment",
    ("s1_handover_preparation", "n2_handover_preparation"): "handover_preparation",
    ("s1_handover_execution", "n2_handover_execution"): "handover_execution",
    ("x2_path_switch", "xn_path_switch"): "path_switch_request",
    ("s1_paging", "ng_paging"): "paging",
}


def radio_kpis(rows):
    out = {}
    for names, procedure in RADIO.items():
        for name, interface in zip(names, ("s1mme", "n2"), strict=True):
            if name:
                mine = [r["outcome"] for r in rows if (r["procedure"], r["interface"]) == (procedure, interface)]
                tried, good = sum(o is not None for o in mine), mine.count("success")
                out[f"{name}_attempts"], out[f"{name}_successes"] = tried, good
                out[f"{name}_success_pct"] = ratio(good, tried, 100)
    out["s1_e_rab_accessibility_pct"] = product(out, "s1_connection", "e_rab_initial")
    out["ng_pdu_session_accessibility_pct"] = product(out, "ng_connection", "pdu_session_setup")
    for name in ("s1_handover", "n2_handover"):
        done, asked = out[f"{name}_execution_successes"], out[f"{name}_preparation_attempts"]
        out[f"{name}_success_pct"] = ratio(done, asked, 100)
    for name, procedure in (("context_setup", "initial_context_setup"), ("handover_execution", "handover_execution"),
                            ("paging_answer", "paging")):  # fmt: skip
        times = [r["latency_ms"] for r in rows if r["procedure"] == procedure and r["outcome"] == "success"]
        for q in (50, 95):
            out[f"{name}_p{q}_ms"] = quantile(times, q / 100)
    return out


def bearer_kpis(rows):
    out = {f"bearer_bytes_{way}": total(rows, f"bytes_{way}") for way in ("up", "down")}
    for name, rats in (("e_rab", ("eutran", "nb_iot", "lte_m")), ("pdu_session", ("nr",))):
        mine = [r for r in rows if r["rat"] in rats]
        drops, releases = sum(r["dropped"] is True for r in mine), sum(r["dropped"] is not None for r in mine)
        connected, active = total_ms(mine, "connected_ms"), total_ms(mine, "active_ms")
        out |= {
            f"{name}_releases": releases, f"{name}_drops": drops, f"{name}_connected_ms": connected,
            f"{name}_active_ms": active, f"{name}_drop_pct": ratio(drops, releases, 100),
            f"{name}_drops_per_hour": ratio(drops, connected, 3_600_000),
            f"{name}_drops_per_active_hour": ratio(drops, active, 3_600_000),
        }  # fmt: skip
    return out


def flow_kpis(rows):
    joined = [r for r in rows if r["subscriber"] is not None or r["session_id"] is not None]
    tcp = [r for r in rows if r["ip_protocol"] == 6]
    out = {
        "flows": sum(r["begun"] is True for r in rows),
        "bytes_total": total(rows, "bytes_up", "bytes_down"),
        "bytes_joined": total(joined, "bytes_up", "bytes_down"),
    }
    out["join_pct"] = ratio(out["bytes_joined"], out["bytes_total"], 100)
    for way in ("up", "down"):
        enough = [r for r in rows if r[f"throughput_{way}"] is not None]
        out[f"bytes_{way}"], out[f"packets_{way}"] = total(rows, f"bytes_{way}"), total(rows, f"packets_{way}")
        out[f"throughput_bytes_{way}"] = total(enough, f"bytes_{way}")
        out[f"throughput_{way}_ms"] = total_ms(enough, f"active_{way}")
        out[f"throughput_{way}_kbps"] = ratio(out[f"throughput_bytes_{way}"], out[f"throughput_{way}_ms"], 8)
        for q in (5, 50, 95):
            out[f"throughput_{way}_p{q:02d}_kbps"] = quantile([r[f"throughput_{way}"] for r in rows], q / 100)
        sent, again = total(tcp, f"tcp_packets_{way}"), total(tcp, f"tcp_retransmitted_packets_{way}")
        out[f"tcp_packets_{way}"], out[f"tcp_retransmitted_packets_{way}"] = sent, again
        out[f"tcp_retransmission_{way}_pct"] = ratio(again, sent, 100)
    for name in ("rtt_client", "rtt_server", "first_byte"):
        for q in (50, 95):
            out[f"{name}_p{q}_ms"] = quantile([r[f"{name}_ms"] for r in rows], q / 100)
    return out


def connect_kpis(rows):
    rows = [r["connect_outcome"] for r in rows if r["connect_outcome"] is not None]
    return {
        "tcp_connect_attempts": len(rows),
        "tcp_connect_successes": rows.count("success"),
        "tcp_connect_refused": rows.count("refused"),
        "tcp_connect_unanswered": rows.count("no_answer"),
        "tcp_connect_success_pct": ratio(rows.count("success"), len(rows), 100),
    }


def call_kpis(rows):
    answered = [r for r in rows if r["outcome"] == "answered"]
    drops, talk = sum(r["dropped"] is True for r in rows), total_ms(answered, "talk_ms")
    out = {
        "call_attempts": len(rows),
        "call_answers": len(answered),
        "call_drops": drops,
        "talk_ms": talk,
        "answer_seizure_pct": ratio(len(answered), len(rows), 100),
        "call_drop_pct": ratio(drops, len(answered), 100),
        "holding_time_ms": ratio(talk, len(answered), 1),
    }
    for q in (50, 95):
        out[f"call_setup_p{q}_ms"] = quantile([r["setup_ms"] for r in answered], q / 100)
    return out


NAS_TIMED = ("attach", "registration", "tracking_area_update", "service_request", "pdu_session_establishment")


def nas_kpis(rows):
    out = {}
    for name in NAS_TIMED:
        tried = [r for r in rows if r["procedure"] == name and r["outcome"] is not None]
        good = [r for r in tried if r["outcome"] == "success"]
        took = total_ms(good, "latency_ms")
        out |= {f"{name}_attempts": len(tried), f"{name}_successes": len(good), f"{name}_ms": took}
        out |= {f"{name}_success_pct": ratio(len(good), len(tried), 100), f"{name}_mean_ms": ratio(took, len(good), 1)}
        out |= {f"{name}_time_p{q}_ms": quantile([r["latency_ms"] for r in good], q / 100) for q in (50, 95)}
    proofs = [r for r in rows if r["procedure"] == "authentication" and r["outcome"] is not None]
    resynchronised = sum(r["procedure"] == "authentication" and r["cause"] == "Synch failure" for r in rows)
    refused = sum(r["outcome"] == "failure" and r["cause"] != "Synch failure" for r in proofs)
    out |= {"authentication_attempts": len(proofs), "authentication_failures": refused}
    out |= {"authentication_synch_failures": resynchronised}
    return out | {"authentication_failure_pct": ratio(refused, len(proofs), 100)}


def product(out, *names):
    """Of success ratios, in %."""
    value = 100
    for name in names:
        share = ratio(out[f"{name}_successes"], out[f"{name}_attempts"], 1)
        value = None if share is None or value is None else value * share
    return value


def standard_kpis(rows):
    kinds = {
        "pdp_context_activation": {"procedure": "create_pdp_context"},
        "default_bearer_activation": {"procedure": "create_session"},
        "dedicated_bearer_creation": {"procedure": "create_bearer"},
        "location_update": {"procedure": "update_location", "interface": "s6a"},
    }
    out = {}
    for name, which in kinds.items():
        mine = [r for r in rows if r["counted"] and which.items() <= r.items()]
        good = [r for r in mine if r["outcome"] == "success"]
        out[f"{name}_attempts"], out[f"{name}_successes"] = len(mine), len(good)
        out[f"{name}_success_pct"] = ratio(len(good), len(mine), 100)
        out[f"{name}_p95_ms"] = quantile([r["latency_ms"] for r in good], 0.95)
    return out


def over_window(record, window_ns):
    """What is made of a row's own counters and the length of its window."""
    for way in ("up", "down"):
        octets = record[f"bearer_bytes_{way}"]
        record[f"bearer_rate_{way}_kbps"] = None if octets is None else octets * 8 / 1000 / (window_ns / 1e9)
    time = record["pdu_session_connected_ms"]
    record["pdu_sessions_mean"] = None if time is None else time / (window_ns / 1e6)


def subscribers(rows):
    known = {r["subscriber"] for r in rows if r["subscriber"] is not None}
    return {"subscribers": None if rows and not known else len(known)}


MAKERS = (
    (setup_kpis, ("procedure",)),
    (core_kpis, ("procedure",)),
    (session_kpis, ("session",)),
    (presence_kpis, ("presence",)),
    (flow_kpis, ("flow",)),
    (connect_kpis, ("connect",)),
    (call_kpis, ("call",)),
    (nas_kpis, ("procedure",)),
    (subscribers, ("flow", "presence", "procedure")),
    (radio_kpis, ("procedure",)),
    (bearer_kpis, ("presence",)),
    (standard_kpis, ("procedure",)),
)
OF_BEARERS = (setup_kpis, presence_kpis, radio_kpis, bearer_kpis, nas_kpis)
"""What the tables tell that have a slice and a core node."""


def kpi_table(tables, window_ns, key, session_key, carried=(), makers=None):
    """{(window start ns, key): {column: value}} of a grain with one key.

    tables: {name: rows as dicts, times in ns}; key: column; session_key: the column of `session` for it; makers: those
    of MAKERS that the grain has, all of them for None.
    """
    makers = [m for m in MAKERS if makers is None or m[0] in makers]
    wanted = {name for _, names in makers for name in names}
    kinds = {name: tables[name] if name in wanted else [] for name in TABLES}
    kinds |= {"connect": [r for r in tables["flow"] if r["connect_time"] is not None] if "connect" in wanted else []}
    seen, groups = set(), defaultdict(lambda: defaultdict(list))
    for kind, rows in kinds.items():
        for row in rows:
            start = row["connect_time" if kind == "connect" else "start_time"] // window_ns * window_ns
            seen.add((kind, start))
            groups[start, row.get(session_key if kind == "session" else key)][kind].append(row)
    seen |= {("flow", s) for kind, s in seen if kind == "connect"} | {
        ("connect", s) for kind, s in seen if kind == "flow"
    }
    out = {}
    for (start, value), rows in groups.items():
        out[start, value] = record = {}
        for maker, names in makers:
            made = maker([row for name in names for row in rows[name]])
            measured = any((name, start) in seen for name in names)
            record.update(made if measured else dict.fromkeys(made))
        over_window(record, window_ns)
        for name, column in carried:
            record[name] = latest(rows, name, column)
    return out


def latest(rows, name, column):
    """The value of the latest row that has one; of equal times the greater text."""
    kinds = [kind for kind in TABLES if kind != "session" or name != "cell_last"]
    known = [(r["start_time"], r[column]) for kind in kinds for r in rows[kind] if r[column] is not None]
    return max(known)[1] if known else None
