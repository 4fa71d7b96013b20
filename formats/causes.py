"""Causes in the words of their standards, and which of them tell of a normal release.

A family is a name of `formats.xdr.CAUSE_FAMILIES`; a cause is a family and a code.
"""

from formats import cdr_cs, cdr_ims, cdr_ps, diameter, gtpv1c, gtpv2c, nas, ngap_causes, pfcp_causes, s1ap_causes

IKEV2: dict[int, str] = {
    4: "INVALID_IKE_SPI",
    7: "INVALID_SYNTAX",
    11: "INVALID_SPI",
    14: "NO_PROPOSAL_CHOSEN",
    17: "INVALID_KE_PAYLOAD",
    24: "AUTHENTICATION_FAILED",
    34: "SINGLE_PAIR_REQUIRED",
    35: "NO_ADDITIONAL_SAS",
    36: "INTERNAL_ADDRESS_FAILURE",
    37: "FAILED_CP_REQUIRED",
    38: "TS_UNACCEPTABLE",
    43: "TEMPORARY_FAILURE",
    44: "CHILD_SA_NOT_FOUND",
}
"""Notify message error types (RFC 7296 §3.10.1)."""

CAUSES: dict[str, dict[int, str]] = {
    "gtpv1c": gtpv1c.CAUSES,
    "gtpv2c": gtpv2c.CAUSES,
    "s1ap_radio": s1ap_causes.RADIO,
    "s1ap_transport": s1ap_causes.TRANSPORT,
    "s1ap_nas": s1ap_causes.NAS,
    "s1ap_protocol": s1ap_causes.PROTOCOL,
    "s1ap_misc": s1ap_causes.MISC,
    "emm": s1ap_causes.EMM,
    "esm": s1ap_causes.ESM,
    "diameter": diameter.RESULTS,
    "ikev2": IKEV2,
    "ngap_radio": ngap_causes.RADIO,
    "ngap_transport": ngap_causes.TRANSPORT,
    "ngap_nas": ngap_causes.NAS,
    "ngap_protocol": ngap_causes.PROTOCOL,
    "ngap_misc": ngap_causes.MISC,
    "fgmm": nas.MM_5GS_CAUSES,
    "fgsm": nas.SM_5GS_CAUSES,
    "pfcp": pfcp_causes.CAUSES,
    "cdr_closing": cdr_ps.CAUSES,
    "call_end": cdr_cs.TERMINATION,
    "call_control": cdr_cs.CALL_CONTROL,
    "sip": cdr_ims.SIP,
    # RFC 6733 §7.1 for what 3GPP leaves unnamed: elements that hold either kind of code (TS 29.274 §8.103) are of it.
    "diameter_subscription": {**diameter.RESULTS, **diameter.RESULT_FAMILIES["diameter_subscription"]},
    "diameter_multimedia": diameter.RESULT_FAMILIES["diameter_multimedia"],
    "diameter_policy": diameter.RESULT_FAMILIES["diameter_policy"],
    "diameter_media": diameter.RESULT_FAMILIES["diameter_media"],
    "diameter_spending": diameter.RESULT_FAMILIES["diameter_spending"],
    "diameter_experimental": diameter.RESULT_FAMILIES["diameter_experimental"],
}
"""Family to code to text."""

S1AP_FAMILIES = ("s1ap_radio", "s1ap_transport", "s1ap_nas", "s1ap_protocol", "s1ap_misc")
"""The family of an S1AP cause by its group in a RAN/NAS Cause (TS 29.274 §8.103)."""
PROTOCOL_FAMILIES = {2: "emm", 3: "esm", 4: "diameter_subscription", 5: "ikev2"}
"""The family of a RAN/NAS Cause of another protocol type."""

MOBILITY = frozenset({4, 16, 17, 18, 19, 33, 34, 35})
"""S1AP radio causes of a release that moves the device on: no drop, for the bearer lives on in another cell."""

