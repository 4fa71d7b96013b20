"""The xDR tables: each column declared once.

The kernels fill rows of `Table.dtype` (numpy, coded as in `formats.addresses`); the writer turns them into
`Table.columns` in Arrow. Schema, documentation and `wiregauge describe` are derived from these declarations.

A column's `kind` says how it is coded in a kernel row and what it is in Arrow:

    kind        kernel fields                 Arrow                    null in the kernel row
    time        name i8 (ns since 1970)       timestamp[ns, UTC]       NEVER
    ms          name i8 (ns)                  float64 milliseconds     -1
    kbps        name f8                       float64                  NaN
    count       name i8                       int64                    -1
    small       name i4                       int32                    -1
    flag        name i1                       bool                     -1
    id          name i8                       int64                    0
    ip          name_hi u8, name_lo u8        string                   0, 0
    digits      name u8                       string                   NO_DIGITS
    cell        name u8                       dictionary<string>       0
    slice       name i8 (SST << 24 | SD)      dictionary<string>       -1
    apn         name i4 (row of the table)    dictionary<string>       -1
    enum        name u1 (index of `values`)   dictionary<string>       0
    cause       none: from <prefix>cause_family u1, cause_code
    derived     none: computed by the writer from other columns
    text        none: of tables that the probe itself fills, string; number likewise, float64
"""

from typing import NamedTuple

import numpy as np

TEXT_KINDS = frozenset({"ip", "digits", "cell", "slice", "apn", "enum", "cause", "derived", "text"})
"""Kinds of columns that are text in Arrow; all others are times, numbers or flags."""

NEVER = -(2**63)

END_REASONS = (
    "",
    "idle",
    "active",
    "fin",
    "rst",
    "window",
    "cell_change",
    "session",
    "evicted",
    "drained",
    "deleted",
    "error_indication",
    "peer_restart",
    "replaced",
    "released",
    "late",
    "not_answered",
)
"""Why a row ended. flow: idle (no packet for the idle time), active (cut after the longest time), fin, rst, window,
cell_change, session (bound to another session), evicted (table full), drained (end of input), late (a packet of a
window that its flow had left). session: deleted, error_indication, peer_restart, replaced, idle, evicted, drained,
not_answered (data flowed, though no answer to the set-up was seen). presence: also released (to idle)."""
RATS = ("", "utran", "geran", "wlan", "gan", "hspa_evolution", "eutran", "virtual", "nb_iot", "lte_m", "nr")
"""TS 29.274 §8.17; satellite forms fold into their terrestrial name."""
INTERFACES = ("", "gn", "s11", "s5s8", "s1u", "n3", "gtpu", "gtpc", "s1mme", "n2", "n4", "sx", "s6a", "gx", "gy", "rx",
              "cx", "diameter", "nas", "nas_ciphered")  # fmt: skip
OUTCOMES = ("", "success", "failure", "timeout")
CONNECT_OUTCOMES = ("", "success", "refused", "no_answer", "client_abort", "half_open")
SOURCES = ("", "gtpv1c", "gtpv2c", "user_plane", "s1ap", "ngap", "pfcp", "sgsn_cdr", "ggsn_cdr", "sgw_cdr", "pgw_cdr",
           "epdg_cdr", "twag_cdr", "chf_cdr", "tap", "feed")  # fmt: skip
CAUSE_FAMILIES = ("", "gtpv1c", "gtpv2c", "s1ap_radio", "s1ap_transport", "s1ap_nas", "s1ap_protocol", "s1ap_misc",
                  "emm", "esm", "diameter", "ikev2", "ngap_radio", "ngap_transport", "ngap_nas", "ngap_protocol",
                  "ngap_misc", "fgmm", "fgsm", "pfcp", "cdr_closing", "call_end", "call_control", "sip",
                  "diameter_subscription", "diameter_multimedia", "diameter_policy", "diameter_media",
                  "diameter_spending", "diameter_experimental")  # fmt: skip
