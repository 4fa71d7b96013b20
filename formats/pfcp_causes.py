"""Causes of PFCP (TS 29.244 §8.2.1): their words, and which of them accept or reject."""

CAUSES: dict[int, str] = {
    1: "Request accepted (success)",
    2: "More Usage Report to send",
    3: "Request partially accepted",
    64: "Request rejected (reason not specified)",
    65: "Session context not found",
    66: "Mandatory IE missing",
    67: "Conditional IE missing",
    68: "Invalid length",
    69: "Mandatory IE incorrect",
    70: "Invalid Forwarding Policy",
    71: "Invalid F-TEID allocation option",
    72: "No established PFCP Association",
    73: "Rule creation/modification Failure",
    74: "PFCP entity in congestion",
    75: "No resources available",
    76: "Service not supported",
    77: "System failure",
    78: "Redirection Requested",
    79: "All dynamic addresses are occupied",
    80: "Unknown Pre-defined Rule",
    81: "Unknown Application ID",
    82: "L2TP tunnel Establishment failure",
    83: "L2TP session Establishment failure",
    84: "L2TP tunnel release",
    85: "L2TP session release",
    86: "PFCP session restoration failure due to requested resource not available",
    87: "L2TP tunnel Establishment failure - Tunnel Auth Failure",
    88: "L2TP Session Establishment failure - Session Auth Failure",
    89: "L2TP tunnel Establishment failure - LNS not reachable",
    90: "PFD Contents Syntax Error",
    91: "PFD Contents Semantics Error",
    92: "PFD Application Id Unknown",
}
"""Cause values (§8.2.1, Table 8.2.1-1)."""

CAUSE_ACCEPTED = 1
CAUSE_ACCEPTED_PARTIALLY = 3
CAUSE_ACCEPT_LAST = 63
CAUSE_REJECT_FIRST = 64


def cause_class(code: int) -> str:
    """`accept` or `reject` by the ranges of Table 8.2.1-1; empty for 0, which is reserved, and for none (-1)."""
    if code <= 0:
        return ""
    return "accept" if code <= CAUSE_ACCEPT_LAST else "reject"
