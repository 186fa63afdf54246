"""NumPy: the gradient derived by hand, the loop written out."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.peers.contract import Data, StepCount, Training
from graphs.peers.counting import count_training

__all__ = ["build"]

Array = NDArray[Any]


# --- formula: textbook
def textbook(x: Array, y: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """Probability of 1 and cross-entropy, as on paper."""
    p_1 = 1 / (1 + np.exp(-(x @ w) - b))
    xent = -y * np.log(p_1) - (1 - y) * np.log(1 - p_1)
    return p_1, xent


# --- formula: logits
def logits(x: Array, y: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """The same from the logits z: −log σ(z) is log(1 + exp(−z)), which `logaddexp` never overflows."""
    from scipy.special import expit  # slow to import; a process with the textbook formula does without

    z = x @ w + b
    return expit(z), np.logaddexp(0, z) - y * z


# --- gradient
def gradient(x: Array, y: Array, w: Array, p_1: Array, decay: float) -> tuple[Array, Any]:
    """gw and gb of mean(xent) + decay · Σw²; by hand, log and exp have cancelled to p_1 − y."""
    residual = (p_1 - y) / len(y)
    return residual @ x + 2 * decay * w, residual.sum()


# --- end


class NumpyTraining(Training):
    """The experiment in NumPy, where nothing is compiled: `how` has no choices."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        # --- declare
        self.x = data.x
        self.y = data.y.astype(data.x.dtype)
        self.w = data.initial_w.copy()
        self.b = np.array(data.initial_b, dtype=data.x.dtype)
        # --- end
        self.formula = {"textbook": textbook, "logits": logits}[formula]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def train(self) -> tuple[Array, Array]:
        p_1, xent = self.formula(self.x, self.y, self.w, self.b)
        gw, gb = gradient(self.x, self.y, self.w, p_1, self.weight_decay)
        # --- update
        self.w -= self.learning_rate * gw
        self.b -= self.learning_rate * gb
        # --- end
        return p_1 > 0.5, xent

    def parameters(self) -> tuple[Array, float]:
        return self.w.copy(), float(self.b)

    def gradient(self) -> dict[str, str]:
        """The formula itself: there is nothing else."""
        return {"formula": inspect.getsource(gradient)}

    def count(self) -> StepCount:
        """NumPy calls of one step."""
        return count_training(self)


build = NumpyTraining
