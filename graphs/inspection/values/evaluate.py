"""Every snapshot evaluated: what each rewrite did to the numbers.

Each Op runs its own Python implementation on copies of what it would overwrite, so that only the formula
counts and not the memory.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply, Constant
from pytensor.scalar.basic import Composite
from pytensor.scan.op import Scan
from pytensor.tensor.basic import AllocEmpty
from pytensor.tensor.elemwise import CAReduce, Elemwise

from graphs.foreign import one_line
from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.findings import (
    IDENTICAL,
    Evaluation,
    OutputChange,
    OutputValue,
    StepVerdict,
    ValueSummary,
)
from graphs.inspection.recording import Placed, Snapshot
from graphs.inspection.values.difference import Missing, compare, same_value, summarize, worst
from graphs.inspection.values.inputs import Inputs

__all__ = ["TOLERANCE_ULP", "call", "compare_all", "evaluate", "perform", "quietly", "run_graph"]

# Reordered sums of a few hundred terms and other forms of one formula move a result by tens of
# units in the last place; a wrong one moves it by billions.
TOLERANCE_ULP = 4096.0
NUMPY_OPERANDS = 32


def evaluate(live: LiveCopy, inputs: Inputs, *, run: bool = True) -> Evaluation:
    """Compute every snapshot Op by Op and judge every step.

    Shared variables have the values they had when the recording was made. With `run`, the compiled copy is
    called too and compared with the last snapshot.
    """
    recording = live.recording
    with quietly():
        replay = _Replay(live, inputs)
        verdicts = []
        first = before = [replay.values[v] for v in recording.first_outputs]
        for step, snapshot in enumerate(recording.snapshots[1:], start=1):
            replay.advance(snapshot)
            after = [replay.values[v] for v in snapshot.outputs]
            changes = compare_all(before, after)
            kept = tuple(change for change in changes if change.verdict != IDENTICAL)
            verdicts.append(StepVerdict(step, worst([change.verdict for change in changes]), kept))
            before = after
        compiled = compare_all(before, call(live, inputs)) if run else ()
    last = len(recording.steps)
    outputs = []
    for i, (start, end) in enumerate(zip(first, before, strict=True)):
        moved = [(v.step, change) for v in verdicts for change in v.outputs if change.output == i]
        outputs.append(
            OutputValue(
                i,
                summarize(start, 0, recording.first_outputs[i]),
                summarize(end, last, recording.snapshots[-1].outputs[i]),
                tuple(step for step, change in moved if change.repaired),
                tuple(step for step, change in moved if change.broke),
            )
        )
    return Evaluation(
        inputs.sources,
        inputs.seed,
        tuple(replay.summaries),
        tuple(verdicts),
        tuple(outputs),
        TOLERANCE_ULP,
        compiled,
    )


def compare_all(before: Sequence[Any], after: Sequence[Any]) -> tuple[OutputChange, ...]:
    """How every output moved."""
    pairs = zip(before, after, strict=True)
    return tuple(compare(old, new, i, TOLERANCE_ULP) for i, (old, new) in enumerate(pairs))


def call(live: LiveCopy, inputs: Inputs) -> list[Any]:
    """One call of the compiled copy: its outputs, then the updated values.

    The shared variables are put back afterwards. Where the call fails, every output is
    `Missing`.
    """
    function = live.function
    maker = function.maker
    updated = [i for i, spec in enumerate(maker.inputs) if spec.update is not None]
    live.reset()
    try:
        results = function(*(copy.deepcopy(value) for value in inputs.arguments))
        found = [results] if maker.unpack_single else list(results or ())
        found += [function.input_storage[i].storage[0] for i in updated]
        found = [_as_numpy(value) for value in found]
    except Exception as problem:  # whatever an Op may raise
        found = [Missing(one_line(problem))] * (len(maker.outputs) + len(updated))
    live.reset()
    return found


def _as_numpy(value: Any) -> Any:
    """Arrays of other libraries (JAX, PyTorch) as NumPy's, apart from the function's storage."""
    if isinstance(value, dict):
        return {key: _as_numpy(item) for key, item in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
        return np.array(value)
    return copy.deepcopy(value)


class _Replay:
    """The values of one snapshot after another; only what a step touches is computed again."""

    def __init__(self, live: LiveCopy, inputs: Inputs) -> None:
        self.live = live
        self.values: dict[int, Any] = {}
        self.summaries: list[ValueSummary] = []
        self._placed: dict[int, Placed] = {}
        for number, value in zip(live.recording.inputs, inputs.with_shared(live), strict=True):
            self._set(number, value, 0)
        self.advance(live.recording.snapshots[0])

    def advance(self, snapshot: Snapshot) -> None:
        """Move to `snapshot`, the one after the present one."""
        fresh: set[int] = set()
        before, self._placed = self._placed, {placed.node: placed for placed in snapshot.nodes}
        for placed in snapshot.nodes:
            if before.get(placed.node) == placed and fresh.isdisjoint(placed.inputs):
                continue
            for number in placed.inputs:
                self._ensure_root(number, snapshot.index)
            results = self._compute(placed.node, placed.inputs)
            for number, value in zip(placed.outputs, results, strict=True):
                if number in self.values and same_value(self.values[number], value):
                    continue
                self._set(number, value, snapshot.index)
                fresh.add(number)
        for number in snapshot.outputs:
            self._ensure_root(number, snapshot.index)
        for node in before.keys() - self._placed.keys():
            for number in before[node].outputs:
                del self.values[number]

    def _ensure_root(self, number: int, snapshot: int) -> None:
        """Constants turn up as rewrites make them."""
        if number in self.values:
            return
        variable = self.live.variables[number]
        if isinstance(variable, Constant):
            self._set(number, variable.data, snapshot)
        elif variable.owner is None:
            self._set(number, Missing("no value for this input"), snapshot)

    def _set(self, number: int, value: Any, snapshot: int) -> None:
        self.values[number] = value
        summary = summarize(value, snapshot, number)
        owner = self.live.variables[number].owner
        if owner is not None and isinstance(owner.op, AllocEmpty):  # memory nobody has written to
            summary = msgspec.structs.replace(summary, min=None, max=None, mean=None, nan=0, inf=0)
        self.summaries.append(summary)

    def _compute(self, node: int, reads: Sequence[int]) -> list[Any]:
        apply = self.live.nodes[node]
        arguments = [self.values[number] for number in reads]
        if any(isinstance(argument, Missing) for argument in arguments):
            return [Missing("an input could not be computed")] * len(apply.outputs)
        variables = [self.live.variables[number] for number in reads]
        try:
            return perform(apply, variables, arguments)
        except Exception as problem:  # any Op may fail in its own way: that is a finding
            return [Missing(one_line(problem))] * len(apply.outputs)


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
    storage: dict[Any, list[Any]] = {output: [None] for output in apply.outputs}
    for i, (variable, value) in enumerate(zip(inputs, values, strict=True)):
        storage[variable] = [copy.deepcopy(value) if i in overwritten else value]
    computed = {variable: [variable.owner is None] for variable in storage}
    thunk = op.make_thunk(apply, storage, computed, no_recycling=[], impl="py")
    thunk()
    return [storage[output][0] for output in apply.outputs]


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
