"""NumPy with the Gram trick written out: an honest peer of :mod:`graphs.rewrites.gram`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymv, ssymv
from scipy.special import expit

__all__ = ["build"]


class NumpyGramTraining:
    """w = c·w₀ + Xᵀ·a; a step knows u = X·w and K = X·Xᵀ only. See :class:`graphs.frameworks.Training`."""

    def __init__(self, data: Any, formula: str, learning_rate: float, weight_decay: float) -> None:
        self.x, self.y = data.x, data.y.astype(data.x.dtype)
        self.w_0, self.b = data.initial_w, np.array(data.initial_b, dtype=data.x.dtype)
        self.gram = np.asfortranarray(self.x @ self.x.T)
        # BLAS's product with a symmetric matrix reads half of it.
        self.symmetric_product = dsymv if data.x.dtype == np.float64 else ssymv
        self.u = self.x @ self.w_0
        self.a, self.c = np.zeros_like(self.u), 1.0
        self.rate, self.shrink = learning_rate, 1 - 2 * learning_rate * weight_decay
        self.formula = formula

    def train(self) -> tuple[Any, Any]:
        """One step; prediction and xent from before it."""
        z = self.u + self.b
        p_1 = expit(z)
        if self.formula == "logits":
            xent = np.logaddexp(0, z) - self.y * z
        else:
            xent = -self.y * np.log(p_1) - (1 - self.y) * np.log(1 - p_1)
        r = (p_1 - self.y) * (-self.rate / len(self.y))
        self.u = self.symmetric_product(1, self.gram, r, self.shrink, self.u, overwrite_y=1)
        self.a *= self.shrink
        self.a += r
        self.c *= self.shrink
        self.b += r.sum()
        return p_1 > 0.5, xent

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """`steps` steps; what the last one returned."""
        for _ in range(steps):
            result = self.train()
        return result

    def parameters(self) -> tuple[NDArray[Any], float]:
        """Present w and b, w recovered."""
        return self.c * self.w_0 + self.a @ self.x, float(self.b)


def build(
    data: Any, formula: str, how: str = "", *, learning_rate: float = 0.1, weight_decay: float = 0.01
) -> NumpyGramTraining:
    """Make it ready; `how` has no choices.

    Raises
    ------
    ValueError
        With more samples than features, where nobody would do it.
    """
    samples, features = data.x.shape
    if samples > features:
        raise ValueError(f"not applicable: {samples} samples against {features} features")
    return NumpyGramTraining(data, formula, learning_rate, weight_decay)