NORMAL: dict[str, frozenset[int]] = {
    # TS 29.060 §7.7.1: a request's reason. Deactivated to be activated anew, idle for too long; an accepted answer.
    "gtpv1c": frozenset({6, 7, 128, 129, 130}),
    # TS 29.274 §8.4: detach, change of access or system, ISR ends, deactivated to come back, inactivity; accepted.
    # Not normal: 6 error indication, 12 PGW not responding, 13 network failure, 14 QoS parameter mismatch.
    "gtpv2c": frozenset({2, 3, 4, 5, 7, 8, 9, 10, 11, 15, 16, 17, 18, 19}),
    # TS 32.425 §4.2.2.6 excepts user inactivity (20), CS fallback (23, 24, 36) and CSG expiry from abnormal releases;
    # successful handover (2), load-balancing TAU (22), redirection (28) and mobility move the device on.
    "s1ap_radio": frozenset({2, 20, 22, 23, 24, 28, 36}) | MOBILITY,
    "s1ap_transport": frozenset(),
    # TS 32.425 §4.2.2.6: normal release (0), CSG subscription expiry (4); detach (2) and leaving the served area (5)
    # end the connection by the user's doing.
    "s1ap_nas": frozenset({0, 2, 4, 5}),
    "s1ap_protocol": frozenset(),
    # TS 36.413 §9.2.1.3: O&M intervention, planned by the operator.
    "s1ap_misc": frozenset({3}),
    "emm": frozenset(),
    # TS 24.301 Annex B.1: regular deactivation, reactivation requested.
    "esm": frozenset({36, 39}),
    # RFC 6733 §7.1.2.
    "diameter": frozenset({2001, 2002}),
    "ikev2": frozenset(),
    # TS 28.552 §5.1.1, TS 28.554 §6.5.1 except user inactivity (20). A release that the core brings about (4) is its
    # own. Successful, cancelled and triggered handover (2, 5, 16-19, 31-33), context transfer (35), EPS fallback (36),
    # redirection (41) and detected mobility (44) move the device on.
    "ngap_radio": frozenset({2, 4, 5, 16, 17, 18, 19, 20, 31, 32, 33, 35, 36, 41, 44}),
    "ngap_transport": frozenset(),
    # normal release (0), deregister (2), leaving the served area (4)
    "ngap_nas": frozenset({0, 2, 4}),
    "ngap_protocol": frozenset(),
    "ngap_misc": frozenset({3}),
    "fgmm": frozenset(),
    # TS 24.501 Annex B: regular deactivation, reactivation requested.
    "fgsm": frozenset({36, 39}),
    "pfcp": frozenset({1, 2, 3}),
    # TS 32.298 §5.1.2.2.7: any other but the abnormal release ends the record, not what it tells of.
    "cdr_closing": frozenset(set(cdr_ps.CAUSES) - {cdr_ps.CLOSING_ABNORMAL}),
    # TS 32.298 §5.1.3.1.12: a call that is re-established goes on.
    "call_end": frozenset({cdr_cs.NORMAL, cdr_cs.PARTIAL, cdr_cs.REESTABLISHED}),
    "call_control": cdr_cs.CONTROL_NORMAL,
    "sip": frozenset({200, 486, 487, 600, 603}),
    "diameter_subscription": frozenset({2001, 2002}),
    "diameter_multimedia": frozenset({2001, 2002, 2003, 2004}),
    "diameter_policy": frozenset(),
    "diameter_media": frozenset(),
    "diameter_spending": frozenset(),
    "diameter_experimental": frozenset(),
}
"""The causes that are a normal release: family to codes. Any other cause of an end is a drop."""


def cause_text(family: str, code: int) -> str:
    """The cause in the words of its standard, `family N` where the standard names none, empty without a family."""
    if not family or code < 0:
        return ""
    return CAUSES.get(family, {}).get(code, f"{family} {code}")


def ran_cause_family(protocol: int, group: int) -> str:
    """The family of a RAN/NAS Cause by its protocol type and S1AP cause group, empty where unknown."""
    if protocol == gtpv2c.PROTOCOL_S1AP:
        return S1AP_FAMILIES[group] if 0 <= group < len(S1AP_FAMILIES) else ""
    return PROTOCOL_FAMILIES.get(protocol, "")
