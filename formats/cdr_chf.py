"""Records of the 5G charging function (TS 32.298 §5.1.5.1, §5.2.5.2) and of the SMS nodes (§5.2.2.5)."""

from formats.ber import CONTEXT, Level, Root, fields
from formats.cdr_rows import USED

__all__ = ["LEVELS", "ROOTS"]

_CHF = fields("""
0   recordType                           int record_type
1   recordingNetworkFunctionID           -
2   subscriberIdentifier                 in SubscriptionID
3   nFunctionConsumerInformation         -
4   triggers                             -
5   listOfMultipleUnitUsage              each MultipleUnitUsage
6   recordOpeningTime                    time opened
7   duration                             int duration
8   recordSequenceNumber                 int sequence
9   causeForRecClosing                   int cause
10  diagnostics                          diagnostics diagnostic
11  localRecordSequenceNumber            int local_sequence
12  recordExtensions                     -
13  pDUSessionChargingInformation        in PDUSession
14  roamingQBCInformation                -
15  sMSChargingInformation               in SMSCharging
16  chargingSessionIdentifier            hash reference
17  serviceSpecificationInformation      -
18  exposureFunctionAPIInformation       -
19  registrationChargingInformation      -
20  n2ConnectionChargingInformation      -
21  locationReportingChargingInformation -
22  incompleteCDRIndication              -
23  tenantIdentifier                     -
24  mnSConsumerIdentifier                -
25  nSMChargingInformation               -
26  nSPAChargingInformation              -
27  chargingID                           int charging_id
""")

_PDU = fields("""
0   pDUSessionChargingID                   int charging_id
1   userIdentifier                         in ServedParty
2   userEquipmentInfo                      in Equipment
3   userLocationInformation                json cell
4   userRoamerInOut                        -
5   presenceReportingAreaInfo              -
6   pDUSessionId                           int pdu_session
7   networkSliceInstanceID                 -
8   pDUType                                -
9   sSCMode                                -
10  sUPIPLMNIdentifier                     -
11  servingNetworkFunctionID               -
12  rATType                                int rat
13  dataNetworkNameIdentifier              text apn
14  pDUAddress                             in PDUAddress
15  authorizedQoSInformation               in FiveGQoS
16  uETimeZone                             -
17  pDUSessionstartTime                    time started
18  pDUSessionstopTime                     time ended
19  diagnostics                            -
20  chargingCharacteristics                -
21  chChSelectionMode                      -
22  threeGPPPSDataOffStatus                -
23  rANSecondaryRATUsageReport             -
24  subscribedQoSInformation               -
25  authorizedSessionAMBR                  -
26  subscribedSessionAMBR                  -
27  servingCNPLMNID                        -
28  sUPIunauthenticatedFlag                -
29  dnnSelectionMode                       -
30  homeProvidedChargingID                 -
31  mAPDUNonThreeGPPUserLocationInfo       -
32  mAPDUNonThreeGPPRATType                -
33  mAPDUSessionInformation                -
34  enhancedDiagnostics                    -
35  userLocationInformationASN1            in StructuredLocation
36  mAPDUNonThreeGPPUserLocationInfoASN1   -
37  userLocationTime                       -
38  mAPDUNonThreeGPPUserLocationTime       -
39  listOfPresenceReportingAreaInformation -
""")

_USAGE = fields("""
0   ratingGroup          int rating_group
1   usedUnitContainers   each UsedUnitContainer
2   uPFID                -
3   multihomedPDUAddress -
""")

_USED = fields("""
0   serviceIdentifier           int service
1   time                        -
2   triggers                    -
3   triggerTimeStamp            time time
4   dataTotalVolume             int total
5   dataVolumeUplink            int up
6   dataVolumeDownlink          int down
7   serviceSpecificUnits        -
8   eventTimeStamp              -
9   localSequenceNumber         int local_sequence
10  ratingIndicator             -
11  pDUContainerInformation     in PDUContainer
12  quotaManagementIndicator    -
13  quotaManagementIndicatorExt -
14  nSPAContainerInformation    -
15  eventTimeStampExt           -
""")

_PDUC = fields("""
0   chargingRuleBaseName                   -
2   timeOfFirstUsage                       time first
3   timeOfLastUsage                        time last
4   qoSInformation                         in ContainerFiveGQoS
5   userLocationInformation                json cell
6   presenceReportingAreaInfo              -
7   rATType                                int rat
8   sponsorIdentity                        -
9   applicationServiceProviderIdentity     -
10  servingNetworkFunctionID               -
11  uETimeZone                             -
12  threeGPPPSDataOffStatus                -
13  qoSCharacteristics                     -
14  afChargingIdentifier                   -
15  afChargingIdString                     -
16  mAPDUSteeringFunctionality             -
17  mAPDUSteeringMode                      -
18  userLocationInformationASN1            in ContainerLocation
19  listOfPresenceReportingAreaInformation -
""")

_SMSC = fields("""
1   originatorInfo              in OriginatorInfo
2   recipientInfos              each RecipientInfo
3   userEquipmentInfo           in Equipment
4   userLocationInformation     json cell
5   uETimeZone                  -
6   rATType                     int rat
7   sMSCAddress                 isdn centre
8   eventtimestamp              time opened
20  sMDataCodingScheme          -
21  sMMessageType               -
22  sMReplyPathRequested        -
23  sMUserDataHeader            -
24  sMSStatus                   -
25  sMDischargeTime             -
26  sMTotalNumber               -
27  sMServiceType               -
28  sMSequenceNumber            -
29  sMSResult                   diagnostics diagnostic
30  submissionTime              -
31  sMPriority                  -
32  messageReference            -
33  messageSize                 -
34  messageClass                -
35  sMdeliveryReportRequested   -
36  messageClassTokenText       -
37  userRoamerInOut             -
38  userLocationInformationASN1 in StructuredLocation
""")

