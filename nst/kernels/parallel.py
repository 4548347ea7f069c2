"""One parallel loop for all kernels.

numba compiles a parallel loop several times over, with all that it calls. So there is one, as small as can be: it
calls what it is given the address of. A kernel is a function of the loop's index and of where its arguments lie in
memory, and is compiled once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np
from numba import get_num_threads, prange, typeof, types
from numba.extending import intrinsic

from nst.kernels.compiled import jit

LAYOUT = 0x503  # of NumPy's flags: contiguous either way, aligned, writeable


@intrinsic
def given(typing_context: object, arguments: object) -> tuple:
    """Return, within a kernel, the tuple of its arguments."""

    def emit(context, b, signature, args):
        return context.unpack_value(b, arguments.dtype, args[0])

    return arguments.dtype(arguments), emit


@intrinsic
def _call(typing_context: object, kernel: object, index: object, arguments: object) -> tuple:
    """Call the kernel at an address. Kernels raise nothing."""
    pointer = types.CPointer(types.int64)

    def emit(context, b, signature, args):
        convention, takes = context.call_conv, (types.int64, pointer)
        function = b.inttoptr(args[0], convention.get_function_type(types.none, takes).as_pointer())
        where = b.inttoptr(args[2], context.get_value_type(pointer))
        convention.call_function(b, function, types.none, takes, (args[1], where))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


@jit(parallel=True)
def _loop(kernel, count, arguments):
    for index in prange(count):
        _call(kernel, index, arguments)


def parallel(function: Callable) -> Callable:
    """Make a kernel of ``function(index, arguments)``: a function ``(count, *arguments)`` that runs it for each index.

    The indices are those below `count`. The kernel gets its arguments by ``given(arguments)``. They may be integers,
    floats, which arrive as float64, arrays, and named tuples of these.
    """
    kernel, addresses = jit(function), {}

    def run(count: int, *arguments: object) -> None:
        words: list[int] = []
        layout = _lay_out(arguments, words)
        if (address := addresses.get(layout)) is None:
            get_num_threads()  # starts the threads, without which compiled code that was kept cannot be loaded
            signature = types.int64, types.CPointer(_kind(arguments))
            kernel.compile(signature)
            made = kernel.overloads[signature]
            address = addresses[layout] = made.library.get_pointer_to_function(made.fndesc.llvm_func_name)
        memory = array("q", words)
        _loop(address, count, memory.buffer_info()[0])

    return run


def _lay_out(value: object, words: list[int]) -> object:
    """Append the eight-byte words in which compiled code wants a value; return what tells its type, found quickly."""
    if isinstance(value, tuple):
        if set(map(type, value)) == {int}:  # a long one, often: at once
            words += value
            return type(value), len(value)
        return type(value), *[_lay_out(part, words) for part in value]
    if isinstance(value, np.ndarray):
        address = value.__array_interface__["data"][0]
        words += 0, 0, value.size, value.itemsize, address, *value.shape, *value.strides
        return value.dtype.char, value.ndim, value.flags.num & LAYOUT
    if isinstance(value, float | np.floating):
        words.append(int(np.float64(value).view(np.int64)))
        return float
    words.append(int(value))
    return int


def _kind(value: object) -> types.Type:
    """Return the type by which compiled code knows a value."""
    if isinstance(value, np.ndarray):
        return typeof(value)
    if isinstance(value, tuple):
        return types.BaseTuple.from_types(tuple(map(_kind, value)), type(value))
    return types.float64 if isinstance(value, float | np.floating) else types.int64