DIRECTIONS = ("", "originating", "terminating")
CALL_SOURCES = ("", "mo_cdr", "mt_cdr", "cscf_cdr", "mmtel_cdr", "tap", "feed", "sip")
CALL_OUTCOMES = ("", "answered", "busy", "no_answer", "rejected", "failed")
CALL_SERVICES = ("", "speech", "emergency", "fax", "data", "video")
PROCEDURES = (
    "",
    "create_session",
    "modify_bearer",
    "delete_session",
    "create_bearer",
    "update_bearer",
    "delete_bearer",
    "modify_bearer_command",
    "delete_bearer_command",
    "bearer_resource_command",
    "release_access_bearers",
    "modify_access_bearers",
    "downlink_data_notification",
    "change_notification",
    "suspend",
    "resume",
    "create_indirect_data_forwarding_tunnel",
    "delete_indirect_data_forwarding_tunnel",
    "context",
    "identification",
    "forward_relocation",
    "relocation_cancel",
    "forward_access_context",
    "detach",
    "echo",
    "create_pdp_context",
    "update_pdp_context",
    "delete_pdp_context",
    "initiate_pdp_context_activation",
    "pdu_notification",
    "pdu_notification_reject",
    "sgsn_context",
    "ms_info_change",
    "gtpu_echo",
    "delete_pdn_connection_set",
    "update_pdn_connection_set",
    "pgw_restart",
    "other",
    # S1AP and NGAP messages (TS 36.413 §8, TS 38.413 §8)
    "initial_context_setup",
    "e_rab_setup",
    "e_rab_modify",
    "e_rab_release",
    "e_rab_release_indication",
    "e_rab_modification_indication",
    "pdu_session_resource_setup",
    "pdu_session_resource_modify",
    "pdu_session_resource_release",
    "pdu_session_resource_notify",
    "pdu_session_resource_modify_indication",
    "ue_context_release_request",
    "ue_context_release",
    "ue_context_modification",
    "path_switch_request",
    "handover_preparation",
    "handover_resource_allocation",
    "handover_cancel",
    "paging",
    "reset",
    "s1_setup",
    "ng_setup",
    "enb_configuration_update",
    "mme_configuration_update",
    "ran_configuration_update",
    "amf_configuration_update",
    "error_indication",
    # what their messages tell together
    "signalling_connection",  # Initial UE Message to the first message of the core
    "e_rab_establishment_initial",  # one row an E-RAB
    "e_rab_establishment_added",
    "pdu_session_resource_establishment",  # one row a PDU session
    "handover_execution",  # Handover Command to Handover Notify
    # NAS (TS 24.301, TS 24.501)
    "attach",
    "tracking_area_update",
    "service_request",
    "authentication",
    "security_mode",
    "identity",
    "pdn_connectivity",
    "default_bearer_activation",
    "dedicated_bearer_activation",
    "registration",
    "deregistration",
    "pdu_session_establishment",
    "pdu_session_modification",
    "pdu_session_release",
    # PFCP (TS 29.244)
    "pfcp_association_setup",
    "pfcp_association_update",
    "pfcp_association_release",
    "pfcp_session_establishment",
    "pfcp_session_modification",
    "pfcp_session_deletion",
    "pfcp_session_report",
    "pfcp_session_set_deletion",
    "pfcp_node_report",
    "pfcp_heartbeat",
    "pfcp_pfd_management",
    # Diameter (TS 29.272, 29.212, 32.299, 29.214, 29.229)
    "authentication_information",
    "update_location",
    "cancel_location",
    "purge_ue",
    "insert_subscriber_data",
    "delete_subscriber_data",
    "notify",
    "diameter_reset",
    "credit_control_initial",
    "credit_control_update",
    "credit_control_termination",
    "credit_control_event",
    "re_auth",
    "aa",
    "session_termination",
    "abort_session",
    "user_authorization",
    "server_assignment",
    "location_info",
    "multimedia_auth",
    "diameter_other",
)


