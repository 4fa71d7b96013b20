"""NAS messages of EPS and 5GS that pycrate encodes: in plain, behind a security header, under a cipher."""

import random
from typing import Any

import pytest

emm = pytest.importorskip("pycrate_mobile.TS24301_EMM")
esm = pytest.importorskip("pycrate_mobile.TS24301_ESM")
mm = pytest.importorskip("pycrate_mobile.TS24501_FGMM")
sm = pytest.importorskip("pycrate_mobile.TS24501_FGSM")
ie24008 = pytest.importorskip("pycrate_mobile.TS24008_IE")

PLMN = "20893"
GROUP, CODE = 0x8001, 1
SET, POINTER = 1, 0
EBI, PTI, SESSION = 5, 7, 5


def coded(kind: Any, **values: Any) -> bytes:
    """A message; names that begin with a digit are given with an underscore before it."""
    return bytes(kind(val={name.lstrip("_"): value for name, value in values.items()}).to_bytes())


def esm_coded(kind: Any, ebi: int = 0, pti: int = PTI, **values: Any) -> bytes:
    raw = bytearray(coded(kind, **values))
    raw[0], raw[1] = ebi << 4 | 2, pti
    return bytes(raw)


def sm_coded(kind: Any, identity: int = SESSION, pti: int = PTI, **values: Any) -> bytes:
    raw = bytearray(coded(kind, **values))
    raw[1], raw[2] = identity, pti
    return bytes(raw)


def apn(name: str) -> bytes:
    value = ie24008.APN()
    value.encode(name)
    return bytes(value.to_bytes())


def guarded(nas: bytes, header: int = 1) -> bytes:
    """Behind the security header of this type, not ciphered or with the null algorithm."""
    head = bytes([header << 4 | 7]) if nas[0] & 15 in (2, 7) and nas[0] != 0x7E else bytes([0x7E, header])
    return head + b"\xaa\xbb\xcc\xdd\x05" + nas


def ciphered(nas: bytes, header: int = 2, seed: int = 1) -> bytes:
    """Behind the security header of this type, every octet xored with a key stream; the first can be no message's."""
    stream = random.Random(f"{seed} {nas.hex()}").randbytes(len(nas))
    hidden = bytearray(a ^ b for a, b in zip(nas, stream, strict=True))
    hidden[0] = 0x9B
    return guarded(nas, header)[: -len(nas)] + bytes(hidden)


# --- EPS ----------------------------------------------------------------------------------------------------------


def eps_guti(tmsi: int, code: int = CODE) -> dict[str, Any]:
    return {"type": 6, "ident": (PLMN, GROUP, code, tmsi)}


def pdn_connectivity(pti: int = PTI, **more: Any) -> bytes:
    return esm_coded(esm.ESMPDNConnectivityRequest, 0, pti, PDNType=1, RequestType=1, **more)


def attach_request(imsi: str | None = None, tmsi: int | None = None, kind: int = 2) -> bytes:
    identity = {"type": 1, "ident": imsi} if imsi else eps_guti(tmsi or 0)
    return coded(emm.EMMAttachRequest, EPSAttachType=kind, NAS_KSI=7, EPSID=identity, UENetCap=b"\xe0\xe0",
                 ESMContainer=pdn_connectivity())  # fmt: skip


def default_bearer_request(name: str = "internet", address: str = "0a2d0001", **more: Any) -> bytes:
    return esm_coded(
        esm.ESMActDefaultEPSBearerCtxtRequest, EBI, PTI, EPSQoS=b"\x09", APN=apn(name),
        PDNAddr=b"\x01" + bytes.fromhex(address), **more,
    )  # fmt: skip


def attach_accept(tmsi: int | None = None, cause: int | None = None) -> bytes:
    more: dict[str, Any] = {"GUTI": eps_guti(tmsi)} if tmsi is not None else {}
    more |= {"EMMCause": bytes([cause])} if cause else {}
    return coded(emm.EMMAttachAccept, EPSAttachResult=2, T3412=b"\x49", TAIList=bytes.fromhex("2002f8390001"),
                 ESMContainer=default_bearer_request(), **more)  # fmt: skip


