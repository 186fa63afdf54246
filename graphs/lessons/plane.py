"""A noisy plane, separated by logistic regression: in NumPy by hand, and as a PyTensor graph.

The data set is ``load("plane")``; the first 20 rows of a permutation are kept out for testing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from graphs.data import Dataset, load
from graphs.functions import compile_functions
from graphs.lessons import Rows
from graphs.models.logistic import logistic_graph
from graphs.updates import gradient_descent

__all__ = ["PlaneResult", "in_numpy", "in_pytensor", "noisy_plane"]

LEARNING_RATE = 0.01
STEPS = 1000


class PlaneResult(NamedTuple):
    """What was learned, and how well it does: mean log-loss in nats, and share right, on 80 and 20 samples."""

    test_loss: float
    train_loss: float
    test_accuracy: float
    train_accuracy: float
    theta: NDArray[np.float64]  # shape (3,): bias first, then the two weights


def noisy_plane(mode: str = "default") -> Rows:
    """A noisy plane in NumPy by hand: the gradient Xᵀ(h − y)/m is written out, and it is the graph's too.

    100 points, 80 to learn from, 1000 steps of 0.01 from θ = 0.

    Returns
    -------
    dict
        Losses, accuracies and θ, bias first.
    """
    columns = ("test loss", "train loss", "test right", "train right", "θ0", "θ1", "θ2")
    return {
        who: dict(zip(columns, (*result[:4], *result.theta.tolist()), strict=True))
        for who, result in (("NumPy", in_numpy()), ("PyTensor", in_pytensor(mode)))
    }


def split(data: Dataset) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows for training and for testing, as scikit-learn's ``train_test_split(random_state=42)`` has them."""
    order = np.random.RandomState(42).permutation(len(data.x))
    tested = len(data.x) // 5
    return order[tested:], order[:tested]


def in_numpy() -> PlaneResult:
    """θ ← θ − η·Xᵀ(h − y)/m, with a column of ones for the bias."""
    data = load("plane")
    train, _ = split(data)
    x = np.column_stack([np.ones(len(train)), data.x[train]])
    y = data.y[train]
    theta = np.zeros(3)
    for _ in range(STEPS):
        h = expit(x @ theta)
        theta -= LEARNING_RATE * (x.T @ (h - y)) / len(y)
    return _judge(data, theta)


def in_pytensor(mode: str = "default") -> PlaneResult:
    """The same steps from a graph: no bias column, no derivative by hand."""
    data = load("plane")
    train, _ = split(data)
    graph = logistic_graph(data.initial_w, data.initial_b, weight_decay=0.0)
    functions = compile_functions(
        graph, gradient_descent(graph.cost, [graph.w, graph.b], LEARNING_RATE), mode
    )
    x, y = data.x[train], data.y[train].astype(float)
    for _ in range(STEPS):
        functions.train(x, y)
    state = functions.read()
    return _judge(data, np.append(state["b"], state["w"]))


def _judge(data: Dataset, theta: NDArray[np.float64]) -> PlaneResult:
    def loss_and_accuracy(rows: NDArray[np.intp]) -> tuple[float, float]:
        z: Any = theta[0] + data.x[rows] @ theta[1:]
        y = data.y[rows]
        return float(np.mean(np.logaddexp(0, z) - y * z)), float(np.mean((z > 0) == y))

    train, test = split(data)
    train_loss, train_accuracy = loss_and_accuracy(train)
    test_loss, test_accuracy = loss_and_accuracy(test)
    return PlaneResult(test_loss, train_loss, test_accuracy, train_accuracy, theta)
