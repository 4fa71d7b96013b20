"""TAP files: call events with the zones of their network information, beside pycrate, whole and damaged."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from numba import config

from formats import cdr
from formats.cdr_file import TAP, Framing, recognise
from kernels.ber import ZONELESS
from probe.run import RunOptions, run
from tests.cdr_tools import container, name, record, scan
from tools.cdr import ber

STAMP = 1_795_287_600  # 2026-11-21 19:00:00 UTC
SECOND = 10**9
FRAMING = Framing(TAP)


def bcd(digits: str) -> bytes:
    return bytes.fromhex(digits + "f" * (len(digits) % 2))


def prim(tag: int, content: bytes) -> bytes:
    return ber.element(tag, content, klass=1)


def number(tag: int, value: int) -> bytes:
    return prim(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def cons(tag: int, *parts: bytes, loose: bool = False) -> bytes:
    return (ber.indefinite if loose else ber.constructed)(tag, *parts, klass=1)


def long_time(tag: int) -> bytes:
    return cons(tag, prim(16, b"20261121200000"), prim(231, b"+0100"))


def started(local: bytes, code: int) -> bytes:
    return cons(44, prim(16, local), number(232, code))


def subscriber(imsi: str) -> bytes:
    return cons(427, cons(199, prim(129, bcd(imsi))))


def call(originating: bool, local: bytes, code: int, loose: bool = False) -> bytes:
    basic = cons(147 if originating else 153, subscriber("234150000000001"), started(local, code), number(223, 60),
                 number(58, 4), loose=loose)  # fmt: skip
    place = cons(138, cons(156, number(184, 1), number(136, 4660), number(59, 257)))
    return cons(9 if originating else 10, basic, place, loose=loose)


def gprs(local: bytes, code: int, loose: bool = False) -> bytes:
    who = cons(115, subscriber("234150000000002"), prim(167, b"100.64.0.7"))
    basic = cons(114, who, cons(116, prim(261, b"internet")), started(local, code), number(223, 900), number(58, 0),
                 number(72, 0x12345678), loose=loose)  # fmt: skip
    used = cons(121, number(250, 5_000_000), number(251, 1000), loose=loose)
    return cons(14, basic, cons(117, cons(118, cons(185, number(184, 1)))), used, loose=loose)


def batch(*events: bytes, zones: dict[int, bytes], loose: bool = False) -> bytes:
    control = cons(4, prim(196, b"FRAFT"), prim(182, b"GBRBT"), prim(109, b"00042"), long_time(108), long_time(227),
                   long_time(107), number(201, 3), number(189, 12))  # fmt: skip
    accounting = cons(5, prim(135, b"EUR"), number(244, 3))
    told = cons(234, *(cons(233, number(232, code), prim(231, offset)) for code, offset in zones.items()), loose=loose)
    network = cons(6, told, cons(188, cons(183, number(184, 1), number(186, 3), prim(400, b"10.0.0.1"))), loose=loose)
    audit = cons(15, number(415, 0), number(43, len(events)))
    return cons(1, control, accounting, network, cons(3, *events, loose=loose), audit, loose=loose)


ZONES = {0: b"+0100", 7: b"-0530"}
EVENTS = [
    call(True, b"20261121200000", 0), call(False, b"20261121133000", 7, loose=True), gprs(b"20261121200100", 0),
    gprs(b"20261121133200", 7, loose=True),
]  # fmt: skip


@pytest.mark.parametrize("loose", [False, True])
def test_call_events(loose: bool) -> None:
    octets = batch(*EVENTS, zones=ZONES, loose=loose)
    assert recognise(octets, len(octets), cdr.BY_TAG) == FRAMING
    records, containers, rejects, filler = scan(octets, FRAMING, cdr.TAP_PLAN)
    assert not len(rejects)
    assert records["octets"].sum() + filler == len(octets)
    assert [name(r) for r in records] == [
        "tapMobileOriginatedCall", "tapMobileTerminatedCall", "tapGprsCall", "tapGprsCall",
    ]  # fmt: skip
    assert records["answered"][:2].tolist() == [STAMP * SECOND, STAMP * SECOND]
    assert records["opened"][2:].tolist() == [(STAMP + 60) * SECOND, (STAMP + 120) * SECOND]
    assert record(records[2])["charging_id"] == 0x12345678
    assert [(container(c)["up"], container(c)["down"]) for c in containers] == [(1000, 5_000_000)] * 2


def test_pycrate_reads_the_same() -> None:
    tap = pytest.importorskip("pycrate_asn1dir.TAP3")
    whole = getattr(tap, "TAP_0312", None) or next(v for k, v in vars(tap).items() if k.startswith("TAP"))
    whole.DataInterChange.from_ber(batch(*EVENTS, zones=ZONES))
    kind, value = whole.DataInterChange.get_val()
    assert kind == "transferBatch"
    events = value["callEventDetails"]
    assert [event[0] for event in events] == ["mobileOriginatedCall", "mobileTerminatedCall", "gprsCall", "gprsCall"]
    used = events[2][1]["gprsServiceUsed"]
    assert (used["dataVolumeIncoming"], used["dataVolumeOutgoing"]) == (5_000_000, 1000)


def test_a_time_zone_code_that_nothing_explains_is_refused() -> None:
    _, _, rejects, _ = scan(batch(call(True, b"20261121200000", 3), zones=ZONES), FRAMING, cdr.TAP_PLAN)
    assert rejects["reason"].tolist() == [ZONELESS]


def test_a_damaged_octet_loses_no_octet() -> None:
    dice, whole = random.Random(8), batch(*EVENTS, zones=ZONES)
    for place in range(0, len(whole), 53 if config.DISABLE_JIT else 2):
        octets = bytearray(whole)
        octets[place] ^= 1 << dice.randrange(8)
        records, _, rejects, filler = scan(bytes(octets), FRAMING, cdr.TAP_PLAN)
        assert records["octets"].sum() + rejects["octets"].sum() + filler == len(whole)


def test_cut_at_each_octet() -> None:
    whole = batch(*EVENTS, zones=ZONES)
    for length in range(2, len(whole), 61 if config.DISABLE_JIT else 1):
        records, _, rejects, filler = scan(whole[:length], FRAMING, cdr.TAP_PLAN)
        assert records["octets"].sum() + rejects["octets"].sum() + filler == length


def test_text_that_begins_like_a_batch_is_none() -> None:
    assert recognise(b"abandoned\nadd,b,c\n" * 20, 360, cdr.BY_TAG) is None


@pytest.mark.compiled
def test_a_run_over_a_batch(tmp_path: Path) -> None:
    (tmp_path / "batch.tap").write_bytes(batch(*EVENTS, zones=ZONES))
    options = RunOptions(identities="clear")
    assert not run([str(tmp_path / "batch.tap")], tmp_path / "out", options, progress=False).problems

    def rows(table: str) -> list[dict]:
        files = sorted((tmp_path / "out" / table).rglob("*.parquet"))
        return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]

    found = sorted((r["direction"], r["outcome"], r["talk_ms"], r["setup_ms"], r["dropped"]) for r in rows("call"))
    assert found == [
        ("originating", "answered", 60_000.0, None, True),
        ("terminating", "answered", 60_000.0, None, True),
    ]
    assert {(r["source"], r["apn"], r["cell_last"]) for r in rows("session")} == {("tap", "internet", None)}
    for table in ("flow", "presence", "session", "kpi_cell"):
        assert sum(r["bytes_down"] or 0 for r in rows(table)) == 10_000_000, table
