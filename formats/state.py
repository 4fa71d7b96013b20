"""What the probe remembers between packets: rows of fixed-size tables, a few cache lines each.

    FLOW         a user-plane connection                         found by its inner addresses, ports, protocol
    UE           a subscriber's context                          found by IMSI, or by a control endpoint
    SESSION      a PDP context or PDN connection of a UE
    BEARER       one bearer of a session and its presence        found by EBI in its UE, or by a tunnel endpoint
    TUNNEL       a user-plane endpoint (address, TEID)           -> bearer, direction, leg
    CONTROL      a control-plane endpoint (address, TEID)        -> UE
    TRANSACTION  a request that waits for its answer, or has it  found by initiator, responder, sequence, procedure
    RAN_CONTEXT  a UE-associated connection of S1AP or NGAP     found by association and RAN UE id, or by RAN_CORE
    PFCP_SESSION a PFCP session of a control and a user plane    found by the SEID of either, PFCP_SEID
    IDENTITY     who a Diameter session or a UE address is of
    TMSI         a temporary identity and the IMSI behind it    found by system, network, MME code and M-TMSI
    PEER         a GTP-C node and its restart counter
    ASSEMBLY     a signalling datagram of which fragments are missing

`used` is 1 while a row is live. `context` numbers name one state of a bearer (session, cell, RAT, QoS class): a flow
row belongs to exactly one.
"""

import numpy as np

NO_ROW = -1

# Flow.handshake
HANDSHAKE_NONE = 0  # not TCP, or its SYN was not seen
HANDSHAKE_SYN = 1
HANDSHAKE_SYN_ACK = 2
HANDSHAKE_DONE = 3  # the outcome is known

# Flow.asked
ASK_NOTHING = 0
ASK_SENT = 1  # the initiator's first payload was seen
ASK_DONE = 2

# Flow.closed
OPEN = 0
CLOSED_FIN = 1
CLOSED_RST = 2

HOLES = 4  # remembered ranges of bytes not yet seen, per direction

