"""Ops that combine over an index: Dot, reductions, softmax, argmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytensor.scalar import basic
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.math import ProdWithoutZeros
from pytensor.tensor.special import LogSoftmax

import graphs.native.statements as ir
from graphs.native.lower.scalars import call, cast, is_float
from graphs.native.lower.state import Formula, Indices, Lowering, Scalar, Value, Vector, View, times
from graphs.native.program import OpUnknown

__all__: list[str] = []  # reached through the table in lower/__init__.py

REDUCTIONS = {
    basic.Add: ir.Reduction.SUM,
    basic.Mul: ir.Reduction.PRODUCT,
    basic.Maximum: ir.Reduction.LARGEST,
    basic.Minimum: ir.Reduction.SMALLEST,
    basic.AND: ir.Reduction.ALL,
    basic.OR: ir.Reduction.ANY,
    basic.XOR: ir.Reduction.ODD,
}


def dot(state: Lowering, node: Any, number: int) -> None:
    """Products summed over the last axis of the one factor and the first of the other; leading axes are a batch."""
    dtype, name = node.outputs[0].type.dtype, node.outputs[0].name
    batch = int(isinstance(node.op, BatchedDot))
    if isinstance(node.op, Blockwise):
        batch = max(v.type.ndim for v in node.inputs) - 2
    if dtype == "bool":
        raise OpUnknown("Dot of bools")
    left, right = (state.element(v) for v in node.inputs)
    left, right = (state.solid(v) if isinstance(v, Formula) and not v.cheap else v for v in (left, right))
    if not batch and any(_symmetric_dot(state, node, number, left, right, axis) for axis in (0, -1)):
        return
    leading = [state.one] * batch
    for value in (left, right):
        state.broadcast(leading, value.dims[:batch], f"{node.op}")
    rows = left.dims[batch:-1]
    columns = right.dims[batch + 1 :]
    shared = state.unify(left.dims[-1], right.dims[batch], "shapes not aligned in Dot")
    if _multiply(state, node, number, left, right, [*leading, *rows, *columns], shared):
        return
    lead, i, k = state.indices(leading), state.indices(rows), state.indices(columns)
    j: ir.Index | None = None if shared.is_one else ir.Index(shared)
    turned = False
    if not batch and j and all(i) and all(k) and i and k:
        left, right, turned = _along_memory(state, left, right)
    dims = [*columns, *rows] if turned else [*leading, *rows, *columns]
    target = state.array(name, dtype, dims, ir.Reduction.DOT.spare)
    a = cast(left.at([*_batch(left, lead), *i, j]), dtype)
    b = cast(right.at([*_batch(right, lead), j, *k]), dtype)
    places = [ir.Place(index) for index in ([*k, *i] if turned else [*lead, *i, *k])]
    nodes = [*left.nodes, *right.nodes, number]
    result = state.state(target, places, a * b, [*lead, *i, *k], nodes, ir.Reduction.DOT, [j])
    state.values[node.outputs[0]] = _turned(result) if turned else result


def _axes_of(view: View, numbers: str) -> str:
    """A factor's axes in the order of its array, as fields of a formula."""
    own = {len(view.dims) - 2 + k: f"{{{number}}}" for k, number in enumerate(numbers)}
    return ", ".join(own[axis] for axis, *_ in view.axes if axis in own)


TINY = (
    8  # of an axis known to be no longer, a product is a loop of our own, which fuses with what is around it
)


