"""All that `reproduce` does, natively and in NumPy: history, optimum and certificate beside the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.peers.contract import Data, NotApplicable, Training
from graphs.peers.in_numpy import NumpyTraining, gradient
from graphs.solving import certify, find_optimum
from graphs.training import fit

__all__ = ["build"]

Array = NDArray[Any]
EVERY = 10  # steps between two entries of the history, as `reproduce` has it


class Native(Training):
    """The reproduction itself, which draws its own data."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        samples, features = data.x.shape
        self.settings = {
            "samples": samples,
            "features": features,
            "formula": formula,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "every": EVERY,
        }

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """A reproduction of `steps` steps from the beginning; its last predictions and cost."""
        from graphs.experiment.reproduction import reproduce
        from graphs.experiment.settings import Settings

        self.result = reproduce(Settings(steps=steps, **self.settings))
        return self.result.train_predictions, self.result.progress.history.cost[-1]

    def parameters(self) -> tuple[Array, float]:
        """Final w and b."""
        state = self.result.progress.state
        return state["w"], float(state["b"])


class NumpyLearner:
    """The same job by hand: a learner for :func:`graphs.training.fit`."""

    def __init__(self, training: NumpyTraining) -> None:
        self.training = training

    def train(self, x: Array, y: Array) -> tuple[Array, Array]:
        """One step; prediction and xent from before it."""
        return self.training.train()

    def evaluate(self, x: Array, y: Array) -> tuple[Any, ...]:
        """Prediction, xent, cost, gw and gb; takes no step."""
        own = self.training
        p_1, xent = own.formula(x, y, own.w, own.b)
        cost = xent.mean() + own.weight_decay * (own.w @ own.w)
        return p_1 > 0.5, xent, cost, *gradient(x, y, own.w, p_1, own.weight_decay)

    def read(self) -> dict[str, Array]:
        """Copies of w and b."""
        return {"w": self.training.w.copy(), "b": self.training.b.copy()}

    def write(self, state: Mapping[str, Array]) -> None:
        """Put back what `read` gave."""
        self.training.w[...], self.training.b[...] = state["w"], state["b"]


class InNumpy(NumpyTraining):
    """The reproduction by hand."""

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """`steps` steps with history, then the optimum; last predictions and cost."""
        learner = NumpyLearner(self)
        progress = fit(learner, self.x, self.y, steps=steps, every=EVERY)
        cost = float(progress.history.cost[-1])
        certify(cost, self.w, find_optimum(learner, self.x, self.y), self.weight_decay)
        return learner.evaluate(self.x, self.y)[0], cost


def build(data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> Training:
    """Make it ready; `how` is ``native`` or ``numpy``.

    Not applicable in float32, whose optimum `reproduce` looks for in float64 and with other functions.
    """
    if data.x.dtype != np.float64:
        raise NotApplicable("a reproduction is timed in float64")
    kind = InNumpy if how == "numpy" else Native
    return kind(data, formula, how, learning_rate, weight_decay)