FLOW = np.dtype(
    [
        # line 1: what finds the row, and whether it is to be cut
        ("a_hi", "u8"),  # endpoint a is the lower of (address, port)
        ("a_lo", "u8"),
        ("b_hi", "u8"),
        ("b_lo", "u8"),
        ("a_port", "u2"),
        ("b_port", "u2"),
        ("protocol", "u1"),
        ("used", "u1"),
        ("handshake", "u1"),
        ("closed", "u1"),
        ("last_ts", "i8"),
        ("window", "i8"),  # start of the window of the row in the making, ns
        ("context", "i8"),
        # line 2, 3: what most packets touch; index 0 is a -> b, 1 is b -> a
        ("bytes", "i8", (2,)),
        ("packets", "i4", (2,)),
        ("data_packets", "i4", (2,)),
        ("next_seq", "u4", (2,)),
        ("last_ack", "u4", (2,)),  # highest acknowledgement sent by this side
        ("probe_seq", "u4", (2,)),  # end of the segment whose acknowledgement is awaited
        ("seen", "u1", (2,)),  # TCP: next_seq is valid
        ("acked", "u1", (2,)),  # last_ack is valid
        ("noted", "u1"),  # directions (bits 0, 1) whose tunnel the row in the making tells
        ("outcome", "u1"),  # connect outcome to be written with the row in the making
        ("initiator", "i1"),  # side that sent the first SYN (else first packet)
        ("asked", "u1"),  # ASK_*: how far the time to first byte is
        ("probe_ts", "i8", (2,)),  # its time, 0: none
        ("last_data_ts", "i8", (2,)),
        ("active", "i8", (2,)),
        ("last_seq", "u4", (2,)),
        ("last_id", "u2", (2,)),
        ("last_payload", "u2", (2,)),
        # line 4: TCP round trips, and what the start of a connection sets
        ("rtt_sum", "i8", (2,)),  # data sent in this direction until acknowledged
        ("rtt_count", "i4", (2,)),
        ("row_start", "i8"),
        ("request_ts", "i8"),  # first payload of the initiator
        ("first_bytes", "i4", (2,)),  # IP length of the row's first packet with payload: not in throughput
        ("hole_count", "u1", (2,)),
        ("fin", "u1", (2,)),
        ("begun", "u1"),  # the row in the making is the connection's first
        ("ue_side", "i1"),  # 0: a is the device, 1: b is
        ("quic", "u1"),
        ("syn_count", "u1"),
        ("syn_ack_count", "u1"),
        ("tunnelled", "u1"),
        ("qfi", "i1"),
        ("rat", "u1"),
        # what few packets touch
        ("hash", "u8"),
        ("teid", "i8", (2,)),  # endpoint that packets a -> b (b -> a) are sent to, -1 unknown
        ("retransmitted", "i4", (2,)),
        ("retransmitted_bytes", "i8", (2,)),
        ("out_of_order", "i4", (2,)),
        ("duplicate", "i4", (2,)),
        ("holes", "i4", (2,)),
        ("zero_window", "i4", (2,)),
        ("resets", "i4", (2,)),
        ("first_syn_ts", "i8"),
        ("syn_ts", "i8"),
        ("syn_ack_ts", "i8"),
        ("reordering", "i8"),  # how long a hole may stay open and still be reordering, ns
        ("rtt_handshake", "i8", (2,)),  # [0] initiator to responder (SYN to SYN-ACK), [1] SYN-ACK to ACK; -1 unknown
        ("connect_ts", "i8"),  # first SYN, with `outcome`
        ("connect_cell", "u8"),  # where it was sent
        ("connect_rat", "u1"),
        ("first_byte", "i8"),  # -1 unknown or written
        ("hole_start", "u4", (8,)),  # direction * HOLES + k
        ("hole_end", "u4", (8,)),
        ("hole_ts", "i8", (8,)),
        # the context that the row in the making belongs to, copied when it starts
        ("imsi", "u8"),
        ("imei", "u8"),
        ("cell", "u8"),
        ("session_id", "i8"),
        ("gateway_hi", "u8"),
        ("gateway_lo", "u8"),
        ("apn", "i4"),
        ("qos", "i4"),
        ("outer_hi", "u8", (2,)),  # outermost address on the side of a (of b)
        ("outer_lo", "u8", (2,)),
    ],
    align=True,
)

UE_CONTROLS = 12

UE = np.dtype(
    [
        ("imsi", "u8"),
        ("imei", "u8"),
        ("cell", "u8"),
        ("hash", "u8"),
        ("last_ts", "i8"),
        ("bearer", "i4", (16,)),  # by EBI or NSAPI, NO_ROW where none
        ("control", "i4", (UE_CONTROLS,)),  # its rows in the CONTROL table
        ("sessions", "i4"),  # live or lingering
        ("serving", "i4"),  # row of the RAN context that its radio side belongs to, NO_ROW where none is known
        ("serial", "i8"),  # tells it from others that had its row before
        ("used", "u1"),
        ("rat", "u1"),
    ],
    align=True,
)

RAN_PENDING = 8

