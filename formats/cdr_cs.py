"""Records of the circuit-switched domain (TS 32.298 §5.1.3, §5.2.3.2): calls and short messages at the MSC."""

from formats.ber import CONTEXT, Level, Root, fields

__all__ = ["ABNORMAL", "CALL_CONTROL", "LEVELS", "NO_ANSWER", "ROOTS", "TERMINATION", "USER_BUSY"]

NORMAL, PARTIAL, REESTABLISHED, UNSUCCESSFUL, ABNORMAL = 0, 1, 2, 3, 4
TERMINATION = {
    NORMAL: "Normal release",
    PARTIAL: "Partial record",
    REESTABLISHED: "Partial record, call re-establishment",
    UNSUCCESSFUL: "Unsuccessful call attempt",
    ABNORMAL: "Abnormal release",
    5: "CAMEL initiated call release",
    52: "Unauthorized requesting network",
    53: "Unauthorized LCS client",
    54: "Position method failure",
    58: "Unknown or unreachable LCS client",
}
"""CauseForTerm (TS 32.298 §5.1.3.1.12)."""

USER_BUSY, NO_ANSWER = (17,), (18, 19)
REJECTED = (21, 22, 55, 57)
CALL_CONTROL = {
    1: "Unassigned number", 3: "No route to destination", 6: "Channel unacceptable", 8: "Operator determined barring",
    16: "Normal call clearing", 17: "User busy", 18: "No user responding", 19: "User alerting, no answer",
    21: "Call rejected", 22: "Number changed", 25: "Pre-emption", 26: "Non selected user clearing",
    27: "Destination out of order", 28: "Invalid number format", 29: "Facility rejected",
    30: "Response to status enquiry", 31: "Normal, unspecified", 34: "No circuit/channel available",
    38: "Network out of order", 41: "Temporary failure", 42: "Switching equipment congestion",
    43: "Access information discarded", 44: "Requested circuit/channel not available",
    47: "Resources unavailable, unspecified", 49: "Quality of service unavailable",
    50: "Requested facility not subscribed", 55: "Incoming calls barred within the CUG",
    57: "Bearer capability not authorized", 58: "Bearer capability not presently available",
    63: "Service or option not available", 65: "Bearer service not implemented",
    68: "ACM equal to or greater than ACMmax",
    69: "Requested facility not implemented", 79: "Service or option not implemented",
    81: "Invalid transaction identifier value", 87: "User not member of CUG", 88: "Incompatible destination",
    91: "Invalid transit network selection", 95: "Semantically incorrect message", 96: "Invalid mandatory information",
    97: "Message type non-existent", 98: "Message type not compatible with state", 99: "Element non-existent",
    100: "Conditional element error", 101: "Message not compatible with state", 102: "Recovery on timer expiry",
    111: "Protocol error, unspecified", 127: "Interworking, unspecified",
}  # fmt: skip
"""Cause of call control (TS 24.008 §10.5.4.11)."""
CONTROL_NORMAL = frozenset({16, 17, 18, 19, 21, 26, 30, 31})

_MO = fields("""
0   recordType              int record_type
1   servedIMSI              tbcd imsi
2   servedIMEI              tbcd imei
3   servedMSISDN            isdn msisdn
4   callingNumber           dialled calling
5   calledNumber            dialled called
6   translatedNumber        -
7   connectedNumber         -
8   roamingNumber           -
9   recordingEntity         isdn entity
10  mscIncomingTKGP         -
11  mscOutgoingTKGP         -
12  location                in LocationAreaAndCell
13  changeOfLocation        -
14  basicService            choice service
15  transparencyIndicator   -
16  changeOfService         -
17  supplServicesUsed       -
18  aocParameters           -
19  changeOfAOCParms        -
20  msClassmark             -
21  changeOfClassmark       -
22  seizureTime             time opened
23  answerTime              time answered
24  releaseTime             time ended
25  callDuration            int duration
26  dataVolume              -
27  radioChanRequested      -
28  radioChanUsed           -
29  changeOfRadioChan       -
30  causeForTerm            int cause
31  diagnostics             diagnostics diagnostic
32  callReference           hash reference
33  sequenceNumber          int sequence
34  additionalChgInfo       -
35  recordExtensions        -
36  gsm-SCFAddress          -
37  serviceKey              -
38  networkCallReference    -
39  mSCAddress              -
40  cAMELInitCFIndicator    -
41  defaultCallHandling     -
42  hSCSDChanRequested      -
43  hSCSDChanAllocated      -
44  changeOfHSCSDParms      -
45  fnur                    -
46  aiurRequested           -
47  chanCodingsAcceptable   -
48  chanCodingUsed          -
49  speechVersionSupported  -
50  speechVersionUsed       -
51  numberOfDPEncountered   -
52  levelOfCAMELService     -
53  freeFormatData          -
54  cAMELCallLegInformation -
55  freeFormatDataAppend    -
56  defaultCallHandling-2   -
57  gsm-SCFAddress-2        -
58  serviceKey-2            -
59  freeFormatData-2        -
60  freeFormatDataAppend-2  -
61  systemType              int system
62  rateIndication          -
63  locationRoutNum         -
64  lrnSoInd                -
65  lrnQuryStatus           -
66  jIPPara                 -
67  jIPSoInd                -
68  jIPQuryStatus           -
69  partialRecordType       -
70  guaranteedBitRate       -
71  maximumBitRate          -
72  redial                  -
73  reasonForServiceChange  -
74  serviceChangeInitiator  -
75  iCSI2ActiveFlag         -
76  iMS-Charging-Identifier -
77  privateUserID           -
""")

