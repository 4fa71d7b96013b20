"""NAS of real captures against tshark, message by message: types, causes, names, addresses, identities.

tshark takes the NAS octets out of S1AP and NGAP and decodes them with null ciphering guessed; the same octets go to the
kernels. Where it reads what is counted as ciphered here, the message must be one that does not fit its layout.
"""

import ipaddress
import shutil
import subprocess
from pathlib import Path

import pytest

from formats.nas import CIPHERED, DECODED, EMM_SERVICE_REQUEST, EPS, FIVE_GS
from tests.nas_rows_told import decode

pytestmark = pytest.mark.captures

LTE = (
    "magma__magma/inbound_roaming_01_210505_130828-1.pcapng",
    "magma__magma/nsa_connection.pcap",
    "open5gs__open5gs/ipsec_to_nonipsec_call.pcapng",
    "open5gs__open5gs/nonipsec_reg.pcapng",
    "open5gs__open5gs/srsenb.pcapng",
    "open5gs__open5gs/testattach.pcapng",
    "open5gs__open5gs/volte.pcapng",
)
NR = (
    "omarhrc__CN-Trace-Analyzer/free5gc.pcap",
    "omarhrc__CN-Trace-Analyzer/registration_open5gs.pcapng",
    "open5gs__open5gs/5g-roaming-lbo.pcapng",
    "telekom__5g-trace-visualizer/Service_Request_Connected_205_210.pcap",
)
OCTETS = {EPS: ("s1ap.NAS_PDU", "s1ap.nAS_PDU"), FIVE_GS: ("ngap.NAS_PDU", "ngap.pDUSessionNAS_PDU")}
TYPES = {EPS: ("nas_eps.nas_msg_emm_type", "nas_eps.nas_msg_esm_type"),
         FIVE_GS: ("nas_5gs.mm.message_type", "nas_5gs.sm.message_type")}  # fmt: skip
FIELDS = {
    EPS: {
        "cause": "nas_eps.emm.cause", "session_cause": "nas_eps.esm.cause", "apn": "gsm_a.gm.sm.apn",
        "ue_ipv4": "nas_eps.esm.pdn_ipv4", "imsi": "e212.imsi", "tmsi": "nas_eps.emm.m_tmsi",
        "ciphering": "nas_eps.emm.toc", "integrity": "nas_eps.emm.toi", "imei": "gsm_a.imeisv",
    },
    FIVE_GS: {
        "cause": "nas_5gs.mm.5gmm_cause", "apn": "nas_5gs.cmn.dnn", "ue_ipv4": "nas_5gs.sm.pdu_addr_inf_ipv4",
        "ciphering": "nas_5gs.mm.nas_sec_algo_enc", "integrity": "nas_5gs.mm.nas_sec_algo_ip",
        "imei": "nas_5gs.mm.imeisv",
    },
}  # fmt: skip


def by_tshark(path: Path, protocol: int) -> list[dict[str, list[str]]]:
    """Rows of the frames with NAS: field to its values."""
    if shutil.which("tshark") is None:
        pytest.skip("needs tshark")
    fields = ["frame.number", *OCTETS[protocol], *TYPES[protocol], *FIELDS[protocol].values()]
    name = {EPS: "nas-eps", FIVE_GS: "nas-5gs"}[protocol]
    command = ["tshark", "-n", "-r", str(path), "-o", f"{name}.null_decipher:TRUE", "-Y", name, "-T", "fields"]
    command += ["-E", "aggregator=|", *(part for field in fields for part in ("-e", field))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return [{f: v.split("|") if v else [] for f, v in zip(fields, row, strict=True)} for row in rows]


def plain(name: str, value: str) -> object:
    if name == "apn":
        return value.lower().split(".mnc")[0]
    if name == "ue_ipv4":
        return int(ipaddress.ip_address(value))
    return value[:16] if name in ("imsi", "imei") else int(value, 0)  # free5GC gives an IMEISV a 17th digit


@pytest.mark.parametrize("name, protocol", [*((n, EPS) for n in LTE), *((n, FIVE_GS) for n in NR)])
def test_messages_are_those_of_tshark(captures: Path, name: str, protocol: int) -> None:
    compared = 0
    for row in by_tshark(captures / "files" / name, protocol):
        messages = [bytes.fromhex(h) for field in OCTETS[protocol] for h in row[field]]
        if not messages:
            continue  # NAS within the body of a service message
        told = [decode(m, protocol) for m in messages]
        assert {reason for reason, _ in told} <= {DECODED, CIPHERED}
        kinds, session_kinds = ([int(v, 0) for v in row[field]] for field in TYPES[protocol])
        ours = [t[k] for _, t in told for k in ("type", "inner_type") if k in t]
        assert sorted(k for k in ours if k != EMM_SERVICE_REQUEST) == sorted(kinds), (name, row)
        assert sorted(t["session_type"] for _, t in told if "session_type" in t) == sorted(session_kinds), (name, row)
        for field, theirs in FIELDS[protocol].items():
            wanted = {plain(field, value) for value in row[theirs]}
            got = {t[field] for _, t in told if field in t}
            if field == "tmsi":
                got |= {t["additional_tmsi"] for _, t in told if "additional_tmsi" in t}
            if field in ("imsi", "imei") and protocol == FIVE_GS and not wanted:
                continue
            assert got == wanted, (field, row)
        compared += len(messages)
    assert compared
