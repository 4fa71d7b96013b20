"""Arrays by their address.

A shard owns some fifty arrays. Handed to each kernel as a tuple of arrays they would be hundreds of machine words per
call, and minutes of compilation. So a shard is one int64 array that holds its counters and the addresses of its tables
(`kernels.shard`); a `view` makes an array of them again, at the cost of two loads.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["view"]


def view(dtype: np.dtype, address: int, length: int, columns: int = 0) -> Callable[..., Any]:
    """A function (words, base) -> array of `dtype`, at words[base + address], of words[base + length] rows.

    words: int64[n]; base: int64. `columns` > 0 makes it two-dimensional. Who wrote the address keeps the array alive.
    """
    make = _interpreted if numba.config.DISABLE_JIT else _compiled  # type: ignore[attr-defined]
    return make(dtype, address, length, columns)


def _interpreted(dtype: np.dtype, address: int, length: int, columns: int) -> Callable[..., Any]:
    def rows(words: np.ndarray, base: int) -> np.ndarray:
        count = int(words[base + length])
        size = count * (columns or 1) * dtype.itemsize
        memory = (ctypes.c_char * size).from_address(int(words[base + address]))
        array = np.frombuffer(memory, dtype)  # type: ignore[call-overload]
        if dtype.fields:
            array = array.view(np.recarray)  # fields by attribute, as in compiled code
        return array.reshape(count, columns) if columns else array

    return rows


def _compiled(dtype: np.dtype, address: int, length: int, columns: int) -> Callable[..., Any]:
    array_type = types.Array(numba.from_dtype(dtype), 2 if columns else 1, "C")

    def rows(typing_context: Any, words: Any, base: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source = context.make_array(signature.args[0])(context, builder, arguments[0])
            word = ir.IntType(64)

            def load(offset: int) -> Any:
                at = builder.add(arguments[1], ir.Constant(word, offset))
                return builder.load(builder.gep(source.data, [at]))

            array = context.make_array(array_type)(context, builder)
            step = ir.Constant(word, dtype.itemsize)
            shape, strides = [load(length)], [step]
            if columns:
                shape.append(ir.Constant(word, columns))
                strides.insert(0, ir.Constant(word, columns * dtype.itemsize))
            data = builder.inttoptr(load(address), array.data.type)
            populate_array(array, data=data, shape=shape, strides=strides, itemsize=step, meminfo=None)
            return array._getvalue()

        return array_type(words, types.int64), generate

    made: Callable[..., Any] = intrinsic(rows)
    return made