def attach_complete() -> bytes:
    return coded(emm.EMMAttachComplete, ESMContainer=esm_coded(esm.ESMActDefaultEPSBearerCtxtAccept, EBI, 0))


def attach_reject(cause: int, session_cause: int | None = None) -> bytes:
    more = {}
    if session_cause:
        more["ESMContainer"] = esm_coded(esm.ESMPDNConnectivityReject, ESMCause=bytes([session_cause]))
    return coded(emm.EMMAttachReject, EMMCause=bytes([cause]), **more)


AUTHENTICATION_REQUEST = coded(emm.EMMAuthenticationRequest, NAS_KSI=0, RAND=bytes(16), AUTN=bytes(16))
AUTHENTICATION_RESPONSE = coded(emm.EMMAuthenticationResponse, RES=bytes(8))
AUTHENTICATION_REJECT = coded(emm.EMMAuthenticationReject)


def authentication_failure(cause: int) -> bytes:
    return coded(emm.EMMAuthenticationFailure, EMMCause=bytes([cause]))


IDENTITY_REQUEST = coded(emm.EMMIdentityRequest, IDType=1)


def identity_response(imsi: str) -> bytes:
    return coded(emm.EMMIdentityResponse, ID={"type": 1, "ident": imsi})


def security_mode_command(algorithm: int = 2) -> bytes:
    plain = coded(emm.EMMSecurityModeCommand, NASSecAlgo=bytes([algorithm << 4 | 2]), NAS_KSI=0, UESecCap=b"\xe0\xe0")
    return guarded(plain, 3)


def security_mode_complete(imeisv: str) -> bytes:
    return coded(emm.EMMSecurityModeComplete, IMEISV={"type": 3, "ident": imeisv})


def update_request(tmsi: int, active: bool = False) -> bytes:
    return coded(emm.EMMTrackingAreaUpdateRequest, EPSUpdateType=8 if active else 0, NAS_KSI=0, OldGUTI=eps_guti(tmsi))


def update_accept(tmsi: int | None = None) -> bytes:
    more = {"GUTI": eps_guti(tmsi)} if tmsi is not None else {}
    return coded(emm.EMMTrackingAreaUpdateAccept, EPSUpdateResult=0, **more)


def update_reject(cause: int) -> bytes:
    return coded(emm.EMMTrackingAreaUpdateReject, EMMCause=bytes([cause]))


SERVICE_REQUEST = bytes.fromhex("c705abcd")


def service_reject(cause: int) -> bytes:
    return coded(emm.EMMServiceReject, EMMCause=bytes([cause]))


def extended_service_request(tmsi: int) -> bytes:
    return coded(emm.EMMExtServiceRequest, NAS_KSI=0, ServiceType=0, MTMSI={"type": 4, "ident": tmsi})


def detach_request(tmsi: int, switch_off: bool) -> bytes:
    return coded(emm.EMMDetachRequestMO, EPSDetachType=9 if switch_off else 1, NAS_KSI=0, EPSID=eps_guti(tmsi))


def detach_by_network(cause: int) -> bytes:
    return coded(emm.EMMDetachRequestMT, EPSDetachType=2, EMMCause=bytes([cause]))


DETACH_ACCEPT = bytes.fromhex("0746")


def dedicated_bearer(ebi: int = 6) -> bytes:
    return bytes([ebi << 4 | 2, 0, 0xC5, EBI]) + b"\x01\x01" + b"\x02\x20\x00"


def dedicated_bearer_answer(ebi: int = 6, cause: int | None = None) -> bytes:
    if cause is None:
        return esm_coded(esm.ESMActDediEPSBearerCtxtAccept, ebi, 0)
    return esm_coded(esm.ESMActDediEPSBearerCtxtReject, ebi, 0, ESMCause=bytes([cause]))


# --- 5GS ----------------------------------------------------------------------------------------------------------