class Column(NamedTuple):
    """One column: `name`, `kind` (see the module), `unit`, `meaning`, and for enums the `values`."""

    name: str
    kind: str
    unit: str
    meaning: str
    values: tuple[str, ...] = ()

    def fields(self) -> list[tuple[str, str]]:
        """The numpy fields of a kernel row that carry this column."""
        if self.kind == "ip":
            return [(f"{self.name}_hi", "u8"), (f"{self.name}_lo", "u8")]
        return [(self.name, KERNEL_TYPES[self.kind])] if self.kind in KERNEL_TYPES else []


KERNEL_TYPES = {
    "time": "i8", "ms": "i8", "kbps": "f8", "count": "i8", "small": "i4", "flag": "i1", "id": "i8",
    "digits": "u8", "cell": "u8", "slice": "i8", "apn": "i4", "enum": "u1",
}  # fmt: skip


class Table(NamedTuple):
    """One table: what a row is, its columns, and kernel fields that only serve derived columns."""

    name: str
    row: str
    columns: tuple[Column, ...]
    hidden: tuple[tuple[str, str], ...] = ()

    @property
    def dtype(self) -> np.dtype:
        """The aligned structured dtype of a kernel row."""
        fields = [field for column in self.columns for field in column.fields()]
        return np.dtype(fields + list(self.hidden), align=True)


def _both(name: str, kind: str, unit: str, meaning: str) -> tuple[Column, Column]:
    return Column(f"{name}_up", kind, unit, f"{meaning}, towards the core"), Column(
        f"{name}_down", kind, unit, f"{meaning}, towards the device"
    )


_WHO = (
    Column("subscriber", "derived", "", "IMSI/SUPI as text, or its keyed pseudonym; null where no signalling was seen"),
    Column("home_plmn", "derived", "", "home network MCC-MNC, from the IMSI"),
    Column("device_tac", "derived", "", "type allocation code: the first 8 digits of the IMEI"),
)
_WHO_FIELDS = (("imsi", "u8"), ("imei", "u8"))
_CELL = Column("cell", "cell", "", "MCC-MNC-ECI (LTE), MCC-MNC-NCI (NR), MCC-MNC-LAC-CI (2G/3G)")
_RAT = Column("rat", "enum", "", "radio access technology", RATS)
_APN = Column("apn", "apn", "", "access point name, network identifier")
_QOS = Column("qos_class", "small", "", "QCI or 5QI; for GTPv1 mapped from the QoS profile (TS 23.401 Annex E)")
_SESSION = Column("session_id", "id", "", "the session, the same number in every table and on every run")
_GATEWAY = Column("gateway", "ip", "", "control-plane address of the PGW or GGSN of the session")
_SLICE = Column("slice", "slice", "", "S-NSSAI: SST, or SST-SD with the slice differentiator in hexadecimal")
_CORE = Column("core_node", "ip", "", "address of the MME or AMF that the radio side is connected to")
_CAUSE = Column("cause", "cause", "", "the cause in the words of its standard")
_BYTES = _both("bytes", "count", "B", "total length of the subscriber's own IP packets, by their headers")

