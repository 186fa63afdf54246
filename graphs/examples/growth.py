"""Growth towards a capacity, fitted to measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from graphs.data import measurements, real_numbers
from graphs.errors import InputError
from graphs.examples.outcome import Outcome, Subject, Table, apart, at_most, close_to, relatively_apart
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.growth import GrowthGraph, growth_graph
from graphs.pictures import new_figure
from graphs.solving import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fit_growth", "growth"]

PEARL = 665.0  # the capacity that R. Pearl gave in "The growth of populations" (1927), to these data


def growth(run: Run) -> Outcome:
    """A population that grows towards a capacity follows a logistic function: yeast, measured by Carlson in 1913.

    Pearl (1927) gave it the capacity 665. Here capacity, rate and midpoint are fitted by least squares, with the
    Jacobian from the graph; and the fitted curve is compared with what SciPy makes of dP/dt = r·P·(1 − P/K).
    """
    data = measurements("yeast")
    graph, solution = fit_growth(data.x, data.y, run=run)
    k, r, t_0 = (float(solution.parameters[name]) for name in ("K", "r", "t_0"))
    look = run.function("the curve", [graph.x, *graph.parameters], [graph.curve, graph.slope, graph.rule])
    times = np.linspace(0, 18, 361)
    curve, slope, rule = look(times, k, r, t_0)
    solved = solve_ivp(
        lambda t, population: r * population * (1 - population / k),
        (0, 18),
        [curve[0]],
        method="DOP853",
        t_eval=times,
        rtol=1e-12,
        atol=1e-10,
    )
    by_curve, _, _ = look(data.x, k, r, t_0)
    steepest = float(times[np.argmax(slope)])
    findings = [
        close_to("the capacity that Pearl gave", PEARL, k, 5.0),
        close_to("growth is fastest at the midpoint t₀", t_0, steepest, 0.05),
        close_to(
            "and there the population is half the capacity", k / 2, float(np.interp(t_0, times, curve)), 0.1
        ),
        at_most("the slope is r·P·(1 − P/K): relative difference", relatively_apart(slope, rule), 1e-12),
        at_most(
            "it solves that equation: SciPy's solution differs relatively by",
            relatively_apart(curve, solved.y[0]),
            1e-9,
        ),
        at_most("what is left: largest residual, of 661.8", apart(by_curve, data.y), 8.0),
        at_most("the search has ended where the gradient is", solution.gradient_norm, 1e-4),
    ]
    table = Table("Fitted", ("parameter", "value"), [("K", k), ("r", r), ("t_0", t_0)])
    return Outcome(
        findings,
        [
            equation(graph.curve),
            equation(graph.slope, rewritten=True),
            equation(graph.rule),
            equation(graph.jacobian, rewritten=True),
        ],
        Subject([graph.x, graph.y], [graph.residuals, graph.jacobian], values={"x": data.x, "y": data.y}),
        lambda: _draw(data.x, data.y, times, curve, slope, k, t_0),
        [table],
    )


def fit_growth(x: ArrayLike, y: ArrayLike, *, run: Run | None = None) -> tuple[GrowthGraph, Solution]:
    """Fit logistic growth to populations `y` at times `x`, by least squares.

    Parameters
    ----------
    x, y : array_like, shape (samples,)
        At least 3 points; populations above 0.
    run : Run, optional
        How to compile, and whether to keep it.

    Raises
    ------
    InputError
        If an argument is not one of the above, or all times are the same.
    """
    times = real_numbers("x", x, ["samples"], dtype="float64")
    populations = real_numbers("y", y, [len(times)], dtype="float64")
    if not (populations > 0).all():
        place = int(np.argmin(populations > 0))
        raise InputError(
            "y", found=f"{populations[place]:g} in sample {place}", allowed="populations above 0"
        )
    if np.ptp(times) == 0:
        raise InputError("x", found=f"{len(times)} times, all {times[0]:g}", allowed="different times")
    run = run or Run("growth")
    capacity = 1.1 * float(populations.max())
    half = float(times[np.argmin(np.abs(populations - capacity / 2))])
    graph = growth_graph(capacity, 4 / float(np.ptp(times)), half)
    problem = run.residuals("residuals", graph)
    least = (0.0, 0.0, float("-inf"))
    return graph, run.least_squares("least squares", problem, (times, populations), least=least)


def _draw(x: Any, y: Any, times: Any, curve: Any, slope: Any, k: float, t_0: float) -> Figure:
    figure = new_figure(figsize=(8, 5))
    axes = figure.subplots()
    axes.plot(x, y, "ko", ms=4, label="measured")
    axes.plot(times, curve, label="fitted")
    axes.axhline(k, color="C0", ls=":", lw=1, label=f"capacity {k:.1f}")
    beside = axes.twinx()
    beside.plot(times, slope, color="C1")
    beside.set_ylabel("growth per hour", color="C1")
    beside.set_ylim(0, None)
    axes.axvline(t_0, color="black", ls=":", lw=0.8)
    axes.set(xlabel="hours", ylabel="amount of yeast", title="yeast in a culture (Carlson, 1913)")
    axes.legend(loc="center right")
    axes.grid(alpha=0.3)
    return figure
