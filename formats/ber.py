"""BER (X.690) declarations and their compiled plan: what a kernel does at each tag of each level, as numpy arrays.

A record type is declared as a table of text, one field a line:

    3  servedIMSI            tbcd  imsi
    12 listOfTrafficVolumes  each  ChangeOfCharCondition
    55 ePCQoSInformation     in    EPCQoSInformation
    19 recordExtensions      -

tag, name, what it is (a leaf of LEAVES and the column that it fills; `in` another level; `one` a container of its own;
`each` element of a list one; `-` known and passed over). `compile_plan` turns all tables into a `Plan`. To add a
record type: write its table, and name it in a `Root`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["LEAVES", "Field", "Level", "Plan", "Root", "compile_plan", "fields"]

UNIVERSAL, APPLICATION, CONTEXT, PRIVATE = range(4)
"""Classes: the first two bits of an identifier octet."""
CONSTRUCTED = 0x20
LONG_TAG = 31
SEQUENCE, SET = 16, 17

TAGS = 480
"""Tags of a level's own class that a plan can name: 0 to 479; universal tags follow."""
COLUMNS = TAGS + 32
DEEPEST = 24
"""Levels of nesting that are followed; a record that nests deeper is refused."""

UNKNOWN_STEP, PASS_STEP = 0, 1
"""Rows of `Plan.steps`: a tag that no table names, and one that a table names and passes over."""

PASSED, ENTER, BEGIN = 0, 1, 2
LEAVES = {
    name: number
    for number, name in enumerate(
        (
            "int",  # INTEGER, ENUMERATED, BOOLEAN: int64; more than 8 octets have no value
            "null",  # NULL: 1 where it is present
            "time",  # TimeStamp: 9 octets (or 6 without zone, read as UTC) -> ns
            "tbcd",  # digits, low nibble first
            "isdn",  # one octet of type and plan, then tbcd
            "dialled",  # BCDDirectoryNumber: one or two octets (TS 24.008 §10.5.4.7), then tbcd
            "address",  # the first IPAddress inside, however nested -> two columns
            "diagnostics",  # CHOICE: its number, and its alternative in the column after
            "choice",  # CHOICE of octet: alternative << 8 | first octet
            "plmn",  # 3 octets
            "location",  # user location of GTPv1 or GTPv2 -> cell
            "octets",  # up to 7 octets, big-endian
            "text",  # offset << 16 | length: made a number of its own before the block goes
            "hash",  # 63 bits of the octets, never 0
            "number",  # decimal digits as text
            "words",  # digits in a text: tel:+33..., sip:+33...@, imsi-208...
            "subscription",  # SubscriptionID's data: imsi, or the column after it
            "equipment",  # SubscriberEquipmentNumber's data: TBCD or text
            "cellid",  # hexadecimal cell identity as text, with the network in the column after -> cell
            "access",  # P-Access-Network-Info -> cell
            "json",  # user location as JSON text -> cell
            "destination",  # TP-DA: digits, type, tbcd
            "bcd",  # digits, high nibble first
            "clock",  # CCYYMMDDhhmmss as text -> ns as if it were UTC
            "zone",  # +hhmm as text -> minutes
        ),
        8,
    )
}
"""What a leaf is, and its number in the plan."""


class Field(NamedTuple):
    """One line of a table."""

    tag: int
    name: str
    what: str
    into: str


class Level(NamedTuple):
    """The fields of one constructed type. `container`: it fills container rows, not the record's."""

    fields: tuple[Field, ...]
    container: int = 0
    klass: int = CONTEXT


class Root(NamedTuple):
    """One record type: the outermost tag, the value of its recordType field, and which columns it cannot be without.

    family: what becomes of it (`session`, `call`, `ims`, `message`, `other`).
    """

    name: str
    klass: int
    tag: int
    number: int
    level: str
    family: str
    needs: tuple[str, ...] = ()


def fields(*tables: str) -> tuple[Field, ...]:
    """The lines of tables; what follows # is a remark."""
    out = []
    for line in "\n".join(tables).splitlines():
        words = line.split("#")[0].split()
        if words:
            out.append(Field(int(words[0]), words[1], words[2], words[3] if len(words) > 3 else ""))
    return tuple(out)