FLOW = Table(
    "flow",
    "a user-plane connection within one window, one cell and one session",
    (
        Column("start_time", "time", "", "first packet of the row"),
        Column("end_time", "time", "", "last packet of the row"),
        Column("end_reason", "enum", "", "why the row ended", END_REASONS),
        *_WHO, _CELL, _RAT, _APN, _QOS, _SESSION, _GATEWAY,
        Column("ue_ip", "ip", "", "device address; on a link without tunnels the side that opened the connection"),
        Column("ue_port", "small", "", "device port"),
        Column("server_ip", "ip", "", "the other address"),
        Column("server_port", "small", "", "the other port"),
        Column("ip_protocol", "small", "", "IANA protocol number"),
        Column("teid_up", "count", "", "tunnel endpoint towards the core"),
        Column("teid_down", "count", "", "tunnel endpoint towards the device"),
        Column("ran_ip", "ip", "", "outermost address on the radio side"),
        Column("core_ip", "ip", "", "outermost address on the core side"),
        Column("qfi", "small", "", "QoS flow identifier of the PDU session container (5G)"),
        Column("service", "derived", "", "service by well-known server port; quic by its long header"),
        Column("server_name", "derived", "", "name of the server, where a protocol told it"),
        Column("begun", "flag", "", "the row in which the connection was first seen"),
        *_BYTES,
        *_both("packets", "count", "", "packets of the subscriber"),
        Column("connect_time", "time", "", "first SYN; in the row in which the outcome was known"),
        Column("connect_outcome", "enum", "", "outcome of the TCP handshake", CONNECT_OUTCOMES),
        Column("rtt_client_ms", "ms", "ms", "handshake: last SYN-ACK to ACK of the device (Karn: not if repeated)"),
        Column("rtt_server_ms", "ms", "ms", "handshake: last SYN to SYN-ACK of the server (Karn: not if repeated)"),
        Column("rtt_data_client_ms", "ms", "ms", "mean time from data towards the device to its acknowledgement"),
        Column("rtt_data_server_ms", "ms", "ms", "mean time from data towards the core to its acknowledgement"),
        Column("first_byte_ms", "ms", "ms", "first payload of the device to first payload of the server"),
        *_both("tcp_packets", "count", "", "TCP packets with payload"),
        *_both("tcp_retransmitted_packets", "count", "", "segments whose bytes were sent before"),
        *_both("tcp_retransmitted_bytes", "count", "B", "payload of those"),
        *_both("tcp_out_of_order", "count", "", "segments that filled a hole within the reordering time"),
        *_both("tcp_duplicate", "count", "", "the same segment with the same IP identification again"),
        *_both("tcp_holes", "count", "", "jumps ahead in sequence: bytes lost before the probe or not captured"),
        *_both("tcp_zero_window", "count", "", "segments that closed the sender's receive window"),
        *_both("tcp_resets", "count", "", "RST packets"),
        *_both("active", "ms", "ms", "sum of gaps of at most 1 s between the direction's packets with payload"),
        *_both("throughput", "kbps", "kbit/s",
               "IP bytes after the first packet over active time; null below 100 kB or 100 ms"),
    ),
    (*_WHO_FIELDS, ("window", "i8"), ("quic", "u1")),
)  # fmt: skip

SESSION = Table(
    "session",
    "a PDP context, PDN connection or PDU session",
    (
        _SESSION,
        Column("source", "enum", "", "what told of the session", SOURCES),
        *_WHO, _APN, _RAT,
        Column("ue_ip", "ip", "", "IPv4 address of the device, else its IPv6 prefix"),
        Column("ue_ipv6", "ip", "", "IPv6 prefix of a dual-stack session"),
        Column("cell_first", "cell", "", "cell at the start"),
        Column("cell_last", "cell", "", "last cell known"),
        Column("start_time", "time", "", "set-up request; for a session older than the capture, its first packet"),
        Column("end_time", "time", "", "end, or last sign of life"),
        Column("end_reason", "enum", "", "why it ended", END_REASONS),
        Column("cause_code", "small", "", "cause number in its family"),
        _CAUSE,
        Column("setup_ms", "ms", "ms", "set-up request to answer; null if the set-up was not seen"),
        Column("dropped", "flag", "", "ended abnormally; null if the end was not seen"),
        *_BYTES,
        *_both("packets", "count", "", "packets of the subscriber"),
        _QOS, _GATEWAY, _SLICE,
    ),
    (*_WHO_FIELDS, ("cause_family", "u1"), ("window", "i8")),
)  # fmt: skip

