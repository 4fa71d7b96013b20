"""Asking for a cache line before it is needed: a miss that nothing waits for costs a tenth of one in a chain.

The functions only hint. They change no result, may be given any index inside the array, and do nothing where the
compiler is off.
"""

from typing import Any

import llvmlite.ir as ir
import numba
from numba.core import cgutils, types
from numba.extending import intrinsic

from kernels.jit import inlined

__all__ = ["prefetch_octet", "prefetch_row", "prefetch_rows_line"]

_READ, _KEEP, _DATA = 0, 3, 1


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _prefetch(typing_context: Any, array: Any, index: Any, octet: Any) -> Any:
    """`llvm.prefetch` of the line that holds octet `octet` of `array[index]` (contiguous, one dimension)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, arguments[0])
        at = cgutils.get_item_pointer(
            context, builder, array_type, view, [arguments[1]], wraparound=False, boundscheck=False
        )
        octets = ir.IntType(8).as_pointer()
        i32 = ir.IntType(32)
        hint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [octets, i32, i32, i32]), "llvm.prefetch.p0i8"
        )
        flags = [ir.Constant(i32, value) for value in (_READ, _KEEP, _DATA)]
        builder.call(hint, [builder.gep(builder.bitcast(at, octets), [arguments[2]]), *flags])
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp), generate


if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def prefetch_row(array, index):  # type: ignore[no-untyped-def]
        """Nothing to ask for: there is no machine code."""

    def prefetch_rows_line(array, index, line):  # type: ignore[no-untyped-def]
        """Nothing to ask for: there is no machine code."""

    def prefetch_octet(data, at):  # type: ignore[no-untyped-def]
        """Nothing to ask for: there is no machine code."""

else:

    @inlined
    def prefetch_row(array, index):  # type: ignore[no-untyped-def]
        """Ask for the first cache line of `array[index]`, 0 <= index < len(array); array: any dtype, one dimension."""
        _prefetch(array, index, 0)  # type: ignore[call-arg]

    @inlined
    def prefetch_rows_line(array, index, line):  # type: ignore[no-untyped-def]
        """Ask for cache line `line` of `array[index]`, a row of several lines of 64 octets."""
        _prefetch(array, index, line * 64)  # type: ignore[call-arg]

    @inlined
    def prefetch_octet(data, at):  # type: ignore[no-untyped-def]
        """Ask for the cache line of `data[at]`; data: uint8[n]. An offset outside of the array asks for nothing."""
        if 0 <= at < len(data):
            _prefetch(data, at, 0)  # type: ignore[call-arg]
