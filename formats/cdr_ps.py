"""Records of the packet-switched domain (TS 32.298 §5.1.2.2, §5.2.2.2): SGW, PGW, SGSN, GGSN, ePDG, TWAG, SGSN-MM, SMS.

Tags of release 16. The GGSN's records, which later releases dropped, use the tags of the PGW's.
"""

from formats.ber import CONTEXT, Level, Root, fields
from formats.cdr_rows import RAN, SERVICE, TRAFFIC

__all__ = ["CAUSES", "CLOSING_ABNORMAL", "CLOSING_NORMAL", "LEVELS", "ROOTS"]

CLOSING_NORMAL, CLOSING_ABNORMAL = 0, 4
CAUSES = {
    0: "Normal release",
    1: "Partial record",
    4: "Abnormal release",
    5: "CAMEL initiated call release",
    16: "Volume limit",
    17: "Time limit",
    18: "Serving node change",
    19: "Maximum change conditions",
    20: "Management intervention",
    21: "Intra-SGSN inter-system change",
    22: "RAT change",
    23: "MS time zone change",
    24: "SGSN PLMN ID change",
    25: "SGW change",
    26: "APN-AMBR change",
    27: "MO exception data counter receipt",
    52: "Unauthorized requesting network",
    53: "Unauthorized LCS client",
    54: "Position method failure",
    58: "Unknown or unreachable LCS client",
    59: "List of downstream node change",
}
"""CauseForRecClosing. Any but the two above leaves open how the bearer ended: the next record goes on."""

_GATEWAY = """\
0  recordType              int record_type
3  servedIMSI              tbcd imsi
5  chargingID              int charging_id
7  accessPointNameNI       text apn
8  pdpPDNType              -
9  servedPDPPDNAddress     address ue_hi
11 dynamicAddressFlag      -
12 listOfTrafficVolumes    each ChangeOfCharCondition
13 recordOpeningTime       time opened
14 duration                int duration
15 causeForRecClosing      int cause
16 diagnostics             diagnostics diagnostic
17 recordSequenceNumber    int sequence
18 nodeID                  -
19 recordExtensions        -
20 localSequenceNumber     int local_sequence
21 apnSelectionMode        -
22 servedMSISDN            isdn msisdn
23 chargingCharacteristics -
24 chChSelectionMode       -
29 servedIMEI              tbcd imei
30 rATType                 int rat
37 p-GWPLMNIdentifier      -
38 startTime               time started
39 stopTime                time ended
47 dynamicAddressFlagExt   -
50 p-GWiPv6AddressUsed     -
"""
"""Tags that all gateways share."""

_CORE = """\
6  servingNodeAddress        address serving_hi
25 iMSsignalingContext       -
27 servingNodePLMNIdentifier plmn plmn
31 mSTimeZone                -
32 userLocationInformation   location cell
35 servingNodeType           -
49 servingNodeiPv6Address    -
"""
"""Those of SGW and PGW besides."""

_PGW = fields(_GATEWAY, _CORE, """
4  p-GWAddress                       address gateway_hi
28 pSFurnishChargingInformation      -
33 cAMELChargingInformation          -
34 listOfServiceData                 each ChangeOfServiceCondition
36 servedMNNAI                       -
40 served3gpp2MEID                   -
41 pDNConnectionChargingID           int connection_id
42 iMSIunauthenticatedFlag           -
43 userCSGInformation                -
44 threeGPP2UserLocationInformation  -
45 servedPDPPDNAddressExt            address ue2_hi
46 lowPriorityIndicator              -
51 tWANUserLocationInformation       -
52 retransmission                    null retransmitted
53 userLocationInfoTime              -
54 cNOperatorSelectionEnt            -
55 ePCQoSInformation                 in EPCQoSInformation
56 presenceReportingAreaInfo         -
57 lastUserLocationInformation       location last_cell
58 lastMSTimeZone                    -
59 enhancedDiagnostics               -
60 nBIFOMMode                        -
61 nBIFOMSupport                     -
62 uWANUserLocationInformation       -
64 sGiPtPTunnellingMethod            -
65 uNIPDUCPOnlyFlag                  -
66 servingPLMNRateControl            -
67 aPNRateControl                    -
68 pDPPDNTypeExtension               -
69 mOExceptionDataCounter            -
70 chargingPerIPCANSessionIndicator  -
71 threeGPPPSDataOffStatus           -
72 sCSASAddress                      -
73 listOfRANSecondaryRATUsageReports each RANSecondaryRATUsageReport
""")  # fmt: skip

