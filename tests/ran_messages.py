"""S1AP and NGAP messages that pycrate encodes from random values, with what each should tell."""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tests.asn1_values import Values
from tests.ran_expected import Expected

OUTCOMES = ("initiatingMessage", "successfulOutcome", "unsuccessfulOutcome")


CONTAINERS = ("Source-ToTarget-TransparentContainer", "SourceToTarget-TransparentContainer")
CONTAINER_TYPES = {
    1: "SourceeNB_ToTargeteNB_TransparentContainer",
    2: "SourceNGRANNode_ToTargetNGRANNode_TransparentContainer",
}


class Procedure(NamedTuple):
    """One message of an elementary procedure."""

    protocol: int
    code: int
    pdu: int
    name: str
    kind: Any


class Message(NamedTuple):
    """An encoded message and what it should tell."""

    name: str
    octets: bytes
    expected: dict


@cache
def modules(protocol: int) -> tuple[Any, Any, Any, dict[int, str]]:
    """PDU, elementary procedures, module of types, names of element ids."""
    from pycrate_asn1dir import NGAP, S1AP

    if protocol == 1:
        top, types, constants = S1AP.S1AP_PDU_Descriptions, S1AP.S1AP_IEs, S1AP.S1AP_Constants
        pdu, procedures = top.S1AP_PDU, top.S1AP_ELEMENTARY_PROCEDURES
    else:
        top, types, constants = NGAP.NGAP_PDU_Descriptions, NGAP.NGAP_IEs, NGAP.NGAP_Constants
        pdu, procedures = top.NGAP_PDU, top.NGAP_ELEMENTARY_PROCEDURES
    names = {}
    for name in dir(constants):
        constant = getattr(constants, name)
        if name.startswith("id_") and constant._typeref.called[1] == "ProtocolIE-ID":
            names[constant._val] = name[3:].replace("_", "-")
    return pdu, procedures, types, names


def procedures(protocol: int) -> Iterator[Procedure]:
    """All messages but the private one, whose content no standard tells."""
    for row in modules(protocol)[1]._val.root:
        for pdu, outcome in enumerate(("InitiatingMessage", "SuccessfulOutcome", "UnsuccessfulOutcome")):
            if outcome in row and row[outcome]._typeref.called[1] != "PrivateMessage":
                kind = row[outcome]
                yield Procedure(protocol, row["procedureCode"], pdu, kind._typeref.called[1], kind)


def encoded(protocol: int, code: int, pdu: int, name: str, value: Any) -> bytes:
    top = modules(protocol)[0]
    told = {"procedureCode": code, "criticality": "reject", "value": (name, value)}
    top.set_val((OUTCOMES[pdu], told))
    return bytes(top.to_aper())


def message(protocol: int, code: int, pdu: int, name: str, fields: list[dict]) -> Message:
    """The message of these protocolIEs."""
    octets = encoded(protocol, code, pdu, name, {"protocolIEs": fields})
    types, names = modules(protocol)[2:]
    return Message(name, octets, Expected(protocol, types).message(pdu, code, fields, names))


def container(protocol: int, values: Values) -> bytes:
    """A container from source to target, of random content."""
    kind = getattr(modules(protocol)[2], CONTAINER_TYPES[protocol])
    kind.set_val(values.of(kind))
    return bytes(kind.to_aper())


def random_message(procedure: Procedure, seed: int, **shape: Any) -> Message:
    """A message of random content; `shape` as `Values` takes it."""
    draw = random.Random(f"{procedure.protocol} {procedure.name} {seed}")
    values = Values(draw, **shape)
    fields = values.of(procedure.kind)["protocolIEs"]
    for told in fields:
        if told["value"][0] in CONTAINERS:
            octets = container(procedure.protocol, values)
            told["value"] = told["value"][0], octets if draw.random() < 0.8 else octets[:3]
    return message(procedure.protocol, procedure.code, procedure.pdu, procedure.name, fields)