class Plan(NamedTuple):
    """What the BER kernel follows.

    roots: int16[2, TAGS]: record type by application or context tag, -1 none
    levels: int16[types]: the first level of a record type
    numbers: int64[types]: the value of recordType
    needs: int16[types, 6]: slots of a record that must be filled, -1 none
    entry: int16[levels, COLUMNS]: row of `steps`
    steps: int32[n, 3]: what (PASSED, ENTER, BEGIN or a leaf), slot or kind of container, level
    klass: int8[levels], container: int8[levels]
    blank_record, blank_container: int64: a row with nothing known
    """

    roots: np.ndarray
    levels: np.ndarray
    numbers: np.ndarray
    needs: np.ndarray
    entry: np.ndarray
    steps: np.ndarray
    klass: np.ndarray
    container: np.ndarray
    blank_record: np.ndarray
    blank_container: np.ndarray


NEEDS = 6


class _Compiler:
    """Numbers levels and steps while they are met."""

    def __init__(self, levels: Mapping[str, Level], record: np.dtype, container: np.dtype) -> None:
        self.declared, self.dtypes = levels, (record, container)
        self.numbers: dict[str, int] = {}
        self.tables: list[np.ndarray] = [np.full(COLUMNS, PASS_STEP, np.int16)]  # level 0: everything is passed over
        self.klass, self.container = [CONTEXT], [0]
        self.steps: list[tuple[int, int, int]] = [(PASSED, 0, 0), (PASSED, 0, 0)]

    def slot(self, column: str, target: int) -> int:
        """The place of a column in a row, in words."""
        offset: int = self.dtypes[target].fields[column][1]  # type: ignore[index]
        return offset // 8

    def step(self, what: int, slot: int, level: int) -> int:
        self.steps.append((what, slot, level))
        return len(self.steps) - 1

    def open(self, name: str, klass: int, container: int) -> int:
        self.numbers[name] = len(self.tables)
        self.tables.append(np.zeros(COLUMNS, np.int16))
        self.klass.append(klass)
        self.container.append(container)
        return self.numbers[name]

    def level(self, name: str) -> int:
        """The number of a level, compiled when first asked for."""
        if name in self.numbers:
            return self.numbers[name]
        declared = self.declared[name]
        number = self.open(name, declared.klass, 1 if declared.container else 0)
        for field in declared.fields:
            self.tables[number][field.tag] = self.field(field, 1 if declared.container else 0)
        return number

    def field(self, field: Field, target: int) -> int:
        if field.what == "-":
            return PASS_STEP
        if field.what == "in":
            return self.step(ENTER, 0, self.level(field.into))
        if field.what == "one":
            return self.step(BEGIN, self.declared[field.into].container, self.level(field.into))
        if field.what == "each":
            return self.step(ENTER, 0, self.elements(field.into))
        return self.step(LEAVES[field.what], self.slot(field.into, target), 0)

    def elements(self, name: str) -> int:
        """The level of a list: each element is a level `name`, in a container of its own where it is one."""
        key = f"list of {name}"
        if key in self.numbers:
            return self.numbers[key]
        number, kind = self.open(key, self.declared[name].klass, 0), self.declared[name].container
        step = self.step(BEGIN if kind else ENTER, kind, self.level(name))
        self.tables[number][[TAGS + SEQUENCE, TAGS + SET]] = step
        return number


def compile_plan(
    roots: Sequence[Root],
    levels: Mapping[str, Level],
    record: np.ndarray,
    container: np.ndarray,
) -> Plan:
    """The plan of some record types.

    record, container: one blank row each, of 8-octet fields only.
    """
    compiler = _Compiler(levels, record.dtype, container.dtype)
    by_tag = np.full((2, TAGS), -1, np.int16)
    needs = np.full((len(roots), NEEDS), -1, np.int16)
    for number, root in enumerate(roots):
        by_tag[root.klass - 1, root.tag] = number
        needs[number, : len(root.needs)] = [compiler.slot(column, 0) for column in root.needs]
    firsts = [compiler.level(root.level) for root in roots]
    return Plan(
        by_tag,
        np.array(firsts, np.int16),
        np.array([root.number for root in roots], np.int64),
        needs,
        np.stack(compiler.tables),
        np.array(compiler.steps, np.int32),
        np.array(compiler.klass, np.int8),
        np.array(compiler.container, np.int8),
        record.view(np.int64).copy(),
        container.view(np.int64).copy(),
    )
