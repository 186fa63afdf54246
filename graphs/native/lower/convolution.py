"""Convolutions of one and of two axes, and batches of them: sums of shifted products, one row along memory at a time."""

from __future__ import annotations

from typing import Any

from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.signal import conv

import graphs.native.statements as ir
from graphs.native.lower.scalars import cast
from graphs.native.lower.state import Formula, Indices, Lowering, Value, View
from graphs.native.program import OpUnknown

__all__ = ["CONVOLUTIONS", "convolve"]

CONVOLUTIONS = (conv.Convolve1d, conv.Convolve2d)


def convolve(state: Lowering, node: Any, number: int) -> None:
    """Both inputs convolved over their last axes; the others are a batch. Whether in full is known at the call."""
    op = node.op.core_op if isinstance(node.op, Blockwise) else node.op
    rank, dtype = op.ndim, node.outputs[0].type.dtype
    if dtype not in ("float64", "float32"):
        raise OpUnknown(f"{node.op} of {dtype}")
    full = cast(state.number(node.inputs[2]), "bool")
    values = [state.element(v) for v in node.inputs[:2]]
    leading = [state.one] * (node.outputs[0].type.ndim - rank)
    for value in values:
        state.broadcast(leading, value.dims[:-rank], f"in {node.op}")
    blocks = [_block(state, value, leading, rank, dtype) for value in values]
    ours, theirs = ([dim.length for dim in block.dims[-rank:]] for block in blocks)
    for length in (*ours, *theirs):
        state.check(ir.compare(length, "==", 0), "ValueError", f"{node.op} of something empty")
    if rank == 2:
        crossed = [ir.compare(a, relation, b) for a, b, relation in zip(ours, theirs, "<>", strict=True)]
        other = [ir.compare(a, relation, b) for a, b, relation in zip(ours, theirs, "><", strict=True)]
        both = ir.Apply(
            "bool", "|", (ir.Apply("bool", "&", tuple(crossed)), ir.Apply("bool", "&", tuple(other)))
        )
        bad = ir.Apply("bool", "&", (ir.compare(full, "==", 0), both))
        state.check(bad, "ValueError", f"{node.op}: neither input is the larger one along every axis")
    dims = [*leading, *(_extent(state, a, b, full, node) for a, b in zip(ours, theirs, strict=True))]
    target = state.array(node.outputs[0].name, dtype, dims, "convolved")
    batch = ir.product(dim.length for dim in leading)
    one: list[ir.Expression] = [ir.ONE] * (2 - rank)
    arrays = [block.array for block in blocks]
    names = [array.name for array in arrays]
    function = "convolve" if dtype == "float64" else "convolvef"
    arguments: list[ir.Argument] = [full, batch, *one, *ours, *one, *theirs, *arrays, target]
    nodes = [*(n for value in values for n in value.nodes), number]
    formula = f"{target.name} = {names[0]} convolved with {names[1]}"
    state.call(ir.Call(function, arguments, arrays, [target], formula, nodes))
    result = state.whole(target)
    state.promise(result.dims, node.outputs[0].type.shape, f"in {node.op}")
    state.values[node.outputs[0]] = result


def _block(state: Lowering, value: Value, leading: list[ir.Dim], rank: int, dtype: str) -> View:
    """An input in C order, repeated for the batch where it has fewer."""
    dims = [*leading, *value.dims[-rank:]]
    same = len(dims) == len(value.dims) and all(
        a.find() is b.find() for a, b in zip(dims, value.dims, strict=True)
    )
    if (
        same
        and value.dtype == dtype
        and isinstance(value, View)
        and value.whole
        and value.array.kind == "scratch"
    ):
        return value

    def build(indices: Indices) -> ir.Expression:
        return cast(value.at(indices[len(indices) - len(value.dims) :]), dtype)

    return state.hold(Formula(dtype, dims, build, nodes=value.nodes))


def _extent(state: Lowering, a: ir.Expression, b: ir.Expression, full: ir.Expression, node: Any) -> ir.Dim:
    """How long an axis of the result is."""
    difference = ir.choose(ir.compare(a, "<", b), b - a, a - b)
    length = ir.choose(ir.compare(full, "!=", 0), a + b - 1, difference + 1)
    if isinstance(full, ir.Literal) and isinstance(a, ir.Literal) and isinstance(b, ir.Literal):
        return state.fixed(int(a.value + b.value - 1 if full.value else abs(a.value - b.value) + 1))
    return state.dim(length, f"an axis of {node.op}")
