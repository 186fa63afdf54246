"""Gradient checking against finite differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load
from graphs.examples.outcome import Finding, Outcome, Subject, Table, at_most
from graphs.examples.run import Run
from graphs.gradient_check import check_gradient
from graphs.latex import equation
from graphs.models.logistic import logistic_graph
from graphs.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["differences"]

STEPS = 10.0 ** np.arange(-13, 0.5, 0.5)


def differences(run: Run) -> Outcome:
    """A gradient is checked against differences of the cost: central ones are better, and too small a step is no good.

    The error of a one-sided difference falls with the step h, that of a central one with h². Below some step rounding takes
    over and grows with 1/h. `graphs check` extrapolates the step's error away, in extended precision where it can.
    """
    data = load("plane")
    y = data.y.astype(float)
    graph = logistic_graph(np.array([0.5, -1.0]), 0.25, formula="logits")
    objective = run.objective("the cost", graph.cost, [graph.w, graph.b], [graph.x, graph.y])
    at, along = objective.start, np.array([0.6, 0.8, 0.0])
    here, gradient = objective.cost(at, data.x, y)
    exact = float(gradient @ along)
    ahead, behind = (
        np.array([objective.cost(at + sign * h * along, data.x, y)[0] for h in STEPS]) for sign in (1, -1)
    )
    errors = {
        "one-sided": np.abs((ahead - here) / STEPS - exact) / abs(exact),
        "central": np.abs((ahead - behind) / (2 * STEPS) - exact) / abs(exact),
    }
    checked = check_gradient(graph.cost, [graph.w, graph.b], {"x": data.x, "y": y}, mode=run.mode)
    worst = max(each.relative_error for each in checked.parameters)
    one, two = (int(np.argmin(np.abs(STEPS - h))) for h in (1e-3, 1e-2))
    orders = {name: float(np.log10(error[two] / error[one])) for name, error in errors.items()}
    best = {name: float(STEPS[np.argmin(error)]) for name, error in errors.items()}
    findings = [
        _order("the error of one-sided differences falls with h", "10 for 10", orders["one-sided"], 1),
        _order("that of central ones with h²", "100 for 10", orders["central"], 2),
        Finding(
            "central ones come closer",
            f"below {errors['one-sided'].min():.1g}",
            f"{errors['central'].min():.1g}",
            bool(errors["central"].min() < errors["one-sided"].min()),
        ),
        Finding(
            "the best step is not the smallest",
            f"above {STEPS[0]:.0e}",
            f"about {best['central']:.0e}, one-sided {best['one-sided']:.0e}",
            min(best.values()) > STEPS[0],
        ),
        at_most("graphs.check_gradient: largest relative error", worst, 1e-7),
        Finding("and it calls the gradient", "right", "right" if checked.ok else "wrong", checked.ok),
    ]
    rows = [
        (f"{h:.0e}", errors["one-sided"][i], errors["central"][i]) for i, h in enumerate(STEPS) if i % 2 == 0
    ]
    return Outcome(
        findings,
        [equation(graph.xent), equation(graph.cost)],
        Subject([graph.x, graph.y], [graph.cost], values={"x": data.x, "y": y}),
        lambda: _draw(errors),
        [Table("Relative error of differences", ("h", "one-sided", "central"), rows)],
    )


def _order(claim: str, said: str, found: float, order: int) -> Finding:
    return Finding(claim, said, f"10^{found:.2f}", abs(found - order) < 0.2)


def _draw(errors: dict[str, Any]) -> Figure:
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    for name, error in errors.items():
        axes.loglog(STEPS, np.maximum(error, 1e-17), ".-", label=name)
    axes.set(xlabel="step h", ylabel="relative error", title="differences beside the symbolic gradient")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
