"""What every node and every snapshot costs, computed from a recording's real shapes.

Operations are counted as XLA's ``HloCostAnalysis`` counts: one *flop* per arithmetic operation, comparison
or minimum on one element, of whatever dtype; exp, log, sqrt, sigmoid and other functions apart, as
*transcendentals*, since how many instructions one takes differs by machine and library. Casts,
selections, copies and logic on bits count nothing. Dense linear algebra by its textbook leading
terms (Golub and Van Loan, *Matrix Computations*, 4th ed., §3.2, §4.2).

Bytes are what an Op must at least move: each input and output once, caches and temporaries left aside. A
node whose results only view its inputs (a transpose, a slice) moves nothing. *Storage alive* is the memory
of computed values that must exist at the same moment when the nodes run in their order: a view or an
in-place result shares its input's memory, a value is freed after its last reader, inputs and constants
are not counted.

Shapes are those of the recorded values (`Recording.evaluation`), and static shapes where there
is no value. What stays unknown is None, never zero.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from graphs.inspection.recording import Inner, Op, Placed, Recording, Snapshot

__all__ = [
    "NodeCost",
    "Shape",
    "SnapshotCost",
    "Work",
    "last_costs",
    "node_costs",
    "snapshot_costs",
    "work_of",
]

Shape = tuple[int, ...]
Known = TypeVar("Known")


@dataclass(frozen=True)
class NodeCost:
    """Work of one node in one call."""

    node: int
    flops: float | None  # operations; None where the Op's arithmetic or a shape is not known
    transcendentals: float | None  # likewise
    read: int | None  # bytes; None where a shape is not known
    written: int | None  # likewise

    @property
    def bytes(self) -> int | None:
        """Read and written together."""
        return _sum([self.read, self.written])


@dataclass(frozen=True)
class SnapshotCost:
    """Work of a whole graph in one call."""

    snapshot: int
    nodes: int  # number of Apply nodes
    flops: float  # sum over the nodes where it is known
    transcendentals: float  # likewise
    read: int  # bytes, likewise
    written: int  # bytes, likewise
    unknown_flops: int  # how many nodes the sums of operations leave out
    unknown_bytes: int  # how many nodes the sums of bytes leave out
    # most storage alive at once, in bytes; None where a shape is not known, or it was not asked for
    alive: int | None


def node_costs(recording: Recording, snapshot: int = -1) -> tuple[NodeCost, ...]:
    """Cost of every node of one snapshot, in the order they run."""
    index = range(len(recording.steps) + 1)[snapshot]
    placed = recording.snapshot(index).nodes
    sizes = next(known for at, known in _shapes(recording) if at == index)
    return tuple(_node_cost(recording, node, sizes) for node in placed)


def last_costs(recording: Recording) -> tuple[NodeCost, ...]:
    """Cost of every node that ever stood, in the last snapshot in which it stands."""
    found: dict[int, NodeCost] = {}
    for index, sizes in _shapes(recording):
        leaving = recording.snapshot(index).nodes
        if index < len(recording.steps):
            gone = {*recording.steps[index].gone}
            leaving = tuple(node for node in leaving if node.node in gone)
        for node in leaving:
            found[node.node] = _node_cost(recording, node, sizes)
    return tuple(found[node] for node in sorted(found))


def snapshot_costs(
    recording: Recording, snapshots: Collection[int] | None = None, *, storage: bool = True
) -> tuple[SnapshotCost, ...]:
    """Cost of whole snapshots: of these, counted from 0, or of all; without `storage`, ``alive`` stays None."""
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
                _alive(recording, snapshot, sizes) if storage else None,
            )
        )
    return tuple(found)


class _Sizes:
    """Shapes and bytes of the variables as known at one snapshot."""

    def __init__(self, recording: Recording) -> None:
        self._variables = recording.variables
        self._real: dict[int, tuple[Shape, str]] = {}
        # what nodes on these inputs cost, while no size changes
        self.costs: dict[tuple[int, tuple[int, ...]], NodeCost] = {}

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
        known = _all_known(described.shape)
        return None if known is None else tuple(known)

    def bytes(self, variable: int) -> int | None:
        shape = self.shape(variable)
        real = self._real.get(variable)
        # Looked up and not parsed, for it may be any text; None for a value without a NumPy dtype.
        kind = np.sctypeDict.get(real[1] if real else self._variables[variable].dtype)
        return None if shape is None or kind is None else math.prod(shape) * np.dtype(kind).itemsize


def _shapes(recording: Recording) -> Iterator[tuple[int, _Sizes]]:
    """Snapshot by snapshot, what is known of sizes there. One object, which learns on the way."""
    sizes = _Sizes(recording)
    values = defaultdict(list)
    for value in recording.evaluation.values if recording.evaluation else ():
        values[value.snapshot].append(value)
    for index in range(len(recording.steps) + 1):
        for value in values[index]:
            if value.shape is not None and not value.problem:
                sizes.learn(value.variable, value.shape, value.dtype)
        yield index, sizes


def _node_cost(recording: Recording, node: Placed, sizes: _Sizes) -> NodeCost:
    key = (node.node, node.inputs)
    if key not in sizes.costs:
        op = recording.ops[node.op]
        inputs = _all_known(map(sizes.shape, node.inputs))
        outputs = _all_known(map(sizes.shape, node.outputs))
        work = None
        if inputs is not None and outputs is not None:
            with contextlib.suppress(IndexError, ValueError):  # an Op of that name that takes other operands
                work = work_of(op, inputs, outputs)
        flops, functions = (None, None) if work is None else map(float, work)
        sizes.costs[key] = NodeCost(node.node, flops, functions, *_moved(op, node, sizes))
    return sizes.costs[key]


def _moved(op: Op, node: Placed, sizes: _Sizes) -> tuple[int | None, int | None]:
    """Bytes read and written, each operand once."""
    kind = op.kind.rpartition(".")[2]
    if len(op.views) >= len(node.outputs) or kind in ("Shape", "Shape_i", "AllocEmpty"):
        return 0, 0
    if "Subtensor" in kind:
        return _indexed(op, kind, node, sizes)
    return _sum(map(sizes.bytes, dict.fromkeys(node.inputs))), _sum(map(sizes.bytes, node.outputs))


def _indexed(op: Op, kind: str, node: Placed, sizes: _Sizes) -> tuple[int | None, int | None]:
    """Indexing touches what it takes out or puts in, not all that it could reach."""
    whole, *rest = map(sizes.bytes, node.inputs) if node.inputs else [None]
    if "Inc" not in kind:
        touched = sizes.bytes(node.outputs[0])
    else:
        touched = rest[0] if op.destroys and rest else whole
    return _sum([touched, *rest]), touched


def _sum(parts: Iterable[int | None]) -> int | None:
    known = _all_known(parts)
    return None if known is None else sum(known)


def _all_known(parts: Iterable[Known | None]) -> list[Known] | None:
    found = list(parts)
    known = [part for part in found if part is not None]
    return known if len(known) == len(found) else None


def _alive(recording: Recording, snapshot: Snapshot, sizes: _Sizes) -> int | None:
    """Most bytes of computed values that exist at the same moment."""
    home: dict[int, int] = {}  # variable → the variable whose memory it lives in
    for node in snapshot.nodes:
        op = recording.ops[node.op]
        shared = {out: ins[0] for out, ins in (*op.views, *op.destroys) if ins}
        for position, variable in enumerate(node.outputs):
            source = node.inputs[shared[position]] if position in shared else variable
            home[variable] = home.get(source, source)
    last: dict[int, int] = {}
    for moment, node in enumerate(snapshot.nodes):
        for variable in (*node.inputs, *node.outputs):
            last[home.get(variable, variable)] = moment
    for variable in snapshot.outputs:
        last[home.get(variable, variable)] = len(snapshot.nodes)
    most = now = 0
    dying: defaultdict[int, int] = defaultdict(int)  # moment → bytes freed after it
    for moment, node in enumerate(snapshot.nodes):
        for variable in node.outputs:
            if home[variable] == variable:
                size = sizes.bytes(variable)
                if size is None:
                    return None
                now += size
                dying[last[variable]] += size
        most = max(most, now)
        now -= dying[moment]
    return most


class Work(NamedTuple):
    """Operations of one node in one call."""

    flops: float
    transcendentals: float = 0.0

    def times(self, count: float) -> Work:
        return Work(self.flops * count, self.transcendentals * count)


NOTHING = Work(0.0)


_ARITHMETIC = (
    "abs ceil clip conj eq floor ge gt intdiv isinf isnan le lt max maximum min minimum mod neg neq prod"
    " reciprocal round roundhalfawayfromzero roundhalftoeven scalarmaximum scalarminimum sgn sign sqr sub"
    " sum truediv trunc"
)
_FREE = (
    "all and any cast complex expanddims identity imag invert makevector matrixtranspose or real"
    " scalarfromtensor second shapei squeeze subtensor switch tensorfromscalar viewop xor"
)
_TRANSCENDENTAL = (
    "angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh cos cosh deg2rad digamma erf erfc"
    " erfcinv erfcx erfinv exp exp2 expm1 gamma gammainc gammaincc gammal gammaln gammau i0 i1 ive iv"
    " j0 j1 jv kn kv log log10 log1mexp log1p log2 owenst polygamma pow psi rad2deg sigmoid sin sinh"
    " sqrt tan tanh trigamma"
)
_SCALARS = (
    dict.fromkeys(_ARITHMETIC.split(), Work(1.0))
    | dict.fromkeys(_FREE.split(), NOTHING)
    | dict.fromkeys(_TRANSCENDENTAL.split(), Work(0.0, 1))
    | {"softplus": Work(0.0, 2)}  # log1p(exp(x))
)

# Memory is set up, moved or looked at; nothing is computed.
_MOVES = (
    "Alloc AllocEmpty Assert CheckAndRaise DeepCopyOp Eye Join MakeVector Nonzero Reshape Shape Shape_i"
    " ScalarFromTensor Split SpecifyShape TensorFromScalar ViewOp"
)


def work_of(op: Op, inputs: list[Shape], outputs: list[Shape]) -> Work | None:
    """Operations of `op` on inputs of these real shapes (``()`` for what has none); None where not known."""
    kind = op.kind.rpartition(".")[2]
    if kind in _PRODUCTS:
        return _PRODUCTS[kind](inputs)
    if "Subtensor" in kind:
        adds = "Inc" in kind and not op.name.lower().startswith(("set", "advancedset"))
        return Work(math.prod(inputs[1])) if adds else NOTHING
    if kind in _MOVES.split() or len(op.views) >= len(outputs):
        return NOTHING
    if kind == "Blockwise":
        return _batched(op, inputs)
    if kind in _FACTORIZATIONS:
        return _FACTORIZATIONS[kind](inputs)
    if kind.endswith("Elemwise") or op.kind.startswith("pytensor.scalar."):
        each = _inner(op.inner) if op.inner else _scalar(op.scalar or op.kind, len(inputs))
        return each and each.times(max(map(math.prod, [*inputs, *outputs]), default=0))
    if op.scalar and op.inner is None and len(inputs) == 1:  # a reduction
        each = _scalar(op.scalar, 2)
        return each and each.times(math.prod(inputs[0]))
    return None


def _inner(inner: Inner) -> Work | None:
    """Operations per element of a fused Op."""
    total = NOTHING
    for node in inner.nodes:
        each = _inner(node.inner) if node.inner else _scalar(node.op, len(node.inputs))
        if each is None:
            return None
        total = Work(total.flops + each.flops, total.transcendentals + each.transcendentals)
    return total


def _scalar(name: str, operands: int) -> Work | None:
    """One operation of this name (``…basic.TrueDiv``, ``true_div``, ``Cast{float64}``)."""
    name = re.sub(r"[{(\[].*", "", name).rpartition(".")[2].replace("_", "").lower()
    if name in ("add", "mul"):
        return Work(max(operands - 1, 1))
    return _SCALARS.get(name)


def _batched(op: Op, inputs: list[Shape]) -> Work | None:
    """A core Op over leading axes; every input's own core is what its signature leaves."""
    core = op.scalar.rpartition(".")[2]
    rule = _PRODUCTS.get(core) or _FACTORIZATIONS.get(core)
    if rule is None or any(len(shape) < 2 for shape in inputs):
        return None
    count = max(math.prod(shape[:-2]) for shape in inputs)
    return rule([shape[-2:] for shape in inputs]).times(count)


