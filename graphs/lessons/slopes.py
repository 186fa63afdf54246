"""Slopes by Autograd and by PyTensor: of x/2, of tanh, and of four rows of logistic regression.

The data set of the last is ``load("four-rows")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from graphs.data import load
from graphs.environment import own_warnings_only
from graphs.functions import compile_functions, resolve_mode
from graphs.lessons import Rows
from graphs.models.logistic import logistic_graph
from graphs.peers import missing
from graphs.pictures import new_figure, png
from graphs.updates import gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SlopesResult", "draw", "in_autograd", "in_pytensor", "picture", "tanh_and_four_rows"]

LEARNING_RATE = 0.01
STEPS = 100


class SlopesResult(NamedTuple):
    """Figures and the curves of the plot."""

    slope_of_half: float  # d(x/2)/dx at 3
    slope_of_tanh: float  # d tanh(x)/dx at 1
    initial_loss: float  # −Σ log(probability of the label) over the four rows before training, in nats
    trained_loss: float  # and after it
    x: NDArray[np.float64]  # 200 points of [−7, 7]
    tanh: NDArray[np.float64]  # tanh there
    tanh_slope: NDArray[np.float64]  # and its slope


def tanh_and_four_rows(mode: str = "default") -> Rows:
    """Slopes of x/2 and of tanh in Autograd, and four rows of logistic regression, 100 steps of 0.01.

    With --out, the plot of tanh and its slope is drawn too.

    Returns
    -------
    dict
        Slopes at 3 and at 1, and the loss before and after.
    """
    columns = ("slope of x/2 at 3", "slope of tanh at 1", "initial loss", "trained loss")
    found = {} if missing("autograd") else {"Autograd": in_autograd()}
    found["PyTensor"] = in_pytensor(mode)
    return {who: dict(zip(columns, result[:4], strict=True)) for who, result in found.items()}


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


def draw(result: SlopesResult) -> Figure:
    """tanh and its slope on [−7, 7]."""
    figure = new_figure(figsize=(8, 4.5))
    axes = figure.subplots()
    axes.plot(result.x, result.tanh, label="tanh(x)")
    axes.plot(result.x, result.tanh_slope, label="its slope")
    axes.plot(1.0, result.slope_of_tanh, "o", color="C1", label=f"slope at 1: {result.slope_of_tanh:.6f}")
    axes.set(xlabel="x", title="tanh(x) = (1 − exp(−2x)) / (1 + exp(−2x)) and its slope")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def picture() -> bytes:
    """The plot as a PNG file, by Autograd where it is installed, else by PyTensor."""
    return png(draw(in_pytensor() if missing("autograd") else in_autograd()))
