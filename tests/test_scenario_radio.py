"""Radio and core signalling of the generator: every message as another ASN.1 compiler reads it, captures that tshark
reads without complaint, and a truth that agrees with a naive count of what tshark read."""

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from pycrate_asn1dir import S1AP
from pycrate_mobile.NAS import parse_NAS_MO, parse_NAS_MT

from tools.scenario import RADIO_PRESETS, Truth, generate
from tools.scenario import encode_nas as nas
from tools.scenario import encode_s1ap as s1ap
from tools.scenario import encode_s1ap_mobility as mobility
from tools.scenario import encode_sctp as sctp
from tools.scenario.encode_gtp import Endpoint, Location
from tools.scenario.encode_s1ap import Cause, Erab, Ids

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

WHERE = Location("208", "93", 0x1234, 0x0ABCDE1)
IDS = Ids(0x01020304, 300)
SMALL = Ids(7, 70000)
V4, V6 = Endpoint(bytes((10, 0, 10, 1)), 0x101), Endpoint(bytes(range(16)), 0xFFFFFFFF)
RAB, VOICE = Erab(5, 9, V4, nas=bytes.fromhex("27aabbccdd01")), Erab(6, 1, V6)
WHY = Cause(s1ap.RADIO, 26)
GUTI = nas.guti("208", "93", 0x8004, 1, 0xC0FFEE01)

S1AP_MESSAGES = {
    "S1SetupRequest": s1ap.setup_request(WHERE, [1, 2], "enb1"),
    "S1SetupResponse": s1ap.setup_response(WHERE, 0x8004, 1),
    "S1SetupFailure": s1ap.setup_failure(Cause(s1ap.MISC, 0)),
    "InitialUEMessage": s1ap.initial_ue(70000, b"abc", WHERE, 3, (0xA5, 0xC0FFEE01)),
    "DownlinkNASTransport": s1ap.downlink_nas(IDS, b"x" * 200),
    "UplinkNASTransport": s1ap.uplink_nas(SMALL, b"xy", WHERE),
    "UECapabilityInfoIndication": s1ap.capability(IDS, 40_000),
    "InitialContextSetupRequest": s1ap.context_request(IDS, [RAB, VOICE]),
    "InitialContextSetupResponse": s1ap.context_response(IDS, [(5, V4), (7, V6)], [6], WHY),
    "InitialContextSetupFailure": s1ap.context_failure(IDS, WHY),
    "UEContextReleaseRequest": s1ap.release_request(IDS, Cause(s1ap.RADIO, 39)),
    "UEContextReleaseCommand": s1ap.release_command(IDS, Cause(s1ap.NAS, 4)),
    "UEContextReleaseCommand ": s1ap.release_command(IDS, Cause(s1ap.NAS, 2), False),
    "UEContextReleaseComplete": s1ap.release_complete(IDS),
    "E-RABSetupRequest": s1ap.erab_setup_request(IDS, [RAB]),
    "E-RABSetupResponse": s1ap.erab_setup_response(IDS, [(5, V4)], [6], WHY),
    "E-RABModifyRequest": s1ap.erab_modify_request(IDS, VOICE),
    "E-RABModifyResponse": s1ap.erab_modify_response(IDS, [5], [6], WHY),
    "E-RABReleaseCommand": s1ap.erab_release_command(IDS, [5, 6], WHY, b"abc"),
    "E-RABReleaseResponse": s1ap.erab_release_response(IDS, [5]),
    "E-RABReleaseIndication": s1ap.erab_release_indication(IDS, [5], Cause(s1ap.TRANSPORT, 0)),
    "PathSwitchRequest": mobility.path_switch_request(5, 9, WHERE, [(5, V4), (6, V6)]),
    "PathSwitchRequestAcknowledge": mobility.path_switch_acknowledge(IDS, [6], WHY),
    "PathSwitchRequestFailure": mobility.path_switch_failure(IDS, WHY),
    "HandoverRequired": mobility.handover_required(IDS, WHY, WHERE, mobility.to_target(WHERE, WHERE, [5, 6], 300)),
    "HandoverRequest": mobility.handover_request(7, WHY, [RAB, VOICE], mobility.to_target(WHERE, WHERE, [5], 30)),
    "HandoverRequestAcknowledge": mobility.handover_acknowledge(IDS, [(5, V4)], [6], WHY, mobility.to_source(30)),
    "HandoverCommand": mobility.handover_command(IDS, [6], WHY, mobility.to_source(200)),
    "HandoverPreparationFailure": mobility.handover_preparation_failure(IDS, WHY),
    "HandoverFailure": mobility.handover_failure(7, WHY),
    "HandoverNotify": mobility.handover_notify(IDS, WHERE),
    "HandoverCancel": mobility.handover_cancel(IDS, WHY),
    "HandoverCancelAcknowledge": mobility.handover_cancel_acknowledge(IDS),
    "ENBStatusTransfer": mobility.status_transfer(IDS, [5, 6], False),
    "MMEStatusTransfer": mobility.status_transfer(IDS, [5], True),
    "Paging": mobility.paging(1, 0xC0FFEE01, 77, [WHERE, WHERE]),
    "Reset": mobility.reset(WHY, None),
    "Reset ": mobility.reset(WHY, [IDS, SMALL]),
    "ResetAcknowledge": mobility.reset_acknowledge(None),
    "ResetAcknowledge ": mobility.reset_acknowledge([IDS]),
    "ErrorIndication": mobility.error_indication(IDS, Cause(s1ap.RADIO, 15)),
}


