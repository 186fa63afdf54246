"""One Op, or a whole graph of them, run by Python on given values; nothing given is overwritten."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply, Constant
from pytensor.scalar.basic import Composite
from pytensor.scan.op import Scan
from pytensor.tensor.basic import AllocEmpty
from pytensor.tensor.elemwise import CAReduce, Elemwise

__all__ = ["perform", "run_graph"]

NUMPY_OPERANDS = 32


def perform(node: Apply, variables: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Run the Python implementation of a node's Op once.

    Parameters
    ----------
    node : Apply
        Gives the Op and the Types of the outputs.
    variables : sequence of Variable
        What the node reads in the snapshot at hand (its own inputs may be others by now).
    values : sequence
        Their values; copied where the Op overwrites them.
    """
    op = node.op
    if isinstance(op, Elemwise) and len(values) + len(node.outputs) > NUMPY_OPERANDS:
        return _wide_elemwise(node, values)
    if isinstance(op, CAReduce) and isinstance(op.scalar_op, Composite):
        return [_fused_reduction(node, values[0])]
    if isinstance(op, OpFromGraph):
        return run_graph(op.fgraph, values)
    if isinstance(op, AllocEmpty):  # anything may stand there: the same each time, then
        return [np.zeros(tuple(int(n) for n in values), dtype=op.dtype)]
    if isinstance(op, Scan):
        op = _scan_in_python(op)
    overwritten = {i for ins in (op.destroy_map or {}).values() for i in ins}
    # One variable per position: a node may read the same one twice and overwrite it once.
    inputs = [variable.clone() for variable in variables]
    apply = Apply(op, inputs, [output.clone() for output in node.outputs])
    storage: dict[Any, list[Any]] = {}
    computed: dict[Any, list[bool]] = {}
    for i, (variable, value) in enumerate(zip(inputs, values, strict=True)):
        storage[variable] = [copy.deepcopy(value) if i in overwritten else value]
        computed[variable] = [True]
    for output in apply.outputs:
        storage[output] = [None]
        computed[output] = [False]
    thunk = op.make_thunk(apply, storage, computed, no_recycling=[], impl="py")
    thunk()
    return [storage[output][0] for output in apply.outputs]


def run_graph(fgraph: Any, values: Sequence[Any]) -> list[Any]:
    """Evaluate a whole graph Op by Op.

    Parameters
    ----------
    fgraph : FunctionGraph
    values : sequence
        Of its inputs.
    """
    known = dict(zip(fgraph.inputs, values, strict=True))

    def read(variable: Any) -> Any:
        return variable.data if isinstance(variable, Constant) else known[variable]

    for node in fgraph.toposort():
        results = perform(node, node.inputs, [read(variable) for variable in node.inputs])
        known.update(zip(node.outputs, results, strict=True))
    return [read(variable) for variable in fgraph.outputs]


def _scan_in_python(op: Scan) -> Scan:
    """The same loop, run by Python.

    Compiling a Scan's inner function may edit its inner graph in place, so an Op that has not
    been linked yet is left alone, and one that has been keeps its function.
    """
    if getattr(op, "_fn", None) is not None:
        return op
    twin = op.clone()
    twin = copy.copy(op) if twin is op else twin
    twin.mode = "FAST_COMPILE"
    return twin


def _fused_reduction(node: Apply, value: Any) -> Any:
    """The sum of ``f(x)``, made one Op by fusion for C, as the C code computes it.

    Its Python begins with the first entry itself and not with ``f`` of it, and leaves something
    on the Op that cannot be pickled, which PyTensor's cache of C code tries to.
    """
    op, result = node.op, node.outputs[0].type
    axes = tuple(range(value.ndim)) if op.axis is None else tuple(op.axis)
    entries = np.moveaxis(np.asarray(value, dtype=op.acc_dtype or result.dtype), axes, range(len(axes)))
    rows = entries.reshape(-1, *entries.shape[len(axes) :])
    total = np.full(rows.shape[1:], op.scalar_op.identity, dtype=rows.dtype)
    joined = np.frompyfunc(op.scalar_op.impl, 2, 1)
    for row in rows:
        total = np.asarray(joined(total, row), dtype=rows.dtype)
    return np.asarray(total, dtype=result.dtype)


def _wide_elemwise(node: Apply, values: Sequence[Any]) -> list[Any]:
    """An elementwise Op of more operands than a NumPy ufunc takes, entry by entry."""
    scalar = node.op.scalar_op
    arrays = np.broadcast_arrays(*values)
    rows = zip(*(array.flat for array in arrays), strict=True)
    entries = [scalar.impl(*row) for row in rows]
    columns = zip(*entries, strict=True) if len(node.outputs) > 1 else [entries]
    return [
        np.asarray(list(column), dtype=output.type.dtype).reshape(arrays[0].shape)
        for column, output in zip(columns, node.outputs, strict=True)
    ]