def _multiply(
    state: Lowering, node: Any, number: int, left: Value, right: Value, dims: list[ir.Dim], shared: ir.Dim
) -> bool:
    """State the product of two matrices, or of each two of a batch, as a call of BLAS, if it is one.

    BLAS keeps blocks of both factors near the processor, which loops that fuse do not: 64 × 784 by 784 × 100 takes it
    0.7 of the time, 64 × 100 by 100 × 10 a third; 400 × 784 by 784 × 10, the worst of eleven shapes tried, 1.05.
    """
    dtype = node.outputs[0].type.dtype
    if not (is_float(dtype) and left.dtype == right.dtype == dtype and len(dims) in (2, 3)):
        return False
    known = [dim.find().constant for dim in (*dims[-2:], shared)]
    if any(length is not None and length <= TINY for length in known):
        return False
    factors = []
    for value in (left, right):
        view = value if _contiguous(value) in (len(value.dims) - 1, len(value.dims) - 2) else None
        if not isinstance(view, View):
            view = state.hold(value)  # in C order
        factors.append(view)
    target = state.array(node.outputs[0].name, dtype, dims, ir.Reduction.DOT.spare)
    a, b = factors
    lengths: list[ir.Argument] = [
        dims[0].length if len(dims) == 3 else ir.ONE,
        dims[-2].length,
        dims[-1].length,
        shared.length,
    ]
    arguments = [*lengths]
    for view in factors:
        first = ir.Read(dtype, view.array, view.places([None] * len(view.dims)))
        strides: list[ir.Expression] = [ir.ZERO] * len(view.dims)
        for k, (axis, _, step) in enumerate(view.axes):
            if axis is not None and not view.dims[axis].is_one:
                strides[axis] = times(ir.Stride("int64", view.array, k), step)
        arguments += [first, *(strides if len(strides) == 3 else [ir.ZERO, *strides])]
    short = "dgemm" if dtype == "float64" else "sgemm"
    name = f"scipy.linalg.cython_blas.{short}"
    if name not in state.made.functions:
        state.made.functions.append(name)
    n, m = a.array.name, b.array.name
    formula = (
        f"{target.name}[{{0}}, {{1}}] = sum over {{2}} of {n}[{_axes_of(a, '02')}] * {m}[{_axes_of(b, '21')}]"
    )
    nodes = [*left.nodes, *right.nodes, number]
    function = "multiply" if dtype == "float64" else "multiplyf"
    along = [*dims[-2:], shared]
    reads = [a.array, b.array]
    state.call(ir.Call(function, [short, *arguments, target], reads, [target], formula, nodes, along=along))
    state.values[node.outputs[0]] = state.whole(target)
    return True


def _batch(value: Value, lead: Indices) -> list[ir.Index | None]:
    return [None if dim.is_one else index for dim, index in zip(value.dims, lead, strict=False)]


def _along_memory(state: Lowering, left: Value, right: Value) -> tuple[Value, Value, bool]:
    """The factors of a matrix product, so arranged that the innermost loop runs along the memory of both.

    Where one factor has the index summed over contiguous and the other has not, the other is copied with its axes
    exchanged: ``x[i, :]·w[:, k]`` reads both in steps of one. Where it is contiguous in neither
    (``xᵀ·r``), the loop runs along the rows of an input x, and the product is held with its axes exchanged,
    which the third value returned says. Time against the loop along k, 400 × 784 by 784 × 10: 0.4.
    """
    ours, theirs = _contiguous(left), _contiguous(right)
    if ours == 1 and theirs != 0:
        return left, _turned(state.hold(_turned(right), None, "turned")), False
    if theirs == 0 and ours != 1:
        return _turned(state.hold(_turned(left), None, "turned")), right, False
    outer = ours == 0 and isinstance(left, View) and left.array.kind == "input"
    return left, right, outer and not (isinstance(right, View) and right.array.kind == "input")


def _contiguous(value: Value) -> int | None:
    """Which axis of a value runs along memory, if one does."""
    if not isinstance(value, View) or value.array.fast is None or not value.array.dims:
        return None
    axis, _, step = value.axes[value.array.fast]
    return axis if step == ir.ONE else None


def _turned(matrix: Value) -> Value:
    """A matrix seen with its axes exchanged."""
    return matrix.moved(matrix.dims[::-1], {0: 1, 1: 0})


