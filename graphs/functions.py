"""Graph + update pairs + mode → compiled train, predict and evaluate."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
from numpy.typing import NDArray
from pytensor.compile.io import In
from pytensor.compile.mode import Mode, get_mode, predefined_modes
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.traversal import explicit_graph_inputs
from pytensor.scalar.basic import Log, Log1p

from graphs.data import real_numbers
from graphs.environment import own_warnings_only
from graphs.errors import InputError, whole_number
from graphs.foreign import quoted
from graphs.models.logistic import LogisticGraph
from graphs.native import NativeLinker, alone, repeat, source_of
from graphs.updates import UpdatePair, gradients

__all__ = ["Functions", "Stateful", "compile_functions", "mode_names", "resolve_mode", "update_pairs"]

Array = NDArray[Any]


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
        if not isinstance(state, Mapping):
            raise InputError("state", found=quoted(state), allowed="a mapping, as `read` gives it")
        values = []
        for shared, _ in self.updates:
            argument, there = f"state[{shared.name!r}]", np.shape(shared.get_value(borrow=True))
            if shared.name not in state:
                raise InputError(argument, found="nothing", allowed=f"an array of shape {there}")
            given = state[shared.name]
            values.append(real_numbers(argument, given, there, dtype=shared.dtype, finite=False))
        with alone(self.train):
            for (shared, _), value in zip(self.updates, values, strict=True):
                shared.set_value(value)


@dataclass(frozen=True)
class Functions(Stateful):
    """The compiled callables of one experiment, and the graph behind them.

    Shapes are (samples, features) for `x`, (samples,) for `y`, the prediction (bool) and the cross-entropy
    (in nats, of the dtype of `x`); ∂cost/∂w has shape (features,), cost and ∂cost/∂b none.
    """

    #: ``train(x, y) → [prediction, xent]``, both from before the step it then takes.
    train: Callable[..., list[Any]]
    #: ``predict(x) → prediction``.
    predict: Callable[..., Any]
    #: ``evaluate(x, y) → [prediction, xent, cost, gw, gb]``; takes no step.
    evaluate: Callable[..., list[Any]]
    graph: LogisticGraph
    updates: tuple[UpdatePair, ...]  # what `train` applies
    mode: str  # as named by the caller
    build_seconds: float  # from graph to callables, without what a linker leaves to the first call

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
        return _linker_name(self.train)

    @property
    def takes_logarithms(self) -> bool:
        """Whether the compiled `train` still evaluates a log, as the textbook formula is written."""
        source = source_of(self.train)
        if source is not None:  # its graph may never have been rewritten, where the cache knew the program
            return "log_(" in source.text or "log1p_(" in source.text
        fgraph = self.train.maker.fgraph  # type: ignore[attr-defined]  # a PyTensor Function
        return any(isinstance(op, (Log, Log1p)) for op in _scalar_ops(fgraph))


def _linker_name(function: Any) -> str:
    """The linker that really runs: a native one may have handed its graph on."""
    if isinstance(function.maker.linker, NativeLinker) and source_of(function) is None:
        return type(get_mode(None).linker).__name__
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
    if not isinstance(graph, LogisticGraph):
        allowed = "a LogisticGraph, as graphs.logistic_graph makes it"
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
        known.add(shared)
    return tuple(updates)


def compile_functions(
    graph: LogisticGraph, updates: Sequence[UpdatePair], mode: str | Mode | None = "default"
) -> Functions:
    """Compile `train`, `predict` and `evaluate`; the graph and the pairs stay as they are.

    Parameters
    ----------
    graph : LogisticGraph
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
    resolved = resolve_mode(mode)
    label = mode if isinstance(mode, str) else "default" if mode is None else repr(mode)
    pairs = update_pairs(graph, updates)
    y = In(graph.y, allow_downcast=True)  # 0 and 1 lose nothing, whatever dtype they come in
    compiled = functools.partial(pytensor.function, mode=resolved)
    start = time.perf_counter()
    try:
        with own_warnings_only():
            outputs = [graph.prediction, graph.xent]
            train = compiled([graph.x, y], outputs, updates=list(pairs), name="train")
            whole = [*outputs, graph.cost, *gradients(graph.cost, [graph.w, graph.b])]
            evaluate = compiled([graph.x, y], whole, name="evaluate")
            predict = compiled([graph.x], graph.prediction, name="predict")
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
    return Functions(train, predict, evaluate, graph, pairs, label, time.perf_counter() - start)
