"""One node, or a whole graph, by each Op's own Python.

On copies of what an Op would overwrite, so that only the formula counts and not the memory.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import Mode
from pytensor.compile.ops import deep_copy_op
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import Op
from pytensor.link.vm import VMLinker
from pytensor.scalar.basic import Composite
from pytensor.scan.op import Scan
from pytensor.tensor.basic import AllocEmpty, as_tensor
from pytensor.tensor.elemwise import CAReduce, Elemwise

__all__ = ["perform", "quietly", "run_graph"]

NUMPY_OPERANDS = 32


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Overflow and division by zero are what is being looked at, not a surprise."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def perform(node: Apply, variables: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Run the Python implementation of a node's Op once.

    `variables` are what the node reads in the snapshot at hand (its own inputs may be others by now), `values`
    theirs; they are copied where the Op overwrites them.
    """
    op = node.op
    if _is_computed_here(op, len(values) + len(node.outputs)):
        return _computed_here(node, values)
    if isinstance(op, Scan):
        op = _scan_in_python(op)
    overwritten = _overwritten(op)
    # One variable per position: a node may read the same one twice and overwrite it once.
    inputs = [variable.clone() for variable in variables]
    apply = Apply(op, inputs, [output.clone() for output in node.outputs])
    storage: dict[Any, list[Any]] = {output: [None] for output in apply.outputs}
    for i, (variable, value) in enumerate(zip(inputs, values, strict=True)):
        storage[variable] = [copy.deepcopy(value) if i in overwritten else value]
    computed = {variable: [variable.owner is None] for variable in storage}
    thunk = op.make_thunk(apply, storage, computed, no_recycling=[], impl="py")
    thunk()
    return [storage[output][0] for output in apply.outputs]


def _is_computed_here(op: Any, operands: int) -> bool:
    """Whether an Op's own Python is no witness for what it computes, or there is none."""
    if isinstance(op, Elemwise):
        return isinstance(op.scalar_op, Composite) or operands > NUMPY_OPERANDS
    if isinstance(op, CAReduce):
        return isinstance(op.scalar_op, Composite)
    return isinstance(op, OpFromGraph | AllocEmpty) or type(op).__name__ == "JAXShapeTuple"


def _computed_here(node: Apply, values: Sequence[Any]) -> list[Any]:
    op = node.op
    if isinstance(op, Elemwise):
        if isinstance(op.scalar_op, Composite):
            with contextlib.suppress(_NotApart):
                return run_graph(_taken_apart(op.scalar_op, tuple(v.type for v in node.inputs)), values)
        return _wide_elemwise(node, values)
    if isinstance(op, CAReduce):
        return [_fused_reduction(node, values[0])]
    if isinstance(op, OpFromGraph):
        return run_graph(op.fgraph, values)
    if isinstance(op, AllocEmpty):  # anything may stand there: the same each time, then
        return [np.zeros(tuple(int(n) for n in values), dtype=op.dtype)]
    # JAX's shapes, whose Python takes other arguments than any linker gives
    return [np.array([int(n) for n in values], dtype=node.outputs[0].type.dtype)]


class _ComputedHere(Op):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Stands within a loop for an Op that is computed here."""

    def __init__(self, node: Apply) -> None:
        self.node = node

    def make_node(self, *inputs: Any) -> Apply:
        return Apply(self, inputs, [output.type() for output in self.node.outputs])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        for cell, value in zip(outputs, _computed_here(self.node, inputs), strict=True):
            cell[0] = value


def run_graph(fgraph: Any, values: Sequence[Any]) -> list[Any]:
    """Evaluate a whole graph Op by Op on these values of its inputs."""
    known = dict(zip(fgraph.inputs, values, strict=True))

    def read(variable: Any) -> Any:
        return variable.data if isinstance(variable, Constant) else known[variable]

    for node in fgraph.toposort():
        results = perform(node, node.inputs, [read(variable) for variable in node.inputs])
        known.update(zip(node.outputs, results, strict=True))
    return [read(variable) for variable in fgraph.outputs]


def _scan_in_python(op: Scan) -> Scan:
    """The same loop, run by Python, and no memory that it overwrites is anybody else's.

    A linker may leave an inner graph that works in place where its own compiled loop may, and Python's loop,
    which hands on what it was given, may not.
    """
    graph = _with_copies(op.fgraph)
    if hasattr(op, "clone_with_inner_graph"):  # PyTensor 3.3, whose inner graphs are frozen
        twin = op.clone_with_inner_graph(graph)
        twin.mode = "FAST_COMPILE"
        return twin
    twin = copy.copy(op)
    twin.fgraph, twin.mode = graph, "FAST_COMPILE"
    mode = Mode(VMLinker(use_cloop=False, c_thunks=False), "fast_compile")
    ins, outs = twin.prepare_fgraph(graph)
    twin._fn = mode.function_maker(
        ins, outs, mode=mode, accept_inplace=True, on_unused_input="ignore", fgraph=graph
    ).create()
    return twin


def _with_copies(fgraph: Any) -> FunctionGraph:
    """A graph that computes the same, in which an Op that overwrites what it reads has a copy of it."""
    known = {variable: variable.type(name=variable.name) for variable in fgraph.inputs}

    def own(variable: Any) -> Any:
        return variable if isinstance(variable, Constant) else known[variable]

    for node in fgraph.toposort():
        reads = [own(variable) for variable in node.inputs]
        for i in _overwritten(node.op):
            reads[i] = deep_copy_op(reads[i])
        op = node.op
        if isinstance(op, Scan):
            op = _scan_in_python(op)
        elif _is_computed_here(op, len(node.inputs) + len(node.outputs)):
            op = _ComputedHere(node)
        twin = Apply(op, reads, [output.type(name=output.name) for output in node.outputs])
        known.update(zip(node.outputs, twin.outputs, strict=True))
    return FunctionGraph([*map(own, fgraph.inputs)], [*map(own, fgraph.outputs)], clone=False)


class _NotApart(Exception):
    """An operation within a fused one does not map over arrays."""


@lru_cache(maxsize=256)
def _taken_apart(fused: Composite, types: tuple[Any, ...]) -> FunctionGraph:
    """The operations within a fused one, each on whole arrays.

    Fused, PyTensor's Python gives each one Python's own numbers, which neither wrap around as small integers do
    nor keep a dtype: a reciprocal of them has the digits of float32.
    """
    inputs = [kind() for kind in types]
    known: dict[Any, Any] = dict(zip(fused.fgraph.inputs, inputs, strict=True))
    for node in fused.fgraph.toposort():
        reads = [as_tensor(v.data) if isinstance(v, Constant) else known[v] for v in node.inputs]
        outputs = Elemwise(node.op).make_node(*reads).outputs
        if len(outputs) < len(node.outputs):
            raise _NotApart
        known.update(zip(node.outputs, outputs, strict=True))
    outputs = [as_tensor(v.data) if isinstance(v, Constant) else known[v] for v in fused.fgraph.outputs]
    return FunctionGraph(inputs, outputs, clone=False)


def _overwritten(op: Any) -> set[int]:
    """Which of its inputs an Op overwrites."""
    return {i for inputs in (op.destroy_map or {}).values() for i in inputs}


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
