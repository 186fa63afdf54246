"""Graph + update pairs + mode → compiled train, predict and evaluate; or a cost, as a solver wants it.

The one place on the way to training that calls ``pytensor.function``. :func:`compile_functions` is for a graph that is
trained step by step, :func:`compile_objective` and :func:`compile_residuals` for one whose parameters SciPy looks for.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pytensor
from numpy.typing import NDArray
from pytensor.compile.io import In
from pytensor.compile.mode import Mode, get_mode, predefined_modes
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import explicit_graph_inputs
from pytensor.scalar.basic import Log, Log1p

from graphs.data import state_values
from graphs.derivatives import curvature, gradients
from graphs.environment import own_warnings_only
from graphs.errors import InputError, whole_number
from graphs.foreign import quoted
from graphs.models.logistic import LogisticGraph
from graphs.models.softmax import SoftmaxGraph
from graphs.native import NativeLinker, alone, explain, repeat, source_of
from graphs.native.linker import fallback_mode
from graphs.updates import UpdatePair

__all__ = [
    "ClassifierGraph",
    "Functions",
    "Objective",
    "Residuals",
    "Stateful",
    "compile_functions",
    "compile_objective",
    "compile_outputs",
    "compile_residuals",
    "linker_name",
    "mode_names",
    "resolve_mode",
    "update_pairs",
]

Array = NDArray[Any]

ClassifierGraph = LogisticGraph | SoftmaxGraph
"""A graph with x, y and shared w, b → prediction, xent and cost."""


class Stateful:
    """What trains by update pairs: its state is what their shared Variables hold."""

    train: Callable[..., Any]
    updates: tuple[UpdatePair, ...]

    def read(self) -> dict[str, Array]:
        """Copies of everything that `train` changes, by name (``w``, ``b``, velocities)."""
        with alone(self.train):  # all from before a step of another thread, or all from after it
            return {shared.name: np.array(shared.get_value(borrow=True)) for shared, _ in self.updates}

    def write(self, state: Mapping[str, Array]) -> None:
        """Put back what :meth:`read` gave.

        Raises
        ------
        InputError
            If a name is missing, a shape differs or something is no number; then nothing is changed.
        """
        there = {shared.name: np.asarray(shared.get_value(borrow=True)) for shared, _ in self.updates}
        self._put(dict(zip(there, state_values(state, there), strict=True)))

    def _put(self, values: Mapping[str, Array]) -> None:
        """Write what has been checked."""
        with alone(self.train):
            for shared, _ in self.updates:
                shared.set_value(values[shared.name])


@dataclass(frozen=True)
class Functions(Stateful):
    """The compiled callables of one experiment, and the graph behind them.

    Shapes are (samples, features) for `x`, (samples,) for `y`, the prediction (bool; with K classes int64) and the
    cross-entropy (in nats, of the dtype of `x`); ∂cost/∂w and ∂cost/∂b have those of w and b, cost has none.
    """

    #: ``train(x, y) → [prediction, xent]``, both from before the step it then takes.
    train: Callable[..., list[Any]]
    #: ``predict(x) → prediction``.
    predict: Callable[..., Any]
    #: ``evaluate(x, y) → [prediction, xent, cost, gw, gb]``; takes no step.
    evaluate: Callable[..., list[Any]]
    graph: ClassifierGraph
    updates: tuple[UpdatePair, ...]  # what `train` applies
    mode: str  # as named by the caller
    build_seconds: float  # from graph to callables, without what a linker leaves to the first call

    def stages(self) -> list[tuple[str, float]]:
        """What building took, in seconds, part by part in order; one part where the linker does not tell them apart.

        The compiler's is the time for which Python has waited for it by now: it works while Python does something else.
        """
        if self.linker != NativeLinker.__name__:
            return [("build", self.build_seconds)]
        rewriting: dict[str, float] = {}
        code = compiler = 0.0
        for made in map(explain, (self.train, self.evaluate, self.predict)):
            for name, seconds in made.rewriting:
                rewriting[f"rewriting: {name}"] = rewriting.get(f"rewriting: {name}", 0.0) + seconds
            code, compiler = code + made.code, compiler + made.compiler
        other = self.build_seconds - sum(rewriting.values()) - code
        parts = [*rewriting.items(), ("code generation", code), ("gradients and all else", max(0.0, other))]
        return [*parts, ("compiler", compiler)]

    def train_many(self, x: Array, y: Array, n: int) -> tuple[Array, Array]:
        """`n` steps of `train`, to the bit the same; inside one call where the linker is native.

        Returns
        -------
        predictions, xents : ndarray, shape (n, samples)
            What each step returned.
        """
        predictions, xents = repeat(self.train, whole_number("n", n, 1), [x, y])
        return predictions, xents

    @property
    def linker(self) -> str:
        """The class of the linker that runs `train`; known for sure after its first call."""
        return linker_name(self.train)

    @property
    def takes_logarithms(self) -> bool:
        """Whether the compiled `train` still evaluates a log, as the textbook formula is written."""
        source = source_of(self.train)
        if source is not None:  # its graph may never have been rewritten, where the cache knew the program
            return "log_(" in source.text or "log1p_(" in source.text
        fgraph = self.train.maker.fgraph  # type: ignore[attr-defined]  # a PyTensor Function
        return any(isinstance(op, (Log, Log1p)) for op in _scalar_ops(fgraph))


def linker_name(function: Any) -> str:
    """The linker that really runs: a native one may have handed its graph on."""
    if isinstance(function.maker.linker, NativeLinker) and source_of(function) is None:
        return type(fallback_mode().linker).__name__
    return type(function.maker.linker).__name__


def _scalar_ops(fgraph: Any) -> Iterator[Any]:
    """Every scalar Op in a graph, those inside fused Ops too."""
    for node in fgraph.apply_nodes:
        scalar_op = getattr(node.op, "scalar_op", node.op)
        yield scalar_op
        inner = getattr(scalar_op, "fgraph", None)
        if inner is not None:
            yield from _scalar_ops(inner)


# "none" compiles nothing and rewrites nothing: every Op runs its own Python, as the graph was written.
_OWN_MODES: dict[str, Callable[[], Mode]] = {
    "default": lambda: get_mode(None),
    "FAST_RUN": lambda: get_mode("FAST_RUN"),
    "none": lambda: Mode(linker="py", optimizer=None),
}


def mode_names() -> tuple[str, ...]:
    """The modes that can be named: PyTensor's own, ``default`` and ``none``."""
    return (*_OWN_MODES, *sorted(predefined_modes))