RAN_CONTEXT = np.dtype(
    [
        ("hash", "u8"),  # of association and RAN UE id
        ("core_hash", "u8"),  # of the core node and its UE id
        ("association", "i8"),
        ("ran_ue_id", "i8"),
        ("core_ue_id", "i8"),  # -1 not told yet
        ("core_hi", "u8"),  # address of the MME or AMF
        ("core_lo", "u8"),
        ("ran_hi", "u8"),
        ("ran_lo", "u8"),
        ("ue_serial", "i8"),
        ("s_tmsi", "i8"),
        ("imsi", "u8"),  # told by NAS or paging
        ("imei", "u8"),
        ("cell", "u8"),
        ("last_ts", "i8"),
        ("slice", "i8"),
        ("nas_serial", "i8"),  # names the connection between device and core, also after a handover
        ("ue", "i4"),  # row of the UE, NO_ROW where none is known
        ("cause", "i4"),  # of a release that the RAN asked for, -1 none
        ("nas_waiting", "i4"),  # bits of formats.nas_procedures: NAS procedures without an outcome
        ("nas_pti", "i2"),  # transaction of the PDN connectivity request in the attach request, -1 none
        ("nas_type", "i1"),  # of the attach, update or registration that waits, -1 none
        ("tmsi_state", "u1"),  # TMSI_*
        ("cause_family", "u1"),
        ("protocol", "u1"),
        ("used", "u1"),
        ("serial", "i8"),  # tells it from others that had its row before
        ("asked", "u4"),  # bearers asked for and not settled: bit id in the initial set-up, 16 + id in a later one
        ("left", "u4"),  # bearers, by id, that went to another context before this one was released
        ("pending", "u1"),  # endpoints of the target of a handover, in use from its Notify on
        ("pending_id", "i1", (RAN_PENDING,)),
        ("pending_hi", "u8", (RAN_PENDING,)),
        ("pending_lo", "u8", (RAN_PENDING,)),
        ("pending6_hi", "u8", (RAN_PENDING,)),  # of a dual-stack endpoint, else 0
        ("pending6_lo", "u8", (RAN_PENDING,)),
        ("pending_teid", "i8", (RAN_PENDING,)),  # -1: not admitted, for ...
        ("pending_family", "u1", (RAN_PENDING,)),
        ("pending_cause", "i2", (RAN_PENDING,)),
    ],
    align=True,
)

# RanContext.tmsi_state: what is known of its S-TMSI
TMSI_NEW = 0  # not looked up yet, or told anew
TMSI_BOUND = 1  # the IMSI behind it is known
TMSI_UNKNOWN = 2  # looked up in vain

TMSI = np.dtype([("hash", "u8"), ("imsi", "u8"), ("last_ts", "i8"), ("used", "u1")], align=True)

RAN_CORE = np.dtype([("hash", "u8"), ("context", "i4"), ("before", "i4"), ("used", "u1")], align=True)
"""A UE id of the core -> the RAN context that it names, and the one that it named before (the source of a handover),
NO_ROW where there is none: until the handover is over both live under this id."""

PFCP_FARS = 4
PFCP_CHOICES = 8

PFCP_SESSION = np.dtype(
    [
        ("cp_hash", "u8"),  # of the SEID of the control plane, 0 not told
        ("up_hash", "u8"),
        ("nodes", "u8"),  # hash of the two nodes that it is between
        ("session_id", "i8"),  # the session that it serves, with its row; 0 none
        ("last_ts", "i8"),
        ("hi", "u8"),  # the first endpoint that its user plane was given: where it is bound, there the session is
        ("lo", "u8"),
        ("teid", "i8"),  # -1 none yet
        ("urr", "i8"),  # the usage reporting rule whose volumes are added up, -1 none yet
        ("bytes", "i8", (2,)),  # reported: [0] up, [1] down
        ("packets", "i8", (2,)),
        ("far_id", "i8", (PFCP_FARS,)),  # rules that forward towards the device, -1 none
        ("choice", "i4", (PFCP_CHOICES,)),  # rules whose endpoint the user plane is to choose, -1 none
        ("choice_kind", "u1", (PFCP_CHOICES,)),  # interface type of that endpoint
        ("session", "i4"),
        ("used", "u1"),
        ("interface", "u1"),  # xdr.INTERFACES
        ("owner", "u1"),  # 1: it began the session or told the UE's address, and its end is the session's
        ("gateway", "u1"),  # 1: it told the UE's address: this user plane is the one towards the data network
        ("failed", "u1"),  # 1: it reported an Error Indication that concerns the core side
    ],
    align=True,
)

PFCP_SEID = np.dtype([("hash", "u8"), ("row", "i4"), ("used", "u1")], align=True)
"""A SEID of either side -> its PFCP_SESSION."""