def guti_5gs(tmsi: int) -> dict[str, Any]:
    return {"Type": 2, "PLMN": PLMN, "AMFRegionID": 1, "AMFSetID": SET, "AMFPtr": POINTER, "5GTMSI": tmsi}


def suci(msin: str, scheme: int = 0) -> dict[str, Any]:
    value = {"PLMN": PLMN, "RoutingInd": "0000", "ProtSchemeID": scheme, "HNPKID": 0, "Output": msin}
    return {"Type": 1, "Fmt": 0, "Value": value}


def registration_request(identity: dict[str, Any], kind: int = 1) -> bytes:
    return coded(mm.FGMMRegistrationRequest, _5GSRegType=8 | kind, NAS_KSI=7, _5GSID=identity)


def registration_accept(tmsi: int) -> bytes:
    return coded(mm.FGMMRegistrationAccept, _5GSRegResult=b"\x01", GUTI=guti_5gs(tmsi))


REGISTRATION_COMPLETE = bytes.fromhex("7e0043")


def registration_reject(cause: int) -> bytes:
    return bytes([0x7E, 0, 0x44, cause])


PROOF_REQUEST = coded(mm.FGMMAuthenticationRequest, ABBA=b"\0\0", RAND=bytes(16), AUTN=bytes(16))
PROOF_RESPONSE = coded(mm.FGMMAuthenticationResponse, RES=bytes(16))
PROOF_REJECT = bytes.fromhex("7e0058")
SERVICE_ACCEPT_5GS = bytes.fromhex("7e004e")


def proof_failure(cause: int) -> bytes:
    return bytes([0x7E, 0, 0x59, cause])


def security_mode_command_5gs(algorithm: int = 2) -> bytes:
    return guarded(bytes([0x7E, 0, 0x5D, algorithm << 4 | 2, 0, 2, 0xE0, 0xE0]), 3)


def service_request_5gs(tmsi: int) -> bytes:
    identity = {"Type": 4, "AMFSetID": SET, "AMFPtr": POINTER, "5GTMSI": tmsi}
    return coded(mm.FGMMServiceRequest, ServiceType=1, NAS_KSI=0, _5GSID=identity)


def deregistration_request(tmsi: int, switch_off: bool) -> bytes:
    kind = 9 if switch_off else 1
    return coded(mm.FGMMMODeregistrationRequest, DeregistrationType=kind, NAS_KSI=0, _5GSID=guti_5gs(tmsi))


DEREGISTRATION_ACCEPT = bytes.fromhex("7e0046")


def session_request(name: str = "internet", sst: int = 1, sd: int | None = 0xA) -> bytes:
    inner = sm_coded(sm.FGSMPDUSessionEstabRequest)
    slice_ = bytes([sst]) + (sd.to_bytes(3, "big") if sd is not None else b"")
    dnn = apn(name)
    tail = bytes([0x12, SESSION, 0x81, 0x22, len(slice_)]) + slice_ + bytes([0x25, len(dnn)]) + dnn
    return bytes.fromhex("7e006701") + len(inner).to_bytes(2, "big") + inner + tail


def to_device(inner: bytes, cause: int | None = None) -> bytes:
    """DL NAS Transport."""
    tail = bytes([0x12, inner[1]]) + (bytes([0x58, cause]) if cause else b"")
    return bytes.fromhex("7e006801") + len(inner).to_bytes(2, "big") + inner + tail


def session_accept(address: str = "0a2d0002") -> bytes:
    rules, rate = bytes.fromhex("0100060131310101ff01"), bytes.fromhex("060001060001")
    body = b"\x11" + len(rules).to_bytes(2, "big") + rules + b"\x06" + rate
    body += b"\x29\x05\x01" + bytes.fromhex(address)
    return to_device(bytes([0x2E, SESSION, PTI, 0xC2]) + body)


def session_reject(cause: int) -> bytes:
    return to_device(bytes([0x2E, SESSION, PTI, 0xC3, cause]))
