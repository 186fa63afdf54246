"""Three small experiments from other texts, each in its own framework and as a PyTensor graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphs import frameworks
from graphs.frameworks import hours, plane, slopes

__all__ = ["exam", "noisy_plane", "tanh_and_four_rows"]

Rows = dict[str, dict[str, Any]]


def noisy_plane(mode: str = "default") -> Rows:
    """A noisy plane in NumPy by hand: the gradient Xᵀ(h − y)/m is written out, and it is the graph's too.

    100 points, 80 to learn from, 1000 steps of 0.01 from θ = 0.

    Returns
    -------
    dict
        Losses, accuracies and θ, bias first.
    """
    rows: Rows = {}
    for who, run in (("NumPy", plane.in_numpy), ("PyTensor", lambda: plane.in_pytensor(mode))):
        found = run()
        rows[who] = {
            "test loss": found.test_loss,
            "train loss": found.train_loss,
            "test right": found.test_accuracy,
            "train right": found.train_accuracy,
            **{f"θ{number}": float(value) for number, value in enumerate(found.theta)},
        }
    return rows


def exam(mode: str = "default") -> Rows:
    """Hours studied, exam passed, in PyTorch: with the loss averaged and with it summed.

    Three samples, 1000 epochs of SGD with 0.01. Summed, every step is three times as long: the
    learning rate means nothing without the reduction beside it.

    Returns
    -------
    dict
        Slope, bias, probability of passing after 4 hours, and loss.
    """
    rows: Rows = {}
    for reduction in hours.REDUCTIONS:
        ways: list[tuple[str, Callable[[str], hours.HoursResult]]] = [
            ("PyTensor", lambda reduction: hours.in_pytensor(reduction, mode))
        ]
        if not frameworks.missing("torch"):
            ways.insert(0, ("PyTorch", hours.in_pytorch))
        for who, run in ways:
            found = run(reduction)
            rows[f"{who}, {reduction}"] = {
                "w": found.w,
                "b": found.b,
                "P(pass | 4 h)": found.passes_after_4_hours,
                "loss": found.loss,
            }
    return rows


def tanh_and_four_rows(mode: str = "default") -> Rows:
    """Slopes of x/2 and of tanh in Autograd, and four rows of logistic regression, 100 steps of 0.01.

    With --out, the plot of tanh and its slope is drawn too.

    Returns
    -------
    dict
        Slopes at 3 and at 1, and the loss before and after.
    """
    ways: list[tuple[str, Callable[[], slopes.SlopesResult]]] = [
        ("PyTensor", lambda: slopes.in_pytensor(mode))
    ]
    if not frameworks.missing("autograd"):
        ways.insert(0, ("Autograd", slopes.in_autograd))
    rows: Rows = {}
    for who, run in ways:
        found = run()
        rows[who] = {
            "slope of x/2 at 3": found.slope_of_half,
            "slope of tanh at 1": found.slope_of_tanh,
            "initial loss": found.initial_loss,
            "trained loss": found.trained_loss,
        }
    return rows
