"""NumPy with the Gram trick written out: an honest peer of :mod:`graphs.rewrites.gram`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymv, ssymv
from scipy.special import expit

from graphs.peers.contract import Data, NotApplicable, Training

__all__ = ["build"]


class NumpyGramTraining(Training):
    """w = c·w₀ + Xᵀ·a; a step knows u = X·w and K = X·Xᵀ only. `how` has no choices.

    Not applicable to more samples than features, where nobody would do it.
    """

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        samples, features = data.x.shape
        if samples > features:
            raise NotApplicable(f"{samples} samples against {features} features")
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

    def parameters(self) -> tuple[NDArray[Any], float]:
        """Present w and b, w recovered."""
        return self.c * self.w_0 + self.a @ self.x, float(self.b)


build = NumpyGramTraining
