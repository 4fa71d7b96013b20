"""Eight octets at once, from anywhere in a buffer: one machine load instead of eight reads and seven shifts."""

from typing import Any

import llvmlite.ir as ir
import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from kernels.jit import inlined

__all__ = ["word_at"]


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _load(typing_context: Any, array: Any, index: Any) -> Any:
    """The octets array[index:index + 8] (uint8[n], contiguous) as uint64 in the machine's order, unaligned."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, arguments[0])
        at = cgutils.get_item_pointer(
            context, builder, array_type, view, [arguments[1]], wraparound=False, boundscheck=False
        )
        load = builder.load(builder.bitcast(at, ir.IntType(64).as_pointer()))
        load.align = 1
        return load

    return types.uint64(array, types.intp), generate


if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]

    def word_at(data, at):  # type: ignore[no-untyped-def]
        """The octets data[at:at + 8], the first one lowest."""
        return np.uint64(int.from_bytes(data[at : at + 8].tobytes(), "little"))

else:

    @inlined
    def word_at(data, at):  # type: ignore[no-untyped-def]
        """The octets data[at:at + 8] as uint64, the first one lowest; the caller has checked that they are there."""
        return _load(data, at)  # type: ignore[call-arg]
