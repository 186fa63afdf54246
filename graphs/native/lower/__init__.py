"""Apply nodes → statements: one file for each family of Ops, and one table that says which Op is whose."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pytensor.compile.ops import DeepCopyOp, ViewOp
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import ScalarOp
from pytensor.scan.op import Scan
from pytensor.tensor import basic, subtensor
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.extra_ops import CumOp, SearchsortedOp
from pytensor.tensor.math import Argmax, Dot
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.random.type import RandomType
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.sort import ArgSortOp, SortOp
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor
from pytensor.tensor.type import TensorType

import graphs.native.statements as ir
from graphs.native.lower import (
    convolution,
    drawing,
    elementwise,
    gathering,
    indexing,
    linear_algebra,
    performing,
    recurring,
    reductions,
    sorting,
)
from graphs.native.lower.scalars import ScalarOpUnknown
from graphs.native.lower.state import Kept, Lowering, Scalar, Stream, View
from graphs.native.program import OpUnknown

__all__ = ["LOWERINGS", "lower"]


def _blockwise(state: Lowering, node: Any, number: int) -> None:
    """The Op inside, for every matrix of a batch."""
    inner = node.op.core_op
    lowering = linear_algebra.linear_algebra
    if isinstance(inner, Dot):
        lowering = reductions.dot
    elif isinstance(inner, convolution.CONVOLUTIONS):
        lowering = convolution.convolve
    lowering(state, node, number)


# By class; a class that is not here is lowered as its nearest base that is.
LOWERINGS: dict[type, Callable[[Lowering, Any, int], None]] = {
    Elemwise: elementwise.elemwise,
    ScalarOp: elementwise.elemwise,
    DimShuffle: elementwise.dimshuffle,
    basic.Alloc: elementwise.alloc,
    basic.AllocEmpty: elementwise.alloc,
    basic.MakeVector: elementwise.make_vector,
    basic.ScalarFromTensor: elementwise.same,
    basic.TensorFromScalar: elementwise.same,
    ViewOp: elementwise.same,
    DeepCopyOp: elementwise.same,
    SpecifyShape: elementwise.specify_shape,
    CheckAndRaise: elementwise.check_and_raise,
    basic.ARange: elementwise.arange,
    basic.Eye: elementwise.eye,
    Shape_i: indexing.shape_i,
    Shape: indexing.shape,
    Reshape: indexing.reshape,
    Subtensor: indexing.subtensor,
    IncSubtensor: indexing.inc_subtensor,
    basic.Join: indexing.join,
    basic.Split: gathering.split,
    basic.Nonzero: gathering.nonzero,
    CumOp: recurring.cumulative,
    Scan: recurring.scan,
    AdvancedSubtensor: gathering.advanced_subtensor,
    AdvancedIncSubtensor: gathering.advanced_inc_subtensor,
    basic.ExtractDiag: indexing.extract_diagonal,
    Dot: reductions.dot,
    Blockwise: _blockwise,
    BatchedDot: reductions.dot,
    CAReduce: reductions.reduce,
    Argmax: reductions.argmax,
    Softmax: reductions.softmax,
    LogSoftmax: reductions.softmax,
    RandomVariable: drawing.draw,
    SortOp: sorting.sort,
    ArgSortOp: sorting.sort,
    SearchsortedOp: sorting.search_sorted,
    **dict.fromkeys(linear_algebra.CORES, linear_algebra.linear_algebra),
    **dict.fromkeys(convolution.CONVOLUTIONS, convolution.convolve),
    basic.AllocDiag: indexing.alloc_diagonal,
}

# Of one index; PyTensor 3.3 has no such Ops any more.
for _name, _lowering in (
    ("AdvancedSubtensor1", gathering.advanced_subtensor),
    ("AdvancedIncSubtensor1", gathering.advanced_inc_subtensor),
):
    if hasattr(subtensor, _name):
        LOWERINGS[getattr(subtensor, _name)] = _lowering

Inside = Callable[[Any], Any]  # an Op with a graph of its own → that, as a FunctionGraph after its rewrites


def lower(
    fgraph: Any, layouts: str = "", *, perform: bool = False, inside: Inside = lambda op: op.fgraph
) -> ir.Computation:
    """Statements for a whole FunctionGraph after its rewrites, which is only read.

    `layouts` has one letter per input, see :class:`graphs.native.statements.Array`; default: ``C`` for all. Nodes that
    have no lowering are performed by Python where `perform` is set. `inside` gives the graph inside an Op, rewritten.

    Raises :class:`OpUnknown` if some Op, or dtype, has no lowering otherwise.
    """
    performed: dict[int, str] = {}
    while True:
        try:
            return _lowered(fgraph, layouts, performed, inside)
        except NodeUnknown as unknown:
            # begun anew: what was stated of the node before it turned out to be unknown is forgotten
            if not perform or unknown.number in performed:
                raise
            performed[unknown.number] = str(unknown)


class NodeUnknown(OpUnknown):
    """A node that has no lowering; `number` is its place in the topological order."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


