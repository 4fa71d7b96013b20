"""The BER kernel beside pycrate: records of wide variety, encoded there, have the same fields here."""

import importlib.util
import random
import tempfile
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from formats import cdr
from formats.addresses import CELL_CGI, CELL_ECGI, CELL_NCGI, CELL_SAI
from formats.ber import Level
from formats.cdr_rows import CONTAINER, RECORD
from tests.cdr_tools import container, name, record, scan
from tests.pycrate_values import value

CDR = pytest.importorskip("pycrate_asn1dir.CDR")

V4 = 0xFFFF_0000_0000
CHOICES = {
    "GPRSChargingDataTypes.GPRSRecord": ("sGWRecord", "pGWRecord", "sgsnPDPRecord", "sgsnMMRecord", "sgsnSMORecord",
                                         "sgsnSMTRecord", "ePDGRecord", "tWAGRecord"),
    "CSChargingDataTypes.CSRecord": ("moCallRecord", "mtCallRecord", "moSMSRecord", "mtSMSRecord"),
    "IMSChargingDataTypes.IMSRecord": ("sCSCFRecord", "pCSCFRecord"),
    "SMSChargingDataTypes.SMSRecordType": ("sCSMORecord", "sCSMTRecord"),
    "CHFTold.CHFRecord": ("chargingFunctionRecord",),
}  # fmt: skip
CASES = [(choice, kind) for choice, kinds in CHOICES.items() for kind in kinds]


@cache
def whole_type(choice: str) -> Any:
    """pycrate's type of a record choice; its library has no CHF record: it compiles what is told beside us."""
    module, type_ = choice.split(".")
    return getattr(getattr(CDR, module, None) or compiled(module), type_)


def compiled(module: str) -> Any:
    """The module of `chf_record.asn`, by pycrate's compiler."""
    from pycrate_asn1c.asnproc import GLOBAL, PycrateGenerator, compile_text, generate_modules

    GLOBAL.clear()
    compile_text((Path(__file__).parent / "chf_record.asn").read_text())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chf_told.py"
        generate_modules(PycrateGenerator, str(path))
        spec = importlib.util.spec_from_file_location("chf_told", path)
        assert spec is not None
        assert spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    return getattr(found, module)


# --- values as the rows have them, read from pycrate's -----------------------------------------------------------


def _digits(octets: bytes) -> int:
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in octets)
    text = text[: next((i for i, c in enumerate(text) if c > "9"), len(text))]
    return int(text[:16].ljust(16, "f"), 16)


def _time(octets: bytes) -> int:
    text = octets.hex()
    zone = timedelta(hours=int(text[14:16]), minutes=int(text[16:18])) * (1 if octets[6:7] == b"+" else -1)
    at = datetime.strptime("20" + text[:12], "%Y%m%d%H%M%S").replace(tzinfo=timezone(zone))
    return int(at.timestamp()) * 10**9


def _plmn(octets: bytes) -> int:
    text = octets.hex()
    return int(text[1] + text[0] + text[3] + text[5] + text[4] + text[2], 16)


def _place(octets: bytes) -> int:
    if octets[0] == 0x18:
        return CELL_ECGI << 60 | _plmn(octets[6:9]) << 36 | int.from_bytes(octets[9:], "big") & 0xFFF_FFFF
    kind = CELL_CGI if octets[0] == 0 else CELL_SAI
    return kind << 60 | _plmn(octets[1:4]) << 36 | int.from_bytes(octets[4:], "big")


def _address(found: Any) -> tuple[int, int]:
    """hi, lo of a (nested) IPAddress, or of the first of several that tells one."""
    while isinstance(found, list):
        found = found[0]
    while isinstance(found, tuple):
        alternative, found = found
        if alternative == "iPTextV4Address" or alternative == "iPTextV6Address":
            return 0, 0
    if isinstance(found, dict):
        found = found["iPBinV6Address"]
    if len(found) == 4:
        return 0, V4 | int.from_bytes(found, "big")
    return int.from_bytes(found[:8], "big"), int.from_bytes(found[8:], "big")


def _words(text: str) -> int:
    digits = "".join(c for c in text.split("@")[0] if c.isdigit())
    return int(digits[:16].ljust(16, "f"), 16)


def _number(field: Any, found: Any) -> int:
    if isinstance(found, bool):
        return int(found)
    if isinstance(found, str):
        return int(field._cont[found])
    return int(found)


def _skip_plan(octets: bytes) -> bytes:
    return octets[2:] if octets[0] < 0x80 else octets[1:]


def _leaf(what: str, field: Any, found: Any) -> int | None:
    """The value of a leaf; None for what is not compared here."""
    match what:
        case "int":
            return _number(field, found)
        case "null":
            return 1
        case "time":
            return _time(found)
        case "tbcd":
            return _digits(found)
        case "isdn":
            return _digits(found[1:])
        case "dialled":
            return _digits(_skip_plan(found))
        case "plmn":
            return _plmn(found)
        case "location":
            return _place(found)
        case "octets":
            return int.from_bytes(found, "big")
        case "words":
            return _words(found)
        case "number":
            return int(found)
    return None


