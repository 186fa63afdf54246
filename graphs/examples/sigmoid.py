"""The logistic function, and the other sigmoids beside it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import solve_ivp, trapezoid

from graphs.derivatives import slope_along
from graphs.examples.outcome import (
    Finding,
    Outcome,
    Subject,
    Table,
    apart,
    at_most,
    close_to,
    relatively_apart,
)
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.sigmoid import SIGMOIDS, sigmoid_graph
from graphs.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["sigmoid"]


def sigmoid(run: Run) -> Outcome:
    """The logistic function: symmetric about (0, ½), its slope p·(1 − p) a bell, its log-odds the linear part.

    It solves dP/dt = P·(1 − P), which SciPy's solver of differential equations is asked for beside it. Other functions of
    the same shape come from it slowly or fast to their limits; all are brought to slope 1 at 0 and limits −1 and 1.
    """
    graph = sigmoid_graph()
    outputs = [graph.p, graph.slope, graph.rule, graph.mirrored, graph.odds, graph.log_odds]
    function = run.function("the logistic function", [graph.z], outputs)
    z = np.linspace(-12, 12, 4801)
    p, slope, rule, mirrored, odds, log_odds = function(z)
    others = {name: of(graph.z) for name, of in SIGMOIDS.items()}
    look = run.function(
        "the sigmoids",
        [graph.z],
        [*others.values(), *(slope_along(each, graph.z) for each in others.values())],
    )
    found = look(z)
    curves = dict(zip(others, found[: len(others)], strict=True))
    slopes = {name: float(each[len(z) // 2]) for name, each in zip(others, found[len(others) :], strict=True)}
    solved = solve_ivp(
        lambda t, population: population * (1 - population),
        (z[0], z[-1]),
        [p[0]],
        method="DOP853",
        t_eval=z,
        rtol=1e-12,
        atol=1e-14,
    )
    middle, three = len(z) // 2, int(z.searchsorted(3.0))
    left = {name: float(1 - curve[three]) for name, curve in curves.items()}  # to go to the limit
    findings = [
        close_to("σ(0) is one half", 0.5, float(p[middle]), 1e-15),
        at_most("symmetric about (0, ½): σ(z) and 1 − σ(−z) differ by", apart(p, mirrored), 1e-15),
        at_most("its slope is p·(1 − p): the two differ by", apart(slope, rule), 1e-15),
        at_most("it solves dP/dt = P·(1 − P): SciPy's solution differs by", apart(p, solved.y[0]), 1e-10),
        close_to("the slope is a bell: highest at 0, where it is", 0.25, float(slope.max()), 1e-15),
        close_to("and with the area 1 under it, within ±12", 1.0, float(trapezoid(slope, z)), 2e-5),
        at_most("odds are e^z: relative difference", relatively_apart(odds, np.exp(z)), 1e-10),
        at_most("log-odds are the linear part z: they differ by", apart(log_odds, z), 1e-10),
        at_most("2σ(2z) − 1 is tanh z: they differ by", apart(curves["2σ(2z) − 1"], curves["tanh z"]), 1e-15),
        Finding(
            "of the other sigmoids the error function is the first to come to its limit, z/(1 + |z|) the last",
            "1 − f(3) grows",
            ", ".join(f"{each:.2g}" for each in left.values()),
            all(one <= other + 1e-15 for one, other in pairwise(left.values())),
        ),
        at_most("each has slope 1 at 0, to", max(abs(each - 1) for each in slopes.values()), 1e-15),
    ]
    one = int(z.searchsorted(1.0))
    table = Table(
        "Sigmoids",
        ("f(z)", "slope at 0", "f(1)", "1 − f(3)"),
        [(name, slopes[name], float(curve[one]), left[name]) for name, curve in curves.items()],
    )
    formulas = [equation(graph.p), equation(graph.slope, rewritten=True), equation(graph.odds)]
    formulas += [equation(graph.log_odds)]
    return Outcome(
        findings,
        formulas,
        Subject([graph.z], outputs, values={"z": np.linspace(-40, 800, 50)}),
        lambda: _draw(z, p, slope, curves),
        [table],
    )


def _draw(z: np.ndarray, p: np.ndarray, slope: np.ndarray, curves: dict[str, np.ndarray]) -> Figure:
    figure = new_figure(figsize=(10, 4.2))
    left, right = figure.subplots(1, 2)
    left.plot(z, p, label=r"$\sigma(z)$")
    left.plot(z, slope, label=r"its slope $\sigma(z)\,(1-\sigma(z))$")
    left.plot(0, 0.5, "ko", ms=4, label="centre of symmetry (0, ½)")
    left.set(xlim=(-8, 8), xlabel="z", title="the logistic function")
    for name, curve in curves.items():
        right.plot(z, curve, label=name)
    right.set(xlim=(-4, 4), xlabel="z", title="sigmoids, each with slope 1 at 0")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    return figure
