"""Formulas made into programs for `kernels.formula`: each part once, registers used again when they are free."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from formats.expression import LAGS, Node, check_formula, parse
from kernels.bounds import evaluate_bounds
from kernels.formula import BLOCK, OPERATIONS, evaluate

__all__ = ["Program", "compiled", "lag_of"]

_CODES = {name: code for code, name in enumerate(OPERATIONS)}
_OUT = _CODES["out"]


class Program(NamedTuple):
    """A compiled set of formulas: lines and constants as `kernels.formula.evaluate` takes them."""

    lines: np.ndarray
    constants: np.ndarray
    inputs: tuple[str, ...]
    registers: int
    outputs: int

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """float64[outputs, n] of float64[inputs, n], NaN for null in both."""
        out = np.empty((self.outputs, inputs.shape[1]))
        scratch = np.empty((self.constants.size + self.registers, BLOCK))
        evaluate(self.lines, self.constants, inputs, scratch, out)
        return out

    def bounds(self, low: np.ndarray, high: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Between which bounds outputs lie if inputs do: least and greatest float64[.., n], null uint8[.., n]."""

        def three(lines: int, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            return np.empty((lines, number)), np.empty((lines, number)), np.empty((lines, number), np.uint8)

        out = three(self.outputs, low.shape[1])
        scratch = three(low.shape[0] + self.constants.size + self.registers, BLOCK)
        evaluate_bounds(self.lines, self.constants, (low, high, null), scratch, out)
        return out


def lag_of(name: str) -> tuple[str, str]:
    """An input's function of LAGS ("" for none), and the name it is of."""
    function, _, rest = name.partition("(")
    return (function, rest[:-1]) if rest else ("", name)


class _Writer:
    """Lines with a name for each value: an input, a constant or the line that makes it."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, tuple[int, ...]]] = []
        self.known: dict[tuple[int, tuple[int, ...]], int] = {}
        self.constants: dict[float | None, int] = {}
        self.inputs: dict[str, int] = {}
        self.outputs: list[tuple[int, int]] = []  # (after which line, value)
        self.values: list[tuple[str, int]] = []  # value -> (input | constant | line, place)
        self.named: dict[str, int] = {}

    def _value(self, kind: str, place: int) -> int:
        self.values.append((kind, place))
        return len(self.values) - 1

    def constant(self, number: float) -> int:
        key = number if number == number else None  # NaN equals nothing, itself neither
        if key not in self.constants:
            self.constants[key] = self._value("constant", len(self.constants))
        return self.constants[key]

    def name(self, name: str) -> int:
        if name not in self.named:
            self.inputs[name] = len(self.inputs)
            self.named[name] = self._value("input", self.inputs[name])
        return self.named[name]

    def line(self, op: str, *parts: int) -> int:
        key = _CODES[op], parts
        if key not in self.known:
            self.lines.append(key)
            self.known[key] = self._value("line", len(self.lines) - 1)
        return self.known[key]

    def node(self, node: Node) -> int:
        """The value of an expression."""
        if node.kind == "name":
            return self.name(str(node.value))
        if node.kind == "call" and node.value in LAGS:
            return self.name(f"{node.value}({node.parts[0].value})")
        if node.kind == "number":
            return self.constant(float(node.value or 0))
        if node.kind == "null":
            return self.constant(float("nan"))
        parts = [self.node(part) for part in node.parts]
        if node.kind in ("in", "not_in"):
            found = self.line("==", parts[0], parts[1])
            for other in parts[2:]:
                found = self.line("or", found, self.line("==", parts[0], other))
            return self.line("not", found) if node.kind == "not_in" else found
        op = str(node.value) if node.kind == "call" else node.kind
        made = self.line(op, *parts[:3]) if op == "if" else self.line(op, *parts[:2])
        for other in parts[2:] if op != "if" else ():
            made = self.line(op, made, other)
        return made


def compiled(formulas: Sequence[tuple[str, str, tuple[float, float] | None]]) -> Program:
    """(name, expression, valid range or None) as a program with an output each; a later one may name an earlier one."""
    writer = _Writer()
    for name, text, valid in formulas:
        tree = parse(text)
        check_formula(tree)
        value = writer.node(tree)
        if valid is not None:
            low, high = (writer.constant(bound) for bound in valid)
            inside = writer.line("and", writer.line(">=", value, low), writer.line("<=", value, high))
            value = writer.line("if", inside, value, writer.constant(float("nan")))
        writer.outputs.append((len(writer.lines), value))
        writer.named[name] = value
    return _placed(writer)


def _placed(writer: _Writer) -> Program:
    """The lines with registers instead of names; one is free after its last use."""
    last = {value: place for value, (kind, place) in enumerate(writer.values) if kind == "line"}
    for at, (_, parts) in enumerate(writer.lines):
        last.update((part, at) for part in parts if part in last)
    for at, value in writer.outputs:
        if value in last:
            last[value] = max(last[value], at)
    ends: dict[int, list[int]] = {}
    for value, at in last.items():
        ends.setdefault(at, []).append(value)
    given, constants = len(writer.inputs), len(writer.constants)
    of_line = {place: value for value, (kind, place) in enumerate(writer.values) if kind == "line"}
    places: dict[int, int] = {}
    for value, (kind, place) in enumerate(writer.values):
        if kind != "line":
            places[value] = place if kind == "input" else given + place
    free: list[int] = []
    used, out, told = 0, [], 0
    for at in range(len(writer.lines) + 1):
        while told < len(writer.outputs) and writer.outputs[told][0] == at:
            source = places[writer.outputs[told][1]]
            out.append((_OUT, told, source, source, source))
            told += 1
        if at == len(writer.lines):
            break
        op, parts = writer.lines[at]
        sources = [places[part] for part in parts]
        if free:
            register = free.pop()
        else:
            register, used = used, used + 1
        places[of_line[at]] = given + constants + register
        x, y, z = (sources + [sources[0]] * 2)[:3]
        out.append((op, register, x, y, z))
        free += [places[value] - given - constants for value in ends.get(at, ())]
    lines = np.array(out, np.int64).reshape(-1, 5)
    values = np.array([float("nan") if k is None else k for k in writer.constants], np.float64)
    return Program(lines, values, tuple(writer.inputs), used, len(writer.outputs))