_SGW = fields(_GATEWAY, _CORE, """
4  s-GWAddress                       address node_hi
34 sGWChange                         -
36 p-GWAddressUsed                   address gateway_hi
40 pDNConnectionChargingID           int connection_id
41 iMSIunauthenticatedFlag           -
42 userCSGInformation                -
43 servedPDPPDNAddressExt            address ue2_hi
44 lowPriorityIndicator              -
48 s-GWiPv6Address                   -
51 retransmission                    null retransmitted
52 userLocationInfoTime              -
53 cNOperatorSelectionEnt            -
54 presenceReportingAreaInfo         -
55 lastUserLocationInformation       location last_cell
56 lastMSTimeZone                    -
57 enhancedDiagnostics               -
59 cPCIoTEPSOptimisationIndicator    -
60 uNIPDUCPOnlyFlag                  -
61 servingPLMNRateControl            -
62 pDPPDNTypeExtension               -
63 mOExceptionDataCounter            -
64 listOfRANSecondaryRATUsageReports each RANSecondaryRATUsageReport
""")  # fmt: skip

_SGSN = fields("""
0   recordType                int record_type
1   networkInitiation         -
3   servedIMSI                tbcd imsi
4   servedIMEI                tbcd imei
5   sgsnAddress               address node_hi
6   msNetworkCapability       -
7   routingArea               -
8   locationAreaCode          octets lac
9   cellIdentifier            octets ci
10  chargingID                int charging_id
11  ggsnAddressUsed           address gateway_hi
12  accessPointNameNI         text apn
13  pdpType                   -
14  servedPDPAddress          address ue_hi
15  listOfTrafficVolumes      each ChangeOfCharCondition
16  recordOpeningTime         time opened
17  duration                  int duration
18  sgsnChange                -
19  causeForRecClosing        int cause
20  diagnostics               diagnostics diagnostic
21  recordSequenceNumber      int sequence
22  nodeID                    -
23  recordExtensions          -
24  localSequenceNumber       int local_sequence
25  apnSelectionMode          -
26  accessPointNameOI         -
27  servedMSISDN              isdn msisdn
28  chargingCharacteristics   -
29  rATType                   int rat
30  cAMELInformationPDP       -
31  rNCUnsentDownlinkVolume   -
32  chChSelectionMode         -
33  dynamicAddressFlag        -
34  iMSIunauthenticatedFlag   -
35  userCSGInformation        -
36  servedPDPPDNAddressExt    address ue2_hi
37  lowPriorityIndicator      -
38  servingNodePLMNIdentifier plmn plmn
39  cNOperatorSelectionEnt    -
""")

_WLAN = """\
34 sGWChange               -
36 p-GWAddressUsed         address gateway_hi
40 pDNConnectionChargingID int connection_id
43 servedPDPPDNAddressExt  address ue2_hi
51 retransmission          null retransmitted
52 enhancedDiagnostics     -
"""
"""Those of the gateways of wireless LANs besides."""

_EPDG = fields(_GATEWAY, _WLAN, """
4  ePDGAddressUsed             address node_hi
25 iMSsignalingContext         -
48 ePDGiPv6AddressUsed         -
53 uWANUserLocationInformation -
54 userLocationInfoTime        -
55 iMSIunauthenticatedFlag     -
""")  # fmt: skip

_TWAG = fields(_GATEWAY, _WLAN, """
4  tWAGAddressUsed             address node_hi
48 tWAGiPv6AddressUsed         -
53 tWANUserLocationInformation -
54 iMSIunauthenticatedFlag     -
""")  # fmt: skip

