"""What S1AP and NGAP messages do, alike where the two protocols are: an operation per procedure code.

The names are those of `formats.xdr.PROCEDURES`; requests that have an answer are paired by the state stage.
"""

from enum import IntEnum

import numpy as np

from formats.ran import NGAP, S1AP
from formats.xdr import PROCEDURES


class Op(IntEnum):
    """What a message is about; the kind of PDU says whether it asks or answers."""

    OTHER = 0
    INITIAL_UE = 1
    NAS = 2
    CONTEXT_SETUP = 3
    BEARER_SETUP = 4
    BEARER_MODIFY = 5
    BEARER_RELEASE = 6
    BEARER_RELEASED = 7  # the RAN tells that it released bearers
    BEARER_MOVED = 8  # the RAN tells of other endpoints
    RELEASE_REQUEST = 9
    CONTEXT_RELEASE = 10
    CONTEXT_MODIFY = 11
    PATH_SWITCH = 12
    HANDOVER_PREPARATION = 13
    HANDOVER_ALLOCATION = 14
    HANDOVER_NOTIFY = 15
    HANDOVER_CANCEL = 16
    PAGING = 17
    RESET = 18
    NODE = 19  # set-up and configuration of a node
    LOCATION = 20


_ROWS = (
    # protocol, code, operation, procedure
    (S1AP, 0, Op.HANDOVER_PREPARATION, "handover_preparation"),
    (S1AP, 1, Op.HANDOVER_ALLOCATION, "handover_resource_allocation"),
    (S1AP, 2, Op.HANDOVER_NOTIFY, ""),
    (S1AP, 3, Op.PATH_SWITCH, "path_switch_request"),
    (S1AP, 4, Op.HANDOVER_CANCEL, "handover_cancel"),
    (S1AP, 5, Op.BEARER_SETUP, "e_rab_setup"),
    (S1AP, 6, Op.BEARER_MODIFY, "e_rab_modify"),
    (S1AP, 7, Op.BEARER_RELEASE, "e_rab_release"),
    (S1AP, 8, Op.BEARER_RELEASED, "e_rab_release_indication"),
    (S1AP, 9, Op.CONTEXT_SETUP, "initial_context_setup"),
    (S1AP, 10, Op.PAGING, "paging"),
    (S1AP, 11, Op.NAS, ""),
    (S1AP, 12, Op.INITIAL_UE, "signalling_connection"),
    (S1AP, 13, Op.NAS, ""),
    (S1AP, 14, Op.RESET, "reset"),
    (S1AP, 15, Op.OTHER, "error_indication"),
    (S1AP, 16, Op.NAS, ""),
    (S1AP, 17, Op.NODE, "s1_setup"),
    (S1AP, 18, Op.RELEASE_REQUEST, "ue_context_release_request"),
    (S1AP, 21, Op.CONTEXT_MODIFY, "ue_context_modification"),
    (S1AP, 23, Op.CONTEXT_RELEASE, "ue_context_release"),
    (S1AP, 29, Op.NODE, "enb_configuration_update"),
    (S1AP, 30, Op.NODE, "mme_configuration_update"),
    (S1AP, 33, Op.LOCATION, ""),
    (S1AP, 50, Op.BEARER_MOVED, "e_rab_modification_indication"),
    (NGAP, 0, Op.NODE, "amf_configuration_update"),
    (NGAP, 4, Op.NAS, ""),
    (NGAP, 9, Op.OTHER, "error_indication"),
    (NGAP, 10, Op.HANDOVER_CANCEL, "handover_cancel"),
    (NGAP, 11, Op.HANDOVER_NOTIFY, ""),
    (NGAP, 12, Op.HANDOVER_PREPARATION, "handover_preparation"),
    (NGAP, 13, Op.HANDOVER_ALLOCATION, "handover_resource_allocation"),
    (NGAP, 14, Op.CONTEXT_SETUP, "initial_context_setup"),
    (NGAP, 15, Op.INITIAL_UE, "signalling_connection"),
    (NGAP, 18, Op.LOCATION, ""),
    (NGAP, 19, Op.NAS, ""),
    (NGAP, 20, Op.RESET, "reset"),
    (NGAP, 21, Op.NODE, "ng_setup"),
    (NGAP, 24, Op.PAGING, "paging"),
    (NGAP, 25, Op.PATH_SWITCH, "path_switch_request"),
    (NGAP, 26, Op.BEARER_MODIFY, "pdu_session_resource_modify"),
    (NGAP, 27, Op.BEARER_MOVED, "pdu_session_resource_modify_indication"),
    (NGAP, 28, Op.BEARER_RELEASE, "pdu_session_resource_release"),
    (NGAP, 29, Op.BEARER_SETUP, "pdu_session_resource_setup"),
    (NGAP, 30, Op.BEARER_RELEASED, "pdu_session_resource_notify"),
    (NGAP, 35, Op.NODE, "ran_configuration_update"),
    (NGAP, 37, Op.LOCATION, ""),
    (NGAP, 40, Op.CONTEXT_MODIFY, "ue_context_modification"),
    (NGAP, 41, Op.CONTEXT_RELEASE, "ue_context_release"),
    (NGAP, 42, Op.RELEASE_REQUEST, "ue_context_release_request"),
    (NGAP, 46, Op.NAS, ""),
)

BY_CORE = frozenset({Op.CONTEXT_SETUP, Op.BEARER_SETUP, Op.BEARER_MODIFY, Op.BEARER_RELEASE, Op.CONTEXT_RELEASE,
                     Op.CONTEXT_MODIFY, Op.HANDOVER_ALLOCATION, Op.PAGING})  # fmt: skip
"""Operations that the core asks for; all others the RAN does."""
_BY_CORE_TOO = {(S1AP, 11), (S1AP, 30), (NGAP, 0), (NGAP, 4)}


def operations() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By [protocol, code], uint8[3, 256]: the Op, the procedure (0 none), and 1 where the core sends what asks."""
    op, procedure, by_core = (np.zeros((3, 256), np.uint8) for _ in range(3))
    for protocol, code, what, name in _ROWS:
        op[protocol, code] = what
        procedure[protocol, code] = PROCEDURES.index(name)
        by_core[protocol, code] = what in BY_CORE or (protocol, code) in _BY_CORE_TOO
    return op, procedure, by_core


CAUSE_FAMILIES = {
    S1AP: ("s1ap_radio", "s1ap_transport", "s1ap_nas", "s1ap_protocol", "s1ap_misc"),
    NGAP: ("ngap_radio", "ngap_transport", "ngap_nas", "ngap_protocol", "ngap_misc"),
}
"""By protocol and cause group."""

SUCCESSFUL_HANDOVER = 2
"""The radio cause of the release of a source after a handover, in both protocols."""

LEAVES = 2
"""The NAS cause of the release of a device that leaves the network, in both protocols: detach, deregister."""