def _dot(a: Shape, b: Shape) -> float:
    """A product and a sum for every pair: 2·m·k·n."""
    return 2.0 * math.prod(a) * (b[-1] if len(b) > 1 else 1)


_PRODUCTS: dict[str, Callable[[list[Shape]], Work]] = {
    "Dot": lambda s: Work(_dot(s[0], s[1])),
    "Dot22": lambda s: Work(_dot(s[0], s[1])),
    "Dot22Scalar": lambda s: Work(_dot(s[0], s[1]) + s[0][0] * s[1][1]),
    "BatchedDot": lambda s: Work(2.0 * math.prod(s[0]) * (s[1][-1] if len(s[1]) > 2 else 1)),
    # y ← β·y + α·A·x, Z ← β·Z + α·X·Y, A ← A + α·x·yᵀ, all with the inputs in BLAS order
    "Gemv": lambda s: Work(2.0 * math.prod(s[2]) + 3.0 * math.prod(s[0])),
    "CGemv": lambda s: Work(2.0 * math.prod(s[2]) + 3.0 * math.prod(s[0])),
    "Gemm": lambda s: Work(_dot(s[2], s[3]) + 3.0 * math.prod(s[0])),
    "Ger": lambda s: Work(2.0 * math.prod(s[0]) + s[2][0]),
    "CGer": lambda s: Work(2.0 * math.prod(s[0]) + s[2][0]),
    "Outer": lambda s: Work(float(math.prod(s[0]) * math.prod(s[1]))),
}


def _right(shapes: list[Shape]) -> int:
    """Number of right-hand sides."""
    return shapes[1][1] if len(shapes[1]) > 1 else 1


_FACTORIZATIONS: dict[str, Callable[[list[Shape]], Work]] = {
    "Cholesky": lambda s: Work(s[0][-1] ** 3 / 3),
    "Det": lambda s: Work(2 * s[0][-1] ** 3 / 3),
    "SLogDet": lambda s: Work(2 * s[0][-1] ** 3 / 3),
    "MatrixInverse": lambda s: Work(2.0 * s[0][-1] ** 3),
    "SolveTriangular": lambda s: Work(float(s[0][-1] ** 2 * _right(s))),
    "CholeskySolve": lambda s: Work(2.0 * s[0][-1] ** 2 * _right(s)),
    "Solve": lambda s: Work(2 * s[0][-1] ** 3 / 3 + 2.0 * s[0][-1] ** 2 * _right(s)),
}