def _symmetric_dot(state: Lowering, node: Any, number: int, left: Value, right: Value, axis: int) -> bool:
    """State the product of a symmetric matrix (the left factor where `axis` is 0) and a vector, if it is one.

    Every element beside the diagonal is then read once and serves for its mirror image too.
    """
    matrix, other = (left, right) if axis == 0 else (right, left)
    if not (isinstance(matrix, View) and matrix.array.symmetric and not matrix.nodes):
        return False
    dtype, array = node.outputs[0].type.dtype, matrix.array
    through = sorted(k for k, *move in matrix.axes if k is not None and move == [ir.ZERO, ir.ONE])
    ones = [dim for k, dim in enumerate(other.dims) if k != axis % len(other.dims)]
    if through != [0, 1] or len(matrix.dims) != 2 or {array.dtype, other.dtype} != {dtype}:
        return False
    if not is_float(dtype) or not all(dim.is_one for dim in ones):
        return False
    n = state.unify(array.dims[0], array.dims[1], f"the symmetric matrix {array.name}")
    n = state.unify(n, other.dims[axis], "shapes not aligned in Dot")
    if n.is_one:
        return False
    vector = state.solid(other)
    i, j = ir.Index(n), ir.Index(n)
    across: list[ir.Index | None] = [None] * len(other.dims)
    along = across.copy()
    across[axis], along[axis] = j, i
    dims = [state.one if k is None else n for k in along]
    target = state.array(node.outputs[0].name, dtype, dims, ir.Reduction.SYMMETRIC.spare)
    places = ir.Place(i), ir.Place(j)
    element = ir.Read(dtype, array, places[::-1] if array.layout == "F" else places)
    nodes = [*other.nodes, number]
    result = state.state(target, None, element * vector.at(across), along, nodes, ir.Reduction.SYMMETRIC, [j])
    state.values[node.outputs[0]] = result
    return True


def _combined(
    state: Lowering,
    how: ir.Reduction,
    value: Value,
    axes: Sequence[int],
    number: int,
    dtype: str,
    name: str | None,
    spare: str = "",
) -> View:
    """A new array: a value's elements combined over `axes`."""
    indices = state.indices(value.dims)
    dims = [d for a, d in enumerate(value.dims) if a not in axes]
    target = state.array(name, dtype, dims, spare or how.spare)
    free, reduced = [i for a, i in enumerate(indices) if a not in axes], [indices[a] for a in axes]
    return state.state(target, None, value.at(indices), free, [*value.nodes, number], how, reduced)


def _axes(chosen: Any, rank: int) -> list[int]:
    """The axes an Op names, counted from 0; all of them for None."""
    if chosen is None:
        return list(range(rank))
    return [a % rank for a in ((chosen,) if isinstance(chosen, int) else chosen)]


def _refuse_empty(state: Lowering, dims: Sequence[ir.Dim], axes: Sequence[int], message: str) -> None:
    for axis in axes:
        if not dims[axis].is_one:
            state.check(ir.compare(dims[axis].length, "==", 0), "ValueError", message)


def reduce(state: Lowering, node: Any, number: int) -> None:
    """Sum, product, maximum, minimum, all, any over axes."""
    op = node.op
    how = REDUCTIONS.get(type(op.scalar_op))
    several = state.value(node.inputs[0])
    if how and isinstance(several, Vector) and _fold(state, node, number, how, several):
        return
    value = state.element(node.inputs[0])
    if isinstance(op, ProdWithoutZeros):  # each zero is passed over
        how, held = ir.Reduction.PRODUCT, state.solid(value)

        def without_zeros(indices: Indices) -> ir.Expression:
            element = held.at(indices)
            return ir.choose(ir.compare(element, "==", 0), ir.Literal(held.dtype, 1), element)

        value = Formula(held.dtype, held.dims, without_zeros, nodes=value.nodes)
    if how is None:
        raise OpUnknown(f"the Op {op}")
    axes = _axes(op.axis, len(value.dims))
    dtype, name = node.outputs[0].type.dtype, node.outputs[0].name
    wide = getattr(op, "acc_dtype", None) or dtype
    if how in (ir.Reduction.LARGEST, ir.Reduction.SMALLEST):
        what = f"zero-size array to reduction operation {how.operator} which has no identity"
        _refuse_empty(state, value.dims, axes, what)

    elements = value
    if how in (ir.Reduction.ALL, ir.Reduction.ANY) and dtype == "bool":
        elements = Formula("bool", value.dims, lambda i: cast(value.at(i), "bool"), nodes=value.nodes)
    result = _combined(state, how, elements, axes, number, wide, name if wide == dtype else None)
    if wide != dtype:
        result.nodes = [number]
        result = state.hold(result, name, how.spare, dtype)
    state.values[node.outputs[0]] = result


