"""TAP 3 (TD.57): call events of roaming subscribers, as networks send them to each other.

Tags are of the APPLICATION class and each means one thing wherever it stands. A file is a TransferBatch; its call
events are records, what stands around them (control, accounting, network information) is framing. Times are local; a
code names their offset, and the network information says what it is. Incoming volume is towards the device. Charges
are left as they are. Cells are a location area and a cell without a network, so they are null.
"""

from formats.ber import APPLICATION, Level, Root, fields
from formats.cdr_rows import SERVICE

__all__ = ["FIRST_OCTETS", "LEVELS", "OFFSET", "OFFSET_CODE", "ROOTS"]

FIRST_OCTETS = (0x61, 0x64)
"""TransferBatch, and within it BatchControlInfo."""
OFFSET, OFFSET_CODE = 231, 232
"""utcTimeOffset and utcTimeOffsetCode."""


def _level(table: str, container: int = 0) -> Level:
    return Level(fields(table), container, APPLICATION)


LEVELS = {
    "tapGprsCall": _level(
        """
        114 gprsBasicCallInformation in tapGprsBasic
        117 gprsLocationInformation  in tapLocation
        429 imeiOrEsn                in tapEquipment
        121 gprsServiceUsed          one tapGprsService
        """
    ),
    "tapGprsBasic": _level(
        """
        115 gprsChargeableSubscriber in  tapGprsSubscriber
        116 gprsDestination          in  tapGprsDestination
        44  callEventStartTimeStamp  in  tapOpened
        223 totalCallEventDuration   int duration
        58  causeForTerm             int cause
        166 partialTypeIndicator     -
        260 pDPContextStartTimestamp -
        72  chargingId               int charging_id
        """
    ),
    "tapGprsSubscriber": _level(
        """
        427 chargeableSubscriber in tapSubscriber
        167 pdpAddress           -
        """
    ),
    "tapSubscriber": _level("199 simChargeableSubscriber in tapSim"),
    "tapSim": _level(
        """
        129 imsi   bcd imsi
        152 msisdn bcd msisdn
        """
    ),
    "tapGprsDestination": _level(
        """
        261 accessPointNameNI text apn
        262 accessPointNameOI -
        """
    ),
    "tapOpened": _level(
        """
        16  localTimeStamp    clock opened
        232 utcTimeOffsetCode int   zone
        """
    ),
    "tapAnswered": _level(
        """
        16  localTimeStamp    clock answered
        232 utcTimeOffsetCode int   zone
        """
    ),
    "tapLocation": _level(
        """
        118 gprsNetworkLocation in tapNetworkLocation
        156 networkLocation     in tapNetworkLocation
        """
    ),
    "tapNetworkLocation": _level(
        """
        184 recEntityCode     -
        185 recEntityCodeList -
        136 locationArea      int lac
        59  cellId            int ci
        """
    ),
    "tapEquipment": _level("128 imei bcd imei"),
    "tapGprsService": _level(
        """
        250 dataVolumeIncoming    int down
        251 dataVolumeOutgoing    int up
        70  chargeInformationList -
        """,
        SERVICE,
    ),
    "tapMoCall": _level(
        """
        147 moBasicCallInformation in tapCallBasic
        138 locationInformation    in tapLocation
        429 imeiOrEsn              in tapEquipment
        38  basicServiceUsedList   -
        """
    ),
    "tapMtCall": _level(
        """
        153 mtBasicCallInformation in tapCallBasic
        138 locationInformation    in tapLocation
        429 imeiOrEsn              in tapEquipment
        38  basicServiceUsedList   -
        """
    ),
    "tapCallBasic": _level(
        """
        427 chargeableSubscriber    in  tapSubscriber
        89  destination             -
        41  callOriginator          -
        44  callEventStartTimeStamp in  tapAnswered
        223 totalCallEventDuration  int duration
        58  causeForTerm            int cause
        """
    ),
    "tapOther": _level(""),
}

_OTHERS = {
    "supplServiceEvent": 11, "serviceCentreUsage": 12, "contentTransaction": 17, "locationService": 297,
    "messagingEvent": 433, "mobileSession": 434,
}  # fmt: skip

ROOTS = (
    Root("tapMobileOriginatedCall", APPLICATION, 9, -1, "tapMoCall", "call", ("answered", "duration")),
    Root("tapMobileTerminatedCall", APPLICATION, 10, -1, "tapMtCall", "call", ("answered", "duration")),
    Root("tapGprsCall", APPLICATION, 14, -1, "tapGprsCall", "session", ("opened", "duration")),
    *(Root(f"tap{n[0].upper()}{n[1:]}", APPLICATION, tag, -1, "tapOther", "other") for n, tag in _OTHERS.items()),
)