IDENTITY = np.dtype(
    [
        ("hash", "u8"),  # of a Session-Id, of a UE address, of a pair of PFCP nodes, or of one that tells its start
        ("imsi", "u8"),
        ("imei", "u8"),
        ("cell", "u8"),
        ("session_id", "i8"),  # the session that it belongs to, with its row; 0 none; of a node, its start
        ("last_ts", "i8"),
        ("end_to_end", "i8"),  # identifier of the last request, -1 none
        ("request_hash", "u8"),  # key of that request in the TRANSACTION table
        ("session", "i4"),
        ("apn", "i4"),
        ("rat", "u1"),
        ("interface", "u1"),  # xdr.INTERFACES
        ("used", "u1"),
    ],
    align=True,
)

# Session.phase
PENDING = 1
ESTABLISHED = 2
ENDED = 3

SESSION_BEARERS = 11
SESSION_SPARE = 8

SESSION = np.dtype(
    [
        # line 1: what a connection that begins copies
        ("id", "i8"),
        ("imsi", "u8"),  # kept after the UE row is gone
        ("imei", "u8"),
        ("gateway_hi", "u8"),
        ("gateway_lo", "u8"),
        ("apn", "i4"),
        ("ue", "i4"),
        ("bearer", "i4", (SESSION_BEARERS,)),
        ("ebi", "i4"),  # of the default bearer
        ("start", "i8"),
        ("end", "i8"),
        ("last_ts", "i8"),
        ("setup", "i8"),  # ns, -1 unknown
        ("ue_hi", "u8"),
        ("ue_lo", "u8"),
        ("ue6_hi", "u8"),
        ("ue6_lo", "u8"),
        ("cell_first", "u8"),
        ("cell_last", "u8"),
        ("bytes", "i8", (2,)),  # [0] up, [1] down
        ("packets", "i8", (2,)),
        ("cause", "i4"),  # of the end
        ("ran_cause", "i4"),  # told ahead of the end (Delete Bearer Command), -1 none
        ("ran_family", "u1"),
        ("qos", "i4"),
        ("used", "u1"),
        ("phase", "u1"),
        ("source", "u1"),
        ("rat", "u1"),
        ("end_reason", "u1"),
        ("cause_family", "u1"),
        ("dropped", "i1"),
        ("interface", "u1"),  # on which the set-up was first seen
        ("access_seen", "u1"),  # 1: signalling of the access side (S11, Gn) was seen
        ("slice", "i8"),
        ("spare", "u1", (SESSION_SPARE,)),
    ],
    align=True,
)

BEARER_TUNNELS = 8
BEARER_SPARE = 16

BEARER = np.dtype(
    [
        # line 1: what each packet touches
        ("context", "i8"),
        ("last_ts", "i8"),  # last packet that counted
        ("bytes", "i8", (2,)),  # of the presence row in the making: [0] up, [1] down
        ("packets", "i4", (2,)),
        ("active", "i8"),
        ("window", "i8"),
        ("session", "i4"),
        ("leg", "i1"),  # side of the gateway that counts, -1 none yet
        ("present", "u1"),  # a presence row is in the making
        ("connected", "u1"),
        ("ended", "u1"),
        # what few packets touch
        ("presence_start", "i8"),
        ("ue", "i4"),
        ("used", "u1"),
        ("radio_known", "u1"),  # 1: a radio-side endpoint was told at some time
        ("rat", "u1"),
        ("ebi", "i2"),
        ("qos", "i4"),
        ("end", "i8"),
        ("cell", "u8"),
        ("connected_since", "i8"),
        ("connected_time", "i8"),  # of the presence row in the making, ns
        ("cause", "i4"),  # told ahead of its end (Delete Bearer Command), or with it; -1 none
        ("cause_family", "u1"),
        ("dropped", "i1"),  # 1, 0: it ended before its session, abnormally or not; -1: it did not
        ("tunnel", "i4", (BEARER_TUNNELS,)),  # its rows in the TUNNEL table
        ("lost_ts", "i8"),  # its radio side was lost then with many others, and no row tells it yet; 0 not so
        ("lost_cause", "i4"),
        ("lost_family", "u1"),
        ("lost_dropped", "i1"),
        ("spare", "u1", (BEARER_SPARE,)),
    ],
    align=True,
)

