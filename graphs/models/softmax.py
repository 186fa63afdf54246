"""Softmax (multinomial logistic) regression: x, y and shared w, b → p, prediction, xent, cost, for K classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike
from pytensor.tensor.special import log_softmax

from graphs.data import DTYPES, real_numbers, rounded
from graphs.errors import InputError, choose, finite_number

__all__ = ["SOFTMAX_FORMULAS", "SoftmaxGraph", "softmax_graph"]


@dataclass(frozen=True)
class SoftmaxGraph:
    """The Variables of the model."""

    x: Any  # matrix (samples, features)
    y: Any  # vector (samples,), int64: labels 0 … K−1
    w: Any  # shared matrix (features, K)
    b: Any  # shared vector (K,)
    p: Any  # matrix (samples, K): probabilities of the classes
    prediction: Any  # int64 vector (samples,): the class of the largest p
    xent: Any  # vector (samples,): cross-entropy −log p of the label, in nats
    cost: Any  # scalar: mean of xent plus the penalty weight_decay · Σ w²


def textbook(z: Any, of_label: Any) -> tuple[Any, Any]:
    """p = e^z/Σe^z and −log p of the label, as written: e^z overflows for z above 709."""
    powers = pt.exp(z)
    p = powers / powers.sum(axis=1, keepdims=True)
    return p, -pt.switch(of_label, pt.log(p), 0).sum(axis=1)


def logits(z: Any, of_label: Any) -> tuple[Any, Any]:
    """The same functions with the largest logit taken out, finite for every z, and so are their gradients."""
    log_p = log_softmax(z, axis=1)
    return pt.exp(log_p), -pt.switch(of_label, log_p, 0).sum(axis=1)


_FORMULAS: dict[str, Callable[..., tuple[Any, Any]]] = {"textbook": textbook, "logits": logits}
SOFTMAX_FORMULAS = tuple(_FORMULAS)


def softmax_graph(
    initial_w: ArrayLike,
    initial_b: ArrayLike,
    *,
    formula: str = "logits",
    weight_decay: float = 0.01,
    dtype: str = "float64",
) -> SoftmaxGraph:
    """Build the graph of softmax regression; nothing is compiled.

    With K = 2 it is logistic regression with the weights w₁ − w₀, and p[:, 1] is its p_1.

    Parameters
    ----------
    initial_w : array_like, shape (features, K)
        Initial weights; copied. K is at least 2.
    initial_b : array_like, shape (K,)
        Initial biases; copied.
    formula : {"logits", "textbook"}
        How p and xent are written down. Both are the same functions; the second overflows where it is computed as
        written, and its gradient also where PyTensor's rewrites mend the formula itself.
    weight_decay : float
        λ of the penalty λ·Σw², at least 0. The gradient therefore holds 2·λ·w. `b` is not decayed.
    dtype : {"float64", "float32"}

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    choose("formula", formula, SOFTMAX_FORMULAS)
    choose("dtype", dtype, DTYPES)
    decay = rounded("weight_decay", finite_number("weight_decay", weight_decay, least=0), dtype)
    weights = real_numbers("initial_w", initial_w, ["features", "K"], dtype=dtype)
    classes = weights.shape[1]
    if classes < 2:
        raise InputError("initial_w", found=f"weights of {classes} class", allowed="at least 2 classes")
    biases = real_numbers("initial_b", initial_b, [classes], dtype=dtype)
    x = pt.matrix("x", dtype=dtype)
    y = pt.vector("y", dtype="int64")
    w = pytensor.shared(weights, name="w")
    b = pytensor.shared(biases, name="b")
    z = x @ w + b
    of_label = pt.eq(y[:, None], pt.arange(z.shape[1]))  # not of the number K: w's next value keeps w's type
    p, xent = _FORMULAS[formula](z, of_label)
    prediction = p.argmax(axis=1)
    cost = xent.mean() + decay * (w**2).sum()
    for name, variable in (("p", p), ("prediction", prediction), ("xent", xent), ("cost", cost)):
        variable.name = name
    return SoftmaxGraph(x, y, w, b, p, prediction, xent, cost)
