"""Instructions of the card that numba has no name for: four numbers at once, and products on the tensor cores.

Each is a few lines of LLVM's language or of PTX, the card's assembly, in the midst of a kernel. In the simulator plain
Python of the same meaning stands in their place, `nst.kernels.cuda_emulated`, rounding included: so what is tested
there without a card is which number goes where, which is what goes wrong.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import cuda, types
from numba.core import cgutils
from numba.extending import intrinsic

from nst.kernels import cuda_emulated
from nst.kernels.cuda_device import SIMULATED

WORD = ir.IntType(32)
FLOAT = ir.FloatType()
FOUR_WORDS = types.UniTuple(types.uint32, 4)


def device(function: Any) -> Any:
    """Make a function that kernels call; it names nothing of `cuda`, which the simulator changes under its feet."""
    return function if SIMULATED else cuda.jit(device=True)(function)


def _four(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> tuple[Any, int]:
    """Return the address of four numbers of an array as that of one vector, and its alignment in bytes."""
    data = context.make_array(array_type)(context, builder, array).data
    element = context.get_data_type(array_type.dtype)
    vector = ir.VectorType(element, 4).as_pointer()
    return builder.bitcast(builder.gep(data, [index]), vector), 4 * context.get_abi_sizeof(element)


@intrinsic
def load4(typingctx: Any, array: Any, index: Any) -> tuple:
    """Return four neighbours in a flat array, read as one; the index is a multiple of 4."""
    signature = types.UniTuple(array.dtype, 4)(array, types.intp)

    def generate(context, builder, signature, arguments):
        pointer, alignment = _four(context, builder, signature.args[0], *arguments)
        vector = builder.load(pointer, align=alignment)
        numbers = [builder.extract_element(vector, ir.Constant(WORD, i)) for i in range(4)]
        return context.make_tuple(builder, signature.return_type, numbers)

    return signature, generate


@intrinsic
def store1(typingctx: Any, array: Any, index: Any, number: Any) -> tuple:
    """Write a number into a flat array, at an index of 0 or more.

    Python counts negative indices from the end, and numba has six instructions for that beside each store.
    """
    signature = types.void(array, types.intp, array.dtype)

    def generate(context, builder, signature, arguments):
        array, index, number = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        builder.store(number, builder.gep(data, [index]))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load1(typingctx: Any, array: Any, index: Any) -> tuple:
    """Return a number of a flat array, at an index of 0 or more."""
    signature = array.dtype(array, types.intp)

    def generate(context, builder, signature, arguments):
        array, index = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        return builder.load(builder.gep(data, [index]))

    return signature, generate


@intrinsic
def store4(typingctx: Any, array: Any, index: Any, numbers: Any) -> tuple:
    """Write four numbers beside one another into a flat array, as one; the index is a multiple of 4."""
    signature = types.void(array, types.intp, types.UniTuple(array.dtype, 4))

    def generate(context, builder, signature, arguments):
        array, index, numbers = arguments
        pointer, alignment = _four(context, builder, signature.args[0], array, index)
        vector = ir.Constant(pointer.type.pointee, ir.Undefined)
        for i, number in enumerate(cgutils.unpack_tuple(builder, numbers)):
            vector = builder.insert_element(vector, number, ir.Constant(WORD, i))
        builder.store(vector, pointer, align=alignment)
        return context.get_dummy_value()

    return signature, generate


def _assembly(
    text: str, constraints: str, gives: ir.Type, takes: list[ir.Type], together: bool = False
) -> ir.InlineAsm:
    """Return an instruction; what a warp does `together` must not move to where only some of its threads come by."""
    return ir.InlineAsm(ir.FunctionType(gives, takes), text, constraints, side_effect=together)


@intrinsic
def round_tf32(typingctx: Any, number: Any) -> tuple:
    """Return a float32 rounded to the 10 binary places of TF32, halves away from 0, as a word (from sm_80 on)."""

    def generate(context, builder, signature, arguments):
        return builder.call(_assembly("cvt.rna.tf32.f32 $0, $1;", "=r,f", WORD, [FLOAT]), arguments)

    return types.uint32(types.float32), generate


@intrinsic
def pack_bf16(typingctx: Any, low: Any, high: Any) -> tuple:
    """Return two float32 rounded to bfloat16, halves to even, in one word (from sm_80 on)."""

    def generate(context, builder, signature, arguments):
        rounded = _assembly("cvt.rn.bf16x2.f32 $0, $2, $1;", "=r,f,f", WORD, [FLOAT, FLOAT])
        return builder.call(rounded, arguments)

    return types.uint32(types.float32, types.float32), generate


def _multiply(shape: str) -> Any:
    """Return what writes four `mma.sync` with these sizes and dtypes: D = A B + C by the 32 threads of a warp, each."""
    text = f"mma.sync.aligned.{shape} {{$0,$1,$2,$3}}, {{$4,$5,$6,$7}}, {{$8,$9}}, {{$10,$11,$12,$13}};"
    gives, takes = ir.LiteralStructType([FLOAT] * 4), [WORD] * 6 + [FLOAT] * 4
    call = _assembly(text, "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f", gives, takes, together=True)

    def generate(context, builder, signature, arguments):
        a, b, sums, first = arguments
        a = cgutils.unpack_tuple(builder, a)
        b, sums = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in ((signature.args[1], b), (signature.args[2], sums))
        )
        for j in range(4):
            factors = [builder.load(builder.gep(b, [ir.Constant(WORD, j + k)])) for k in (0, 4)]
            places = [
                builder.gep(sums, [builder.add(first, ir.Constant(first.type, j + k))]) for k in (0, 4, 8, 12)
            ]
            found = builder.call(call, [*a, *factors, *map(builder.load, places)])
            for i, place in enumerate(places):
                builder.store(builder.extract_value(found, i), place)
        return context.get_dummy_value()

    return generate


@intrinsic
def multiply_tf32(typingctx: Any, a: Any, b: Any, sums: Any, first: Any) -> tuple:
    """Add to 16 of this thread's sums, from `first` on, its share of A B_j, for A of 16x8 and four B_j of 8x8 in TF32.

    With g = lane // 4 and t = lane % 4 a thread gives A[g, t], A[g + 8, t], A[g, t + 4], A[g + 8, t + 4]; and for each
    j from 0 to 3 B_j[t, g] as b[j] and B_j[t + 4, g] as b[4 + j]. In sums[first + j + k] it has C_j[g, 2t] for k = 0,
    C_j[g, 2t + 1] for 4, C_j[g + 8, 2t] for 8 and C_j[g + 8, 2t + 1] for 12 ("PTX ISA", section on mma.m16n8k8).
    """
    return types.void(FOUR_WORDS, b, sums, types.intp), _multiply("m16n8k8.row.col.f32.tf32.tf32.f32")


@intrinsic
def multiply_bf16(typingctx: Any, a: Any, b: Any, sums: Any, first: Any) -> tuple:
    """Add the same of A of 16x16 and B_j of 16x8 in bfloat16: each word holds two neighbouring terms of the sums."""
    return types.void(FOUR_WORDS, b, sums, types.intp), _multiply("m16n8k16.row.col.f32.bf16.bf16.f32")


if SIMULATED:
    load1, store1 = cuda_emulated.load1, cuda_emulated.store1
    load4, store4 = cuda_emulated.load4, cuda_emulated.store4
    round_tf32, pack_bf16 = cuda_emulated.round_tf32, cuda_emulated.pack_bf16
    multiply_tf32, multiply_bf16 = cuda_emulated.multiply_tf32, cuda_emulated.multiply_bf16
