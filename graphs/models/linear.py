"""A linear fit: x, y and shared w, b → prediction = X·w + b, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from graphs.data import real_numbers, rounded
from graphs.errors import finite_number

__all__ = ["LinearGraph", "linear_graph"]


@dataclass(frozen=True)
class LinearGraph:
    """The Variables of the model."""

    x: Any  # matrix (samples, features)
    y: Any  # vector (samples,): the numbers to be met
    w: Any  # shared vector (features,)
    b: Any  # shared scalar
    prediction: Any  # vector (samples,): X·w + b
    squares: Any  # vector (samples,): (prediction − y)²
    cost: Any  # scalar: mean of the squares plus the penalty weight_decay · Σ w²

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The shared Variables."""
        return self.w, self.b


def linear_graph(initial_w: ArrayLike, initial_b: float = 0.0, *, weight_decay: float = 0.0) -> LinearGraph:
    """Build the graph in float64; nothing is compiled.

    Parameters
    ----------
    initial_w : array_like, shape (features,)
        Initial weights; copied.
    initial_b : float
        Initial bias.
    weight_decay : float
        λ of the penalty λ·Σw², at least 0.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    decay = rounded("weight_decay", finite_number("weight_decay", weight_decay, least=0), "float64")
    weights = real_numbers("initial_w", initial_w, ["features"], dtype="float64")
    real_numbers("initial_b", initial_b, [], dtype="float64")
    x, y = pt.dmatrix("x"), pt.dvector("y")
    w = pytensor.shared(weights, name="w")
    b = pytensor.shared(np.array(initial_b, dtype="float64"), name="b")
    prediction = x @ w + b
    squares = (prediction - y) ** 2
    cost = squares.mean() + decay * (w**2).sum()
    for name, variable in (("prediction", prediction), ("squares", squares), ("cost", cost)):
        variable.name = name
    return LinearGraph(x, y, w, b, prediction, squares, cost)
