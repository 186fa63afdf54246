"""Apply nodes → statements: one file for each family of Ops, and one table that says which Op is whose."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pytensor.compile.ops import DeepCopyOp, ViewOp
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import ScalarOp
from pytensor.tensor import basic
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Argmax, Dot
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import IncSubtensor, Subtensor
from pytensor.tensor.type import TensorType

import graphs.native.statements as ir
from graphs.native.lower import elementwise, indexing, reductions
from graphs.native.lower.scalars import ScalarOpUnknown
from graphs.native.lower.state import Lowering, Scalar, Vector, View
from graphs.native.program import OpUnknown

__all__ = ["LOWERINGS", "lower"]

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
    basic.ExtractDiag: indexing.extract_diagonal,
    Dot: reductions.dot,
    Blockwise: reductions.dot,
    BatchedDot: reductions.dot,
    CAReduce: reductions.reduce,
    Argmax: reductions.argmax,
    Softmax: reductions.softmax,
    LogSoftmax: reductions.softmax,
}


def lower(fgraph: Any, layouts: str = "") -> ir.Computation:
    """Statements for a whole FunctionGraph.

    Parameters
    ----------
    fgraph : FunctionGraph
        After its rewrites; it is only read.
    layouts : str
        One letter per input, see :class:`graphs.native.statements.Array`; default: ``C`` for all.

    Raises
    ------
    OpUnknown
        If some Op, or dtype, has no lowering.
    """
    state = Lowering(fgraph, ir.Computation(_title(fgraph), layouts or "C" * len(fgraph.inputs)))
    for variable in fgraph.inputs:
        state.made.inputs.append(_input(state, variable))
    for number, node in enumerate(state.order):
        lowering = next((LOWERINGS[kind] for kind in type(node.op).__mro__ if kind in LOWERINGS), None)
        if lowering is None:
            raise OpUnknown(f"the Op {node.op}")
        if getattr(node.op, "destroy_map", None):
            raise OpUnknown(f"the Op {node.op}, which works in place")
        try:
            lowering(state, node, number)
        except ScalarOpUnknown as unknown:
            raise OpUnknown(f"{unknown} in {node.op}") from None
    for position, variable in enumerate(fgraph.outputs):
        state.made.outputs.append(_output(state, variable, position))
    return state.made


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


def _input(state: Lowering, variable: Any) -> ir.Array:
    kind, position = variable.type, len(state.made.inputs)
    if type(kind) is not TensorType or kind.dtype not in ir.DTYPES:
        raise OpUnknown(f"an input of type {kind}")
    name = state.name(variable.name, f"input{position}")
    array = ir.Array(name, kind.dtype, [], "input", layout=state.made.layouts[position])
    array.symmetric = _is_symmetric(variable)
    for axis, length in enumerate(kind.shape):
        dim = state.dim(ir.Measured("int64", array, axis), f"axis {axis} of {name}")
        state.promise([dim], [length], f"the static shape of {name}")
        array.dims.append(dim.find())
    state.values[variable] = (
        state.whole(array) if array.dims else Scalar(kind.dtype, [], ir.Named(kind.dtype, name))
    )
    return array


def _output(state: Lowering, variable: Any, position: int) -> ir.Array:
    value = state.value(variable)
    own = isinstance(value, View) and value.whole and value.array.kind == "scratch"
    if not (isinstance(value, View) and own and value.array.memory_of is None):
        name = variable.name or _updated(state, position)
        value = state.solid(value) if isinstance(value, Vector) else value
        value = state.hold(value, name, f"out{position}")
    value.array.kind = "output"
    return value.array


def _updated(state: Lowering, position: int) -> str | None:
    """A name for an output that becomes the value of an input."""
    target = (getattr(state.fgraph, "update_mapping", None) or {}).get(position)
    return None if target is None else f"new_{state.made.inputs[target].name}"
