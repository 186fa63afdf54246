"""Slopes by Autograd and by PyTensor: of x/2, of tanh, and of four rows of logistic regression.

The data set of the last is ``load("four-rows")``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphs.data import load

__all__ = ["SlopesResult", "in_autograd", "in_pytensor"]

LEARNING_RATE = 0.01
STEPS = 100


@dataclass(frozen=True)
class SlopesResult:
    """Figures and the curves of the plot.

    Attributes
    ----------
    slope_of_half : float
        d(x/2)/dx at 3.
    slope_of_tanh : float
        d tanh(x)/dx at 1.
    x, tanh, tanh_slope : ndarray, shape (200,)
        Points of [−7, 7], tanh there and its slope.
    initial_loss, trained_loss : float
        −Σ log(probability of the label) over the four rows, before and after training, in nats.
    """

    slope_of_half: float
    slope_of_tanh: float
    x: NDArray[np.float64]
    tanh: NDArray[np.float64]
    tanh_slope: NDArray[np.float64]
    initial_loss: float
    trained_loss: float


def in_autograd() -> SlopesResult:
    """Plain functions of NumPy, and `grad` of them."""
    import autograd.numpy as anp
    from autograd import elementwise_grad, grad

    def tanh(x: float) -> float:
        y = anp.exp(-2.0 * x)
        return (1.0 - y) / (1.0 + y)  # type: ignore[no-any-return]  # untyped library

    data = load("four-rows")

    def loss(w: NDArray[np.float64]) -> float:
        p_1 = 0.5 * (anp.tanh(anp.dot(data.x, w) / 2) + 1)
        of_label = p_1 * data.y + (1 - p_1) * (1 - data.y)
        return -anp.sum(anp.log(of_label))  # type: ignore[no-any-return]  # untyped library

    w = data.initial_w.copy()
    initial_loss = float(loss(w))
    gradient = grad(loss)
    for _ in range(STEPS):
        w -= LEARNING_RATE * gradient(w)
    x = np.linspace(-7, 7, 200)
    return SlopesResult(
        slope_of_half=float(grad(lambda x: x / 2)(3.0)),
        slope_of_tanh=float(grad(tanh)(1.0)),
        x=x,
        tanh=np.asarray(tanh(x)),  # type: ignore[arg-type]  # it takes arrays too
        tanh_slope=np.asarray(elementwise_grad(tanh)(x)),
        initial_loss=initial_loss,
        trained_loss=float(loss(w)),
    )


def in_pytensor(mode: str = "default") -> SlopesResult:
    """The same slopes as graphs: symbols, `grad`, one function that gives curve and slope."""
    import pytensor
    import pytensor.tensor as pt

    from graphs.environment import own_warnings_only
    from graphs.functions import compile_functions, resolve_mode
    from graphs.models.logistic import logistic_graph
    from graphs.updates import gradient_descent

    at = pt.vector("x", dtype="float64")
    y = pt.exp(-2.0 * at)
    tanh = (1.0 - y) / (1.0 + y)
    slopes = [pytensor.grad(curve.sum(), at) for curve in (at / 2, tanh)]
    with own_warnings_only():
        curves = pytensor.function([at], [*slopes, tanh], mode=resolve_mode(mode))
    data = load("four-rows")
    graph = logistic_graph(data.initial_w, weight_decay=0.0)
    loss = graph.xent.sum()
    functions = compile_functions(graph, gradient_descent(loss, [graph.w], LEARNING_RATE), mode)
    targets = data.y.astype(float)
    initial_loss = float(functions.evaluate(data.x, targets)[1].sum())
    for _ in range(STEPS):
        functions.train(data.x, targets)
    x = np.linspace(-7, 7, 200)
    _, tanh_slope, values = curves(x)
    return SlopesResult(
        slope_of_half=float(curves(np.array([3.0]))[0][0]),
        slope_of_tanh=float(curves(np.array([1.0]))[1][0]),
        x=x,
        tanh=values,
        tanh_slope=tanh_slope,
        initial_loss=initial_loss,
        trained_loss=float(functions.evaluate(data.x, targets)[1].sum()),
    )
