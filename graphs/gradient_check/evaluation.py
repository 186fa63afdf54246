"""The cost as a function of its inputs: as written, Op by Op, in the best arithmetic that all of its Ops have.

`numpy.longdouble` has 64 bits of mantissa on x86, and is float64 by another name on some other machines. An Op whose
Python computes in float64 whatever it is given (an own Op, SciPy's ``erf``) would make a difference in extended
precision one of rounding. So each Op that is computed so stands here by name; a graph with any other is computed in
float64, each Op by its own Python.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import scipy.special
from pytensor.compile.mode import Mode
from pytensor.configdefaults import config
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import graph_inputs, toposort
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import Cast
from pytensor.tensor.basic import MakeVector
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.type import TensorType

from graphs.foreign import one_line

__all__ = [
    "MOST_PRODUCTS",
    "Evaluator",
    "NotExtended",
    "Twin",
    "as_written",
    "checked",
    "extended",
    "in_float64",
    "is_float",
    "kernel_of",
    "products_of",
    "quietly",
    "rewritten",
    "twin_of",
    "widened",
]

AS_WRITTEN = Mode(linker="py", optimizer=None)
STABLE = ("canonicalize", "stabilize", "specialize")
MOST_PRODUCTS = 5_000_000  # multiplications of numbers of extended precision at each point: some 10 ms
Kernel = Callable[..., Any]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Overflow at one side of a point is found out, and no surprise."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True, eq=False)
class Twin:
    """A cost on variables of its own, which nobody else reads or changes."""

    cost: Any
    roots: dict[Any, Any]  # by the variable of the user's that it stands for
    wide: bool  # whether all of it that has a slope is in float64
    origins: dict[Apply, Apply] = field(default_factory=dict)  # the user's node, by its twin

    @functools.cached_property
    def nodes(self) -> list[Apply]:
        """All of them, each after those it reads."""
        return list(toposort([self.cost]))

    def origin(self, node: Apply) -> Apply:
        """The user's own node, or a rewritten one itself."""
        return self.origins.get(node, node)


def is_float(variable: Any) -> bool:
    """Whether a variable is a dense array of real numbers with a point."""
    kind = variable.type
    dense = isinstance(kind, TensorType) and not hasattr(kind, "format")
    return dense and str(kind.dtype).startswith("float")


def twin_of(cost: Any, *, wide: bool, held: Sequence[Any] = ()) -> Twin:
    """The same graph on inputs of its own; with `wide`, computed in float64 throughout.

    `held` are variables of the graph that become inputs.

    Raises
    ------
    TypeError
        If an Op cannot be had in float64.
    """
    known: dict[Any, Any] = {}
    origins: dict[Apply, Apply] = {}
    roots = {
        v: _root(v, wide) for v in [*held, *graph_inputs([cost], list(held))] if not isinstance(v, Constant)
    }
    known.update(roots)

    def read(variable: Any) -> Any:
        if variable not in known:
            assert isinstance(variable, Constant)
            narrow = wide and is_float(variable) and variable.type.dtype != "float64"
            known[variable] = pt.constant(np.asarray(variable.data, "float64")) if narrow else variable
        return known[variable]

    for node in toposort([cost], blockers=list(roots)):
        reads = [read(variable) for variable in node.inputs]
        if wide and _narrows(node):
            new = pt.cast(reads[0], "float64")
            new = new if new.owner is not None and new is not reads[0] else pt.tensor_copy(new)
            outputs, made = [new], new.owner
        else:
            made = _rebuilt(node, reads, wide)
            outputs = list(made.outputs)
            narrow = [out for out in outputs if wide and is_float(out) and out.type.dtype != "float64"]
            if narrow and any(map(is_float, node.inputs)):
                raise TypeError(f"{node.op} gives {narrow[0].type.dtype}")
            # Of whole numbers, PyTensor makes small floats: they are what they are, and have no slope.
            outputs = [pt.cast(out, "float64") if out in narrow else out for out in outputs]
        known.update(zip(node.outputs, outputs, strict=True))
        origins[made] = node
    return Twin(read(cost), roots, wide, origins)


def _root(variable: Any, wide: bool) -> Any:
    kind = variable.type
    if wide and is_float(variable):
        kind = TensorType("float64", shape=kind.shape)
    return kind(name=variable.name)


def _rebuilt(node: Apply, reads: list[Any], wide: bool) -> Apply:
    op = node.op
    try:
        if wide and getattr(op, "dtype", None) in ("float16", "float32") and is_float(node.outputs[0]):
            return _of_double(op).make_node(*reads)  # it names a dtype of its own
        return node.clone_with_new_inputs(reads, strict=False)
    except Exception as problem:  # of an Op, which may be the user's own
        raise TypeError(f"{type(op).__name__} does not take it: {one_line(problem)}") from problem