_MT = fields("""
0   recordType              int record_type
1   servedIMSI              tbcd imsi
2   servedIMEI              tbcd imei
3   servedMSISDN            dialled msisdn
4   callingNumber           dialled calling
5   connectedNumber         -
6   recordingEntity         isdn entity
7   mscIncomingTKGP         -
8   mscOutgoingTKGP         -
9   location                in LocationAreaAndCell
10  changeOfLocation        -
11  basicService            choice service
12  transparencyIndicator   -
13  changeOfService         -
14  supplServicesUsed       -
15  aocParameters           -
16  changeOfAOCParms        -
17  msClassmark             -
18  changeOfClassmark       -
19  seizureTime             time opened
20  answerTime              time answered
21  releaseTime             time ended
22  callDuration            int duration
23  dataVolume              -
24  radioChanRequested      -
25  radioChanUsed           -
26  changeOfRadioChan       -
27  causeForTerm            int cause
28  diagnostics             diagnostics diagnostic
29  callReference           hash reference
30  sequenceNumber          int sequence
31  additionalChgInfo       -
32  recordExtensions        -
33  networkCallReference    -
34  mSCAddress              -
35  hSCSDChanRequested      -
36  hSCSDChanAllocated      -
37  changeOfHSCSDParms      -
38  fnur                    -
39  aiurRequested           -
40  chanCodingsAcceptable   -
41  chanCodingUsed          -
42  speechVersionSupported  -
43  speechVersionUsed       -
44  gsm-SCFAddress          -
45  serviceKey              -
46  systemType              int system
47  rateIndication          -
48  locationRoutNum         -
49  lrnSoInd                -
50  lrnQuryStatus           -
51  jIPPara                 -
52  jIPSoInd                -
53  jIPQuryStatus           -
54  partialRecordType       -
55  guaranteedBitRate       -
56  maximumBitRate          -
57  reasonForServiceChange  -
58  serviceChangeInitiator  -
59  iCSI2ActiveFlag         -
60  iMS-Charging-Identifier -
61  privateUserID           -
""")

_MOSMS = fields("""
0   recordType          int record_type
1   servedIMSI          tbcd imsi
2   servedIMEI          tbcd imei
3   servedMSISDN        isdn msisdn
4   msClassmark         -
5   serviceCentre       isdn centre
6   recordingEntity     isdn entity
7   location            in LocationAreaAndCell
8   messageReference    -
9   originationTime     time opened
10  smsResult           diagnostics diagnostic
11  recordExtensions    -
12  destinationNumber   destination party
13  cAMELSMSInformation -
14  systemType          int system
15  locationExtension   -
""")

_MTSMS = fields("""
0   recordType          int record_type
1   serviceCentre       isdn centre
2   servedIMSI          tbcd imsi
3   servedIMEI          tbcd imei
4   servedMSISDN        isdn msisdn
5   msClassmark         -
6   recordingEntity     isdn entity
7   location            in LocationAreaAndCell
8   deliveryTime        time opened
9   smsResult           diagnostics diagnostic
10  recordExtensions    -
11  systemType          int system
12  cAMELSMSInformation -
13  locationExtension   -
""")

_LOCATION = fields("""
0 locationAreaCode octets lac
1 cellId           octets ci
2 mCC-MNC          plmn plmn
""")

LEVELS = {
    "moCallRecord": Level(_MO),
    "mtCallRecord": Level(_MT),
    "moSMSRecord": Level(_MOSMS),
    "mtSMSRecord": Level(_MTSMS),
    "LocationAreaAndCell": Level(_LOCATION),
}

ROOTS = (
    Root("moCallRecord", CONTEXT, 0, 0, "moCallRecord", "call", ("duration", "cause")),
    Root("mtCallRecord", CONTEXT, 1, 1, "mtCallRecord", "call", ("duration", "cause")),
    Root("moSMSRecord", CONTEXT, 6, 6, "moSMSRecord", "message", ("opened",)),
    Root("mtSMSRecord", CONTEXT, 7, 7, "mtSMSRecord", "message", ("opened",)),
)