def _fold(state: Lowering, node: Any, number: int, how: ir.Reduction, several: Vector) -> bool:
    """Combine a short vector of numbers known outside loops, if it is one; whether it was."""
    dtype = node.outputs[0].type.dtype
    if not several.items or not all(isinstance(item, Scalar) for item in several.items):
        return False
    whole = getattr(node.op, "acc_dtype", None) in (None, dtype)
    if not whole or isinstance(node.op, ProdWithoutZeros):
        return False
    parts = [cast(item.at([]), dtype) for item in several.items]
    while len(parts) > 1:
        joined: ir.Expression = ir.Apply(dtype, how.operator, (parts[0], parts[1]))
        twice = how in (
            ir.Reduction.LARGEST,
            ir.Reduction.SMALLEST,
        )  # the text would name an operand several times
        parts[:2] = [state.let(dtype, joined, number) if twice else joined]
    found = (
        parts[0]
        if isinstance(parts[0], ir.Named | ir.Literal | ir.Length)
        else state.let(dtype, parts[0], number)
    )
    state.values[node.outputs[0]] = Scalar(dtype, [], found, nodes=[*several.nodes, number])
    return True


def argmax(state: Lowering, node: Any, number: int) -> None:
    """Position of the first largest element (or first NaN), counted in C order over the axes combined."""
    view = state.element(node.inputs[0])
    view = view if isinstance(view, View) else state.refresh(node.inputs[0])
    axes = _axes(node.op.axis, len(view.dims))
    _refuse_empty(state, view.dims, axes, "attempt to get argmax of an empty sequence")
    name = node.outputs[0].name
    state.values[node.outputs[0]] = _combined(state, ir.Reduction.ARGMAX, view, axes, number, "int64", name)


def softmax(state: Lowering, node: Any, number: int) -> None:
    """e^(x − max) / Σ e^(x − max), or its logarithm x − max − log Σ e^(x − max).

    What the two have in common is computed once where a graph takes both of the same variable.
    """
    value = state.refresh(node.inputs[0])
    axes = _axes(node.op.axis, len(value.dims))
    dtype = node.outputs[0].type.dtype

    def formula(build: Callable[[Indices], ir.Expression], dims: list[ir.Dim] = value.dims) -> Formula:
        return Formula(dtype, list(dims), build, nodes=[number])

    def over(elements: Value, how: ir.Reduction, spare: str) -> View:
        return _combined(state, how, elements, axes, number, dtype, None, spare)

    def rest(indices: Indices) -> Indices:
        return [i for a, i in enumerate(indices) if a not in axes]

    key = "softmax", node.inputs[0], tuple(axes)
    if key not in state.shared:
        largest = over(value, ir.Reduction.LARGEST, "largest")

        def shifted(indices: Indices) -> ir.Expression:
            return value.at(indices) - largest.at(rest(indices))

        powers = state.hold(formula(lambda i: call("exp", [shifted(i)], dtype)), None, "power")
        state.shared[key] = shifted, powers, over(powers, ir.Reduction.SUM, "total")
    shifted, powers, total = state.shared[key]
    if isinstance(node.op, LogSoftmax):
        logarithms = formula(lambda i: call("log", [total.at(i)], dtype), total.dims)
        logarithm = state.hold(logarithms, None, "log_total")
        result = formula(lambda i: shifted(i) - logarithm.at(rest(i)))
    else:
        result = formula(lambda i: powers.at(i) / total.at(rest(i)))
    state.keep(node.outputs[0], result, number)