def decoded(module, name: str, message: bytes) -> dict[int, object]:
    """The elements of a message by id, as pycrate reads them; pycrate writes the same octets again."""
    pdu = getattr(getattr(module, f"{name}_PDU_Descriptions"), f"{name}_PDU")
    pdu.from_aper(message)
    assert pdu.to_aper() == message
    _kind, content = pdu.get_val()
    return {"name": content["value"][0]} | {ie["id"]: ie["value"][1] for ie in content["value"][1]["protocolIEs"]}


@pytest.mark.parametrize("name", sorted(S1AP_MESSAGES))
def test_s1ap_message_as_pycrate_reads_it(name: str):
    assert decoded(S1AP, "S1AP", S1AP_MESSAGES[name])["name"] == name.strip()


def test_s1ap_fields_are_those_meant():
    def read(name):
        return decoded(S1AP, "S1AP", S1AP_MESSAGES[name])

    initial = read("InitialUEMessage")
    assert (initial[8], initial[26], initial[134]) == (70000, b"abc", "mo-Signalling")
    assert initial[67]["tAC"] == b"\x12\x34"
    assert initial[100]["cell-ID"] == (0x0ABCDE1, 28)
    assert initial[96] == {"mMEC": b"\xa5", "m-TMSI": bytes.fromhex("c0ffee01")} or initial[96]["mMEC"] == b"\xa5"
    setup = read("InitialContextSetupRequest")
    first, second = (item["value"][1] for item in setup[24])
    assert (setup[0], setup[8], first["e-RAB-ID"], first["gTP-TEID"]) == (0x01020304, 300, 5, bytes.fromhex("00000101"))
    assert first["transportLayerAddress"] == (0x0A000A01, 32)
    assert first["nAS-PDU"] == RAB.nas
    assert second["transportLayerAddress"] == (int.from_bytes(V6.address, "big"), 128)
    assert second["e-RABlevelQoSParameters"]["qCI"] == 1
    assert second["e-RABlevelQoSParameters"]["gbrQosInformation"]["e-RAB-MaximumBitrateDL"] == 128_000
    answer = read("InitialContextSetupResponse")
    assert [item["value"][1]["e-RAB-ID"] for item in answer[51]] == [5, 7]
    assert answer[48][0]["value"][1]["cause"] == ("radioNetwork", "failure-in-radio-interface-procedure")
    assert read("UEContextReleaseRequest")[2] == ("radioNetwork", "release-due-to-pre-emption")
    assert read("UEContextReleaseCommand")[2] == ("nas", "csg-subscription-expiry")
    assert read("UEContextReleaseCommand ")[99] == ("mME-UE-S1AP-ID", 0x01020304)
    assert read("HandoverRequired")[4][1]["selected-TAI"]["tAC"] == b"\x12\x34"
    assert read("HandoverRequestAcknowledge")[19][0]["value"][1]["e-RAB-ID"] == 6
    assert [item["value"][1]["mME-UE-S1AP-ID"] for item in read("Reset ")[92][1]] == [IDS.mme, SMALL.mme]
    container = S1AP.S1AP_IEs.SourceeNB_ToTargeteNB_TransparentContainer
    container.from_aper(read("HandoverRequired")[104])
    assert container.get_val()["targetCell-ID"]["cell-ID"] == (0x0ABCDE1, 28)