_MM = fields("""
0   recordType                int record_type
1   servedIMSI                tbcd imsi
2   servedIMEI                tbcd imei
3   sgsnAddress               address node_hi
4   msNetworkCapability       -
5   routingArea               -
6   locationAreaCode          octets lac
7   cellIdentifier            octets ci
8   changeLocation            -
9   recordOpeningTime         time opened
10  duration                  int duration
11  sgsnChange                -
12  causeForRecClosing        int cause
13  diagnostics               diagnostics diagnostic
14  recordSequenceNumber      int sequence
15  nodeID                    -
16  recordExtensions          -
17  localSequenceNumber       int local_sequence
18  servedMSISDN              isdn msisdn
19  chargingCharacteristics   -
20  cAMELInformationMM        -
21  rATType                   int rat
22  chChSelectionMode         -
23  cellPLMNId                plmn plmn
24  servingNodePLMNIdentifier plmn plmn
25  cNOperatorSelectionEnt    -
""")

_SM = """\
0 recordType          int record_type
1 servedIMSI          tbcd imsi
2 servedIMEI          tbcd imei
3 servedMSISDN        isdn msisdn
4 msNetworkCapability -
5 serviceCentre       isdn centre
6 recordingEntity     -
7 locationArea        octets lac
8 routingArea         -
9 cellIdentifier      octets ci
"""
"""Tags that both records of short messages share."""

_SMO = fields(_SM, """
10 messageReference          -
11 eventTimeStamp            time opened
12 smsResult                 diagnostics diagnostic
13 recordExtensions          -
14 nodeID                    -
15 localSequenceNumber       int local_sequence
16 chargingCharacteristics   -
17 rATType                   int rat
18 destinationNumber         destination party
19 cAMELInformationSMS       -
20 chChSelectionMode         -
21 servingNodeType           -
22 servingNodeAddress        -
23 servingNodeiPv6Address    -
24 mMEName                   -
25 mMERealm                  -
26 userLocationInformation   location cell
27 retransmission            null retransmitted
28 servingNodePLMNIdentifier plmn plmn
29 userLocationInfoTime      -
30 cNOperatorSelectionEnt    -
""")  # fmt: skip

_SMT = fields(_SM, """
10 eventTimeStamp            time opened
11 smsResult                 diagnostics diagnostic
12 recordExtensions          -
13 nodeID                    -
14 localSequenceNumber       int local_sequence
15 chargingCharacteristics   -
16 rATType                   int rat
17 chChSelectionMode         -
18 cAMELInformationSMS       -
19 originatingAddress        isdn party
20 servingNodeType           -
21 servingNodeAddress        -
22 servingNodeiPv6Address    -
23 mMEName                   -
24 mMERealm                  -
25 userLocationInformation   location cell
26 retransmission            null retransmitted
27 servingNodePLMNIdentifier plmn plmn
28 userLocationInfoTime      -
29 cNOperatorSelectionEnt    -
""")  # fmt: skip

_TRAFFIC = fields("""
1   qosRequested                           -
2   qosNegotiated                          -
3   dataVolumeGPRSUplink                   int up
4   dataVolumeGPRSDownlink                 int down
5   changeCondition                        int condition
6   changeTime                             time time
8   userLocationInformation                location cell
9   ePCQoSInformation                      in ContainerQoS
10  chargingID                             int charging_id
11  presenceReportingAreaStatus            -
12  userCSGInformation                     -
13  diagnostics                            -
14  enhancedDiagnostics                    -
15  rATType                                int rat
16  accessAvailabilityChangeReason         -
17  uWANUserLocationInformation            -
18  relatedChangeOfCharCondition           -
19  cPCIoTEPSOptimisationIndicator         -
20  servingPLMNRateControl                 -
21  threeGPPPSDataOffStatus                -
22  listOfPresenceReportingAreaInformation -
23  aPNRateControl                         -
""")