PRESENCE = Table(
    "presence",
    "one bearer in one cell within one window",
    (
        Column("start_time", "time", "", "start of the bearer, of its stay in the cell, or of the window"),
        Column("end_time", "time", "", "end of it"),
        Column("end_reason", "enum", "", "why the row ended", END_REASONS),
        *_WHO, _CELL, _RAT, _APN, _QOS, _SESSION, _GATEWAY, _SLICE, _CORE,
        Column("ebi", "small", "", "EPS bearer identity or NSAPI"),
        Column("connected_ms", "ms", "ms", "time with a radio-side tunnel endpoint"),
        Column("active_ms", "ms", "ms", "time with user data within the last 100 ms (TS 32.425 §4.2.4, by tunnel)"),
        *_BYTES,
        *_both("packets", "count", "", "packets of the subscriber"),
        Column("dropped", "flag", "", "released abnormally; null if the row did not end in a release"),
        Column("cause_code", "small", "", "cause number in its family"),
        _CAUSE,
    ),
    (*_WHO_FIELDS, ("cause_family", "u1"), ("window", "i8")),
)  # fmt: skip

PROCEDURE = Table(
    "procedure",
    "a control-plane request with its outcome",
    (
        Column("start_time", "time", "", "first request"),
        Column("end_time", "time", "", "first answer; null for a timeout"),
        Column("interface", "enum", "", "reference point", INTERFACES),
        Column("procedure", "enum", "", "the standard's message pair", PROCEDURES),
        Column("outcome", "enum", "", "success, failure or timeout", OUTCOMES),
        Column("cause_code", "small", "", "cause number in its family"),
        _CAUSE,
        Column("latency_ms", "ms", "ms", "first request to first answer"),
        Column("attempts", "small", "", "times the request was seen until its answer: 1 and its retransmissions"),
        *_WHO, _CELL, _RAT, _APN, _QOS,
        Column("requester", "ip", "", "address of the requesting node"),
        Column("responder", "ip", "", "address of the answering node"),
        _SESSION, _GATEWAY, _SLICE, _CORE,
        Column("counted", "flag", "", "true for the row that counts where one procedure is seen on two interfaces"),
    ),
    (*_WHO_FIELDS, ("cause_family", "u1"), ("window", "i8")),
)  # fmt: skip

CALL = Table(
    "call",
    "a voice call of one subscriber, answered or not",
    (
        Column("start_time", "time", "", "seizure of the channel, or the INVITE"),
        Column("answer_time", "time", "", "answer; null where there was none"),
        Column("end_time", "time", "", "release"),
        Column("source", "enum", "", "what told of the call", CALL_SOURCES),
        Column("direction", "enum", "", "whether the subscriber called or was called", DIRECTIONS),
        Column("call_service", "enum", "", "what was called for", CALL_SERVICES),
        *_WHO, _CELL, _RAT,
        Column("outcome", "enum", "", "answered, or why not", CALL_OUTCOMES),
        Column("cause_code", "small", "", "cause number in its family"),
        _CAUSE,
        Column("setup_ms", "ms", "ms", "seizure or INVITE to answer"),
        Column("talk_ms", "ms", "ms", "answer to release"),
        Column("dropped", "flag", "", "an answered call that ended abnormally; null if it was not answered"),
        Column("call_id", "id", "", "the call, the same number on every run"),
    ),
    (*_WHO_FIELDS, ("cause_family", "u1"), ("window", "i8")),
)  # fmt: skip

EVENT = Table(
    "event",
    "something that happened to a subscriber: a short message, a care contact, an order, a ticket, a survey",
    (
        Column("start_time", "time", "", "when it happened or began"),
        Column("end_time", "time", "", "when it was over"),
        Column("channel", "apn", "", "where: msc, sgsn, smsf, call centre, shop, app"),
        Column("kind", "apn", "", "what: sms_originating, sms_terminating, mobility_context, contact, order, ticket"),
        Column("outcome", "enum", "", "success or failure", OUTCOMES),
        Column("event_reason", "apn", "", "why, in the words of its source"),
        Column("event_ms", "ms", "ms", "how long it took"),
        *_WHO, _CELL, _RAT,
    ),
    (*_WHO_FIELDS, ("window", "i8")),
)  # fmt: skip

