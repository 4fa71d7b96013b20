"""PFCP and Diameter messages as procedures: which request is which, and on which reference point."""

import numpy as np

from formats import diameter, pfcp
from formats.xdr import CAUSE_FAMILIES, INTERFACES, PROCEDURES

PFCP_PROCEDURES: dict[int, str] = {
    pfcp.HEARTBEAT_REQUEST: "pfcp_heartbeat",
    pfcp.PFD_MANAGEMENT_REQUEST: "pfcp_pfd_management",
    pfcp.ASSOCIATION_SETUP_REQUEST: "pfcp_association_setup",
    pfcp.ASSOCIATION_UPDATE_REQUEST: "pfcp_association_update",
    pfcp.ASSOCIATION_RELEASE_REQUEST: "pfcp_association_release",
    pfcp.NODE_REPORT_REQUEST: "pfcp_node_report",
    pfcp.SESSION_SET_DELETION_REQUEST: "pfcp_session_set_deletion",
    pfcp.SESSION_SET_MODIFICATION_REQUEST: "other",
    pfcp.SESSION_ESTABLISHMENT_REQUEST: "pfcp_session_establishment",
    pfcp.SESSION_MODIFICATION_REQUEST: "pfcp_session_modification",
    pfcp.SESSION_DELETION_REQUEST: "pfcp_session_deletion",
    pfcp.SESSION_REPORT_REQUEST: "pfcp_session_report",
}
"""Type of the request to the procedure of it and its answer (TS 29.244 §7.3)."""


def pfcp_procedures() -> np.ndarray:
    """uint8[256] by message type: index of `xdr.PROCEDURES`, 0 for unknown types and Version Not Supported."""
    table = np.zeros(256, np.uint8)
    for request, name in PFCP_PROCEDURES.items():
        table[[request, pfcp.PAIRS[request][0]]] = PROCEDURES.index(name)
    return table


COMMAND_PROCEDURES: dict[int, str] = {
    diameter.AUTHENTICATION_INFORMATION: "authentication_information",
    diameter.UPDATE_LOCATION: "update_location",
    diameter.CANCEL_LOCATION: "cancel_location",
    diameter.PURGE_UE: "purge_ue",
    diameter.INSERT_SUBSCRIBER_DATA: "insert_subscriber_data",
    diameter.DELETE_SUBSCRIBER_DATA: "delete_subscriber_data",
    diameter.NOTIFY: "notify",
    diameter.RESET: "diameter_reset",
    diameter.RE_AUTH: "re_auth",
    diameter.AA: "aa",
    diameter.SESSION_TERMINATION: "session_termination",
    diameter.ABORT_SESSION: "abort_session",
    300: "user_authorization",
    301: "server_assignment",
    302: "location_info",
    303: "multimedia_auth",
}
"""Command code to procedure, but for Credit-Control: its type tells. Other commands are `diameter_other`."""

CREDIT_PROCEDURES = ("", "credit_control_initial", "credit_control_update", "credit_control_termination",
                     "credit_control_event")  # fmt: skip
"""By CC-Request-Type (RFC 8506 §8.3)."""

FIRST_COMMAND, LAST_COMMAND = 256, 511
"""Command codes of which `diameter_procedures` tells."""
OTHER_PROCEDURE = PROCEDURES.index("diameter_other")


def diameter_procedures() -> np.ndarray:
    """uint8[256] by command code - FIRST_COMMAND: index of `xdr.PROCEDURES`."""
    table = np.full(LAST_COMMAND - FIRST_COMMAND + 1, OTHER_PROCEDURE, np.uint8)
    for command, name in COMMAND_PROCEDURES.items():
        table[command - FIRST_COMMAND] = PROCEDURES.index(name)
    return table


def credit_procedures() -> np.ndarray:
    """uint8[5] by CC-Request-Type: index of `xdr.PROCEDURES`."""
    names = CREDIT_PROCEDURES
    return np.array([PROCEDURES.index(name) if name else OTHER_PROCEDURE for name in names], np.uint8)


APPLICATION_IDS = np.array(sorted(diameter.APPLICATIONS), np.int64)
"""int64[n]: the applications that have a name."""


def application_interfaces() -> np.ndarray:
    """uint8[n] by place in APPLICATION_IDS: index of `xdr.INTERFACES`, `diameter` where there is none of its own."""
    names = [diameter.APPLICATIONS[int(number)] for number in APPLICATION_IDS]
    return np.array([INTERFACES.index(name if name in INTERFACES else "diameter") for name in names], np.uint8)


def experimental_families() -> np.ndarray:
    """uint8[n] by place in APPLICATION_IDS: index of `xdr.CAUSE_FAMILIES` of an experimental result of 3GPP."""
    other = "diameter_experimental"
    names = [diameter.EXPERIMENTAL_FAMILIES.get(int(number), other) for number in APPLICATION_IDS]
    return np.array([CAUSE_FAMILIES.index(name) for name in names], np.uint8)
