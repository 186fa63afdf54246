"""The symbolic graph: x, y and shared w, b → p_1, prediction, xent, cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from graphs.data import DTYPES, real_numbers, rounded
from graphs.errors import choose, finite_number

__all__ = ["FORMULAS", "LogisticGraph", "logistic_graph", "logits", "textbook"]


@dataclass(frozen=True)
class LogisticGraph:
    """The Variables of the model, under the original's names."""

    x: Any  # matrix (samples, features)
    y: Any  # vector (samples,): targets, 0 or 1, of the dtype of x; integers and bools may be passed for it
    w: Any  # shared vector (features,)
    b: Any  # shared scalar
    p_1: Any  # vector (samples,): probability that the target is 1
    prediction: Any  # bool vector (samples,): p_1 > 0.5
    xent: Any  # vector (samples,): binary cross-entropy, one per sample, in nats
    cost: Any  # scalar: mean of xent plus the penalty weight_decay · Σ w²


def textbook(x: Any, y: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """The original's formula.

    Evaluated as written, exp(−z) overflows for z below −709 and 1 − p_1 is 0 for z above 37.
    """
    p_1 = 1 / (1 + pt.exp(-pt.dot(x, w) - b))
    xent = -y * pt.log(p_1) - (1 - y) * pt.log(1 - p_1)
    return p_1, xent


def logits(x: Any, y: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """The same function of the logits z, finite for every z.

    log σ(z) = −softplus(−z) and log(1 − σ(z)) = −softplus(z).
    """
    z = pt.dot(x, w) + b
    return pt.sigmoid(z), y * pt.softplus(-z) + (1 - y) * pt.softplus(z)


_FORMULAS: dict[str, Callable[..., tuple[Any, Any]]] = {"textbook": textbook, "logits": logits}
FORMULAS = tuple(_FORMULAS)


def logistic_graph(
    initial_w: ArrayLike,
    initial_b: float = 0.0,
    *,
    formula: str = "textbook",
    weight_decay: float = 0.01,
    dtype: str = "float64",
) -> LogisticGraph:
    """Build the graph of logistic regression; nothing is compiled.

    Parameters
    ----------
    initial_w : array_like, shape (features,)
        Initial weights; copied.
    initial_b : float
        Initial bias.
    formula : {"textbook", "logits"}
        How p_1 and xent are written down. Both are the same function; the first overflows where
        it is computed as written.
    weight_decay : float
        λ of the penalty λ·Σw², at least 0. The gradient therefore holds 2·λ·w: PyTorch's
        ``weight_decay`` is twice this number. `b` is not decayed.
    dtype : {"float64", "float32"}

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    choose("formula", formula, FORMULAS)
    choose("dtype", dtype, DTYPES)
    rounded("weight_decay", finite_number("weight_decay", weight_decay, least=0), dtype)
    weights = real_numbers("initial_w", initial_w, ["features"], dtype=dtype)
    real_numbers("initial_b", initial_b, [], dtype=dtype)
    x = pt.matrix("x", dtype=dtype)
    y = pt.vector("y", dtype=dtype)
    w = pytensor.shared(weights, name="w")
    b = pytensor.shared(np.array(initial_b, dtype=dtype), name="b")
    p_1, xent = _FORMULAS[formula](x, y, w, b)
    prediction = p_1 > 0.5
    cost = xent.mean() + np.array(weight_decay, dtype=dtype) * (w**2).sum()
    for name, variable in (("p_1", p_1), ("prediction", prediction), ("xent", xent), ("cost", cost)):
        variable.name = name
    return LogisticGraph(x, y, w, b, p_1, prediction, xent, cost)
