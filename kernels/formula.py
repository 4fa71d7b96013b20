"""Formulas over columns of numbers: a compiled program, run over blocks of rows that stay in the cache.

A null is NaN. A division by zero is null. Comparisons and boolean operators give 1, 0 or null.
"""

import numpy as np

from kernels.jit import kernel, part

__all__ = ["BLOCK", "OPERATIONS", "evaluate", "exceed", "keep_top"]

BLOCK = 1024

OPERATIONS = ("out", "+", "-", "*", "/", "min", "max", "abs", "==", "!=", "<", "<=", ">", ">=", "and", "or", "not",
              "is_null", "not_null", "if", "coalesce")  # fmt: skip
"""What `program[:, 0]` counts in."""
(_OUT, _ADD, _SUB, _MUL, _DIV, _MIN, _MAX, _ABS, _EQ, _NE, _LT, _LE, _GT, _GE, _AND, _OR, _NOT, _IS_NULL, _NOT_NULL,
 _IF, _COALESCE) = range(len(OPERATIONS))  # fmt: skip


@part
def _arithmetic(op, x, y, out):  # type: ignore[no-untyped-def]
    if op == _ADD:
        for i in range(x.size):
            out[i] = x[i] + y[i]
    elif op == _SUB:
        for i in range(x.size):
            out[i] = x[i] - y[i]
    elif op == _MUL:
        for i in range(x.size):
            out[i] = x[i] * y[i]
    elif op == _DIV:
        for i in range(x.size):
            out[i] = x[i] / y[i] if y[i] != 0 else np.nan
    elif op == _ABS:
        for i in range(x.size):
            out[i] = abs(x[i])
    else:
        for i in range(x.size):
            if x[i] != x[i] or y[i] != y[i]:
                out[i] = np.nan
            else:
                out[i] = min(x[i], y[i]) if op == _MIN else max(x[i], y[i])


@part
def _compare(op, x, y, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        a, b = x[i], y[i]
        if a != a or b != b:
            out[i] = np.nan
            continue
        if op == _EQ:
            holds = a == b
        elif op == _NE:
            holds = a != b
        elif op == _LT:
            holds = a < b
        elif op == _LE:
            holds = a <= b
        elif op == _GT:
            holds = a > b
        else:
            holds = a >= b
        out[i] = 1.0 if holds else 0.0


@part
def _decide(op, x, y, out):  # type: ignore[no-untyped-def]
    """Kleene's and, or, not; whether there is a value; the first of two that is there."""
    for i in range(x.size):
        a, b = x[i], y[i]
        if op == _AND:
            out[i] = 0.0 if a == 0 or b == 0 else np.nan if a != a or b != b else 1.0
        elif op == _OR:
            true = (a == a and a != 0) or (b == b and b != 0)
            out[i] = 1.0 if true else np.nan if a != a or b != b else 0.0
        elif op == _NOT:
            out[i] = np.nan if a != a else 1.0 if a == 0 else 0.0
        elif op == _IS_NULL:
            out[i] = 1.0 if a != a else 0.0
        elif op == _NOT_NULL:
            out[i] = 0.0 if a != a else 1.0
        else:
            out[i] = a if a == a else b


@part
def _choose(x, y, z, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        out[i] = np.nan if x[i] != x[i] else y[i] if x[i] != 0 else z[i]


@kernel
def evaluate(program, constants, inputs, scratch, out_values):  # type: ignore[no-untyped-def]
    """Run a program over all columns, block by block. About a nanosecond for an operation on a row.

    program: int64[p, 5], lines (operation, target, x, y, z); what it reads is counted through inputs, constants and
    registers, in this order; targets are registers, for `out` lines of `out_values`
    constants: float64[c];  inputs: float64[k, n];  scratch: float64[c + registers, BLOCK];  out_values: float64[m, n]
    """
    given, number = inputs.shape[0], inputs.shape[1]
    for c in range(constants.size):
        scratch[c, :] = constants[c]
    for first in range(0, number, BLOCK):
        end = min(first + BLOCK, number)
        size = end - first
        for line in range(program.shape[0]):
            op, target = program[line, 0], program[line, 1]
            a, b = program[line, 2], program[line, 3]
            x = inputs[a, first:end] if a < given else scratch[a - given, :size]
            if op == _OUT:
                out_values[target, first:end] = x
                continue
            y = inputs[b, first:end] if b < given else scratch[b - given, :size]
            out = scratch[constants.size + target, :size]
            if op < _EQ:
                _arithmetic(op, x, y, out)
            elif op < _AND:
                _compare(op, x, y, out)
            elif op == _IF:
                c = program[line, 4]
                z = inputs[c, first:end] if c < given else scratch[c - given, :size]
                _choose(x, y, z, out)
            else:
                _decide(op, x, y, out)


@kernel
def exceed(values, bounds, most, out_rows, out_columns):  # type: ignore[no-untyped-def]
    """Where values lie outside of their bounds; how many there are, of which the first ones are told.

    values: float64[m, n], NaN passed over;  bounds: float64[m, 2], least and most allowed;  most: told at most
    out_rows, out_columns: int32[most]
    """
    count = 0
    for k in range(values.shape[0]):
        low, high = bounds[k, 0], bounds[k, 1]
        for i in range(values.shape[1]):
            value = values[k, i]
            if value < low or value > high:
                if count < most:
                    out_rows[count], out_columns[count] = k, i
                count += 1
    return count


@kernel
def keep_top(values, first, top_values, top_columns):  # type: ignore[no-untyped-def]
    """Keep the greatest values of each line, in falling order; of equal ones the first seen.

    values: float64[m, n], NaN passed over;  first: what the first column is numbered
    top_values: float64[m, t], -inf before the first;  top_columns: int32[m, t], -1 before the first
    """
    last = top_values.shape[1] - 1
    for k in range(values.shape[0]):
        least = top_values[k, last]
        for i in range(values.shape[1]):
            value = values[k, i]
            if not value > least:
                continue
            at = last
            while at > 0 and top_values[k, at - 1] < value:
                top_values[k, at] = top_values[k, at - 1]
                top_columns[k, at] = top_columns[k, at - 1]
                at -= 1
            top_values[k, at], top_columns[k, at] = value, first + i
            least = top_values[k, last]