def _of_double(op: Any) -> Any:
    """The same Op, told to give float64."""
    told = {name: getattr(op, name) for name in inspect.signature(type(op)).parameters if hasattr(op, name)}
    return type(op)(**{name: "float64" if name in ("dtype", "acc_dtype") else told[name] for name in told})


def _narrows(node: Apply) -> bool:
    scalar = getattr(node.op, "scalar_op", None)
    return isinstance(scalar, Cast) and is_float(node.outputs[0]) and node.outputs[0].type.dtype != "float64"


def rewritten(twin: Twin) -> Twin:
    """The same cost in the form that PyTensor's stabilizing rewrites give it: each Op still a plain one."""
    return Twin(rewrite_graph(twin.cost, include=STABLE, clone=True), twin.roots, twin.wide)


def as_written(inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """A function in which every Op runs its own Python, and nothing is rewritten."""
    # a loop's own graph needs no compiler to be computed once
    with quietly(), config.change_flags(mode="FAST_COMPILE"):
        return pytensor.function(list(inputs), list(outputs), mode=AS_WRITTEN, on_unused_input="ignore")


class Evaluator:
    """Values of some variables of a graph, where one input after the other is changed."""

    def __init__(self, twin: Twin, values: Mapping[Any, Any], eps: float) -> None:
        self.twin, self.values, self.eps = twin, dict(values), eps  # `values` by root of the twin
        self.kind: Any = np.float64

    def __call__(self, changed: Mapping[Any, Any], wanted: Sequence[Any]) -> list[Any]:
        """The values of `wanted`, where the roots in `changed` have those values."""
        raise NotImplementedError


class _Own(Evaluator):
    """Each Op by its own Python."""

    def __init__(self, twin: Twin, values: Mapping[Any, Any], eps: float) -> None:
        super().__init__(twin, values, eps)
        self._functions: dict[tuple[Any, ...], Any] = {}

    def __call__(self, changed: Mapping[Any, Any], wanted: Sequence[Any]) -> list[Any]:
        key = tuple(wanted)
        if key not in self._functions:
            self._functions[key] = as_written(list(self.values), wanted)
        arguments = [self._fit(root, changed.get(root, value)) for root, value in self.values.items()]
        with quietly(), config.change_flags(mode="FAST_COMPILE"):
            return list(self._functions[key](*arguments))

    @staticmethod
    def _fit(root: Any, value: Any) -> Any:
        return np.asarray(value, root.type.dtype) if is_float(root) else value


def in_float64(twin: Twin, values: Mapping[Any, Any]) -> Evaluator:
    """Each Op by its own Python, in float64, or in float32 where the graph cannot be had otherwise."""
    there = [*values, *(out for node in twin.nodes for out in node.outputs)]
    narrow = not twin.wide and any(is_float(v) and v.type.dtype != "float64" for v in there)
    return _Own(twin, values, float(np.finfo("float32" if narrow else "float64").eps))


class NotExtended(Exception):
    """An Op that is not computed in extended precision."""


def extended(twin: Twin, values: Mapping[Any, Any]) -> Evaluator | str:
    """In extended precision; where that cannot be had, the reason."""
    if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        return "this machine has no more"
    try:
        return _Extended(twin, values)
    except NotExtended as unknown:
        return str(unknown)


class _Extended(Evaluator):
    """Node by node in `numpy.longdouble`; what does not depend on what is changed is computed once."""

    def __init__(self, twin: Twin, values: Mapping[Any, Any]) -> None:
        super().__init__(twin, values, float(np.finfo(np.longdouble).eps))
        self.kind = np.longdouble
        self._plan = [(node, kernel_of(node)) for node in twin.nodes]
        self._base: dict[Any, Any] = {root: widened(root, value) for root, value in values.items()}
        for node in twin.nodes:
            for variable in node.inputs:
                if isinstance(variable, Constant):
                    self._base[variable] = widened(variable, variable.data)
        if isinstance(twin.cost, Constant):
            self._base[twin.cost] = widened(twin.cost, twin.cost.data)
        self._below: dict[frozenset[Any], list[tuple[Apply, Kernel]]] = {}
        self._run(self._plan, self._base)

    def __call__(self, changed: Mapping[Any, Any], wanted: Sequence[Any]) -> list[Any]:
        known = dict(self._base)
        known.update({root: widened(root, value) for root, value in changed.items()})
        key = frozenset(changed)
        if key not in self._below:
            reached = set(key)
            plan = []
            for node, kernel in self._plan:
                if not reached.isdisjoint(node.inputs):
                    reached.update(node.outputs)
                    plan.append((node, kernel))
            self._below[key] = plan
        self._run(self._below[key], known)
        return [known[variable] for variable in wanted]

    @staticmethod
    def _run(plan: Sequence[tuple[Apply, Kernel]], known: dict[Any, Any]) -> None:
        with quietly():
            for node, kernel in plan:
                values = [known[variable] for variable in node.inputs]
                if (products := products_of(node, values)) > MOST_PRODUCTS:
                    raise NotExtended(f"{products:,} multiplications take too long with more digits")
                results = kernel(*values)
                for out, result in zip(node.outputs, results, strict=True):
                    known[out] = checked(node, out, result)


def products_of(node: Apply, values: Sequence[Any]) -> int:
    """How many multiplications a product of matrices takes; no fast library makes them in this type."""
    name = type(node.op).__name__
    if isinstance(node.op, Dot) or isinstance(getattr(node.op, "core_op", None), Dot) or name in PRODUCTS:
        rows, columns = map(np.asarray, values[:2])
    elif name in UPDATED:
        rows, columns = map(np.asarray, values[2:4])
    else:
        return 0
    return int(rows.size * (columns.shape[-1] if columns.ndim > 1 else 1))


def widened(variable: Any, value: Any) -> Any:
    """A variable's value in extended precision, where it is made of numbers with a point."""
    return np.asarray(value, np.longdouble) if is_float(variable) else value


def checked(node: Apply, out: Any, result: Any) -> Any:
    """A result as its variable's Type says, but for the precision; refused where that is lost."""
    if not isinstance(out.type, TensorType):
        return result
    if is_float(out):
        result = np.asarray(result)
        if not any(map(is_float, node.inputs)):  # what it makes of whole numbers is rounded, and has no slope
            return np.asarray(result.astype(out.type.dtype), np.longdouble)
        if result.dtype != np.longdouble:
            raise NotExtended(_called(node.op))
        return result
    return np.asarray(result, out.type.dtype)


def _called(op: Any) -> str:
    scalar = getattr(op, "scalar_op", None) or getattr(op, "core_op", None)
    return f"{type(scalar if scalar is not None else op).__name__} is computed in float64 only"


def kernel_of(node: Apply) -> Kernel:
    """How a node is computed in extended precision, all outputs in a list."""
    op = node.op
    if any(str(getattr(v.type, "dtype", "")).startswith("complex") for v in [*node.inputs, *node.outputs]):
        raise NotExtended(_called(op))
    if isinstance(op, CheckAndRaise):  # PyMC has one of its own
        return _itself(op, node)
    if isinstance(op, Elemwise) and len(node.outputs) == 1:
        return _elementwise(node)
    if isinstance(op, CAReduce):
        return _reduction(op)
    if isinstance(op, Blockwise) and isinstance(op.core_op, Dot):
        return _matmul(op, node)
    if isinstance(op, MakeVector):
        return lambda *entries: [np.array([np.asarray(entry) for entry in entries])]
    kind = type(op)
    if kind.__module__.startswith("pytensor.") and kind.__name__ in _KERNELS:
        return _KERNELS[kind.__name__](op, node)
    raise NotExtended(_called(op))


def _elementwise(node: Apply) -> Kernel:
    scalar = node.op.scalar_op
    name = type(scalar).__name__
    if name in _SCALARS:
        function = _SCALARS[name]
    elif name == "Cast":
        function = np.asarray  # what Type it has is seen to for all alike
        if is_float(node.outputs[0]):
            function = functools.partial(np.asarray, dtype=np.longdouble)
    else:
        function = _ufunc(node)
    return lambda *operands: [function(*operands)]


def _ufunc(node: Apply) -> Kernel:
    """NumPy's or SciPy's own function for a scalar Op, where it computes in extended precision."""
    name = (getattr(node.op.scalar_op, "nfunc_spec", None) or ("",))[0]
    home = scipy.special if name.startswith("scipy.special.") else np
    ufunc = getattr(home, name.rpartition(".")[2], None)
    takes = [kinds.partition("->")[0] for kinds in getattr(ufunc, "types", ())]
    floats = any(map(is_float, node.inputs))
    if ufunc is None or (floats and "g" * len(node.inputs) not in takes and len(node.inputs) <= ufunc.nin):
        raise NotExtended(_called(node.op))
    if len(node.inputs) > ufunc.nin:  # a sum or a product of several
        return lambda *operands: functools.reduce(ufunc, operands)
    if is_float(node.outputs[0]) and not floats:  # of whole numbers, which have no slope
        return lambda *operands: ufunc(*(np.asarray(x, np.float64) for x in operands))
    found: Kernel = ufunc
    return found


def _softplus(x: Any) -> Any:
    return np.logaddexp(np.longdouble(0), x)


def _log1mexp(x: Any) -> Any:
    return np.where(x < -np.log(np.longdouble(2)), np.log1p(-np.exp(x)), np.log(-np.expm1(x)))


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.where(x < low, low, np.where(x > high, high, x))


_SCALARS: dict[str, Kernel] = {
    "Identity": lambda x: x,
    "Second": lambda like, x: np.broadcast_arrays(like, x)[1],
    "Switch": lambda condition, one, other: np.where(condition, one, other),
    "Clip": _clip,
    "Softplus": _softplus,
    "Log1mexp": _log1mexp,
    "TrueDiv": lambda a, b: np.asarray(a, np.longdouble) / b,
}
_REDUCED: dict[str, Any] = {
    "Add": np.add,
    "Mul": np.multiply,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "AND": np.bitwise_and,
    "OR": np.bitwise_or,
}


def _reduction(op: Any) -> Kernel:
    ufunc = _REDUCED.get(type(op.scalar_op).__name__)
    if ufunc is None:
        raise NotExtended(_called(op))
    axis = None if op.axis is None else tuple(op.axis)

    def reduced(x: Any) -> list[Any]:
        return [ufunc.reduce(x, axis=axis)]

    return reduced


def _softmax(op: Any, node: Apply) -> Kernel:
    def kernel(x: Any) -> list[Any]:
        raised = np.exp(x - x.max(axis=op.axis, keepdims=True))
        return [raised / raised.sum(axis=op.axis, keepdims=True)]

    return kernel


def _log_softmax(op: Any, node: Apply) -> Kernel:
    def kernel(x: Any) -> list[Any]:
        left = x - x.max(axis=op.axis, keepdims=True)
        return [left - np.log(np.exp(left).sum(axis=op.axis, keepdims=True))]

    return kernel


def _chosen(op: Any, node: Apply) -> Kernel:
    count = len(node.outputs)
    return lambda condition, *results: list(results[:count] if condition else results[count:])


def _no_matter(op: Any, node: Apply) -> Kernel:
    return lambda *shape: [np.zeros([int(n) for n in shape], np.longdouble)]


def _own_python(op: Any, node: Apply) -> Kernel:
    """Of an Op that moves numbers and computes none: its own Python keeps what they are."""

    def kernel(*values: Any) -> list[Any]:
        cells: list[list[Any]] = [[None] for _ in node.outputs]
        op.perform(node, list(values), cells)
        return [cell[0] for cell in cells]

    return kernel


def _matmul(op: Any, node: Apply) -> Kernel:
    return lambda a, b: [np.matmul(a, b)]


def _itself(op: Any, node: Apply) -> Kernel:
    return lambda x, *_: [x]


def _product(op: Any, node: Apply) -> Kernel:
    """BLAS's A·B, or with a third operand α·A·B."""
    return lambda a, b, alpha=1: [alpha * np.matmul(a, b)]


def _updated(op: Any, node: Apply) -> Kernel:
    """BLAS's β·Y + α·A·B, for vectors too."""
    return lambda y, alpha, a, b, beta: [beta * y + alpha * np.dot(a, b)]


def _outer(op: Any, node: Apply) -> Kernel:
    """BLAS's A + α·x·yᵀ."""
    return lambda a, alpha, x, y: [a + alpha * np.multiply.outer(x, y)]


PRODUCTS, UPDATED = ("Dot22", "Dot22Scalar", "BatchedDot"), ("Gemm", "Gemv", "CGemv")
MOVES = (
    *(
        "AdvancedIncSubtensor",
        "AdvancedIncSubtensor1",
        "AdvancedSubtensor",
        "AdvancedSubtensor1",
        "IncSubtensor",
    ),
    *(
        "Alloc",
        "ARange",
        "Argmax",
        "DimShuffle",
        "ExtractDiag",
        "Eye",
        "Join",
        "JoinDims",
        "Reshape",
        "Subtensor",
    ),
    *("ScalarFromTensor", "Shape", "Shape_i", "SpecifyShape", "Split", "SplitDims", "TensorFromScalar"),
)

# By the names of PyTensor's classes, which move from module to module between its versions.
_KERNELS: dict[str, Callable[[Any, Apply], Kernel]] = {
    **dict.fromkeys(
        MOVES,
        _own_python,
    ),
    "AllocEmpty": _no_matter,
    "IfElse": _chosen,
    "Dot": lambda op, node: lambda a, b: [np.dot(a, b)],
    "Matmul": _matmul,
    **dict.fromkeys(PRODUCTS, _product),
    **dict.fromkeys(UPDATED, _updated),
    **dict.fromkeys(("Ger", "CGer"), _outer),
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    # what stands for itself, and what only checks
    **dict.fromkeys(("Assert", "CheckAndRaise", "DeepCopyOp", "ViewOp"), _itself),
    **dict.fromkeys(("DisconnectedGrad", "GradClip", "GradScale", "UndefinedGrad", "ZeroGrad"), _itself),
}
