"""Maximum likelihood: the log-likelihood of targets under σ(X·w), and its gradient Xᵀ(y − p).

There is no closed form for the w at which it vanishes; it is solved for step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from graphs.data import real_numbers
from graphs.derivatives import gradients

__all__ = ["LikelihoodGraph", "likelihood_graph"]


@dataclass(frozen=True)
class LikelihoodGraph:
    """The Variables of the model."""

    x: Any  # matrix (samples, features); a column of ones is the bias, where one is wanted
    y: Any  # vector (samples,): targets, 0 or 1
    w: Any  # shared vector (features,)
    p: Any  # vector (samples,): σ(X·w), the probability that the target is 1
    log_likelihood: Any  # scalar: Σ y·log p + (1 − y)·log(1 − p), in nats
    gw: Any  # vector (features,): its gradient, by symbolic differentiation
    by_hand: Any  # vector (features,): Xᵀ(y − p)
    cost: Any  # scalar: −log-likelihood, which is minimised


def likelihood_graph(initial_w: ArrayLike) -> LikelihoodGraph:
    """Build the graph in float64; nothing is compiled.

    Parameters
    ----------
    initial_w : array_like, shape (features,)
        Weights to begin from; copied.

    Raises
    ------
    InputError
        If they are no vector of finite numbers.
    """
    x, y = pt.dmatrix("x"), pt.dvector("y")
    w = pytensor.shared(real_numbers("initial_w", initial_w, ["features"], dtype="float64"), name="w")
    p = pt.sigmoid(x @ w)
    log_likelihood = (y * pt.log(p) + (1 - y) * pt.log(1 - p)).sum()
    (gw,) = gradients(log_likelihood, [w])
    found = LikelihoodGraph(x, y, w, p, log_likelihood, gw, x.T @ (y - p), -log_likelihood)
    for name in ("p", "log_likelihood", "by_hand", "cost"):
        getattr(found, name).name = name
    return found