NAS_MESSAGES = {
    "EMMAttachRequest": nas.attach_request(nas.imsi("208930000000001"), nas.pdn_connectivity(1, 1)),
    "EMMAttachRequest ": nas.attach_request(GUTI, nas.pdn_connectivity(1, 1, "internet"), True),
    "EMMAttachAccept": nas.attach_accept(
        "208", "93", 0x1234, nas.activate_default(5, 1, 9, "internet", 1, bytes(4)), GUTI
    ),
    "EMMAttachComplete": nas.attach_complete(nas.esm(0xC2, 0, b"", 5)),
    "EMMAttachReject": nas.attach_reject(19, nas.pdn_reject(1, 27)),
    "EMMDetachRequestMO": nas.detach_request(GUTI, True),
    "EMMDetachRequestMT": nas.detach_by_network(8),
    "EMMDetachAccept": nas.detach_accept(),
    "EMMTrackingAreaUpdateRequest": nas.tau_request(GUTI, 0),
    "EMMTrackingAreaUpdateAccept": nas.tau_accept(GUTI),
    "EMMTrackingAreaUpdateComplete": nas.tau_complete(),
    "EMMTrackingAreaUpdateReject": nas.tau_reject(9),
    "EMMServiceRequest": nas.service_request(7),
    "EMMServiceReject": nas.service_reject(9),
    "EMMAuthenticationRequest": nas.authentication_request(bytes(16), bytes(16)),
    "EMMAuthenticationResponse": nas.authentication_response(bytes(8)),
    "EMMAuthenticationReject": nas.authentication_reject(),
    "EMMAuthenticationFailure": nas.authentication_failure(21, bytes(14)),
    "EMMIdentityRequest": nas.identity_request(),
    "EMMIdentityResponse": nas.identity_response("31041012345678"),
    "EMMSecurityModeCommand": nas.security_command(0, 2),
    "EMMSecurityModeComplete": nas.security_complete(),
    "ESMActDediEPSBearerCtxtRequest": nas.activate_dedicated(6, 5, 1),
    "ESMPDNConnectivityReject": nas.pdn_reject(2, 27),
    "EMMSecProtNASMessage": nas.protected(nas.tau_request(GUTI, 0), 3, False),
}


@pytest.mark.parametrize("name", sorted(NAS_MESSAGES))
def test_nas_message_as_pycrate_reads_it(name: str):
    message = NAS_MESSAGES[name]
    read, error = parse_NAS_MO(message)
    if error or read._name != name.strip():
        read, error = parse_NAS_MT(message)
    assert not error
    assert read._name == name.strip()
    assert read.to_bytes() == message


def test_ciphered_nas_looks_like_no_message():
    for number in range(500):
        hidden = nas.scrambled(nas.attach_complete(b"\x52\0\xc2"), number)
        assert hidden[0] & 0x0F in (0x0C, 0x0D)
    assert nas.protected(nas.tau_complete(), 1, True, readable=True)[6:] == nas.tau_complete()


def test_checksum_of_sctp():
    """The check value of CRC32c, and a packet as scapy writes it."""
    from scapy.layers.sctp import SCTP, SCTPChunkData

    assert sctp.crc32c(b"123456789") == 0xE3069283
    made = sctp.packet(36412, 36412, 7, [sctp.data(5, 1, 2, 18, b"abcde")])
    theirs = SCTP(sport=36412, dport=36412, tag=7) / SCTPChunkData(
        tsn=5, stream_id=1, stream_seq=2, proto_id=18, data=b"abcde", beginning=1, ending=1
    )
    assert bytes(theirs)[12:] == made[12:]
    assert bytes(SCTP(made))[:12] == made[:12]


# whole captures

FIELDS = """
    frame.time_epoch frame.protocols ip.src ip.dst s1ap.procedureCode s1ap.S1AP_PDU s1ap.MME_UE_S1AP_ID
    s1ap.ENB_UE_S1AP_ID s1ap.radioNetwork s1ap.transport s1ap.nas s1ap.misc s1ap.cell_ID s1ap.e_RAB_ID
    s1ap.CellIdentity _ws.malformed sctp.checksum.status _ws.expert.severity sctp.srcport sctp.dstport
""".split()  # noqa: SIM905