def resolve_mode(mode: str | Mode | None = "default") -> Mode:
    """Return a PyTensor Mode by name; a Mode is returned as it is and None is the default.

    Parameters
    ----------
    mode : str, Mode or None
        One of :func:`mode_names`, in any case.

    Raises
    ------
    InputError
        If there is no mode of that name.
    """
    if isinstance(mode, Mode):
        return mode
    by_lower = {name.lower(): name for name in mode_names()}
    name = "default" if mode is None else by_lower.get(mode.lower()) if isinstance(mode, str) else None
    if name is None:
        raise InputError("mode", found=quoted(mode), allowed=", ".join(mode_names()))
    return _OWN_MODES[name]() if name in _OWN_MODES else get_mode(name)


def update_pairs(graph: Any, updates: Any) -> tuple[UpdatePair, ...]:
    """The pairs, where `graph` is one and each can be applied to it; else an :class:`InputError`."""
    if not isinstance(graph, ClassifierGraph):
        allowed = (
            "a LogisticGraph or a SoftmaxGraph, as graphs.logistic_graph and graphs.softmax_graph make them"
        )
        raise InputError("graph", found=quoted(graph), allowed=allowed)
    allowed = "pairs of a shared Variable and its next value, as graphs.gradient_descent makes them"
    if not isinstance(updates, Sequence):
        raise InputError("updates", found=quoted(updates), allowed=allowed)
    known: set[Any] = set()
    for pair in updates:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], SharedVariable)):
            raise InputError("updates", found=quoted(pair), allowed=allowed)
        shared, new = pair
        try:
            following = shared.type.filter_variable(new, allow_convert=False)
        except (TypeError, ValueError, NotImplementedError) as problem:
            found = f"a next value for {shared} that is none ({problem})"
            raise InputError("updates", found=found, allowed=f"one of {shared.type}") from problem
        others = [v for v in explicit_graph_inputs([following]) if v not in (graph.x, graph.y)]
        if others:
            found = f"a next value for {shared} that needs {others[0]}"
            raise InputError(
                "updates", found=found, allowed="expressions of the graph's x, y and shared Variables"
            )
        if shared in known:
            raise InputError("updates", found=f"{shared} twice", allowed="each shared Variable once")
        if shared.name is None or shared.name in (other.name for other in known):
            found = f"a shared Variable named {shared.name!r}" + " beside another" * (shared.name is not None)
            raise InputError("updates", found=found, allowed="names of their own, by which a state is kept")
        known.add(shared)
    return tuple(updates)


