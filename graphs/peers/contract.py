"""What every framework file offers: `build`, and a `Training` that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMULAS", "Samples", "StepCount", "Training"]

#: ``textbook`` takes log(p) and log(1 − p) of a computed probability, as on paper; ``logits``
#: goes from x·w + b to the cross-entropy with the function that each framework recommends.
FORMULAS = ("textbook", "logits")


class Samples(Protocol):
    """The part of a `graphs.data.Dataset` that a training needs."""

    @property
    def x(self) -> NDArray[np.floating[Any]]:
        """Inputs, shape (N, F); their dtype is the dtype of the whole training."""

    @property
    def y(self) -> NDArray[Any]:
        """Targets 0 or 1, shape (N,)."""

    @property
    def initial_w(self) -> NDArray[np.floating[Any]]:
        """Weights before the first step, shape (F,)."""

    @property
    def initial_b(self) -> float:
        """Bias before the first step."""


@dataclass(frozen=True)
class StepCount:
    """What one training step makes the framework do.

    Attributes
    ----------
    dispatches : int
        How often the step enters the framework's runtime from Python: once per operation where
        it is eager, once altogether where it is compiled.
    ops : int
        Operations that run: kernels, or nodes of the compiled graph.
    temporaries : int or None
        New arrays that hold their results; None where the compiler does not tell.
    bytes : int or None
        Size of those arrays together; None where it is not known.
    how : str
        How this was counted.
    """

    dispatches: int
    ops: int
    temporaries: int | None
    bytes: int | None
    how: str


class Training(Protocol):
    """The experiment, ready to run in one framework. It keeps its own w and b."""

    def train(self) -> tuple[Any, Any]:
        """One step of gradient descent.

        Returns
        -------
        prediction, xent : arrays of the framework, shape (N,)
            Both from before the update. They may still be under way; NumPy waits for them.
        """

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """`steps` steps (at least one) in the framework's own loop; what the last one returned."""

    def parameters(self) -> tuple[NDArray[np.floating[Any]], float]:
        """Present w (a copy, shape (F,)) and b, after waiting for them."""

    def gradient(self) -> dict[str, str]:
        """The gradient as the framework holds it: name of the representation → its text."""

    def count(self) -> StepCount:
        """What one step makes the framework do. Runs steps: w and b move."""
