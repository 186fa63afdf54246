"""A model whose `train` carries Gram state, behind the signatures of :mod:`graphs.functions`.

Apart from those, because what is compiled here is for one x and refuses any other, and because nobody who
trains on any x should import :mod:`graphs.rewrites`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytensor
from numpy.typing import NDArray
from pytensor.compile.io import In
from pytensor.compile.mode import Mode

from graphs.data import real_numbers
from graphs.environment import own_warnings_only
from graphs.errors import InputError, whole_number
from graphs.functions import Functions, Stateful, compile_functions, resolve_mode, update_pairs
from graphs.models.logistic import LogisticGraph
from graphs.native import alone, repeat
from graphs.rewrites.gram import GramState, gram_state
from graphs.updates import UpdatePair

__all__ = ["GramFunctions", "compile_gram"]

Array = NDArray[Any]


@dataclass(eq=False)
class GramFunctions(Stateful):
    """A learner for :func:`graphs.training.fit` that trains on one x; made by :func:`compile_gram`."""

    state: GramState
    graph: LogisticGraph
    updates: tuple[UpdatePair, ...]  # those given, not those that run
    mode: str | Mode | None
    step: Callable[[Array], list[Any]]  # step(y) → [prediction, xent]; reads neither x nor w
    _known: Any = None  # an array that cannot change and is equal to x

    def train(self, x: Array, y: Array) -> list[Any]:
        """One step; prediction and xent from before it.

        Parameters
        ----------
        x : ndarray, shape (samples, features)
            The x that this was compiled for. A read-only array (``state.x``, say) is compared with
            it once and known again afterwards; one that could have been written to is compared at
            every call, which takes about as long as the step that it saves.
        y : ndarray, shape (samples,)

        Raises
        ------
        InputError
            If `x` is another matrix.
        """
        self._check(x)
        return self.step(y)

    def train_many(self, x: Array, y: Array, n: int) -> tuple[Array, Array]:
        """`n` calls of `train` with one look at `x`; as for :class:`graphs.functions.Functions`."""
        n = whole_number("n", n, 1)
        self._check(x)
        predictions, xents = repeat(self.step, n, [y])
        return predictions, xents

    def predict(self, x: Array) -> Any:
        """Predictions for any x, by the recovered weights."""
        with alone(self.step):
            return self._recovered().predict(x)

    def evaluate(self, x: Array, y: Array) -> list[Any]:
        """Prediction, xent, cost, gw and gb for any x and y, by the recovered weights; takes no step."""
        with alone(self.step):
            return self._recovered().evaluate(x, y)

    def read(self) -> dict[str, Array]:
        """Copies of everything that `train` changes, by the names of the original pairs.

        The state is rebased on what is read, so that a run that goes on from these values with
        :meth:`write`, in another process say, gives the same bits as this one if NumPy's BLAS has as many
        threads there: K, u and the weights recovered are its products.
        """
        with alone(self.step):
            _set_shared(self.state.rebase())
            return super().read()

    def write(self, state: Mapping[str, Array]) -> None:
        """As for :class:`graphs.functions.Functions`."""
        with alone(self.step):
            super().write(state)
            self.state.load({s: s.get_value(borrow=True) for s in self.state.weights})

    @cached_property
    def _plain(self) -> Functions:
        return compile_functions(self.graph, self.updates, self.mode)

    def _recovered(self) -> Functions:
        _set_shared(self.state.recover())
        return self._plain

    def _check(self, x: Array) -> None:
        if x is self.state.x or (x is self._known and x is not None):
            return
        if not np.array_equal(x, self.state.x):
            raise InputError(
                "x",
                found="another matrix than the one this was compiled for",
                allowed="that matrix, whose products K = x·xᵀ stand in its stead",
                remedy="compile for the new one, or use graphs.compile_functions, which takes any",
            )
        self._known = x if _cannot_change(x) else None


def _set_shared(values: Mapping[Any, Array]) -> None:
    for shared, value in values.items():
        shared.set_value(value)


def _cannot_change(array: Any) -> bool:
    """Whether neither this array nor those that it is a view of can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None


def compile_gram(
    graph: LogisticGraph,
    updates: Sequence[UpdatePair],
    x: Array,
    mode: str | Mode | None = "default",
    *,
    even_if_it_loses: bool = False,
) -> GramFunctions:
    """Compile the training of `graph` on one x with Gram state.

    Parameters
    ----------
    graph : LogisticGraph
    updates : sequence of update pairs
        For parameters of `graph`.
    x : ndarray, shape (samples, features)
        The inputs of every step.
    mode : str, Mode or None
        See :func:`graphs.functions.resolve_mode`.
    even_if_it_loses : bool
        Whatever :func:`graphs.rewrites.gram.pays` says.

    Raises
    ------
    NotApplicable
        If the updates or the sizes are not made for it; use :func:`graphs.compile_functions` then.
    InputError
        If an argument is not one of the above.
    """
    pairs, resolved = update_pairs(graph, updates), resolve_mode(mode)
    x = real_numbers("x", x, ("samples", *np.shape(graph.w.get_value(borrow=True))))
    if x.dtype != graph.x.dtype:
        raise InputError(
            "x", found=f"an array of dtype {x.dtype}", allowed=f"{graph.x.dtype}, as the graph's"
        )
    state = gram_state(pairs, [graph.prediction, graph.xent], graph.x, x, even_if_it_loses=even_if_it_loses)
    with own_warnings_only():
        step = pytensor.function(
            [In(graph.y, allow_downcast=True)],
            state.outputs,
            updates=state.updates,
            mode=resolved,
            name="train",
        )
    return GramFunctions(state, graph, pairs, mode, step)