UP = 0
DOWN = 1

LEG_ACCESS = 0
LEG_CORE = 1
LEG_FORWARDING = 2

TUNNEL = np.dtype(
    [
        ("hi", "u8"),
        ("lo", "u8"),
        ("teid", "i8"),
        ("hash", "u8"),
        ("closed_ts", "i8"),  # unbound at, NEVER_CLOSED while bound
        ("bearer", "i4"),
        ("interface", "u1"),
        ("leg", "u1"),
        ("direction", "u1"),
        ("used", "u1"),
        ("spare", "u1", (16,)),
    ],
    align=True,
)

NEVER_CLOSED = 2**63 - 1

CONTROL = np.dtype(
    [
        ("hi", "u8"),
        ("lo", "u8"),
        ("teid", "i8"),
        ("hash", "u8"),
        ("bound_ts", "i8"),  # when a message last named it
        ("session_id", "i8"),  # the one session that it is about (S5/S8), with its row; 0 none
        ("session", "i4"),
        ("ue", "i4"),
        ("interface", "u1"),
        ("superseded", "u1"),  # another node took this role over: its deletions end nothing
        ("used", "u1"),
    ],
    align=True,
)

TRANSACTION = np.dtype(
    [
        ("hash", "u8"),
        ("requester_hi", "u8"),
        ("requester_lo", "u8"),
        ("responder_hi", "u8"),
        ("responder_lo", "u8"),
        ("start", "i8"),
        ("last_ts", "i8"),
        ("end", "i8"),
        ("imsi", "u8"),
        ("imei", "u8"),
        ("cell", "u8"),
        ("gateway_hi", "u8"),
        ("gateway_lo", "u8"),
        ("session_id", "i8"),
        ("slice", "i8"),
        ("core_hi", "u8"),
        ("core_lo", "u8"),
        ("sequence", "i4"),
        ("session", "i4"),
        ("bearer", "i4"),  # that a GTPv1 request is about: its answer does not say
        ("ue", "i4"),
        ("apn", "i4"),
        ("qos", "i4"),
        ("attempts", "i4"),
        ("cause", "i4"),  # of an answer that waits for its request
        ("port", "u2"),
        ("procedure", "u1"),
        ("interface", "u1"),
        ("version", "u1"),
        ("rat", "u1"),
        ("answered", "u1"),
        ("answer_first", "u1"),  # the answer was captured before its request
        ("counted", "u1"),
        ("used", "u1"),
    ],
    align=True,
)

PEER = np.dtype(
    [
        ("hi", "u8"),
        ("lo", "u8"),
        ("hash", "u8"),
        ("checked_ts", "i8"),
        ("recovery", "i4"),
        ("used", "u1"),
    ],
    align=True,
)

ASSEMBLY_OCTETS = 8192
ASSEMBLY_PIECES = 16

ASSEMBLY = np.dtype(
    [
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("identification", "i8"),
        ("ts", "i8"),
        ("length", "i4"),  # of the whole, -1 until the last fragment is there
        ("received", "i4"),
        ("pieces", "i4"),
        ("signalling", "u1"),  # the first fragment is there, and is GTP-C
        ("used", "u1"),
        ("start", "i4", (ASSEMBLY_PIECES,)),  # octets that each kept fragment holds: start <= octet < end
        ("end", "i4", (ASSEMBLY_PIECES,)),
    ],
    align=True,
)

LEDGER_INTERFACES = 24

LEDGER = np.dtype(
    [
        ("window", "i8"),
        ("source", "i4"),
        ("used", "u1"),
        ("packets", "i8", (96,)),  # by reason code
        ("bytes", "i8", (96,)),
        ("joined", "i8", (2,)),  # packets, bytes of the user plane with a session
        ("unjoined", "i8", (2,)),
        ("messages", "i8", (2, LEDGER_INTERFACES)),  # signalling messages joined to a session or not, by interface
    ],
    align=True,
)
