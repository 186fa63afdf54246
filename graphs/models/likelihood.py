"""Maximum likelihood: the log-likelihood of targets under σ(X·w + b), and its gradient Xᵀ(y − p).

There is no closed form for the w at which it vanishes; it is solved for step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from graphs.data import real_numbers
from graphs.derivatives import gradients

__all__ = ["LikelihoodGraph", "likelihood_graph"]


@dataclass(frozen=True)
class LikelihoodGraph:
    """The Variables of the model."""

    x: Any  # matrix (samples, features)
    y: Any  # vector (samples,): targets, 0 or 1
    w: Any  # shared vector (features,)
    b: Any  # shared scalar
    p: Any  # vector (samples,): σ(X·w + b), the probability that the target is 1
    log_likelihood: Any  # scalar: Σ y·log p + (1 − y)·log(1 − p), in nats
    gw: Any  # vector (features,): ∂log-likelihood/∂w, by symbolic differentiation
    by_hand: Any  # vector (features,): Xᵀ(y − p)
    cost: Any  # scalar: −log-likelihood, which is minimised


def likelihood_graph(initial_w: ArrayLike, initial_b: float = 0.0) -> LikelihoodGraph:
    """Build the graph in float64; nothing is compiled.

    Parameters
    ----------
    initial_w : array_like, shape (features,)
        Weights to begin from; copied.
    initial_b : float
        Bias to begin from.

    Raises
    ------
    InputError
        If an argument is not one of the above.

    Notes
    -----
    p is written as the original writes it, 1/(1 + exp(−X·w − b)). Of ``pt.sigmoid(z)``, and of 1/(1 + exp(−z)) with one
    Variable z, PyTensor 3.0 and 3.3 leave a factor (1 − p)/(1 − p) in the gradient, which is 0/0 for z above 37.
    """
    x, y = pt.dmatrix("x"), pt.dvector("y")
    w = pytensor.shared(real_numbers("initial_w", initial_w, ["features"], dtype="float64"), name="w")
    real_numbers("initial_b", initial_b, [], dtype="float64")
    b = pytensor.shared(np.array(initial_b, dtype="float64"), name="b")
    p = 1 / (1 + pt.exp(-pt.dot(x, w) - b))
    log_likelihood = (y * pt.log(p) + (1 - y) * pt.log(1 - p)).sum()
    (gw,) = gradients(log_likelihood, [w])
    found = LikelihoodGraph(x, y, w, b, p, log_likelihood, gw, x.T @ (y - p), -log_likelihood)
    for name in ("p", "log_likelihood", "by_hand", "cost"):
        getattr(found, name).name = name
    return found