def compile_functions(
    graph: ClassifierGraph, updates: Sequence[UpdatePair], mode: str | Mode | None = "default"
) -> Functions:
    """Compile `train`, `predict` and `evaluate`; the graph and the pairs stay as they are.

    Parameters
    ----------
    graph : LogisticGraph or SoftmaxGraph
    updates : sequence of update pairs
        From :mod:`graphs.updates`, for parameters of `graph`.
    mode : str, Mode or None
        See :func:`resolve_mode`.

    Raises
    ------
    InputError
        If the graph is none, the pairs cannot be applied, or there is no such mode, its framework is not
        installed, or it cannot compile this graph.
    """
    resolved, label = resolve_mode(mode), _label(mode)
    pairs = update_pairs(graph, updates)
    y = In(graph.y, allow_downcast=True)  # 0 and 1 lose nothing, whatever dtype they come in
    compiled = functools.partial(pytensor.function, mode=resolved)
    start = time.perf_counter()
    with _compiling(label):
        outputs = [graph.prediction, graph.xent]
        train = compiled([graph.x, y], outputs, updates=list(pairs), name="train")
        whole = [*outputs, graph.cost, *gradients(graph.cost, [graph.w, graph.b])]
        evaluate = compiled([graph.x, y], whole, name="evaluate")
        predict = compiled([graph.x], graph.prediction, name="predict")
    return Functions(train, predict, evaluate, graph, pairs, label, time.perf_counter() - start)


def _label(mode: str | Mode | None) -> str:
    return mode if isinstance(mode, str) else "default" if mode is None else repr(mode)


@contextmanager
def _compiling(label: str) -> Iterator[None]:
    """Say as bad input what a mode cannot do here."""
    try:
        with own_warnings_only():
            yield
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError):  # a library that the mode has compiled
            raise InputError(
                "compile folder",
                found=f"one from which the mode {label} cannot load what it compiles ({error})",
                allowed="a folder on a file system that is not mounted noexec",
                remedy="name another one: PYTENSOR_FLAGS=base_compiledir=FOLDER",
            ) from error
        raise InputError(
            "mode",
            found=f"{label}, whose framework is not installed ({error})",
            allowed=", ".join(mode_names()),
            remedy=f"install {error.name or 'it'} or name another mode",
        ) from error
    except NotImplementedError as error:
        raise InputError(
            "mode",
            found=f"{label}, which cannot compile this graph ({error})",
            allowed="NUMBA, CVM, FAST_COMPILE, none",
        ) from error