def _lowered(fgraph: Any, layouts: str, performed: Mapping[int, str], inside: Inside) -> ir.Computation:
    made = ir.Computation(_title(fgraph), layouts or "C" * len(fgraph.inputs))
    state = Lowering(fgraph, made, lower_node, inside)
    state.made.inputs += [_input(state, k, variable) for k, variable in enumerate(fgraph.inputs)]
    for number, node in enumerate(state.order):
        try:
            if number in performed:
                performing.perform(state, node, number, performed[number])
            else:
                lower_node(state, node, number)
        except OpUnknown as unknown:
            raise NodeUnknown(number, str(unknown)) from None
    state.made.outputs += [_output(state, k, variable) for k, variable in enumerate(fgraph.outputs)]
    return state.made


def lower_node(state: Lowering, node: Any, number: int) -> None:
    """State what one Apply node computes; `number` is its place in the function's topological order."""
    lowering = next((LOWERINGS[kind] for kind in type(node.op).__mro__ if kind in LOWERINGS), None)
    if lowering is None:
        raise OpUnknown(f"the Op {node.op}")
    if getattr(node.op, "destroy_map", None):
        raise OpUnknown(f"the Op {node.op}, which works in place")
    if lowering is not drawing.draw and any(isinstance(state.values.get(v), Kept) for v in node.inputs):
        raise OpUnknown(f"the Op {node.op} of something that is no array of numbers")
    try:
        lowering(state, node, number)
    except ScalarOpUnknown as unknown:
        raise OpUnknown(f"{unknown} in {node.op}") from None


def _title(fgraph: Any) -> str:
    """First line of the C file."""
    # a variable may be called anything, "*/" included
    names = [re.sub(r"[^\w .]+", " ", v.name or "an output") for v in fgraph.outputs]
    return f"From a PyTensor graph of {len(fgraph.apply_nodes)} Apply nodes to {', '.join(names)}."


def _is_symmetric(variable: Any) -> bool:
    """Whether whoever made a matrix promises that it equals its transpose, to the bit.

    The promise stands in the variable's ``tag``: PyTensor's place for what others know about a variable, and
    the only one that goes along where it clones the graph, as it does for every function. Its Type could say
    it too, but rewrites compare Types and would no longer match.
    """
    return variable.type.ndim == 2 and getattr(variable.tag, "symmetric", False) is True


def _input(state: Lowering, position: int, variable: Any) -> ir.Array | None:
    kind = variable.type
    if type(kind) is not TensorType or kind.dtype not in ir.DTYPES:
        if isinstance(kind, RandomType):
            generator = ir.Generator(state.name(variable.name, f"random{position}"), position)
            state.values[variable] = Stream("object", [], generator, state.made.generators)
        else:
            state.values[variable] = Kept("object", [])
        return None
    name = state.name(variable.name, f"input{position}")
    array = ir.Array(name, kind.dtype, [], "input", layout=state.made.layouts[position])
    array.symmetric = _is_symmetric(variable)
    for axis, length in enumerate(kind.shape):
        dim = state.dim(ir.Measured("int64", array, axis), f"axis {axis} of {name}")
        state.promise([dim], [length], f"the static shape of {name}")
        array.dims.append(dim.find())
    scalar = Scalar(kind.dtype, [], ir.Named(kind.dtype, name))
    state.values[variable] = state.whole(array) if array.dims else scalar
    return array


def _output(state: Lowering, position: int, variable: Any) -> ir.Array | None:
    value = state.value(variable)
    if isinstance(value, Kept):
        return None
    own = isinstance(value, View) and value.whole and value.array.kind == "scratch"
    if not (isinstance(value, View) and own and value.array.memory_of is None):
        updated = (getattr(state.fgraph, "update_mapping", None) or {}).get(position)
        before = None if updated is None else state.made.inputs[updated]
        name = None if before is None else f"new_{before.name}"
        value = state.hold(state.element(variable), variable.name or name, f"out{position}")
    value.array.kind = "output"
    return value.array
