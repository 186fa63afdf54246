"""What every peer's file offers: ``build(data, formula, how, learning_rate, weight_decay)`` → a `Training`.

Workers import this file in old Pythons too (see :mod:`graphs.peers.worker`): NumPy and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["Data", "NotApplicable", "StepCount", "Training"]


class Data(NamedTuple):
    """The part of a `graphs.data.Dataset` that a training starts from; none of it is changed."""

    x: NDArray[Any]  # inputs, shape (N, F); their dtype is the dtype of the whole training
    y: NDArray[Any]  # targets 0 or 1, shape (N,)
    initial_w: NDArray[Any]  # shape (F,)
    initial_b: float = 0.0


class NotApplicable(ValueError):
    """A way of training that is not made for these data; the message says why."""


@dataclass(frozen=True)
class StepCount:
    """What one training step makes the framework do."""

    #: How often the step enters the framework's runtime from Python: once per operation where
    #: it is eager, once altogether where it is compiled.
    dispatches: int
    ops: int  # operations that run: kernels, or nodes of the compiled graph
    temporaries: int | None  # new arrays that hold their results; None where the compiler does not tell
    bytes: int | None  # size of those arrays together; None where it is not known
    how: str  # how this was counted


class Training:
    """The experiment, ready to run in one framework. It keeps its own w and b.

    A peer that is timed, and never compared, has neither `gradient` nor `count`.
    """

    note = ""  # a remark to stand beside its times

    def train(self) -> tuple[Any, Any]:
        """One step of gradient descent: prediction and xent from before it, the framework's arrays of shape (N,).

        They may still be under way; NumPy waits for them.
        """
        raise NotImplementedError

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """`steps` steps (at least one) in the framework's own loop, or else in Python's; what the last one returned."""
        # --- loop
        for _ in range(steps):
            prediction, xent = self.train()
        # --- end
        return prediction, xent

    def wait(self) -> None:
        """Return when all that was asked for is done, where more than the results may be under way."""

    def parameters(self) -> tuple[NDArray[Any], float]:
        """Present w (a copy, shape (F,)) and b, after waiting for them."""
        raise NotImplementedError

    def gradient(self) -> dict[str, str]:
        """The gradient as the framework holds it: name of the representation → its text."""
        raise NotImplementedError

    def count(self) -> StepCount:
        """What one step makes the framework do. Runs steps: w and b move."""
        raise NotImplementedError
