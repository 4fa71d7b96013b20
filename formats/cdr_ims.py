"""Records of the IMS (TS 32.298 §5.1.3.1, §5.2.3): S-CSCF, P-CSCF, MMTel; others share the first one's tags."""

from formats.ber import CONTEXT, Level, Root, fields

__all__ = ["LEVELS", "ROOTS", "SIP"]

SIP = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone", 415: "Unsupported Media Type",
    420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out", 580: "Precondition Failure",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip
"""Status codes of SIP (RFC 3261 §21, RFC 3312 §8)."""

_EVERY = """\
0  recordType                            int record_type
1  retransmission                        null retransmitted
2  sIP-Method                            text method
3  role-of-Node                          int role
4  nodeAddress                           -
5  session-Id                            hash reference
6  list-Of-Calling-Party-Address         in CallingParty
7  called-Party-Address                  in CalledParty
9  serviceRequestTimeStamp               time requested
10 serviceDeliveryStartTimeStamp         time answered
11 serviceDeliveryEndTimeStamp           time ended
12 recordOpeningTime                     time opened
13 recordClosureTime                     time closed
14 interOperatorIdentifiers              -
15 localRecordSequenceNumber             int local_sequence
16 recordSequenceNumber                  int sequence
17 causeForRecordClosing                 int cause
18 incomplete-CDR-Indication             -
19 iMS-Charging-Identifier               hash icid
21 list-Of-SDP-Media-Components          -
22 gGSNaddress                           -
23 serviceReasonReturnCode               number result
24 list-Of-Message-Bodies                -
25 recordExtensions                      -
26 expiresInformation                    -
28 event                                 -
29 accessNetworkInformation              access cell
30 serviceContextID                      -
31 list-of-subscription-ID               each SubscriptionID
32 list-Of-Early-SDP-Media-Components    -
33 iMSCommunicationServiceIdentifier     -
36 sessionPriority                       -
37 serviceRequestTimeStampFraction       int requested_ms
38 serviceDeliveryStartTimeStampFraction int answered_ms
39 serviceDeliveryEndTimeStampFraction   int ended_ms
53 transit-IOI-Lists                     -
54 iMSVisitedNetworkIdentifier           -
55 listOfReasonHeader                    -
56 additionalAccessNetworkInformation    -
57 instanceId                            -
58 subscriberEquipmentNumber             in Equipment
64 cellularNetworkInformation            -
"""
"""Tags that all of them share."""

_CSCF = """\
8  privateUserID                    words private
27 list-Of-Associated-URI           -
42 list-Of-Called-Asserted-Identity -
47 userLocationInformation          location cell
48 mSTimeZone                       -
46 nNI-Information                  -
51 fromAddress                      -
52 iMSEmergencyIndicator            -
59 routeHeaderReceived              -
60 routeHeaderTransmitted           -
62 list-Of-AccessNetworkInfoChange  -
63 listOfCalledIdentityChanges      -
"""
"""Those of call session control functions besides."""

_SCSCF = fields(_EVERY, _CSCF, """
34 numberPortabilityRouting      -
35 carrierSelectRouting          -
40 applicationServersInformation -
41 requested-Party-Address       -
43 online-charging-flag          -
44 realTimeTariffInformation     -
65 fEIdentifierList              -
""")  # fmt: skip

_PCSCF = fields(_EVERY, _CSCF, """
41  list-of-Requested-Party-Address   -
50  servedPartyIPAddress              -
105 initialIMS-Charging-Identifier    -
106 list-Of-AccessTransferInformation -
107 relatedICID                       -
108 relatedICIDGenerationNode         -
109 fEIdentifierList                  -
""")  # fmt: skip

_MMTEL = fields(_EVERY, """
34  numberPortabilityRouting         -
35  carrierSelectRouting             -
43  online-charging-flag             -
44  realTimeTariffInformation        -
101 requested-Party-Address          -
102 list-Of-Called-Asserted-Identity -
104 outgoingSessionId                -
110 mMTelInformation                 -
112 threeGPPPSDataOffStatus          -
113 fEIdentifierList                 -
""")  # fmt: skip

_PARTY = """
0 sIP-URI     words {0}
1 tEL-URI     words {0}
2 uRN         -
3 iSDN-E164   words {0}
4 externalId  -
"""
_SUBSCRIPTION = fields("""
0 subscriptionIDType int id_type
1 subscriptionIDData subscription imsi
""")
_EQUIPMENT = fields("""
0 subscriberEquipmentNumberType -
1 subscriberEquipmentNumberData equipment imei
""")

LEVELS = {
    "sCSCFRecord": Level(_SCSCF),
    "pCSCFRecord": Level(_PCSCF),
    "mMTelRecord": Level(_MMTEL),
    "CallingParty": Level(fields(_PARTY.format("calling"))),
    "CalledParty": Level(fields(_PARTY.format("called"))),
    "SubscriptionID": Level(_SUBSCRIPTION),
    "Equipment": Level(_EQUIPMENT),
}

_NODES = (("sCSCFRecord", 63), ("pCSCFRecord", 64), ("iCSCFRecord", 65), ("mRFCRecord", 66), ("mGCFRecord", 67),
          ("bGCFRecord", 68), ("aSRecord", 69), ("iBCFRecord", 82), ("mMTelRecord", 83), ("tRFRecord", 89),
          ("tFRecord", 90), ("aTCFRecord", 91))  # fmt: skip
_OWN = {"pCSCFRecord": "pCSCFRecord", "mMTelRecord": "mMTelRecord"}

ROOTS = tuple(Root(name, CONTEXT, tag, tag, _OWN.get(name, "sCSCFRecord"), "ims") for name, tag in _NODES)
"""Tag 70 is left to the eGSN's record of the packet domain, which is the more common one."""