_SERVICE = fields("""
1   ratingGroup                            int rating_group
2   chargingRuleBaseName                   -
3   resultCode                             -
4   localSequenceNumber                    int local_sequence
5   timeOfFirstUsage                       time first
6   timeOfLastUsage                        time last
7   timeUsage                              -
8   serviceConditionChange                 -
9   qoSInformationNeg                      in ContainerQoS
10  servingNodeAddress                     -
12  datavolumeFBCUplink                    int up
13  datavolumeFBCDownlink                  int down
14  timeOfReport                           time time
16  failureHandlingContinue                -
17  serviceIdentifier                      int service
18  pSFurnishChargingInformation           -
19  aFRecordInformation                    -
20  userLocationInformation                location cell
21  eventBasedChargingInformation          -
22  timeQuotaMechanism                     -
23  serviceSpecificInfo                    -
24  threeGPP2UserLocationInformation       -
25  sponsorIdentity                        -
26  applicationServiceProviderIdentity     -
27  aDCRuleBaseName                        -
28  presenceReportingAreaStatus            -
29  userCSGInformation                     -
30  rATType                                int rat
32  uWANUserLocationInformation            -
33  relatedChangeOfServiceCondition        -
35  servingPLMNRateControl                 -
36  aPNRateControl                         -
37  threeGPPPSDataOffStatus                -
38  trafficSteeringPolicyIDDownlink        -
39  trafficSteeringPolicyIDUplink          -
40  tWANUserLocationInformation            -
41  listOfPresenceReportingAreaInformation -
42  voLTEInformation                       -
""")

_QOS = fields("""
1   qCI                      int qos_class
2   maxRequestedBandwithUL   -
3   maxRequestedBandwithDL   -
4   guaranteedBitrateUL      -
5   guaranteedBitrateDL      -
6   aRP                      -
7   aPNAggregateMaxBitrateUL -
8   aPNAggregateMaxBitrateDL -
9   extendedMaxRequestedBWUL -
10  extendedMaxRequestedBWDL -
11  extendedGBRUL            -
12  extendedGBRDL            -
13  extendedAPNAMBRUL        -
14  extendedAPNAMBRDL        -
""")

_RAN = fields("""
1   dataVolumeUplink   int up
2   dataVolumeDownlink int down
3   rANStartTime       time first
4   rANEndTime         time time
5   secondaryRATType   -
6   chargingID         int charging_id
""")

LEVELS = {
    "pGWRecord": Level(_PGW),
    "sGWRecord": Level(_SGW),
    "sgsnPDPRecord": Level(_SGSN),
    "ePDGRecord": Level(_EPDG),
    "tWAGRecord": Level(_TWAG),
    "sgsnMMRecord": Level(_MM),
    "sgsnSMORecord": Level(_SMO),
    "sgsnSMTRecord": Level(_SMT),
    "ChangeOfCharCondition": Level(_TRAFFIC, TRAFFIC),
    "ChangeOfServiceCondition": Level(_SERVICE, SERVICE),
    "RANSecondaryRATUsageReport": Level(_RAN, RAN),
    "EPCQoSInformation": Level(_QOS),
    "ContainerQoS": Level(_QOS, TRAFFIC),
}

_BEARER = ("opened", "duration", "cause")
ROOTS = (
    Root("sgsnPDPRecord", CONTEXT, 20, 18, "sgsnPDPRecord", "session", _BEARER),
    Root("ggsnPDPRecord", CONTEXT, 21, 19, "pGWRecord", "session", _BEARER),
    Root("egsnPDPRecord", CONTEXT, 70, 70, "pGWRecord", "session", _BEARER),
    Root("sGWRecord", CONTEXT, 78, 84, "sGWRecord", "session", _BEARER),
    Root("pGWRecord", CONTEXT, 79, 85, "pGWRecord", "session", _BEARER),
    Root("ePDGRecord", CONTEXT, 96, 96, "ePDGRecord", "session", _BEARER),
    Root("tWAGRecord", CONTEXT, 97, 97, "tWAGRecord", "session", _BEARER),
    Root("sgsnMMRecord", CONTEXT, 22, 20, "sgsnMMRecord", "message", ("opened",)),
    Root("sgsnSMORecord", CONTEXT, 23, 21, "sgsnSMORecord", "message", ("opened",)),
    Root("sgsnSMTRecord", CONTEXT, 24, 22, "sgsnSMTRecord", "message", ("opened",)),
)
