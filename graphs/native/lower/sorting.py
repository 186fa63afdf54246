"""Sorting along an axis, by NumPy's own functions; looking up in what is sorted.

Ties come out as NumPy has them: where the kind is not stable, in an order that hangs on NumPy's version and the
processor, as in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pytensor.graph.basic import Constant
from pytensor.tensor.sort import ArgSortOp

import graphs.native.statements as ir
from graphs.native.lower.scalars import cast
from graphs.native.lower.state import Formula, Indices, Lowering, Value, View
from graphs.native.program import OpUnknown

__all__: list[str] = []  # reached through the table in lower/__init__.py


def sort(state: Lowering, node: Any, number: int) -> None:
    """Numbers, or their places, in order along an axis: a copy whose last axis that is, sorted row by row."""
    op, variable, out = node.op, node.inputs[0], node.outputs[0]
    value, dtype = state.element(variable), variable.type.dtype
    rank, places = len(value.dims), isinstance(op, ArgSortOp)
    kind = "_stable" if op.kind in ("stable", "mergesort") else ""
    function = state.outside(f"numpy.{'argsort' if places else 'sort'}{kind}_{dtype}")
    axis = _axis(node, rank)
    order = [*(k for k in range(rank) if k != axis), axis]
    numbers = _turned(state, value, order, None if places else out.name, number, copied=not places)
    rows = ir.product(dim.length for dim in numbers.dims[:-1])
    lengths: list[ir.Argument] = [
        rows,
        numbers.dims[-1].length,
        ir.Literal("int64", np.dtype(dtype).itemsize),
    ]
    target = state.array(out.name, "int64", numbers.dims, "order") if places else numbers.array
    arrays = [numbers.array, target] if places else [target]
    called = "argsort_rows" if places else "sort_rows"
    order_of = f"the places in {numbers.array.name} in the order of what is there"
    formula = f"{target.name} = {order_of if places else f'{target.name} in order'}"
    failed = ir.Named("int64", state.name("failed"))
    arguments: list[ir.Argument] = [function, *lengths, *arrays]
    state.call(ir.Call(called, arguments, arrays, [target], formula, [*numbers.nodes, number], failed))
    state.check(ir.compare(failed, "!=", 0), "MemoryError", f"no memory for {op}")
    sorted_rows = state.whole(target)
    state.promise(sorted_rows.dims, [out.type.shape[k] for k in order], f"in {op}")
    dims = [sorted_rows.dims[order.index(k)] for k in range(rank)]
    state.values[out] = sorted_rows.moved(dims, dict(enumerate(order)))


def _axis(node: Any, rank: int) -> int:
    """Along which axis a node sorts."""
    if hasattr(node.op, "axis"):
        axis = int(node.op.axis)
    elif isinstance(node.inputs[1], Constant):  # as PyTensor 3.0 has it
        axis = int(node.inputs[1].data)
    else:
        raise OpUnknown(f"{node.op} along an axis that is not constant")
    if not -rank <= axis < rank:
        raise OpUnknown(f"{node.op} along an axis that is not there")
    return axis % rank


def _turned(
    state: Lowering, value: Value, order: list[int], name: str | None, number: int, *, copied: bool
) -> View:
    """A value in C order with its axes in another order; in memory of its own where it is `copied`."""
    same = isinstance(value, View) and value.whole and value.array.kind == "scratch"
    if same and not copied and order == sorted(order):
        return value  # type: ignore[return-value]  # a View, as was asked

    def build(indices: Indices) -> ir.Expression:
        return value.at([indices[order.index(k)] for k in range(len(order))])

    dims = [value.dims[k] for k in order]
    return state.hold(Formula(value.dtype, dims, build, nodes=[*value.nodes, number]), name, "row")


SEARCHED = {"float64": "double", "int64": "int64_t", "uint64": "uint64_t"}


def search_sorted(state: Lowering, node: Any, number: int) -> None:
    """Where values belong in a sorted vector."""
    if len(node.inputs) != 2:
        raise OpUnknown(f"{node.op} by way of a sorter")
    dtypes = [v.type.dtype for v in node.inputs]
    common = np.promote_types(*dtypes)
    dtype = common.name if common in (np.int64, np.uint64) else "float64" if common.kind == "f" else "int64"
    if not {*dtypes} <= {*ir.DTYPES} or common.itemsize > 8:
        raise OpUnknown(f"{node.op} of {common}")
    row, values = (_as(state, state.element(v), dtype, number) for v in node.inputs)
    target = state.array(node.outputs[0].name, "int64", values.dims, "places")
    arrays = [row.array, values.array]
    many = ir.product(dim.length for dim in values.dims)
    after = ir.Literal("int64", int(node.op.side == "right"))
    arguments: list[ir.Argument] = [after, row.dims[0].length, many, *arrays, target]
    formula = f"{target.name} = where {values.array.name} belongs in {row.array.name}"
    nodes = [*row.nodes, *values.nodes, number]
    state.call(ir.Call(f"search_sorted_{SEARCHED[dtype]}", arguments, arrays, [target], formula, nodes))
    state.values[node.outputs[0]] = state.whole(target)


def _as(state: Lowering, value: Value, dtype: str, number: int) -> View:
    """A value as whole memory in C order, of a dtype."""
    if isinstance(value, View) and value.whole and value.array.kind == "scratch" and value.dtype == dtype:
        return value
    nodes = [*value.nodes, number]
    return state.hold(Formula(dtype, value.dims, lambda i: cast(value.at(i), dtype), nodes=nodes))
