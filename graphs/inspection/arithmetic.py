"""How many operations an Op does, from its description and real shapes.

Counted as XLA's ``HloCostAnalysis`` counts: one *flop* per arithmetic operation, comparison or
minimum on one element, of whatever dtype; exp, log, sqrt, sigmoid and other functions apart, as
*transcendentals*, since how many instructions one takes differs by machine and library. Casts,
selections, copies and logic on bits count nothing. Dense linear algebra by its textbook leading
terms (Golub and Van Loan, *Matrix Computations*, 4th ed., §3.2, §4.2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

from graphs.inspection.recording import Inner, Op

__all__ = ["Shape", "Work", "work_of"]

Shape = tuple[int, ...]


class Work(NamedTuple):
    """Operations of one node in one call."""

    flops: float
    transcendentals: float = 0.0

    def times(self, count: float) -> Work:
        return Work(self.flops * count, self.transcendentals * count)


NOTHING = Work(0.0)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ARITHMETIC = _words(
    "abs ceil clip conj eq floor ge gt intdiv isinf isnan le lt max maximum min minimum mod neg neq prod "
    "reciprocal round roundhalfawayfromzero roundhalftoeven scalarmaximum scalarminimum sgn sign sqr sub "
    "sum truediv trunc"
)
_FREE = _words(
    "all and any cast complex expanddims identity imag invert makevector matrixtranspose or real "
    "scalarfromtensor second shapei squeeze subtensor switch tensorfromscalar viewop xor"
)
_TRANSCENDENTAL = dict.fromkeys(
    _words(
        "angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh cos cosh deg2rad digamma erf erfc"
        " erfcinv erfcx erfinv exp exp2 expm1 gamma gammainc gammaincc gammal gammaln gammau i0 i1 ive iv"
        " j0 j1 jv kn kv log log10 log1mexp log1p log2 owenst polygamma pow psi rad2deg sigmoid sin sinh"
        " sqrt tan tanh trigamma"
    ),
    1,
) | {"softplus": 2}  # log1p(exp(x))

# Memory is set up, moved or looked at; nothing is computed.
_MOVES = _words(
    "Alloc AllocEmpty Assert CheckAndRaise DeepCopyOp Eye Join MakeVector Nonzero Reshape Shape Shape_i "
    "ScalarFromTensor Split SpecifyShape TensorFromScalar ViewOp"
)


def work_of(op: Op, inputs: list[Shape], outputs: list[Shape]) -> Work | None:
    """Operations of `op` on inputs of these shapes; None where not known.

    Parameters
    ----------
    op : Op
    inputs, outputs : list of tuple of int
        Real shapes; ``()`` for what has none.
    """
    kind = op.kind.rpartition(".")[2]
    if kind in _PRODUCTS:
        return _PRODUCTS[kind](inputs)
    if "Subtensor" in kind:
        adds = "Inc" in kind and not op.name.lower().startswith(("set", "advancedset"))
        return Work(_size(inputs[1])) if adds else NOTHING
    if kind in _MOVES or len(op.views) >= len(outputs):
        return NOTHING
    if kind == "Blockwise":
        return _batched(op, inputs)
    if kind in _FACTORIZATIONS:
        return _FACTORIZATIONS[kind](inputs)
    if kind.endswith("Elemwise") or op.kind.startswith("pytensor.scalar."):
        each = _inner(op.inner) if op.inner else _scalar(op.scalar or op.kind, len(inputs))
        return each and each.times(max(map(_size, [*inputs, *outputs]), default=0))
    if op.scalar and op.inner is None and len(inputs) == 1:  # a reduction
        each = _scalar(op.scalar, 2)
        return each and each.times(_size(inputs[0]))
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
    if name in _ARITHMETIC:
        return Work(1.0)
    if name in _FREE:
        return NOTHING
    if name in _TRANSCENDENTAL:
        return Work(0.0, _TRANSCENDENTAL[name])
    return None


def _batched(op: Op, inputs: list[Shape]) -> Work | None:
    """A core Op over leading axes; every input's own core is what its signature leaves."""
    core = op.scalar.rpartition(".")[2]
    rule = _PRODUCTS.get(core) or _FACTORIZATIONS.get(core)
    if rule is None or any(len(shape) < 2 for shape in inputs):
        return None
    count = max(_size(shape[:-2]) for shape in inputs)
    return rule([shape[-2:] for shape in inputs]).times(count)


def _size(shape: Shape) -> int:
    return math.prod(shape)


def _dot(a: Shape, b: Shape) -> float:
    """A product and a sum for every pair: 2·m·k·n."""
    return 2.0 * _size(a) * (b[-1] if len(b) > 1 else 1)


_PRODUCTS: dict[str, Callable[[list[Shape]], Work]] = {
    "Dot": lambda s: Work(_dot(s[0], s[1])),
    "Dot22": lambda s: Work(_dot(s[0], s[1])),
    "Dot22Scalar": lambda s: Work(_dot(s[0], s[1]) + s[0][0] * s[1][1]),
    "BatchedDot": lambda s: Work(2.0 * _size(s[0]) * (s[1][-1] if len(s[1]) > 2 else 1)),
    # y ← β·y + α·A·x, Z ← β·Z + α·X·Y, A ← A + α·x·yᵀ, all with the inputs in BLAS order
    "Gemv": lambda s: Work(2.0 * _size(s[2]) + 3.0 * _size(s[0])),
    "CGemv": lambda s: Work(2.0 * _size(s[2]) + 3.0 * _size(s[0])),
    "Gemm": lambda s: Work(_dot(s[2], s[3]) + 3.0 * _size(s[0])),
    "Ger": lambda s: Work(2.0 * _size(s[0]) + s[2][0]),
    "CGer": lambda s: Work(2.0 * _size(s[0]) + s[2][0]),
    "Outer": lambda s: Work(float(_size(s[0]) * _size(s[1]))),
}


def _side(shape: Shape) -> int:
    return shape[-1]


def _right(shapes: list[Shape]) -> int:
    """Number of right-hand sides."""
    return shapes[1][1] if len(shapes[1]) > 1 else 1


_FACTORIZATIONS: dict[str, Callable[[list[Shape]], Work]] = {
    "Cholesky": lambda s: Work(_side(s[0]) ** 3 / 3),
    "Det": lambda s: Work(2 * _side(s[0]) ** 3 / 3),
    "SLogDet": lambda s: Work(2 * _side(s[0]) ** 3 / 3),
    "MatrixInverse": lambda s: Work(2.0 * _side(s[0]) ** 3),
    "SolveTriangular": lambda s: Work(float(_side(s[0]) ** 2 * _right(s))),
    "CholeskySolve": lambda s: Work(2.0 * _side(s[0]) ** 2 * _right(s)),
    "Solve": lambda s: Work(2 * _side(s[0]) ** 3 / 3 + 2.0 * _side(s[0]) ** 2 * _right(s)),
}
