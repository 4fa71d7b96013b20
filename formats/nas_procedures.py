"""What NAS messages do: which request one is, or which it answers (TS 24.301 §5, §6, TS 24.501 §5, §6).

A message is told by its protocol, its layer (mobility or session management), its type and the way it goes; both ways
a detach has the same number. `formats.xdr.PROCEDURES` names the procedures.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from formats.nas import EMM_SERVICE_REQUEST, EPS, FIVE_GS
from formats.xdr import PROCEDURES

UP, DOWN = 0, 1
"""From the device, towards it."""
MOBILITY, SESSION = 0, 1
"""EMM and 5GMM; ESM and 5GSM."""


class Role(IntEnum):
    """What a message is to its procedure."""

    NONE = 0
    ASK = 1
    GO_ON = 2  # a request, or a step of one that the other side began
    SUCCESS = 3
    FAILURE = 4
    RESPOND = 5  # a response that the network may still reject
    ACCEPT = 6  # an accept that the device has to complete


class Waiting(IntEnum):
    """Procedures of which a connection has one at a time: bits of RAN_CONTEXT.nas_waiting, in the order of SLOTS."""

    ATTACH = 0
    TRACKING_AREA_UPDATE = 1
    SERVICE_REQUEST = 2
    AUTHENTICATION = 3
    SECURITY_MODE = 4
    IDENTITY = 5
    DETACH = 6
    REGISTRATION = 7
    DEREGISTRATION = 8


SLOTS = (
    "attach", "tracking_area_update", "service_request", "authentication", "security_mode", "identity", "detach",
    "registration", "deregistration",
)  # fmt: skip
"""By Waiting: the procedure."""

RESPONDED, ACCEPTED, ANSWERED = 1 << 12, 1 << 13, 1 << 14
"""Further bits: the authentication has its response, the attach its accept; a message that cannot be read has come
down since the request."""


class _Row(NamedTuple):
    protocol: int
    layer: int
    type: int
    way: int
    role: Role
    procedure: str


def _eps() -> list[_Row]:
    attach = (0x41, UP, Role.ASK), (0x42, DOWN, Role.ACCEPT), (0x43, UP, Role.SUCCESS), (0x44, DOWN, Role.FAILURE)
    update = (0x48, UP, Role.ASK), (0x49, DOWN, Role.SUCCESS), (0x4B, DOWN, Role.FAILURE)
    service = tuple((kind, UP, Role.ASK) for kind in (EMM_SERVICE_REQUEST, 0x4C, 0x4D))
    service += (0x4F, DOWN, Role.SUCCESS), (0x4E, DOWN, Role.FAILURE)
    detach = tuple((0x45, way, Role.ASK) for way in (UP, DOWN)) + tuple((0x46, way, Role.SUCCESS) for way in (UP, DOWN))
    proof = (0x52, DOWN, Role.ASK), (0x53, UP, Role.RESPOND), (0x54, DOWN, Role.FAILURE), (0x5C, UP, Role.FAILURE)
    mobility = {"attach": attach, "tracking_area_update": update, "service_request": service, "detach": detach,
                "authentication": proof, "identity": _pair(0x55, 0x56), "security_mode": _secure()}  # fmt: skip
    session = {
        "pdn_connectivity": ((0xD0, UP, Role.ASK), (0xC1, DOWN, Role.SUCCESS), (0xD1, DOWN, Role.FAILURE)),
        "default_bearer_activation": ((0xC2, UP, Role.SUCCESS), (0xC3, UP, Role.FAILURE)),
        "dedicated_bearer_activation": ((0xC5, DOWN, Role.ASK), (0xC6, UP, Role.SUCCESS), (0xC7, UP, Role.FAILURE)),
    }
    return _rows(EPS, MOBILITY, mobility) + _rows(EPS, SESSION, session)


def _5gs() -> list[_Row]:
    registration = (0x41, UP, Role.ASK), (0x42, DOWN, Role.SUCCESS), (0x44, DOWN, Role.FAILURE)
    service = ((0x4C, UP, Role.ASK), (0x4F, UP, Role.ASK), (0x4E, DOWN, Role.SUCCESS), (0x4D, DOWN, Role.FAILURE))
    leave = (0x45, UP, Role.ASK), (0x46, DOWN, Role.SUCCESS), (0x47, DOWN, Role.ASK), (0x48, UP, Role.SUCCESS)
    proof = (0x56, DOWN, Role.ASK), (0x57, UP, Role.RESPOND), (0x58, DOWN, Role.FAILURE), (0x59, UP, Role.FAILURE)
    mobility = {"registration": registration, "service_request": service, "deregistration": leave,
                "authentication": proof, "identity": _pair(0x5B, 0x5C), "security_mode": _secure()}  # fmt: skip
    session = {
        "pdu_session_establishment": ((0xC1, UP, Role.ASK), (0xC2, DOWN, Role.SUCCESS), (0xC3, DOWN, Role.FAILURE)),
        "pdu_session_modification": ((0xC9, UP, Role.ASK), (0xCB, DOWN, Role.GO_ON), (0xCC, UP, Role.SUCCESS),
                                     (0xCA, DOWN, Role.FAILURE), (0xCD, UP, Role.FAILURE)),
        "pdu_session_release": ((0xD1, UP, Role.ASK), (0xD3, DOWN, Role.GO_ON), (0xD4, UP, Role.SUCCESS),
                                (0xD2, DOWN, Role.FAILURE)),
    }  # fmt: skip
    return _rows(FIVE_GS, MOBILITY, mobility) + _rows(FIVE_GS, SESSION, session)


def _pair(request: int, response: int) -> tuple[tuple[int, int, Role], ...]:
    return (request, DOWN, Role.ASK), (response, UP, Role.SUCCESS)


def _secure() -> tuple[tuple[int, int, Role], ...]:
    return (0x5D, DOWN, Role.ASK), (0x5E, UP, Role.SUCCESS), (0x5F, UP, Role.FAILURE)


def _rows(protocol: int, layer: int, procedures: dict[str, tuple[tuple[int, int, Role], ...]]) -> list[_Row]:
    return [_Row(protocol, layer, *message, name) for name, messages in procedures.items() for message in messages]


def roles() -> tuple[np.ndarray, np.ndarray]:
    """By [protocol, layer, way, type], uint8[3, 2, 2, 256]: the Role, and the procedure (0 none)."""
    role, procedure = (np.zeros((3, 2, 2, 256), np.uint8) for _ in range(2))
    for row in _eps() + _5gs():
        role[row.protocol, row.layer, row.way, row.type] = row.role
        procedure[row.protocol, row.layer, row.way, row.type] = PROCEDURES.index(row.procedure)
    return role, procedure


def slots() -> np.ndarray:
    """By procedure, int64[256]: its Waiting, -1 where a connection may have several at a time."""
    table = np.full(256, -1, np.int64)
    table[[PROCEDURES.index(name) for name in SLOTS]] = range(len(SLOTS))
    return table