class Made:
    """A preset's capture with its truth, and tshark's reading of it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.truth: Truth = generate(RADIO_PRESETS[name], folder)
        self.told = json.loads((folder / "truth.json").read_text())
        self.path = folder / "capture.pcap"
        self._messages: list[dict] | None = None

    @property
    def layers(self) -> list[dict]:
        """Each S1AP message of the capture as a flat dict of lists."""
        if self._messages is None:
            command = ["tshark", "-n", "-r", str(self.path), "-o", "sctp.reassembly:TRUE",
                       "-o", "sctp.checksum:CRC32C", "-T", "json", "-Y", "s1ap", "--no-duplicate-keys",
                       "-J", "frame sctp s1ap ip"]  # fmt: skip
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            self._messages = [packet["_source"]["layers"] for packet in json.loads(out)]
        return self._messages


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """Makes each preset once."""
    done: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in done:
            done[name] = Made(tmp_path_factory.mktemp(name), name)
        return done[name]

    return make


@needs_tshark
@pytest.mark.parametrize("name", sorted(RADIO_PRESETS))
def test_tshark_reads_it_without_complaint(name: str, made):
    """No malformed packet, right checksums, and as many messages of each kind as were sent."""
    one = made(name)
    command = ["tshark", "-n", "-r", str(one.path), "-o", "sctp.reassembly:TRUE", "-o", "sctp.checksum:CRC32C",
               "-T", "fields"]  # fmt: skip
    for field in ("_ws.malformed", "sctp.checksum.status", "udp.checksum.status", "_ws.col.Protocol", "pfcp.msg_type",
                  "s1ap.procedureCode", "s1ap.S1AP_PDU", "ngap.procedureCode", "ngap.NGAP_PDU"):  # fmt: skip
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen: Counter = Counter()
    for line in out.splitlines():
        malformed, sctp_sum, udp_sum, protocol, pfcp_kind, *elements = line.split("\t")
        assert not malformed, protocol
        assert "0" not in sctp_sum.split(",") + udp_sum.split(",")
        if pfcp_kind:
            seen[f"pfcp-{pfcp_kind}"] += 1
        for name, codes, kinds in (("s1ap", *elements[:2]), ("ngap", *elements[2:])):
            if codes:
                seen.update(f"{name}-{c}-{k}" for c, k in zip(codes.split(","), kinds.split(","), strict=True))
    told = {k: v for k, v in one.truth.messages.items() if k.split("-")[0] in ("s1ap", "ngap", "pfcp")}
    assert seen == Counter(told)


@pytest.mark.parametrize("name", sorted(RADIO_PRESETS))
def test_truth_adds_up(name: str, made):
    one = made(name)
    truth, radio = one.truth, one.truth.radio
    assert truth.ledger["in"] == sum(n for reason, n in truth.ledger.items() if not reason.startswith("in"))
    for c in radio.connections:
        times = [t for _, begin, end in c.stays for t in (begin, end or 2**63)]
        assert times == sorted(times)
        assert c.end is None or c.end == c.stays[-1][2]
        assert (c.end is None) or c.release_commanded is not None or c.answered is None
    by_number = {c.number: c for c in radio.connections}
    for b in radio.bearers:
        owner = by_number[b.connection]
        assert owner.start <= b.start <= (b.end or 2**63) <= (owner.end or 2**63)
    cells = one.told["radio_cells"]
    released = [c for c in radio.connections if c.cause_family is not None]
    assert sum(n for row in cells for kind in row["releases"].values() for n in kind.values()) == len(released)
    until = truth.end
    total = sum(max(0, (c.end or until) - c.established) for c in radio.connections if c.established is not None)
    assert sum(row["connected_ns"] for row in cells) == total
    total = sum(max(0, (b.end or until) - b.start) for b in radio.bearers)
    assert sum(sum(row["bearer_ns"].values()) for row in cells) == total


def test_same_seed_same_octets(tmp_path: Path):
    for name in ("a", "b"):
        generate(RADIO_PRESETS["s1_handover"], tmp_path / name)
    for file in ("capture.pcap", "truth.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