@dataclass(frozen=True)
class Flat:
    """Parameters as one vector, as a solver wants them, and back."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    start: NDArray[np.float64]  # their values when it was compiled, shape (entries of all of them,)
    function: Callable[..., Any]  # what was compiled, for whoever asks which linker runs

    def beginning(self, values: Sequence[Array]) -> Self:
        """The same function of parameters of other lengths, which begin at `values`; nothing is compiled again."""
        shapes = tuple(np.shape(value) for value in values)
        if [len(shape) for shape in shapes] != [len(shape) for shape in self.shapes]:
            found = f"arrays of the shapes {', '.join(map(str, shapes))}"
            raise InputError(
                "values", found=found, allowed=f"one for each of {', '.join(self.names)}, of as many axes"
            )
        return replace(self, shapes=shapes, start=_flat(values))

    def parts(self, point: Array) -> list[Array]:
        """The value of each parameter at `point`."""
        point, first, found = np.asarray(point, dtype="float64"), 0, []
        for (
            shape
        ) in self.shapes:  # by hand: a solver asks often, and np.split takes as long as a small function
            last = first + math.prod(shape)
            found.append(point[first:last].reshape(shape))
            first = last
        return found

    def parameters(self, point: Array) -> dict[str, Array]:
        """Likewise, by name."""
        return dict(zip(self.names, self.parts(point), strict=True))

    @property
    def linker(self) -> str:
        """The class of the linker that runs it; known for sure after its first call."""
        return linker_name(self.function)


def _flat(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.concatenate([np.ravel(np.asarray(value, dtype="float64")) for value in values])


@dataclass(frozen=True)
class Objective(Flat):
    """A cost and its gradient at any point, and its curvature there."""

    along: Callable[..., Any]

    def cost(self, point: Array, *data: Any) -> tuple[float, NDArray[np.float64]]:
        """The cost, and its gradient of the shape of `point`."""
        cost, *slopes = self.function(*self.parts(point), *data)
        return float(cost), _flat(slopes)

    def curvature(self, point: Array, direction: Array, *data: Any) -> NDArray[np.float64]:
        """The Hessian at `point` times `direction`."""
        return _flat(self.along(*self.parts(point), *self.parts(direction), *data))


@dataclass(frozen=True)
class Residuals(Flat):
    """Residuals and their Jacobian at any point."""

    matrix: Callable[..., Any]

    def residuals(self, point: Array, *data: Any) -> NDArray[np.float64]:
        """A vector, shape (samples,)."""
        return np.asarray(self.function(*self.parts(point), *data), dtype="float64")

    def jacobian(self, point: Array, *data: Any) -> NDArray[np.float64]:
        """Shape (samples, parameters)."""
        return np.asarray(self.matrix(*self.parts(point), *data), dtype="float64")


def compile_outputs(inputs: Sequence[Any], outputs: Any, mode: str | Mode | None = "default") -> Any:
    """Compile expressions as a function of `inputs`, of which some may be shared Variables; these are only read.

    Parameters
    ----------
    inputs : sequence of Variables
        In the order in which their values will be given.
    outputs : Variable, or sequence of Variables
    mode : str, Mode or None
        See :func:`resolve_mode`.

    Raises
    ------
    InputError
        If the mode cannot compile this graph.
    """
    shared = [each for each in inputs if isinstance(each, SharedVariable)]
    points, places, _ = _as_inputs(shared, ())
    by_shared = dict(zip(shared, points, strict=True))
    taken = [In(by_shared.get(each, each), allow_downcast=True) for each in inputs]
    resolved, label = resolve_mode(mode), _label(mode)
    with _compiling(label):
        found = clone_replace(outputs, places)
        return pytensor.function(taken, found, mode=resolved, on_unused_input="ignore")


def compile_objective(
    cost: Any, parameters: Sequence[Any], inputs: Sequence[Any], mode: str | Mode | None = "default"
) -> Objective:
    """Compile a cost as a function of its parameters, whose shared values are only read.

    Parameters
    ----------
    cost : Variable, scalar
    parameters : sequence of shared Variables
    inputs : sequence of Variables
        What else the cost needs: x and y, in the order in which they will be given.
    mode : str, Mode or None
        See :func:`resolve_mode`.

    Raises
    ------
    InputError
        If an argument is not one of the above, or the mode cannot compile this graph.
    """
    resolved, label = resolve_mode(mode), _label(mode)
    directions = [parameter.type() for parameter in parameters]
    points, places, taken = _as_inputs(parameters, inputs)
    slopes = gradients(cost, parameters)
    with _compiling(label):
        found = clone_replace([cost, *slopes], places)
        # A solver's points are in float64; the parameters may be in float32.
        given = [In(point, allow_downcast=True) for point in points]
        function = pytensor.function([*given, *taken], found, mode=resolved, name="cost")

        @functools.cache
        def along() -> Any:  # compiled when it is first wanted, for few solvers ask for it
            bent = clone_replace(curvature(cost, parameters, directions), places)
            whole = [*given, *(In(each, allow_downcast=True) for each in directions), *taken]
            with _compiling(label):
                return pytensor.function(
                    whole, bent, mode=resolved, on_unused_input="ignore", name="curvature"
                )

    return Objective(*_named(parameters), function, lambda *given: along()(*given))


def compile_residuals(
    residuals: Any,
    jacobian: Any,
    parameters: Sequence[Any],
    inputs: Sequence[Any],
    mode: str | Mode | None = "default",
) -> Residuals:
    """Compile residuals and their Jacobian as functions of the parameters, whose shared values are only read.

    Parameters
    ----------
    residuals : Variable, vector (samples,)
    jacobian : Variable, matrix (samples, parameters)
    parameters : sequence of shared Variables
    inputs : sequence of Variables
        What else they need: x and y, in the order in which they will be given.
    mode : str, Mode or None
        See :func:`resolve_mode`.

    Raises
    ------
    InputError
        If the mode cannot compile this graph.
    """
    resolved, label = resolve_mode(mode), _label(mode)
    points, places, taken = _as_inputs(parameters, inputs)
    with _compiling(label):
        function, matrix = (
            pytensor.function(
                [*points, *taken], found, mode=resolved, on_unused_input="ignore", name=found.name
            )
            for found in clone_replace([residuals, jacobian], places)
        )
    return Residuals(*_named(parameters), function, matrix)


def _as_inputs(
    parameters: Sequence[Any], inputs: Sequence[Any]
) -> tuple[list[Any], dict[Any, Any], list[Any]]:
    """An input in the place of every parameter, and the inputs there are."""
    points = [parameter.type(name=parameter.name) for parameter in parameters]
    taken = [In(each, allow_downcast=True) for each in inputs]
    return points, dict(zip(parameters, points, strict=True)), taken


def _named(parameters: Sequence[Any]) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...], Array]:
    values = [parameter.get_value(borrow=True) for parameter in parameters]
    return tuple(parameter.name for parameter in parameters), tuple(map(np.shape, values)), _flat(values)
