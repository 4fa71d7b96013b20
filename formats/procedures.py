"""Control-plane procedures: which messages are their request and answer (TS 29.274 §7, TS 29.060 §7)."""

import numpy as np

from formats.xdr import PROCEDURES

ROLE_NONE, ROLE_REQUEST, ROLE_RESPONSE = 0, 1, 2

(
    CREATE_SESSION, CREATE_PDP, MODIFY, MODIFY_ACCESS, UPDATE_PDP, DELETE_SESSION, DELETE_PDP, DELETE_BEARER,
    CREATE_BEARER, UPDATE_BEARER, RELEASE_ACCESS, CHANGE_NOTIFICATION, DELETE_COMMAND, ECHO, PAGING, INFO_CHANGE,
) = (
    PROCEDURES.index(name)
    for name in (
        "create_session", "create_pdp_context", "modify_bearer", "modify_access_bearers", "update_pdp_context",
        "delete_session", "delete_pdp_context", "delete_bearer", "create_bearer", "update_bearer",
        "release_access_bearers", "change_notification", "delete_bearer_command", "echo", "downlink_data_notification",
        "ms_info_change",
    )
)  # fmt: skip

PAIRS = (
    # version, request, answer, procedure
    (2, 1, 2, "echo"),
    (2, 32, 33, "create_session"),
    (2, 34, 35, "modify_bearer"),
    (2, 36, 37, "delete_session"),
    (2, 38, 39, "change_notification"),
    (2, 64, 65, "modify_bearer_command"),
    (2, 66, 67, "delete_bearer_command"),
    (2, 68, 69, "bearer_resource_command"),
    (2, 95, 96, "create_bearer"),
    (2, 97, 98, "update_bearer"),
    (2, 99, 100, "delete_bearer"),
    (2, 101, 102, "delete_pdn_connection_set"),
    (2, 128, 129, "identification"),
    (2, 130, 131, "context"),
    (2, 133, 134, "forward_relocation"),
    (2, 137, 138, "forward_access_context"),
    (2, 139, 140, "relocation_cancel"),
    (2, 149, 150, "detach"),
    (2, 162, 163, "suspend"),
    (2, 164, 165, "resume"),
    (2, 166, 167, "create_indirect_data_forwarding_tunnel"),
    (2, 168, 169, "delete_indirect_data_forwarding_tunnel"),
    (2, 170, 171, "release_access_bearers"),
    (2, 176, 177, "downlink_data_notification"),
    (2, 179, 180, "pgw_restart"),
    (2, 200, 201, "update_pdn_connection_set"),
    (2, 211, 212, "modify_access_bearers"),
    (1, 1, 2, "echo"),
    (1, 16, 17, "create_pdp_context"),
    (1, 18, 19, "update_pdp_context"),
    (1, 20, 21, "delete_pdp_context"),
    (1, 22, 23, "initiate_pdp_context_activation"),
    (1, 27, 28, "pdu_notification"),
    (1, 29, 30, "pdu_notification_reject"),
    (1, 48, 49, "identification"),
    (1, 50, 51, "sgsn_context"),
    (1, 53, 54, "forward_relocation"),
    (1, 56, 57, "relocation_cancel"),
    (1, 128, 129, "ms_info_change"),
)
COMMANDS = tuple(PROCEDURES.index(name) for name in PROCEDURES if name.endswith("_command"))
"""A command is answered by a Failure Indication, or by the bearer request that it triggers (TS 29.274 §7.6)."""


def roles() -> tuple[np.ndarray, np.ndarray]:
    """By [version, message type]: role uint8[3, 256] and procedure uint8[3, 256] (index of `xdr.PROCEDURES`)."""
    role = np.zeros((3, 256), np.uint8)
    procedure = np.zeros((3, 256), np.uint8)
    for version, request, answer, name in PAIRS:
        role[version, request], role[version, answer] = ROLE_REQUEST, ROLE_RESPONSE
        procedure[version, request] = procedure[version, answer] = PROCEDURES.index(name)
    return role, procedure
