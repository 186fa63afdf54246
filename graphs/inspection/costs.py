"""What every node and every snapshot costs, computed from a recording's real shapes.

Operations come from `graphs.inspection.arithmetic`. Bytes are what an Op must at least move:
each input and output once, caches and temporaries left aside. A node whose results only view
its inputs (a transpose, a slice) moves nothing. *Storage alive* is the memory of computed values
that must exist at the same moment when the nodes run in their order: a view or an in-place
result shares its input's memory, a value is freed after its last reader, inputs and constants
are not counted.

Shapes are those of the recorded values (`Recording.evaluation`), and static shapes where there
is no value. What stays unknown is None, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from graphs.inspection.arithmetic import Shape, Work, work_of
from graphs.inspection.recording import Op, Placed, Recording, Snapshot

__all__ = ["NodeCost", "SnapshotCost", "node_costs", "snapshot_costs"]


@dataclass(frozen=True)
class NodeCost:
    """Work of one node in one call.

    Attributes
    ----------
    node : int
    flops, transcendentals : float or None
        Operations; None where the Op's arithmetic or a shape is not known.
    read, written : int or None
        Bytes; None where a shape is not known.
    """

    node: int
    flops: float | None
    transcendentals: float | None
    read: int | None
    written: int | None

    @property
    def bytes(self) -> int | None:
        """Read and written together."""
        return None if self.read is None or self.written is None else self.read + self.written


@dataclass(frozen=True)
class SnapshotCost:
    """Work of a whole graph in one call.

    Attributes
    ----------
    snapshot : int
    nodes : int
        Number of Apply nodes.
    flops, transcendentals : float
        Sums over the nodes where they are known.
    read, written : int
        Bytes, likewise.
    unknown_flops, unknown_bytes : int
        How many nodes the sums leave out.
    alive : int or None
        Most storage alive at once, in bytes; None where a shape is not known.
    """

    snapshot: int
    nodes: int
    flops: float
    transcendentals: float
    read: int
    written: int
    unknown_flops: int
    unknown_bytes: int
    alive: int | None


def node_costs(recording: Recording, snapshot: int = -1) -> tuple[NodeCost, ...]:
    """Cost of every node of one snapshot, in the order they run.

    Parameters
    ----------
    recording : Recording
    snapshot : int
        Which; the last by default.
    """
    index = range(len(recording.steps) + 1)[snapshot]
    placed = recording.snapshot(index).nodes
    sizes = next(known for at, known in _shapes(recording) if at == index)
    return tuple(_node_cost(recording, node, sizes) for node in placed)


def snapshot_costs(
    recording: Recording, snapshots: Collection[int] | None = None
) -> tuple[SnapshotCost, ...]:
    """Cost of whole snapshots.

    Parameters
    ----------
    recording : Recording
    snapshots : collection of int, optional
        Which, counted from 0; all by default.
    """
    found = []
    for index, sizes in _shapes(recording):
        if snapshots is not None and index not in snapshots:
            continue
        snapshot = recording.snapshot(index)
        costs = [_node_cost(recording, node, sizes) for node in snapshot.nodes]
        found.append(
            SnapshotCost(
                index,
                len(costs),
                sum(cost.flops or 0.0 for cost in costs),
                sum(cost.transcendentals or 0.0 for cost in costs),
                sum(cost.read or 0 for cost in costs),
                sum(cost.written or 0 for cost in costs),
                sum(cost.flops is None for cost in costs),
                sum(cost.bytes is None for cost in costs),
                _alive(recording, snapshot, sizes),
            )
        )
    return tuple(found)


class _Sizes:
    """Shapes and bytes of the variables as known at one snapshot."""

    def __init__(self, recording: Recording) -> None:
        self._variables = recording.variables
        self._real: dict[int, tuple[Shape, str]] = {}
        self.costs: dict[tuple[int, tuple[int, ...]], NodeCost] = {}
        """What nodes on these inputs cost, while no size changes."""

    def learn(self, variable: int, shape: Shape, dtype: str) -> None:
        if self._real.get(variable, (shape, dtype)) != (shape, dtype):
            self.costs.clear()
        self._real[variable] = (shape, dtype)

    def shape(self, variable: int) -> Shape | None:
        if variable in self._real:
            return self._real[variable][0]
        described = self._variables[variable]
        if described.shape is None:
            # A scalar Type has no shape attribute but is one number; a generator is neither.
            return () if described.dtype and described.type == described.dtype else None
        known = tuple(length for length in described.shape if length is not None)
        return known if len(known) == len(described.shape) else None

    def bytes(self, variable: int) -> int | None:
        shape = self.shape(variable)
        real = self._real.get(variable)
        dtype = real[1] if real else self._variables[variable].dtype
        try:
            return None if shape is None else math.prod(shape) * np.dtype(dtype).itemsize
        except TypeError:  # a value without a NumPy dtype
            return None


def _shapes(recording: Recording) -> Iterator[tuple[int, _Sizes]]:
    """Snapshot by snapshot, what is known of sizes there. One object, which learns on the way."""
    sizes = _Sizes(recording)
    values = sorted(recording.evaluation.values, key=lambda v: v.snapshot) if recording.evaluation else []
    position = 0
    for index in range(len(recording.steps) + 1):
        while position < len(values) and values[position].snapshot <= index:
            value = values[position]
            if value.shape is not None and not value.problem:
                sizes.learn(value.variable, value.shape, value.dtype)
            position += 1
        yield index, sizes


def _node_cost(recording: Recording, node: Placed, sizes: _Sizes) -> NodeCost:
    key = (node.node, node.inputs)
    if key not in sizes.costs:
        sizes.costs[key] = _compute_cost(recording, node, sizes)
    return sizes.costs[key]


def _compute_cost(recording: Recording, node: Placed, sizes: _Sizes) -> NodeCost:
    op = recording.ops[node.op]
    inputs = [sizes.shape(v) for v in node.inputs]
    outputs = [sizes.shape(v) for v in node.outputs]
    work: Work | None = None
    if None not in inputs and None not in outputs:
        try:
            work = work_of(op, [s for s in inputs if s is not None], [s for s in outputs if s is not None])
        except IndexError:  # an Op of that name that takes other operands
            work = None
    read, written = _moved(op, node, sizes)
    if work is None:
        return NodeCost(node.node, None, None, read, written)
    return NodeCost(node.node, float(work.flops), float(work.transcendentals), read, written)


def _moved(op: Op, node: Placed, sizes: _Sizes) -> tuple[int | None, int | None]:
    """Bytes read and written, each operand once."""
    kind = op.kind.rpartition(".")[2]
    if len(op.views) >= len(node.outputs) or kind in ("Shape", "Shape_i", "AllocEmpty"):
        return 0, 0
    inputs = [sizes.bytes(v) for v in dict.fromkeys(node.inputs)]
    outputs = [sizes.bytes(v) for v in node.outputs]
    if "Subtensor" in kind:
        return _indexed(op, kind, node, sizes)
    return _sum(inputs), _sum(outputs)


def _indexed(op: Op, kind: str, node: Placed, sizes: _Sizes) -> tuple[int | None, int | None]:
    """Indexing touches what it takes out or puts in, not all that it could reach."""
    whole = sizes.bytes(node.inputs[0])
    if "Inc" not in kind:
        taken = sizes.bytes(node.outputs[0])
        return _sum([taken, *(sizes.bytes(v) for v in node.inputs[1:])]), taken
    put = sizes.bytes(node.inputs[1])
    rest = [sizes.bytes(v) for v in node.inputs[2:]]
    if op.destroys:
        return _sum([put, put, *rest]), put
    return _sum([whole, put, *rest]), whole


def _sum(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _alive(recording: Recording, snapshot: Snapshot, sizes: _Sizes) -> int | None:
    """Most bytes of computed values that exist at the same moment."""
    home: dict[int, int] = {}  # variable → the variable whose memory it lives in
    for node in snapshot.nodes:
        op = recording.ops[node.op]
        shared = {out: ins[0] for out, ins in (*op.views, *op.destroys) if ins}
        for position, variable in enumerate(node.outputs):
            source = shared.get(position)
            home[variable] = (
                variable if source is None else home.get(node.inputs[source], node.inputs[source])
            )
    last: dict[int, int] = {}
    for moment, node in enumerate(snapshot.nodes):
        for variable in (*node.inputs, *node.outputs):
            last[home.get(variable, variable)] = moment
    for variable in snapshot.outputs:
        last[home.get(variable, variable)] = len(snapshot.nodes)
    most = now = 0
    dying: dict[int, list[int]] = {}
    for moment, node in enumerate(snapshot.nodes):
        for variable in node.outputs:
            if home[variable] == variable:
                size = sizes.bytes(variable)
                if size is None:
                    return None
                now += size
                dying.setdefault(last[variable], []).append(size)
        most = max(most, now)
        now -= sum(dying.pop(moment, ()))
    return most