class Expected:
    """Walks a pycrate value and our declaration side by side."""

    def __init__(self) -> None:
        self.record: dict[str, int] = {}
        self.containers: list[dict[str, int]] = []

    def walk(self, level: Level, kind: Any, found: dict[str, Any], into: dict[str, int]) -> None:
        declared = {field.name: field for field in level.fields}
        for member, content in found.items():
            field = declared.get(member)
            assert field is not None, f"{member} is not declared"
            assert kind._cont[member]._tag[0] == field.tag, f"{member}: tag"
            if field.what == "in":
                self.inner(cdr.LEVELS[field.into], kind._cont[member], content, into)
            elif field.what == "each":
                self.each(cdr.LEVELS[field.into], kind._cont[member], content)
            else:
                self.leaf(field.what, field.into, kind._cont[member], content, into)

    def inner(self, level: Level, kind: Any, found: Any, into: dict[str, int]) -> None:
        if isinstance(found, dict):
            self.walk(level, kind, found, into)
            return
        for alternative, content in found if isinstance(found, list) else [found]:
            field = next((f for f in level.fields if f.name == alternative), None)
            if field is not None and field.what != "-":
                into[field.into] = _words(content)

    def each(self, level: Level, kind: Any, found: list[dict[str, Any]]) -> None:
        for item in found:
            into = self.record
            if level.container:
                into = {"kind": level.container}
                self.containers.append(into)
            self.walk(level, kind._cont, item, into)

    def leaf(self, what: str, column: str, kind: Any, found: Any, into: dict[str, int]) -> None:
        if what == "address":
            high, low = _address(found)
            into[column], into[column.replace("_hi", "_lo")] = high, low
        elif what == "diagnostics":
            alternative = kind._cont[found[0]]
            into[column + "_kind"] = alternative._tag[0]
            into[column] = _number(alternative, found[1])
        elif what == "choice":
            into[column] = kind._cont[found[0]]._tag[0] << 8 | found[1][0]
        else:
            number = _leaf(what, kind, found)
            if number is not None:
                into[column] = number


SKIPPED = {"imsi", "msisdn", "id_type", "reference", "icid", "rating_group", "private", "cell", "plmn"}
"""Columns that several fields may fill: compared where one does, in the tests of their own."""


@pytest.mark.parametrize(("choice", "kind"), CASES, ids=[kind for _, kind in CASES])
def test_every_field_agrees_with_pycrate(choice: str, kind: str) -> None:
    whole = whole_type(choice)
    root = next(r for r in cdr.ROOTS if r.name == kind)
    dice, octets, expected = random.Random(kind), b"", []
    for _ in range(40):
        inner = value(whole._cont[kind], dice)
        inner["recordType"] = root.number
        whole.set_val((kind, inner))
        encoded = whole.to_ber()
        whole.from_ber(encoded)
        twin = Expected()
        twin.walk(cdr.LEVELS[root.level], whole._cont[kind], whole.get_val()[1], twin.record)
        octets += encoded
        expected.append((len(encoded), twin))
    rows, containers, rejects, filler = scan(octets)
    assert not len(rejects)
    assert (len(rows), filler) == (len(expected), 0)
    for row, (size, twin) in zip(rows, expected, strict=True):
        assert (name(row), row["octets"], row["unknown"]) == (kind, size, 0)
        compare(twin.record, row, RECORD)
        mine = containers[row["first"] : row["first"] + row["containers"]]
        assert len(mine) == len(twin.containers)
        for line, told in zip(mine, twin.containers, strict=True):
            compare(told, line, CONTAINER)


def compare(told: dict[str, int], row: np.void, dtype: np.dtype) -> None:
    skipped = SKIPPED if dtype is RECORD else set()
    wrong = {c: (hex(v), hex(int(row[c]))) for c, v in told.items() if c not in skipped and int(row[c]) != v}
    assert not wrong, f"pycrate and rows: {wrong}\n{record(row) if dtype is RECORD else container(row)}"


def test_cells_and_subscriber_of_a_chf_record() -> None:
    whole = whole_type("CHFTold.CHFRecord")
    at, network = bytes.fromhex("2611211900002b0000"), bytes.fromhex("02f839")
    nr = {"nrLocation": {"ecgi": {"plmnId": network, "cellId": "00000abcd"}}}
    text = b'{"nrLocation":{"ncgi":{"plmnId":{"mcc":"208","mnc":"93"},"nrCellId":"00000abce"}}}'
    for place, cell in (
        ({"userLocationInformationASN1": nr}, 0xABCD),
        ({"userLocationInformation": text}, 0xABCE),
    ):
        usage = {"dataVolumeUplink": 7, "dataVolumeDownlink": 1 << 34, "triggerTimeStamp": at}
        usage["pDUContainerInformation"] = {"userLocationInformationASN1": nr}
        told = {
            "recordType": 200, "recordingNetworkFunctionID": "chf", "nFunctionConsumerInformation":
            {"networkFunctionality": "sMF"}, "recordOpeningTime": at, "duration": 900, "causeForRecClosing": 0,
            "subscriberIdentifier": {"subscriptionIDType": "eND-USER-IMSI", "subscriptionIDData": "208930000000001"},
            "listOfMultipleUnitUsage": [{"ratingGroup": 10, "usedUnitContainers": [usage]}],
            "pDUSessionChargingInformation": {"pDUSessionChargingID": 77, "pDUSessionId": 5} | place,
        }  # fmt: skip
        whole.set_val(("chargingFunctionRecord", told))
        rows, containers, rejects, _ = scan(whole.to_ber())
        assert not len(rejects)
        mine, its = record(rows[0]), container(containers[0])
        assert mine["imsi"] == int("208930000000001f", 16)
        assert mine["cell"] == CELL_NCGI << 60 | 0x20893F << 36 | cell
        assert its["cell"] == CELL_NCGI << 60 | 0x20893F << 36 | 0xABCD
        assert (its["rating_group"], its["up"], its["down"], its["time"]) == (10, 7, 1 << 34, mine["opened"])
