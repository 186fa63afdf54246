"""Any Op at all, performed by Python in the middle of the C function: what a graph with an unknown Op runs around."""

from __future__ import annotations

from typing import Any

from pytensor.graph.basic import Constant
from pytensor.scalar.basic import ScalarType
from pytensor.tensor.type import TensorType

import graphs.native.statements as ir
from graphs.native.lower.state import Kept, Lowering

__all__ = ["is_array", "perform"]


def is_array(variable: Any) -> bool:
    """Whether a variable is an array, or one scalar, of numbers that there are statements for."""
    return type(variable.type) in (TensorType, ScalarType) and variable.type.dtype in ir.DTYPES


def perform(state: Lowering, node: Any, number: int, why: str) -> None:
    """A call of Python, which is told where the node's inputs are in memory, and tells where its outputs are.

    Inputs and outputs that are no arrays of numbers (a random generator, complex numbers) stay in Python's hands.
    """
    arguments: list[ir.Argument] = [str(number)]
    reads: list[ir.Array] = []
    for variable in node.inputs:
        if isinstance(variable, Constant) or not is_array(variable):
            continue  # Python has it
        if variable in state.fgraph.inputs and isinstance(variable.type, TensorType):
            arguments.append(f"in[{state.fgraph.inputs.index(variable)}]")
            continue
        reads.append(state.block(variable))
        arguments.append(reads[-1])
    given = {}
    for variable in node.outputs:
        if is_array(variable):
            ones = [state.one] * variable.type.ndim  # for now: the lengths are what the call tells
            given[variable] = ir.Array(state.name(variable.name, "given"), variable.type.dtype, ones, "given")
        else:
            state.values[variable] = Kept("object", [])
    if "perform" not in state.made.functions:
        state.made.functions.append("perform")
    state.made.performed.append((number, why))
    formula = f"Python performs {_named(node.op)}"
    state.call(ir.Call("perform", arguments, reads, list(given.values()), formula, [number]))
    for variable, array in given.items():
        array.dims = [
            state.dim(ir.Measured("int64", array, axis), f"axis {axis} of {array.name}")
            for axis in range(len(array.dims))
        ]
        state.promise(array.dims, variable.type.shape, f"the static shape of {_named(node.op)}")
        array.dims = [dim.find() for dim in array.dims]
        state.values[variable] = state.whole(array)
        if not array.dims:
            state.number(variable)


def _named(op: Any) -> str:
    """An Op's name as it may stand in a comment."""
    name = " ".join(str(op).replace("*/", "* /").split())
    return name if len(name) <= 60 else f"{name[:57]}..."
