"""The four-parameter logistic curve, fitted by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import curve_fit

from graphs.data import measurements, real_numbers
from graphs.errors import InputError
from graphs.examples.outcome import Outcome, Subject, Table, apart, at_most, close_to, relatively_apart
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.curve import CurveGraph, curve_graph
from graphs.pictures import new_figure
from graphs.solving import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curve", "fit_curve"]

TRUE = (0.5, 2.5, 8.0, 7.3)  # the parameters with which the measurements were made


def curve(run: Run) -> Outcome:
    """(A − D)/(1 + (x/C)^B) + D through noisy points, from A, B, C, D = 0, 1, 1, 1, by least squares.

    Residuals and Jacobian come from the graph, SciPy solves. SciPy's own `curve_fit`, which takes differences in the place
    of the Jacobian, is asked for beside it.
    """
    data = measurements("response")
    graph, solution = fit_curve(data.x, data.y, run=run)
    found = [float(solution.parameters[name]) for name in "ABCD"]
    by_scipy, _ = curve_fit(_formula, data.x, data.y, p0=found)
    look = run.function(
        "the curve", [graph.x, graph.y, *graph.parameters], [graph.curve, graph.residuals, graph.jacobian]
    )
    _, residuals, matrix = look(data.x, data.y, *found)
    h = 1e-6
    columns = []
    for place in range(4):
        ends = []
        for sign in (1, -1):
            moved = list(found)
            moved[place] += sign * h
            ends.append(look(data.x, data.y, *moved)[1])
        columns.append((ends[0] - ends[1]) / (2 * h))
    spread = float(np.sqrt(residuals @ residuals / (len(residuals) - 4)))
    deviations = spread * np.sqrt(np.diag(np.linalg.inv(matrix.T @ matrix)))
    findings = [
        close_to(f"{name}, with which the points were made", true, value, 3 * float(deviation))
        for name, true, value, deviation in zip("ABCD", TRUE, found, deviations, strict=True)
    ]
    findings += [
        close_to("the noise that was added", 0.2, spread, 0.1),
        at_most(
            "SciPy's curve_fit comes to the same: relative difference",
            relatively_apart(by_scipy, found),
            1e-5,
        ),
        at_most(
            "the symbolic Jacobian is that of differences: they differ by",
            apart(np.stack(columns, axis=1), matrix),
            1e-7,
        ),
        at_most("at the end the gradient is", solution.gradient_norm, 1e-8),
    ]
    table = Table(
        "Fitted",
        ("parameter", "made with", "found", "standard deviation"),
        [(name, *row) for name, row in zip("ABCD", zip(TRUE, found, deviations, strict=True), strict=True)],
    )
    return Outcome(
        findings,
        [equation(graph.curve), equation(graph.residuals), equation(graph.jacobian, rewritten=True)],
        Subject([graph.x, graph.y], [graph.residuals, graph.jacobian], values={"x": data.x, "y": data.y}),
        lambda: _draw(data.x, data.y, found),
        [table],
    )


def fit_curve(
    x: ArrayLike, y: ArrayLike, initial: Sequence[float] = (0.0, 1.0, 1.0, 1.0), *, run: Run | None = None
) -> tuple[CurveGraph, Solution]:
    """Fit the four-parameter logistic curve to responses `y` at doses `x`, by least squares.

    Parameters
    ----------
    x, y : array_like, shape (samples,)
        At least 4 points; doses above 0, for (x/C)^B has no value below.
    initial : sequence of 4 floats
        A, B, C and D to begin from; C above 0, and it stays there.
    run : Run, optional
        How to compile, and whether to keep it.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    doses = real_numbers("x", x, ["samples"], dtype="float64")
    responses = real_numbers("y", y, [len(doses)], dtype="float64")
    if not (doses > 0).all():
        place = int(np.argmin(doses > 0))
        found = f"{doses[place]:g} in sample {place}"
        raise InputError("x", found=found, allowed="doses above 0", remedy="leave it out, or shift the doses")
    run = run or Run("curve")
    graph = curve_graph(initial)
    problem = run.residuals("residuals", graph)
    none = float("-inf")
    return graph, run.least_squares(
        "least squares", problem, (doses, responses), least=(none, none, 0.0, none)
    )


def _formula(x: Any, a: float, b: float, c: float, d: float) -> Any:
    """The curve in NumPy, by hand."""
    return (a - d) / (1 + (x / c) ** b) + d


def _draw(x: Any, y: Any, found: Sequence[float]) -> Figure:
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    at = np.linspace(x.min(), x.max(), 300)
    axes.plot(x, y, "ko", ms=4, label="measured")
    axes.plot(
        at,
        _formula(at, *found),
        label="fitted: " + ", ".join(f"{n} = {v:.2f}" for n, v in zip("ABCD", found, strict=True)),
    )
    axes.plot(at, _formula(at, *TRUE), ":", label="what they were made with")
    axes.set(xlabel="dose x", ylabel="response y", title=r"$(A - D)\,/\,(1 + (x/C)^B) + D$")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure
