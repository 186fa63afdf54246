"""Gradient descent, a quasi-Newton method and Newton's, from one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load
from graphs.examples.outcome import Finding, Outcome, Subject, Table, apart, at_most
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.logistic import logistic_graph
from graphs.pictures import new_figure
from graphs.updates import gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["solvers"]

STEPS = 2000


def solvers(run: Run) -> Outcome:
    """The classic's cost by gradient descent, by L-BFGS and by Newton's method, all from the same symbolic graph.

    L-BFGS is handed the gradient; Newton's method the curvature too, which is the gradient of the gradient times a
    direction. The penalty makes the cost strongly convex, so there is one optimum, and all must come to it.
    """
    data = load("random")
    y = data.y.astype(float)
    graph = logistic_graph(data.initial_w, formula="logits")
    objective = run.objective("the cost", graph.cost, [graph.w, graph.b], [graph.x, graph.y])
    solved = {
        name: run.minimize(name, objective, (data.x, y), method=method, tolerance=1e-9)
        for name, method in (("L-BFGS", "lbfgs"), ("Newton", "newton"))
    }
    functions = run.functions("descent", graph, gradient_descent(graph.cost, [graph.w, graph.b]))
    descent = run.fit("descent", functions, data.x, y, steps=STEPS, every=10)
    lbfgs, newton = solved["L-BFGS"], solved["Newton"]
    rng = np.random.default_rng(0)
    direction = rng.standard_normal(len(lbfgs.point))
    bent = objective.curvature(lbfgs.point, direction, data.x, y)
    h = 1e-5
    ends = [objective.cost(lbfgs.point + s * h * direction, data.x, y)[1] for s in (1, -1)]
    bent_by_differences = (ends[0] - ends[1]) / (2 * h)
    findings = [
        at_most(
            "both solvers come to one point: largest difference",
            float(np.abs(lbfgs.point - newton.point).max()),
            1e-6,
        ),
        at_most("and to one cost: difference", abs(lbfgs.cost - newton.cost), 1e-12),
        at_most(
            "the symbolic curvature is that of differences of gradients: they differ by",
            apart(bent, bent_by_differences),
            1e-7,
        ),
        Finding(
            "Newton's method needs the fewest iterations",
            f"fewer than {lbfgs.iterations}",
            f"{newton.iterations}",
            newton.iterations < lbfgs.iterations,
        ),
        Finding(
            f"{STEPS:,} steps of descent are not there yet",
            "above the optimum",
            f"{descent.history.cost[-1] - lbfgs.cost:.2g} nats above it",
            bool(descent.history.cost[-1] > lbfgs.cost),
        ),
    ]
    rows = [
        (name, each.iterations, each.evaluations, each.cost, each.gradient_norm)
        for name, each in solved.items()
    ]
    rows.append(
        ("descent", STEPS, STEPS, float(descent.history.cost[-1]), float(descent.history.gw_norm[-1]))
    )
    return Outcome(
        findings,
        [equation(graph.xent), equation(graph.cost)],
        Subject([graph.x, graph.y], [graph.cost], values={"x": data.x, "y": y}),
        lambda: _draw(descent.history, lbfgs.cost),
        [Table("The optimum", ("by", "iterations", "evaluations", "cost", "‖gradient‖"), rows)],
    )


def _draw(history: Any, optimum: float) -> Figure:
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    axes.plot(history.steps[1:], history.cost[1:] - optimum)
    axes.set(xscale="log", yscale="log", xlabel="step of gradient descent", ylabel="cost − cost* (nats)")
    axes.set_title("how far gradient descent is from the optimum that both solvers find")
    axes.grid(alpha=0.3)
    return figure