_SCSMO = fields("""
0   recordType                int record_type
1   sMSNodeAddress            isdn centre
2   originatorInfo            in OriginatorInfo
3   recipientInfo             each RecipientInfo
4   servedIMEI                tbcd imei
5   eventtimestamp            time opened
6   messageReference          -
7   sMTotalNumber             -
8   sMSequenceNumber          -
9   messageSize               -
10  messageClass              -
11  sMdeliveryReportRequested -
12  sMDataCodingScheme        -
13  sMMessageType             -
14  sMReplyPathRequested      -
15  sMUserDataHeader          -
16  userLocationInfo          location cell
17  rATType                   int rat
18  uETimeZone                -
19  sMSResult                 diagnostics diagnostic
22  localSequenceNumber       int local_sequence
23  recordExtensions          -
""")

_SCSMT = fields("""
0   recordType                 int record_type
1   sMSNodeAddress             isdn centre
2   recipientInfo              in RecipientInfo
3   originatorInfo             in OriginatorInfo
4   servedIMEI                 tbcd imei
5   submissionTime             -
6   eventtimestamp             time opened
7   sMPriority                 -
8   messageReference           -
9   sMTotalNumber              -
10  sMSequenceNumber           -
11  messageSize                -
12  messageClass               -
13  sMdeliveryReportRequested  -
14  sMDataCodingScheme         -
15  sMMessageType              -
16  sMReplyPathRequested       -
17  sMUserDataHeader           -
18  sMSStatus                  -
19  sMDischargeTime            -
20  userLocationInfo           location cell
21  rATType                    int rat
22  uETimeZone                 -
23  sMSResult                  diagnostics diagnostic
25  sMDeviceTriggerInformation -
26  localSequenceNumber        int local_sequence
27  recordExtensions           -
""")

_SERVED = fields("""
0 sIP-URI   words msisdn
1 tEL-URI   words msisdn
3 iSDN-E164 words msisdn
""")
_ADDRESS = fields("""
0 pDUIPv4Address          address ue_hi
1 pDUIPv6AddresswithPrefix address ue2_hi
2 iPV4dynamicAddressFlag  -
3 iPV6dynamicPrefixFlag   -
""")
_QOS = fields("""
1 fiveQi int qos_class
2 aRP -
3 qoSNotificationControl -
4 reflectiveQos -
""")
_LOCATION = fields("""
0 eutraLocation in Cell
1 nrLocation    in Cell
2 n3gaLocation  -
""")
_CELL = fields("""
0 tai  -
1 ecgi in CellIdentity
""")
_CONTAINER_LOCATION = fields("""
0 eutraLocation in ContainerCell
1 nrLocation    in ContainerCell
2 n3gaLocation  -
""")
_CONTAINER_CELL = fields("""
0 tai  -
1 ecgi in ContainerCellIdentity
""")
_IDENTITY = fields("""
0 plmnId plmn   plmn
1 cellId cellid cell
""")
_ORIGINATOR = fields("""
0 originatorIMSI   tbcd imsi
1 originatorMSISDN isdn msisdn
2 originatorOtherAddress -
3 originatorSCCPAddress  -
4 originatorReceivedAddress -
5 sMOriginatorInterface -
6 sMOriginatorProtocolID -
7 originatorOtherAddresses -
""")
_RECIPIENT = fields("""
0 recipientIMSI   tbcd party_imsi
1 recipientMSISDN isdn party
2 recipientOtherAddress -
3 recipientSCCPAddress  -
4 recipientReceivedAddress -
5 sMDestinationInterface -
6 sMRecipientProtocolID -
7 recipientOtherAddresses -
""")

LEVELS = {
    "chargingFunctionRecord": Level(_CHF),
    "PDUSession": Level(_PDU),
    "MultipleUnitUsage": Level(_USAGE),
    "UsedUnitContainer": Level(_USED, USED),
    "PDUContainer": Level(_PDUC, USED),
    "ContainerFiveGQoS": Level(_QOS, USED),
    "FiveGQoS": Level(_QOS),
    "ServedParty": Level(_SERVED),
    "PDUAddress": Level(_ADDRESS),
    "StructuredLocation": Level(_LOCATION),
    "Cell": Level(_CELL),
    "CellIdentity": Level(_IDENTITY),
    "ContainerLocation": Level(_CONTAINER_LOCATION, USED),
    "ContainerCell": Level(_CONTAINER_CELL, USED),
    "ContainerCellIdentity": Level(_IDENTITY, USED),
    "SMSCharging": Level(_SMSC),
    "OriginatorInfo": Level(_ORIGINATOR),
    "RecipientInfo": Level(_RECIPIENT),
    "sCSMORecord": Level(_SCSMO),
    "sCSMTRecord": Level(_SCSMT),
}

ROOTS = (
    Root("chargingFunctionRecord", CONTEXT, 200, 200, "chargingFunctionRecord", "session",
         ("opened", "duration", "cause")),
    Root("sCSMORecord", CONTEXT, 93, 93, "sCSMORecord", "message", ("opened",)),
    Root("sCSMTRecord", CONTEXT, 94, 94, "sCSMTRecord", "message", ("opened",)),
    Root("sCSMOT4Record", CONTEXT, 111, 111, "sCSMTRecord", "message", ("opened",)),
    Root("iSMSMORecord", CONTEXT, 112, 112, "sCSMORecord", "message", ("opened",)),
    Root("iSMSMTRecord", CONTEXT, 113, 113, "sCSMTRecord", "message", ("opened",)),
)  # fmt: skip
