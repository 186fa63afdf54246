"""Maximum likelihood without a closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load
from graphs.examples.outcome import Finding, Outcome, Subject, Table, apart, at_most
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.likelihood import likelihood_graph
from graphs.models.logistic import logistic_graph
from graphs.pictures import new_figure
from graphs.updates import gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["likelihood"]

STEPS, RATE = 20_000, 5.0


def likelihood(run: Run) -> Outcome:
    """The gradient of the log-likelihood is Xᵀ(y − p); nothing solves it in closed form, so it is climbed.

    By gradient ascent, which is descent on the mean cross-entropy, and by a quasi-Newton method that learns the curvature
    on its way. Both come to the same place, one in tens of evaluations and the other in thousands.
    """
    data = load("plane")
    y = data.y.astype(float)
    graph = likelihood_graph(np.zeros(2))
    look = run.function(
        "the gradient", [graph.x, graph.y, graph.w, graph.b], [graph.log_likelihood, graph.gw, graph.by_hand]
    )
    stream = np.random.RandomState(0)
    furthest = max(apart(*look(data.x, y, stream.randn(2), stream.randn())[1:]) for _ in range(20))
    objective = run.objective("the log-likelihood", graph.cost, [graph.w, graph.b], [graph.x, graph.y])
    solved = run.minimize("quasi-Newton", objective, (data.x, y), tolerance=1e-9)
    steps = logistic_graph(np.zeros(2), weight_decay=0.0)
    functions = run.functions("ascent", steps, gradient_descent(steps.cost, [steps.w, steps.b], RATE))
    climbed = run.fit("ascent", functions, data.x, y, steps=STEPS, every=100)
    by_ascent = -float(climbed.history.cost[-1]) * len(y)
    at_top = look(data.x, y, solved.parameters["w"], solved.parameters["b"])
    findings = [
        at_most("the symbolic gradient is Xᵀ(y − p): they differ, at 20 points, by", furthest, 1e-12),
        at_most("at the maximum it vanishes: largest entry", float(np.abs(at_top[2]).max()), 1e-8),
        Finding(
            "gradient ascent comes near the same log-likelihood",
            f"{-solved.cost:.6g}",
            f"{by_ascent:.6g} after {STEPS:,} steps",
            bool(0 <= -solved.cost - by_ascent < 0.1),
        ),
        Finding(
            "and the quasi-Newton method is there sooner",
            f"fewer than {STEPS:,} evaluations",
            f"{solved.evaluations} evaluations",
            solved.evaluations < STEPS,
        ),
    ]
    rows = [
        (
            "quasi-Newton",
            solved.evaluations,
            -solved.cost,
            *solved.parameters["w"],
            float(solved.parameters["b"]),
        ),
        ("gradient ascent", STEPS, by_ascent, *climbed.state["w"], float(climbed.state["b"])),
    ]
    return Outcome(
        findings,
        [equation(graph.p), equation(graph.log_likelihood), equation(graph.by_hand)],
        Subject([graph.x, graph.y], [graph.log_likelihood, graph.gw], values={"x": data.x, "y": y}),
        lambda: _draw(climbed.history, len(y), -solved.cost, data, solved.parameters),
        [Table("The maximum", ("by", "evaluations", "log-likelihood", "w₁", "w₂", "b"), rows)],
    )


def _draw(history: Any, samples: int, top: float, data: Any, at: Any) -> Figure:
    figure = new_figure(figsize=(10, 4.2))
    left, right = figure.subplots(1, 2)
    left.plot(history.steps[1:], top + samples * history.cost[1:])
    left.set(
        xscale="log", yscale="log", xlabel="step", ylabel="nats below the maximum", title="gradient ascent"
    )
    for label, marker in ((0, "o"), (1, "x")):
        chosen = data.x[data.y == label]
        right.plot(chosen[:, 0], chosen[:, 1], marker, ms=4, label=f"target {label}")
    across = np.array([-3.0, 3.0])
    right.plot(
        across, -(at["b"] + at["w"][0] * across) / at["w"][1], "k-", lw=1, label="p = ½ at the maximum"
    )
    right.set(ylim=(-3, 3), title="the plane")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    right.legend(fontsize="small")
    return figure