LEDGER = Table(
    "ledger",
    "what became of the input, per source, window and reason",
    (
        Column("window_start", "time", "", "start of the window"),
        Column("source", "derived", "", "file or interface"),
        Column(
            "stage",
            "derived",
            "",
            "in, decoded, rejected, dropped, duplicate; joined, unjoined; lost (rows)",
        ),
        Column("reason", "derived", "", "why"),
        Column("packets", "count", "", "packets"),
        Column("bytes", "count", "B", "octets on the wire"),
        Column("records", "count", "", "records of an xDR file, messages of a signalling interface"),
    ),
)

HEALTH = Table(
    "probe_health",
    "how one interface of a live probe fared in one window, or in the part of it that the probe ran",
    (
        Column("window_start", "time", "", "start of the window"),
        Column("written_time", "time", "", "when this was written"),
        Column("source", "derived", "", "interface"),
        Column("packets", "count", "", "packets that were read"),
        Column("packets_dropped", "count", "", "packets that the kernel dropped because the ring was full"),
        Column("ring_fill_pct", "pct", "%", "the fullest that the ring was seen"),
        Column("lag_ms", "ms", "ms", "the longest from a packet's time to its being read"),
        Column("table_fill_pct", "pct", "%", "fill of the fullest table of the probe's state"),
        Column("join_pct", "pct", "%", "user-plane packets that were joined to a session, since the start"),
        Column("rows_lost", "count", "", "xDR rows lost for want of disk or time to write them"),
        Column("cpu_s", "pct", "s", "processor seconds of the probe in this time"),
        Column("memory", "count", "B", "memory of the probe"),
    ),
)

ALERT = Table(
    "alert",
    "a change of state of an alert: opened, updated because it got worse, or closed",
    (
        Column("time", "time", "", "when the state changed: of the row that did it, or the end of the window"),
        Column("alert_id", "text", "", "the alert, the same name on every run: of rule, key and opened_time"),
        Column("rule", "derived", "", "the rule, by its id"),
        Column("severity", "derived", "", "critical, major, minor or warning (ITU-T X.733)"),
        Column("state", "derived", "", "opened, updated or closed"),
        Column("opened_time", "time", "", "when it was opened"),
        Column("scope", "derived", "", "the KPI and grain, or the table, that the rule looks at"),
        Column("key", "text", "", "what it is about, as in cell=208-01-12345"),
        Column("subscriber", "derived", "", "the subscriber, where the key names one"),
        Column("cell", "cell", "", "the cell, where the key names one"),
        Column("value", "number", "", "what was compared with the threshold: a KPI, a change, rows within the period"),
        Column("threshold", "number", "", "at which the rule opens"),
        Column("sample", "number", "", "of how many the value is made, where the rule or the KPI tells"),
        Column("window_s", "small", "s", "length of the window; null where rows are counted"),
        Column("evidence", "text", "", "the rows that were counted, or what the value is made of"),
        Column("description", "text", "", "what the rule says of itself"),
    ),
)

TABLES = (FLOW, SESSION, PRESENCE, PROCEDURE, CALL, EVENT, LEDGER, HEALTH, ALERT)

PLAIN_TABLES = (LEDGER, HEALTH, ALERT)
"""Tables that the probe itself fills, not a kernel."""

KERNEL_TABLES = tuple(table for table in TABLES if table not in PLAIN_TABLES)
"""Tables whose rows kernels make."""

STARTED_TABLES = tuple(table for table in TABLES if any(column.name == "start_time" for column in table.columns))
"""Tables whose rows have a start, by which they count where nothing else is said."""
